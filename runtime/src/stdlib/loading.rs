//! `load`, `loadfile`, `dofile`: from text or bytecode to a function.
//!
//! A chunk that starts with escape (0x1b) is bytecode, which only a host
//! that opted in accepts ([`Vm::allow_bytecode`]); it is verified before it
//! becomes a function. Everything else is source. In a file, a byte order
//! mark and a first line that starts with `#` are skipped.

use super::io::read::collect;
use super::io::stream::{Mode, Stream};
use super::shared::{append, free};
use crate::error::{OutOfMemory, Result};
use crate::limits::Allowance;
use crate::load::{load_module, main_closure};
use crate::native::{Cx, Ret, cont};
use crate::os;
use crate::state::Vm;
use crate::value::{NIL, Value};
use std::sync::Arc;
use strata_spec::LoadError;
use strata_spec::container::{HEADER_LEN, MAGIC, SECTION_HEADER_LEN};

/// First byte of bytecode.
const ESCAPE: u8 = 0x1b;
/// Where a container's header has the number of sections, and a section's
/// header the length of its payload.
const SECTION_COUNT: usize = 12;
const SECTION_LENGTH: usize = 4;
/// Longest chunk.
const MAX_CHUNK: usize = i32::MAX as usize;

/// A function, or the message that says why there is none.
pub type Loaded = std::result::Result<Value, Vec<u8>>;

/// What `load` does with a whole chunk: `mode` says whether text (`t`) and
/// bytecode (`b`) are accepted, `env` is the first upvalue (the globals if
/// `None`).
///
/// # Errors
/// Out of memory, a limit; everything else is a message.
pub fn load_chunk(
    vm: &mut Vm,
    chunk: &[u8],
    name: &[u8],
    mode: &[u8],
    env: Option<Value>,
) -> Result<Loaded> {
    let binary = chunk.first() == Some(&ESCAPE);
    let (letter, kind) = if binary {
        (b'b', "binary")
    } else {
        (b't', "text")
    };
    let allowed = !binary || vm.allow_bytecode;
    if !allowed || !mode.contains(&letter) {
        let mode = if mode.contains(&letter) { b"t" } else { mode };
        let mut msg = format!("attempt to load a {kind} chunk (mode is '").into_bytes();
        msg.extend_from_slice(mode);
        msg.extend_from_slice(b"')");
        return Ok(Err(msg));
    }
    let module = if binary {
        let mut allowance = Allowance::new(vm);
        match strata_spec::load_within(chunk, &mut allowance) {
            Ok(module) => module,
            Err(LoadError::Stopped(_)) => return Err(allowance.into_error()),
            Err(_) if is_cut_short(chunk) => return Ok(Err(bad_format(name, "truncated chunk"))),
            Err(e) => return Ok(Err(bad_format(name, &e.to_string()))),
        }
    } else {
        let compile = vm.exec.compile;
        match compile(vm, chunk, name)? {
            Ok(module) => module,
            Err(msg) => return Ok(Err(msg)),
        }
    };
    let proto = load_module(vm, Arc::new(module))?;
    Ok(Ok(Value::closure(main_closure(vm, proto, env))))
}

/// "name: bad binary format (why)"
#[cold]
fn bad_format(name: &[u8], why: &str) -> Vec<u8> {
    let mut msg = match name.first() {
        Some(b'@' | b'=') => name[1..].to_vec(),
        Some(&ESCAPE) => b"binary string".to_vec(),
        _ => name.to_vec(),
    };
    msg.extend_from_slice(format!(": bad binary format ({why})").as_bytes());
    msg
}

/// Whether `chunk` ends before its header says it does: the most likely
/// reason why it can't be read, and one that a checksum would hide.
fn is_cut_short(chunk: &[u8]) -> bool {
    if chunk.len() < HEADER_LEN {
        return chunk.starts_with(&MAGIC) || MAGIC.starts_with(chunk);
    }
    let number = |at: usize| {
        let bytes = chunk.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let mut at = HEADER_LEN;
    for _ in 0..number(SECTION_COUNT).unwrap_or(0) {
        match number(at + SECTION_LENGTH) {
            Some(length) => at = at.saturating_add(SECTION_HEADER_LEN + length),
            None => return true,
        }
        if at > chunk.len() {
            return true;
        }
    }
    false
}

/// A file's chunk and its name, or the message that says why there is none.
type FileChunk = std::result::Result<(Vec<u8>, Vec<u8>), Vec<u8>>;

/// The chunk in a file, and its name; standard input without a file name.
///
/// # Errors
/// Out of memory, a limit; everything else is a message.
pub(super) fn read_file(cx: &mut Cx<'_>, file: Option<&[u8]>) -> Result<FileChunk> {
    let mut chunk = Vec::new();
    let (name, what, done) = match file {
        None => {
            let mut stdin = std::mem::replace(&mut cx.vm.lib.std[0], Stream::closed());
            let done = collect(cx, &mut stdin, MAX_CHUNK as u64, &mut chunk);
            cx.vm.lib.std[0] = stdin;
            (b"=stdin".to_vec(), "read", done?)
        }
        Some(file) => {
            let opened = Mode::parse(b"r").map(|mode| Stream::open(file, mode));
            let name = [b"@", super::io::c_part(file)].concat();
            match opened {
                Some(Ok(mut stream)) => {
                    let done = collect(cx, &mut stream, MAX_CHUNK as u64, &mut chunk)?;
                    (name, "read", done)
                }
                Some(Err(e)) => (name, "open", Err(e)),
                None => (name, "open", Ok(())),
            }
        }
    };
    if let Err(e) = done {
        let mut msg = format!("cannot {what} ").into_bytes();
        msg.extend_from_slice(&name[1..]);
        msg.extend_from_slice(b": ");
        msg.extend_from_slice(&os::error_text(&e).0);
        return Ok(Err(msg));
    }
    Ok(Ok((skip_first_line(chunk), name)))
}

/// A file's chunk without a byte order mark and a first line that starts
/// with `#`. Of that line the end stays, so that lines keep their numbers.
pub fn skip_first_line(mut chunk: Vec<u8>) -> Vec<u8> {
    let mut skip = if chunk.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    if chunk.get(skip) == Some(&b'#') {
        skip = memchr::memchr(b'\n', &chunk[skip..]).map_or(chunk.len(), |at| skip + at);
        if chunk.get(skip + 1) == Some(&ESCAPE) {
            skip += 1;
        }
    }
    chunk.drain(..skip);
    chunk
}

/// Loads a file.
pub(super) fn load_file(
    cx: &mut Cx<'_>,
    file: Option<&[u8]>,
    mode: &[u8],
    env: Option<Value>,
) -> Result<Loaded> {
    match read_file(cx, file)? {
        Ok((chunk, name)) => {
            let loaded = load_chunk(cx.vm, &chunk, &name, mode, env);
            free(chunk);
            loaded
        }
        Err(msg) => Ok(Err(msg)),
    }
}

/// The function, or nil and the message.
fn return_loaded(cx: &mut Cx<'_>, loaded: Loaded) -> Result<Ret> {
    match loaded {
        Ok(f) => cx.ret(f),
        Err(msg) => {
            let msg = cx.vm.str_value(&msg)?;
            cx.ret2(NIL, msg)
        }
    }
}

pub(super) fn load(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.arg(0);
    let mode = cx.opt_bytes(2)?.unwrap_or(b"bt");
    let env = (cx.n > 3).then(|| cx.slot(3));
    if v.is_str() || v.is_number() {
        let chunk = cx.check_bytes(0)?;
        let name = cx.opt_bytes(1)?.unwrap_or(chunk);
        let loaded = load_chunk(cx.vm, chunk, name, mode, env)?;
        return return_loaded(cx, loaded);
    }
    let name = cx.opt_bytes(1)?.unwrap_or(b"=(load)");
    let reader = cx.check_function(0)?;
    let mut chunk = Vec::new();
    let read = read_pieces(cx, reader, &mut chunk);
    let loaded = read.map(|()| load_chunk(cx.vm, &chunk, name, mode, env));
    free(chunk);
    match loaded {
        Ok(loaded) => return_loaded(cx, loaded?),
        // What the reader raises is a failure to load.
        Err(e) => {
            let v = cx.vm.catchable(e)?;
            cx.ret2(NIL, v)
        }
    }
}

/// Calls `reader` until it returns nil or nothing, and joins what it returned.
fn read_pieces(cx: &mut Cx<'_>, reader: Value, chunk: &mut Vec<u8>) -> Result<()> {
    let bottom = cx.top();
    loop {
        cx.set_top(bottom)?;
        let piece = cx.call1(reader, &[])?;
        if piece.is_nil() {
            return Ok(());
        }
        let piece = if piece.is_number() {
            Value::str(cx.vm.number_to_str(piece))
        } else {
            piece
        };
        if !piece.is_str() {
            return Err(cx.error("reader function must return a string"));
        }
        let bytes = cx.vm.bytes(piece.as_str());
        if bytes.is_empty() {
            return Ok(());
        }
        if chunk.len() + bytes.len() > MAX_CHUNK {
            return Err(OutOfMemory.into());
        }
        append(cx.vm, chunk, bytes)?;
        cx.vm.tick(16)?;
    }
}

pub(super) fn loadfile(cx: &mut Cx<'_>) -> Result<Ret> {
    let file = cx.opt_bytes(0)?;
    let mode = cx.opt_bytes(1)?.unwrap_or(b"bt");
    let env = (cx.n > 2).then(|| cx.slot(2));
    let loaded = load_file(cx, file, mode, env)?;
    return_loaded(cx, loaded)
}

pub(super) fn dofile(cx: &mut Cx<'_>) -> Result<Ret> {
    let file = cx.opt_bytes(0)?;
    match load_file(cx, file, b"bt", None)? {
        Ok(f) => cx.push_call_then(f, &[], cont::PASS),
        Err(msg) => Err(crate::Error::lua(cx.vm.str_value(&msg)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_cut_short, skip_first_line};

    #[test]
    fn every_proper_prefix_is_cut_short() {
        let whole = strata_spec::write(&strata_spec::Module::default());
        for n in 1..whole.len() {
            assert!(is_cut_short(&whole[..n]), "{n}");
        }
        assert!(!is_cut_short(&whole));
        assert!(!is_cut_short(b"\x1bLua"));
    }

    #[test]
    fn first_lines() {
        let skipped = |text: &str| skip_first_line(text.as_bytes().to_vec());
        assert_eq!(skipped("return 1"), b"return 1");
        assert_eq!(skipped("#!lua\nreturn 1"), b"\nreturn 1");
        assert_eq!(skipped("#!lua"), b"");
        assert_eq!(skipped("# x\n\x1bbinary"), b"\x1bbinary");
        assert_eq!(skip_first_line(b"\xef\xbb\xbf# c\nx".to_vec()), b"\nx");
        assert_eq!(skip_first_line(b"\xef\xbb\xbf".to_vec()), b"");
    }
}
