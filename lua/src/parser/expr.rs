//! Expressions.

use super::{Parser, drain_paying};
use crate::ast::{
    Args, BinOp, Binary, Expr, Item, Paren, Place, Pos, Step, Suffix, Suffixed, Table, UnOp, Unary,
    VarId,
};
use crate::fold;
use crate::lexer::Res;
use crate::names::Name;
use crate::number::Number;
use crate::scope::{Constant, Meaning, VarKind};
use crate::token::T;

const UNARY_PRIORITY: u8 = 12;

/// An infix operator with its left and right priority.
fn binary_operator(kind: T) -> Option<(BinOp, u8, u8)> {
    Some(match kind {
        T::Or => (BinOp::Or, 1, 1),
        T::And => (BinOp::And, 2, 2),
        T::Byte(b'<') => (BinOp::Lt, 3, 3),
        T::Byte(b'>') => (BinOp::Gt, 3, 3),
        T::Le => (BinOp::Le, 3, 3),
        T::Ge => (BinOp::Ge, 3, 3),
        T::Eq => (BinOp::Eq, 3, 3),
        T::Ne => (BinOp::Ne, 3, 3),
        T::Byte(b'|') => (BinOp::BOr, 4, 4),
        T::Byte(b'~') => (BinOp::BXor, 5, 5),
        T::Byte(b'&') => (BinOp::BAnd, 6, 6),
        T::Shl => (BinOp::Shl, 7, 7),
        T::Shr => (BinOp::Shr, 7, 7),
        T::Concat => (BinOp::Concat, 9, 8),
        T::Byte(b'+') => (BinOp::Add, 10, 10),
        T::Byte(b'-') => (BinOp::Sub, 10, 10),
        T::Byte(b'*') => (BinOp::Mul, 11, 11),
        T::Byte(b'/') => (BinOp::Div, 11, 11),
        T::IDiv => (BinOp::IDiv, 11, 11),
        T::Byte(b'%') => (BinOp::Mod, 11, 11),
        T::Byte(b'^') => (BinOp::Pow, 14, 13),
        _ => return None,
    })
}

fn unary_operator(kind: T) -> Option<UnOp> {
    Some(match kind {
        T::Not => UnOp::Not,
        T::Byte(b'-') => UnOp::Minus,
        T::Byte(b'~') => UnOp::BNot,
        T::Byte(b'#') => UnOp::Len,
        _ => return None,
    })
}

impl<'a> Parser<'a> {
    /// An expression.
    pub(super) fn expr(&mut self) -> Res<Expr<'a>> {
        self.subexpr(0)
    }

    /// An expression of operators that bind tighter than `limit`.
    fn subexpr(&mut self, limit: u8) -> Res<Expr<'a>> {
        self.enter()?;
        let mut first = match unary_operator(self.token.kind) {
            Some(op) => {
                let pos = self.pos();
                self.advance()?;
                let operand = self.subexpr(UNARY_PRIORITY)?;
                self.unary(op, pos, operand)
            }
            None => self.simple()?,
        };
        let mark = self.scratch.steps.len();
        while let Some((op, left, right)) = binary_operator(self.token.kind)
            && left > limit
        {
            let pos = self.pos();
            self.advance()?;
            let rhs = self.subexpr(right)?;
            if self.scratch.steps.len() == mark
                && let Some(folded) = self.fold_binary(op, &first, &rhs)
            {
                first = folded;
                continue;
            }
            if matches!(
                op,
                BinOp::And
                    | BinOp::Or
                    | BinOp::Eq
                    | BinOp::Ne
                    | BinOp::Lt
                    | BinOp::Le
                    | BinOp::Gt
                    | BinOp::Ge
            ) {
                self.branches = self.branches.wrapping_add(1);
            }
            self.scratch.steps.push(Step { op, pos, rhs });
        }
        self.depth -= 1;
        if self.scratch.steps.len() == mark {
            return Ok(first);
        }
        let steps = drain_paying(self.arena, self.lexer.meter, &mut self.scratch.steps, mark)?;
        Ok(Expr::Binary(self.arena.alloc(Binary { first, steps })))
    }

    /// The value of a constant expression.
    pub(super) fn constant(&self, expr: &Expr<'_>) -> Option<Constant> {
        Some(match *expr {
            Expr::Nil(_) => Constant::Nil,
            Expr::True(_) => Constant::True,
            Expr::False(_) => Constant::False,
            Expr::Int(i, _) => Constant::Number(Number::Int(i)),
            Expr::Float(f, _) => Constant::Number(Number::Float(f)),
            Expr::Str(s, _) => Constant::Str(s),
            Expr::Const(id, _) => match self.scopes.var(id).kind {
                VarKind::Folded(constant) => constant,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn number(&self, expr: &Expr<'_>) -> Option<Number> {
        match self.constant(expr)? {
            Constant::Number(n) => Some(n),
            _ => None,
        }
    }

    fn unary(&self, op: UnOp, pos: Pos, operand: Expr<'a>) -> Expr<'a> {
        if op == UnOp::Not {
            let end = self.last;
            match self.constant(&operand) {
                Some(Constant::Nil | Constant::False) => return Expr::True(end),
                Some(_) => return Expr::False(end),
                None => {}
            }
        } else if let Some(n) = self.number(&operand)
            && let Some(n) = fold::unary(op, n)
        {
            return self.literal(n);
        }
        Expr::Unary(self.arena.alloc(Unary { op, pos, operand }))
    }

    fn fold_binary(&self, op: BinOp, a: &Expr<'a>, b: &Expr<'a>) -> Option<Expr<'a>> {
        match op {
            BinOp::And | BinOp::Or => {
                let truth = !matches!(self.constant(a)?, Constant::Nil | Constant::False);
                if truth != (op == BinOp::And) {
                    return None;
                }
                Some(self.single(*b))
            }
            _ => fold::binary(op, self.number(a)?, self.number(b)?).map(|n| self.literal(n)),
        }
    }

    /// A number that ends at the last token.
    fn literal(&self, n: Number) -> Expr<'a> {
        match n {
            Number::Int(i) => Expr::Int(i, self.last),
            Number::Float(f) => Expr::Float(f, self.last),
        }
    }

    /// An expression cut to one value, which ends at the last token. What is
    /// neither a variable nor multiple needs no mark.
    fn single(&self, inner: Expr<'a>) -> Expr<'a> {
        let close = self.last;
        match inner {
            Expr::Vararg(_) | Expr::Var(..) | Expr::Global(..) | Expr::Suffixed(_) => {
                Expr::Paren(self.arena.alloc(Paren { inner, close }))
            }
            Expr::Const(..) => match self.constant(&inner) {
                Some(Constant::Nil) => Expr::Nil(close),
                Some(Constant::False) => Expr::False(close),
                Some(Constant::True) => Expr::True(close),
                Some(Constant::Number(n)) => self.literal(n),
                Some(Constant::Str(s)) => Expr::Str(s, close),
                None => inner,
            },
            other => other,
        }
    }

    /// A literal, a constructor, a function or a suffixed expression.
    fn simple(&mut self) -> Res<Expr<'a>> {
        let pos = self.pos();
        let expr = match self.token.kind {
            T::Float => Expr::Float(f64::from_bits(self.token.value), pos),
            T::Int => Expr::Int(self.token.value as i64, pos),
            T::Str => Expr::Str(Name(self.token.value as u32), pos),
            T::Nil => Expr::Nil(pos),
            T::True => Expr::True(pos),
            T::False => Expr::False(pos),
            T::Dots => {
                if !self.vararg {
                    return Err(self.error(b"cannot use '...' outside a vararg function"));
                }
                Expr::Vararg(pos)
            }
            T::Byte(b'{') => return Ok(Expr::Table(self.table()?)),
            T::Function => {
                self.advance()?;
                let line = self.token.line;
                return Ok(Expr::Function(self.body(false, line)?));
            }
            _ => return self.suffixed(),
        };
        self.advance()?;
        Ok(expr)
    }

    /// A name as a variable, a constant, or a field of `_ENV`.
    pub(super) fn variable(&mut self) -> Res<Expr<'a>> {
        let pos = self.pos();
        let span = self.span();
        let name = self.name()?;
        match self.scopes.resolve(name) {
            Ok(Meaning::Variable(place)) => Ok(Expr::Var(place, pos)),
            Ok(Meaning::Constant(id)) => Ok(Expr::Const(id, pos)),
            Ok(Meaning::Global) => match self.scopes.resolve(self.env) {
                Ok(Meaning::Variable(place)) => Ok(Expr::Global(place, name, pos)),
                Ok(Meaning::Constant(id)) => Ok(self.field_of_constant(id, name, pos)),
                Ok(Meaning::Global) => Err(self.error(b"no environment")),
                Err(error) => Err(self.scope_error(error, self.env, span)),
            },
            Err(error) => Err(self.scope_error(error, name, span)),
        }
    }

    /// `name` where `_ENV` is a compile-time constant: a field of that
    /// constant, which only a metatable can make sense of.
    fn field_of_constant(&self, env: VarId, name: Name, pos: Pos) -> Expr<'a> {
        let suffixes = self.arena.alloc_slice_copy(&[Suffix::Field(name, pos)]);
        Expr::Suffixed(self.arena.alloc(Suffixed {
            base: Expr::Const(env, pos),
            suffixes,
        }))
    }

    fn primary(&mut self) -> Res<Expr<'a>> {
        match self.token.kind {
            T::Byte(b'(') => {
                let line = self.token.line;
                self.advance()?;
                let inner = self.expr()?;
                self.expect_close(T::Byte(b')'), T::Byte(b'('), line)?;
                Ok(self.single(inner))
            }
            T::Name => self.variable(),
            _ => Err(self.error(b"unexpected symbol")),
        }
    }

    /// A variable or parenthesised expression with its suffixes.
    pub(super) fn suffixed(&mut self) -> Res<Expr<'a>> {
        let base = self.primary()?;
        let mark = self.scratch.suffixes.len();
        loop {
            let suffix = match self.token.kind {
                T::Byte(b'.') => self.field_suffix()?,
                T::Byte(b'[') => {
                    self.advance()?;
                    let key = self.expr()?;
                    let close = self.pos();
                    self.expect(T::Byte(b']'))?;
                    Suffix::Index(key, close)
                }
                T::Byte(b':') => {
                    self.advance()?;
                    let pos = self.pos();
                    let name = self.name()?;
                    Suffix::Method(name, pos, self.args()?)
                }
                T::Byte(b'(' | b'{') | T::Str => Suffix::Call(self.args()?),
                _ => break,
            };
            self.scratch.suffixes.push(suffix);
        }
        self.chain(base, mark)
    }

    /// `.name` or `:name` without arguments.
    pub(super) fn field_suffix(&mut self) -> Res<Suffix<'a>> {
        self.advance()?;
        let pos = self.pos();
        Ok(Suffix::Field(self.name()?, pos))
    }

    /// `base` with the suffixes above `mark`.
    pub(super) fn chain(&mut self, base: Expr<'a>, mark: usize) -> Res<Expr<'a>> {
        if self.scratch.suffixes.len() == mark {
            return Ok(base);
        }
        let suffixes = drain_paying(
            self.arena,
            self.lexer.meter,
            &mut self.scratch.suffixes,
            mark,
        )?;
        Ok(Expr::Suffixed(
            self.arena.alloc(Suffixed { base, suffixes }),
        ))
    }

    /// Pushes a suffix for [`Self::chain`].
    pub(super) fn push_suffix(&mut self, suffix: Suffix<'a>) {
        self.scratch.suffixes.push(suffix);
    }

    /// Where the suffixes of a new chain begin.
    pub(super) fn suffix_mark(&self) -> usize {
        self.scratch.suffixes.len()
    }

    fn args(&mut self) -> Res<Args<'a>> {
        let open = self.pos();
        let branches = self.branches;
        let items = match self.token.kind {
            T::Byte(b'(') => {
                let line = self.token.line;
                self.advance()?;
                let items = if self.at(T::Byte(b')')) {
                    &[]
                } else {
                    self.expr_list()?
                };
                self.expect_close(T::Byte(b')'), T::Byte(b'('), line)?;
                items
            }
            T::Byte(b'{') => {
                let table = self.table()?;
                self.arena.alloc_slice_copy(&[Expr::Table(table)])
            }
            T::Str => {
                let text = Expr::Str(Name(self.token.value as u32), open);
                self.advance()?;
                self.arena.alloc_slice_copy(&[text])
            }
            _ => return Err(self.error(b"function arguments expected")),
        };
        Ok(Args {
            items,
            open,
            close: self.last,
            branchy: self.branches != branches,
        })
    }

    /// One or more expressions.
    pub(super) fn expr_list(&mut self) -> Res<&'a [Expr<'a>]> {
        let mark = self.scratch.exprs.len();
        loop {
            let expr = self.expr()?;
            self.scratch.exprs.push(expr);
            if !self.accept(T::Byte(b','))? {
                break;
            }
        }
        drain_paying(self.arena, self.lexer.meter, &mut self.scratch.exprs, mark)
    }

    fn table(&mut self) -> Res<&'a Table<'a>> {
        let before = self.last;
        let open = self.pos();
        let line = self.token.line;
        self.expect(T::Byte(b'{'))?;
        let mark = self.scratch.items.len();
        while !self.at(T::Byte(b'}')) {
            let item = self.item()?;
            self.scratch.items.push(item);
            if !self.accept(T::Byte(b','))? && !self.accept(T::Byte(b';'))? {
                break;
            }
        }
        self.expect_close(T::Byte(b'}'), T::Byte(b'{'), line)?;
        let items = drain_paying(self.arena, self.lexer.meter, &mut self.scratch.items, mark)?;
        Ok(self.arena.alloc(Table {
            items,
            before,
            open,
            close: self.last,
        }))
    }

    fn item(&mut self) -> Res<Item<'a>> {
        let named = self.at(T::Name) && self.look_ahead()? == T::Byte(b'=');
        match self.token.kind {
            T::Name if named => {
                let pos = self.pos();
                let name = self.name()?;
                self.advance()?;
                Ok(Item::Field(name, pos, self.expr()?))
            }
            T::Byte(b'[') => {
                self.advance()?;
                let key = self.expr()?;
                self.expect(T::Byte(b']'))?;
                self.expect(T::Byte(b'='))?;
                Ok(Item::Pair(key, self.expr()?))
            }
            _ => Ok(Item::List(self.expr()?)),
        }
    }

    /// The name of the variable if assigning to this expression is forbidden.
    pub(super) fn read_only(&self, expr: &Expr<'a>) -> Option<Name> {
        let id = match *expr {
            Expr::Const(id, _) => id,
            Expr::Var(Place::Local(id), _) => id,
            Expr::Var(Place::Upvalue(index), _) => self.scopes.upvalue_var(index)?,
            _ => return None,
        };
        let var = self.scopes.var(id);
        (var.kind != VarKind::Regular).then_some(var.name)
    }
}
