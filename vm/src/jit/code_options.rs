//! How machine code is made: with how much work, and for which processor.

use std::fmt;

/// How much work goes into code: LLVM's `-O0` to `-O3`.
///
/// | level | passes of tier 2 | its code by LLVM |
/// |---|---|---|
/// | 0 | none | not optimized |
/// | 1 | those that simplify | simplified once |
/// | 2 | all | all but vectors and unrolled loops |
/// | 3 | all | all |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
pub enum Level {
    /// None.
    O0,
    /// Little.
    O1,
    /// What pays in general.
    #[default]
    O2,
    /// All.
    O3,
}

impl Level {
    /// All of them, by number.
    pub const ALL: [Level; 4] = [Level::O0, Level::O1, Level::O2, Level::O3];

    /// The one with this number, if there is one.
    pub fn from_number(number: u8) -> Option<Level> {
        Level::ALL.get(usize::from(number)).copied()
    }

    /// Its number, 0 to 3.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// The processor that code of the optimizing compiler is made for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
pub enum TargetCpu {
    /// The one that it is made on, with all that it can do.
    #[default]
    Native,
    /// Any of the last fifteen years: x86-64-v2 (up to SSE4.2, and `popcnt`), or
    /// Armv8.0. Such code is kept in caches for all of them.
    Baseline,
}

impl TargetCpu {
    /// Both.
    pub const ALL: [TargetCpu; 2] = [TargetCpu::Native, TargetCpu::Baseline];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            TargetCpu::Native => "native",
            TargetCpu::Baseline => "baseline",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<TargetCpu> {
        TargetCpu::ALL.into_iter().find(|cpu| cpu.name() == name)
    }

    /// Whether this machine runs such code.
    pub fn runs_here(self) -> bool {
        match self {
            TargetCpu::Native => true,
            #[cfg(target_arch = "x86_64")]
            TargetCpu::Baseline => {
                std::is_x86_feature_detected!("sse3")
                    && std::is_x86_feature_detected!("ssse3")
                    && std::is_x86_feature_detected!("sse4.1")
                    && std::is_x86_feature_detected!("sse4.2")
                    && std::is_x86_feature_detected!("popcnt")
            }
            #[cfg(not(target_arch = "x86_64"))]
            TargetCpu::Baseline => true,
        }
    }

    /// This one, or the machine's own where such code doesn't run.
    pub(crate) fn or_native(self) -> TargetCpu {
        if self.runs_here() {
            self
        } else {
            TargetCpu::Native
        }
    }

    /// What Cranelift is to make code with.
    ///
    /// # Errors
    /// It doesn't know this machine.
    #[cfg(feature = "cranelift")]
    pub(crate) fn isa(self) -> Result<cranelift_codegen::isa::Builder, String> {
        use cranelift_codegen::settings::Configurable;
        if self == TargetCpu::Native {
            return cranelift_native::builder().map_err(str::to_string);
        }
        let mut isa = cranelift_native::builder_with_options(false)?;
        if cfg!(target_arch = "x86_64") {
            let flags = [
                "has_sse3",
                "has_ssse3",
                "has_sse41",
                "has_sse42",
                "has_popcnt",
                "has_cmpxchg16b",
            ];
            for flag in flags {
                isa.enable(flag).map_err(|e| e.to_string())?;
            }
        }
        Ok(isa)
    }
}

impl fmt::Display for TargetCpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for cpu in TargetCpu::ALL {
            assert_eq!(TargetCpu::from_name(cpu.name()), Some(cpu));
        }
        assert_eq!(TargetCpu::from_name("i386"), None);
        for (n, level) in (0u8..).zip(Level::ALL) {
            assert_eq!((Level::from_number(n), level.number()), (Some(level), n));
        }
        assert_eq!(Level::from_number(4), None);
    }

    #[test]
    #[cfg(feature = "cranelift")]
    fn the_baseline_has_less_than_this_machine() {
        use cranelift_codegen::settings::{Flags, builder};
        let on = |cpu: TargetCpu| -> usize {
            let isa = cpu.isa().unwrap().finish(Flags::new(builder())).unwrap();
            let flags = isa.isa_flags();
            flags.iter().filter(|f| f.as_bool() == Some(true)).count()
        };
        assert!(on(TargetCpu::Baseline) <= on(TargetCpu::Native));
    }
}
