//! Compiled code as text, for people: `vm disasm --clif --ir --llvm --asm
//! --frame-maps`.

use strata_profiler::FuncName;
#[cfg(feature = "cranelift")]
use strata_spec::{Proto, disasm, frame_map::FrameMaps, liveness::Liveness};

/// The code of one function, or why there is none.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The function.
    pub func: FuncName,
    /// Which compiler made it: 1 the baseline, 2 the optimizing one.
    pub tier: u8,
    /// Which part of the function, if not all of it.
    pub part: Option<String>,
    /// Why it has no code.
    pub missing: Option<String>,
    /// Its bytecode: `@0002`, a pc in hexadecimal, and an instruction.
    pub bytecode: String,
    /// Cranelift's IR, with the pcs it comes from.
    pub clif: String,
    /// Intermediate code of the optimizing compiler, by the pass that made it.
    pub passes: Vec<(String, String)>,
    /// The last of it as LLVM IR, which LLVM or Cranelift gets. (Cranelift's has an
    /// instruction `umulh`, which LLVM doesn't know.)
    pub lowered: String,
    /// What LLVM made of it.
    pub llvm: String,
    /// Machine code.
    pub asm: String,
    /// The places where the code can be left or looked at, with the numbers
    /// of their frame maps, and the maps.
    pub frame_maps: String,
}

/// The name of the text that the backend gets, among those of passes.
pub(crate) const LOWERED: &str = "lowered";

impl Listing {
    /// Of a function without code.
    pub(super) fn none(func: &FuncName, tier: u8, why: String) -> Listing {
        Listing {
            missing: Some(why),
            ..Listing::empty(func, tier)
        }
    }

    fn empty(func: &FuncName, tier: u8) -> Listing {
        Listing {
            func: func.clone(),
            tier,
            part: None,
            missing: None,
            bytecode: String::new(),
            clif: String::new(),
            passes: Vec::new(),
            lowered: String::new(),
            llvm: String::new(),
            asm: String::new(),
            frame_maps: String::new(),
        }
    }

    /// Intermediate code after the pass of this name: `last` is the last one,
    /// `lowered` what the backend gets, `all` are all.
    pub fn ir(&self, pass: Option<&str>) -> String {
        let titled = |(name, text): &(String, String)| format!("; after {name}\n{text}");
        match pass {
            None | Some("last") => self.passes.last().map(titled).unwrap_or_default(),
            Some(LOWERED) => self.lowered.clone(),
            Some("all") => self
                .passes
                .iter()
                .map(titled)
                .collect::<Vec<_>>()
                .join("\n"),
            Some(pass) => {
                let found = self.passes.iter().filter(|(name, _)| name == pass);
                let texts: Vec<_> = found.map(titled).collect();
                if texts.is_empty() {
                    let names: Vec<_> = self.passes.iter().map(|(name, _)| &**name).collect();
                    return format!("; no pass is called '{pass}': {}", names.join(", "));
                }
                texts.join("\n")
            }
        }
    }

    /// Of optimized code, from what was reported of its compile.
    #[cfg(feature = "cranelift")]
    pub(super) fn optimized(
        func: &FuncName,
        at: crate::tier2::snapshot::EntryAt,
        spec: &Proto,
        report: &crate::tier2::Report,
    ) -> Listing {
        use crate::tier2::snapshot::EntryAt;
        let take = |name: &str| {
            let found = report.texts.iter().find(|(n, _)| n == name);
            found.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        let others = [LOWERED, "optimized", "asm", "frame maps"];
        let passes = report.texts.iter();
        Listing {
            part: match at {
                EntryAt::Start => None,
                EntryAt::Loop(pc) => Some(format!("loop at pc {pc}")),
            },
            bytecode: bytecode(spec),
            passes: passes
                .filter(|(name, _)| !others.contains(&&**name))
                .cloned()
                .collect(),
            lowered: take(LOWERED),
            llvm: take("optimized"),
            asm: take("asm"),
            frame_maps: take("frame maps"),
            ..Listing::empty(func, 2)
        }
    }

    /// Of a function's new code.
    #[cfg(feature = "cranelift")]
    pub(super) fn new(func: &FuncName, spec: &Proto, listed: &crate::tier1::Listed) -> Listing {
        let mut maps = FrameMaps::new();
        let liveness = Liveness::of(spec);
        let mut frame_maps = String::new();
        for site in &listed.sites {
            let map = maps.add(site.map(spec, &liveness));
            frame_maps.push_str(&format!("{site}: map {}\n", map.0));
        }
        frame_maps.push_str(&maps.to_string());
        Listing {
            bytecode: bytecode(spec),
            clif: listed.clif.clone(),
            asm: listed.asm.clone().unwrap_or_default(),
            frame_maps,
            ..Listing::empty(func, 1)
        }
    }
}

/// The bytecode of a function, with pcs as compilers name them.
#[cfg(feature = "cranelift")]
fn bytecode(spec: &Proto) -> String {
    (0..spec.code.len() as u32)
        .map(|pc| format!("@{pc:04x}  {}\n", disasm::instruction(spec, pc)))
        .collect()
}
