//! The debug library. What it tells about functions and frames comes from
//! [`crate::debug`]; hooks are kept in the thread they belong to and called
//! by the executor.
//!
//! Most functions take an optional thread as first argument; positions of
//! the other arguments count from the one after it (`Target::shift`).
//!
//! Unlike PUC Lua's, `setlocal` and `setupvalue` leave host functions alone:
//! their Rust code relies on what it put into its frame and its upvalues.

use super::Entry;
use super::base::check_metatable;
use super::loading::load_chunk;
use super::shared::{field, metatable_of, new_table, register, set_field, seti, table_or_nil};
use crate::debug as info;
use crate::error::Result;
use crate::frame::{FrameInfo, original_base};
use crate::metatable::set_any_metatable;
use crate::native::{Cx, Ret};
use crate::object::{Native, Str, Thread, Upval, Userdata};
use crate::ops;
use crate::state::{MAX_HOST_DEPTH, Vm};
use crate::table;
use crate::thread::Hook;
use crate::value::{NIL, Value, tag};

const FUNCTIONS: &[Entry] = &[
    ("debug", debug),
    ("gethook", gethook),
    ("getinfo", getinfo),
    ("getlocal", getlocal),
    ("getmetatable", getmetatable),
    ("getregistry", getregistry),
    ("getupvalue", getupvalue),
    ("getuservalue", getuservalue),
    ("setcstacklimit", setcstacklimit),
    ("sethook", sethook),
    ("setlocal", setlocal),
    ("setmetatable", setmetatable),
    ("setupvalue", setupvalue),
    ("setuservalue", setuservalue),
    ("traceback", traceback),
    ("upvalueid", upvalueid),
    ("upvaluejoin", upvaluejoin),
];

/// Hook masks and the letters that stand for them.
const EVENTS: [(u8, u8); 3] = [(1, b'c'), (2, b'r'), (4, b'l')];
/// The mask of count events.
const COUNT: u8 = 8;

/// Opens the debug library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    register(vm, "debug", FUNCTIONS).map(drop)
}

/// The thread a function works on.
struct Target {
    thread: *mut Thread,
    /// Position of the first argument after it.
    shift: usize,
}

impl Target {
    fn new(cx: &Cx<'_>) -> Target {
        let v = cx.arg(0);
        if v.tag == tag::THREAD {
            Target {
                thread: v.as_thread(),
                shift: 1,
            }
        } else {
            Target {
                thread: cx.vm.cur,
                shift: 0,
            }
        }
    }

    /// Frame number `level` and the end of its slots, if that isn't the top.
    fn frame(&self, vm: &Vm, level: i64) -> Option<(FrameInfo, Option<*mut Value>)> {
        let level = usize::try_from(level).ok()?;
        let mut frames = info::frames_of(vm, self.thread);
        // SAFETY: `thread` is live; links lead to the bases of its frames.
        unsafe {
            let above = match level.checked_sub(1) {
                Some(n) => Some(original_base(frames.nth(n)?.base).sub(2)),
                None => (self.thread != vm.cur).then(|| (*self.thread).top),
            };
            frames.next().map(|frame| (frame, above))
        }
    }
}

// ---- frames

fn getinfo(cx: &mut Cx<'_>) -> Result<Ret> {
    let target = Target::new(cx);
    let at = target.shift;
    let options = cx.opt_bytes(at + 1)?.unwrap_or(b"flnSrtu");
    if options.first() == Some(&b'>') {
        return Err(cx.arg_error(at + 1, "invalid option '>'"));
    }
    let f = cx.arg(at);
    let told = if f.is_function() {
        info::info_for_function(cx.vm, f)
    } else {
        let level = cx.check_int(at)?;
        match target.frame(cx.vm, level) {
            Some((frame, _)) => info::info_for_frame(cx.vm, &frame),
            None => return cx.ret_nil(),
        }
    };
    if !options.iter().all(|option| b"SlnrutLf".contains(option)) {
        return Err(cx.arg_error(at + 1, "invalid option"));
    }
    let t = new_table(cx.vm);
    let has = |option: u8| options.contains(&option);
    let mut fields: Vec<(&str, Value)> = Vec::with_capacity(20);
    if has(b'S') {
        fields.push(("source", cx.vm.str_value(&told.source)?));
        fields.push(("short_src", cx.vm.str_value(&told.short_src)?));
        fields.push(("linedefined", Value::int(told.linedefined)));
        fields.push(("lastlinedefined", Value::int(told.lastlinedefined)));
        fields.push(("what", cx.vm.str_value(told.what.as_bytes())?));
    }
    if has(b'l') {
        fields.push(("currentline", Value::int(told.currentline)));
    }
    if has(b'u') {
        fields.push(("nups", Value::int(told.nups.into())));
        fields.push(("nparams", Value::int(told.nparams.into())));
        fields.push(("isvararg", Value::bool(told.isvararg)));
    }
    if has(b'n') {
        if let Some(name) = &told.name {
            fields.push(("name", cx.vm.str_value(name)?));
        }
        fields.push(("namewhat", cx.vm.str_value(told.namewhat.as_bytes())?));
    }
    if has(b'r') {
        fields.push(("ftransfer", Value::int(told.ftransfer.into())));
        fields.push(("ntransfer", Value::int(told.ntransfer.into())));
    }
    if has(b't') {
        fields.push(("istailcall", Value::bool(told.istailcall)));
    }
    if has(b'L')
        && let Some(lines) = info::active_lines(told.func)
    {
        let active = new_table(cx.vm);
        for line in lines {
            seti(cx.vm, active, line.into(), Value::bool(true))?;
        }
        fields.push(("activelines", Value::table(active)));
    }
    if has(b'f') {
        fields.push(("func", told.func));
    }
    for (name, v) in fields {
        set_field(cx.vm, t, name.as_bytes(), v)?;
    }
    cx.ret(Value::table(t))
}

fn getlocal(cx: &mut Cx<'_>) -> Result<Ret> {
    let target = Target::new(cx);
    let at = target.shift;
    let n = cx.check_int(at + 1)?;
    let f = cx.arg(at);
    if f.is_function() {
        return match info::param_name(f, n) {
            Some(name) => cx.ret_bytes(&name),
            None => cx.ret_nil(),
        };
    }
    let level = cx.check_int(at)?;
    let Some((frame, above)) = target.frame(cx.vm, level) else {
        return Err(cx.arg_error(at, "level out of range"));
    };
    match info::local_name(cx.vm, &frame, above, n) {
        Some((name, slot)) => {
            let name = cx.vm.str_value(&name)?;
            // SAFETY: `local_name` gives a slot that holds a value.
            cx.ret2(name, slot.map_or(NIL, |slot| unsafe { *slot }))
        }
        None => cx.ret_nil(),
    }
}

fn setlocal(cx: &mut Cx<'_>) -> Result<Ret> {
    let target = Target::new(cx);
    let at = target.shift;
    let level = cx.check_int(at)?;
    let n = cx.check_int(at + 1)?;
    let Some((frame, above)) = target.frame(cx.vm, level) else {
        return Err(cx.arg_error(at, "level out of range"));
    };
    let v = cx.check_any(at + 2)?;
    match info::local_name(cx.vm, &frame, above, n) {
        Some((name, slot)) if let Some(proto) = frame.proto() => {
            // A register that holds no value stays without.
            if let Some(slot) = slot {
                if !proto.spec().captured.is_empty() {
                    upvalue_set(cx.vm);
                }
                // SAFETY: as in `getlocal`; stacks need no barrier.
                unsafe { *slot = v };
            }
            // Compiled code may hold what the register was.
            cx.vm.native_epoch = cx.vm.native_epoch.wrapping_add(1);
            cx.ret_bytes(&name)
        }
        _ => cx.ret_nil(),
    }
}

fn traceback(cx: &mut Cx<'_>) -> Result<Ret> {
    let target = Target::new(cx);
    let at = target.shift;
    let v = cx.arg(at);
    if !(v.is_nil() || v.is_str() || v.is_number()) {
        return cx.ret(v);
    }
    let msg = cx.opt_bytes(at)?;
    let level = cx.opt_int(at + 1, i64::from(target.thread == cx.vm.cur))?;
    let level = usize::try_from(level).unwrap_or(usize::MAX);
    let text = info::traceback(cx.vm, target.thread, msg, level);
    cx.ret_bytes(&text)
}

// ---- upvalues

/// An upvalue of a function: its name and where its value is.
struct Found {
    name: Vec<u8>,
    value: *mut Value,
    /// The Lua upvalue, null for host functions.
    upval: *mut Upval,
}

/// Upvalue `n` (from 1) of a function.
fn find_upvalue(f: Value, n: i64) -> Option<Found> {
    let i = usize::try_from(n).ok()?.checked_sub(1)?;
    // SAFETY: tags say what the payloads are, values hold live objects, and
    // `i` is checked against the number of upvalues.
    unsafe {
        match f.tag {
            tag::CLOSURE => {
                let c = f.as_closure();
                if i >= (*c).hdr.aux as usize {
                    return None;
                }
                let upval = crate::object::Closure::upval(c, i);
                let proto = &*(*c).proto;
                let name = proto.spec().upvals.get(i).and_then(|u| u.name);
                let name = name.map_or(b"(no name)".to_vec(), |id| proto.module.str(id).to_vec());
                Some(Found {
                    name,
                    value: (*upval).v,
                    upval,
                })
            }
            tag::NATIVE if i < (*f.as_native()).hdr.aux as usize => {
                let value = Native::upval(f.as_native(), i);
                Some(Found {
                    name: Vec::new(),
                    value,
                    upval: std::ptr::null_mut(),
                })
            }
            _ => None,
        }
    }
}

fn getupvalue(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.check_int(1)?;
    let f = cx.check_function(0)?;
    match find_upvalue(f, n) {
        Some(found) => {
            let name = cx.vm.str_value(&found.name)?;
            // SAFETY: an upvalue of the live function in slot 0.
            cx.ret2(name, unsafe { *found.value })
        }
        None => cx.ret0(),
    }
}

/// Says that a captured variable gets a value by other ways than its code.
fn upvalue_set(vm: &mut Vm) {
    if !vm.upvalues_set {
        vm.upvalues_set = true;
        (vm.exec.upvalues_set)(vm);
    }
}

fn setupvalue(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(2)?;
    let n = cx.check_int(1)?;
    let f = cx.check_function(0)?;
    match find_upvalue(f, n) {
        Some(found) if !found.upval.is_null() => {
            upvalue_set(cx.vm);
            // SAFETY: an upvalue of the live function in slot 0.
            unsafe {
                *found.value = v;
                cx.vm.heap.barrier(found.upval.cast());
            }
            cx.ret_bytes(&found.name)
        }
        _ => cx.ret0(),
    }
}

fn upvalueid(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.check_int(1)?;
    let f = cx.check_function(0)?;
    match find_upvalue(f, n) {
        Some(found) if found.upval.is_null() => cx.ret(Value::light(found.value as u64)),
        Some(found) => cx.ret(Value::light(found.upval as u64)),
        None => cx.ret_nil(),
    }
}

fn upvaluejoin(cx: &mut Cx<'_>) -> Result<Ret> {
    let mut found = [std::ptr::null_mut(); 2];
    let mut index = 0;
    for (i, to) in found.iter_mut().enumerate() {
        let n = cx.check_int(2 * i + 1)?;
        let f = cx.check_function(2 * i)?;
        match find_upvalue(f, n) {
            Some(upvalue) => *to = upvalue.upval,
            None => return Err(cx.arg_error(2 * i + 1, "invalid upvalue index")),
        }
        if i == 0 {
            index = n as usize - 1;
        }
    }
    for (i, upval) in found.iter().enumerate() {
        if upval.is_null() {
            return Err(cx.arg_error(2 * i, "Lua function expected"));
        }
    }
    upvalue_set(cx.vm);
    let c = cx.slot(0).as_closure();
    // SAFETY: `c` is the live closure in slot 0, `index` was found to be one
    // of its upvalues.
    unsafe {
        *(&raw mut (*c).upvals).cast::<*mut Upval>().add(index) = found[1];
        // Compiled code may hold the one that was there.
        cx.vm.native_epoch = cx.vm.native_epoch.wrapping_add(1);
        cx.vm.heap.barrier(c.cast());
    }
    cx.ret0()
}

// ---- metatables, user values, the registry

fn getmetatable(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    let meta = metatable_of(cx.vm, v);
    cx.ret(table_or_nil(meta))
}

fn setmetatable(cx: &mut Cx<'_>) -> Result<Ret> {
    let meta = check_metatable(cx, 1)?;
    let v = cx.arg(0);
    // SAFETY: both are live: they lie in slots.
    unsafe { set_any_metatable(cx.vm, v, meta) };
    cx.ret(v)
}

fn getregistry(cx: &mut Cx<'_>) -> Result<Ret> {
    let registry = cx.vm.registry;
    cx.ret(Value::table(registry))
}

/// User value `n` (from 1) of a userdata.
fn user_value(u: *mut Userdata, n: i64) -> Option<*mut Value> {
    let i = usize::try_from(n).ok()?.checked_sub(1)?;
    // SAFETY: callers pass a live userdata.
    unsafe {
        let values = &mut (*u).values;
        values.get_mut(i).map(|v| &raw mut *v)
    }
}

fn getuservalue(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.opt_int(1, 1)?;
    let v = cx.arg(0);
    if v.tag != tag::USERDATA {
        return cx.ret_nil();
    }
    match user_value(v.as_userdata(), n) {
        // SAFETY: a user value of the live userdata in slot 0.
        Some(value) => cx.ret2(unsafe { *value }, Value::bool(true)),
        None => cx.ret_nil(),
    }
}

fn setuservalue(cx: &mut Cx<'_>) -> Result<Ret> {
    let n = cx.opt_int(2, 1)?;
    let u = cx.arg(0);
    if u.tag != tag::USERDATA {
        return Err(cx.type_error(0, "userdata"));
    }
    let v = cx.check_any(1)?;
    match user_value(u.as_userdata(), n) {
        Some(value) => {
            // SAFETY: a user value of the live userdata in slot 0.
            unsafe {
                *value = v;
                cx.vm.heap.barrier(u.as_gc());
            }
            cx.ret(u)
        }
        None => cx.ret_nil(),
    }
}

// ---- hooks

fn sethook(cx: &mut Cx<'_>) -> Result<Ret> {
    let target = Target::new(cx);
    let at = target.shift;
    let mut hook = Hook::default();
    if !cx.is_none_or_nil(at) {
        let letters = cx.check_bytes(at + 1)?;
        let func = cx.check_function(at)?;
        let count = cx.opt_int(at + 2, 0)?.clamp(0, i64::from(i32::MAX)) as u32;
        let mut mask = if count > 0 { COUNT } else { 0 };
        for (bit, letter) in EVENTS {
            if letters.contains(&letter) {
                mask |= bit;
            }
        }
        if mask != 0 {
            hook = Hook {
                func,
                mask,
                count,
                left: count,
                ..hook
            };
        }
    }
    note_hook(cx.vm, target.thread, hook.func)?;
    // SAFETY: `thread` is live.
    unsafe {
        hook.inside = (*target.thread).hook.inside;
        (*target.thread).hook = hook;
        cx.vm.heap.barrier(target.thread.cast());
    }
    let instrument = cx.vm.exec.instrument;
    instrument(cx.vm);
    cx.ret0()
}

/// Enters the hook in the registry's table of hooks by thread, which has weak
/// keys, where debuggers look for it.
fn note_hook(vm: &mut Vm, thread: *mut Thread, func: Value) -> Result<()> {
    let registry = vm.registry;
    let mut hooks = field(vm, registry, b"_HOOKKEY")?;
    if !hooks.is_table() {
        hooks = Value::table(new_table(vm));
        set_field(vm, registry, b"_HOOKKEY", hooks)?;
        let mode = vm.str_value(b"k")?;
        set_field(vm, hooks.as_table(), b"__mode", mode)?;
        // SAFETY: the table was just created.
        unsafe { crate::metatable::set_metatable(vm, hooks.as_table(), hooks.as_table()) };
    }
    // SAFETY: table and thread are live.
    match unsafe { table::set(vm, hooks.as_table(), Value::thread(thread), func) } {
        Ok(()) => Ok(()),
        Err(e) => Err(crate::ops::meta::set_error(vm, e)),
    }
}

fn gethook(cx: &mut Cx<'_>) -> Result<Ret> {
    let target = Target::new(cx);
    // SAFETY: `thread` is live.
    let hook = unsafe { (*target.thread).hook };
    if hook.func.is_nil() {
        return cx.ret_nil();
    }
    let letters: Vec<u8> = EVENTS
        .iter()
        .filter(|(bit, _)| hook.mask & bit != 0)
        .map(|(_, letter)| *letter)
        .collect();
    let letters = cx.vm.str_value(&letters)?;
    cx.ret_all(&[hook.func, letters, Value::int(hook.count.into())])
}

// ---- the rest

/// Runs what is typed on standard input until a line says `cont`.
fn debug(cx: &mut Cx<'_>) -> Result<Ret> {
    loop {
        let _ = cx.vm.lib.std[2].write(b"lua_debug> ");
        let _ = cx.vm.lib.std[2].flush();
        let Some(line) = read_line(cx.vm) else {
            return cx.ret0();
        };
        if line == b"cont" {
            return cx.ret0();
        }
        let bottom = cx.top();
        let failed = match load_chunk(cx.vm, &line, b"=(debug command)", b"bt", None)? {
            Ok(f) => match cx.call1(f, &[]) {
                Ok(_) => None,
                Err(e) => Some(cx.vm.catchable(e)?),
            },
            Err(msg) => Some(cx.vm.str_value(&msg)?),
        };
        cx.set_top(bottom)?;
        if let Some(error) = failed {
            cx.push(error)?;
            let text: *mut Str = ops::tostring(cx, error)?;
            let text = [cx.vm.bytes(text), b"\n"].concat();
            let _ = cx.vm.lib.std[2].write(&text);
            cx.set_top(bottom)?;
        }
    }
}

/// A line of standard input without its end; `None` at the end of it.
fn read_line(vm: &mut Vm) -> Option<Vec<u8>> {
    /// Longer lines are cut into several.
    const MOST: usize = 1 << 16;
    let input = &mut vm.lib.std[0];
    let mut line = Vec::new();
    loop {
        let Some(byte) = input.peek().ok()? else {
            return (!line.is_empty()).then_some(line);
        };
        input.take(1);
        if byte == b'\n' || line.len() == MOST {
            return Some(line);
        }
        line.push(byte);
    }
}

/// Does nothing and returns the limit, which is fixed.
fn setcstacklimit(cx: &mut Cx<'_>) -> Result<Ret> {
    cx.check_int(0)?;
    cx.ret_int(MAX_HOST_DEPTH.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::NIL;

    #[test]
    fn host_functions_without_upvalues_have_none() {
        assert!(find_upvalue(NIL, 1).is_none());
        assert!(find_upvalue(Value::int(3), 0).is_none());
    }
}
