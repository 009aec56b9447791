//! Generated programs in every tier: what the interpreter prints, compiled
//! code prints, under any mixture of stress modes.
//!
//! Each program is the body of a function that is called a few times, so that
//! the first calls gather feedback and the later ones run code made from it.
//! `make fuzz` runs the test of feature `long` with fresh seeds for
//! `FUZZ_SECONDS`.

#![cfg_attr(
    not(feature = "long"),
    allow(dead_code, unused_imports, reason = "what only the long tests use")
)]

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::time::{Duration, Instant};
use strata::stress::{Delivery, ForcedExits, StressModes};
use strata::{JitMode, JitOptions, engine};
use strata_tests::generate::program;
use strata_tests::session::{End, Session, lossy};

/// How often a program's function is called.
const CALLS: u32 = 6;

fn repeated(program: &str) -> String {
    format!(
        "local function main(...)\n{program}\nend\nfor _ = 1, {CALLS} do print(pcall(main, 1)) end"
    )
}

fn modes() -> impl Strategy<Value = StressModes> {
    let deopt = prop_oneof![
        Just(ForcedExits::None),
        (1..6u32).prop_map(ForcedExits::Nth),
        (0..20u32).prop_map(ForcedExits::Guard),
    ];
    let queue = prop_oneof![
        Just(Delivery::Sync),
        (1..30u32).prop_map(Delivery::Delay),
        Just(Delivery::Reorder),
        Just(Delivery::Drop),
    ];
    let often = |n: u32| prop_oneof![3 => Just(0), 1 => 1..n];
    (
        deopt,
        any::<bool>(),
        often(40),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        often(5),
        prop::option::weighted(0.3, 1..20u32),
        prop::bool::weighted(0.3),
        queue,
    )
        .prop_map(
            |(deopt, poison, gc, osr, invalidate, bailout, stack, interrupt, queue)| StressModes {
                deopt,
                poison,
                gc,
                osr,
                invalidate,
                bailout,
                stack,
                interrupt,
                oom: 0,
                queue,
            },
        )
}

/// What a program prints, and how many compiles that took.
fn run(
    source: &str,
    jit: &JitOptions,
    modes: &StressModes,
) -> Result<(Vec<u8>, u64), TestCaseError> {
    let mut session = Session::compiling(jit);
    engine::set_stress(&mut session.vm, modes);
    let deadline = Instant::now() + Duration::from_secs(300);
    session
        .vm
        .set_deadline(Some(deadline))
        .map_err(|e| TestCaseError::fail(e.to_string()))?;
    let outcome = session.run(source, "=program");
    match outcome.end {
        End::Returned(_) => {
            session.check_heap("after a generated program");
            let compiles = engine::jit_stats(&mut session.vm).compiles;
            Ok((outcome.output, compiles))
        }
        other => Err(TestCaseError::fail(format!("ended with: {other}"))),
    }
}

/// How far functions are compiled.
#[derive(Clone, Copy, Debug)]
struct Compiling {
    /// After so many calls or back-edges.
    threshold: u32,
    /// By the optimizing compiler, too, where it is built in.
    optimizing: bool,
}

/// By the baseline compiler, or by both.
fn compiling(optimizing: impl Strategy<Value = bool>) -> impl Strategy<Value = Compiling> {
    (1..4u32, optimizing).prop_map(|(threshold, optimizing)| Compiling {
        threshold,
        optimizing,
    })
}

fn options(compiling: Compiling) -> JitOptions {
    let mut options = JitOptions {
        mode: if compiling.optimizing {
            JitMode::Full
        } else {
            JitMode::Baseline
        },
        ..JitOptions::default()
    };
    options.thresholds.calls = compiling.threshold;
    options.thresholds.back_edges = compiling.threshold;
    options.thresholds.hot = compiling.threshold;
    options.thresholds.best = compiling.threshold;
    options
}

fn check(program: &str, how: Compiling, modes: &StressModes) -> Result<(), TestCaseError> {
    let source = repeated(program);
    let off = JitOptions {
        mode: JitMode::Off,
        ..JitOptions::default()
    };
    let (expected, _) = run(&source, &off, &StressModes::default())?;
    let (got, compiles) = run(&source, &options(how), modes)?;
    if modes.bailout != 1 && how.threshold < CALLS {
        prop_assert!(compiles > 0, "nothing was compiled");
    }
    if expected != got {
        let (expected, got) = (lossy(&expected), lossy(&got));
        let line = expected.lines().zip(got.lines()).position(|(a, b)| a != b);
        let at = line.unwrap_or(0);
        return Err(TestCaseError::fail(format!(
            "line {}: interpreted {:?}, compiled {:?}",
            at + 1,
            expected.lines().nth(at),
            got.lines().nth(at)
        )));
    }
    Ok(())
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    }
}

#[test]
fn compiled_programs_print_what_interpreted_ones_do() {
    let cases = if cfg!(debug_assertions) { 100 } else { 400 };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[23; 32]);
    let mut runner = TestRunner::new_with_rng(config(cases), rng);
    runner
        .run(
            &(program(), compiling(Just(false)), modes()),
            |(source, how, modes)| check(&source, how, &modes),
        )
        .unwrap_or_else(|e| panic!("{e}"));
}

/// The same with the optimizing compiler, which takes its time.
#[test]
fn optimized_programs_print_what_interpreted_ones_do() {
    let cases = if cfg!(debug_assertions) { 10 } else { 40 };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[29; 32]);
    let mut runner = TestRunner::new_with_rng(config(cases), rng);
    runner
        .run(
            &(program(), compiling(Just(true)), modes()),
            |(source, how, modes)| check(&source, how, &modes),
        )
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
#[cfg(feature = "long")]
fn fuzz_tiers() {
    let seconds = std::env::var("FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|s| s.parse().ok()).unwrap_or(60);
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|s| s.parse().ok());
    let mut seed: u64 = seed.unwrap_or_else(strata_runtime::os::random_seed);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut programs = 0u64;
    while Instant::now() < until {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config(50), rng);
        runner
            .run(
                &(program(), compiling(any::<bool>()), modes()),
                |(source, how, modes)| check(&source, how, &modes),
            )
            .unwrap_or_else(|e| panic!("FUZZ_SEED={seed}: {e}"));
        programs += 50;
        seed = seed.wrapping_add(1);
    }
    println!("{programs} programs in two tiers");
}
