//! Leaves: library functions and parts of instructions that are called
//! without a frame ([`strata_runtime::stdlib::leaf`]).
//!
//! A leaf that refuses has changed nothing, so that the code can be left at the
//! instruction, or a step can run it. That is a branch and no guard: stress
//! modes have guards fail that hold, and what a leaf did must not be done
//! twice.

use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Reason, Ty, V};
use crate::tier2::build::state::Reg;
use crate::tier2::snapshot::{LeafCall, Obj};
use smallvec::SmallVec;
use strata_runtime::value::tag;
use strata_spec::effects::Effects;
use strata_spec::{Insn, Op};

/// Most operands of a concatenation that is a leaf.
const MAX_OPERANDS: u8 = 12;

impl Builder<'_, '_> {
    /// Calls a leaf: whether it did it.
    fn leaf(&mut self, f: Obj, stores: bool, args: &[V]) -> V {
        let mut all: SmallVec<[V; 8]> = SmallVec::new();
        all.push(self.object(f, Ty::Ptr));
        all.extend_from_slice(args);
        let op = if stores { Ir::LeafStore } else { Ir::Leaf };
        self.emit(op, Ty::Bool, &all, 0)
    }

    /// Leaves at `pc` unless `did`.
    pub(super) fn accept(&mut self, did: V, pc: u32) -> Result<(), Refused> {
        let refused = self.split(did, Some(true));
        let here = self.at;
        self.go_on(refused);
        self.leave(pc, Reason::Library)?;
        self.go_on(here);
        Ok(())
    }

    /// The call at `pc` of a library function, by its leaf.
    pub(super) fn leaf_call(&mut self, pc: u32, i: Insn, leaf: LeafCall) -> Result<(), Refused> {
        let first = i.a() + 2;
        let args: SmallVec<[V; 8]> = (0..i.b() - 1).map(|k| self.val(first + k)).collect();
        let did = self.leaf(leaf.f, leaf.stores, &args);
        self.accept(did, pc)?;
        let ty = leaf.result.and_then(Ty::of_tag).unwrap_or(Ty::Any);
        let v = self.emit(Ir::LeafValue, ty, &[did], 0);
        self.results(i, &[v]);
        Ok(())
    }

    /// Registers after a call with these results.
    pub(super) fn results(&mut self, i: Insn, values: &[V]) {
        let a = i.a();
        for r in a..self.func().spec().regs {
            self.st.set(r, Reg::Undefined);
        }
        self.frame_cache = None;
        if i.c() == 0 {
            return self.give_open(a, values);
        }
        for k in 0..i.c().saturating_sub(1) {
            let v = match values.get(usize::from(k)) {
                Some(&v) => v,
                None => self.nil(),
            };
            self.set(a + k, v);
        }
    }

    /// `concat`
    pub(super) fn concat(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let (b, c) = (i.b(), i.c());
        if c.saturating_sub(b) >= MAX_OPERANDS || !self.may_speculate(pc) {
            return self.step(pc);
        }
        let args: SmallVec<[V; 8]> = (b..=c).map(|r| self.val(r)).collect();
        let fits = |v: &V| matches!(self.f.ty(*v), Ty::Any | Ty::Str | Ty::Int | Ty::Float);
        if !args.iter().all(fits) {
            return self.step(pc);
        }
        let did = self.leaf(self.s.leaves.concat, false, &args);
        self.accept(did, pc)?;
        let v = self.emit(Ir::LeafValue, Ty::Str, &[did], 0);
        for r in Effects::of(Op::Concat, i).kills.iter() {
            self.st.set(r, Reg::Undefined);
        }
        self.set(i.a(), v);
        Ok(())
    }

    /// `t[k]`: whether it could be done without a metamethod, and the value.
    /// To be called right before [`accept`](Self::accept).
    pub(super) fn get_leaf(&mut self, t: V, k: V) -> (V, V) {
        let did = self.leaf(self.s.leaves.get, false, &[t, k]);
        (did, self.emit(Ir::LeafValue, Ty::Any, &[did], 0))
    }

    /// `string.byte(s, n)`, likewise.
    pub(super) fn byte_leaf(&mut self, s: V, n: V) -> (V, V) {
        let did = self.leaf(self.s.leaves.byte, false, &[s, n]);
        (did, self.emit(Ir::LeafValue, Ty::Any, &[did], 0))
    }

    /// `setlist`: the elements of a constructor.
    pub(super) fn set_list(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let (a, n) = (i.a(), i.b().wrapping_sub(1));
        let t = self.val(a);
        if n > MAX_OPERANDS || self.f.ty(t) != Ty::Table {
            return self.step(pc);
        }
        self.set_elements(pc, i, n)
    }

    /// The first `n` elements that `setlist` stores; what refuses leaves at
    /// `pc`.
    pub(super) fn set_elements(&mut self, pc: u32, i: Insn, n: u8) -> Result<(), Refused> {
        let a = i.a();
        let t = self.val(a);
        let mut args: SmallVec<[V; 8]> = SmallVec::new();
        args.push(t);
        args.push(self.int(i64::from(i.u32()) + 1));
        for k in 1..=n {
            let v = self.val(a + k);
            args.push(v);
        }
        let did = self.leaf(self.s.leaves.set_list, true, &args);
        self.accept(did, pc)
    }

    /// `getindex` with keys that are no elements: what takes a metamethod, or
    /// is no table, takes a step.
    pub(super) fn get_by_key(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let (t, k) = (self.val(i.b()), self.val(i.c()));
        if !matches!(self.f.ty(t), Ty::Any | Ty::Table) {
            return self.step(pc);
        }
        let state = self.st.clone();
        let did = self.leaf(self.s.leaves.get, false, &[t, k]);
        let refused = self.split(did, Some(true));
        let v = self.emit(Ir::LeafValue, Ty::Any, &[did], 0);
        let mut ways: SmallVec<[(BlockId, V); 2]> = SmallVec::new();
        ways.push((self.at, v));
        self.go_on(refused);
        self.step(pc)?;
        let slot = u64::from(self.ctx.base + u32::from(i.a()));
        let linked = self.st.linked && state.linked;
        let v = self.put_imm(Ir::SlotLoad, &[], slot);
        ways.push((self.at, v));
        self.st = state;
        self.st.linked = linked;
        let v = self.meet(&ways, Ty::Any);
        self.set(i.a(), v);
        Ok(())
    }

    /// `setindex` with keys that are no elements, likewise.
    pub(super) fn set_by_key(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let (t, k, v) = (self.val(i.a()), self.val(i.b()), self.val(i.c()));
        if !matches!(self.f.ty(t), Ty::Any | Ty::Table) || self.f.ty(k) == Ty::Nil {
            return self.step(pc);
        }
        let state = self.st.clone();
        let done = self.f.block();
        let did = self.leaf(self.s.leaves.set, true, &[t, k, v]);
        let refused = self.split(did, Some(true));
        self.join(done);
        self.go_on(refused);
        self.step(pc)?;
        let linked = self.st.linked && state.linked;
        self.join(done);
        self.go_on(done);
        self.st = state;
        self.st.linked = linked;
        self.frame_cache = None;
        Ok(())
    }

    /// Whether `v`'s tag is one of these.
    pub(super) fn tag_in(&mut self, v: V, tags: u16) -> V {
        if tags.is_power_of_two() && self.f.ty(v) != Ty::Bool {
            return self.is(v, tags.trailing_zeros() as u8);
        }
        match self.f.ty(v) {
            Ty::Any => self.put_imm(Ir::TagIn, &[v], tags.into()),
            Ty::Bool => {
                let both = 1 << tag::TRUE | 1 << tag::FALSE;
                self.boolean(tags & both == both)
            }
            ty => self.boolean(ty.tag().is_some_and(|t| tags >> t & 1 != 0)),
        }
    }
}
