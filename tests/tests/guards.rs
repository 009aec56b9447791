//! Each guard of each benchmark program fails once, on purpose: the program prints
//! the same all the same.
//!
//! With `deopt=once` a guard fails the first time it is reached. The interpreter goes
//! on then, up to the next place where code is entered, so that of several guards in a
//! row one run has one fail. So programs run again and again in a VM, as the same
//! function, until no guard fails any more that has not failed before; and in several
//! [ways](once), since code that is never entered has guards that are never reached.
//!
//! What is counted: a *guard* is what code of one tier checks for one reason at one
//! instruction of a function, before the loop that begins there or at the instruction
//! itself. Copies of it (in code that was made again, or for a loop and for the whole
//! function, or where the function was inlined) are the same guard. It counts from when
//! code with it was installed, and has failed if the code was left there although what
//! it expects was there. All ways together are counted.
//!
//! Programs are benchmarks with [smaller figures](smaller), and run a second time as
//! they are with `GUARDS_SIZE=full`.
//!
//! `make guards` prints how many there are and how many failed, by program
//! (`GUARDS_FILTER`: only programs whose path contains it; `GUARDS_MODE`: `full`
//! or `baseline`; `GUARDS_SHOW=1`: which never failed). The normal tests take the
//! programs of the corpus and a few benchmarks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use strata::stress::{Coverage, ForcedExits, Guard};
use strata::{JitMode, engine};
use strata_runtime::Value;
use strata_tests::corpus;
use strata_tests::differential::Way;
use strata_tests::session::{End, Session, lossy};

/// How long a program may take.
const TIME: Duration = Duration::from_secs(300);

/// How often a program runs at most, and in how many runs in a row no guard fails any
/// more.
const ROUNDS: u32 = 200;
const QUIET: u32 = 8;

/// Ways in which each guard fails once. One is not enough: optimized code takes the
/// place of the baseline compiler's, code that is entered wherever it can be has guards
/// at its entries that nothing else comes by, some are reached only where a poll was
/// taken; and later code, made from more feedback, has others than the first.
fn once(mode: JitMode) -> Vec<Way> {
    let mut way = Way::compiled(JitMode::Baseline);
    way.backend = engine::Backend::Cranelift;
    way.modes.deopt = ForcedExits::Once;
    way.modes.poison = true;
    let mut loops = way.clone();
    loops.modes.osr = true;
    let mut calls = way.clone();
    calls.modes.resume = true;
    let mut ways = vec![way.clone(), loops.clone(), calls];
    if mode == JitMode::Full {
        let mut polls = way.clone();
        polls.modes.interrupt = true;
        for (way, hot) in [(way, 1), (loops, 2000), (polls, 200)] {
            ways.push(Way { mode, hot, ..way });
        }
    }
    ways
}

/// Calls a program, without collections if it is told so: where one begins or ends, code
/// of loops is left at a poll, and what comes behind them isn't reached.
const CALLER: &[u8] = b"local main, stop = ...
    collectgarbage() collectgarbage(stop and 'stop' or 'restart') main()";

/// Runs a program in a VM, as the same function, until guards stop failing: what each
/// run prints, and which guards failed.
fn run(source: &[u8], chunk: &str, way: &Way) -> (String, Coverage) {
    let mut session = Session::compiling(&way.options());
    engine::set_stress(&mut session.vm, &way.modes);
    let until = Instant::now() + TIME;
    session.vm.set_deadline(Some(until)).expect("a watchdog");
    let module = strata_lua::compile(source, chunk.as_bytes());
    let module = module.unwrap_or_else(|e| panic!("{chunk}: {}", lossy(&e.message)));
    strata_spec::verify(&module).unwrap_or_else(|e| panic!("{chunk}: {e}"));
    let main = engine::load_main(&mut session.vm, Arc::new(module)).expect("no limit is set");
    engine::keep(&mut session.vm, 0, main).expect("no limit is set");
    // What the host calls begins interpreted.
    let caller = strata_lua::compile(CALLER, b"=caller").expect("Lua");
    let caller = engine::load_main(&mut session.vm, Arc::new(caller)).expect("no limit is set");
    engine::keep(&mut session.vm, 1, caller).expect("no limit is set");
    engine::interpret_always(&mut session.vm, caller, false);
    let mut first = None;
    let (mut failed, mut quiet) = (0, 0);
    for round in 0..ROUNDS {
        let end = session.call(caller, &[main, Value::bool(round % 2 > 0)]);
        assert_eq!(end, End::Returned(0), "{chunk}, round {round}, {way}");
        let seen = lossy(&session.take_output());
        let first = first.get_or_insert_with(|| seen.clone());
        assert_eq!(*first, seen, "{chunk}, round {round}, {way}");
        let now = engine::guards_failed(&mut session.vm);
        quiet = if now == failed { quiet + 1 } else { 0 };
        failed = now;
        if quiet == QUIET {
            break;
        }
    }
    let coverage = engine::guard_coverage(&mut session.vm);
    (first.unwrap_or_default(), coverage)
}

/// Guards by kind: how many failed, and how many there are.
type Kinds = BTreeMap<&'static str, (usize, usize)>;

/// All of them.
fn sum(kinds: &Kinds) -> (usize, usize) {
    let sums = kinds.values().copied();
    sums.fold((0, 0), |(f, n), (failed, all)| (f + failed, n + all))
}

/// What is known of a program: its guards by kind, and those that never failed.
struct Covered {
    kinds: Kinds,
    rest: Vec<Guard>,
}

/// Runs a program interpreted and with failing guards: how many did, of how many.
fn covered(source: &[u8], chunk: &str, mode: JitMode) -> Covered {
    let (right, _) = run(source, chunk, &Way::interpreted());
    let (mut failed, mut made) = (HashSet::new(), HashMap::new());
    for way in once(mode) {
        let (seen, coverage) = run(source, chunk, &way);
        assert_eq!(right, seen, "{chunk}, {way}");
        failed.extend(coverage.failed);
        made.extend(coverage.made);
    }
    let (mut kinds, mut rest) = (Kinds::new(), Vec::new());
    for (key, guard) in made {
        let (reached, all) = kinds.entry(guard.kind).or_default();
        *all += 1;
        if failed.contains(&key) {
            *reached += 1;
        } else {
            rest.push(guard);
        }
    }
    rest.sort_by_key(|g| (g.line, g.pc, g.tier, g.kind));
    Covered { kinds, rest }
}

#[test]
fn every_guard_of_the_corpus_fails_once() {
    for mode in [JitMode::Baseline, JitMode::Full] {
        let (mut failed, mut all) = (0, 0);
        for program in corpus::programs() {
            let chunk = format!("@{}.lua", program.name);
            let (f, n) = sum(&covered(&program.source, &chunk, mode).kinds);
            failed += f;
            all += n;
        }
        eprintln!("{mode}: {failed} of {all} guards");
        // They run little: most guards wait for a call that never comes.
        assert!(all > 100, "{mode}: {all}");
        assert!(failed * 8 >= all, "{mode}: {failed} of {all}");
    }
}

/// What [`smaller`] replaces besides, in which program: what takes more time than its
/// figures say, or needs them to be large.
const FIGURES: &[(&str, &str, &str)] = &[
    ("binary_trees", "DEPTH = 16", "DEPTH = 6"),
    ("fannkuch", "N = 9", "N = 6"),
    ("fft", "BITS = 13", "BITS = 6"),
    ("permutations", "N, ROUNDS = 9, 8", "N, ROUNDS = 5, 3"),
    ("queens", "N = 10", "N = 6"),
    (
        "sieve",
        "LIMIT, ROUNDS = 1000000, 14",
        "LIMIT, ROUNDS = 9000, 5",
    ),
    ("knapsack", "900, 20000", "40, 400"),
    (
        "knapsack",
        "longest_increasing(6500)",
        "longest_increasing(120)",
    ),
    ("tak", "for _ = 1, 14 do", "for _ = 1, 2 do"),
    ("tak", "tak(18, 12, z)", "tak(9, 6, z)"),
    ("tak", "for n = 1, 8 do", "for n = 1, 3 do"),
    ("compressor", "ROUNDS = 15", "ROUNDS = 1"),
    ("expr_compiler", "REPEATS = 60", "REPEATS = 2"),
    ("json_codec", "ROUNDS = 48", "ROUNDS = 2"),
    ("kv_store", "OPERATIONS = 52000", "OPERATIONS = 2500"),
    ("lisp", "ROUNDS = 38", "ROUNDS = 2"),
    ("logic", "ROUNDS = 17", "ROUNDS = 1"),
    ("pretty_printer", "ROUNDS = 42", "ROUNDS = 2"),
    ("regex", "ROUNDS = 150", "ROUNDS = 3"),
    ("scheduler", "ROUNDS = 50", "ROUNDS = 2"),
];

/// Lines at a program's top that may have figures.
const HEAD: usize = 6;

/// A benchmark with less to do: a figure at its top is little more than the square root
/// of what it was. What it computes then nobody says, so that it isn't checked.
fn smaller(path: &Path, source: &str) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut source = source.replace("assert(got == \"", "assert(got ~= \"");
    let mut other = FIGURES.iter().filter(|f| f.0 == name).peekable();
    if other.peek().is_some() {
        for (_, from, to) in other {
            assert!(source.contains(from), "{name}: {from}");
            source = source.replace(from, to);
        }
        return source;
    }
    let less = |word: &str| {
        let digits = word.trim_end_matches(',');
        match digits.parse::<u32>() {
            Ok(n @ 13..) => word.replace(digits, &(12 + (n - 12).isqrt()).to_string()),
            _ => word.to_owned(),
        }
    };
    let figures = |line: &str| {
        let (names, values) = line.strip_prefix("local ")?.split_once(" = ")?;
        let constants = names.replace(" <const>", "");
        let values: Vec<String> = values.split(' ').map(less).collect();
        (constants.to_uppercase() == constants)
            .then(|| format!("local {names} = {}", values.join(" ")))
    };
    let lines = source.lines().enumerate();
    let lines = lines.map(|(n, line)| match figures(line) {
        Some(less) if n < HEAD => less,
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The programs of the benchmarks.
fn benches() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/programs");
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("a readable folder");
        entries.map(|e| e.expect("an entry").path()).collect()
    };
    let groups = list(&folder).into_iter().filter(|p| p.is_dir());
    let mut all: Vec<PathBuf> = groups.flat_map(|g| list(&g)).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == "lua"));
    all.sort();
    all
}

/// Takes minutes.
#[test]
#[cfg(feature = "long")]
fn guards_of_benchmarks() {
    let filter = std::env::var("GUARDS_FILTER").unwrap_or_default();
    let mode = match std::env::var("GUARDS_MODE").as_deref() {
        Ok("baseline") => JitMode::Baseline,
        _ => JitMode::Full,
    };
    let whole = std::env::var_os("GUARDS_SIZE").is_some_and(|s| s == "full");
    let show = std::env::var_os("GUARDS_SHOW").is_some();
    let (mut failed, mut all, mut low) = (0, 0, Vec::new());
    let mut kinds = Kinds::new();
    for path in benches() {
        let name = path.display().to_string();
        if !name.contains(&filter) {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("a readable program");
        let source = if whole {
            source
        } else {
            smaller(&path, &source)
        };
        let begun = Instant::now();
        let covered = covered(source.as_bytes(), "@bench.lua", mode);
        let (f, n) = sum(&covered.kinds);
        for (kind, (failed, made)) in covered.kinds {
            let (f, n) = kinds.entry(kind).or_default();
            *f += failed;
            *n += made;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let percent = 100.0 * f as f64 / n.max(1) as f64;
        println!(
            "{name:<20} {f:>6} of {n:>6} guards failed, {percent:5.1} %, {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        if show {
            for Guard {
                tier,
                kind,
                line,
                pc,
                early,
            } in covered.rest
            {
                println!(
                    "    tier {tier} line {line} pc {pc} {kind}{}",
                    if early { ", early" } else { "" }
                );
            }
        }
        if percent < 90.0 {
            low.push(name.into_owned());
        }
        failed += f;
        all += n;
    }
    for (kind, (failed, made)) in kinds {
        println!("{kind:<20} {failed:>6} of {made:>6}");
    }
    println!("{failed} of {all}; below 90 %: {low:?}");
    assert!(all > 0, "no program");
}
