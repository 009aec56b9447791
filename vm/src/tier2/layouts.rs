//! Which fields tables of a shape have, as far as a snapshot tells.
//!
//! A frame map makes a table that was not allocated by storing its fields one
//! by one, by names that are constants of the function that makes it. The IR
//! knows shapes and field numbers only. Inline caches that add a field connect
//! them: this shape and that name give that shape. Whoever makes tables of a
//! shape has run through such caches from the empty shape on.

use super::snapshot::{Const, FuncNo, Meta, Obj, Slot, Snapshot};
use rustc_hash::FxHashMap;
use strata_runtime::feedback::CacheState;
use strata_spec::Op;

/// How shapes come about.
#[derive(Debug)]
pub(crate) struct Layouts {
    /// The shape without fields.
    root: u64,
    /// By shape: the shape before, and what was added to it.
    added: FxHashMap<u64, (u64, Added)>,
}

/// What makes a shape of another one.
#[derive(Clone, Copy, Debug)]
enum Added {
    Field { slot: u32, name: Obj },
    Meta(Obj),
}

/// A step on the way to a table of a shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The next field is stored: its name, a constant of the function.
    Field(u32),
    /// It gets this metatable.
    Meta(Obj),
}

impl Layouts {
    /// Of all the shapes that functions of the snapshot have made.
    pub(crate) fn of(s: &Snapshot) -> Layouts {
        let mut added = FxHashMap::default();
        for f in &s.funcs {
            for i in f.code.iter().filter(|i| i.op() == Some(Op::SetField)) {
                let Some(Slot::Field { caches, .. }) = f.slots.get(usize::from(i.slot())) else {
                    continue;
                };
                let Some(&Const::Str { at: name, .. }) = f.consts.get(usize::from(i.high())) else {
                    continue;
                };
                for c in caches.iter().filter(|c| c.state == CacheState::Add) {
                    let field = Added::Field { slot: c.slot, name };
                    added.insert(u64::from(c.next_shape.0), (u64::from(c.shape.0), field));
                }
            }
        }
        for (_, meta) in s.funcs.iter().flat_map(|f| f.metas()) {
            if let Meta::Set(sets) = meta {
                for set in sets {
                    let from = (u64::from(set.from.0), Added::Meta(set.meta));
                    added.insert(u64::from(set.to.0), from);
                }
            }
        }
        Layouts {
            root: u64::from(s.root.0),
            added,
        }
    }

    /// How tables of a shape come about, with names that are constants of
    /// function `func`; `None` if that is not known.
    pub(crate) fn steps(&self, s: &Snapshot, func: FuncNo, shape: u64) -> Option<Vec<Step>> {
        let consts = &s.funcs.get(func as usize)?.consts;
        let mut steps = Vec::new();
        let mut slots = Vec::new();
        let mut at = shape;
        while at != self.root {
            let &(before, added) = self.added.get(&at)?;
            steps.push(match added {
                Added::Meta(meta) => Step::Meta(meta),
                Added::Field { slot, name } => {
                    slots.push(slot);
                    let is = |c: &Const| matches!(c, Const::Str { at, .. } if *at == name);
                    let constant = consts.iter().position(is)?;
                    Step::Field(u32::try_from(constant).ok()?)
                }
            });
            at = before;
            if steps.len() > usize::from(u8::MAX) {
                return None;
            }
        }
        steps.reverse();
        slots.reverse();
        let in_order = (0..).zip(&slots).all(|(n, &slot)| n == slot);
        in_order.then_some(steps)
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
        let count = |steps: Vec<Step>| {
            let is_field = |s: &&Step| matches!(s, Step::Field(_));
            steps.iter().filter(is_field).count()
        };
        self.steps(s, func, shape).map(count) == Some(fields)
            && Layouts::site(s, func, pc).is_some()
    }
}
