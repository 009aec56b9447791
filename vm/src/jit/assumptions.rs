//! What compiled code relies on without looking.
//!
//! A guard looks each time; an *assumption* is looked after by whoever could
//! break it. Code that makes one is listed here as its *dependant*. When the
//! assumption is broken, all of them are invalidated: their code is taken out
//! of use, the VM's native epoch changes, and so every native frame is dropped
//! when control next comes back to it from a step or a call, before it relies
//! on anything again. What is compiled next makes no such assumption: a program
//! that breaks one will break it again.
//!
//! Dependants are held weakly: they go with their code.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use strata_runtime::object::ProtoObj;

/// Something that holds until somebody says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Assumption {
    /// What inline caches know of metatables and of the tables behind them is
    /// true: `Vm::meta_epoch` stays as it is.
    Metatables,
    /// Upvalues are what the code that captures them says: the debug library
    /// has assigned to none.
    Upvalues,
    /// There never was an instruction limit: nothing needs to be charged.
    Unlimited,
}

impl Assumption {
    /// Why code that made it is invalidated.
    pub(super) fn broken(self) -> &'static str {
        match self {
            Assumption::Metatables => "a metatable, or a table behind one, was changed",
            Assumption::Upvalues => "the debug library assigned to an upvalue",
            Assumption::Unlimited => "instructions are limited",
        }
    }
}

/// Code that makes an assumption, while there is such code.
#[derive(Debug)]
pub(crate) struct Dependant {
    /// Address of the prototype, which outlives its code.
    proto: usize,
}

/// All assumptions that some code makes.
#[derive(Default, Debug)]
pub(crate) struct Assumptions {
    dependants: HashMap<Assumption, Vec<Weak<Dependant>>>,
}

impl Assumptions {
    /// Lists code of `p` that is being installed; the code keeps what is
    /// returned.
    pub(crate) fn make(&mut self, assumption: Assumption, p: *mut ProtoObj) -> Arc<Dependant> {
        let dependant = Arc::new(Dependant { proto: p as usize });
        let list = self.dependants.entry(assumption).or_default();
        if list.len() == list.capacity() {
            // Before it grows: those that are gone.
            list.retain(|d| d.strong_count() > 0);
        }
        list.push(Arc::downgrade(&dependant));
        dependant
    }

    /// The prototypes whose code, or code to come, makes `assumption`, which makes it
    /// no longer: each once.
    pub(super) fn take(&mut self, assumption: Assumption) -> Vec<*mut ProtoObj> {
        let list = self.dependants.remove(&assumption).unwrap_or_default();
        let mut seen = HashSet::new();
        let alive = list.iter().filter_map(Weak::upgrade).map(|d| d.proto);
        let each = alive.filter(|p| seen.insert(*p));
        each.map(|p| p as *mut ProtoObj).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependants_go_with_their_code() {
        let mut all = Assumptions::default();
        let address = |n: usize| n as *mut ProtoObj;
        let first = all.make(Assumption::Metatables, address(16));
        for n in 2..100 {
            drop(all.make(Assumption::Metatables, address(16 * n)));
        }
        let last = all.make(Assumption::Metatables, address(3200));
        let twice = all.make(Assumption::Metatables, address(16));
        assert!(all.dependants[&Assumption::Metatables].len() < 10);
        assert_eq!(
            all.take(Assumption::Metatables),
            [address(16), address(3200)]
        );
        assert!(all.take(Assumption::Metatables).is_empty());
        drop((first, last, twice));
    }
}
