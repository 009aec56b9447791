//! Expressions other than operators' halves: variables, chains of accesses
//! and calls, constructors.

use super::code::Pc;
use super::exp::{Exp, Kind};
use super::{Emitter, RegHint};
use crate::ast::{Args, BinOp, Binary, Expr, Item, Place, Pos, Suffix, Suffixed, Table};
use crate::lexer::Res;
use crate::names::Name;
use crate::scope::VarKind;
use smallvec::SmallVec;
use strata_spec::module::HintKind;
use strata_spec::{Insn, Op};

/// How many list items a constructor collects in registers before it stores
/// them.
const ITEMS_PER_FLUSH: u32 = 50;

impl<'a> Emitter<'_, 'a> {
    /// Describes an expression, emitting what it needs.
    pub(super) fn expr(&mut self, expr: &Expr<'a>) -> Res<Exp> {
        self.pay()?;
        let (kind, pos) = match *expr {
            Expr::Nil(pos) => (Kind::Nil, pos),
            Expr::True(pos) => (Kind::True, pos),
            Expr::False(pos) => (Kind::False, pos),
            Expr::Int(i, pos) => (Kind::Int(i), pos),
            Expr::Float(f, pos) => (Kind::Float(f), pos),
            Expr::Str(name, pos) => (Kind::Str(name), pos),
            Expr::Vararg(pos) => {
                self.last = pos;
                let pc = self.emit(Insn::abc(Op::Vararg, 0, 0, 1));
                (Kind::Vararg(pc), pos)
            }
            Expr::Var(place, pos) => {
                self.last = pos;
                return Ok(self.variable(place, pos));
            }
            Expr::Const(id, pos) => {
                self.last = pos;
                return Ok(match self.scopes.var(id).kind {
                    VarKind::Folded(constant) => Exp::of_constant(constant),
                    _ => Exp::new(Kind::Nil),
                });
            }
            Expr::Global(place, name, pos) => {
                self.last = pos;
                let mut env = self.variable(place, pos);
                self.put_unless_upvalue(&mut env)?;
                self.indexed(&mut env, Exp::new(Kind::Str(name)), pos)?;
                return Ok(env);
            }
            Expr::Function(function) => {
                let pc = self.closure(function)?;
                self.last = function.end;
                let mut e = Exp::with_pos(Kind::Open(pc), function.end);
                self.put_next(&mut e)?;
                return Ok(e);
            }
            Expr::Table(table) => return self.table(table),
            Expr::Suffixed(chain) => return self.suffixed(chain),
            Expr::Unary(unary) => {
                let mut e = self.expr(&unary.operand)?;
                self.prefix(unary.op, &mut e, unary.pos)?;
                return Ok(e);
            }
            Expr::Binary(binary) => return self.binary(binary),
            Expr::Paren(paren) => {
                let mut e = self.expr(&paren.inner)?;
                self.last = paren.close;
                self.load(&mut e);
                return Ok(e);
            }
        };
        self.last = pos;
        Ok(Exp::with_pos(kind, pos))
    }

    /// A `closure` instruction with open target; in unreachable code the
    /// function is left out.
    pub(super) fn closure(&mut self, function: &crate::ast::Function<'a>) -> Res<Pc> {
        if !self.f.reachable {
            return Ok(Pc::NOWHERE);
        }
        let child = self.child(function)?;
        self.last = function.end;
        Ok(self.emit(Insn::abc(Op::Closure, 0, 0, 0).with_u32(child)))
    }

    fn variable(&self, place: Place, pos: Pos) -> Exp {
        let kind = match place {
            Place::Local(id) => Kind::Local(self.var_regs[id.0 as usize]),
            Place::Upvalue(index) => Kind::Upvalue(index, self.upvalue_name(index)),
        };
        Exp::with_pos(kind, pos)
    }

    fn upvalue_name(&self, index: u8) -> Name {
        self.f
            .upvalue_names
            .get(index as usize)
            .copied()
            .unwrap_or(self.field_names.unknown)
    }

    fn binary(&mut self, binary: &Binary<'a>) -> Res<Exp> {
        let mut e = self.expr(&binary.first)?;
        for step in binary.steps {
            self.last = step.pos;
            self.infix(step.op, &mut e)?;
            if step.op == BinOp::Concat {
                e = self.concatenation(e, step.pos, &step.rhs)?;
            } else {
                let rhs = self.expr(&step.rhs)?;
                self.postfix(step.op, &mut e, rhs, step.pos)?;
            }
        }
        Ok(e)
    }

    /// `first .. rhs`, where `rhs` may go on with more operands.
    fn concatenation(&mut self, first: Exp, pos: Pos, rhs: &Expr<'a>) -> Res<Exp> {
        let Kind::Reg(base) = first.kind else {
            return Ok(first);
        };
        let mut pos = pos;
        let mut rhs = rhs;
        let mut last = base;
        loop {
            let next = match rhs {
                Expr::Binary(more) => match more.steps {
                    [step] if step.op == BinOp::Concat => Some((&more.first, step)),
                    _ => None,
                },
                _ => None,
            };
            let Some((operand, step)) = next else {
                break;
            };
            let mut e = self.expr(operand)?;
            self.last = step.pos;
            last = self.put_next(&mut e)?;
            pos = step.pos;
            rhs = &step.rhs;
        }
        let mut e = self.expr(rhs)?;
        last = last.max(self.put_next(&mut e)?);
        let pc = self.emit_at(Insn::abc(Op::Concat, 0, base, last), pos);
        for reg in base..=last {
            self.hint_operand(pc, reg);
        }
        for reg in (base..=last).rev() {
            self.release(reg);
        }
        Ok(Exp::with_pos(Kind::Open(pc), pos))
    }

    /// Describes a chain of accesses and calls.
    pub(super) fn suffixed(&mut self, chain: &Suffixed<'a>) -> Res<Exp> {
        let mut e = self.expr(&chain.base)?;
        for suffix in chain.suffixes {
            match suffix {
                Suffix::Field(name, pos) => {
                    self.put_unless_upvalue(&mut e)?;
                    self.last = *pos;
                    self.indexed(&mut e, Exp::new(Kind::Str(*name)), *pos)?;
                }
                Suffix::Index(key, close) => {
                    self.put_unless_upvalue(&mut e)?;
                    let mut key = self.expr(key)?;
                    self.settle(&mut key)?;
                    self.last = *close;
                    self.indexed(&mut e, key, *close)?;
                }
                Suffix::Call(args) => {
                    let base = self.put_next(&mut e)?;
                    self.reserve(1)?; // the link
                    e = self.call(base, args)?;
                }
                Suffix::Method(name, pos, args) => {
                    let base = self.method(&mut e, *name, *pos)?;
                    e = self.call(base, args)?;
                }
            }
        }
        Ok(e)
    }

    /// Looks a method up: callee and receiver take their places.
    fn method(&mut self, e: &mut Exp, name: Name, pos: Pos) -> Res<u8> {
        let object = self.put_any(e)?;
        let receiver = self.reg_hint(object);
        self.last = pos;
        let hint: Option<RegHint> = Some((HintKind::Method, name));
        let by_name = self.can_be_key(name);
        self.release(object);
        let base = self.f.free;
        self.reserve(3)?;
        let pc = if by_name {
            let insn = self.store_key(Insn::abc(Op::SelfField, base, object, 0), name);
            self.emit_at(insn, pos)
        } else {
            // The link slot is free to hold the key until the call.
            let key = self.string_const(name);
            self.emit(Insn::abc(Op::Move, base + 2, object, 0));
            self.emit(Insn::abc(Op::LoadK, base + 1, 0, 0).with_k(key));
            self.emit_at(Insn::abc(Op::GetIndex, base, base + 2, base + 1), pos)
        };
        self.f.hints[base as usize + 2] = receiver;
        self.hint_operand(pc, if by_name { object } else { base + 2 });
        self.f.hints[base as usize] = hint;
        Ok(base)
    }

    /// A call of what is in `base`; a receiver may be in place already.
    fn call(&mut self, base: u8, args: &Args<'a>) -> Res<Exp> {
        self.last = args.open;
        if args.branchy {
            // Keeps what is defined at the arguments' labels a prefix.
            self.emit(Insn::abc(Op::LoadNil, base + 1, 0, 0));
        }
        let last = self.expr_list(args.items)?;
        let open = last.is_multi();
        self.last = args.close;
        if open {
            self.set_results(&last, None)?;
        } else if last.kind != Kind::Void {
            let mut last = last;
            self.put_next(&mut last)?;
        }
        let count = if open {
            0
        } else {
            self.f.free - (base + 2) + 1
        };
        let slot = self.call_slot();
        let insn = Insn::abc(Op::Call, base, count, 2).with_slot(slot, 0);
        let pc = self.emit_at(insn, args.open);
        self.hint_operand(pc, base);
        self.f.free = base + 1;
        Ok(Exp::with_pos(Kind::Call(pc, base), args.open))
    }

    /// Evaluates a list into consecutive registers, but the last expression,
    /// which is described only.
    pub(super) fn expr_list(&mut self, list: &[Expr<'a>]) -> Res<Exp> {
        let Some((last, init)) = list.split_last() else {
            return Ok(Exp::VOID);
        };
        for expr in init {
            let mut e = self.expr(expr)?;
            self.put_next(&mut e)?;
        }
        self.expr(last)
    }

    fn table(&mut self, table: &Table<'a>) -> Res<Exp> {
        let lists = |item: &&Item<'_>| matches!(item, Item::List(_));
        let list_items = table.items.iter().filter(lists).count();
        let open_end = match table.items.last() {
            Some(Item::List(e)) => e.is_multi(),
            _ => false,
        };
        let array = (list_items - usize::from(open_end)).min(u16::MAX as usize);
        let hash = (table.items.len() - list_items).min(u8::MAX as usize);
        let slot = self.site_slot();
        let reg = self.f.free;
        self.reserve(1)?;
        let insn = Insn::abc(Op::NewTable, reg, 0, hash as u8).with_slot(slot, array as u16);
        let before = Pos {
            line: table.before.line,
            column: if table.before.line == table.open.line {
                table.open.column
            } else {
                table.before.column
            },
        };
        self.emit_at(insn, before);
        self.f.hints[reg as usize] = None;
        self.last = table.open;
        let mut stored = 0u32;
        let mut waiting = 0u32;
        let mut items = table.items.iter().peekable();
        while let Some(item) = items.next() {
            match item {
                Item::List(expr) => {
                    let mut e = self.expr(expr)?;
                    waiting += 1;
                    if items.peek().is_none() && e.is_multi() {
                        self.set_results(&e, None)?;
                        self.last = table.close;
                        self.set_list(reg, 0, stored);
                        waiting = 0;
                        continue;
                    }
                    self.put_next(&mut e)?;
                    if waiting == ITEMS_PER_FLUSH {
                        self.set_list(reg, waiting, stored);
                        stored += waiting;
                        waiting = 0;
                    }
                }
                Item::Field(name, pos, value) => {
                    self.last = *pos;
                    self.store_item(reg, Exp::new(Kind::Str(*name)), *pos, value)?;
                }
                Item::Pair(key, value) => {
                    let free = self.f.free;
                    let mut key = self.expr(key)?;
                    self.settle(&mut key)?;
                    let pos = self.last;
                    self.store_item(reg, key, pos, value)?;
                    self.f.free = free;
                }
            }
        }
        self.last = table.close;
        if waiting > 0 {
            self.set_list(reg, waiting, stored);
        }
        self.f.free = reg + 1;
        Ok(Exp::with_pos(Kind::Reg(reg), table.open))
    }

    /// `t[key] = value` in a constructor.
    fn store_item(&mut self, table: u8, key: Exp, pos: Pos, value: &Expr<'a>) -> Res<()> {
        let free = self.f.free;
        let mut target = Exp::new(Kind::Reg(table));
        self.indexed(&mut target, key, pos)?;
        let value = self.expr(value)?;
        self.store(&target, value)?;
        self.f.free = free;
        Ok(())
    }

    /// Stores `count` values above the table in `base`, or all open ones with
    /// 0, as elements after the first `stored`.
    fn set_list(&mut self, base: u8, count: u32, stored: u32) {
        let b = if count == 0 { 0 } else { count as u8 + 1 };
        self.emit(Insn::abc(Op::SetList, base, b, 0).with_u32(stored));
        self.f.free = base + 1;
    }

    /// Assigns `value` to a described variable or element.
    pub(super) fn store(&mut self, target: &Exp, mut value: Exp) -> Res<()> {
        let pos = target.pos;
        match target.kind {
            Kind::Local(reg) => {
                self.load(&mut value);
                self.release_exp(&value);
                self.put(&mut value, reg);
                return Ok(());
            }
            Kind::Upvalue(index, _) => {
                let reg = self.put_any(&mut value)?;
                let pos = self.at(pos);
                self.emit_at(Insn::abc(Op::SetUpval, reg, index, 0), pos);
            }
            Kind::UpField(index, key, _) => {
                let reg = self.put_any(&mut value)?;
                let insn = self.store_key(Insn::abc(Op::SetTabUp, index, reg, 0), key);
                let pos = self.at(pos);
                self.emit_at(insn, pos);
            }
            Kind::Field(table, key) => {
                let reg = self.put_any(&mut value)?;
                let insn = self.store_key(Insn::abc(Op::SetField, table, reg, 0), key);
                let pos = self.at(pos);
                let pc = self.emit_at(insn, pos);
                self.hint_operand(pc, table);
            }
            Kind::IndexI(table, index) => {
                let reg = self.put_any(&mut value)?;
                let pos = self.at(pos);
                let pc = self.emit_at(Insn::abc(Op::SetIndexI, table, index, reg), pos);
                self.hint_operand(pc, table);
            }
            Kind::Index(table, key) => {
                let reg = self.put_any(&mut value)?;
                let pos = self.at(pos);
                let pc = self.emit_at(Insn::abc(Op::SetIndex, table, key, reg), pos);
                self.hint_operand(pc, table);
            }
            _ => {}
        }
        self.release_exp(&value);
        Ok(())
    }

    /// A list of values into exactly `wanted` registers.
    pub(super) fn adjust(&mut self, wanted: usize, have: usize, mut last: Exp) -> Res<()> {
        if last.is_multi() {
            let extra = (wanted + 1).saturating_sub(have);
            self.set_results(&last, Some(extra as u8))?;
            // The first result has its register already.
            let first = self.f.free - 1;
            if wanted >= have {
                self.reserve(wanted - have)?;
            } else {
                self.f.free -= (have - wanted) as u8;
            }
            for reg in first..self.f.free {
                self.set_reg_hint(reg, None);
            }
            return Ok(());
        }
        if last.kind != Kind::Void {
            self.put_next(&mut last)?;
        }
        if wanted > have {
            let missing = wanted - have;
            let base = self.f.free;
            self.reserve(missing)?;
            self.load_nils(base, missing as u8);
            for reg in base..self.f.free {
                self.set_reg_hint(reg, None);
            }
        } else {
            self.f.free -= (have - wanted) as u8;
        }
        Ok(())
    }

    /// Describes the targets of an assignment, left to right. A local or
    /// upvalue that an earlier target uses as table or key is copied first.
    pub(super) fn targets(&mut self, targets: &[Expr<'a>]) -> Res<SmallVec<[Exp; 4]>> {
        let mut out: SmallVec<[Exp; 4]> = SmallVec::new();
        for target in targets {
            let e = self.expr(target)?;
            if matches!(e.kind, Kind::Local(_) | Kind::Upvalue(..)) {
                self.resolve_conflict(&mut out, &e)?;
            }
            out.push(e);
        }
        Ok(out)
    }

    fn resolve_conflict(&mut self, earlier: &mut [Exp], assigned: &Exp) -> Res<()> {
        let copy = self.f.free;
        let mut conflict = false;
        for e in earlier {
            match (&mut e.kind, assigned.kind) {
                (&mut Kind::UpField(index, key, _), Kind::Upvalue(up, _)) if index == up => {
                    e.kind = Kind::Field(copy, key);
                    conflict = true;
                }
                (Kind::Field(table, _) | Kind::IndexI(table, _), Kind::Local(reg))
                    if *table == reg =>
                {
                    *table = copy;
                    conflict = true;
                }
                (Kind::Index(table, key), Kind::Local(reg)) => {
                    for operand in [table, key] {
                        if *operand == reg {
                            *operand = copy;
                            conflict = true;
                        }
                    }
                }
                _ => {}
            }
        }
        if conflict {
            let mut value = *assigned;
            self.load(&mut value);
            self.reserve(1)?;
            self.put(&mut value, copy);
        }
        Ok(())
    }
}
