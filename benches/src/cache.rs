//! What the compile cache is worth: a program of 300 lines, run with an empty cache and again with
//! what that run has left there.
//!
//! The program writes a line after each round. A run has reached *top speed* where its rounds, by
//! the median of some, are about as short as those of its last third.

use serde::Deserialize;
use std::{
    fmt::Write,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// Rounds of the program, and those whose median is compared.
pub(crate) const ROUNDS: usize = 800;
const WINDOW: usize = 9;

/// How much longer than the last rounds they may take at top speed.
const NEARLY: f64 = 1.1;

/// What the second run may take of the first's time to top speed, and milliseconds of a hit.
const MOST: f64 = 0.2;
const MOST_HIT: f64 = 1.0;

/// Figures of a run, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// When the first round was over, and when top speed was reached.
    pub(crate) first: f64,
    pub(crate) top_speed: f64,
    /// A round at top speed.
    pub(crate) round: f64,
    pub(crate) total: f64,
    /// Compiles of tier 2, and what took their place.
    pub(crate) compiles: Vec<f64>,
    pub(crate) hits: Vec<f64>,
}

/// The part of a trace's line that is looked at.
#[derive(Deserialize)]
struct Line {
    event: String,
    #[serde(default)]
    tier: u8,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    micros: f64,
}

/// Runs pairs: a table, and whether it is as it should be.
pub fn compare(vm: &Path, pairs: usize) -> Result<(String, bool), String> {
    let folder = std::env::temp_dir().join(format!("strata-benches-{}", std::process::id()));
    let done = compare_in(vm, pairs, &folder);
    let _ = fs::remove_dir_all(&folder);
    done
}

fn compare_in(vm: &Path, pairs: usize, folder: &Path) -> Result<(String, bool), String> {
    fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let mut runs = [Vec::new(), Vec::new()];
    for n in 0..pairs.max(1) {
        let cache = folder.join(format!("cache-{n}"));
        for which in &mut runs {
            which.push(run(vm, &cache, &folder.join("trace"))?);
        }
    }
    let of = |which: usize, what: fn(&Run) -> f64| median(runs[which].iter().map(what).collect());
    let all = |which: usize, what: fn(&Run) -> &Vec<f64>| {
        let all: Vec<f64> = runs[which].iter().flat_map(what).copied().collect();
        (all.len() / runs[which].len().max(1), median(all))
    };
    let mut text = format!(
        "{:<34} {:>12} {:>12}\n",
        "rounds.lua", "empty cache", "second run"
    );
    let mut row = |name: &str, [a, b]: [f64; 2]| {
        let _ = writeln!(text, "{name:<34} {a:>12.2} {b:>12.2}");
    };
    row(
        "top speed reached after, ms",
        [0, 1].map(|w| of(w, |r| r.top_speed)),
    );
    row(
        "a round at top speed, ms",
        [0, 1].map(|w| of(w, |r| r.round)),
    );
    row("all rounds, ms", [0, 1].map(|w| of(w, |r| r.total)));
    row(
        "compiles of tier 2, a run",
        [0, 1].map(|w| all(w, |r| &r.compiles).0 as f64),
    );
    row(
        "a compile (median), ms",
        [0, 1].map(|w| all(w, |r| &r.compiles).1),
    );
    row("hits, a run", [0, 1].map(|w| all(w, |r| &r.hits).0 as f64));
    row("a hit (median), ms", [0, 1].map(|w| all(w, |r| &r.hits).1));
    let ratio = of(1, |r| r.top_speed) / of(0, |r| r.top_speed);
    let hit = all(1, |r| &r.hits).1;
    let _ = writeln!(
        text,
        "second run: top speed after {:.1} % of the time",
        100.0 * ratio
    );
    Ok((text, ratio <= MOST && hit <= MOST_HIT))
}

/// Where the program is.
pub(crate) fn program() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "cache", "rounds.lua"]
        .iter()
        .collect()
}

fn run(vm: &Path, cache: &Path, trace: &Path) -> Result<Run, String> {
    let mut command = Command::new(vm);
    command
        .arg("run")
        .arg(format!("--cache={}", cache.display()))
        .arg(format!("--trace-jit=json:{}", trace.display()))
        .arg(program());
    let mut run = rounds(command)?;
    read_trace(&mut run, trace)?;
    Ok(run)
}

/// Runs the program by a command that lacks the number of rounds only.
pub(crate) fn rounds(mut command: Command) -> Result<Run, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |e: std::io::Error| format!("{name}: {e}");
    let begun = Instant::now();
    let mut child = command
        .arg(ROUNDS.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut ends = vec![0.0];
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            if line.map_err(failed)? == "round" {
                ends.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    if !child.wait().map_err(failed)?.success() || ends.len() != ROUNDS + 1 {
        return Err(format!("{name}: the program failed"));
    }
    Ok(reached(&ends))
}

/// Adds what a trace tells of compiles.
pub(crate) fn read_trace(run: &mut Run, trace: &Path) -> Result<(), String> {
    let text = fs::read_to_string(trace).map_err(|e| format!("{}: {e}", trace.display()))?;
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).map_err(|e| format!("the trace: {e}"))?;
        if line.event == "compiled" && line.tier == 2 {
            let which = match line.reason.as_deref() {
                Some("cache") => &mut run.hits,
                _ => &mut run.compiles,
            };
            which.push(line.micros / 1e3);
        }
    }
    Ok(())
}

/// When a run whose rounds ended at these times reached top speed.
fn reached(ends: &[f64]) -> Run {
    let times: Vec<f64> = ends.windows(2).map(|w| w[1] - w[0]).collect();
    let last = median(times[times.len() * 2 / 3..].to_vec());
    let mut windows = times.windows(WINDOW.min(times.len()));
    let fast = windows.position(|w| median(w.to_vec()) <= last * NEARLY);
    Run {
        first: ends.get(1).copied().unwrap_or(0.0),
        top_speed: ends[fast.unwrap_or(times.len())],
        round: last,
        total: ends.last().copied().unwrap_or(0.0),
        ..Run::default()
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_speed_is_where_rounds_stay_short() {
        let mut ends = vec![0.0];
        let mut rounds = vec![5.0; 20];
        // A short one among long ones isn't it.
        rounds[7] = 1.0;
        rounds.extend([1.0; 60]);
        for round in rounds {
            ends.push(ends.last().unwrap() + round);
        }
        let run = reached(&ends);
        assert_eq!(run.round, 1.0);
        // Half of a window before the last long one.
        assert!((76.0..=96.0).contains(&run.top_speed), "{run:?}");
    }
}
