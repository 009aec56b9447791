//! Conversions between one Rust value and one Lua value.
//!
//! | Rust | to Lua | from Lua |
//! |---|---|---|
//! | `bool` | boolean | any value: is it true? |
//! | integers | integer; `u64`, `u128`, `i128` that don't fit fail | integers, floats and strings with that exact value, if it fits |
//! | `f32`, `f64` | float | numbers and strings that spell one |
//! | `String`, `&str`, `Box<str>`, `Cow<str>`, `char` | string | strings that are UTF-8, numbers |
//! | [`Bytes`], [`LuaString`]; `&[u8]`, `&[u8; N]` one way | string | strings, numbers |
//! | `Option<T>` | `None` is nil | nil is `None` |
//! | `Vec`, `[T; N]`, `Box<[T]>` | sequence | sequence |
//! | `HashMap`, `BTreeMap` | table | table |
//! | `HashSet`, `BTreeSet` | table of `true` by element | table's keys |
//! | `T: UserData` | new userdata | by [`UserDataRef`](super::UserDataRef) |
//! | [`Value`], [`Table`], [`Function`], … | itself | itself, or an error |

mod containers;
mod numbers;
mod strings;

pub(crate) use containers::{push_map, push_sequence};
pub use strings::Bytes;

use super::error::{Error, Result};
use super::function::Function;
use super::lua::Lua;
use super::stack::Access;
use super::string::LuaString;
use super::table::Table;
use super::thread::Thread;
use super::userdata::{AnyUserData, UserData};
use super::value::{LightUserData, Value};
use strata_runtime::Value as Raw;
use strata_runtime::value::tag;

/// What becomes a Lua value.
pub trait IntoLua: Sized {
    /// The Lua value.
    ///
    /// # Errors
    /// It has no Lua form; the VM's memory limit.
    fn into_lua(self, lua: &Lua) -> Result<Value>;

    /// Pushes the Lua value. Implementations outside leave it alone.
    #[doc(hidden)]
    fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
        let v = self.into_lua(cx.lua())?;
        v.push_ref(cx)
    }
}

/// What a Lua value can become.
pub trait FromLua: Sized {
    /// The Rust value.
    ///
    /// # Errors
    /// The Lua value is of another kind.
    fn from_lua(value: Value, lua: &Lua) -> Result<Self>;

    /// The Rust value of a raw value that is reachable from the stack.
    /// Implementations outside leave it alone.
    #[doc(hidden)]
    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<Self> {
        let value = Value::from_raw(cx, v);
        Self::from_lua(value, cx.lua())
    }
}

/// `into_lua` by way of `push_raw`.
pub(crate) fn by_push(v: impl IntoLua, lua: &Lua) -> Result<Value> {
    lua.enter(|cx| {
        v.push_raw(cx)?;
        let at = cx.top() - 1;
        let v = cx.slot(at);
        Ok(Value::from_raw(cx, v))
    })
}

/// `from_lua` by way of `from_raw`.
pub(crate) fn by_raw<T: FromLua>(value: &Value, lua: &Lua) -> Result<T> {
    lua.enter(|cx| {
        value.push_ref(cx)?;
        let at = cx.top() - 1;
        let v = cx.slot(at);
        T::from_raw(v, cx)
    })
}

/// The type's name in error messages: as [`Value::type_name`].
fn name_of(v: Raw) -> &'static str {
    match v.tag {
        tag::INT => "integer",
        tag::FLOAT => "number",
        tag::LIGHT => "lightuserdata",
        _ => v.type_name(),
    }
}

/// The error for a value of the wrong type.
#[cold]
pub(crate) fn mismatch<T>(v: Raw, to: &str) -> Result<T> {
    Err(Error::from_lua(name_of(v), to, None))
}

// ---- simple values

impl IntoLua for Value {
    fn into_lua(self, _: &Lua) -> Result<Value> {
        Ok(self)
    }
}

impl IntoLua for &Value {
    fn into_lua(self, _: &Lua) -> Result<Value> {
        Ok(self.clone())
    }

    fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
        self.push_ref(cx)
    }
}

impl FromLua for Value {
    fn from_lua(value: Value, _: &Lua) -> Result<Value> {
        Ok(value)
    }
}

impl IntoLua for bool {
    fn into_lua(self, _: &Lua) -> Result<Value> {
        Ok(Value::Boolean(self))
    }

    #[inline]
    fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
        cx.push(Raw::bool(self))
    }
}

impl FromLua for bool {
    fn from_lua(value: Value, _: &Lua) -> Result<bool> {
        Ok(!matches!(value, Value::Nil | Value::Boolean(false)))
    }

    #[inline]
    fn from_raw(v: Raw, _: &mut Access<'_>) -> Result<bool> {
        Ok(v.is_truthy())
    }
}

impl IntoLua for LightUserData {
    fn into_lua(self, _: &Lua) -> Result<Value> {
        Ok(Value::LightUserData(self))
    }
}

impl FromLua for LightUserData {
    fn from_lua(value: Value, _: &Lua) -> Result<LightUserData> {
        match value {
            Value::LightUserData(p) => Ok(p),
            other => Err(Error::from_lua(other.type_name(), "LightUserData", None)),
        }
    }
}

impl IntoLua for Error {
    fn into_lua(self, _: &Lua) -> Result<Value> {
        Ok(Value::Error(Box::new(self)))
    }
}

impl FromLua for Error {
    /// An error as it is; anything else as the message.
    fn from_lua(value: Value, lua: &Lua) -> Result<Error> {
        match value {
            Value::Error(e) => Ok(*e),
            other => {
                let message = other.to_string_in(lua)?;
                Ok(Error::Runtime {
                    message,
                    traceback: None,
                    value: Box::new(other),
                })
            }
        }
    }
}

impl<T: UserData + Send + 'static> IntoLua for T {
    fn into_lua(self, lua: &Lua) -> Result<Value> {
        lua.create_userdata(self).map(Value::UserData)
    }
}

macro_rules! handles {
    ($($name:ident, $to:literal, $test:expr;)*) => {
        $(
            impl IntoLua for $name {
                fn into_lua(self, _: &Lua) -> Result<Value> {
                    Ok(Value::from(self))
                }

                #[inline]
                fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
                    cx.push_handle(&self.0)
                }
            }

            impl IntoLua for &$name {
                fn into_lua(self, _: &Lua) -> Result<Value> {
                    Ok(Value::from(self.clone()))
                }

                #[inline]
                fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
                    cx.push_handle(&self.0)
                }
            }

            impl FromLua for $name {
                fn from_lua(value: Value, lua: &Lua) -> Result<$name> {
                    by_raw(&value, lua)
                }

                #[inline]
                fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<$name> {
                    let test: fn(u8) -> bool = $test;
                    if test(v.tag) { Ok($name(cx.hold(v))) } else { mismatch(v, $to) }
                }
            }
        )*
    };
}

handles! {
    Table, "table", |t| t == tag::TABLE;
    Function, "function", |t| t == tag::CLOSURE || t == tag::NATIVE;
    Thread, "thread", |t| t == tag::THREAD;
    AnyUserData, "userdata", |t| t == tag::USERDATA;
}

macro_rules! value_from {
    ($($variant:ident($ty:ty);)*) => {
        $(
            impl From<$ty> for Value {
                fn from(v: $ty) -> Value {
                    Value::$variant(v)
                }
            }
        )*
    };
}

value_from! {
    Boolean(bool);
    Integer(i64);
    Number(f64);
    LightUserData(LightUserData);
    String(LuaString);
    Table(Table);
    Function(Function);
    Thread(Thread);
    UserData(AnyUserData);
}
