//! Conversions of strings, which in Lua are any bytes.

use super::{FromLua, IntoLua, by_push, by_raw, mismatch};
use crate::api::error::{Error, Result};
use crate::api::lua::Lua;
use crate::api::stack::Access;
use crate::api::string::{BorrowedBytes, BorrowedStr, LuaString};
use crate::api::value::Value;
use std::borrow::Cow;
use strata_runtime::Value as Raw;
use strata_runtime::value::tag;

/// Bytes that become, or were, a Lua string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Bytes(pub Vec<u8>);

impl std::ops::Deref for Bytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(v: Vec<u8>) -> Bytes {
        Bytes(v)
    }
}

impl From<&[u8]> for Bytes {
    fn from(v: &[u8]) -> Bytes {
        Bytes(v.to_vec())
    }
}

/// The bytes of a string or of a number as text.
fn text<'a>(v: Raw, cx: &mut Access<'_>, to: &str) -> Result<&'a [u8]> {
    match v.tag {
        tag::STR => Ok(cx.vm().bytes(v.as_str())),
        tag::INT | tag::FLOAT => {
            let s = cx.vm().number_to_str(v);
            Ok(cx.vm().bytes(s))
        }
        _ => mismatch(v, to),
    }
}

fn utf8<'a>(v: Raw, cx: &mut Access<'_>, to: &str) -> Result<&'a str> {
    let bytes = text(v, cx, to)?;
    std::str::from_utf8(bytes).map_err(|e| Error::from_lua("string", to, Some(&e.to_string())))
}

macro_rules! into_strings {
    ($(($($g:tt)*) $ty:ty, |$s:ident| $bytes:expr;)*) => {
        $(
            impl<$($g)*> IntoLua for $ty {
                fn into_lua(self, lua: &Lua) -> Result<Value> {
                    by_push(self, lua)
                }

                #[inline]
                fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
                    let $s = self;
                    cx.push_bytes($bytes)
                }
            }
        )*
    };
}

into_strings! {
    () &str, |s| s.as_bytes();
    () String, |s| s.as_bytes();
    () &String, |s| s.as_bytes();
    () Box<str>, |s| s.as_bytes();
    () Cow<'_, str>, |s| s.as_bytes();
    () char, |c| c.encode_utf8(&mut [0; 4]).as_bytes();
    () Bytes, |s| &s.0;
    () &Bytes, |s| &s.0;
    (const N: usize) &[u8; N], |s| s.as_slice();
    () &[u8], |s| s;
    () BorrowedBytes<'_>, |s| &s;
    () BorrowedStr<'_>, |s| s.as_bytes();
}

impl FromLua for String {
    fn from_lua(value: Value, lua: &Lua) -> Result<String> {
        by_raw(&value, lua)
    }

    #[inline]
    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<String> {
        utf8(v, cx, "String").map(str::to_owned)
    }
}

impl FromLua for Box<str> {
    fn from_lua(value: Value, lua: &Lua) -> Result<Box<str>> {
        by_raw(&value, lua)
    }

    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<Box<str>> {
        utf8(v, cx, "Box<str>").map(Box::from)
    }
}

impl FromLua for char {
    fn from_lua(value: Value, lua: &Lua) -> Result<char> {
        by_raw(&value, lua)
    }

    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<char> {
        let mut chars = utf8(v, cx, "char")?.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(c),
            _ => Err(Error::from_lua(
                "string",
                "char",
                Some("expected one character"),
            )),
        }
    }
}

impl FromLua for Bytes {
    fn from_lua(value: Value, lua: &Lua) -> Result<Bytes> {
        by_raw(&value, lua)
    }

    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<Bytes> {
        text(v, cx, "Bytes").map(Bytes::from)
    }
}

impl IntoLua for LuaString {
    fn into_lua(self, _: &Lua) -> Result<Value> {
        Ok(Value::String(self))
    }

    fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
        cx.push_handle(&self.0)
    }
}

impl IntoLua for &LuaString {
    fn into_lua(self, _: &Lua) -> Result<Value> {
        Ok(Value::String(self.clone()))
    }

    fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
        cx.push_handle(&self.0)
    }
}

impl FromLua for LuaString {
    fn from_lua(value: Value, lua: &Lua) -> Result<LuaString> {
        by_raw(&value, lua)
    }

    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<LuaString> {
        match v.tag {
            tag::STR => Ok(LuaString(cx.hold(v))),
            tag::INT | tag::FLOAT => {
                let s = cx.vm().number_to_str(v);
                Ok(LuaString(cx.hold(Raw::str(s))))
            }
            _ => mismatch(v, "string"),
        }
    }
}
