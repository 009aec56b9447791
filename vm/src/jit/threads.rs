//! [`CompileThreads`]: threads that compile for several VMs.

use super::queue::{Crew, Options};
use crate::tier1;
use crate::tier2;
use std::sync::Arc;

/// The threads that compile in the background, one for each kind of compiler, to
/// be shared by several VMs
/// ([`LuaOptions::compile_threads`](crate::LuaOptions::compile_threads)). They are
/// started when they have something to do. Clones are handles of the same threads;
/// with the last one, those of the VMs included, they end.
#[derive(Clone)]
pub struct CompileThreads(Arc<Crews>);

struct Crews {
    baseline: Crew<tier1::codegen::Job>,
    optimizing: tier2::Crews,
}

impl std::fmt::Debug for CompileThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CompileThreads")
    }
}

impl Default for CompileThreads {
    fn default() -> CompileThreads {
        CompileThreads::new()
    }
}

impl CompileThreads {
    /// Threads that are not started yet.
    pub fn new() -> CompileThreads {
        CompileThreads(Arc::new(Crews {
            baseline: Crew::new(Options::default()),
            optimizing: tier2::Crews::new(),
        }))
    }

    /// For baseline code.
    pub(crate) fn baseline(&self) -> &Crew<tier1::codegen::Job> {
        &self.0.baseline
    }

    /// For optimized code.
    pub(crate) fn optimizing(&self) -> &tier2::Crews {
        &self.0.optimizing
    }
}
