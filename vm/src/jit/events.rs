//! What is told about compiled code: events for the trace, figures for the
//! statistics.
//!
//! Everything goes through the VM's `Profiler`. Events that need no text cost
//! nothing to speak of; those that come often ([`entered_loop`], exits) are
//! put into words only if a trace is written.

use super::listing::Listing;
use super::{names, state_mut};
#[cfg(feature = "cranelift")]
use crate::deopt::{Site, SiteKind};
use crate::interp;
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
pub(super) fn fill_in(vm: &mut Vm) {
    let drops = std::mem::take(&mut vm.native_drops);
    let jit = &mut interp::data(vm).jit;
    jit.profiler.stats.unwound += drops;
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
pub(crate) fn name(p: &mut ProtoObj) -> FuncName {
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

/// Another thread is to compile `p`.
#[cfg(feature = "cranelift")]
pub(crate) fn queued(vm: &mut Vm, p: &mut ProtoObj, tier: u8, by: &'static str) {
    interp::data(vm).jit.profiler.emit_often(
        |_| {},
        || Event::Queued {
            func: name(p),
            tier,
            by,
        },
    );
}

/// Why a compile is cancelled that is for the place of other code.
#[cfg(feature = "cranelift")]
pub(crate) const OUT_OF_USE: &str = "its code is out of use";

/// Why a compile is cancelled whose function was collected, or all about it forgotten.
#[cfg(feature = "cranelift")]
pub(crate) const GONE: &str = "the function is gone, or begins anew";

/// What another thread was to compile isn't wanted any more.
#[cfg(feature = "cranelift")]
pub(crate) fn cancelled(vm: &mut Vm, func: &FuncName, by: (u8, &'static str), why: &'static str) {
    let (tier, by) = by;
    interp::data(vm).jit.profiler.emit_often(
        |_| {},
        || Event::Cancelled {
            func: func.clone(),
            tier,
            by,
            why,
        },
    );
}

/// `p` has new code; compiling it took `took`.
#[cfg(feature = "cranelift")]
pub(super) fn compiled(
    vm: &mut Vm,
    p: &mut ProtoObj,
    reason: &'static str,
    made: &crate::tier1::Compiled,
    took: std::time::Duration,
) {
    let func = name(p);
    let jit = &mut interp::data(vm).jit;
    let profiler = &mut jit.profiler;
    if let (Some(listings), Some(listed)) = (&mut jit.listings, &made.listed) {
        listings.push(Listing::new(&func, p.spec(), listed));
    }
    if let Some(perf) = &mut jit.perf {
        perf.add(&format!("lua:{func}"), made.place);
    }
    profiler.emit(Event::Compiled {
        func,
        tier: 1,
        reason,
        insns: p.code_len,
        clif: made.clif,
        bytes: made.place.1 as u32,
        micros: took.as_nanos() as f64 / 1e3,
        entries: made.entries,
    });
}

/// `p` is interpreted from now on.
pub(super) fn not_compiled(vm: &mut Vm, p: &mut ProtoObj, reason: Reason, detail: String) {
    let event = Event::NotCompiled {
        func: name(p),
        tier: 1,
        reason,
        detail,
    };
    let jit = &mut interp::data(vm).jit;
    if let Some(listings) = &mut jit.listings {
        listings.push(Listing::none(&name(p), 1, event.to_string()));
    }
    jit.profiler.emit(event);
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

/// So many native frames are dropped, the innermost a function of `p`.
pub(crate) fn unwound(vm: &mut Vm, p: &mut ProtoObj, why: &'static str, frames: u32) {
    let event = Event::Unwound {
        func: name(p),
        frames,
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
        tier: 1,
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
        // SAFETY: as the caller says.
        (*expected, *found) = unsafe { exit.guard.in_words(base) };
        *frame_map = Site::new(exit.pc, SiteKind::Exit).map_text(p);
    }
    interp::data(vm).jit.profiler.emit(event);
}

/// `p`, or a loop of it, has optimized code, which is returned.
#[cfg(feature = "cranelift")]
pub(super) fn optimized(
    vm: &mut Vm,
    p: &mut ProtoObj,
    at: crate::tier2::snapshot::EntryAt,
    installed: crate::tier2::Installed,
) -> crate::tier2::code::Code {
    use crate::tier2::Installed;
    use crate::tier2::snapshot::EntryAt;
    let Installed {
        code,
        report,
        inlining,
    } = installed;
    listed2(vm, p, at, &report);
    let func = name(p);
    let (why, pc) = match at {
        EntryAt::Start => ("calls", None),
        EntryAt::Loop(pc) => ("loop", Some(pc)),
    };
    let reason = state_mut(p).tier2.again.take().unwrap_or(why);
    // SAFETY: the code keeps its table.
    let exits = unsafe { (*code.exits).sites.len() };
    let optimized = Event::Optimized {
        func: func.clone(),
        pc,
        stages: report.stages,
        inlining,
        passes: report.passes.done(),
        exits: exits as u32,
    };
    let profiler = &mut interp::data(vm).jit.profiler;
    profiler.emit(Event::Compiled {
        func,
        tier: 2,
        reason,
        insns: p.code_len,
        clif: report.insts,
        bytes: code.range.size() as u32,
        micros: report.stages.total(),
        entries: 1,
    });
    profiler.emit(optimized);
    code
}

/// `p` was not optimized.
#[cfg(feature = "cranelift")]
pub(super) fn not_optimized(
    vm: &mut Vm,
    p: &mut ProtoObj,
    at: crate::tier2::snapshot::EntryAt,
    why: String,
) {
    let _ = at;
    let event = Event::NotCompiled {
        func: name(p),
        tier: 2,
        reason: Reason::Unsupported,
        detail: format!("tier 2: {why}"),
    };
    let jit = &mut interp::data(vm).jit;
    if let Some(listings) = &mut jit.listings {
        listings.push(Listing::none(&name(p), 2, event.to_string()));
    }
    jit.profiler.emit(event);
}

/// A guard of optimized code failed, in a function of `p`, whose frame is the
/// innermost one now.
///
/// # Safety
/// It is, and laid out.
#[cfg(feature = "cranelift")]
pub(super) unsafe fn exited2(
    vm: &mut Vm,
    p: &mut ProtoObj,
    table: &crate::tier2::code::ExitTable,
    site: crate::tier2::ExitSite,
    hits: u32,
) {
    let tracing = interp::data(vm).jit.profiler.is_tracing();
    let [mut expected, mut found, mut frame_map] = [const { String::new() }; 3];
    if tracing {
        expected = site.reason.expected().into();
        let live = table.maps.frames(site.map).next_back();
        let live: Vec<u8> = live
            .into_iter()
            .flat_map(|f| &f.regs)
            .map(|r| r.0)
            .collect();
        let i = p.spec().code[site.pc as usize];
        // SAFETY: as the caller says.
        found = unsafe { super::guard::operands(i, &live, vm.base) };
        let map = table.maps.get(site.map);
        frame_map = map.map_or_else(String::new, |map| map.to_string());
    }
    let event = Event::Exit {
        func: name(p),
        tier: 2,
        line: p.spec().pos(site.pc).line,
        pc: site.pc,
        guard: site.reason.name().into(),
        expected,
        found,
        frame_map,
        count: hits,
    };
    interp::data(vm).jit.profiler.emit(event);
}

/// Optimized code of `p` as text, if code is listed.
#[cfg(feature = "cranelift")]
pub(super) fn listed2(
    vm: &mut Vm,
    p: &mut ProtoObj,
    at: crate::tier2::snapshot::EntryAt,
    report: &crate::tier2::Report,
) {
    let func = name(p);
    if let Some(listings) = &mut interp::data(vm).jit.listings {
        listings.push(Listing::optimized(&func, at, p.spec(), report));
    }
}
