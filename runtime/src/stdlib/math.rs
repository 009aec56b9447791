//! The math library. Floats are Rust's (IEEE doubles; the transcendental
//! functions are the platform's C library's), integers wrap, and random
//! numbers are those of PUC Lua for the same seed.

use super::Entry;
use super::shared::{fixed_str, register, set_field};
use crate::error::Result;
use crate::native::{Cx, Ret};
use crate::ops;
use crate::ops::compare::number_lt;
use crate::state::Vm;
use crate::text::rng::Rng;
use crate::value::{NIL, Value, tag};

const FUNCTIONS: &[Entry] = &[
    ("abs", abs),
    ("acos", acos),
    ("asin", asin),
    ("atan", atan),
    ("ceil", ceil),
    ("cos", cos),
    ("deg", deg),
    ("exp", exp),
    ("floor", floor),
    ("fmod", fmod),
    ("log", log),
    ("max", max),
    ("min", min),
    ("modf", modf),
    ("rad", rad),
    ("random", random),
    ("randomseed", randomseed),
    ("sin", sin),
    ("sqrt", sqrt),
    ("tan", tan),
    ("tointeger", tointeger),
    ("type", type_of),
    ("ult", ult),
];

/// A library function that compilers know how to do inline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Intrinsic {
    /// `math.abs`
    Abs,
    /// `math.ceil`
    Ceil,
    /// `math.floor`
    Floor,
    /// `math.max`
    Max,
    /// `math.min`
    Min,
    /// `math.sqrt`
    Sqrt,
    /// `string.byte`
    Byte,
}

/// The intrinsic that the Rust function at `address` is, if it is one.
pub fn intrinsic(address: usize) -> Option<Intrinsic> {
    let known: [(crate::native::NativeFn, Intrinsic); 7] = [
        (abs, Intrinsic::Abs),
        (ceil, Intrinsic::Ceil),
        (floor, Intrinsic::Floor),
        (max, Intrinsic::Max),
        (min, Intrinsic::Min),
        (sqrt, Intrinsic::Sqrt),
        (super::string::byte, Intrinsic::Byte),
    ];
    let mut found = known.iter().filter(|(f, _)| *f as usize == address);
    found.next().map(|(_, which)| *which)
}

/// Opens the math library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    vm.lib.number_names = [fixed_str(vm, "integer"), fixed_str(vm, "float")];
    let t = register(vm, "math", FUNCTIONS)?;
    set_field(vm, t, b"pi", Value::float(std::f64::consts::PI))?;
    set_field(vm, t, b"huge", Value::float(f64::INFINITY))?;
    set_field(vm, t, b"maxinteger", Value::int(i64::MAX))?;
    set_field(vm, t, b"mininteger", Value::int(i64::MIN))
}

// ---- functions of one float

/// Defines library functions that map a float to a float.
macro_rules! float_functions {
    ($($name:ident = $f:expr;)*) => {$(
        pub(super) fn $name(cx: &mut Cx<'_>) -> Result<Ret> {
            let x = cx.check_num(0)?;
            let f: fn(f64) -> f64 = $f;
            cx.ret(Value::float(f(x)))
        }
    )*};
}

float_functions! {
    acos = f64::acos;
    asin = f64::asin;
    cos = f64::cos;
    exp = f64::exp;
    sin = f64::sin;
    sqrt = f64::sqrt;
    tan = f64::tan;
    deg = |x| x * (180.0 / std::f64::consts::PI);
    rad = |x| x * (std::f64::consts::PI / 180.0);
}

fn atan(cx: &mut Cx<'_>) -> Result<Ret> {
    let y = cx.check_num(0)?;
    let x = cx.opt_num(1, 1.0)?;
    cx.ret(Value::float(y.atan2(x)))
}

pub(super) fn log(cx: &mut Cx<'_>) -> Result<Ret> {
    let x = cx.check_num(0)?;
    let result = if cx.is_none_or_nil(1) {
        x.ln()
    } else {
        let base = cx.check_num(1)?;
        if base == 2.0 {
            x.log2()
        } else if base == 10.0 {
            x.log10()
        } else {
            x.ln() / base.ln()
        }
    };
    cx.ret(Value::float(result))
}

// ---- integers and floats

fn abs(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.arg(0);
    if v.tag == tag::INT {
        return cx.ret_int(v.as_int().wrapping_abs());
    }
    let x = cx.check_num(0)?;
    cx.ret(Value::float(x.abs()))
}

/// Whether the float without its fraction is an integer of 64 bits.
#[inline]
fn fits_int(f: f64) -> bool {
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f)
}

/// A float without a fraction, as an integer if it fits.
#[inline]
fn float_as_int(f: f64) -> Value {
    if fits_int(f) {
        Value::int(f as i64)
    } else {
        Value::float(f)
    }
}

fn floor(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.arg(0);
    if v.tag == tag::INT {
        return cx.ret(v);
    }
    let x = cx.check_num(0)?;
    if !fits_int(x) {
        return cx.ret(Value::float(x.floor()));
    }
    let i = x as i64;
    cx.ret_int(if i as f64 > x { i - 1 } else { i })
}

fn ceil(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.arg(0);
    if v.tag == tag::INT {
        return cx.ret(v);
    }
    let x = cx.check_num(0)?;
    if !fits_int(x) {
        return cx.ret(Value::float(x.ceil()));
    }
    let i = x as i64;
    cx.ret_int(if (i as f64) < x { i + 1 } else { i })
}

fn fmod(cx: &mut Cx<'_>) -> Result<Ret> {
    let (a, b) = (cx.arg(0), cx.arg(1));
    if a.tag == tag::INT && b.tag == tag::INT {
        if b.as_int() == 0 {
            return Err(cx.arg_error(1, "zero"));
        }
        return cx.ret_int(a.as_int().wrapping_rem(b.as_int()));
    }
    let (x, y) = (cx.check_num(0)?, cx.check_num(1)?);
    cx.ret(Value::float(x % y))
}

fn modf(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.arg(0);
    if v.tag == tag::INT {
        return cx.ret2(v, Value::float(0.0));
    }
    let x = cx.check_num(0)?;
    let whole = x.trunc();
    let fraction = if x == whole { 0.0 } else { x - whole };
    cx.ret2(float_as_int(whole), Value::float(fraction))
}

pub(super) fn tointeger(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    let i = cx.vm.to_integer(v);
    cx.ret(i.map_or(NIL, Value::int))
}

pub(super) fn type_of(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.check_any(0)?;
    let [integer, float] = cx.vm.lib.number_names;
    cx.ret(match v.tag {
        tag::INT => Value::str(integer),
        tag::FLOAT => Value::str(float),
        _ => NIL,
    })
}

pub(super) fn ult(cx: &mut Cx<'_>) -> Result<Ret> {
    let (a, b) = (cx.check_int(0)?, cx.check_int(1)?);
    cx.ret_bool((a as u64) < b as u64)
}

/// `a < b`, with metamethods if it takes them.
#[inline]
fn less(cx: &mut Cx<'_>, a: Value, b: Value) -> Result<bool> {
    match number_lt(a, b) {
        Some(truth) => Ok(truth),
        None => ops::less_than(cx, a, b),
    }
}

fn max(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.n == 0 {
        return Err(cx.arg_error(0, "value expected"));
    }
    let mut best = 0;
    for i in 1..cx.n {
        let (a, b) = (cx.slot(best), cx.slot(i));
        if less(cx, a, b)? {
            best = i;
        }
    }
    let v = cx.slot(best);
    cx.ret(v)
}

fn min(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.n == 0 {
        return Err(cx.arg_error(0, "value expected"));
    }
    let mut best = 0;
    for i in 1..cx.n {
        let (a, b) = (cx.slot(i), cx.slot(best));
        if less(cx, a, b)? {
            best = i;
        }
    }
    let v = cx.slot(best);
    cx.ret(v)
}

// ---- random numbers

pub(super) fn random(cx: &mut Cx<'_>) -> Result<Ret> {
    let (low, high) = match cx.n {
        0 => {
            let f = cx.vm.lib.rng.next_float();
            return cx.ret(Value::float(f));
        }
        1 => {
            let high = cx.check_int(0)?;
            if high == 0 {
                let word = cx.vm.lib.rng.next_word();
                return cx.ret_int(word as i64);
            }
            (1, high)
        }
        2 => (cx.check_int(0)?, cx.check_int(1)?),
        _ => return Err(cx.error("wrong number of arguments")),
    };
    match cx.vm.lib.rng.next_in(low, high) {
        Some(i) => cx.ret_int(i),
        None => Err(cx.arg_error(0, "interval is empty")),
    }
}

fn randomseed(cx: &mut Cx<'_>) -> Result<Ret> {
    let (first, second) = if cx.n == 0 {
        (
            crate::os::random_seed() as i64,
            crate::os::random_seed() as i64,
        )
    } else {
        (cx.check_int(0)?, cx.opt_int(1, 0)?)
    };
    cx.vm.lib.rng = Rng::new(first as u64, second as u64);
    cx.ret2(Value::int(first), Value::int(second))
}
