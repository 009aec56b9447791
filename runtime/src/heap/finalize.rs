//! Finalizers.
//!
//! An object is registered when it gets a metatable with `__gc`. Found dead
//! by the atomic step, registered objects are marked again ("resurrected")
//! and queued, last registered first; the executor takes them from the queue
//! at polls and calls the handlers. An object that was taken is an ordinary
//! one: it is finalized again only if it gets its metatable again.

use super::{Heap, poll};
use crate::object::{GcHeader, color, gcflag};
use crate::state::Vm;
use crate::value::Value;
use std::collections::VecDeque;

/// Objects with finalizers.
#[derive(Debug)]
pub(crate) struct Finalizers {
    /// Alive, in order of registration.
    pub registered: Vec<*mut GcHeader>,
    /// Those before this one are old.
    pub old: usize,
    /// Dead; their finalizers are to be called in this order.
    pub pending: VecDeque<*mut GcHeader>,
}

impl Heap {
    /// `object`'s metatable has `__gc`: its finalizer is to be called when it
    /// dies.
    ///
    /// # Safety
    /// `object` is a live table or userdata.
    pub unsafe fn register_finalizer(&mut self, object: *mut GcHeader) {
        // SAFETY: as the caller says.
        unsafe {
            if (*object).flags & gcflag::FINALIZER == 0 {
                (*object).flags |= gcflag::FINALIZER;
                self.finalizers.registered.push(object);
            }
        }
    }

    /// Moves dead registered objects to the queue; those before `from` are
    /// known to be alive.
    pub(super) fn separate_dead(&mut self, from: usize) {
        let f = &mut self.finalizers;
        let mut dead = Vec::new();
        let mut kept = from;
        for i in from..f.registered.len() {
            let object = f.registered[i];
            // SAFETY: registered objects are freed only after they were taken
            // from the list.
            if unsafe { (*object).mark } > color::WHITE_B {
                f.registered[kept] = object;
                kept += 1;
            } else {
                dead.push(object);
            }
        }
        f.registered.truncate(kept);
        f.old = kept;
        f.pending.extend(dead.into_iter().rev());
        if !f.pending.is_empty() {
            self.raise(poll::FINALIZERS);
        }
    }

    /// Marks the objects of the queue.
    pub(super) fn mark_pending(&mut self) {
        for i in 0..self.finalizers.pending.len() {
            let object = self.finalizers.pending[i];
            self.mark_later(object);
        }
    }

    /// Objects whose finalizers wait to be called.
    pub fn pending_finalizers(&self) -> usize {
        self.finalizers.pending.len()
    }
}

/// The next object whose finalizer is to be called; the caller looks up
/// `__gc` in its metatable and calls it.
pub fn next_finalizer(vm: &mut Vm) -> Option<Value> {
    let heap = &mut vm.heap;
    let object = heap.finalizers.pending.pop_front();
    if heap.finalizers.pending.is_empty() {
        heap.lower(poll::FINALIZERS);
    }
    let object = object?;
    // SAFETY: queued objects are live.
    unsafe {
        (*object).flags &= !gcflag::FINALIZER;
        Some(Value {
            tag: (*object).kind,
            payload: object as u64,
        })
    }
}

/// Queues all registered objects, dead or not: the VM is being closed.
pub fn finalize_all(vm: &mut Vm) {
    let f = &mut vm.heap.finalizers;
    let all = std::mem::take(&mut f.registered);
    f.old = 0;
    f.pending.extend(all.into_iter().rev());
    if !f.pending.is_empty() {
        vm.heap.raise(poll::FINALIZERS);
    }
}
