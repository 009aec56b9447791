//! Tier 2: the optimizing compiler, by way of our own SSA IR and LLVM.
//!
//! ```text
//!  VM's thread │ hot ──▶ snapshot ──┐                       ┌──▶ link, install
//!  ────────────┼────────────────────┼───────────────────────┼─────────────────
//!  worker      │                    └▶ build ▶ passes ▶ LLVM ┘
//! ```
//!
//! A function is compiled twice ([`Stage`]): by Cranelift, whose code is there
//! after a few milliseconds, and by LLVM, whose code is better and takes the
//! place of Cranelift's when it is ready. Each has a worker of its own, so that
//! nothing waits behind LLVM. A host may choose one of them alone
//! ([`Backend`]).
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
//! - [`snapshot`]: what a compile works from
//! - [`flow`]: control flow of bytecode
//! - `build`: bytecode to IR; the IR and its passes are [`crate::ir`]
//! - `lower`: IR to LLVM's text
//! - [`clif`]: text to machine code by Cranelift
//! - [`llvm`]: text to machine code by LLVM
//! - [`code`]: code while it can be run
//! - `helpers`: functions of ours that code calls

mod build;
mod clif;
pub(crate) mod code;
mod flow;
mod helpers;
mod layouts;
pub(crate) mod llvm;
mod lower;
pub(crate) mod snapshot;

pub(crate) use build::Inlining;
pub(crate) use lower::ExitSite;

use crate::interp;
use crate::ir::passes::{PassStats, Pipeline, Tables};
use crate::ir::verify;
use crate::jit::queue::{Job, Queue};
use crate::jit::{self, Assumption, Backend, CodeRange, CodeSpace, Speculation};
use bumpalo::Bump;
use code::{Code, ExitTable};
use helpers::Helper;
use layouts::Layouts;
use llvm::Machine;
use snapshot::{EntryAt, Snapshot};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;
use strata_profiler::Stages;
use strata_runtime::Vm;
use strata_runtime::audit::{Bug, planted};
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
    aside: Option<CodeRange>,
    /// What the jobs under way are for, by key.
    under_way: HashMap<u64, UnderWay>,
    /// Not 0 once checked code has run.
    ran: Arc<AtomicU64>,
}

impl Tier2 {
    /// Whether code has run that tells, since this was last asked.
    pub(crate) fn has_run(&self) -> bool {
        self.ran.swap(0, Ordering::Relaxed) != 0
    }
}

impl Tier2 {
    /// Cancels LLVM's compiles of loops of `p` that the one for `at` contains.
    fn forget_inside(&mut self, p: &ProtoObj, at: EntryAt) {
        let best = &mut self.best;
        self.under_way.retain(|&key, job| {
            let inside = job.stage == Stage::Best
                && std::ptr::eq(job.proto, p)
                && jit::contains2(p, at, job.at);
            if inside {
                best.cancel(key);
            }
            !inside
        });
    }

    fn queue(&mut self, stage: Stage) -> &mut Queue<Compile> {
        match stage {
            Stage::Soon => &mut self.soon,
            Stage::Best => &mut self.best,
        }
    }
}

/// Who makes the code of a compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Cranelift.
    Soon,
    /// LLVM.
    Best,
}

#[derive(Debug)]
struct UnderWay {
    proto: *mut ProtoObj,
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

/// A compile.
pub(crate) struct Compile {
    stage: Stage,
    snapshot: Snapshot,
    name: String,
    /// Its code asks for better code.
    counts: bool,
    /// Verifiers run, and code tells that it runs.
    checked: bool,
    /// Guards ask whether they are to fail.
    stress: bool,
    /// Text is wanted.
    listing: bool,
}

impl Stage {
    /// IR instructions after which only small functions are inlined: what is to
    /// be there soon has to be smaller.
    fn big(self) -> usize {
        match self {
            Stage::Soon => 800,
            Stage::Best => 4000,
        }
    }
}

/// What a compile made.
pub(crate) struct Product {
    snapshot: Snapshot,
    object: Object,
    lowered: lower::Lowered,
    slots: u32,
    assumes: Vec<Assumption>,
    pub(crate) report: Report,
}

/// Machine code, not in its place yet.
enum Object {
    Clif(clif::Object),
    /// An ELF file.
    Llvm(Box<[u8]>),
}

/// Code in its place.
pub(crate) struct Installed {
    pub code: Code,
    pub report: Report,
    /// What the report has, with names.
    pub inlining: Vec<strata_profiler::Inlining>,
}

/// What is told about a compile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Instructions of IR, after the passes.
    pub insts: u32,
    /// What passes did.
    pub passes: PassStats,
    /// Calls that were inlined, and that were not.
    pub inlining: Vec<Inlining>,
    /// What the stages took.
    pub stages: Stages,
    /// IR after each pass, LLVM's input, its output, assembly.
    pub texts: Vec<(String, String)>,
}

/// What the compile thread keeps.
#[derive(Default)]
pub(crate) struct Tools {
    clif: Option<clif::Machine>,
    llvm: Option<Machine>,
}

impl Job for Compile {
    type Output = Result<Product, String>;
    type Tools = Tools;

    fn run(self, tools: &mut Tools) -> Result<Product, String> {
        compile(self, tools)
    }
}

fn compile(job: Compile, tools: &mut Tools) -> Result<Product, String> {
    let Compile {
        stage,
        snapshot,
        name,
        counts,
        checked,
        stress,
        listing,
    } = job;
    let start = Instant::now();
    let mut report = Report::default();
    let arena = Bump::new();
    let built = build::build(&snapshot, &arena, stage.big())?;
    let mut func = built.func;
    if listing {
        report.texts.push(("build".into(), func.to_string()));
    }
    if checked {
        verify::verify(&func).map_err(|e| format!("after building: {e}\n{func}"))?;
    }
    let may_hoist = |f: u32, pc: u32, why| {
        let of = &snapshot.funcs[f as usize].speculation;
        of.may_hoist(pc, why)
    };
    let mut texts = Vec::new();
    let mut watch = |name: &'static str, f: &crate::ir::Func<'_>| {
        if listing {
            texts.push((name.to_string(), f.to_string()));
        }
    };
    let layouts = Layouts::of(&snapshot);
    let sinkable = |f: u32, pc: u32, shape: u64, fields: usize| {
        layouts.sinkable(&snapshot, f, pc, shape, fields)
    };
    let tables = Tables {
        root: u64::from(snapshot.root.0),
        sinkable: &sinkable,
    };
    report.passes = Pipeline::standard(&may_hoist).with_tables(tables).run(
        &mut func,
        checked,
        Some(&mut watch),
    )?;
    if let Some((_, last)) = texts.last_mut() {
        report.passes.each(&mut |_, what, n| {
            if n > 0 {
                last.push_str(&format!("; {n} {what}\n"));
            }
        });
    }
    report.texts.append(&mut texts);
    let whom = match stage {
        Stage::Soon => lower::For::Cranelift { counts },
        Stage::Best => lower::For::Llvm,
    };
    let extras = (stress, checked);
    let lowered = lower::lower(&snapshot, &layouts, &func, built.slots, extras, whom)?;
    report.insts = func.insts.len() as u32;
    report.inlining = built.inlining;
    report.stages.ir = micros(start);
    if listing {
        report.texts.push(("llvm".into(), lowered.text.clone()));
        report
            .texts
            .push(("frame maps".into(), lowered.maps_text()));
    }
    let object = match stage {
        Stage::Soon => {
            let trampoline = snapshot.objects.len() + Helper::Aside as usize;
            let text = (&*lowered.text, trampoline);
            by_cranelift(tools, checked, listing, text, &mut report)?
        }
        Stage::Best => by_llvm(tools, checked, listing, (&name, &lowered.text), &mut report)?,
    };
    Ok(Product {
        snapshot,
        object,
        lowered,
        slots: built.slots,
        assumes: built.assumes,
        report,
    })
}

/// Makes machine code of a text with Cranelift: with the place of the trampoline
/// in its table of constants.
fn by_cranelift(
    tools: &mut Tools,
    checked: bool,
    listing: bool,
    (text, trampoline): (&str, usize),
    report: &mut Report,
) -> Result<Object, String> {
    let start = Instant::now();
    let machine = match &mut tools.clif {
        Some(m) => m,
        none => none.insert(clif::Machine::new(checked)?),
    };
    let mut object = machine
        .compile(text, trampoline, listing)
        .map_err(|e| format!("{e}\n{text}"))?;
    report.stages.cranelift = micros(start);
    if let (Some(clif), Some(asm)) = (object.clif.take(), object.asm.take()) {
        report.texts.push(("optimized".into(), clif));
        report.texts.push(("asm".into(), asm));
    }
    Ok(Object::Clif(object))
}

/// Makes machine code of the named text with LLVM.
fn by_llvm(
    tools: &mut Tools,
    checked: bool,
    listing: bool,
    (name, text): (&str, &str),
    report: &mut Report,
) -> Result<Object, String> {
    let machine = match &mut tools.llvm {
        Some(m) => m,
        none => none.insert(Machine::new(checked).map_err(|e| e.to_string())?),
    };
    let start = Instant::now();
    let context = machine.context();
    let module = machine
        .parse(&context, name, text)
        .map_err(|e| format!("{e}\n{text}"))?;
    machine
        .optimize(&module, llvm::PASSES)
        .map_err(|e| e.to_string())?;
    report.stages.llvm = micros(start);
    if listing {
        let text = module.print_to_string().to_string();
        report.texts.push(("optimized".into(), text));
        if let Ok(text) = machine.assembly(&module) {
            report.texts.push(("asm".into(), text));
        }
    }
    let object = machine.emit(&module).map_err(|e| e.to_string())?;
    report.stages.codegen = object.codegen.as_secs_f64() * 1e6;
    Ok(Object::Llvm(object.bytes))
}

/// Microseconds since `start`.
fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
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
        tier2.under_way.remove(&key);
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
    let begun = Instant::now();
    // SAFETY: as the caller says.
    let snapshot = unsafe { Snapshot::take(vm, p, at, base) };
    // What the code will name has to live until it is there.
    // SAFETY: `p` is live.
    unsafe {
        let proto = &mut *p;
        proto.optimized_refs.extend(snapshot::kept(&snapshot));
        proto.optimized_refs.sort_unstable();
        proto.optimized_refs.dedup();
        vm.heap.barrier(p.cast());
    }
    let stage = match interp::data(vm).jit.options.backend {
        Backend::Llvm => Stage::Best,
        Backend::Auto | Backend::Cranelift => Stage::Soon,
    };
    // SAFETY: as above.
    unsafe { submit(vm, p, snapshot, (stage, false), heat, begun) }
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
    let name = unsafe { jit::events::name(&mut *p).to_string() };
    let wakers = [vm.waker(), vm.waker()];
    let seed = vm.heap.seed();
    let data = interp::data(vm);
    let modes = &data.stress.modes;
    let checked = cfg!(debug_assertions)
        || *modes != crate::stress::StressModes::default()
        || data.jit.options.thresholds.hot <= 1;
    let auto = data.jit.options.backend == Backend::Auto;
    let job = Compile {
        stage,
        snapshot,
        name,
        counts: auto && data.jit.options.thresholds.best > 1,
        checked,
        stress: modes.deopt != crate::stress::ForcedExits::None,
        listing: data.jit.listings.is_some(),
    };
    let options = jit::queue::Options {
        delivery: modes.queue,
        seed,
        ..jit::queue::Options::default()
    };
    let tier2 = data.jit.tier2.get_or_insert_with(|| {
        let [a, b] = wakers;
        Tier2 {
            soon: Queue::new(
                jit::queue::Options {
                    share: 100,
                    ..options.clone()
                },
                move || a.wake(),
            ),
            best: Queue::new(
                jit::queue::Options {
                    patient: true,
                    ..options
                },
                move || b.wake(),
            ),
            aside: None,
            under_way: HashMap::new(),
            ran: Arc::default(),
        }
    });
    if stage == Stage::Best {
        // SAFETY: `p` is live.
        tier2.forget_inside(unsafe { &*p }, at);
    }
    let k = key(p, at);
    tier2
        .queue(stage)
        .submit(k, heat, job)
        .map_err(|e| e.to_string())?;
    // SAFETY: `p` is live.
    let alive = unsafe { Arc::downgrade(&jit::state_mut(&mut *p).tier2.alive) };
    if let Some(tier2) = &mut interp::data(vm).jit.tier2 {
        let job = UnderWay {
            proto: p,
            at,
            stage,
            heat,
            replaces,
            took: micros(begun),
            alive,
        };
        tier2.under_way.insert(k, job);
    }
    if interp::data(vm).stress.modes.queue == crate::stress::Delivery::Sync {
        ready(vm);
    }
    Ok(())
}

/// Compiles `p` at once: for listings.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn compile_now(
    vm: &mut Vm,
    p: *mut ProtoObj,
    at: EntryAt,
) -> Result<Report, String> {
    // SAFETY: as the caller says.
    let snapshot = unsafe { Snapshot::take(vm, p, at, None) };
    let stage = match interp::data(vm).jit.options.backend {
        Backend::Cranelift => Stage::Soon,
        Backend::Auto | Backend::Llvm => Stage::Best,
    };
    let job = Compile {
        stage,
        snapshot,
        name: "listing".into(),
        counts: false,
        checked: true,
        stress: false,
        listing: true,
    };
    compile(job, &mut Tools::default()).map(|made| made.report)
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
        let UnderWay {
            proto,
            at,
            stage,
            heat,
            replaces,
            took,
            alive,
        } = for_whom;
        if alive.strong_count() == 0 {
            continue;
        }
        // SAFETY: the prototype is alive.
        if replaces && !unsafe { jit::has_code2(&*proto, at) } {
            // Dropped meanwhile: what it guessed was wrong.
            continue;
        }
        let auto = interp::data(vm).jit.options.backend == Backend::Auto;
        let best = interp::data(vm).jit.options.thresholds.best;
        let mut again = None;
        let result = match result {
            Ok(Ok(mut product)) => {
                product.report.stages.snapshot = took;
                // SAFETY: the prototype is alive.
                unsafe { install(vm, proto, product) }.map(|(mut installed, snapshot)| {
                    if auto && stage == Stage::Soon {
                        again = installed.code.expects(snapshot, best, heat);
                    }
                    installed
                })
            }
            Ok(Err(why)) => Err(why),
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

/// Has LLVM make code for the place of code that there is.
///
/// # Safety
/// `p` is live.
unsafe fn improve(vm: &mut Vm, p: *mut ProtoObj, snapshot: Snapshot, heat: u32) {
    let next = (Stage::Best, true);
    // SAFETY: as the caller says. If it is refused, the code stays that there is.
    let _ = unsafe { submit(vm, p, snapshot, next, heat, Instant::now()) };
}

/// Code of Cranelift's, which `table` belongs to, has run for long.
fn ask_llvm(vm: &mut Vm, table: &ExitTable) {
    table.left.set(i32::MAX);
    if table.dead.get() {
        return;
    }
    if let Some(snapshot) = table.later.take() {
        // SAFETY: the prototype of code that runs is live.
        unsafe { improve(vm, table.proto(), *snapshot, table.heat.get()) };
    }
}

/// Makes what was compiled the code of `p`: the code, and what it was compiled
/// from.
///
/// # Safety
/// `p` is live.
unsafe fn install(
    vm: &mut Vm,
    p: *mut ProtoObj,
    made: Product,
) -> Result<(Installed, Snapshot), String> {
    let Product {
        snapshot,
        object,
        lowered,
        slots,
        assumes,
        mut report,
    } = made;
    let begun = Instant::now();
    let words = lowered.words;
    let holds = |what: &Assumption| match what {
        Assumption::Metatables => vm.meta_epoch == snapshot.epoch,
        Assumption::Upvalues => !vm.upvalues_set,
        Assumption::Unlimited => !vm.charges,
    };
    if !assumes.iter().all(holds) && !planted(Bug::StaleEpoch) {
        return Err("what it assumed does not hold any more".into());
    }
    let space = interp::data(vm).jit.code_space().clone();
    let funcs = snapshot
        .funcs
        .iter()
        .map(|f| snapshot.objects[f.proto.0 as usize] as *mut ProtoObj)
        .collect();
    let exits = Box::new(ExitTable {
        hits: vec![Cell::new(0); lowered.exits.len()],
        maps: lowered.maps,
        funcs,
        sites: lowered.exits,
        words,
        at: snapshot.entry,
        dead: Cell::new(false),
        left: Cell::new(i32::MAX),
        later: Cell::new(None),
        heat: Cell::new(0),
        ran: interp::data(vm)
            .jit
            .tier2
            .as_ref()
            .map(|t| t.ran.clone())
            .unwrap_or_default(),
    });
    let guards = exits.sites.iter();
    let guards = guards.map(|site| site.key(snapshot.funcs[site.func as usize].spec()));
    interp::data(vm).stress.has_guards(guards);
    let at: *const ExitTable = &raw const *exits;
    let ran = Arc::as_ptr(&exits.ran) as usize;
    let inlining = report.inlining.iter().map(|call| {
        // SAFETY: the prototype that is compiled keeps what the snapshot names.
        let name = |p: *mut ProtoObj| unsafe { jit::events::name(&mut *p) };
        let caller = exits.funcs[call.caller as usize];
        strata_profiler::Inlining {
            callee: name(snapshot.objects[call.callee.0 as usize] as *mut ProtoObj),
            caller: name(caller),
            // SAFETY: as above.
            line: unsafe { (*caller).spec().pos(call.pc).line },
            pc: call.pc,
            why_not: call.why_not,
        }
    });
    let inlining = inlining.collect();
    let mut constants: Vec<u64> = snapshot.objects.iter().map(|&a| a as u64).collect();
    let aside = match &object {
        Object::Clif(_) => aside(vm, &space)?,
        Object::Llvm(_) => 0,
    };
    constants.extend(helpers::addresses(at as usize, aside, ran).map(|a| a as u64));
    // SAFETY: the caller says that `p` is live.
    let name = format!("lua2:{}", unsafe { jit::events::name(&mut *p) });
    let jit = &mut interp::data(vm).jit;
    let (mut range, entry, typed): (CodeRange, _, _) = match object {
        Object::Clif(object) => {
            let range = object.link(&space, &constants).map_err(|e| e.to_string())?;
            if let Some(perf) = &mut jit.perf {
                object.tell(perf, &range, &name);
            }
            let entry = range.start();
            (range, entry, 0)
        }
        Object::Llvm(object) => {
            let linked = llvm::link(&object, &space, &constants).map_err(|e| e.to_string())?;
            if let Some(perf) = &mut jit.perf {
                linked.tell(perf, &name);
            }
            let entry = linked.address(lower::ENTRY);
            let typed = linked.address(lower::TYPED);
            (
                linked.range,
                entry.ok_or("the code has no entry")?,
                typed.unwrap_or(0),
            )
        }
    };
    range.keep(exits);
    let list = assumes.iter();
    let list = list.map(|&what| jit.assumptions.make(what, p)).collect();
    vm.epoch_assumed |= assumes.contains(&Assumption::Metatables);
    let code = Code {
        range,
        at: snapshot.entry,
        entry: entry as *const (),
        typed: typed as *const (),
        slots,
        exits: at,
        _assumes: list,
    };
    report.stages.link = micros(begun);
    let installed = Installed {
        code,
        report,
        inlining,
    };
    Ok((installed, snapshot))
}

/// The address of the trampoline by which code of Cranelift's calls helpers.
fn aside(vm: &mut Vm, space: &CodeSpace) -> Result<usize, String> {
    let Some(tier2) = &mut interp::data(vm).jit.tier2 else {
        return Err("nothing was compiled".into());
    };
    if tier2.aside.is_none() {
        let object = clif::Machine::new(false)?.trampoline()?;
        tier2.aside = Some(object.link(space, &[]).map_err(|e| e.to_string())?);
    }
    Ok(tier2.aside.as_ref().map_or(0, CodeRange::start))
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
    /// It was let be for a while when it became hot.
    pub was_put_off: bool,
    /// What it has seen may be long over.
    pub look: jit::look::Look,
    /// Not any more.
    pub off: bool,
    /// Why it is compiled again, if it was taken out of use.
    pub again: Option<&'static str>,
    /// As long as the prototype lives.
    alive: Arc<()>,
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
