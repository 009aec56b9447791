//! The heap: allocation, strings, and the collector.
//!
//! Objects live in cells of size-segregated [blocks](block) and never move.
//! Arrays that grow (a table's parts, a coroutine's stack) are raw
//! allocations accounted here. Two counters drive everything: `bytes`, all
//! that is in use, and `debt`, which becomes positive when the collector has
//! work to do.
//!
//! ## Colours
//! The collector is incremental and tri-colour with two whites. *White* is
//! not reached, *gray* reached but not (or no longer) scanned, *black*
//! scanned. While marking, a black object never refers to a white one: who
//! stores a reference into an object calls a barrier.
//!
//! ```text
//!            ┌──────────────────────── slices, < 1 ms each ───────────────────────┐
//!  Pause ──▶ (Whiten) ──▶ Mark ──▶ Remark ×n ──▶ atomic ──▶ Threads ──▶ Sweep ──▶ Pause
//!             old objects  roots,    stacks,      weak         orphaned   blocks, on
//!             to white     graph     remembered   tables       upvalues   demand too
//! ```
//!
//! - *Mark* scans the graph from the roots, big tables in pieces.
//! - *Remark* repeats with what changed meanwhile (stacks, objects that
//!   barriers made gray again) until a round finds little, so that the
//!   *atomic* step, the only one that can't be interrupted, stays short.
//! - *Sweep* frees what is white, block by block; allocation sweeps the
//!   blocks of its own class when it runs out of cells.
//! - *Generational mode* keeps survivors black ("old") and remembers those
//!   that are written to: a minor collection marks from roots and remembered
//!   objects and sweeps only blocks that were allocated into since the last
//!   one. A major collection is the cycle above, starting with *Whiten*.
//!
//! ## Rules for everybody else
//! 1. Allocation never collects and never runs Lua. Only [`safepoint`],
//!    [`full_collect`], [`gc_control`] and calls into Lua do, so raw pointers
//!    may be held in locals between those.
//! 2. After storing a reference into an object that may be old, call
//!    [`Heap::barrier`], or [`Heap::barrier_value`] with the value stored: it
//!    is cheaper and doesn't make the collector scan a big table again. A
//!    table's new key and new *shape* are such references.
//! 3. After moving values inside an object (rehash, `memmove`, array growth
//!    that takes elements from the hash part), call `barrier`.
//! 4. Close an upvalue through [`Heap::close_upval`]. Call `barrier` on a
//!    thread before it is resumed and when its stack or hook is changed from
//!    outside.
//! 5. Slots of a thread's stack below its top always hold values; slots above
//!    are cleared when the collector comes by.
//! 6. Weak references (inline caches, edges between shapes) may lead to dead
//!    objects between the atomic step and the sweep: ask [`Heap::is_dead`].
//! 7. Sweeping drops host data (userdata, host functions); such a `drop` must
//!    not touch the VM.

mod alloc;
pub mod block;
mod concat;
mod control;
mod cycle;
mod finalize;
pub mod hash;
mod intern;
mod mark;
mod pages;
mod raw;
mod roots;
mod small;
mod stats;
pub mod strings;
mod sweep;
#[cfg(test)]
mod tests;
mod traverse;
mod verify;
mod weak;

use crate::audit::{Bug, planted};
pub use control::{GcMode, GcOp, GcOutcome, GcParams, gc_control};
pub use cycle::{full_collect, full_collect_in_time, safepoint};
pub use finalize::{finalize_all, next_finalizer};
pub use stats::GcStats;
pub use verify::{population, verify};

use crate::object::{GcHeader, ProtoObj, Thread, color, gcflag};
use block::{Block, FreeCell, N_CLASSES, Pool, Shared};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bits of [`Heap::poll`]: why running code should leave its fast path.
pub mod poll {
    /// The collector has work: call [`safepoint`](super::safepoint).
    pub const GC: u32 = 1;
    /// Finalizers wait: [`next_finalizer`](super::next_finalizer).
    pub const FINALIZERS: u32 = 2;
    /// A limit was reached or the host asked to stop.
    pub const INTERRUPT: u32 = 4;
    /// A hook is set.
    pub const HOOK: u32 = 8;
    /// Collect at every poll.
    pub const STRESS: u32 = 16;
    /// Have every poll taken, for no reason of the heap's.
    pub const ALWAYS: u32 = 32;
    /// Another thread has something for the executor.
    pub const READY: u32 = 64;
    /// Others wait for the thread that runs this VM.
    pub const GIVE_WAY: u32 = 128;
}

/// Bits of [`GcHeader::heap`].
pub(crate) mod heapbit {
    /// Not in a block: see `LargeHeader`.
    pub const LARGE: u8 = 1;
    /// Values of ephemeron entries wait for this key to be marked.
    pub const WAITING: u8 = 2;
}

/// Where the collector stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Phase {
    /// Between cycles.
    Pause,
    /// Making objects of earlier cycles white.
    Whiten,
    /// Marking.
    Mark,
    /// Closing the upvalues of dead threads.
    Threads,
    /// Freeing.
    Sweep,
}

/// Allocation state of a size class.
#[derive(Debug, Default)]
pub(crate) struct Class {
    /// All its blocks.
    blocks: Vec<*mut Block>,
    /// The one that the free list belongs to, or null.
    current: Option<*mut Block>,
    /// Swept blocks with free cells.
    avail: Vec<*mut Block>,
    /// Blocks still to be swept.
    todo: Vec<*mut Block>,
    /// Blocks allocated into since the last collection.
    young: Vec<*mut Block>,
}

/// The heap of a VM. The first fields are what compiled code uses.
#[repr(C)]
pub struct Heap {
    /// Why to leave the fast path: bits of [`poll`].
    pub poll: AtomicU32,
    /// Colour of new objects.
    pub white: u8,
    /// Bytes allocated beyond what the collector was promised; it works when
    /// this is positive.
    pub debt: isize,
    /// Free cells by size class.
    pub free: [*mut FreeCell; N_CLASSES],
    /// Bytes in use: cells and raw allocations.
    pub bytes: usize,
    /// How often a safepoint changed what programs can see: weak tables were
    /// cleared, or a finalizer was called.
    pub changes: u64,
    /// Most bytes that may be in use.
    pub limit: usize,
    /// A full collection didn't get below the limit.
    pub exhausted: bool,
    /// What was stored last: see [`barrier_stored`](Heap::barrier_stored).
    pub stored: *mut GcHeader,
    /// Of the polls under [`poll::STRESS`] each so many-th collects.
    pub(crate) stress_every: u32,
    /// Polls left until then.
    pub(crate) stress_left: u32,
    /// Allocations that may fail until one does so for no reason; 0: none does.
    pub(crate) failing: u64,
    /// Finalizers running, one inside the other: set by whoever calls them.
    /// [`gc_control`] refuses requests meanwhile, as in PUC Lua.
    pub finalizing: u32,
    pub(crate) phase: Phase,
    /// Survivors of this cycle stay black (generational mode).
    sticky: bool,
    /// The running collection is a minor one.
    minor: bool,
    /// The next or running major collection is one that somebody asked for: what it
    /// frees is given back to the system.
    thorough: bool,
    /// Objects of earlier cycles may be black.
    has_old: bool,
    stopped: bool,
    shared: Box<Shared>,
    classes: [Class; N_CLASSES],
    pool: Pool,
    small: small::SmallArrays,
    large: Vec<*mut GcHeader>,
    /// Large objects before this one are old.
    large_old: usize,
    /// Next large object to sweep.
    large_at: usize,
    /// Next block to whiten: class and index.
    whiten_at: (usize, usize),
    /// Thread blocks whose dead threads are still to be unlinked.
    thread_blocks: Vec<*mut Block>,
    strings: intern::InternTable,
    marker: mark::Marker,
    weak: weak::WeakLists,
    finalizers: finalize::Finalizers,
    /// All prototypes: their inline caches are weak.
    protos: Vec<*mut ProtoObj>,
    main_thread: *mut Thread,
    mode_name: *mut crate::object::Str,
    pace: cycle::Pace,
    /// Parameters of `collectgarbage`.
    pub params: GcParams,
    /// What was measured.
    pub stats: GcStats,
}

impl std::fmt::Debug for Heap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heap({} bytes, {:?})", self.bytes, self.phase)
    }
}

impl Heap {
    /// All prototypes.
    pub fn protos(&self) -> Vec<*mut ProtoObj> {
        self.protos.clone()
    }

    /// An empty heap whose string hashes depend on `seed`.
    pub fn new(seed: u64) -> Heap {
        let mut heap = Heap {
            poll: AtomicU32::new(0),
            white: color::WHITE_A,
            debt: 0,
            free: [std::ptr::null_mut(); N_CLASSES],
            bytes: 0,
            changes: 0,
            limit: usize::MAX,
            exhausted: false,
            stored: std::ptr::null_mut(),
            stress_every: 1,
            stress_left: 0,
            failing: 0,
            finalizing: 0,
            phase: Phase::Pause,
            sticky: false,
            minor: false,
            thorough: false,
            has_old: false,
            stopped: false,
            shared: Box::new(Shared {
                seed: hash::fold(seed ^ 0x5851_f42d_4c95_7f2d, !seed),
                pending: Cell::new(0),
            }),
            classes: Default::default(),
            pool: Pool::default(),
            small: small::SmallArrays::default(),
            large: Vec::new(),
            large_old: 0,
            large_at: 0,
            whiten_at: (0, 0),
            thread_blocks: Vec::new(),
            strings: intern::InternTable::default(),
            marker: mark::Marker::default(),
            weak: weak::WeakLists::default(),
            finalizers: finalize::Finalizers {
                registered: Vec::new(),
                old: 0,
                pending: VecDeque::new(),
            },
            protos: Vec::new(),
            main_thread: std::ptr::null_mut(),
            mode_name: std::ptr::null_mut(),
            pace: cycle::Pace::default(),
            params: GcParams::default(),
            stats: GcStats::default(),
        };
        heap.mode_name = heap.str(b"__mode");
        // SAFETY: the string was just created.
        unsafe { (*heap.mode_name).hdr.flags |= gcflag::FIXED };
        heap.reset_pace();
        heap
    }

    /// The seed of hashes.
    #[inline]
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// Whether an object that a weak reference leads to is dead: garbage of
    /// the last collection that the sweeper hasn't reached yet. (One that it
    /// has reached must not be asked about.)
    ///
    /// # Safety
    /// `object` has not been swept.
    #[inline]
    pub unsafe fn is_dead(&self, object: *mut GcHeader) -> bool {
        // SAFETY: as the caller says.
        self.phase >= Phase::Threads && unsafe { self.is_condemned(object) }
    }

    /// Has the other white: garbage, once the atomic step is over.
    #[inline(always)]
    unsafe fn is_condemned(&self, object: *mut GcHeader) -> bool {
        // SAFETY: the caller's object has not been swept.
        unsafe { (*object).mark == self.white ^ 1 && (*object).flags & gcflag::FIXED == 0 }
    }

    /// To be called after storing a reference into `object`, whatever was
    /// stored.
    ///
    /// # Safety
    /// `object` is live.
    #[inline(always)]
    pub unsafe fn barrier(&mut self, object: *mut GcHeader) {
        // SAFETY: as the caller says.
        unsafe {
            if (*object).mark == color::BLACK && !planted(Bug::NoBarrier) {
                self.barrier_slow(object);
            }
        }
    }

    /// To be called after storing `v` into `object`.
    ///
    /// # Safety
    /// Both are live.
    #[inline(always)]
    pub unsafe fn barrier_value(&mut self, object: *mut GcHeader, v: crate::value::Value) {
        // SAFETY: as the caller says.
        unsafe {
            if (*object).mark == color::BLACK
                && !planted(Bug::NoValueBarrier)
                && v.is_gc()
                && (*v.as_gc()).mark <= color::WHITE_B
            {
                self.barrier_forward(object, v.as_gc());
            }
        }
    }

    /// Like [`barrier_value`](Self::barrier_value) for callers that can't
    /// pass two objects: they leave the one that was stored in
    /// [`Heap::stored`]; null stands for "don't know".
    ///
    /// # Safety
    /// Both are live.
    #[inline]
    pub unsafe fn barrier_stored(&mut self, object: *mut GcHeader) {
        let value = std::mem::replace(&mut self.stored, std::ptr::null_mut());
        // SAFETY: as the caller says.
        unsafe {
            if value.is_null() {
                self.barrier(object);
            } else if (*object).mark == color::BLACK
                && (*value).mark <= color::WHITE_B
                && !planted(Bug::NoStoredBarrier)
            {
                self.barrier_forward(object, value);
            }
        }
    }

    /// The object has to be scanned again.
    #[cold]
    #[inline(never)]
    unsafe fn barrier_slow(&mut self, object: *mut GcHeader) {
        // SAFETY: the caller's object is live.
        unsafe {
            if self.phase == Phase::Mark || (self.sticky && self.phase != Phase::Whiten) {
                (*object).mark = color::GRAY;
                self.marker.again.push(object);
            } else if self.phase != Phase::Pause {
                // Sweeping or whitening: the sweeper may meet it or not.
                (*object).mark = self.white;
            }
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn barrier_forward(&mut self, object: *mut GcHeader, value: *mut GcHeader) {
        // SAFETY: the caller's objects are live.
        unsafe {
            if self.phase == Phase::Mark
                || (self.sticky && self.phase != Phase::Whiten && traverse::is_big(object))
            {
                self.mark_now(value);
            } else {
                self.barrier_slow(object);
            }
        }
    }

    /// Sets bits of the poll word.
    #[inline]
    pub fn raise(&self, bits: u32) {
        self.poll.fetch_or(bits, Ordering::Relaxed);
    }

    /// Clears bits of the poll word.
    #[inline]
    pub fn lower(&self, bits: u32) {
        self.poll.fetch_and(!bits, Ordering::Relaxed);
    }

    /// Collect fully at every poll, or no longer.
    pub fn set_stress(&mut self, on: bool) {
        if on {
            self.raise(poll::STRESS)
        } else {
            self.lower(poll::STRESS)
        }
    }

    /// Collect fully at every `n`th poll.
    pub fn set_stress_every(&mut self, n: u32) {
        self.stress_every = n;
        self.set_stress(n > 0);
    }

    /// Whether this poll is one that collects.
    pub(crate) fn stress_is_due(&mut self) -> bool {
        self.stress_left = self.stress_left.saturating_sub(1);
        if self.stress_left > 0 {
            return false;
        }
        self.stress_left = self.stress_every;
        true
    }

    /// Has the `k`th allocation that may fail do so, counted from 1.
    pub fn set_failing(&mut self, k: u64) {
        self.failing = k;
    }

    /// Bytes reserved from the system for small objects.
    pub fn reserved(&self) -> usize {
        self.pool.reserved()
    }
}
