//! A compile: from a snapshot to machine code that is not in its place yet.
//!
//! It runs on a worker's thread and touches nothing of the VM.

use super::cached::{self, Manner};
use super::helpers::Helper;
use super::layouts::Layouts;
#[cfg(feature = "llvm")]
use super::llvm;
use super::snapshot::{EntryAt, Snapshot};
use super::{Inlining, Stage, build, clif, lower};
use crate::cache::{Cache, Key};
use crate::ir::passes::{PassStats, Pipeline, Tables};
use crate::ir::verify;
use crate::jit::Assumption;
#[cfg(feature = "llvm")]
use crate::jit::Level;
use crate::jit::TargetCpu;
use crate::jit::queue::Job;
use bumpalo::Bump;
use std::time::Instant;
use strata_profiler::Stages;
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;

/// A compile.
pub(super) struct Compile {
    pub manner: Manner,
    pub snapshot: Snapshot,
    pub name: String,
    /// Verifiers run.
    pub checked: bool,
    /// Text is wanted.
    pub listing: bool,
    /// Where what is made is kept.
    pub cache: Option<Cache>,
}

/// What a compile made.
pub(super) struct Product {
    pub snapshot: Snapshot,
    pub stage: Stage,
    pub object: Object,
    pub lowered: lower::Lowered,
    pub slots: u32,
    pub assumes: Vec<Assumption>,
    pub report: Report,
    /// The entry of the compile cache, if it is one.
    pub key: Option<(Cache, Key)>,
}

/// Machine code, not in its place yet.
pub(super) enum Object {
    Clif(clif::Object),
    /// An ELF file.
    #[cfg(feature = "llvm")]
    Llvm(Box<[u8]>),
}

/// What is told about a compile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Instructions of IR, after the passes.
    pub insts: u32,
    /// What passes did.
    pub passes: PassStats,
    /// Calls that were inlined, and that were not.
    pub inlining: Vec<Inlining>,
    /// What the stages took.
    pub stages: Stages,
    /// IR after each pass, LLVM's input, its output, assembly.
    pub texts: Vec<(String, String)>,
}

/// What the compile thread keeps.
#[derive(Default)]
pub(super) struct Tools {
    clif: Option<(TargetCpu, clif::Machine)>,
    #[cfg(feature = "llvm")]
    llvm: Option<((Level, TargetCpu), llvm::Machine)>,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// There is no IR of it.
    #[error("{0}")]
    ByUs(String),
    /// The backend can't do it; another may.
    #[error("{0}")]
    ByBackend(String),
}

impl From<String> for Refused {
    fn from(why: String) -> Refused {
        Refused::ByUs(why)
    }
}

impl Job for Compile {
    type Output = Result<Product, Refused>;
    type Tools = Tools;

    fn run(mut self, tools: &mut Tools) -> Result<Product, Refused> {
        let Some(cache) = self.cache.take() else {
            return compile(self, tools);
        };
        let (name, manner) = (self.name.clone(), self.manner);
        let mut product = compile(self, tools)?;
        cached::keep(&cache, &name, manner, &mut product);
        Ok(product)
    }
}

fn compile(job: Compile, tools: &mut Tools) -> Result<Product, Refused> {
    let Compile {
        manner,
        snapshot,
        name,
        checked,
        listing,
        cache: _,
    } = job;
    let stage = manner.stage;
    let start = Instant::now();
    let mut report = Report::default();
    let arena = Bump::new();
    let built = build::build(&snapshot, &arena, stage.big())?;
    let mut func = built.func;
    if listing {
        report.texts.push(("build".into(), func.to_string()));
    }
    if checked {
        verify::verify(&func).map_err(|e| format!("after building: {e}\n{func}"))?;
    }
    let may_hoist = |f: u32, pc: u32, why| {
        let of = &snapshot.funcs[f as usize].speculation;
        of.may_hoist(pc, why)
    };
    let mut texts = Vec::new();
    let mut watch = |name: &'static str, f: &crate::ir::Func<'_>| {
        if listing {
            texts.push((name.to_string(), f.to_string()));
        }
    };
    let layouts = Layouts::of(&snapshot);
    let sinkable = |f: u32, pc: u32, shape: u64, fields: usize| {
        layouts.sinkable(&snapshot, f, pc, shape, fields)
    };
    let tables = Tables {
        root: u64::from(snapshot.root.0),
        sinkable: &sinkable,
    };
    report.passes = Pipeline::of_level(manner.level, &may_hoist)
        .with_tables(tables)
        .run(&mut func, checked, Some(&mut watch))?;
    if let Some((_, last)) = texts.last_mut() {
        report.passes.each(&mut |_, what, n| {
            if n > 0 {
                last.push_str(&format!("; {n} {what}\n"));
            }
        });
    }
    report.texts.append(&mut texts);
    let whom = match stage {
        Stage::Soon => lower::For::Cranelift {
            counts: manner.counts,
        },
        Stage::Best => lower::For::Llvm,
    };
    let extras = (manner.stress, manner.tells);
    let lowered = lower::lower(&snapshot, &layouts, &func, built.slots, extras, whom)?;
    report.insts = func.insts.len() as u32;
    report.inlining = built.inlining;
    report.stages.ir = micros(start);
    if listing {
        let name = crate::jit::listing::LOWERED;
        report.texts.push((name.into(), lowered.text.clone()));
        report
            .texts
            .push(("frame maps".into(), lowered.maps_text()));
    }
    let object = match stage {
        Stage::Soon => {
            let trampoline = snapshot.objects.len() + Helper::Aside as usize;
            let text = (&*lowered.text, trampoline);
            by_cranelift((tools, manner), checked, listing, text, &mut report)
        }
        Stage::Best => {
            let text = (&*name, &*lowered.text);
            by_llvm((tools, manner), checked, listing, text, &mut report)
        }
    };
    let object = object.map_err(Refused::ByBackend)?;
    Ok(Product {
        snapshot,
        stage,
        object,
        lowered,
        slots: built.slots,
        assumes: built.assumes,
        report,
        key: None,
    })
}

/// Makes machine code of a text with Cranelift: with the place of the trampoline
/// in its table of constants.
fn by_cranelift(
    (tools, manner): (&mut Tools, Manner),
    checked: bool,
    listing: bool,
    (text, trampoline): (&str, usize),
    report: &mut Report,
) -> Result<Object, String> {
    let start = Instant::now();
    let (_, machine) = match &mut tools.clif {
        Some(m) if m.0 == manner.cpu => m,
        none => none.insert((manner.cpu, clif::Machine::new(checked, manner.cpu)?)),
    };
    let mut object = machine
        .compile(text, trampoline, listing)
        .map_err(|e| format!("{e}\n{text}"))?;
    report.stages.cranelift = micros(start);
    if let (Some(clif), Some(asm)) = (object.clif.take(), object.asm.take()) {
        report.texts.push(("optimized".into(), clif));
        report.texts.push(("asm".into(), asm));
    }
    Ok(Object::Clif(object))
}

/// Makes machine code of the named text with LLVM.
#[cfg(feature = "llvm")]
fn by_llvm(
    (tools, manner): (&mut Tools, Manner),
    checked: bool,
    listing: bool,
    (name, text): (&str, &str),
    report: &mut Report,
) -> Result<Object, String> {
    let how = (manner.level, manner.cpu);
    let (_, machine) = match &mut tools.llvm {
        Some(m) if m.0 == how => m,
        none => {
            let machine = llvm::Machine::new(checked, how.0, how.1).map_err(|e| e.to_string())?;
            none.insert((how, machine))
        }
    };
    let start = Instant::now();
    let context = machine.context();
    let module = machine
        .parse(&context, name, text)
        .map_err(|e| format!("{e}\n{text}"))?;
    machine
        .optimize(&module, manner.level.tier2_passes())
        .map_err(|e| e.to_string())?;
    report.stages.llvm = micros(start);
    if listing {
        let text = module.print_to_string().to_string();
        report.texts.push(("optimized".into(), text));
        if let Ok(text) = machine.assembly(&module) {
            report.texts.push(("asm".into(), text));
        }
    }
    let object = machine.emit(&module).map_err(|e| e.to_string())?;
    report.stages.codegen = object.codegen.as_secs_f64() * 1e6;
    Ok(Object::Llvm(object.bytes))
}

/// The same, where LLVM isn't built in.
#[cfg(not(feature = "llvm"))]
fn by_llvm(
    _: (&mut Tools, Manner),
    _checked: bool,
    _listing: bool,
    _: (&str, &str),
    _: &mut Report,
) -> Result<Object, String> {
    Err("LLVM is not built in".into())
}

/// Microseconds since `start`.
pub(super) fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// Compiles `p` at once: for listings.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn compile_now(
    vm: &mut Vm,
    p: *mut ProtoObj,
    at: EntryAt,
) -> Result<Report, String> {
    // SAFETY: as the caller says.
    let snapshot = unsafe { Snapshot::take(vm, p, at, None) };
    // SAFETY: `p` is live.
    let backend = crate::jit::choice::choice(vm, unsafe { &*p }).backend;
    let first = Stage::first(backend);
    let stage = if first.is_improved(backend) {
        Stage::Best
    } else {
        first
    };
    let manner = Manner {
        counts: false,
        tells: true,
        stress: false,
        ..Manner::of(vm, stage, backend)
    };
    let job = Compile {
        manner,
        snapshot,
        name: "listing".into(),
        checked: true,
        listing: true,
        cache: None,
    };
    compile(job, &mut Tools::default())
        .map(|made| made.report)
        .map_err(|e| e.to_string())
}
