//! Element access with integer keys in the array part, by element kind.

use super::guarded::may_hold;
use super::{Builder, Refused};
use crate::interp::seen_element as seen;
use crate::ir::{BlockId, Op as Ir, Reason, Ty, V};
use strata_runtime::object::ArrKind;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

pub(super) const KINDS: u8 = seen::INT | seen::FLOAT | seen::MIXED;

/// The kinds that were seen.
pub(super) fn all_kinds(bits: u8) -> Vec<ArrKind> {
    let kinds = [
        (seen::INT, ArrKind::Int),
        (seen::FLOAT, ArrKind::Float),
        (seen::MIXED, ArrKind::Mixed),
    ];
    let kinds = kinds.into_iter().filter(|(bit, _)| bits & bit != 0);
    kinds.map(|(_, kind)| kind).collect()
}

impl Builder<'_, '_> {
    /// The table in register `r`, if it can be one.
    pub(super) fn table(&mut self, r: u8, pc: u32) -> Result<Option<V>, Refused> {
        let t = self.val(r);
        if !matches!(self.f.ty(t), Ty::Any | Ty::Table) {
            return Ok(None);
        }
        self.expect(t, Ty::Table, pc).map(Some)
    }

    /// The number of an element, from 0; `None` if the key is no integer.
    pub(super) fn element(
        &mut self,
        key: Option<u8>,
        imm: u8,
        pc: u32,
    ) -> Result<Option<V>, Refused> {
        let Some(r) = key else {
            return Ok(Some(self.int(i64::from(imm) - 1)));
        };
        let k = self.val(r);
        if !matches!(self.f.ty(k), Ty::Any | Ty::Int) {
            return Ok(None);
        }
        let k = self.expect(k, Ty::Int, pc)?;
        let one = self.int(1);
        Ok(Some(self.put(Ir::ISub, &[k, one])))
    }

    pub(super) fn guard_kind(&mut self, t: V, kind: ArrKind, pc: u32) -> Result<V, Refused> {
        let frame = self.frame(pc, false)?;
        Ok(self.emit_at(Ir::GuardKind, Ty::Table, &[t], kind as u64, frame))
    }

    pub(super) fn get_index(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        if bits == 0 && self.may_speculate(pc) {
            return self.leave(pc, Reason::Unreached);
        }
        let key = (op == Op::GetIndex).then(|| i.c());
        if self.guards_element(bits, pc) {
            return self.get_guarded(pc, i, key);
        }
        if bits & KINDS == 0 {
            return match op {
                Op::GetIndex => self.get_by_key(pc, i),
                _ => self.step(pc),
            };
        }
        self.get_any_element(pc, i, key)
    }

    /// Element `n` of `t`, an array of this kind that has it.
    pub(super) fn load_element(&mut self, t: V, n: V, kind: ArrKind) -> V {
        let data = self.put(Ir::ArrData, &[t]);
        match kind {
            ArrKind::Int => self.put(Ir::LoadInt, &[data, n]),
            ArrKind::Float => self.put(Ir::LoadFloat, &[data, n]),
            ArrKind::Mixed => {
                let tags = self.put(Ir::ArrTags, &[t]);
                self.put(Ir::LoadMixed, &[data, tags, n])
            }
        }
    }

    /// Operands of an access that is not left if it isn't as expected: table
    /// and number of the element. What is neither a table with an array part
    /// nor an integer goes to `slow`.
    fn operands(&mut self, r: u8, key: Option<u8>, imm: u8, slow: BlockId) -> Option<(V, V)> {
        let t = self.val(r);
        let k = key.map(|r| self.val(r));
        let fits = |b: &Self, v: V, ty: Ty| matches!(b.f.ty(v), Ty::Any) || b.f.ty(v) == ty;
        if !fits(self, t, Ty::Table) || !k.is_none_or(|k| fits(self, k, Ty::Int)) {
            return None;
        }
        if self.f.ty(t) == Ty::Any {
            let is = self.is(t, tag::TABLE);
            self.unless(is, slow);
        }
        let table = self.unboxed(t, Ty::Table);
        let n = match k {
            None => self.int(i64::from(imm) - 1),
            Some(k) => {
                if self.f.ty(k) == Ty::Any {
                    let is = self.is(k, tag::INT);
                    self.unless(is, slow);
                }
                let k = self.unboxed(k, Ty::Int);
                let one = self.int(1);
                self.put(Ir::ISub, &[k, one])
            }
        };
        Some((table, n))
    }

    /// Several kinds of arrays were seen, or keys that are not in there: what
    /// is none of those known takes a step.
    fn get_any_element(&mut self, pc: u32, i: Insn, key: Option<u8>) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        let slow = self.cold_block();
        let state = self.st.clone();
        let Some((t, n)) = self.operands(i.b(), key, i.c(), slow) else {
            return self.step(pc);
        };
        let len = self.put(Ir::ArrLen, &[t]);
        let inside = self.put(Ir::IUlt, &[n, len]);
        self.unless(inside, slow);
        let mut ways = Vec::new();
        let have = self.put(Ir::ArrKind, &[t]);
        let kinds = all_kinds(bits);
        for (at, &kind) in kinds.iter().enumerate() {
            let want = self.int(i64::from(kind as u8));
            let same = self.put(Ir::IEq, &[have, want]);
            let next = if at + 1 == kinds.len() {
                self.unless(same, slow);
                None
            } else {
                Some(self.split(same, None))
            };
            let v = self.load_element(t, n, kind);
            if kind == ArrKind::Mixed {
                let nil = self.is(v, tag::NIL);
                let some = self.put(Ir::Not, &[nil]);
                self.unless(some, slow);
            }
            let v = self.boxed(v);
            ways.push((self.at, v));
            if let Some(next) = next {
                self.go_on(next);
            }
        }
        self.go_on(slow);
        self.st = state.clone();
        self.frame_cache = None;
        self.or_step(pc, i, state, ways)
    }

    pub(super) fn set_index(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        if bits == 0 && self.may_speculate(pc) {
            return self.leave(pc, Reason::Unreached);
        }
        let key = (op == Op::SetIndex).then(|| i.b());
        if self.guards_element(bits, pc) {
            return self.set_guarded(pc, i, key);
        }
        if bits & (KINDS | seen::APPEND) == 0 {
            return match op {
                Op::SetIndex => self.set_by_key(pc, i),
                _ => self.step(pc),
            };
        }
        self.set_any_element(pc, i, key)
    }

    /// Appends, or arrays of several kinds: what has no room and what is none
    /// of those known takes a step, which is nothing unusual here.
    fn set_any_element(&mut self, pc: u32, i: Insn, key: Option<u8>) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        let v = self.val(i.c());
        // Kinds that may hold such a value.
        let ty = self.f.ty(v);
        let append = bits & seen::APPEND != 0;
        let seen_kinds = if append { KINDS } else { bits };
        let mut kinds = all_kinds(seen_kinds);
        kinds.retain(|&kind| may_hold(kind, ty));
        if kinds.is_empty() {
            return self.step(pc);
        }
        let (done, slow) = (self.f.block(), self.cold_block());
        let state = self.st.clone();
        let Some((t, n)) = self.operands(i.a(), key, i.b(), slow) else {
            return self.step(pc);
        };
        let len = self.put(Ir::ArrLen, &[t]);
        let have = self.put(Ir::ArrKind, &[t]);
        for (at, &kind) in kinds.iter().enumerate() {
            let want = self.int(i64::from(kind as u8));
            let same = self.put(Ir::IEq, &[have, want]);
            let next = if at + 1 == kinds.len() {
                self.unless(same, slow);
                None
            } else {
                Some(self.split(same, None))
            };
            self.store_or_append(t, n, len, v, kind, append, done, slow);
            if let Some(next) = next {
                self.go_on(next);
            }
        }
        self.go_on(slow);
        self.st = state.clone();
        self.frame_cache = None;
        self.step(pc)?;
        let linked = state.linked && self.st.linked;
        self.join(done);
        self.go_on(done);
        self.st = state;
        self.st.linked = linked;
        self.frame_cache = None;
        Ok(())
    }

    /// Stores `v` as element `n` of `t`, an array of this kind, or behind its
    /// last one.
    #[allow(clippy::too_many_arguments, reason = "an instruction, taken apart")]
    fn store_or_append(
        &mut self,
        t: V,
        n: V,
        len: V,
        v: V,
        kind: ArrKind,
        append: bool,
        done: BlockId,
        slow: BlockId,
    ) {
        let v = match (kind, self.f.ty(v)) {
            (ArrKind::Int, Ty::Any) => {
                let is = self.is(v, tag::INT);
                self.unless(is, slow);
                self.unboxed(v, Ty::Int)
            }
            (ArrKind::Float, Ty::Any) => {
                let is = self.is(v, tag::FLOAT);
                self.unless(is, slow);
                self.unboxed(v, Ty::Float)
            }
            (ArrKind::Mixed, Ty::Any) => {
                let nil = self.is(v, tag::NIL);
                let some = self.put(Ir::Not, &[nil]);
                self.unless(some, slow);
                v
            }
            _ => v,
        };
        let inside = self.put(Ir::IUlt, &[n, len]);
        let outside = if append {
            self.split(inside, None)
        } else {
            self.unless(inside, slow);
            slow
        };
        if kind == ArrKind::Mixed {
            let (data, tags) = (self.put(Ir::ArrData, &[t]), self.put(Ir::ArrTags, &[t]));
            let old = self.put(Ir::LoadMixed, &[data, tags, n]);
            let nil = self.is(old, tag::NIL);
            let some = self.put(Ir::Not, &[nil]);
            self.unless(some, slow);
        }
        self.store_element(t, n, v, kind);
        self.join(done);
        if !append {
            return;
        }
        self.go_on(outside);
        let at_end = self.put(Ir::IEq, &[n, len]);
        let cap = self.put(Ir::ArrCap, &[t]);
        let room = self.put(Ir::IUlt, &[n, cap]);
        let hash = self.put(Ir::Hash, &[t]);
        let no_hash = self.put(Ir::IsNull, &[hash]);
        let meta = self.put(Ir::Meta, &[t]);
        let no_meta = self.put(Ir::IsNull, &[meta]);
        let mut fine = self.put(Ir::And, &[at_end, room]);
        for cond in [no_hash, no_meta] {
            fine = self.put(Ir::And, &[fine, cond]);
        }
        if kind == ArrKind::Mixed {
            // The first element decides the kind.
            let zero = self.int(0);
            let first = self.put(Ir::IEq, &[n, zero]);
            let other = self.put(Ir::Not, &[first]);
            fine = self.put(Ir::And, &[fine, other]);
        }
        self.unless(fine, slow);
        self.store_element(t, n, v, kind);
        let one = self.int(1);
        let longer = self.put(Ir::IAdd, &[n, one]);
        self.put(Ir::SetArrLen, &[t, longer]);
        self.join(done);
    }

    /// Goes to the cold block `slow` unless `cond` holds.
    pub(super) fn unless(&mut self, cond: V, slow: BlockId) {
        let other = self.split(cond, Some(true));
        let here = self.at;
        self.go_on(other);
        self.join(slow);
        self.go_on(here);
    }

    /// Stores `v` as element `n` of `t`, which has room for it.
    pub(super) fn store_element(&mut self, t: V, n: V, v: V, kind: ArrKind) {
        let data = self.put(Ir::ArrData, &[t]);
        match kind {
            ArrKind::Int => {
                self.put(Ir::StoreInt, &[data, n, v]);
            }
            ArrKind::Float => {
                self.put(Ir::StoreFloat, &[data, n, v]);
            }
            ArrKind::Mixed => {
                let tags = self.put(Ir::ArrTags, &[t]);
                self.put(Ir::StoreMixed, &[data, tags, n, v]);
                self.barrier_element(t, v);
            }
        }
    }
}
