//! Field access through the shapes that inline caches have seen.

use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Reason, Target, Term, Ty, V};
use crate::jit::Assumption;
use crate::tier2::flow::mask_allows;
use crate::tier2::snapshot::{Cache, Const, Obj, Slot};
use strata_runtime::feedback::{CacheState, NIL_OK, NIL_TOO};
use strata_runtime::object::tabflag;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

impl Builder<'_, '_> {
    fn caches(&self, slot: u16) -> (&[Cache], bool) {
        match self.func().slots.get(usize::from(slot)) {
            Some(Slot::Field { caches, used }) => (caches, *used),
            _ => (&[], true),
        }
    }

    /// The table in which a global is.
    fn globals(&mut self, up: u8, pc: u32) -> Result<V, Refused> {
        let v = self.upvalue(up);
        self.expect(v, Ty::Table, pc)
    }

    /// The key of a field instruction.
    fn key(&mut self, i: Insn) -> Result<V, Refused> {
        match self.func().consts[usize::from(i.high())] {
            Const::Str { at, .. } => Ok(self.object(at, Ty::Str)),
            _ => Err("a field's name is no string".into()),
        }
    }

    pub(super) fn get_field(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let (a, b) = (i.a(), i.b());
        let (caches, used) = self.caches(i.slot());
        let caches = caches.to_vec();
        let global = op == Op::GetTabUp;
        if caches.is_empty() {
            let t = if global { self.upvalue(b) } else { self.val(b) };
            let key = self.key(i)?;
            if self.meta_operator(pc, &[t, key])? {
                return Ok(());
            }
            if !used && self.may_speculate(pc) {
                return self.leave(pc, Reason::Unreached);
            }
        }
        let prim = caches.iter().any(|c| c.state == CacheState::Prim);
        if caches.is_empty() || (!self.may_speculate(pc) && (global || prim)) {
            return self.step(pc);
        }
        if !self.may_speculate(pc) {
            return self.get_field_or_step(pc, i, op, &caches);
        }
        if let [c] = caches[..]
            && c.state == CacheState::Prim
        {
            return self.get_method(pc, i, op, c);
        }
        if prim {
            return self.step(pc);
        }
        let t = if global {
            Some(self.globals(b, pc)?)
        } else {
            self.table(b, pc)?
        };
        let Some(t) = t else {
            return self.step(pc);
        };
        let v = self.by_shape(t, &caches, pc, |b, t, c| b.get_cached(t, c, i, pc))?;
        if op == Op::SelfField {
            // Its tag is known from here on.
            let object = if global { t } else { self.val(b) };
            self.set(a.saturating_add(2), object);
            self.st.set(a.saturating_add(1), super::Reg::Undefined);
        }
        self.set(a, v);
        Ok(())
    }

    /// What `work` makes of the table `t` with the shape of a cache, whichever
    /// of these it is; if none, the code is left at `pc`.
    fn by_shape(
        &mut self,
        t: V,
        caches: &[Cache],
        pc: u32,
        work: impl Fn(&mut Self, V, Cache) -> Result<V, Refused>,
    ) -> Result<V, Refused> {
        let mut ways: Vec<(BlockId, V)> = Vec::new();
        let groups = groups(caches);
        let (last, others) = groups.split_last().ok_or("no shapes")?;
        for group in others {
            let same = self.has_shape(t, group);
            let next = self.split(same, None);
            let v = work(self, t, group[0])?;
            let v = self.boxed(v);
            ways.push((self.at, v));
            self.go_on(next);
        }
        let t = self.guard_shapes(t, last, pc)?;
        let v = work(self, t, last[0])?;
        if ways.is_empty() {
            return Ok(v);
        }
        let v = self.boxed(v);
        ways.push((self.at, v));
        Ok(self.meet(&ways, Ty::Any))
    }

    /// Whether `t` has one of these shapes.
    pub(super) fn has_shape(&mut self, t: V, shapes: &[Cache]) -> V {
        let shape = self.put(Ir::Shape, &[t]);
        let mut any = None;
        for c in shapes {
            let expected = self.object(c.shape, Ty::Ptr);
            let found = if c.by_family {
                self.put(Ir::Family, &[shape])
            } else {
                shape
            };
            let same = self.put(Ir::Same, &[found, expected]);
            any = Some(match any {
                None => same,
                Some(any) => self.put(Ir::Or, &[any, same]),
            });
        }
        match any {
            Some(any) => any,
            None => self.boolean(false),
        }
    }

    /// Guards that `t` has one of these shapes.
    fn guard_shapes(&mut self, t: V, shapes: &[Cache], pc: u32) -> Result<V, Refused> {
        let [
            only @ Cache {
                by_family: false, ..
            },
        ] = shapes
        else {
            let any = self.has_shape(t, shapes);
            self.guard(any, Reason::Shape, pc)?;
            return Ok(t);
        };
        let frame = self.frame(pc, false)?;
        let expected = self.object(only.shape, Ty::Ptr);
        Ok(self.emit_at(Ir::GuardShape, Ty::Table, &[t, expected], 0, frame))
    }

    /// The field that cache `c` knows of `t`, a table of its shape.
    pub(super) fn get_cached(&mut self, t: V, c: Cache, i: Insn, pc: u32) -> Result<V, Refused> {
        let nil_ok = c.flags & NIL_OK != 0;
        let v = match c.state {
            CacheState::Own if c.by_family => {
                let v = self.put_imm(Ir::Field, &[t], u64::from(c.slot));
                return match c.nil_seen {
                    true => self.or_inherited(t, v, i, pc),
                    false => {
                        let nil = self.is(v, tag::NIL);
                        self.guard_not(nil, Reason::Absent, pc)?;
                        Ok(v)
                    }
                };
            }
            CacheState::Own => self.put_imm(Ir::Field, &[t], u64::from(c.slot)),
            CacheState::Holder if c.by_family => {
                let mut holder = t;
                for hop in c.hops.into_iter().flatten() {
                    let meta = self.guard_meta(holder, hop.meta, pc)?;
                    let next = self.put_imm(Ir::Field, &[meta], u64::from(hop.slot));
                    holder = self.expect(next, Ty::Table, pc)?;
                    self.guard_family(holder, hop.to, pc)?;
                }
                self.put_imm(Ir::Field, &[holder], u64::from(c.slot))
            }
            CacheState::Holder => {
                let holder = self.holder(c, pc)?;
                self.put_imm(Ir::Field, &[holder], u64::from(c.slot))
            }
            CacheState::Dict => self.entry(t, c, i, pc)?,
            CacheState::HolderDict => {
                let holder = self.holder(c, pc)?;
                self.entry(holder, c, i, pc)?
            }
            _ => {
                if !nil_ok {
                    self.assume(pc)?;
                }
                return Ok(self.nil());
            }
        };
        if c.state == CacheState::Own && (nil_ok || c.nil_stays) {
            if !nil_ok {
                self.assume(pc)?;
            }
        } else {
            let nil = self.is(v, tag::NIL);
            self.guard_not(nil, Reason::Absent, pc)?;
        }
        Ok(v)
    }

    /// Guards that `t` is a table of this family.
    pub(super) fn guard_family(&mut self, t: V, family: Obj, pc: u32) -> Result<(), Refused> {
        let shape = self.put(Ir::Shape, &[t]);
        let found = self.put(Ir::Family, &[shape]);
        let expected = self.object(family, Ty::Ptr);
        let same = self.put(Ir::Same, &[found, expected]);
        self.guard(same, Reason::Shape, pc)
    }

    /// The metatable of `t`, which is guarded to have one of this family.
    pub(super) fn guard_meta(&mut self, t: V, family: Obj, pc: u32) -> Result<V, Refused> {
        let frame = self.frame(pc, false)?;
        let meta = self.emit_at(Ir::GuardMeta, Ty::Table, &[t], 0, frame);
        self.guard_family(meta, family, pc)?;
        Ok(meta)
    }

    /// The field with value `v` of `t`, whose metatable isn't known: if that is nil,
    /// what tables behind the metatable have.
    fn or_inherited(&mut self, t: V, v: V, i: Insn, pc: u32) -> Result<V, Refused> {
        let nil = self.is(v, tag::NIL);
        let there = self.put(Ir::Not, &[nil]);
        let absent = self.split(there, Some(true));
        let mut ways = vec![(self.at, v)];
        self.go_on(absent);
        let key = self.key(i)?;
        let (did, v) = self.get_leaf(t, key);
        self.accept(did, pc)?;
        ways.push((self.at, v));
        Ok(self.meet(&ways, Ty::Any))
    }

    /// The value of the dictionary entry that `c` knows.
    fn entry(&mut self, t: V, c: Cache, i: Insn, pc: u32) -> Result<V, Refused> {
        let key = self.key(i)?;
        let frame = self.frame(pc, false)?;
        let at = self.emit_at(Ir::GuardEntry, Ty::Ptr, &[t, key], u64::from(c.slot), frame);
        Ok(self.put(Ir::Entry, &[at]))
    }

    /// Metatables are as caches know them: assumed, or looked at.
    pub(super) fn assume(&mut self, pc: u32) -> Result<(), Refused> {
        if self.s.funcs[0].speculation.may_assume() {
            self.assumes(Assumption::Metatables);
            return Ok(());
        }
        let epoch = self.put(Ir::Epoch, &[]);
        let known = self.int(i64::from(self.s.epoch));
        let same = self.put(Ir::IEq, &[epoch, known]);
        self.guard(same, Reason::Meta, pc)
    }

    /// The holder of a cache, as it was.
    fn holder(&mut self, c: Cache, pc: u32) -> Result<V, Refused> {
        self.assume(pc)?;
        let holder = self.object(c.holder, Ty::Table);
        let expected = self.object(c.holder_shape, Ty::Ptr);
        let frame = self.frame(pc, false)?;
        Ok(self.emit_at(Ir::GuardShape, Ty::Table, &[holder, expected], 0, frame))
    }

    /// A method of a type, whose cache is `c`.
    fn get_method(&mut self, pc: u32, i: Insn, op: Op, c: Cache) -> Result<(), Refused> {
        let (a, b) = (i.a(), i.b());
        let Some(ty) = Ty::of_tag(c.flags).filter(|_| op != Op::GetTabUp) else {
            return self.step(pc);
        };
        let v = self.val(b);
        if self.f.ty(v) != Ty::Any && self.f.ty(v) != ty {
            return self.step(pc);
        }
        let object = self.expect(v, ty, pc)?;
        let holder = self.holder(c, pc)?;
        let v = self.put_imm(Ir::Field, &[holder], u64::from(c.slot));
        let nil = self.is(v, tag::NIL);
        self.guard_not(nil, Reason::Absent, pc)?;
        if op == Op::SelfField {
            self.set(a.saturating_add(2), object);
            self.st.set(a.saturating_add(1), super::Reg::Undefined);
        }
        self.set(a, v);
        Ok(())
    }

    pub(super) fn set_field(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let (a, b) = (i.a(), i.b());
        let (caches, used) = self.caches(i.slot());
        let caches = caches.to_vec();
        let global = op == Op::SetTabUp;
        let v = self.val(b);
        if caches.is_empty() {
            let t = if global { self.upvalue(a) } else { self.val(a) };
            let key = self.key(i)?;
            if self.meta_store(pc, &[t, key, v])? {
                return Ok(());
            }
            if !used && self.may_speculate(pc) {
                return self.leave(pc, Reason::Unreached);
            }
        }
        let ty = self.f.ty(v);
        let fits = |c: &Cache| match c.state {
            CacheState::Absent => matches!(ty, Ty::Any | Ty::Nil),
            CacheState::Add if c.flags & NIL_TOO != 0 && ty == Ty::Nil => true,
            CacheState::Own | CacheState::Add => {
                mask_allows(c.tags, ty) != Some(false) && c.tags != 0
            }
            _ => false,
        };
        if caches.is_empty() || !caches.iter().all(fits) || !self.may_speculate(pc) {
            return match global {
                true => self.step(pc),
                false => self.set_field_or_step(pc, i, &caches),
            };
        }
        let t = if global {
            Some(self.globals(a, pc)?)
        } else {
            self.table(a, pc)?
        };
        let Some(t) = t else {
            return self.step(pc);
        };
        // What was found out on the way by one shape isn't known after others.
        let state = self.st.clone();
        let groups = groups(&caches);
        let Some((last, others)) = groups.split_last() else {
            return self.step(pc);
        };
        if others.is_empty() {
            let t = self.guard_shapes(t, last, pc)?;
            return self.set_cached(t, v, last[0], pc);
        }
        let done = self.f.block();
        for group in others {
            let same = self.has_shape(t, group);
            let next = self.split(same, None);
            self.set_cached(t, v, group[0], pc)?;
            self.join(done);
            self.go_on(next);
        }
        let t = self.guard_shapes(t, last, pc)?;
        self.set_cached(t, v, last[0], pc)?;
        self.join(done);
        self.go_on(done);
        self.st = state;
        self.frame_cache = None;
        Ok(())
    }

    /// Stores `v` to the field that cache `c` knows of `t`, a table of its
    /// shape.
    fn set_cached(&mut self, t: V, v: V, c: Cache, pc: u32) -> Result<(), Refused> {
        let absent = c.state == CacheState::Absent;
        if absent || (c.state == CacheState::Add && c.flags & NIL_TOO != 0) {
            return self.set_or_nothing(t, v, c, pc);
        }
        self.set_there(t, v, c, pc)
    }

    /// The same where nil was stored and the key isn't there, which does nothing.
    fn set_or_nothing(&mut self, t: V, v: V, c: Cache, pc: u32) -> Result<(), Refused> {
        self.assume(pc)?;
        match self.f.ty(v) {
            Ty::Nil => return Ok(()),
            Ty::Any => {}
            _ => return self.set_there(t, v, c, pc),
        }
        let nil = self.is(v, tag::NIL);
        if c.state == CacheState::Absent {
            return self.guard(nil, Reason::Absent, pc);
        }
        let state = self.st.clone();
        let done = self.f.block();
        let other = self.split(nil, None);
        self.join(done);
        self.go_on(other);
        self.set_there(t, v, c, pc)?;
        self.join(done);
        self.go_on(done);
        self.st = state;
        self.frame_cache = None;
        Ok(())
    }

    /// The same where the field is there, or is added.
    fn set_there(&mut self, t: V, v: V, c: Cache, pc: u32) -> Result<(), Refused> {
        if mask_allows(c.tags, self.f.ty(v)).is_none() {
            let any = self.boxed(v);
            let fits = self.put_imm(Ir::TagIn, &[any], u64::from(c.tags));
            self.guard(fits, Reason::Tag, pc)?;
        }
        let slot = u64::from(c.slot);
        if c.state == CacheState::Own {
            let old = self.put_imm(Ir::Field, &[t], slot);
            let nil = self.is(old, tag::NIL);
            let mut fine = self.put(Ir::Not, &[nil]);
            if c.by_family && c.nil_seen {
                // What a metatable says about new keys isn't known.
                let done = self.f.block();
                let absent = self.split(fine, Some(true));
                self.put_imm(Ir::SetField, &[t, v], slot);
                self.barrier(t, v);
                self.join(done);
                self.go_on(absent);
                let key = self.key(self.insn(pc))?;
                let did = self.set_leaf(t, key, v);
                self.accept(did, pc)?;
                self.join(done);
                self.go_on(done);
                return Ok(());
            }
            if c.current {
                // To other tables, what was nil is a new key.
                self.assume(pc)?;
                let free = self.is_no_holder(t);
                fine = self.put(Ir::Or, &[free, fine]);
            }
            self.guard(fine, Reason::Absent, pc)?;
            self.put_imm(Ir::SetField, &[t, v], slot);
            self.barrier(t, v);
            return Ok(());
        }
        self.assume(pc)?;
        let room = self.put(Ir::FieldRoom, &[t]);
        let n = self.int(i64::from(c.slot));
        let fits = self.put(Ir::ILt, &[n, room]);
        self.guard(fits, Reason::Shape, pc)?;
        let free = self.is_no_holder(t);
        self.guard(free, Reason::Shape, pc)?;
        let nil = self.is(v, tag::NIL);
        self.guard_not(nil, Reason::Absent, pc)?;
        self.put_imm(Ir::SetField, &[t, v], slot);
        let to = self.object(c.next_shape, Ty::Ptr);
        self.put(Ir::SetShape, &[t, to]);
        // The new shape is an object as well.
        self.put(Ir::Barrier, &[t, v]);
        Ok(())
    }

    /// Whether no inline cache found a key missing in `t` on its way.
    fn is_no_holder(&mut self, t: V) -> V {
        let flags = self.put(Ir::Flags, &[t]);
        let chain = self.int(i64::from(tabflag::CHAIN));
        let chain = self.put(Ir::IAnd, &[flags, chain]);
        let zero = self.int(0);
        self.put(Ir::IEq, &[chain, zero])
    }

    /// A new table.
    pub(super) fn new_table(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let known = match self.func().slots.get(usize::from(i.slot())) {
            Some(Slot::Site { site, .. }) => *site != 0,
            _ => false,
        };
        let eager = usize::from(i.high()) > strata_runtime::table::site::EAGER;
        if !known || eager {
            return self.step(pc);
        }
        let frame = self.frame(pc, false)?;
        let t = self.emit_at(Ir::NewTable, Ty::Table, &[], u64::from(pc), frame);
        self.set(i.a(), t);
        Ok(())
    }

    /// Ends the block with a jump to `to`.
    pub(super) fn join(&mut self, to: BlockId) {
        self.end(Term::Jump(Target::to(to)));
    }
}

/// Caches, those together that lead to the same place.
pub(super) fn groups(caches: &[Cache]) -> Vec<Vec<Cache>> {
    let mut groups: Vec<Vec<Cache>> = Vec::new();
    for &c in caches {
        match groups.iter_mut().find(|g| g[0].same_way(&c)) {
            Some(group) => group.push(c),
            None => groups.push(vec![c]),
        }
    }
    groups
}
