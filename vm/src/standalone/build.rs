//! Making a standalone program.

use super::{Head, Index, MARK_FRONT, Mark, Span, elf, mark};
use crate::cache::{Cache, Key, Kind, Metadata};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use strata_spec::Module;

/// Why there is no program.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is to run the program is no `vm` that could.
    #[error("{}: {what}", path.display())]
    Runtime {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: &'static str,
    },
    /// Two modules have one name.
    #[error("two modules are named '{0}'")]
    Twice(String),
}

/// The `vm` that runs a program: what its file has.
#[derive(Debug)]
pub struct Runtime {
    bytes: Vec<u8>,
    /// Where its mark is.
    mark: usize,
}

impl Runtime {
    /// Reads one; `whole`: with its symbols and debug data.
    ///
    /// # Errors
    /// The file can't be read, or is none.
    pub fn read(path: &Path, whole: bool) -> Result<Runtime, BuildError> {
        let wrong = |what| BuildError::Runtime {
            path: path.into(),
            what,
        };
        let mut bytes = fs::read(path).map_err(failed(path))?;
        let magic = mark().magic;
        let mut places = memchr::memmem::find_iter(&bytes, &magic);
        let (first, second) = (places.next(), places.next());
        drop(places);
        let at = match (first, second) {
            (Some(at), None) if at + size_of::<Mark>() <= bytes.len() => at,
            (None, _) => return Err(wrong("it is no vm that can run standalone programs")),
            _ => return Err(wrong("it is a standalone program, or no vm")),
        };
        if bytes[at + MARK_FRONT..][..16] != [0; 16] {
            return Err(wrong(
                "it is a standalone program: name the vm it was made with",
            ));
        }
        if !whole {
            elf::strip(&mut bytes);
            if bytes.len() < at + size_of::<Mark>() {
                return Err(wrong("its mark is in none of its segments"));
            }
        }
        Ok(Runtime { bytes, mark: at })
    }

    /// Whether it is a copy of this program: then it has use for the same code.
    pub fn is_this_build(&self) -> bool {
        self.bytes[self.mark + 16..][..16] == mark().build
    }

    /// Its bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// What a standalone program is made of.
#[derive(Debug, Default)]
pub struct Builder {
    settings: Vec<u8>,
    modules: Vec<(Vec<u8>, Vec<u8>)>,
    entries: Vec<((u8, Key), Vec<u8>)>,
}

/// What was built.
#[derive(Clone, Copy, Debug, Default)]
pub struct Built {
    /// Bytes of the file.
    pub size: usize,
    /// Bytes of bytecode in it.
    pub bytecode: usize,
    /// Functions, or loops of them, whose code is in it, and bytes that takes.
    pub code: (usize, usize),
    /// Functions, or loops of them, whose profile is in it.
    pub profiles: usize,
}

impl Builder {
    /// A program that consists of this module.
    pub fn new(main: &Module) -> Builder {
        Builder {
            modules: vec![(Vec::new(), strata_spec::write(main))],
            ..Builder::default()
        }
    }

    /// What is to be known when it runs: [`Program::settings`](super::Program::settings).
    pub fn set_settings(&mut self, settings: Vec<u8>) {
        self.settings = settings;
    }

    /// Adds what `require(name)` is to find.
    ///
    /// # Errors
    /// There is one of this name.
    pub fn add(&mut self, name: &[u8], module: &Module) -> Result<(), BuildError> {
        if self.modules.iter().skip(1).any(|(known, _)| known == name) {
            return Err(BuildError::Twice(String::from_utf8_lossy(name).into()));
        }
        self.modules.push((name.into(), strata_spec::write(module)));
        Ok(())
    }

    /// Adds what a cache has of the program's modules, code and profiles.
    ///
    /// # Errors
    /// It can't be read.
    pub fn add_code(&mut self, cache: &Cache) -> io::Result<()> {
        let modules = self.modules.iter().map(|(_, bytes)| Key::of(bytes));
        let modules: Vec<Key> = modules.collect();
        let ours = |m: &Metadata| m.module.is_some_and(|module| modules.contains(&module));
        for (kind, key, bytes) in cache.files(&ours)? {
            let which = (kind as u8, key);
            match self.entries.binary_search_by_key(&which, |e| e.0) {
                Ok(n) => self.entries[n].1 = bytes,
                Err(n) => self.entries.insert(n, (which, bytes)),
            }
        }
        Ok(())
    }

    /// Writes the program, which `runtime` is to run. The file appears complete, or not
    /// at all.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, runtime: &Runtime, to: &Path) -> Result<Built, BuildError> {
        let payload = self.payload();
        let mut bytes = runtime.bytes.clone();
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        let at = bytes.len() as u64;
        let place = &mut bytes[runtime.mark + MARK_FRONT..][..16];
        place[..8].copy_from_slice(&at.to_le_bytes());
        place[8..].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&payload);
        write_program(to, &bytes).map_err(failed(to))?;
        let of = |kind: Kind| self.entries.iter().filter(move |e| e.0.0 == kind as u8);
        Ok(Built {
            size: bytes.len(),
            bytecode: self.modules.iter().map(|m| m.1.len()).sum(),
            code: (
                of(Kind::Code).count(),
                of(Kind::Code).map(|e| e.1.len()).sum(),
            ),
            profiles: of(Kind::Profile).count(),
        })
    }

    fn payload(&self) -> Vec<u8> {
        let mut blobs = Vec::new();
        let mut place = |bytes: &[u8]| {
            let at = blobs.len() as u64;
            blobs.extend_from_slice(bytes);
            Span {
                at,
                length: bytes.len() as u64,
            }
        };
        let modules = self.modules.iter();
        let modules = modules.map(|(name, bytes)| (name.clone(), place(bytes)));
        let modules = modules.collect();
        let entries = self.entries.iter();
        let entries = entries.map(|(which, bytes)| (*which, place(bytes)));
        let index = Index {
            settings: self.settings.clone(),
            modules,
            entries: entries.collect(),
        };
        // Writing to memory can't fail.
        let index = postcard::to_stdvec(&index).unwrap_or_default();
        let head = Head {
            index: index.len() as u64,
            hash: blake3::hash(&index).into(),
        };
        [&head.bytes()[..], &index, &blobs].concat()
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BuildError {
    let path = path.to_path_buf();
    move |source| BuildError::Io {
        path: path.clone(),
        source,
    }
}

/// Writes an executable file in place of what is there: a program that runs keeps the
/// old one.
fn write_program(to: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = to.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    if to.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut beside = name.to_os_string();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = to.with_file_name(beside);
    let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, to));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o777);
    let mut file = options.open(path)?;
    file.write_all(bytes)
}
