//! Charging executed instructions, where they are limited.
//!
//! Only code of a VM that ever had an instruction limit does so
//! ([`strata_runtime::Vm::charges`]); the rest pays nothing. Instructions are
//! summed up while they are lowered, and charged at once where control may
//! part or meet: before jumps, calls, returns and labels. A cold way out
//! charges what was not charged yet, or gives back what was charged too early,
//! so that the count is exact wherever the interpreter goes on.
//!
//! The count is looked at where a function begins, at back-edges and at
//! returns. If it is below 0 there, the interpreter goes on, which raises the
//! error. So a script may run too many instructions, but at most those of one
//! iteration of a loop or of the straight code of one function.

use super::helpers;
use super::layout::*;
use super::lower::Lower;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_spec::Op;
use strata_spec::op::Ext;

impl Lower<'_> {
    /// Instruction `pc` is about to be executed.
    pub(super) fn charge_instruction(&mut self, pc: u32, op: Op) {
        if !self.around.charges {
            return;
        }
        self.current = Some(pc);
        self.uncharged += 1;
        let returns = matches!(
            op,
            Op::Return | Op::Return0 | Op::Return1 | Op::ReturnClose | Op::TailCall
        );
        let calls = matches!(op, Op::Call | Op::TForCall);
        if op.is_back_edge() || returns {
            if let Some(left) = self.charge() {
                self.leave_if_used_up(left, pc);
            }
        } else if calls || op.info().ext == Ext::Jump {
            self.charge();
        }
    }

    /// Charges what was not charged yet: what is left then.
    pub(super) fn charge(&mut self) -> Option<Value> {
        let n = std::mem::take(&mut self.uncharged);
        self.charge_now(n)
    }

    /// Charges `n` instructions, or gives some back: what is left then.
    fn charge_now(&mut self, n: i32) -> Option<Value> {
        if !self.around.charges || n == 0 {
            return None;
        }
        let left = self.load(types::I64, self.vm, VM_INSTRUCTIONS);
        let left = self.b.ins().iadd_imm_s(left, i64::from(-n));
        self.store(left, self.vm, VM_INSTRUCTIONS);
        Some(left)
    }

    /// Leaves before instruction `pc` if there is nothing `left`.
    fn leave_if_used_up(&mut self, left: Value, pc: u32) {
        let used_up = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
        let (cold, go) = (self.cold_block(), self.b.create_block());
        self.b.ins().brif(used_up, cold, &[], go, &[]);
        self.b.switch_to_block(cold);
        let n = self.int(i64::from(pc));
        let status = self.call_aside(helpers::USED_UP as usize, &[self.vm, self.base, n]);
        self.b.ins().jump(self.pass, &[status.into()]);
        self.b.switch_to_block(go);
    }

    /// In the prologue: goes to `slow` if there is nothing left.
    pub(super) fn look_at_charge(&mut self, slow: Block) {
        if self.around.charges {
            let left = self.load(types::I64, self.vm, VM_INSTRUCTIONS);
            let used_up = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
            self.branch_away(used_up, slow);
        }
    }

    /// What an exit before instruction `pc` has to charge.
    pub(super) fn owed_at(&self, pc: u32) -> i32 {
        self.uncharged - i32::from(self.current == Some(pc))
    }

    /// Charges what an exit has to, in its block.
    pub(super) fn charge_exit(&mut self, owed: i32) {
        self.charge_now(owed);
    }

    /// Where to leave to with a status after the instruction was executed:
    /// a block that takes the status.
    pub(super) fn out(&mut self) -> Block {
        self.out_charging(self.uncharged)
    }

    /// The same, if the instruction was not executed.
    pub(super) fn out_before(&mut self, pc: u32) -> Block {
        self.out_charging(self.owed_at(pc))
    }

    /// Put off to the end, as exits are: the current block isn't complete.
    fn out_charging(&mut self, owed: i32) -> Block {
        if !self.around.charges || owed == 0 {
            return self.pass;
        }
        let out = self.cold_block();
        self.b.append_block_param(out, types::I64);
        self.outs.push((out, owed));
        out
    }
}
