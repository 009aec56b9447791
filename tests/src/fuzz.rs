//! Generated programs in many ways, and what is done about those that differ.
//!
//! A *group* is what one VM runs, one after the other: one program of
//! [`tiers`], or many of [`small`] or [`modules`]. A seed and an index
//! name a group and the ways in which it is run. A group that fails is made
//! smaller until it is one program, if it fails alone, and that likewise.
//!
//! Groups differ in [`Shape`]:
//!
//! - **deep**: one program, rich in what tiers have to get right together;
//! - **small**: many, each compiled for what it begins with;
//! - **modules**: many, of bytecode that no compiler would make;
//! - **quick**: very many small ones, which are compiled once and run in turns, with
//!   other events made frequent each time ([`Way::in_turns`]).
//!
//! Most ways compile at once; some do late, while loops run ([`Way::late`]).

use crate::differential::{Case, Observed, Program, Trouble, Way, compare};
use crate::generate::tree::{Grown, Texts};
use crate::generate::{modules, small, tiers};
use crate::oracle;
use crate::rng::Rng;
use crate::session::lossy;
use proptest::strategy::ValueTree;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strata::JitMode;
use strata::engine::{self, Backend};
use strata::stress::{ForcedExits, StressModes};

/// Programs and their runs.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Programs.
    pub programs: u64,
    /// Given up: they take too long.
    pub skipped: u64,
    /// Runs: one of each program in each way.
    pub runs: u64,
    /// Runs with code of tier 1.
    pub baseline: u64,
    /// Runs with code of tier 2.
    pub optimized: u64,
    /// Of those, the ones whose code is all LLVM's.
    pub llvm: u64,
    /// Runs in which a guard of tier 2 failed.
    pub exits: u64,
    /// Runs with code of tier 2 from a cache.
    pub cached: u64,
}

impl Counts {
    /// The figures, for people.
    pub fn line(&self) -> String {
        let Counts {
            programs,
            skipped,
            runs,
            baseline,
            optimized,
            llvm,
            exits,
            cached,
        } = self;
        format!(
            "{programs} programs ({skipped} skipped), {runs} runs: {baseline} with tier 1, {optimized} with tier 2, {llvm} with LLVM alone, {exits} with exits of tier 2, {cached} with code from a cache"
        )
    }

    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.programs += other.programs;
        self.skipped += other.skipped;
        self.runs += other.runs;
        self.baseline += other.baseline;
        self.optimized += other.optimized;
        self.llvm += other.llvm;
        self.exits += other.exits;
        self.cached += other.cached;
    }
}

/// How long the interpreter may take: programs that take longer say nothing
/// more. And how long any other way may, which is far more than it needs.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(120);

/// How long a small program may take alone.
const MOMENT: Duration = Duration::from_millis(300);

/// Runs that take longer are told of.
const SLOW: Duration = Duration::from_secs(8);

/// Small programs in a group.
const GROUP: usize = 48;

/// Quick ones.
const QUICK: usize = 96;

/// One group of so many is optimized by LLVM, the others by Cranelift; of those that
/// are compiled more often than they run, one of twice as many.
const LLVM: usize = 8;

/// One way of tier 2 of so many has a cache.
const CACHED: usize = 5;

/// Which groups are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One program of many statements.
    Deep,
    /// Many of few.
    Small,
    /// Many modules.
    Modules,
    /// Very many small ones, in turns.
    Quick,
    /// Likewise, and LLVM compiles them all.
    Llvm,
    /// Quick and deep ones, in two VMs each, the second with the first one's code.
    Cached,
    /// All of them: most are quick ones.
    Mixed,
}

impl Kind {
    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Kind> {
        match name {
            "deep" => Some(Kind::Deep),
            "small" => Some(Kind::Small),
            "modules" => Some(Kind::Modules),
            "quick" => Some(Kind::Quick),
            "llvm" => Some(Kind::Llvm),
            "cached" => Some(Kind::Cached),
            "mixed" | "" => Some(Kind::Mixed),
            _ => None,
        }
    }
}

/// What makes programs.
#[derive(Debug)]
pub struct Generator {
    deep: Texts,
    small: Texts,
    quick: Texts,
    kind: Kind,
    /// The reference implementation.
    lua: Option<String>,
    /// Where the running group is written to, should it end the process.
    note: PathBuf,
}

impl Drop for Generator {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_file(&self.note);
        }
    }
}

/// Programs, and the ways in which they are run.
#[derive(Debug)]
pub struct Group {
    /// The programs, without what all have in common.
    pub bodies: Vec<Body>,
    /// What they are.
    pub shape: Shape,
    /// The ways.
    pub ways: Vec<Way>,
}

/// What is in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One program of many statements.
    Deep,
    /// Small programs.
    Small,
    /// Modules.
    Modules,
    /// Small programs in turns.
    Quick,
}

impl Shape {
    /// The text of programs.
    fn text(self, bodies: &[Body]) -> String {
        let bodies = bodies.iter().map(Body::current);
        match self {
            Shape::Deep => bodies.map(|b| tiers::whole(&b)).collect(),
            Shape::Small | Shape::Quick => {
                let all: Vec<_> = bodies.map(|b| small::whole(&b)).collect();
                small::together(&all)
            }
            Shape::Modules => modules::together(&bodies.collect::<Vec<_>>()),
        }
    }
}

/// A program.
#[derive(Clone, Debug)]
pub enum Body {
    /// Of a grammar.
    Grown(Box<Grown>),
    /// Lines.
    Text(String),
}

impl Body {
    /// Its text.
    pub fn current(&self) -> String {
        match self {
            Body::Grown(grown) => grown.current(),
            Body::Text(text) => text.clone(),
        }
    }
}

impl Group {
    /// The text of all.
    pub fn text(&self) -> String {
        self.shape.text(&self.bodies)
    }
}

/// Whether programs end in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Yes,
    No,
}

/// What is wrong with a group.
#[derive(Debug)]
pub struct Failure {
    /// In which way; that of the interpreter: it differs from the reference
    /// implementation, or breaks.
    pub way: Way,
    /// How.
    pub why: String,
    /// The group's text.
    pub source: String,
}

impl Generator {
    /// Makes groups; the one that runs is noted in file `note`.
    pub fn new(kind: Kind, note: &Path) -> Generator {
        Generator {
            deep: tiers::bodies((2, 80)),
            small: small::bodies((1, 16)),
            quick: small::quick_bodies((1, 9)),
            kind,
            lua: oracle::command(),
            note: note.to_owned(),
        }
    }

    /// Group `index` of a seed.
    pub fn group(&self, seed: u64, index: u64) -> Group {
        let mut rng = Rng::new(seed, index);
        let shape = match self.kind {
            Kind::Deep => Shape::Deep,
            Kind::Small => Shape::Small,
            Kind::Modules => Shape::Modules,
            Kind::Quick | Kind::Llvm => Shape::Quick,
            Kind::Cached if index.is_multiple_of(2) => Shape::Deep,
            Kind::Cached => Shape::Quick,
            Kind::Mixed => match index % 40 {
                5 => Shape::Deep,
                15 => Shape::Modules,
                25 => Shape::Small,
                _ => Shape::Quick,
            },
        };
        let grown = |texts: &Texts, rng: &mut Rng| Body::Grown(Box::new(texts.one(rng)));
        let bodies = match shape {
            Shape::Deep => vec![grown(&self.deep, &mut rng)],
            Shape::Small => (0..GROUP).map(|_| grown(&self.small, &mut rng)).collect(),
            Shape::Quick => (0..QUICK).map(|_| grown(&self.quick, &mut rng)).collect(),
            Shape::Modules => {
                let all = (0..GROUP).map(|_| Body::Text(modules::module(&mut rng)));
                all.collect()
            }
        };
        let mut ways = match shape {
            _ if self.kind == Kind::Cached => cached_ways(&mut rng, shape),
            Shape::Deep => deep_ways(&mut rng),
            Shape::Quick if self.kind == Kind::Llvm => llvm_ways(&mut rng),
            Shape::Quick => quick_ways(&mut rng),
            _ => small_ways(&mut rng),
        };
        for way in &mut ways {
            way.cached |= way.mode == JitMode::Full && rng.one_in(CACHED);
        }
        Group {
            bodies,
            shape,
            ways,
        }
    }

    /// Runs a group in all of its ways. What it counts is complete only if all
    /// is well.
    ///
    /// # Errors
    /// The first difference, and the smallest text found that shows it.
    pub fn try_group(&self, mut group: Group, counts: &mut Counts) -> Result<(), Box<Failure>> {
        counts.programs += group.bodies.len() as u64;
        let mut result = self.check(&group.text(), &group.ways, counts);
        if group.shape != Shape::Deep {
            if result == Ok(Ended::No) {
                self.drop_long(&mut group, counts);
                result = self.check(&group.text(), &group.ways, counts);
            }
            if let Err(why) = self.check_reference(group.shape, &group.bodies) {
                return Err(self.shrunk(&group, Way::interpreted(), why));
            }
        }
        match result {
            Ok(Ended::Yes) => Ok(()),
            Ok(Ended::No) => {
                counts.skipped += group.bodies.len() as u64;
                Ok(())
            }
            Err((way, why)) => Err(self.shrunk(&group, way, why)),
        }
    }

    /// Drops small programs that take too long.
    fn drop_long(&self, group: &mut Group, counts: &mut Counts) {
        let before = group.bodies.len();
        let shape = group.shape;
        group.bodies.retain(|body| {
            let program = Program::new(&shape.text(std::slice::from_ref(body)));
            program.is_ok_and(|p| p.run(&Way::interpreted(), MOMENT) != Err(Trouble::Time))
        });
        counts.skipped += (before - group.bodies.len()) as u64;
    }

    /// Runs the portable programs among these interpreted, and by the reference
    /// implementation.
    fn check_reference(&self, shape: Shape, bodies: &[Body]) -> Result<(), String> {
        let likewise = matches!(shape, Shape::Small | Shape::Quick);
        let Some(lua) = self.lua.as_ref().filter(|_| likewise) else {
            return Ok(());
        };
        let bodies = bodies.iter().map(Body::current);
        let portable: Vec<String> = bodies
            .filter(|b| small::portable(b))
            .map(|b| small::whole(&b))
            .collect();
        if portable.is_empty() {
            return Ok(());
        }
        let plain = Way::interpreted();
        let program = Program::new(&small::together(&portable))?;
        let Ok((right, _)) = program.run(&plain, SHORT) else {
            // What is wrong is found again, and told, with the other ways.
            return Ok(());
        };
        let answer = oracle::run(lua, small::for_reference(&portable).as_bytes());
        if !answer.success {
            return Err(format!("{lua} failed: {}", lossy(&answer.errors)));
        }
        if answer.output != right.output {
            let (a, b) = (lossy(&answer.output), lossy(&right.output));
            let line = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            return Err(format!("{lua}, and interpreted: {line:?}"));
        }
        Ok(())
    }

    /// Runs a text in all of `ways`: whether it ends in time.
    fn check(
        &self,
        source: &str,
        ways: &[Way],
        counts: &mut Counts,
    ) -> Result<Ended, (Way, String)> {
        let plain = Way::interpreted();
        let program = Program::new(source).map_err(|e| (plain.clone(), e))?;
        let programs = program.programs();
        let right: Observed = match program.run(&plain, SHORT) {
            Ok((observed, _)) => observed,
            Err(Trouble::Time) => return Ok(Ended::No),
            Err(Trouble::Broken(why)) => return Err((plain, why)),
        };
        counts.runs += programs;
        for way in ways {
            let case = Case {
                way: way.clone(),
                source: source.into(),
            };
            // Should the process end, this is what it was at.
            let _ = std::fs::write(&self.note, case.text());
            let begun = Instant::now();
            let begun_at = strata_runtime::os::cpu_seconds();
            // Where guards fail on purpose there are states to compare, which takes
            // longer than to run small programs.
            let states = way.modes.deopt != ForcedExits::None
                && (programs == 1 || way.mode == JitMode::Full && way.modes.poison);
            let result = if states {
                program.run_with_states(way, LONG)
            } else {
                program.run(way, LONG)
            };
            if begun.elapsed() > SLOW {
                let slow = self.note.with_extension(format!("{}.lua", counts.runs));
                eprintln!("{:.1} s: {}", begun.elapsed().as_secs_f64(), slow.display());
                let _ = std::fs::copy(&self.note, slow);
            }
            match result {
                Ok((seen, ran)) => {
                    counts.runs += ran.runs;
                    counts.baseline += ran.baseline;
                    counts.optimized += ran.optimized;
                    if way.backend == Backend::Llvm {
                        counts.llvm += ran.optimized;
                    }
                    counts.exits += ran.exits;
                    counts.cached += ran.cached;
                    compare(&right, &seen).map_err(|why| (way.clone(), why))?;
                }
                Err(Trouble::Time) if begun_at.is_some_and(starved) => return Ok(Ended::No),
                Err(Trouble::Time) => return Err((way.clone(), "takes too long".into())),
                Err(Trouble::Broken(why)) => return Err((way.clone(), why)),
            }
        }
        Ok(Ended::Yes)
    }

    /// How these bodies fail in one way, if they do.
    fn fails(&self, group: &Group, bodies: &[Body], way: &Way) -> Option<String> {
        if bodies.is_empty() || Program::new(&group.shape.text(bodies)).is_err() {
            return None;
        }
        if *way == Way::interpreted()
            && let Err(why) = self.check_reference(group.shape, bodies)
        {
            return Some(why);
        }
        let ways = [way.clone()];
        let text = group.shape.text(bodies);
        let result = self.check(&text, &ways, &mut Counts::default());
        result.err().map(|(_, why)| why)
    }

    /// Makes a failing group smaller as long as it fails that way.
    fn shrunk(&self, group: &Group, way: Way, mut why: String) -> Box<Failure> {
        let source = group.text();
        let mut bodies = group.bodies.clone();
        let until = Instant::now() + LONG;
        if !strata_runtime::audit::POSSIBLE {
            let mut part = bodies.len() / 2;
            while part > 0 && Instant::now() < until {
                let mut at = 0;
                while at < bodies.len() && bodies.len() > 1 && Instant::now() < until {
                    let mut fewer = bodies.clone();
                    fewer.drain(at..(at + part).min(bodies.len()));
                    match self.fails(group, &fewer, &way) {
                        Some(other) => (bodies, why) = (fewer, other),
                        None => at += part,
                    }
                }
                part /= 2;
            }
            for at in 0..bodies.len() {
                self.shrink(group, &mut bodies, at, &way, &mut why, until);
            }
        }
        let smaller = group.shape.text(&bodies);
        Box::new(Failure {
            way,
            why,
            source: if smaller.len() < source.len() {
                smaller
            } else {
                source
            },
        })
    }

    /// Makes one of the programs smaller.
    fn shrink(
        &self,
        group: &Group,
        bodies: &mut [Body],
        at: usize,
        way: &Way,
        why: &mut String,
        until: Instant,
    ) {
        if let Body::Text(text) = &bodies[at] {
            // The last lines first: what comes later depends on what came before.
            let mut best = text.clone();
            for line in (0..best.lines().count()).rev() {
                if Instant::now() > until {
                    break;
                }
                let lines = best.lines().enumerate().filter(|(n, _)| *n != line);
                let fewer: Vec<&str> = lines.map(|(_, l)| l).collect();
                let fewer = fewer.join("\n");
                bodies[at] = Body::Text(fewer.clone());
                if let Some(smaller) = self.fails(group, bodies, way) {
                    (*why, best) = (smaller, fewer);
                }
            }
            bodies[at] = Body::Text(best);
            return;
        }
        let step = |bodies: &mut [Body], simpler: bool| match &mut bodies[at] {
            Body::Grown(grown) if simpler => grown.simplify(),
            Body::Grown(grown) => grown.complicate(),
            Body::Text(_) => false,
        };
        let mut more = step(bodies, true);
        while more && Instant::now() < until {
            let fails = self.fails(group, bodies, way);
            more = step(bodies, fails.is_some());
            *why = fails.unwrap_or_else(|| why.clone());
        }
        while more {
            more = step(bodies, false);
        }
    }
}

/// Whether the machine was too busy to let this process run since it had used so
/// much processor time.
fn starved(since: f64) -> bool {
    let used = strata_runtime::os::cpu_seconds().map(|now| now - since);
    used.is_some_and(|used| used < LONG.as_secs_f64() / 2.0)
}

/// The ways in which a program of many statements is run.
fn deep_ways(rng: &mut Rng) -> Vec<Way> {
    let mut ways = vec![Way::compiled(JitMode::Baseline)];
    ways.push(Way::random(rng, JitMode::Baseline));
    if engine::optimizing().is_none() {
        ways.push(Way::random(rng, JitMode::Full));
        ways.push(Way {
            backend: Backend::Cranelift,
            ..Way::compiled(JitMode::Full)
        });
        ways.push(if rng.one_in(2) {
            Way::late(rng, JitMode::Full)
        } else {
            Way::compiled(JitMode::Full)
        });
    }
    ways
}

/// The ways in which quick programs are run.
fn quick_ways(rng: &mut Rng) -> Vec<Way> {
    let mut ways = vec![Way::in_turns(rng, JitMode::Baseline)];
    // Most planted bugs are the optimizing compiler's; else it takes too long.
    let often = strata_runtime::audit::POSSIBLE || rng.one_in(3);
    if engine::optimizing().is_none() && often {
        ways.push(Way {
            backend: if rng.one_in(LLVM) {
                Backend::Llvm
            } else {
                Backend::Cranelift
            },
            ..Way::in_turns(rng, JitMode::Full)
        });
    }
    ways
}

/// The ways in which quick programs are run that LLVM compiles.
fn llvm_ways(rng: &mut Rng) -> Vec<Way> {
    vec![Way {
        backend: Backend::Llvm,
        ..Way::in_turns(rng, JitMode::Full)
    }]
}

/// The ways in which programs are run twice, with a cache.
fn cached_ways(rng: &mut Rng, shape: Shape) -> Vec<Way> {
    let mut ways = if shape == Shape::Deep {
        vec![
            Way::compiled(JitMode::Full),
            Way::random(rng, JitMode::Full),
            Way::random(rng, JitMode::Full),
            Way::late(rng, JitMode::Full),
        ]
    } else {
        vec![Way::in_turns(rng, JitMode::Full)]
    };
    for way in &mut ways {
        way.cached = true;
        way.backend = if rng.one_in(LLVM / 2) {
            Backend::Llvm
        } else {
            Backend::Cranelift
        };
    }
    ways
}

/// The ways in which small programs are run: most of them cheap ones, since to
/// compile takes longer than all else.
fn small_ways(rng: &mut Rng) -> Vec<Way> {
    let mut ways = vec![
        Way::disturbed(rng),
        Way::disturbed(rng),
        if rng.one_in(3) {
            Way::compiled(JitMode::Baseline)
        } else {
            // Cranelift's verifier, which looks at what is compiled under stress,
            // takes as long as the compile.
            Way {
                threshold: 2,
                modes: StressModes::default(),
                ..Way::compiled(JitMode::Baseline)
            }
        },
        Way::random(rng, JitMode::Baseline),
        if rng.one_in(2) {
            Way::random(rng, JitMode::Baseline)
        } else {
            Way::late(rng, JitMode::Baseline)
        },
    ];
    if engine::optimizing().is_none() {
        let full = match rng.below(6) {
            0 | 1 => Way::compiled(JitMode::Full),
            2 => Way::late(rng, JitMode::Full),
            _ => Way::random(rng, JitMode::Full),
        };
        ways.push(Way {
            backend: if rng.one_in(2 * LLVM) {
                Backend::Llvm
            } else {
                Backend::Cranelift
            },
            ..full
        });
    }
    for way in &mut ways {
        // Collections take longer than such programs.
        way.modes.gc *= 8;
    }
    ways
}
