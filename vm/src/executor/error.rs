//! What can go wrong between IR and its execution.

use super::value::{Signature, Type};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A result of the executor.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A mistake in IR text, in LLVM's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxError {
    /// The name of the source.
    pub name: String,
    /// Its line, from 1 on; none in bitcode.
    pub line: Option<u32>,
    /// The column in that line, from 1 on.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A name that nothing defines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// The name.
    pub name: String,
    /// The source that uses it.
    pub module: String,
}

/// Why something could not be compiled, linked or called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It isn't LLVM IR.
    #[error("{0}")]
    Syntax(Box<SyntaxError>),
    /// It is read, but breaks LLVM's rules.
    #[error("{module}: invalid IR: {message}")]
    Invalid {
        /// The source.
        module: String,
        /// What LLVM's verifier found.
        message: String,
    },
    /// It was made for another kind of machine.
    #[error("{module} is for {wanted}, this machine is {here}")]
    Target {
        /// The source.
        module: String,
        /// What it is for.
        wanted: String,
        /// What there is.
        here: String,
    },
    /// LLVM doesn't know this machine.
    #[error("{0}")]
    Machine(String),
    /// LLVM makes no code of it.
    #[error("{module}: {message}")]
    Compile {
        /// The source.
        module: String,
        /// Why.
        message: String,
    },
    /// Names are used that nothing defines.
    #[error("{}", unresolved(.0))]
    Unresolved(Vec<Missing>),
    /// Two modules define the same name.
    #[error("'{name}' is defined by {first} and by {second}")]
    Duplicate {
        /// The name.
        name: String,
        /// A source.
        first: String,
        /// Another.
        second: String,
    },
    /// The code has something that can't be linked.
    #[error("cannot link: {0}")]
    Link(String),
    /// A shared object can't be opened.
    #[error("cannot open the library {}: {message}", path.display())]
    Library {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// A host function isn't what a module declares.
    #[error("{module} declares '{name}' as {declared}, the host has {registered}")]
    HostSignature {
        /// The function.
        name: String,
        /// The source.
        module: String,
        /// What it says.
        declared: Box<Signature>,
        /// What was registered.
        registered: Box<Signature>,
    },
    /// There is no function of this name.
    #[error("there is no function '{name}'{}", hint(*.internal))]
    NoFunction {
        /// The name.
        name: String,
        /// It is there, but seen by its module only.
        internal: bool,
    },
    /// Its signature isn't one of scalars.
    #[error("'{name}' can't be called: {why}")]
    NotCallable {
        /// The function.
        name: String,
        /// Why.
        why: String,
    },
    /// It takes another number of arguments.
    #[error("'{name}' takes {wanted} argument{}{}, not {given}", s(*.wanted), or_more(*.variadic))]
    ArgumentCount {
        /// The function.
        name: String,
        /// How many it takes.
        wanted: usize,
        /// Whether more are fine.
        variadic: bool,
        /// How many were given.
        given: usize,
    },
    /// An argument is of another type.
    #[error("argument {number} of '{name}' is {given}, the function takes {wanted}")]
    ArgumentType {
        /// The function.
        name: String,
        /// The argument, from 1 on.
        number: usize,
        /// The type it takes.
        wanted: Type,
        /// The type that was given.
        given: Type,
    },
    /// A function pointer of another type was asked for.
    #[error("'{name}' is {found}, not {wanted}")]
    Pointer {
        /// The function.
        name: String,
        /// Its signature.
        found: Box<Signature>,
        /// The one that was asked for.
        wanted: Box<Signature>,
    },
    /// There is no `main`.
    #[error("there is no function 'main'")]
    NoMain,
    /// `main` isn't one that systems call.
    #[error("'main' is {0}; it returns an integer or nothing, and takes at most (i32, ptr, ptr)")]
    MainSignature(Box<Signature>),
    /// An argument of `main` has a zero byte in it.
    #[error("argument {0} has a zero byte")]
    ZeroByte(usize),
}

fn unresolved(missing: &[Missing]) -> String {
    let each = missing
        .iter()
        .map(|m| format!("'{}' (used by {})", m.name, m.module));
    format!("nothing defines {}", each.collect::<Vec<_>>().join(", "))
}

fn hint(internal: bool) -> &'static str {
    if internal {
        ": it is internal to its module"
    } else {
        ""
    }
}

fn s(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn or_more(variadic: bool) -> &'static str {
    if variadic { " or more" } else { "" }
}

impl Error {
    /// LLVM's message about text or bitcode that it can't read:
    /// `name:line:column: error: message`, then the line and a mark.
    pub(super) fn syntax(name: &str, text: &str) -> Error {
        let first = text.lines().next().unwrap_or_default();
        let rest = first.strip_prefix(name).unwrap_or(first);
        let (place, message) = rest.split_once("error: ").unwrap_or(("", rest));
        let mut numbers = place
            .split(':')
            .filter_map(|n| n.trim().parse::<u32>().ok());
        let (line, column) = (numbers.next(), numbers.next());
        Error::Syntax(Box::new(SyntaxError {
            name: name.into(),
            // Where there is no line, as in bitcode, LLVM gives 0.
            line: line.filter(|&n| n > 0),
            column: column.filter(|&n| n > 0),
            message: message.trim().trim_start_matches(": ").into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_from_messages() {
        let syntax = |name, text| Error::syntax(name, text).to_string();
        assert_eq!(
            syntax(
                "a b:3.ll",
                "a b:3.ll:2:15: error: expected type: x\nret i3x 1\n    ^"
            ),
            "a b:3.ll:2:15: expected type: x"
        );
        assert_eq!(
            syntax("a.bc", "a.bc: error: Invalid bitcode signature\n"),
            "a.bc: Invalid bitcode signature"
        );
        assert_eq!(syntax("a", "what"), "a: what");
    }
}
