//! Running the `vm` command in tests.
#![allow(dead_code, reason = "not every test uses everything")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A folder of its own for each test, removed at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("strata-cli-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Writes a file; returns the folder for chaining.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Folder {
        std::fs::write(self.0.join(name), text).unwrap();
        self
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    /// `vm` in this folder, with nothing in its environment that matters.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = vm();
        command.current_dir(&self.0).args(args);
        command
    }

    pub fn vm(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn vm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vm"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STRATA_") {
            command.env_remove(name);
        }
    }
    command.env("STRATA_HISTORY", "").stdin(Stdio::null());
    command
}

/// `command` with this standard input.
pub fn feed(mut command: Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that ends early doesn't read it all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A script from standard input.
pub fn script(options: &[&str], text: &str) -> Output {
    let mut command = vm();
    command.arg("run").args(options).arg("-");
    feed(command, text)
}

#[track_caller]
pub fn check(output: &Output, status: i32, stdout: &str, stderr: &str) {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(
        (&*out, &*err, output.status.code()),
        (stdout, stderr, Some(status))
    );
}

/// The status is `status`, and standard error has each of `parts`.
#[track_caller]
pub fn check_error(output: &Output, status: i32, parts: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{err}");
    for part in parts {
        assert!(err.contains(part), "no {part:?} in:\n{err}");
    }
    assert!(!err.contains('\x1b'), "colours without a terminal:\n{err}");
}
