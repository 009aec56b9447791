//! `string.find`, `match`, `gmatch` and `gsub` over the pattern matcher.

use super::buffer::{Buffer, build};
use super::{Work, byte_steps, bytes};
use crate::error::{Error, Result};
use crate::metatable::metatable_of;
use crate::native::{Cx, Ret};
use crate::object::{Native, NativeKind};
use crate::ops;
use crate::state::Vm;
use crate::text::number::NumBuf;
use crate::text::pattern::{
    Capture, MatchError, Matcher, PatternError, Span, append_replacement, no_specials,
};
use crate::text::{plain, span};
use crate::value::{NIL, Value, tag};

type Search<'a, 'c, 'v> = Matcher<'a, Work<'c, 'v>>;

/// The Lua error for a search that ended without an answer.
#[cold]
fn raise(cx: &mut Cx<'_>, e: MatchError<Error>) -> Error {
    match e {
        MatchError::Pattern(e) => fault(cx, e),
        MatchError::Stopped(e) => e,
    }
}

#[cold]
fn fault(cx: &mut Cx<'_>, e: PatternError) -> Error {
    cx.error(&e.to_string())
}

/// The next match.
#[inline]
fn next_match(
    m: &mut Search<'_, '_, '_>,
    from: usize,
    last_end: Option<usize>,
) -> Result<Option<Span>> {
    match m.next_match(from, last_end) {
        Ok(found) => Ok(found),
        Err(e) => Err(raise(m.budget().0, e)),
    }
}

/// Capture `i` of the match `whole` as a value.
#[inline]
fn capture(m: &mut Search<'_, '_, '_>, i: usize, whole: Span) -> Result<Value> {
    let src = m.subject();
    match m.capture(i, whole) {
        Ok(Capture::Span(s)) => {
            let vm = &mut *m.budget().0.vm;
            if s.end - s.start >= 1 << 10 {
                vm.tick(byte_steps(s.end - s.start))?;
            }
            vm.str_value(&src[s.start..s.end])
        }
        Ok(Capture::Position(p)) => Ok(Value::int(p as i64)),
        Err(e) => Err(fault(m.budget().0, e)),
    }
}

/// Pushes the first `n` captures.
fn push_captures(m: &mut Search<'_, '_, '_>, n: usize, whole: Span) -> Result<()> {
    for i in 0..n {
        let v = capture(m, i, whole)?;
        m.budget().0.push(v)?;
    }
    Ok(())
}

/// The values of a match, as results.
#[inline]
fn ret_values(m: &mut Search<'_, '_, '_>, whole: Span) -> Result<Ret> {
    let n = m.value_count();
    if n == 1 {
        let v = capture(m, 0, whole)?;
        return m.budget().0.ret(v);
    }
    push_captures(m, n, whole)?;
    m.budget().0.ret_pushed(n)
}

/// Where a search that begins at argument `i` does: an offset into the
/// `len` bytes of the subject, or beyond.
#[inline]
fn start(cx: &mut Cx<'_>, i: usize, len: usize) -> Result<usize> {
    if cx.n <= i {
        Ok(0)
    } else {
        Ok(span::start(cx.opt_int(i, 1)?, len) - 1)
    }
}

pub(super) fn find(cx: &mut Cx<'_>) -> Result<Ret> {
    let (src, pat) = (bytes(cx, 0)?, bytes(cx, 1)?);
    let init = start(cx, 2, src.len())?;
    if init > src.len() {
        return cx.ret_nil();
    }
    if cx.arg(3).is_truthy() || no_specials(pat) {
        return match find_plain(cx, src, pat, init)? {
            Some(at) => cx.ret2(
                Value::int(at as i64 + 1),
                Value::int((at + pat.len()) as i64),
            ),
            None => cx.ret_nil(),
        };
    }
    let m = &mut Matcher::new(src, pat, Work(cx));
    let Some(whole) = next_match(m, init, None)? else {
        return m.budget().0.ret_nil();
    };
    let (first, last) = (
        Value::int(whole.start as i64 + 1),
        Value::int(whole.end as i64),
    );
    let n = m.capture_count();
    if n == 0 {
        return m.budget().0.ret2(first, last);
    }
    m.budget().0.push(first)?;
    m.budget().0.push(last)?;
    push_captures(m, n, whole)?;
    m.budget().0.ret_pushed(n + 2)
}

/// Where `text` first occurs in `src` from `init` on.
#[inline]
fn find_plain(cx: &mut Cx<'_>, src: &[u8], text: &[u8], init: usize) -> Result<Option<usize>> {
    /// Up to this length a search for the first byte beats the preparation
    /// that the general search needs.
    const SHORT: usize = 512;
    let rest = &src[init..];
    let [first, tail @ ..] = text else {
        return Ok(Some(init));
    };
    if rest.len() > SHORT {
        return plain::find(src, text, init, &mut Work(cx));
    }
    let Some(starts) = (rest.len() + 1).checked_sub(text.len()) else {
        return Ok(None);
    };
    let mut from = 0;
    while let Some(at) = memchr::memchr(*first, &rest[from..starts]) {
        from += at + 1;
        if rest[from..from + tail.len()] == *tail {
            return Ok(Some(init + from - 1));
        }
    }
    Ok(None)
}

pub(super) fn match_(cx: &mut Cx<'_>) -> Result<Ret> {
    let (src, pat) = (bytes(cx, 0)?, bytes(cx, 1)?);
    let init = start(cx, 2, src.len())?;
    let m = &mut Matcher::new(src, pat, Work(cx));
    match next_match(m, init, None)? {
        Some(whole) => ret_values(m, whole),
        None => m.budget().0.ret_nil(),
    }
}

// ---- gmatch: the iterator's upvalues are its state

const SUBJECT: usize = 0;
const PATTERN: usize = 1;
/// Offset at which the next search starts.
const FROM: usize = 2;
/// Offset at which the last match ended, or -1.
const LAST_END: usize = 3;

pub(super) fn gmatch(cx: &mut Cx<'_>) -> Result<Ret> {
    let (src, _) = (bytes(cx, 0)?, bytes(cx, 1)?);
    let from = start(cx, 2, src.len())?.min(src.len() + 1);
    let upvals = [
        cx.slot(0),
        cx.slot(1),
        Value::int(from as i64),
        Value::int(-1),
    ];
    let iterator = cx
        .vm
        .heap
        .new_native(gmatch_next, "for iterator", NativeKind::Plain, &upvals);
    cx.ret(Value::native(iterator))
}

fn gmatch_next(cx: &mut Cx<'_>) -> Result<Ret> {
    let iterator = cx.callee().as_native();
    // SAFETY: this is the running function, which `gmatch` made with four upvalues.
    let upval = |i| unsafe { *Native::upval(iterator, i) };
    let (src, pat) = (upval(SUBJECT), upval(PATTERN));
    if !src.is_str() || !pat.is_str() {
        // Somebody used `debug.setupvalue`.
        return Err(cx.error("state of 'gmatch' was changed"));
    }
    let (src, pat) = (cx.vm.bytes(src.as_str()), cx.vm.bytes(pat.as_str()));
    let offset = |v: Value| {
        if v.tag == tag::INT {
            usize::try_from(v.as_int()).ok()
        } else {
            None
        }
    };
    let from = offset(upval(FROM)).unwrap_or(usize::MAX);
    let m = &mut Matcher::new_unanchored(src, pat, Work(cx));
    let Some(whole) = next_match(m, from, offset(upval(LAST_END)))? else {
        return m.budget().0.ret0();
    };
    let end = Value::int(whole.end as i64);
    // SAFETY: as above. Integers need no barrier.
    unsafe {
        *Native::upval(iterator, FROM) = end;
        *Native::upval(iterator, LAST_END) = end;
    }
    ret_values(m, whole)
}

// ---- gsub

/// What a match is replaced by.
#[derive(Clone, Copy)]
enum Replacement<'a> {
    /// Text without escapes.
    Text(&'a [u8]),
    /// Text with references to captures.
    Template(&'a [u8]),
    /// What a function returns for the captures.
    Function(Value),
    /// What a table holds for the first capture.
    Table(Value),
}

pub(super) fn gsub(cx: &mut Cx<'_>) -> Result<Ret> {
    let (src, pat) = (bytes(cx, 0)?, bytes(cx, 1)?);
    let by = cx.arg(2);
    let most = cx.opt_int(3, src.len() as i64 + 1)?;
    let (by, calls) = match by.tag {
        tag::STR | tag::INT | tag::FLOAT => {
            let text = bytes(cx, 2)?;
            let plain = memchr::memchr(b'%', text).is_none();
            (
                if plain {
                    Replacement::Text(text)
                } else {
                    Replacement::Template(text)
                },
                false,
            )
        }
        tag::CLOSURE | tag::NATIVE => (Replacement::Function(by), true),
        tag::TABLE => (Replacement::Table(by), !metatable_of(cx.vm, by).is_null()),
        _ => return Err(cx.type_error(2, "string/function/table")),
    };
    let most = u64::try_from(most).unwrap_or(0);
    // A callback may overwrite the slots.
    let held = calls.then(|| {
        let values = [cx.slot(0), cx.slot(1), cx.slot(2)];
        values.map(|v| cx.vm.handles.hold(v))
    });
    let subject = cx.slot(0);
    let mut n = 0;
    let result = build(cx, |cx, out| {
        let changed = replace_all(cx, src, pat, by, most, &mut n, out)?;
        Ok(if changed { None } else { Some(subject) })
    });
    for handle in held.into_iter().flatten() {
        cx.vm.handles.release(handle);
    }
    let v = result?;
    cx.ret2(v, Value::int(n as i64))
}

/// Writes `src` with up to `most` matches replaced, and counts them in `n`.
/// Returns false, with nothing written, if all of them were left as they are.
fn replace_all(
    cx: &mut Cx<'_>,
    src: &[u8],
    pat: &[u8],
    by: Replacement<'_>,
    most: u64,
    n: &mut u64,
    out: &mut Buffer,
) -> Result<bool> {
    let m = &mut Matcher::new(src, pat, Work(cx));
    let mut from = 0;
    let mut last_end = None;
    // What precedes `copied` is in the buffer.
    let mut copied = 0;
    let mut changed = false;
    while *n < most {
        let Some(whole) = next_match(m, from, last_end)? else {
            break;
        };
        *n += 1;
        m.budget().0.vm.tick(8)?;
        if replace(m, src, whole, by, copied, out)? {
            changed = true;
            copied = whole.end;
        }
        from = whole.end;
        last_end = Some(whole.end);
        if m.is_anchored() {
            break;
        }
    }
    if changed {
        out.push(m.budget().0.vm, &src[copied..])?;
    }
    Ok(changed)
}

/// Writes the subject from `copied` to a match and the match's replacement;
/// writes nothing and returns false if the match stays as it is.
#[inline]
fn replace(
    m: &mut Search<'_, '_, '_>,
    src: &[u8],
    whole: Span,
    by: Replacement<'_>,
    copied: usize,
    out: &mut Buffer,
) -> Result<bool> {
    let between = &src[copied..whole.start];
    let v = match by {
        Replacement::Text(text) => {
            let vm = &mut *m.budget().0.vm;
            copy(vm, out, between)?;
            copy(vm, out, text)?;
            return Ok(true);
        }
        Replacement::Template(text) => {
            copy(m.budget().0.vm, out, between)?;
            expand(m, whole, text, out)?;
            return Ok(true);
        }
        Replacement::Function(f) => call(m, whole, f)?,
        Replacement::Table(t) => {
            let key = capture(m, 0, whole)?;
            ops::index(m.budget().0, t, key)?
        }
    };
    if v.is_falsy() {
        return Ok(false);
    }
    let cx = &mut *m.budget().0;
    let number;
    let text = match v.tag {
        tag::STR => cx.vm.bytes(v.as_str()),
        tag::INT => {
            number = NumBuf::int(v.as_int());
            number.as_bytes()
        }
        tag::FLOAT => {
            number = NumBuf::float(v.as_float());
            number.as_bytes()
        }
        _ => return Err(cx.error(&format!("invalid replacement value (a {})", v.type_name()))),
    };
    copy(cx.vm, out, between)?;
    copy(cx.vm, out, text)?;
    Ok(true)
}

#[inline]
fn copy(vm: &mut Vm, out: &mut Buffer, text: &[u8]) -> Result<()> {
    vm.tick(byte_steps(text.len()))?;
    out.push(vm, text)
}

/// Writes a replacement with escapes, piece by piece so that the buffer has
/// room for each: a piece holds at most one escape, at its end.
fn expand(m: &mut Search<'_, '_, '_>, whole: Span, text: &[u8], out: &mut Buffer) -> Result<()> {
    /// More than a position takes.
    const POSITION: usize = 24;
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr::memchr(b'%', rest).map_or(rest.len(), |at| rest.len().min(at + 2));
        let vm = &mut *m.budget().0.vm;
        vm.tick(8 + byte_steps(whole.end - whole.start))?;
        out.reserve(vm, end + (whole.end - whole.start) + POSITION)?;
        if let Err(e) = append_replacement(m, whole, &rest[..end], &mut out.bytes) {
            return Err(fault(m.budget().0, e));
        }
        rest = &rest[end..];
    }
    Ok(())
}

/// The first result of `f` for the captures of a match.
fn call(m: &mut Search<'_, '_, '_>, whole: Span, f: Value) -> Result<Value> {
    let n = m.value_count();
    let cx = &mut *m.budget().0;
    let at = cx.top();
    cx.push(f)?;
    cx.push(NIL)?;
    push_captures(m, n, whole)?;
    let cx = &mut *m.budget().0;
    let v = match cx.call_slots(at, n)? {
        0 => NIL,
        _ => cx.slot(at),
    };
    cx.set_top(at)?;
    Ok(v)
}
