//! The table library. `table.sort` is in [`sort`].
//!
//! Everything here honours metamethods, as `t[i]` and `#t` in Lua code would.
//! A table without a metatable is worked on directly, and where a run of
//! elements lies in its array part, that run is moved as one block.

use super::shared::{append, field, geti, metatable_of, new_table, register, set_field, seti};
use super::{Entry, sort};
use crate::error::{Error, Result};
use crate::native::{Cx, Ret, exact_int};
use crate::object::Table;
use crate::ops;
use crate::state::Vm;
use crate::table;
use crate::text::number::NumBuf;
use crate::thread::MAX_STACK;
use crate::value::{NIL, Value, tag};

const FUNCTIONS: &[Entry] = &[
    ("concat", concat),
    ("insert", insert),
    ("move", move_elements),
    ("pack", pack),
    ("remove", remove),
    ("sort", sort::sort),
    ("unpack", unpack),
];

/// Opens the table library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    register(vm, "table", FUNCTIONS).map(drop)
}

/// What a function does with an argument that stands for a table.
#[derive(Clone, Copy)]
pub(super) struct Uses {
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) length: bool,
}

pub(super) const READ: Uses = Uses {
    reads: true,
    writes: false,
    length: false,
};
pub(super) const WRITE: Uses = Uses {
    reads: false,
    writes: true,
    length: false,
};
pub(super) const READ_LEN: Uses = Uses {
    reads: true,
    writes: false,
    length: true,
};
pub(super) const ALL: Uses = Uses {
    reads: true,
    writes: true,
    length: true,
};

/// A table, or something that behaves like one.
#[derive(Clone, Copy)]
pub(super) struct Seq {
    /// The value.
    pub(super) v: Value,
    /// The table if it has no metatable, else null.
    pub(super) raw: *mut Table,
}

impl Seq {
    /// Argument `i`, which must be a table or have the metamethods for `uses`.
    #[inline]
    pub(super) fn check(cx: &mut Cx<'_>, i: usize, uses: Uses) -> Result<Seq> {
        let v = cx.arg(i);
        if v.is_table() {
            return Ok(Seq::of(cx.vm, v));
        }
        let meta = metatable_of(cx.vm, v);
        let mut fits = !meta.is_null();
        for (needed, name) in [
            (uses.reads, "__index"),
            (uses.writes, "__newindex"),
            (uses.length, "__len"),
        ] {
            fits = fits && !(needed && field(cx.vm, meta, name.as_bytes())?.is_nil());
        }
        if fits {
            Ok(Seq {
                v,
                raw: std::ptr::null_mut(),
            })
        } else {
            Err(cx.type_error(i, "table"))
        }
    }

    #[inline]
    fn of(vm: &Vm, v: Value) -> Seq {
        let plain = v.is_table() && metatable_of(vm, v).is_null();
        Seq {
            v,
            raw: if plain {
                v.as_table()
            } else {
                std::ptr::null_mut()
            },
        }
    }

    /// `#self`, which must be an integer.
    #[inline]
    pub(super) fn len(self, cx: &mut Cx<'_>) -> Result<i64> {
        if !self.raw.is_null() {
            // SAFETY: `raw` is the live table `v`.
            return Ok(unsafe { table::len(self.raw) });
        }
        let n = ops::len(cx, self.v)?;
        // A string that spells an integer will do.
        match exact_int(n).or_else(|| cx.vm.to_integer(n)) {
            Some(n) => Ok(n),
            None => Err(cx.error("object length is not an integer")),
        }
    }

    /// `self[i]`
    #[inline(always)]
    pub(super) fn get(self, cx: &mut Cx<'_>, i: i64) -> Result<Value> {
        if self.raw.is_null() {
            ops::index(cx, self.v, Value::int(i))
        } else {
            Ok(geti(self.raw, i))
        }
    }

    /// `self[i] = v`
    #[inline(always)]
    pub(super) fn set(self, cx: &mut Cx<'_>, i: i64, v: Value) -> Result<()> {
        if self.raw.is_null() {
            ops::set_index(cx, self.v, Value::int(i), v)
        } else {
            seti(cx.vm, self.raw, i, v)
        }
    }
}

/// Moves elements `from .. from + n` (keys) to `to ..` inside the array part,
/// if both runs lie in it.
///
/// # Safety
/// `t` is a live table.
unsafe fn move_block(vm: &mut Vm, t: *mut Table, from: i64, to: i64, n: i64) -> bool {
    // SAFETY: the keys lie in 1 ..= arr_len, so both runs lie in the arrays.
    unsafe {
        let len = i64::from((*t).arr_len);
        if from < 1 || to < 1 || n < 0 || from - 1 > len - n || to - 1 > len - n {
            return false;
        }
        let (from, to, n) = ((from - 1) as usize, (to - 1) as usize, n as usize);
        std::ptr::copy((*t).arr.add(from), (*t).arr.add(to), n);
        if !(*t).arr_tags.is_null() {
            std::ptr::copy((*t).arr_tags.add(from), (*t).arr_tags.add(to), n);
        }
        vm.heap.barrier(t.cast());
        true
    }
}

/// Shortest run that is worth moving as a block.
const BLOCK: i64 = 8;

/// Shortest string that is copied in pieces.
const LONG: usize = 1 << 16;

pub(super) fn insert(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = Seq::check(cx, 0, ALL)?;
    let end = t.len(cx)?.wrapping_add(1);
    match cx.n {
        2 => {
            let v = cx.slot(1);
            t.set(cx, end, v)?;
        }
        3 => {
            let pos = cx.check_int(1)?;
            if (pos as u64).wrapping_sub(1) >= end as u64 {
                return Err(cx.arg_error(1, "position out of bounds"));
            }
            let mut i = end;
            if !t.raw.is_null() && end - pos >= BLOCK {
                // The last element makes the array longer; the rest is a block.
                let last = geti(t.raw, end - 1);
                t.set(cx, end, last)?;
                // SAFETY: `raw` is the live table in slot 0.
                if unsafe { move_block(cx.vm, t.raw, pos, pos + 1, end - 1 - pos) } {
                    cx.vm.tick((end - pos) as u64 / 4)?;
                    i = pos;
                }
            }
            while i > pos {
                let v = t.get(cx, i - 1)?;
                t.set(cx, i, v)?;
                i -= 1;
                cx.vm.tick(4)?;
            }
            let v = cx.slot(2);
            t.set(cx, pos, v)?;
        }
        _ => return Err(cx.error("wrong number of arguments to 'insert'")),
    }
    cx.ret0()
}

pub(super) fn remove(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = Seq::check(cx, 0, ALL)?;
    let size = t.len(cx)?;
    let mut pos = cx.opt_int(1, size)?;
    if cx.n > 1 && pos != size && (pos as u64).wrapping_sub(1) > size as u64 {
        return Err(cx.arg_error(1, "position out of bounds"));
    }
    let removed = t.get(cx, pos)?;
    if !t.raw.is_null() && size.wrapping_sub(pos) >= BLOCK {
        // SAFETY: `raw` is the live table in slot 0.
        if unsafe { move_block(cx.vm, t.raw, pos + 1, pos, size - pos) } {
            cx.vm.tick((size - pos) as u64 / 4)?;
            pos = size;
        }
    }
    if t.raw.is_null() {
        // Metamethods may collect: the result must be reachable.
        cx.push(removed)?;
    }
    while pos < size {
        let v = t.get(cx, pos + 1)?;
        t.set(cx, pos, v)?;
        pos += 1;
        cx.vm.tick(4)?;
    }
    t.set(cx, pos, NIL)?;
    cx.ret(removed)
}

fn move_elements(cx: &mut Cx<'_>) -> Result<Ret> {
    let (first, last, to) = (cx.check_int(1)?, cx.check_int(2)?, cx.check_int(3)?);
    let dest = if cx.is_none_or_nil(4) { 0 } else { 4 };
    let a = Seq::check(cx, 0, READ)?;
    let b = Seq::check(cx, dest, WRITE)?;
    if last >= first {
        if !(first > 0 || last < i64::MAX.wrapping_add(first)) {
            return Err(cx.arg_error(2, "too many elements to move"));
        }
        let n = last - first + 1;
        if to > i64::MAX - n + 1 {
            return Err(cx.arg_error(3, "destination wrap around"));
        }
        let apart = to > last || to <= first || dest != 0 && !ops::equals(cx, a.v, b.v)?;
        let same = !a.raw.is_null() && a.raw == b.raw;
        // SAFETY: `raw` is the live table in slot 0.
        if same && n >= BLOCK && unsafe { move_block(cx.vm, a.raw, first, to, n) } {
            cx.vm.tick(n as u64 / 4)?;
        } else if apart {
            for i in 0..n {
                let v = a.get(cx, first + i)?;
                b.set(cx, to + i, v)?;
                cx.vm.tick(4)?;
            }
        } else {
            for i in (0..n).rev() {
                let v = a.get(cx, first + i)?;
                b.set(cx, to + i, v)?;
                cx.vm.tick(4)?;
            }
        }
    }
    cx.ret(b.v)
}

// ---- concat

fn concat(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = Seq::check(cx, 0, READ_LEN)?;
    let len = t.len(cx)?;
    let sep = cx.opt_bytes(1)?.unwrap_or(b"");
    let first = cx.opt_int(2, 1)?;
    let last = cx.opt_int(3, len)?;
    if first > last {
        return cx.ret_bytes(b"");
    }
    if !t.raw.is_null()
        && let Some(total) = measure(cx, t.raw, first, last, sep.len())?
        && total > crate::object::MAX_INTERNED
    {
        let (s, to) = cx.vm.heap.uninit_str(total)?;
        let mut at = 0;
        let mut put = |vm: &mut Vm, bytes: &[u8]| {
            // SAFETY: `measure` added up the same lengths, so `at` stays
            // within the `total` bytes.
            unsafe {
                if bytes.len() < LONG {
                    to.add(at)
                        .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                } else {
                    vm.copy_in_pieces(bytes, to.add(at))?;
                }
            };
            at += bytes.len();
            Ok::<(), Error>(())
        };
        for i in first..=last {
            let part = geti(t.raw, i).as_str();
            let bytes = cx.vm.bytes_within(part)?;
            put(cx.vm, bytes)?;
            if i < last {
                put(cx.vm, sep)?;
            }
            cx.vm.tick(4 + bytes.len().min(LONG) as u64 / 8)?;
        }
        return cx.ret(Value::str(s));
    }
    let mut text = Vec::new();
    let mut charged = 0;
    let mut i = first;
    loop {
        let v = t.get(cx, i)?;
        add_element(cx, v, i, &mut text)?;
        if i == last {
            break;
        }
        append(cx.vm, &mut text, sep)?;
        i += 1;
        if text.len() - charged > 1 << 14 {
            cx.vm.tick((text.len() - charged) as u64 / 8)?;
            charged = text.len();
        }
        cx.vm.tick(4)?;
    }
    cx.ret_bytes(&text)
}

/// Length of the result if all elements are strings. Charges the work.
fn measure(
    cx: &mut Cx<'_>,
    t: *mut Table,
    first: i64,
    last: i64,
    sep: usize,
) -> Result<Option<usize>> {
    // SAFETY: callers pass the live table of an argument, whose elements live.
    let len = unsafe { table::len(t) };
    if first < 1 || last > len {
        return Ok(None);
    }
    let count = (last - first) as usize;
    let Some(mut total) = count.checked_mul(sep) else {
        return Ok(None);
    };
    for i in first..=last {
        let v = geti(t, i);
        if !v.is_str() {
            return Ok(None);
        }
        cx.vm.tick(2)?;
        // SAFETY: as above; the tag says that it is a string.
        total = total.saturating_add(unsafe { (*v.as_str()).len });
    }
    cx.vm.heap.check(total)?;
    Ok(Some(total))
}

fn add_element(cx: &mut Cx<'_>, v: Value, i: i64, text: &mut Vec<u8>) -> Result<()> {
    match v.tag {
        tag::STR => {
            let part = cx.vm.bytes_within(v.as_str())?;
            append(cx.vm, text, part)
        }
        tag::INT => append(cx.vm, text, NumBuf::int(v.as_int()).as_bytes()),
        tag::FLOAT => append(cx.vm, text, NumBuf::float(v.as_float()).as_bytes()),
        _ => {
            let msg = format!(
                "invalid value ({}) at index {i} in table for 'concat'",
                v.type_name()
            );
            Err(cx.error(&msg))
        }
    }
}

// ---- pack and unpack

fn pack(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = new_table(cx.vm);
    let n = cx.n;
    // SAFETY: the new table is live until the next safepoint; arguments are.
    unsafe { table::reserve(cx.vm, t, n, 0)? };
    for i in 0..n {
        let v = cx.slot(i);
        seti(cx.vm, t, i as i64 + 1, v)?;
    }
    set_field(cx.vm, t, b"n", Value::int(n as i64))?;
    cx.ret(Value::table(t))
}

pub(super) fn unpack(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = Seq::of(cx.vm, cx.arg(0));
    let first = cx.opt_int(1, 1)?;
    let last = if cx.is_none_or_nil(2) {
        t.len(cx)?
    } else {
        cx.check_int(2)?
    };
    if first > last {
        return cx.ret0();
    }
    let count = last.wrapping_sub(first) as u64;
    let room = MAX_STACK.saturating_sub(cx.base + cx.top()) as u64;
    if count >= room || cx.reserve(count as usize + 1).is_err() {
        return Err(cx.error("too many results to unpack"));
    }
    let count = count as usize + 1;
    cx.vm.tick(count as u64)?;
    if !t.raw.is_null() {
        let results = cx.vm.stack.wrapping_add(cx.base - 2);
        for i in 0..count {
            // SAFETY: results start two slots below the frame, and `reserve`
            // made room for them above it; the arguments are not needed any more.
            unsafe { *results.add(i) = geti(t.raw, first + i as i64) };
        }
        return Ok(Ret(count as u64));
    }
    for i in 0..count {
        let v = t.get(cx, first.wrapping_add(i as i64))?;
        cx.push(v)?;
        cx.vm.tick(4)?;
    }
    cx.ret_pushed(count)
}
