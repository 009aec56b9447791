//! Frame states to frame maps.

use super::Lower;
use crate::ir::{FrameId, Held, Op, Sunk, Ty, V};
use crate::tier2::layouts::{Layouts, Step};
use crate::tier2::snapshot::{Const, Obj};
use strata_spec::frame_map::{
    FrameMap, FuncId, Loc, Part, Repr, SunkKind, SunkObject, Value, VirtualFrame,
};

/// What an exit stores for its frame map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Item {
    /// A value.
    Value(V),
    /// A metatable, which is in the table of constants.
    Meta(Obj),
}

/// The word of the deopt buffer at which something is.
pub(super) type Places<'p> = &'p mut dyn FnMut(Item) -> u16;

impl Lower<'_, '_> {
    /// The frame map of a frame state.
    pub(super) fn frame_map(&self, frame: FrameId, places: Places<'_>) -> FrameMap {
        let mut frames = Vec::new();
        let innermost = self.f.frames[frame.n()];
        let waits = innermost.waits;
        let sunk = innermost.sunk;
        let mut at = Some(frame);
        while let Some(id) = at {
            let state = self.f.frames[id.n()];
            let regs = state
                .regs
                .iter()
                .map(|&(r, held)| {
                    let value = match held {
                        Held::Slot => Value::At(Repr::Tagged, Loc::Slot(state.base + u32::from(r))),
                        Held::Value(v) => self.place(v, state.func, places),
                        // The verifier has found it in the list.
                        Held::Sunk(name) => {
                            let at = sunk.iter().position(|s| s.name == name);
                            at.map_or(Value::Nil, |n| Value::Sunk(n as u16))
                        }
                    };
                    (r, value)
                })
                .collect();
            frames.push(VirtualFrame {
                func: FuncId(state.func),
                closure: state.closure.map(|c| self.place(c, 0, places)),
                pc: state.pc,
                base: state.base,
                tail: state.tail,
                regs,
            });
            at = state.parent;
        }
        frames.reverse();
        FrameMap {
            frames,
            sunk: sunk.iter().map(|s| self.sunk(s, places)).collect(),
            waits,
        }
    }

    /// How to make an object that was not allocated.
    fn sunk(&self, s: &Sunk<'_>, places: Places<'_>) -> SunkObject {
        // Sinking has asked for both.
        let slot = Layouts::site(self.s, s.func, s.pc).unwrap_or(0);
        let steps = self.layouts.steps(self.s, s.func, s.shape);
        let mut fields = s.fields.iter();
        let mut parts = Vec::new();
        for step in steps.unwrap_or_default() {
            match step {
                Step::Field(name) => {
                    if let Some(&(_, v)) = fields.next() {
                        parts.push((Part::Field(name), self.place(v, 0, places)));
                    }
                }
                Step::Meta(meta) => {
                    let word = places(Item::Meta(meta));
                    parts.push((Part::Meta, Value::At(Repr::Table, Loc::Word(word))));
                }
            }
        }
        SunkObject {
            kind: SunkKind::Table {
                func: FuncId(s.func),
                slot,
            },
            parts,
        }
    }

    /// How `v` is described: a constant, or where the exit stores it.
    fn place(&self, v: V, func: u32, places: Places<'_>) -> Value {
        let i = self.f.insts[v.n()];
        match i.op {
            Op::Int => return Value::Int(i.imm as i64),
            Op::Float => return Value::Float(i.imm),
            Op::Nil => return Value::Nil,
            Op::Bool => return Value::Bool(i.imm != 0),
            Op::Box => return self.place(i.args[0], func, places),
            Op::Object => {
                let consts = &self.s.funcs[func as usize].consts;
                let same =
                    |k: &Const| matches!(k, Const::Str { at, .. } if u64::from(at.0) == i.imm);
                if let Some(k) = consts.iter().position(same) {
                    return Value::Const(k as u32);
                }
            }
            _ => {}
        }
        match Self::stored(i.ty) {
            Some((repr, _)) => Value::At(repr, Loc::Word(places(Item::Value(v)))),
            None => Value::Nil,
        }
    }

    /// How an exit stores a value of this type, and in how many words; `None`:
    /// nothing is stored.
    pub(super) fn stored(ty: Ty) -> Option<(Repr, u16)> {
        Some(match ty {
            Ty::Nil | Ty::Void => return None,
            // Host functions have no representation of their own: tagged.
            Ty::Any | Ty::Native | Ty::Ptr => (Repr::Tagged, 2),
            Ty::Int => (Repr::Int, 1),
            Ty::Float => (Repr::Float, 1),
            Ty::Bool => (Repr::Bool, 1),
            Ty::Str => (Repr::Str, 1),
            Ty::Table => (Repr::Table, 1),
            _ => (Repr::Closure, 1),
        })
    }
}
