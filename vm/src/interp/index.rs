//! Element access and table constructors.
//!
//! Hot: an integer key in the array part. One tail call further, still
//! without calls: *probes* of the hash part and of fields. Metatables, growing
//! and errors are in the slow handlers.

use super::arith::note;
use super::*;
use strata_runtime::feedback::{self, Lookup};
use strata_runtime::native::cont;
use strata_runtime::object::{ArrKind, Table, color};
use strata_runtime::ops::meta::set_error;
use strata_runtime::proto::slots_of;
use strata_runtime::table;
use strata_runtime::value::{NIL, tag};
use strata_spec::Op;

/// Feedback bits of element access: what was indexed how.
pub(crate) mod seen_element {
    /// An `Int` array.
    pub const INT: u8 = 1;
    /// A `Float` array.
    pub const FLOAT: u8 = 2;
    /// A `Mixed` array.
    pub const MIXED: u8 = 4;
    /// A string key.
    pub const STRING: u8 = 8;
    /// An integer key outside the array part, or a nil there.
    pub const OUTSIDE: u8 = 16;
    /// An append.
    pub const APPEND: u8 = 32;
    /// Anything else.
    pub const OTHER: u8 = 64;
}

/// [`seen_element`] as bits of an instruction.
mod seen {
    use super::seen_element as s;
    pub const INT: u64 = (s::INT as u64) << 32;
    pub const FLOAT: u64 = (s::FLOAT as u64) << 32;
    pub const MIXED: u64 = (s::MIXED as u64) << 32;
    pub const STRING: u64 = (s::STRING as u64) << 32;
    pub const OUTSIDE: u64 = (s::OUTSIDE as u64) << 32;
    pub const APPEND: u64 = (s::APPEND as u64) << 32;
    pub const OTHER: u64 = (s::OTHER as u64) << 32;
}

/// Loads element `n` (from 0) if it is in the array part and not nil.
macro_rules! load_element {
    ($t:ident, $n:expr, $pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) => {
        let n: u64 = $n;
        if n < u64::from((*$t).arr_len) {
            let payload = *(*$t).arr.add(n as usize);
            let to = ra($base, $i);
            match (*$t).arr_kind {
                ArrKind::Int => {
                    note($pc, $i, seen::INT);
                    put(
                        to,
                        Value {
                            tag: tag::INT,
                            payload,
                        },
                    );
                    return dispatch($pc, $base, $vm, $k);
                }
                ArrKind::Float => {
                    note($pc, $i, seen::FLOAT);
                    put(
                        to,
                        Value {
                            tag: tag::FLOAT,
                            payload,
                        },
                    );
                    return dispatch($pc, $base, $vm, $k);
                }
                ArrKind::Mixed => {
                    let t = *(*$t).arr_tags.add(n as usize);
                    if t != tag::NIL {
                        note($pc, $i, seen::MIXED);
                        put(to, Value { tag: t, payload });
                        return dispatch($pc, $base, $vm, $k);
                    }
                }
            }
        }
    };
}

handler! {
    get_index(pc, base, vm, i, k) {
        let (b, c) = (rb(base, i), rc(base, i));
        if (*b).tag == tag::TABLE {
            if (*c).tag == tag::INT {
                let t = (*b).as_table();
                load_element!(t, (*c).payload.wrapping_sub(1), pc, base, vm, i, k);
                return get_index_int(pc, base, vm, i, k);
            }
            if (*c).tag == tag::STR {
                return get_index_str(pc, base, vm, i, k);
            }
        }
        get_index_slow(pc, base, vm, i, k)
    }
}

handler! {
    /// `getindex` of a table with an integer that is not in the array part.
    #[inline(never)]
    get_index_int(pc, base, vm, i, k) {
        let t = (*rb(base, i)).as_table();
        let v = table::probe_int(t, (*rc(base, i)).as_int());
        if v.tag != tag::NIL || (*(*t).shape).meta.is_null() {
            note(pc, i, seen::OUTSIDE);
            put(ra(base, i), v);
            return dispatch(pc, base, vm, k);
        }
        get_index_slow(pc, base, vm, i, k)
    }
}

handler! {
    /// `getindex` of a table with a string.
    #[inline(never)]
    get_index_str(pc, base, vm, i, k) {
        let t = (*rb(base, i)).as_table();
        let Some(v) = table::probe_str(&(*vm).shapes, t, (*rc(base, i)).as_str()) else {
            return get_index_slow(pc, base, vm, i, k);
        };
        if v.tag != tag::NIL || (*(*t).shape).meta.is_null() {
            note(pc, i, seen::STRING);
            put(ra(base, i), v);
            return dispatch(pc, base, vm, k);
        }
        get_index_slow(pc, base, vm, i, k)
    }
}

handler! {
    get_index_i(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag == tag::TABLE {
            let t = (*b).as_table();
            load_element!(t, u64::from((i >> 24) as u8).wrapping_sub(1), pc, base, vm, i, k);
        }
        get_index_slow(pc, base, vm, i, k)
    }
}

/// What to note of a load from `t`. The handlers' fast paths have not seen
/// it, but compiled code comes here with what it was not compiled for.
unsafe fn load_seen(t: *mut Table, key: Value) -> u64 {
    // SAFETY: the caller passes a live table.
    unsafe {
        match key.tag {
            tag::STR => seen::STRING,
            tag::INT => {
                let n = key.payload.wrapping_sub(1);
                if n >= u64::from((*t).arr_len) {
                    return seen::OUTSIDE;
                }
                match (*t).arr_kind {
                    ArrKind::Int => seen::INT,
                    ArrKind::Float => seen::FLOAT,
                    ArrKind::Mixed if *(*t).arr_tags.add(n as usize) == tag::NIL => seen::OUTSIDE,
                    ArrKind::Mixed => seen::MIXED,
                }
            }
            _ => seen::OTHER,
        }
    }
}

/// What to note of a store to `t`, which is yet to happen; see [`load_seen`].
/// An append that has to make room is one all the same: the next has it.
unsafe fn store_seen(t: *mut Table, key: Value, val: Value) -> u64 {
    // SAFETY: the caller passes a live table.
    unsafe {
        let n = key.payload.wrapping_sub(1);
        let appends = key.tag == tag::INT && n == u64::from((*t).arr_len);
        if appends && (*t).hash.is_null() && val.tag != tag::NIL {
            return seen::APPEND;
        }
        load_seen(t, key)
    }
}

slow_handler! {
    get_index_slow(pc, base, vm, i, k) {
        let obj = *rb(base, i);
        let name = if i as u8 == Op::GetIndexI as u8 {
            Value::int(i64::from((i >> 24) as u8))
        } else {
            *rc(base, i)
        };
        save(vm, pc, base);
        let machine = &mut *vm;
        if obj.is_table() {
            let t = obj.as_table();
            note(pc, i, load_seen(t, name));
            let v = if name.tag == tag::STR && (*name.as_str()).hdr.flags & strata_runtime::object::strflag::INTERNED != 0 {
                table::get_cached(&mut machine.shapes, t, name.as_str())
            } else {
                table::get(t, name)
            };
            if !v.is_nil() || (*(*t).shape).meta.is_null() {
                put(ra(base, i), v);
                return next(vm, pc, base);
            }
        }
        if !obj.is_table() {
            note(pc, i, seen::OTHER);
        }
        match feedback::index(machine, obj, name) {
            Lookup::Value(v) => {
                put(ra(base, i), v);
                next(vm, pc, base)
            }
            Lookup::Call { handler, receiver } => {
                call::call_meta(vm, handler, &[receiver, name], cont::STORE_A)
            }
            Lookup::NotIndexable(v) => fields::not_indexable(vm, v, obj, i),
            Lookup::Loop => {
                let e = machine.error_at(0, b"'__index' chain too long; possible loop");
                raise::raise(vm, e)
            }
        }
    }
}

/// Overwrites element `n` (from 0) if it is in the array part and the kind
/// need not change.
macro_rules! store_element {
    ($t:ident, $n:ident, $v:ident, $pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) => {
        if $n < u64::from((*$t).arr_len) {
            let kind = (*$t).arr_kind;
            if kind as u8 == (*$v).tag {
                *(*$t).arr.add($n as usize) = (*$v).payload;
                if kind == ArrKind::Int {
                    note($pc, $i, seen::INT);
                    return dispatch($pc, $base, $vm, $k);
                }
                note($pc, $i, seen::FLOAT);
                return dispatch($pc, $base, $vm, $k);
            }
            // A store over nil may concern `__newindex`.
            if kind == ArrKind::Mixed && (*$v).tag != tag::NIL {
                let place = (*$t).arr_tags.add($n as usize);
                if *place != tag::NIL || (*(*$t).shape).meta.is_null() {
                    *(*$t).arr.add($n as usize) = (*$v).payload;
                    *place = (*$v).tag;
                    note($pc, $i, seen::MIXED);
                    if (*$t).hdr.mark == color::BLACK && (*$v).is_gc() {
                        (*$vm).heap.stored = (*$v).as_gc();
                        return handlers::barrier_stored($pc, $base, $vm, $t as u64, $k);
                    }
                    return dispatch($pc, $base, $vm, $k);
                }
            }
        }
    };
}

/// Appends element `n` (from 0) if it follows the last one, there is room and
/// the kind need not change.
macro_rules! append_element {
    ($t:ident, $n:ident, $v:ident, $pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) => {
        if $n == u64::from((*$t).arr_len)
            && $n < u64::from((*$t).arr_cap)
            && (*$t).hash.is_null()
            && (*(*$t).shape).meta.is_null()
            && (*$v).tag != tag::NIL
        {
            if (*$t).arr_kind as u8 == (*$v).tag {
                note($pc, $i, seen::APPEND);
                *(*$t).arr.add($n as usize) = (*$v).payload;
                (*$t).arr_len = $n as u32 + 1;
                return dispatch($pc, $base, $vm, $k);
            }
            if (*$t).arr_kind == ArrKind::Mixed && !(*$t).arr_tags.is_null() && $n != 0 {
                note($pc, $i, seen::APPEND);
                *(*$t).arr.add($n as usize) = (*$v).payload;
                *(*$t).arr_tags.add($n as usize) = (*$v).tag;
                (*$t).arr_len = $n as u32 + 1;
                if (*$t).hdr.mark == color::BLACK && (*$v).is_gc() {
                    (*$vm).heap.stored = (*$v).as_gc();
                    return handlers::barrier_stored($pc, $base, $vm, $t as u64, $k);
                }
                return dispatch($pc, $base, $vm, $k);
            }
        }
    };
}

handler! {
    set_index(pc, base, vm, i, k) {
        let (a, b) = (ra(base, i), rb(base, i));
        if (*a).tag == tag::TABLE {
            if (*b).tag == tag::INT {
                let (t, v): (*mut Table, _) = ((*a).as_table(), rc(base, i));
                let n = (*b).payload.wrapping_sub(1);
                store_element!(t, n, v, pc, base, vm, i, k);
                return set_index_int(pc, base, vm, i, k);
            }
            if (*b).tag == tag::STR {
                return set_index_str(pc, base, vm, i, k);
            }
        }
        set_index_slow(pc, base, vm, i, k)
    }
}

handler! {
    /// `setindex` of a table with an integer: appends.
    #[inline(never)]
    set_index_int(pc, base, vm, i, k) {
        let (t, v): (*mut Table, _) = ((*ra(base, i)).as_table(), rc(base, i));
        let n = (*rb(base, i)).payload.wrapping_sub(1);
        append_element!(t, n, v, pc, base, vm, i, k);
        set_index_hash(pc, base, vm, i, k)
    }
}

handler! {
    /// `setindex` of a table with an integer that is not in the array part.
    #[inline(never)]
    set_index_hash(pc, base, vm, i, k) {
        let (t, v): (*mut Table, _) = ((*ra(base, i)).as_table(), rc(base, i));
        if table::probe_set_int(t, (*rb(base, i)).as_int(), v) {
            note(pc, i, seen::OUTSIDE);
            if (*t).hdr.mark == color::BLACK && (*v).is_gc() {
                (*vm).heap.stored = (*v).as_gc();
                return handlers::barrier_stored(pc, base, vm, t as u64, k);
            }
            return dispatch(pc, base, vm, k);
        }
        set_index_slow(pc, base, vm, i, k)
    }
}

handler! {
    /// `setindex` of a table with a string.
    #[inline(never)]
    set_index_str(pc, base, vm, i, k) {
        let (t, v): (*mut Table, _) = ((*ra(base, i)).as_table(), rc(base, i));
        let place = table::probe_str_place(&(*vm).shapes, t, (*rb(base, i)).as_str(), (*v).tag);
        if place.is_null() {
            return set_index_slow(pc, base, vm, i, k);
        }
        note(pc, i, seen::STRING);
        copy(place, v);
        if (*t).hdr.mark == color::BLACK && (*v).is_gc() {
            (*vm).heap.stored = (*v).as_gc();
            return handlers::barrier_stored(pc, base, vm, t as u64, k);
        }
        dispatch(pc, base, vm, k)
    }
}

handler! {
    set_index_i(pc, base, vm, i, k) {
        let a = ra(base, i);
        if (*a).tag == tag::TABLE {
            let (t, v): (*mut Table, _) = ((*a).as_table(), rc(base, i));
            let n = u64::from((i >> 16) as u8).wrapping_sub(1);
            store_element!(t, n, v, pc, base, vm, i, k);
            append_element!(t, n, v, pc, base, vm, i, k);
        }
        set_index_slow(pc, base, vm, i, k)
    }
}

slow_handler! {
    set_index_slow(pc, base, vm, i, k) {
        let obj = *ra(base, i);
        let name = if i as u8 == Op::SetIndexI as u8 {
            Value::int(i64::from((i >> 16) as u8))
        } else {
            *rb(base, i)
        };
        let val = *rc(base, i);
        save(vm, pc, base);
        let machine = &mut *vm;
        let outcome = if obj.is_table() && (*(*obj.as_table()).shape).meta.is_null() {
            note(pc, i, store_seen(obj.as_table(), name, val));
            table::set(machine, obj.as_table(), name, val).map(|()| feedback::Store::Done)
        } else {
            note(pc, i, seen::OTHER);
            feedback::set_index(machine, obj, name, val)
        };
        match outcome {
            Ok(outcome) => fields::stored(vm, outcome, obj, name, val, i),
            Err(e) => {
                let e = set_error(machine, e);
                raise::raise(vm, e)
            }
        }
    }
}

slow_handler! {
    new_table(pc, base, vm, i, k) {
        let slot = slots_of(k).add((i >> 32) as u16 as usize);
        let machine = &mut *vm;
        if (*slot).data.site == 0 {
            (*slot).data.site = table::add_site(machine);
        }
        let (elements, entries) = ((i >> 48) as usize, (i >> 24) as u8 as usize);
        match table::new_table_at(machine, (*slot).data.site, elements, entries) {
            Ok(t) => {
                put(ra(base, i), Value::table(t));
                next(vm, pc, base)
            }
            Err(e) => {
                save(vm, pc, base);
                raise::raise(vm, e.into())
            }
        }
    }
}

slow_handler! {
    set_list(pc, base, vm, i, k) {
        let a = ra(base, i);
        save(vm, pc, base);
        let b = (i >> 16) as u8 as usize;
        let n = if b != 0 { b - 1 } else { ((*vm).top as usize - a.add(1) as usize) / size_of::<Value>() };
        let machine = &mut *vm;
        if (*a).tag != tag::TABLE {
            let e = machine.error_at(0, b"'setlist' needs a table");
            return raise::raise(vm, e);
        }
        let values = std::slice::from_raw_parts(a.add(1), n);
        let first = i64::from((i >> 32) as u32) + 1;
        match table::set_list(machine, (*a).as_table(), first, values) {
            Ok(()) => next(vm, pc, base),
            Err(e) => {
                let e = set_error(machine, e);
                raise::raise(vm, e)
            }
        }
    }
}

const _: () = assert!(NIL.tag == 0);
