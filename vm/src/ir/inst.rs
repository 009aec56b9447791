//! The one instruction table of the IR.
//!
//! Every table about instructions (enum, mnemonics, the verifier's argument
//! and result types, what passes may assume) expands from [`for_each_inst!`].
//! A row is
//!
//! ```text
//! Name, "mnemonic", [argument types], result, immediate, reads, writes;
//! ```
//!
//! - Arguments: a type, `Typed` (anything but `Any`), `Each` (anything), `Obj`
//!   (a pointer of any type), `Rest` (any number of anything; last), `Cells`
//!   (any number of upvalues; last).
//! - Result: a type, `Void`, or `Given`: the instruction's own field says.
//! - Immediate: how the 64 bits are to be read and printed; `No`: unused.
//! - Reads and writes: regions of memory, see [`regions`].
//!
//! Instructions whose name starts with `Guard`, and a few more
//! ([`Op::exits`]), leave the code through their frame state if what they
//! expect isn't there. What a guard has found out is its *result*: a typed or
//! refined value. Whoever relies on the guard uses the result, so no pass can
//! move a use above it.

use super::Ty;

/// Regions of memory: what is in different ones does not overlap.
pub(crate) mod regions {
    /// Nothing.
    pub const NONE: u16 = 0;
    /// The frame's VM slots.
    pub const SLOTS: u16 = 1;
    /// Which shape a table has.
    pub const SHAPES: u16 = 1 << 1;
    /// Fields of tables.
    pub const FIELDS: u16 = 1 << 2;
    /// Headers of tables' array parts: kind, length, capacity, addresses.
    pub const ARRAYS: u16 = 1 << 3;
    /// Elements of kind `Int`.
    pub const INTS: u16 = 1 << 4;
    /// Elements of kind `Float`.
    pub const FLOATS: u16 = 1 << 5;
    /// Elements of kind `Mixed`.
    pub const MIXED: u16 = 1 << 6;
    /// Upvalues, and captured registers.
    pub const UPVALS: u16 = 1 << 7;
    /// Hash parts.
    pub const HASHES: u16 = 1 << 8;
    /// Colours of objects, and what the collector keeps.
    pub const HEAP: u16 = 1 << 9;
    /// All that belongs to tables, fields and shapes apart.
    pub const PARTS: u16 = ARRAYS | INTS | FLOATS | MIXED | HASHES | HEAP;
    /// Array parts, and what the collector keeps.
    pub const ELEMENTS: u16 = ARRAYS | INTS | FLOATS | MIXED | HEAP;
    /// All that is in tables, and what the collector keeps.
    pub const TABLES: u16 = SHAPES | FIELDS | ARRAYS | INTS | FLOATS | MIXED | HASHES | HEAP;
    /// Everything.
    pub const ALL: u16 = 0x7ff;
}

/// Calls `$m!` with every row. See the module documentation for the columns.
macro_rules! for_each_inst {
    ($m:ident) => {
        $m! {
            // ---- constants
            Int,        "int",         [], Int, Int, NONE, NONE;
            Float,      "float",       [], Float, Float, NONE, NONE;
            Nil,        "nil",         [], Nil, No, NONE, NONE;
            Bool,       "bool",        [], Bool, Int, NONE, NONE;
            Object,     "object",      [], Given, Num, NONE, NONE;
            Param,      "param",       [], Given, No, NONE, NONE;
            Argument,   "argument",    [], Any, Num, NONE, NONE;
            // ---- tags
            Box,        "box",         [Typed], Any, No, NONE, NONE;
            Unbox,      "unbox",       [Any], Given, No, NONE, NONE;
            Is,         "is",          [Any], Bool, Tag, NONE, NONE;
            TagIn,      "tag_in",      [Any], Bool, Num, NONE, NONE;
            Truthy,     "truthy",      [Any], Bool, No, NONE, NONE;
            IsGc,       "is_gc",       [Any], Bool, No, NONE, NONE;
            SameTag,    "same_tag",    [Any Any], Bool, No, NONE, NONE;
            SameBits,   "same_bits",   [Any Any], Bool, No, NONE, NONE;
            // ---- booleans, pointers
            Not,        "not",         [Bool], Bool, No, NONE, NONE;
            And,        "and",         [Bool Bool], Bool, No, NONE, NONE;
            Or,         "or",          [Bool Bool], Bool, No, NONE, NONE;
            Same,       "same",        [Obj Obj], Bool, No, NONE, NONE;
            IsNull,     "is_null",     [Obj], Bool, No, NONE, NONE;
            Select,     "select",      [Bool Each Each], Given, No, NONE, NONE;
            // ---- integers
            IAdd,       "iadd",        [Int Int], Int, No, NONE, NONE;
            ISub,       "isub",        [Int Int], Int, No, NONE, NONE;
            IMul,       "imul",        [Int Int], Int, No, NONE, NONE;
            IDiv,       "idiv",        [Int Int], Int, No, NONE, NONE;
            IMod,       "imod",        [Int Int], Int, No, NONE, NONE;
            UDiv,       "udiv",        [Int Int], Int, No, NONE, NONE;
            IAnd,       "iand",        [Int Int], Int, No, NONE, NONE;
            IOr,        "ior",         [Int Int], Int, No, NONE, NONE;
            IXor,       "ixor",        [Int Int], Int, No, NONE, NONE;
            IShl,       "ishl",        [Int Int], Int, No, NONE, NONE;
            INeg,       "ineg",        [Int], Int, No, NONE, NONE;
            INot,       "inot",        [Int], Int, No, NONE, NONE;
            ILt,        "ilt",         [Int Int], Bool, No, NONE, NONE;
            ILe,        "ile",         [Int Int], Bool, No, NONE, NONE;
            IUlt,       "iult",        [Int Int], Bool, No, NONE, NONE;
            IEq,        "ieq",         [Int Int], Bool, No, NONE, NONE;
            // ---- floats
            FAdd,       "fadd",        [Float Float], Float, No, NONE, NONE;
            FSub,       "fsub",        [Float Float], Float, No, NONE, NONE;
            FMul,       "fmul",        [Float Float], Float, No, NONE, NONE;
            FDiv,       "fdiv",        [Float Float], Float, No, NONE, NONE;
            FMod,       "fmod",        [Float Float], Float, No, NONE, NONE;
            FPow,       "fpow",        [Float Float], Float, No, NONE, NONE;
            FNeg,       "fneg",        [Float], Float, No, NONE, NONE;
            FSqrt,      "fsqrt",       [Float], Float, No, NONE, NONE;
            FAbs,       "fabs",        [Float], Float, No, NONE, NONE;
            FFloor,     "ffloor",      [Float], Float, No, NONE, NONE;
            FCeil,      "fceil",       [Float], Float, No, NONE, NONE;
            FLt,        "flt",         [Float Float], Bool, No, NONE, NONE;
            FLe,        "fle",         [Float Float], Bool, No, NONE, NONE;
            FEq,        "feq",         [Float Float], Bool, No, NONE, NONE;
            ToFloat,    "to_float",    [Int], Float, No, NONE, NONE;
            ToInt,      "to_int",      [Float], Int, No, NONE, NONE;
            FitsInt,    "fits_int",    [Float], Bool, No, NONE, NONE;
            // ---- guards
            Guard,      "guard",       [Bool], Void, Reason, NONE, NONE;
            GuardIs,    "guard_is",    [Any], Given, Tag, NONE, NONE;
            GuardShape, "guard_shape", [Table Ptr], Table, No, SHAPES, NONE;
            GuardMeta,  "guard_meta",  [Table], Table, No, SHAPES, NONE;
            GuardKind,  "guard_kind",  [Table], Table, Tag, ARRAYS, NONE;
            GuardIndex, "guard_index", [Int Int], Int, No, NONE, NONE;
            GuardEntry, "guard_entry", [Table Str], Ptr, Num, HASHES, NONE;
            // ---- the frame
            SlotLoad,   "slot_load",   [], Any, Num, SLOTS, NONE;
            SlotStore,  "slot_store",  [Each], Void, Num, NONE, SLOTS;
            CapturedLoad, "captured_load", [], Any, Num, UPVALS, NONE;
            CapturedStore, "captured_store", [Each], Void, Num, NONE, UPVALS;
            LinkStore,  "link_store",  [Closure Rest], Void, Num, NONE, SLOTS;
            Myself,     "myself",      [], Closure, No, NONE, NONE;
            // ---- tables: fields
            Shape,      "shape",       [Table], Ptr, No, SHAPES, NONE;
            SetShape,   "set_shape",   [Table Ptr], Void, No, NONE, SHAPES;
            Epoch,      "epoch",       [], Int, No, SHAPES, NONE;
            Meta,       "meta",        [Table], Ptr, No, SHAPES, NONE;
            Family,     "family",      [Ptr], Ptr, No, NONE, NONE;
            Absent,     "absent",      [Ptr], Int, No, TABLES, NONE;
            Field,      "field",       [Table], Any, Num, FIELDS, NONE;
            SetField,   "set_field",   [Table Each], Void, Num, NONE, FIELDS;
            FieldRoom,  "field_room",  [Table], Int, No, FIELDS, NONE;
            Flags,      "flags",       [Table], Int, No, SHAPES, NONE;
            Entry,      "entry",       [Ptr], Any, No, HASHES, NONE;
            HashSlot,   "hash_slot",   [Table Int], Ptr, No, HASHES, NONE;
            SetEntry,   "set_entry",   [Ptr Each], Void, No, NONE, HASHES;
            // ---- tables: elements
            ArrLen,     "arr_len",     [Table], Int, No, ARRAYS, NONE;
            ArrCap,     "arr_cap",     [Table], Int, No, ARRAYS, NONE;
            ArrKind,    "arr_kind",    [Table], Int, No, ARRAYS, NONE;
            ArrData,    "arr_data",    [Table], Ptr, No, ARRAYS, NONE;
            ArrTags,    "arr_tags",    [Table], Ptr, No, ARRAYS, NONE;
            Hash,       "hash",        [Table], Ptr, No, ARRAYS, NONE;
            SetInt,     "set_int",     [Table Int Each], Bool, No, PARTS, PARTS;
            SetArrLen,  "set_arr_len", [Table Int], Void, No, NONE, ARRAYS;
            LoadInt,    "load_int",    [Ptr Int], Int, No, INTS, NONE;
            LoadFloat,  "load_float",  [Ptr Int], Float, No, FLOATS, NONE;
            LoadMixed,  "load_mixed",  [Ptr Ptr Int], Any, No, MIXED, NONE;
            StoreInt,   "store_int",   [Ptr Int Int], Void, No, NONE, INTS;
            StoreFloat, "store_float", [Ptr Int Float], Void, No, NONE, FLOATS;
            StoreMixed, "store_mixed", [Ptr Ptr Int Each], Void, No, NONE, MIXED;
            // ---- functions, strings
            Upval,      "upval",       [Closure], Ptr, Num, NONE, NONE;
            UpvalGet,   "upval_get",   [Ptr], Any, No, UPVALS, NONE;
            UpvalFixed, "upval_fixed", [Ptr], Any, No, NONE, NONE;
            UpvalSet,   "upval_set",   [Ptr Each], Void, No, NONE, UPVALS;
            ProtoOf,    "proto_of",    [Closure], Ptr, No, NONE, NONE;
            HostOf,     "host_of",     [Native], Ptr, No, NONE, NONE;
            StrLen,     "str_len",     [Str], Int, No, NONE, NONE;
            StrData,    "str_data",    [Str], Ptr, No, HEAP, NONE;
            LoadByte,   "load_byte",   [Ptr Int], Int, No, NONE, NONE;
            StrEq,      "str_eq",      [Str Str], Bool, No, NONE, NONE;
            StrOrder,   "str_order",   [Str Str], Int, No, HEAP, NONE;
            // ---- library functions, varargs, iteration
            TypeName,   "type_name",   [Any], Str, No, NONE, NONE;
            Leaf,       "leaf",        [Ptr Rest], Bool, No, ALL, HEAP;
            LeafStore,  "leaf_store",  [Ptr Rest], Bool, No, ALL, TABLES;
            LeafArray,  "leaf_array",  [Ptr Rest], Bool, No, ALL, ELEMENTS;
            CharStr,    "char_str",    [Int], Str, No, HEAP, NONE;
            NextEntry,  "next_entry",  [Table], Int, Num, ALL, SLOTS;
            LeafValue,  "leaf_value",  [Typed], Given, Num, HEAP, NONE;
            IterStart,  "iter_start",  [Bool], Void, Num, NONE, SLOTS;
            Spread,     "spread",      [], Bool, Num, SLOTS, SLOTS;
            Pack,       "pack",        [Table Int], Bool, Num, ALL, ELEMENTS;
            Unpack,     "unpack",      [Table], Bool, Num, ALL, SLOTS;
            VarargCount,"vararg_count",[], Int, Num, NONE, NONE;
            VarargAt,   "vararg_at",   [Int], Any, Num, NONE, NONE;
            // ---- the collector
            Barrier,    "barrier",     [Obj Each], Void, No, HEAP, HEAP;
            BarrierElem,"barrier_elem",[Table Each], Void, No, HEAP, HEAP;
            // ---- everything else: bytecode instructions by helpers, calls
            Poll,       "poll",        [], Void, Num, NONE, NONE;
            PollRounds, "poll_rounds", [Int], Void, Num, NONE, NONE;
            NewTable,   "new_table",   [], Table, Num, HEAP, HEAP;
            NewClosure, "new_closure", [Ptr Cells], Closure, Num, HEAP, HEAP;
            NewCell,    "new_cell",    [Each], Ptr, Num, HEAP, HEAP;
            OpenCell,   "open_cell",   [], Ptr, Num, HEAP, HEAP;
            KeepCell,   "keep_cell",   [Ptr], Void, No, NONE, HEAP;
            CloseCells, "close_cells", [Cells], Void, Num, HEAP, HEAP;
            Step,       "step",        [], Void, Num, ALL, ALL;
            StepTest,   "step_test",   [], Bool, Num, ALL, ALL;
            Call,       "call",        [Closure Ptr], Void, Num, ALL, ALL;
            CallTyped,  "call_typed",  [Closure Ptr Rest], Any, Num, ALL, ALL;
            Single,     "single",      [Any], Bool, No, NONE, NONE;
            SetTop,     "set_top",     [], Void, Num, NONE, HEAP;
            TailCall,   "tail_call",   [Closure Ptr Rest], Void, Num, ALL, ALL;
            CallHost,   "call_host",   [], Void, Num, ALL, ALL;
        }
    };
}

/// What an argument may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arg {
    /// Of this type.
    Is(Ty),
    /// Of any type but `Any`.
    Typed,
    /// Of any type.
    Each,
    /// A pointer.
    Obj,
    /// Any number, of any type: the last.
    Rest,
    /// Any number of upvalues: the last.
    Cells,
}

/// What the result is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Res {
    /// Of this type; `Void` is none.
    Is(Ty),
    /// The instruction says.
    Given,
}

/// What the immediate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Imm {
    /// Unused.
    No,
    /// A signed integer.
    Int,
    /// The bits of a float.
    Float,
    /// A value's tag, or an element kind.
    Tag,
    /// A number: of a slot, a constant, a field, a pc.
    Num,
    /// A [`super::Reason`].
    Reason,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Info {
    #[cfg_attr(not(test), allow(dead_code, reason = "what tests compare"))]
    pub op: Op,
    pub mnemonic: &'static str,
    pub args: &'static [Arg],
    pub result: Res,
    pub imm: Imm,
    pub reads: u16,
    pub writes: u16,
}

/// In the immediate of `close_cells`, besides the slot from which on: there may
/// be other upvalues than it names.
pub(crate) const AND_OTHERS: u64 = 1 << 32;

macro_rules! arg {
    (Typed) => {
        Arg::Typed
    };
    (Each) => {
        Arg::Each
    };
    (Obj) => {
        Arg::Obj
    };
    (Rest) => {
        Arg::Rest
    };
    (Cells) => {
        Arg::Cells
    };
    ($ty:ident) => {
        Arg::Is(Ty::$ty)
    };
}

macro_rules! res {
    (Given) => {
        Res::Given
    };
    ($ty:ident) => {
        Res::Is(Ty::$ty)
    };
}

macro_rules! define {
    ($($name:ident, $mn:literal, [$($arg:ident)*], $res:ident, $imm:ident, $r:ident, $w:ident;)*) => {
        /// What an instruction does.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub(crate) enum Op { $(#[doc = concat!("`", $mn, "`")] $name,)* }

        /// All rows, by [`Op`].
        pub(crate) const INSTS: &[Info] = &[$(Info {
            op: Op::$name,
            mnemonic: $mn,
            args: &[$(arg!($arg)),*],
            result: res!($res),
            imm: Imm::$imm,
            reads: regions::$r,
            writes: regions::$w,
        },)*];
    };
}
for_each_inst!(define);

impl Info {
    /// What argument `n` may be; `None`: there is none.
    pub(crate) fn arg(&self, n: usize) -> Option<Arg> {
        match (self.args.get(n), self.args.last()) {
            (Some(Arg::Rest), _) | (None, Some(Arg::Rest)) => Some(Arg::Each),
            (Some(Arg::Cells), _) | (None, Some(Arg::Cells)) => Some(Arg::Is(Ty::Ptr)),
            (arg, _) => arg.copied(),
        }
    }

    /// Whether it may have so many arguments.
    pub(crate) fn takes(&self, n: usize) -> bool {
        match self.args.split_last() {
            Some((Arg::Rest | Arg::Cells, others)) => n >= others.len(),
            _ => n == self.args.len(),
        }
    }
}

impl Op {
    /// This instruction's row.
    pub(crate) fn info(self) -> &'static Info {
        &INSTS[self as usize]
    }

    /// Leaves the code through its frame state if what it expects isn't there.
    pub(crate) fn is_guard(self) -> bool {
        matches!(
            self,
            Op::Guard
                | Op::GuardIs
                | Op::GuardShape
                | Op::GuardMeta
                | Op::GuardKind
                | Op::GuardIndex
                | Op::GuardEntry
        )
    }

    /// Its result is an upvalue.
    pub(crate) fn is_cell(self) -> bool {
        matches!(self, Op::NewCell | Op::OpenCell | Op::Upval)
    }

    /// Has a frame state.
    pub(crate) fn has_frame(self) -> bool {
        self.is_guard()
            || matches!(
                self,
                Op::Poll
                    | Op::PollRounds
                    | Op::Step
                    | Op::StepTest
                    | Op::Call
                    | Op::CallTyped
                    | Op::TailCall
                    | Op::CallHost
                    | Op::LinkStore
                    | Op::NewTable
            )
    }

    /// May run other code, which may do anything: nothing but registers of
    /// this frame is as before.
    pub(crate) fn calls(self) -> bool {
        matches!(
            self,
            Op::Step | Op::StepTest | Op::Call | Op::CallTyped | Op::TailCall | Op::CallHost
        )
    }

    /// Depends on nothing but its arguments and does nothing else: may be
    /// computed anywhere its arguments are, once, or not at all.
    pub(crate) fn is_pure(self) -> bool {
        let info = self.info();
        info.reads == regions::NONE
            && info.writes == regions::NONE
            && !self.has_frame()
            && !matches!(
                self,
                // What was found out by a branch, not by a value.
                Op::Unbox
                    | Op::Param
                    // Division by 0 is no value: a guard or a branch rules it out.
                    | Op::IDiv
                    | Op::IMod
                    | Op::UDiv
                    // Read what an object points to, which a guard found to be one.
                    | Op::LoadByte
                    | Op::StrLen
                    | Op::StrEq
                    // Reads where a branch has looked that there is something.
                    | Op::VarargAt
            )
    }

    /// Has no effect beyond its result: may go if nobody uses that.
    pub(crate) fn is_removable(self) -> bool {
        let info = self.info();
        info.writes == regions::NONE && !self.has_frame() && self != Op::Param
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_mnemonics_unique() {
        let mut seen = std::collections::HashSet::new();
        for (n, row) in INSTS.iter().enumerate() {
            assert_eq!(row.op as usize, n);
            assert!(seen.insert(row.mnemonic), "{}", row.mnemonic);
        }
    }

    #[test]
    fn what_writes_is_neither_pure_nor_removable() {
        for row in INSTS {
            if row.writes != regions::NONE {
                assert!(!row.op.is_pure() && !row.op.is_removable(), "{row:?}");
            }
            assert_eq!(row.op.is_guard(), row.mnemonic.starts_with("guard"));
        }
    }
}
