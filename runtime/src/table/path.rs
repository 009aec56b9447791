//! Paths: the keys of a lineage of shapes, by slot.
//!
//! One allocation holds introducing shapes, keys and, for longer paths, an
//! open-addressed index from key to slot. A path only grows at its end; when
//! the shape that introduced the last slot dies, the slot is cut off.

use super::edges::MIX;
use crate::heap::Heap;
use crate::object::{Shape, ShapePath, Str};
use std::ptr::null_mut;

/// Paths up to this capacity are scanned, longer ones have an index.
pub(super) const SCAN: u32 = 8;

#[inline]
pub(super) fn key_hash(key: *const Str) -> usize {
    ((key as u64 >> 4).wrapping_mul(MIX) >> 32) as usize
}

pub(super) fn path_new(heap: &mut Heap) -> *mut ShapePath {
    let path = heap.raw_alloc(size_of::<ShapePath>()).cast::<ShapePath>();
    // SAFETY: freshly allocated with the struct's size.
    unsafe {
        path.write(ShapePath {
            items: null_mut(),
            keys: null_mut(),
            index: null_mut(),
            len: 0,
            cap: 0,
            refs: 1,
        })
    };
    path
}

pub(super) const fn array_bytes(cap: u32) -> usize {
    let index = if cap > SCAN {
        cap as usize * 2 * size_of::<u16>()
    } else {
        0
    };
    cap as usize * 16 + index
}

/// Moves the arrays to ones with `cap` slots, a power of two.
pub(super) unsafe fn path_resize(heap: &mut Heap, path: *mut ShapePath, cap: u32) {
    // SAFETY: `path` is live, `cap` at least its `len`; the allocation holds
    // items, keys and index one after the other.
    unsafe {
        let p = &mut *path;
        let items = heap.raw_alloc(array_bytes(cap)).cast::<*mut Shape>();
        let keys = items.add(cap as usize).cast::<*mut Str>();
        if p.len > 0 {
            items.copy_from_nonoverlapping(p.items, p.len as usize);
            keys.copy_from_nonoverlapping(p.keys, p.len as usize);
        }
        if p.cap > 0 {
            heap.raw_free(p.items.cast(), array_bytes(p.cap));
        }
        p.items = items;
        p.keys = keys;
        p.index = if cap > SCAN {
            keys.add(cap as usize).cast::<u16>()
        } else {
            null_mut()
        };
        p.cap = cap;
        path_reindex(path);
    }
}

pub(super) unsafe fn path_reindex(path: *mut ShapePath) {
    // SAFETY: `path` is live; its index has twice as many places as slots fit.
    unsafe {
        if (*path).index.is_null() {
            return;
        }
        (*path).index.write_bytes(0, (*path).cap as usize * 2);
        for slot in 0..(*path).len {
            path_index(path, slot);
        }
    }
}

pub(super) unsafe fn path_index(path: *mut ShapePath, slot: u32) {
    // SAFETY: as for `path_reindex`, and `slot` is below `len`.
    unsafe {
        if (*path).index.is_null() {
            return;
        }
        let mask = (*path).cap as usize * 2 - 1;
        let mut at = key_hash(*(*path).keys.add(slot as usize)) & mask;
        while *(*path).index.add(at) != 0 {
            at = (at + 1) & mask;
        }
        *(*path).index.add(at) = slot as u16 + 1;
    }
}

pub(super) unsafe fn path_push(
    heap: &mut Heap,
    path: *mut ShapePath,
    key: *mut Str,
    intro: *mut Shape,
) {
    // SAFETY: `path` is live; it is grown when full.
    unsafe {
        if (*path).len == (*path).cap {
            path_resize(heap, path, ((*path).cap * 2).max(4));
        }
        let slot = (*path).len;
        *(*path).items.add(slot as usize) = intro;
        *(*path).keys.add(slot as usize) = key;
        (*path).len = slot + 1;
        path_index(path, slot);
    }
}

pub(super) unsafe fn path_truncate(path: *mut ShapePath, len: u32) {
    // SAFETY: `path` is live and has at least `len` slots.
    unsafe {
        (*path).len = len;
        path_reindex(path);
    }
}

/// A path with the first `len` slots of `from`, used by one shape.
pub(super) unsafe fn path_copy(heap: &mut Heap, from: *mut ShapePath, len: u32) -> *mut ShapePath {
    let path = path_new(heap);
    // SAFETY: `from` is live with at least `len` slots; `path` is new.
    unsafe {
        if len > 0 {
            path_resize(heap, path, (len + 1).next_power_of_two().max(4));
            (*path)
                .items
                .copy_from_nonoverlapping((*from).items, len as usize);
            (*path)
                .keys
                .copy_from_nonoverlapping((*from).keys, len as usize);
            (*path).len = len;
            path_reindex(path);
        }
    }
    path
}

pub(super) unsafe fn path_free(heap: &mut Heap, path: *mut ShapePath) {
    // SAFETY: nothing uses `path` any more.
    unsafe {
        if (*path).cap > 0 {
            heap.raw_free((*path).items.cast(), array_bytes((*path).cap));
        }
        heap.raw_free(path.cast(), size_of::<ShapePath>());
    }
}
