//! Noting that native frames are dropped, for traces and statistics.
//!
//! Native frames go when compiled code answers with any status but
//! `RETURNED`: one after the other, down to where the interpreter entered
//! compiled code. Whoever makes it do so says why, while the frames are still
//! on the VM stack, so that they can be counted. A failed guard that drops no
//! other frame than its own is an exit and nothing more.

use super::*;
use crate::jit;
use strata_runtime::frame::{original_base, read_link};
use strata_runtime::value::tag;

/// The native frames from the one at `base` down are about to be dropped, if
/// there are any.
#[inline]
pub(super) unsafe fn note(vm: *mut Vm, base: *mut Value, why: &'static str) {
    // SAFETY: `base` is a frame of the running stack.
    unsafe { note_on(vm, (*vm).stack, base, why) }
}

/// The same, if the frame at `base` lies on this stack.
#[inline]
pub(super) unsafe fn note_on(vm: *mut Vm, stack: *mut Value, base: *mut Value, why: &'static str) {
    // SAFETY: `base` is a frame of that stack, as links below it are.
    unsafe {
        if (*vm).native_depth == 0 || (*vm).native_entry.0 != (*vm).host_depth {
            return;
        }
        let mut b = base;
        if (*b.sub(2)).tag != tag::CLOSURE {
            // A host function that compiled code called.
            b = b.sub(read_link(b).delta as usize);
            if (*b.sub(2)).tag != tag::CLOSURE {
                return;
            }
        }
        if (*vm).trace_drops {
            tell(vm, stack, b, why);
        } else {
            (*vm).native_drops += 1;
        }
    }
}

/// Has the frames from the one at `b` down traced.
#[cold]
#[inline(never)]
unsafe fn tell(vm: *mut Vm, stack: *mut Value, b: *mut Value, why: &'static str) {
    // SAFETY: as for `note`.
    unsafe {
        let p = (*(*b.sub(2)).as_closure()).proto;
        let n = frames(stack, b, (*vm).native_entry.1);
        jit::unwound(&mut *vm, &mut *p, why, n);
    }
}

/// A guard failed in the frame at `base`: its native callers are dropped.
///
/// # Safety
/// `base` is the innermost frame, run by compiled code.
#[cfg(feature = "cranelift")]
pub(crate) unsafe fn note_exit(vm: *mut Vm, base: *mut Value) {
    // SAFETY: as the caller says.
    unsafe {
        let fb = original_base(base);
        let link = read_link(fb);
        if link.native && slot_index(&*vm, fb) > (*vm).native_entry.1 as usize {
            note(vm, fb.sub(link.delta as usize), "exit");
        }
    }
}

/// Native frames from the one at `b` down to the one at slot `entry` of the
/// stack.
unsafe fn frames(stack: *mut Value, mut b: *mut Value, entry: u32) -> u32 {
    let mut n = 1;
    loop {
        // SAFETY: as for `note`; the entry's frame lies below, and a link
        // without the native bit ends the walk in any case.
        unsafe {
            b = original_base(b);
            let link = read_link(b);
            let slot = (b as usize - stack as usize) / size_of::<Value>();
            if slot <= entry as usize || !link.native {
                return n;
            }
            b = b.sub(link.delta as usize);
        }
        n += 1;
    }
}
