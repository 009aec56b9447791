//! Blocks: where small objects live.
//!
//! A *chunk* is 1 MiB from the system, cut into sixteen aligned
//! *blocks* of 64 KiB. A block holds cells of one *size class*; its header
//! lies at its start, so the block of an object is its address with the low
//! sixteen bits cleared.
//!
//! ```text
//!  block (64 KiB, aligned)
//! ┌────────┬──────┬──────┬──────┬─ … ─┬───────────────────┐
//! │ header │ cell │ cell │ cell │     │ never used so far │
//! └────────┴──────┴──────┴──────┴─ … ─┴───────────────────┘
//!                                     ↑ bump
//! ```
//!
//! A free cell has kind [`FREE`](crate::object::kind::FREE) and a link to the
//! next one. Cells above `bump` have never been written to: lists of free
//! cells are *carved* a few kilobytes at a time, at first no more than a page, so
//! that a class that is hardly used costs a page and no more.
//!
//! Objects above [`MAX_SMALL`] bytes live apart, each an allocation of its
//! own behind a [`LargeHeader`].

use super::mark::Budget;
use crate::object::{GcHeader, kind};
use crate::os::memory;
use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;

/// Bytes of a block, and its alignment.
pub const BLOCK_SIZE: usize = 64 << 10;
const CHUNK_BLOCKS: usize = 16;
const CHUNK_SIZE: usize = BLOCK_SIZE * CHUNK_BLOCKS;
/// Largest object that lives in a block.
pub const MAX_SMALL: usize = 2048;
/// Cells are multiples of this.
pub const GRAIN: usize = 16;
const FINE: usize = 16;
const COARSE: [u16; 11] = [320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 2048];
/// Class of shapes, which are swept in an order of their own.
pub const SHAPE_CLASS: usize = FINE + COARSE.len();
/// Class of threads, likewise.
pub const THREAD_CLASS: usize = SHAPE_CLASS + 1;
/// Number of size classes.
pub const N_CLASSES: usize = THREAD_CLASS + 1;
/// Most bytes carved at a time.
const CARVE: usize = 8 << 10;
/// Bytes carved first, with the header.
const PAGE: usize = 4 << 10;

/// Cell size by class.
pub const CLASS_SIZE: [u16; N_CLASSES] = {
    let mut sizes = [0; N_CLASSES];
    let mut i = 0;
    while i < FINE {
        sizes[i] = ((i + 1) * GRAIN) as u16;
        i += 1;
    }
    while i < FINE + COARSE.len() {
        sizes[i] = COARSE[i - FINE];
        i += 1;
    }
    sizes[SHAPE_CLASS] = size_of::<crate::object::Shape>().next_multiple_of(GRAIN) as u16;
    sizes[THREAD_CLASS] = size_of::<crate::object::Thread>().next_multiple_of(GRAIN) as u16;
    sizes
};

/// Class of a size above 256, by `(size - 1) / 64`.
const COARSE_CLASS: [u8; MAX_SMALL / 64] = {
    let mut classes = [0; MAX_SMALL / 64];
    let mut i = 0;
    while i < classes.len() {
        let mut c = 0;
        while c < COARSE.len() - 1 && (COARSE[c] as usize) < (i + 1) * 64 {
            c += 1;
        }
        classes[i] = (FINE + c) as u8;
        i += 1;
    }
    classes
};

/// The size class of an object of `size` bytes (1 ..= [`MAX_SMALL`]).
#[inline(always)]
pub const fn class_of(size: usize) -> usize {
    if size <= FINE * GRAIN {
        size.div_ceil(GRAIN) - 1
    } else {
        COARSE_CLASS[(size - 1) / 64] as usize
    }
}

/// What the whole heap shares with its blocks, at a fixed address, so that a
/// string can be read through its address alone.
#[derive(Debug)]
pub struct Shared {
    /// Seed of string hashing.
    pub seed: u64,
    /// Bytes allocated by flattening strings and not yet accounted.
    pub pending: Cell<usize>,
}

/// A cell that is not in use.
#[derive(Debug)]
#[repr(C)]
pub struct FreeCell {
    /// Kind [`FREE`](crate::object::kind::FREE).
    pub hdr: GcHeader,
    /// The next one of the list.
    pub next: *mut FreeCell,
}

/// The header of a block.
#[derive(Debug)]
#[repr(C)]
pub struct Block {
    /// The heap's shared part.
    pub shared: *const Shared,
    /// Free cells, while the block is not the one its class allocates from.
    pub free: *mut FreeCell,
    /// End of the cells that were ever used.
    pub bump: *mut u8,
    /// Where it stands in its class's list of blocks.
    pub index: u32,
    /// Cell size.
    pub cell: u32,
    /// Cells in use, for blocks of small arrays.
    pub used: u32,
    /// Size class.
    pub class: u8,
    /// Listed among the blocks that were allocated into since the last
    /// collection; of small arrays: listed as having free cells.
    pub young: bool,
    /// Which of its chunk's blocks it is.
    slot: u8,
    /// The chunk.
    chunk: *mut Chunk,
}

const HEADER: usize = size_of::<Block>().next_multiple_of(64);

#[derive(Debug)]
struct Chunk {
    memory: *mut u8,
    /// Bit set: the block is in the pool.
    free: u16,
    /// Bit set: in the pool, and its pages were given back.
    cold: u16,
}

impl Block {
    /// The block of a small object.
    #[inline(always)]
    pub fn of(object: *mut GcHeader) -> *mut Block {
        object.map_addr(|a| a & !(BLOCK_SIZE - 1)).cast()
    }

    /// The first cell.
    #[inline(always)]
    pub fn first(b: *mut Block) -> *mut u8 {
        b.cast::<u8>().wrapping_add(HEADER)
    }

    /// End of the room for cells.
    ///
    /// # Safety
    /// `b` is a block in use.
    #[inline]
    pub unsafe fn end(b: *mut Block) -> *mut u8 {
        // SAFETY: the caller says that `b` is a block.
        let cell = unsafe { (*b).cell } as usize;
        Block::first(b).wrapping_add((BLOCK_SIZE - HEADER) / cell * cell)
    }

    /// Whether cells are left that were never used.
    ///
    /// # Safety
    /// `b` is a block in use.
    #[inline]
    pub unsafe fn can_carve(b: *mut Block) -> bool {
        // SAFETY: the caller says that `b` is a block.
        unsafe { (*b).bump < Block::end(b) }
    }

    /// Makes a list of the next few kilobytes of unused cells.
    ///
    /// # Safety
    /// `b` is a block in use and [`can_carve`](Self::can_carve).
    pub unsafe fn carve(b: *mut Block) -> *mut FreeCell {
        // SAFETY: as the caller says; the cells belong to nobody.
        unsafe { Block::carve_with(b, |at, next| write_free(at, next)) }
    }

    /// Likewise with cells that hold nothing but a link at their start.
    ///
    /// # Safety
    /// As for [`carve`](Self::carve).
    pub unsafe fn carve_raw(b: *mut Block) -> *mut FreeCell {
        // SAFETY: as the caller says; the cells belong to nobody.
        unsafe { Block::carve_with(b, |at, next| *at.cast::<*mut FreeCell>() = next) }
    }

    unsafe fn carve_with(b: *mut Block, write: impl Fn(*mut u8, *mut FreeCell)) -> *mut FreeCell {
        // SAFETY: cells from `bump` to the end belong to nobody.
        unsafe {
            let cell = (*b).cell as usize;
            let first = (*b).bump;
            let room = Block::end(b) as usize - first as usize;
            // The first page, as much again, and so on: many small heaps have few
            // cells of each class.
            let used = first as usize - b as usize;
            let bytes = match used {
                0..PAGE => PAGE - used,
                _ => used.min(CARVE),
            };
            let n = (room / cell).min((bytes / cell).max(1));
            let last = first.add((n - 1) * cell);
            let mut at = first;
            while at < last {
                let next = at.add(cell);
                write(at, next.cast());
                at = next;
            }
            write(last, std::ptr::null_mut());
            (*b).bump = last.add(cell);
            first.cast()
        }
    }
}

/// Makes a free cell.
///
/// # Safety
/// `at` is a cell that holds no object.
#[inline(always)]
pub unsafe fn write_free(at: *mut u8, next: *mut FreeCell) {
    // SAFETY: a cell has at least 16 bytes, aligned.
    unsafe {
        at.cast::<FreeCell>().write(FreeCell {
            hdr: GcHeader {
                kind: kind::FREE,
                mark: 0,
                flags: 0,
                heap: 0,
                aux: 0,
            },
            next,
        });
    }
}

/// All chunks and the blocks in them that no class uses.
#[derive(Debug, Default)]
pub struct Pool {
    /// From `Box::into_raw`.
    chunks: Vec<*mut Chunk>,
    /// Chunks with a free block.
    with_free: Vec<*mut Chunk>,
    /// Free blocks whose pages are resident.
    warm: usize,
    /// The fewest there were since blocks were last trimmed: who took none of them in a
    /// whole cycle won't need them in the next.
    idle: usize,
    /// How many are still to be given back to the system.
    excess: usize,
    /// The chunk with a free block where that goes on.
    trim_at: usize,
    /// Blocks that classes use.
    pub in_use: usize,
}

impl Pool {
    /// An empty block for `class`.
    pub fn take(&mut self, class: usize, shared: *const Shared) -> *mut Block {
        let chunk = match self.with_free.last() {
            Some(&c) => c,
            None => self.grow(),
        };
        // SAFETY: `chunk` is one of ours and has a free block, whose memory
        // belongs to nobody.
        unsafe {
            // Resident blocks first.
            let warm = (*chunk).free & !(*chunk).cold;
            let slot = if warm != 0 {
                warm.trailing_zeros()
            } else {
                (*chunk).free.trailing_zeros()
            };
            let bit = 1u16 << slot;
            if warm != 0 {
                self.warm -= 1;
            }
            self.idle = self.idle.min(self.warm);
            (*chunk).free &= !bit;
            (*chunk).cold &= !bit;
            if (*chunk).free == 0 {
                self.with_free.pop();
            }
            self.in_use += 1;
            let b = (*chunk)
                .memory
                .add(slot as usize * BLOCK_SIZE)
                .cast::<Block>();
            b.write(Block {
                shared,
                free: std::ptr::null_mut(),
                bump: Block::first(b),
                index: 0,
                cell: CLASS_SIZE[class] as u32,
                used: 0,
                class: class as u8,
                young: false,
                slot: slot as u8,
                chunk,
            });
            b
        }
    }

    #[cold]
    fn grow(&mut self) -> *mut Chunk {
        let memory = memory::map_aligned(CHUNK_SIZE, BLOCK_SIZE);
        if memory.is_null() {
            handle_alloc_error(Layout::new::<[u8; CHUNK_SIZE]>());
        }
        // Fresh memory counts as cold: nothing of it is resident yet.
        let chunk = Box::into_raw(Box::new(Chunk {
            memory,
            free: !0,
            cold: !0,
        }));
        self.chunks.push(chunk);
        self.with_free.push(chunk);
        chunk
    }

    /// Takes back a block without objects. Its pages stay resident until a later cycle
    /// has found that nobody needs them.
    ///
    /// # Safety
    /// Nothing refers to the block or its cells any more.
    pub unsafe fn give(&mut self, b: *mut Block) {
        // SAFETY: the block and its chunk are ours.
        unsafe {
            let chunk = (*b).chunk;
            if (*chunk).free == 0 {
                self.with_free.push(chunk);
            }
            (*chunk).free |= 1u16 << (*b).slot;
        }
        self.in_use -= 1;
        self.warm += 1;
    }

    /// A cycle is about to sweep: what has been idle since the last one is to be given
    /// back to the system. (What the sweep frees the program will mostly need again
    /// before the next, and pages cost more to get than cells.) With `all` everything
    /// that is free by then.
    pub fn plan_trim(&mut self, all: bool) {
        self.excess = if all { usize::MAX } else { self.idle };
        self.trim_at = 0;
    }

    /// Gives pages of free blocks back to the system, and chunks without a block in use,
    /// until the budget is spent; a reserve stays. True: done.
    pub(super) fn trim_some(&mut self, budget: &mut Budget) -> bool {
        while self.excess > 0 && self.warm > 32 + self.in_use / 8 {
            let Some(&chunk) = self.with_free.get(self.trim_at) else {
                break;
            };
            // SAFETY: the chunk is ours, and its free blocks are nobody's.
            unsafe {
                let warm = (*chunk).free & !(*chunk).cold;
                let empty = (*chunk).free == !0 && self.chunks.len() > 1;
                if empty && warm.count_ones() as usize <= self.excess {
                    self.excess -= warm.count_ones() as usize;
                    self.drop_chunk(chunk);
                } else if warm == 0 {
                    self.trim_at += 1;
                } else {
                    let slot = warm.trailing_zeros();
                    (*chunk).cold |= 1 << slot;
                    let b = (*chunk).memory.add(slot as usize * BLOCK_SIZE);
                    memory::discard(b, BLOCK_SIZE);
                    self.warm -= 1;
                    self.excess -= 1;
                }
            }
            budget.charge(4 << 10);
            if budget.spent() {
                return false;
            }
        }
        self.excess = 0;
        self.idle = self.warm;
        true
    }

    /// # Safety
    /// No block of the chunk is in use.
    unsafe fn drop_chunk(&mut self, chunk: *mut Chunk) {
        // SAFETY: the chunk is in the list, its memory was allocated by `grow`.
        unsafe {
            self.warm -= ((*chunk).free & !(*chunk).cold).count_ones() as usize;
            self.with_free.retain(|&c| c != chunk);
            self.chunks.retain(|&c| c != chunk);
            memory::unmap_aligned((*chunk).memory, CHUNK_SIZE, BLOCK_SIZE);
            drop(Box::from_raw(chunk));
        }
    }

    /// Frees all chunks.
    ///
    /// # Safety
    /// Nothing refers to any block any more.
    pub unsafe fn free_all(&mut self) {
        self.with_free.clear();
        for c in self.chunks.drain(..) {
            // SAFETY: made by `grow`, memory with this layout.
            unsafe {
                memory::unmap_aligned((*c).memory, CHUNK_SIZE, BLOCK_SIZE);
                drop(Box::from_raw(c));
            }
        }
        *self = Pool::default();
    }

    /// Bytes reserved from the system.
    pub fn reserved(&self) -> usize {
        self.chunks.len() * CHUNK_SIZE
    }
}

/// What lies before a large object.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct LargeHeader {
    /// The heap's shared part.
    pub shared: *const Shared,
    /// Bytes of the allocation, this header included.
    pub size: usize,
}

/// Bytes before a large object.
pub const LARGE_HEADER: usize = size_of::<LargeHeader>();

impl LargeHeader {
    /// The header of a large object.
    #[inline]
    pub fn of(object: *mut GcHeader) -> *mut LargeHeader {
        object.cast::<u8>().wrapping_sub(LARGE_HEADER).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_fit_their_sizes() {
        for size in 1..=MAX_SMALL {
            let class = class_of(size);
            assert!(CLASS_SIZE[class] as usize >= size, "{size}");
            assert!(
                class == 0 || class == FINE || (CLASS_SIZE[class - 1] as usize) < size,
                "{size}"
            );
            assert!(class < SHAPE_CLASS);
        }
        assert!(
            CLASS_SIZE
                .iter()
                .all(|&s| (s as usize).is_multiple_of(GRAIN))
        );
    }

    #[test]
    fn blocks_come_and_go() {
        let shared = Shared {
            seed: 1,
            pending: Cell::new(0),
        };
        let mut pool = Pool::default();
        let blocks: Vec<_> = (0..100).map(|_| pool.take(3, &shared)).collect();
        assert_eq!(pool.in_use, 100);
        // SAFETY: the blocks are fresh and freed once.
        unsafe {
            for &b in &blocks {
                assert_eq!(b as usize % BLOCK_SIZE, 0);
                let mut n = 0;
                while Block::can_carve(b) {
                    let mut c = Block::carve(b);
                    while !c.is_null() {
                        assert_eq!(Block::of(c.cast()), b);
                        n += 1;
                        c = (*c).next;
                    }
                }
                assert_eq!(n, (BLOCK_SIZE - HEADER) / 64);
            }
            for &b in &blocks {
                pool.give(b);
            }
            assert_eq!(pool.in_use, 0);
            // They were needed in the cycle that ends, and not in the next.
            let mut trim = |all| {
                pool.plan_trim(all);
                assert!(pool.trim_some(&mut Budget::UNLIMITED.clone()));
                pool.reserved() / CHUNK_SIZE
            };
            assert_eq!([trim(false), trim(false)], [7, 2]);
            let blocks: Vec<_> = (0..100).map(|_| pool.take(3, &shared)).collect();
            for &b in &blocks[..90] {
                b.cast::<u8>().add(BLOCK_SIZE - 1).write(7);
                pool.give(b);
            }
            pool.plan_trim(true);
            assert!(pool.trim_some(&mut Budget::UNLIMITED.clone()));
            assert!(pool.warm <= 33 && pool.in_use == 10);
            // Pages that were given back are zeros.
            let cold: Vec<_> = (0..90).map(|_| pool.take(3, &shared)).collect();
            let zeros = |&&b: &&*mut Block| *b.cast::<u8>().add(BLOCK_SIZE - 1) == 0;
            let lost = cold.iter().filter(zeros).count();
            assert!(
                lost >= 57 || cfg!(any(not(target_os = "linux"), miri)),
                "{lost}"
            );
            pool.free_all();
        }
    }
}
