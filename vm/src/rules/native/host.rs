//! What compiled rules call.

use super::super::expr::{Cmp, Op, Value, compare, operate};
use super::super::order;
use super::super::terms::{Full, Head, Term, Terms};
use super::NONE;
use crate::executor::{FunctionPointer, HostFunctions, Signature};
use std::ffi::c_void;

/// What has no value.
const UNDEFINED: u64 = 3;

fn number(made: Result<Term, Full>) -> u32 {
    made.map_or(NONE, |term| term.0)
}

/// # Safety
/// There is a store, which nobody else uses.
unsafe extern "C" fn int(terms: *mut Terms, value: i64) -> u32 {
    // SAFETY: as the caller says.
    number(unsafe { &mut *terms }.int(value))
}

/// # Safety
/// As [`int`].
unsafe extern "C" fn float(terms: *mut Terms, value: f64) -> u32 {
    // SAFETY: as the caller says.
    number(unsafe { &mut *terms }.float(value))
}

/// The head applied to these arguments, unless one is missing.
///
/// # Safety
/// As [`int`].
#[inline]
unsafe fn make(terms: *mut Terms, head: u32, args: &[Term]) -> u32 {
    if args.iter().any(|arg| arg.0 == NONE) {
        return NONE;
    }
    // SAFETY: as the caller says.
    number(unsafe { &mut *terms }.cons(Head(head), args))
}

/// # Safety
/// As [`int`].
unsafe extern "C" fn cons1(terms: *mut Terms, head: u32, a: u32) -> u32 {
    // SAFETY: as the caller says.
    unsafe { make(terms, head, &[Term(a)]) }
}

/// # Safety
/// As [`int`].
unsafe extern "C" fn cons2(terms: *mut Terms, head: u32, a: u32, b: u32) -> u32 {
    // SAFETY: as the caller says.
    unsafe { make(terms, head, &[Term(a), Term(b)]) }
}

/// # Safety
/// As [`int`], and there are `count` arguments.
unsafe extern "C" fn cons(terms: *mut Terms, head: u32, args: *const Term, count: u64) -> u32 {
    // SAFETY: as the caller says.
    unsafe {
        make(
            terms,
            head,
            std::slice::from_raw_parts(args, count as usize),
        )
    }
}

fn value(tag: u64, bits: u64) -> Value {
    match tag {
        0 => Value::Int(bits as i64),
        1 => Value::Float(f64::from_bits(bits)),
        _ => Value::Term(Term(bits as u32)),
    }
}

/// Operator number `op`: the tag of the result, whose bits are put at `result`.
///
/// # Safety
/// There is room for a result.
unsafe extern "C" fn operator(result: *mut u64, op: u64, ta: u64, a: u64, tb: u64, b: u64) -> u64 {
    let op = Op::ALL[op as usize];
    let (tag, bits) = match operate(op, value(ta, a), value(tb, b)) {
        Some(Value::Int(value)) => (0, value as u64),
        Some(Value::Float(value)) => (1, value.to_bits()),
        _ => (UNDEFINED, 0),
    };
    // SAFETY: as the caller says.
    unsafe { result.write(bits) };
    tag
}

/// Comparison number `cmp`: 0, 1, or 2 if it is undefined.
unsafe extern "C" fn comparison(cmp: u64, ta: u64, a: u64, tb: u64, b: u64) -> u64 {
    let cmp = [Cmp::Lt, Cmp::Le, Cmp::Eq][cmp as usize];
    compare(cmp, value(ta, a), value(tb, b)).map_or(2, u64::from)
}

/// # Safety
/// There is a store, with these terms.
unsafe extern "C" fn before(terms: *const Terms, a: u32, b: u32) -> u64 {
    // SAFETY: as the caller says.
    order::before(unsafe { &*terms }, Term(a), Term(b)).into()
}

fn signature<F: FunctionPointer>(_: F) -> Signature {
    F::signature()
}

/// All of them.
pub(super) fn functions() -> HostFunctions {
    let mut all = HostFunctions::new();
    macro_rules! add {
        ($($name:literal: $function:ident($($param:ty),*) -> $result:ty;)*) => {$(
            let function: unsafe extern "C" fn($($param),*) -> $result = $function;
            let name = concat!("strata_rules_", $name);
            // SAFETY: it is of this type, and there for ever.
            unsafe { all.function(name, signature(function), function as *const c_void) };
        )*};
    }
    add! {
        "int": int(*mut Terms, i64) -> u32;
        "float": float(*mut Terms, f64) -> u32;
        "cons1": cons1(*mut Terms, u32, u32) -> u32;
        "cons2": cons2(*mut Terms, u32, u32, u32) -> u32;
        "cons": cons(*mut Terms, u32, *const Term, u64) -> u32;
        "operate": operator(*mut u64, u64, u64, u64, u64, u64) -> u64;
        "compare": comparison(u64, u64, u64, u64, u64) -> u64;
        "before": before(*const Terms, u32, u32) -> u64;
    }
    all
}
