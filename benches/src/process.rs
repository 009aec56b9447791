//! One run of one command: its wall time and output, bounded by a time-out.
//!
//! The clock starts before the process is created and stops when both of its output streams are
//! closed, which is when it exits. Reader threads drain the streams, so that a chatty program can't
//! block; past the time-out the process is killed. Processor time is what the finished children of this
//! process used, before and after; so only one run may go on at a time.

use std::{
    ffi::OsStr,
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use crate::cpu;

/// What a successful run gave.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Wall time from creation to exit.
    pub wall: Duration,
    /// Processor time of all its threads, user and system; where it can't be had, the wall time.
    pub cpu: Duration,
    /// What it wrote to standard output, without trailing white space.
    pub stdout: String,
    /// What it wrote to standard error, without trailing white space.
    pub stderr: String,
}

/// Why a run does not count.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The process could not be created.
    #[error("can't start {command}: {source}")]
    Start {
        /// The command.
        command: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The process ended with a status other than 0.
    #[error("{status}{}", detail(.stderr))]
    Status {
        /// The status.
        status: ExitStatus,
        /// The beginning of its error output.
        stderr: String,
    },
    /// The process was killed because it took too long.
    #[error("still running after {} s", .0.as_secs_f64())]
    TimedOut(Duration),
}

/// The first line of an error output, as an appendix to a message.
fn detail(stderr: &str) -> String {
    match stderr.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", line.trim().chars().take(200).collect::<String>()),
        None => String::new(),
    }
}

/// Runs `command args…` without input, for at most `limit`.
pub fn run<S: AsRef<OsStr>>(
    command: &Path,
    args: &[S],
    limit: Duration,
) -> Result<Finished, Failure> {
    let cpu_before = cpu::finished_children();
    let start = Instant::now();
    let mut child = Command::new(command)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Failure::Start {
            command: command.display().to_string(),
            source,
        })?;
    let (sender, receiver) = mpsc::channel();
    if let Some(stream) = child.stdout.take() {
        drain(stream, 0, sender.clone());
    }
    if let Some(stream) = child.stderr.take() {
        drain(stream, 1, sender);
    }
    let mut outputs = [String::new(), String::new()];
    loop {
        match receiver.recv_timeout(limit.saturating_sub(start.elapsed())) {
            Ok((which, text)) => outputs[which] = text,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                stop(&mut child);
                return Err(Failure::TimedOut(limit));
            }
        }
    }
    // Both streams are closed; a process that closes them and runs on is waited for.
    let status = child.wait().map_err(|source| Failure::Start {
        command: command.display().to_string(),
        source,
    })?;
    let wall = start.elapsed();
    let cpu = match (cpu_before, cpu::finished_children()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => wall,
    };
    let [stdout, stderr] = outputs;
    if !status.success() {
        return Err(Failure::Status { status, stderr });
    }
    Ok(Finished {
        wall,
        cpu,
        stdout,
        stderr,
    })
}

fn drain(mut stream: impl Read + Send + 'static, which: usize, to: mpsc::Sender<(usize, String)>) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A read error ends the text early; the exit status still tells how the run went.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        // The receiver is gone only after a time-out, when nobody wants the text.
        let _ = to.send((which, text));
    });
}

fn stop(child: &mut Child) {
    // Both fail only if the process has just ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, limit_ms: u64) -> Result<Finished, Failure> {
        run(
            Path::new("/bin/sh"),
            &["-c", script],
            Duration::from_millis(limit_ms),
        )
    }

    #[test]
    fn output_and_time_of_a_success() {
        let finished = shell("echo out; echo err >&2; sleep 0.02", 5000).unwrap();
        assert_eq!(finished.stdout, "out");
        assert_eq!(finished.stderr, "err");
        assert!(finished.wall >= Duration::from_millis(20));
    }

    #[test]
    fn a_bad_status_carries_the_first_error_line() {
        let failure = shell("echo broken >&2; exit 3", 5000).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains('3') && text.ends_with(": broken"), "{text}");
    }

    #[test]
    fn a_hanging_process_is_killed() {
        let start = Instant::now();
        let failure = shell("exec sleep 20", 50).unwrap_err();
        assert!(matches!(failure, Failure::TimedOut(_)));
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_missing_command_is_named() {
        let failure =
            run(Path::new("/no/such/engine"), &["x"], Duration::from_secs(1)).unwrap_err();
        assert!(failure.to_string().contains("/no/such/engine"));
    }

    #[test]
    fn large_output_does_not_block() {
        let finished = shell("head -c 300000 /dev/zero | tr '\\0' x", 10000).unwrap();
        assert_eq!(finished.stdout.len(), 300_000);
    }
}
