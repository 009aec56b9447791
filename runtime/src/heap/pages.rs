//! Memory from the system.
//!
//! Up to [`BIG`] bytes come from the program's allocator, more from the
//! system itself, page by page. General allocators keep large freed ranges
//! and give them back all at once, dozens of megabytes in the middle of some
//! small `free`; here each large piece is given back when it is freed.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ptr::null_mut;

/// From this size on memory comes in pages.
const BIG: usize = 256 << 10;
/// Sizes of pages on all systems divide this.
const PAGE: usize = 64 << 10;
/// From this size on huge pages are asked for.
#[cfg(target_os = "linux")]
const HUGE: usize = 8 << 20;
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
        return whole_pages(bytes).map_or(null_mut(), map);
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
                unmap(p, len);
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
            #[cfg(target_os = "linux")]
            {
                let q = libc::mremap(p.cast(), from, to, libc::MREMAP_MAYMOVE);
                return if q == libc::MAP_FAILED {
                    null_mut()
                } else {
                    q.cast()
                };
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

/// `len` bytes of zeros aligned to `align`, a multiple of [`PAGE`], or null.
/// Both are multiples of [`PAGE`].
pub fn map_aligned(len: usize, align: usize) -> *mut u8 {
    #[cfg(unix)]
    {
        let Some(room) = len.checked_add(align) else {
            return null_mut();
        };
        let p = map(room);
        if p.is_null() {
            return p;
        }
        let before = p.align_offset(align);
        // SAFETY: the range was just mapped; what is not asked for goes back.
        unsafe {
            let start = p.wrapping_add(before);
            if before > 0 {
                unmap(p, before);
            }
            if room > before + len {
                unmap(start.wrapping_add(len), room - before - len);
            }
            start
        }
    }
    #[cfg(not(unix))]
    match Layout::from_size_align(len, align) {
        // SAFETY: the layout's size isn't 0.
        Ok(layout) => unsafe { std::alloc::alloc_zeroed(layout) },
        Err(_) => null_mut(),
    }
}

/// Frees what [`map_aligned`] returned.
///
/// # Safety
/// It was called with `len` and `align`, and nobody uses the memory any more.
pub unsafe fn unmap_aligned(p: *mut u8, len: usize, align: usize) {
    #[cfg(unix)]
    // SAFETY: as the caller says.
    unsafe {
        let _ = align;
        unmap(p, len);
    }
    #[cfg(not(unix))]
    if let Ok(layout) = Layout::from_size_align(len, align) {
        // SAFETY: as the caller says.
        unsafe { dealloc(p, layout) };
    }
}

/// Gives the pages of a range back to the system; their content is lost.
///
/// # Safety
/// The range comes from [`map_aligned`], is a multiple of [`PAGE`], and
/// nobody needs its content.
pub unsafe fn discard(p: *mut u8, len: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: as the caller says; a refusal changes nothing.
    unsafe {
        libc::madvise(p.cast(), len, libc::MADV_DONTNEED);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (p, len);
}

#[cfg(unix)]
fn map(len: usize) -> *mut u8 {
    // SAFETY: a new private mapping touches nothing that exists.
    let p = unsafe {
        libc::mmap(
            null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANON,
            -1,
            0,
        )
    };
    if p == libc::MAP_FAILED {
        return null_mut();
    }
    #[cfg(target_os = "linux")]
    if len >= HUGE {
        // Touching, copying and giving back take a fraction of the time.
        // SAFETY: the range was just mapped; a refusal changes nothing.
        unsafe { libc::madvise(p, len, libc::MADV_HUGEPAGE) };
    }
    p.cast()
}

#[cfg(unix)]
unsafe fn unmap(p: *mut u8, len: usize) {
    // SAFETY: the caller's range is mapped and not used any more.
    unsafe { libc::munmap(p.cast(), len) };
}

#[cfg(not(unix))]
fn map(len: usize) -> *mut u8 {
    match Layout::from_size_align(len, ALIGN) {
        // SAFETY: the layout's size isn't 0.
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => null_mut(),
    }
}

#[cfg(not(unix))]
unsafe fn unmap(p: *mut u8, len: usize) {
    if let Ok(layout) = Layout::from_size_align(len, ALIGN) {
        // SAFETY: allocated by `map` with this layout.
        unsafe { dealloc(p, layout) };
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
