//! What a program wants called at its end: `atexit`, `__cxa_atexit`,
//! `llvm.global_dtors`.
//!
//! C's library keeps such functions until the process ends, when the program's
//! code may be gone. So programs get functions of these names, and of `exit`, that
//! know the program: what they register is called when the program is dropped,
//! or calls `exit`, the last first.

use super::host::ffi_type;
use super::value::{I32, Parameter, Type};
use libffi::low::ffi_cif;
use libffi::middle::{Cif, Closure};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::sync::OnceLock;

/// A function that was registered, and its argument. What takes none ignores it.
type Handler = (unsafe extern "C" fn(*mut c_void), usize);

/// The functions to be called at the end of a program.
#[derive(Default)]
pub(super) struct Exits {
    registered: Mutex<Vec<Handler>>,
    /// Those of `llvm.global_dtors`, once it is linked.
    destructors: OnceLock<Vec<usize>>,
}

impl fmt::Debug for Exits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exits({} functions)", self.registered.lock().len())
    }
}

impl Exits {
    /// Sets the addresses of destructors, in the order of their calls.
    pub(super) fn set_destructors(&self, destructors: Vec<usize>) {
        // Linked once.
        let _ = self.destructors.set(destructors);
    }

    /// Calls all that were registered since the last time, then, `last`, the
    /// destructors.
    ///
    /// # Safety
    /// The program is there, and allows it.
    pub(super) unsafe fn run(&self, last: bool) {
        loop {
            // Not locked while it runs: it may register more.
            let Some((function, argument)) = self.registered.lock().pop() else {
                break;
            };
            // SAFETY: the program registered it as a function of this type.
            unsafe { function(argument as *mut c_void) };
        }
        let destructors = self.destructors.get().filter(|_| last);
        for &destructor in destructors.into_iter().flatten() {
            // SAFETY: the linker found it in the program's list of such functions.
            unsafe { call(destructor) };
        }
    }
}

/// Calls a function without parameters and result.
///
/// # Safety
/// There is one at this address.
pub(super) unsafe fn call(address: usize) {
    // SAFETY: as the caller says.
    unsafe { std::mem::transmute::<usize, extern "C" fn()>(address)() }
}

/// The functions by which one program registers others. To be dropped before the
/// [`Exits`] that they were made for.
#[derive(Default)]
pub(super) struct Registrars(Mutex<HashMap<&'static str, Closure<'static>>>);

// SAFETY: their code isn't changed any more, and may run on any thread.
unsafe impl Send for Registrars {}
// SAFETY: as above.
unsafe impl Sync for Registrars {}

impl fmt::Debug for Registrars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registrars({})", self.0.lock().len())
    }
}

impl Registrars {
    /// The address of what a program gets under this name, if it is one of these.
    ///
    /// # Safety
    /// `exits` lives until this was dropped.
    pub(super) unsafe fn find(&self, name: &str, exits: *const Exits) -> Option<usize> {
        // SAFETY: as the caller says.
        let exits: &'static Exits = unsafe { &*exits };
        let parameters = |list: &[Type], result: Type| {
            let types: Vec<_> = list.iter().map(|&ty| ffi_type(ty.into())).collect();
            Cif::new(types, ffi_type(Parameter::from(result)))
        };
        let pointers = [Type::Ptr; 3];
        let (name, make): (_, &dyn Fn() -> Closure<'static>) = match name {
            // It tells programs apart in C; here the functions do.
            "__dso_handle" => return Some(exits as *const Exits as usize),
            "atexit" => ("atexit", &|| {
                Closure::new(parameters(&pointers[..1], I32), register, exits)
            }),
            "__cxa_atexit" => ("__cxa_atexit", &|| {
                Closure::new(parameters(&pointers, I32), register_with_argument, exits)
            }),
            "exit" => ("exit", &|| {
                Closure::new(parameters(&[I32], Type::Void), exit, exits)
            }),
            _ => return None,
        };
        let mut all = self.0.lock();
        let closure = all.entry(name).or_insert_with(make);
        Some(*closure.code_ptr() as *const () as usize)
    }
}

/// `int atexit(void (*)(void))`
unsafe extern "C" fn register(
    _: &ffi_cif,
    result: &mut u64,
    args: *const *const c_void,
    exits: &Exits,
) {
    // SAFETY: libffi gives the address of the argument, a function. It is called
    // with an argument that it doesn't look at.
    let function = unsafe { *(*args).cast::<unsafe extern "C" fn(*mut c_void)>() };
    exits.registered.lock().push((function, 0));
    *result = 0;
}

/// `int __cxa_atexit(void (*)(void *), void *, void *)`
unsafe extern "C" fn register_with_argument(
    _: &ffi_cif,
    result: &mut u64,
    args: *const *const c_void,
    exits: &Exits,
) {
    // SAFETY: libffi gives the addresses of the arguments, a function and its
    // argument among them.
    let (function, argument) = unsafe {
        (
            *(*args).cast::<unsafe extern "C" fn(*mut c_void)>(),
            *(*args.add(1)).cast::<usize>(),
        )
    };
    exits.registered.lock().push((function, argument));
    *result = 0;
}

/// `void exit(int)`
unsafe extern "C" fn exit(_: &ffi_cif, _: &mut u64, args: *const *const c_void, exits: &Exits) {
    // SAFETY: libffi gives the address of the argument. The program runs, and
    // asks for what it has registered.
    let status = unsafe {
        exits.run(true);
        *(*args).cast::<c_int>()
    };
    crate::engine::exit(status)
}
