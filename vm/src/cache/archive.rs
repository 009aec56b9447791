//! Entries of a cache as one file, for another machine.

use super::entry::{self, Entry, Refused};
use super::{Cache, Key, Kind, Metadata};
use std::io::{self, Read, Write};

/// What such a file begins with.
const MAGIC: [u8; 8] = *b"STRATAX\x01";

/// The largest entry that is read.
const MAX_ENTRY: u64 = 256 << 20;

/// What became of the entries of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// They are in the cache.
    pub taken: usize,
    /// They are for another version or another processor.
    pub foreign: usize,
}

/// Why a file could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It can't be read, or the cache not written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It isn't such a file, or a damaged one.
    #[error("it isn't an exported cache, or it is damaged")]
    Damaged,
}

impl Cache {
    /// Writes all entries: how many.
    ///
    /// # Errors
    /// They can't be read or written.
    pub fn export(&self, to: &mut dyn Write) -> io::Result<usize> {
        to.write_all(&MAGIC)?;
        let mut written = 0;
        for kind in Kind::ALL {
            for key in self.0.store.keys(kind)? {
                let entry = match self.0.store.find(kind, &key, false) {
                    Ok(Some(entry)) => entry,
                    Ok(None) => continue,
                    Err(Refused::Foreign) => continue,
                    Err(why) => {
                        self.refuse(kind, &key, &why);
                        continue;
                    }
                };
                let bytes = entry.bytes();
                to.write_all(&[kind as u8])?;
                to.write_all(key.as_bytes())?;
                to.write_all(&(bytes.len() as u64).to_le_bytes())?;
                to.write_all(bytes)?;
                written += 1;
            }
        }
        to.flush()?;
        Ok(written)
    }

    /// The files of entries, of whichever environment, that are `wanted`.
    ///
    /// # Errors
    /// The directory can't be read.
    pub(crate) fn files(
        &self,
        wanted: &dyn Fn(&Metadata) -> bool,
    ) -> io::Result<Vec<(Kind, Key, Vec<u8>)>> {
        let mut files = Vec::new();
        for kind in Kind::ALL {
            for key in self.0.store.keys(kind)? {
                // Damaged ones are no loss.
                let Some(bytes) = self.0.store.file(kind, &key).ok().flatten() else {
                    continue;
                };
                if entry::parse(&bytes).is_ok_and(|(m, _, _)| m.key == key && wanted(&m)) {
                    files.push((kind, key, bytes));
                }
            }
        }
        Ok(files)
    }

    /// Takes entries from what [`export`](Cache::export) wrote. They are going to be
    /// executed: import only what is trusted.
    ///
    /// # Errors
    /// It isn't such a file; what came before is in the cache.
    pub fn import(&self, from: &mut dyn Read) -> Result<Imported, ImportError> {
        let mut magic = [0; 8];
        exact(from, &mut magic)?;
        if magic != MAGIC {
            return Err(ImportError::Damaged);
        }
        let mut imported = Imported::default();
        let mut kind = [0];
        while from.read(&mut kind)? > 0 {
            let kind = Kind::ALL.get(usize::from(kind[0]));
            let &kind = kind.ok_or(ImportError::Damaged)?;
            let (mut key, mut length) = ([0; 32], [0; 8]);
            exact(from, &mut key)?;
            exact(from, &mut length)?;
            let length = u64::from_le_bytes(length);
            if length > MAX_ENTRY {
                return Err(ImportError::Damaged);
            }
            let mut bytes = Vec::new();
            from.take(length).read_to_end(&mut bytes)?;
            let (_, _, here) = entry::parse(&bytes).map_err(|_| ImportError::Damaged)?;
            if !here {
                imported.foreign += 1;
                continue;
            }
            let key = Key::from_bytes(key);
            let entry = Entry::read(&key, bytes).map_err(|_| ImportError::Damaged)?;
            self.0.store.keep(kind, entry)?;
            imported.taken += 1;
        }
        Ok(imported)
    }
}

/// Fills `bytes`; a file that ends before is damaged.
fn exact(from: &mut dyn Read, bytes: &mut [u8]) -> Result<(), ImportError> {
    from.read_exact(bytes).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => ImportError::Damaged,
        _ => e.into(),
    })
}
