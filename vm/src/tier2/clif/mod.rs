//! Text to machine code by Cranelift: soon there, and good enough until LLVM's
//! code is.
//!
//! ```text
//!  IR ──▶ lower ──▶ text ──┬──▶ LLVM: parsed, optimized, an ELF file    10–40 ms
//!                          └──▶ here: read, translated to CLIF, code     1–4 ms
//! ```
//!
//! The text is the one that LLVM gets (`lower`), so that there is one lowering
//! for both; only calls and results in machine registers are left out, whose
//! convention Cranelift doesn't know. What our own passes found is in it
//! already, and Cranelift finds little more: no vectors, no code moved across
//! blocks, but registers for what loops keep.
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

use crate::jit::perf::Perf;
use crate::jit::{CodeRange, CodeSpace};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::ExternalName;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilderContext;
use std::io;

/// A compiler for the CPU it runs on. It belongs to one thread.
pub(crate) struct Machine {
    isa: OwnedTargetIsa,
    builder: FunctionBuilderContext,
    context: Context,
}

/// Machine code of a text, before it is placed.
pub(crate) struct Object {
    code: Box<[u8]>,
    align: usize,
    /// Where the address of the table of constants goes.
    constants: Vec<usize>,
    /// Machine code in Cranelift's notation, if it was asked for.
    pub asm: Option<String>,
    /// Cranelift's IR, if it was asked for.
    pub clif: Option<String>,
}

impl Machine {
    /// A machine; `checked`: Cranelift verifies what it gets.
    ///
    /// # Errors
    /// Cranelift doesn't know this machine.
    pub(crate) fn new(checked: bool) -> Result<Machine, String> {
        let mut flags = settings::builder();
        let set = [
            ("opt_level", "none"),
            ("is_pic", "false"),
            ("enable_verifier", if checked { "true" } else { "false" }),
            ("unwind_info", "false"),
            ("preserve_frame_pointers", "false"),
            ("enable_probestack", "false"),
        ];
        for (name, value) in set {
            flags.set(name, value).map_err(|e| e.to_string())?;
        }
        let isa = cranelift_native::builder()?
            .finish(settings::Flags::new(flags))
            .map_err(|e| e.to_string())?;
        Ok(Machine {
            isa,
            builder: FunctionBuilderContext::new(),
            context: Context::new(),
        })
    }

    /// Compiles the function that `text` defines. `trampoline`: where that of
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
        let (context, builder) = (&mut self.context, &mut self.builder);
        context.clear();
        let func = &mut context.func;
        let done = translate::translate(text, &*self.isa, func, builder, trampoline);
        if let Err(e) = done {
            // It still holds what was begun.
            self.builder = FunctionBuilderContext::new();
            return Err(e);
        }
        self.generate(listing)
    }

    /// The trampoline of [`aside`].
    ///
    /// # Errors
    /// Cranelift can't make it.
    pub(crate) fn trampoline(&mut self) -> Result<Object, String> {
        self.context.clear();
        aside::build(&mut self.context.func, &mut self.builder, &*self.isa);
        self.generate(false)
    }

    /// Makes machine code of the function in the context.
    fn generate(&mut self, listing: bool) -> Result<Object, String> {
        let context = &mut self.context;
        let clif = listing.then(|| context.func.display().to_string());
        context.set_disasm(listing);
        let compiled = context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|e| format!("{}\n{}", e.inner, e.func.display()))?;
        let mut constants = Vec::new();
        for r in compiled.buffer.relocs() {
            match r.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(_))
                    if r.kind == Reloc::Abs8 && r.addend == 0 =>
                {
                    constants.push(r.offset as usize);
                }
                _ => return Err(format!("a relocation: {r:?}")),
            }
        }
        let align = compiled.buffer.alignment;
        Ok(Object {
            code: compiled.code_buffer().into(),
            align: align.max(self.isa.function_alignment().minimum).max(8) as usize,
            constants,
            asm: compiled.vcode.clone(),
            clif,
        })
    }
}

impl Object {
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
            let address = (start + table) as u64;
            for &at in &self.constants {
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
