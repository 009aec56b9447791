//! Field and element access through inline caches and metatables.
//!
//! `try_*` are the fast paths: the first cache of a slot. `*_miss` are what
//! comes after: the other caches, then a complete look-up that teaches the
//! slot. [`index`] and [`set_index`] are for keys of any kind, without slot.
//! What only calling a function can answer is returned as a request.

use super::{CacheState, FeedbackSlot, FieldCache, MEGA, NIL_OK, NIL_TOO, NO_EPOCH};
use crate::heap::Heap;
use crate::metatable::{self, EPOCH_EXHAUSTED, Event};
use crate::object::{Str, Table, shapeflag, strflag, tabflag};
use crate::state::Vm;
use crate::table::{self, KeyMode, SetError};
use crate::value::{NIL, Value, tag};

/// `__index` and `__newindex` chains longer than this are taken for loops.
pub const MAX_CHAIN: usize = 2000;

// ---- the fast paths

/// The value of field `key` of `t` if the slot's first cache knows.
///
/// # Safety
/// `slot` is of kind `Field` and only used for `key`, an interned string;
/// `t` is a live table; `epoch` is the VM's.
#[inline(always)]
pub unsafe fn try_get_field(
    slot: *const FeedbackSlot,
    t: *mut Table,
    key: *const Str,
    epoch: u32,
) -> Option<Value> {
    // SAFETY: as the caller says; see `get_by`.
    unsafe {
        let c = &raw const (*slot).data.field;
        if (*t).shape != (*c).shape {
            return None;
        }
        if (*c).state == CacheState::Own {
            let v = *(*t).fields.add((*c).slot as usize);
            return if !v.is_nil() || (*c).flags & NIL_OK != 0 {
                Some(v)
            } else {
                None
            };
        }
        get_by(c, t, key, epoch)
    }
}

/// The value that a cache whose shape is that of `t` leads to.
///
/// # Safety
/// `c` belongs to `key`, `t` is a live table with shape `c.shape`.
#[inline(always)]
pub(super) unsafe fn get_by(
    c: *const FieldCache,
    t: *mut Table,
    key: *const Str,
    epoch: u32,
) -> Option<Value> {
    // SAFETY: a table has the slots of its shape; the holder is alive while
    // the epoch stays (module documentation).
    unsafe {
        let v = match (*c).state {
            CacheState::Own => {
                let v = *(*t).fields.add((*c).slot as usize);
                if (*c).flags & NIL_OK != 0 {
                    return Some(v);
                }
                v
            }
            CacheState::Holder => {
                let holder = (*c).holder;
                if (*c).epoch != epoch || (*holder).shape != (*c).holder_shape {
                    return None;
                }
                *(*holder).fields.add((*c).slot as usize)
            }
            CacheState::Dict => *table::dict_entry(t, (*c).slot, key)?,
            CacheState::HolderDict => {
                let holder = (*c).holder;
                if (*c).epoch != epoch || (*holder).shape != (*c).holder_shape {
                    return None;
                }
                *table::dict_entry(holder, (*c).slot, key)?
            }
            CacheState::Absent => {
                return ((*c).epoch == epoch || (*c).flags & NIL_OK != 0).then_some(NIL);
            }
            CacheState::Empty | CacheState::Add | CacheState::Prim => return None,
        };
        if v.is_nil() { None } else { Some(v) }
    }
}

/// Stores field `key` of `t` if the slot's first cache knows how.
///
/// # Safety
/// As for [`try_get_field`]; `val` is a live value.
#[inline(always)]
pub unsafe fn try_set_field(
    heap: &mut Heap,
    slot: *const FeedbackSlot,
    t: *mut Table,
    key: *const Str,
    val: Value,
    epoch: u32,
) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let c = &raw const (*slot).data.field;
        (*t).shape == (*c).shape && set_by(heap, c, t, key, val, epoch)
    }
}

/// Whether to store nil to tables with the shape of cache `c` is known to do
/// nothing: the key isn't there.
///
/// # Safety
/// `c` is a cache of a slot of stores.
#[inline(always)]
pub(super) unsafe fn does_nothing(c: *const FieldCache, epoch: u32) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let known = match (*c).state {
            CacheState::Absent => true,
            CacheState::Add => (*c).flags & NIL_TOO != 0,
            _ => false,
        };
        known && (*c).epoch == epoch
    }
}

/// Stores by a cache whose shape is that of `t`.
///
/// # Safety
/// `c` belongs to `key`, `t` is a live table with shape `c.shape`.
#[inline(always)]
unsafe fn set_by(
    heap: &mut Heap,
    c: *const FieldCache,
    t: *mut Table,
    key: *const Str,
    val: Value,
    epoch: u32,
) -> bool {
    // SAFETY: a table has the slots of its shape; room for one more is
    // checked before it is added.
    unsafe {
        if val.is_nil() && does_nothing(c, epoch) {
            return true;
        }
        if (*c).tags >> val.tag & 1 == 0 {
            return false;
        }
        match (*c).state {
            CacheState::Own => {
                let place = (*t).fields.add((*c).slot as usize);
                if (*place).is_nil()
                    && ((*c).epoch != epoch || (*t).hdr.flags & tabflag::CHAIN != 0)
                {
                    return false;
                }
                *place = val;
                heap.barrier_value(t.cast(), val);
                true
            }
            CacheState::Add => {
                if (*c).epoch != epoch
                    || (*c).slot >= u32::from((*t).field_cap)
                    || (*t).hdr.flags & tabflag::CHAIN != 0
                    || val.is_nil()
                {
                    return false;
                }
                *(*t).fields.add((*c).slot as usize) = val;
                (*t).shape = (*c).next_shape;
                heap.barrier(t.cast());
                true
            }
            CacheState::Dict => match table::dict_entry(t, (*c).slot, key) {
                Some(place) if !(*place).is_nil() && !val.is_nil() => {
                    *place = val;
                    heap.barrier_value(t.cast(), val);
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }
}

// ---- look-up with metatables

/// Result of indexing.
#[derive(Clone, Copy, Debug)]
pub enum Lookup {
    /// The value.
    Value(Value),
    /// The function `handler` has to be called with `receiver` and the key.
    Call {
        /// `__index`.
        handler: Value,
        /// The value that was indexed last.
        receiver: Value,
    },
    /// This value can't be indexed.
    NotIndexable(Value),
    /// "'__index' chain too long; possibly a loop".
    Loop,
}

/// Result of storing.
#[derive(Clone, Copy, Debug)]
pub enum Store {
    /// Stored.
    Done,
    /// The function `handler` has to be called with `receiver`, key and value.
    Call {
        /// `__newindex`.
        handler: Value,
        /// The value that was indexed last.
        receiver: Value,
    },
    /// This value can't be indexed.
    NotIndexable(Value),
    /// "'__newindex' chain too long; possibly a loop".
    Loop,
}

/// `obj[key]` up to calling a function.
///
/// # Safety
/// Both are live values of `vm`.
pub unsafe fn index(vm: &mut Vm, obj: Value, key: Value) -> Lookup {
    let mut cur = obj;
    for _ in 0..MAX_CHAIN {
        // SAFETY: what a live table refers to is live.
        let h = unsafe {
            if cur.is_table() {
                let v = table::get(cur.as_table(), key);
                let meta = (*(*cur.as_table()).shape).meta;
                if !v.is_nil() || meta.is_null() {
                    return Lookup::Value(v);
                }
                let h = metatable::handler(vm, meta, Event::Index);
                if h.is_nil() {
                    return Lookup::Value(NIL);
                }
                h
            } else {
                let h = metatable::metamethod(vm, cur, Event::Index);
                if h.is_nil() {
                    return Lookup::NotIndexable(cur);
                }
                h
            }
        };
        if h.is_function() {
            return Lookup::Call {
                handler: h,
                receiver: cur,
            };
        }
        cur = h;
    }
    Lookup::Loop
}

/// `obj[key] = val` up to calling a function.
///
/// # Errors
/// The key is nil or NaN; out of memory.
///
/// # Safety
/// All are live values of `vm`.
pub unsafe fn set_index(
    vm: &mut Vm,
    obj: Value,
    key: Value,
    val: Value,
) -> Result<Store, SetError> {
    let mut cur = obj;
    for _ in 0..MAX_CHAIN {
        // SAFETY: what a live table refers to is live.
        let h = unsafe {
            if cur.is_table() {
                let t = cur.as_table();
                let h = metatable::handler(vm, (*(*t).shape).meta, Event::NewIndex);
                if h.is_nil() || !table::get(t, key).is_nil() {
                    return table::set(vm, t, key, val).map(|()| Store::Done);
                }
                h
            } else {
                let h = metatable::metamethod(vm, cur, Event::NewIndex);
                if h.is_nil() {
                    return Ok(Store::NotIndexable(cur));
                }
                h
            }
        };
        if h.is_function() {
            return Ok(Store::Call {
                handler: h,
                receiver: cur,
            });
        }
        cur = h;
    }
    Ok(Store::Loop)
}

// ---- inline cache misses

/// `obj[key]` after [`try_get_field`] failed (or where `obj` is no table):
/// tries the other caches, looks the field up and teaches the slot.
///
/// # Safety
/// `slot` is of kind `Field` and only used for `key`; both values are live.
#[inline(never)]
pub unsafe fn get_field_miss(
    vm: &mut Vm,
    slot: *mut FeedbackSlot,
    obj: Value,
    key: *mut Str,
) -> Lookup {
    // SAFETY: as the caller says; extra caches belong to the same key.
    unsafe {
        (*slot).reach();
        if !obj.is_table() {
            return get_prim(vm, &mut *slot, obj, key);
        }
        let t = obj.as_table();
        for c in (*slot).others() {
            if c.shape == (*t).shape
                && let Some(v) = get_by(c, t, key, vm.meta_epoch)
            {
                return Lookup::Value(v);
            }
        }
        if (*key).hdr.flags & strflag::INTERNED == 0 {
            return index(vm, obj, Value::str(key));
        }
        get_and_learn(vm, &mut *slot, t, key)
    }
}

/// The place of an own key: slot and value.
#[inline]
unsafe fn own(vm: &mut Vm, t: *mut Table, key: *mut Str) -> Option<(u32, Value)> {
    // SAFETY: the caller's table and interned key are live.
    unsafe {
        let shape = (*t).shape;
        if (*shape).hdr.flags & shapeflag::DICT == 0 {
            let slot = vm.shapes.slot_of(shape, key)?;
            return Some((slot, *(*t).fields.add(slot as usize)));
        }
        let slot = table::dict_slot(t, key)?;
        Some((slot, *table::dict_entry(t, slot, key)?))
    }
}

#[inline]
unsafe fn is_dict(t: *const Table) -> bool {
    // SAFETY: the caller's table is live.
    unsafe { (*(*t).shape).hdr.flags & shapeflag::DICT != 0 }
}

unsafe fn get_and_learn(
    vm: &mut Vm,
    slot: &mut FeedbackSlot,
    t: *mut Table,
    key: *mut Str,
) -> Lookup {
    // SAFETY: the caller's table and interned key are live.
    unsafe {
        if slot.ways == MEGA {
            slot.missed_mega();
        }
        let shape = (*t).shape;
        let meta = (*shape).meta;
        let nil_ok = if meta.is_null() { NIL_OK } else { 0 };
        let base = FieldCache {
            shape,
            epoch: vm.meta_epoch,
            flags: nil_ok,
            ..FieldCache::EMPTY
        };
        let dict = is_dict(t);
        let found = own(vm, t, key);
        if let Some((n, v)) = found {
            let state = if dict {
                CacheState::Dict
            } else {
                CacheState::Own
            };
            if !v.is_nil() || !dict {
                slot.learn(
                    FieldCache {
                        slot: n,
                        state,
                        ..base
                    },
                    vm.meta_epoch,
                );
            }
            if !v.is_nil() || meta.is_null() {
                return Lookup::Value(v);
            }
        }
        // A dictionary's shape doesn't say that the key is absent, nor does a
        // slot with nil.
        let cacheable =
            !dict && found.is_none() && slot.ways != MEGA && vm.meta_epoch != EPOCH_EXHAUSTED;
        if meta.is_null() {
            if cacheable {
                slot.learn(
                    FieldCache {
                        state: CacheState::Absent,
                        ..base
                    },
                    vm.meta_epoch,
                );
            }
            return Lookup::Value(NIL);
        }
        walk(vm, slot, Value::table(t), key, base, cacheable)
    }
}

/// Follows `__index` from `start`, which lacks `key`, over tables, and
/// teaches the slot if `cacheable`, completing `base`.
unsafe fn walk(
    vm: &mut Vm,
    slot: &mut FeedbackSlot,
    start: Value,
    key: *mut Str,
    base: FieldCache,
    cacheable: bool,
) -> Lookup {
    // SAFETY: the caller's values are live, and so is what they refer to.
    unsafe {
        let mut cur = start;
        for _ in 0..MAX_CHAIN {
            let h = metatable::metamethod(vm, cur, Event::Index);
            if h.is_nil() {
                if !cur.is_table() {
                    return Lookup::NotIndexable(cur);
                }
                if cacheable && base.state != CacheState::Prim {
                    slot.learn(
                        FieldCache {
                            state: CacheState::Absent,
                            ..base
                        },
                        vm.meta_epoch,
                    );
                }
                return Lookup::Value(NIL);
            }
            if h.is_function() {
                return Lookup::Call {
                    handler: h,
                    receiver: cur,
                };
            }
            if !h.is_table() {
                return index(vm, h, Value::str(key));
            }
            let holder = h.as_table();
            if let Some((n, v)) = own(vm, holder, key)
                && !v.is_nil()
            {
                if cacheable {
                    let dict = is_dict(holder);
                    let state = match (base.state, dict) {
                        (CacheState::Prim, false) => CacheState::Prim,
                        (CacheState::Prim, true) => return Lookup::Value(v),
                        (_, false) => CacheState::Holder,
                        (_, true) => CacheState::HolderDict,
                    };
                    slot.learn(
                        FieldCache {
                            holder,
                            holder_shape: (*holder).shape,
                            slot: n,
                            state,
                            ..base
                        },
                        vm.meta_epoch,
                    );
                }
                return Lookup::Value(v);
            }
            if cacheable {
                (*holder).hdr.flags |= tabflag::CHAIN;
            }
            cur = h;
        }
        Lookup::Loop
    }
}

/// Fields of values that have none of their own: methods of strings.
unsafe fn get_prim(vm: &mut Vm, slot: &mut FeedbackSlot, obj: Value, key: *mut Str) -> Lookup {
    // SAFETY: the caller's values are live; a type's metatable is kept by the
    // VM, so the holder is alive while the epoch stays.
    unsafe {
        for c in slot.caches() {
            if c.state == CacheState::Prim && c.flags == obj.tag && c.epoch == vm.meta_epoch {
                let holder = c.holder;
                if (*holder).shape == c.holder_shape {
                    let v = *(*holder).fields.add(c.slot as usize);
                    if !v.is_nil() {
                        return Lookup::Value(v);
                    }
                }
            }
        }
        if (*key).hdr.flags & strflag::INTERNED == 0 {
            return index(vm, obj, Value::str(key));
        }
        // The metatable of a userdata may die while the epoch stays.
        let cacheable =
            obj.tag != tag::USERDATA && slot.ways != MEGA && vm.meta_epoch != EPOCH_EXHAUSTED;
        let base = FieldCache {
            epoch: vm.meta_epoch,
            flags: obj.tag,
            state: CacheState::Prim,
            ..FieldCache::EMPTY
        };
        walk(vm, slot, obj, key, base, cacheable)
    }
}

/// `obj[key] = val` after [`try_set_field`] failed (or where `obj` is no
/// table): tries the other caches, stores and teaches the slot.
///
/// # Errors
/// Out of memory.
///
/// # Safety
/// `slot` is of kind `Field` and only used for `key`; all values are live.
#[inline(never)]
pub unsafe fn set_field_miss(
    vm: &mut Vm,
    slot: *mut FeedbackSlot,
    obj: Value,
    key: *mut Str,
    val: Value,
) -> Result<Store, SetError> {
    // SAFETY: as the caller says; extra caches belong to the same key.
    unsafe {
        (*slot).reach();
        if !obj.is_table() || (*key).hdr.flags & strflag::INTERNED == 0 {
            return set_index(vm, obj, Value::str(key), val);
        }
        let t = obj.as_table();
        for c in (*slot).others() {
            if c.shape == (*t).shape && set_by(&mut vm.heap, c, t, key, val, vm.meta_epoch) {
                return Ok(Store::Done);
            }
        }
        set_and_learn(vm, &mut *slot, t, key, val)
    }
}

unsafe fn set_and_learn(
    vm: &mut Vm,
    slot: &mut FeedbackSlot,
    t: *mut Table,
    key: *mut Str,
    val: Value,
) -> Result<Store, SetError> {
    // SAFETY: the caller's values are live.
    unsafe {
        if slot.ways == MEGA {
            slot.missed_mega();
        }
        let shape = (*t).shape;
        let handler = metatable::handler(vm, (*shape).meta, Event::NewIndex);
        let found = own(vm, t, key);
        let was_nil = found.is_none_or(|(_, v)| v.is_nil());
        if was_nil && !handler.is_nil() {
            if handler.is_function() {
                return Ok(Store::Call {
                    handler,
                    receiver: Value::table(t),
                });
            }
            return set_index(vm, handler, Value::str(key), val);
        }
        let learn = slot.ways != MEGA && (*key).hdr.flags & strflag::EVENT == 0;
        let stays = handler.is_nil() && vm.meta_epoch != EPOCH_EXHAUSTED;
        let epoch = if stays { vm.meta_epoch } else { NO_EPOCH };
        let base = FieldCache {
            shape,
            epoch,
            ..FieldCache::EMPTY
        };
        let dict = is_dict(t);
        let now = vm.meta_epoch;
        if found.is_none() && val.is_nil() {
            if learn && stays && !dict {
                learn_nil(slot, base, now);
            }
            return Ok(Store::Done);
        }
        // From here on the table itself is stored to.
        match found {
            Some((n, _)) => {
                table::set_field(vm, t, key, val)?;
                if learn && !dict {
                    let tags = (*table::introducer(shape, n)).field_tags;
                    slot.learn(
                        FieldCache {
                            slot: n,
                            tags,
                            state: CacheState::Own,
                            ..base
                        },
                        now,
                    );
                } else if learn {
                    slot.learn(
                        FieldCache {
                            slot: n,
                            tags: !0,
                            state: CacheState::Dict,
                            ..base
                        },
                        now,
                    );
                }
            }
            None if dict => table::set_field(vm, t, key, val)?,
            None => {
                table::add_field(vm, t, key, val, KeyMode::Constant)?;
                let next_shape = (*t).shape;
                if learn && stays && !is_dict(t) {
                    let n = (*next_shape).len - 1;
                    let tags = (*table::introducer(next_shape, n)).field_tags;
                    let absent = |c: &mut FieldCache| c.state == CacheState::Absent;
                    let flags = if slot.of_shape(shape).is_some_and(absent) {
                        NIL_TOO
                    } else {
                        0
                    };
                    slot.learn(
                        FieldCache {
                            slot: n,
                            tags,
                            flags,
                            next_shape,
                            state: CacheState::Add,
                            ..base
                        },
                        now,
                    );
                }
            }
        }
        Ok(Store::Done)
    }
}

/// Teaches the slot that nil was stored where the key isn't there; `base` says
/// to which shape.
fn learn_nil(slot: &mut FeedbackSlot, base: FieldCache, now: u32) {
    match slot.of_shape(base.shape) {
        Some(c) if c.state == CacheState::Add && c.epoch == now => c.flags |= NIL_TOO,
        _ => slot.learn(
            FieldCache {
                tags: 1 << tag::NIL,
                state: CacheState::Absent,
                ..base
            },
            now,
        ),
    }
}
