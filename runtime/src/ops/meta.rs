//! Operators with metamethods, from Rust: for the library. They recurse
//! natively (a coroutine can't yield inside) and count against the host-call
//! limit. Executors use the resolvers in `feedback` and here instead.

use crate::error::{Error, Result};
use crate::feedback::{self, Lookup, Store};
use crate::metatable::{Event, metamethod};
use crate::native::Cx;
use crate::object::Str;
use crate::ops::arith::{self as raw_arith, ArithOp};
use crate::ops::compare;
use crate::state::Vm;
use crate::table;
use crate::table::SetError;
use crate::value::{NIL, Value, tag};

/// `obj[key]`
pub fn index(cx: &mut Cx<'_>, obj: Value, key: Value) -> Result<Value> {
    // SAFETY: the library passes live values.
    match unsafe { feedback::index(cx.vm, obj, key) } {
        Lookup::Value(v) => Ok(v),
        Lookup::Call { handler, receiver } => cx.call1(handler, &[receiver, key]),
        Lookup::NotIndexable(v) => Err(type_op_error(cx.vm, "index", v, b"")),
        Lookup::Loop => Err(cx
            .vm
            .error_at(0, b"'__index' chain too long; possible loop")),
    }
}

/// `obj[key] = val`
pub fn set_index(cx: &mut Cx<'_>, obj: Value, key: Value, val: Value) -> Result<()> {
    // SAFETY: the library passes live values.
    match unsafe { feedback::set_index(cx.vm, obj, key, val) } {
        Ok(Store::Done) => Ok(()),
        Ok(Store::Call { handler, receiver }) => cx.call1(handler, &[receiver, key, val]).map(drop),
        Ok(Store::NotIndexable(v)) => Err(type_op_error(cx.vm, "index", v, b"")),
        Ok(Store::Loop) => Err(cx
            .vm
            .error_at(0, b"'__newindex' chain too long; possible loop")),
        Err(e) => Err(set_error(cx.vm, e)),
    }
}

/// The Lua error for a failed raw store.
#[cold]
pub fn set_error(vm: &mut Vm, e: SetError) -> Error {
    match e {
        SetError::NilKey => vm.error_at(0, b"table index is nil"),
        SetError::NanKey => vm.error_at(0, b"table index is NaN"),
        SetError::OutOfMemory => crate::error::OutOfMemory.into(),
    }
}

/// `#v`
pub fn len(cx: &mut Cx<'_>, v: Value) -> Result<Value> {
    if v.is_str() {
        // SAFETY: the tag says that the payload is a live string.
        return Ok(Value::int(unsafe { (*v.as_str()).len } as i64));
    }
    let handler = metamethod(cx.vm, v, Event::Len);
    if !handler.is_nil() {
        return cx.call1(handler, &[v, v]);
    }
    if v.is_table() {
        // SAFETY: the tag says that the payload is a live table.
        return Ok(Value::int(unsafe { table::len(v.as_table()) }));
    }
    Err(type_op_error(cx.vm, "get length of", v, b""))
}

/// "attempt to (what) a (type) value(name)"
#[cold]
pub fn type_op_error(vm: &mut Vm, what: &str, v: Value, name: &[u8]) -> Error {
    let mut msg = format!("attempt to {what} a ").into_bytes();
    let type_name = vm.type_name_meta(v);
    msg.extend_from_slice(&type_name);
    msg.extend_from_slice(b" value");
    msg.extend_from_slice(name);
    vm.error_at(0, &msg)
}

/// The `__eq` handler that must decide whether two values are equal, if raw
/// equality does not: both tables or both userdata, different objects.
pub fn eq_handler(vm: &mut Vm, a: Value, b: Value) -> Option<Value> {
    if a.tag != b.tag || !matches!(a.tag, tag::TABLE | tag::USERDATA) || a.payload == b.payload {
        return None;
    }
    let mut handler = metamethod(vm, a, Event::Eq);
    if handler.is_nil() {
        handler = metamethod(vm, b, Event::Eq);
    }
    (!handler.is_nil()).then_some(handler)
}

/// The handler of a binary operator: the first operand's, else the second's.
pub fn binary_handler(vm: &mut Vm, a: Value, b: Value, event: Event) -> Option<Value> {
    let mut handler = metamethod(vm, a, event);
    if handler.is_nil() {
        handler = metamethod(vm, b, event);
    }
    (!handler.is_nil()).then_some(handler)
}

/// `a == b`
pub fn equals(cx: &mut Cx<'_>, a: Value, b: Value) -> Result<bool> {
    match eq_handler(cx.vm, a, b) {
        Some(h) => Ok(cx.call1(h, &[a, b])?.is_truthy()),
        None => Ok(a.raw_eq(b)),
    }
}

/// "attempt to compare two nil values" and the like.
#[cold]
pub fn compare_error(vm: &mut Vm, a: Value, b: Value) -> Error {
    let (ta, tb) = (vm.type_name_meta(a), vm.type_name_meta(b));
    let mut msg = b"attempt to compare ".to_vec();
    if ta == tb {
        msg.extend_from_slice(b"two ");
        msg.extend_from_slice(&ta);
        msg.extend_from_slice(b" values");
    } else {
        msg.extend_from_slice(&ta);
        msg.extend_from_slice(b" with ");
        msg.extend_from_slice(&tb);
    }
    vm.error_at(0, &msg)
}

/// `a < b`
pub fn less_than(cx: &mut Cx<'_>, a: Value, b: Value) -> Result<bool> {
    if let Some(r) = compare::raw_lt(cx.vm, a, b) {
        return Ok(r);
    }
    match binary_handler(cx.vm, a, b, Event::Lt) {
        Some(h) => Ok(cx.call1(h, &[a, b])?.is_truthy()),
        None => Err(compare_error(cx.vm, a, b)),
    }
}

/// `a <= b`
pub fn less_equal(cx: &mut Cx<'_>, a: Value, b: Value) -> Result<bool> {
    if let Some(r) = compare::raw_le(cx.vm, a, b) {
        return Ok(r);
    }
    match binary_handler(cx.vm, a, b, Event::Le) {
        Some(h) => Ok(cx.call1(h, &[a, b])?.is_truthy()),
        None => Err(compare_error(cx.vm, a, b)),
    }
}

/// An arithmetic operator.
pub fn arith(cx: &mut Cx<'_>, op: ArithOp, a: Value, b: Value) -> Result<Value> {
    match raw_arith::raw(cx.vm, op, a, b) {
        Ok(v) => Ok(v),
        Err(why) => match binary_handler(cx.vm, a, b, op.event()) {
            Some(h) => cx.call1(h, &[a, b]),
            None => Err(raw_arith::error(cx.vm, op, a, b, why, &|_| Vec::new())),
        },
    }
}

/// A value that `..` takes as it is (string) or converts (number).
pub fn concat_operand(vm: &mut Vm, v: Value) -> Option<*mut Str> {
    match v.tag {
        tag::STR => Some(v.as_str()),
        tag::INT | tag::FLOAT => Some(vm.number_to_str(v)),
        _ => None,
    }
}

/// `a .. b` of strings and numbers; `None` if a metamethod must decide.
pub fn raw_concat(vm: &mut Vm, a: Value, b: Value) -> Option<Result<Value>> {
    let (a, b) = (concat_operand(vm, a)?, concat_operand(vm, b)?);
    // SAFETY: both are live strings.
    Some(
        unsafe { vm.heap.concat(a, b) }
            .map(Value::str)
            .map_err(Error::from),
    )
}

/// `a .. b`
pub fn concat2(cx: &mut Cx<'_>, a: Value, b: Value) -> Result<Value> {
    if let Some(r) = raw_concat(cx.vm, a, b) {
        return r;
    }
    match binary_handler(cx.vm, a, b, Event::Concat) {
        Some(h) => cx.call1(h, &[a, b]),
        None => Err(concat_error(cx.vm, a, b, b"")),
    }
}

/// "attempt to concatenate a nil value"
#[cold]
pub fn concat_error(vm: &mut Vm, a: Value, b: Value, name: &[u8]) -> Error {
    let culprit = if a.is_str() || a.is_number() { b } else { a };
    type_op_error(vm, "concatenate", culprit, name)
}

/// `tostring(v)` without metamethods.
pub fn raw_tostring(vm: &mut Vm, v: Value) -> *mut Str {
    match v.tag {
        tag::NIL => vm.heap.str(b"nil"),
        tag::FALSE => vm.heap.str(b"false"),
        tag::TRUE => vm.heap.str(b"true"),
        tag::INT | tag::FLOAT => vm.number_to_str(v),
        tag::STR => v.as_str(),
        _ => {
            let mut text = vm.type_name_meta(v);
            if v.tag == tag::LIGHT {
                text = b"userdata".to_vec();
            }
            text.extend_from_slice(format!(": {:#x}", v.payload).as_bytes());
            vm.heap.str(&text)
        }
    }
}

/// `tostring(v)`
pub fn tostring(cx: &mut Cx<'_>, v: Value) -> Result<*mut Str> {
    if v.is_str() {
        return Ok(v.as_str());
    }
    let handler = metamethod(cx.vm, v, Event::Tostring);
    if !handler.is_nil() {
        let s = cx.call1(handler, &[v])?;
        return match concat_operand(cx.vm, s) {
            Some(s) => Ok(s),
            None => Err(cx.error("'__tostring' must return a string")),
        };
    }
    Ok(raw_tostring(cx.vm, v))
}

/// Whether calling `v` needs `__call`, and the handler.
pub fn call_handler(vm: &mut Vm, v: Value) -> Option<Value> {
    let h = metamethod(vm, v, Event::Call);
    (h.tag != NIL.tag).then_some(h)
}
