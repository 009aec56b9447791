//! LLVM IR, compiled and called: the tiers' code generator, linker and code
//! memory for programs that come as IR. Needs the feature `llvm`.
//!
//! ```text
//!  sources ── read, verify, optimize ──▶ objects ── link ──▶ Program ── call, run_main
//!  (text, bitcode)                                   ▲
//!                       libraries (host functions, ──┘
//!                       programs, shared objects)
//! ```
//!
//! - An [`Executor`] has [`Options`] and [`Library`]s, and compiles.
//! - A [`Source`] is one module of LLVM IR, text or bitcode.
//! - A [`Program`] is what some sources were compiled to, linked together. It
//!   frees all it has when it is dropped, and knows nothing of other programs,
//!   unless one of them is its library.
//! - A [`Function`] is one of its functions, ready to be called with [`Value`]s
//!   that fit its [`Signature`].
//!
//! ```
//! use strata::executor::{Executor, Options, Source, Value};
//!
//! # fn main() -> strata::executor::Result<()> {
//! let executor = Executor::new(Options::default());
//! let source = Source::text(
//!     "twice.ll",
//!     "define i32 @twice(i32 %x) { %r = add i32 %x, %x  ret i32 %r }",
//! );
//! // SAFETY: the code is what it says, and does no harm.
//! let program = unsafe { executor.load([source])? };
//! // SAFETY: as above.
//! let result = unsafe { program.call("twice", &[Value::from(21)])? };
//! assert_eq!(result, Value::from(42));
//! # Ok(())
//! # }
//! ```
//!
//! # Trust
//! IR is native code. Nothing keeps it from reading what isn't its own, from
//! running for ever or from ending the process; what the executor promises is
//! that *mistakes in the IR itself* are errors before anything runs: text that
//! LLVM can't read, modules that break its rules, names that nothing defines,
//! arguments that don't fit. So loading and calling are `unsafe`. The contract in
//! full is in `spec/executor.md`.
//!
//! # What it doesn't do
//! Exceptions don't pass through compiled code: there are no tables for
//! unwinding. Functions are called with scalars only, in C's calling convention.

mod cached;
mod call;
mod compile;
mod error;
mod exits;
mod host;
mod library;
mod main_function;
mod program;
mod signature;
mod threads;
mod value;

pub use call::{Function, FunctionPointer};
pub use compile::Times;
pub use error::{Error, Missing, Result, SyntaxError};
pub use host::HostFunctions;
pub use library::Library;
pub use program::{CodeInfo, ModuleInfo, Program};
pub use value::{Extension, I1, I8, I16, I32, I64, Int, Parameter, Signature, Type, Value};

pub use crate::jit::Level;

use crate::cache::Cache;
use crate::jit::CodeSpace;
use crate::jit::perf::Perf;
use compile::Compiled;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use strata_profiler::{Profiler, Sink};

/// How an executor compiles and links.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much work goes into code.
    pub level: Level,
    /// Whether programs may use what the process itself has: C's library.
    pub process: bool,
    /// Most bytes of code and data that all programs may have.
    pub memory: usize,
    /// Whether debuggers are told about functions.
    pub debuggers: bool,
    /// Where compiled modules are kept.
    pub cache: Option<Cache>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            level: Level::default(),
            process: true,
            memory: 1 << 30,
            debuggers: true,
            cache: None,
        }
    }
}

/// A module of LLVM IR.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    bytes: Vec<u8>,
}

impl Source {
    /// IR as text. Messages call it `name`.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source::bytes(name, text.into())
    }

    /// IR as text or as bitcode, told by its first bytes.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Source {
        Source {
            name: name.into(),
            bytes: bytes.into(),
        }
    }

    /// A file of one or the other.
    ///
    /// # Errors
    /// It can't be read.
    pub fn file(path: impl AsRef<Path>) -> Result<Source> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.into(),
            source,
        })?;
        Ok(Source::bytes(path.display().to_string(), bytes))
    }

    /// Whether bytes are LLVM's bitcode, with or without a wrapper.
    pub fn is_bitcode(bytes: &[u8]) -> bool {
        crate::engine::is_llvm_bitcode(bytes)
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What the programs of an executor share.
#[derive(Debug)]
struct Shared {
    space: CodeSpace,
    perf: Mutex<Option<Perf>>,
    profiler: Mutex<Profiler>,
}

/// Compiles LLVM IR to programs.
#[derive(Debug)]
pub struct Executor {
    options: Options,
    libraries: Vec<Library>,
    shared: Arc<Shared>,
}

impl Executor {
    /// An executor without libraries. LLVM is not touched before there is
    /// something to compile.
    pub fn new(options: Options) -> Executor {
        let space = CodeSpace::new(options.memory);
        Executor {
            options,
            libraries: Vec::new(),
            shared: Arc::new(Shared {
                space,
                perf: Mutex::new(None),
                profiler: Mutex::new(Profiler::new()),
            }),
        }
    }

    /// Programs loaded from now on may use what `library` has. Of names that
    /// several libraries have, the library that was added last counts.
    pub fn add(&mut self, library: impl Into<Library>) {
        self.libraries.push(library.into());
    }

    /// From now on compiles like this.
    pub fn set_level(&mut self, level: Level) {
        self.options.level = level;
    }

    /// Names functions for the profiler `perf`, in `/tmp/perf-PID.map`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn name_code(&self) -> std::io::Result<()> {
        *self.shared.perf.lock() = Some(Perf::new()?);
        Ok(())
    }

    /// Sends an event for each module that is compiled to `sink`, from now on.
    pub fn trace(&self, sink: Box<dyn Sink>) {
        self.shared.profiler.lock().add_sink(sink);
    }

    /// Ends the trace, if there is one.
    pub fn finish_trace(&self) {
        self.shared.profiler.lock().finish();
    }

    /// Bytes of code and data that the programs of this executor have.
    pub fn memory_in_use(&self) -> usize {
        self.shared.space.in_use()
    }

    /// Whether these modules keep LLVM's rules. Nothing is compiled.
    ///
    /// # Errors
    /// What is wrong with the first that doesn't.
    pub fn verify(&self, sources: impl IntoIterator<Item = Source>) -> Result<()> {
        compile::verify(sources.into_iter().collect())
    }

    /// Compiles modules that the cache doesn't have yet, and keeps them there: how
    /// many. Nothing is linked, nothing runs.
    ///
    /// # Errors
    /// What is wrong, in which module.
    pub fn warm(&self, sources: impl IntoIterator<Item = Source>) -> Result<usize> {
        let compiled = self.compile(sources)?;
        Ok(compiled.iter().filter(|c| !c.cached).count())
    }

    fn compile(&self, sources: impl IntoIterator<Item = Source>) -> Result<Vec<Compiled>> {
        let Options { level, cache, .. } = &self.options;
        let compiled = compile::compile(sources.into_iter().collect(), *level, cache.as_ref())?;
        let mut profiler = self.shared.profiler.lock();
        compiled.iter().for_each(|c| profiler.emit(c.event()));
        Ok(compiled)
    }

    /// Compiles modules and links them to one program. None is compiled before
    /// all are found valid; names are looked for among these modules, then in
    /// libraries, then, if the options say so, in the process. The functions in
    /// `llvm.global_ctors` are called, in the order of their priority.
    ///
    /// # Errors
    /// What is wrong, in which module. Nothing has run then.
    ///
    /// # Safety
    /// The modules are native code, which is about to run: they do nothing that
    /// has no meaning in LLVM's language, and their declarations are true.
    pub unsafe fn load(&self, sources: impl IntoIterator<Item = Source>) -> Result<Program> {
        let compiled = self.compile(sources)?;
        // SAFETY: as the caller says.
        unsafe { program::link(compiled, &self.options, &self.libraries, &self.shared) }
    }
}

impl Default for Executor {
    fn default() -> Executor {
        Executor::new(Options::default())
    }
}
