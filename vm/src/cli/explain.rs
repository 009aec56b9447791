//! `vm explain`: which tiers the functions of a program got, and why.

use super::args::ExplainArgs;
use super::session::Session;
use super::{Outcome, Problem, Status, input, run};
use std::io::Write;
use strata::engine::{self, FunctionStatus};

/// Runs a program and explains.
pub(crate) fn explain(args: &ExplainArgs) -> Outcome<Status> {
    let session = Session::new(&args.vm)?;
    run::execute(session, &args.words, |session| {
        let all = engine::all_status(&mut session.vm);
        let text = if args.json { json(&all) } else { text(&all) };
        match &args.output {
            Some(path) => input::write(path, text.as_bytes()),
            None => {
                let written = std::io::stderr().write_all(text.as_bytes());
                written.map_err(|e| Problem::input(format!("cannot write: {}", input::reason(&e))))
            }
        }
    })
}

/// For people: functions of higher tiers first.
fn text(all: &[FunctionStatus]) -> String {
    let mut text = String::new();
    for (tier, title) in [
        (2, "Optimized"),
        (1, "Compiled by the baseline compiler"),
        (0, "Interpreted"),
    ] {
        let of_tier: Vec<_> = all.iter().filter(|s| s.tier == tier).collect();
        if of_tier.is_empty() {
            continue;
        }
        text.push_str(&format!("{title}: {} of {}\n", of_tier.len(), all.len()));
        for status in of_tier {
            text.push_str(&format!("{status}\n"));
        }
        text.push('\n');
    }
    text
}

/// For programs: an array.
fn json(all: &[FunctionStatus]) -> String {
    let all = all.iter().map(FunctionStatus::to_json).collect();
    serde_json::Value::Array(all).to_string() + "\n"
}
