//! The verifier's rules by name, and the error that names one.

use crate::module::ProtoId;
use std::fmt;

macro_rules! rules {
    ($($variant:ident, $name:literal, $explain:literal;)*) => {
        /// What a module must satisfy. The names are stable: tools and tests
        /// may match on them.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Rule { $(#[doc = $explain] $variant,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$variant,)*];

            /// The rule's name.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }

            /// What it demands, in one line.
            pub fn explain(self) -> &'static str {
                match self { $(Rule::$variant => $explain,)* }
            }
        }
    };
}

rules! {
    // ---- the module and its prototypes
    MainMissing, "main-missing", "a module has at least prototype 0, the main function";
    SizeLimit, "size-limit", "no list is longer than its index can address";
    StringId, "string-id", "a string number is below the number of strings";
    ChildOrder, "child-order", "a child's number is above its parent's and names a prototype";
    OneParent, "one-parent", "every prototype but the main function is the child of exactly one";
    UpvalCount, "upval-count", "a prototype has at most 255 upvalues";
    RegCount, "reg-count", "a prototype has at least as many registers as parameters";
    CodeEmpty, "code-empty", "a prototype has at least one instruction";
    CodeEnd, "code-end", "the last instruction does not fall through";
    CapturedRange, "captured-range", "captured registers are registers of the prototype";
    UpvalSource, "upval-source", "a closure takes an upvalue from a captured register or an upvalue of its parent";
    // ---- operands
    Opcode, "opcode", "the opcode is in the list";
    UnusedOperand, "unused-operand", "operands and bits without a meaning are 0";
    RegisterRange, "register-range", "every register an instruction touches is below the prototype's count";
    OperandCount, "operand-count", "a count or range operand has the least size its opcode needs";
    ConstIndex, "const-index", "a constant index is below the number of constants";
    ConstKind, "const-kind", "a constant has the type its opcode needs";
    UpvalIndex, "upval-index", "an upvalue index is below the number of upvalues";
    ChildIndex, "child-index", "closure names an existing child";
    SlotIndex, "slot-index", "a feedback slot number is below the number of slots";
    SlotKind, "slot-kind", "a feedback slot has the kind its opcode needs";
    VarargPrep, "vararg-prep", "a vararg prototype, and no other, starts with varargprep, with its parameter count, and never jumps back to it";
    VarargUse, "vararg-use", "vararg occurs in vararg prototypes only";
    ReturnClose, "return-close", "a prototype with captured registers returns by returnclose or tailcall";
    // ---- control flow
    JumpRange, "jump-range", "a jump stays inside the code";
    JumpDirection, "jump-direction", "loop, forloop and tforloop jump backwards, everything else forwards";
    JumpTarget, "jump-target", "a jump leads to a declared block";
    LoopHeader, "loop-header", "a backward jump leads to a block declared as a loop header";
    BlockOrder, "block-order", "blocks ascend by pc and start inside the code";
    BlockState, "block-state", "a declared state is possible: defined within the registers, to-be-closed registers ascending and defined, open results above";
    EntryState, "entry-state", "a block at the entry declares no more than the parameters";
    // ---- states
    UndefinedRegister, "undefined-register", "a register is defined when it is read";
    OpenMissing, "open-missing", "an instruction that consumes open results follows one that leaves them";
    OpenPending, "open-pending", "open results are consumed by the next instruction";
    OpenBase, "open-base", "open results start at or above the consumer's own values";
    TbcOrder, "tbc-order", "a register becomes to-be-closed above all that are";
    TbcClobber, "tbc-clobber", "a to-be-closed register keeps its value until it is closed";
    TbcReturn, "tbc-return", "a function leaves with open to-be-closed registers by returnclose only";
    CapturedClobber, "captured-clobber", "a register with an open upvalue does not become scratch";
    CapturedLoop, "captured-loop", "upvalues opened inside a loop are closed before it jumps back";
    EdgeDefined, "edge-defined", "what a block declares as defined is defined wherever control enters it";
    EdgeTbc, "edge-tbc", "the to-be-closed registers are those the block declares wherever control enters it";
    EdgeOpen, "edge-open", "open results are those the block declares wherever control enters it";
    // ---- debug data
    PositionCount, "position-count", "positions are absent or one per instruction";
    LocalRange, "local-range", "a local's register exists and its range lies in the code";
    HintOrder, "hint-order", "operand names ascend by pc and lie in the code";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The part of a module an error lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// The string table.
    Strings,
    /// Prototypes: code, constants, upvalues, states.
    Protos,
    /// Debug data.
    Debug,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Section::Strings => "strings",
            Section::Protos => "protos",
            Section::Debug => "debug",
        })
    }
}

/// What an error is about inside its prototype.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offset {
    /// The prototype as a whole.
    Whole,
    /// The instruction with this pc.
    Pc(u32),
    /// An entry of one of the prototype's lists: which list, which entry.
    Entry(&'static str, u32),
}

/// Why a module was rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// The rule broken.
    pub rule: Rule,
    /// The section that breaks it.
    pub section: Section,
    /// The prototype, unless the module as a whole is meant.
    pub proto: Option<ProtoId>,
    /// The place in the prototype.
    pub offset: Offset,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section {}", self.section)?;
        if let Some(proto) = self.proto {
            write!(f, ", prototype {}", proto.0)?;
        }
        match self.offset {
            Offset::Whole => {}
            Offset::Pc(pc) => write!(f, ", pc {pc}")?,
            Offset::Entry(list, index) => write!(f, ", {list} {index}")?,
        }
        write!(
            f,
            ": {} (rule {}: {})",
            self.detail,
            self.rule,
            self.rule.explain()
        )
    }
}

impl std::error::Error for VerifyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let mut seen = std::collections::HashSet::new();
        for rule in Rule::ALL {
            let name = rule.name();
            assert!(seen.insert(name));
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            assert!(!rule.explain().is_empty());
        }
    }
}
