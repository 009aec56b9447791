//! The reader of what rules compute: of expressions between `{` and `}`, and of
//! conditions. Operators bind as in Lua. Both are read by the same code, since only
//! what follows tells `(?a + 1) < 2` from `(?a < 1) or ?b == 2`.

use super::expr::{Cmp, Cond, Expr, Op, Sort};
use super::lexer::{Lexer, Result, Span, Token};
use super::parse::Reading;
use super::read::{float_word, signed};
use super::terms::{Head, MAX_ARITY};

/// What was read.
enum Item {
    Value(Expr),
    Truth(Cond),
}

/// Most parentheses within parentheses.
const DEPTH: usize = 100;

struct Parser<'p, 't, 'r> {
    lexer: &'p mut Lexer<'t>,
    rule: &'p mut Reading<'r>,
    depth: usize,
}

/// Reads an expression.
pub(super) fn expression(lexer: &mut Lexer<'_>, rule: &mut Reading<'_>) -> Result<Expr> {
    let span = lexer.span;
    let mut parser = Parser::new(lexer, rule);
    let item = parser.any()?;
    parser.value(item, span)
}

/// Reads a condition.
pub(super) fn condition(lexer: &mut Lexer<'_>, rule: &mut Reading<'_>) -> Result<Cond> {
    let span = lexer.span;
    let mut parser = Parser::new(lexer, rule);
    let item = parser.any()?;
    parser.truth(item, span)
}

/// An operator and how strongly it binds on its left and on its right.
fn binary(token: &Token) -> Option<(&'static str, u8, u8)> {
    const TABLE: [(&str, u8, u8); 15] = [
        ("or", 1, 2),
        ("and", 3, 4),
        ("<", 5, 6),
        (">", 5, 6),
        ("<=", 5, 6),
        (">=", 5, 6),
        ("==", 5, 6),
        ("!=", 5, 6),
        ("+", 7, 8),
        ("-", 7, 8),
        ("*", 9, 10),
        ("/", 9, 10),
        ("//", 9, 10),
        ("%", 9, 10),
        ("^", 14, 13),
    ];
    let word = match token {
        Token::Mark(mark) => *mark,
        Token::Name(name) => name,
        _ => return None,
    };
    TABLE.into_iter().find(|(operator, ..)| *operator == word)
}

/// How strongly `not` and `-` bind.
const UNARY: u8 = 11;

impl<'p, 't, 'r> Parser<'p, 't, 'r> {
    fn new(lexer: &'p mut Lexer<'t>, rule: &'p mut Reading<'r>) -> Self {
        Parser {
            lexer,
            rule,
            depth: 0,
        }
    }

    fn any(&mut self) -> Result<Item> {
        self.binding(0)
    }

    fn value(&self, item: Item, span: Span) -> Result<Expr> {
        match item {
            Item::Value(expr) => Ok(expr),
            Item::Truth(_) => Err(self.lexer.error(span, "a value expected, not a condition")),
        }
    }

    fn truth(&self, item: Item, span: Span) -> Result<Cond> {
        match item {
            Item::Truth(cond) => Ok(cond),
            Item::Value(_) => Err(self.lexer.error(span, "a condition expected, not a value")),
        }
    }

    /// Counts an operator. Expressions are trees that are walked by recursion.
    fn operator(&mut self, span: Span) -> Result<()> {
        match self.rule.room.checked_sub(1) {
            Some(room) => {
                self.rule.room = room;
                Ok(())
            }
            None => Err(self.lexer.error(span, "too many operators in one rule")),
        }
    }

    /// What follows, with operators that bind more strongly than `least`.
    fn binding(&mut self, least: u8) -> Result<Item> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.lexer.error(self.lexer.span, "too much in parentheses"));
        }
        let left_span = self.lexer.span;
        let mut left = self.operand()?;
        while let Some((operator, before, after)) = binary(&self.lexer.token) {
            if before <= least {
                break;
            }
            let (_, span) = self.lexer.take()?;
            self.operator(span)?;
            let right_span = self.lexer.span;
            let right = self.binding(after - 1)?;
            left = self.combine(operator, (left, left_span), (right, right_span))?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn combine(&self, operator: &str, left: (Item, Span), right: (Item, Span)) -> Result<Item> {
        if let "and" | "or" = operator {
            let halves = Box::new([self.truth(left.0, left.1)?, self.truth(right.0, right.1)?]);
            return Ok(Item::Truth(match operator {
                "and" => Cond::And(halves),
                _ => Cond::Or(halves),
            }));
        }
        let (a, b) = (self.value(left.0, left.1)?, self.value(right.0, right.1)?);
        let arith = |op, a, b| Item::Value(Expr::Op(op, Box::new([a, b])));
        let compare = |cmp, a, b| Cond::Compare(cmp, Box::new([a, b]));
        Ok(match operator {
            "+" => arith(Op::Add, a, b),
            "-" => arith(Op::Sub, a, b),
            "*" => arith(Op::Mul, a, b),
            "/" => arith(Op::Div, a, b),
            "//" => arith(Op::FloorDiv, a, b),
            "%" => arith(Op::Mod, a, b),
            "^" => arith(Op::Pow, a, b),
            "<" => Item::Truth(compare(Cmp::Lt, a, b)),
            "<=" => Item::Truth(compare(Cmp::Le, a, b)),
            ">" => Item::Truth(compare(Cmp::Lt, b, a)),
            ">=" => Item::Truth(compare(Cmp::Le, b, a)),
            "==" => Item::Truth(compare(Cmp::Eq, a, b)),
            _ => Item::Truth(Cond::Not(Box::new(compare(Cmp::Eq, a, b)))),
        })
    }

    fn operand(&mut self) -> Result<Item> {
        let span = self.lexer.span;
        match &self.lexer.token {
            Token::Var(_) => Ok(Item::Value(Expr::Var(self.rule.known(self.lexer)?))),
            &Token::Int(value) => {
                let value = signed(self.lexer, span, value, false)?;
                self.lexer.take()?;
                Ok(Item::Value(Expr::Int(value)))
            }
            &Token::Float(value) => {
                self.lexer.take()?;
                Ok(Item::Value(Expr::Float(value)))
            }
            Token::Mark("(") => {
                self.lexer.take()?;
                let item = self.any()?;
                self.lexer.expect(")")?;
                Ok(item)
            }
            Token::Mark("-") => {
                self.lexer.take()?;
                // So that the smallest integer can be written.
                if let &Token::Int(value) = &self.lexer.token
                    && value == i64::MIN.unsigned_abs()
                {
                    self.lexer.take()?;
                    return Ok(Item::Value(Expr::Int(i64::MIN)));
                }
                self.operator(span)?;
                let operand_span = self.lexer.span;
                let operand = self.binding(UNARY)?;
                let operand = self.value(operand, operand_span)?;
                Ok(Item::Value(Expr::Unary(Op::Neg, Box::new(operand))))
            }
            Token::Str(_) => {
                let (Token::Str(text), _) = self.lexer.take()? else {
                    return Err(self.lexer.unexpected("a value"));
                };
                let made = self.rule.base.string(&text);
                let term = made.map_err(|e| self.lexer.error(span, e.to_string()))?;
                Ok(Item::Value(Expr::Term(term)))
            }
            Token::Name(word) if word == "not" => {
                self.lexer.take()?;
                self.operator(span)?;
                let operand_span = self.lexer.span;
                let operand = self.binding(UNARY)?;
                Ok(Item::Truth(Cond::Not(Box::new(
                    self.truth(operand, operand_span)?,
                ))))
            }
            Token::Name(word) if let Some(value) = float_word(word) => {
                self.lexer.take()?;
                Ok(Item::Value(Expr::Float(value)))
            }
            Token::Name(_) | Token::Quoted(_) => {
                let (Token::Name(name) | Token::Quoted(name), _) = self.lexer.take()? else {
                    return Err(self.lexer.unexpected("a value"));
                };
                if self.lexer.is("(") {
                    return self.call(&name, span);
                }
                let made = self.rule.base.apply(&name, &[]);
                let term = made.map_err(|e| self.lexer.error(span, e.to_string()))?;
                Ok(Item::Value(Expr::Term(term)))
            }
            _ => Err(self.lexer.unexpected("a value")),
        }
    }

    /// A name and how many arguments it takes, as in `add/2`.
    fn head(&mut self) -> Result<Head> {
        let span = self.lexer.span;
        let (Token::Name(name) | Token::Quoted(name), _) = self.lexer.take()? else {
            let message = "a name and how many arguments it takes expected, as in add/2";
            return Err(self.lexer.error(span, message));
        };
        self.lexer.expect("/")?;
        let count_span = self.lexer.span;
        let arity = match self.lexer.take()? {
            (Token::Int(arity), _) if arity <= MAX_ARITY as u64 => arity as usize,
            _ => {
                let message = format!("a number of arguments expected, at most {MAX_ARITY}");
                return Err(self.lexer.error(count_span, message));
            }
        };
        let made = self.rule.base.head(&name, arity);
        made.map_err(|e| self.lexer.error(span, e.to_string()))
    }

    /// A function, whose name was read.
    fn call(&mut self, name: &str, span: Span) -> Result<Item> {
        self.lexer.expect("(")?;
        self.operator(span)?;
        if name == "before" {
            let a = self.rule.known(self.lexer)?;
            self.lexer.expect(",")?;
            let b = self.rule.known(self.lexer)?;
            self.lexer.expect(")")?;
            return Ok(Item::Truth(Cond::Before(a, b)));
        }
        if name == "is" {
            let n = self.rule.known(self.lexer)?;
            self.lexer.expect(",")?;
            let head = self.head()?;
            self.lexer.expect(")")?;
            return Ok(Item::Truth(Cond::Has(n, head)));
        }
        let mut operands = Vec::new();
        loop {
            let span = self.lexer.span;
            let item = self.any()?;
            operands.push(self.value(item, span)?);
            if !self.lexer.accept(",")? {
                break;
            }
        }
        self.lexer.expect(")")?;
        let sort = name.strip_prefix("is_");
        let sort = sort.and_then(|name| Sort::ALL.iter().find(|(sort, _)| *sort == name));
        let function = Op::FUNCTIONS
            .iter()
            .find(|(function, ..)| *function == name);
        let takes = match (sort, function) {
            (Some(_), _) => 1,
            (_, Some((_, _, takes))) => *takes,
            _ => return Err(self.lexer.error(span, unknown(name))),
        };
        if operands.len() != takes {
            let s = if takes == 1 { "" } else { "s" };
            let message = format!("'{name}' takes {takes} operand{s}, not {}", operands.len());
            return Err(self.lexer.error(span, message));
        }
        let second = if takes == 2 { operands.pop() } else { None };
        Ok(match (operands.pop(), second, sort, function) {
            (Some(a), None, Some((_, sort)), _) => Item::Truth(Cond::Is(*sort, a)),
            (Some(a), None, _, Some((_, op, _))) => Item::Value(Expr::Unary(*op, Box::new(a))),
            (Some(a), Some(b), _, Some((_, op, _))) => Item::Value(Expr::Op(*op, Box::new([a, b]))),
            _ => return Err(self.lexer.error(span, unknown(name))),
        })
    }
}

fn unknown(name: &str) -> String {
    let functions = Op::FUNCTIONS.iter().map(|(name, ..)| (*name).to_string());
    let sorts = Sort::ALL.iter().map(|(name, _)| format!("is_{name}"));
    let all: Vec<String> = functions
        .chain(sorts)
        .chain(["is".into(), "before".into()])
        .collect();
    format!(
        "there is no function '{name}'; there are {}",
        all.join(", ")
    )
}
