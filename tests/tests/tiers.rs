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
//! | `FUZZ_INDEX` | of that seed, only this group |
//! | `FUZZ_BATCH` | groups of a seed, before the next seed's turn (100) |
//! | `FUZZ_KIND` | `quick`, `llvm`, `cached`, `deep`, `small`, `modules` or `mixed` (`mixed`) |
//! | `FUZZ_LOG` | a file to which each seed's figures are appended |
//! | `FUZZ_REPLAY` | a case to replay, instead |
//!
//! A failure is shrunk, printed with what replays it, and saved under
//! `regressions/`, whose cases `make test` replays. The program that is running
//! is in `target/tmp/fuzz-case-PID.lua`, should it end the process.

#![cfg_attr(
    not(feature = "long"),
    allow(dead_code, unused_imports, reason = "what only the long tests use")
)]

mod audit;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strata::engine;
use strata_runtime::audit as planting;
use strata_tests::differential::Case;
use strata_tests::fuzz::{Counts, Generator, Kind};

/// Where the running group is.
fn note() -> PathBuf {
    let name = format!("fuzz-case-{}.lua", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs one group.
///
/// # Panics
/// It fails; what shows it is saved.
fn try_group(generator: &Generator, (seed, index): (u64, u64), counts: &mut Counts) {
    let Err(failure) = generator.try_group(generator.group(seed, index), counts) else {
        return;
    };
    eprintln!(
        "FUZZ_SEED={seed} FUZZ_INDEX={index}: {}: {}",
        failure.way, failure.why
    );
    if planting::POSSIBLE {
        panic!("found");
    }
    let case = Case {
        way: failure.way,
        source: failure.source,
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

/// Runs some groups of a kind.
fn slice(kind: Kind, groups: u64) -> Counts {
    let mut counts = Counts::default();
    let generator = Generator::new(kind, &note());
    for index in 0..groups {
        try_group(&generator, (29, index), &mut counts);
    }
    eprintln!("{}", counts.line());
    // Else the programs are too long to test anything.
    assert!(counts.skipped * 10 <= counts.programs, "{counts:?}");
    assert!(counts.baseline > counts.programs, "{counts:?}");
    if engine::optimizing().is_none() {
        assert!(counts.optimized * 2 > counts.programs, "{counts:?}");
    }
    counts
}

#[test]
fn generated_programs_show_the_same_in_every_tier() {
    slice(Kind::Deep, if cfg!(debug_assertions) { 20 } else { 80 });
}

#[test]
fn small_programs_show_the_same_in_every_tier() {
    slice(Kind::Small, if cfg!(debug_assertions) { 4 } else { 20 });
}

#[test]
fn quick_programs_show_the_same_in_turns() {
    slice(Kind::Quick, if cfg!(debug_assertions) { 5 } else { 8 });
}

#[test]
fn code_from_a_cache_shows_the_same() {
    let counts = slice(Kind::Cached, if cfg!(debug_assertions) { 3 } else { 8 });
    if engine::optimizing().is_none() {
        // Each program has a second VM, and what is hot there was hot in the first.
        assert!(counts.cached * 4 > counts.optimized, "{counts:?}");
    }
}

#[test]
fn modules_that_no_compiler_makes_show_the_same_in_every_tier() {
    slice(Kind::Modules, if cfg!(debug_assertions) { 4 } else { 20 });
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

fn kind() -> Kind {
    let name = std::env::var("FUZZ_KIND").unwrap_or_default();
    Kind::parse(&name).unwrap_or_else(|| panic!("FUZZ_KIND={name}: no such kind"))
}

#[test]
#[cfg(feature = "long")]
fn fuzz_tiers() {
    let generator = Generator::new(kind(), &note());
    let seed = variable("FUZZ_SEED");
    let mut seed = seed.unwrap_or_else(strata_runtime::os::random_seed) % 1_000_000_000_000;
    let mut all = Counts::default();
    if let Some(index) = variable("FUZZ_INDEX") {
        try_group(&generator, (seed, index), &mut all);
        println!("{}", all.line());
        return;
    }
    let batch = variable("FUZZ_BATCH").unwrap_or(100);
    let start = Instant::now();
    let time = Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(60));
    // How long a bug is looked for should not depend on what else runs.
    let spent = || match strata_runtime::os::cpu_seconds() {
        Some(seconds) if planting::POSSIBLE => Duration::from_secs_f64(seconds),
        _ => start.elapsed(),
    };
    let log = std::env::var_os("FUZZ_LOG").filter(|f| !f.is_empty());
    let mut told = Instant::now();
    while spent() < time {
        let mut counts = Counts::default();
        for index in 0..batch {
            if spent() >= time {
                break;
            }
            try_group(&generator, (seed, index), &mut counts);
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

/// Prints a program, to look at: `FUZZ_SEED`, `FUZZ_INDEX`.
#[test]
#[cfg(feature = "long")]
fn show_case() {
    let (Some(seed), Some(index)) = (variable("FUZZ_SEED"), variable("FUZZ_INDEX")) else {
        return;
    };
    let group = Generator::new(kind(), &note()).group(seed, index);
    for way in &group.ways {
        println!("-- {way}");
    }
    println!("{}", group.text());
}
