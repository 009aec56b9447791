//! Conditional jumps.

use super::arith::EXACT;
use super::{Builder, Refused};
use crate::interp::seen;
use crate::ir::{Op as Ir, Reason, Term, Ty, V};
use crate::tier2::flow::{self, number_type, target};
use crate::tier2::snapshot::Const;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cmp {
    Lt,
    Le,
    Gt,
    Ge,
}

/// An order comparison, and whether the jump is taken if it holds.
fn order(op: Op) -> (Cmp, bool) {
    match op {
        Op::JLt | Op::JLtI => (Cmp::Lt, true),
        Op::JNotLt | Op::JNotLtI => (Cmp::Lt, false),
        Op::JLe | Op::JLeI => (Cmp::Le, true),
        Op::JNotLe | Op::JNotLeI => (Cmp::Le, false),
        Op::JGtI => (Cmp::Gt, true),
        Op::JNotGtI => (Cmp::Gt, false),
        Op::JGeI => (Cmp::Ge, true),
        _ => (Cmp::Ge, false),
    }
}

impl Builder<'_, '_> {
    pub(super) fn conditional(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let a = i.a();
        match op {
            Op::JTrue | Op::JFalse => {
                let v = self.val(a);
                let t = self.truthy(v);
                self.jump_pure(t, op == Op::JTrue, pc, i)
            }
            Op::JNil | Op::JNotNil => {
                let v = self.val(a);
                let nil = self.is(v, tag::NIL);
                self.jump_pure(nil, op == Op::JNil, pc, i)
            }
            Op::JTrueSet | Op::JFalseSet => self.jump_and_set(pc, i, op == Op::JTrueSet),
            Op::JEq | Op::JNe => self.equal(pc, i, op == Op::JEq),
            Op::JEqK | Op::JNeK => self.equal_constant(pc, i, op == Op::JEqK),
            Op::JEqI | Op::JNeI => self.equal_int(pc, i, op == Op::JEqI),
            _ => self.ordered(pc, i, op),
        }
    }

    /// The only way that the conditional jump at `pc` ever went, if it may be
    /// relied on: whether it jumped. Ways out of the loop that is compiled are
    /// as good as seen.
    fn only_way(&self, pc: u32, i: Insn) -> Option<bool> {
        let jumps = flow::only_way(self.func(), pc, i).filter(|_| self.s.prunes)?;
        let other = if jumps { pc + 1 } else { target(pc, i) };
        let inside = self.ctx.flow.at.contains_key(&other);
        inside.then_some(jumps)
    }

    /// The same where `cond` was computed without any effect: the instruction
    /// may be run again.
    fn jump_pure(&mut self, cond: V, want: bool, pc: u32, i: Insn) -> Result<(), Refused> {
        let Some(jumps) = self.only_way(pc, i) else {
            return self.jump_want(cond, want, pc, i);
        };
        if jumps == want {
            self.guard(cond, Reason::Unreached, pc)?;
        } else {
            self.guard_not(cond, Reason::Unreached, pc)?;
        }
        self.flow_to(if jumps { target(pc, i) } else { pc + 1 })
    }

    /// Jumps as instruction `pc` does if `cond` is `want`.
    pub(super) fn jump_want(
        &mut self,
        cond: V,
        want: bool,
        pc: u32,
        i: Insn,
    ) -> Result<(), Refused> {
        let (yes, no) = (self.edge(target(pc, i))?, self.edge(pc + 1)?);
        let (yes, no) = if want { (yes, no) } else { (no, yes) };
        self.end(Term::Branch {
            cond,
            yes,
            no,
            likely: None,
        });
        Ok(())
    }

    pub(super) fn jump_by_step(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let taken = self.step_test(pc)?;
        self.jump_if(taken, pc, i)
    }

    /// `jtrueset`, `jfalseset`: copies if it jumps.
    fn jump_and_set(&mut self, pc: u32, i: Insn, want: bool) -> Result<(), Refused> {
        let (a, b) = (i.a(), i.b());
        let v = self.val(b);
        let t = self.truthy(v);
        if let Some(jumps) = self.only_way(pc, i) {
            match jumps == want {
                true => self.guard(t, Reason::Unreached, pc)?,
                false => self.guard_not(t, Reason::Unreached, pc)?,
            }
            if !jumps {
                return self.flow_to(pc + 1);
            }
            self.set(a, v);
            return self.flow_to(target(pc, i));
        }
        let no = self.edge(pc + 1)?;
        // The copy is made on the way, where a captured register is stored.
        let jumps = self.f.block();
        let cond = if want { t } else { self.put(Ir::Not, &[t]) };
        self.end(Term::Branch {
            cond,
            yes: crate::ir::Target::to(jumps),
            no,
            likely: None,
        });
        self.go_on(jumps);
        self.set(a, v);
        self.flow_to(target(pc, i))
    }

    fn equal(&mut self, pc: u32, i: Insn, want: bool) -> Result<(), Refused> {
        let (x, y) = (self.val(i.a()), self.val(i.b()));
        let bits = i.feedback_bits() & !seen::WAYS;
        let (tx, ty) = (self.f.ty(x), self.f.ty(y));
        if bits == 0 && (tx == Ty::Any || ty == Ty::Any) && self.may_speculate(pc) {
            return self.leave(pc, Reason::Unreached);
        }
        let kind = match (tx, ty) {
            (Ty::Int, Ty::Int) => Some(Ty::Int),
            (Ty::Float, Ty::Float) => Some(Ty::Float),
            _ if self.may_speculate(pc) => number_type(bits),
            _ => None,
        };
        let fits = |ty: Ty, k: Ty| ty == k || ty == Ty::Any;
        if let Some(k) = kind.filter(|&k| fits(tx, k) && fits(ty, k)) {
            let (x, y) = (self.expect(x, k, pc)?, self.expect(y, k, pc)?);
            let op = if k == Ty::Int { Ir::IEq } else { Ir::FEq };
            let eq = self.put(op, &[x, y]);
            return self.jump_pure(eq, want, pc, i);
        }
        if let Some(eq) = self.meta_equal(pc, x, y)? {
            return self.jump_want(eq, want, pc, i);
        }
        // Identical values, floats apart, are equal; other pairs take a step,
        // but for values of two tags that are no numbers.
        let (x, y) = (self.boxed(x), self.boxed(y));
        let same = self.put(Ir::SameTag, &[x, y]);
        let differ = self.split(same, None);
        let bits_equal = self.put(Ir::SameBits, &[x, y]);
        let float = self.is(x, tag::FLOAT);
        let no_float = self.put(Ir::Not, &[float]);
        let surely = self.put(Ir::And, &[bits_equal, no_float]);
        let unsure = self.split(surely, None);
        let taken = self.edge(if want { target(pc, i) } else { pc + 1 })?;
        self.end(Term::Jump(taken));
        self.go_on(differ);
        let number = |b: &mut Self, v: V| {
            let (i, f) = (b.is(v, tag::INT), b.is(v, tag::FLOAT));
            b.put(Ir::Or, &[i, f])
        };
        let (nx, ny) = (number(self, x), number(self, y));
        let both = self.put(Ir::And, &[nx, ny]);
        let never = self.split(both, Some(false));
        let slow = self.f.block();
        self.f.blocks[slow.n()].cold = true;
        self.end(Term::Jump(crate::ir::Target::to(slow)));
        self.go_on(never);
        let other = self.edge(if want { pc + 1 } else { target(pc, i) })?;
        self.end(Term::Jump(other));
        self.go_on(unsure);
        self.equal_strings(x, y, slow, want, pc, i)?;
        self.go_on(slow);
        self.jump_by_step(pc, i)
    }

    fn equal_constant(&mut self, pc: u32, i: Insn, want: bool) -> Result<(), Refused> {
        let k = u32::from(i.d() as u16);
        let v = self.val(i.a());
        let ty = self.f.ty(v);
        let eq = match self.func().consts[k as usize] {
            Const::Nil => self.is(v, tag::NIL),
            Const::Bool(b) => self.is(v, if b { tag::TRUE } else { tag::FALSE }),
            Const::Str {
                types, short: true, ..
            } if types != 0 && self.f.insts[v.n()].op == Ir::TypeName => {
                let of = self.f.insts[v.n()].args[0];
                self.tag_in(of, types)
            }
            Const::Str {
                at, short: true, ..
            } => match ty {
                Ty::Str => {
                    let s = self.object(at, Ty::Str);
                    self.put(Ir::Same, &[v, s])
                }
                Ty::Any => {
                    let s = self.object(at, Ty::Str);
                    let s = self.boxed(s);
                    let tags = self.put(Ir::SameTag, &[v, s]);
                    let bits = self.put(Ir::SameBits, &[v, s]);
                    self.put(Ir::And, &[tags, bits])
                }
                _ => self.boolean(false),
            },
            Const::Float(x) if ty == Ty::Float => {
                let x = self.float(x);
                self.put(Ir::FEq, &[v, x])
            }
            Const::Int(n) if ty == Ty::Int => {
                let n = self.int(n);
                self.put(Ir::IEq, &[v, n])
            }
            _ => return self.jump_by_step(pc, i),
        };
        self.jump_pure(eq, want, pc, i)
    }

    fn equal_int(&mut self, pc: u32, i: Insn, want: bool) -> Result<(), Refused> {
        let d = i64::from(i.d());
        let v = self.val(i.a());
        let eq = match self.f.ty(v) {
            Ty::Int => {
                let d = self.int(d);
                self.put(Ir::IEq, &[v, d])
            }
            Ty::Float => {
                let d = self.float(d as f64);
                self.put(Ir::FEq, &[v, d])
            }
            Ty::Any => {
                let seen =
                    number_type(i.feedback_bits() & !seen::WAYS).filter(|_| self.may_speculate(pc));
                match seen {
                    Some(Ty::Int) => {
                        let v = self.expect(v, Ty::Int, pc)?;
                        let d = self.int(d);
                        self.put(Ir::IEq, &[v, d])
                    }
                    Some(_) => {
                        let v = self.expect(v, Ty::Float, pc)?;
                        let d = self.float(d as f64);
                        self.put(Ir::FEq, &[v, d])
                    }
                    None => {
                        let int = self.is(v, tag::INT);
                        let n = self.emit(Ir::Unbox, Ty::Int, &[v], 0);
                        let d_int = self.int(d);
                        let same = self.put(Ir::IEq, &[n, d_int]);
                        let int_same = self.put(Ir::And, &[int, same]);
                        let float = self.is(v, tag::FLOAT);
                        let x = self.emit(Ir::Unbox, Ty::Float, &[v], 0);
                        let d = self.float(d as f64);
                        let same = self.put(Ir::FEq, &[x, d]);
                        let float_same = self.put(Ir::And, &[float, same]);
                        self.put(Ir::Or, &[int_same, float_same])
                    }
                }
            }
            _ => self.boolean(false),
        };
        self.jump_pure(eq, want, pc, i)
    }

    fn ordered(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let (cmp, want) = order(op);
        let immediate = !matches!(op, Op::JLt | Op::JNotLt | Op::JLe | Op::JNotLe);
        let bits = i.feedback_bits() & !seen::WAYS;
        let x = self.val(i.a());
        let y = if immediate {
            self.int(i64::from(i.d()))
        } else {
            self.val(i.b())
        };
        let (tx, ty) = (self.f.ty(x), self.f.ty(y));
        let number = |ty: Ty| matches!(ty, Ty::Int | Ty::Float);
        let known = number(tx) && number(ty);
        if bits == 0 && !known && self.may_speculate(pc) {
            return self.leave(pc, Reason::Unreached);
        }
        let fits = |ty: Ty| ty == Ty::Any || number(ty);
        if !fits(tx) || !fits(ty) || (bits & seen::OTHER != 0 && !known) {
            match self.meta_condition(pc, x, y)? {
                Some(Some(cond)) => return self.jump_want(cond, want, pc, i),
                Some(None) => return Ok(()),
                None => {}
            }
            if !immediate && self.may_be_strings(x, y) {
                return self.order_strings(x, y, (matches!(cmp, Cmp::Le), want), pc, i);
            }
            return self.jump_by_step(pc, i);
        }
        if !known && !self.may_speculate(pc) {
            return self.jump_by_step(pc, i);
        }
        let expected = match bits {
            seen::MIXED if tx == Ty::Int || ty == Ty::Int => Some(Ty::Float),
            seen::MIXED if tx == Ty::Float || ty == Ty::Float => Some(Ty::Int),
            _ => number_type(bits),
        };
        // The kind of the operands of an instruction with an immediate is
        // that of its register.
        let of_x = if tx == Ty::Any { expected } else { Some(tx) };
        let of_y = if ty == Ty::Any { expected } else { Some(ty) };
        let (Some(kx), Some(ky)) = (of_x, of_y) else {
            return self.compare_any(cmp, want, x, y, pc, i);
        };
        let x = self.expect(x, kx, pc)?;
        let y = if immediate && kx == Ty::Float {
            self.float(f64::from(i.d()))
        } else {
            self.expect(y, ky, pc)?
        };
        let cond = self.compare(cmp, x, y, pc)?;
        self.jump_pure(cond, want, pc, i)
    }

    /// Compares two numbers of whichever kinds: two integers, or floats.
    fn compare_any(
        &mut self,
        cmp: Cmp,
        want: bool,
        x: V,
        y: V,
        pc: u32,
        i: Insn,
    ) -> Result<(), Refused> {
        let (xi, yi) = (self.is(x, tag::INT), self.is(y, tag::INT));
        let ints = self.put(Ir::And, &[xi, yi]);
        let other = self.split(ints, None);
        let state = self.st.clone();
        let (a, b) = (self.unboxed(x, Ty::Int), self.unboxed(y, Ty::Int));
        let c = self.compare(cmp, a, b, pc)?;
        let mut ways = vec![(self.at, c)];
        self.go_on(other);
        for v in [x, y] {
            // What is an integer has to be one that is exact as a float.
            if matches!(self.f.ty(v), Ty::Any | Ty::Int) {
                let n = self.unboxed(v, Ty::Int);
                let fits = self.is_exact(n);
                let float = self.is(v, tag::FLOAT);
                let fine = self.put(Ir::Or, &[float, fits]);
                self.guard(fine, Reason::Number, pc)?;
            }
        }
        let (a, b) = (self.any_float(x, pc)?, self.any_float(y, pc)?);
        let c = self.compare(cmp, a, b, pc)?;
        ways.push((self.at, c));
        self.st = state;
        self.frame_cache = None;
        let cond = self.meet(&ways, Ty::Bool);
        self.jump_pure(cond, want, pc, i)
    }

    /// Whether an integer is exact as a float.
    fn is_exact(&mut self, v: V) -> V {
        let by = self.int(EXACT);
        let moved = self.put(Ir::IAdd, &[v, by]);
        let end = self.int(2 * EXACT + 1);
        self.put(Ir::IUlt, &[moved, end])
    }

    /// Compares two numbers. An integer and a float are compared as floats,
    /// which is guarded to be exact.
    fn compare(&mut self, cmp: Cmp, x: V, y: V, pc: u32) -> Result<V, Refused> {
        let (x, y, cmp) = match cmp {
            Cmp::Gt => (y, x, Cmp::Lt),
            Cmp::Ge => (y, x, Cmp::Le),
            _ => (x, y, cmp),
        };
        if self.f.ty(x) == Ty::Int && self.f.ty(y) == Ty::Int {
            let op = if cmp == Cmp::Lt { Ir::ILt } else { Ir::ILe };
            return Ok(self.put(op, &[x, y]));
        }
        let (x, y) = (self.exact_float(x, pc)?, self.exact_float(y, pc)?);
        let op = if cmp == Cmp::Lt { Ir::FLt } else { Ir::FLe };
        Ok(self.put(op, &[x, y]))
    }

    fn exact_float(&mut self, v: V, pc: u32) -> Result<V, Refused> {
        if self.f.ty(v) == Ty::Float {
            return Ok(v);
        }
        if let Some(n) = self.f.int_const(v)
            && n.unsigned_abs() <= EXACT as u64
        {
            return Ok(self.float(n as f64));
        }
        let fits = self.is_exact(v);
        if !planted(Bug::InexactOrder) {
            self.guard(fits, Reason::Number, pc)?;
        }
        Ok(self.put(Ir::ToFloat, &[v]))
    }
}
