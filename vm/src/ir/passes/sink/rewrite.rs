//! Takes objects apart: fields to values. See [the module above](super).

use super::{Layout, Objects, Site, Tables, tag_of, upvalues};
use crate::ir::cfg::Cfg;
use crate::ir::inst::AND_OTHERS;
use crate::ir::passes::rename::Rename;
use crate::ir::{BlockId, Frame, FrameId, Func, Held, Op, Sunk, SunkKind, Ty, V};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// An object at a point: its shape, and its fields' values by number.
#[derive(Clone)]
struct Parts {
    shape: u64,
    fields: BTreeMap<u64, V>,
}

type State = BTreeMap<V, Parts>;

/// A parameter for a field of an object.
struct Join {
    object: V,
    field: u64,
}

struct Rewrite<'r> {
    objects: &'r Objects,
    tables: Tables<'r>,
    rename: Rename,
    /// Where each block ends.
    after: Vec<State>,
    /// The parameters that were added to each block.
    joins: Vec<Vec<Join>>,
}

/// Rewrites `f` without the objects.
pub(super) fn rewrite(f: &mut Func<'_>, cfg: &Cfg, objects: &Objects, tables: Tables<'_>) {
    let n = f.blocks.len();
    let mut r = Rewrite {
        objects,
        tables,
        rename: Rename::default(),
        after: vec![State::new(); n],
        joins: (0..n).map(|_| Vec::new()).collect(),
    };
    for &b in &cfg.order {
        let mut here = r.beginning(f, cfg, b);
        if let Some(entry) = f.blocks[b.n()].entry {
            let entry = r.frame(f, entry, &here);
            f.blocks[b.n()].entry = Some(entry);
        }
        let insts: Vec<V> = f.blocks[b.n()].insts.iter().copied().collect();
        let mut kept = Vec::with_capacity(insts.len());
        for v in insts {
            if r.inst(f, v, &mut here) {
                kept.push(v);
            }
        }
        f.blocks[b.n()].insts.clear();
        f.blocks[b.n()].insts.extend(kept);
        if let Some(frame) = f.blocks[b.n()].term.frame() {
            let frame = r.frame(f, frame, &here);
            f.blocks[b.n()].term.set_frame(frame);
        }
        r.after[b.n()] = here;
    }
    for &b in &cfg.order {
        r.edges(f, b);
    }
    for &b in &cfg.order {
        let gone = |p: &V| objects.site.contains_key(p);
        f.blocks[b.n()].params.retain(|p| !gone(p));
    }
    r.rename.apply(f);
}

impl Rewrite<'_> {
    /// The objects where a block begins; it gets parameters for their fields,
    /// if there are several ways to it.
    fn beginning(&mut self, f: &mut Func<'_>, cfg: &Cfg, b: BlockId) -> State {
        let layouts: Vec<(V, Layout)> = self.objects.layouts[b.n()]
            .iter()
            .filter(|(o, _)| self.objects.site.contains_key(*o))
            .map(|(o, l)| (*o, l.clone()))
            .collect();
        let mut here = State::new();
        for (object, layout) in layouts {
            let parts = if let [from] = cfg.preds[b.n()][..] {
                let outer = self.source(f, from, 0, b, object);
                self.after[from.n()].get(&outer).cloned()
            } else {
                let mut fields = BTreeMap::new();
                for field in layout.fields {
                    let p = f.param(b, Ty::Any);
                    fields.insert(field, p);
                    self.joins[b.n()].push(Join { object, field });
                }
                let shape = layout.shape;
                Some(Parts { shape, fields })
            };
            here.extend(parts.map(|parts| (object, parts)));
        }
        here
    }

    /// What the object of block `to` is called in `from`: what is passed to it,
    /// or the same. `skip`: how many targets of `from` to pass over that lead
    /// to `to`.
    fn source(&self, f: &Func<'_>, from: BlockId, skip: usize, to: BlockId, o: V) -> V {
        let at = f.blocks[to.n()].params.iter().position(|&p| p == o);
        let targets = f.targets(from);
        let mut ways = targets.iter().filter(|t| t.block == to);
        match (at, ways.nth(skip)) {
            (Some(n), Some(t)) => self.objects.of(f, t.args[n]).unwrap_or(o),
            _ => o,
        }
    }

    /// Rewrites an instruction: whether it stays.
    fn inst(&mut self, f: &mut Func<'_>, v: V, here: &mut State) -> bool {
        self.rename.args(f, v);
        let i = f.insts[v.n()];
        if self.objects.site.contains_key(&v) {
            let shape = self.tables.root;
            let mut fields = BTreeMap::new();
            if i.op == Op::NewCell {
                fields.insert(0, i.args[0]);
            }
            here.insert(v, Parts { shape, fields });
            return false;
        }
        match i.op {
            Op::CloseCells => return self.close_cells(f, v),
            // Of a closure that is allocated, all upvalues are.
            Op::NewClosure => return true,
            _ => {}
        }
        if i.op == Op::Same {
            // At each point an object has one name, and nothing else is one.
            let [x, y] = [0, 1].map(|n| self.objects.of(f, i.args[n]));
            if x.is_none() && y.is_none() {
                return true;
            }
            let inst = &mut f.insts[v.n()];
            inst.op = Op::Bool;
            inst.args = &[];
            inst.imm = u64::from(x == y);
            return true;
        }
        let object = i.args.first().and_then(|&a| self.objects.of(f, a));
        let Some(o) = object else {
            if let Some(frame) = i.frame {
                f.insts[v.n()].frame = Some(self.frame(f, frame, here));
            }
            return true;
        };
        let Some(parts) = here.get_mut(&o) else {
            return false;
        };
        let tag = tag_of(f, o);
        let constant = |f: &mut Func<'_>, op: Op, imm: u64| {
            let inst = &mut f.insts[v.n()];
            inst.op = op;
            inst.args = &[];
            inst.imm = imm;
            true
        };
        match i.op {
            Op::SetField | Op::UpvalSet => {
                parts.fields.insert(i.imm, i.args[1]);
                false
            }
            Op::ProtoOf => {
                self.rename.set(v, f.insts[o.n()].args[0]);
                false
            }
            Op::SetShape => {
                parts.shape = f.insts[i.args[1].n()].imm;
                false
            }
            Op::Field | Op::UpvalGet | Op::UpvalFixed => match parts.fields.get(&i.imm).copied() {
                Some(x) if f.ty(x) == Ty::Any => {
                    self.rename.set(v, x);
                    false
                }
                Some(x) => {
                    let args = f.arena.alloc_slice_copy(&[x]);
                    let inst = &mut f.insts[v.n()];
                    inst.op = Op::Box;
                    inst.imm = 0;
                    inst.args = args;
                    true
                }
                None => false,
            },
            Op::Shape => {
                let shape = parts.shape;
                constant(f, Op::Object, shape)
            }
            // There is always room, and nothing is special about it.
            Op::FieldRoom => constant(f, Op::Int, i64::MAX as u64),
            Op::Flags | Op::ArrLen => constant(f, Op::Int, 0),
            Op::Is => constant(f, Op::Bool, u64::from(i.imm == u64::from(tag))),
            Op::TagIn => constant(f, Op::Bool, i.imm >> tag & 1),
            Op::Truthy | Op::IsGc => constant(f, Op::Bool, 1),
            // Barriers, and other forms of the object.
            _ => false,
        }
    }

    /// Closes what is left to be closed: whether there is something.
    fn close_cells(&self, f: &mut Func<'_>, v: V) -> bool {
        let i = f.insts[v.n()];
        let left = i.args.iter().filter(|a| self.objects.of(f, **a).is_none());
        let left: SmallVec<[V; 4]> = left.copied().collect();
        f.insts[v.n()].args = f.arena.alloc_slice_copy(&left);
        !left.is_empty() || i.imm & AND_OTHERS != 0
    }

    /// The frame state with objects instead of their names' values.
    fn frame(&self, f: &mut Func<'_>, id: FrameId, here: &State) -> FrameId {
        let named = self.objects.named(f, id);
        if named.is_empty() {
            return id;
        }
        let mut list: SmallVec<[Sunk<'_>; 4]> = SmallVec::from_slice(f.frames[id.n()].sunk);
        for o in named {
            let (Some(parts), Some(site)) = (here.get(&o), self.objects.site.get(&o)) else {
                continue;
            };
            let values = parts.fields.iter();
            let mut parts_of: SmallVec<[(u64, Held); 8]> =
                values.map(|(&n, &v)| (n, Held::Value(v))).collect();
            let kind = match *site {
                Site::Table { func, pc } => SunkKind::Table {
                    func,
                    pc,
                    shape: parts.shape,
                },
                Site::Closure { func, child } => {
                    let ups = (0..).zip(upvalues(f, o));
                    let held = |&up: &V| self.objects.held(f, Held::Value(self.rename.of(up)));
                    parts_of = ups.map(|(n, up)| (n, held(up))).collect();
                    SunkKind::Closure { func, child }
                }
                Site::Cell => SunkKind::Cell,
            };
            list.push(Sunk {
                name: o,
                kind,
                parts: f.arena.alloc_slice_copy(&parts_of),
            });
        }
        let list = f.arena.alloc_slice_copy(&list);
        let new = self.frame_with(f, id);
        let frame = Frame {
            sunk: list,
            ..f.frames[new.n()]
        };
        f.add_frame(frame)
    }

    /// The frame state and its parents, with objects in registers.
    fn frame_with(&self, f: &mut Func<'_>, id: FrameId) -> FrameId {
        let old = f.frames[id.n()];
        let parent = old.parent.map(|p| self.frame_with(f, p));
        let regs: SmallVec<[(u8, Held); 16]> = old
            .regs
            .iter()
            .map(|&(r, held)| (r, self.objects.held(f, held)))
            .collect();
        let regs = f.arena.alloc_slice_copy(&regs);
        let closure = old.closure.map(|c| self.objects.held(f, c));
        let extras: SmallVec<[Held; 4]> = old
            .extras
            .iter()
            .map(|&e| self.objects.held(f, e))
            .collect();
        let extras = f.arena.alloc_slice_copy(&extras);
        f.add_frame(Frame {
            parent,
            closure,
            extras,
            regs,
            ..old
        })
    }

    /// Passes fields along the ways out of a block, and objects no more.
    fn edges(&mut self, f: &mut Func<'_>, b: BlockId) {
        let mut term = f.blocks[b.n()].term.clone();
        let mut seen: SmallVec<[BlockId; 2]> = SmallVec::new();
        for t in term.targets_mut() {
            let skip = seen.iter().filter(|s| **s == t.block).count();
            seen.push(t.block);
            let params: SmallVec<[V; 8]> = f.blocks[t.block.n()].params.iter().copied().collect();
            let mut n = 0;
            let gone = |p: &V| self.objects.site.contains_key(p);
            t.args.retain(|_| {
                n += 1;
                !gone(&params[n - 1])
            });
            for k in 0..self.joins[t.block.n()].len() {
                let Join { object, field } = self.joins[t.block.n()][k];
                let from = self.source(f, b, skip, t.block, object);
                let parts = self.after[b.n()].get(&from);
                let Some(&v) = parts.and_then(|p| p.fields.get(&field)) else {
                    continue;
                };
                let v = self.rename.of(v);
                let v = if f.ty(v) == Ty::Any {
                    v
                } else {
                    let boxed = f.inst(Op::Box, Ty::Any, &[v], 0, None);
                    f.blocks[b.n()].insts.push(boxed);
                    boxed
                };
                t.args.push(v);
            }
        }
        f.blocks[b.n()].term = term;
    }
}
