//! The io library: files as userdata with the metatable `FILE*`, the default
//! input and output, processes.
//!
//! A file's userdata holds a [`FileData`]: closed, one of the standard
//! streams (which live in [`LibState`](super::LibState), so that `print` and
//! `io.write` share a buffer), or a [`Stream`] of its own. Failures of the
//! system come back to Lua as `nil, message, code`.
//!
//! [`stream`] is the buffering, [`read`] the formats of `read` and `lines`.

pub mod read;
pub mod stream;

use super::Entry;
use super::shared::{add_functions, new_table, register, set_field};
use crate::error::Result;
use crate::metatable::set_userdata_metatable;
use crate::native::{Cx, Ret};
use crate::object::NativeKind;
use crate::os::{self, Exit};
use crate::state::Vm;
use crate::text::number::NumBuf;
use crate::value::{NIL, Value, tag};
use std::io::SeekFrom;
use stream::{BUFFER, Buffering, Mode, Stream};

/// Most formats that `lines` takes.
const MAX_LINE_FORMATS: usize = 250;

/// What a file userdata holds.
#[derive(Debug)]
pub struct FileData(Kind);

#[derive(Debug)]
enum Kind {
    Closed,
    /// A standard stream by number; it can't be closed.
    Standard(u8),
    Own(Stream),
}

const FUNCTIONS: &[Entry] = &[
    ("close", io_close),
    ("flush", io_flush),
    ("input", io_input),
    ("lines", io_lines),
    ("open", io_open),
    ("output", io_output),
    ("popen", io_popen),
    ("read", io_read),
    ("tmpfile", io_tmpfile),
    ("type", io_type),
    ("write", io_write),
];

const METHODS: &[Entry] = &[
    ("close", file_close),
    ("flush", file_flush),
    ("lines", file_lines),
    ("read", file_read),
    ("seek", file_seek),
    ("setvbuf", file_setvbuf),
    ("write", file_write),
];

const METAMETHODS: &[Entry] = &[
    ("__gc", file_gc),
    ("__close", file_gc),
    ("__tostring", file_tostring),
];

/// Opens the io library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    let meta = new_table(vm);
    let name = vm.str_value(b"FILE*")?;
    set_field(vm, meta, b"__name", name)?;
    add_functions(vm, meta, METAMETHODS, &[])?;
    let methods = new_table(vm);
    add_functions(vm, methods, METHODS, &[])?;
    set_field(vm, meta, b"__index", Value::table(methods))?;
    let registry = vm.registry;
    set_field(vm, registry, b"FILE*", Value::table(meta))?;
    vm.handles.hold(Value::table(meta));
    vm.lib.file_meta = meta;
    let io = register(vm, "io", FUNCTIONS)?;
    for (number, name) in [(0, "stdin"), (1, "stdout"), (2, "stderr")] {
        let file = new_file(vm, Kind::Standard(number));
        set_field(vm, io, name.as_bytes(), file)?;
        if number < 2 {
            set_default(vm, number.into(), file);
        }
    }
    Ok(())
}

// ---- files as values

fn new_file(vm: &mut Vm, kind: Kind) -> Value {
    let extra = if matches!(kind, Kind::Own(_)) {
        BUFFER
    } else {
        0
    };
    let u = vm.heap.new_userdata(Box::new(FileData(kind)), 0, extra);
    let meta = vm.lib.file_meta;
    // SAFETY: the userdata was just created, the metatable is kept by a handle.
    unsafe { set_userdata_metatable(vm, u, meta) };
    Value::userdata(u)
}

/// The data of a value that is a file.
fn data_of(v: Value) -> Option<*mut FileData> {
    if v.tag != tag::USERDATA {
        return None;
    }
    // SAFETY: the tag says that the payload is a live userdata; nobody else
    // refers to its data now.
    let data = unsafe { (*v.as_userdata()).data.as_deref_mut() };
    data?.downcast_mut::<FileData>().map(|d| &raw mut *d)
}

/// Argument `i`, which must be a file, open or closed.
fn check_data(cx: &mut Cx<'_>, i: usize) -> Result<*mut FileData> {
    match data_of(cx.arg(i)) {
        Some(data) => Ok(data),
        None => Err(cx.type_error(i, "FILE*")),
    }
}

fn is_closed(data: *mut FileData) -> bool {
    // SAFETY: callers got `data` from a live userdata and run no Lua since.
    matches!(unsafe { &(*data).0 }, Kind::Closed)
}

/// Argument `i`, which must be an open file.
fn check_file(cx: &mut Cx<'_>, i: usize) -> Result<*mut FileData> {
    let data = check_data(cx, i)?;
    if is_closed(data) {
        return Err(cx.error("attempt to use a closed file"));
    }
    Ok(data)
}

/// Lets `f` work on the stream of an open file. No Lua may run inside.
fn with_stream<R>(
    cx: &mut Cx<'_>,
    data: *mut FileData,
    f: impl FnOnce(&mut Cx<'_>, &mut Stream) -> R,
) -> R {
    // SAFETY: callers got `data` from a live userdata, nothing is collected
    // before this returns, and nobody else refers to it.
    match unsafe { &mut (*data).0 } {
        Kind::Own(stream) => f(cx, stream),
        Kind::Standard(number) => {
            let number = usize::from(*number);
            if number == 0 && cx.vm.lib.std[0].is_drained() {
                // Whoever reads may be answering what was just written.
                let _ = cx.vm.lib.std[1].flush();
            }
            let mut stream = std::mem::replace(&mut cx.vm.lib.std[number], Stream::closed());
            let result = f(cx, &mut stream);
            cx.vm.lib.std[number] = stream;
            result
        }
        Kind::Closed => f(cx, &mut Stream::closed()),
    }
}

fn set_default(vm: &mut Vm, which: usize, file: Value) {
    let handle = vm.handles.hold(file);
    if let Some(old) = vm.lib.default_files[which].replace(handle) {
        vm.handles.release(old);
    }
}

/// The default input (0) or output (1) as a value.
fn default_value(vm: &Vm, which: usize) -> Value {
    vm.lib.default_files[which].map_or(NIL, |handle| vm.handles.get(handle))
}

/// The default input (0) or output (1), which must be open.
fn default_file(cx: &mut Cx<'_>, which: usize) -> Result<*mut FileData> {
    match data_of(default_value(cx.vm, which)) {
        Some(data) if !is_closed(data) => Ok(data),
        _ => {
            let name = ["input", "output"][which];
            Err(cx.error(&format!("default {name} file is closed")))
        }
    }
}

// ---- results

/// `true`, or `nil, message, code` with `name` in front of the message.
pub(super) fn file_result(
    cx: &mut Cx<'_>,
    done: std::io::Result<()>,
    name: Option<&[u8]>,
) -> Result<Ret> {
    match done {
        Ok(()) => cx.ret_bool(true),
        Err(e) => failure(cx, &e, name),
    }
}

/// `nil, message, code`
#[cold]
fn failure(cx: &mut Cx<'_>, error: &std::io::Error, name: Option<&[u8]>) -> Result<Ret> {
    let (text, code) = os::error_text(error);
    let text = match name {
        Some(name) => [c_part(name), b": ", text.as_slice()].concat(),
        None => text,
    };
    let text = cx.vm.str_value(&text)?;
    cx.ret_all(&[NIL, text, Value::int(code.into())])
}

/// `true, "exit", 0` or how else a process ended.
pub(super) fn exit_result(cx: &mut Cx<'_>, done: std::io::Result<Exit>) -> Result<Ret> {
    let (what, code) = match done {
        Err(e) => return failure(cx, &e, None),
        Ok(Exit::Code(code)) => ("exit", code),
        Ok(Exit::Signal(signal)) => ("signal", signal),
    };
    let good = if what == "exit" && code == 0 {
        Value::bool(true)
    } else {
        NIL
    };
    let what = cx.vm.str_value(what.as_bytes())?;
    cx.ret_all(&[good, what, Value::int(code.into())])
}

/// A name up to its first zero byte, as the system takes it.
pub(super) fn c_part(name: &[u8]) -> &[u8] {
    name.split(|b| *b == 0).next().unwrap_or(name)
}

// ---- opening and closing

fn io_open(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.check_bytes(0)?;
    let mode = c_part(cx.opt_bytes(1)?.unwrap_or(b"r"));
    let Some(mode) = Mode::parse(mode) else {
        return Err(cx.arg_error(1, "invalid mode"));
    };
    match Stream::open(name, mode) {
        Ok(stream) => {
            let file = new_file(cx.vm, Kind::Own(stream));
            cx.ret(file)
        }
        Err(e) => failure(cx, &e, Some(name)),
    }
}

/// Opens a file by name; failing is a Lua error.
fn open_or_raise(cx: &mut Cx<'_>, name: &[u8], mode: &[u8]) -> Result<Value> {
    let opened = Mode::parse(mode).map_or_else(
        || Err(std::io::Error::from(std::io::ErrorKind::InvalidInput)),
        |mode| Stream::open(name, mode),
    );
    match opened {
        Ok(stream) => Ok(new_file(cx.vm, Kind::Own(stream))),
        Err(e) => {
            let (text, _) = os::error_text(&e);
            let msg = [
                b"cannot open file '",
                c_part(name),
                b"' (",
                text.as_slice(),
                b")",
            ]
            .concat();
            Err(cx.error_bytes(&msg))
        }
    }
}

fn io_popen(cx: &mut Cx<'_>) -> Result<Ret> {
    let command = cx.check_bytes(0)?;
    let to_write = match c_part(cx.opt_bytes(1)?.unwrap_or(b"r")) {
        b"r" => false,
        b"w" => true,
        _ => return Err(cx.arg_error(1, "invalid mode")),
    };
    flush_outputs(cx);
    match Stream::process(command, to_write) {
        Ok(stream) => {
            let file = new_file(cx.vm, Kind::Own(stream));
            cx.ret(file)
        }
        Err(e) => failure(cx, &e, Some(command)),
    }
}

/// Writes out what the process holds back before another one writes.
pub(super) fn flush_outputs(cx: &mut Cx<'_>) {
    cx.vm.lib.flush();
    if let Some(data) = data_of(default_value(cx.vm, 1)) {
        let _ = with_stream(cx, data, |_, s| s.flush());
    }
}

fn io_tmpfile(cx: &mut Cx<'_>) -> Result<Ret> {
    match os::temp_file() {
        Ok(file) => {
            let file = new_file(cx.vm, Kind::Own(Stream::from_file(file)));
            cx.ret(file)
        }
        Err(e) => failure(cx, &e, None),
    }
}

fn close(cx: &mut Cx<'_>, data: *mut FileData) -> Result<Ret> {
    // SAFETY: callers got `data` from a live userdata; nobody else refers to it.
    let kind = unsafe { &mut (*data).0 };
    if let Kind::Standard(_) = kind {
        let msg = cx.vm.str_value(b"cannot close standard file")?;
        return cx.ret2(NIL, msg);
    }
    match std::mem::replace(kind, Kind::Closed) {
        Kind::Own(mut stream) => match stream.close() {
            Ok(None) => cx.ret_bool(true),
            Ok(Some(exit)) => exit_result(cx, Ok(exit)),
            Err(e) => failure(cx, &e, None),
        },
        _ => cx.ret0(),
    }
}

fn io_close(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.n > 0 {
        return file_close(cx);
    }
    match data_of(default_value(cx.vm, 1)) {
        Some(data) if !is_closed(data) => close(cx, data),
        _ => Err(cx.error("attempt to use a closed file")),
    }
}

fn file_close(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_file(cx, 0)?;
    close(cx, data)
}

/// `__gc` and `__close`
fn file_gc(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_data(cx, 0)?;
    // SAFETY: `data` is that of the live userdata in slot 0.
    if let Kind::Own(_) = unsafe { &(*data).0 } {
        close(cx, data)?;
    }
    cx.ret0()
}

fn io_type(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    match data_of(v) {
        None => cx.ret_nil(),
        Some(data) if is_closed(data) => cx.ret_bytes(b"closed file"),
        Some(_) => cx.ret_bytes(b"file"),
    }
}

fn file_tostring(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_data(cx, 0)?;
    if is_closed(data) {
        return cx.ret_bytes(b"file (closed)");
    }
    cx.ret_bytes(format!("file ({data:p})").as_bytes())
}

// ---- default files

fn choose_default(cx: &mut Cx<'_>, which: usize, mode: &[u8]) -> Result<Ret> {
    if !cx.is_none_or_nil(0) {
        let v = cx.slot(0);
        let file = if v.is_str() || v.is_number() {
            let name = cx.check_bytes(0)?;
            open_or_raise(cx, name, mode)?
        } else {
            check_file(cx, 0)?;
            v
        };
        set_default(cx.vm, which, file);
    }
    let file = default_value(cx.vm, which);
    cx.ret(file)
}

fn io_input(cx: &mut Cx<'_>) -> Result<Ret> {
    choose_default(cx, 0, b"r")
}

fn io_output(cx: &mut Cx<'_>) -> Result<Ret> {
    choose_default(cx, 1, b"w")
}

// ---- reading

fn io_read(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = default_file(cx, 0)?;
    read_from(cx, data, 0)
}

fn file_read(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_file(cx, 0)?;
    read_from(cx, data, 1)
}

/// Reads by the formats in arguments `first ..`.
fn read_from(cx: &mut Cx<'_>, data: *mut FileData, first: usize) -> Result<Ret> {
    match with_stream(cx, data, |cx, s| read::by_formats(cx, s, first))? {
        Ok(values) => cx.ret_all(&values),
        Err(e) => failure(cx, &e, None),
    }
}

fn file_lines(cx: &mut Cx<'_>) -> Result<Ret> {
    check_file(cx, 0)?;
    let iter = lines_iterator(cx, false)?;
    cx.ret(iter)
}

fn io_lines(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.n == 0 {
        cx.push(NIL)?;
        cx.n = 1;
    }
    if cx.slot(0).is_nil() {
        let file = default_value(cx.vm, 0);
        cx.set_slot(0, file);
        check_file(cx, 0)?;
        let iter = lines_iterator(cx, false)?;
        return cx.ret(iter);
    }
    let name = cx.check_bytes(0)?;
    let file = open_or_raise(cx, name, b"r")?;
    cx.set_slot(0, file);
    let iter = lines_iterator(cx, true)?;
    cx.ret_all(&[iter, NIL, NIL, file])
}

/// The iterator over the file in slot 0 by the formats after it. Its
/// upvalues: the file, whether it closes it at the end, the formats.
fn lines_iterator(cx: &mut Cx<'_>, close_at_end: bool) -> Result<Value> {
    let formats = cx.n - 1;
    if formats > MAX_LINE_FORMATS {
        return Err(cx.arg_error(MAX_LINE_FORMATS + 1, "too many arguments"));
    }
    let mut upvals = vec![cx.slot(0), Value::bool(close_at_end)];
    upvals.extend((1..=formats).map(|i| cx.slot(i)));
    Ok(Value::native(cx.vm.heap.new_native(
        next_line,
        "lines",
        NativeKind::Plain,
        &upvals,
    )))
}

fn next_line(cx: &mut Cx<'_>) -> Result<Ret> {
    let file = cx.upval(0);
    let Some(data) = data_of(file).filter(|d| !is_closed(*d)) else {
        return Err(cx.error("file is already closed"));
    };
    // Lay the formats out as arguments of `read`.
    let count = upvalue_count(cx);
    cx.set_top(1)?;
    for i in 2..count {
        let format = cx.upval(i);
        cx.push(format)?;
    }
    cx.n = count - 1;
    let got = with_stream(cx, data, |cx, s| read::by_formats(cx, s, 1))?;
    match got {
        Ok(values) if values.first().is_some_and(|v| v.is_truthy()) => cx.ret_all(&values),
        Ok(_) => {
            if cx.upval(1).is_truthy() {
                close(cx, data)?;
            }
            cx.ret0()
        }
        Err(e) => {
            let (text, _) = os::error_text(&e);
            Err(cx.error_bytes(&text))
        }
    }
}

fn upvalue_count(cx: &Cx<'_>) -> usize {
    let f = cx.callee();
    // SAFETY: the running function is a live host function.
    unsafe { (*f.as_native()).hdr.aux as usize }
}

// ---- writing

fn io_write(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = default_file(cx, 1)?;
    let file = default_value(cx.vm, 1);
    write_to(cx, data, file, 0)
}

fn file_write(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_file(cx, 0)?;
    let file = cx.slot(0);
    write_to(cx, data, file, 1)
}

/// Bytes written between two looks at the limits.
const PIECE: usize = 1 << 18;

/// Writes arguments `first ..` and returns the file.
fn write_to(cx: &mut Cx<'_>, data: *mut FileData, file: Value, first: usize) -> Result<Ret> {
    let written = with_stream(cx, data, |cx, s| {
        let mut status = Ok(());
        for i in first..cx.n {
            let v = cx.slot(i);
            let done = match v.tag {
                tag::INT => s.write(NumBuf::int(v.as_int()).as_bytes()),
                tag::FLOAT => {
                    // As C's "%.14g": without the ".0" that `tostring` adds.
                    let text = NumBuf::float(v.as_float());
                    let text = text.as_bytes();
                    s.write(text.strip_suffix(b".0").unwrap_or(text))
                }
                _ => {
                    let text = cx.check_bytes(i)?;
                    let mut done = Ok(());
                    for piece in text.chunks(PIECE) {
                        done = s.write(piece);
                        if done.is_err() {
                            break;
                        }
                        cx.vm.tick(piece.len() as u64 / 4)?;
                    }
                    done
                }
            };
            if status.is_ok() {
                status = done;
            }
        }
        Ok::<_, crate::Error>(status)
    })?;
    match written {
        Ok(()) => cx.ret(file),
        Err(e) => failure(cx, &e, None),
    }
}

fn io_flush(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = default_file(cx, 1)?;
    flush(cx, data)
}

fn file_flush(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_file(cx, 0)?;
    flush(cx, data)
}

fn flush(cx: &mut Cx<'_>, data: *mut FileData) -> Result<Ret> {
    let done = with_stream(cx, data, |_, s| s.flush());
    file_result(cx, done, None)
}

// ---- position and buffering

fn file_seek(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_file(cx, 0)?;
    let whence = cx.check_option(1, Some("cur"), &["set", "cur", "end"])?;
    let offset = cx.opt_int(2, 0)?;
    let to = match whence {
        0 => u64::try_from(offset).map(SeekFrom::Start).ok(),
        1 => Some(SeekFrom::Current(offset)),
        _ => Some(SeekFrom::End(offset)),
    };
    let done = match to {
        Some(to) => with_stream(cx, data, |_, s| s.seek(to)),
        None => Err(std::io::Error::from_raw_os_error(stream::EINVAL)),
    };
    match done {
        Ok(at) => cx.ret_int(at as i64),
        Err(e) => failure(cx, &e, None),
    }
}

fn file_setvbuf(cx: &mut Cx<'_>) -> Result<Ret> {
    let data = check_file(cx, 0)?;
    let how = [Buffering::None, Buffering::Full, Buffering::Line]
        [cx.check_option(1, None, &["no", "full", "line"])?];
    let size = cx.opt_int(2, BUFFER as i64)?;
    let size = usize::try_from(size).unwrap_or(BUFFER);
    let done = with_stream(cx, data, |_, s| s.set_buffering(how, size));
    file_result(cx, done, None)
}
