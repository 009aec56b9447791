//! Generated programs in every tier: what the interpreter shows, compiled code
//! shows, under any mixture of stress modes.
//!
//! Each program runs a few times in a VM, so that the first runs gather feedback
//! and the later ones run code made from it. `make fuzz` runs `fuzz_tiers` with
//! these variables:
//!
//! | | |
//! |---|---|
//! | `FUZZ_SECONDS` | how long (60) |
//! | `FUZZ_SEED` | the first seed; else a fresh one |
//! | `FUZZ_INDEX` | of that seed, only this program |
//! | `FUZZ_BATCH` | programs of a seed, before the next seed's turn (200) |
//! | `FUZZ_OPTIMIZE` | one of so many programs is optimized, too (1) |
//! | `FUZZ_LOG` | a file to which each seed's figures are appended |
//! | `FUZZ_REPLAY` | a case to replay, instead |
//!
//! A failure is shrunk, printed with what replays it, and saved under
//! `regressions/`, whose cases `make test` replays. The program that is running
//! is in `target/tmp/fuzz-case.lua`, should it end the process.

#![cfg_attr(
    not(feature = "long"),
    allow(dead_code, unused_imports, reason = "what only the long tests use")
)]

use proptest::strategy::ValueTree;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strata::stress::ForcedExits;
use strata::{JitMode, engine};
use strata_runtime::audit;
use strata_tests::differential::{Case, Observed, Program, Trouble, Way, compare};
use strata_tests::generate::tiers::{bodies, whole};
use strata_tests::generate::tree::{Grown, Texts};
use strata_tests::rng::Rng;

/// Programs and their runs.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    programs: u64,
    /// Given up: they take too long.
    skipped: u64,
    runs: u64,
    baseline: u64,
    optimized: u64,
    exits: u64,
}

impl Counts {
    fn line(&self) -> String {
        let Counts {
            programs,
            skipped,
            runs,
            baseline,
            optimized,
            exits,
        } = self;
        format!(
            "{programs} programs ({skipped} skipped), {runs} runs: {baseline} with tier 1, {optimized} with tier 2, {exits} with exits of it"
        )
    }

    fn add(&mut self, other: &Counts) {
        self.programs += other.programs;
        self.skipped += other.skipped;
        self.runs += other.runs;
        self.baseline += other.baseline;
        self.optimized += other.optimized;
        self.exits += other.exits;
    }
}

/// How long the interpreter may take: programs that take longer say nothing
/// more. And how long any other way may, which is far more than it needs.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(120);

/// Runs that take longer are told of.
const SLOW: Duration = Duration::from_secs(3);

/// The ways in which a program is run.
fn ways(rng: &mut Rng, optimized: bool) -> Vec<Way> {
    let mut ways = vec![Way::compiled(JitMode::Baseline)];
    for _ in 0..2 {
        ways.push(Way::random(rng, JitMode::Baseline));
    }
    if optimized && engine::optimizing().is_none() {
        ways.push(Way::compiled(JitMode::Full));
        ways.push(Way::random(rng, JitMode::Full));
    }
    ways
}

/// Where the running program is.
fn note() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-case.lua")
}

/// What is wrong with a program in one way.
struct Failure {
    way: Way,
    why: String,
}

/// Runs `source` in all of `ways`.
fn check(source: &str, ways: &[Way], counts: &mut Counts) -> Result<(), Failure> {
    let failure = |way: &Way, why: String| Failure {
        way: way.clone(),
        why,
    };
    counts.programs += 1;
    let plain = Way::interpreted();
    let program = Program::new(source).map_err(|e| failure(&plain, e))?;
    counts.runs += 1;
    let right: Observed = match program.run(&plain, SHORT) {
        Ok((observed, _)) => observed,
        Err(Trouble::Time) => {
            counts.skipped += 1;
            return Ok(());
        }
        Err(Trouble::Broken(why)) => return Err(failure(&plain, why)),
    };
    for way in ways {
        let case = Case {
            way: way.clone(),
            source: source.into(),
        };
        // Should the process end, this is what it was at.
        let _ = std::fs::write(note(), case.text());
        counts.runs += 1;
        let begun = Instant::now();
        // Where guards fail on purpose there are states to compare.
        let result = match way.modes.deopt {
            ForcedExits::None => program.run(way, LONG),
            _ => program.run_with_states(way, LONG),
        };
        if begun.elapsed() > SLOW {
            let slow = note().with_extension(format!("{}.lua", counts.runs));
            eprintln!("{:.1} s: {}", begun.elapsed().as_secs_f64(), slow.display());
            let _ = std::fs::copy(note(), slow);
        }
        match result {
            Ok((seen, ran)) => {
                counts.baseline += u64::from(ran.baseline);
                counts.optimized += u64::from(ran.optimized);
                counts.exits += u64::from(ran.exits);
                compare(&right, &seen).map_err(|why| failure(way, why))?;
            }
            Err(Trouble::Time) => return Err(failure(way, "takes too long".into())),
            Err(Trouble::Broken(why)) => return Err(failure(way, why)),
        }
    }
    Ok(())
}

/// Makes a failing program smaller as long as it fails that way.
fn shrink(grown: &mut Grown, failure: &mut Failure, until: Instant) {
    let ways = [failure.way.clone()];
    let mut more = grown.simplify();
    while more && Instant::now() < until {
        let fails = check(&whole(&grown.current()), &ways, &mut Counts::default());
        more = match fails {
            Err(smaller) => {
                failure.why = smaller.why;
                grown.simplify()
            }
            Ok(()) => grown.complicate(),
        };
    }
    while more {
        more = grown.complicate();
    }
}

/// Program `index` of a seed, and its ways.
fn case(texts: &Texts, seed: u64, index: u64) -> (Grown, Vec<Way>) {
    let mut rng = Rng::new(seed, index);
    let grown = texts.one(&mut rng);
    let every = variable("FUZZ_OPTIMIZE").unwrap_or(1).max(1);
    (grown, ways(&mut rng, index.is_multiple_of(every)))
}

/// Runs one of the programs.
///
/// # Panics
/// It fails; it is shrunk and saved.
fn try_case(texts: &Texts, (seed, index): (u64, u64), counts: &mut Counts) {
    let (mut grown, ways) = case(texts, seed, index);
    let Err(mut failure) = check(&whole(&grown.current()), &ways, counts) else {
        return;
    };
    eprintln!(
        "FUZZ_SEED={seed} FUZZ_INDEX={index}: {}: {}; shrinking",
        failure.way, failure.why
    );
    let whole_text = whole(&grown.current());
    if audit::POSSIBLE {
        panic!("found");
    }
    shrink(&mut grown, &mut failure, Instant::now() + LONG);
    let source = whole(&grown.current());
    let case = Case {
        way: failure.way,
        source: if source.len() < whole_text.len() {
            source
        } else {
            whole_text
        },
    };
    let path = regressions().join(format!("seed-{seed}-{index}.lua"));
    let saved = std::fs::create_dir_all(regressions())
        .and_then(|()| std::fs::write(&path, case.text()))
        .is_ok();
    let mut message = format!(
        "FUZZ_SEED={seed} FUZZ_INDEX={index}: {}\n{}\n",
        failure.why,
        case.text()
    );
    if saved {
        let _ = write!(
            message,
            "replay: FUZZ_REPLAY={} cargo test -p strata-tests --features long,strata/llvm --test tiers -- --nocapture replay",
            path.display()
        );
    }
    panic!("{message}");
}

/// The folder of cases that once failed.
fn regressions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

fn small() -> Texts {
    bodies((2, 80))
}

#[test]
fn generated_programs_show_the_same_in_every_tier() {
    let programs = if cfg!(debug_assertions) { 20 } else { 80 };
    let mut counts = Counts::default();
    for index in 0..programs {
        try_case(&small(), (29, index), &mut counts);
    }
    eprintln!("{}", counts.line());
    // Else the programs are too long to test anything.
    assert!(counts.skipped * 10 <= counts.programs, "{counts:?}");
    assert!(counts.baseline > counts.programs, "{counts:?}");
    if engine::optimizing().is_none() {
        assert!(counts.optimized > counts.programs, "{counts:?}");
    }
}

#[test]
fn what_once_failed_does_not() {
    let Ok(folder) = std::fs::read_dir(regressions()) else {
        panic!("no folder {}", regressions().display());
    };
    let mut cases = 0;
    for entry in folder {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|e| e == "lua") {
            let case = Case::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            if let Err(e) = case.check() {
                panic!("{}: {e}", path.display());
            }
            cases += 1;
        }
    }
    eprintln!("{cases} cases");
    assert!(cases > 0);
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|t| !t.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    )
}

#[test]
#[cfg(feature = "long")]
fn fuzz_tiers() {
    let texts = small();
    let seed = variable("FUZZ_SEED");
    let mut seed = seed.unwrap_or_else(strata_runtime::os::random_seed) % 1_000_000_000_000;
    let mut all = Counts::default();
    if let Some(index) = variable("FUZZ_INDEX") {
        try_case(&texts, (seed, index), &mut all);
        println!("{}", all.line());
        return;
    }
    let batch = variable("FUZZ_BATCH").unwrap_or(200);
    let start = Instant::now();
    let time = Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(60));
    let log = std::env::var_os("FUZZ_LOG").filter(|f| !f.is_empty());
    let mut told = Instant::now();
    while start.elapsed() < time {
        let mut counts = Counts::default();
        for index in 0..batch {
            if start.elapsed() >= time {
                break;
            }
            try_case(&texts, (seed, index), &mut counts);
            if told.elapsed() > Duration::from_secs(20) {
                told = Instant::now();
                let mut so_far = all;
                so_far.add(&counts);
                eprintln!(
                    "fuzz_tiers: {:.0} s, seed {seed}: {}",
                    start.elapsed().as_secs_f64(),
                    so_far.line()
                );
            }
        }
        if let Some(log) = &log {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(log)
                .expect("the file for figures");
            writeln!(file, "seed {seed}: {}", counts.line()).expect("room for figures");
        }
        all.add(&counts);
        seed = seed.wrapping_add(1);
    }
    println!(
        "fuzz_tiers: {:.0} s: {}",
        start.elapsed().as_secs_f64(),
        all.line()
    );
}

/// Runs a case from a file (`FUZZ_REPLAY`) and prints what it shows.
#[test]
#[cfg(feature = "long")]
fn replay() {
    let Some(path) = std::env::var_os("FUZZ_REPLAY").filter(|f| !f.is_empty()) else {
        return;
    };
    let case = Case::read(Path::new(&path)).unwrap_or_else(|e| panic!("{e}"));
    match case.check() {
        Ok(ran) => println!("{}: the same as interpreted, {ran:?}", case.way),
        Err(e) => panic!("{}: {e}", case.way),
    }
}

/// Plants the bugs of `strata_runtime::audit` one after the other, and has
/// `fuzz_tiers` look for each in a process of its own, for `AUDIT_SECONDS` (60).
/// `AUDIT_BUGS`, a list of names, plants those only. `make audit` builds for it.
#[test]
#[cfg(feature = "long")]
fn audit_finds_planted_bugs() {
    if !audit::POSSIBLE {
        eprintln!("not built for planted bugs: make audit");
        return;
    }
    let seconds = variable("AUDIT_SECONDS").unwrap_or(60);
    let only = std::env::var("AUDIT_BUGS").unwrap_or_default();
    let only: Vec<&str> = only.split([',', ' ']).filter(|n| !n.is_empty()).collect();
    let bugs = audit::Bug::ALL.iter();
    let bugs: Vec<_> = bugs
        .filter(|b| only.is_empty() || only.contains(&b.1))
        .collect();
    let seed = variable("FUZZ_SEED").unwrap_or(1);
    let mut found = 0;
    println!(
        "{:<18} {:>8}  {:<40} what is wrong",
        "bug", "seconds", "found by"
    );
    for (_, name, about) in &bugs {
        let (how, took) = look_for(name, seed, Duration::from_secs(seconds));
        found += usize::from(how.is_some());
        println!(
            "{name:<18} {:>8.1}  {:<40} {about}",
            took.as_secs_f64(),
            how.as_deref().unwrap_or("NOT FOUND")
        );
    }
    println!(
        "{found} of {} found, seed {seed}, {seconds} s each",
        bugs.len()
    );
    let clean = look_for("", seed, Duration::from_secs(seconds)).0;
    assert_eq!(clean, None, "found without a bug");
    // Most of them, or else the fuzzer has become blind.
    assert!(found * 10 >= bugs.len() * 8);
}

/// Looks for a bug: how it was found, if it was, and after how long.
#[cfg(feature = "long")]
fn look_for(bug: &str, seed: u64, time: Duration) -> (Option<String>, Duration) {
    let exe = std::env::current_exe().expect("the path of the test program");
    let told = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit.err");
    let begun = Instant::now();
    let mut command = std::process::Command::new(exe);
    command
        .args(["--exact", "fuzz_tiers", "--nocapture"])
        .env("FUZZ_SECONDS", time.as_secs().to_string())
        .env("FUZZ_SEED", seed.to_string())
        .env_remove("FUZZ_INDEX")
        .stdout(std::process::Stdio::null())
        .stderr(std::fs::File::create(&told).expect("a file for messages"));
    if !bug.is_empty() {
        command.env("STRATA_AUDIT", bug);
    }
    let mut child = command.spawn().expect("start a child");
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait for the child") {
            break status.to_string();
        }
        if begun.elapsed() > time + LONG {
            let _ = child.kill();
            let _ = child.wait();
            break "hang".into();
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let took = begun.elapsed();
    if status == "exit status: 0" {
        return (None, took);
    }
    let told = std::fs::read_to_string(&told).unwrap_or_default();
    let place = told.lines().find_map(|l| {
        let (_, index) = l.split_once("FUZZ_INDEX=")?;
        Some(format!("program {}", index.split(':').next()?))
    });
    (Some(place.unwrap_or(status)), took)
}

/// Prints a program, to look at: `FUZZ_SEED`, `FUZZ_INDEX`.
#[test]
#[cfg(feature = "long")]
fn show_case() {
    let (Some(seed), Some(index)) = (variable("FUZZ_SEED"), variable("FUZZ_INDEX")) else {
        return;
    };
    let (grown, ways) = case(&small(), seed, index);
    for way in ways {
        println!("-- {way}");
    }
    println!("{}", whole(&grown.current()));
}
