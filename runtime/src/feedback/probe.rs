//! The second look at a site's field: caches behind the first one, and for
//! megamorphic sites the look-up cache they share.
//!
//! For the interpreter's second-level handlers: forced inline, without calls.
//! They never teach a slot; what they can't answer goes to the `*_miss`
//! functions, which do, so a site learns as if they did not exist.

use super::access::{does_nothing, get_by, try_get_field};
use super::{CacheState, FeedbackSlot, FieldCache, MEGA, RETRY};
use crate::object::{Str, Table, tabflag};
use crate::table::{self, ShapeTable};
use crate::value::{NIL, Value, tag};

/// The cache behind the first one for tables of `t`'s shape, or null.
#[inline(always)]
unsafe fn other(slot: *const FeedbackSlot, t: *const Table) -> *const FieldCache {
    // SAFETY: `extra` holds the caches 1 .. `ways`; the slot is not MEGA.
    unsafe {
        if let Some(extra) = &(*slot).extra {
            let first = extra.as_ptr();
            let mut n = ((*slot).ways as usize).saturating_sub(1);
            while n > 0 {
                n -= 1;
                let c = first.add(n);
                if (*c).shape == (*t).shape {
                    return c;
                }
            }
        }
        std::ptr::null()
    }
}

/// Counts a miss of a megamorphic site; false: it is time to start over.
#[inline(always)]
unsafe fn count_miss(slot: *mut FeedbackSlot) -> bool {
    // SAFETY: the caller's slot.
    unsafe {
        let misses = (*slot).misses + 1;
        if misses >= RETRY {
            return false;
        }
        (*slot).misses = misses;
        true
    }
}

/// The value of field `key` of `t` as far as the slot's caches or, for a
/// megamorphic site, the shared look-up cache know.
///
/// # Safety
/// `slot` is of kind `Field` and only used for `key`, `t` is a live table of
/// the VM that `shapes` belongs to, `epoch` is the VM's.
#[inline(always)]
pub unsafe fn probe_field(
    shapes: &ShapeTable,
    slot: *mut FeedbackSlot,
    t: *mut Table,
    key: *const Str,
    epoch: u32,
) -> Option<Value> {
    // SAFETY: as the caller says.
    unsafe {
        if (*slot).ways == MEGA {
            if !count_miss(slot) {
                return None;
            }
            let v = table::probe_str(shapes, t, key)?;
            if v.tag == tag::NIL && !(*(*t).shape).meta.is_null() {
                return None;
            }
            return Some(v);
        }
        let c = other(slot, t);
        if c.is_null() {
            try_get_field(slot, t, key, epoch)
        } else {
            get_by(c, t, key, epoch)
        }
    }
}

/// The value of a field of a value with tag `of`, which has no fields of its
/// own, by the slot's first cache; nil: it doesn't know.
///
/// # Safety
/// `slot` is of kind `Field`; `epoch` is the VM's.
#[inline(always)]
pub unsafe fn probe_prim(slot: *const FeedbackSlot, of: u8, epoch: u32) -> Value {
    // SAFETY: a type's metatable is kept by the VM, so the holder is alive
    // while the epoch stays; it has the slots of its shape.
    unsafe {
        let c = &raw const (*slot).data.field;
        if (*c).state == CacheState::Prim && (*c).flags == of && (*c).epoch == epoch {
            let holder = (*c).holder;
            if (*holder).shape == (*c).holder_shape {
                return *(*holder).fields.add((*c).slot as usize);
            }
        }
        NIL
    }
}

/// What [`probe_set_field`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probed {
    /// Nothing.
    Nothing,
    /// The value was stored; the write barrier for it remains to be done. Of nil:
    /// or there was nothing to be done.
    Stored,
    /// Likewise, and the table has another shape, which the barrier for the
    /// table as a whole has to cover.
    Added,
}

/// Stores `val` to field `key` of `t` as far as the slot's caches or, for a
/// megamorphic site, the shared look-up cache know how.
///
/// # Safety
/// As for [`probe_field`]; `val` is a live value.
#[inline(always)]
pub unsafe fn probe_set_field(
    shapes: &ShapeTable,
    slot: *mut FeedbackSlot,
    t: *mut Table,
    key: *const Str,
    val: *const Value,
    epoch: u32,
) -> Probed {
    // SAFETY: as the caller says; a table has the slots of its shape, and
    // room for one more is checked before it is added.
    unsafe {
        let new = (*val).tag;
        let place;
        let mut next_shape = std::ptr::null_mut();
        if (*slot).ways == MEGA {
            if !count_miss(slot) {
                return Probed::Nothing;
            }
            place = table::probe_str_place(shapes, t, key, new);
            if place.is_null() {
                return Probed::Nothing;
            }
        } else {
            let c = other(slot, t);
            if c.is_null() {
                return Probed::Nothing;
            }
            if new == tag::NIL && does_nothing(c, epoch) {
                return Probed::Stored;
            }
            if (*c).tags >> new & 1 == 0 {
                return Probed::Nothing;
            }
            let free = (*c).epoch == epoch && (*t).hdr.flags & tabflag::CHAIN == 0;
            place = (*t).fields.wrapping_add((*c).slot as usize);
            if (*c).state == CacheState::Own {
                if (*place).tag == tag::NIL && !free {
                    return Probed::Nothing;
                }
            } else if (*c).state == CacheState::Add
                && free
                && (*c).slot < u32::from((*t).field_cap)
                && new != tag::NIL
            {
                next_shape = (*c).next_shape;
            } else {
                return Probed::Nothing;
            }
        }
        (*place).tag = new;
        (*place).payload = (*val).payload;
        if next_shape.is_null() {
            Probed::Stored
        } else {
            (*t).shape = next_shape;
            Probed::Added
        }
    }
}
