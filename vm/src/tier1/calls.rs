//! Calls.
//!
//! A call writes the callee's link as the interpreter does, with the bit that
//! says that compiled code waits, and calls the callee's entry. Nothing of
//! the caller is in machine registers afterwards: what it knows are tags.

use super::helpers::{self, steps};
use super::layout::*;
use super::lower::{Lower, MEM};
use crate::deopt::SiteKind;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::feedback::CallState;
use strata_runtime::frame::{LUA, NATIVE_BIT, TAIL_BIT, link_word};
use strata_runtime::object::ProtoObj;
use strata_runtime::stdlib::coroutine::switches;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// Most parameters that are filled with nil without a look at the stack's end.
const FILLED: u8 = 24;
const _: () = assert!(FILLED as usize + 8 < strata_runtime::thread::SLACK);

/// What a call site has called so far.
pub(super) enum Callee {
    /// Nothing.
    Unknown,
    /// Closures of this prototype, which the feedback slot keeps alive.
    Closure(*mut ProtoObj),
    /// Host functions whose Rust function is at this address.
    Host(u64),
    /// This and that.
    Mixed,
}

/// A call that takes a step after all: its block, and where it goes on.
pub(super) struct SlowCall {
    block: Block,
    pc: u32,
    next: Block,
}

impl Lower<'_> {
    pub(super) fn callee(&self, i: Insn) -> Callee {
        // SAFETY: the verifier has checked the slot and its kind.
        let slot = unsafe { &*(*self.p).slots.add(usize::from(i.slot())) };
        // SAFETY: as above.
        let seen = unsafe { slot.data.call };
        let proto = slot.callee_proto();
        match seen.state {
            CallState::Empty => Callee::Unknown,
            _ if !proto.is_null() => Callee::Closure(proto),
            CallState::Same | CallState::SameProto if seen.tag == tag::NATIVE => {
                Callee::Host(seen.proto)
            }
            _ => Callee::Mixed,
        }
    }

    pub(super) fn call_op(&mut self, pc: u32, i: Insn) {
        let a = i.a();
        let next = self.b.create_block();
        match self.callee(i) {
            Callee::Unknown => self.call_step(pc, next),
            Callee::Host(f) => {
                if self.intrinsic(pc, i, f) {
                    return;
                }
                self.call_host(pc, i, f, next);
            }
            Callee::Closure(p) => self.call_closure(pc, i, Some(p), next),
            Callee::Mixed => self.call_closure(pc, i, None, next),
        }
        self.b.switch_to_block(next);
        self.st.forget_from(a);
        self.after_call(pc + 1);
    }

    /// Whether the instruction before `pc` most likely switches coroutines.
    pub(super) fn switches(&self, pc: u32) -> bool {
        let before = pc.checked_sub(1).map(|pc| self.code[pc as usize]);
        match before.and_then(|i| Some((i, i.op()?))) {
            Some((i, Op::Call)) => {
                matches!(self.callee(i), Callee::Host(f) if switches(f as usize))
            }
            Some((_, op)) => op == Op::TForCall,
            None => false,
        }
    }

    /// A call by a step. Nothing is in machine registers afterwards.
    fn call_step(&mut self, pc: u32, next: Block) {
        let status = self.step(steps::CALL, pc);
        self.go_on(status, next);
    }

    /// Emits the steps of calls: where control goes on after them there are
    /// entry points, so one step does for all calls of the function, and goes
    /// on by the `table` of entry points, which takes their numbers from 0 on.
    pub(super) fn shared_calls(&mut self, table: Block) {
        let shared = self.cold_block();
        let pc = self.b.append_block_param(shared, types::I64);
        let index = self.b.append_block_param(shared, types::I64);
        let mut used = None;
        for call in std::mem::take(&mut self.slow_calls) {
            self.b.switch_to_block(call.block);
            match self.points[call.pc as usize + 1].checked_sub(1) {
                Some(index) => {
                    used = Some(call.pc);
                    let args = [i64::from(call.pc), i64::from(index)].map(|n| self.int(n).into());
                    self.b.ins().jump(shared, &args);
                }
                None => self.call_step(call.pc, call.next),
            }
        }
        let Some(one) = used else { return };
        self.b.switch_to_block(shared);
        self.count_step(one);
        let status = self.call(steps::CALL as usize, &[self.vm, self.base, pc]);
        let pass = self.pass;
        self.b
            .ins()
            .brif(status, pass, &[status.into()], table, &[index.into()]);
    }

    /// Calls a host function, so far the Rust function at `f`; anything else
    /// takes a step.
    fn call_host(&mut self, pc: u32, i: Insn, f: u64, next: Block) {
        let slow = self.cold_block();
        self.check(i.a(), tag::NATIVE, slow);
        self.site(pc, SiteKind::Call);
        let slot = self.slot_address(i.slot());
        let (n, slot) = (self.int(i64::from(pc)), self.int(slot));
        let helper = if switches(f as usize) {
            helpers::SWITCH_CALL
        } else {
            helpers::HOST_CALL
        };
        let status = self.call(helper as usize, &[self.vm, self.base, n, slot]);
        self.go_on(status, next);
        self.slow_calls.push(SlowCall {
            block: slow,
            pc,
            next,
        });
    }

    /// Jumps to `other` unless register `r` holds a host function whose Rust
    /// function is `f`.
    pub(super) fn check_host(&mut self, r: u8, f: u64, other: Block) {
        self.check(r, tag::NATIVE, other);
        let object = self.bits(r);
        let code = self.load(types::I64, object, NATIVE_F);
        let expected = self.int(f as i64);
        let same = self.b.ins().icmp(IntCC::Equal, code, expected);
        self.unless(same, other);
    }

    /// The prototype of the closure in register `r`: `expected`, if there is
    /// such a thing. Anything else goes to `slow`.
    fn check_closure(
        &mut self,
        r: u8,
        expected: Option<*mut ProtoObj>,
        slow: Block,
    ) -> (Value, Value) {
        self.check(r, tag::CLOSURE, slow);
        let f = self.bits(r);
        let proto = self.load(types::I64, f, CLOSURE_PROTO);
        let Some(p) = expected else {
            return (f, proto);
        };
        let known = self.name(p);
        let same = self.b.ins().icmp(IntCC::Equal, proto, known);
        self.unless(same, slow);
        (f, known)
    }

    /// Sets `vm.top` to the end of the arguments, of which there are `n` from
    /// `first` on, which is register `at` (`None`: it is there already), and fills missing parameters
    /// with nil.
    fn arguments(
        &mut self,
        first: Value,
        at: u8,
        n: Option<u8>,
        proto: Value,
        expected: Option<*mut ProtoObj>,
        slow: Block,
    ) {
        // SAFETY: the feedback slot keeps the prototype alive.
        let params = expected.map(|p| unsafe { (*p).params });
        match (n, params) {
            (Some(n), Some(params)) => {
                let top = i32::from(at) + i32::from(n);
                let top = self.b.ins().iadd_imm_s(self.base, i64::from(top * SLOT));
                self.store(top, self.vm, VM_TOP);
                if params > n {
                    let nil = self.b.ins().iconst(types::I8, i64::from(tag::NIL));
                    for j in n..params {
                        self.store(nil, self.base, (i32::from(at) + i32::from(j)) * SLOT);
                    }
                }
            }
            (Some(n), None) => {
                let params = self.b.ins().uload8(types::I64, MEM, proto, PROTO_PARAMS);
                let top = self
                    .b
                    .ins()
                    .iadd_imm_s(first, i64::from(n) * i64::from(SLOT));
                let missing =
                    self.b
                        .ins()
                        .icmp_imm_s(IntCC::UnsignedGreaterThan, params, i64::from(n));
                let (fill, go) = (self.cold_block(), self.b.create_block());
                self.b.ins().brif(missing, fill, &[], go, &[]);
                self.b.switch_to_block(fill);
                let many =
                    self.b
                        .ins()
                        .icmp_imm_s(IntCC::UnsignedGreaterThan, params, i64::from(FILLED));
                self.branch_away(many, slow);
                let n = self.b.ins().iadd_imm_s(params, -i64::from(n));
                self.call(helpers::FILL as usize, &[top, n]);
                self.b.ins().jump(go, &[]);
                self.b.switch_to_block(go);
                self.store(top, self.vm, VM_TOP);
            }
            (None, params) => {
                let need = match params {
                    Some(params) => self.int(i64::from(params) * i64::from(SLOT)),
                    None => {
                        let params = self.b.ins().uload8(types::I64, MEM, proto, PROTO_PARAMS);
                        self.b.ins().ishl_imm_s(params, 4)
                    }
                };
                let top = self.load(types::I64, self.vm, VM_TOP);
                let given = self.b.ins().isub(top, first);
                let missing = self.b.ins().icmp(IntCC::SignedGreaterThan, need, given);
                self.branch_away(missing, slow);
            }
        }
    }

    /// Calls a closure, one of prototype `expected` if there is such a thing;
    /// anything else takes a step.
    fn call_closure(&mut self, pc: u32, i: Insn, expected: Option<*mut ProtoObj>, next: Block) {
        let (a, b, c) = (i.a(), i.b(), i.c());
        // SAFETY: the feedback slot keeps the prototype alive.
        if expected.is_some_and(|p| unsafe { (*p).params } > FILLED) {
            return self.call_step(pc, next);
        }
        let slow = self.cold_block();
        let (_, proto) = self.check_closure(a, expected, slow);
        let new = self
            .b
            .ins()
            .iadd_imm_s(self.base, (i64::from(a) + 2) * i64::from(SLOT));
        self.arguments(new, a + 2, b.checked_sub(1), proto, expected, slow);
        let link = link_word(LUA, u16::from(c), u32::from(a) + 2) | NATIVE_BIT;
        let word = self.int(link as i64);
        let link_at = (i32::from(a) + 2) * SLOT + LINK0;
        self.store(word, self.base, link_at);
        // SAFETY: `p` is live; `pc` is an instruction of it.
        let back = unsafe { (*self.p).code.add(pc as usize + 1) };
        let back = self.int(back as i64);
        self.store(back, self.base, link_at + 8);
        self.site(pc, SiteKind::Call);
        let entry = self.load(types::I64, proto, PROTO_ENTRY);
        let zero = self.int(0);
        let status = self.call_value(entry, &[self.vm, new, zero]);
        self.go_on(status, next);
        self.slow_calls.push(SlowCall {
            block: slow,
            pc,
            next,
        });
    }

    /// `tailcall`: a closure takes the frame over, and its status is ours.
    /// Its native frame lies above ours until it returns; when the native
    /// stack is used up both are dropped.
    pub(super) fn tail_call(&mut self, pc: u32, i: Insn) {
        let (a, b) = (i.a(), i.b());
        let expected = match self.callee(i) {
            Callee::Closure(p) => Some(p),
            Callee::Mixed => None,
            Callee::Host(_) => return self.tail_call_host(pc, i),
            Callee::Unknown => return self.tail_step(pc),
        };
        // SAFETY: the feedback slot keeps the prototype alive.
        let many = expected.is_some_and(|p| unsafe { (*p).params } > FILLED);
        let vararg = self.code[0].op() == Some(Op::VarargPrep);
        if b > 9 || many || vararg || !self.captured.is_empty() {
            return self.tail_step(pc);
        }
        let slow = self.cold_block();
        let (f, proto) = self.check_closure(a, expected, slow);
        if expected.is_none() {
            // Nothing may be moved before all is known to be well.
            let params = self.b.ins().uload8(types::I64, MEM, proto, PROTO_PARAMS);
            let many =
                self.b
                    .ins()
                    .icmp_imm_s(IntCC::UnsignedGreaterThan, params, i64::from(FILLED));
            self.branch_away(many, slow);
        }
        if b == 0 {
            let from = self
                .b
                .ins()
                .iadd_imm_s(self.base, (i64::from(a) + 2) * i64::from(SLOT));
            // Missing parameters are filled where they are now, which may
            // take a step: nothing has been moved then.
            self.arguments(from, a + 2, None, proto, expected, slow);
            self.call(helpers::TAIL_ARGS as usize, &[self.vm, self.base, from]);
        }
        for j in 0..b.saturating_sub(1) {
            let r = a + 2 + j;
            let (t, v) = (self.tag(r), self.bits(r));
            self.store(t, self.base, i32::from(j) * SLOT);
            self.store(v, self.base, i32::from(j) * SLOT + PAYLOAD);
        }
        self.store(f, self.base, FUNC_PAYLOAD);
        let link = self.load(types::I64, self.base, LINK0);
        let tail = self.int(TAIL_BIT as i64);
        let link = self.b.ins().bor(link, tail);
        self.store(link, self.base, LINK0);
        if b != 0 {
            self.arguments(self.base, 0, Some(b - 1), proto, expected, slow);
        }
        let entry = self.load(types::I64, proto, PROTO_ENTRY);
        let zero = self.int(0);
        let status = self.call_value(entry, &[self.vm, self.base, zero]);
        self.leave(status);
        self.b.switch_to_block(slow);
        self.tail_step(pc);
    }

    /// `tailcall` of a host function; anything else takes a step.
    fn tail_call_host(&mut self, pc: u32, i: Insn) {
        let slow = self.cold_block();
        self.check(i.a(), tag::NATIVE, slow);
        let slot = self.slot_address(i.slot());
        let (n, slot) = (self.int(i64::from(pc)), self.int(slot));
        let status = self.call(
            helpers::TAIL_HOST_CALL as usize,
            &[self.vm, self.base, n, slot],
        );
        self.leave(status);
        self.b.switch_to_block(slow);
        self.tail_step(pc);
    }

    fn tail_step(&mut self, pc: u32) {
        let status = self.step(steps::TAIL_CALL, pc);
        self.leave(status);
    }

    /// `close`: by a helper, or by a step if variables are to be closed.
    pub(super) fn close(&mut self, pc: u32, a: u8) {
        let (slow, next) = (self.cold_block(), self.b.create_block());
        let level = i64::from(a) * i64::from(SLOT);
        let level = self.b.ins().iadd_imm_s(self.base, level);
        let closed = self.call(helpers::CLOSE as usize, &[self.vm, level]);
        self.b.ins().brif(closed, next, &[], slow, &[]);
        self.b.switch_to_block(slow);
        self.step_to(steps::CLOSE, pc, next);
        self.b.switch_to_block(next);
        self.st.forget_from(a);
    }

    /// After a call: an entry point for frames that were resumed.
    pub(super) fn after_call(&mut self, pc: u32) {
        self.st.forget_payloads();
        let here = self.b.create_block();
        if self.stress.modes.resume {
            let at = self.int(i64::from(pc));
            let leave = helpers::LEAVE_BEHIND as usize;
            let status = self.call(leave, &[self.vm, self.base, at]);
            self.b.ins().jump(self.pass, &[status.into()]);
        } else {
            self.b.ins().jump(here, &[]);
        }
        self.b.switch_to_block(here);
        self.entry(pc, here, Vec::new());
    }
}
