//! The parser: tokens to a resolved syntax tree, in one pass.
//!
//! Recursive descent with one token of look-ahead (two where a table item may
//! be `name =`). Nesting is counted in the places where Lua counts it
//! (statements, expressions, targets of an assignment) and limited, so
//! neither this pass nor any later one can run out of native stack.
//!
//! Lists are collected on scratch stacks that are shared by all levels: a
//! level remembers its mark, and moves what lies above it into the arena.

mod expr;
mod stat;

use crate::ast::{Arm, Block, Expr, Function, Item, Pos, Stat, Step, Suffix, VarId};
use crate::lexer::{Fault, Lexer, Res};
use crate::meter::Meter;
use crate::names::Name;
use crate::scope::{Pending, ScopeError, Scopes};
use crate::token::{T, Token};
use bumpalo::Bump;
use strata_spec::module::Annotation;

/// Deepest nesting; with it the same programs pass as in Lua's own
/// stand-alone interpreter.
const MAX_LEVELS: u32 = 197;

/// What parsing yields: the main function and what the emitter needs besides.
pub(crate) struct Parsed<'a> {
    pub main: Function<'a>,
    pub scopes: Scopes,
    pub lexer: Lexer<'a>,
}

pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    arena: &'a Bump,
    scopes: Scopes,
    /// The token looked at.
    token: Token,
    ahead: Option<Token>,
    /// The last token consumed.
    last: Pos,
    depth: u32,
    /// Counts operators that branch.
    branches: u32,
    /// Whether the function being parsed takes `...`.
    vararg: bool,
    /// What is asked of compilers for it.
    annotation: Annotation,
    env: Name,
    for_state: Name,
    self_name: Name,
    scratch: Scratch<'a>,
}

/// The shared stacks of unfinished lists.
#[derive(Default)]
struct Scratch<'a> {
    exprs: Vec<Expr<'a>>,
    steps: Vec<Step<'a>>,
    suffixes: Vec<Suffix<'a>>,
    stats: Vec<Stat<'a>>,
    items: Vec<Item<'a>>,
    arms: Vec<Arm<'a>>,
    vars: Vec<VarId>,
}

/// From this size on the stacks are left to the budget's owner to be freed.
const LARGE_SCRATCH: usize = 8 << 20;

impl Scratch<'_> {
    /// Bytes held.
    fn bytes(&self) -> usize {
        self.exprs.capacity() * size_of::<Expr<'_>>()
            + self.steps.capacity() * size_of::<Step<'_>>()
            + self.suffixes.capacity() * size_of::<Suffix<'_>>()
            + self.stats.capacity() * size_of::<Stat<'_>>()
            + self.items.capacity() * size_of::<Item<'_>>()
            + self.arms.capacity() * size_of::<Arm<'_>>()
            + self.vars.capacity() * size_of::<VarId>()
    }

    /// The memory of the stacks, which are emptied. Collecting a vector's
    /// iterator into elements of the same layout takes over its memory.
    fn into_memory(mut self) -> Scratch<'static> {
        macro_rules! empty {
            ($list:ident) => {{
                self.$list.clear();
                let none = self.$list.into_iter();
                none.map(|_| unreachable!("the list is empty")).collect()
            }};
        }
        Scratch {
            exprs: empty!(exprs),
            steps: empty!(steps),
            suffixes: empty!(suffixes),
            stats: empty!(stats),
            items: empty!(items),
            arms: empty!(arms),
            vars: empty!(vars),
        }
    }
}

/// Parses a chunk.
pub(crate) fn parse<'a>(mut lexer: Lexer<'a>, arena: &'a Bump) -> Res<Parsed<'a>> {
    let env = lexer.names.intern(b"_ENV");
    let for_state = lexer.names.intern(b"(for state)");
    let self_name = lexer.names.intern(b"self");
    let token = lexer.next_token()?;
    let annotation = lexer.annotations.file.unwrap_or_default();
    let mut parser = Parser {
        lexer,
        arena,
        scopes: Scopes::new(env),
        token,
        ahead: None,
        last: Pos { line: 1, column: 1 },
        depth: 0,
        branches: 0,
        vararg: true,
        annotation,
        env,
        for_state,
        self_name,
        scratch: Scratch::default(),
    };
    let main = parser.main();
    let scratch = std::mem::take(&mut parser.scratch);
    if scratch.bytes() >= LARGE_SCRATCH {
        let memory = Box::new(scratch.into_memory());
        parser.lexer.meter.discard(memory);
    }
    Ok(Parsed {
        main: main?,
        scopes: parser.scopes,
        lexer: parser.lexer,
    })
}

/// Moves what lies above `mark` into the arena.
fn drain<'a, V: Copy>(arena: &'a Bump, stack: &mut Vec<V>, mark: usize) -> &'a [V] {
    let slice = arena.alloc_slice_copy(&stack[mark..]);
    stack.truncate(mark);
    slice
}

/// Longest list that is moved without a look at the budget.
const LONG: usize = 1 << 12;

/// As [`drain`], for lists that may be very long.
#[inline(always)]
fn drain_paying<'a, V: Copy>(
    arena: &'a Bump,
    meter: &Meter<'_>,
    stack: &mut Vec<V>,
    mark: usize,
) -> Res<&'a [V]> {
    if stack.len() - mark < LONG {
        Ok(drain(arena, stack, mark))
    } else {
        drain_long(arena, meter, stack, mark)
    }
}

#[cold]
#[inline(never)]
fn drain_long<'a, V: Copy>(
    arena: &'a Bump,
    meter: &Meter<'_>,
    stack: &mut Vec<V>,
    mark: usize,
) -> Res<&'a [V]> {
    let list = &stack[mark..];
    let mut moved = bumpalo::collections::Vec::with_capacity_in(list.len(), arena);
    for part in list.chunks(LONG) {
        moved.extend_from_slice_copy(part);
        meter.skimmed(size_of_val(part))?;
    }
    stack.truncate(mark);
    Ok(moved.into_bump_slice())
}

impl<'a> Parser<'a> {
    // ---- tokens

    /// Position of the current token, as instructions record it.
    #[inline]
    fn pos(&self) -> Pos {
        Pos {
            line: self.token.line,
            column: self.token.column,
        }
    }

    /// Consumes the current token.
    #[inline]
    fn advance(&mut self) -> Res<()> {
        self.last = self.pos();
        self.token = match self.ahead.take() {
            Some(token) => token,
            None => self.lexer.next_token()?,
        };
        if self.lexer.is_due() {
            self.pay()?;
        }
        Ok(())
    }

    #[cold]
    fn pay(&mut self) -> Res<()> {
        self.lexer.pay(self.scratch.bytes() + self.scopes.bytes())
    }

    /// The kind of the token after the current one.
    fn look_ahead(&mut self) -> Res<T> {
        let token = self.lexer.next_token()?;
        self.ahead = Some(token);
        Ok(token.kind)
    }

    #[inline]
    fn at(&self, kind: T) -> bool {
        self.token.kind == kind
    }

    /// Consumes the current token if it is of this kind.
    #[inline]
    fn accept(&mut self, kind: T) -> Res<bool> {
        let found = self.token.kind == kind;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Demands the current token to be of this kind.
    fn check(&self, kind: T) -> Res<()> {
        if self.at(kind) {
            return Ok(());
        }
        Err(self.expected(kind))
    }

    /// Demands and consumes a token.
    fn expect(&mut self, kind: T) -> Res<()> {
        self.check(kind)?;
        self.advance()
    }

    /// Demands the token that closes `open`, which stands on `line`.
    fn expect_close(&mut self, close: T, open: T, line: u32) -> Res<()> {
        if self.at(close) {
            return self.advance();
        }
        if line == self.token.line {
            return Err(self.expected(close));
        }
        let mut text = close.describe();
        text.extend_from_slice(b" expected (to close ");
        text.extend_from_slice(&open.describe());
        text.extend_from_slice(format!(" at line {line})").as_bytes());
        Err(self.error(&text))
    }

    /// Demands and consumes a name.
    fn name(&mut self) -> Res<Name> {
        self.check(T::Name)?;
        let name = Name(self.token.value as u32);
        self.advance()?;
        Ok(name)
    }

    // ---- errors

    /// An error at the current token.
    #[cold]
    fn error(&self, text: &[u8]) -> Box<Fault> {
        let near = self.lexer.quote_token(&self.token);
        let (start, end) = (self.token.start as usize, self.token.end as usize);
        self.lexer
            .error_span(text, Some(&near), self.token.line, start, end)
    }

    #[cold]
    fn expected(&self, kind: T) -> Box<Fault> {
        self.error(&[&kind.describe()[..], b" expected"].concat())
    }

    /// An error of meaning, reported on the current line without a token.
    #[cold]
    fn semantic(&self, text: &[u8], span: (u32, u32)) -> Box<Fault> {
        let (start, end) = (span.0 as usize, span.1 as usize);
        self.lexer
            .error_span(text, None, self.token.line, start, end)
    }

    fn span(&self) -> (u32, u32) {
        (self.token.start, self.token.end)
    }

    /// Words a scope error; `name` is what was declared or looked up, at `span`.
    #[cold]
    fn scope_error(&self, error: ScopeError, name: Name, span: (u32, u32)) -> Box<Fault> {
        let name = self.lexer.names.text(name);
        match error {
            ScopeError::Limit { what, limit, line } => {
                let place = match line {
                    0 => "main function".to_string(),
                    line => format!("function at line {line}"),
                };
                let text = format!("too many {what} (limit is {limit}) in {place}");
                self.error(text.as_bytes())
            }
            ScopeError::Labels(limit) => {
                let text = format!("too many labels/gotos (limit is {limit})");
                self.semantic(text.as_bytes(), span)
            }
            ScopeError::Repeated(line) => {
                let tail = format!("' already defined on line {line}");
                self.semantic(&[b"label '", name, tail.as_bytes()].concat(), span)
            }
            ScopeError::IntoScope { line, span, var } => {
                let var = self.lexer.names.text(var);
                let middle = format!("> at line {line} jumps into the scope of local '");
                let text = [b"<goto ", name, middle.as_bytes(), var, b"'"].concat();
                self.semantic(&text, span)
            }
        }
    }

    /// Words a jump that leads nowhere.
    #[cold]
    fn nowhere(&self, pending: Pending) -> Box<Fault> {
        let line = pending.line;
        let text = match pending.name {
            None => format!("break outside loop at line {line}").into_bytes(),
            Some(name) => {
                let tail = format!("' for <goto> at line {line}");
                let name = self.lexer.names.text(name);
                [b"no visible label '", name, tail.as_bytes()].concat()
            }
        };
        self.semantic(&text, pending.span)
    }

    // ---- nesting

    /// Enters a level of nesting.
    #[inline]
    fn enter(&mut self) -> Res<()> {
        self.depth += 1;
        if self.depth > MAX_LEVELS {
            return Err(self.too_deep());
        }
        Ok(())
    }

    #[cold]
    fn too_deep(&self) -> Box<Fault> {
        let mut fault = self.error(b"");
        if let Fault::Syntax(error) = &mut *fault {
            error.message = b"C stack overflow".to_vec();
        }
        fault
    }

    // ---- blocks and functions

    /// The main function.
    fn main(&mut self) -> Res<Function<'a>> {
        self.scopes.enter_function(0);
        let body = self.statements()?;
        self.check(T::Eof)?;
        self.finish_function(&[], true, body, 0)
    }

    /// Whether the current token ends a block; `until` does only if asked.
    fn block_ends(&self, with_until: bool) -> bool {
        match self.token.kind {
            T::Else | T::ElseIf | T::End | T::Eof => true,
            T::Until => with_until,
            _ => false,
        }
    }

    /// The statements up to the end of the block, in the current scope.
    fn statements(&mut self) -> Res<Block<'a>> {
        let mark = self.scratch.stats.len();
        while !self.block_ends(true) {
            let returns = self.at(T::Return);
            self.statement()?;
            if returns {
                break;
            }
        }
        let stats = drain_paying(self.arena, self.lexer.meter, &mut self.scratch.stats, mark)?;
        Ok(Block {
            stats,
            last: self.last,
        })
    }

    /// The statements up to the end of the block, in a scope of their own.
    fn block(&mut self, is_loop: bool) -> Res<Block<'a>> {
        self.scopes.enter_block(is_loop);
        let block = self.statements()?;
        self.scopes.leave_block();
        Ok(block)
    }

    /// Declares a local.
    fn declare(&mut self, name: Name) -> Res<VarId> {
        match self.scopes.declare(name) {
            Ok(id) => Ok(id),
            Err(error) => Err(self.scope_error(error, name, self.span())),
        }
    }

    /// A function from its parameters on; `function` stood on `line`.
    fn body(&mut self, is_method: bool, line: u32) -> Res<&'a Function<'a>> {
        let branches = self.branches;
        let outer_vararg = std::mem::replace(&mut self.vararg, false);
        let asked = self.lexer.annotations.function.take();
        let annotation = asked.unwrap_or(self.annotation);
        let outer_annotation = std::mem::replace(&mut self.annotation, annotation);
        self.scopes.enter_function(line);
        self.expect(T::Byte(b'('))?;
        let mark = self.scratch.vars.len();
        if is_method {
            let this = self.declare(self.self_name)?;
            self.scratch.vars.push(this);
        }
        if !self.at(T::Byte(b')')) {
            loop {
                match self.token.kind {
                    T::Name => {
                        let name = self.name()?;
                        let param = self.declare(name)?;
                        self.scratch.vars.push(param);
                    }
                    T::Dots => {
                        self.advance()?;
                        self.vararg = true;
                    }
                    _ => return Err(self.error(b"<name> or '...' expected")),
                }
                if self.vararg || !self.accept(T::Byte(b','))? {
                    break;
                }
            }
        }
        let params = drain(self.arena, &mut self.scratch.vars, mark);
        self.scopes.activate(params);
        self.expect(T::Byte(b')'))?;
        let body = self.statements()?;
        self.expect_close(T::End, T::Function, line)?;
        let vararg = self.vararg;
        let function = self.finish_function(params, vararg, body, line)?;
        self.vararg = outer_vararg;
        self.annotation = outer_annotation;
        self.branches = branches;
        Ok(self.arena.alloc(function))
    }

    /// Leaves the scope of a function whose last token was consumed.
    fn finish_function(
        &mut self,
        params: &'a [VarId],
        vararg: bool,
        body: Block<'a>,
        line: u32,
    ) -> Res<Function<'a>> {
        let facts = match self.scopes.leave_function() {
            Ok(facts) => facts,
            Err(pending) => return Err(self.nowhere(pending)),
        };
        Ok(Function {
            params,
            vararg,
            annotation: self.annotation,
            jumps_back: facts.jumps_back,
            upvalues: self.arena.alloc_slice_copy(&facts.upvalues),
            body,
            line,
            end: self.last,
        })
    }
}

#[cfg(test)]
mod tests;
