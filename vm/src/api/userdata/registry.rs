//! What scripts can do with a type's values, and the metatable made of it.
//!
//! `__index` looks at fields with getters, then at methods and constant
//! fields, then asks the type's own `__index`. Where there are only methods
//! it is their table, so that inline caches see through it.

use super::cell::{UserDataRef, UserDataRefMut};
use super::{cell_of, short_name};
use crate::api::convert::IntoLua;
use crate::api::error::{Error, Result};
use crate::api::function::{Function, host, wrap};
use crate::api::lua::Lua;
use crate::api::multi::{FromLuaMulti, IntoLuaMulti};
use crate::api::stack::{Access, Slots};
use crate::api::table::Table;
use crate::api::value::Value;
use std::any::TypeId;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;
use strata_runtime::Value as Raw;
use strata_runtime::native::{Cx, HostFn, Ret, cont};
use strata_runtime::object::NativeKind;
use strata_runtime::table as raw_table;

/// A type whose values can be given to scripts.
///
/// ```
/// use strata::{Lua, Result, UserData, UserDataFields, UserDataMethods};
///
/// struct Counter(i64);
///
/// impl UserData for Counter {
///     fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
///         fields.add_field_method_get("count", |_, this| Ok(this.0));
///     }
///     fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
///         methods.add_method_mut("add", |_, this, n: i64| {
///             this.0 += n;
///             Ok(())
///         });
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let lua = Lua::new();
/// lua.globals().set("c", lua.create_userdata(Counter(1))?)?;
/// assert_eq!(lua.load("c:add(41) return c.count").eval::<i64>()?, 42);
/// # Ok(())
/// # }
/// ```
pub trait UserData: Sized {
    /// Adds fields.
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        let _ = fields;
    }

    /// Adds methods.
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        let _ = methods;
    }
}

macro_rules! meta_methods {
    ($($variant:ident $name:literal $doc:literal;)*) => {
        /// What operators and functions of Lua ask a value's type for.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum MetaMethod {
            $(#[doc = $doc] $variant,)*
        }

        impl MetaMethod {
            /// The key in the metatable.
            pub const fn name(self) -> &'static str {
                match self {
                    $(MetaMethod::$variant => $name,)*
                }
            }
        }
    };
}

meta_methods! {
    Add "__add" "`a + b`";
    Sub "__sub" "`a - b`";
    Mul "__mul" "`a * b`";
    Div "__div" "`a / b`";
    Mod "__mod" "`a % b`";
    Pow "__pow" "`a ^ b`";
    Unm "__unm" "`-a`";
    IDiv "__idiv" "`a // b`";
    BAnd "__band" "`a & b`";
    BOr "__bor" "`a | b`";
    BXor "__bxor" "`a ~ b`";
    BNot "__bnot" "`~a`";
    Shl "__shl" "`a << b`";
    Shr "__shr" "`a >> b`";
    Concat "__concat" "`a .. b`";
    Len "__len" "`#a`";
    Eq "__eq" "`a == b`";
    Lt "__lt" "`a < b`";
    Le "__le" "`a <= b`";
    Index "__index" "`a[k]` where there is no field or method `k`";
    NewIndex "__newindex" "`a[k] = v` where there is no field `k` to set";
    Call "__call" "`a(...)`";
    ToString "__tostring" "`tostring(a)`";
    Pairs "__pairs" "`pairs(a)`";
    Close "__close" "`a`, a to-be-closed variable, goes out of scope";
    Name "__name" "type name in messages";
}

impl From<MetaMethod> for String {
    fn from(m: MetaMethod) -> String {
        m.name().to_string()
    }
}

impl std::fmt::Display for MetaMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes the methods of a type.
pub trait UserDataMethods<T> {
    /// `value:name(...)` for a value that is only looked at.
    fn add_method<M, A, R>(&mut self, name: impl Into<String>, method: M)
    where
        M: Fn(&Lua, &T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti;

    /// `value:name(...)` for a value that is changed.
    fn add_method_mut<M, A, R>(&mut self, name: impl Into<String>, method: M)
    where
        M: FnMut(&Lua, &mut T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti;

    /// `value.name(...)`: a function that does not get the value.
    fn add_function<F, A, R>(&mut self, name: impl Into<String>, function: F)
    where
        F: Fn(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti;

    /// Like [`add_function`](Self::add_function), with mutable state.
    fn add_function_mut<F, A, R>(&mut self, name: impl Into<String>, function: F)
    where
        F: FnMut(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti;

    /// A metamethod whose first operand is the value.
    fn add_meta_method<M, A, R>(&mut self, name: impl Into<String>, method: M)
    where
        M: Fn(&Lua, &T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti;

    /// A metamethod whose first operand is the value, which it changes.
    fn add_meta_method_mut<M, A, R>(&mut self, name: impl Into<String>, method: M)
    where
        M: FnMut(&Lua, &mut T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti;

    /// A metamethod that gets both operands, either of which may be the value.
    fn add_meta_function<F, A, R>(&mut self, name: impl Into<String>, function: F)
    where
        F: Fn(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti;
}

/// Takes the fields of a type.
pub trait UserDataFields<T> {
    /// A constant.
    fn add_field<V: IntoLua + 'static>(&mut self, name: impl Into<String>, value: V);

    /// `value.name`
    fn add_field_method_get<M, R>(&mut self, name: impl Into<String>, method: M)
    where
        M: Fn(&Lua, &T) -> Result<R> + Send + 'static,
        R: IntoLua;

    /// `value.name = x`
    fn add_field_method_set<M, A>(&mut self, name: impl Into<String>, method: M)
    where
        M: FnMut(&Lua, &mut T, A) -> Result<()> + Send + 'static,
        A: crate::api::convert::FromLua;

    /// A constant of the metatable.
    fn add_meta_field<V: IntoLua + 'static>(&mut self, name: impl Into<String>, value: V);
}

/// Collects what a type adds. The first error is kept for the end.
struct Registry<'a, T> {
    lua: &'a Lua,
    members: Vec<(String, Value)>,
    getters: Vec<(String, Value)>,
    setters: Vec<(String, Value)>,
    meta: Vec<(String, Value)>,
    error: Option<Error>,
    owner: PhantomData<fn(T)>,
}

/// Which list of a [`Registry`].
#[derive(Clone, Copy)]
enum List {
    Members,
    Getters,
    Setters,
    Meta,
}

impl<T> Registry<'_, T> {
    fn add(&mut self, list: List, name: impl Into<String>, value: Result<Value>) {
        let to = match list {
            List::Members => &mut self.members,
            List::Getters => &mut self.getters,
            List::Setters => &mut self.setters,
            List::Meta => &mut self.meta,
        };
        match value {
            Ok(v) => to.push((name.into(), v)),
            Err(e) => {
                self.error.get_or_insert(e);
            }
        }
    }

    fn add_host(&mut self, list: List, name: impl Into<String>, f: Box<HostFn>) {
        let f = self.lua.enter(|cx| {
            cx.check_memory(0)?;
            let f = Raw::native(cx.vm().heap.new_host(f));
            Ok(Value::Function(Function(cx.hold(f))))
        });
        self.add(list, name, f);
    }
}

/// The error of a method call whose object is no such userdata.
#[cold]
fn bad_self(e: Error) -> Error {
    match e {
        Error::FromLua { .. } => Error::BadArgument {
            at: None,
            function: None,
            position: 1,
            cause: Arc::new(e),
        },
        other => other,
    }
}

/// The host function of a method that looks at its value.
fn method<T, M, A, R>(lua: &Lua, m: M) -> Box<HostFn>
where
    T: Send + 'static,
    M: Fn(&Lua, &T, A) -> Result<R> + Send + 'static,
    A: FromLuaMulti,
    R: IntoLuaMulti,
{
    host(lua, move |cx: &mut Access<'_>, slots: Slots| {
        let cell = cell_of(slots.get(0, cx)).map_err(bad_self)?;
        let args = A::from_slots(slots.skip(1), 2, cx)?;
        let this = UserDataRef::new(cell)?;
        let results = m(cx.lua(), &this, args)?;
        results.push_all(cx)
    })
}

/// The host function of a method that changes its value.
fn method_mut<T, M, A, R>(lua: &Lua, m: M) -> Box<HostFn>
where
    T: Send + 'static,
    M: FnMut(&Lua, &mut T, A) -> Result<R> + Send + 'static,
    A: FromLuaMulti,
    R: IntoLuaMulti,
{
    let m = RefCell::new(m);
    host(lua, move |cx: &mut Access<'_>, slots: Slots| {
        let cell = cell_of(slots.get(0, cx)).map_err(bad_self)?;
        let args = A::from_slots(slots.skip(1), 2, cx)?;
        let mut this = UserDataRefMut::new(cell)?;
        let mut m = m
            .try_borrow_mut()
            .map_err(|_| Error::RecursiveMutCallback)?;
        let results = m(cx.lua(), &mut this, args)?;
        drop((this, m));
        results.push_all(cx)
    })
}

impl<T: Send + 'static> UserDataMethods<T> for Registry<'_, T> {
    fn add_method<M, A, R>(&mut self, name: impl Into<String>, m: M)
    where
        M: Fn(&Lua, &T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        self.add_host(List::Members, name, method(self.lua, m));
    }

    fn add_method_mut<M, A, R>(&mut self, name: impl Into<String>, m: M)
    where
        M: FnMut(&Lua, &mut T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        self.add_host(List::Members, name, method_mut(self.lua, m));
    }

    fn add_function<F, A, R>(&mut self, name: impl Into<String>, function: F)
    where
        F: Fn(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        self.add_host(List::Members, name, wrap(self.lua, function));
    }

    fn add_function_mut<F, A, R>(&mut self, name: impl Into<String>, function: F)
    where
        F: FnMut(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        let f = self.lua.create_function_mut(function).map(Value::Function);
        self.add(List::Members, name, f);
    }

    fn add_meta_method<M, A, R>(&mut self, name: impl Into<String>, m: M)
    where
        M: Fn(&Lua, &T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        self.add_host(List::Meta, name, method(self.lua, m));
    }

    fn add_meta_method_mut<M, A, R>(&mut self, name: impl Into<String>, m: M)
    where
        M: FnMut(&Lua, &mut T, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        self.add_host(List::Meta, name, method_mut(self.lua, m));
    }

    fn add_meta_function<F, A, R>(&mut self, name: impl Into<String>, function: F)
    where
        F: Fn(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        self.add_host(List::Meta, name, wrap(self.lua, function));
    }
}

impl<T: Send + 'static> UserDataFields<T> for Registry<'_, T> {
    fn add_field<V: IntoLua + 'static>(&mut self, name: impl Into<String>, value: V) {
        self.add(List::Members, name, value.into_lua(self.lua));
    }

    fn add_field_method_get<M, R>(&mut self, name: impl Into<String>, m: M)
    where
        M: Fn(&Lua, &T) -> Result<R> + Send + 'static,
        R: IntoLua,
    {
        self.add_host(
            List::Getters,
            name,
            method(self.lua, move |lua, this, ()| m(lua, this)),
        );
    }

    fn add_field_method_set<M, A>(&mut self, name: impl Into<String>, mut m: M)
    where
        M: FnMut(&Lua, &mut T, A) -> Result<()> + Send + 'static,
        A: crate::api::convert::FromLua,
    {
        self.add_host(
            List::Setters,
            name,
            method_mut(self.lua, move |lua, this, v: A| m(lua, this, v)),
        );
    }

    fn add_meta_field<V: IntoLua + 'static>(&mut self, name: impl Into<String>, value: V) {
        self.add(List::Meta, name, value.into_lua(self.lua));
    }
}

/// The metatable of `T`'s values, made on first use and held for ever.
pub(super) fn metatable<T: UserData + Send + 'static>(cx: &mut Access<'_>) -> Result<Raw> {
    let id = TypeId::of::<T>();
    if let Some(handle) = cx.lua().state(|s| s.types.get(&id).copied()) {
        return Ok(cx.vm().handles.get(handle));
    }
    let meta = build::<T>(cx.lua())?;
    let meta = cx.raw_of(&meta.0)?;
    let handle = cx.vm().handles.hold(meta);
    cx.lua().state(|s| s.types.insert(id, handle));
    Ok(meta)
}

fn build<T: UserData + Send + 'static>(lua: &Lua) -> Result<Table> {
    let mut registry = Registry::<T> {
        lua,
        members: Vec::new(),
        getters: Vec::new(),
        setters: Vec::new(),
        meta: Vec::new(),
        error: None,
        owner: PhantomData,
    };
    T::add_fields(&mut registry);
    T::add_methods(&mut registry);
    let Registry {
        members,
        getters,
        setters,
        meta: own,
        error,
        ..
    } = registry;
    if let Some(e) = error {
        return Err(e);
    }
    let meta = lua.create_table()?;
    meta.raw_set("__name", short_name::<T>())?;
    meta.raw_set("__metatable", false)?;
    let (mut index, mut newindex) = (Value::Nil, Value::Nil);
    for (name, v) in own {
        match name.as_str() {
            "__index" => index = v,
            "__newindex" => newindex = v,
            _ => meta.raw_set(name, v)?,
        }
    }
    let table = |list: Vec<(String, Value)>| match list.is_empty() {
        true => Ok(Value::Nil),
        false => lua.create_table_from(list).map(Value::Table),
    };
    let (members, getters, setters) = (table(members)?, table(getters)?, table(setters)?);
    if getters.is_nil() && index.is_nil() {
        meta.raw_set("__index", members)?;
    } else {
        meta.raw_set(
            "__index",
            native(lua, index_fields, "index", [getters, members, index])?,
        )?;
    }
    if setters.is_nil() {
        meta.raw_set("__newindex", newindex)?;
    } else {
        meta.raw_set(
            "__newindex",
            native(lua, set_fields, "newindex", [setters, newindex, Value::Nil])?,
        )?;
    }
    Ok(meta)
}

fn native(
    lua: &Lua,
    f: strata_runtime::native::NativeFn,
    name: &'static str,
    upvals: [Value; 3],
) -> Result<Function> {
    lua.enter(|cx| {
        let first = cx.top();
        for v in &upvals {
            v.push_ref(cx)?;
        }
        let values: Vec<Raw> = (first..cx.top()).map(|i| cx.slot(i)).collect();
        let f = cx.vm().heap.new_native(f, name, NativeKind::Plain, &values);
        Ok(Function(cx.hold(Raw::native(f))))
    })
}

/// `__index`: upvalues are getters, members and the type's own `__index`.
fn index_fields(cx: &mut Cx<'_>) -> strata_runtime::Result<Ret> {
    let (this, key) = (cx.arg(0), cx.arg(1));
    let (getters, members, other) = (cx.upval(0), cx.upval(1), cx.upval(2));
    if getters.is_table() {
        // SAFETY: upvalues of a running function are live, arguments too.
        let getter = unsafe { raw_table::get(getters.as_table(), key) };
        if !getter.is_nil() {
            return cx.push_call_then(getter, &[this], cont::PASS);
        }
    }
    if members.is_table() {
        // SAFETY: as above.
        let v = unsafe { raw_table::get(members.as_table(), key) };
        if !v.is_nil() {
            return cx.ret(v);
        }
    }
    if other.is_nil() {
        return cx.ret_nil();
    }
    cx.push_call_then(other, &[this, key], cont::PASS)
}

/// `__newindex`: upvalues are setters and the type's own `__newindex`.
fn set_fields(cx: &mut Cx<'_>) -> strata_runtime::Result<Ret> {
    let (this, key, v) = (cx.arg(0), cx.arg(1), cx.arg(2));
    let (setters, other) = (cx.upval(0), cx.upval(1));
    // SAFETY: upvalues of a running function are live, arguments too.
    let setter = unsafe { raw_table::get(setters.as_table(), key) };
    if !setter.is_nil() {
        return cx.push_call_then(setter, &[this, v], cont::PASS);
    }
    if !other.is_nil() {
        return cx.push_call_then(other, &[this, key, v], cont::PASS);
    }
    let mut msg = b"attempt to set unknown field '".to_vec();
    let name = strata_runtime::ops::meta::raw_tostring(cx.vm, key);
    msg.extend_from_slice(cx.vm.bytes(name));
    msg.push(b'\'');
    Err(cx.error_bytes(&msg))
}
