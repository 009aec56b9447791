//! What a standalone program is worth: the program of [`crate::cache`], by `vm run`, by its
//! second run with a compile cache, and built into an executable file, with and without training.
//!
//! *Start* is the time of a process that does nothing, less than that of a program in C which does
//! nothing, either.

use crate::cache::{self, ROUNDS, Run, median};
use crate::engine;
use std::{
    ffi::OsStr,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// Milliseconds that an empty standalone program may take more than an empty process.
const MOST_START: f64 = 2.0;

/// How much longer its rounds may take at top speed than those of `vm run`.
const MOST_ROUND: f64 = 1.15;

/// Runs of an empty program for each other run.
const STARTS: usize = 10;

/// A way of running the program, and what was measured.
struct Way {
    name: &'static str,
    /// What runs the program, and an empty one.
    program: Vec<PathBuf>,
    empty: Vec<PathBuf>,
    /// Milliseconds of building.
    built: f64,
    starts: Vec<f64>,
    runs: Vec<Run>,
}

impl Way {
    fn new(name: &'static str, program: &[&Path], empty: &[&Path]) -> Way {
        let owned = |words: &[&Path]| words.iter().map(|w| w.to_path_buf()).collect();
        Way {
            name,
            program: owned(program),
            empty: owned(empty),
            built: 0.0,
            starts: Vec::new(),
            runs: Vec::new(),
        }
    }

    fn of(&self, what: fn(&Run) -> f64) -> f64 {
        median(self.runs.iter().map(what).collect())
    }

    fn start(&self) -> f64 {
        median(self.starts.clone())
    }
}

/// Runs all ways: a table, and whether it is as it should be.
pub fn compare(vm: &Path, runs: usize) -> Result<(String, bool), String> {
    let folder = std::env::temp_dir().join(format!("strata-standalone-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let done = compare_in(vm, runs, &folder);
    let _ = fs::remove_dir_all(&folder);
    done
}

fn compare_in(vm: &Path, runs: usize, folder: &Path) -> Result<(String, bool), String> {
    let source = cache::program();
    let empty = folder.join("empty.lua");
    fs::write(&empty, "").map_err(|e| e.to_string())?;
    let [plain, trained, nothing] = ["plain", "trained", "nothing"].map(|name| folder.join(name));
    let train = format!("--train={ROUNDS}");
    let built = build(vm, &source, &plain, &[])?;
    let took = build(vm, &source, &trained, &[&train])?;
    build(vm, &empty, &nothing, &[])?;
    let kept = format!("--cache={}", folder.join("cache").display());
    let kept = Path::new(&kept);
    let run = Path::new("run");
    let mut ways = vec![
        Way::new("vm run", &[vm, run, &source], &[vm, run, &empty]),
        Way::new(
            "its second run",
            &[vm, run, kept, &source],
            &[vm, run, kept, &empty],
        ),
        Way::new("standalone", &[&plain], &[&nothing]),
        Way::new("trained", &[&trained], &[&nothing]),
    ];
    ways[2].built = built;
    ways[3].built = took;
    let lua = engine::find_on_path(&["lua5.4"]).map(|path| ("lua5.4", path));
    let luajit = engine::find_on_path(&["luajit"]).map(|path| ("luajit", path));
    for (name, path) in [lua, luajit].into_iter().flatten() {
        ways.push(Way::new(name, &[&path, &source], &[&path, &empty]));
    }
    // The first run with the cache.
    cache::rounds(command(&ways[1].program))?;
    let mut none = Vec::new();
    for _ in 0..runs.max(1) {
        for way in &mut ways {
            way.runs.push(cache::rounds(command(&way.program))?);
            for _ in 0..STARTS {
                way.starts.push(time(&mut command(&way.empty))?);
            }
        }
        for _ in 0..STARTS {
            none.push(time(&mut Command::new("true"))?);
        }
    }
    let none = median(none);
    let (compiles, hits) = compiles(vm, &source, folder, &train)?;
    let text = table(&ways, none, (compiles, hits));
    let [jit, alone] = [&ways[0], &ways[3]];
    let good = alone.start() - none <= MOST_START
        && alone.of(|r| r.round) <= MOST_ROUND * jit.of(|r| r.round)
        && compiles == 0
        && hits > 0;
    Ok((text, good))
}

fn table(ways: &[Way], none: f64, (compiles, hits): (usize, usize)) -> String {
    let mut text = format!("{:<32}", "rounds.lua, ms");
    for way in ways {
        let _ = write!(text, "{:>15}", way.name);
    }
    text.push('\n');
    let mut row = |name: &str, what: &dyn Fn(&Way) -> f64| {
        let _ = write!(text, "{name:<32}");
        for way in ways {
            let _ = write!(text, "{:>15.2}", what(way));
        }
        text.push('\n');
    };
    row("built in", &|w| w.built);
    row("start (an empty program)", &|w| w.start() - none);
    row("first round over", &|w| w.of(|r| r.first));
    row("top speed reached after", &|w| w.of(|r| r.top_speed));
    row("a round at top speed", &|w| w.of(|r| r.round));
    row("all rounds", &|w| w.of(|r| r.total));
    let _ = writeln!(
        text,
        "an empty process takes {none:.2} ms, which is not part of the starts\n\
         the trained program: {compiles} compiles of tier 2, {hits} hits"
    );
    text
}

/// Builds a program: milliseconds.
fn build(vm: &Path, source: &Path, to: &Path, more: &[&str]) -> Result<f64, String> {
    let mut command = Command::new(vm);
    command
        .arg("build")
        .arg(source)
        .arg("-o")
        .arg(to)
        .args(more);
    time(&mut command)
}

/// Compiles of tier 2 that the trained program makes, and hits.
fn compiles(
    vm: &Path,
    source: &Path,
    folder: &Path,
    train: &str,
) -> Result<(usize, usize), String> {
    let program = folder.join("traced");
    let trace = folder.join("trace");
    build(vm, source, &program, &[train, "--allow-options"])?;
    let mut command = command(&[program]);
    command.env("STRATA_TRACE_JIT", format!("json:{}", trace.display()));
    let mut run = cache::rounds(command)?;
    cache::read_trace(&mut run, &trace)?;
    Ok((run.compiles.len(), run.hits.len()))
}

fn command(words: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Runs a command to its end: milliseconds.
fn time(command: &mut Command) -> Result<f64, String> {
    let begun = Instant::now();
    let ended = command.stdout(Stdio::null()).stdin(Stdio::null()).status();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let name = command.get_program().to_string_lossy().into_owned();
    match ended {
        Ok(status) if status.success() => Ok(took),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(e) => Err(format!("{name}: {e}")),
    }
}
