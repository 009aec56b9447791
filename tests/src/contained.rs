//! Modules that nobody trusts, run for a moment: with few instructions, little
//! memory, no files.

use crate::session::{End, Library, Outcome, Session, lossy};
use std::sync::Arc;
use std::time::{Duration, Instant};
use strata::engine::{self, Backend};
use strata::profiler::Thresholds;
use strata::stress::{Delivery, StressModes};
use strata::{JitMode, JitOptions};
use strata_runtime::state::VmConfig;
use strata_spec::Module;

/// What a module may use when it is interpreted.
const INSTRUCTIONS: u64 = 20_000;
const MEMORY: usize = 64 << 20;
/// And when it is compiled.
const TIME: Duration = Duration::from_millis(100);

/// Output without what differs from run to run: addresses, and the figures of
/// memory and time.
fn plain(output: &[u8]) -> String {
    let text = lossy(output);
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.retain(|w| !w.contains("0x"));
    words.join(" ")
}

/// Runs a verified module: interpreted, with few instructions, or compiled as far
/// as this, for a moment. Where `index` is a multiple of 16 it collects at each
/// safepoint, of 32 it ends in a walk over the heap.
///
/// # Panics
/// The heap is not sound, or there are no threads.
pub fn run(module: &Arc<Module>, index: u64, mode: Option<JitMode>) -> Outcome {
    let config = VmConfig {
        seed: Some(1),
        memory_limit: MEMORY,
        allow_bytecode: false,
    };
    let mut session = Session::new(&config, Library::Sealed);
    session.vm.heap.set_stress(index.is_multiple_of(16));
    if let Some(mode) = mode {
        // No instruction limit: code that does not charge instructions.
        let mut options = JitOptions {
            mode,
            backend: Backend::Cranelift,
            thresholds: Thresholds::stress(),
            ..JitOptions::default()
        };
        options.thresholds.hot = 1;
        engine::set_jit(&mut session.vm, &options);
        if mode == JitMode::Full {
            let modes = StressModes {
                queue: Delivery::Sync,
                poison: true,
                ..StressModes::default()
            };
            engine::set_stress(&mut session.vm, &modes);
        }
        let deadline = Some(Instant::now() + TIME);
        session.vm.set_deadline(deadline).expect("a watchdog");
    } else {
        session.vm.set_instruction_limit(Some(INSTRUCTIONS));
    }
    let outcome = session.run_verified(Arc::clone(module));
    if index.is_multiple_of(32) {
        session.check_heap("after a mutant");
        session.vm.set_instruction_limit(Some(INSTRUCTIONS));
        session.vm.heap.set_stress(false);
        let _ = engine::collect(&mut session.vm);
        session.check_heap("after a mutant and a collection");
    }
    outcome
}

/// Runs a verified module interpreted and compiled as far as this: where both come
/// to an end, it is the same. Whether they did.
///
/// # Panics
/// The ends differ, or as for [`run`].
pub fn compare(module: &Arc<Module>, index: u64, mode: JitMode) -> bool {
    let right = run(module, index, None);
    let seen = run(module, index, Some(mode));
    let ended = |outcome: &Outcome| !matches!(outcome.end, End::Limit(_));
    let both = ended(&right) && ended(&seen);
    if both {
        assert_eq!(
            (right.end.to_string(), plain(&right.output)),
            (seen.end.to_string(), plain(&seen.output)),
            "interpreted, and {mode}"
        );
    }
    both
}
