//! Pages for LLVM, all at once: each page that is touched the first time costs the
//! kernel an interruption, and LLVM touches some seven hundred before it has compiled
//! anything. Asked for in one call they take a quarter of that time. Where the kernel
//! or the C library is another one nothing happens, and they come one after the other.

use rustix::mm::{Advice, madvise};
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr::NonNull;

/// Bytes of the heap that a first, small module takes.
const HEAP: usize = 2 << 20;

/// Blocks that they are asked for in, as large as the largest of LLVM's own, its
/// description of what the processor can do.
const BLOCK: usize = 512 << 10;

/// Most bytes that the variables may have: LLVM's are 650 KiB; those of a program that
/// has more are its own, and it may never touch them.
const VARIABLES: usize = 2 << 20;

/// A multiple of the size of a page on any machine.
const PAGE: usize = 64 << 10;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
    static __bss_start: u8;
    static _end: u8;
}

/// Gets the pages of LLVM's variables, and those that this thread is about to
/// allocate.
pub(super) fn get() {
    let (start, end) = (&raw const __bss_start as usize, &raw const _end as usize);
    if end.saturating_sub(start) <= VARIABLES {
        populate(start, end);
    }
    if let Some((start, end)) = grow_heap() {
        populate(start, end);
    }
}

/// Has the allocator extend the heap of this thread: from where to where it is free
/// now.
fn grow_heap() -> Option<(usize, usize)> {
    // The allocator maps large blocks one by one, until it sees that such come and go.
    // The compiler would leave it out if it saw that nothing is done with it.
    // SAFETY: any size may be asked for, and what comes of it may be freed once.
    unsafe { free(black_box(malloc(BLOCK + PAGE))) };
    let mut blocks: [Option<NonNull<c_void>>; HEAP / BLOCK] = [None; _];
    for block in &mut blocks {
        // SAFETY: any size may be asked for.
        *block = NonNull::new(unsafe { malloc(BLOCK) });
    }
    let addresses = || blocks.iter().flatten().map(|block| block.as_ptr() as usize);
    let range = addresses().min().zip(addresses().max());
    // In this order they become one, at the end of the heap.
    for block in blocks.into_iter().flatten() {
        // SAFETY: it was just allocated, and nobody else knows it.
        unsafe { free(block.as_ptr()) };
    }
    let (first, last) = range?;
    // Else they come from different places, with something else between them.
    (last - first < HEAP + PAGE).then_some((first, last + BLOCK))
}

/// Has all pages from `start` to `end` there, if that is one piece of memory.
fn populate(start: usize, end: usize) {
    let page = rustix::param::page_size();
    let (start, end) = (start.next_multiple_of(page), end & !(page - 1));
    if start < end {
        // SAFETY: no page's contents change. What isn't memory is an error, and so
        // is advice that the kernel doesn't know.
        let _ = unsafe {
            madvise(
                start as *mut c_void,
                end - start,
                Advice::LinuxPopulateWrite,
            )
        };
    }
}
