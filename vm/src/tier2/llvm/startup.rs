//! Setting LLVM up when it is first used, and keeping it in one piece until
//! the process has ended.
//!
//! LLVM is C++, with some 600 static initializers, most of them for options of
//! its command line. Run before `main`, as usual, they take 2 ms and touch
//! 26 MB, more than most scripts need. So the linker script `llvm.ld` collects
//! those of LLVM's object files in a section of their own, and they run here.
//! Where that script isn't used (other systems; programs that depend on the
//! library, whose builds it can't reach) the section is empty and they have run
//! before.
//!
//! Destructors are the same story at the other end: `exit` runs them although
//! another thread may be in the middle of compiling. A handler that runs
//! before them waits until no thread is.

use super::machine::Refusal;
use inkwell::support::error_handling::install_fatal_error_handler;
use inkwell::targets::{InitializationConfig, Target};
use parking_lot::{RwLock, RwLockReadGuard};
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::io::Write;
use std::sync::OnceLock;

/// Sets LLVM up. Nothing of it may be used before.
///
/// # Errors
/// It can't compile for this machine.
pub(super) fn initialize() -> Result<(), Refusal> {
    // LLVM is set up once for the process, whoever uses it.
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| {
        run_initializers();
        // SAFETY: handlers have the types that are wanted, and don't unwind.
        // The destructors were registered before, so they run afterwards.
        unsafe {
            atexit(wait_for_compilers);
            install_fatal_error_handler(say_what_was_compiled);
        }
        Target::initialize_native(&InitializationConfig {
            asm_parser: false,
            asm_printer: true,
            base: true,
            disassembler: false,
            info: true,
            machine_code: true,
        })
    })
    .clone()
    .map_err(Refusal::Machine)
}

unsafe extern "C" {
    fn atexit(handler: extern "C" fn()) -> c_int;
}

// Weak symbols are 0 where the script isn't used. Rust can't name weak
// symbols, but a table of two addresses.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
std::arch::global_asm!(
    ".weak strata_llvm_init_begin",
    ".weak strata_llvm_init_end",
    ".pushsection .data.rel.ro.strata_llvm_init,\"aw\",@progbits",
    ".balign 8",
    ".globl strata_llvm_init",
    ".hidden strata_llvm_init",
    "strata_llvm_init:",
    ".quad strata_llvm_init_begin",
    ".quad strata_llvm_init_end",
    ".popsection",
);

/// Runs the static initializers that the linker script has put aside.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn run_initializers() {
    unsafe extern "C" {
        safe static strata_llvm_init: [usize; 2];
    }
    let [begin, end] = strata_llvm_init;
    for at in (begin..end).step_by(size_of::<usize>()) {
        // SAFETY: the section holds addresses of functions that the C runtime
        // would have called before `main`, in this order.
        unsafe { (*(at as *const extern "C" fn()))() };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn run_initializers() {}

/// Read by each thread that is inside of LLVM.
static IN_USE: RwLock<()> = RwLock::new(());

/// The process ends: waits for the threads that compile, and for ever keeps
/// others from it.
extern "C" fn wait_for_compilers() {
    std::mem::forget(IN_USE.write());
}

/// Ends the process, at once even if a thread compiles: then without what C
/// programs do at their end.
pub(crate) fn exit(status: i32) -> ! {
    unsafe extern "C" {
        fn _exit(status: c_int) -> !;
    }
    if IN_USE.try_write().is_some() {
        std::process::exit(status);
    }
    let _ = std::io::stdout().flush();
    // SAFETY: it may be called at any time.
    unsafe { _exit(status) }
}

thread_local! {
    /// What this thread compiles, for the message below: LLVM's handler is one
    /// for the process, and knows neither threads nor modules.
    static COMPILING: RefCell<String> = const { RefCell::new(String::new()) };
}

/// LLVM can't go on, for want of memory or for a bug: says what it was at, and
/// ends the process, which LLVM would do otherwise.
extern "C" fn say_what_was_compiled(reason: *const c_char) {
    // SAFETY: LLVM gives a C string.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy();
    let name = COMPILING.try_with(|name| name.try_borrow().map(|n| n.clone()));
    let name = name.ok().and_then(Result::ok).unwrap_or_default();
    eprintln!("strata: LLVM can't go on compiling '{name}': {reason}");
    std::process::abort();
}

/// While it exists, this thread is inside of LLVM.
pub(super) struct Inside {
    _lock: RwLockReadGuard<'static, ()>,
}

impl Inside {
    /// Enters LLVM to compile `what`.
    pub(super) fn enter(what: &str) -> Inside {
        COMPILING.with(|name| what.clone_into(&mut name.borrow_mut()));
        Inside {
            _lock: IN_USE.read_recursive(),
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        COMPILING.with(|name| name.borrow_mut().clear());
    }
}
