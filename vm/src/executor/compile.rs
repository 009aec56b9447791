//! Sources to objects, on a thread of LLVM's own. Nothing of LLVM leaves it.

use super::error::{Error, Result};
use super::signature::{self, Declared};
use super::{Level, Source, cached};
use crate::cache::{Cache, Key};
use crate::jit::TargetCpu;
use crate::tier2::llvm::startup::contained;
use crate::tier2::llvm::{Machine, Refusal};
use inkwell::module::Module;
use inkwell::targets::{ByteOrdering, TargetData};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strata_profiler::Event;

/// A module that was compiled.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub name: String,
    /// An object file.
    pub object: Box<[u8]>,
    pub functions: Vec<Declared>,
    pub times: Times,
    /// Its key in the cache, if there is one, and whether it was there.
    pub key: Option<Key>,
    pub cached: bool,
}

/// What compiling a module took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Times {
    /// Reading and verifying.
    pub read: Duration,
    /// Optimizing.
    pub optimize: Duration,
    /// Making machine code.
    pub codegen: Duration,
}

impl Times {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.read + self.optimize + self.codegen
    }
}

impl Compiled {
    /// It, as traces have it.
    pub(super) fn event(&self) -> Event {
        let micros = |time: Duration| time.as_nanos() as f64 / 1000.0;
        Event::Module {
            name: self.name.clone(),
            functions: self.functions.iter().filter(|f| f.defined).count() as u32,
            bytes: self.object.len() as u32,
            read: micros(self.times.read),
            llvm: micros(self.times.optimize),
            codegen: micros(self.times.codegen),
        }
    }
}

impl Level {
    /// The passes of LLVM that this level stands for.
    fn passes(self) -> &'static str {
        match self {
            Level::O0 => "default<O0>",
            Level::O1 => "default<O1>",
            Level::O2 => "default<O2>",
            Level::O3 => "default<O3>",
        }
    }
}

/// Compiles all of `sources` that the cache doesn't have, of which none is
/// optimized before all are found valid.
pub(super) fn compile(
    sources: Vec<Source>,
    level: Level,
    cache: Option<&Cache>,
) -> Result<Vec<Compiled>> {
    let Some(cache) = cache.filter(|cache| cache.is_enabled()) else {
        return on_llvm(sources, level, true);
    };
    let keys: Vec<Key> = sources.iter().map(|s| cached::key(s, level)).collect();
    let found: Vec<_> = keys.iter().map(|key| cached::find(cache, key)).collect();
    let missing = sources.into_iter().zip(&found);
    let missing: Vec<Source> = missing
        .filter(|(_, found)| found.is_none())
        .map(|(source, _)| source)
        .collect();
    let compiled = if missing.is_empty() {
        Vec::new()
    } else {
        on_llvm(missing, level, true)?
    };
    let mut compiled = compiled.into_iter();
    let all = found.into_iter().zip(keys).filter_map(|(found, key)| {
        found.or_else(|| {
            let mut compiled = compiled.next()?;
            compiled.key = Some(key);
            cached::keep(cache, key, &compiled);
            Some(compiled)
        })
    });
    Ok(all.collect())
}

/// Whether all of `sources` are valid.
pub(super) fn verify(sources: Vec<Source>) -> Result<()> {
    on_llvm(sources, Level::O0, false).map(|_| ())
}

fn on_llvm(sources: Vec<Source>, level: Level, all: bool) -> Result<Vec<Compiled>> {
    // What is being compiled, should it not come to an end.
    let current = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&current);
    let done = contained(move || {
        let enter = |source: &Source| source.name.clone_into(&mut told.lock());
        compile_here(&sources, level, all, enter)
    });
    done.unwrap_or_else(|message| {
        let module = current.lock().clone();
        let message = format!("LLVM gave up: {message}");
        Err(Error::Compile { module, message })
    })
}

fn compile_here(
    sources: &[Source],
    level: Level,
    all: bool,
    enter: impl Fn(&Source),
) -> Result<Vec<Compiled>> {
    let machine =
        Machine::new(false, level, TargetCpu::Native).map_err(|e| Error::Machine(e.to_string()))?;
    let context = machine.context();
    let mut modules = Vec::new();
    for source in sources {
        enter(source);
        let start = Instant::now();
        let module = machine
            .read(&context, &source.name, &source.bytes)
            .map_err(|e| match e {
                Refusal::Invalid(text) => Error::syntax(&source.name, &text),
                other => refused(&source.name, &other),
            })?;
        verified(&machine, source, &module)?;
        modules.push((module, start.elapsed()));
    }
    let mut compiled = Vec::new();
    if !all {
        return Ok(compiled);
    }
    for (source, (module, read)) in sources.iter().zip(modules) {
        enter(source);
        let functions = signature::functions(&module);
        let optimize = machine
            .optimize(&module, level.passes())
            .map_err(|e| refused(&source.name, &e))?;
        let object = machine
            .emit(&module)
            .map_err(|e| refused(&source.name, &e))?;
        compiled.push(Compiled {
            name: source.name.clone(),
            object: object.bytes,
            functions,
            times: Times {
                read,
                optimize,
                codegen: object.codegen,
            },
            key: None,
            cached: false,
        });
    }
    Ok(compiled)
}

/// Takes a module over for this machine, if it keeps LLVM's rules.
fn verified(machine: &Machine, source: &Source, module: &Module<'_>) -> Result<()> {
    let here = machine.triple();
    let triple = module.get_triple();
    let triple = triple.as_str().to_string_lossy();
    let layout = module
        .get_data_layout()
        .as_str()
        .to_string_lossy()
        .into_owned();
    let wanted = if !triple.is_empty() && !same_system(&triple, &here) {
        triple.into_owned()
    } else if !layout.is_empty() && !same_basics(&layout, &machine.data_layout()) {
        format!("a machine of other pointers or byte order ({layout})")
    } else {
        machine.adopt(module);
        return machine.verify(module).map_err(|e| {
            let message = match e {
                Refusal::Invalid(message) => message.trim_end().into(),
                other => other.to_string(),
            };
            let module = source.name.clone();
            Error::Invalid { module, message }
        });
    };
    Err(Error::Target {
        module: source.name.clone(),
        wanted,
        here,
    })
}

fn refused(module: &str, why: &Refusal) -> Error {
    Error::Compile {
        module: module.into(),
        message: why.to_string(),
    }
}

/// Whether processor and system of two triples are the same, as far as both say.
fn same_system(a: &str, b: &str) -> bool {
    let processor = |triple: &str| match triple.split('-').next() {
        Some("amd64" | "x86-64") => "x86_64".to_string(),
        Some("arm64") => "aarch64".into(),
        first => first.unwrap_or_default().to_string(),
    };
    let system = |triple: &str| {
        const KNOWN: [&str; 9] = [
            "linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "ios", "wasi",
        ];
        let mut parts = triple.split('-').skip(1);
        parts.find_map(|part| KNOWN.iter().find(|known| part.starts_with(**known)))
    };
    processor(a) == processor(b)
        && match (system(a), system(b)) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        }
}

/// Whether two data layouts have pointers of the same size and the same byte order.
fn same_basics(a: &str, b: &str) -> bool {
    let basics = |layout: &str| {
        let data = TargetData::create(layout);
        let little = data.get_byte_ordering() == ByteOrdering::LittleEndian;
        (data.get_pointer_byte_size(None), little)
    };
    basics(a) == basics(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_are_compared_by_what_matters() {
        let here = "x86_64-pc-linux-gnu";
        for same in [
            "x86_64-unknown-linux-gnu",
            "x86_64",
            "amd64-linux",
            "x86_64-unknown-none",
        ] {
            assert!(same_system(same, here), "{same}");
        }
        for other in [
            "aarch64-unknown-linux-gnu",
            "x86_64-apple-darwin23",
            "i686-pc-linux-gnu",
        ] {
            assert!(!same_system(other, here), "{other}");
        }
    }
}
