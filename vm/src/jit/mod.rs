//! Compiled code of one VM: which functions are compiled and why, and what
//! the rest of the crate may ask of their code.
//!
//! The interpreter counts (runtime `proto`, budgets) and asks here when a
//! budget is used up; the profiler's policy decides; a tier compiles. What
//! belongs to a prototype ([`FuncState`]) lies in its `compiled` field, what
//! belongs to the VM ([`Jit`]) with the executor's data.

#[cfg(feature = "cranelift")]
mod code_memory;

#[cfg(feature = "cranelift")]
pub(crate) use code_memory::{CodeRange, CodeSpace};

use crate::interp;
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;

/// How far compilation may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mode {
    /// Interpret only.
    #[default]
    Off,
    /// Up to the baseline compiler.
    Baseline,
}

/// Thresholds.
#[derive(Clone, Debug)]
pub(crate) struct Thresholds {
    pub calls: i32,
    pub back_edges: i32,
    pub max_insns: u32,
    pub exits: u32,
    pub compiles: u32,
}

/// What the VM keeps about compiled code.
#[derive(Default)]
pub(crate) struct Jit {
    pub mode: Mode,
    pub thresholds: Option<Thresholds>,
    #[cfg(feature = "cranelift")]
    pub tier1: Option<crate::tier1::Compiler>,
}

impl std::fmt::Debug for Jit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jit({:?})", self.mode)
    }
}

/// A guard of compiled code and how often it failed.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Exit {
    /// Instruction at which the interpreter goes on.
    pub pc: u32,
    /// Times taken.
    pub hits: u32,
    /// What was expected.
    pub guard: Guard,
}

/// What a guard expects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Guard {
    /// A register's tag.
    Tag { reg: u8, tag: u8 },
    /// The element kind of a table in a register, and the index inside.
    Element { reg: u8, kind: u8 },
    /// A host function in a register, and arguments that it does inline.
    Callee { reg: u8 },
    /// The step of a numeric loop, which is not 0.
    Step { reg: u8 },
}

/// Compiled code of a function.
#[cfg(feature = "cranelift")]
pub(crate) struct Code {
    /// Its memory; keeps what the code refers to.
    pub _range: CodeRange,
    /// Entry points by pc; 0 is none.
    pub points: Box<[u16]>,
}

/// What is known of a prototype that was at least considered.
#[derive(Default)]
pub(crate) struct FuncState {
    #[cfg(feature = "cranelift")]
    pub code: Option<Code>,
    pub compiles: u32,
    pub disabled: bool,
    /// Instructions whose guards failed too often: no speculation there.
    pub no_spec: Vec<u32>,
}

/// Switches compiling on as `mode` says; for a new VM.
pub(crate) fn install(vm: &mut Vm, mode: Mode, hot: Option<u32>) {
    let mut thresholds = Thresholds::default();
    if let Some(n) = hot {
        thresholds.calls = i32::try_from(n).unwrap_or(i32::MAX);
        thresholds.back_edges = thresholds.calls;
    }
    if mode != Mode::Off && cfg!(feature = "cranelift") {
        vm.budgets = (thresholds.calls, thresholds.back_edges);
    }
    let jit = &mut interp::data(vm).jit;
    jit.mode = mode;
    jit.thresholds = Some(thresholds);
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            calls: 200,
            back_edges: 800,
            max_insns: 6000,
            exits: 16,
            compiles: 6,
        }
    }
}

/// The state of a prototype, if it was considered before.
fn state(p: &ProtoObj) -> Option<&FuncState> {
    p.compiled.as_ref()?.downcast_ref()
}

/// The state of a prototype.
pub(crate) fn state_mut(p: &mut ProtoObj) -> &mut FuncState {
    p.compiled
        .get_or_insert_with(|| Box::new(FuncState::default()))
        .downcast_mut()
        .expect("only this module sets `compiled`")
}

/// The number of the entry point at `pc` of a function's code.
pub(crate) fn entry_point(p: &ProtoObj, pc: u32) -> Option<usize> {
    #[cfg(feature = "cranelift")]
    if let Some(code) = state(p).and_then(|s| s.code.as_ref()) {
        return match code.points.get(pc as usize) {
            Some(&at) if at != 0 => Some(usize::from(at)),
            _ => None,
        };
    }
    let _ = (p, pc);
    None
}

/// The call budget of `p` is used up: whether it has compiled code now.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn call_hot(vm: &mut Vm, p: *mut ProtoObj) -> bool {
    // SAFETY: as the caller says.
    unsafe { consider(vm, p) }
}

/// The loop budget of `p` is used up: whether it has compiled code now.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn loop_hot(vm: &mut Vm, p: *mut ProtoObj) -> bool {
    // SAFETY: as the caller says.
    unsafe { consider(vm, p) }
}

/// The loop header at `pc` was entered in the middle of its function.
pub(crate) fn entered_loop(_vm: &mut Vm, _p: *mut ProtoObj, _pc: u32) {}

/// Decides about a function that is not compiled.
unsafe fn consider(vm: &mut Vm, p: *mut ProtoObj) -> bool {
    // SAFETY: `p` is live.
    let proto = unsafe { &mut *p };
    let jit = &interp::data(vm).jit;
    let t = jit.thresholds.clone().unwrap_or_default();
    let off = jit.mode == Mode::Off;
    let len = proto.code_len;
    let s = state_mut(proto);
    if off || s.disabled || s.compiles >= t.compiles || len > t.max_insns {
        s.disabled = true;
        proto.grant_calls(i32::MAX);
        proto.grant_loops(i32::MAX);
        return false;
    }
    s.compiles += 1;
    #[cfg(feature = "cranelift")]
    // SAFETY: `p` is live.
    if unsafe { crate::tier1::compile(vm, p) } {
        proto.grant_calls(0);
        proto.grant_loops(0);
        return true;
    }
    state_mut(proto).disabled = true;
    proto.grant_calls(i32::MAX);
    proto.grant_loops(i32::MAX);
    false
}

/// Takes the compiled code of `p` out of use; native frames that run it are
/// dropped. The function is considered again when it is next called or loops.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn invalidate(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: `p` is live.
    let proto = unsafe { &mut *p };
    proto.entry = vm.exec.entry;
    #[cfg(feature = "cranelift")]
    {
        state_mut(proto).code = None;
    }
    proto.grant_calls(0);
    proto.grant_loops(0);
    vm.native_epoch = vm.native_epoch.wrapping_add(1);
}

/// Steps after which a function may be compiled again with what was learned.
pub(crate) const SLOW_HITS: u32 = 2000;

/// The code of `p` has run [`SLOW_HITS`] more steps that feedback might have
/// made fast: with each compilation it takes four times as many to try again.
///
/// # Safety
/// `p` is live.
#[cold]
pub(crate) unsafe fn outdated(vm: &mut Vm, p: *mut ProtoObj) {
    let most = interp::data(vm)
        .jit
        .thresholds
        .as_ref()
        .map_or(0, |t| t.compiles);
    // SAFETY: `p` is live.
    unsafe {
        let hits = (*p).slow_hits;
        let compiles = state_mut(&mut *p).compiles;
        let enough = SLOW_HITS << (2 * compiles.saturating_sub(1)).min(16);
        if compiles < most && hits >= enough {
            (*p).slow_hits = 0;
            invalidate(vm, p);
        }
    }
}

/// A guard of the function at `vm.base` failed.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn exited(vm: &mut Vm, p: *mut ProtoObj, pc: u32, hits: u32) {
    let most = interp::data(vm)
        .jit
        .thresholds
        .as_ref()
        .map_or(16, |t| t.exits);
    if hits >= most {
        // SAFETY: `p` is live.
        unsafe {
            let s = state_mut(&mut *p);
            if !s.no_spec.contains(&pc) {
                s.no_spec.push(pc);
            }
            invalidate(vm, p);
        }
    }
}
