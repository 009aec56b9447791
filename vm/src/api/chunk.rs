//! [`Chunk`]: source text or bytecode on its way to being run.
//!
//! Bytecode starts with an escape byte and is always verified before it
//! becomes a function; whether scripts themselves may load bytecode is
//! another matter ([`LuaOptions::allow_bytecode`](super::LuaOptions)).

use super::convert::FromLua;
use super::error::{Error, Result};
use super::function::Function;
use super::lua::Lua;
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::table::Table;
use crate::engine;
use std::sync::Arc;
use strata_runtime::Value as Raw;
use strata_runtime::limits::Allowance;
use strata_runtime::load::{load_module, main_closure};
use strata_spec::{LoadError, Module};

/// What a chunk may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChunkMode {
    /// Source text.
    Text,
    /// Bytecode.
    Binary,
}

/// Code to run. Nothing is compiled before one of the methods that need it.
#[derive(Clone, Debug)]
#[must_use = "a chunk does nothing until it is executed"]
pub struct Chunk {
    lua: Lua,
    source: Vec<u8>,
    name: Option<Vec<u8>>,
    environment: Option<Table>,
    mode: Option<ChunkMode>,
}

impl Chunk {
    pub(crate) fn new(lua: Lua, source: Vec<u8>) -> Chunk {
        Chunk {
            lua,
            source,
            name: None,
            environment: None,
            mode: None,
        }
    }

    /// Names the chunk for messages: `@file.lua` is a file, `=name` a name as
    /// it is, anything else the source text itself, of which messages show
    /// the beginning. Without a name it is the source text.
    pub fn set_name(mut self, name: impl AsRef<[u8]>) -> Chunk {
        self.name = Some(name.as_ref().to_vec());
        self
    }

    /// Gives the chunk its own table of globals (`_ENV`).
    pub fn set_environment(mut self, environment: Table) -> Chunk {
        self.environment = Some(environment);
        self
    }

    /// Accepts only text or only bytecode.
    pub fn set_mode(mut self, mode: ChunkMode) -> Chunk {
        self.mode = Some(mode);
        self
    }

    /// Whether it is text or bytecode.
    pub fn mode(&self) -> ChunkMode {
        if strata_spec::is_bytecode(&self.source) {
            ChunkMode::Binary
        } else {
            ChunkMode::Text
        }
    }

    /// Runs the chunk.
    ///
    /// # Errors
    /// It does not compile; as for [`Function::call`].
    pub fn exec(self) -> Result<()> {
        self.call(())
    }

    /// Runs the chunk, or, if it is an expression, `return` before it, and
    /// gives what it returns.
    ///
    /// # Errors
    /// It does not compile; as for [`Function::call`].
    pub fn eval<R: FromLuaMulti>(self) -> Result<R> {
        self.into_expression()?.call(())
    }

    /// Runs the chunk with these values of `...`.
    ///
    /// # Errors
    /// It does not compile; as for [`Function::call`].
    pub fn call<R: FromLuaMulti>(self, args: impl IntoLuaMulti) -> Result<R> {
        self.into_function()?.call(args)
    }

    /// The chunk as a function.
    ///
    /// # Errors
    /// It does not compile, or is not valid bytecode; the VM's memory limit.
    pub fn into_function(self) -> Result<Function> {
        let module = self.compile(&self.source)?;
        self.load(module)
    }

    /// The bytecode of the chunk, to be saved and loaded again.
    ///
    /// # Errors
    /// It does not compile, or is not valid bytecode.
    pub fn to_bytecode(&self) -> Result<Vec<u8>> {
        Ok(strata_spec::write(&self.compile(&self.source)?))
    }

    fn into_expression(self) -> Result<Function> {
        if self.mode() == ChunkMode::Text && self.mode != Some(ChunkMode::Binary) {
            let expression = [b"return ", &self.source[..]].concat();
            match self.compile(&expression) {
                Ok(module) => return self.load(module),
                Err(Error::Syntax { .. }) => {}
                Err(limit) => return Err(limit),
            }
        }
        self.into_function()
    }

    fn compile(&self, source: &[u8]) -> Result<Module> {
        let kind = self.mode();
        if self.mode.is_some_and(|allowed| allowed != kind) {
            let kind = if kind == ChunkMode::Binary {
                "binary"
            } else {
                "text"
            };
            return Err(rejected(format!("attempt to load a {kind} chunk")));
        }
        let name = self.name.as_deref().unwrap_or(&self.source);
        if kind == ChunkMode::Binary {
            return self.lua.enter(|cx| {
                let mut allowance = Allowance::new(cx.vm());
                match strata_spec::load_within(source, &mut allowance) {
                    Ok(module) => Ok(module),
                    Err(LoadError::Stopped(_)) => {
                        let stopped = allowance.into_error();
                        Err(cx.fail(stopped))
                    }
                    Err(e) => {
                        let name = self.name.as_deref().unwrap_or(b"=bytecode");
                        let name = strata_spec::chunk_id(name);
                        Err(rejected(format!(
                            "{}: bad binary format ({e})",
                            String::from_utf8_lossy(&name)
                        )))
                    }
                }
            });
        }
        self.lua
            .enter(|cx| match engine::compile_text(cx.vm(), source, name) {
                Ok(Ok(module)) => Ok(module),
                Ok(Err(e)) => Err(Error::Syntax {
                    message: String::from_utf8_lossy(&e.message).into_owned(),
                    incomplete_input: e.is_incomplete(),
                }),
                Err(e) => Err(cx.fail(e)),
            })
    }

    fn load(&self, module: Module) -> Result<Function> {
        self.lua.enter(|cx| {
            let env = match &self.environment {
                Some(t) => Some(cx.raw_of(&t.0)?),
                None => None,
            };
            match load_module(cx.vm(), Arc::new(module)) {
                Ok(proto) => {
                    let f = Raw::closure(main_closure(cx.vm(), proto, env));
                    Function::from_raw(f, cx)
                }
                Err(e) => Err(cx.fail(e)),
            }
        })
    }
}

fn rejected(message: String) -> Error {
    Error::Syntax {
        message,
        incomplete_input: false,
    }
}
