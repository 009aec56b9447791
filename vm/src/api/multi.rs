//! Conversions of argument and result lists.
//!
//! A single value, a tuple of up to twelve, `()`, [`Variadic`] and
//! [`MultiValue`] are lists. The last element of a tuple may itself be a
//! list, so `(String, Variadic<i64>)` is a string and any number of integers.
//! Values that are missing are nil, values too many are dropped.

use super::convert::{FromLua, IntoLua};
use super::error::{Error, Result};
use super::lua::Lua;
use super::stack::{Access, Slots};
use super::value::Value;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Any number of Lua values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MultiValue(VecDeque<Value>);

impl MultiValue {
    /// No values.
    pub const fn new() -> MultiValue {
        MultiValue(VecDeque::new())
    }

    /// The values.
    pub fn into_vec(self) -> Vec<Value> {
        self.0.into()
    }
}

impl Deref for MultiValue {
    type Target = VecDeque<Value>;

    fn deref(&self) -> &VecDeque<Value> {
        &self.0
    }
}

impl DerefMut for MultiValue {
    fn deref_mut(&mut self) -> &mut VecDeque<Value> {
        &mut self.0
    }
}

impl FromIterator<Value> for MultiValue {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> MultiValue {
        MultiValue(items.into_iter().collect())
    }
}

impl IntoIterator for MultiValue {
    type Item = Value;
    type IntoIter = std::collections::vec_deque::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a MultiValue {
    type Item = &'a Value;
    type IntoIter = std::collections::vec_deque::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Vec<Value>> for MultiValue {
    fn from(v: Vec<Value>) -> MultiValue {
        MultiValue(v.into())
    }
}

/// Any number of values of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variadic<T>(Vec<T>);

impl<T> Variadic<T> {
    /// No values.
    pub const fn new() -> Variadic<T> {
        Variadic(Vec::new())
    }

    /// The values.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T> Deref for Variadic<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for Variadic<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> FromIterator<T> for Variadic<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Variadic<T> {
        Variadic(items.into_iter().collect())
    }
}

impl<T> IntoIterator for Variadic<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T> From<Vec<T>> for Variadic<T> {
    fn from(v: Vec<T>) -> Variadic<T> {
        Variadic(v)
    }
}

/// What becomes a list of Lua values.
pub trait IntoLuaMulti: Sized {
    /// The values.
    ///
    /// # Errors
    /// One of them has no Lua form; the VM's memory limit.
    fn into_lua_multi(self, lua: &Lua) -> Result<MultiValue>;

    /// Pushes the values. Implementations outside leave it alone.
    #[doc(hidden)]
    fn push_all(self, cx: &mut Access<'_>) -> Result<()> {
        for v in self.into_lua_multi(cx.lua())? {
            v.push_ref(cx)?;
        }
        Ok(())
    }
}

/// What a list of Lua values can become.
pub trait FromLuaMulti: Sized {
    /// The Rust values.
    ///
    /// # Errors
    /// One of them is of another kind.
    fn from_lua_multi(values: MultiValue, lua: &Lua) -> Result<Self>;

    /// The Rust values of slots of the stack, the first of which is argument
    /// number `position` if an error is to name it. Implementations outside
    /// leave it alone.
    #[doc(hidden)]
    fn from_slots(slots: Slots, position: usize, cx: &mut Access<'_>) -> Result<Self> {
        let _ = position;
        let values = (0..slots.n)
            .map(|i| {
                let v = slots.get(i, cx);
                Value::from_raw(cx, v)
            })
            .collect();
        Self::from_lua_multi(values, cx.lua())
    }
}

/// Names the argument in an error of its conversion. Position 0: a result.
#[cold]
fn argument_error(position: usize, e: Error) -> Error {
    match e {
        Error::FromLua { .. } | Error::UserData(_) if position > 0 => Error::BadArgument {
            at: None,
            function: None,
            position,
            cause: Arc::new(e),
        },
        other => other,
    }
}

#[inline(always)]
fn one<T: FromLua>(slots: Slots, i: usize, position: usize, cx: &mut Access<'_>) -> Result<T> {
    let v = slots.get(i, cx);
    match T::from_raw(v, cx) {
        Ok(v) => Ok(v),
        Err(e) => Err(argument_error(
            if position > 0 { position + i } else { 0 },
            e,
        )),
    }
}

impl<T: IntoLua> IntoLuaMulti for T {
    fn into_lua_multi(self, lua: &Lua) -> Result<MultiValue> {
        Ok(MultiValue([self.into_lua(lua)?].into()))
    }

    #[inline]
    fn push_all(self, cx: &mut Access<'_>) -> Result<()> {
        self.push_raw(cx)
    }
}

impl<T: FromLua> FromLuaMulti for T {
    fn from_lua_multi(values: MultiValue, lua: &Lua) -> Result<T> {
        T::from_lua(values.into_iter().next().unwrap_or_default(), lua)
    }

    #[inline]
    fn from_slots(slots: Slots, position: usize, cx: &mut Access<'_>) -> Result<T> {
        one(slots, 0, position, cx)
    }
}

impl IntoLuaMulti for MultiValue {
    fn into_lua_multi(self, _: &Lua) -> Result<MultiValue> {
        Ok(self)
    }
}

impl IntoLuaMulti for &MultiValue {
    fn into_lua_multi(self, _: &Lua) -> Result<MultiValue> {
        Ok(self.clone())
    }

    fn push_all(self, cx: &mut Access<'_>) -> Result<()> {
        self.iter().try_for_each(|v| v.push_ref(cx))
    }
}

impl FromLuaMulti for MultiValue {
    fn from_lua_multi(values: MultiValue, _: &Lua) -> Result<MultiValue> {
        Ok(values)
    }
}

impl<T: IntoLua> IntoLuaMulti for Variadic<T> {
    fn into_lua_multi(self, lua: &Lua) -> Result<MultiValue> {
        self.0.into_iter().map(|v| v.into_lua(lua)).collect()
    }

    fn push_all(self, cx: &mut Access<'_>) -> Result<()> {
        self.0.into_iter().try_for_each(|v| v.push_raw(cx))
    }
}

impl<T: FromLua> FromLuaMulti for Variadic<T> {
    fn from_lua_multi(values: MultiValue, lua: &Lua) -> Result<Variadic<T>> {
        values.into_iter().map(|v| T::from_lua(v, lua)).collect()
    }

    fn from_slots(slots: Slots, position: usize, cx: &mut Access<'_>) -> Result<Variadic<T>> {
        (0..slots.n).map(|i| one(slots, i, position, cx)).collect()
    }
}

/// `Ok` is its value; `Err` is nil and the error, as Lua's own functions
/// report failure.
impl<T: IntoLua, E: IntoLua> IntoLuaMulti for std::result::Result<T, E> {
    fn into_lua_multi(self, lua: &Lua) -> Result<MultiValue> {
        match self {
            Ok(v) => v.into_lua_multi(lua),
            Err(e) => (Value::Nil, e).into_lua_multi(lua),
        }
    }
}

/// A first value of nil is `Err` of the second.
impl<T: FromLua, E: FromLua> FromLuaMulti for std::result::Result<T, E> {
    fn from_lua_multi(values: MultiValue, lua: &Lua) -> Result<Self> {
        let mut values = values.into_iter();
        match (values.next().unwrap_or_default(), values.next()) {
            (Value::Nil, Some(e)) => E::from_lua(e, lua).map(Err),
            (v, _) => T::from_lua(v, lua).map(Ok),
        }
    }
}

impl IntoLuaMulti for () {
    fn into_lua_multi(self, _: &Lua) -> Result<MultiValue> {
        Ok(MultiValue::new())
    }

    #[inline]
    fn push_all(self, _: &mut Access<'_>) -> Result<()> {
        Ok(())
    }
}

impl FromLuaMulti for () {
    fn from_lua_multi(_: MultiValue, _: &Lua) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn from_slots(_: Slots, _: usize, _: &mut Access<'_>) -> Result<()> {
        Ok(())
    }
}

macro_rules! tuples {
    ($($count:literal: [$($name:ident)*] $last:ident;)*) => {
        $(
            impl<$($name: IntoLua,)* $last: IntoLuaMulti> IntoLuaMulti for ($($name,)* $last,) {
                #[allow(non_snake_case, reason = "variables are named as their types")]
                fn into_lua_multi(self, lua: &Lua) -> Result<MultiValue> {
                    let ($($name,)* $last,) = self;
                    #[allow(unused_mut, reason = "a tuple of one pushes nothing in front")]
                    let mut front: Vec<Value> = vec![$($name.into_lua(lua)?,)*];
                    front.extend($last.into_lua_multi(lua)?);
                    Ok(MultiValue::from(front))
                }

                #[inline]
                #[allow(non_snake_case, reason = "variables are named as their types")]
                fn push_all(self, cx: &mut Access<'_>) -> Result<()> {
                    let ($($name,)* $last,) = self;
                    $($name.push_raw(cx)?;)*
                    $last.push_all(cx)
                }
            }

            impl<$($name: FromLua,)* $last: FromLuaMulti> FromLuaMulti for ($($name,)* $last,) {
                #[allow(non_snake_case, reason = "variables are named as their types")]
                fn from_lua_multi(mut values: MultiValue, lua: &Lua) -> Result<Self> {
                    $(let $name = $name::from_lua(values.pop_front().unwrap_or_default(), lua)?;)*
                    Ok(($($name,)* $last::from_lua_multi(std::mem::take(&mut values), lua)?,))
                }

                #[inline]
                #[allow(non_snake_case, reason = "variables are named as their types")]
                fn from_slots(slots: Slots, position: usize, cx: &mut Access<'_>) -> Result<Self> {
                    #[allow(unused_mut, reason = "a tuple of one has nothing in front")]
                    let mut i = 0;
                    $(
                        let $name = one::<$name>(slots, i, position, cx)?;
                        i += 1;
                    )*
                    let position = if position > 0 { position + i } else { 0 };
                    let $last = $last::from_slots(slots.skip(i), position, cx)?;
                    Ok(($($name,)* $last,))
                }
            }
        )*
    };
}

tuples! {
    1: [] A;
    2: [A] B;
    3: [A B] C;
    4: [A B C] D;
    5: [A B C D] E;
    6: [A B C D E] F;
    7: [A B C D E F] G;
    8: [A B C D E F G] H;
    9: [A B C D E F G H] I;
    10: [A B C D E F G H I] J;
    11: [A B C D E F G H I J] K;
    12: [A B C D E F G H I J K] L;
}
