//! A module in memory: what the reader yields, the verifier judges and the
//! runtime loads.
//!
//! A module is a flat list of prototypes (0 is the main function, a child's
//! index is larger than its parent's and it has exactly one parent) and a
//! list of byte strings that constants and debug information share.

use crate::insn::Insn;
use smallvec::SmallVec;

/// Index of a string in [`Module::strings`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct StrId(pub u32);

/// Index of a prototype in [`Module::protos`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct ProtoId(pub u32);

/// Most registers a function may use. Register numbers are 0 ..= 254.
pub const MAX_REGS: usize = 255;
/// Most upvalues a function may have.
pub const MAX_UPVALUES: usize = 255;
/// Most feedback slots of a prototype.
pub const MAX_SLOTS: usize = 1 << 16;

/// A compiled chunk.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Module {
    /// Byte strings, shared by constants and debug information.
    pub strings: Vec<Box<[u8]>>,
    /// Prototypes; the main function is number 0.
    pub protos: Vec<Proto>,
}

/// A constant.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the variants are Lua's own types")]
pub enum Const {
    Nil,
    False,
    True,
    Int(i64),
    Float(f64),
    Str(StrId),
}

/// Where a closure takes an upvalue from when it is created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpvalDesc {
    /// A register of the enclosing function, else one of its upvalues.
    pub from_register: bool,
    /// Register or upvalue index in the enclosing function. For the main
    /// function 0: its only upvalue is `_ENV`, supplied by the loader.
    pub index: u8,
    /// Declared `<const>` or `<close>`, or a compile-time constant: never assigned.
    pub read_only: bool,
    /// Name in the source, if known.
    pub name: Option<StrId>,
}

/// What the source asks of compilers for a function. It changes nothing of what
/// the function does, and a VM may leave it unheeded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum Annotation {
    /// Nothing.
    #[default]
    None = 0,
    /// What the VM does anyway, whatever the function around asks.
    Auto = 1,
    /// Interpret it only.
    Off = 2,
    /// Nothing beyond the baseline compiler.
    Baseline = 3,
    /// Compile it when it is loaded.
    Always = 4,
    /// Optimize it by Cranelift alone.
    Cranelift = 5,
    /// Optimize it by LLVM alone.
    Llvm = 6,
}

/// The bit of a prototype's flags in a file from which on its annotation stands.
pub(crate) const ANNOTATION_BIT: u8 = 2;

impl Annotation {
    /// All that ask for something.
    pub const ALL: [Annotation; 6] = [
        Annotation::Auto,
        Annotation::Off,
        Annotation::Baseline,
        Annotation::Always,
        Annotation::Cranelift,
        Annotation::Llvm,
    ];

    /// The word for it; empty for [`None`](Annotation::None).
    pub fn name(self) -> &'static str {
        match self {
            Annotation::None => "",
            Annotation::Auto => "auto",
            Annotation::Off => "off",
            Annotation::Baseline => "baseline",
            Annotation::Always => "always",
            Annotation::Cranelift => "cranelift",
            Annotation::Llvm => "llvm",
        }
    }

    /// The one with this word.
    pub fn from_name(word: &[u8]) -> Option<Annotation> {
        Annotation::ALL
            .into_iter()
            .find(|a| a.name().as_bytes() == word)
    }

    /// The one with this number.
    pub fn from_u8(number: u8) -> Option<Annotation> {
        match number {
            0 => Some(Annotation::None),
            n => Annotation::ALL.get(usize::from(n) - 1).copied(),
        }
    }
}

/// What a feedback slot records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SlotKind {
    /// Inline cache of a field access: shapes, holder and slot.
    Field = 0,
    /// Callee of a call.
    Call = 1,
    /// Allocation site of a table: kind, capacity and shape reached.
    Site = 2,
}

/// The declared state at a block's first instruction. Every jump target has
/// one; what falls through into it or jumps to it must satisfy it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// First instruction.
    pub pc: u32,
    /// The target of a backward jump: an OSR entry.
    pub loop_header: bool,
    /// Registers 0 .. defined hold values.
    pub defined: u8,
    /// Registers open to be closed, ascending.
    pub tbc: SmallVec<[u8; 2]>,
    /// Results pending from this register to the top, if a block starts
    /// between their producer and their consumer.
    pub open: Option<u8>,
}

/// A local variable's debug range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalVar {
    /// Its name.
    pub name: StrId,
    /// Its register.
    pub reg: u8,
    /// First instruction in scope.
    pub start: u32,
    /// First instruction out of scope.
    pub end: u32,
}

/// Source position of an instruction; both count from 1, 0 is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pos {
    /// Line.
    pub line: u32,
    /// Column in bytes.
    pub column: u32,
}

/// What kind of name an operand has, as error messages word it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum HintKind {
    /// "local 'x'"
    Local = 0,
    /// "upvalue 'x'"
    Upvalue = 1,
    /// "global 'x'"
    Global = 2,
    /// "field 'x'"
    Field = 3,
    /// "method 'x'"
    Method = 4,
    /// "constant 'x'"
    Constant = 5,
}

/// The name of an operand, for error messages ("attempt to index a nil value
/// (field 'x')") and for the function names in tracebacks (the callee of
/// `call`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hint {
    /// The instruction that may raise.
    pub pc: u32,
    /// The operand's register as it stands in the instruction (for `concat`
    /// any register of its range, for calls the callee's register); 255 names
    /// the constant operand.
    pub reg: u8,
    /// The kind of name.
    pub kind: HintKind,
    /// The name.
    pub name: StrId,
}

/// A set of registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RegSet(pub [u64; 4]);

impl RegSet {
    /// Whether `reg` is in the set.
    #[inline]
    pub fn contains(&self, reg: u8) -> bool {
        self.0[reg as usize >> 6] >> (reg & 63) & 1 != 0
    }

    /// Adds `reg`.
    #[inline]
    pub fn insert(&mut self, reg: u8) {
        self.0[reg as usize >> 6] |= 1 << (reg & 63);
    }

    /// Removes `reg`.
    #[inline]
    pub fn remove(&mut self, reg: u8) {
        self.0[reg as usize >> 6] &= !(1 << (reg & 63));
    }

    /// No register is in the set.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}

/// One function of a module.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Proto {
    /// Chunk name as Lua gives it (`@file`, `=name` or source text); `None` if stripped.
    pub source: Option<StrId>,
    /// Line of `function`; 0 for a main function.
    pub line_defined: u32,
    /// Line of its `end`.
    pub last_line_defined: u32,
    /// Fixed parameters; they are registers 0 .. params at entry.
    pub params: u8,
    /// Takes extra arguments; its first instruction is `varargprep`.
    pub vararg: bool,
    /// What is asked of compilers.
    pub annotation: Annotation,
    /// Registers used, at most [`MAX_REGS`]. At least `params`.
    pub regs: u8,
    /// Instructions.
    pub code: Vec<Insn>,
    /// Constants.
    pub consts: Vec<Const>,
    /// Upvalues.
    pub upvals: Vec<UpvalDesc>,
    /// Child prototypes, each with an index above this one's.
    pub children: Vec<ProtoId>,
    /// Registers some closure captures. A function with any returns by
    /// `returnclose` or `tailcall` only.
    pub captured: RegSet,
    /// Feedback slots, by number.
    pub slots: Vec<SlotKind>,
    /// Declared states, ascending by pc: every jump target, and nothing else
    /// is required.
    pub blocks: Vec<Block>,
    /// Local variables in order of declaration (debug; may be empty).
    pub locals: Vec<LocalVar>,
    /// Position of each instruction (debug; empty or as long as `code`).
    pub positions: Vec<Pos>,
    /// Operand names, ascending by pc (debug; may be empty).
    pub hints: Vec<Hint>,
}

impl Module {
    /// The bytes of a string. Panics if `id` is not of this module.
    pub fn str(&self, id: StrId) -> &[u8] {
        &self.strings[id.0 as usize]
    }
}

impl Proto {
    /// Bytes that it takes: itself and its lists.
    pub fn bytes(&self) -> usize {
        size_of::<Proto>()
            + self.code.capacity() * size_of::<Insn>()
            + self.consts.capacity() * size_of::<Const>()
            + self.upvals.capacity() * size_of::<UpvalDesc>()
            + self.children.capacity() * size_of::<ProtoId>()
            + self.slots.capacity() * size_of::<SlotKind>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.locals.capacity() * size_of::<LocalVar>()
            + self.positions.capacity() * size_of::<Pos>()
            + self.hints.capacity() * size_of::<Hint>()
    }

    /// Position of the instruction at `pc`; zeros if unknown.
    pub fn pos(&self, pc: u32) -> Pos {
        self.positions.get(pc as usize).copied().unwrap_or_default()
    }

    /// The name of operand `reg` of the instruction at `pc`.
    pub fn hint(&self, pc: u32, reg: u8) -> Option<Hint> {
        let first = self.hints.partition_point(|h| h.pc < pc);
        self.hints[first..]
            .iter()
            .take_while(|h| h.pc == pc)
            .find(|h| h.reg == reg)
            .copied()
    }
}
