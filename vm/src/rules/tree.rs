//! All patterns of a rule set as one tree of decisions, which looks at each place of
//! a term once.
//!
//! A **place** is where something is in the term that is matched: the term itself,
//! or an argument of what is at another place. A pattern is a list of **tests**: this
//! place holds that term, that head, something of that sort. From the rules that may
//! still fit, in their order, a node of the tree is made:
//!
//! - If the first has no tests left, it is to be applied, unless what it says beyond
//!   its tests (variables that occur twice, a condition) doesn't hold; then the
//!   others follow.
//! - Otherwise one of its tests is made, that of the place that most rules ask about,
//!   and for each outcome a node is made of the rules that still fit.
//!
//! What remains of rules determines a node, so that equal ones are made once. Trees
//! can be exponentially larger than patterns all the same. Beyond a limit that grows
//! with the patterns, what follows is a **chain**: the rules for a head, one after
//! the other, from the first that may still fit on. It is made once, whatever is known
//! where it is entered, so that all of it stays as large as patterns are.

use super::expr::Sort;
use super::rule::{Pat, Rule, RuleSet};
use super::terms::{Head, Term, Terms};
use std::collections::HashMap;

/// The number of a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Place(pub u32);

impl Place {
    /// The term itself.
    pub(super) const ROOT: Place = Place(0);
}

/// The number of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct NodeId(pub u32);

impl NodeId {
    /// No rule fits.
    pub(super) const NONE: NodeId = NodeId(0);
}

/// A decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// No rule fits.
    None,
    /// This rule, if what it says beyond tests holds.
    Rule { rule: usize, otherwise: NodeId },
    /// Which of these terms it is.
    Terms {
        place: Place,
        cases: Vec<(Term, NodeId)>,
        default: NodeId,
    },
    /// Which of these heads it has.
    Heads {
        place: Place,
        cases: Vec<(Head, NodeId)>,
        default: NodeId,
    },
    /// Whether it is of a sort: symbols, or compound terms.
    Sort {
        place: Place,
        sort: Sort,
        yes: NodeId,
        no: NodeId,
    },
}

/// A place and what has to be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Test {
    Is(Term),
    Head(Head),
    Sort(Sort),
}

/// What a rule says beyond its tests.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    /// Where variables are, by number.
    pub places: Vec<Place>,
    /// Places that have to hold the same.
    pub same: Vec<(Place, Place)>,
}

/// A rule that may still fit, and its tests that are left.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Row {
    rule: usize,
    left: Vec<u32>,
}

/// The decisions of a rule set.
#[derive(Debug)]
pub(super) struct Tree {
    pub nodes: Vec<Node>,
    pub root: NodeId,
    /// By place: what it is an argument of, which, and of how many.
    pub places: Vec<(Place, u32, u32)>,
    /// By rule.
    pub rests: Vec<Rest>,
}

/// Nodes of a tree, for each test of a pattern, before chains begin.
const NODES_PER_TEST: usize = 3;
/// And as many more.
const NODES: usize = 500;
/// How deep decisions may be before that.
const DEPTH: usize = 300;
/// How many tests may be looked at before that.
const WORK: usize = 20_000_000;

/// The rules of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Chain {
    /// All.
    All,
    /// Those that may fit a term with this head, or any but those for some head.
    Root(Option<Head>),
}

struct Maker<'r> {
    rules: &'r RuleSet,
    tests: Vec<Vec<(Place, Test)>>,
    index: HashMap<(Place, u32, u32), Place>,
    made: HashMap<Vec<Row>, NodeId>,
    /// Where chains begin with which rule.
    chains: HashMap<Chain, HashMap<usize, NodeId>>,
    work: usize,
    most_nodes: usize,
    tree: Tree,
}

/// Whether a rule that passed its tests may still not be applied.
pub(super) fn may_fail(rule: &Rule, rest: &Rest) -> bool {
    rule.condition.is_some() || !rule.computed.is_empty() || !rest.same.is_empty()
}

impl Tree {
    /// The decisions of these rules.
    pub(super) fn new(rules: &RuleSet) -> Tree {
        let mut maker = Maker {
            rules,
            tests: Vec::new(),
            index: HashMap::new(),
            made: HashMap::new(),
            chains: HashMap::new(),
            work: 0,
            most_nodes: NODES,
            tree: Tree {
                nodes: vec![Node::None],
                root: NodeId::NONE,
                places: vec![(Place::ROOT, 0, 0)],
                rests: Vec::new(),
            },
        };
        for rule in &rules.rules {
            maker.read(rule);
        }
        let tests: usize = maker.tests.iter().map(Vec::len).sum();
        maker.most_nodes += tests * NODES_PER_TEST;
        let rows = maker.tests.iter().enumerate().map(|(rule, tests)| Row {
            rule,
            left: (0..tests.len() as u32).collect(),
        });
        let rows = rows.collect();
        maker.tree.root = maker.node(rows, 0);
        maker.tree
    }
}

impl Maker<'_> {
    fn place(&mut self, parent: Place, arg: u32, arity: u32) -> Place {
        let places = &mut self.tree.places;
        let key = (parent, arg, arity);
        *self.index.entry(key).or_insert_with(|| {
            places.push(key);
            Place(places.len() as u32 - 1)
        })
    }

    /// The tests of a rule, each before those of what is below it.
    fn read(&mut self, rule: &Rule) {
        let mut tests = Vec::new();
        let mut rest = Rest::default();
        let mut left = vec![Place::ROOT];
        for pat in &rule.pattern {
            let Some(place) = left.pop() else { break };
            match *pat {
                Pat::Any(None) => {}
                Pat::Any(Some(sort)) => tests.push((place, Test::Sort(sort))),
                Pat::Bind(_, sort) => {
                    rest.places.push(place);
                    tests.extend(sort.map(|sort| (place, Test::Sort(sort))));
                }
                Pat::Same(var) => rest.same.push((rest.places[var], place)),
                Pat::Is(term) => tests.push((place, Test::Is(term))),
                Pat::Apply(head) => {
                    tests.push((place, Test::Head(head)));
                    let arity = self.rules.base.named(head).map_or(0, |(_, n)| n) as u32;
                    for arg in (0..arity).rev() {
                        let arg = self.place(place, arg, arity);
                        left.push(arg);
                    }
                }
            }
        }
        self.tests.push(tests);
        self.tree.rests.push(rest);
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.tree.nodes.push(node);
        NodeId(self.tree.nodes.len() as u32 - 1)
    }

    /// The tests that are left of a row.
    fn left<'s>(&'s self, row: &'s Row) -> impl Iterator<Item = (Place, Test)> + 's {
        row.left.iter().map(|&n| self.tests[row.rule][n as usize])
    }

    fn node(&mut self, rows: Vec<Row>, depth: usize) -> NodeId {
        let Some(first) = rows.first() else {
            return NodeId::NONE;
        };
        if let Some(&made) = self.made.get(&rows) {
            return made;
        }
        self.work += rows.iter().map(|row| row.left.len() + 1).sum::<usize>();
        if depth > DEPTH || self.tree.nodes.len() > self.most_nodes || self.work > WORK {
            return self.in_turn(&rows);
        }
        let made = if first.left.is_empty() {
            let rule = first.rule;
            let fails = may_fail(&self.rules.rules[rule], &self.tree.rests[rule]);
            let otherwise = if fails {
                self.node(rows[1..].to_vec(), depth + 1)
            } else {
                NodeId::NONE
            };
            self.add(Node::Rule { rule, otherwise })
        } else {
            self.decide(&rows, depth)
        };
        self.made.insert(rows, made);
        made
    }

    /// The place that the first rule asks about and most rules with it.
    fn choose(&self, rows: &[Row]) -> Place {
        let first: Vec<Place> = self.left(&rows[0]).map(|(place, _)| place).collect();
        let mut counts: HashMap<Place, usize> = HashMap::new();
        for row in rows {
            for (place, _) in self.left(row) {
                *counts.entry(place).or_default() += 1;
            }
        }
        // What is below a place that is still to be tested need not be there.
        let open = first.iter().filter(|place| {
            !first.contains(&self.tree.places[place.0 as usize].0) || **place == Place::ROOT
        });
        let best = open.max_by_key(|place| (counts[*place], std::cmp::Reverse(place.0)));
        best.copied().unwrap_or(Place::ROOT)
    }

    fn decide(&mut self, rows: &[Row], depth: usize) -> NodeId {
        let place = self.choose(rows);
        let (mut terms, mut heads, mut sorts) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            for (_, test) in self.left(row).filter(|(at, _)| *at == place) {
                match test {
                    Test::Is(term) => terms.push(term),
                    Test::Head(head) => heads.push(head),
                    Test::Sort(Sort::Int) => heads.push(Head::INT),
                    Test::Sort(Sort::Float) => heads.push(Head::FLOAT),
                    Test::Sort(Sort::Number) => heads.extend([Head::INT, Head::FLOAT]),
                    Test::Sort(Sort::String) => heads.push(Head::STR),
                    Test::Sort(sort) => sorts.push(sort),
                }
            }
        }
        if !terms.is_empty() {
            terms.sort_unstable();
            terms.dedup();
            let mut cases = Vec::new();
            for term in terms {
                let rows = self.knowing(rows, place, |maker, at, test| {
                    Some(maker.known(place, term, at)).map(|found| {
                        found.is_some_and(|found| holds(&maker.rules.base, found, test))
                    })
                });
                cases.push((term, self.node(rows, depth + 1)));
            }
            let others = self.knowing(rows, place, |_, at, test| {
                (at == place && matches!(test, Test::Is(_))).then_some(false)
            });
            let default = self.node(others, depth + 1);
            return self.add(Node::Terms {
                place,
                cases,
                default,
            });
        }
        if !heads.is_empty() {
            heads.sort_unstable();
            heads.dedup();
            let mut cases = Vec::new();
            for &head in &heads {
                let arity = self.rules.base.named(head).map_or(0, |(_, n)| n) as u32;
                let rows = self.knowing(rows, place, |_, at, test| match test {
                    _ if at != place => None,
                    Test::Head(wanted) => Some(wanted == head),
                    Test::Sort(sort) => Some(sort.has(head, arity)),
                    Test::Is(_) => None,
                });
                cases.push((head, self.node(rows, depth + 1)));
            }
            let others = self.knowing(rows, place, |_, at, test| match test {
                _ if at != place => None,
                Test::Sort(Sort::Symbol | Sort::Compound) => None,
                _ => Some(false),
            });
            let default = self.node(others, depth + 1);
            return self.add(Node::Heads {
                place,
                cases,
                default,
            });
        }
        // Of what is left, symbols or compound terms, none is the other.
        let sort = sorts.first().copied().unwrap_or(Sort::Symbol);
        let branch = |maker: &mut Self, yes: bool| {
            let rows = maker.knowing(rows, place, |_, at, test| {
                (at == place && (yes || test == Test::Sort(sort)))
                    .then_some(yes == (test == Test::Sort(sort)))
            });
            maker.node(rows, depth + 1)
        };
        let yes = branch(self, true);
        let no = branch(self, false);
        self.add(Node::Sort {
            place,
            sort,
            yes,
            no,
        })
    }

    /// The rows that may still fit when it is known how some tests come out.
    fn knowing(
        &self,
        rows: &[Row],
        place: Place,
        outcome: impl Fn(&Self, Place, Test) -> Option<bool>,
    ) -> Vec<Row> {
        let row = |row: &Row| {
            let mut left = Vec::new();
            for &n in &row.left {
                let (at, test) = self.tests[row.rule][n as usize];
                let known = if self.is_below(at, place) {
                    outcome(self, at, test)
                } else {
                    None
                };
                match known {
                    Some(true) => {}
                    Some(false) => return None,
                    None => left.push(n),
                }
            }
            Some(Row {
                rule: row.rule,
                left,
            })
        };
        rows.iter().filter_map(row).collect()
    }

    fn is_below(&self, place: Place, above: Place) -> bool {
        let mut at = place;
        // Arguments have higher numbers.
        while at > above {
            at = self.tree.places[at.0 as usize].0;
        }
        at == above
    }

    /// What is at a place if it is known what is at a place above it.
    fn known(&self, above: Place, term: Term, place: Place) -> Option<Term> {
        let mut way = Vec::new();
        let mut at = place;
        while at != above {
            let (parent, arg, arity) = self.tree.places[at.0 as usize];
            way.push((arg, arity));
            at = parent;
        }
        let mut term = term;
        for (arg, arity) in way.into_iter().rev() {
            let args = self.rules.base.args(term);
            if args.len() != arity as usize {
                return None;
            }
            term = args[arg as usize];
        }
        Some(term)
    }

    /// The head that a rule's pattern has at its root, unless that is open.
    fn root_head(&self, rule: usize) -> Option<Head> {
        match self.tests[rule].first() {
            Some(&(Place::ROOT, Test::Head(head))) => Some(head),
            Some(&(Place::ROOT, Test::Is(term))) => Some(self.rules.base.node(term).head),
            _ => None,
        }
    }

    /// The chain that goes on with the first of these rows. What is known is tested
    /// again, and rules in between that can't fit any more fail again.
    fn in_turn(&mut self, rows: &[Row]) -> NodeId {
        // Until the root is known all rules are in question; then those of its head,
        // and those that don't ask about it.
        let all = rows.iter().any(|row| {
            let asks = self.left(row).any(|(place, _)| place == Place::ROOT);
            asks && self.root_head(row.rule).is_some()
        });
        let head = rows.iter().find_map(|row| self.root_head(row.rule));
        let key = if all { Chain::All } else { Chain::Root(head) };
        if !self.chains.contains_key(&key) {
            let mut chain = HashMap::new();
            let mut next = NodeId::NONE;
            for rule in (0..self.tests.len()).rev() {
                let own = self.root_head(rule);
                if all || own.is_none() || own == head {
                    next = self.link(rule, next);
                    chain.insert(rule, next);
                }
            }
            self.chains.insert(key, chain);
        }
        self.chains[&key][&rows[0].rule]
    }

    /// All tests of a rule, and what follows if one fails.
    fn link(&mut self, rule: usize, otherwise: NodeId) -> NodeId {
        let mut node = self.add(Node::Rule { rule, otherwise });
        for n in (0..self.tests[rule].len()).rev() {
            let (place, test) = self.tests[rule][n];
            let heads = |heads: &[Head]| Node::Heads {
                place,
                cases: heads.iter().map(|&head| (head, node)).collect(),
                default: otherwise,
            };
            let test = match test {
                Test::Is(term) => Node::Terms {
                    place,
                    cases: vec![(term, node)],
                    default: otherwise,
                },
                Test::Head(head) => heads(&[head]),
                Test::Sort(Sort::Int) => heads(&[Head::INT]),
                Test::Sort(Sort::Float) => heads(&[Head::FLOAT]),
                Test::Sort(Sort::Number) => heads(&[Head::INT, Head::FLOAT]),
                Test::Sort(Sort::String) => heads(&[Head::STR]),
                Test::Sort(sort) => Node::Sort {
                    place,
                    sort,
                    yes: node,
                    no: otherwise,
                },
            };
            node = self.add(test);
        }
        node
    }
}

/// Whether a test holds of a term.
fn holds(terms: &Terms, term: Term, test: Test) -> bool {
    match test {
        Test::Is(wanted) => term == wanted,
        Test::Head(head) => terms.node(term).head == head,
        Test::Sort(sort) => sort.holds(terms, term),
    }
}
