//! Leaves of the mathematical library, and conversions.

use super::int;
use super::strings::bytes;
use crate::ops;
use crate::state::Vm;
use crate::value::{NIL, Value, tag};

pub(super) fn tostring(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    if v.tag == tag::STR {
        return Some(v);
    }
    if !vm.type_meta[usize::from(v.tag)].is_null() {
        return None;
    }
    match v.tag {
        tag::INT | tag::FLOAT => Some(Value::str(vm.number_to_str(v))),
        tag::NIL | tag::FALSE | tag::TRUE => Some(Value::str(ops::meta::raw_tostring(vm, v))),
        _ => None,
    }
}

pub(super) fn tonumber(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    match v.tag {
        tag::INT | tag::FLOAT => Some(v),
        tag::STR => {
            bytes(vm, v)?;
            Some(vm.to_number(v).unwrap_or(NIL))
        }
        _ => Some(NIL),
    }
}

pub(super) fn tointeger(_: &mut Vm, args: &[Value]) -> Option<Value> {
    match args[0].tag {
        tag::INT => Some(args[0]),
        tag::FLOAT => Some(crate::value::float_to_int(args[0].as_float()).map_or(NIL, Value::int)),
        _ => None,
    }
}

pub(super) fn number_type(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let [integer, float] = vm.lib.number_names;
    match args[0].tag {
        tag::INT => Some(Value::str(integer)),
        tag::FLOAT => Some(Value::str(float)),
        _ => Some(NIL),
    }
}

pub(super) fn ult(_: &mut Vm, args: &[Value]) -> Option<Value> {
    let (a, b) = (int(args[0])?, int(args[1])?);
    Some(Value::bool((a as u64) < b as u64))
}

/// Leaves that map a float to a float.
macro_rules! float_leaves {
    ($($name:ident = $f:expr;)*) => {$(
        pub(super) fn $name(_: &mut Vm, args: &[Value]) -> Option<Value> {
            let x = match args[0].tag {
                tag::INT => args[0].as_int() as f64,
                tag::FLOAT => args[0].as_float(),
                _ => return None,
            };
            let f: fn(f64) -> f64 = $f;
            Some(Value::float(f(x)))
        }
    )*};
}

float_leaves! {
    sin = f64::sin;
    cos = f64::cos;
    exp = f64::exp;
    log = f64::ln;
}

pub(super) fn random(vm: &mut Vm, _: &[Value]) -> Option<Value> {
    Some(Value::float(vm.lib.rng.next_float()))
}

pub(super) fn random_in(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let (low, high) = match *args {
        [high] => (1, int(high)?),
        [low, high] => (int(low)?, int(high)?),
        _ => return None,
    };
    // An empty interval is refused before a number is drawn; `random(0)` is
    // something else.
    if low > high {
        return None;
    }
    vm.lib.rng.next_in(low, high).map(Value::int)
}
