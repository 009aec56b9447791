//! Tables: raw access, without metamethods.
//!
//! ```text
//!            ┌ array part   keys 1 ..= arr_len, by element kind   (array)
//!  Table ────┼ fields       interned string keys, by shape        (fields, shape)
//!            └ hash part    everything else, in insertion order   (hash)
//! ```
//!
//! A key lives in exactly one part. Interned strings are fields unless the
//! table's shape says *dictionary*, then they are in the hash part; longer
//! strings always are. Which integers belong in the array part is decided
//! when the hash part is full (`census`). Iteration visits array, fields,
//! hash part ([`next`](fn@next)); assigning nil never moves anything, so clearing
//! while iterating is safe.
//!
//! Reads never allocate. Writes may, but never collect and never run Lua;
//! they do the write barrier, record what the shape says about fields, and
//! bump the VM's metatable epoch when an inline cache might care.

mod array;
mod census;
mod edges;
mod fields;
mod hash;
mod next;
mod path;
mod probe;
mod shape;
pub mod site;

pub use array::element;
pub use fields::{free_fields, set_field, set_str};
pub use hash::DEAD_KEY;
pub use next::{Cursor, InvalidKey, next, next_at};
pub use probe::{probe_int, probe_set_int, probe_str, probe_str_place};
pub use shape::{
    GeneraliseHook, KeyMode, MAX_DYNAMIC_FIELDS, MAX_FIELDS, ShapeTable, field_key, field_slot,
    introducer, note_add, note_cleared, note_store, path_bytes, shape_bytes, shape_died, tag_names,
};
pub use site::{Site, add_site, new_table_at};

pub(crate) use fields::{add_field, to_dict};

use crate::error::OutOfMemory;
use crate::heap::Heap;
use crate::object::{HashEntry, Str, Table, shapeflag, strflag};
use crate::state::Vm;
use crate::value::{NIL, Value, float_to_int, tag};

/// Why a raw store failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetError {
    /// The key is nil.
    #[error("table index is nil")]
    NilKey,
    /// The key is NaN.
    #[error("table index is NaN")]
    NanKey,
    /// The table can't grow.
    #[error("not enough memory")]
    OutOfMemory,
}

impl From<OutOfMemory> for SetError {
    fn from(_: OutOfMemory) -> SetError {
        SetError::OutOfMemory
    }
}

/// From this size on an allocation may fail softly; smaller ones may
/// overshoot the limit, and the next poll raises the error.
const CHECKED: usize = 64 << 10;

fn raw_array(heap: &mut Heap, bytes: usize) -> Result<*mut u8, OutOfMemory> {
    if bytes >= CHECKED {
        heap.try_raw_alloc(bytes)
    } else {
        Ok(heap.raw_alloc(bytes))
    }
}

unsafe fn raw_resize(
    heap: &mut Heap,
    p: *mut u8,
    old: usize,
    new: usize,
) -> Result<*mut u8, OutOfMemory> {
    // SAFETY: the caller's block has `old` bytes.
    unsafe {
        if new >= CHECKED {
            heap.try_raw_realloc(p, old, new)
        } else {
            Ok(heap.raw_realloc(p, old, new))
        }
    }
}

// ---- reading

/// The value of `key`, which may be any value.
///
/// # Safety
/// `t` is a live table, `key` a live value.
pub unsafe fn get(t: *const Table, key: Value) -> Value {
    // SAFETY: passed on to the caller.
    unsafe {
        match key.tag {
            tag::STR => get_str(t, key.as_str()),
            tag::INT => get_int(t, key.as_int()),
            tag::NIL => NIL,
            tag::FLOAT => match float_to_int(key.as_float()) {
                Some(i) => get_int(t, i),
                None => get_hash(t, key),
            },
            _ => get_hash(t, key),
        }
    }
}

/// The value of an integer key.
///
/// # Safety
/// `t` is a live table.
#[inline(always)]
pub unsafe fn get_int(t: *const Table, i: i64) -> Value {
    // SAFETY: `t` is live by contract, positions below `arr_len` have elements.
    unsafe {
        let at = (i as u64).wrapping_sub(1);
        if at < u64::from((*t).arr_len) {
            element(t, at as usize)
        } else {
            get_int_hash(t, i)
        }
    }
}

#[inline(never)]
unsafe fn get_int_hash(t: *const Table, i: i64) -> Value {
    // SAFETY: the caller's table is live.
    unsafe {
        let h = (*t).hash;
        if h.is_null() {
            NIL
        } else {
            hash::value_of(hash::find_int(h, i))
        }
    }
}

/// The value of a string key.
///
/// # Safety
/// `t` is a live table, `key` a live string.
#[inline]
pub unsafe fn get_str(t: *const Table, key: *mut Str) -> Value {
    // SAFETY: live by contract; a slot found is below the shape's length, and
    // tables have that many fields.
    unsafe {
        if (*key).hdr.flags & strflag::INTERNED == 0 {
            return get_hash(t, Value::str(key));
        }
        let shape = (*t).shape;
        if (*shape).hdr.flags & shapeflag::DICT == 0 {
            return match field_slot(shape, key) {
                Some(slot) => *(*t).fields.add(slot as usize),
                None => NIL,
            };
        }
        get_dict(t, key)
    }
}

/// The value of an interned string in a dictionary.
unsafe fn get_dict(t: *const Table, key: *const Str) -> Value {
    // SAFETY: the caller's table and key are live.
    unsafe {
        let h = (*t).hash;
        if h.is_null() {
            NIL
        } else {
            hash::value_of(hash::find_interned(h, key))
        }
    }
}

/// Like [`get_str`], through the look-up cache shared by all megamorphic
/// sites.
///
/// # Safety
/// `t` is a live table of the VM, `key` a live interned string.
#[inline]
pub unsafe fn get_cached(shapes: &mut ShapeTable, t: *const Table, key: *const Str) -> Value {
    // SAFETY: as for `get_str`.
    unsafe {
        let shape = (*t).shape;
        if (*shape).hdr.flags & shapeflag::DICT != 0 {
            return get_dict(t, key);
        }
        match shapes.slot_of(shape, key) {
            Some(slot) => *(*t).fields.add(slot as usize),
            None => NIL,
        }
    }
}

#[inline(never)]
unsafe fn get_hash(t: *const Table, key: Value) -> Value {
    // SAFETY: the caller's table and key are live.
    unsafe {
        let h = (*t).hash;
        if h.is_null() {
            NIL
        } else {
            hash::value_of(hash::find(h, key))
        }
    }
}

/// A border of the table (`#t` without metamethods), in constant time.
///
/// # Safety
/// `t` is a live table.
#[inline(always)]
pub unsafe fn len(t: *const Table) -> i64 {
    // SAFETY: `t` is live by contract.
    unsafe { i64::from((*t).arr_len) }
}

/// Entry `n` of the hash part if its key is the interned string `key`:
/// what inline caches of dictionaries ask.
///
/// # Safety
/// `t` is a live table.
#[inline(always)]
pub unsafe fn dict_entry(t: *const Table, n: u32, key: *const Str) -> Option<*mut Value> {
    // SAFETY: `t` is live; entries below `len` are initialised.
    unsafe {
        let h = (*t).hash;
        if h.is_null() || n >= (*h).len {
            return None;
        }
        let e = (*h).entries.add(n as usize);
        ((*e).key.payload == key as u64 && (*e).key.tag == tag::STR).then_some(&raw mut (*e).val)
    }
}

/// The entry number for [`dict_entry`] of an interned string.
///
/// # Safety
/// `t` is a live table, `key` a live interned string.
pub unsafe fn dict_slot(t: *const Table, key: *const Str) -> Option<u32> {
    // SAFETY: live by contract.
    unsafe {
        let h = (*t).hash;
        if h.is_null() {
            return None;
        }
        let e = hash::find_interned(h, key);
        (!e.is_null()).then(|| hash::entry_index(h, e))
    }
}

/// Where the hash part has the value of an integer key, unless that is nil.
///
/// # Safety
/// `t` is a live table.
pub unsafe fn int_entry(t: *const Table, key: i64) -> Option<*mut Value> {
    // SAFETY: live by contract.
    unsafe {
        let h = (*t).hash;
        if h.is_null() {
            return None;
        }
        let e = hash::find_int(h, key);
        (!e.is_null() && !(*e).val.is_nil()).then(|| &raw mut (*e).val)
    }
}

// ---- writing

/// Stores `val` at any key.
///
/// # Errors
/// The key is nil or NaN; out of memory.
///
/// # Safety
/// `t` is a live table of `vm`, `key` and `val` live values.
pub unsafe fn set(vm: &mut Vm, t: *mut Table, key: Value, val: Value) -> Result<(), SetError> {
    // SAFETY: passed on to the caller.
    unsafe {
        match key.tag {
            tag::STR => set_str(vm, t, key.as_str(), val),
            tag::INT => set_int(vm, t, key.as_int(), val),
            tag::NIL => Err(SetError::NilKey),
            tag::FLOAT => {
                let f = key.as_float();
                match float_to_int(f) {
                    Some(i) => set_int(vm, t, i, val),
                    None if f.is_nan() => Err(SetError::NanKey),
                    None => set_hash(vm, t, key, val),
                }
            }
            _ => set_hash(vm, t, key, val),
        }
    }
}

/// Stores `val` at an integer key.
///
/// # Errors
/// Out of memory.
///
/// # Safety
/// `t` is a live table of `vm`, `val` a live value.
#[inline]
pub unsafe fn set_int(vm: &mut Vm, t: *mut Table, i: i64, val: Value) -> Result<(), SetError> {
    // SAFETY: `t` is live by contract.
    unsafe {
        let at = (i as u64).wrapping_sub(1);
        let len = u64::from((*t).arr_len);
        if at < len {
            return Ok(array::store(&mut vm.heap, t, at as usize, val)?);
        }
        if at == len && !val.is_nil() {
            return Ok(array::push(vm, t, val)?);
        }
        set_int_far(vm, t, i, val)
    }
}

#[inline(never)]
unsafe fn set_int_far(vm: &mut Vm, t: *mut Table, i: i64, val: Value) -> Result<(), SetError> {
    // SAFETY: `t` is live; key `i` is not in the array part.
    unsafe {
        let h = (*t).hash;
        let at = (i as u64).wrapping_sub(1);
        if !h.is_null() {
            match hash::locate_int(h, i) {
                Ok(e) => {
                    hash::put(h, e, val);
                    vm.heap.barrier_value(t.cast(), val);
                    return Ok(());
                }
                Err(spot) if !val.is_nil() && hash::has_room(h) && !array::is_near(t, at) => {
                    hash::append_at(h, spot, Value::int(i), val);
                    vm.heap.barrier_value(t.cast(), val);
                    return Ok(());
                }
                Err(_) => {}
            }
        }
        if val.is_nil() {
            return Ok(());
        }
        if array::is_near(t, at) || census::regroup(vm, t, Value::int(i))? {
            return Ok(array::place(vm, t, at as usize, val)?);
        }
        Ok(hash_append(vm, t, Value::int(i), val)?)
    }
}

/// Appends `val` after the last element: `t[#t + 1] = val`.
///
/// # Errors
/// Out of memory.
///
/// # Safety
/// `t` is a live table of `vm`, `val` a live value.
#[inline]
pub unsafe fn append(vm: &mut Vm, t: *mut Table, val: Value) -> Result<(), SetError> {
    // SAFETY: `t` is live by contract.
    unsafe {
        if val.is_nil() {
            Ok(())
        } else {
            Ok(array::push(vm, t, val)?)
        }
    }
}

/// Appends an entry to the hash part, which has room, and does the barrier.
unsafe fn hash_append(
    vm: &mut Vm,
    t: *mut Table,
    key: Value,
    val: Value,
) -> Result<(), OutOfMemory> {
    // SAFETY: the caller made room.
    unsafe {
        hash::append((*t).hash, key, val);
        vm.heap.barrier_value(t.cast(), key);
        vm.heap.barrier_value(t.cast(), val);
        Ok(())
    }
}

/// Adds a key that is not an integer and not in the hash part.
#[cold]
#[inline(never)]
unsafe fn hash_insert(
    vm: &mut Vm,
    t: *mut Table,
    key: Value,
    val: Value,
) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; `regroup` makes room.
    unsafe {
        if !hash::has_room((*t).hash) {
            census::regroup(vm, t, key)?;
        }
        hash_append(vm, t, key, val)
    }
}

/// Stores at a key that belongs in the hash part and was looked for there:
/// `found` is its entry or where it goes (`None` without hash part). Returns
/// what was there before.
#[inline(always)]
unsafe fn hash_store(
    vm: &mut Vm,
    t: *mut Table,
    found: Option<Result<*mut HashEntry, hash::Spot>>,
    key: Value,
    val: Value,
) -> Result<Value, OutOfMemory> {
    // SAFETY: `t` and the values are live; `found` is up to date.
    unsafe {
        let h = (*t).hash;
        match found {
            Some(Ok(e)) => {
                let old = (*e).val;
                hash::put(h, e, val);
                vm.heap.barrier_value(t.cast(), val);
                if old.is_nil() {
                    // The collector passes deleted keys over; and this one may be another
                    // object than `key`: an equal string, or what lay at its address.
                    vm.heap.barrier_value(t.cast(), (*e).key);
                }
                return Ok(old);
            }
            _ if val.is_nil() => {}
            Some(Err(spot)) if hash::has_room(h) => {
                hash::append_at(h, spot, key, val);
                vm.heap.barrier_value(t.cast(), key);
                vm.heap.barrier_value(t.cast(), val);
            }
            _ => hash_insert(vm, t, key, val)?,
        }
        Ok(NIL)
    }
}

/// Stores at a key that belongs in the hash part whatever the shape.
#[inline(never)]
unsafe fn set_hash(vm: &mut Vm, t: *mut Table, key: Value, val: Value) -> Result<(), SetError> {
    // SAFETY: `t` and the values are live.
    unsafe {
        let h = (*t).hash;
        let found = (!h.is_null()).then(|| hash::locate(h, key));
        hash_store(vm, t, found, key, val)?;
        Ok(())
    }
}

/// Stores `vals` at keys `first`, `first + 1`, … (a constructor's list).
///
/// # Errors
/// Out of memory.
///
/// # Safety
/// `t` is a live table of `vm`, `vals` live values.
pub unsafe fn set_list(
    vm: &mut Vm,
    t: *mut Table,
    first: i64,
    vals: &[Value],
) -> Result<(), SetError> {
    // SAFETY: `t` is live by contract.
    unsafe {
        if vals.is_empty() {
            return Ok(());
        }
        let h = (*t).hash;
        if first == len(t) + 1 && (h.is_null() || !(*h).has_ints) {
            return Ok(array::extend(vm, t, vals)?);
        }
        for (i, v) in vals.iter().enumerate() {
            set_int(vm, t, first.wrapping_add(i as i64), *v)?;
        }
        Ok(())
    }
}

/// Makes room for `elements` in the array part and `entries` in the hash part.
///
/// # Errors
/// Out of memory.
///
/// # Safety
/// `t` is a live table of `vm`.
pub unsafe fn reserve(
    vm: &mut Vm,
    t: *mut Table,
    elements: usize,
    entries: usize,
) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live by contract.
    unsafe {
        array::reserve(&mut vm.heap, t, elements)?;
        let h = (*t).hash;
        let free = if h.is_null() {
            0
        } else {
            ((*h).cap - (*h).len) as usize
        };
        if entries > free {
            let live = if h.is_null() { 0 } else { (*h).live as usize };
            hash::rebuild(&mut vm.heap, t, live.saturating_add(entries))?;
        }
        Ok(())
    }
}

// ---- for the heap

/// Bytes of a table's parts, beyond the cell: fields, array, hash part.
///
/// # Safety
/// `t` is a table whose parts are intact.
pub unsafe fn part_bytes(t: *const Table) -> usize {
    // SAFETY: the caller's table is intact.
    unsafe { fields::bytes(t) + array::bytes(t) + hash::bytes(t) }
}

/// Frees a table's parts.
///
/// # Safety
/// `t` is a dead table whose parts are intact and not used afterwards.
pub unsafe fn free_parts(heap: &mut Heap, t: *mut Table) {
    // SAFETY: the caller's table is dead; each part is freed once.
    unsafe {
        free_fields(heap, t);
        let size = array::bytes(t);
        if size > 0 {
            heap.raw_free((*t).arr.cast(), size);
            (*t).arr_cap = 0;
            (*t).arr_tags = std::ptr::null_mut();
        }
        if !(*t).hash.is_null() {
            hash::free(heap, (*t).hash);
            (*t).hash = std::ptr::null_mut();
        }
    }
}

#[cfg(test)]
mod gc_tests;
#[cfg(test)]
pub(crate) mod tests;
