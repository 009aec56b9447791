//! What debuggers are told about code: GDB's interface for compiled code, which
//! LLDB reads too.
//!
//! They stop at a function of a known name, and read a list of object files in
//! memory, whose sections are where their headers say.
//!
//! The list is one for the whole process, as its readers want it; a mutex lets
//! several VMs and threads change it.

use parking_lot::Mutex;
use std::ptr::null_mut;

/// An entry of the list, as GDB wants it.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    prev: *mut Entry,
    symfile: *const u8,
    size: u64,
}

/// The head of the list.
#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

/// Actions of the descriptor.
mod action {
    pub const NONE: u32 = 0;
    pub const REGISTER: u32 = 1;
    pub const UNREGISTER: u32 = 2;
}

/// The descriptor, of a type that may be a static.
#[repr(transparent)]
struct Shared(std::cell::UnsafeCell<Descriptor>);

// SAFETY: it is touched under `LOCK` only (and read by debuggers, which stop
// the process).
unsafe impl Sync for Shared {}

static LOCK: Mutex<()> = Mutex::new(());

#[unsafe(no_mangle)]
static __jit_debug_descriptor: Shared = Shared(std::cell::UnsafeCell::new(Descriptor {
    version: 1,
    action: action::NONE,
    relevant: null_mut(),
    first: null_mut(),
}));

/// Debuggers put a breakpoint here.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn __jit_debug_register_code() {
    // So that the call isn't optimised away.
    std::hint::black_box(());
}

/// An object file in the list; taken off when dropped.
pub(crate) struct Registered {
    entry: *mut Entry,
    /// What the entry points to.
    symfile: Vec<u8>,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registered({} bytes)", self.symfile.len())
    }
}

// SAFETY: the entry is touched under `LOCK` only.
unsafe impl Send for Registered {}

impl Registered {
    /// Adds an object file.
    pub(crate) fn new(symfile: Vec<u8>) -> Registered {
        let _guard = LOCK.lock();
        let descriptor = __jit_debug_descriptor.0.get();
        // SAFETY: the lock is held; entries in the list live until they are
        // taken off it.
        unsafe {
            let entry = Box::into_raw(Box::new(Entry {
                next: (*descriptor).first,
                prev: null_mut(),
                symfile: symfile.as_ptr(),
                size: symfile.len() as u64,
            }));
            if !(*descriptor).first.is_null() {
                (*(*descriptor).first).prev = entry;
            }
            (*descriptor).first = entry;
            tell(descriptor, entry, action::REGISTER);
            Registered { entry, symfile }
        }
    }
}

/// Has debuggers look at `entry`.
unsafe fn tell(descriptor: *mut Descriptor, entry: *mut Entry, what: u32) {
    // SAFETY: the caller holds the lock.
    unsafe {
        (*descriptor).relevant = entry;
        (*descriptor).action = what;
        __jit_debug_register_code();
        (*descriptor).relevant = null_mut();
        (*descriptor).action = action::NONE;
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _guard = LOCK.lock();
        let descriptor = __jit_debug_descriptor.0.get();
        // SAFETY: the lock is held; `entry` is in the list.
        unsafe {
            let (next, prev) = ((*self.entry).next, (*self.entry).prev);
            if prev.is_null() {
                (*descriptor).first = next;
            } else {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
            tell(descriptor, self.entry, action::UNREGISTER);
            drop(Box::from_raw(self.entry));
        }
    }
}
