//! The array part: elements 1 ..= `arr_len` by position.
//!
//! - Kinds `Int` and `Float` hold raw payloads and no nil; `Mixed` has a tag
//!   byte per element, so that an array of booleans touches one byte each.
//! - **The last element is never nil and key `arr_len + 1` is never in the
//!   hash part** (with a value). So `arr_len` is a border, always, and `#t`
//!   needs no search. Removing the last element trims nils before it;
//!   appending pulls in the following keys from the hash part.
//! - Every key up to `arr_len` is in the array part and nowhere else.
//! - A short gap is filled with nils, a long one sends the key to the hash
//!   part, which is merged back when it pays (`census`).
//!
//! A kind is left for `Mixed` when a value of another tag or a hole comes.
//! `Mixed` is left again when the array grows or empties and all tags agree.

use super::census;
use super::hash;
use crate::error::OutOfMemory;
use crate::heap::Heap;
use crate::object::{ArrKind, Table};
use crate::state::Vm;
use crate::value::{NIL, Value, tag};
use std::ptr::null_mut;

/// Most elements of an array part.
pub(super) const MAX_ELEMENTS: usize = 1 << 31;
/// Nils that may be filled in to reach a key within the capacity.
const GAP: usize = 16;
/// Bytes beyond which arrays grow by half instead of doubling.
const BIG: usize = 1 << 20;
/// Arrays smaller than this are not checked for sparseness.
const SPARSE_MIN: usize = 16;

/// Bytes of the allocation.
pub(super) unsafe fn bytes(t: *const Table) -> usize {
    // SAFETY: the caller's table is live.
    unsafe { block_bytes((*t).arr_cap as usize, !(*t).arr_tags.is_null()) }
}

const fn block_bytes(cap: usize, tags: bool) -> usize {
    // Whole words, so that sizes are aligned.
    cap * 8 + if tags { (cap + 7) & !7 } else { 0 }
}

/// Element at position `at`, which must be below `arr_len`.
///
/// # Safety
/// `t` is a live table with more than `at` elements.
#[inline(always)]
pub unsafe fn element(t: *const Table, at: usize) -> Value {
    // SAFETY: positions below `arr_len` hold elements; `Mixed` has tags.
    unsafe {
        let payload = *(*t).arr.add(at);
        let tag = if (*t).arr_kind == ArrKind::Mixed {
            *(*t).arr_tags.add(at)
        } else {
            (*t).arr_kind as u8
        };
        Value { tag, payload }
    }
}

/// Overwrites position `at`, below `arr_len`; does the write barrier.
#[inline(always)]
pub(super) unsafe fn store(
    heap: &mut Heap,
    t: *mut Table,
    at: usize,
    v: Value,
) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live and has the position.
    unsafe {
        if (*t).arr_kind as u8 == v.tag {
            *(*t).arr.add(at) = v.payload;
            return Ok(());
        }
        if (*t).arr_kind == ArrKind::Mixed && !v.is_nil() {
            *(*t).arr.add(at) = v.payload;
            *(*t).arr_tags.add(at) = v.tag;
            heap.barrier_value(t.cast(), v);
            return Ok(());
        }
        store_slow(heap, t, at, v)
    }
}

#[cold]
#[inline(never)]
unsafe fn store_slow(
    heap: &mut Heap,
    t: *mut Table,
    at: usize,
    v: Value,
) -> Result<(), OutOfMemory> {
    // SAFETY: as for `store`.
    unsafe {
        if v.is_nil() && at + 1 == (*t).arr_len as usize {
            (*t).arr_len -= 1;
            trim(t);
            return Ok(());
        }
        to_mixed(heap, t)?;
        *(*t).arr.add(at) = v.payload;
        *(*t).arr_tags.add(at) = v.tag;
        heap.barrier_value(t.cast(), v);
        Ok(())
    }
}

/// Sets position `at`, below `arr_len`, to nil if that needs neither another
/// kind nor trimming; without calls. False: nothing was done.
#[inline(always)]
pub(super) unsafe fn probe_clear(t: *mut Table, at: usize) -> bool {
    // SAFETY: `t` is live and has the position; `Mixed` has tags.
    unsafe {
        let last = at + 1 == (*t).arr_len as usize;
        if (*t).arr_kind != ArrKind::Mixed {
            if last {
                (*t).arr_len = at as u32;
            }
            return last;
        }
        let tags = (*t).arr_tags;
        if *tags.add(at) == tag::NIL {
            // There may be a `__newindex`.
            return false;
        }
        if !last {
            *tags.add(at) = tag::NIL;
            return true;
        }
        if at > 0 && *tags.add(at - 1) == tag::NIL {
            return false;
        }
        (*t).arr_len = at as u32;
        true
    }
}

/// Drops nils at the end.
#[inline]
pub(super) unsafe fn trim(t: *mut Table) {
    // SAFETY: `t` is live; `Mixed` has tags for all elements.
    unsafe {
        if (*t).arr_kind != ArrKind::Mixed {
            return;
        }
        let mut n = (*t).arr_len as usize;
        while n > 0 && *(*t).arr_tags.add(n - 1) == tag::NIL {
            n -= 1;
        }
        (*t).arr_len = n as u32;
    }
}

/// Makes the kind `Mixed`.
pub(super) unsafe fn to_mixed(heap: &mut Heap, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; after `resize` there is a tag for each element.
    unsafe {
        if (*t).arr_kind == ArrKind::Mixed {
            return Ok(());
        }
        if (*t).arr_tags.is_null() && (*t).arr_cap > 0 {
            resize(heap, t, (*t).arr_cap as usize, true)?;
        }
        if (*t).arr_len > 0 {
            (*t).arr_tags
                .write_bytes((*t).arr_kind as u8, (*t).arr_len as usize);
        }
        (*t).arr_kind = ArrKind::Mixed;
        Ok(())
    }
}

/// The kind that all elements of a `Mixed` array agree on.
unsafe fn common_kind(t: *const Table) -> Option<ArrKind> {
    // SAFETY: `t` is live and `Mixed`: it has `arr_len` tags.
    unsafe {
        let n = (*t).arr_len as usize;
        if n == 0 {
            return None;
        }
        let tags = std::slice::from_raw_parts((*t).arr_tags, n);
        let kind = match tags[0] {
            tag::INT => ArrKind::Int,
            tag::FLOAT => ArrKind::Float,
            _ => return None,
        };
        tags.iter().all(|&x| x == kind as u8).then_some(kind)
    }
}

/// Leaves `Mixed` if all elements agree.
pub(super) unsafe fn specialise(t: *mut Table) {
    // SAFETY: `t` is live.
    unsafe {
        if (*t).arr_kind == ArrKind::Mixed
            && let Some(kind) = common_kind(t)
        {
            (*t).arr_kind = kind;
        }
    }
}

/// Changes the capacity (to at least `arr_len`) and whether there is room
/// for tags. Tags of elements in use are kept.
pub(super) unsafe fn resize(
    heap: &mut Heap,
    t: *mut Table,
    cap: usize,
    tags: bool,
) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; the block has `arr_cap` payloads and as many tags
    // if `arr_tags` is not null.
    unsafe {
        let len = (*t).arr_len as usize;
        let old_cap = (*t).arr_cap as usize;
        let had_tags = !(*t).arr_tags.is_null();
        if cap > MAX_ELEMENTS {
            return Err(OutOfMemory);
        }
        let (old, new) = (block_bytes(old_cap, had_tags), block_bytes(cap, tags));
        if cap < old_cap {
            // Shrinking: the tags lie beyond the new end, so copy.
            let arr = if cap == 0 {
                null_mut()
            } else {
                super::raw_array(heap, new)?.cast::<u64>()
            };
            let new_tags = if tags && cap > 0 {
                arr.add(cap).cast::<u8>()
            } else {
                null_mut()
            };
            if len > 0 {
                arr.copy_from_nonoverlapping((*t).arr, len);
                if had_tags && !new_tags.is_null() {
                    new_tags.copy_from_nonoverlapping((*t).arr_tags, len);
                }
            }
            heap.raw_free((*t).arr.cast(), old);
            (*t).arr = arr;
            (*t).arr_tags = new_tags;
            (*t).arr_cap = cap as u32;
            return Ok(());
        }
        if cap == old_cap && tags == had_tags {
            return Ok(());
        }
        let arr = if old == 0 {
            super::raw_array(heap, new)?
        } else {
            super::raw_resize(heap, (*t).arr.cast(), old, new)?
        }
        .cast::<u64>();
        let new_tags = if tags {
            arr.add(cap).cast::<u8>()
        } else {
            null_mut()
        };
        if tags && had_tags && len > 0 {
            // Upwards, and growth keeps the two places apart or in order.
            std::ptr::copy(arr.add(old_cap).cast::<u8>(), new_tags, len);
        }
        (*t).arr = arr;
        (*t).arr_tags = new_tags;
        (*t).arr_cap = cap as u32;
        Ok(())
    }
}

fn grown(cap: usize, hint: usize) -> usize {
    if cap == 0 {
        hint.max(4)
    } else if cap * 8 < BIG {
        cap * 2
    } else {
        cap + cap / 2
    }
}

/// Appends `v`, not nil, at key `arr_len + 1`; does the write barrier.
#[inline(always)]
pub(super) unsafe fn push(vm: &mut Vm, t: *mut Table, v: Value) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; positions below `arr_cap` may be written.
    unsafe {
        let n = (*t).arr_len;
        if n < (*t).arr_cap {
            if (*t).arr_kind as u8 == v.tag {
                *(*t).arr.add(n as usize) = v.payload;
                (*t).arr_len = n + 1;
                return follow(vm, t);
            }
            if (*t).arr_kind == ArrKind::Mixed && n > 0 {
                *(*t).arr.add(n as usize) = v.payload;
                *(*t).arr_tags.add(n as usize) = v.tag;
                (*t).arr_len = n + 1;
                vm.heap.barrier_value(t.cast(), v);
                return follow(vm, t);
            }
        }
        push_slow(vm, t, v)
    }
}

/// Pulls in the keys after the last element from the hash part.
#[inline(always)]
pub(super) unsafe fn follow(vm: &mut Vm, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live.
    unsafe {
        let h = (*t).hash;
        if h.is_null() || !(*h).has_ints {
            Ok(())
        } else {
            follow_slow(vm, t)
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn follow_slow(vm: &mut Vm, t: *mut Table) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live and has a hash part, which `push_raw` leaves alone.
    unsafe {
        loop {
            let h = (*t).hash;
            let e = hash::find_int(h, i64::from((*t).arr_len) + 1);
            if e.is_null() {
                return Ok(());
            }
            let v = (*e).val;
            if v.is_nil() {
                // Should the key come back, it will be in the array part.
                hash::kill(h, e);
                return Ok(());
            }
            push_raw(vm, t, v)?;
            hash::kill(h, e);
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn push_slow(vm: &mut Vm, t: *mut Table, v: Value) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live.
    unsafe {
        if (*t).arr_len == (*t).arr_cap && (*t).arr_cap as usize >= SPARSE_MIN && is_sparse(t) {
            let key = Value::int(i64::from((*t).arr_len) + 1);
            if !census::regroup(vm, t, key)? {
                return super::hash_append(vm, t, key, v);
            }
            // The array may have been cut below the key.
            return place(vm, t, key.as_int() as usize - 1, v);
        }
        push_raw(vm, t, v)?;
        follow(vm, t)
    }
}

unsafe fn is_sparse(t: *const Table) -> bool {
    // SAFETY: `t` is live; `Mixed` has tags for all elements.
    unsafe {
        if (*t).arr_kind != ArrKind::Mixed {
            return false;
        }
        let tags = std::slice::from_raw_parts((*t).arr_tags, (*t).arr_len as usize);
        tags.iter().filter(|&&x| x != tag::NIL).count() * 2 < tags.len()
    }
}

/// Appends without looking at the hash part.
unsafe fn push_raw(vm: &mut Vm, t: *mut Table, v: Value) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; it is grown before the write, and kind `Mixed`
    // with capacity has tags.
    unsafe {
        if (*t).arr_len == (*t).arr_cap {
            grow(vm, t, v)?;
        }
        let n = (*t).arr_len as usize;
        if n == 0 {
            let kind = match v.tag {
                tag::INT => ArrKind::Int,
                tag::FLOAT => ArrKind::Float,
                _ => ArrKind::Mixed,
            };
            if kind == ArrKind::Mixed && (*t).arr_tags.is_null() {
                resize(&mut vm.heap, t, (*t).arr_cap as usize, true)?;
            }
            (*t).arr_kind = kind;
        } else if (*t).arr_kind as u8 != v.tag && (*t).arr_kind != ArrKind::Mixed {
            to_mixed(&mut vm.heap, t)?;
            if let Some(site) = super::site::of(vm, t) {
                site.array_mixed();
            }
        }
        *(*t).arr.add(n) = v.payload;
        if (*t).arr_kind == ArrKind::Mixed {
            *(*t).arr_tags.add(n) = v.tag;
        }
        (*t).arr_len = n as u32 + 1;
        vm.heap.barrier_value(t.cast(), v);
        Ok(())
    }
}

/// Makes room for at least one more element, `v`.
unsafe fn grow(vm: &mut Vm, t: *mut Table, v: Value) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live.
    unsafe {
        let cap = (*t).arr_cap as usize;
        specialise(t);
        let kind = (*t).arr_kind;
        let hint = match super::site::of(vm, t) {
            Some(site) => {
                let expected = if cap == 0 { kind_for(v) } else { kind };
                site.array_grown(cap, expected)
            }
            None => super::site::ArrayHint::default(),
        };
        let cap = grown(cap, hint.cap);
        let tags = if (*t).arr_len == 0 {
            hint.mixed || kind_for(v) == ArrKind::Mixed
        } else {
            kind == ArrKind::Mixed || kind as u8 != v.tag
        };
        let had_tags = !(*t).arr_tags.is_null();
        resize(&mut vm.heap, t, cap, tags)?;
        if tags && !had_tags && kind != ArrKind::Mixed && (*t).arr_len > 0 {
            (*t).arr_tags.write_bytes(kind as u8, (*t).arr_len as usize);
        }
        Ok(())
    }
}

/// The kind of an array whose only element is `v`.
pub(super) fn kind_for(v: Value) -> ArrKind {
    match v.tag {
        tag::INT => ArrKind::Int,
        tag::FLOAT => ArrKind::Float,
        _ => ArrKind::Mixed,
    }
}

/// Whether a new key at position `at`, at or beyond `arr_len`, is better
/// reached by filling a gap than by the hash part.
#[inline]
pub(super) unsafe fn is_near(t: *const Table, at: u64) -> bool {
    // SAFETY: the caller's table is live.
    unsafe { at < u64::from((*t).arr_cap) && at - u64::from((*t).arr_len) <= GAP as u64 }
}

/// Stores `v`, not nil, at position `at`, filling the gap before it with
/// nils or with what the hash part has there.
pub(super) unsafe fn place(
    vm: &mut Vm,
    t: *mut Table,
    at: usize,
    v: Value,
) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; `resize` makes room for position `at`, and `Mixed`
    // has tags.
    unsafe {
        if at < (*t).arr_len as usize {
            return store(&mut vm.heap, t, at, v);
        }
        if at > (*t).arr_len as usize {
            to_mixed(&mut vm.heap, t)?;
            if at >= (*t).arr_cap as usize || (*t).arr_tags.is_null() {
                let cap = (*t).arr_cap as usize;
                resize(&mut vm.heap, t, cap.max(at + 1), true)?;
            }
            let h = (*t).hash;
            let look = !h.is_null() && (*h).has_ints;
            for i in (*t).arr_len as usize..at {
                let mut filler = NIL;
                if look {
                    let e = hash::find_int(h, i as i64 + 1);
                    if !e.is_null() {
                        filler = (*e).val;
                        hash::kill(h, e);
                    }
                }
                *(*t).arr.add(i) = filler.payload;
                *(*t).arr_tags.add(i) = filler.tag;
            }
            if look {
                vm.heap.barrier(t.cast());
            }
            (*t).arr_len = at as u32;
        }
        push_raw(vm, t, v)?;
        follow(vm, t)
    }
}

/// Makes room for `n` elements in all.
pub(super) unsafe fn reserve(heap: &mut Heap, t: *mut Table, n: usize) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live. An empty array gets room for tags, since its kind
    // is not known yet.
    unsafe {
        if n <= (*t).arr_cap as usize {
            return Ok(());
        }
        let tags = (*t).arr_len == 0 || (*t).arr_kind == ArrKind::Mixed;
        resize(heap, t, n, tags)
    }
}

/// Appends `vals` in order; the hash part must have no integer keys.
pub(super) unsafe fn extend(vm: &mut Vm, t: *mut Table, vals: &[Value]) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; room is made before writing.
    unsafe {
        let len = (*t).arr_len as usize;
        let need = len + vals.len();
        let mut kind = if len == 0 {
            kind_for(vals[0])
        } else {
            (*t).arr_kind
        };
        if kind != ArrKind::Mixed && vals.iter().any(|v| v.tag != kind as u8) {
            kind = ArrKind::Mixed;
        }
        if need > (*t).arr_cap as usize {
            if len > 0 && kind == ArrKind::Mixed {
                to_mixed(&mut vm.heap, t)?;
            }
            resize(&mut vm.heap, t, need, kind == ArrKind::Mixed)?;
        } else if kind == ArrKind::Mixed {
            if len > 0 {
                to_mixed(&mut vm.heap, t)?;
            } else if (*t).arr_tags.is_null() {
                resize(&mut vm.heap, t, (*t).arr_cap as usize, true)?;
            }
        }
        (*t).arr_kind = kind;
        let arr = (*t).arr.add(len);
        for (i, v) in vals.iter().enumerate() {
            *arr.add(i) = v.payload;
        }
        if kind == ArrKind::Mixed {
            let tags = (*t).arr_tags.add(len);
            for (i, v) in vals.iter().enumerate() {
                *tags.add(i) = v.tag;
            }
            vm.heap.barrier(t.cast());
        }
        (*t).arr_len = need as u32;
        trim(t);
        if let Some(site) = super::site::of(vm, t) {
            site.array_kind(kind);
        }
        Ok(())
    }
}

/// Cuts the array to `n` elements and its capacity with it. What lay beyond
/// must have been moved away.
pub(super) unsafe fn cut(heap: &mut Heap, t: *mut Table, n: usize) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live with at least `n` elements.
    unsafe {
        (*t).arr_len = n as u32;
        trim(t);
        if (*t).arr_len == 0 && n == 0 {
            let size = bytes(t);
            if size > 0 {
                heap.raw_free((*t).arr.cast(), size);
            }
            (*t).arr = null_mut();
            (*t).arr_tags = null_mut();
            (*t).arr_cap = 0;
            (*t).arr_kind = ArrKind::Mixed;
            return Ok(());
        }
        resize(heap, t, n, !(*t).arr_tags.is_null())
    }
}
