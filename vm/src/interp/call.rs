//! Calls: of Lua functions, host functions and values with `__call`.
//!
//! The hot case, a Lua function whose registers fit, is inline in [`call`];
//! all others go through [`enter`], which takes a frame whose function, link
//! and arguments are in place and starts it.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use strata_runtime::error::Cause;
use strata_runtime::feedback::CallState;
use strata_runtime::feedback::meta::note_operands;
use strata_runtime::frame::{
    CONT, LUA, Link, NATIVE_BIT, TAIL_BIT, VARARG, original_base, read_link,
};
use strata_runtime::native::{Cx, Ret, cont, ret as request};
use strata_runtime::object::NativeKind;
use strata_runtime::ops::meta::{call_handler, type_op_error};
use strata_runtime::proto::{proto_of, slots_of};
use strata_runtime::thread::{MAX_CATCHERS, SLACK};
use strata_runtime::value::{NIL, tag};

/// First slot after the arguments of a call instruction.
#[inline(always)]
pub(super) unsafe fn args_end(vm: *mut Vm, new: *mut Value, i: u64) -> *mut Value {
    let b = (i >> 16) as u8 as usize;
    // SAFETY: the verifier has checked the range; open arguments end at `top`.
    unsafe { if b != 0 { new.add(b - 1) } else { (*vm).top } }
}

/// Whether a call instruction says how many arguments there are.
fn has_fixed_args(i: u64) -> bool {
    (i >> 16) as u8 != 0
}

/// Word 0 of the link that a `call` instruction writes.
#[inline(always)]
pub(super) fn call_link(i: u64) -> u64 {
    link_word(LUA, (i >> 24) as u8 as u16, (i >> 8) as u8 as u32 + 2)
}

/// Starts the prototype `p` of the closure in `f`.
macro_rules! start {
    ($f:ident, $p:ident, $pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) => {
        let left = (*$p).call_budget.wrapping_sub(1);
        if left < 0 {
            return call_slow($pc, $base, $vm, $i, $k);
        }
        (*$p).call_budget = left;
        let new = $f.add(2);
        let mut top = args_end($vm, new, $i);
        (*$vm).top = top;
        let end = new.add((*$p).params as usize);
        while top < end {
            put(top, NIL);
            top = top.add(1);
        }
        write_link(new, call_link($i), $pc);
        return dispatch((*$p).code, new, $vm, (*$p).k);
    };
}

handler! {
    call(pc, base, vm, i, k) {
        let f = ra(base, i);
        if (*f).tag == tag::CLOSURE {
            let p = (*(*f).as_closure()).proto;
            if f.add(2 + (*p).regs as usize) > (*vm).limit || (*vm).heap.poll.load(Ordering::Relaxed) != 0 {
                return call_slow(pc, base, vm, i, k);
            }
            let slot = slots_of(k).add((i >> 32) as u16 as usize);
            if (*slot).data.call.callee != (*f).payload {
                return call_another(pc, base, vm, i, k);
            }
            start!(f, p, pc, base, vm, i, k);
        }
        if (*f).tag == tag::NATIVE {
            return call_native(pc, base, vm, i, k);
        }
        call_slow(pc, base, vm, i, k)
    }
}

handler! {
    /// Calls of a closure, whose registers fit, at a site that has seen
    /// another one.
    #[inline(never)]
    call_another(pc, base, vm, i, k) {
        let f = ra(base, i);
        let p = (*(*f).as_closure()).proto;
        let c = &raw mut (*slots_of(k).add((i >> 32) as u16 as usize)).data.call;
        let known = match (*c).state {
            CallState::Mixed => true,
            CallState::SameProto if (*c).proto == p as u64 => {
                (*c).count = (*c).count.saturating_add(1);
                true
            }
            _ => false,
        };
        if !known {
            return call_slow(pc, base, vm, i, k);
        }
        start!(f, p, pc, base, vm, i, k);
    }
}

/// Records that the call instruction `i` calls `callee`.
unsafe fn record(vm: *mut Vm, k: *const Value, i: u64, callee: Value) {
    // SAFETY: as for handlers; the slot is one of the running prototype's.
    unsafe {
        let slot = slots_of(k).add((i >> 32) as u16 as usize);
        if (*slot).record_call(callee) {
            (*vm).heap.barrier(proto_of(k).cast());
        }
    }
}

slow_handler! {
    /// Calls of Lua functions that have to poll, to grow the stack or to
    /// record the callee, and of values with `__call`.
    call_slow(pc, base, vm, i, k) {
        call_any(pc, base, vm, i, k, 0)
    }
}

slow_handler! {
    /// Any call, for compiled code.
    #[allow(dead_code, reason = "only compiled code runs it, as a step")]
    call_compiled(pc, base, vm, i, k) {
        if (*ra(base, i)).tag == tag::NATIVE {
            call_host_function(pc, base, vm, i, k, NATIVE_BIT)
        } else {
            call_any(pc, base, vm, i, k, NATIVE_BIT)
        }
    }
}

/// A call that may have to poll or to grow the stack; `native` goes into the
/// link.
unsafe fn call_any(
    pc: *const Insn,
    base: *mut Value,
    vm: *mut Vm,
    i: u64,
    k: *const Value,
    native: u64,
) -> usize {
    // SAFETY: as for handlers.
    unsafe {
        let f = ra(base, i);
        let new = f.add(2);
        let end = args_end(vm, new, i);
        let n = (end as usize - new as usize) / size_of::<Value>();
        let mut base = base;
        if (*vm).heap.poll.load(Ordering::Relaxed) != 0 {
            save(vm, pc, base);
            (*vm).top = end;
            if let Err(e) = poll::safepoint(&mut *vm) {
                return raise::raise(vm, e);
            }
            // Results that end at `vm.top` would not be there any more.
            if has_fixed_args(i) && poll::may_give_way(&mut *vm) {
                return poll::give_way(vm);
            }
            // A finalizer may have moved the stack.
            base = (*vm).base;
        }
        record(vm, k, i, *ra(base, i));
        let new = ra(base, i).add(2);
        write_link(new, call_link(i) | native, pc);
        save(vm, pc, base);
        let f = *new.sub(2);
        if !f.is_function() {
            note_operands(&mut *vm, f, NIL);
        }
        enter(vm, new, n)
    }
}

slow_handler! {
    /// Calls of host functions.
    call_native(pc, base, vm, i, k) {
        call_host_function(pc, base, vm, i, k, 0)
    }
}

/// A call of a host function; `flag` goes into the link.
#[inline(always)]
unsafe fn call_host_function(
    pc: *const Insn,
    base: *mut Value,
    vm: *mut Vm,
    i: u64,
    k: *const Value,
    flag: u64,
) -> usize {
    // SAFETY: as for handlers.
    unsafe {
        let f = ra(base, i);
        let new = f.add(2);
        let end = args_end(vm, new, i);
        let slot = slots_of(k).add((i >> 32) as u16 as usize);
        if !(*slot).knows_host((*f).as_native()) {
            record(vm, k, i, *f);
        }
        write_link(new, call_link(i) | flag, pc);
        save(vm, pc, base);
        native(vm, new, (end as usize - new as usize) / size_of::<Value>())
    }
}

slow_handler! {
    tail_call(pc, base, vm, i, k) {
        let f = ra(base, i);
        let new = f.add(2);
        let end = args_end(vm, new, i);
        let n = (end as usize - new as usize) / size_of::<Value>();
        let slot = slots_of(k).add((i >> 32) as u16 as usize);
        if (*slot).data.call.callee != (*f).payload {
            record(vm, k, i, *f);
        }
        save(vm, pc, base);
        let (mut base, mut f, mut new) = (base, f, new);
        if (*vm).heap.poll.load(Ordering::Relaxed) != 0 {
            (*vm).top = end;
            if let Err(e) = poll::safepoint(&mut *vm) {
                return raise::raise(vm, e);
            }
            if has_fixed_args(i) && poll::may_give_way(&mut *vm) {
                return poll::give_way(vm);
            }
            base = (*vm).base;
            f = ra(base, i);
            new = f.add(2);
        }
        if (*f).tag != tag::CLOSURE {
            // The frame stays until the callee, a host function (or what
            // stands behind `__call`), has returned; its variables end now.
            close::close_upvals(vm, base);
            write_link(new, link_word(CONT, cont::TAIL, (i >> 8) as u8 as u32 + 2), pc);
            return enter(vm, new, n);
        }
        close::close_upvals(vm, base);
        let to = original_base(base);
        // The callee's register may be among those the arguments land in.
        copy(to.sub(2), f);
        copy_down(to, new, n);
        let link = to.sub(1).cast::<u64>();
        *link |= TAIL_BIT;
        // Errors while entering are the caller's: its frame is what is left.
        let below = read_link(to);
        (*vm).base = to.sub(below.delta as usize);
        (*vm).pc = below.pc;
        enter(vm, to, n)
    }
}

/// Starts the function whose frame is at `fb` (function and link in place,
/// `n` arguments). `vm.base` and `vm.pc` are those of the frame below.
pub(super) unsafe fn enter(vm: *mut Vm, mut fb: *mut Value, mut n: usize) -> usize {
    // SAFETY: the caller has laid out the frame on the running stack.
    unsafe {
        let mut hops = 0;
        loop {
            let f = *fb.sub(2);
            match f.tag {
                tag::CLOSURE => {
                    let p = (*f.as_closure()).proto;
                    let regs = (*p).regs as usize;
                    if fb.add(regs.max(n)) > (*vm).limit {
                        let at = slot_index(&*vm, fb);
                        (*vm).top = fb.add(n);
                        if let Err(e) = (*vm).grow_stack(regs.max(n) - n + SLACK) {
                            return cannot_enter(vm, fb, e);
                        }
                        fb = (*vm).stack.add(at);
                    }
                    (*vm).top = fb.add(n);
                    for j in n..(*p).params as usize {
                        put(fb.add(j), NIL);
                    }
                    let left = (*p).call_budget.wrapping_sub(1);
                    if left < 0 {
                        if native::ready(vm, p) {
                            return native::run(vm, (*p).entry, fb, 0);
                        }
                    } else {
                        (*p).call_budget = left;
                    }
                    return next(vm, (*p).code, fb);
                }
                tag::NATIVE => return native(vm, fb, n),
                _ => {
                    let Some(h) = call_handler(&mut *vm, f) else {
                        let e = not_callable(&mut *vm, fb, f);
                        (*vm).top = fb.add(n);
                        return cannot_enter(vm, fb, e);
                    };
                    hops += 1;
                    if let Err(e) = check_hop(&mut *vm, hops, n) {
                        (*vm).top = fb.add(n);
                        return cannot_enter(vm, fb, e);
                    }
                    if fb.add(n + 1) > (*vm).limit {
                        let at = slot_index(&*vm, fb);
                        (*vm).top = fb.add(n);
                        if let Err(e) = (*vm).grow_stack(SLACK) {
                            return cannot_enter(vm, fb, e);
                        }
                        fb = (*vm).stack.add(at);
                    }
                    std::ptr::copy(fb, fb.add(1), n);
                    put(fb, f);
                    put(fb.sub(2), h);
                    n += 1;
                }
            }
        }
    }
}

/// Longest chain of `__call` handlers. Each adds an argument and moves the
/// others, so a chain that leads back to itself takes quadratic time.
const MAX_CALL_CHAIN: usize = 10_000;

/// Charges a step of a chain of `__call` handlers that moves `n` arguments.
fn check_hop(vm: &mut Vm, hops: usize, n: usize) -> Result<()> {
    if hops > MAX_CALL_CHAIN {
        return Err(vm.error_at(0, b"stack overflow"));
    }
    vm.tick(n as u64 + 4)
}

/// Raises `e` for the frame at `fb`, which could not be entered: in the
/// frame below, but whoever waits for this one to return is who catches.
#[cold]
pub(super) unsafe fn cannot_enter(vm: *mut Vm, fb: *mut Value, e: Error) -> usize {
    // SAFETY: `fb`'s link is in place.
    unsafe {
        if read_link(fb).kind != LUA {
            save(vm, std::ptr::null(), fb);
        }
        raise::raise(vm, e)
    }
}

/// "attempt to call a nil value (global 'f')".
#[cold]
unsafe fn not_callable(vm: &mut Vm, fb: *mut Value, f: Value) -> Error {
    // SAFETY: `fb`'s link is in place.
    let link = unsafe { read_link(fb) };
    let mut name = Vec::new();
    if link.kind == LUA || (link.kind == CONT && link.cont == cont::TAIL) {
        if !vm.pc.is_null() && !vm.base.is_null() {
            // SAFETY: `vm.pc` is after the call instruction of a Lua frame.
            let insn = unsafe { *vm.pc.sub(1) };
            name = match insn.op() {
                Some(strata_spec::Op::TForCall) => b" (for iterator 'for iterator')".to_vec(),
                _ => arith::operand_name(vm, insn.a()),
            };
        }
    } else if let Some(event) = link_metamethod(vm, &link) {
        name = format!(" (metamethod '{event}')").into_bytes();
    }
    type_op_error(vm, "call", f, &name)
}

fn link_metamethod(vm: &Vm, link: &Link) -> Option<&'static str> {
    if link.kind != CONT || link.cont >= cont::NATIVE || vm.pc.is_null() {
        return None;
    }
    // SAFETY: continuations below NATIVE belong to Lua frames, whose pc is
    // after the instruction that called.
    let op = unsafe { (*vm.pc.sub(1)).op()? };
    strata_runtime::frame::metamethod_of(op)
}

/// Calls the host function whose frame is at `fb`.
pub(super) unsafe fn native(vm: *mut Vm, mut fb: *mut Value, n: usize) -> usize {
    // SAFETY: the caller has laid out the frame; a host function's object is
    // kept alive by its slot.
    unsafe {
        let at = slot_index(&*vm, fb);
        (*vm).top = fb.add(n);
        if (*vm).top > (*vm).limit {
            if let Err(e) = (*vm).grow_stack(SLACK) {
                return cannot_enter(vm, fb, e);
            }
            fb = (*vm).stack.add(at);
        }
        (*vm).base = fb;
        if (*vm).hooked {
            if let Err(e) = instrument::native_call_hook(&mut *vm) {
                return raise::raise(vm, e);
            }
            fb = (*vm).stack.add(at);
        }
        // Results may overwrite the link.
        let link = read_link(fb);
        let f = (*fb.sub(2)).as_native();
        if (*f).nkind.switches()
            && let Some(status) = coro::at_once(vm, f, fb, n, false)
        {
            return status;
        }
        let result = invoke(vm, f, at, n);
        finish(vm, at, Value::native(f), link, result)
    }
}

/// Runs a host function's Rust code; panics become errors.
#[inline(always)]
pub(super) unsafe fn invoke(
    vm: *mut Vm,
    f: *mut strata_runtime::object::Native,
    at: usize,
    n: usize,
) -> Result<Ret> {
    // SAFETY: `f` is the live host function of the frame at slot `at`. A
    // `host` closure is not replaced while it runs.
    let caught = catch_unwind(AssertUnwindSafe(|| unsafe {
        let mut cx = Cx {
            vm: &mut *vm,
            base: at,
            n,
        };
        match (*f).nkind {
            NativeKind::Host => match (&raw const (*f).host).as_ref().and_then(|h| h.as_ref()) {
                Some(host) => host(&mut cx),
                None => Err(cx.error("host function is gone")),
            },
            _ => ((*f).f)(&mut cx),
        }
    }));
    match caught {
        Ok(r) => r,
        Err(panic) => Err(Error(Box::new(Cause::Panic(panic)))),
    }
}

/// Does what the host function with the frame at slot `at` returned or asked.
/// `f` and `link` are the frame's: results may have overwritten both.
pub(super) unsafe fn finish(
    vm: *mut Vm,
    at: usize,
    f: Value,
    link: Link,
    result: Result<Ret>,
) -> usize {
    // SAFETY: the frame is the innermost one of the running stack.
    unsafe {
        let fb = (*vm).stack.add(at);
        match result {
            Ok(request::CALL) => {
                let ctl = (*vm).ctl;
                let new = fb.add(ctl.at + 2);
                (*vm).base = fb;
                if matches!(ctl.cont, cont::PCALL | cont::XPCALL) {
                    let thread = (*vm).cur;
                    if (*thread).catchers >= MAX_CATCHERS {
                        let e = (*vm).error_at(1, b"C stack overflow");
                        return raise::raise(vm, e);
                    }
                    (*thread).catchers += 1;
                }
                write_link(
                    new,
                    link_word(CONT, ctl.cont, ctl.at as u32 + 2),
                    std::ptr::null(),
                );
                enter(vm, new, ctl.n)
            }
            Ok(request::RESUME) => {
                unwound::note(vm, (*vm).stack.add(at), "resume");
                coro::resume_asked(vm, at)
            }
            Ok(request::YIELD) => coro::yield_asked(vm, at),
            Ok(Ret(n)) => {
                if (*vm).hooked {
                    (*vm).base = fb;
                    if let Err(e) = instrument::native_return_hook(&mut *vm, f, link, n as usize) {
                        return raise::raise(vm, e);
                    }
                }
                let fb = (*vm).stack.add(at);
                ret::deliver(vm, fb, link, fb.sub(2), n as usize)
            }
            Err(e) => {
                (*vm).base = fb;
                raise::raise(vm, e)
            }
        }
    }
}

/// Calls metamethod `h` with `args` for the Lua frame at `vm.base`, going on
/// at continuation `id`.
pub(super) unsafe fn call_meta(vm: *mut Vm, h: Value, args: &[Value], id: u16) -> usize {
    // SAFETY: `vm.base` is a Lua frame; the slack above the limit has room
    // for a frame with a few arguments.
    unsafe {
        if let ([a, b, ..], cont::STORE_A | cont::COND | cont::DROP) = (args, id) {
            note_operands(&mut *vm, *a, *b);
        }
        call_meta_at(vm, frame_end((*vm).base), h, args, id)
    }
}

/// Like [`call_meta`], with the callee's function slot given.
pub(super) unsafe fn call_meta_at(
    vm: *mut Vm,
    at: *mut Value,
    h: Value,
    args: &[Value],
    id: u16,
) -> usize {
    // SAFETY: as for `call_meta`; `at` is above all live slots of the frame.
    unsafe {
        let base = (*vm).base;
        put(at, h);
        let new = at.add(2);
        for (j, a) in args.iter().enumerate() {
            put(new.add(j), *a);
        }
        let delta = (new as usize - base as usize) / size_of::<Value>();
        write_link(new, link_word(CONT, id, delta as u32), (*vm).pc);
        enter(vm, new, args.len())
    }
}

slow_handler! {
    /// Moves the frame above its extra arguments, if it has any.
    vararg_prep(pc, base, vm, i, k) {
        let params = (i >> 8) as u8 as usize;
        let n = (((*vm).top as usize).wrapping_sub(base as usize) as isize / size_of::<Value>() as isize).max(0) as usize;
        if n <= params {
            return next(vm, pc, base);
        }
        let p = (*(*base.sub(2)).as_closure()).proto;
        let mut base = base;
        let need = n + 2 + (*p).regs as usize;
        if base.add(need) > (*vm).limit {
            let at = slot_index(&*vm, base);
            save(vm, pc, base);
            if let Err(e) = (*vm).grow_stack(need) {
                return raise::raise(vm, e);
            }
            base = (*vm).stack.add(at);
        }
        let new = base.add(n + 2);
        copy(new.sub(2), base.sub(2));
        for j in 0..params {
            copy(new.add(j), base.add(j));
            put(base.add(j), NIL);
        }
        write_link(new, link_word(VARARG, 0, n as u32 + 2), std::ptr::null());
        (*vm).top = new.add((*p).regs as usize);
        next(vm, pc, new)
    }
}

slow_handler! {
    vararg(pc, base, vm, i, k) {
        let link = read_link(base);
        let params = (*(*(*base.sub(2)).as_closure()).proto).params as usize;
        let extra = if link.kind == VARARG { link.delta as usize - 2 - params } else { 0 };
        let want = (i >> 24) as u8 as usize;
        let mut base = base;
        if want == 0 {
            let end = ra(base, i).add(extra);
            if end.add(SLACK) > (*vm).stack_end() {
                let at = slot_index(&*vm, base);
                save(vm, pc, base);
                (*vm).top = ra(base, i).max(frame_end(base));
                if let Err(e) = (*vm).grow_stack(extra + SLACK) {
                    return raise::raise(vm, e);
                }
                base = (*vm).stack.add(at);
            }
        }
        let to = ra(base, i);
        let from = base.wrapping_sub(link.delta as usize).wrapping_add(params);
        let n = if want == 0 { extra } else { want - 1 };
        for j in 0..n {
            if j < extra {
                copy(to.add(j), from.add(j));
            } else {
                put(to.add(j), NIL);
            }
        }
        if want == 0 {
            (*vm).top = to.add(n);
        }
        next(vm, pc, base)
    }
}
