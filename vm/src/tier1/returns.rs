//! Returns.
//!
//! The link says how many results are wanted. As many as there are is what most
//! calls ask for, none what calls do that are statements, all there are those
//! that end a list, and what host functions get that have called. What is none
//! of these goes through a helper.
//!
//! The first case is inline at each `return1`; the others, and all of
//! `return0`, stand once in the function, whose returns come there with their
//! pc and their result.

use super::helpers;
use super::layout::*;
use super::lower::Lower;
use crate::interp::DONE;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::frame::HOST;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// Where results are.
#[derive(Clone, Copy)]
enum Results {
    /// In registers from this one on.
    Registers(u8),
    /// One: its tag and payload.
    One(Value, Value),
}

/// Returns that stand once in the function.
#[derive(Default)]
pub(super) struct Shared {
    /// Of no result.
    none: Option<Block>,
    /// Of one result that is not what is asked for: takes the pc, what the link
    /// says, the tag and the payload.
    one: Option<Block>,
}

impl Lower<'_> {
    pub(super) fn ret(&mut self, pc: u32, i: Insn, op: Op) {
        let (first, n) = match op {
            Op::Return0 => (0, Some(0)),
            Op::Return1 => (i.a(), Some(1)),
            _ => (i.a(), i.b().checked_sub(1)),
        };
        let results = Results::Registers(first);
        let n_pc = i64::from(pc);
        match n {
            Some(0) => {
                let block = match self.returns.none {
                    Some(block) => block,
                    None => {
                        let block = self.b.create_block();
                        self.b.append_block_param(block, types::I64);
                        block
                    }
                };
                self.returns.none = Some(block);
                let n = self.int(n_pc);
                self.b.ins().jump(block, &[n.into()]);
            }
            Some(1) => {
                let wanted = self.wanted();
                self.return_if(wanted, 2, results, 1, 1);
                let (t, v) = (self.tag(first), self.bits(first));
                let block = match self.returns.one {
                    Some(block) => block,
                    None => {
                        let block = self.cold_block();
                        for ty in [types::I64, types::I32, types::I8, types::I64] {
                            self.b.append_block_param(block, ty);
                        }
                        block
                    }
                };
                self.returns.one = Some(block);
                let n = self.int(n_pc);
                let args = [n.into(), wanted.into(), t.into(), v.into()];
                self.b.ins().jump(block, &args);
            }
            Some(n @ 2..=4) => {
                let wanted = self.wanted();
                self.return_if(wanted, u16::from(n) + 1, results, n, u16::from(n));
                self.return_if(wanted, 0, results, n, u16::from(n));
                let n = self.int(n_pc);
                self.return_by_helper(n);
            }
            _ => {
                let n = self.int(n_pc);
                self.return_by_helper(n);
            }
        }
        self.ends();
    }

    /// Emits the returns that stand once in the function.
    pub(super) fn shared_returns(&mut self) {
        let shared = std::mem::take(&mut self.returns);
        if let Some(block) = shared.none {
            self.b.switch_to_block(block);
            let pc = self.b.block_params(block)[0];
            let (wanted, results) = (self.wanted(), Results::Registers(0));
            self.return_if(wanted, 1, results, 0, 0);
            self.return_if(wanted, 2, results, 0, 1);
            self.return_if(wanted, 0, results, 0, 0);
            self.return_by_helper(pc);
        }
        if let Some(block) = shared.one {
            self.b.switch_to_block(block);
            let params = self.b.block_params(block);
            let (pc, wanted, t, v) = (params[0], params[1], params[2], params[3]);
            let results = Results::One(t, v);
            self.return_if(wanted, 1, results, 1, 0);
            self.return_if(wanted, 0, results, 1, 1);
            self.return_to_host(wanted, t, v);
            self.return_by_helper(pc);
        }
    }

    /// Returns one result if the link says that a host function has called.
    fn return_to_host(&mut self, link: Value, t: Value, v: Value) {
        let (yes, no) = (self.b.create_block(), self.b.create_block());
        let is = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, link, i64::from(HOST) << 8);
        self.b.ins().brif(is, yes, &[], no, &[]);
        self.b.switch_to_block(yes);
        self.store(t, self.base, -2 * SLOT);
        self.store(v, self.base, -2 * SLOT + PAYLOAD);
        let top = self.b.ins().iadd_imm_s(self.base, -i64::from(SLOT));
        self.store(top, self.vm, VM_TOP);
        let done = self.int(DONE as i64);
        self.b.ins().return_(&[done]);
        self.b.switch_to_block(no);
    }

    /// What the link says of its kind, and how many results are wanted.
    fn wanted(&mut self) -> Value {
        let link = self.load(types::I32, self.base, LINK0);
        self.b.ins().band_imm_s(link, 0xffff_0700)
    }

    /// Returns by a helper, from the instruction whose pc is in a machine
    /// register.
    fn return_by_helper(&mut self, pc: Value) {
        let status = self.call(helpers::RETURN as usize, &[self.vm, self.base, pc]);
        self.leave(status);
    }

    /// Returns the first `take` of the `n` results, padded with nil, if the
    /// link says that `want` - 1 (0: all) are wanted.
    fn return_if(&mut self, link: Value, want: u16, results: Results, n: u8, take: u16) {
        let (yes, no) = (self.b.create_block(), self.b.create_block());
        let want_bits = i64::from(want) << 16;
        let is = self.b.ins().icmp_imm_s(IntCC::Equal, link, want_bits);
        self.b.ins().brif(is, yes, &[], no, &[]);
        self.b.switch_to_block(yes);
        let before = self.st.clone();
        for j in 0..take.min(u16::from(n)) as u8 {
            let (t, v) = match results {
                Results::Registers(first) => (self.tag(first + j), self.bits(first + j)),
                Results::One(t, v) => (t, v),
            };
            let to = (i32::from(j) - 2) * SLOT;
            self.store(t, self.base, to);
            self.store(v, self.base, to + PAYLOAD);
        }
        self.st = before;
        if take > u16::from(n) && !planted(Bug::NoPadding) {
            let nil = self.b.ins().iconst(types::I8, i64::from(tag::NIL));
            self.store(nil, self.base, -2 * SLOT);
        }
        if want == 0 {
            let offset = (i64::from(n) - 2) * i64::from(SLOT);
            let top = self.b.ins().iadd_imm_s(self.base, offset);
            self.store(top, self.vm, VM_TOP);
        }
        if want == take + 1 && n != 0 {
            let zero = self.int(0);
            self.b.ins().return_(&[zero]);
        } else {
            let done = self.done;
            self.b.ins().jump(done, &[]);
        }
        self.b.switch_to_block(no);
    }
}
