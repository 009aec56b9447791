//! Leaves: library functions and parts of instructions that are called
//! without a frame ([`strata_runtime::stdlib::leaf`]).
//!
//! A leaf that refuses has changed nothing, so that the code can be left at the
//! instruction, or a step can run it. That is a branch and no guard: stress
//! modes have guards fail that hold, and what a leaf did must not be done
//! twice.

use super::state::{Reg, State};
use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Reason, Ty, V};
use crate::tier2::snapshot::{LeafCall, Obj};
use smallvec::SmallVec;
use strata_runtime::object::ArrKind;
use strata_runtime::stdlib::leaf::{Quick, Stores};
use strata_runtime::value::tag;
use strata_spec::effects::Effects;
use strata_spec::{Insn, Op};

/// Most operands of a concatenation that is a leaf.
const MAX_OPERANDS: u8 = 12;

impl Builder<'_, '_> {
    /// Calls a leaf: whether it did it.
    fn leaf(&mut self, f: Obj, stores: Stores, args: &[V]) -> V {
        let mut all: SmallVec<[V; 8]> = SmallVec::new();
        all.push(self.object(f, Ty::Ptr));
        all.extend_from_slice(args);
        let op = match stores {
            Stores::Nothing => Ir::Leaf,
            Stores::Elements => Ir::LeafArray,
            Stores::Tables => Ir::LeafStore,
        };
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
        // What is done in a few instructions if all is as usual.
        let quick = match leaf.quick {
            Some(Quick::Sub) if args.len() == 3 && args[1] == args[2] => {
                let s = self.expect(args[0], Ty::Str, pc)?;
                let n = self.expect(args[1], Ty::Int, pc)?;
                Some(self.one_byte(pc, s, n)?)
            }
            Some(Quick::Insert) => {
                let t = self.expect(args[0], Ty::Table, pc)?;
                Some(self.insert_last(pc, t, args[1], leaf)?)
            }
            Some(Quick::Remove) => {
                let t = self.expect(args[0], Ty::Table, pc)?;
                Some(self.remove_last(pc, t, leaf)?)
            }
            _ => None,
        };
        let v = match quick {
            Some(v) => v,
            None => {
                let did = self.leaf(leaf.f, leaf.stores, &args);
                self.accept(did, pc)?;
                let ty = leaf.result.and_then(Ty::of_tag).unwrap_or(Ty::Any);
                self.emit(Ir::LeafValue, ty, &[did], 0)
            }
        };
        self.results(i, &[v]);
        Ok(())
    }

    /// `string.sub(s, n, n)`
    fn one_byte(&mut self, pc: u32, s: V, n: V) -> Result<V, Refused> {
        let slow = self.cold_block();
        let byte = self.byte_at(s, n, slow);
        let v = self.put(Ir::CharStr, &[byte]);
        let none = self.put(Ir::IsNull, &[v]);
        let some = self.put(Ir::Not, &[none]);
        self.unless(some, slow);
        let fast = self.at;
        self.go_on(slow);
        let did = self.leaf(self.s.leaves.sub, Stores::Nothing, &[s, n, n]);
        self.accept(did, pc)?;
        let other = self.emit(Ir::LeafValue, Ty::Str, &[did], 0);
        let slow = self.at;
        Ok(self.meet(&[(fast, v), (slow, other)], Ty::Str))
    }

    /// The byte at position `n` of a flat string; anything else goes to `slow`.
    pub(super) fn byte_at(&mut self, s: V, n: V, slow: BlockId) -> V {
        let data = self.put(Ir::StrData, &[s]);
        let node = self.put(Ir::IsNull, &[data]);
        let flat = self.put(Ir::Not, &[node]);
        self.unless(flat, slow);
        let one = self.int(1);
        let at = self.put(Ir::ISub, &[n, one]);
        let len = self.put(Ir::StrLen, &[s]);
        let inside = self.put(Ir::IUlt, &[at, len]);
        self.unless(inside, slow);
        self.put(Ir::LoadByte, &[data, at])
    }

    /// Goes to `slow` unless `t` has neither hash part nor metatable.
    fn plain_list(&mut self, t: V, slow: BlockId) {
        for part in [Ir::Hash, Ir::Meta] {
            let part = self.put(part, &[t]);
            let none = self.put(Ir::IsNull, &[part]);
            self.unless(none, slow);
        }
    }

    /// `table.insert(t, v)`: where there is room, and the array is of the kind.
    fn insert_last(&mut self, pc: u32, t: V, v: V, leaf: LeafCall) -> Result<V, Refused> {
        let (done, slow) = (self.f.block(), self.cold_block());
        let kind = match self.f.ty(v) {
            Ty::Int => ArrKind::Int,
            Ty::Float => ArrKind::Float,
            _ => ArrKind::Mixed,
        };
        self.plain_list(t, slow);
        let have = self.put(Ir::ArrKind, &[t]);
        let want = self.int(i64::from(kind as u8));
        let same = self.put(Ir::IEq, &[have, want]);
        self.unless(same, slow);
        let (len, cap) = (self.put(Ir::ArrLen, &[t]), self.put(Ir::ArrCap, &[t]));
        let room = self.put(Ir::IUlt, &[len, cap]);
        self.unless(room, slow);
        if kind == ArrKind::Mixed {
            // The first element decides the kind.
            let zero = self.int(0);
            let first = self.put(Ir::IEq, &[len, zero]);
            let nil = self.is(v, tag::NIL);
            let odd = self.put(Ir::Or, &[first, nil]);
            let fine = self.put(Ir::Not, &[odd]);
            self.unless(fine, slow);
        }
        self.store_element(t, len, v, kind);
        let one = self.int(1);
        let longer = self.put(Ir::IAdd, &[len, one]);
        self.put(Ir::SetArrLen, &[t, longer]);
        self.join(done);
        self.go_on(slow);
        let did = self.leaf(leaf.f, leaf.stores, &[t, v]);
        self.accept(did, pc)?;
        self.join(done);
        self.go_on(done);
        Ok(self.nil())
    }

    /// `table.remove(t)`: of an array that does not end in holes.
    fn remove_last(&mut self, pc: u32, t: V, leaf: LeafCall) -> Result<V, Refused> {
        let slow = self.cold_block();
        self.plain_list(t, slow);
        let len = self.put(Ir::ArrLen, &[t]);
        let (zero, one) = (self.int(0), self.int(1));
        let some = self.put(Ir::ILt, &[zero, len]);
        self.unless(some, slow);
        let last = self.put(Ir::ISub, &[len, one]);
        let data = self.put(Ir::ArrData, &[t]);
        let have = self.put(Ir::ArrKind, &[t]);
        let mut ways: SmallVec<[(BlockId, V); 4]> = SmallVec::new();
        for kind in [ArrKind::Mixed, ArrKind::Int, ArrKind::Float] {
            let next = if kind == ArrKind::Float {
                None
            } else {
                let want = self.int(i64::from(kind as u8));
                let same = self.put(Ir::IEq, &[have, want]);
                Some(self.split(same, None))
            };
            let v = match kind {
                ArrKind::Int => self.put(Ir::LoadInt, &[data, last]),
                ArrKind::Float => self.put(Ir::LoadFloat, &[data, last]),
                ArrKind::Mixed => {
                    let tags = self.put(Ir::ArrTags, &[t]);
                    let more = self.put(Ir::ILt, &[one, len]);
                    self.unless(more, slow);
                    let before = self.put(Ir::ISub, &[last, one]);
                    let before = self.put(Ir::LoadMixed, &[data, tags, before]);
                    let nil = self.is(before, tag::NIL);
                    let some = self.put(Ir::Not, &[nil]);
                    self.unless(some, slow);
                    self.put(Ir::LoadMixed, &[data, tags, last])
                }
            };
            let v = self.boxed(v);
            self.put(Ir::SetArrLen, &[t, last]);
            ways.push((self.at, v));
            if let Some(next) = next {
                self.go_on(next);
            }
        }
        self.go_on(slow);
        let did = self.leaf(leaf.f, leaf.stores, &[t]);
        self.accept(did, pc)?;
        let v = self.emit(Ir::LeafValue, Ty::Any, &[did], 0);
        ways.push((self.at, v));
        Ok(self.meet(&ways, Ty::Any))
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
        let did = self.leaf(self.s.leaves.concat, Stores::Nothing, &args);
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
        let did = self.leaf(self.s.leaves.get, Stores::Nothing, &[t, k]);
        (did, self.emit(Ir::LeafValue, Ty::Any, &[did], 0))
    }

    /// `t[k] = v`: whether it could be done without a metamethod.
    pub(super) fn set_leaf(&mut self, t: V, k: V, v: V) -> V {
        self.leaf(self.s.leaves.set, Stores::Tables, &[t, k, v])
    }

    /// `string.byte(s, n)`, likewise.
    pub(super) fn byte_leaf(&mut self, s: V, n: V) -> (V, V) {
        let did = self.leaf(self.s.leaves.byte, Stores::Nothing, &[s, n]);
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
        let did = self.leaf(self.s.leaves.set_list, Stores::Elements, &args);
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
        let did = self.leaf(self.s.leaves.get, Stores::Nothing, &[t, k]);
        let refused = self.split(did, Some(true));
        let v = self.emit(Ir::LeafValue, Ty::Any, &[did], 0);
        let ways = vec![(self.at, v)];
        self.go_on(refused);
        self.or_step(pc, i, state, ways)
    }

    /// Runs instruction `pc` by a step, and goes on where the other `ways` to
    /// its result lead, too. `state`: what registers held before.
    pub(super) fn or_step(
        &mut self,
        pc: u32,
        i: Insn,
        state: State,
        mut ways: Vec<(BlockId, V)>,
    ) -> Result<(), Refused> {
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

    /// Goes on behind instruction `pc`, which the current block has done and
    /// which takes a step in block `refused`. `state`: what registers held before.
    pub(super) fn unless_refused(
        &mut self,
        pc: u32,
        refused: BlockId,
        state: State,
    ) -> Result<(), Refused> {
        let done = self.f.block();
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

    /// `setindex` with keys that are no elements, likewise.
    pub(super) fn set_by_key(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let (t, k, v) = (self.val(i.a()), self.val(i.b()), self.val(i.c()));
        if !matches!(self.f.ty(t), Ty::Any | Ty::Table) || self.f.ty(k) == Ty::Nil {
            return self.step(pc);
        }
        let state = self.st.clone();
        let did = self.set_leaf(t, k, v);
        let refused = self.split(did, Some(true));
        self.unless_refused(pc, refused, state)
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
