//! What instructions read and write, finer than by region.
//!
//! A **class** is a part of memory: a region of the instruction table, or a
//! part of one that other instructions reach: field 3 of whatever table, VM slot
//! 5, the lengths of array parts. What is in different classes does not
//! overlap. Within a class, two places are different if their addresses are
//! known to be ([`Memory::differ`]): a new table is none of the values there
//! were before it, and two indices at different distances of one value are not
//! the same.
//!
//! A table is known by its **root**: guards for shape and kind return the
//! table they were given.

use crate::ir::cfg::{Cfg, Loop};
use crate::ir::inst::regions;
use crate::ir::{BlockId, Func, Inst, Op, Ty, V};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use strata_runtime::audit::{Bug, planted};

/// A part of memory by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Class(pub u32);

impl Class {
    /// As an index.
    pub(super) fn n(self) -> usize {
        self.0 as usize
    }
}

/// The classes of a function.
pub(super) struct Memory {
    /// Class by region and what of it.
    numbers: FxHashMap<(u16, u64), Class>,
    /// Region by class.
    regions: Vec<u16>,
    /// The block of each value.
    home: Vec<Option<BlockId>>,
    /// Position of each value in its block.
    place: Vec<u32>,
}

/// Parts of regions that are no field, slot or instruction.
const ROOM: u64 = u64::MAX;
const STRUCTURE: u64 = u64::MAX;
const STRING: u64 = u64::MAX;

/// What of which region an instruction reads.
fn read_of(i: &Inst<'_>) -> Option<(u16, u64)> {
    Some(match i.op {
        Op::Field | Op::SetField => (regions::FIELDS, i.imm),
        Op::FieldRoom => (regions::FIELDS, ROOM),
        Op::SlotLoad | Op::SlotStore => (regions::SLOTS, i.imm),
        Op::GuardKind => (regions::ARRAYS, Op::ArrKind as u64),
        Op::SetArrLen => (regions::ARRAYS, Op::ArrLen as u64),
        Op::GuardEntry | Op::HashSlot => (regions::HASHES, STRUCTURE),
        Op::StrData => (regions::HEAP, STRING),
        Op::CallHost | Op::Call | Op::CallTyped | Op::TailCall | Op::Step | Op::StepTest => {
            return None;
        }
        op => match (op.info().reads, op.info().writes) {
            (regions::ARRAYS, _) => (regions::ARRAYS, op as u64),
            (0, 0) => return None,
            (0, w) => (w, 0),
            (r, _) => (r, 0),
        },
    })
}

impl Memory {
    /// The classes of what can be reached of `f`.
    pub(super) fn of(f: &Func<'_>, cfg: &Cfg) -> Memory {
        let mut m = Memory {
            numbers: FxHashMap::default(),
            regions: Vec::new(),
            home: vec![None; f.insts.len()],
            place: vec![0; f.insts.len()],
        };
        for &b in &cfg.order {
            let block = &f.blocks[b.n()];
            let values = block.params.iter().chain(block.insts.iter());
            for (n, &v) in values.enumerate() {
                m.home[v.n()] = Some(b);
                m.place[v.n()] = n as u32;
                if let Some(part) = read_of(&f.insts[v.n()]) {
                    let next = Class(m.regions.len() as u32);
                    if *m.numbers.entry(part).or_insert(next) == next {
                        m.regions.push(part.0);
                    }
                }
            }
        }
        m
    }

    /// How many classes there are.
    pub(super) fn count(&self) -> usize {
        self.regions.len()
    }

    /// The class in which a load, a guard or a store finds its place.
    pub(super) fn class(&self, i: &Inst<'_>) -> Option<Class> {
        read_of(i).and_then(|part| self.numbers.get(&part).copied())
    }

    /// The classes that an instruction writes.
    pub(super) fn written(&self, i: &Inst<'_>) -> SmallVec<[Class; 4]> {
        let writes = i.op.info().writes;
        let one = matches!(
            i.op,
            Op::SetField
                | Op::SlotStore
                | Op::SetArrLen
                | Op::SetShape
                | Op::SetEntry
                | Op::Barrier
                | Op::BarrierElem
                | Op::NewTable
                | Op::NewClosure
                | Op::NewCell
                | Op::OpenCell
                | Op::KeepCell
                | Op::CloseCells
        );
        if one {
            return self.class(i).into_iter().collect();
        }
        let all = self.regions.iter().enumerate();
        all.filter(|(_, region)| **region & writes != 0)
            .map(|(n, _)| Class(n as u32))
            .collect()
    }

    /// For each class, whether something in the loop writes it.
    pub(super) fn written_in(&self, f: &Func<'_>, l: &Loop) -> Vec<bool> {
        let mut written = vec![false; self.count()];
        for b in &l.blocks {
            for v in &f.blocks[b.n()].insts {
                for class in self.written(&f.insts[v.n()]) {
                    written[class.n()] = true;
                }
            }
        }
        written
    }

    /// The addresses of two instructions of one class are never the same.
    pub(super) fn differ(&self, f: &Func<'_>, cfg: &Cfg, a: V, b: V) -> bool {
        let (x, y) = (&f.insts[a.n()], &f.insts[b.n()]);
        match x.op {
            Op::CapturedLoad | Op::CapturedStore => {
                matches!(y.op, Op::CapturedLoad | Op::CapturedStore) && x.imm != y.imm
            }
            Op::UpvalGet | Op::UpvalSet => {
                // Each of these makes one of its own.
                let new = |v: V| f.insts[v.n()].op == Op::NewCell;
                let both = matches!(y.op, Op::UpvalGet | Op::UpvalSet);
                both && x.args[0] != y.args[0] && new(x.args[0]) && new(y.args[0])
            }
            // Others that write elements may write any.
            Op::LoadInt | Op::LoadFloat | Op::StoreInt | Op::StoreFloat => {
                let one = matches!(
                    y.op,
                    Op::LoadInt | Op::LoadFloat | Op::StoreInt | Op::StoreFloat
                );
                one && self.elements_differ(f, cfg, x.args[0], x.args[1], y.args[0], y.args[1])
            }
            Op::LoadMixed | Op::StoreMixed => {
                let one = matches!(y.op, Op::LoadMixed | Op::StoreMixed);
                one && self.elements_differ(f, cfg, x.args[0], x.args[2], y.args[0], y.args[2])
            }
            _ if of_table(x.op) && of_table(y.op) => {
                self.tables_differ(f, cfg, x.args[0], y.args[0])
            }
            _ => false,
        }
    }

    fn elements_differ(&self, f: &Func<'_>, cfg: &Cfg, p: V, i: V, q: V, j: V) -> bool {
        if p == q {
            let (a, by_a) = distance(f, i);
            let (b, by_b) = distance(f, j);
            return planted(Bug::ElementsDiffer) && i != j || a == b && by_a != by_b;
        }
        let (x, y) = (&f.insts[p.n()], &f.insts[q.n()]);
        x.op == Op::ArrData
            && y.op == Op::ArrData
            && self.tables_differ(f, cfg, x.args[0], y.args[0])
    }

    /// Two values are never the same table: one was made after the other was
    /// there.
    fn tables_differ(&self, f: &Func<'_>, cfg: &Cfg, a: V, b: V) -> bool {
        let (a, b) = (root(f, a), root(f, b));
        let new = |v: V| f.insts[v.n()].op == Op::NewTable;
        let before = |x: V, y: V| match (self.home.get(x.n()), self.home.get(y.n())) {
            (Some(&Some(at)), Some(&Some(of))) if at == of => self.place[x.n()] < self.place[y.n()],
            (Some(&Some(at)), Some(&Some(of))) => cfg.dominates(at, of),
            _ => false,
        };
        let both = f.ty(a) == Ty::Table && f.ty(b) == Ty::Table;
        let made_later = |x: V, y: V| new(y) && (new(x) || before(x, y));
        both && a != b && (planted(Bug::TablesDiffer) || made_later(a, b) || made_later(b, a))
    }
}

/// Reads or writes a part of the table that is its first argument.
fn of_table(op: Op) -> bool {
    matches!(
        op,
        Op::Field
            | Op::SetField
            | Op::FieldRoom
            | Op::Shape
            | Op::SetShape
            | Op::GuardShape
            | Op::GuardMeta
            | Op::Meta
            | Op::Flags
            | Op::GuardKind
            | Op::ArrLen
            | Op::SetArrLen
    )
}

/// The table a guard returned, or was given.
pub(super) fn root(f: &Func<'_>, mut v: V) -> V {
    while let i = &f.insts[v.n()]
        && matches!(i.op, Op::GuardShape | Op::GuardKind)
    {
        v = i.args[0];
    }
    v
}

/// An integer as a value and a constant distance from it; a constant is a
/// distance from nothing. Guards for bounds return what they were given.
pub(super) fn distance(f: &Func<'_>, v: V) -> (Option<V>, i64) {
    let mut at = v;
    let mut by = 0i64;
    loop {
        let i = &f.insts[at.n()];
        let constant = |n: usize| i.args.get(n).and_then(|&a| f.int_const(a));
        (at, by) = match (i.op, constant(1)) {
            (Op::Int, _) => return (None, by.wrapping_add(i.imm as i64)),
            (Op::IAdd, Some(c)) => (i.args[0], by.wrapping_add(c)),
            (Op::ISub, Some(c)) => (i.args[0], by.wrapping_sub(c)),
            (Op::GuardIndex, _) => (i.args[0], by),
            _ => return (Some(at), by),
        };
    }
}
