//! Text to machine code by Cranelift: soon there, and good enough until LLVM's
//! code is.
//!
//! ```text
//!  IR ──▶ lower ──▶ text ──┬──▶ LLVM: parsed, optimized, an ELF file    10–40 ms
//!                          └──▶ here: read, translated to CLIF, code     1–4 ms
//! ```
//!
//! The text is the one that LLVM gets (`lower`), so that there is one lowering for both;
//! only typed entries have another convention, which Cranelift knows, and the upper half
//! of a product is an instruction, `umulh`, which LLVM makes of wider ones. What our own
//! passes found is in it already, and Cranelift finds little more: no vectors, no code
//! moved across blocks, but registers for what loops keep.
//!
//! - `aside`: calls that leave registers alone
//! - `text`: reading the lines
//! - `translate`: lines to CLIF
//!
//! # What code may refer to
//! As for LLVM's objects (`super::llvm`), nothing of this process but the
//! table of constants, which is placed behind the code.

pub(super) mod aside;
mod text;
mod translate;

use super::lower::TYPED;
use crate::jit::perf::Perf;
use crate::jit::{CodeRange, CodeSpace, TargetCpu};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::ExternalName;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilderContext;
use std::io;

/// A compiler for one kind of processor. It belongs to one thread.
pub(crate) struct Machine {
    isa: OwnedTargetIsa,
    builder: FunctionBuilderContext,
    context: Context,
}

/// Machine code of a text, before it is placed.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Object {
    code: Vec<u8>,
    align: usize,
    /// Where the address of the table of constants goes, or of the typed entry.
    addresses: Vec<(usize, To)>,
    /// Where the entries are.
    entry: Option<usize>,
    typed: Option<usize>,
    /// Machine code in Cranelift's notation, if it was asked for.
    #[serde(skip)]
    pub asm: Option<String>,
    /// Cranelift's IR, if it was asked for.
    #[serde(skip)]
    pub clif: Option<String>,
}

/// What an address is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
enum To {
    Constants,
    Typed,
}

impl Machine {
    /// A machine for this processor; `checked`: Cranelift verifies what it gets.
    ///
    /// # Errors
    /// Cranelift doesn't know this machine.
    pub(crate) fn new(checked: bool, cpu: TargetCpu) -> Result<Machine, String> {
        let mut flags = settings::builder();
        let set = [
            ("opt_level", "none"),
            ("is_pic", "false"),
            ("enable_verifier", if checked { "true" } else { "false" }),
            ("unwind_info", "false"),
            ("preserve_frame_pointers", "true"),
            ("enable_probestack", "false"),
        ];
        for (name, value) in set {
            flags.set(name, value).map_err(|e| e.to_string())?;
        }
        let isa = cpu
            .isa()?
            .finish(settings::Flags::new(flags))
            .map_err(|e| e.to_string())?;
        Ok(Machine {
            isa,
            builder: FunctionBuilderContext::new(),
            context: Context::new(),
        })
    }

    /// Compiles the functions that `text` defines. `trampoline`: where that of
    /// [`aside`] is in its table of constants; `listing`: its code is wanted as
    /// text.
    ///
    /// # Errors
    /// There is something in it that isn't known here.
    pub(crate) fn compile(
        &mut self,
        text: &str,
        trampoline: usize,
        listing: bool,
    ) -> Result<Object, String> {
        let mut object = Object::default();
        for function in text::Function::read(text)? {
            let (context, builder) = (&mut self.context, &mut self.builder);
            context.clear();
            let func = &mut context.func;
            let done = translate::translate(&function, &*self.isa, func, builder, trampoline);
            if let Err(e) = done {
                // It still holds what was begun.
                self.builder = FunctionBuilderContext::new();
                return Err(e);
            }
            let at = Some(self.generate(listing, &mut object)?);
            match function.name {
                TYPED => object.typed = at,
                _ => object.entry = at,
            }
        }
        Ok(object)
    }

    /// The trampoline of [`aside`].
    ///
    /// # Errors
    /// Cranelift can't make it.
    pub(crate) fn trampoline(&mut self) -> Result<Object, String> {
        self.context.clear();
        aside::build(&mut self.context.func, &mut self.builder, &*self.isa);
        let mut object = Object::default();
        self.generate(false, &mut object)?;
        Ok(object)
    }

    /// Makes machine code of the function in the context: where it begins in the
    /// object.
    fn generate(&mut self, listing: bool, object: &mut Object) -> Result<usize, String> {
        let context = &mut self.context;
        if listing {
            let text = context.func.display().to_string();
            object.clif.get_or_insert_default().push_str(&text);
        }
        context.set_disasm(listing);
        context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|e| format!("{}\n{}", e.inner, e.func.display()))?;
        let compiled = context.compiled_code().ok_or("there is no code")?;
        let align = compiled.buffer.alignment;
        let align = align.max(self.isa.function_alignment().minimum).max(8) as usize;
        let start = object.code.len().next_multiple_of(align);
        object.align = object.align.max(align);
        object.code.resize(start, 0);
        object.code.extend_from_slice(compiled.code_buffer());
        for r in compiled.buffer.relocs() {
            let to = match r.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name))
                    if r.kind == Reloc::Abs8 && r.addend == 0 =>
                {
                    match context.func.params.user_named_funcs()[name].index {
                        translate::CONSTANTS => Some(To::Constants),
                        translate::TYPED => Some(To::Typed),
                        _ => None,
                    }
                }
                _ => None,
            };
            let to = to.ok_or_else(|| format!("a relocation: {r:?}"))?;
            object.addresses.push((start + r.offset as usize, to));
        }
        if let Some(asm) = &compiled.vcode {
            object.asm.get_or_insert_default().push_str(asm);
        }
        Ok(start)
    }
}

impl Object {
    /// Where its entries are: the generic one, and the typed one.
    pub(crate) fn entries(&self) -> [Option<usize>; 2] {
        [self.entry, self.typed]
    }

    /// Bytes of its code.
    pub(crate) fn size(&self) -> usize {
        self.code.len()
    }

    /// Brings the code into code memory, with its table of constants.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn link(&self, space: &CodeSpace, constants: &[u64]) -> io::Result<CodeRange> {
        let table = self.code.len().next_multiple_of(8);
        let size = table + constants.len() * 8;
        space.place(size, self.align, |memory, start| {
            memory[..self.code.len()].copy_from_slice(&self.code);
            for (place, constant) in memory[table..].chunks_exact_mut(8).zip(constants) {
                place.copy_from_slice(&constant.to_le_bytes());
            }
            for &(at, to) in &self.addresses {
                let to = match to {
                    To::Constants => table,
                    To::Typed => self
                        .typed
                        .ok_or_else(|| io::Error::other("no typed entry"))?,
                };
                let address = (start + to) as u64;
                memory[at..at + 8].copy_from_slice(&address.to_le_bytes());
            }
            Ok(())
        })
    }

    /// Names the code at `range` to profilers.
    pub(crate) fn tell(&self, perf: &mut Perf, range: &CodeRange, name: &str) {
        perf.add(name, (range.start(), self.code.len()));
    }
}
