//! A standalone program as it runs: its modules, and its code.

use super::{Head, Index, Span, mark};
use crate::api::Lua;
use crate::cache::{Cache, Config, Key, Kind, Source};
use crate::interp;
use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use strata_runtime::error::Result as VmResult;
use strata_runtime::limits::Allowance;
use strata_runtime::native::{Cx, Ret, cont};
use strata_runtime::stdlib::package;
use strata_runtime::value::Value;
use strata_runtime::{Vm, load};
use strata_spec::LoadError;

/// Why a standalone program can't run.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// Its file can't be read.
    #[error("{}: cannot read the program: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It isn't what was written.
    #[error("{}: the program is damaged ({what}): copy it or build it again", path.display())]
    Payload {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

/// The program that this process is.
#[derive(Debug)]
pub struct Program {
    file: Mutex<File>,
    path: PathBuf,
    /// Where the modules and entries begin in the file, and their bytes.
    blobs: Span,
    index: Index,
}

impl Program {
    /// The program that this process is; `None`: it is a `vm`.
    ///
    /// # Errors
    /// It is damaged, or can't be read.
    pub fn of_this_process() -> Result<Option<Program>, Damaged> {
        let mark = mark();
        let place = Span {
            at: u64::from_le_bytes(mark.at),
            length: u64::from_le_bytes(mark.length),
        };
        if place.at == 0 {
            return Ok(None);
        }
        let path = own_path();
        let file = File::open(&path);
        let read = file.and_then(|mut file| {
            let length = file.metadata()?.len();
            Ok(read(&mut file, length, place)?.map(|(index, blobs)| (file, index, blobs)))
        });
        match read {
            Ok(Ok((file, index, blobs))) => Ok(Some(Program {
                file: Mutex::new(file),
                path,
                blobs,
                index,
            })),
            Ok(Err(what)) => Err(Damaged::Payload { path, what }),
            Err(source) => Err(Damaged::Io { path, source }),
        }
    }

    /// What whoever built it wanted to be known now.
    pub fn settings(&self) -> &[u8] {
        &self.index.settings
    }

    /// The bytecode of the main module, not verified.
    ///
    /// # Errors
    /// It can't be read.
    pub fn main(&self) -> Result<Vec<u8>, Damaged> {
        let Some(&(_, span)) = self.index.modules.first() else {
            return Err(Damaged::Payload {
                path: self.path.clone(),
                what: "it has no modules",
            });
        };
        self.read(span).map_err(|source| Damaged::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// A compile cache that finds the program's code and profiles, before those of
    /// the directory that `config` may name. Without directory it keeps nothing.
    ///
    /// # Errors
    /// The directory can't be used.
    pub fn cache(self: &Arc<Program>, config: Config) -> Result<Cache, crate::cache::OpenError> {
        Cache::with_source(config, self.clone())
    }

    /// Has `require` find the program's modules, in `package.preload`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn install(self: &Arc<Program>, vm: &mut Vm) -> VmResult<()> {
        for (name, _) in self.index.modules.iter().skip(1) {
            package::preload_as(vm, name, ("loader", open), &[])?;
        }
        interp::data(vm).program = Some(self.clone());
        Ok(())
    }

    /// The same for a VM of a host, or of an actor of the program.
    ///
    /// # Errors
    /// Out of memory.
    pub fn give(self: &Arc<Program>, lua: &Lua) -> crate::Result<()> {
        lua.enter(|cx| self.install(cx.vm()).map_err(|e| cx.fail(e)))
    }

    fn read(&self, span: Span) -> io::Result<Vec<u8>> {
        let at = self.blobs.at.saturating_add(span.at);
        let mut bytes = vec![0; usize::try_from(span.length).unwrap_or(0)];
        let mut file = self.file.lock();
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Where this process's file is.
fn own_path() -> PathBuf {
    let path = std::env::current_exe();
    // That needs `/proc`, which may be missing where there is little else.
    #[cfg(target_os = "linux")]
    let path = path.or_else(|_| {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::OsStr::from_bytes(rustix::param::linux_execfn().to_bytes());
        Ok::<_, io::Error>(path.into())
    });
    path.unwrap_or_default()
}

/// The index of the payload at `place`, and where what follows is; or what is wrong.
fn read(
    file: &mut File,
    length: u64,
    place: Span,
) -> io::Result<Result<(Index, Span), &'static str>> {
    const SHORT: &str = "its end is missing";
    if !place.is_within(length) {
        return Ok(Err(SHORT));
    }
    let Some(room) = place.length.checked_sub(Head::LENGTH as u64) else {
        return Ok(Err(SHORT));
    };
    let mut head = [0; Head::LENGTH];
    file.seek(SeekFrom::Start(place.at))?;
    file.read_exact(&mut head)?;
    let Some(head) = Head::read(&head).filter(|head| head.index <= room) else {
        return Ok(Err("its beginning is not what it was"));
    };
    let mut bytes = vec![0; usize::try_from(head.index).unwrap_or(0)];
    file.read_exact(&mut bytes)?;
    if *blake3::hash(&bytes).as_bytes() != head.hash {
        return Ok(Err("its index is not what it was"));
    }
    let Ok(index) = postcard::from_bytes::<Index>(&bytes) else {
        return Ok(Err("its index can't be read"));
    };
    let blobs = Span {
        at: place.at + Head::LENGTH as u64 + head.index,
        length: room - head.index,
    };
    let spans = index.modules.iter().map(|m| m.1);
    let mut spans = spans.chain(index.entries.iter().map(|e| e.1));
    if !spans.all(|span| span.is_within(blobs.length)) {
        return Ok(Err("its index says what can't be"));
    }
    Ok(Ok((index, blobs)))
}

impl Source for Program {
    fn read(&self, kind: Kind, key: &Key) -> io::Result<Option<Vec<u8>>> {
        let entries = &self.index.entries;
        match entries.binary_search_by_key(&(kind as u8, *key), |e| e.0) {
            Ok(n) => self.read(entries[n].1).map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// The loader of a module: calls it with what it was called with.
fn open(cx: &mut Cx<'_>) -> VmResult<Ret> {
    let name = cx.check_bytes(0)?;
    let args = [cx.arg(0), cx.arg(1)];
    let program = interp::data(cx.vm).program.clone();
    let modules = program.as_deref().map_or(&[][..], |p| &p.index.modules);
    let found = modules.iter().skip(1).find(|(known, _)| known == name);
    let (Some(program), Some(&(_, span))) = (&program, found) else {
        return Err(failed(cx, "it is not in the program"));
    };
    let bytes = match program.read(span) {
        Ok(bytes) => bytes,
        Err(e) => return Err(failed(cx, &e.to_string())),
    };
    let mut allowance = Allowance::new(cx.vm);
    let module = match strata_spec::load_within(&bytes, &mut allowance) {
        Ok(module) => module,
        Err(LoadError::Stopped(_)) => return Err(allowance.into_error()),
        Err(e) => {
            let path = program.path.display();
            let why = format!("{e}\n\t{path} is damaged: copy it or build it again");
            return Err(failed(cx, &why));
        }
    };
    let proto = load::load_module(cx.vm, Arc::new(module))?;
    let f = Value::closure(load::main_closure(cx.vm, proto, None));
    cx.push_call_then(f, &args, cont::PASS)
}

/// "error loading module …"
#[cold]
fn failed(cx: &mut Cx<'_>, why: &str) -> strata_runtime::Error {
    let name = cx.check_bytes(0).unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    cx.error(&format!("error loading module '{name}':\n\t{why}"))
}
