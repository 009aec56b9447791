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
//! - `codegen`: CLIF to machine code, on any thread
//! - `counts`: counting executed instructions, where the host asks for it
//! - `charge`: charging them, where they are limited
//! - `aside`: calls off the hot path, which leave machine registers alone
//! - `helpers`: functions of ours that compiled code calls
//! - `layout`: offsets

mod alloc;
mod arith;
pub(crate) mod aside;
mod branch;
mod calls;
mod charge;
pub(crate) mod codegen;
mod counts;
mod elements;
mod entries;
mod exits;
mod fields;
pub(crate) mod heat;
pub(crate) mod helpers;
mod intrinsics;
pub(crate) mod layout;
mod loops;
mod lower;
mod registers;
mod returns;
mod state;

#[cfg(feature = "cranelift")]
pub(crate) use arith::operator;

use crate::deopt::Site;
use crate::interp;
use crate::jit::queue::Job as _;
use crate::jit::{self, Assumption, Code, CodeSpace, Dependant, Speculation};
use crate::stress::StressModes;
use cranelift_codegen::ir;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use strata_runtime::Vm;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::object::ProtoObj;

/// The compiler of one VM.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
    builder: FunctionBuilderContext,
    /// For what is compiled on the VM's thread.
    tools: codegen::Tools,
    /// See [`aside`].
    trampoline: Option<jit::CodeRange>,
    /// Its helpers.
    asides: aside::Table,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiler({})", self.isa.name())
    }
}

impl Compiler {
    /// A compiler for this machine; `None` if Cranelift does not know it.
    /// `checked`: what is compiled goes through Cranelift's verifier.
    fn new(checked: bool) -> Option<Compiler> {
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
        let isa = jit::TargetCpu::Native
            .isa()
            .ok()?
            .finish(settings::Flags::new(flags))
            .ok()?;
        Some(Compiler {
            isa,
            builder: FunctionBuilderContext::new(),
            tools: codegen::Tools::default(),
            trampoline: None,
            asides: aside::Table::default(),
        })
    }

    /// The address of the trampoline of [`aside`], made at the first call.
    fn trampoline(&mut self, space: &CodeSpace) -> Result<usize, Failure> {
        if self.trampoline.is_none() {
            let mut func = ir::Function::new();
            aside::build(&mut func, &mut self.builder, &*self.isa, &self.asides);
            let emitted = self.run(self.job(func, false))?;
            self.trampoline = Some(emitted.place(space)?);
        }
        Ok(self.trampoline.as_ref().map_or(0, jit::CodeRange::start))
    }

    /// The rest of the work on `func`.
    fn job(&self, func: ir::Function, listed: bool) -> codegen::Job {
        let isa = self.isa.clone();
        codegen::Job { isa, func, listed }
    }

    /// Does it now.
    fn run(&mut self, job: codegen::Job) -> Result<codegen::Emitted, Failure> {
        Ok(job.run(&mut self.tools)?)
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

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        match e.kind() {
            io::ErrorKind::OutOfMemory => Failure::CodeMemory,
            _ => Failure::Unsupported(e.to_string()),
        }
    }
}

/// A function between lowering and installing: what belongs to its code.
pub(crate) struct Lowered {
    points: Box<[u16]>,
    exits: Box<[jit::Exit]>,
    checks: Vec<jit::EntryCheck>,
    sites: Vec<Site>,
    assumes: Vec<Arc<Dependant>>,
    /// How many objects the prototype kept for older code.
    older_refs: usize,
    heat: heat::Heat,
    /// Cranelift's IR, if code is listed.
    clif: Option<String>,
}

/// Whether compiles of this VM are checked: by Cranelift's verifier, and that
/// there are no functions the compiler can't do.
fn checked(vm: &mut Vm) -> bool {
    cfg!(debug_assertions) || interp::data(vm).jit.options.verify && tells(vm)
}

/// Whether code of this VM tells that it runs.
fn tells(vm: &mut Vm) -> bool {
    let data = interp::data(vm);
    data.stress.modes != StressModes::default() || data.jit.options.thresholds.back_edges <= 1
}

/// Runs a part of a compile. Whatever goes wrong in the compiler, the function
/// stays interpreted.
fn guarded<R>(
    vm: &mut Vm,
    p: *mut ProtoObj,
    part: impl FnOnce(&mut Vm, &mut Compiler) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let checked = checked(vm);
    let mut compiler = match interp::data(vm).jit.tier1.take() {
        Some(c) => c,
        None => {
            Compiler::new(checked).ok_or_else(|| Failure::Unsupported("unknown machine".into()))?
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| part(vm, &mut compiler)))
        .unwrap_or_else(|_| Err(Failure::Unsupported("the compiler panicked".into())));
    if result.is_err() {
        // They still hold what was begun.
        compiler.builder = FunctionBuilderContext::new();
        compiler.tools = codegen::Tools::default();
    }
    interp::data(vm).jit.tier1 = Some(compiler);
    complain(checked, p, &result);
    result
}

/// Where compiles are checked, a function that can't be compiled is a bug.
fn complain<R>(checked: bool, p: *mut ProtoObj, result: &Result<R, Failure>) {
    if checked && let Err(Failure::Unsupported(why)) = result {
        // SAFETY: callers hold a live prototype.
        let name = unsafe { jit::events::name(&mut *p) };
        panic!("tier 1 can't compile {name}: {why}");
    }
}

/// The first part of compiling `p`: what is left to do, on any thread, and
/// what [`install`] needs besides.
///
/// # Errors
/// It isn't possible.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn lower(
    vm: &mut Vm,
    p: *mut ProtoObj,
    speculation: &Speculation,
) -> Result<(codegen::Job, Lowered), Failure> {
    if interp::data(vm).stress.bails_out() {
        return Err(Failure::Bailout);
    }
    // SAFETY: as the caller says.
    guarded(vm, p, |vm, c| unsafe { lower_with(c, vm, p, speculation) })
}

unsafe fn lower_with(
    c: &mut Compiler,
    vm: &mut Vm,
    p: *mut ProtoObj,
    speculation: &Speculation,
) -> Result<(codegen::Job, Lowered), Failure> {
    // SAFETY: `p` is live.
    unsafe {
        let counts = interp::data(vm).jit.counts.as_deref_mut();
        let counts = counts.map(|counts| &raw mut *counts);
        let trampoline = c.trampoline(interp::data(vm).jit.code_space())?;
        let ran = tells(vm).then(|| &raw mut interp::data(vm).stress.ran);
        let name = ir::UserFuncName::user(0, (*p).id.0);
        let mut func = ir::Function::with_name_signature(name, lower::signature(&*c.isa));
        let made = lower::lower(
            &mut func,
            &mut c.builder,
            &*c.isa,
            p,
            speculation,
            lower::Surroundings {
                epoch: vm.meta_epoch,
                trampoline,
                asides: &mut c.asides,
                root: vm.shapes.root(),
                heat: jit::heat_budget(vm, &*p),
                site_fields: vm.sites.iter().map(|s| s.inline_fields()).collect(),
                counts,
                charges: vm.charges,
                ran,
                checked: checked(vm),
            },
            &interp::data(vm).stress,
        )?;
        // What the code names stays alive with the prototype; older code may be in
        // use, or still have native frames.
        if vm.native_depth == 0 && jit::state_mut(&mut *p).code.is_none() {
            (*p).refs.clear();
        }
        let older_refs = (*p).refs.len();
        (*p).refs.extend(made.refs);
        vm.heap.barrier(p.cast());
        let charges = vm.charges;
        let jit = &mut interp::data(vm).jit;
        let made_of = [
            (
                made.assumes && !planted(Bug::StaleCache),
                Assumption::Metatables,
            ),
            (!charges, Assumption::Unlimited),
        ];
        let assumes = made_of
            .into_iter()
            .filter(|(makes, _)| *makes)
            .map(|(_, assumption)| jit.assumptions.make(assumption, p))
            .collect();
        vm.epoch_assumed |= made.assumes;
        let listed = interp::data(vm).jit.listings.is_some();
        let clif = listed.then(|| func.display().to_string());
        let lowered = Lowered {
            points: made.points.into_boxed_slice(),
            exits: made.exits,
            checks: made.checks,
            sites: made.sites,
            assumes,
            older_refs,
            heat: made.heat,
            clif,
        };
        Ok((c.job(func, listed), lowered))
    }
}

/// The second part of compiling `p`, done now.
///
/// # Errors
/// It isn't possible.
pub(crate) fn generate(
    vm: &mut Vm,
    p: *mut ProtoObj,
    job: codegen::Job,
) -> Result<codegen::Emitted, Failure> {
    guarded(vm, p, |_, c| c.run(job))
}

/// The last part: `p` has code afterwards. With it comes the code that it had until
/// now, which is out of use.
///
/// # Errors
/// It isn't possible: `p` is as before.
///
/// # Safety
/// `p` is live, `lowered` and `emitted` belong together and are of `p`.
pub(crate) unsafe fn install(
    vm: &mut Vm,
    p: *mut ProtoObj,
    lowered: Lowered,
    emitted: Result<codegen::Emitted, Failure>,
) -> Result<(Compiled, Option<Code>), Failure> {
    let space = interp::data(vm).jit.code_space();
    let placed = emitted.and_then(|emitted| Ok((emitted.place(space)?, emitted)));
    complain(checked(vm), p, &placed);
    let (mut range, emitted) = placed?;
    let Lowered {
        points,
        exits,
        checks,
        sites,
        assumes,
        older_refs,
        heat,
        clif,
    } = lowered;
    let compiled = Compiled {
        clif: emitted.clif,
        entries: points.iter().filter(|at| **at != 0).count() as u32 + 1,
        place: (range.start(), range.size()),
        listed: clif.map(|clif| Listed {
            clif,
            asm: emitted.asm,
            sites: sites.clone(),
        }),
    };
    // SAFETY: `p` is live.
    let proto = unsafe { (*p).spec() };
    let guards = exits
        .iter()
        .map(|e| (e.guard.key(proto, e.pc), e.guard.listed(proto, e.pc)));
    interp::data(vm).stress.has_guards(guards);
    let place = exits.as_ptr_range();
    let place = place.start as usize..place.end as usize;
    range.keep(Box::new((exits, checks, heat.clone())));
    // SAFETY: `p` is live; the range and the points stay as long as they can
    // be entered. Without native frames nothing runs older code any more.
    let old = unsafe {
        if vm.native_depth == 0 {
            (*p).refs.drain(..older_refs);
        }
        (*p).entry = range.start() as *const ();
        (*p).points_entry = (*p).entry;
        (*p).typed_entries = [std::ptr::null(); 2];
        (*p).points = points.as_ptr();
        jit::state_mut(&mut *p).code.replace(Code {
            _range: range,
            _assumes: assumes,
            _points: points,
            exits: place,
            #[cfg(feature = "cranelift")]
            heat,
            sites: sites.into_boxed_slice(),
        })
    };
    Ok((compiled, old))
}

/// Whether there is code for this machine.
pub(crate) fn supported() -> bool {
    Compiler::new(false).is_some()
}
