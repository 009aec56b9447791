//! Loops of bytecode: numeric and generic `for`.
//!
//! An integer loop has an index and a count of the iterations that are left,
//! both parameters of the loop header; its last block is
//! `branch (count == 0)`, then index + step and count - 1. Passes know that
//! form (`crate::ir`).

use super::{Builder, Refused};
use crate::interp::seen;
use crate::ir::{Op as Ir, Reason, Term, Ty};
use crate::tier2::build::state::Reg;
use crate::tier2::flow::target;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

impl Builder<'_, '_> {
    pub(super) fn for_prep(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let a = i.a();
        let regs = [a, a + 1, a + 2];
        let values = regs.map(|r| self.val(r));
        let types = values.map(|v| self.f.ty(v));
        let fits = types.iter().all(|t| matches!(t, Ty::Any | Ty::Int));
        let known = types.iter().all(|t| *t == Ty::Int);
        let seen_ints = matches!(i.feedback_bits(), 0 | seen::INT);
        let step = self.f.int_const(values[2]);
        let usable = !matches!(step, Some(0 | i64::MIN));
        if !fits || !seen_ints || !usable || !(known || self.may_speculate(pc)) {
            return self.for_prep_step(pc, i);
        }
        if step.is_none() && !self.may_speculate(pc) {
            return self.for_prep_step(pc, i);
        }
        let init = self.expect(values[0], Ty::Int, pc)?;
        let typed = |b: &mut Self, r: u8| {
            let v = b.val(r);
            b.expect(v, Ty::Int, pc)
        };
        let limit = typed(self, a + 1)?;
        let by = typed(self, a + 2)?;
        if step.is_none() {
            // Nearly all steps that are computed lead upward.
            let zero = self.int(0);
            let up = self.put(Ir::ILt, &[zero, by]);
            self.guard(up, Reason::Step, pc)?;
        }
        let step = step.unwrap_or(1);
        let (low, high) = if step > 0 {
            (init, limit)
        } else {
            (limit, init)
        };
        let none = self.put(Ir::ILt, &[high, low]);
        let skip = self.loop_left(a, target(pc, i))?;
        let body = self.f.block();
        self.end(Term::Branch {
            cond: none,
            yes: skip,
            no: crate::ir::Target::to(body),
            likely: None,
        });
        self.go_on(body);
        let distance = self.put(Ir::ISub, &[high, low]);
        let count = match (self.f.int_const(by), step.unsigned_abs()) {
            (Some(_), 1) => distance,
            (Some(_), apart) => {
                let by = self.int(apart as i64);
                self.put(Ir::UDiv, &[distance, by])
            }
            (None, _) => self.put(Ir::UDiv, &[distance, by]),
        };
        self.set(a, init);
        self.set(a + 1, count);
        self.set(a + 3, init);
        Ok(())
    }

    /// `forprep` by a step: which numbers it leaves is known if it is known
    /// what the loop begins with.
    fn for_prep_step(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let a = i.a();
        let types = [a, a + 2].map(|r| {
            let v = self.val(r);
            self.f.ty(v)
        });
        let kind = match types {
            [Ty::Int, Ty::Int] => Some(Ty::Int),
            [Ty::Float, _] | [_, Ty::Float] => Some(Ty::Float),
            _ => None,
        };
        let taken = self.step_test(pc)?;
        let skip = self.loop_left(a, target(pc, i))?;
        let body = self.f.block();
        self.end(Term::Branch {
            cond: taken,
            yes: skip,
            no: crate::ir::Target::to(body),
            likely: Some(false),
        });
        self.go_on(body);
        for r in a..=a.saturating_add(3) {
            self.slot_written(r);
        }
        if let Some(ty) = kind {
            for r in a..=a.saturating_add(3) {
                let v = self.val(r);
                let v = self.emit(Ir::Unbox, ty, &[v], 0);
                if !self.in_memory(r) {
                    self.st.set(r, Reg::Val { v, clean: true });
                }
            }
        }
        Ok(())
    }

    /// Of a loop that is entered in its midst, at `pc`: where it begins, the
    /// variable of a numeric `for` is the index, and the step is expected to be
    /// the constant that was loaded right before the loop.
    pub(super) fn enter_for(&mut self, pc: u32) -> Result<(), Refused> {
        let Some(prep) = pc.checked_sub(1).map(|pc| self.insn(pc)) else {
            return Ok(());
        };
        if prep.op() != Some(Op::ForPrep) || !self.only_for_loops(pc, prep.a()) {
            return Ok(());
        }
        self.expect_step(pc, prep)?;
        let a = prep.a();
        if !self.func().spec().captured.contains(a.saturating_add(3)) {
            let v = self.val(a);
            self.st.set(a + 3, Reg::Val { v, clean: true });
            self.frame_cache = None;
        }
        Ok(())
    }

    /// Whether all that leads back to `pc` is the `forloop` of register `a`.
    fn only_for_loops(&self, pc: u32, a: u8) -> bool {
        let flow = &self.ctx.flow;
        let header = flow.at[&pc];
        let mut loops = flow.cfg.loops.iter().filter(|l| l.header == header);
        loops.all(|l| {
            l.latches.iter().all(|latch| {
                let last = self.insn(flow.blocks[latch.n()].end - 1);
                last.op() == Some(Op::ForLoop) && last.a() == a
            })
        })
    }

    fn expect_step(&mut self, pc: u32, prep: Insn) -> Result<(), Refused> {
        let Some(load) = pc.checked_sub(2) else {
            return Ok(());
        };
        let load = self.insn(load);
        let step = prep.a().saturating_add(2);
        let loaded = load.op() == Some(Op::LoadI) && load.a() == step;
        if !loaded || !self.may_speculate(pc) {
            return Ok(());
        }
        let info = &self.ctx.flow.loops[&self.ctx.flow.at[&pc]];
        if info.types[usize::from(step)] != Ty::Int {
            return Ok(());
        }
        let v = self.val(step);
        let v = self.expect(v, Ty::Int, pc)?;
        let expected = self.int(i64::from(load.d()));
        let same = self.put(Ir::IEq, &[v, expected]);
        self.guard(same, Reason::Step, pc)?;
        // Its slot holds that.
        self.st.set(
            step,
            Reg::Val {
                v: expected,
                clean: true,
            },
        );
        self.frame_cache = None;
        Ok(())
    }

    /// The way to `pc`, where the loop with its registers from `a` on is left
    /// to: they hold nothing there.
    fn loop_left(&mut self, a: u8, pc: u32) -> Result<crate::ir::Target, Refused> {
        let mut left = self.st.clone();
        for r in a..=a.saturating_add(3) {
            left.set(r, Reg::Undefined);
        }
        self.edge_with(pc, left)
    }

    pub(super) fn for_loop(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let a = i.a();
        self.poll(pc)?;
        let values = [a, a + 1, a + 2].map(|r| self.val(r));
        let types = values.map(|v| self.f.ty(v));
        let all = |ty: Ty| types.iter().all(|t| *t == ty);
        let [x, limit, by] = values;
        if all(Ty::Int) {
            let zero = self.int(0);
            let last = self.put(Ir::IEq, &[limit, zero]);
            let out = self.loop_left(a, pc + 1)?;
            let again = self.f.block();
            self.end(Term::Branch {
                cond: last,
                yes: out,
                no: crate::ir::Target::to(again),
                likely: Some(false),
            });
            self.go_on(again);
            let one = self.int(1);
            let x = self.put(Ir::IAdd, &[x, by]);
            let count = self.put(Ir::ISub, &[limit, one]);
            self.set(a, x);
            self.set(a + 1, count);
            self.set(a + 3, x);
            return self.flow_to(target(pc, i));
        }
        if all(Ty::Float) {
            let x = self.put(Ir::FAdd, &[x, by]);
            let zero = self.float(0.0);
            let up = self.put(Ir::FLt, &[zero, by]);
            let below = self.put(Ir::FLe, &[x, limit]);
            let above = self.put(Ir::FLe, &[limit, x]);
            let goes = self.emit(Ir::Select, Ty::Bool, &[up, below, above], 0);
            let out = self.loop_left(a, pc + 1)?;
            let again = self.f.block();
            self.end(Term::Branch {
                cond: goes,
                yes: crate::ir::Target::to(again),
                no: out,
                likely: Some(true),
            });
            self.go_on(again);
            self.set(a, x);
            self.set(a + 3, x);
            return self.flow_to(target(pc, i));
        }
        let taken = self.step_test(pc)?;
        let out = self.loop_left(a, pc + 1)?;
        let again = self.f.block();
        self.end(Term::Branch {
            cond: taken,
            yes: crate::ir::Target::to(again),
            no: out,
            likely: Some(true),
        });
        self.go_on(again);
        for r in a..=a.saturating_add(3) {
            self.slot_written(r);
        }
        self.flow_to(target(pc, i))
    }

    pub(super) fn tfor_loop(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let a = i.a();
        self.poll(pc)?;
        let v = self.val(a + 4);
        let nil = self.is(v, tag::NIL);
        let out = self.edge(pc + 1)?;
        let again = self.f.block();
        self.end(Term::Branch {
            cond: nil,
            yes: out,
            no: crate::ir::Target::to(again),
            likely: Some(false),
        });
        self.go_on(again);
        self.set(a + 2, v);
        self.flow_to(target(pc, i))
    }

    /// Leaves where an instruction was never reached before.
    pub(super) fn unreached(&mut self, pc: u32) -> Result<(), Refused> {
        self.leave(pc, Reason::Unreached)
    }
}
