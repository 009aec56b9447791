//! Objects to code that can be called: the part that runs where code is used,
//! for tier 2 on the VM's thread.
//!
//! Objects are laid out in one range of code memory:
//!
//! ```text
//! ┌────────┬──────────────────────────┬────────────────────┬─────────┬ ─ ─ ─ ─ ┐
//! │ code   │ constants, jump tables   │ table of constants │ stubs   │  data
//! └────────┴──────────────────────────┴────────────────────┴─────────┴ ─ ─ ─ ─ ┘
//! ```
//!
//! The *table of constants* isn't in an object: its words are whatever the
//! code needs of this process, addresses among them, and are given when it is
//! linked. The object refers to it by name, [`CONSTANTS`].
//!
//! Tier 2's objects are one at a time, have no data that is written to, and call
//! library functions only ([`link`]). Objects of the executor come several at a
//! time and may have what programs have ([`link_program`]): data behind the code,
//! each thread's own data, functions that are called at the beginning and the
//! end; where names lead that none of them defines is up to its [`Surroundings`].
//!
//! - `plan`: where everything goes, and what it becomes there
//! - `symbols`: which definition a name stands for
//!
//! The bytes are copied, relocated for the place they are going to be
//! executed at, and sealed. A file that is damaged is an error like any other.

mod plan;
mod symbols;

use super::libcalls;
use crate::jit::perf::Perf;
use crate::jit::{CodeRange, CodeSpace};
use object::read::elf::ElfFile64;
use object::{LittleEndian, SectionIndex};
use plan::Plan;
use std::collections::HashMap;

/// Sections may ask for no more than a page.
const MAX_ALIGN: u64 = 4096;

/// The symbol of the table of constants that comes with an object.
pub(crate) const CONSTANTS: &str = "strata_constants";

/// The alignment of that table.
const CONSTANTS_ALIGN: usize = 8;

/// Objects may not be bigger: distances in them fit 32 bits.
const MAX_SIZE: usize = 1 << 30;

/// Why objects can't be linked. Objects are told by their number.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// There is no room for it.
    #[error("no code memory: {0}")]
    Memory(#[from] std::io::Error),
    /// It isn't an object file of this machine, or a damaged one.
    #[error("damaged object: {0}")]
    Damaged(String),
    /// They use names that nobody defines.
    #[error("unknown symbol '{}'", .0.first().map_or("", |(name, _)| name))]
    UnknownSymbols(Vec<(String, usize)>),
    /// Two objects define the same name.
    #[error("the symbol '{name}' is defined twice")]
    Duplicate {
        /// The name.
        name: String,
        /// The objects.
        first: usize,
        /// The objects.
        second: usize,
    },
    /// Its address doesn't fit where it is wanted.
    #[error("the symbol '{0}' is too far away")]
    TooFar(String),
    /// It has something that the linker refuses.
    #[error("{0}")]
    Unsupported(String),
}

impl From<object::read::Error> for LinkError {
    fn from(e: object::read::Error) -> LinkError {
        LinkError::Damaged(e.to_string())
    }
}

/// What is around the objects.
pub(crate) struct Surroundings<'a> {
    /// Finds the address of a name that none of the objects defines.
    pub find: &'a dyn Fn(&str) -> Option<usize>,
    /// Whether objects may have data that is written to, and addresses in it.
    pub writable: bool,
    /// What `__tls_get_addr` gets to know about each thread's own data.
    pub thread_word: u64,
}

/// A function of a linked object.
#[derive(Debug)]
pub(crate) struct Function {
    pub name: Box<str>,
    pub address: usize,
    pub size: usize,
}

/// An object in code memory.
#[derive(Debug)]
pub(crate) struct Linked {
    /// Its memory: while it isn't dropped the functions may be called.
    pub range: CodeRange,
    pub(super) functions: Vec<Function>,
}

impl Linked {
    /// The address of a function.
    pub(crate) fn address(&self, name: &str) -> Option<usize> {
        let found = self.functions.iter().find(|f| *f.name == *name)?;
        Some(found.address)
    }

    /// Names its functions, which belong to `owner`, to profilers and
    /// debuggers.
    pub(crate) fn tell(&self, perf: &mut Perf, owner: &str) {
        for Function {
            name,
            address,
            size,
        } in &self.functions
        {
            perf.add(&format!("{owner} {name}"), (*address, *size));
        }
    }
}

/// Brings the object file `bytes` into code memory. `constants` become the
/// table that the object knows as [`CONSTANTS`].
///
/// # Errors
/// It can't be linked. Nothing stays in code memory.
pub(crate) fn link(
    bytes: &[u8],
    space: &CodeSpace,
    constants: &[u64],
) -> Result<Linked, LinkError> {
    let surroundings = Surroundings {
        find: &libcalls::find,
        writable: false,
        thread_word: 0,
    };
    let plan = Plan::new(&[bytes], constants.len(), &surroundings)?;
    let range = space.place(plan.size, plan.align, |memory, start| {
        let table = memory[plan.constants..].chunks_exact_mut(8);
        for (place, constant) in table.zip(constants) {
            place.copy_from_slice(&constant.to_le_bytes());
        }
        plan.write(memory, start)
    })?;
    let functions = plan.functions(range.start());
    Ok(Linked { range, functions })
}

/// Objects that make a program, in code memory.
#[derive(Debug)]
pub(crate) struct LinkedProgram {
    /// Its memory, data included.
    pub range: CodeRange,
    /// All functions, those that one object only sees too.
    pub functions: Vec<Function>,
    /// What is seen from outside, and its address.
    pub exports: HashMap<Box<str>, usize>,
    /// The functions to be called before others, in this order.
    pub at_begin: Vec<usize>,
    /// The functions to be called at the end.
    pub at_end: Vec<usize>,
    /// What each thread's own data is at first, and its alignment.
    pub thread: (Vec<u8>, usize),
    /// The objects as debuggers want them: each says where its sections are.
    pub for_debuggers: Vec<Vec<u8>>,
}

/// Brings some object files into code memory, as one program.
///
/// # Errors
/// They can't be linked. Nothing stays in code memory.
pub(crate) fn link_program(
    objects: &[&[u8]],
    space: &CodeSpace,
    surroundings: &Surroundings<'_>,
) -> Result<LinkedProgram, LinkError> {
    let plan = Plan::new(objects, 0, surroundings)?;
    let data = plan.size - crate::jit::data_after(plan.front).min(plan.size);
    let (mut thread, mut calls) = (Vec::new(), [Vec::new(), Vec::new()]);
    let range = space.place_with_data(plan.front, data, |memory, start| {
        plan.write(memory, start)?;
        thread = plan.thread_image(start)?;
        calls = [false, true].map(|at_end| {
            let words = plan.calls(at_end).into_iter().filter_map(|at| {
                let word = memory.get(at..)?.first_chunk()?;
                Some(usize::from_le_bytes(*word))
            });
            // LLVM marks those that it left out with these.
            words.filter(|&f| f != 0 && f != usize::MAX).collect()
        });
        Ok::<_, LinkError>(())
    })?;
    let start = range.start();
    let [at_begin, at_end] = calls;
    let for_debuggers = objects.iter().enumerate();
    Ok(LinkedProgram {
        functions: plan.functions(start),
        exports: plan.exports(start),
        at_begin,
        at_end,
        thread: (thread, plan.thread.1),
        for_debuggers: for_debuggers
            .map(|(n, object)| placed(object, &plan.placed(n, start)))
            .collect(),
        range,
    })
}

/// An object file whose section headers say where the sections are.
fn placed(object: &[u8], sections: &[(SectionIndex, usize)]) -> Vec<u8> {
    let mut bytes = object.to_vec();
    let Ok(file) = ElfFile64::<LittleEndian>::parse(object) else {
        return bytes;
    };
    let header = file.elf_header();
    let (table, size) = (
        header.e_shoff.get(LittleEndian) as usize,
        usize::from(header.e_shentsize.get(LittleEndian)),
    );
    for (index, address) in sections {
        // The field `sh_addr` of a 64-bit header.
        let at = table + index.0 * size + 16;
        if let Some(field) = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut()) {
            *field = (*address as u64).to_le_bytes();
        }
    }
    bytes
}
