//! Each guard of each benchmark program fails once, on purpose: the program prints
//! the same all the same.
//!
//! With `deopt=once` a guard fails the first time it is reached. The interpreter goes
//! on then, up to the next place where code is entered, so that of several guards in a
//! row one run has one fail. So programs run again and again, each time in a new VM,
//! until no guard fails any more that has not failed before; and in several
//! [ways](once), since code that is never entered has guards that are never reached.
//!
//! What is counted: a *guard* is what code of one tier checks for one reason at one
//! instruction of a function, before the loop that begins there or at the instruction
//! itself. Copies of it (in code that was made again, or for a loop and for the whole
//! function, or where the function was inlined) are the same guard. It counts from when
//! code with it was installed, and has failed if the code was left there although what
//! it expects was there. All ways together are counted. Those that never failed were,
//! where somebody looked, on ways that the program never takes: behind calls in which
//! coroutines switch, which leave no native frame to come back to; where `#s` of what is
//! always a string would be a table's; in the copy of a loop for keys outside of an array.
//!
//! Programs are benchmarks with [smaller figures](smaller), or as they are with
//! `GUARDS_SIZE=full`, which takes hours.
//!
//! `make guards` prints how many there are and how many failed, by program
//! (`GUARDS_FILTER`: only programs whose path contains it; `GUARDS_MODE`: `full`
//! or `baseline`; `GUARDS_SHOW=1`: which never failed). The normal tests take the
//! programs of the corpus and a few benchmarks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use strata::stress::{Coverage, ForcedExits, Guard};
use strata::{JitMode, engine};
use strata_spec::Module;
use strata_tests::corpus;
use strata_tests::differential::Way;
use strata_tests::session::{End, Session, lossy};

/// How long a program may take.
const TIME: Duration = Duration::from_secs(300);

/// How often a program runs in a way at most, and in how many runs in a row no guard
/// fails any more that has not.
const RUNS: u32 = 100;
const QUIET: u32 = 2;

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
        for (way, hot) in [(way.clone(), 1), (loops, 2000), (polls, 200), (way, 40)] {
            ways.push(Way { mode, hot, ..way });
        }
    }
    ways
}

/// How often a program runs in a VM whose code is the baseline compiler's. It takes the
/// code of functions from their beginning, also that of the main chunk, which is first
/// there when it runs again. Optimized code of the main chunk takes its loops, if it
/// runs once, as programs do.
const AGAIN: u32 = 4;

/// Runs a program in a VM, in which guards fail that are not among those that did
/// `before`: what each run prints, and which guards have failed now.
fn run(program: &(Arc<Module>, &str), way: &Way, before: Coverage) -> (String, Coverage) {
    let mut session = Session::compiling(&way.options());
    engine::set_stress(&mut session.vm, &way.modes);
    engine::set_guard_coverage(&mut session.vm, before);
    let until = Instant::now() + TIME;
    session.vm.set_deadline(Some(until)).expect("a watchdog");
    let main = engine::load_main(&mut session.vm, program.0.clone()).expect("no limit is set");
    engine::keep(&mut session.vm, 0, main).expect("no limit is set");
    // What the host calls begins interpreted.
    let caller = strata_lua::compile(b"local main = ... main()", b"=caller").expect("Lua");
    let caller = engine::load_main(&mut session.vm, Arc::new(caller)).expect("no limit is set");
    engine::keep(&mut session.vm, 1, caller).expect("no limit is set");
    engine::interpret_always(&mut session.vm, caller, false);
    let times = if way.mode == JitMode::Baseline {
        AGAIN
    } else {
        1
    };
    let mut first = None;
    for _ in 0..times {
        let end = session.call(caller, &[main]);
        assert_eq!(end, End::Returned(0), "{}, {way}", program.1);
        let seen = lossy(&session.take_output());
        let first = first.get_or_insert_with(|| seen.clone());
        assert_eq!(*first, seen, "{}, {way}", program.1);
    }
    let coverage = engine::take_guard_coverage(&mut session.vm);
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
    let module = strata_lua::compile(source, chunk.as_bytes());
    let module = module.unwrap_or_else(|e| panic!("{chunk}: {}", lossy(&e.message)));
    strata_spec::verify(&module).unwrap_or_else(|e| panic!("{chunk}: {e}"));
    let module = (Arc::new(module), chunk);
    let (right, mut all) = run(&module, &Way::interpreted(), Coverage::default());
    for way in once(mode) {
        let mut quiet = 0;
        for _ in 0..RUNS {
            let failed = all.failed.len();
            let seen;
            (seen, all) = run(&module, &way, all);
            assert_eq!(right, seen, "{chunk}, {way}");
            quiet = if all.failed.len() == failed {
                quiet + 1
            } else {
                0
            };
            if quiet == QUIET {
                break;
            }
        }
    }
    let (mut kinds, mut rest) = (Kinds::new(), Vec::new());
    for (key, guard) in all.made {
        let (reached, there) = kinds.entry(guard.kind).or_default();
        *there += 1;
        if all.failed.contains(&key) {
            *reached += 1;
        } else {
            rest.push(guard);
        }
    }
    rest.sort_by_key(|g| (g.line, g.pc, g.tier, g.kind));
    Covered { kinds, rest }
}

#[test]
fn guards_of_the_corpus_fail_once() {
    let (mut failed, mut all) = (0, 0);
    let some = if cfg!(debug_assertions) { 3 } else { 1 };
    for program in corpus::programs().iter().step_by(some) {
        let chunk = format!("@{}.lua", program.name);
        let (f, n) = sum(&covered(&program.source, &chunk, JitMode::Full).kinds);
        failed += f;
        all += n;
    }
    eprintln!("{failed} of {all} guards");
    assert!(all > 50, "{all}");
    // They run little: some guards wait for a call that never comes.
    assert!(failed * 4 >= all * 3, "{failed} of {all}");
}

/// Benchmarks whose guards fail in the normal tests.
const SLICE: [&str; 4] = ["closures", "fannkuch", "ping_pong", "sieve"];

#[test]
fn guards_of_some_benchmarks_fail_once() {
    let mut programs = 0;
    for path in benches() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if !SLICE.contains(&&*name) {
            continue;
        }
        programs += 1;
        let source = std::fs::read_to_string(&path).expect("a readable program");
        let covered = covered(
            smaller(&path, &source).as_bytes(),
            "@bench.lua",
            JitMode::Full,
        );
        let (failed, all) = sum(&covered.kinds);
        let rest: Vec<String> = covered.rest.iter().map(ToString::to_string).collect();
        assert!(all >= 20, "{name}: {all}");
        assert!(
            failed * 10 >= all * 9,
            "{name}: {failed} of {all}: {rest:?}"
        );
    }
    assert_eq!(programs, SLICE.len());
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
    (
        "inheritance",
        r#"Premium.new(Premium, "c"),"#,
        r#"Premium.new(Premium, "c"), Savings.new(Savings, "d"), Account.new(Account, "e"),
        Account.new(Account, "f"), Savings.new(Savings, "g"), Premium.new(Premium, "h"),"#,
    ),
    (
        "physics",
        "CLOTH, CLOTH_STEPS = 26, 165",
        "CLOTH, CLOTH_STEPS = 12, 60",
    ),
    (
        "physics",
        "DISCS, DISC_STEPS = 90, 480",
        "DISCS, DISC_STEPS = 20, 480",
    ),
    ("protected", "ROUNDS = 2500000", "ROUNDS = 12000"),
    ("proxies", "ROUNDS = 3500000", "ROUNDS = 20000"),
    ("matmul", "N = 390", "N = 32"),
    ("zero_matrix", "N, STEPS = 120, 1150", "N, STEPS = 64, 20"),
    ("small_tables", "ROUNDS = 1500000", "ROUNDS = 120"),
    ("string_churn", "ROUNDS = 1300000", "ROUNDS = 120"),
    ("tail_calls", "ROUNDS = 92", "ROUNDS = 40"),
    ("tail_calls", "loop(160000", "loop(300"),
    ("tail_calls", "rep(1200)", "rep(150)"),
    ("tail_calls", "even(100000", "even(10"),
    (
        "tree_walk",
        "DEPTH, ROUNDS = 9, 640",
        "DEPTH, ROUNDS = 5, 12",
    ),
    (
        "avl_tree",
        "KEYS, ROUNDS = 3000, 40",
        "KEYS, ROUNDS = 120, 3",
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
    ("scheduler", "ROUNDS = 50", "ROUNDS = 6"),
    (
        "quicksort",
        "LENGTH, ROUNDS = 100000, 15",
        "LENGTH, ROUNDS = 1500, 4",
    ),
    ("quicksort", "a[50000]", "a[750]"),
    (
        "dynamic_keys",
        "ROUNDS, KEYS = 72, 30000",
        "ROUNDS, KEYS = 5, 400",
    ),
    ("dynamic_keys", "seen.k17", "#order"),
];

/// Lines at a program's top that may have figures.
const HEAD: usize = 6;

/// A benchmark with less to do: a figure at its top is little more than the square root
/// of what it was. What it computes then nobody says, so that it isn't checked.
fn smaller(path: &Path, source: &str) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut source = source.replace("assert(got == ", "assert(got ~= nil or ");
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
            for guard in covered.rest {
                println!("    {guard}");
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
    if filter.is_empty() && !whole {
        assert!(failed * 10 >= all * 9, "{failed} of {all}");
        assert!(low.len() <= 3, "{low:?}");
    }
}
