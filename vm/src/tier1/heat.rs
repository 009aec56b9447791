//! Counting for tier 2: how often compiled functions are called and their
//! loops go round.
//!
//! Each counter is a cell beside the code that counts down. Below zero the
//! policy is asked ([`crate::jit`]), in a cold block: it may have something
//! compiled, grant more, or enter optimized code of the loop, whose status
//! then is the function's.

use super::calls::Callee;
use super::helpers;
use super::lower::Lower;
use crate::interp::seen;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use strata_spec::op::Ext;
use strata_spec::{Insn, Op};

/// Of the helper: nothing has happened, the code goes on.
pub(crate) const GO_ON: usize = usize::MAX;

/// Counters of a function's code.
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "llvm"), allow(dead_code, reason = "for tier 2"))]
pub(crate) struct Heat {
    /// Number 0 counts calls, the others loops. The code holds their
    /// addresses. Only the VM's thread touches them.
    pub cells: Arc<[AtomicI32]>,
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
            cells: budgets.iter().map(|&n| AtomicI32::new(n)).collect(),
            loops,
            budgets,
        }
    }

    /// What counter `number` begins with.
    #[cfg(feature = "llvm")]
    pub(crate) fn budget(&self, number: usize) -> i32 {
        self.budgets.get(number).copied().unwrap_or(i32::MAX)
    }

    /// The number of the loop with this header.
    pub(crate) fn number(&self, header: u32) -> Option<usize> {
        let n = self.loops.iter().position(|l| l.0 == header)?;
        Some(n + 1)
    }
}

/// Where these loops, headers and last instructions, are left to.
pub(super) fn loop_ends(code: &[Insn], loops: &[(u32, u32)]) -> HashSet<u32> {
    let mut ends = HashSet::new();
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
            Some(op) if super::operator(op).is_some() && i.feedback_bits() & seen::OTHER != 0 => {
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
        let pc = self.int(i64::from(header));
        let status = self.call_aside(helpers::HOT_LOOP as usize, &[self.vm, self.base, pc]);
        let on = self.b.ins().icmp_imm_s(IntCC::Equal, status, GO_ON as i64);
        let out = self.out();
        self.b.ins().brif(on, next, &[], out, &[status.into()]);
        self.b.switch_to_block(next);
    }

    /// Counts a cell down: the blocks below zero and after.
    fn count_down_heat(
        &mut self,
        n: usize,
    ) -> Option<(cranelift_codegen::ir::Block, cranelift_codegen::ir::Block)> {
        let cell = self.heat.cells.get(n)?.as_ptr();
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
