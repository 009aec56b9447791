//! The collector's cycle: phases, pace, and the atomic step.
//!
//! ## Pace
//! After a cycle, allocation is free of work until the heap has grown to
//! `pause` percent of what survived. From then on each few kilobytes of
//! allocation are paid for by a slice of work: `stepmul` percent of
//! [`SPEED`] units (about bytes scanned) for each byte. A slice also ends by
//! the clock. A cycle over `L` live bytes is over when about `L / 5` more
//! have been allocated.
//!
//! In generational mode a minor collection comes when the heap has grown by
//! `minormul` percent, at most [`NURSERY`], and a major one (an incremental
//! cycle) when it has grown by `majormul` percent since the last. A minor
//! collection is one slice as long as what survives it is little
//! ([`MINOR_WORK`]). After a major one everything that was allocated while it
//! was swept is young: then the minor collection marks in slices, too.
//!
//! ## The limit
//! Near the memory limit cycles start earlier. Beyond it, the heap is
//! collected completely; if that doesn't help, [`Heap::exhausted`] is set and
//! the poll bit for interrupts raised.

use super::mark::Budget;
use super::{GcMode, Heap, Phase, poll, roots};
use crate::object::{GcHeader, ProtoObj, color};
use crate::state::Vm;
use std::time::{Duration, Instant};

/// Units of work for each byte allocated, at a `stepmul` of 100.
const SPEED: usize = 8;
/// Least growth of the heap between cycles.
const MIN_GROWTH: usize = 1 << 20;
/// Most bytes allocated between minor collections.
const NURSERY: usize = 4 << 20;
/// How long a slice may take.
const SLICE: Duration = Duration::from_micros(400);
/// Slices of programs that allocate megabytes at a time may take longer.
const LONG_SLICE: Duration = Duration::from_micros(1500);
/// Units of work and time after which a minor collection goes on in slices.
const MINOR_WORK: usize = 6 << 20;
const MINOR_TIME: Duration = Duration::from_millis(2);
/// Remark rounds end when one finds less than this ...
const LITTLE: usize = 96 << 10;
/// ... or there were so many.
const MAX_ROUNDS: u32 = 5;
/// The collector's debt when it is stopped.
const NEVER: isize = isize::MIN / 2;

/// What the pace depends on.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Bytes in use after the last major collection.
    after_major: usize,
    /// Remark rounds done in this cycle.
    rounds: u32,
    /// Work done when the round began.
    round_start: usize,
}

/// A bounded step of collection, if one is due. To be called when the poll
/// bit [`poll::GC`] or [`poll::STRESS`] is set, with all frames canonical.
///
/// # Safety
/// `vm`'s registers (`base`, `pc`, `top`, `limit`) are up to date; nobody
/// relies on raw pointers to objects that no root leads to.
#[cold]
#[inline(never)]
pub unsafe fn safepoint(vm: &mut Vm) {
    vm.heap.settle();
    if vm.heap.poll.load(std::sync::atomic::Ordering::Relaxed) & poll::STRESS != 0
        && !vm.heap.stopped
        && vm.heap.stress_is_due()
    {
        roots::sync(vm);
        complete(vm);
        return;
    }
    if vm.heap.bytes > vm.heap.limit {
        roots::sync(vm);
        let start = Instant::now();
        let completed = complete_until(vm, true);
        vm.heap.stats.note_pause(start.elapsed());
        if !completed {
            // Time ran out as well: the poll for that comes next.
            return;
        }
        // Without some room every allocation would collect everything.
        let room = vm.heap.limit / 64;
        if vm.heap.bytes.saturating_add(room) > vm.heap.limit {
            vm.heap.exhausted = true;
            vm.heap.raise(poll::INTERRUPT);
        }
        vm.heap.lower(poll::GC);
        return;
    }
    if vm.heap.debt > 0 {
        if vm.heap.stopped {
            vm.heap.debt = NEVER;
        } else {
            roots::sync(vm);
            vm.slice();
        }
    }
    if vm.heap.debt <= 0 {
        vm.heap.lower(poll::GC);
    }
}

/// Collects everything that is garbage now. Finalizers are queued, not
/// called.
///
/// # Safety
/// As for [`safepoint`].
pub unsafe fn full_collect(vm: &mut Vm) {
    vm.heap.settle();
    roots::sync(vm);
    complete(vm);
}

/// As [`full_collect`], but ends when the VM's time is over or the host wants
/// it to stop; the collection goes on in slices then. Whether it was
/// completed.
///
/// # Safety
/// As for [`safepoint`].
pub unsafe fn full_collect_in_time(vm: &mut Vm) -> bool {
    vm.heap.settle();
    roots::sync(vm);
    complete_until(vm, true)
}

/// A complete major collection.
fn complete(vm: &mut Vm) {
    complete_until(vm, false);
}

/// How long a complete collection goes on between two looks at the limits.
pub(super) const LOOK: Duration = Duration::from_millis(1);

/// Goes on until the cycle is over; false if `in_time` and time ran out.
fn finish_cycle(vm: &mut Vm, in_time: bool) -> bool {
    while vm.heap.phase != Phase::Pause {
        let mut budget = Budget::UNLIMITED;
        if in_time {
            if vm.is_out_of_time() {
                return false;
            }
            budget.until = Some(Instant::now() + LOOK);
        }
        vm.advance(&mut budget);
    }
    true
}

fn complete_until(vm: &mut Vm, in_time: bool) -> bool {
    let heap = &mut vm.heap;
    if matches!(heap.phase, Phase::Whiten | Phase::Mark) {
        // What has been marked so far may be garbage by now.
        heap.marker.clear();
        heap.weak.clear();
        heap.has_old = true;
        heap.phase = Phase::Pause;
    }
    if !finish_cycle(vm, in_time) {
        return false;
    }
    let mut budget = Budget::UNLIMITED;
    if in_time {
        budget.until = Some(Instant::now() + LOOK);
    }
    vm.heap.thorough = true;
    vm.advance(&mut budget);
    if !finish_cycle(vm, in_time) {
        return false;
    }
    vm.heap.with_interned(|strings| strings.migrate(usize::MAX));
    vm.heap.reset_pace();
    vm.heap.lower(poll::GC);
    true
}

impl Vm {
    /// One slice.
    fn slice(&mut self) {
        let start = Instant::now();
        let heap = &mut self.heap;
        let step = heap.step();
        let debt = heap.debt.max(0) as usize;
        heap.with_interned(|strings| strings.migrate(4096));
        if heap.phase == Phase::Pause && heap.wants_minor() {
            let mut budget = Budget {
                work: MINOR_WORK,
                until: Some(start + MINOR_TIME),
            };
            self.begin_minor();
            if self.heap.propagate(&mut budget) {
                self.atomic();
            }
            self.heap.debt = -(step as isize);
            self.heap.stats.note_pause(start.elapsed());
            return;
        }
        let speed = heap.speed();
        let time = if debt > 64 * step { LONG_SLICE } else { SLICE };
        let work = debt.max(step).saturating_mul(speed);
        let mut budget = Budget {
            work,
            until: Some(start + time),
        };
        self.advance(&mut budget);
        let heap = &mut self.heap;
        if heap.phase == Phase::Pause {
            heap.reset_pace();
        } else {
            // What could not be paid because time was over remains, if much.
            let paid = (work - budget.work.min(work)) / speed.max(1);
            let left = debt.saturating_sub(paid);
            heap.debt = if left > 64 * step && speed > 0 {
                left as isize
            } else {
                -(step as isize)
            };
        }
        heap.stats.note_pause(start.elapsed());
    }

    /// Finishes what is under way, then makes a whole minor collection (or a
    /// major one, if that is due).
    pub(super) fn young_collection(&mut self) {
        let mut budget = Budget::UNLIMITED;
        while self.heap.phase != Phase::Pause {
            self.advance(&mut budget);
        }
        if self.heap.wants_minor() {
            self.minor_collection();
        }
        self.advance(&mut budget);
        while self.heap.phase != Phase::Pause {
            self.advance(&mut budget);
        }
        self.heap.reset_pace();
    }

    /// Goes on with the cycle until the budget is spent or the cycle over.
    pub(super) fn advance(&mut self, budget: &mut Budget) {
        loop {
            match self.heap.phase {
                Phase::Pause => {
                    let heap = &mut self.heap;
                    heap.minor = false;
                    if heap.has_old {
                        heap.marker.clear();
                        heap.whiten_at = (0, 0);
                        heap.phase = Phase::Whiten;
                    } else {
                        self.begin_mark();
                    }
                }
                Phase::Whiten => {
                    if !self.heap.whiten_some(budget) {
                        return;
                    }
                    self.heap.has_old = false;
                    self.begin_mark();
                }
                Phase::Mark => {
                    if !self.heap.propagate(budget) {
                        return;
                    }
                    if self.another_round() {
                        continue;
                    }
                    if budget.spent() {
                        // The atomic step gets a slice of its own.
                        return;
                    }
                    self.atomic();
                    budget.charge(256 << 10);
                }
                Phase::Threads => {
                    if self.heap.sweep_threads(budget) {
                        self.heap.phase = Phase::Sweep;
                    }
                }
                Phase::Sweep => {
                    if self.heap.sweep_some(budget) && self.heap.trim_some(budget) {
                        self.heap.end_cycle();
                        return;
                    }
                }
            }
            if budget.spent() {
                return;
            }
        }
    }

    fn begin_mark(&mut self) {
        let heap = &mut self.heap;
        heap.marker.clear();
        heap.marker.work = 0;
        heap.pace.rounds = 0;
        heap.pace.round_start = 0;
        heap.phase = Phase::Mark;
        Heap::mark_roots(self);
    }

    /// Everything reached so far is scanned. Starts a round over what has
    /// changed meanwhile, unless that is little enough for the atomic step.
    fn another_round(&mut self) -> bool {
        let heap = &mut self.heap;
        let found = heap.marker.work - heap.pace.round_start;
        if heap.pace.rounds > 0 && (found < LITTLE || heap.pace.rounds >= MAX_ROUNDS) {
            return false;
        }
        heap.pace.rounds += 1;
        heap.pace.round_start = heap.marker.work;
        heap.scan_again();
        Heap::mark_roots(self);
        true
    }

    /// The step that can't be interrupted: finishes marking, clears weak
    /// references, queues finalizers, and makes everything unmarked garbage.
    fn atomic(&mut self) {
        let mut unlimited = Budget::UNLIMITED;
        let heap = &mut self.heap;
        heap.marker.atomic = true;
        heap.scan_again();
        Heap::mark_roots(self);
        let heap = &mut self.heap;
        heap.propagate(&mut unlimited);
        heap.converge(0);
        let lists = heap.weak_counts();
        // Before finalizers bring anything back ...
        heap.clear_values([0; 3]);
        let from = if heap.minor { heap.finalizers.old } else { 0 };
        heap.separate_dead(from);
        heap.mark_pending();
        heap.converge(lists[1]);
        // ... and after.
        heap.clear_keys();
        heap.clear_values(lists);
        heap.finish_weak();
        heap.marker.atomic = false;
        if !heap.minor {
            self.clear_caches();
        }
        let heap = &mut self.heap;
        // What a minor collection didn't visit is black, whatever the mode is
        // by now.
        heap.sticky = heap.minor || heap.params.mode == GcMode::Generational;
        heap.has_old = heap.sticky;
        if !heap.sticky {
            heap.marker.again.clear();
        }
        heap.white ^= 1;
        heap.forget_dead_protos();
        heap.plan_sweep();
        if !heap.minor {
            heap.pool.plan_trim(heap.thorough);
            heap.with_interned(super::intern::InternTable::note_peak);
        }
    }

    /// Clears inline caches that refer to what is about to die.
    fn clear_caches(&mut self) {
        let epoch = self.meta_epoch;
        // SAFETY: nothing has been freed yet in this cycle.
        let mut dead = |p: *mut GcHeader| unsafe { (*p).mark } <= color::WHITE_B;
        for &p in &self.heap.protos {
            // SAFETY: listed prototypes are not freed; `slots` are theirs.
            unsafe {
                if (*p).hdr.mark > color::WHITE_B {
                    let slots = std::slice::from_raw_parts_mut((*p).slots, (*p).slot_len as usize);
                    for slot in slots {
                        slot.clear_dead(epoch, &mut dead);
                    }
                    (*p).meta_sites.clear_dead(&mut dead);
                }
            }
        }
    }

    /// Starts a minor collection: marks from what was written to and from the
    /// roots.
    fn begin_minor(&mut self) {
        let heap = &mut self.heap;
        heap.minor = true;
        heap.marker.work = 0;
        heap.pace.rounds = 0;
        heap.pace.round_start = 0;
        heap.phase = Phase::Mark;
        heap.stats.minors += 1;
        heap.scan_again();
        Heap::mark_roots(self);
    }

    /// A minor collection but for its sweep.
    fn minor_collection(&mut self) {
        self.begin_minor();
        self.atomic();
    }
}

impl Heap {
    /// Bytes of allocation between slices.
    pub(super) fn step(&self) -> usize {
        4usize << self.params.stepsize.clamp(3, 40)
    }

    /// Units of work for each byte allocated.
    pub(super) fn speed(&self) -> usize {
        match self.params.stepmul as usize {
            // As in PUC Lua: go through with it.
            0 => usize::MAX >> 32,
            mul => (mul.saturating_mul(SPEED) / 100).max(1),
        }
    }

    /// Makes the remembered objects gray.
    fn scan_again(&mut self) {
        for object in std::mem::take(&mut self.marker.again) {
            // SAFETY: remembered objects are live.
            unsafe { (*object).mark = color::GRAY };
            self.marker.push(object);
        }
    }

    fn forget_dead_protos(&mut self) {
        let mut protos = std::mem::take(&mut self.protos);
        // SAFETY: nothing has been freed yet in this cycle.
        protos.retain(|&p: &*mut ProtoObj| unsafe { !self.is_condemned(p.cast()) });
        self.protos = protos;
    }

    /// In generational mode, between cycles: whether the next collection is a
    /// minor one.
    fn wants_minor(&self) -> bool {
        if self.params.mode != GcMode::Generational || !self.sticky {
            return false;
        }
        let growth = (self.pace.after_major.max(MIN_GROWTH) / 100)
            .saturating_mul(self.params.majormul as usize);
        self.bytes <= self.pace.after_major.max(MIN_GROWTH).saturating_add(growth)
    }

    /// After a major collection, gives empty blocks of small arrays to the pool, and what
    /// that doesn't need back to the system.
    fn trim_some(&mut self, budget: &mut Budget) -> bool {
        self.minor || self.small.trim_some(&mut self.pool, budget) && self.pool.trim_some(budget)
    }

    /// Everything is swept.
    fn end_cycle(&mut self) {
        self.phase = Phase::Pause;
        if !self.minor {
            let thorough = std::mem::take(&mut self.thorough);
            self.with_interned(|strings| strings.shrink(thorough));
            self.pace.after_major = self.bytes;
            self.stats.cycles += 1;
            self.stats.live = self.bytes;
        }
    }

    /// Sets the debt for the time until the next collection.
    pub(super) fn reset_pace(&mut self) {
        if self.stopped {
            self.debt = NEVER;
            return;
        }
        let live = self.bytes;
        let mut room = if self.wants_minor() {
            (live / 100)
                .saturating_mul(self.params.minormul as usize)
                .clamp(MIN_GROWTH, NURSERY)
        } else {
            let least = if self.params.pause >= 150 {
                MIN_GROWTH
            } else {
                self.step()
            };
            let goal = (live / 100).saturating_mul(self.params.pause as usize);
            goal.saturating_sub(live).max(least)
        };
        if self.limit != usize::MAX {
            room = room.min(self.limit.saturating_sub(live) / 2);
        }
        self.debt = -(room.min(isize::MAX as usize / 2) as isize);
    }

    /// Stops or restarts the collector.
    pub(super) fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
        self.debt = if stopped { NEVER } else { 0 };
    }

    /// Whether a collection is under way.
    pub(super) fn in_cycle(&self) -> bool {
        self.phase != Phase::Pause
    }
}
