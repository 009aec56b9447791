//! Standalone programs: this program and a program in Lua as one executable.
//!
//! ```text
//!  ┌──────────────────────────┬───────────────────────────────────────────────┐
//!  │ the runtime: a `vm`      │ payload: head │ index │ modules │ code, profiles │
//!  │   MARK ──────────────────┼▶                                              │
//!  └──────────────────────────┴───────────────────────────────────────────────┘
//! ```
//!
//! - The *runtime* is a copy of a `vm`. It has a `Mark` in its constant data, by
//!   which it knows what it is: where the payload lies, or that there is none. So the
//!   ordinary `vm` looks at nothing, and one that has lost its payload says so instead
//!   of being a `vm`.
//! - The *payload* has the modules' bytecode, the main one first, and what the compile
//!   cache had of them ([`crate::cache`]), which the program reads as it is wanted.
//!
//! [`Builder`] writes such a file, [`Program`] reads it. The format, and what is
//! checked when, is in `spec/standalone.md`.

mod build;
mod elf;
mod program;

pub use build::{BuildError, Builder, Built, Runtime};
pub use program::{Damaged, Program};

use crate::cache::Key;
use serde::{Deserialize, Serialize};

/// What a mark begins with, and a payload. `Mark` is the only place of a program that
/// has it.
const MAGIC: [u8; 16] = *b"\x7fStrataProgram\x01\0";

/// Tells a runtime what it is.
#[derive(Clone, Copy)]
#[repr(C)]
struct Mark {
    magic: [u8; 16],
    /// Which build it is.
    build: [u8; 16],
    /// Where the payload begins in the file, and its length in bytes, little endian; 0:
    /// there is none.
    at: [u8; 8],
    length: [u8; 8],
}

/// Bytes of a mark before `at`.
const MARK_FRONT: usize = 32;

/// This program's. What was written into the file is what is read here: nobody may
/// take the values below for granted.
#[used]
static MARK: Mark = Mark {
    magic: MAGIC,
    build: build_name(),
    at: [0; 8],
    length: [0; 8],
};

/// `STRATA_BUILD`.
const fn build_name() -> [u8; 16] {
    let name = env!("STRATA_BUILD").as_bytes();
    let mut bytes = [b' '; 16];
    let mut n = 0;
    while n < name.len() && n < bytes.len() {
        bytes[n] = name[n];
        n += 1;
    }
    bytes
}

/// The mark of this program.
fn mark() -> Mark {
    // SAFETY: it is a static; volatile, since it may have been changed in the file.
    unsafe { std::ptr::read_volatile(&raw const MARK) }
}

/// A part of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Span {
    at: u64,
    length: u64,
}

impl Span {
    /// Whether it ends within so many bytes.
    fn is_within(self, length: u64) -> bool {
        self.at
            .checked_add(self.length)
            .is_some_and(|end| end <= length)
    }
}

/// What a payload begins with, before the index.
struct Head {
    /// Bytes of the index.
    index: u64,
    /// Its hash.
    hash: [u8; 32],
}

impl Head {
    const LENGTH: usize = 16 + 8 + 32;

    fn bytes(&self) -> [u8; Head::LENGTH] {
        let mut bytes = [0; Head::LENGTH];
        bytes[..16].copy_from_slice(&mark().magic);
        bytes[16..24].copy_from_slice(&self.index.to_le_bytes());
        bytes[24..].copy_from_slice(&self.hash);
        bytes
    }

    fn read(bytes: &[u8; Head::LENGTH]) -> Option<Head> {
        let (magic, rest) = bytes.split_first_chunk::<16>()?;
        let (index, rest) = rest.split_first_chunk::<8>()?;
        (*magic == mark().magic).then_some(Head {
            index: u64::from_le_bytes(*index),
            hash: *rest.first_chunk()?,
        })
    }
}

/// Where everything is in a payload, from the end of the index.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    /// What whoever built it wants to know when it runs.
    settings: Vec<u8>,
    /// The modules by name, the main one first.
    modules: Vec<(Vec<u8>, Span)>,
    /// Entries of the compile cache by kind and key, ascending.
    entries: Vec<((u8, Key), Span)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_is_no_standalone_program() {
        assert_eq!(mark().at, [0; 8]);
        assert!(Program::of_this_process().is_ok_and(|p| p.is_none()));
    }

    #[test]
    fn spans_do_not_wrap() {
        let within = |at, length| Span { at, length }.is_within(10);
        assert!(within(0, 10) && within(10, 0) && within(3, 7));
        assert!(!within(3, 8) && !within(11, 0) && !within(u64::MAX, 2));
    }
}
