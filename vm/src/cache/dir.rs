//! A directory of entries that is trusted because nobody else can write to it.
//!
//! All is done relative to the directory as it was opened, by names that can't
//! lead elsewhere, and links are not followed.

use super::entry::Refused;
use parking_lot::Mutex;
use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW,
    UTIME_OMIT, flock, fstat, futimens, mkdirat, open, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The largest file that is read.
const MAX_FILE: u64 = 256 << 20;

/// Seconds after which a file that is being written is given up for lost.
const LOST: u64 = 3600;

/// The file that is locked.
const LOCK: &str = "lock";

/// What files are called that are being written.
const TEMPORARY: &str = "tmp.";

/// Flags of everything that is opened.
const SAFE: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// A private directory.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    fd: OwnedFd,
    /// Tells the files apart that this process is writing.
    serial: AtomicU64,
    /// Who wants the lock twice waits for itself here.
    locking: Mutex<()>,
}

/// A file of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub name: String,
    pub size: u64,
    /// When it was used last.
    pub used: SystemTime,
}

/// While it exists, no other process has it.
pub(super) struct Locked<'d> {
    _file: OwnedFd,
    _here: parking_lot::MutexGuard<'d, ()>,
}

impl Directory {
    /// Opens a directory, which is made if there is none.
    ///
    /// # Errors
    /// It can't be made or opened, or others than this process's user have rights
    /// to it.
    pub(super) fn open(path: &Path) -> io::Result<Directory> {
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)?;
        }
        match mkdirat(rustix::fs::CWD, path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        let flags = OFlags::DIRECTORY | SAFE | OFlags::RDONLY;
        let fd = open(path, flags, Mode::empty()).map_err(|e| match e {
            Errno::LOOP | Errno::NOTDIR => {
                io::Error::other("it is a symbolic link, or no directory")
            }
            other => other.into(),
        })?;
        private(&fstat(&fd)?, FileType::Directory).map_err(io::Error::other)?;
        Ok(Directory {
            path: path.into(),
            fd,
            serial: AtomicU64::new(0),
            locking: Mutex::new(()),
        })
    }

    /// Where it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The contents of a file; `None` if there is none. `used`: it is noted that
    /// it was used.
    pub(super) fn read(&self, name: &str, used: bool) -> Result<Option<Vec<u8>>, Refused> {
        let fd = match openat(&self.fd, name, SAFE | OFlags::RDONLY, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::LOOP) => return Err(Refused::NotPrivate("it is a symbolic link".into())),
            // Whoever can't read it has no use for it.
            Err(_) => return Ok(None),
        };
        let Ok(stat) = fstat(&fd) else {
            return Ok(None);
        };
        private(&stat, FileType::RegularFile).map_err(Refused::NotPrivate)?;
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if size > MAX_FILE {
            return Err(Refused::Damaged);
        }
        if used {
            let time = |nsec| Timespec {
                tv_sec: 0,
                tv_nsec: nsec,
            };
            // That it can't be noted does no harm.
            let _ = futimens(
                &fd,
                &Timestamps {
                    last_access: time(UTIME_OMIT as _),
                    last_modification: time(UTIME_NOW as _),
                },
            );
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // Files never grow; one that does is cut off, and damaged.
        match File::from(fd).take(size).read_to_end(&mut bytes) {
            Ok(_) => Ok(Some(bytes)),
            Err(_) => Err(Refused::Damaged),
        }
    }

    /// Writes a file: whoever opens it sees all of it, or what was there before.
    ///
    /// # Errors
    /// It can't be written. Nothing is left of it.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since.unwrap_or_default().subsec_nanos();
        let temporary = format!("{TEMPORARY}{}.{nanos}.{serial}", std::process::id());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | SAFE;
        let fd = openat(&self.fd, &*temporary, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(fd);
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        let done = written.and_then(|()| Ok(renameat(&self.fd, &*temporary, &self.fd, name)?));
        if done.is_err() {
            self.remove(&temporary);
        }
        done
    }

    /// Removes a file: whether it was there.
    pub(super) fn remove(&self, name: &str) -> bool {
        unlinkat(&self.fd, name, AtFlags::empty()).is_ok()
    }

    /// Its files, without those that are being written.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            // It may be gone already.
            let Ok(stat) = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let used = used(&stat);
            if name.starts_with(TEMPORARY) {
                if used.elapsed().is_ok_and(|t| t.as_secs() > LOST) {
                    self.remove(name);
                }
                continue;
            }
            if name != "." && name != ".." {
                listed.push(Listed {
                    name: name.into(),
                    size: u64::try_from(stat.st_size).unwrap_or(0),
                    used,
                });
            }
        }
        Ok(listed)
    }

    /// Waits until nobody else has the lock, and has it.
    ///
    /// # Errors
    /// There can be none.
    pub(super) fn lock(&self) -> io::Result<Locked<'_>> {
        let here = self.locking.lock();
        let flags = OFlags::CREATE | OFlags::RDWR | SAFE;
        let file = openat(&self.fd, LOCK, flags, Mode::RUSR | Mode::WUSR)?;
        private(&fstat(&file)?, FileType::RegularFile).map_err(io::Error::other)?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(Locked {
            _file: file,
            _here: here,
        })
    }
}

/// When a file was used last.
fn used(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    UNIX_EPOCH
        .checked_add(Duration::new(seconds, nanos))
        .unwrap_or(UNIX_EPOCH)
}

/// Whether something is of this type, and only this process's user has rights
/// to it: if not, why.
fn private(stat: &Stat, ty: FileType) -> Result<(), String> {
    if FileType::from_raw_mode(stat.st_mode) != ty {
        return Err("it isn't a plain file, or directory".into());
    }
    let user = geteuid().as_raw();
    if stat.st_uid != user {
        return Err(format!("it belongs to user {}, not to {user}", stat.st_uid));
    }
    let others = stat.st_mode & 0o077;
    if others != 0 {
        return Err(format!(
            "others have rights to it ({:o})",
            stat.st_mode & 0o777
        ));
    }
    Ok(())
}
