//! The intern table: every string of up to
//! [`MAX_INTERNED`](crate::object::MAX_INTERNED) bytes, once.
//!
//! Open addressing with linear probing over two parallel arrays, hashes and
//! pointers, so that probing and resizing don't touch the strings. Hash 0
//! is an empty place. References are weak: the sweeper removes dead strings, and
//! one that is found before the sweeper comes is brought back to life.
//!
//! A table that has to be resized becomes the *old* one: strings move to its
//! successor a few at a time, with each insertion, so that no insertion takes
//! long. Meanwhile both are searched; hash 1 is a place of the old one whose
//! string has moved or died. A table gets smaller only if it was too large for
//! a whole cycle, since most strings die in each.

use crate::object::Str;
use std::ptr::null_mut;

const EMPTY: u32 = 0;
const GONE: u32 = 1;
const FIRST: usize = 256;
/// A new table has at least this part of the old one's places.
const SHRINK: usize = 8;
/// Places of the old table looked at with each insertion. A new table begins
/// half full at the most (with what is still to move) and is resized when
/// three quarters full, so at least a quarter of its places is filled before:
/// by then all of the old one's must have been looked at.
const PACE: usize = 4 * SHRINK + 8;

/// One open-addressed table.
#[derive(Debug, Default)]
struct Places {
    hashes: Vec<u32>,
    strings: Vec<*mut Str>,
    /// Strings.
    live: usize,
}

impl Places {
    fn new(size: usize) -> Places {
        Places {
            hashes: vec![EMPTY; size],
            strings: vec![null_mut(); size],
            live: 0,
        }
    }

    #[inline]
    fn find(&self, hash: u32, bytes: &[u8]) -> Option<*mut Str> {
        if self.live == 0 {
            return None;
        }
        let mask = self.hashes.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let h = self.hashes[at];
            if h == hash {
                let s = self.strings[at];
                // SAFETY: strings leave the table before they are freed;
                // interned ones are flat.
                let same = unsafe {
                    (*s).len == bytes.len()
                        && super::hash::same(std::slice::from_raw_parts((*s).data, (*s).len), bytes)
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

    /// Adds a string; there is an empty place.
    #[inline]
    fn insert(&mut self, hash: u32, s: *mut Str) {
        let mask = self.hashes.len() - 1;
        let mut at = hash as usize & mask;
        while self.hashes[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.live += 1;
        self.hashes[at] = hash;
        self.strings[at] = s;
    }

    /// Where a string is.
    fn place_of(&self, hash: u32, s: *mut Str) -> Option<usize> {
        if self.live == 0 {
            return None;
        }
        let mask = self.hashes.len() - 1;
        let mut at = hash as usize & mask;
        while self.hashes[at] != EMPTY {
            if self.strings[at] == s && self.hashes[at] > GONE {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Empties a place, and moves those behind it up that would no longer be found.
    fn close(&mut self, at: usize) {
        let mask = self.hashes.len() - 1;
        let (mut hole, mut at) = (at, (at + 1) & mask);
        while self.hashes[at] != EMPTY {
            let home = self.hashes[at] as usize & mask;
            let (from_home, from_hole) =
                (at.wrapping_sub(home) & mask, at.wrapping_sub(hole) & mask);
            if from_home >= from_hole {
                self.hashes[hole] = self.hashes[at];
                self.strings[hole] = self.strings[at];
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.hashes[hole] = EMPTY;
        self.strings[hole] = null_mut();
        self.live -= 1;
    }

    /// Marks a place as one whose string is gone: of a table that is looked through from
    /// its start, so that nothing in it may move.
    fn bury(&mut self, at: usize) {
        self.hashes[at] = GONE;
        self.strings[at] = null_mut();
        self.live -= 1;
    }
}

/// The table. Its memory is accounted as bytes of the heap.
#[derive(Debug, Default)]
pub struct InternTable {
    now: Places,
    /// Its predecessor, while it still has strings.
    old: Places,
    /// Places of `old` before this one are done with.
    moved: usize,
    /// Strings when the sweeper began last.
    peak: usize,
}

impl InternTable {
    /// Bytes of the table.
    pub fn footprint(&self) -> usize {
        (self.now.hashes.len() + self.old.hashes.len()) * (size_of::<u32>() + size_of::<*mut Str>())
    }

    /// The string with these bytes, if it is there.
    #[inline]
    pub fn find(&self, hash: u32, bytes: &[u8]) -> Option<*mut Str> {
        let found = self.now.find(hash, bytes);
        if found.is_none() && self.old.live > 0 {
            self.old.find(hash, bytes)
        } else {
            found
        }
    }

    /// Adds a string that isn't there.
    #[inline]
    pub fn insert(&mut self, hash: u32, s: *mut Str) {
        if self.now.live * 4 >= self.now.hashes.len() * 3 {
            self.resize();
        }
        if !self.old.hashes.is_empty() {
            self.migrate(PACE);
        }
        self.now.insert(hash, s);
    }

    /// Removes a string.
    pub fn remove(&mut self, hash: u32, s: *mut Str) {
        if let Some(at) = self.now.place_of(hash, s) {
            self.now.close(at);
        } else if let Some(at) = self.old.place_of(hash, s) {
            self.old.bury(at);
        }
    }

    /// Makes a new table with room for as many strings again.
    #[cold]
    fn resize(&mut self) {
        self.migrate(usize::MAX);
        let size = (self.now.live * 2 + 2)
            .next_power_of_two()
            .max(self.now.hashes.len() / SHRINK)
            .max(FIRST);
        self.old = std::mem::replace(&mut self.now, Places::new(size));
        self.moved = 0;
        if self.old.live == 0 {
            self.old = Places::default();
        }
    }

    /// Moves strings out of the old table, if there is one, looking at so
    /// many of its places.
    pub fn migrate(&mut self, places: usize) {
        let end = self.moved.saturating_add(places).min(self.old.hashes.len());
        for at in self.moved..end {
            let hash = self.old.hashes[at];
            if hash > GONE {
                self.now.insert(hash, self.old.strings[at]);
                // The place stays taken, so that searches go on behind it.
                self.old.bury(at);
            }
        }
        self.moved = end;
        if end == self.old.hashes.len() {
            self.old = Places::default();
            self.moved = 0;
        }
    }

    /// A major collection is about to sweep: there won't be more strings in this cycle.
    pub fn note_peak(&mut self) {
        self.peak = self.peak.max(self.now.live + self.old.live);
    }

    /// At the end of a major collection: begins to make the table smaller if it was too
    /// large for all strings that there were before; or, if the collection was
    /// `thorough`, for those that there are.
    pub fn shrink(&mut self, thorough: bool) {
        let live = self.now.live + self.old.live;
        let peak = std::mem::replace(&mut self.peak, live);
        let peak = if thorough { live } else { peak.max(live) };
        if self.old.hashes.is_empty()
            && self.now.hashes.len() > FIRST
            && peak < self.now.hashes.len() / 8
        {
            self.resize();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = InternTable::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Heap;
    use crate::heap::hash::hash_bytes;

    #[test]
    fn a_table_full_of_the_dead_is_replaced_before_it_overflows() {
        let mut heap = Heap::new(3);
        let mut table = InternTable::default();
        let mut kept = Vec::new();
        for round in 0u32..200_000 {
            let bytes = round.to_le_bytes();
            let (hash, s) = (
                hash_bytes(5, &bytes),
                heap.uninit_str(60).expect("memory").0,
            );
            table.insert(hash, s);
            // Few live on: resizing makes the table much smaller.
            if round % 17 == 0 {
                kept.push((hash, s));
            } else {
                table.remove(hash, s);
            }
            if kept.len() > 3000 {
                for (hash, s) in kept.drain(..2900) {
                    table.remove(hash, s);
                }
            }
        }
        assert_eq!(table.now.live + table.old.live, kept.len());
        // SAFETY: nothing uses the strings any more.
        unsafe { heap.free_all() };
    }

    #[test]
    fn finds_what_was_put_in_while_it_is_resized() {
        let mut heap = Heap::new(3);
        let mut table = InternTable::default();
        let names: Vec<String> = (0..20_000).map(|i| format!("name {i}")).collect();
        let strings: Vec<_> = names
            .iter()
            .map(|n| (hash_bytes(1, n.as_bytes()), heap.str(n.as_bytes())))
            .collect();
        for (i, &(h, s)) in strings.iter().enumerate() {
            assert!(table.find(h, names[i].as_bytes()).is_none());
            table.insert(h, s);
            for j in [i, i / 2, i / 3, i.saturating_sub(300)] {
                let gone = j % 7 == 0 && j <= i.saturating_sub(300);
                if gone && j == i.saturating_sub(300) {
                    table.remove(strings[j].0, strings[j].1);
                }
                if !gone {
                    assert_eq!(
                        table.find(strings[j].0, names[j].as_bytes()),
                        Some(strings[j].1)
                    );
                }
            }
        }
        for (i, &(h, s)) in strings.iter().enumerate() {
            let gone = i % 7 == 0 && i < 20_000 - 300;
            assert_eq!(table.find(h, names[i].as_bytes()).is_none(), gone, "{i}");
            table.remove(h, s);
        }
        // It shrinks step by step, one with each collection.
        for _ in 0..4 {
            table.shrink(true);
            table.migrate(usize::MAX);
        }
        assert!(table.footprint() <= FIRST * 12);
        // SAFETY: nothing uses the strings any more.
        unsafe { heap.free_all() };
    }

    #[test]
    fn it_gets_smaller_when_it_was_too_large_for_a_whole_cycle() {
        let mut heap = Heap::new(3);
        let mut table = InternTable::default();
        let s = heap.str(b"one for all");
        for hash in 2..9_000 {
            table.insert(hash, s);
        }
        table.migrate(usize::MAX);
        let full = table.footprint();
        table.note_peak();
        for hash in 2..9_000 {
            table.remove(hash, s);
        }
        table.shrink(false);
        assert_eq!(table.footprint(), full, "its strings died in this cycle");
        table.note_peak();
        table.shrink(false);
        table.migrate(usize::MAX);
        assert!(table.footprint() < full);
        // SAFETY: nothing uses the string any more.
        unsafe { heap.free_all() };
    }

    #[test]
    fn what_lies_behind_a_gap_is_found() {
        let mut heap = Heap::new(3);
        let strings: Vec<_> = (0..150u32).map(|n| heap.str(&n.to_le_bytes())).collect();
        let mut places = Places::new(FIRST);
        let mut here = vec![false; strings.len()];
        let mut random = 1u32;
        // Crowded around the end, and beyond it.
        let hash = |n: usize| FIRST as u32 * 5 - 20 + (n as u32 * 7) % 40;
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let n = (random >> 16) as usize % strings.len();
            match places.place_of(hash(n), strings[n]) {
                Some(at) => places.close(at),
                None => places.insert(hash(n), strings[n]),
            }
            here[n] = !here[n];
            let all = here.iter().zip(&strings).enumerate();
            for (n, (&here, &s)) in all {
                assert_eq!(places.place_of(hash(n), s).is_some(), here, "{n}");
            }
        }
        assert_eq!(places.live, here.iter().filter(|&&h| h).count());
        // SAFETY: nothing uses the strings any more.
        unsafe { heap.free_all() };
    }
}
