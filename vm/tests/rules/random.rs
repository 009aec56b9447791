//! Random rules on random terms: compiled and interpreted they do the same.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A term with holes.
#[derive(Clone, Debug)]
enum Tree {
    Hole(u8, u8),
    Leaf(u8),
    Node(u8, Vec<Tree>),
    /// A number that is computed from two holes.
    Computed(u8, u8, u8),
}

const LEAVES: [&str; 12] = [
    "a", "b", "c", "0", "1", "2", "-1", "0.0", "1.5", "nan", "\"s\"", "2.0",
];
const SORTS: [&str; 7] = [
    "",
    ":int",
    ":float",
    ":number",
    ":string",
    ":symbol",
    ":compound",
];
const NAMES: [(&str, usize); 6] = [("f", 1), ("g", 2), ("h", 3), ("g", 1), ("k", 2), ("m", 4)];
const OPERATORS: [&str; 7] = ["+", "-", "*", "/", "//", "%", "^"];
const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];

fn tree(depth: u32) -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        4 => (any::<u8>(), 0..20u8).prop_map(|(n, sort)| Tree::Hole(n, sort)),
        3 => any::<u8>().prop_map(Tree::Leaf),
        1 => any::<(u8, u8, u8)>().prop_map(|(op, a, b)| Tree::Computed(op, a, b)),
    ];
    leaf.prop_recursive(depth, 12, 4, |inner| {
        (any::<u8>(), vec(inner, 4)).prop_map(|(n, args)| Tree::Node(n, args))
    })
}

/// A term with a name at its root.
fn node(depth: u32) -> impl Strategy<Value = Tree> {
    (any::<u8>(), vec(tree(depth), 4)).prop_map(|(n, args)| Tree::Node(n, args))
}

#[derive(Clone, Debug)]
enum Cond {
    Compare(u8, u8, u8),
    Is(u8, u8),
    Head(u8, u8),
    Before(u8, u8),
    Not(Box<Cond>),
    Both(bool, Box<Cond>, Box<Cond>),
}

fn cond() -> impl Strategy<Value = Cond> {
    let leaf = prop_oneof![
        any::<(u8, u8, u8)>().prop_map(|(a, b, c)| Cond::Compare(a, b, c)),
        any::<(u8, u8)>().prop_map(|(a, b)| Cond::Is(a, b)),
        any::<(u8, u8)>().prop_map(|(a, b)| Cond::Head(a, b)),
        any::<(u8, u8)>().prop_map(|(a, b)| Cond::Before(a, b)),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| Cond::Not(Box::new(c))),
            (any::<bool>(), inner.clone(), inner).prop_map(|(and, a, b)| Cond::Both(
                and,
                Box::new(a),
                Box::new(b)
            )),
        ]
    })
}

#[derive(Clone, Debug)]
struct Rule {
    priority: i8,
    pattern: Tree,
    replacement: Tree,
    condition: Option<Cond>,
}

fn rule() -> impl Strategy<Value = Rule> {
    let pattern = prop_oneof![15 => node(2).boxed(), 1 => tree(0).boxed()];
    (
        -2..3i8,
        pattern,
        tree(2),
        proptest::option::weighted(0.4, cond()),
    )
        .prop_map(|(priority, pattern, replacement, condition)| Rule {
            priority,
            pattern,
            replacement,
            condition,
        })
}

/// What the text of a rule has so far.
#[derive(Default)]
struct Text {
    /// Variables of the pattern, by number.
    vars: Vec<u8>,
}

impl Text {
    /// In patterns variables are made, elsewhere those that are there are used.
    fn tree(&mut self, tree: &Tree, pattern: bool) -> String {
        match tree {
            Tree::Leaf(n) => LEAVES[*n as usize % LEAVES.len()].into(),
            Tree::Hole(_, 19) if pattern => "_".into(),
            Tree::Hole(n, sort) if pattern => {
                let n = n % 4;
                if self.vars.contains(&n) {
                    return format!("?v{n}");
                }
                self.vars.push(n);
                format!("?v{n}{}", SORTS.get(*sort as usize).unwrap_or(&""))
            }
            Tree::Computed(..) if pattern => "_".into(),
            Tree::Hole(n, _) => self.var(*n).unwrap_or_else(|| "a".into()),
            Tree::Computed(op, a, b) => {
                let op = OPERATORS[*op as usize % OPERATORS.len()];
                match (self.var(*a), self.var(*b)) {
                    (Some(a), Some(b)) if b != a => format!("{{{a} {op} {b}}}"),
                    (Some(a), _) => format!("{{{a} {op} 1}}"),
                    _ => "{1 + 2}".into(),
                }
            }
            Tree::Node(n, args) => {
                let (name, arity) = NAMES[*n as usize % NAMES.len()];
                let args: Vec<String> = args
                    .iter()
                    .take(arity)
                    .map(|arg| self.tree(arg, pattern))
                    .collect();
                format!("{name}({})", args.join(", "))
            }
        }
    }

    fn var(&self, n: u8) -> Option<String> {
        let n = self.vars.get(n as usize % self.vars.len().max(1))?;
        Some(format!("?v{n}"))
    }

    fn cond(&self, cond: &Cond) -> String {
        let value = |n: u8| self.var(n).unwrap_or_else(|| "1".into());
        match cond {
            Cond::Compare(op, a, b) => {
                let op = COMPARISONS[*op as usize % COMPARISONS.len()];
                match b % 4 {
                    0 => format!("{} {op} {}", value(*a), LEAVES[*b as usize % LEAVES.len()]),
                    1 => format!("{} {} 2 {op} 1", value(*a), OPERATORS[*b as usize % 7]),
                    _ => format!("{} {op} {}", value(*a), value(*b)),
                }
            }
            Cond::Is(sort, a) => {
                let sort = &SORTS[1 + *sort as usize % 6][1..];
                format!("is_{sort}({})", value(*a))
            }
            Cond::Head(n, a) => {
                let (name, arity) = NAMES[*n as usize % NAMES.len()];
                self.var(*a)
                    .map_or("1 < 2".into(), |a| format!("is({a}, {name}/{arity})"))
            }
            Cond::Before(a, b) => match (self.var(*a), self.var(*b)) {
                (Some(a), Some(b)) => format!("before({a}, {b})"),
                _ => "2 < 1".into(),
            },
            Cond::Not(cond) => format!("not ({})", self.cond(cond)),
            Cond::Both(and, a, b) => {
                let word = if *and { "and" } else { "or" };
                format!("({} {word} {})", self.cond(a), self.cond(b))
            }
        }
    }
}

fn rules_text(rules: &[Rule]) -> String {
    let mut all = String::new();
    for (n, rule) in rules.iter().enumerate() {
        let mut text = Text::default();
        let pattern = text.tree(&rule.pattern, true);
        let replacement = text.tree(&rule.replacement, false);
        all += &format!("rule r{n} {}: {pattern} => {replacement}", rule.priority);
        if let Some(condition) = &rule.condition {
            all += &format!(" where {}", text.cond(condition));
        }
        all.push('\n');
    }
    all
}

fn check(rules: &[Rule], terms: &[Tree], fuel: u64) {
    let text = rules_text(rules);
    let set = parse(&text);
    let terms: Vec<String> = terms
        .iter()
        .map(|term| {
            Text::default()
                .tree(term, false)
                .replace(['{', '}'], "")
                .replace("1 + 2", "3")
        })
        .collect();
    let options = Options {
        fuel,
        ..Options::default()
    };
    let seen = rewrite_all(&set, &terms, &options);
    // Normal forms are normal.
    let mut fresh = Rewriter::new(set, options).unwrap();
    for form in seen
        .ends
        .iter()
        .flatten()
        .filter(|form| !form.contains("..."))
    {
        let term = fresh.terms_mut().read_one(form).unwrap();
        assert_eq!(fresh.normalize(term), Ok(term), "{form}\n{text}");
    }
    assert_eq!(fresh.stats().applications(), 0);
}

fn cases(quick: u32) -> ProptestConfig {
    let cases = if cfg!(feature = "long") {
        quick * 40
    } else {
        quick
    };
    ProptestConfig {
        cases,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn compiled_rules_do_what_interpreted_ones_do(
        rules in vec(rule(), 1..25),
        terms in vec(node(4), 40),
        fuel in 0..400u64,
    ) {
        check(&rules, &terms, fuel);
    }
}
