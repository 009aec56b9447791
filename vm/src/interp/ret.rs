//! Returns, and what happens with the results: back into a Lua frame, to a
//! continuation, to the resumer of a coroutine, or to the host.

use super::*;
use strata_runtime::frame::{
    CONT, CORO, HOST, LUA, Link, VARARG, link_word0, original_base, read_link,
};
use strata_runtime::native::{CONTS, Cx, cont};
use strata_runtime::value::NIL;

handler! {
    ret_1(pc, base, vm, i, k) {
        let w0 = link_word0(base);
        if (w0 >> 8) as u8 & 15 != LUA {
            return ret_slow(pc, base, vm, i, k);
        }
        let pc = *base.sub(1).cast::<u64>().add(1) as *const Insn;
        let want = (w0 >> 16) as u16;
        let to = base.sub(2);
        copy(to, ra(base, i));
        let caller = base.sub((w0 >> 32) as usize);
        if want != 2 {
            return ret_adjust(pc, caller, vm, to as u64, w0 as *const Value);
        }
        dispatch(pc, caller, vm, constants(caller))
    }
}

handler! {
    /// One result is at the address that stands in for the instruction; the
    /// link word stands in for the constants. Adjusts to what the caller wants.
    #[inline(never)]
    ret_adjust(pc, caller, vm, to, w0) {
        let want = (w0 as u64 >> 16) as u16 as usize;
        let to = to as *mut Value;
        if want == 0 {
            (*vm).top = to.add(1);
        } else {
            for j in 1..want.saturating_sub(1) {
                put(to.add(j), NIL);
            }
        }
        dispatch(pc, caller, vm, constants(caller))
    }
}

handler! {
    ret_0(pc, base, vm, i, k) {
        let w0 = link_word0(base);
        if (w0 >> 8) as u8 & 15 != LUA {
            return ret_slow(pc, base, vm, i, k);
        }
        let pc = *base.sub(1).cast::<u64>().add(1) as *const Insn;
        let want = (w0 >> 16) as u16 as usize;
        let to = base.sub(2);
        let caller = base.sub((w0 >> 32) as usize);
        if want == 0 {
            (*vm).top = to;
        } else {
            for j in 0..want - 1 {
                put(to.add(j), NIL);
            }
        }
        dispatch(pc, caller, vm, constants(caller))
    }
}

/// First result and number of results of a return instruction.
#[inline(always)]
pub(super) unsafe fn results(vm: *mut Vm, base: *mut Value, i: u64) -> (*mut Value, usize) {
    use strata_spec::Op;
    // SAFETY: as for handlers.
    unsafe {
        let first = ra(base, i);
        if i as u8 == Op::Return1 as u8 {
            (first, 1)
        } else if i as u8 == Op::Return0 as u8 {
            (first, 0)
        } else {
            let b = (i >> 16) as u8 as usize;
            let n = if b != 0 {
                b - 1
            } else {
                ((*vm).top as usize - first as usize) / size_of::<Value>()
            };
            (first, n)
        }
    }
}

handler! {
    ret_n(pc, base, vm, i, k) {
        let w0 = link_word0(base);
        if (w0 >> 8) as u8 & 15 != LUA {
            return ret_slow(pc, base, vm, i, k);
        }
        let pc = *base.sub(1).cast::<u64>().add(1) as *const Insn;
        let (first, n) = results(vm, base, i);
        let to = base.sub(2);
        let want = (w0 >> 16) as u16 as usize;
        let mut j = 0;
        if want == 0 {
            while j < n {
                copy(to.add(j), first.add(j));
                j += 1;
            }
            (*vm).top = to.add(n);
        } else {
            let take = n.min(want - 1);
            while j < take {
                copy(to.add(j), first.add(j));
                j += 1;
            }
            while j < want - 1 {
                put(to.add(j), NIL);
                j += 1;
            }
        }
        let caller = base.sub((w0 >> 32) as usize);
        dispatch(pc, caller, vm, constants(caller))
    }
}

slow_handler! {
    /// Returns of vararg functions, to continuations and to the host.
    ret_slow(pc, base, vm, i, k) {
        let (first, n) = results(vm, base, i);
        let fb = original_base(base);
        deliver(vm, fb, read_link(fb), first, n)
    }
}

/// The frame with original base `fb` and link `link` returns `n` values that
/// start at `first`.
pub(super) unsafe fn deliver(
    vm: *mut Vm,
    fb: *mut Value,
    link: Link,
    first: *mut Value,
    n: usize,
) -> usize {
    // SAFETY: the frame is the innermost one of the running stack, `first` a
    // slot of it or its function slot.
    unsafe {
        let to = fb.sub(2);
        match link.kind {
            LUA => deliver_to_lua(vm, fb, &link, first, n),
            CONT => continue_below(vm, fb, link, first, n),
            HOST => {
                copy_down(to, first, n);
                (*vm).top = to.add(n);
                DONE
            }
            CORO => coro::finished(vm, first, n),
            _ => {
                debug_assert_eq!(link.kind, VARARG);
                raise::raise(vm, Error::lua(NIL))
            }
        }
    }
}

/// The same, into a Lua frame.
#[inline(always)]
pub(super) unsafe fn deliver_to_lua(
    vm: *mut Vm,
    fb: *mut Value,
    link: &Link,
    first: *const Value,
    n: usize,
) -> usize {
    // SAFETY: as for `deliver`; the values may also lie on another stack.
    unsafe {
        let to = fb.sub(2);
        let want = usize::from(link.cont);
        if want == 0 {
            copy_down(to, first, n);
            (*vm).top = to.add(n);
        } else {
            copy_down(to, first, n.min(want - 1));
            for j in n..want - 1 {
                put(to.add(j), NIL);
            }
        }
        save(vm, link.pc, fb.sub(link.delta as usize));
        if link.native { RESUME } else { CONTINUE }
    }
}

/// Runs the continuation that `link` names, with the `n` values at `first`.
unsafe fn continue_below(
    vm: *mut Vm,
    fb: *mut Value,
    link: Link,
    first: *mut Value,
    n: usize,
) -> usize {
    // SAFETY: the link's delta leads to the frame below; continuations below
    // NATIVE belong to Lua frames whose pc is in the link.
    unsafe {
        let below = fb.sub(link.delta as usize);
        let pc = link.pc;
        let value = if n == 0 { NIL } else { *first };
        match link.cont {
            cont::STORE_A => {
                put(ra(below, (*pc.sub(1)).0), value);
                native::again(vm, pc, below)
            }
            cont::COND => {
                let i = *pc.sub(1);
                if jumps::jumps_when(i, value.is_truthy()) {
                    native::again(vm, pc.offset(i.jump() as isize), below)
                } else {
                    native::again(vm, pc, below)
                }
            }
            cont::DROP => native::again(vm, pc, below),
            cont::AGAIN => native::again(vm, pc.sub(1), below),
            cont::CONCAT => {
                // Below the function lies the number of operands left.
                let left = (*fb.sub(3)).as_int() as usize;
                save(vm, pc, below);
                concat::go_on(vm, left, value)
            }
            // The instruction runs again and closes the next variable.
            cont::CLOSE => next(vm, pc.sub(1), below),
            cont::RETURN_CLOSE => {
                (*vm).top = fb.sub(2);
                next(vm, pc.sub(1), below)
            }
            cont::UNWIND => raise::closed_one(vm, fb, below),
            cont::HANDLER => raise::handled(vm, below, pc, value),
            cont::TAIL => {
                let fb = original_base(below);
                deliver(vm, fb, read_link(fb), first, n)
            }
            id => {
                let Some(f) = CONTS.get(usize::from(id).wrapping_sub(usize::from(cont::NATIVE)))
                else {
                    save(vm, pc, below);
                    let e = (*vm).error_at(0, b"unknown continuation");
                    return raise::raise(vm, e);
                };
                if matches!(id, cont::PCALL | cont::XPCALL) {
                    (*(*vm).cur).catchers -= 1;
                }
                let at = slot_index(&*vm, below);
                (*vm).base = below;
                (*vm).top = first.add(n);
                let link = read_link(below);
                let host = *below.sub(2);
                let at_first = (first as usize - below as usize) / size_of::<Value>();
                let mut cx = Cx {
                    vm: &mut *vm,
                    base: at,
                    n: at_first,
                };
                let result = f(&mut cx, at_first, n);
                call::finish(vm, at, host, link, result)
            }
        }
    }
}
