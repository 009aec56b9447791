//! Arithmetic and bitwise operators: integers wrap, floats are IEEE 754,
//! mixed operands go to float, `//` and `%` round towards minus infinity
//! (Lua 5.4 manual, sections 3.4.1 to 3.4.3).

pub use super::modulo::float_mod;
use crate::audit::{Bug, planted};
use crate::error::Error;
use crate::metatable::Event;
use crate::state::Vm;
use crate::value::{Value, float_to_int, tag};

/// A binary (or, with both operands the same, unary) operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the variants are Lua's operators")]
pub enum ArithOp {
    Add,
    Sub,
    Mul,
    Div,
    IDiv,
    Mod,
    Pow,
    BAnd,
    BOr,
    BXor,
    Shl,
    Shr,
    Unm,
    BNot,
}

impl ArithOp {
    /// The metamethod event.
    pub fn event(self) -> Event {
        match self {
            ArithOp::Add => Event::Add,
            ArithOp::Sub => Event::Sub,
            ArithOp::Mul => Event::Mul,
            ArithOp::Div => Event::Div,
            ArithOp::IDiv => Event::IDiv,
            ArithOp::Mod => Event::Mod,
            ArithOp::Pow => Event::Pow,
            ArithOp::BAnd => Event::BAnd,
            ArithOp::BOr => Event::BOr,
            ArithOp::BXor => Event::BXor,
            ArithOp::Shl => Event::Shl,
            ArithOp::Shr => Event::Shr,
            ArithOp::Unm => Event::Unm,
            ArithOp::BNot => Event::BNot,
        }
    }

    /// Works on integers only.
    pub fn is_bitwise(self) -> bool {
        matches!(
            self,
            ArithOp::BAnd
                | ArithOp::BOr
                | ArithOp::BXor
                | ArithOp::Shl
                | ArithOp::Shr
                | ArithOp::BNot
        )
    }
}

/// Why [`raw`] has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoResult {
    /// An operand is no number (and no string that spells one).
    Operand,
    /// Integer division by zero.
    DivByZero,
    /// Integer modulo by zero.
    ModByZero,
    /// A bitwise operand is a number without integer representation.
    NoInteger,
}

/// `a // b`, rounding down; `b` is not 0.
#[inline(always)]
pub fn int_floor_div(a: i64, b: i64) -> i64 {
    let q = a.wrapping_div(b);
    if a.wrapping_rem(b) != 0 && (a ^ b) < 0 && !planted(Bug::FloorDiv) {
        q - 1
    } else {
        q
    }
}

/// `a % b` with the sign of `b`; `b` is not 0.
#[inline(always)]
pub fn int_mod(a: i64, b: i64) -> i64 {
    let r = a.wrapping_rem(b);
    if r != 0 && (r ^ b) < 0 && !planted(Bug::IntMod) {
        r + b
    } else {
        r
    }
}

/// `a ^ b`.
#[inline(always)]
pub fn float_pow(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { a.powf(b) }
}

/// `a << b`; negative `b` shifts right, 64 or more give 0.
#[inline(always)]
pub fn shift_left(a: i64, b: i64) -> i64 {
    if planted(Bug::ShiftAll) {
        return a.wrapping_shl(b as u32);
    }
    if (0..64).contains(&b) {
        ((a as u64) << b) as i64
    } else if b < 0 && b > -64 {
        ((a as u64) >> -b) as i64
    } else {
        0
    }
}

/// An operator on two integers.
pub fn on_ints(op: ArithOp, a: i64, b: i64) -> Result<Value, NoResult> {
    Ok(Value::int(match op {
        ArithOp::Add => a.wrapping_add(b),
        ArithOp::Sub => a.wrapping_sub(b),
        ArithOp::Mul => a.wrapping_mul(b),
        ArithOp::IDiv if b == 0 => return Err(NoResult::DivByZero),
        ArithOp::IDiv => int_floor_div(a, b),
        ArithOp::Mod if b == 0 => return Err(NoResult::ModByZero),
        ArithOp::Mod => int_mod(a, b),
        ArithOp::Div | ArithOp::Pow => return Ok(on_floats(op, a as f64, b as f64)),
        ArithOp::BAnd => a & b,
        ArithOp::BOr => a | b,
        ArithOp::BXor => a ^ b,
        ArithOp::Shl => shift_left(a, b),
        ArithOp::Shr => shift_left(a, b.wrapping_neg()),
        ArithOp::Unm => a.wrapping_neg(),
        ArithOp::BNot => !a,
    }))
}

/// An arithmetic operator on two floats. Bitwise operators give 0 (they never
/// get here).
pub fn on_floats(op: ArithOp, a: f64, b: f64) -> Value {
    Value::float(match op {
        ArithOp::Add => a + b,
        ArithOp::Sub => a - b,
        ArithOp::Mul => a * b,
        ArithOp::Div => a / b,
        ArithOp::IDiv => (a / b).floor(),
        ArithOp::Mod => float_mod(a, b),
        ArithOp::Pow => float_pow(a, b),
        ArithOp::Unm => -a,
        _ => 0.0,
    })
}

fn as_float(v: Value) -> f64 {
    if v.tag == tag::INT {
        v.as_int() as f64
    } else {
        v.as_float()
    }
}

/// An operator on numbers.
pub fn on_numbers(op: ArithOp, a: Value, b: Value) -> Result<Value, NoResult> {
    if !a.is_number() || !b.is_number() {
        return Err(NoResult::Operand);
    }
    if op.is_bitwise() {
        let int = |v: Value| {
            if v.tag == tag::INT {
                Some(v.as_int())
            } else {
                float_to_int(v.as_float())
            }
        };
        return match (int(a), int(b)) {
            (Some(a), Some(b)) => on_ints(op, a, b),
            _ => Err(NoResult::NoInteger),
        };
    }
    if a.tag == tag::INT && b.tag == tag::INT {
        return on_ints(op, a.as_int(), b.as_int());
    }
    Ok(on_floats(op, as_float(a), as_float(b)))
}

/// An operator on numbers and, unless it is bitwise, strings that spell numbers.
pub fn raw(vm: &mut Vm, op: ArithOp, a: Value, b: Value) -> Result<Value, NoResult> {
    if op.is_bitwise() {
        return on_numbers(op, a, b);
    }
    match (vm.to_number(a), vm.to_number(b)) {
        (Some(a), Some(b)) => on_numbers(op, a, b),
        _ => Err(NoResult::Operand),
    }
}

/// The error for operands without result and metamethod. `name` gives the
/// "(local 'x')"-like suffix of the culprit: first or second operand.
#[cold]
pub fn error(
    vm: &mut Vm,
    op: ArithOp,
    a: Value,
    b: Value,
    why: NoResult,
    name: &dyn Fn(bool) -> Vec<u8>,
) -> Error {
    let mut msg: Vec<u8>;
    match why {
        NoResult::DivByZero => msg = b"attempt to divide by zero".to_vec(),
        NoResult::ModByZero => msg = b"attempt to perform 'n%0'".to_vec(),
        NoResult::NoInteger => {
            let first = vm.to_number(a).is_some_and(|a| vm.to_integer(a).is_none());
            msg = b"number".to_vec();
            msg.extend_from_slice(&name(first));
            msg.extend_from_slice(b" has no integer representation");
        }
        NoResult::Operand => {
            // The culprit is the second operand if the first is a number.
            let bitwise = op.is_bitwise();
            let first = !a.is_number();
            let culprit = if first { a } else { b };
            msg = if bitwise {
                b"attempt to perform bitwise operation on a ".to_vec()
            } else {
                b"attempt to perform arithmetic on a ".to_vec()
            };
            let type_name = vm.type_name_meta(culprit);
            msg.extend_from_slice(&type_name);
            msg.extend_from_slice(b" value");
            msg.extend_from_slice(&name(first));
        }
    }
    vm.error_at(0, &msg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_and_modulo_round_down() {
        assert_eq!(int_floor_div(-7, 2), -4);
        assert_eq!(int_floor_div(7, -2), -4);
        assert_eq!(int_floor_div(i64::MIN, -1), i64::MIN);
        assert_eq!(int_mod(-7, 3), 2);
        assert_eq!(int_mod(7, -3), -2);
        assert_eq!(int_mod(i64::MIN, -1), 0);
    }

    #[test]
    fn shifts_cover_all_distances() {
        assert_eq!(shift_left(1, 63), i64::MIN);
        assert_eq!(shift_left(1, 64), 0);
        assert_eq!(shift_left(-1, -1), i64::MAX);
        assert_eq!(shift_left(-1, -63), 1);
        assert_eq!(shift_left(-1, -64), 0);
        assert_eq!(shift_left(-1, i64::MIN), 0);
        assert_eq!(
            on_ints(ArithOp::Shr, 1, i64::MIN),
            Ok(Value::int(0)).map_err(|e: NoResult| e)
        );
    }

    impl PartialEq for Value {
        fn eq(&self, other: &Value) -> bool {
            self.tag == other.tag && self.payload == other.payload
        }
    }
}
