//! What a host chooses about compilation.

use super::{Level, TargetCpu};
use std::fmt;
use std::str::FromStr;
use strata_profiler::{FuncName, Thresholds};
use strata_spec::module::Annotation;

/// How far compilation may go, of a VM or of one of its functions. Tiers that the
/// build lacks are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
pub enum JitMode {
    /// Interpret only; no executable memory is mapped.
    Off,
    /// Up to the baseline compiler.
    Baseline,
    /// As far as there are tiers.
    Full,
    /// Likewise, and never interpreted from the start: functions are compiled when
    /// they are loaded. What can't be compiled can't be loaded.
    Always,
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
            JitMode::Always => "always",
        }
    }

    /// The one with this name. `interpret`, `hybrid` and `auto` are other names of
    /// the first three.
    pub fn from_name(name: &str) -> Option<JitMode> {
        Some(match name {
            "off" | "interpret" => JitMode::Off,
            "baseline" | "hybrid" => JitMode::Baseline,
            "full" | "auto" => JitMode::Full,
            "always" => JitMode::Always,
            _ => return None,
        })
    }

    /// Whether very hot functions are optimized.
    pub(crate) fn optimizes(self) -> bool {
        matches!(self, JitMode::Full | JitMode::Always)
    }

    /// What holds for a function of which `asked` is asked in a VM with this mode:
    /// whoever wants less of it gets that.
    pub(crate) fn within(self, asked: JitMode) -> JitMode {
        use JitMode::{Always, Baseline, Full, Off};
        match (self, asked) {
            (Off, _) | (_, Off) => Off,
            (Baseline, _) | (_, Baseline) => Baseline,
            (Always, _) | (_, Always) => Always,
            (Full, Full) => Full,
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
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
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

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Backend> {
        let all = [Backend::Auto, Backend::Cranelift, Backend::Llvm];
        all.into_iter().find(|b| b.name() == name)
    }

    /// Why it can't be used, and how to get it; something else takes its place.
    pub fn missing(self) -> Option<String> {
        if let Some(why) = crate::engine::baseline() {
            return Some(format!(
                "Cranelift is {why}; everything is interpreted: build with the feature `cranelift` \
                 for x86-64 or aarch64"
            ));
        }
        if self != Backend::Llvm {
            return None;
        }
        let why = crate::engine::llvm().err()?;
        Some(format!(
            "LLVM is {why}; Cranelift takes its place: install llvm-22-dev and build with the \
             feature `llvm`"
        ))
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is asked for one function. Where it says nothing, its VM's options hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
pub struct Wish {
    /// How far it may go; not farther than its VM allows.
    pub mode: Option<JitMode>,
    /// What makes its code when it is very hot.
    pub backend: Option<Backend>,
}

impl Wish {
    /// The words that [`from_name`](Wish::from_name) knows.
    pub const WORDS: &str = "auto, off, baseline, always, cranelift or llvm";

    /// What a word asks for, as in `--@jit WORD`; `auto`: nothing.
    pub fn from_name(word: &str) -> Option<Wish> {
        Some(match word {
            "auto" => Wish::default(),
            "cranelift" | "llvm" => Wish {
                mode: None,
                backend: Backend::from_name(word),
            },
            _ => Wish {
                mode: Some(JitMode::from_name(word).filter(|m| *m != JitMode::Full)?),
                backend: None,
            },
        })
    }
}

impl From<Annotation> for Wish {
    fn from(annotation: Annotation) -> Wish {
        Wish::from_name(annotation.name()).unwrap_or_default()
    }
}

/// Functions of which something is asked: those with this name, of this chunk, or
/// that begin there (`chunk:line`), as traces name them.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
pub struct FunctionRule {
    /// Which functions.
    pub which: String,
    /// What is asked.
    pub wish: Wish,
}

/// `which=word`
impl FromStr for FunctionRule {
    type Err = String;

    fn from_str(text: &str) -> Result<FunctionRule, String> {
        let (which, word) = text
            .rsplit_once('=')
            .filter(|(which, _)| !which.is_empty())
            .ok_or_else(|| format!("'{text}' is not of the form FUNCTION=WORD"))?;
        let wish =
            Wish::from_name(word).ok_or_else(|| format!("'{word}' is none of {}", Wish::WORDS))?;
        let which = which.to_string();
        Ok(FunctionRule { which, wish })
    }
}

impl FunctionRule {
    /// Whether it is about this function.
    pub(crate) fn is_about(&self, func: &FuncName) -> bool {
        let place = |which: &str| {
            let (chunk, line) = which.rsplit_once(':')?;
            Some(chunk == func.chunk && line.parse() == Ok(func.line))
        };
        self.which == func.name || self.which == func.chunk || place(&self.which) == Some(true)
    }
}

/// How a VM compiles.
#[derive(Clone, PartialEq, Debug)]
pub struct JitOptions {
    /// How far it may go.
    pub mode: JitMode,
    /// With what very hot functions are.
    pub backend: Backend,
    /// How much work goes into code of very hot functions.
    pub level: Level,
    /// The processor that it is made for; [`TargetCpu::Native`] is meant where it
    /// would not run here.
    pub cpu: TargetCpu,
    /// What is asked for single functions; the first rule that is about one counts,
    /// before what its source says.
    pub functions: Vec<FunctionRule>,
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
            level: Level::O3,
            cpu: TargetCpu::default(),
            functions: Vec::new(),
            thresholds: Thresholds::default(),
            count: false,
            verify: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_functions_and_places() {
        let rule = |text: &str| FunctionRule::from_str(text).unwrap();
        let fib = FuncName::new("fib", "a.lua", 3);
        for about in ["fib=off", "a.lua=off", "a.lua:3=off"] {
            assert!(rule(about).is_about(&fib), "{about}");
        }
        for other in ["fi=off", "a.lua:4=off", "b.lua=off", "3=off"] {
            assert!(!rule(other).is_about(&fib), "{other}");
        }
        assert_eq!(rule("a=b=llvm").which, "a=b");
        for wrong in ["fib", "=off", "fib=", "fib=full", "fib=offf"] {
            assert!(FunctionRule::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn who_wants_less_gets_it() {
        use JitMode::{Always, Baseline, Full, Off};
        let all = [Off, Baseline, Full, Always];
        for (vm, row) in all.into_iter().zip([
            [Off, Off, Off, Off],
            [Off, Baseline, Baseline, Baseline],
            [Off, Baseline, Full, Always],
            [Off, Baseline, Always, Always],
        ]) {
            assert_eq!(all.map(|asked| vm.within(asked)), row, "{vm}");
        }
    }

    #[test]
    fn annotations_are_wishes() {
        for annotation in Annotation::ALL {
            let wish = Wish::from_name(annotation.name());
            assert_eq!(wish, Some(annotation.into()), "{annotation:?}");
        }
        assert_eq!(Wish::from(Annotation::None), Wish::default());
    }
}
