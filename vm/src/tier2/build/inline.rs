//! Calls that are replaced by the callee.
//!
//! The callee's registers lie where they would lie if it were called: its
//! parameters are the caller's registers above the link. Its frame states
//! have the caller's, which waits in the call, as their parent. Links and the
//! frames below are stored only before code that might look at them
//! ([`Builder::link`]).

use super::state::{Reg, State};
use super::{Builder, Context, Inlining, Refused};
use crate::ir::{BlockId, FrameId, Reason, Target, Term, Ty, V};
use crate::tier2::flow;
use crate::tier2::snapshot::{Callee, EntryAt, FuncNo, Function, Meta, Obj, Slot};
use smallvec::{SmallVec, smallvec};
use strata_spec::effects::Effects;
use strata_spec::{Insn, Op};

/// How deep calls are followed.
const MAX_DEPTH: u32 = 4;
/// How often a function may be inlined into itself.
const MAX_RECURSION: u32 = 1;
/// The longest functions that are inlined into code that is big already, and that
/// is twice as big; counted are instructions that were reached.
const MEDIUM: usize = 32;
const SMALL: usize = 16;
/// The longest function that is inlined into itself, or has a loop and is inlined;
/// and the longest that is inlined into itself twice.
const SHORT: usize = 24;
const TINY: usize = 12;
/// Most extra arguments of a function that is inlined, and registers with them.
const MAX_EXTRAS: usize = 6;
const MAX_REGS: usize = 240;
/// Most results that an inlined function returns.
const MAX_RETURNED: usize = 4;
/// Most results of a call that is inlined.
const MAX_RESULTS: u8 = 5;

impl Builder<'_, '_> {
    /// The function to put in place of the call at `pc`, if that is to be done:
    /// `func`, the one of `callee`. What was decided is noted.
    pub(super) fn decide_inlining(
        &mut self,
        pc: u32,
        i: Insn,
        callee: Obj,
        func: Option<FuncNo>,
    ) -> Option<FuncNo> {
        let why_not = match func {
            Some(no) => self.why_not_inline(no, i),
            None => Some("too long, or too much else"),
        };
        self.inlining.push(Inlining {
            caller: self.ctx.no,
            pc,
            callee,
            why_not,
        });
        func.filter(|_| why_not.is_none())
    }

    /// Why a call of function `no` is not inlined, if it isn't.
    fn why_not_inline(&self, no: FuncNo, i: Insn) -> Option<&'static str> {
        let f = &self.s.funcs[no as usize];
        let len = f.code.len();
        if self.ctx.depth >= MAX_DEPTH {
            return Some("too deep");
        }
        if i.op() == Some(Op::Call) && (i.b() == 0 || i.c() > MAX_RESULTS) {
            return Some("open arguments, or many results");
        }
        if i.op() == Some(Op::Call) && i.c() == 0 && !self.has_fixed_results(no, i.a()) {
            return Some("its results are not always as many");
        }
        if f.yields() {
            return Some("it yields");
        }
        let itself = no == 0 || no == self.ctx.no;
        let deepest = if len <= TINY { 2 } else { 1 };
        if itself && (len > SHORT || f.calls_of(no) > 2 || self.recursion(no) >= deepest) {
            return Some("recursion");
        }
        if f.has_loops() && flow::reached(f) > SHORT {
            return Some("its loops are code of their own");
        }
        if self.is_big_for(f) {
            return Some("the caller is big already");
        }
        let given = usize::from(i.b()).saturating_sub(1);
        if !self.form_fits(no, given) {
            return Some("its form");
        }
        if !self.tails_fit(no, given, self.ctx.depth + 1) {
            return Some("its tail calls");
        }
        if !itself && self.recursion(no) > MAX_RECURSION {
            return Some("recursion");
        }
        None
    }

    /// Whether there is so much code already that `f` is too long to be added.
    fn is_big_for(&self, f: &Function) -> bool {
        let most = match self.f.insts.len() {
            n if n <= self.big => return false,
            n if n <= 2 * self.big => MEDIUM,
            _ => SMALL,
        };
        f.code.len() > most && flow::reached(f) > most
    }

    /// How often function `no` is among those that wait.
    fn recursion(&self, no: FuncNo) -> u32 {
        let mut n = 0;
        let mut below = self.ctx.below.map(|(frame, _)| frame);
        while let Some(frame) = below {
            let frame = &self.f.frames[frame.n()];
            n += u32::from(frame.func == no);
            below = frame.parent;
        }
        n
    }

    /// Builds function `no` in place of the call at `pc`.
    pub(super) fn inline(
        &mut self,
        pc: u32,
        i: Insn,
        proto: Obj,
        no: FuncNo,
    ) -> Result<(), Refused> {
        let closure = self.callee(pc, proto)?;
        if let Some(results) = self.inline_closure(pc, i, closure, no)? {
            match i.c() {
                0 => self.give_open(i.a(), &results),
                _ => self.set_results(i, &results),
            }
        }
        Ok(())
    }

    /// Results of the call `i` go to its registers.
    pub(super) fn set_results(&mut self, i: Insn, results: &Results) {
        for (n, &v) in results.iter().enumerate() {
            self.set(i.a() + n as u8, v);
        }
    }

    /// Builds function `no`, of which `closure` is one, in place of the call
    /// at `pc`; `None`: it never returns.
    pub(super) fn inline_closure(
        &mut self,
        pc: u32,
        i: Insn,
        closure: V,
        no: FuncNo,
    ) -> Result<Option<Results>, Refused> {
        let a = i.a();
        let mut args: SmallVec<[Reg; 8]> = SmallVec::new();
        for n in 0..i.b() - 1 {
            // Parameters are there already: the same slots.
            let v = self.val(a + 2 + n);
            args.push(match self.st.get(a + 2 + n) {
                Reg::Val { v, clean } => Reg::Val { v, clean },
                _ => Reg::Val { v, clean: false },
            });
        }
        let frame = self.frame(pc, true)?;
        let callee = Inlined {
            no,
            below: (frame, closure),
            base: self.ctx.base + u32::from(a) + 2,
            tail: false,
        };
        let wanted = match i.c().checked_sub(1) {
            Some(wanted) => usize::from(wanted),
            None => self.fixed_results(no).ok_or("open results")?,
        };
        let results = self.inlined(pc, callee, &args, wanted)?;
        self.ctx.pc = pc;
        Ok(results)
    }

    /// Builds a callee that instruction `pc` calls, with these arguments, and
    /// goes on in the caller where it has returned with so many results;
    /// `None`: it never returns.
    pub(super) fn inlined(
        &mut self,
        pc: u32,
        callee: Inlined,
        args: &[Reg],
        wanted: usize,
    ) -> Result<Option<Results>, Refused> {
        let before = self.st.clone();
        let returns = self.callee_body(callee, args)?;
        Ok(self.returned(pc, wanted, before, returns))
    }

    /// Builds a callee: where it returns, and what.
    fn callee_body(&mut self, callee: Inlined, args: &[Reg]) -> Result<Vec<Returned>, Refused> {
        let spec = self.s.funcs[callee.no as usize].spec();
        let params = usize::from(spec.params);
        let mut extras: SmallVec<[V; 4]> = SmallVec::new();
        for given in args.iter().skip(params).filter(|_| spec.vararg) {
            if let Reg::Val { v, .. } = *given {
                extras.push(v);
            }
        }
        // It lies above its extra arguments, and moves its parameters there.
        let moved = !extras.is_empty();
        let room = usize::from(spec.regs) + extras.len();
        let mut regs = vec![Reg::Undefined; room];
        for (n, reg) in regs.iter_mut().take(params).enumerate() {
            *reg = match args.get(n) {
                Some(&Reg::Val { v, .. }) if moved => Reg::Val { v, clean: false },
                Some(&given) => given,
                None => {
                    let v = self.nil();
                    Reg::Val { v, clean: false }
                }
            };
        }
        let mut inner = Context::of(self.s, callee.no, EntryAt::Start)?;
        inner.original = callee.base;
        inner.base = callee.base + if moved { args.len() as u32 + 2 } else { 0 };
        inner.extras = spec.vararg.then_some(extras);
        inner.below = Some(callee.below);
        inner.tail = callee.tail;
        inner.depth = self.ctx.depth + 1;
        self.slots = self.slots.max(inner.base + room as u32);
        let outer = std::mem::replace(&mut self.ctx, inner);
        self.st = State {
            regs,
            linked: false,
        };
        self.frame_cache = None;
        let built = self.body();
        let inner = std::mem::replace(&mut self.ctx, outer);
        built?;
        self.frame_cache = None;
        Ok(inner.returns)
    }

    /// Goes on in the caller, whose state was `before`, where the callee
    /// returned to; its results.
    fn returned(
        &mut self,
        pc: u32,
        wanted: usize,
        before: State,
        returns: Vec<Returned>,
    ) -> Option<Results> {
        self.st = before;
        if returns.is_empty() {
            // It never returns.
            self.open = false;
            return None;
        }
        // What was stored on all ways for somebody to look at is in its slot.
        let linked = returns.iter().all(|(_, s, _)| s.linked);
        let mut ways: Vec<(BlockId, Results)> = Vec::new();
        for (block, _, values) in returns {
            self.go_on(block);
            let mut values = values;
            values.truncate(wanted);
            while values.len() < wanted {
                let nil = self.nil();
                values.push(nil);
            }
            ways.push((block, values));
        }
        let results: Results = if let [(block, values)] = &ways[..] {
            self.go_on(*block);
            values.clone()
        } else {
            let met = self.f.block();
            let mut types = Vec::new();
            for n in 0..wanted {
                let ty = self.f.ty(ways[0].1[n]);
                let same = ways.iter().all(|(_, v)| self.f.ty(v[n]) == ty);
                types.push(if same && ty != Ty::Nil { ty } else { Ty::Any });
            }
            for (block, values) in &mut ways {
                self.go_on(*block);
                for (v, &ty) in values.iter_mut().zip(&types) {
                    if ty == Ty::Any {
                        *v = self.boxed(*v);
                    }
                }
                self.f.blocks[block.n()].term = Term::Jump(Target {
                    block: met,
                    args: values.clone(),
                });
            }
            self.f.blocks[met.n()].cold = ways.iter().all(|(b, _)| self.f.blocks[b.n()].cold);
            let params = types.iter().map(|&ty| self.f.param(met, ty)).collect();
            self.go_on(met);
            params
        };
        let kept = self.live_during(pc);
        let i = self.insn(pc);
        if let Some(op) = i.op() {
            for r in Effects::of(op, i).kills.iter() {
                self.st.set(r, Reg::Undefined);
            }
        }
        if linked {
            self.st.linked = true;
            for r in kept.iter() {
                if let Reg::Val { v, clean: false } = self.st.get(r) {
                    self.st.set(r, Reg::Val { v, clean: true });
                }
            }
        }
        self.frame_cache = None;
        Some(results)
    }

    /// Builds a tail call whose callee is known, if it can be inlined, or does
    /// no more than to return. Whether it is built.
    pub(super) fn known_tail_call(&mut self, pc: u32, i: Insn) -> Result<bool, Refused> {
        let inlined = self.ctx.below.is_some();
        match self.func().slots.get(usize::from(i.slot())) {
            Some(Slot::Call(Callee::Unknown)) if inlined => {
                self.leave(pc, Reason::Unreached)?;
                Ok(true)
            }
            Some(&Slot::Call(Callee::Host {
                f,
                sets_metatable: true,
                ..
            })) => {
                let Some(t) = self.set_metatable(pc, i, f)? else {
                    return Ok(false);
                };
                self.give_back(pc, smallvec![t])?;
                Ok(true)
            }
            Some(&Slot::Call(Callee::Closure {
                proto,
                func: Some(no),
                ..
            })) if inlined && i.b() != 0 && self.may_speculate(pc) => {
                let v = self.val(i.a());
                let closure = matches!(self.f.ty(v), Ty::Any | Ty::Closure);
                if self.decide_inlining(pc, i, proto, Some(no)).is_none() || !closure {
                    return Ok(false);
                }
                self.inline_tail(pc, i, proto, no)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Builds function `no` in place of the tail call at `pc` of an inlined
    /// function: its frame takes the place of that one's.
    fn inline_tail(&mut self, pc: u32, i: Insn, proto: Obj, no: FuncNo) -> Result<(), Refused> {
        let Some((frame, _)) = self.ctx.below else {
            return Err("a tail call of no inlined function".into());
        };
        let closure = self.callee(pc, proto)?;
        let mut args: SmallVec<[Reg; 8]> = SmallVec::new();
        for n in 0..i.b() - 1 {
            let v = self.val(i.a() + 2 + n);
            args.push(Reg::Val { v, clean: false });
        }
        let callee = Inlined {
            no,
            below: (frame, closure),
            base: self.ctx.original,
            tail: true,
        };
        let returns = self.callee_body(callee, &args)?;
        self.ctx.returns.extend(returns);
        self.open = false;
        Ok(())
    }

    /// Whether all tail calls of function `no` can be built if it is inlined
    /// at this depth with so many arguments.
    fn tails_fit(&self, no: FuncNo, given: usize, depth: u32) -> bool {
        let f = &self.s.funcs[no as usize];
        (0..).zip(&f.code).all(|(pc, &i)| {
            if i.op() != Some(Op::TailCall) {
                return true;
            }
            let args = self.arguments_at(no, given, pc);
            match f.slots.get(usize::from(i.slot())) {
                Some(Slot::Call(Callee::Unknown)) => true,
                Some(Slot::Call(Callee::Host {
                    sets_metatable: true,
                    ..
                })) => i.b() == 3 && matches!(f.meta(pc), Some(Meta::Set(_))),
                Some(Slot::Call(Callee::Closure {
                    func: Some(func), ..
                })) => {
                    depth < MAX_DEPTH
                        && *func != no
                        && *func != 0
                        && args.is_some_and(|n| {
                            self.form_fits(*func, n) && self.tails_fit(*func, n, depth + 1)
                        })
                        && f.speculation.allowed_at(pc)
                }
                Some(Slot::Call(callee)) => {
                    i.b() != 0 && callee.has_one_result() && f.speculation.allowed_at(pc)
                }
                _ => false,
            }
        })
    }

    /// How many arguments the call at `pc` of function `no` has, if that was given
    /// so many and it is known.
    fn arguments_at(&self, no: FuncNo, given: usize, pc: u32) -> Option<usize> {
        let f = &self.s.funcs[no as usize];
        let i = f.code[pc as usize];
        match i.b().checked_sub(1) {
            Some(n) => Some(n.into()),
            None => Some(self.extras_at(no, given, pc, i.a().saturating_add(2))?),
        }
    }

    /// How many values there are from register `first` on for instruction `pc`
    /// of function `no`, which takes all of its extra arguments; `None`: it takes
    /// others.
    fn extras_at(&self, no: FuncNo, given: usize, pc: u32, first: u8) -> Option<usize> {
        let f = &self.s.funcs[no as usize];
        let before = f.code[pc.checked_sub(1)? as usize];
        if before.op() != Some(Op::Vararg) || before.c() != 0 {
            return None;
        }
        let extras = given.saturating_sub(f.spec().params.into());
        Some(usize::from(before.a().checked_sub(first)?) + extras)
    }

    /// Whether function `no` is of a form that can be inlined where it is given
    /// so many arguments.
    pub(super) fn form_fits(&self, no: FuncNo, given: usize) -> bool {
        let f = &self.s.funcs[no as usize];
        let spec = f.spec();
        let short = f.code.len() <= super::super::snapshot::MAX_INLINED;
        if !short || !flow::closes(f) {
            return false;
        }
        if !spec.vararg {
            return true;
        }
        let extras = given.saturating_sub(spec.params.into());
        extras <= MAX_EXTRAS
            && usize::from(spec.regs) + extras <= MAX_REGS
            && (0..).zip(&f.code).all(|(pc, i)| {
                let all = matches!(i.op(), Some(Op::Return | Op::ReturnClose)) && i.b() == 0;
                !all || self
                    .extras_at(no, given, pc, i.a())
                    .is_some_and(|n| n <= MAX_RETURNED)
            })
    }
}

/// A callee that is to be inlined.
pub(super) struct Inlined {
    pub no: FuncNo,
    /// The frame that waits for it, and its closure.
    pub below: (FrameId, V),
    /// Where its registers start, relative to the physical frame.
    pub base: u32,
    /// It is called by a tail call.
    pub tail: bool,
}

/// What a callee returns.
pub(super) type Results = SmallVec<[V; 4]>;
/// Where a callee returns, with what state of its own, and what.
pub(super) type Returned = (BlockId, State, Results);
