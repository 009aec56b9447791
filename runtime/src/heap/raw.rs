//! Raw allocations: arrays of tables, stacks, buffers. They belong to one
//! object each, which frees them, and are accounted here. [Small](super::small)
//! ones have an allocator of their own, the rest is the system's.

use super::block::{MAX_SMALL, class_of};
use super::{Heap, poll};
use crate::error::OutOfMemory;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};

/// From this size on a request is tried before it is granted, so that a
/// system without memory is an error and not an abort.
const PROBE: usize = 64 << 20;

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.max(8), 8).ok()
}

impl Heap {
    /// Whether `bytes` more may be allocated. To be asked before raw
    /// allocations of 64 KiB and more.
    ///
    /// # Errors
    /// The limit would be exceeded, or the system doesn't have as much.
    #[inline]
    pub fn check(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        let used = self.bytes.saturating_add(self.shared.pending.get());
        if used.saturating_add(bytes) > self.limit {
            // Perhaps garbage is in the way: have the next poll look.
            self.raise(poll::GC);
            self.debt = self.debt.max(1);
            return Err(OutOfMemory);
        }
        if bytes >= PROBE { probe(bytes) } else { Ok(()) }
    }

    /// Allocates `bytes` bytes aligned to 8. Aborts when the system has no
    /// memory: see [`check`](Self::check) and
    /// [`try_raw_alloc`](Self::try_raw_alloc).
    #[inline]
    pub fn raw_alloc(&mut self, bytes: usize) -> *mut u8 {
        match self.raw_alloc_or_null(bytes) {
            Ok(p) => p,
            Err(layout) => handle_alloc_error(layout),
        }
    }

    /// Like [`raw_alloc`](Self::raw_alloc), checked.
    ///
    /// # Errors
    /// The limit would be exceeded, or the system has no memory.
    pub fn try_raw_alloc(&mut self, bytes: usize) -> Result<*mut u8, OutOfMemory> {
        let used = self.bytes.saturating_add(self.shared.pending.get());
        if used.saturating_add(bytes) > self.limit {
            return self.check(bytes).map(|()| std::ptr::null_mut());
        }
        self.raw_alloc_or_null(bytes).map_err(|_| OutOfMemory)
    }

    #[inline]
    fn raw_alloc_or_null(&mut self, bytes: usize) -> Result<*mut u8, Layout> {
        if bytes <= MAX_SMALL {
            self.charge(bytes);
            return Ok(self.small.alloc(&mut self.pool, &raw const *self.shared, bytes.max(1)));
        }
        let Some(layout) = layout(bytes) else { return Err(Layout::new::<u64>()) };
        // SAFETY: the layout's size isn't 0.
        let p = unsafe { alloc(layout) };
        if p.is_null() {
            return Err(layout);
        }
        self.charge(bytes);
        Ok(p)
    }

    /// Changes the size of a raw allocation; it may move. Aborts when the
    /// system has no memory: see [`check`](Self::check).
    ///
    /// # Safety
    /// `p` was allocated here with `old` bytes.
    pub unsafe fn raw_realloc(&mut self, p: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: as the caller says.
        match unsafe { self.raw_realloc_or_null(p, old, new) } {
            Ok(p) => p,
            Err(layout) => handle_alloc_error(layout),
        }
    }

    /// Like [`raw_realloc`](Self::raw_realloc), checked. On failure the old
    /// allocation stays as it is.
    ///
    /// # Safety
    /// `p` was allocated here with `old` bytes.
    ///
    /// # Errors
    /// The limit would be exceeded, or the system has no memory.
    pub unsafe fn try_raw_realloc(&mut self, p: *mut u8, old: usize, new: usize) -> Result<*mut u8, OutOfMemory> {
        if new > old && self.bytes.saturating_add(new - old) > self.limit {
            return self.check(new - old).map(|()| p);
        }
        // SAFETY: as the caller says.
        unsafe { self.raw_realloc_or_null(p, old, new) }.map_err(|_| OutOfMemory)
    }

    unsafe fn raw_realloc_or_null(&mut self, p: *mut u8, old: usize, new: usize) -> Result<*mut u8, Layout> {
        if old <= MAX_SMALL || new <= MAX_SMALL {
            // SAFETY: as the caller says.
            return unsafe { self.move_array(p, old, new) };
        }
        let (Some(from), Some(to)) = (layout(old), layout(new)) else { return Err(Layout::new::<u64>()) };
        // SAFETY: allocated with `from`, as the caller says; sizes aren't 0.
        let q = unsafe { realloc(p, from, to.size()) };
        if q.is_null() {
            return Err(to);
        }
        if new >= old {
            self.charge(new - old);
        } else {
            self.refund(old - new);
        }
        Ok(q)
    }

    unsafe fn move_array(&mut self, p: *mut u8, old: usize, new: usize) -> Result<*mut u8, Layout> {
        // SAFETY: as for `raw_realloc`.
        unsafe {
            if old.max(new) <= MAX_SMALL && class_of(old.max(1)) == class_of(new.max(1)) {
                self.refund(old);
                self.charge(new);
                return Ok(p);
            }
            let q = self.raw_alloc_or_null(new)?;
            q.copy_from_nonoverlapping(p, old.min(new));
            self.raw_free(p, old);
            Ok(q)
        }
    }

    /// Frees a raw allocation.
    ///
    /// # Safety
    /// `p` was allocated here with `bytes` bytes and is not used any more.
    #[inline]
    pub unsafe fn raw_free(&mut self, p: *mut u8, bytes: usize) {
        self.refund(bytes);
        if bytes <= MAX_SMALL {
            // SAFETY: as the caller says; allocations of this size come from
            // the small allocator.
            unsafe { self.small.free(p) };
        } else if let Some(layout) = layout(bytes) {
            // SAFETY: as the caller says.
            unsafe { dealloc(p, layout) };
        }
    }

    /// Accounts for memory that an object owns by other means (host data).
    #[inline]
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.debt += bytes as isize;
        if self.debt > 0 {
            self.raise(poll::GC);
        }
    }

    /// Undoes [`charge`](Self::charge).
    #[inline]
    pub(crate) fn refund(&mut self, bytes: usize) {
        debug_assert!(self.bytes >= bytes);
        self.bytes = self.bytes.wrapping_sub(bytes);
        self.debt -= bytes as isize;
    }

    /// Accounts for strings flattened since the last time.
    #[inline]
    pub(super) fn settle(&mut self) {
        let pending = self.shared.pending.take();
        if pending != 0 {
            self.charge(pending);
        }
    }
}

/// Whether the system has `bytes` bytes of address space.
#[cold]
fn probe(bytes: usize) -> Result<(), OutOfMemory> {
    let Some(layout) = layout(bytes) else { return Err(OutOfMemory) };
    // SAFETY: the layout's size isn't 0; the memory is freed untouched.
    unsafe {
        let p = alloc(layout);
        if p.is_null() {
            return Err(OutOfMemory);
        }
        // Keeps the pair from being optimised away.
        dealloc(std::hint::black_box(p), layout);
    }
    Ok(())
}
