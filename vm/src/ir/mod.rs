//! The SSA IR of the optimizing tier.
//!
//! A [`Func`] is what is compiled as one piece of machine code: a Lua function
//! or a loop of one, with whatever was inlined. It consists of blocks; a block
//! has parameters (what other IRs call phis), instructions and a terminator.
//! An instruction that has a result *is* its value ([`V`]). Everything lies in
//! one arena and is thrown away after code generation.
//!
//! ```text
//!  bytecode + feedback ──build──▶ Func ──passes──▶ Func ──lower──▶ LLVM
//!                                  │ verified after each pass in checked builds
//! ```
//!
//! ## Types
//! A value of type [`Ty::Any`] is a Lua value, a tag and a payload. All others
//! are payloads alone whose tag is known: they live in one machine register.
//! [`Op::Box`] goes from the second to the first, [`Op::GuardIs`] back.
//!
//! ## Guards and frame states
//! A guard names a [`Frame`]: the state of the interpreter's frames at the
//! instruction at which it would go on. Guards between two effects share one.
//! Frame states are not instructions; the values they name are used by them.
//! A frame state says of a register that it is a value, or that its VM slot
//! holds it already ([`Held::Slot`]), or that closures know its slot by an open
//! upvalue ([`Held::Cell`]), or that it is an object which was not allocated
//! ([`Held::Sunk`]): how to make it is in a list. A frame inlined into
//! another names that one as its parent, which *waits* in a call.
//!
//! ## Memory
//! Instructions say which regions they read and write (the table in [`inst`]).
//! VM slots of the frame are such a region: before a call the builder stores
//! the registers that are live and not in their slots yet. A poll is no
//! effect: if anything changes while it is taken, the code is left for good.
//!
//! ## Where things are
//! - [`inst`]: the one instruction table
//! - [`frame`]: frame states
//! - [`cfg`]: orders, dominators, loops
//! - `print`, and for tests `parse`: the text form
//! - [`passes`]: what makes code better, and the order in which they run
//! - [`verify`]: what must hold between passes

pub(crate) mod cfg;
pub(crate) mod frame;
pub(crate) mod inst;
#[cfg(test)]
pub(crate) mod parse;
pub(crate) mod passes;
mod print;
pub(crate) mod verify;

pub(crate) use frame::{Frame, FrameId, Held, Sunk, SunkKind};
pub(crate) use inst::Op;

use bumpalo::Bump;
use bumpalo::collections::Vec as BVec;
use smallvec::SmallVec;
use std::fmt;
use strata_runtime::value::tag;

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Ty {
    /// No value.
    Void,
    /// A Lua value: tag and payload.
    Any,
    /// nil, which needs no register.
    Nil,
    /// A boolean.
    Bool,
    /// An integer.
    Int,
    /// A float.
    Float,
    /// A string.
    Str,
    /// A table.
    Table,
    /// A Lua function.
    Closure,
    /// A host function.
    Native,
    /// An address that is no Lua value: a shape, a prototype, elements.
    Ptr,
}

impl Ty {
    /// All types, for the parser.
    #[cfg(test)]
    pub(crate) const ALL: [Ty; 11] = [
        Ty::Void,
        Ty::Any,
        Ty::Nil,
        Ty::Bool,
        Ty::Int,
        Ty::Float,
        Ty::Str,
        Ty::Table,
        Ty::Closure,
        Ty::Native,
        Ty::Ptr,
    ];

    /// Its name in the text form.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Ty::Void => "void",
            Ty::Any => "any",
            Ty::Nil => "nil",
            Ty::Bool => "bool",
            Ty::Int => "int",
            Ty::Float => "float",
            Ty::Str => "str",
            Ty::Table => "table",
            Ty::Closure => "closure",
            Ty::Native => "native",
            Ty::Ptr => "ptr",
        }
    }

    /// The type of unboxed values of this tag, if they have one.
    pub(crate) fn of_tag(t: u8) -> Option<Ty> {
        Some(match t {
            tag::NIL => Ty::Nil,
            tag::INT => Ty::Int,
            tag::FLOAT => Ty::Float,
            tag::STR => Ty::Str,
            tag::TABLE => Ty::Table,
            tag::CLOSURE => Ty::Closure,
            tag::NATIVE => Ty::Native,
            _ => return None,
        })
    }

    /// The tag of its values, if it is one.
    pub(crate) fn tag(self) -> Option<u8> {
        Some(match self {
            Ty::Nil => tag::NIL,
            Ty::Int => tag::INT,
            Ty::Float => tag::FLOAT,
            Ty::Str => tag::STR,
            Ty::Table => tag::TABLE,
            Ty::Closure => tag::CLOSURE,
            Ty::Native => tag::NATIVE,
            Ty::Void | Ty::Any | Ty::Bool | Ty::Ptr => return None,
        })
    }

    /// Its values are pointers to heap objects.
    pub(crate) fn is_object(self) -> bool {
        matches!(self, Ty::Str | Ty::Table | Ty::Closure | Ty::Native)
    }

    /// Its values are Lua values, boxed or not.
    pub(crate) fn is_lua(self) -> bool {
        !matches!(self, Ty::Void | Ty::Ptr)
    }
}

/// A value: the result of the instruction with this number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct V(pub u32);

/// A block by number; 0 is where the function begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct BlockId(pub u32);

impl V {
    /// As an index.
    pub(crate) fn n(self) -> usize {
        self.0 as usize
    }
}

impl BlockId {
    /// Where the function begins.
    pub(crate) const ENTRY: BlockId = BlockId(0);

    /// As an index.
    pub(crate) fn n(self) -> usize {
        self.0 as usize
    }
}

/// Why code is left at a guard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub(crate) enum Reason {
    /// A register's tag.
    Tag,
    /// A table's shape.
    Shape,
    /// The kind of a table's elements.
    Kind,
    /// An index outside of the elements.
    Index,
    /// Another function is called.
    Callee,
    /// A number an operation can't do: division by zero, a float that is no
    /// integer.
    Number,
    /// An entry of a dictionary is somewhere else.
    Entry,
    /// A value that is nil.
    Absent,
    /// The step of a loop is zero, or not what it was.
    Step,
    /// Code that was never reached before.
    Unreached,
    /// The end of the loop that was compiled: no failure.
    Done,
    /// A metatable, or a table on the way to one, was changed.
    Meta,
    /// A library function that has more to do than the code knows.
    Library,
    /// A call has not had one result.
    Results,
}

impl Reason {
    /// All of them.
    pub(crate) const ALL: [Reason; 14] = [
        Reason::Tag,
        Reason::Shape,
        Reason::Kind,
        Reason::Index,
        Reason::Callee,
        Reason::Number,
        Reason::Entry,
        Reason::Absent,
        Reason::Step,
        Reason::Unreached,
        Reason::Done,
        Reason::Meta,
        Reason::Library,
        Reason::Results,
    ];

    /// Its name in the text form, traces and statistics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Tag => "tag",
            Reason::Shape => "shape",
            Reason::Kind => "kind",
            Reason::Index => "index",
            Reason::Callee => "callee",
            Reason::Number => "number",
            Reason::Entry => "entry",
            Reason::Absent => "absent",
            Reason::Step => "step",
            Reason::Unreached => "unreached",
            Reason::Done => "done",
            Reason::Meta => "meta",
            Reason::Library => "library",
            Reason::Results => "results",
        }
    }

    /// What a guard that fails for it expected, in words.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Reason::Tag => "the types it has seen",
            Reason::Shape => "the shape it has seen",
            Reason::Kind => "the kind of elements it has seen",
            Reason::Index => "an index among the elements",
            Reason::Callee => "the function it has seen",
            Reason::Number => "numbers with an integer result",
            Reason::Entry => "an entry where it was",
            Reason::Absent => "a value other than nil",
            Reason::Step => "the step it has seen",
            Reason::Unreached => "not to come here",
            Reason::Done => "to go on with the loop",
            Reason::Meta => "the metatable as it was",
            Reason::Library => "nothing else for the library to do",
            Reason::Results => "as many values as it has seen",
        }
    }

    /// The reason with this number.
    pub(crate) fn from_imm(n: u64) -> Reason {
        Reason::ALL.get(n as usize).copied().unwrap_or(Reason::Tag)
    }
}

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inst<'a> {
    pub op: Op,
    /// The type of its result.
    pub ty: Ty,
    /// What the table says it is.
    pub imm: u64,
    /// Where the interpreter would go on, of instructions that have that.
    pub frame: Option<FrameId>,
    pub args: &'a [V],
}

impl Inst<'_> {
    /// Why code is left here, if it is a guard.
    pub(crate) fn reason(&self) -> Option<Reason> {
        Some(match self.op {
            Op::Guard => Reason::from_imm(self.imm),
            Op::GuardIs => Reason::Tag,
            Op::GuardShape => Reason::Shape,
            Op::GuardMeta => Reason::Meta,
            Op::GuardKind => Reason::Kind,
            Op::GuardIndex => Reason::Index,
            Op::GuardEntry => Reason::Entry,
            _ => return None,
        })
    }
}

/// Where a terminator goes, and what the block there gets.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub block: BlockId,
    pub args: SmallVec<[V; 4]>,
}

/// How a block ends.
#[derive(Clone, Debug)]
pub(crate) enum Term {
    /// The block isn't finished: only while building.
    Open,
    /// On to another block.
    Jump(Target),
    /// One way or the other. `likely`: which, as far as feedback tells.
    Branch {
        cond: V,
        yes: Target,
        no: Target,
        likely: Option<bool>,
    },
    /// Back to the interpreter.
    Exit { frame: FrameId, reason: Reason },
    /// Returns these values; the frame is that of the return instruction.
    Return {
        frame: FrameId,
        values: SmallVec<[V; 4]>,
    },
    /// Runs the instruction of the frame state by a step, which leaves the
    /// function: tail calls, returns of open results.
    Leave { frame: FrameId },
}

/// A block.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Values that whoever comes here passes.
    pub params: BVec<'a, V>,
    pub insts: BVec<'a, V>,
    pub term: Term,
    /// Seldom reached.
    pub cold: bool,
    /// Of a loop header: the state of the interpreter's frames where the block
    /// begins, in terms of its parameters. What is hoisted out of the loop
    /// goes on there if it fails.
    pub entry: Option<FrameId>,
}

/// What is compiled as one piece.
pub(crate) struct Func<'a> {
    pub arena: &'a Bump,
    /// By [`V`].
    pub insts: BVec<'a, Inst<'a>>,
    /// By [`BlockId`]. Blocks that nothing leads to are ignored.
    pub blocks: BVec<'a, Block<'a>>,
    /// By [`FrameId`].
    pub frames: BVec<'a, Frame<'a>>,
}

impl<'a> Func<'a> {
    /// An empty function: one open block.
    pub(crate) fn new(arena: &'a Bump) -> Func<'a> {
        let mut f = Func {
            arena,
            insts: BVec::new_in(arena),
            blocks: BVec::new_in(arena),
            frames: BVec::new_in(arena),
        };
        f.block();
        f
    }

    /// A new, open block.
    pub(crate) fn block(&mut self) -> BlockId {
        let id = BlockId(self.blocks.len() as u32);
        self.blocks.push(Block {
            params: BVec::new_in(self.arena),
            insts: BVec::new_in(self.arena),
            term: Term::Open,
            cold: false,
            entry: None,
        });
        id
    }

    /// Adds an instruction that is in no block yet.
    pub(crate) fn inst(
        &mut self,
        op: Op,
        ty: Ty,
        args: &[V],
        imm: u64,
        frame: Option<FrameId>,
    ) -> V {
        let v = V(self.insts.len() as u32);
        let args = self.arena.alloc_slice_copy(args);
        self.insts.push(Inst {
            op,
            ty,
            imm,
            frame,
            args,
        });
        v
    }

    /// Adds a parameter to a block.
    pub(crate) fn param(&mut self, block: BlockId, ty: Ty) -> V {
        let v = self.inst(Op::Param, ty, &[], 0, None);
        self.blocks[block.n()].params.push(v);
        v
    }

    /// The number of this frame state: of one like it that was made lately, or
    /// of a new one.
    pub(crate) fn add_frame(&mut self, frame: Frame<'a>) -> FrameId {
        let mut recent = self.frames.iter().enumerate().rev().take(16);
        let n = match recent.find(|(_, f)| **f == frame) {
            Some((n, _)) => n,
            None => {
                self.frames.push(frame);
                self.frames.len() - 1
            }
        };
        FrameId(n as u32)
    }

    /// The type of a value.
    pub(crate) fn ty(&self, v: V) -> Ty {
        self.insts[v.n()].ty
    }

    /// The integer constant that `v` is.
    pub(crate) fn int_const(&self, v: V) -> Option<i64> {
        let i = &self.insts[v.n()];
        (i.op == Op::Int).then_some(i.imm as i64)
    }

    /// The blocks that can follow `block`.
    pub(crate) fn targets(&self, block: BlockId) -> SmallVec<[&Target; 2]> {
        self.blocks[block.n()].term.targets()
    }

    /// Replaces arguments, frame states' values and what blocks pass on, by
    /// `map`, which is asked for every use.
    pub(crate) fn replace_uses(&mut self, map: &mut dyn FnMut(V) -> V) {
        for inst in &mut self.insts {
            if inst.args.iter().any(|&v| map(v) != v) {
                let args: SmallVec<[V; 4]> = inst.args.iter().map(|&v| map(v)).collect();
                inst.args = self.arena.alloc_slice_copy(&args);
            }
        }
        for frame in &mut self.frames {
            frame.replace(self.arena, map);
        }
        for block in &mut self.blocks {
            block.term.replace(map);
        }
    }
}

impl fmt::Debug for Func<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Target {
    /// To a block without parameters.
    pub(crate) fn to(block: BlockId) -> Target {
        Target {
            block,
            args: SmallVec::new(),
        }
    }
}

impl Term {
    /// Where it may go.
    pub(crate) fn targets(&self) -> SmallVec<[&Target; 2]> {
        match self {
            Term::Jump(t) => SmallVec::from_slice(&[t]),
            Term::Branch { yes, no, .. } => SmallVec::from_slice(&[yes, no]),
            _ => SmallVec::new(),
        }
    }

    /// The same, to be changed.
    pub(crate) fn targets_mut(&mut self) -> SmallVec<[&mut Target; 2]> {
        match self {
            Term::Jump(t) => SmallVec::from_iter([t]),
            Term::Branch { yes, no, .. } => SmallVec::from_iter([yes, no]),
            _ => SmallVec::new(),
        }
    }

    /// Gives it another frame state, if it has one.
    pub(crate) fn set_frame(&mut self, new: FrameId) {
        match self {
            Term::Exit { frame, .. } | Term::Return { frame, .. } | Term::Leave { frame } => {
                *frame = new;
            }
            Term::Open | Term::Jump(_) | Term::Branch { .. } => {}
        }
    }

    /// Its frame state.
    pub(crate) fn frame(&self) -> Option<FrameId> {
        match self {
            Term::Exit { frame, .. } | Term::Return { frame, .. } | Term::Leave { frame } => {
                Some(*frame)
            }
            _ => None,
        }
    }

    /// Calls `f` with every value it uses itself (not by its frame state).
    pub(crate) fn uses(&self, f: &mut dyn FnMut(V)) {
        match self {
            Term::Branch { cond, .. } => f(*cond),
            Term::Return { values, .. } => values.iter().for_each(|v| f(*v)),
            _ => {}
        }
        for t in self.targets() {
            t.args.iter().for_each(|v| f(*v));
        }
    }

    /// Replaces the values it uses itself.
    pub(crate) fn replace(&mut self, map: &mut dyn FnMut(V) -> V) {
        match self {
            Term::Branch { cond, .. } => *cond = map(*cond),
            Term::Return { values, .. } => values.iter_mut().for_each(|v| *v = map(*v)),
            _ => {}
        }
        for t in self.targets_mut() {
            t.args.iter_mut().for_each(|v| *v = map(*v));
        }
    }
}
