//! `strata-benches`: runs the programs below `benches/programs` under our `vm` and the Lua engines of
//! this machine, and reports who is faster. Exit status: 0, 1 if a program failed or a required ratio
//! was missed, 2 for a wrong command line or a missing engine.

use std::{
    env, fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use strata_benches::{
    actors, cache,
    engine::{self, Engine},
    ir,
    measure::{self, Clock, Options},
    program,
    report::{Report, html, table},
    rules, standalone, tiers,
};

/// Compares Strata with the Lua engines of this machine.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Args {
    /// Our virtual machine [default: `vm` beside this program, else target/release/vm]
    #[arg(long, value_name = "PATH")]
    vm: Option<PathBuf>,
    /// Compare the other engines only
    #[arg(long, conflicts_with_all = ["vm", "jit"])]
    no_vm: bool,
    /// Values of the vm's --jit option, each a column (such as `off,baseline,full`)
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    jit: Vec<String>,
    /// PUC Lua 5.4 [default: searched on PATH]
    #[arg(long, value_name = "PATH")]
    lua: Option<PathBuf>,
    /// LuaJIT [default: searched on PATH]
    #[arg(long, value_name = "PATH")]
    luajit: Option<PathBuf>,
    /// Another engine to compare with (may be repeated)
    #[arg(long = "engine", value_name = "NAME=COMMAND", value_parser = Engine::parse)]
    engines: Vec<Engine>,
    /// Leave out an engine by name (may be repeated)
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,
    /// Only programs whose `group/name` contains this (may be repeated)
    #[arg(long, short, value_name = "TEXT")]
    filter: Vec<String>,
    /// Runs behind each median
    #[arg(long, short = 'n', default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Longest time for one run, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Compare processor time instead of wall time: steadier on a busy machine
    #[arg(long)]
    cpu: bool,
    /// Run each program once under each engine, to see that it works
    #[arg(long)]
    check: bool,
    /// Run each program so many times in one process, as the same function, and compare the fastest
    /// run after the first: warm code, which meets new tables, classes and closures
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(2..=1000))]
    warm: Option<u32>,
    /// Write an HTML report (index.html, results.json) into this folder
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// Write all times as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail unless the geometric mean against the first reference is at least this
    #[arg(long, value_name = "RATIO")]
    require_mean: Option<f64>,
    /// Fail unless every ratio against the first reference is at least this
    #[arg(long, value_name = "RATIO")]
    require_min: Option<f64>,
    /// Instead of comparing times, run each program once and show what the optimizing compiler did
    #[arg(long)]
    tiers: bool,
    /// Instead, run programs that change midway, with tier 1 alone and with all tiers; fail if a
    /// phase takes 100 ms longer with all of them
    #[arg(long, conflicts_with = "tiers")]
    phases: bool,
    /// Instead, compile and run LLVM IR (examples/fib.ll) by the vm and by LLVM's and the system's
    /// tools; `--require-min` is about the fastest of them
    #[arg(long, conflicts_with_all = ["tiers", "phases"])]
    ir: bool,
    /// Instead, run a program of 300 lines with an empty compile cache, and again with what that
    /// left: when rounds have become as short as they get, and what compiles and hits took. Fail
    /// unless the second time is at most 20 % of the first, and a hit takes at most 1 ms
    #[arg(long, conflicts_with_all = ["tiers", "phases", "ir"])]
    cache: bool,
    /// Instead, run that program by `vm run`, a second time with a compile cache, and as a
    /// standalone program, trained and not: building, start, rounds. Fail if an empty standalone
    /// program takes 2 ms longer than an empty process, or the trained one compiles again or is
    /// slower than `vm run` in the end
    #[arg(long, conflicts_with_all = ["tiers", "phases", "ir", "cache"])]
    standalone: bool,
    /// Instead, measure actors: a thousand of them, a million messages, and one that is ended by
    /// its memory limit meanwhile; `--jit` names the modes
    #[arg(long, conflicts_with_all = ["tiers", "phases", "ir", "cache", "standalone"])]
    actors: bool,
    /// Instead, rewrite terms of N nodes by rules, compiled and interpreted; `--require-min` is
    /// about the case that gains most
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1000000", conflicts_with_all = ["tiers", "phases", "ir", "cache", "standalone", "actors"])]
    rules: Option<usize>,
    /// Where the programs are
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/programs"))]
    programs: PathBuf,
    /// Show the programs and what each stresses, then stop
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("strata-benches: {message}");
            ExitCode::from(2)
        }
    }
}

/// Does what the command line says; `false` means that something failed or a ratio was missed.
fn run(args: &Args) -> Result<bool, String> {
    if args.ir {
        return compare_ir(args);
    }
    if let Some(nodes) = args.rules {
        let vm = vm_path(args.vm.as_deref())?;
        let (text, best) = rules::compare(&rules::Options {
            vm: &vm,
            nodes,
            runs: args.runs as usize,
            limit: Duration::from_secs(args.timeout),
        })?;
        print!("{text}");
        return Ok(args.require_min.is_none_or(|min| best >= min));
    }
    if args.cache {
        let vm = vm_path(args.vm.as_deref())?;
        let (text, good) = cache::compare(&vm, args.runs as usize)?;
        print!("{text}");
        return Ok(good);
    }
    if args.standalone {
        let vm = vm_path(args.vm.as_deref())?;
        let (text, good) = standalone::compare(&vm, args.runs as usize)?;
        print!("{text}");
        return Ok(good);
    }
    if args.actors {
        let vm = vm_path(args.vm.as_deref())?;
        let modes = match &args.jit[..] {
            [] => vec![None],
            modes => modes.iter().map(|mode| Some(mode.as_str())).collect(),
        };
        for mode in modes {
            print!("{}", actors::measure(&vm, mode, args.runs as usize)?);
        }
        return Ok(true);
    }
    let programs = program::discover(&args.programs, &args.filter)
        .map_err(|e| format!("can't read {}: {e}", args.programs.display()))?;
    if programs.is_empty() {
        return Err("no program matches the filter".to_owned());
    }
    if args.list {
        for program in &programs {
            println!(
                "{:<28} {:>4} lines  {}",
                program.id(),
                program.lines,
                program.stresses
            );
        }
        return Ok(true);
    }
    if args.tiers || args.phases {
        return what_tiers_did(args, &programs);
    }
    let probe = args.programs.join("version.lua");
    let engines = find_engines(args, &probe)?;
    let options = Options {
        runs: args.runs as usize,
        limit: Duration::from_secs(args.timeout),
        clock: if args.cpu { Clock::Cpu } else { Clock::Wall },
        check: args.check,
        warm: args.warm,
    };
    let report = measure::measure(&programs, &engines, &probe, &options);
    if !args.check {
        let color = std::io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
        print!("{}", table::render(&report, color));
    }
    write_files(args, &report)?;
    let failures = report.failures().count();
    if args.check {
        println!(
            "{} programs under {} engines: {}",
            programs.len(),
            engines.len(),
            if failures == 0 {
                "all good".to_owned()
            } else {
                format!("{failures} FAILED")
            }
        );
    }
    Ok(failures == 0 && meets_requirements(args, &report))
}

/// The table of `--ir`; `false` means that a required ratio was missed.
fn compare_ir(args: &Args) -> Result<bool, String> {
    let (text, least) = ir::compare(&ir::Options {
        vm: &vm_path(args.vm.as_deref())?,
        file: Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fib.ll")),
        arg: "29",
        runs: args.runs as usize,
        limit: Duration::from_secs(args.timeout),
        cpu: args.cpu,
    })?;
    print!("{text}");
    let missed = args
        .require_min
        .filter(|&min| least.is_none_or(|least| least < min));
    if let Some(min) = missed {
        match least {
            Some(least) => eprintln!("strata-benches: {least:.2} times, required are {min:.2}"),
            None => eprintln!("strata-benches: there is nothing to compare with (llc, clang)"),
        }
    }
    Ok(missed.is_none())
}

/// The tables of `--tiers` and `--phases`; `false` means that something failed, or was too slow.
fn what_tiers_did(args: &Args, programs: &[program::Program]) -> Result<bool, String> {
    let vm = vm_path(args.vm.as_deref())?;
    let limit = Duration::from_secs(args.timeout);
    let (text, failed) = if args.tiers {
        tiers::table(&vm, programs, limit)
    } else {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/phases"));
        tiers::phases(&vm, folder, limit, Duration::from_millis(100))?
    };
    print!("{text}");
    Ok(failed == 0)
}

/// The engines to compare, probed: ours first, then the references.
fn find_engines(args: &Args, probe: &Path) -> Result<Vec<Engine>, String> {
    let mut engines = Vec::new();
    if !args.no_vm {
        let path = vm_path(args.vm.as_deref())?;
        if args.jit.is_empty() {
            engines.push(Engine::vm(&path, None));
        }
        engines.extend(args.jit.iter().map(|mode| Engine::vm(&path, Some(mode))));
    }
    match &args.lua {
        Some(path) => engines.push(Engine::reference("lua5.4", path)),
        None => engines.extend(engine::find_lua54(probe)),
    }
    match &args.luajit {
        Some(path) => engines.push(Engine::reference("luajit", path)),
        None => engines.extend(engine::find_luajit()),
    }
    engines.extend(args.engines.iter().cloned());
    engines.retain(|engine| !args.without.contains(&engine.name));
    if engines.is_empty() {
        return Err("no engine is left to run".to_owned());
    }
    for engine in &mut engines {
        let name = engine.name.clone();
        engine
            .probe(probe)
            .map_err(|failure| format!("engine {name} doesn't work: {failure}"))?;
    }
    Ok(engines)
}

fn vm_path(given: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = given {
        return if path.is_file() {
            // A bare file name would be searched on PATH when it is started.
            Ok(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
        } else {
            Err(format!("there is no vm at {}", path.display()))
        };
    }
    let file = format!("vm{}", env::consts::EXE_SUFFIX);
    let beside = env::current_exe().ok().map(|exe| exe.with_file_name(&file));
    let default = Path::new("target/release").join(&file);
    beside
        .into_iter()
        .chain([default])
        .find(|path| path.is_file())
        .ok_or_else(|| {
            "there is no vm in target/release; build it first, or name it with --vm".to_owned()
        })
}

fn write_files(args: &Args, report: &Report) -> Result<(), String> {
    if let Some(folder) = &args.html {
        html::write(report, folder)
            .map_err(|e| format!("can't write {}: {e}", folder.display()))?;
        println!("report: {}", folder.join("index.html").display());
    }
    if let Some(file) = &args.json {
        let json = serde_json::to_vec_pretty(report).map_err(|e| e.to_string())?;
        fs::write(file, json).map_err(|e| format!("can't write {}: {e}", file.display()))?;
    }
    Ok(())
}

/// Whether the ratios that the command line requires were reached; says which were not.
fn meets_requirements(args: &Args, report: &Report) -> bool {
    if args.require_mean.is_none() && args.require_min.is_none() {
        return true;
    }
    let Some(&pair) = report.pairs().first() else {
        eprintln!("strata-benches: a ratio is required, but there is nothing to compare with");
        return false;
    };
    let name = report.pair_name(pair);
    let mean = report.geometric_mean(pair, None).unwrap_or(0.0);
    let lowest = report.minimum(pair).map_or(0.0, |(_, ratio)| ratio);
    let mut met = true;
    for (what, found, required) in [
        ("geometric mean", mean, args.require_mean),
        ("lowest ratio", lowest, args.require_min),
    ] {
        if let Some(required) = required.filter(|&required| found < required) {
            eprintln!(
                "strata-benches: the {what} of {name} is {found:.2}, required are {required:.2}"
            );
            met = false;
        }
    }
    met
}
