//! Calls and returns.
//!
//! A call writes the callee's link as the interpreter does, with the bit that
//! says that compiled code waits, and calls the callee's entry. Nothing of
//! the caller is in machine registers afterwards: what it knows are tags.

use super::helpers::{self, steps};
use super::layout::*;
use super::lower::{Lower, MEM};
use super::state::UNKNOWN;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use strata_runtime::feedback::CallState;
use strata_runtime::frame::{LUA, NATIVE_BIT, link_word};
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

impl Lower<'_> {
    pub(super) fn call_op(&mut self, pc: u32, i: Insn) {
        let (a, b, c) = (i.a(), i.b(), i.c());
        // SAFETY: the verifier has checked the slot and its kind.
        let seen = unsafe { (*(*self.p).slots.add(usize::from(i.slot()))).data.call };
        let next = self.b.create_block();
        if seen.state == CallState::Empty
            || (seen.state == CallState::Same && seen.tag != tag::CLOSURE)
        {
            self.step_to(steps::CALL, pc, next);
            self.b.switch_to_block(next);
            self.st.forget_from(a);
            return self.after_call(pc + 1);
        }
        let slow = self.cold_block();
        self.check(a, tag::CLOSURE, slow);
        let f = self.bits(a);
        if seen.state == CallState::Same {
            let slot = self.int(self.slot_address(i.slot()));
            let expected = self.load(types::I64, slot, CALL_CALLEE);
            let same = self.b.ins().icmp(IntCC::Equal, f, expected);
            self.unless(same, slow);
        }
        let proto = self.load(types::I64, f, CLOSURE_PROTO);
        let new = self
            .b
            .ins()
            .iadd_imm_s(self.base, (i64::from(a) + 2) * i64::from(SLOT));
        let params = self.b.ins().uload8(types::I64, MEM, proto, PROTO_PARAMS);
        if b != 0 {
            let n = i64::from(b) - 1;
            let top = self.b.ins().iadd_imm_s(new, n * i64::from(SLOT));
            self.store(top, self.vm, VM_TOP);
            let missing = self
                .b
                .ins()
                .icmp_imm_s(IntCC::UnsignedGreaterThan, params, n);
            let (fill, go) = (self.cold_block(), self.b.create_block());
            self.b.ins().brif(missing, fill, &[], go, &[]);
            self.b.switch_to_block(fill);
            let n = self.b.ins().iadd_imm_s(params, -n);
            self.call(helpers::FILL as usize, &[top, n]);
            self.b.ins().jump(go, &[]);
            self.b.switch_to_block(go);
        } else {
            let top = self.load(types::I64, self.vm, VM_TOP);
            let given = self.b.ins().isub(top, new);
            let need = self.b.ins().ishl_imm_s(params, 4);
            let missing = self.b.ins().icmp(IntCC::SignedGreaterThan, need, given);
            self.branch_away(missing, slow);
        }
        let link = link_word(LUA, u16::from(c), u32::from(a) + 2) | NATIVE_BIT;
        let word = self.int(link as i64);
        self.store(word, new, LINK0);
        // SAFETY: `p` is live; `pc` is an instruction of it.
        let back = unsafe { (*self.p).code.add(pc as usize + 1) };
        let back = self.int(back as i64);
        self.store(back, new, LINK0 + 8);
        let entry = self.load(types::I64, proto, PROTO_ENTRY);
        let zero = self.int(0);
        let status = self.call_value(entry, &[self.vm, new, zero]);
        let odd = self.cold_block();
        self.b.ins().brif(status, odd, &[], next, &[]);
        self.b.switch_to_block(odd);
        let n = self.int(i64::from(pc));
        let status = self.call(helpers::RECHECK as usize, &[self.vm, self.base, n, status]);
        let pass = self.pass;
        self.b.ins().brif(status, pass, &[status.into()], next, &[]);
        self.b.switch_to_block(slow);
        self.step_to(steps::CALL, pc, next);
        self.b.switch_to_block(next);
        self.st.forget_from(a);
        self.after_call(pc + 1);
    }

    /// After a call: an entry point for frames that were resumed.
    pub(super) fn after_call(&mut self, pc: u32) {
        self.st.forget_payloads();
        let here = self.b.create_block();
        self.b.ins().jump(here, &[]);
        self.b.switch_to_block(here);
        self.entry(pc, here, Vec::new());
    }

    pub(super) fn ret(&mut self, pc: u32, i: Insn, op: Op) {
        let (first, n) = match op {
            Op::Return0 => (0, Some(0)),
            Op::Return1 => (i.a(), Some(1)),
            _ => (i.a(), i.b().checked_sub(1)),
        };
        let slow = self.cold_block();
        if let Some(n) = n.filter(|n| *n <= 4) {
            let link = self.load(types::I32, self.base, LINK0);
            let kind_and_want = self.b.ins().band_imm_s(link, 0xffff_0700);
            let want = |n: u8| (i64::from(n) + 1) << 16;
            if n <= 1 {
                // One result asked for is what most calls do.
                let (yes, no) = (self.b.create_block(), self.b.create_block());
                let one = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::Equal, kind_and_want, want(1));
                self.b.ins().brif(one, yes, &[], no, &[]);
                self.b.switch_to_block(yes);
                if n == 1 {
                    self.copy_result(first, 0);
                } else {
                    let nil = self.b.ins().iconst(types::I8, i64::from(tag::NIL));
                    self.store(nil, self.base, -2 * SLOT);
                }
                let zero = self.int(0);
                self.b.ins().return_(&[zero]);
                self.b.switch_to_block(no);
                let none = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::Equal, kind_and_want, want(0));
                self.unless(none, slow);
                let zero = self.int(0);
                self.b.ins().return_(&[zero]);
            } else {
                let exact = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::Equal, kind_and_want, want(n));
                self.unless(exact, slow);
                for j in 0..n {
                    self.copy_result(first + j, j);
                }
                let zero = self.int(0);
                self.b.ins().return_(&[zero]);
            }
        } else {
            self.b.ins().jump(slow, &[]);
        }
        self.b.switch_to_block(slow);
        let n = self.int(i64::from(pc));
        let status = self.call(helpers::RETURN as usize, &[self.vm, self.base, n]);
        self.leave(status);
    }

    /// Copies register `r` to where result `j` goes.
    fn copy_result(&mut self, r: u8, j: u8) {
        let before = self.st.clone();
        let t = match self.known(r) {
            UNKNOWN => self.load(types::I8, self.base, i32::from(r) * SLOT),
            t => self.b.ins().iconst(types::I8, i64::from(t)),
        };
        let v = self.bits(r);
        self.st = before;
        let to = (i32::from(j) - 2) * SLOT;
        self.store(t, self.base, to);
        self.store(v, self.base, to + PAYLOAD);
    }
}
