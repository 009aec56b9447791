//! `string.format`: fetches arguments in PUC Lua's order of checks and hands
//! them to the conversions of [`printf`](crate::text::printf).

use super::buffer::{Buffer, build};
use super::{CHUNK, bytes};
use crate::error::{Error, Result};
use crate::metatable::{Event, metamethod};
use crate::native::{Cx, Ret};
use crate::object::Str;
use crate::ops::meta::raw_tostring;
use crate::text::number::NumBuf;
use crate::text::printf::{
    Conversion, Directive, FormatError, check_string, format_char, format_float, format_int,
    format_pointer, format_str, quote,
};
use crate::value::{Value, tag};

/// More than any conversion of a number or a padded string writes.
const MAX_ITEM: usize = 512;

/// From this length on a string is not padded.
const LONG: usize = 100;

pub(super) fn format(cx: &mut Cx<'_>) -> Result<Ret> {
    let fmt = bytes(cx, 0)?;
    let v = build(cx, |cx, out| directives(cx, fmt, out).map(|()| None))?;
    cx.ret(v)
}

fn directives(cx: &mut Cx<'_>, fmt: &[u8], out: &mut Buffer) -> Result<()> {
    let mut rest = fmt;
    let mut arg = 0;
    loop {
        let literal = memchr::memchr(b'%', rest).unwrap_or(rest.len());
        out.push(cx.vm, &rest[..literal])?;
        let Some(after) = rest.get(literal + 1..) else {
            return Ok(());
        };
        rest = after;
        if let [b'%', after @ ..] = rest {
            out.push(cx.vm, b"%")?;
            rest = after;
            continue;
        }
        arg += 1;
        if arg >= cx.n {
            return Err(cx.arg_error(arg, "no value"));
        }
        let (directive, taken) = Directive::parse(rest).map_err(|e| raise(cx, e, arg))?;
        rest = &rest[taken..];
        out.reserve(cx.vm, MAX_ITEM)?;
        cx.vm.tick(64)?;
        convert(cx, &directive, arg, out)?;
    }
}

/// The Lua error for a malformed directive or an argument that doesn't suit it.
#[cold]
fn raise(cx: &mut Cx<'_>, e: FormatError, arg: usize) -> Error {
    let msg = e.message();
    if e.blames_argument() {
        cx.arg_error_bytes(arg, &msg)
    } else {
        cx.error_bytes(&msg)
    }
}

/// Formats argument `arg`. The buffer has room for [`MAX_ITEM`] bytes.
#[inline]
fn convert(cx: &mut Cx<'_>, directive: &Directive<'_>, arg: usize, out: &mut Buffer) -> Result<()> {
    let conversion = directive.conversion().map_err(|e| raise(cx, e, arg))?;
    match conversion {
        Conversion::Int => {
            let i = cx.check_int(arg)?;
            let layout = directive.layout().map_err(|e| raise(cx, e, arg))?;
            format_int(&layout, directive.letter(), i, &mut out.bytes);
        }
        Conversion::Float => {
            let f = cx.check_num(arg)?;
            let layout = directive.layout().map_err(|e| raise(cx, e, arg))?;
            format_float(&layout, directive.letter(), f, &mut out.bytes);
        }
        Conversion::HexFloat => {
            let layout = directive.layout().map_err(|e| raise(cx, e, arg))?;
            let f = cx.check_num(arg)?;
            format_float(&layout, directive.letter(), f, &mut out.bytes);
        }
        Conversion::Str => string(cx, directive, arg, out)?,
        Conversion::Char => {
            let layout = directive.layout().map_err(|e| raise(cx, e, arg))?;
            let i = cx.check_int(arg)?;
            format_char(&layout, i as u8, &mut out.bytes);
        }
        Conversion::Pointer => {
            let v = cx.slot(arg);
            let layout = directive.layout().map_err(|e| raise(cx, e, arg))?;
            let address = (v.is_gc() || v.tag == tag::LIGHT).then_some(v.payload);
            format_pointer(&layout, address, &mut out.bytes);
        }
        Conversion::Quote => {
            directive.check_quote().map_err(|e| raise(cx, e, arg))?;
            literal(cx, arg, out)?;
        }
    }
    Ok(())
}

/// `%s`
fn string(cx: &mut Cx<'_>, directive: &Directive<'_>, arg: usize, out: &mut Buffer) -> Result<()> {
    let v = cx.slot(arg);
    let handler = metamethod(cx.vm, v, Event::Tostring);
    let number;
    let text: &[u8] = if !handler.is_nil() {
        let s = call_tostring(cx, handler, v)?;
        cx.vm.bytes(s)
    } else {
        match v.tag {
            tag::STR => cx.vm.bytes_within(v.as_str())?,
            tag::INT => {
                number = NumBuf::int(v.as_int());
                number.as_bytes()
            }
            tag::FLOAT => {
                number = NumBuf::float(v.as_float());
                number.as_bytes()
            }
            _ => {
                let s = raw_tostring(cx.vm, v);
                cx.vm.bytes(s)
            }
        }
    };
    if directive.is_bare() {
        return out.push(cx.vm, text);
    }
    check_string(directive, text).map_err(|e| raise(cx, e, arg))?;
    let layout = directive.layout().map_err(|e| raise(cx, e, arg))?;
    if layout.precision.is_none() && text.len() >= LONG {
        return out.push(cx.vm, text);
    }
    format_str(&layout, text, &mut out.bytes);
    Ok(())
}

/// What `__tostring` says about `v`, held by nothing.
#[cold]
fn call_tostring(cx: &mut Cx<'_>, handler: Value, v: Value) -> Result<*mut Str> {
    // The format string is still in use.
    let fmt = cx.slot(0);
    let held = cx.vm.handles.hold(fmt);
    let result = cx.call1(handler, &[v]);
    cx.vm.handles.release(held);
    let text = result?;
    match text.tag {
        tag::STR => Ok(text.as_str()),
        tag::INT | tag::FLOAT => Ok(cx.vm.number_to_str(text)),
        _ => Err(cx.error("'__tostring' must return a string")),
    }
}

/// `%q`
fn literal(cx: &mut Cx<'_>, arg: usize, out: &mut Buffer) -> Result<()> {
    let v = cx.slot(arg);
    match v.tag {
        tag::STR => {
            let text = cx.vm.bytes_within(v.as_str())?;
            out.reserve(cx.vm, text.len() + 2)?;
            out.bytes.push(b'"');
            for start in (0..text.len()).step_by(CHUNK) {
                let end = text.len().min(start + CHUNK);
                let piece = &text[start..end];
                let escaped = piece
                    .iter()
                    .filter(|b| b.is_ascii_control() || matches!(b, b'"' | b'\\'))
                    .count();
                out.reserve(cx.vm, piece.len() + 3 * escaped + 1)?;
                quote::quote_part(piece, text.get(end).copied(), &mut out.bytes);
                cx.vm.tick(piece.len() as u64 * 2)?;
            }
            out.push(cx.vm, b"\"")?;
        }
        tag::INT => quote::quote_int(v.as_int(), &mut out.bytes),
        tag::FLOAT => quote::quote_float(v.as_float(), &mut out.bytes),
        tag::NIL => out.bytes.extend_from_slice(b"nil"),
        tag::FALSE => out.bytes.extend_from_slice(b"false"),
        tag::TRUE => out.bytes.extend_from_slice(b"true"),
        _ => return Err(raise(cx, FormatError::NoLiteralForm, arg)),
    }
    Ok(())
}
