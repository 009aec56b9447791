//! Actors under load: how long a thousand of them take to start, what each takes of memory, and how
//! many messages they handle in a second, while one of them is ended by its memory limit.
//!
//! The program (`actors/load.lua`) writes a line as each part ends, and checks that no message was
//! lost.

use crate::stats::median;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// Figures of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// Seconds until all actors had answered.
    spawned: f64,
    /// KiB of memory for each.
    memory: f64,
    /// Seconds from the first message until all were handled.
    handled: f64,
    messages: f64,
    threads: f64,
}

/// Runs the program so often: a table. `mode`: a value of `--jit`.
///
/// # Errors
/// A run failed, or lost messages.
pub fn measure(vm: &Path, mode: Option<&str>, runs: usize) -> Result<String, String> {
    let all = (0..runs.max(1))
        .map(|_| run(vm, mode))
        .collect::<Result<Vec<Run>, String>>()?;
    let of =
        |what: fn(&Run) -> f64| median(&all.iter().map(what).collect::<Vec<f64>>()).unwrap_or(0.0);
    let rows = [
        (
            "actors spawned, and answered, in ms",
            of(|r| r.spawned) * 1e3,
        ),
        ("memory of an actor, KiB", of(|r| r.memory)),
        ("messages", of(|r| r.messages)),
        ("handled in ms", of(|r| r.handled) * 1e3),
        (
            "messages a second, in millions",
            of(|r| r.messages / r.handled) / 1e6,
        ),
        ("threads of the process", of(|r| r.threads)),
    ];
    let title = format!("actors/load.lua, --jit={}", mode.unwrap_or("full"));
    let mut text = format!("{title}\n");
    for (name, figure) in rows {
        text.push_str(&format!("{name:<40} {figure:>12.2}\n"));
    }
    Ok(text)
}

fn run(vm: &Path, mode: Option<&str>) -> Result<Run, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", vm.display());
    let program: PathBuf = [env!("CARGO_MANIFEST_DIR"), "actors", "load.lua"]
        .iter()
        .collect();
    let mut child = Command::new(vm)
        .arg("run")
        .args(mode.map(|mode| format!("--jit={mode}")))
        .arg(program)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut run = Run::default();
    let (mut start, mut begin) = (Instant::now(), Instant::now());
    let mut killed = String::new();
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line.map_err(failed)?;
            let words: Vec<&str> = line.split('\t').collect();
            let figure = |n: usize| words.get(n).and_then(|w| w.parse().ok()).unwrap_or(0.0);
            match words[0] {
                "start" => start = Instant::now(),
                "spawned" => {
                    run.spawned = start.elapsed().as_secs_f64();
                    run.memory = figure(2);
                }
                "begin" => begin = Instant::now(),
                "handled" => {
                    run.handled = begin.elapsed().as_secs_f64();
                    (run.messages, run.threads) = (figure(1), figure(2));
                }
                "killed" => killed = words[1..].join(" "),
                other => return Err(format!("the program wrote '{other}'")),
            }
        }
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(format!("the program failed ({status})"));
    }
    if killed != "memory limit" {
        return Err(format!(
            "what was to reach its memory limit ended so: '{killed}'"
        ));
    }
    Ok(run)
}
