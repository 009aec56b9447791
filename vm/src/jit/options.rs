//! What a host chooses about compilation.

use std::fmt;
use strata_profiler::Thresholds;

/// How far compilation may go. Tiers that the build lacks are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JitMode {
    /// Interpret only; no executable memory is mapped.
    Off,
    /// Up to the baseline compiler.
    Baseline,
    /// As far as there are tiers.
    Full,
}

impl JitMode {
    /// What VMs do unless told otherwise.
    pub const DEFAULT: JitMode = JitMode::Full;

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            JitMode::Off => "off",
            JitMode::Baseline => "baseline",
            JitMode::Full => "full",
        }
    }
}

impl Default for JitMode {
    fn default() -> JitMode {
        JitMode::DEFAULT
    }
}

impl fmt::Display for JitMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What makes code of very hot functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backend {
    /// Cranelift, soon, and LLVM, whose code takes the place of Cranelift's
    /// when it is there.
    #[default]
    Auto,
    /// Cranelift alone: less time, less memory, slower code.
    Cranelift,
    /// LLVM alone.
    Llvm,
}

impl Backend {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Auto => "auto",
            Backend::Cranelift => "cranelift",
            Backend::Llvm => "llvm",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a VM compiles.
#[derive(Clone, PartialEq, Debug)]
pub struct JitOptions {
    /// How far it may go.
    pub mode: JitMode,
    /// With what very hot functions are.
    pub backend: Backend,
    /// When it does.
    pub thresholds: Thresholds,
    /// Count executed instructions and slow steps, for the statistics.
    /// Everything runs slower, and compiled code is larger.
    pub count: bool,
    /// Verifiers look at what is compiled, where that is to be expected: under
    /// stress, and where everything is compiled at once.
    pub verify: bool,
}

impl Default for JitOptions {
    fn default() -> JitOptions {
        JitOptions {
            mode: JitMode::default(),
            backend: Backend::default(),
            thresholds: Thresholds::default(),
            count: false,
            verify: true,
        }
    }
}
