//! The contract of Strata: what a module is, and when it is safe to run.
//!
//! - [`op`]: the one opcode list; [`insn`]: the in-memory instruction;
//!   [`effects`]: what an instruction does to registers.
//! - [`module`]: a module in memory; [`regset`]: sets of registers.
//! - [`container`]: the `.bc` file format, with [`reader`], [`writer`] and
//!   [`checksum`].
//! - [`chunk_name`]: how messages name a chunk.
//! - [`extract`]: stripping, and single functions as modules.
//! - [`asm`] and [`disasm`]: a module as text.
//! - [`mod@verify`]: whether a module is safe to run.
//! - [`frame_map`]: how frames are rebuilt when compiled code is left;
//!   [`liveness`]: which registers that takes.
//! - [`mod@fixed`]: what upvalues hold, from the code alone.
//!
//! The prose is in `bytecode.md`, `frames.md` and `tiers.md` beside this crate.

pub mod asm;
pub mod budget;
pub mod checksum;
pub mod chunk_name;
pub mod container;
pub mod disasm;
pub mod effects;
pub mod extract;
pub mod fixed;
pub mod frame_map;
pub mod insn;
pub mod liveness;
pub mod module;
pub mod op;
pub mod reader;
pub mod regset;
pub mod verify;
pub mod writer;

#[cfg(test)]
mod container_tests;
#[cfg(test)]
mod samples;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use asm::{AsmError, assemble};
pub use budget::{Budget, Stopped, Unlimited};
pub use chunk_name::chunk_id;
pub use container::{LoadError, ReadError, is_bytecode, load, load_file, load_within, read_file};
pub use disasm::{disassemble, disassemble_with};
pub use insn::Insn;
pub use module::{Const, Module, Proto, ProtoId, SlotKind, StrId};
pub use op::Op;
pub use reader::read;
pub use verify::{VerifyError, VerifyFault, verify, verify_within};
pub use writer::write;
