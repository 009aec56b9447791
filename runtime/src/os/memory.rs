//! Pages of memory from the system.
//!
//! Sizes are bytes and multiples of [`PAGE`]; a null pointer means that there is
//! no memory. Systems without memory mapping get the same from the program's
//! allocator, and so does Miri, which knows no mappings that are cut.

#[cfg(any(not(unix), miri))]
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::null_mut;

/// Sizes of pages on all systems divide this.
pub const PAGE: usize = 64 << 10;
/// From this size on huge pages are asked for.
#[cfg(all(target_os = "linux", not(miri)))]
const HUGE: usize = 8 << 20;

/// `len` bytes of zeros at the start of a page of the system's, or null.
pub fn map(len: usize) -> *mut u8 {
    #[cfg(all(unix, not(miri)))]
    {
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
        #[cfg(all(target_os = "linux", not(miri)))]
        if len >= HUGE {
            // Touching, copying and giving back take a fraction of the time.
            // SAFETY: the range was just mapped; a refusal changes nothing.
            unsafe { libc::madvise(p, len, libc::MADV_HUGEPAGE) };
        }
        p.cast()
    }
    #[cfg(any(not(unix), miri))]
    map_aligned(len, MAP_ALIGN)
}

/// Alignment of [`map`] where the allocator stands in.
#[cfg(any(not(unix), miri))]
const MAP_ALIGN: usize = 16;

/// Frees what [`map`] returned.
///
/// # Safety
/// `p` was mapped with `len` bytes and nobody uses the memory any more.
pub unsafe fn unmap(p: *mut u8, len: usize) {
    // SAFETY: as the caller says.
    unsafe {
        #[cfg(all(unix, not(miri)))]
        libc::munmap(p.cast(), len);
        #[cfg(any(not(unix), miri))]
        unmap_aligned(p, len, MAP_ALIGN);
    }
}

/// Changes the size of what [`map`] returned from `from` to `to` bytes without
/// copying; it may move. Null: no memory, the old mapping stays. `None`: this
/// system has no such call.
///
/// # Safety
/// `p` was mapped with `from` bytes, and nobody holds its address if it moves.
pub unsafe fn remap(p: *mut u8, from: usize, to: usize) -> Option<*mut u8> {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        // SAFETY: as the caller says.
        let q = unsafe { libc::mremap(p.cast(), from, to, libc::MREMAP_MAYMOVE) };
        Some(if q == libc::MAP_FAILED {
            null_mut()
        } else {
            q.cast()
        })
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    {
        let _ = (p, from, to);
        None
    }
}

/// `len` bytes of zeros aligned to `align`, a multiple of [`PAGE`], or null.
pub fn map_aligned(len: usize, align: usize) -> *mut u8 {
    #[cfg(all(unix, not(miri)))]
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
    #[cfg(any(not(unix), miri))]
    match Layout::from_size_align(len, align) {
        // SAFETY: the layout's size isn't 0.
        Ok(layout) if len > 0 => unsafe { alloc_zeroed(layout) },
        _ => null_mut(),
    }
}

/// Frees what [`map_aligned`] returned.
///
/// # Safety
/// It was called with `len` and `align`, and nobody uses the memory any more.
pub unsafe fn unmap_aligned(p: *mut u8, len: usize, align: usize) {
    #[cfg(all(unix, not(miri)))]
    // SAFETY: as the caller says.
    unsafe {
        let _ = align;
        unmap(p, len);
    }
    #[cfg(any(not(unix), miri))]
    if let Ok(layout) = Layout::from_size_align(len, align) {
        // SAFETY: as the caller says.
        unsafe { dealloc(p, layout) };
    }
}

/// Gives the pages of a range back to the system; their content is lost.
///
/// # Safety
/// The range comes from [`map_aligned`], and nobody needs its content.
pub unsafe fn discard(p: *mut u8, len: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    // SAFETY: as the caller says; a refusal changes nothing.
    unsafe {
        libc::madvise(p.cast(), len, libc::MADV_DONTNEED);
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (p, len);
}

/// From here on the pages of a range can be executed and read, and not written.
///
/// # Errors
/// The system refused, or has no such call.
///
/// # Safety
/// The range is mapped, begins and ends with a page, and nobody writes to it.
pub unsafe fn make_executable(p: *mut u8, len: usize) -> std::io::Result<()> {
    #[cfg(all(unix, not(miri)))]
    {
        // SAFETY: as the caller says.
        match unsafe { libc::mprotect(p.cast(), len, libc::PROT_READ | libc::PROT_EXEC) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    }
    #[cfg(any(not(unix), miri))]
    {
        let _ = (p, len);
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_zeros() {
        for align in [PAGE, 16 * PAGE] {
            let p = map_aligned(3 * PAGE, align);
            assert!(!p.is_null() && (p as usize).is_multiple_of(align));
            // SAFETY: the range is mapped until the end of the block.
            unsafe {
                assert_eq!((*p, *p.add(3 * PAGE - 1)), (0, 0));
                p.write_bytes(1, 3 * PAGE);
                discard(p, PAGE);
                assert_eq!(*p.add(PAGE), 1);
                unmap_aligned(p, 3 * PAGE, align);
            }
        }
        assert!(map_aligned(usize::MAX & !(PAGE - 1), PAGE).is_null());
    }

    #[test]
    fn sizes_change_in_place_or_elsewhere() {
        let p = map(PAGE);
        assert!(!p.is_null());
        // SAFETY: what is mapped is freed once, with its size.
        unsafe {
            *p = 7;
            match remap(p, PAGE, 4 * PAGE) {
                Some(q) => {
                    assert_eq!((*q, *q.add(4 * PAGE - 1)), (7, 0));
                    unmap(q, 4 * PAGE);
                }
                None => unmap(p, PAGE),
            }
        }
    }
}
