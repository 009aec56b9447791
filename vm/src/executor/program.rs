//! Objects to programs: linking, what happens at the beginning and the end, and
//! where names are.

use super::call::Function;
use super::compile::{Compiled, Times};
use super::error::{Error, Missing, Result};
use super::exits::{self, Exits, Registrars};
use super::host::resume_panic;
use super::library::{Library, in_process};
use super::signature::{Callable, Declared};
use super::threads::{self, Block};
use super::value::{Extension, Parameter, Signature, Value};
use super::{Options, Shared};
use crate::cache::Placed;
use crate::jit::CodeRange;
use crate::jit::debugger::Registered;
use crate::tier2::llvm::{LinkError, LinkedProgram, Surroundings, libcalls, link_program};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A function in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeInfo {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: usize,
    /// Its bytes.
    pub size: usize,
}

/// A module of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModuleInfo {
    /// The name of its source.
    pub name: String,
    /// Bytes of the object file that it was compiled to.
    pub object_size: usize,
    /// What compiling it took.
    pub times: Times,
    /// The compile cache had it: nothing was compiled.
    pub cached: bool,
}

/// What a function is, for whoever calls it.
#[derive(Debug)]
struct Entry {
    address: usize,
    callable: Callable,
}

/// Some modules, compiled and linked. Clones are the same program; when the last
/// is dropped, and no other program has it as a library, what it wanted called at
/// its end is called, and its memory is freed.
#[derive(Clone, Debug)]
pub struct Program(Arc<Loaded>);

/// In the order in which it is dropped.
#[derive(Debug)]
struct Loaded {
    modules: Vec<ModuleInfo>,
    code: Vec<CodeInfo>,
    functions: BTreeMap<String, Entry>,
    /// Functions that only their module sees.
    internal: Vec<String>,
    exports: HashMap<Box<str>, usize>,
    link_time: Duration,
    /// Off the debuggers' list before the code goes.
    debuggers: Mutex<Vec<Registered>>,
    range: Mutex<Option<CodeRange>>,
    _registrars: Registrars,
    exits: Box<Exits>,
    _block: Box<Block>,
    _libraries: Vec<Library>,
    /// It is known to the cache as long as it is there.
    _placed: Vec<Placed>,
    shared: Arc<Shared>,
}

/// Links what was compiled, and calls what is to be called at the beginning.
///
/// # Safety
/// As for [`Executor::load`](super::Executor::load).
pub(super) unsafe fn link(
    compiled: Vec<Compiled>,
    options: &Options,
    libraries: &[Library],
    shared: &Arc<Shared>,
) -> Result<Program> {
    let start = Instant::now();
    check_host(&compiled, libraries)?;
    let (exits, block) = (Box::new(Exits::default()), Box::new(Block::new()));
    let registrars = Registrars::default();
    let find = |name: &str| {
        let found = libraries.iter().rev().find_map(|l| l.find(name));
        let found = found.map(|found| found.address);
        found
            .or_else(|| (name == "__tls_get_addr").then_some(threads::find as *const () as usize))
            // SAFETY: both become parts of the program, in this order.
            .or_else(|| unsafe { registrars.find(name, &raw const *exits) })
            .or_else(|| libcalls::find(name))
            .or_else(|| options.process.then(|| in_process(name))?)
    };
    let objects: Vec<&[u8]> = compiled.iter().map(|c| &*c.object).collect();
    let surroundings = Surroundings {
        find: &find,
        writable: true,
        thread_word: block.word(),
    };
    let linked =
        link_program(&objects, &shared.space, &surroundings).map_err(|e| explain(e, &compiled))?;
    let LinkedProgram {
        range,
        functions: code,
        exports,
        at_begin,
        at_end,
        thread,
        for_debuggers,
    } = linked;
    block.set(thread);
    exits.set_destructors(at_end);
    if let Some(perf) = &mut *shared.perf.lock() {
        for f in &code {
            perf.map(&format!("llvm:{}", f.name), (f.address, f.size));
        }
    }
    let registered = for_debuggers.into_iter().map(Registered::new);
    let (functions, internal) = index(&compiled, &exports);
    let keys = compiled.iter().filter_map(|c| c.key);
    let placed = options.cache.as_ref().map(|cache| {
        let start = range.start();
        keys.map(|key| cache.place(key, start)).collect()
    });
    let loaded = Loaded {
        modules: compiled
            .into_iter()
            .map(|c| ModuleInfo {
                name: c.name,
                object_size: c.object.len(),
                times: c.times,
                cached: c.cached,
            })
            .collect(),
        code: code
            .into_iter()
            .map(|f| CodeInfo {
                name: f.name.into(),
                address: f.address,
                size: f.size,
            })
            .collect(),
        functions,
        internal,
        exports,
        link_time: start.elapsed(),
        debuggers: Mutex::new(if options.debuggers {
            registered.collect()
        } else {
            Vec::new()
        }),
        range: Mutex::new(Some(range)),
        _registrars: registrars,
        exits,
        _block: block,
        _libraries: libraries.to_vec(),
        _placed: placed.unwrap_or_default(),
        shared: Arc::clone(shared),
    };
    let program = Program(Arc::new(loaded));
    for function in at_begin {
        // SAFETY: the linker found it in the list of such functions, and the
        // caller says that the program may run.
        unsafe { exits::call(function) };
        resume_panic();
    }
    Ok(program)
}

/// Whether host functions are what the modules that use them declare.
fn check_host(compiled: &[Compiled], libraries: &[Library]) -> Result<()> {
    let functions = || compiled.iter().flat_map(|c| c.functions.iter());
    for module in compiled {
        for function in &module.functions {
            let defined = |other: &Declared| other.defined && other.name == function.name;
            let Ok(declared) = &function.callable else {
                continue;
            };
            if function.defined || functions().any(|f| defined(f) && !f.internal) {
                continue;
            }
            let mut found = libraries.iter().rev();
            let Some(found) = found.find_map(|l| l.find(&function.name)) else {
                continue;
            };
            let Some((registered, widened)) = found.signature else {
                continue;
            };
            if !fits(declared, registered, widened) {
                return Err(Error::HostSignature {
                    name: function.name.clone(),
                    module: module.name.clone(),
                    declared: Box::new(declared.clone()),
                    registered: Box::new(registered.clone()),
                });
            }
        }
    }
    Ok(())
}

/// Whether what was registered can be called as declared: results have to come
/// widened if that is declared, arguments, `widened`, if that is registered.
fn fits(declared: &Signature, registered: &Signature, widened: bool) -> bool {
    let wide = |asks: &Parameter, has: &Parameter| {
        asks.extension == Extension::None || asks.extension == has.extension
    };
    let mut params = registered.params.iter().zip(&declared.params);
    declared.same_types(registered)
        && wide(&declared.result, &registered.result)
        && (!widened || params.all(|(asks, has)| wide(asks, has)))
}

/// The linker's error, in terms of sources.
fn explain(error: LinkError, compiled: &[Compiled]) -> Error {
    let module = |n: usize| compiled.get(n).map_or(String::new(), |c| c.name.clone());
    match error {
        LinkError::UnknownSymbols(symbols) => {
            let missing = symbols.into_iter().map(|(name, n)| Missing {
                name,
                module: module(n),
            });
            Error::Unresolved(missing.collect())
        }
        LinkError::Duplicate {
            name,
            first,
            second,
        } => Error::Duplicate {
            name,
            first: module(first),
            second: module(second),
        },
        LinkError::TooFar(_) => Error::Link(format!("{error}; declare it without dso_local")),
        other => Error::Link(other.to_string()),
    }
}

/// The functions that can be asked for, and the names of those that can't.
fn index(
    compiled: &[Compiled],
    exports: &HashMap<Box<str>, usize>,
) -> (BTreeMap<String, Entry>, Vec<String>) {
    let (mut functions, mut internal) = (BTreeMap::new(), Vec::new());
    let all = compiled.iter().flat_map(|c| &c.functions);
    for function in all.filter(|f| f.defined) {
        let Declared { name, callable, .. } = function;
        if function.internal {
            internal.push(name.clone());
        } else if let Some(&address) = exports.get(&**name) {
            let callable = callable.clone();
            // Of several weak ones the first counts.
            let entry = Entry { address, callable };
            functions.entry(name.clone()).or_insert(entry);
        }
    }
    (functions, internal)
}

impl Program {
    /// The address of a function or variable that its module exports.
    pub fn address(&self, name: &str) -> Option<*mut c_void> {
        let address = *self.0.exports.get(name)?;
        Some(address as *mut c_void)
    }

    /// Whether there is a function of this name.
    pub fn has_function(&self, name: &str) -> bool {
        self.0.functions.contains_key(name)
    }

    /// The names of all functions that are exported, in alphabetical order.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.0.functions.keys().map(String::as_str)
    }

    /// A function, to be called.
    ///
    /// # Errors
    /// There is none of this name, or its signature isn't one of scalars.
    pub fn function(&self, name: &str) -> Result<Function<'_>> {
        match self.0.functions.get_key_value(name) {
            Some((name, entry)) => match &entry.callable {
                Ok(signature) => Ok(Function::new(name, signature, entry.address)),
                Err(why) => Err(Error::NotCallable {
                    name: name.clone(),
                    why: why.clone(),
                }),
            },
            None => Err(Error::NoFunction {
                name: name.into(),
                internal: self.0.internal.iter().any(|n| n == name),
            }),
        }
    }

    /// Calls a function.
    ///
    /// # Errors
    /// There is no such function, or the arguments don't fit. Nothing has run then.
    ///
    /// # Panics
    /// As a closure of the host panicked that it called.
    ///
    /// # Safety
    /// As for [`Function::call`].
    pub unsafe fn call(&self, name: &str, args: &[Value]) -> Result<Value> {
        // SAFETY: as the caller says.
        unsafe { self.function(name)?.call(args) }
    }

    /// Calls what the program registered with `atexit`, as at the end of a process.
    ///
    /// # Safety
    /// As for [`Function::call`].
    pub(super) unsafe fn run_exits(&self) {
        // SAFETY: as the caller says.
        unsafe { self.0.exits.run(false) };
    }

    /// Its modules, and what compiling them took.
    pub fn modules(&self) -> &[ModuleInfo] {
        &self.0.modules
    }

    /// What linking it took.
    pub fn link_time(&self) -> Duration {
        self.0.link_time
    }

    /// All functions in its memory, those that only their module sees too.
    pub fn code(&self) -> &[CodeInfo] {
        &self.0.code
    }

    /// Bytes of code and data that it has.
    pub fn memory(&self) -> usize {
        self.0.range.lock().as_ref().map_or(0, CodeRange::size)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: whoever loaded the program allowed it to run.
        unsafe { self.exits.run(true) };
        self.debuggers.lock().clear();
        drop(self.range.lock().take());
        self.shared.space.reclaim();
    }
}
