//! Coroutines: resuming and yielding exchange the VM's current stack. Both
//! are requests of host functions (`coroutine.resume`, `wrap`, `yield`),
//! whose frames stay where they are until the other side answers: a
//! suspended coroutine's innermost frame is that of `yield`, its resumer's
//! that of `resume`.
//!
//! These functions do nothing but ask, so that most often they are not called
//! at all: whoever has laid out their frame switches [`at_once`].
//!
//! Compiled code that resumes a coroutine waits with its native frames for it
//! to yield, as long as that is compiled as well ([`while_compiled`]). A
//! coroutine that yields drops its own.

use super::*;
use strata_runtime::error::Cause;
use strata_runtime::frame::{CORO, LUA, read_link};
use strata_runtime::object::{Native, NativeKind, Thread};
use strata_runtime::thread::{SLACK, ThreadStatus};
use strata_runtime::value::tag;

/// Coroutines that may run one inside the other ("C stack overflow").
const MAX_DEPTH: u32 = 195;

/// Makes `thread` the running one.
unsafe fn switch(vm: *mut Vm, thread: *mut Thread) {
    // SAFETY: both threads are live.
    unsafe {
        let old = (*vm).cur;
        (*vm).switch_to(thread);
        if (*old).hook.mask | (*thread).hook.mask != 0 {
            instrument::instrument(&mut *vm);
        }
    }
}

/// The host function `f`, whose frame at `fb` is the innermost one and has `n`
/// arguments, switches coroutines: the status after that. `None`: it has to be
/// called, and says why it can't. `waits`: native frames below wait for it if
/// it resumes.
#[inline(always)]
pub(super) unsafe fn at_once(
    vm: *mut Vm,
    f: *mut Native,
    fb: *mut Value,
    n: usize,
    waits: bool,
) -> Option<usize> {
    // SAFETY: as the caller says; the upvalue of a `wrap` function is a live
    // coroutine.
    unsafe {
        let (co, args, n) = match (*f).nkind {
            NativeKind::Wrap => {
                let co = *Native::upval(f, 0);
                (co.as_thread(), fb, n)
            }
            NativeKind::Resume if n > 0 && (*fb).tag == tag::THREAD => {
                ((*fb).as_thread(), fb.add(1), n - 1)
            }
            NativeKind::Yield => {
                let co = (*vm).cur;
                let may = co != (*vm).main && (*co).host_calls == 0;
                return may.then(|| suspend(vm, fb, fb, n));
            }
            _ => return None,
        };
        let wrap = (*f).nkind == NativeKind::Wrap;
        if (*co).status != ThreadStatus::Suspended {
            return None;
        }
        if !waits {
            unwound::note(vm, fb, "resume");
        }
        Some(resume(vm, fb, co, args, n, wrap))
    }
}

/// Coroutines resumed one inside the other.
#[inline(always)]
pub(super) unsafe fn depth(vm: *mut Vm) -> u32 {
    // SAFETY: `vm` is live.
    unsafe { data(&mut *vm).coro_depth }
}

/// A coroutine was resumed, for compiled code that waits at depth `waits`: runs
/// it as long as it is compiled, and has neither yielded nor taken its resumer
/// with it as it failed. The status to go on with.
pub(super) unsafe fn while_compiled(vm: *mut Vm, waits: u32, mut status: usize) -> usize {
    // SAFETY: RESUME says that `vm.base`, `vm.pc` are a Lua frame's.
    unsafe {
        while status == RESUME && depth(vm) > waits && native::has_room(vm) {
            status = native::resume_once(vm);
        }
        status
    }
}

/// The host function with the frame at slot `at` asked to resume `vm.ctl.thread`.
pub(super) unsafe fn resume_asked(vm: *mut Vm, at: usize) -> usize {
    // SAFETY: the frame is the innermost one of the running stack; `ctl`
    // describes slots of it and a live thread.
    unsafe {
        let ctl = (*vm).ctl;
        let fb = (*vm).stack.add(at);
        (*vm).base = fb;
        resume(vm, fb, ctl.thread, fb.add(ctl.at), ctl.n, ctl.wrap)
    }
}

/// The host function with the frame at `fb` resumes `co` with the `n` values
/// at `args`.
unsafe fn resume(
    vm: *mut Vm,
    fb: *mut Value,
    co: *mut Thread,
    args: *mut Value,
    n: usize,
    wrap: bool,
) -> usize {
    // SAFETY: the frame is the innermost one of the running stack, the values
    // are in it; `co` is live.
    unsafe {
        let refusal: &[u8] = match (*co).status {
            ThreadStatus::Suspended if data(&mut *vm).coro_depth >= MAX_DEPTH => {
                b"C stack overflow"
            }
            ThreadStatus::Suspended => b"",
            ThreadStatus::Finished | ThreadStatus::Failed => b"cannot resume dead coroutine",
            _ => b"cannot resume non-suspended coroutine",
        };
        if !refusal.is_empty() {
            let v = Value::str((*vm).heap.str(refusal));
            return refuse(vm, fb, v, wrap);
        }
        let from = (*vm).cur;
        (*vm).top = args.add(n);
        (*from).status = ThreadStatus::Normal;
        (*co).resumer = from;
        (*co).status = ThreadStatus::Running;
        (*co).wrapped = wrap;
        data(&mut *vm).coro_depth += 1;
        switch(vm, co);
        let starting = (*vm).base.is_null();
        if (*vm).top.add(n + 2) > (*vm).limit && (*vm).grow_stack(n + SLACK).is_err() {
            (*co).status = ThreadStatus::Suspended;
            (*from).status = ThreadStatus::Running;
            data(&mut *vm).coro_depth -= 1;
            switch(vm, from);
            let v = Value::str((*vm).heap.str(b"too many arguments to resume"));
            return refuse(vm, fb, v, wrap);
        }
        if starting {
            let new = (*vm).stack.add(2);
            copy_down(new, args, n);
            write_link(new, link_word(CORO, 0, 0), std::ptr::null());
            save(vm, std::ptr::null(), new);
            return call::enter(vm, new, n);
        }
        let yielder = (*vm).base;
        let (f, link) = (*yielder.sub(2), read_link(yielder));
        if link.kind == LUA && !(*vm).hooked {
            return ret::deliver_to_lua(vm, yielder, &link, args, n);
        }
        copy_down(yielder.sub(2), args, n);
        if (*vm).hooked
            && let Err(e) = instrument::native_return_hook(&mut *vm, f, link, n)
        {
            return raise::raise(vm, e);
        }
        let yielder = (*vm).base;
        ret::deliver(vm, yielder, link, yielder.sub(2), n)
    }
}

/// The resume in the frame at `fb` fails with `v`.
unsafe fn refuse(vm: *mut Vm, fb: *mut Value, v: Value, wrap: bool) -> usize {
    // SAFETY: `fb` is the innermost frame of the running stack.
    unsafe {
        if wrap {
            return fail_wrap(vm, v);
        }
        let link = read_link(fb);
        let to = fb.sub(2);
        put(to, Value::bool(false));
        put(to.add(1), v);
        ret::deliver(vm, fb, link, to, 2)
    }
}

/// Passes a coroutine's error on out of a `coroutine.wrap` function: string
/// messages get the position of the caller.
unsafe fn fail_wrap(vm: *mut Vm, v: Value) -> usize {
    // SAFETY: `vm.base` is the wrap function's frame.
    unsafe {
        let e = if v.is_str() {
            let text = (*vm).bytes(v.as_str()).to_vec();
            (*vm).error_at(1, &text)
        } else {
            Error::lua(v)
        };
        raise::raise(vm, e)
    }
}

/// Goes back to the resumer of the running coroutine, whose status is set.
unsafe fn back_to_resumer(vm: *mut Vm) {
    // SAFETY: a running coroutine has a live resumer.
    unsafe {
        let co = (*vm).cur;
        let to = (*co).resumer;
        (*co).resumer = std::ptr::null_mut();
        data(&mut *vm).coro_depth -= 1;
        switch(vm, to);
        (*to).status = ThreadStatus::Running;
    }
}

/// Gives the `n` values at `values` (on another stack) to the resume that the
/// running thread waits in.
unsafe fn give(vm: *mut Vm, values: *const Value, n: usize, wrapped: bool) -> usize {
    // SAFETY: `vm.base` is the frame of the resume.
    unsafe {
        let at = slot_index(&*vm, (*vm).base);
        (*vm).top = (*vm).base;
        if (*vm).base.wrapping_add(n) > (*vm).limit
            && let Err(e) = (*vm).grow_stack(n + SLACK)
        {
            return raise::raise(vm, e);
        }
        let fb = (*vm).stack.add(at);
        let link = read_link(fb);
        let to = fb.sub(2);
        if wrapped && link.kind == LUA {
            return ret::deliver_to_lua(vm, fb, &link, values, n);
        }
        if wrapped {
            copy_down(to, values, n);
            return ret::deliver(vm, fb, link, to, n);
        }
        put(to, Value::bool(true));
        copy_down(to.add(1), values, n);
        ret::deliver(vm, fb, link, to, n + 1)
    }
}

/// The host function with the frame at slot `at` asked to yield.
pub(super) unsafe fn yield_asked(vm: *mut Vm, at: usize) -> usize {
    // SAFETY: the frame is the innermost one of the running stack.
    unsafe {
        let ctl = (*vm).ctl;
        let co = (*vm).cur;
        let fb = (*vm).stack.add(at);
        (*vm).base = fb;
        if co == (*vm).main || (*co).host_calls > 0 {
            let msg: &[u8] = if co == (*vm).main {
                b"attempt to yield from outside a coroutine"
            } else {
                b"attempt to yield across a C-call boundary"
            };
            let e = (*vm).error_at(1, msg);
            return raise::raise(vm, e);
        }
        suspend(vm, fb, fb.add(ctl.at), ctl.n)
    }
}

/// The running coroutine, whose innermost frame is at `fb`, yields the `n`
/// values at `values`.
unsafe fn suspend(vm: *mut Vm, fb: *mut Value, values: *mut Value, n: usize) -> usize {
    // SAFETY: the frame is that of a host function, the values lie in it.
    unsafe {
        let co = (*vm).cur;
        unwound::note(vm, fb, "yield");
        (*co).status = ThreadStatus::Suspended;
        (*vm).top = values.add(n);
        let wrapped = (*co).wrapped;
        back_to_resumer(vm);
        give(vm, values, n, wrapped)
    }
}

/// The running coroutine's function returned the `n` values at `first`.
pub(super) unsafe fn finished(vm: *mut Vm, first: *mut Value, n: usize) -> usize {
    // SAFETY: `first` lies on the running coroutine's stack, which is freed
    // only after the values were copied; nothing refers to it any more.
    unsafe {
        let co = (*vm).cur;
        close::close_upvals(vm, (*vm).stack);
        (*co).status = ThreadStatus::Finished;
        let wrapped = (*co).wrapped;
        // Copied aside: giving them may fail, and the stack goes in any case.
        let mut few = [strata_runtime::value::NIL; 8];
        let many: Vec<Value>;
        let values = if n <= few.len() {
            std::ptr::copy_nonoverlapping(first, few.as_mut_ptr(), n);
            few.as_ptr()
        } else {
            many = std::slice::from_raw_parts(first, n).to_vec();
            many.as_ptr()
        };
        back_to_resumer(vm);
        free_stack(vm, co);
        give(vm, values, n, wrapped)
    }
}

/// The running coroutine failed with `value`.
pub(super) unsafe fn failed(vm: *mut Vm, value: Value) -> usize {
    // SAFETY: `vm.base` is the frame that failed; the error is kept on the
    // coroutine's stack for `coroutine.close`.
    unsafe {
        let co = (*vm).cur;
        let base = (*vm).base;
        let is_lua = (*base.sub(2)).tag == strata_runtime::value::tag::CLOSURE;
        let mut top = if is_lua {
            frame_end(base)
        } else {
            (*vm).top.max(base)
        };
        if top >= (*vm).stack_end() {
            top = (*vm).stack_end().sub(1);
        }
        put(top, value);
        (*vm).top = top.add(1);
        (*co).status = ThreadStatus::Failed;
        (*co).handlers = 0;
        // Compiled code that waits in it does so in vain.
        (*vm).native_epoch = (*vm).native_epoch.wrapping_add(1);
        let wrapped = (*co).wrapped;
        back_to_resumer(vm);
        if wrapped {
            let v = match close_thread(&mut *vm, co) {
                Ok(()) => value,
                Err(e) => match (*vm).catchable(e) {
                    Ok(v) => v,
                    Err(e) => return raise::raise(vm, e),
                },
            };
            return fail_wrap(vm, v);
        }
        let fb = (*vm).base;
        let link = read_link(fb);
        let to = fb.sub(2);
        put(to, Value::bool(false));
        put(to.add(1), value);
        ret::deliver(vm, fb, link, to, 2)
    }
}

/// Ends the running coroutine without a word to its code and goes back to
/// its resumer: an error that is not for Lua code passes through.
pub(super) unsafe fn abandon(vm: *mut Vm) {
    // SAFETY: the running thread is a coroutine.
    unsafe {
        let co = (*vm).cur;
        (*co).status = ThreadStatus::Finished;
        (*vm).native_epoch = (*vm).native_epoch.wrapping_add(1);
        back_to_resumer(vm);
        free_stack(vm, co);
    }
}

/// Releases the stack of a coroutine that has ended.
unsafe fn free_stack(vm: *mut Vm, co: *mut Thread) {
    // SAFETY: the coroutine is live, not running, and will not run again.
    unsafe {
        let bytes = (*co).cap * size_of::<Value>();
        (*vm).heap.raw_free((*co).stack.cast(), bytes);
        (*co).stack = std::ptr::null_mut();
        (*co).cap = 0;
        (*co).base = std::ptr::null_mut();
        (*co).pc = std::ptr::null();
        (*co).top = std::ptr::null_mut();
        (*co).limit = std::ptr::null_mut();
        (*co).tbc = Vec::new();
    }
}

/// Closes a suspended, failed or finished coroutine; see `Exec::close_thread`.
pub(crate) fn close_thread(vm: &mut Vm, co: *mut Thread) -> Result<()> {
    // SAFETY: the coroutine is live and not running; its bottom frame, if it
    // was started, has its base at slot 2.
    unsafe {
        let failed = (*co).status == ThreadStatus::Failed;
        if (*co).status == ThreadStatus::Finished {
            return Ok(());
        }
        if (*co).base.is_null() {
            (*co).status = ThreadStatus::Finished;
            free_stack(vm, co);
            return Ok(());
        }
        let error = failed.then(|| *(*co).top.sub(1));
        if vm.host_depth >= MAX_HOST_DEPTH {
            return Err(vm.error_at(0, b"C stack overflow"));
        }
        let from = vm.cur;
        (*from).status = ThreadStatus::Normal;
        (*co).status = ThreadStatus::Running;
        (*co).host_calls += 1;
        vm.host_depth += 1;
        switch(vm, co);
        write_link(vm.stack.add(2), link_word(HOST, 0, 0), std::ptr::null());
        let status = raise::unwind_all(vm, error);
        let status = run(vm, status);
        debug_assert_eq!(status, FAILED);
        vm.host_depth -= 1;
        (*co).host_calls -= 1;
        switch(vm, from);
        (*from).status = ThreadStatus::Running;
        (*co).status = ThreadStatus::Finished;
        free_stack(vm, co);
        match data(vm).failure.take() {
            Some(Error(cause)) if matches!(*cause, Cause::Close) => Ok(()),
            Some(e) => Err(e),
            None => Ok(()),
        }
    }
}
