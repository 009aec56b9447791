//! Frame states: the interpreter's frames at a point of the code.
//!
//! A frame state becomes a frame map (`strata_spec::frame_map`) when code is
//! made: values get places then. Until then it names SSA values, and whatever
//! it names stays computed.

use super::V;
use bumpalo::Bump;

/// A frame state by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct FrameId(pub u32);

impl FrameId {
    /// As an index.
    pub(crate) fn n(self) -> usize {
        self.0 as usize
    }
}

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Held {
    /// This value; its slot may hold something older.
    Value(V),
    /// What is in its VM slot.
    Slot,
    /// An object that was not allocated, by its name in the frame state's
    /// list.
    Sunk(V),
}

/// An object that was not allocated: a table with fields and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sunk<'a> {
    /// Its name: the number of a value that is gone.
    pub name: V,
    /// The function and the instruction that make it.
    pub func: u32,
    pub pc: u32,
    /// Its shape, by number in the table of constants.
    pub shape: u64,
    /// Its fields by number, in the order of the shape.
    pub fields: &'a [(u64, V)],
}

/// The state of one frame, and through its parents of all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame<'a> {
    /// The function, by number in the snapshot; 0 is the outermost.
    pub func: u32,
    /// The instruction it is about to run, or waits in.
    pub pc: u32,
    /// It waits in its instruction for a call.
    pub waits: bool,
    /// Where its registers start, relative to the physical frame.
    pub base: u32,
    /// The frame that waits below, if this one is inlined.
    pub parent: Option<FrameId>,
    /// Its closure, if it is inlined.
    pub closure: Option<V>,
    /// Inlined: it was entered by a tail call.
    pub tail: bool,
    /// Its link and closure are in their slots.
    pub linked: bool,
    /// It is at the beginning of a loop, for what was done in the loop and is done
    /// before it now.
    pub early: bool,
    /// Its live registers, ascending.
    pub regs: &'a [(u8, Held)],
    /// The objects that this frame and its parents name, as they are here; of
    /// parents it doesn't count.
    pub sunk: &'a [Sunk<'a>],
}

impl<'a> Frame<'a> {
    /// Calls `f` with every value this frame names, not with its parents'.
    pub(crate) fn uses(&self, f: &mut dyn FnMut(V)) {
        if let Some(v) = self.closure {
            f(v);
        }
        for (_, held) in self.regs {
            if let Held::Value(v) = held {
                f(*v);
            }
        }
        for sunk in self.sunk {
            sunk.fields.iter().for_each(|(_, v)| f(*v));
        }
    }

    /// Replaces its values.
    pub(crate) fn replace(&mut self, arena: &'a Bump, map: &mut dyn FnMut(V) -> V) {
        if let Some(v) = self.closure {
            self.closure = Some(map(v));
        }
        let mut changed = false;
        self.uses(&mut |v| changed |= map(v) != v);
        if changed {
            self.regs = arena.alloc_slice_fill_iter(self.regs.iter().map(|&(r, held)| {
                let held = match held {
                    Held::Value(v) => Held::Value(map(v)),
                    other => other,
                };
                (r, held)
            }));
            self.sunk = arena.alloc_slice_fill_iter(self.sunk.iter().map(|s| Sunk {
                fields: arena.alloc_slice_fill_iter(s.fields.iter().map(|&(n, v)| (n, map(v)))),
                ..*s
            }));
        }
    }
}
