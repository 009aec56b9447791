//! Which tiers a function may use, and who says so.
//!
//! ```text
//!  the running program or its host   jit.off(f), Function::set_jit
//!  the host's options                JitOptions::functions
//!  the source                        --@jit off
//!  the VM                            JitOptions::mode, backend
//! ```
//!
//! The first of them that says something about a function counts, but for one
//! thing: no function goes farther than its VM's mode. What rules and source
//! say is looked up once, when a module is loaded, and kept with the function;
//! the rest may change at any time. Then code that should not be there any more
//! is taken out of use, and functions begin anew.

use super::{Backend, FuncState, JitMode, Wish, events, names, policy, state, state_mut};
use crate::interp;
use std::fmt;
use strata_profiler::{Reason, TierState};
use strata_runtime::Vm;
use strata_runtime::error::Result;
use strata_runtime::object::ProtoObj;
use strata_spec::module::Annotation;

/// Who decided about a function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ChosenBy {
    /// Its VM's options.
    Vm,
    /// An annotation in its source.
    Source,
    /// A rule among its VM's options.
    Rule,
    /// The running program or its host.
    Request,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChosenBy::Vm => "the VM's options",
            ChosenBy::Source => "an annotation in the source",
            ChosenBy::Rule => "an option for this function",
            ChosenBy::Request => "a request while it ran",
        })
    }
}

/// What holds for a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// How far it may go.
    pub mode: JitMode,
    /// What makes its code when it is very hot.
    pub backend: Backend,
    /// Who says so.
    pub by: ChosenBy,
}

/// What is asked of a function, and by whom.
pub(super) type Asked = Option<(Wish, ChosenBy)>;

/// What holds for `p`.
pub(crate) fn choice(vm: &mut Vm, p: &ProtoObj) -> Choice {
    let options = &interp::data(vm).jit.options;
    let (wish, by) = asked(p).unwrap_or((Wish::default(), ChosenBy::Vm));
    Choice {
        mode: wish.mode.map_or(options.mode, |m| options.mode.within(m)),
        backend: wish.backend.unwrap_or(options.backend),
        by,
    }
}

/// What was asked of `p` while it ran.
pub(super) fn requested(p: &ProtoObj) -> Option<Wish> {
    state(p)?.requested.map(|(wish, _)| wish)
}

/// What is asked of `p`.
fn asked(p: &ProtoObj) -> Asked {
    let s = state(p)?;
    s.requested.or(s.asked)
}

/// Whether code of other functions may contain `p`.
pub(crate) fn may_be_inlined(p: &ProtoObj) -> bool {
    let mode = asked(p).and_then(|(wish, _)| wish.mode);
    mode.is_none_or(JitMode::optimizes)
}

/// Looks up what options and source ask of the functions of a module whose main
/// function was just loaded, and compiles those that are to be compiled always.
///
/// # Errors
/// One of these can't be compiled, or a limit was reached.
pub(crate) fn loaded(vm: &mut Vm, main: *mut ProtoObj) -> Result<()> {
    let mut left = vec![main];
    let mut refused = Vec::new();
    while let Some(p) = left.pop() {
        // SAFETY: the prototypes were just made, and nothing collects.
        let proto = unsafe { &mut *p };
        left.extend(proto.children.iter().rev());
        let asked = of_options(vm, proto);
        if asked.is_some() {
            state_mut(proto).asked = asked;
        }
        // SAFETY: `p` is live.
        unsafe { settle(vm, p) };
        let always = choice(vm, proto).mode == JitMode::Always;
        if always && let Some(why) = refusal(proto) {
            refused.push(format!("{}: {why}", events::name(proto)));
        }
        vm.tick(u64::from(proto.code_len))?;
    }
    if refused.is_empty() {
        return Ok(());
    }
    let message = format!(
        "compilation of every function is asked for, but not possible for {}",
        refused.join("; ")
    );
    Err(vm.error_at(0, message.as_bytes()))
}

/// What rules and source say of `p`.
fn of_options(vm: &mut Vm, p: &ProtoObj) -> Asked {
    let rules = &interp::data(vm).jit.options.functions;
    if !rules.is_empty() {
        let name = names::of(p);
        if let Some(rule) = rules.iter().find(|rule| rule.is_about(&name)) {
            return Some((rule.wish, ChosenBy::Rule));
        }
    }
    match p.spec().annotation {
        Annotation::None => None,
        annotation => Some((annotation.into(), ChosenBy::Source)),
    }
}

/// Why `p` has no code although it was compiled.
fn refusal(p: &ProtoObj) -> Option<String> {
    let s = state(p)?;
    match s.state {
        TierState::Disabled(reason) if s.detail.is_empty() => Some(reason.to_string()),
        TierState::Disabled(reason) => Some(format!("{reason}: {}", s.detail)),
        _ => None,
    }
}

/// Has `p`, which has no code, begin as what holds for it says.
///
/// # Safety
/// `p` is live.
unsafe fn settle(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: the caller says so.
    let proto = unsafe { &mut *p };
    match choice(vm, proto).mode {
        // Nobody counts.
        JitMode::Off if interp::data(vm).jit.options.mode == JitMode::Off => {}
        // SAFETY: `p` is live.
        JitMode::Off => unsafe { policy::disable(vm, p, Reason::Requested, String::new()) },
        JitMode::Always => {
            let most = interp::data(vm).jit.options.thresholds.max_insns;
            let outer = std::mem::replace(&mut interp::data(vm).jit.at_once, true);
            // SAFETY: `p` is live.
            unsafe {
                if proto.code_len > most {
                    let detail = format!("{} instructions of at most {most}", proto.code_len);
                    policy::disable(vm, p, Reason::TooLong, detail);
                } else {
                    policy::compile(vm, p, "always");
                }
            }
            interp::data(vm).jit.at_once = outer;
        }
        JitMode::Baseline | JitMode::Full => {}
    }
}

/// Sets how far the functions of a VM may go, and with what. Their code is
/// taken out of use.
pub(crate) fn set_options(vm: &mut Vm, mode: JitMode, backend: Backend) {
    let options = &mut interp::data(vm).jit.options;
    if (options.mode, options.backend) != (mode, backend) {
        (options.mode, options.backend) = (mode, backend);
        super::set_budgets(vm);
        flush(vm);
    }
}

/// Asks something of `p`, or (`None`) takes back what was asked this way;
/// `inside`: of the functions inside it, too.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn ask(vm: &mut Vm, p: *mut ProtoObj, wish: Option<Wish>, inside: bool) {
    for p in with_inner(p, inside) {
        // SAFETY: `p` is live, and keeps the functions inside it.
        unsafe {
            state_mut(&mut *p).requested = wish.map(|wish| (wish, ChosenBy::Request));
            flush_function(vm, p);
        }
    }
}

/// Takes the code of all functions out of use; they begin anew.
pub(crate) fn flush(vm: &mut Vm) {
    for p in vm.heap.protos() {
        // SAFETY: the heap's list names prototypes that are not freed yet.
        unsafe { begin_anew(vm, p) };
    }
}

/// Takes the code of `p` out of use, and code that it is part of; `inside`: of the
/// functions inside it, too.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn flush_with(vm: &mut Vm, p: *mut ProtoObj, inside: bool) {
    for p in with_inner(p, inside) {
        // SAFETY: `p` is live, and keeps the functions inside it.
        unsafe { flush_function(vm, p) };
    }
}

/// `p`, and the functions inside it if it is asked for.
fn with_inner(p: *mut ProtoObj, inside: bool) -> Vec<*mut ProtoObj> {
    let mut all = vec![p];
    let mut n = 0;
    while inside && n < all.len() {
        // SAFETY: the caller's prototype is live, and keeps those inside.
        all.extend(unsafe { &(*all[n]).children });
        n += 1;
    }
    all
}

/// Takes the code of `p` out of use, and code that it is part of.
///
/// # Safety
/// `p` is live.
unsafe fn flush_function(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: as for `flush`.
    unsafe {
        #[cfg(feature = "cranelift")]
        for other in vm.heap.protos() {
            if other != p && crate::tier2::code_contains(&*other, p) {
                begin_anew(vm, other);
            }
        }
        begin_anew(vm, p);
    }
}

/// Takes the code of `p` out of use: it is as if it had never run, but for what
/// is asked of it and what feedback knows.
///
/// # Safety
/// `p` is live.
unsafe fn begin_anew(vm: &mut Vm, p: *mut ProtoObj) {
    // SAFETY: the caller says so.
    unsafe {
        policy::drop_code(vm, p);
        let s = state_mut(&mut *p);
        *s = FuncState {
            asked: s.asked,
            requested: s.requested,
            name: s.name.take(),
            ..FuncState::default()
        };
        policy::count_anew(vm, p);
        settle(vm, p);
    }
}
