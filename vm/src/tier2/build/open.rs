//! Open results: the ones of a call whose number only the next instruction
//! asks for, as in `f(g(x))` and `return f(x)`.
//!
//! Bytecode leaves them in slots, up to `vm.top`. If it is known how many there
//! are, because the callee was inlined or has answered that it is one, they are
//! values in registers like others, and the instruction that takes them is built
//! as if it said how many it takes ([`Builder::insn`]). Should it leave the
//! code, its frame state holds them: `restore` sets `vm.top` behind them.
//!
//! Where another number comes back, code is left right behind the call.

use super::state::Reg;
use super::{Builder, Refused};
use crate::ir::{Held, Op as Ir, Reason, V};
use crate::tier2::flow::Flow;
use crate::tier2::snapshot::{EntryAt, FuncNo};
use smallvec::SmallVec;
use strata_spec::effects::{Effects, open_before};
use strata_spec::module::RegSet;
use strata_spec::{Insn, Op};

/// Most open results that are values.
const MAX_OPEN: u8 = 4;

/// Open results that are values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// The instruction that takes them.
    pc: u32,
    /// The first register.
    first: u8,
    count: u8,
}

impl Open {
    fn end(self) -> u8 {
        self.first.saturating_add(self.count)
    }
}

impl Builder<'_, '_> {
    /// The open results that instruction `pc` takes.
    fn open_at(&self, pc: u32) -> Option<Open> {
        self.ctx.open.filter(|open| open.pc == pc)
    }

    /// Instruction `pc`; with the number of open results it takes, if that is
    /// known.
    pub(super) fn insn(&self, pc: u32) -> Insn {
        let i = self.func().code[pc as usize];
        let (Some(open), Some(op)) = (self.open_at(pc), i.op()) else {
            return i;
        };
        match Effects::of(op, i).open_in {
            // One more, since 0 says that they are open.
            Some(first) => i.with_b(open.end().saturating_sub(first).saturating_add(1)),
            None => i,
        }
    }

    /// The call that is being built, of which these are the open results.
    pub(super) fn give_open(&mut self, first: u8, values: &[V]) {
        for (r, &v) in (first..).zip(values) {
            self.set(r, v);
        }
        let open = Open {
            pc: self.ctx.pc + 1,
            first,
            count: values.len() as u8,
        };
        self.ctx.open = Some(open);
        self.frame_cache = None;
        if open.count == 0 {
            // No register says so.
            self.set_top(first);
        }
    }

    /// Goes on where the call at `pc` with open results has had one, which is
    /// `result`.
    pub(super) fn one_result(&mut self, pc: u32, result: V) -> Result<(), Refused> {
        let first = self.insn(pc).a();
        let one = self.put(Ir::Single, &[result]);
        let others = self.split(one, Some(true));
        let (here, state) = (self.at, self.st.clone());
        self.go_on(others);
        self.leave(pc + 1, Reason::Results)?;
        self.go_on(here);
        self.st = state;
        self.give_open(first, &[result]);
        Ok(())
    }

    /// Whether a call at `pc` with open results may be built as if it had one.
    pub(super) fn expects_one(&self, pc: u32) -> bool {
        self.may_speculate(pc + 1)
    }

    /// Whatever was open has been taken by instruction `pc`.
    pub(super) fn taken(&mut self, pc: u32) {
        if self.open_at(pc).is_some() {
            self.ctx.open = None;
            self.frame_cache = None;
        }
    }

    /// The registers that hold open results for instruction `pc`.
    pub(super) fn open_regs(&self, pc: u32) -> RegSet {
        match self.open_at(pc) {
            Some(open) => RegSet::range(open.first.into(), open.end().into()),
            None => RegSet::default(),
        }
    }

    /// The same, as a frame state holds them.
    pub(super) fn open_held(&self, pc: u32, regs: &mut SmallVec<[(u8, Held); 16]>) {
        for r in self.open_regs(pc).iter() {
            match self.st.get(r) {
                Reg::Val { v, clean: false } => regs.push((r, Held::Value(v))),
                Reg::Cell(c) => regs.push((r, Held::Cell(c))),
                _ => regs.push((r, Held::Slot)),
            }
        }
    }

    /// `vm.top` is behind the open results that instruction `pc` takes: for
    /// code that looks for them there.
    pub(super) fn settle_open(&mut self, pc: u32) {
        if let Some(open) = self.open_at(pc) {
            self.set_top(open.end());
        }
    }

    fn set_top(&mut self, r: u8) {
        let slot = u64::from(self.ctx.base + u32::from(r));
        self.put_imm(Ir::SetTop, &[], slot);
    }

    /// Where open values begin that instruction `pc` takes.
    pub(super) fn open_first(&self, pc: u32) -> Option<u8> {
        open_before(&self.func().code, pc)
    }

    /// Whether function `no` always returns as many results, and there are
    /// registers for them from `first` on.
    pub(super) fn has_fixed_results(&self, no: FuncNo, first: u8) -> bool {
        let regs = usize::from(self.func().spec().regs);
        self.fixed_results(no)
            .is_some_and(|n| usize::from(first) + n <= regs)
    }

    /// How many results function `no` returns, if that is always the same.
    pub(super) fn fixed_results(&self, no: FuncNo) -> Option<usize> {
        let f = &self.s.funcs[no as usize];
        let flow = Flow::of(f, EntryAt::Start, &[], false).ok()?;
        let mut count = None;
        for &b in &flow.cfg.order {
            let i = f.code[flow.blocks[b.n()].end as usize - 1];
            let n = match i.op()? {
                Op::Return0 => 0,
                Op::Return1 => 1,
                Op::Return | Op::ReturnClose => i.b().checked_sub(1)?,
                Op::TailCall => return None,
                _ => continue,
            };
            if n > MAX_OPEN || count.is_some_and(|c| c != n) {
                return None;
            }
            count = Some(n);
        }
        count.map(usize::from)
    }
}
