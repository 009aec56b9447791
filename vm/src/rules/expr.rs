//! What rules compute: the numbers of replacements, and conditions.
//!
//! A **value** is an integer, a float, or any other term. Operators and comparisons
//! of numbers are Lua's, with the code that the tiers have: integers wrap around,
//! `/` and `^` make floats, `//` and `%` round down, an integer and a float are
//! compared by what they stand for.
//!
//! What has no result (arithmetic on something that is no number, integer division
//! by zero, `int` of a float that is out of range) is *undefined*. A rule that comes
//! upon something undefined is not applied, whatever else its condition says.

use super::order;
use super::terms::{Full, Head, Term, Terms};
use strata_runtime::Value as Number;
use strata_runtime::ops::arith::{ArithOp, on_numbers};
use strata_runtime::ops::compare::{number_le, number_lt};
use strata_runtime::value::{float_to_int, tag};

/// What variables may be said to stand for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sort {
    /// An integer.
    Int,
    /// A float.
    Float,
    /// An integer or a float.
    Number,
    /// A string.
    String,
    /// A name without arguments.
    Symbol,
    /// A name with arguments.
    Compound,
}

impl Sort {
    pub(super) const ALL: [(&'static str, Sort); 6] = [
        ("int", Sort::Int),
        ("float", Sort::Float),
        ("number", Sort::Number),
        ("string", Sort::String),
        ("symbol", Sort::Symbol),
        ("compound", Sort::Compound),
    ];

    /// Whether terms with this head, of so many arguments, are of this sort.
    #[inline]
    pub(super) fn has(self, head: Head, arity: u32) -> bool {
        match self {
            Sort::Int => head == Head::INT,
            Sort::Float => head == Head::FLOAT,
            Sort::Number => head == Head::INT || head == Head::FLOAT,
            Sort::String => head == Head::STR,
            Sort::Symbol => arity == 0 && !head.is_literal(),
            Sort::Compound => arity > 0,
        }
    }

    /// Whether this term is of this sort.
    pub(super) fn holds(self, terms: &Terms, term: Term) -> bool {
        let node = terms.node(term);
        self.has(node.head, node.arity)
    }
}

/// An operator or a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    Min,
    Max,
    Neg,
    Abs,
    Int,
    Float,
    Floor,
    Sqrt,
}

impl Op {
    /// All, by number.
    #[cfg(feature = "llvm")]
    pub(super) const ALL: [Op; 15] = [
        Op::Add,
        Op::Sub,
        Op::Mul,
        Op::Div,
        Op::FloorDiv,
        Op::Mod,
        Op::Pow,
        Op::Min,
        Op::Max,
        Op::Neg,
        Op::Abs,
        Op::Int,
        Op::Float,
        Op::Floor,
        Op::Sqrt,
    ];

    /// Those that are written as functions, and how many operands they take.
    pub(super) const FUNCTIONS: [(&'static str, Op, usize); 7] = [
        ("min", Op::Min, 2),
        ("max", Op::Max, 2),
        ("abs", Op::Abs, 1),
        ("int", Op::Int, 1),
        ("float", Op::Float, 1),
        ("floor", Op::Floor, 1),
        ("sqrt", Op::Sqrt, 1),
    ];
}

/// A comparison. The others are these with operands or result exchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Cmp {
    Lt,
    Le,
    Eq,
}

/// Something that is computed.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Var(usize),
    Int(i64),
    Float(f64),
    /// A string or a symbol.
    Term(Term),
    /// Operators of one operand have it twice.
    Op(Op, Box<[Expr; 2]>),
    Unary(Op, Box<Expr>),
}

/// Something that holds or doesn't.
#[derive(Clone, Debug)]
pub(super) enum Cond {
    And(Box<[Cond; 2]>),
    Or(Box<[Cond; 2]>),
    Not(Box<Cond>),
    Compare(Cmp, Box<[Expr; 2]>),
    Is(Sort, Expr),
    /// Whether a variable's term has this head.
    Has(usize, Head),
    /// Whether a variable's term stands before another's.
    Before(usize, usize),
}

/// What an expression stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Value {
    Int(i64),
    Float(f64),
    Term(Term),
}

impl Value {
    /// What a term stands for.
    pub(super) fn of(terms: &Terms, term: Term) -> Value {
        let node = terms.node(term);
        match node.head {
            Head::INT => Value::Int(node.payload() as i64),
            Head::FLOAT => Value::Float(f64::from_bits(node.payload())),
            _ => Value::Term(term),
        }
    }

    /// The term for it.
    pub(super) fn term(self, terms: &mut Terms) -> Result<Term, Full> {
        match self {
            Value::Int(value) => terms.int(value),
            Value::Float(value) => terms.float(value),
            Value::Term(term) => Ok(term),
        }
    }

    fn number(self) -> Option<Number> {
        match self {
            Value::Int(value) => Some(Number::int(value)),
            Value::Float(value) => Some(Number::float(value)),
            Value::Term(_) => None,
        }
    }
}

fn from_number(number: Number) -> Value {
    if number.tag == tag::INT {
        Value::Int(number.as_int())
    } else {
        Value::Float(number.as_float())
    }
}

/// The result of an operator, if it is defined. Those of one operand have it twice.
pub(super) fn operate(op: Op, a: Value, b: Value) -> Option<Value> {
    let (x, y) = (a.number()?, b.number()?);
    let arith = |op| on_numbers(op, x, y).ok().map(from_number);
    match op {
        Op::Add => arith(ArithOp::Add),
        Op::Sub => arith(ArithOp::Sub),
        Op::Mul => arith(ArithOp::Mul),
        Op::Div => arith(ArithOp::Div),
        Op::FloorDiv => arith(ArithOp::IDiv),
        Op::Mod => arith(ArithOp::Mod),
        Op::Pow => arith(ArithOp::Pow),
        Op::Neg => arith(ArithOp::Unm),
        Op::Min => Some(if number_lt(y, x)? { b } else { a }),
        Op::Max => Some(if number_lt(x, y)? { b } else { a }),
        Op::Abs => Some(match a {
            Value::Int(value) => Value::Int(value.wrapping_abs()),
            _ => Value::Float(x.as_float().abs()),
        }),
        Op::Int => match a {
            Value::Float(value) => float_to_int(value.trunc()).map(Value::Int),
            _ => Some(a),
        },
        Op::Floor => match a {
            Value::Float(value) => {
                let floor = value.floor();
                Some(float_to_int(floor).map_or(Value::Float(floor), Value::Int))
            }
            _ => Some(a),
        },
        Op::Float => as_float(a).map(Value::Float),
        Op::Sqrt => as_float(a).map(|value| Value::Float(value.sqrt())),
    }
}

fn as_float(value: Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        Value::Term(_) => None,
    }
}

/// Whether a comparison holds, if it is defined.
pub(super) fn compare(cmp: Cmp, a: Value, b: Value) -> Option<bool> {
    match (cmp, a.number(), b.number()) {
        (Cmp::Eq, Some(x), Some(y)) => Some(x.raw_eq(y)),
        (Cmp::Eq, ..) => Some(a == b),
        (Cmp::Lt, x, y) => number_lt(x?, y?),
        (Cmp::Le, x, y) => number_le(x?, y?),
    }
}

impl Expr {
    /// Its value, if it is defined, where variables stand for `bound`.
    pub(super) fn value(&self, terms: &Terms, bound: &[Term]) -> Option<Value> {
        match self {
            Expr::Var(n) => Some(Value::of(terms, bound[*n])),
            Expr::Int(value) => Some(Value::Int(*value)),
            Expr::Float(value) => Some(Value::Float(*value)),
            Expr::Term(term) => Some(Value::Term(*term)),
            Expr::Op(op, operands) => {
                let [a, b] = &**operands;
                let a = a.value(terms, bound)?;
                operate(*op, a, b.value(terms, bound)?)
            }
            Expr::Unary(op, operand) => {
                let value = operand.value(terms, bound)?;
                operate(*op, value, value)
            }
        }
    }
}

impl Cond {
    /// Whether it holds, if it is defined. Of `and` and `or` the second half is not
    /// looked at if the first decides.
    pub(super) fn holds(&self, terms: &Terms, bound: &[Term]) -> Option<bool> {
        match self {
            Cond::And(halves) => {
                Some(halves[0].holds(terms, bound)? && halves[1].holds(terms, bound)?)
            }
            Cond::Or(halves) => {
                Some(halves[0].holds(terms, bound)? || halves[1].holds(terms, bound)?)
            }
            Cond::Not(cond) => cond.holds(terms, bound).map(|holds| !holds),
            Cond::Compare(cmp, operands) => {
                let [a, b] = &**operands;
                let a = a.value(terms, bound)?;
                compare(*cmp, a, b.value(terms, bound)?)
            }
            Cond::Is(sort, expr) => Some(match expr.value(terms, bound)? {
                Value::Int(_) => sort.has(Head::INT, 0),
                Value::Float(_) => sort.has(Head::FLOAT, 0),
                Value::Term(term) => sort.holds(terms, term),
            }),
            Cond::Has(n, head) => Some(terms.node(bound[*n]).head == *head),
            Cond::Before(a, b) => Some(order::before(terms, bound[*a], bound[*b])),
        }
    }
}
