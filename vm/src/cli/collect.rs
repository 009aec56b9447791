//! The modules of a standalone program: those that are named, and those that they
//! require.
//!
//! A module's name is what `require` finds its file by: that of `lib/shapes.lua` is
//! `lib.shapes`, that of `lib/init.lua` is `lib`. Of files elsewhere (`../x.lua`,
//! `/usr/share/lua/x.lua`) it is the bare name. `NAME=FILE` says another.

use super::args::{BuildArgs, VmArgs};
use super::input::Input;
use super::session::{End, Session};
use super::{Outcome, Problem, input, report};
use std::collections::{HashSet, VecDeque};
use std::path::{Component, Path, PathBuf};
use strata::runtime::{Value, os};
use strata::spec::module::Const;
use strata::spec::{Module, Op};

/// What a program consists of.
pub(crate) struct Collected {
    pub(crate) main: Module,
    pub(crate) modules: Vec<Found>,
}

/// A module.
pub(crate) struct Found {
    /// What `require` is called with.
    pub(crate) name: Vec<u8>,
    /// Its file, as messages name it.
    pub(crate) file: String,
    pub(crate) module: Module,
}

/// Asks where a module is: `true`: in the library.
const WHERE: &str = "
    local name, path = ...
    if package.loaded[name] or package.preload[name] then return true end
    return package.searchpath(name, path or package.path)";

/// Most files of a folder.
const MOST_FILES: usize = 10_000;

/// Reads, compiles and verifies what the options name.
pub(crate) fn collect(args: &BuildArgs) -> Outcome<Collected> {
    let main = Input::read(&args.file)?.module()?;
    let mut modules = Vec::new();
    for given in &args.modules {
        for (name, path) in expand(given)? {
            let input = Input::read(&path)?;
            modules.push(Found {
                name,
                module: input.module()?,
                file: input.name,
            });
        }
    }
    if !args.no_follow {
        follow(&main, &mut modules, args.path.as_deref())?;
    }
    Ok(Collected { main, modules })
}

/// The files that a word of the command line stands for, and the names of modules.
fn expand(given: &std::ffi::OsStr) -> Outcome<Vec<(Vec<u8>, PathBuf)>> {
    let path = Path::new(given);
    let bytes = os::bytes(given);
    if !path.exists()
        && let Some(at) = bytes.iter().position(|&b| b == b'=')
    {
        let file = os::path(&bytes[at + 1..])
            .map_err(|e| Problem::input(format!("{}: {}", path.display(), input::reason(&e))))?;
        return Ok(vec![(bytes[..at].to_vec(), file)]);
    }
    if !path.is_dir() {
        return Ok(vec![(name_of(path)?, path.into())]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |e: std::io::Error| {
            Problem::input(format!("{}: {}", folder.display(), input::reason(&e)))
        };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|e| e == "lua") {
                found.push(entry.path());
            }
            if found.len() + folders.len() > MOST_FILES {
                return Err(Problem::input(format!(
                    "{}: more than {MOST_FILES} files",
                    path.display()
                )));
            }
        }
    }
    if found.is_empty() {
        let path = path.display();
        return Err(Problem::input(format!(
            "{path}: there is no Lua file in it"
        )));
    }
    found.sort();
    found
        .into_iter()
        .map(|path| Ok((name_of(&path)?, path)))
        .collect()
}

/// The name of the module in a file.
fn name_of(path: &Path) -> Outcome<Vec<u8>> {
    let bare = path.with_extension("");
    let mut parts = Vec::new();
    for part in bare.components() {
        match part {
            Component::Normal(part) => parts.push(os::bytes(part)),
            Component::CurDir => {}
            // Templates don't lead there.
            _ => parts = Vec::new(),
        }
    }
    if path.is_absolute() || bare.components().any(|c| c == Component::ParentDir) {
        parts.drain(..parts.len().saturating_sub(1));
    }
    if parts.len() > 1 && parts.last().is_some_and(|p| p == b"init") {
        parts.pop();
    }
    if parts.is_empty() {
        let path = path.display();
        return Err(Problem::input(format!(
            "{path}: what is this module's name? say NAME={path}"
        )));
    }
    Ok(parts.join(&b'.'))
}

/// Adds what the modules require, and what that requires.
fn follow(main: &Module, modules: &mut Vec<Found>, path: Option<&std::ffi::OsStr>) -> Outcome<()> {
    let mut known: HashSet<Vec<u8>> = modules.iter().map(|m| m.name.clone()).collect();
    let mut wanted: VecDeque<Wanted> = required(main).into();
    for module in &*modules {
        wanted.extend(required(&module.module));
    }
    let mut finder = None;
    while let Some(Wanted { name, place }) = wanted.pop_front() {
        if !known.insert(name.clone()) {
            continue;
        }
        let finder = match &mut finder {
            Some(finder) => finder,
            none => none.insert(Finder::new(path)?),
        };
        match finder.find(&name)? {
            Place::Library => {}
            Place::File(file) => {
                let input = Input::read(&file)?;
                let module = input.module()?;
                wanted.extend(required(&module));
                modules.push(Found {
                    name,
                    file: input.name,
                    module,
                });
            }
            Place::Nowhere => {
                let name = String::from_utf8_lossy(&name);
                let message = format!(
                    "{place}: module '{name}' is not found on package.path: the program will look \
                     for it when it runs"
                );
                report::problem(message.as_bytes());
            }
        }
    }
    Ok(())
}

/// A module that something requires.
struct Wanted {
    name: Vec<u8>,
    /// Where that is.
    place: String,
}

/// The names that a module requires by constants: `require` and what is loaded next.
fn required(module: &Module) -> Vec<Wanted> {
    let mut found = Vec::new();
    for proto in &module.protos {
        let text = |k: usize| match proto.consts.get(k) {
            Some(&Const::Str(id)) => Some(module.str(id)),
            _ => None,
        };
        for (pc, pair) in (0u32..).zip(proto.code.windows(2)) {
            let [f, arg] = [pair[0], pair[1]];
            if f.op() != Some(Op::GetTabUp) || arg.op() != Some(Op::LoadK) {
                continue;
            }
            let (Some(b"require"), Some(name)) =
                (text(usize::from(f.high())), text(arg.k() as usize))
            else {
                continue;
            };
            let chunk = proto.source.map_or(&b"=?"[..], |id| module.str(id));
            let chunk = strata::spec::chunk_name::chunk_id(chunk);
            let line = proto.positions.get(pc as usize).map_or(0, |p| p.line);
            found.push(Wanted {
                name: name.to_vec(),
                place: format!("{}:{line}", String::from_utf8_lossy(&chunk)),
            });
        }
    }
    found
}

/// Where a module is.
enum Place {
    Library,
    File(PathBuf),
    Nowhere,
}

/// Looks for modules as programs do.
struct Finder {
    session: Session,
    find: Value,
    path: Option<Value>,
}

impl Finder {
    fn new(path: Option<&std::ffi::OsStr>) -> Outcome<Finder> {
        let args = VmArgs {
            jit: super::args::Jit::Off,
            ..VmArgs::default()
        };
        let mut session = Session::new(&args)?;
        let module = Input {
            name: "build".into(),
            chunk: b"=build".to_vec(),
            bytes: WHERE.into(),
        }
        .compile()?;
        let find = session.load(module)?;
        let words: Vec<_> = path.iter().map(|p| p.to_os_string()).collect();
        let path = session.strings(&words)?.pop();
        // Nothing is collected: what is held here stays.
        strata::engine::keep(&mut session.vm, 1, find).map_err(|_| no_memory())?;
        if let Some(path) = path {
            strata::engine::keep(&mut session.vm, 2, path).map_err(|_| no_memory())?;
        }
        Ok(Finder {
            session,
            find,
            path,
        })
    }

    fn find(&mut self, name: &[u8]) -> Outcome<Place> {
        let name = self.session.vm.str_value(name).map_err(|_| no_memory())?;
        let args: Vec<Value> = [Some(name), self.path].into_iter().flatten().collect();
        let found = self.session.call(self.find, &args);
        let found = found.map_err(|failure| Problem::input(failure.message()))?;
        let End::Returned(values) = found else {
            return Ok(Place::Nowhere);
        };
        Ok(match values.first() {
            Some(v) if v.is_str() => {
                let file = self.session.vm.bytes(v.as_str());
                let file = os::path(file).map_err(|e| Problem::input(input::reason(&e)))?;
                Place::File(file)
            }
            Some(v) if v.is_truthy() => Place::Library,
            _ => Place::Nowhere,
        })
    }
}

fn no_memory() -> Problem {
    Problem::input("not enough memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_modules() {
        let name = |path: &str| name_of(Path::new(path)).map(|n| String::from_utf8(n).unwrap());
        for (path, expected) in [
            ("x.lua", "x"),
            ("./x.lua", "x"),
            ("a/b/c.lua", "a.b.c"),
            ("a/init.lua", "a"),
            ("init.lua", "init"),
            ("../a/x.lua", "x"),
            ("/usr/share/lua/x.bc", "x"),
        ] {
            assert_eq!(name(path).unwrap(), expected, "{path}");
        }
        assert!(name("..").is_err());
    }

    #[test]
    fn what_is_required_by_constants() {
        let source = b"local a = require 'x.y'\nlocal ok, b = pcall(require, 'z')\n\
            local function f(n) require(n) return require('w') end\n\
            local t = {require = 1} print(t.require, 'no')";
        let module = strata::lua::compile_file(source, b"@m.lua").unwrap();
        let all = required(&module);
        let all: Vec<_> = all
            .iter()
            .map(|w| (std::str::from_utf8(&w.name).unwrap(), &*w.place))
            .collect();
        assert_eq!(
            all,
            [("x.y", "m.lua:1"), ("z", "m.lua:2"), ("w", "m.lua:3")]
        );
    }
}
