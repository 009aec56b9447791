//! Counting for tier 2: how often compiled functions are called and their
//! loops go round.
//!
//! Each counter is a cell beside the code that counts down. Below zero the
//! policy is asked ([`crate::jit`]), in a cold block: it may have something
//! compiled, grant more, or run optimized code of the loop. If that comes to the
//! loop's end, this code goes on there, by its own entry points: a call of the
//! function's code would leave a native frame for each time.

use super::calls::Callee;
use super::helpers;
use super::lower::Lower;
use crate::interp::seen;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use strata_spec::op::Ext;
use strata_spec::{Insn, Op};

/// Of the helper: nothing has happened, the code goes on.
pub(crate) const GO_ON: usize = usize::MAX;

/// Of the helper, added to the number of an entry point: the code goes on there.
/// Less is a status to leave with.
pub(crate) const AT_POINT: usize = 16;

/// One counter.
#[derive(Debug)]
#[repr(C)]
#[cfg_attr(not(feature = "cranelift"), allow(dead_code, reason = "for tier 2"))]
pub(crate) struct Cell {
    /// Below zero, it is used up.
    pub left: AtomicI32,
    /// The header of the loop; 0 for the function's calls.
    pub header: u32,
}

/// Counters of a function's code.
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "cranelift"), allow(dead_code, reason = "for tier 2"))]
pub(crate) struct Heat {
    /// Number 0 counts calls, the others loops. The code holds their
    /// addresses. Only the VM's thread touches them.
    pub cells: Arc<[Cell]>,
    /// Headers and last instructions of the loops, from number 1 on.
    pub loops: Vec<(u32, u32)>,
    /// What each counter begins with.
    pub budgets: Vec<i32>,
}

impl Heat {
    /// Counters for a function with these loops: used up after so much `work`.
    /// `costs`: that of each of its instructions.
    pub(super) fn new(mut loops: Vec<(u32, u32)>, costs: &[u32], work: u32) -> Heat {
        loops.sort_unstable();
        let times = |costs: &[u32]| {
            let sum: u32 = costs.iter().sum();
            i32::try_from(work / sum.max(1)).unwrap_or(i32::MAX)
        };
        let each = loops
            .iter()
            .map(|&(header, last)| times(&costs[header as usize..=last as usize]));
        let budgets: Vec<i32> = std::iter::once(times(costs)).chain(each).collect();
        Heat {
            cells: budgets
                .iter()
                .zip(std::iter::once(0).chain(loops.iter().map(|l| l.0)))
                .map(|(&n, header)| Cell {
                    left: AtomicI32::new(n),
                    header,
                })
                .collect(),
            loops,
            budgets,
        }
    }

    /// What counter `number` begins with.
    #[cfg(feature = "cranelift")]
    pub(crate) fn budget(&self, number: usize) -> i32 {
        self.budgets.get(number).copied().unwrap_or(i32::MAX)
    }

    /// The number of a cell, if it is one of these.
    #[cfg(feature = "cranelift")]
    pub(crate) fn number_of(&self, cell: &Cell) -> Option<usize> {
        self.cells.iter().position(|c| std::ptr::eq(c, cell))
    }

    /// The number of the loop with this header.
    pub(crate) fn number(&self, header: u32) -> Option<usize> {
        let n = self.loops.iter().position(|l| l.0 == header)?;
        Some(n + 1)
    }
}

/// Where these loops, headers and last instructions, are left to.
pub(super) fn loop_ends(code: &[Insn], loops: &[(u32, u32)]) -> FxHashSet<u32> {
    let mut ends = FxHashSet::default();
    for &(header, last) in loops {
        ends.insert(last + 1);
        for (pc, i) in (header..=last).zip(&code[header as usize..]) {
            let jumps = i.op().is_some_and(|op| op.info().ext == Ext::Jump);
            let target = i64::from(pc) + 1 + i64::from(i.jump());
            if jumps && target > i64::from(last) {
                ends.insert(target as u32);
            }
        }
    }
    ends
}

/// What a call costs that is not known, or made by way of a metatable; and the
/// most that one costs which is, in instructions.
const CALL: u32 = 12;
const LONG_CALL: u32 = 40;

impl Lower<'_> {
    /// What instructions cost, as many of those that do no more than compute:
    /// the loop that makes calls is the one that is compiled with what it
    /// calls, and shall not seem less hot than that.
    pub(super) fn costs(&self) -> Vec<u32> {
        let cost = |i: &Insn| match i.op() {
            Some(Op::Call | Op::TailCall) => match self.callee(*i) {
                // SAFETY: feedback keeps prototypes alive.
                Callee::Closure(p) => unsafe { (*p).code_len }.min(LONG_CALL),
                Callee::Mixed => CALL,
                Callee::Host(_) | Callee::Unknown => 1,
            },
            Some(op)
                if super::arith::operator(op).is_some() && i.feedback_bits() & seen::OTHER != 0 =>
            {
                CALL
            }
            _ => 1,
        };
        self.code.iter().map(cost).collect()
    }

    /// The function begins.
    pub(super) fn heat_call(&mut self) {
        if self.heat.cells.is_empty() {
            return;
        }
        let cold = self.count_down_heat(0);
        let Some((cold, next)) = cold else { return };
        self.b.switch_to_block(cold);
        self.call(helpers::HOT_CALL as usize, &[self.vm, self.base]);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
    }

    /// The loop at `header` goes round: registers are as they are there.
    pub(super) fn heat_loop(&mut self, header: u32) {
        let Some(n) = self.heat.number(header) else {
            return;
        };
        let Some((cold, next)) = self.count_down_heat(n) else {
            return;
        };
        self.b.switch_to_block(cold);
        let cell = self.int(&raw const self.heat.cells[n] as i64);
        let status = self.call_aside(helpers::HOT_LOOP as usize, &[self.vm, self.base, cell]);
        let on = self.b.ins().icmp_imm_s(IntCC::Equal, status, GO_ON as i64);
        let over = match self.loop_over {
            Some(block) => block,
            None => {
                let block = self.cold_block();
                self.b.append_block_param(block, types::I64);
                *self.loop_over.insert(block)
            }
        };
        // A label's block begins with nothing to charge.
        debug_assert_eq!(self.uncharged, 0);
        self.b.ins().brif(on, next, &[], over, &[status.into()]);
        self.b.switch_to_block(next);
    }

    /// Puts off to the end where loops go to whose optimized code was run:
    /// to `dispatch`, that takes the number of an entry point, or out.
    pub(super) fn loops_over(&mut self, dispatch: Block) {
        let Some(block) = self.loop_over else { return };
        self.b.switch_to_block(block);
        let status = self.b.block_params(block)[0];
        let point = AT_POINT as i64;
        let out = self
            .b
            .ins()
            .icmp_imm_u(IntCC::UnsignedLessThan, status, point);
        let number = self.b.ins().iadd_imm_s(status, -point);
        let (pass, args) = (self.pass, [status.into()]);
        self.b
            .ins()
            .brif(out, pass, &args, dispatch, &[number.into()]);
    }

    /// Counts a cell down: the blocks below zero and after.
    fn count_down_heat(&mut self, n: usize) -> Option<(Block, Block)> {
        let cell = self.heat.cells.get(n)?.left.as_ptr();
        let at: Value = self.int(cell as i64);
        let left = self.load(types::I32, at, 0);
        let left = self.b.ins().iadd_imm_s(left, -1);
        self.store(left, at, 0);
        let (cold, next) = (self.cold_block(), self.b.create_block());
        let below = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
        self.b.ins().brif(below, cold, &[], next, &[]);
        Some((cold, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_that_call_are_used_up_sooner() {
        let loops = vec![(3, 4), (1, 4)];
        let even = Heat::new(loops.clone(), &[1; 6], 600);
        assert_eq!(even.budgets, [100, 150, 300]);
        assert_eq!(even.loops, [(1, 4), (3, 4)]);
        let calls = Heat::new(loops, &[1, 1, LONG_CALL, 1, 1, 1], 600);
        assert_eq!(calls.budgets, [600 / 45, 600 / 43, 300]);
    }
}
