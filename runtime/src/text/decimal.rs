//! Correctly rounded decimal digits of a float, to a number of significant digits
//! or of decimal places.
//!
//! A finite float is `m · 2^e` with `m < 2^53`. To get digits, it is multiplied
//! by a power of ten so that the digits wanted become an integer, and the rest is
//! rounded half to even, all in exact 128-bit integer arithmetic:
//!
//! ```text
//!   m · 2^e · 10^k = (m · 5^k) · 2^(e+k)         k >= 0: a product, then a shift
//!   m · 2^e / 10^k = (m << e) / (10^k << -e)     k <  0: a division
//! ```
//!
//! The product fits for `k <= 32`, which covers the magnitudes that programs print
//! (about 1e-19 to 1e38 at 14 digits) and needs no tables beyond powers of five.
//! Outside that range the standard library's exact formatter does the work.

use std::io::Write as _;

/// The most significant digits [`significant`] gives.
pub const MAX_SIGNIFICANT: u32 = 17;

/// Largest power of five that multiplies a 53-bit number within 128 bits.
const MAX_POWER: i32 = 32;

const fn powers(base: u128) -> [u128; (MAX_POWER + 1) as usize] {
    let mut table = [1; (MAX_POWER + 1) as usize];
    let mut i = 1;
    while i < table.len() {
        table[i] = table[i - 1] * base;
        i += 1;
    }
    table
}

static POW5: [u128; (MAX_POWER + 1) as usize] = powers(5);
static POW10: [u128; (MAX_POWER + 1) as usize] = powers(10);

/// `|x|` as `m · 2^e`, exactly.
#[inline]
pub fn decode(x: f64) -> (u64, i32) {
    let bits = x.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, exponent - 1075)
    }
}

/// `m · 2^e · 10^scale`, rounded half to even, when 128 bits are enough for it.
#[inline]
fn scaled(m: u64, e: i32, scale: i32) -> Option<u128> {
    let (quotient, above_half, half, odd);
    if scale >= 0 {
        if scale > MAX_POWER {
            return None;
        }
        let product = u128::from(m) * POW5[scale as usize];
        let shift = e + scale;
        if shift >= 0 {
            return if (shift as u32) <= product.leading_zeros() {
                product.checked_shl(shift as u32)
            } else {
                None
            };
        }
        let shift = -shift as u32;
        if shift > 128 {
            return Some(0);
        }
        if shift == 128 {
            return None;
        }
        quotient = product >> shift;
        let rest = product & ((1 << shift) - 1);
        let middle = 1 << (shift - 1);
        above_half = rest > middle;
        half = rest == middle;
    } else {
        if scale < -MAX_POWER {
            return None;
        }
        let up = e.max(0) as u32;
        let down = (-e).max(0) as u32;
        let divisor = POW10[-scale as usize];
        if up > 75 || down >= divisor.leading_zeros() {
            return None;
        }
        let dividend = u128::from(m) << up;
        let divisor = divisor << down;
        quotient = dividend / divisor;
        let rest = dividend % divisor;
        above_half = rest > divisor - rest;
        half = rest == divisor - rest;
    }
    odd = quotient & 1 == 1;
    Some(quotient + u128::from(above_half || (half && odd)))
}

/// A lower bound of the decimal exponent of `m · 2^e`, at most one too low.
#[inline]
fn exponent_estimate(m: u64, e: i32) -> i32 {
    let log2 = e + 63 - m.leading_zeros() as i32;
    // 78913 / 2^18 is log10(2), close enough over the range of a float's exponents.
    (log2 * 78913) >> 18
}

/// The first `n` significant decimal digits of `|x|`, rounded half to even, and
/// the decimal exponent of the first one: `|x| ≈ digits · 10^(exponent - n + 1)`.
///
/// `x` must be finite and not zero, `n` in `1..=17`.
#[inline]
pub fn significant(x: f64, n: u32) -> (u64, i32) {
    significant_fast(x, n).unwrap_or_else(|| significant_slow(x, n))
}

/// [`significant`], where 128 bits are enough for it.
#[inline]
fn significant_fast(x: f64, n: u32) -> Option<(u64, i32)> {
    let (m, e) = decode(x);
    let exponent = exponent_estimate(m, e);
    let limit = POW10[n as usize];
    let wanted = n as i32 - 1 - exponent;
    let digits = scaled(m, e, wanted)?;
    if digits < limit {
        return Some((digits as u64, exponent));
    }
    // The estimate was one too low, or rounding carried into a new digit.
    let digits = scaled(m, e, wanted - 1)?;
    Some((digits as u64, exponent + 1))
}

/// [`significant`] for magnitudes outside the fast range.
#[cold]
fn significant_slow(x: f64, n: u32) -> (u64, i32) {
    let mut digits = [0; MAX_SIGNIFICANT as usize];
    let digits = &mut digits[..n as usize];
    let exponent = digits_slow(x, digits);
    let value = digits
        .iter()
        .fold(0, |acc, d| acc * 10 + u64::from(d - b'0'));
    (value, exponent)
}

/// Fills `digits` with as many significant decimal digits of `|x|` as it has
/// room for, as text, and returns the decimal exponent of the first.
///
/// `x` must be finite; `digits` must not be empty and not longer than 110.
pub fn digits_into(x: f64, digits: &mut [u8]) -> i32 {
    let n = digits.len();
    if x == 0.0 {
        digits.fill(b'0');
        return 0;
    }
    if n <= MAX_SIGNIFICANT as usize
        && let Some((value, exponent)) = significant_fast(x, n as u32)
    {
        put_digits(value, digits);
        return exponent;
    }
    digits_slow(x, digits)
}

/// [`digits_into`] through the standard library's exact formatter.
fn digits_slow(x: f64, digits: &mut [u8]) -> i32 {
    let n = digits.len();
    // "d.ddd…de-308": the digits, a dot and an exponent.
    let mut text = [0u8; 128];
    let mut rest = &mut text[..];
    // The buffer is large enough for 110 digits, so the write can't fail.
    let _ = write!(rest, "{:.*e}", n - 1, x.abs());
    let left = rest.len();
    let text = &text[..128 - left];
    digits[0] = text[0];
    let mark = if n > 1 {
        digits[1..].copy_from_slice(&text[2..=n]);
        n + 1
    } else {
        1
    };
    parse_exponent(&text[mark + 1..])
}

fn parse_exponent(text: &[u8]) -> i32 {
    match text {
        [b'-', digits @ ..] => -parse_exponent(digits),
        digits => digits
            .iter()
            .fold(0, |acc, d| acc * 10 + i32::from(d - b'0')),
    }
}

/// Writes `value` over the whole of `digits`, padded with zeros on the left.
#[inline]
pub fn put_digits(mut value: u64, digits: &mut [u8]) {
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Appends `|x|` with exactly `places` decimals (and no dot when there are none).
///
/// `x` must be finite.
pub fn write_fixed(x: f64, places: usize, out: &mut Vec<u8>) {
    let (m, e) = decode(x);
    let small = i32::try_from(places)
        .ok()
        .and_then(|scale| scaled(m, e, scale));
    match small.and_then(|value| u64::try_from(value).ok()) {
        Some(value) => {
            let mut buffer = [b'0'; 64];
            let mut at = buffer.len();
            let mut rest = value;
            while rest > 0 {
                at -= 1;
                buffer[at] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            // At least one digit stands before the dot.
            at = at.min(buffer.len() - places - 1);
            let dot = buffer.len() - places;
            out.extend_from_slice(&buffer[at..dot]);
            if places > 0 {
                out.push(b'.');
                out.extend_from_slice(&buffer[dot..]);
            }
        }
        // Writing to a vector can't fail.
        None => {
            let _ = write!(out, "{:.*}", places, x.abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(x: f64, n: usize) -> (String, i32) {
        let mut buffer = vec![0; n];
        let exponent = digits_into(x, &mut buffer);
        (String::from_utf8(buffer).unwrap(), exponent)
    }

    #[test]
    fn decodes() {
        assert_eq!(decode(1.0), (1 << 52, -52));
        assert_eq!(decode(-0.5), (1 << 52, -53));
        assert_eq!(decode(5e-324), (1, -1074));
        assert_eq!(decode(0.0), (0, -1074));
    }

    #[test]
    fn rounds_half_to_even() {
        assert_eq!(significant(0.5, 1), (5, -1));
        assert_eq!(significant(2.5, 1), (2, 0));
        assert_eq!(significant(3.5, 1), (4, 0));
        assert_eq!(significant(9.5, 1), (1, 1));
        assert_eq!(significant(9.999_999, 3), (100, 1));
        assert_eq!(significant(1e14, 14), (10_000_000_000_000, 14));
        assert_eq!(
            significant(123_456_789_012_345_680.0, 14),
            (12_345_678_901_235, 17)
        );
    }

    #[test]
    fn extremes() {
        assert_eq!(digits(5e-324, 3), ("494".into(), -324));
        assert_eq!(digits(f64::MAX, 5), ("17977".into(), 308));
        assert_eq!(
            digits(f64::MIN_POSITIVE, 17),
            ("22250738585072014".into(), -308)
        );
        assert_eq!(digits(0.0, 4), ("0000".into(), 0));
        assert_eq!(
            digits(0.1, 30),
            ("100000000000000005551115123126".into(), -1)
        );
    }

    #[test]
    fn fast_and_slow_agree() {
        let mut rng = crate::text::rng::Rng::new(3, 0);
        for _ in 0..50_000 {
            let m = rng.next_float() + 0.1;
            let x = m * 10f64.powi(rng.next_in(-40, 45).unwrap() as i32);
            for n in [1, 2, 6, 14, 15, 17] {
                assert_eq!(
                    significant(x, n),
                    significant_slow_fmt(x, n),
                    "{x:e} to {n}"
                );
            }
        }
    }

    fn significant_slow_fmt(x: f64, n: u32) -> (u64, i32) {
        let text = format!("{:.*e}", n as usize - 1, x);
        let (digits, exponent) = text.split_once('e').unwrap();
        (
            digits.replace('.', "").parse().unwrap(),
            exponent.parse().unwrap(),
        )
    }

    #[test]
    fn fixed_places() {
        let fixed = |x, places| {
            let mut out = Vec::new();
            write_fixed(x, places, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(fixed(0.0, 0), "0");
        assert_eq!(fixed(0.0, 3), "0.000");
        assert_eq!(fixed(1.005, 2), "1.00");
        assert_eq!(fixed(-2.5, 0), "2");
        assert_eq!(fixed(0.05, 1), "0.1");
        assert_eq!(fixed(1e22, 1), "10000000000000000000000.0");
        assert_eq!(fixed(1e-30, 2), "0.00");
        assert_eq!(fixed(5e-324, 40).len(), 42);
        assert_eq!(fixed(f64::MAX, 99).len(), 309 + 100);
    }
}
