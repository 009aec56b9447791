//! What happens to a function that is compiled already, and when: its way to
//! tier 2.
//!
//! | moment | asked by | done |
//! |---|---|---|
//! | a counter is used up | code of tier 1, [`hot_call`], [`hot_loop`] | a compile is queued, or code entered |
//! | a compile is ready | a safepoint, [`ready`] | code is installed ([`compiled2`]) |
//! | a guard failed | code of tier 2, [`exited2`] | it may be compiled again, without that guess |
//!
//! Which part of a function is compiled: all of it if it is called often, else
//! the outermost loop that went round more than once, which contains the one
//! whose counter was used up. Code of a loop is entered at its back-edge:
//! while there is some, the loop's counter stays used up.
//!
//! Compiles are bounded. After the last of them a function stays in tier 1.

use crate::interp;
use crate::jit::JitMode;
use crate::tier1::heat::Cell;
#[cfg(not(feature = "llvm"))]
use crate::tier1::heat::GO_ON;
use strata_runtime::Vm;
use strata_runtime::value::Value;

#[cfg(feature = "llvm")]
mod with_llvm;
#[cfg(feature = "llvm")]
pub(crate) use with_llvm::{compiled2, contains2, exited2, has_code2, list, prunes2, speculation2};

/// Instructions of tier 1's code after which its counters are used up; `None`
/// if nobody asks.
pub(crate) fn heat_budget(vm: &mut Vm) -> Option<u32> {
    let charges = vm.charges;
    let jit = &interp::data(vm).jit;
    let asks = cfg!(feature = "llvm")
        && jit.options.mode == JitMode::Full
        && !jit.options.count
        && !charges;
    asks.then_some(jit.options.thresholds.hot)
}

/// The counter of calls of the function whose frame is at `base` is used up.
///
/// # Safety
/// It is the innermost frame, laid out, of compiled code.
#[cold]
pub(crate) unsafe fn hot_call(vm: &mut Vm, base: *mut Value) {
    #[cfg(feature = "llvm")]
    // SAFETY: as the caller says.
    unsafe {
        with_llvm::hot_call(vm, base);
    }
    let _ = (vm, base);
}

/// A loop's counter is used up: `GO_ON`, or what its optimized code has come to:
/// `AT_POINT` and the entry point to go on at, or the status to leave with.
///
/// # Safety
/// `base` is the innermost frame, canonical, at the loop's header; it runs the
/// code that `cell` belongs to.
#[cold]
pub(crate) unsafe fn hot_loop(vm: &mut Vm, base: *mut Value, cell: &Cell) -> usize {
    #[cfg(feature = "llvm")]
    // SAFETY: as the caller says.
    return unsafe { with_llvm::hot_loop(vm, base, cell) };
    #[cfg(not(feature = "llvm"))]
    {
        let _ = (vm, base, cell);
        GO_ON
    }
}

/// Another thread has finished compiles, perhaps.
pub(crate) fn ready(vm: &mut Vm) {
    #[cfg(feature = "cranelift")]
    super::background::look(vm);
    #[cfg(feature = "llvm")]
    crate::tier2::ready(vm);
    let _ = vm;
}
