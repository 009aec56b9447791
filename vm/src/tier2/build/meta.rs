//! Metatables: metamethods of known operands, and `setmetatable` of known
//! tables.
//!
//! Guards make sure of the shapes that feedback has seen. A shape names its
//! metatable, and while the metatable epoch stays, which is assumed, that names
//! the same metamethods. So they are known functions, which are inlined: the
//! frame waits in the instruction, as it does in the interpreter.
//!
//! `setmetatable` becomes a store of the shape that the table then has. What
//! else it might do is ruled out: a metatable that was there before, finalizers,
//! weak references.

use super::inline::Inlined;
use super::state::Reg;
use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Reason, Ty, V};
use crate::tier2::snapshot::{Callee, Expected, Meta, MetaCall, Obj};
use smallvec::SmallVec;
use strata_runtime::metatable::Event;
use strata_runtime::object::tabflag;
use strata_runtime::value::tag;
use strata_spec::Insn;

/// A table, of whatever shape.
const TABLE: Expected = Expected::Tag(tag::TABLE);

/// Flags of tables to which `setmetatable` does more than change the shape.
const SPECIAL: u8 = tabflag::METATABLE | tabflag::CHAIN | tabflag::WEAK_KEYS | tabflag::WEAK_VALUES;

impl Builder<'_, '_> {
    /// The metamethods that instruction `pc` calls, if they are known and can be
    /// inlined: closures of one function.
    pub(super) fn known_metamethods(&mut self, pc: u32) -> Option<SmallVec<[MetaCall; 4]>> {
        if !self.may_speculate(pc) {
            return None;
        }
        let calls: SmallVec<[MetaCall; 4]> = SmallVec::from_slice(self.func().meta_calls(pc)?);
        let func = calls.first()?.func?;
        if self.s.funcs[func as usize].spec().vararg || !self.form_fits(func, 0) {
            return None;
        }
        let proto = self.s.funcs[func as usize].proto;
        self.decide_inlining(pc, self.insn(pc), proto, Some(func))?;
        Some(calls)
    }

    /// Makes sure that the operands `args` of instruction `pc` are those of one of
    /// `calls`, of which there is one at least: its closure. Values in `args` become
    /// what they are known to be.
    fn handler(&mut self, pc: u32, calls: &[MetaCall], args: &mut [V]) -> Result<V, Refused> {
        let operands = args.len().min(2);
        let mut now = |b: &mut Self, n: usize, known: Expected| {
            let old = args[n];
            let new = b.make_sure(old, known, pc)?;
            for a in args.iter_mut().filter(|a| **a == old) {
                *a = new;
            }
            Ok::<V, Refused>(new)
        };
        if let [only] = calls {
            for n in 0..operands {
                if let Some(known) = only.operands[n] {
                    now(self, n, known)?;
                }
            }
            if let Some(found) = only.found {
                let t = args[found.operand];
                if let Some(family) = found.family {
                    self.guard_family(t, family, pc)?;
                }
                let meta = self.guard_meta(t, found.meta, pc)?;
                let f = self.put_imm(Ir::Field, &[meta], u64::from(found.slot));
                return self.closure_of(f, only.proto, pc);
            }
            return Ok(self.object(only.handler, Ty::Closure));
        }
        let mut shapes = [None; 2];
        for (n, shape) in shapes.iter_mut().enumerate().take(operands) {
            match calls[0].operands[n] {
                Some(Expected::Shape(_)) => {
                    let t = now(self, n, TABLE)?;
                    *shape = Some(self.put(Ir::Shape, &[t]));
                }
                Some(known) => {
                    now(self, n, known)?;
                }
                None => {}
            }
        }
        let mut handler = self.object(calls[0].handler, Ty::Closure);
        let mut any = self.has_shapes(shapes, &calls[0]);
        for call in &calls[1..] {
            let this = self.has_shapes(shapes, call);
            if call.handler != calls[0].handler {
                let other = self.object(call.handler, Ty::Closure);
                handler = self.emit(Ir::Select, Ty::Closure, &[this, other, handler], 0);
            }
            any = self.put(Ir::Or, &[any, this]);
        }
        self.guard(any, Reason::Shape, pc)?;
        Ok(handler)
    }

    /// Whether operands with these shapes are those of `call`.
    fn has_shapes(&mut self, shapes: [Option<V>; 2], call: &MetaCall) -> V {
        let mut all = None;
        for (shape, known) in shapes.into_iter().zip(call.operands) {
            let (Some(shape), Some(Expected::Shape(expected))) = (shape, known) else {
                continue;
            };
            let expected = self.object(expected, Ty::Ptr);
            let same = self.put(Ir::Same, &[shape, expected]);
            all = Some(match all {
                None => same,
                Some(all) => self.put(Ir::And, &[all, same]),
            });
        }
        all.unwrap_or_else(|| self.boolean(true))
    }

    /// Makes sure that `v` is what is known of it; registers hold what that is.
    fn make_sure(&mut self, v: V, known: Expected, pc: u32) -> Result<V, Refused> {
        match known {
            Expected::Shape(shape) => {
                let t = self.expect(v, Ty::Table, pc)?;
                let expected = self.object(shape, Ty::Ptr);
                let frame = self.frame(pc, false)?;
                let same = self.emit_at(Ir::GuardShape, Ty::Table, &[t, expected], 0, frame);
                self.refine(t, same);
                Ok(same)
            }
            Expected::Tag(t) => match Ty::of_tag(t) {
                Some(Ty::Nil) | None => {
                    let is = self.is(v, t);
                    self.guard(is, Reason::Tag, pc)?;
                    Ok(v)
                }
                Some(ty) => self.expect(v, ty, pc),
            },
        }
    }

    /// What is known of a metamethod stays so, unless it is looked for each time.
    fn assume_handler(&mut self, pc: u32, call: &MetaCall) -> Result<(), Refused> {
        match call.found {
            Some(found) if found.operand == 0 => Ok(()),
            _ => self.assume(pc),
        }
    }

    /// Whether `v` can be what is known of it.
    fn can_be(&self, v: V, known: Option<Expected>) -> bool {
        let ty = self.f.ty(v);
        match known {
            _ if ty == Ty::Any => true,
            Some(Expected::Shape(_)) => ty == Ty::Table,
            Some(Expected::Tag(t)) => ty.tag() == Some(t),
            None => true,
        }
    }

    /// Calls that of the metamethods `calls` of instruction `pc` that is the one of
    /// `args`, the first of which are its operands: its result. `Err(false)`: the operands are
    /// something else, and nothing was built. `Err(true)`: it never returns.
    pub(super) fn metamethod(
        &mut self,
        pc: u32,
        calls: &[MetaCall],
        args: &[V],
        wanted: usize,
    ) -> Result<Result<Option<V>, bool>, Refused> {
        let Some((call, no)) = calls.first().and_then(|call| Some((call, call.func?))) else {
            return Ok(Err(false));
        };
        let fit = |b: &Self| {
            let mut pairs = args.iter().zip(call.operands);
            pairs.all(|(&v, known)| b.can_be(v, known))
        };
        if !fit(self) {
            return Ok(Err(false));
        }
        self.assume_handler(pc, call)?;
        let mut args: SmallVec<[V; 4]> = SmallVec::from_slice(args);
        let closure = self.handler(pc, calls, &mut args)?;
        let frame = self.frame(pc, true)?;
        let callee = Inlined {
            no,
            below: (frame, closure),
            base: self.ctx.base + u32::from(self.func().spec().regs) + 2,
            tail: false,
        };
        let args: SmallVec<[Reg; 4]> = args.iter().map(|&v| Reg::Val { v, clean: false }).collect();
        match self.inlined(pc, callee, &args, wanted)? {
            Some(results) => Ok(Ok(results.first().copied())),
            None => Ok(Err(true)),
        }
    }

    /// The result of the metamethod that instruction `pc` calls for these
    /// operands goes to register A. Whether that is known and built.
    pub(super) fn meta_operator(&mut self, pc: u32, args: &[V]) -> Result<bool, Refused> {
        let Some(calls) = self.known_metamethods(pc) else {
            return Ok(false);
        };
        match self.metamethod(pc, &calls, args, 1)? {
            Ok(Some(v)) => self.set(self.insn(pc).a(), v),
            Ok(None) | Err(true) => {}
            Err(false) => return Ok(false),
        }
        Ok(true)
    }

    /// The store `pc` calls a metamethod with these values, whose results
    /// nobody wants. Whether that is known and built.
    pub(super) fn meta_store(&mut self, pc: u32, args: &[V]) -> Result<bool, Refused> {
        match self.known_metamethods(pc) {
            Some(calls) => Ok(self.metamethod(pc, &calls, args, 0)? != Err(false)),
            None => Ok(false),
        }
    }

    /// The condition that the metamethod of the comparison `pc` finds. Outer
    /// `None`: it is not known; inner `None`: it never returns.
    pub(super) fn meta_condition(
        &mut self,
        pc: u32,
        x: V,
        y: V,
    ) -> Result<Option<Option<V>>, Refused> {
        let Some(calls) = self.known_metamethods(pc) else {
            return Ok(None);
        };
        Ok(match self.metamethod(pc, &calls, &[x, y], 1)? {
            Ok(Some(v)) => Some(Some(self.truthy(v))),
            Ok(None) | Err(true) => Some(None),
            Err(false) => None,
        })
    }

    /// Whether two tables are equal, as far as they are not the same one
    /// by the metamethod of the comparison `pc`; `None`: it is not known.
    pub(super) fn meta_equal(&mut self, pc: u32, x: V, y: V) -> Result<Option<V>, Refused> {
        let Some(calls) = self.known_metamethods(pc) else {
            return Ok(None);
        };
        let fit = |v: V, known| self.can_be(v, known) && self.can_be(v, Some(TABLE));
        let operands = calls[0].operands;
        if !fit(x, operands[0]) || !fit(y, operands[1]) {
            return Ok(None);
        }
        let (x, y) = (
            self.expect(x, Ty::Table, pc)?,
            self.expect(y, Ty::Table, pc)?,
        );
        let state = self.st.clone();
        let same = self.put(Ir::Same, &[x, y]);
        let differ = self.split(same, Some(false));
        let yes = self.boolean(true);
        let mut ways: Vec<(BlockId, V)> = vec![(self.at, yes)];
        self.go_on(differ);
        match self.metamethod(pc, &calls, &[x, y], 1)? {
            Ok(Some(v)) => {
                let v = self.truthy(v);
                ways.push((self.at, v));
            }
            Ok(None) | Err(true) => {}
            // They fit: not reached.
            Err(false) => self.leave(pc, Reason::Tag)?,
        }
        self.st = state;
        self.frame_cache = None;
        Ok(Some(self.meet(&ways, Ty::Bool)))
    }

    /// A call of what is no function, or of `setmetatable`: whether it is known
    /// and built.
    pub(super) fn called_by_metatable(
        &mut self,
        pc: u32,
        i: Insn,
        callee: Callee,
    ) -> Result<bool, Refused> {
        let Callee::Host {
            f,
            sets_metatable: true,
            ..
        } = callee
        else {
            return self.meta_called(pc, i);
        };
        if !matches!(i.c(), 1 | 2) {
            return Ok(false);
        }
        let Some(t) = self.set_metatable(pc, i, f)? else {
            return Ok(false);
        };
        for r in i.a()..self.func().spec().regs {
            self.st.set(r, Reg::Undefined);
        }
        if i.c() == 2 {
            self.set(i.a(), t);
        }
        Ok(true)
    }

    /// `f(...)` of a table with a known `__call`. Whether it is built.
    fn meta_called(&mut self, pc: u32, i: Insn) -> Result<bool, Refused> {
        let a = i.a();
        let (Some(calls), true) = (self.known_metamethods(pc), i.b() != 0 && i.c() != 0) else {
            return Ok(false);
        };
        let (Some(no), Some(known)) = (calls[0].func, calls[0].operands[0]) else {
            return Ok(false);
        };
        let f = self.val(a);
        if !self.can_be(f, Some(known)) {
            return Ok(false);
        }
        self.assume_handler(pc, &calls[0])?;
        let mut called = [f];
        let closure = self.handler(pc, &calls, &mut called)?;
        let [f] = called;
        let mut args: SmallVec<[Reg; 8]> = SmallVec::new();
        args.push(Reg::Val { v: f, clean: false });
        for n in 0..i.b() - 1 {
            // They move up by one.
            let v = self.val(a + 2 + n);
            args.push(Reg::Val { v, clean: false });
        }
        let frame = self.frame(pc, true)?;
        let callee = Inlined {
            no,
            below: (frame, closure),
            base: self.ctx.base + u32::from(a) + 2,
            tail: false,
        };
        if let Some(results) = self.inlined(pc, callee, &args, usize::from(i.c()) - 1)? {
            self.set_results(i, &results);
        }
        Ok(true)
    }

    /// `setmetatable` of a table of known shape: the table. `None`: it is not
    /// known, and nothing was built.
    pub(super) fn set_metatable(&mut self, pc: u32, i: Insn, f: Obj) -> Result<Option<V>, Refused> {
        let Some(Meta::Set(sets)) = self.func().meta(pc) else {
            return Ok(None);
        };
        let [set] = sets[..] else {
            return Ok(None);
        };
        let a = i.a();
        let (v, t, meta) = (self.val(a), self.val(a + 2), self.val(a + 3));
        let fits = |ty: Ty, want: Ty| ty == Ty::Any || ty == want;
        if i.b() != 3
            || !self.may_speculate(pc)
            || !fits(self.f.ty(v), Ty::Native)
            || !fits(self.f.ty(t), Ty::Table)
            || !fits(self.f.ty(meta), Ty::Table)
        {
            return Ok(None);
        }
        self.host_is(pc, a, f)?;
        let meta = self.expect(meta, Ty::Table, pc)?;
        let expected = self.object(set.meta, Ty::Table);
        let same = self.put(Ir::Same, &[meta, expected]);
        self.guard(same, Reason::Meta, pc)?;
        self.assume(pc)?;
        let t = self.make_sure(t, Expected::Shape(set.from), pc)?;
        let flags = self.put(Ir::Flags, &[t]);
        let special = self.int(i64::from(SPECIAL));
        let special = self.put(Ir::IAnd, &[flags, special]);
        let zero = self.int(0);
        let plain = self.put(Ir::IEq, &[special, zero]);
        self.guard(plain, Reason::Meta, pc)?;
        let to = self.object(set.to, Ty::Ptr);
        self.put(Ir::SetShape, &[t, to]);
        self.put(Ir::Barrier, &[t, meta]);
        Ok(Some(t))
    }

    /// Leaves at `pc` if `t` may have a handler of `event`: if it has a metatable;
    /// where that has failed once, if the metatable isn't known to lack it.
    pub(super) fn guard_lacks(&mut self, t: V, event: Event, pc: u32) -> Result<(), Refused> {
        let meta = self.put(Ir::Meta, &[t]);
        let none = self.put(Ir::IsNull, &[meta]);
        if !self.func().speculation.has_failed(pc) {
            return self.guard(none, Reason::Meta, pc);
        }
        let some = self.split(none, None);
        let yes = self.put_imm(Ir::Bool, &[], 1);
        let without = (self.at, yes);
        self.go_on(some);
        let absent = self.put(Ir::Absent, &[meta]);
        let bit = self.int(1 << event as u32);
        let bit = self.put(Ir::IAnd, &[absent, bit]);
        let zero = self.int(0);
        let has = self.put(Ir::IEq, &[bit, zero]);
        let lacks = self.put(Ir::Not, &[has]);
        let fine = self.meet(&[without, (self.at, lacks)], Ty::Bool);
        self.guard(fine, Reason::Meta, pc)
    }
}
