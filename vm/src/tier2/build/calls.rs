//! Calls and returns.

use super::{Builder, Refused};
use crate::ir::{Op as Ir, Reason, Term, Ty, V};
use crate::tier2::snapshot::{Callee, MAX_TYPED, Obj, Slot};
use smallvec::{SmallVec, smallvec};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// Most parameters that are filled up without a look at the stack's end.
const MAX_PARAMS: u8 = 24;

impl Builder<'_, '_> {
    pub(super) fn call(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let callee = match self.func().slots.get(usize::from(i.slot())) {
            Some(Slot::Call(callee)) => *callee,
            _ => Callee::Mixed,
        };
        if i.b() == 0 {
            return self.open_call(pc, callee);
        }
        if self.called_by_metatable(pc, i, callee)? || self.builtin(pc, i, callee)? {
            return Ok(());
        }
        match callee {
            Callee::Unknown if self.may_speculate(pc) => self.unreached(pc),
            Callee::Closure {
                proto,
                func,
                params,
                typed,
                ..
            } if self.may_speculate(pc) && params <= MAX_PARAMS => {
                let v = self.val(i.a());
                if !matches!(self.f.ty(v), Ty::Any | Ty::Closure) {
                    return self.step(pc);
                }
                if let Some(func) = self.decide_inlining(pc, i, proto, func) {
                    return self.inline(pc, i, proto, func);
                }
                self.call_closure(pc, i, proto, typed.then_some(params))
            }
            Callee::Host { .. } => self.call_host(pc),
            Callee::Mixed if self.call_method(pc, i)? => Ok(()),
            Callee::Closure { .. } | Callee::Mixed | Callee::Unknown => self.call_any(pc, None),
        }
    }

    /// Calls a host function; anything else takes a step.
    fn call_host(&mut self, pc: u32) -> Result<(), Refused> {
        let v = self.val(self.insn(pc).a());
        if !matches!(self.f.ty(v), Ty::Any | Ty::Native) {
            return self.step(pc);
        }
        self.settle(pc)?;
        let frame = self.frame(pc, true)?;
        let (done, slow) = (self.f.block(), self.cold_block());
        let is = self.is(v, tag::NATIVE);
        self.unless(is, slow);
        self.emit_at(Ir::CallHost, Ty::Void, &[], u64::from(pc), frame);
        self.join(done);
        self.go_on(slow);
        self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
        self.join(done);
        self.go_on(done);
        self.after_step(pc);
        Ok(())
    }

    /// A call whose arguments are open. No frame state describes these, so
    /// nothing may be left here: what isn't as expected takes a step.
    fn open_call(&mut self, pc: u32, callee: Callee) -> Result<(), Refused> {
        match callee {
            Callee::Host { .. } => self.call_host(pc),
            Callee::Closure { proto, params, .. } if params <= MAX_PARAMS => {
                self.call_any(pc, Some(proto))
            }
            _ => self.call_any(pc, None),
        }
    }

    /// Calls whatever is in the call's register, without a guard: a closure,
    /// of this prototype if there is such a thing, natively, and anything else
    /// by a step.
    fn call_any(&mut self, pc: u32, proto: Option<Obj>) -> Result<(), Refused> {
        let v = self.val(self.insn(pc).a());
        if !matches!(self.f.ty(v), Ty::Any | Ty::Closure) {
            return self.step(pc);
        }
        let i = self.insn(pc);
        let open = i.c() == 0 && !self.expects_one(pc);
        if proto.is_none() && (1..=MAX_TYPED + 1).contains(&i.b()) && !open {
            return self.call_mixed(pc, i, v);
        }
        self.settle(pc)?;
        let frame = self.frame(pc, true)?;
        let (done, slow) = (self.f.block(), self.cold_block());
        let (f, proto) = self.closure_or(v, proto, slow);
        self.emit_at(Ir::Call, Ty::Void, &[f, proto], u64::from(pc), frame);
        self.join(done);
        self.go_on(slow);
        self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
        self.join(done);
        self.go_on(done);
        self.after_step(pc);
        Ok(())
    }

    /// Calls whatever `v` is: closures with the arguments in registers.
    pub(super) fn call_mixed(&mut self, pc: u32, i: Insn, v: V) -> Result<(), Refused> {
        let args: SmallVec<[V; 8]> = (0..i.b() - 1).map(|k| self.val(i.a() + 2 + k)).collect();
        self.settle_waiting(pc);
        let (state, open) = (self.st.clone(), self.ctx.open);
        let slow = self.cold_block();
        let (f, proto) = self.closure_or(v, None, slow);
        let result = self.call_typed(pc, i, f, proto, None)?;
        let fast = self.at;
        self.st = state;
        self.frame_cache = None;
        self.go_on(slow);
        let first = u64::from(self.ctx.base + u32::from(i.a()));
        self.put_imm(Ir::SlotStore, &[v], first);
        for (k, &v) in (first + 2..).zip(&args) {
            self.put_imm(Ir::SlotStore, &[v], k);
        }
        self.settle_open(pc);
        let frame = self.frame(pc, true)?;
        self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
        self.ctx.open = open;
        match i.c() {
            0 => {
                self.after_step(pc);
                let state = self.st.clone();
                self.ctx.open = None;
                self.leave(pc + 1, Reason::Results)?;
                self.go_on(fast);
                self.st = state;
                self.frame_cache = None;
                self.one_result(pc, result)?;
            }
            1 => {
                let done = self.f.block();
                self.join(done);
                self.go_on(fast);
                self.join(done);
                self.go_on(done);
                self.after_step(pc);
            }
            _ => {
                let other = self.put_imm(Ir::SlotLoad, &[], first);
                let result = self.meet(&[(fast, result), (self.at, other)], Ty::Any);
                self.after_step(pc);
                self.set(i.a(), result);
            }
        }
        Ok(())
    }

    /// `v` as a closure, of this prototype if there is such a thing, and its
    /// prototype; anything else goes to `slow`.
    fn closure_or(&mut self, v: V, proto: Option<Obj>, slow: crate::ir::BlockId) -> (V, V) {
        let f = match self.f.ty(v) {
            Ty::Closure => v,
            _ => {
                let is = self.is(v, tag::CLOSURE);
                self.unless(is, slow);
                self.emit(Ir::Unbox, Ty::Closure, &[v], 0)
            }
        };
        let is = self.put(Ir::ProtoOf, &[f]);
        let Some(proto) = proto else {
            return (f, is);
        };
        let proto = self.object(proto, Ty::Ptr);
        let same = self.put(Ir::Same, &[is, proto]);
        self.unless(same, slow);
        (f, proto)
    }

    /// `tailcall`: a closure takes the frame over.
    pub(super) fn tail_call(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let (a, b) = (i.a(), i.b());
        if self.known_tail_call(pc, i)? || self.tail_builtin(pc, i)? {
            return Ok(());
        }
        if self.ctx.below.is_some() {
            return self.leave_by_step(pc);
        }
        let proto = match self.func().slots.get(usize::from(i.slot())) {
            Some(Slot::Call(Callee::Closure { proto, params, .. })) if *params <= MAX_PARAMS => {
                Some(*proto)
            }
            Some(Slot::Call(Callee::Mixed)) => None,
            _ => return self.leave_by_step(pc),
        };
        let spec = self.func().spec();
        let v = self.val(a);
        let closure = matches!(self.f.ty(v), Ty::Any | Ty::Closure);
        if b == 0 || b > 9 || spec.vararg || !spec.captured.is_empty() || !closure {
            return self.leave_by_step(pc);
        }
        let args: SmallVec<[V; 8]> = (0..b - 1).map(|k| self.val(a + 2 + k)).collect();
        let slow = self.cold_block();
        let (f, proto) = self.closure_or(v, proto, slow);
        let here = self.at;
        self.go_on(slow);
        self.settle(pc)?;
        let frame = self.frame(pc, true)?;
        self.end(Term::Leave { frame });
        self.go_on(here);
        // All of the frame is the callee's.
        let frame = self.empty_frame(pc);
        let mut given: SmallVec<[V; 8]> = smallvec![f, proto];
        given.extend(args);
        self.emit_at(Ir::TailCall, Ty::Void, &given, 0, frame);
        // The call ends the function: this is never reached.
        self.end(Term::Leave { frame });
        Ok(())
    }

    /// The frame state at instruction `pc`, which ends the function: nothing is
    /// live in it.
    pub(super) fn empty_frame(&mut self, pc: u32) -> crate::ir::FrameId {
        let frame = crate::ir::FrameId(self.f.frames.len() as u32);
        self.f.frames.push(crate::ir::Frame {
            func: self.ctx.no,
            pc,
            waits: true,
            base: self.ctx.base,
            parent: None,
            closure: None,
            tail: false,
            linked: true,
            early: false,
            extras: &[],
            regs: &[],
            sunk: &[],
        });
        self.frame_cache = None;
        frame
    }

    /// The closure in the call's register, of the expected prototype.
    pub(super) fn callee(&mut self, pc: u32, proto: Obj) -> Result<V, Refused> {
        let i = self.insn(pc);
        let v = self.val(i.a());
        if let Some(known) = self.protos.get(&v)
            && let Some(Slot::Call(Callee::Closure { id, .. })) =
                self.func().slots.get(usize::from(i.slot()))
            && known == id
        {
            return Ok(v);
        }
        self.closure_of(v, proto, pc)
    }

    /// `v` as a closure of the expected prototype: leaves at `pc` if it is not.
    pub(super) fn closure_of(&mut self, v: V, proto: Obj, pc: u32) -> Result<V, Refused> {
        let f = self.expect(v, Ty::Closure, pc)?;
        let is = self.put(Ir::ProtoOf, &[f]);
        let expected = self.object(proto, Ty::Ptr);
        let same = self.put(Ir::Same, &[is, expected]);
        if !planted(Bug::OtherCallee) {
            self.guard(same, Reason::Callee, pc)?;
        }
        Ok(f)
    }

    fn call_closure(
        &mut self,
        pc: u32,
        i: Insn,
        proto: Obj,
        params: Option<u8>,
    ) -> Result<(), Refused> {
        let f = self.callee(pc, proto)?;
        if params.is_none() || (i.c() == 0 && !self.expects_one(pc)) {
            self.settle(pc)?;
            let frame = self.frame(pc, true)?;
            let proto = self.object(proto, Ty::Ptr);
            self.emit_at(Ir::Call, Ty::Void, &[f, proto], u64::from(pc), frame);
            self.after_step(pc);
            return Ok(());
        }
        let proto = self.object(proto, Ty::Ptr);
        let result = self.call_typed(pc, i, f, proto, params)?;
        self.after_step(pc);
        match i.c() {
            0 => self.one_result(pc, result),
            1 => Ok(()),
            _ => {
                self.set(i.a(), result);
                Ok(())
            }
        }
    }

    /// Calls `f`, whose prototype is `proto`, with the arguments in registers:
    /// its first result. `params`: how many it takes, if that is known.
    fn call_typed(
        &mut self,
        pc: u32,
        i: Insn,
        f: V,
        proto: V,
        params: Option<u8>,
    ) -> Result<V, Refused> {
        let given = i.b() - 1;
        let n = params.map_or(given, |params| params.min(given));
        let mut args: SmallVec<[V; 8]> = smallvec![f, proto];
        args.extend((0..n).map(|k| self.val(i.a() + 2 + k)));
        self.settle_waiting(pc);
        let frame = self.frame(pc, true)?;
        Ok(self.emit_at(Ir::CallTyped, Ty::Any, &args, u64::from(pc), frame))
    }

    pub(super) fn ret(&mut self, pc: u32, i: Insn, op: Op) -> Result<(), Refused> {
        let (first, n) = match op {
            Op::Return0 => (0, Some(0)),
            Op::Return1 => (i.a(), Some(1)),
            _ => (i.a(), i.b().checked_sub(1)),
        };
        let Some(n) = n.filter(|n| *n <= 4) else {
            if self.ctx.below.is_some() {
                return Err("an inlined function returns open results".into());
            }
            self.settle(pc)?;
            let frame = self.frame(pc, true)?;
            self.end(Term::Leave { frame });
            return Ok(());
        };
        let values: SmallVec<[V; 4]> = (0..n).map(|k| self.val(first + k)).collect();
        self.give_back(pc, values)
    }

    /// Ends the function with these results of instruction `pc`.
    pub(super) fn give_back(&mut self, pc: u32, values: SmallVec<[V; 4]>) -> Result<(), Refused> {
        if self.ctx.below.is_some() {
            let state = self.st.clone();
            self.ctx.returns.push((self.at, state, values));
            self.open = false;
            return Ok(());
        }
        let frame = self.frame(pc, false)?;
        self.end(Term::Return { frame, values });
        Ok(())
    }

    /// The same where all of the frame that somebody else knows is closed.
    pub(super) fn give_back_closed(
        &mut self,
        pc: u32,
        values: SmallVec<[V; 4]>,
    ) -> Result<(), Refused> {
        if self.ctx.below.is_some() {
            return self.give_back(pc, values);
        }
        let frame = self.empty_frame(pc);
        self.end(Term::Return { frame, values });
        Ok(())
    }
}
