//! The reader of rules.
//!
//! ```text
//! rule NAME [PRIORITY]: PATTERN => REPLACEMENT [where CONDITION]
//! ```
//!
//! `spec/rules.md` has the grammar. Terms are read as everywhere
//! ([`read`](super::read)), into nodes from which patterns and replacements are made.

use super::error::SyntaxError;
use super::expr::{Expr, Sort};
use super::lexer::{Lexer, Result, Span, Token};
use super::read::{self, Builder, signed};
use super::rule::{Build, Pat, Rule, RuleSet};
use super::terms::{Full, Term, Terms};
use std::collections::HashMap;

/// A term in a rule.
#[derive(Clone, Debug)]
enum Node {
    Any(Option<Sort>),
    Bind(usize, Option<Sort>),
    Var(usize),
    Computed(usize),
    Ground(Term),
    Apply(String, Vec<usize>),
}

/// What is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Pattern,
    Replacement,
    Condition,
}

/// A variable of the rule that is being read.
struct Var {
    name: String,
    sort: Option<Sort>,
}

/// The rule that is being read.
pub(super) struct Reading<'r> {
    pub base: &'r mut Terms,
    part: Part,
    nodes: Vec<Node>,
    vars: Vec<Var>,
    index: HashMap<String, usize>,
    computed: Vec<Expr>,
    /// How many operators there may still be.
    pub room: usize,
}

type Made = std::result::Result<usize, Full>;

impl Reading<'_> {
    fn node(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn ground(&mut self, made: std::result::Result<Term, Full>) -> Made {
        made.map(|term| self.node(Node::Ground(term)))
    }

    /// The variable that comes next, outside of the pattern.
    pub(super) fn known(&self, lexer: &mut Lexer<'_>) -> Result<usize> {
        let (token, span) = lexer.take()?;
        let Token::Var(name) = token else {
            return Err(lexer.error(span, "a variable expected"));
        };
        match self.index.get(&name) {
            Some(&n) if lexer.is(":") && self.part == Part::Replacement => {
                let message = format!(
                    "the sort of '?{}' is said in the pattern",
                    self.vars[n].name
                );
                Err(lexer.error(lexer.span, message))
            }
            Some(&n) => Ok(n),
            None => {
                let list: Vec<String> = self.vars.iter().map(|v| format!("?{}", v.name)).collect();
                let has = if list.is_empty() {
                    "which has no variables".into()
                } else {
                    format!("which has {}", list.join(", "))
                };
                Err(lexer.error(span, format!("'?{name}' is not in the pattern, {has}")))
            }
        }
    }

    fn in_pattern(&mut self, lexer: &mut Lexer<'_>) -> Result<usize> {
        let (token, span) = lexer.take()?;
        let sort = if lexer.accept(":")? {
            Some(sort(lexer)?)
        } else {
            None
        };
        let Token::Var(name) = token else {
            return Ok(self.node(Node::Any(sort)));
        };
        match self.index.get(&name) {
            None => {
                let n = self.vars.len();
                self.index.insert(name.clone(), n);
                self.vars.push(Var { name, sort });
                Ok(self.node(Node::Bind(n, sort)))
            }
            Some(&n) if sort.is_none() || sort == self.vars[n].sort => Ok(self.node(Node::Var(n))),
            Some(_) => {
                let message =
                    format!("'?{name}' was there before, without this sort; say it there");
                Err(lexer.error(span, message))
            }
        }
    }
}

/// The sort that is named next.
fn sort(lexer: &mut Lexer<'_>) -> Result<Sort> {
    if let Token::Name(word) = &lexer.token
        && let Some((_, sort)) = Sort::ALL.iter().find(|(name, _)| name == word)
    {
        lexer.take()?;
        return Ok(*sort);
    }
    let names: Vec<&str> = Sort::ALL.iter().map(|(name, _)| *name).collect();
    Err(lexer.unexpected(&format!("a sort ({})", names.join(", "))))
}

impl Builder for Reading<'_> {
    type Out = usize;

    fn int(&mut self, value: i64) -> Made {
        let made = self.base.int(value);
        self.ground(made)
    }

    fn float(&mut self, value: f64) -> Made {
        let made = self.base.float(value);
        self.ground(made)
    }

    fn string(&mut self, text: &str) -> Made {
        let made = self.base.string(text);
        self.ground(made)
    }

    fn apply(&mut self, name: &str, args: &[usize]) -> Made {
        let ground = args.iter().map(|&arg| match self.nodes[arg] {
            Node::Ground(term) => Some(term),
            _ => None,
        });
        if let Some(args) = ground.collect::<Option<Vec<Term>>>() {
            let made = self.base.apply(name, &args);
            return self.ground(made);
        }
        Ok(self.node(Node::Apply(name.into(), args.to_vec())))
    }

    fn special(&mut self, lexer: &mut Lexer<'_>) -> Result<usize> {
        match (&lexer.token, self.part) {
            (Token::Name(_) | Token::Var(_), Part::Pattern) => self.in_pattern(lexer),
            (Token::Mark("{"), Part::Pattern) => Err(lexer.error(
                lexer.span,
                "'{' is for replacements; a pattern takes a variable, and 'where' what holds of it",
            )),
            (Token::Name(_), _) => Err(lexer.error(
                lexer.span,
                "'_' stands for nothing in a replacement; name it in the pattern, as in '?x'",
            )),
            (Token::Var(_), _) => {
                let n = self.known(lexer)?;
                Ok(self.node(Node::Var(n)))
            }
            (Token::Mark("{"), _) => {
                lexer.take()?;
                let expr = super::condition::expression(lexer, self)?;
                if !lexer.is("}") {
                    return Err(lexer.unexpected("an operator or '}'"));
                }
                lexer.take()?;
                self.computed.push(expr);
                let n = self.computed.len() - 1;
                Ok(self.node(Node::Computed(n)))
            }
            _ => Err(lexer.unexpected("a term")),
        }
    }
}

/// The pattern that a node is: each node before its arguments.
fn pattern(nodes: &[Node], root: usize, base: &mut Terms) -> std::result::Result<Vec<Pat>, Full> {
    let mut made = Vec::new();
    let mut left = vec![root];
    while let Some(n) = left.pop() {
        made.push(match &nodes[n] {
            Node::Any(sort) => Pat::Any(*sort),
            Node::Bind(n, sort) => Pat::Bind(*n, *sort),
            Node::Var(n) => Pat::Same(*n),
            Node::Ground(term) => Pat::Is(*term),
            Node::Apply(name, args) => {
                left.extend(args.iter().rev());
                Pat::Apply(base.head(name, args.len())?)
            }
            // There is none in patterns.
            Node::Computed(_) => continue,
        });
    }
    Ok(made)
}

/// The replacement that a node is: each node after its arguments.
fn replacement(
    nodes: &[Node],
    root: usize,
    base: &mut Terms,
) -> std::result::Result<Vec<Build>, Full> {
    let mut made = Vec::new();
    let mut left = vec![root];
    // Backwards: each node before its arguments, the last argument first.
    while let Some(n) = left.pop() {
        made.push(match &nodes[n] {
            Node::Var(n) | Node::Bind(n, _) => Build::Var(*n),
            Node::Ground(term) => Build::Term(*term),
            Node::Computed(n) => Build::Computed(*n),
            Node::Apply(name, args) => {
                left.extend(args);
                Build::Apply(base.head(name, args.len())?)
            }
            // There is none in replacements.
            Node::Any(_) => continue,
        });
    }
    made.reverse();
    Ok(made)
}

/// Most operators in the computations and the condition of a rule.
const OPERATORS: usize = 400;

fn rule(lexer: &mut Lexer<'_>, base: &mut Terms) -> Result<(Rule, Span)> {
    if !lexer.is_word("rule") {
        return Err(lexer.unexpected("'rule'"));
    }
    let (_, start) = lexer.take()?;
    if !matches!(lexer.token, Token::Name(_) | Token::Quoted(_)) {
        return Err(lexer.unexpected("the name of the rule"));
    }
    let (Token::Name(name) | Token::Quoted(name), name_span) = lexer.take()? else {
        return Err(lexer.error(start, "a rule has a name"));
    };
    let priority = if lexer.is(":") {
        0
    } else {
        let span = lexer.span;
        let minus = lexer.accept("-")?;
        let &Token::Int(value) = &lexer.token else {
            return Err(lexer.unexpected("a priority or ':'"));
        };
        let value = signed(lexer, span, value, minus)?;
        let value = i32::try_from(value)
            .map_err(|_| lexer.error(lexer.span, "priorities go from -2147483648 to 2147483647"))?;
        lexer.take()?;
        value
    };
    lexer.expect(":")?;
    let mut reading = Reading {
        base,
        part: Part::Pattern,
        nodes: Vec::new(),
        vars: Vec::new(),
        index: HashMap::new(),
        computed: Vec::new(),
        room: OPERATORS,
    };
    let pattern_root = read::term(lexer, &mut reading)?;
    lexer.expect("=>")?;
    reading.part = Part::Replacement;
    let replacement_root = read::term(lexer, &mut reading)?;
    reading.part = Part::Condition;
    let condition = if lexer.is_word("where") {
        lexer.take()?;
        Some(super::condition::condition(lexer, &mut reading)?)
    } else {
        None
    };
    if lexer.token != Token::End && !lexer.is_word("rule") {
        let wanted = if condition.is_some() {
            "'and', 'or' or the next rule"
        } else {
            "'where' or the next rule"
        };
        return Err(lexer.unexpected(wanted));
    }
    let Reading {
        base,
        nodes,
        computed,
        ..
    } = reading;
    let room = |lexer: &Lexer<'_>, full: Full| lexer.error(start, full.to_string());
    Ok((
        Rule {
            name,
            priority,
            line: lexer.line(start),
            pattern: pattern(&nodes, pattern_root, base).map_err(|e| room(lexer, e))?,
            condition,
            computed,
            replacement: replacement(&nodes, replacement_root, base).map_err(|e| room(lexer, e))?,
        },
        name_span,
    ))
}

impl RuleSet {
    /// Reads rules. Errors call the text `name`.
    ///
    /// # Errors
    /// What can't be read, and where.
    pub fn parse(name: &str, text: &str) -> std::result::Result<RuleSet, SyntaxError> {
        let mut lexer = Lexer::new(name, text)?;
        let mut base = Terms::new();
        let mut rules: Vec<Rule> = Vec::new();
        let mut lines: HashMap<String, u32> = HashMap::new();
        while lexer.token != Token::End {
            let (rule, span) = rule(&mut lexer, &mut base)?;
            if let Some(line) = lines.insert(rule.name.clone(), rule.line) {
                let message = format!("there is a rule '{}' in line {line} already", rule.name);
                return Err(lexer.error(span, message));
            }
            rules.push(rule);
        }
        Ok(RuleSet::new(rules, base))
    }
}
