//! Properties of generated programs: what the front end emits verifies,
//! survives the container and the assembly text unchanged, gives the same
//! output from both, under stress, and as the reference implementation.
//!
//! `make fuzz` runs the test of feature `long` with fresh seeds for
//! `FUZZ_SECONDS`.

#![cfg_attr(
    not(feature = "long"),
    allow(dead_code, unused_imports, reason = "what only the long tests use")
)]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::time::{Duration, Instant};
use strata_spec::Module;
use strata_tests::generate::program;
use strata_tests::oracle;
use strata_tests::session::{End, Session, lossy};

fn compile(source: &str) -> Result<Module, TestCaseError> {
    strata_lua::compile(source.as_bytes(), b"=stdin")
        .map_err(|e| TestCaseError::fail(e.to_string()))
}

/// Container and text give the module back, and it verifies.
fn round_trips(module: &Module) -> Result<(), TestCaseError> {
    strata_spec::verify(module)
        .map_err(|e| TestCaseError::fail(format!("does not verify: {e}")))?;
    let bytes = strata_spec::write(module);
    let read = strata_spec::load(&bytes)
        .map_err(|e| TestCaseError::fail(format!("does not load: {e}")))?;
    prop_assert_eq!(&strata_spec::write(&read), &bytes);
    prop_assert!(same(module, &read), "the container changes the module");
    let text = strata_spec::disassemble(module);
    let assembled = strata_spec::assemble(&text)
        .map_err(|e| TestCaseError::fail(format!("does not assemble: {e}\n{text}")))?;
    prop_assert!(
        same(module, &assembled),
        "the text changes the module:\n{}",
        text
    );
    prop_assert_eq!(strata_spec::disassemble(&assembled), text);
    Ok(())
}

/// Equality of modules by their bytes, which is exact for NaN constants, too.
fn same(a: &Module, b: &Module) -> bool {
    strata_spec::write(a) == strata_spec::write(b)
}

fn run(module: Module, stress: bool) -> Result<Vec<u8>, TestCaseError> {
    let mut session = Session::open();
    session.vm.heap.set_stress(stress);
    session
        .vm
        .set_deadline(Some(Instant::now() + Duration::from_secs(60)))
        .map_err(|e| TestCaseError::fail(e.to_string()))?;
    let outcome = session.run_module(module);
    match outcome.end {
        End::Returned(_) => {
            session.check_heap("after a generated program");
            Ok(outcome.output)
        }
        other => Err(TestCaseError::fail(format!("ended with: {other}"))),
    }
}

/// The first line that differs.
fn equal(what: &str, expected: &[u8], got: &[u8]) -> Result<(), TestCaseError> {
    if expected == got {
        return Ok(());
    }
    let (expected, got) = (lossy(expected), lossy(got));
    let mut lines = expected.lines().zip(got.lines()).enumerate();
    let difference = lines.find(|(_, (a, b))| a != b);
    Err(TestCaseError::fail(match difference {
        Some((n, (a, b))) => format!("{what}, line {}: expected {a:?}, got {b:?}", n + 1),
        None => format!(
            "{what}: {} lines expected, got {}",
            expected.lines().count(),
            got.lines().count()
        ),
    }))
}

/// Everything that must hold of a program; `lua` names the reference.
fn check(source: &str, lua: Option<&str>) -> Result<(), TestCaseError> {
    let module = compile(source)?;
    round_trips(&module)?;
    let bytes = strata_spec::write(&module);
    let output = run(module, false)?;
    let loaded = strata_spec::load(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
    equal("from its .bc", &output, &run(loaded, false)?)?;
    let mut stripped = compile(source)?;
    stripped.strip();
    round_trips(&stripped)?;
    if let Some(lua) = lua {
        let answer = oracle::run(lua, source.as_bytes());
        prop_assert!(answer.success, "{lua} failed: {}", lossy(&answer.errors));
        equal(lua, &answer.output, &output)?;
    }
    Ok(())
}

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..Config::default()
    }
}

/// Runs a property over `cases` programs from a fixed seed.
fn for_programs(cases: u32, seed: u64, property: impl Fn(&str) -> Result<(), TestCaseError>) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config(cases), rng);
    if let Err(e) = runner.run(&program(), |source| property(&source)) {
        panic!("seed {seed}: {e}");
    }
}

#[test]
fn what_the_front_end_emits_verifies_and_round_trips() {
    for_programs(150, 1, |source| {
        let module = compile(source)?;
        round_trips(&module)
    });
}

#[test]
fn source_bytecode_and_reference_agree() {
    let lua = oracle::command();
    if lua.is_none() {
        eprintln!("no lua5.4 here: comparing source and bytecode only");
    }
    for_programs(100, 2, |source| check(source, lua.as_deref()));
}

#[test]
fn collections_at_every_safepoint_change_nothing() {
    for_programs(25, 3, |source| {
        let calm = run(compile(source)?, false)?;
        equal("under stress", &calm, &run(compile(source)?, true)?)
    });
}

#[test]
#[cfg(feature = "long")]
fn fuzz_programs() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seconds = Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(60));
    let mut seed = number("FUZZ_SEED").unwrap_or_else(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .map_or(1, |d| d.as_secs())
    });
    let lua = oracle::command();
    let start = Instant::now();
    let mut programs = 0;
    while start.elapsed() < seconds {
        for_programs(100, seed, |source| check(source, lua.as_deref()));
        programs += 100;
        eprintln!(
            "fuzz_programs: seed {seed} done, {programs} programs in {:.0} s",
            start.elapsed().as_secs_f64()
        );
        seed = seed.wrapping_add(1);
    }
}

/// Prints a generated program, to look at.
#[test]
#[cfg(feature = "long")]
fn show_program() {
    let mut bytes = [0; 32];
    let seed = std::env::var("FUZZ_SEED")
        .ok()
        .and_then(|v| v.parse::<u64>().ok())
        .unwrap_or(1);
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner =
        TestRunner::new_with_rng(config(1), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let tree = program().new_tree(&mut runner).expect("a program");
    println!("{}", tree.current());
}
