//! The hash part: dense entries in order of insertion, and an open-addressed
//! index over them.
//!
//! ```text
//!  index    0  3  0  1  0  0  2  4       entry number + 1 at the key's place
//!           (2·cap places or more)       or after it; 0 is empty
//!  entries  k0 k1 k2 k3 -- --            len = 4, cap = 6
//!           v0 v1 nil v3                 live = 3: k2 was deleted
//! ```
//!
//! The low bits of a hash choose the place; the high bits are kept beside
//! the entry number, which needs the low bits only, so that probing touches
//! hardly any entry but the right one.
//!
//! Iteration follows the entries, so its order depends on insertions only,
//! not on hashes or addresses. A deleted entry keeps its key (so that `next`
//! finds its way) until the part is rebuilt, which happens only when a new
//! key doesn't fit. At most half of the index is taken, so probing ends.
//!
//! A key whose place is taken goes on by a stride: to the next place, but
//! integers to the next group of eight and one further ([`INT_STRIDE`]), since
//! after a collision of two groups all the following places are taken, too.
//! Strides are odd, so that they come to every place.
//!
//! Hashes mix in a secret of the VM: strings have their seeded hash, numbers
//! and addresses are multiplied by it. Keys are normalised by the caller: no
//! nil, no NaN, no float with an integer value.

use crate::error::OutOfMemory;
use crate::heap::Heap;
use crate::object::{HashEntry, HashPart, Str, Table, strflag};
use crate::value::{NIL, Value, tag};
use std::ptr::null_mut;

/// Tag of the key of a deleted entry whose key object has died or whose key
/// moved to the array part: equal to no key of a program. Its payload means
/// nothing.
pub const DEAD_KEY: u8 = 6;

/// Most entries of a hash part.
const MAX_ENTRIES: usize = 1 << 30;
/// From place to place while probing for an integer key.
const INT_STRIDE: u32 = 9;
const MULTIPLIER: u64 = 0xd6e8_feb8_6659_fd93;

/// Hash of a number, a boolean or an address: one multiplication by a secret,
/// both halves of whose result are used.
#[inline(always)]
fn mix(word: u64, seed: u64) -> u32 {
    let factor = seed.rotate_left(32) ^ MULTIPLIER | 1;
    let x = u128::from(word ^ seed) * u128::from(factor);
    (((x >> 64) as u64 ^ x as u64) >> 32) as u32
}

/// Hash of an integer key: eight neighbours fill eight places in a row, so
/// that dense keys share cache lines and don't collide within their group;
/// the groups are scattered. The high bits tell the members of a group apart.
#[inline(always)]
fn hash_int(key: u64, seed: u64) -> u32 {
    let member = key as u32 & 7;
    mix(key >> 3, seed) ^ member ^ member << 29
}

/// Hash of a string.
#[inline(always)]
unsafe fn hash_str(s: *mut Str) -> u32 {
    // SAFETY: the caller's string is live; `HASHED` says that `aux` is its hash.
    unsafe {
        if (*s).hdr.flags & strflag::HASHED != 0 {
            (*s).hdr.aux
        } else {
            Str::hash(s)
        }
    }
}

#[inline]
unsafe fn hash_of(h: *const HashPart, key: Value) -> u32 {
    // SAFETY: the caller's part and key are live.
    unsafe {
        match key.tag {
            tag::STR => hash_str(key.as_str()),
            tag::INT => hash_int(key.payload, (*h).seed),
            tag::FALSE | tag::TRUE => mix(u64::from(key.tag), (*h).seed),
            // Floats get another seed: their bits are often those of an address.
            tag::FLOAT => mix(key.payload, (*h).seed.rotate_left(17)),
            _ => mix(key.payload, (*h).seed),
        }
    }
}

/// From place to place while probing for `key`.
fn stride_of(key: Value) -> u32 {
    if key.tag == tag::INT { INT_STRIDE } else { 1 }
}

/// Bytes of the allocation for entries and index.
fn block_bytes(cap: u32, mask: u32) -> usize {
    cap as usize * size_of::<HashEntry>() + (mask as usize + 1) * size_of::<u32>()
}

/// Bytes of a table's hash part.
pub(super) unsafe fn bytes(t: *const Table) -> usize {
    // SAFETY: the caller's table is live.
    unsafe {
        let h = (*t).hash;
        if h.is_null() {
            0
        } else {
            size_of::<HashPart>() + block_bytes((*h).cap, (*h).index_mask)
        }
    }
}

/// A hash part for `cap` entries.
pub(super) fn create(heap: &mut Heap, cap: usize) -> Result<*mut HashPart, OutOfMemory> {
    if cap > MAX_ENTRIES {
        return Err(OutOfMemory);
    }
    let cap = cap.max(1) as u32;
    let mask = (cap * 2).next_power_of_two() - 1;
    let size = block_bytes(cap, mask);
    let entries = super::raw_array(heap, size)?.cast::<HashEntry>();
    let h = heap.raw_alloc(size_of::<HashPart>()).cast::<HashPart>();
    // SAFETY: both were just allocated with the sizes used here.
    unsafe {
        let index = entries.add(cap as usize).cast::<u32>();
        index.write_bytes(0, mask as usize + 1);
        h.write(HashPart {
            entries,
            len: 0,
            cap,
            index,
            index_mask: mask,
            live: 0,
            has_ints: false,
            seed: heap.seed(),
        });
    }
    Ok(h)
}

/// Frees a hash part.
pub(super) unsafe fn free(heap: &mut Heap, h: *mut HashPart) {
    // SAFETY: the caller's part is live and not used afterwards.
    unsafe {
        heap.raw_free((*h).entries.cast(), block_bytes((*h).cap, (*h).index_mask));
        heap.raw_free(h.cast(), size_of::<HashPart>());
    }
}

/// Where a key that is not in the hash part goes in its index.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    hash: u32,
    at: u32,
}

/// The first entry that `is_it` accepts among those whose hash agrees, or
/// where a new one goes.
#[inline(always)]
unsafe fn probe(
    h: *const HashPart,
    hash: u32,
    stride: u32,
    is_it: impl Fn(*const HashEntry) -> bool,
) -> Result<*mut HashEntry, Spot> {
    // SAFETY: the caller's part is live; its index holds entry numbers + 1
    // (below or at `len`) in the bits of the mask, and has empty places.
    unsafe {
        let mask = (*h).index_mask;
        let mut at = hash & mask;
        loop {
            let word = *(*h).index.add(at as usize);
            if word == 0 {
                return Err(Spot { hash, at });
            }
            if (word ^ hash) & !mask == 0 {
                let e = (*h).entries.add((word & mask) as usize - 1);
                if is_it(e) {
                    return Ok(e);
                }
            }
            at = at.wrapping_add(stride) & mask;
        }
    }
}

/// The entry of an interned string, or where it goes.
#[inline(always)]
pub(super) unsafe fn locate_interned(
    h: *const HashPart,
    key: *const Str,
) -> Result<*mut HashEntry, Spot> {
    // SAFETY: the caller's part and key are live; interned strings are
    // hashed; `probe` hands out entries in use.
    unsafe {
        probe(h, (*key).hdr.aux, 1, |e| {
            (*e).key.payload == key as u64 && (*e).key.tag == tag::STR
        })
    }
}

/// The entry of an integer, or where it goes.
#[inline(always)]
pub(super) unsafe fn locate_int(h: *const HashPart, key: i64) -> Result<*mut HashEntry, Spot> {
    // SAFETY: as for `locate_interned`.
    unsafe {
        let hash = hash_int(key as u64, (*h).seed);
        probe(h, hash, INT_STRIDE, |e| {
            (*e).key.payload == key as u64 && (*e).key.tag == tag::INT
        })
    }
}

/// The entry of any normalised key, or where it goes.
pub(super) unsafe fn locate(h: *const HashPart, key: Value) -> Result<*mut HashEntry, Spot> {
    // SAFETY: as for `locate_interned`; a key with tag STR is a live string,
    // since the collector retags dead ones.
    unsafe {
        let hash = hash_of(h, key);
        match key.tag {
            tag::INT => locate_int(h, key.as_int()),
            tag::FALSE | tag::TRUE => probe(h, hash, 1, |e| (*e).key.tag == key.tag),
            tag::STR if (*key.as_str()).hdr.flags & strflag::INTERNED == 0 => {
                probe(h, hash, 1, |e| {
                    (*e).key.tag == tag::STR
                        && ((*e).key.payload == key.payload
                            || same_long((*e).key.as_str(), key.as_str(), hash))
                })
            }
            _ => probe(h, hash, 1, |e| {
                (*e).key.payload == key.payload && (*e).key.tag == key.tag
            }),
        }
    }
}

/// The entry of an interned string, or null.
#[inline(always)]
pub(super) unsafe fn find_interned(h: *const HashPart, key: *const Str) -> *mut HashEntry {
    // SAFETY: passed on to the caller.
    unsafe { locate_interned(h, key) }.unwrap_or(null_mut())
}

/// The entry of an integer, or null.
#[inline]
pub(super) unsafe fn find_int(h: *const HashPart, key: i64) -> *mut HashEntry {
    // SAFETY: passed on to the caller.
    unsafe { locate_int(h, key) }.unwrap_or(null_mut())
}

/// The entry of any normalised key, or null.
pub(super) unsafe fn find(h: *const HashPart, key: Value) -> *mut HashEntry {
    // SAFETY: passed on to the caller.
    unsafe { locate(h, key) }.unwrap_or(null_mut())
}

#[inline]
unsafe fn same_long(a: *mut Str, b: *mut Str, hash: u32) -> bool {
    // SAFETY: both strings are live; keys are hashed when inserted.
    unsafe {
        (*a).hdr.flags & strflag::INTERNED == 0
            && (*a).hdr.flags & strflag::HASHED != 0
            && (*a).hdr.aux == hash
            && Str::eq_long(a, b)
    }
}

/// The value of an entry, nil for null.
#[inline(always)]
pub(super) unsafe fn value_of(e: *const HashEntry) -> Value {
    if e.is_null() {
        return NIL;
    }
    // SAFETY: a non-null entry is one of a live part.
    unsafe { (*e).val }
}

/// Overwrites an entry's value, keeping count. The caller does the barrier.
#[inline(always)]
pub(super) unsafe fn put(h: *mut HashPart, e: *mut HashEntry, val: Value) {
    // SAFETY: the caller's entry is one of the live part `h`.
    unsafe {
        let was = !(*e).val.is_nil();
        (*h).live = (*h)
            .live
            .wrapping_add(u32::from(!val.is_nil()))
            .wrapping_sub(u32::from(was));
        (*e).val = val;
    }
}

/// Removes an entry whose key moved to the array part: unlike one deleted by
/// a program it is not found any more.
pub(super) unsafe fn kill(h: *mut HashPart, e: *mut HashEntry) {
    // SAFETY: the caller's entry is one of the live part `h`.
    unsafe {
        put(h, e, NIL);
        (*e).key = Value {
            tag: DEAD_KEY,
            payload: 0,
        };
    }
}

/// Appends an entry for a key that has none. The part must have room.
pub(super) unsafe fn append(h: *mut HashPart, key: Value, val: Value) {
    // SAFETY: the caller's part is live and not full; its index has empty
    // places.
    unsafe {
        let hash = hash_of(h, key);
        let mut at = hash & (*h).index_mask;
        let stride = stride_of(key);
        while *(*h).index.add(at as usize) != 0 {
            at = at.wrapping_add(stride) & (*h).index_mask;
        }
        append_at(h, Spot { hash, at }, key, val);
    }
}

/// Appends an entry for a key whose place in the index is known. The part
/// must have room.
#[inline(always)]
pub(super) unsafe fn append_at(h: *mut HashPart, spot: Spot, key: Value, val: Value) {
    // SAFETY: the caller's part is live and not full, and was not changed
    // since the place was found.
    unsafe {
        debug_assert!((*h).len < (*h).cap);
        let n = (*h).len;
        *(*h).entries.add(n as usize) = HashEntry { key, val };
        (*h).len = n + 1;
        (*h).live += u32::from(!val.is_nil());
        (*h).has_ints |= key.tag == tag::INT && key.as_int() > 0;
        *(*h).index.add(spot.at as usize) = spot.hash & !(*h).index_mask | (n + 1);
    }
}

/// Whether an entry can be appended.
#[inline(always)]
pub(super) unsafe fn has_room(h: *const HashPart) -> bool {
    // SAFETY: the caller's part is null or live.
    unsafe { !h.is_null() && (*h).len < (*h).cap }
}

/// Number of an entry.
#[inline(always)]
pub(super) unsafe fn entry_index(h: *const HashPart, e: *const HashEntry) -> u32 {
    // SAFETY: the caller's entry is one of the live part `h`.
    unsafe { e.offset_from((*h).entries) as u32 }
}

/// Entries to make room for when `need` will be live: a quarter stays free,
/// so that rebuilding is paid for by insertions.
pub(super) fn capacity_for(need: usize) -> usize {
    let cap = (need + need / 3 + 1).max(4);
    // Powers of two keep the index exactly half full.
    cap.next_power_of_two()
}

/// Replaces the hash part of `t` by one with room for `cap` entries,
/// dropping deleted ones.
pub(super) unsafe fn rebuild(
    heap: &mut Heap,
    t: *mut Table,
    cap: usize,
) -> Result<(), OutOfMemory> {
    // SAFETY: the caller's table is live and `cap` at least its live entries.
    unsafe {
        let old = (*t).hash;
        if cap == 0 {
            if !old.is_null() {
                (*t).hash = null_mut();
                free(heap, old);
            }
            return Ok(());
        }
        let new = create(heap, cap)?;
        if !old.is_null() {
            for i in 0..(*old).len as usize {
                let e = *(*old).entries.add(i);
                if !e.val.is_nil() {
                    append(new, e.key, e.val);
                }
            }
            free(heap, old);
        }
        (*t).hash = new;
        // The collector may have scanned some entries already, by position.
        heap.barrier(t.cast());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::vm;

    /// Places looked at to find the keys, on average.
    fn probes(keys: &[Value]) -> f64 {
        let mut vm = vm();
        let h = create(&mut vm.heap, keys.len()).expect("memory");
        let mut looked = 0;
        // SAFETY: the part has room for all keys, which are numbers.
        unsafe {
            for &key in keys {
                append(h, key, Value::bool(true));
            }
            for &key in keys {
                let e = find(h, key);
                assert!((*e).key.raw_eq(key));
                let mask = (*h).index_mask;
                let word = hash_of(h, key) & !mask | (entry_index(h, e) + 1);
                let mut at = hash_of(h, key) & mask;
                while *(*h).index.add(at as usize) != word {
                    at = at.wrapping_add(stride_of(key)) & mask;
                    looked += 1;
                }
            }
            free(&mut vm.heap, h);
        }
        1.0 + f64::from(looked) / keys.len() as f64
    }

    #[test]
    fn integers_scatter() {
        // Groups of neighbours collide as a whole or not at all.
        let n = probes(&(0..100_000).map(Value::int).collect::<Vec<_>>());
        assert!(n < 2.0, "{n} probes for dense integers");
    }

    #[test]
    fn patterns_do_not_collide() {
        for shift in [0, 1, 3, 4, 10, 20, 32, 40] {
            let ints: Vec<Value> = (0..16_384).map(|i: i64| Value::int(i << shift)).collect();
            let n = probes(&ints);
            assert!(n < 3.0, "{n} probes for integers shifted by {shift}");
            let light: Vec<Value> = (0..16_384u64).map(|i| Value::light(i << shift)).collect();
            let n = probes(&light);
            assert!(n < 3.0, "{n} probes for addresses shifted by {shift}");
        }
        let floats: Vec<Value> = (0..16_384)
            .map(|i| Value::float(f64::from(i) + 0.5))
            .collect();
        assert!(probes(&floats) < 3.0);
    }
}
