//! Where functions stand, why, and what would change it: what `vm explain` and
//! `jit.status` tell.

use super::choice::{Choice, ChosenBy, choice};
use super::{JitMode, events, state};
use crate::interp;
use std::fmt;
use strata_profiler::{Counters, FuncName, OneLine, Reason, TierState};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;

/// Where a function stands.
#[derive(Clone, PartialEq, Debug)]
pub struct FunctionStatus {
    /// The function.
    pub func: FuncName,
    /// Its calls so far, as the interpreter has counted them: those of compiled
    /// code are not.
    pub calls: u64,
    /// Its back-edges so far, likewise.
    pub back_edges: u64,
    /// Its length in instructions.
    pub insns: u32,
    /// The highest tier of the code it has: 0 if it is interpreted.
    pub tier: u8,
    /// What made that code: `interpreter`, `cranelift`, `llvm`.
    pub backend: &'static str,
    /// How often it was compiled by tier 1, and by tier 2.
    pub compiles: (u8, u8),
    /// Functions whose optimized code contains it.
    pub part_of: Vec<FuncName>,
    /// Lines at which code does not rely on guesses any more, since guards failed
    /// there, ascending.
    pub unsure: Vec<u32>,
    /// What holds for it.
    pub choice: Choice,
    /// Why it stands there.
    pub why: String,
    /// What would change that, if anything.
    pub remedy: Option<String>,
}

impl FunctionStatus {
    /// As an object of JSON, with the fields that `jit.status` has.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.func.name,
            "chunk": self.func.chunk,
            "line": self.func.line,
            "calls": self.calls,
            "back_edges": self.back_edges,
            "insns": self.insns,
            "tier": self.tier,
            "made_by": self.backend,
            "compiles": self.compiles.0,
            "optimized": self.compiles.1,
            "part_of": self.part_of.iter().map(FuncName::to_string).collect::<Vec<_>>(),
            "unsure": self.unsure,
            "mode": self.choice.mode.name(),
            "backend": self.choice.backend.name(),
            "chosen_by": self.choice.by.to_string(),
            "why": self.why,
            "remedy": self.remedy,
        })
    }
}

/// `name (chunk:line): tier, why`, and lines that say more.
impl fmt::Display for FunctionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let insns = self.insns;
        write!(
            f,
            "{}: tier {} ({}), {insns} instructions",
            self.func, self.tier, self.backend
        )?;
        write!(f, "\n  why: {}", OneLine(&self.why))?;
        if self.choice.by != ChosenBy::Vm {
            let Choice { mode, backend, by } = self.choice;
            write!(f, "\n  mode {mode}, backend {backend}: {by}")?;
        }
        match self.compiles {
            (0, 0) => {}
            (baseline, optimized) => {
                write!(
                    f,
                    "\n  compiled {baseline} times by tier 1, {optimized} by tier 2"
                )?;
            }
        }
        if !self.part_of.is_empty() {
            let names: Vec<String> = self.part_of.iter().map(FuncName::to_string).collect();
            write!(f, "\n  part of the optimized code of {}", names.join(", "))?;
        }
        if !self.unsure.is_empty() {
            let lines: Vec<String> = self.unsure.iter().map(u32::to_string).collect();
            let lines = lines.join(", ");
            write!(
                f,
                "\n  guards failed too often, nothing is guessed any more: line {lines}"
            )?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n  to change that: {remedy}")?;
        }
        Ok(())
    }
}

/// The tier of the code of `p`, and what made it.
fn tier(p: &ProtoObj) -> (u8, &'static str) {
    #[cfg(feature = "cranelift")]
    if let Some(s) = state(p) {
        let best = s.tier2.code.iter().map(|c| c.backend);
        if let Some(backend) = best.max() {
            return (2, backend);
        }
        if s.code.is_some() {
            return (1, "cranelift");
        }
    }
    let _ = p;
    (0, "interpreter")
}

/// The functions whose optimized code contains `p`.
fn part_of(vm: &mut Vm, p: *mut ProtoObj) -> Vec<FuncName> {
    let mut outer = Vec::new();
    #[cfg(feature = "cranelift")]
    for other in vm.heap.protos() {
        // SAFETY: the heap's list names prototypes that are not freed yet.
        unsafe {
            if other != p && crate::tier2::code_contains(&*other, p) {
                outer.push(events::name(&mut *other));
            }
        }
    }
    let _ = (vm, p);
    outer.sort();
    outer
}

/// Lines at which code of `p` does not guess.
fn unsure(p: &ProtoObj) -> Vec<u32> {
    let Some(s) = state(p) else {
        return Vec::new();
    };
    let mut pcs = s.speculation.except.clone();
    #[cfg(feature = "cranelift")]
    pcs.extend(&s.tier2.speculation.except);
    let mut lines: Vec<u32> = pcs.iter().map(|&pc| p.spec().pos(pc).line).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Where `p` stands.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn of(vm: &mut Vm, p: *mut ProtoObj) -> FunctionStatus {
    // SAFETY: the caller says so.
    let proto = unsafe { &mut *p };
    let counters = Counters::of(proto);
    let choice = choice(vm, proto);
    let (tier, backend) = tier(proto);
    let (why, remedy) = reason(vm, proto, &choice, (tier, backend));
    let compiles = state(proto).map_or((0, 0), |s| {
        #[cfg(feature = "cranelift")]
        let optimized = s.tier2.compiles;
        #[cfg(not(feature = "cranelift"))]
        let optimized = 0;
        (s.compiles, optimized)
    });
    FunctionStatus {
        func: events::name(proto),
        calls: counters.calls,
        back_edges: counters.back_edges,
        insns: proto.code_len,
        tier,
        backend,
        compiles,
        part_of: part_of(vm, p),
        unsure: unsure(proto),
        choice,
        why,
        remedy,
    }
}

/// Where all functions of a VM stand, by chunk and line.
pub(crate) fn all(vm: &mut Vm) -> Vec<FunctionStatus> {
    let protos = vm.heap.protos();
    // SAFETY: the heap's list names prototypes that are not freed yet.
    let mut all: Vec<_> = protos.into_iter().map(|p| unsafe { of(vm, p) }).collect();
    all.sort_by(|a, b| {
        let key = |s: &FunctionStatus| (s.func.chunk.clone(), s.func.line);
        key(a).cmp(&key(b))
    });
    all
}

/// Who would have to say something else.
fn take_back(choice: &Choice, word: &str) -> String {
    match choice.by {
        ChosenBy::Vm => format!("--jit={word} or its like, see `vm run --help`"),
        ChosenBy::Source => "the annotation `--@jit` before it, or before what it is in".into(),
        ChosenBy::Rule => "the option --jit-function that names it".into(),
        ChosenBy::Request => "`jit.on` of the function, or what its host asks".into(),
    }
}

/// Why a function stands where it does, and what would change it.
fn reason(
    vm: &mut Vm,
    p: &ProtoObj,
    choice: &Choice,
    (tier, backend): (u8, &str),
) -> (String, Option<String>) {
    let charges = vm.charges;
    let options = &interp::data(vm).jit.options;
    let (mode, thresholds, counts) = (options.mode, &options.thresholds, options.count);
    let s = state(p);
    if !cfg!(feature = "cranelift") {
        let remedy = Some("build with the feature `cranelift`".into());
        return ("this build has no compiler".into(), remedy);
    }
    if mode == JitMode::Off {
        let remedy = Some("--jit=baseline or --jit=full".into());
        return ("nothing is compiled".into(), remedy);
    }
    if let Some(TierState::Disabled(reason)) = s.map(|s| s.state) {
        let remedy = match reason {
            Reason::TooLong => Some(format!(
                "functions of its parts, or --jit-opt=max-insns={}",
                p.code_len
            )),
            Reason::TooManyCompiles => Some(format!(
                "values of one type, and objects of one form, at each place, or \
                 --jit-opt=compiles={}",
                thresholds.compiles.saturating_mul(2)
            )),
            Reason::CodeMemory => Some(format!(
                "--jit-opt=code-memory={}",
                thresholds.code_bytes.saturating_mul(2)
            )),
            Reason::Requested => Some(take_back(choice, "full")),
            Reason::Unsupported | Reason::Bailout => None,
        };
        let mut why = match reason {
            Reason::Requested => format!("{} asks for it", choice.by),
            reason => reason.to_string(),
        };
        let detail = s.map_or("", |s| s.detail.as_str());
        if !detail.is_empty() {
            why = format!("{why}: {detail}");
        }
        return (why, remedy);
    }
    match tier {
        0 => {
            #[cfg(feature = "cranelift")]
            if s.is_some_and(|s| s.pending.is_some()) {
                return ("it is being compiled".into(), None);
            }
            let why = format!(
                "not hot yet: {} calls of {}, {} back-edges of {}",
                Counters::of(p).calls,
                thresholds.enough_calls(false),
                Counters::of(p).back_edges,
                thresholds.enough_back_edges(p.code_len, 0, false),
            );
            let remedy =
                "more work for it, `--@jit always` before it, or --jit-opt=calls=N,back-edges=N";
            (why, Some(remedy.into()))
        }
        1 if !choice.mode.optimizes() => (
            format!("{} asks for no more than baseline code", choice.by),
            Some(take_back(choice, "full")),
        ),
        1 if charges => (
            "code that keeps to an instruction limit is not optimized".into(),
            Some("a time limit instead".into()),
        ),
        1 if counts => ("code that counts is not optimized".into(), None),
        1 => {
            #[cfg(feature = "cranelift")]
            if s.is_some_and(|s| s.tier2.off) {
                let detail = s.map_or("", |s| s.detail.as_str());
                let why = match detail {
                    "" => "it was optimized too often: what it saw changed each time".to_string(),
                    detail => detail.to_string(),
                };
                return (why, None);
            }
            (
                format!(
                    "warm: optimized after {} instructions of baseline code",
                    thresholds.hot
                ),
                Some("more work for it, or --jit-opt=hot=N".into()),
            )
        }
        _ if backend == "cranelift" && choice.backend == super::Backend::Auto => (
            "very hot".into(),
            Some(format!(
                "LLVM's code takes its place after {} instructions of Cranelift's (--jit-opt=best=N)",
                thresholds.best
            )),
        ),
        _ => ("very hot".into(), None),
    }
}
