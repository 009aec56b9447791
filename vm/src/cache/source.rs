//! Entries that somebody else keeps: those of a standalone program.

use super::{Key, Kind};
use std::{fmt, io};

/// Has entries, which may be damaged.
pub(crate) trait Source: Send + Sync + fmt::Debug {
    /// The file of an entry, if there is one.
    ///
    /// # Errors
    /// It can't be read.
    fn read(&self, kind: Kind, key: &Key) -> io::Result<Option<Vec<u8>>>;
}
