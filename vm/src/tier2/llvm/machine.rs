//! Modules to objects: the part that runs on a compile thread.

use super::startup::{Inside, initialize};
use crate::jit::{Level, TargetCpu};
use inkwell::OptimizationLevel;
use inkwell::context::Context;
use inkwell::llvm_sys::LLVMDiagnosticSeverity;
use inkwell::llvm_sys::core::{
    LLVMContextSetDiagnosticHandler, LLVMDisposeMessage, LLVMGetDiagInfoDescription,
    LLVMGetDiagInfoSeverity,
};
use inkwell::llvm_sys::prelude::{LLVMContextRef, LLVMDiagnosticInfoRef};
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{
    CodeModel, FileType, RelocMode, Target, TargetMachine, TargetMachineOptions, TargetTriple,
};
use std::cell::Cell;
use std::ffi::{CStr, c_void};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

/// The passes that code is made with: those of LLVM's `-O3` that find
/// something in code that our own passes have been over, once each. Left out is
/// what is done already (inlining, dead code), what there is nothing for (calls
/// between functions, allocas), and what does not pay for its time (vectors of
/// straight-line code).
///
/// Stores of different exits are never merged into one with a choice of values
/// (`sink-common-insts` stays off): those choices would be made in hot code.
const PASSES: &str = concat!(
    "function<eager-inv>(",
    "simplifycfg<switch-range-to-icmp>,early-cse<memssa>,instcombine<no-verify-fixpoint>,",
    // Loops: invariant code, induction variables, short trip counts.
    "loop-mssa(loop-rotate<header-duplication>,licm<allowspeculation>),",
    "simplifycfg<switch-range-to-icmp>,loop(indvars,loop-deletion,loop-unroll-full),",
    // What that uncovered: a number's kind is asked for once for all that
    // depends on it, and values cross blocks.
    "jump-threading,gvn,dse,instcombine<no-verify-fixpoint>,",
    // Vectors, more than one iteration at a time; elements that the iteration
    // before has stored.
    "loop-vectorize<no-interleave-forced-only;no-vectorize-forced-only>,loop-load-elim,",
    "instcombine<no-verify-fixpoint>,loop-unroll<O3>,simplifycfg<switch-range-to-icmp>)",
);

/// Less of them: no more than one version of a loop.
const USUAL: &str = concat!(
    "function<eager-inv>(",
    "simplifycfg<switch-range-to-icmp>,early-cse<memssa>,instcombine<no-verify-fixpoint>,",
    "loop-mssa(loop-rotate<header-duplication>,licm<allowspeculation>),",
    "simplifycfg<switch-range-to-icmp>,loop(indvars,loop-deletion),",
    "jump-threading,gvn,dse,instcombine<no-verify-fixpoint>,",
    "simplifycfg<switch-range-to-icmp>)",
);

/// What is worth it in any case.
const FEW: &str = concat!(
    "function<eager-inv>(",
    "simplifycfg<switch-range-to-icmp>,early-cse<memssa>,instcombine<no-verify-fixpoint>,",
    "simplifycfg<switch-range-to-icmp>)",
);

impl Level {
    /// The passes that code of tier 2 is made with.
    pub(crate) fn tier2_passes(self) -> &'static str {
        match self {
            Level::O0 => "default<O0>",
            Level::O1 => FEW,
            Level::O2 => USUAL,
            Level::O3 => PASSES,
        }
    }

    /// How hard the code generator works.
    fn codegen(self) -> OptimizationLevel {
        match self {
            Level::O0 => OptimizationLevel::None,
            Level::O1 => OptimizationLevel::Less,
            Level::O2 => OptimizationLevel::Default,
            Level::O3 => OptimizationLevel::Aggressive,
        }
    }
}

/// Machine code of a module, before it is linked: an ELF file in memory.
pub(crate) struct Object {
    /// The file.
    pub bytes: Box<[u8]>,
    /// Time code generation took.
    pub codegen: Duration,
}

/// Why LLVM made no code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It has no code generator for this machine.
    #[error("LLVM can't compile for this machine: {0}")]
    Machine(String),
    /// The module breaks LLVM's rules: a bug of ours.
    #[error("LLVM found the module invalid: {0}")]
    Invalid(String),
    /// The list of passes has errors: a bug of ours.
    #[error("LLVM didn't run the passes: {0}")]
    Passes(String),
    /// Code generation failed.
    #[error("LLVM made no code: {0}")]
    Codegen(String),
}

/// What makes code for one kind of processor. It belongs to one thread.
pub(crate) struct Machine {
    target: ManuallyDrop<TargetMachine>,
    /// Modules are verified first.
    checked: bool,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The process must not end in the middle of it.
        let _inside = Inside::enter("nothing");
        // SAFETY: it is not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.target) };
    }
}

impl Machine {
    /// A machine for this processor, whose code generator works as hard as `level`
    /// says; `checked`: it verifies the modules it gets.
    ///
    /// # Errors
    /// LLVM doesn't know this machine.
    pub(crate) fn new(checked: bool, level: Level, cpu: TargetCpu) -> Result<Machine, Refusal> {
        initialize()?;
        let _inside = Inside::enter("nothing yet");
        let triple = triple();
        let target = Target::from_triple(&triple).map_err(|e| Refusal::Machine(e.to_string()))?;
        let (cpu, features) = match cpu {
            TargetCpu::Native => (
                TargetMachine::get_host_cpu_name().to_string(),
                TargetMachine::get_host_cpu_features().to_string(),
            ),
            TargetCpu::Baseline if cfg!(target_arch = "x86_64") => {
                ("x86-64-v2".into(), String::new())
            }
            TargetCpu::Baseline => ("generic".into(), String::new()),
        };
        let options = TargetMachineOptions::new()
            .set_cpu(&cpu)
            .set_features(&features)
            .set_level(level.codegen())
            // Everything relative to the instruction, within 2 GiB: an object
            // is one small range.
            .set_reloc_mode(RelocMode::PIC)
            .set_code_model(CodeModel::Small);
        let target = target
            .create_target_machine_from_options(&triple, options)
            .ok_or_else(|| Refusal::Machine(triple.to_string()))?;
        Ok(Machine {
            target: ManuallyDrop::new(target),
            checked,
        })
    }

    /// The CPU that code is made for.
    pub(crate) fn cpu(&self) -> String {
        self.target.get_cpu().to_string()
    }

    /// A context to make modules in. Nothing of LLVM may be used before there
    /// is a machine.
    pub(crate) fn context(&self) -> Context {
        Context::create()
    }

    /// Reads a module in LLVM's text form.
    ///
    /// # Errors
    /// There is a mistake in it.
    pub(crate) fn parse<'c>(
        &self,
        context: &'c Context,
        name: &str,
        text: &str,
    ) -> Result<Module<'c>, Refusal> {
        let module = self.read(context, name, text.as_bytes())?;
        self.adopt(&module);
        Ok(module)
    }

    /// Reads a module in LLVM's text form or as bitcode, for whichever machine.
    ///
    /// # Errors
    /// There is a mistake in it.
    pub(crate) fn read<'c>(
        &self,
        context: &'c Context,
        name: &str,
        bytes: &[u8],
    ) -> Result<Module<'c>, Refusal> {
        let watch = Watch::new(context.raw(), name);
        let buffer = MemoryBuffer::create_from_memory_range_copy(bytes, name);
        let made = context.create_module_from_ir(buffer);
        let (module, error) = match made {
            Ok(module) => (Some(module), None),
            Err(e) => (None, Some(e.to_string())),
        };
        watch.finish(error, Refusal::Invalid)?;
        module.ok_or_else(|| Refusal::Invalid("there is no module in it".into()))
    }

    /// Makes a module one for this machine.
    pub(crate) fn adopt(&self, module: &Module<'_>) {
        module.set_triple(&self.target.get_triple());
        module.set_data_layout(&self.target.get_target_data().get_data_layout());
    }

    /// What LLVM calls this machine.
    pub(crate) fn triple(&self) -> String {
        self.target.get_triple().as_str().to_string_lossy().into()
    }

    /// How LLVM describes the sizes and alignments of this machine's types.
    pub(crate) fn data_layout(&self) -> String {
        let layout = self.target.get_target_data().get_data_layout();
        layout.as_str().to_string_lossy().into()
    }

    /// Runs `passes` (such as [`PASSES`]) over a module: how long it took.
    ///
    /// # Errors
    /// LLVM refused it.
    pub(crate) fn optimize(&self, module: &Module<'_>, passes: &str) -> Result<Duration, Refusal> {
        if self.checked {
            self.verify(module)?;
        }
        let start = Instant::now();
        let watch = Watch::of(module);
        let done = module.run_passes(passes, &self.target, PassBuilderOptions::create());
        watch.finish(done.err(), Refusal::Passes)?;
        Ok(start.elapsed())
    }

    /// Makes code of a module, which is of no more use afterwards.
    ///
    /// # Errors
    /// LLVM refused it.
    pub(crate) fn emit(&self, module: &Module<'_>) -> Result<Object, Refusal> {
        let start = Instant::now();
        Ok(Object {
            bytes: self.write(module, FileType::Object)?.into(),
            codegen: start.elapsed(),
        })
    }

    /// The assembly text of an optimized module, which stays as it is.
    ///
    /// # Errors
    /// LLVM refused it.
    pub(crate) fn assembly(&self, module: &Module<'_>) -> Result<String, Refusal> {
        // Code generation changes the module.
        let text = self.write(&module.clone(), FileType::Assembly)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn write(&self, module: &Module<'_>, kind: FileType) -> Result<Vec<u8>, Refusal> {
        let watch = Watch::of(module);
        let made = self.target.write_to_memory_buffer(module, kind);
        match made {
            Ok(buffer) => {
                watch.finish(None::<String>, Refusal::Codegen)?;
                Ok(buffer.as_slice().to_vec())
            }
            Err(e) => watch.finish(Some(e), Refusal::Codegen).map(|()| Vec::new()),
        }
    }

    /// Whether the module keeps LLVM's rules.
    ///
    /// # Errors
    /// It doesn't: what is wrong.
    pub(crate) fn verify(&self, module: &Module<'_>) -> Result<(), Refusal> {
        module.verify().map_err(|e| Refusal::Invalid(e.to_string()))
    }
}

/// The host's triple, with ELF as its object format on every system: that is
/// what the linker reads, and calling conventions stay the system's.
fn triple() -> TargetTriple {
    let host = TargetMachine::get_default_triple();
    if cfg!(any(windows, target_vendor = "apple")) {
        let name = host.as_str().to_string_lossy();
        return TargetTriple::create(&format!("{name}-elf"));
    }
    host
}

/// While it exists, LLVM reports errors about a module here. Left alone LLVM
/// prints them and ends the process.
struct Watch {
    _inside: Inside,
    context: LLVMContextRef,
    /// Boxed, since LLVM keeps its address.
    error: Box<Cell<Option<String>>>,
}

impl Watch {
    fn of(module: &Module<'_>) -> Watch {
        let name = module.get_name().to_string_lossy();
        Watch::new(module.get_context().raw(), &name)
    }

    fn new(context: LLVMContextRef, name: &str) -> Watch {
        let watch = Watch {
            _inside: Inside::enter(name),
            context,
            error: Box::default(),
        };
        let error = (&raw const *watch.error).cast_mut().cast::<c_void>();
        // SAFETY: the context lives while it is watched, and the handler is taken
        // off before the box goes.
        unsafe { LLVMContextSetDiagnosticHandler(watch.context, Some(note_error), error) };
        watch
    }

    /// What came of it: `error` is what LLVM returned, if it failed.
    fn finish(
        self,
        error: Option<impl ToString>,
        refusal: impl FnOnce(String) -> Refusal,
    ) -> Result<(), Refusal> {
        let noted = self.error.take();
        match noted.or_else(|| error.map(|e| e.to_string())) {
            Some(what) => Err(refusal(what)),
            None => Ok(()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: see `new`.
        unsafe { LLVMContextSetDiagnosticHandler(self.context, None, std::ptr::null_mut()) };
    }
}

/// Keeps the first error; remarks and warnings are dropped.
extern "C" fn note_error(info: LLVMDiagnosticInfoRef, error: *mut c_void) {
    // SAFETY: LLVM calls this with a diagnostic and with what was set in `new`,
    // a cell that only this thread uses.
    unsafe {
        if LLVMGetDiagInfoSeverity(info) != LLVMDiagnosticSeverity::LLVMDSError {
            return;
        }
        let error = &*error.cast::<Cell<Option<String>>>();
        let text = LLVMGetDiagInfoDescription(info);
        let what = CStr::from_ptr(text).to_string_lossy().into_owned();
        LLVMDisposeMessage(text);
        let first = error.take().unwrap_or(what);
        error.set(Some(first));
    }
}
