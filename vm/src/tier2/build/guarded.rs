//! Element access that is as feedback says or leaves: nothing in it has an
//! effect but the store itself, so that loops around it keep what they know of
//! memory.
//!
//! Arrays of one kind whose elements are all inside have guards for both. With
//! several kinds the guarded access branches on the kind; with keys outside of
//! the array part it branches on that, and looks them up in the hash part.
//! Stores behind the last element extend the array: here if there is room, by
//! a helper that changes nothing but the table if there is none.

use super::elements::{KINDS, all_kinds};
use super::{Builder, Refused};
use crate::interp::seen_element as seen;
use crate::ir::{BlockId, Op as Ir, Reason, Ty, V};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::object::ArrKind;
use strata_runtime::value::tag;
use strata_spec::Insn;

/// Feedback with which an access is guarded.
const FIT: u8 = KINDS | seen::OUTSIDE | seen::APPEND;

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
                if !planted(Bug::HoleIsValue) {
                    self.guard_not(nil, Reason::Absent, pc)?;
                }
            }
            self.set(i.a(), v);
            return Ok(());
        }
        let len = self.put(Ir::ArrLen, &[t]);
        let mut ways = Vec::new();
        let (n, outside) = self.in_or_out(t, n, len, bits, &kinds, pc)?;
        let mut at = 0;
        while let Some(&kind) = kinds.get(at) {
            let (t, next) = self.of_kind(t, &kinds, at, bits, pc)?;
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
        let all = kinds.len();
        kinds.retain(|&kind| may_hold(kind, self.f.ty(v)));
        // Arrays that have become another kind here: so will others.
        let converts = kinds.len() < all || all > 1;
        let elsewhere = bits & (seen::OUTSIDE | seen::APPEND);
        if kinds.is_empty() && elsewhere == 0 || self.f.ty(v) == Ty::Nil {
            return self.step(pc);
        }
        let Some(t) = self.table(i.a(), pc)? else {
            return self.step(pc);
        };
        let Some(n) = self.element(key, i.b(), pc)? else {
            return self.step(pc);
        };
        if let ([kind], 0, false) = (&kinds[..], elsewhere, converts) {
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
        let (n, outside) = match kinds[..] {
            [] => (n, Some(self.at)),
            _ if converts && elsewhere == 0 => {
                let frame = self.frame(pc, false)?;
                let n = self.emit_at(Ir::GuardIndex, Ty::Int, &[n, len], 0, frame);
                (n, None)
            }
            _ => self.in_or_out(t, n, len, elsewhere, &kinds, pc)?,
        };
        let other = (!kinds.is_empty()).then(|| self.cold_block());
        let mut at = 0;
        while let (Some(&kind), Some(other)) = (kinds.get(at), other) {
            let same = self.has_kind(t, kind);
            let next = match at + 1 == kinds.len() {
                true => {
                    self.unless(same, other);
                    None
                }
                false => Some(self.split(same, None)),
            };
            let v = match type_of(kind) {
                Some(ty) if self.f.ty(v) == Ty::Any => {
                    let is = self.is(v, kind as u8);
                    self.unless(is, other);
                    self.unboxed(v, ty)
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
        if let Some(other) = other {
            self.go_on(other);
            self.set_anywhere(t, n, v, done, pc)?;
        }
        if let Some(outside) = outside {
            self.go_on(outside);
            if bits & seen::APPEND != 0 {
                self.append(t, n, len, v, done);
            } else {
                let slot = self.hash_slot(t, n);
                let absent = self.put(Ir::IsNull, &[slot]);
                let present = self.split(absent, None);
                let here = self.at;
                self.go_on(present);
                self.put(Ir::SetEntry, &[slot, v]);
                self.barrier_element(t, v);
                self.join(done);
                self.go_on(here);
            }
            self.set_anywhere(t, n, v, done, pc)?;
        }
        self.go_on(done);
        self.frame_cache = None;
        Ok(())
    }

    /// Stores `v` behind the last element of `t`, if it has room for it and
    /// `n` is there, and goes to `done`; goes on where that is not so.
    fn append(&mut self, t: V, n: V, len: V, v: V, done: BlockId) {
        let slow = self.cold_block();
        let at_end = self.put(Ir::IEq, &[n, len]);
        let cap = self.put(Ir::ArrCap, &[t]);
        let room = self.put(Ir::IUlt, &[n, cap]);
        // The first element decides the kind.
        let zero = self.int(0);
        let first = self.put(Ir::IEq, &[n, zero]);
        let decided = self.put(Ir::Not, &[first]);
        // What comes after it may have waited in the hash part.
        let hash = self.put(Ir::Hash, &[t]);
        let no_hash = self.put(Ir::IsNull, &[hash]);
        let no_meta = self.no_metatable(t);
        let mut fine = at_end;
        for cond in [room, decided, no_hash, no_meta] {
            fine = self.put(Ir::And, &[fine, cond]);
        }
        self.unless(fine, slow);
        let ty = self.f.ty(v);
        let mut kinds = all_kinds(KINDS);
        kinds.retain(|&kind| may_hold(kind, ty));
        for (at, &kind) in kinds.iter().enumerate() {
            let same = self.has_kind(t, kind);
            let next = if at + 1 == kinds.len() {
                self.unless(same, slow);
                None
            } else {
                Some(self.split(same, None))
            };
            let v = match type_of(kind) {
                Some(of) if ty == Ty::Any => {
                    let is = self.is(v, kind as u8);
                    self.unless(is, slow);
                    self.unboxed(v, of)
                }
                _ => v,
            };
            self.store_element(t, n, v, kind);
            let one = self.int(1);
            let longer = self.put(Ir::IAdd, &[n, one]);
            self.put(Ir::SetArrLen, &[t, longer]);
            self.join(done);
            if let Some(next) = next {
                self.go_on(next);
            }
        }
        self.go_on(slow);
    }

    /// Stores `v` as element `n` of `t`, wherever that goes, and goes to
    /// `done`. Leaves if there is a metatable, or no memory: then nothing was
    /// done.
    fn set_anywhere(&mut self, t: V, n: V, v: V, done: BlockId, pc: u32) -> Result<(), Refused> {
        let no_meta = self.no_metatable(t);
        self.guard(no_meta, Reason::Meta, pc)?;
        let one = self.int(1);
        let key = self.put(Ir::IAdd, &[n, one]);
        let stored = self.put(Ir::SetInt, &[t, key, v]);
        let failed = self.split(stored, Some(true));
        self.join(done);
        self.go_on(failed);
        self.leave(pc, Reason::Absent)
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
        t: V,
        n: V,
        len: V,
        bits: u8,
        kinds: &[ArrKind],
        pc: u32,
    ) -> Result<(V, Option<BlockId>), Refused> {
        if bits & (seen::OUTSIDE | seen::APPEND) == 0 {
            // All guards come first, so that they may leave loops.
            let mut known = self.boolean(false);
            for &kind in kinds {
                let same = self.has_kind(t, kind);
                known = self.put(Ir::Or, &[known, same]);
            }
            if kinds.len() < 3 {
                self.guard(known, Reason::Kind, pc)?;
            }
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
    /// block where it is another.
    fn of_kind(
        &mut self,
        t: V,
        kinds: &[ArrKind],
        at: usize,
        bits: u8,
        pc: u32,
    ) -> Result<(V, Option<BlockId>), Refused> {
        let kind = kinds[at];
        if at + 1 == kinds.len() {
            return Ok((self.last_kind(t, kind, bits, pc)?, None));
        }
        let same = self.has_kind(t, kind);
        Ok((t, Some(self.split(same, None))))
    }

    /// The last of several kinds: known, unless there are keys outside.
    fn last_kind(&mut self, t: V, kind: ArrKind, bits: u8, pc: u32) -> Result<V, Refused> {
        if bits & (seen::OUTSIDE | seen::APPEND) == 0 {
            return Ok(t);
        }
        self.guard_kind(t, kind, pc)
    }

    /// Whether `t` is an array of this kind.
    fn has_kind(&mut self, t: V, kind: ArrKind) -> V {
        let have = self.put(Ir::ArrKind, &[t]);
        let want = self.int(i64::from(kind as u8));
        self.put(Ir::IEq, &[have, want])
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
