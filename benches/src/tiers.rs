//! What our `vm` did, program by program, instead of how long it took: what was optimized, how
//! often optimized code was left and why, and how long the program stood still for it. And programs
//! that change midway, phase by phase.

use crate::{
    process::{self, Failure},
    program::Program,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The last line of a JSON trace: the figures that are shown here.
#[derive(Debug, Default, Deserialize)]
struct Figures {
    exits_by_reason: BTreeMap<String, u64>,
    tiers: BTreeMap<u8, Tier>,
    stages_us: Stages,
    inlined: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Tier {
    compiles: u64,
    recompiles: u64,
    exits: u64,
    time_us: f64,
}

#[derive(Debug, Default, Deserialize)]
struct Stages {
    snapshot: f64,
    link: f64,
}

/// Runs each program once with all tiers: a table, and how many failed.
pub fn table(vm: &Path, programs: &[Program], limit: Duration) -> (String, usize) {
    let mut text = format!(
        "{:<28} {:>8} {:>6} {:>8} {:>7} {:>9} {:>9}  {}\n",
        "program", "compiles", "again", "inlined", "exits", "ms", "stall ms", "exits of all tiers"
    );
    let mut failed = 0;
    for program in programs {
        let _ = match figures(vm, program, limit) {
            Ok(f) => {
                let none = Tier::default();
                let tier = f.tiers.get(&2).unwrap_or(&none);
                let mut reasons: Vec<_> = f.exits_by_reason.iter().collect();
                reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
                let reasons: Vec<_> = reasons.iter().map(|(k, n)| format!("{k} {n}")).collect();
                let line = format!(
                    "{:<28} {:>8} {:>6} {:>8} {:>7} {:>9.1} {:>9.2}  {}",
                    program.id(),
                    tier.compiles,
                    tier.recompiles,
                    f.inlined,
                    tier.exits,
                    tier.time_us / 1e3,
                    (f.stages_us.snapshot + f.stages_us.link) / 1e3,
                    reasons.join(", ")
                );
                writeln!(text, "{}", line.trim_end())
            }
            Err(why) => {
                failed += 1;
                writeln!(text, "{:<28} FAILED: {why}", program.id())
            }
        };
    }
    (text, failed)
}

fn figures(vm: &Path, program: &Program, limit: Duration) -> Result<Figures, String> {
    let args = arguments(&["--jit=full", "--trace-jit=json"], &program.path);
    let done = process::run(vm, &args, limit).map_err(|e| e.to_string())?;
    let last = done.stderr.lines().next_back().unwrap_or("");
    serde_json::from_str(last).map_err(|e| format!("the trace has no figures: {e}"))
}

fn arguments(options: &[&str], file: &Path) -> Vec<OsString> {
    let options = options.iter().map(OsString::from);
    let mut args = vec![OsString::from("run")];
    args.extend(options);
    args.push(file.into());
    args
}

/// Milliseconds of the windows of a phase, and what it is called.
type Phase = (String, Vec<f64>);

/// Runs each program of `folder` with tier 1 alone and with all tiers: a table of its phases, and
/// how many of them needed more time with all tiers than with tier 1, by more than `allowed`.
///
/// # Errors
/// The folder can't be read, a program failed, or the two runs print different things.
pub fn phases(
    vm: &Path,
    folder: &Path,
    limit: Duration,
    allowed: Duration,
) -> Result<(String, usize), String> {
    let programs = changing(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut text = format!(
        "{:<12} {:<12} {:>8} {:>12} {:>10} {:>7}\n",
        "program", "phase", "windows", "baseline ms", "full ms", "ratio"
    );
    let mut slow = 0;
    for program in programs {
        let name = program.file_stem().unwrap_or_default().to_string_lossy();
        let run = |mode: &str| -> Result<(Vec<Phase>, Vec<String>), String> {
            let args = arguments(&[&format!("--jit={mode}")], &program);
            let done =
                process::run(vm, &args, limit).map_err(|e: Failure| format!("{name}: {e}"))?;
            windows(&done.stdout).ok_or_else(|| format!("{name}: it prints something else"))
        };
        let ((base, printed), (full, got)) = (run("baseline")?, run("full")?);
        if printed != got {
            return Err(format!("{name}: results differ between tiers"));
        }
        for ((phase, base), (_, full)) in base.iter().zip(&full) {
            let (b, f): (f64, f64) = (base.iter().sum(), full.iter().sum());
            let over = f - b > allowed.as_secs_f64() * 1e3;
            slow += usize::from(over);
            let _ = writeln!(
                text,
                "{name:<12} {phase:<12} {:>8} {b:>12.1} {f:>10.1} {:>7.2}{}",
                base.len(),
                b / f.max(0.001),
                if over { "  SLOW" } else { "" }
            );
        }
    }
    Ok((text, slow))
}

/// The programs of a folder: all but what they share.
fn changing(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let lua = path.extension().is_some_and(|e| e == "lua");
        if lua && path.file_stem().is_some_and(|n| n != "harness") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What a program of phases prints: the times of the windows of each phase in turn, and all but the
/// times.
fn windows(printed: &str) -> Option<(Vec<Phase>, Vec<String>)> {
    let (mut phases, mut rest): (Vec<Phase>, _) = (Vec::new(), Vec::new());
    for line in printed.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [number, name, ms, result] = words[..] else {
            return None;
        };
        let ms: f64 = ms.parse().ok()?;
        match phases.last_mut() {
            Some((last, times)) if last == name => times.push(ms),
            _ => phases.push((name.into(), vec![ms])),
        }
        rest.push(format!("{number} {name} {result}"));
    }
    (!phases.is_empty()).then_some((phases, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_grouped_by_phase() {
        let printed = "1 a 1.5 7\n2 a 2.5 7\n3 b 1.000 0.25\n4 a 2 7";
        let (phases, rest) = windows(printed).expect("windows");
        let phase = |name: &str, times: &[f64]| (name.to_owned(), times.to_vec());
        assert_eq!(
            phases,
            [
                phase("a", &[1.5, 2.5]),
                phase("b", &[1.0]),
                phase("a", &[2.0])
            ]
        );
        assert_eq!(rest[2], "3 b 0.25");
        for bad in ["", "1 a x 7", "1 a 2"] {
            assert!(windows(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_shared_file_is_no_program() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/phases"));
        let programs = changing(folder).expect("the folder");
        let names: Vec<_> = programs.iter().filter_map(|p| p.file_stem()).collect();
        assert_eq!(names, ["callees", "classes", "elements", "shapes", "types"]);
    }
}
