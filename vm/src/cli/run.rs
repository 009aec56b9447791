//! `vm run`.

use super::args::RunArgs;
use super::input::Input;
use super::session::{End, Session};
use super::{Outcome, Problem, SUCCESS, Status, input, ir};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use strata::engine;
use strata::spec::Module;

/// Runs a program from beginning to end.
pub(crate) fn run(args: &RunArgs) -> Outcome<Status> {
    let input = Input::read(first(&args.words)?)?;
    if ir::is_meant(args, &input) {
        return ir::run(args, input);
    }
    let mut session = Session::new(&args.vm)?;
    let Some(path) = &args.report else {
        return execute_input(session, &input, &args.words, |_| Ok(()));
    };
    let recorder = engine::record(&mut session.vm)
        .map_err(|e| Problem::input(format!("cannot record the run: {}", input::reason(&e))))?;
    let title: Vec<_> = args.words.iter().map(|w| w.to_string_lossy()).collect();
    execute_input(session, &input, &args.words, |_| {
        let mut sources = Sources::default();
        let page = recorder.page(&title.join(" "), |chunk, line| sources.line(chunk, line));
        input::write(path, page.as_bytes())
    })
}

/// Lines of source files, which are read when they are first asked for.
#[derive(Default)]
struct Sources(HashMap<String, Vec<String>>);

impl Sources {
    /// Line `n`, from 1, of the file that a chunk is named after.
    fn line(&mut self, chunk: &str, n: u32) -> Option<String> {
        let lines = self.0.entry(chunk.to_string()).or_insert_with(|| {
            let text = std::fs::read(chunk).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            text.lines().map(str::to_string).collect()
        });
        lines.get((n as usize).checked_sub(1)?).cloned()
    }
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
    session: Session,
    input: &Input,
    words: &[OsString],
    report: impl FnOnce(&mut Session) -> Outcome<()>,
) -> Outcome<Status> {
    execute_module(session, input.module()?, words, report)
}

/// The same, of a program that is compiled.
pub(crate) fn execute_module(
    mut session: Session,
    module: Module,
    words: &[OsString],
    report: impl FnOnce(&mut Session) -> Outcome<()>,
) -> Outcome<Status> {
    let rest = words.get(1..).unwrap_or_default();
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
