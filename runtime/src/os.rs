//! The one module of operating-system calls.
//!
//! Clocks, the calendar, files by name, temporary files, processes, the
//! environment and pages of memory. Most of it goes through Rust's standard library
//! and works wherever that does; the calendar, the processor clock and memory need
//! C. Without Unix the first two are absent (functions return `None`, which callers
//! turn into a plain Lua error), and memory comes from the program's allocator.
//! Names and commands are bytes, as Lua strings are; as in C, a zero byte ends them.

pub mod memory;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Has the system run other threads before the calling one, where it can do that
/// for one thread (on Linux); nothing happens elsewhere, or if it refuses.
pub fn make_way() {
    #[cfg(target_os = "linux")]
    // SAFETY: they have no preconditions. On Linux 0 is the calling thread alone.
    unsafe {
        // The host may have said so of the whole process.
        if libc::getpriority(libc::PRIO_PROCESS, 0) < 10 {
            libc::setpriority(libc::PRIO_PROCESS, 0, 10);
        }
    }
}

/// A date and time of day, counted as C does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Years since 1900.
    pub year: i32,
    /// Months since January.
    pub month: i32,
    /// Day of the month, from 1.
    pub day: i32,
    /// Hours since midnight.
    pub hour: i32,
    /// Minutes after the hour.
    pub min: i32,
    /// Seconds after the minute.
    pub sec: i32,
    /// Days since Sunday.
    pub wday: i32,
    /// Days since January 1.
    pub yday: i32,
    /// Daylight saving time: positive if in effect, 0 if not, negative if unknown.
    pub isdst: i32,
}

pub use calendar::{Moment, cpu_seconds, local_time, make_time, utc_time};

#[cfg(unix)]
mod calendar {
    use super::Calendar;
    use std::ffi::{CString, c_int};
    use std::mem::MaybeUninit;

    /// A point in time, broken down for a time zone, which it remembers.
    pub struct Moment(libc::tm);

    impl Moment {
        /// Its date and time of day.
        pub fn calendar(&self) -> Calendar {
            from_c(&self.0)
        }

        /// Appends what the conversion specifier `%spec` stands for.
        pub fn format(&self, spec: &[u8], out: &mut Vec<u8>) {
            /// Longer results are dropped, as PUC Lua does.
            const MOST: usize = 250;
            let Ok(format) = CString::new([b"%", spec].concat()) else {
                return;
            };
            let start = out.len();
            out.resize(start + MOST, 0);
            // SAFETY: `out` has `MOST` bytes from `start` on, `format` ends in a zero,
            // and the zone name in the structure is the C library's, from the call that
            // made it.
            let length = unsafe {
                libc::strftime(
                    out[start..].as_mut_ptr().cast(),
                    MOST,
                    format.as_ptr(),
                    &self.0,
                )
            };
            out.truncate(start + length.min(MOST));
        }
    }

    fn from_c(tm: &libc::tm) -> Calendar {
        Calendar {
            year: tm.tm_year,
            month: tm.tm_mon,
            day: tm.tm_mday,
            hour: tm.tm_hour,
            min: tm.tm_min,
            sec: tm.tm_sec,
            wday: tm.tm_wday,
            yday: tm.tm_yday,
            isdst: tm.tm_isdst,
        }
    }

    type BreakDown = unsafe extern "C" fn(*const libc::time_t, *mut libc::tm) -> *mut libc::tm;

    fn break_down(time: i64, how: BreakDown) -> Option<Moment> {
        let time = libc::time_t::try_from(time).ok()?;
        let mut tm = MaybeUninit::<libc::tm>::zeroed();
        // SAFETY: both pointers are valid for the call.
        let done = unsafe { how(&time, tm.as_mut_ptr()) };
        if done.is_null() {
            return None;
        }
        // SAFETY: all-zero bytes are a valid structure, and the call filled it in.
        Some(Moment(unsafe { tm.assume_init() }))
    }

    /// A time (seconds since 1970) in the local time zone, if it has a date.
    pub fn local_time(time: i64) -> Option<Moment> {
        break_down(time, libc::localtime_r)
    }

    /// A time (seconds since 1970) in UTC, if it has a date.
    pub fn utc_time(time: i64) -> Option<Moment> {
        break_down(time, libc::gmtime_r)
    }

    /// The time of a local date, which is normalised in place. The second before
    /// 1970 counts as having none, as C's function says so for errors.
    pub fn make_time(date: &mut Calendar) -> Option<i64> {
        // SAFETY: all-zero bytes are a valid structure: numbers and null pointers.
        let mut tm: libc::tm = unsafe { MaybeUninit::zeroed().assume_init() };
        tm.tm_year = date.year;
        tm.tm_mon = date.month;
        tm.tm_mday = date.day;
        tm.tm_hour = date.hour;
        tm.tm_min = date.min;
        tm.tm_sec = date.sec;
        tm.tm_isdst = date.isdst as c_int;
        // SAFETY: the structure is valid and ours.
        let time = unsafe { libc::mktime(&mut tm) };
        *date = from_c(&tm);
        (time != -1).then_some(time as i64)
    }

    /// Processor time used by the process, in seconds.
    pub fn cpu_seconds() -> Option<f64> {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the structure is valid and ours.
        let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
        (status == 0).then_some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
    }
}

#[cfg(not(unix))]
mod calendar {
    use super::Calendar;

    /// A point in time, broken down; nothing here makes one.
    pub enum Moment {}

    impl Moment {
        /// Its date and time of day.
        pub fn calendar(&self) -> Calendar {
            match *self {}
        }

        /// Appends what the conversion specifier `%spec` stands for.
        pub fn format(&self, _spec: &[u8], _out: &mut Vec<u8>) {
            match *self {}
        }
    }

    /// There is no calendar on this system.
    pub fn local_time(_time: i64) -> Option<Moment> {
        None
    }

    /// There is no calendar on this system.
    pub fn utc_time(_time: i64) -> Option<Moment> {
        None
    }

    /// There is no calendar on this system.
    pub fn make_time(_date: &mut Calendar) -> Option<i64> {
        None
    }

    /// There is no processor clock on this system.
    pub fn cpu_seconds() -> Option<f64> {
        None
    }
}

/// Seconds since the start of 1970, if there is a clock.
pub fn now() -> Option<i64> {
    if cfg!(all(target_family = "wasm", target_os = "unknown")) {
        return None;
    }
    let now = std::time::SystemTime::now();
    match now.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs())
            .ok()
            .map(|seconds| -seconds),
    }
}

/// Random bits to seed hashes and generators with; not for cryptography.
pub fn random_seed() -> u64 {
    // The standard library seeds its hashers from the operating system.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_i64(now().unwrap_or(0));
    hasher.finish()
}

/// A name as the operating system takes it; it ends at the first zero byte.
pub fn os_string(name: &[u8]) -> io::Result<OsString> {
    let end = memchr::memchr(0, name).unwrap_or(name.len());
    let name = &name[..end];
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Ok(OsStr::from_bytes(name).to_owned())
    }
    #[cfg(not(unix))]
    {
        let text = std::str::from_utf8(name);
        text.map(OsString::from)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

/// A name of the operating system's as bytes.
pub fn bytes(name: &OsStr) -> Vec<u8> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        name.as_bytes().to_vec()
    }
    #[cfg(not(unix))]
    {
        name.to_string_lossy().into_owned().into_bytes()
    }
}

/// No system has names as long as this, of files or in the environment.
#[cfg(unix)]
const LONGEST_NAME: usize = 1 << 20;

/// The path with this name.
pub fn path(name: &[u8]) -> io::Result<PathBuf> {
    #[cfg(unix)]
    if name.len() >= LONGEST_NAME {
        // What the system would say, after it was copied twice.
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    os_string(name).map(PathBuf::from)
}

/// An error's message without anything around it, and its code, as C's `strerror`
/// and `errno` have them. Errors that aren't the operating system's have code 0.
pub fn error_text(error: &io::Error) -> (Vec<u8>, i32) {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => {
            let suffix = format!(" (os error {code})");
            (
                text.strip_suffix(&suffix)
                    .unwrap_or(&text)
                    .as_bytes()
                    .to_vec(),
                code,
            )
        }
        None => (text.into_bytes(), 0),
    }
}

/// The value of an environment variable.
pub fn getenv(name: &[u8]) -> Option<Vec<u8>> {
    #[cfg(unix)]
    if name.len() >= LONGEST_NAME {
        return None;
    }
    std::env::var_os(os_string(name).ok()?).map(|value| bytes(&value))
}

/// Removes a file or an empty directory.
pub fn remove(name: &[u8]) -> io::Result<()> {
    let path = path(name)?;
    if fs::symlink_metadata(&path)?.is_dir() {
        fs::remove_dir(path)
    } else {
        fs::remove_file(path)
    }
}

/// Renames a file.
pub fn rename(from: &[u8], to: &[u8]) -> io::Result<()> {
    fs::rename(path(from)?, path(to)?)
}

/// Creates an empty file with a new name and returns the name.
pub fn temp_name() -> io::Result<Vec<u8>> {
    new_temp_file().map(|(path, _)| bytes(path.as_os_str()))
}

/// A new file, open for reading and writing, that is gone once it is closed.
pub fn temp_file() -> io::Result<File> {
    let (path, file) = new_temp_file()?;
    // Where an open file can't be removed, it stays until somebody cleans up.
    let removed = fs::remove_file(&path);
    if cfg!(unix) {
        removed?;
    }
    Ok(file)
}

fn new_temp_file() -> io::Result<(PathBuf, File)> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const TRIES: usize = 100;
    let folder = if cfg!(unix) {
        PathBuf::from("/tmp")
    } else {
        std::env::temp_dir()
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..TRIES {
        let mut bits = random_seed();
        let mut name = String::from("lua_");
        for _ in 0..6 {
            name.push(char::from(LETTERS[(bits % 62) as usize]));
            bits /= 62;
        }
        let path = folder.join(name);
        match options.open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<std::process::ExitStatus> for Exit {
    fn from(status: std::process::ExitStatus) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            if let Some(signal) = status.signal() {
                return Exit::Signal(signal);
            }
        }
        Exit::Code(status.code().unwrap_or(-1))
    }
}

/// The command that has the system's shell run `command`.
fn shell(command: &[u8]) -> io::Result<Command> {
    let (program, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("/bin/sh", "-c")
    };
    let mut shell = Command::new(program);
    shell.arg(flag).arg(os_string(command)?);
    Ok(shell)
}

/// Whether there is a shell.
pub fn has_shell() -> bool {
    if cfg!(windows) {
        true
    } else {
        Path::new("/bin/sh").exists()
    }
}

/// Runs a command in the shell and waits for it. What the program has written so
/// far should be flushed before.
pub fn execute(command: &[u8]) -> io::Result<Exit> {
    shell(command)?.status().map(Exit::from)
}

/// Starts a command in the shell; its output can be read from the child, or, with
/// `to_write`, its input written to.
pub fn open_process(command: &[u8], to_write: bool) -> io::Result<Child> {
    let mut shell = shell(command)?;
    if to_write {
        shell.stdin(Stdio::piped());
    } else {
        shell.stdout(Stdio::piped());
    }
    shell.spawn()
}

/// Waits for a process and says how it ended. Its pipes are closed.
pub fn close_process(mut child: Child) -> io::Result<Exit> {
    drop(child.stdin.take());
    drop(child.stdout.take());
    child.wait().map(Exit::from)
}

/// Frees something large on a thread of its own, or here if there can't be
/// one: giving a gigabyte back takes tens of milliseconds, which would come
/// on top of a deadline or in the middle of a collector's slice.
pub fn free_elsewhere(garbage: Box<dyn std::any::Any + Send>) {
    // Without a thread the closure, and `garbage` with it, is dropped.
    let _ = std::thread::Builder::new()
        .name("strata-free".into())
        .spawn(move || drop(garbage));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        assert!(now().unwrap() > 1_500_000_000);
        #[cfg(unix)]
        assert!(cpu_seconds().unwrap() >= 0.0);
        assert_ne!(random_seed(), random_seed());
    }

    #[cfg(unix)]
    #[test]
    fn error_texts_are_bare() {
        let error = File::open("/nonexistent/file").unwrap_err();
        let (text, code) = error_text(&error);
        assert_eq!(
            (text.as_slice(), code),
            (b"No such file or directory".as_slice(), 2)
        );
        let (text, code) = error_text(&io::Error::other("odd"));
        assert_eq!((text.as_slice(), code), (b"odd".as_slice(), 0));
    }

    #[test]
    fn temporary_files() {
        let name = temp_name().unwrap();
        let other = [name.as_slice(), b".moved"].concat();
        rename(&name, &other).unwrap();
        assert!(remove(&name).is_err());
        remove(&[other.as_slice(), b"\0ignored"].concat()).unwrap();
        assert!(remove(&other).is_err());
        assert_eq!(temp_file().unwrap().metadata().unwrap().len(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn directories() {
        let name = temp_name().unwrap();
        remove(&name).unwrap();
        fs::create_dir(path(&name).unwrap()).unwrap();
        fs::write(path(&name).unwrap().join("x"), "x").unwrap();
        assert!(remove(&name).is_err());
        fs::remove_file(path(&name).unwrap().join("x")).unwrap();
        remove(&name).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn processes() {
        assert!(has_shell());
        assert_eq!(execute(b"exit 3").unwrap(), Exit::Code(3));
        assert_eq!(execute(b"kill -9 $$").unwrap(), Exit::Signal(9));
        let mut child = open_process(b"echo hello", false).unwrap();
        let mut text = String::new();
        io::Read::read_to_string(child.stdout.as_mut().unwrap(), &mut text).unwrap();
        assert_eq!(text, "hello\n");
        assert_eq!(close_process(child).unwrap(), Exit::Code(0));
        let child = open_process(b"read x; exit $x", true).unwrap();
        io::Write::write_all(&mut child.stdin.as_ref().unwrap(), b"7\n").unwrap();
        assert_eq!(close_process(child).unwrap(), Exit::Code(7));
    }

    #[test]
    fn environment() {
        assert!(getenv(b"PATH").is_some());
        assert_eq!(getenv(b"STRATA_SURELY_NOT_SET"), None);
        assert_eq!(getenv(b""), None);
        assert_eq!(getenv(b"A=B"), None);
    }
}
