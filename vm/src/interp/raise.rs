//! Errors: finding who catches, message handlers, closing variables on the
//! way, and delivering to `pcall`, to a coroutine's resumer or to the host.
//!
//! The frame just above a catcher is the *boundary*: its link says who
//! catches (`pcall`, `xpcall`, the bottom of a coroutine, the host). Raising
//!
//! 1. walks links to the boundary;
//! 2. if an `xpcall` catches, runs its handler on top of the failing frames,
//!    so that it sees them ([`handled`] goes on when it returns);
//! 3. unwinds: closes upvalues and to-be-closed variables above the boundary,
//!    one `__close` call at a time ([`closed_one`] goes on after each; an
//!    error in one replaces the error);
//! 4. delivers.
//!
//! While `__close` handlers run, the error stands in the slot after the
//! variable's, below the handler's frame. A nil with payload [`NO_ERROR`]
//! there means that a coroutine is closed without error.
//!
//! Limits, exits and host panics are not for Lua code: they skip handlers
//! and `__close` and go to the host.

use super::*;
use strata_runtime::error::Cause;
use strata_runtime::frame::{CONT, CORO, HOST, link_word, original_base, read_link};
use strata_runtime::metatable::{Event, metamethod};
use strata_runtime::native::cont;
use strata_runtime::thread::SLACK;
use strata_runtime::value::{NIL, tag};

/// Payload of a nil that stands for "no error" while a coroutine is closed.
const NO_ERROR: u64 = 1;
/// Message handlers that may fail one inside the other.
const MAX_HANDLERS: u32 = 10;

/// Who catches, found from a frame.
struct Catcher {
    /// Original base of the boundary frame.
    boundary: *mut Value,
    /// Its link's kind and continuation.
    kind: u8,
    cont: u16,
    /// Handlers running between the failing frame and the boundary.
    handlers: u32,
}

/// Walks down from the frame at `base`.
unsafe fn find(base: *mut Value) -> Catcher {
    // SAFETY: links lead from frame to frame down to a CORO or HOST link.
    unsafe {
        let mut b = base;
        let mut handlers = 0;
        loop {
            b = original_base(b);
            let link = read_link(b);
            match link.kind {
                HOST | CORO => {
                    return Catcher {
                        boundary: b,
                        kind: link.kind,
                        cont: 0,
                        handlers,
                    };
                }
                CONT if link.cont == cont::PCALL || link.cont == cont::XPCALL => {
                    return Catcher {
                        boundary: b,
                        kind: CONT,
                        cont: link.cont,
                        handlers,
                    };
                }
                CONT if link.cont == cont::HANDLER => handlers += 1,
                _ => {}
            }
            b = b.sub(link.delta as usize);
        }
    }
}

/// Raises `e` in the frame at `vm.base`.
#[cold]
pub(super) unsafe fn raise(vm: *mut Vm, e: Error) -> usize {
    // SAFETY: `vm.base` is the innermost frame of the running stack.
    unsafe {
        let value = match (*vm).catchable(e) {
            Ok(v) => v,
            Err(e) => return fatal(vm, e),
        };
        unwound::note(vm, (*vm).base, "error");
        let catcher = find((*vm).base);
        if catcher.kind == HOST && read_link(catcher.boundary).delta == 0 {
            // The embedder wants to know where; the frames are still there.
            let thread = (*vm).cur;
            let text = strata_runtime::debug::traceback(&mut *vm, thread, None, 0);
            (*vm).last_traceback = Some(text);
        }
        if catcher.kind == CONT && catcher.cont == cont::XPCALL {
            return handle(vm, &catcher, value);
        }
        unwind(vm, catcher.boundary, value)
    }
}

/// Runs the handler of the `xpcall` that `catcher` describes.
unsafe fn handle(vm: *mut Vm, catcher: &Catcher, value: Value) -> usize {
    // SAFETY: `xpcall` keeps its handler in slot 0 of its frame, two slots
    // below the function slot of the boundary frame; see the library.
    unsafe {
        if catcher.handlers >= MAX_HANDLERS {
            // Errors in handlers for ever: give up, as PUC Lua does when its
            // C stack runs out.
            let s = (*vm).heap.str(b"error in error handling");
            return unwind(vm, catcher.boundary, Value::str(s));
        }
        let below = catcher
            .boundary
            .sub(read_link(catcher.boundary).delta as usize);
        let handler = *below;
        let base = (*vm).base;
        let is_lua = (*base.sub(2)).tag == tag::CLOSURE;
        let at = if is_lua {
            frame_end(base)
        } else {
            (*vm).top.max(base)
        };
        (*(*vm).cur).handlers += 1;
        let index = slot_index(&*vm, at);
        if at.add(SLACK) > (*vm).stack_end() {
            (*vm).top = at;
            if (*vm).grow_stack(SLACK).is_err() {
                (*(*vm).cur).handlers -= 1;
                let s = (*vm).heap.str(b"error in error handling");
                let boundary = find((*vm).base).boundary;
                return unwind(vm, boundary, Value::str(s));
            }
        }
        let at = (*vm).stack.add(index);
        put(at, handler);
        let new = at.add(2);
        put(new, value);
        let delta = (new as usize - (*vm).base as usize) / size_of::<Value>();
        let pc = if is_lua { (*vm).pc } else { std::ptr::null() };
        write_link(new, link_word(CONT, cont::HANDLER, delta as u32), pc);
        call::enter(vm, new, 1)
    }
}

/// A message handler returned `value` for an error in the frame at `base`.
pub(super) unsafe fn handled(
    vm: *mut Vm,
    base: *mut Value,
    pc: *const Insn,
    value: Value,
) -> usize {
    // SAFETY: `base` is the frame that failed.
    unsafe {
        save(vm, pc, base);
        let catcher = find(base);
        let thread = (*vm).cur;
        (*thread).handlers = (*thread).handlers.saturating_sub(1);
        unwind(vm, catcher.boundary, value)
    }
}

/// Closes what is open above the boundary frame, then delivers `value`.
pub(super) unsafe fn unwind(vm: *mut Vm, boundary: *mut Value, value: Value) -> usize {
    // SAFETY: `boundary` is the base of a frame of the running stack; the
    // slots of to-be-closed variables above it hold their values.
    unsafe {
        if read_link(boundary).kind == CORO {
            // The failed coroutine keeps its stack, variables open, until it
            // is closed.
            return coro::failed(vm, value);
        }
        let thread = (*vm).cur;
        let level = slot_index(&*vm, boundary) as u32;
        if let Some(&slot) = (*thread).tbc.last().filter(|slot| **slot >= level) {
            (*thread).tbc.pop();
            let var = (*vm).stack.add(slot as usize);
            close::close_upvals(vm, var);
            let h = metamethod(&mut *vm, *var, Event::Close);
            put(var.add(1), value);
            let new = var.add(4);
            let base = boundary;
            put(var.add(2), h);
            put(new, *var);
            let no_error = value.tag == tag::NIL && value.payload == NO_ERROR;
            put(new.add(1), if no_error { NIL } else { value });
            let delta = (new as usize - base as usize) / size_of::<Value>();
            write_link(
                new,
                link_word(CONT, cont::UNWIND, delta as u32),
                std::ptr::null(),
            );
            // For errors while entering: the frame below is the boundary's.
            save(vm, boundary_pc(boundary), boundary);
            return call::enter(vm, new, 2);
        }
        close::close_upvals(vm, boundary);
        deliver(vm, boundary, value)
    }
}

/// A pc for the boundary frame when it is seen in a traceback: its first
/// instruction if it is a Lua function.
unsafe fn boundary_pc(boundary: *mut Value) -> *const Insn {
    // SAFETY: a frame's function slot holds a function.
    unsafe {
        let f = *boundary.sub(2);
        if f.tag == tag::CLOSURE {
            (*(*f.as_closure()).proto).code.add(1)
        } else {
            std::ptr::null()
        }
    }
}

/// A `__close` handler whose frame was at `fb` returned while unwinding to
/// `boundary`.
pub(super) unsafe fn closed_one(vm: *mut Vm, fb: *mut Value, boundary: *mut Value) -> usize {
    // SAFETY: the error stands in the slot after the variable's, which is
    // below the handler's function slot.
    unsafe {
        let value = *fb.sub(3);
        unwind(vm, boundary, value)
    }
}

/// Hands the error to whoever the boundary's link names.
unsafe fn deliver(vm: *mut Vm, boundary: *mut Value, value: Value) -> usize {
    // SAFETY: `boundary` is the base of a frame of the running stack.
    unsafe {
        let link = read_link(boundary);
        match link.kind {
            CONT => {
                let below = boundary.sub(link.delta as usize);
                let thread = (*vm).cur;
                (*thread).catchers -= 1;
                (*thread).handlers = find(below).handlers;
                let outer = read_link(below);
                let to = below.sub(2);
                put(to, Value::bool(false));
                put(to.add(1), value);
                (*vm).base = below;
                ret::deliver(vm, below, outer, to, 2)
            }
            _ => {
                (*(*vm).cur).handlers = 0;
                let no_error = value.tag == tag::NIL && value.payload == NO_ERROR;
                let cause = if no_error {
                    Cause::Close
                } else {
                    Cause::Lua(value)
                };
                data(&mut *vm).failure = Some(Error(Box::new(cause)));
                FAILED
            }
        }
    }
}

/// Goes to the host at once: limits, exits, panics.
unsafe fn fatal(vm: *mut Vm, e: Error) -> usize {
    // SAFETY: links lead down to a CORO or HOST link; threads are live.
    unsafe {
        let mut base = (*vm).base;
        loop {
            let catcher = find(base);
            let thread = (*vm).cur;
            match catcher.kind {
                CONT => {
                    (*thread).catchers -= 1;
                    let link = read_link(catcher.boundary);
                    base = catcher.boundary.sub(link.delta as usize);
                }
                CORO => {
                    drop_open(vm, (*vm).stack);
                    (*thread).handlers = 0;
                    coro::abandon(vm);
                    base = (*vm).base;
                }
                _ => {
                    drop_open(vm, catcher.boundary);
                    (*thread).handlers = 0;
                    data(&mut *vm).failure = Some(e);
                    return FAILED;
                }
            }
        }
    }
}

/// Closes upvalues from `level` up and forgets to-be-closed variables.
unsafe fn drop_open(vm: *mut Vm, level: *mut Value) {
    // SAFETY: `level` is a slot of the running stack.
    unsafe {
        close::close_upvals(vm, level);
        let from = slot_index(&*vm, level) as u32;
        let thread = (*vm).cur;
        while (*thread).tbc.last().is_some_and(|slot| *slot >= from) {
            (*thread).tbc.pop();
        }
    }
}

/// Unwinds the whole running coroutine for `close_thread`: its bottom link
/// has been made a HOST link. `error` is what it failed with, if it did.
pub(super) unsafe fn unwind_all(vm: *mut Vm, error: Option<Value>) -> usize {
    // SAFETY: the caller has switched to the coroutine.
    unsafe {
        let value = error.unwrap_or(Value {
            tag: tag::NIL,
            payload: NO_ERROR,
        });
        let bottom = (*vm).stack.add(2);
        unwind(vm, bottom, value)
    }
}
