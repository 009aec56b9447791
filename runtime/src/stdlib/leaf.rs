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
//! arguments, is in `LEAVES`. What has a name here, such as [`GET`], and
//! [`next_entry`] are parts of instructions.

mod access;
mod numbers;
mod strings;

use super::{base, math, string, table as tables};
use crate::native::NativeFn;
use crate::object::{Native, Table};
use crate::state::Vm;
use crate::table;
use crate::value::{Value, tag};
use std::ops::RangeInclusive;

/// A leaf as code calls it; see the module documentation.
pub type LeafFn = unsafe extern "C" fn(vm: *mut Vm, args: *mut Value, n: usize) -> usize;

/// What a leaf changes, but for what it allocates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stores {
    /// Nothing.
    Nothing,
    /// Array parts of tables.
    Elements,
    /// Tables.
    Tables,
}

/// What is to be known of a leaf.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// The function.
    pub f: LeafFn,
    /// The tag of its result, if it is always the same.
    pub result: Option<u8>,
    /// What it changes.
    pub stores: Stores,
    /// The function returns one value, whatever it is. If not, nil may stand
    /// for none.
    pub one: bool,
    /// What is done in a few instructions most of the time.
    pub quick: Option<Quick>,
}

/// A leaf most of whose work compilers know to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Quick {
    /// `string.sub`
    Sub,
    /// `table.insert` of two arguments.
    Insert,
    /// `table.remove` of one.
    Remove,
}

/// A library function of which compilers know what it does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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

/// A leaf of a library function.
struct Row {
    of: NativeFn,
    /// Numbers of arguments.
    args: RangeInclusive<u8>,
    f: LeafFn,
    result: Option<u8>,
    stores: Stores,
}

impl Row {
    const fn new(of: NativeFn, args: RangeInclusive<u8>, f: LeafFn) -> Row {
        Row {
            of,
            args,
            f,
            result: None,
            stores: Stores::Nothing,
        }
    }

    /// The result has this tag.
    const fn gives(self, tag: u8) -> Row {
        Row {
            result: Some(tag),
            ..self
        }
    }

    const fn stores(self, stores: Stores) -> Row {
        Row { stores, ..self }
    }
}

/// All leaves of library functions.
const LEAVES: &[Row] = &[
    Row::new(string::sub, 2..=3, leaf!(strings::sub)).gives(tag::STR),
    Row::new(string::byte, 1..=2, leaf!(strings::byte)),
    Row::new(string::char, 1..=8, leaf!(strings::char)).gives(tag::STR),
    Row::new(string::len, 1..=1, leaf!(strings::str_len)).gives(tag::INT),
    Row::new(string::rep, 2..=2, leaf!(strings::rep)).gives(tag::STR),
    Row::new(string::lower, 1..=1, leaf!(strings::lower)).gives(tag::STR),
    Row::new(string::upper, 1..=1, leaf!(strings::upper)).gives(tag::STR),
    Row::new(base::getmetatable, 1..=1, leaf!(access::getmetatable)),
    Row::new(base::setmetatable, 2..=2, leaf!(access::setmetatable))
        .gives(tag::TABLE)
        .stores(Stores::Tables),
    Row::new(base::tostring, 1..=1, leaf!(numbers::tostring)).gives(tag::STR),
    Row::new(base::tonumber, 1..=1, leaf!(numbers::tonumber)),
    Row::new(base::rawget, 2..=2, leaf!(access::rawget)),
    Row::new(base::rawlen, 1..=1, leaf!(access::rawlen)).gives(tag::INT),
    Row::new(base::rawequal, 2..=2, leaf!(access::rawequal)),
    Row::new(base::rawset, 3..=3, leaf!(access::rawset))
        .gives(tag::TABLE)
        .stores(Stores::Tables),
    Row::new(tables::insert, 2..=2, leaf!(access::insert)).stores(Stores::Elements),
    Row::new(tables::remove, 1..=1, leaf!(access::remove)).stores(Stores::Elements),
    Row::new(math::random, 0..=0, leaf!(numbers::random)).gives(tag::FLOAT),
    Row::new(math::random, 1..=2, leaf!(numbers::random_in)).gives(tag::INT),
    Row::new(math::tointeger, 1..=1, leaf!(numbers::tointeger)),
    Row::new(math::type_of, 1..=1, leaf!(numbers::number_type)),
    Row::new(math::ult, 2..=2, leaf!(numbers::ult)),
    Row::new(math::sin, 1..=1, leaf!(numbers::sin)).gives(tag::FLOAT),
    Row::new(math::cos, 1..=1, leaf!(numbers::cos)).gives(tag::FLOAT),
    Row::new(math::exp, 1..=1, leaf!(numbers::exp)).gives(tag::FLOAT),
    Row::new(math::log, 1..=1, leaf!(numbers::log)).gives(tag::FLOAT),
];

/// Library functions among these that may return nothing.
const MAY_HAVE_NONE: [NativeFn; 2] = [string::byte, tables::insert];

/// Library functions among these whose usual case is quick.
const QUICK: [(NativeFn, Quick); 3] = [
    (string::sub, Quick::Sub),
    (tables::insert, Quick::Insert),
    (tables::remove, Quick::Remove),
];

/// The leaves of the library function whose Rust function is at `address`, by
/// numbers of arguments.
pub fn leaves(address: usize) -> impl Iterator<Item = (RangeInclusive<u8>, Leaf)> {
    let rows = LEAVES.iter().filter(move |row| row.of as usize == address);
    rows.map(move |row| {
        let mut quick = QUICK.iter().filter(|(f, _)| *f as usize == address);
        let leaf = Leaf {
            f: row.f,
            result: row.result,
            stores: row.stores,
            one: !MAY_HAVE_NONE.iter().any(|f| *f as usize == address),
            quick: quick.next().map(|(_, quick)| *quick),
        };
        (row.args.clone(), leaf)
    })
}

/// `..`
pub const CONCAT: LeafFn = leaf!(strings::concat);
/// `t[k]`
pub const GET: LeafFn = leaf!(access::get);
/// `t[k] = v`
pub const SET: LeafFn = leaf!(access::set);
/// `string.sub(s, i, j)`
pub const SUB: LeafFn = leaf!(strings::sub);
/// `string.byte(s, n)`
pub const BYTE: LeafFn = leaf!(strings::byte);
/// A constructor's elements: table, first key, values.
pub const SET_LIST: LeafFn = leaf!(access::set_list);

/// The integer that `v` is.
fn int(v: Value) -> Option<i64> {
    (v.tag == tag::INT).then(|| v.as_int())
}

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
