//! `%` of floats.
//!
//! C's `fmod` finds the remainder bit by bit. With a fused multiply-add it
//! takes one division: `q = floor(x / y)` is the quotient or, if the division
//! was rounded up to an integer, one more, as long as it is below 2^53. Then
//! `x - q * y`, rounded once, is the result, or the result less `y`, exactly;
//! its sign says which. What is left (huge quotients, infinities, NaN) is
//! `fmod`'s.

/// Below this, all integers are floats.
pub const EXACT: f64 = 9_007_199_254_740_992.0;

/// `a % b` with the sign of `b`.
#[inline]
pub fn float_mod(a: f64, b: f64) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the CPU has these instructions.
        return unsafe { by_fma(a, b) };
    }
    #[cfg(target_arch = "aarch64")]
    return by_quotient(a, b);
    #[cfg(not(target_arch = "aarch64"))]
    by_remainder(a, b)
}

/// Whether the CPU has a fused multiply-add.
#[inline]
pub fn has_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma")
        && std::arch::is_x86_feature_detected!("sse4.1");
    #[cfg(not(target_arch = "x86_64"))]
    cfg!(target_arch = "aarch64")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma,sse4.1")]
fn by_fma(a: f64, b: f64) -> f64 {
    by_quotient(a, b)
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn by_quotient(a: f64, b: f64) -> f64 {
    let q = a / b;
    if !(q.abs() < EXACT && b.abs() < f64::INFINITY) {
        return by_remainder(a, b);
    }
    let r = (-q.floor()).mul_add(b, a);
    if r == 0.0 {
        r.copysign(a)
    } else if (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

/// As the manual says: by `fmod`.
fn by_remainder(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signs_and_infinities() {
        assert_eq!(float_mod(-6.0, 4.0), 2.0);
        assert_eq!(float_mod(6.0, -4.0), -2.0);
        assert_eq!(float_mod(5.0, f64::INFINITY), 5.0);
        assert_eq!(float_mod(-5.0, f64::INFINITY), f64::INFINITY);
        assert!(float_mod(-6.0, 3.0).is_sign_negative());
        assert!(float_mod(-0.0, 3.0).is_sign_negative());
        assert!(float_mod(1.0, 0.0).is_nan());
    }

    /// Numbers that share bits, are integers, or are anything.
    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-1000i64..1000).prop_map(|n| n as f64),
            (-1000i64..1000, 1i64..1000).prop_map(|(n, d)| n as f64 / d as f64),
            any::<i64>().prop_map(|n| n as f64),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn it_is_what_fmod_makes(a in number(), b in number(), k in -1_000_000i64..1_000_000) {
            for a in [a, b * k as f64, b * k as f64 + a, (b * k as f64).next_down()] {
                let (x, y) = (float_mod(a, b), by_remainder(a, b));
                prop_assert!(x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()), "{a:?} % {b:?}: {x:?}, {y:?}");
            }
        }
    }
}
