//! Host functions whose work is a few instructions: `math.floor` and the like.
//!
//! The feedback slot of the call says which Rust function was called so far.
//! If that is one of the list, the call becomes a guard that it still is, and
//! the work. What the instructions can't do (strings as numbers, errors, huge
//! floats) is an exit, so that the result's tag is known afterwards where the
//! function has one kind of result; a call that exits often becomes a call.

use super::layout::*;
use super::lower::Lower;
use super::state::{Payload, UNKNOWN, is_number};
use crate::jit::Guard;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::stdlib::math::{Intrinsic, intrinsic};
use strata_runtime::value::tag;
use strata_spec::Insn;

/// 2^63: the least float above all integers.
const TOO_BIG: f64 = 9_223_372_036_854_775_808.0;

impl Lower<'_> {
    /// Lowers the call at `pc` of the host function at address `f`, if it is
    /// an intrinsic that is called in a way that is worth it.
    pub(super) fn intrinsic(&mut self, pc: u32, i: Insn, f: u64) -> bool {
        let Some(which) = intrinsic(f as usize) else {
            return false;
        };
        let (a, args) = (i.a(), i.b().wrapping_sub(1));
        let one_result = i.c() == 2;
        let wanted = match which {
            Intrinsic::Max | Intrinsic::Min | Intrinsic::Byte => 2,
            _ => 1,
        };
        if !one_result || args != wanted || !self.may_speculate(pc) {
            return false;
        }
        let (x, y) = (a + 2, a + 3);
        let fits = |t: u8| t == UNKNOWN || is_number(t);
        if which == Intrinsic::Byte {
            let (s, n) = (self.known(x), self.known(y));
            if !matches!(s, UNKNOWN | tag::STR) || !matches!(n, UNKNOWN | tag::INT) {
                return false;
            }
        } else if !fits(self.known(x)) || (wanted == 2 && !fits(self.known(y))) {
            return false;
        }
        let exit = self.exit(pc, Guard::Callee { reg: a });
        if !planted(Bug::AnyLibrary) {
            self.check_host(a, f, exit);
        }
        match which {
            Intrinsic::Floor | Intrinsic::Ceil => self.round(which, a, x, exit),
            Intrinsic::Sqrt => {
                let v = self.any_float(x, exit);
                let v = self.b.ins().sqrt(v);
                self.result(a, tag::FLOAT, Payload::Float(v));
            }
            Intrinsic::Abs => self.abs(a, x, exit),
            Intrinsic::Byte => {
                let v = self.byte_at(x, y, exit);
                self.result(a, tag::INT, Payload::Bits(v));
            }
            Intrinsic::Max | Intrinsic::Min => self.extreme(which, a, x, y, exit),
        }
        true
    }

    /// The result goes to register `a`; all above is dead.
    fn result(&mut self, a: u8, t: u8, payload: Payload) {
        self.st.forget_from(a);
        self.set(a, t, payload);
    }

    /// The result, whose tag is in a machine register as well.
    fn result_dynamic(&mut self, a: u8, t: Value, v: Value) {
        self.st.forget_from(a);
        self.set_dynamic(a, t, v);
    }

    fn round(&mut self, which: Intrinsic, a: u8, x: u8, exit: Block) {
        if self.known(x) == tag::INT {
            let v = self.bits(x);
            return self.result(a, tag::INT, Payload::Bits(v));
        }
        let done = self.b.create_block();
        let result = self.b.append_block_param(done, types::I64);
        if self.known(x) == UNKNOWN {
            let (int, float) = (self.b.create_block(), self.b.create_block());
            let t = self.tag(x);
            let is = self
                .b
                .ins()
                .icmp_imm_s(IntCC::Equal, t, i64::from(tag::INT));
            self.b.ins().brif(is, int, &[], float, &[]);
            self.b.switch_to_block(int);
            let v = self.load(types::I64, self.base, i32::from(x) * SLOT + PAYLOAD);
            self.b.ins().jump(done, &[v.into()]);
            self.b.switch_to_block(float);
            self.check(x, tag::FLOAT, exit);
        }
        let v = self.float(x);
        let v = if which == Intrinsic::Floor && !planted(Bug::RoundsUp) {
            self.b.ins().floor(v)
        } else {
            self.b.ins().ceil(v)
        };
        let size = self.b.ins().fabs(v);
        let limit = self.b.ins().f64const(TOO_BIG);
        let small = self.b.ins().fcmp(FloatCC::LessThan, size, limit);
        self.unless(small, exit);
        let v = self.b.ins().fcvt_to_sint_sat(types::I64, v);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(done);
        self.result(a, tag::INT, Payload::Bits(result));
    }

    fn abs(&mut self, a: u8, x: u8, exit: Block) {
        match self.known(x) {
            tag::INT => {
                let v = self.bits(x);
                let v = self.b.ins().iabs(v);
                self.result(a, tag::INT, Payload::Bits(v));
            }
            tag::FLOAT => {
                let v = self.float(x);
                let v = self.b.ins().fabs(v);
                self.result(a, tag::FLOAT, Payload::Float(v));
            }
            _ => {
                let t = self.tag(x);
                let v = self.load(types::I64, self.base, i32::from(x) * SLOT + PAYLOAD);
                let (other, done) = (self.b.create_block(), self.b.create_block());
                let result = self.b.append_block_param(done, types::I64);
                let int = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::Equal, t, i64::from(tag::INT));
                let positive = self.b.ins().iabs(v);
                self.b.ins().brif(int, done, &[positive.into()], other, &[]);
                self.b.switch_to_block(other);
                let float = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::Equal, t, i64::from(tag::FLOAT));
                self.unless(float, exit);
                let positive = self.b.ins().band_imm_s(v, i64::MAX);
                self.b.ins().jump(done, &[positive.into()]);
                self.b.switch_to_block(done);
                self.result_dynamic(a, t, result);
            }
        }
    }

    /// `math.max` and `math.min` of two numbers of one kind: the second if it
    /// is greater (less) than the first.
    fn extreme(&mut self, which: Intrinsic, a: u8, x: u8, y: u8, exit: Block) {
        let (tx, ty) = (self.known(x), self.known(y));
        // One known: the other has to be the same.
        let t = if tx == UNKNOWN { ty } else { tx };
        if t != UNKNOWN {
            self.check(x, t, exit);
            self.check(y, t, exit);
            if t == tag::INT {
                let (v, w) = (self.bits(x), self.bits(y));
                let better = self.better_int(which, v, w);
                let v = self.b.ins().select(better, w, v);
                self.result(a, tag::INT, Payload::Bits(v));
            } else {
                let (v, w) = (self.float(x), self.float(y));
                let better = self.better_float(which, v, w);
                let v = self.b.ins().select(better, w, v);
                self.result(a, tag::FLOAT, Payload::Float(v));
            }
            return;
        }
        let (t, u) = (self.tag(x), self.tag(y));
        let same = self.b.ins().icmp(IntCC::Equal, t, u);
        self.unless(same, exit);
        let (int, other, done) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        let result = self.b.append_block_param(done, types::I64);
        let is = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::INT));
        let slot = |r: u8| i32::from(r) * SLOT + PAYLOAD;
        self.b.ins().brif(is, int, &[], other, &[]);
        self.b.switch_to_block(int);
        let v = self.load(types::I64, self.base, slot(x));
        let w = self.load(types::I64, self.base, slot(y));
        let better = self.better_int(which, v, w);
        let v = self.b.ins().select(better, w, v);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(other);
        let is = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::FLOAT));
        self.unless(is, exit);
        let v = self.load(types::F64, self.base, slot(x));
        let w = self.load(types::F64, self.base, slot(y));
        let better = self.better_float(which, v, w);
        let v = self.load(types::I64, self.base, slot(x));
        let w = self.load(types::I64, self.base, slot(y));
        let v = self.b.ins().select(better, w, v);
        self.b.ins().jump(done, &[v.into()]);
        self.b.switch_to_block(done);
        self.result_dynamic(a, t, result);
    }

    fn better_int(&mut self, which: Intrinsic, v: Value, w: Value) -> Value {
        let cc = if which == Intrinsic::Max {
            IntCC::SignedGreaterThan
        } else {
            IntCC::SignedLessThan
        };
        self.b.ins().icmp(cc, w, v)
    }

    fn better_float(&mut self, which: Intrinsic, v: Value, w: Value) -> Value {
        let cc = if which == Intrinsic::Max {
            FloatCC::GreaterThan
        } else {
            FloatCC::LessThan
        };
        self.b.ins().fcmp(cc, w, v)
    }
}
