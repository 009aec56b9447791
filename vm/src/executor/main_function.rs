//! Running a program as systems do: `main`, its arguments and its status.

use super::error::{Error, Result};
use super::program::Program;
use super::value::{I32, Signature, Type, Value};
use std::ffi::{CString, OsStr, c_int, c_void};
use std::ptr::null_mut;

unsafe extern "C" {
    /// Writes out what C's streams hold back; null: all of them.
    fn fflush(stream: *mut c_void) -> c_int;
}

/// Strings as C has them: a list of pointers with a null at its end. A program may
/// change both.
struct Strings {
    _bytes: Vec<Vec<u8>>,
    list: Vec<*mut u8>,
}

impl Strings {
    /// The number of the first that can't be one, as an error.
    fn new(words: impl IntoIterator<Item = Vec<u8>>) -> Result<Strings, usize> {
        let mut bytes: Vec<Vec<u8>> = Vec::new();
        for (n, word) in words.into_iter().enumerate() {
            let word = CString::new(word).map_err(|_| n)?;
            bytes.push(word.into_bytes_with_nul());
        }
        let mut list: Vec<*mut u8> = bytes.iter_mut().map(|b| b.as_mut_ptr()).collect();
        list.push(null_mut());
        Ok(Strings {
            _bytes: bytes,
            list,
        })
    }

    fn len(&self) -> usize {
        self.list.len() - 1
    }
}

fn bytes(word: &OsStr) -> Vec<u8> {
    strata_runtime::os::bytes(word)
}

impl Program {
    /// Whether there is a `main`.
    pub fn has_main(&self) -> bool {
        self.has_function("main")
    }

    /// Calls `main` with these arguments, of which the first is the program's name,
    /// then what it registered with `atexit`; C's streams are written out. Returns
    /// the status that a process of this program would end with. The program can
    /// be run again, with its variables as they are.
    ///
    /// # Errors
    /// There is no `main`, or none that systems call, or an argument has a zero
    /// byte. Nothing has run then.
    ///
    /// # Safety
    /// As for [`Function::call`](super::Function::call). If the program calls
    /// `exit`, the process ends.
    pub unsafe fn run_main<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<i32> {
        let main = self.function("main").map_err(|e| match e {
            Error::NoFunction { .. } => Error::NoMain,
            other => other,
        })?;
        let words = args.into_iter().map(|arg| bytes(arg.as_ref()));
        let mut args = Strings::new(words).map_err(Error::ZeroByte)?;
        let mut environment = environment();
        let all = [
            Value::from(args.len() as i32),
            Value::from(args.list.as_mut_ptr()),
            Value::from(environment.list.as_mut_ptr()),
        ];
        let given = takes(main.signature())
            .ok_or_else(|| Error::MainSignature(Box::new(main.signature().clone())))?;
        // SAFETY: as the caller says; the arguments are what `main` expects.
        let status = unsafe {
            let result = main.call(&all[..given])?;
            self.run_exits();
            fflush(null_mut());
            result
        };
        // What a process returns, systems cut to its lower bits.
        Ok(status.as_i64().unwrap_or(0) as i32)
    }
}

/// How many of its three arguments `main` takes, if it is one.
fn takes(signature: &Signature) -> Option<usize> {
    let types: Vec<Type> = signature.params.iter().map(|p| p.ty).collect();
    let fits = [I32, Type::Ptr, Type::Ptr].starts_with(&types);
    let returns = matches!(signature.result.ty, Type::Void | Type::Int(_));
    (fits && returns && !signature.variadic).then_some(types.len())
}

/// The variables of the environment, as `NAME=VALUE`.
fn environment() -> Strings {
    let words = std::env::vars_os().map(|(name, value)| {
        let mut word = bytes(&name);
        word.push(b'=');
        word.extend(bytes(&value));
        word
    });
    // Systems have no zero bytes in them.
    Strings::new(words).unwrap_or_else(|_| Strings {
        _bytes: Vec::new(),
        list: vec![null_mut()],
    })
}
