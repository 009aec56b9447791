//! `string.pack`, `packsize` and `unpack`.

use super::{byte_steps, bytes, reserve};
use crate::error::{Error, Result};
use crate::native::{Cx, Ret};
use crate::text::pack::{Blame, PackError, Packer, Unpacked, Unpacker, Wanted, packed_size_within};
use crate::text::span;
use crate::value::{NIL, Value};

/// From this size on the memory limit is asked first.
const LARGE: usize = 1 << 16;

/// The Lua error for `e`, which arose at argument `arg`.
#[cold]
fn raise(cx: &mut Cx<'_>, e: PackError, arg: usize) -> Error {
    let msg = e.message();
    match e.blame() {
        Blame::Nothing => cx.error_bytes(&msg),
        Blame::Argument(number) => cx.arg_error_bytes(number as usize - 1, &msg),
        Blame::Value => cx.arg_error_bytes(arg, &msg),
    }
}

/// Asks for the memory that `more` bytes after `len` take, as the packer's
/// buffer may double.
#[inline]
fn check_memory(cx: &mut Cx<'_>, len: usize, more: usize) -> Result<()> {
    if more >= LARGE || len >= LARGE && len.leading_zeros() != (len + more).leading_zeros() {
        cx.vm.heap.check(2 * len.saturating_add(more))?;
    }
    cx.vm.tick(8 + byte_steps(more))
}

pub(super) fn pack(cx: &mut Cx<'_>) -> Result<Ret> {
    let fmt = bytes(cx, 0)?;
    // A missing value reads as nil in messages, as in PUC Lua.
    cx.push(NIL)?;
    cx.n += 1;
    let mut packer = Packer::new(fmt);
    let mut arg = 0;
    loop {
        let item = match packer.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(e) => return Err(raise(cx, e, arg)),
        };
        arg += 1;
        check_memory(cx, packer.len(), item.size())?;
        let done = match item.wanted() {
            Wanted::Int => {
                let i = cx.check_int(arg)?;
                packer.put_int(&item, i)
            }
            Wanted::Float => {
                packer.put_float(&item, cx.check_num(arg)?);
                Ok(())
            }
            Wanted::Str => {
                let text = bytes(cx, arg)?;
                check_memory(cx, packer.len(), text.len())?;
                packer.put_str(&item, text)
            }
        };
        done.map_err(|e| raise(cx, e, arg))?;
    }
    cx.ret_bytes(&packer.finish())
}

pub(super) fn packsize(cx: &mut Cx<'_>) -> Result<Ret> {
    let fmt = bytes(cx, 0)?;
    match packed_size_within(fmt, &mut |steps| cx.vm.tick(steps))? {
        Ok(size) => cx.ret_int(size as i64),
        Err(e) => Err(raise(cx, e, 0)),
    }
}

pub(super) fn unpack(cx: &mut Cx<'_>) -> Result<Ret> {
    let (fmt, data) = (bytes(cx, 0)?, bytes(cx, 1)?);
    let from = span::start(cx.opt_int(2, 1)?, data.len()) - 1;
    let mut unpacker = Unpacker::new(fmt, data, from).map_err(|e| raise(cx, e, 0))?;
    let first = cx.top();
    loop {
        let v = match unpacker.next() {
            Ok(Some(Unpacked::Int(i))) => Value::int(i),
            Ok(Some(Unpacked::Float(f))) => Value::float(f),
            Ok(Some(Unpacked::Str(text))) => {
                cx.vm.tick(byte_steps(text.len()))?;
                cx.vm.str_value(text)?
            }
            Ok(None) => break,
            Err(e) => return Err(raise(cx, e, 0)),
        };
        cx.vm.tick(8)?;
        reserve(cx, 2, "too many results")?;
        cx.push(v)?;
    }
    cx.push(Value::int(unpacker.position() as i64 + 1))?;
    let n = cx.top() - first;
    cx.ret_pushed(n)
}
