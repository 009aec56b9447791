//! Where integer keys belong: the array part or the hash part.
//!
//! When the hash part is full (or a sparse array part would have to grow),
//! the integer keys are counted by powers of two. The array part gets the
//! largest size `n = 2^k` such that more than half of the keys 1 .. n are in
//! use, as in PUC Lua; the rest goes to the hash part. From [`LARGE`] on a
//! quarter is enough, since an entry of the hash part takes four times the
//! room of an element, and `n` is the largest key. So a table filled
//! backwards soon ends up in the array part, and a queue whose front is nil
//! does not keep an array of nils.
//!
//! The count first takes the array part as full, which needs no scan. Only
//! if that speaks for a larger array part are its holes counted. A count
//! costs the hash part's size plus one byte per `Mixed` element; it is paid
//! for by the insertions that filled the hash part, which is given room for
//! some when it has none.

use super::array;
use super::hash;
use crate::error::OutOfMemory;
use crate::object::{ArrKind, Table};
use crate::state::Vm;
use crate::value::{Value, tag};
use std::ptr::null_mut;

/// Largest exponent of an array size.
const MAX_BITS: usize = 31;

/// Sizes from here on are the largest key and may be three quarters empty.
const LARGE: usize = 4096;

/// Integer keys: `bins[i]` counts those with 2^(i-1) < key <= 2^i, `most[i]`
/// is the largest of them.
#[derive(Clone, Default)]
struct Count {
    bins: [usize; MAX_BITS + 1],
    most: [usize; MAX_BITS + 1],
    total: usize,
}

impl Count {
    fn add(&mut self, key: i64) {
        if (1..=1 << MAX_BITS).contains(&key) {
            let bit = (key as u64).next_power_of_two().trailing_zeros() as usize;
            self.bins[bit] += 1;
            self.most[bit] = self.most[bit].max(key as usize);
            self.total += 1;
        }
    }

    /// Counts keys 1 ..= n, all of them or by `in_use`.
    fn add_range(&mut self, n: usize, in_use: impl Fn(usize, usize) -> usize) {
        let (mut low, mut bit) = (0, 0);
        while low < n {
            let high = n.min(1 << bit);
            let used = in_use(low, high);
            self.bins[bit] += used;
            if used > 0 {
                self.most[bit] = self.most[bit].max(high);
            }
            self.total += used;
            low = high;
            bit += 1;
        }
    }

    /// The best size of the array part.
    fn best(&self) -> usize {
        let (mut sum, mut best) = (0, 0);
        for (bit, &n) in self.bins.iter().enumerate() {
            sum += n;
            let mut size = 1usize << bit;
            let mut enough = size / 2;
            if size >= LARGE {
                size = self.most[bit];
                enough = size / 4;
            }
            if n > 0 && sum > enough {
                best = size;
            }
            if sum == self.total {
                break;
            }
        }
        best
    }
}

/// Makes room for the new key `key` by distributing all keys anew. Returns
/// whether the array part is where it belongs; else the hash part has room.
///
/// # Safety
/// `t` is a live table without `key`, a normalised key.
#[cold]
#[inline(never)]
pub(super) unsafe fn regroup(vm: &mut Vm, t: *mut Table, key: Value) -> Result<bool, OutOfMemory> {
    // SAFETY: `t` is live; entries below `len` are initialised.
    unsafe {
        let h = (*t).hash;
        let live = if h.is_null() { 0 } else { (*h).live as usize };
        let has_ints = !h.is_null() && (*h).has_ints;
        let position = (key.tag == tag::INT).then(|| key.as_int());
        if !has_ints && position.is_none() {
            hash::rebuild(&mut vm.heap, t, hash::capacity_for(live + 1))?;
            return Ok(false);
        }
        let mut keys = Count::default();
        if has_ints {
            for i in 0..(*h).len as usize {
                let e = &*(*h).entries.add(i);
                if e.key.tag == tag::INT && !e.val.is_nil() {
                    keys.add(e.key.as_int());
                }
            }
        }
        if let Some(k) = position {
            keys.add(k);
        }
        let len = (*t).arr_len as usize;
        let hash_keys = keys.clone();
        keys.add_range(len, |low, high| high - low);
        let mut best = keys.best();
        let mut spare = 0;
        let full = (*t).arr_len == (*t).arr_cap && position == Some(len as i64 + 1);
        if (*t).arr_kind == ArrKind::Mixed && (best > len || full) {
            keys = hash_keys;
            let tags: &[u8] = if len == 0 {
                &[]
            } else {
                std::slice::from_raw_parts((*t).arr_tags, len)
            };
            keys.add_range(len, |low, high| {
                tags[low..high].iter().filter(|&&x| x != tag::NIL).count()
            });
            best = keys.best();
            if best <= len {
                // Counting holes was in vain: don't come back too soon.
                spare = len / 128;
            }
            if best < len / 2 {
                shrink(vm, t, best, live)?;
                return Ok(position.is_some_and(|k| k == i64::from((*t).arr_len) + 1));
            }
        }
        if best > len {
            extend(vm, t, best)?;
            if best >= LARGE && keys.total < best {
                // A sparse array part is as long as its largest key. Those
                // that follow wait in the hash part, so that it grows by
                // steps and not with each of them.
                spare = spare.max(best / 32);
            }
        }
        let reach = best.max((*t).arr_len as usize + 1);
        let in_array = position.is_some_and(|k| k >= 1 && k as u64 <= reach as u64);
        let h = (*t).hash;
        let live = if h.is_null() { 0 } else { (*h).live as usize };
        let need = (live + usize::from(!in_array)).max(spare);
        let cap = if need == 0 {
            0
        } else {
            hash::capacity_for(need)
        };
        hash::rebuild(&mut vm.heap, t, cap)?;
        Ok(in_array)
    }
}

/// Moves integer keys up to `n` from the hash part to the array part.
unsafe fn extend(vm: &mut Vm, t: *mut Table, n: usize) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live; the array part is given `n` places with tags, and
    // those between its old and new length are set to nil first.
    unsafe {
        array::to_mixed(&mut vm.heap, t)?;
        let cap = n.max((*t).arr_cap as usize);
        array::resize(&mut vm.heap, t, cap, true)?;
        let h = (*t).hash;
        if h.is_null() || !(*h).has_ints {
            return Ok(());
        }
        let old = (*t).arr_len as usize;
        (*t).arr_tags.add(old).write_bytes(tag::NIL, n - old);
        let mut len = old;
        for i in 0..(*h).len as usize {
            let e = (*h).entries.add(i);
            let (k, v) = ((*e).key, (*e).val);
            if k.tag != tag::INT || v.is_nil() || k.as_int() < 1 || k.as_int() as usize > n {
                continue;
            }
            let at = k.as_int() as usize - 1;
            *(*t).arr.add(at) = v.payload;
            *(*t).arr_tags.add(at) = v.tag;
            len = len.max(at + 1);
            hash::kill(h, e);
        }
        (*t).arr_len = len as u32;
        array::specialise(t);
        vm.heap.barrier(t.cast());
        array::follow(vm, t)
    }
}

/// Moves elements beyond `n` from the array part to a new hash part that has
/// room for one more.
unsafe fn shrink(vm: &mut Vm, t: *mut Table, n: usize, live: usize) -> Result<(), OutOfMemory> {
    // SAFETY: `t` is live and `Mixed`; the new hash part has room for all
    // that is appended.
    unsafe {
        let len = (*t).arr_len as usize;
        let tags = std::slice::from_raw_parts((*t).arr_tags, len);
        let moved = tags[n..].iter().filter(|&&x| x != tag::NIL).count();
        let old = (*t).hash;
        let new = hash::create(&mut vm.heap, hash::capacity_for(live + moved + 1))?;
        for (i, &x) in tags.iter().enumerate().skip(n) {
            if x != tag::NIL {
                hash::append(new, Value::int(i as i64 + 1), array::element(t, i));
            }
        }
        if !old.is_null() {
            for i in 0..(*old).len as usize {
                let e = *(*old).entries.add(i);
                if !e.val.is_nil() {
                    hash::append(new, e.key, e.val);
                }
            }
            (*t).hash = null_mut();
            hash::free(&mut vm.heap, old);
        }
        (*t).hash = new;
        vm.heap.barrier(t.cast());
        array::cut(&mut vm.heap, t, n)?;
        array::follow(vm, t)
    }
}
