//! Counting executed instructions and slow steps, for statistics.
//!
//! Only where the host asks for it ([`crate::jit::JitOptions::count`]): each
//! instruction of compiled code adds to a word of the VM's [`Counts`], whose
//! address is part of the code.

use super::lower::Lower;
use crate::jit::Counts;
use cranelift_codegen::ir::{InstBuilder, types};
use std::mem::offset_of;

impl Lower<'_> {
    /// An instruction is executed.
    pub(super) fn count_instruction(&mut self) {
        self.count(offset_of!(Counts, compiled));
    }

    /// Instruction `pc` is run as a step.
    pub(super) fn count_step(&mut self, pc: u32) {
        let opcode = self.code[pc as usize].0 as u8;
        self.count(offset_of!(Counts, steps) + usize::from(opcode) * size_of::<u64>());
    }

    /// Adds one to the word at `offset`.
    fn count(&mut self, offset: usize) {
        let Some(counts) = self.around.counts else {
            return;
        };
        let at = self.int(counts as i64);
        let offset = offset as i32;
        let n = self.load(types::I64, at, offset);
        let n = self.b.ins().iadd_imm_s(n, 1);
        self.store(n, at, offset);
    }
}
