//! Functions of the host, for programs.
//!
//! Two kinds: functions that are compiled already, given by their address, and
//! closures, which are called through a piece of code that libffi makes. A panic
//! in a closure doesn't pass through compiled code: the program goes on with a
//! zero, closures that it calls from there on return zeros at once, and the panic
//! goes on where the host had called the program.

use super::value::{Extension, Parameter, Signature, Type, Value};
use libffi::low::ffi_cif;
use libffi::middle::{Cif, Closure, Type as FfiType};
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How libffi has a parameter: integers of the width they are passed in.
pub(super) fn ffi_type(parameter: Parameter) -> FfiType {
    let signed = parameter.extension == Extension::Sign;
    match parameter.ty {
        Type::Void => FfiType::void(),
        Type::Int(..=8) if signed => FfiType::i8(),
        Type::Int(..=8) => FfiType::u8(),
        Type::Int(..=16) if signed => FfiType::i16(),
        Type::Int(..=16) => FfiType::u16(),
        Type::Int(..=32) if signed => FfiType::i32(),
        Type::Int(..=32) => FfiType::u32(),
        Type::Int(_) => FfiType::u64(),
        Type::F32 => FfiType::f32(),
        Type::F64 => FfiType::f64(),
        Type::Ptr => FfiType::pointer(),
    }
}

thread_local! {
    /// The panic that a closure ended with, on its way to whoever called the
    /// program.
    static PANIC: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

/// Lets the panic of a closure go on, if there was one.
pub(super) fn resume_panic() {
    if let Some(panic) = PANIC.take() {
        std::panic::resume_unwind(panic);
    }
}

type Body = dyn Fn(&[Value]) -> Value + Send + Sync;

/// What the code of a closure finds.
struct Callback {
    name: String,
    signature: Signature,
    body: Box<Body>,
}

/// A closure and its code.
struct Bound {
    /// Before `callback`, to which it refers.
    code: Closure<'static>,
    callback: *mut Callback,
}

impl Drop for Bound {
    fn drop(&mut self) {
        // SAFETY: it comes from a box, and who is dropped is not called any more.
        drop(unsafe { Box::from_raw(self.callback) });
    }
}

enum Function {
    Address(usize),
    Closure(Bound),
}

// SAFETY: a closure's code and what it refers to are not changed any more, and
// its body may be called from any thread.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

/// Functions of the host, by name and signature. A library once it is given to
/// [`Executor::add`](super::Executor::add).
#[derive(Default)]
pub struct HostFunctions {
    functions: HashMap<String, (Signature, Function)>,
}

impl fmt::Debug for HostFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions.iter();
        f.debug_map()
            .entries(functions.map(|(name, (signature, _))| (name, signature.to_string())))
            .finish()
    }
}

impl HostFunctions {
    /// None.
    pub fn new() -> HostFunctions {
        HostFunctions::default()
    }

    /// Adds the function at `address`, in C's calling convention. A module's
    /// declaration has to have the same types. Where the signature says `signext`
    /// or `zeroext`, as it must for Rust's and C's integers below 32 bits, it has
    /// to say so too.
    ///
    /// # Safety
    /// There is a function of this signature, as long as programs use it.
    pub unsafe fn function(
        &mut self,
        name: impl Into<String>,
        signature: Signature,
        address: *const c_void,
    ) -> &mut HostFunctions {
        let function = Function::Address(address as usize);
        self.functions.insert(name.into(), (signature, function));
        self
    }

    /// Adds a closure. It is called with values of the types of `signature`, and
    /// has to return one of its result's type; anything else is a panic.
    ///
    /// # Panics
    /// The signature has no fixed number of parameters, or the system has no
    /// memory for code.
    pub fn closure(
        &mut self,
        name: impl Into<String>,
        signature: Signature,
        body: impl Fn(&[Value]) -> Value + Send + Sync + 'static,
    ) -> &mut HostFunctions {
        assert!(
            !signature.variadic,
            "closures have a fixed number of parameters"
        );
        let name = name.into();
        let params: Vec<FfiType> = signature.params.iter().map(|&p| ffi_type(p)).collect();
        let cif = Cif::new(params, ffi_type(signature.result));
        let callback = Box::into_raw(Box::new(Callback {
            name: name.clone(),
            signature: signature.clone(),
            body: Box::new(body),
        }));
        // SAFETY: it lives until `Bound` drops it, after the code.
        let code = Closure::new(cif, enter, unsafe { &*callback });
        let function = Function::Closure(Bound { code, callback });
        self.functions.insert(name, (signature, function));
        self
    }

    /// The address of a function, its signature, and whether who calls it has to
    /// widen arguments.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Signature, bool)> {
        let (signature, function) = self.functions.get(name)?;
        Some(match function {
            Function::Address(address) => (*address, signature, true),
            Function::Closure(bound) => (
                *bound.code.code_ptr() as *const () as usize,
                signature,
                false,
            ),
        })
    }
}

/// What the code of a closure calls.
///
/// # Safety
/// libffi calls it: `args` are as many as the signature has parameters, each the
/// address of one of its type, and `result` has room for a register.
unsafe extern "C" fn enter(
    _: &ffi_cif,
    result: &mut MaybeUninit<u64>,
    args: *const *const c_void,
    callback: &Callback,
) {
    let Callback {
        name,
        signature,
        body,
    } = callback;
    let value = if PANIC.with_borrow(Option::is_some) {
        None
    } else {
        let params = signature.params.iter().enumerate();
        let values: Vec<Value> = params
            // SAFETY: as libffi promises.
            .map(|(n, param)| unsafe { read(*args.add(n), param.ty) })
            .collect();
        let run = AssertUnwindSafe(|| {
            let value = body(&values);
            let wanted = signature.result.ty;
            assert!(
                value.ty() == wanted,
                "the host's function '{name}' returned {}, not {wanted}",
                value.ty()
            );
            value
        });
        match catch_unwind(run) {
            Ok(value) => Some(value),
            Err(panic) => {
                PANIC.set(Some(panic));
                None
            }
        }
    };
    if signature.result.ty != Type::Void {
        let raw = value.map_or(0, |value| value.raw(signature.result.extension));
        result.write(raw);
    }
}

/// # Safety
/// At `place` there is a value of this type, as libffi has it.
unsafe fn read(place: *const c_void, ty: Type) -> Value {
    // SAFETY: as the caller says; libffi aligns what it gives.
    let raw = unsafe {
        match ty {
            Type::Void => 0,
            Type::Int(..=8) => place.cast::<u8>().read().into(),
            Type::Int(..=16) => place.cast::<u16>().read().into(),
            Type::Int(..=32) | Type::F32 => place.cast::<u32>().read().into(),
            Type::Int(_) | Type::F64 | Type::Ptr => place.cast::<u64>().read(),
        }
    };
    Value::from_raw(ty, raw)
}
