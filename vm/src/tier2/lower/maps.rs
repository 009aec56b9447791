//! Frame states to frame maps.

use super::Lower;
use crate::ir::{FrameId, Held, Op, Sunk, SunkKind as Kind, Ty, V};
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
                        Held::Slot | Held::Cell(_) => {
                            Value::At(Repr::Tagged, Loc::Slot(state.base + u32::from(r)))
                        }
                        Held::Value(v) => self.place(v, state.func, places),
                        Held::Sunk(name) => self.object_in(sunk, name, state.func, places),
                    };
                    (r, value)
                })
                .collect();
            frames.push(VirtualFrame {
                func: FuncId(state.func),
                closure: state.closure.map(|c| self.part(sunk, c, 0, places)),
                pc: state.pc,
                base: state.base,
                tail: state.tail,
                regs,
            });
            at = state.parent;
        }
        frames.reverse();
        let objects = sunk.iter().map(|s| self.sunk(frame, sunk, s, places));
        let mut objects: Vec<SunkObject> = objects.collect();
        let mut at = Some(frame);
        for n in (0..frames.len()).rev() {
            let Some(state) = at.map(|id| &self.f.frames[id.n()]) else {
                break;
            };
            if !state.extras.is_empty() {
                let part =
                    |(n, &held): (u32, &Held)| (Part::Index(n), self.part(sunk, held, 0, places));
                objects.push(SunkObject {
                    kind: SunkKind::Varargs { frame: n as u16 },
                    parts: (0..).zip(state.extras).map(part).collect(),
                });
            }
            at = state.parent;
        }
        FrameMap {
            frames,
            sunk: objects,
            waits,
        }
    }

    /// An object in a register: a cell is what it holds.
    fn object_in(&self, sunk: &[Sunk<'_>], name: V, func: u32, places: Places<'_>) -> Value {
        // The verifier has found it in the list.
        match sunk.iter().find(|s| s.name == name) {
            Some(&Sunk {
                kind: Kind::Cell,
                parts: &[(_, held)],
                ..
            }) => self.part(sunk, held, func, places),
            _ => Self::listed(sunk, name),
        }
    }

    /// An object of the list.
    fn listed(sunk: &[Sunk<'_>], name: V) -> Value {
        let at = sunk.iter().position(|s| s.name == name);
        at.map_or(Value::Nil, |n| Value::Sunk(n as u16))
    }

    /// A part of an object, or the closure of a frame; `func`: whose constants
    /// it may be.
    fn part(&self, sunk: &[Sunk<'_>], held: Held, func: u32, places: Places<'_>) -> Value {
        match held {
            Held::Value(v) => self.place(v, func, places),
            Held::Sunk(name) => Self::listed(sunk, name),
            // Registers only.
            Held::Slot | Held::Cell(_) => Value::Nil,
        }
    }

    /// The frame, counted from the outermost, and its register that is this cell.
    fn register_of(&self, frame: FrameId, cell: V) -> Option<(u16, u8)> {
        let mut found = None;
        let mut at = Some(frame);
        while let Some(state) = at.map(|id| &self.f.frames[id.n()]) {
            found = match found {
                Some((n, r)) => Some((n + 1, r)),
                None => {
                    let mut regs = state.regs.iter();
                    let reg = regs.find(|(_, held)| *held == Held::Sunk(cell));
                    reg.map(|(r, _)| (0, *r))
                }
            };
            at = state.parent;
        }
        found
    }

    /// How to make an object that was not allocated, one of the list `all`.
    fn sunk(
        &self,
        frame: FrameId,
        all: &[Sunk<'_>],
        s: &Sunk<'_>,
        places: Places<'_>,
    ) -> SunkObject {
        let parts = |places: Places<'_>| {
            let part =
                |&(n, held): &(u64, Held)| (Part::Index(n as u32), self.part(all, held, 0, places));
            s.parts.iter().map(part).collect()
        };
        match s.kind {
            Kind::Table { func, pc, shape } => {
                self.sunk_table(all, s.parts, (func, pc), shape, places)
            }
            Kind::Closure { func, child } => SunkObject {
                kind: SunkKind::Closure {
                    func: FuncId(func),
                    child,
                },
                parts: parts(places),
            },
            Kind::Cell => match self.register_of(frame, s.name) {
                Some((frame, reg)) => SunkObject {
                    kind: SunkKind::Open { frame, reg },
                    parts: Vec::new(),
                },
                None => SunkObject {
                    kind: SunkKind::Cell,
                    parts: parts(places),
                },
            },
        }
    }

    fn sunk_table(
        &self,
        all: &[Sunk<'_>],
        fields: &[(u64, Held)],
        (func, pc): (u32, u32),
        shape: u64,
        places: Places<'_>,
    ) -> SunkObject {
        // Sinking has asked for both.
        let slot = Layouts::site(self.s, func, pc).unwrap_or(0);
        let steps = self.layouts.steps(self.s, func, shape);
        let mut fields = fields.iter();
        let mut parts = Vec::new();
        for step in steps.unwrap_or_default() {
            match step {
                Step::Field(name) => {
                    if let Some(&(_, held)) = fields.next() {
                        parts.push((Part::Field(name), self.part(all, held, 0, places)));
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
                func: FuncId(func),
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
            Ty::Any | Ty::Native => (Repr::Tagged, 2),
            Ty::Ptr => (Repr::Upval, 1),
            Ty::Int => (Repr::Int, 1),
            Ty::Float => (Repr::Float, 1),
            Ty::Bool => (Repr::Bool, 1),
            Ty::Str => (Repr::Str, 1),
            Ty::Table => (Repr::Table, 1),
            _ => (Repr::Closure, 1),
        })
    }
}
