//! The passes of the optimizing tier, and the pipeline that runs them.
//!
//! A pass is a function that changes a [`Func`] in place and leaves it
//! well-formed: the verifier may run after each. Passes share nothing but the
//! function and a [`Cx`], so that any order is sound; the order of
//! [`Pipeline::standard`] is the one that finds most.
//!
//! ```text
//!  fold ─▶ gvn ─▶ fold ─▶ licm ─▶ ranges ─▶ … ─▶ strip ─▶ dce
//!  values    again what        loops            what nobody
//!            they uncovered                     asks for
//! ```
//!
//! - [`fold`]: constants, algebra, boxing; with [`flow`]: branches and blocks
//! - [`gvn`]: what was computed, loaded or found out before
//! - [`unslot`]: frame states that need no slots
//! - [`sink`]: tables and closures that are not allocated; first those that need no copy of
//!   a loop, which are then shorter
//! - [`unbox`]: loop parameters that need no tag
//! - [`licm`]: what is the same in every iteration of a loop
//! - [`ranges`]: bounds checks of counted loops, intervals
//! - [`split`]: counted loops that run as far as keys are elements
//! - [`strip`]: counted loops that poll once in a while
//! - [`dce`]: what has no use

mod copies;
mod dce;
#[cfg(test)]
mod eval;
mod flow;
mod fold;
mod gvn;
mod licm;
mod loops;
mod memory;
#[cfg(test)]
mod random;
mod ranges;
mod rename;
mod sink;
mod split;
mod strip;
#[cfg(test)]
mod tests;
mod unbox;
mod unslot;

pub(crate) use sink::Tables;

use super::{Func, Reason, verify};
use crate::jit::Level;
use std::collections::BTreeMap;

/// Defines [`PassStats`] from the names of its counters.
macro_rules! counters {
    ($($name:ident, $doc:literal;)*) => {
        /// What passes have done, for traces and tests.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub(crate) struct PassStats { $(#[doc = $doc] pub $name: u32,)* }

        impl PassStats {
            /// Calls `f` with the name of each counter, what it counts, and
            /// its value.
            pub(crate) fn each(&self, f: &mut dyn FnMut(&'static str, &'static str, u32)) {
                $(f(stringify!($name), $doc, self.$name);)*
            }

            /// The counters that are not 0, by name.
            pub(crate) fn done(&self) -> BTreeMap<&'static str, u32> {
                let mut done = BTreeMap::new();
                self.each(&mut |name, _, n| {
                    if n > 0 {
                        done.insert(name, n);
                    }
                });
                done
            }
        }
    };
}

counters! {
    folded, "instructions replaced by simpler ones";
    branches_decided, "branches that go one way only";
    guards_removed, "guards that can't fail";
    params_unboxed, "block parameters that need no tag";
    values_reused, "values that were computed before";
    loads_forwarded, "loads of what was loaded or stored before";
    values_hoisted, "values computed before a loop instead of in it";
    guards_hoisted, "guards before a loop instead of in it";
    bounds_hoisted, "bounds checks of all iterations before a loop";
    loops_stripped, "loops that poll once in a while only";
    loops_split, "loops with another version, for keys that are all inside";
    loops_peeled, "loops with a first iteration of its own";
    tables_sunk, "tables that are not allocated";
    objects_named, "frame states that name objects instead of slots";
    closures_sunk, "closures that are not allocated";
    upvalues_sunk, "captured variables that are values";
    dead_removed, "instructions without a use";
    slot_stores_removed, "stores to VM slots that nobody sees";
}

/// Whether a guard of this kind may be put before the loop whose header is at this
/// pc of this function; where it may not, such guards failed there too often.
pub(crate) type MayHoist<'c> = &'c dyn Fn(u32, u32, Reason) -> bool;

/// What a pass may ask and has to tell.
pub(crate) struct Cx<'c> {
    /// What was done.
    pub stats: PassStats,
    /// Which guards may be put before loops.
    pub may_hoist: MayHoist<'c>,
    /// What is known of tables; without it none is sunk.
    pub tables: Option<Tables<'c>>,
}

/// Who is called with the name of a pass and what it has made.
pub(crate) type Watch<'w> = &'w mut dyn FnMut(&'static str, &Func<'_>);

/// Changes a function.
pub(crate) type Pass = fn(&mut Func<'_>, &mut Cx<'_>);

/// All passes by name.
pub(crate) const PASSES: &[(&str, Pass)] = &[
    ("fold", fold::run),
    ("gvn", gvn::run),
    ("sink_first", sink::run_first),
    ("sink", sink::run),
    ("unbox", unbox::run),
    ("unslot", unslot::run),
    ("licm", licm::run),
    ("ranges", ranges::run),
    ("split", split::run),
    ("strip", strip::run),
    ("dce", dce::run),
];

/// A pass with its name.
struct Step {
    name: &'static str,
    pass: Pass,
    /// It runs only if the last pass that isn't such a one has done something.
    cleans_up: bool,
}

/// Passes in order.
pub(crate) struct Pipeline<'c> {
    passes: Vec<Step>,
    may_hoist: MayHoist<'c>,
    tables: Option<Tables<'c>>,
}

/// What simplifies all there is.
const SIMPLIFY: &[&str] = &["fold", "gvn", "fold", "dce"];

impl<'c> Pipeline<'c> {
    /// The passes that code is compiled with. `may_hoist`: see [`Cx`].
    pub(crate) fn standard(may_hoist: MayHoist<'c>) -> Pipeline<'c> {
        let first = &["fold", "gvn", "fold", "unslot", "dce"];
        let late = &[
            "unbox", "fold", "licm", "ranges", "licm", "gvn", "fold", "split", "strip", "dce",
        ];
        Pipeline::of(first, may_hoist)
            .then(&["sink_first"], false)
            .then(SIMPLIFY, true)
            .then(&["sink"], false)
            .then(SIMPLIFY, true)
            .then(late, false)
    }

    /// The passes of a level. `may_hoist`: see [`Cx`].
    pub(crate) fn of_level(level: Level, may_hoist: MayHoist<'c>) -> Pipeline<'c> {
        match level {
            Level::O0 => Pipeline::of(&[], may_hoist),
            Level::O1 => Pipeline::of(
                &["fold", "gvn", "fold", "unslot", "unbox", "dce"],
                may_hoist,
            ),
            Level::O2 | Level::O3 => Pipeline::standard(may_hoist),
        }
    }

    /// These passes, in this order. Names that no pass has are left out.
    pub(crate) fn of(names: &[&'static str], may_hoist: MayHoist<'c>) -> Pipeline<'c> {
        let none = Pipeline {
            passes: Vec::new(),
            may_hoist,
            tables: None,
        };
        none.then(names, false)
    }

    /// The same with these passes after the others.
    fn then(mut self, names: &[&'static str], cleans_up: bool) -> Pipeline<'c> {
        let find = |name: &&str| PASSES.iter().find(|p| p.0 == *name).copied();
        let found = names.iter().filter_map(find);
        self.passes.extend(found.map(|(name, pass)| Step {
            name,
            pass,
            cleans_up,
        }));
        self
    }

    /// The same, with what is known of tables.
    pub(crate) fn with_tables(self, tables: Tables<'c>) -> Pipeline<'c> {
        Pipeline {
            tables: Some(tables),
            ..self
        }
    }

    /// Runs all passes. `checked`: the verifier runs after each. `watch` is
    /// called with the name of each and what it has made.
    ///
    /// # Errors
    /// What the verifier found, and after which pass.
    pub(crate) fn run(
        &self,
        f: &mut Func<'_>,
        checked: bool,
        mut watch: Option<Watch<'_>>,
    ) -> Result<PassStats, String> {
        let mut cx = Cx {
            stats: PassStats::default(),
            may_hoist: self.may_hoist,
            tables: self.tables,
        };
        let mut changed = false;
        for &Step {
            name,
            pass,
            cleans_up,
        } in &self.passes
        {
            if cleans_up && !changed {
                continue;
            }
            let before = cx.stats;
            pass(f, &mut cx);
            if !cleans_up {
                changed = cx.stats != before;
            }
            if checked {
                verify::verify(f).map_err(|e| format!("after {name}: {e}"))?;
            }
            if let Some(watch) = &mut watch {
                watch(name, f);
            }
        }
        Ok(cx.stats)
    }
}
