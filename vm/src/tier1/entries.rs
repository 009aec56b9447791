//! Where compiled code is entered other than at its beginning: loop headers
//! (OSR) and the instructions after calls.
//!
//! The code there takes tags for known, and perhaps payloads for being in
//! machine registers. So the way in first checks the tags, by a list for each
//! entry point that one helper goes through: code for it would be longer than
//! all else of an entry. Only where control comes back often, after switches of
//! coroutines, there is code. Such entry points have the lowest numbers.
//!
//! ```text
//!  index ─▶ dispatch ─ listed ─▶ check the list ─┬─▶ table ─▶ load payloads ─▶ target
//!              │                                 └─▶ exit
//!              └─ others ─▶ table ─▶ checks ─▶ target
//! ```

use super::helpers;
use super::lower::{Lower, PendingEntry};
use super::state::State;
use crate::deopt::SiteKind;
use crate::jit::{EntryCheck, EntryTag, Exit, Guard};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, Type, Value, types};

impl Lower<'_> {
    /// Makes an entry point at `pc` that leads to `target`, where `self.st`
    /// is taken for known.
    pub(super) fn entry(&mut self, pc: u32, target: Block, args: Vec<(u8, Type)>) {
        if self.entries.len() < usize::from(u16::MAX) - 1 && (pc as usize) < self.points.len() {
            self.entries.push(PendingEntry {
                pc,
                target,
                state: self.st.clone(),
                args,
            });
        }
    }

    /// The payloads of these registers, as block arguments.
    pub(super) fn args(&mut self, regs: &[(u8, Type)]) -> Vec<BlockArg> {
        regs.iter()
            .map(|&(r, ty)| {
                BlockArg::Value(if ty == types::F64 {
                    self.float(r)
                } else {
                    self.bits(r)
                })
            })
            .collect()
    }

    /// Emits what lies between the table of entry points and their targets: the
    /// blocks by number, and the first number whose tags are listed.
    pub(super) fn entry_blocks(&mut self) -> (Vec<Block>, usize) {
        let entries = std::mem::take(&mut self.entries);
        let (coded, listed): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|e| self.switches(e.pc));
        let mut blocks = Vec::with_capacity(coded.len() + listed.len());
        for e in &coded {
            self.begin_entry(e.pc, &mut blocks);
            for (r, reg) in e.state.known() {
                self.guard(r, reg.tag, e.pc);
            }
            self.finish_entry(e);
        }
        for e in &listed {
            self.list_entry(e);
            if e.args.is_empty() {
                blocks.push(e.target);
                self.points[e.pc as usize] = blocks.len() as u16;
                continue;
            }
            self.begin_entry(e.pc, &mut blocks);
            for (r, reg) in e.state.known() {
                self.learn(r, reg.tag);
            }
            self.finish_entry(e);
        }
        (blocks, coded.len())
    }

    /// Begins a block between the table and the target of the entry at `pc`.
    fn begin_entry(&mut self, pc: u32, blocks: &mut Vec<Block>) {
        let block = self.cold_block();
        blocks.push(block);
        self.points[pc as usize] = blocks.len() as u16;
        self.b.switch_to_block(block);
        self.st = State::new(usize::from(self.spec.regs));
    }

    fn finish_entry(&mut self, e: &PendingEntry) {
        let args = self.args(&e.args);
        self.b.ins().jump(e.target, &args);
    }

    /// Lists the tags of the entry, and the exit that is taken if they are not
    /// there.
    fn list_entry(&mut self, e: &PendingEntry) {
        let tags: Box<[EntryTag]> = e
            .state
            .known()
            .map(|(reg, known)| EntryTag {
                reg,
                tag: known.tag,
            })
            .collect();
        if tags.is_empty() {
            let exit = 0;
            let forced = None;
            return self.checks.push(EntryCheck { tags, exit, forced });
        }
        let asks = self.stress.asks(self.guards);
        self.guards += 1;
        let exit = self.exits.len() as u32;
        let guard = Guard::Entry {
            tags: tags.as_ptr() as usize,
            n: tags.len() as u8,
        };
        let forced = asks.then(|| self.guard_key(guard, e.pc));
        self.checks.push(EntryCheck { tags, exit, forced });
        let (pc, hits) = (e.pc, 0);
        self.exits.push(Exit { pc, hits, guard });
        self.site(pc, SiteKind::Exit);
    }

    /// In the block that entry points are reached by: goes to number `index`,
    /// counted from 1, whose tags are checked here from number `listed` + 1 on.
    /// `table` is to take the number, counted from 0, `out` is the way out by the
    /// number of an exit.
    pub(super) fn dispatch(
        &mut self,
        index: Value,
        blocks: &[Block],
        listed: usize,
        (table, out): (Block, Block),
    ) {
        let Some(&first) = blocks.first() else {
            // Never asked for: there are no entry points.
            let status = self.int(crate::interp::CONTINUE as i64);
            self.b.ins().jump(self.pass, &[status.into()]);
            return;
        };
        let index = self.b.ins().iadd_imm_s(index, -1);
        if self.checks.iter().any(|c| !c.tags.is_empty()) {
            let (check, bad) = (self.b.create_block(), self.cold_block());
            if listed == 0 {
                self.b.ins().jump(check, &[]);
            } else {
                let coded = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::UnsignedLessThan, index, listed as i64);
                self.b.ins().brif(coded, table, &[index.into()], check, &[]);
            }
            self.b.switch_to_block(check);
            let size = size_of::<EntryCheck>() as i64;
            let first = self.checks.as_ptr() as i64 - listed as i64 * size;
            let first = self.int(first);
            let offset = self.b.ins().imul_imm_s(index, size);
            let which = self.b.ins().iadd(first, offset);
            let failed = self.call(helpers::CHECK_ENTRY as usize, &[self.vm, self.base, which]);
            self.b.ins().brif(failed, bad, &[], table, &[index.into()]);
            self.b.switch_to_block(bad);
            let exit = self.b.ins().iadd_imm_s(failed, -1);
            self.b.ins().jump(out, &[exit.into()]);
        } else {
            self.b.ins().jump(table, &[index.into()]);
        }
        self.b.switch_to_block(table);
        let index = self.b.block_params(table)[0];
        let index = self.b.ins().ireduce(types::I32, index);
        let calls: Vec<_> = blocks
            .iter()
            .map(|&b| self.b.func.dfg.block_call(b, &[]))
            .collect();
        let default = self.b.func.dfg.block_call(first, &[]);
        let table = self
            .b
            .create_jump_table(JumpTableData::new(default, &calls));
        self.b.ins().br_table(index, table);
    }
}
