//! Character classes as the "C" locale defines them, over bytes.
//!
//! Each byte has a word of class bits, computed at compile time. Bytes above 127
//! belong to no class. The bits serve the pattern matcher (`%a`, `%d`, …), number
//! parsing and `%q`.

/// Letters: `A`–`Z`, `a`–`z`.
pub const ALPHA: u16 = 1;
/// Control characters: below 32, and 127.
pub const CNTRL: u16 = 1 << 1;
/// Decimal digits.
pub const DIGIT: u16 = 1 << 2;
/// Printable characters other than the space.
pub const GRAPH: u16 = 1 << 3;
/// Lower-case letters.
pub const LOWER: u16 = 1 << 4;
/// Punctuation: printable, and neither space, letter nor digit.
pub const PUNCT: u16 = 1 << 5;
/// White space: space, `\t`, `\n`, `\v`, `\f`, `\r`.
pub const SPACE: u16 = 1 << 6;
/// Upper-case letters.
pub const UPPER: u16 = 1 << 7;
/// Hexadecimal digits.
pub const XDIGIT: u16 = 1 << 8;
/// The byte zero (pattern class `%z`, deprecated but alive).
pub const ZERO: u16 = 1 << 9;
/// Letters and digits.
pub const ALNUM: u16 = ALPHA | DIGIT;

const fn classes_of(byte: u8) -> u16 {
    let mut bits = 0;
    if byte.is_ascii_lowercase() {
        bits |= ALPHA | LOWER;
    }
    if byte.is_ascii_uppercase() {
        bits |= ALPHA | UPPER;
    }
    if byte.is_ascii_digit() {
        bits |= DIGIT;
    }
    if byte.is_ascii_hexdigit() {
        bits |= XDIGIT;
    }
    if byte.is_ascii_control() {
        bits |= CNTRL;
    }
    if byte.is_ascii_graphic() {
        bits |= GRAPH;
    }
    if byte.is_ascii_punctuation() {
        bits |= PUNCT;
    }
    if matches!(byte, b' ' | b'\t'..=b'\r') {
        bits |= SPACE;
    }
    if byte == 0 {
        bits |= ZERO;
    }
    bits
}

const fn build_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = classes_of(byte as u8);
        byte += 1;
    }
    table
}

/// The class bits of each byte.
pub static CLASSES: [u16; 256] = build_table();

/// Whether `byte` is in at least one of the classes of `mask`.
#[inline]
pub fn is(byte: u8, mask: u16) -> bool {
    CLASSES[byte as usize] & mask != 0
}

/// Whether `byte` is white space.
#[inline]
pub fn is_space(byte: u8) -> bool {
    is(byte, SPACE)
}

/// `text` without white space at either end.
pub fn trim(text: &[u8]) -> &[u8] {
    let Some(first) = text.iter().position(|&b| !is_space(b)) else {
        return &[];
    };
    let last = text.iter().rposition(|&b| !is_space(b)).unwrap_or(first);
    &text[first..=last]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn classes_agree_with_c() {
        type Is = unsafe extern "C" fn(libc::c_int) -> libc::c_int;
        let pairs: [(u16, Is); 10] = [
            (ALPHA, libc::isalpha),
            (CNTRL, libc::iscntrl),
            (DIGIT, libc::isdigit),
            (GRAPH, libc::isgraph),
            (LOWER, libc::islower),
            (PUNCT, libc::ispunct),
            (SPACE, libc::isspace),
            (UPPER, libc::isupper),
            (XDIGIT, libc::isxdigit),
            (ALNUM, libc::isalnum),
        ];
        for byte in 0..=255u8 {
            for (mask, is_c) in pairs {
                // SAFETY: these functions accept every value of an unsigned char.
                let expected = unsafe { is_c(libc::c_int::from(byte)) } != 0;
                assert_eq!(is(byte, mask), expected, "byte {byte}, mask {mask:#x}");
            }
        }
    }

    #[test]
    fn trims_both_ends() {
        assert_eq!(trim(b" \t\n\x0b\x0c\r1 2 "), b"1 2");
        assert_eq!(trim(b"  "), b"");
        assert_eq!(trim(b""), b"");
    }
}
