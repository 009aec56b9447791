//! Extra arguments.
//!
//! They lie below the frame, as many as its link says. Where a fixed number of
//! them is wanted they are values like any others, and `select` of all of them
//! looks at one. Elsewhere they become open results, by a helper.
//!
//! Those of an inlined function are values known one by one: `...` is these
//! values, and `select` picks one of them. Frame states hold them, and so do
//! the slots below the frame once somebody may look there.

use super::{Builder, Refused};
use crate::ir::{Op as Ir, Reason, Ty, V};
use crate::tier2::snapshot::{Callee, Const, Obj, Slot};
use strata_runtime::stdlib::leaf::Known;
use strata_spec::{Insn, Op};

/// Most elements of a constructor before the extra arguments.
const MAX_BEFORE: u8 = 12;

impl Builder<'_, '_> {
    /// `vararg`
    pub(super) fn vararg(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        if let Some(extras) = self.ctx.extras.clone() {
            return self.known_extras(i, &extras);
        }
        let Some(n) = i.c().checked_sub(1) else {
            if self.select(pc, i)? || self.pack(pc, i)? {
                return Ok(());
            }
            return self.spread(pc, i);
        };
        let count = self.vararg_count();
        for k in 0..n {
            let at = self.int(i64::from(k));
            let v = self.vararg_at(at, count);
            self.set(i.a() + k, v);
        }
        Ok(())
    }

    /// `vararg` where the extra arguments are known: the function was inlined.
    fn known_extras(&mut self, i: Insn, extras: &[V]) -> Result<(), Refused> {
        let Some(n) = i.c().checked_sub(1) else {
            if !self.select(self.ctx.pc, i)? {
                self.give_open(i.a(), extras);
            }
            return Ok(());
        };
        for k in 0..n {
            let v = match extras.get(usize::from(k)) {
                Some(&v) => v,
                None => self.nil(),
            };
            self.set(i.a() + k, v);
        }
        Ok(())
    }

    fn vararg_count(&mut self) -> V {
        if let Some(extras) = &self.ctx.extras {
            return self.int(extras.len() as i64);
        }
        let params = self.func().spec().params;
        self.put_imm(Ir::VarargCount, &[], params.into())
    }

    /// Extra argument `at`, from 0; nil if there are not so many. What is read
    /// then is some slot of the stack, and not looked at.
    fn vararg_at(&mut self, at: V, count: V) -> V {
        if let Some(extras) = self.ctx.extras.clone() {
            let nil = self.nil();
            let mut found = self.boxed(nil);
            for (k, v) in (0..).zip(extras) {
                let k = self.int(k);
                let this = self.put(Ir::IEq, &[at, k]);
                let v = self.boxed(v);
                found = self.emit(Ir::Select, Ty::Any, &[this, v, found], 0);
            }
            return found;
        }
        let params = self.func().spec().params;
        let zero = self.int(0);
        let inside = self.put(Ir::IUlt, &[at, count]);
        let safe = self.emit(Ir::Select, Ty::Int, &[inside, at, zero], 0);
        let v = self.put_imm(Ir::VarargAt, &[safe], params.into());
        let nil = self.nil();
        let nil = self.boxed(nil);
        self.emit(Ir::Select, Ty::Any, &[inside, v, nil], 0)
    }

    /// All of them as open results.
    fn spread(&mut self, pc: u32, i: Insn) -> Result<(), Refused> {
        let state = self.st.clone();
        let slot = self.ctx.base + u32::from(i.a());
        let did = self.put_imm(Ir::Spread, &[], slot.into());
        // Refused where the stack has to grow.
        let refused = self.split(did, Some(true));
        self.unless_refused(pc, refused, state)?;
        self.after_step(pc);
        Ok(())
    }

    /// `{…, ...}`: the `vararg` at `pc` and the `setlist` after it. Whether that
    /// is what comes.
    fn pack(&mut self, pc: u32, i: Insn) -> Result<bool, Refused> {
        let list = self.insn(pc + 1);
        let a = list.a();
        if list.op() != Some(Op::SetList) || list.b() != 0 || !self.may_speculate(pc) {
            return Ok(false);
        }
        let t = self.val(a);
        let few = i.a().checked_sub(a + 1).filter(|n| *n <= MAX_BEFORE);
        let (Some(before), Ty::Table) = (few, self.f.ty(t)) else {
            return Ok(false);
        };
        if before > 0 {
            self.set_elements(pc, list, before)?;
        }
        let first = self.int(i64::from(list.u32()) + 1 + i64::from(before));
        let params = self.func().spec().params;
        let did = self.put_imm(Ir::Pack, &[t, first], params.into());
        self.accept(did, pc)?;
        self.ctx.folded = Some(pc + 1);
        Ok(true)
    }

    /// `table.unpack(t)` for all results.
    pub(super) fn unpack(&mut self, pc: u32, i: Insn, f: Obj) -> Result<bool, Refused> {
        let a = i.a();
        let t = self.val(a + 2);
        if !matches!(self.f.ty(t), Ty::Any | Ty::Table) {
            return Ok(false);
        }
        self.host_is(pc, a, f)?;
        let t = self.expect(t, Ty::Table, pc)?;
        let slot = self.ctx.base + u32::from(a);
        let did = self.put_imm(Ir::Unpack, &[t], slot.into());
        self.accept(did, pc)?;
        self.after_step(pc);
        Ok(true)
    }

    /// `select(x, ...)` for one result: the `vararg` at `pc` and the call after
    /// it. Whether that is what comes.
    fn select(&mut self, pc: u32, i: Insn) -> Result<bool, Refused> {
        let call = self.insn(pc + 1);
        let a = call.a();
        let one = call.op() == Some(Op::Call) && call.b() == 0 && call.c() == 2;
        if !one || i.a() != a.saturating_add(3) {
            return Ok(false);
        }
        let f = match self.func().slots.get(usize::from(call.slot())) {
            Some(Slot::Call(Callee::Host {
                f,
                known: Some(Known::Select),
                ..
            })) => *f,
            _ => return Ok(false),
        };
        if !self.may_speculate(pc) || !self.may_speculate(pc + 1) {
            return Ok(false);
        }
        let x = self.val(a + 2);
        let wanted = self.f.insts[x.n()];
        let hash = wanted.op == Ir::Object
            && self.func().consts.iter().any(
                |k| matches!(k, Const::Str { at, hash: true, .. } if u64::from(at.0) == wanted.imm),
            );
        let callee = self.val(a);
        let fits = |ty: Ty, known: Ty| matches!(ty, Ty::Any) || ty == known;
        if !fits(self.f.ty(callee), Ty::Native) || !(hash || fits(self.f.ty(x), Ty::Int)) {
            return Ok(false);
        }
        self.host_is(pc, a, f)?;
        let v = if hash {
            self.vararg_count()
        } else {
            let n = self.expect(x, Ty::Int, pc)?;
            let one = self.int(1);
            let positive = self.put(Ir::ILe, &[one, n]);
            self.guard(positive, Reason::Library, pc)?;
            let at = self.put(Ir::ISub, &[n, one]);
            let count = self.vararg_count();
            self.vararg_at(at, count)
        };
        self.results(call, &[v]);
        self.ctx.folded = Some(pc + 1);
        Ok(true)
    }
}
