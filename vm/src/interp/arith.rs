//! Arithmetic and bitwise instructions.
//!
//! Each handler has the integer and the float case inline and records in the
//! instruction's feedback bits which it took. An integer and a float are one
//! tail call further; everything else (strings, metamethods, errors) is
//! [`slow`].

use super::*;
use strata_runtime::native::cont;
use strata_runtime::ops::arith::{
    self as ops, ArithOp, float_mod, float_pow, int_floor_div, int_mod, shift_left,
};
use strata_runtime::ops::meta::binary_handler;
use strata_runtime::value::tag;
use strata_spec::Op;

/// Feedback bits of arithmetic, comparisons and numeric loops: which operands
/// were seen.
pub(crate) mod seen {
    /// Both integers.
    pub const INT: u8 = 1;
    /// Both floats.
    pub const FLOAT: u8 = 2;
    /// An integer and a float.
    pub const MIXED: u8 = 4;
    /// Anything else.
    pub const OTHER: u8 = 8;
    /// Of conditional jumps: they have jumped.
    pub const JUMPED: u8 = 64;
    /// They have not.
    pub const FELL: u8 = 128;
    /// Both: what is no operand.
    pub const WAYS: u8 = JUMPED | FELL;
}

/// [`seen::INT`] in an instruction.
pub(super) const SEEN_INT: u64 = (seen::INT as u64) << 32;
/// [`seen::FLOAT`] in an instruction.
pub(super) const SEEN_FLOAT: u64 = (seen::FLOAT as u64) << 32;
/// [`seen::MIXED`] in an instruction.
pub(super) const SEEN_MIXED: u64 = (seen::MIXED as u64) << 32;
/// [`seen::OTHER`] in an instruction.
pub(super) const SEEN_OTHER: u64 = (seen::OTHER as u64) << 32;

/// [`seen::JUMPED`] in an instruction.
pub(super) const SEEN_JUMPED: u64 = (seen::JUMPED as u64) << 32;
/// [`seen::FELL`] in an instruction.
pub(super) const SEEN_FELL: u64 = (seen::FELL as u64) << 32;

/// Records a feedback bit of the instruction before `pc`.
#[inline(always)]
pub(super) unsafe fn note(pc: *const Insn, i: u64, bit: u64) {
    if i & bit == 0 {
        // SAFETY: `pc` is the instruction after the current one; code is
        // written by the thread that runs it only.
        unsafe { (*pc.cast_mut().sub(1)).0 |= bit };
    }
}

/// The right operand of a `K` instruction.
#[inline(always)]
unsafe fn kc(k: *const Value, i: u64) -> *const Value {
    // SAFETY: the verifier has checked the constant index.
    unsafe { k.add((i >> 40) as usize) }
}

macro_rules! arith {
    ($name:ident $mixed:ident, $name_k:ident $mixed_k:ident, int $x:ident $y:ident => $int:expr, float $p:ident $q:ident => $float:expr) => {
        arith!(@one $name, $mixed, rc, $x $y => $int, $p $q => $float);
        arith!(@one $name_k, $mixed_k, kc, $x $y => $int, $p $q => $float);
    };
    (@one $name:ident, $mixed:ident, $right:ident, $x:ident $y:ident => $int:expr, $p:ident $q:ident => $float:expr) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let (b, c) = (rb(base, i), arith!(@right $right, base, k, i));
                if (*b).tag == tag::INT && (*c).tag == tag::INT {
                    let ($x, $y) = ((*b).as_int(), (*c).as_int());
                    note(pc, i, SEEN_INT);
                    put(ra(base, i), $int);
                    return dispatch(pc, base, vm, k);
                }
                if (*b).tag == tag::FLOAT && (*c).tag == tag::FLOAT {
                    let ($p, $q) = ((*b).as_float(), (*c).as_float());
                    note(pc, i, SEEN_FLOAT);
                    put(ra(base, i), Value::float($float));
                    return dispatch(pc, base, vm, k);
                }
                $mixed(pc, base, vm, i, k)
            }
        }

        handler! {
            /// An integer and a float.
            #[inline(never)]
            $mixed(pc, base, vm, i, k) {
                let (b, c) = (rb(base, i), arith!(@right $right, base, k, i));
                let ($p, $q) = if (*b).tag == tag::FLOAT && (*c).tag == tag::INT {
                    ((*b).as_float(), (*c).as_int() as f64)
                } else if (*b).tag == tag::INT && (*c).tag == tag::FLOAT {
                    ((*b).as_int() as f64, (*c).as_float())
                } else {
                    return slow(pc, base, vm, i, k);
                };
                note(pc, i, SEEN_MIXED);
                put(ra(base, i), Value::float($float));
                dispatch(pc, base, vm, k)
            }
        }
    };
    (@right rc, $base:ident, $k:ident, $i:ident) => { rc($base, $i).cast_const() };
    (@right kc, $base:ident, $k:ident, $i:ident) => { kc($k, $i) };
}

arith!(add add_mixed, add_k add_k_mixed, int x y => Value::int(x.wrapping_add(y)), float p q => p + q);
arith!(sub sub_mixed, sub_k sub_k_mixed, int x y => Value::int(x.wrapping_sub(y)), float p q => p - q);
arith!(mul mul_mixed, mul_k mul_k_mixed, int x y => Value::int(x.wrapping_mul(y)), float p q => p * q);
arith!(div div_mixed, div_k div_k_mixed, int x y => Value::float(x as f64 / y as f64), float p q => p / q);

macro_rules! arith_nonzero {
    ($name:ident, $name_k:ident, $int:ident) => {
        arith_nonzero!(@one $name, rc, $int);
        arith_nonzero!(@one $name_k, kc, $int);
    };
    (@one $name:ident, $right:ident, $int:ident) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let (b, c) = (rb(base, i), arith!(@right $right, base, k, i));
                if (*b).tag == tag::INT && (*c).tag == tag::INT {
                    // Read once: the check for zero is then the division's own.
                    let (x, y) = ((*b).as_int(), (*c).as_int());
                    if y != 0 {
                        note(pc, i, SEEN_INT);
                        put(ra(base, i), Value::int($int(x, y)));
                        return dispatch(pc, base, vm, k);
                    }
                }
                mixed(pc, base, vm, i, k)
            }
        }
    };
}
arith_nonzero!(idiv, idiv_k, int_floor_div);
arith_nonzero!(modulo, modulo_k, int_mod);

macro_rules! bitwise {
    ($name:ident, $name_k:ident, $x:ident $y:ident => $int:expr) => {
        bitwise!(@one $name, rc, $x $y => $int);
        bitwise!(@one $name_k, kc, $x $y => $int);
    };
    (@one $name:ident, $right:ident, $x:ident $y:ident => $int:expr) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let (b, c) = (rb(base, i), arith!(@right $right, base, k, i));
                if (*b).tag == tag::INT && (*c).tag == tag::INT {
                    let ($x, $y) = ((*b).as_int(), (*c).as_int());
                    note(pc, i, SEEN_INT);
                    put(ra(base, i), Value::int($int));
                    return dispatch(pc, base, vm, k);
                }
                mixed(pc, base, vm, i, k)
            }
        }
    };
}
bitwise!(band, band_k, x y => x & y);
bitwise!(bor, bor_k, x y => x | y);
bitwise!(bxor, bxor_k, x y => x ^ y);
bitwise!(shl, shl_k, x y => shift_left(x, y));
bitwise!(shr, shr_k, x y => shift_left(x, y.wrapping_neg()));

handler! { pow(pc, base, vm, i, k) { mixed(pc, base, vm, i, k) } }
handler! { pow_k(pc, base, vm, i, k) { mixed(pc, base, vm, i, k) } }

handler! {
    add_i(pc, base, vm, i, k) {
        let b = rb(base, i);
        let c = i64::from((i >> 24) as i8);
        if (*b).tag == tag::INT {
            note(pc, i, SEEN_INT);
            put(ra(base, i), Value::int((*b).as_int().wrapping_add(c)));
            return dispatch(pc, base, vm, k);
        }
        if (*b).tag == tag::FLOAT {
            note(pc, i, SEEN_FLOAT);
            put(ra(base, i), Value::float((*b).as_float() + c as f64));
            return dispatch(pc, base, vm, k);
        }
        slow(pc, base, vm, i, k)
    }
}

handler! {
    unm(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag == tag::INT {
            note(pc, i, SEEN_INT);
            put(ra(base, i), Value::int((*b).as_int().wrapping_neg()));
            return dispatch(pc, base, vm, k);
        }
        if (*b).tag == tag::FLOAT {
            note(pc, i, SEEN_FLOAT);
            put(ra(base, i), Value::float(-(*b).as_float()));
            return dispatch(pc, base, vm, k);
        }
        slow(pc, base, vm, i, k)
    }
}

handler! {
    bnot(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag == tag::INT {
            note(pc, i, SEEN_INT);
            put(ra(base, i), Value::int(!(*b).as_int()));
            return dispatch(pc, base, vm, k);
        }
        slow(pc, base, vm, i, k)
    }
}

/// The operator and right operand of an arithmetic instruction.
#[inline(always)]
unsafe fn operands(base: *mut Value, i: u64, k: *const Value) -> (ArithOp, Value) {
    // SAFETY: as for handlers.
    unsafe {
        match Op::from_u8(i as u8) {
            Some(Op::Add) => (ArithOp::Add, *rc(base, i)),
            Some(Op::AddI) => (ArithOp::Add, Value::int(i64::from((i >> 24) as i8))),
            Some(Op::AddK) => (ArithOp::Add, *kc(k, i)),
            Some(Op::Sub) => (ArithOp::Sub, *rc(base, i)),
            Some(Op::SubK) => (ArithOp::Sub, *kc(k, i)),
            Some(Op::Mul) => (ArithOp::Mul, *rc(base, i)),
            Some(Op::MulK) => (ArithOp::Mul, *kc(k, i)),
            Some(Op::Div) => (ArithOp::Div, *rc(base, i)),
            Some(Op::DivK) => (ArithOp::Div, *kc(k, i)),
            Some(Op::IDiv) => (ArithOp::IDiv, *rc(base, i)),
            Some(Op::IDivK) => (ArithOp::IDiv, *kc(k, i)),
            Some(Op::Mod) => (ArithOp::Mod, *rc(base, i)),
            Some(Op::ModK) => (ArithOp::Mod, *kc(k, i)),
            Some(Op::Pow) => (ArithOp::Pow, *rc(base, i)),
            Some(Op::PowK) => (ArithOp::Pow, *kc(k, i)),
            Some(Op::BAnd) => (ArithOp::BAnd, *rc(base, i)),
            Some(Op::BAndK) => (ArithOp::BAnd, *kc(k, i)),
            Some(Op::BOr) => (ArithOp::BOr, *rc(base, i)),
            Some(Op::BOrK) => (ArithOp::BOr, *kc(k, i)),
            Some(Op::BXor) => (ArithOp::BXor, *rc(base, i)),
            Some(Op::BXorK) => (ArithOp::BXor, *kc(k, i)),
            Some(Op::Shl) => (ArithOp::Shl, *rc(base, i)),
            Some(Op::ShlK) => (ArithOp::Shl, *kc(k, i)),
            Some(Op::Shr) => (ArithOp::Shr, *rc(base, i)),
            Some(Op::ShrK) => (ArithOp::Shr, *kc(k, i)),
            Some(Op::BNot) => (ArithOp::BNot, *rb(base, i)),
            _ => (ArithOp::Unm, *rb(base, i)),
        }
    }
}

handler! {
    /// Floats, or an integer and a float, for the operators whose float case
    /// is a call.
    #[inline(never)]
    mixed(pc, base, vm, i, k) {
        let b = *rb(base, i);
        let (op, c) = operands(base, i, k);
        if b.is_number() && c.is_number() && !op.is_bitwise() {
            let int = b.tag == tag::INT && c.tag == tag::INT;
            if int && matches!(op, ArithOp::IDiv | ArithOp::Mod) {
                return slow(pc, base, vm, i, k);
            }
            let bit = if int { SEEN_INT } else if b.tag == c.tag { SEEN_FLOAT } else { SEEN_MIXED };
            note(pc, i, bit);
            let x = if b.tag == tag::INT { b.as_int() as f64 } else { b.as_float() };
            let y = if c.tag == tag::INT { c.as_int() as f64 } else { c.as_float() };
            let r = match op {
                ArithOp::IDiv => (x / y).floor(),
                ArithOp::Mod => float_mod(x, y),
                _ => float_pow(x, y),
            };
            put(ra(base, i), Value::float(r));
            return dispatch(pc, base, vm, k);
        }
        slow(pc, base, vm, i, k)
    }
}

/// " (local 'x')"-like suffix for register `reg` of the current instruction.
pub(super) fn operand_name(vm: &Vm, reg: u8) -> Vec<u8> {
    let Some(frame) = vm.frame_at(0) else {
        return Vec::new();
    };
    let Some((hint, proto)) = strata_runtime::frame::operand_hint(&frame, reg) else {
        return Vec::new();
    };
    let mut text = format!(" ({} '", strata_runtime::frame::hint_word(hint.kind)).into_bytes();
    text.extend_from_slice(proto.module.str(hint.name));
    text.extend_from_slice(b"')");
    text
}

slow_handler! {
    /// Strings, metamethods, errors.
    #[cold]
    slow(pc, base, vm, i, k) {
        save(vm, pc, base);
        let b = *rb(base, i);
        let (op, c) = operands(base, i, k);
        note(pc, i, match (b.tag, c.tag) {
            (tag::INT, tag::INT) => SEEN_INT,
            (tag::FLOAT, tag::FLOAT) if !op.is_bitwise() => SEEN_FLOAT,
            (tag::INT | tag::FLOAT, tag::INT | tag::FLOAT) if !op.is_bitwise() => SEEN_MIXED,
            _ => SEEN_OTHER,
        });
        let machine = &mut *vm;
        let why = match ops::raw(machine, op, b, c) {
            Ok(v) => {
                put(ra(base, i), v);
                return next(vm, pc, base);
            }
            Err(why) => why,
        };
        if let Some(h) = binary_handler(machine, b, c, op.event()) {
            return call::call_meta(vm, h, &[b, c], cont::STORE_A);
        }
        let info = Insn(i).op().map(|op| op.info());
        let c_is_reg = info.is_some_and(|info| info.c == strata_spec::op::Role::Rd);
        let unary = matches!(op, ArithOp::Unm | ArithOp::BNot);
        let (b_reg, c_reg) = (Insn(i).b(), if c_is_reg { Insn(i).c() } else { 255 });
        let names = [
            operand_name(machine, b_reg),
            operand_name(machine, if unary { b_reg } else { c_reg }),
        ];
        let e = ops::error(machine, op, b, c, why, &|first| names[usize::from(!first)].clone());
        raise::raise(vm, e)
    }
}
