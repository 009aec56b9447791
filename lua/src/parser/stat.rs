//! Statements.

use super::{Parser, drain, drain_paying};
use crate::ast::{
    Arm, Assign, Block, Expr, GenericFor, If, Local, NumericFor, Pos, Repeat, Stat, Suffix, VarId,
    While,
};
use crate::lexer::Res;
use crate::names::Name;
use crate::scope::VarKind;
use crate::token::T;

impl<'a> Parser<'a> {
    /// One statement, pushed on the scratch stack of the current block.
    pub(super) fn statement(&mut self) -> Res<()> {
        let line = self.token.line;
        self.enter()?;
        let stat = match self.token.kind {
            T::Byte(b';') => {
                self.advance()?;
                None
            }
            T::If => Some(self.if_stat(line)?),
            T::While => Some(self.while_stat(line)?),
            T::Do => {
                self.advance()?;
                let block = self.block(false)?;
                self.expect_close(T::End, T::Do, line)?;
                Some(Stat::Do(block))
            }
            T::For => Some(self.for_stat(line)?),
            T::Repeat => Some(self.repeat_stat(line)?),
            T::Function => Some(self.function_stat(line)?),
            T::Local => {
                self.advance()?;
                Some(if self.accept(T::Function)? {
                    self.local_function()?
                } else {
                    self.local_stat()?
                })
            }
            T::DoubleColon => {
                self.advance()?;
                Some(self.label_stat(line)?)
            }
            T::Return => Some(self.return_stat()?),
            T::Break => {
                let (pos, span) = (self.pos(), self.span());
                self.advance()?;
                if !self.scopes.in_loop() {
                    self.scopes.stray_break(line, span);
                }
                Some(Stat::Break(pos))
            }
            T::Goto => {
                self.advance()?;
                let (pos, span) = (self.pos(), self.span());
                let name = self.name()?;
                match self.scopes.goto(name, pos.line, span) {
                    Ok(goto) => Some(Stat::Goto(goto, pos)),
                    Err(error) => return Err(self.scope_error(error, name, span)),
                }
            }
            _ => Some(self.expr_stat()?),
        };
        self.depth -= 1;
        self.scratch.stats.extend(stat);
        Ok(())
    }

    fn if_stat(&mut self, line: u32) -> Res<Stat<'a>> {
        let mark = self.scratch.arms.len();
        loop {
            self.advance()?; // if, elseif
            let cond = self.expr()?;
            let then = self.pos();
            self.expect(T::Then)?;
            let body = self.block(false)?;
            self.scratch.arms.push(Arm { cond, then, body });
            if !self.at(T::ElseIf) {
                break;
            }
        }
        let otherwise = if self.accept(T::Else)? {
            Some(self.block(false)?)
        } else {
            None
        };
        self.expect_close(T::End, T::If, line)?;
        let arms = drain_paying(self.arena, self.lexer.meter, &mut self.scratch.arms, mark)?;
        Ok(Stat::If(self.arena.alloc(If { arms, otherwise })))
    }

    fn while_stat(&mut self, line: u32) -> Res<Stat<'a>> {
        self.advance()?;
        let cond = self.expr()?;
        let cond_end = self.last;
        self.scopes.enter_block(true);
        self.expect(T::Do)?;
        let body = self.block(false)?;
        self.expect_close(T::End, T::While, line)?;
        self.scopes.leave_block();
        Ok(Stat::While(self.arena.alloc(While {
            cond,
            cond_end,
            body,
        })))
    }

    fn repeat_stat(&mut self, line: u32) -> Res<Stat<'a>> {
        self.scopes.enter_block(true);
        self.scopes.enter_block(false);
        self.advance()?;
        let body = self.statements()?;
        self.expect_close(T::Until, T::Repeat, line)?;
        let cond = self.expr()?; // sees the locals of the body
        let cond_end = self.last;
        self.scopes.leave_block();
        self.scopes.leave_block();
        Ok(Stat::Repeat(self.arena.alloc(Repeat {
            body,
            cond,
            cond_end,
        })))
    }

    fn for_stat(&mut self, line: u32) -> Res<Stat<'a>> {
        let pos = self.pos();
        self.scopes.enter_block(true);
        self.advance()?;
        let first = self.name()?;
        let stat = match self.token.kind {
            T::Byte(b'=') => {
                let vars = self.for_vars(3, first)?;
                self.advance()?;
                let init = self.expr()?;
                self.expect(T::Byte(b','))?;
                let limit = self.expr()?;
                let step = if self.accept(T::Byte(b','))? {
                    Some(self.expr()?)
                } else {
                    None
                };
                self.scopes.activate(&vars[..3]);
                let (do_pos, body) = self.for_body(&vars[3..])?;
                Stat::NumericFor(self.arena.alloc(NumericFor {
                    vars,
                    init,
                    limit,
                    step,
                    body,
                    pos,
                    do_pos,
                }))
            }
            T::Byte(b',') | T::In => {
                let vars = self.for_vars(4, first)?;
                self.expect(T::In)?;
                let pos = self.pos();
                let values = self.expr_list()?;
                self.scopes.activate(&vars[..4]);
                let (do_pos, body) = self.for_body(&vars[4..])?;
                Stat::GenericFor(self.arena.alloc(GenericFor {
                    vars,
                    values,
                    body,
                    pos,
                    do_pos,
                    end: self.pos(),
                }))
            }
            _ => return Err(self.error(b"'=' or 'in' expected")),
        };
        self.expect_close(T::End, T::For, line)?;
        self.scopes.leave_block();
        Ok(stat)
    }

    /// The variables of a loop: hidden ones, the first, and any that follow it.
    fn for_vars(&mut self, hidden: usize, first: Name) -> Res<&'a [VarId]> {
        let mark = self.scratch.vars.len();
        for _ in 0..hidden {
            let id = self.declare(self.for_state)?;
            self.scratch.vars.push(id);
        }
        let id = self.declare(first)?;
        self.scratch.vars.push(id);
        while self.accept(T::Byte(b','))? {
            let name = self.name()?;
            let id = self.declare(name)?;
            self.scratch.vars.push(id);
        }
        Ok(drain(self.arena, &mut self.scratch.vars, mark))
    }

    fn for_body(&mut self, vars: &[VarId]) -> Res<(Pos, Block<'a>)> {
        let do_pos = self.pos();
        self.expect(T::Do)?;
        self.scopes.enter_block(false);
        self.scopes.activate(vars);
        let body = self.block(false)?;
        self.scopes.leave_block();
        Ok((do_pos, body))
    }

    fn function_stat(&mut self, line: u32) -> Res<Stat<'a>> {
        let pos = self.pos();
        self.advance()?;
        let span = self.span();
        let base = self.variable()?;
        let mark = self.suffix_mark();
        let mut is_method = false;
        while !is_method && matches!(self.token.kind, T::Byte(b'.' | b':')) {
            is_method = self.at(T::Byte(b':'));
            let suffix: Suffix<'a> = self.field_suffix()?;
            self.push_suffix(suffix);
        }
        let target = self.chain(base, mark)?;
        let body = self.body(is_method, line)?;
        self.check_writable(&target, span)?;
        Ok(Stat::Function(target, body, pos))
    }

    fn local_function(&mut self) -> Res<Stat<'a>> {
        let name = self.name()?;
        let id = self.declare(name)?;
        self.scopes.activate(&[id]);
        let line = self.token.line;
        let body = self.body(false, line)?;
        Ok(Stat::LocalFunction(id, body))
    }

    fn local_stat(&mut self) -> Res<Stat<'a>> {
        let mark = self.scratch.vars.len();
        let mut to_close = None;
        let mut last_kind;
        loop {
            let name = self.name()?;
            let id = self.declare(name)?;
            let span = self.span();
            last_kind = self.attribute()?;
            self.scopes.set_kind(id, last_kind);
            if last_kind == VarKind::Close {
                if to_close.is_some() {
                    let text = b"multiple to-be-closed variables in local list";
                    return Err(self.semantic(text, span));
                }
                to_close = Some((self.scratch.vars.len() - mark) as u8);
            }
            self.scratch.vars.push(id);
            if !self.accept(T::Byte(b','))? {
                break;
            }
        }
        let vars = drain(self.arena, &mut self.scratch.vars, mark);
        let values = if self.accept(T::Byte(b'='))? {
            self.expr_list()?
        } else {
            &[]
        };
        let mut last_const = false;
        if last_kind == VarKind::Const
            && vars.len() == values.len()
            && let (Some(&var), Some(value)) = (vars.last(), values.last())
            && let Some(constant) = self.constant(value)
        {
            self.scopes.set_kind(var, VarKind::Folded(constant));
            last_const = true;
        }
        self.scopes.activate(vars);
        Ok(Stat::Local(self.arena.alloc(Local {
            vars,
            values,
            last_const,
            to_close,
            end: self.last,
        })))
    }

    /// `<const>`, `<close>` or nothing.
    fn attribute(&mut self) -> Res<VarKind> {
        if !self.accept(T::Byte(b'<'))? {
            return Ok(VarKind::Regular);
        }
        let span = self.span();
        let name = self.name()?;
        self.expect(T::Byte(b'>'))?;
        match self.lexer.names.text(name) {
            b"const" => Ok(VarKind::Const),
            b"close" => Ok(VarKind::Close),
            other => {
                let text = [b"unknown attribute '", other, b"'"].concat();
                Err(self.semantic(&text, span))
            }
        }
    }

    fn label_stat(&mut self, line: u32) -> Res<Stat<'a>> {
        let span = self.span();
        let name = self.name()?;
        self.expect(T::DoubleColon)?;
        while matches!(self.token.kind, T::Byte(b';') | T::DoubleColon) {
            self.statement()?;
        }
        let last = self.block_ends(false);
        match self.scopes.declare_label(name, line, last) {
            Ok(label) => Ok(Stat::Label(label)),
            Err(error) => Err(self.scope_error(error, name, span)),
        }
    }

    fn return_stat(&mut self) -> Res<Stat<'a>> {
        self.advance()?;
        let values = if self.block_ends(true) || self.at(T::Byte(b';')) {
            &[]
        } else {
            self.expr_list()?
        };
        let end = self.last;
        self.accept(T::Byte(b';'))?;
        Ok(Stat::Return(values, end))
    }

    /// A call or an assignment.
    fn expr_stat(&mut self) -> Res<Stat<'a>> {
        let span = self.span();
        let expr = self.suffixed()?;
        if matches!(self.token.kind, T::Byte(b'=' | b',')) {
            return self.assignment(expr, span);
        }
        match expr {
            Expr::Suffixed(chain) if chain.is_call() => Ok(Stat::Call(chain)),
            _ => Err(self.error(b"syntax error")),
        }
    }

    fn assignment(&mut self, first: Expr<'a>, span: (u32, u32)) -> Res<Stat<'a>> {
        let depth = self.depth;
        let mark = self.scratch.exprs.len();
        let (mut target, mut span) = (first, span);
        loop {
            let assignable = match target {
                Expr::Var(..) | Expr::Const(..) | Expr::Global(..) => true,
                Expr::Suffixed(chain) => !chain.is_call(),
                _ => false,
            };
            if !assignable {
                return Err(self.error(b"syntax error"));
            }
            self.check_writable(&target, span)?;
            self.scratch.exprs.push(target);
            if !self.accept(T::Byte(b','))? {
                break;
            }
            span = self.span();
            target = self.suffixed()?;
            self.enter()?; // Lua parses the targets by recursion and counts it
        }
        let targets = drain(self.arena, &mut self.scratch.exprs, mark);
        self.expect(T::Byte(b'='))?;
        let values = self.expr_list()?;
        self.depth = depth;
        Ok(Stat::Assign(self.arena.alloc(Assign {
            targets,
            values,
            end: self.last,
        })))
    }

    fn check_writable(&self, target: &Expr<'a>, span: (u32, u32)) -> Res<()> {
        match self.read_only(target) {
            None => Ok(()),
            Some(name) => {
                let name = self.lexer.names.text(name);
                let text = [b"attempt to assign to const variable '", name, b"'"].concat();
                Err(self.semantic(&text, span))
            }
        }
    }
}
