//! Closures, upvalues and to-be-closed variables.

use super::*;
use strata_runtime::metatable::{Event, metamethod};
use strata_runtime::native::cont;
use strata_runtime::object::{Closure, ProtoObj, Thread, Upval};
use strata_runtime::thread::SLACK;
use strata_runtime::value::NIL;

/// The open upvalue for `slot` of the running thread, new if there is none.
pub(crate) unsafe fn find_upval(vm: *mut Vm, slot: *mut Value) -> *mut Upval {
    // SAFETY: the open list of a live thread holds live upvalues, highest
    // slot first.
    unsafe {
        let thread = (*vm).cur;
        let mut at: *mut *mut Upval = &raw mut (*thread).open;
        while !(*at).is_null() && (**at).v > slot {
            at = &raw mut (**at).next;
        }
        if !(*at).is_null() && (**at).v == slot {
            return *at;
        }
        let up = (*vm).heap.new_upval(slot);
        (*up).next = *at;
        *at = up;
        up
    }
}

/// Closes what is at or above `level`, unless a variable is to be closed by
/// its `__close`: whether it did.
///
/// # Safety
/// `level` is a register of the running frame.
pub(crate) unsafe fn close_if_plain(vm: *mut Vm, level: *mut Value) -> bool {
    // SAFETY: `cur` is live; its list holds slots of its stack.
    unsafe {
        let from = slot_index(&*vm, level) as u32;
        let plain = (*(*vm).cur).tbc.last().is_none_or(|slot| *slot < from);
        if plain {
            close_upvals(vm, level);
        }
        plain
    }
}

/// Closes all open upvalues of the running thread at or above `level`.
pub(crate) unsafe fn close_upvals(vm: *mut Vm, level: *mut Value) {
    // SAFETY: as for `find_upval`.
    unsafe {
        let thread: *mut Thread = (*vm).cur;
        while !(*thread).open.is_null() && (*(*thread).open).v >= level {
            let up = (*thread).open;
            (*thread).open = (*up).next;
            copy(&raw mut (*up).closed, (*up).v);
            (*up).v = &raw mut (*up).closed;
            (*up).next = std::ptr::null_mut();
            (*vm).heap.barrier(up.cast());
        }
    }
}

slow_handler! {
    closure(pc, base, vm, i, k) {
        let c = make_closure(vm, base, (i >> 32) as usize);
        put(ra(base, i), Value::closure(c));
        next(vm, pc, base)
    }
}

/// A closure of this child of the function whose frame is at `base`.
///
/// # Safety
/// `base` is the innermost frame of a Lua function that has such a child.
unsafe fn make_closure(vm: *mut Vm, base: *mut Value, child: usize) -> *mut Closure {
    // SAFETY: as the caller says; descriptors name registers of the frame and
    // upvalues of its function.
    unsafe {
        let parent = (*base.sub(2)).as_closure();
        let children: &[*mut ProtoObj] = &(*(*parent).proto).children;
        let proto = *children.get_unchecked(child);
        let descs = &(*proto).spec().upvals;
        let c = (*vm).heap.new_closure(proto, descs.len());
        let ups = (&raw mut (*c).upvals).cast::<*mut Upval>();
        for (j, d) in descs.iter().enumerate() {
            *ups.add(j) = if d.from_register {
                find_upval(&mut *vm, base.add(usize::from(d.index)))
            } else {
                Closure::upval(parent, usize::from(d.index))
            };
        }
        c
    }
}

/// Marks the variable in `slot` to be closed.
///
/// # Errors
/// It has no `__close` (nil and false need none).
pub(super) unsafe fn register_tbc(vm: &mut Vm, slot: *mut Value) -> Result<()> {
    // SAFETY: `slot` is a register of the running frame.
    unsafe {
        let v = *slot;
        if v.is_falsy() {
            return Ok(());
        }
        if metamethod(vm, v, Event::Close).is_nil() {
            let frame = vm.frame_at(0);
            let name = frame.and_then(|f| {
                let reg = ((slot as usize - f.base as usize) / size_of::<Value>()) as u8;
                let pc = f.current_pc()? + 1;
                let proto = f.proto()?;
                let local = proto
                    .spec()
                    .locals
                    .iter()
                    .find(|l| l.reg == reg && l.start <= pc && pc <= l.end)?;
                Some(proto.module.str(local.name).to_vec())
            });
            let mut msg = b"variable '".to_vec();
            msg.extend_from_slice(&name.unwrap_or_else(|| b"?".to_vec()));
            msg.extend_from_slice(b"' got a non-closable value");
            return Err(vm.error_at(0, &msg));
        }
        let index = slot_index(vm, slot) as u32;
        (*vm.cur).tbc.push(index);
        Ok(())
    }
}

slow_handler! {
    tbc(pc, base, vm, i, k) {
        save(vm, pc, base);
        match register_tbc(&mut *vm, ra(base, i)) {
            Ok(()) => next(vm, pc, base),
            Err(e) => raise::raise(vm, e),
        }
    }
}

/// Takes the last to-be-closed variable at or above `level` off the list.
unsafe fn pop_tbc(vm: *mut Vm, level: *mut Value) -> Option<*mut Value> {
    // SAFETY: `cur` is live; its list holds slots of its stack.
    unsafe {
        let thread = (*vm).cur;
        let slot = *(*thread).tbc.last()?;
        let from = slot_index(&*vm, level) as u32;
        if slot < from {
            return None;
        }
        (*thread).tbc.pop();
        Some((*vm).stack.add(slot as usize))
    }
}

handler! {
    close(pc, base, vm, i, k) {
        let thread = (*vm).cur;
        let up = (*thread).open;
        if (*thread).tbc.is_empty() && (up.is_null() || (*up).v < ra(base, i)) {
            return dispatch(pc, base, vm, k);
        }
        close_slow(pc, base, vm, i, k)
    }
}

slow_handler! {
    /// Closes one variable through `__close` and runs again, until none is left.
    close_slow(pc, base, vm, i, k) {
        let level = ra(base, i);
        save(vm, pc, base);
        if let Some(var) = pop_tbc(vm, level) {
            close_upvals(vm, var);
            let h = metamethod(&mut *vm, *var, Event::Close);
            return call::call_meta(vm, h, &[*var, NIL], cont::CLOSE);
        }
        close_upvals(vm, level);
        next(vm, pc, base)
    }
}

slow_handler! {
    ret_close(pc, base, vm, i, k) {
        save(vm, pc, base);
        if let Some(var) = pop_tbc(vm, base) {
            close_upvals(vm, var);
            let h = metamethod(&mut *vm, *var, Event::Close);
            // Open results end at `top`: the handler's frame goes above them,
            // and its function slot says where they end.
            let open = (i >> 16) as u8 == 0;
            let at = if open { (*vm).top } else { frame_end(base) };
            if at.add(SLACK / 2) > (*vm).stack_end() {
                let index = slot_index(&*vm, at);
                let v = *var;
                (*vm).top = at;
                if let Err(e) = (*vm).grow_stack(SLACK) {
                    return raise::raise(vm, e);
                }
                let at = (*vm).stack.add(index);
                return call::call_meta_at(vm, at, h, &[v, NIL], cont::RETURN_CLOSE);
            }
            return call::call_meta_at(vm, at, h, &[*var, NIL], cont::RETURN_CLOSE);
        }
        close_upvals(vm, base);
        let (first, n) = ret::results(vm, base, i);
        let fb = strata_runtime::frame::original_base(base);
        ret::deliver(vm, fb, strata_runtime::frame::read_link(fb), first, n)
    }
}
