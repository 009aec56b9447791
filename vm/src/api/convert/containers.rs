//! Conversions of options and of Rust's collections.
//!
//! A table that is read or filled lies on the VM's stack meanwhile: the
//! conversion of an element may run code that collects garbage.

use super::{FromLua, IntoLua, by_push, by_raw, mismatch};
use crate::api::error::{Error, Result};
use crate::api::lua::Lua;
use crate::api::stack::Access;
use crate::api::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use strata_runtime::Value as Raw;
use strata_runtime::table as raw_table;
use strata_runtime::value::{NIL, tag};

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
        if value.is_nil() {
            Ok(None)
        } else {
            T::from_lua(value, lua).map(Some)
        }
    }

    #[inline]
    fn from_raw(v: Raw, cx: &mut Access<'_>) -> Result<Option<T>> {
        if v.is_nil() {
            Ok(None)
        } else {
            T::from_raw(v, cx).map(Some)
        }
    }
}

/// Pushes a table with these elements.
pub(crate) fn push_sequence<T: IntoLua>(
    cx: &mut Access<'_>,
    items: impl ExactSizeIterator<Item = T>,
) -> Result<()> {
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
