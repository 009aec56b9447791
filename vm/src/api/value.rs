//! [`Value`]: any Lua value, as Rust sees it.

use super::error::{Error, Result, error_value, host_error};
use super::function::Function;
use super::handle::Handle;
use super::lua::Lua;
use super::stack::Access;
use super::string::LuaString;
use super::table::Table;
use super::thread::Thread;
use super::userdata::AnyUserData;
use std::ffi::c_void;
use strata_runtime::Value as Raw;
use strata_runtime::ops::meta;
use strata_runtime::value::{NIL, int_eq_float, tag};

/// An address that scripts can carry around and compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LightUserData(pub *mut c_void);

// SAFETY: it is a number; whoever makes a reference of it answers for that.
unsafe impl Send for LightUserData {}
// SAFETY: as above.
unsafe impl Sync for LightUserData {}

/// A Lua value. Strings, tables, functions, threads and userdata are handles.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// `nil`
    #[default]
    Nil,
    /// `true` or `false`
    Boolean(bool),
    /// An address.
    LightUserData(LightUserData),
    /// An integer.
    Integer(i64),
    /// A float.
    Number(f64),
    /// A string.
    String(LuaString),
    /// A table.
    Table(Table),
    /// A function of a script or the host.
    Function(Function),
    /// A coroutine.
    Thread(Thread),
    /// A Rust value.
    UserData(AnyUserData),
    /// An error of a host function.
    Error(Box<Error>),
}

/// `nil`, to be passed where a value is wanted.
#[allow(non_upper_case_globals, reason = "reads like the variant it is")]
pub const Nil: Value = Value::Nil;

impl Value {
    /// The value's type, as `type` names it; of numbers the subtype.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Boolean(_) => "boolean",
            Value::LightUserData(_) => "lightuserdata",
            Value::Integer(_) => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Table(_) => "table",
            Value::Function(_) => "function",
            Value::Thread(_) => "thread",
            Value::UserData(_) => "userdata",
            Value::Error(_) => "error",
        }
    }

    /// Whether it is nil.
    pub const fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// The boolean it is.
    pub const fn as_boolean(&self) -> Option<bool> {
        if let Value::Boolean(b) = self {
            Some(*b)
        } else {
            None
        }
    }

    /// The integer it is, or, of a float, exactly equals.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(i) => Some(*i),
            Value::Number(n) => strata_runtime::value::float_to_int(*n),
            _ => None,
        }
    }

    /// The number it is, as a float.
    pub const fn as_number(&self) -> Option<f64> {
        match self {
            Value::Integer(i) => Some(*i as f64),
            Value::Number(n) => Some(*n),
            _ => None,
        }
    }

    /// The string it is.
    pub const fn as_string(&self) -> Option<&LuaString> {
        if let Value::String(s) = self {
            Some(s)
        } else {
            None
        }
    }

    /// The table it is.
    pub const fn as_table(&self) -> Option<&Table> {
        if let Value::Table(t) = self {
            Some(t)
        } else {
            None
        }
    }

    /// The function it is.
    pub const fn as_function(&self) -> Option<&Function> {
        if let Value::Function(f) = self {
            Some(f)
        } else {
            None
        }
    }

    /// The coroutine it is.
    pub const fn as_thread(&self) -> Option<&Thread> {
        if let Value::Thread(t) = self {
            Some(t)
        } else {
            None
        }
    }

    /// The userdata it is.
    pub const fn as_userdata(&self) -> Option<&AnyUserData> {
        if let Value::UserData(u) = self {
            Some(u)
        } else {
            None
        }
    }

    /// The value as Lua's `tostring` gives it; calls `__tostring`.
    ///
    /// # Errors
    /// What `__tostring` raises; the VM is closed.
    pub fn to_string_in(&self, lua: &Lua) -> Result<String> {
        lua.enter(|cx| {
            self.push_ref(cx)?;
            let at = cx.top() - 1;
            let v = cx.slot(at);
            let s = cx.push_result(|cx| meta::tostring(cx, v).map(Raw::str))?;
            Ok(String::from_utf8_lossy(cx.vm().bytes(s.as_str())).into_owned())
        })
    }

    /// Whether Lua's `==` holds; calls `__eq`.
    ///
    /// # Errors
    /// What `__eq` raises; a value is of another VM than `lua`.
    pub fn equals(&self, other: &Value, lua: &Lua) -> Result<bool> {
        lua.enter(|cx| {
            self.push_ref(cx)?;
            other.push_ref(cx)?;
            let at = cx.top() - 2;
            let (a, b) = (cx.slot(at), cx.slot(at + 1));
            cx.push_result(|cx| meta::equals(cx, a, b).map(Raw::bool))
                .map(Raw::is_truthy)
        })
    }

    /// The handle in it.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        match self {
            Value::String(LuaString(h))
            | Value::Table(Table(h))
            | Value::Function(Function(h))
            | Value::Thread(Thread(h))
            | Value::UserData(AnyUserData(h)) => Some(h),
            _ => None,
        }
    }

    /// Pushes the value.
    pub(crate) fn push_ref(&self, cx: &mut Access<'_>) -> Result<()> {
        let v = match self {
            Value::Nil => NIL,
            Value::Boolean(b) => Raw::bool(*b),
            Value::LightUserData(p) => Raw::light(p.0 as usize as u64),
            Value::Integer(i) => Raw::int(*i),
            Value::Number(n) => Raw::float(*n),
            Value::Error(e) => error_value(cx, (**e).clone()),
            Value::String(LuaString(h))
            | Value::Table(Table(h))
            | Value::Function(Function(h))
            | Value::Thread(Thread(h))
            | Value::UserData(AnyUserData(h)) => cx.raw_of(h)?,
        };
        cx.push(v)
    }

    /// What a raw value is.
    pub(crate) fn from_raw(cx: &mut Access<'_>, v: Raw) -> Value {
        match v.tag {
            tag::NIL => Value::Nil,
            tag::FALSE => Value::Boolean(false),
            tag::TRUE => Value::Boolean(true),
            tag::INT => Value::Integer(v.as_int()),
            tag::FLOAT => Value::Number(v.as_float()),
            tag::LIGHT => Value::LightUserData(LightUserData(v.payload as usize as *mut c_void)),
            tag::STR => Value::String(LuaString(cx.hold(v))),
            tag::TABLE => Value::Table(Table(cx.hold(v))),
            tag::CLOSURE | tag::NATIVE => Value::Function(Function(cx.hold(v))),
            tag::THREAD => Value::Thread(Thread(cx.hold(v))),
            _ => match host_error(v) {
                Some(e) => Value::Error(Box::new(e)),
                None => Value::UserData(AnyUserData(cx.hold(v))),
            },
        }
    }
}

impl PartialEq for Value {
    /// As `rawequal`: numbers by value, strings by bytes, the rest by
    /// identity. Errors differ from everything.
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Integer(i), Value::Number(f)) | (Value::Number(f), Value::Integer(i)) => {
                int_eq_float(*i, *f)
            }
            (Value::LightUserData(a), Value::LightUserData(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            _ => match (self.handle(), other.handle()) {
                (Some(a), Some(b)) => a.same(b),
                _ => false,
            },
        }
    }
}
