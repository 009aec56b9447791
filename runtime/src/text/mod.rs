//! Pure algorithms over bytes and numbers that Lua's standard library is made of.
//!
//! Nothing here knows about values, the heap or the VM: functions take byte
//! slices and plain numbers, and give back byte slices, numbers or small error
//! types. The library bindings do the argument checking, call in here and turn
//! the errors into Lua errors.
//!
//! ```text
//!   number   text <-> numbers: tonumber, tostring, "%.14g"
//!   decimal  correctly rounded decimal digits of a float (used by the two others)
//!   printf   one string.format conversion at a time, and %q
//!   pattern  Lua patterns: find, match, gmatch, gsub
//!   plain    searching for a substring
//!   budget   how long-running algorithms ask whether to go on
//!   pack     string.pack / unpack / packsize
//!   utf8     the utf8 library
//!   date     os.date and os.time
//!   rng      math.random
//!   ctype    character classes of the "C" locale
//!   span     relative string positions (1-based, negative from the end)
//! ```
//!
//! Two conventions hold throughout. Strings are bytes, never assumed to be
//! UTF-8. Error texts are exactly those of PUC Lua without what its callers put
//! in front (`chunk:line:` or `bad argument #n to 'f'`); where PUC blames an
//! argument, the error says which one through a method `argument`.

pub mod budget;
pub mod ctype;
pub mod date;
pub mod decimal;
pub mod number;
pub mod pack;
pub mod pattern;
pub mod plain;
pub mod printf;
pub mod rng;
pub mod span;
pub mod utf8;
