//! Decisions and replacements as LLVM IR.
//!
//! A function for each head that a rule's pattern may have at its root, one for each
//! rule, and `step`, which finds the head's. A block of decisions to which one other
//! leads knows the places that were read there; one to which several lead reads its
//! place from the root on.

use super::super::expr::Sort;
use super::super::rule::{Build, RuleSet};
use super::super::terms::INLINE;
use super::super::tree::{Node, NodeId, Place, Tree, may_fail};
use super::expr::Values;
use super::{FULL, NONE, STEP};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// Most blocks of decisions.
const BLOCKS: usize = 20_000;

/// What all functions but `step` take.
const PARAMS: &str = "ptr %v, ptr %nodes, ptr %kids, i32 %t";

/// A function that is being written.
#[derive(Default)]
pub(super) struct Code {
    pub text: String,
    next: usize,
    /// Places that were read on the way to this block, and which of them when.
    places: HashMap<Place, String>,
    read: Vec<Place>,
}

impl Code {
    /// A line, without its end.
    pub(super) fn line(&mut self, line: impl std::fmt::Display) {
        // Strings take what is written.
        let _ = writeln!(self.text, "  {line}");
    }

    /// A name for a result that no other has.
    pub(super) fn name(&mut self) -> String {
        self.next += 1;
        format!("%x{}", self.next)
    }

    /// A line that has a result, and its name.
    pub(super) fn set(&mut self, value: impl std::fmt::Display) -> String {
        let name = self.name();
        self.line(format_args!("{name} = {value}"));
        name
    }

    /// A label that no other block has.
    pub(super) fn label(&mut self) -> String {
        self.next += 1;
        format!("l{}", self.next)
    }

    /// Begins a block.
    pub(super) fn block(&mut self, label: &str) {
        let _ = writeln!(self.text, "{label}:");
    }

    /// The term at a place.
    pub(super) fn place(&mut self, tree: &Tree, place: Place) -> String {
        // From the root down, without recursion.
        let mut way = Vec::new();
        let mut at = place;
        while at != Place::ROOT && !self.places.contains_key(&at) {
            way.push(at);
            at = tree.places[at.0 as usize].0;
        }
        let mut found = match self.places.get(&at) {
            Some(name) => name.clone(),
            None => "%t".to_string(),
        };
        for place in way.into_iter().rev() {
            let (_, arg, arity) = tree.places[place.0 as usize];
            found = self.set(if arity as usize <= INLINE {
                format!("call i32 @argument(ptr %nodes, i32 {found}, i64 {arg})")
            } else {
                format!("call i32 @far_argument(ptr %nodes, ptr %kids, i32 {found}, i64 {arg})")
            });
            self.places.insert(place, found.clone());
            self.read.push(place);
        }
        found
    }

    /// Forgets what was read since this many places were read.
    fn forget(&mut self, since: usize) {
        for place in self.read.drain(since..) {
            self.places.remove(&place);
        }
    }

    /// Ends a block: goes on at one of these labels.
    pub(super) fn branch(&mut self, condition: &str, yes: &str, no: &str) {
        self.line(format_args!("br i1 {condition}, label %{yes}, label %{no}"));
    }

    fn switch(&mut self, on: &str, cases: &[(u32, String)], default: &str) {
        self.line(format_args!("switch i32 {on}, label %{default} ["));
        for (value, label) in cases {
            self.line(format_args!("  i32 {value}, label %{label}"));
        }
        self.line("]");
    }
}

/// The module for a rule set.
pub(super) fn module(rules: &RuleSet) -> Result<String, String> {
    let tree = Tree::new(rules);
    let mut text = include_str!("prelude.ll").to_string();
    let alike = [
        (include_str!("binary.ll"), &["add", "sub", "mul"][..]),
        (include_str!("compare.ll"), &["lt", "le"]),
    ];
    for (template, names) in alike {
        for (number, name) in names.iter().enumerate() {
            let number = number.to_string();
            text += &template.replace("NUMBER", &number).replace("NAME", name);
        }
    }
    let mut module = Module {
        rules,
        tree: &tree,
        split: Vec::new(),
        known: HashSet::new(),
        used: HashSet::new(),
        blocks: 0,
    };
    let _ = write!(text, "\ndefine i32 @{STEP}(ptr %v, i32 %t) {{\n");
    text += "  %nodes = load ptr, ptr %v\n  \
             %at = getelementptr inbounds %view, ptr %v, i32 0, i32 1\n  \
             %kids = load ptr, ptr %at\n";
    text += &module.decisions(tree.root, true)?;
    while let Some(node) = module.split.pop() {
        let _ = write!(
            text,
            "\ndefine internal i32 @tree_{}({PARAMS}) {{\n",
            node.0
        );
        text += &module.decisions(node, false)?;
    }
    let mut used: Vec<usize> = module.used.iter().copied().collect();
    used.sort_unstable();
    for rule in used {
        text += &rule_function(rules, &tree, rule);
    }
    Ok(text)
}

/// What is done with a block.
enum Step {
    /// It is written.
    Enter(NodeId),
    /// All that only it leads to was written: what was read since is forgotten.
    Leave(usize),
}

struct Module<'m> {
    rules: &'m RuleSet,
    tree: &'m Tree,
    /// Nodes that functions begin with which are still to be written.
    split: Vec<NodeId>,
    /// All of them.
    known: HashSet<NodeId>,
    /// Rules that may be applied.
    used: HashSet<usize>,
    blocks: usize,
}

impl Module<'_> {
    /// The body of a function that decides from this node on. With `split`, what
    /// follows when the head at the root is known is in functions of their own.
    fn decisions(&mut self, root: NodeId, split: bool) -> Result<String, String> {
        let mut code = Code::default();
        code.line(format_args!("br label %n{}", root.0));
        let leads = self.leads(root, split);
        // Blocks that know nothing of others, and below each those that know it.
        let mut apart = vec![root];
        let mut seen = HashSet::from([root]);
        while let Some(first) = apart.pop() {
            let mut left = vec![Step::Enter(first)];
            while let Some(step) = left.pop() {
                let id = match step {
                    Step::Leave(since) => {
                        code.forget(since);
                        continue;
                    }
                    Step::Enter(id) => id,
                };
                self.blocks += 1;
                if self.blocks > BLOCKS {
                    return Err(format!(
                        "the rules make more than {BLOCKS} decisions, too many to compile"
                    ));
                }
                left.push(Step::Leave(code.read.len()));
                self.block(&mut code, id, split);
                for to in self.successors(id, split) {
                    if leads[&to] == 1 {
                        left.push(Step::Enter(to));
                    } else if seen.insert(to) {
                        apart.push(to);
                    }
                }
            }
        }
        code.text += "}\n";
        Ok(code.text)
    }

    /// What follows a node in the same function.
    fn successors(&self, id: NodeId, split: bool) -> Vec<NodeId> {
        match &self.tree.nodes[id.0 as usize] {
            Node::None => Vec::new(),
            Node::Rule { rule, otherwise } => {
                if may_fail(&self.rules.rules[*rule], &self.tree.rests[*rule]) {
                    vec![*otherwise]
                } else {
                    Vec::new()
                }
            }
            Node::Terms { cases, default, .. } => {
                let cases = cases.iter().map(|(_, to)| *to);
                cases.chain([*default]).collect()
            }
            Node::Heads {
                place,
                cases,
                default,
            } => {
                let apart = split && *place == Place::ROOT;
                let cases = cases.iter().map(|(_, to)| *to).filter(|_| !apart);
                cases.chain([*default]).collect()
            }
            Node::Sort { yes, no, .. } => vec![*yes, *no],
        }
    }

    /// How many ways lead to each node of a function.
    fn leads(&self, root: NodeId, split: bool) -> HashMap<NodeId, usize> {
        let mut leads = HashMap::new();
        let mut left = vec![root];
        while let Some(id) = left.pop() {
            for to in self.successors(id, split) {
                let count: &mut usize = leads.entry(to).or_default();
                *count += 1;
                if *count == 1 {
                    left.push(to);
                }
            }
        }
        leads
    }

    /// A node's block.
    fn block(&mut self, code: &mut Code, id: NodeId, split: bool) {
        let follow = |to: NodeId| format!("n{}", to.0);
        code.block(&format!("n{}", id.0));
        match &self.tree.nodes[id.0 as usize] {
            Node::None => code.line(format_args!("ret i32 {NONE}")),
            Node::Rule { rule, otherwise } => {
                self.used.insert(*rule);
                let made = code.set(format_args!(
                    "call i32 @rule_{rule}(ptr %v, ptr %nodes, ptr %kids, i32 %t)"
                ));
                if may_fail(&self.rules.rules[*rule], &self.tree.rests[*rule]) {
                    let fails = code.set(format_args!("icmp eq i32 {made}, {NONE}"));
                    let done = code.label();
                    let no = follow(*otherwise);
                    code.branch(&fails, &no, &done);
                    code.block(&done);
                }
                code.line(format_args!("ret i32 {made}"));
            }
            Node::Terms {
                place,
                cases,
                default,
            } => {
                let cases: Vec<_> = cases.iter().map(|(t, to)| (t.0, follow(*to))).collect();
                let default = follow(*default);
                let at = code.place(self.tree, *place);
                code.switch(&at, &cases, &default);
            }
            Node::Heads {
                place,
                cases,
                default,
            } => {
                let apart = split && *place == Place::ROOT;
                let default = follow(*default);
                let labels: Vec<_> = cases
                    .iter()
                    .map(|(head, to)| {
                        let label = if apart { code.label() } else { follow(*to) };
                        (head.0, label)
                    })
                    .collect();
                let at = code.place(self.tree, *place);
                let head = code.set(format_args!("call i32 @head(ptr %nodes, i32 {at})"));
                code.switch(&head, &labels, &default);
                for ((_, label), (_, to)) in labels.iter().zip(cases).filter(|_| apart) {
                    code.block(label);
                    let made = code.set(format_args!(
                        "call i32 @tree_{}(ptr %v, ptr %nodes, ptr %kids, i32 %t)",
                        to.0
                    ));
                    code.line(format_args!("ret i32 {made}"));
                    if self.known.insert(*to) {
                        self.split.push(*to);
                    }
                }
            }
            Node::Sort {
                place,
                sort,
                yes,
                no,
            } => {
                let (yes, no) = (follow(*yes), follow(*no));
                let at = code.place(self.tree, *place);
                let is = has_sort(code, *sort, &at);
                code.branch(&is, &yes, &no);
            }
        }
    }
}

/// Whether a term is of a sort.
pub(super) fn has_sort(code: &mut Code, sort: Sort, term: &str) -> String {
    if sort == Sort::Compound {
        let arity = code.set(format_args!("call i32 @arity(ptr %nodes, i32 {term})"));
        return code.set(format_args!("icmp ne i32 {arity}, 0"));
    }
    let head = code.set(format_args!("call i32 @head(ptr %nodes, i32 {term})"));
    match sort {
        Sort::Int => code.set(format_args!("icmp eq i32 {head}, 0")),
        Sort::Float => code.set(format_args!("icmp eq i32 {head}, 1")),
        Sort::Number => code.set(format_args!("icmp ult i32 {head}, 2")),
        Sort::String => code.set(format_args!("icmp eq i32 {head}, 2")),
        Sort::Symbol | Sort::Compound => {
            let arity = code.set(format_args!("call i32 @arity(ptr %nodes, i32 {term})"));
            let none = code.set(format_args!("icmp eq i32 {arity}, 0"));
            let named = code.set(format_args!("icmp ugt i32 {head}, 2"));
            code.set(format_args!("and i1 {none}, {named}"))
        }
    }
}

/// The function that applies a rule to a term that passed its tests.
fn rule_function(rules: &RuleSet, tree: &Tree, number: usize) -> String {
    let rule = &rules.rules[number];
    let rest = &tree.rests[number];
    let mut code = Code::default();
    let most = rule.replacement.iter().map(|step| match step {
        Build::Apply(head) => rules.base.named(*head).map_or(0, |(_, arity)| arity),
        _ => 0,
    });
    let most = most.max().unwrap_or(0);
    if most > 2 {
        code.line(format_args!("%args = alloca [{most} x i32]"));
    }
    // All that is read is read before terms are made.
    let vars: Vec<String> = rest
        .places
        .iter()
        .map(|place| code.place(tree, *place))
        .collect();
    for (a, b) in &rest.same {
        let (a, b) = (code.place(tree, *a), code.place(tree, *b));
        let same = code.set(format_args!("icmp eq i32 {a}, {b}"));
        let next = code.label();
        code.branch(&same, &next, "fails");
        code.block(&next);
    }
    let computed = Values::new(&mut code, rules, rule, &vars).compute();
    code.line("%place = getelementptr inbounds %view, ptr %v, i32 0, i32 2");
    code.line("%terms = load ptr, ptr %place");
    let mut made: Vec<String> = Vec::new();
    for step in &rule.replacement {
        let term = match step {
            Build::Var(n) => vars[*n].clone(),
            Build::Term(term) => term.0.to_string(),
            Build::Computed(n) => {
                let (tag, bits) = &computed[*n];
                code.set(format_args!(
                    "call i32 @intern(ptr %terms, i64 {tag}, i64 {bits})"
                ))
            }
            Build::Apply(head) => {
                let arity = rules.base.named(*head).map_or(0, |(_, arity)| arity);
                let args = made.split_off(made.len() - arity);
                cons(&mut code, head.0, &args)
            }
        };
        made.push(term);
    }
    let made = made.pop().unwrap_or_default();
    code.line("%applied = getelementptr inbounds %view, ptr %v, i32 0, i32 3");
    code.line(format_args!("store i32 {number}, ptr %applied"));
    let is_there = matches!(
        rule.replacement.last(),
        Some(Build::Var(_) | Build::Term(_))
    );
    let result = if is_there {
        made
    } else {
        let full = code.set(format_args!("icmp eq i32 {made}, {NONE}"));
        code.set(format_args!(
            "select i1 {full}, i32 {}, i32 {made}",
            FULL as i32
        ))
    };
    code.line(format_args!("ret i32 {result}"));
    if may_fail(rule, rest) {
        code.block("fails");
        code.line(format_args!("ret i32 {NONE}"));
    }
    format!(
        "\ndefine internal i32 @rule_{number}({PARAMS}) {{\n{}}}\n",
        code.text
    )
}

/// The head applied to arguments.
fn cons(code: &mut Code, head: u32, args: &[String]) -> String {
    match args {
        [a] => code.set(format_args!(
            "call i32 @strata_rules_cons1(ptr %terms, i32 {head}, i32 {a})"
        )),
        [a, b] => code.set(format_args!(
            "call i32 @strata_rules_cons2(ptr %terms, i32 {head}, i32 {a}, i32 {b})"
        )),
        _ => {
            for (n, arg) in args.iter().enumerate() {
                let at = code.set(format_args!(
                    "getelementptr inbounds i32, ptr %args, i64 {n}"
                ));
                code.line(format_args!("store i32 {arg}, ptr {at}"));
            }
            code.set(format_args!(
                "call i32 @strata_rules_cons(ptr %terms, i32 {head}, ptr %args, i64 {})",
                args.len()
            ))
        }
    }
}
