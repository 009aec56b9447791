//! The formats of `read`: lines, numbers, a count of bytes, everything.
//!
//! Nothing is read beyond what a format takes, except into the stream's own
//! buffer. What is read grows piece by piece, so a huge count costs nothing
//! and a limit on memory holds before it is broken.

use super::stream::Stream;
use crate::error::Result;
use crate::native::Cx;
use crate::stdlib::shared::append;
use crate::text::{ctype, number};
use crate::value::{NIL, Value, tag};
use smallvec::SmallVec;

/// Longest numeral that is read.
const MAX_NUMERAL: usize = 200;

/// Values that were read: one for each format up to the first that failed,
/// which is nil.
pub(super) type Values = SmallVec<[Value; 4]>;

/// What reading gives: an inner error is the system's.
type Got<T> = Result<std::io::Result<T>>;

/// Unwraps a system result inside a function that returns [`Got`].
macro_rules! io {
    ($e:expr) => {
        match $e {
            Ok(v) => v,
            Err(e) => return Ok(Err(e)),
        }
    };
}

/// Reads by the formats in arguments `first ..`; without any, a line.
pub(super) fn by_formats(cx: &mut Cx<'_>, stream: &mut Stream, first: usize) -> Got<Values> {
    let mut values = Values::new();
    if cx.n <= first {
        values.push(io!(line(cx, stream, false)?));
        return Ok(Ok(values));
    }
    for i in first..cx.n {
        let format = cx.slot(i);
        let v = if matches!(format.tag, tag::INT | tag::FLOAT) {
            let count = cx.check_int(i)? as u64;
            if count == 0 {
                io!(at_end(cx, stream))
            } else {
                io!(bytes(cx, stream, count)?)
            }
        } else {
            let format = cx.check_bytes(i)?;
            let format = format.strip_prefix(b"*").unwrap_or(format);
            match format.first() {
                Some(b'n') => io!(numeral(cx, stream)?),
                Some(b'l') => io!(line(cx, stream, false)?),
                Some(b'L') => io!(line(cx, stream, true)?),
                Some(b'a') => {
                    let mut text = Vec::new();
                    io!(collect(cx, stream, u64::MAX, &mut text)?);
                    cx.vm.str_value(&text)?
                }
                _ => return Err(cx.arg_error(i, "invalid format")),
            }
        };
        values.push(v);
        if v.is_nil() {
            break;
        }
    }
    Ok(Ok(values))
}

/// The empty string, or nil at the end of the stream.
fn at_end(cx: &mut Cx<'_>, stream: &mut Stream) -> std::io::Result<Value> {
    let more = stream.peek()?.is_some();
    Ok(if more {
        Value::str(cx.vm.heap.str(b""))
    } else {
        NIL
    })
}

/// Up to `count` bytes; nil at the end of the stream.
fn bytes(cx: &mut Cx<'_>, stream: &mut Stream, count: u64) -> Got<Value> {
    let ahead = io!(stream.fill());
    if ahead.is_empty() {
        return Ok(Ok(NIL));
    }
    if ahead.len() as u64 >= count {
        let v = cx.vm.str_value(&ahead[..count as usize])?;
        stream.take(count as usize);
        return Ok(Ok(v));
    }
    let mut text = Vec::new();
    io!(collect(cx, stream, count, &mut text)?);
    Ok(Ok(cx.vm.str_value(&text)?))
}

/// Appends up to `count` bytes to `text`.
pub(in crate::stdlib) fn collect(
    cx: &mut Cx<'_>,
    stream: &mut Stream,
    count: u64,
    text: &mut Vec<u8>,
) -> Got<()> {
    let mut left = count;
    while left > 0 {
        let ahead = io!(stream.fill());
        if ahead.is_empty() {
            break;
        }
        let n = ahead.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        append(cx.vm, text, &ahead[..n])?;
        stream.take(n);
        left -= n as u64;
        cx.vm.tick(n as u64 / 8)?;
    }
    Ok(Ok(()))
}

/// The next line, with its end if `keep_end`; nil at the end of the stream.
fn line(cx: &mut Cx<'_>, stream: &mut Stream, keep_end: bool) -> Got<Value> {
    let mut text = Vec::new();
    loop {
        let ahead = io!(stream.fill());
        let end = memchr::memchr(b'\n', ahead);
        let n = end.map_or(ahead.len(), |at| at + 1);
        let part = match end {
            Some(at) if !keep_end => &ahead[..at],
            _ => &ahead[..n],
        };
        if end.is_some() && text.is_empty() {
            let v = cx.vm.str_value(part)?;
            stream.take(n);
            return Ok(Ok(v));
        }
        append(cx.vm, &mut text, part)?;
        stream.take(n);
        if end.is_some() {
            break;
        }
        if n == 0 {
            if text.is_empty() {
                return Ok(Ok(NIL));
            }
            break;
        }
        cx.vm.tick(n as u64 / 8)?;
    }
    Ok(Ok(cx.vm.str_value(&text)?))
}

/// A numeral that is being read.
struct Numeral<'a> {
    stream: &'a mut Stream,
    text: [u8; MAX_NUMERAL],
    len: usize,
    too_long: bool,
}

impl Numeral<'_> {
    /// Takes the next byte if `wanted`.
    fn accept(&mut self, wanted: impl Fn(u8) -> bool) -> std::io::Result<bool> {
        let Some(byte) = self.stream.peek()?.filter(|b| wanted(*b)) else {
            return Ok(false);
        };
        if self.len == MAX_NUMERAL {
            self.too_long = true;
            return Ok(false);
        }
        self.text[self.len] = byte;
        self.len += 1;
        self.stream.take(1);
        Ok(true)
    }

    fn digits(&mut self, hex: bool) -> std::io::Result<usize> {
        let mut count = 0;
        while self.accept(|b| {
            if hex {
                b.is_ascii_hexdigit()
            } else {
                b.is_ascii_digit()
            }
        })? {
            count += 1;
        }
        Ok(count)
    }

    /// Takes the longest prefix of the stream that could be a numeral.
    fn scan(&mut self) -> std::io::Result<()> {
        let sign = |b| matches!(b, b'+' | b'-');
        self.accept(sign)?;
        let (mut hex, mut count) = (false, 0);
        if self.accept(|b| b == b'0')? {
            if self.accept(|b| matches!(b, b'x' | b'X'))? {
                hex = true;
            } else {
                count = 1;
            }
        }
        count += self.digits(hex)?;
        if self.accept(|b| b == b'.')? {
            count += self.digits(hex)?;
        }
        let exponent = if hex { *b"pP" } else { *b"eE" };
        if count > 0 && self.accept(|b| exponent.contains(&b))? {
            self.accept(sign)?;
            self.digits(false)?;
        }
        Ok(())
    }
}

/// A number; nil if what comes next is none (it is read nevertheless).
fn numeral(cx: &mut Cx<'_>, stream: &mut Stream) -> Got<Value> {
    loop {
        let ahead = io!(stream.fill());
        let spaces = ahead.iter().take_while(|b| ctype::is_space(**b)).count();
        let all = spaces == ahead.len();
        let end = ahead.is_empty();
        stream.take(spaces);
        if end || !all {
            break;
        }
        cx.vm.tick(spaces as u64)?;
    }
    let mut numeral = Numeral {
        stream,
        text: [0; MAX_NUMERAL],
        len: 0,
        too_long: false,
    };
    io!(numeral.scan());
    if numeral.too_long {
        return Ok(Ok(NIL));
    }
    Ok(Ok(match number::parse(&numeral.text[..numeral.len]) {
        Some(number::Number::Int(i)) => Value::int(i),
        Some(number::Number::Float(f)) => Value::float(f),
        None => NIL,
    }))
}
