//! Values: what a VM-stack slot, a table field or an upvalue holds.
//!
//! A value is 16 bytes: a one-byte tag and an eight-byte payload, always
//! copied as two scalars (a fused 16-byte move would miss store forwarding).
//! Integers, floats and booleans are inline; every other payload is a pointer
//! to a heap object that starts with a [`GcHeader`].
//!
//! ```text
//!  byte 0    1..7      8 .. 15
//! ┌──────┬─────────┬──────────────┐
//! │ tag  │ unused* │   payload    │      * the link slot of a frame uses it
//! └──────┴─────────┴──────────────┘        (crate::frame)
//! ```
//!
//! Tags are ordered so that the common questions are one comparison: falsy is
//! `tag < 2`, a number is `tag & !7 == 0 && tag in {INT, FLOAT}`, a heap
//! object is `tag & GC != 0`.

use crate::object::{Closure, GcHeader, Native, Str, Table, Thread, Userdata};

/// A value's tag. Plain constants rather than an enum: compiled code and the
/// element-kind bytes of tables use the same numbers.
pub mod tag {
    /// nil
    pub const NIL: u8 = 0;
    /// false
    pub const FALSE: u8 = 1;
    /// true
    pub const TRUE: u8 = 2;
    /// integer, payload i64
    pub const INT: u8 = 3;
    /// float, payload f64 bits
    pub const FLOAT: u8 = 4;
    /// light userdata, payload an address
    pub const LIGHT: u8 = 5;
    /// Set in the tag of every heap object.
    pub const GC: u8 = 8;
    /// string
    pub const STR: u8 = 8;
    /// table
    pub const TABLE: u8 = 9;
    /// Lua function
    pub const CLOSURE: u8 = 10;
    /// host function
    pub const NATIVE: u8 = 11;
    /// full userdata
    pub const USERDATA: u8 = 12;
    /// coroutine
    pub const THREAD: u8 = 13;
}

/// A Lua value.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Value {
    /// One of [`tag`]'s constants.
    pub tag: u8,
    /// Integer, float bits or pointer; junk for nil and booleans.
    pub payload: u64,
}

/// nil
pub const NIL: Value = Value {
    tag: tag::NIL,
    payload: 0,
};

impl Value {
    /// A boolean.
    #[inline(always)]
    pub const fn bool(b: bool) -> Value {
        Value {
            tag: tag::FALSE + b as u8,
            payload: 0,
        }
    }

    /// An integer.
    #[inline(always)]
    pub const fn int(i: i64) -> Value {
        Value {
            tag: tag::INT,
            payload: i as u64,
        }
    }

    /// A float.
    #[inline(always)]
    pub const fn float(f: f64) -> Value {
        Value {
            tag: tag::FLOAT,
            payload: f.to_bits(),
        }
    }

    /// A light userdata.
    #[inline(always)]
    pub const fn light(address: u64) -> Value {
        Value {
            tag: tag::LIGHT,
            payload: address,
        }
    }

    /// A string.
    #[inline(always)]
    pub fn str(s: *mut Str) -> Value {
        Value {
            tag: tag::STR,
            payload: s as u64,
        }
    }

    /// A table.
    #[inline(always)]
    pub fn table(t: *mut Table) -> Value {
        Value {
            tag: tag::TABLE,
            payload: t as u64,
        }
    }

    /// A Lua function.
    #[inline(always)]
    pub fn closure(c: *mut Closure) -> Value {
        Value {
            tag: tag::CLOSURE,
            payload: c as u64,
        }
    }

    /// A host function.
    #[inline(always)]
    pub fn native(f: *mut Native) -> Value {
        Value {
            tag: tag::NATIVE,
            payload: f as u64,
        }
    }

    /// A full userdata.
    #[inline(always)]
    pub fn userdata(u: *mut Userdata) -> Value {
        Value {
            tag: tag::USERDATA,
            payload: u as u64,
        }
    }

    /// A coroutine.
    #[inline(always)]
    pub fn thread(t: *mut Thread) -> Value {
        Value {
            tag: tag::THREAD,
            payload: t as u64,
        }
    }

    /// nil?
    #[inline(always)]
    pub const fn is_nil(self) -> bool {
        self.tag == tag::NIL
    }

    /// nil or false?
    #[inline(always)]
    pub const fn is_falsy(self) -> bool {
        self.tag < tag::TRUE
    }

    /// Neither nil nor false?
    #[inline(always)]
    pub const fn is_truthy(self) -> bool {
        self.tag >= tag::TRUE
    }

    /// A heap object?
    #[inline(always)]
    pub const fn is_gc(self) -> bool {
        self.tag & tag::GC != 0
    }

    /// An integer or a float?
    #[inline(always)]
    pub const fn is_number(self) -> bool {
        self.tag == tag::INT || self.tag == tag::FLOAT
    }

    /// A Lua or a host function?
    #[inline(always)]
    pub const fn is_function(self) -> bool {
        self.tag == tag::CLOSURE || self.tag == tag::NATIVE
    }

    /// A string?
    #[inline(always)]
    pub const fn is_str(self) -> bool {
        self.tag == tag::STR
    }

    /// A table?
    #[inline(always)]
    pub const fn is_table(self) -> bool {
        self.tag == tag::TABLE
    }

    /// The payload as an integer; meaningful for tag `INT`.
    #[inline(always)]
    pub const fn as_int(self) -> i64 {
        self.payload as i64
    }

    /// The payload as a float; meaningful for tag `FLOAT`.
    #[inline(always)]
    pub const fn as_float(self) -> f64 {
        f64::from_bits(self.payload)
    }

    /// The payload as an object header; meaningful when [`is_gc`](Self::is_gc).
    #[inline(always)]
    pub const fn as_gc(self) -> *mut GcHeader {
        self.payload as *mut GcHeader
    }

    /// The payload as a string; meaningful for tag `STR`.
    #[inline(always)]
    pub const fn as_str(self) -> *mut Str {
        self.payload as *mut Str
    }

    /// The payload as a table; meaningful for tag `TABLE`.
    #[inline(always)]
    pub const fn as_table(self) -> *mut Table {
        self.payload as *mut Table
    }

    /// The payload as a Lua function; meaningful for tag `CLOSURE`.
    #[inline(always)]
    pub const fn as_closure(self) -> *mut Closure {
        self.payload as *mut Closure
    }

    /// The payload as a host function; meaningful for tag `NATIVE`.
    #[inline(always)]
    pub const fn as_native(self) -> *mut Native {
        self.payload as *mut Native
    }

    /// The payload as a userdata; meaningful for tag `USERDATA`.
    #[inline(always)]
    pub const fn as_userdata(self) -> *mut Userdata {
        self.payload as *mut Userdata
    }

    /// The payload as a coroutine; meaningful for tag `THREAD`.
    #[inline(always)]
    pub const fn as_thread(self) -> *mut Thread {
        self.payload as *mut Thread
    }

    /// The type's name as `type` gives it.
    pub const fn type_name(self) -> &'static str {
        match self.tag {
            tag::NIL => "nil",
            tag::FALSE | tag::TRUE => "boolean",
            tag::INT | tag::FLOAT => "number",
            tag::STR => "string",
            tag::TABLE => "table",
            tag::CLOSURE | tag::NATIVE => "function",
            tag::THREAD => "thread",
            _ => "userdata",
        }
    }

    /// Same value without metamethods (`rawequal`): numbers by mathematical
    /// value across subtypes, strings by bytes, the rest by identity.
    #[inline]
    pub fn raw_eq(self, other: Value) -> bool {
        if self.tag != other.tag {
            return match (self.tag, other.tag) {
                (tag::INT, tag::FLOAT) => int_eq_float(self.as_int(), other.as_float()),
                (tag::FLOAT, tag::INT) => int_eq_float(other.as_int(), self.as_float()),
                _ => false,
            };
        }
        match self.tag {
            tag::NIL | tag::FALSE | tag::TRUE => true,
            tag::FLOAT => self.as_float() == other.as_float(),
            tag::STR => {
                // SAFETY: both tags say STR, so both payloads are live strings.
                self.payload == other.payload
                    || unsafe { Str::eq_long(self.as_str(), other.as_str()) }
            }
            _ => self.payload == other.payload,
        }
    }
}

/// Whether an integer and a float are the same number.
#[inline]
pub fn int_eq_float(i: i64, f: f64) -> bool {
    f == i as f64 && float_to_int(f) == Some(i)
}

/// The integer with exactly this value, if there is one.
#[inline]
pub fn float_to_int(f: f64) -> Option<i64> {
    // -2^63 and 2^63 are exact floats; every float in [-2^63, 2^63) with no
    // fraction converts exactly.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f) {
        let i = f as i64;
        if i as f64 == f {
            return Some(i);
        }
    }
    None
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.tag {
            tag::INT => write!(f, "{}", self.as_int()),
            tag::FLOAT => write!(f, "{:?}", self.as_float()),
            tag::FALSE => f.write_str("false"),
            tag::TRUE => f.write_str("true"),
            _ => f.write_str(self.type_name()),
        }
    }
}

const _: () = assert!(size_of::<Value>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_mathematical_value() {
        assert!(Value::int(1).raw_eq(Value::float(1.0)));
        assert!(!Value::int(i64::MAX).raw_eq(Value::float(9_223_372_036_854_775_808.0)));
        assert!(!Value::int((1 << 53) + 1).raw_eq(Value::float(9_007_199_254_740_992.0)));
        assert!(!Value::float(f64::NAN).raw_eq(Value::float(f64::NAN)));
        assert_eq!(float_to_int(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        assert_eq!(float_to_int(0.5), None);
    }
}
