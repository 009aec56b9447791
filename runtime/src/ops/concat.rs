//! Concatenation of strings and numbers.

use super::meta::concat_operand;
use crate::error::Result;
use crate::object::{MAX_INTERNED, Str};
use crate::state::Vm;
use crate::text::number::NumBuf;
use crate::value::{Value, tag};

/// Results shorter than this are put together on the native stack.
const SHORT: usize = 256;

/// Whether `..` takes `v` as it is or converts it, without a metamethod.
#[inline]
pub fn is_plain(v: Value) -> bool {
    v.is_str() || v.is_number()
}

/// Concatenates strings and numbers. The values may be overwritten.
///
/// # Errors
/// The result is too long; no memory; a limit.
pub fn join(vm: &mut Vm, values: &mut [Value]) -> Result<Value> {
    let mut buffer = [0; SHORT];
    if let Some(n) = gather(values, &mut buffer) {
        return Ok(Value::str(vm.heap.str(&buffer[..n])));
    }
    let mut total = 0usize;
    for v in values.iter_mut() {
        let Some(s) = concat_operand(vm, *v) else {
            return Err(vm.error_at(0, b"attempt to concatenate a value that is no string"));
        };
        *v = Value::str(s);
        // SAFETY: operands are live strings; those made here stay valid because
        // nothing collects before the next safepoint.
        total = match total.checked_add(unsafe { (*s).len }) {
            Some(t) => t,
            None => return Err(vm.error_at(0, b"string length overflow")),
        };
    }
    let [first, rest @ ..] = values else {
        return Ok(Value::str(vm.heap.str(b"")));
    };
    let rest = match rest {
        [] => return Ok(*first),
        [one] => one.as_str(),
        // The first may be a long accumulator: join the rest, then append.
        // SAFETY: as above.
        _ => unsafe { flat(vm, rest, total - (*first.as_str()).len)? },
    };
    // SAFETY: as above.
    Ok(Value::str(unsafe { vm.concat(first.as_str(), rest)? }))
}

/// Puts the texts of `values` one after the other to `buffer`: their length,
/// if they fit and need not be flattened first.
#[inline]
fn gather(values: &[Value], buffer: &mut [u8; SHORT]) -> Option<usize> {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        let to = buffer.get_mut(at..at + bytes.len())?;
        to.copy_from_slice(bytes);
        at += bytes.len();
        Some(())
    };
    for v in values {
        match v.tag {
            tag::STR => {
                let s = v.as_str();
                // SAFETY: operands are live strings; `data` leads to `len` bytes
                // if it is not null.
                put(unsafe {
                    if (*s).data.is_null() {
                        return None;
                    }
                    std::slice::from_raw_parts((*s).data, (*s).len)
                })?;
            }
            tag::INT => put(NumBuf::int(v.as_int()).as_bytes())?,
            tag::FLOAT => put(NumBuf::float(v.as_float()).as_bytes())?,
            _ => return None,
        }
    }
    // Longer ones are nodes.
    (at < SHORT).then_some(at)
}

/// The strings in one, flat, of `len` bytes.
///
/// # Safety
/// They are live strings and together that long.
unsafe fn flat(vm: &mut Vm, strings: &[Value], len: usize) -> Result<*mut Str> {
    if len <= MAX_INTERNED {
        let mut short = [0; MAX_INTERNED];
        let mut at = 0;
        for s in strings {
            let bytes = vm.bytes(s.as_str());
            short[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        }
        return Ok(vm.heap.str(&short[..len]));
    }
    let (s, mut at) = vm.heap.uninit_str(len)?;
    for part in strings {
        let bytes = vm.bytes_within(part.as_str())?;
        // SAFETY: the string has room for all of them.
        unsafe {
            vm.copy_in_pieces(bytes, at)?;
            at = at.add(bytes.len());
        }
    }
    Ok(s)
}
