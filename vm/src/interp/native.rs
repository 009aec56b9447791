//! Between the interpreter and compiled code.
//!
//! Compiled code is a function of [`Entry`]'s type: it gets the VM, the base
//! of its frame in the VM stack and where to begin (0: at the function's
//! first instruction, with the arguments in place and `vm.top` at their end;
//! else the number of one of its entry points). It answers with a status:
//!
//! - [`RETURNED`]: its function returned into a Lua frame, results where the
//!   link says. A compiled caller goes on at once.
//! - anything else: native frames are to be dropped, one after the other, by
//!   returning the status. `vm.base` and `vm.pc` say where to go on; since
//!   frames in the VM stack are canonical there, the interpreter can, or
//!   compiled code through one of its entry points ([`RESUME`]).
//!
//! That is the one way out for errors, yields, callees that are interpreted,
//! moved stacks, hooks, `debug.setlocal`, invalidation and a native stack
//! that is used up. Compiled code calls the interpreter's slow handlers as
//! *steps*: [`step`] runs one instruction and answers [`RETURNED`] if the
//! frame simply goes on with the next, [`TAKEN`] if it goes on at the jump's
//! target, else the status to drop out with.

use super::*;
use crate::jit;
use std::cmp::Ordering::{Equal, Greater, Less};
use std::sync::atomic::Ordering;
use strata_runtime::feedback::FeedbackSlot;
use strata_runtime::frame::{CONT, LUA, Link, NATIVE_BIT, original_base, read_link};
use strata_runtime::native::{Ret, cont, ret as request};
use strata_runtime::object::{Native, NativeKind, ProtoObj};
use strata_runtime::proto::proto_of;

/// Compiled code; see the module documentation.
pub(crate) type Entry = unsafe extern "C" fn(vm: *mut Vm, base: *mut Value, at: usize) -> usize;

/// Of a step: done, the frame goes on with the next instruction.
pub(crate) const DID: usize = RETURNED;

/// Of a step: the frame goes on at the instruction's jump target.
pub(crate) const TAKEN: usize = 5;

/// Bytes of native stack that compiled code may use above the outermost
/// activation; host functions need the rest of the thread's stack.
const NATIVE_STACK: usize = 384 << 10;

/// Calls that pass while code may only be interpreted, before asking again.
const INTERPRETED_CALLS: i32 = 4096;

/// Notes how far native frames may go, at the outermost activation.
#[inline(never)]
pub(super) fn set_limit(vm: &mut Vm) {
    let here = 0u8;
    vm.native_limit = (&raw const here as usize).saturating_sub(NATIVE_STACK);
}

/// The prototype of the Lua frame at `base`.
#[inline(always)]
pub(super) unsafe fn proto_at(base: *mut Value) -> *mut ProtoObj {
    // SAFETY: a Lua frame's function is a live closure.
    unsafe { (*(*base.sub(2)).as_closure()).proto }
}

/// `ProtoObj::entry` of a function that is not compiled: called by compiled
/// code, with the frame laid out.
pub(crate) unsafe extern "C" fn interpret(vm: *mut Vm, base: *mut Value, _at: usize) -> usize {
    // SAFETY: the caller has written the link and `vm.top`.
    unsafe {
        let link = read_link(base);
        let below = base.sub(link.delta as usize);
        save(vm, link.pc, below);
        let n = ((*vm).top as usize - base as usize) / size_of::<Value>();
        let status = call::enter(vm, base, n);
        if status == CONTINUE && (*vm).base == base {
            unwound::note(vm, below, "interpreted callee");
        }
        status
    }
}

/// Whether the function may be entered as compiled code now; asked when its
/// call budget is used up. Not if native frames are as many as there may be:
/// steps of compiled code call metamethods this way, and code of functions that
/// call nothing else doesn't look itself.
#[cold]
pub(super) unsafe fn ready(vm: *mut Vm, p: *mut ProtoObj) -> bool {
    // SAFETY: both are live.
    unsafe {
        if !has_room(vm) {
            return false;
        }
        if (*vm).interpret_only {
            (*p).grant_calls(INTERPRETED_CALLS);
            return false;
        }
        if compiled(p) {
            return true;
        }
        jit::hot(&mut *vm, p, None)
    }
}

/// Whether the prototype has compiled code.
#[inline(always)]
unsafe fn compiled(p: *mut ProtoObj) -> bool {
    // SAFETY: `p` is live.
    unsafe { !std::ptr::addr_eq((*p).entry, interpret as *const ()) }
}

/// Runs compiled code from entry point `at` of `entry` in the frame at `base`.
pub(super) unsafe fn run(vm: *mut Vm, entry: *const (), base: *mut Value, at: usize) -> usize {
    // SAFETY: the caller passes a prototype's entry and a frame of it.
    unsafe {
        let fb = original_base(base);
        let link = read_link(fb);
        let entry = std::mem::transmute::<*const (), Entry>(entry);
        let outer = (*vm).native_entry;
        (*vm).native_entry = ((*vm).host_depth, slot_index(&*vm, fb) as u32);
        (*vm).native_depth += 1;
        let status = entry(vm, base, at);
        (*vm).native_depth -= 1;
        (*vm).native_entry = outer;
        if status != RETURNED {
            return status;
        }
        debug_assert_eq!(link.kind, LUA);
        save(vm, link.pc, fb.sub(link.delta as usize));
        if link.native { RESUME } else { CONTINUE }
    }
}

/// At `vm.pc` of the Lua frame at `vm.base`: goes on in compiled code as long
/// as there are entry points. The status is never [`RESUME`].
pub(super) unsafe fn resume(vm: *mut Vm) -> usize {
    // SAFETY: the caller says that `vm.base`, `vm.pc` are a Lua frame's.
    unsafe {
        loop {
            let status = resume_once(vm);
            if status != RESUME {
                return status;
            }
        }
    }
}

/// The same, until control comes back for the first time. [`CONTINUE`] if there
/// is no entry point.
#[inline(always)]
pub(super) unsafe fn resume_once(vm: *mut Vm) -> usize {
    // SAFETY: the caller says that `vm.base`, `vm.pc` are a Lua frame's.
    unsafe {
        let (base, pc) = ((*vm).base, (*vm).pc);
        let p = proto_at(base);
        if (*vm).interpret_only || !compiled(p) {
            return CONTINUE;
        }
        let at = pc.offset_from((*p).code) as u32;
        match jit::entry_point(&*p, at) {
            Some(at) => run(vm, (*p).points_entry, base, at),
            None => CONTINUE,
        }
    }
}

/// Whether native frames may be put above this one.
#[inline(always)]
pub(super) fn has_room(vm: *mut Vm) -> bool {
    let here = 0u8;
    // SAFETY: `vm` is live.
    (&raw const here as usize) >= unsafe { (*vm).native_limit }
}

/// The instruction at `at` of the frame at `base` has laid out the frame at
/// `fb` of the host function `f`, which switches coroutines: does so, as
/// [`coro::at_once`] does. Answers as a step; `epoch` is the native epoch
/// before.
#[inline(always)]
pub(super) unsafe fn switch(
    vm: *mut Vm,
    base: *mut Value,
    at: *const Insn,
    epoch: u32,
    f: *mut Native,
    (fb, n): (*mut Value, usize),
) -> Option<usize> {
    // SAFETY: the caller says so.
    unsafe {
        let (thread, depth) = ((*vm).cur, coro::depth(vm));
        let mut status = coro::at_once(vm, f, fb, n, true)?;
        if (*f).nkind != NativeKind::Yield {
            status = coro::while_compiled(vm, depth, status);
        }
        match coro::depth(vm).cmp(&depth) {
            // It has yielded, or failed.
            Less => Some(status),
            // It still waits for the one it has resumed.
            Greater => {
                unwound::note_on(vm, (*thread).stack, base, "resume");
                Some(status)
            }
            Equal => Some(settle(vm, base, at, epoch, status)),
        }
    }
}

/// A continuation goes on at `pc` in the Lua frame at `base`.
pub(super) unsafe fn again(vm: *mut Vm, pc: *const Insn, base: *mut Value) -> usize {
    // SAFETY: as the caller says.
    unsafe {
        save(vm, pc, base);
        if compiled(proto_at(base)) {
            RESUME
        } else {
            CONTINUE
        }
    }
}

/// Stress: behind a call native frames are dropped, and the frame at `base` goes on at
/// its entry point at `pc`.
pub(crate) unsafe extern "C" fn leave_behind(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame, canonical, and an instruction of it.
    unsafe {
        unwound::note(vm, base, "invalidation");
        again(vm, (*proto_at(base)).code.add(pc), base)
    }
}

/// At the header `pc` of a loop whose budget is used up.
#[cold]
pub(super) unsafe fn enter_loop(
    vm: *mut Vm,
    p: *mut ProtoObj,
    pc: *const Insn,
    base: *mut Value,
) -> usize {
    // SAFETY: the caller passes a running Lua frame of `p`.
    unsafe {
        if (*vm).interpret_only {
            (*p).grant_loops(INTERPRETED_CALLS);
            return CONTINUE;
        }
        let at = pc.offset_from((*p).code) as u32;
        // Optimized code alone has no way in here.
        let closed = (*p).points.is_null() || !compiled(p);
        if closed && !jit::hot(&mut *vm, p, Some(at)) {
            return CONTINUE;
        }
        match jit::entry_point(&*p, at) {
            Some(at) => {
                jit::entered_loop(&mut *vm, &mut *p, pc.offset_from((*p).code) as u32);
                run(vm, (*p).points_entry, base, at)
            }
            None => {
                (*p).grant_loops(INTERPRETED_CALLS);
                CONTINUE
            }
        }
    }
}

/// A slow handler's work.
type Work =
    unsafe fn(pc: *const Insn, base: *mut Value, vm: *mut Vm, i: u64, k: *const Value) -> usize;

/// Instructions that feedback makes fast.
static LEARNS: [bool; 256] = {
    use strata_spec::Op::*;
    let mut t = [false; 256];
    let ops = [
        GetTabUp, SetTabUp, GetField, SetField, SelfField, GetIndex, SetIndex, GetIndexI,
        SetIndexI, Add, Sub, Mul, Div, IDiv, Mod, Pow, BAnd, BOr, BXor, Shl, Shr, AddI, AddK, SubK,
        MulK, DivK, IDivK, ModK, PowK, BAndK, BOrK, BXorK, ShlK, ShrK, Unm, BNot, JEq, JNe, JLt,
        JNotLt, JLe, JNotLe, JLtI, JNotLtI, JLeI, JNotLeI, JGtI, JNotGtI, JGeI, JNotGeI, ForPrep,
        ForLoop, Call,
    ];
    let mut n = 0;
    while n < ops.len() {
        t[ops[n] as usize] = true;
        n += 1;
    }
    t
};

/// Runs instruction `pc` of the frame at `base` for compiled code.
///
/// # Safety
/// `base` is the innermost frame, canonical; `work` belongs to the instruction.
#[inline(always)]
pub(crate) unsafe fn step(vm: *mut Vm, base: *mut Value, pc: usize, work: Work) -> usize {
    // SAFETY: as the caller says.
    unsafe {
        let k = constants(base);
        let at = (*proto_of(k)).code.add(pc);
        let i = (*at).0;
        let epoch = (*vm).native_epoch;
        if LEARNS[(i & 255) as usize] {
            let p = proto_of(k);
            (*p).slow_hits += 1;
            if (*p).slow_hits >= jit::SAMPLE {
                (*p).slow_hits = 0;
                jit::slow_step(&mut *vm, p, pc as u32);
            }
        }
        let status = work(at.add(1), base, vm, i, k);
        settle(vm, base, at, epoch, status)
    }
}

/// The answer to compiled code whose frame at `base` has run its instruction
/// at `at` by other means, with this status; `epoch` is the native epoch
/// before.
#[inline(always)]
unsafe fn settle(
    vm: *mut Vm,
    base: *mut Value,
    at: *const Insn,
    epoch: u32,
    status: usize,
) -> usize {
    // SAFETY: `at` is an instruction of the frame's prototype, if the frame
    // is still there.
    unsafe {
        if (*vm).base != base || (status != CONTINUE && status != RESUME) {
            return status;
        }
        if (*vm).native_epoch != epoch {
            unwound::note(vm, base, "invalidation");
            return RESUME;
        }
        after(vm, at, status)
    }
}

/// How the innermost frame goes on after its instruction at `at`; `status` if
/// elsewhere than compiled code can.
#[inline(always)]
unsafe fn after(vm: *mut Vm, at: *const Insn, status: usize) -> usize {
    // SAFETY: `at` is an instruction of the frame's prototype.
    unsafe {
        let pc = (*vm).pc;
        if pc == at.add(1) {
            RETURNED
        } else if pc == at.add(1).offset(jump((*at).0)) {
            TAKEN
        } else {
            status
        }
    }
}

/// The call at `pc` of the frame at `base`, whose callee is a host function,
/// for compiled code; `slot` is the call's feedback slot. Answers as a step.
pub(crate) unsafe extern "C" fn call_host(
    vm: *mut Vm,
    base: *mut Value,
    pc: usize,
    slot: *mut FeedbackSlot,
) -> usize {
    // SAFETY: compiled code passes its frame, canonical, and has looked at the
    // callee's tag. Nobody hooks calls while compiled code runs.
    unsafe {
        let at = (*proto_at(base)).code.add(pc);
        let i = (*at).0;
        let callee = *ra(base, i);
        let new = ra(base, i).add(2);
        let end = call::args_end(vm, new, i);
        if end > (*vm).limit || !(*slot).knows_host(callee.as_native()) {
            return call::call_compiled::step(vm, base, pc);
        }
        let epoch = (*vm).native_epoch;
        let link = call::call_link(i) | NATIVE_BIT;
        write_link(new, link, at.add(1));
        save(vm, at.add(1), new);
        (*vm).top = end;
        let n = (end as usize - new as usize) / size_of::<Value>();
        let index = slot_index(&*vm, new);
        let status = match call::invoke(vm, callee.as_native(), index, n) {
            // Not a request: results begin where they are wanted.
            Ok(Ret(n)) if n < request::CALL.0 => {
                let fb = (*vm).stack.add(index);
                let to = fb.sub(2);
                let (n, want) = (n as usize, usize::from((i >> 24) as u8));
                if want == 0 {
                    (*vm).top = to.add(n);
                } else {
                    for j in n..want - 1 {
                        put(to.add(j), strata_runtime::value::NIL);
                    }
                }
                save(vm, at.add(1), fb.sub((link >> 32) as usize));
                RESUME
            }
            result => call::finish(vm, index, callee, Link::decode(link, at.add(1)), result),
        };
        settle(vm, base, at, epoch, status)
    }
}

/// The same, if the callee most likely switches coroutines.
pub(crate) unsafe extern "C" fn call_switch(
    vm: *mut Vm,
    base: *mut Value,
    pc: usize,
    slot: *mut FeedbackSlot,
) -> usize {
    // SAFETY: as for `call_host`.
    unsafe {
        let at = (*proto_at(base)).code.add(pc);
        let i = (*at).0;
        let f = (*ra(base, i)).as_native();
        let new = ra(base, i).add(2);
        let end = call::args_end(vm, new, i);
        if end > (*vm).limit || !(*f).nkind.switches() {
            return call_host(vm, base, pc, slot);
        }
        let epoch = (*vm).native_epoch;
        write_link(new, call::call_link(i) | NATIVE_BIT, at.add(1));
        save(vm, at.add(1), new);
        (*vm).top = end;
        let n = (end as usize - new as usize) / size_of::<Value>();
        match switch(vm, base, at, epoch, f, (new, n)) {
            Some(status) => status,
            None => call_host(vm, base, pc, slot),
        }
    }
}

/// Runs the tail call at `pc` of the frame at `base`: the status to leave
/// with. It never goes on after the instruction: what is found there
/// afterwards, at the same base, is the callee's frame.
pub(crate) unsafe extern "C" fn tail_step(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame, canonical.
    unsafe {
        let k = constants(base);
        let at = (*proto_of(k)).code.add(pc);
        call::tail_call::work(at.add(1), base, vm, (*at).0, k)
    }
}

/// The tail call at `pc` of the frame at `base`, whose callee is a host
/// function, for compiled code; `slot` is the call's feedback slot. The status
/// to leave with.
pub(crate) unsafe extern "C" fn tail_call_host(
    vm: *mut Vm,
    base: *mut Value,
    pc: usize,
    slot: *mut FeedbackSlot,
) -> usize {
    // SAFETY: as for `call_host`.
    unsafe {
        let at = (*proto_at(base)).code.add(pc);
        let i = (*at).0;
        let callee = *ra(base, i);
        let new = ra(base, i).add(2);
        let end = call::args_end(vm, new, i);
        let polls = (*vm).heap.poll.load(Ordering::Relaxed) != 0;
        if end > (*vm).limit || polls || !(*slot).knows_host(callee.as_native()) {
            return tail_step(vm, base, pc);
        }
        // Its variables end now, its frame when the callee has returned.
        close::close_upvals(vm, base);
        let epoch = (*vm).native_epoch;
        let delta = (i >> 8) as u8 as u32 + 2;
        let link = link_word(CONT, cont::TAIL, delta);
        write_link(new, link, at.add(1));
        save(vm, at.add(1), new);
        (*vm).top = end;
        let index = slot_index(&*vm, new);
        let n = (end as usize - new as usize) / size_of::<Value>();
        match call::invoke(vm, callee.as_native(), index, n) {
            Ok(Ret(n)) if n < request::CALL.0 => {
                let new = (*vm).stack.add(index);
                let moved = new.sub(delta as usize);
                let fb = original_base(moved);
                let below = read_link(fb);
                let status = ret::deliver(vm, fb, below, new.sub(2), n as usize);
                if below.kind == LUA && moved == base && (*vm).native_epoch == epoch {
                    RETURNED
                } else {
                    status
                }
            }
            result => call::finish(vm, index, callee, Link::decode(link, at.add(1)), result),
        }
    }
}

/// The call at `pc` of the frame at `base`, whose callee is a closure and has
/// no more parameters than the slack above the limit has room for, for
/// compiled code. Answers as a step.
#[cfg(feature = "cranelift")]
pub(crate) unsafe extern "C" fn call_closure(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame, canonical, and has looked at the
    // callee.
    unsafe {
        let at = (*proto_at(base)).code.add(pc);
        let i = (*at).0;
        let p = (*(*ra(base, i)).as_closure()).proto;
        let new = ra(base, i).add(2);
        let end = call::args_end(vm, new, i);
        write_link(new, call::call_link(i) | NATIVE_BIT, at.add(1));
        (*vm).top = end;
        let n = (end as usize - new as usize) / size_of::<Value>();
        for j in n..(*p).params as usize {
            put(new.add(j), strata_runtime::value::NIL);
        }
        let entry = std::mem::transmute::<*const (), Entry>((*p).entry);
        let status = entry(vm, new, 0);
        if status == RETURNED {
            return status;
        }
        recheck(vm, base, pc, status)
    }
}

/// The frame at `base`, whose link was this, returns the `n` values at
/// `first`: as [`return_slow`].
#[cfg(feature = "cranelift")]
pub(crate) unsafe fn returned(
    vm: *mut Vm,
    base: *mut Value,
    (link, pc): (u64, *const Insn),
    first: *mut Value,
    n: usize,
) -> usize {
    // SAFETY: the caller passes a frame of compiled code, the innermost one.
    unsafe {
        let link = Link::decode(link, pc);
        let kind = link.kind;
        let status = ret::deliver(vm, base, link, first, n);
        if kind == LUA { RETURNED } else { status }
    }
}

/// A compiled callee answered `status` to the call at `pc` of the frame at
/// `base`: whether it returned in a roundabout way (a tail call, a callee
/// that became compiled) and the frame goes on after all.
#[cfg(feature = "cranelift")]
pub(crate) unsafe extern "C" fn recheck(
    vm: *mut Vm,
    base: *mut Value,
    pc: usize,
    status: usize,
) -> usize {
    // SAFETY: compiled code passes its frame, which is still on the stack if
    // it is the innermost.
    unsafe {
        if (*vm).base != base || (status != CONTINUE && status != RESUME) {
            return status;
        }
        let at = (*proto_of(constants(base))).code.add(pc);
        after(vm, at, status)
    }
}

/// `return` of the frame at `base` by its instruction `pc`, for compiled code:
/// into a Lua frame the native way, else as the interpreter does it.
pub(crate) unsafe extern "C" fn return_slow(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame.
    unsafe {
        let i = (*(*proto_at(base)).code.add(pc)).0;
        let (first, n) = ret::results(vm, base, i);
        return_values(vm, base, first, n)
    }
}

/// The same for a tail call that was replaced by its one result, in register A.
#[cfg(feature = "cranelift")]
pub(crate) unsafe extern "C" fn return_one(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame.
    unsafe {
        let i = (*(*proto_at(base)).code.add(pc)).0;
        return_values(vm, base, ra(base, i), 1)
    }
}

unsafe fn return_values(vm: *mut Vm, base: *mut Value, first: *mut Value, n: usize) -> usize {
    // SAFETY: as for `return_slow`.
    unsafe {
        let fb = original_base(base);
        let link = read_link(fb);
        let status = ret::deliver(vm, fb, link, first, n);
        if link.kind == LUA { RETURNED } else { status }
    }
}

/// `returnclose`, for compiled code.
pub(crate) unsafe extern "C" fn return_close(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: as for `return_slow`.
    unsafe {
        if !close::close_if_plain(vm, base) {
            return close::ret_close::step(vm, base, pc);
        }
        return_slow(vm, base, pc)
    }
}

/// A compiled function can't begin: the VM stack has to grow, somebody polls,
/// the native stack or the instruction limit is used up. `vm.top` is the end of its arguments.
/// [`RETURNED`]: it can after all.
pub(crate) unsafe extern "C" fn prologue(vm: *mut Vm, base: *mut Value) -> usize {
    // SAFETY: the frame at `base` is laid out.
    unsafe {
        let p = proto_at(base);
        let end = base.add((*p).regs as usize);
        if end > (*vm).limit {
            // As if it were interpreted: errors are the caller's.
            let link = read_link(base);
            let n = ((*vm).top as usize - base as usize) / size_of::<Value>();
            let (at, stack) = (slot_index(&*vm, base), (*vm).stack);
            let below = base.sub(link.delta as usize);
            if link.kind == LUA {
                save(vm, link.pc, below);
            }
            if let Err(e) = (*vm).grow_stack((*p).regs as usize + strata_runtime::thread::SLACK) {
                let fb = (*vm).stack.add(at);
                return call::cannot_enter(vm, fb, e);
            }
            let base = (*vm).stack.add(at);
            for j in n..(*p).params as usize {
                put(base.add(j), strata_runtime::value::NIL);
            }
            if (*vm).stack != stack {
                unwound::note(vm, base, "stack growth");
                save(vm, (*p).code, base);
                return CONTINUE;
            }
        }
        save(vm, (*p).code, base);
        if (*vm).limits.instructions < 0 {
            unwound::note(vm, base, "instruction limit");
            return CONTINUE;
        }
        if (*vm).heap.poll.load(Ordering::Relaxed) != 0 {
            let epoch = (*vm).native_epoch;
            let n = ((*vm).top as usize - base as usize) / size_of::<Value>();
            if n < (*p).params as usize {
                (*vm).top = base.add((*p).params as usize);
            }
            if let Err(e) = poll::safepoint(&mut *vm) {
                return raise::raise(vm, e);
            }
            if (*vm).base != base || (*vm).native_epoch != epoch {
                unwound::note(vm, (*vm).base, "invalidation");
                return CONTINUE;
            }
            if poll::may_give_way(&mut *vm) {
                // The interpreter does, at the next poll.
                unwound::note(vm, base, "others wait");
                return CONTINUE;
            }
            (*vm).top = base.add(n);
        }
        let here = 0u8;
        if (&raw const here as usize) < (*vm).native_limit {
            unwound::note(vm, base, "native stack");
            return CONTINUE;
        }
        RETURNED
    }
}

/// Too many instructions were executed before instruction `pc` of the frame at
/// `base`: the interpreter goes on, which raises the error.
pub(crate) unsafe extern "C" fn used_up(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame, canonical.
    unsafe {
        unwound::note(vm, base, "instruction limit");
        save(vm, (*proto_at(base)).code.add(pc), base);
        CONTINUE
    }
}

/// What safepoints have changed so far: code that keeps what it has read from
/// the heap compares.
#[cfg(feature = "cranelift")]
pub(crate) fn changes(vm: &mut Vm) -> (u64, u32) {
    (vm.heap.changes, vm.native_epoch)
}

/// The frame at `base`, laid out, begins: interpreted.
///
/// # Safety
/// Its arguments end at `vm.top`, missing parameters are nil.
#[cfg(feature = "cranelift")]
pub(crate) unsafe fn begin_interpreted(vm: *mut Vm, base: *mut Value) {
    // SAFETY: as the caller says.
    unsafe { save(vm, (*proto_at(base)).code, base) };
}

/// The frame at `base`, of a vararg function and moved, goes on behind its
/// first instruction: interpreted.
///
/// # Safety
/// It is canonical.
#[cfg(feature = "cranelift")]
pub(crate) unsafe fn after_vararg_prep(vm: *mut Vm, base: *mut Value) {
    // SAFETY: as the caller says.
    unsafe { save(vm, (*proto_at(base)).code.add(1), base) };
}

/// The frame at `base` of compiled code goes on at `pc`, interpreted; `why`, the
/// trace says.
///
/// # Safety
/// It is the innermost, canonical.
#[cfg(feature = "cranelift")]
pub(crate) unsafe fn interpret_at(
    vm: *mut Vm,
    base: *mut Value,
    pc: u32,
    why: &'static str,
) -> usize {
    // SAFETY: as the caller says.
    unsafe {
        unwound::note(vm, base, why);
        save(vm, (*proto_at(base)).code.add(pc as usize), base);
        CONTINUE
    }
}

/// Optimized code of a loop has come to its end: the frame at `base`,
/// canonical, goes on at `pc`.
#[cfg(feature = "cranelift")]
pub(crate) unsafe extern "C" fn done(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: the code passes its frame.
    unsafe { save(vm, (*proto_at(base)).code.add(pc), base) };
    LOOP_DONE
}

/// Of optimized code of a loop: the loop is over, `vm.pc` says where.
#[cfg(feature = "cranelift")]
pub(crate) const LOOP_DONE: usize = 7;

/// Looks at the poll word for the loop instruction `pc` of the frame at
/// `base`, which compiled code is about to execute.
pub(crate) unsafe extern "C" fn poll_back(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame, canonical.
    unsafe {
        let k = constants(base);
        let at = (*proto_of(k)).code.add(pc);
        let epoch = (*vm).native_epoch;
        save(vm, at.add(1), base);
        (*vm).top = loops::live_end(at.add(1), base, (*at).0, k);
        if let Err(e) = poll::safepoint(&mut *vm) {
            return raise::raise(vm, e);
        }
        let same = (*vm).base == base;
        (*vm).pc = at;
        if poll::may_give_way(&mut *vm) {
            // The interpreter does, which is going to poll for the same instruction.
            unwound::note(vm, (*vm).base, "others wait");
            return CONTINUE;
        }
        if same && (*vm).native_epoch == epoch && !data(&mut *vm).stress.modes.osr {
            RETURNED
        } else {
            unwound::note(vm, (*vm).base, "invalidation");
            CONTINUE
        }
    }
}

/// `varargprep` of the frame at `base`: the base of the moved frame, or the
/// status to leave with.
pub(crate) unsafe extern "C" fn vararg_enter(vm: *mut Vm, base: *mut Value) -> usize {
    // SAFETY: compiled code passes its frame, whose arguments end at `vm.top`.
    unsafe {
        let k = constants(base);
        let code = (*proto_of(k)).code;
        let stack = (*vm).stack;
        let status = call::vararg_prep::work(code.add(1), base, vm, (*code).0, k);
        if status == CONTINUE && (*vm).stack == stack {
            return (*vm).base as usize;
        }
        status
    }
}
