//! String keys: fields by shape, or entries of a dictionary.
//!
//! Field values lie in the table's inline area until it is outgrown, then in
//! an accounted array that doubles. A store to an existing field writes one
//! slot; a new key leads along a transition of the shape. A table whose shape
//! can't have the key becomes a *dictionary*: its fields move to the hash
//! part, in order, before what was there.

use super::shape::{self, KeyMode, MAX_FIELDS};
use super::{SetError, field_slot};
use super::{hash, hash_insert, hash_store, set_hash};
use crate::error::OutOfMemory;
use crate::heap::Heap;
use crate::object::{Str, Table, shapeflag, strflag, tabflag};
use crate::state::Vm;
use crate::value::{NIL, Value, tag};

/// Where the inline fields of a table are.
#[inline(always)]
pub(super) fn inline_area(t: *mut Table) -> *mut Value {
    t.wrapping_add(1).cast()
}

/// Bytes of the array of fields, 0 while they are inline.
pub(super) unsafe fn bytes(t: *const Table) -> usize {
    // SAFETY: the caller's table is intact.
    unsafe {
        if (*t).fields == inline_area(t.cast_mut()) {
            0
        } else {
            (*t).field_cap as usize * size_of::<Value>()
        }
    }
}

/// Frees the array of fields, if there is one; the table has none afterwards.
///
/// # Safety
/// `t` is a table whose fields are not used any more.
pub unsafe fn free_fields(heap: &mut Heap, t: *mut Table) {
    // SAFETY: `bytes` is the size of the allocation.
    unsafe {
        let size = bytes(t);
        if size > 0 {
            heap.raw_free((*t).fields.cast(), size);
            (*t).fields = inline_area(t);
            (*t).field_cap = u16::from((*t).inline_cap);
        }
    }
}

/// Stores at a string key computed at run time (dictionary-like use).
///
/// # Errors
/// Out of memory.
///
/// # Safety
/// `t` is a live table of `vm`, `key` a live string, `val` a live value.
pub unsafe fn set_str(
    vm: &mut Vm,
    t: *mut Table,
    key: *mut Str,
    val: Value,
) -> Result<(), SetError> {
    // SAFETY: passed on to the caller.
    unsafe { store(vm, t, key, val, KeyMode::Dynamic) }
}

/// Stores at a string key that is a constant of the source or a name the
/// host registers (record-like use).
///
/// # Errors
/// Out of memory.
///
/// # Safety
/// `t` is a live table of `vm`, `key` a live string, `val` a live value.
pub unsafe fn set_field(
    vm: &mut Vm,
    t: *mut Table,
    key: *mut Str,
    val: Value,
) -> Result<(), SetError> {
    // SAFETY: passed on to the caller.
    unsafe { store(vm, t, key, val, KeyMode::Constant) }
}

unsafe fn store(
    vm: &mut Vm,
    t: *mut Table,
    key: *mut Str,
    val: Value,
    mode: KeyMode,
) -> Result<(), SetError> {
    // SAFETY: all are live by contract; a slot found is below the shape's
    // length, and tables have that many fields.
    unsafe {
        if (*key).hdr.flags & strflag::INTERNED == 0 {
            return set_hash(vm, t, Value::str(key), val);
        }
        let shape = (*t).shape;
        if (*shape).hdr.flags & shapeflag::DICT != 0 {
            return store_dict(vm, t, key, val);
        }
        let Some(slot) = field_slot(shape, key) else {
            return if val.is_nil() {
                Ok(())
            } else {
                add_field(vm, t, key, val, mode)
            };
        };
        let place = (*t).fields.add(slot as usize);
        let old = *place;
        *place = val;
        vm.heap.barrier_value(t.cast(), val);
        shape::note_store(vm, shape::introducer(shape, slot), val.tag);
        note_write(vm, t, key, old, val);
        Ok(())
    }
}

unsafe fn store_dict(
    vm: &mut Vm,
    t: *mut Table,
    key: *mut Str,
    val: Value,
) -> Result<(), SetError> {
    // SAFETY: `t`, `key` and `val` are live.
    unsafe {
        let h = (*t).hash;
        let found = (!h.is_null()).then(|| hash::locate_interned(h, key));
        let old = hash_store(vm, t, found, Value::str(key), val)?;
        note_write(vm, t, key, old, val);
        Ok(())
    }
}

/// Adds a field that the shape of `t` (no dictionary) does not have.
///
/// # Safety
/// `t` is a live table of `vm`, `key` a live interned string, `val` a live
/// value other than nil.
#[inline(never)]
pub(crate) unsafe fn add_field(
    vm: &mut Vm,
    t: *mut Table,
    key: *mut Str,
    val: Value,
    mode: KeyMode,
) -> Result<(), SetError> {
    // SAFETY: live by contract; the fields are grown before the new shape
    // says that there is one more.
    unsafe {
        let Some(child) = vm
            .shapes
            .transition_field(&mut vm.heap, (*t).shape, key, mode)
        else {
            to_dict(vm, t)?;
            hash_insert(vm, t, Value::str(key), val)?;
            note_write(vm, t, key, NIL, val);
            return Ok(());
        };
        let slot = (*child).len - 1;
        if slot >= u32::from((*t).field_cap) {
            grow(vm, t)?;
        }
        *(*t).fields.add(slot as usize) = val;
        (*t).shape = child;
        vm.heap.barrier(t.cast());
        shape::note_add(vm, shape::introducer(child, slot), val.tag);
        note_write(vm, t, key, NIL, val);
        Ok(())
    }
}

/// Makes room for more fields.
unsafe fn grow(vm: &mut Vm, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live and has `shape.len` fields, all of which fit in the
    // new, larger array.
    unsafe {
        let used = (*(*t).shape).len as usize;
        let cap = (used * 2).clamp(4, MAX_FIELDS as usize);
        let new = super::raw_array(&mut vm.heap, cap * size_of::<Value>())?.cast::<Value>();
        new.copy_from_nonoverlapping((*t).fields, used);
        free_fields(&mut vm.heap, t);
        (*t).fields = new;
        (*t).field_cap = cap as u16;
        if let Some(site) = super::site::of(vm, t) {
            site.fields_grown(used + 1);
        }
        Ok(())
    }
}

/// Makes `t` a dictionary.
///
/// # Safety
/// `t` is a live table of `vm` that is not a dictionary.
pub(crate) unsafe fn to_dict(vm: &mut Vm, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; the new hash part has room for all entries.
    unsafe {
        let shape = (*t).shape;
        let old = (*t).hash;
        let live = if old.is_null() {
            0
        } else {
            (*old).live as usize
        };
        let new = hash::create(
            &mut vm.heap,
            hash::capacity_for((*shape).len as usize + live + 1),
        )?;
        for slot in 0..(*shape).len {
            let v = *(*t).fields.add(slot as usize);
            if v.tag != tag::NIL {
                hash::append(new, Value::str(shape::field_key(shape, slot)), v);
            }
        }
        if !old.is_null() {
            for i in 0..(*old).len as usize {
                let e = *(*old).entries.add(i);
                if !e.val.is_nil() {
                    hash::append(new, e.key, e.val);
                }
            }
            hash::free(&mut vm.heap, old);
        }
        let dict = vm.shapes.dict_for(&mut vm.heap, (*shape).meta);
        (*t).hash = new;
        (*t).shape = dict;
        free_fields(&mut vm.heap, t);
        vm.heap.barrier(t.cast());
        Ok(())
    }
}

/// To be called after each store of `val` over `old` at an interned string
/// key: invalidates what inline caches and metatables remember about `t`.
///
/// # Safety
/// `t` is a live table of `vm`, `key` a live string.
#[inline(always)]
pub(crate) unsafe fn note_write(vm: &mut Vm, t: *mut Table, key: *mut Str, old: Value, val: Value) {
    // SAFETY: live by contract.
    unsafe {
        if (*t).hdr.flags & (tabflag::METATABLE | tabflag::CHAIN) != 0 {
            note_write_slow(vm, t, key, old, val);
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn note_write_slow(vm: &mut Vm, t: *mut Table, key: *mut Str, old: Value, val: Value) {
    // SAFETY: as for `note_write`.
    unsafe {
        // `self.__index = self` in every constructor call changes nothing.
        if old.tag == val.tag && old.payload == val.payload {
            return;
        }
        if (*t).hdr.flags & tabflag::METATABLE != 0 && (*key).hdr.flags & strflag::EVENT != 0 {
            (*t).absent = 0;
            crate::metatable::bump_epoch(vm);
        } else if (*t).hdr.flags & tabflag::CHAIN != 0 && old.is_nil() {
            crate::metatable::bump_epoch(vm);
        }
    }
}
