//! The reference implementation as a process, where it is installed.

use std::io::Write;
use std::process::{Command, Stdio};

/// What the reference implementation did with a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Whether it ended without error.
    pub success: bool,
    /// Standard output.
    pub output: Vec<u8>,
    /// Standard error.
    pub errors: Vec<u8>,
}

/// The command of the reference implementation: `$LUA54`, else `lua5.4`,
/// else `lua` if that is version 5.4. `None` if there is none.
pub fn command() -> Option<String> {
    let named = std::env::var("LUA54").ok();
    named
        .into_iter()
        .chain(["lua5.4".to_owned(), "lua".to_owned()])
        .find(|name| {
            Command::new(name).arg("-v").output().is_ok_and(|o| {
                [&o.stdout[..], &o.stderr[..]]
                    .concat()
                    .starts_with(b"Lua 5.4")
            })
        })
}

/// Runs a program on standard input of `command`.
///
/// # Panics
/// The process can't be started or waited for.
pub fn run(command: &str, source: &[u8]) -> Answer {
    let mut child = Command::new(command)
        .arg("-")
        .env_remove("LUA_INIT")
        .env_remove("LUA_INIT_5_4")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the reference implementation");
    if let Some(mut input) = child.stdin.take() {
        // It may stop reading at a syntax error; its answer says so.
        let _ = input.write_all(source);
    }
    let output = child
        .wait_with_output()
        .expect("wait for the reference implementation");
    Answer {
        success: output.status.success(),
        output: output.stdout,
        errors: output.stderr,
    }
}
