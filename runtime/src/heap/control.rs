//! `collectgarbage`: modes, parameters, requests.

use super::mark::Budget;
use super::{Heap, Phase, cycle, poll};
use crate::state::Vm;
use std::time::Instant;

/// How the collector works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GcMode {
    /// Whole cycles in slices.
    Incremental,
    /// Minor collections of new objects, now and then a whole cycle.
    Generational,
}

impl GcMode {
    /// The name that `collectgarbage` uses.
    pub fn name(self) -> &'static str {
        match self {
            GcMode::Incremental => "incremental",
            GcMode::Generational => "generational",
        }
    }
}

/// The collector's parameters, with the meanings and units of PUC Lua 5.4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GcParams {
    /// Mode.
    pub mode: GcMode,
    /// A cycle starts when the heap is so many percent of what survived the
    /// last one.
    pub pause: u32,
    /// Speed relative to allocation, in percent.
    pub stepmul: u32,
    /// Logarithm of the bytes allocated between steps.
    pub stepsize: u32,
    /// Growth in percent after which a minor collection is made.
    pub minormul: u32,
    /// Growth in percent after which a major collection is made.
    pub majormul: u32,
}

impl Default for GcParams {
    fn default() -> GcParams {
        GcParams {
            mode: GcMode::Incremental,
            pause: 200,
            stepmul: 100,
            stepsize: 13,
            minormul: 20,
            majormul: 100,
        }
    }
}

/// A request to the collector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GcOp {
    /// A full collection.
    Collect,
    /// Stops automatic collection.
    Stop,
    /// Restarts it.
    Restart,
    /// Bytes in use.
    Count,
    /// A step as if so many kilobytes had been allocated; 0 is a basic step.
    Step(i64),
    /// Whether automatic collection is on.
    IsRunning,
    /// Sets the pause; answers with the old one.
    SetPause(i64),
    /// Sets the step multiplier; answers with the old one.
    SetStepMul(i64),
    /// Generational mode; parameters of 0 stay as they are.
    Generational {
        /// Minor multiplier.
        minormul: i64,
        /// Major multiplier.
        majormul: i64,
    },
    /// Incremental mode; parameters of 0 stay as they are.
    Incremental {
        /// Pause.
        pause: i64,
        /// Step multiplier.
        stepmul: i64,
        /// Logarithm of the step size.
        stepsize: i64,
    },
}

/// The answer to a [`GcOp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GcOutcome {
    /// Refused: a finalizer is running.
    Refused,
    /// Done (`collectgarbage` returns 0).
    Done,
    /// Yes or no.
    Flag(bool),
    /// Bytes.
    Bytes(usize),
    /// An old parameter.
    Param(u32),
    /// The old mode.
    Mode(GcMode),
}

/// PUC Lua keeps parameters in a byte, in units of four.
fn clamp(p: i64) -> u32 {
    p.clamp(0, 1000) as u32
}

fn set_unless_zero(p: &mut u32, new: i64, most: u32) {
    if new != 0 {
        *p = clamp(new).min(most);
    }
}

/// Carries out a request. After [`GcOp::Collect`] and [`GcOp::Step`] the
/// caller runs the finalizers that wait.
///
/// # Safety
/// As for [`safepoint`](super::safepoint).
pub unsafe fn gc_control(vm: &mut Vm, op: GcOp) -> GcOutcome {
    if vm.heap.finalizing > 0 {
        return GcOutcome::Refused;
    }
    vm.heap.settle();
    match op {
        GcOp::Collect => {
            // SAFETY: as the caller says.
            unsafe { cycle::full_collect_in_time(vm) };
            GcOutcome::Done
        }
        GcOp::Stop => {
            vm.heap.set_stopped(true);
            GcOutcome::Done
        }
        GcOp::Restart => {
            vm.heap.set_stopped(false);
            GcOutcome::Done
        }
        GcOp::Count => GcOutcome::Bytes(vm.heap.bytes),
        // SAFETY: as the caller says.
        GcOp::Step(kb) => GcOutcome::Flag(unsafe { step(vm, kb) }),
        GcOp::IsRunning => GcOutcome::Flag(!vm.heap.stopped),
        GcOp::SetPause(p) => {
            let old = std::mem::replace(&mut vm.heap.params.pause, clamp(p));
            GcOutcome::Param(old)
        }
        GcOp::SetStepMul(p) => {
            let old = std::mem::replace(&mut vm.heap.params.stepmul, clamp(p));
            GcOutcome::Param(old)
        }
        GcOp::Generational { minormul, majormul } => {
            let params = &mut vm.heap.params;
            set_unless_zero(&mut params.minormul, minormul, 255);
            set_unless_zero(&mut params.majormul, majormul, 1000);
            // SAFETY: as the caller says.
            unsafe { set_mode(vm, GcMode::Generational) }
        }
        GcOp::Incremental {
            pause,
            stepmul,
            stepsize,
        } => {
            let params = &mut vm.heap.params;
            set_unless_zero(&mut params.pause, pause, 1000);
            set_unless_zero(&mut params.stepmul, stepmul, 1000);
            set_unless_zero(&mut params.stepsize, stepsize, 60);
            // SAFETY: as the caller says.
            unsafe { set_mode(vm, GcMode::Incremental) }
        }
    }
}

/// # Safety
/// As for [`safepoint`](super::safepoint).
unsafe fn set_mode(vm: &mut Vm, mode: GcMode) -> GcOutcome {
    let old = std::mem::replace(&mut vm.heap.params.mode, mode);
    if old != mode && mode == GcMode::Generational {
        // Makes everything old. Back again needs nothing: the next cycle
        // begins by making it white.
        // SAFETY: as the caller says.
        unsafe { cycle::full_collect_in_time(vm) };
    }
    GcOutcome::Mode(old)
}

/// Strings that move to a new table at the end of a cycle completed by steps.
const MIGRATED: usize = 1 << 18;

/// Looks at the time without work in between after which a step ends.
const IDLE: u32 = 100;

/// # Safety
/// As for [`safepoint`](super::safepoint).
unsafe fn step(vm: &mut Vm, kb: i64) -> bool {
    super::roots::sync(vm);
    if vm.heap.params.mode == GcMode::Generational {
        vm.young_collection();
        if vm.heap.stopped {
            vm.heap.set_stopped(true);
        }
        return true;
    }
    let bytes = if kb <= 0 {
        vm.heap.step()
    } else {
        (kb as usize).saturating_mul(1024)
    };
    let work = bytes.saturating_mul(vm.heap.speed().max(1));
    let mut budget = Budget { work, until: None };
    let mut idle = 0;
    loop {
        budget.until = Some(Instant::now() + cycle::LOOK);
        let before = budget.work;
        vm.advance(&mut budget);
        // On a busy machine the time may pass before anything is done.
        idle = if budget.work == before { idle + 1 } else { 0 };
        let time_is_up = Instant::now() >= budget.until.unwrap_or_else(Instant::now);
        if !vm.heap.in_cycle()
            || budget.work == 0
            || idle == IDLE
            || !time_is_up
            || vm.is_out_of_time()
        {
            break;
        }
    }
    let done = !vm.heap.in_cycle();
    if done {
        // Strings that died may have had the table of strings shrink: until
        // the rest is in the new one, both are in memory.
        vm.heap.with_interned(|strings| strings.migrate(MIGRATED));
    }
    vm.heap.reset_pace();
    if !done {
        vm.heap.debt = vm.heap.debt.max(-(vm.heap.step() as isize));
    }
    if vm.heap.stopped {
        vm.heap.set_stopped(true);
    }
    done
}

impl Heap {
    /// Whether automatic collection is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Where the collector stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Has the next poll collect, whatever the debt.
    pub fn request_collection(&mut self) {
        self.debt = self.debt.max(1);
        self.raise(poll::GC);
    }
}
