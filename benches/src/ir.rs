//! LLVM IR: compiled in memory by `vm run`, against ahead of time by LLVM's and the system's tools.
//!
//! What counts is the time from text to result: to compile, to link and to run once. Every way runs
//! the same file with the same argument and has to print the same. The ways take turns, and medians of
//! wall times count, or of processor times of all processes that a way needs.
//!
//! | way | what it runs | as much optimized |
//! |---|---|---|
//! | vm | `vm run -O2 FILE ARG`; how much of it was compiling comes from `--trace-jit` | |
//! | opt + llc + clang | `opt -O2` to bitcode, `llc -O2` to an object, `clang` to link it, and the program: each tool that the vm does the work of | yes |
//! | clang | `clang -O2` for all three, and the program: what is the least to type | yes |
//! | llc + clang | the first without `opt`: LLVM's code generator alone, the IR as it is | no |
//!
//! Where there is no `clang`, `cc` links. The least ratio is one of those that optimize as much.

use crate::process::{self, Failure};
use crate::stats;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What to measure.
#[derive(Debug)]
pub struct Options<'a> {
    /// Our virtual machine.
    pub vm: &'a Path,
    /// The program.
    pub file: &'a Path,
    /// Its argument.
    pub arg: &'a str,
    /// Runs behind each median.
    pub runs: usize,
    /// Longest time for one process.
    pub limit: Duration,
    /// Processor time instead of wall time.
    pub cpu: bool,
}

/// A way from the file to its output.
struct Way {
    name: String,
    /// It optimizes as much as the vm does.
    equal: bool,
    /// The tools that make a program of it, each with its arguments; none: the vm.
    steps: Vec<(PathBuf, Vec<String>)>,
    compile: Vec<f64>,
    run: Vec<f64>,
}

/// The table, and how many times faster our total is than the fastest other that optimizes as much,
/// if there is any.
pub fn compare(options: &Options<'_>) -> Result<(String, Option<f64>), String> {
    let folder = std::env::temp_dir().join(format!("strata-ir-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| format!("can't make a folder: {e}"))?;
    let result = measure(options, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn measure(options: &Options<'_>, folder: &Path) -> Result<(String, Option<f64>), String> {
    let mut ways = ways(options, folder);
    let mut expected: Option<String> = None;
    for _ in 0..options.runs {
        for way in &mut ways {
            let printed = run(way, options, folder).map_err(|e| format!("{}: {e}", way.name))?;
            let expected = expected.get_or_insert_with(|| printed.clone());
            if *expected != printed {
                return Err(format!(
                    "{} printed '{printed}', not '{expected}'",
                    way.name
                ));
            }
        }
    }
    Ok(table(&ways))
}

/// The ways that this machine has, ours first.
fn ways(options: &Options<'_>, folder: &Path) -> Vec<Way> {
    let in_folder = |name: &str| folder.join(name).display().to_string();
    let file = options.file.display().to_string();
    let (bitcode, object, program) = (in_folder("p.bc"), in_folder("p.o"), in_folder("p"));
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_string()).collect::<Vec<_>>();
    let opt = words(&["-O2", &file, "-o", &bitcode]);
    let llc = |from: &str| {
        words(&[
            "-O2",
            "-filetype=obj",
            "-relocation-model=pic",
            from,
            "-o",
            &object,
        ])
    };
    let link = words(&[&object, "-o", &program]);
    let clang = words(&["-O2", "-Wno-override-module", &file, "-o", &program]);
    let compiler = tool("clang");
    let linker = compiler.clone().map(|c| ("clang", c));
    let linker = linker.or_else(|| found("cc").map(|c| ("cc", c)));
    let mut ways = vec![("vm".to_string(), true, Vec::new())];
    if let (Some(l), Some((name, linker))) = (tool("llc"), linker) {
        if let Some(o) = tool("opt") {
            let steps = vec![
                (o, opt),
                (l.clone(), llc(&bitcode)),
                (linker.clone(), link.clone()),
            ];
            ways.push((format!("opt + llc + {name}"), true, steps));
        }
        let steps = vec![(l, llc(&file)), (linker, link)];
        ways.push((format!("llc + {name}"), false, steps));
    }
    if let Some(c) = compiler {
        ways.push(("clang".into(), true, vec![(c, clang)]));
    }
    let ways = ways.into_iter().map(|(name, equal, steps)| Way {
        name,
        equal,
        steps,
        compile: Vec::new(),
        run: Vec::new(),
    });
    ways.collect()
}

/// A tool of LLVM's, of the version that the vm has, if it is there.
fn tool(name: &str) -> Option<PathBuf> {
    found(&format!("{name}-22")).or_else(|| found(&format!("/usr/lib/llvm-22/bin/{name}")))
}

fn found(name: &str) -> Option<PathBuf> {
    let starts = Command::new(name).arg("--version").output().is_ok();
    starts.then(|| PathBuf::from(name))
}

/// Goes a way once: what the program printed.
fn run(way: &mut Way, options: &Options<'_>, folder: &Path) -> Result<String, String> {
    let explain = |e: Failure| e.to_string();
    let time = |finished: &process::Finished| {
        let time = if options.cpu {
            finished.cpu
        } else {
            finished.wall
        };
        time.as_secs_f64() * 1e3
    };
    let mut compile = 0.0;
    for (command, args) in &way.steps {
        let step = process::run(command, args, options.limit).map_err(explain)?;
        compile += time(&step);
    }
    let finished = if way.steps.is_empty() {
        let trace = folder.join("trace.json");
        let trace_option = format!("--trace-jit=json:{}", trace.display());
        let file = options.file.display().to_string();
        let args = ["run", "-O2", &trace_option, &file, options.arg];
        let finished = process::run(options.vm, &args, options.limit).map_err(explain)?;
        let text = std::fs::read_to_string(&trace).map_err(|e| format!("no trace: {e}"))?;
        compile = compile_time(&text).ok_or("the trace has no compile")?;
        way.run.push(time(&finished) - compile);
        finished
    } else {
        let program = folder.join("p");
        let finished = process::run(&program, &[options.arg], options.limit).map_err(explain)?;
        way.run.push(time(&finished));
        finished
    };
    way.compile.push(compile);
    Ok(finished.stdout)
}

/// What reading, optimizing and making code of all modules took, in milliseconds.
fn compile_time(trace: &str) -> Option<f64> {
    let lines = trace
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let modules = lines.filter(|line: &serde_json::Value| line["event"] == "module");
    let each = modules.map(|m| {
        let stages = ["read", "llvm", "codegen"].map(|stage| m[stage].as_f64().unwrap_or(0.0));
        stages.iter().sum::<f64>() / 1e3
    });
    each.reduce(|a, b| a + b)
}

fn table(ways: &[Way]) -> (String, Option<f64>) {
    let total = |way: &Way| {
        let all: Vec<f64> = way
            .compile
            .iter()
            .zip(&way.run)
            .map(|(c, r)| c + r)
            .collect();
        stats::median(&all).unwrap_or(0.0)
    };
    let mut text = format!(
        "{:<20}{:>12}{:>12}{:>12}{:>10}\n",
        "way", "compile ms", "run ms", "total ms", "x"
    );
    let ours = ways.first().map_or(0.0, total);
    let mut least: Option<f64> = None;
    for (n, way) in ways.iter().enumerate() {
        let ratio = total(way) / ours;
        if n > 0 && way.equal {
            least = Some(least.map_or(ratio, |l| l.min(ratio)));
        }
        let median = |values: &[f64]| stats::median(values).unwrap_or(0.0);
        let _ = writeln!(
            text,
            "{:<20}{:>12.2}{:>12.2}{:>12.2}{:>10.2}",
            way.name,
            median(&way.compile),
            median(&way.run),
            total(way),
            ratio
        );
    }
    (text, least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiles_are_added_up() {
        let trace = "{\"event\":\"module\",\"read\":500,\"llvm\":1000,\"codegen\":250.5}\n\
                     {\"event\":\"module\",\"read\":1,\"llvm\":0,\"codegen\":0}\n\
                     {\"event\":\"stats\"}\n";
        assert!((compile_time(trace).unwrap() - 1.7515).abs() < 1e-9);
        assert_eq!(compile_time("{\"event\":\"stats\"}"), None);
    }

    #[test]
    fn the_least_ratio_counts() {
        let way = |name: &str, compile, run| Way {
            name: name.into(),
            equal: name != "less",
            steps: Vec::new(),
            compile: vec![compile],
            run: vec![run],
        };
        let ways = [
            way("vm", 3.0, 2.0),
            way("a", 50.0, 5.0),
            way("less", 10.0, 5.0),
            way("b", 20.0, 5.0),
        ];
        let (text, least) = table(&ways);
        assert_eq!(least, Some(5.0));
        assert!(text.contains("55.00     11.00\n"), "{text}");
        assert_eq!(table(&ways[..1]).1, None);
    }
}
