//! Values that exits need, stored before any exit is taken.
//!
//! A loop has exits, and each needs the whole state of the interpreter: most of it
//! comes from before the loop, and no code of the loop but its exits asks for it.
//! Cranelift's register allocator takes an exit for code like any other, wants what it
//! stores in registers, and has the loop carry that in and out of its frame, iteration
//! by iteration. Such values are therefore stored where they are computed, in words of
//! the deopt buffer that no other value has, and the loop's exits leave them alone.
//!
//! LLVM knows better, and a loop with registers to spare needs no such care: a loop
//! that runs once or twice each time would only pay for the stores.

use super::exits::Exit;
use super::maps::Item;
use super::{For, Lower};
use crate::ir::cfg::{Cfg, Loop, LoopId};
use crate::ir::{BlockId, Func, Op, Ty, V};
use smallvec::SmallVec;

/// Most words for values that are stored early.
const WORDS: u16 = 48;

/// Registers that hold integers, less those for what a loop computes on its way.
const REGISTERS: usize = 11;

/// What is stored early.
#[derive(Default)]
pub(super) struct Early {
    /// The values, and the block that computes each.
    pub values: Vec<(V, BlockId)>,
    /// Of each exit: what it need not store, ascending.
    pub of_exit: Vec<Vec<Item>>,
}

impl Early {
    /// Finds what the exits of crowded loops need from before, and the loops don't.
    /// `needs`: what each exit needs, ascending.
    pub(super) fn of(l: &Lower<'_, '_>, cfg: &Cfg, exits: &[Exit], needs: &[Vec<Item>]) -> Early {
        let mut early = Early {
            values: Vec::new(),
            of_exit: vec![Vec::new(); needs.len()],
        };
        if l.whom == For::Llvm || cfg.loops.is_empty() {
            return early;
        }
        let home = homes(l.f, cfg);
        let uses: Vec<Vec<bool>> = cfg.loops.iter().map(|of| used_in(l.f, of)).collect();
        let idle = |id: LoopId, v: V| {
            let before = home[v.n()].is_some_and(|at| !cfg.contains(id, at));
            before && !uses[id.0 as usize][v.n()]
        };
        let loops_of = |exit: &Exit| -> Option<SmallVec<[LoopId; 2]>> {
            exit.from.iter().map(|b| cfg.loop_of[b.n()]).collect()
        };
        let mut asked: Vec<Vec<V>> = vec![Vec::new(); cfg.loops.len()];
        for (exit, items) in exits.iter().zip(needs) {
            for id in loops_of(exit).unwrap_or_default() {
                let idle = items.iter().filter_map(value).filter(|&v| idle(id, v));
                asked[id.0 as usize].extend(idle);
            }
        }
        let crowded: Vec<bool> = (0..cfg.loops.len())
            .map(|n| {
                let of = &cfg.loops[n];
                asked[n].sort_unstable();
                asked[n].dedup();
                let own = &l.f.blocks[of.header.n()].params;
                let used = (0..uses[n].len() as u32).map(V).filter(|v| {
                    let outside = home[v.n()].is_some_and(|at| !cfg.contains(LoopId(n as u32), at));
                    outside && uses[n][v.n()]
                });
                let all = used
                    .chain(own.iter().copied())
                    .chain(asked[n].iter().copied());
                all.map(|v| registers(l.f, v)).sum::<usize>() > REGISTERS
            })
            .collect();
        let mut words = 0;
        for (n, exit) in exits.iter().enumerate() {
            let Some(loops) = loops_of(exit) else {
                continue;
            };
            if !loops.iter().all(|id| crowded[id.0 as usize]) {
                continue;
            }
            for &item in &needs[n] {
                let Some(v) = value(&item) else { continue };
                let Some(at) = home[v.n()] else { continue };
                if !loops.iter().all(|&id| idle(id, v)) {
                    continue;
                }
                if !early.values.iter().any(|&(known, _)| known == v) {
                    let width = l.width(item);
                    if width == 0 || words + width > WORDS {
                        continue;
                    }
                    words += width;
                    early.values.push((v, at));
                }
                early.of_exit[n].push(item);
            }
        }
        early
    }
}

fn value(item: &Item) -> Option<V> {
    match *item {
        Item::Value(v) => Some(v),
        Item::Meta(_) => None,
    }
}

/// Where each value is computed.
fn homes(f: &Func<'_>, cfg: &Cfg) -> Vec<Option<BlockId>> {
    let mut home = vec![None; f.insts.len()];
    for &b in &cfg.order {
        let block = &f.blocks[b.n()];
        for &v in block.params.iter().chain(block.insts.iter()) {
            home[v.n()] = Some(b);
        }
    }
    home
}

/// Which values the blocks of a loop use, cold ones left out.
fn used_in(f: &Func<'_>, of: &Loop) -> Vec<bool> {
    let mut used = vec![false; f.insts.len()];
    let blocks = of.blocks.iter().map(|b| &f.blocks[b.n()]);
    for block in blocks.filter(|b| !b.cold) {
        for &v in &block.insts {
            f.insts[v.n()].args.iter().for_each(|a| used[a.n()] = true);
        }
        block.term.uses(&mut |v| used[v.n()] = true);
    }
    used
}

/// Registers for integers that a value takes.
fn registers(f: &Func<'_>, v: V) -> usize {
    let i = &f.insts[v.n()];
    match i.ty {
        _ if matches!(i.op, Op::Int | Op::Float | Op::Nil | Op::Bool) => 0,
        Ty::Float | Ty::Nil | Ty::Void => 0,
        Ty::Any => 2,
        _ => 1,
    }
}
