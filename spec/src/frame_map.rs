//! Frame maps: how to rebuild interpreter frames from compiled code's state.
//!
//! Compiled code keeps values in machine registers, unboxed, for functions it
//! has inlined into one another, and leaves objects unallocated that nobody
//! has seen. When it must be left (a failed guard, an error, a collection,
//! a traceback), the frame map of that exit says what the interpreter would
//! have had instead.
//!
//! ```text
//!  exit ──▶ raw words in the deopt buffer ─┐
//!           VM slots                       ├─▶ FrameMap ──▶ interpreter frames
//!           constants                      ┘               (registers, pc, base)
//! ```
//!
//! - A **virtual frame** is a frame the interpreter would have: which function,
//!   which pc, where its registers start relative to the physical frame, and a
//!   [`Value`] for each live register. Frames are listed outermost first; all
//!   but the last wait for a call they made. The last is about to execute its
//!   pc, or (at a call that was not inlined) waits as well.
//! - A **sunk object** is one that was never allocated; the map says how to
//!   make it. Objects may refer to each other, in circles too.
//! - Many exits share their outer frames, and many share everything: a
//!   [`FrameMaps`] table stores each distinct frame and each distinct map once.
//!
//! [`codec`] is the binary form, [`check`] compares a map with the bytecode's
//! liveness. `frames.md` has the format byte by byte.

pub mod check;
pub mod codec;

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

/// A function in the table compiled code carries of those it inlines; number 0
/// is the function compiled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct FuncId(pub u32);

/// A map in a [`FrameMaps`] table: what an exit names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct FrameMapId(pub u32);

/// A frame in a [`FrameMaps`] table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct FrameId(pub u32);

/// How a value's bits are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Repr {
    /// A tag and a payload: two words of the buffer, or a whole VM slot.
    Tagged = 0,
    /// The payload of an integer.
    Int = 1,
    /// The bits of a float.
    Float = 2,
    /// 0 or 1.
    Bool = 3,
    /// The payload of a string.
    Str = 4,
    /// The payload of a table.
    Table = 5,
    /// The payload of a closure.
    Closure = 6,
    /// The address of an upvalue, which only closures refer to.
    Upval = 7,
}

/// Where bits are at the exit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Loc {
    /// A word of the deopt buffer; a tagged value's payload follows its tag.
    Word(u16),
    /// A VM slot, relative to the physical frame's base.
    Slot(u32),
}

/// The value of a register or a part of an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// Bits somewhere.
    At(Repr, Loc),
    /// Nil.
    Nil,
    /// A boolean known while compiling.
    Bool(bool),
    /// An integer known while compiling.
    Int(i64),
    /// The bits of a float known while compiling.
    Float(u64),
    /// A constant of the frame's function; in a sunk object, of function 0.
    Const(u32),
    /// A sunk object of the map.
    Sunk(u16),
}

/// A frame as the interpreter would have it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct VirtualFrame {
    /// Its function.
    pub func: FuncId,
    /// Its closure; `None` for the outermost, whose closure lies below its
    /// registers already.
    pub closure: Option<Value>,
    /// The instruction it waits in, or for the last frame is about to execute.
    pub pc: u32,
    /// Where its registers start, relative to the physical frame's base.
    pub base: u32,
    /// It was entered by a tail call of the function that the frame below
    /// called.
    pub tail: bool,
    /// The live registers, ascending.
    pub regs: Vec<(u8, Value)>,
}

/// What kind of object was not allocated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SunkKind {
    /// A table made at this feedback slot of function `func`.
    Table {
        /// The function whose `newtable` it is.
        func: FuncId,
        /// Its feedback slot.
        slot: u16,
    },
    /// A closure of this child of function `func`.
    Closure {
        /// The enclosing function.
        func: FuncId,
        /// Which of its children.
        child: u32,
    },
    /// The extra arguments of the frame with this position in the map, from
    /// part 0 on.
    Varargs {
        /// Position in [`FrameMap::frames`].
        frame: u16,
    },
    /// An upvalue that is closed: part 0 is its value. Closures that share a
    /// variable whose block has ended share one.
    Cell,
    /// The upvalue of a register of the frame with this position, which is
    /// open as long as the frame is there. No parts.
    Open {
        /// Position in [`FrameMap::frames`].
        frame: u16,
        /// The register.
        reg: u8,
    },
    /// An upvalue of the closure of the frame with this position. No parts.
    Upval {
        /// Position in [`FrameMap::frames`].
        frame: u16,
        /// Number of the upvalue.
        upval: u8,
    },
}

impl SunkKind {
    /// Whether it stands for an upvalue, which only closures refer to.
    pub fn is_upvalue(self) -> bool {
        matches!(
            self,
            SunkKind::Cell | SunkKind::Open { .. } | SunkKind::Upval { .. }
        )
    }
}

/// Which part of an object a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// Array element, extra argument, or upvalue of a closure: a sunk object
    /// that stands for one, or the value of one that nobody shares.
    Index(u32),
    /// The field named by this string constant of the creating function.
    Field(u32),
    /// The metatable, which has no finalizer and says nothing of weak
    /// references.
    Meta,
}

/// How to make an object that was not allocated.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SunkObject {
    /// What it is.
    pub kind: SunkKind,
    /// Its parts, in the order in which they were stored.
    pub parts: Vec<(Part, Value)>,
}

/// How to rebuild all frames at an exit.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FrameMap {
    /// Frames, outermost first; at least one.
    pub frames: Vec<VirtualFrame>,
    /// Objects that frames or other objects refer to by position.
    pub sunk: Vec<SunkObject>,
    /// The last frame waits for a call, too.
    pub waits: bool,
}

/// A map as stored: its frames by number.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Stored {
    frames: Vec<FrameId>,
    sunk: Vec<SunkObject>,
    waits: bool,
}

/// All frame maps of a piece of code, each distinct frame and map once.
#[derive(Clone, Debug, Default)]
pub struct FrameMaps {
    frames: Consed<VirtualFrame>,
    maps: Consed<Stored>,
}

/// A list of distinct items.
#[derive(Clone, Debug)]
struct Consed<T> {
    items: Vec<T>,
    number: HashMap<T, u32>,
}

impl<T> Default for Consed<T> {
    fn default() -> Self {
        Consed {
            items: Vec::new(),
            number: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Consed<T> {
    fn add(&mut self, item: T) -> u32 {
        if let Some(&n) = self.number.get(&item) {
            return n;
        }
        let n = self.items.len() as u32;
        self.items.push(item.clone());
        self.number.insert(item, n);
        n
    }
}

impl FrameMaps {
    /// An empty table.
    pub fn new() -> FrameMaps {
        FrameMaps::default()
    }

    /// The number of `map`, which is added if it is new.
    pub fn add(&mut self, map: FrameMap) -> FrameMapId {
        let frames = map.frames.into_iter();
        let stored = Stored {
            frames: frames.map(|f| FrameId(self.frames.add(f))).collect(),
            sunk: map.sunk,
            waits: map.waits,
        };
        FrameMapId(self.maps.add(stored))
    }

    /// How many maps there are.
    pub fn len(&self) -> usize {
        self.maps.items.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.maps.items.is_empty()
    }

    /// How many distinct frames the maps are made of.
    pub fn frame_count(&self) -> usize {
        self.frames.items.len()
    }

    /// The frames of a map, outermost first, without copying them.
    pub fn frames(&self, id: FrameMapId) -> impl DoubleEndedIterator<Item = &VirtualFrame> {
        let stored = self.maps.items.get(id.0 as usize);
        stored
            .into_iter()
            .flat_map(|s| &s.frames)
            .filter_map(|f| self.frames.items.get(f.0 as usize))
    }

    /// The sunk objects of a map.
    pub fn sunk(&self, id: FrameMapId) -> &[SunkObject] {
        self.maps
            .items
            .get(id.0 as usize)
            .map_or(&[], |stored| &stored.sunk)
    }

    /// Whether the last frame of a map waits for a call.
    pub fn waits(&self, id: FrameMapId) -> bool {
        self.maps
            .items
            .get(id.0 as usize)
            .is_some_and(|stored| stored.waits)
    }

    /// A copy of a map.
    pub fn get(&self, id: FrameMapId) -> Option<FrameMap> {
        self.maps.items.get(id.0 as usize)?;
        Some(FrameMap {
            frames: self.frames(id).cloned().collect(),
            sunk: self.sunk(id).to_vec(),
            waits: self.waits(id),
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Value::At(repr, loc) => {
                let name = match repr {
                    Repr::Tagged => "tagged",
                    Repr::Int => "int",
                    Repr::Float => "float",
                    Repr::Bool => "bool",
                    Repr::Str => "string",
                    Repr::Table => "table",
                    Repr::Closure => "closure",
                    Repr::Upval => "upvalue",
                };
                match loc {
                    Loc::Word(word) => write!(f, "{name} w{word}"),
                    Loc::Slot(slot) => write!(f, "{name} [{slot}]"),
                }
            }
            Value::Nil => f.write_str("nil"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(int) => write!(f, "{int}"),
            Value::Float(bits) => write!(f, "{:?}", f64::from_bits(bits)),
            Value::Const(k) => write!(f, "k{k}"),
            Value::Sunk(n) => write!(f, "#{n}"),
        }
    }
}

impl fmt::Display for FrameMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, frame) in self.frames.iter().enumerate() {
            let waits = self.waits || n + 1 < self.frames.len();
            let at = if waits { "in pc" } else { "pc" };
            write!(f, "frame f{} {at} {}", frame.func.0, frame.pc)?;
            write!(f, " base {}", frame.base)?;
            if let Some(closure) = frame.closure {
                write!(f, " closure {closure}")?;
            }
            if frame.tail {
                f.write_str(" tail")?;
            }
            for (n, (reg, value)) in frame.regs.iter().enumerate() {
                let comma = if n == 0 { ":" } else { "," };
                write!(f, "{comma} r{reg} = {value}")?;
            }
            writeln!(f)?;
        }
        for (n, object) in self.sunk.iter().enumerate() {
            write!(f, "#{n} = ")?;
            match object.kind {
                SunkKind::Table { func, slot } => write!(f, "table f{} s{slot}", func.0)?,
                SunkKind::Closure { func, child } => write!(f, "closure f{} p{child}", func.0)?,
                SunkKind::Varargs { frame } => write!(f, "varargs of frame {frame}")?,
                SunkKind::Cell => f.write_str("cell")?,
                SunkKind::Open { frame, reg } => {
                    writeln!(f, "upvalue of r{reg} of frame {frame}")?;
                    continue;
                }
                SunkKind::Upval { frame, upval } => {
                    writeln!(f, "upvalue u{upval} of frame {frame}")?;
                    continue;
                }
            }
            f.write_str(" {")?;
            for (n, (part, value)) in object.parts.iter().enumerate() {
                let comma = if n == 0 { " " } else { ", " };
                match part {
                    Part::Index(i) => write!(f, "{comma}[{i}] = {value}")?,
                    Part::Field(k) => write!(f, "{comma}k{k} = {value}")?,
                    Part::Meta => write!(f, "{comma}meta = {value}")?,
                }
            }
            writeln!(f, " }}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FrameMaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for n in 0..self.len() as u32 {
            writeln!(f, "map {n}")?;
            if let Some(map) = self.get(FrameMapId(n)) {
                for line in map.to_string().lines() {
                    writeln!(f, "  {line}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two frames and two objects that refer to each other.
    pub(crate) fn sample() -> FrameMap {
        FrameMap {
            frames: vec![
                VirtualFrame {
                    func: FuncId(0),
                    closure: None,
                    pc: 2,
                    base: 0,
                    tail: false,
                    regs: vec![(1, Value::At(Repr::Tagged, Loc::Slot(1)))],
                },
                VirtualFrame {
                    func: FuncId(1),
                    closure: Some(Value::Sunk(1)),
                    pc: 0,
                    base: 4,
                    tail: false,
                    regs: vec![
                        (0, Value::At(Repr::Int, Loc::Word(3))),
                        (1, Value::Sunk(0)),
                        (2, Value::Float(0.5f64.to_bits())),
                    ],
                },
            ],
            sunk: vec![
                SunkObject {
                    kind: SunkKind::Table {
                        func: FuncId(1),
                        slot: 0,
                    },
                    parts: vec![
                        (Part::Index(1), Value::Int(-7)),
                        (Part::Field(0), Value::Sunk(1)),
                    ],
                },
                SunkObject {
                    kind: SunkKind::Closure {
                        func: FuncId(0),
                        child: 0,
                    },
                    parts: vec![
                        (Part::Index(0), Value::Sunk(0)),
                        (Part::Index(1), Value::Sunk(2)),
                    ],
                },
                SunkObject {
                    kind: SunkKind::Open { frame: 0, reg: 1 },
                    parts: vec![],
                },
            ],
            waits: false,
        }
    }

    #[test]
    fn equal_maps_and_frames_are_stored_once() {
        let mut maps = FrameMaps::new();
        let a = maps.add(sample());
        assert_eq!(maps.add(sample()), a);
        let mut other = sample();
        other.frames[1].pc = 1;
        let b = maps.add(other.clone());
        assert_ne!(a, b);
        assert_eq!((maps.len(), maps.frame_count()), (2, 3));
        assert_eq!(maps.get(b), Some(other));
        assert_eq!(maps.get(FrameMapId(9)), None);
        assert_eq!(maps.frames(a).map(|f| f.func.0).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn printing() {
        let mut maps = FrameMaps::new();
        maps.add(sample());
        assert_eq!(
            maps.to_string(),
            "map 0\n\
             \x20 frame f0 in pc 2 base 0: r1 = tagged [1]\n\
             \x20 frame f1 pc 0 base 4 closure #1: r0 = int w3, r1 = #0, r2 = 0.5\n\
             \x20 #0 = table f1 s0 { [1] = -7, k0 = #1 }\n\
             \x20 #1 = closure f0 p0 { [0] = #0, [1] = #2 }\n\
             \x20 #2 = upvalue of r1 of frame 0\n"
        );
    }
}
