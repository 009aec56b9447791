//! The interpreting matcher: rule by rule, as they stand.
//!
//! It shares neither decisions nor code with the native one, so that each checks the
//! other.

use super::expr::Value;
use super::rule::{Build, Pat, Rule, RuleSet};
use super::terms::{Full, Term, Terms};

/// What matching needs, kept so as not to be made each time.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    bound: Vec<Term>,
    left: Vec<Term>,
    computed: Vec<Value>,
    made: Vec<Term>,
}

/// The first rule that fits, and what it makes of the term.
pub(super) fn step(
    rules: &RuleSet,
    terms: &mut Terms,
    term: Term,
    scratch: &mut Scratch,
) -> Result<Option<(usize, Term)>, Full> {
    let head = terms.node(term).head;
    let specific = rules.specific.get(head.0 as usize);
    let mut specific = specific.map_or(&[][..], Vec::as_slice);
    let mut general = &rules.general[..];
    loop {
        // Both lists are in order: the rule that comes first is in front of one.
        let list = match (specific.first(), general.first()) {
            (None, None) => return Ok(None),
            (Some(a), Some(b)) if a > b => &mut general,
            (None, _) => &mut general,
            _ => &mut specific,
        };
        let n = list[0];
        *list = &list[1..];
        let rule = &rules.rules[n];
        if fits(rule, terms, term, scratch) {
            return build(rule, terms, scratch).map(|made| Some((n, made)));
        }
    }
}

/// Whether a rule is to be applied to a term. What variables stand for, and numbers
/// that were computed, are in `scratch` then.
fn fits(rule: &Rule, terms: &Terms, term: Term, scratch: &mut Scratch) -> bool {
    let Scratch {
        bound,
        left,
        computed,
        ..
    } = scratch;
    bound.clear();
    left.clear();
    left.push(term);
    for pat in &rule.pattern {
        // A pattern has as many nodes as terms are left for them.
        let Some(term) = left.pop() else {
            return false;
        };
        let fits = match pat {
            Pat::Any(sort) => sort.is_none_or(|sort| sort.holds(terms, term)),
            Pat::Bind(_, sort) => {
                bound.push(term);
                sort.is_none_or(|sort| sort.holds(terms, term))
            }
            Pat::Same(n) => bound[*n] == term,
            Pat::Is(wanted) => *wanted == term,
            Pat::Apply(head) => {
                let is = terms.node(term).head == *head;
                if is {
                    left.extend(terms.args(term).iter().rev());
                }
                is
            }
        };
        if !fits {
            return false;
        }
    }
    if let Some(condition) = &rule.condition
        && condition.holds(terms, bound) != Some(true)
    {
        return false;
    }
    computed.clear();
    for expr in &rule.computed {
        match expr.value(terms, bound) {
            Some(value) => computed.push(value),
            None => return false,
        }
    }
    true
}

/// Makes the replacement.
fn build(rule: &Rule, terms: &mut Terms, scratch: &mut Scratch) -> Result<Term, Full> {
    let Scratch {
        bound,
        computed,
        made,
        ..
    } = scratch;
    made.clear();
    for step in &rule.replacement {
        let term = match step {
            Build::Var(n) => bound[*n],
            Build::Term(term) => *term,
            Build::Computed(n) => computed[*n].term(terms)?,
            Build::Apply(head) => {
                let arity = terms.named(*head).map_or(0, |(_, arity)| arity);
                let args = made.len() - arity;
                let term = terms.cons(*head, &made[args..])?;
                made.truncate(args);
                term
            }
        };
        made.push(term);
    }
    made.pop().ok_or(Full)
}
