//! Where files have no owner that could be checked there is no directory of
//! entries.

use super::entry::Refused;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// There is none.
#[derive(Debug)]
pub(super) enum Directory {}

/// A file of a directory.
pub(super) struct Listed {
    pub name: String,
    pub size: u64,
    pub used: SystemTime,
}

impl Directory {
    pub(super) fn open(_: &Path) -> io::Result<Directory> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "on this system there is no telling who else can write to a directory",
        ))
    }

    pub(super) fn path(&self) -> &Path {
        match *self {}
    }

    pub(super) fn read(&self, _: &str, _: bool) -> Result<Option<Vec<u8>>, Refused> {
        match *self {}
    }

    pub(super) fn write(&self, _: &str, _: &[&[u8]]) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn remove(&self, _: &str) -> bool {
        match *self {}
    }

    pub(super) fn list(&self) -> io::Result<Vec<Listed>> {
        match *self {}
    }

    pub(super) fn lock(&self) -> io::Result<()> {
        match *self {}
    }
}
