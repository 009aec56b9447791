//! Memory from the system.
//!
//! Up to [`BIG`] bytes come from the program's allocator, more from the
//! system itself, page by page. General allocators keep large freed ranges
//! and give them back all at once, dozens of megabytes in the middle of some
//! small `free`; here each large piece is given back when it is freed.

use crate::os::memory;
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ptr::null_mut;

/// From this size on memory comes in pages.
const BIG: usize = 256 << 10;
const PAGE: usize = memory::PAGE;
/// Alignment of [`allocate`].
pub const ALIGN: usize = 16;

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.max(ALIGN), ALIGN).ok()
}

fn whole_pages(bytes: usize) -> Option<usize> {
    Some(bytes.checked_add(PAGE - 1)? & !(PAGE - 1))
}

/// `bytes` bytes aligned to [`ALIGN`], or null.
#[inline]
pub fn allocate(bytes: usize) -> *mut u8 {
    if bytes >= BIG {
        return whole_pages(bytes).map_or(null_mut(), memory::map);
    }
    match layout(bytes) {
        // SAFETY: the layout's size isn't 0.
        Some(layout) => unsafe { alloc(layout) },
        None => null_mut(),
    }
}

/// Frees what [`allocate`] returned.
///
/// # Safety
/// `p` was allocated with `bytes` bytes and is not used any more.
#[inline]
pub unsafe fn free(p: *mut u8, bytes: usize) {
    // SAFETY: as the caller says; sizes and layouts are those of `allocate`.
    unsafe {
        if bytes >= BIG {
            if let Some(len) = whole_pages(bytes) {
                memory::unmap(p, len);
            }
        } else if let Some(layout) = layout(bytes) {
            dealloc(p, layout);
        }
    }
}

/// Changes the size of what [`allocate`] returned; it may move. Null: no
/// memory, the old allocation stays.
///
/// # Safety
/// `p` was allocated with `old` bytes.
pub unsafe fn reallocate(p: *mut u8, old: usize, new: usize) -> *mut u8 {
    // SAFETY: as the caller says; sizes and layouts are those of `allocate`.
    unsafe {
        if old.max(new) < BIG {
            return match (layout(old), layout(new)) {
                (Some(from), Some(to)) => realloc(p, from, to.size()),
                _ => null_mut(),
            };
        }
        if old.min(new) >= BIG {
            let (Some(from), Some(to)) = (whole_pages(old), whole_pages(new)) else {
                return null_mut();
            };
            if from == to {
                return p;
            }
            if let Some(q) = memory::remap(p, from, to) {
                return q;
            }
        }
        let q = allocate(new);
        if !q.is_null() {
            q.copy_from_nonoverlapping(p, old.min(new));
            free(p, old);
        }
        q
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_change_across_the_border() {
        let mut size = 100;
        let mut p = allocate(size);
        // SAFETY: `p` always has `size` bytes.
        unsafe {
            p.write_bytes(7, size);
            for new in [
                BIG - 1,
                BIG,
                BIG + 1,
                5 * BIG,
                20 * BIG,
                BIG,
                1000,
                3 * BIG,
                64,
            ] {
                p = reallocate(p, size, new);
                assert!(!p.is_null() && (p as usize).is_multiple_of(ALIGN));
                for i in 0..64 {
                    assert_eq!(*p.add(i), 7);
                }
                p.write_bytes(7, new);
                size = new;
            }
            free(p, size);
        }
        assert!(allocate(usize::MAX - 5).is_null());
        assert!(allocate(1 << 60).is_null());
    }
}
