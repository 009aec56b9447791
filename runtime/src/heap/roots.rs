//! Where marking starts, and how far stacks are alive.

use super::Heap;
use crate::object::Thread;
use crate::state::Vm;
use crate::thread::SLACK;
use crate::value::{Value, tag};
use strata_spec::Insn;

/// Brings the running thread's own copy of its registers up to date. With
/// `next`, the instruction that will be executed next in the innermost Lua
/// frame, its registers that are dead there are not counted as alive.
pub(super) fn sync(vm: &mut Vm, next: Option<*const Insn>) {
    // SAFETY: `cur` is the live running thread; `next` is an instruction of
    // its innermost frame's prototype, as `safepoint_at` demands.
    unsafe {
        let t = vm.cur;
        (*t).stack = vm.stack;
        (*t).limit = vm.limit;
        (*t).base = vm.base;
        (*t).pc = vm.pc;
        (*t).top = vm.top;
        vm.heap.live = match next {
            Some(pc) => declared_end(vm.base, pc, vm.top),
            None => std::ptr::null_mut(),
        };
        vm.heap.running = t;
    }
}

/// End of the registers that are alive before the instruction at `pc` of the
/// Lua frame at `base`, if it starts a declared block; else null.
///
/// # Safety
/// `base` is the base of a Lua frame, `pc` in its prototype.
unsafe fn declared_end(base: *mut Value, pc: *const Insn, top: *mut Value) -> *mut Value {
    // SAFETY: a Lua frame's function lies two slots below its base and keeps
    // its prototype.
    unsafe {
        let f = *base.sub(2);
        if f.tag != tag::CLOSURE {
            return std::ptr::null_mut();
        }
        let proto = &*(*f.as_closure()).proto;
        let index = ((pc as usize).wrapping_sub(proto.code as usize) / size_of::<Insn>()) as u32;
        if index == 0 && !proto.vararg {
            return base.add(proto.params as usize);
        }
        let blocks = &proto.spec().blocks;
        match blocks.binary_search_by_key(&index, |b| b.pc) {
            Ok(i) if blocks[i].open.is_some() => base.add(blocks[i].defined as usize).max(top),
            Ok(i) => base.add(blocks[i].defined as usize),
            Err(_) => std::ptr::null_mut(),
        }
    }
}

/// End of the slots that may be alive on a thread's stack.
///
/// # Safety
/// `t` is live and its registers are up to date.
pub(super) unsafe fn live_end(heap: &Heap, t: *mut Thread) -> *mut Value {
    // SAFETY: a frame's function lies two slots below its base; a closure
    // keeps its prototype.
    unsafe {
        if t == heap.running && !heap.live.is_null() {
            return heap.live;
        }
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
