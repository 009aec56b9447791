//! Calls of library functions whose work is a few instructions.
//!
//! The function is known by the address of its Rust code, which a guard
//! compares; then its arguments are guarded, and the work is done.

use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Reason, Term, Ty, V};
use crate::tier2::snapshot::{Callee, LeafCall, Obj, Slot};
use smallvec::{SmallVec, smallvec};
use strata_runtime::stdlib::leaf::Known;
use strata_runtime::stdlib::math::Intrinsic;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// 2^63: the least float above all integers.
const TOO_BIG: f64 = 9_223_372_036_854_775_808.0;

impl Builder<'_, '_> {
    /// Builds the call at `pc` if it is of a library function that is known.
    pub(super) fn builtin(&mut self, pc: u32, i: Insn, callee: Callee) -> Result<bool, Refused> {
        let Callee::Host {
            f,
            intrinsic,
            known,
            leaves,
            ..
        } = callee
        else {
            return Ok(false);
        };
        let args = i.b() - 1;
        let v = self.val(i.a());
        let host = matches!(self.f.ty(v), Ty::Any | Ty::Native);
        if !host || !self.may_speculate(pc) {
            return Ok(false);
        }
        if i.c() == 0 && known == Some(Known::Unpack) && args == 1 {
            return self.unpack(pc, i, f);
        }
        if let Some(which) = intrinsic.filter(|&w| self.fits_intrinsic(w, i)) {
            self.host_is(pc, i.a(), f)?;
            self.intrinsic(pc, i, which)?;
            return Ok(true);
        }
        match known {
            Some(Known::Type) if args >= 1 => {
                self.host_is(pc, i.a(), f)?;
                let v = self.val(i.a() + 2);
                let v = self.boxed(v);
                let name = self.put(Ir::TypeName, &[v]);
                self.results(i, &[name]);
                return Ok(true);
            }
            Some(Known::Assert) if args >= 1 => {
                self.host_is(pc, i.a(), f)?;
                let values: SmallVec<[V; 8]> = (0..args).map(|k| self.val(i.a() + 2 + k)).collect();
                let fine = self.truthy(values[0]);
                self.guard(fine, Reason::Library, pc)?;
                self.results(i, &values);
                return Ok(true);
            }
            Some(which @ (Known::Pairs | Known::Ipairs)) if args >= 1 && i.c() != 0 => {
                let v = self.val(i.a() + 2);
                if !matches!(self.f.ty(v), Ty::Any | Ty::Table) {
                    return Ok(false);
                }
                self.host_is(pc, i.a(), f)?;
                self.pairs(pc, i, which)?;
                return Ok(true);
            }
            _ => {}
        }
        // Where nil may stand for nothing at all, that must make no difference.
        let open = i.c() == 0;
        let fits = |l: &&LeafCall| (l.args.0..=l.args.1).contains(&args) && (l.one || !open);
        let Some(&leaf) = leaves.iter().flatten().find(fits) else {
            return Ok(false);
        };
        self.host_is(pc, i.a(), f)?;
        self.leaf_call(pc, i, leaf)?;
        Ok(true)
    }

    /// Builds the tail call at `pc` if it is of a library function that is known
    /// and has one result.
    pub(super) fn tail_builtin(&mut self, pc: u32, i: Insn) -> Result<bool, Refused> {
        let callee = match self.func().slots.get(usize::from(i.slot())) {
            Some(Slot::Call(callee)) if i.b() != 0 => *callee,
            _ => return Ok(false),
        };
        let inlined = self.ctx.below.is_some();
        if !callee.has_one_result() || !self.func().spec().captured.is_empty() {
            return Ok(false);
        }
        let one = Insn::abc(Op::Call, i.a(), i.b(), 2);
        if !self.builtin(pc, one, callee)? {
            if inlined {
                self.leave(pc, Reason::Unreached)?;
            }
            return Ok(inlined);
        }
        if inlined {
            let v = self.val(i.a());
            let state = self.st.clone();
            self.ctx.returns.push((self.at, state, smallvec![v]));
            self.open = false;
            return Ok(true);
        }
        let v = self.val(i.a());
        let frame = self.empty_frame(pc);
        self.end(Term::Return {
            frame,
            values: smallvec![v],
        });
        Ok(true)
    }

    /// Leaves at `pc` unless register `a` holds a host function whose Rust
    /// function is this.
    pub(super) fn host_is(&mut self, pc: u32, a: u8, f: Obj) -> Result<(), Refused> {
        let v = self.val(a);
        let native = self.expect(v, Ty::Native, pc)?;
        let is = self.put(Ir::HostOf, &[native]);
        let expected = self.object(f, Ty::Ptr);
        let same = self.put(Ir::Same, &[is, expected]);
        self.guard(same, Reason::Callee, pc)
    }

    fn fits_intrinsic(&self, which: Intrinsic, i: Insn) -> bool {
        let args = i.b().wrapping_sub(1);
        let wanted = match which {
            Intrinsic::Max | Intrinsic::Min => 2..=5,
            Intrinsic::Byte => 2..=2,
            _ => 1..=1,
        };
        matches!(i.c(), 0 | 2) && wanted.contains(&args)
    }

    /// A call of a host function whose work is a few instructions.
    fn intrinsic(&mut self, pc: u32, i: Insn, which: Intrinsic) -> Result<(), Refused> {
        let a = i.a();
        let x = self.val(a + 2);
        let result = match which {
            Intrinsic::Sqrt => {
                let x = self.any_float(x, pc)?;
                self.put(Ir::FSqrt, &[x])
            }
            Intrinsic::Floor | Intrinsic::Ceil => self.rounded(which, x, pc)?,
            Intrinsic::Abs => self.abs(x, pc)?,
            Intrinsic::Max | Intrinsic::Min => {
                let mut best = x;
                for n in 1..i.b() - 1 {
                    let y = self.val(a + 2 + n);
                    best = self.extreme(which, best, y, pc)?;
                }
                best
            }
            Intrinsic::Byte => self.byte(pc, x, i)?,
        };
        self.results(i, &[result]);
        Ok(())
    }

    /// `string.byte` of one byte: what is not a position in a flat string is
    /// the leaf's, as long as it finds a byte.
    fn byte(&mut self, pc: u32, s: V, i: Insn) -> Result<V, Refused> {
        let s = self.expect(s, Ty::Str, pc)?;
        let n = self.val(i.a() + 3);
        let n = self.expect(n, Ty::Int, pc)?;
        let slow = self.cold_block();
        let byte = self.byte_at(s, n, slow);
        let fast = self.at;
        self.go_on(slow);
        let (did, v) = self.byte_leaf(s, n);
        self.accept(did, pc)?;
        let found = self.is(v, tag::INT);
        self.accept(found, pc)?;
        let other = self.emit(Ir::Unbox, Ty::Int, &[v], 0);
        let slow = self.at;
        Ok(self.meet(&[(fast, byte), (slow, other)], Ty::Int))
    }

    fn rounded(&mut self, which: Intrinsic, x: V, pc: u32) -> Result<V, Refused> {
        match self.f.ty(x) {
            Ty::Int => return Ok(x),
            Ty::Any => {
                let round = |b: &mut Self, x| b.rounded(which, x, pc);
                return self.by_number(x, pc, Ty::Int, round);
            }
            _ => {}
        }
        let x = self.expect(x, Ty::Float, pc)?;
        let op = if which == Intrinsic::Floor {
            Ir::FFloor
        } else {
            Ir::FCeil
        };
        let v = self.put(op, &[x]);
        let size = self.put(Ir::FAbs, &[v]);
        let limit = self.float(TOO_BIG);
        let small = self.put(Ir::FLt, &[size, limit]);
        self.guard(small, Reason::Number, pc)?;
        Ok(self.put(Ir::ToInt, &[v]))
    }

    fn abs(&mut self, x: V, pc: u32) -> Result<V, Refused> {
        match self.f.ty(x) {
            Ty::Int => {
                let zero = self.int(0);
                let negative = self.put(Ir::ILt, &[x, zero]);
                let other = self.put(Ir::INeg, &[x]);
                Ok(self.emit(Ir::Select, Ty::Int, &[negative, other, x], 0))
            }
            Ty::Any => self.by_number(x, pc, Ty::Any, |b, x| b.abs(x, pc)),
            _ => {
                let x = self.expect(x, Ty::Float, pc)?;
                Ok(self.put(Ir::FAbs, &[x]))
            }
        }
    }

    /// What `work` makes of a number, for both kinds; what is none leaves at
    /// `pc`. The result is of type `ty`.
    fn by_number(
        &mut self,
        x: V,
        pc: u32,
        ty: Ty,
        work: impl Fn(&mut Self, V) -> Result<V, Refused>,
    ) -> Result<V, Refused> {
        let int = self.is(x, tag::INT);
        let other = self.split(int, None);
        let state = self.st.clone();
        let mut ways: SmallVec<[(BlockId, V); 2]> = SmallVec::new();
        for kind in [Ty::Int, Ty::Float] {
            let x = if kind == Ty::Int {
                self.unboxed(x, kind)
            } else {
                // What was found out in the other way is not known here.
                self.go_on(other);
                self.st = state.clone();
                self.frame_cache = None;
                self.expect(x, kind, pc)?
            };
            let v = work(self, x)?;
            let v = if ty == Ty::Any { self.boxed(v) } else { v };
            ways.push((self.at, v));
        }
        // What is known in one way is not known in the other.
        self.st = state;
        self.frame_cache = None;
        Ok(self.meet(&ways, ty))
    }

    /// `math.max` and `math.min` of two numbers of one kind: the second if it
    /// is greater (less) than the first.
    fn extreme(&mut self, which: Intrinsic, x: V, y: V, pc: u32) -> Result<V, Refused> {
        if self.f.ty(x) == Ty::Any && self.f.ty(y) == Ty::Any && x != y {
            return self.by_number(x, pc, Ty::Any, |b, x| b.extreme(which, x, y, pc));
        }
        let ty = match (self.f.ty(x), self.f.ty(y)) {
            (Ty::Int, _) | (_, Ty::Int) => Ty::Int,
            _ => Ty::Float,
        };
        let (x, y) = (self.expect(x, ty, pc)?, self.expect(y, ty, pc)?);
        let op = if ty == Ty::Int { Ir::ILt } else { Ir::FLt };
        let args = if which == Intrinsic::Max {
            [x, y]
        } else {
            [y, x]
        };
        let better = self.put(op, &args);
        Ok(self.emit(Ir::Select, ty, &[better, y, x], 0))
    }
}
