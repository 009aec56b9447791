//! Tier 2: the optimizing compiler, by way of our own SSA IR, Cranelift and LLVM.
//!
//! ```text
//!  VM's thread │ hot ──▶ snapshot ──┐                                ┌──▶ link, install
//!  ────────────┼────────────────────┼────────────────────────────────┼─────────────────
//!  worker      │                    └▶ build ▶ passes ▶ lower ▶ Cranelift or LLVM
//! ```
//!
//! A function is compiled twice ([`Stage`]): by Cranelift, whose code is there
//! after a few milliseconds, and by LLVM, whose code is better and takes the
//! place of Cranelift's when it is ready. Each has a worker of its own, so that
//! nothing waits behind LLVM. A host may choose one of them alone
//! ([`Backend`]). What is built without LLVM has Cranelift's code only.
//!
//! Tier 1 counts: its loops and prologues have counters ([`crate::jit`]), and
//! when one is used up a function or one of its loops is queued. The compile
//! works from a [`snapshot`] and knows nothing of the VM. What it makes is
//! installed at a safepoint if what it assumed still holds. Code of a function
//! takes the place of tier 1's where functions are called; code of a loop is
//! entered by tier 1 at the loop's back-edge, and goes back to it where the
//! loop ends.
//!
//! Code is left through frame maps (`crate::deopt`): the interpreter goes on,
//! and tier 1 after it.
//!
//! - [`jobs`]: compiles under way, on the VM's thread
//! - [`compile`]: one of them, on a worker's
//! - [`install`]: code gets its place
//! - [`snapshot`]: what a compile works from
//! - [`flow`]: control flow of bytecode
//! - `build`: bytecode to IR; the IR and its passes are [`crate::ir`]
//! - `lower`: IR to LLVM's text
//! - [`clif`]: text to machine code by Cranelift
//! - `llvm`: text to machine code by LLVM
//! - [`code`]: code while it can be run
//! - [`cached`]: code of earlier runs
//! - `helpers`: functions of ours that code calls

mod build;
pub(crate) mod cached;
mod clif;
pub(crate) mod code;
mod compile;
mod flow;
mod helpers;
mod install;
mod jobs;
mod layouts;
#[cfg(feature = "llvm")]
pub(crate) mod llvm;
mod lower;
pub(crate) mod snapshot;

pub(crate) use build::Inlining;
pub(crate) use compile::{Report, compile_now};
pub(crate) use install::Installed;
pub(crate) use jobs::{Crews, Tier2, finish, ready, request, under_way};
pub(crate) use lower::ExitSite;

use crate::jit::{self, Backend, Speculation};
use code::Code;
use std::sync::Arc;
use strata_runtime::object::ProtoObj;

/// Who makes the code of a compile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Stage {
    /// Cranelift.
    Soon,
    /// LLVM.
    Best,
}

impl Stage {
    /// What makes the first code of a function.
    fn first(backend: Backend) -> Stage {
        match backend {
            Backend::Llvm if cfg!(feature = "llvm") => Stage::Best,
            _ => Stage::Soon,
        }
    }

    /// Whether LLVM's code is to take the place of this one's.
    fn is_improved(self, backend: Backend) -> bool {
        self == Stage::Soon && backend == Backend::Auto && cfg!(feature = "llvm")
    }

    /// IR instructions after which only small functions are inlined: what is to
    /// be there soon has to be smaller.
    fn big(self) -> usize {
        match self {
            Stage::Soon => 300,
            Stage::Best => 4000,
        }
    }
}

/// What is known of a prototype's way to and in tier 2.
#[derive(Default)]
pub(crate) struct State {
    /// Its code: of the function, and of loops.
    pub code: Vec<Code>,
    /// Where it may speculate.
    pub speculation: Speculation,
    /// Compiles so far.
    pub compiles: u8,
    /// Times that its code was given up because something was reached that
    /// never had been.
    pub surprises: u8,
    /// Times that code of it was given up.
    pub drops: u8,
    /// It was let be for a while when it became hot.
    pub was_put_off: bool,
    /// What it has seen may be long over.
    pub look: jit::look::Look,
    /// Not any more.
    pub off: bool,
    /// Why it is compiled again, if it was taken out of use.
    pub again: Option<&'static str>,
    /// What the compile cache may have of it.
    pub expected: cached::Expectations,
    /// As long as the prototype lives.
    alive: Arc<()>,
}

/// Whether code of `p` contains `inner`.
pub(crate) fn code_contains(p: &ProtoObj, inner: *mut ProtoObj) -> bool {
    // SAFETY: the range keeps the table.
    let contains = |c: &Code| unsafe { (*c.exits).funcs.contains(&inner) };
    jit::code2(p).iter().any(contains)
}

/// Takes the code of `p` out of use: tier 1's is, too.
pub(crate) fn withdraw(p: &mut ProtoObj) {
    let state = &mut jit::state_mut(p).tier2;
    if !state.code.is_empty() {
        state.again.get_or_insert("feedback");
    }
    for code in state.code.drain(..) {
        // SAFETY: the range keeps the table.
        unsafe { (*code.exits).dead.set(true) };
    }
}
