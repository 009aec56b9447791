//! The intern table: every string of up to
//! [`MAX_INTERNED`](crate::object::MAX_INTERNED) bytes, once.
//!
//! Open addressing with linear probing over two parallel arrays, hashes and
//! pointers, so that probing and rehashing don't touch the strings. Hash 0
//! is an empty place, 1 one whose string has died. References are weak: the
//! sweeper removes dead strings, and one that is found before the sweeper
//! comes is brought back to life.

use crate::object::Str;
use std::ptr::null_mut;

const EMPTY: u32 = 0;
const GONE: u32 = 1;
const FIRST: usize = 256;

/// The table. Its memory is accounted as raw bytes of the heap.
#[derive(Debug, Default)]
pub struct InternTable {
    hashes: Vec<u32>,
    strings: Vec<*mut Str>,
    /// Places that are not [`EMPTY`].
    taken: usize,
    /// Strings.
    live: usize,
}

impl InternTable {
    /// Bytes of the table.
    pub fn footprint(&self) -> usize {
        self.hashes.len() * (size_of::<u32>() + size_of::<*mut Str>())
    }

    /// The string with these bytes, if it is there.
    #[inline]
    pub fn find(&self, hash: u32, bytes: &[u8]) -> Option<*mut Str> {
        let mask = self.hashes.len().wrapping_sub(1);
        if self.hashes.is_empty() {
            return None;
        }
        let mut at = hash as usize & mask;
        loop {
            let h = self.hashes[at];
            if h == hash {
                let s = self.strings[at];
                // SAFETY: strings leave the table before they are freed;
                // interned ones are flat.
                let same = unsafe {
                    (*s).len == bytes.len()
                        && std::slice::from_raw_parts((*s).data, (*s).len) == bytes
                };
                if same {
                    return Some(s);
                }
            } else if h == EMPTY {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a string that isn't there.
    #[inline]
    pub fn insert(&mut self, hash: u32, s: *mut Str) {
        if self.taken * 4 >= self.hashes.len() * 3 {
            self.rehash();
        }
        let mask = self.hashes.len() - 1;
        let mut at = hash as usize & mask;
        while self.hashes[at] > GONE {
            at = (at + 1) & mask;
        }
        self.taken += usize::from(self.hashes[at] == EMPTY);
        self.live += 1;
        self.hashes[at] = hash;
        self.strings[at] = s;
    }

    /// Removes a string.
    pub fn remove(&mut self, hash: u32, s: *mut Str) {
        let mask = self.hashes.len().wrapping_sub(1);
        if self.hashes.is_empty() {
            return;
        }
        let mut at = hash as usize & mask;
        while self.hashes[at] != EMPTY {
            if self.strings[at] == s && self.hashes[at] > GONE {
                self.live -= 1;
                // The last of a run needs no mark.
                if self.hashes[(at + 1) & mask] == EMPTY {
                    self.hashes[at] = EMPTY;
                    self.taken -= 1;
                } else {
                    self.hashes[at] = GONE;
                }
                self.strings[at] = null_mut();
                return;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn rehash(&mut self) {
        // Room for as many again; shrinks when most have died.
        let size = (self.live * 2 + 2).next_power_of_two().max(FIRST);
        let mask = size - 1;
        let mut hashes = vec![EMPTY; size];
        let mut strings = vec![null_mut(); size];
        for (&h, &s) in self.hashes.iter().zip(&self.strings) {
            if h > GONE {
                let mut at = h as usize & mask;
                while hashes[at] != EMPTY {
                    at = (at + 1) & mask;
                }
                hashes[at] = h;
                strings[at] = s;
            }
        }
        self.hashes = hashes;
        self.strings = strings;
        self.taken = self.live;
    }

    /// Makes the table smaller if most of its strings have died.
    pub fn shrink(&mut self) {
        if self.hashes.len() > FIRST && self.live < self.hashes.len() / 8 {
            self.rehash();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = InternTable::default();
    }
}
