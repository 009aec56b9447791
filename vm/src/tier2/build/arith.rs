//! Arithmetic, bitwise operators and `#`.

use super::{Builder, Refused};
use crate::interp::seen;
use crate::ir::{Op as Ir, Reason, Ty, V};
use crate::tier2::flow::number_type;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::metatable::Event;
use strata_runtime::ops::arith::ArithOp;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

fn is_number(ty: Ty) -> bool {
    matches!(ty, Ty::Int | Ty::Float)
}

/// 2^53: up to here all integers are floats.
pub(super) const EXACT: i64 = 1 << 53;

impl Builder<'_, '_> {
    pub(super) fn arith(
        &mut self,
        pc: u32,
        i: Insn,
        kind: ArithOp,
        constant: bool,
    ) -> Result<(), Refused> {
        let l = self.val(i.b());
        let r = match i.op() {
            Some(Op::AddI) => self.int(i64::from(i.c() as i8)),
            Some(Op::Unm | Op::BNot) => l,
            _ if constant => self.constant(i.k()),
            _ => self.val(i.c()),
        };
        let bits = i.feedback_bits();
        let (lt, rt) = (self.f.ty(l), self.f.ty(r));
        let known = is_number(lt) && is_number(rt);
        let other = |ty: Ty| ty != Ty::Any && !is_number(ty);
        if bits == 0 && !known && self.may_speculate(pc) {
            return self.leave(pc, Reason::Unreached);
        }
        if other(lt) || other(rt) || (bits & seen::OTHER != 0 && !known) {
            if self.meta_operator(pc, &[l, r])? {
                return Ok(());
            }
            if other(lt) || other(rt) || bits & !seen::OTHER == 0 {
                return self.step(pc);
            }
            return self.number_or_step(pc, i, kind, l, r);
        }
        let want = |ty: Ty, seen: Option<Ty>| if ty == Ty::Any { seen } else { Some(ty) };
        let expected = match bits {
            seen::MIXED if lt == Ty::Int || rt == Ty::Int => Some(Ty::Float),
            seen::MIXED if lt == Ty::Float || rt == Ty::Float => Some(Ty::Int),
            _ => number_type(bits),
        };
        let speculates = known || self.may_speculate(pc);
        let v = match (want(lt, expected), want(rt, expected)) {
            (Some(lt), Some(rt)) if speculates => {
                let same = l == r;
                let l = self.expect(l, lt, pc)?;
                let r = if same { l } else { self.expect(r, rt, pc)? };
                self.typed_op(pc, kind, l, r)?
            }
            _ if !speculates => return self.number_or_step(pc, i, kind, l, r),
            _ => self.any_op(pc, kind, l, r, bits)?,
        };
        match v {
            Some(v) => self.set(i.a(), v),
            None => self.step(pc)?,
        }
        Ok(())
    }

    /// The operation without a guess: two numbers are computed with, whatever
    /// else there is takes a step.
    fn number_or_step(
        &mut self,
        pc: u32,
        i: Insn,
        kind: ArithOp,
        l: V,
        r: V,
    ) -> Result<(), Refused> {
        self.settle(pc)?;
        let slow = self.cold_block();
        let mut ways = Vec::new();
        if !matches!(kind, ArithOp::Div | ArithOp::Pow) {
            let (li, ri) = (self.is(l, tag::INT), self.is(r, tag::INT));
            let both = self.put(Ir::And, &[li, ri]);
            let other = self.split(both, None);
            let (x, y) = (self.unboxed(l, Ty::Int), self.unboxed(r, Ty::Int));
            if matches!(kind, ArithOp::IDiv | ArithOp::Mod) {
                // The step knows what to say about zero.
                let zero = self.int(0);
                let is = self.put(Ir::IEq, &[y, zero]);
                let isnt = self.put(Ir::Not, &[is]);
                self.unless(isnt, slow);
            }
            let v = self.int_op(pc, kind, x, y)?;
            let v = self.boxed(v);
            ways.push((self.at, v));
            self.go_on(other);
        }
        if !kind.is_bitwise() {
            let number = |b: &mut Self, v: V| {
                let (int, float) = (b.is(v, tag::INT), b.is(v, tag::FLOAT));
                b.put(Ir::Or, &[int, float])
            };
            let (ln, rn) = (number(self, l), number(self, r));
            let both = self.put(Ir::And, &[ln, rn]);
            let other = self.split(both, None);
            // These guards can't fail.
            let x = self.any_float(l, pc)?;
            let y = if l == r { x } else { self.any_float(r, pc)? };
            let v = self.float_op(kind, x, y);
            let v = self.boxed(v);
            ways.push((self.at, v));
            self.go_on(other);
        }
        self.join(slow);
        self.go_on(slow);
        let frame = self.frame(pc, true)?;
        self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
        let slot = u64::from(self.ctx.base + u32::from(i.a()));
        let v = self.put_imm(Ir::SlotLoad, &[], slot);
        ways.push((self.at, v));
        let v = self.meet(&ways, Ty::Any);
        self.frame_cache = None;
        self.set(i.a(), v);
        Ok(())
    }

    /// The operation on numbers of known kinds; `None`: it takes a step.
    fn typed_op(&mut self, pc: u32, kind: ArithOp, l: V, r: V) -> Result<Option<V>, Refused> {
        let ints = self.f.ty(l) == Ty::Int && self.f.ty(r) == Ty::Int;
        if ints && !matches!(kind, ArithOp::Div | ArithOp::Pow) {
            return self.int_op(pc, kind, l, r).map(Some);
        }
        if kind.is_bitwise() {
            // Floats with integer values: rare.
            return Ok(None);
        }
        let x = self.any_float(l, pc)?;
        let y = if l == r { x } else { self.any_float(r, pc)? };
        Ok(Some(self.float_op(kind, x, y)))
    }

    fn int_op(&mut self, pc: u32, kind: ArithOp, l: V, r: V) -> Result<V, Refused> {
        let op = match kind {
            ArithOp::Add => Ir::IAdd,
            ArithOp::Sub => Ir::ISub,
            ArithOp::Mul => Ir::IMul,
            ArithOp::BAnd => Ir::IAnd,
            ArithOp::BOr => Ir::IOr,
            ArithOp::BXor => Ir::IXor,
            ArithOp::Unm => return Ok(self.put(Ir::INeg, &[l])),
            ArithOp::BNot => return Ok(self.put(Ir::INot, &[l])),
            ArithOp::Shl => Ir::IShl,
            ArithOp::Shr => {
                let by = match self.f.int_const(r) {
                    Some(n) => self.int(n.wrapping_neg()),
                    None => self.put(Ir::INeg, &[r]),
                };
                return Ok(self.put(Ir::IShl, &[l, by]));
            }
            ArithOp::IDiv | ArithOp::Mod => {
                if self.f.int_const(r).is_none_or(|k| k == 0) && !planted(Bug::DivisionByZero) {
                    let zero = self.int(0);
                    let is = self.put(Ir::IEq, &[r, zero]);
                    self.guard_not(is, Reason::Number, pc)?;
                }
                if kind == ArithOp::Mod {
                    Ir::IMod
                } else {
                    Ir::IDiv
                }
            }
            ArithOp::Div | ArithOp::Pow => return Err("division of integers".into()),
        };
        Ok(self.put(op, &[l, r]))
    }

    fn float_op(&mut self, kind: ArithOp, x: V, y: V) -> V {
        let op = match kind {
            ArithOp::Add => Ir::FAdd,
            ArithOp::Sub => Ir::FSub,
            ArithOp::Mul => Ir::FMul,
            ArithOp::Div => Ir::FDiv,
            ArithOp::Mod => Ir::FMod,
            ArithOp::Unm => return self.put(Ir::FNeg, &[x]),
            ArithOp::IDiv => {
                let q = self.put(Ir::FDiv, &[x, y]);
                return self.put(Ir::FFloor, &[q]);
            }
            _ => Ir::FPow,
        };
        self.put(op, &[x, y])
    }

    /// The operation on numbers of whichever kinds: `None` if that takes a
    /// step.
    fn any_op(
        &mut self,
        pc: u32,
        kind: ArithOp,
        l: V,
        r: V,
        bits: u8,
    ) -> Result<Option<V>, Refused> {
        if kind.is_bitwise() {
            return Ok(None);
        }
        let usual = bits & seen::INT == 0 && bits & seen::FLOAT != 0;
        if matches!(kind, ArithOp::Div | ArithOp::Pow) {
            let mut float = |v: V| match usual {
                true => self.mostly_float(v, None, pc),
                false => self.any_float(v, pc),
            };
            let x = float(l)?;
            let y = if l == r { x } else { float(r)? };
            return Ok(Some(self.float_op(kind, x, y)));
        }
        if usual && l != r {
            // Never two integers so far: that is guarded.
            let ty = |v: V| self.f.ty(v);
            let (lt, rt) = (ty(l), ty(r));
            let (x, y) = match (lt, rt) {
                (Ty::Int, _) => (self.any_float(l, pc)?, self.expect(r, Ty::Float, pc)?),
                (_, Ty::Int) => (self.expect(l, Ty::Float, pc)?, self.any_float(r, pc)?),
                _ => {
                    let x = self.mostly_float(l, (lt == Ty::Any).then_some(r), pc)?;
                    (x, self.mostly_float(r, None, pc)?)
                }
            };
            return Ok(Some(self.float_op(kind, x, y)));
        }
        if bits & seen::INT == 0 {
            let (li, ri) = (self.is(l, tag::INT), self.is(r, tag::INT));
            let both = self.put(Ir::And, &[li, ri]);
            if !planted(Bug::MixedTwo) {
                self.guard_not(both, Reason::Tag, pc)?;
            }
            let x = self.any_float(l, pc)?;
            let y = if l == r { x } else { self.any_float(r, pc)? };
            return Ok(Some(self.float_op(kind, x, y)));
        }
        // Two floats, two integers, one of each.
        let mut ways = Vec::new();
        let (lf, rf) = (self.is(l, tag::FLOAT), self.is(r, tag::FLOAT));
        let floats = self.put(Ir::And, &[lf, rf]);
        let other = self.split(floats, None);
        let (x, y) = (self.unboxed(l, Ty::Float), self.unboxed(r, Ty::Float));
        let v = self.float_op(kind, x, y);
        let v = self.boxed(v);
        ways.push((self.at, v));
        self.go_on(other);
        let (li, ri) = (self.is(l, tag::INT), self.is(r, tag::INT));
        let both = self.put(Ir::And, &[li, ri]);
        let other = self.split(both, None);
        let (x, y) = (self.unboxed(l, Ty::Int), self.unboxed(r, Ty::Int));
        let v = self.int_op(pc, kind, x, y)?;
        let v = self.boxed(v);
        ways.push((self.at, v));
        self.go_on(other);
        let x = self.any_float(l, pc)?;
        let y = if l == r { x } else { self.any_float(r, pc)? };
        let v = self.float_op(kind, x, y);
        let v = self.boxed(v);
        ways.push((self.at, v));
        Ok(Some(self.meet(&ways, Ty::Any)))
    }

    pub(super) fn len(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let (a, b) = (i.a(), i.b());
        let v = self.val(b);
        if self.meta_operator(pc, &[v, v])? {
            return Ok(());
        }
        let n = match self.f.ty(v) {
            Ty::Str => self.put(Ir::StrLen, &[v]),
            Ty::Table if self.may_speculate(pc) => self.table_len(v, pc)?,
            Ty::Any => {
                // Strings are no business of the step.
                let speculates = self.may_speculate(pc);
                if !speculates {
                    self.settle(pc)?;
                }
                let string = self.is(v, tag::STR);
                let other = self.split(string, None);
                let s = self.emit(Ir::Unbox, Ty::Str, &[v], 0);
                let n = self.put(Ir::StrLen, &[s]);
                let mut ways = vec![(self.at, n)];
                self.go_on(other);
                if speculates {
                    let state = self.st.clone();
                    let n = self.table_len(v, pc)?;
                    ways.push((self.at, n));
                    self.st = state;
                    self.frame_cache = None;
                    self.meet(&ways, Ty::Int)
                } else {
                    ways[0].1 = {
                        let here = self.at;
                        self.go_on(ways[0].0);
                        let n = self.boxed(n);
                        self.go_on(here);
                        n
                    };
                    let frame = self.frame(pc, true)?;
                    self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
                    let slot = u64::from(self.ctx.base + u32::from(a));
                    let n = self.put_imm(Ir::SlotLoad, &[], slot);
                    ways.push((self.at, n));
                    self.meet(&ways, Ty::Any)
                }
            }
            _ => return self.step(pc),
        };
        self.set(a, n);
        Ok(())
    }

    /// The length of a table that has no handler of it; others leave at `pc`.
    fn table_len(&mut self, v: V, pc: u32) -> Result<V, Refused> {
        let t = self.expect(v, Ty::Table, pc)?;
        self.guard_lacks(t, Event::Len, pc)?;
        Ok(self.put(Ir::ArrLen, &[t]))
    }
}
