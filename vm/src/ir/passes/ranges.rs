//! Ranges of integers: bounds checks before counted loops, comparisons that
//! are decided.
//!
//! ## Bounds checks
//! In a counted loop ([`loops`](super::loops)) an index `p + k`, where `p` is an
//! induction with step `s` and first value `p0`, runs from `x = p0 + k` to
//! `x + count * s` at most. If `len` is known before the loop, two guards there
//! tell that all of it is inside:
//!
//! ```text
//! x < len                                      (unsigned)
//! count <= (len - 1 - x) / s                   if s > 0
//! count <= x / -s                              if s < 0
//! ```
//!
//! A step that is known before the loop but no constant is guarded to be above
//! zero.
//!
//! Neither can overflow once the first holds, whatever the count is: nothing is
//! assumed about how loops are made. The guard in the loop is gone. The guards
//! before it go on at the beginning of the loop; if they fail, the interpreter
//! runs the loop, and [`Cx::may_hoist`] ends that. Only guards that are passed in
//! every iteration are replaced.
//!
//! ## Intervals
//! Each integer has a least and a greatest value, from how it is computed. The
//! inductions of a counted loop have them if its count is the distance between
//! two limits of which a branch has told the order. Comparisons and bounds
//! checks that intervals decide are gone.
//!
//! Not done: ranges from comparisons with variables.

use super::loops::{Counted, Induction, Step, counted, entry_frame, place, preheaders};
use super::memory::distance;
use super::{Cx, rename::Rename};
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::{BlockId, FrameId, Func, Op, Reason, Term, Ty, V};
use rustc_hash::FxHashMap;
use strata_runtime::audit::{Bug, planted};

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(cfg) = preheaders(f) else { return };
    let mut home: Vec<Option<BlockId>> = vec![None; f.insts.len()];
    for &b in &cfg.order {
        let block = &f.blocks[b.n()];
        for &v in block.params.iter().chain(block.insts.iter()) {
            home[v.n()] = Some(b);
        }
    }
    let ids = || (0..cfg.loops.len()).map(|n| LoopId(n as u32));
    let loops: Vec<Counted> = ids().filter_map(|id| counted(f, &cfg, id)).collect();
    decide(f, &cfg, &loops, cx);
    let mut rename = Rename::default();
    // Inner loops first: what is before them may go before the next.
    for id in ids().rev() {
        let Some(l) = counted(f, &cfg, id) else {
            continue;
        };
        let Some(frame) = before_loop(f, &l, cx) else {
            continue;
        };
        bounds(f, &cfg, &l, frame, &mut home, &mut rename, cx);
    }
    rename.apply(f);
}

/// What guards before this loop go on with, if they may be there.
fn before_loop(f: &mut Func<'_>, l: &Counted, cx: &Cx<'_>) -> Option<FrameId> {
    let (func, pc) = place(f, l.header)?;
    let may = |why| (cx.may_hoist)(func, pc, why);
    if !may(Reason::Index) || !may(Reason::Step) {
        return None;
    }
    entry_frame(f, l.preheader, l.header)
}

/// Moves bounds checks of inductions before the loop.
fn bounds(
    f: &mut Func<'_>,
    cfg: &Cfg,
    l: &Counted,
    frame: FrameId,
    home: &mut Vec<Option<BlockId>>,
    rename: &mut Rename,
    cx: &mut Cx<'_>,
) {
    let latches = &cfg.the(l.id).latches;
    for &b in &cfg.the(l.id).blocks {
        let every = latches.iter().all(|&latch| cfg.dominates(b, latch));
        if f.blocks[b.n()].cold || !every {
            continue;
        }
        let insts: Vec<V> = f.blocks[b.n()].insts.iter().copied().collect();
        for v in insts {
            rename.args(f, v);
            let i = f.insts[v.n()];
            if i.op != Op::GuardIndex {
                continue;
            }
            let (x, len) = (i.args[0], i.args[1]);
            let (Some(from), k) = distance(f, x) else {
                continue;
            };
            let outside = |v: V| home[v.n()].is_some_and(|b| !cfg.contains(l.id, b));
            let induction = l.inductions.iter().find(|i| i.param == from);
            let Some(&induction) = induction.filter(|_| outside(len)) else {
                continue;
            };
            let made = check(f, l, induction, k, len, frame);
            home.resize(f.insts.len(), Some(l.preheader));
            f.blocks[l.preheader.n()].insts.extend(made);
            f.blocks[b.n()].insts.retain(|&o| o != v);
            rename.set(v, x);
            cx.stats.bounds_hoisted += 1;
        }
    }
}

/// The instructions that tell that `p + k` stays below `len`.
fn check(f: &mut Func<'_>, l: &Counted, p: Induction, k: i64, len: V, frame: FrameId) -> Vec<V> {
    let mut made = Vec::new();
    let mut put = |f: &mut Func<'_>, op: Op, args: &[V], imm: u64, frame: Option<FrameId>| {
        let ty = match op {
            Op::Guard => Ty::Void,
            Op::IUlt | Op::ILt | Op::Not => Ty::Bool,
            _ => Ty::Int,
        };
        let v = f.inst(op, ty, args, imm, frame);
        made.push(v);
        v
    };
    let x = if k == 0 {
        p.first
    } else {
        let k = put(f, Op::Int, &[], k as u64, None);
        put(f, Op::IAdd, &[p.first, k], 0, None)
    };
    let x = put(f, Op::GuardIndex, &[x, len], 0, Some(frame));
    let mut room = x;
    if p.step.is_upward() {
        let one = put(f, Op::Int, &[], 1, None);
        let last = match planted(Bug::RangeEnd) {
            true => len,
            false => put(f, Op::ISub, &[len, one], 0, None),
        };
        room = put(f, Op::ISub, &[last, x], 0, None);
    }
    match p.step {
        Step::Const(1 | -1) => {}
        Step::Const(_) if planted(Bug::RangeStep) => {}
        Step::Const(step) => {
            let by = put(f, Op::Int, &[], step.unsigned_abs(), None);
            room = put(f, Op::UDiv, &[room, by], 0, None);
        }
        Step::Upward(by) => {
            let zero = put(f, Op::Int, &[], 0, None);
            let up = put(f, Op::ILt, &[zero, by], 0, None);
            put(f, Op::Guard, &[up], Reason::Step as u64, Some(frame));
            room = put(f, Op::UDiv, &[room, by], 0, None);
        }
    }
    let beyond = put(f, Op::IUlt, &[room, l.count.first], 0, None);
    let fits = put(f, Op::Not, &[beyond], 0, None);
    put(f, Op::Guard, &[fits], Reason::Index as u64, Some(frame));
    made
}

/// All integers from the first to the second.
type Interval = (i64, i64);

const ALL: Interval = (i64::MIN, i64::MAX);
/// Lengths are less than this.
const LONGEST: i64 = 1 << 48;

/// Intervals of values.
struct Intervals {
    /// Of parameters and what was asked for before.
    known: FxHashMap<V, Interval>,
}

/// Replaces comparisons and guards that intervals decide.
fn decide(f: &mut Func<'_>, cfg: &Cfg, loops: &[Counted], cx: &mut Cx<'_>) {
    let mut intervals = Intervals {
        known: FxHashMap::default(),
    };
    // Outer loops come first: inner ones may begin with their inductions.
    for l in loops {
        for p in &l.inductions {
            if let Some((low, high)) = limits(f, cfg, l, *p) {
                let (low, high) = (intervals.end(f, low), intervals.end(f, high));
                intervals.known.insert(p.param, (low.0, high.1));
            }
        }
    }
    let mut rename = Rename::default();
    for &b in &cfg.order {
        let insts: Vec<V> = f.blocks[b.n()].insts.iter().copied().collect();
        for v in insts {
            let i = f.insts[v.n()];
            let [x, y] = *i.args else { continue };
            if f.ty(x) != Ty::Int || f.ty(y) != Ty::Int {
                continue;
            }
            let is = compare(i.op, intervals.of(f, x, 0), intervals.of(f, y, 0));
            match (i.op, is) {
                (_, None) => {}
                (Op::GuardIndex, Some(inside)) => {
                    if inside {
                        rename.set(v, x);
                        f.blocks[b.n()].insts.retain(|&o| o != v);
                        cx.stats.guards_removed += 1;
                    }
                }
                (_, Some(is)) => {
                    let inst = &mut f.insts[v.n()];
                    inst.op = Op::Bool;
                    inst.args = &[];
                    inst.imm = u64::from(is);
                    cx.stats.folded += 1;
                }
            }
        }
    }
    rename.apply(f);
}

/// What a comparison of values of these intervals gives.
fn compare(op: Op, x: Interval, y: Interval) -> Option<bool> {
    let either = |yes: bool, no: bool| {
        if yes {
            Some(true)
        } else if no {
            Some(false)
        } else {
            None
        }
    };
    match op {
        Op::ILt => either(
            x.1 < y.0 || (planted(Bug::IntervalOrder) && x.1 == y.0),
            x.0 >= y.1,
        ),
        Op::ILe => either(x.1 <= y.0, x.0 > y.1),
        Op::IEq => either(false, x.1 < y.0 || x.0 > y.1),
        Op::IUlt | Op::GuardIndex => {
            // As unsigned, negative numbers are above all others.
            let inside = x.0 >= 0 && y.0 >= 0 && x.1 < y.0;
            let outside = y.0 >= 0 && (x.1 < 0 || x.0 >= y.1);
            either(inside, outside)
        }
        _ => None,
    }
}

/// An end of a range.
#[derive(Clone, Copy)]
enum End {
    Is(V),
    Const(i64),
}

impl End {
    fn constant(self, f: &Func<'_>) -> Option<i64> {
        match self {
            End::Is(v) => f.int_const(v),
            End::Const(c) => Some(c),
        }
    }

    fn is(self, f: &Func<'_>, v: V) -> bool {
        let constant = self.constant(f);
        matches!(self, End::Is(own) if own == v)
            || (constant.is_some() && constant == f.int_const(v))
    }
}

/// The least and the greatest value of an induction, if the count is their
/// distance and they are known to be in order.
fn limits(f: &Func<'_>, cfg: &Cfg, l: &Counted, p: Induction) -> Option<(End, End)> {
    let Step::Const(step) = p.step else {
        return None;
    };
    let count = &f.insts[l.count.first.n()];
    let by = step.unsigned_abs();
    let apart = match count.op {
        Op::UDiv if f.int_const(count.args[1]) == i64::try_from(by).ok() => {
            &f.insts[count.args[0].n()]
        }
        _ if by == 1 => count,
        _ => return None,
    };
    let (low, high) = match (apart.op, apart.args) {
        (Op::ISub, &[high, low]) => (End::Is(low), End::Is(high)),
        // As the distance from a constant is written.
        (Op::IAdd, &[high, c]) => (End::Const(f.int_const(c)?.wrapping_neg()), End::Is(high)),
        _ => return None,
    };
    let first = if step > 0 { low } else { high };
    (first.is(f, p.first) && ordered(f, cfg, l.preheader, low, high)).then_some((low, high))
}

/// Whether a branch has told that `low <= high` wherever `at` is reached.
fn ordered(f: &Func<'_>, cfg: &Cfg, mut at: BlockId, low: End, high: End) -> bool {
    if let (Some(low), Some(high)) = (low.constant(f), high.constant(f)) {
        return low <= high;
    }
    loop {
        if let [from] = cfg.preds[at.n()][..]
            && let Term::Branch { cond, yes, no, .. } = &f.blocks[from.n()].term
            && yes.block != no.block
            && let i = &f.insts[cond.n()]
            && let [x, y] = *i.args
        {
            let upward = low.is(f, x) && high.is(f, y);
            let downward = high.is(f, x) && low.is(f, y);
            let told = match i.op {
                Op::ILt => (yes.block == at && upward) || (no.block == at && downward),
                Op::ILe => yes.block == at && upward,
                _ => false,
            };
            if told {
                return true;
            }
        }
        if at == BlockId::ENTRY {
            return false;
        }
        at = cfg.idom[at.n()];
    }
}

impl Intervals {
    fn end(&mut self, f: &Func<'_>, end: End) -> Interval {
        match end {
            End::Is(v) => self.of(f, v, 0),
            End::Const(c) => (c, c),
        }
    }

    /// The interval of `v`. `depth`: how many definitions were followed.
    fn of(&mut self, f: &Func<'_>, v: V, depth: u32) -> Interval {
        if let Some(&known) = self.known.get(&v) {
            return known;
        }
        if depth > 16 {
            return ALL;
        }
        let i = f.insts[v.n()];
        let mut arg = |n: usize| self.of(f, i.args[n], depth + 1);
        let interval = match i.op {
            Op::Int => (i.imm as i64, i.imm as i64),
            Op::IAdd => {
                let (x, y) = (arg(0), arg(1));
                within(x.0.checked_add(y.0), x.1.checked_add(y.1))
            }
            Op::ISub => {
                let (x, y) = (arg(0), arg(1));
                within(x.0.checked_sub(y.1), x.1.checked_sub(y.0))
            }
            Op::IAnd => match (arg(0), arg(1)) {
                ((0.., x), (0.., y)) => (0, x.min(y)),
                ((0.., x), _) | (_, (0.., x)) => (0, x),
                _ => ALL,
            },
            Op::IMod => match arg(1) {
                (1.., high) => (0, high - 1),
                _ => ALL,
            },
            Op::UDiv => match (arg(0), arg(1)) {
                ((0.., x), (1.., _)) => (0, x),
                _ => ALL,
            },
            Op::LoadByte => (0, 255),
            Op::ArrLen | Op::ArrCap | Op::StrLen | Op::FieldRoom => (0, LONGEST),
            Op::GuardIndex => {
                let (x, len) = (arg(0), arg(1));
                match len {
                    (0.., high) => (x.0.max(0), x.1.min(high - 1).max(0)),
                    _ => ALL,
                }
            }
            Op::Select => {
                let (x, y) = (arg(1), arg(2));
                (x.0.min(y.0), x.1.max(y.1))
            }
            _ => ALL,
        };
        self.known.insert(v, interval);
        interval
    }
}

fn within(low: Option<i64>, high: Option<i64>) -> Interval {
    match (low, high) {
        (Some(low), Some(high)) => (low, high),
        _ => ALL,
    }
}
