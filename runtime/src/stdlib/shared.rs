//! What the parts of the library share: raw access to tables by integer and
//! by name, and registration.
//!
//! Raw access means without metamethods. Functions here take tables that the
//! caller got from a live value, so they are live until the next safepoint.

use super::Entry;
use crate::error::{OutOfMemory, Result};
use crate::object::{NativeKind, Str, Table};
use crate::ops;
use crate::ops::meta::set_error;
use crate::state::Vm;
use crate::table;
use crate::value::{NIL, Value};

/// Tables of the registry, by name.
pub(crate) struct Registry;

impl Registry {
    /// `package.loaded`
    pub(crate) const LOADED: &'static str = "_LOADED";
    /// `package.preload`
    pub(crate) const PRELOAD: &'static str = "_PRELOAD";
}

/// `t[i]`, raw.
#[inline(always)]
pub(crate) fn geti(t: *mut Table, i: i64) -> Value {
    // SAFETY: callers pass live tables (module documentation).
    unsafe { table::get_int(t, i) }
}

/// `t[i] = v`, raw.
#[inline(always)]
pub(crate) fn seti(vm: &mut Vm, t: *mut Table, i: i64, v: Value) -> Result<()> {
    // SAFETY: callers pass live tables (module documentation).
    match unsafe { table::set_int(vm, t, i, v) } {
        Ok(()) => Ok(()),
        Err(e) => Err(set_error(vm, e)),
    }
}

/// `t[name]`, raw.
pub(crate) fn field(vm: &mut Vm, t: *mut Table, name: &[u8]) -> Result<Value> {
    let key = vm.heap.try_str(name)?;
    // SAFETY: callers pass live tables (module documentation).
    Ok(unsafe { table::get(t, Value::str(key)) })
}

/// `t[name] = v`, raw.
///
/// # Errors
/// Out of memory.
pub fn set_field(vm: &mut Vm, t: *mut Table, name: &[u8], v: Value) -> Result<()> {
    let key = vm.heap.try_str(name)?;
    // SAFETY: callers pass live tables (module documentation).
    match unsafe { table::set_field(vm, t, key, v) } {
        Ok(()) => Ok(()),
        Err(e) => Err(set_error(vm, e)),
    }
}

/// `v[name]` with metamethods.
pub(crate) fn field_of(cx: &mut crate::native::Cx<'_>, v: Value, name: &[u8]) -> Result<Value> {
    let key = cx.vm.str_value(name)?;
    ops::index(cx, v, key)
}

/// An empty table.
pub(crate) fn new_table(vm: &mut Vm) -> *mut Table {
    let root = vm.shapes.root();
    vm.heap.new_table(root, 0)
}

/// The table at `registry[name]`, made if there is none.
pub(crate) fn registry_table(vm: &mut Vm, name: &str) -> Result<*mut Table> {
    let registry = vm.registry;
    let v = field(vm, registry, name.as_bytes())?;
    if v.is_table() {
        return Ok(v.as_table());
    }
    let t = new_table(vm);
    set_field(vm, registry, name.as_bytes(), Value::table(t))?;
    Ok(t)
}

/// Puts these functions into `t`.
pub(crate) fn add_functions(
    vm: &mut Vm,
    t: *mut Table,
    entries: &[Entry],
    upvals: &[Value],
) -> Result<()> {
    for (name, f) in entries {
        let f = vm.heap.new_native(*f, name, NativeKind::Plain, upvals);
        set_field(vm, t, name.as_bytes(), Value::native(f))?;
    }
    Ok(())
}

/// Makes the table of a library with these functions, known as `name` in
/// `package.loaded` and among the globals.
pub(crate) fn register(vm: &mut Vm, name: &'static str, entries: &[Entry]) -> Result<*mut Table> {
    let t = new_table(vm);
    add_functions(vm, t, entries, &[])?;
    publish(vm, name, Value::table(t))?;
    let globals = vm.globals;
    set_field(vm, globals, name.as_bytes(), Value::table(t))?;
    Ok(t)
}

/// `package.loaded[name] = v`
pub(crate) fn publish(vm: &mut Vm, name: &str, v: Value) -> Result<()> {
    let loaded = registry_table(vm, Registry::LOADED)?;
    set_field(vm, loaded, name.as_bytes(), v)
}

/// An interned string that the library keeps for good.
pub(crate) fn fixed_str(vm: &mut Vm, text: &str) -> *mut Str {
    let s = vm.heap.str(text.as_bytes());
    vm.handles.hold(Value::str(s));
    s
}

pub(crate) use crate::metatable::metatable_of;

/// A table as a value, nil for null.
pub(crate) fn table_or_nil(t: *mut Table) -> Value {
    if t.is_null() { NIL } else { Value::table(t) }
}

/// Appends `bytes` to `text`, which is not accounted: what it grows to is
/// checked against the memory limit, and the system may refuse it. Charges
/// the work if it is much.
#[inline]
pub(crate) fn append(vm: &mut Vm, text: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    if text.capacity() - text.len() < bytes.len() {
        grow(vm, text, bytes.len())?;
    }
    if bytes.len() <= PIECE {
        text.extend_from_slice(bytes);
        return Ok(());
    }
    for piece in bytes.chunks(PIECE) {
        text.extend_from_slice(piece);
        vm.tick(piece.len() as u64 / 8)?;
    }
    Ok(())
}

/// Bytes appended between two looks at the limits.
const PIECE: usize = 1 << 16;

/// Frees a text, elsewhere if that takes long.
pub(crate) fn free(text: Vec<u8>) {
    if text.capacity() >= 8 << 20 {
        crate::os::free_elsewhere(Box::new(text));
    }
}

#[cold]
fn grow(vm: &mut Vm, text: &mut Vec<u8>, more: usize) -> Result<()> {
    let wanted = (text.len() + more)
        .max(text.capacity().saturating_mul(2))
        .max(64);
    vm.heap.check(wanted)?;
    text.try_reserve_exact(wanted - text.len())
        .map_err(|_| OutOfMemory)?;
    Ok(())
}
