//! Marking: the gray objects, and how they become black.
//!
//! Finding a reference doesn't look at the object behind it, which is
//! probably not in the cache: its address goes through a small ring while
//! the processor fetches it, and is judged when it comes out ([`mark_later`]
//! (Heap::mark_later)). Gray objects wait on a stack. A big table is scanned
//! in pieces: it stays on the stack with a cursor, below what the piece led
//! to, so the stack stays small as well.

use super::Heap;
use super::traverse::Progress;
use crate::object::{GcHeader, Str, color};
use crate::value::{Value, tag};
use std::time::Instant;

const RING: usize = 16;
/// Work between looks at the clock.
const CLOCK_EVERY: usize = 24 << 10;

/// An entry of the gray stack: an object, or, with bit 0 set, one whose
/// cursor and stamp lie below it.
const PARTIAL: usize = 1;

/// The collector's view of the gray objects.
#[derive(Debug)]
pub(crate) struct Marker {
    gray: Vec<usize>,
    ring: [*mut GcHeader; RING],
    ring_at: usize,
    /// Objects to scan (again) late: written to since they were scanned, or
    /// threads. In generational mode also between cycles ("remembered").
    pub again: Vec<*mut GcHeader>,
    /// Bytes scanned in this cycle.
    pub work: usize,
    /// The atomic step: everything is scanned to the end.
    pub atomic: bool,
}

impl Default for Marker {
    fn default() -> Marker {
        Marker {
            gray: Vec::new(),
            ring: [std::ptr::null_mut(); RING],
            ring_at: 0,
            again: Vec::new(),
            work: 0,
            atomic: false,
        }
    }
}

impl Marker {
    /// Forgets all gray objects.
    pub fn clear(&mut self) {
        self.gray.clear();
        self.again.clear();
        self.ring = [std::ptr::null_mut(); RING];
        self.atomic = false;
    }

    /// Pushes a gray object.
    #[inline]
    pub fn push(&mut self, object: *mut GcHeader) {
        self.gray.push(object as usize);
    }

    /// Whether an object is scanned in part only.
    pub fn has_partial(&self, object: *mut GcHeader) -> bool {
        let mut at = self.gray.len();
        while at > 0 {
            let entry = self.gray[at - 1];
            if entry == object as usize | PARTIAL {
                return true;
            }
            at = at.saturating_sub(if entry & PARTIAL != 0 { 3 } else { 1 });
        }
        false
    }
}

/// When a slice has done enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Units of work (bytes, about) left.
    pub work: usize,
    /// When to stop at the latest.
    pub until: Option<Instant>,
}

impl Budget {
    /// No end.
    pub const UNLIMITED: Budget = Budget {
        work: usize::MAX,
        until: None,
    };

    /// Whether the slice is over.
    pub fn spent(&self) -> bool {
        self.work == 0 || self.until.is_some_and(|t| Instant::now() >= t)
    }

    /// Charges work.
    pub fn charge(&mut self, work: usize) {
        self.work = self.work.saturating_sub(work);
    }
}

#[inline(always)]
fn prefetch(p: *const GcHeader) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on caches.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

impl Heap {
    /// Marks a value, sooner or later.
    #[inline(always)]
    pub(super) fn mark_value(&mut self, v: Value) {
        if v.is_gc() {
            self.mark_later(v.as_gc());
        }
    }

    /// Marks an object, sooner or later.
    #[inline(always)]
    pub(super) fn mark_later(&mut self, object: *mut GcHeader) {
        prefetch(object);
        let m = &mut self.marker;
        let at = m.ring_at & (RING - 1);
        let old = std::mem::replace(&mut m.ring[at], object);
        m.ring_at = m.ring_at.wrapping_add(1);
        if !old.is_null() {
            // SAFETY: only live objects are put into the ring, and it is
            // drained before a slice ends.
            unsafe { self.mark_now(old) };
        }
    }

    /// Marks an object that may be null.
    #[inline]
    pub(super) fn mark_opt<T>(&mut self, object: *mut T) {
        if !object.is_null() {
            self.mark_later(object.cast());
        }
    }

    /// Judges what is left in the ring.
    pub(super) fn drain_ring(&mut self) {
        for i in 0..RING {
            let old = std::mem::replace(&mut self.marker.ring[i], std::ptr::null_mut());
            if !old.is_null() {
                // SAFETY: as in `mark_later`.
                unsafe { self.mark_now(old) };
            }
        }
    }

    /// Makes a white object gray, or black if it has nothing to scan.
    ///
    /// # Safety
    /// `object` is live.
    #[inline(always)]
    pub(super) unsafe fn mark_now(&mut self, object: *mut GcHeader) {
        // SAFETY: as the caller says.
        unsafe {
            if (*object).mark > color::WHITE_B {
                return;
            }
            if (*object).kind == tag::STR && !(*object.cast::<Str>()).data.is_null() {
                (*object).mark = color::BLACK;
                self.marker.work += 16;
            } else {
                (*object).mark = color::GRAY;
                self.marker.push(object);
            }
        }
    }

    /// Scans gray objects until there are none or the budget is spent. True:
    /// none are left.
    pub(super) fn propagate(&mut self, budget: &mut Budget) -> bool {
        let mut next_look = self.marker.work + CLOCK_EVERY;
        let end = self.marker.work.saturating_add(budget.work);
        loop {
            let Some(entry) = self.marker.gray.pop() else {
                self.drain_ring();
                if self.marker.gray.is_empty() {
                    budget.work = end.saturating_sub(self.marker.work);
                    return true;
                }
                continue;
            };
            let progress = if entry & PARTIAL != 0 {
                let cursor = self.marker.gray.pop().unwrap_or(0);
                let stamp = self.marker.gray.pop().unwrap_or(0);
                Progress { cursor, stamp }
            } else {
                Progress::default()
            };
            let object = (entry & !PARTIAL) as *mut GcHeader;
            // SAFETY: gray objects are live until the cycle's end.
            unsafe { self.scan(object, progress) };
            if self.marker.work >= next_look {
                if self.marker.work >= end || budget.until.is_some_and(|t| Instant::now() >= t) {
                    self.drain_ring();
                    budget.work = end.saturating_sub(self.marker.work);
                    return self.marker.gray.is_empty();
                }
                next_look = self.marker.work + CLOCK_EVERY;
            }
        }
    }

    /// Pushes an object that is scanned up to `progress`.
    pub(super) fn push_partial(&mut self, object: *mut GcHeader, progress: Progress) {
        self.marker.gray.extend_from_slice(&[
            progress.stamp,
            progress.cursor,
            object as usize | PARTIAL,
        ]);
    }
}
