//! Element access that is as feedback says or leaves: nothing in it has an
//! effect but the store itself, so that loops around it keep what they know of
//! memory.
//!
//! Arrays of one kind whose elements are all inside have guards for both. With
//! several kinds the guarded access branches on the kind; with keys outside of
//! the array part it branches on that, and looks them up in the hash part.

use super::elements::{KINDS, all_kinds};
use super::{Builder, Refused};
use crate::interp::seen_element as seen;
use crate::ir::{BlockId, Op as Ir, Reason, Ty, V};
use strata_runtime::object::ArrKind;
use strata_runtime::value::tag;
use strata_spec::Insn;

/// Feedback with which an access is guarded.
const FIT: u8 = KINDS | seen::OUTSIDE;

impl Builder<'_, '_> {
    /// Whether the access at `pc` with this feedback is guarded.
    pub(super) fn guards_element(&self, bits: u8, pc: u32) -> bool {
        bits & !FIT == 0 && self.may_speculate(pc)
    }

    pub(super) fn get_guarded(&mut self, pc: u32, i: Insn, key: Option<u8>) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        let Some(t) = self.table(i.b(), pc)? else {
            return self.step(pc);
        };
        let Some(n) = self.element(key, i.c(), pc)? else {
            return self.step(pc);
        };
        let kinds = all_kinds(bits);
        if let ([kind], 0) = (&kinds[..], bits & seen::OUTSIDE) {
            let (t, n) = self.inside(t, n, *kind, pc)?;
            let v = self.load_element(t, n, *kind);
            if *kind == ArrKind::Mixed {
                let nil = self.is(v, tag::NIL);
                self.guard_not(nil, Reason::Absent, pc)?;
            }
            self.set(i.a(), v);
            return Ok(());
        }
        let len = self.put(Ir::ArrLen, &[t]);
        let mut ways = Vec::new();
        let (n, outside) = self.in_or_out(n, len, bits, &kinds, pc)?;
        let mut at = 0;
        while let Some(&kind) = kinds.get(at) {
            let (t, next) = self.of_kind(t, &kinds, at, pc)?;
            let v = self.load_element(t, n, kind);
            if kind == ArrKind::Mixed {
                let nil = self.is(v, tag::NIL);
                self.guard_absent(t, nil, bits, pc)?;
            }
            let v = self.boxed(v);
            ways.push((self.at, v));
            if let Some(next) = next {
                self.go_on(next);
            }
            at += 1;
        }
        if let Some(outside) = outside {
            self.go_on(outside);
            let slot = self.hash_slot(t, n);
            let absent = self.put(Ir::IsNull, &[slot]);
            let present = self.split(absent, None);
            let no_meta = self.no_metatable(t);
            self.guard(no_meta, Reason::Meta, pc)?;
            let nil = self.nil();
            let nil = self.boxed(nil);
            ways.push((self.at, nil));
            self.go_on(present);
            let v = self.put(Ir::Entry, &[slot]);
            ways.push((self.at, v));
        }
        let v = self.meet(&ways, Ty::Any);
        self.set(i.a(), v);
        Ok(())
    }

    pub(super) fn set_guarded(&mut self, pc: u32, i: Insn, key: Option<u8>) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        let v = self.val(i.c());
        let mut kinds = all_kinds(bits);
        kinds.retain(|&kind| may_hold(kind, self.f.ty(v)));
        if kinds.is_empty() && bits & seen::OUTSIDE == 0 || self.f.ty(v) == Ty::Nil {
            return self.step(pc);
        }
        let Some(t) = self.table(i.a(), pc)? else {
            return self.step(pc);
        };
        let Some(n) = self.element(key, i.b(), pc)? else {
            return self.step(pc);
        };
        if let ([kind], 0) = (&kinds[..], bits & seen::OUTSIDE) {
            let v = match type_of(*kind) {
                Some(ty) => self.expect(v, ty, pc)?,
                None => self.some(v, pc)?,
            };
            let (t, n) = self.inside(t, n, *kind, pc)?;
            if *kind == ArrKind::Mixed {
                // A store over nil may concern `__newindex`.
                let old = self.load_element(t, n, *kind);
                let nil = self.is(old, tag::NIL);
                self.guard_not(nil, Reason::Absent, pc)?;
            }
            self.store_element(t, n, v, *kind);
            return Ok(());
        }
        let v = self.some(v, pc)?;
        let len = self.put(Ir::ArrLen, &[t]);
        let done = self.f.block();
        let (n, outside) = self.in_or_out(n, len, bits, &kinds, pc)?;
        let frame = self.frame(pc, false)?;
        let mut at = 0;
        while let Some(&kind) = kinds.get(at) {
            let (t, next) = self.of_kind(t, &kinds, at, pc)?;
            let v = match type_of(kind) {
                // Not what the register holds from here on: this is one way
                // of several.
                Some(ty) if self.f.ty(v) == Ty::Any => {
                    let tag = u64::from(kind as u8);
                    self.emit_at(Ir::GuardIs, ty, &[v], tag, frame)
                }
                Some(_) => v,
                None => {
                    let old = self.load_element(t, n, kind);
                    let nil = self.is(old, tag::NIL);
                    self.guard_absent(t, nil, bits, pc)?;
                    v
                }
            };
            self.store_element(t, n, v, kind);
            self.join(done);
            if let Some(next) = next {
                self.go_on(next);
            }
            at += 1;
        }
        if let Some(outside) = outside {
            self.go_on(outside);
            let slot = self.hash_slot(t, n);
            let absent = self.put(Ir::IsNull, &[slot]);
            self.guard_not(absent, Reason::Absent, pc)?;
            self.put(Ir::SetEntry, &[slot, v]);
            self.barrier_element(t, v);
            self.join(done);
        }
        self.go_on(done);
        self.frame_cache = None;
        Ok(())
    }

    /// Guards that `t` is an array of this kind and has an element `n`: both.
    fn inside(&mut self, t: V, n: V, kind: ArrKind, pc: u32) -> Result<(V, V), Refused> {
        let t = self.guard_kind(t, kind, pc)?;
        let len = self.put(Ir::ArrLen, &[t]);
        let frame = self.frame(pc, false)?;
        let n = self.emit_at(Ir::GuardIndex, Ty::Int, &[n, len], 0, frame);
        Ok((t, n))
    }

    /// Goes on where `n` is an element: its number, and the block for others
    /// if there were such.
    fn in_or_out(
        &mut self,
        n: V,
        len: V,
        bits: u8,
        kinds: &[ArrKind],
        pc: u32,
    ) -> Result<(V, Option<BlockId>), Refused> {
        if bits & seen::OUTSIDE == 0 {
            let frame = self.frame(pc, false)?;
            let n = self.emit_at(Ir::GuardIndex, Ty::Int, &[n, len], 0, frame);
            return Ok((n, None));
        }
        let inside = self.put(Ir::IUlt, &[n, len]);
        if kinds.is_empty() {
            self.guard_not(inside, Reason::Index, pc)?;
            return Ok((n, Some(self.at)));
        }
        let outside = self.split(inside, None);
        Ok((n, Some(outside)))
    }

    /// Goes on where `t` is of kind number `at` of `kinds`: the table, and the
    /// block where it is another. The last kind is guarded.
    fn of_kind(
        &mut self,
        t: V,
        kinds: &[ArrKind],
        at: usize,
        pc: u32,
    ) -> Result<(V, Option<BlockId>), Refused> {
        let kind = kinds[at];
        if at + 1 == kinds.len() {
            return Ok((self.guard_kind(t, kind, pc)?, None));
        }
        let have = self.put(Ir::ArrKind, &[t]);
        let want = self.int(i64::from(kind as u8));
        let same = self.put(Ir::IEq, &[have, want]);
        Ok((t, Some(self.split(same, None))))
    }

    /// Leaves if an element is nil, unless that was seen and the table has no
    /// metatable.
    fn guard_absent(&mut self, t: V, nil: V, bits: u8, pc: u32) -> Result<(), Refused> {
        if bits & seen::OUTSIDE == 0 {
            return self.guard_not(nil, Reason::Absent, pc);
        }
        let some = self.put(Ir::Not, &[nil]);
        let no_meta = self.no_metatable(t);
        let fine = self.put(Ir::Or, &[some, no_meta]);
        self.guard(fine, Reason::Meta, pc)
    }

    /// Leaves if `v` is nil.
    fn some(&mut self, v: V, pc: u32) -> Result<V, Refused> {
        if self.f.ty(v) == Ty::Any {
            let nil = self.is(v, tag::NIL);
            self.guard_not(nil, Reason::Absent, pc)?;
        }
        Ok(v)
    }

    fn no_metatable(&mut self, t: V) -> V {
        let meta = self.put(Ir::Meta, &[t]);
        self.put(Ir::IsNull, &[meta])
    }

    /// Where the hash part has element `n`, counted from 0.
    fn hash_slot(&mut self, t: V, n: V) -> V {
        let one = self.int(1);
        let key = self.put(Ir::IAdd, &[n, one]);
        self.put(Ir::HashSlot, &[t, key])
    }
}

/// The type of the elements.
fn type_of(kind: ArrKind) -> Option<Ty> {
    match kind {
        ArrKind::Int => Some(Ty::Int),
        ArrKind::Float => Some(Ty::Float),
        ArrKind::Mixed => None,
    }
}

/// Arrays of this kind may hold values of this type.
pub(super) fn may_hold(kind: ArrKind, ty: Ty) -> bool {
    match type_of(kind) {
        Some(of) => ty == of || ty == Ty::Any,
        None => ty != Ty::Nil,
    }
}
