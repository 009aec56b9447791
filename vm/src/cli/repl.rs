//! `vm repl`: reads, runs, prints.
//!
//! An input is an expression, whose values are printed, or statements. It may
//! span lines: as long as more text could complete it, the prompt goes on
//! reading. Ctrl-C drops the input or stops what runs, Ctrl-D ends.
//!
//! What doesn't come from a terminal is run in the same way, without prompt
//! and history. It is read through the script's own standard input, so that
//! `io.read` gets the line after the one that calls it.

use super::args::VmArgs;
use super::input::{reason, syntax_message};
use super::session::{End, Failure, Session};
use super::{Outcome, Problem, SUCCESS, Status, put, report, signals};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Editor, Helper};
use std::io::IsTerminal;
use std::path::PathBuf;
use strata::lua::SyntaxError;
use strata::runtime::error::Limit;
use strata::runtime::{Value, table};
use strata::spec::{self, Module};

const PROMPT: &str = "> ";
/// Inputs that the history keeps.
const HISTORY: usize = 1000;
const CHUNK: &[u8] = b"=stdin";

/// Reads inputs until there are no more.
pub(crate) fn repl(args: &VmArgs) -> Outcome<Status> {
    let mut session = Session::new(args)?;
    let interactive = std::io::stdin().is_terminal();
    session.set_arg(&std::env::args_os().collect::<Vec<_>>(), 0)?;
    if !interactive {
        let status = converse(&mut session, read_stream);
        session.close();
        std::mem::forget(session);
        return status;
    }
    let mut editor = editor()?;
    let history = history_path();
    if let Some(path) = &history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    let interrupter = session.vm.interrupter();
    if let Err(e) = signals::interrupt_on_ctrl_c(interrupter) {
        report::problem(format!("Ctrl-C will end the program: {e}").as_bytes());
    }
    put(format!(
        "Strata {}, Lua 5.4. Ctrl-D ends.\n",
        env!("CARGO_PKG_VERSION")
    )
    .as_bytes())?;
    let status = converse(&mut session, |_| read_terminal(&mut editor));
    if let Some(path) = &history {
        // A history that can't be kept is no reason to fail.
        let _ = editor.save_history(path);
    }
    session.close();
    std::mem::forget(session);
    status
}

type Prompt = Editor<Brackets, FileHistory>;

fn editor() -> Outcome<Prompt> {
    let config = rustyline::Config::builder()
        .max_history_size(HISTORY)
        .map(|c| c.auto_add_history(false).build())
        .map_err(|e| Problem::input(format!("cannot start the prompt: {e}")))?;
    let mut editor = Editor::with_config(config)
        .map_err(|e| Problem::input(format!("cannot start the prompt: {e}")))?;
    editor.set_helper(Some(Brackets));
    Ok(editor)
}

/// `~/.strata_history` unless `STRATA_HISTORY` says otherwise.
fn history_path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("STRATA_HISTORY") {
        return (!path.is_empty()).then(|| path.into());
    }
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"))?;
    (!home.is_empty()).then(|| PathBuf::from(home).join(".strata_history"))
}

/// Runs what `read` returns until that is nothing, or the script exits.
fn converse(
    session: &mut Session,
    mut read: impl FnMut(&mut Session) -> Outcome<Option<Vec<u8>>>,
) -> Outcome<Status> {
    while let Some(text) = read(session)? {
        if text.trim_ascii().is_empty() {
            continue;
        }
        match evaluate(session, &text) {
            Ok(None) => {}
            Ok(Some(status)) => return Ok(status),
            Err(message) => report::prompt_error(&message),
        }
    }
    Ok(SUCCESS)
}

/// An input from the terminal, which [`Brackets`] knows to be complete.
fn read_terminal(editor: &mut Prompt) -> Outcome<Option<Vec<u8>>> {
    loop {
        match editor.readline(PROMPT) {
            Ok(text) => {
                // It is a convenience; a failure to note the input doesn't matter.
                let _ = editor.add_history_entry(&text);
                return Ok(Some(text.into_bytes()));
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(None),
            Err(e) => return Err(Problem::input(format!("cannot read the input: {e}"))),
        }
    }
}

/// An input from a file or pipe: lines until they are complete or at an end.
fn read_stream(session: &mut Session) -> Outcome<Option<Vec<u8>>> {
    let stdin = &mut session.vm.lib.std[0];
    let mut text = Vec::new();
    loop {
        let ahead = stdin
            .fill()
            .map_err(|e| Problem::input(format!("cannot read standard input: {}", reason(&e))))?;
        if ahead.is_empty() {
            return Ok((!text.is_empty()).then_some(text));
        }
        let line_end = ahead.iter().position(|&b| b == b'\n');
        let n = line_end.map_or(ahead.len(), |i| i + 1);
        text.extend_from_slice(&ahead[..n]);
        stdin.take(n);
        if line_end.is_some() && !is_incomplete(&text) {
            return Ok(Some(text));
        }
    }
}

/// Runs one input; a status if it asked to exit, a message if it failed.
fn evaluate(session: &mut Session, text: &[u8]) -> Result<Option<Status>, Vec<u8>> {
    let module = parse(text).map_err(|e| syntax_message(&e, text))?;
    spec::verify(&module)
        .map_err(|e| format!("the compiler made unsafe bytecode, please report this: {e}"))?;
    let main = session.load(module).map_err(|p| p.message)?;
    let values = match run(session, main, &[])? {
        End::Exit(status) => return Ok(Some(status)),
        End::Returned(values) => values,
    };
    if values.is_empty() {
        return Ok(None);
    }
    // Nothing collects between here and the call that roots the values.
    let name = session
        .vm
        .str_value(b"print")
        .map_err(|_| b"not enough memory".to_vec())?;
    // SAFETY: globals are a live table, the key a live string.
    let print = unsafe { table::get(session.vm.globals, name) };
    match run(session, print, &values) {
        Ok(End::Exit(status)) => Ok(Some(status)),
        Ok(End::Returned(_)) => Ok(None),
        Err(message) => {
            let line = message.split(|&b| b == b'\n').next().unwrap_or_default();
            Err([b"error calling 'print' (".as_slice(), line, b")"].concat())
        }
    }
}

/// Calls `f` such that Ctrl-C stops it.
fn run(session: &mut Session, f: Value, args: &[Value]) -> Result<End, Vec<u8>> {
    signals::forget_ctrl_c();
    // A request that came too late for the last call.
    let _ = session.vm.check_interrupt();
    let outcome = session.call(f, args);
    signals::forget_ctrl_c();
    outcome.map_err(|failure| match failure {
        Failure::Limit(Limit::Interrupted) => b"interrupted".to_vec(),
        failure => failure.message(),
    })
}

/// Compiles an input: as an expression if it is one, else as statements.
fn parse(text: &[u8]) -> Result<Module, SyntaxError> {
    let expression = [b"return ".as_slice(), text].concat();
    strata::lua::compile(&expression, CHUNK).or_else(|_| strata::lua::compile(text, CHUNK))
}

/// Whether more lines could complete an input.
fn is_incomplete(text: &[u8]) -> bool {
    parse(text).is_err_and(|e| e.is_incomplete())
}

/// Tells the editor whether an input is complete.
struct Brackets;

impl Completer for Brackets {
    type Candidate = String;
}

impl Hinter for Brackets {
    type Hint = String;
}

impl Highlighter for Brackets {}

impl Helper for Brackets {}

impl Validator for Brackets {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        // Errors are reported when the input runs.
        Ok(if is_incomplete(context.input().as_bytes()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_statements_and_what_is_between() {
        assert!(parse(b"1 + 1").is_ok());
        assert!(parse(b"x = 1").is_ok());
        assert!(parse(b"f()").is_ok());
        for open in [
            "for i = 1, 2 do",
            "f(",
            "x = {",
            "return function()",
            "--[[",
            "s = [[a",
        ] {
            assert!(is_incomplete(open.as_bytes()), "{open}");
        }
        for wrong in ["x = = 1", "end", "1 +* 2"] {
            assert!(
                parse(wrong.as_bytes()).is_err() && !is_incomplete(wrong.as_bytes()),
                "{wrong}"
            );
        }
    }
}
