//! Conversions between one Rust value and one Lua value.
//!
//! | Rust | to Lua | from Lua |
//! |---|---|---|
//! | `bool` | boolean | any value: is it true? |
//! | integers | integer; `u64`, `u128`, `i128` that don't fit fail | integers, floats and strings with that exact value, if it fits |
//! | `f32`, `f64` | float | numbers and strings that spell one |
//! | `String`, `&str`, `Box<str>`, `Cow<str>`, `char` | string | strings that are UTF-8, numbers |
//! | [`Bytes`], `&[u8; N]`, `&[u8]` as [`LuaString`] | string | any string |
//! | `Option<T>` | `None` is nil | nil is `None` |
//! | `Vec`, `[T; N]`, `Box<[T]>` | sequence | sequence |
//! | `HashMap`, `BTreeMap` | table | table |
//! | `HashSet`, `BTreeSet` | table of `true` by element | table's keys |
//! | `T: UserData` | new userdata | by [`UserDataRef`](super::UserDataRef) |
//! | [`Value`], [`Table`], [`Function`], … | itself | itself, or an error |

use super::error::{Error, Result};
use super::function::Function;
use super::lua::Lua;
use super::stack::Access;
use super::string::{BorrowedBytes, BorrowedStr, LuaString};
use super::table::Table;
use super::thread::Thread;
use super::userdata::{AnyUserData, UserData};
use super::value::{LightUserData, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use strata_runtime::Value as Raw;
use strata_runtime::table as raw_table;
use strata_runtime::value::{NIL, float_to_int, tag};

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
                Ok(Error::Runtime { message, traceback: None, value: Box::new(other) })
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

// ---- numbers

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
    Error::IntoLua { from, to: "integer", message: Some("out of range".to_string()) }
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

// ---- strings

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
    ($($(#[$life:meta])? ($($g:tt)*) $ty:ty, |$s:ident| $bytes:expr;)*) => {
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
            _ => Err(Error::from_lua("string", "char", Some("expected one character"))),
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

// ---- containers

impl<T: IntoLua> IntoLua for Option<T> {
    fn into_lua(self, lua: &Lua) -> Result<Value> {
        self.map_or(Ok(Value::Nil), |v| v.into_lua(lua))
    }

    #[inline]
    fn push_raw(self, cx: &mut Access<'_>) -> Result<()> {
        match self {
            Some(v) => v.push_raw(cx),
            None => cx.push(NIL),
        }
    }
}

impl<T: FromLua> FromLua for Option<T> {
    fn from_lua(value: Value, lua: &Lua) -> Result<Option<T>> {
        if value.is_nil() { Ok(None) } else { T::from_lua(value, lua).map(Some) }
    }

    #[inline]
    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<Option<T>> {
        if v.is_nil() { Ok(None) } else { T::from_raw(v, cx).map(Some) }
    }
}

/// Pushes a table with these elements.
pub(crate) fn push_sequence<T: IntoLua>(cx: &mut Access<'_>, items: impl ExactSizeIterator<Item = T>) -> Result<()> {
    cx.check_memory(items.len().saturating_mul(8))?;
    let root = cx.vm().shapes.root();
    let t = cx.vm().heap.new_table(root, 0);
    cx.push(Raw::table(t))?;
    // SAFETY: the table lies on the stack.
    if let Err(e) = unsafe { raw_table::reserve(cx.vm(), t, items.len(), 0) } {
        return Err(cx.fail(e.into()));
    }
    for (i, item) in items.enumerate() {
        item.push_raw(cx)?;
        let v = cx.pop();
        // SAFETY: as above; nothing has run since the value was pushed.
        if let Err(e) = unsafe { raw_table::set_int(cx.vm(), t, i as i64 + 1, v) } {
            let e = strata_runtime::ops::meta::set_error(cx.vm(), e);
            return Err(cx.fail(e));
        }
    }
    Ok(())
}

/// Pushes a table with these entries.
pub(crate) fn push_map<K: IntoLua, V: IntoLua>(
    cx: &mut Access<'_>,
    items: impl Iterator<Item = (K, V)>,
) -> Result<()> {
    cx.check_memory(64)?;
    let root = cx.vm().shapes.root();
    let t = cx.vm().heap.new_table(root, 0);
    cx.push(Raw::table(t))?;
    for (key, item) in items {
        key.push_raw(cx)?;
        item.push_raw(cx)?;
        let v = cx.pop();
        let k = cx.pop();
        // SAFETY: the table lies on the stack; nothing has run since key and
        // value were there.
        if let Err(e) = unsafe { raw_table::set(cx.vm(), t, k, v) } {
            let e = strata_runtime::ops::meta::set_error(cx.vm(), e);
            return Err(cx.fail(e));
        }
    }
    Ok(())
}

/// Gives the elements of a sequence to `take`, up to the first nil.
fn read_sequence<T: FromLua>(
    v: Raw,
    cx: &mut Access<'_>,
    to: &str,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    if v.tag != tag::TABLE {
        return mismatch(v, to);
    }
    let top = cx.top();
    // The conversion of an element may run code that drops the table.
    cx.push(v)?;
    for i in 1.. {
        // SAFETY: the table lies on the stack.
        let item = unsafe { raw_table::get_int(v.as_table(), i) };
        if item.is_nil() {
            break;
        }
        cx.push(item)?;
        take(T::from_raw(item, cx)?)?;
        cx.pop();
    }
    cx.set_top(top);
    Ok(())
}

/// Gives the entries of a table to `take`.
fn read_map<K: FromLua, V: FromLua>(
    v: Raw,
    cx: &mut Access<'_>,
    to: &str,
    mut take: impl FnMut(K, V) -> Result<()>,
) -> Result<()> {
    if v.tag != tag::TABLE {
        return mismatch(v, to);
    }
    let top = cx.top();
    cx.push(v)?;
    let mut cursor = 0;
    // SAFETY: the table lies on the stack.
    while let Some((next, key, item)) = unsafe { raw_table::next_at(v.as_table(), cursor) } {
        cursor = next;
        cx.push(key)?;
        cx.push(item)?;
        let k = K::from_raw(key, cx)?;
        take(k, V::from_raw(item, cx)?)?;
        cx.pop();
        cx.pop();
    }
    cx.set_top(top);
    Ok(())
}

/// The two directions of a container by its raw forms.
macro_rules! container {
    ([$($g:tt)*] $ty:ty, into [$($iw:tt)*] |$s:ident, $icx:ident| $push:expr, from [$($fw:tt)*] |$v:ident, $fcx:ident| $read:expr) => {
        impl<$($g)*> IntoLua for $ty where $($iw)* {
            fn into_lua(self, lua: &Lua) -> Result<Value> {
                by_push(self, lua)
            }

            fn push_raw(self, $icx: &mut Access<'_>) -> Result<()> {
                let $s = self;
                $push
            }
        }

        impl<$($g)*> FromLua for $ty where $($fw)* {
            fn from_lua(value: Value, lua: &Lua) -> Result<Self> {
                by_raw(&value, lua)
            }

            fn from_raw($v: Raw, $fcx: &mut Access<'_>) -> Result<Self> {
                $read
            }
        }
    };
}

container! {
    [T] Vec<T>,
    into [T: IntoLua] |s, cx| push_sequence(cx, s.into_iter()),
    from [T: FromLua] |v, cx| {
        let mut items = Vec::new();
        read_sequence(v, cx, "Vec", |item| { items.push(item); Ok(()) })?;
        Ok(items)
    }
}

container! {
    [T] Box<[T]>,
    into [T: IntoLua] |s, cx| push_sequence(cx, s.into_vec().into_iter()),
    from [T: FromLua] |v, cx| Vec::from_raw(v, cx).map(Vec::into_boxed_slice)
}

container! {
    [T, const N: usize] [T; N],
    into [T: IntoLua] |s, cx| push_sequence(cx, s.into_iter()),
    from [T: FromLua] |v, cx| {
        let items: Vec<T> = Vec::from_raw(v, cx)?;
        let n = items.len();
        items.try_into().map_err(|_| {
            Error::from_lua("table", format!("[_; {N}]"), Some(&format!("expected {N} elements, got {n}")))
        })
    }
}

container! {
    [K, V, S] HashMap<K, V, S>,
    into [K: IntoLua + Eq + Hash, V: IntoLua, S: BuildHasher] |s, cx| push_map(cx, s.into_iter()),
    from [K: FromLua + Eq + Hash, V: FromLua, S: BuildHasher + Default] |v, cx| {
        let mut map = HashMap::default();
        read_map(v, cx, "HashMap", |k, v| { map.insert(k, v); Ok(()) })?;
        Ok(map)
    }
}

container! {
    [K, V] BTreeMap<K, V>,
    into [K: IntoLua + Ord, V: IntoLua] |s, cx| push_map(cx, s.into_iter()),
    from [K: FromLua + Ord, V: FromLua] |v, cx| {
        let mut map = BTreeMap::new();
        read_map(v, cx, "BTreeMap", |k, v| { map.insert(k, v); Ok(()) })?;
        Ok(map)
    }
}

container! {
    [T, S] HashSet<T, S>,
    into [T: IntoLua + Eq + Hash, S: BuildHasher] |s, cx| push_map(cx, s.into_iter().map(|k| (k, true))),
    from [T: FromLua + Eq + Hash, S: BuildHasher + Default] |v, cx| {
        let mut set = HashSet::default();
        read_map(v, cx, "HashSet", |k, _: Value| { set.insert(k); Ok(()) })?;
        Ok(set)
    }
}

container! {
    [T] BTreeSet<T>,
    into [T: IntoLua + Ord] |s, cx| push_map(cx, s.into_iter().map(|k| (k, true))),
    from [T: FromLua + Ord] |v, cx| {
        let mut set = BTreeSet::new();
        read_map(v, cx, "BTreeSet", |k, _: Value| { set.insert(k); Ok(()) })?;
        Ok(set)
    }
}
