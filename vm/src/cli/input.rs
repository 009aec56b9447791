//! Files to modules, and modules to files.
//!
//! A file's kind is told by its first byte, not by its name. What comes out
//! is verified, whether it was read or compiled here.

use super::{Outcome, Problem, report};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use strata::lua::SyntaxError;
use strata::runtime::os;
use strata::spec::{self, LoadError, Module};

/// What to do about bytecode that is refused.
const REFUSED_HELP: &str =
    "help: the file is damaged, or a faulty tool wrote it; compile the source again";

/// The contents of a file.
pub(crate) struct Input {
    /// Its name in messages.
    pub(crate) name: String,
    /// Its chunk name, as Lua has it.
    pub(crate) chunk: Vec<u8>,
    /// What it holds.
    pub(crate) bytes: Vec<u8>,
}

impl Input {
    /// Reads a file, or standard input if the path is `-`.
    pub(crate) fn read(path: &Path) -> Outcome<Input> {
        if is_standard(path) {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map_err(|e| {
                Problem::input(format!("cannot read standard input: {}", reason(&e)))
            })?;
            return Ok(Input {
                name: "stdin".into(),
                chunk: b"=stdin".to_vec(),
                bytes,
            });
        }
        let name = path.display().to_string();
        let bytes = spec::read_file(path)
            .map_err(|e| Problem::input(format!("cannot open {name}: {}", reason(&e))))?;
        let chunk = [b"@", os::bytes(path.as_os_str()).as_slice()].concat();
        Ok(Input { name, chunk, bytes })
    }

    /// Whether it is bytecode, not text.
    pub(crate) fn is_bytecode(&self) -> bool {
        spec::is_bytecode(&self.bytes)
    }

    /// The verified module that it is or compiles to.
    pub(crate) fn module(&self) -> Outcome<Module> {
        if self.is_bytecode() {
            self.load()
        } else {
            self.compile()
        }
    }

    /// Compiles source text.
    pub(crate) fn compile(&self) -> Outcome<Module> {
        let module = strata::lua::compile_file(&self.bytes, &self.chunk)
            .map_err(|e| Problem::input(syntax_message(&e, &self.bytes)))?;
        spec::verify(&module).map_err(|e| {
            Problem::input(format!(
                "{}: the compiler made unsafe bytecode, please report this: {e}",
                self.name
            ))
        })?;
        Ok(module)
    }

    /// Reads and verifies bytecode.
    fn load(&self) -> Outcome<Module> {
        spec::load(&self.bytes).map_err(|e| {
            let help = match &e {
                // It says what to do itself.
                LoadError::Read(_) | LoadError::Io(_) | LoadError::Stopped(_) => String::new(),
                LoadError::Verify(_) => format!("\n{REFUSED_HELP}"),
            };
            Problem::input(format!("{}: {e}{help}", self.name))
        })
    }
}

/// A syntax error's message with the line it is about.
pub(crate) fn syntax_message(error: &SyntaxError, source: &[u8]) -> Vec<u8> {
    let snippet = report::snippet(source, error.offset, error.len, error.line);
    [&error.message, b"\n".as_slice(), snippet.as_bytes()].concat()
}

/// Whether a path stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// An error of the system without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    String::from_utf8_lossy(&os::error_text(error).0).into_owned()
}

/// Where to write what is made from `input`: `output`, or `input` with the
/// extension `.bc`.
pub(crate) fn bytecode_path(input: &Path, output: Option<&Path>) -> Outcome<PathBuf> {
    if let Some(output) = output {
        return Ok(output.to_path_buf());
    }
    if is_standard(input) {
        return Err(Problem::input(
            "standard input has no name to derive one from: say where to write with -o OUT.bc",
        ));
    }
    let derived = input.with_extension("bc");
    if derived == input {
        return Err(Problem::input(format!(
            "{} would be overwritten: say where to write with -o OUT.bc",
            input.display()
        )));
    }
    Ok(derived)
}

/// Writes a file, or standard output if the path is `-`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Outcome<()> {
    if is_standard(path) {
        return super::put(bytes);
    }
    std::fs::write(path, bytes)
        .map_err(|e| Problem::input(format!("cannot write {}: {}", path.display(), reason(&e))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_names() {
        let name = |input: &str, output: Option<&str>| {
            bytecode_path(Path::new(input), output.map(Path::new)).map_err(|p| p.status)
        };
        assert_eq!(name("d/x.lua", None), Ok("d/x.bc".into()));
        assert_eq!(name("x", None), Ok("x.bc".into()));
        assert_eq!(name("x.lua", Some("-")), Ok("-".into()));
        assert_eq!(name("x.bc", None), Err(super::super::BAD_INPUT));
        assert_eq!(name("-", None), Err(super::super::BAD_INPUT));
    }
}
