//! Allocation sinking: tables that nobody can tell from their fields.
//!
//! A table that is made, filled, read and dropped need not be allocated. Its
//! fields become values; where control flow meets, they become parameters of
//! blocks; frame states say how to make the table, should the code be left.
//!
//! ```text
//!  v1 = new_table              jump b1(v2)
//!  set_field v1 v2 0           b1(v7: float):
//!  set_shape v1 S       ─▶      v8 = fadd v7 v7
//!  jump b1(v1)                  guard … @f      f: r0=#3 #3 = … shape S { 0=v7 }
//!  b1(v3: table): …             jump b1(v8)
//! ```
//!
//! ## Objects
//! An **object** is a `new_table`, or a parameter of a block that gets nothing
//! but objects: which one differs from iteration to iteration. Values that are
//! an object in another form (a box of it, what a guard made of it) are the
//! object. Objects that meet in a parameter stand and fall together: they are a
//! *group*.
//!
//! ## Conditions
//! ([`escape`]) A group is sunk if
//! - all that is done with its objects is known: fields are stored and loaded,
//!   shapes set and guarded, frame states name them. What is stored elsewhere,
//!   passed on, returned or compared **escapes**;
//! - an object that is passed to a parameter is not used under its own name
//!   from there on, so that there is one name for its fields at each point;
//! - its shape is known at each point, and the same on all ways that meet;
//! - frame maps can tell its shape ([`Tables::sinkable`]).
//!
//! ([`rewrite`]) carries the fields along. A loop that gets something else
//! before its first iteration is [peeled](peel).
//!
//! ## What it doesn't do
//! Array parts, tables in fields of sunk tables, and objects that escape on
//! some ways only: these are allocated.

mod escape;
mod peel;
mod rewrite;

use super::Cx;
use crate::ir::cfg::Cfg;
use crate::ir::{FrameId, Func, Held, Op, Ty, V};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use strata_runtime::value::tag;

/// What is known of tables outside of the IR.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'t> {
    /// The shape of a new table, by number in the table of constants.
    pub root: u64,
    /// Whether a frame map can tell how to make a table at this pc of this
    /// function, with this shape and so many fields.
    pub sinkable: &'t dyn Fn(u32, u32, u64, usize) -> bool,
}

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    if cx.tables.is_some() {
        cx.stats.loops_peeled += peel::run(f);
    }
    run_first(f, cx);
}

/// Runs the pass without peeling loops.
pub(super) fn run_first(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(tables) = cx.tables else { return };
    let Some(cfg) = Cfg::of(f) else { return };
    let Some(objects) = escape::find(f, &cfg, tables) else {
        return;
    };
    cx.stats.tables_sunk += objects.made.len() as u32;
    rewrite::rewrite(f, &cfg, &objects, tables);
}

/// The value that `v` is another form of, if it is one.
fn base(f: &Func<'_>, mut v: V) -> V {
    loop {
        let i = &f.insts[v.n()];
        let same = match i.op {
            Op::GuardShape => true,
            Op::Box => f.ty(i.args[0]) == Ty::Table,
            Op::GuardIs | Op::Unbox => i.ty == Ty::Table,
            _ => false,
        };
        if !same {
            return v;
        }
        v = i.args[0];
    }
}

/// Calls `g` with all values that a frame state and its parents name.
pub(super) fn frame_values(f: &Func<'_>, id: FrameId, g: &mut dyn FnMut(V)) {
    let mut at = Some(id);
    while let Some(frame) = at.map(|id| &f.frames[id.n()]) {
        frame.uses(g);
        at = frame.parent;
    }
}

/// What is known of an object at a point: its shape, and its fields by number.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Layout {
    shape: u64,
    fields: BTreeSet<u64>,
}

/// Where a table was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Site {
    func: u32,
    pc: u32,
}

/// The objects that are sunk.
struct Objects {
    /// Their `new_table`s.
    made: Vec<V>,
    /// All of them, with a site of their group.
    site: FxHashMap<V, Site>,
    /// Layouts of those that are known where each block begins, parameters
    /// included, by block.
    layouts: Vec<BTreeMap<V, Layout>>,
}

impl Objects {
    /// The object that `v` is a form of.
    fn of(&self, f: &Func<'_>, v: V) -> Option<V> {
        let v = base(f, v);
        self.site.contains_key(&v).then_some(v)
    }

    /// The objects a frame state and its parents name.
    fn named(&self, f: &Func<'_>, id: FrameId) -> SmallVec<[V; 4]> {
        let mut named: SmallVec<[V; 4]> = SmallVec::new();
        frame_values(f, id, &mut |v| {
            if let Some(o) = self.of(f, v)
                && !named.contains(&o)
            {
                named.push(o);
            }
        });
        named.sort();
        named
    }

    /// The object in a register.
    fn held(&self, f: &Func<'_>, held: Held) -> Option<V> {
        match held {
            Held::Value(v) => self.of(f, v),
            Held::Slot | Held::Sunk(_) => None,
        }
    }
}

/// The tag of tables, as immediates have it.
const TABLE: u64 = tag::TABLE as u64;
