//! The audit: bugs planted on purpose, and whether they are found.
//!
//! `tests/audit/` has a case for each bug that is not easily seen, the smallest
//! program known that shows it, so that nobody looks for what can't be found.

#![cfg_attr(
    not(feature = "long"),
    allow(unused_imports, reason = "what only the long tests use")
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use strata_runtime::audit::{Bug, POSSIBLE};
use strata_tests::differential::Case;

/// The cases, by the bug's name.
fn cases() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("audit");
    let entries = std::fs::read_dir(folder).expect("the folder of cases");
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        all.push((name.into_owned(), path.clone()));
    }
    all.sort();
    all
}

#[test]
fn without_their_bugs_all_cases_pass() {
    let cases = cases();
    assert!(!cases.is_empty());
    for (name, path) in cases {
        assert!(Bug::ALL.iter().any(|b| b.1 == name), "no bug {name}");
        let case = Case::read(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        case.check().unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// Each case fails with its bug.
#[test]
#[cfg(feature = "long")]
fn audit_is_observable() {
    if !POSSIBLE {
        eprintln!("not built for planted bugs: make audit");
        return;
    }
    let mut unseen = cases();
    unseen.retain(|(name, path)| !is_shown(name, path));
    assert!(unseen.is_empty(), "not seen: {unseen:?}");
}

/// Whether this case fails with the bug.
#[cfg(feature = "long")]
fn is_shown(bug: &str, case: &Path) -> bool {
    let exe = std::env::current_exe().expect("the path of the test program");
    let output = Command::new(exe)
        .args(["--exact", "replay", "--nocapture"])
        .env("FUZZ_REPLAY", case)
        .env("STRATA_AUDIT", bug)
        .output()
        .expect("start a child");
    !output.status.success()
}

/// Plants the bugs of `strata_runtime::audit` one after the other, and has
/// `fuzz_tiers` look for each in a process of its own, for `AUDIT_SECONDS` (60) of the
/// processor's time. `AUDIT_BUGS`, a list of names, plants those only. What the fuzzer
/// doesn't find in that time its case may show. `make audit` builds for it.
#[test]
#[cfg(feature = "long")]
fn audit_finds_planted_bugs() {
    if !POSSIBLE {
        eprintln!("not built for planted bugs: make audit");
        return;
    }
    let seconds = super::variable("AUDIT_SECONDS").unwrap_or(60);
    let only = std::env::var("AUDIT_BUGS").unwrap_or_default();
    let only: Vec<&str> = only.split([',', ' ']).filter(|n| !n.is_empty()).collect();
    let bugs = Bug::ALL.iter();
    let bugs: Vec<_> = bugs
        .filter(|b| only.is_empty() || only.contains(&b.1))
        .collect();
    let seed = super::variable("FUZZ_SEED").unwrap_or(1);
    let clean = look_for("", seed, Duration::from_secs(seconds)).0;
    assert_eq!(clean, None, "found without a bug");
    let cases = cases();
    let (mut found, mut shown) = (0, 0);
    println!(
        "{:<18} {:>8}  {:<40} what is wrong",
        "bug", "seconds", "found by"
    );
    for (_, name, about) in &bugs {
        let (how, took) = look_for(name, seed, Duration::from_secs(seconds));
        found += usize::from(how.is_some());
        let case = cases.iter().find(|c| how.is_none() && c.0 == *name);
        let case = case.is_some_and(|(_, path)| is_shown(name, path));
        shown += usize::from(case);
        let other = if case { "its case alone" } else { "NOT FOUND" };
        println!(
            "{name:<18} {:>8.1}  {:<40} {about}",
            took.as_secs_f64(),
            how.as_deref().unwrap_or(other)
        );
    }
    println!(
        "{found} of {} found by the fuzzer, {shown} more by their cases; seed {seed}, {seconds} s each",
        bugs.len()
    );
    // Most of them, or else the fuzzer has become blind.
    assert!(found * 10 >= bugs.len() * 8);
}

/// A child that goes on for so long after its time hangs: of the processor's time, and
/// how many times as long if it waits.
#[cfg(feature = "long")]
const STUCK: Duration = Duration::from_secs(30);
#[cfg(feature = "long")]
const WAITS: u32 = 20;

/// Looks for a bug: how it was found, if it was, and after how long.
#[cfg(feature = "long")]
fn look_for(bug: &str, seed: u64, time: Duration) -> (Option<String>, Duration) {
    let exe = std::env::current_exe().expect("the path of the test program");
    let told = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit.err");
    let begun = Instant::now();
    let most = time + STUCK;
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -t \"$0\" && exec \"$@\""])
        .arg(most.as_secs().to_string())
        .arg(exe)
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
        if begun.elapsed() > most * WAITS {
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
        Some(format!("group {}", index.split(':').next()?))
    });
    (Some(place.unwrap_or(status)), took)
}
