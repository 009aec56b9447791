//! Lua patterns: the matcher behind `find`, `match`, `gmatch` and `gsub`.
//!
//! A pattern is a sequence of items, each followed by an optional suffix:
//!
//! | item | matches |
//! |---|---|
//! | `x`, `%x` | that byte |
//! | `.` | any byte |
//! | `%a` `%d` … (upper case: the complement) | a byte of the class |
//! | `[set]`, `[^set]` | a byte of the set or of its complement |
//! | `(…)`, `()` | a capture; a position capture |
//! | `%1`–`%9` | what that capture has matched |
//! | `%bxy` | a balanced run from `x` to `y` |
//! | `%f[set]` | the border between a byte outside and a byte inside the set |
//! | `$` at the end | the end of the subject |
//!
//! Single-byte items may be followed by `*`, `+`, `-` (shortest) or `?`. A `^` in
//! front anchors the match, except for `gmatch`.
//!
//! The matcher interprets the pattern without compiling it, by backtracking. Three
//! things make it quick. A set is turned into a 256-bit bitmap once and remembered
//! by its place in the pattern. Before the matcher tries a position (the start of a
//! search, or the rest of the pattern after a repetition) it peeks at the pattern:
//! when a certain byte must come next, it skips to where that byte is. And results
//! travel as plain positions, the error standing aside in the matcher.
//!
//! It recurses natively where PUC Lua does, to at most [`MAX_DEPTH`] levels, and
//! reports to a [`Budget`] while it works. A malformed pattern is found out when
//! the matcher reaches the malformed part, as in PUC Lua, and not before.

mod engine;
mod item;
mod replace;

#[cfg(test)]
mod tests;

use super::budget::{Budget, STEPS_PER_CHARGE};
use super::{number, plain};
use item::SetCache;
use std::fmt;

pub use replace::append_replacement;

/// The most captures a pattern may have.
pub const MAX_CAPTURES: usize = 32;
/// How deep the matcher recurses before it gives up with "pattern too complex".
pub const MAX_DEPTH: u32 = 200;

/// What is wrong with a pattern, its use, or a replacement string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// A `%` without anything after it.
    EndsWithEscape,
    /// A set without `]`.
    MissingBracket,
    /// `%b` without its two bytes.
    MissingBalanceArguments,
    /// `%f` without a set.
    MissingFrontierSet,
    /// A reference to a capture that doesn't exist or isn't closed; the number
    /// written after the `%`.
    InvalidCaptureIndex(i32),
    /// A `)` without `(`.
    InvalidPatternCapture,
    /// A `(` without `)`, when the captures are read.
    UnfinishedCapture,
    /// More than [`MAX_CAPTURES`] captures.
    TooManyCaptures,
    /// Recursion beyond [`MAX_DEPTH`].
    TooComplex,
    /// A `%` in a replacement string before something else than a digit or `%`.
    InvalidReplacement,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PatternError::EndsWithEscape => "malformed pattern (ends with '%')",
            PatternError::MissingBracket => "malformed pattern (missing ']')",
            PatternError::MissingBalanceArguments => {
                "malformed pattern (missing arguments to '%b')"
            }
            PatternError::MissingFrontierSet => "missing '[' after '%f' in pattern",
            PatternError::InvalidCaptureIndex(n) => {
                return write!(f, "invalid capture index %{n}");
            }
            PatternError::InvalidPatternCapture => "invalid pattern capture",
            PatternError::UnfinishedCapture => "unfinished capture",
            PatternError::TooManyCaptures => "too many captures",
            PatternError::TooComplex => "pattern too complex",
            PatternError::InvalidReplacement => "invalid use of '%' in replacement string",
        })
    }
}

impl std::error::Error for PatternError {}

/// Why a match ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchError<E> {
    /// The pattern is at fault.
    Pattern(PatternError),
    /// The budget stopped the match.
    Stopped(E),
}

impl<E> From<PatternError> for MatchError<E> {
    fn from(error: PatternError) -> Self {
        MatchError::Pattern(error)
    }
}

/// A place in the subject, or one of two answers that are none.
type Pos = usize;
/// No match here.
const FAIL: Pos = usize::MAX;
/// The match ended with the error in [`Matcher::error`].
const STOP: Pos = usize::MAX - 1;

/// Length of a capture that is still open.
const OPEN: usize = usize::MAX;
/// "Length" of a position capture.
const POSITION: usize = usize::MAX - 1;

#[derive(Clone, Copy)]
struct Slot {
    start: usize,
    len: usize,
}

/// A match: 0-based offsets of its first byte and of the byte after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// A part of the subject.
    Span(Span),
    /// A position, 1-based as Lua sees it.
    Position(usize),
}

/// A pattern being matched against a subject.
///
/// It holds the captures of its last successful match and allocates nothing.
pub struct Matcher<'a, B: Budget> {
    src: &'a [u8],
    pat: &'a [u8],
    anchored: bool,
    depth: u32,
    steps: u32,
    level: usize,
    slots: [Slot; MAX_CAPTURES],
    sets: SetCache,
    error: Option<MatchError<B::Error>>,
    budget: B,
}

impl<'a, B: Budget> Matcher<'a, B> {
    /// A matcher for `find`, `match` and `gsub`, where a leading `^` anchors.
    #[inline]
    pub fn new(src: &'a [u8], pat: &'a [u8], budget: B) -> Self {
        match pat {
            [b'^', rest @ ..] => Self::with(src, rest, true, budget),
            _ => Self::with(src, pat, false, budget),
        }
    }

    /// A matcher for `gmatch`, where a leading `^` is a byte like others.
    #[inline]
    pub fn new_unanchored(src: &'a [u8], pat: &'a [u8], budget: B) -> Self {
        Self::with(src, pat, false, budget)
    }

    #[inline]
    fn with(src: &'a [u8], pat: &'a [u8], anchored: bool, budget: B) -> Self {
        Matcher {
            src,
            pat,
            anchored,
            depth: MAX_DEPTH,
            steps: 0,
            level: 0,
            slots: [Slot { start: 0, len: 0 }; MAX_CAPTURES],
            sets: SetCache::new(),
            error: None,
            budget,
        }
    }

    /// Whether the pattern is anchored: then only one position is ever tried.
    #[inline]
    pub fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Matches at `pos` only, and gives the end of the match.
    #[inline]
    pub fn match_at(&mut self, pos: usize) -> Result<Option<usize>, MatchError<B::Error>> {
        if pos > self.src.len() {
            return Ok(None);
        }
        let end = self.attempt(pos);
        self.answer(end)
    }

    /// The first match that begins at `from` or later; only at `from` itself when
    /// the pattern is anchored.
    ///
    /// With `last_end`, a match that ends there doesn't count: that is how `gmatch`
    /// and `gsub` avoid finding an empty match right after another.
    pub fn next_match(
        &mut self,
        from: usize,
        last_end: Option<usize>,
    ) -> Result<Option<Span>, MatchError<B::Error>> {
        if from > self.src.len() {
            return Ok(None);
        }
        let last_end = last_end.unwrap_or(FAIL);
        let skip = if self.anchored {
            Skip::None
        } else {
            self.first_item()?
        };
        let mut start = from;
        loop {
            start = match self.skip_to(start, &skip) {
                FAIL => return Ok(None),
                STOP => return self.answer(STOP).map(|_| None),
                start => start,
            };
            let end = self.attempt(start);
            if end == STOP {
                return self.answer(STOP).map(|_| None);
            }
            if end != FAIL && end != last_end {
                return Ok(Some(Span { start, end }));
            }
            if self.anchored || start >= self.src.len() {
                return Ok(None);
            }
            start += 1;
        }
    }

    /// How many values the last match yields: its captures, or the whole match if
    /// the pattern has none.
    #[inline]
    pub fn value_count(&self) -> usize {
        self.level.max(1)
    }

    /// How many captures the last match has.
    #[inline]
    pub fn capture_count(&self) -> usize {
        self.level
    }

    /// Capture `index` (from 0) of the last match, whose span is `whole`. Index 0
    /// of a pattern without captures is the whole match.
    #[inline]
    pub fn capture(&self, index: usize, whole: Span) -> Result<Capture, PatternError> {
        if index >= self.level {
            return if index == 0 {
                Ok(Capture::Span(whole))
            } else {
                Err(PatternError::InvalidCaptureIndex(index as i32 + 1))
            };
        }
        let Slot { start, len } = self.slots[index];
        match len {
            OPEN => Err(PatternError::UnfinishedCapture),
            POSITION => Ok(Capture::Position(start + 1)),
            len => Ok(Capture::Span(Span {
                start,
                end: start + len,
            })),
        }
    }

    /// The subject.
    #[inline]
    pub fn subject(&self) -> &'a [u8] {
        self.src
    }

    /// The budget, for the caller's own work between two matches.
    #[inline]
    pub fn budget(&mut self) -> &mut B {
        &mut self.budget
    }

    #[inline]
    fn attempt(&mut self, pos: usize) -> Pos {
        self.level = 0;
        self.depth = MAX_DEPTH;
        self.run(pos, 0)
    }

    #[inline]
    fn answer(&mut self, end: Pos) -> Result<Option<usize>, MatchError<B::Error>> {
        match end {
            FAIL => Ok(None),
            STOP => match self.error.take() {
                Some(error) => Err(error),
                None => Ok(None),
            },
            end => Ok(Some(end)),
        }
    }

    /// What every match of the pattern must begin with.
    fn first_item(&mut self) -> Result<Skip, MatchError<B::Error>> {
        if let Some(byte) = self.certain_byte(0) {
            return Ok(Skip::Byte(byte));
        }
        let at = usize::from(self.pat.first() == Some(&b'('));
        match self.pat.get(at..) {
            Some([b'[', ..]) => {}
            Some([b'%', b'b', open, _, ..]) => return Ok(Skip::Byte(*open)),
            Some([b'%', b'b' | b'f', ..]) => return Ok(Skip::None),
            Some([b'%', letter, ..]) if letter.is_ascii_alphabetic() => {}
            _ => return Ok(Skip::None),
        }
        let (_, after) = self.item(at)?;
        Ok(match self.pat.get(after) {
            Some(b'*' | b'?' | b'-') => Skip::None,
            _ => Skip::Until(at),
        })
    }

    /// The first position from `start` on where the pattern may match.
    #[inline]
    fn skip_to(&mut self, start: usize, skip: &Skip) -> Pos {
        match skip {
            Skip::None => start,
            Skip::Byte(byte) => {
                // Bytes that are close by are the usual case in text.
                if self.src.get(start) == Some(byte) {
                    return start;
                }
                match plain::find_byte(&self.src[start..], *byte, &mut self.budget) {
                    Ok(Some(at)) => {
                        self.steps += (at / 64) as u32;
                        start + at
                    }
                    Ok(None) => FAIL,
                    Err(error) => self.stop(error),
                }
            }
            Skip::Until(p) => {
                let item = match self.item(*p) {
                    Ok((item, _)) => item,
                    Err(error) => return self.fault(error),
                };
                let mut at = start;
                loop {
                    let end = self.src.len().min(at + STEPS_PER_CHARGE as usize);
                    match self.first(item, true, &self.src[at..end]) {
                        Some(found) => {
                            self.steps += found as u32;
                            return at + found;
                        }
                        None if end == self.src.len() => return FAIL,
                        None => {
                            if !self.spend((end - at) as u32) {
                                return STOP;
                            }
                            at = end;
                        }
                    }
                }
            }
        }
    }

    /// Counts `steps`; false when the budget has stopped the match.
    #[inline]
    fn spend(&mut self, steps: u32) -> bool {
        self.steps += steps;
        self.steps < STEPS_PER_CHARGE || self.settle()
    }

    #[cold]
    fn settle(&mut self) -> bool {
        let steps = std::mem::take(&mut self.steps);
        match self.budget.charge(u64::from(steps)) {
            Ok(()) => true,
            Err(error) => {
                self.stop(error);
                false
            }
        }
    }

    #[cold]
    fn stop(&mut self, error: B::Error) -> Pos {
        self.error = Some(MatchError::Stopped(error));
        STOP
    }

    #[cold]
    fn fault(&mut self, error: PatternError) -> Pos {
        self.error = Some(MatchError::Pattern(error));
        STOP
    }
}

/// How a search finds its next candidate.
enum Skip {
    /// Every position is one.
    None,
    /// Where this byte is.
    Byte(u8),
    /// Where the item at this place in the pattern matches.
    Until(usize),
}

/// Whether `pattern` has no special characters, so that a plain search will do.
#[inline]
pub fn no_specials(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| b"^$*+?.([%-".contains(byte))
}
