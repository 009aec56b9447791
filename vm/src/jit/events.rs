//! What is told about compiled code: events for the trace, figures for the
//! statistics.
//!
//! Everything goes through the VM's `Profiler`. Events that need no text cost
//! nothing to speak of; those that come often ([`entered_loop`], exits) are
//! put into words only if a trace is written.

use super::{Jit, names, state_mut};
#[cfg(feature = "cranelift")]
use crate::deopt::{Site, SiteKind};
use crate::interp;
use std::time::Duration;
use strata_profiler::{Event, Facts, FuncName, Reason};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_spec::Op;

/// Executed instructions, counted where the host asked for it
/// ([`super::JitOptions::count`]).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Counts {
    /// By the interpreter.
    pub interpreted: u64,
    /// By compiled code.
    pub compiled: u64,
    /// Slow steps of compiled code, by opcode.
    pub steps: [u64; 256],
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            interpreted: 0,
            compiled: 0,
            steps: [0; 256],
        }
    }
}

/// Adds what was counted to the statistics.
pub(super) fn fill_in(jit: &mut Jit) {
    let Some(counts) = &jit.counts else { return };
    let stats = &mut jit.profiler.stats;
    stats.insns_interpreted = counts.interpreted;
    stats.insns_compiled = counts.compiled;
    stats.slow_calls.clear();
    for (op, &n) in (0u8..=255).zip(&counts.steps) {
        if n > 0
            && let Some(op) = Op::from_u8(op)
        {
            stats.add_slow_calls(op.info().mnemonic, n);
        }
    }
}

/// The code of `p` was taken out of use: an assumption broke.
pub(super) fn invalidated(vm: &mut Vm, p: &mut ProtoObj, reason: &str) {
    let func = name(p);
    let reason = reason.to_string();
    let event = Event::Invalidated { func, reason };
    interp::data(vm).jit.profiler.emit(event);
}

/// The name of `p`.
pub(super) fn name(p: &mut ProtoObj) -> FuncName {
    if state_mut(p).name.is_none() {
        let name = names::of(p);
        state_mut(p).name = Some(name);
    }
    state_mut(p).name.clone().expect("it was set above")
}

/// `p` was found hot.
pub(super) fn warm(vm: &mut Vm, p: &mut ProtoObj, facts: &Facts) {
    let func = name(p);
    interp::data(vm).jit.profiler.emit(Event::Warm {
        func,
        calls: facts.calls,
        back_edges: facts.back_edges,
    });
}

/// `p` has new code; compiling began at `begun`.
#[cfg(feature = "cranelift")]
pub(super) fn compiled(
    vm: &mut Vm,
    p: &mut ProtoObj,
    reason: &'static str,
    made: &crate::tier1::Compiled,
    begun: Duration,
) {
    let func = name(p);
    let profiler = &mut interp::data(vm).jit.profiler;
    let took = profiler.elapsed().saturating_sub(begun);
    profiler.emit(Event::Compiled {
        func,
        tier: 1,
        reason,
        insns: p.code_len,
        clif: made.clif,
        bytes: made.bytes,
        micros: took.as_nanos() as f64 / 1e3,
        entries: made.entries,
    });
}

/// `p` is interpreted from now on.
pub(super) fn not_compiled(vm: &mut Vm, p: &mut ProtoObj, reason: Reason, detail: String) {
    let event = Event::NotCompiled {
        func: name(p),
        reason,
        detail,
    };
    interp::data(vm).jit.profiler.emit(event);
}

/// The interpreter enters compiled code at the loop header `pc` of `p`.
pub(crate) fn entered_loop(vm: &mut Vm, p: &mut ProtoObj, pc: u32) {
    interp::data(vm).jit.profiler.emit_often(
        |stats| stats.osr_entries += 1,
        || Event::OsrEntry {
            func: name(p),
            line: p.spec().pos(pc).line,
            pc,
        },
    );
}

/// Native frames are dropped, the innermost a function of `p`; `frames` counts
/// them.
pub(crate) fn unwound(
    vm: &mut Vm,
    p: &mut ProtoObj,
    why: &'static str,
    frames: impl FnOnce(&Vm) -> u32,
) {
    if !interp::data(vm).jit.profiler.is_tracing() {
        interp::data(vm).jit.profiler.stats.unwound += 1;
        return;
    }
    let event = Event::Unwound {
        func: name(p),
        frames: frames(vm),
        why,
    };
    interp::data(vm).jit.profiler.emit(event);
}

/// A guard of `p` failed in the frame at `base`.
///
/// # Safety
/// The frame is one of `p`, in the running stack.
#[cfg(feature = "cranelift")]
pub(super) unsafe fn exited(
    vm: &mut Vm,
    p: &mut ProtoObj,
    base: *const strata_runtime::value::Value,
    exit: &super::Exit,
) {
    let tracing = interp::data(vm).jit.profiler.is_tracing();
    let mut event = Event::Exit {
        func: name(p),
        line: p.spec().pos(exit.pc).line,
        pc: exit.pc,
        guard: exit.guard.kind().into(),
        expected: String::new(),
        found: String::new(),
        frame_map: String::new(),
        count: exit.hits,
    };
    if tracing
        && let Event::Exit {
            expected,
            found,
            frame_map,
            ..
        } = &mut event
    {
        *expected = exit.guard.expected();
        // SAFETY: as the caller says.
        *found = unsafe { exit.guard.found(base) };
        *frame_map = Site::new(exit.pc, SiteKind::Exit).map_text(p);
    }
    interp::data(vm).jit.profiler.emit(event);
}

#[cfg(feature = "cranelift")]
impl super::Guard {
    /// What kind of guard it is: the reason under which exits are counted.
    fn kind(self) -> &'static str {
        match self {
            super::Guard::Tag { .. } => "tag",
            super::Guard::Element { .. } => "element",
            super::Guard::Callee { .. } => "callee",
            super::Guard::Step { .. } => "step",
            super::Guard::Entry => "entry",
        }
    }

    /// What it expects.
    fn expected(self) -> String {
        match self {
            super::Guard::Tag { reg, tag } => format!("{} in r{reg}", tag_name(tag)),
            super::Guard::Element { reg, kind } => {
                format!("{} element of r{reg}", tag_name(kind))
            }
            super::Guard::Callee { reg } => {
                format!("the same host function in r{reg}, with numbers it does inline")
            }
            super::Guard::Entry => "the tags that the code takes for known here".into(),
            super::Guard::Step { reg } => format!("a step other than 0 in r{reg}"),
        }
    }

    /// What is there.
    ///
    /// # Safety
    /// `base` is the frame in which it failed.
    unsafe fn found(self, base: *const strata_runtime::value::Value) -> String {
        use strata_runtime::object::ArrKind;
        use strata_runtime::value::tag;
        let reg = match self {
            super::Guard::Tag { reg, .. }
            | super::Guard::Element { reg, .. }
            | super::Guard::Callee { reg }
            | super::Guard::Step { reg } => reg,
            super::Guard::Entry => return "others".into(),
        };
        // SAFETY: the guard names a register of the frame.
        let v = unsafe { *base.add(usize::from(reg)) };
        match self {
            super::Guard::Element { .. } if v.tag == tag::TABLE => {
                // SAFETY: the tag says that it is a table.
                let (kind, len) = unsafe { ((*v.as_table()).arr_kind, (*v.as_table()).arr_len) };
                let kind = match kind {
                    _ if len == 0 => "no",
                    ArrKind::Int => "integer",
                    ArrKind::Float => "float",
                    ArrKind::Mixed => "mixed",
                };
                format!("{kind} elements, {len} of them")
            }
            _ => tag_name(v.tag).to_string(),
        }
    }
}

/// A tag in words.
#[cfg(feature = "cranelift")]
fn tag_name(t: u8) -> &'static str {
    use strata_runtime::value::tag;
    match t {
        tag::NIL => "nil",
        tag::FALSE => "false",
        tag::TRUE => "true",
        tag::INT => "integer",
        tag::FLOAT => "float",
        tag::STR => "string",
        tag::TABLE => "table",
        tag::CLOSURE => "function",
        tag::NATIVE => "host function",
        tag::USERDATA | tag::LIGHT => "userdata",
        tag::THREAD => "thread",
        _ => "other value",
    }
}
