//! Leaves that look at tables or change them.

use crate::metatable::{Event, handler, metamethod, metatable_of, set_metatable};
use crate::object::{Str, Table, strflag, tabflag};
use crate::state::Vm;
use crate::table;
use crate::value::{NIL, Value, tag};

pub(super) fn table_of(v: Value) -> Option<*mut Table> {
    (v.tag == tag::TABLE).then(|| v.as_table())
}

/// The table `v`, if it has no metatable.
pub(super) fn plain_table(v: Value) -> Option<*mut Table> {
    // SAFETY: a value with this tag is a live table.
    table_of(v).filter(|&t| unsafe { (*(*t).shape).meta.is_null() })
}

/// Whether nothing but its own content depends on the content of `t`.
pub(super) fn is_ordinary(t: *mut Table) -> bool {
    // SAFETY: callers pass live tables.
    unsafe { (*t).hdr.flags & (tabflag::METATABLE | tabflag::CHAIN) == 0 }
}

pub(super) fn getmetatable(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    let meta = metatable_of(vm, v);
    if meta.is_null() {
        return Some(NIL);
    }
    let protected = metamethod(vm, v, Event::Metatable);
    protected.is_nil().then(|| Value::table(meta))
}

/// Gives a table that has none a metatable, which says nothing about references or
/// finalizers.
pub(super) fn setmetatable(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = plain_table(args[0]).filter(|&t| is_ordinary(t))?;
    let meta = table_of(args[1])?;
    // SAFETY: arguments are live.
    unsafe {
        let special = [Event::Mode, Event::Gc];
        if special.iter().any(|&e| !handler(vm, meta, e).is_nil()) {
            return None;
        }
        set_metatable(vm, t, meta);
    }
    Some(args[0])
}

/// Whether `t` has no hash part: appending and removing the last element
/// change nothing but the array part then.
pub(super) fn is_list(t: *mut Table) -> bool {
    // SAFETY: callers pass live tables.
    unsafe { (*t).hash.is_null() }
}

pub(super) fn rawget(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    Some(raw(vm, table_of(args[0])?, args[1]))
}

/// The raw value at any key.
#[inline]
pub(super) fn raw(vm: &mut Vm, t: *mut Table, key: Value) -> Value {
    // SAFETY: callers pass live tables and keys.
    unsafe {
        match key.tag {
            tag::STR if (*key.as_str()).hdr.flags & strflag::INTERNED != 0 => {
                table::get_cached(&mut vm.shapes, t, key.as_str())
            }
            tag::INT => table::get_int(t, key.as_int()),
            _ => table::get(t, key),
        }
    }
}

pub(super) fn rawlen(_: &mut Vm, args: &[Value]) -> Option<Value> {
    // SAFETY: tags say what the payloads are.
    match args[0].tag {
        // SAFETY: the tag says that it is a live table.
        tag::TABLE => Some(Value::int(unsafe { table::len(args[0].as_table()) })),
        // SAFETY: the tag says that it is a live string.
        tag::STR => Some(Value::int(unsafe { Str::len(args[0].as_str()) } as i64)),
        _ => None,
    }
}

pub(super) fn rawequal(_: &mut Vm, args: &[Value]) -> Option<Value> {
    Some(Value::bool(args[0].raw_eq(args[1])))
}

pub(super) fn rawset(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = table_of(args[0]).filter(|&t| is_ordinary(t))?;
    // SAFETY: arguments are live.
    unsafe { table::set(vm, t, args[1], args[2]).ok()? };
    Some(args[0])
}

pub(super) fn insert(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = plain_table(args[0]).filter(|&t| is_list(t))?;
    // SAFETY: arguments are live.
    unsafe {
        let end = table::len(t) + 1;
        table::set_int(vm, t, end, args[1]).ok()?;
    }
    Some(NIL)
}

pub(super) fn remove(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = plain_table(args[0]).filter(|&t| is_list(t))?;
    // SAFETY: arguments are live.
    unsafe {
        let end = table::len(t);
        let removed = table::get_int(t, end);
        table::set_int(vm, t, end, NIL).ok()?;
        Some(removed)
    }
}

/// Most tables on the way over `__index` that are looked at.
const MOST_HOLDERS: usize = 8;

/// `t[k]` of a table, unless it takes a function, or a long way.
pub(super) fn get(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let mut t = table_of(args[0])?;
    for _ in 0..MOST_HOLDERS {
        let v = raw(vm, t, args[1]);
        // SAFETY: the table is live, and so are its metatable and what that names.
        let meta = unsafe { (*(*t).shape).meta };
        if v.tag != tag::NIL || meta.is_null() {
            return Some(v);
        }
        // SAFETY: as above.
        let next = unsafe { handler(vm, meta, Event::Index) };
        if next.is_nil() {
            return Some(NIL);
        }
        t = table_of(next)?;
    }
    None
}

/// `t[k] = v` of a table, unless it takes a metamethod.
pub(super) fn set(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = table_of(args[0]).filter(|&t| is_ordinary(t))?;
    let (key, v) = (args[1], args[2]);
    // SAFETY: arguments are live.
    unsafe {
        if key.tag == tag::STR {
            let place = table::probe_str_place(&vm.shapes, t, key.as_str(), v.tag);
            if !place.is_null() {
                *place = v;
                vm.heap.barrier_value(t.cast(), v);
                return Some(NIL);
            }
        }
        let meta = (*(*t).shape).meta;
        if !meta.is_null()
            && raw(vm, t, key).tag == tag::NIL
            && !handler(vm, meta, Event::NewIndex).is_nil()
        {
            return None;
        }
        table::set(vm, t, key, v).ok()?;
    }
    Some(NIL)
}

/// Elements of a constructor, from a key on.
pub(super) fn set_list(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let [t, first, values @ ..] = args else {
        return None;
    };
    let t = table_of(*t).filter(|&t| is_list(t))?;
    // SAFETY: arguments are live.
    unsafe { table::set_list(vm, t, first.as_int(), values).ok()? };
    Some(NIL)
}
