//! Comparing strings. Short ones are interned, so that two of them are equal only
//! if they are the same object. What else there is to compare is left to a step.

use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Term, Ty, V};
use crate::tier2::flow::target;
use crate::tier2::helpers::NO_ORDER;
use strata_runtime::object::MAX_INTERNED;
use strata_runtime::value::tag;
use strata_spec::Insn;

impl Builder<'_, '_> {
    /// Whether both may be strings.
    pub(super) fn may_be_strings(&self, x: V, y: V) -> bool {
        let may = |v: V| matches!(self.f.ty(v), Ty::Any | Ty::Str);
        may(x) && may(y)
    }

    /// Jumps as instruction `pc` does if `x` and `y`, of the same tag but not
    /// identical, are equal strings, or not; goes to `slow` if they are none.
    pub(super) fn equal_strings(
        &mut self,
        x: V,
        y: V,
        slow: BlockId,
        want: bool,
        pc: u32,
        i: Insn,
    ) -> Result<(), Refused> {
        let string = self.is(x, tag::STR);
        let other = self.split(string, None);
        let (a, b) = (self.unboxed(x, Ty::Str), self.unboxed(y, Ty::Str));
        let len = self.put(Ir::StrLen, &[a]);
        let most = self.int(MAX_INTERNED as i64);
        let long = self.put(Ir::ILt, &[most, len]);
        let short = self.split(long, Some(false));
        let equal = self.put(Ir::StrEq, &[a, b]);
        self.jump_want(equal, want, pc, i)?;
        self.go_on(short);
        let differ = self.edge(if want { pc + 1 } else { target(pc, i) })?;
        self.end(Term::Jump(differ));
        self.go_on(other);
        self.join(slow);
        Ok(())
    }

    /// Jumps as instruction `pc` does, which compares `x` and `y`: by `<=`
    /// (`or_equal`) or `<`, if that is what it wants.
    pub(super) fn order_strings(
        &mut self,
        x: V,
        y: V,
        (or_equal, want): (bool, bool),
        pc: u32,
        i: Insn,
    ) -> Result<(), Refused> {
        let (x, y) = (self.boxed(x), self.boxed(y));
        let slow = self.cold_block();
        for v in [x, y] {
            let string = self.is(v, tag::STR);
            self.unless(string, slow);
        }
        let (a, b) = (self.unboxed(x, Ty::Str), self.unboxed(y, Ty::Str));
        let order = self.put(Ir::StrOrder, &[a, b]);
        let none = self.int(NO_ORDER);
        let refused = self.put(Ir::IEq, &[order, none]);
        let fine = self.put(Ir::Not, &[refused]);
        self.unless(fine, slow);
        let zero = self.int(0);
        let op = if or_equal { Ir::ILe } else { Ir::ILt };
        let holds = self.put(op, &[order, zero]);
        self.jump_want(holds, want, pc, i)?;
        self.go_on(slow);
        self.jump_by_step(pc, i)
    }
}
