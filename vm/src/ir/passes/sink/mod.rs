//! Allocation sinking: objects that nobody can tell from their parts.
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
//! So it is with closures that are only called, and inlined there, and with the
//! variables they share with who made them: a *cell*, an upvalue whose closures
//! are all sunk, is a table with one field. Frame states make closures of their
//! upvalues; a cell is open if a register is it.
//!
//! ## Objects
//! An **object** is a `new_table`, a `new_closure`, a `new_cell`, or a parameter of a block that gets nothing
//! but tables of this sort: which one differs from iteration to iteration. Values that are
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
//! Array parts, objects in fields of sunk tables and in variables, closures that
//! meet others, and objects that escape on some ways only: these are allocated.

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
    for v in &objects.made {
        match f.insts[v.n()].op {
            Op::NewTable => cx.stats.tables_sunk += 1,
            Op::NewClosure => cx.stats.closures_sunk += 1,
            _ => cx.stats.upvalues_sunk += 1,
        }
    }
    rewrite::rewrite(f, &cfg, &objects, tables);
}

/// The value that `v` is another form of, if it is one.
pub(super) fn base(f: &Func<'_>, mut v: V) -> V {
    loop {
        let i = &f.insts[v.n()];
        let same = match i.op {
            Op::GuardShape => true,
            Op::Box => matches!(f.ty(i.args[0]), Ty::Table | Ty::Closure),
            Op::GuardIs | Op::Unbox => matches!(i.ty, Ty::Table | Ty::Closure),
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

/// The upvalues of the closure that `v` makes, if it makes one.
fn upvalues<'a>(f: &Func<'a>, v: V) -> &'a [V] {
    let i = &f.insts[v.n()];
    match i.op {
        Op::NewClosure => &i.args[1..],
        _ => &[],
    }
}

/// What is known of an object at a point: its shape, and its fields by number.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Layout {
    shape: u64,
    fields: BTreeSet<u64>,
}

/// Where an object was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Site {
    /// A table: by this instruction of this function.
    Table { func: u32, pc: u32 },
    /// A closure: from this child of this function.
    Closure { func: u32, child: u32 },
    /// A cell: anywhere.
    Cell,
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
        // Closures refer to their upvalues.
        for n in 0..named.len() {
            for &a in upvalues(f, named[n]) {
                if self.site.contains_key(&a) && !named.contains(&a) {
                    named.push(a);
                }
            }
        }
        named.sort();
        named
    }

    /// What a register or a part holds, with objects for values that are one.
    fn held(&self, f: &Func<'_>, held: Held) -> Held {
        match held {
            Held::Value(v) | Held::Cell(v) => self.of(f, v).map_or(held, Held::Sunk),
            Held::Slot | Held::Sunk(_) => held,
        }
    }
}

/// The tag of an object, a table or a closure.
fn tag_of(f: &Func<'_>, object: V) -> u8 {
    match f.insts[object.n()].op {
        Op::NewClosure => tag::CLOSURE,
        _ => tag::TABLE,
    }
}
