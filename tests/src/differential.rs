//! One program in many ways, which must not differ.
//!
//! A *way* is how a VM runs: how far it compiles, when, under which stress
//! modes. What is *observed* of a run is all that a program can show: what it
//! prints, how it ends, its globals in depth, and how many objects it leaves
//! behind. The interpreter without stress is right; [`compare`] finds the first
//! difference of any other way.
//!
//! A failure is a [`Case`]: the text of a program whose first line names a way,
//! so that the file alone replays it.

use crate::generate::tiers::{KIT, PRELUDE};
use crate::generate::{modules, small};
use crate::oracle;
use crate::rng::Rng;
use crate::session::{End, Session, lossy};
use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use strata::cache::{Cache, Config};
use strata::engine::{self, Backend};
use strata::profiler::{Event, Sink, Stats, Thresholds};
use strata::stress::states::{self, Place, States};
use strata::stress::{Delivery, ForcedExits, StressModes};
use strata::{JitMode, JitOptions};
use strata_runtime::error::{Cause, Error, Limit};
use strata_runtime::value::NIL;
use strata_runtime::{Vm, heap};
use strata_spec::Module;

/// How often a program's function is called.
const CALLS: u32 = 4;

/// A way to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    /// How far it compiles.
    pub mode: JitMode,
    /// With what very hot functions are.
    pub backend: Backend,
    /// Calls or back-edges after which the baseline compiler has a function.
    pub threshold: u32,
    /// Calls alone, if not so many.
    pub calls: Option<u32>,
    /// Instructions after which the optimizing compiler has it.
    pub hot: u32,
    /// Instructions after which its better backend has it.
    pub best: u32,
    /// Exits of a guard after which a function is compiled without it.
    pub exits: u32,
    /// What is made frequent.
    pub modes: StressModes,
    /// Not 0: each program runs again and again, with other events made frequent each
    /// time, as this seed has it ([`Way::turns`]).
    pub turns: u64,
    /// Verifiers look at what is compiled.
    pub verify: bool,
    /// The program runs in a second VM, too, which has the code of the first one from a
    /// compile cache.
    pub cached: bool,
}

/// How often a program runs that takes turns; by LLVM, four times as often.
const TURNS: usize = 16;

impl Way {
    /// The interpreter without stress.
    pub fn interpreted() -> Way {
        Way {
            mode: JitMode::Off,
            backend: Backend::Llvm,
            threshold: 1,
            calls: None,
            hot: 1,
            best: 1,
            exits: Thresholds::default().exits,
            modes: StressModes::default(),
            turns: 0,
            verify: true,
            cached: false,
        }
    }

    /// What is frequent in each of the runs of a program.
    pub fn turns(&self) -> Vec<StressModes> {
        let mut all = vec![self.modes.clone()];
        if self.turns == 0 {
            return all;
        }
        let mut rng = Rng::new(self.turns, 0);
        let most = match self.backend {
            // It takes so long to compile that its code may run for longer, too.
            Backend::Llvm if self.mode == JitMode::Full => 4 * TURNS,
            _ => TURNS,
        };
        while all.len() < most {
            let deopt = if self.modes.deopt == ForcedExits::None {
                ForcedExits::None
            } else {
                ForcedExits::Nth(1 + rng.below(40) as u32)
            };
            all.push(StressModes {
                deopt,
                poison: rng.one_in(2),
                interrupt: rng.one_in(6),
                gc: if rng.one_in(8) {
                    1 + rng.below(400) as u32
                } else {
                    0
                },
                stack: rng.one_in(4).then(|| 1 + rng.below(20) as u32),
                generational: rng.one_in(3),
                // Takes as long as a few such programs.
                verify: if rng.one_in(8) {
                    1 + rng.below(20) as u32
                } else {
                    0
                },
                ..self.modes.clone()
            });
        }
        all
    }

    /// Taking turns: what is compiled once runs often, under other modes each time.
    pub fn in_turns(rng: &mut Rng, mode: JitMode) -> Way {
        let deopt = if rng.one_in(2) {
            ForcedExits::Nth(1 << 20)
        } else {
            ForcedExits::None
        };
        Way {
            modes: StressModes {
                queue: match rng.below(6) {
                    0 => Delivery::Reorder,
                    1 => Delivery::Delay(1 + rng.below(20) as u32),
                    _ => Delivery::Sync,
                },
                deopt,
                ..StressModes::default()
            },
            turns: 1 + rng.next() % 1_000_000,
            // Mostly what has loops: all that only calls these takes as long to compile.
            calls: (!rng.one_in(6)).then_some(200),
            verify: rng.one_in(16),
            ..Way::compiled(mode)
        }
    }

    /// The interpreter, disturbed.
    pub fn disturbed(rng: &mut Rng) -> Way {
        let modes = StressModes {
            interrupt: rng.one_in(2),
            gc: if rng.one_in(2) {
                1 + rng.below(60) as u32
            } else {
                0
            },
            stack: rng.one_in(2).then(|| 1 + rng.below(20) as u32),
            ..StressModes::default()
        };
        Way {
            modes,
            ..Way::interpreted()
        }
    }

    /// Compiled as late as programs usually are, or nearly so: code changes while
    /// loops run, and when it comes depends on the time.
    pub fn late(rng: &mut Rng, mode: JitMode) -> Way {
        let usual = Thresholds::default();
        let up_to = |rng: &mut Rng, most: u32| {
            // Each order of magnitude is as likely.
            let bits = rng.below(33 - most.leading_zeros() as usize);
            (1 + rng.below(1 << bits) as u32).min(most)
        };
        let mut modes = StressModes {
            queue: match rng.below(6) {
                0 => Delivery::Reorder,
                1 | 2 => Delivery::Delay(1 + up_to(rng, 5000)),
                _ => Delivery::Ready,
            },
            ..StressModes::default()
        };
        if rng.one_in(4) {
            modes.poison = true;
            modes.deopt = ForcedExits::Nth(1 + up_to(rng, 1000));
        }
        Way {
            mode,
            backend: rng.pick(&[Backend::Cranelift, Backend::Auto]),
            threshold: up_to(rng, usual.back_edges),
            hot: up_to(rng, usual.hot / 8),
            best: up_to(rng, usual.hot),
            exits: usual.exits,
            modes,
            ..Way::interpreted()
        }
    }

    /// Everything is compiled at once.
    pub fn compiled(mode: JitMode) -> Way {
        Way {
            mode,
            modes: StressModes {
                queue: Delivery::Sync,
                ..StressModes::default()
            },
            ..Way::interpreted()
        }
    }

    /// Any way to compile as far as `mode`.
    pub fn random(rng: &mut Rng, mode: JitMode) -> Way {
        let modes = StressModes {
            deopt: match rng.below(8) {
                0 => ForcedExits::Nth(1),
                1 | 2 => ForcedExits::Nth(2 + rng.below(30) as u32),
                3 => ForcedExits::Guard(rng.below(24) as u32),
                _ => ForcedExits::None,
            },
            poison: rng.one_in(2),
            osr: rng.one_in(6),
            resume: false,
            invalidate: rng.one_in(8),
            interrupt: rng.one_in(6),
            gc: if rng.one_in(4) {
                1 + rng.below(60) as u32
            } else {
                0
            },
            bailout: if rng.one_in(12) {
                2 + rng.below(4) as u32
            } else {
                0
            },
            stack: rng.one_in(4).then(|| 1 + rng.below(20) as u32),
            oom: 0,
            queue: match rng.below(8) {
                0 => Delivery::Reorder,
                1 => Delivery::Drop,
                2 => Delivery::Delay(1 + rng.below(20) as u32),
                _ => Delivery::Sync,
            },
            generational: rng.one_in(4),
            verify: if rng.one_in(4) {
                1 + rng.below(200) as u32
            } else {
                0
            },
        };
        let hot = rng.pick(&[1, 1, 10, 40, 200]);
        let mut way = Way {
            mode,
            // Cranelift is quick, so that it is asked most.
            backend: rng.pick(&[
                Backend::Cranelift,
                Backend::Cranelift,
                Backend::Llvm,
                Backend::Auto,
            ]),
            threshold: 1 + rng.below(3) as u32,
            hot,
            best: hot,
            exits: rng.pick(&[1, 2, 16, 16]),
            modes,
            ..Way::interpreted()
        };
        way.modes.resume = rng.one_in(6);
        way
    }

    /// The way that [`fmt::Display`] wrote; `None` if there is none such.
    pub fn parse(text: &str) -> Option<Way> {
        let mut way = Way::interpreted();
        let mut best = None;
        for item in text.trim().split(',') {
            let (name, argument) = item.split_once('=').unwrap_or((item, ""));
            match name {
                "jit" => {
                    way.mode = [JitMode::Off, JitMode::Baseline, JitMode::Full]
                        .into_iter()
                        .find(|m| m.name() == argument)?;
                }
                "backend" => {
                    way.backend = [Backend::Auto, Backend::Cranelift, Backend::Llvm]
                        .into_iter()
                        .find(|b| b.name() == argument)?;
                }
                "threshold" => way.threshold = argument.parse().ok()?,
                "hot" => way.hot = argument.parse().ok()?,
                "best" => best = Some(argument.parse().ok()?),
                "exits" => way.exits = argument.parse().ok()?,
                "calls" => way.calls = Some(argument.parse().ok()?),
                "turns" => way.turns = argument.parse().ok()?,
                "unverified" => way.verify = false,
                "cached" => way.cached = true,
                _ => {
                    if !way.modes.set(name, argument)? {
                        return None;
                    }
                }
            }
        }
        way.best = best.unwrap_or(way.hot);
        Some(way)
    }

    /// What a VM that runs so is set up with.
    pub fn options(&self) -> JitOptions {
        let mut options = JitOptions {
            mode: self.mode,
            backend: self.backend,
            verify: self.verify,
            ..JitOptions::default()
        };
        options.thresholds.calls = self.calls.unwrap_or(self.threshold);
        options.thresholds.back_edges = self.threshold;
        options.thresholds.start_up = 1;
        options.thresholds.background = 0;
        options.thresholds.hot = self.hot;
        options.thresholds.best = self.best;
        options.thresholds.exits = self.exits;
        options
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Way {
            mode,
            backend,
            threshold,
            calls,
            hot,
            best,
            exits,
            modes,
            turns,
            verify,
            cached,
        } = self;
        write!(
            f,
            "jit={mode},backend={backend},threshold={threshold},hot={hot},best={best},exits={exits}"
        )?;
        if let Some(calls) = calls {
            write!(f, ",calls={calls}")?;
        }
        if *turns != 0 {
            write!(f, ",turns={turns}")?;
        }
        if !verify {
            f.write_str(",unverified")?;
        }
        if *cached {
            f.write_str(",cached")?;
        }
        if *modes != StressModes::default() {
            write!(f, ",{modes}")?;
        }
        Ok(())
    }
}

/// What a run shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// How the calls ended.
    pub end: String,
    /// What it printed, its globals last.
    pub output: Vec<u8>,
    /// How many tables, closures, coroutines and userdata it leaves.
    pub population: [usize; 4],
}

/// In how many runs of programs which code ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ran {
    /// All.
    pub runs: u64,
    /// Code of the baseline compiler.
    pub baseline: u64,
    /// Code of the optimizing compiler.
    pub optimized: u64,
    /// A guard of that failed.
    pub exits: u64,
    /// Code of the optimizing compiler that came from a cache.
    pub cached: u64,
}

impl Ran {
    fn add(&mut self, other: Ran) {
        self.runs += other.runs;
        self.baseline += other.baseline;
        self.optimized += other.optimized;
        self.exits += other.exits;
        self.cached += other.cached;
    }
}

/// A program, or several small ones, ready to run in any way.
#[derive(Clone, Debug)]
pub struct Program {
    prelude: Arc<Module>,
    kit: Arc<Module>,
    modules: Vec<Chunk>,
    /// How often each is called.
    calls: u32,
}

/// What is called, with its argument, if that isn't itself.
#[derive(Clone, Debug)]
struct Chunk {
    main: Arc<Module>,
    argument: Option<Arc<Module>>,
}

/// What compilers did.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    /// Compiles that went wrong, rather than being refused: the program goes on
    /// without them, but nobody should have to.
    faults: Vec<String>,
    /// Failed guards of optimized code.
    exits: u64,
}

impl Sink for Watch {
    fn event(&mut self, _: Duration, event: &Event) {
        let Ok(mut watched) = self.0.lock() else {
            return;
        };
        match event {
            Event::NotCompiled { func, detail, .. } => {
                let wrong = ["panicked", "invalid", "after ", "not defined"];
                if wrong.iter().any(|w| detail.contains(w)) {
                    watched.faults.push(format!("{func}: {detail}"));
                }
            }
            Event::Exit { tier: 2, .. } => watched.exits += 1,
            _ => {}
        }
    }

    fn finish(&mut self, _: &Stats) {}
}

impl Watch {
    /// Notes in `ran` what ran since this was last asked.
    fn take(&self, vm: &mut Vm, ran: &mut Ran) {
        if let Ok(mut watched) = self.0.lock() {
            ran.exits += u64::from(std::mem::take(&mut watched.exits) > 0);
        }
        ran.runs += 1;
        ran.baseline += u64::from(engine::ran_baseline(vm));
        ran.optimized += u64::from(engine::ran_optimized(vm));
    }
}

/// What is noted on the way.
enum Note {
    Nothing,
    Exits(States),
    Visits(HashSet<Place>, States),
}

/// Why a run was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// It took too long.
    Time,
    /// Something broke.
    Broken(String),
}

impl Program {
    /// A program from its text, or several from theirs (see [`small`], [`modules`]).
    ///
    /// # Errors
    /// It does not compile.
    pub fn new(source: &str) -> Result<Program, String> {
        let compile = |text: &str, name: &[u8]| {
            let module = strata_lua::compile(text.as_bytes(), name).map_err(|e| e.to_string())?;
            strata_spec::verify(&module).map_err(|e| e.to_string())?;
            Ok::<_, String>(Arc::new(module))
        };
        let chunk = |text: &str| {
            Ok::<_, String>(Chunk {
                main: compile(text, b"=program")?,
                argument: None,
            })
        };
        let with_code = |text: &str| {
            let (lua, code) = text.split_once(modules::CODE).ok_or("no code")?;
            let module = strata_spec::assemble(code).map_err(|e| e.to_string())?;
            strata_spec::verify(&module).map_err(|e| e.to_string())?;
            Ok::<_, String>(Chunk {
                argument: Some(Arc::new(module)),
                ..chunk(lua)?
            })
        };
        let (modules, calls) = if let Some(programs) = small::apart(small::MARK, source) {
            (
                programs.into_iter().map(chunk).collect::<Result<_, _>>()?,
                1,
            )
        } else if let Some(programs) = small::apart(modules::MARK, source) {
            let programs = programs.into_iter().map(with_code);
            (programs.collect::<Result<_, _>>()?, 1)
        } else {
            (vec![chunk(source)?], CALLS)
        };
        Ok(Program {
            prelude: compile(PRELUDE, b"=prelude")?,
            kit: compile(if calls == 1 { small::KIT } else { KIT }, b"=kit")?,
            modules,
            calls,
        })
    }

    /// How many programs it is.
    pub fn programs(&self) -> u64 {
        self.modules.len() as u64
    }

    /// Runs it, for at most so long.
    ///
    /// # Errors
    /// It took too long; the VM panicked, or its heap is not sound.
    pub fn run(&self, way: &Way, time: Duration) -> Result<(Observed, Ran), Trouble> {
        self.run_noting(way, time, &mut Note::Nothing)
    }

    /// Runs it as well, and compares the states of all exits with those that the
    /// interpreter has there.
    ///
    /// # Errors
    /// Likewise, or a state that the interpreter never has.
    pub fn run_with_states(&self, way: &Way, time: Duration) -> Result<(Observed, Ran), Trouble> {
        let mut note = Note::Exits(States::new());
        let result = self.run_noting(way, time, &mut note)?;
        let Note::Exits(exits) = note else {
            return Ok(result);
        };
        let places = exits.keys().copied().collect();
        let mut note = Note::Visits(places, States::new());
        let plain = Way::interpreted();
        self.run_noting(&plain, time, &mut note)?;
        match note {
            Note::Visits(_, visits) => match states::compare(&exits, &visits) {
                Some(((function, pc), n)) => Err(Trouble::Broken(format!(
                    "exit number {n} at pc {pc} of function {function} leaves in a state that the interpreter does not have there"
                ))),
                None => Ok(result),
            },
            _ => Ok(result),
        }
    }

    /// Runs it in one VM, or, if there is a cache, in two.
    fn run_noting(
        &self,
        way: &Way,
        time: Duration,
        note: &mut Note,
    ) -> Result<(Observed, Ran), Trouble> {
        let run = |note: &mut Note, cache: Option<&Cache>| {
            Self::caught(AssertUnwindSafe(|| self.run_in(way, time, note, cache)))
        };
        if !way.cached {
            return run(note, None);
        }
        let cache = Cache::new(Config::default()).map_err(|e| Trouble::Broken(e.to_string()))?;
        let (first, mut ran) = run(&mut Note::Nothing, Some(&cache))?;
        let (second, again) = run(note, Some(&cache))?;
        ran.add(again);
        differs(("compiled", &first), ("from the cache", &second)).map_err(Trouble::Broken)?;
        match cache.stats().refused {
            0 => Ok((second, ran)),
            n => Err(Trouble::Broken(format!("the cache refused {n} of its own"))),
        }
    }

    fn caught<T>(run: AssertUnwindSafe<impl FnOnce() -> Result<T, Trouble>>) -> Result<T, Trouble> {
        catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Err(Trouble::Broken(format!(
                "panicked: {}",
                text.unwrap_or_default()
            )))
        })
    }

    fn run_in(
        &self,
        way: &Way,
        time: Duration,
        note: &mut Note,
        cache: Option<&Cache>,
    ) -> Result<(Observed, Ran), Trouble> {
        let mut session = Session::compiling(&way.options());
        engine::set_cache(&mut session.vm, cache.cloned());
        let hits = || cache.map_or(0, |cache| cache.stats().hits);
        let watch = Watch::default();
        engine::trace_jit(&mut session.vm, Box::new(watch.clone()));
        engine::set_stress(&mut session.vm, &way.modes);
        let vm = &mut session.vm;
        vm.set_deadline(Some(Instant::now() + time))
            .map_err(|e| Trouble::Broken(e.to_string()))?;
        let memory = |e: Error| match *e.0 {
            Cause::Limit(Limit::Time) => Trouble::Time,
            _ => Trouble::Broken(format!("{e:?}")),
        };
        let prelude = engine::load_main(vm, self.prelude.clone()).map_err(memory)?;
        engine::interpret_always(vm, prelude, true);
        let kit = engine::load_main(vm, self.kit.clone()).map_err(memory)?;
        engine::interpret_always(vm, kit, false);
        let mut ends = vec![session.call(prelude, &[kit])];
        let mains = self.modules.iter().map(|c| &c.main);
        let arguments = self.modules.iter().filter_map(|c| c.argument.as_ref());
        let modules = mains.chain(arguments).chain([&self.kit]);
        let modules: Vec<_> = modules.cloned().collect();
        match note {
            Note::Nothing => {}
            Note::Exits(_) => engine::record_states(&mut session.vm, &modules, None),
            Note::Visits(places, _) => {
                engine::record_states(&mut session.vm, &modules, Some(places.clone()));
            }
        }
        let mut ran = Ran::default();
        let turns = way.turns();
        let mut output = session.take_output();
        for chunk in &self.modules {
            let main = engine::load_main(&mut session.vm, chunk.main.clone()).map_err(memory)?;
            let argument = match &chunk.argument {
                Some(code) => engine::load_main(&mut session.vm, code.clone()).map_err(memory)?,
                None => main,
            };
            engine::keep(&mut session.vm, 0, main).map_err(memory)?;
            engine::keep(&mut session.vm, 1, argument).map_err(memory)?;
            let mut first = None;
            let before = hits();
            for modes in &turns {
                if turns.len() > 1 {
                    engine::change_stress(&mut session.vm, modes);
                }
                let calls = (0..self.calls).map(|_| session.call(main, &[argument]));
                let seen = (calls.collect::<Vec<_>>(), session.take_output());
                watch.take(&mut session.vm, &mut ran);
                ran.cached += u64::from(hits() > before);
                if let Some(e) = engine::unsound(&mut session.vm) {
                    return Err(Trouble::Broken(format!(
                        "with {modes}: the heap is not sound: {e}"
                    )));
                }
                match &first {
                    None => first = Some(seen),
                    Some(first) => same_turn(first, &seen, modes)?,
                }
            }
            let (calls, printed) = first.unwrap_or_default();
            ends.extend(calls);
            output.extend(printed);
        }
        for number in 0..2 {
            engine::keep(&mut session.vm, number, NIL).map_err(memory)?;
        }
        if turns.len() > 1 {
            engine::change_stress(&mut session.vm, &way.modes);
        }
        if let Note::Exits(states) | Note::Visits(_, states) = note {
            *states = engine::recorded_states(&mut session.vm);
        }
        if let Some(fault) = watch.0.lock().ok().and_then(|mut w| w.faults.pop()) {
            return Err(Trouble::Broken(fault));
        }
        // Nothing keeps the code after that, and what the code keeps.
        let dumped = session.run("local dump = P.dump P = nil dump()", "=dump");
        ends.push(dumped.end);
        output.extend(dumped.output);
        if ends.contains(&End::Limit(Limit::Time)) {
            return Err(Trouble::Time);
        }
        let sound = |session: &mut Session, when: &str| {
            heap::verify(&mut session.vm)
                .map_err(|e| Trouble::Broken(format!("{when}, the heap is not sound: {e}")))
        };
        sound(&mut session, "after the run")?;
        for _ in 0..2 {
            ends.push(match engine::collect(&mut session.vm) {
                Ok(()) => End::Returned(0),
                Err(e) => End::Other(format!("{e:?}")),
            });
        }
        sound(&mut session, "after a collection")?;
        session.vm.lib.flush();
        output.extend(session.take_output());
        let ends: Vec<String> = ends.iter().map(ToString::to_string).collect();
        let observed = Observed {
            end: ends.join("; "),
            output,
            population: heap::population(&mut session.vm),
        };
        Ok((observed, ran))
    }
}

/// What a turn shows is what the first one did.
fn same_turn(
    first: &(Vec<End>, Vec<u8>),
    seen: &(Vec<End>, Vec<u8>),
    modes: &StressModes,
) -> Result<(), Trouble> {
    if first == seen {
        return Ok(());
    }
    if seen.0.contains(&End::Limit(Limit::Time)) {
        return Err(Trouble::Time);
    }
    let line = |n: usize| lossy(seen.1.split(|b| *b == b'\n').nth(n).unwrap_or_default());
    let lines = first.1.split(|b| *b == b'\n').map(lossy).enumerate();
    let differs = lines.map(|(n, a)| (a, line(n))).find(|(a, b)| a != b);
    Err(Trouble::Broken(format!(
        "with {modes}: first {differs:?}, ends {:?} and {:?}",
        first.0, seen.0
    )))
}

/// The first difference between what is right and what was seen.
///
/// # Errors
/// That difference.
pub fn compare(right: &Observed, seen: &Observed) -> Result<(), String> {
    differs(("interpreted", right), ("here", seen))
}

/// The first difference between two runs, each with its name.
fn differs(
    (one, right): (&str, &Observed),
    (other, seen): (&str, &Observed),
) -> Result<(), String> {
    if right.output != seen.output {
        let (a, b) = (lossy(&right.output), lossy(&seen.output));
        let (mut a, mut b) = (a.lines(), b.lines());
        for line in 1.. {
            match (a.next(), b.next()) {
                (None, None) => break,
                (a, b) if a == b => {}
                (a, b) => return Err(format!("line {line}: {one} {a:?}, {other} {b:?}")),
            }
        }
        return Err("the output differs in line ends".into());
    }
    if right.end != seen.end {
        return Err(format!("ends: {one} {}, {other} {}", right.end, seen.end));
    }
    if right.population != seen.population {
        return Err(format!(
            "tables, closures, coroutines, userdata left: {one} {:?}, {other} {:?}",
            right.population, seen.population
        ));
    }
    Ok(())
}

/// A program and a way, in a file.
#[derive(Clone, Debug)]
pub struct Case {
    /// The way.
    pub way: Way,
    /// The program.
    pub source: String,
}

/// What a program begins with that needs nothing but Lua.
const PORTABLE: &str = "-- portable\n";

/// What a case's first line begins with.
const MARK: &str = "-- way: ";

impl Case {
    /// The file's text.
    pub fn text(&self) -> String {
        format!("{MARK}{}\n{}", self.way, self.source)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, or names no way.
    pub fn read(path: &Path) -> Result<Case, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let (first, source) = text.split_once('\n').unwrap_or((&text, ""));
        let way = first.strip_prefix(MARK).and_then(Way::parse);
        Ok(Case {
            way: way.ok_or_else(|| format!("no way in the first line: {first}"))?,
            source: source.to_owned(),
        })
    }

    /// Runs it, and the interpreter; what says that it is portable also with the
    /// reference implementation.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self) -> Result<Ran, String> {
        let program = Program::new(&self.source)?;
        let time = Duration::from_secs(60);
        let run = |way: &Way| {
            program.run(way, time).map_err(|trouble| match trouble {
                Trouble::Time => format!("{way}: takes too long"),
                Trouble::Broken(why) => format!("{way}: {why}"),
            })
        };
        let (right, _) = run(&Way::interpreted())?;
        if self.source.starts_with(PORTABLE)
            && let Some(lua) = oracle::command()
        {
            let answer = oracle::run(&lua, self.source.as_bytes());
            if !answer.success || !right.output.starts_with(&answer.output) {
                let (a, b) = (lossy(&answer.output), lossy(&right.output));
                return Err(format!("{lua} prints {a:?}, here {b:?}"));
            }
        }
        let (seen, ran) = run(&self.way)?;
        compare(&right, &seen)?;
        program
            .run_with_states(&self.way, time)
            .map_err(|trouble| format!("{}: {trouble:?}", self.way))?;
        Ok(ran)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_read_as_they_are_written() {
        for seed in 0..200 {
            let way = Way::random(&mut Rng::new(seed, 0), JitMode::Full);
            assert_eq!(Way::parse(&way.to_string()), Some(way.clone()));
            let way = Way {
                cached: true,
                ..way
            };
            assert_eq!(Way::parse(&way.to_string()), Some(way));
            let way = Way::late(&mut Rng::new(seed, 1), JitMode::Full);
            assert_eq!(Way::parse(&way.to_string()), Some(way));
            let way = Way::in_turns(&mut Rng::new(seed, 2), JitMode::Full);
            assert_eq!(Way::parse(&way.to_string()), Some(way));
        }
        assert_eq!(Way::parse("jit=none"), None);
        assert_eq!(Way::parse("gc"), None);
    }

    #[test]
    fn what_differs_is_found() {
        let run = |source: &str| {
            let program = Program::new(source).unwrap();
            let time = Duration::from_secs(60);
            program.run(&Way::interpreted(), time).unwrap().0
        };
        let right = run("print(1)\nX = 1");
        assert_eq!(compare(&right, &right), Ok(()));
        for other in [
            "print(2)\nX = 1",
            "print(1)\nX = 2",
            "print(1)",
            "print(1)\nX = 1 error('x')",
            "print(1)\nX = 1 debug.getregistry()[{}] = {}",
        ] {
            assert!(compare(&right, &run(other)).is_err(), "{other}");
        }
    }
}
