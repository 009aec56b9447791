//! Rules that don't come to an end, and limits.

use super::*;

fn limited(fuel: u64) -> Options {
    Options {
        fuel,
        ..Options::default()
    }
}

#[track_caller]
fn stops(rules: &str, term: &str, options: &Options) -> (String, String) {
    let seen = rewrite_all(&parse(rules), &[term.into()], options);
    seen.ends[0].clone().unwrap_err()
}

#[test]
fn loops_are_noticed() {
    let usual = Options::default();
    let loops = |rules, term, at: &str, partial: &str| {
        let wanted = (format!("loop {at}"), partial.to_string());
        assert_eq!(stops(rules, term, &usual), wanted, "{rules}");
    };
    loops("rule a: a => a", "f(a)", "a", "f(a)");
    loops("rule a: a => b rule b: b => a", "a", "a", "a");
    loops("rule a: a => f(a)", "a", "a", "f(a)");
    loops(
        "rule a: a => f(1, b) rule b: b => g(a)",
        "h(0, a)",
        "a",
        "h(0, f(1, g(a)))",
    );
    loops(
        "rule s: f(?x, ?y) => f(?y, ?x)",
        "f(1, 2)",
        "f(1, 2)",
        "f(1, 2)",
    );
    loops("rule any: ?x => f(?x)", "a", "a", "f(a)");
}

#[test]
fn fuel_runs_out_and_leaves_what_was_done() {
    let grows = "rule grow: f(?x) => f(s(?x)) rule a: a => 1";
    let (reason, partial) = stops(grows, "g(a, f(0), a)", &limited(3));
    assert_eq!((&*reason, &*partial), ("Fuel", "g(1, f(s(s(0))), a)"));
    let (_, partial) = stops(grows, "g(a, f(0), a)", &limited(0));
    assert_eq!(partial, "g(a, f(0), a)");
    // What needs as much as there is comes to its end.
    let seen = rewrite_all(&parse("rule a: a => b"), &["a".into()], &limited(1));
    assert_eq!(seen.ends, [Ok("b".to_string())]);
}

#[test]
fn it_goes_on_where_it_was_stopped() {
    let rules = parse("rule down: down(?n:int) => down({?n - 1}) where ?n > 0");
    for backend in backends() {
        let options = Options {
            backend,
            ..limited(10)
        };
        let mut rewriter = Rewriter::new(rules.clone(), options).unwrap();
        let mut term = rewriter.terms_mut().read_one("f(down(25))").unwrap();
        let mut stops = 0;
        let form = loop {
            match rewriter.normalize(term) {
                Ok(form) => break form,
                Err(stopped) => {
                    assert_eq!(stopped.reason, Reason::Fuel);
                    term = stopped.partial;
                    stops += 1;
                }
            }
        };
        assert_eq!(
            (stops, rewriter.terms().show(form)),
            (2, "f(down(0))".into())
        );
    }
}

#[test]
fn memory_is_limited() {
    let small = Options {
        memory: 1 << 20,
        ..Options::default()
    };
    let (reason, partial) = stops("rule grow: f(?x) => f(g(?x, 1, ?x))", "h(f(0))", &small);
    assert_eq!(reason, "Memory");
    assert!(partial.starts_with("h(f(g(g("), "{partial}");
    let count = "rule count: f(?x) => f({?x + 1})";
    assert_eq!(stops(count, "f(0)", &small).0, "Memory");
    // Terms of the rules alone.
    let mut rewriter = Rewriter::new(
        parse(count),
        Options {
            memory: 0,
            ..Options::default()
        },
    )
    .unwrap();
    assert!(rewriter.terms_mut().read_one("f(0)").is_err());
}

/// A tree of decisions for all of these would be far too large: where each rule asks
/// about other arguments, what is known of one says nothing about others.
#[test]
fn many_rules_that_have_little_in_common() {
    let mut rules = String::new();
    let mut seed = 1u32;
    let mut random = |n: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % n
    };
    for n in 0..150 {
        let args: Vec<String> = (0..12)
            .map(|_| match random(3) {
                0 => random(3).to_string(),
                _ => "_".into(),
            })
            .collect();
        rules += &format!("rule r{n}: f({}) => r({n})\n", args.join(", "));
    }
    rules += "rule deep: g(";
    rules += &"h(".repeat(400);
    rules += "?x";
    rules += &")".repeat(401);
    rules += " => ?x\n";
    let mut terms: Vec<String> = (0..300)
        .map(|_| {
            let args: Vec<String> = (0..12).map(|_| random(3).to_string()).collect();
            format!("f({})", args.join(", "))
        })
        .collect();
    terms.push(format!("g({}7{})", "h(".repeat(400), ")".repeat(400)));
    let seen = rewrite_all(&parse(&rules), &terms, &Options::default());
    assert_eq!(seen.ends.last(), Some(&Ok("7".into())));
    let fitting = seen
        .ends
        .iter()
        .flatten()
        .filter(|end| end.starts_with('r'));
    assert!(fitting.count() > 100);
}
