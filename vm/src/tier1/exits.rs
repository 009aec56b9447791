//! Where compiled code is left: guards and their exits, and the common ways
//! out.
//!
//! They are put off to the end of the function: a guard names a cold block,
//! and only [`Lower::finish`] fills it.

use super::helpers;
use super::lower::{Lower, PendingExit};
use crate::deopt::{Site, SiteKind};
use crate::jit::{Exit, Guard};
use crate::stress::GuardKey;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::audit::{Bug, planted};

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
            let GuardKey(key) = self.guard_key(guard, pc);
            let key = self.b.ins().iconst(types::I64, key as i64);
            let fails = self.call(helpers::FORCE as usize, &[self.vm, self.base, key]);
            self.branch_away(fails, block);
        }
        block
    }

    /// The name of a guard of the function.
    pub(super) fn guard_key(&self, guard: Guard, pc: u32) -> GuardKey {
        // SAFETY: the prototype that is compiled is live.
        guard.key(unsafe { (*self.p).spec() }, pc)
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
        if t != strata_runtime::value::tag::FLOAT || !planted(Bug::FloatGuard) {
            self.unless(is, exit);
        }
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

    /// Emits what was put off: entry points, exits, the common ways out. The
    /// exits, to which the code refers.
    pub(super) fn finish(&mut self, dispatch: Block, index: Value) -> Result<Box<[Exit]>, String> {
        (self.current, self.uncharged) = (None, 0);
        self.shared_returns();
        let (entries, listed) = self.entry_blocks();
        let table = self.b.create_block();
        self.b.append_block_param(table, types::I64);
        self.shared_calls(table);
        // The status of code that can't go on: the interpreter does.
        let out = self.cold_block();
        let number = self.b.append_block_param(out, types::I64);
        self.write_notes();
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
        let points = self.b.create_block();
        let number = self.b.append_block_param(points, types::I64);
        self.loops_over(points);
        self.b.switch_to_block(dispatch);
        self.b.ins().jump(points, &[index.into()]);
        self.b.switch_to_block(points);
        self.dispatch(number, &entries, listed, (table, out));
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
