//! Where compiled code is left and entered: guards and their exits, entry
//! points, and the common ways out.
//!
//! Both are put off to the end of the function: a guard names a cold block,
//! and only [`Lower::finish`] fills it.

use super::helpers;
use super::lower::{Lower, PendingEntry, PendingExit};
use super::state::State;
use crate::deopt::{Site, SiteKind};
use crate::jit::{EntryTag, Exit, Guard};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, Type, Value, types};

impl Lower<'_> {
    /// Whether instruction `pc` may speculate.
    pub(super) fn may_speculate(&self, pc: u32) -> bool {
        self.speculation.allowed_at(pc)
    }

    /// Records that the code can be left or looked at here.
    pub(super) fn site(&mut self, pc: u32, kind: SiteKind) {
        self.sites.push(Site::new(pc, kind));
    }

    /// The cold block that leaves to the interpreter at `pc`. To be asked for
    /// right before what may lead there: nothing of `pc` has happened.
    pub(super) fn exit(&mut self, pc: u32, guard: Guard) -> Block {
        let number = self.guards;
        self.guards += 1;
        let block = match self.exit_of.get(&(pc, guard, self.owed_at(pc))) {
            Some(&block) => block,
            None => self.new_exit(pc, guard),
        };
        if self.stress.asks(number) {
            let fails = self.call(helpers::FORCE as usize, &[self.vm, self.base]);
            self.branch_away(fails, block);
        }
        block
    }

    pub(super) fn new_exit(&mut self, pc: u32, guard: Guard) -> Block {
        let exit = self.exits.len();
        let block = self.cold_block();
        self.pending.push(PendingExit {
            block,
            exit,
            owed: self.owed_at(pc),
        });
        self.exits.push(Exit { pc, hits: 0, guard });
        self.exit_of.insert((pc, guard, self.owed_at(pc)), block);
        self.site(pc, SiteKind::Exit);
        block
    }

    /// Leaves at `pc` unless `r` has tag `t`.
    pub(super) fn guard(&mut self, r: u8, t: u8, pc: u32) {
        if self.known(r) == t {
            return;
        }
        let exit = self.exit(pc, Guard::Tag { reg: r, tag: t });
        let v = self.tag(r);
        let is = self.b.ins().icmp_imm_s(IntCC::Equal, v, i64::from(t));
        self.unless(is, exit);
        self.learn(r, t);
    }

    /// Jumps to `cold` unless `r` has tag `t`.
    pub(super) fn check(&mut self, r: u8, t: u8, cold: Block) {
        if self.known(r) == t {
            return;
        }
        let v = self.tag(r);
        let is = self.b.ins().icmp_imm_s(IntCC::Equal, v, i64::from(t));
        self.unless(is, cold);
    }

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

    /// Leaves at `pc` unless registers have the tags that `state` knows; with
    /// longer code if that is to be done `often`.
    pub(super) fn check_entry(&mut self, state: &State, pc: u32, often: bool) {
        let known: Vec<_> = state.known().map(|(r, reg)| (r, reg.tag)).collect();
        let few = if often { 8 } else { 2 };
        if known.len() <= few {
            for (r, t) in known {
                self.guard(r, t, pc);
            }
            return;
        }
        let list: Box<[EntryTag]> = known
            .iter()
            .map(|&(reg, tag)| EntryTag { reg, tag })
            .collect();
        let (tags, n) = (list.as_ptr() as usize, list.len() as u8);
        let exit = self.exit(pc, Guard::Entry { tags, n });
        let (at, n) = (self.int(list.as_ptr() as i64), self.int(list.len() as i64));
        self.lists.push(list);
        let same = self.call(helpers::CHECK_TAGS as usize, &[self.base, at, n]);
        self.unless(same, exit);
        for (r, t) in known {
            self.learn(r, t);
        }
    }

    /// Emits what was put off: entry points, exits, the common ways out. The
    /// exits, to which the code refers.
    pub(super) fn finish(&mut self, dispatch: Block, index: Value) -> Result<Box<[Exit]>, String> {
        (self.current, self.uncharged) = (None, 0);
        let entries = std::mem::take(&mut self.entries);
        let mut stubs = Vec::new();
        for e in &entries {
            let stub = self.cold_block();
            stubs.push(stub);
            self.points[e.pc as usize] = stubs.len() as u16;
            self.b.switch_to_block(stub);
            self.st = State::new(usize::from(self.spec.regs));
            self.check_entry(&e.state, e.pc, self.switches(e.pc));
            let args = self.args(&e.args);
            self.b.ins().jump(e.target, &args);
        }
        // The status of code that can't go on: the interpreter does.
        let out = self.cold_block();
        let number = self.b.append_block_param(out, types::I64);
        for p in std::mem::take(&mut self.pending) {
            self.b.switch_to_block(p.block);
            self.charge_exit(p.owed);
            let which = self.int(p.exit as i64);
            self.b.ins().jump(out, &[which.into()]);
        }
        for (block, owed) in std::mem::take(&mut self.outs) {
            self.b.switch_to_block(block);
            let status = self.b.block_params(block)[0];
            self.charge_exit(owed);
            self.b.ins().jump(self.pass, &[status.into()]);
        }
        self.b.switch_to_block(out);
        let mut exits = std::mem::take(&mut self.exits).into_boxed_slice();
        let first = self.int(exits.as_mut_ptr() as i64);
        let offset = self.b.ins().imul_imm_s(number, size_of::<Exit>() as i64);
        let exit = self.b.ins().iadd(first, offset);
        let status = self.call(helpers::EXIT as usize, &[self.vm, self.base, exit]);
        self.b.ins().jump(self.pass, &[status.into()]);
        self.b.switch_to_block(self.done);
        let zero = self.int(crate::interp::native::DID as i64);
        self.b.ins().return_(&[zero]);
        self.b.switch_to_block(self.pass);
        let status = self.b.block_params(self.pass)[0];
        self.b.ins().return_(&[status]);
        self.b.switch_to_block(dispatch);
        if stubs.is_empty() {
            // Never asked for: there are no entry points.
            let status = self.int(crate::interp::CONTINUE as i64);
            self.b.ins().jump(self.pass, &[status.into()]);
        } else {
            let index = self.b.ins().iadd_imm_s(index, -1);
            let index = self.b.ins().ireduce(types::I32, index);
            let calls: Vec<_> = stubs
                .iter()
                .map(|&s| self.b.func.dfg.block_call(s, &[]))
                .collect();
            let data = JumpTableData::new(calls[0], &calls);
            let table = self.b.create_jump_table(data);
            self.b.ins().br_table(index, table);
        }
        // Blocks of unreachable code are never filled; Cranelift wants each
        // block to end.
        for label in self.labels.clone().into_iter().flatten() {
            if self.b.func.layout.is_block_inserted(label) {
                continue;
            }
            if self.b.func.dfg.block_params(label).is_empty() {
                self.b.switch_to_block(label);
                let status = self.int(crate::interp::CONTINUE as i64);
                self.b.ins().jump(self.pass, &[status.into()]);
            }
        }
        self.b.seal_all_blocks();
        Ok(exits)
    }
}
