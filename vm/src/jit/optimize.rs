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
use crate::interp::native::Entry;
use crate::ir::Reason;
use crate::jit::choice::choice;
use crate::jit::learned::{Seen, has_caches, tells_all};
use crate::jit::{self, Speculation, events, look, state, state_mut};
use crate::tier1::heat::{AT_POINT, Cell, GO_ON};
use crate::tier2::cached::{self, Found};
use crate::tier2::code::ExitTable;
use crate::tier2::snapshot::EntryAt;
use crate::tier2::{self, Installed};
use std::sync::atomic::Ordering;
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_runtime::value::Value;

/// Most compiles of a function and its loops, for whatever reason.
const COMPILES: u8 = 12;

/// Calls that make a function worth compiling, as a share of those that would
/// be enough alone: while a loop of it is hot.
const SOME_CALLS: i32 = 8;

/// How many times as hot functions have to become that are short enough to be
/// inlined, and the threshold below which nothing is put off.
const PATIENCE: i32 = 3;
const WORTH_WAITING: u32 = 100_000;

/// To compile so many instructions of IR takes as long as some thirty exits: one of
/// them is enough.
const INSTS_PER_EXIT: u32 = 8;

/// Most times that the wait for the next compile doubles.
const DOUBLINGS: u8 = 6;

/// How often code of a function is given up because a conditional jump went
/// another way than ever before, until it is made for both ways.
const SURPRISES: u8 = 2;

/// Whether code of `p` may leave out ways that conditional jumps never went.
pub(crate) fn prunes2(p: &ProtoObj) -> bool {
    state(p).is_none_or(|s| s.tier2.surprises < SURPRISES)
}

/// Where `p` may speculate in tier 2.
pub(crate) fn speculation2(p: &ProtoObj) -> Speculation {
    state(p).map_or_else(Speculation::default, |s| s.tier2.speculation.clone())
}

/// The optimized code of `p`.
pub(crate) fn code2(p: &ProtoObj) -> &[tier2::code::Code] {
    state(p).map_or(&[], |s| &s.tier2.code)
}

/// Whether there is optimized code of `p` for this entry.
pub(crate) fn has_code2(p: &ProtoObj, at: EntryAt) -> bool {
    state(p).is_some_and(|s| s.tier2.code.iter().any(|c| c.at == at))
}

/// Whether code of `p` for `outer` contains the loop that `inner` is.
pub(crate) fn contains2(p: &ProtoObj, outer: EntryAt, inner: EntryAt) -> bool {
    let EntryAt::Loop(inner) = inner else {
        return false;
    };
    let EntryAt::Loop(outer) = outer else {
        return true;
    };
    let loops = state(p)
        .and_then(|s| s.code.as_ref())
        .map(|c| &c.heat.loops);
    loops.is_some_and(|loops| {
        let found = loops.iter().find(|&&(header, _)| header == outer);
        found.is_some_and(|&(_, end)| outer < inner && inner <= end)
    })
}

/// Instructions of tier 1's code of `p` after which its counters are used up;
/// `None` if nobody asks.
pub(crate) fn heat_budget(vm: &mut Vm, p: &ProtoObj) -> Option<u32> {
    let charges = vm.charges;
    let optimizes = choice(vm, p).mode.optimizes();
    let jit = &interp::data(vm).jit;
    let asks = optimizes && !jit.options.count && !charges;
    asks.then_some(jit.options.thresholds.hot)
}

/// Sets a counter of `p`.
fn grant(p: &mut ProtoObj, number: usize, n: i32) {
    if let Some(code) = &state_mut(p).code
        && let Some(cell) = code.heat.cells.get(number)
    {
        cell.left.store(n, Ordering::Relaxed);
    }
}

/// What a counter of `p` has left.
fn left(p: &ProtoObj, number: usize) -> Option<i32> {
    let code = state(p)?.code.as_ref()?;
    Some(code.heat.cells.get(number)?.left.load(Ordering::Relaxed))
}

/// What a counter of `p` began with.
fn budget(p: &ProtoObj, number: usize) -> i32 {
    let code = state(p).and_then(|s| s.code.as_ref());
    code.map_or(i32::MAX, |code| code.heat.budget(number))
}

/// How often a counter of `p` was counted down.
fn counted(p: &ProtoObj, number: usize) -> i32 {
    budget(p, number).saturating_sub(left(p, number).unwrap_or(0))
}

/// Queues a compile, if it may be: the counter is not asked again for a while.
unsafe fn queue(vm: &mut Vm, p: *mut ProtoObj, at: EntryAt, base: Option<*const Value>) {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    let off = state_mut(proto).tier2.off;
    if off || tier2::under_way(vm, p, at, has_code2(proto, at)) {
        return;
    }
    // SAFETY: as above.
    let s = unsafe { state_mut(&mut *p) };
    if s.tier2.compiles >= COMPILES {
        s.tier2.off = true;
        return;
    }
    s.tier2.compiles += 1;
    // SAFETY: `base` is a frame of `p`, canonical.
    let asked = unsafe {
        // Short functions after what may call them.
        let heat = u32::from(!tier2::snapshot::goes_with_callers(p) || at != EntryAt::Start);
        tier2::request(vm, p, at, base, heat)
    };
    if let Err(why) = asked {
        // SAFETY: `p` is live.
        unsafe { compiled2(vm, p, at, Err(why)) };
    }
}

/// Whether a function that became hot is let be for a while: it is likely that
/// what calls it is about to be compiled, with this function in it, and that
/// nobody calls it any more then.
fn put_off(vm: &mut Vm, p: &mut ProtoObj) -> bool {
    // SAFETY: it is a reference.
    let goes = unsafe { tier2::snapshot::goes_with_callers(p) };
    let hot = interp::data(vm).jit.options.thresholds.hot;
    let s = state_mut(p);
    if s.tier2.was_put_off || hot < WORTH_WAITING || !goes {
        return false;
    }
    state_mut(p).tier2.was_put_off = true;
    grant(p, 0, budget(p, 0).saturating_mul(PATIENCE));
    true
}

/// `p` has new code of tier 1: what the compile cache is expected to have of it is
/// looked for sooner than it would be compiled.
pub(crate) fn expect_cached(p: &mut ProtoObj) {
    for at in cached::expected(p) {
        let code = state(p).and_then(|s| s.code.as_ref());
        let loops = code.map_or(&[][..], |code| &code.heat.loops);
        let loops = (1..).zip(loops).map(|(n, l)| (n, EntryAt::Loop(l.0)));
        let all = std::iter::once((0, EntryAt::Start)).chain(loops);
        let within: Vec<usize> = all
            .filter(|&(_, this)| this == at || contains2(p, at, this))
            .map(|(number, _)| number)
            .collect();
        for number in within {
            grant(p, number, cached::early(budget(p, number)));
        }
    }
}

/// Whether code of `p` for this entry, or one around it, is expected to be in the
/// compile cache: it is there now, or counter `number` goes on.
///
/// # Safety
/// `p` is live; `base`, if given, its frame, canonical.
unsafe fn is_expected(
    vm: &mut Vm,
    p: *mut ProtoObj,
    (at, number): (EntryAt, usize),
    base: Option<*const Value>,
) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let mut later = None;
        for expected in cached::expected(&mut *p) {
            if expected != at && !contains2(&*p, expected, at) {
                continue;
            }
            let base = base.filter(|_| expected != EntryAt::Start);
            match cached::look(vm, p, expected, base) {
                Found::Nothing => {}
                Found::Later(share) => later = later.max(Some(share)),
                Found::Code => {
                    let some = match at {
                        EntryAt::Start => i32::MAX,
                        EntryAt::Loop(_) => budget(&*p, number).max(64),
                    };
                    grant(&mut *p, number, some);
                    return true;
                }
            }
        }
        if let Some(share) = later {
            let some = budget(&*p, number) / share;
            grant(&mut *p, number, some);
        }
        later.is_some()
    }
}

/// Whether code of `p`, which has none of tier 1, is in the compile cache now: it is
/// called then. What it is left to is interpreted, until tier 1 has code for that.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn is_cached(vm: &mut Vm, p: *mut ProtoObj) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let expected = cached::expected(&mut *p).contains(&EntryAt::Start);
        // Where nobody asks for optimized code there is to be none.
        let asks = expected && heat_budget(vm, &*p).is_some();
        asks && cached::look(vm, p, EntryAt::Start, None) == Found::Code
    }
}

/// Has calls of `p` enter the best code there is.
pub(crate) fn enter_best(p: &mut ProtoObj) {
    let best = code2(p).iter().find(|c| c.at == EntryAt::Start);
    if let Some((entry, typed)) = best.map(|c| (c.entry, c.typed)) {
        p.entry = entry;
        p.typed_entries = typed;
    }
}

/// `p` has code of tier 1 in the place of `old`. Optimized code was made from the same
/// feedback, which has changed, and goes, too; if there is none, counters go on.
pub(crate) fn replaced(p: &mut ProtoObj, old: &super::Code) {
    if !code2(p).is_empty() {
        p.typed_entries = [std::ptr::null(); 2];
        tier2::withdraw(p);
        return;
    }
    for (number, cell) in old.heat.cells.iter().enumerate() {
        grant(p, number, cell.left.load(Ordering::Relaxed));
    }
}

/// Another thread has finished compiles, perhaps.
pub(crate) fn ready(vm: &mut Vm) {
    super::background::look(vm);
    tier2::ready(vm);
}

/// The counter of calls of the function whose frame is at `base` is used up.
///
/// # Safety
/// It is the innermost frame, laid out, of compiled code.
#[cold]
pub(crate) unsafe fn hot_call(vm: &mut Vm, base: *mut Value) {
    // SAFETY: a Lua frame's function is a live closure.
    unsafe {
        let p = interp::frame_proto(base);
        if is_expected(vm, p, (EntryAt::Start, 0), None) {
            return;
        }
        if put_off(vm, &mut *p) {
            return;
        }
        let len = (*p).code_len;
        if look::is_on(&*p) || look::begin(vm, p, 0, len) {
            // This call goes on as it is.
            let some = budget(&*p, 0).max(64);
            return grant(&mut *p, 0, some);
        }
        grant(&mut *p, 0, i32::MAX);
        queue(vm, p, EntryAt::Start, None);
    }
}

/// A loop's counter is used up: `GO_ON`, or what its optimized code has come to:
/// `AT_POINT` and the entry point to go on at, or the status to leave with.
///
/// # Safety
/// `base` is the innermost frame, canonical, at the loop's header; it runs the
/// code that `cell` belongs to.
#[cold]
pub(crate) unsafe fn hot_loop(vm: &mut Vm, base: *mut Value, cell: &Cell) -> usize {
    let header = cell.header;
    // SAFETY: as the caller says.
    unsafe {
        let p = interp::frame_proto(base);
        let code = state(&*p).and_then(|s| s.code.as_ref());
        let number = code.and_then(|code| code.heat.number_of(cell));
        let (Some(code), Some(number)) = (code, number) else {
            // The code that runs was replaced.
            return interp::native::interpret_at(vm, base, header, "invalidation");
        };
        if let Some(status) = enter(vm, p, base, (number, header)) {
            return status;
        }
        let this = (EntryAt::Loop(header), number);
        if is_expected(vm, p, this, Some(base)) {
            return enter(vm, p, base, (number, header)).unwrap_or(GO_ON);
        }
        // The outermost loop around it that went round.
        let mut at = header;
        let end = code.heat.loops[number - 1].1;
        for (n, &(other, other_end)) in (1..).zip(&code.heat.loops) {
            let around = other < header && other_end >= end;
            if around && counted(&*p, n) >= 2 && other < at {
                at = other;
            }
        }
        let calls = counted(&*p, 0);
        let len = end + 1 - header;
        if look::is_on(&*p) || look::begin(vm, p, number, len) {
            grant(&mut *p, number, budget(&*p, number).max(64));
            return interp::native::interpret_at(vm, base, header, "second look");
        }
        grant(&mut *p, number, budget(&*p, number).max(64));
        // Who was here before code of the function or the outer loop was there
        // stays here: that needs code of its own.
        let codes = state(&*p).map_or(&[][..], |s| &s.tier2.code);
        let has = |at: EntryAt| codes.iter().any(|c| c.at == at);
        let wider = if calls > SOME_CALLS {
            EntryAt::Start
        } else {
            EntryAt::Loop(at)
        };
        let at = if has(wider) {
            EntryAt::Loop(header)
        } else {
            wider
        };
        // At another loop's header registers are much the same.
        let looks = at != EntryAt::Start;
        queue(vm, p, at, looks.then_some(base.cast_const()));
        // It may be there at once.
        enter(vm, p, base, (number, header)).unwrap_or(GO_ON)
    }
}

/// Runs optimized code of the loop with this number and header, if there is
/// such a thing: the answer as of `hot_loop`.
unsafe fn enter(
    vm: &mut Vm,
    p: *mut ProtoObj,
    base: *mut Value,
    (number, header): (usize, u32),
) -> Option<usize> {
    // SAFETY: as for `hot_loop`.
    unsafe {
        let codes = &state(&*p)?.tier2.code;
        let code = codes.iter().find(|c| c.at == EntryAt::Loop(header))?;
        let (entry, slots) = (code.entry, code.slots as usize);
        // At every round.
        grant(&mut *p, number, 0);
        if base.add(slots) > vm.limit {
            return None;
        }
        jit::entered_loop(vm, &mut *p, header);
        let epoch = vm.native_epoch;
        let entry = std::mem::transmute::<*const (), Entry>(entry);
        let status = entry(vm, base, 0);
        if status != interp::native::LOOP_DONE {
            return Some(status);
        }
        // The frame is canonical at `vm.pc`. Tier 1's code goes on if it is
        // still the function's.
        let pc = vm.pc.offset_from((*p).code) as u32;
        let point = jit::entry_point(&*p, pc).filter(|_| vm.native_epoch == epoch);
        Some(point.map_or(interp::CONTINUE, |at| AT_POINT + at))
    }
}

/// A compile of `p` came to an end.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn compiled2(
    vm: &mut Vm,
    p: *mut ProtoObj,
    at: EntryAt,
    result: Result<Installed, String>,
) {
    // SAFETY: as the caller says.
    let proto = unsafe { &mut *p };
    match result {
        Ok(installed) => {
            let code = events::optimized(vm, proto, at, installed);
            let s = state_mut(proto);
            if s.code.is_none() && at != EntryAt::Start {
                // Without tier 1's code there is nothing to come from.
                return;
            }
            for old in s.tier2.code.extract_if(.., |c| c.at == at) {
                // Who is in it leaves at the next safepoint.
                // SAFETY: the range keeps the table.
                unsafe { (*old.exits).dead.set(true) };
                vm.heap.changes += 1;
            }
            s.tier2.code.push(code);
            match at {
                EntryAt::Start => enter_best(proto),
                EntryAt::Loop(header) => {
                    let heat = &state_mut(proto)
                        .code
                        .as_ref()
                        .map(|c| c.heat.number(header));
                    if let Some(Some(number)) = heat {
                        grant(proto, *number, 0);
                    }
                }
            }
        }
        Err(why) => {
            let s = state_mut(proto);
            s.tier2.compiles = s.tier2.compiles.max(COMPILES - 1);
            events::not_optimized(vm, proto, at, why);
        }
    }
}

/// Exit `n` of optimized code was taken, the `hits`th time.
///
/// # Safety
/// The functions of the table are live; the interpreter's frames are made.
pub(crate) unsafe fn exited2(vm: &mut Vm, table: &ExitTable, n: usize, hits: u32) {
    let site = table.sites[n];
    // SAFETY: as the caller says.
    unsafe {
        let inner = table.funcs[site.func as usize];
        events::exited2(vm, &mut *inner, table, site, hits);
        // The end of the loop is no failure.
        let fine = site.reason == Reason::Done || table.dead.get();
        if fine || hits < enough(vm, table) {
            return;
        }
        // What is seen for the first time is known by now; other guesses were
        // wrong.
        let same = Seen::now(&*inner, site.pc, vm.meta_epoch) == Some(site.seen);
        let caches = has_caches(&*inner, site.pc);
        let told = caches || site.reason == Reason::Library || tells_all(&*inner, site.pc);
        let speculation = &mut state_mut(&mut *inner).tier2.speculation;
        if site.early {
            speculation.fail_early(site.pc, site.reason);
        } else if same && told {
            speculation.forbid(site.pc);
        } else if same || (caches && site.reason != Reason::Unreached) {
            speculation.fail(site.pc);
        }
        if site.reason == Reason::Unreached {
            let state = &mut state_mut(&mut *table.proto()).tier2;
            state.surprises = state.surprises.saturating_add(1);
        }
        drop_code(table);
    }
}

/// How often a guard of code has to fail until the code is made anew. Larger code
/// has to fail more often, since it takes longer to make; what is learned in the
/// meantime saves further compiles.
fn enough(vm: &mut Vm, table: &ExitTable) -> u32 {
    let thresholds = &interp::data(vm).jit.options.thresholds;
    let patience = if thresholds.hot < WORTH_WAITING {
        0
    } else {
        table.insts / INSTS_PER_EXIT
    };
    thresholds.exits.max(1).max(patience)
}

/// Takes code out of use, so that it is made anew.
unsafe fn drop_code(table: &ExitTable) {
    // SAFETY: the code's prototype is live, as its frame is.
    unsafe {
        let p = table.proto();
        table.dead.set(true);
        let proto = &mut *p;
        let points = proto.points_entry;
        let s = state_mut(proto);
        s.tier2.again = Some("exits");
        s.tier2.code.retain(|c| c.at != table.at);
        let number = match table.at {
            EntryAt::Start => {
                proto.entry = points;
                proto.typed_entries = [std::ptr::null(); 2];
                Some(0)
            }
            EntryAt::Loop(header) => state(proto)
                .and_then(|s| s.code.as_ref())
                .and_then(|c| c.heat.number(header)),
        };
        if let Some(number) = number {
            // Sooner than the first time: it is hot. Later each time.
            let drops = &mut state_mut(proto).tier2.drops;
            let times = 1 << (*drops).min(DOUBLINGS);
            *drops = drops.saturating_add(1);
            let again = (budget(proto, number) / 4).saturating_mul(times);
            grant(proto, number, again);
        }
    }
}

/// Compiles `p` for a listing, and nothing else.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn list(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: as the caller says.
    unsafe {
        match tier2::compile_now(vm, p, EntryAt::Start) {
            Ok(report) => events::listed2(vm, &mut *p, EntryAt::Start, &report),
            Err(why) => events::not_optimized(vm, &mut *p, EntryAt::Start, why),
        }
    }
}
