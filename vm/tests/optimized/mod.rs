//! Programs run interpreted, and compiled with results of the queue handed over
//! at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use strata::cache::{Cache, Config};
use strata::engine::{self, Backend, JitMode, JitOptions, Level, TargetCpu};
use strata::runtime::error::Cause;
use strata::runtime::state::VmConfig;
use strata::runtime::{Vm, stdlib};
use strata::stress::{Delivery, ForcedExits, StressModes};
use strata_profiler::{Event, Sink, Stats};

/// Counts compiles of tier 2.
#[derive(Clone, Default)]
struct Compiles(Arc<Mutex<Vec<String>>>);

impl Sink for Compiles {
    fn event(&mut self, _: Duration, event: &Event) {
        if let Event::Compiled { tier: 2, func, .. } = event {
            self.0.lock().unwrap().push(func.to_string());
        }
    }

    fn finish(&mut self, _: &Stats) {}
}

/// Collects why code of tier 2 was made.
#[derive(Clone, Default)]
struct Reasons(Arc<Mutex<Vec<String>>>);

impl Sink for Reasons {
    fn event(&mut self, _: Duration, event: &Event) {
        if let Event::Compiled {
            tier: 2, reason, ..
        } = event
        {
            self.0.lock().unwrap().push((*reason).into());
        }
    }

    fn finish(&mut self, _: &Stats) {}
}

/// A run of a program.
pub struct Run {
    /// What the program returned, as text, or its error.
    pub end: String,
    #[allow(dead_code, reason = "not every test asks")]
    pub stats: Stats,
    /// Functions that were optimized.
    pub optimized: Vec<String>,
}

/// Runs `source` in one way.
pub fn run(source: &str, mode: JitMode, modes: &StressModes) -> Run {
    run_by(source, mode, Backend::Auto, modes)
}

/// The same, with code made by `backend`.
pub fn run_by(source: &str, mode: JitMode, backend: Backend, modes: &StressModes) -> Run {
    let compiles = Compiles::default();
    let mut vm = fresh(mode, backend, modes, (HOT, 1));
    let end = traced_in(&mut vm, source, Box::new(compiles.clone()));
    let optimized = compiles.0.lock().unwrap().clone();
    Run { optimized, ..end }
}

/// The same, with code that `cache` keeps or has: reasons of compiles are in place of
/// functions.
pub fn run_cached(source: &str, backend: Backend, modes: &StressModes, cache: &Cache) -> Run {
    let reasons = Reasons::default();
    let mut vm = fresh(JitMode::Full, backend, modes, (HOT, 1));
    engine::set_cache(&mut vm, Some(cache.clone()));
    let end = traced_in(&mut vm, source, Box::new(reasons.clone()));
    let optimized = reasons.0.lock().unwrap().clone();
    Run { optimized, ..end }
}

/// The same, with this much work, for this processor.
#[allow(dead_code, reason = "not every test asks")]
pub fn run_made(
    source: &str,
    (backend, level, cpu): (Backend, Level, TargetCpu),
    modes: &StressModes,
    cache: &Cache,
) -> Run {
    let reasons = Reasons::default();
    let options = JitOptions {
        backend,
        level,
        cpu,
        ..JitOptions::default()
    };
    let mut vm = fresh_with(options, modes, (HOT, 1));
    engine::set_cache(&mut vm, Some(cache.clone()));
    let end = traced_in(&mut vm, source, Box::new(reasons.clone()));
    let optimized = reasons.0.lock().unwrap().clone();
    Run { optimized, ..end }
}

/// The same; who is told of the events is given.
#[allow(dead_code, reason = "not every test asks")]
pub fn traced(source: &str, mode: JitMode, modes: &StressModes, sink: Box<dyn Sink>) -> Run {
    let mut vm = fresh(mode, Backend::Auto, modes, (HOT, 1));
    traced_in(&mut vm, source, sink)
}

/// The same; code of Cranelift's asks for LLVM's after `best` instructions.
#[allow(dead_code, reason = "not every test asks")]
pub fn improved(source: &str, best: u32, modes: &StressModes, sink: Box<dyn Sink>) -> Run {
    let mut vm = fresh(JitMode::Full, Backend::Auto, modes, (HOT, best));
    traced_in(&mut vm, source, sink)
}

/// The same; so many instructions make code hot.
#[allow(dead_code, reason = "not every test asks")]
pub fn traced_when(
    source: &str,
    mode: JitMode,
    modes: &StressModes,
    hot: u32,
    sink: Box<dyn Sink>,
) -> Run {
    let mut vm = fresh(mode, Backend::Auto, modes, (hot, 1));
    traced_in(&mut vm, source, sink)
}

fn traced_in(vm: &mut Vm, source: &str, sink: Box<dyn Sink>) -> Run {
    engine::trace_jit(vm, sink);
    Run {
        end: text_of(vm, source),
        stats: engine::jit_stats(vm),
        optimized: Vec::new(),
    }
}

/// The code that is made while `source` runs.
#[allow(dead_code, reason = "not every test asks")]
pub fn code_of(source: &str) -> Vec<engine::Listing> {
    code_by(source, Backend::Auto)
}

/// The code that this backend makes while `source` runs.
#[allow(dead_code, reason = "not every test asks")]
pub fn code_by(source: &str, backend: Backend) -> Vec<engine::Listing> {
    let mut vm = fresh(JitMode::Full, backend, &at_once(), (HOT, 1));
    engine::list_code(&mut vm);
    text_of(&mut vm, source);
    engine::listings(&mut vm)
}

/// What is hot, in instructions: soon.
const HOT: u32 = 60;

/// A VM that compiles soon: after so many instructions, and by LLVM after so
/// many more.
fn fresh(mode: JitMode, backend: Backend, modes: &StressModes, (hot, best): (u32, u32)) -> Box<Vm> {
    let options = JitOptions {
        mode,
        backend,
        ..JitOptions::default()
    };
    fresh_with(options, modes, (hot, best))
}

fn fresh_with(mut options: JitOptions, modes: &StressModes, (hot, best): (u32, u32)) -> Box<Vm> {
    let mut vm = engine::new_vm(&VmConfig::default()).unwrap();
    options.thresholds.calls = 3;
    options.thresholds.back_edges = 3;
    options.thresholds.start_up = 1;
    options.thresholds.background = 0;
    options.thresholds.hot = hot;
    options.thresholds.best = best;
    engine::set_jit(&mut vm, &options);
    stdlib::open_all(&mut vm).unwrap();
    engine::set_stress(&mut vm, modes);
    vm
}

/// What the program returns, or its error, as text.
fn text_of(vm: &mut Vm, source: &str) -> String {
    let module = engine::compile_text(vm, source.as_bytes(), b"=test")
        .expect("no limit is set")
        .unwrap_or_else(|e| panic!("{}: {source}", String::from_utf8_lossy(&e.message)));
    let main = engine::load_main(vm, Arc::new(module)).expect("memory");
    let values = match engine::call(vm, main, &[]) {
        Ok(results) => engine::take_results(vm, results),
        Err(e) => match *e.0 {
            Cause::Lua(v) => vec![v],
            _ => panic!("ended otherwise: {source}"),
        },
    };
    let words = values.into_iter().map(|v| engine::message_of(vm, v));
    let text = String::from_utf8_lossy(&words.collect::<Vec<_>>().join(&b' ')).into_owned();
    if let Err(e) = strata::runtime::heap::verify(vm) {
        panic!("the heap is not sound: {e}\n{source}");
    }
    text
}

/// Results of the queue are handed over at once.
pub fn at_once() -> StressModes {
    StressModes {
        queue: Delivery::Sync,
        ..StressModes::default()
    }
}

/// Runs `source` in all ways: the run without stress.
#[allow(dead_code, reason = "not every test asks")]
pub fn same(source: &str) -> Run {
    let expected = run(source, JitMode::Off, &StressModes::default());
    assert!(expected.optimized.is_empty());
    let plain = run(source, JitMode::Full, &at_once());
    assert_eq!(plain.end, expected.end, "{source}");
    assert!(!plain.optimized.is_empty(), "nothing optimized: {source}");
    // LLVM's code takes the place of Cranelift's at once.
    let soon = run_by(source, JitMode::Full, Backend::Cranelift, &at_once());
    assert_eq!(soon.end, expected.end, "by Cranelift: {source}");
    let cache = Cache::new(Config::default()).unwrap();
    for round in ["the cache is empty", "the cache has code"] {
        let cached = run_cached(source, Backend::Cranelift, &at_once(), &cache);
        assert_eq!(cached.end, expected.end, "{round}: {source}");
    }
    assert!(cache.stats().hits > 0, "no hits: {source}");
    for deopt in [ForcedExits::Nth(1), ForcedExits::Nth(7)] {
        let modes = StressModes {
            deopt,
            poison: true,
            ..at_once()
        };
        // Without LLVM both are Cranelift.
        for backend in [Backend::Llvm, Backend::Cranelift] {
            // Made, and from the cache.
            for _ in 0..2 {
                let stressed = run_cached(source, backend, &modes, &cache);
                assert_eq!(stressed.end, expected.end, "{deopt:?}, {backend}: {source}");
            }
        }
    }
    plain
}
