//! Objects to code that can be called: the part that runs on the VM's thread.
//!
//! An object is laid out in one range of code memory:
//!
//! ```text
//! ┌────────┬──────────────────────────┬────────────────────┬─────────┐
//! │ code   │ constants, jump tables   │ table of constants │ stubs   │
//! └────────┴──────────────────────────┴────────────────────┴─────────┘
//! ```
//!
//! The *table of constants* isn't in the object: its words are whatever the
//! code needs of this process, addresses among them, and are given when it is
//! linked. The object refers to it by name, [`CONSTANTS`].
//!
//! The bytes are copied, relocated for the place they are going to be
//! executed at, and sealed. A file that is damaged is an error like any other.

use super::libcalls::{self, ADDRESS, STUB};
use super::relocate::{Kind, To};
use crate::jit::perf::Perf;
use crate::jit::{CodeRange, CodeSpace};
use object::elf::{EM_X86_64, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS};
use object::read::elf::{ElfFile64, ElfSection64, FileHeader as _, SectionHeader as _};
use object::{
    LittleEndian, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags,
    RelocationTarget, SectionIndex, SymbolIndex, SymbolKind,
};
use rustc_hash::FxHashMap;

/// Sections may ask for no more than a page.
const MAX_ALIGN: u64 = 4096;

/// The symbol of the table of constants that comes with an object.
pub(crate) const CONSTANTS: &str = "strata_constants";

/// An object may not be bigger: distances in it fit 32 bits.
const MAX_SIZE: usize = 1 << 30;

/// Why an object can't be linked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// There is no room for it.
    #[error("no code memory: {0}")]
    Memory(#[from] std::io::Error),
    /// It isn't an object file of this machine, or a damaged one.
    #[error("damaged object: {0}")]
    Damaged(String),
    /// It calls a function that objects may not call.
    #[error("unknown symbol '{0}'")]
    UnknownSymbol(String),
    /// It has something that the linker refuses.
    #[error("{0}")]
    Unsupported(String),
}

impl From<object::read::Error> for LinkError {
    fn from(e: object::read::Error) -> LinkError {
        LinkError::Damaged(e.to_string())
    }
}

/// A function of a linked object.
#[derive(Debug)]
pub(super) struct Function {
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
    let plan = Plan::new(bytes, constants.len())?;
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

type File<'b> = ElfFile64<'b, LittleEndian>;

/// Where everything goes, relative to the beginning of the range.
struct Plan<'b> {
    file: File<'b>,
    /// The sections that are kept, and their offsets.
    sections: Vec<(SectionIndex, usize)>,
    /// Symbols that have a stub, and the offsets of the stubs.
    stubs: FxHashMap<SymbolIndex, usize>,
    /// The offset of the table of constants.
    constants: usize,
    size: usize,
    align: usize,
}

impl<'b> Plan<'b> {
    fn new(bytes: &'b [u8], constants: usize) -> Result<Plan<'b>, LinkError> {
        let file = File::parse(bytes)?;
        let header = file.elf_header();
        if header.e_machine(LittleEndian) != EM_X86_64 || !cfg!(target_arch = "x86_64") {
            let why = "it isn't code for this machine";
            return Err(LinkError::Damaged(why.into()));
        }
        let mut plan = Plan {
            file,
            sections: Vec::new(),
            stubs: FxHashMap::default(),
            constants: 0,
            size: 0,
            align: STUB,
        };
        plan.lay_out()?;
        plan.constants = plan.reserve(constants as u64 * 8, 8)?;
        plan.find_stubs()?;
        Ok(plan)
    }

    /// Gives each section that matters its offset, code first.
    fn lay_out(&mut self) -> Result<(), LinkError> {
        let mut kept = Vec::new();
        for section in self.file.sections() {
            if let Some(code) = keeps(&section)? {
                kept.push((section.index(), code, section.size(), section.align()));
            }
        }
        kept.sort_by_key(|&(_, code, ..)| !code);
        for (index, _, size, align) in kept {
            if align > MAX_ALIGN || !align.is_power_of_two() {
                let why = format!("a section aligned to {align} bytes");
                return Err(LinkError::Unsupported(why));
            }
            let align = align as usize;
            self.align = self.align.max(align);
            let offset = self.reserve(size, align)?;
            self.sections.push((index, offset));
        }
        Ok(())
    }

    /// The offset of `size` bytes more.
    fn reserve(&mut self, size: u64, align: usize) -> Result<usize, LinkError> {
        let at = self.size.next_multiple_of(align);
        let end = usize::try_from(size).ok().and_then(|n| at.checked_add(n));
        match end {
            Some(end) if end <= MAX_SIZE => {
                self.size = end;
                Ok(at)
            }
            _ => Err(LinkError::Unsupported("it is too big".into())),
        }
    }

    /// A stub for each symbol outside, and for each whose address is read
    /// from a word.
    fn find_stubs(&mut self) -> Result<(), LinkError> {
        let mut needed = Vec::new();
        for (index, _) in &self.sections {
            for place in self.places(*index)? {
                let Place { kind, symbol, .. } = place?;
                if kind.to == To::Word || self.is_outside(symbol)? {
                    needed.push(symbol);
                }
            }
        }
        for symbol in needed {
            if !self.stubs.contains_key(&symbol) {
                let at = self.reserve(STUB as u64, STUB)?;
                self.stubs.insert(symbol, at);
            }
        }
        Ok(())
    }

    /// What is to be relocated in a section.
    fn places(
        &self,
        section: SectionIndex,
    ) -> Result<impl Iterator<Item = Result<Place, LinkError>>, LinkError> {
        let section = self.file.section_by_index(section)?;
        Ok(section.relocations().map(|(at, r)| {
            let unsupported = |what: &str| LinkError::Unsupported(what.into());
            let RelocationFlags::Elf { r_type } = r.flags() else {
                return Err(unsupported("a relocation that isn't ELF's"));
            };
            let kind = Kind::from_elf(r_type)
                .ok_or_else(|| LinkError::Unsupported(format!("a relocation of kind {r_type}")))?;
            let RelocationTarget::Symbol(symbol) = r.target() else {
                return Err(unsupported("a relocation without symbol"));
            };
            Ok(Place {
                at: usize::try_from(at).map_err(|_| unsupported("a relocation outside"))?,
                kind,
                symbol,
                addend: r.addend(),
            })
        }))
    }

    /// Writes the object to `memory`, which is going to be executed at
    /// `start`.
    fn write(&self, memory: &mut [u8], start: usize) -> Result<(), LinkError> {
        for (&symbol, &at) in &self.stubs {
            let address = self.address(symbol, start)?;
            memory[at..at + STUB].copy_from_slice(&libcalls::stub(address));
        }
        for &(index, offset) in &self.sections {
            let data = self.file.section_by_index(index)?.data()?;
            let section = memory
                .get_mut(offset..offset + data.len())
                .ok_or_else(|| LinkError::Damaged("a section's size".into()))?;
            section.copy_from_slice(data);
            for place in self.places(index)? {
                let Place {
                    at,
                    kind,
                    symbol,
                    addend,
                } = place?;
                let target = match (kind.to, self.stubs.get(&symbol)) {
                    (To::Word, Some(stub)) => start + stub + ADDRESS,
                    (To::Symbol, Some(stub)) if self.is_outside(symbol)? => start + stub,
                    _ => self.address(symbol, start)?,
                };
                kind.apply(section, at, start + offset + at, target, addend)
                    .ok_or_else(|| LinkError::Damaged("a relocation out of range".into()))?;
            }
        }
        Ok(())
    }

    fn is_outside(&self, symbol: SymbolIndex) -> Result<bool, LinkError> {
        let symbol = self.file.symbol_by_index(symbol)?;
        Ok(symbol.is_undefined() && symbol.name()? != CONSTANTS)
    }

    /// The address of a symbol, inside or outside.
    fn address(&self, symbol: SymbolIndex, start: usize) -> Result<usize, LinkError> {
        let symbol = self.file.symbol_by_index(symbol)?;
        if symbol.is_undefined() {
            let name = symbol.name()?;
            if name == CONSTANTS {
                return Ok(start + self.constants);
            }
            return libcalls::find(name).ok_or_else(|| LinkError::UnknownSymbol(name.into()));
        }
        let offset = symbol.section_index().and_then(|section| {
            let (_, offset) = self.sections.iter().find(|(kept, _)| *kept == section)?;
            offset.checked_add(usize::try_from(symbol.address()).ok()?)
        });
        match offset {
            Some(offset) if offset <= self.size => Ok(start + offset),
            _ => {
                let name = symbol.name().unwrap_or_default();
                let why = format!("the symbol '{name}' is neither code nor constant");
                Err(LinkError::Unsupported(why))
            }
        }
    }

    /// The functions of the object, which begins at `start`.
    fn functions(&self, start: usize) -> Vec<Function> {
        let functions = self
            .file
            .symbols()
            .filter(|s| s.kind() == SymbolKind::Text && s.is_definition());
        functions
            .filter_map(|symbol| {
                Some(Function {
                    name: symbol.name().ok()?.into(),
                    address: self.address(symbol.index(), start).ok()?,
                    size: usize::try_from(symbol.size()).ok()?,
                })
            })
            .collect()
    }
}

/// A place that depends on where the object lies.
struct Place {
    /// Its offset in its section.
    at: usize,
    kind: Kind,
    symbol: SymbolIndex,
    addend: i64,
}

/// Whether a section gets into memory: if so, whether it is code.
fn keeps(section: &ElfSection64<'_, '_, LittleEndian>) -> Result<Option<bool>, LinkError> {
    let header = section.elf_section_header();
    let flags = header.sh_flags(LittleEndian) as u32;
    let name = section.name()?;
    // Nothing unwinds through this code.
    if flags & SHF_ALLOC == 0 || section.size() == 0 || name.starts_with(".eh_frame") {
        return Ok(None);
    }
    let writable = flags & (SHF_WRITE | SHF_TLS) != 0;
    if writable || header.sh_type(LittleEndian) == SHT_NOBITS {
        let why = format!("the section '{name}' is writable");
        return Err(LinkError::Unsupported(why));
    }
    Ok(Some(flags & SHF_EXECINSTR != 0))
}
