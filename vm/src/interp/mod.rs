//! Tier 0: the interpreter.
//!
//! One handler per opcode, all with the same five machine-register arguments:
//!
//! ```text
//! (pc, base, vm, insn, k) -> status
//!  │   │     │   │     └ constants of the running prototype (see runtime `proto`)
//!  │   │     │   └ the current instruction, decoded from this one register
//!  │   │     └ the VM
//!  │   └ register 0 of the running frame
//!  └ the next instruction
//! ```
//!
//! In optimised builds a handler ends in a tail call to the next instruction's
//! handler (*threading*), so the state stays in machine registers from one
//! instruction to the next. LLVM does this for `extern "C"` functions of one
//! signature on these conditions, which every handler here keeps: no local
//! whose address escapes, nothing with a destructor, and every cold path is
//! itself a tail call into a `#[cold]` function of the same signature. In
//! debug builds (and on wasm32) a handler returns to the loop in [`run`]
//! instead. The bodies are the same.
//!
//! The interpreter is stackless for Lua-to-Lua calls: a call writes a link
//! into the VM stack (runtime `frame`) and goes on at the callee's code.
//! Whatever a callee's return has to do beyond going on after a call is a
//! *continuation* named in the link ([`ret`]). Errors are found by walking
//! links ([`raise`]), coroutines are switched by exchanging the VM's current
//! stack ([`coro`]).
//!
//! A handler returns a *status* only when the interpreter is left: [`DONE`] or
//! [`FAILED`]. What lies between the interpreter and compiled code is in
//! [`native`].

mod arith;
mod call;
mod close;
mod concat;
mod coro;
mod fields;
mod handlers;
mod index;
mod instrument;
mod jumps;
mod loops;
#[cfg_attr(
    not(feature = "cranelift"),
    allow(dead_code, reason = "what compiled code calls")
)]
pub(crate) mod native;
mod poll;
#[cfg(feature = "cranelift")]
pub(crate) mod probes;
mod raise;
mod ret;
mod unwound;

pub(crate) use arith::seen;
#[cfg(feature = "cranelift")]
pub(crate) use close::close_if_plain;
#[cfg(feature = "cranelift")]
pub(crate) use close::find_upval;
pub(crate) use coro::close_thread;
#[cfg(feature = "cranelift")]
pub(crate) use index::seen_element;
pub(crate) use instrument::instrument;
pub(crate) use poll::{FEW, call_between, finalize};
#[cfg(feature = "cranelift")]
pub(crate) use strata_runtime::stdlib::leaf::first_cursor;
#[cfg(feature = "cranelift")]
pub(crate) use unwound::note_exit;

use strata_runtime::Vm;
use strata_runtime::error::{Error, Result};
use strata_runtime::frame::{HOST, link_word, write_link};
use strata_runtime::state::MAX_HOST_DEPTH;
use strata_runtime::value::Value;
use strata_spec::Insn;

/// A handler; see the module documentation.
pub(crate) type Handler = unsafe extern "C" fn(
    pc: *const Insn,
    base: *mut Value,
    vm: *mut Vm,
    insn: u64,
    k: *const Value,
) -> usize;

/// Compiled code: the function returned to its caller, results in place.
pub(crate) const RETURNED: usize = 0;
/// Left: the function called by the host returned.
pub(crate) const DONE: usize = 1;
/// Left: an error reached the host; it is in [`ExecData::failure`].
pub(crate) const FAILED: usize = 2;
/// Not left: go on at `vm.pc`, `vm.base`.
pub(crate) const CONTINUE: usize = 3;
/// Like [`CONTINUE`], in compiled code if the frame has an entry there.
pub(crate) const RESUME: usize = 4;

/// Whether handlers tail-call each other.
pub(crate) const THREADED: bool = !cfg!(any(debug_assertions, target_arch = "wasm32"));

/// What the interpreter keeps in the VM.
#[derive(Debug, Default)]
pub(crate) struct ExecData {
    /// The error that a status [`FAILED`] speaks of.
    pub failure: Option<Error>,
    /// Coroutines resumed one inside the other.
    pub coro_depth: u32,
    /// Finalizers are being called: not again inside.
    pub finalizing: bool,
    /// The coroutine that may be suspended where others wait for the thread (its
    /// address), and the handle of a function that yields.
    pub gives_way: Option<(usize, u32)>,
    /// Position of the last instruction seen by hooks: frame slot and pc.
    pub last_hooked: (usize, u32),
    /// Compiled code.
    pub jit: crate::jit::Jit,
    /// The standalone program that this VM runs.
    #[cfg(feature = "cranelift")]
    pub program: Option<std::sync::Arc<crate::standalone::Program>>,
    /// What is made frequent on purpose.
    pub stress: crate::stress::Stress,
    /// States that are noted on the way.
    pub states: Option<Box<crate::stress::states::Recorder>>,
}

/// Made here, so that no other function has room for it on its native stack.
#[cold]
#[inline(never)]
fn new_data() -> Box<dyn std::any::Any + Send> {
    Box::new(ExecData::default())
}

/// The interpreter's data of this VM.
#[inline]
pub(crate) fn data(vm: &mut Vm) -> &mut ExecData {
    let any = match &mut vm.exec_data {
        Some(any) => any,
        empty => empty.insert(new_data()),
    };
    debug_assert!(any.is::<ExecData>());
    // SAFETY: only this function sets it. Asking for the type would take
    // longer than what is done with the data at each switch of coroutines.
    unsafe { &mut *(&raw mut **any).cast::<ExecData>() }
}

/// Defines a handler: an `unsafe extern "C"` function of the common signature.
macro_rules! handler {
    ($(#[$meta:meta])* $name:ident($pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) $body:block) => {
        $(#[$meta])*
        #[allow(unused_variables, reason = "all handlers have the same arguments")]
        pub(super) unsafe extern "C" fn $name(
            $pc: *const strata_spec::Insn,
            $base: *mut strata_runtime::value::Value,
            $vm: *mut strata_runtime::Vm,
            $i: u64,
            $k: *const strata_runtime::value::Value,
        ) -> usize {
            // SAFETY: the verifier has checked that register operands are
            // below the frame's size, that constant, upvalue and feedback
            // indices exist and that `pc` stays in the code; calls have made
            // room for the frame; every slot below the top holds a valid
            // value. `vm` is the VM that runs this frame.
            unsafe { $body }
        }
    };
}
pub(crate) use handler;

/// Defines a handler for what is not hot: its body may use locals with
/// addresses, destructors and Rust calls. It runs in a function of its own,
/// which leaves `vm.pc` and `vm.base` where to go on and returns a status;
/// the handler proper has nothing on its native stack when it goes on.
macro_rules! slow_handler {
    ($(#[$meta:meta])* $name:ident($pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) $body:block) => {
        $(#[$meta])*
        #[inline(never)]
        pub(super) unsafe extern "C" fn $name(
            pc: *const strata_spec::Insn,
            base: *mut strata_runtime::value::Value,
            vm: *mut strata_runtime::Vm,
            i: u64,
            k: *const strata_runtime::value::Value,
        ) -> usize {
            // SAFETY: as for `handler!`; CONTINUE says that `vm.pc` and
            // `vm.base` are those of a Lua frame.
            unsafe {
                let status = $name::work(pc, base, vm, i, k);
                $crate::interp::proceed(vm, status)
            }
        }

        #[allow(unused_imports, reason = "what the body needs")]
        pub(crate) mod $name {
            use super::*;

            #[inline(never)]
            #[allow(unused_variables, reason = "all handlers have the same arguments")]
            pub(crate) unsafe fn work(
                $pc: *const strata_spec::Insn,
                $base: *mut strata_runtime::value::Value,
                $vm: *mut strata_runtime::Vm,
                $i: u64,
                $k: *const strata_runtime::value::Value,
            ) -> usize {
                // SAFETY: as for `handler!`.
                unsafe { $body }
            }

            /// The instruction at `pc`, for compiled code.
            #[allow(dead_code, reason = "not all are called by compiled code")]
            pub(crate) unsafe extern "C" fn step(
                vm: *mut strata_runtime::Vm,
                base: *mut strata_runtime::value::Value,
                pc: usize,
            ) -> usize {
                // SAFETY: compiled code passes its frame and an instruction
                // of its prototype.
                unsafe { $crate::interp::native::step(vm, base, pc, work) }
            }
        }
    };
}
pub(crate) use slow_handler;

/// Ends a slow handler: goes on where `vm.pc` and `vm.base` say, or leaves.
#[inline(always)]
unsafe fn proceed(vm: *mut Vm, status: usize) -> usize {
    if THREADED && status == CONTINUE {
        // SAFETY: CONTINUE says that `vm.pc`, `vm.base` are a Lua frame's.
        unsafe { go(vm) }
    } else if THREADED && status == RESUME {
        // SAFETY: likewise.
        unsafe { proceed_native(vm) }
    } else {
        status
    }
}

/// Goes on in compiled code, if the frame has an entry at `vm.pc`.
#[inline(never)]
unsafe extern "C" fn proceed_native(vm: *mut Vm) -> usize {
    // SAFETY: the caller says that `vm.pc`, `vm.base` are a Lua frame's.
    unsafe {
        let status = native::resume(vm);
        if status == CONTINUE { go(vm) } else { status }
    }
}

/// In a slow handler: go on at `pc` in the frame at `base`.
#[inline(always)]
unsafe fn next(vm: *mut Vm, pc: *const Insn, base: *mut Value) -> usize {
    // SAFETY: `vm` is live.
    unsafe { save(vm, pc, base) };
    CONTINUE
}

/// Operand A as a register.
#[inline(always)]
unsafe fn ra(base: *mut Value, i: u64) -> *mut Value {
    // SAFETY: the caller passes a verified register operand.
    unsafe { base.add((i >> 8) as u8 as usize) }
}

/// Operand B as a register.
#[inline(always)]
unsafe fn rb(base: *mut Value, i: u64) -> *mut Value {
    // SAFETY: the caller passes a verified register operand.
    unsafe { base.add((i >> 16) as u8 as usize) }
}

/// Operand C as a register.
#[inline(always)]
unsafe fn rc(base: *mut Value, i: u64) -> *mut Value {
    // SAFETY: the caller passes a verified register operand.
    unsafe { base.add((i >> 24) as u8 as usize) }
}

/// Copies a slot as two scalars.
#[inline(always)]
unsafe fn copy(to: *mut Value, from: *const Value) {
    // SAFETY: the caller passes two slots.
    unsafe {
        let (tag, payload) = ((*from).tag, (*from).payload);
        (*to).tag = tag;
        (*to).payload = payload;
    }
}

/// Copies `n` values to a place that is not above theirs in the same stack.
/// Most often it is one or two: a call of `memmove` takes longer.
#[inline(always)]
unsafe fn copy_down(to: *mut Value, from: *const Value, n: usize) {
    // SAFETY: the caller passes two ranges of slots.
    unsafe {
        if n > 8 {
            std::ptr::copy(from, to, n);
            return;
        }
        for j in 0..n {
            copy(to.add(j), from.add(j));
        }
    }
}

/// Writes a slot as two scalars.
#[inline(always)]
unsafe fn put(to: *mut Value, v: Value) {
    // SAFETY: the caller passes a slot.
    unsafe {
        (*to).tag = v.tag;
        (*to).payload = v.payload;
    }
}

/// The jump distance of an instruction.
#[inline(always)]
fn jump(i: u64) -> isize {
    (i as i64 >> 40) as isize
}

/// Goes on with the instruction at `pc`.
#[inline(always)]
unsafe fn dispatch(pc: *const Insn, base: *mut Value, vm: *mut Vm, k: *const Value) -> usize {
    // SAFETY: the caller passes the state of a running Lua frame; `dispatch`
    // holds handlers for all 256 bytes.
    unsafe {
        if THREADED {
            let insn = (*pc).0;
            let h =
                std::mem::transmute::<*const (), Handler>((*vm).dispatch[(insn & 255) as usize]);
            h(pc.add(1), base, vm, insn, k)
        } else {
            (*vm).pc = pc;
            (*vm).base = base;
            CONTINUE
        }
    }
}

/// Goes on with the Lua frame at `vm.base`, `vm.pc`.
#[inline(always)]
unsafe fn go(vm: *mut Vm) -> usize {
    // SAFETY: the caller has set `base` and `pc` to those of a Lua frame.
    unsafe { dispatch((*vm).pc, (*vm).base, vm, constants((*vm).base)) }
}

/// The prototype of the Lua frame at `base`.
///
/// # Safety
/// `base` is the base of a Lua frame.
#[cfg(feature = "cranelift")]
pub(crate) unsafe fn frame_proto(base: *mut Value) -> *mut strata_runtime::object::ProtoObj {
    // SAFETY: a Lua frame's function is a live closure.
    unsafe { (*(*base.sub(2)).as_closure()).proto }
}

/// Raises `e` in the innermost frame: the status to leave compiled code with.
#[cfg(feature = "cranelift")]
pub(crate) fn fail(vm: &mut Vm, e: strata_runtime::error::Error) -> usize {
    // SAFETY: `vm.base` is the innermost frame of the running stack.
    unsafe { raise::raise(vm, e) }
}

#[cfg(feature = "cranelift")]
pub(crate) use close::close_upvals;

/// Instructions as compiled code runs them; see [`native::step`].
#[cfg(feature = "cranelift")]
pub(crate) mod steps {
    use super::{arith, call, close, concat, fields, index, jumps, loops};
    use strata_runtime::Vm;
    use strata_runtime::value::Value;

    type Step = unsafe extern "C" fn(vm: *mut Vm, base: *mut Value, pc: usize) -> usize;

    pub(crate) const GET_FIELD: Step = fields::get_miss::step;
    pub(crate) const SET_FIELD: Step = fields::set_miss::step;
    pub(crate) const GET_INDEX: Step = index::get_index_slow::step;
    pub(crate) const SET_INDEX: Step = index::set_index_slow::step;
    pub(crate) const NEW_TABLE: Step = index::new_table::step;
    pub(crate) const SET_LIST: Step = index::set_list::step;
    pub(crate) const ARITH: Step = arith::slow::step;
    pub(crate) const LEN: Step = concat::len_slow::step;
    pub(crate) const CONCAT: Step = concat::concat::step;
    pub(crate) const EQUAL: Step = jumps::equal_slow::step;
    pub(crate) const EQUAL_K: Step = jumps::equal_k_slow::step;
    pub(crate) const ORDER: Step = jumps::order_slow::step;
    pub(crate) const FOR_PREP: Step = loops::for_prep_slow::step;
    pub(crate) const FOR_LOOP: Step = loops::for_loop_slow::step;
    pub(crate) const TFOR_PREP: Step = loops::tfor_prep::step;
    pub(crate) const CALL: Step = call::call_compiled::step;
    pub(crate) const TAIL_CALL: Step = super::native::tail_step;
    pub(crate) const VARARG: Step = call::vararg::step;
    pub(crate) const CLOSURE: Step = close::closure::step;
    pub(crate) const CLOSE: Step = close::close_slow::step;
    pub(crate) const TBC: Step = close::tbc::step;
}

/// The constants of the Lua frame at `base`.
#[inline(always)]
unsafe fn constants(base: *mut Value) -> *const Value {
    // SAFETY: a Lua frame's function is a live closure.
    unsafe { (*(*(*base.sub(2)).as_closure()).proto).k }
}

/// Saves a frame's registers where the runtime looks for them.
#[inline(always)]
unsafe fn save(vm: *mut Vm, pc: *const Insn, base: *mut Value) {
    // SAFETY: `vm` is live.
    unsafe {
        (*vm).pc = pc;
        (*vm).base = base;
    }
}

/// First slot above the registers of the Lua frame at `base`.
#[inline(always)]
unsafe fn frame_end(base: *mut Value) -> *mut Value {
    // SAFETY: a Lua frame's function is a live closure.
    unsafe { base.add((*(*(*base.sub(2)).as_closure()).proto).regs as usize) }
}

/// Slot index of a pointer into the running stack.
#[inline(always)]
fn slot_index(vm: &Vm, p: *mut Value) -> usize {
    (p as usize - vm.stack as usize) / size_of::<Value>()
}

/// Runs until the interpreter is left.
unsafe fn run(vm: *mut Vm, mut status: usize) -> usize {
    loop {
        if status == RESUME {
            // SAFETY: RESUME says that `vm.pc`, `vm.base` are a Lua frame's.
            status = unsafe { native::resume(vm) };
        }
        if status != CONTINUE {
            return status;
        }
        // SAFETY: CONTINUE says that `vm.pc`, `vm.base` are a Lua frame's.
        unsafe {
            let (pc, base) = ((*vm).pc, (*vm).base);
            let insn = (*pc).0;
            let h =
                std::mem::transmute::<*const (), Handler>((*vm).dispatch[(insn & 255) as usize]);
            status = h(pc.add(1), base, vm, insn, constants(base));
        }
    }
}

/// Calls a function for the host; see `Exec::call` in the runtime.
///
/// # Safety
/// `func` is a slot of the running stack with a link slot and `n` arguments
/// after it; `base` is the base of the host function's frame that calls, or
/// 0 when the call comes from outside.
pub(crate) unsafe fn call_host(vm: &mut Vm, base: usize, func: usize, n: usize) -> Result<usize> {
    // SAFETY: as for the caller.
    unsafe { call_host_as(vm, base, func, n, 0) }
}

/// Like [`call_host`]; `role` in the link tells tracebacks what the call is
/// for: a hook, a finalizer, or 0.
///
/// # Safety
/// As for [`call_host`].
unsafe fn call_host_as(
    vm: &mut Vm,
    base: usize,
    func: usize,
    n: usize,
    role: u16,
) -> Result<usize> {
    // SAFETY: the caller vouches for the slots. Frames above `func` are gone
    // when the interpreter is left, so the saved registers are true again.
    unsafe {
        if vm.host_depth >= MAX_HOST_DEPTH {
            if vm.host_depth >= MAX_HOST_DEPTH + 30 {
                let s = vm.heap.str(b"error in error handling");
                return Err(Error::lua(Value::str(s)));
            }
            vm.host_depth += 30;
            let e = vm.error_at(0, b"C stack overflow");
            vm.host_depth -= 30;
            return Err(e);
        }
        let thread = vm.cur;
        let pc = vm.pc;
        if vm.host_depth == 0 {
            native::set_limit(vm);
        }
        vm.host_depth += 1;
        (*thread).host_calls += 1;
        let fb = vm.stack.add(func + 2);
        let delta = if base == 0 { 0 } else { func + 2 - base };
        write_link(fb, link_word(HOST, role, delta as u32), pc);
        vm.base = if base == 0 {
            std::ptr::null_mut()
        } else {
            vm.stack.add(base)
        };
        let status = call::enter(vm, fb, n);
        let status = run(vm, status);
        debug_assert_eq!(vm.cur, thread);
        vm.base = if base == 0 {
            std::ptr::null_mut()
        } else {
            vm.stack.add(base)
        };
        vm.pc = pc;
        (*thread).host_calls -= 1;
        vm.host_depth -= 1;
        if status == DONE {
            Ok(slot_index(vm, vm.top) - func)
        } else {
            vm.top = vm.stack.add(func);
            Err(data(vm)
                .failure
                .take()
                .expect("FAILED comes with a failure"))
        }
    }
}

/// Goes on with the frames of the running stack, whose outermost one returns
/// to the host: its results.
///
/// # Safety
/// `vm.base` and `vm.pc` are the innermost frame's.
#[cfg(all(test, feature = "cranelift"))]
pub(crate) unsafe fn go_on(vm: &mut Vm, func: usize) -> Vec<Value> {
    // SAFETY: as the caller says; results lie from the outermost frame's
    // function slot to the top.
    unsafe {
        let thread = vm.cur;
        vm.host_depth += 1;
        (*thread).host_calls += 1;
        let status = run(vm, CONTINUE);
        (*thread).host_calls -= 1;
        vm.host_depth -= 1;
        assert_eq!(status, DONE);
        let first = vm.stack.add(func);
        std::slice::from_raw_parts(first, slot_index(vm, vm.top) - func).to_vec()
    }
}

/// Fills the dispatch table of a new VM.
pub(crate) fn install(vm: &mut Vm) {
    for (entry, h) in vm.dispatch.iter_mut().zip(handlers::TABLE) {
        *entry = h as *const ();
    }
}
