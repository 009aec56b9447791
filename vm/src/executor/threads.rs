//! Each thread's own data of a program: `thread_local` variables.
//!
//! Code that wants one calls `__tls_get_addr` with two words: which block of data,
//! and where in it. The linker puts the address of a [`Block`] into the first.
//! A thread's copy of a block is made when it is first asked for, and freed when
//! the thread ends.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What all threads' copies of a program's data begin with.
#[derive(Debug)]
pub(super) struct Block {
    /// No other block ever had it.
    number: u64,
    /// The bytes and their alignment, once it is linked.
    image: OnceLock<(Vec<u8>, usize)>,
}

impl Block {
    pub(super) fn new() -> Block {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Block {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            image: OnceLock::new(),
        }
    }

    /// What the linker is told.
    pub(super) fn word(&self) -> u64 {
        self as *const Block as u64
    }

    /// Sets what copies begin with.
    pub(super) fn set(&self, image: (Vec<u8>, usize)) {
        // Linked once.
        let _ = self.image.set(image);
    }
}

/// A thread's copy of a block.
struct Copy {
    start: *mut u8,
    layout: Layout,
}

impl Copy {
    fn new(block: &Block) -> Copy {
        let (image, align) = block
            .image
            .get()
            .map_or((&[][..], 1), |(i, a)| (&i[..], *a));
        let layout = Layout::from_size_align(image.len().max(1), align)
            .expect("the linker bounds sizes and alignments");
        // SAFETY: the size isn't 0.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: it was just made, as long as the image.
        unsafe { start.copy_from_nonoverlapping(image.as_ptr(), image.len()) };
        Copy { start, layout }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // SAFETY: made in `new` with this layout.
        unsafe { dealloc(self.start, self.layout) };
    }
}

thread_local! {
    static COPIES: RefCell<HashMap<u64, Copy>> = RefCell::default();
}

/// The address of a variable of this thread.
///
/// # Safety
/// Compiled code calls it, with the two words of a variable.
pub(super) unsafe extern "C" fn find(words: *const [u64; 2]) -> *mut u8 {
    // SAFETY: they are what the linker wrote; the block lives as long as the
    // program.
    let (block, offset) = unsafe {
        let [block, offset] = *words;
        (&*(block as *const Block), offset as usize)
    };
    let start = COPIES.try_with(|copies| {
        let mut copies = copies.borrow_mut();
        let copy = copies
            .entry(block.number)
            .or_insert_with(|| Copy::new(block));
        copy.start
    });
    // The thread is about to end and has given back its own: nobody frees this.
    let start = start.unwrap_or_else(|_| std::mem::ManuallyDrop::new(Copy::new(block)).start);
    start.wrapping_add(offset)
}
