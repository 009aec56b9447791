//! Closures, and the registers they capture.
//!
//! Until a closure captures it, a register is a value like others. From then
//! until it is closed it is what its *cell* holds, the open upvalue of its slot
//! ([`Reg::Cell`]): whoever reads or writes it does so by way of the cell, so
//! that passes see that a closure called here and the frame share a variable.
//!
//! ```text
//!  local n = 1                   v1 = int 1
//!  local function inc()          v2 = new_cell v1       n is cell v2
//!    n = n + 1                   v3 = new_closure P, v2
//!  end
//!  inc()                         v4 = upval_get v2; …; upval_set v2 v5
//!  return n                      v6 = upval_get v2; close_cells v2
//! ```
//!
//! Where that isn't known, the slot is memory that anybody may write
//! ([`Reg::Slot`] of a captured register): in loops that are entered in their
//! midst, where ways meet of which only some have captured the register, and in
//! functions that don't close all they open ([`flow::closes`]).

use super::state::{Reg, State};
use super::{Builder, Refused};
use crate::ir::inst::AND_OTHERS;
use crate::ir::{BlockId, Op as Ir, Ty, V};
use smallvec::{SmallVec, smallvec};
use strata_spec::liveness::to_close;
use strata_spec::module::RegSet;
use strata_spec::{Insn, Op};

impl Builder<'_, '_> {
    /// `closure`
    pub(super) fn new_closure(&mut self, i: Insn) {
        let n = i.u32();
        let func = self.func();
        let (module, _) = func.key();
        let id = func.spec().children[n as usize];
        let upvals = func.child(n).upvals.clone();
        let mut args: SmallVec<[V; 8]> = smallvec![self.object(func.children[n as usize], Ty::Ptr)];
        for d in &upvals {
            args.push(match d.from_register {
                true => self.cell(d.index),
                false => self.upval(d.index),
            });
        }
        let imm = u64::from(self.ctx.no) << 32 | u64::from(n);
        let v = self.put_imm(Ir::NewClosure, &args, imm);
        self.protos.insert(v, (module, id));
        self.set(i.a(), v);
    }

    /// Captured register `r` is in memory.
    pub(super) fn in_memory(&self, r: u8) -> bool {
        let captured = self.func().spec().captured.contains(r);
        captured && (!self.ctx.tidy || self.st.get(r) == Reg::Slot)
    }

    /// The upvalue of register `r`.
    fn cell(&mut self, r: u8) -> V {
        let slot = u64::from(self.ctx.base + u32::from(r));
        if self.in_memory(r) {
            return self.put_imm(Ir::OpenCell, &[], slot);
        }
        let v = match self.st.get(r) {
            Reg::Cell(c) => return c,
            Reg::Val { v, .. } => v,
            // What isn't written yet: a function that calls itself.
            Reg::Slot | Reg::Undefined => self.nil(),
        };
        let c = self.put_imm(Ir::NewCell, &[v], slot);
        self.st.set(r, Reg::Cell(c));
        self.frame_cache = None;
        c
    }

    /// Register `r`, which holds this, is memory from the end of `block` on.
    pub(super) fn becomes_memory(&mut self, block: BlockId, r: u8, reg: Reg) {
        let at = std::mem::replace(&mut self.at, block);
        match reg {
            Reg::Val { v, .. } => {
                let slot = u64::from(self.ctx.base + u32::from(r));
                self.put_imm(Ir::CapturedStore, &[v], slot);
            }
            Reg::Cell(c) => {
                self.put(Ir::KeepCell, &[c]);
            }
            Reg::Slot | Reg::Undefined => {}
        }
        self.at = at;
    }

    /// Register `r` was written to its slot by a helper.
    pub(super) fn slot_written(&mut self, r: u8) {
        let captured = self.func().spec().captured.contains(r);
        match self.st.get(r) {
            Reg::Cell(c) => {
                self.put(Ir::KeepCell, &[c]);
            }
            Reg::Val { .. } | Reg::Undefined if captured && self.ctx.tidy => {
                let slot = u64::from(self.ctx.base + u32::from(r));
                let v = self.put_imm(Ir::SlotLoad, &[], slot);
                self.st.set(r, Reg::Val { v, clean: true });
            }
            _ => self.st.set(r, Reg::Slot),
        }
        self.frame_cache = None;
    }

    /// `close` of registers from `a` on.
    pub(super) fn close(&mut self, pc: u32, a: u8) -> Result<(), Refused> {
        if !self.ctx.tidy || self.may_call_close(pc, a) {
            return self.step(pc);
        }
        self.close_cells(a);
        self.after_step(pc);
        Ok(())
    }

    /// Whether instruction `pc`, which closes registers from `a` on, may have to
    /// call a `__close`.
    fn may_call_close(&self, pc: u32, a: u8) -> bool {
        let f = self.func();
        let surely_not = |r: u8| {
            (0u32..).zip(&f.code).all(|(at, i)| match i.op() {
                Some(Op::Tbc) => i.a() != r,
                Some(Op::TForPrep) if i.a().saturating_add(3) == r => {
                    self.ctx.nothing_to_close.contains(&at)
                }
                _ => true,
            })
        };
        let open = to_close(f.spec(), pc);
        open.iter().any(|r| r >= a && !surely_not(r))
    }

    /// Closes captured registers from `a` on.
    fn close_cells(&mut self, a: u8) {
        let mut cells: SmallVec<[V; 4]> = SmallVec::new();
        let mut others = false;
        for r in self.func().spec().captured.iter().filter(|r| *r >= a) {
            match self.st.get(r) {
                Reg::Cell(c) => cells.push(c),
                Reg::Slot => others = true,
                Reg::Val { .. } | Reg::Undefined => {}
            }
        }
        if others || !cells.is_empty() {
            let slot = u64::from(self.ctx.base + u32::from(a));
            let others = if others { AND_OTHERS } else { 0 };
            self.put_imm(Ir::CloseCells, &cells, slot | others);
        }
    }

    /// `returnclose`: returns and closes all.
    pub(super) fn return_close(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let n = i.b().checked_sub(1).filter(|n| *n <= 4);
        let plain = self.ctx.tidy && !self.may_call_close(pc, 0);
        let Some(n) = n.filter(|_| plain) else {
            if self.ctx.below.is_some() {
                return Err("an inlined function returns open results".into());
            }
            return self.leave_by_step(pc);
        };
        let values: SmallVec<[V; 4]> = (0..n).map(|k| self.val(i.a() + k)).collect();
        self.close_cells(0);
        for r in self.func().spec().captured.iter() {
            self.st.set(r, Reg::Undefined);
        }
        self.frame_cache = None;
        self.give_back_closed(pc, values)
    }

    /// Before a loop: captured registers that a closure made in it captures have
    /// their cells by then.
    pub(super) fn open_before_loop(&mut self, header: BlockId, live: &RegSet) {
        if !self.ctx.tidy || self.func().spec().captured.is_empty() {
            return;
        }
        let flow = self.ctx.flow.clone();
        let mut wanted = RegSet::EMPTY;
        for l in flow.cfg.loops.iter().filter(|l| l.header == header) {
            for b in &l.blocks {
                let bb = &flow.blocks[b.n()];
                for i in &self.func().code[bb.start as usize..bb.end as usize] {
                    if i.op() == Some(Op::Closure) {
                        let upvals = &self.func().child(i.u32()).upvals;
                        let regs = upvals.iter().filter(|d| d.from_register);
                        regs.for_each(|d| wanted.insert(d.index));
                    }
                }
            }
        }
        for r in wanted.intersection(live).iter() {
            if self.st.get(r) != Reg::Undefined {
                self.cell(r);
            }
        }
    }

    /// Captured registers where a loop begins.
    pub(super) fn captured_now(&self, live: &RegSet) -> Vec<(u8, Reg)> {
        let captured = self.func().spec().captured.intersection(live);
        captured.iter().map(|r| (r, self.st.get(r))).collect()
    }

    /// Before going round a loop: captured registers are as they were where it
    /// began.
    pub(super) fn captured_as_before(&mut self, before: &[(u8, Reg)]) -> Result<(), Refused> {
        if !self.ctx.tidy {
            return Ok(());
        }
        for &(r, was) in before {
            let fine = match (was, self.st.get(r)) {
                (Reg::Cell(a), Reg::Cell(b)) => a == b,
                (Reg::Slot, now) => {
                    self.becomes_memory(self.at, r, now);
                    true
                }
                (Reg::Val { .. }, Reg::Val { .. }) | (Reg::Undefined, _) => true,
                _ => false,
            };
            if !fine {
                return Err(format!("r{r} is captured in a loop and not closed"));
            }
        }
        Ok(())
    }

    /// What captured register `r` is where ways meet, if they don't all have a
    /// value for it.
    pub(super) fn meet_captured(&mut self, r: u8, edges: &[(BlockId, State)]) -> Option<Reg> {
        if !self.func().spec().captured.contains(r) {
            return None;
        }
        let first = edges[0].1.get(r);
        if !matches!(first, Reg::Val { .. }) && edges.iter().all(|(_, s)| s.get(r) == first) {
            return Some(first);
        }
        let value = |(_, s): &(BlockId, State)| matches!(s.get(r), Reg::Val { .. });
        if edges.iter().all(value) {
            return None;
        }
        for (block, state) in edges {
            self.becomes_memory(*block, r, state.get(r));
        }
        Some(Reg::Slot)
    }
}
