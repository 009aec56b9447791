//! Buffered streams: what a file of the `io` library is underneath.
//!
//! A stream has a read buffer and a write buffer, of which at most one holds
//! something, as in C's library: writing first gives back what was read
//! ahead, reading first writes out what was held back.
//!
//! ```text
//!   backend ──▶ [ .. taken .. | ahead .. ]  ──▶ fill / take     (reading)
//!   backend ◀── [ held .................. ] ◀── write           (writing)
//! ```
//!
//! Standard streams open their descriptor on first use. A stream that is
//! dropped writes out what it holds and closes what it owns; a process is
//! waited for.

use crate::os::{self, Exit};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::Child;

/// Bytes of a buffer unless `setvbuf` says otherwise.
pub const BUFFER: usize = 1 << 14;
/// Largest buffer that `setvbuf` makes.
const MAX_BUFFER: usize = 1 << 20;
/// The system's code for an operation that the stream wasn't opened for.
const EBADF: i32 = 9;
/// The system's code for a stream that has no position.
const ESPIPE: i32 = 29;
/// The system's code for an argument that makes no sense.
pub(super) const EINVAL: i32 = 22;

/// When written bytes are passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Buffering {
    /// At once.
    None,
    /// When the buffer is full.
    Full,
    /// At the end of each line.
    Line,
}

/// What a stream reads from or writes to.
enum Backend {
    Closed,
    /// A standard stream that wasn't used yet, by number.
    Standard(u8),
    File(File),
    /// A process: its standard output is read, or its input written.
    Process(Child),
    Reader(Box<dyn Read + Send>),
    Writer(Box<dyn Write + Send>),
}

/// A buffered stream.
pub struct Stream {
    backend: Backend,
    readable: bool,
    writable: bool,
    /// Bytes read ahead, from `taken` on.
    ahead: Vec<u8>,
    taken: usize,
    held: Vec<u8>,
    /// `None`: not decided yet (a standard stream that may be a terminal).
    buffering: Option<Buffering>,
    size: usize,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Stream({} read ahead, {} held back)",
            self.ahead.len() - self.taken,
            self.held.len()
        )
    }
}

/// How a stream is opened, from a mode string such as `r+b`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode {
    letter: u8,
    plus: bool,
}

impl Mode {
    /// Reads a mode: one of `rwa`, perhaps `+`, any number of `b`.
    pub fn parse(text: &[u8]) -> Option<Mode> {
        let (&letter, rest) = text.split_first()?;
        let plus = rest.first() == Some(&b'+');
        let rest = if plus { &rest[1..] } else { rest };
        (b"rwa".contains(&letter) && rest.iter().all(|b| *b == b'b'))
            .then_some(Mode { letter, plus })
    }
}

impl Stream {
    fn new(backend: Backend, readable: bool, writable: bool) -> Stream {
        Stream {
            backend,
            readable,
            writable,
            ahead: Vec::new(),
            taken: 0,
            held: Vec::new(),
            buffering: Some(Buffering::Full),
            size: BUFFER,
        }
    }

    /// A stream that is closed.
    pub fn closed() -> Stream {
        Stream::new(Backend::Closed, false, false)
    }

    /// Standard input.
    pub fn stdin() -> Stream {
        Stream::new(Backend::Standard(0), true, false)
    }

    /// Standard output: buffered by lines if it is a terminal.
    pub fn stdout() -> Stream {
        let mut stream = Stream::new(Backend::Standard(1), false, true);
        stream.buffering = None;
        stream
    }

    /// Standard error: not buffered.
    pub fn stderr() -> Stream {
        let mut stream = Stream::new(Backend::Standard(2), false, true);
        stream.buffering = Some(Buffering::None);
        stream
    }

    /// A stream that reads what a host supplies.
    pub fn reader(from: Box<dyn Read + Send>) -> Stream {
        Stream::new(Backend::Reader(from), true, false)
    }

    /// A stream that writes to what a host supplies.
    pub fn writer(to: Box<dyn Write + Send>) -> Stream {
        Stream::new(Backend::Writer(to), false, true)
    }

    /// A file that is open for reading and writing.
    pub fn from_file(file: File) -> Stream {
        Stream::new(Backend::File(file), true, true)
    }

    /// Opens a file by name.
    ///
    /// # Errors
    /// The system's.
    pub fn open(name: &[u8], mode: Mode) -> io::Result<Stream> {
        let mut options = OpenOptions::new();
        let (readable, writable) = (
            mode.letter == b'r' || mode.plus,
            mode.letter != b'r' || mode.plus,
        );
        match mode.letter {
            b'r' => options.read(true).write(mode.plus),
            b'w' => options
                .write(true)
                .create(true)
                .truncate(true)
                .read(mode.plus),
            _ => options.append(true).create(true).read(mode.plus),
        };
        let mut file = options.open(os::path(name)?)?;
        if mode.letter == b'a' && !mode.plus {
            // Where the position can't be changed it doesn't matter.
            let _ = file.seek(SeekFrom::End(0));
        }
        Ok(Stream::new(Backend::File(file), readable, writable))
    }

    /// Starts a process whose output is read or, with `to_write`, whose input
    /// is written.
    ///
    /// # Errors
    /// The system's.
    pub fn process(command: &[u8], to_write: bool) -> io::Result<Stream> {
        let child = os::open_process(command, to_write)?;
        Ok(Stream::new(Backend::Process(child), !to_write, to_write))
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.backend, Backend::Closed)
    }

    /// Whether written bytes are held back.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    // ---- reading

    /// Makes sure that something was read ahead and returns it; nothing at
    /// the end of the stream.
    ///
    /// # Errors
    /// The system's.
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.ahead.len() {
            self.refill()?;
        }
        Ok(&self.ahead[self.taken..])
    }

    #[cold]
    fn refill(&mut self) -> io::Result<()> {
        if !self.readable {
            return Err(io::Error::from_raw_os_error(EBADF));
        }
        self.flush()?;
        self.taken = 0;
        self.ahead.resize(self.size.max(1), 0);
        let got = loop {
            match self.backend.read(&mut self.ahead) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                got => break got,
            }
        };
        self.ahead.truncate(*got.as_ref().unwrap_or(&0));
        got.map(drop)
    }

    /// Whether the next read has to ask the system.
    pub fn is_drained(&self) -> bool {
        self.taken == self.ahead.len()
    }

    /// Takes `n` bytes of what [`fill`](Self::fill) returned.
    pub fn take(&mut self, n: usize) {
        self.taken = (self.taken + n).min(self.ahead.len());
    }

    /// The next byte, which is left where it is; `None` at the end.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.fill()?.first().copied())
    }

    // ---- writing

    /// Writes all of `bytes`, or holds them back.
    ///
    /// # Errors
    /// The system's. What was held back is lost then.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffering == Some(Buffering::Full)
            && self.writable
            && self.ahead.is_empty()
            && self.held.len() + bytes.len() <= self.size
        {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        self.write_slow(bytes)
    }

    #[cold]
    fn write_slow(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.writable {
            return Err(io::Error::from_raw_os_error(EBADF));
        }
        self.give_back();
        let buffering = self.decide_buffering();
        if buffering != Buffering::None && self.held.len() + bytes.len() <= self.size {
            self.held.extend_from_slice(bytes);
            if buffering == Buffering::Line && bytes.contains(&b'\n') {
                self.flush()?;
            }
            return Ok(());
        }
        self.flush()?;
        if buffering == Buffering::Full && bytes.len() < self.size {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        self.backend.write_all(bytes)
    }

    fn decide_buffering(&mut self) -> Buffering {
        let decided = self.buffering.unwrap_or_else(|| {
            let terminal = matches!(self.backend, Backend::Standard(1))
                && io::IsTerminal::is_terminal(&io::stdout());
            if terminal {
                Buffering::Line
            } else {
                Buffering::Full
            }
        });
        self.buffering = Some(decided);
        decided
    }

    /// Moves the position back over what was read ahead.
    fn give_back(&mut self) {
        let unread = self.ahead.len() - self.taken;
        if unread > 0 {
            // A pipe can't go back: what was read ahead is gone, as in C.
            let _ = self.backend.seek(SeekFrom::Current(-(unread as i64)));
        }
        self.ahead.clear();
        self.taken = 0;
    }

    /// Writes out what is held back.
    ///
    /// # Errors
    /// The system's. What was held back is lost then.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let done = self.backend.write_all(&self.held);
        self.held.clear();
        done
    }

    // ---- the rest

    /// Moves the position and returns it.
    ///
    /// # Errors
    /// The system's; a position before the start.
    pub fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.flush()?;
        let to = match to {
            SeekFrom::Current(by) => {
                let unread = (self.ahead.len() - self.taken) as i64;
                let by = by
                    .checked_sub(unread)
                    .ok_or_else(|| io::Error::from_raw_os_error(EINVAL))?;
                SeekFrom::Current(by)
            }
            to => to,
        };
        let at = self.backend.seek(to)?;
        self.ahead.clear();
        self.taken = 0;
        Ok(at)
    }

    /// Changes when written bytes are passed on, and the size of the buffer.
    ///
    /// # Errors
    /// The system's, from writing out what was held back.
    pub fn set_buffering(&mut self, how: Buffering, size: usize) -> io::Result<()> {
        self.flush()?;
        self.buffering = Some(how);
        self.size = size.clamp(1, MAX_BUFFER);
        Ok(())
    }

    /// Writes out what is held back and closes the stream. For a process,
    /// how it ended.
    ///
    /// # Errors
    /// The system's. The stream is closed in any case.
    pub fn close(&mut self) -> io::Result<Option<Exit>> {
        let flushed = self.flush();
        self.ahead = Vec::new();
        self.taken = 0;
        let backend = std::mem::replace(&mut self.backend, Backend::Closed);
        match backend {
            Backend::Process(child) => os::close_process(child).map(Some),
            Backend::Writer(mut to) => flushed.and(to.flush()).map(|()| None),
            _ => flushed.map(|()| None),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.is_closed() {
            let _ = self.close();
        }
    }
}

impl Backend {
    /// Opens a standard stream that wasn't used yet. Where descriptors can't
    /// be duplicated it goes through Rust's own stream.
    fn ready(&mut self) {
        let Backend::Standard(number) = *self else {
            return;
        };
        *self = match (duplicate(number), number) {
            (Some(file), _) => Backend::File(file),
            (None, 0) => Backend::Reader(Box::new(io::stdin())),
            (None, 1) => Backend::Writer(Box::new(Flushing(io::stdout()))),
            (None, _) => Backend::Writer(Box::new(io::stderr())),
        };
    }

    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.ready();
        match self {
            Backend::File(file) => file.read(to),
            Backend::Process(Child {
                stdout: Some(pipe), ..
            }) => pipe.read(to),
            Backend::Reader(from) => from.read(to),
            _ => Err(io::Error::from_raw_os_error(EBADF)),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ready();
        match self {
            Backend::File(file) => file.write_all(bytes),
            Backend::Process(Child {
                stdin: Some(pipe), ..
            }) => pipe.write_all(bytes),
            Backend::Writer(to) => to.write_all(bytes),
            _ => Err(io::Error::from_raw_os_error(EBADF)),
        }
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.ready();
        match self {
            Backend::File(file) => file.seek(to),
            _ => Err(io::Error::from_raw_os_error(ESPIPE)),
        }
    }
}

/// A descriptor of our own for a standard stream.
#[cfg(unix)]
fn duplicate(number: u8) -> Option<File> {
    use std::os::fd::AsFd;
    let fd = match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        1 => io::stdout().as_fd().try_clone_to_owned(),
        _ => io::stderr().as_fd().try_clone_to_owned(),
    };
    fd.ok().map(File::from)
}

#[cfg(not(unix))]
fn duplicate(_number: u8) -> Option<File> {
    None
}

/// Rust's standard output without its own holding back.
struct Flushing(io::Stdout);

impl Write for Flushing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.0.write(bytes)?;
        self.0.flush()?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(text: &str) -> Mode {
        Mode::parse(text.as_bytes()).unwrap()
    }

    fn all(s: &mut Stream) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let part = s.fill().unwrap();
            if part.is_empty() {
                return out;
            }
            out.extend_from_slice(part);
            let n = part.len();
            s.take(n);
        }
    }

    #[test]
    fn modes() {
        for good in ["r", "w", "a", "r+", "rb", "w+b", "abb"] {
            assert!(Mode::parse(good.as_bytes()).is_some(), "{good}");
        }
        for bad in ["", "+", "rw", "rb+", "r+bk", "x"] {
            assert!(Mode::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn reading_and_writing_share_a_position() {
        let name = os::temp_name().unwrap();
        let mut s = Stream::open(&name, mode("w+")).unwrap();
        s.write(b"hello world").unwrap();
        assert_eq!(s.seek(SeekFrom::Start(6)).unwrap(), 6);
        assert_eq!(s.peek().unwrap(), Some(b'w'));
        s.take(1);
        assert_eq!(s.seek(SeekFrom::Current(0)).unwrap(), 7);
        s.write(b"ALL!").unwrap();
        s.seek(SeekFrom::Start(0)).unwrap();
        assert_eq!(all(&mut s), b"hello wALL!");
        assert_eq!(s.close().unwrap(), None);
        assert!(s.is_closed());
        let mut s = Stream::open(&name, mode("a")).unwrap();
        assert_eq!(s.seek(SeekFrom::Current(0)).unwrap(), 11);
        assert_eq!(s.fill().unwrap_err().raw_os_error(), Some(EBADF));
        drop(s);
        let mut s = Stream::open(&name, mode("r")).unwrap();
        assert_eq!(s.write(b"x").unwrap_err().raw_os_error(), Some(EBADF));
        assert!(s.seek(SeekFrom::Current(-1)).is_err());
        os::remove(&name).unwrap();
    }

    #[test]
    fn buffering() {
        let name = os::temp_name().unwrap();
        let mut w = Stream::open(&name, mode("w")).unwrap();
        let mut r = Stream::open(&name, mode("r")).unwrap();
        w.write(b"x").unwrap();
        assert_eq!(all(&mut r), b"");
        w.set_buffering(Buffering::Line, BUFFER).unwrap();
        w.write(b"y").unwrap();
        assert_eq!(all(&mut r), b"x");
        w.write(b"z\n").unwrap();
        assert_eq!(all(&mut r), b"yz\n");
        w.set_buffering(Buffering::None, 0).unwrap();
        w.write(b"now").unwrap();
        assert_eq!(all(&mut r), b"now");
        w.set_buffering(Buffering::Full, 4).unwrap();
        w.write(b"abc").unwrap();
        assert_eq!(all(&mut r), b"");
        w.write(b"defgh").unwrap();
        assert_eq!(all(&mut r), b"abcdefgh");
        w.write(b"end").unwrap();
        drop(w);
        assert_eq!(all(&mut r), b"end");
        os::remove(&name).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn processes() {
        let mut s = Stream::process(b"echo out; exit 3", false).unwrap();
        assert_eq!(all(&mut s), b"out\n");
        assert_eq!(s.close().unwrap(), Some(Exit::Code(3)));
    }
}
