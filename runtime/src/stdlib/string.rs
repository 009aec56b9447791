//! The string library: arguments checked, results made; the algorithms are in
//! [`text`](crate::text).
//!
//! ```text
//!   here      byte, char, dump, len, lower, rep, reverse, sub, upper
//!   search    find, match, gmatch, gsub
//!   format    format
//!   pack      pack, packsize, unpack
//!   arith     arithmetic on strings that spell numbers (metamethods)
//!   buffer    where results of unknown length grow
//! ```
//!
//! Bytes of arguments are borrowed from the heap: they stay valid until the
//! next safepoint, that is, while no Lua code is called. Where a callback may
//! run, the strings are held by a handle, since Lua code can overwrite the
//! slots of a host function (`debug.setlocal`).

mod arith;
mod buffer;
mod format;
mod pack;
mod search;
#[cfg(test)]
mod tests;

use super::Entry;
use super::shared::{add_functions, new_table, register, set_field};
use crate::error::{Cause, Error, Result};
use crate::metatable::set_type_metatable;
use crate::native::{Cx, Ret};
use crate::object::{MAX_INTERNED, Str};
use crate::state::Vm;
use crate::text::budget::Budget;
use crate::text::span;
use crate::value::{Value, tag};
use std::mem::MaybeUninit;
use std::ops::Range;

const FUNCTIONS: &[Entry] = &[
    ("byte", byte),
    ("char", char),
    ("dump", dump),
    ("find", search::find),
    ("format", format::format),
    ("gmatch", search::gmatch),
    ("gsub", search::gsub),
    ("len", len),
    ("lower", lower),
    ("match", search::match_),
    ("pack", pack::pack),
    ("packsize", pack::packsize),
    ("rep", rep),
    ("reverse", reverse),
    ("sub", sub),
    ("unpack", pack::unpack),
    ("upper", upper),
];

/// Opens the string library: its table, and the metatable of strings.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    let t = register(vm, "string", FUNCTIONS)?;
    let meta = new_table(vm);
    add_functions(vm, meta, arith::METAMETHODS, &[])?;
    set_field(vm, meta, b"__index", Value::table(t))?;
    let sample = vm.str_value(b"")?;
    // SAFETY: the metatable was just made.
    unsafe { set_type_metatable(vm, sample, meta) };
    Ok(())
}

/// Longest result and longest slice, as in PUC Lua, which counts them in ints.
const MAX_SIZE: usize = i32::MAX as usize;

/// Bytes handled between two looks at the limits.
const CHUNK: usize = 1 << 16;

/// Steps that handling this many bytes takes, for [`Vm::tick`].
#[inline]
fn byte_steps(bytes: usize) -> u64 {
    bytes as u64 >> 4
}

/// The budget of a search: the limits of the VM. Also lends out the context
/// while a matcher holds it.
struct Work<'c, 'v>(&'c mut Cx<'v>);

impl Budget for Work<'_, '_> {
    type Error = Error;

    #[inline]
    fn charge(&mut self, steps: u64) -> Result<()> {
        self.0.vm.tick(steps)
    }
}

/// The bytes of argument `i`, a string or number; see the module
/// documentation for how long they are valid.
#[inline(always)]
fn bytes<'b>(cx: &mut Cx<'_>, i: usize) -> Result<&'b [u8]> {
    let v = cx.arg(i);
    if v.tag == tag::STR {
        cx.vm.bytes_within(v.as_str())
    } else {
        cx.check_bytes(i)
    }
}

/// Makes room for `n` more pushed values.
#[inline]
fn reserve(cx: &mut Cx<'_>, n: usize, what: &str) -> Result<()> {
    match cx.reserve(n) {
        Ok(()) => Ok(()),
        Err(e) => Err(no_room(cx, e, what)),
    }
}

#[cold]
fn no_room(cx: &mut Cx<'_>, e: Error, what: &str) -> Error {
    if matches!(*e.0, Cause::Lua(_)) {
        cx.error(&format!("stack overflow ({what})"))
    } else {
        e
    }
}

/// A string of `len` bytes that `fill` writes: it gets ranges of positions,
/// from first to last, and the bytes there to initialise.
fn new_string(
    vm: &mut Vm,
    len: usize,
    mut fill: impl FnMut(Range<usize>, &mut [MaybeUninit<u8>]),
) -> Result<*mut Str> {
    if len <= MAX_INTERNED {
        let mut short = [MaybeUninit::uninit(); MAX_INTERNED];
        fill(0..len, &mut short[..len]);
        // SAFETY: the first `len` bytes have been initialised.
        let short = unsafe { std::slice::from_raw_parts(short.as_ptr().cast(), len) };
        return Ok(vm.heap.str(short));
    }
    let (s, data) = vm.heap.uninit_str(len)?;
    let mut at = 0;
    while at < len {
        let end = len.min(at + CHUNK);
        // SAFETY: `data` has room for `len` bytes that nobody else refers to.
        fill(at..end, unsafe {
            std::slice::from_raw_parts_mut(data.add(at).cast(), end - at)
        });
        vm.tick(byte_steps(end - at))?;
        at = end;
    }
    Ok(s)
}

pub(super) fn byte(cx: &mut Cx<'_>) -> Result<Ret> {
    let s = bytes(cx, 0)?;
    let first = cx.arg(1);
    if cx.n <= 2 {
        // One byte, as usual. Position 0 wraps and is not found.
        let at = match first.tag {
            tag::INT => (first.as_int() as usize).wrapping_sub(1),
            tag::NIL => 0,
            _ => usize::MAX,
        };
        if let Some(&byte) = s.get(at) {
            return cx.ret(Value::int(i64::from(byte)));
        }
    }
    let first = cx.opt_int(1, 1)?;
    let last = cx.opt_int(2, first)?;
    let range = span::sub(first, last, s.len());
    if range.len() >= MAX_SIZE {
        return Err(cx.error("string slice too long"));
    }
    reserve(cx, range.len(), "string slice too long")?;
    for &byte in &s[range.clone()] {
        cx.push(Value::int(i64::from(byte)))?;
    }
    cx.vm.tick(range.len() as u64)?;
    cx.ret_pushed(range.len())
}

pub(super) fn char(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.n;
    if n <= MAX_INTERNED {
        let mut text = [0; MAX_INTERNED];
        for (i, to) in text[..n].iter_mut().enumerate() {
            *to = check_char(cx, i)?;
        }
        return cx.ret_bytes(&text[..n]);
    }
    let mut text = Vec::with_capacity(n);
    for i in 0..n {
        text.push(check_char(cx, i)?);
    }
    cx.vm.tick(n as u64)?;
    cx.ret_bytes(&text)
}

#[inline]
fn check_char(cx: &mut Cx<'_>, i: usize) -> Result<u8> {
    let code = cx.check_int(i)?;
    match u8::try_from(code) {
        Ok(byte) => Ok(byte),
        Err(_) => Err(cx.arg_error(i, "value out of range")),
    }
}

fn dump(cx: &mut Cx<'_>) -> Result<Ret> {
    let strip = cx.arg(1).is_truthy();
    let f = cx.check_function(0)?;
    if f.tag != tag::CLOSURE {
        return Err(cx.error("unable to dump given function"));
    }
    // SAFETY: the closure in the slot is live, and so is its prototype.
    let proto = unsafe { &*(*f.as_closure()).proto };
    let mut module = proto.module.subtree(proto.id);
    if strip {
        module.strip();
    }
    let file = strata_spec::write(&module);
    cx.vm.tick(file.len() as u64)?;
    cx.ret_bytes(&file)
}

pub(super) fn len(cx: &mut Cx<'_>) -> Result<Ret> {
    let s = cx.check_str(0)?;
    // SAFETY: the string in the slot is live.
    let len = unsafe { Str::len(s) };
    cx.ret(Value::int(len as i64))
}

pub(super) fn lower(cx: &mut Cx<'_>) -> Result<Ret> {
    map(cx, |byte| byte.to_ascii_lowercase())
}

pub(super) fn upper(cx: &mut Cx<'_>) -> Result<Ret> {
    map(cx, |byte| byte.to_ascii_uppercase())
}

#[inline(always)]
fn map(cx: &mut Cx<'_>, f: impl Fn(u8) -> u8) -> Result<Ret> {
    let s = bytes(cx, 0)?;
    let result = new_string(cx.vm, s.len(), |range, out| {
        for (to, &byte) in out.iter_mut().zip(&s[range]) {
            to.write(f(byte));
        }
    })?;
    cx.ret(Value::str(result))
}

fn reverse(cx: &mut Cx<'_>) -> Result<Ret> {
    let s = bytes(cx, 0)?;
    let n = s.len();
    let result = new_string(cx.vm, n, |range, out| {
        for (to, &byte) in out
            .iter_mut()
            .zip(s[n - range.end..n - range.start].iter().rev())
        {
            to.write(byte);
        }
    })?;
    cx.ret(Value::str(result))
}

pub(super) fn sub(cx: &mut Cx<'_>) -> Result<Ret> {
    let s = bytes(cx, 0)?;
    let first = cx.check_int(1)?;
    let last = cx.opt_int(2, -1)?;
    let range = span::sub(first, last, s.len());
    if range.len() == s.len() {
        let whole = cx.slot(0);
        return cx.ret(whole);
    }
    if let [byte] = s[range.clone()] {
        let one = cx.vm.char_str(byte);
        return cx.ret(Value::str(one));
    }
    cx.ret_bytes(&s[range])
}

pub(super) fn rep(cx: &mut Cx<'_>) -> Result<Ret> {
    let s = bytes(cx, 0)?;
    let n = cx.check_int(1)?;
    let separator = cx.opt_bytes(2)?.unwrap_or_default();
    let unit = s.len() + separator.len();
    if n <= 0 || unit == 0 {
        return cx.ret_bytes(b"");
    }
    if unit as u64 > MAX_SIZE as u64 / n as u64 {
        return Err(cx.error("resulting string too large"));
    }
    if n == 1 {
        let once = cx.slot(0);
        return cx.ret(once);
    }
    let len = unit * n as usize - separator.len();
    if len <= MAX_INTERNED {
        let mut text = [0; MAX_INTERNED];
        text[..s.len()].copy_from_slice(s);
        text[s.len()..unit].copy_from_slice(separator);
        let mut done = unit;
        while done < len {
            let part = done.min(len - done);
            text.copy_within(..part, done);
            done += part;
        }
        return cx.ret_bytes(&text[..len]);
    }
    let (result, data) = cx.vm.heap.uninit_str(len)?;
    // SAFETY: `data` has room for `len` bytes, at least two copies of the
    // string with a separator between them. The rest repeats from its start,
    // and `done - from` bytes of that are there.
    unsafe {
        cx.vm.copy_in_pieces(s, data)?;
        cx.vm.copy_in_pieces(separator, data.add(s.len()))?;
        let mut done = unit;
        while done < len {
            let from = done % unit;
            let part = (len - done).min(done - from).min(16 * CHUNK);
            data.add(done)
                .copy_from_nonoverlapping(data.add(from), part);
            done += part;
            cx.vm.tick(byte_steps(part))?;
        }
    }
    cx.ret(Value::str(result))
}
