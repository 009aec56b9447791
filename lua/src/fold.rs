//! Constant folding, as Lua 5.4 does it.
//!
//! Only numbers fold. An operation that would raise an error, or whose result
//! is a NaN or a zero float, is left to run time: the first for the error's
//! sake, the others because a constant table can't tell such values apart.

use crate::ast::{BinOp, UnOp};
use crate::number::Number;

/// The value of `a op b`, if it may be computed now.
pub(crate) fn binary(op: BinOp, a: Number, b: Number) -> Option<Number> {
    use BinOp::*;
    if matches!(op, Div | IDiv | Mod) && to_float(b) == 0.0 {
        return None;
    }
    let value = match op {
        BAnd | BOr | BXor | Shl | Shr => {
            let (a, b) = (to_int(a)?, to_int(b)?);
            Number::Int(match op {
                BAnd => a & b,
                BOr => a | b,
                BXor => a ^ b,
                Shl => shift_left(a, b),
                _ => shift_left(a, b.wrapping_neg()),
            })
        }
        Div => Number::Float(to_float(a) / to_float(b)),
        Pow => Number::Float(power(to_float(a), to_float(b))),
        Add | Sub | Mul | IDiv | Mod => match (a, b) {
            (Number::Int(a), Number::Int(b)) => Number::Int(match op {
                Add => a.wrapping_add(b),
                Sub => a.wrapping_sub(b),
                Mul => a.wrapping_mul(b),
                IDiv => {
                    let quotient = a.wrapping_div(b);
                    let inexact = a.wrapping_rem(b) != 0 && (a ^ b) < 0;
                    quotient - i64::from(inexact)
                }
                _ => {
                    let rest = a.wrapping_rem(b);
                    if rest != 0 && (rest ^ b) < 0 {
                        rest + b
                    } else {
                        rest
                    }
                }
            }),
            _ => {
                let (a, b) = (to_float(a), to_float(b));
                Number::Float(match op {
                    Add => a + b,
                    Sub => a - b,
                    Mul => a * b,
                    IDiv => (a / b).floor(),
                    _ => {
                        let rest = a % b;
                        let differ = (rest > 0.0 && b < 0.0) || (rest < 0.0 && b > 0.0);
                        if differ { rest + b } else { rest }
                    }
                })
            }
        },
        Concat | Eq | Ne | Lt | Le | Gt | Ge | And | Or => return None,
    };
    keep(value)
}

/// The value of `op a`, if it may be computed now.
pub(crate) fn unary(op: UnOp, a: Number) -> Option<Number> {
    let value = match (op, a) {
        (UnOp::Minus, Number::Int(i)) => Number::Int(i.wrapping_neg()),
        (UnOp::Minus, Number::Float(f)) => Number::Float(-f),
        (UnOp::BNot, a) => Number::Int(!to_int(a)?),
        (UnOp::Not | UnOp::Len, _) => return None,
    };
    keep(value)
}

fn keep(value: Number) -> Option<Number> {
    match value {
        Number::Float(f) if f.is_nan() || f == 0.0 => None,
        value => Some(value),
    }
}

fn to_float(n: Number) -> f64 {
    match n {
        Number::Int(i) => i as f64,
        Number::Float(f) => f,
    }
}

/// The integer equal to `n`, if there is one.
fn to_int(n: Number) -> Option<i64> {
    match n {
        Number::Int(i) => Some(i),
        Number::Float(f) => {
            let in_range = (-9223372036854775808.0..9223372036854775808.0).contains(&f);
            (in_range && f == f.floor()).then_some(f as i64)
        }
    }
}

/// `C`'s `pow` but with the common square done by a multiplication, as Lua
/// computes it.
fn power(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { a.powf(b) }
}

fn shift_left(a: i64, by: i64) -> i64 {
    match by {
        0..=63 => ((a as u64) << by) as i64,
        -63..=-1 => (a as u64 >> -by) as i64,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::Number::{Float, Int};
    use super::*;

    #[test]
    fn integers_wrap_and_floor() {
        assert_eq!(
            binary(BinOp::Add, Int(i64::MAX), Int(1)),
            Some(Int(i64::MIN))
        );
        assert_eq!(binary(BinOp::IDiv, Int(-7), Int(2)), Some(Int(-4)));
        assert_eq!(
            binary(BinOp::IDiv, Int(i64::MIN), Int(-1)),
            Some(Int(i64::MIN))
        );
        assert_eq!(binary(BinOp::Mod, Int(-7), Int(3)), Some(Int(2)));
        assert_eq!(binary(BinOp::Mod, Int(7), Int(-3)), Some(Int(-2)));
        assert_eq!(binary(BinOp::Mod, Int(i64::MIN), Int(-1)), Some(Int(0)));
        assert_eq!(binary(BinOp::Shl, Int(1), Int(64)), Some(Int(0)));
        assert_eq!(binary(BinOp::Shr, Int(-1), Int(63)), Some(Int(1)));
        assert_eq!(binary(BinOp::Shr, Int(1), Int(-3)), Some(Int(8)));
        assert_eq!(binary(BinOp::Shl, Int(1), Int(i64::MIN)), Some(Int(0)));
    }

    #[test]
    fn floats() {
        assert_eq!(binary(BinOp::Div, Int(7), Int(2)), Some(Float(3.5)));
        assert_eq!(binary(BinOp::Pow, Int(2), Int(10)), Some(Float(1024.0)));
        assert_eq!(binary(BinOp::IDiv, Float(-7.0), Int(2)), Some(Float(-4.0)));
        assert_eq!(binary(BinOp::Mod, Float(-5.5), Int(2)), Some(Float(0.5)));
        assert_eq!(binary(BinOp::BAnd, Float(6.0), Int(3)), Some(Int(2)));
        assert_eq!(unary(UnOp::BNot, Float(0.0)), Some(Int(-1)));
    }

    #[test]
    fn left_to_run_time() {
        assert_eq!(binary(BinOp::Mod, Int(1), Int(0)), None);
        assert_eq!(binary(BinOp::Div, Int(1), Int(0)), None);
        assert_eq!(binary(BinOp::IDiv, Float(1.0), Float(0.0)), None);
        assert_eq!(binary(BinOp::Sub, Float(1.0), Float(1.0)), None);
        assert_eq!(binary(BinOp::BOr, Float(1.5), Int(1)), None);
        assert_eq!(unary(UnOp::Minus, Float(0.0)), None);
        assert_eq!(unary(UnOp::Minus, Int(i64::MIN)), Some(Int(i64::MIN)));
    }
}
