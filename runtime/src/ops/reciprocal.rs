//! Division of integers by a constant: a multiplication by its reciprocal.
//!
//! For a divisor `c` between `2^(l-1)` and `2^l` the factor is `floor(2^(63+l) / c) + 1`,
//! which fits 64 bits. It is more than `2^(63+l) / c` by less than `2^l / c`, so that for
//! `0 <= n < 2^63` the product is too big by less than `2^(63+l) / c`, and
//! `floor(n * factor / 2^(63+l))` is the quotient (Granlund and Montgomery, *Division by
//! Invariant Integers using Multiplication*, 1994). Of a negative number it is that of
//! its complement, complemented, which rounds down, as Lua does: `x // c = ~(~x // c)`.
//!
//! ```text
//!   s = x >> 63                       all ones if x is negative
//!   q = (high((x ^ s) * factor) >> shift) ^ s          x // c
//!   r = x - q * c                                      x % c
//! ```

/// What compiled code divides by a constant with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reciprocal {
    /// Of the product with this the high word is taken.
    pub factor: u64,
    /// By how much that is shifted to the right.
    pub shift: u32,
}

impl Reciprocal {
    /// The reciprocal of a positive divisor; `None` for others, and for powers of two,
    /// by which is divided in one instruction.
    pub fn of(divisor: i64) -> Option<Reciprocal> {
        let c = u64::try_from(divisor).ok().filter(|&c| c > 0)?;
        if c.is_power_of_two() {
            return None;
        }
        let bits = 64 - c.leading_zeros();
        let factor = (1u128 << (63 + bits)) / u128::from(c) + 1;
        Some(Reciprocal {
            factor: factor as u64,
            shift: bits - 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::arith::{int_floor_div, int_mod};
    use proptest::prelude::*;

    /// What compiled code does.
    fn divide(x: i64, c: i64) -> (i64, i64) {
        let Reciprocal { factor, shift } = Reciprocal::of(c).expect("no power of two");
        let s = x >> 63;
        let high = (u128::from((x ^ s) as u64) * u128::from(factor)) >> 64;
        let q = (high as u64 >> shift) as i64 ^ s;
        (q, x.wrapping_sub(q.wrapping_mul(c)))
    }

    fn check(x: i64, c: i64) {
        if Reciprocal::of(c).is_some() {
            let expected = (int_floor_div(x, c), int_mod(x, c));
            assert_eq!(divide(x, c), expected, "{x} by {c}");
        }
    }

    #[test]
    fn at_the_edges() {
        let mut all = vec![0, 1, 2, 3, 5, 6, 7, 10, 641, 65521, 2_147_483_647];
        for bits in 1..63 {
            let n = 1i64 << bits;
            all.extend([n - 1, n, n + 1, n / 3, n / 3 + 1]);
        }
        all.extend([i64::MAX, i64::MAX - 1]);
        for &c in &all {
            for &x in &all {
                let near = c.wrapping_mul(x);
                for x in [x, near, near.wrapping_sub(1), near.wrapping_add(1)] {
                    check(x, c);
                    check(!x, c);
                    check(x.wrapping_neg(), c);
                }
            }
        }
    }

    #[test]
    fn not_for_all_divisors() {
        for c in [i64::MIN, -3, -1, 0, 1, 2, 1 << 62] {
            assert_eq!(Reciprocal::of(c), None, "{c}");
        }
    }

    proptest! {
        #[test]
        fn as_division_does(x: i64, c: i64, bits in 0u32..63) {
            check(x, c >> bits);
            check(x >> bits, c);
        }
    }
}
