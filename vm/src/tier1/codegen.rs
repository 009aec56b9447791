//! From CLIF to machine code: the half of a compile that needs no VM, so that
//! the background queue's thread can do it. And from there to code memory,
//! which the VM's thread does.

use super::Failure;
use crate::jit::queue;
use crate::jit::{CodeRange, CodeSpace};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, LibCall};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::{Context, FinalizedRelocTarget};
use std::time::{Duration, Instant};

/// A function to be compiled.
pub(crate) struct Job {
    /// The machine to compile for.
    pub isa: OwnedTargetIsa,
    /// The function.
    pub func: Function,
    /// Its machine code is listed.
    pub listed: bool,
}

/// Machine code, wherever it is going to lie.
pub(crate) struct Emitted {
    code: Box<[u8]>,
    align: usize,
    /// Where addresses of functions outside go.
    calls: Vec<(usize, LibCall)>,
    /// Instructions of Cranelift's IR.
    pub clif: u32,
    /// As text, if it is listed.
    pub asm: Option<String>,
    /// Time it took.
    pub took: Duration,
}

/// Cranelift's memory, used again for the next function.
pub(crate) struct Tools(Context);

impl Default for Tools {
    fn default() -> Tools {
        Tools(Context::new())
    }
}

impl queue::Job for Job {
    type Output = Result<Emitted, String>;
    type Tools = Tools;

    fn run(self, Tools(context): &mut Tools) -> Result<Emitted, String> {
        let start = Instant::now();
        context.clear();
        context.func = self.func;
        context.set_disasm(self.listed);
        let clif = context.func.dfg.num_insts() as u32;
        let compiled = context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|e| e.inner.to_string())?;
        let mut calls = Vec::new();
        for r in compiled.buffer.relocs() {
            match r.target {
                FinalizedRelocTarget::ExternalName(ExternalName::LibCall(f))
                    if r.kind == Reloc::Abs8 && r.addend == 0 =>
                {
                    calls.push((r.offset as usize, f));
                }
                _ => return Err(format!("a relocation: {r:?}")),
            }
        }
        let align = compiled.buffer.alignment;
        Ok(Emitted {
            code: compiled.code_buffer().into(),
            align: align.max(self.isa.function_alignment().minimum) as usize,
            calls,
            clif,
            asm: compiled.vcode.clone(),
            took: start.elapsed(),
        })
    }
}

impl Emitted {
    /// Brings it into code memory.
    ///
    /// # Errors
    /// There is no room; it calls what it may not.
    pub(super) fn place(&self, space: &CodeSpace) -> Result<CodeRange, Failure> {
        space.place(self.code.len(), self.align, |memory, _| {
            memory.copy_from_slice(&self.code);
            for &(at, f) in &self.calls {
                let address = address(f).ok_or_else(|| format!("a call of {f}"))?;
                memory[at..at + 8].copy_from_slice(&(address as u64).to_le_bytes());
            }
            Ok(())
        })
    }
}

/// What Cranelift calls where the CPU has no instruction for it.
fn address(f: LibCall) -> Option<usize> {
    extern "C" fn ceil(x: f64) -> f64 {
        x.ceil()
    }
    extern "C" fn floor(x: f64) -> f64 {
        x.floor()
    }
    extern "C" fn trunc(x: f64) -> f64 {
        x.trunc()
    }
    extern "C" fn nearest(x: f64) -> f64 {
        x.round_ties_even()
    }
    let f: extern "C" fn(f64) -> f64 = match f {
        LibCall::CeilF64 => ceil,
        LibCall::FloorF64 => floor,
        LibCall::TruncF64 => trunc,
        LibCall::NearestF64 => nearest,
        _ => return None,
    };
    Some(f as usize)
}
