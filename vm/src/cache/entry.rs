//! Entries, and their form as bytes.

use super::key::{Key, environment, is_ours};
use crate::jit::TargetCpu;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The version of this form.
pub(super) const VERSION: u8 = 2;

/// What a file begins with.
const MAGIC: [u8; 8] = *b"STRATAC\x02";

/// Bytes before what the hash is of.
const FRONT: usize = MAGIC.len() + 32;

/// Longest name that is kept.
const MAX_NAME: usize = 200;

/// Who made code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Backend {
    /// Cranelift.
    Cranelift,
    /// LLVM.
    Llvm,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Backend::Cranelift => "cranelift",
            Backend::Llvm => "llvm",
        })
    }
}

/// Whose code it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Tier {
    /// The optimizing tier's: of a function, or of a loop of one.
    Two,
    /// The executor's: of a module of LLVM IR.
    Executor,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Tier::Two => "tier 2",
            Tier::Executor => "executor",
        })
    }
}

/// What is known of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// Its key.
    pub key: Key,
    /// What the function, or the module, is called.
    pub name: String,
    /// Whose code it is.
    pub tier: Tier,
    /// Who made it.
    pub backend: Backend,
    /// Which module of Lua it is about: the hash of its bytecode.
    pub module: Option<Key>,
    /// When it was made.
    pub made: SystemTime,
    /// What making it took.
    pub took: Duration,
    /// Bytes of its machine code; of a module, of its object file.
    pub size: usize,
    /// Bytes of the entry.
    pub stored: usize,
    /// Where the code is in this process, if it is.
    pub address: Option<usize>,
}

/// What an entry is made of.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub name: String,
    pub tier: Tier,
    pub backend: Backend,
    pub took: Duration,
    pub size: usize,
    /// The processor that code is for.
    pub cpu: TargetCpu,
    /// Which module of Lua it is about.
    pub module: Option<Key>,
}

/// The part of an entry that is the cache's.
#[derive(Serialize, Deserialize)]
struct Header {
    environment: Key,
    key: Key,
    name: String,
    tier: Tier,
    backend: Backend,
    module: Option<Key>,
    /// Nanoseconds since 1970.
    made: u64,
    /// Nanoseconds.
    took: u64,
    size: u64,
    /// Bytes that follow.
    rest: u64,
}

/// An entry. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) metadata: Metadata,
    /// The whole file.
    bytes: Arc<[u8]>,
    /// Where the rest begins.
    rest: usize,
}

/// Why a file is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It isn't as it was written.
    #[error("it is damaged")]
    Damaged,
    /// It was written by something else: another version, another processor.
    #[error("it was made by another version or for another processor")]
    Foreign,
    /// It is the entry of another key.
    #[error("it is another entry under this name")]
    Misplaced,
    /// It isn't ours alone.
    #[error("it is not private: {0}")]
    NotPrivate(String),
}

impl Entry {
    /// Makes an entry; `rest` is what its owner needs to know.
    pub(super) fn new(key: Key, made: &Made, rest: &[u8]) -> Entry {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let end = made.name.floor_char_boundary(MAX_NAME);
        let header = Header {
            environment: *environment(made.cpu),
            key,
            name: made.name[..end].into(),
            tier: made.tier,
            backend: made.backend,
            module: made.module,
            made: nanos(now.unwrap_or_default()),
            took: nanos(made.took),
            size: made.size as u64,
            rest: rest.len() as u64,
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0; 32]);
        // Writing to memory can't fail.
        bytes = postcard::to_extend(&header, bytes).unwrap_or_default();
        let start = bytes.len();
        bytes.extend_from_slice(rest);
        if let Some((front, body)) = bytes.split_at_mut_checked(FRONT) {
            front[MAGIC.len()..].copy_from_slice(blake3::hash(body).as_bytes());
        }
        Entry {
            metadata: header.metadata(bytes.len()),
            bytes: bytes.into(),
            rest: start,
        }
    }

    /// Reads a file that is to be the entry of `key`.
    pub(super) fn read(key: &Key, bytes: Vec<u8>) -> Result<Entry, Refused> {
        let (metadata, rest, made_here) = parse(&bytes)?;
        if !made_here {
            return Err(Refused::Foreign);
        }
        if metadata.key != *key {
            return Err(Refused::Misplaced);
        }
        Ok(Entry {
            metadata,
            bytes: bytes.into(),
            rest,
        })
    }

    /// What is known of it.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What its owner has put into it.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.rest..]
    }

    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What is known of an entry from its file, where the rest begins, and whether it
/// is one of this environment.
pub(super) fn parse(bytes: &[u8]) -> Result<(Metadata, usize, bool), Refused> {
    let (front, body) = bytes.split_at_checked(FRONT).ok_or(Refused::Damaged)?;
    let (magic, hash) = front.split_at(MAGIC.len());
    if magic[..7] == MAGIC[..7] && magic[7] != VERSION {
        return Err(Refused::Foreign);
    }
    if magic != MAGIC || blake3::hash(body).as_bytes() != hash {
        return Err(Refused::Damaged);
    }
    let taken = postcard::take_from_bytes::<Header>(body);
    let (header, rest) = taken.map_err(|_| Refused::Foreign)?;
    if header.rest != rest.len() as u64 {
        return Err(Refused::Damaged);
    }
    let here = is_ours(&header.environment);
    Ok((header.metadata(bytes.len()), bytes.len() - rest.len(), here))
}

impl Header {
    fn metadata(&self, stored: usize) -> Metadata {
        let since = Duration::from_nanos(self.made);
        Metadata {
            key: self.key,
            name: self.name.clone(),
            tier: self.tier,
            backend: self.backend,
            module: self.module,
            made: UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH),
            took: Duration::from_nanos(self.took),
            size: usize::try_from(self.size).unwrap_or(usize::MAX),
            stored,
            address: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let made = Made {
            name: "ä".repeat(MAX_NAME),
            tier: Tier::Two,
            backend: Backend::Llvm,
            took: Duration::from_micros(7),
            size: 3,
            cpu: TargetCpu::Native,
            module: Some(Key::of(b"m")),
        };
        Entry::new(Key::of(b"a"), &made, b"what it is")
    }

    #[test]
    fn entries_are_read_as_written() {
        let entry = entry();
        let read = Entry::read(&Key::of(b"a"), entry.bytes().to_vec()).unwrap();
        assert_eq!(read.metadata(), entry.metadata());
        assert_eq!(read.rest(), b"what it is");
        assert_eq!(read.metadata().took, Duration::from_micros(7));
        assert_eq!(read.metadata().name, "ä".repeat(MAX_NAME / 2));
    }

    #[test]
    fn whatever_is_altered_is_refused() {
        let key = Key::of(b"a");
        let good = entry().bytes().to_vec();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(Entry::read(&key, bad).is_err(), "byte {at}, bit {bit}");
            }
            assert!(
                Entry::read(&key, good[..at].to_vec()).is_err(),
                "{at} bytes"
            );
        }
        let mut longer = good.clone();
        longer.push(0);
        assert!(Entry::read(&key, longer).is_err());
        let other = Entry::read(&Key::of(b"b"), good);
        assert_eq!(other.err(), Some(Refused::Misplaced));
    }

    #[test]
    fn entries_of_others_are_refused() {
        let key = Key::of(b"a");
        let mut newer = entry().bytes().to_vec();
        newer[7] += 1;
        assert_eq!(Entry::read(&key, newer).err(), Some(Refused::Foreign));
        // The environment comes first, behind the hash.
        let mut foreign = entry().bytes().to_vec();
        foreign[FRONT] ^= 1;
        let hash = blake3::hash(&foreign[FRONT..]);
        foreign[MAGIC.len()..FRONT].copy_from_slice(hash.as_bytes());
        assert_eq!(Entry::read(&key, foreign).err(), Some(Refused::Foreign));
    }
}
