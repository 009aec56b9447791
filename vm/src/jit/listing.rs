//! Compiled code as text, for people: `vm disasm --clif --asm --frame-maps`.

use strata_profiler::FuncName;
#[cfg(feature = "cranelift")]
use strata_spec::{Proto, disasm, frame_map::FrameMaps, liveness::Liveness};

/// The code of one function, or why there is none.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The function.
    pub func: FuncName,
    /// Why it has no code.
    pub missing: Option<String>,
    /// Its bytecode: `@0002`, a pc in hexadecimal, and an instruction.
    pub bytecode: String,
    /// Cranelift's IR, with the pcs it comes from.
    pub clif: String,
    /// Machine code.
    pub asm: String,
    /// The places where the code can be left or looked at, with the numbers
    /// of their frame maps, and the maps.
    pub frame_maps: String,
}

impl Listing {
    /// Of a function without code.
    pub(super) fn none(func: &FuncName, why: String) -> Listing {
        Listing {
            func: func.clone(),
            missing: Some(why),
            bytecode: String::new(),
            clif: String::new(),
            asm: String::new(),
            frame_maps: String::new(),
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
            func: func.clone(),
            missing: None,
            bytecode: (0..spec.code.len() as u32)
                .map(|pc| format!("@{pc:04x}  {}\n", disasm::instruction(spec, pc)))
                .collect(),
            clif: listed.clif.clone(),
            asm: listed.asm.clone().unwrap_or_default(),
            frame_maps,
        }
    }
}
