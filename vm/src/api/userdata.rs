//! Userdata: Rust values in Lua.
//!
//! A type says with [`UserData`] what scripts can do with its values; the
//! metatable made of that is shared by all values of the type in a VM. Each
//! value lies in a cell with run-time borrow rules as in `RefCell`, with one
//! more: shared borrows are of one thread at a time, so that types need to be
//! `Send` only.
//!
//! ```text
//!   Lua object ──▶ Deferred ──▶ Arc<cell> ◀── UserDataRef, UserDataRefMut
//! ```

mod cell;
mod registry;

pub use cell::{UserDataRef, UserDataRefMut};
pub use registry::{MetaMethod, UserData, UserDataFields, UserDataMethods};

use super::convert::{FromLua, IntoLua, by_raw};
use super::error::{Error, Result};
use super::function::{call_method, get_field};
use super::handle::{Deferred, Handle, Locked};
use super::lua::Lua;
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::stack::Access;
use super::table::Table;
use super::value::Value;
use cell::UserCell;
use std::any::type_name;
use std::ffi::c_void;
use std::sync::Arc;
use strata_runtime::Value as Raw;
use strata_runtime::metatable::{metatable_of, set_userdata_metatable};
use strata_runtime::ops::meta;
use strata_runtime::value::{NIL, tag};

/// A userdata of any type.
#[derive(Clone, Debug)]
pub struct AnyUserData(pub(crate) Handle);

/// The cell of a raw value, if it is a userdata of type `T`.
#[inline]
fn cell_of<T: Send + 'static>(v: Raw) -> Result<Arc<Locked<UserCell<T>>>> {
    if v.tag != tag::USERDATA {
        return super::convert::mismatch(v, short_name::<T>());
    }
    // SAFETY: the tag says that the payload is a userdata, which the caller
    // has alive; nothing runs while we look.
    let data = unsafe { (*v.as_userdata()).data.as_ref() };
    match data.map(|data| data.downcast_ref::<Deferred<UserCell<T>>>()) {
        Some(Some(cell)) => Ok(cell.pointer()),
        Some(None) => Err(Error::from_lua(
            "userdata",
            short_name::<T>(),
            Some("userdata of another type"),
        )),
        None => Err(Error::UserData("has been destructed")),
    }
}

/// The last part of a type's name.
pub(crate) fn short_name<T>() -> &'static str {
    let full = type_name::<T>();
    let end = full.find('<').unwrap_or(full.len());
    let start = full[..end].rfind("::").map_or(0, |i| i + 2);
    &full[start..]
}

/// Pushes a new userdata.
fn push_new<T: UserData + Send + 'static>(cx: &mut Access<'_>, data: T) -> Result<()> {
    let meta = registry::metatable::<T>(cx)?;
    cx.check_memory(size_of::<T>())?;
    let data = Deferred::new(cx.lua().bin(), UserCell::new(data));
    let vm = cx.vm();
    let u = vm.heap.new_userdata(Box::new(data), 0, size_of::<T>());
    // SAFETY: the userdata was just made; the metatable is held for ever.
    unsafe { set_userdata_metatable(vm, u, meta.as_table()) };
    cx.push(Raw::userdata(u))
}

impl AnyUserData {
    pub(crate) fn create<T: UserData + Send + 'static>(lua: &Lua, data: T) -> Result<AnyUserData> {
        lua.enter(|cx| {
            push_new(cx, data)?;
            let u = cx.pop();
            Ok(AnyUserData(cx.hold(u)))
        })
    }

    /// Whether it holds a `T`.
    pub fn is<T: Send + 'static>(&self) -> bool {
        self.0
            .enter(|cx| Ok(cell_of::<T>(self.0.raw(cx.vm())).is_ok()))
            .unwrap_or(false)
    }

    /// The `T` in it, to look at.
    ///
    /// # Errors
    /// It is of another type, borrowed mutably, borrowed on another thread,
    /// or was taken.
    pub fn borrow<T: Send + 'static>(&self) -> Result<UserDataRef<T>> {
        self.0
            .enter(|cx| UserDataRef::new(cell_of(self.0.raw(cx.vm()))?))
    }

    /// The `T` in it, to change.
    ///
    /// # Errors
    /// It is of another type, borrowed, or was taken.
    pub fn borrow_mut<T: Send + 'static>(&self) -> Result<UserDataRefMut<T>> {
        self.0
            .enter(|cx| UserDataRefMut::new(cell_of(self.0.raw(cx.vm()))?))
    }

    /// Takes the `T` out; scripts can't use the userdata any more.
    ///
    /// # Errors
    /// It is of another type, borrowed, or was taken.
    pub fn take<T: Send + 'static>(&self) -> Result<T> {
        self.0
            .enter(|cx| cell_of::<T>(self.0.raw(cx.vm()))?.0.take())
    }

    /// `u[key]`, which asks `__index`.
    ///
    /// # Errors
    /// What `__index` raises; the value is of another type.
    pub fn get<V: FromLua>(&self, key: impl IntoLua) -> Result<V> {
        get_field(&self.0, key)
    }

    /// `u[key] = value`, which asks `__newindex`.
    ///
    /// # Errors
    /// What `__newindex` raises.
    pub fn set(&self, key: impl IntoLua, value: impl IntoLua) -> Result<()> {
        self.0.enter(|cx| {
            key.push_raw(cx)?;
            value.push_raw(cx)?;
            let at = cx.top() - 2;
            let (u, k, v) = (self.0.raw(cx.vm()), cx.slot(at), cx.slot(at + 1));
            cx.push_result(|cx| meta::set_index(cx, u, k, v).map(|()| NIL))
                .map(drop)
        })
    }

    /// `u:name(args)`
    ///
    /// # Errors
    /// As for [`Function::call`](super::Function::call).
    pub fn call_method<R: FromLuaMulti>(&self, name: &str, args: impl IntoLuaMulti) -> Result<R> {
        call_method(&self.0, name, args)
    }

    /// The metatable, shared by all values of the type.
    ///
    /// # Errors
    /// The VM is closed.
    pub fn metatable(&self) -> Result<Table> {
        self.0.enter(|cx| {
            let v = self.0.raw(cx.vm());
            let meta = metatable_of(cx.vm(), v);
            if meta.is_null() {
                return Err(Error::UserData("has no metatable"));
            }
            Ok(Table(cx.hold(Raw::table(meta))))
        })
    }

    /// A number that tells this userdata from others.
    pub fn to_pointer(&self) -> *const c_void {
        self.0.pointer()
    }
}

impl PartialEq for AnyUserData {
    /// The same userdata.
    fn eq(&self, other: &AnyUserData) -> bool {
        self.0.same(&other.0)
    }
}

impl<T: Send + 'static> FromLua for UserDataRef<T> {
    fn from_lua(value: Value, lua: &Lua) -> Result<UserDataRef<T>> {
        by_raw(&value, lua)
    }

    fn from_raw(v: Raw, _: &mut Access<'_>) -> Result<UserDataRef<T>> {
        UserDataRef::new(cell_of(v)?)
    }
}

impl<T: Send + 'static> FromLua for UserDataRefMut<T> {
    fn from_lua(value: Value, lua: &Lua) -> Result<UserDataRefMut<T>> {
        by_raw(&value, lua)
    }

    fn from_raw(v: Raw, _: &mut Access<'_>) -> Result<UserDataRefMut<T>> {
        UserDataRefMut::new(cell_of(v)?)
    }
}

#[cfg(test)]
mod tests {
    use super::short_name;

    #[test]
    fn type_names_are_short() {
        assert_eq!(short_name::<super::AnyUserData>(), "AnyUserData");
        assert_eq!(
            short_name::<Vec<super::AnyUserData>>(),
            "Vec<strata::api::userdata::AnyUserData>"
        );
        assert_eq!(short_name::<u8>(), "u8");
    }
}
