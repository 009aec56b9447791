//! What compiled code tries before a step: the second level of field and
//! element access, which the interpreter has in its handlers.
//!
//! A probe does an instruction that needs nothing but its operands: no
//! metamethod, no error, no collection, nobody who looks at the frame. It
//! does not touch `vm.pc`. What it can't do is a step. It is called and answers
//! as steps are and do.

use super::*;
use crate::jit;
use strata_runtime::feedback::{self, Probed};
use strata_runtime::frame::NATIVE_BIT;
use strata_runtime::object::{Table, color};
use strata_runtime::proto::{proto_of, slots_of};
use strata_runtime::table;
use strata_runtime::value::tag;
use strata_spec::Op;

/// A step as compiled code calls it; probes are called likewise.
type Step = unsafe extern "C" fn(vm: *mut Vm, base: *mut Value, pc: usize) -> usize;

/// Instruction `pc` of the frame at `base`, and its constants.
#[inline(always)]
unsafe fn instruction(base: *mut Value, pc: usize) -> (*const Insn, *const Value) {
    // SAFETY: compiled code passes its frame and an instruction of it.
    unsafe {
        let p = native::proto_at(base);
        ((*p).code.add(pc), (*p).k)
    }
}

/// Runs the instruction by a step after all.
#[cold]
#[inline(never)]
unsafe fn miss(
    step: Step,
    vm: *mut Vm,
    base: *mut Value,
    at: *const Insn,
    k: *const Value,
) -> usize {
    // SAFETY: `at` is an instruction of the prototype that `k` belongs to.
    unsafe { step(vm, base, at.offset_from((*proto_of(k)).code) as usize) }
}

/// A probe has done the instruction at `at`. Counts it: newer code might not
/// need it.
#[inline(always)]
unsafe fn hit(vm: *mut Vm, base: *mut Value, at: *const Insn, k: *const Value) -> usize {
    // SAFETY: compiled code passes the constants of its prototype.
    unsafe {
        let p = proto_of(k);
        (*p).slow_hits += 1;
        if (*p).slow_hits >= jit::SAMPLE {
            return sample(vm, base, at, k);
        }
    }
    native::DID
}

/// Has one of many probes looked at.
#[cold]
#[inline(never)]
unsafe fn sample(vm: *mut Vm, base: *mut Value, at: *const Insn, k: *const Value) -> usize {
    // SAFETY: as for `hit`; `at` is an instruction of the prototype.
    unsafe {
        let p = proto_of(k);
        let epoch = (*vm).native_epoch;
        (*p).slow_hits = 0;
        jit::slow_step(&mut *vm, p, at.offset_from((*p).code) as u32);
        if (*vm).native_epoch == epoch {
            return native::DID;
        }
        unwound::note(vm, base, "invalidation");
        save(vm, at.add(1), base);
        RESUME
    }
}

/// The write barrier after `v` was stored to `t`.
#[inline(always)]
unsafe fn barrier(vm: *mut Vm, t: *mut Table, v: *const Value) {
    // SAFETY: both are live.
    unsafe {
        if (*t).hdr.mark == color::BLACK && (*v).is_gc() {
            (*vm).heap.stored = (*v).as_gc();
            (*vm).heap.barrier_stored(t.cast());
        }
    }
}

/// `getfield` and `self`.
pub(crate) unsafe extern "C" fn get_field(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: compiled code passes its frame, canonical, and an instruction.
    unsafe {
        let (at, k) = instruction(base, pc);
        let i = (*at).0;
        let b = rb(base, i);
        let slot = slots_of(k).add((i >> 32) as u16 as usize);
        let epoch = (*vm).meta_epoch;
        let v = if (*b).tag == tag::TABLE {
            let key = (*k.add((i >> 48) as usize)).as_str();
            feedback::probe_field(&(*vm).shapes, slot, (*b).as_table(), key, epoch)
        } else {
            Some(feedback::probe_prim(slot, (*b).tag, epoch)).filter(|v| v.tag != tag::NIL)
        };
        let Some(v) = v else {
            return miss(fields::get_miss::step, vm, base, at, k);
        };
        let a = ra(base, i);
        if i as u8 == Op::SelfField as u8 {
            copy(a.add(2), b);
        }
        put(a, v);
        hit(vm, base, at, k)
    }
}

/// `setfield`.
pub(crate) unsafe extern "C" fn set_field(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: as for `get_field`.
    unsafe {
        let (at, k) = instruction(base, pc);
        let i = (*at).0;
        let (a, v) = (ra(base, i), rb(base, i));
        if (*a).tag == tag::TABLE {
            let t: *mut Table = (*a).as_table();
            let slot = slots_of(k).add((i >> 32) as u16 as usize);
            let key = (*k.add((i >> 48) as usize)).as_str();
            let epoch = (*vm).meta_epoch;
            match feedback::probe_set_field(&(*vm).shapes, slot, t, key, v, epoch) {
                Probed::Nothing => {}
                Probed::Stored => {
                    barrier(vm, t, v);
                    return hit(vm, base, at, k);
                }
                Probed::Added => {
                    // The shape is new as well.
                    if (*t).hdr.mark == color::BLACK {
                        (*vm).heap.barrier(t.cast());
                    }
                    return hit(vm, base, at, k);
                }
            }
        }
        miss(fields::set_miss::step, vm, base, at, k)
    }
}

/// `getindex`.
pub(crate) unsafe extern "C" fn get_index(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: as for `get_field`.
    unsafe {
        let (at, k) = instruction(base, pc);
        let i = (*at).0;
        let (b, c) = (rb(base, i), rc(base, i));
        if (*b).tag == tag::TABLE {
            let t = (*b).as_table();
            let n = (*c).payload.wrapping_sub(1);
            let v = match (*c).tag {
                // Elements of the array part teach the instruction.
                tag::INT if n >= u64::from((*t).arr_len) => {
                    Some(table::probe_int(t, (*c).as_int()))
                }
                tag::STR => table::probe_str(&(*vm).shapes, t, (*c).as_str()),
                _ => None,
            };
            if let Some(v) = v
                && (v.tag != tag::NIL || (*(*t).shape).meta.is_null())
            {
                put(ra(base, i), v);
                return native::DID;
            }
        }
        miss(index::get_index_slow::step, vm, base, at, k)
    }
}

/// `setindex`.
pub(crate) unsafe extern "C" fn set_index(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: as for `get_field`.
    unsafe {
        let (at, k) = instruction(base, pc);
        let i = (*at).0;
        let (a, b, v) = (ra(base, i), rb(base, i), rc(base, i));
        if (*a).tag == tag::TABLE {
            let t: *mut Table = (*a).as_table();
            match (*b).tag {
                tag::INT => {
                    let n = (*b).payload.wrapping_sub(1);
                    let outside = n > u64::from((*t).arr_len);
                    if outside && table::probe_set_int(t, (*b).as_int(), v) {
                        barrier(vm, t, v);
                        return native::DID;
                    }
                }
                tag::STR => {
                    let key = (*b).as_str();
                    let place = table::probe_str_place(&(*vm).shapes, t, key, (*v).tag);
                    if !place.is_null() {
                        copy(place, v);
                        barrier(vm, t, v);
                        return native::DID;
                    }
                }
                _ => {}
            }
        }
        miss(index::set_index_slow::step, vm, base, at, k)
    }
}

/// `tforcall` with `next` or the iterator of `ipairs`.
pub(crate) unsafe extern "C" fn tfor_call(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: as for `get_field`.
    unsafe {
        let (at, k) = instruction(base, pc);
        if loops::tfor_builtin(base, (*at).0) {
            return native::DID;
        }
        let a = ra(base, (*at).0);
        if (*a).tag == tag::NATIVE && (*(*a).as_native()).nkind.switches() {
            return tfor_switch(vm, base, at, k);
        }
        miss(loops::tfor_compiled::step, vm, base, at, k)
    }
}

/// `tforcall` whose iterator is a coroutine.
#[inline(never)]
unsafe fn tfor_switch(vm: *mut Vm, base: *mut Value, at: *const Insn, k: *const Value) -> usize {
    // SAFETY: as for `get_field`; the iterator is a host function.
    unsafe {
        let (i, epoch) = ((*at).0, (*vm).native_epoch);
        let f = (*ra(base, i)).as_native();
        let new = loops::lay_out_iterator(at.add(1), base, i, NATIVE_BIT);
        if new.add(2) > (*vm).limit {
            return miss(loops::tfor_compiled::step, vm, base, at, k);
        }
        (*vm).top = new.add(2);
        save(vm, at.add(1), new);
        match native::switch(vm, base, at, epoch, f, (new, 2)) {
            Some(status) => status,
            None => miss(loops::tfor_compiled::step, vm, base, at, k),
        }
    }
}
