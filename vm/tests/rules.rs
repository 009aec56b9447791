//! Rewriting by rules: what rules mean, what is refused, and that compiled rules do
//! what interpreted ones do.

#[path = "rules/errors.rs"]
mod errors;
#[path = "rules/meaning.rs"]
mod meaning;
#[cfg(feature = "llvm")]
#[path = "rules/random.rs"]
mod random;
#[path = "rules/stops.rs"]
mod stops;

use std::sync::{Arc, Mutex};
use strata::rules::{Backend, Options, Reason, Rewriter, RuleSet};

/// What can be seen of rewriting some terms.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    /// A term's normal form, or why there is none and what it became.
    ends: Vec<Result<String, (String, String)>>,
    /// How often each rule was applied.
    applied: Vec<u64>,
    attempts: u64,
    terms: usize,
    /// Rule, term, and what became of it.
    trace: Vec<String>,
}

/// Nodes of a term that tests look at.
const SHOWN: u64 = 200;

fn observe(rules: &RuleSet, terms: &[String], options: Options) -> Seen {
    let mut rewriter = Rewriter::new(rules.clone(), options).unwrap();
    let trace = Arc::new(Mutex::new(Vec::new()));
    let traced = Arc::clone(&trace);
    rewriter.watch(move |terms, rule, before, after| {
        traced.lock().unwrap().push(format!(
            "{}: {} => {}",
            rule.name(),
            terms.show_some(before, SHOWN),
            terms.show_some(after, SHOWN)
        ));
    });
    let mut ends = Vec::new();
    for text in terms {
        let term = rewriter.terms_mut().read_one(text).unwrap();
        let end = rewriter.normalize(term);
        let terms = rewriter.terms();
        ends.push(match end {
            Ok(form) => Ok(terms.show_some(form, SHOWN)),
            Err(stopped) => {
                let reason = match stopped.reason {
                    Reason::Loop(term) => format!("loop {}", terms.show_some(term, SHOWN)),
                    other => format!("{other:?}"),
                };
                Err((reason, terms.show_some(stopped.partial, SHOWN)))
            }
        });
    }
    let trace = trace.lock().unwrap().clone();
    Seen {
        ends,
        applied: rewriter.stats().applied.clone(),
        attempts: rewriter.stats().attempts,
        terms: rewriter.terms().len(),
        trace,
    }
}

/// All ways that this build has.
fn backends() -> Vec<Backend> {
    let mut all = vec![Backend::Interpret];
    if cfg!(feature = "llvm") {
        all.push(Backend::Native);
    }
    all
}

/// Rewrites terms in all ways; they have to do the same.
#[track_caller]
fn rewrite_all(rules: &RuleSet, terms: &[String], options: &Options) -> Seen {
    let mut seen = backends().into_iter().map(|backend| {
        let options = Options {
            backend,
            ..options.clone()
        };
        observe(rules, terms, options)
    });
    let first = seen.next().unwrap();
    for other in seen {
        assert_eq!(first, other);
    }
    first
}

fn parse(text: &str) -> RuleSet {
    RuleSet::parse("test", text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// What terms become, in all ways.
#[track_caller]
fn becomes(rules: &str, cases: &[(&str, &str)]) {
    let terms: Vec<String> = cases.iter().map(|(term, _)| (*term).to_string()).collect();
    let seen = rewrite_all(&parse(rules), &terms, &Options::default());
    for ((term, wanted), found) in cases.iter().zip(&seen.ends) {
        assert_eq!(found.as_deref(), Ok(*wanted), "{term}");
    }
}
