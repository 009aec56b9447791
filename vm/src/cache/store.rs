//! Where entries are: in memory, in a directory, or both.
//!
//! Entries of a directory are read when they are wanted; in memory are those of a
//! cache without directory, and those that were asked for beforehand.

use super::dir::{Directory, Listed};
use super::entry::{Entry, Refused};
use super::key::Key;
use super::source::Source;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    /// Machine code.
    Code,
    /// How something was compiled.
    Profile,
}

impl Kind {
    pub(super) const ALL: [Kind; 2] = [Kind::Code, Kind::Profile];

    /// What names of files end with.
    fn suffix(self) -> &'static str {
        match self {
            Kind::Code => ".code",
            Kind::Profile => ".profile",
        }
    }

    /// The name of an entry's file.
    pub(super) fn file(self, key: &Key) -> String {
        format!("{key}{}", self.suffix())
    }

    /// What a file's name says.
    fn of(name: &str) -> Option<(Kind, Key)> {
        let all = Kind::ALL.into_iter();
        let mut named = all.filter_map(|kind| Some((kind, name.strip_suffix(kind.suffix())?)));
        let (kind, key) = named.next()?;
        Some((kind, key.parse().ok()?))
    }
}

/// How much is kept, of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub entries: usize,
    pub bytes: u64,
}

impl Limits {
    /// What is left when some have to go.
    fn eased(self) -> Limits {
        Limits {
            entries: self.entries - self.entries / 10,
            bytes: self.bytes - self.bytes / 10,
        }
    }
}

/// The entries of a cache.
#[derive(Debug)]
pub(super) struct Store {
    pub directory: Option<Directory>,
    /// What is looked at before the directory.
    pub source: Option<Arc<dyn Source>>,
    limits: Limits,
    memory: Mutex<Memory>,
    /// Files of each kind, about; `UNKNOWN` before they were counted.
    files: [AtomicUsize; 2],
}

const UNKNOWN: usize = usize::MAX;

#[derive(Debug, Default)]
struct Memory {
    entries: HashMap<(Kind, Key), InMemory>,
    /// Counts uses.
    clock: u64,
    /// Entries of the source that are of no use.
    refused: HashSet<(Kind, Key)>,
}

#[derive(Debug)]
struct InMemory {
    entry: Entry,
    used: u64,
}

impl Memory {
    fn find(&mut self, kind: Kind, key: &Key) -> Option<Entry> {
        let found = self.entries.get_mut(&(kind, *key))?;
        self.clock += 1;
        found.used = self.clock;
        Some(found.entry.clone())
    }

    /// Keeps an entry: how many of code had to go for it.
    fn keep(&mut self, kind: Kind, entry: Entry, limits: Limits) -> usize {
        self.clock += 1;
        let used = self.clock;
        let key = (kind, entry.metadata().key);
        self.entries.insert(key, InMemory { entry, used });
        let sizes = self.entries.iter().filter(|((k, _), _)| *k == kind);
        let mut by_use: Vec<(u64, u64, Key)> = sizes
            .map(|((_, key), e)| (e.used, e.entry.bytes().len() as u64, *key))
            .collect();
        let bytes: u64 = by_use.iter().map(|e| e.1).sum();
        if by_use.len() <= limits.entries && bytes <= limits.bytes {
            return 0;
        }
        by_use.sort_unstable_by_key(|e| Reverse(e.0));
        let gone = beyond(by_use.iter().map(|e| e.1), limits.eased());
        for (_, _, key) in &by_use[gone..] {
            self.entries.remove(&(kind, *key));
        }
        by_use.len() - gone
    }
}

/// How many of entries of these sizes fit.
fn beyond(sizes: impl Iterator<Item = u64>, limits: Limits) -> usize {
    let mut left = limits.bytes;
    let fits = sizes.take(limits.entries).take_while(|&size| {
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    });
    fits.count()
}

impl Store {
    pub(super) fn new(
        directory: Option<Directory>,
        source: Option<Arc<dyn Source>>,
        limits: Limits,
    ) -> Store {
        Store {
            directory,
            source,
            limits,
            memory: Mutex::default(),
            files: [const { AtomicUsize::new(UNKNOWN) }; 2],
        }
    }

    /// Whether entries are kept.
    pub(super) fn keeps(&self) -> bool {
        self.directory.is_some() || self.source.is_none()
    }

    /// An entry, if there is one; `used`: it is for use.
    pub(super) fn find(&self, kind: Kind, key: &Key, used: bool) -> Result<Option<Entry>, Refused> {
        let mut memory = self.memory.lock();
        if let Some(entry) = memory.find(kind, key) {
            return Ok(Some(entry));
        }
        let refused = memory.refused.contains(&(kind, *key));
        drop(memory);
        if let Some(source) = self.source.as_ref().filter(|_| !refused)
            && let Some(bytes) = source.read(kind, key).map_err(|_| Refused::Damaged)?
        {
            match Entry::read(key, bytes) {
                Err(Refused::Foreign) => {}
                entry => return entry.map(Some),
            }
        }
        let Some(directory) = &self.directory else {
            return Ok(None);
        };
        let Some(bytes) = directory.read(&kind.file(key), used)? else {
            return Ok(None);
        };
        Entry::read(key, bytes).map(Some)
    }

    /// An entry's file as it is, of the directory or in memory.
    pub(super) fn file(&self, kind: Kind, key: &Key) -> Result<Option<Vec<u8>>, Refused> {
        match &self.directory {
            Some(directory) => directory.read(&kind.file(key), false),
            None => Ok(self.find(kind, key, false)?.map(|e| e.bytes().to_vec())),
        }
    }

    /// Keeps an entry: how many of its kind had to go for it.
    pub(super) fn keep(&self, kind: Kind, entry: Entry) -> io::Result<usize> {
        let Some(directory) = &self.directory else {
            return Ok(self.memory.lock().keep(kind, entry, self.limits));
        };
        directory.write(&kind.file(&entry.metadata().key), &[entry.bytes()])?;
        let files = &self.files[kind as usize];
        let before = files.load(Ordering::Relaxed);
        // Their bytes are looked at now and then.
        let look = before.is_multiple_of(64);
        if before != UNKNOWN && before < self.limits.entries && !look {
            files.store(before + 1, Ordering::Relaxed);
            return Ok(0);
        }
        self.tidy(kind)
    }

    /// Removes files that are too many: how many.
    pub(super) fn tidy(&self, kind: Kind) -> io::Result<usize> {
        let Some(directory) = &self.directory else {
            return Ok(0);
        };
        let count = |files: &[Listed]| {
            let bytes: u64 = files.iter().map(|f| f.size).sum();
            self.files[kind as usize].store(files.len(), Ordering::Relaxed);
            files.len() > self.limits.entries || bytes > self.limits.bytes
        };
        if !count(&self.files_of(directory, kind)?) {
            return Ok(0);
        }
        let _lock = directory.lock()?;
        // Somebody else may have done it.
        let mut files = self.files_of(directory, kind)?;
        if !count(&files) {
            return Ok(0);
        }
        files.sort_unstable_by_key(|f| Reverse(f.used));
        let fits = beyond(files.iter().map(|f| f.size), self.limits.eased());
        let gone = files[fits..].iter();
        let removed = gone.filter(|f| directory.remove(&f.name)).count();
        self.files[kind as usize].store(fits, Ordering::Relaxed);
        Ok(removed)
    }

    fn files_of(&self, directory: &Directory, kind: Kind) -> io::Result<Vec<Listed>> {
        let mut files = directory.list()?;
        files.retain(|f| Kind::of(&f.name).is_some_and(|(k, _)| k == kind));
        Ok(files)
    }

    /// The keys of all entries of a kind, those that were used last first.
    pub(super) fn keys(&self, kind: Kind) -> io::Result<Vec<Key>> {
        let mut keys = Vec::new();
        if let Some(directory) = &self.directory {
            let mut files = self.files_of(directory, kind)?;
            files.sort_by_key(|f| Reverse(f.used));
            keys.extend(files.iter().filter_map(|f| Some(Kind::of(&f.name)?.1)));
            return Ok(keys);
        }
        let memory = self.memory.lock();
        let mut all: Vec<_> = memory
            .entries
            .iter()
            .filter(|((k, _), _)| *k == kind)
            .collect();
        all.sort_by_key(|(_, e)| Reverse(e.used));
        keys.extend(all.iter().map(|((_, key), _)| *key));
        Ok(keys)
    }

    /// How many entries of code there are, and their bytes.
    pub(super) fn size(&self) -> io::Result<(usize, u64)> {
        if let Some(directory) = &self.directory {
            let files = self.files_of(directory, Kind::Code)?;
            return Ok((files.len(), files.iter().map(|f| f.size).sum()));
        }
        let memory = self.memory.lock();
        let code = memory.entries.iter().filter(|((k, _), _)| *k == Kind::Code);
        Ok(code.fold((0, 0), |(n, bytes), (_, e)| {
            (n + 1, bytes + e.entry.bytes().len() as u64)
        }))
    }

    /// Reads entries into memory, those that were used last first: how many are
    /// there then.
    pub(super) fn warm(&self, refused: &dyn Fn(Kind, &Key, &Refused)) -> io::Result<usize> {
        if self.directory.is_some() {
            for kind in Kind::ALL {
                let keys = self.keys(kind)?;
                for key in keys.iter().take(self.limits.entries).rev() {
                    match self.find(kind, key, false) {
                        Ok(Some(entry)) => {
                            self.memory.lock().keep(kind, entry, self.limits);
                        }
                        Ok(None) | Err(Refused::Foreign) => {}
                        Err(why) => refused(kind, key, &why),
                    }
                }
            }
        }
        let memory = self.memory.lock();
        Ok(memory
            .entries
            .keys()
            .filter(|(k, _)| *k == Kind::Code)
            .count())
    }

    /// Forgets an entry: whether there was one.
    pub(super) fn remove(&self, kind: Kind, key: &Key) -> bool {
        let mut memory = self.memory.lock();
        let here = memory.entries.remove(&(kind, *key)).is_some();
        if self.source.is_some() {
            memory.refused.insert((kind, *key));
        }
        drop(memory);
        let file = kind.file(key);
        let there = self.directory.as_ref().is_some_and(|d| d.remove(&file));
        here || there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_those_of_entries() {
        let key = Key::of(b"a");
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&kind.file(&key)), Some((kind, key)));
        }
        for other in ["stats", "lock", ".code", "x.code", &format!("{key}.codes")] {
            assert_eq!(Kind::of(other), None, "{other}");
        }
    }

    #[test]
    fn what_fits_is_counted() {
        let limits = |entries, bytes| Limits { entries, bytes };
        let sizes = [3, 3, 3];
        for (limits, fits) in [
            (limits(2, 100), 2),
            (limits(9, 100), 3),
            (limits(9, 6), 2),
            (limits(9, 5), 1),
            (limits(9, 0), 0),
        ] {
            assert_eq!(beyond(sizes.into_iter(), limits), fits);
        }
        assert_eq!(limits(1, 10).eased().entries, 1);
        assert_eq!(limits(10, 10).eased().entries, 9);
    }
}
