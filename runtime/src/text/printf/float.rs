//! Floating-point conversions: `%e`, `%f`, `%g` and `%a`.

use super::{Layout, pad};
use crate::text::decimal;

/// `%a`, `%A`, `%e`, `%E`, `%f`, `%F`, `%g` or `%G`, by `letter`.
pub fn format_float(layout: &Layout, letter: u8, value: f64, out: &mut Vec<u8>) {
    let start = out.len();
    if value.is_sign_negative() {
        out.push(b'-');
    } else if layout.plus {
        out.push(b'+');
    } else if layout.space {
        out.push(b' ');
    }
    let mut prefix = out.len() - start;
    let mut zeros = layout.zero;
    let body = out.len();
    if !value.is_finite() {
        out.extend_from_slice(if value.is_nan() { b"nan" } else { b"inf" });
        zeros = false;
    } else {
        let precision = usize::from(layout.precision.unwrap_or(6));
        match letter {
            b'e' | b'E' => scientific(value, precision, layout.alternative, out),
            b'f' | b'F' => {
                decimal::write_fixed(value, precision, out);
                if precision == 0 && layout.alternative {
                    out.push(b'.');
                }
            }
            b'g' | b'G' => general(value, precision.max(1), layout.alternative, out),
            _ => {
                hexadecimal(value, layout, out);
                prefix += 2;
            }
        }
    }
    if letter.is_ascii_uppercase() {
        out[body..].make_ascii_uppercase();
    }
    pad(out, start, prefix, zeros, layout);
}

/// The most digits a conversion asks for: `%.99e` has one more than its precision.
const MAX_DIGITS: usize = 100;

fn scientific(value: f64, precision: usize, alternative: bool, out: &mut Vec<u8>) {
    let mut buffer = [0; MAX_DIGITS];
    let digits = &mut buffer[..precision + 1];
    let exponent = decimal::digits_into(value, digits);
    mantissa(digits, alternative, out);
    write_exponent(exponent, out);
}

/// One digit, a dot and the others.
fn mantissa(digits: &[u8], dot: bool, out: &mut Vec<u8>) {
    out.push(digits[0]);
    if digits.len() > 1 || dot {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
}

/// `e`, a sign and at least two digits.
fn write_exponent(exponent: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let mut text = [0; 3];
    decimal::put_digits(u64::from(exponent.unsigned_abs()), &mut text);
    out.extend_from_slice(if text[0] == b'0' { &text[1..] } else { &text });
}

/// `%g`: whichever of the two is shorter, without trailing zeros unless the
/// alternative form keeps them.
fn general(value: f64, precision: usize, alternative: bool, out: &mut Vec<u8>) {
    let mut buffer = [0; MAX_DIGITS];
    let digits = &mut buffer[..precision];
    let exponent = decimal::digits_into(value, digits);
    let mut digits = &*digits;
    if !alternative {
        while let [kept @ .., b'0'] = digits
            && !kept.is_empty()
        {
            digits = kept;
        }
    }
    if exponent < -4 || exponent >= precision as i32 {
        mantissa(digits, alternative, out);
        write_exponent(exponent, out);
    } else if exponent < 0 {
        // "0." and the zeros between the dot and the first digit.
        out.extend_from_slice(&b"0.000"[..1 + exponent.unsigned_abs() as usize]);
        out.extend_from_slice(digits);
    } else {
        let whole = exponent as usize + 1;
        let given = digits.len().min(whole);
        out.extend_from_slice(&digits[..given]);
        out.resize(out.len() + whole - given, b'0');
        if digits.len() > whole || alternative {
            out.push(b'.');
            out.extend_from_slice(&digits[given..]);
        }
    }
}

/// `%a`: `0x1.8p+1`. Subnormal numbers are `0x0.…p-1022`, and zero is `0x0p+0`.
fn hexadecimal(value: f64, layout: &Layout, out: &mut Vec<u8>) {
    /// Hexadecimal digits of the fraction.
    const PLACES: usize = 13;
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let biased = (bits >> 52 & 0x7ff) as i32;
    let (mut mantissa, exponent) = match (biased, fraction) {
        (0, 0) => (0, 0),
        (0, _) => (fraction, -1022),
        _ => (fraction | 1 << 52, biased - 1023),
    };
    let precision = layout.precision.map(usize::from);
    let places = match precision {
        Some(precision) if precision < PLACES => {
            let drop = 4 * (PLACES - precision) as u32;
            let kept = mantissa >> drop;
            let rest = mantissa & ((1 << drop) - 1);
            let half = 1 << (drop - 1);
            let up = rest > half || (rest == half && kept & 1 == 1);
            mantissa = (kept + u64::from(up)) << drop;
            precision
        }
        Some(precision) => precision,
        // As many as are needed.
        None => PLACES - ((mantissa & ((1 << 52) - 1) | 1 << 52).trailing_zeros() / 4) as usize,
    };
    out.extend_from_slice(b"0x");
    out.push(b'0' + (mantissa >> 52) as u8);
    if places > 0 || layout.alternative {
        out.push(b'.');
    }
    for place in 0..places {
        let digit = match PLACES.checked_sub(place + 1) {
            Some(shift) => (mantissa >> (4 * shift) & 15) as u8,
            None => 0,
        };
        out.push(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        });
    }
    out.extend_from_slice(if exponent < 0 { b"p-" } else { b"p+" });
    let mut text = [0; 24];
    let at = crate::text::number::put_unsigned(u64::from(exponent.unsigned_abs()), &mut text);
    out.extend_from_slice(&text[at..]);
}
