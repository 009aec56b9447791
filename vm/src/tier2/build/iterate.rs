//! Generic `for`: over tables, by `pairs` and `ipairs`, and by Lua functions.
//!
//! A Lua function that is the iterator of a loop is built in place of its call.
//! What it remembers from one iteration to the next is in variables that it
//! shares with nobody as a rule, which need not be in memory then
//! (`ir::passes::sink`).
//!
//! Which table iterator a loop has is seen in the call before it. That it still is
//! that one is guarded, and so is that the table is one. `tforcall` and
//! `tforloop` are built in one piece then, so that the loop ends where there is
//! no further entry and not where a key is nil.
//!
//! A traversal by `next` keeps its position in the slot of the closing value,
//! as the interpreter does: that register is never held as a value.

use super::inline::Inlined;
use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Reason, Ty, V};
use crate::tier2::build::state::Reg;
use crate::tier2::flow::target;
use crate::tier2::snapshot::Obj;
use smallvec::SmallVec;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::metatable::Event;
use strata_runtime::object::ArrKind;
use strata_runtime::stdlib::leaf::Known;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

impl Builder<'_, '_> {
    /// A call of `pairs` or `ipairs`: the iterator, the table, and where to
    /// begin.
    pub(super) fn pairs(&mut self, pc: u32, i: Insn, which: Known) -> Result<(), Refused> {
        let t = self.val(i.a() + 2);
        let t = self.expect(t, Ty::Table, pc)?;
        let first = if which == Known::Pairs {
            self.guard_lacks(t, Event::Pairs, pc)?;
            self.nil()
        } else {
            self.int(0)
        };
        let iterator = self.object(self.iterator(which), Ty::Native);
        self.results(i, &[iterator, t, first]);
        Ok(())
    }

    fn iterator(&self, which: Known) -> Obj {
        self.s.iterators[usize::from(which == Known::Ipairs)]
    }

    /// The iterator of the loop whose `tforcall` is at `pc`, if the code may
    /// rely on it.
    fn iterated(&self, pc: u32) -> Option<Known> {
        let which = self.func().iterated(pc)?;
        let a = self.insn(pc).a();
        let end = self.insn(pc + 1);
        let whole = end.op() == Some(Op::TForLoop) && end.a() == a;
        (whole && self.may_speculate(pc)).then_some(which)
    }

    pub(super) fn tfor_prep(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let to = target(pc, i);
        let closing = i.a().saturating_add(3);
        if self.may_speculate(pc) && self.closure_iterated(to, i.a()) {
            let f = self.val(i.a());
            self.expect(f, Ty::Closure, pc)?;
            self.no_closing(pc, closing)?;
            return self.flow_to(to);
        }
        if self.iterated(to).is_none() || !self.may_speculate(pc) {
            self.step(pc)?;
            return if self.open { self.flow_to(to) } else { Ok(()) };
        }
        self.no_closing(pc, closing)?;
        let control = self.val(closing - 1);
        let no_key = self.is(control, tag::NIL);
        let slot = u64::from(self.ctx.base + u32::from(closing));
        self.put_imm(Ir::IterStart, &[no_key], slot);
        self.slot_written(closing);
        self.flow_to(to)
    }

    /// Nothing is to be closed after the loop whose `tforprep` is at `pc`.
    fn no_closing(&mut self, pc: u32, closing: u8) -> Result<(), Refused> {
        let v = self.val(closing);
        if self.f.ty(v) != Ty::Nil {
            let nil = self.is(v, tag::NIL);
            self.guard(nil, Reason::Library, pc)?;
        }
        self.ctx.nothing_to_close.push(pc);
        Ok(())
    }

    /// Whether the loop with the `tforcall` at `pc`, and its registers from `a` on,
    /// has a Lua function as its iterator, which the code may rely on.
    fn closure_iterated(&mut self, pc: u32, a: u8) -> bool {
        let known = self.func().iterator_at(pc).is_some() && self.may_speculate(pc);
        let v = self.val(a);
        known && matches!(self.f.ty(v), Ty::Any | Ty::Closure)
    }

    /// `tforcall` of a Lua function, in place of which that is built. Whether it
    /// is.
    fn inline_iterator(&mut self, pc: u32, i: Insn) -> Result<bool, Refused> {
        let a = i.a();
        let (Some((proto, no)), true) = (self.func().iterator_at(pc), self.closure_iterated(pc, a))
        else {
            return Ok(false);
        };
        let call = Insn::abc(Op::Call, a, 3, i.c().saturating_add(1));
        if self.decide_inlining(pc, call, proto, Some(no)).is_none() {
            return Ok(false);
        }
        let v = self.val(a);
        let closure = if self.protos.get(&v) == Some(&self.s.funcs[no as usize].key()) {
            v
        } else {
            self.closure_of(v, proto, pc)?
        };
        let args: SmallVec<[Reg; 2]> = (a + 1..a + 3)
            .map(|r| Reg::Val {
                v: self.val(r),
                clean: false,
            })
            .collect();
        let frame = self.frame(pc, true)?;
        let callee = Inlined {
            no,
            below: (frame, closure),
            base: self.ctx.base + u32::from(a) + 6,
            tail: false,
        };
        let results = self.inlined(pc, callee, &args, i.c().into())?;
        self.ctx.pc = pc;
        for (r, v) in (a + 4..).zip(results.into_iter().flatten()) {
            self.set(r, v);
        }
        Ok(true)
    }

    pub(super) fn tfor_call(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let a = i.a();
        let Some(which) = self.iterated(pc) else {
            return match self.inline_iterator(pc, i)? {
                true => Ok(()),
                false => self.step(pc),
            };
        };
        let kept = matches!(self.st.get(a + 3), Reg::Slot | Reg::Val { clean: true, .. });
        let (f, t, control) = (self.val(a), self.val(a + 1), self.val(a + 2));
        let fits = |v: V, known: Ty| matches!(self.f.ty(v), Ty::Any) || self.f.ty(v) == known;
        let ipairs = which == Known::Ipairs;
        if !kept
            || !fits(f, Ty::Native)
            || !fits(t, Ty::Table)
            || (ipairs && !fits(control, Ty::Int))
        {
            return self.step(pc);
        }
        let iterator = self.iterator(which);
        let inst = self.f.insts[f.n()];
        if inst.op != Ir::Object || inst.imm != u64::from(iterator.0) {
            let f = self.expect(f, Ty::Native, pc)?;
            let iterator = self.object(iterator, Ty::Native);
            let same = self.put(Ir::Same, &[f, iterator]);
            self.guard(same, Reason::Callee, pc)?;
        }
        let t = self.expect(t, Ty::Table, pc)?;
        if ipairs {
            let n = self.expect(control, Ty::Int, pc)?;
            self.ipairs_step(pc, i, t, n)
        } else {
            self.next_step(pc, i, t)
        }
    }

    /// A step of a traversal by `next`.
    fn next_step(&mut self, pc: u32, i: Insn, t: V) -> Result<(), Refused> {
        let slot = u64::from(self.ctx.base + u32::from(i.a()) + 3);
        let what = self.put_imm(Ir::NextEntry, &[t], slot);
        let two = self.int(2);
        let did = self.put(Ir::ILt, &[what, two]);
        self.accept(did, pc)?;
        let one = self.int(1);
        let found = self.put(Ir::IEq, &[what, one]);
        let over = self.split(found, None);
        let key = self.emit(Ir::LeafValue, Ty::Any, &[what], 0);
        let v = self.emit(Ir::LeafValue, Ty::Any, &[what], 1);
        self.go_round(pc, i, over, key, v)
    }

    /// A step of `ipairs` after element `n`.
    fn ipairs_step(&mut self, pc: u32, i: Insn, t: V, n: V) -> Result<(), Refused> {
        let len = self.put(Ir::ArrLen, &[t]);
        let len = match planted(Bug::IpairsEnd) {
            true => {
                let one = self.int(1);
                self.put(Ir::IAdd, &[len, one])
            }
            false => len,
        };
        let inside = self.put(Ir::IUlt, &[n, len]);
        let over = self.split(inside, None);
        let data = self.put(Ir::ArrData, &[t]);
        let have = self.put(Ir::ArrKind, &[t]);
        let mut ways: SmallVec<[(BlockId, V); 4]> = SmallVec::new();
        let mixed = self.int(ArrKind::Mixed as i64);
        let is = self.put(Ir::IEq, &[have, mixed]);
        let numbers = self.split(is, None);
        let tags = self.put(Ir::ArrTags, &[t]);
        let v = self.put(Ir::LoadMixed, &[data, tags, n]);
        let nil = self.is(v, tag::NIL);
        let some = self.put(Ir::Not, &[nil]);
        let hole = self.split(some, Some(true));
        ways.push((self.at, v));
        self.go_on(hole);
        self.join(over);
        self.go_on(numbers);
        let kind = self.int(ArrKind::Int as i64);
        let is = self.put(Ir::IEq, &[have, kind]);
        let floats = self.split(is, None);
        let v = self.put(Ir::LoadInt, &[data, n]);
        let v = self.boxed(v);
        ways.push((self.at, v));
        self.go_on(floats);
        let v = self.put(Ir::LoadFloat, &[data, n]);
        let v = self.boxed(v);
        ways.push((self.at, v));
        // Behind the last element, or at a hole: that is the end unless there
        // are other places where it could be.
        self.go_on(over);
        let hash = self.put(Ir::Hash, &[t]);
        let no_hash = self.put(Ir::IsNull, &[hash]);
        let meta = self.put(Ir::Meta, &[t]);
        let no_meta = self.put(Ir::IsNull, &[meta]);
        let surely = self.put(Ir::And, &[no_hash, no_meta]);
        let unsure = self.split(surely, Some(true));
        let over = self.f.block();
        self.join(over);
        self.go_on(unsure);
        let one = self.int(1);
        let next = self.put(Ir::IAdd, &[n, one]);
        let (did, v) = self.get_leaf(t, next);
        self.accept(did, pc)?;
        let nil = self.is(v, tag::NIL);
        let some = self.put(Ir::Not, &[nil]);
        let none = self.split(some, None);
        ways.push((self.at, v));
        self.go_on(none);
        self.join(over);
        let v = self.meet(&ways, Ty::Any);
        let one = self.int(1);
        let key = self.put(Ir::IAdd, &[n, one]);
        self.go_round(pc, i, over, key, v)
    }

    /// Goes round with this key and value; `over`: the block where the loop
    /// ends.
    fn go_round(&mut self, pc: u32, i: Insn, over: BlockId, key: V, v: V) -> Result<(), Refused> {
        let a = i.a();
        let here = self.at;
        self.go_on(over);
        let state = self.st.clone();
        self.flow_to(pc + 2)?;
        self.st = state;
        self.go_on(here);
        for r in a + 4..self.func().spec().regs {
            self.st.set(r, Reg::Undefined);
        }
        self.frame_cache = None;
        self.set(a + 4, key);
        for k in 1..i.c() {
            let v = if k == 1 { v } else { self.nil() };
            self.set(a + 4 + k, v);
        }
        self.poll(pc + 1)?;
        self.set(a + 2, key);
        self.flow_to(target(pc + 1, self.insn(pc + 1)))
    }
}
