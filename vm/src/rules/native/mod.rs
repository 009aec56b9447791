//! Rules as machine code: the decisions of [`tree`](super::tree) and what rules make,
//! as LLVM IR that the [`executor`](crate::executor) compiles. Needs the feature
//! `llvm`.
//!
//! ```text
//!  step(view, term) ── which head? ──▶ head_H ── decisions ──▶ rule_R
//!                                                                │ does the rest hold?
//!                                     host: cons, int, float ◀───┘ make the replacement
//! ```
//!
//! All functions take where nodes and arguments are ([`View`]) and numbers of terms.
//! Terms are made by the host, after all that is needed of others was read, since
//! they may move when one is made. The terms of rules have the same numbers in each
//! store, so that they stand in the code.

mod emit;
mod expr;
mod host;

use super::rule::RuleSet;
use super::terms::{Full, Node, Term, Terms};
use crate::cache::Cache;
use crate::executor::{Executor, Level, Options, Program, Source};

/// What compiled code is given.
#[repr(C)]
struct View {
    nodes: *const Node,
    kids: *const Term,
    terms: *mut Terms,
    /// The rule that was applied.
    rule: u32,
}

/// No rule fits.
const NONE: u32 = 0;
/// There is no room for what the rule makes.
const FULL: u32 = u32::MAX;

/// The function that looks for a rule.
const STEP: &str = "strata_rules_step";

/// A compiled rule set.
#[derive(Debug)]
pub(super) struct Native {
    step: unsafe extern "C" fn(*mut View, u32) -> u32,
    /// What `step` is in.
    _program: Program,
}

impl Native {
    /// Compiles rules. What goes wrong is told in words.
    pub(super) fn new(rules: &RuleSet, cache: Option<Cache>) -> Result<Native, String> {
        let text = emit::module(rules)?;
        let mut executor = Executor::new(Options {
            // Better code takes several times as long to compile, and gains nothing
            // that can be measured: most time goes into making terms.
            level: Level::O0,
            process: false,
            debuggers: false,
            cache,
            ..Options::default()
        });
        executor.add(host::functions());
        // SAFETY: it does what this module and its children say: it reads nodes
        // and arguments that are there, and declares the host's functions as they
        // are.
        let program = unsafe { executor.load([Source::text("rules", text)]) };
        let program = program.map_err(|e| e.to_string())?;
        let function = program.function(STEP).map_err(|e| e.to_string())?;
        // SAFETY: the program is kept, and `step` below calls it as it is meant.
        let step = unsafe { function.pointer() }.map_err(|e| e.to_string())?;
        Ok(Native {
            step,
            _program: program,
        })
    }

    /// The rule that fits a term, and what it makes of it. The store is one that
    /// began as that of the rules.
    #[inline]
    pub(super) fn step(
        &self,
        terms: &mut Terms,
        term: Term,
    ) -> Result<Option<(usize, Term)>, Full> {
        let (nodes, kids) = terms.parts();
        let mut view = View {
            nodes,
            kids,
            terms,
            rule: 0,
        };
        // SAFETY: nodes and arguments of this store, and a term in it.
        let made = unsafe { (self.step)(&raw mut view, term.0) };
        match made {
            NONE => Ok(None),
            FULL => Err(Full),
            made => Ok(Some((view.rule as usize, Term(made)))),
        }
    }
}

impl RuleSet {
    /// The LLVM IR that rules are compiled from.
    ///
    /// # Errors
    /// There are too many of them.
    pub fn llvm_ir(&self) -> Result<String, String> {
        emit::module(self)
    }
}
