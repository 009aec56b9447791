//! Conformance: Lua programs under the `vm` program, against saved output.
//!
//! Three folders, one contract: a program next to (or matched with) a file that
//! says what it must print.
//!
//! ```text
//! tests/conformance/NAME.lua         stdout is NAME.out, exit status 0
//! tests/conformance/errors/NAME.lua  fails; the first line on stderr is NAME.err
//! examples/NAME.lua                  stdout is tests/conformance/examples/NAME.out
//!                                    (standard input: examples/NAME.txt, if there)
//! ```
//!
//! Each program runs in several ways ([`Form`]): from its source and from the
//! bytecode that `vm compile` makes of it, interpreted; and in every mode and with
//! every backend there is, compiled as soon as possible. With `STRATA_STRESS` set it runs once, from source,
//! under these modes and `STRATA_JIT`. The expected files come from the reference
//! implementation (`.ci/bless-conformance.sh` rewrites them), so a difference is
//! ours to explain.
//!
//! The binary is `$STRATA_VM`, else `release/vm` or `debug/vm` in the target
//! folder. A missing binary fails the tests; nothing is skipped.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A program that takes longer is stuck: the slowest needs under a second, and
/// under stress a few minutes.
const TIME_LIMIT: Duration = Duration::from_secs(900);

/// How the program reaches the vm.
#[derive(Clone, Copy, Debug)]
enum Form {
    Source,
    Bytecode,
    /// From source, in this mode and with this backend: compiled to machine code at
    /// the second call or the first back-edge, or when it is loaded.
    Compiled(&'static str, &'static str),
}

impl Form {
    /// The forms to run programs in.
    fn all() -> &'static [Form] {
        if stressed() {
            &[Form::Source]
        } else {
            &[
                Form::Source,
                Form::Bytecode,
                Form::Compiled("baseline", "auto"),
                Form::Compiled("full", "auto"),
                Form::Compiled("full", "cranelift"),
                Form::Compiled("full", "llvm"),
                Form::Compiled("always", "auto"),
            ]
        }
    }

    /// The form's environment, unless the caller has set one.
    fn environment(self) -> [(&'static str, &'static str); 3] {
        let (mode, backend, stress) = match self {
            Form::Source | Form::Bytecode => ("off", "auto", ""),
            // Short programs end before a background compile does.
            Form::Compiled("full", backend) => ("full", backend, "threshold=1,queue=sync"),
            Form::Compiled(mode, backend) => (mode, backend, "threshold=1"),
        };
        [
            ("STRATA_JIT", mode),
            ("STRATA_JIT_BACKEND", backend),
            ("STRATA_STRESS", stress),
        ]
    }
}

/// Whether the caller says under which stress modes programs run.
fn stressed() -> bool {
    std::env::var_os("STRATA_STRESS").is_some_and(|modes| !modes.is_empty())
}

/// What is expected of a program.
#[derive(Clone, Copy)]
enum Expect {
    /// Exit status 0 and this standard output.
    Output,
    /// A non-zero exit status and this first line on standard error.
    Error,
}

/// One program and where its expectation is saved.
struct Case {
    program: PathBuf,
    expected: PathBuf,
    stdin: Option<PathBuf>,
    expect: Expect,
}

/// What a finished process left behind.
struct Outcome {
    /// `None`: killed, by us after [`TIME_LIMIT`] or by a signal.
    status: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("the crate lies in the workspace")
        .to_path_buf()
}

/// The `vm` program, or a panic that says how to build it.
fn vm() -> PathBuf {
    const HOW: &str = "build it with: cargo build --release -p strata --features cli,llvm \
                       (or name one in STRATA_VM)";
    if let Some(path) = std::env::var_os("STRATA_VM").map(PathBuf::from) {
        let path = if path.is_absolute() {
            path
        } else {
            repository().join(path)
        };
        assert!(
            path.is_file(),
            "STRATA_VM names {}, which is missing; {HOW}",
            path.display()
        );
        return path;
    }
    // The test binary is TARGET/PROFILE/deps/conformance-HASH.
    let exe = std::env::current_exe().expect("the path of the test binary");
    let own = exe.ancestors().nth(3).map(Path::to_path_buf);
    let name = format!("vm{}", std::env::consts::EXE_SUFFIX);
    let targets = own.into_iter().chain([repository().join("target")]);
    for target in targets {
        for profile in ["release", "debug"] {
            let path = target.join(profile).join(&name);
            if path.is_file() {
                return path;
            }
        }
    }
    panic!("the program `vm` is missing; {HOW}");
}

/// The Lua programs of a folder, sorted by name.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "lua"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no programs in {}", folder.display());
    found
}

/// Runs a command to its end with both outputs collected, killing it at the
/// time limit.
fn run(command: &mut Command, stdin: Option<&Path>) -> Outcome {
    fn collect<R: Read + Send + 'static>(pipe: Option<R>) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                // A broken pipe ends the output early; the comparison shows it.
                let _ = pipe.read_to_end(&mut bytes);
            }
            bytes
        })
    }
    fn wait(child: &mut Child) -> Option<i32> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = child.try_wait().expect("wait for the vm") {
                return status.code();
            }
            if start.elapsed() > TIME_LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    let stdin = match stdin {
        Some(path) => Stdio::from(File::open(path).expect("the input file")),
        None => Stdio::null(),
    };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the vm");
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(&mut child);
    Outcome {
        status,
        stdout: stdout.join().expect("collect stdout"),
        stderr: stderr.join().expect("collect stderr"),
    }
}

/// Runs one case in one form; `Err` describes the difference.
fn check(vm: &Path, case: &Case, form: Form, scratch: &Path) -> Result<(), String> {
    let folder = case.program.parent().expect("programs lie in a folder");
    let name = case.program.file_name().expect("a file name");
    let mut argument = OsString::from(name);
    let mut command = Command::new(vm);
    // Programs see a clean environment and their own folder, so that chunk
    // names in messages are bare file names.
    for variable in ["LUA_INIT", "LUA_INIT_5_4", "LUA_PATH", "LUA_PATH_5_4"] {
        command.env_remove(variable);
    }
    if let Form::Bytecode = form {
        let module = scratch.join(name).with_extension("bc");
        let mut compile = Command::new(vm);
        compile
            .current_dir(folder)
            .arg("compile")
            .arg("-o")
            .arg(&module)
            .arg(name);
        let outcome = run(&mut compile, None);
        if outcome.status != Some(0) {
            // A program that doesn't compile must fail as it does from source.
            return match case.expect {
                Expect::Error => judge(case, &outcome),
                Expect::Output => Err(format!("vm compile failed: {}", text(&outcome.stderr))),
            };
        }
        argument = module.into_os_string();
    }
    if !stressed() {
        command.envs(form.environment());
    }
    // Local time must be the same everywhere, too.
    command.env("TZ", "UTC").env("LC_ALL", "C");
    command.current_dir(folder).arg("run").arg(argument);
    judge(case, &run(&mut command, case.stdin.as_deref()))
}

fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let expected = fs::read(&case.expected)
        .map_err(|e| format!("expected output {}: {e}", case.expected.display()))?;
    let Some(status) = outcome.status else {
        return Err(format!("killed (by a signal, or after {TIME_LIMIT:?})"));
    };
    match case.expect {
        Expect::Output => {
            compare(&expected, &outcome.stdout).map_err(|e| {
                format!(
                    "{e}\nexit status {status}, stderr: {}",
                    text(&outcome.stderr)
                )
            })?;
            if status != 0 {
                return Err(format!("exit status {status}: {}", text(&outcome.stderr)));
            }
        }
        Expect::Error => {
            if status == 0 {
                return Err("succeeded, but an error was expected".to_owned());
            }
            // `lua5.4: message` there, `vm: message` here.
            let first = outcome
                .stderr
                .split(|&b| b == b'\n')
                .next()
                .unwrap_or_default();
            let first = first.strip_prefix(b"vm: ").unwrap_or(first);
            let expected = expected.strip_suffix(b"\n").unwrap_or(&expected);
            if first != expected {
                return Err(format!(
                    "expected: {}\n     got: {}",
                    text(expected),
                    text(first)
                ));
            }
        }
    }
    Ok(())
}

/// The first line in which two outputs differ.
fn compare(expected: &[u8], got: &[u8]) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    let mut expected_lines = expected.split(|&b| b == b'\n');
    let mut got_lines = got.split(|&b| b == b'\n');
    let mut number = 1;
    loop {
        match (expected_lines.next(), got_lines.next()) {
            (Some(a), Some(b)) if a == b => number += 1,
            (a, b) => {
                let show = |line: Option<&[u8]>| line.map_or("(nothing)".to_owned(), text);
                return Err(format!(
                    "line {number} of the output\nexpected: {}\n     got: {}",
                    show(a),
                    show(b)
                ));
            }
        }
    }
}

/// Bytes for a message, shortened.
fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).trim_end().to_owned();
    if let Some((cut, _)) = text.char_indices().nth(1000) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// Runs all cases in all forms on all cores and panics with every difference.
fn check_all(what: &str, cases: &[Case]) {
    let vm = vm();
    let scratch = std::env::temp_dir().join(format!("strata-{what}-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("a scratch folder");
    let jobs: Vec<(&Case, Form)> = cases
        .iter()
        .flat_map(|c| Form::all().iter().map(move |&form| (c, form)))
        .collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(&(case, form)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(difference) = check(&vm, case, form, &scratch) {
                        let name = case
                            .program
                            .file_name()
                            .unwrap_or_default()
                            .to_string_lossy();
                        let line = format!("--- {name} ({form:?})\n{difference}");
                        failures.lock().expect("no worker panicked").push(line);
                    }
                }
            });
        }
    });
    let _ = fs::remove_dir_all(&scratch);
    let mut failures = failures.into_inner().expect("no worker panicked");
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {} runs of {what} programs under {} failed:\n{}",
        failures.len(),
        jobs.len(),
        vm.display(),
        failures.join("\n")
    );
}

#[test]
fn conformance_manual_sections() {
    let folder = repository().join("tests/conformance");
    let cases: Vec<Case> = programs(&folder)
        .into_iter()
        .map(|program| Case {
            expected: program.with_extension("out"),
            program,
            stdin: None,
            expect: Expect::Output,
        })
        .collect();
    check_all("conformance", &cases);
}

#[test]
fn conformance_uncaught_errors() {
    let folder = repository().join("tests/conformance/errors");
    let cases: Vec<Case> = programs(&folder)
        .into_iter()
        .map(|program| Case {
            expected: program.with_extension("err"),
            program,
            stdin: None,
            expect: Expect::Error,
        })
        .collect();
    check_all("error", &cases);
}

#[test]
fn conformance_examples() {
    let root = repository();
    let expected = root.join("tests/conformance/examples");
    let cases: Vec<Case> = programs(&root.join("examples"))
        .into_iter()
        .map(|program| {
            let name = program.file_stem().expect("a file name").to_owned();
            let stdin = program.with_extension("txt");
            Case {
                expected: expected.join(name).with_extension("out"),
                program,
                stdin: stdin.is_file().then_some(stdin),
                expect: Expect::Output,
            }
        })
        .collect();
    check_all("example", &cases);
}
