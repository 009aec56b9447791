//! UTF-8 as Lua's `utf8` library and its `\u{…}` escapes see it.
//!
//! Sequences may have up to six bytes and encode up to 2^31 - 1, the original
//! definition. *Strict* decoding accepts only what Unicode allows: at most
//! U+10FFFF, and no surrogates. Overlong sequences are invalid in both. A byte
//! beyond the end of a string reads as zero, so that a truncated sequence is
//! simply invalid.
//!
//! Positions are Lua's: 1-based, relative ones already translated by
//! [`span::utf8_pos`](super::span::utf8_pos).

use std::fmt;

/// The largest code that can be encoded.
pub const MAX_CODE: u64 = 0x7FFF_FFFF;

/// `utf8.charpattern`: matches one sequence, assuming that the subject is valid.
pub const CHAR_PATTERN: &[u8] = b"[\0-\x7F\xC2-\xFD][\x80-\xBF]*";

/// What the utf8 functions can complain about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utf8Error {
    /// A sequence that isn't valid (a plain error; blames argument 1 in
    /// `utf8.codes`).
    InvalidCode,
    /// `utf8.len`: first position out of bounds (argument 2).
    InitialPosition,
    /// `utf8.len`: last position out of bounds (argument 3).
    FinalPosition,
    /// `utf8.codepoint`: a position out of bounds; the number of the argument.
    OutOfBounds(u32),
    /// `utf8.offset`: position out of bounds (argument 3).
    PositionOutOfBounds,
    /// `utf8.offset` from the middle of a sequence (a plain error).
    ContinuationByte,
    /// `utf8.char` of something too large (the argument being encoded).
    ValueOutOfRange,
}

impl Utf8Error {
    /// Which argument the error blames, where that is always the same one.
    pub fn argument(&self) -> Option<u32> {
        match self {
            Utf8Error::InitialPosition => Some(2),
            Utf8Error::FinalPosition | Utf8Error::PositionOutOfBounds => Some(3),
            Utf8Error::OutOfBounds(argument) => Some(*argument),
            Utf8Error::InvalidCode | Utf8Error::ContinuationByte | Utf8Error::ValueOutOfRange => {
                None
            }
        }
    }

    /// The message.
    pub fn text(&self) -> &'static str {
        match self {
            Utf8Error::InvalidCode => "invalid UTF-8 code",
            Utf8Error::InitialPosition => "initial position out of bounds",
            Utf8Error::FinalPosition => "final position out of bounds",
            Utf8Error::OutOfBounds(_) => "out of bounds",
            Utf8Error::PositionOutOfBounds => "position out of bounds",
            Utf8Error::ContinuationByte => "initial position is a continuation byte",
            Utf8Error::ValueOutOfRange => "value out of range",
        }
    }
}

impl fmt::Display for Utf8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Utf8Error {}

/// Whether `byte` continues a sequence.
#[inline]
pub fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Whether there is a continuation byte at the 0-based offset `at`.
#[inline]
fn continues(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|&byte| is_continuation(byte))
}

/// The code at the start of `text` and the length of its sequence, if it is valid.
#[inline]
pub fn decode(text: &[u8], strict: bool) -> Option<(u32, usize)> {
    match text.first() {
        Some(&byte) if byte < 0x80 => Some((u32::from(byte), 1)),
        Some(_) => decode_sequence(text, strict),
        None => Some((0, 1)),
    }
}

fn decode_sequence(text: &[u8], strict: bool) -> Option<(u32, usize)> {
    /// The least code that needs a sequence of this many continuation bytes.
    const LEAST: [u32; 6] = [u32::MAX, 0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000];
    let first = text[0];
    let count = (first.leading_ones() as usize).checked_sub(1)?;
    if !(1..=5).contains(&count) {
        return None;
    }
    let mut code = u32::from(first) & (0x3F >> count);
    for &byte in text.get(1..=count)? {
        if !is_continuation(byte) {
            return None;
        }
        code = code << 6 | u32::from(byte & 0x3F);
    }
    if code < LEAST[count] || (strict && char::from_u32(code).is_none()) {
        return None;
    }
    Some((code, count + 1))
}

/// A sequence of up to six bytes.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    bytes: [u8; 6],
    start: u8,
}

impl AsRef<[u8]> for Encoded {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// The sequence for `code`; surrogates and codes up to 2^31 - 1 have one too.
pub fn encode(code: u64) -> Result<Encoded, Utf8Error> {
    if code > MAX_CODE {
        return Err(Utf8Error::ValueOutOfRange);
    }
    let mut code = code as u32;
    let mut encoded = Encoded {
        bytes: [0; 6],
        start: 5,
    };
    if code < 0x80 {
        encoded.bytes[5] = code as u8;
        return Ok(encoded);
    }
    // From the last byte to the first, until the rest fits the first one.
    let mut first_holds = 0x3F;
    while code > first_holds {
        encoded.bytes[usize::from(encoded.start)] = 0x80 | (code & 0x3F) as u8;
        encoded.start -= 1;
        code >>= 6;
        first_holds >>= 1;
    }
    let marker = !(first_holds as u8) << 1;
    encoded.bytes[usize::from(encoded.start)] = marker | code as u8;
    Ok(encoded)
}

/// `utf8.len`: how many sequences begin in `first..=last`, or else the 1-based
/// position of the first invalid byte.
pub fn len(
    text: &[u8],
    first: i64,
    last: i64,
    strict: bool,
) -> Result<Result<i64, i64>, Utf8Error> {
    let length = text.len() as i64;
    if first < 1 || first - 1 > length {
        return Err(Utf8Error::InitialPosition);
    }
    if last > length {
        return Err(Utf8Error::FinalPosition);
    }
    let (mut at, last) = (first as usize - 1, last.max(0) as usize);
    let mut count = 0;
    while at < last {
        match decode(&text[at..], strict) {
            Some((_, length)) => at += length,
            None => return Ok(Err(at as i64 + 1)),
        }
        count += 1;
    }
    Ok(Ok(count))
}

/// `utf8.codepoint`: the 0-based range of bytes whose sequences are asked for,
/// which is empty if the positions cross.
pub fn codepoint_range(
    text: &[u8],
    first: i64,
    last: i64,
) -> Result<std::ops::Range<usize>, Utf8Error> {
    if first < 1 {
        return Err(Utf8Error::OutOfBounds(2));
    }
    if last > text.len() as i64 {
        return Err(Utf8Error::OutOfBounds(3));
    }
    Ok(if first > last {
        0..0
    } else {
        first as usize - 1..last as usize
    })
}

/// The codes of the sequences that begin in `range`.
pub fn codes(
    text: &[u8],
    range: std::ops::Range<usize>,
    strict: bool,
) -> impl Iterator<Item = Result<u32, Utf8Error>> {
    let mut at = range.start;
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed || at >= range.end {
            return None;
        }
        match decode(&text[at..], strict) {
            Some((code, length)) => {
                at += length;
                Some(Ok(code))
            }
            None => {
                failed = true;
                Some(Err(Utf8Error::InvalidCode))
            }
        }
    })
}

/// `utf8.offset`: the 1-based position of the `n`-th sequence from position
/// `from` on, if there is one; with `n` 0, of the sequence that `from` is in.
pub fn offset(text: &[u8], mut n: i64, from: i64) -> Result<Option<i64>, Utf8Error> {
    if from < 1 || from - 1 > text.len() as i64 {
        return Err(Utf8Error::PositionOutOfBounds);
    }
    let mut at = from as usize - 1;
    if n == 0 {
        while at > 0 && continues(text, at) {
            at -= 1;
        }
        return Ok(Some(at as i64 + 1));
    }
    if continues(text, at) {
        return Err(Utf8Error::ContinuationByte);
    }
    if n < 0 {
        while n < 0 && at > 0 {
            at -= 1;
            while at > 0 && continues(text, at) {
                at -= 1;
            }
            n += 1;
        }
    } else {
        n -= 1;
        while n > 0 && at < text.len() {
            at += 1;
            while continues(text, at) {
                at += 1;
            }
            n -= 1;
        }
    }
    Ok((n == 0).then_some(at as i64 + 1))
}

/// Where `utf8.offset` starts by default: at the end when it counts backwards.
pub fn default_offset_start(text: &[u8], n: i64) -> i64 {
    if n >= 0 { 1 } else { text.len() as i64 + 1 }
}

/// Whether `utf8.codes` takes the string: it may not begin inside a sequence.
pub fn check_codes(text: &[u8]) -> Result<(), Utf8Error> {
    if continues(text, 0) {
        Err(Utf8Error::InvalidCode)
    } else {
        Ok(())
    }
}

/// A step of the iterator of `utf8.codes`: after position `previous` (0 at first),
/// the 1-based position of the next sequence and its code.
#[inline]
pub fn next_code(
    text: &[u8],
    previous: i64,
    strict: bool,
) -> Result<Option<(i64, u32)>, Utf8Error> {
    let Some(mut at) = usize::try_from(previous).ok().filter(|&at| at < text.len()) else {
        return Ok(None);
    };
    while continues(text, at) {
        at += 1;
    }
    if at >= text.len() {
        return Ok(None);
    }
    match decode(&text[at..], strict) {
        Some((code, length)) if !continues(text, at + length) => Ok(Some((at as i64 + 1, code))),
        _ => Err(Utf8Error::InvalidCode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enc(code: u64) -> Vec<u8> {
        encode(code).unwrap().as_ref().to_vec()
    }

    #[test]
    fn encodes_like_unicode_and_beyond() {
        for code in [
            0, 0x41, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x1_0000, 0x10_FFFF,
        ] {
            let mut buffer = [0; 4];
            let expected = char::from_u32(code).unwrap().encode_utf8(&mut buffer);
            assert_eq!(enc(u64::from(code)), expected.as_bytes());
        }
        assert_eq!(enc(0x1F_FFFF), b"\xF7\xBF\xBF\xBF");
        assert_eq!(enc(0x20_0000), b"\xF8\x88\x80\x80\x80");
        assert_eq!(enc(0x400_0000), b"\xFC\x84\x80\x80\x80\x80");
        assert_eq!(enc(MAX_CODE), b"\xFD\xBF\xBF\xBF\xBF\xBF");
        assert_eq!(
            encode(MAX_CODE + 1).unwrap_err(),
            Utf8Error::ValueOutOfRange
        );
    }

    #[test]
    fn decodes_what_it_encodes() {
        for shift in 0..31 {
            for delta in [-1i64, 0, 1] {
                let code = (1i64 << shift) + delta;
                let bytes = enc(code as u64);
                assert_eq!(decode(&bytes, false), Some((code as u32, bytes.len())));
                let strict = char::from_u32(code as u32).is_some();
                assert_eq!(decode(&bytes, true).is_some(), strict);
            }
        }
    }

    #[test]
    fn refuses_invalid_sequences() {
        let bad: [&[u8]; 12] = [
            b"\x80",
            b"\xBF",
            b"\xC0\x80",
            b"\xC1\xBF",
            b"\xC3",
            b"\xC3a",
            b"\xE0\x80\x80",
            b"\xE2\x82",
            b"\xF0\x80\x80\x80",
            b"\xFE\xBF\xBF\xBF\xBF\xBF\xBF",
            b"\xFF",
            b"\xFC\x80\x80\x80\x80\x80",
        ];
        for bytes in bad {
            assert_eq!(decode(bytes, false), None, "{bytes:x?}");
        }
        assert_eq!(decode(b"\xED\xA0\x80", true), None);
        assert_eq!(decode(b"\xED\xA0\x80", false), Some((0xD800, 3)));
        assert_eq!(decode(b"\xF4\x90\x80\x80", true), None);
    }

    #[test]
    fn lengths() {
        let text = "aé€𐍈".as_bytes();
        let end = text.len() as i64;
        assert_eq!(len(text, 1, end, true), Ok(Ok(4)));
        assert_eq!(len(text, 2, end, true), Ok(Ok(3)));
        assert_eq!(len(text, 3, end, true), Ok(Err(3)));
        assert_eq!(len(text, 1, 2, true), Ok(Ok(2)));
        assert_eq!(len(text, end + 1, end, true), Ok(Ok(0)));
        assert_eq!(
            len(text, end + 2, end, true),
            Err(Utf8Error::InitialPosition)
        );
        assert_eq!(len(text, 0, end, true), Err(Utf8Error::InitialPosition));
        assert_eq!(len(text, 1, end + 1, true), Err(Utf8Error::FinalPosition));
        assert_eq!(len(b"ab\xFFcd", 1, 5, true), Ok(Err(3)));
        assert_eq!(len(b"", 1, 0, true), Ok(Ok(0)));
        assert_eq!(
            len(b"abc", i64::MAX, i64::MIN, true),
            Err(Utf8Error::InitialPosition)
        );
    }

    #[test]
    fn code_points() {
        let text = "aé€".as_bytes();
        let all: Vec<_> = codes(text, codepoint_range(text, 1, 6).unwrap(), true).collect();
        assert_eq!(all, [Ok(0x61), Ok(0xE9), Ok(0x20AC)]);
        assert_eq!(codepoint_range(text, 0, 1), Err(Utf8Error::OutOfBounds(2)));
        assert_eq!(codepoint_range(text, 1, 7), Err(Utf8Error::OutOfBounds(3)));
        assert_eq!(codepoint_range(text, 5, 4), Ok(0..0));
        let broken: Vec<_> = codes(text, 2..6, true).collect();
        assert_eq!(broken, [Err(Utf8Error::InvalidCode)]);
    }

    #[test]
    fn offsets() {
        let text = "aé€z".as_bytes();
        assert_eq!(offset(text, 1, 1), Ok(Some(1)));
        assert_eq!(offset(text, 3, 1), Ok(Some(4)));
        assert_eq!(offset(text, 5, 1), Ok(Some(8)));
        assert_eq!(offset(text, 6, 1), Ok(None));
        assert_eq!(offset(text, -1, 8), Ok(Some(7)));
        assert_eq!(offset(text, -3, 8), Ok(Some(2)));
        assert_eq!(offset(text, -5, 8), Ok(None));
        assert_eq!(offset(text, 0, 6), Ok(Some(4)));
        assert_eq!(offset(text, 1, 3), Err(Utf8Error::ContinuationByte));
        assert_eq!(offset(text, 1, 9), Err(Utf8Error::PositionOutOfBounds));
        assert_eq!(offset(text, 1, 0), Err(Utf8Error::PositionOutOfBounds));
        assert_eq!(offset(text, i64::MIN, 8), Ok(None));
        assert_eq!(offset(text, i64::MAX, 1), Ok(None));
    }

    #[test]
    fn iteration() {
        let text = "aé€".as_bytes();
        assert_eq!(next_code(text, 0, true), Ok(Some((1, 0x61))));
        assert_eq!(next_code(text, 1, true), Ok(Some((2, 0xE9))));
        assert_eq!(next_code(text, 2, true), Ok(Some((4, 0x20AC))));
        assert_eq!(next_code(text, 4, true), Ok(None));
        assert_eq!(next_code(text, -1, true), Ok(None));
        assert_eq!(next_code(b"a\xFF", 1, true), Err(Utf8Error::InvalidCode));
        assert_eq!(next_code(b"a\x80", 0, true), Err(Utf8Error::InvalidCode));
        assert_eq!(check_codes(b"\x80"), Err(Utf8Error::InvalidCode));
        assert_eq!(check_codes(b""), Ok(()));
    }
}
