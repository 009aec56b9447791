//! Small raw allocations: arrays of up to [`MAX_SMALL`] bytes.
//!
//! They come from blocks like objects do, but from blocks of their own,
//! whose cells have no headers: who owns an array frees it, and knows its
//! size. A general allocator would do, were it not for its rare long pauses
//! (freed pieces put together, millions at a time).

use super::block::{
    BLOCK_SIZE, Block, FreeCell, MAX_SMALL, N_CLASSES, Pool, SHAPE_CLASS, Shared, class_of,
};
use super::mark::Budget;
use std::ptr::null_mut;

/// Allocator of small arrays.
#[derive(Debug)]
pub(crate) struct SmallArrays {
    /// Block to allocate from, by size class; null: none.
    current: [*mut Block; SHAPE_CLASS],
    /// Other blocks with free cells. Those without a cell in use are given
    /// back by [`trim_some`](Self::trim_some).
    avail: [Vec<*mut Block>; SHAPE_CLASS],
    /// Where trimming goes on: class and number in its list.
    trim_at: (usize, usize),
}

const _: () = assert!(SHAPE_CLASS < N_CLASSES);

impl Default for SmallArrays {
    fn default() -> SmallArrays {
        SmallArrays {
            current: [null_mut(); SHAPE_CLASS],
            avail: Default::default(),
            trim_at: (0, 0),
        }
    }
}

/// A free cell of a raw block: only the link, where objects have their header.
type Link = *mut FreeCell;

impl SmallArrays {
    /// `size` bytes (1 ..= [`MAX_SMALL`]), aligned to 16.
    #[inline]
    pub fn alloc(&mut self, pool: &mut Pool, shared: *const Shared, size: usize) -> *mut u8 {
        debug_assert!(0 < size && size <= MAX_SMALL);
        let class = class_of(size);
        let mut b = self.current[class];
        // SAFETY: current blocks are in use by this class; free cells belong
        // to nobody and start with a link.
        unsafe {
            if b.is_null() || (*b).free.is_null() {
                b = self.refill(pool, shared, class);
            }
            let cell = (*b).free;
            (*b).free = *cell.cast::<Link>();
            (*b).used += 1;
            cell.cast()
        }
    }

    /// A block of `class` with a free cell, now the current one.
    #[cold]
    fn refill(&mut self, pool: &mut Pool, shared: *const Shared, class: usize) -> *mut Block {
        // SAFETY: as in `alloc`.
        unsafe {
            let mut b = self.current[class];
            if b.is_null() || !Block::can_carve(b) {
                b = self.avail[class]
                    .pop()
                    .unwrap_or_else(|| pool.take(class, shared));
                (*b).young = false;
                self.current[class] = b;
            }
            if (*b).free.is_null() {
                (*b).free = Block::carve_raw(b);
            }
            b
        }
    }

    /// Frees what [`alloc`](Self::alloc) returned.
    ///
    /// # Safety
    /// `p` is in use and not used afterwards.
    #[inline]
    pub unsafe fn free(&mut self, p: *mut u8) {
        // SAFETY: the cell lies in a block of ours.
        unsafe {
            let b = p.map_addr(|a| a & !(BLOCK_SIZE - 1)).cast::<Block>();
            *p.cast::<Link>() = (*b).free;
            (*b).free = p.cast();
            (*b).used -= 1;
            let class = (*b).class as usize;
            // `young`: listed as available.
            if !(*b).young && b != self.current[class] {
                (*b).young = true;
                self.avail[class].push(b);
            }
        }
    }

    /// Gives blocks without cells in use back to the pool, until the budget
    /// is spent. True: done with all.
    pub fn trim_some(&mut self, pool: &mut Pool, budget: &mut Budget) -> bool {
        while let Some(list) = self.avail.get_mut(self.trim_at.0) {
            let Some(&b) = list.get(self.trim_at.1) else {
                self.trim_at = (self.trim_at.0 + 1, 0);
                continue;
            };
            // SAFETY: listed blocks are in use by this class; an empty one is
            // referred to by the list only.
            unsafe {
                if (*b).used > 0 {
                    self.trim_at.1 += 1;
                    budget.charge(16);
                    continue;
                }
                list.swap_remove(self.trim_at.1);
                pool.give(b);
            }
            budget.charge(4 << 10);
            if budget.spent() {
                return false;
            }
        }
        self.trim_at = (0, 0);
        true
    }

    /// Forgets all blocks; the pool frees them.
    pub fn clear(&mut self) {
        *self = SmallArrays::default();
    }
}
