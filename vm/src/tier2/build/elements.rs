//! Element access with integer keys in the array part, by element kind.

use super::{Builder, Refused};
use crate::interp::seen_element as seen;
use crate::ir::{Op as Ir, Reason, Ty, V};
use strata_runtime::object::ArrKind;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

const KINDS: u8 = seen::INT | seen::FLOAT | seen::MIXED;

/// The one kind that was seen.
fn one_kind(bits: u8) -> Option<ArrKind> {
    match bits & KINDS {
        seen::INT => Some(ArrKind::Int),
        seen::FLOAT => Some(ArrKind::Float),
        seen::MIXED => Some(ArrKind::Mixed),
        _ => None,
    }
}

impl Builder<'_, '_> {
    /// The table in register `r`, if it can be one.
    fn table(&mut self, r: u8, pc: u32) -> Result<Option<V>, Refused> {
        let t = self.val(r);
        if !matches!(self.f.ty(t), Ty::Any | Ty::Table) {
            return Ok(None);
        }
        self.expect(t, Ty::Table, pc).map(Some)
    }

    /// The number of an element, from 0; `None` if the key is no integer.
    fn element(&mut self, key: Option<u8>, imm: u8, pc: u32) -> Result<Option<V>, Refused> {
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

    fn guard_kind(&mut self, t: V, kind: ArrKind, pc: u32) -> Result<V, Refused> {
        let frame = self.frame(pc, false)?;
        Ok(self.emit_at(Ir::GuardKind, Ty::Table, &[t], kind as u64, frame))
    }

    pub(super) fn get_index(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        if bits == 0 {
            return self.leave(pc, Reason::Unreached);
        }
        let simple = bits & !KINDS == 0;
        let Some(kind) = one_kind(bits).filter(|_| simple && self.may_speculate(pc)) else {
            return self.step(pc);
        };
        let key = (op == Op::GetIndex).then(|| i.c());
        let Some(t) = self.table(i.b(), pc)? else {
            return self.step(pc);
        };
        let Some(n) = self.element(key, i.c(), pc)? else {
            return self.step(pc);
        };
        let t = self.guard_kind(t, kind, pc)?;
        let len = self.put(Ir::ArrLen, &[t]);
        let frame = self.frame(pc, false)?;
        let n = self.emit_at(Ir::GuardIndex, Ty::Int, &[n, len], 0, frame);
        let data = self.put(Ir::ArrData, &[t]);
        let v = match kind {
            ArrKind::Int => self.put(Ir::LoadInt, &[data, n]),
            ArrKind::Float => self.put(Ir::LoadFloat, &[data, n]),
            ArrKind::Mixed => {
                let tags = self.put(Ir::ArrTags, &[t]);
                let v = self.put(Ir::LoadMixed, &[data, tags, n]);
                let nil = self.is(v, tag::NIL);
                self.guard_not(nil, Reason::Absent, pc)?;
                v
            }
        };
        self.set(i.a(), v);
        Ok(())
    }

    pub(super) fn set_index(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let bits = i.feedback_bits();
        if bits == 0 {
            return self.leave(pc, Reason::Unreached);
        }
        let simple = bits & !(KINDS | seen::APPEND) == 0;
        let Some(kind) = one_kind(bits).filter(|_| simple && self.may_speculate(pc)) else {
            return self.step(pc);
        };
        let (a, b, c) = (i.a(), i.b(), i.c());
        let v = self.val(c);
        let wanted = match kind {
            ArrKind::Int => Some(Ty::Int),
            ArrKind::Float => Some(Ty::Float),
            ArrKind::Mixed => None,
        };
        if let Some(ty) = wanted
            && !matches!(self.f.ty(v), Ty::Any)
            && self.f.ty(v) != ty
        {
            return self.step(pc);
        }
        let key = (op == Op::SetIndex).then_some(b);
        let Some(t) = self.table(a, pc)? else {
            return self.step(pc);
        };
        let Some(n) = self.element(key, b, pc)? else {
            return self.step(pc);
        };
        let v = match wanted {
            Some(ty) => self.expect(v, ty, pc)?,
            None => {
                let nil = self.is(v, tag::NIL);
                self.guard_not(nil, Reason::Absent, pc)?;
                v
            }
        };
        let append = bits & seen::APPEND != 0;
        if !append {
            let t = self.guard_kind(t, kind, pc)?;
            let len = self.put(Ir::ArrLen, &[t]);
            let frame = self.frame(pc, false)?;
            let n = self.emit_at(Ir::GuardIndex, Ty::Int, &[n, len], 0, frame);
            return self.store_element(t, n, v, kind, Some(pc));
        }
        // Growing is regular here, and so is the first element of a table:
        // what has no room, or another kind, takes a step.
        let state = self.st.clone();
        let (done, slow) = (self.f.block(), self.cold_block());
        let have = self.put(Ir::ArrKind, &[t]);
        let want = self.int(i64::from(kind as u8));
        let same = self.put(Ir::IEq, &[have, want]);
        self.unless(same, slow);
        let len = self.put(Ir::ArrLen, &[t]);
        if bits & KINDS != 0 {
            let inside = self.put(Ir::IUlt, &[n, len]);
            let outside = self.split(inside, None);
            self.store_element(t, n, v, kind, Some(pc))?;
            self.join(done);
            self.go_on(outside);
        }
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
        self.store_element(t, n, v, kind, None)?;
        let one = self.int(1);
        let longer = self.put(Ir::IAdd, &[n, one]);
        self.put(Ir::SetArrLen, &[t, longer]);
        self.join(done);
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

    /// Goes to the cold block `slow` unless `cond` holds.
    pub(super) fn unless(&mut self, cond: V, slow: crate::ir::BlockId) {
        let other = self.split(cond, Some(true));
        let here = self.at;
        self.go_on(other);
        self.join(slow);
        self.go_on(here);
    }

    /// Stores `v` as element `n` of `t`. `over`: the instruction that stores
    /// over an element there is, which must not be nil.
    fn store_element(
        &mut self,
        t: V,
        n: V,
        v: V,
        kind: ArrKind,
        over: Option<u32>,
    ) -> Result<(), Refused> {
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
                if let Some(pc) = over {
                    let old = self.put(Ir::LoadMixed, &[data, tags, n]);
                    let nil = self.is(old, tag::NIL);
                    self.guard_not(nil, Reason::Absent, pc)?;
                }
                self.put(Ir::StoreMixed, &[data, tags, n, v]);
                self.barrier_element(t, v);
            }
        }
        Ok(())
    }
}
