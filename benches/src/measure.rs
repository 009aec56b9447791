//! Interleaved measurement of all programs under all engines.
//!
//! Runs go program by program, and within a program in rounds: each round runs every engine once. An
//! engine that fails a program is not run on it again. All engines must print the same line.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    engine::{self, Engine, Role},
    process,
    program::Program,
    report::{Cell, EngineInfo, Machine, Report, Row},
    stats,
};

/// The time that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// From start to exit, as a user sees it.
    Wall,
    /// What all threads used of the processors; steadier on a busy machine.
    Cpu,
}

/// How to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// Runs of each program under each engine.
    pub runs: usize,
    /// Longest time for one run.
    pub limit: Duration,
    /// Which time counts.
    pub clock: Clock,
    /// Times are not of interest: each program runs once, to see that it works.
    pub check: bool,
    /// Each run is a process that runs the program so many times; the fastest of them after the first
    /// is what counts, in processor time.
    pub warm: Option<u32>,
}

/// Runs everything and gathers the results. `start_up` is the file whose times count as start-up.
pub fn measure(
    programs: &[Program],
    engines: &[Engine],
    start_up: &std::path::Path,
    options: &Options,
) -> Report {
    let rounds = if options.check {
        1
    } else {
        options.runs.max(1)
    };
    let bar = progress(programs.len() * engines.len() * rounds);
    let mut infos: Vec<_> = engines.iter().map(engine_info).collect();
    if !options.check && options.warm.is_none() {
        let (times, _) = run_rounds(
            start_up,
            engines,
            &vec![true; engines.len()],
            rounds,
            options,
            |_| {},
        );
        for (info, times) in infos.iter_mut().zip(times) {
            info.start_up = times.ok().and_then(|run| stats::median(&run.seconds));
        }
    }
    let mut rows = Vec::with_capacity(programs.len());
    for program in programs {
        let fits: Vec<_> = engines
            .iter()
            .map(|e| program.runs_on(&e.language))
            .collect();
        let (results, order) =
            run_rounds(&program.path, engines, &fits, rounds, options, |engine| {
                bar.set_message(format!("{} {}", program.id(), engine.name));
                bar.inc(1);
            });
        let expected = order
            .iter()
            .find_map(|&i| results[i].as_ref().ok().map(|run| run.stdout.clone()));
        let cells: Vec<_> = results
            .into_iter()
            .zip(&fits)
            .map(|(result, &fits)| match result {
                _ if !fits => Cell::Unsupported,
                Err(reason) => Cell::Failed { reason },
                Ok(run) if Some(&run.stdout) != expected.as_ref() => Cell::Failed {
                    reason: format!(
                        "prints '{}', another engine '{}'",
                        clip(&run.stdout),
                        clip(expected.as_deref().unwrap_or_default())
                    ),
                },
                Ok(run) => Cell::measured(run.seconds),
            })
            .collect();
        announce(&bar, program, engines, &cells, options);
        rows.push(Row {
            group: program.group.clone(),
            name: program.name.clone(),
            title: program.title.clone(),
            stresses: program.stresses.clone(),
            lines: program.lines,
            cells,
        });
    }
    bar.finish_and_clear();
    Report {
        machine: Machine::current(),
        runs: rounds,
        clock: match options.clock {
            _ if options.warm.is_some() => "processor time of a warm run",
            Clock::Wall => "wall time",
            Clock::Cpu => "processor time",
        },
        engines: infos,
        rows,
    }
}

/// The good runs of one engine on one file.
struct Runs {
    seconds: Vec<f64>,
    stdout: String,
}

/// Runs `file` under the engines that `fit` it, in rounds. Gives each engine's runs or why it failed,
/// and the order in which engines should be trusted about the output: references first.
fn run_rounds(
    file: &std::path::Path,
    engines: &[Engine],
    fit: &[bool],
    rounds: usize,
    options: &Options,
    mut before: impl FnMut(&Engine),
) -> (Vec<Result<Runs, String>>, Vec<usize>) {
    let mut results: Vec<Result<Runs, String>> = engines
        .iter()
        .map(|_| {
            Ok(Runs {
                seconds: Vec::with_capacity(rounds),
                stdout: String::new(),
            })
        })
        .collect();
    for _ in 0..rounds {
        for (i, engine) in engines.iter().enumerate() {
            before(engine);
            let Ok(runs) = &mut results[i] else { continue };
            if !fit[i] {
                continue;
            }
            match run_once(engine, file, options) {
                Ok((time, stdout)) => {
                    runs.seconds.push(time.as_secs_f64());
                    runs.stdout = stdout;
                }
                Err(failure) => results[i] = Err(failure),
            }
        }
    }
    let mut order: Vec<_> = (0..engines.len()).filter(|&i| fit[i]).collect();
    order.sort_by_key(|&i| engines[i].role == Role::Subject);
    (results, order)
}

/// One run: its time and output, or why it failed.
fn run_once(
    engine: &Engine,
    file: &std::path::Path,
    options: &Options,
) -> Result<(Duration, String), String> {
    let args = match options.warm {
        Some(times) => engine.repeating(file, times),
        None => engine.arguments(file),
    };
    let finished =
        process::run(&engine.command, &args, options.limit).map_err(|e| e.to_string())?;
    if options.warm.is_some() {
        let (text, time) = engine::warm(&finished.stdout)
            .ok_or_else(|| format!("prints '{}', no time", clip(&finished.stdout)))?;
        return Ok((time, text.to_owned()));
    }
    let time = match options.clock {
        Clock::Wall => finished.wall,
        Clock::Cpu => finished.cpu,
    };
    Ok((time, finished.stdout))
}

fn engine_info(engine: &Engine) -> EngineInfo {
    let mut command = engine.command.display().to_string();
    for arg in &engine.args {
        command.push(' ');
        command.push_str(&arg.to_string_lossy());
    }
    EngineInfo {
        name: engine.name.clone(),
        command,
        language: engine.language.clone(),
        release: engine.release.clone(),
        subject: engine.role == Role::Subject,
        start_up: None,
    }
}

fn progress(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    let template = "{bar:30} {pos}/{len} runs, {eta} left  {msg}";
    // The template is a constant; should a new version refuse it, the default style does as well.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Without a terminal there is no bar to watch: a line per program shows that work goes on. Failures
/// and the results of a check are shown in any case.
fn announce(
    bar: &ProgressBar,
    program: &Program,
    engines: &[Engine],
    cells: &[Cell],
    options: &Options,
) {
    let failed = cells.iter().any(Cell::is_failure);
    if !(bar.is_hidden() || options.check || failed) {
        return;
    }
    let mut line = format!("{:<28}", program.id());
    for (engine, cell) in engines.iter().zip(cells) {
        let text = match cell {
            Cell::Measured { median, .. } if options.check => format!("ok ({median:.2} s)"),
            Cell::Measured { median, .. } => format!("{:.1} ms", median * 1e3),
            Cell::Failed { reason } => format!("FAILED ({reason})"),
            Cell::Unsupported => "-".to_owned(),
        };
        line.push_str(&format!("  {} {text}", engine.name));
    }
    if bar.is_hidden() {
        eprintln!("{line}");
    } else {
        bar.println(line);
    }
}

fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn program(name: &str, needs: Option<&str>) -> Program {
        Program {
            group: "test".to_owned(),
            name: name.to_owned(),
            path: PathBuf::from("/dev/null"),
            title: String::new(),
            stresses: String::new(),
            needs: needs.map(str::to_owned),
            lines: 1,
        }
    }

    fn engine(name: &str, script: &str, role: Role) -> Engine {
        let mut engine = Engine::reference(name, Path::new("/bin/sh"));
        engine.args = vec!["-c".into(), script.into()];
        engine.role = role;
        engine.language = "Lua 5.1".to_owned();
        engine
    }

    fn run(programs: &[Program], engines: &[Engine]) -> Report {
        let options = Options {
            runs: 3,
            limit: Duration::from_secs(5),
            clock: Clock::Wall,
            check: false,
            warm: None,
        };
        measure(programs, engines, Path::new("/dev/null"), &options)
    }

    #[test]
    fn medians_of_good_runs() {
        let engines = [
            engine("vm", "echo 1", Role::Subject),
            engine("ref", "echo 1; sleep 0.03", Role::Reference),
        ];
        let report = run(&[program("a", None)], &engines);
        assert_eq!(report.runs, 3);
        let ratio = report.ratio(&report.rows[0], 0, 1).unwrap();
        assert!(ratio > 1.0, "{ratio}");
        assert!(report.engines[0].start_up.is_some());
        assert!(!report.has_failures());
    }

    #[test]
    fn a_different_output_fails_the_subject() {
        let engines = [
            engine("vm", "echo 2", Role::Subject),
            engine("ref", "echo 1", Role::Reference),
        ];
        let report = run(&[program("a", None)], &engines);
        assert!(report.rows[0].cells[0].is_failure());
        assert!(!report.rows[0].cells[1].is_failure());
        assert!(report.has_failures());
    }

    #[test]
    fn a_bad_exit_status_fails_and_needs_are_respected() {
        let engines = [engine("vm", "exit 1", Role::Subject)];
        let report = run(
            &[program("a", None), program("b", Some("Lua 5.4"))],
            &engines,
        );
        assert!(report.rows[0].cells[0].is_failure());
        assert!(matches!(report.rows[1].cells[0], Cell::Unsupported));
    }
}
