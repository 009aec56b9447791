//! `vm build`: a program in Lua as an executable file.
//!
//! ```text
//!  files ──▶ collect: modules, found by `require` ──▶ Builder ──▶ executable
//!                                                       ▲
//!       training: the same program with a cache of its own ── code, profiles
//! ```

use super::args::{BuildArgs, VmArgs};
use super::collect::{Collected, collect};
use super::program::{Fixed, Settings};
use super::{Outcome, Problem, SUCCESS, Status, cache, input, put, report};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use strata::cache::{Cache, Config};
use strata::standalone::{BuildError, Builder, Built, Runtime};

/// Most times that a training run is repeated: one finds what the one before left,
/// which is another way of getting there.
const ROUNDS: usize = 4;

/// Builds it.
pub(crate) fn build(args: &BuildArgs) -> Outcome<Status> {
    refuse_options(&args.vm)?;
    let output = output(args)?;
    let collected = collect(args)?;
    let own;
    let path = match &args.runtime {
        Some(path) => path,
        None => {
            own = std::env::current_exe().map_err(|e| {
                let reason = input::reason(&e);
                Problem::input(format!("where this program is can't be told: {reason}"))
            })?;
            &own
        }
    };
    let runtime = Runtime::read(path, args.debug).map_err(problem)?;
    let mut builder = Builder::new(&collected.main);
    for module in &collected.modules {
        builder.add(&module.name, &module.module).map_err(problem)?;
    }
    let cached = cache::of_run(&args.vm.cache);
    if let Some(cached) = cached {
        if !runtime.is_this_build() {
            report::problem(b"the runtime is another build: the cache's code is not for it");
        }
        builder.add_code(&cached).map_err(unreadable)?;
    }
    let settings = Settings {
        fixed: Fixed::of(&args.vm),
        environment: args.allow_options,
        training: None,
    };
    if !args.train.is_empty() || !args.train_with.is_empty() {
        train(args, &mut builder, &runtime, &settings)?;
    }
    builder.set_settings(settings.bytes());
    let built = builder.write(&runtime, &output).map_err(problem)?;
    put(summary(&output, &collected, &built).as_bytes())?;
    Ok(SUCCESS)
}

/// Options that are about one run.
fn refuse_options(args: &VmArgs) -> Outcome<()> {
    let refuse = |name: &str, variable: &str| {
        Err(Problem::input(format!(
            "{name} is about a run: build with --allow-options, and set {variable} then"
        )))
    };
    if matches!(args.trace_jit, Some(super::jit::Trace::On(..))) {
        return refuse("--trace-jit", "STRATA_TRACE_JIT");
    }
    if args.perf {
        return refuse("--perf", "STRATA_PERF");
    }
    Ok(())
}

/// Where to write.
fn output(args: &BuildArgs) -> Outcome<PathBuf> {
    if let Some(output) = &args.output {
        return Ok(output.clone());
    }
    let derived = args.file.with_extension(std::env::consts::EXE_EXTENSION);
    if input::is_standard(&args.file) || derived == args.file {
        return Err(Problem::input("say where to write with -o FILE"));
    }
    Ok(derived)
}

/// Runs the program as often as is asked for, and adds the code that this made.
fn train(
    args: &BuildArgs,
    builder: &mut Builder,
    runtime: &Runtime,
    settings: &Settings,
) -> Outcome<()> {
    let folder = Folder::new()?;
    let program = folder
        .0
        .join(format!("program{}", std::env::consts::EXE_SUFFIX));
    let kept = folder.0.join("cache");
    let training = Settings {
        training: Some(kept.clone()),
        ..settings.clone()
    };
    builder.set_settings(training.bytes());
    builder.write(runtime, &program).map_err(problem)?;
    let open = || {
        Cache::new(Config {
            directory: Some(kept.clone()),
            ..Config::default()
        })
        .map_err(|e| Problem::input(e.to_string()))
    };
    let mut before = 0;
    for _ in 0..ROUNDS {
        for line in &args.train {
            let words = shell_words::split(line)
                .map_err(|e| Problem::input(format!("--train '{line}': {e}")))?;
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            run(&program, &words, None)?;
        }
        for file in &args.train_with {
            run(&program, &[], Some(file))?;
        }
        let (entries, _) = open()?.size().map_err(unreadable)?;
        if entries == before {
            break;
        }
        before = entries;
    }
    if before == 0 {
        report::problem(b"training: nothing became hot enough to be optimized");
    }
    builder.add_code(&open()?).map_err(unreadable)
}

/// One training run. What the program prints is not shown.
fn run(program: &Path, words: &[OsString], from: Option<&PathBuf>) -> Outcome<()> {
    let input = match from {
        Some(path) => Stdio::from(File::open(path).map_err(|e| {
            let reason = input::reason(&e);
            Problem::input(format!("cannot open {}: {reason}", path.display()))
        })?),
        None => Stdio::null(),
    };
    let mut command = Command::new(program);
    let status = command
        .args(words)
        .stdin(input)
        .stdout(Stdio::null())
        .status()
        .map_err(|e| {
            let reason = input::reason(&e);
            Problem::input(format!("the program can't be run for training: {reason}"))
        })?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<_> = words.iter().map(|w| w.to_string_lossy()).collect();
    let words = words.join(" ");
    Err(Problem::script(format!(
        "training: the program failed ({status}), its arguments: {words}"
    )))
}

/// A folder that nobody else can look into, as long as it exists here.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Folder> {
        let base = std::env::temp_dir();
        for n in 0..100 {
            let path = base.join(format!("strata-build-{}-{n}", std::process::id()));
            let mut builder = std::fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(&path) {
                Ok(()) => return Ok(Folder(path)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => {
                    let reason = input::reason(&e);
                    let base = base.display();
                    return Err(Problem::input(format!("no folder in {base}: {reason}")));
                }
            }
        }
        Err(Problem::input(format!(
            "no folder in {}: all names are taken",
            base.display()
        )))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn problem(e: BuildError) -> Problem {
    match e {
        BuildError::Io { path, source } => {
            Problem::input(format!("{}: {}", path.display(), input::reason(&source)))
        }
        BuildError::Twice(_) => Problem::input(format!("{e}: name one of them with NAME=FILE")),
        e => Problem::input(e.to_string()),
    }
}

fn unreadable(e: std::io::Error) -> Problem {
    Problem::input(format!("cache: {}", input::reason(&e)))
}

/// What was built.
fn summary(output: &Path, collected: &Collected, built: &Built) -> String {
    let mut text = format!("{}: {:.1} MB\n", output.display(), built.size as f64 / 1e6);
    for module in &collected.modules {
        let name = String::from_utf8_lossy(&module.name);
        text += &format!("  module {name}: {}\n", module.file);
    }
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    text += &format!(
        "  {} of bytecode in {}\n",
        kib(built.bytecode),
        count(collected.modules.len() + 1, "module")
    );
    let (code, bytes) = built.code;
    text += &format!(
        "  {} of optimized code ({}), {}\n",
        count(code, "piece"),
        kib(bytes),
        count(built.profiles, "profile")
    );
    text
}

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}
