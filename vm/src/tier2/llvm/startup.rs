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
//!
//! Some mistakes LLVM can't go on from: it calls a handler that must not return.
//! Where a compile is [`contained`], the handler leaves the thread behind, asleep
//! for ever, and the compile has failed; elsewhere the process ends.

use super::machine::Refusal;
use inkwell::support::error_handling::install_fatal_error_handler;
use inkwell::targets::{InitializationConfig, Target};
use parking_lot::{RwLock, RwLockReadGuard};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

/// Sets LLVM up. Nothing of it may be used before.
///
/// # Errors
/// It can't compile for this machine.
pub(super) fn initialize() -> Result<(), Refusal> {
    // LLVM is set up once for the process, whoever uses it.
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    // The process must not end in the middle of it.
    let _inside = IN_USE.read_recursive();
    DONE.get_or_init(|| {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        super::pages::get();
        run_initializers();
        // SAFETY: handlers have the types that are wanted, and don't unwind.
        // The destructors were registered before, so they run afterwards.
        unsafe {
            atexit(wait_for_compilers);
            install_fatal_error_handler(say_what_was_compiled);
        }
        Target::initialize_native(&InitializationConfig {
            // For assembly inside of programs.
            asm_parser: true,
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
    if !ENDING.load(Ordering::Acquire) {
        std::mem::forget(IN_USE.write());
    }
}

/// [`exit`] keeps threads from LLVM already.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Ends the process, at once even if a thread compiles: then without what C
/// programs do at their end.
pub(crate) fn exit(status: i32) -> ! {
    unsafe extern "C" {
        fn _exit(status: c_int) -> !;
    }
    if let Some(nobody) = IN_USE.try_write() {
        // Nobody begins either, from now on.
        std::mem::forget(nobody);
        ENDING.store(true, Ordering::Release);
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
    /// Where to say so instead, if this thread may be left behind.
    static CONTAINED: RefCell<Option<Sender<String>>> = const { RefCell::new(None) };
    /// How many [`Inside`] there are of this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Stack of a thread that compiles what others wrote, which may be nested deeply.
const STACK: usize = 64 << 20;

/// Runs `compile` on a thread of its own. Should LLVM not be able to go on, the
/// thread and what it holds are lost, and the reason is returned.
///
/// # Errors
/// That reason, or that there is no thread.
pub(crate) fn contained<R: Send + 'static>(
    compile: impl FnOnce() -> R + Send + 'static,
) -> Result<R, String> {
    let (failed, failure) = channel();
    let thread = std::thread::Builder::new()
        .name("strata-llvm".into())
        .stack_size(STACK)
        .spawn(move || {
            CONTAINED.set(Some(failed));
            let made = compile();
            CONTAINED.take();
            made
        })
        .map_err(|e| format!("no thread to compile on: {e}"))?;
    // Nothing comes, and the other end is gone, if all went well.
    if let Ok(reason) = failure.recv() {
        return Err(reason);
    }
    thread
        .join()
        .map_or_else(|panic| std::panic::resume_unwind(panic), Ok)
}

/// LLVM can't go on, for want of memory or for a bug: says what it was at, and
/// ends the process, which LLVM would do otherwise.
extern "C" fn say_what_was_compiled(reason: *const c_char) {
    // SAFETY: LLVM gives a C string.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy();
    let contained = CONTAINED.try_with(|c| c.try_borrow_mut().ok()?.take());
    if let Some(failed) = contained.ok().flatten() {
        for _ in 0..DEPTH.replace(0) {
            // SAFETY: this thread holds the lock as often, and never gets to
            // where it would give it back.
            unsafe { IN_USE.force_unlock_read() };
        }
        // Nobody listens: then nobody needs to know.
        let _ = failed.send(reason.into_owned());
        loop {
            std::thread::park();
        }
    }
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
        let _lock = IN_USE.read_recursive();
        DEPTH.set(DEPTH.get() + 1);
        Inside { _lock }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        COMPILING.with(|name| name.borrow_mut().clear());
        DEPTH.set(DEPTH.get() - 1);
    }
}
