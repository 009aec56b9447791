//! Names across objects: which definition each of them stands for.
//!
//! As static linkers have it: a strong definition goes before weak and common
//! ones, among these the first counts; two strong ones are an error. Local
//! symbols are seen by their own object only.

use super::plan::File;
use super::{LinkError, Surroundings};
use object::elf::STT_GNU_IFUNC;
use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SymbolFlags, SymbolIndex,
};
use std::collections::HashMap;

/// A symbol of one of the objects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Symbol {
    /// Which object.
    pub file: usize,
    pub index: SymbolIndex,
}

/// What a symbol stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// This definition.
    Definition(Symbol),
    /// What has this address.
    Outside(usize),
    /// The table of constants.
    Constants,
}

/// A definition that other objects see.
#[derive(Clone, Copy)]
struct Definition {
    symbol: Symbol,
    strong: bool,
}

/// The names of all objects.
#[derive(Default)]
pub(super) struct Names<'b> {
    definitions: HashMap<&'b str, Definition>,
    /// What names outside turned out to be.
    outside: HashMap<&'b str, usize>,
}

impl<'b> Names<'b> {
    /// Collects definitions, and finds what is defined by none.
    pub(super) fn new(
        files: &[File<'b>],
        surroundings: &Surroundings<'_>,
    ) -> Result<Names<'b>, LinkError> {
        let mut names = Names::default();
        for (n, file) in files.iter().enumerate() {
            names.define(n, file, files)?;
        }
        let mut unknown: Vec<(String, usize)> = Vec::new();
        for (n, file) in files.iter().enumerate() {
            for symbol in file.symbols().filter(|s| s.is_undefined()) {
                let name = symbol.name()?;
                let known = name.is_empty()
                    || name == super::CONSTANTS
                    || names.definitions.contains_key(name)
                    || names.outside.contains_key(name);
                if known {
                    continue;
                }
                match (surroundings.find)(name) {
                    Some(address) => names.outside.insert(name, address),
                    None if symbol.is_weak() => names.outside.insert(name, 0),
                    None => {
                        unknown.push((name.into(), n));
                        None
                    }
                };
            }
        }
        if unknown.is_empty() {
            Ok(names)
        } else {
            Err(LinkError::UnknownSymbols(unknown))
        }
    }

    fn define(&mut self, n: usize, file: &File<'b>, files: &[File<'b>]) -> Result<(), LinkError> {
        for symbol in file.symbols() {
            if let SymbolFlags::Elf { st_info, .. } = symbol.flags()
                && st_info & 0xf == STT_GNU_IFUNC
            {
                let why = format!("'{}' is chosen at run time (ifunc)", symbol.name()?);
                return Err(LinkError::Unsupported(why));
            }
            // Assembly's definitions have no type.
            let name = symbol.name()?;
            if symbol.is_undefined() || symbol.is_local() || name.is_empty() {
                continue;
            }
            let new = Definition {
                symbol: Symbol {
                    file: n,
                    index: symbol.index(),
                },
                strong: !symbol.is_weak() && !symbol.is_common() && !in_group(file, &symbol),
            };
            let Some(old) = self.definitions.get_mut(name) else {
                self.definitions.insert(name, new);
                continue;
            };
            if new.strong && old.strong {
                return Err(LinkError::Duplicate {
                    name: name.into(),
                    first: old.symbol.file,
                    second: n,
                });
            }
            // Of common definitions the largest makes room for all.
            let larger = || -> Result<bool, LinkError> {
                let other = files[old.symbol.file].symbol_by_index(old.symbol.index)?;
                Ok(other.is_common() && symbol.is_common() && symbol.size() > other.size())
            };
            if new.strong || (!old.strong && larger()?) {
                *old = new;
            }
        }
        Ok(())
    }

    /// What a symbol stands for, wherever it is used.
    pub(super) fn meaning(&self, files: &[File<'b>], symbol: Symbol) -> Result<Meaning, LinkError> {
        let found = files[symbol.file].symbol_by_index(symbol.index)?;
        if found.is_local() {
            return Ok(Meaning::Definition(symbol));
        }
        let name = found.name()?;
        if let Some(definition) = self.definitions.get(name) {
            return Ok(Meaning::Definition(definition.symbol));
        }
        match self.outside.get(name) {
            Some(&address) => Ok(Meaning::Outside(address)),
            None if name == super::CONSTANTS => Ok(Meaning::Constants),
            None => Err(LinkError::UnknownSymbols(vec![(name.into(), symbol.file)])),
        }
    }

    /// The definitions that others see.
    pub(super) fn definitions(&self) -> impl Iterator<Item = (&'b str, Symbol)> {
        self.definitions.iter().map(|(name, d)| (*name, d.symbol))
    }
}

/// Whether a symbol's section may be there several times, of which one counts.
fn in_group<'b>(file: &File<'b>, symbol: &impl object::ObjectSymbol<'b>) -> bool {
    let section = symbol
        .section_index()
        .and_then(|index| file.section_by_index(index).ok());
    section.is_some_and(|section| match section.flags() {
        SectionFlags::Elf { sh_flags } => sh_flags & u64::from(object::elf::SHF_GROUP) != 0,
        _ => false,
    })
}
