//! Global value numbering: what was computed, loaded or found out before.
//!
//! Blocks are visited in reverse postorder. An instruction with the same
//! operation and arguments as an earlier one whose block dominates it is that
//! one. For what reads memory, the **version** of what it reads must be the same
//! as well: each write makes a new version of its class ([`memory`]), and so do
//! joins of different versions and headers of loops that write it.
//!
//! - A store makes what it stored the value of a load from there. Loads that
//!   certainly go elsewhere keep their values over it.
//! - A guard that is dominated by an equal one, or by a branch that tells the
//!   same, is gone: its result is the other's, or an `unbox`.
//! - After a branch or a guard, the condition is known.
//!
//! ## Soundness
//! An earlier value is used only where it dominates. A removed guard's users
//! depend on the one that is left. What guards find in memory is keyed by
//! version like a load. Tables are told apart by their roots, since a guard
//! returns what it was given.
//!
//! ## What it doesn't do
//! Values that are equal around a loop only if they are assumed to be; loads
//! that are available on all ways by different instructions.

use super::fold::{Simple, is_commutative, simplify};
use super::memory::{Class, Memory, root};
use super::{Cx, rename::Rename};
use crate::ir::cfg::Cfg;
use crate::ir::{BlockId, Func, Op, Term, Ty, V};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::value::tag;

/// What makes two instructions equal.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    op: Op,
    ty: Ty,
    imm: u64,
    args: SmallVec<[V; 4]>,
    version: u32,
}

/// A value that is known in a block and what that dominates. `by` is the
/// instruction that loaded or stored it.
#[derive(Clone, Copy)]
struct Known {
    value: V,
    by: V,
    block: BlockId,
}

struct Gvn<'g> {
    cfg: &'g Cfg,
    memory: &'g Memory,
    values: FxHashMap<Key, SmallVec<[Known; 1]>>,
    /// Keys of loads by class and version.
    loads: FxHashMap<(Class, u32), Vec<Key>>,
    /// Conditions that are known in a block and what that dominates.
    facts: FxHashMap<V, SmallVec<[(BlockId, bool); 2]>>,
    rename: Rename,
    /// The version of each class, where the current block has got to.
    versions: Vec<u32>,
    next_version: u32,
    block: BlockId,
}

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(cfg) = Cfg::of(f) else { return };
    let memory = Memory::of(f, &cfg);
    let mut g = Gvn {
        cfg: &cfg,
        memory: &memory,
        values: FxHashMap::default(),
        loads: FxHashMap::default(),
        facts: FxHashMap::default(),
        rename: Rename::default(),
        versions: Vec::new(),
        next_version: 1,
        block: BlockId::ENTRY,
    };
    let mut out: Vec<Option<Vec<u32>>> = vec![None; f.blocks.len()];
    for &b in &cfg.order {
        g.block = b;
        g.versions = g.at_beginning(f, b, &out);
        g.learn_from_branch(f, b);
        let old = std::mem::replace(
            &mut f.blocks[b.n()].insts,
            bumpalo::collections::Vec::new_in(f.arena),
        );
        let mut new = Vec::with_capacity(old.len());
        for v in old {
            g.rename.args(f, v);
            if g.inst(f, v, &mut new, cx) {
                new.push(v);
            }
        }
        f.blocks[b.n()].insts.extend(new);
        g.term(f, b, cx);
        out[b.n()] = Some(std::mem::take(&mut g.versions));
    }
    g.rename.apply(f);
}

impl Gvn<'_> {
    fn fresh(&mut self) -> u32 {
        self.next_version += 1;
        self.next_version
    }

    /// The versions where `b` begins.
    fn at_beginning(&mut self, f: &Func<'_>, b: BlockId, out: &[Option<Vec<u32>>]) -> Vec<u32> {
        let preds = &self.cfg.preds[b.n()];
        // Those that come later in the order are latches of a loop.
        let mut known = preds.iter().filter_map(|p| out[p.n()].as_ref());
        let Some(first) = known.next() else {
            return vec![0; self.memory.count()];
        };
        let mut versions = first.clone();
        for other in known {
            for (v, o) in versions.iter_mut().zip(other) {
                if *v != *o && !planted(Bug::MergedMemory) {
                    // Not a version of anything yet: made below.
                    *v = u32::MAX;
                }
            }
        }
        let header = self.cfg.loops.iter().find(|l| l.header == b);
        if let Some(l) = header {
            let written = self.memory.written_in(f, l);
            for (v, w) in versions.iter_mut().zip(written) {
                if w && !planted(Bug::LoopWrites) {
                    *v = u32::MAX;
                }
            }
        }
        for v in &mut versions {
            if *v == u32::MAX {
                *v = self.fresh();
            }
        }
        versions
    }

    /// What the only way to `b` tells.
    fn learn_from_branch(&mut self, f: &Func<'_>, b: BlockId) {
        let [from] = self.cfg.preds[b.n()][..] else {
            return;
        };
        if let Term::Branch { cond, yes, no, .. } = &f.blocks[from.n()].term
            && yes.block != no.block
        {
            let cond = self.rename.of(*cond);
            self.learn(f, cond, yes.block == b || planted(Bug::WrongArm));
        }
    }

    /// From here on `cond` is known.
    fn learn(&mut self, f: &Func<'_>, cond: V, is: bool) {
        let i = &f.insts[cond.n()];
        if i.op == Op::Bool {
            return;
        }
        self.facts.entry(cond).or_default().push((self.block, is));
        match i.op {
            Op::Not => self.learn(f, i.args[0], !is),
            Op::And if is => i.args.iter().for_each(|&a| self.learn(f, a, true)),
            Op::Or if !is => i.args.iter().for_each(|&a| self.learn(f, a, false)),
            _ => {}
        }
    }

    /// What is known of the condition `v` here.
    fn fact(&self, v: V) -> Option<bool> {
        let facts = self.facts.get(&v)?.iter().rev();
        let mut here = facts
            .filter(|(at, _)| planted(Bug::FactEverywhere) || self.cfg.dominates(*at, self.block));
        here.next().map(|(_, is)| *is)
    }

    /// What is known of a condition that isn't computed yet, or not.
    fn fact_of(&self, f: &Func<'_>, op: Op, imm: u64, args: &[V]) -> Option<bool> {
        let key = self.plain_key(f, op, Ty::Bool, imm, args);
        self.lookup(&key).and_then(|k| self.fact(k.value))
    }

    /// The key of something that depends on its arguments alone.
    fn plain_key(&self, f: &Func<'_>, op: Op, ty: Ty, imm: u64, args: &[V]) -> Key {
        let mut args: SmallVec<[V; 4]> = args.iter().map(|&a| root(f, a)).collect();
        if is_commutative(op) {
            args.sort();
        }
        Key {
            op,
            ty,
            imm,
            args,
            version: 0,
        }
    }

    /// The key of an instruction, and its class if it reads memory. `None`: no
    /// two are equal.
    fn key(&self, f: &Func<'_>, v: V) -> Option<(Key, Option<Class>)> {
        let i = &f.insts[v.n()];
        let info = i.op.info();
        if info.writes != 0 || (i.op.has_frame() && !i.op.is_guard()) || i.op == Op::Guard {
            return None;
        }
        let mut key = self.plain_key(f, i.op, i.ty, i.imm, i.args);
        let class = if info.reads == 0 {
            None
        } else {
            Some(self.memory.class(i)?)
        };
        if let Some(class) = class {
            key.version = self.versions[class.n()];
        }
        Some((key, class))
    }

    fn lookup(&self, key: &Key) -> Option<Known> {
        let known = self.values.get(key)?.iter().rev();
        let mut here = known.filter(|k| self.cfg.dominates(k.block, self.block));
        here.next().copied()
    }

    fn insert(&mut self, key: Key, class: Option<Class>, value: V, by: V) {
        if let Some(class) = class {
            let loads = self.loads.entry((class, key.version)).or_default();
            loads.push(key.clone());
        }
        let known = Known {
            value,
            by,
            block: self.block,
        };
        self.values.entry(key).or_default().push(known);
    }

    /// Looks at one instruction: whether it stays.
    fn inst(&mut self, f: &mut Func<'_>, v: V, before: &mut Vec<V>, cx: &mut Cx<'_>) -> bool {
        let first_new = before.len();
        let simple = simplify(f, v, before, &mut cx.stats.folded);
        self.number_new(f, before, first_new);
        self.rename.args(f, v);
        match simple {
            Simple::Is(other) => {
                self.rename.set(v, other);
                return false;
            }
            Simple::Holds => {
                cx.stats.guards_removed += 1;
                return false;
            }
            // Folding ends the block; until then the guard stays.
            Simple::Keep | Simple::Fails(_) => {}
        }
        if f.insts[v.n()].ty == Ty::Bool && self.decide(f, v) {
            cx.stats.folded += 1;
        }
        let i = f.insts[v.n()];
        match i.op {
            Op::Guard => {
                if self.fact(i.args[0]) == Some(true) {
                    cx.stats.guards_removed += 1;
                    return false;
                }
                self.learn(f, i.args[0], true);
                return true;
            }
            Op::GuardIs
                if self.fact_of(f, Op::Is, i.imm, i.args) == Some(true)
                    || (planted(Bug::ValuesOfOtherTags) && i.imm == 3) =>
            {
                cx.stats.guards_removed += 1;
                let inst = &mut f.insts[v.n()];
                inst.op = Op::Unbox;
                inst.imm = 0;
                inst.frame = None;
            }
            Op::GuardIndex if self.fact_of(f, Op::IUlt, 0, i.args) == Some(true) => {
                cx.stats.guards_removed += 1;
                self.rename.set(v, i.args[0]);
                return false;
            }
            _ => {}
        }
        if i.op.info().writes != 0 {
            self.write(f, v);
            return true;
        }
        let Some((key, class)) = self.key(f, v) else {
            return true;
        };
        if let Some(known) = self.lookup(&key) {
            return self.replace(f, v, known, cx);
        }
        if let Op::GuardIs = i.op {
            // Found out: whoever asks by a branch knows it, too.
            let unboxed = self.plain_key(f, Op::Unbox, i.ty, 0, i.args);
            self.insert(unboxed, None, v, v);
        }
        self.insert(key, class, v, v);
        true
    }

    /// Numbers the constants that were added to `before` from `first` on.
    fn number_new(&mut self, f: &Func<'_>, before: &mut Vec<V>, first: usize) {
        for v in before.split_off(first) {
            let i = &f.insts[v.n()];
            let key = self.plain_key(f, i.op, i.ty, i.imm, i.args);
            if let Some(known) = self.lookup(&key) {
                self.rename.set(v, known.value);
            } else {
                self.insert(key, None, v, v);
                before.push(v);
            }
        }
    }

    /// Replaces `v` by what is known: whether it stays in another form.
    fn replace(&mut self, f: &mut Func<'_>, v: V, known: Known, cx: &mut Cx<'_>) -> bool {
        let i = f.insts[v.n()];
        if i.op.is_guard() {
            cx.stats.guards_removed += 1;
        } else if i.op.info().reads != 0 {
            cx.stats.loads_forwarded += 1;
        } else {
            cx.stats.values_reused += 1;
        }
        let (have, want) = (f.ty(known.value), i.ty);
        if have == want {
            self.rename.set(v, known.value);
            return false;
        }
        // A load of a Lua value from where an unboxed one was stored.
        debug_assert!(want == Ty::Any, "only boxes are missing");
        let arena = f.arena;
        let inst = &mut f.insts[v.n()];
        inst.op = Op::Box;
        inst.imm = 0;
        inst.args = arena.alloc_slice_copy(&[known.value]);
        let key = self.plain_key(f, Op::Box, Ty::Any, 0, &[known.value]);
        if let Some(boxed) = self.lookup(&key) {
            self.rename.set(v, boxed.value);
            return false;
        }
        self.insert(key, None, v, v);
        true
    }

    /// Makes the condition `v` a constant if it is known: whether it is.
    fn decide(&mut self, f: &mut Func<'_>, v: V) -> bool {
        let i = f.insts[v.n()];
        let known = match i.op {
            Op::Bool => return false,
            Op::Is => self.tag_fact(f, i.args[0], i.imm),
            Op::Truthy => self.truth(f, i.args[0]),
            Op::ILt => self.fact_of(f, i.op, 0, i.args).or_else(|| {
                self.fact_of(f, Op::ILe, 0, &[i.args[1], i.args[0]])
                    .map(|b| !b)
            }),
            Op::ILe => self.fact_of(f, i.op, 0, i.args).or_else(|| {
                self.fact_of(f, Op::ILt, 0, &[i.args[1], i.args[0]])
                    .map(|b| !b)
            }),
            Op::IUlt => {
                let guarded = self.plain_key(f, Op::GuardIndex, Ty::Int, 0, i.args);
                let found = self.lookup(&guarded).map(|_| true);
                found.or_else(|| self.fact_of(f, i.op, 0, i.args))
            }
            _ if i.op.is_pure() => self.fact_of(f, i.op, i.imm, i.args),
            _ => None,
        };
        let Some(is) = known else { return false };
        let inst = &mut f.insts[v.n()];
        inst.op = Op::Bool;
        inst.args = &[];
        inst.imm = u64::from(is);
        true
    }

    /// Whether `v` is known to have this tag, or not to.
    fn tag_fact(&self, f: &Func<'_>, v: V, t: u64) -> Option<bool> {
        if let Some(is) = self.fact_of(f, Op::Is, t, &[v]) {
            return Some(is);
        }
        let falsy = t == u64::from(tag::NIL) || t == u64::from(tag::FALSE);
        if falsy && self.fact_of(f, Op::Truthy, 0, &[v]) == Some(true) {
            return Some(false);
        }
        for other in tag::NIL..=tag::THREAD {
            let guarded = Ty::of_tag(other).is_some_and(|ty| {
                let key = self.plain_key(f, Op::GuardIs, ty, u64::from(other), &[v]);
                self.lookup(&key).is_some()
            });
            if guarded || self.fact_of(f, Op::Is, u64::from(other), &[v]) == Some(true) {
                return Some(u64::from(other) == t);
            }
        }
        None
    }

    /// Whether `v` is known to be true.
    fn truth(&self, f: &Func<'_>, v: V) -> Option<bool> {
        if let Some(is) = self.fact_of(f, Op::Truthy, 0, &[v]) {
            return Some(is);
        }
        let is = |t: u8| self.tag_fact(f, v, u64::from(t));
        match (is(tag::NIL), is(tag::FALSE)) {
            (Some(false), Some(false)) => Some(true),
            (Some(true), _) | (_, Some(true)) => Some(false),
            _ => None,
        }
    }

    /// A write: new versions, and what is known of memory after it.
    fn write(&mut self, f: &Func<'_>, v: V) {
        let i = &f.insts[v.n()];
        let memory = self.memory;
        for class in memory.written(i) {
            let old = self.versions[class.n()];
            let new = if planted(Bug::LoadPastStore) {
                old
            } else {
                self.fresh()
            };
            self.versions[class.n()] = new;
            if !i.op.calls() {
                self.keep(f, v, class, old, new);
            }
        }
        let Some(class) = self.memory.class(i) else {
            return;
        };
        let version = self.versions[class.n()];
        let (op, ty, imm, of, value) = match (i.op, i.args) {
            (Op::SetField, &[t, x]) => (Op::Field, Ty::Any, i.imm, smallvec![root(f, t)], x),
            (Op::SlotStore, &[x]) => (Op::SlotLoad, Ty::Any, i.imm, smallvec![], x),
            (Op::CapturedStore, &[x]) => (Op::CapturedLoad, Ty::Any, i.imm, smallvec![], x),
            (Op::UpvalSet, &[p, x]) => (Op::UpvalGet, Ty::Any, 0, smallvec![p], x),
            (Op::SetEntry, &[p, x]) => (Op::Entry, Ty::Any, 0, smallvec![p], x),
            (Op::SetArrLen, &[t, n]) => (Op::ArrLen, Ty::Int, 0, smallvec![root(f, t)], n),
            (Op::StoreInt, &[p, n, x]) => (Op::LoadInt, Ty::Int, 0, smallvec![p, n], x),
            (Op::StoreFloat, &[p, n, x]) => (Op::LoadFloat, Ty::Float, 0, smallvec![p, n], x),
            (Op::StoreMixed, &[p, t, n, x]) => (Op::LoadMixed, Ty::Any, 0, smallvec![p, t, n], x),
            (Op::SetShape, &[t, s]) => {
                let guard = Key {
                    op: Op::GuardShape,
                    ty: Ty::Table,
                    imm: 0,
                    args: smallvec![root(f, t), s],
                    version,
                };
                self.insert(guard, Some(class), t, v);
                (Op::Shape, Ty::Ptr, 0, smallvec![root(f, t)], s)
            }
            _ => return,
        };
        let key = Key {
            op,
            ty,
            imm,
            args: of,
            version,
        };
        self.insert(key, Some(class), value, v);
    }

    /// What is known of the old version of a class and not touched by the
    /// store `v` holds for the new one.
    fn keep(&mut self, f: &Func<'_>, v: V, class: Class, old: u32, new: u32) {
        let Some(keys) = self.loads.get(&(class, old)) else {
            return;
        };
        let mut kept: SmallVec<[(Key, Known); 8]> = SmallVec::new();
        for key in keys {
            let Some(known) = self.lookup(key) else {
                continue;
            };
            if kept.iter().any(|(k, _)| k == key) || !self.memory.differ(f, self.cfg, known.by, v) {
                continue;
            }
            kept.push((key.clone(), known));
        }
        for (mut key, known) in kept {
            key.version = new;
            self.insert(key, Some(class), known.value, known.by);
        }
    }

    /// Decides the branch that ends `b`, if its condition is known.
    fn term(&mut self, f: &mut Func<'_>, b: BlockId, cx: &mut Cx<'_>) {
        let Term::Branch { cond, yes, no, .. } = &f.blocks[b.n()].term else {
            return;
        };
        if let Some(is) = self.fact(self.rename.of(*cond)) {
            cx.stats.branches_decided += 1;
            let way = if is { yes.clone() } else { no.clone() };
            f.blocks[b.n()].term = Term::Jump(way);
        }
    }
}
