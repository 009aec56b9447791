//! Which objects can be sunk. See [the module above](super).

use super::{Layout, Objects, Site, Tables, base, frame_values, tag_of, upvalues};
use crate::ir::cfg::{Cfg, Loop, LoopId};
use crate::ir::passes::loops::passed;
use crate::ir::{BlockId, FrameId, Func, Held, Op, Term, Ty, V};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use strata_runtime::audit::{Bug, planted};

/// The objects that can be sunk, if there are any.
pub(super) fn find(f: &Func<'_>, cfg: &Cfg, tables: Tables<'_>) -> Option<Objects> {
    let mut e = Escape {
        f,
        cfg,
        tables,
        group: FxHashMap::default(),
        gone: FxHashSet::default(),
        sites: FxHashMap::default(),
        first: true,
    };
    e.candidates();
    e.uses();
    // Each round has fewer candidates.
    loop {
        let before = e.gone.len();
        e.captured();
        let live = e.liveness();
        e.passing(&live);
        let layouts = e.layouts(&live);
        if e.gone.len() == before {
            return e.objects(layouts);
        }
    }
}

/// Loops that carry what could be an object but for what it is in the first
/// iteration.
pub(super) fn but_for_the_first(f: &Func<'_>, cfg: &Cfg) -> Vec<LoopId> {
    let none = |_, _, _, _| false;
    let tables = Tables {
        root: 0,
        sinkable: &none,
    };
    let mut e = Escape {
        f,
        cfg,
        tables,
        group: FxHashMap::default(),
        gone: FxHashSet::default(),
        sites: FxHashMap::default(),
        first: false,
    };
    e.candidates();
    e.uses();
    loop {
        let before = e.gone.len();
        e.captured();
        let live = e.liveness();
        e.passing(&live);
        if e.gone.len() == before {
            break;
        }
    }
    let carries = |l: &Loop| {
        let insts = l.blocks.iter().flat_map(|b| f.blocks[b.n()].insts.iter());
        let made = insts.filter(|v| f.insts[v.n()].op == Op::NewTable);
        let made: FxHashSet<V> = made
            .filter_map(|&v| e.of(v))
            .map(|v| e.group_of(v))
            .collect();
        let mut params = f.blocks[l.header.n()].params.iter();
        params.any(|&p| {
            e.of(p).is_some()
                && made.contains(&e.group_of(p))
                && matches!(e.rounds(l, p, &mut SmallVec::new()), Some(1..))
        })
    };
    let ids = (0..cfg.loops.len()).map(|n| LoopId(n as u32));
    ids.filter(|&id| carries(cfg.the(id))).collect()
}

struct Escape<'e, 'a> {
    f: &'e Func<'a>,
    cfg: &'e Cfg,
    tables: Tables<'e>,
    /// Candidates, and another one of their group: itself, if it stands for
    /// the group.
    group: FxHashMap<V, V>,
    /// Groups that are not sunk.
    gone: FxHashSet<V>,
    /// The site of one table of each group.
    sites: FxHashMap<V, Site>,
    /// What loops get from outside counts. If not, parameters of their headers
    /// may be anything there.
    first: bool,
}

/// For each object, the blocks at whose beginning it is yet to be used.
type Live = FxHashMap<V, FxHashSet<BlockId>>;

impl Escape<'_, '_> {
    fn group_of(&self, mut v: V) -> V {
        while let Some(&next) = self.group.get(&v)
            && next != v
        {
            v = next;
        }
        v
    }

    /// `v` is a form of this candidate.
    fn of(&self, v: V) -> Option<V> {
        let v = base(self.f, v);
        let known = self.group.contains_key(&v);
        (known && !self.gone.contains(&self.group_of(v))).then_some(v)
    }

    /// The group of what `v` is a form of is not sunk.
    fn reject(&mut self, v: V) {
        if let Some(o) = self.of(v) {
            self.gone.insert(self.group_of(o));
        }
    }

    /// After how many iterations of the loop the value `v` of it is an object in
    /// each; `None`: that is not certain.
    fn rounds(&self, l: &Loop, v: V, seen: &mut SmallVec<[V; 8]>) -> Option<u32> {
        let v = base(self.f, v);
        let head = &self.f.blocks[l.header.n()].params;
        if let Some(n) = head.iter().position(|&p| p == v) {
            let outside = self.cfg.preds[l.header.n()].iter();
            let mut first = outside
                .filter(|p| !l.blocks.contains(p))
                .filter_map(|&from| passed(self.f, from, l.header));
            if first.all(|args| self.group.contains_key(&base(self.f, args[n]))) {
                return Some(0);
            }
            // What was there before may be there for ever.
            if seen.contains(&v) {
                return None;
            }
            seen.push(v);
            let around = self.passed(l.header, n).into_iter();
            let most = around
                .map(|a| self.rounds(l, a, seen))
                .try_fold(0, |n, r| Some(r?.max(n)));
            seen.pop();
            return Some(most? + 1);
        }
        let mut blocks = l.blocks.iter();
        let place = blocks.find_map(|&b| {
            let params = &self.f.blocks[b.n()].params;
            params.iter().position(|&p| p == v).map(|n| (b, n))
        });
        let Some((b, n)) = place else {
            // A new table, or an object from outside.
            return self.group.contains_key(&v).then_some(0);
        };
        if seen.contains(&v) {
            return None;
        }
        seen.push(v);
        let ways = self.passed(b, n).into_iter();
        let most = ways
            .map(|a| self.rounds(l, a, seen))
            .try_fold(0, |n, r| Some(r?.max(n)));
        seen.pop();
        most
    }

    /// What is passed to a parameter, on all ways.
    fn passed(&self, b: BlockId, n: usize) -> SmallVec<[V; 4]> {
        let mut passed = SmallVec::new();
        let from_outside = |p: BlockId| {
            let headed = self.cfg.loops.iter().find(|l| l.header == b);
            headed.is_some_and(|l| !l.latches.contains(&p))
        };
        for &p in dedup(&self.cfg.preds[b.n()]).iter() {
            if !self.first && from_outside(p) {
                continue;
            }
            for t in self.f.targets(p) {
                if t.block == b {
                    passed.push(t.args[n]);
                }
            }
        }
        passed
    }

    /// Fills in the groups: new objects, and parameters that get tables only.
    fn candidates(&mut self) {
        let f = self.f;
        let mut params: Vec<(V, BlockId, usize)> = Vec::new();
        for &b in &self.cfg.order {
            let block = &f.blocks[b.n()];
            for &v in &block.insts {
                if matches!(
                    f.insts[v.n()].op,
                    Op::NewTable | Op::NewClosure | Op::NewCell
                ) {
                    self.group.insert(v, v);
                }
            }
            if b != BlockId::ENTRY {
                for (n, &p) in block.params.iter().enumerate() {
                    if matches!(f.ty(p), Ty::Any | Ty::Table) {
                        params.push((p, b, n));
                        self.group.insert(p, p);
                    }
                }
            }
        }
        // What gets something else is none; the greatest such set is left.
        let mut changed = true;
        while changed {
            changed = false;
            params.retain(|&(p, b, n)| {
                let passed = self.passed(b, n);
                let table = |v: V| {
                    let op = f.insts[v.n()].op;
                    self.group.contains_key(&v) && matches!(op, Op::NewTable | Op::Param)
                };
                let fine = passed.iter().all(|&v| table(base(f, v)));
                if !fine {
                    self.group.remove(&p);
                    changed = true;
                }
                fine
            });
        }
        for (p, b, n) in params {
            for v in self.passed(b, n) {
                let (x, y) = (self.group_of(p), self.group_of(base(f, v)));
                self.group.insert(x, y);
            }
        }
        for &b in &self.cfg.order {
            for &v in &f.blocks[b.n()].insts {
                let i = &f.insts[v.n()];
                let site = match (i.op, i.frame) {
                    (Op::NewTable, Some(frame)) => Site::Table {
                        func: f.frames[frame.n()].func,
                        pc: i.imm as u32,
                    },
                    (Op::NewClosure, _) => Site::Closure {
                        func: (i.imm >> 32) as u32,
                        child: i.imm as u32,
                    },
                    (Op::NewCell, _) => Site::Cell,
                    _ => continue,
                };
                let group = self.group_of(v);
                self.sites.entry(group).or_insert(site);
            }
        }
    }

    /// Rejects the upvalues of closures that are not sunk.
    fn captured(&mut self) {
        let closures = self.group.keys().filter(|v| self.of(**v).is_none());
        let closures: Vec<V> = closures.copied().collect();
        for v in closures {
            upvalues(self.f, v).iter().for_each(|&up| self.reject(up));
        }
    }

    /// Rejects what is used in another way than as a table with fields, a closure
    /// that is called, or an upvalue of those.
    fn uses(&mut self) {
        let f = self.f;
        for &b in &self.cfg.order {
            let block = &f.blocks[b.n()];
            for &v in &block.insts {
                let i = &f.insts[v.n()];
                for (n, &a) in i.args.iter().enumerate() {
                    let fine = match i.op {
                        Op::GuardShape
                        | Op::Shape
                        | Op::SetShape
                        | Op::Field
                        | Op::SetField
                        | Op::FieldRoom
                        | Op::Flags
                        | Op::ArrLen
                        | Op::UpvalSet
                        | Op::Barrier => n == 0 || planted(Bug::StoredEscapes),
                        Op::Box | Op::Is | Op::TagIn | Op::Truthy | Op::IsGc | Op::Same => true,
                        Op::UpvalGet | Op::UpvalFixed | Op::ProtoOf | Op::CloseCells => true,
                        Op::NewClosure => n > 0,
                        Op::GuardIs | Op::Unbox => {
                            i.ty.tag() == Some(tag_of(f, self.of(a).unwrap_or(a)))
                        }
                        _ => false,
                    };
                    if !fine {
                        self.reject(a);
                    }
                }
                // Steps and calls find registers in their slots.
                if let Some(frame) = i.frame
                    && !(i.op.is_guard()
                        || matches!(i.op, Op::Poll | Op::PollRounds | Op::NewTable))
                {
                    frame_values(f, frame, &mut |v| self.reject(v));
                }
                self.inside_sunk(i.frame);
            }
            self.inside_sunk(block.entry);
            self.inside_sunk(block.term.frame());
            match &block.term {
                Term::Return { .. } if planted(Bug::ReturnedEscapes) => {}
                Term::Return { values, .. } => values.iter().for_each(|&v| self.reject(v)),
                Term::Leave { frame } => frame_values(f, *frame, &mut |v| self.reject(v)),
                _ => {}
            }
            for t in f.targets(b) {
                for (&p, &a) in f.blocks[t.block.n()].params.iter().zip(&t.args) {
                    if !self.group.contains_key(&p) {
                        self.reject(a);
                    }
                }
            }
        }
    }

    /// Rejects what is in objects that were sunk before: frame states have values
    /// there, not objects.
    fn inside_sunk(&mut self, frame: Option<FrameId>) {
        let sunk = frame.map_or(&[][..], |id| self.f.frames[id.n()].sunk);
        for (_, held) in sunk.iter().flat_map(|s| s.parts) {
            if let Held::Value(v) = held {
                self.reject(*v);
            }
        }
    }

    /// The block that defines an object.
    fn homes(&self) -> FxHashMap<V, BlockId> {
        let mut homes = FxHashMap::default();
        for &b in &self.cfg.order {
            let block = &self.f.blocks[b.n()];
            for &v in block.params.iter().chain(block.insts.iter()) {
                if self.group.contains_key(&v) {
                    homes.insert(v, b);
                }
            }
        }
        homes
    }

    fn liveness(&self) -> Live {
        let f = self.f;
        let homes = self.homes();
        let mut live: Live = FxHashMap::default();
        for &b in &self.cfg.order {
            let mut used: FxHashSet<V> = FxHashSet::default();
            let mut note = |v: V| {
                if let Some(o) = self.of(v) {
                    used.insert(o);
                    used.extend(upvalues(f, o).iter().filter_map(|&up| self.of(up)));
                }
            };
            let block = &f.blocks[b.n()];
            let mut frames: Vec<FrameId> = Vec::new();
            for &v in &block.insts {
                let i = &f.insts[v.n()];
                i.args.iter().for_each(|&a| note(a));
                frames.extend(i.frame);
            }
            block.term.uses(&mut note);
            frames.extend(block.entry);
            frames.extend(block.term.frame());
            frames.dedup();
            for frame in frames {
                frame_values(f, frame, &mut note);
            }
            for o in used {
                let blocks = live.entry(o).or_default();
                let mut work = vec![b];
                while let Some(at) = work.pop() {
                    if homes.get(&o) != Some(&at) && blocks.insert(at) {
                        work.extend(self.cfg.preds[at.n()].iter().copied());
                    }
                }
            }
        }
        live
    }

    /// Rejects objects that have two names after they were passed on.
    fn passing(&mut self, live: &Live) {
        let f = self.f;
        for &b in &self.cfg.order {
            for t in f.targets(b) {
                let mut seen: SmallVec<[V; 4]> = SmallVec::new();
                let params = &f.blocks[t.block.n()].params;
                for (&p, &a) in params.iter().zip(&t.args) {
                    let (Some(_), Some(o)) = (self.of(p), self.of(a)) else {
                        continue;
                    };
                    let still_used = live.get(&o).is_some_and(|l| l.contains(&t.block));
                    if still_used || seen.contains(&o) {
                        self.reject(o);
                    }
                    seen.push(o);
                }
            }
        }
    }

    /// Layouts where blocks begin; rejects objects whose layout isn't known.
    fn layouts(&mut self, live: &Live) -> Vec<BTreeMap<V, Layout>> {
        let f = self.f;
        let n = f.blocks.len();
        let mut before: Vec<BTreeMap<V, Layout>> = vec![BTreeMap::new(); n];
        let mut after: Vec<Option<BTreeMap<V, Layout>>> = vec![None; n];
        for &b in &self.cfg.order {
            let mut here: BTreeMap<V, Layout> = BTreeMap::new();
            for &from in dedup(&self.cfg.preds[b.n()]).iter() {
                if let Some(out) = &after[from.n()] {
                    for (o, layout) in self.incoming(live, from, b, out) {
                        if *here.entry(o).or_insert_with(|| layout.clone()) != layout {
                            self.reject(o);
                        }
                    }
                }
            }
            before[b.n()] = here.clone();
            self.block(b, &mut here);
            after[b.n()] = Some(here);
        }
        // Around loops it must be what it was.
        for &b in &self.cfg.order {
            for &from in dedup(&self.cfg.preds[b.n()]).iter() {
                let Some(out) = &after[from.n()] else {
                    continue;
                };
                for (o, layout) in self.incoming(live, from, b, out) {
                    if before[b.n()].get(&o) != Some(&layout) {
                        self.reject(o);
                    }
                }
            }
        }
        before
    }

    /// What is known of objects on the way from one block to another.
    fn incoming(
        &self,
        live: &Live,
        from: BlockId,
        to: BlockId,
        out: &BTreeMap<V, Layout>,
    ) -> Vec<(V, Layout)> {
        let mut found = Vec::new();
        for (&o, layout) in out {
            if live.get(&o).is_some_and(|l| l.contains(&to)) {
                found.push((o, layout.clone()));
            }
        }
        for t in self.f.targets(from) {
            if t.block != to {
                continue;
            }
            for (&p, &a) in self.f.blocks[to.n()].params.iter().zip(&t.args) {
                if let (Some(p), Some(o)) = (self.of(p), self.of(a))
                    && let Some(layout) = out.get(&o)
                {
                    found.push((p, layout.clone()));
                }
            }
        }
        found
    }

    /// Follows layouts through a block.
    fn block(&mut self, b: BlockId, here: &mut BTreeMap<V, Layout>) {
        let f = self.f;
        let object = |v: V| {
            let i = &f.insts[v.n()];
            (i.op == Op::Object).then_some(i.imm)
        };
        if let Some(entry) = f.blocks[b.n()].entry {
            self.told(entry, here);
        }
        for &v in &f.blocks[b.n()].insts {
            let i = &f.insts[v.n()];
            if self.group.contains_key(&v) && self.of(v).is_some() {
                let mut fields = BTreeSet::new();
                if i.op == Op::NewCell {
                    fields.insert(0);
                }
                let shape = self.tables.root;
                here.insert(v, Layout { shape, fields });
                continue;
            }
            if let Some(frame) = i.frame {
                self.told(frame, here);
            }
            let Some(o) = i.args.first().and_then(|&a| self.of(a)) else {
                continue;
            };
            let Some(layout) = here.get_mut(&o) else {
                self.reject(o);
                continue;
            };
            let fine = match i.op {
                Op::GuardShape => object(i.args[1]) == Some(layout.shape),
                Op::SetShape => {
                    let to = object(i.args[1]);
                    layout.shape = to.unwrap_or(layout.shape);
                    to.is_some()
                }
                Op::SetField => {
                    layout.fields.insert(i.imm);
                    true
                }
                Op::Field => layout.fields.contains(&i.imm),
                _ => true,
            };
            if !fine {
                self.reject(o);
            }
        }
        if let Some(frame) = f.blocks[b.n()].term.frame() {
            self.told(frame, here);
        }
    }

    /// Rejects objects of a frame state that frame maps can't tell.
    fn told(&mut self, frame: FrameId, here: &BTreeMap<V, Layout>) {
        let mut named: SmallVec<[V; 4]> = SmallVec::new();
        frame_values(self.f, frame, &mut |v| {
            if let Some(o) = self.of(v) {
                named.push(o);
                named.extend(upvalues(self.f, o).iter().filter_map(|&up| self.of(up)));
            }
        });
        for o in named {
            let site = self.sites.get(&self.group_of(o)).copied();
            let fine = match (here.get(&o), site) {
                (Some(l), Some(Site::Table { func, pc })) => {
                    (self.tables.sinkable)(func, pc, l.shape, l.fields.len())
                }
                (Some(_), Some(_)) => true,
                _ => false,
            };
            if !fine {
                self.reject(o);
            }
        }
    }

    fn objects(&self, layouts: Vec<BTreeMap<V, Layout>>) -> Option<Objects> {
        let left = self.group.keys().copied().filter(|&v| self.of(v).is_some());
        let site: FxHashMap<V, Site> = left
            .filter_map(|v| Some((v, *self.sites.get(&self.group_of(v))?)))
            .collect();
        let mut made: Vec<V> = site.keys().copied().collect();
        made.retain(|v| self.f.insts[v.n()].op != Op::Param);
        made.sort();
        (!made.is_empty()).then_some(Objects {
            made,
            site,
            layouts,
        })
    }
}

/// The different ones of these blocks.
fn dedup(blocks: &[BlockId]) -> SmallVec<[BlockId; 4]> {
    let mut all: SmallVec<[BlockId; 4]> = SmallVec::from_slice(blocks);
    all.sort();
    all.dedup();
    all
}
