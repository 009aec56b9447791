//! Loop splitting: a counted loop runs as far as its keys are elements.
//!
//! Where some keys of a loop are elements of an array and others are not (index 0
//! of an array that is used from there on, the last key, which extends it), the
//! loop branches on that, and what is done for the others (look in the hash part,
//! grow) keeps all the rest in the loop. So there are two versions:
//!
//! ```text
//!  pre ─▶ outer(i, c): as far as all keys are elements, k more iterations?
//!           │ yes                      │ no
//!           ▼                          ▼
//!         header(i, c) ◀──── latch   header'(i, c): all that there is
//!           │                 ▲        │
//!         …without branches…  │      test': poll; c == 0? ─▶ out
//!           │                 │        │
//!         test: k done? ──────┘      again' ─▶ outer(i + step, c - 1)
//!           │
//!         last: poll; c == 0? ─▶ out; again ─▶ outer(i + step, c - 1)
//! ```
//!
//! The first is the strip-mined loop ([`strip`](super::strip)) with another bound,
//! which is computed anew each time the outer loop goes round: it is as far as
//! all branches go the expected way. The second runs one iteration.
//!
//! ## What is expected
//! - `x < len` (unsigned), in a branch or as a guard, where `x` is an induction
//!   with values known before the loop added to it, or known before the loop;
//! - a branch with a seldom taken way, on what is the same in all iterations.
//!
//! Lengths and the like may be loads: they are loaded in `outer`, which is fine
//! if nothing that is left in the first version writes them. That is found out
//! by following the expected ways only.

use super::copies::{Copies, join, with_ends};
use super::loops::{Counted, Induction, Step, counted, preheaders};
use super::memory::Memory;
use super::rename::Rename;
use super::strip::{Form, Outer, form, put, strip};
use super::{Cx, fold, gvn, licm, ranges};
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::{BlockId, Func, Op, Target, Term, Ty, V};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Most instructions of a loop that is split, and most loops.
const LONGEST: usize = 400;
const MOST: u32 = 6;

/// Steps known before the loop, and lengths, are below this.
const HUGE: u64 = 1 << 40;

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let mut made = 0;
    while made < MOST {
        // Anew each time: copies change what is behind other loops.
        let Some(cfg) = preheaders(f) else { return };
        let memory = Memory::of(f, &cfg);
        let ids = (0..cfg.loops.len()).map(|n| LoopId(n as u32));
        let found = ids
            .filter(|&id| cfg.loops.iter().all(|l| l.parent != Some(id)))
            .find_map(|id| {
                let l = counted(f, &cfg, id)?;
                form(f, &cfg, &l)?;
                let plan = plan(f, &cfg, &memory, &l)?;
                Some((l, plan))
            });
        let Some((l, plan)) = found else { break };
        if !split(f, &cfg, &l, &plan) {
            break;
        }
        made += 1;
    }
    cx.stats.loops_split += made;
    if made > 0 {
        // What the first versions do without.
        for pass in [fold::run, gvn::run, licm::run, ranges::run, licm::run] {
            pass(f, cx);
        }
        gvn::run(f, cx);
        fold::run(f, cx);
    }
}

/// Something that is expected in all iterations of the first version.
#[derive(Clone, Debug)]
enum Expected {
    /// This integer is below that one, unsigned.
    Inside(Linear, V),
    /// This is so.
    Is(V, bool),
}

/// An integer as a sum.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Linear {
    induction: Option<Induction>,
    /// Known before the loop.
    values: SmallVec<[V; 4]>,
    constant: i64,
}

/// Where something is expected.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The block ends with a branch; the way it goes.
    Branch(BlockId, bool),
    /// A guard.
    Guard(BlockId, V),
}

/// What is expected, and where.
type Plan = Vec<(At, Expected)>;

/// Looks at a loop.
struct Look<'l, 'a> {
    f: &'l Func<'a>,
    cfg: &'l Cfg,
    l: &'l Counted,
    home: FxHashMap<V, BlockId>,
}

/// What to expect in a loop; `None`: nothing that is worth it.
fn plan(f: &Func<'_>, cfg: &Cfg, memory: &Memory, l: &Counted) -> Option<Plan> {
    let blocks = &cfg.the(l.id).blocks;
    let size: usize = blocks.iter().map(|b| f.blocks[b.n()].insts.len()).sum();
    if size > LONGEST {
        return None;
    }
    let mut home = FxHashMap::default();
    for &b in blocks {
        let block = &f.blocks[b.n()];
        home.extend(block.params.iter().chain(&block.insts).map(|&v| (v, b)));
    }
    let look = Look { f, cfg, l, home };
    let mut plan: Plan = Vec::new();
    for &b in blocks.iter().filter(|b| !f.blocks[b.n()].cold) {
        let guards = f.blocks[b.n()].insts.iter().copied();
        for v in guards.filter(|v| f.insts[v.n()].op == Op::GuardIndex) {
            if let Some(inside) = look.inside(v) {
                plan.push((At::Guard(b, v), inside));
            }
        }
        if b != l.test
            && let Some((way, expected)) = look.branch(b)
        {
            plan.push((At::Branch(b, way), expected));
        }
    }
    // What the first version writes must not be what it relies on.
    loop {
        let left = look.left(&plan);
        let mut written = vec![false; memory.count()];
        for &b in &left {
            for v in &f.blocks[b.n()].insts {
                for class in memory.written(&f.insts[v.n()]) {
                    written[class.n()] = true;
                }
            }
        }
        let fine = |v: V| {
            let class = memory.class(&f.insts[v.n()]);
            class.is_none_or(|c| !written[c.n()])
        };
        let before = plan.len();
        plan.retain(|(at, expected)| {
            let (At::Branch(b, _) | At::Guard(b, _)) = at;
            let v = match expected {
                Expected::Inside(_, len) => *len,
                Expected::Is(v, _) => *v,
            };
            left.contains(b) && look.same_each_time(v, &fine, 0)
        });
        if plan.len() == before {
            break;
        }
    }
    // Guards alone, or what seldom happens alone, aren't worth a copy; to be rid of
    // what changes arrays is.
    let left = look.left(&plan);
    let gone = blocks.iter().filter(|b| !left.contains(b));
    let changes = |v: &V| f.insts[v.n()].op == Op::SetInt;
    let clean = !left
        .iter()
        .any(|b| f.blocks[b.n()].insts.iter().any(changes));
    let cleaned = clean && gone.flat_map(|b| f.blocks[b.n()].insts.iter()).any(changes);
    let worth = cleaned
        || plan.iter().any(|(at, expected)| match (at, expected) {
            (At::Branch(..), Expected::Inside(x, _)) => x.induction.is_some(),
            _ => false,
        });
    worth.then_some(plan)
}

impl Look<'_, '_> {
    fn is_inside(&self, v: V) -> bool {
        self.home.contains_key(&v)
    }

    /// `x < len` of a comparison or guard, if it can be foreseen.
    fn inside(&self, v: V) -> Option<Expected> {
        let i = &self.f.insts[v.n()];
        let (x, len) = (i.args[0], i.args[1]);
        let mut sum = Linear::default();
        if !self.linear(x, &mut sum, 0)
            || !matches!(self.f.insts[len.n()].op, Op::ArrLen | Op::StrLen)
        {
            return None;
        }
        Some(Expected::Inside(sum, len))
    }

    /// Adds `v` to a sum, if it is one of an induction and of what is known
    /// before the loop.
    fn linear(&self, v: V, sum: &mut Linear, depth: u32) -> bool {
        let i = &self.f.insts[v.n()];
        if let Some(c) = self.f.int_const(v) {
            sum.constant = sum.constant.wrapping_add(c);
            return true;
        }
        if !self.is_inside(v) {
            sum.values.push(v);
            return sum.values.len() <= 4;
        }
        if let Some(&p) = self.l.inductions.iter().find(|p| p.param == v) {
            return sum.induction.replace(p).is_none();
        }
        match (i.op, i.args) {
            _ if depth > 8 => false,
            (Op::IAdd, &[x, y]) => self.linear(x, sum, depth + 1) && self.linear(y, sum, depth + 1),
            (Op::ISub, &[x, y]) => self.f.int_const(y).is_some_and(|c| {
                sum.constant = sum.constant.wrapping_sub(c);
                self.linear(x, sum, depth + 1)
            }),
            (Op::GuardIndex, &[x, _]) => self.linear(x, sum, depth + 1),
            _ => false,
        }
    }

    /// The way the branch at the end of `b` is expected to go, and why.
    fn branch(&self, b: BlockId) -> Option<(bool, Expected)> {
        let Term::Branch {
            cond,
            yes,
            no,
            likely,
        } = &self.f.blocks[b.n()].term
        else {
            return None;
        };
        let stays = |t: &Target| self.cfg.contains(self.l.id, t.block);
        if self.f.insts[cond.n()].op == Op::IUlt
            && stays(yes)
            && let Some(inside) = self.inside(*cond)
        {
            return Some((true, inside));
        }
        let cold = |t: &Target| self.f.blocks[t.block.n()].cold;
        let way = match (likely, cold(yes), cold(no)) {
            (Some(way), _, _) => *way,
            (None, true, false) => false,
            (None, false, true) => true,
            _ => return None,
        };
        stays(if way { yes } else { no }).then_some((way, Expected::Is(*cond, way)))
    }

    /// The blocks of the loop that are left if everything is as expected.
    fn left(&self, plan: &Plan) -> Vec<BlockId> {
        let ways: FxHashMap<BlockId, bool> = plan
            .iter()
            .filter_map(|(at, _)| match at {
                At::Branch(b, way) => Some((*b, *way)),
                At::Guard(..) => None,
            })
            .collect();
        let mut left = vec![self.l.header];
        let mut next = 0;
        while let Some(&b) = left.get(next) {
            next += 1;
            let targets = self.f.targets(b);
            let way = ways.get(&b).map(|&way| usize::from(!way));
            for (n, t) in targets.iter().enumerate() {
                let goes = way.is_none_or(|way| way == n);
                if goes && self.cfg.contains(self.l.id, t.block) && !left.contains(&t.block) {
                    left.push(t.block);
                }
            }
        }
        left
    }

    /// `v` can be computed before the loop, from loads that are `fine`.
    fn same_each_time(&self, v: V, fine: &dyn Fn(V) -> bool, depth: u32) -> bool {
        if !self.is_inside(v) {
            return true;
        }
        let i = &self.f.insts[v.n()];
        if matches!(i.op, Op::GuardKind | Op::GuardShape) {
            return self.same_each_time(i.args[0], fine, depth + 1);
        }
        let load = matches!(
            i.op,
            Op::ArrLen | Op::ArrKind | Op::ArrCap | Op::Hash | Op::Meta | Op::StrLen | Op::StrData
        );
        // What a branch has found to be an object isn't one before the loop.
        let typed = i.args.iter().all(|&a| {
            let i = &self.f.insts[a.n()];
            !(i.op == Op::Unbox && i.ty.is_object())
        });
        let pure = i.op.is_pure() && i.op != Op::Unbox;
        depth < 8
            && typed
            && ((load && fine(v)) || pure)
            && i.args
                .iter()
                .all(|&a| self.same_each_time(a, fine, depth + 1))
    }
}

/// Splits a loop; `false`: it isn't what it was.
fn split(f: &mut Func<'_>, cfg: &Cfg, l: &Counted, plan: &Plan) -> bool {
    let region = with_ends(f, cfg, l.id);
    let copies = Copies::make(f, &region, l.header);
    let second = copies.blocks[&l.header];
    for t in f.blocks[l.preheader.n()].term.targets_mut() {
        if t.block == l.header {
            t.block = second;
        }
    }
    join(f, cfg, &region, &copies);
    // The second version is before the loop now; that becomes the first.
    let Some(cfg) = Cfg::of(f) else { return false };
    let again = (0..cfg.loops.len()).find_map(|n| {
        let id = LoopId(n as u32);
        let same = cfg.the(id).header == l.header;
        let l = same.then(|| counted(f, &cfg, id)).flatten()?;
        Some((form(f, &cfg, &l)?, l))
    });
    let Some((form, now)): Option<(Form, Counted)> = again else {
        return false;
    };
    let outer = strip(f, &now, &form);
    for t in f.blocks[l.preheader.n()].term.targets_mut() {
        if t.block == second {
            t.block = outer.block;
        }
    }
    let (fast, few) = foresee(f, l, &copies, &outer, plan);
    outer.runs(f, few);
    let first = Target {
        block: l.header,
        args: outer.given.clone(),
    };
    let rest = Target {
        block: second,
        args: outer.given,
    };
    f.blocks[outer.block.n()].term = Term::Branch {
        cond: fast,
        yes: first,
        no: rest,
        likely: Some(true),
    };
    let mut rename = Rename::default();
    for (at, _) in plan {
        match *at {
            At::Branch(b, way) => {
                if let Term::Branch { yes, no, .. } = &f.blocks[b.n()].term {
                    let t = if way { yes.clone() } else { no.clone() };
                    f.blocks[b.n()].term = Term::Jump(t);
                }
            }
            At::Guard(b, v) => {
                rename.set(v, f.insts[v.n()].args[0]);
                f.blocks[b.n()].insts.retain(|&o| o != v);
            }
        }
    }
    rename.apply(f);
    true
}

/// Values of the loop, computed in the outer one.
struct Clones<'c> {
    at: BlockId,
    copies: &'c Copies,
    known: FxHashMap<V, V>,
}

/// In the outer loop: whether the next iteration is as expected, and how many
/// after it are.
fn foresee(f: &mut Func<'_>, l: &Counted, copies: &Copies, outer: &Outer, plan: &Plan) -> (V, V) {
    let at = outer.block;
    let params = f.blocks[l.header.n()].params.iter().copied();
    let mut clones = Clones {
        at,
        copies,
        known: params.zip(outer.given.iter().copied()).collect(),
    };
    let mut fine: Option<V> = None;
    let mut few = outer.few;
    let both = |f: &mut Func<'_>, fine: &mut Option<V>, cond: V| {
        *fine = Some(match *fine {
            Some(other) => put(f, at, Op::And, Ty::Bool, &[other, cond], 0),
            None => cond,
        });
    };
    let mut far = Vec::new();
    let mut seen: Vec<(&Linear, V)> = Vec::new();
    for (_, expected) in plan {
        let (sum, len) = match expected {
            Expected::Is(v, is) => {
                let mut cond = clone(f, &mut clones, *v);
                if !is {
                    cond = put(f, at, Op::Not, Ty::Bool, &[cond], 0);
                }
                both(f, &mut fine, cond);
                continue;
            }
            Expected::Inside(sum, len) => (sum, *len),
        };
        let len = clone(f, &mut clones, len);
        if seen.contains(&(sum, len)) {
            continue;
        }
        seen.push((sum, len));
        let mut x = None;
        let first = sum.induction.map(|p| clones.known[&p.param]);
        for &v in first.iter().chain(&sum.values) {
            x = Some(match x {
                Some(x) => put(f, at, Op::IAdd, Ty::Int, &[x, v], 0),
                None => v,
            });
        }
        if sum.constant != 0 || x.is_none() {
            let c = put(f, at, Op::Int, Ty::Int, &[], sum.constant as u64);
            x = Some(match x {
                Some(x) => put(f, at, Op::IAdd, Ty::Int, &[x, c], 0),
                None => c,
            });
        }
        let Some(x) = x else { continue };
        let inside = put(f, at, Op::IUlt, Ty::Bool, &[x, len], 0);
        both(f, &mut fine, inside);
        let Some(p) = sum.induction else { continue };
        let mut room = x;
        if p.step.is_upward() {
            let one = put(f, at, Op::Int, Ty::Int, &[], 1);
            let last = put(f, at, Op::ISub, Ty::Int, &[len, one], 0);
            room = put(f, at, Op::ISub, Ty::Int, &[last, x], 0);
        }
        match p.step {
            Step::Const(1 | -1) => {}
            Step::Const(step) => {
                let by = put(f, at, Op::Int, Ty::Int, &[], step.unsigned_abs());
                room = put(f, at, Op::UDiv, Ty::Int, &[room, by], 0);
            }
            Step::Upward(by) => {
                far.push((x, by, len));
                continue;
            }
        }
        let less = put(f, at, Op::IUlt, Ty::Bool, &[room, few], 0);
        few = put(f, at, Op::Select, Ty::Int, &[less, room, few], 0);
    }
    // Instead of dividing: where it would be at the end. Neither the product nor
    // the sum can overflow.
    for (x, by, len) in far {
        let huge = put(f, at, Op::Int, Ty::Int, &[], HUGE);
        let small = put(f, at, Op::IUlt, Ty::Bool, &[by, huge], 0);
        both(f, &mut fine, small);
        let way = put(f, at, Op::IMul, Ty::Int, &[few, by], 0);
        let end = put(f, at, Op::IAdd, Ty::Int, &[x, way], 0);
        let inside = put(f, at, Op::IUlt, Ty::Bool, &[end, len], 0);
        both(f, &mut fine, inside);
    }
    let fine = fine.unwrap_or_else(|| put(f, at, Op::Bool, Ty::Bool, &[], 1));
    (fine, few)
}

/// Computes in the outer loop what `v` is, which is the same in all iterations.
fn clone(f: &mut Func<'_>, c: &mut Clones<'_>, v: V) -> V {
    if let Some(&known) = c.known.get(&v) {
        return known;
    }
    if !c.copies.values.contains_key(&v) {
        return v;
    }
    let i = f.insts[v.n()];
    let args: SmallVec<[V; 4]> = i.args.iter().map(|&a| clone(f, c, a)).collect();
    let made = match i.op {
        // A table is there whatever it is.
        Op::GuardKind | Op::GuardShape => args[0],
        op => put(f, c.at, op, i.ty, &args, i.imm),
    };
    c.known.insert(v, made);
    made
}
