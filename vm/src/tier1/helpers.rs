//! Functions of ours that compiled code calls.
//!
//! *Steps* run one instruction as the interpreter's slow handlers do
//! ([`crate::interp::native::step`]); the others do a part of one.

use super::heat::Cell;
use crate::deopt::{Recorded, Site, SiteKind, restore};
use crate::interp::native;
use crate::interp::{self, CONTINUE};
use crate::jit::{self, EntryCheck, EntryTag, Exit};
use crate::stress::GuardKey;
use strata_runtime::Vm;
use strata_runtime::object::{GcHeader, Upval};
use strata_runtime::ops::arith::{float_mod, float_pow, shift_left};
use strata_runtime::value::{NIL, Value};

/// Runs an instruction of the frame at `base`.
pub(super) type Step = unsafe extern "C" fn(vm: *mut Vm, base: *mut Value, pc: usize) -> usize;

/// Runs a call of the frame at `base` whose callee is a host function.
type HostCall = unsafe extern "C" fn(
    vm: *mut Vm,
    base: *mut Value,
    pc: usize,
    slot: *mut strata_runtime::feedback::FeedbackSlot,
) -> usize;

pub(super) use crate::interp::probes;

/// The steps by what they do.
pub(super) use crate::interp::steps;

pub(super) const PROLOGUE: unsafe extern "C" fn(*mut Vm, *mut Value) -> usize = native::prologue;
pub(super) const VARARG_ENTER: unsafe extern "C" fn(*mut Vm, *mut Value) -> usize =
    native::vararg_enter;
pub(super) const RETURN: Step = native::return_slow;
pub(super) const RETURN_CLOSE: Step = native::return_close;
pub(super) const POLL: Step = native::poll_back;
pub(super) const USED_UP: Step = native::used_up;
pub(super) const LEAVE_BEHIND: Step = native::leave_behind;
pub(super) const HOST_CALL: HostCall = native::call_host;
pub(super) const SWITCH_CALL: HostCall = native::call_switch;
pub(super) const TAIL_HOST_CALL: HostCall = native::tail_call_host;
pub(super) const TAIL_ARGS: unsafe extern "C" fn(*mut Vm, *mut Value, *mut Value) -> usize =
    tail_args;
pub(super) const CHECK_ENTRY: unsafe extern "C" fn(
    *mut Vm,
    *const Value,
    *const EntryCheck,
) -> usize = check_entry;
pub(super) const EXIT: unsafe extern "C" fn(*mut Vm, *mut Value, *mut Exit) -> usize = exit;
pub(super) const FORCE: unsafe extern "C" fn(*mut Vm, *mut Value, u64) -> usize = force;
pub(super) const BARRIER: unsafe extern "C" fn(*mut Vm, *mut GcHeader, u64) -> usize = barrier;
pub(super) const BARRIER_STORED: unsafe extern "C" fn(*mut Vm, *mut GcHeader, u64) -> usize =
    barrier_stored;
pub(super) const FLOAT_MOD: extern "C" fn(f64, f64) -> f64 = fmod;
pub(super) const FLOAT_POW: extern "C" fn(f64, f64) -> f64 = pow;
pub(super) const SHIFT: extern "C" fn(i64, i64) -> i64 = shift;
pub(super) const UPVALUE: unsafe extern "C" fn(*mut Vm, *mut Value) -> *mut Upval = upvalue;
pub(super) const CLOSE: unsafe extern "C" fn(*mut Vm, *mut Value) -> usize = close;
pub(super) const FILL: unsafe extern "C" fn(*mut Value, usize) -> usize = fill;
pub(super) const LEN: unsafe extern "C" fn(*mut strata_runtime::object::Table) -> i64 = len;

pub(super) const HOT_CALL: unsafe extern "C" fn(*mut Vm, *mut Value) -> usize = hot_call;
pub(super) const HOT_LOOP: unsafe extern "C" fn(*mut Vm, *mut Value, *const Cell) -> usize =
    hot_loop;

/// The counter of calls is used up.
unsafe extern "C" fn hot_call(vm: *mut Vm, base: *mut Value) -> usize {
    // SAFETY: compiled code passes its frame, laid out.
    unsafe { jit::hot_call(&mut *vm, base) };
    0
}

/// A counter of loops is used up.
unsafe extern "C" fn hot_loop(vm: *mut Vm, base: *mut Value, cell: *const Cell) -> usize {
    // SAFETY: compiled code passes its frame, canonical, at the loop's header,
    // and a cell of its own.
    unsafe { jit::hot_loop(&mut *vm, base, &*cell) }
}

/// A guard failed: the interpreter goes on.
unsafe extern "C" fn exit(vm: *mut Vm, base: *mut Value, which: *mut Exit) -> usize {
    // SAFETY: compiled code passes its frame and one of its exits, which
    // live as long as native frames that run the code.
    unsafe {
        let p = interp::frame_proto(base);
        let site = Site::new((*which).pc, SiteKind::Exit);
        // In place: nothing is allocated that there could be no memory for.
        let _ = restore(&mut *vm, base, Recorded::InPlace(site));
        crate::stress::states::exit(&mut *vm);
        if !interp::data(&mut *vm).stress.was_in_vain() {
            (*which).hits = (*which).hits.saturating_add(1);
            jit::exited(&mut *vm, p, base, which);
        }
        CONTINUE
    }
}

/// Stress: whether a guard that is reached fails whatever it finds.
pub(crate) unsafe extern "C" fn force(vm: *mut Vm, _: *mut Value, guard: u64) -> usize {
    // SAFETY: compiled code passes its VM.
    let stress = &mut interp::data(unsafe { &mut *vm }).stress;
    usize::from(stress.fails(GuardKey(guard)))
}

pub(crate) unsafe extern "C" fn barrier(vm: *mut Vm, object: *mut GcHeader, _: u64) -> usize {
    // SAFETY: compiled code passes a live object.
    unsafe {
        (*vm).heap.barrier(object);
    }
    0
}

pub(crate) unsafe extern "C" fn barrier_stored(
    vm: *mut Vm,
    object: *mut GcHeader,
    stored: u64,
) -> usize {
    // SAFETY: compiled code passes a live table and the object stored to it.
    unsafe {
        (*vm).heap.stored = stored as *mut GcHeader;
        (*vm).heap.barrier_stored(object);
    }
    0
}

pub(crate) extern "C" fn fmod(a: f64, b: f64) -> f64 {
    float_mod(a, b)
}

pub(crate) extern "C" fn pow(a: f64, b: f64) -> f64 {
    float_pow(a, b)
}

extern "C" fn shift(a: i64, b: i64) -> i64 {
    shift_left(a, b)
}

/// The open upvalue of a register, new if there is none.
pub(crate) unsafe extern "C" fn upvalue(vm: *mut Vm, slot: *mut Value) -> *mut Upval {
    // SAFETY: compiled code passes a register of its frame.
    unsafe { interp::find_upval(vm, slot) }
}

/// Closes what is at or above a register, unless that takes a call: whether it
/// did.
unsafe extern "C" fn close(vm: *mut Vm, level: *mut Value) -> usize {
    // SAFETY: compiled code passes a register of its frame.
    usize::from(unsafe { interp::close_if_plain(vm, level) })
}

/// Moves the open arguments that begin at `from` to `base`; `vm.top` is where
/// they end, before and after.
unsafe extern "C" fn tail_args(vm: *mut Vm, base: *mut Value, from: *mut Value) -> usize {
    // SAFETY: compiled code passes the arguments of a tail call, and its frame
    // below.
    unsafe {
        let n = ((*vm).top as usize - from as usize) / size_of::<Value>();
        for j in 0..n {
            *base.add(j) = *from.add(j);
        }
        (*vm).top = base.add(n);
    }
    0
}

/// Checks the tags of an entry point: 0, or the number of the exit to take,
/// counted from 1.
unsafe extern "C" fn check_entry(
    vm: *mut Vm,
    base: *const Value,
    which: *const EntryCheck,
) -> usize {
    // SAFETY: compiled code passes its frame and one of its lists of registers
    // of it, which live as long as the code.
    unsafe {
        let check = &*which;
        let fits = |e: &EntryTag| (*base.add(usize::from(e.reg))).tag == e.tag;
        let forced = check
            .forced
            .map(|guard| interp::data(&mut *vm).stress.fails(guard));
        let fails = forced == Some(true);
        if fails || !check.tags.iter().all(fits) {
            check.exit as usize + 1
        } else {
            0
        }
    }
}

/// Fills `n` slots from `from` with nil.
unsafe extern "C" fn fill(from: *mut Value, n: usize) -> usize {
    // SAFETY: compiled code passes parameters of a frame it is laying out;
    // the slack above the limit has room for them.
    unsafe {
        for j in 0..n {
            *from.add(j) = NIL;
        }
    }
    0
}

unsafe extern "C" fn len(t: *mut strata_runtime::object::Table) -> i64 {
    // SAFETY: compiled code passes a live table.
    unsafe { strata_runtime::table::len(t) }
}
