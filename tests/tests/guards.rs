//! Each guard of each benchmark program fails once, on purpose: the program prints
//! the same all the same.
//!
//! With `deopt=once` a guard fails the first time it is reached. What then is left
//! without a failure is never reached: guards in code that nothing comes by, or
//! that is left before.
//!
//! `make guards` prints how many there are and how many failed, by program
//! (`GUARDS_FILTER`: only programs whose path contains it; `GUARDS_MODE`: `full`
//! or `baseline`). The slice of the normal tests takes the programs of the corpus.

use std::collections::{BTreeMap, HashMap, HashSet};
#[cfg(feature = "long")]
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strata::stress::{Coverage, ForcedExits};
use strata::{JitMode, engine};
use strata_tests::corpus;
use strata_tests::differential::Way;
use strata_tests::session::{End, Session, lossy};

/// How long a program may take.
const TIME: Duration = Duration::from_secs(300);

/// Ways in which each guard fails once: code that is entered wherever it can be has
/// guards at its entries that nothing else comes by; and later code, made from more
/// feedback, has others than the first.
fn once(mode: JitMode) -> [Way; 2] {
    let mut way = Way::compiled(mode);
    way.backend = engine::Backend::Cranelift;
    way.modes.deopt = ForcedExits::Once;
    way.modes.poison = true;
    let mut entries = way.clone();
    entries.modes.osr = true;
    entries.hot = 2000;
    [way, entries]
}

/// What a run prints, and which guards failed.
fn run(source: &[u8], chunk: &str, way: &Way) -> (End, String, Coverage) {
    let mut session = Session::compiling(&way.options());
    engine::set_stress(&mut session.vm, &way.modes);
    let until = Instant::now() + TIME;
    session.vm.set_deadline(Some(until)).expect("a watchdog");
    let outcome = session.run(source, chunk);
    let coverage = engine::guard_coverage(&mut session.vm);
    (outcome.end, lossy(&outcome.output), coverage)
}

/// Guards by kind: how many failed, and how many there are.
type Kinds = BTreeMap<&'static str, (usize, usize)>;

/// All of them.
fn sum(kinds: &Kinds) -> (usize, usize) {
    let sums = kinds.values().copied();
    sums.fold((0, 0), |(f, n), (failed, all)| (f + failed, n + all))
}

/// Runs a program interpreted and with failing guards: how many did, of how many.
fn covered(source: &[u8], chunk: &str, mode: JitMode) -> Kinds {
    let (end, right, _) = run(source, chunk, &Way::interpreted());
    assert_eq!(end, End::Returned(0), "{chunk}");
    let (mut failed, mut made) = (HashSet::new(), HashMap::new());
    for way in once(mode) {
        let (end, seen, coverage) = run(source, chunk, &way);
        assert_eq!(end, End::Returned(0), "{chunk}, {way}");
        assert_eq!(right, seen, "{chunk}, {way}");
        failed.extend(coverage.0);
        made.extend(coverage.1);
    }
    let mut kinds = Kinds::new();
    for (guard, kind) in made {
        let (reached, all) = kinds.entry(kind).or_default();
        *reached += usize::from(failed.contains(&guard));
        *all += 1;
    }
    kinds
}

#[test]
fn every_guard_of_the_corpus_fails_once() {
    for mode in [JitMode::Baseline, JitMode::Full] {
        let (mut failed, mut all) = (0, 0);
        for program in corpus::programs() {
            let chunk = format!("@{}.lua", program.name);
            let (f, n) = sum(&covered(&program.source, &chunk, mode));
            failed += f;
            all += n;
        }
        eprintln!("{mode}: {failed} of {all} guards");
        // They run little: most guards wait for a call that never comes.
        assert!(all > 100, "{mode}: {all}");
        assert!(failed * 8 >= all, "{mode}: {failed} of {all}");
    }
}

/// The programs of the benchmarks.
#[cfg(feature = "long")]
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
    let (mut failed, mut all, mut low) = (0, 0, Vec::new());
    let mut kinds = Kinds::new();
    for path in benches() {
        let name = path.display().to_string();
        if !name.contains(&filter) {
            continue;
        }
        let source = std::fs::read(&path).expect("a readable program");
        let begun = Instant::now();
        let by_kind = covered(&source, "@bench.lua", mode);
        let (f, n) = sum(&by_kind);
        for (kind, (failed, made)) in by_kind {
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
