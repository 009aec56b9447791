//! Order and equality of numbers and strings, without metamethods.
//!
//! Integers and floats compare by mathematical value, never by rounding the
//! integer (Lua 5.4 manual, section 3.4.4).

use crate::audit::{Bug, planted};
use crate::object::Str;
use crate::state::Vm;
use crate::value::{Value, tag};
use std::cmp::Ordering;

/// `i < f`
pub fn int_lt_float(i: i64, f: f64) -> bool {
    // Integers in +-2^53 are exact floats; beyond, compare as integers.
    if planted(Bug::IntFloatOrder) || (-(1 << 53)..=1 << 53).contains(&i) {
        return (i as f64) < f;
    }
    if f >= 9_223_372_036_854_775_808.0 {
        true
    } else if f > -9_223_372_036_854_775_808.0 {
        i < f.ceil() as i64
    } else {
        false
    }
}

/// `i <= f`
pub fn int_le_float(i: i64, f: f64) -> bool {
    if (-(1 << 53)..=1 << 53).contains(&i) {
        return (i as f64) <= f;
    }
    if f >= 9_223_372_036_854_775_808.0 {
        true
    } else if f >= -9_223_372_036_854_775_808.0 {
        i <= f.floor() as i64
    } else {
        false
    }
}

/// `f < i`
pub fn float_lt_int(f: f64, i: i64) -> bool {
    !f.is_nan() && !int_le_float(i, f)
}

/// `f <= i`
pub fn float_le_int(f: f64, i: i64) -> bool {
    !f.is_nan() && !int_lt_float(i, f)
}

/// `a < b` for numbers; `None` if one is no number.
#[inline]
pub fn number_lt(a: Value, b: Value) -> Option<bool> {
    Some(match (a.tag, b.tag) {
        (tag::INT, tag::INT) => a.as_int() < b.as_int(),
        (tag::FLOAT, tag::FLOAT) => a.as_float() < b.as_float(),
        (tag::INT, tag::FLOAT) => int_lt_float(a.as_int(), b.as_float()),
        (tag::FLOAT, tag::INT) => float_lt_int(a.as_float(), b.as_int()),
        _ => return None,
    })
}

/// `a <= b` for numbers; `None` if one is no number.
#[inline]
pub fn number_le(a: Value, b: Value) -> Option<bool> {
    Some(match (a.tag, b.tag) {
        (tag::INT, tag::INT) => a.as_int() <= b.as_int(),
        (tag::FLOAT, tag::FLOAT) => a.as_float() <= b.as_float(),
        (tag::INT, tag::FLOAT) => int_le_float(a.as_int(), b.as_float()),
        (tag::FLOAT, tag::INT) => float_le_int(a.as_float(), b.as_int()),
        _ => return None,
    })
}

/// Order of two strings: byte by byte, as in the C locale.
pub fn compare_str(vm: &mut Vm, a: *mut Str, b: *mut Str) -> Ordering {
    let (a, b): (&[u8], &[u8]) = (vm.bytes(a), vm.bytes(b));
    a.cmp(b)
}

/// `a < b` for numbers and strings; `None` if a metamethod must decide.
pub fn raw_lt(vm: &mut Vm, a: Value, b: Value) -> Option<bool> {
    if a.is_str() && b.is_str() {
        return Some(compare_str(vm, a.as_str(), b.as_str()) == Ordering::Less);
    }
    number_lt(a, b)
}

/// `a <= b` for numbers and strings; `None` if a metamethod must decide.
pub fn raw_le(vm: &mut Vm, a: Value, b: Value) -> Option<bool> {
    if a.is_str() && b.is_str() {
        return Some(compare_str(vm, a.as_str(), b.as_str()) != Ordering::Greater);
    }
    number_le(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_comparisons_are_exact() {
        let big = (1i64 << 53) + 1;
        assert!(!int_lt_float(big, 9_007_199_254_740_992.0));
        assert!(int_lt_float(big, 9_007_199_254_740_994.0));
        assert!(int_lt_float(i64::MAX, 9_223_372_036_854_775_808.0));
        assert!(!int_le_float(i64::MIN, f64::NEG_INFINITY));
        assert!(int_le_float(i64::MIN, -9_223_372_036_854_775_808.0));
        assert!(!int_lt_float(i64::MIN, -9_223_372_036_854_775_808.0));
        assert!(!float_lt_int(f64::NAN, 1) && !float_le_int(f64::NAN, 1));
        assert!(!int_lt_float(1, f64::NAN) && !int_le_float(i64::MAX, f64::NAN));
        assert!(float_lt_int(0.5, 1) && float_le_int(f64::NEG_INFINITY, i64::MIN));
    }
}
