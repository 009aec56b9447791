//! Where marking starts, and how far stacks are alive.

use super::Heap;
use crate::object::Thread;
use crate::state::Vm;
use crate::thread::SLACK;
use crate::value::Value;

/// Brings the running thread's own copy of its registers up to date.
pub(super) fn sync(vm: &mut Vm) {
    // SAFETY: `cur` is the live running thread.
    unsafe {
        let t = vm.cur;
        (*t).stack = vm.stack;
        (*t).limit = vm.limit;
        (*t).base = vm.base;
        (*t).pc = vm.pc;
        (*t).top = vm.top;
    }
}

/// End of the slots that may be alive on a thread's stack.
///
/// # Safety
/// `t` is live and its registers are up to date.
pub(super) unsafe fn live_end(t: *mut Thread) -> *mut Value {
    // SAFETY: as the caller says.
    unsafe {
        let (base, top) = ((*t).base, (*t).top);
        if base.is_null() || base < (*t).stack.wrapping_add(2) {
            return top;
        }
        // At a poll the interpreter has set `top` to the end of the live
        // registers of a Lua frame.
        top.min(stack_end(t))
    }
}

/// End of the slots that exist on a thread's stack and may have been used.
///
/// # Safety
/// `t` is live.
pub(super) unsafe fn stack_end(t: *mut Thread) -> *mut Value {
    // SAFETY: `limit` lies in the stack, the slack above it does too.
    unsafe {
        (*t).limit
            .wrapping_add(SLACK)
            .min((*t).stack.wrapping_add((*t).cap))
    }
}

impl Heap {
    /// Marks the roots.
    pub(super) fn mark_roots(vm: &mut Vm) {
        let roots = [vm.registry, vm.globals];
        let threads = [vm.main, vm.cur];
        let raising = vm.raising;
        let metas = vm.type_meta;
        let names = vm.event_names;
        let shapes = [vm.shapes.root(), vm.shapes.root_dict()];
        let heap = &mut vm.heap;
        for t in roots.into_iter().chain(metas) {
            heap.mark_opt(t);
        }
        for t in threads {
            heap.mark_opt(t);
        }
        for s in names {
            heap.mark_opt(s);
        }
        for s in shapes {
            heap.mark_opt(s);
        }
        heap.mark_opt(heap.mode_name);
        heap.mark_value(raising);
        for v in vm.handles.iter() {
            vm.heap.mark_value(v);
        }
        vm.heap.mark_pending();
        vm.heap.drain_ring();
    }
}
