//! Which fields tables of a shape have, as far as a snapshot tells.
//!
//! A frame map makes a table that was not allocated by storing its fields one
//! by one, by names that are constants of the function that makes it. The IR
//! knows shapes and field numbers only. Inline caches that add a field connect
//! them: this shape and that name give that shape. Whoever makes tables of a
//! shape has run through such caches from the empty shape on.

use super::snapshot::{Const, FuncNo, Obj, Slot, Snapshot};
use std::collections::HashMap;
use strata_runtime::feedback::CacheState;
use strata_spec::Op;

/// How shapes come about.
#[derive(Debug)]
pub(crate) struct Layouts {
    /// The shape without fields.
    root: u64,
    /// By shape: the shape before, and the field that was added to it.
    added: HashMap<u64, (u64, Field)>,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    slot: u32,
    name: Obj,
}

impl Layouts {
    /// Of all the shapes that functions of the snapshot have made.
    pub(crate) fn of(s: &Snapshot) -> Layouts {
        let mut added = HashMap::new();
        for f in &s.funcs {
            for i in f.code.iter().filter(|i| i.op() == Some(Op::SetField)) {
                let Some(Slot::Field { caches, .. }) = f.slots.get(usize::from(i.slot())) else {
                    continue;
                };
                let Some(&Const::Str { at: name, .. }) = f.consts.get(usize::from(i.high())) else {
                    continue;
                };
                for c in caches.iter().filter(|c| c.state == CacheState::Add) {
                    let field = Field { slot: c.slot, name };
                    added.insert(u64::from(c.next_shape.0), (u64::from(c.shape.0), field));
                }
            }
        }
        Layouts {
            root: u64::from(s.root.0),
            added,
        }
    }

    /// The names of the fields of a shape, in order, as constants of function
    /// `func`; `None` if they are not known.
    pub(crate) fn names(&self, s: &Snapshot, func: FuncNo, shape: u64) -> Option<Vec<u32>> {
        let consts = &s.funcs.get(func as usize)?.consts;
        let mut names = Vec::new();
        let mut at = shape;
        while at != self.root {
            let &(before, field) = self.added.get(&at)?;
            let is = |c: &Const| matches!(c, Const::Str { at, .. } if *at == field.name);
            let constant = consts.iter().position(is)?;
            names.push((field.slot, u32::try_from(constant).ok()?));
            at = before;
            if names.len() > usize::from(u8::MAX) {
                return None;
            }
        }
        names.reverse();
        let in_order = (0..).zip(&names).all(|(n, &(slot, _))| n == slot);
        in_order.then(|| names.into_iter().map(|(_, name)| name).collect())
    }

    /// The feedback slot of the instruction at `pc` of `func`, if that makes a
    /// table.
    pub(crate) fn site(s: &Snapshot, func: FuncNo, pc: u32) -> Option<u16> {
        let code = &s.funcs.get(func as usize)?.code;
        let i = code.get(pc as usize)?;
        (i.op() == Some(Op::NewTable)).then(|| i.slot())
    }

    /// Whether a frame map can make such a table.
    pub(crate) fn sinkable(
        &self,
        s: &Snapshot,
        func: FuncNo,
        pc: u32,
        shape: u64,
        fields: usize,
    ) -> bool {
        let names = self.names(s, func, shape);
        names.is_some_and(|n| n.len() == fields) && Layouts::site(s, func, pc).is_some()
    }
}
