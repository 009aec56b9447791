//! Putting code in its place.

use super::code::{Code, ExitTable};
use super::compile::{Object, Product, Report, micros};
use super::snapshot::Snapshot;
use super::{clif, helpers};
#[cfg(feature = "llvm")]
use super::{llvm, lower};
use crate::interp;
use crate::jit::{self, Assumption, CodeRange, CodeSpace, TargetCpu};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;
use strata_runtime::Vm;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::object::ProtoObj;

/// Code in its place.
pub(crate) struct Installed {
    pub code: Code,
    pub report: Report,
    /// What the report has, with names.
    pub inlining: Vec<strata_profiler::Inlining>,
}

/// Makes what was compiled the code of `p`: the code, and what it was compiled
/// from.
///
/// # Safety
/// `p` is live.
pub(super) unsafe fn install(
    vm: &mut Vm,
    p: *mut ProtoObj,
    made: Product,
) -> Result<(Installed, Snapshot), String> {
    let Product {
        snapshot,
        stage: _,
        object,
        lowered,
        slots,
        assumes,
        mut report,
        key,
    } = made;
    let begun = Instant::now();
    let words = lowered.words;
    let holds = |what: &Assumption| match what {
        Assumption::Metatables => vm.meta_epoch == snapshot.epoch,
        Assumption::Upvalues => !vm.upvalues_set,
        Assumption::Unlimited => !vm.charges,
    };
    if !assumes.iter().all(holds) && !planted(Bug::StaleEpoch) {
        return Err("what it assumed does not hold any more".into());
    }
    let space = interp::data(vm).jit.code_space().clone();
    let funcs = snapshot
        .funcs
        .iter()
        .map(|f| snapshot.objects[f.proto.0 as usize] as *mut ProtoObj)
        .collect();
    let exits = Box::new(ExitTable {
        hits: vec![Cell::new(0); lowered.exits.len()],
        maps: lowered.maps,
        funcs,
        sites: lowered.exits,
        words,
        at: snapshot.entry,
        insts: report.insts,
        dead: Cell::new(false),
        left: Cell::new(i32::MAX),
        later: Cell::new(None),
        waited: Cell::new(false),
        heat: Cell::new(0),
        ran: interp::data(vm)
            .jit
            .tier2
            .as_ref()
            .map(|t| t.ran.clone())
            .unwrap_or_default(),
    });
    let guards = exits.sites.iter().filter(|site| site.guarded);
    let guards = guards.map(|site| {
        let proto = snapshot.funcs[site.func as usize].spec();
        (site.key(proto), site.listed(proto))
    });
    interp::data(vm).stress.has_guards(guards);
    let at: *const ExitTable = &raw const *exits;
    let ran = Arc::as_ptr(&exits.ran) as usize;
    let inlining = report.inlining.iter().map(|call| {
        // SAFETY: the prototype that is compiled keeps what the snapshot names.
        let name = |p: *mut ProtoObj| unsafe { jit::events::name(&mut *p) };
        let caller = exits.funcs[call.caller as usize];
        strata_profiler::Inlining {
            callee: name(snapshot.objects[call.callee.0 as usize] as *mut ProtoObj),
            caller: name(caller),
            // SAFETY: as above.
            line: unsafe { (*caller).spec().pos(call.pc).line },
            pc: call.pc,
            why_not: call.why_not,
        }
    });
    let inlining = inlining.collect();
    let mut constants: Vec<u64> = snapshot.objects.iter().map(|&a| a as u64).collect();
    let aside = match &object {
        Object::Clif(_) => aside(vm, &space)?,
        #[cfg(feature = "llvm")]
        Object::Llvm(_) => 0,
    };
    constants.extend(helpers::addresses(at as usize, aside, ran).map(|a| a as u64));
    // SAFETY: the caller says that `p` is live.
    let name = format!("lua2:{}", unsafe { jit::events::name(&mut *p) });
    let jit = &mut interp::data(vm).jit;
    let (mut range, entry, typed, backend): (CodeRange, _, _, _) = match object {
        Object::Clif(object) => {
            let range = object.link(&space, &constants).map_err(|e| e.to_string())?;
            if let Some(perf) = &mut jit.perf {
                object.tell(perf, &range, &name);
            }
            let [entry, typed] = object.entries().map(|at| at.map(|at| range.start() + at));
            let entry = entry.ok_or("the code has no entry")?;
            (range, entry, [0, typed.unwrap_or(0)], "cranelift")
        }
        #[cfg(feature = "llvm")]
        Object::Llvm(object) => {
            let linked = llvm::link(&object, &space, &constants).map_err(|e| e.to_string())?;
            if let Some(perf) = &mut jit.perf {
                linked.tell(perf, &name);
            }
            let entry = linked.address(lower::ENTRY);
            let typed = linked.address(lower::TYPED);
            (
                linked.range,
                entry.ok_or("the code has no entry")?,
                [typed.unwrap_or(0), 0],
                "llvm",
            )
        }
    };
    range.keep(exits);
    let list = assumes.iter();
    let list = list.map(|&what| jit.assumptions.make(what, p)).collect();
    vm.epoch_assumed |= assumes.contains(&Assumption::Metatables);
    let code = Code {
        range,
        at: snapshot.entry,
        entry: entry as *const (),
        backend,
        typed: typed.map(|at| at as *const ()),
        slots,
        exits: at,
        _assumes: list,
        _placed: key.map(|(cache, key)| cache.place(key, entry)),
    };
    report.stages.link = micros(begun);
    let installed = Installed {
        code,
        report,
        inlining,
    };
    Ok((installed, snapshot))
}

/// The address of the trampoline by which code of Cranelift's calls helpers.
fn aside(vm: &mut Vm, space: &CodeSpace) -> Result<usize, String> {
    let Some(tier2) = &mut interp::data(vm).jit.tier2 else {
        return Err("nothing was compiled".into());
    };
    if tier2.aside.is_none() {
        let object = clif::Machine::new(false, TargetCpu::Native)?.trampoline()?;
        tier2.aside = Some(object.link(space, &[]).map_err(|e| e.to_string())?);
    }
    Ok(tier2.aside.as_ref().map_or(0, CodeRange::start))
}
