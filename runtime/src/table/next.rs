//! Iteration: array part, then fields, then hash part.
//!
//! A cursor names a part and a position in it, so it stays meaningful while
//! elements are removed: clearing never moves anything. [`next`] finds the
//! cursor of a key first; a deleted entry keeps its key for that.

use super::{array, field_slot, hash, shape};
use crate::object::{Str, Table, shapeflag, strflag};
use crate::value::{Value, float_to_int, tag};

/// The key given to [`next`] is not in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid key to 'next'")]
pub struct InvalidKey;

/// A position in an iteration. 0 is before the first key.
pub type Cursor = u64;

const FIELDS: u64 = 1 << 32;
const HASH: u64 = 2 << 32;

/// The first key at or after `cursor` with its value, and the cursor after it.
///
/// # Safety
/// `t` is a live table.
#[inline]
pub unsafe fn next_at(t: *const Table, cursor: Cursor) -> Option<(Cursor, Value, Value)> {
    // SAFETY: `t` is live; each position is checked against its part's size.
    unsafe {
        let mut at = cursor;
        if at < FIELDS {
            while at < u64::from((*t).arr_len) {
                let v = array::element(t, at as usize);
                at += 1;
                if !v.is_nil() {
                    return Some((at, Value::int(at as i64), v));
                }
            }
            at = FIELDS;
        }
        if at < HASH {
            let shape = (*t).shape;
            while at < FIELDS + u64::from((*shape).len) {
                let slot = (at - FIELDS) as u32;
                let v = *(*t).fields.add(slot as usize);
                at += 1;
                if !v.is_nil() {
                    return Some((at, Value::str(shape::field_key(shape, slot)), v));
                }
            }
            at = HASH;
        }
        let h = (*t).hash;
        if h.is_null() {
            return None;
        }
        while at < HASH + u64::from((*h).len) {
            let e = *(*h).entries.add((at - HASH) as usize);
            at += 1;
            if !e.val.is_nil() {
                return Some((at, e.key, e.val));
            }
        }
        None
    }
}

/// The cursor after `key`.
unsafe fn cursor_after(t: *const Table, key: Value) -> Result<Cursor, InvalidKey> {
    // SAFETY: the caller's table and key are live.
    unsafe {
        let key = match key.tag {
            tag::NIL => return Ok(0),
            tag::FLOAT => float_to_int(key.as_float()).map_or(key, Value::int),
            _ => key,
        };
        let at = key.payload.wrapping_sub(1);
        if key.tag == tag::INT && at < u64::from((*t).arr_len) {
            return Ok(at + 1);
        }
        if key.tag == tag::STR && is_field(t, key.as_str()) {
            return field_slot((*t).shape, key.as_str())
                .map(|slot| FIELDS + u64::from(slot) + 1)
                .ok_or(InvalidKey);
        }
        let h = (*t).hash;
        let e = if h.is_null() {
            std::ptr::null_mut()
        } else {
            hash::find(h, key)
        };
        if !e.is_null() {
            return Ok(HASH + u64::from(hash::entry_index(h, e)) + 1);
        }
        // The array may have shrunk under the loop; what it ever took from
        // the hash part is not found there any more.
        if key.tag == tag::INT && at < u64::from((*t).arr_cap) {
            return Ok(at + 1);
        }
        Err(InvalidKey)
    }
}

unsafe fn is_field(t: *const Table, key: *const Str) -> bool {
    // SAFETY: the caller's table and key are live.
    unsafe {
        (*(*t).shape).hdr.flags & shapeflag::DICT == 0 && (*key).hdr.flags & strflag::INTERNED != 0
    }
}

/// The key after `key` (nil: the first) and its value; `None` at the end.
///
/// # Errors
/// `key` is not in the table.
///
/// # Safety
/// `t` is a live table, `key` a live value.
pub unsafe fn next(t: *const Table, key: Value) -> Result<Option<(Value, Value)>, InvalidKey> {
    // SAFETY: passed on to the caller.
    unsafe { Ok(next_at(t, cursor_after(t, key)?).map(|(_, k, v)| (k, v))) }
}
