//! The backtracking engine: matching the pattern from one position on.
//!
//! [`Matcher::run`] walks the pattern in a loop and recurses only where it may
//! have to come back: for captures and for repetitions with something after them.
//! Its recursion has the same shape as PUC Lua's, as the depth at which a pattern
//! is "too complex" can be observed.

use super::item::Item;
use super::{
    Budget, FAIL, MAX_CAPTURES, MatchError, Matcher, OPEN, POSITION, PatternError, Pos,
    STEPS_PER_CHARGE, STOP, Slot,
};
use crate::text::plain;

impl<B: Budget> Matcher<'_, B> {
    /// Matches the pattern from `p` on at subject position `s`; gives the end of the
    /// match, [`FAIL`] or [`STOP`].
    pub(super) fn run(&mut self, s: usize, p: usize) -> Pos {
        if self.depth == 0 {
            return self.fault(PatternError::TooComplex);
        }
        self.depth -= 1;
        let end = self.run_items(s, p);
        self.depth += 1;
        end
    }

    fn run_items(&mut self, mut s: usize, mut p: usize) -> Pos {
        loop {
            if !self.spend(1) {
                return STOP;
            }
            let Some(&byte) = self.pat.get(p) else {
                return s;
            };
            match byte {
                b'(' => {
                    return if self.pat.get(p + 1) == Some(&b')') {
                        self.start_capture(s, p + 2, POSITION)
                    } else {
                        self.start_capture(s, p + 1, OPEN)
                    };
                }
                b')' => return self.end_capture(s, p + 1),
                b'$' if p + 1 == self.pat.len() => {
                    return if s == self.src.len() { s } else { FAIL };
                }
                b'%' => match self.pat.get(p + 1) {
                    Some(b'b') => match self.balance(s, p + 2) {
                        end @ (FAIL | STOP) => return end,
                        end => {
                            s = end;
                            p += 4;
                            continue;
                        }
                    },
                    Some(b'f') => match self.frontier(s, p + 2) {
                        Ok(Some(after)) => {
                            p = after;
                            continue;
                        }
                        Ok(None) => return FAIL,
                        Err(error) => return self.fault(error),
                    },
                    Some(&digit @ b'0'..=b'9') => match self.back_reference(s, digit) {
                        end @ (FAIL | STOP) => return end,
                        end => {
                            s = end;
                            p += 2;
                            continue;
                        }
                    },
                    _ => {}
                },
                _ => {}
            }
            let (item, after) = match self.item(p) {
                Ok(found) => found,
                Err(error) => return self.fault(error),
            };
            let matched = self
                .src
                .get(s)
                .is_some_and(|&byte| self.matches(item, byte));
            match (self.pat.get(after), matched) {
                (Some(b'*' | b'?' | b'-'), false) => p = after + 1,
                (Some(b'?'), true) => match self.run(s + 1, after + 1) {
                    FAIL => p = after + 1,
                    end => return end,
                },
                (Some(b'*'), true) => return self.longest(s, item, after + 1),
                (Some(b'+'), true) => return self.longest(s + 1, item, after + 1),
                (Some(b'-'), true) => return self.shortest(s, p, after + 1),
                (_, true) => {
                    s += 1;
                    p = after;
                }
                (_, false) => return FAIL,
            }
        }
    }

    /// As many repetitions of `item` as lead to a match of the rest of the pattern.
    fn longest(&mut self, s: usize, item: Item, rest: usize) -> Pos {
        let mut end = match self.run_of(s, item) {
            STOP => return STOP,
            end => end,
        };
        if rest == self.pat.len() && self.depth > 0 {
            return end;
        }
        let certain = self.certain_byte(rest);
        loop {
            if let Some(byte) = certain
                && self.src.get(end) != Some(&byte)
            {
                // Go back to the last place where the rest may begin.
                end = match self.last_byte(s, end, byte) {
                    end @ (FAIL | STOP) => return end,
                    end => end,
                };
            }
            match self.run(end, rest) {
                FAIL if end > s => end -= 1,
                end => return end,
            }
        }
    }

    /// As few repetitions of the item at `p` as lead to a match of the rest of the
    /// pattern.
    fn shortest(&mut self, mut s: usize, p: usize, rest: usize) -> Pos {
        let certain = self.certain_byte(rest);
        loop {
            // The rest of the pattern may have pushed a set out of the cache.
            let item = match self.item(p) {
                Ok((item, _)) => item,
                Err(error) => return self.fault(error),
            };
            if let Some(byte) = certain
                && self.src.get(s) != Some(&byte)
            {
                s = match self.step_to(s, item, byte) {
                    end @ (FAIL | STOP) => return end,
                    end => end,
                };
            }
            let go_on = self
                .src
                .get(s)
                .is_some_and(|&byte| self.matches(item, byte));
            match self.run(s, rest) {
                FAIL if go_on => s += 1,
                end => return end,
            }
        }
    }

    /// The end of the run of bytes at `s` that `item` matches, or [`STOP`].
    #[inline]
    fn run_of(&mut self, s: usize, item: Item) -> Pos {
        if matches!(item, Item::Any) {
            return self.src.len();
        }
        let mut end = s;
        loop {
            let window_end = self.src.len().min(end + STEPS_PER_CHARGE as usize);
            let window = &self.src[end..window_end];
            let length = self.first(item, false, window).unwrap_or(window.len());
            end += length;
            if !self.spend(length as u32) {
                return STOP;
            }
            if end < window_end || end == self.src.len() {
                return end;
            }
        }
    }

    /// The last position in `from..before` that holds `byte`, [`FAIL`] or [`STOP`].
    fn last_byte(&mut self, from: usize, before: usize, byte: u8) -> Pos {
        let mut end = before;
        while end > from {
            let start = from.max(end.saturating_sub(16 * STEPS_PER_CHARGE as usize));
            if let Some(at) = memchr::memrchr(byte, &self.src[start..end]) {
                return if self.spend(((end - start - at) / 16) as u32) {
                    start + at
                } else {
                    STOP
                };
            }
            if !self.spend(((end - start) / 16) as u32 + 1) {
                return STOP;
            }
            end = start;
        }
        FAIL
    }

    /// The first position from `s` on that holds `byte`, provided that `item`
    /// matches all bytes before it; else [`FAIL`] or [`STOP`].
    fn step_to(&mut self, s: usize, item: Item, byte: u8) -> Pos {
        if matches!(item, Item::Any) {
            return match plain::find_byte(&self.src[s..], byte, &mut self.budget) {
                Ok(Some(at)) if self.spend((at / 64) as u32) => s + at,
                Ok(Some(_)) => STOP,
                Ok(None) => FAIL,
                Err(error) => self.stop(error),
            };
        }
        let mut at = s;
        loop {
            let Some(&here) = self.src.get(at) else {
                return FAIL;
            };
            if here == byte {
                return if self.spend((at - s) as u32 % STEPS_PER_CHARGE) {
                    at
                } else {
                    STOP
                };
            }
            if !self.matches(item, here) {
                return FAIL;
            }
            at += 1;
            if (at - s).is_multiple_of(STEPS_PER_CHARGE as usize) && !self.spend(STEPS_PER_CHARGE) {
                return STOP;
            }
        }
    }

    /// The byte that any match of the pattern from `p` on must begin with, where a
    /// look at the pattern tells.
    ///
    /// It sees through one parenthesis, but only where skipping positions can't hide
    /// an error that an attempt there would have raised.
    #[inline]
    pub(super) fn certain_byte(&self, p: usize) -> Option<u8> {
        let p = match self.pat.get(p)? {
            b'(' if self.level < MAX_CAPTURES => match self.pat.get(p + 1)? {
                b')' => p + 2,
                _ => p + 1,
            },
            b')' if self.slots[..self.level].iter().any(|slot| slot.len == OPEN) => p + 1,
            _ => p,
        };
        let (byte, after) = match *self.pat.get(p)? {
            b'(' | b')' | b'.' | b'[' => return None,
            b'$' if p + 1 == self.pat.len() => return None,
            b'%' => match *self.pat.get(p + 1)? {
                byte if byte.is_ascii_alphanumeric() => return None,
                byte => (byte, p + 2),
            },
            byte => (byte, p + 1),
        };
        match self.pat.get(after) {
            Some(b'*' | b'?' | b'-') => None,
            _ => Some(byte),
        }
    }

    fn start_capture(&mut self, s: usize, p: usize, len: usize) -> Pos {
        let level = self.level;
        if level >= MAX_CAPTURES {
            return self.fault(PatternError::TooManyCaptures);
        }
        self.slots[level] = Slot { start: s, len };
        self.level = level + 1;
        let end = self.run(s, p);
        if end == FAIL {
            self.level -= 1;
        }
        end
    }

    fn end_capture(&mut self, s: usize, p: usize) -> Pos {
        let open = self.slots[..self.level]
            .iter()
            .rposition(|slot| slot.len == OPEN);
        let Some(index) = open else {
            return self.fault(PatternError::InvalidPatternCapture);
        };
        self.slots[index].len = s - self.slots[index].start;
        let end = self.run(s, p);
        if end == FAIL {
            self.slots[index].len = OPEN;
        }
        end
    }

    /// `%b` at `s`, whose two bytes are at `p`.
    fn balance(&mut self, s: usize, p: usize) -> Pos {
        let Some(&[open, close]) = self.pat.get(p..p + 2) else {
            return self.fault(PatternError::MissingBalanceArguments);
        };
        if self.src.get(s) != Some(&open) {
            return FAIL;
        }
        let mut nesting = 1usize;
        let mut at = s + 1;
        while at < self.src.len() {
            let window_end = self.src.len().min(at + STEPS_PER_CHARGE as usize);
            let window_start = at;
            while at < window_end {
                let byte = self.src[at];
                at += 1;
                // The closing byte counts first: in `%bxx` it is both.
                if byte == close {
                    nesting -= 1;
                    if nesting == 0 {
                        return if self.spend((at - window_start) as u32) {
                            at
                        } else {
                            STOP
                        };
                    }
                } else if byte == open {
                    nesting += 1;
                }
            }
            if !self.spend((at - window_start) as u32) {
                return STOP;
            }
        }
        FAIL
    }

    /// `%1` to `%9` at `s`.
    fn back_reference(&mut self, s: usize, digit: u8) -> Pos {
        let number = i32::from(digit) - i32::from(b'0');
        let slot = usize::try_from(number - 1)
            .ok()
            .and_then(|index| self.slots[..self.level].get(index))
            .filter(|slot| slot.len != OPEN);
        let Some(&Slot { start, len }) = slot else {
            return self.fault(PatternError::InvalidCaptureIndex(number));
        };
        // A position capture has no text that could come again.
        if len == POSITION || len > self.src.len() - s {
            return FAIL;
        }
        let (earlier, here) = (&self.src[start..start + len], &self.src[s..s + len]);
        match plain::equal(earlier, here, &mut self.budget) {
            Ok(true) => {
                if self.spend((len / 64).min(STEPS_PER_CHARGE as usize) as u32) {
                    s + len
                } else {
                    STOP
                }
            }
            Ok(false) => FAIL,
            Err(error) => {
                self.error = Some(MatchError::Stopped(error));
                STOP
            }
        }
    }
}
