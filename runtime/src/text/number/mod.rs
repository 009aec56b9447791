//! Numbers as text: the rules of `tonumber` and of the lexer's numerals for
//! reading, and those of `tostring` for writing.
//!
//! Reading accepts white space around, a sign, decimal integers, decimal floats,
//! hexadecimal integers and hexadecimal floats. A decimal integer that doesn't fit
//! 64 bits becomes a float; a hexadecimal one wraps around. `inf` and `nan` are not
//! numerals. Floats are rounded correctly (to nearest, half to even) whatever their
//! length.
//!
//! Writing gives integers in decimal and floats as C's `%.14g`, with `.0` added
//! where the result would look like an integer. Infinities and NaNs read `inf`,
//! `-inf`, `nan` and `-nan`, by their sign bit.

#[cfg(test)]
mod tests;

use super::ctype;
use super::decimal;

/// A number read from text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer numeral.
    Int(i64),
    /// A float numeral, or an integer one too large for 64 bits.
    Float(f64),
}

/// Reads a whole string as a number, or gives `None` if it isn't a numeral.
pub fn parse(text: &[u8]) -> Option<Number> {
    let (negative, body) = split_sign(ctype::trim(text));
    match body {
        [b'0', b'x' | b'X', digits @ ..] => parse_hex(digits, negative),
        digits => parse_decimal(digits, negative),
    }
}

/// Reads a whole string as an integer in `base` (2 to 36), as `tonumber(s, base)`
/// does: digits and letters of either case, an optional sign, white space around.
/// Values that don't fit wrap around.
pub fn parse_in_base(text: &[u8], base: u32) -> Option<i64> {
    let (negative, digits) = split_sign(ctype::trim(text));
    if digits.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for &byte in digits {
        let digit = char::from(byte)
            .to_digit(36)
            .filter(|&digit| digit < base)?;
        value = value
            .wrapping_mul(u64::from(base))
            .wrapping_add(u64::from(digit));
    }
    Some(signed(value, negative))
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn signed(magnitude: u64, negative: bool) -> i64 {
    (if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }) as i64
}

fn parse_decimal(text: &[u8], negative: bool) -> Option<Number> {
    // 18 digits always fit; a 19-digit value is compared with the limit.
    if text.len() <= 19 && !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
        let value = text
            .iter()
            .fold(0u64, |acc, d| acc * 10 + u64::from(d - b'0'));
        if value <= i64::MAX as u64 + u64::from(negative) {
            return Some(Number::Int(signed(value, negative)));
        }
    }
    parse_decimal_slow(text, negative)
}

fn parse_decimal_slow(text: &[u8], negative: bool) -> Option<Number> {
    let numeral = scan_decimal(text)?;
    if numeral.is_integer {
        let zeros = text.iter().take_while(|&&d| d == b'0').count();
        let digits = &text[zeros..];
        if digits.len() <= 19 {
            let value = digits
                .iter()
                .fold(0u64, |acc, d| acc * 10 + u64::from(d - b'0'));
            if value <= i64::MAX as u64 + u64::from(negative) {
                return Some(Number::Int(signed(value, negative)));
            }
        }
    }
    // What the scan accepted is ASCII and a numeral of Rust's grammar too.
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Number::Float(if negative { -value } else { value }))
}

struct DecimalNumeral {
    is_integer: bool,
}

/// Checks that `text` is digits with at most one dot, and perhaps an exponent.
fn scan_decimal(text: &[u8]) -> Option<DecimalNumeral> {
    let digits_from = |at: usize| text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits_from(0);
    let mut at = whole;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        fraction = digits_from(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        let exponent = digits_from(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    (at == text.len()).then_some(DecimalNumeral {
        is_integer: whole == text.len(),
    })
}

/// Reads what follows `0x`: hexadecimal digits, perhaps a dot, perhaps a binary
/// exponent.
fn parse_hex(text: &[u8], negative: bool) -> Option<Number> {
    let mut wrapped = 0u64; // the value as an integer that wraps
    let mut mantissa = 0u64; // its leading 60 to 64 significant bits
    let mut sticky = false; // whether a nonzero digit was dropped after them
    let mut exponent = 0i64; // binary exponent of `mantissa`
    let mut any_digit = false;
    let mut dot = false;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'.' && !dot {
            dot = true;
        } else if let Some(digit) = char::from(byte).to_digit(16) {
            let digit = u64::from(digit);
            any_digit = true;
            wrapped = wrapped << 4 | digit;
            if mantissa >> 60 == 0 {
                mantissa = mantissa << 4 | digit;
                exponent -= if dot { 4 } else { 0 };
            } else {
                sticky |= digit != 0;
                exponent += if dot { 0 } else { 4 };
            }
        } else {
            break;
        }
        at += 1;
    }
    if !any_digit {
        return None;
    }
    if at == text.len() && !dot {
        return Some(Number::Int(signed(wrapped, negative)));
    }
    if let Some(b'p' | b'P') = text.get(at) {
        let (minus, digits) = split_sign(&text[at + 1..]);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = digits.iter().fold(0i64, |acc, d| {
            // Anything this large over- or underflows whatever the digits are.
            (acc.saturating_mul(10))
                .saturating_add(i64::from(d - b'0'))
                .min(i64::MAX / 4)
        });
        exponent += if minus { -value } else { value };
        at = text.len();
    }
    if at != text.len() {
        return None;
    }
    let value = assemble(mantissa, exponent, sticky);
    Some(Number::Float(if negative { -value } else { value }))
}

/// The float nearest to `mantissa · 2^exponent`, plus a bit more if `sticky`.
fn assemble(mantissa: u64, exponent: i64, sticky: bool) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    // Normalise: the value is 1.xxx · 2^top.
    let zeros = mantissa.leading_zeros();
    let mantissa = mantissa << zeros;
    let top = exponent - i64::from(zeros) + 63;
    if top > 1023 {
        return f64::INFINITY;
    }
    if top < -1075 {
        return 0.0;
    }
    // How many of the 64 bits to drop: 11 for a normal number, more for a subnormal.
    let drop = if top >= -1022 {
        11
    } else {
        (11 + (-1022 - top)) as u32
    };
    let (kept, rest) = if drop >= 64 {
        (0, mantissa)
    } else {
        (mantissa >> drop, mantissa << (64 - drop))
    };
    // `rest` is left-aligned, except that with 64 bits dropped it is all of them.
    const HALF: u64 = 1 << 63;
    let up = rest > HALF || (rest == HALF && (sticky || kept & 1 == 1));
    let kept = kept + u64::from(up);
    // A carry out of the fraction moves into the exponent, and to infinity, by itself.
    let bits = if top >= -1022 {
        (((top + 1022) as u64) << 52) + kept
    } else {
        kept
    };
    f64::from_bits(bits)
}

/// A number formatted in place, without allocation.
#[derive(Clone, Copy)]
pub struct NumBuf {
    bytes: [u8; NumBuf::SIZE],
    start: u8,
    end: u8,
}

impl NumBuf {
    /// Room for the longest number: an integer has up to 20 bytes, a float
    /// (`-1.2345678901234e-308`) up to 21, or 20 with four leading zeros.
    const SIZE: usize = 32;

    /// An integer in decimal.
    #[inline]
    pub fn int(value: i64) -> Self {
        let mut buffer = NumBuf {
            bytes: [0; Self::SIZE],
            start: 0,
            end: Self::SIZE as u8,
        };
        buffer.start = put_int(value, &mut buffer.bytes) as u8;
        buffer
    }

    /// A float as `tostring` shows it.
    #[inline]
    pub fn float(value: f64) -> Self {
        // Whole numbers of up to 14 digits are by far the most common.
        let whole = value as i64;
        if whole.unsigned_abs() < 100_000_000_000_000
            && whole as f64 == value
            && (whole != 0 || value.is_sign_positive())
        {
            let mut buffer = NumBuf {
                bytes: [0; Self::SIZE],
                start: 0,
                end: Self::SIZE as u8,
            };
            let (digits, tail) = buffer.bytes.split_at_mut(Self::SIZE - 2);
            tail.copy_from_slice(b".0");
            buffer.start = put_int(whole, digits) as u8;
            return buffer;
        }
        Self::float_general(value)
    }

    /// Either kind.
    #[inline]
    pub fn number(value: Number) -> Self {
        match value {
            Number::Int(value) => Self::int(value),
            Number::Float(value) => Self::float(value),
        }
    }

    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start as usize..self.end as usize]
    }

    fn float_general(value: f64) -> Self {
        let mut buffer = NumBuf {
            bytes: [0; Self::SIZE],
            start: 0,
            end: 0,
        };
        if value.is_sign_negative() {
            buffer.push(b"-");
        }
        if value.is_nan() {
            buffer.push(b"nan");
        } else if value.is_infinite() {
            buffer.push(b"inf");
        } else if value == 0.0 {
            buffer.push(b"0.0");
        } else {
            buffer.push_g14(value);
        }
        buffer
    }

    fn push(&mut self, text: &[u8]) {
        let end = self.end as usize + text.len();
        self.bytes[self.end as usize..end].copy_from_slice(text);
        self.end = end as u8;
    }

    /// Appends `|value|` as `%.14g`, and `.0` if that looks like an integer.
    fn push_g14(&mut self, value: f64) {
        const DIGITS: usize = 14;
        let (number, exponent) = decimal::significant(value, DIGITS as u32);
        let mut digits = [0; DIGITS];
        decimal::put_digits(number, &mut digits);
        let used = DIGITS - digits.iter().rev().take_while(|&&d| d == b'0').count();
        let used = used.max(1);
        if !(-4..DIGITS as i32).contains(&exponent) {
            self.push(&digits[..1]);
            if used > 1 {
                self.push(b".");
                self.push(&digits[1..used]);
            }
            self.push(if exponent < 0 { b"e-" } else { b"e+" });
            let magnitude = exponent.unsigned_abs();
            let mut text = [0; 3];
            decimal::put_digits(u64::from(magnitude), &mut text);
            self.push(if magnitude < 100 { &text[1..] } else { &text });
        } else if exponent < 0 {
            // "0." and the zeros between the dot and the first digit.
            self.push(&b"0.000"[..1 + exponent.unsigned_abs() as usize]);
            self.push(&digits[..used]);
        } else {
            let whole = exponent as usize + 1;
            self.push(&digits[..whole]);
            self.push(b".");
            self.push(if used > whole {
                &digits[whole..used]
            } else {
                b"0"
            });
        }
    }
}

impl AsRef<[u8]> for NumBuf {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Appends an integer in decimal.
#[inline]
pub fn write_int(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(NumBuf::int(value).as_bytes());
}

/// Appends a float as `tostring` shows it.
#[inline]
pub fn write_float(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(NumBuf::float(value).as_bytes());
}

/// Writes an integer at the end of `buffer` and returns where it starts.
#[inline]
fn put_int(value: i64, buffer: &mut [u8]) -> usize {
    let mut at = put_unsigned(value.unsigned_abs(), buffer);
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    at
}

/// Writes `value` in decimal at the end of `buffer` (at least 20 bytes long) and
/// returns where it starts.
#[inline]
pub fn put_unsigned(mut value: u64, buffer: &mut [u8]) -> usize {
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    at
}

/// "00", "01", … "99".
static PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut i = 0;
    while i < 100 {
        pairs[i * 2] = b'0' + (i / 10) as u8;
        pairs[i * 2 + 1] = b'0' + (i % 10) as u8;
        i += 1;
    }
    pairs
};
