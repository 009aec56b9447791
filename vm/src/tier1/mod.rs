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
//! recompilation without them ([`crate::jit::exited`]).
//!
//! - `lower`: blocks, entry points, exits, one instruction after the other
//! - `arith`, `branch`, `fields`, `elements`, `calls`, `loops`: instructions
//! - `intrinsics`: calls of host functions that are done inline
//! - `helpers`: functions of ours that compiled code calls
//! - `layout`: offsets

mod arith;
mod branch;
mod calls;
mod elements;
mod fields;
mod helpers;
mod intrinsics;
mod layout;
mod loops;
mod lower;
mod state;

use crate::interp;
use crate::jit::{self, Code, CodeSpace};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, ir};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::Module;
use std::panic::{AssertUnwindSafe, catch_unwind};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;

/// The compiler of one VM.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
    builder: FunctionBuilderContext,
    context: Context,
    space: CodeSpace,
}

impl Compiler {
    /// A compiler for this machine; `None` if Cranelift does not know it.
    fn new(limit: usize) -> Option<Compiler> {
        let mut flags = settings::builder();
        flags.set("opt_level", "none").ok()?;
        flags.set("use_colocated_libcalls", "false").ok()?;
        flags.set("is_pic", "false").ok()?;
        flags
            .set(
                "enable_verifier",
                if cfg!(debug_assertions) {
                    "true"
                } else {
                    "false"
                },
            )
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
        })
    }

    /// Makes code of the function in `self.context`.
    fn emit(&mut self) -> Result<(jit::CodeRange, *const ()), String> {
        let mut builder =
            JITBuilder::with_isa(self.isa.clone(), cranelift_module::default_libcall_names());
        builder.memory_provider(Box::new(self.space.clone()));
        let mut module = JITModule::new(builder);
        let id = module
            .declare_anonymous_function(&self.context.func.signature)
            .map_err(|e| e.to_string())?;
        module
            .define_function(id, &mut self.context)
            .map_err(|e| e.to_string())?;
        module.finalize_definitions().map_err(|e| e.to_string())?;
        let entry = module.get_finalized_function(id).cast::<()>();
        let range = self.space.take().ok_or("no code was made")?;
        Ok((range, entry))
    }
}

/// Most bytes of code memory.
const CODE_LIMIT: usize = 64 << 20;

/// Compiles `p`; its entry is that of the code afterwards. `false`: not
/// possible, it stays in the interpreter.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn compile(vm: &mut Vm, p: *mut ProtoObj) -> bool {
    let idle = vm.native_depth == 0;
    let data = interp::data(vm);
    let mut compiler = match data.jit.tier1.take() {
        Some(c) => c,
        None => match Compiler::new(CODE_LIMIT) {
            Some(c) => c,
            None => return false,
        },
    };
    if idle {
        compiler.space.reclaim();
    }
    // Whatever goes wrong in a compiler, the function stays interpreted.
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `p` is live.
        unsafe { compile_with(&mut compiler, vm, p) }
    }))
    .unwrap_or_else(|_| {
        compiler.context = Context::new();
        Err("the compiler panicked".into())
    });
    if result.is_err() {
        // It still holds what was begun.
        compiler.builder = FunctionBuilderContext::new();
    }
    compiler.context.clear();
    interp::data(vm).jit.tier1 = Some(compiler);
    result.is_ok()
}

unsafe fn compile_with(c: &mut Compiler, vm: &mut Vm, p: *mut ProtoObj) -> Result<(), String> {
    // SAFETY: `p` is live.
    unsafe {
        c.context.func.signature = lower::signature(&*c.isa);
        c.context.func.name = ir::UserFuncName::user(0, (*p).id.0);
        let no_spec = jit::state_mut(&mut *p).no_spec.clone();
        let made = lower::lower(
            &mut c.context.func,
            &mut c.builder,
            &*c.isa,
            p,
            &no_spec,
            vm.meta_epoch,
        )?;
        let (mut range, entry) = c.emit()?;
        range.keep(Box::new(made.exits));
        // What the code names stays alive with the prototype.
        (*p).refs = made.refs;
        vm.heap.barrier(p.cast());
        (*p).entry = entry;
        jit::state_mut(&mut *p).code = Some(Code {
            _range: range,
            points: made.points.into_boxed_slice(),
        });
        Ok(())
    }
}
