//! Functions outside of an object that its code may call: those LLVM makes
//! calls to on its own, for copies, for `fmod` and for intrinsics of
//! mathematics that no instruction does.
//!
//! Calls go through a stub in the object's own range, since the function may
//! be too far away for a relative call.

use std::ffi::{c_int, c_void};

// Rust's standard library links them on all systems.
unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, n: usize) -> *mut c_void;
    fn memmove(to: *mut c_void, from: *const c_void, n: usize) -> *mut c_void;
    fn memset(to: *mut c_void, byte: c_int, n: usize) -> *mut c_void;
    fn memcmp(a: *const c_void, b: *const c_void, n: usize) -> c_int;
    fn ldexp(x: f64, n: c_int) -> f64;
}

/// Declares functions of doubles, and finds all functions by name.
macro_rules! libcalls {
    (one: $($one:ident)*; two: $($two:ident)*; others: $($other:ident)*;) => {
        unsafe extern "C" {
            $(fn $one(x: f64) -> f64;)*
            $(fn $two(x: f64, y: f64) -> f64;)*
        }

        /// The address of a function that objects may call.
        pub(crate) fn find(name: &str) -> Option<usize> {
            Some(match name {
                $(stringify!($one) => $one as *const () as usize,)*
                $(stringify!($two) => $two as *const () as usize,)*
                $(stringify!($other) => $other as *const () as usize,)*
                _ => return None,
            })
        }
    };
}

libcalls! {
    one: floor ceil trunc round rint nearbyint sqrt
         sin cos tan asin acos atan exp exp2 log log2 log10;
    two: fmod pow atan2 fmin fmax copysign;
    others: memcpy memmove memset memcmp ldexp;
}

/// Bytes of a stub, its address included.
pub(super) const STUB: usize = 16;

/// Where in a stub the address lies.
pub(super) const ADDRESS: usize = 8;

/// A stub: a jump to `address`, which lies behind it.
pub(super) fn stub(address: usize) -> [u8; STUB] {
    // jmp *2(%rip); int3; int3
    let mut stub = [0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc, 0, 0, 0, 0, 0, 0, 0, 0];
    stub[ADDRESS..].copy_from_slice(&(address as u64).to_le_bytes());
    stub
}
