//! Conditions and computed numbers as LLVM IR.
//!
//! A value is a tag and its bits, in two registers (`prelude.ll`). Where the sort of
//! a variable is known the tag is a constant, and LLVM leaves out what it decides.

use super::super::expr::{Cmp, Cond, Expr, Op, Sort};
use super::super::rule::{Pat, Rule, RuleSet};
use super::emit::{Code, has_sort};

/// A tag and its bits.
type Value = (String, String);

pub(super) struct Values<'v> {
    code: &'v mut Code,
    rules: &'v RuleSet,
    rule: &'v Rule,
    /// The terms that variables stand for.
    vars: &'v [String],
    values: Vec<Value>,
}

impl<'v> Values<'v> {
    /// Reads what variables stand for.
    pub(super) fn new(
        code: &'v mut Code,
        rules: &'v RuleSet,
        rule: &'v Rule,
        vars: &'v [String],
    ) -> Values<'v> {
        let mut all = Values {
            code,
            rules,
            rule,
            vars,
            values: Vec::new(),
        };
        if rule.condition.is_some() || !rule.computed.is_empty() {
            let bound = rule.pattern.iter().filter_map(|pat| match pat {
                Pat::Bind(_, sort) => Some(*sort),
                _ => None,
            });
            all.values = bound
                .zip(vars)
                .map(|(sort, term)| read(all.code, sort, term))
                .collect();
        }
        all
    }

    /// Checks the condition and computes the numbers of the replacement; goes to
    /// `fails` if something doesn't hold or is undefined.
    pub(super) fn compute(mut self) -> Vec<Value> {
        if let Some(condition) = &self.rule.condition {
            let holds = self.code.label();
            self.cond(condition, &holds, "fails");
            self.code.block(&holds);
        }
        let computed = self.rule.computed.iter();
        computed.map(|expr| self.value(expr)).collect()
    }

    fn value(&mut self, expr: &Expr) -> Value {
        match expr {
            Expr::Var(n) => self.values[*n].clone(),
            Expr::Int(value) => ("0".into(), value.to_string()),
            Expr::Float(value) => ("1".into(), (value.to_bits() as i64).to_string()),
            Expr::Term(term) => ("2".into(), term.0.to_string()),
            Expr::Op(op, operands) => {
                let (ta, a) = self.value(&operands[0]);
                let (tb, b) = self.value(&operands[1]);
                self.operate(*op, &format!("i64 {ta}, i64 {a}, i64 {tb}, i64 {b}"))
            }
            Expr::Unary(op, operand) => {
                let (t, a) = self.value(operand);
                let operands = match op {
                    Op::Neg => format!("i64 {t}, i64 {a}"),
                    _ => format!("i64 {t}, i64 {a}, i64 {t}, i64 {a}"),
                };
                self.operate(*op, &operands)
            }
        }
    }

    fn operate(&mut self, op: Op, operands: &str) -> Value {
        let here = match op {
            Op::Add => "add",
            Op::Sub => "sub",
            Op::Mul => "mul",
            Op::FloorDiv => "floordiv",
            Op::Mod => "mod",
            Op::Neg => "neg",
            _ => "",
        };
        let value = if here.is_empty() {
            let op = op as u8;
            self.code
                .set(format_args!("call %value @operate(i64 {op}, {operands})"))
        } else {
            self.code
                .set(format_args!("call %value @{here}({operands})"))
        };
        let tag = self
            .code
            .set(format_args!("extractvalue %value {value}, 0"));
        let bits = self
            .code
            .set(format_args!("extractvalue %value {value}, 1"));
        let undefined = self.code.set(format_args!("icmp eq i64 {tag}, 3"));
        let defined = self.code.label();
        self.code.branch(&undefined, "fails", &defined);
        self.code.block(&defined);
        (tag, bits)
    }

    /// Goes to `yes` or `no`, or to `fails` if it is undefined.
    fn cond(&mut self, cond: &Cond, yes: &str, no: &str) {
        match cond {
            Cond::And(halves) => {
                let second = self.code.label();
                self.cond(&halves[0], &second, no);
                self.code.block(&second);
                self.cond(&halves[1], yes, no);
            }
            Cond::Or(halves) => {
                let second = self.code.label();
                self.cond(&halves[0], yes, &second);
                self.code.block(&second);
                self.cond(&halves[1], yes, no);
            }
            Cond::Not(cond) => self.cond(cond, no, yes),
            Cond::Compare(cmp, operands) => {
                let (ta, a) = self.value(&operands[0]);
                let (tb, b) = self.value(&operands[1]);
                let name = match cmp {
                    Cmp::Lt => "lt",
                    Cmp::Le => "le",
                    Cmp::Eq => "eq",
                };
                let holds = self.code.set(format_args!(
                    "call i64 @{name}(i64 {ta}, i64 {a}, i64 {tb}, i64 {b})"
                ));
                self.code.line(format_args!(
                    "switch i64 {holds}, label %fails [ i64 0, label %{no}\n    i64 1, label %{yes} ]"
                ));
            }
            Cond::Is(sort, Expr::Var(n)) => {
                let is = has_sort(self.code, *sort, &self.vars[*n]);
                self.code.branch(&is, yes, no);
            }
            Cond::Is(sort, Expr::Term(term)) => {
                let is = sort.holds(&self.rules.base, *term);
                self.code.branch(if is { "true" } else { "false" }, yes, no);
            }
            Cond::Is(sort, expr) => {
                let (tag, _) = self.value(expr);
                let is = match sort {
                    Sort::Int => self.code.set(format_args!("icmp eq i64 {tag}, 0")),
                    Sort::Float => self.code.set(format_args!("icmp eq i64 {tag}, 1")),
                    Sort::Number => "true".into(),
                    Sort::String | Sort::Symbol | Sort::Compound => "false".into(),
                };
                self.code.branch(&is, yes, no);
            }
            Cond::Has(n, head) => {
                let term = &self.vars[*n];
                let found = self
                    .code
                    .set(format_args!("call i32 @head(ptr %nodes, i32 {term})"));
                let is = self
                    .code
                    .set(format_args!("icmp eq i32 {found}, {}", head.0));
                self.code.branch(&is, yes, no);
            }
            Cond::Before(a, b) => {
                let (a, b) = (&self.vars[*a], &self.vars[*b]);
                let at = self
                    .code
                    .set("getelementptr inbounds %view, ptr %v, i32 0, i32 2");
                let terms = self.code.set(format_args!("load ptr, ptr {at}"));
                let before = self.code.set(format_args!(
                    "call i64 @strata_rules_before(ptr {terms}, i32 {a}, i32 {b})"
                ));
                let is = self.code.set(format_args!("icmp ne i64 {before}, 0"));
                self.code.branch(&is, yes, no);
            }
        }
    }
}

/// What a term stands for.
fn read(code: &mut Code, sort: Option<Sort>, term: &str) -> Value {
    let known = match sort {
        Some(Sort::Int) => Some("0"),
        Some(Sort::Float) => Some("1"),
        Some(Sort::Number) | None => None,
        Some(_) => Some("2"),
    };
    match known {
        Some("2") => {
            let id = code.set(format_args!("zext i32 {term} to i64"));
            ("2".into(), id)
        }
        Some(tag) => {
            let bits = code.set(format_args!("call i64 @payload(ptr %nodes, i32 {term})"));
            (tag.into(), bits)
        }
        None => {
            let value = code.set(format_args!("call %value @value(ptr %nodes, i32 {term})"));
            let tag = code.set(format_args!("extractvalue %value {value}, 0"));
            let bits = code.set(format_args!("extractvalue %value {value}, 1"));
            (tag, bits)
        }
    }
}
