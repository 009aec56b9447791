//! Where everything of some objects goes.

use super::symbols::{Meaning, Names, Symbol};
use super::{CONSTANTS_ALIGN, Function, LinkError, MAX_ALIGN, MAX_SIZE, Surroundings};
use crate::jit::data_after;
use crate::tier2::llvm::libcalls::{self, ADDRESS, STUB};
use crate::tier2::llvm::relocate::{Kind, To};
use object::elf::{
    EM_X86_64, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_FINI_ARRAY, SHT_INIT_ARRAY,
    SHT_NOBITS,
};
use object::read::elf::{ElfFile64, ElfSection64, FileHeader as _, SectionHeader as _};
use object::{
    LittleEndian, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags,
    RelocationTarget, SectionIndex, SymbolKind,
};
use std::collections::HashMap;

pub(super) type File<'b> = ElfFile64<'b, LittleEndian>;

/// What becomes of a section, in the order in which they lie.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Code,
    Constant,
    /// Written to by the code.
    Data,
    /// Data that is zero at first.
    Zero,
    /// What each thread's own data is at first: only copied.
    Thread,
    /// The same, zero.
    ThreadZero,
}

/// A section that is kept.
struct Section {
    file: usize,
    index: SectionIndex,
    part: Part,
    /// From the beginning of the range; of a thread's own data, of its block.
    offset: usize,
    size: usize,
}

/// A list of functions to be called.
struct List {
    file: usize,
    section: SectionIndex,
    priority: u16,
    at_end: bool,
    /// The last comes first.
    backwards: bool,
}

/// Where everything goes, relative to the beginning of the range.
pub(super) struct Plan<'b> {
    files: Vec<File<'b>>,
    names: Names<'b>,
    sections: Vec<Section>,
    /// Where in `sections` a section is.
    kept: HashMap<(usize, SectionIndex), usize>,
    /// Common symbols that count, and the offsets of their bytes.
    common: HashMap<Symbol, usize>,
    /// Symbols that have a stub, and the offsets of the stubs.
    stubs: HashMap<Symbol, usize>,
    /// Symbols that have two words about threads; none: the pair for all.
    pairs: HashMap<Option<Symbol>, usize>,
    lists: Vec<List>,
    /// The offset of the table of constants.
    pub constants: usize,
    /// Bytes of code and what else isn't written to.
    pub front: usize,
    /// All bytes.
    pub size: usize,
    pub align: usize,
    /// Each thread's own data: its size and alignment.
    pub thread: (usize, usize),
    /// The word that is put into pairs about threads.
    pub thread_word: u64,
}

impl<'b> Plan<'b> {
    pub(super) fn new(
        objects: &[&'b [u8]],
        constants: usize,
        surroundings: &Surroundings<'_>,
    ) -> Result<Plan<'b>, LinkError> {
        let parse = |bytes: &&'b [u8]| -> Result<File<'b>, LinkError> {
            let file = File::parse(*bytes)?;
            let header = file.elf_header();
            if header.e_machine(LittleEndian) != EM_X86_64 || !cfg!(target_arch = "x86_64") {
                let why = "it isn't code for this machine";
                return Err(LinkError::Damaged(why.into()));
            }
            Ok(file)
        };
        let files: Vec<_> = objects.iter().map(parse).collect::<Result<_, _>>()?;
        let mut plan = Plan {
            files,
            names: Names::default(),
            sections: Vec::new(),
            kept: HashMap::new(),
            common: HashMap::new(),
            stubs: HashMap::new(),
            pairs: HashMap::new(),
            lists: Vec::new(),
            constants: 0,
            front: 0,
            size: 0,
            align: STUB,
            thread: (0, 1),
            thread_word: surroundings.thread_word,
        };
        plan.find_sections(surroundings.writable)?;
        plan.names = Names::new(&plan.files, surroundings)?;
        plan.lay_out(|part| part <= Part::Constant)?;
        plan.constants = plan.reserve(constants as u64 * 8, CONSTANTS_ALIGN)?;
        plan.find_stubs(surroundings.writable)?;
        plan.front = plan.size;
        if plan.sections.iter().any(|s| s.part > Part::Constant) || plan.has_common() {
            plan.size = data_after(plan.size);
            plan.lay_out(|part| part > Part::Constant)?;
            plan.lay_out_common()?;
        }
        Ok(plan)
    }

    /// Finds the sections that matter, ordered by what they are.
    fn find_sections(&mut self, writable: bool) -> Result<(), LinkError> {
        for (file, object) in self.files.iter().enumerate() {
            for section in object.sections() {
                let Some(part) = keeps(&section, writable)? else {
                    continue;
                };
                if section.align() > MAX_ALIGN || !section.align().is_power_of_two() {
                    let why = format!("a section aligned to {} bytes", section.align());
                    return Err(LinkError::Unsupported(why));
                }
                self.lists.extend(list(file, &section)?);
                self.sections.push(Section {
                    file,
                    index: section.index(),
                    part,
                    offset: 0,
                    size: 0,
                });
            }
        }
        self.sections.sort_by_key(|s| s.part);
        self.lists.sort_by_key(|l| l.priority);
        Ok(())
    }

    /// Gives sections their offsets.
    fn lay_out(&mut self, which: impl Fn(Part) -> bool) -> Result<(), LinkError> {
        for n in 0..self.sections.len() {
            let Section {
                file, index, part, ..
            } = self.sections[n];
            if !which(part) {
                continue;
            }
            let section = self.files[file].section_by_index(index)?;
            let (size, align) = (section.size(), section.align() as usize);
            let offset = if part >= Part::Thread {
                let (end, widest) = &mut self.thread;
                let offset = end.next_multiple_of(align);
                *widest = align.max(*widest);
                *end = within(offset, size)?;
                offset
            } else {
                self.align = self.align.max(align);
                self.reserve(size, align)?
            };
            self.sections[n].offset = offset;
            // It fits memory, as was just looked at.
            self.sections[n].size = size as usize;
            self.kept.insert((file, index), n);
        }
        Ok(())
    }

    /// The common symbols that are not defined otherwise.
    fn common_symbols(&self) -> impl Iterator<Item = Symbol> {
        self.names.definitions().filter_map(|(_, symbol)| {
            let found = self.files[symbol.file].symbol_by_index(symbol.index);
            found.is_ok_and(|s| s.is_common()).then_some(symbol)
        })
    }

    fn has_common(&self) -> bool {
        self.common_symbols().next().is_some()
    }

    fn lay_out_common(&mut self) -> Result<(), LinkError> {
        let mut symbols: Vec<Symbol> = self.common_symbols().collect();
        symbols.sort_by_key(|s| (s.file, s.index.0));
        for symbol in symbols {
            let found = self.files[symbol.file].symbol_by_index(symbol.index)?;
            // What isn't an address yet is its alignment.
            let align = found.address().max(1);
            if align > MAX_ALIGN || !align.is_power_of_two() {
                let why = format!("a common symbol aligned to {align} bytes");
                return Err(LinkError::Unsupported(why));
            }
            let at = self.reserve(found.size(), align as usize)?;
            self.common.insert(symbol, at);
        }
        Ok(())
    }

    /// The offset of `size` bytes more.
    fn reserve(&mut self, size: u64, align: usize) -> Result<usize, LinkError> {
        let at = self.size.next_multiple_of(align);
        self.size = within(at, size)?;
        Ok(at)
    }

    /// A stub for each symbol outside that is called, and for each whose address
    /// is read from a word; pairs of words likewise.
    fn find_stubs(&mut self, absolute: bool) -> Result<(), LinkError> {
        let (mut stubs, mut pairs) = (Vec::new(), Vec::new());
        for section in &self.sections {
            for place in self.places(section)? {
                let Place { kind, symbol, .. } = place?;
                if kind.absolute && !absolute {
                    return Err(LinkError::Unsupported("an address in an object".into()));
                }
                match kind.to {
                    To::Word => stubs.push(symbol),
                    To::Call if self.is_outside(symbol)? => stubs.push(symbol),
                    To::PerThread => pairs.push(Some(symbol)),
                    To::ThreadBlock => pairs.push(None),
                    _ => {}
                }
            }
        }
        for symbol in stubs {
            if !self.stubs.contains_key(&symbol) {
                let at = self.reserve(STUB as u64, STUB)?;
                self.stubs.insert(symbol, at);
            }
        }
        for symbol in pairs {
            if !self.pairs.contains_key(&symbol) {
                let at = self.reserve(16, 8)?;
                self.pairs.insert(symbol, at);
            }
        }
        Ok(())
    }

    /// What is to be relocated in a section.
    fn places(
        &self,
        section: &Section,
    ) -> Result<impl Iterator<Item = Result<Place, LinkError>>, LinkError> {
        let file = section.file;
        let section = self.files[file].section_by_index(section.index)?;
        Ok(section.relocations().map(move |(at, r)| {
            let unsupported = |what: &str| LinkError::Unsupported(what.into());
            let RelocationFlags::Elf { r_type } = r.flags() else {
                return Err(unsupported("a relocation that isn't ELF's"));
            };
            let kind = Kind::from_elf(r_type)
                .ok_or_else(|| LinkError::Unsupported(format!("a relocation of kind {r_type}")))?;
            let RelocationTarget::Symbol(index) = r.target() else {
                return Err(unsupported("a relocation without symbol"));
            };
            Ok(Place {
                at: usize::try_from(at).map_err(|_| unsupported("a relocation outside"))?,
                kind,
                symbol: Symbol { file, index },
                addend: r.addend(),
            })
        }))
    }

    /// Writes the objects to `memory`, which is going to be used at `start`.
    pub(super) fn write(&self, memory: &mut [u8], start: usize) -> Result<(), LinkError> {
        for (&symbol, &at) in &self.stubs {
            let address = self.address(symbol, start)?;
            memory[at..at + STUB].copy_from_slice(&libcalls::stub(address));
        }
        for (&symbol, &at) in &self.pairs {
            let offset = symbol.map_or(Ok(0), |s| self.thread_offset(s))?;
            memory[at..at + 8].copy_from_slice(&self.thread_word.to_le_bytes());
            memory[at + 8..at + 16].copy_from_slice(&(offset as u64).to_le_bytes());
        }
        for section in &self.sections {
            if section.part >= Part::Thread {
                continue;
            }
            let bytes = memory
                .get_mut(section.offset..section.offset + section.size)
                .ok_or_else(|| LinkError::Damaged("a section's size".into()))?;
            self.write_section(section, bytes, start)?;
        }
        Ok(())
    }

    /// What each thread's own data is at first.
    pub(super) fn thread_image(&self, start: usize) -> Result<Vec<u8>, LinkError> {
        let mut image = vec![0; self.thread.0];
        for section in self.sections.iter().filter(|s| s.part == Part::Thread) {
            let bytes = &mut image[section.offset..section.offset + section.size];
            self.write_section(section, bytes, start)?;
        }
        Ok(image)
    }

    fn write_section(
        &self,
        section: &Section,
        bytes: &mut [u8],
        start: usize,
    ) -> Result<(), LinkError> {
        let data = self.files[section.file].section_by_index(section.index)?;
        if section.part != Part::Zero {
            let data = data.data()?;
            if data.len() != bytes.len() {
                return Err(LinkError::Damaged("a section's size".into()));
            }
            bytes.copy_from_slice(data);
        }
        for place in self.places(section)? {
            let Place {
                at,
                kind,
                symbol,
                addend,
            } = place?;
            let target = match kind.to {
                To::Word => start + self.stubs[&symbol] + ADDRESS,
                To::PerThread => start + self.pairs[&Some(symbol)],
                To::ThreadBlock => start + self.pairs[&None],
                To::ThreadOffset => self.thread_offset(symbol)?,
                To::Call | To::Symbol => match self.stubs.get(&symbol) {
                    Some(stub) if kind.to == To::Call && self.is_outside(symbol)? => start + stub,
                    _ => self.address(symbol, start)?,
                },
            };
            let place = start + section.offset + at;
            if kind.apply(bytes, at, place, target, addend).is_none() {
                return Err(if at + 4 <= bytes.len() && self.is_outside(symbol)? {
                    LinkError::TooFar(self.name(symbol))
                } else {
                    LinkError::Damaged("a relocation out of range".into())
                });
            }
        }
        Ok(())
    }

    fn name(&self, symbol: Symbol) -> String {
        let found = self.files[symbol.file].symbol_by_index(symbol.index);
        let name = found.and_then(|s| s.name().map(str::to_string));
        name.unwrap_or_default()
    }

    fn is_outside(&self, symbol: Symbol) -> Result<bool, LinkError> {
        let meaning = self.names.meaning(&self.files, symbol)?;
        Ok(matches!(meaning, Meaning::Outside(_)))
    }

    /// The address of what a symbol stands for, inside or outside.
    fn address(&self, symbol: Symbol, start: usize) -> Result<usize, LinkError> {
        match self.names.meaning(&self.files, symbol)? {
            Meaning::Outside(address) => Ok(address),
            Meaning::Constants => Ok(start + self.constants),
            Meaning::Definition(symbol) => {
                if let Some(at) = self.common.get(&symbol) {
                    return Ok(start + at);
                }
                match self.place(symbol)? {
                    Some((part, at)) if part < Part::Thread && at <= self.size => Ok(start + at),
                    _ => Err(self.nowhere(symbol)),
                }
            }
        }
    }

    /// Where a symbol of a thread's own data is in its block.
    fn thread_offset(&self, symbol: Symbol) -> Result<usize, LinkError> {
        let Meaning::Definition(symbol) = self.names.meaning(&self.files, symbol)? else {
            let why = format!(
                "'{}' is another program's own for each thread",
                self.name(symbol)
            );
            return Err(LinkError::Unsupported(why));
        };
        match self.place(symbol)? {
            Some((part, at)) if part >= Part::Thread && at <= self.thread.0 => Ok(at),
            _ => Err(self.nowhere(symbol)),
        }
    }

    /// In which part a defined symbol is, and its offset.
    fn place(&self, symbol: Symbol) -> Result<Option<(Part, usize)>, LinkError> {
        let found = self.files[symbol.file].symbol_by_index(symbol.index)?;
        Ok(found.section_index().and_then(|index| {
            let section = &self.sections[*self.kept.get(&(symbol.file, index))?];
            let offset = usize::try_from(found.address()).ok()?;
            Some((section.part, section.offset.checked_add(offset)?))
        }))
    }

    fn nowhere(&self, symbol: Symbol) -> LinkError {
        let name = self.name(symbol);
        LinkError::Unsupported(format!("the symbol '{name}' is neither code nor constant"))
    }

    /// The functions of the objects, in a range that begins at `start`.
    pub(super) fn functions(&self, start: usize) -> Vec<Function> {
        let mut functions = Vec::new();
        for (file, object) in self.files.iter().enumerate() {
            let symbols = object.symbols();
            for s in symbols.filter(|s| s.kind() == SymbolKind::Text && s.is_definition()) {
                let index = s.index();
                let place = self.place(Symbol { file, index });
                if let (Ok(name), Ok(Some((_, at))), Ok(size)) =
                    (s.name(), place, usize::try_from(s.size()))
                {
                    functions.push(Function {
                        name: name.into(),
                        address: start + at,
                        size,
                    });
                }
            }
        }
        functions
    }

    /// The names that others see, and their addresses.
    pub(super) fn exports(&self, start: usize) -> HashMap<Box<str>, usize> {
        let names = self.names.definitions();
        let found = names
            .filter_map(|(name, symbol)| Some((name.into(), self.address(symbol, start).ok()?)));
        found.collect()
    }

    /// The offsets of the functions to be called at the beginning, or the end,
    /// in this order.
    pub(super) fn calls(&self, at_end: bool) -> Vec<usize> {
        let mut calls = Vec::new();
        for list in self.lists.iter().filter(|l| l.at_end == at_end) {
            let Some(&n) = self.kept.get(&(list.file, list.section)) else {
                continue;
            };
            let Section { offset, size, .. } = self.sections[n];
            let words = (offset..offset + size / 8 * 8).step_by(8);
            if list.backwards {
                calls.extend(words.rev());
            } else {
                calls.extend(words);
            }
        }
        if at_end {
            calls.reverse();
        }
        calls
    }

    /// Where the sections of an object are.
    pub(super) fn placed(&self, file: usize, start: usize) -> Vec<(SectionIndex, usize)> {
        let sections = self.sections.iter();
        sections
            .filter(|s| s.file == file && s.part < Part::Thread)
            .map(|s| (s.index, start + s.offset))
            .collect()
    }
}

/// A place that depends on where the object lies.
struct Place {
    /// Its offset in its section.
    at: usize,
    kind: Kind,
    symbol: Symbol,
    addend: i64,
}

/// The end of `size` bytes at `at`.
fn within(at: usize, size: u64) -> Result<usize, LinkError> {
    let end = usize::try_from(size).ok().and_then(|n| at.checked_add(n));
    end.filter(|&end| end <= MAX_SIZE)
        .ok_or_else(|| LinkError::Unsupported("it is too big".into()))
}

/// Whether a section gets into memory: if so, what it is.
fn keeps(
    section: &ElfSection64<'_, '_, LittleEndian>,
    writable: bool,
) -> Result<Option<Part>, LinkError> {
    let header = section.elf_section_header();
    let flags = header.sh_flags(LittleEndian) as u32;
    let name = section.name()?;
    // Nothing unwinds through this code.
    if flags & SHF_ALLOC == 0 || section.size() == 0 || name.starts_with(".eh_frame") {
        return Ok(None);
    }
    let zero = header.sh_type(LittleEndian) == SHT_NOBITS;
    if !writable && (flags & (SHF_WRITE | SHF_TLS) != 0 || zero) {
        let why = format!("the section '{name}' is writable");
        return Err(LinkError::Unsupported(why));
    }
    Ok(Some(match (flags & SHF_TLS != 0, zero) {
        (true, false) => Part::Thread,
        (true, true) => Part::ThreadZero,
        (false, true) => Part::Zero,
        (false, false) if flags & SHF_EXECINSTR != 0 => Part::Code,
        (false, false) if flags & SHF_WRITE != 0 => Part::Data,
        (false, false) => Part::Constant,
    }))
}

/// The list of functions to be called that a section is, if it is one.
fn list(
    file: usize,
    section: &ElfSection64<'_, '_, LittleEndian>,
) -> Result<Option<List>, LinkError> {
    let kind = section.elf_section_header().sh_type(LittleEndian);
    let name = section.name()?;
    let (at_end, backwards) = match kind {
        SHT_INIT_ARRAY => (false, false),
        SHT_FINI_ARRAY => (true, false),
        // The older way, in which the last of a list comes first.
        _ if name.starts_with(".ctors") => (false, true),
        _ if name.starts_with(".dtors") => (true, true),
        _ => return Ok(None),
    };
    // `.init_array.101`: the smaller numbers come first, none comes last. In
    // `.ctors.65434` they are counted from the other end.
    let number = name.rsplit('.').next().and_then(|n| n.parse::<u16>().ok());
    let priority = number.map_or(u16::MAX, |n| if backwards { u16::MAX - n } else { n });
    Ok(Some(List {
        file,
        section: section.index(),
        priority,
        at_end,
        backwards,
    }))
}
