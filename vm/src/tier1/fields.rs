//! Field access through inline caches.
//!
//! What the feedback slot knows when the function is compiled becomes part of
//! the code: shapes and places as constants (the prototype keeps the shapes
//! alive), one comparison after the other. Everything else is a step, which
//! also teaches the slot; a function whose steps are taken often is compiled
//! again with what was learned since.

use super::helpers::{self, steps};
use super::layout::*;
use super::lower::Lower;
use super::state::{Payload, Reg, State, UNKNOWN};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::feedback::{CacheState, FieldCache, NIL_OK, NIL_TOO};
use strata_runtime::object::{GcHeader, tabflag};
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// Groups caches by what is done for them, to load or to store (`stores`), in
/// which they are alike but for the shape.
fn alike(caches: &[FieldCache], stores: bool) -> Vec<Vec<FieldCache>> {
    let what = |c: &FieldCache| {
        let own = matches!(c.state, CacheState::Own | CacheState::Dict);
        let elsewhere = (!own).then_some((c.epoch, c.holder, c.holder_shape, c.next_shape));
        (
            c.state,
            c.slot,
            c.flags,
            stores.then_some(c.tags),
            elsewhere,
        )
    };
    let mut groups: Vec<Vec<FieldCache>> = Vec::new();
    for c in caches {
        match groups.iter_mut().find(|g| what(&g[0]) == what(c)) {
            Some(group) => group.push(*c),
            None => groups.push(vec![*c]),
        }
    }
    groups
}

/// Whether to store nil by this cache does nothing.
fn does_nothing(c: &FieldCache) -> bool {
    c.state == CacheState::Absent || c.flags & NIL_TOO != 0
}

/// Most shapes that code tells apart at an access.
const WAYS: usize = 4;

impl Lower<'_> {
    /// The address of a feedback slot.
    pub(super) fn slot_address(&self, n: u16) -> i64 {
        // SAFETY: the verifier has checked the number; `p` is live.
        unsafe { (*self.p).slots.add(usize::from(n)) as i64 }
    }

    /// The caches of a feedback slot that hold now.
    fn caches(&self, n: u16) -> Vec<FieldCache> {
        // SAFETY: as above.
        let slot = unsafe { &*(*self.p).slots.add(usize::from(n)) };
        let epoch = self.around.epoch;
        slot.caches()
            .filter(|c| match c.state {
                CacheState::Own | CacheState::Dict => true,
                CacheState::Absent => c.flags & NIL_OK != 0 || c.epoch == epoch,
                CacheState::Holder | CacheState::HolderDict | CacheState::Add => c.epoch == epoch,
                CacheState::Empty | CacheState::Prim => false,
            })
            .take(WAYS)
            .copied()
            .collect()
    }

    /// The code names `object`.
    pub(super) fn name<T>(&mut self, object: *mut T) -> Value {
        self.refs.push(object.cast::<GcHeader>());
        self.int(object as i64)
    }

    /// The key of a field instruction.
    fn key(&self, i: Insn) -> i64 {
        self.k(u32::from(i.high())).payload as i64
    }

    /// The table in upvalue `n`; anything else goes to `slow`.
    fn upvalue_table(&mut self, n: u8, slow: Block) -> Value {
        let at = self.upval(n);
        let t = self.load(types::I8, at, 0);
        let table = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::TABLE));
        self.unless(table, slow);
        self.load(types::I64, at, PAYLOAD)
    }

    /// The table in register `r`: guarded, or else what is none goes to
    /// `slow`. `before`: what is known on every path.
    fn object(&mut self, r: u8, pc: u32, before: &mut State, slow: Block) -> Value {
        if self.known(r) == UNKNOWN && self.may_speculate(pc) {
            self.guard(r, tag::TABLE, pc);
        }
        if self.known(r) == tag::TABLE {
            self.bits(r);
        }
        *before = self.st.clone();
        self.check(r, tag::TABLE, slow);
        self.bits(r)
    }

    pub(super) fn get_field(&mut self, pc: u32, i: Insn, op: Op) {
        let (a, b) = (i.a(), i.b());
        let global = op == Op::GetTabUp;
        if let Some(c) = self.prim_cache(b, i, op) {
            return self.get_method(pc, i, op, &c);
        }
        let caches = self.caches(i.slot());
        let (slow, next, met) = (self.cold_block(), self.cold_block(), self.meeting());
        let mut before = self.st.clone();
        if caches.is_empty() {
            self.b.ins().jump(slow, &[]);
        } else {
            let t = if global {
                self.upvalue_table(b, slow)
            } else {
                self.object(b, pc, &mut before, slow)
            };
            let shape = self.load(types::I64, t, T_SHAPE);
            let groups = alike(&caches, false);
            let n = groups.len();
            for (j, group) in groups.iter().enumerate() {
                let miss = if j + 1 == n {
                    slow
                } else {
                    self.b.create_block()
                };
                let c = self.one_of(shape, group, miss);
                self.get_cached(a, t, &c, i, op, slow, met);
                if j + 1 != n {
                    self.b.switch_to_block(miss);
                }
            }
        }
        self.b.switch_to_block(slow);
        self.st = before.clone();
        if global {
            self.step_to(steps::GET_FIELD, pc, next);
        } else {
            self.step_to(helpers::probes::get_field, pc, next);
        }
        self.rejoin(a, next, met);
        let object = before.get(b);
        self.st = before;
        self.met(a, met);
        if op == Op::SelfField {
            self.received(a, object);
        }
    }

    /// Goes to `miss` unless `shape` is that of one of the caches, which are
    /// alike: one of them.
    fn one_of(&mut self, shape: Value, group: &[FieldCache], miss: Block) -> FieldCache {
        let (last, others) = group.split_last().expect("a group is not empty");
        let hit = self.b.create_block();
        for c in others {
            let (s, other) = (self.name(c.shape), self.b.create_block());
            let same = self.b.ins().icmp(IntCC::Equal, shape, s);
            self.b.ins().brif(same, hit, &[], other, &[]);
            self.b.switch_to_block(other);
        }
        let s = self.name(last.shape);
        let same = self.b.ins().icmp(IntCC::Equal, shape, s);
        self.b.ins().brif(same, hit, &[], miss, &[]);
        self.b.switch_to_block(hit);
        *last
    }

    /// The cache of a method of strings (or another type with a metatable of
    /// its own), if the site has seen nothing else and register `b` may hold
    /// such a thing.
    fn prim_cache(&self, b: u8, i: Insn, op: Op) -> Option<FieldCache> {
        if op == Op::GetTabUp {
            return None;
        }
        // SAFETY: the verifier has checked the number; `p` is live.
        let slot = unsafe { &*(*self.p).slots.add(usize::from(i.slot())) };
        let mut caches = slot.caches();
        let c = *caches.next()?;
        let fits = matches!(self.known(b), UNKNOWN) || self.known(b) == c.flags;
        let only = caches.next().is_none();
        (only && fits && c.state == CacheState::Prim && c.epoch == self.around.epoch).then_some(c)
    }

    /// A method of a type, whose cache is `c`.
    fn get_method(&mut self, pc: u32, i: Insn, op: Op, c: &FieldCache) {
        let (a, b) = (i.a(), i.b());
        if self.may_speculate(pc) {
            self.guard(b, c.flags, pc);
            self.bits(b);
        }
        let (slow, next, met) = (self.cold_block(), self.cold_block(), self.meeting());
        let before = self.st.clone();
        let object = before.get(b);
        self.check(b, c.flags, slow);
        let receiver = self.bits(b);
        let holder = self.holder(c, slow);
        let fields = self.load(types::I64, holder, T_FIELDS);
        let offset = c.slot as i32 * SLOT;
        let t = self.load(types::I8, fields, offset);
        self.unless(t, slow);
        let v = self.load(types::I64, fields, offset + PAYLOAD);
        if op == Op::SelfField {
            let tag = self.b.ins().iconst(types::I8, i64::from(c.flags));
            self.set_dynamic(a.saturating_add(2), tag, receiver);
        }
        self.set_dynamic(a, t, v);
        self.meet(a, met);
        self.b.switch_to_block(slow);
        self.st = before.clone();
        self.step_to(helpers::probes::get_field, pc, next);
        self.rejoin(a, next, met);
        self.st = before;
        self.met(a, met);
        if op == Op::SelfField {
            self.received(a, object);
        }
    }

    /// After `self`: the object is in its place as well.
    fn received(&mut self, a: u8, object: Reg) {
        self.st.forget(a.saturating_add(1));
        self.st.forget(a.saturating_add(2));
        if !self.captured.contains(a.saturating_add(2)) {
            self.st.set(a.saturating_add(2), object);
        }
    }

    /// Loads a field of `t`, whose shape is that of `c`, to register `a`, and
    /// goes to the meeting.
    #[allow(clippy::too_many_arguments, reason = "an instruction, taken apart")]
    fn get_cached(
        &mut self,
        a: u8,
        t: Value,
        c: &FieldCache,
        i: Insn,
        op: Op,
        slow: Block,
        met: Block,
    ) {
        let nil_ok = c.flags & NIL_OK != 0;
        let place = match c.state {
            CacheState::Own => {
                let fields = self.load(types::I64, t, T_FIELDS);
                Some((fields, c.slot as i32 * SLOT))
            }
            CacheState::Holder => {
                let holder = self.holder(c, slow);
                let fields = self.load(types::I64, holder, T_FIELDS);
                Some((fields, c.slot as i32 * SLOT))
            }
            CacheState::Dict => Some(self.dict_place(t, c.slot, self.key(i), slow)),
            CacheState::HolderDict => {
                let holder = self.holder(c, slow);
                Some(self.dict_place(holder, c.slot, self.key(i), slow))
            }
            _ => {
                if !nil_ok {
                    self.same_epoch(c, slow);
                }
                None
            }
        };
        let value = place.map(|(at, offset)| {
            let t = self.load(types::I8, at, offset);
            if !(nil_ok && c.state == CacheState::Own) {
                self.unless(t, slow);
            }
            (t, self.load(types::I64, at, offset + PAYLOAD))
        });
        let before = self.st.clone();
        if op == Op::SelfField {
            let object = a.saturating_add(2);
            let table = self.b.ins().iconst(types::I8, i64::from(tag::TABLE));
            self.set_dynamic(object, table, t);
        }
        match value {
            Some((t, v)) => self.set_dynamic(a, t, v),
            None => self.set(a, tag::NIL, Payload::Slot),
        }
        self.meet(a, met);
        self.st = before;
    }

    /// The holder of a cache, if what was learned about it still holds.
    fn holder(&mut self, c: &FieldCache, slow: Block) -> Value {
        self.same_epoch(c, slow);
        let holder = self.name(c.holder);
        let shape = self.load(types::I64, holder, T_SHAPE);
        let expected = self.name(c.holder_shape);
        let same = self.b.ins().icmp(IntCC::Equal, shape, expected);
        self.unless(same, slow);
        holder
    }

    /// Metatables are as `c` knows them: assumed, or else what has changed
    /// goes to `slow`.
    fn same_epoch(&mut self, c: &FieldCache, slow: Block) {
        if self.speculation.may_assume() && c.epoch == self.around.epoch {
            self.assumes = true;
            return;
        }
        let epoch = self.load(types::I32, self.vm, VM_EPOCH);
        let same = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, epoch, i64::from(c.epoch as i32));
        self.unless(same, slow);
    }

    /// Where entry `n` of the dictionary `t` has its value, if the entry is
    /// still that of `key`.
    fn dict_place(&mut self, t: Value, n: u32, key: i64, slow: Block) -> (Value, i32) {
        let hash = self.load(types::I64, t, T_HASH);
        self.unless(hash, slow);
        let len = self.load(types::I32, hash, HASH_LEN);
        let inside = self
            .b
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThan, len, i64::from(n as i32));
        self.unless(inside, slow);
        let entries = self.load(types::I64, hash, HASH_ENTRIES);
        let at = match i32::try_from(i64::from(n) * i64::from(ENTRY)) {
            Ok(offset) if offset < 1 << 24 => self.b.ins().iadd_imm_s(entries, i64::from(offset)),
            _ => self
                .b
                .ins()
                .iadd_imm_s(entries, i64::from(n) * i64::from(ENTRY)),
        };
        let t = self.load(types::I8, at, ENTRY_KEY);
        let string = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::STR));
        self.unless(string, slow);
        let k = self.load(types::I64, at, ENTRY_KEY + PAYLOAD);
        let key = self.int(key);
        let same = self.b.ins().icmp(IntCC::Equal, k, key);
        self.unless(same, slow);
        (at, ENTRY_VAL)
    }

    pub(super) fn set_field(&mut self, pc: u32, i: Insn, op: Op) {
        let (a, v) = (i.a(), i.b());
        let global = op == Op::SetTabUp;
        let slow = self.cold_block();
        let next = self.b.create_block();
        let caches: Vec<_> = self
            .caches(i.slot())
            .into_iter()
            .filter(|c| match self.known(v) {
                UNKNOWN => c.tags != 0,
                tag::NIL if does_nothing(c) => true,
                t => c.tags >> t & 1 != 0,
            })
            .filter(|c| {
                use CacheState::{Absent, Add, Own};
                matches!(c.state, Own | Add | Absent)
            })
            .collect();
        let mut before = self.st.clone();
        if caches.is_empty() {
            self.b.ins().jump(slow, &[]);
        } else {
            let t = if global {
                self.upvalue_table(a, slow)
            } else {
                self.object(a, pc, &mut before, slow)
            };
            let (value_tag, value) = (self.tag(v), self.bits(v));
            let shape = self.load(types::I64, t, T_SHAPE);
            let groups = alike(&caches, true);
            let n = groups.len();
            for (j, group) in groups.iter().enumerate() {
                let miss = if j + 1 == n {
                    slow
                } else {
                    self.b.create_block()
                };
                let c = self.one_of(shape, group, miss);
                self.set_cached(t, v, (value_tag, value), &c, slow, next);
                if j + 1 != n {
                    self.b.switch_to_block(miss);
                }
            }
        }
        self.b.switch_to_block(slow);
        self.st = before;
        if global {
            self.step_to(steps::SET_FIELD, pc, next);
        } else {
            self.step_to(helpers::probes::set_field, pc, next);
        }
        self.b.switch_to_block(next);
    }

    /// Stores register `v`, of which these are tag and payload, to the field that
    /// `c` knows of `t`, a table of its shape, and goes on to `next`.
    fn set_cached(
        &mut self,
        t: Value,
        v: u8,
        (value_tag, value): (Value, Value),
        c: &FieldCache,
        slow: Block,
        next: Block,
    ) {
        if does_nothing(c) && matches!(self.known(v), UNKNOWN | tag::NIL) {
            self.same_epoch(c, slow);
            if self.known(v) == tag::NIL {
                self.b.ins().jump(next, &[]);
                return;
            }
            let other = if c.state == CacheState::Absent {
                slow
            } else {
                self.b.create_block()
            };
            self.b.ins().brif(value_tag, other, &[], next, &[]);
            if other == slow {
                return;
            }
            self.b.switch_to_block(other);
        }
        if self.known(v) == UNKNOWN && c.tags != u16::MAX {
            let one = c.tags.is_power_of_two();
            let fits = if one {
                let t = i64::from(c.tags.trailing_zeros());
                self.b.ins().icmp_imm_s(IntCC::Equal, value_tag, t)
            } else {
                let mask = self.b.ins().iconst(types::I32, i64::from(c.tags));
                let t = self.b.ins().uextend(types::I32, value_tag);
                let bit = self.b.ins().ushr(mask, t);
                self.b.ins().band_imm_s(bit, 1)
            };
            self.unless(fits, slow);
        }
        let fields = self.load(types::I64, t, T_FIELDS);
        let offset = c.slot as i32 * SLOT;
        if c.state == CacheState::Own {
            let old = self.load(types::I8, fields, offset);
            self.unless(old, slow);
        } else {
            self.same_epoch(c, slow);
            self.adds(v, t, value_tag, c, slow);
        }
        self.store(value_tag, fields, offset);
        self.store(value, fields, offset + PAYLOAD);
        if c.state == CacheState::Add {
            let to = self.name(c.next_shape);
            self.store(to, t, T_SHAPE);
        }
        // The new shape is an object as well.
        let known = self.known(v);
        if c.state == CacheState::Add || known == UNKNOWN || known & tag::GC != 0 {
            self.barrier(t, helpers::BARRIER as usize, None);
        }
        self.b.ins().jump(next, &[]);
    }

    /// Goes to `slow` unless cache `c` may add the value in register `v`,
    /// whose tag is `value_tag`, to `t`.
    fn adds(&mut self, v: u8, t: Value, value_tag: Value, c: &FieldCache, slow: Block) {
        let cap = self.load(types::I16, t, T_FIELD_CAP);
        let room =
            self.b
                .ins()
                .icmp_imm_s(IntCC::UnsignedGreaterThan, cap, i64::from(c.slot as i16));
        self.unless(room, slow);
        let flags = self.load(types::I8, t, FLAGS);
        let chain = self.b.ins().band_imm_s(flags, i64::from(tabflag::CHAIN));
        self.branch_away(chain, slow);
        if self.known(v) == UNKNOWN {
            self.unless(value_tag, slow);
        } else if self.known(v) == tag::NIL {
            let never = self.b.ins().iconst(types::I8, 0);
            self.unless(never, slow);
        }
    }
}
