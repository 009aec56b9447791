//! Texts from a grammar, as trees that shrink.
//!
//! A *grammar* is a list of rules: a nonterminal (one letter), a weight and
//! a template. In a template `$E` stands for any text that nonterminal `E` can
//! become, `$7` for a number from 0 to 7, `$#` for a number that belongs to this
//! use of the rule alone, so that names made with it clash with no others, and
//! `$$` for itself.
//!
//! What is generated is a [`Node`] that remembers its nonterminal. So it can be
//! made smaller without leaving the language: a node may take the place of any
//! node above it that has the same nonterminal, an item of a list may go,
//! and whatever it is, a node may become the least text of its nonterminal.
//! [`Grown`] does so for proptest.

use crate::rng::Rng;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::fmt;
use std::sync::Arc;

/// A way to make a nonterminal.
#[derive(Clone, Debug)]
struct Rule {
    of: u8,
    weight: u32,
    parts: Vec<Hole>,
    /// It has no nonterminal.
    ends: bool,
}

/// A part of a template.
#[derive(Clone, Debug)]
enum Hole {
    Text(String),
    Digit(u8),
    Fresh,
    Of(u8),
}

/// Rules, and which nonterminals are lists of another one.
pub struct Grammar {
    rules: Vec<Rule>,
    /// Lists, and what is in them.
    lists: &'static [(u8, u8)],
    /// The least text of each nonterminal.
    least: Vec<(u8, &'static str)>,
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grammar({} rules)", self.rules.len())
    }
}

/// What a nonterminal became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    of: u8,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Node(Node),
}

/// Deepest nesting of rules; below it those are taken that end.
const DEPTH: usize = 9;

impl Grammar {
    /// A grammar of `rules`, one a line: nonterminal, weight, template. A line
    /// that begins with a space goes on with the one before. `least` has the
    /// least text of each nonterminal.
    ///
    /// # Panics
    /// It makes no sense.
    pub fn new(rules: &str, lists: &'static [(u8, u8)], least: Vec<(u8, &'static str)>) -> Grammar {
        let mut lines: Vec<String> = Vec::new();
        for line in rules.lines().filter(|l| !l.trim().is_empty()) {
            if line.starts_with(' ') {
                let last = lines.last_mut().expect("a line to go on with");
                last.push('\n');
                last.push_str(line.trim_start());
            } else {
                lines.push(line.to_owned());
            }
        }
        let rules: Vec<Rule> = lines.iter().map(|line| rule(line)).collect();
        for r in &rules {
            let holes = r.parts.iter().filter_map(|part| match part {
                Hole::Of(n) => Some(*n),
                _ => None,
            });
            for n in holes.chain([r.of]) {
                let name = char::from(n);
                assert!(least.iter().any(|l| l.0 == n), "no least text of {name}");
                let list = lists.iter().any(|l| l.0 == n);
                let ends = rules.iter().any(|r| r.of == n && r.ends);
                assert!(list || ends, "{name} never ends");
            }
        }
        Grammar {
            rules,
            lists,
            least,
        }
    }

    /// What is in lists of nonterminal `of`, if it is one.
    fn item(&self, of: u8) -> Option<u8> {
        let found = self.lists.iter().find(|(list, _)| *list == of);
        found.map(|(_, item)| *item)
    }

    /// A node of nonterminal `of`; `budget` is about how many rules it takes.
    pub fn grow(&self, rng: &mut Rng, of: char, budget: usize) -> Node {
        let mut growing = Growing {
            grammar: self,
            rng,
            left: budget,
            fresh: 0,
        };
        growing.node(of as u8, 0)
    }

    fn least(&self, of: u8) -> &'static str {
        let found = self.least.iter().find(|(n, _)| *n == of);
        found.map_or("", |(_, text)| text)
    }
}

fn rule(line: &str) -> Rule {
    let mut words = line.splitn(3, ' ');
    let (of, weight, template) = (words.next(), words.next(), words.next());
    let (Some(of), Some(weight), Some(template)) = (of, weight, template) else {
        panic!("not a rule: {line}")
    };
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '$' {
            text.push(c);
            continue;
        }
        let hole = match chars.next() {
            Some('$') => {
                text.push('$');
                continue;
            }
            Some('#') => Hole::Fresh,
            Some(c @ '0'..='9') => Hole::Digit(c as u8 - b'0'),
            Some(c @ ('A'..='Z' | 'a'..='z')) => Hole::Of(c as u8),
            other => panic!("a hole {other:?} in: {line}"),
        };
        if !text.is_empty() {
            parts.push(Hole::Text(std::mem::take(&mut text)));
        }
        parts.push(hole);
    }
    if !text.is_empty() {
        parts.push(Hole::Text(text));
    }
    Rule {
        of: of.as_bytes()[0],
        weight: weight.parse().unwrap_or_else(|_| panic!("{line}")),
        ends: !parts.iter().any(|p| matches!(p, Hole::Of(_))),
        parts,
    }
}

struct Growing<'g> {
    grammar: &'g Grammar,
    rng: &'g mut Rng,
    left: usize,
    fresh: usize,
}

impl Growing<'_> {
    fn node(&mut self, of: u8, depth: usize) -> Node {
        if let Some(item) = self.grammar.item(of) {
            let most = if depth > DEPTH || self.left == 0 {
                1
            } else {
                4
            };
            let n = 1 + self.rng.below(most);
            return Node {
                of,
                parts: (0..n)
                    .map(|_| Part::Node(self.node(item, depth + 1)))
                    .collect(),
            };
        }
        self.left = self.left.saturating_sub(1);
        let ends = depth > DEPTH || self.left == 0;
        let grammar = self.grammar;
        let fits = |r: &&Rule| r.of == of && (r.ends || !ends);
        let all: u32 = grammar.rules.iter().filter(fits).map(|r| r.weight).sum();
        let mut at = self.rng.below(all as usize) as u32;
        let chosen = grammar.rules.iter().filter(fits).find(|r| {
            let here = at < r.weight;
            at = at.saturating_sub(r.weight);
            here
        });
        let chosen = chosen.expect("nonterminals end");
        self.fresh += 1;
        let fresh = self.fresh;
        let parts = chosen.parts.iter().map(|hole| match hole {
            Hole::Text(text) => Part::Text(text.clone()),
            Hole::Digit(most) => Part::Text(self.rng.below(usize::from(*most) + 1).to_string()),
            Hole::Fresh => Part::Text(fresh.to_string()),
            Hole::Of(n) => Part::Node(self.node(*n, depth + 1)),
        });
        let parts = parts.collect();
        Node { of, parts }
    }
}

impl Node {
    /// The text.
    pub fn text(&self, grammar: &Grammar) -> String {
        let mut to = String::new();
        self.write(grammar, &mut to);
        to
    }

    fn write(&self, grammar: &Grammar, to: &mut String) {
        for (n, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(text) => to.push_str(text),
                Part::Node(node) => {
                    if n > 0 && grammar.item(self.of).is_some() {
                        to.push('\n');
                    }
                    node.write(grammar, to);
                }
            }
        }
    }

    /// All paths to nodes, outer ones first.
    fn paths(&self) -> Vec<Vec<usize>> {
        fn walk(node: &Node, at: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
            all.push(at.clone());
            for (n, part) in node.parts.iter().enumerate() {
                if let Part::Node(inner) = part {
                    at.push(n);
                    walk(inner, at, all);
                    at.pop();
                }
            }
        }
        let mut all = Vec::new();
        walk(self, &mut Vec::new(), &mut all);
        all.sort_by_key(Vec::len);
        all
    }

    fn at(&self, path: &[usize]) -> Option<&Node> {
        let mut node = self;
        for &n in path {
            match node.parts.get(n) {
                Some(Part::Node(inner)) => node = inner,
                _ => return None,
            }
        }
        Some(node)
    }

    fn at_mut(&mut self, path: &[usize]) -> Option<&mut Node> {
        let mut node = self;
        for &n in path {
            match node.parts.get_mut(n) {
                Some(Part::Node(inner)) => node = inner,
                _ => return None,
            }
        }
        Some(node)
    }

    /// The tree with what is at `path` replaced.
    fn with(&self, path: &[usize], new: Node) -> Option<Node> {
        let mut tree = self.clone();
        *tree.at_mut(path)? = new;
        Some(tree)
    }

    /// Nodes inside of this one that could take its place, outer ones first.
    fn heirs(&self) -> Vec<Node> {
        let paths = self.paths();
        let inner = paths.iter().skip(1).filter_map(|p| self.at(p));
        inner.filter(|n| n.of == self.of).cloned().collect()
    }
}

/// Texts of a grammar.
#[derive(Clone)]
pub struct Texts {
    grammar: Arc<Grammar>,
    of: char,
    budget: (usize, usize),
    valid: fn(&str) -> bool,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Texts({})", self.of)
    }
}

impl Texts {
    /// Texts of nonterminal `of`, made with between so many rules. Only
    /// `valid` ones are made when shrinking.
    pub fn new(
        grammar: Arc<Grammar>,
        of: char,
        budget: (usize, usize),
        valid: fn(&str) -> bool,
    ) -> Texts {
        Texts {
            grammar,
            of,
            budget,
            valid,
        }
    }

    /// One of them.
    pub fn one(&self, rng: &mut Rng) -> Grown {
        let (least, most) = self.budget;
        // Most are short: those run often, and say at once what is wrong.
        let more = rng.below(most - least + 1);
        let budget = least + rng.below(1 + more);
        let tree = self.grammar.grow(rng, self.of, budget);
        Grown::new(self.clone(), tree)
    }
}

impl Strategy for Texts {
    type Tree = Grown;
    type Value = String;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = proptest::num::u64::ANY.new_tree(runner)?.current();
        let mut rng = Rng::new(seed, 0);
        Ok(self.one(&mut rng))
    }
}

/// A way to make a tree smaller.
#[derive(Clone, Debug)]
enum Cut {
    /// Some items of a list go.
    Drop(Vec<usize>, std::ops::Range<usize>),
    /// A node inside takes the place.
    Heir(Vec<usize>, usize),
    /// The least text does.
    Least(Vec<usize>),
}

/// A text that shrinks.
#[derive(Clone, Debug)]
pub struct Grown {
    texts: Texts,
    best: Node,
    tried: Option<Node>,
    cuts: Vec<Cut>,
    next: usize,
    /// Where the list was begun, if that was not its beginning.
    begun: usize,
}

impl Grown {
    fn new(texts: Texts, tree: Node) -> Grown {
        Grown {
            texts,
            best: tree,
            tried: None,
            cuts: Vec::new(),
            next: usize::MAX,
            begun: 0,
        }
    }

    fn list(&mut self) {
        self.cuts.clear();
        for path in self.best.paths() {
            let Some(node) = self.best.at(&path) else {
                continue;
            };
            if self.texts.grammar.item(node.of).is_some() {
                let n = node.parts.len();
                if n > 3 {
                    self.cuts.push(Cut::Drop(path.clone(), 0..n / 2));
                    self.cuts.push(Cut::Drop(path.clone(), n / 2..n));
                }
                for k in (0..n).rev() {
                    self.cuts.push(Cut::Drop(path.clone(), k..k + 1));
                }
            }
            self.cuts.push(Cut::Least(path.clone()));
            for heir in 0..node.heirs().len().min(6) {
                self.cuts.push(Cut::Heir(path.clone(), heir));
            }
        }
        self.next = 0;
        self.begun = 0;
    }

    fn cut(&self, cut: &Cut) -> Option<Node> {
        match cut {
            Cut::Drop(path, range) => {
                let mut tree = self.best.clone();
                let node = tree.at_mut(path)?;
                let end = range.end.min(node.parts.len());
                if range.start >= end {
                    return None;
                }
                node.parts.drain(range.start..end);
                Some(tree)
            }
            Cut::Heir(path, n) => {
                let heir = self.best.at(path)?.heirs().into_iter().nth(*n)?;
                self.best.with(path, heir)
            }
            Cut::Least(path) => {
                let old = self.best.at(path)?;
                let text = self.texts.grammar.least(old.of).to_owned();
                let new = Node {
                    of: old.of,
                    parts: if text.is_empty() {
                        Vec::new()
                    } else {
                        vec![Part::Text(text)]
                    },
                };
                self.best.with(path, new)
            }
        }
    }

    /// The next tree that is worth a try.
    fn advance(&mut self) -> bool {
        while let Some(cut) = self.cuts.get(self.next).cloned() {
            self.next += 1;
            if let Some(tree) = self.cut(&cut)
                && tree != self.best
                && (self.texts.valid)(&tree.text(&self.texts.grammar))
            {
                self.tried = Some(tree);
                return true;
            }
        }
        if self.begun > 0 {
            // What was skipped has its turn.
            self.cuts.truncate(self.begun);
            (self.begun, self.next) = (0, 0);
            return self.advance();
        }
        self.tried = None;
        false
    }
}

impl ValueTree for Grown {
    type Value = String;

    fn current(&self) -> String {
        let tree = self.tried.as_ref().unwrap_or(&self.best);
        tree.text(&self.texts.grammar)
    }

    fn simplify(&mut self) -> bool {
        // What was tried fails as well: go on from there.
        match self.tried.take() {
            Some(tree) => {
                self.best = tree;
                let at = self.next.saturating_sub(1);
                self.list();
                // Most of what was refused before would be again: it is last.
                self.next = at.min(self.cuts.len());
                self.begun = self.next;
            }
            None => self.list(),
        }
        self.advance()
    }

    fn complicate(&mut self) -> bool {
        self.tried = None;
        self.advance()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Texts {
        let rules = "S 3 x$9\nS 1 [$B]\nS 1 l$#(l$#)";
        let grammar = Grammar::new(rules, &[(b'B', b'S')], vec![(b'S', ""), (b'B', "")]);
        Texts::new(Arc::new(grammar), 'B', (4, 40), |_| true)
    }

    #[test]
    fn texts_are_reproducible_and_of_the_language() {
        for seed in 0..50 {
            let text = lists().one(&mut Rng::new(seed, 0)).current();
            assert_eq!(text, lists().one(&mut Rng::new(seed, 0)).current());
            assert_eq!(text.matches('[').count(), text.matches(']').count());
            assert!(!text.is_empty());
        }
    }

    #[test]
    fn what_fails_shrinks_to_what_matters() {
        let fails = |text: &str| text.contains("x7");
        let mut grown = (0..)
            .map(|seed| lists().one(&mut Rng::new(seed, 1)))
            .find(|g| fails(&g.current()) && g.current().len() > 40)
            .expect("an endless supply");
        let mut more = grown.simplify();
        while more {
            more = if fails(&grown.current()) {
                grown.simplify()
            } else {
                grown.complicate()
            };
        }
        assert_eq!(grown.current(), "x7");
    }
}
