//! The one opcode list.
//!
//! Every table about opcodes (enum, mnemonics, encoder, decoder, verifier,
//! assembler, disassembler, dispatch) expands from [`for_each_op!`](crate::for_each_op). A row is
//!
//! ```text
//! Name, "mnemonic", A-role, B-role, C-role, extension, "semantics"
//! ```
//!
//! ## Operand roles
//!
//! | role  | meaning                                                            |
//! |-------|--------------------------------------------------------------------|
//! | `No`  | unused, must be 0                                                  |
//! | `Wr`  | register written                                                   |
//! | `Rd`  | register read                                                      |
//! | `Base`| first register of a range; the range rule is the opcode's own      |
//! | `Up`  | upvalue index                                                      |
//! | `Imm` | unsigned byte                                                      |
//! | `Sim` | signed byte                                                        |
//! | `Cnt` | count + 1; 0 means *open* (up to the top left by the producer)     |
//! | `DLo` | with C = `DHi`: one signed 16-bit immediate in B and C             |
//! | `KLo` | with C = `DHi`: one unsigned 16-bit constant index in B and C      |
//!
//! ## Extension
//!
//! In a file an instruction is one 32-bit word, or two when its opcode has an
//! extension other than `None`. In memory it is always one 64-bit
//! [`Insn`](crate::insn::Insn), so a pc counts *instructions*, never words.
//!
//! | ext    | second word in the file                       | in memory (high half)    |
//! |--------|-----------------------------------------------|--------------------------|
//! | `None` | absent                                        | feedback bits (8), 0     |
//! | `Jump` | signed jump, in instructions, relative to the next instruction, 24 bits | feedback bits (8), jump (24) |
//! | `K`    | constant index, 24 bits                       | feedback bits (8), index (24) |
//! | `Key`  | feedback slot (16), string constant index (16)| the same                 |
//! | `Slot` | feedback slot (16), 16 bits by opcode         | the same                 |
//! | `U32`  | 32 bits by opcode                             | the same                 |
//!
//! ## Calls
//!
//! A call at register A has the callee in R\[A\]; R\[A+1\] is the *link slot*,
//! owned by the callee's frame (undefined afterwards unless a result lands
//! there); arguments start at R\[A+2\]. Results replace R\[A\], R\[A+1\], … .
//!
//! ## Polls
//!
//! Only `LOOP`, `FORLOOP` and `TFORLOOP` jump backwards; they are the places
//! where a running function looks at interrupts. All other jumps go forward.

/// Calls `$m!` with every opcode row. See the module documentation for the
/// columns.
#[macro_export]
macro_rules! for_each_op {
    ($m:ident) => {
        $m! {
            // ---- moves and constants
            Nop,        "nop",        No,  No,  No,  None, "nothing";
            Move,       "move",       Wr,  Rd,  No,  None, "R[A] = R[B]";
            LoadNil,    "loadnil",    Base, Imm, No, None, "R[A] .. R[A+B] = nil";
            LoadFalse,  "loadfalse",  Wr,  No,  No,  None, "R[A] = false";
            LoadTrue,   "loadtrue",   Wr,  No,  No,  None, "R[A] = true";
            LoadI,      "loadi",      Wr,  DLo, DHi, None, "R[A] = D as an integer";
            LoadF,      "loadf",      Wr,  DLo, DHi, None, "R[A] = D as a float";
            LoadK,      "loadk",      Wr,  No,  No,  K,    "R[A] = K[x]";
            GetUpval,   "getupval",   Wr,  Up,  No,  None, "R[A] = U[B]";
            SetUpval,   "setupval",   Rd,  Up,  No,  None, "U[B] = R[A]";
            // ---- tables
            GetTabUp,   "gettabup",   Wr,  Up,  No,  Key,  "R[A] = U[B][K[x]]";
            SetTabUp,   "settabup",   Up,  Rd,  No,  Key,  "U[A][K[x]] = R[B]";
            GetField,   "getfield",   Wr,  Rd,  No,  Key,  "R[A] = R[B][K[x]]";
            SetField,   "setfield",   Rd,  Rd,  No,  Key,  "R[A][K[x]] = R[B]";
            SelfField,  "self",       Base, Rd, No,  Key,  "R[A+2] = R[B]; R[A] = R[B][K[x]]; R[A+1] undefined";
            GetIndex,   "getindex",   Wr,  Rd,  Rd,  None, "R[A] = R[B][R[C]]";
            SetIndex,   "setindex",   Rd,  Rd,  Rd,  None, "R[A][R[B]] = R[C]";
            GetIndexI,  "getindexi",  Wr,  Rd,  Imm, None, "R[A] = R[B][C]";
            SetIndexI,  "setindexi",  Rd,  Imm, Rd,  None, "R[A][B] = R[C]";
            NewTable,   "newtable",   Wr,  No,  Imm, Slot, "R[A] = {}; sizes: x array elements, C hash fields";
            SetList,    "setlist",    Base, Cnt, No, U32,  "R[A][x+i] = R[A+i] for 1 <= i < B (B = 0: to the top)";
            // ---- arithmetic, register and register
            Add,        "add",        Wr,  Rd,  Rd,  None, "R[A] = R[B] + R[C]";
            Sub,        "sub",        Wr,  Rd,  Rd,  None, "R[A] = R[B] - R[C]";
            Mul,        "mul",        Wr,  Rd,  Rd,  None, "R[A] = R[B] * R[C]";
            Div,        "div",        Wr,  Rd,  Rd,  None, "R[A] = R[B] / R[C]";
            IDiv,       "idiv",       Wr,  Rd,  Rd,  None, "R[A] = R[B] // R[C]";
            Mod,        "mod",        Wr,  Rd,  Rd,  None, "R[A] = R[B] % R[C]";
            Pow,        "pow",        Wr,  Rd,  Rd,  None, "R[A] = R[B] ^ R[C]";
            BAnd,       "band",       Wr,  Rd,  Rd,  None, "R[A] = R[B] & R[C]";
            BOr,        "bor",        Wr,  Rd,  Rd,  None, "R[A] = R[B] | R[C]";
            BXor,       "bxor",       Wr,  Rd,  Rd,  None, "R[A] = R[B] ~ R[C]";
            Shl,        "shl",        Wr,  Rd,  Rd,  None, "R[A] = R[B] << R[C]";
            Shr,        "shr",        Wr,  Rd,  Rd,  None, "R[A] = R[B] >> R[C]";
            // ---- arithmetic with a constant on the right
            AddI,       "addi",       Wr,  Rd,  Sim, None, "R[A] = R[B] + C";
            AddK,       "addk",       Wr,  Rd,  No,  K,    "R[A] = R[B] + K[x]";
            SubK,       "subk",       Wr,  Rd,  No,  K,    "R[A] = R[B] - K[x]";
            MulK,       "mulk",       Wr,  Rd,  No,  K,    "R[A] = R[B] * K[x]";
            DivK,       "divk",       Wr,  Rd,  No,  K,    "R[A] = R[B] / K[x]";
            IDivK,      "idivk",      Wr,  Rd,  No,  K,    "R[A] = R[B] // K[x]";
            ModK,       "modk",       Wr,  Rd,  No,  K,    "R[A] = R[B] % K[x]";
            PowK,       "powk",       Wr,  Rd,  No,  K,    "R[A] = R[B] ^ K[x]";
            BAndK,      "bandk",      Wr,  Rd,  No,  K,    "R[A] = R[B] & K[x]";
            BOrK,       "bork",       Wr,  Rd,  No,  K,    "R[A] = R[B] | K[x]";
            BXorK,      "bxork",      Wr,  Rd,  No,  K,    "R[A] = R[B] ~ K[x]";
            ShlK,       "shlk",       Wr,  Rd,  No,  K,    "R[A] = R[B] << K[x]";
            ShrK,       "shrk",       Wr,  Rd,  No,  K,    "R[A] = R[B] >> K[x]";
            // ---- unary, concatenation
            Unm,        "unm",        Wr,  Rd,  No,  None, "R[A] = -R[B]";
            BNot,       "bnot",       Wr,  Rd,  No,  None, "R[A] = ~R[B]";
            Not,        "not",        Wr,  Rd,  No,  None, "R[A] = not R[B]";
            Len,        "len",        Wr,  Rd,  No,  None, "R[A] = #R[B]";
            Concat,     "concat",     Wr,  Base, Rd, None, "R[A] = R[B] .. … .. R[C]; R[B] .. R[C] undefined (but R[A])";
            // ---- jumps
            Jmp,        "jmp",        No,  No,  No,  Jump, "pc += x, forward";
            Loop,       "loop",       No,  No,  No,  Jump, "pc += x, backward; polls";
            JTrue,      "jtrue",      Rd,  No,  No,  Jump, "if R[A] then pc += x";
            JFalse,     "jfalse",     Rd,  No,  No,  Jump, "if not R[A] then pc += x";
            JTrueSet,   "jtrueset",   Wr,  Rd,  No,  Jump, "if R[B] then R[A] = R[B]; pc += x";
            JFalseSet,  "jfalseset",  Wr,  Rd,  No,  Jump, "if not R[B] then R[A] = R[B]; pc += x";
            JNil,       "jnil",       Rd,  No,  No,  Jump, "if R[A] == nil then pc += x";
            JNotNil,    "jnotnil",    Rd,  No,  No,  Jump, "if R[A] ~= nil then pc += x";
            JEq,        "jeq",        Rd,  Rd,  No,  Jump, "if R[A] == R[B] then pc += x";
            JNe,        "jne",        Rd,  Rd,  No,  Jump, "if R[A] ~= R[B] then pc += x";
            JLt,        "jlt",        Rd,  Rd,  No,  Jump, "if R[A] < R[B] then pc += x";
            JNotLt,     "jnotlt",     Rd,  Rd,  No,  Jump, "if not (R[A] < R[B]) then pc += x";
            JLe,        "jle",        Rd,  Rd,  No,  Jump, "if R[A] <= R[B] then pc += x";
            JNotLe,     "jnotle",     Rd,  Rd,  No,  Jump, "if not (R[A] <= R[B]) then pc += x";
            JEqK,       "jeqk",       Rd,  KLo, DHi, Jump, "if R[A] == K[D] then pc += x (K[D] is no metamethod case)";
            JNeK,       "jnek",       Rd,  KLo, DHi, Jump, "if R[A] ~= K[D] then pc += x";
            JEqI,       "jeqi",       Rd,  DLo, DHi, Jump, "if R[A] == D then pc += x";
            JNeI,       "jnei",       Rd,  DLo, DHi, Jump, "if R[A] ~= D then pc += x";
            JLtI,       "jlti",       Rd,  DLo, DHi, Jump, "if R[A] < D then pc += x";
            JNotLtI,    "jnotlti",    Rd,  DLo, DHi, Jump, "if not (R[A] < D) then pc += x";
            JLeI,       "jlei",       Rd,  DLo, DHi, Jump, "if R[A] <= D then pc += x";
            JNotLeI,    "jnotlei",    Rd,  DLo, DHi, Jump, "if not (R[A] <= D) then pc += x";
            JGtI,       "jgti",       Rd,  DLo, DHi, Jump, "if R[A] > D then pc += x";
            JNotGtI,    "jnotgti",    Rd,  DLo, DHi, Jump, "if not (R[A] > D) then pc += x";
            JGeI,       "jgei",       Rd,  DLo, DHi, Jump, "if R[A] >= D then pc += x";
            JNotGeI,    "jnotgei",    Rd,  DLo, DHi, Jump, "if not (R[A] >= D) then pc += x";
            // ---- loops
            ForPrep,    "forprep",    Base, No, No,  Jump, "prepare R[A] init, R[A+1] limit, R[A+2] step; R[A+3] = init, or pc += x (forward) if it runs no time";
            ForLoop,    "forloop",    Base, No, No,  Jump, "step; if it goes on R[A+3] = index and pc += x (backward); polls";
            TForPrep,   "tforprep",   Base, No, No,  Jump, "open R[A+3] to be closed; pc += x (forward, to the tforcall)";
            TForCall,   "tforcall",   Base, No, Imm, None, "R[A+4] .. R[A+3+C] = R[A](R[A+1], R[A+2]); uses R[A+4] .. R[A+7]";
            TForLoop,   "tforloop",   Base, No, No,  Jump, "if R[A+4] ~= nil then R[A+2] = R[A+4]; pc += x (backward); polls";
            // ---- calls
            Call,       "call",       Base, Cnt, Cnt, Slot, "R[A] .. R[A+C-2] = R[A](R[A+2] .. R[A+B])";
            TailCall,   "tailcall",   Base, Cnt, No, Slot, "return R[A](R[A+2] .. R[A+B]); closes upvalues";
            Return,     "return",     Base, Cnt, No, None, "return R[A] .. R[A+B-2]";
            Return0,    "return0",    No,  No,  No,  None, "return";
            Return1,    "return1",    Rd,  No,  No,  None, "return R[A]";
            ReturnClose,"returnclose",Base, Cnt, No, None, "close every upvalue and to-be-closed variable of the frame, then return R[A] .. R[A+B-2]";
            VarargPrep, "varargprep", Imm, No,  No,  None, "first instruction of a vararg function: move the frame above its extra arguments; A = number of parameters";
            Vararg,     "vararg",     Base, No, Cnt, None, "R[A] .. R[A+C-2] = ...";
            Closure,    "closure",    Wr,  No,  No,  U32,  "R[A] = a closure of child prototype x";
            Close,      "close",      Base, No, No,  None, "close upvalues and to-be-closed variables >= R[A]; registers >= A are undefined afterwards";
            Tbc,        "tbc",        Rd,  No,  No,  None, "mark R[A] to be closed";
        }
    };
}

/// What an operand field means; see the table in the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(
    missing_docs,
    reason = "the variants are the table in the module documentation"
)]
pub enum Role {
    No,
    Wr,
    Rd,
    Base,
    Up,
    Imm,
    Sim,
    Cnt,
    DLo,
    DHi,
    KLo,
}

/// What the second word holds; see the table in the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(
    missing_docs,
    reason = "the variants are the table in the module documentation"
)]
pub enum Ext {
    None,
    Jump,
    K,
    Key,
    Slot,
    U32,
}

/// One row of the opcode list.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The opcode.
    pub op: Op,
    /// The name in assembly text.
    pub mnemonic: &'static str,
    /// Role of operand A.
    pub a: Role,
    /// Role of operand B.
    pub b: Role,
    /// Role of operand C.
    pub c: Role,
    /// The extension.
    pub ext: Ext,
    /// The effect, in words.
    pub semantics: &'static str,
}

macro_rules! define_ops {
    ($($name:ident, $mn:literal, $a:ident, $b:ident, $c:ident, $e:ident, $sem:literal;)*) => {
        /// An opcode. The discriminant is the encoding.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $(#[doc = concat!("`", $sem, "`")] $name,)* }

        /// All rows, indexed by opcode.
        pub const OPS: &[OpInfo] = &[$(OpInfo {
            op: Op::$name, mnemonic: $mn,
            a: Role::$a, b: Role::$b, c: Role::$c, ext: Ext::$e,
            semantics: $sem,
        },)*];
    };
}
for_each_op!(define_ops);

/// How many opcodes there are.
pub const OP_COUNT: usize = OPS.len();

impl Op {
    /// The opcode with this encoding, if there is one.
    #[inline]
    pub fn from_u8(byte: u8) -> Option<Op> {
        OPS.get(byte as usize).map(|row| row.op)
    }

    /// This opcode's row.
    #[inline]
    pub fn info(self) -> &'static OpInfo {
        &OPS[self as usize]
    }

    /// May only jump backwards, and polls.
    pub fn is_back_edge(self) -> bool {
        matches!(self, Op::Loop | Op::ForLoop | Op::TForLoop)
    }

    /// Ends a block without falling through.
    pub fn is_terminator(self) -> bool {
        matches!(
            self,
            Op::Jmp
                | Op::Loop
                | Op::TForPrep
                | Op::TailCall
                | Op::Return
                | Op::Return0
                | Op::Return1
                | Op::ReturnClose
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_encoding_order_and_mnemonics_unique() {
        let mut seen = std::collections::HashSet::new();
        for (i, row) in OPS.iter().enumerate() {
            assert_eq!(row.op as usize, i);
            assert!(seen.insert(row.mnemonic));
            assert_eq!(Op::from_u8(i as u8), Some(row.op));
            assert_eq!(matches!(row.b, Role::DLo | Role::KLo), row.c == Role::DHi);
        }
        assert_eq!(Op::from_u8(OP_COUNT as u8), None);
    }
}
