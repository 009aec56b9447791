//! Raw allocations: arrays of tables, stacks, buffers. They belong to one
//! object each, which frees them, and are accounted here. [Small](super::small)
//! ones have an allocator of their own, the rest comes from [`pages`].

use super::block::{MAX_SMALL, class_of};
use super::{Heap, pages, poll};
use crate::error::OutOfMemory;
use std::alloc::{Layout, handle_alloc_error};

/// From this size on a request is tried before it is granted, so that a
/// system without memory is an error and not an abort.
const PROBE: usize = 64 << 20;

/// There is no memory and no way to say so.
#[cold]
fn abort(bytes: usize) -> ! {
    handle_alloc_error(Layout::from_size_align(bytes, pages::ALIGN).unwrap_or(Layout::new::<u64>()))
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
        if self.failing != 0 {
            return self.fail_in_turn();
        }
        if bytes >= PROBE { probe(bytes) } else { Ok(()) }
    }

    /// Fails for no reason when it is the turn of this allocation.
    #[cold]
    fn fail_in_turn(&mut self) -> Result<(), OutOfMemory> {
        self.failing -= 1;
        if self.failing == 0 {
            Err(OutOfMemory)
        } else {
            Ok(())
        }
    }

    /// Whether `bytes` more would be within the limit. Does not ask the
    /// system.
    #[inline]
    pub fn has_room(&self, bytes: usize) -> bool {
        let used = self.bytes.saturating_add(self.shared.pending.get());
        used.saturating_add(bytes) <= self.limit
    }

    /// Allocates `bytes` bytes aligned to 16. Aborts when the system has no
    /// memory: see [`check`](Self::check) and
    /// [`try_raw_alloc`](Self::try_raw_alloc).
    #[inline]
    pub fn raw_alloc(&mut self, bytes: usize) -> *mut u8 {
        let p = self.raw_alloc_or_null(bytes);
        if p.is_null() {
            abort(bytes);
        }
        p
    }

    /// Like [`raw_alloc`](Self::raw_alloc), checked.
    ///
    /// # Errors
    /// The limit would be exceeded, or the system has no memory.
    pub fn try_raw_alloc(&mut self, bytes: usize) -> Result<*mut u8, OutOfMemory> {
        self.check(bytes)?;
        let p = self.raw_alloc_or_null(bytes);
        if p.is_null() { Err(OutOfMemory) } else { Ok(p) }
    }

    #[inline]
    fn raw_alloc_or_null(&mut self, bytes: usize) -> *mut u8 {
        let p = if bytes <= MAX_SMALL {
            self.small
                .alloc(&mut self.pool, &raw const *self.shared, bytes.max(1))
        } else {
            pages::allocate(bytes)
        };
        if !p.is_null() {
            self.charge(bytes);
        }
        p
    }

    /// Changes the size of a raw allocation; it may move. Aborts when the
    /// system has no memory: see [`check`](Self::check).
    ///
    /// # Safety
    /// `p` was allocated here with `old` bytes.
    pub unsafe fn raw_realloc(&mut self, p: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: as the caller says.
        let q = unsafe { self.raw_realloc_or_null(p, old, new) };
        if q.is_null() {
            abort(new);
        }
        q
    }

    /// Like [`raw_realloc`](Self::raw_realloc), checked. On failure the old
    /// allocation stays as it is.
    ///
    /// # Safety
    /// `p` was allocated here with `old` bytes.
    ///
    /// # Errors
    /// The limit would be exceeded, or the system has no memory.
    pub unsafe fn try_raw_realloc(
        &mut self,
        p: *mut u8,
        old: usize,
        new: usize,
    ) -> Result<*mut u8, OutOfMemory> {
        if new > old {
            self.check(new - old)?;
        }
        // SAFETY: as the caller says.
        let q = unsafe { self.raw_realloc_or_null(p, old, new) };
        if q.is_null() { Err(OutOfMemory) } else { Ok(q) }
    }

    unsafe fn raw_realloc_or_null(&mut self, p: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: as the caller says; which allocator `p` comes from follows
        // from its size.
        unsafe {
            if old > MAX_SMALL && new > MAX_SMALL {
                let q = pages::reallocate(p, old, new);
                if !q.is_null() {
                    self.refund(old);
                    self.charge(new);
                }
                return q;
            }
            if old.max(new) <= MAX_SMALL && class_of(old.max(1)) == class_of(new.max(1)) {
                self.refund(old);
                self.charge(new);
                return p;
            }
            let q = self.raw_alloc_or_null(new);
            if !q.is_null() {
                q.copy_from_nonoverlapping(p, old.min(new));
                self.raw_free(p, old);
            }
            q
        }
    }

    /// Frees a raw allocation.
    ///
    /// # Safety
    /// `p` was allocated here with `bytes` bytes and is not used any more.
    #[inline]
    pub unsafe fn raw_free(&mut self, p: *mut u8, bytes: usize) {
        self.refund(bytes);
        // SAFETY: as the caller says; which allocator it comes from follows
        // from its size.
        unsafe {
            if bytes <= MAX_SMALL {
                self.small.free(p);
            } else {
                pages::free(p, bytes);
            }
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
    let p = pages::allocate(bytes);
    if p.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: just allocated, and untouched.
    unsafe { pages::free(p, bytes) };
    Ok(())
}
