//! Stress modes: rare events made frequent on purpose, to find bugs.
//!
//! What a host asks for are [`StressModes`]; what belongs to a VM under stress
//! (`Stress`) lies with the executor's data. A mode that is off costs
//! nothing: modes of compiled code are looked at while compiling or in helpers
//! off the hot path, the others hang on a bit of the poll word or on a check
//! that is made anyway.
//!
//! - [`states`]: whether code leaves with the state that the interpreter has there
//!
//! The modes, one by one, are described in `spec/tiers.md`.

pub mod states;

use crate::{interp, jit};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use strata_runtime::Vm;
use strata_runtime::heap::{self, GcOp, gc_control, poll};
use strata_spec::module::Proto;

/// Which guards fail although what they expect is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForcedExits {
    /// None.
    #[default]
    None,
    /// Each `n`th guard that is reached; 1 is every.
    Nth(u32),
    /// Of each function the guard with this number.
    Guard(u32),
    /// Each guard, the first time it is reached.
    Once,
}

/// When the results of background compiles are handed over. A *look* is a
/// safepoint; at any but the first kind it waits for what is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Delivery {
    /// When they are ready.
    #[default]
    Ready,
    /// At the first look.
    Sync,
    /// At the look with this number after the job was submitted.
    Delay(u32),
    /// At a random one of the next looks.
    Reorder,
    /// At the first look, but for a random half, which is thrown away.
    Drop,
}

/// What is made frequent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StressModes {
    /// Guards fail.
    pub deopt: ForcedExits,
    /// Registers outside the frame map are overwritten at an exit.
    pub poison: bool,
    /// All garbage is collected at each `n`th poll; 0: never.
    pub gc: u32,
    /// Compiled code is entered at each loop header, and left again at the
    /// next back-edge.
    pub osr: bool,
    /// Tier 1's code is left behind each call, and entered there again.
    pub resume: bool,
    /// The code of functions on the stack is invalidated at polls.
    pub invalidate: bool,
    /// Each `n`th compile fails; 0: none.
    pub bailout: u32,
    /// Stacks grow by no more than these slots at a time, and always move.
    pub stack: Option<u32>,
    /// Every poll takes its slow path; an actor gives way to others at a third of
    /// them, where it can.
    pub interrupt: bool,
    /// The `n`th allocation that may fail does; 0: none.
    pub oom: u64,
    /// When background compiles are handed over.
    pub queue: Delivery,
    /// The collector is generational from the beginning.
    pub generational: bool,
    /// The heap is verified at each `n`th poll; 0: never.
    pub verify: u32,
}

/// Safepoints after which a compile is handed over, if nobody says.
const DELAY: u32 = 20;

/// As `STRATA_STRESS` has them, see `spec/tiers.md`.
impl StressModes {
    /// What `STRATA_STRESS` understands: the modes, and what is said to the
    /// VM in other ways, its seed and thresholds.
    pub const NAMES: &str = "bailout=N, deopt=every|once|N|guard:K, gc=alloc|safepoint|N, \
         generational, interrupt=every, invalidate=safepoint, oom=K, osr=every, poison, \
         queue=sync|delay|delay:N|reorder|drop, resume=every, seed=N, stack=N, threshold=N, verify=N";

    /// Switches a mode on: whether there is one of this name; `None` if its
    /// argument makes no sense.
    pub fn set(&mut self, mode: &str, argument: &str) -> Option<bool> {
        /// A number that isn't 0.
        fn count<T: std::str::FromStr + Default + PartialEq>(argument: &str) -> Option<T> {
            argument.parse().ok().filter(|n| *n != T::default())
        }
        let only = |word: &str| (argument == word).then_some(true);
        match mode {
            "bailout" => self.bailout = count(argument)?,
            "deopt" => {
                self.deopt = match argument.split_once([':', '=']) {
                    Some(("guard", k)) => ForcedExits::Guard(k.parse().ok()?),
                    Some(_) => return None,
                    None if argument == "every" => ForcedExits::Nth(1),
                    None if argument == "once" => ForcedExits::Once,
                    None => ForcedExits::Nth(count(argument)?),
                }
            }
            "gc" => {
                self.gc = match argument {
                    // Collections happen at polls only, so that both mean the same.
                    "alloc" | "safepoint" => 1,
                    n => count(n)?,
                }
            }
            "generational" => self.generational = only("")?,
            "interrupt" => self.interrupt = only("every")?,
            "invalidate" => self.invalidate = only("safepoint")?,
            "oom" => self.oom = count(argument)?,
            "osr" => self.osr = only("every")?,
            "queue" => {
                self.queue = match argument.split_once([':', '=']) {
                    Some(("delay", n)) => Delivery::Delay(count(n)?),
                    Some(_) => return None,
                    None => match argument {
                        "sync" => Delivery::Sync,
                        "delay" => Delivery::Delay(DELAY),
                        "reorder" => Delivery::Reorder,
                        "drop" => Delivery::Drop,
                        _ => return None,
                    },
                }
            }
            "poison" => self.poison = only("")?,
            "resume" => self.resume = only("every")?,
            "stack" => self.stack = Some(count(argument)?),
            "verify" => self.verify = count(argument)?,
            _ => return Some(false),
        }
        Some(true)
    }
}

/// The list that switches these modes on.
impl fmt::Display for StressModes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items = Vec::new();
        match self.deopt {
            ForcedExits::None => {}
            ForcedExits::Nth(1) => items.push("deopt=every".to_owned()),
            ForcedExits::Nth(n) => items.push(format!("deopt={n}")),
            ForcedExits::Guard(k) => items.push(format!("deopt=guard:{k}")),
            ForcedExits::Once => items.push("deopt=once".to_owned()),
        }
        for (on, name) in [
            (self.poison, "poison"),
            (self.osr, "osr=every"),
            (self.resume, "resume=every"),
            (self.invalidate, "invalidate=safepoint"),
            (self.interrupt, "interrupt=every"),
            (self.generational, "generational"),
        ] {
            if on {
                items.push(name.to_owned());
            }
        }
        for (n, name) in [
            (u64::from(self.gc), "gc"),
            (u64::from(self.bailout), "bailout"),
            (self.stack.unwrap_or(0).into(), "stack"),
            (self.oom, "oom"),
            (u64::from(self.verify), "verify"),
        ] {
            if n > 0 {
                items.push(format!("{name}={n}"));
            }
        }
        match self.queue {
            Delivery::Ready => {}
            Delivery::Sync => items.push("queue=sync".to_owned()),
            Delivery::Delay(n) => items.push(format!("queue=delay:{n}")),
            Delivery::Reorder => items.push("queue=reorder".to_owned()),
            Delivery::Drop => items.push("queue=drop".to_owned()),
        }
        f.write_str(&items.join(","))
    }
}

/// Names a guard of a program: the same in all code that is made of its function,
/// in any VM. Two may have the same name, if that of their functions' lines is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GuardKey(pub u64);

impl GuardKey {
    /// The guard of code of a tier that leaves at `pc` of a prototype, for the
    /// reason `why`.
    pub(crate) fn new(tier: u8, proto: &Proto, pc: u32, why: impl Hash) -> GuardKey {
        let mut hasher = DefaultHasher::new();
        (tier, proto.line_defined, proto.code.len(), pc).hash(&mut hasher);
        why.hash(&mut hasher);
        GuardKey(hasher.finish())
    }
}

/// Tables of guards are looked into each time that one is reached: names are spread
/// already.
pub type ByKey = BuildHasherDefault<KeyHasher>;

/// The hash of a name of a guard is that name.
#[derive(Clone, Copy, Default, Debug)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// A guard: what it is about, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guard {
    /// The tier whose code has it.
    pub tier: u8,
    /// Why code is left there.
    pub kind: &'static str,
    /// The line of the source, and the instruction of its function.
    pub line: u32,
    /// See `line`.
    pub pc: u32,
    /// It was put before the loop that begins there.
    pub early: bool,
}

impl Guard {
    /// One of code of `proto`.
    pub(crate) fn new(
        tier: u8,
        kind: &'static str,
        proto: &Proto,
        (pc, early): (u32, bool),
    ) -> Guard {
        Guard {
            tier,
            kind,
            line: proto.pos(pc).line,
            pc,
            early,
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Guard {
            tier,
            kind,
            line,
            pc,
            early,
        } = self;
        let early = if *early { ", before the loop" } else { "" };
        write!(f, "tier {tier}, line {line}, pc {pc}: {kind}{early}")
    }
}

/// How many of the guards of a VM's code have failed on purpose.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Those that have.
    pub failed: HashSet<GuardKey, ByKey>,
    /// All that there were.
    pub made: HashMap<GuardKey, Guard, ByKey>,
}

/// Stress of one VM.
#[derive(Debug, Default)]
pub(crate) struct Stress {
    pub modes: StressModes,
    /// Guards reached.
    guards: u32,
    /// Where each guard fails once: those that did, and all that code has.
    coverage: Coverage,
    /// The guard that fails now does so for nothing, and is to go on doing so.
    in_vain: bool,
    /// Compiles asked for.
    compiles: u32,
    /// Polls taken.
    polls: u32,
    /// State of a generator of random numbers.
    random: u64,
    /// Not 0 once code of the baseline compiler has run that tells.
    pub ran: u64,
    /// What was wrong with the heap first.
    pub unsound: Option<String>,
}

/// Switches `modes` on; for a new VM.
pub(crate) fn install(vm: &mut Vm, modes: &StressModes) {
    let random = vm.heap.seed() | 1;
    interp::data(vm).stress = Stress {
        random,
        ..Stress::default()
    };
    set(vm, modes.clone());
}

/// Switches over to `modes`, while nothing runs. Code that there is goes on asking
/// which guards fail, or not; and when compiles are handed over stays as it is.
pub(crate) fn change(vm: &mut Vm, modes: &StressModes) {
    let queue = interp::data(vm).stress.modes.queue;
    let modes = modes.clone();
    set(vm, StressModes { queue, ..modes });
}

fn set(vm: &mut Vm, modes: StressModes) {
    vm.heap.set_stress_every(modes.gc);
    vm.heap.set_failing(modes.oom);
    let looks = modes.queue != Delivery::Ready || modes.verify > 0;
    if modes.osr || modes.invalidate || modes.interrupt || looks {
        vm.heap.raise(poll::ALWAYS);
    } else {
        vm.heap.lower(poll::ALWAYS);
    }
    vm.stress_stack(modes.stack.map(|slots| slots as usize));
    let mode = if modes.generational {
        GcOp::Generational {
            minormul: 0,
            majormul: 0,
        }
    } else {
        GcOp::Incremental {
            pause: 0,
            stepmul: 0,
            stepsize: 0,
        }
    };
    // SAFETY: nothing runs.
    unsafe { gc_control(vm, mode) };
    interp::data(vm).stress.modes = modes;
}

impl Stress {
    /// Whether compiled code has to ask if the guard with this number of its
    /// function fails.
    pub(crate) fn asks(&self, guard: usize) -> bool {
        match self.modes.deopt {
            ForcedExits::None => false,
            ForcedExits::Nth(_) | ForcedExits::Once => true,
            ForcedExits::Guard(k) => k as usize == guard,
        }
    }

    /// Code was made with these guards.
    pub(crate) fn has_guards(&mut self, guards: impl Iterator<Item = (GuardKey, Guard)>) {
        if self.modes.deopt == ForcedExits::Once {
            self.coverage.made.extend(guards);
        }
    }

    /// Where each guard fails once: those that did, and all that there were.
    pub(crate) fn take_coverage(&mut self) -> Coverage {
        std::mem::take(&mut self.coverage)
    }

    /// These are done with.
    pub(crate) fn set_coverage(&mut self, before: Coverage) {
        self.coverage = before;
    }

    /// Whether the guard that is reached fails.
    pub(crate) fn fails(&mut self, guard: GuardKey) -> bool {
        self.guards = self.guards.wrapping_add(1);
        let fails = match self.modes.deopt {
            ForcedExits::None => false,
            ForcedExits::Nth(n) => self.guards.is_multiple_of(n),
            ForcedExits::Guard(_) => true,
            ForcedExits::Once => self.coverage.failed.insert(guard),
        };
        // Where all guards fail, the next ones are reached when the first are
        // given up.
        self.in_vain = fails && self.modes.deopt != ForcedExits::Nth(1);
        fails
    }

    /// Whether the exit that is taken says nothing about its guard.
    pub(crate) fn was_in_vain(&mut self) -> bool {
        std::mem::take(&mut self.in_vain)
    }

    /// Whether this compile fails.
    pub(crate) fn bails_out(&mut self) -> bool {
        self.compiles = self.compiles.wrapping_add(1);
        self.modes.bailout != 0 && self.compiles.is_multiple_of(self.modes.bailout)
    }

    /// A random number (xorshift).
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// Polls at which code is always invalidated; after them it is at one of
/// [`RARELY`], since each time the functions are compiled again.
const ALWAYS: u32 = 64;
const RARELY: u64 = 1 << 16;

/// Innermost frames whose code is invalidated.
const FRAMES: usize = 8;

/// At a poll that was taken, with all frames canonical.
#[cold]
pub(crate) fn at_poll(vm: &mut Vm) {
    let stress = &mut interp::data(vm).stress;
    stress.polls = stress.polls.saturating_add(1);
    let every = stress.modes.verify;
    if every > 0 && stress.polls.is_multiple_of(every) && stress.unsound.is_none() {
        let found = heap::verify(vm).err();
        interp::data(vm).stress.unsound = found;
    }
    let data = interp::data(vm);
    let stress = &mut data.stress;
    // Not at each: the one after it is for the same instruction.
    if stress.modes.interrupt && data.gives_way.is_some() && stress.random().is_multiple_of(3) {
        vm.heap.raise(poll::GIVE_WAY);
    }
    let stress = &mut interp::data(vm).stress;
    if !stress.modes.invalidate {
        return;
    }
    if stress.polls > ALWAYS && !stress.random().is_multiple_of(RARELY) {
        return;
    }
    for level in 0..FRAMES {
        let Some(frame) = vm.frame_at(level) else {
            break;
        };
        let f = frame.func();
        if f.tag == strata_runtime::value::tag::CLOSURE {
            // SAFETY: the tag says that it is a closure; a frame's function
            // and its prototype are live.
            unsafe { jit::invalidate_for_nothing(vm, (*f.as_closure()).proto) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Option<StressModes> {
        let mut modes = StressModes::default();
        for item in list.split(',') {
            let (mode, argument) = item.split_once('=').unwrap_or((item, ""));
            if !modes.set(mode, argument)? {
                return None;
            }
        }
        Some(modes)
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        for list in [
            "deopt=every",
            "deopt=5,poison,queue=drop",
            "deopt=guard:0",
            "deopt=once",
            "gc=9,queue=sync",
            "queue=delay:3",
            "queue=reorder",
            "poison,osr=every,resume=every,invalidate=safepoint,interrupt=every,generational,gc=1,bailout=3,stack=2,oom=7,verify=3",
        ] {
            let modes = parse(list).unwrap_or_else(|| panic!("{list}"));
            assert_eq!(modes.to_string(), list);
        }
        assert_eq!(parse("gc=alloc"), parse("gc=safepoint"));
        let delayed = parse("queue=delay").map(|m| m.queue);
        assert_eq!(delayed, Some(Delivery::Delay(DELAY)));
        for bad in [
            "queue",
            "queue=delay:0",
            "queue=ready",
            "gc",
            "gc=0",
            "gc=x",
            "deopt",
            "deopt=guard:x",
            "deopt=some:1",
            "osr",
            "poison=yes",
            "stack=0",
            "generational=1",
            "verify",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn every_mode_is_named() {
        for item in StressModes::NAMES.split(", ") {
            let mode = item.split('=').next().unwrap_or(item);
            let known = StressModes::default().set(mode, "\0");
            let elsewhere = ["seed", "threshold"].contains(&mode);
            assert_eq!(known == Some(false), elsewhere, "{mode}");
        }
    }
}
