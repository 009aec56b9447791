//! Compiles under way: what the VM's thread asks for, and what becomes of it.

use super::Stage;
use super::cached::{self, Manner};
use super::code::ExitTable;
use super::compile::{Compile, Refused, micros};
use super::install::install;
use super::snapshot::{EntryAt, Snapshot};
use crate::interp;
use crate::jit::choice::choice;
use crate::jit::queue::{Crew, Queue};
use crate::jit::{self, CodeRange};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use strata_profiler::FuncName;
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_runtime::value::Value;

/// What a VM keeps for tier 2.
#[derive(Debug)]
pub(crate) struct Tier2 {
    /// The worker that runs Cranelift.
    soon: Queue<Compile>,
    /// The one that runs LLVM.
    best: Queue<Compile>,
    /// What code of Cranelift's calls helpers by (`clif::aside`).
    pub(super) aside: Option<CodeRange>,
    /// What the jobs under way are for, by key.
    under_way: FxHashMap<u64, UnderWay>,
    /// Not 0 once checked code has run.
    pub(super) ran: Arc<AtomicU64>,
}

impl Tier2 {
    /// Whether code has run that tells, since this was last asked.
    pub(crate) fn has_run(&self) -> bool {
        self.ran.swap(0, Ordering::Relaxed) != 0
    }
}

impl Tier2 {
    /// Cancels LLVM's compiles of loops of `p` that the one for `at` contains: how
    /// many.
    fn forget_inside(&mut self, p: &ProtoObj, at: EntryAt) -> usize {
        let best = &mut self.best;
        let before = self.under_way.len();
        self.under_way.retain(|&key, job| {
            let inside = job.stage == Stage::Best
                && std::ptr::eq(job.proto, p)
                && jit::contains2(p, at, job.at);
            if inside {
                best.cancel(key);
            }
            !inside
        });
        before - self.under_way.len()
    }

    fn queue(&mut self, stage: Stage) -> &mut Queue<Compile> {
        match stage {
            Stage::Soon => &mut self.soon,
            Stage::Best => &mut self.best,
        }
    }
}

/// The threads of several VMs.
pub(crate) struct Crews {
    soon: Crew<Compile>,
    best: Crew<Compile>,
}

impl Crews {
    /// Threads that are not started yet.
    pub(crate) fn new() -> Crews {
        Crews {
            soon: Crew::new(soon(jit::queue::Options::default())),
            best: Crew::new(best(jit::queue::Options::default())),
        }
    }
}

/// The options of the worker that runs Cranelift.
fn soon(options: jit::queue::Options) -> jit::queue::Options {
    jit::queue::Options {
        share: 100,
        ..options
    }
}

/// Those of the one that runs LLVM.
fn best(options: jit::queue::Options) -> jit::queue::Options {
    jit::queue::Options {
        patient: true,
        ..options
    }
}

#[derive(Debug)]
struct UnderWay {
    proto: *mut ProtoObj,
    name: FuncName,
    at: EntryAt,
    stage: Stage,
    heat: u32,
    /// It is for the place of code that there is.
    replaces: bool,
    /// Microseconds that the VM's thread needed for it.
    took: f64,
    /// Gone with the prototype.
    alive: Weak<()>,
}

// SAFETY: prototypes belong to the VM that this belongs to, and go with it.
unsafe impl Send for Tier2 {}

/// The tier of a stage's code, and whose it is.
fn by(stage: Stage) -> (u8, &'static str) {
    match stage {
        Stage::Soon => (2, "cranelift"),
        Stage::Best => (2, "llvm"),
    }
}

/// A compile that was under way isn't wanted any more.
fn cancelled(vm: &mut Vm, job: &UnderWay, why: &'static str) {
    jit::events::cancelled(vm, &job.name, by(job.stage), why);
}

/// A key for the queue.
fn key(p: *mut ProtoObj, at: EntryAt) -> u64 {
    let pc = match at {
        EntryAt::Start => 0,
        EntryAt::Loop(pc) => u64::from(pc) + 1,
    };
    (p as u64) << 16 ^ pc
}

/// Whether a compile of `p` is under way that may still be of use. If there is
/// no code any more whose place it is for (`has_code`), it was dropped for what
/// it guessed, and LLVM needn't go on.
pub(crate) fn under_way(vm: &mut Vm, p: *mut ProtoObj, at: EntryAt, has_code: bool) -> bool {
    let Some(tier2) = &mut interp::data(vm).jit.tier2 else {
        return false;
    };
    let key = key(p, at);
    if tier2.soon.pending(key) {
        return true;
    }
    if !tier2.best.pending(key) {
        return false;
    }
    if !has_code && tier2.under_way.get(&key).is_some_and(|job| job.replaces) {
        tier2.best.cancel(key);
        if let Some(job) = tier2.under_way.remove(&key) {
            cancelled(vm, &job, jit::events::OUT_OF_USE);
        }
        return false;
    }
    true
}

/// Has `p` compiled. `base`: the frame that runs it.
///
/// # Safety
/// `p` is live, `base` a frame of it, canonical.
pub(crate) unsafe fn request(
    vm: &mut Vm,
    p: *mut ProtoObj,
    at: EntryAt,
    base: Option<*const Value>,
    heat: u32,
) -> Result<(), String> {
    // SAFETY: the caller says that `p` is live.
    let stage = Stage::first(choice(vm, unsafe { &*p }).backend);
    // SAFETY: as the caller says.
    unsafe { request_by(vm, p, at, base, (stage, heat)) }
}

/// The same, by a stage.
///
/// # Safety
/// As of [`request`].
unsafe fn request_by(
    vm: &mut Vm,
    p: *mut ProtoObj,
    at: EntryAt,
    base: Option<*const Value>,
    (stage, heat): (Stage, u32),
) -> Result<(), String> {
    let begun = Instant::now();
    // SAFETY: as the caller says.
    let mut snapshot = unsafe { Snapshot::take(vm, p, at, base) };
    // What the code will name has to live until it is there.
    // SAFETY: `p` is live, and so is what its feedback names.
    unsafe {
        snapshot.keep_alive(vm, p);
        if let Some(cache) = cached::prepare(vm, &mut snapshot) {
            match cached::find(vm, &cache, p, snapshot) {
                Ok(found) => {
                    let entered = cached::enter(vm, p, found, (heat, begun));
                    return entered
                        .then_some(())
                        .ok_or("it doesn't fit any more".into());
                }
                Err(back) => snapshot = *back,
            }
            cache.miss();
        }
        submit(vm, p, snapshot, (stage, false), heat, begun)
    }
}

/// What the VM keeps for tier 2, made if there is none. Threads are started by the
/// first job.
pub(super) fn workers(vm: &mut Vm) -> &mut Tier2 {
    let wakers = [vm.waker(), vm.waker()];
    let seed = vm.heap.seed();
    let data = interp::data(vm);
    let options = jit::queue::Options {
        delivery: data.stress.modes.queue,
        seed,
        ..jit::queue::Options::default()
    };
    let threads = data.jit.threads.as_ref().map(|t| t.optimizing());
    let soon_crew = threads.map(|crews| crews.soon.clone());
    let best_crew = threads.map(|crews| crews.best.clone());
    data.jit.tier2.get_or_insert_with(|| {
        let [a, b] = wakers;
        Tier2 {
            soon: Queue::new(soon(options.clone()), soon_crew, move || a.wake()),
            best: Queue::new(best(options), best_crew, move || b.wake()),
            aside: None,
            under_way: FxHashMap::default(),
            ran: Arc::default(),
        }
    })
}

/// Hands a compile to the worker of a stage; whether it is for the place of
/// code that there is. `begun`: when the work for it did.
///
/// # Safety
/// `p` is live.
unsafe fn submit(
    vm: &mut Vm,
    p: *mut ProtoObj,
    snapshot: Snapshot,
    (stage, replaces): (Stage, bool),
    heat: u32,
    begun: Instant,
) -> Result<(), String> {
    let at = snapshot.entry;
    // SAFETY: as the caller says.
    let name = unsafe { jit::events::name(&mut *p) };
    // SAFETY: as above.
    let backend = choice(vm, unsafe { &*p }).backend;
    let manner = Manner::of(vm, stage, backend);
    let checked = cfg!(debug_assertions) || manner.tells && interp::data(vm).jit.options.verify;
    let job = Compile {
        manner,
        cache: cached::cache(vm).filter(|c| c.keeps() && !snapshot.contents.is_empty()),
        snapshot,
        name: name.to_string(),
        checked,
        listing: interp::data(vm).jit.listings.is_some(),
    };
    let tier2 = workers(vm);
    if stage == Stage::Best {
        // SAFETY: `p` is live.
        for _ in 0..tier2.forget_inside(unsafe { &*p }, at) {
            let why = "what contains the loop is compiled";
            jit::events::cancelled(vm, &name, by(stage), why);
        }
    }
    let tier2 = workers(vm);
    let k = key(p, at);
    tier2
        .queue(stage)
        .submit(k, heat, job)
        .map_err(|e| e.to_string())?;
    let (tier, by) = by(stage);
    // SAFETY: `p` is live.
    jit::events::queued(vm, unsafe { &mut *p }, tier, by);
    // SAFETY: as above.
    let alive = unsafe { Arc::downgrade(&jit::state_mut(&mut *p).tier2.alive) };
    if let Some(tier2) = &mut interp::data(vm).jit.tier2 {
        let job = UnderWay {
            proto: p,
            name,
            at,
            stage,
            heat,
            replaces,
            took: micros(begun),
            alive,
        };
        let before = tier2.under_way.insert(k, job);
        if let Some(job) = before.filter(|job| job.stage == stage) {
            cancelled(vm, &job, "it is asked for anew");
        }
    }
    if interp::data(vm).stress.modes.queue == crate::stress::Delivery::Sync {
        ready(vm);
    }
    Ok(())
}

/// Installs what the queue has ready.
pub(crate) fn ready(vm: &mut Vm) {
    let Some(tier2) = &mut interp::data(vm).jit.tier2 else {
        return;
    };
    let mut ready: Vec<_> = tier2.soon.take_ready().collect();
    ready.extend(tier2.best.take_ready());
    let mut done = Vec::new();
    for (key, result) in ready {
        if let Some(for_whom) = tier2.under_way.remove(&key) {
            done.push((for_whom, result));
        }
    }
    for (for_whom, result) in done {
        if for_whom.alive.strong_count() == 0 {
            cancelled(vm, &for_whom, jit::events::GONE);
            continue;
        }
        // SAFETY: the prototype is alive.
        if for_whom.replaces && !unsafe { jit::has_code2(&*for_whom.proto, for_whom.at) } {
            // Dropped meanwhile: what it guessed was wrong.
            cancelled(vm, &for_whom, jit::events::OUT_OF_USE);
            continue;
        }
        let UnderWay {
            proto,
            name,
            at,
            stage,
            heat,
            took,
            ..
        } = for_whom;
        // SAFETY: the prototype is alive.
        let improved = stage.is_improved(choice(vm, unsafe { &*proto }).backend);
        let best = interp::data(vm).jit.options.thresholds.best;
        let mut again = None;
        let result = match result {
            Ok(Ok(mut product)) => {
                product.report.stages.snapshot = took;
                // SAFETY: the prototype is alive.
                unsafe { install(vm, proto, product) }.map(|(mut installed, snapshot)| {
                    if improved {
                        again = installed.code.expects(snapshot, best, heat);
                    }
                    installed
                })
            }
            Ok(Err(Refused::ByBackend(_)))
                // SAFETY: the prototype is alive.
                if improved && unsafe { other(vm, proto, at, heat) } =>
            {
                jit::events::cancelled(vm, &name, by(stage), "the other backend has to do it");
                continue;
            }
            Ok(Err(why)) => Err(why.to_string()),
            Err(failure) => Err(failure.to_string()),
        };
        // SAFETY: as above.
        unsafe { jit::compiled2(vm, proto, at, result) };
        if let Some(snapshot) = again {
            // SAFETY: as above.
            unsafe { improve(vm, proto, snapshot, heat) };
        }
    }
}

/// What Cranelift refuses LLVM may take: whether it is asked.
///
/// # Safety
/// `p` is live.
unsafe fn other(vm: &mut Vm, p: *mut ProtoObj, at: EntryAt, heat: u32) -> bool {
    // SAFETY: as the caller says.
    unsafe { request_by(vm, p, at, None, (Stage::Best, heat)) }.is_ok()
}

/// Has LLVM make code for the place of code that there is.
///
/// # Safety
/// `p` is live.
pub(super) unsafe fn improve(vm: &mut Vm, p: *mut ProtoObj, snapshot: Snapshot, heat: u32) {
    let next = (Stage::Best, true);
    // SAFETY: as the caller says. If it is refused, the code stays that there is.
    let _ = unsafe { submit(vm, p, snapshot, next, heat, Instant::now()) };
}

/// How many times as long a loop runs until LLVM is asked for it, where its function
/// is entered at its start from the next call on.
const PATIENCE: u32 = 8;

/// Whether code of all of `p` is there or under way: what runs a loop of it now runs
/// that when it calls `p` again, and then LLVM's code of the loop is of no use.
fn is_followed(vm: &mut Vm, p: *mut ProtoObj) -> bool {
    // SAFETY: the prototype of code that runs is live.
    let has = unsafe { jit::has_code2(&*p, EntryAt::Start) };
    has || under_way(vm, p, EntryAt::Start, has)
}

/// Asks LLVM for all that is to be had from it and waits until nothing is under way,
/// or this much time has passed.
pub(crate) fn finish(vm: &mut Vm, patience: Duration) {
    let end = Instant::now() + patience;
    loop {
        ready(vm);
        for p in vm.heap.protos() {
            // SAFETY: the heap's list names prototypes that are not freed yet; nothing
            // is collected here. The ranges keep the tables.
            unsafe {
                let tables: Vec<_> = jit::code2(&*p).iter().map(|c| c.exits).collect();
                for &table in &tables {
                    ask_now(vm, &*table);
                }
            }
        }
        let tier2 = &interp::data(vm).jit.tier2;
        let busy = tier2.as_ref().is_some_and(|t| !t.under_way.is_empty());
        if !busy || Instant::now() >= end {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Code of Cranelift's, which `table` belongs to, has run for long.
pub(super) fn ask_llvm(vm: &mut Vm, table: &ExitTable) {
    let is_loop = table.at != EntryAt::Start;
    if is_loop && !table.waited.get() && !table.dead.get() && is_followed(vm, table.proto()) {
        table.waited.set(true);
        let best = interp::data(vm).jit.options.thresholds.best;
        let later = best.saturating_mul(PATIENCE);
        table.left.set(i32::try_from(later).unwrap_or(i32::MAX));
        return;
    }
    ask_now(vm, table);
}

/// Has LLVM make better code than that which `table` belongs to, unless that is out
/// of use or LLVM was asked before.
fn ask_now(vm: &mut Vm, table: &ExitTable) {
    table.left.set(i32::MAX);
    if table.dead.get() {
        return;
    }
    if let Some(snapshot) = table.later.take() {
        // SAFETY: the prototype of code that runs is live.
        unsafe { improve(vm, table.proto(), *snapshot, table.heat.get()) };
    }
}
