//! Arithmetic, bitwise operators, `not` and `#`.
//!
//! Feedback says which operand tags were seen. One kind only: guarded, and
//! the result's tag is known. Several: the paths meet after the operation
//! and nothing is known. None, or strings and metamethods: a step.

use super::helpers::{self, steps};
use super::layout::*;
use super::lower::Lower;
use super::state::{Payload, UNKNOWN};
use crate::interp::seen;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::ops::arith::ArithOp;
use strata_runtime::ops::reciprocal::Reciprocal;
use strata_runtime::value::{self, tag};
use strata_spec::{Insn, Op};

/// A right operand.
#[derive(Clone, Copy)]
enum Right {
    Reg(u8),
    Const(value::Value),
}

/// The operator of an arithmetic or bitwise instruction, and whether its right
/// operand is a constant.
pub(crate) fn operator(op: Op) -> Option<(ArithOp, bool)> {
    Some(match op {
        Op::Add => (ArithOp::Add, false),
        Op::AddI | Op::AddK => (ArithOp::Add, true),
        Op::Sub => (ArithOp::Sub, false),
        Op::SubK => (ArithOp::Sub, true),
        Op::Mul => (ArithOp::Mul, false),
        Op::MulK => (ArithOp::Mul, true),
        Op::Div => (ArithOp::Div, false),
        Op::DivK => (ArithOp::Div, true),
        Op::IDiv => (ArithOp::IDiv, false),
        Op::IDivK => (ArithOp::IDiv, true),
        Op::Mod => (ArithOp::Mod, false),
        Op::ModK => (ArithOp::Mod, true),
        Op::Pow => (ArithOp::Pow, false),
        Op::PowK => (ArithOp::Pow, true),
        Op::BAnd => (ArithOp::BAnd, false),
        Op::BAndK => (ArithOp::BAnd, true),
        Op::BOr => (ArithOp::BOr, false),
        Op::BOrK => (ArithOp::BOr, true),
        Op::BXor => (ArithOp::BXor, false),
        Op::BXorK => (ArithOp::BXor, true),
        Op::Shl => (ArithOp::Shl, false),
        Op::ShlK => (ArithOp::Shl, true),
        Op::Shr => (ArithOp::Shr, false),
        Op::ShrK => (ArithOp::Shr, true),
        Op::Unm => (ArithOp::Unm, false),
        Op::BNot => (ArithOp::BNot, false),
        _ => return None,
    })
}

/// The tag of the result where operands of these kinds alone were seen, as
/// far as instructions tell. Also what loops predict.
pub(super) fn result_tag(op: ArithOp, bits: u8) -> Option<u8> {
    let one = match bits {
        seen::INT => tag::INT,
        seen::FLOAT => tag::FLOAT,
        seen::MIXED if !op.is_bitwise() => return Some(tag::FLOAT),
        _ if bits & seen::OTHER == 0 && bits != 0 && matches!(op, ArithOp::Div | ArithOp::Pow) => {
            return Some(tag::FLOAT);
        }
        _ => return None,
    };
    Some(match op {
        ArithOp::Div | ArithOp::Pow => tag::FLOAT,
        _ => one,
    })
}

impl Lower<'_> {
    fn right_tag(&self, right: Right) -> u8 {
        match right {
            Right::Reg(r) => self.known(r),
            Right::Const(v) => v.tag,
        }
    }

    fn right_bits(&mut self, right: Right) -> Value {
        match right {
            Right::Reg(r) => self.bits(r),
            Right::Const(v) => self.int(v.payload as i64),
        }
    }

    /// The right operand, a number of this known tag, as a float.
    fn right_float(&mut self, right: Right, t: u8) -> Value {
        match right {
            Right::Reg(r) => self.number(r, t),
            Right::Const(v) => {
                let f = if v.tag == tag::INT {
                    v.as_int() as f64
                } else {
                    v.as_float()
                };
                self.b.ins().f64const(f)
            }
        }
    }

    /// Register `r`, a number of tag `t`, as a float.
    pub(super) fn number(&mut self, r: u8, t: u8) -> Value {
        if t == tag::INT {
            let v = self.bits(r);
            self.b.ins().fcvt_from_sint(types::F64, v)
        } else {
            self.float(r)
        }
    }

    pub(super) fn arith(&mut self, pc: u32, i: Insn, op: Op, kind: ArithOp, constant: bool) {
        let (a, b) = (i.a(), i.b());
        let right = match op {
            Op::AddI => Right::Const(value::Value::int(i64::from(i.c() as i8))),
            Op::Unm | Op::BNot => Right::Reg(b),
            _ if constant => Right::Const(self.k(i.k())),
            _ => Right::Reg(i.c()),
        };
        let bits = i.feedback_bits();
        let (lt, rt) = (self.known(b), self.right_tag(right));
        let known = lt != UNKNOWN && rt != UNKNOWN;
        let number = |t: u8| t == tag::INT || t == tag::FLOAT;
        if (lt != UNKNOWN && !number(lt))
            || (rt != UNKNOWN && !number(rt))
            || bits & seen::OTHER != 0
            || (bits == 0 && !known)
        {
            return self.arith_step(pc, a);
        }
        // Which tags to expect of each side.
        let want = |t: u8, seen_tag: Option<u8>| if t != UNKNOWN { Some(t) } else { seen_tag };
        let seen_tag = match bits {
            seen::INT => Some(tag::INT),
            seen::FLOAT => Some(tag::FLOAT),
            // One side known, mixed: the other is of the other kind.
            seen::MIXED if lt == tag::INT || rt == tag::INT => Some(tag::FLOAT),
            seen::MIXED if lt == tag::FLOAT || rt == tag::FLOAT => Some(tag::INT),
            _ => None,
        };
        if let (Some(l), Some(r)) = (want(lt, seen_tag), want(rt, seen_tag))
            && (known || self.may_speculate(pc))
        {
            self.guard(b, l, pc);
            if let Right::Reg(c) = right {
                self.guard(c, r, pc);
            }
            let slow = self.arith_fast(a, b, right, kind, l, r);
            if let Some(slow) = slow {
                // The rare case (division by zero, …) has no known result.
                let next = self.b.create_block();
                self.b.ins().jump(next, &[]);
                self.b.switch_to_block(slow);
                self.step_to(steps::ARITH, pc, next);
                self.b.switch_to_block(next);
                self.st.forget(a);
            }
            return;
        }
        self.arith_general(pc, a, b, right, kind, bits);
    }

    /// Several kinds of operands were seen: tests them.
    fn arith_general(&mut self, pc: u32, a: u8, b: u8, right: Right, kind: ArithOp, bits: u8) {
        let (slow, next) = (self.cold_block(), self.b.create_block());
        let before = self.st.clone();
        // Two integers are tested for even if none were seen: what follows takes
        // any number for a float.
        if bits & seen::INT != 0
            || !matches!(kind, ArithOp::Div | ArithOp::Pow) && !planted(Bug::MixedOne)
        {
            let other = self.b.create_block();
            self.check(b, tag::INT, other);
            if let Right::Reg(c) = right {
                self.check(c, tag::INT, other);
            } else if self.right_tag(right) != tag::INT {
                // Never both integers.
                let never = self.b.ins().iconst(types::I8, 0);
                self.unless(never, other);
            }
            if self.right_tag(right) == tag::INT || matches!(right, Right::Reg(_)) {
                let rare = self.arith_fast(a, b, right, kind, tag::INT, tag::INT);
                self.b.ins().jump(next, &[]);
                if let Some(rare) = rare {
                    self.b.switch_to_block(rare);
                    self.b.ins().jump(slow, &[]);
                }
            } else {
                self.b.ins().jump(slow, &[]);
            }
            self.b.switch_to_block(other);
            self.st = before.clone();
        }
        if kind.is_bitwise() || bits & (seen::FLOAT | seen::MIXED) == 0 {
            self.b.ins().jump(slow, &[]);
        } else {
            let x = self.any_float(b, slow);
            let y = match right {
                Right::Reg(c) => self.any_float(c, slow),
                Right::Const(v) => self.right_float(right, v.tag),
            };
            let v = self.float_op(kind, x, y);
            self.set_float(a, v);
            self.b.ins().jump(next, &[]);
        }
        self.b.switch_to_block(slow);
        self.step_to(steps::ARITH, pc, next);
        self.b.switch_to_block(next);
        self.st = before;
        self.st.forget(a);
    }

    /// `r` as a float, whichever number it is; anything else goes to `slow`.
    pub(super) fn any_float(&mut self, r: u8, slow: Block) -> Value {
        match self.known(r) {
            tag::INT => return self.number(r, tag::INT),
            tag::FLOAT => return self.float(r),
            _ => {}
        }
        let (is_int, not_int) = (self.b.create_block(), self.b.create_block());
        let done = self.b.create_block();
        let result = self.b.append_block_param(done, types::F64);
        let t = self.tag(r);
        let payload = self.load(types::I64, self.base, i32::from(r) * SLOT + PAYLOAD);
        let int = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::INT));
        self.b.ins().brif(int, is_int, &[], not_int, &[]);
        self.b.switch_to_block(is_int);
        let v = self.b.ins().fcvt_from_sint(types::F64, payload);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(not_int);
        let float = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::FLOAT));
        self.unless(float, slow);
        let v = self.load(types::F64, self.base, i32::from(r) * SLOT + PAYLOAD);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(done);
        result
    }

    fn arith_step(&mut self, pc: u32, a: u8) {
        self.step_here(steps::ARITH, pc);
        self.st.forget(a);
    }

    /// The operation on operands of known tags. If there are cases it can't
    /// do, the block they go to, in which nothing was done yet.
    #[allow(clippy::too_many_arguments, reason = "an instruction, taken apart")]
    fn arith_fast(
        &mut self,
        a: u8,
        b: u8,
        right: Right,
        kind: ArithOp,
        lt: u8,
        rt: u8,
    ) -> Option<Block> {
        let ints = lt == tag::INT && rt == tag::INT;
        if !ints || matches!(kind, ArithOp::Div | ArithOp::Pow) {
            if kind.is_bitwise() {
                // Floats with integer values: rare.
                let slow = self.cold_block();
                let never = self.b.ins().iconst(types::I8, 0);
                self.unless(never, slow);
                return Some(slow);
            }
            let x = self.number(b, lt);
            if kind == ArithOp::Unm {
                let v = self.b.ins().fneg(x);
                self.set_float(a, v);
                return None;
            }
            let y = self.right_float(right, rt);
            let v = self.float_op(kind, x, y);
            self.set_float(a, v);
            return None;
        }
        let x = self.bits(b);
        let constant = match right {
            Right::Const(v) => Some(v.as_int()),
            Right::Reg(_) => None,
        };
        let mut slow = None;
        let v = match (kind, constant) {
            (ArithOp::Unm, _) => self.b.ins().ineg(x),
            (ArithOp::BNot, _) => self.b.ins().bnot(x),
            (ArithOp::Add, Some(k)) => self.b.ins().iadd_imm_s(x, k),
            (ArithOp::Sub, Some(k)) => self.b.ins().iadd_imm_s(x, k.wrapping_neg()),
            (ArithOp::Mul, Some(k)) => {
                let k = self.int(k);
                self.b.ins().imul(x, k)
            }
            (ArithOp::BAnd, Some(k)) => self.b.ins().band_imm_s(x, k),
            (ArithOp::BOr, Some(k)) => self.b.ins().bor_imm_s(x, k),
            (ArithOp::BXor, Some(k)) => self.b.ins().bxor_imm_s(x, k),
            (ArithOp::Shl | ArithOp::Shr, Some(k)) => {
                let left = if kind == ArithOp::Shl {
                    k
                } else {
                    k.wrapping_neg()
                };
                match left {
                    0..=63 => self.b.ins().ishl_imm_s(x, left),
                    -63..=-1 => self.b.ins().ushr_imm_s(x, -left),
                    _ => self.int(0),
                }
            }
            (ArithOp::Mod, Some(k)) if k > 0 && k & (k - 1) == 0 => {
                self.b.ins().band_imm_s(x, k - 1)
            }
            (ArithOp::IDiv, Some(k)) if k > 0 && k & (k - 1) == 0 => {
                self.b.ins().sshr_imm_s(x, i64::from(k.trailing_zeros()))
            }
            (ArithOp::Mod | ArithOp::IDiv, Some(k)) if let Some(by) = Reciprocal::of(k) => {
                self.divide_by(kind, x, k, by)
            }
            (ArithOp::Mod | ArithOp::IDiv, _) => {
                let y = self.right_bits(right);
                if constant.is_none_or(|k| k == 0 || k == -1) {
                    // Neither 0 (an error) nor -1 (may overflow).
                    let cold = self.cold_block();
                    let y1 = self.b.ins().iadd_imm_s(y, 1);
                    let bad = self
                        .b
                        .ins()
                        .icmp_imm_s(IntCC::UnsignedLessThanOrEqual, y1, 1);
                    self.branch_away(bad, cold);
                    slow = Some(cold);
                }
                self.floor_division(kind, x, y)
            }
            _ => {
                let y = self.right_bits(right);
                match kind {
                    ArithOp::Add => self.b.ins().iadd(x, y),
                    ArithOp::Sub => self.b.ins().isub(x, y),
                    ArithOp::Mul => self.b.ins().imul(x, y),
                    ArithOp::BAnd => self.b.ins().band(x, y),
                    ArithOp::BOr => self.b.ins().bor(x, y),
                    ArithOp::BXor => self.b.ins().bxor(x, y),
                    _ => self.shift(kind == ArithOp::Shr, x, y),
                }
            }
        };
        self.set_int(a, v);
        slow
    }

    /// Floor division or modulo by the constant `k`.
    fn divide_by(&mut self, kind: ArithOp, x: Value, k: i64, by: Reciprocal) -> Value {
        let sign = self.b.ins().sshr_imm_s(x, 63);
        let natural = self.b.ins().bxor(x, sign);
        let factor = self.int(by.factor as i64);
        let high = self.b.ins().umulhi(natural, factor);
        let q = self.b.ins().ushr_imm_s(high, i64::from(by.shift));
        let q = self.b.ins().bxor(q, sign);
        if kind == ArithOp::IDiv {
            return q;
        }
        let k = self.int(k);
        let whole = self.b.ins().imul(q, k);
        self.b.ins().isub(x, whole)
    }

    /// Rounds the quotient down; `y` is neither 0 nor -1.
    fn floor_division(&mut self, kind: ArithOp, x: Value, y: Value) -> Value {
        // Division of 32 bits takes a fraction of the time, and of natural
        // numbers the remainder is the modulus.
        let (short, long) = (self.b.create_block(), self.b.create_block());
        let done = self.b.create_block();
        let result = self.b.append_block_param(done, types::I64);
        let both = self.b.ins().bor(x, y);
        let high = self.b.ins().ushr_imm_s(both, 32);
        self.b.ins().brif(high, long, &[], short, &[]);
        self.b.switch_to_block(short);
        let (a, b) = (
            self.b.ins().ireduce(types::I32, x),
            self.b.ins().ireduce(types::I32, y),
        );
        let v = if kind == ArithOp::Mod {
            self.b.ins().urem(a, b)
        } else {
            self.b.ins().udiv(a, b)
        };
        let v = self.b.ins().uextend(types::I64, v);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(long);
        let v = self.long_floor_division(kind, x, y);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(done);
        result
    }

    fn long_floor_division(&mut self, kind: ArithOp, x: Value, y: Value) -> Value {
        let r = self.b.ins().srem(x, y);
        // Signs differ and there is a remainder: one off.
        let signs = self.b.ins().bxor(r, y);
        let differ = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, signs, 0);
        let zero = self.int(0);
        if kind == ArithOp::Mod {
            let fixed = self.b.ins().iadd(r, y);
            let some = self.b.ins().icmp_imm_s(IntCC::NotEqual, r, 0);
            let off = self.b.ins().band(differ, some);
            return self.b.ins().select(off, fixed, r);
        }
        let q = self.b.ins().sdiv(x, y);
        let some = self.b.ins().icmp_imm_s(IntCC::NotEqual, r, 0);
        let off = self.b.ins().band(differ, some);
        let one = self.int(1);
        let by = self.b.ins().select(off, one, zero);
        self.b.ins().isub(q, by)
    }

    /// A shift by a distance in a register.
    fn shift(&mut self, right: bool, x: Value, y: Value) -> Value {
        let (near, far, done) = (
            self.b.create_block(),
            self.cold_block(),
            self.b.create_block(),
        );
        let result = self.b.append_block_param(done, types::I64);
        let small = self.b.ins().icmp_imm_s(IntCC::UnsignedLessThan, y, 64);
        self.b.ins().brif(small, near, &[], far, &[]);
        self.b.switch_to_block(near);
        let v = if right {
            self.b.ins().ushr(x, y)
        } else {
            self.b.ins().ishl(x, y)
        };
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(far);
        let y = if right { self.b.ins().ineg(y) } else { y };
        let v = self.call(helpers::SHIFT as usize, &[x, y]);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(done);
        result
    }

    fn float_op(&mut self, kind: ArithOp, x: Value, y: Value) -> Value {
        match kind {
            ArithOp::Add => self.b.ins().fadd(x, y),
            ArithOp::Sub => self.b.ins().fsub(x, y),
            ArithOp::Mul => self.b.ins().fmul(x, y),
            ArithOp::Div => self.b.ins().fdiv(x, y),
            ArithOp::IDiv => {
                let q = self.b.ins().fdiv(x, y);
                self.b.ins().floor(q)
            }
            ArithOp::Unm => self.b.ins().fneg(x),
            ArithOp::Mod => self.call_float(helpers::FLOAT_MOD as usize, &[x, y]),
            _ => self.call_float(helpers::FLOAT_POW as usize, &[x, y]),
        }
    }

    pub(super) fn not(&mut self, a: u8, b: u8) {
        let v = match self.known(b) {
            UNKNOWN => {
                let t = self.tag(b);
                let falsy =
                    self.b
                        .ins()
                        .icmp_imm_s(IntCC::UnsignedLessThan, t, i64::from(tag::TRUE));
                self.b.ins().iadd_imm_s(falsy, i64::from(tag::FALSE))
            }
            t => {
                let result = if t < tag::TRUE { tag::TRUE } else { tag::FALSE };
                return self.set(a, result, Payload::Slot);
            }
        };
        self.store(v, self.base, i32::from(a) * SLOT);
        self.st.forget(a);
    }

    pub(super) fn len(&mut self, pc: u32, a: u8, b: u8) {
        let (slow, next) = (self.cold_block(), self.b.create_block());
        let (is_str, not_str) = (self.b.create_block(), self.b.create_block());
        let done = self.b.create_block();
        let n = self.b.append_block_param(done, types::I64);
        let t = self.tag(b);
        let object = self.bits(b);
        let string = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::STR));
        self.b.ins().brif(string, is_str, &[], not_str, &[]);
        self.b.switch_to_block(is_str);
        let len = self.load(types::I64, object, STR_LEN);
        self.b.ins().jump(done, &[len.into()]);
        self.b.switch_to_block(not_str);
        let table = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::TABLE));
        self.unless(table, slow);
        let shape = self.load(types::I64, object, T_SHAPE);
        let meta = self.load(types::I64, shape, SHAPE_META);
        self.branch_away(meta, slow);
        let len = self.call(helpers::LEN as usize, &[object]);
        self.b.ins().jump(done, &[len.into()]);
        self.b.switch_to_block(done);
        let before = self.st.clone();
        self.set_int(a, n);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(slow);
        self.st = before;
        self.step_to(steps::LEN, pc, next);
        self.b.switch_to_block(next);
        self.st.forget(a);
    }
}

/// Floats that are not a number compare false with everything.
pub(super) fn float_cc(cc: IntCC) -> FloatCC {
    match cc {
        IntCC::SignedLessThan if planted(Bug::NanOrder) => FloatCC::UnorderedOrLessThan,
        IntCC::SignedLessThan => FloatCC::LessThan,
        IntCC::SignedLessThanOrEqual => FloatCC::LessThanOrEqual,
        IntCC::SignedGreaterThan => FloatCC::GreaterThan,
        IntCC::SignedGreaterThanOrEqual => FloatCC::GreaterThanOrEqual,
        IntCC::Equal => FloatCC::Equal,
        _ => FloatCC::NotEqual,
    }
}
