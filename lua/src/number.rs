//! Numerals: text to an integer or a correctly rounded float.
//!
//! Decimal integers that do not fit 64 bits become floats; hexadecimal
//! integers wrap around. Hexadecimal floats are rounded here, to nearest with
//! ties to even, from at most 64 significant bits and a sticky bit; decimal
//! floats go through the standard library's correctly rounded parser.

/// A numeral's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

/// Reads a whole numeral without sign or surrounding space; `None` if it is
/// malformed.
pub fn parse_numeral(text: &[u8]) -> Option<Number> {
    match text {
        [b'0', b'x' | b'X', digits @ ..] => parse_hex(digits),
        _ => parse_decimal(text),
    }
}

fn parse_decimal(text: &[u8]) -> Option<Number> {
    let mut value: u64 = 0;
    let mut fits = !text.is_empty();
    for &b in text {
        if !b.is_ascii_digit() {
            return parse_decimal_float(text);
        }
        match value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(b - b'0')))
        {
            Some(v) if fits => value = v,
            _ => fits = false,
        }
    }
    match i64::try_from(value) {
        Ok(int) if fits => Some(Number::Int(int)),
        _ => parse_decimal_float(text),
    }
}

fn parse_decimal_float(text: &[u8]) -> Option<Number> {
    // The standard parser also takes names ("inf") and signs; a numeral has neither.
    if !matches!(text.first(), Some(b'0'..=b'9' | b'.')) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().map(Number::Float)
}

fn parse_hex(text: &[u8]) -> Option<Number> {
    let digits = text.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == text.len() {
        let value = text
            .iter()
            .fold(0u64, |v, &b| v << 4 | u64::from(hex_value(b)));
        return (digits > 0).then_some(Number::Int(value as i64));
    }
    parse_hex_float(text).map(Number::Float)
}

/// `digits [. digits] [p exponent]`, at least one digit in the significand.
fn parse_hex_float(text: &[u8]) -> Option<f64> {
    let mut significand = 0u64;
    let mut sticky = false;
    let mut exponent = 0i64;
    let (mut any, mut dot) = (false, false);
    let mut at = 0;
    while let Some(&b) = text.get(at) {
        if b == b'.' && !dot {
            dot = true;
        } else if b.is_ascii_hexdigit() {
            any = true;
            let digit = hex_value(b);
            if significand >> 60 == 0 {
                significand = significand << 4 | u64::from(digit);
            } else {
                sticky |= digit != 0;
                exponent += 4;
            }
            exponent -= if dot { 4 } else { 0 };
        } else {
            break;
        }
        at += 1;
    }
    if !any {
        return None;
    }
    if let Some(b'p' | b'P') = text.get(at) {
        at += 1;
        let negative = text.get(at) == Some(&b'-');
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let digits = &text[at..];
        if digits.is_empty() {
            return None;
        }
        let mut power = 0i64;
        for &b in digits {
            if !b.is_ascii_digit() {
                return None;
            }
            power = (power * 10 + i64::from(b - b'0')).min(1 << 40);
        }
        exponent += if negative { -power } else { power };
    } else if at != text.len() {
        return None;
    }
    Some(scale(significand, sticky, exponent))
}

/// `significand * 2^exponent`, rounded to nearest even; `sticky` stands for
/// bits below the significand.
fn scale(significand: u64, sticky: bool, exponent: i64) -> f64 {
    if significand == 0 {
        return 0.0;
    }
    let shift = significand.leading_zeros();
    let wide = u128::from(significand << shift) << 1 | u128::from(sticky);
    // The value lies in [2^top, 2^(top+1)).
    let top = exponent + 63 - i64::from(shift);
    if top > 1023 {
        return f64::INFINITY;
    }
    let (drop, biased) = if top >= -1022 {
        (12, (top + 1022) as u64)
    } else {
        (12 + (-1022 - top), 0)
    };
    if drop > 66 {
        return 0.0;
    }
    let keep = (wide >> drop) as u64;
    let rest = wide & ((1 << drop) - 1);
    let half = 1u128 << (drop - 1);
    let up = rest > half || (rest == half && keep & 1 == 1);
    f64::from_bits((biased << 52) + keep + u64::from(up))
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_value(b: u8) -> u8 {
    match b {
        b'0'..=b'9' => b - b'0',
        _ => (b | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> i64 {
        match parse_numeral(text.as_bytes()) {
            Some(Number::Int(i)) => i,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn float(text: &str) -> f64 {
        match parse_numeral(text.as_bytes()) {
            Some(Number::Float(f)) => f,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn integers() {
        assert_eq!(int("0"), 0);
        assert_eq!(int("9223372036854775807"), i64::MAX);
        assert_eq!(int("0x7fffffffffffffff"), i64::MAX);
        assert_eq!(int("0XFFFFFFFFFFFFFFFF"), -1);
        assert_eq!(int("0x1ffffffffffffffff"), -1);
        assert_eq!(int("00012"), 12);
    }

    #[test]
    fn decimal_floats() {
        assert_eq!(float("9223372036854775808"), 9223372036854775808.0);
        assert_eq!(float("1e5"), 1e5);
        assert_eq!(float(".5"), 0.5);
        assert_eq!(float("5."), 5.0);
        assert_eq!(float("3.e-2"), 0.03);
        assert_eq!(float("1e+400"), f64::INFINITY);
        assert_eq!(
            float("123456789012345678901234567890"),
            1.2345678901234568e29
        );
    }

    #[test]
    fn hex_floats() {
        assert_eq!(float("0x.8"), 0.5);
        assert_eq!(float("0xA.8p1"), 21.0);
        assert_eq!(float("0x1p-1074"), f64::from_bits(1));
        assert_eq!(float("0x1p-1075"), 0.0);
        assert_eq!(float("0x1.8p-1075"), f64::from_bits(1));
        assert_eq!(float("0x1p1023"), 2f64.powi(1023));
        assert_eq!(float("0x1p1024"), f64::INFINITY);
        assert_eq!(float("0x1.fffffffffffffp1023"), f64::MAX);
        assert_eq!(float("0x1.fffffffffffff8p1023"), f64::INFINITY);
        assert_eq!(float("0x0p99999999999999999999"), 0.0);
        assert_eq!(float("0x1p-99999999999999999999"), 0.0);
        assert_eq!(float("0x1.00000000000008p0"), 1.0);
        assert_eq!(float("0x1.000000000000080000000001p0"), 1.0 + f64::EPSILON);
        assert_eq!(float("0x0.0000000000000000000000000000000001p136"), 1.0);
        assert_eq!(float("0x10000000000000000000000000000.0p-112"), 1.0);
    }

    #[test]
    fn malformed() {
        for text in [
            "", ".", "1e", "1e+", "0x", "0x.", "0xp1", "0x1p", "0x1p+", "1..2", "1.2.3", "0x1.2.3",
            "3x", "1e5x", "0x1pa", "inf", "nan", "1_0",
        ] {
            assert_eq!(parse_numeral(text.as_bytes()), None, "{text}");
        }
    }
}
