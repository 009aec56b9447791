//! Lua's standard library, and what its parts share.
//!
//! Each part has a static list of `(name, function)` and an `open` that makes
//! its table, puts it into `package.loaded` and, under its name, into the
//! globals. [`open_all`] opens everything; [`open_selected`] leaves out what
//! reaches outside the VM, for hosts that run code they don't trust.
//!
//! ```text
//!   base (+ loading)   globals, load and its relatives
//!   coroutine, debug, math, os, package, string, table (+ sort), utf8
//!   io (+ stream, read)   files over a buffered stream type
//! ```
//!
//! Library functions call Lua in one of two ways: in tail position by a
//! control request (`pcall`, `dofile`, `tostring`), which needs no native
//! stack and can be yielded across; otherwise (comparators, readers,
//! metamethods in the middle of a loop) by recursion.

pub mod base;
pub mod coroutine;
pub mod debug;
pub mod io;
pub mod leaf;
pub mod loading;
pub mod math;
pub mod os;
pub mod package;
pub mod sort;
pub mod string;
pub mod table;
pub mod utf8;

mod shared;
#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::native::NativeFn;
use crate::object::{Str, Table};
use crate::state::Vm;
use crate::stdlib::io::stream::Stream;
use crate::text::rng::Rng;
use crate::value::{NIL, Value};

/// One function of a library: its name and its code.
pub type Entry = (&'static str, NativeFn);

/// What library functions keep between calls outside of Lua tables.
pub struct LibState {
    /// The generator of `math.random`.
    pub rng: Rng,
    /// Standard input, output and error as `io`, `print` and `warn` see
    /// them. A host may replace them before or between runs.
    pub std: [Stream; 3],
    /// `os.exit` was asked to close the state: the host runs the finalizers
    /// of all objects before it ends the process.
    pub close_on_exit: bool,
    /// `next`, so that `pairs` returns the same function each time.
    next: Value,
    /// The iterator of `ipairs`.
    ipairs_iter: Value,
    /// Names of types by tag, as `type` returns them.
    pub type_names: [*mut Str; 16],
    /// Strings of one byte, as far as somebody asked for them; else null.
    pub chars: [*mut Str; 256],
    /// "integer" and "float", as `math.type` returns them.
    number_names: [*mut Str; 2],
    /// Handles of the default files of `io`.
    default_files: [Option<u32>; 2],
    /// The metatable of files; null while `io` isn't open.
    file_meta: *mut Table,
    warn: Warn,
    /// Where results of unknown length grow; see `string::buffer`.
    scratch: Vec<u8>,
}

/// Where the warning system stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Warn {
    Off,
    On,
    /// The next piece belongs to the message that was begun.
    Inside,
}

impl std::fmt::Debug for LibState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LibState(warnings {:?})", self.warn)
    }
}

impl LibState {
    /// The state before any library is open.
    pub fn new(seed: u64) -> LibState {
        LibState {
            rng: Rng::new(seed, seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15),
            std: [Stream::stdin(), Stream::stdout(), Stream::stderr()],
            close_on_exit: false,
            next: NIL,
            ipairs_iter: NIL,
            type_names: [std::ptr::null_mut(); 16],
            chars: [std::ptr::null_mut(); 256],
            number_names: [std::ptr::null_mut(); 2],
            default_files: [None; 2],
            file_meta: std::ptr::null_mut(),
            warn: Warn::Off,
            scratch: Vec::new(),
        }
    }

    /// The iterators that `pairs` and `ipairs` return, nil while the base
    /// library isn't open.
    pub fn iterators(&self) -> [Value; 2] {
        [self.next, self.ipairs_iter]
    }

    /// Turns warnings (`warn`, errors in finalizers) on or off.
    pub fn set_warnings(&mut self, on: bool) {
        self.warn = if on { Warn::On } else { Warn::Off };
    }

    /// Writes out what standard output and error still hold back.
    pub fn flush(&mut self) {
        let _ = self.std[1].flush();
        let _ = self.std[2].flush();
    }
}

impl Vm {
    /// The string of one byte. It is kept.
    #[inline]
    pub fn char_str(&mut self, byte: u8) -> *mut Str {
        let known = self.lib.chars[usize::from(byte)];
        if known.is_null() {
            self.new_char_str(byte)
        } else {
            known
        }
    }

    #[cold]
    fn new_char_str(&mut self, byte: u8) -> *mut Str {
        let s = self.heap.str(&[byte]);
        self.handles.hold(Value::str(s));
        self.lib.chars[usize::from(byte)] = s;
        s
    }

    /// Emits a piece of a warning, as `warn` does for each of its arguments;
    /// the last has `more` false. Pieces of a message of one piece that
    /// starts with `@` are control messages.
    pub fn warning(&mut self, piece: &[u8], more: bool) {
        let lib = &mut self.lib;
        if !more && lib.warn != Warn::Inside && piece.first() == Some(&b'@') {
            match &piece[1..] {
                b"on" => lib.warn = Warn::On,
                b"off" => lib.warn = Warn::Off,
                _ => {}
            }
            return;
        }
        if lib.warn == Warn::Off {
            return;
        }
        // What standard output holds was printed before.
        let _ = lib.std[1].flush();
        let err = &mut lib.std[2];
        if lib.warn == Warn::On {
            let _ = err.write(b"Lua warning: ");
        }
        let _ = err.write(piece);
        if !more {
            let _ = err.write(b"\n");
        }
        let _ = err.flush();
        lib.warn = if more { Warn::Inside } else { Warn::On };
    }

    /// The warning for an error that nobody can catch, such as one in a
    /// finalizer: "error in `place` (message)".
    pub fn warn_error(&mut self, place: &str, error: Value) {
        let msg: &[u8] = if error.is_str() {
            self.bytes(error.as_str())
        } else {
            b"error object is not a string"
        };
        for piece in [b"error in ", place.as_bytes(), b" (", msg] {
            self.warning(piece, true);
        }
        self.warning(b")", false);
    }
}

/// A table with these functions, for libraries that others add.
///
/// # Errors
/// Out of memory.
pub fn new_library(vm: &mut Vm, entries: &[Entry]) -> Result<*mut Table> {
    let t = shared::new_table(vm);
    shared::add_functions(vm, t, entries, &[])?;
    Ok(t)
}

pub use shared::set_field;

/// Opens the whole standard library.
///
/// # Errors
/// Out of memory.
pub fn open_all(vm: &mut Vm) -> Result<()> {
    package::open(vm)?;
    open_selected(vm)?;
    io::open(vm)?;
    os::open(vm)?;
    debug::open(vm)
}

/// Opens what can't reach outside the VM: everything but `io`, `os`,
/// `package` and `debug`. Of the base library `dofile`, `loadfile` and
/// `print` still see the host; a host that minds removes them.
///
/// # Errors
/// Out of memory.
pub fn open_selected(vm: &mut Vm) -> Result<()> {
    base::open(vm)?;
    coroutine::open(vm)?;
    table::open(vm)?;
    string::open(vm)?;
    utf8::open(vm)?;
    math::open(vm)
}
