//! What rules mean.

use super::*;

#[test]
fn priority_then_order_decides() {
    becomes(
        "rule low -1: f(_) => low
         rule first: f(?x:int) => first
         rule second: f(1) => second
         rule high 2: f(2) => high
         rule other: f(\"s\") => text",
        &[
            ("f(1)", "first"),
            ("f(2)", "high"),
            ("f(x)", "low"),
            ("f(\"s\")", "text"),
            ("g(1)", "g(1)"),
            ("g(f(2), f(f(2)))", "g(high, low)"),
        ],
    );
}

#[test]
fn literals_are_told_apart() {
    becomes(
        "rule int: f(0) => int
         rule float: f(0.0) => float
         rule minus: f(-0.0) => minus
         rule nan: f(nan) => nothing
         rule inf: f(-inf) => infinite
         rule text: f(\"0\") => text
         rule name: f('0') => name
         rule compound: f(g(0)) => compound
         rule root: 7 => seven
         rule name_root: seven => 8",
        &[
            ("f(0)", "int"),
            ("f(0.0)", "float"),
            ("f(-0.0)", "minus"),
            ("f(nan)", "nothing"),
            ("f(-inf)", "infinite"),
            ("f(inf)", "f(inf)"),
            ("f(\"0\")", "text"),
            ("f('0')", "name"),
            ("f(g(0))", "compound"),
            ("f(7)", "f(8)"),
        ],
    );
}

#[test]
fn sorts_are_tested() {
    becomes(
        "rule i: f(?x:int) => int(?x)
         rule fl: f(?x:float) => float(?x)
         rule s: f(?x:string) => string(?x)
         rule y: f(_:symbol) => symbol
         rule c: f(?x:compound) => compound(?x)
         rule n: g(?x:number) => number
         rule r: ?x:string => text",
        &[
            ("f(1)", "int(1)"),
            ("f(1.5)", "float(1.5)"),
            ("f(h(\"a\"))", "compound(h(text))"),
            ("f(x)", "symbol"),
            ("g(1)", "number"),
            ("g(nan)", "number"),
            ("g(x)", "g(x)"),
            ("\"a\"", "text"),
        ],
    );
}

#[test]
fn variables_that_occur_twice_hold_the_same() {
    becomes(
        "rule same: sub(?x, ?x) => 0
         rule deep: p(q(?x, ?y), q(?y, ?x)) => r(?x, ?y)
         rule swap: three(?x, ?y, ?z) => three2(?z, ?x, ?y)",
        &[
            ("sub(f(a, b), f(a, b))", "0"),
            ("sub(f(a, b), f(b, a))", "sub(f(a, b), f(b, a))"),
            ("sub(1, 1.0)", "sub(1, 1.0)"),
            ("sub(nan, nan)", "0"),
            ("p(q(1, 2), q(2, 1))", "r(1, 2)"),
            ("p(q(1, 2), q(1, 2))", "p(q(1, 2), q(1, 2))"),
            ("three(1, 2, 3)", "three2(3, 1, 2)"),
        ],
    );
}

#[test]
fn numbers_are_luas() {
    let rules = "rule add: add(?a, ?b) => {?a + ?b}
         rule sub: sub(?a, ?b) => {?a - ?b}
         rule mul: mul(?a, ?b) => {?a * ?b}
         rule div: div(?a, ?b) => {?a / ?b}
         rule idiv: idiv(?a, ?b) => {?a // ?b}
         rule mod: mod(?a, ?b) => {?a % ?b}
         rule pow: pow(?a, ?b) => {?a ^ ?b}
         rule neg: neg(?a) => {-?a}
         rule min: min(?a, ?b) => {min(?a, ?b)}
         rule max: max(?a, ?b) => {max(?a, ?b)}
         rule abs: abs(?a) => {abs(?a)}
         rule int: int(?a) => {int(?a)}
         rule float: float(?a) => {float(?a)}
         rule floor: floor(?a) => {floor(?a)}
         rule sqrt: sqrt(?a) => {sqrt(?a)}
         rule mixed: mixed(?a, ?b) => {2 + ?a * -?b ^ 2 // 3}";
    becomes(
        rules,
        &[
            ("add(1, 2)", "3"),
            ("add(9223372036854775807, 1)", "-9223372036854775808"),
            ("add(1, 2.5)", "3.5"),
            ("add(inf, -inf)", "nan"),
            ("add(1, x)", "add(1, x)"),
            ("sub(1.5, 1)", "0.5"),
            ("mul(4611686018427387904, 4)", "0"),
            ("mul(0.5, 4)", "2.0"),
            ("div(1, 2)", "0.5"),
            ("div(1, 0)", "inf"),
            ("idiv(7, 2)", "3"),
            ("idiv(-7, 2)", "-4"),
            ("idiv(7, -2)", "-4"),
            ("idiv(-9223372036854775808, -1)", "-9223372036854775808"),
            ("idiv(7, 0)", "idiv(7, 0)"),
            ("idiv(7.5, 2)", "3.0"),
            ("idiv(1, 0.0)", "inf"),
            ("mod(7, 3)", "1"),
            ("mod(-7, 3)", "2"),
            ("mod(7, -3)", "-2"),
            ("mod(6, -3)", "0"),
            ("mod(-9223372036854775808, -1)", "0"),
            ("mod(7, 0)", "mod(7, 0)"),
            ("mod(-7.5, 2)", "0.5"),
            ("pow(2, 10)", "1024.0"),
            ("neg(1)", "-1"),
            ("neg(-9223372036854775808)", "-9223372036854775808"),
            ("neg(0.0)", "-0.0"),
            ("neg(\"1\")", "neg(\"1\")"),
            ("min(1, 0.5)", "0.5"),
            ("min(1, 1.0)", "1"),
            (
                "max(9007199254740993, 9007199254740992.0)",
                "9007199254740993",
            ),
            ("abs(-3)", "3"),
            ("abs(-3.5)", "3.5"),
            ("int(2.9)", "2"),
            ("int(-2.9)", "-2"),
            ("int(1e300)", "int(1e300)"),
            ("int(nan)", "int(nan)"),
            ("float(3)", "3.0"),
            ("floor(2.5)", "2"),
            ("floor(-2.5)", "-3"),
            ("floor(1e300)", "1e300"),
            ("sqrt(16)", "4.0"),
            ("mixed(5, 3)", "-13.0"),
        ],
    );
}

#[test]
fn conditions_decide() {
    becomes(
        "rule lt: lt(?a, ?b) => yes where ?a < ?b
         rule le: le(?a, ?b) => yes where ?a <= ?b
         rule gt: gt(?a, ?b) => yes where ?a > ?b
         rule ge: ge(?a, ?b) => yes where ?a >= ?b
         rule eq: eq(?a, ?b) => yes where ?a == ?b
         rule ne: ne(?a, ?b) => yes where ?a != ?b
         rule name: name(?a) => yes where ?a == pi or ?a == \"pi\"
         rule kinds: kinds(?a, ?b) => yes where is_int(?a) and not is_symbol(?b)
         rule lazy: lazy(?a) => yes where is_symbol(?a) or ?a > 3
         rule strict: strict(?a) => yes where not (?a > 3)
         rule divides: divides(?a, ?b) => yes where ?b % ?a == 0 or true == true
         rule head: head(?a) => yes where is(?a, f/2)
         rule order: order(?a, ?b) => order(?b, ?a) where before(?b, ?a)
         rule sum: sum(?a, ?b) => yes where (?a + ?b) * 2 == 10 and (?a < ?b)
         rule computed: computed(?a) => yes where is_float(?a / 2) and is_number(?a * 2)",
        &[
            ("lt(1, 2)", "yes"),
            ("lt(2, 1)", "lt(2, 1)"),
            ("lt(1, 1.5)", "yes"),
            ("lt(9007199254740992.0, 9007199254740993)", "yes"),
            ("lt(nan, 1)", "lt(nan, 1)"),
            ("lt(x, 1)", "lt(x, 1)"),
            ("le(1, 1.0)", "yes"),
            ("le(nan, nan)", "le(nan, nan)"),
            ("gt(2, 1)", "yes"),
            ("ge(1.0, 1.5)", "ge(1.0, 1.5)"),
            ("eq(1, 1.0)", "yes"),
            ("eq(nan, nan)", "eq(nan, nan)"),
            ("eq(0.0, -0.0)", "yes"),
            ("eq(x, x)", "yes"),
            ("eq(x, 1)", "eq(x, 1)"),
            ("ne(x, 1)", "yes"),
            ("ne(x, x)", "ne(x, x)"),
            ("ne(nan, nan)", "yes"),
            ("name(pi)", "yes"),
            ("name(\"pi\")", "yes"),
            ("name(po)", "name(po)"),
            ("kinds(1, \"x\")", "yes"),
            ("kinds(1, x)", "kinds(1, x)"),
            ("lazy(x)", "yes"),
            ("lazy(5)", "yes"),
            ("lazy(2)", "lazy(2)"),
            ("lazy(\"x\")", "lazy(\"x\")"),
            ("strict(2)", "yes"),
            ("strict(4)", "strict(4)"),
            ("strict(x)", "strict(x)"),
            ("divides(2, 5)", "yes"),
            ("divides(0, 5)", "divides(0, 5)"),
            ("head(f(1, 2))", "yes"),
            ("head(f(1))", "head(f(1))"),
            ("head(2)", "head(2)"),
            ("order(b, a)", "order(a, b)"),
            ("order(1, x)", "order(1, x)"),
            ("order(f(b), f(a))", "order(f(a), f(b))"),
            ("sum(2, 3)", "yes"),
            ("sum(3, 2)", "sum(3, 2)"),
            ("computed(4)", "yes"),
            ("computed(x)", "computed(x)"),
        ],
    );
}

#[test]
fn what_a_rule_makes_is_rewritten_too() {
    becomes(
        "rule zero: add(z, ?y) => ?y
         rule more: add(s(?x), ?y) => s(add(?x, ?y))
         rule mzero: mul(z, _) => z
         rule mmore: mul(s(?x), ?y) => add(?y, mul(?x, ?y))
         rule four: four => s(s(s(s(z))))",
        &[
            ("mul(s(s(z)), s(s(s(z))))", "s(s(s(s(s(s(z))))))"),
            ("add(four, s(z))", "s(s(s(s(s(z)))))"),
        ],
    );
}

#[test]
fn a_term_is_brought_to_its_normal_form_once() {
    let rules = parse("rule step: f(?n:int) => pair(f({?n - 1}), f({?n - 1})) where ?n > 0");
    let seen = rewrite_all(
        &rules,
        &["f(60)".into(), "f(61)".into()],
        &Options::default(),
    );
    assert_eq!(seen.applied, [61]);
    let twice = rewrite_all(&rules, &["f(9)".into(), "f(9)".into()], &Options::default());
    // Ten terms, nine of which become pairs, and the numbers in them.
    assert_eq!((twice.applied[0], twice.attempts), (9, 10 + 9 + 10));
}

#[test]
fn arguments_first_and_from_left_to_right() {
    let rules = parse(
        "rule a: a => 1
         rule b: b => 2
         rule f: f(?x, ?y) => g(?y, c)
         rule c: c => 3",
    );
    let seen = rewrite_all(&rules, &["f(a, b)".into()], &Options::default());
    assert_eq!(
        seen.trace,
        [
            "a: a => 1",
            "b: b => 2",
            "f: f(1, 2) => g(2, c)",
            "c: c => 3"
        ]
    );
}

#[test]
fn terms_may_be_deep() {
    let rules = parse("rule f: f(?x) => g(?x)\n rule end: end => g(stop)");
    let mut rewriter = Rewriter::new(rules, Options::default()).unwrap();
    let deep = 1_000_000;
    let text = format!("{}end{}", "f(".repeat(deep), ")".repeat(deep));
    let term = rewriter.terms_mut().read_one(&text).unwrap();
    let form = rewriter.normalize(term).unwrap();
    assert_eq!(rewriter.terms().tree_size(form), deep as u64 + 2);
    assert!(rewriter.terms().show(form).starts_with("g(g(g("));
    assert_eq!(rewriter.stats().applications(), deep as u64 + 1);
}

/// With `auto` rules are compiled on the way, if that can be done here.
#[test]
fn interpreted_then_compiled() {
    let rules = parse("rule down: down(?n:int) => down({?n - 1}) where ?n > 0");
    let options = Options {
        warm: 100,
        ..Options::default()
    };
    let mut rewriter = Rewriter::new(rules, options).unwrap();
    let term = rewriter.terms_mut().read_one("down(20)").unwrap();
    rewriter.normalize(term).unwrap();
    assert!(!rewriter.is_native());
    let term = rewriter.terms_mut().read_one("down(1000)").unwrap();
    let form = rewriter.normalize(term).unwrap();
    assert_eq!(rewriter.terms().show(form), "down(0)");
    assert_eq!(rewriter.is_native(), cfg!(feature = "llvm"));
    assert_eq!(rewriter.stats().compile.is_some(), cfg!(feature = "llvm"));
    assert_eq!(rewriter.stats().refused.is_some(), !cfg!(feature = "llvm"));
    assert_eq!(rewriter.stats().applications(), 1000);
}
