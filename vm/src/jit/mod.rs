//! Compiled code of one VM: which functions are compiled and why, and what
//! the rest of the crate may ask of their code.
//!
//! ```text
//!  interpreter ── budget used up ──▶ policy ──▶ tier 1 ──▶ code memory
//!  compiled code ─ guard failed ───▶   │
//!                └ slow step ──────▶   └──▶ events: statistics, trace
//! ```
//!
//! The interpreter counts (runtime `proto`, budgets) and asks here when a
//! budget is used up; the profiler's policy decides; a tier compiles. What
//! belongs to a prototype ([`FuncState`]) lies in its `compiled` field, what
//! belongs to the VM ([`Jit`]) with the executor's data.
//!
//! - [`choice`]: which tiers a function may use
//! - `code_options`: how code is made
//! - [`policy`]: what happens to a function, and when
//! - `background`: functions that another thread compiles
//! - `assumptions`: what code relies on without looking
//! - [`learned`]: what feedback knew when a function was compiled
//! - `look`: feedback anew before a function is optimized
//! - [`events`]: what is told about it, [`names`]: by what name
//! - `guard`: what compiled code guards, and exits
//! - `optimize`: the same for tier 2
//! - [`queue`]: compiles in the background
//! - [`listing`]: code as text, `perf`, `debugger`: names for profilers and
//!   debuggers
//! - `threads`: threads that VMs share for it
//! - [`options`]: what the host chooses
//! - [`report`]: recording a run; [`status`]: where functions stand; [`library`]: what programs may ask

#[cfg(feature = "cranelift")]
mod assumptions;
#[cfg(feature = "cranelift")]
mod background;
pub(crate) mod choice;
#[cfg(feature = "cranelift")]
mod code_memory;
mod code_options;
#[cfg(feature = "cranelift")]
pub(crate) mod debugger;
pub(crate) mod events;
#[cfg(feature = "cranelift")]
mod guard;
pub(crate) mod learned;
pub(crate) mod library;
pub(crate) mod listing;
#[cfg(feature = "cranelift")]
pub(crate) mod look;
mod names;
#[cfg(feature = "cranelift")]
mod optimize;
mod options;
#[cfg(feature = "cranelift")]
pub(crate) mod perf;
mod policy;
#[cfg(feature = "cranelift")]
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod status;

#[cfg(feature = "cranelift")]
mod threads;
#[cfg(feature = "cranelift")]
pub(crate) use assumptions::{Assumption, Dependant};
pub use choice::{Choice, ChosenBy};
#[cfg(feature = "llvm")]
pub(crate) use code_memory::data_after;
#[cfg(feature = "cranelift")]
pub(crate) use code_memory::{CodeRange, CodeSpace};
pub use code_options::{Level, TargetCpu};
pub(crate) use events::{Counts, entered_loop, unwound};
#[cfg(feature = "cranelift")]
pub(crate) use guard::{EntryCheck, EntryTag, Exit, Guard};
#[cfg(feature = "cranelift")]
pub(crate) use optimize::{code2, compiled2, contains2, exited2, has_code2, prunes2, speculation2};
#[cfg(feature = "cranelift")]
pub(crate) use optimize::{heat_budget, hot_call, hot_loop, ready};
pub use options::{Backend, FunctionRule, JitMode, JitOptions, Wish};
#[cfg(feature = "cranelift")]
pub(crate) use policy::exited;
pub(crate) use policy::{SAMPLE, hot, invalidate_for_nothing, slow_step};
use strata_runtime::audit::{Bug, planted};
#[cfg(feature = "cranelift")]
pub use threads::CompileThreads;

#[cfg(feature = "cranelift")]
use crate::deopt::Site;
use crate::interp;
use learned::Learned;
use strata_profiler::{FuncName, Profiler, Sink, Stats, TierState, Why};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;

/// What the VM keeps about compiled code.
#[derive(Debug, Default)]
pub(crate) struct Jit {
    /// What the host chose.
    pub options: JitOptions,
    /// Takes the events.
    pub profiler: Profiler,
    /// The mode that the host chose: programs may ask for less.
    pub most: JitMode,
    /// Where the run is recorded, if it is.
    pub recording: Option<report::Recording>,
    /// Who is told of events.
    pub listeners: Option<library::Listeners>,
    /// No other thread is asked to compile now.
    pub at_once: bool,
    /// Executed instructions, where they are counted.
    pub counts: Option<Box<Counts>>,
    /// Where code of tier 2 is kept, and found.
    #[cfg(feature = "cranelift")]
    pub cache: Option<crate::cache::Cache>,
    /// The threads that compile, if it shares them with other VMs.
    #[cfg(feature = "cranelift")]
    pub threads: Option<CompileThreads>,
    /// Code as text, where it is asked for.
    pub listings: Option<Vec<listing::Listing>>,
    /// Tells profilers and debuggers about code.
    #[cfg(feature = "cranelift")]
    pub perf: Option<perf::Perf>,
    /// What code relies on without looking.
    #[cfg(feature = "cranelift")]
    pub assumptions: assumptions::Assumptions,
    /// The baseline compiler, once it was needed.
    #[cfg(feature = "cranelift")]
    pub tier1: Option<crate::tier1::Compiler>,
    /// The optimizing compiler, likewise.
    #[cfg(feature = "cranelift")]
    pub tier2: Option<crate::tier2::Tier2>,
    /// Its functions that another thread is to finish, once there was one.
    #[cfg(feature = "cranelift")]
    pub background: Option<background::Background>,
    /// Where code is, once there was some.
    #[cfg(feature = "cranelift")]
    code: Option<CodeSpace>,
}

impl Jit {
    /// Whether functions are compiled at all.
    fn is_on(&self) -> bool {
        self.options.mode != JitMode::Off && cfg!(feature = "cranelift")
    }

    /// Where code is.
    #[cfg(feature = "cranelift")]
    pub(crate) fn code_space(&mut self) -> &CodeSpace {
        let limit = self.options.thresholds.code_bytes;
        self.code.get_or_insert_with(|| CodeSpace::new(limit))
    }
}

/// Compiled code of a function.
#[cfg(feature = "cranelift")]
pub(crate) struct Code {
    /// Its memory; keeps what the code refers to.
    pub _range: CodeRange,
    /// The entry points that the prototype points to.
    pub _points: Box<[u16]>,
    /// Where its exits are: older code may still run, and fail.
    pub exits: std::ops::Range<usize>,
    /// Where it can be left or looked at, and how: see [`crate::deopt`].
    #[allow(dead_code, reason = "what listings print")]
    pub sites: Box<[Site]>,
    /// What it counts for tier 2.
    #[cfg(feature = "cranelift")]
    pub heat: crate::tier1::heat::Heat,
    /// List it as a dependant of its assumptions.
    pub _assumes: Vec<std::sync::Arc<Dependant>>,
}

/// Where code of a function may rely on guesses.
#[derive(Clone, Default, Debug)]
#[cfg_attr(
    feature = "cranelift",
    derive(PartialEq, Hash, serde::Serialize, serde::Deserialize)
)]
pub(crate) struct Speculation {
    /// Nowhere.
    off: bool,
    /// It makes no assumptions: one was broken.
    no_assumptions: bool,
    /// Not at these instructions, ascending: their guards failed too often.
    except: Vec<u32>,
    /// Instructions whose guards failed once since: code was made anew with what
    /// feedback had learned by then.
    #[cfg(feature = "cranelift")]
    failed: Vec<u32>,
    /// The same of guards before the loops with these headers, by kind: those that
    /// may not be there any more, and those that failed once.
    #[cfg(feature = "cranelift")]
    late: Vec<(u32, crate::ir::Reason)>,
    #[cfg(feature = "cranelift")]
    failed_early: Vec<(u32, crate::ir::Reason)>,
}

impl Speculation {
    /// Whether instruction `pc` may.
    pub(crate) fn allowed_at(&self, pc: u32) -> bool {
        !self.off && self.except.binary_search(&pc).is_err()
    }

    /// Whether it may rely on what it does not look at.
    pub(crate) fn may_assume(&self) -> bool {
        !self.off && !self.no_assumptions
    }

    /// Guards at `pc` failed too often: the first time feedback has learned what
    /// the next code needs to know, later it may not speculate there any more.
    #[cfg(feature = "cranelift")]
    fn fail(&mut self, pc: u32) {
        if self.failed.contains(&pc) {
            self.forbid(pc);
        } else {
            self.failed.push(pc);
        }
    }

    /// Whether guards at `pc` failed once.
    #[cfg(feature = "cranelift")]
    pub(crate) fn has_failed(&self, pc: u32) -> bool {
        self.failed.contains(&pc)
    }

    /// Whether guards of this kind may be put before the loop with this header.
    #[cfg(feature = "cranelift")]
    pub(crate) fn may_hoist(&self, header: u32, why: crate::ir::Reason) -> bool {
        !self.off && !self.late.contains(&(header, why))
    }

    /// Guards of this kind before that loop failed too often. Of bounds there is
    /// nothing to learn; others may stay once more, since feedback has learned what
    /// they are about.
    #[cfg(feature = "cranelift")]
    fn fail_early(&mut self, header: u32, why: crate::ir::Reason) {
        let which = (header, why);
        if why == crate::ir::Reason::Index || self.failed_early.contains(&which) {
            self.late.push(which);
        } else {
            self.failed_early.push(which);
        }
    }

    /// Not at `pc` any more.
    fn forbid(&mut self, pc: u32) {
        if let Err(at) = self.except.binary_search(&pc) {
            self.except.insert(at, pc);
        }
    }
}

/// What is known of a prototype that was at least considered.
pub(crate) struct FuncState {
    /// Its code, if it may be entered.
    #[cfg(feature = "cranelift")]
    pub code: Option<Code>,
    /// Its code to come, while another thread is at it. Until then it has the code
    /// it has.
    #[cfg(feature = "cranelift")]
    pending: Option<Box<background::Pending>>,
    /// What options and source ask of it, and the program while it runs.
    asked: choice::Asked,
    requested: choice::Asked,
    /// Where it stands.
    state: TierState,
    /// What there is to say of why it is not compiled.
    detail: String,
    /// Why it is to be compiled again, while it is queued for that.
    again: Option<Why>,
    /// How often it was compiled.
    compiles: u8,
    /// Slow steps of its code that newer feedback might have avoided.
    slow_hits: u32,
    /// Where it may speculate.
    speculation: Speculation,
    /// The feedback its code was made from.
    learned: Learned,
    /// Its name, once somebody asked.
    name: Option<FuncName>,
    /// Its way to and in tier 2.
    #[cfg(feature = "cranelift")]
    pub tier2: crate::tier2::State,
}

impl FuncState {
    /// Whether it has code of tier 1.
    fn has_code(&self) -> bool {
        #[cfg(feature = "cranelift")]
        return self.code.is_some();
        #[cfg(not(feature = "cranelift"))]
        false
    }
}

impl Default for FuncState {
    fn default() -> FuncState {
        FuncState {
            #[cfg(feature = "cranelift")]
            code: None,
            #[cfg(feature = "cranelift")]
            pending: None,
            asked: None,
            requested: None,
            state: TierState::Cold,
            detail: String::new(),
            again: None,
            compiles: 0,
            slow_hits: 0,
            speculation: Speculation::default(),
            learned: Learned::default(),
            name: None,
            #[cfg(feature = "cranelift")]
            tier2: crate::tier2::State::default(),
        }
    }
}

/// Sets compilation up for a new VM, which has loaded nothing yet.
pub(crate) fn install(vm: &mut Vm, options: &JitOptions) {
    let jit = &mut interp::data(vm).jit;
    jit.options = options.clone();
    jit.options.cpu = options.cpu.or_native();
    jit.most = options.mode;
    if options.count {
        jit.counts.get_or_insert_default();
    }
    set_budgets(vm);
    interp::instrument(vm);
}

/// What prototypes to come may run before somebody asks.
fn set_budgets(vm: &mut Vm) {
    let budget = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let jit = &mut interp::data(vm).jit;
    let budgets = if jit.is_on() {
        let t = &jit.options.thresholds;
        (budget(t.calls), budget(t.back_edges))
    } else {
        (i32::MAX, i32::MAX)
    };
    vm.budgets = budgets;
}

/// Calls and back-edges after which the compile cache is asked about a function.
#[cfg(feature = "cranelift")]
const ASK: (i32, i32) = (100, 200);

/// The same of a cache that was made for the program.
#[cfg(feature = "cranelift")]
const ASK_PREPARED: (i32, i32) = (30, 60);

/// Gives a new VM a compile cache. Functions are looked at sooner then: it may know
/// them.
#[cfg(feature = "cranelift")]
pub(crate) fn set_cache(vm: &mut Vm, cache: Option<crate::cache::Cache>) {
    let jit = &mut interp::data(vm).jit;
    if let Some(cache) = cache.as_ref().filter(|_| jit.options.mode.optimizes()) {
        let ask = if cache.is_prepared() {
            ASK_PREPARED
        } else {
            ASK
        };
        let (calls, loops) = vm.budgets;
        vm.budgets = (calls.min(ask.0), loops.min(ask.1));
    }
    let jit = &mut interp::data(vm).jit;
    if let Some(level) = cache.as_ref().and_then(|cache| cache.config().level) {
        jit.options.level = level;
    }
    jit.cache = cache;
}

/// Compiles `p` and the functions inside it, hot or not: for listings.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn compile_all(vm: &mut Vm, p: *mut ProtoObj, optimized: bool) {
    let mut left = vec![p];
    while let Some(p) = left.pop() {
        // SAFETY: prototypes keep their children alive, and nothing collects
        // while compiling.
        unsafe {
            #[cfg(feature = "cranelift")]
            if optimized {
                optimize::list(vm, p);
            }
            if !optimized {
                policy::compile(vm, p, "listing");
            }
            left.extend((*p).children.iter().rev());
        }
    }
}

/// Has `p` interpreted always; `inside`: and the functions inside it.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn interpret_always(vm: &mut Vm, p: *mut ProtoObj, inside: bool) {
    let mut left = vec![p];
    while let Some(p) = left.pop() {
        // SAFETY: prototypes keep their children alive, and nothing collects.
        unsafe {
            policy::disable(vm, p, strata_profiler::Reason::Requested, String::new());
            if inside {
                left.extend((*p).children.iter());
            }
        }
    }
}

/// Whether code of tier 2 has run that tells, since this was last asked.
pub(crate) fn ran_optimized(vm: &mut Vm) -> bool {
    #[cfg(feature = "cranelift")]
    if let Some(tier2) = &interp::data(vm).jit.tier2 {
        return tier2.has_run();
    }
    let _ = vm;
    false
}

/// Sends events to `sink`, from now on.
pub(crate) fn trace(vm: &mut Vm, sink: Box<dyn Sink>) {
    vm.trace_drops = true;
    interp::data(vm).jit.profiler.add_sink(sink);
}

/// The figures so far.
pub(crate) fn stats(vm: &mut Vm) -> Stats {
    events::fill_in(vm);
    interp::data(vm).jit.profiler.stats.clone()
}

/// `Vm::meta_epoch` has changed, on which some code relied.
pub(crate) fn epoch_changed(vm: &mut Vm) {
    if planted(Bug::MissedInvalidation) {
        return;
    }
    #[cfg(feature = "cranelift")]
    invalidate(vm, Assumption::Metatables);
    let _ = vm;
}

/// `Vm::upvalues_set` was set: upvalues are no longer what their code says.
pub(crate) fn upvalues_set(vm: &mut Vm) {
    #[cfg(feature = "cranelift")]
    invalidate(vm, Assumption::Upvalues);
    let _ = vm;
}

/// `Vm::charges` was set: code that does not charge is out of use.
pub(crate) fn charging(vm: &mut Vm) {
    #[cfg(feature = "cranelift")]
    invalidate(vm, Assumption::Unlimited);
    let _ = vm;
}

/// Takes code out of use that makes an assumption.
#[cfg(feature = "cranelift")]
fn invalidate(vm: &mut Vm, broken: Assumption) {
    for p in interp::data(vm).jit.assumptions.take(broken) {
        // SAFETY: dependants are listed as long as their code exists, and
        // that belongs to the prototype.
        unsafe { policy::broken(vm, p, broken) };
    }
}

/// Ends the trace, if there is one: its sinks get the figures.
pub(crate) fn finish(vm: &mut Vm) {
    events::fill_in(vm);
    vm.trace_drops = false;
    interp::data(vm).jit.profiler.finish();
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
    if p.points.is_null() {
        return None;
    }
    debug_assert!(pc < p.code_len);
    // SAFETY: there is one number for each instruction.
    let at = unsafe { *p.points.add(pc as usize) };
    (at != 0).then_some(usize::from(at))
}
