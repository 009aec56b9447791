//! What happens to a function, and when.
//!
//! The decisions are the profiler's (`policy::decide`, a pure function); here
//! are the moments at which it is asked, the facts it gets, and what is done:
//!
//! | moment | asked by | facts |
//! |---|---|---|
//! | a budget is used up | the interpreter, [`hot`] | calls, back-edges |
//! | a guard failed | compiled code, [`exited`] | failures of that guard |
//! | a slow step, one of [`SAMPLE`] | compiled code, [`slow_step`] | slow steps that could be fast |
//!
//! A function that is compiled again for what its code does (guards that fail,
//! slow steps) keeps that code until the new code is there: it is *queued*, and has
//! code. One whose code was taken out of use, since something it relied on does not
//! hold any more, is queued without code: interpreted, and compiled when it is next
//! called or loops.
//!
//! Slow steps are sampled: what feedback knows of *that* instruction is
//! compared with what the code was made from ([`super::learned`]). Only steps
//! at instructions that could be fast by now count.

#[cfg(feature = "cranelift")]
use super::CodeSpace;
#[cfg(feature = "cranelift")]
use super::background::{self, Pending};
use super::learned::Change;
#[cfg(feature = "cranelift")]
use super::learned::Learned;
use super::{FuncState, Jit, events, state, state_mut};
use crate::interp;
#[cfg(feature = "cranelift")]
use crate::tier1::{self, Failure};
use std::time::Duration;
use strata_profiler::{
    Counters, Decision, Facts, Heat, Reason, Thresholds, TierState, Why, decide,
};
use strata_runtime::Vm;
#[cfg(feature = "cranelift")]
use strata_runtime::audit::{Bug, planted};
use strata_runtime::object::ProtoObj;
use strata_spec::{Insn, Op};

/// Every so many slow steps of a function one is looked at. A prime, so that
/// it isn't the same instruction of a loop each time.
pub(crate) const SAMPLE: u32 = 61;

/// How much more a step counts whose code was made without any feedback.
const FIRST: u32 = 8;

/// A program that has run so long can wait for the compiler to start.
const LONG: Duration = Duration::from_millis(4);

/// Calls and back-edges after which a function is considered again that
/// isn't compiled for want of code memory.
const WAIT: i32 = 4096;

/// What the policy is told about `p`.
fn facts(jit: &Jit, p: &ProtoObj, loop_insns: u32) -> Facts {
    let counters = Counters::of(p);
    let s = state(p);
    Facts {
        state: s.map_or(TierState::Cold, |s| s.state),
        calls: counters.calls,
        back_edges: counters.back_edges,
        insns: p.code_len,
        started: jit.profiler.stats.compiles > 0 || jit.profiler.elapsed() >= LONG,
        loop_insns,
        compiles: s.map_or(0, |s| s.compiles),
        exits: 0,
        slow_hits: s.map_or(0, |s| s.slow_hits),
        code_bytes: code_bytes(jit),
    }
}

/// Code memory in use.
fn code_bytes(jit: &Jit) -> usize {
    #[cfg(feature = "cranelift")]
    if let Some(space) = &jit.code {
        return space.in_use();
    }
    let _ = jit;
    0
}

/// Gives back the memory of code that nobody can run any more, if no native
/// frame is left.
fn reclaim(vm: &mut Vm) {
    #[cfg(feature = "cranelift")]
    if vm.native_depth == 0 {
        let jit = &mut interp::data(vm).jit;
        let freed = jit.code.as_ref().map_or(0, CodeSpace::reclaim);
        if freed > 0 {
            let bytes = u32::try_from(freed).unwrap_or(u32::MAX);
            jit.profiler.emit(strata_profiler::Event::Freed { bytes });
        }
    }
    let _ = vm;
}

/// The length of the loop of `p` that begins at `header`, in instructions.
fn loop_length(p: &ProtoObj, header: u32) -> u32 {
    let back = |(pc, i): &(u32, &Insn)| {
        i.op().is_some_and(Op::is_back_edge)
            && i64::from(*pc) + 1 + i64::from(i.jump()) == i64::from(header)
    };
    let code = (0u32..).zip(&p.storage.code);
    let last = code.skip(header as usize).filter(back).last();
    last.map_or(0, |(pc, _)| pc - header + 1)
}

/// A budget of `p`, which has no code, is used up, of back-edges if it is at
/// the `header` of a loop: whether it has code now.
///
/// # Safety
/// `p` is live.
#[cold]
pub(crate) unsafe fn hot(vm: &mut Vm, p: *mut ProtoObj, header: Option<u32>) -> bool {
    reclaim(vm);
    let jit = &interp::data(vm).jit;
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    if !jit.is_on() {
        proto.grant_calls(i32::MAX);
        proto.grant_loops(i32::MAX);
        return false;
    }
    #[cfg(feature = "cranelift")]
    // SAFETY: `p` is live.
    if unsafe { super::look::end(p) } {
        return true;
    }
    #[cfg(feature = "cranelift")]
    if state(proto).is_some_and(|s| s.pending.is_some()) {
        // SAFETY: `p` is live.
        return unsafe { background::still_pending(vm, p) };
    }
    #[cfg(feature = "cranelift")]
    if state(proto).is_none_or(|s| s.state == TierState::Cold)
        && crate::tier2::cached::is_known(vm, proto)
    {
        // SAFETY: `p` is live.
        unsafe {
            if super::optimize::is_cached(vm, p) && header.is_none() {
                return true;
            }
            return compile(vm, p, "cache");
        }
    }
    let jit = &interp::data(vm).jit;
    let thresholds = &jit.options.thresholds;
    let loop_insns = header.map_or(0, |header| loop_length(proto, header));
    let facts = facts(jit, proto, loop_insns);
    if let Some(why) = state(proto).and_then(|s| s.again) {
        // SAFETY: `p` is live.
        return unsafe { compile(vm, p, why.name()) };
    }
    let decision = decide(&facts, thresholds);
    let heat = facts.heat(thresholds);
    match decision {
        Decision::Compile | Decision::Recompile(_) => {
            if facts.state == TierState::Cold && facts.compiles == 0 {
                events::warm(vm, proto, &facts);
            }
            // SAFETY: `p` is live.
            unsafe { compile(vm, p, heat.unwrap_or(Heat::Calls).name()) }
        }
        Decision::Disable(reason) => {
            // SAFETY: `p` is live.
            unsafe { disable(vm, p, reason, String::new()) };
            false
        }
        Decision::Stay => {
            rest(proto, &facts, thresholds);
            false
        }
    }
}

/// Grants `p` what it may run before it is considered again.
fn rest(p: &mut ProtoObj, facts: &Facts, t: &Thresholds) {
    let left = |limit: u64, done: u64| {
        let left = limit.saturating_sub(done);
        i32::try_from(left).unwrap_or(i32::MAX)
    };
    let enough_loops = t.enough_back_edges(facts.insns, facts.loop_insns, facts.started);
    // At the start somebody else may be the first: so it is asked for again.
    let soon = |n: i32, usual: u32| {
        let usual = i32::try_from(usual.max(1)).unwrap_or(i32::MAX);
        if facts.started { n } else { n.min(usual) }
    };
    let (calls, loops) = match facts.state {
        TierState::Cold | TierState::Warm | TierState::Queued | TierState::Compiled => (
            soon(left(t.enough_calls(facts.started), facts.calls), t.calls),
            soon(left(enough_loops, facts.back_edges), t.back_edges),
        ),
        TierState::Disabled(Reason::CodeMemory) => (WAIT, WAIT),
        TierState::Disabled(_) => (i32::MAX, i32::MAX),
    };
    p.grant_calls(calls);
    p.grant_loops(loops);
}

/// Compiles `p`, or has another thread do it: whether it has code now.
///
/// # Safety
/// `p` is live.
#[cfg(feature = "cranelift")]
pub(super) unsafe fn compile(vm: &mut Vm, p: *mut ProtoObj, reason: &'static str) -> bool {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    let jit = &interp::data(vm).jit;
    let thresholds = &jit.options.thresholds;
    let begun = jit.profiler.elapsed();
    let speculate = thresholds.may_speculate(state(proto).map_or(0, |s| s.compiles));
    let learned = Learned::now(proto, vm.meta_epoch);
    let s = state_mut(proto);
    s.state = TierState::Queued;
    let again = s.again.take();
    s.speculation.off |= !speculate;
    let speculation = s.speculation.clone();
    // SAFETY: `p` is live.
    let (job, lowered) = match unsafe { tier1::lower(vm, p, &speculation) } {
        Ok(lowered) => lowered,
        Err(failure) => {
            // SAFETY: `p` is live.
            return unsafe { fail(vm, p, failure, again) };
        }
    };
    let took = interp::data(vm)
        .jit
        .profiler
        .elapsed()
        .saturating_sub(begun);
    let pending = Pending::new(lowered, learned, (reason, again), took);
    if background::is_on(vm) {
        // SAFETY: `p` is live.
        return unsafe { background::submit(vm, p, job, pending) };
    }
    let emitted = tier1::generate(vm, p, job);
    // SAFETY: `p` is live, and all of this is of it.
    unsafe { finish(vm, p, pending, emitted) }
}

/// `p` gets the code that was made of it: whether it has some now. If it has older
/// code, native frames that run that are dropped when they can be.
///
/// # Safety
/// `p` is live; what was lowered and what was made of it are of `p`.
#[cfg(feature = "cranelift")]
pub(super) unsafe fn finish(
    vm: &mut Vm,
    p: *mut ProtoObj,
    pending: Pending,
    emitted: Result<tier1::codegen::Emitted, Failure>,
) -> bool {
    let begun = interp::data(vm).jit.profiler.elapsed();
    let took = pending.took + emitted.as_ref().map_or(Duration::ZERO, |e| e.took);
    // SAFETY: as the caller says.
    let (made, old) = match unsafe { tier1::install(vm, p, pending.lowered, emitted) } {
        Ok(made) => made,
        Err(failure) => {
            // SAFETY: `p` is live.
            return unsafe { fail(vm, p, failure, pending.again) };
        }
    };
    // SAFETY: `p` is live.
    let proto = unsafe { &mut *p };
    let s = state_mut(proto);
    s.state = TierState::Compiled;
    s.compiles = s.compiles.saturating_add(1);
    s.slow_hits = 0;
    s.learned = pending.learned;
    proto.slow_hits = 0;
    if let Some(old) = old {
        super::optimize::replaced(proto, &old);
        leave_native(vm);
    }
    if super::look::is_on(proto) {
        // It is interpreted for a while, and goes on so.
        proto.entry = vm.exec.entry;
    } else {
        super::optimize::enter_best(proto);
        proto.grant_calls(0);
        proto.grant_loops(0);
    }
    let installing = interp::data(vm)
        .jit
        .profiler
        .elapsed()
        .saturating_sub(begun);
    events::compiled(vm, proto, pending.reason, &made, took + installing);
    super::optimize::expect_cached(proto);
    true
}

/// `p` can't be compiled: whether it has code all the same. What was to be better
/// code only goes on with what it has.
///
/// # Safety
/// `p` is live.
#[cfg(feature = "cranelift")]
unsafe fn fail(vm: &mut Vm, p: *mut ProtoObj, failure: Failure, again: Option<Why>) -> bool {
    // SAFETY: the caller says that `p` is live.
    let s = state_mut(unsafe { &mut *p });
    if again == Some(Why::Feedback) && s.has_code() {
        // One of those allowed, so that it isn't tried for ever.
        s.compiles = s.compiles.saturating_add(1);
        keep(s);
        return true;
    }
    let (reason, detail) = match failure {
        Failure::CodeMemory => (Reason::CodeMemory, String::new()),
        Failure::Unsupported(why) => (Reason::Unsupported, why),
        Failure::Bailout => (Reason::Bailout, String::new()),
    };
    // SAFETY: as above.
    unsafe { disable(vm, p, reason, detail) };
    false
}

/// A function goes on with the code it has, which was to be replaced.
#[cfg(feature = "cranelift")]
fn keep(s: &mut FuncState) {
    s.state = TierState::Compiled;
    s.slow_hits = 0;
}

/// `p` was to be compiled, and isn't for now: it is considered again later.
#[cfg(feature = "cranelift")]
pub(super) fn put_off(p: &mut ProtoObj, again: Option<Why>) {
    let s = state_mut(p);
    if s.code.is_some() {
        // It says so itself, as before.
        return keep(s);
    }
    s.state = TierState::Warm;
    s.again = again;
    p.grant_calls(WAIT);
    p.grant_loops(WAIT);
}

/// Without a compiler nothing is compiled.
///
/// # Safety
/// `p` is live.
#[cfg(not(feature = "cranelift"))]
pub(super) unsafe fn compile(vm: &mut Vm, p: *mut ProtoObj, _reason: &'static str) -> bool {
    // SAFETY: as the caller says.
    unsafe { disable(vm, p, Reason::Unsupported, String::new()) };
    false
}

/// Has `p` interpreted from now on.
///
/// # Safety
/// `p` is live.
pub(super) unsafe fn disable(vm: &mut Vm, p: *mut ProtoObj, reason: Reason, detail: String) {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    let s = state_mut(proto);
    s.state = TierState::Disabled(reason);
    s.detail.clone_from(&detail);
    #[cfg(feature = "cranelift")]
    background::cancel(vm, s, "it stays interpreted");
    withdraw(vm, proto);
    let jit = &interp::data(vm).jit;
    rest(proto, &facts(jit, proto, 0), &jit.options.thresholds);
    events::not_compiled(vm, proto, reason, detail);
}

/// Takes the code of `p`, if it has some, out of use, and code to come.
///
/// # Safety
/// `p` is live.
pub(super) unsafe fn drop_code(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: the caller says so.
    let proto = unsafe { &mut *p };
    #[cfg(feature = "cranelift")]
    background::cancel(vm, state_mut(proto), events::OUT_OF_USE);
    withdraw(vm, proto);
}

/// Grants `p`, which is cold, what it may run before it is considered.
///
/// # Safety
/// `p` is live.
pub(super) unsafe fn count_anew(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: the caller says so.
    let proto = unsafe { &mut *p };
    let jit = &interp::data(vm).jit;
    if jit.is_on() {
        rest(proto, &facts(jit, proto, 0), &jit.options.thresholds);
    } else {
        proto.grant_calls(i32::MAX);
        proto.grant_loops(i32::MAX);
    }
}

/// Takes the code of `p`, if it has some, out of use; native frames that run
/// it are dropped when they can be.
fn withdraw(vm: &mut Vm, p: &mut ProtoObj) {
    #[cfg(feature = "cranelift")]
    if state_mut(p).code.take().is_some() || !super::code2(p).is_empty() {
        p.entry = vm.exec.entry;
        p.points_entry = vm.exec.entry;
        p.typed_entries = [std::ptr::null(); 2];
        p.points = std::ptr::null();
        #[cfg(feature = "cranelift")]
        crate::tier2::withdraw(p);
        p.grant_calls(0);
        p.grant_loops(0);
        leave_native(vm);
    }
    let _ = (vm, p);
}

/// Has native frames dropped when they can be: some of them run code that is out of
/// use.
#[cfg(feature = "cranelift")]
fn leave_native(vm: &mut Vm) {
    if !planted(Bug::CodeLives) {
        vm.native_epoch = vm.native_epoch.wrapping_add(1);
    }
}

/// Stress: takes the code of `p` out of use although nothing is wrong with
/// it. The compile to come is not one of those allowed.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn invalidate_for_nothing(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    if state(proto).is_some_and(FuncState::has_code) {
        let s = state_mut(proto);
        #[cfg(feature = "cranelift")]
        background::cancel(vm, s, events::OUT_OF_USE);
        s.state = TierState::Queued;
        s.again = Some(Why::Feedback);
        s.compiles = s.compiles.saturating_sub(1);
        withdraw(vm, proto);
        events::invalidated(vm, proto, "stress");
    }
}

/// An assumption that code of `p` makes does not hold any more.
///
/// # Safety
/// `p` is live.
#[cfg(feature = "cranelift")]
pub(super) unsafe fn broken(vm: &mut Vm, p: *mut ProtoObj, what: super::Assumption) {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    let s = state_mut(proto);
    s.speculation.no_assumptions |= what == super::Assumption::Metatables;
    #[cfg(feature = "cranelift")]
    {
        s.tier2.speculation.no_assumptions |= what == super::Assumption::Metatables;
        s.tier2.again = Some("assumption");
    }
    let pending = background::cancel(vm, s, what.broken());
    if let Some(pending) = pending.filter(|_| !s.has_code()) {
        // It never had code that makes it.
        put_off(proto, pending.again.or(Some(Why::Assumption)));
        proto.grant_calls(0);
        proto.grant_loops(0);
        return;
    }
    if s.has_code() {
        // Perhaps it is the code to come that made it: what becomes of the older one
        // is not worth to be told apart.
        s.state = TierState::Queued;
        s.again = Some(Why::Assumption);
    }
    withdraw(vm, proto);
    events::invalidated(vm, proto, what.broken());
}

/// Acts on what the policy says about `p`, which has code.
#[cfg(feature = "cranelift")]
unsafe fn reconsider(vm: &mut Vm, p: *mut ProtoObj, facts: &Facts) {
    let decision = decide(facts, &interp::data(vm).jit.options.thresholds);
    match decision {
        Decision::Stay | Decision::Compile => {}
        Decision::Disable(reason) => {
            // SAFETY: the caller says that `p` is live.
            unsafe { disable(vm, p, reason, String::new()) }
        }
        Decision::Recompile(why) => {
            // SAFETY: as above.
            unsafe {
                state_mut(&mut *p).again = Some(why);
                compile(vm, p, why.name());
            }
        }
    }
}

/// A slow step ran instruction `pc` of `p`, whose feedback might have made it
/// fast: one of [`SAMPLE`].
///
/// # Safety
/// `p` is live.
#[cold]
pub(crate) unsafe fn slow_step(vm: &mut Vm, p: *mut ProtoObj, pc: u32) {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    let Some(s) = state(proto).filter(|s| s.state == TierState::Compiled) else {
        return;
    };
    let weight = match s.learned.change(proto, pc, vm.meta_epoch) {
        None => return,
        Some(Change::First) => SAMPLE * FIRST,
        Some(Change::More) => SAMPLE,
    };
    let s = state_mut(proto);
    s.slow_hits = s.slow_hits.saturating_add(weight);
    #[cfg(feature = "cranelift")]
    // SAFETY: `p` is live.
    unsafe {
        let facts = facts(&interp::data(vm).jit, proto, 0);
        reconsider(vm, p, &facts);
    }
}

/// A guard of the code that runs the frame at `base`, a function of `p`,
/// failed.
///
/// # Safety
/// `p` is live, `base` its frame in the running stack, `exit` one of its
/// exits.
#[cfg(feature = "cranelift")]
pub(crate) unsafe fn exited(
    vm: &mut Vm,
    p: *mut ProtoObj,
    base: *mut strata_runtime::value::Value,
    exit: *const super::Exit,
) {
    // SAFETY: as the caller says.
    unsafe {
        events::exited(vm, &mut *p, base, &*exit);
        interp::note_exit(vm, base);
        let jit = &interp::data(vm).jit;
        // Again and again, if it was put off.
        let threshold = jit.options.thresholds.exits.max(1);
        if !(*exit).hits.is_multiple_of(threshold) {
            return;
        }
        let mut facts = facts(jit, &*p, 0);
        let s = state_mut(&mut *p);
        // Older code that still runs says nothing about newer one.
        let current = s
            .code
            .as_ref()
            .is_some_and(|code| code.exits.contains(&(exit as usize)));
        if current {
            s.speculation.forbid((*exit).pc);
            facts.exits = (*exit).hits;
            reconsider(vm, p, &facts);
        }
    }
}
