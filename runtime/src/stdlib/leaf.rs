//! Library functions, and parts of instructions, that compiled code calls
//! without a frame.
//!
//! A *leaf* gets its arguments in an array and leaves its result in the first
//! place of it. It calls no Lua code, raises no error and never collects. What
//! would take any of these it refuses; then it has changed nothing, and the
//! caller does the call the usual way.
//!
//! ```text
//!   args[0] … args[n-1] ──▶ leaf ──▶ 1: args[0] is the result
//!                                    0: refused
//! ```
//!
//! Which leaf stands for which library function, called with how many
//! arguments, is in [`LEAVES`]. [`GET`], [`SET`], [`BYTE`], [`SET_LIST`], [`CONCAT`] and
//! [`next_entry`] are parts of instructions.

use super::{base, math, string, table as tables};
use crate::metatable::{Event, metamethod, metatable_of};
use crate::native::NativeFn;
use crate::object::{MAX_INTERNED, Native, Str, Table, strflag, tabflag};
use crate::ops;
use crate::state::Vm;
use crate::table;
use crate::text::span;
use crate::value::{NIL, Value, tag};
use std::ops::RangeInclusive;

/// A leaf as code calls it; see the module documentation.
pub type LeafFn = unsafe extern "C" fn(vm: *mut Vm, args: *mut Value, n: usize) -> usize;

/// What is to be known of a leaf.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// The function.
    pub f: LeafFn,
    /// The tag of its result, if it is always the same.
    pub result: Option<u8>,
    /// It changes tables.
    pub stores: bool,
    /// The function returns one value, whatever it is. If not, nil may stand
    /// for none.
    pub one: bool,
}

/// A library function of which compilers know what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// `pairs`
    Pairs,
    /// `ipairs`
    Ipairs,
    /// `select`
    Select,
    /// `type`
    Type,
    /// `table.unpack`
    Unpack,
    /// `assert`
    Assert,
}

/// The library function that the Rust function at `address` is, if it is one
/// of those.
pub fn known(address: usize) -> Option<Known> {
    let all: [(NativeFn, Known); 6] = [
        (base::pairs, Known::Pairs),
        (base::ipairs, Known::Ipairs),
        (base::select, Known::Select),
        (base::type_of, Known::Type),
        (tables::unpack, Known::Unpack),
        (base::assert, Known::Assert),
    ];
    let mut found = all.iter().filter(|(f, _)| *f as usize == address);
    found.next().map(|(_, which)| *which)
}

/// Bytes of strings that are looked at or made without a look at limits.
const LONG: usize = 1 << 12;

/// Makes a leaf of a function that refuses by `None`.
macro_rules! leaf {
    ($f:expr) => {{
        unsafe extern "C" fn enter(vm: *mut Vm, args: *mut Value, n: usize) -> usize {
            // SAFETY: code passes its VM and `n` values, at least one place.
            unsafe {
                match $f(&mut *vm, std::slice::from_raw_parts_mut(args, n)) {
                    Some(v) => {
                        *args = v;
                        1
                    }
                    None => 0,
                }
            }
        }
        enter as LeafFn
    }};
}

/// A row: function, numbers of arguments, leaf, tag of the result, whether it
/// stores.
type Row = (NativeFn, RangeInclusive<u8>, LeafFn, Option<u8>, bool);

/// All leaves of library functions.
const LEAVES: &[Row] = &[
    (string::sub, 2..=3, leaf!(sub), Some(tag::STR), false),
    (string::byte, 1..=2, leaf!(byte), None, false),
    (string::char, 1..=8, leaf!(char), Some(tag::STR), false),
    (string::len, 1..=1, leaf!(str_len), Some(tag::INT), false),
    (string::rep, 2..=2, leaf!(rep), Some(tag::STR), false),
    (string::lower, 1..=1, leaf!(lower), Some(tag::STR), false),
    (string::upper, 1..=1, leaf!(upper), Some(tag::STR), false),
    (base::getmetatable, 1..=1, leaf!(getmetatable), None, false),
    (
        base::tostring,
        1..=1,
        leaf!(tostring),
        Some(tag::STR),
        false,
    ),
    (base::tonumber, 1..=1, leaf!(tonumber), None, false),
    (base::rawget, 2..=2, leaf!(rawget), None, false),
    (base::rawlen, 1..=1, leaf!(rawlen), Some(tag::INT), false),
    (base::rawequal, 2..=2, leaf!(rawequal), None, false),
    (base::rawset, 3..=3, leaf!(rawset), Some(tag::TABLE), true),
    (tables::insert, 2..=2, leaf!(insert), None, true),
    (tables::remove, 1..=1, leaf!(remove), None, true),
    (math::random, 0..=0, leaf!(random), Some(tag::FLOAT), false),
    (math::random, 1..=2, leaf!(random_in), Some(tag::INT), false),
    (math::tointeger, 1..=1, leaf!(tointeger), None, false),
    (math::type_of, 1..=1, leaf!(number_type), None, false),
    (math::ult, 2..=2, leaf!(ult), None, false),
    (math::sin, 1..=1, leaf!(sin), Some(tag::FLOAT), false),
    (math::cos, 1..=1, leaf!(cos), Some(tag::FLOAT), false),
    (math::exp, 1..=1, leaf!(exp), Some(tag::FLOAT), false),
    (math::log, 1..=1, leaf!(log), Some(tag::FLOAT), false),
];

/// Library functions among these that may return nothing.
const MAY_HAVE_NONE: [NativeFn; 2] = [string::byte, tables::insert];

/// The leaves of the library function whose Rust function is at `address`, by
/// numbers of arguments.
pub fn leaves(address: usize) -> impl Iterator<Item = (RangeInclusive<u8>, Leaf)> {
    let rows = LEAVES.iter().filter(move |row| row.0 as usize == address);
    rows.map(move |(_, args, f, result, stores)| {
        let leaf = Leaf {
            f: *f,
            result: *result,
            stores: *stores,
            one: !MAY_HAVE_NONE.iter().any(|f| *f as usize == address),
        };
        (args.clone(), leaf)
    })
}

/// `..`
pub const CONCAT: LeafFn = leaf!(concat);
/// `t[k]`
pub const GET: LeafFn = leaf!(get);
/// `t[k] = v`
pub const SET: LeafFn = leaf!(set);
/// `string.byte(s, n)`
pub const BYTE: LeafFn = leaf!(byte);
/// A constructor's elements: table, first key, values.
pub const SET_LIST: LeafFn = leaf!(set_list);

// ---- strings

/// The bytes of a string that is not too long to be flattened at once.
#[inline]
fn bytes<'b>(vm: &mut Vm, v: Value) -> Option<&'b [u8]> {
    if v.tag != tag::STR {
        return None;
    }
    let s = v.as_str();
    // SAFETY: a value with this tag is a live string.
    let short = unsafe { !(*s).data.is_null() || (*s).len <= LONG };
    short.then(|| vm.bytes(s))
}

/// A string that is not too long to be copied at once.
#[inline]
fn string_of(vm: &mut Vm, bytes: &[u8]) -> Option<Value> {
    match *bytes {
        [byte] => Some(Value::str(vm.char_str(byte))),
        _ if bytes.len() <= LONG => vm.heap.try_str(bytes).ok().map(Value::str),
        _ => None,
    }
}

fn int(v: Value) -> Option<i64> {
    (v.tag == tag::INT).then(|| v.as_int())
}

fn sub(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let s = bytes(vm, args[0])?;
    let first = int(args[1])?;
    let last = match args.get(2) {
        Some(v) => int(*v)?,
        None => -1,
    };
    let range = span::sub(first, last, s.len());
    if range.len() == s.len() {
        return Some(args[0]);
    }
    string_of(vm, &s[range])
}

fn byte(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let s = bytes(vm, args[0])?;
    let at = match args.get(1) {
        Some(v) => int(*v)?,
        None => 1,
    };
    let range = span::sub(at, at, s.len());
    Some(s[range].first().map_or(NIL, |&b| Value::int(b.into())))
}

fn char(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let mut text = [0; MAX_INTERNED];
    let text = text.get_mut(..args.len())?;
    for (to, v) in text.iter_mut().zip(args) {
        *to = u8::try_from(int(*v)?).ok()?;
    }
    string_of(vm, text)
}

fn str_len(_: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    // SAFETY: a value with this tag is a live string.
    (v.tag == tag::STR).then(|| Value::int(unsafe { Str::len(v.as_str()) } as i64))
}

/// A short string whose bytes are those of another, mapped.
fn mapped(vm: &mut Vm, v: Value, f: impl Fn(u8) -> u8) -> Option<Value> {
    let mut text = [0; MAX_INTERNED];
    let s = bytes(vm, v)?;
    let text = text.get_mut(..s.len())?;
    for (to, &byte) in text.iter_mut().zip(s) {
        *to = f(byte);
    }
    string_of(vm, text)
}

fn lower(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    mapped(vm, args[0], |byte| byte.to_ascii_lowercase())
}

fn upper(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    mapped(vm, args[0], |byte| byte.to_ascii_uppercase())
}

/// `string.rep` with a short result.
fn rep(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let s = bytes(vm, args[0])?;
    let n = int(args[1])?.max(0);
    let mut text = [0; MAX_INTERNED];
    let len = usize::try_from(n).ok()?.checked_mul(s.len())?;
    let text = text.get_mut(..len)?;
    for part in text.chunks_mut(s.len().max(1)) {
        part.copy_from_slice(s);
    }
    string_of(vm, text)
}

fn concat(vm: &mut Vm, args: &mut [Value]) -> Option<Value> {
    if !args.iter().all(|v| ops::concat::is_plain(*v)) {
        return None;
    }
    ops::concat::join(vm, args).ok()
}

// ---- conversion

fn tostring(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    if v.tag == tag::STR {
        return Some(v);
    }
    if !vm.type_meta[usize::from(v.tag)].is_null() {
        return None;
    }
    match v.tag {
        tag::INT | tag::FLOAT => Some(Value::str(vm.number_to_str(v))),
        tag::NIL | tag::FALSE | tag::TRUE => Some(Value::str(ops::meta::raw_tostring(vm, v))),
        _ => None,
    }
}

fn tonumber(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    match v.tag {
        tag::INT | tag::FLOAT => Some(v),
        tag::STR => {
            bytes(vm, v)?;
            Some(vm.to_number(v).unwrap_or(NIL))
        }
        _ => Some(NIL),
    }
}

fn tointeger(_: &mut Vm, args: &[Value]) -> Option<Value> {
    match args[0].tag {
        tag::INT => Some(args[0]),
        tag::FLOAT => Some(crate::value::float_to_int(args[0].as_float()).map_or(NIL, Value::int)),
        _ => None,
    }
}

fn number_type(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let [integer, float] = vm.lib.number_names;
    match args[0].tag {
        tag::INT => Some(Value::str(integer)),
        tag::FLOAT => Some(Value::str(float)),
        _ => Some(NIL),
    }
}

fn ult(_: &mut Vm, args: &[Value]) -> Option<Value> {
    let (a, b) = (int(args[0])?, int(args[1])?);
    Some(Value::bool((a as u64) < b as u64))
}

/// Leaves that map a float to a float.
macro_rules! float_leaves {
    ($($name:ident = $f:expr;)*) => {$(
        fn $name(_: &mut Vm, args: &[Value]) -> Option<Value> {
            let x = match args[0].tag {
                tag::INT => args[0].as_int() as f64,
                tag::FLOAT => args[0].as_float(),
                _ => return None,
            };
            let f: fn(f64) -> f64 = $f;
            Some(Value::float(f(x)))
        }
    )*};
}

float_leaves! {
    sin = f64::sin;
    cos = f64::cos;
    exp = f64::exp;
    log = f64::ln;
}

fn random(vm: &mut Vm, _: &[Value]) -> Option<Value> {
    Some(Value::float(vm.lib.rng.next_float()))
}

fn random_in(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let (low, high) = match *args {
        [high] => (1, int(high)?),
        [low, high] => (int(low)?, int(high)?),
        _ => return None,
    };
    // An empty interval is refused before a number is drawn; `random(0)` is
    // something else.
    if low > high {
        return None;
    }
    vm.lib.rng.next_in(low, high).map(Value::int)
}

// ---- tables

fn table_of(v: Value) -> Option<*mut Table> {
    (v.tag == tag::TABLE).then(|| v.as_table())
}

/// The table `v`, if it has no metatable.
fn plain_table(v: Value) -> Option<*mut Table> {
    // SAFETY: a value with this tag is a live table.
    table_of(v).filter(|&t| unsafe { (*(*t).shape).meta.is_null() })
}

/// Whether nothing but its own content depends on the content of `t`.
fn is_ordinary(t: *mut Table) -> bool {
    // SAFETY: callers pass live tables.
    unsafe { (*t).hdr.flags & (tabflag::METATABLE | tabflag::CHAIN) == 0 }
}

fn getmetatable(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let v = args[0];
    let meta = metatable_of(vm, v);
    if meta.is_null() {
        return Some(NIL);
    }
    let protected = metamethod(vm, v, Event::Metatable);
    protected.is_nil().then(|| Value::table(meta))
}

fn rawget(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    Some(raw(vm, table_of(args[0])?, args[1]))
}

/// The raw value at any key.
#[inline]
fn raw(vm: &mut Vm, t: *mut Table, key: Value) -> Value {
    // SAFETY: callers pass live tables and keys.
    unsafe {
        match key.tag {
            tag::STR if (*key.as_str()).hdr.flags & strflag::INTERNED != 0 => {
                table::get_cached(&mut vm.shapes, t, key.as_str())
            }
            tag::INT => table::get_int(t, key.as_int()),
            _ => table::get(t, key),
        }
    }
}

fn rawlen(_: &mut Vm, args: &[Value]) -> Option<Value> {
    // SAFETY: tags say what the payloads are.
    match args[0].tag {
        tag::TABLE => Some(Value::int(unsafe { table::len(args[0].as_table()) })),
        tag::STR => Some(Value::int(unsafe { Str::len(args[0].as_str()) } as i64)),
        _ => None,
    }
}

fn rawequal(_: &mut Vm, args: &[Value]) -> Option<Value> {
    Some(Value::bool(args[0].raw_eq(args[1])))
}

fn rawset(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = table_of(args[0]).filter(|&t| is_ordinary(t))?;
    // SAFETY: arguments are live.
    unsafe { table::set(vm, t, args[1], args[2]).ok()? };
    Some(args[0])
}

fn insert(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = plain_table(args[0])?;
    // SAFETY: arguments are live.
    unsafe {
        let end = table::len(t) + 1;
        table::set_int(vm, t, end, args[1]).ok()?;
    }
    Some(NIL)
}

fn remove(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = plain_table(args[0])?;
    // SAFETY: arguments are live.
    unsafe {
        let end = table::len(t);
        let removed = table::get_int(t, end);
        table::set_int(vm, t, end, NIL).ok()?;
        Some(removed)
    }
}

/// `t[k]` of a table, unless it takes a metamethod.
fn get(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = table_of(args[0])?;
    let v = raw(vm, t, args[1]);
    // SAFETY: the table is live.
    (v.tag != tag::NIL || unsafe { (*(*t).shape).meta.is_null() }).then_some(v)
}

/// `t[k] = v` of a table, unless it takes a metamethod.
fn set(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let t = table_of(args[0]).filter(|&t| is_ordinary(t))?;
    let (key, v) = (args[1], args[2]);
    // SAFETY: arguments are live.
    unsafe {
        if key.tag == tag::STR {
            let place = table::probe_str_place(&vm.shapes, t, key.as_str(), v.tag);
            if !place.is_null() {
                *place = v;
                vm.heap.barrier_value(t.cast(), v);
                return Some(NIL);
            }
        }
        let plain = (*(*t).shape).meta.is_null();
        if !plain && raw(vm, t, key).tag == tag::NIL {
            return None;
        }
        table::set(vm, t, key, v).ok()?;
    }
    Some(NIL)
}

/// Elements of a constructor, from a key on.
fn set_list(vm: &mut Vm, args: &[Value]) -> Option<Value> {
    let [t, first, values @ ..] = args else {
        return None;
    };
    let t = table_of(*t).filter(|&t| is_ordinary(t))?;
    // SAFETY: arguments are live.
    unsafe { table::set_list(vm, t, first.as_int(), values).ok()? };
    Some(NIL)
}

// ---- iteration

/// A step of a traversal by `next`: from the position in the closing value
/// `closing`, where it is kept. Key and value go to `to`.
///
/// 0: it is over; 1: it goes on; 2: refused, since no position is there.
///
/// # Safety
/// `t` is a live table, `closing` the slot of a loop's closing value, `to` has
/// room for two values.
pub unsafe extern "C" fn next_entry(t: *const Table, closing: *mut Value, to: *mut Value) -> usize {
    // SAFETY: as the caller says.
    unsafe {
        if (*closing).tag != tag::NIL || (*closing).payload == NO_CURSOR {
            return 2;
        }
        match table::next_at(t, (*closing).payload) {
            Some((cursor, key, v)) => {
                (*closing).payload = cursor;
                *to = key;
                *to.add(1) = v;
                1
            }
            None => 0,
        }
    }
}

/// Payload of the closing value of a generic `for`, while that is nil:
/// "position unknown".
pub const NO_CURSOR: u64 = u64::MAX;

/// Where a traversal by `next` begins, if it begins with no key.
pub fn first_cursor(no_key: bool) -> u64 {
    if no_key { 0 } else { NO_CURSOR }
}

/// Whether the value is one of the iterators of the base library: of `pairs`,
/// or of `ipairs`.
pub fn iterator(vm: &Vm, which: Known) -> *mut Native {
    let [next, ipairs] = vm.lib.iterators();
    let v = if which == Known::Pairs { next } else { ipairs };
    if v.tag == tag::NATIVE {
        v.as_native()
    } else {
        std::ptr::null_mut()
    }
}
