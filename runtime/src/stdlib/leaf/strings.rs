//! Leaves of the string library, and concatenation.

use super::{LONG, int};
use crate::object::{MAX_INTERNED, Str};
use crate::ops;
use crate::state::Vm;
use crate::text::span;
use crate::value::{NIL, Value, tag};

/// The bytes of a string that is not too long to be flattened at once.
#[inline]
pub(super) fn bytes<'b>(vm: &mut Vm, v: Value) -> Option<&'b [u8]> {
    if v.tag != tag::STR {
        return None;
    }
    let s = v.as_str();
    // SAFETY: a value with this tag is a live string.
    let short = unsafe { !(*s).data.is_null() || (*s).len <= LONG };
    short.then(|| vm.bytes(s))
}

/// A string that is not too long to be copied at once.
#[inline]
pub(super) fn string_of(vm: &mut Vm, bytes: &[u8]) -> Option<Value> {
    match *bytes {
        [byte] => Some(Value::str(vm.char_str(byte))),
        _ if bytes.len() <= LONG => vm.heap.try_str(bytes).ok().map(Value::str),
        _ => None,
    }
}

pub(super) fn sub(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let s = bytes(vm, args[0])?;
    let first = int(args[1])?;
    let last = match args.get(2) {
        Some(v) => int(*v)?,
        None => -1,
    };
    let range = span::sub(first, last, s.len());
    if range.len() == s.len() {
        return Some(args[0]);
    }
    string_of(vm, &s[range])
}

pub(super) fn byte(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let s = bytes(vm, args[0])?;
    let at = match args.get(1) {
        Some(v) => int(*v)?,
        None => 1,
    };
    let range = span::sub(at, at, s.len());
    Some(s[range].first().map_or(NIL, |&b| Value::int(b.into())))
}

pub(super) fn char(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let mut text = [0; MAX_INTERNED];
    let text = text.get_mut(..args.len())?;
    for (to, v) in text.iter_mut().zip(args) {
        *to = u8::try_from(int(*v)?).ok()?;
    }
    string_of(vm, text)
}

pub(super) fn str_len(_: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    // SAFETY: a value with this tag is a live string.
    (v.tag == tag::STR).then(|| Value::int(unsafe { Str::len(v.as_str()) } as i64))
}

/// A short string whose bytes are those of another, mapped.
pub(super) fn mapped(vm: &mut Vm, v: Value, f: impl Fn(u8) -> u8) -> Option<Value> {
    let mut text = [0; MAX_INTERNED];
    let s = bytes(vm, v)?;
    let text = text.get_mut(..s.len())?;
    for (to, &byte) in text.iter_mut().zip(s) {
        *to = f(byte);
    }
    string_of(vm, text)
}

pub(super) fn lower(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    mapped(vm, args[0], |byte| byte.to_ascii_lowercase())
}

pub(super) fn upper(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    mapped(vm, args[0], |byte| byte.to_ascii_uppercase())
}

/// `string.rep` with a short result.
pub(super) fn rep(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let s = bytes(vm, args[0])?;
    let n = int(args[1])?.max(0);
    let mut text = [0; MAX_INTERNED];
    let len = usize::try_from(n).ok()?.checked_mul(s.len())?;
    let text = text.get_mut(..len)?;
    for part in text.chunks_mut(s.len().max(1)) {
        part.copy_from_slice(s);
    }
    string_of(vm, text)
}

pub(super) fn concat(vm: &mut Vm, args: &mut [Value]) -> Option<Value> {
    if !args.iter().all(|v| ops::concat::is_plain(*v)) {
        return None;
    }
    ops::concat::join(vm, args).ok()
}
