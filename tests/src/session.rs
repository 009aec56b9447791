//! A VM with captured output and limits.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use strata::engine::{self, JitOptions};
use strata_runtime::error::{Cause, Error, Limit};
use strata_runtime::state::VmConfig;
use strata_runtime::stdlib::io::stream::Stream;
use strata_runtime::{Value, Vm, stdlib};
use strata_spec::Module;

/// How much of the library a session opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Library {
    /// Everything.
    All,
    /// Nothing that reaches outside of the VM but `print`, which is captured.
    Sealed,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// It returned so many values.
    Returned(usize),
    /// An error, with its message.
    Error(String),
    /// A limit was reached.
    Limit(Limit),
    /// Out of memory without a limit on it, an exit, or a panic of the host.
    Other(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Returned(n) => write!(f, "returned {n} values"),
            End::Error(message) => write!(f, "error: {message}"),
            End::Limit(limit) => write!(f, "{limit}"),
            End::Other(what) => write!(f, "{what}"),
        }
    }
}

/// What a run gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What it printed.
    pub output: Vec<u8>,
}

/// Output that the test reads back. What goes beyond `most` bytes is dropped.
#[derive(Clone)]
struct Sink(Arc<Mutex<Vec<u8>>>);

/// Most bytes of output kept.
const MOST_OUTPUT: usize = 1 << 24;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Ok(mut kept) = self.0.lock() {
            let room = MOST_OUTPUT.saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A VM and its output.
pub struct Session {
    /// The VM.
    pub vm: Box<Vm>,
    output: Arc<Mutex<Vec<u8>>>,
}

fn open_config() -> VmConfig {
    VmConfig {
        seed: Some(7),
        allow_bytecode: true,
        ..VmConfig::default()
    }
}

impl Session {
    /// A VM with part of the library.
    ///
    /// # Panics
    /// No address space for the stack, or a memory limit too small for the
    /// library.
    pub fn new(config: &VmConfig, library: Library) -> Session {
        let vm = engine::new_vm(config).expect("address space for a stack");
        Session::with(vm, library)
    }

    /// Like [`open`](Session::open), but compiles.
    ///
    /// # Panics
    /// As for [`new`](Session::new).
    pub fn compiling(options: &JitOptions) -> Session {
        let mut vm = engine::new_vm(&open_config()).expect("address space for a stack");
        engine::set_jit(&mut vm, options);
        Session::with(vm, Library::All)
    }

    fn with(mut vm: Box<Vm>, library: Library) -> Session {
        match library {
            Library::All => stdlib::open_all(&mut vm),
            Library::Sealed => stdlib::open_selected(&mut vm),
        }
        .unwrap_or_else(|_| panic!("memory for the library"));
        let output = Arc::new(Mutex::new(Vec::new()));
        vm.lib.std[0] = Stream::reader(Box::new(io::empty()));
        vm.lib.std[1] = Stream::writer(Box::new(Sink(Arc::clone(&output))));
        vm.lib.std[2] = Stream::writer(Box::new(io::sink()));
        let mut session = Session { vm, output };
        if library == Library::Sealed {
            session.run("dofile, loadfile = nil", "=seal");
        }
        session
    }

    /// A VM with the whole library, no limits and a fixed seed.
    pub fn open() -> Session {
        Session::new(&open_config(), Library::All)
    }

    /// Compiles and runs source text.
    pub fn run(&mut self, source: impl AsRef<[u8]>, chunk: &str) -> Outcome {
        match strata_lua::compile(source.as_ref(), chunk.as_bytes()) {
            Ok(module) => self.run_module(module),
            Err(e) => Outcome {
                end: End::Error(lossy(&e.message)),
                output: Vec::new(),
            },
        }
    }

    /// Runs a module, which is verified first.
    ///
    /// # Panics
    /// The verifier refuses it.
    pub fn run_module(&mut self, module: Module) -> Outcome {
        if let Err(e) = strata_spec::verify(&module) {
            panic!("the module is not valid: {e}");
        }
        self.run_verified(Arc::new(module))
    }

    /// Runs a module that the verifier has accepted.
    pub fn run_verified(&mut self, module: Arc<Module>) -> Outcome {
        let end = match engine::load_main(&mut self.vm, module) {
            Ok(f) => self.call(f, &[]),
            Err(e) => self.end_of(e),
        };
        self.vm.lib.flush();
        Outcome {
            end,
            output: self.take_output(),
        }
    }

    /// Calls a function; its results are dropped.
    pub fn call(&mut self, f: Value, args: &[Value]) -> End {
        match engine::call(&mut self.vm, f, args) {
            Ok(results) => End::Returned(engine::take_results(&mut self.vm, results).len()),
            Err(e) => self.end_of(e),
        }
    }

    /// What was printed since the last time.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.vm.lib.flush();
        self.output
            .lock()
            .map(|mut kept| std::mem::take(&mut *kept))
            .unwrap_or_default()
    }

    /// Runs source text until a deadline, which is lifted afterwards; also
    /// returns by how much it was missed.
    pub fn run_timed(&mut self, source: &str, time: Duration) -> (End, Duration) {
        let until = Instant::now() + time;
        self.vm
            .set_deadline(Some(until))
            .expect("a thread to watch the time");
        let outcome = self.run(source, "=limited");
        let late = Instant::now().saturating_duration_since(until);
        self.vm.set_deadline(None).expect("no thread is needed");
        (outcome.end, late)
    }

    fn end_of(&mut self, error: Error) -> End {
        match *error.0 {
            Cause::Lua(v) => End::Error(lossy(&engine::message_of(&mut self.vm, v))),
            Cause::Limit(limit) => End::Limit(limit),
            Cause::Memory if self.vm.heap.limit != usize::MAX => End::Limit(Limit::Memory),
            Cause::Memory => End::Other("not enough memory".into()),
            Cause::Exit(status) => End::Other(format!("exit {status}")),
            Cause::Close => End::Other("closed".into()),
            Cause::Panic(_) => End::Other("a host function panicked".into()),
        }
    }

    /// Walks the heap and checks its invariants.
    ///
    /// # Panics
    /// One does not hold.
    pub fn check_heap(&mut self, what: &str) {
        if let Err(e) = strata_runtime::heap::verify(&mut self.vm) {
            panic!("{what}: the heap is not sound: {e}");
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.vm)
    }
}

/// Bytes for a message.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
