//! `vm run`.

use super::args::RunArgs;
use super::input::Input;
use super::session::{End, Session};
use super::{Outcome, Problem, SUCCESS, Status};
use std::path::Path;

/// Runs a program from beginning to end.
pub(crate) fn run(args: &RunArgs) -> Outcome<Status> {
    let Some((file, rest)) = args.words.split_first() else {
        return Err(Problem::input("no program to run"));
    };
    let module = Input::read(Path::new(file))?.module()?;
    let mut session = Session::new(&args.vm)?;
    let words: Vec<_> = std::env::args_os().collect();
    let program = words.len() - args.words.len();
    session.set_arg(&words, program)?;
    let values = session.strings(rest)?;
    let main = session.load(module)?;
    let outcome = match session.call(main, &values) {
        Ok(End::Returned(_)) => Ok(SUCCESS),
        Ok(End::Exit(status)) if session.closes_on_exit() => Ok(status),
        // Open files are written out, but no finalizer is called.
        Ok(End::Exit(status)) => return Ok(status),
        Err(failure) => Err(Problem::script(failure.message())),
    };
    session.close();
    // The system takes the memory back faster than we could.
    std::mem::forget(session);
    outcome
}
