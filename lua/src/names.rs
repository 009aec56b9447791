//! Interned byte strings: identifiers, keywords and string literals.
//!
//! Every distinct string of a chunk gets one [`Name`], so that the parser
//! compares names as integers, and a side table indexed by name can say what
//! a name means at the moment. Keywords come first: a name below
//! [`KEYWORDS`]`.len()` is the keyword of that rank.
//!
//! The table is open addressing over entry indices, with a hash seeded per
//! compilation.

use crate::meter::CHUNK;
use bumpalo::Bump;
use std::hash::{BuildHasher, Hasher};

/// An interned string.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct Name(pub u32);

/// The reserved words, in the order of [`crate::token::T`].
pub(crate) const KEYWORDS: [&[u8]; 22] = [
    b"and",
    b"break",
    b"do",
    b"else",
    b"elseif",
    b"end",
    b"false",
    b"for",
    b"function",
    b"goto",
    b"if",
    b"in",
    b"local",
    b"nil",
    b"not",
    b"or",
    b"repeat",
    b"return",
    b"then",
    b"true",
    b"until",
    b"while",
];

#[derive(Clone, Copy)]
struct Entry<'a> {
    text: &'a [u8],
    hash: u32,
}

/// The table of a compilation.
pub(crate) struct Names<'a> {
    arena: &'a Bump,
    entries: Vec<Entry<'a>>,
    /// Entry index + 1, or 0; the length is a power of two.
    table: Vec<u32>,
    seed: u64,
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

impl<'a> Names<'a> {
    /// A table that holds the keywords, sized for a source of `source_len` bytes.
    pub(crate) fn new(arena: &'a Bump, source_len: usize) -> Names<'a> {
        let size = (source_len / 16).clamp(128, 1 << 16).next_power_of_two();
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u8(0);
        let mut names = Names {
            arena,
            entries: Vec::with_capacity(size / 2),
            table: vec![0; size],
            seed: hasher.finish(),
        };
        for word in KEYWORDS {
            names.intern(word);
        }
        names
    }

    /// The name of a string that lives as long as the table.
    #[inline]
    pub(crate) fn intern(&mut self, text: &'a [u8]) -> Name {
        let hash = self.hash(text);
        match self.find(text, hash) {
            Ok(name) => name,
            Err(at) => self.insert(text, hash, at),
        }
    }

    /// The name of a string that is copied if it is new.
    pub(crate) fn intern_copy(&mut self, text: &[u8]) -> Name {
        let hash = self.hash(text);
        match self.find(text, hash) {
            Ok(name) => name,
            Err(at) => {
                let text = self.arena.alloc_slice_copy(text);
                self.insert(text, hash, at)
            }
        }
    }

    /// The name of a long string that lives as long as the table; `pay` is
    /// told of the bytes handled and may end it.
    pub(crate) fn intern_long<E>(
        &mut self,
        text: &'a [u8],
        mut pay: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Name, E> {
        let mut state = self.seed ^ text.len() as u64;
        let pieces = text.chunks(CHUNK);
        let last = pieces.len().saturating_sub(1);
        let mut hash = 0;
        for (n, piece) in pieces.enumerate() {
            if n == last {
                hash = self.end_hash(state, piece);
            } else {
                state = Self::hash_words(state, piece.as_chunks::<8>().0);
            }
            pay(piece.len())?;
        }
        Ok(match self.find(text, hash) {
            Ok(name) => name,
            Err(at) => self.insert(text, hash, at),
        })
    }

    /// A copy of a long string that lives as long as the table; `pay` as for
    /// [`intern_long`](Self::intern_long).
    pub(crate) fn copy_long<E>(
        &self,
        text: &[u8],
        mut pay: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<&'a [u8], E> {
        let mut copy = bumpalo::collections::Vec::with_capacity_in(text.len(), self.arena);
        for piece in text.chunks(CHUNK) {
            copy.extend_from_slice_copy(piece);
            pay(piece.len())?;
        }
        Ok(copy.into_bump_slice())
    }

    /// Bytes held outside of the arena.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry<'_>>() + self.table.capacity() * size_of::<u32>()
    }

    /// The bytes of a name.
    #[inline]
    pub(crate) fn text(&self, name: Name) -> &'a [u8] {
        self.entries[name.0 as usize].text
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn hash(&self, text: &[u8]) -> u32 {
        self.end_hash(self.seed ^ text.len() as u64, text)
    }

    #[inline]
    fn hash_words(mut state: u64, words: &[[u8; 8]]) -> u64 {
        for word in words {
            state = mix(state ^ u64::from_le_bytes(*word), MULTIPLIER);
        }
        state
    }

    /// The hash after the last piece of a text.
    #[inline]
    fn end_hash(&self, state: u64, text: &[u8]) -> u32 {
        let (words, tail) = text.as_chunks::<8>();
        let state = Self::hash_words(state, words);
        let mut last = 0u64;
        for &b in tail {
            last = last << 8 | u64::from(b);
        }
        let state = mix(state ^ last, MULTIPLIER ^ self.seed);
        (state ^ state >> 32) as u32
    }

    fn find(&self, text: &[u8], hash: u32) -> Result<Name, usize> {
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.table[at] {
                0 => return Err(at),
                found => {
                    let entry = &self.entries[found as usize - 1];
                    if entry.hash == hash && entry.text == text {
                        return Ok(Name(found - 1));
                    }
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, text: &'a [u8], hash: u32, at: usize) -> Name {
        let name = Name(self.entries.len() as u32);
        self.entries.push(Entry { text, hash });
        self.table[at] = name.0 + 1;
        if self.entries.len() * 2 > self.table.len() {
            self.grow();
        }
        name
    }

    fn grow(&mut self) {
        let size = self.table.len() * 4;
        let mask = size - 1;
        let mut table = vec![0u32; size];
        for (i, entry) in self.entries.iter().enumerate() {
            let mut at = entry.hash as usize & mask;
            while table[at] != 0 {
                at = (at + 1) & mask;
            }
            table[at] = i as u32 + 1;
        }
        self.table = table;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_text_same_name() {
        let arena = Bump::new();
        let mut names = Names::new(&arena, 0);
        let a = names.intern(b"alpha");
        assert_eq!(names.intern_copy(b"alpha"), a);
        assert_eq!(names.intern(b"while"), Name(21));
        assert_ne!(names.intern(b""), names.intern(b"\0"));
        assert_ne!(names.intern(b"\0"), names.intern(b"\0\0"));
        assert_eq!(names.text(a), b"alpha");
    }

    #[test]
    fn many_names() {
        let arena = Bump::new();
        let mut names = Names::new(&arena, 0);
        let made: Vec<Name> = (0..5000)
            .map(|i| names.intern_copy(format!("name{i}").as_bytes()))
            .collect();
        for (i, &name) in made.iter().enumerate() {
            assert_eq!(names.text(name), format!("name{i}").as_bytes());
            assert_eq!(names.intern_copy(format!("name{i}").as_bytes()), name);
        }
        assert_eq!(names.len(), 5000 + KEYWORDS.len());
    }
}
