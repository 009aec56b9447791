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
    /// What this open upvalue of its slot holds.
    Cell(V),
    /// An object that was not allocated, by its name in the frame state's
    /// list.
    Sunk(V),
}

/// An object that was not allocated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sunk<'a> {
    /// Its name: the number of a value that is gone.
    pub name: V,
    /// What it is.
    pub kind: SunkKind,
    /// Its parts by number: values, or objects of the same list.
    pub parts: &'a [(u64, Held)],
}

/// What an object is that was not allocated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SunkKind {
    /// A table with fields and nothing else; parts are fields in the order of
    /// the shape.
    Table {
        /// The function and the instruction that make it.
        func: u32,
        pc: u32,
        /// Its shape, by number in the table of constants.
        shape: u64,
    },
    /// A closure; parts are upvalues.
    Closure {
        /// The function that makes it, and the child of that.
        func: u32,
        child: u32,
    },
    /// An upvalue: open, if a register is it, and else closed. Its part is what
    /// it holds.
    Cell,
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
    /// Its closure, if it is inlined: a value or an object that was not
    /// allocated.
    pub closure: Option<Held>,
    /// Inlined: it was entered by a tail call.
    pub tail: bool,
    /// Its link and closure are in their slots.
    pub linked: bool,
    /// It is at the beginning of a loop, for what was done in the loop and is done
    /// before it now.
    pub early: bool,
    /// Its extra arguments, if it is inlined and has some: it lies above them.
    pub extras: &'a [Held],
    /// Its live registers, ascending.
    pub regs: &'a [(u8, Held)],
    /// The objects that this frame and its parents name, as they are here; of
    /// parents it doesn't count.
    pub sunk: &'a [Sunk<'a>],
}

impl<'a> Frame<'a> {
    /// Its closure, if it is inlined and the closure is a value.
    pub(crate) fn closure_value(&self) -> Option<V> {
        match self.closure {
            Some(Held::Value(v)) => Some(v),
            _ => None,
        }
    }

    /// Calls `f` with every value this frame names, not with its parents'.
    pub(crate) fn uses(&self, f: &mut dyn FnMut(V)) {
        let regs = self.regs.iter().map(|(_, held)| held);
        let parts = self.sunk.iter().flat_map(|s| s.parts).map(|(_, held)| held);
        let rest = self.extras.iter().chain(regs).chain(parts);
        for held in self.closure.iter().chain(rest) {
            if let Held::Value(v) | Held::Cell(v) = held {
                f(*v);
            }
        }
    }

    /// Replaces its values.
    pub(crate) fn replace(&mut self, arena: &'a Bump, map: &mut dyn FnMut(V) -> V) {
        let mut changed = false;
        self.uses(&mut |v| changed |= map(v) != v);
        if changed {
            self.closure = self.closure.map(|held| held.map(map));
            self.extras = arena.alloc_slice_fill_iter(self.extras.iter().map(|e| e.map(map)));
            self.regs =
                arena.alloc_slice_fill_iter(self.regs.iter().map(|&(r, held)| (r, held.map(map))));
            self.sunk = arena.alloc_slice_fill_iter(self.sunk.iter().map(|s| {
                let parts = s.parts.iter().map(|&(n, held)| (n, held.map(map)));
                let parts = arena.alloc_slice_fill_iter(parts);
                Sunk { parts, ..*s }
            }));
        }
    }
}

impl Held {
    /// The same with another value.
    fn map(self, map: &mut dyn FnMut(V) -> V) -> Held {
        match self {
            Held::Value(v) => Held::Value(map(v)),
            Held::Cell(v) => Held::Cell(map(v)),
            other => other,
        }
    }
}
