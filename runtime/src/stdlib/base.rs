//! The base library: what is global in every Lua program. `load` and its
//! relatives are in [`loading`].
//!
//! `pcall` and `xpcall` only lay out their frame and ask the executor to make
//! the call; that it catches errors follows from the continuation they name:
//!
//! ```text
//!           slot 0      1      2 …
//! pcall     function   link   arguments
//! xpcall    handler    function   link   arguments
//! ```

use super::shared::{add_functions, fixed_str, geti, metatable_of, publish, set_field};
use super::{Entry, loading};
use crate::error::Result;
use crate::feedback::meta::note_metatable;
use crate::heap::{GcOp, GcOutcome, gc_control};
use crate::metatable::{self, Event, metamethod};
use crate::native::{Cx, Ret, cont};
use crate::object::{NativeKind, Table};
use crate::ops;
use crate::ops::meta::set_error;
use crate::state::Vm;
use crate::table;
use crate::text::number;
use crate::value::{NIL, Value, tag};

/// Slot of the message handler in the frame of `xpcall`.
pub const XPCALL_HANDLER: usize = 0;

const FUNCTIONS: &[Entry] = &[
    ("assert", assert),
    ("collectgarbage", collectgarbage),
    ("dofile", loading::dofile),
    ("error", error),
    ("getmetatable", getmetatable),
    ("ipairs", ipairs),
    ("load", loading::load),
    ("loadfile", loading::loadfile),
    ("pairs", pairs),
    ("pcall", pcall),
    ("print", print),
    ("rawequal", rawequal),
    ("rawget", rawget),
    ("rawlen", rawlen),
    ("rawset", rawset),
    ("select", select),
    ("setmetatable", setmetatable),
    ("tonumber", tonumber),
    ("tostring", tostring),
    ("type", type_of),
    ("warn", warn),
    ("xpcall", xpcall),
];

/// Bytes written between two looks at the limits.
const PIECE: usize = 1 << 18;

/// Opens the base library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    let globals = vm.globals;
    let next = Value::native(vm.heap.new_native(next, "next", NativeKind::Next, &[]));
    vm.handles.hold(next);
    vm.lib.next = next;
    let iter =
        Value::native(
            vm.heap
                .new_native(ipairs_iter, "for iterator", NativeKind::IpairsIter, &[]),
        );
    vm.handles.hold(iter);
    vm.lib.ipairs_iter = iter;
    for t in 0..16 {
        let name = Value { tag: t, payload: 0 }.type_name();
        vm.lib.type_names[usize::from(t)] = fixed_str(vm, name);
    }
    set_field(vm, globals, b"next", next)?;
    add_functions(vm, globals, FUNCTIONS, &[])?;
    set_field(vm, globals, b"_G", Value::table(globals))?;
    let version = vm.str_value(b"Lua 5.4")?;
    set_field(vm, globals, b"_VERSION", version)?;
    publish(vm, "_G", Value::table(globals))
}

// ---- errors

pub(super) fn assert(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.arg(0).is_truthy() {
        return cx.ret_slots(0, cx.n);
    }
    cx.check_any(0)?;
    let message = if cx.n > 1 {
        cx.slot(1)
    } else {
        cx.vm.str_value(b"assertion failed!")?
    };
    Err(raise(cx, message, 1))
}

fn error(cx: &mut Cx<'_>) -> Result<Ret> {
    let level = cx.opt_int(1, 1)?;
    let value = cx.arg(0);
    Err(raise(cx, value, level))
}

/// The error with this value; strings get the position of `level` in front.
#[cold]
fn raise(cx: &mut Cx<'_>, value: Value, level: i64) -> crate::Error {
    if value.is_str() && level > 0 {
        let text = cx.vm.bytes(value.as_str());
        return cx
            .vm
            .error_at(usize::try_from(level).unwrap_or(usize::MAX), text);
    }
    crate::Error::lua(value)
}

fn pcall(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.n;
    cx.check_any(0)?;
    make_link_slot(cx, 1)?;
    cx.call_then(0, n - 1, cont::PCALL)
}

fn xpcall(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.n;
    let handler = cx.check_function(1)?;
    let f = cx.slot(0);
    cx.set_slot(XPCALL_HANDLER, handler);
    cx.set_slot(1, f);
    make_link_slot(cx, 2)?;
    cx.call_then(1, n - 2, cont::XPCALL)
}

/// Shifts the arguments from slot `at` up by one.
#[inline]
fn make_link_slot(cx: &mut Cx<'_>, at: usize) -> Result<()> {
    cx.push(NIL)?;
    let count = cx.n - at;
    // SAFETY: slots `at .. n + 1` exist: the arguments and the one pushed.
    unsafe {
        let from = cx.vm.stack.add(cx.base + at);
        std::ptr::copy(from, from.add(1), count);
        *from = NIL;
    }
    Ok(())
}

fn warn(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.n.max(1);
    for i in 0..n {
        cx.check_str(i)?;
    }
    for i in 0..n {
        let piece = cx.check_bytes(i)?;
        cx.vm.warning(piece, i + 1 < n);
    }
    cx.ret0()
}

// ---- types and conversion

pub(super) fn type_of(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.n == 0 {
        return Err(cx.arg_error(0, "value expected"));
    }
    let name = cx.vm.lib.type_names[usize::from(cx.slot(0).tag & 15)];
    cx.ret(Value::str(name))
}

pub(super) fn tostring(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    let handler = if v.is_str() || v.is_number() && cx.vm.type_meta[usize::from(v.tag)].is_null() {
        NIL
    } else {
        metamethod(cx.vm, v, Event::Tostring)
    };
    if !handler.is_nil() {
        return cx.push_call_then(handler, &[v], cont::TOSTRING);
    }
    let s = ops::meta::raw_tostring(cx.vm, v);
    cx.ret(Value::str(s))
}

pub(super) fn tonumber(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.arg(0);
    if cx.is_none_or_nil(1) {
        if v.is_number() {
            return cx.ret(v);
        }
        if let Some(number) = cx.vm.to_number(v) {
            return cx.ret(number);
        }
        cx.check_any(0)?;
        return cx.ret_nil();
    }
    let base = cx.check_int(1)?;
    if !v.is_str() {
        return Err(cx.type_error(0, "string"));
    }
    if !(2..=36).contains(&base) {
        return Err(cx.arg_error(1, "base out of range"));
    }
    let number = number::parse_in_base(cx.vm.bytes(v.as_str()), base as u32);
    cx.ret(number.map_or(NIL, Value::int))
}

/// Writes the arguments to standard output, separated by tabs.
fn print(cx: &mut Cx<'_>) -> Result<Ret> {
    for i in 0..cx.n {
        if i > 0 {
            let _ = cx.vm.lib.std[1].write(b"\t");
        }
        let v = cx.slot(i);
        let text = if v.is_str() {
            v.as_str()
        } else {
            ops::tostring(cx, v)?
        };
        let text = cx.vm.bytes_within(text)?;
        for piece in text.chunks(PIECE) {
            let _ = cx.vm.lib.std[1].write(piece);
            cx.vm.tick(piece.len() as u64 / 4)?;
        }
    }
    let out = &mut cx.vm.lib.std[1];
    let _ = out.write(b"\n");
    let _ = out.flush();
    cx.ret0()
}

pub(super) fn select(cx: &mut Cx<'_>) -> Result<Ret> {
    let first = cx.arg(0);
    let n = cx.n as i64;
    let i = if first.tag == tag::INT {
        first.as_int()
    } else if first.is_str() && cx.vm.bytes(first.as_str()).first() == Some(&b'#') {
        return cx.ret_int(n - 1);
    } else {
        cx.check_int(0)?
    };
    let from = if i < 0 { n.saturating_add(i) } else { i.min(n) };
    if from < 1 {
        return Err(cx.arg_error(0, "index out of range"));
    }
    if from + 1 == n {
        let v = cx.slot(from as usize);
        return cx.ret(v);
    }
    cx.ret_slots(from as usize, (n - from) as usize)
}

// ---- metatables and raw access

pub(super) fn getmetatable(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    let meta = metatable_of(cx.vm, v);
    if meta.is_null() {
        return cx.ret_nil();
    }
    let protected = metamethod(cx.vm, v, Event::Metatable);
    cx.ret(if protected.is_nil() {
        Value::table(meta)
    } else {
        protected
    })
}

/// Whether the Rust function at `address` is `setmetatable`.
pub fn is_setmetatable(address: usize) -> bool {
    setmetatable as crate::native::NativeFn as usize == address
}

pub(super) fn setmetatable(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = cx.check_table(0)?;
    let meta = check_metatable(cx, 1)?;
    let v = cx.slot(0);
    // SAFETY: `t` is the live table in slot 0.
    if !unsafe { (*(*t).shape).meta.is_null() } && !metamethod(cx.vm, v, Event::Metatable).is_nil()
    {
        return Err(cx.error("cannot change a protected metatable"));
    }
    // SAFETY: both tables are live: they lie in slots. The frame is ours.
    unsafe {
        let before = (*t).shape;
        metatable::set_metatable(cx.vm, t, meta);
        if (*before).meta.is_null() && before != (*t).shape {
            note_metatable(cx.vm.stack.add(cx.base), before, t);
        }
    }
    cx.ret(v)
}

/// Argument `i` as a metatable: a table, or null for nil.
pub(super) fn check_metatable(cx: &mut Cx<'_>, i: usize) -> Result<*mut Table> {
    let v = cx.arg(i);
    match v.tag {
        tag::TABLE => Ok(v.as_table()),
        tag::NIL if i < cx.n => Ok(std::ptr::null_mut()),
        _ => Err(cx.type_error(i, "nil or table")),
    }
}

pub(super) fn rawequal(cx: &mut Cx<'_>) -> Result<Ret> {
    let (a, b) = (cx.check_any(0)?, cx.check_any(1)?);
    cx.ret_bool(a.raw_eq(b))
}

pub(super) fn rawlen(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.arg(0);
    // SAFETY: tags say what the payloads are, and slots hold live objects.
    let len = unsafe {
        match v.tag {
            tag::TABLE => table::len(v.as_table()),
            tag::STR => (*v.as_str()).len as i64,
            _ => return Err(cx.type_error(0, "table or string")),
        }
    };
    cx.ret_int(len)
}

pub(super) fn rawget(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = cx.check_table(0)?;
    let key = cx.check_any(1)?;
    let v = if key.tag == tag::INT {
        geti(t, key.as_int())
    } else {
        // SAFETY: the table and the key lie in slots.
        unsafe { table::get(t, key) }
    };
    cx.ret(v)
}

pub(super) fn rawset(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = cx.check_table(0)?;
    let (key, v) = (cx.check_any(1)?, cx.check_any(2)?);
    // SAFETY: table, key and value lie in slots.
    if let Err(e) = unsafe { table::set(cx.vm, t, key, v) } {
        return Err(set_error(cx.vm, e));
    }
    cx.ret(Value::table(t))
}

// ---- iteration

fn next(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = cx.check_table(0)?;
    let key = cx.arg(1);
    // SAFETY: table and key lie in slots.
    match unsafe { table::next(t, key) } {
        Ok(Some((k, v))) => cx.ret2(k, v),
        Ok(None) => cx.ret_nil(),
        Err(_) => Err(cx.vm.error_at(0, b"invalid key to 'next'")),
    }
}

pub(super) fn pairs(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    if !metatable_of(cx.vm, v).is_null() {
        let handler = metamethod(cx.vm, v, Event::Pairs);
        if !handler.is_nil() {
            return cx.push_call_then(handler, &[v], cont::PAIRS);
        }
    }
    let next = cx.vm.lib.next;
    cx.ret_all(&[next, v, NIL])
}

pub(super) fn ipairs(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    let iter = cx.vm.lib.ipairs_iter;
    cx.ret_all(&[iter, v, Value::int(0)])
}

fn ipairs_iter(cx: &mut Cx<'_>) -> Result<Ret> {
    let i = cx.check_int(1)?.wrapping_add(1);
    let t = cx.arg(0);
    let mut v = if t.is_table() {
        geti(t.as_table(), i)
    } else {
        NIL
    };
    if v.is_nil() && !(t.is_table() && metatable_of(cx.vm, t).is_null()) {
        v = ops::index(cx, t, Value::int(i))?;
    }
    if v.is_nil() {
        cx.ret_nil()
    } else {
        cx.ret2(Value::int(i), v)
    }
}

// ---- the collector

fn collectgarbage(cx: &mut Cx<'_>) -> Result<Ret> {
    const OPTIONS: &[&str] = &[
        "collect",
        "stop",
        "restart",
        "count",
        "step",
        "setpause",
        "setstepmul",
        "isrunning",
        "generational",
        "incremental",
    ];
    let op = match OPTIONS[cx.check_option(0, Some("collect"), OPTIONS)?] {
        "collect" => GcOp::Collect,
        "stop" => GcOp::Stop,
        "restart" => GcOp::Restart,
        "count" => GcOp::Count,
        "step" => GcOp::Step(cx.opt_int(1, 0)?),
        "setpause" => GcOp::SetPause(cx.opt_int(1, 0)?),
        "setstepmul" => GcOp::SetStepMul(cx.opt_int(1, 0)?),
        "isrunning" => GcOp::IsRunning,
        "generational" => GcOp::Generational {
            minormul: cx.opt_int(1, 0)?,
            majormul: cx.opt_int(2, 0)?,
        },
        _ => GcOp::Incremental {
            pause: cx.opt_int(1, 0)?,
            stepmul: cx.opt_int(2, 0)?,
            stepsize: cx.opt_int(3, 0)?,
        },
    };
    // SAFETY: a host function runs with all frames canonical, and this one
    // holds no object but its arguments.
    let outcome = unsafe { gc_control(cx.vm, op) };
    if cx.vm.is_out_of_time() {
        cx.vm.check_interrupt()?;
    }
    if matches!(op, GcOp::Collect | GcOp::Step(_)) && cx.vm.heap.pending_finalizers() > 0 {
        let finalize = cx.vm.exec.finalize;
        finalize(cx.vm, cx.base)?;
    }
    match outcome {
        GcOutcome::Refused => cx.ret_nil(),
        GcOutcome::Done => cx.ret_int(0),
        GcOutcome::Flag(flag) => cx.ret_bool(flag),
        GcOutcome::Bytes(bytes) => cx.ret(Value::float(bytes as f64 / 1024.0)),
        GcOutcome::Param(old) => cx.ret_int(old.into()),
        GcOutcome::Mode(old) => cx.ret_bytes(old.name().as_bytes()),
    }
}
