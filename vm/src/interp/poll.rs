//! Safepoints: what running code does when the poll word is not zero. All
//! registers are in VM slots there and `vm.base`, `vm.pc`, `vm.top` are true,
//! so the collector may run and Lua code (finalizers) may be called.

use super::*;
use std::sync::atomic::Ordering;
use strata_runtime::heap::{self, poll};
use strata_runtime::metatable::{Event, metamethod};
use strata_runtime::native::cont;

/// Finalizers called at one poll, as many as PUC Lua calls in a step. While
/// there are more, the poll bit stays set.
pub(crate) const FEW: usize = 10;

/// Collects, calls finalizers and checks limits, as the poll word asks.
///
/// # Errors
/// A limit was reached.
#[cold]
pub(super) fn safepoint(vm: &mut Vm) -> Result<()> {
    let bits = vm.heap.poll.load(Ordering::Relaxed);
    if bits & (poll::GC | poll::STRESS) != 0 {
        // SAFETY: the frame is canonical, see the module documentation.
        let collect = |vm: &mut Vm| unsafe { heap::safepoint(vm) };
        match data(vm).jit.recording {
            None => collect(vm),
            Some(_) => crate::jit::report::pause(vm, collect),
        }
    }
    if bits & poll::INTERRUPT != 0 {
        vm.check_interrupt()?;
    }
    if vm.heap.poll.load(Ordering::Relaxed) & poll::FINALIZERS != 0 {
        let base = slot_index(vm, vm.base);
        finalize(vm, base, FEW)?;
    }
    if bits & (poll::READY | poll::ALWAYS) != 0 {
        // First: what is ready from here on is for the next look.
        vm.heap.lower(poll::READY);
        #[cfg(feature = "cranelift")]
        crate::jit::ready(vm);
    }
    if data(vm).jit.recording.is_some() {
        crate::jit::report::look(vm);
    }
    if data(vm).jit.listeners.is_some() {
        let base = slot_index(vm, vm.base);
        crate::jit::library::tell(vm, base)?;
    }
    if bits & poll::ALWAYS != 0 {
        crate::stress::at_poll(vm);
    }
    Ok(())
}

/// Whether others wait for the thread and what runs can be suspended at this poll. It
/// can't where a host function waits for it (a comparator of `table.sort`), in another
/// coroutine than the one that may be, and where hooks look at each instruction; it is
/// asked again some time later.
#[inline]
pub(super) fn may_give_way(vm: &mut Vm) -> bool {
    vm.heap.poll.load(Ordering::Relaxed) & poll::GIVE_WAY != 0 && can_give_way(vm)
}

#[cold]
fn can_give_way(vm: &mut Vm) -> bool {
    let may = data(vm).gives_way;
    // SAFETY: the running thread is live.
    let (calls, hooks) = unsafe { ((*vm.cur).host_calls, (*vm.cur).hook.mask) };
    let can = may.is_some_and(|(co, _)| co == vm.cur as usize) && calls == 0 && hooks == 0;
    if !can {
        vm.heap.lower(poll::GIVE_WAY);
    }
    can
}

/// Suspends the running coroutine before the instruction that `vm.pc` is behind, which
/// runs when it is resumed.
///
/// # Safety
/// [`may_give_way`] says that it can be; `vm.base` is the innermost frame, a Lua
/// function's, and all that the instruction reads is in its registers.
#[cold]
pub(super) unsafe fn give_way(vm: *mut Vm) -> usize {
    // SAFETY: as the caller says.
    unsafe {
        (*vm).heap.lower(poll::GIVE_WAY);
        let yields = data(&mut *vm).gives_way.map_or(0, |(_, f)| f);
        let f = (*vm).handles.get(yields);
        call::call_meta(vm, f, &[], cont::AGAIN)
    }
}

/// Calls a handler with an argument on behalf of the frame at slot `base`, between
/// two of its instructions; `role` says as what.
///
/// # Errors
/// What it raises; the stack's limit.
pub(crate) fn call_between(
    vm: &mut Vm,
    base: usize,
    (f, arg): (Value, Value),
    role: u16,
) -> Result<()> {
    // SAFETY: the slots above `top` are free; `grow_stack` makes room.
    unsafe {
        let top = slot_index(vm, vm.top);
        vm.grow_stack(8)?;
        let at = vm.stack.add(top);
        put(at, f);
        put(at.add(2), arg);
        vm.heap.changes += 1;
        let outcome = call_host_as(vm, base, top, 1, role);
        vm.top = vm.stack.add(top);
        outcome.map(drop)
    }
}

/// Calls up to `most` pending `__gc` handlers on behalf of the frame at slot
/// `base`. Their errors become warnings.
pub(crate) fn finalize(vm: &mut Vm, base: usize, most: usize) -> Result<()> {
    if std::mem::replace(&mut data(vm).finalizing, true) {
        return Ok(());
    }
    let mut result = Ok(());
    for _ in 0..most {
        let Some(object) = heap::next_finalizer(vm) else {
            break;
        };
        let h = metamethod(vm, object, Event::Gc);
        if !h.is_function() {
            continue;
        }
        vm.heap.finalizing += 1;
        let outcome = call_between(vm, base, (h, object), cont::FINALIZER);
        vm.heap.finalizing -= 1;
        if let Err(e) = outcome {
            match vm.catchable(e) {
                Ok(v) => vm.warn_error("__gc", v),
                Err(e) => {
                    result = Err(e);
                    break;
                }
            }
        }
    }
    data(vm).finalizing = false;
    result
}
