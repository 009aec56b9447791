//! [`ExecutionManager`]: named functions that are compiled and called, by the
//! backend that a host names, and nothing else of the VM to see.

use super::error::{Error, Result};
use super::function::Function;
use super::lua::{Lua, LuaOptions, StdLib};
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::value::Value;
use crate::engine;
use crate::jit::{Backend, JitMode, JitOptions, Wish};
use std::collections::BTreeMap;
use std::fmt;

/// What executes the functions of a manager.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExecutionBackend {
    /// The interpreter.
    Interpreter,
    /// All tiers, as far as there are any.
    #[default]
    Auto,
    /// Code of Cranelift's, made when a function becomes known; code of very hot
    /// functions is Cranelift's, too.
    Cranelift,
    /// Likewise; code of very hot functions is LLVM's.
    Llvm,
}

impl ExecutionBackend {
    /// All of them.
    pub const ALL: [ExecutionBackend; 4] = [
        ExecutionBackend::Interpreter,
        ExecutionBackend::Auto,
        ExecutionBackend::Cranelift,
        ExecutionBackend::Llvm,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ExecutionBackend::Interpreter => "interpreter",
            ExecutionBackend::Auto => "auto",
            ExecutionBackend::Cranelift => "cranelift",
            ExecutionBackend::Llvm => "llvm",
        }
    }

    /// The mode and backend of its VM.
    fn options(self) -> (JitMode, Backend) {
        match self {
            ExecutionBackend::Interpreter => (JitMode::Off, Backend::Auto),
            ExecutionBackend::Auto => (JitMode::Full, Backend::Auto),
            ExecutionBackend::Cranelift => (JitMode::Always, Backend::Cranelift),
            ExecutionBackend::Llvm => (JitMode::Always, Backend::Llvm),
        }
    }

    /// What is used where some are missing, and what is to be said of that.
    fn available(self) -> (ExecutionBackend, Option<String>) {
        let missing = match self {
            ExecutionBackend::Interpreter | ExecutionBackend::Auto => None,
            _ => self.options().1.missing(),
        };
        let instead = match self {
            _ if missing.is_none() => self,
            ExecutionBackend::Llvm if engine::baseline().is_none() => ExecutionBackend::Cranelift,
            _ => ExecutionBackend::Interpreter,
        };
        (instead, missing)
    }
}

impl fmt::Display for ExecutionBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Functions by name, compiled and called.
///
/// ```
/// use strata::{ExecutionBackend, ExecutionManager};
///
/// let mut manager = ExecutionManager::create(ExecutionBackend::Cranelift)?;
/// manager.compile("function double(x) return 2 * x end", "numbers")?;
/// assert!(manager.has_function("double"));
/// assert_eq!(manager.execute::<i64>("double", 21)?, 42);
/// # Ok::<(), strata::Error>(())
/// ```
#[derive(Debug)]
pub struct ExecutionManager {
    lua: Lua,
    backend: ExecutionBackend,
    missing: Option<String>,
    functions: BTreeMap<String, Function>,
}

impl ExecutionManager {
    /// A manager whose functions are executed by `backend`, or by what there is
    /// instead: see [`missing`](Self::missing). Its functions have the libraries
    /// that don't reach outside of the VM.
    ///
    /// # Errors
    /// As of [`Lua::new_with`].
    pub fn create(backend: ExecutionBackend) -> Result<ExecutionManager> {
        let (backend, missing) = backend.available();
        let (mode, code) = backend.options();
        let lua = Lua::new_with(LuaOptions {
            stdlib: StdLib::Safe,
            jit: JitOptions {
                mode,
                backend: code,
                ..JitOptions::default()
            },
            ..LuaOptions::default()
        })?;
        Ok(ExecutionManager {
            lua,
            backend,
            missing,
            functions: BTreeMap::new(),
        })
    }

    /// Compiles Lua source or bytecode and runs it: the global functions that it
    /// defines are known by their names from then on, which are returned. `name` is
    /// what messages call the source.
    ///
    /// # Errors
    /// The source is wrong, or fails; with a backend that compiles always: a
    /// function can't be compiled, and which.
    pub fn compile(&mut self, source: impl AsRef<[u8]>, name: &str) -> Result<Vec<String>> {
        let globals = self.lua.create_table()?;
        let fallback = self.lua.create_table()?;
        fallback.raw_set("__index", self.lua.globals())?;
        globals.set_metatable(Some(fallback))?;
        let chunk = self.lua.load(source).set_name(format!("={name}"));
        chunk.set_environment(globals.clone()).exec()?;
        let mut names = Vec::new();
        for pair in globals.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if let (Value::String(key), Value::Function(f)) = (key, value) {
                let name = key.to_string_lossy();
                self.functions.insert(name.clone(), f);
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether there is a function of this name.
    pub fn has_function(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// The function of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn function(&self, name: &str) -> Result<&Function> {
        self.functions.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.functions.keys().map(String::as_str).collect();
            let known = match known.len() {
                0 => "there are none".to_string(),
                _ => format!("there are {}", known.join(", ")),
            };
            Error::external(format!("no function is called '{name}'; {known}"))
        })
    }

    /// Calls a function.
    ///
    /// # Errors
    /// There is none of this name; what it raises; results of another type.
    pub fn execute<R: FromLuaMulti>(&self, name: &str, args: impl IntoLuaMulti) -> Result<R> {
        self.function(name)?.call(args)
    }

    /// Asks something of the compilers for one function.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn set_jit(&self, name: &str, wish: Option<Wish>) -> Result<()> {
        self.function(name)?.set_jit(wish, true)
    }

    /// The name of what executes the functions.
    pub fn backend_name(&self) -> &'static str {
        self.backend.name()
    }

    /// What is missing of the backend that was asked for, and how to get it; the one
    /// that [`backend_name`](Self::backend_name) names took its place.
    pub fn missing(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    /// The VM.
    pub fn lua(&self) -> &Lua {
        &self.lua
    }

    /// Forgets all functions and frees what they held, their code too.
    ///
    /// # Errors
    /// A finalizer reached a limit.
    pub fn clean_up(&mut self) -> Result<()> {
        self.functions.clear();
        self.lua.flush_jit();
        self.lua.gc_collect()
    }
}
