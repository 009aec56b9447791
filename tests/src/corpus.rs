//! The programs under `golden/`: small, each about one construct of the
//! language. They are the inputs of the golden test, of the mutations and of
//! the stress modes.

use std::path::{Path, PathBuf};
use strata_spec::Module;

/// A program of the corpus.
#[derive(Clone, Debug)]
pub struct Program {
    /// File name without extension.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub source: Vec<u8>,
}

impl Program {
    /// Compiles it, under its file name.
    ///
    /// # Panics
    /// It does not compile.
    pub fn module(&self) -> Module {
        let chunk = format!("@{}.lua", self.name);
        strata_lua::compile(&self.source, chunk.as_bytes())
            .unwrap_or_else(|e| panic!("{}: {}", self.name, String::from_utf8_lossy(&e.message)))
    }
}

/// The folder of the programs.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// All programs, by name.
///
/// # Panics
/// The folder can't be read.
pub fn programs() -> Vec<Program> {
    let mut found: Vec<Program> = std::fs::read_dir(folder())
        .expect("the folder of golden programs")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "lua"))
        .map(|path| Program {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            source: std::fs::read(&path).expect("a readable program"),
            path,
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
