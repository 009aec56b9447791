//! Tier 1: the baseline compiler, bytecode to machine code by way of
//! Cranelift (`opt_level = none`).
//!
//! The code of a function does what the interpreter's handlers do, in the
//! same VM slots: after each instruction all registers are in their slots.
//! So compiled code can be left after any instruction without moving
//! anything ([`crate::interp::native`]), and entered wherever an entry point
//! was made: at the beginning, at loop headers (OSR), after calls.
//!
//! ```text
//!  bytecode ── loops: which registers keep their tag ──┐
//!  feedback ───────────────────────────────────────────┼─▶ lower ─▶ CLIF ─▶ code
//!  inline caches ──────────────────────────────────────┘    │
//!                                                exits, entry points
//! ```
//!
//! What makes it faster than the interpreter, besides dispatch: tags and
//! payloads known from one instruction to the next and around loops
//! (`state`), so that most are neither checked nor loaded. What an
//! operand will be is *speculated* from feedback: a guard that fails leaves
//! to the interpreter through an exit, and often failing guards lead to
//! recompilation without them ([`crate::jit`]).
//!
//! - `lower`: blocks, one instruction after the other
//! - `registers`: reading and writing registers, by what is known of them
//! - `exits`: guards and exits, `entries`: entry points
//! - `arith`, `branch`, `fields`, `elements`, `calls`, `returns`, `loops`:
//!   instructions
//! - `alloc`: tables and closures
//! - `intrinsics`: calls of host functions that are done inline
//! - `heat`: counting for tier 2
//! - `counts`: counting executed instructions, where the host asks for it
//! - `charge`: charging them, where they are limited
//! - `aside`: calls off the hot path, which leave machine registers alone
//! - `helpers`: functions of ours that compiled code calls
//! - `layout`: offsets

mod alloc;
mod arith;
mod aside;
mod branch;
mod calls;
mod charge;
mod counts;
mod elements;
mod entries;
mod exits;
mod fields;
pub(crate) mod heat;
mod helpers;
mod intrinsics;
pub(crate) mod layout;
mod loops;
mod lower;
mod registers;
mod returns;
mod state;

#[cfg(feature = "llvm")]
pub(crate) use arith::operator;

use crate::deopt::Site;
use crate::interp;
use crate::jit::{self, Assumption, Code, CodeSpace, Speculation};
use crate::stress::StressModes;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, ir};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module, ModuleError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;

/// The compiler of one VM.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
    builder: FunctionBuilderContext,
    context: Context,
    space: CodeSpace,
    /// See [`aside`]: its memory and its address, and its helpers.
    trampoline: Option<(jit::CodeRange, usize)>,
    asides: aside::Table,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiler({:?})", self.space)
    }
}

impl Compiler {
    /// A compiler for this machine; `None` if Cranelift does not know it.
    /// `checked`: what is compiled goes through Cranelift's verifier.
    fn new(limit: usize, checked: bool) -> Option<Compiler> {
        let mut flags = settings::builder();
        flags.set("opt_level", "none").ok()?;
        flags.set("use_colocated_libcalls", "false").ok()?;
        flags.set("is_pic", "false").ok()?;
        flags
            .set("enable_verifier", if checked { "true" } else { "false" })
            .ok()?;
        flags.set("unwind_info", "false").ok()?;
        flags.set("preserve_frame_pointers", "false").ok()?;
        flags.set("enable_probestack", "false").ok()?;
        let isa = cranelift_native::builder()
            .ok()?
            .finish(settings::Flags::new(flags))
            .ok()?;
        Some(Compiler {
            isa,
            builder: FunctionBuilderContext::new(),
            context: Context::new(),
            space: CodeSpace::new(limit),
            trampoline: None,
            asides: aside::Table::default(),
        })
    }

    /// The address of the trampoline of [`aside`], made at the first call.
    fn trampoline(&mut self) -> Result<usize, Failure> {
        if self.trampoline.is_none() {
            let func = &mut self.context.func;
            aside::build(func, &mut self.builder, &*self.isa, &self.asides);
            let made = self.emit(None)?;
            self.context.clear();
            self.trampoline = Some((made.0, made.1 as usize));
        }
        Ok(self.trampoline.as_ref().map_or(0, |(_, entry)| *entry))
    }

    /// Makes code of the function in `self.context`. Under `perf record` the
    /// module writes its name into the map of the process.
    fn emit(&mut self, name: Option<&str>) -> Result<(jit::CodeRange, *const ()), Failure> {
        let mut builder =
            JITBuilder::with_isa(self.isa.clone(), cranelift_module::default_libcall_names());
        builder.memory_provider(Box::new(self.space.clone()));
        let mut module = JITModule::new(builder);
        let signature = &self.context.func.signature;
        let id = match name {
            Some(name) => module.declare_function(name, Linkage::Local, signature)?,
            None => module.declare_anonymous_function(signature)?,
        };
        module.define_function(id, &mut self.context)?;
        module.finalize_definitions()?;
        let entry = module.get_finalized_function(id).cast::<()>();
        let range = self
            .space
            .take()
            .ok_or_else(|| Failure::Unsupported("no code was made".into()))?;
        Ok((range, entry))
    }

    /// Where code goes.
    #[cfg(feature = "llvm")]
    pub(crate) fn space(&self) -> CodeSpace {
        self.space.clone()
    }

    /// Code memory in use, in bytes.
    pub(crate) fn code_bytes(&self) -> usize {
        self.space.in_use()
    }

    /// Gives back the memory of code that is out of use: how many bytes. To be
    /// called when no native frame is left.
    pub(crate) fn reclaim(&self) -> usize {
        self.space.reclaim()
    }
}

/// What a compile made.
pub(crate) struct Compiled {
    /// Instructions of Cranelift's IR.
    pub clif: u32,
    /// Entry points, the function's beginning among them.
    pub entries: u32,
    /// Where the machine code is, and its size.
    pub place: (usize, usize),
    /// Its text, if code is listed.
    pub listed: Option<Listed>,
}

/// Code as text, and its sites.
pub(crate) struct Listed {
    /// Cranelift's IR.
    pub clif: String,
    /// Machine code, in Cranelift's notation.
    pub asm: Option<String>,
    /// Where it can be left.
    pub sites: Vec<Site>,
}

/// Why there is no code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Code memory is used up.
    CodeMemory,
    /// The compiler can't do it.
    Unsupported(String),
    /// Stress: it is meant to fail.
    Bailout,
}

impl From<String> for Failure {
    fn from(why: String) -> Failure {
        Failure::Unsupported(why)
    }
}

impl From<ModuleError> for Failure {
    fn from(e: ModuleError) -> Failure {
        match e {
            ModuleError::Allocation { .. } => Failure::CodeMemory,
            e => Failure::Unsupported(e.to_string()),
        }
    }
}

/// Compiles `p`; its entry is that of the code afterwards.
///
/// # Errors
/// It isn't possible: `p` is as before.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn compile(
    vm: &mut Vm,
    p: *mut ProtoObj,
    speculation: &Speculation,
) -> Result<Compiled, Failure> {
    let data = interp::data(vm);
    if data.stress.bails_out() {
        return Err(Failure::Bailout);
    }
    let checked = cfg!(debug_assertions) || data.stress.modes != StressModes::default();
    let jit = &mut data.jit;
    let checked = checked || jit.options.thresholds.calls <= 1;
    let mut compiler = match jit.tier1.take() {
        Some(c) => c,
        None => Compiler::new(jit.options.thresholds.code_bytes, checked)
            .ok_or_else(|| Failure::Unsupported("unknown machine".into()))?,
    };
    // Whatever goes wrong in a compiler, the function stays interpreted.
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `p` is live.
        unsafe { compile_with(&mut compiler, vm, p, speculation) }
    }))
    .unwrap_or_else(|_| {
        compiler.context = Context::new();
        Err(Failure::Unsupported("the compiler panicked".into()))
    });
    if checked && let Err(Failure::Unsupported(why)) = &result {
        // SAFETY: `p` is live.
        let name = unsafe { jit::events::name(&mut *p) };
        panic!("tier 1 can't compile {name}: {why}");
    }
    if result.is_err() {
        // It still holds what was begun, and perhaps memory.
        compiler.builder = FunctionBuilderContext::new();
        while compiler.space.take().is_some() {}
    }
    compiler.context.clear();
    interp::data(vm).jit.tier1 = Some(compiler);
    result
}

unsafe fn compile_with(
    c: &mut Compiler,
    vm: &mut Vm,
    p: *mut ProtoObj,
    speculation: &Speculation,
) -> Result<Compiled, Failure> {
    // SAFETY: `p` is live.
    unsafe {
        let counts = interp::data(vm).jit.counts.as_deref_mut();
        let counts = counts.map(|counts| &raw mut *counts);
        let trampoline = c.trampoline()?;
        c.context.func.signature = lower::signature(&*c.isa);
        c.context.func.name = ir::UserFuncName::user(0, (*p).id.0);
        let made = lower::lower(
            &mut c.context.func,
            &mut c.builder,
            &*c.isa,
            p,
            speculation,
            lower::Surroundings {
                epoch: vm.meta_epoch,
                trampoline,
                asides: &mut c.asides,
                root: vm.shapes.root(),
                heat: jit::heat_budget(vm),
                site_fields: vm.sites.iter().map(|s| s.inline_fields()).collect(),
                counts,
                charges: vm.charges,
            },
            &interp::data(vm).stress,
        )?;
        let clif = c.context.func.dfg.num_insts() as u32;
        let listing = interp::data(vm).jit.listings.is_some();
        let mut listed = listing.then(|| c.context.func.display().to_string());
        c.context.set_disasm(listing);
        let name = jit::symbol(vm, &mut *p);
        let (mut range, entry) = c.emit(name.as_deref())?;
        let listed = listed.take().map(|clif| Listed {
            clif,
            asm: c
                .context
                .compiled_code()
                .and_then(|code| code.vcode.clone()),
            sites: made.sites.clone(),
        });
        let exits = made.exits.as_ptr_range();
        let exits = exits.start as usize..exits.end as usize;
        range.keep(Box::new((made.exits, made.checks, made.heat.clone())));
        // What the code names stays alive with the prototype; older code may
        // still have native frames.
        if vm.native_depth == 0 {
            (*p).refs.clear();
        }
        (*p).refs.extend(made.refs);
        vm.heap.barrier(p.cast());
        (*p).entry = entry;
        (*p).points_entry = entry;
        let entries = made.points.iter().filter(|at| **at != 0).count() as u32 + 1;
        let place = (range.start(), range.size());
        let points = made.points.into_boxed_slice();
        (*p).points = points.as_ptr();
        let charges = vm.charges;
        let jit = &mut interp::data(vm).jit;
        let made_of = [
            (made.assumes, Assumption::Metatables),
            (!charges, Assumption::Unlimited),
        ];
        let assumes = made_of
            .into_iter()
            .filter(|(makes, _)| *makes)
            .map(|(_, assumption)| jit.assumptions.make(assumption, p))
            .collect();
        vm.epoch_assumed |= made.assumes;
        jit::state_mut(&mut *p).code = Some(Code {
            _range: range,
            _assumes: assumes,
            _points: points,
            exits,
            #[cfg(feature = "llvm")]
            heat: made.heat,
            sites: made.sites.into_boxed_slice(),
        });
        Ok(Compiled {
            clif,
            entries,
            place,
            listed,
        })
    }
}

/// Whether there is code for this machine.
pub(crate) fn supported() -> bool {
    Compiler::new(0, false).is_some()
}
