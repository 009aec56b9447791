//! The utf8 library: arguments checked, results made; decoding is in
//! [`text::utf8`](crate::text::utf8).

use super::Entry;
use super::shared::{register, set_field};
use crate::error::{Cause, Error, Result};
use crate::native::{Cx, Ret};
use crate::object::NativeKind;
use crate::state::Vm;
use crate::text::utf8::Utf8Error;
use crate::text::{span, utf8};
use crate::value::{NIL, Value, tag};

const FUNCTIONS: &[Entry] = &[
    ("char", char),
    ("codepoint", codepoint),
    ("len", len),
    ("offset", offset),
];

/// Bytes handled between two looks at the limits.
const CHUNK: usize = 1 << 14;

/// Opens the utf8 library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    let t = register(vm, "utf8", FUNCTIONS)?;
    let pattern = vm.str_value(utf8::CHAR_PATTERN)?;
    set_field(vm, t, b"charpattern", pattern)?;
    // `codes` returns the same iterator each time.
    let strict = vm
        .heap
        .new_native(next_strict, "for iterator", NativeKind::Plain, &[]);
    let lax = vm
        .heap
        .new_native(next_lax, "for iterator", NativeKind::Plain, &[]);
    let iterators = [Value::native(strict), Value::native(lax)];
    let codes = vm
        .heap
        .new_native(codes, "codes", NativeKind::Plain, &iterators);
    set_field(vm, t, b"codes", Value::native(codes))
}

/// The Lua error for `e`.
#[cold]
fn raise(cx: &mut Cx<'_>, e: Utf8Error) -> Error {
    match e.argument() {
        Some(number) => cx.arg_error(number as usize - 1, e.text()),
        None => cx.error(e.text()),
    }
}

/// Argument `i`, or `default`, as a position in `s`.
#[inline]
fn position(cx: &mut Cx<'_>, i: usize, default: i64, s: &[u8]) -> Result<i64> {
    Ok(span::utf8_pos(cx.opt_int(i, default)?, s.len()))
}

fn char(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.n == 1 {
        let code = check_code(cx, 0)?;
        return cx.ret_bytes(code.as_ref());
    }
    let mut text = Vec::with_capacity(cx.n);
    for i in 0..cx.n {
        text.extend_from_slice(check_code(cx, i)?.as_ref());
    }
    cx.vm.tick(text.len() as u64)?;
    cx.ret_bytes(&text)
}

fn check_code(cx: &mut Cx<'_>, i: usize) -> Result<utf8::Encoded> {
    let code = cx.check_int(i)?;
    match utf8::encode(code as u64) {
        Ok(encoded) => Ok(encoded),
        Err(e) => Err(cx.arg_error(i, e.text())),
    }
}

fn codepoint(cx: &mut Cx<'_>) -> Result<Ret> {
    const WHAT: &str = "string slice too long";
    let s = cx.check_bytes(0)?;
    let first = position(cx, 1, 1, s)?;
    let last = position(cx, 2, first, s)?;
    let strict = cx.arg(3).is_falsy();
    let range = utf8::codepoint_range(s, first, last).map_err(|e| raise(cx, e))?;
    if range.len() >= i32::MAX as usize {
        return Err(cx.error(WHAT));
    }
    if let Err(e) = cx.reserve(range.len()) {
        let overflow = matches!(*e.0, Cause::Lua(_));
        return Err(if overflow {
            cx.error(&format!("stack overflow ({WHAT})"))
        } else {
            e
        });
    }
    cx.vm.tick(range.len() as u64)?;
    let mut n = 0;
    for code in utf8::codes(s, range, strict) {
        let code = code.map_err(|e| raise(cx, e))?;
        cx.push(Value::int(i64::from(code)))?;
        n += 1;
    }
    cx.ret_pushed(n)
}

fn len(cx: &mut Cx<'_>) -> Result<Ret> {
    let s = cx.check_bytes(0)?;
    let mut first = position(cx, 1, 1, s)?;
    let last = position(cx, 2, -1, s)?;
    let strict = cx.arg(3).is_falsy();
    let size = s.len() as i64;
    if first < 1 || first - 1 > size {
        return Err(raise(cx, Utf8Error::InitialPosition));
    }
    if last > size {
        return Err(raise(cx, Utf8Error::FinalPosition));
    }
    let mut count = 0;
    loop {
        let end = last.min(piece_end(s, first));
        match utf8::len(s, first, end, strict).map_err(|e| raise(cx, e))? {
            Ok(n) => count += n,
            Err(at) => return cx.ret2(NIL, Value::int(at)),
        }
        if end >= last {
            return cx.ret_int(count);
        }
        cx.vm.tick(CHUNK as u64)?;
        first = end + 1;
    }
}

/// The last position of a piece of `s` that starts at position `first`: no
/// valid sequence reaches beyond it.
fn piece_end(s: &[u8], first: i64) -> i64 {
    let mut end = first as usize - 1 + CHUNK;
    // A sequence has five continuation bytes at most; if more follow, the
    // piece is invalid before its end.
    for _ in 0..5 {
        if s.get(end).is_some_and(|&byte| utf8::is_continuation(byte)) {
            end -= 1;
        }
    }
    end as i64
}

fn offset(cx: &mut Cx<'_>) -> Result<Ret> {
    /// Sequences passed between two looks at the limits.
    const STRIDE: i64 = 1 << 12;
    let s = cx.check_bytes(0)?;
    let mut n = cx.check_int(1)?;
    let mut from = position(cx, 2, utf8::default_offset_start(s, n), s)?;
    loop {
        let (step, rest) = if n < -STRIDE {
            (-STRIDE, n + STRIDE)
        } else if n > STRIDE {
            (STRIDE + 1, n - STRIDE)
        } else {
            (n, 0)
        };
        let found = utf8::offset(s, step, from).map_err(|e| raise(cx, e))?;
        match found {
            None => return cx.ret_nil(),
            Some(at) if rest == 0 => return cx.ret_int(at),
            Some(at) => from = at,
        }
        n = rest;
        cx.vm.tick(STRIDE as u64)?;
    }
}

fn codes(cx: &mut Cx<'_>) -> Result<Ret> {
    let lax = cx.arg(1).is_truthy();
    let s = cx.check_bytes(0)?;
    if let Err(e) = utf8::check_codes(s) {
        return Err(cx.arg_error(0, e.text()));
    }
    let values = [cx.upval(usize::from(lax)), cx.slot(0), Value::int(0)];
    cx.ret_all(&values)
}

fn next_strict(cx: &mut Cx<'_>) -> Result<Ret> {
    next(cx, true)
}

fn next_lax(cx: &mut Cx<'_>) -> Result<Ret> {
    next(cx, false)
}

#[inline]
fn next(cx: &mut Cx<'_>, strict: bool) -> Result<Ret> {
    let s = cx.check_bytes(0)?;
    let previous = cx.arg(1);
    let previous = if previous.tag == tag::INT {
        previous.as_int()
    } else {
        cx.vm.to_integer(previous).unwrap_or(0)
    };
    match utf8::next_code(s, previous, strict) {
        Ok(Some((at, code))) => cx.ret2(Value::int(at), Value::int(i64::from(code))),
        Ok(None) => cx.ret0(),
        Err(e) => Err(raise(cx, e)),
    }
}
