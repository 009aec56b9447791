//! `table.sort`.
//!
//! With a comparator, or where elements may have metamethods, it is a
//! quicksort over the table itself that makes the same comparisons in the
//! same order as PUC Lua's, so that programs that depend on the order of
//! equal elements, or on which bad comparators are found out, see no
//! difference. The values at hand lie in slots of the frame, since a
//! comparator may collect, or clear the table:
//!
//! ```text
//! slot 0   1           2      3  4   5 …
//! table    comparator  pivot  a  b   the call of the comparator
//! ```
//!
//! Without a comparator, an array part of integers, floats or strings is
//! sorted where it lies: equal elements can't be told apart there.

use super::table::{ALL, Seq};
use crate::error::{OutOfMemory, Result};
use crate::native::{Cx, Ret};
use crate::object::{ArrKind, Str, Table};
use crate::ops;
use crate::state::Vm;
use crate::value::{NIL, tag};
use std::cmp::Ordering;

const COMPARATOR: usize = 1;
const PIVOT: usize = 2;
const A: usize = 3;
const B: usize = 4;
const CALL: usize = 5;

/// Ranges above this size take a random pivot once the sort was found to be
/// badly balanced.
const RANDOM_ABOVE: i64 = 100;

pub(super) fn sort(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = Seq::check(cx, 0, ALL)?;
    let n = t.len(cx)?;
    if n > 1 {
        if n >= i64::from(i32::MAX) {
            return Err(cx.arg_error(0, "array too big"));
        }
        let by_order = cx.is_none_or_nil(1);
        if !by_order {
            cx.check_function(1)?;
        }
        // SAFETY: `raw` is the live table in slot 0.
        if !(by_order && !t.raw.is_null() && unsafe { sort_in_place(cx.vm, t.raw, n as usize)? }) {
            cx.set_top(CALL)?;
            cx.n = CALL;
            Sorter { t, by_order }.sort(cx, 1, n, 0)?;
        }
    }
    cx.ret0()
}

#[derive(Clone, Copy)]
struct Sorter {
    t: Seq,
    by_order: bool,
}

impl Sorter {
    /// Reads element `i` into `slot`.
    #[inline]
    fn load(self, cx: &mut Cx<'_>, slot: usize, i: i64) -> Result<()> {
        let v = self.t.get(cx, i)?;
        cx.set_slot(slot, v);
        Ok(())
    }

    /// Stores `slot` as element `i`.
    #[inline]
    fn store(self, cx: &mut Cx<'_>, i: i64, slot: usize) -> Result<()> {
        let v = cx.slot(slot);
        self.t.set(cx, i, v)
    }

    /// Whether the value in slot `a` comes before that in slot `b`.
    #[inline]
    fn less(self, cx: &mut Cx<'_>, a: usize, b: usize) -> Result<bool> {
        let (a, b) = (cx.slot(a), cx.slot(b));
        cx.vm.tick(8)?;
        if self.by_order {
            return ops::less_than(cx, a, b);
        }
        cx.reserve(CALL + 4)?;
        // SAFETY: `reserve` made room above the frame's top, which is at or
        // above slot `CALL`.
        unsafe {
            let at = cx.vm.stack.add(cx.base + CALL);
            *at = *cx.vm.stack.add(cx.base + COMPARATOR);
            *at.add(1) = NIL;
            *at.add(2) = a;
            *at.add(3) = b;
            cx.vm.top = at.add(4);
        }
        Ok(cx.call_slots(CALL, 2)? > 0 && cx.slot(CALL).is_truthy())
    }

    /// Sorts elements `lo ..= up`. Recurses into the smaller part only.
    fn sort(self, cx: &mut Cx<'_>, mut lo: i64, mut up: i64, mut seed: u64) -> Result<()> {
        while lo < up {
            // Put the ends and the middle in order.
            self.load(cx, A, lo)?;
            self.load(cx, B, up)?;
            if self.less(cx, B, A)? {
                self.store(cx, lo, B)?;
                self.store(cx, up, A)?;
            }
            if up - lo == 1 {
                break;
            }
            let p = if up - lo < RANDOM_ABOVE || seed == 0 {
                ((lo as u64 + up as u64) / 2) as i64
            } else {
                let quarter = (up - lo) / 4;
                (seed % (quarter as u64 * 2)) as i64 + lo + quarter
            };
            self.load(cx, A, p)?;
            self.load(cx, B, lo)?;
            if self.less(cx, A, B)? {
                self.store(cx, p, B)?;
                self.store(cx, lo, A)?;
            } else {
                self.load(cx, B, up)?;
                if self.less(cx, B, A)? {
                    self.store(cx, p, B)?;
                    self.store(cx, up, A)?;
                }
            }
            if up - lo == 2 {
                break;
            }
            // The pivot waits at up - 1.
            self.load(cx, PIVOT, p)?;
            self.load(cx, B, up - 1)?;
            self.store(cx, p, B)?;
            self.store(cx, up - 1, PIVOT)?;
            let p = self.partition(cx, lo, up)?;
            let smaller;
            if p - lo < up - p {
                self.sort(cx, lo, p - 1, seed)?;
                smaller = p - lo;
                lo = p + 1;
            } else {
                self.sort(cx, p + 1, up, seed)?;
                smaller = up - p;
                up = p - 1;
            }
            if (up - lo) / 128 > smaller {
                seed = crate::os::random_seed() | 1;
            }
        }
        Ok(())
    }

    /// Partitions `lo ..= up` around the pivot, which is at `up - 1`, and
    /// returns where it ended up.
    fn partition(self, cx: &mut Cx<'_>, lo: i64, up: i64) -> Result<i64> {
        let (mut i, mut j) = (lo, up - 1);
        loop {
            i += 1;
            self.load(cx, A, i)?;
            while self.less(cx, A, PIVOT)? {
                if i == up - 1 {
                    return Err(cx.error("invalid order function for sorting"));
                }
                i += 1;
                self.load(cx, A, i)?;
            }
            j -= 1;
            self.load(cx, B, j)?;
            while self.less(cx, PIVOT, B)? {
                if j < i {
                    return Err(cx.error("invalid order function for sorting"));
                }
                j -= 1;
                self.load(cx, B, j)?;
            }
            if j < i {
                self.store(cx, up - 1, A)?;
                self.store(cx, i, PIVOT)?;
                return Ok(i);
            }
            self.store(cx, i, B)?;
            self.store(cx, j, A)?;
        }
    }
}

// ---- without a comparator

/// Sorts elements 1 ..= n of the array part if they are all integers, all
/// floats (no NaN) or all strings; else does nothing and says so.
///
/// # Safety
/// `t` is a live table.
unsafe fn sort_in_place(vm: &mut Vm, t: *mut Table, n: usize) -> Result<bool> {
    // SAFETY: `t` is live; its array part has `arr_len` >= `n` payloads, and
    // tags if it is mixed. Nothing below touches the table but through them.
    unsafe {
        if ((*t).arr_len as usize) < n {
            return Ok(false);
        }
        match (*t).arr_kind {
            ArrKind::Int => {
                let ints = std::slice::from_raw_parts_mut((*t).arr.cast::<i64>(), n);
                sort_slice(vm, ints, &i64::cmp)?;
                Ok(true)
            }
            ArrKind::Float => {
                let floats = std::slice::from_raw_parts_mut((*t).arr.cast::<f64>(), n);
                if floats.iter().any(|f| f.is_nan()) {
                    return Ok(false);
                }
                sort_slice(vm, floats, &f64::total_cmp)?;
                Ok(true)
            }
            ArrKind::Mixed => {
                let tags = std::slice::from_raw_parts((*t).arr_tags, n);
                let mut kinds = tags.iter().fold(0u32, |seen, tag| seen | 1 << tag);
                if kinds == 1 << tag::INT {
                    kinds = 0;
                    let ints = std::slice::from_raw_parts_mut((*t).arr.cast::<i64>(), n);
                    sort_slice(vm, ints, &i64::cmp)?;
                } else if kinds == 1 << tag::STR {
                    kinds = 0;
                    let strings = std::slice::from_raw_parts_mut((*t).arr.cast::<*mut Str>(), n);
                    sort_strings(vm, strings)?;
                    vm.heap.barrier(t.cast());
                }
                Ok(kinds == 0)
            }
        }
    }
}

/// Sorts strings by bytes. The first eight decide most comparisons.
fn sort_strings(vm: &mut Vm, strings: &mut [*mut Str]) -> Result<()> {
    vm.heap.check(size_of_val(strings) * 4)?;
    let mut keyed: Vec<(u64, &[u8], *mut Str)> = Vec::new();
    keyed
        .try_reserve_exact(strings.len())
        .map_err(|_| OutOfMemory)?;
    for part in strings.chunks(STRIDE) {
        for s in part {
            let bytes = vm.bytes_within(*s)?;
            let mut head = [0; 8];
            let n = bytes.len().min(8);
            head[..n].copy_from_slice(&bytes[..n]);
            keyed.push((u64::from_be_bytes(head), bytes, *s));
        }
        vm.tick(part.len() as u64 * 8)?;
    }
    sort_slice(vm, &mut keyed, &|a, b| {
        a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1))
    })?;
    for (to, from) in strings.iter_mut().zip(&keyed) {
        *to = from.2;
    }
    Ok(())
}

/// Slices up to this length are left to Rust's sort.
const SMALL: usize = 1 << 12;
/// Elements partitioned between two looks at the limits.
const STRIDE: usize = 1 << 14;

/// Sorts a slice of any length and looks at the limits meanwhile. If one is
/// reached, the slice is some permutation.
fn sort_slice<T: Copy>(
    vm: &mut Vm,
    slice: &mut [T],
    cmp: &impl Fn(&T, &T) -> Ordering,
) -> Result<()> {
    let mut seed = slice.len() as u64;
    let mut todo = vec![slice];
    while let Some(part) = todo.pop() {
        let n = part.len();
        if n <= SMALL {
            part.sort_unstable_by(cmp);
            vm.tick(n as u64 * 16)?;
            continue;
        }
        let pivot = pseudo_median(part, &mut seed, cmp);
        let mid = split(vm, part, |x| cmp(x, &pivot) == Ordering::Less)?;
        let (less, rest) = part.split_at_mut(mid);
        // Many elements may equal the pivot: they are in place.
        let rest = if mid < n / 8 {
            let equal = split(vm, rest, |x| cmp(x, &pivot) != Ordering::Greater)?;
            &mut rest[equal..]
        } else {
            rest
        };
        todo.push(less);
        todo.push(rest);
    }
    Ok(())
}

/// Moves the elements for which `first` holds to the front; their number.
fn split<T: Copy>(vm: &mut Vm, part: &mut [T], first: impl Fn(&T) -> bool) -> Result<usize> {
    let mut front = 0;
    for start in (0..part.len()).step_by(STRIDE) {
        let end = (start + STRIDE).min(part.len());
        for i in start..end {
            // Swapping in any case, so that nothing depends on a branch.
            part.swap(i, front);
            front += usize::from(first(&part[front]));
        }
        vm.tick((end - start) as u64 * 2)?;
    }
    Ok(front)
}

/// The median of nine elements at arbitrary places.
fn pseudo_median<T: Copy>(part: &[T], seed: &mut u64, cmp: &impl Fn(&T, &T) -> Ordering) -> T {
    let mut sample = [part[0]; 9];
    for s in &mut sample {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *s = part[(*seed >> 33) as usize % part.len()];
    }
    sample.sort_unstable_by(cmp);
    sample[4]
}
