//! LLVM as a code generator: an LLVM module goes in, machine code that can be
//! called comes out.
//!
//! ```text
//!  compile thread │ module ── verify ── passes ── emit ──▶ object (bytes of an ELF file)
//!  ───────────────┼──────────────────────────────────────────────┬─────────────────────
//!  VM's thread    │ entry addresses ◀── link into code memory ◀──┘
//! ```
//!
//! - `machine`: the first half. A [`Machine`] belongs to one compile thread.
//!   It makes code for the CPU it runs on, or for all of the last years.
//! - `link`: the second half. It knows ELF files and nothing of LLVM, so that
//!   objects may come from elsewhere, and it is the only one that touches code
//!   memory. The executor's programs are linked by it too.
//! - `relocate`: the places in code that depend on where it lies.
//! - `libcalls`: the few functions outside of its object that code may call.
//! - `pages`: memory for LLVM, in one piece instead of page by page.
//! - `startup`: what LLVM does once for a process. Nothing of LLVM is touched
//!   before there is a [`Machine`].
//!
//! # What an object of tier 2 may refer to
//! An [`Object`] contains no address of this process and needs none: whatever
//! code wants from the VM it reaches through pointers it gets as arguments.
//! Inside an object everything is relative to the instruction, and since an
//! object lies in one range, that always reaches. The only names an object may
//! leave open are those that LLVM itself makes calls to, such as `memcpy` and
//! `fmod`; the linker has their list, and writes a stub for each into the
//! range. Everything else is refused: writable data, thread-locals, absolute
//! addresses, unknown names.
//!
//! # What it doesn't do
//! It bounds nothing: who builds the module decides how large it may get, since
//! LLVM ends the process when memory is used up. Exception tables are dropped:
//! errors are returned, nothing unwinds through compiled code.

pub(crate) mod libcalls;
mod link;
mod machine;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod pages;
mod relocate;
pub(crate) mod startup;
#[cfg(test)]
mod tests;

pub(crate) use link::{LinkError, LinkedProgram, Surroundings, link, link_program};
pub(crate) use machine::{Machine, Refusal};

use crate::jit::{Level, TargetCpu};

/// LLVM's version and the CPU that it makes code for.
///
/// # Errors
/// It has no code generator for this machine.
pub(crate) fn describe() -> Result<String, Refusal> {
    let (major, minor, patch) = inkwell::support::get_llvm_version();
    let cpu = Machine::new(false, Level::O3, TargetCpu::Native)?.cpu();
    Ok(format!("present: LLVM {major}.{minor}.{patch}, for {cpu}"))
}
