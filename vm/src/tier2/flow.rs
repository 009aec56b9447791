//! Control flow of bytecode, and what loops are expected to carry.
//!
//! A compile covers a function or a loop of one: a part of its blocks and a
//! place to begin. For each loop in it two things are needed before its body
//! is built: which registers it writes, and of which types they will be when
//! it goes round. The types are *predicted*: by a dataflow analysis that
//! takes the results that feedback has seen for granted. Where a prediction
//! isn't known to be true the builder guards it, at the end of the body.

use super::snapshot::{Const, EntryAt, Function};
use crate::interp::{seen, seen_element};
use crate::ir::cfg::{Cfg, Successors};
use crate::ir::{BlockId, Ty};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};
use strata_runtime::ops::arith::ArithOp;
use strata_runtime::stdlib::leaf::Known;
use strata_runtime::value::tag;
use strata_spec::effects::Effects;
use strata_spec::module::RegSet;
use strata_spec::{Insn, Op};

/// A basic block of bytecode.
#[derive(Debug)]
pub(crate) struct Bb {
    pub start: u32,
    /// First instruction behind it.
    pub end: u32,
    /// Where it leads to inside of what is compiled.
    pub next: Successors,
}

/// A loop of bytecode.
#[derive(Debug)]
pub(crate) struct LoopInfo {
    /// Registers written in it.
    pub written: RegSet,
    /// Registers read in it.
    pub read: RegSet,
    /// Other functions are called in it.
    pub calls: bool,
    /// Predicted types of registers where it begins.
    pub types: Vec<Ty>,
}

/// Control flow of what is compiled of a function.
#[derive(Debug)]
pub(crate) struct Flow {
    pub blocks: Vec<Bb>,
    /// Blocks by their first instruction.
    pub at: FxHashMap<u32, BlockId>,
    pub cfg: Cfg,
    /// Loops by header.
    pub loops: FxHashMap<BlockId, LoopInfo>,
}

/// The target of the jump at `pc`.
pub(crate) fn target(pc: u32, i: Insn) -> u32 {
    (i64::from(pc) + 1 + i64::from(i.jump())) as u32
}

/// The only way that the conditional jump `i` at `pc` ever went, if that may be
/// relied on: whether it jumped.
pub(crate) fn only_way(f: &Function, pc: u32, i: Insn) -> Option<bool> {
    if !i.op().is_some_and(is_jump) || !f.speculation.allowed_at(pc) {
        return None;
    }
    match i.feedback_bits() & seen::WAYS {
        seen::JUMPED => Some(true),
        seen::FELL => Some(false),
        _ => None,
    }
}

/// How many instructions of `f` were reached, as far as its jumps tell: about what
/// is left of it where ways that were never gone are left out.
pub(crate) fn reached(f: &Function) -> usize {
    let mut seen = vec![false; f.code.len()];
    let mut work: SmallVec<[u32; 8]> = smallvec![0];
    let mut count = 0;
    while let Some(mut pc) = work.pop() {
        while let Some(seen) = seen.get_mut(pc as usize).filter(|seen| !**seen) {
            *seen = true;
            count += 1;
            let i = f.code[pc as usize];
            let jumps = i.op().is_some_and(is_jump);
            let falls = !i.op().is_some_and(Op::is_terminator);
            let way = only_way(f, pc, i);
            if jumps && way != Some(false) {
                work.push(target(pc, i));
            }
            if !falls || way == Some(true) {
                break;
            }
            pc += 1;
        }
    }
    count
}

fn is_jump(op: Op) -> bool {
    op.info().ext == strata_spec::op::Ext::Jump
}

/// Whether `f` closes all registers that closures capture before they are
/// something else: so it is in what our compiler makes.
pub(crate) fn closes(f: &Function) -> bool {
    let spec = f.spec();
    if spec.captured.is_empty() {
        return true;
    }
    let blocks = split(f, 0);
    let mut open: Vec<Option<RegSet>> = vec![None; blocks.len()];
    let mut work = vec![(BlockId::ENTRY, RegSet::EMPTY)];
    while let Some((b, mut now)) = work.pop() {
        let bb = &blocks[b.n()];
        if !now.minus(&f.liveness.before(spec, bb.start)).is_empty() {
            return false;
        }
        if let Some(known) = open[b.n()] {
            if now.minus(&known).is_empty() {
                continue;
            }
            now = now.union(&known);
        }
        open[b.n()] = Some(now);
        for &i in &f.code[bb.start as usize..bb.end as usize] {
            let Some(op) = i.op() else { return false };
            match op {
                Op::Closure => {
                    let upvals = &f.child(i.u32()).upvals;
                    let regs = upvals.iter().filter(|d| d.from_register);
                    regs.for_each(|d| now.insert(d.index));
                }
                Op::Close => now = now.intersection(&RegSet::below(i.a().into())),
                Op::ReturnClose => now = RegSet::EMPTY,
                Op::Return | Op::Return0 | Op::Return1 | Op::TailCall if !now.is_empty() => {
                    return false;
                }
                _ => {
                    let e = Effects::of(op, i);
                    if !now.intersection(&e.kills.union(&e.left)).is_empty() {
                        return false;
                    }
                }
            }
        }
        work.extend(bb.next.iter().map(|&next| (next, now)));
    }
    true
}

impl Flow {
    /// Of `f`, entered at `entry`; `tags`: of its registers there, as far as
    /// they are known; `prunes`: without the ways that jumps never went.
    ///
    /// # Errors
    /// It isn't of a form that can be compiled.
    pub(crate) fn of(
        f: &Function,
        entry: EntryAt,
        tags: &[u8],
        prunes: bool,
    ) -> Result<Flow, String> {
        let whole = split(f, 0);
        let all = graph(&whole).ok_or("a loop is entered at two places")?;
        let mut flow = match entry {
            EntryAt::Start => Flow {
                at: index(&whole),
                blocks: whole,
                cfg: all,
                loops: FxHashMap::default(),
            },
            EntryAt::Loop(pc) => {
                let part = part(&whole, &all, pc).ok_or("no loop begins there")?;
                Flow {
                    at: index(&part),
                    cfg: graph(&part).ok_or("a loop is entered at two places")?,
                    blocks: part,
                    loops: FxHashMap::default(),
                }
            }
        };
        if prunes {
            flow.prune(f, entry);
        }
        flow.find_loops(f);
        flow.predict(f, tags);
        Ok(flow)
    }

    /// Drops the ways that conditional jumps never went, but for those out of
    /// what is compiled.
    fn prune(&mut self, f: &Function, entry: EntryAt) {
        let whole: Vec<Successors> = self.blocks.iter().map(|b| b.next.clone()).collect();
        for n in 0..self.blocks.len() {
            let end = self.blocks[n].end;
            let (pc, i) = (end - 1, f.code[end as usize - 1]);
            let Some(jumps) = only_way(f, pc, i) else {
                continue;
            };
            let way = if jumps { target(pc, i) } else { end };
            if let Some(&only) = self.at.get(&way) {
                self.blocks[n].next.retain(|b| *b == only);
            }
        }
        // What is entered at a loop has to be one.
        let fits = |cfg: &Cfg| match entry {
            EntryAt::Start => true,
            EntryAt::Loop(_) => cfg.loops.iter().any(|l| l.header == BlockId::ENTRY),
        };
        match graph(&self.blocks).filter(fits) {
            Some(cfg) => self.cfg = cfg,
            None => {
                for (b, next) in self.blocks.iter_mut().zip(whole) {
                    b.next = next;
                }
            }
        }
    }

    fn find_loops(&mut self, f: &Function) {
        for l in &self.cfg.loops {
            let (mut written, mut read) = (RegSet::EMPTY, RegSet::EMPTY);
            let mut calls = false;
            for b in &l.blocks {
                let bb = &self.blocks[b.n()];
                for &i in &f.code[bb.start as usize..bb.end as usize] {
                    let Some(op) = i.op() else { continue };
                    let e = Effects::of(op, i);
                    let mut writes = e.writes.union(&e.kills);
                    for r in e.taken.iter().chain(&e.fall) {
                        writes.insert(*r);
                    }
                    written = written.union(&writes);
                    read = read.union(&e.reads);
                    calls |= matches!(op, Op::Call | Op::TForCall | Op::Concat | Op::SetList);
                }
            }
            let info = LoopInfo {
                written,
                read,
                calls,
                types: Vec::new(),
            };
            self.loops.insert(l.header, info);
        }
    }

    /// Fills in the types of loops: a fixed point from below.
    fn predict(&mut self, f: &Function, tags: &[u8]) {
        let regs = usize::from(f.spec().regs);
        let of_tag = |r: usize| tags.get(r).and_then(|&t| Ty::of_tag(t)).unwrap_or(Ty::Any);
        let mut before: Vec<Option<Vec<Ty>>> = vec![None; self.blocks.len()];
        before[0] = Some((0..regs).map(of_tag).collect());
        let mut changed = true;
        while changed {
            changed = false;
            for &b in &self.cfg.order {
                let Some(mut types) = before[b.n()].clone() else {
                    continue;
                };
                let bb = &self.blocks[b.n()];
                for pc in bb.start..bb.end {
                    step(f, pc, &mut types);
                }
                for &next in &bb.next {
                    let into = &mut before[next.n()];
                    match into {
                        None => {
                            *into = Some(types.clone());
                            changed = true;
                        }
                        Some(known) => {
                            for (mine, &theirs) in known.iter_mut().zip(&types) {
                                let joined = join(*mine, theirs);
                                changed |= joined != *mine;
                                *mine = joined;
                            }
                        }
                    }
                }
            }
        }
        for (header, info) in &mut self.loops {
            let pc = self.blocks[header.n()].start;
            info.types = match before[header.n()].take() {
                Some(types) if f.speculation.allowed_at(pc) => types,
                _ => vec![Ty::Any; regs],
            };
        }
    }
}

/// `Void` is "nothing yet".
fn join(a: Ty, b: Ty) -> Ty {
    match (a, b) {
        (Ty::Void, x) | (x, Ty::Void) => x,
        (a, b) if a == b => a,
        _ => Ty::Any,
    }
}

fn index(blocks: &[Bb]) -> FxHashMap<u32, BlockId> {
    let numbered = (0u32..).zip(blocks);
    numbered.map(|(n, b)| (b.start, BlockId(n))).collect()
}

fn graph(blocks: &[Bb]) -> Option<Cfg> {
    Cfg::of_graph(blocks.len(), &|b| blocks[b.n()].next.clone())
}

/// Splits a function into blocks, that at `first` being number 0.
fn split(f: &Function, first: u32) -> Vec<Bb> {
    let n = f.code.len() as u32;
    let mut starts = vec![false; f.code.len() + 1];
    starts[first as usize] = true;
    starts[0] = true;
    for (pc, &i) in (0u32..).zip(&f.code) {
        let Some(op) = i.op() else { continue };
        if is_jump(op) {
            starts[target(pc, i) as usize] = true;
        }
        if is_jump(op) || op.is_terminator() {
            starts[pc as usize + 1] = true;
        }
    }
    let mut pcs: Vec<u32> = (0..n).filter(|&pc| starts[pc as usize]).collect();
    let at = pcs.iter().position(|&pc| pc == first).unwrap_or(0);
    pcs[..=at].rotate_right(1);
    let numbers: FxHashMap<u32, BlockId> = (0u32..)
        .zip(&pcs)
        .map(|(n, &pc)| (pc, BlockId(n)))
        .collect();
    let block = |&start: &u32| {
        let end = (start + 1..n).find(|&pc| starts[pc as usize]).unwrap_or(n);
        let last = f.code[end as usize - 1];
        let mut next = Successors::new();
        if let Some(op) = last.op() {
            if !op.is_terminator()
                && let Some(&b) = numbers.get(&end)
            {
                next.push(b);
            }
            if is_jump(op) {
                next.extend(numbers.get(&target(end - 1, last)).copied());
            }
        }
        Bb { start, end, next }
    };
    pcs.iter().map(block).collect()
}

/// The blocks of the loop whose back-edge leads to `pc`, that one first.
fn part(whole: &[Bb], cfg: &Cfg, pc: u32) -> Option<Vec<Bb>> {
    let entry = BlockId(whole.iter().position(|b| b.start == pc)? as u32);
    if !cfg.reaches(entry) {
        return None;
    }
    let inside = cfg.loop_of[entry.n()]?;
    let mut blocks = cfg.the(inside).blocks.clone();
    let at = blocks.iter().position(|&b| b == entry)?;
    blocks[..=at].rotate_right(1);
    let numbers: FxHashMap<BlockId, BlockId> = (0u32..)
        .zip(&blocks)
        .map(|(n, &b)| (b, BlockId(n)))
        .collect();
    let copy = |b: &BlockId| {
        let bb = &whole[b.n()];
        Bb {
            start: bb.start,
            end: bb.end,
            next: bb
                .next
                .iter()
                .filter_map(|b| numbers.get(b).copied())
                .collect(),
        }
    };
    Some(blocks.iter().map(copy).collect())
}

/// The type of the result where operands of these kinds alone were seen.
fn arith_type(op: ArithOp, bits: u8, l: Ty, r: Ty) -> Ty {
    let float = matches!(op, ArithOp::Div | ArithOp::Pow);
    match (l, r) {
        (Ty::Int, Ty::Int) if !float => return Ty::Int,
        (Ty::Int | Ty::Float, Ty::Int | Ty::Float) if !op.is_bitwise() => return Ty::Float,
        _ => {}
    }
    if bits & seen::OTHER != 0 || bits == 0 {
        return Ty::Any;
    }
    match bits {
        seen::INT if !float => Ty::Int,
        _ if op.is_bitwise() => Ty::Any,
        _ if float || bits & seen::INT == 0 => Ty::Float,
        _ => Ty::Any,
    }
}

/// The type of a constant.
pub(crate) fn const_type(k: Const) -> Ty {
    match k {
        Const::Nil => Ty::Nil,
        Const::Bool(_) => Ty::Bool,
        Const::Int(_) => Ty::Int,
        Const::Float(_) => Ty::Float,
        Const::Str { .. } => Ty::Str,
    }
}

/// What instruction `pc` makes of the types of registers.
fn step(f: &Function, pc: u32, types: &mut [Ty]) {
    let i = f.code[pc as usize];
    let Some(op) = i.op() else { return };
    let (a, b, c) = (i.a(), i.b(), i.c());
    let get = |types: &[Ty], r: u8| types.get(usize::from(r)).copied().unwrap_or(Ty::Any);
    let captured = f.spec().captured;
    let set = |types: &mut [Ty], r: u8, ty: Ty| {
        if let Some(place) = types.get_mut(usize::from(r)) {
            *place = if captured.contains(r) { Ty::Any } else { ty };
        }
    };
    let e = Effects::of(op, i);
    let speculates = f.speculation.allowed_at(pc);
    let result = match op {
        Op::Move => get(types, b),
        Op::LoadNil => {
            for r in a..=a.saturating_add(b) {
                set(types, r, Ty::Nil);
            }
            return;
        }
        Op::LoadTrue | Op::LoadFalse | Op::Not => Ty::Bool,
        Op::LoadI => Ty::Int,
        Op::LoadF => Ty::Float,
        Op::LoadK => const_type(f.consts[i.k() as usize]),
        Op::NewTable => Ty::Table,
        Op::Closure => Ty::Closure,
        Op::Len => match get(types, b) {
            Ty::Str | Ty::Table => Ty::Int,
            _ => Ty::Any,
        },
        Op::GetIndex | Op::GetIndexI if speculates => match i.feedback_bits() {
            seen_element::INT => Ty::Int,
            seen_element::FLOAT => Ty::Float,
            _ => Ty::Any,
        },
        Op::ForPrep | Op::ForLoop => {
            let (x, y) = (get(types, a), get(types, a + 2));
            let kind = match (x, y) {
                (Ty::Int, Ty::Int) => Ty::Int,
                (Ty::Float, _) | (_, Ty::Float) => Ty::Float,
                _ if speculates && i.feedback_bits() == seen::INT => Ty::Int,
                _ => Ty::Any,
            };
            for r in a..=a.saturating_add(3) {
                set(types, r, kind);
            }
            return;
        }
        Op::TForLoop => {
            let v = get(types, a.saturating_add(4));
            set(types, a.saturating_add(2), v);
            return;
        }
        Op::JTrueSet | Op::JFalseSet => join(get(types, a), get(types, b)),
        _ => match arith_operator(op) {
            Some((kind, constant)) => {
                let right = match op {
                    Op::AddI => Ty::Int,
                    Op::Unm | Op::BNot => get(types, b),
                    _ if constant => const_type(f.consts[i.k() as usize]),
                    _ => get(types, c),
                };
                let bits = if speculates { i.feedback_bits() } else { 0 };
                arith_type(kind, bits, get(types, b), right)
            }
            None => {
                if op == Op::SelfField {
                    let object = get(types, b);
                    set(types, a.saturating_add(2), object);
                    set(types, a, Ty::Any);
                    return;
                }
                for r in e.kills.union(&e.writes).iter() {
                    set(types, r, Ty::Any);
                }
                if speculates && let Some((r, ty)) = known_results(f, pc, op, i) {
                    set(types, r, ty);
                }
                return;
            }
        },
    };
    set(types, a, result);
}

/// What is known of the types of what a call, an iteration or a concatenation
/// leaves in registers.
fn known_results(f: &Function, pc: u32, op: Op, i: Insn) -> Option<(u8, Ty)> {
    match op {
        Op::Concat => Some((i.a(), Ty::Str)),
        Op::Call => f.result_of(i).map(|ty| (i.a(), ty)),
        Op::TForCall => {
            let ints = f.iterated(pc) == Some(Known::Ipairs);
            ints.then(|| (i.a().saturating_add(4), Ty::Int))
        }
        _ => None,
    }
}

/// The operator of an arithmetic or bitwise instruction, and whether its right
/// operand is a constant.
pub(crate) fn arith_operator(op: Op) -> Option<(ArithOp, bool)> {
    crate::tier1::operator(op)
}

/// The tags a comparison or operation asks for, as types.
pub(crate) fn number_type(bits: u8) -> Option<Ty> {
    match bits {
        seen::INT => Some(Ty::Int),
        seen::FLOAT => Some(Ty::Float),
        _ => None,
    }
}

/// Whether values of this tag may be stored where `mask` allows some.
pub(crate) fn mask_allows(mask: u16, ty: Ty) -> Option<bool> {
    match ty {
        Ty::Any => (mask == u16::MAX).then_some(true),
        Ty::Bool => {
            let both = 1 << tag::TRUE | 1 << tag::FALSE;
            Some(mask & both == both)
        }
        _ => ty.tag().map(|t| mask >> t & 1 != 0),
    }
}
