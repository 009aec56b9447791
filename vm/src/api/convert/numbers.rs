//! Conversions of numbers. What does not fit is an error, never cut off.

use super::{FromLua, IntoLua, by_raw, mismatch, name_of};
use crate::api::error::{Error, Result};
use crate::api::lua::Lua;
use crate::api::stack::Access;
use crate::api::value::Value;
use strata_runtime::Value as Raw;
use strata_runtime::value::{float_to_int, tag};

/// The integer a value exactly equals.
#[inline]
fn integer(v: Raw, cx: &mut Access<'_>, to: &str) -> Result<i64> {
    if v.tag == tag::INT {
        return Ok(v.as_int());
    }
    integer_slow(v, cx, to)
}

#[cold]
fn integer_slow(v: Raw, cx: &mut Access<'_>, to: &str) -> Result<i64> {
    let n = match v.tag {
        tag::FLOAT => float_to_int(v.as_float()),
        tag::STR => match cx.vm().to_number(v) {
            Some(n) => cx.vm().to_integer(n),
            None => return mismatch(v, to),
        },
        _ => return mismatch(v, to),
    };
    n.ok_or_else(|| Error::from_lua(name_of(v), to, Some("number has no integer representation")))
}

macro_rules! integers {
    ($($ty:ident)*) => {
        $(
            impl IntoLua for $ty {
                fn into_lua(self, _: &Lua) -> Result<Value> {
                    match i64::try_from(self) {
                        Ok(i) => Ok(Value::Integer(i)),
                        Err(_) => Err(out_of_range(stringify!($ty))),
                    }
                }

                #[inline]
                fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
                    match i64::try_from(self) {
                        Ok(i) => cx.push(Raw::int(i)),
                        Err(_) => Err(out_of_range(stringify!($ty))),
                    }
                }
            }

            impl FromLua for $ty {
                fn from_lua(value: Value, lua: &Lua) -> Result<$ty> {
                    by_raw(&value, lua)
                }

                #[inline]
                fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<$ty> {
                    let i = integer(v, cx, stringify!($ty))?;
                    <$ty>::try_from(i).map_err(|_| Error::from_lua(name_of(v), stringify!($ty), Some("out of range")))
                }
            }
        )*
    };
}

#[cold]
fn out_of_range(from: &'static str) -> Error {
    Error::IntoLua {
        from,
        to: "integer",
        message: Some("out of range".to_string()),
    }
}

integers! { i8 u8 i16 u16 i32 u32 i64 u64 i128 u128 isize usize }

macro_rules! floats {
    ($($ty:ident)*) => {
        $(
            impl IntoLua for $ty {
                fn into_lua(self, _: &Lua) -> Result<Value> {
                    Ok(Value::Number(f64::from(self)))
                }

                #[inline]
                fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
                    cx.push(Raw::float(f64::from(self)))
                }
            }

            impl FromLua for $ty {
                fn from_lua(value: Value, lua: &Lua) -> Result<$ty> {
                    by_raw(&value, lua)
                }

                #[inline]
                fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<$ty> {
                    match v.tag {
                        tag::FLOAT => Ok(v.as_float() as $ty),
                        tag::INT => Ok(v.as_int() as $ty),
                        _ => match cx.vm().to_number(v) {
                            Some(n) if n.tag == tag::INT => Ok(n.as_int() as $ty),
                            Some(n) => Ok(n.as_float() as $ty),
                            None => mismatch(v, stringify!($ty)),
                        },
                    }
                }
            }
        )*
    };
}

floats! { f32 f64 }
