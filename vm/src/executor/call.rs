//! Calls from the host.

use super::error::{Error, Result};
use super::host::{ffi_type, resume_panic};
use super::value::{Extension, Parameter, Signature, Type, Value};
use libffi::middle::{Arg, Cif, CodePtr, Ret};
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;

/// A function of a program.
pub struct Function<'p> {
    name: &'p str,
    signature: &'p Signature,
    address: usize,
    cif: Cif,
    _program: PhantomData<&'p ()>,
}

impl fmt::Debug for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({}: {})", self.name, self.signature)
    }
}

/// How results are taken: integers as whole registers, whose upper bits are cut
/// off afterwards.
fn result_type(result: Parameter) -> libffi::middle::Type {
    match result.ty {
        Type::Int(_) => libffi::middle::Type::u64(),
        _ => ffi_type(result),
    }
}

/// What an argument beyond the parameters is widened to, as C does.
fn promoted(value: Value) -> (Parameter, u64) {
    match value {
        Value::F32(x) => (Type::F64.into(), f64::from(x).to_bits()),
        Value::Int(int) if int.bits() < 32 => (Type::Int(32).into(), int.signed() as u64),
        value => (value.ty().into(), value.raw(Extension::None)),
    }
}

impl<'p> Function<'p> {
    pub(super) fn new(name: &'p str, signature: &'p Signature, address: usize) -> Function<'p> {
        let params: Vec<_> = signature.params.iter().map(|&p| ffi_type(p)).collect();
        Function {
            name,
            signature,
            address,
            cif: Cif::new(params, result_type(signature.result)),
            _program: PhantomData,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// What it takes and returns.
    pub fn signature(&self) -> &Signature {
        self.signature
    }

    /// Where it is.
    pub fn address(&self) -> *const c_void {
        self.address as *const c_void
    }

    /// Calls it. Arguments have to be of the types of its parameters; smaller
    /// integers are widened as the module says. Arguments beyond those, of a
    /// function that takes them, are widened as in C.
    ///
    /// # Errors
    /// The arguments don't fit. Nothing has run then.
    ///
    /// # Panics
    /// As a closure of the host panicked that it called.
    ///
    /// # Safety
    /// With these arguments the function does nothing that has no meaning in
    /// LLVM's language.
    pub unsafe fn call(&self, args: &[Value]) -> Result<Value> {
        self.check(args)?;
        let Signature { params, result, .. } = self.signature;
        let mut raw: Vec<u64> = args
            .iter()
            .zip(params)
            .map(|(arg, param)| arg.raw(param.extension))
            .collect();
        let variadic = self.signature.variadic.then(|| {
            let mut types: Vec<_> = params.iter().map(|&p| ffi_type(p)).collect();
            for &arg in &args[params.len()..] {
                let (parameter, value) = promoted(arg);
                types.push(ffi_type(parameter));
                raw.push(value);
            }
            Cif::new_variadic(types, params.len(), result_type(*result))
        });
        let cif = variadic.as_ref().unwrap_or(&self.cif);
        let places: Vec<Arg<'_>> = raw.iter().map(Arg::new).collect();
        let mut returned = 0u64;
        let code = CodePtr::from_ptr(self.address());
        // SAFETY: the program is there, the types are those that its module
        // declares, the arguments were checked, and a register fits the result.
        // What the function does is as the caller says.
        unsafe { cif.call_return_into(code, &places, Ret::new(&mut returned)) };
        resume_panic();
        Ok(Value::from_raw(result.ty, returned))
    }

    fn check(&self, args: &[Value]) -> Result<()> {
        let Signature {
            params, variadic, ..
        } = self.signature;
        if args.len() < params.len() || (args.len() > params.len() && !variadic) {
            return Err(Error::ArgumentCount {
                name: self.name.into(),
                wanted: params.len(),
                variadic: *variadic,
                given: args.len(),
            });
        }
        for (n, arg) in args.iter().enumerate() {
            let given = arg.ty();
            // No parameter is of type void, so that such an argument never fits.
            let wanted = params.get(n).map_or(given, |p| p.ty);
            if given != wanted || given == Type::Void {
                return Err(Error::ArgumentType {
                    name: self.name.into(),
                    number: n + 1,
                    wanted,
                    given,
                });
            }
        }
        Ok(())
    }

    /// It as a function pointer of Rust's, such as
    /// `unsafe extern "C" fn(i32) -> i32`: the fastest way to call it.
    ///
    /// # Errors
    /// It is of another type.
    ///
    /// # Safety
    /// The pointer is called while the program is there, and as for
    /// [`call`](Function::call).
    pub unsafe fn pointer<F: FunctionPointer>(&self) -> Result<F> {
        let wanted = F::signature();
        let has = |wanted: &Parameter, found: &Parameter| {
            found.extension == Extension::None
                || found.extension == wanted.extension
                // Truth values of Rust are bytes that hold 0 or 1.
                || matches!(found.ty, Type::Int(32..))
        };
        let mut params = wanted.params.iter().zip(&self.signature.params);
        let fits = wanted.same_types(self.signature)
            && params.all(|(wanted, found)| has(wanted, found))
            && self.result_fits(&wanted);
        if !fits {
            return Err(Error::Pointer {
                name: self.name.into(),
                found: Box::new(self.signature.clone()),
                wanted: Box::new(wanted),
            });
        }
        // SAFETY: there is a function of this type.
        Ok(unsafe { F::at(self.address) })
    }

    /// Rust takes results below 32 bits as the lower bits of a register, but for
    /// truth values, of which it takes all of a byte.
    fn result_fits(&self, wanted: &Signature) -> bool {
        wanted.result.ty != Type::Int(1) || self.signature.result.extension == Extension::Zero
    }
}

/// A function pointer of Rust's whose parameters and result are scalars.
pub trait FunctionPointer: sealed::Sealed + Copy {
    /// The signature that it stands for.
    fn signature() -> Signature;

    /// The function at `address`.
    ///
    /// # Safety
    /// There is one, of this type.
    unsafe fn at(address: usize) -> Self;
}

/// A scalar type of Rust's.
pub trait Scalar: sealed::Sealed {
    /// It, in LLVM's terms.
    const PARAMETER: Parameter;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! scalars {
    ($($ty:ty: $scalar:expr, $extension:ident;)*) => {$(
        impl sealed::Sealed for $ty {}
        impl Scalar for $ty {
            const PARAMETER: Parameter = Parameter {
                ty: $scalar,
                extension: Extension::$extension,
            };
        }
    )*};
}

scalars! {
    (): Type::Void, None;
    bool: Type::Int(1), Zero;
    i8: Type::Int(8), Sign;
    u8: Type::Int(8), Zero;
    i16: Type::Int(16), Sign;
    u16: Type::Int(16), Zero;
    i32: Type::Int(32), None;
    u32: Type::Int(32), None;
    i64: Type::Int(64), None;
    u64: Type::Int(64), None;
    f32: Type::F32, None;
    f64: Type::F64, None;
}

impl<T> sealed::Sealed for *mut T {}
impl<T> Scalar for *mut T {
    const PARAMETER: Parameter = Parameter {
        ty: Type::Ptr,
        extension: Extension::None,
    };
}

impl<T> sealed::Sealed for *const T {}
impl<T> Scalar for *const T {
    const PARAMETER: Parameter = <*mut T>::PARAMETER;
}

macro_rules! pointers {
    ($(($($param:ident)*))*) => {$(
        impl<R: Scalar, $($param: Scalar),*> sealed::Sealed
            for unsafe extern "C" fn($($param),*) -> R {}
        impl<R: Scalar, $($param: Scalar),*> FunctionPointer
            for unsafe extern "C" fn($($param),*) -> R
        {
            fn signature() -> Signature {
                Signature {
                    result: R::PARAMETER,
                    params: vec![$($param::PARAMETER),*],
                    variadic: false,
                }
            }

            unsafe fn at(address: usize) -> Self {
                // SAFETY: as the caller says.
                unsafe { std::mem::transmute::<usize, Self>(address) }
            }
        }
    )*};
}

pointers! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
}
