//! Rules that can't be read.

use super::*;
use proptest::prelude::*;

#[test]
fn errors_name_the_place_and_what_to_do() {
    for (text, message) in [
        ("f(x) => y", "test:1:1: 'rule' expected, not 'f'"),
        (
            "rule : f => g",
            "test:1:6: the name of the rule expected, not ':'",
        ),
        (
            "rule a f(x) => y",
            "test:1:8: a priority or ':' expected, not 'f'",
        ),
        (
            "rule a 99999999999: f => g",
            "test:1:8: priorities go from -2147483648 to 2147483647",
        ),
        ("rule a: f(x) y", "test:1:14: '=>' expected, not 'y'"),
        (
            "rule a: f(x => y",
            "test:1:13: ',' or ')' expected, not '=>' (the arguments of 'f' begin in line 1)",
        ),
        (
            "rule a: f(?x) => g(?y, ?x)",
            "test:1:20: '?y' is not in the pattern, which has ?x",
        ),
        (
            "rule a: f => ?y",
            "test:1:14: '?y' is not in the pattern, which has no variables",
        ),
        (
            "rule a: f(?x) => ?x\n  where ?z > 1",
            "test:2:9: '?z' is not in the pattern, which has ?x",
        ),
        (
            "rule a: f(?x) => {?z}",
            "test:1:19: '?z' is not in the pattern, which has ?x",
        ),
        (
            "rule a: f(?x:integer) => 1",
            "test:1:14: a sort (int, float, number, string, symbol, compound) expected, not 'integer'",
        ),
        (
            "rule a: f(?x, ?x:int) => 1",
            "test:1:15: '?x' was there before, without this sort; say it there",
        ),
        (
            "rule a: f(?x) => ?x:int",
            "test:1:20: the sort of '?x' is said in the pattern",
        ),
        (
            "rule a: f({1 + 2}) => 1",
            "test:1:11: '{' is for replacements; a pattern takes a variable, and 'where' what holds of it",
        ),
        (
            "rule a: f(_) => _",
            "test:1:17: '_' stands for nothing in a replacement; name it in the pattern, as in '?x'",
        ),
        (
            "rule a: f => g\nrule b: g => h\nrule a: h => i",
            "test:3:6: there is a rule 'a' in line 1 already",
        ),
        (
            "rule a: f(?x) => {?x + } ",
            "test:1:24: a value expected, not '}'",
        ),
        (
            "rule a: f(?x) => {?x 1}",
            "test:1:22: an operator or '}' expected, not '1'",
        ),
        (
            "rule a: f(?x) => {?x < 1}",
            "test:1:19: a value expected, not a condition",
        ),
        (
            "rule a: f(?x) => 1 where ?x",
            "test:1:26: a condition expected, not a value",
        ),
        (
            "rule a: f(?x) => 1 where ?x and ?x < 1",
            "test:1:26: a condition expected, not a value",
        ),
        (
            "rule a: f(?x) => 1 where (?x < 1) + 2 > 1",
            "test:1:26: a value expected, not a condition",
        ),
        (
            "rule a: f(?x) => 1 where ?x > 1 g",
            "test:1:33: 'and', 'or' or the next rule expected, not 'g'",
        ),
        (
            "rule a: f(?x) => 1 g",
            "test:1:20: 'where' or the next rule expected, not 'g'",
        ),
        (
            "rule a: f(?x) => 1 where is_integer(?x)",
            "test:1:26: there is no function 'is_integer'; there are min, max, abs, int, float, floor, sqrt, is_int, is_float, is_number, is_string, is_symbol, is_compound, is, before",
        ),
        (
            "rule a: f(?x) => {min(?x)}",
            "test:1:19: 'min' takes 2 operands, not 1",
        ),
        (
            "rule a: f(?x) => 1 where is(?x, 3)",
            "test:1:33: a name and how many arguments it takes expected, as in add/2",
        ),
        (
            "rule a: f(?x) => 1 where is(?x, g/x)",
            "test:1:35: a number of arguments expected, at most 65535",
        ),
        (
            "rule a: f(?x) => 1 where before(?x, 1)",
            "test:1:37: a variable expected",
        ),
        (
            "rule a: f(?x) => \"b",
            "test:1:18: this quote is not closed",
        ),
        (
            "rule a: f(9223372036854775808) => 1",
            "test:1:11: 9223372036854775808 takes more than 64 bits; as a float it is 9223372036854775808.0",
        ),
    ] {
        let error = RuleSet::parse("test", text).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        assert!(error.offset + error.len <= text.len());
    }
}

#[test]
fn too_much_is_refused() {
    let nested = format!(
        "rule a: f(?x) => {{{}?x{}}}",
        "(".repeat(5000),
        ")".repeat(5000)
    );
    let error = RuleSet::parse("test", &nested).unwrap_err();
    assert_eq!(error.message, "too much in parentheses");
    let nots = format!("rule a: f(?x) => 1 where {} ?x < 1", "not ".repeat(50_000));
    assert!(RuleSet::parse("test", &nots).is_err());
    let long = format!("rule a: f(?x) => {{?x{}}}", " + 1".repeat(5000));
    let error = RuleSet::parse("test", &long).unwrap_err();
    assert_eq!(error.message, "too many operators in one rule");
    let wide = format!("rule a: f({}1) => 1", "1, ".repeat(70_000));
    let error = RuleSet::parse("test", &wide).unwrap_err();
    assert_eq!(error.message, "'f' has more than 65535 arguments");
    // Patterns and replacements may be as deep as they like.
    let deep = format!(
        "rule a: f({}?x{}) => {}?x{}",
        "g(".repeat(100_000),
        ")".repeat(100_000),
        "h(".repeat(100_000),
        ")".repeat(100_000)
    );
    parse(&deep);
}

const WORDS: [&str; 52] = [
    "rule", "where", "a", "b", "f", "g", "?x", "?y", "_", "(", ")", "(", ")", ",", ":", "=>", "{",
    "}", "+", "-", "*", "//", "%", "^", "<", "==", "!=", ">=", "and", "or", "not", "int", "float",
    "symbol", "is_int", "is", "before", "min", "1", "-3", "0.5", "1e9", "inf", "nan", "\"s\"",
    "'q'", "#", "\n", "'", "\"", "\\u{41}", "é",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Whatever a text says, it is read or refused.
    #[test]
    fn hostile_texts_do_no_harm(words in prop::collection::vec(0..WORDS.len(), 0..60)) {
        let mut text = String::from("rule a: f(?x, ?y) => ");
        for word in words {
            text += WORDS[word];
            text.push(' ');
        }
        if let Err(error) = RuleSet::parse("test", &text) {
            prop_assert!(error.offset + error.len <= text.len(), "{error}");
        }
    }

    /// So it is with damaged rules.
    #[test]
    fn damaged_rules_do_no_harm(at in 0..2000usize, with in ".{0,3}", cut in 0..4usize) {
        let good = include_str!("../../../examples/algebra.rules");
        let mut chars: Vec<char> = good.chars().collect();
        let at = at % chars.len();
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, with.chars());
        let text: String = chars.into_iter().collect();
        let _ = RuleSet::parse("test", &text);
    }
}
