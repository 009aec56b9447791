//! Stress: what no frame map speaks of is overwritten, so that a wrong map
//! or a wrong liveness shows.

use super::Site;
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_runtime::value::{Value, tag};
use strata_spec::effects::Effects;
use strata_spec::liveness::Liveness;
use strata_spec::module::RegSet;

/// What dead registers hold: a light userdata, which no program makes.
pub(crate) const POISON: Value = Value {
    tag: tag::LIGHT,
    payload: 0xdead_dead_dead_dead,
};

/// Slots above the frame that are overwritten as well.
const STALE: usize = 32;

/// Poisons the frame at `base`, which `site` has left: registers that are not
/// live there, and slots above.
///
/// # Safety
/// The frame is the innermost one, of `p`; the site is one of its code.
#[cold]
pub(crate) unsafe fn poison(vm: &Vm, base: *mut Value, p: &ProtoObj, site: Site) {
    let spec = p.spec();
    let live = Liveness::of(spec).before(spec, site.pc());
    let open = spec.code.get(site.pc() as usize).is_some_and(|&i| {
        i.op()
            .is_some_and(|op| Effects::of(op, i).open_in.is_some())
    });
    if site.waits() || open {
        // Results, or open ones, lie where nobody declares them.
        return;
    }
    let dead = RegSet::below(spec.regs.into()).minus(&live);
    // SAFETY: the registers are the frame's; there is slack above the limit.
    unsafe {
        for r in dead.iter() {
            *base.add(usize::from(r)) = POISON;
        }
        let end = base.add(usize::from(spec.regs));
        for slot in 0..STALE {
            let at = end.add(slot);
            if at < vm.stack_end() {
                *at = POISON;
            }
        }
    }
}
