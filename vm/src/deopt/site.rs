//! Sites: where compiled code can be left or looked at.

use std::fmt;
use strata_runtime::object::ProtoObj;
use strata_spec::frame_map::check::Checker;
use strata_spec::frame_map::{FrameMap, FuncId, Loc, Repr, Value, VirtualFrame};
use strata_spec::liveness::Liveness;
use strata_spec::module::Proto;

/// What compiled code does at a site.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum SiteKind {
    /// A guard's exit: the instruction has not begun.
    Exit,
    /// A look at the poll word: the instruction has not begun.
    Poll,
    /// A call of another function: the frame waits in the instruction.
    Call,
    /// A helper runs the instruction, and may call, raise or yield in it.
    Step,
}

/// A site: an instruction and what happens there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Site(u32);

impl Site {
    /// The site of this kind at instruction `pc`.
    pub(crate) fn new(pc: u32, kind: SiteKind) -> Site {
        // Functions have fewer than 2^24 instructions.
        Site(pc << 2 | kind as u32)
    }

    /// The instruction.
    pub(crate) fn pc(self) -> u32 {
        self.0 >> 2
    }

    /// What happens there.
    pub(crate) fn kind(self) -> SiteKind {
        match self.0 & 3 {
            0 => SiteKind::Exit,
            1 => SiteKind::Poll,
            2 => SiteKind::Call,
            _ => SiteKind::Step,
        }
    }

    /// Whether the frame waits in its instruction.
    pub(crate) fn waits(self) -> bool {
        matches!(self.kind(), SiteKind::Call | SiteKind::Step)
    }

    /// Its frame map: the live registers, in their slots.
    pub(crate) fn map(self, spec: &Proto, liveness: &Liveness) -> FrameMap {
        let live = if self.waits() {
            liveness.during(spec, self.pc())
        } else {
            liveness.before(spec, self.pc())
        };
        let in_slot = |r: u8| (r, Value::At(Repr::Tagged, Loc::Slot(u32::from(r))));
        FrameMap {
            frames: vec![VirtualFrame {
                func: FuncId(0),
                closure: None,
                pc: self.pc(),
                base: 0,
                tail: false,
                regs: live.iter().map(in_slot).collect(),
            }],
            sunk: Vec::new(),
            waits: self.waits(),
        }
    }

    /// Its frame map, printed.
    pub(crate) fn map_text(self, p: &ProtoObj) -> String {
        let spec = p.spec();
        self.map(spec, &Liveness::of(spec)).to_string()
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind() {
            SiteKind::Exit => "exit",
            SiteKind::Poll => "poll",
            SiteKind::Call => "call",
            SiteKind::Step => "step",
        };
        write!(f, "{kind} at pc {}", self.pc())
    }
}

/// Holds the maps of all sites against the bytecode: an analysis that knows
/// nothing of the compiler.
///
/// # Errors
/// A map does not fit.
pub(crate) fn check_sites(spec: &Proto, sites: &[Site]) -> Result<(), String> {
    let funcs = [spec];
    let mut checker = Checker::new(&funcs);
    let liveness = Liveness::of(spec);
    for &site in sites {
        checker
            .check(&site.map(spec, &liveness))
            .map_err(|e| format!("frame map of {site}: {e}"))?;
    }
    Ok(())
}
