//! Rules as they are kept: without recursion, their names resolved.
//!
//! A **pattern** is the list of its nodes, each before its arguments; pieces without
//! variables are one node, since a term in a store is equal to another if it is the
//! same. A **replacement** is the list of steps that make it: each takes its
//! arguments from a stack. Terms in rules are in the store that the rules come with,
//! which every rewriter's store is a copy of.

use super::expr::{Cond, Expr, Sort};
use super::terms::{Head, Term, Terms};

/// A node of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pat {
    /// Anything, or anything of a sort.
    Any(Option<Sort>),
    /// Likewise, and a variable stands for it from now on.
    Bind(usize, Option<Sort>),
    /// What the variable stands for.
    Same(usize),
    /// This term.
    Is(Term),
    /// This head; its arguments follow.
    Apply(Head),
}

/// A step that makes a replacement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Build {
    /// What the variable stands for.
    Var(usize),
    /// This term.
    Term(Term),
    /// The number that was computed.
    Computed(usize),
    /// This head, with as many arguments of what was made before.
    Apply(Head),
}

/// A rule: terms that fit its pattern become its replacement if its condition holds.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) name: String,
    pub(super) priority: i32,
    pub(super) line: u32,
    pub(super) pattern: Vec<Pat>,
    pub(super) condition: Option<Cond>,
    /// Numbers in the replacement.
    pub(super) computed: Vec<Expr>,
    pub(super) replacement: Vec<Build>,
}

impl Rule {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of rules that fit, that of the highest priority is applied.
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// The line in which it begins, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }
}

/// Rules, in the order in which they are tried: of high priority first, of the same
/// priority as they are written.
#[derive(Clone, Debug)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    /// What is in rules.
    pub(super) base: Terms,
    /// By head, the rules that fit terms of this head only.
    pub(super) specific: Vec<Vec<usize>>,
    /// The other rules.
    pub(super) general: Vec<usize>,
}

impl RuleSet {
    pub(super) fn new(mut rules: Vec<Rule>, base: Terms) -> RuleSet {
        // Stable: what is written first stays first.
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        let mut specific = vec![Vec::new(); base.heads()];
        let mut general = Vec::new();
        for (n, rule) in rules.iter().enumerate() {
            let head = match rule.pattern.first() {
                Some(Pat::Apply(head)) => Some(*head),
                Some(Pat::Is(term)) => Some(base.node(*term).head),
                Some(Pat::Any(sort) | Pat::Bind(_, sort)) => match sort {
                    Some(Sort::Int) => Some(Head::INT),
                    Some(Sort::Float) => Some(Head::FLOAT),
                    Some(Sort::String) => Some(Head::STR),
                    _ => None,
                },
                _ => None,
            };
            match head {
                Some(head) => specific[head.0 as usize].push(n),
                None => general.push(n),
            }
        }
        RuleSet {
            rules,
            base,
            specific,
            general,
        }
    }

    /// All rules, in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
