//! Look-ups for the interpreter's second-level handlers: what the first look
//! (array part, inline cache) did not answer and one probe can.
//!
//! Everything here is forced inline, calls nothing and has no local whose
//! address escapes, so that a handler that uses it needs no native frame.
//! What a probe can't tell is left to the complete functions of this module's
//! parent.

use super::shape::{Cached, ShapeTable, introducer};
use super::{array, hash};
use crate::object::{Str, Table, shapeflag, strflag, tabflag};
use crate::value::{NIL, Value, tag};

/// The value at an integer key outside the array part (or nil there).
///
/// # Safety
/// `t` is a live table; its array part has nil or nothing at `key`.
#[inline(always)]
pub unsafe fn probe_int(t: *const Table, key: i64) -> Value {
    // SAFETY: `t` is live by contract.
    unsafe {
        let h = (*t).hash;
        if h.is_null() || (key as u64).wrapping_sub(1) < u64::from((*t).arr_len) {
            return NIL;
        }
        match hash::locate_int(h, key) {
            Ok(e) => (*e).val,
            Err(_) => NIL,
        }
    }
}

/// The raw value at a string key; `None`: not known without a search.
///
/// # Safety
/// `t` is a live table of the VM that `shapes` belongs to, `key` a live string.
#[inline(always)]
pub unsafe fn probe_str(shapes: &ShapeTable, t: *const Table, key: *const Str) -> Option<Value> {
    // SAFETY: live by contract; a table has the slots of its shape.
    unsafe {
        if (*key).hdr.flags & strflag::INTERNED == 0 {
            return None;
        }
        let shape = (*t).shape;
        if (*shape).hdr.flags & shapeflag::DICT == 0 {
            return match shapes.cached_slot(shape, key) {
                Cached::Slot(n) => Some(*(*t).fields.add(n as usize)),
                Cached::Absent => Some(NIL),
                Cached::Unknown => None,
            };
        }
        let h = (*t).hash;
        if h.is_null() {
            return Some(NIL);
        }
        match hash::locate_interned(h, key) {
            Ok(e) => Some((*e).val),
            Err(_) => Some(NIL),
        }
    }
}

/// Where a value with tag `new` may be written over the value, not nil, of a
/// string key, with nothing left to do but the write barrier; null if that
/// takes more (a new key, nil, a metatable's field, a tag that the shape has
/// to be told of) or is not known without a search.
///
/// # Safety
/// As for [`probe_str`].
#[inline(always)]
pub unsafe fn probe_str_place(
    shapes: &ShapeTable,
    t: *mut Table,
    key: *const Str,
    new: u8,
) -> *mut Value {
    let none = std::ptr::null_mut();
    // SAFETY: as for `probe_str`.
    unsafe {
        if (*key).hdr.flags & strflag::INTERNED == 0
            || (*t).hdr.flags & tabflag::METATABLE != 0
            || new == tag::NIL
        {
            return none;
        }
        let shape = (*t).shape;
        let place = if (*shape).hdr.flags & shapeflag::DICT == 0 {
            let Cached::Slot(n) = shapes.cached_slot(shape, key) else {
                return none;
            };
            let intro = introducer(shape, n);
            if (*intro).field_tags >> new & 1 == 0 || !(*intro).field_reassigned {
                return none;
            }
            (*t).fields.add(n as usize)
        } else {
            let h = (*t).hash;
            if h.is_null() {
                return none;
            }
            match hash::locate_interned(h, key) {
                Ok(e) => &raw mut (*e).val,
                Err(_) => return none,
            }
        };
        if (*place).tag == tag::NIL {
            none
        } else {
            place
        }
    }
}

/// Stores `val` at an integer key if that takes one probe and no more than
/// the write barrier for `val`, which is left to the caller. False: nothing
/// was done.
///
/// # Safety
/// `t` is a live table, `val` a live value.
#[inline(always)]
pub unsafe fn probe_set_int(t: *mut Table, key: i64, val: *const Value) -> bool {
    // SAFETY: `t` is live; an entry is appended where there is room, and a
    // `Mixed` array has tags for its elements.
    unsafe {
        let at = (key as u64).wrapping_sub(1);
        let len = u64::from((*t).arr_len);
        if at < len {
            // A hole or the last element; other values were stored before.
            if (*val).tag != tag::NIL {
                return false;
            }
            return array::probe_clear(t, at as usize);
        }
        let h = (*t).hash;
        if h.is_null() || at == len {
            return false;
        }
        let raw = (*(*t).shape).meta.is_null();
        match hash::locate_int(h, key) {
            Ok(e) => {
                if (*e).val.tag == tag::NIL && !raw {
                    return false;
                }
                hash::put(h, e, *val);
                true
            }
            Err(spot) => {
                if !raw {
                    return false;
                }
                if (*val).tag == tag::NIL {
                    return true;
                }
                if !hash::has_room(h) || array::is_near(t, at) {
                    return false;
                }
                hash::append_at(h, spot, Value::int(key), *val);
                true
            }
        }
    }
}
