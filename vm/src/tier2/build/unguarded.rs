//! Field access where guesses have failed: the shapes that are known are
//! tried, whatever else there is takes a step. Nothing here leaves the code
//! because a table has another shape, so that a site with many shapes, or one
//! whose shapes come and go, costs no more than in tier 1.

use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Ty, V};
use crate::tier2::build::fields::groups;
use crate::tier2::flow::mask_allows;
use crate::tier2::snapshot::Cache;
use strata_runtime::feedback::CacheState;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

impl Builder<'_, '_> {
    /// Register `r` as a table; what isn't one goes to `slow`. `None`: it never
    /// is.
    fn table_or(&mut self, r: u8, slow: BlockId) -> Option<V> {
        let v = self.val(r);
        match self.f.ty(v) {
            Ty::Table => Some(v),
            Ty::Any => {
                let is = self.is(v, tag::TABLE);
                self.unless(is, slow);
                Some(self.unboxed(v, Ty::Table))
            }
            _ => None,
        }
    }

    /// `getfield` and `self` of a table with one of the shapes of `caches`, or a
    /// step.
    pub(super) fn get_field_or_step(
        &mut self,
        pc: u32,
        i: Insn,
        op: Op,
        caches: &[Cache],
    ) -> Result<(), Refused> {
        let (a, b) = (i.a(), i.b());
        let object = self.val(b);
        if !matches!(self.f.ty(object), Ty::Any | Ty::Table) {
            return self.step(pc);
        }
        self.settle(pc)?;
        let state = self.st.clone();
        let slow = self.cold_block();
        let Some(t) = self.table_or(b, slow) else {
            return self.step(pc);
        };
        let mut ways: Vec<(BlockId, V)> = Vec::new();
        // Ways over tables of families are full of guards.
        let without = |c: &&Cache| !c.by_family || c.state == CacheState::Own;
        let caches: Vec<Cache> = caches.iter().filter(without).copied().collect();
        for group in groups(&caches) {
            let same = self.has_shape(t, &group);
            let next = self.split(same, None);
            let v = if group[0].by_family {
                let v = self.put_imm(Ir::Field, &[t], u64::from(group[0].slot));
                let nil = self.is(v, tag::NIL);
                let there = self.put(Ir::Not, &[nil]);
                self.unless(there, slow);
                v
            } else {
                self.get_cached(t, group[0], i, pc)?
            };
            let v = self.boxed(v);
            ways.push((self.at, v));
            self.go_on(next);
            self.st = state.clone();
            self.frame_cache = None;
        }
        self.join(slow);
        self.go_on(slow);
        let frame = self.frame(pc, true)?;
        self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
        let slot = u64::from(self.ctx.base + u32::from(a));
        let v = self.put_imm(Ir::SlotLoad, &[], slot);
        ways.push((self.at, v));
        let v = self.meet(&ways, Ty::Any);
        self.frame_cache = None;
        if op == Op::SelfField {
            self.set(a.saturating_add(2), object);
            self.st.set(a.saturating_add(1), super::Reg::Undefined);
        }
        self.set(a, v);
        Ok(())
    }

    /// `setfield` of a field that is there, of a table with one of the shapes
    /// of `caches`, or a step.
    pub(super) fn set_field_or_step(
        &mut self,
        pc: u32,
        i: Insn,
        caches: &[Cache],
    ) -> Result<(), Refused> {
        let v = self.val(i.b());
        let ty = self.f.ty(v);
        let own = |c: &Cache| {
            c.state == CacheState::Own && c.tags != 0 && mask_allows(c.tags, ty) != Some(false)
        };
        let caches: Vec<Cache> = caches.iter().copied().filter(own).collect();
        let object = self.val(i.a());
        if caches.is_empty() || !matches!(self.f.ty(object), Ty::Any | Ty::Table) {
            return self.step(pc);
        }
        self.settle(pc)?;
        let state = self.st.clone();
        let (done, slow) = (self.f.block(), self.cold_block());
        let Some(t) = self.table_or(i.a(), slow) else {
            return self.step(pc);
        };
        for group in groups(&caches) {
            let c = group[0];
            let same = self.has_shape(t, &group);
            let next = self.split(same, None);
            if mask_allows(c.tags, ty).is_none() {
                let any = self.boxed(v);
                let fits = self.put_imm(Ir::TagIn, &[any], u64::from(c.tags));
                self.unless(fits, slow);
            }
            // What was nil may be a new key.
            let slot = u64::from(c.slot);
            let old = self.put_imm(Ir::Field, &[t], slot);
            let nil = self.is(old, tag::NIL);
            let there = self.put(Ir::Not, &[nil]);
            self.unless(there, slow);
            self.put_imm(Ir::SetField, &[t, v], slot);
            self.barrier(t, v);
            self.join(done);
            self.go_on(next);
        }
        self.join(slow);
        self.go_on(slow);
        let frame = self.frame(pc, true)?;
        self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
        self.join(done);
        self.go_on(done);
        self.st = state;
        self.frame_cache = None;
        Ok(())
    }
}
