//! A second look: what a function has seen may be long over when it is hot.
//!
//! Feedback bits only grow, so that what the first pass over an array saw (it
//! was empty, it held zeros) stays for ever. Before a function is optimized for
//! the first time it is looked at whether that may have happened: whether an
//! instruction has seen several kinds of operands. If so, those bits are set
//! aside, and the function is interpreted for a while, which records them anew.
//! Then tier 1 goes on and asks again.
//!
//! ```text
//!  counter used up ──▶ begin: bits aside, calls are interpreted
//!                        │  frame goes on interpreted at the loop header
//!                        ▼
//!  budget used up ───▶ end: what was not reached has its old bits again
//!                        │
//!                        ▼
//!  counter used up ──▶ queued
//! ```
//!
//! It happens once a function. What was rare and is missing now fails as a guard,
//! the interpreter records it, and the next code knows all that was ever seen.

use super::{learned, state, state_mut};
use crate::interp;
use std::sync::atomic::Ordering;
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_spec::{Insn, Op};

/// Where a function stands.
#[derive(Default, Debug)]
pub(crate) enum Look {
    /// It wasn't optimized yet.
    #[default]
    First,
    /// It is interpreted: the bits that were set aside by instruction, and the
    /// number of the counter that was used up.
    Second {
        aside: Vec<(u32, u8)>,
        number: usize,
    },
    /// Over, or there was no need.
    Done,
}

/// The part of what makes a function hot that is interpreted.
const SHARE: u32 = 4;
/// Below this it isn't worth it: functions are compiled at once.
const WORTH_LOOKING: u32 = 4000;
/// Most calls that are interpreted: callers leave their code for each.
const MOST_CALLS: u32 = 300;

/// Instructions whose code depends on which of several kinds were seen.
fn depends(i: Insn) -> bool {
    use Op::*;
    i.op().is_some_and(|op| {
        matches!(
            op,
            GetIndex
                | SetIndex
                | GetIndexI
                | SetIndexI
                | Add
                | Sub
                | Mul
                | Div
                | IDiv
                | Mod
                | Pow
                | AddI
                | AddK
                | SubK
                | MulK
                | DivK
                | IDivK
                | ModK
                | PowK
                | Unm
                | JLt
                | JNotLt
                | JLe
                | JNotLe
        )
    })
}

/// The feedback bits to set aside.
fn several(p: &ProtoObj) -> Vec<(u32, u8)> {
    let code = (0u32..).zip(&p.storage.code);
    code.map(|(pc, i)| (pc, *i))
        .filter(|(_, i)| depends(*i))
        .map(|(pc, i)| (pc, learned::bits_of(&i) & !learned::ways(&i)))
        .filter(|(_, bits)| bits.count_ones() > 1)
        .collect()
}

/// Changes the feedback bits of an instruction that are of operands.
unsafe fn set_bits(p: *mut ProtoObj, pc: u32, bits: u8) {
    // SAFETY: the caller says that `p` is live and has this instruction; code is
    // written by the thread that runs it only.
    unsafe {
        let at = (*p).code.add(pc as usize);
        let operands = u64::from(!learned::ways(&*at)) << 32;
        (*at).0 = (*at).0 & !operands | u64::from(bits) << 32;
    }
}

/// The counter `number` of `p`, of something `len` instructions long, is used
/// up: whether a second look has begun.
///
/// # Safety
/// `p` is live and has code.
pub(super) unsafe fn begin(vm: &mut Vm, p: *mut ProtoObj, number: usize, len: u32) -> bool {
    let hot = interp::data(vm).jit.options.thresholds.hot;
    // SAFETY: as the caller says.
    unsafe {
        if !matches!(state_mut(&mut *p).tier2.look, Look::First) {
            return false;
        }
        let aside = several(&*p);
        if hot < WORTH_LOOKING || aside.is_empty() {
            state_mut(&mut *p).tier2.look = Look::Done;
            return false;
        }
        for &(pc, _) in &aside {
            set_bits(p, pc, 0);
        }
        state_mut(&mut *p).tier2.look = Look::Second { aside, number };
        let times = |len: u32| i32::try_from(hot / SHARE / len.max(1)).unwrap_or(i32::MAX);
        (*p).entry = vm.exec.entry;
        (*p).grant_loops(times(len));
        (*p).grant_calls(times((*p).code_len).min(MOST_CALLS as i32));
    }
    true
}

/// Whether `p` is interpreted for a second look.
pub(super) fn is_on(p: &ProtoObj) -> bool {
    state(p).is_some_and(|s| matches!(s.tier2.look, Look::Second { .. }))
}

/// The second look at `p` is over, if there was one: tier 1 goes on, if it still
/// has code. Whether it has.
///
/// # Safety
/// `p` is live.
pub(super) unsafe fn end(p: *mut ProtoObj) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let s = state_mut(&mut *p);
        let look = std::mem::replace(&mut s.tier2.look, Look::Done);
        let Look::Second { aside, number } = look else {
            s.tier2.look = look;
            return false;
        };
        for (pc, bits) in aside {
            let i = *(*p).code.add(pc as usize);
            if i.feedback_bits() & !learned::ways(&i) == 0 {
                set_bits(p, pc, bits);
            }
        }
        let Some(code) = &state_mut(&mut *p).code else {
            return false;
        };
        if let Some(cell) = code.heat.cells.get(number) {
            cell.left.store(0, Ordering::Relaxed);
        }
        (*p).entry = (*p).points_entry;
        (*p).grant_calls(0);
        (*p).grant_loops(0);
        true
    }
}

/// Puts what was set aside back into a copy of the code of `p`.
pub(crate) fn complete(p: &ProtoObj, code: &mut [Insn]) {
    if let Some(s) = state(p)
        && let Look::Second { aside, .. } = &s.tier2.look
    {
        for &(pc, bits) in aside {
            code[pc as usize].0 |= u64::from(bits) << 32;
        }
    }
}
