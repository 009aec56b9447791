//! Field access through inline caches: `getfield`, `setfield`, `self`,
//! globals (fields of the `_ENV` upvalue).
//!
//! Three levels, each a tail call away from the one before:
//! 1. the site's first cache says where the table's own field is;
//! 2. *probes*, still without calls: the other caches, the look-up cache that
//!    megamorphic sites share, fields of another table, methods of strings;
//! 3. the miss handlers: teaching the site, metatables, errors.

use super::*;
use strata_runtime::feedback::{self, CacheState, FeedbackSlot, Lookup, NIL_OK, Probed, Store};
use strata_runtime::native::cont;
use strata_runtime::object::{Closure, Str, Table, color, tabflag};
use strata_runtime::ops::meta::{set_error, type_op_error};
use strata_runtime::proto::slots_of;
use strata_runtime::value::{NIL, tag};
use strata_spec::Op;

/// Feedback slot of a `Key` instruction.
#[inline(always)]
unsafe fn slot(k: *const Value, i: u64) -> *mut FeedbackSlot {
    // SAFETY: the verifier has checked the slot number.
    unsafe { slots_of(k).add((i >> 32) as u16 as usize) }
}

/// Key of a `Key` instruction.
#[inline(always)]
unsafe fn key(k: *const Value, i: u64) -> *mut Str {
    // SAFETY: the verifier has checked that the constant is a string.
    unsafe { (*k.add((i >> 48) as usize)).as_str() }
}

/// The field's place if it is the table's own and the first cache knows it,
/// and nil is no reason to look further.
macro_rules! own_field {
    ($t:ident, $slot:ident, $v:ident => $hit:block) => {
        let c = &raw const (*$slot).data.field;
        if (*$t).shape == (*c).shape && (*c).state == CacheState::Own {
            let $v = (*$t).fields.add((*c).slot as usize);
            if (*$v).tag != tag::NIL || (*c).flags & NIL_OK != 0 {
                $hit
            }
        }
    };
}

handler! {
    get_field(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag == tag::TABLE {
            let (t, s) = ((*b).as_table(), slot(k, i));
            own_field!(t, s, v => {
                copy(ra(base, i), v);
                return dispatch(pc, base, vm, k);
            });
        }
        get_probe(pc, base, vm, i, k)
    }
}

handler! {
    /// `getfield` and `self`, second level.
    #[inline(never)]
    get_probe(pc, base, vm, i, k) {
        let b = rb(base, i);
        let s = slot(k, i);
        let epoch = (*vm).meta_epoch;
        let v = if (*b).tag == tag::TABLE {
            match feedback::probe_field(&(*vm).shapes, s, (*b).as_table(), key(k, i), epoch) {
                Some(v) => v,
                None => return get_miss(pc, base, vm, i, k),
            }
        } else {
            let v = feedback::probe_prim(s, (*b).tag, epoch);
            if v.tag == tag::NIL {
                return get_miss(pc, base, vm, i, k);
            }
            v
        };
        let a = ra(base, i);
        if i as u8 == Op::SelfField as u8 {
            copy(a.add(2), b);
        }
        put(a, v);
        dispatch(pc, base, vm, k)
    }
}

handler! {
    get_tab_up(pc, base, vm, i, k) {
        let up = Closure::upval((*base.sub(2)).as_closure(), (i >> 16) as u8 as usize);
        let b = (*up).v;
        if (*b).tag == tag::TABLE {
            let (t, s) = ((*b).as_table(), slot(k, i));
            own_field!(t, s, v => {
                copy(ra(base, i), v);
                return dispatch(pc, base, vm, k);
            });
            if let Some(v) = feedback::try_get_field(s, t, key(k, i), (*vm).meta_epoch) {
                put(ra(base, i), v);
                return dispatch(pc, base, vm, k);
            }
        }
        get_miss(pc, base, vm, i, k)
    }
}

handler! {
    self_field(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag == tag::TABLE {
            let (t, s) = ((*b).as_table(), slot(k, i));
            let c = &raw const (*s).data.field;
            if (*t).shape == (*c).shape && (*c).state == CacheState::Holder && (*c).epoch == (*vm).meta_epoch {
                let holder = (*c).holder;
                if (*holder).shape == (*c).holder_shape {
                    let v = (*holder).fields.add((*c).slot as usize);
                    if (*v).tag != tag::NIL {
                        let a = ra(base, i);
                        copy(a.add(2), b);
                        copy(a, v);
                        return dispatch(pc, base, vm, k);
                    }
                }
            }
            own_field!(t, s, v => {
                let a = ra(base, i);
                let (vt, vp) = ((*v).tag, (*v).payload);
                copy(a.add(2), b);
                put(a, Value { tag: vt, payload: vp });
                return dispatch(pc, base, vm, k);
            });
        }
        get_probe(pc, base, vm, i, k)
    }
}

slow_handler! {
    /// `getfield`, `gettabup` and `self`, last level.
    get_miss(pc, base, vm, i, k) {
        let global = i as u8 == Op::GetTabUp as u8;
        let obj = if global {
            *(*Closure::upval((*base.sub(2)).as_closure(), (i >> 16) as u8 as usize)).v
        } else {
            *rb(base, i)
        };
        if i as u8 == Op::SelfField as u8 {
            copy(ra(base, i).add(2), &raw const obj);
        }
        let (s, name) = (slot(k, i), key(k, i));
        save(vm, pc, base);
        if obj.tag == tag::TABLE
            && let Some(v) = feedback::try_get_field(s, obj.as_table(), name, (*vm).meta_epoch)
        {
            put(ra(base, i), v);
            return next(vm, pc, base);
        }
        match feedback::get_field_miss(&mut *vm, s, obj, name) {
            Lookup::Value(v) => {
                put(ra(base, i), v);
                next(vm, pc, base)
            }
            Lookup::Call { handler, receiver } => {
                call::call_meta(vm, handler, &[receiver, Value::str(name)], cont::STORE_A)
            }
            Lookup::NotIndexable(v) => not_indexable(vm, v, obj, i),
            Lookup::Loop => {
                let e = (*vm).error_at(0, b"'__index' chain too long; possible loop");
                raise::raise(vm, e)
            }
        }
    }
}

/// Raises "attempt to index a nil value (local 'x')" for instruction `i`,
/// which indexed `obj` and, perhaps over `__index`, met `v`.
#[cold]
pub(super) unsafe fn not_indexable(vm: *mut Vm, v: Value, obj: Value, i: u64) -> usize {
    // SAFETY: `vm.base`, `vm.pc` are those of the instruction.
    unsafe {
        let machine = &mut *vm;
        let reg = match Op::from_u8(i as u8) {
            Some(Op::GetTabUp | Op::SetTabUp) => None,
            Some(Op::SetField | Op::SetIndex | Op::SetIndexI) => Some(Insn(i).a()),
            _ => Some(Insn(i).b()),
        };
        let direct = v.tag == obj.tag && v.payload == obj.payload;
        let name = match reg {
            Some(reg) if direct => arith::operand_name(machine, reg),
            None if direct => upvalue_name(machine, i),
            _ => Vec::new(),
        };
        let e = type_op_error(machine, "index", v, &name);
        raise::raise(vm, e)
    }
}

/// " (upvalue 'x')" for the upvalue that a global access indexes.
fn upvalue_name(vm: &Vm, i: u64) -> Vec<u8> {
    let Some(frame) = vm.frame_at(0) else {
        return Vec::new();
    };
    let Some(proto) = frame.proto() else {
        return Vec::new();
    };
    let index = if i as u8 == Op::GetTabUp as u8 {
        Insn(i).b()
    } else {
        Insn(i).a()
    };
    match proto
        .spec()
        .upvals
        .get(usize::from(index))
        .and_then(|u| u.name)
    {
        Some(id) => {
            let mut text = b" (upvalue '".to_vec();
            text.extend_from_slice(proto.module.str(id));
            text.extend_from_slice(b"')");
            text
        }
        None => Vec::new(),
    }
}

/// A store to an own field or one the first cache adds.
macro_rules! store_field {
    ($t:ident, $s:ident, $v:ident, $pc:ident, $base:ident, $vm:ident, $k:ident) => {
        let c = &raw const (*$s).data.field;
        if (*$t).shape == (*c).shape && (*c).tags >> (*$v).tag & 1 != 0 {
            let place = (*$t).fields.add((*c).slot as usize);
            if (*c).state == CacheState::Own {
                if (*place).tag != tag::NIL
                    || ((*c).epoch == (*$vm).meta_epoch && (*$t).hdr.flags & tabflag::CHAIN == 0)
                {
                    copy(place, $v);
                    if (*$t).hdr.mark == color::BLACK && (*$v).is_gc() {
                        return handlers::barrier($pc, $base, $vm, $t as u64, $k);
                    }
                    return dispatch($pc, $base, $vm, $k);
                }
            } else if (*c).state == CacheState::Add
                && (*c).epoch == (*$vm).meta_epoch
                && (*c).slot < u32::from((*$t).field_cap)
                && (*$t).hdr.flags & tabflag::CHAIN == 0
                && (*$v).tag != tag::NIL
            {
                copy(place, $v);
                (*$t).shape = (*c).next_shape;
                if (*$t).hdr.mark == color::BLACK {
                    return handlers::barrier($pc, $base, $vm, $t as u64, $k);
                }
                return dispatch($pc, $base, $vm, $k);
            }
        }
    };
}

handler! {
    set_field(pc, base, vm, i, k) {
        let a = ra(base, i);
        if (*a).tag == tag::TABLE {
            let (t, s, v) = ((*a).as_table(), slot(k, i), rb(base, i));
            store_field!(t, s, v, pc, base, vm, k);
            return set_probe(pc, base, vm, i, k);
        }
        set_miss(pc, base, vm, i, k)
    }
}

handler! {
    /// `setfield` of a table, second level.
    #[inline(never)]
    set_probe(pc, base, vm, i, k) {
        let (t, v): (*mut Table, _) = ((*ra(base, i)).as_table(), rb(base, i));
        match feedback::probe_set_field(&(*vm).shapes, slot(k, i), t, key(k, i), v, (*vm).meta_epoch) {
            Probed::Nothing => set_miss(pc, base, vm, i, k),
            Probed::Stored => {
                if (*t).hdr.mark == color::BLACK && (*v).is_gc() {
                    (*vm).heap.stored = (*v).as_gc();
                    return handlers::barrier_stored(pc, base, vm, t as u64, k);
                }
                dispatch(pc, base, vm, k)
            }
            Probed::Added => {
                if (*t).hdr.mark == color::BLACK {
                    return handlers::barrier(pc, base, vm, t as u64, k);
                }
                dispatch(pc, base, vm, k)
            }
        }
    }
}

handler! {
    set_tab_up(pc, base, vm, i, k) {
        let up = Closure::upval((*base.sub(2)).as_closure(), (i >> 8) as u8 as usize);
        let a = (*up).v;
        if (*a).tag == tag::TABLE {
            let (t, s, v) = ((*a).as_table(), slot(k, i), rb(base, i));
            store_field!(t, s, v, pc, base, vm, k);
        }
        set_miss(pc, base, vm, i, k)
    }
}

slow_handler! {
    /// `setfield` and `settabup`, last level.
    set_miss(pc, base, vm, i, k) {
        let global = i as u8 == Op::SetTabUp as u8;
        let obj = if global {
            *(*Closure::upval((*base.sub(2)).as_closure(), (i >> 8) as u8 as usize)).v
        } else {
            *ra(base, i)
        };
        let val = *rb(base, i);
        let (s, name) = (slot(k, i), key(k, i));
        save(vm, pc, base);
        let machine = &mut *vm;
        if obj.tag == tag::TABLE {
            let t: *mut Table = obj.as_table();
            let epoch = machine.meta_epoch;
            if feedback::try_set_field(&mut machine.heap, s, t, name, val, epoch) {
                return next(vm, pc, base);
            }
        }
        match feedback::set_field_miss(machine, s, obj, name, val) {
            Ok(outcome) => stored(vm, outcome, obj, Value::str(name), val, i),
            Err(e) => {
                let e = set_error(machine, e);
                raise::raise(vm, e)
            }
        }
    }
}

/// Goes on after a store that a slow path did or could not do.
pub(super) unsafe fn stored(
    vm: *mut Vm,
    outcome: Store,
    obj: Value,
    key: Value,
    val: Value,
    i: u64,
) -> usize {
    // SAFETY: `vm.base`, `vm.pc` are those of the instruction.
    unsafe {
        match outcome {
            Store::Done => CONTINUE,
            Store::Call { handler, receiver } => {
                call::call_meta(vm, handler, &[receiver, key, val], cont::DROP)
            }
            Store::NotIndexable(v) => not_indexable(vm, v, obj, i),
            Store::Loop => {
                let e = (*vm).error_at(0, b"'__newindex' chain too long; possible loop");
                raise::raise(vm, e)
            }
        }
    }
}

const _: () = assert!(NIL.tag == 0);
