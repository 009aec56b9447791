//! Single-byte items: what a pattern compares one byte of the subject with.

use super::{Budget, Matcher, PatternError};
use crate::text::ctype::{self, CLASSES};

/// A set of bytes, a bit each.
pub(super) type Bitmap = [u64; 4];

/// A single-byte item, ready to be tested.
#[derive(Clone, Copy)]
pub(super) enum Item {
    /// `.`
    Any,
    /// A byte that stands for itself.
    Byte(u8),
    /// `%a` and its like, or with `negated` the upper-case complement.
    Class { mask: u16, negated: bool },
    /// `[…]`: the entry of the set cache that holds it, until another set is read.
    Set(u8),
}

#[inline]
fn has(bits: &Bitmap, byte: u8) -> bool {
    bits[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
}

/// The class named by the letter after `%`, and whether it is the complement.
#[inline]
fn class(letter: u8) -> Option<(u16, bool)> {
    let mask = match letter.to_ascii_lowercase() {
        b'a' => ctype::ALPHA,
        b'c' => ctype::CNTRL,
        b'd' => ctype::DIGIT,
        b'g' => ctype::GRAPH,
        b'l' => ctype::LOWER,
        b'p' => ctype::PUNCT,
        b's' => ctype::SPACE,
        b'u' => ctype::UPPER,
        b'w' => ctype::ALNUM,
        b'x' => ctype::XDIGIT,
        b'z' => ctype::ZERO,
        _ => return None,
    };
    Some((mask, letter.is_ascii_uppercase()))
}

/// The item for `%` and the byte after it.
#[inline]
fn escaped(byte: u8) -> Item {
    match class(byte) {
        Some((mask, negated)) => Item::Class { mask, negated },
        None => Item::Byte(byte),
    }
}

/// Bitmaps of the pattern's sets, by where they begin.
pub(super) struct SetCache {
    entries: [CachedSet; SetCache::SIZE],
}

#[derive(Clone, Copy)]
struct CachedSet {
    /// Where the set begins in the pattern, or `usize::MAX`.
    start: usize,
    /// Where the pattern goes on after it.
    end: usize,
    bits: Bitmap,
}

impl SetCache {
    /// A power of two.
    const SIZE: usize = 4;

    #[inline]
    pub(super) fn new() -> Self {
        let empty = CachedSet {
            start: usize::MAX,
            end: 0,
            bits: [0; 4],
        };
        SetCache {
            entries: [empty; Self::SIZE],
        }
    }
}

impl<B: Budget> Matcher<'_, B> {
    /// The single-byte item at `at` and where the pattern goes on after it. There
    /// must be something at `at`.
    #[inline(always)]
    pub(super) fn item(&mut self, at: usize) -> Result<(Item, usize), PatternError> {
        match self.pat[at] {
            b'.' => Ok((Item::Any, at + 1)),
            b'%' => match self.pat.get(at + 1) {
                Some(&byte) => Ok((escaped(byte), at + 2)),
                None => Err(PatternError::EndsWithEscape),
            },
            b'[' => {
                let slot = at % SetCache::SIZE;
                let end = self.set(at)?;
                Ok((Item::Set(slot as u8), end))
            }
            byte => Ok((Item::Byte(byte), at + 1)),
        }
    }

    /// Whether `item` matches `byte`.
    #[inline(always)]
    pub(super) fn matches(&self, item: Item, byte: u8) -> bool {
        match item {
            Item::Any => true,
            Item::Byte(own) => own == byte,
            Item::Class { mask, negated } => ctype::is(byte, mask) != negated,
            Item::Set(slot) => has(&self.sets.entries[usize::from(slot)].bits, byte),
        }
    }

    /// The index of the first byte of `text` for which `item` matching is `wanted`.
    #[inline]
    pub(super) fn first(&self, item: Item, wanted: bool, text: &[u8]) -> Option<usize> {
        // One loop per kind, so that the choice is made once.
        match item {
            Item::Any if wanted => (!text.is_empty()).then_some(0),
            Item::Any => None,
            Item::Byte(own) => text.iter().position(|&byte| (byte == own) == wanted),
            Item::Class { mask, negated } => {
                let wanted = wanted != negated;
                text.iter()
                    .position(|&byte| ctype::is(byte, mask) == wanted)
            }
            Item::Set(slot) => {
                let bits = self.sets.entries[usize::from(slot)].bits;
                text.iter().position(|&byte| has(&bits, byte) == wanted)
            }
        }
    }

    /// Whether the frontier `%f` with the set at `at` is at subject position `pos`;
    /// if so, where the pattern goes on.
    pub(super) fn frontier(
        &mut self,
        pos: usize,
        at: usize,
    ) -> Result<Option<usize>, PatternError> {
        if self.pat.get(at) != Some(&b'[') {
            return Err(PatternError::MissingFrontierSet);
        }
        let end = self.set(at)?;
        let bits = &self.sets.entries[at % SetCache::SIZE].bits;
        // Beyond either end of the subject there are zeros.
        let before = if pos == 0 { 0 } else { self.src[pos - 1] };
        let after = self.src.get(pos).copied().unwrap_or(0);
        Ok((!has(bits, before) && has(bits, after)).then_some(end))
    }

    /// Has the set that begins at `at` in its entry of the cache, and gives the place
    /// where the pattern goes on after it.
    #[inline]
    fn set(&mut self, at: usize) -> Result<usize, PatternError> {
        let entry = &self.sets.entries[at % SetCache::SIZE];
        if entry.start == at {
            Ok(entry.end)
        } else {
            self.read_set(at)
        }
    }

    #[inline(never)]
    fn read_set(&mut self, at: usize) -> Result<usize, PatternError> {
        let end = set_end(self.pat, at)?;
        let bits = set_bits(&self.pat[at + 1..end - 1]);
        self.sets.entries[at % SetCache::SIZE] = CachedSet {
            start: at,
            end,
            bits,
        };
        Ok(end)
    }
}

/// Where the pattern goes on after the set that begins at `at`.
fn set_end(pat: &[u8], at: usize) -> Result<usize, PatternError> {
    let mut i = at + 1;
    if pat.get(i) == Some(&b'^') {
        i += 1;
    }
    // The first byte belongs to the set even if it is a bracket.
    loop {
        match pat.get(i) {
            None => return Err(PatternError::MissingBracket),
            Some(b'%') => i += 2,
            Some(_) => i += 1,
        }
        if pat.get(i) == Some(&b']') {
            return Ok(i + 1);
        }
    }
}

/// The bytes in the set with this text between its brackets.
fn set_bits(text: &[u8]) -> Bitmap {
    let mut bits = [0; 4];
    let (negated, text) = match text {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut i = 0;
    while i < text.len() {
        match (text[i], text.get(i + 1), text.get(i + 2)) {
            (b'%', letter, _) => {
                i += 2;
                // A range may swallow the escape of an escape (`[x-%%]`); what is left
                // then escapes the closing bracket, which as a result is in the set.
                let letter = letter.copied().unwrap_or(b']');
                match class(letter) {
                    Some((mask, negated)) => add_class(&mut bits, mask, negated),
                    None => add(&mut bits, letter),
                }
            }
            (low, Some(b'-'), Some(&high)) => {
                i += 3;
                for byte in low..=high {
                    add(&mut bits, byte);
                }
            }
            (byte, _, _) => {
                i += 1;
                add(&mut bits, byte);
            }
        }
    }
    if negated {
        bits.map(|word| !word)
    } else {
        bits
    }
}

#[inline]
fn add(bits: &mut Bitmap, byte: u8) {
    bits[usize::from(byte >> 6)] |= 1 << (byte & 63);
}

/// Bitmaps of the ten basic classes, by the number of their bit.
static CLASS_BITS: [Bitmap; 10] = {
    let mut maps = [[0u64; 4]; 10];
    let mut class = 0;
    while class < maps.len() {
        let mut byte = 0;
        while byte < 256 {
            if CLASSES[byte] >> class & 1 != 0 {
                maps[class][byte >> 6] |= 1 << (byte & 63);
            }
            byte += 1;
        }
        class += 1;
    }
    maps
};

fn add_class(bits: &mut Bitmap, mask: u16, negated: bool) {
    let mut class = [0; 4];
    for (bit, map) in CLASS_BITS.iter().enumerate() {
        if mask >> bit & 1 != 0 {
            for (word, more) in class.iter_mut().zip(map) {
                *word |= more;
            }
        }
    }
    for (word, more) in bits.iter_mut().zip(class) {
        *word |= if negated { !more } else { more };
    }
}
