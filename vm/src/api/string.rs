//! [`LuaString`]: a handle to a string, which is any sequence of bytes.

use super::error::{Error, Result};
use super::handle::Handle;
use super::lua::Lua;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Deref;

/// A Lua string.
#[derive(Clone)]
pub struct LuaString(pub(crate) Handle);

/// The bytes of a [`LuaString`]; keeps the VM open while it lives.
pub struct BorrowedBytes<'a> {
    _lua: Lua,
    bytes: *const [u8],
    string: PhantomData<&'a LuaString>,
}

/// The text of a [`LuaString`] that is UTF-8; keeps the VM open while it lives.
pub struct BorrowedStr<'a>(BorrowedBytes<'a>);

impl Deref for BorrowedBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the VM is open and a handle keeps the string, whose bytes
        // neither move nor change.
        unsafe { &*self.bytes }
    }
}

impl AsRef<[u8]> for BorrowedBytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl std::fmt::Debug for BorrowedBytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for BorrowedBytes<'_> {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl Deref for BorrowedStr<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        // SAFETY: checked when this was made; the bytes don't change.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }
}

impl AsRef<str> for BorrowedStr<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl std::fmt::Debug for BorrowedStr<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

impl std::fmt::Display for BorrowedStr<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self)
    }
}

impl<T: AsRef<str> + ?Sized> PartialEq<T> for BorrowedStr<'_> {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl LuaString {
    /// The bytes.
    ///
    /// # Errors
    /// The VM is closed.
    pub fn try_bytes(&self) -> Result<BorrowedBytes<'_>> {
        let lua = self.0.owner()?;
        let bytes: *const [u8] = lua.with(|vm| {
            let v = self.0.raw(vm);
            vm.bytes(v.as_str())
        });
        Ok(BorrowedBytes {
            _lua: lua,
            bytes,
            string: PhantomData,
        })
    }

    /// The bytes.
    ///
    /// # Panics
    /// The VM is closed; see [`try_bytes`](Self::try_bytes).
    pub fn as_bytes(&self) -> BorrowedBytes<'_> {
        self.try_bytes().expect("the VM of this string is closed")
    }

    /// The text.
    ///
    /// # Errors
    /// The bytes are not UTF-8; the VM is closed.
    pub fn to_str(&self) -> Result<BorrowedStr<'_>> {
        let bytes = self.try_bytes()?;
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(BorrowedStr(bytes)),
            Err(e) => Err(Error::from_lua("string", "&str", Some(&e.to_string()))),
        }
    }

    /// The text, with replacement characters for bytes that are not UTF-8;
    /// empty if the VM is closed.
    pub fn to_string_lossy(&self) -> String {
        self.try_bytes()
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .unwrap_or_default()
    }

    /// Length in bytes; 0 if the VM is closed.
    pub fn len(&self) -> usize {
        self.try_bytes().map_or(0, |b| b.len())
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A number that tells this string object from others.
    pub fn to_pointer(&self) -> *const std::ffi::c_void {
        self.0.pointer()
    }
}

impl std::fmt::Debug for LuaString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.try_bytes() {
            Ok(b) => match String::from_utf8_lossy(&b) {
                Cow::Borrowed(s) => write!(f, "{s:?}"),
                Cow::Owned(_) => write!(f, "b\"{}\"", b.escape_ascii()),
            },
            Err(_) => f.write_str("<closed>"),
        }
    }
}

impl PartialEq for LuaString {
    /// Same bytes.
    fn eq(&self, other: &LuaString) -> bool {
        matches!((self.try_bytes(), other.try_bytes()), (Ok(a), Ok(b)) if *a == *b)
    }
}

impl Eq for LuaString {}

impl PartialEq<str> for LuaString {
    fn eq(&self, other: &str) -> bool {
        self.try_bytes().is_ok_and(|b| *b == *other.as_bytes())
    }
}

impl PartialEq<&str> for LuaString {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialEq<[u8]> for LuaString {
    fn eq(&self, other: &[u8]) -> bool {
        self.try_bytes().is_ok_and(|b| *b == *other)
    }
}

impl std::hash::Hash for LuaString {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        if let Ok(b) = self.try_bytes() {
            b.hash(state);
        }
    }
}
