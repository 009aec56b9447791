//! `vm run`.

use super::args::RunArgs;
use super::input::Input;
use super::session::{End, Session};
use super::{Outcome, Problem, SUCCESS, Status, ir};
use std::ffi::OsString;
use std::path::Path;

/// Runs a program from beginning to end.
pub(crate) fn run(args: &RunArgs) -> Outcome<Status> {
    let input = Input::read(first(&args.words)?)?;
    if ir::is_meant(args, &input) {
        return ir::run(args, input);
    }
    execute_input(Session::new(&args.vm)?, &input, &args.words, |_| Ok(()))
}

/// The file among the last words of the command line.
fn first(words: &[OsString]) -> Outcome<&Path> {
    let file = words.first();
    file.map(Path::new)
        .ok_or_else(|| Problem::input("no program to run"))
}

/// Runs the program that the first of `words` names, with the others as its
/// arguments: the last words of the command line. `report` has a look at the
/// VM when all is over.
pub(crate) fn execute(
    session: Session,
    words: &[OsString],
    report: impl FnOnce(&mut Session) -> Outcome<()>,
) -> Outcome<Status> {
    let input = Input::read(first(words)?)?;
    execute_input(session, &input, words, report)
}

fn execute_input(
    mut session: Session,
    input: &Input,
    words: &[OsString],
    report: impl FnOnce(&mut Session) -> Outcome<()>,
) -> Outcome<Status> {
    let rest = words.get(1..).unwrap_or_default();
    let module = input.module()?;
    let all: Vec<_> = std::env::args_os().collect();
    let program = all.len() - words.len();
    session.set_arg(&all, program)?;
    let values = session.strings(rest)?;
    let main = session.load(module)?;
    let end = session.call(main, &values);
    // `os.exit` writes open files out, but calls no finalizer.
    let exit = matches!(end, Ok(End::Exit(_))) && !session.closes_on_exit();
    if exit {
        session.finish_trace();
    } else {
        session.close();
    }
    let reported = report(&mut session);
    if !exit {
        // The system takes the memory back faster than we could.
        std::mem::forget(session);
    }
    match end {
        Ok(End::Returned(_)) => reported.map(|()| SUCCESS),
        Ok(End::Exit(status)) => reported.map(|()| status),
        Err(failure) => Err(Problem::script(failure.message())),
    }
}
