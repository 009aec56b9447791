//! A runtime library for programs in LLVM IR: a list of integers that grows, and a
//! map from strings to integers. Functions of C's calling convention are all that
//! a program needs to see.
//!
//! ```sh
//! rustc --edition 2024 -O --crate-type cdylib collections.rs -o libcollections.so
//! vm run --with libcollections.so words.ll the cat and the dog
//! ```

use std::collections::HashMap;
use std::ffi::{CStr, c_char};

/// A list of integers.
type List = Vec<i64>;

/// A map from strings to integers.
type Map = HashMap<Box<CStr>, i64>;

/// A new, empty list. To be given back with `list_free`.
#[unsafe(no_mangle)]
pub extern "C" fn list_new() -> *mut List {
    Box::into_raw(Box::default())
}

/// Appends `value`.
///
/// # Safety
/// `list` comes from `list_new`, and is used by nobody else meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_push(list: *mut List, value: i64) {
    // SAFETY: as the caller says.
    unsafe { (*list).push(value) }
}

/// The value at `index`, from 0 on; 0 outside of the list.
///
/// # Safety
/// As for `list_push`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_get(list: *const List, index: i64) -> i64 {
    // SAFETY: as the caller says.
    let list = unsafe { &*list };
    let index = usize::try_from(index).ok();
    index.and_then(|i| list.get(i)).copied().unwrap_or(0)
}

/// How many values there are.
///
/// # Safety
/// As for `list_push`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_len(list: *const List) -> i64 {
    // SAFETY: as the caller says.
    unsafe { (*list).len() as i64 }
}

/// Gives a list back.
///
/// # Safety
/// As for `list_push`, and it is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn list_free(list: *mut List) {
    // SAFETY: as the caller says.
    drop(unsafe { Box::from_raw(list) });
}

/// A new, empty map. To be given back with `map_free`.
#[unsafe(no_mangle)]
pub extern "C" fn map_new() -> *mut Map {
    Box::into_raw(Box::default())
}

/// Adds `value` to what the map has for `key`, 0 at first: the sum.
///
/// # Safety
/// `map` comes from `map_new`, and is used by nobody else meanwhile; `key` is a C
/// string, which is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_add(map: *mut Map, key: *const c_char, value: i64) -> i64 {
    // SAFETY: as the caller says.
    let (map, key) = unsafe { (&mut *map, CStr::from_ptr(key)) };
    let sum = map.entry(key.into()).or_insert(0);
    *sum = sum.wrapping_add(value);
    *sum
}

/// What the map has for `key`, or 0.
///
/// # Safety
/// As for `map_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_get(map: *const Map, key: *const c_char) -> i64 {
    // SAFETY: as the caller says.
    let (map, key) = unsafe { (&*map, CStr::from_ptr(key)) };
    map.get(key).copied().unwrap_or(0)
}

/// How many keys there are.
///
/// # Safety
/// As for `map_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_len(map: *const Map) -> i64 {
    // SAFETY: as the caller says.
    unsafe { (*map).len() as i64 }
}

/// Gives a map back.
///
/// # Safety
/// As for `map_add`, and it is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn map_free(map: *mut Map) {
    // SAFETY: as the caller says.
    drop(unsafe { Box::from_raw(map) });
}
