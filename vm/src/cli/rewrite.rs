//! `vm rewrite`: terms, rewritten by rules.
//!
//! Results go to standard output, a line for each. A term without a normal form ends
//! the command, with status 1.

use super::args::RewriteArgs;
use super::input::Input;
use super::{Outcome, Problem, SUCCESS, Status, jit, put, report};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use strata::rules::{Error, Options, Reason, Rewriter, RuleSet, Stopped, SyntaxError, Term};

/// How much of a term is shown in messages and traces, in names and numbers.
const SHOWN: u64 = 60;
/// How much of a result is printed unless the options say otherwise.
const PRINTED: u64 = 100_000_000;

pub(crate) fn rewrite(args: &RewriteArgs) -> Outcome<Status> {
    let text = Text::of(Input::read(&args.rules)?)?;
    let rules = RuleSet::parse(&text.name, &text.text).map_err(|e| text.problem(&e))?;
    if args.llvm {
        return show_ir(&rules);
    }
    let usual = Options::default();
    let options = Options {
        backend: args.backend.into(),
        fuel: args.fuel.unwrap_or(usual.fuel),
        memory: args.memory_limit.unwrap_or(usual.memory),
        #[cfg(feature = "llvm")]
        cache: super::cache::of_run(&args.cache),
        ..usual
    };
    let mut rewriter = Rewriter::new(rules, options.clone()).map_err(failed)?;
    if let Some(file) = &args.trace {
        trace(&mut rewriter, file.as_ref())?;
    }
    let mut times = Times::default();
    let done = texts(args).try_for_each(|text| all(&mut rewriter, args, &text?, &mut times));
    #[cfg(feature = "llvm")]
    if let Some(cache) = &options.cache {
        // Figures alone aren't worth an error.
        let _ = cache.flush();
    }
    if let Some(stats) = &args.stats {
        stats.write_either(
            || table(&rewriter, &times),
            || json(&rewriter, &times).to_string() + "\n",
        )?;
    }
    done.map(|()| SUCCESS)
}

#[cfg(feature = "llvm")]
fn show_ir(rules: &RuleSet) -> Outcome<Status> {
    let ir = rules.llvm_ir().map_err(Problem::input)?;
    put(ir.as_bytes())?;
    Ok(SUCCESS)
}

#[cfg(not(feature = "llvm"))]
fn show_ir(_: &RuleSet) -> Outcome<Status> {
    Err(Problem::input(
        "--llvm: this build lacks LLVM (feature `llvm`)",
    ))
}

/// A text and its name.
struct Text {
    name: String,
    text: String,
}

impl Text {
    fn of(input: Input) -> Outcome<Text> {
        let name = input.name;
        match String::from_utf8(input.bytes) {
            Ok(text) => Ok(Text { name, text }),
            Err(e) => {
                let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
                let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
                Err(Problem::input(format!(
                    "{name}:{line}: this is not UTF-8; save the file as UTF-8"
                )))
            }
        }
    }

    fn problem(&self, error: &SyntaxError) -> Problem {
        let snippet = report::snippet(self.text.as_bytes(), error.offset, error.len, error.line);
        Problem::input(format!("{error}\n{snippet}"))
    }
}

fn failed(error: Error) -> Problem {
    Problem::input(error.to_string())
}

/// All that is to be rewritten, in order.
fn texts(args: &RewriteArgs) -> impl Iterator<Item = Outcome<Text>> + '_ {
    let words = args.terms.iter().map(|term| {
        Ok(Text {
            name: "--term".into(),
            text: term.clone(),
        })
    });
    let standard = (args.terms.is_empty() && args.files.is_empty()).then(|| PathBuf::from("-"));
    let files = args.files.iter().cloned().chain(standard);
    words.chain(files.map(|file| Text::of(Input::read(&file)?)))
}

/// What took how long.
#[derive(Default)]
struct Times {
    read: Duration,
    rewrite: Duration,
    print: Duration,
}

/// Rewrites all terms of a text.
fn all(rewriter: &mut Rewriter, args: &RewriteArgs, text: &Text, times: &mut Times) -> Outcome<()> {
    let start = Instant::now();
    let terms = rewriter.terms_mut().read(&text.name, &text.text);
    let terms = terms.map_err(|e| text.problem(&e))?;
    times.read += start.elapsed();
    for (n, &term) in terms.iter().enumerate() {
        let start = Instant::now();
        let done = rewriter.normalize(term);
        times.rewrite += start.elapsed();
        let start = Instant::now();
        match done {
            Ok(form) => print(rewriter, args, form)?,
            Err(stopped) => {
                if args.partial {
                    print(rewriter, args, stopped.partial)?;
                }
                let place = match terms.len() {
                    1 => text.name.clone(),
                    _ => format!("{}: term {}", text.name, n + 1),
                };
                return Err(without_form(rewriter, &place, stopped));
            }
        }
        times.print += start.elapsed();
    }
    Ok(())
}

fn without_form(rewriter: &Rewriter, place: &str, stopped: Stopped) -> Problem {
    let terms = rewriter.terms();
    let (what, help) = match stopped.reason {
        Reason::Loop(term) => (
            format!(
                "\nthis one comes up again below itself: {}",
                terms.show_some(term, SHOWN)
            ),
            "see with --trace which rules lead there",
        ),
        Reason::Fuel => (
            String::new(),
            "see with --trace --fuel=100 which rules go on, or allow more with --fuel",
        ),
        Reason::Memory => (String::new(), "allow more with --memory-limit"),
    };
    Problem::script(format!(
        "{place}: {stopped}{what}\nit has become: {}\nhelp: {help}",
        terms.show_some(stopped.partial, SHOWN)
    ))
}

/// Prints a result.
fn print(rewriter: &Rewriter, args: &RewriteArgs, term: Term) -> Outcome<()> {
    let terms = rewriter.terms();
    let size = terms.tree_size(term);
    let limit = args.print_limit.unwrap_or(PRINTED);
    if size > limit {
        let size = match size {
            u64::MAX => "more than 10^19".to_string(),
            size => size.to_string(),
        };
        return Err(Problem::script(format!(
            "a result has {size} names and numbers as text, of {} different terms: more than --print-limit allows",
            terms.dag_size(term)
        )));
    }
    put((terms.show(term) + "\n").as_bytes())
}

/// Writes a line for each application of a rule.
fn trace(rewriter: &mut Rewriter, file: Option<&PathBuf>) -> Outcome<()> {
    let mut out = jit::open(file)?;
    rewriter.watch(move |terms, rule, before, after| {
        let (before, after) = (
            terms.show_some(before, SHOWN),
            terms.show_some(after, SHOWN),
        );
        // There is nowhere left to complain to if this fails.
        let _ = writeln!(out, "{}: {before} => {after}", rule.name());
    });
    Ok(())
}

fn backend(rewriter: &Rewriter) -> &'static str {
    if rewriter.is_native() {
        "native"
    } else {
        "interpret"
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What was done, for people.
fn table(rewriter: &Rewriter, times: &Times) -> String {
    let stats = rewriter.stats();
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        // Strings take what is written.
        let _ = writeln!(text, "{name:<16}{value:>14}");
    };
    row("backend", backend(rewriter).into());
    if let Some(why) = &stats.refused {
        row("not compiled", why.clone());
    }
    row("rules", rewriter.rules().rules().len().to_string());
    row("terms", rewriter.terms().len().to_string());
    row("bytes", rewriter.terms().bytes().to_string());
    row("looked at", stats.attempts.to_string());
    row("applied", stats.applications().to_string());
    let compile = stats.compile.unwrap_or_default();
    // With the backend `auto` rules are compiled while terms are rewritten.
    for (name, time) in [
        ("read ms", times.read),
        ("compile ms", compile),
        ("rewrite ms", times.rewrite),
        ("print ms", times.print),
    ] {
        row(name, format!("{:.2}", millis(time)));
    }
    let mut applied: Vec<_> = rewriter
        .rules()
        .rules()
        .iter()
        .zip(&stats.applied)
        .collect();
    applied.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (rule, count) in applied.into_iter().filter(|(_, count)| **count > 0) {
        row(rule.name(), count.to_string());
    }
    text
}

/// What was done, for programs.
fn json(rewriter: &Rewriter, times: &Times) -> serde_json::Value {
    let stats = rewriter.stats();
    let rules = rewriter.rules().rules().iter();
    let applied: serde_json::Map<_, _> = rules
        .zip(&stats.applied)
        .map(|(rule, &count)| (rule.name().to_string(), count.into()))
        .collect();
    serde_json::json!({
        "backend": backend(rewriter),
        "not_compiled": stats.refused,
        "rules": rewriter.rules().rules().len(),
        "terms": rewriter.terms().len(),
        "bytes": rewriter.terms().bytes(),
        "attempts": stats.attempts,
        "applications": stats.applications(),
        "read_ms": millis(times.read),
        "compile_ms": stats.compile.map(millis),
        "rewrite_ms": millis(times.rewrite),
        "print_ms": millis(times.print),
        "applied": applied,
    })
}
