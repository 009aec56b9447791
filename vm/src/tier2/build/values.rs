//! Reading, writing, checking and converting registers.

use super::state::Reg;
use super::{Builder, Refused};
use crate::ir::{Op as Ir, Reason, Ty, V};
use crate::jit::Assumption;
use strata_runtime::value::tag;
use strata_spec::fixed::Fixed;

impl Builder<'_, '_> {
    /// The value of register `r`.
    pub(super) fn val(&mut self, r: u8) -> V {
        let slot = u64::from(self.ctx.base + u32::from(r));
        if self.in_memory(r) {
            return self.put_imm(Ir::CapturedLoad, &[], slot);
        }
        match self.st.get(r) {
            Reg::Val { v, .. } => v,
            Reg::Cell(c) => self.put(Ir::UpvalGet, &[c]),
            // Never read where nothing is defined: the verifier has seen to it.
            Reg::Slot | Reg::Undefined => {
                let v = self.put_imm(Ir::SlotLoad, &[], slot);
                self.st.set(r, Reg::Val { v, clean: true });
                self.frame_cache = None;
                v
            }
        }
    }

    /// Writes register `r`.
    pub(super) fn set(&mut self, r: u8, v: V) {
        if self.in_memory(r) {
            let slot = u64::from(self.ctx.base + u32::from(r));
            self.put_imm(Ir::CapturedStore, &[v], slot);
            self.st.set(r, Reg::Slot);
        } else if let Reg::Cell(c) = self.st.get(r) {
            // It is open: the slot is a root, which needs no barrier.
            self.put(Ir::UpvalSet, &[c, v]);
        } else {
            self.st.set(r, Reg::Val { v, clean: false });
        }
        self.frame_cache = None;
    }

    /// `old` turned out to be `new`, wherever it is held.
    pub(super) fn refine(&mut self, old: V, new: V) {
        for reg in &mut self.st.regs {
            if let Reg::Val { v, .. } = reg
                && *v == old
            {
                *v = new;
            }
        }
        self.frame_cache = None;
    }

    /// `v` as a value of type `ty`, guarded at `pc` if it isn't known to be
    /// one.
    pub(super) fn expect(&mut self, v: V, ty: Ty, pc: u32) -> Result<V, Refused> {
        if self.f.ty(v) == ty {
            return Ok(v);
        }
        let tag = ty.tag().ok_or("a guard for a type without tag")?;
        let any = self.boxed(v);
        let frame = self.frame(pc, false)?;
        let typed = self.emit_at(Ir::GuardIs, ty, &[any], u64::from(tag), frame);
        self.refine(v, typed);
        Ok(typed)
    }

    /// Leaves at `pc` unless `cond` holds.
    pub(super) fn guard(&mut self, cond: V, reason: Reason, pc: u32) -> Result<(), Refused> {
        let frame = self.frame(pc, false)?;
        self.emit_at(Ir::Guard, Ty::Void, &[cond], reason as u64, frame);
        Ok(())
    }

    /// Leaves at `pc` if `cond` holds.
    pub(super) fn guard_not(&mut self, cond: V, reason: Reason, pc: u32) -> Result<(), Refused> {
        let fine = self.put(Ir::Not, &[cond]);
        self.guard(fine, reason, pc)
    }

    /// `v` with its tag.
    pub(super) fn boxed(&mut self, v: V) -> V {
        if self.f.ty(v) == Ty::Any {
            return v;
        }
        self.put(Ir::Box, &[v])
    }

    /// A value that a branch has found to be of type `ty`.
    pub(super) fn unboxed(&mut self, v: V, ty: Ty) -> V {
        if self.f.ty(v) == ty {
            return v;
        }
        let v = self.boxed(v);
        self.emit(Ir::Unbox, ty, &[v], 0)
    }

    /// Whether `v` has this tag.
    pub(super) fn is(&mut self, v: V, t: u8) -> V {
        match self.f.ty(v) {
            Ty::Any => self.put_imm(Ir::Is, &[v], u64::from(t)),
            Ty::Bool => {
                let wanted = self.boolean(t == tag::TRUE);
                match t {
                    tag::TRUE => v,
                    tag::FALSE => self.put(Ir::Not, &[v]),
                    _ => wanted,
                }
            }
            ty => self.boolean(ty.tag() == Some(t)),
        }
    }

    /// Whether `v` is true.
    pub(super) fn truthy(&mut self, v: V) -> V {
        match self.f.ty(v) {
            Ty::Any => self.put(Ir::Truthy, &[v]),
            Ty::Bool => v,
            Ty::Nil => self.boolean(false),
            _ => self.boolean(true),
        }
    }

    /// A number whose kind isn't known as a float: anything else leaves at
    /// `pc`.
    pub(super) fn any_float(&mut self, v: V, pc: u32) -> Result<V, Refused> {
        match self.f.ty(v) {
            Ty::Float => Ok(v),
            Ty::Int => Ok(self.put(Ir::ToFloat, &[v])),
            _ => {
                let v = self.boxed(v);
                let int = self.is(v, tag::INT);
                let float = self.is(v, tag::FLOAT);
                let number = self.put(Ir::Or, &[int, float]);
                self.guard(number, Reason::Tag, pc)?;
                let n = self.emit(Ir::Unbox, Ty::Int, &[v], 0);
                let converted = self.put(Ir::ToFloat, &[n]);
                let x = self.emit(Ir::Unbox, Ty::Float, &[v], 0);
                Ok(self.emit(Ir::Select, Ty::Float, &[int, converted, x], 0))
            }
        }
    }

    /// The same of a number that is a float as a rule. `other`: if it isn't, this
    /// one has to be.
    pub(super) fn mostly_float(&mut self, v: V, other: Option<V>, pc: u32) -> Result<V, Refused> {
        if self.f.ty(v) != Ty::Any {
            return self.any_float(v, pc);
        }
        let float = self.is(v, tag::FLOAT);
        let integer = self.split(float, Some(true));
        let x = self.emit(Ir::Unbox, Ty::Float, &[v], 0);
        let usual = (self.at, x);
        self.go_on(integer);
        let is = self.is(v, tag::INT);
        self.guard(is, Reason::Tag, pc)?;
        if let Some(other) = other {
            let is = self.is(other, tag::FLOAT);
            self.guard(is, Reason::Tag, pc)?;
        }
        let n = self.emit(Ir::Unbox, Ty::Int, &[v], 0);
        let converted = self.put(Ir::ToFloat, &[n]);
        Ok(self.meet(&[usual, (self.at, converted)], Ty::Float))
    }

    /// The function that is running.
    pub(super) fn myself(&mut self) -> V {
        match self.ctx.below {
            Some((_, closure)) => closure,
            None => self.put(Ir::Myself, &[]),
        }
    }

    /// Upvalue `n` of the function that is running.
    pub(super) fn upval(&mut self, n: u8) -> V {
        let f = self.myself();
        self.put_imm(Ir::Upval, &[f], u64::from(n))
    }

    /// What upvalue `n` of the function that is running holds.
    pub(super) fn upvalue(&mut self, n: u8) -> V {
        let known = match self.s.fixed_upvalues {
            true => self.func().fixed(n),
            false => Fixed::Assigned,
        };
        if known != Fixed::Assigned {
            self.assumes(Assumption::Upvalues);
        }
        match known {
            Fixed::Myself => {
                let (v, key) = (self.myself(), self.func().key());
                self.protos.insert(v, key);
                return v;
            }
            Fixed::Nil => return self.nil(),
            Fixed::Bool(b) => return self.boolean(b),
            Fixed::Int(n) => return self.int(n),
            Fixed::Float(x) => return self.float(x),
            Fixed::Assigned | Fixed::Value | Fixed::Closure(_) => {}
        }
        let at = self.upval(n);
        match known {
            Fixed::Assigned => self.put(Ir::UpvalGet, &[at]),
            Fixed::Closure(id) => {
                let v = self.put(Ir::UpvalFixed, &[at]);
                let v = self.unboxed(v, Ty::Closure);
                let (module, _) = self.func().key();
                self.protos.insert(v, (module, id));
                v
            }
            _ => self.put(Ir::UpvalFixed, &[at]),
        }
    }

    /// The write barrier of `object`, to which `v` was stored.
    pub(super) fn barrier(&mut self, object: V, v: V) {
        if self.may_be_object(v) {
            self.put(Ir::Barrier, &[object, v]);
        }
    }

    /// The same of an element.
    pub(super) fn barrier_element(&mut self, table: V, v: V) {
        if self.may_be_object(v) {
            self.put(Ir::BarrierElem, &[table, v]);
        }
    }

    fn may_be_object(&self, v: V) -> bool {
        let ty = self.f.ty(v);
        ty == Ty::Any || ty.is_object()
    }
}
