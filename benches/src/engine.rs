//! The engines that are compared, and how they are found.
//!
//! Each engine is probed once: it must run a one-line file that prints `_VERSION`. That tells which
//! programs it can run, and an engine that fails the probe is reported before any time is spent.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::process::{self, Failure};

const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// Runs a program several times in one process.
const WARM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/warm.lua");

/// Takes apart what `warm.lua` prints: the program's output, and the time of its fastest run but the
/// first.
pub fn warm(stdout: &str) -> Option<(&str, Duration)> {
    let (text, seconds) = stdout.rsplit_once('\t')?;
    let time = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    Some((text, time))
}

/// What an engine is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ours: the one that ratios are about.
    Subject,
    /// What it is compared with.
    Reference,
}

/// A command that runs a Lua file.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Its column heading.
    pub name: String,
    /// The program to start.
    pub command: PathBuf,
    /// Arguments before the file.
    pub args: Vec<OsString>,
    /// Its part in the comparison.
    pub role: Role,
    /// What it prints for `_VERSION`; known after [`Engine::probe`].
    pub language: String,
    /// The first line of its own version message, if it has one.
    pub release: Option<String>,
}

impl Engine {
    /// Our virtual machine at `path`, with `--jit=mode` if a mode is given.
    pub fn vm(path: &Path, mode: Option<&str>) -> Self {
        let mut args = vec![OsString::from("run")];
        if let Some(mode) = mode {
            args.push(format!("--jit={mode}").into());
        }
        Engine {
            name: mode.map_or_else(|| "vm".to_owned(), |mode| format!("vm:{mode}")),
            command: path.to_owned(),
            args,
            role: Role::Subject,
            language: String::new(),
            release: None,
        }
    }

    /// A reference that takes the file as its only argument.
    pub fn reference(name: &str, path: &Path) -> Self {
        Engine {
            name: name.to_owned(),
            command: path.to_owned(),
            args: Vec::new(),
            role: Role::Reference,
            language: String::new(),
            release: None,
        }
    }

    /// Parses `name=command arg…`, the value of `--engine`. Words are separated by blanks.
    pub fn parse(spec: &str) -> Result<Self, String> {
        let (name, command) = spec
            .split_once('=')
            .ok_or_else(|| format!("'{spec}' is not of the form name=command"))?;
        let mut words = command.split_whitespace();
        let Some(program) = words.next() else {
            return Err(format!("engine '{name}' has no command"));
        };
        if name.trim().is_empty() {
            return Err(format!("'{spec}' gives the engine no name"));
        }
        let path = find_on_path(&[program]).unwrap_or_else(|| PathBuf::from(program));
        let mut engine = Engine::reference(name.trim(), &path);
        engine.args = words.map(OsString::from).collect();
        Ok(engine)
    }

    /// The arguments that make the engine run `file`.
    pub fn arguments(&self, file: &Path) -> Vec<OsString> {
        let mut args = self.args.clone();
        args.push(file.as_os_str().to_owned());
        args
    }

    /// The arguments that make it run `file` so many times in one process, for [`warm`].
    pub fn repeating(&self, file: &Path, times: u32) -> Vec<OsString> {
        let mut args = self.arguments(Path::new(WARM));
        args.push(file.as_os_str().to_owned());
        args.push(times.to_string().into());
        args
    }

    /// Runs the version file `probe` and asks the command for its release.
    pub fn probe(&mut self, probe: &Path) -> Result<(), Failure> {
        let finished = process::run(&self.command, &self.arguments(probe), PROBE_LIMIT)?;
        self.language = finished.stdout;
        let flag = match self.role {
            Role::Subject => "--version",
            Role::Reference => "-v",
        };
        // An engine without such a flag is shown without a release.
        self.release = process::run(&self.command, &[flag], PROBE_LIMIT)
            .ok()
            .and_then(|f| {
                let text = if f.stdout.is_empty() {
                    f.stderr
                } else {
                    f.stdout
                };
                text.lines().next().map(str::to_owned)
            })
            .filter(|line| !line.is_empty());
        Ok(())
    }
}

/// The first of `names` that is an executable file on `PATH` (or a path itself).
pub fn find_on_path(names: &[&str]) -> Option<PathBuf> {
    for name in names {
        if Path::new(name).components().count() > 1 {
            let path = PathBuf::from(name);
            if path.is_file() {
                return Some(path);
            }
            continue;
        }
        let file = format!("{name}{}", env::consts::EXE_SUFFIX);
        let found = env::var_os("PATH").and_then(|folders| {
            env::split_paths(&folders)
                .map(|folder| folder.join(&file))
                .find(|path| path.is_file())
        });
        if found.is_some() {
            return found;
        }
    }
    None
}

/// PUC Lua 5.4 on this machine: by its versioned names, or `lua` if that is a 5.4.
pub fn find_lua54(probe: &Path) -> Option<Engine> {
    if let Some(path) = find_on_path(&["lua5.4", "lua54", "lua-5.4"]) {
        return Some(Engine::reference("lua5.4", &path));
    }
    let path = find_on_path(&["lua"])?;
    let mut engine = Engine::reference("lua5.4", &path);
    engine.probe(probe).ok()?;
    (engine.language == "Lua 5.4").then_some(engine)
}

/// LuaJIT on this machine.
pub fn find_luajit() -> Option<Engine> {
    let path = find_on_path(&["luajit", "luajit-2.1", "luajit2"])?;
    Some(Engine::reference("luajit", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_specifications() {
        let engine = Engine::parse("puc = /opt/lua/bin/lua -W  -lfoo").unwrap();
        assert_eq!(engine.name, "puc");
        assert_eq!(engine.command, Path::new("/opt/lua/bin/lua"));
        assert_eq!(engine.args, ["-W", "-lfoo"]);
        assert_eq!(engine.role, Role::Reference);
        for bad in ["lua", "x=", "x=  ", "=lua", ""] {
            assert!(Engine::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn vm_columns_by_mode() {
        let vm = Engine::vm(Path::new("vm"), None);
        assert_eq!(vm.name, "vm");
        assert_eq!(vm.arguments(Path::new("a.lua")), ["run", "a.lua"]);
        let off = Engine::vm(Path::new("vm"), Some("off"));
        assert_eq!(off.name, "vm:off");
        assert_eq!(
            off.arguments(Path::new("a.lua")),
            ["run", "--jit=off", "a.lua"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn path_search() {
        assert!(find_on_path(&["no-such-engine-anywhere", "sh"]).is_some());
        assert!(find_on_path(&["/no/such/engine"]).is_none());
        assert_eq!(find_on_path(&["/bin/sh"]), Some(PathBuf::from("/bin/sh")));
    }

    #[cfg(unix)]
    #[test]
    fn a_probe_learns_the_language() {
        let mut engine = Engine::reference("cat", Path::new("/bin/cat"));
        let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/version.lua");
        engine.probe(&probe).unwrap();
        assert!(engine.language.contains("print(_VERSION)"));
        let mut missing = Engine::reference("none", Path::new("/no/such/engine"));
        assert!(missing.probe(&probe).is_err());
    }
}
