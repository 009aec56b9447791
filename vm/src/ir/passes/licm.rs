//! Loop-invariant code motion: what is the same in every iteration is computed
//! once, before the loop.
//!
//! Inner loops come first, so that what leaves one may leave the next. An
//! instruction moves to the end of the preheader if its arguments are known
//! there and it is one of
//!
//! - what depends on its arguments alone;
//! - a **load** of what nothing in the loop writes, if it may be done there: the
//!   guards on which it relies are among its arguments, or have left the loop;
//! - a **guard** whose memory nothing in the loop writes. It goes on with the
//!   state at the beginning of the loop, so that whatever the first iteration
//!   did before it is as if it had not begun.
//!
//! ## Policy
//! A guard moves only if it is passed in every iteration (its block dominates
//! all latches), so that it fails early but not often in vain. Where guards of
//! one kind fail before a loop nevertheless, [`Cx::may_hoist`] says so, and those
//! of that kind stay in it. Nothing leaves cold
//! blocks.
//!
//! ## Soundness
//! To look at an object, its type must be known: an `unbox` of one, which a
//! branch made safe, never moves, and so nothing that uses it. Fields need the
//! result of a guard for the shape, elements those of guards for kind and
//! index. A closure's upvalues and a string's bytes rely on plain guards (for
//! the prototype; for being flat), which must have left the loop before.

use super::Cx;
use super::loops::{entry_frame, place, preheaders};
use super::memory::Memory;
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::{BlockId, FrameId, Func, Op, Reason, V};
use strata_runtime::audit::{Bug, planted};

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(cfg) = preheaders(f) else { return };
    let memory = Memory::of(f, &cfg);
    let mut home: Vec<Option<BlockId>> = vec![None; f.insts.len()];
    for &b in &cfg.order {
        let block = &f.blocks[b.n()];
        for &v in block.params.iter().chain(block.insts.iter()) {
            home[v.n()] = Some(b);
        }
    }
    for n in (0..cfg.loops.len()).rev() {
        let id = LoopId(n as u32);
        let header = cfg.the(id).header;
        let Some(preheader) = cfg.preheader(f, id) else {
            continue;
        };
        let place = place(f, header);
        let may_guard = |why: Reason| place.is_some_and(|(f, pc)| (cx.may_hoist)(f, pc, why));
        let some = Reason::ALL.into_iter().any(may_guard);
        let frame = if some {
            entry_frame(f, preheader, header)
        } else {
            None
        };
        let mut hoist = Hoist {
            cfg: &cfg,
            memory: &memory,
            home: &mut home,
            id,
            written: memory.written_in(f, cfg.the(id)),
            frame,
            may_guard: Reason::ALL.map(may_guard),
            every: false,
            callee_left: false,
            flat_left: false,
        };
        hoist.run(f, preheader, cx);
    }
}

/// Hoisting out of one loop.
struct Hoist<'h> {
    cfg: &'h Cfg,
    memory: &'h Memory,
    home: &'h mut Vec<Option<BlockId>>,
    id: LoopId,
    /// By class.
    written: Vec<bool>,
    /// What guards before the loop go on with, if some may be there.
    frame: Option<FrameId>,
    /// Which, by reason.
    may_guard: [bool; Reason::ALL.len()],
    /// The current block is passed in every iteration.
    every: bool,
    /// A guard for a callee has stayed in the loop.
    callee_left: bool,
    /// A guard for something's kind has.
    flat_left: bool,
}

impl Hoist<'_> {
    fn run(&mut self, f: &mut Func<'_>, preheader: BlockId, cx: &mut Cx<'_>) {
        let l = self.cfg.the(self.id);
        for &b in &l.blocks {
            if f.blocks[b.n()].cold {
                continue;
            }
            let dominates = |latch: &BlockId| self.cfg.dominates(b, *latch);
            self.every = l.latches.iter().all(dominates);
            let insts: Vec<V> = f.blocks[b.n()].insts.iter().copied().collect();
            for v in insts {
                if !self.may_move(f, v) {
                    self.stays(f, v);
                    continue;
                }
                if f.insts[v.n()].op.is_guard() {
                    f.insts[v.n()].frame = self.frame;
                    cx.stats.guards_hoisted += 1;
                } else {
                    cx.stats.values_hoisted += 1;
                }
                f.blocks[preheader.n()].insts.push(v);
                self.home[v.n()] = Some(preheader);
            }
            let home = &*self.home;
            f.blocks[b.n()].insts.retain(|v| home[v.n()] == Some(b));
        }
    }

    /// Notes a guard that stays in the loop.
    fn stays(&mut self, f: &Func<'_>, v: V) {
        let i = &f.insts[v.n()];
        if i.op == Op::Guard {
            match Reason::from_imm(i.imm) {
                Reason::Callee => self.callee_left = true,
                Reason::Kind => self.flat_left = true,
                _ => {}
            }
        }
    }

    fn outside(&self, v: V) -> bool {
        let home = self.home.get(v.n()).copied().flatten();
        home.is_some_and(|b| !self.cfg.contains(self.id, b))
    }

    /// Whether the instruction may be done in the preheader.
    fn may_move(&self, f: &Func<'_>, v: V) -> bool {
        let i = &f.insts[v.n()];
        let info = i.op.info();
        if info.writes != 0 || !i.args.iter().all(|&a| self.outside(a)) {
            return false;
        }
        let unchanged = || {
            let class = self.memory.class(i);
            info.reads == 0
                || class.is_some_and(|c| planted(Bug::HoistOverStore) || !self.written[c.n()])
        };
        if i.op.is_guard() {
            let may = i.reason().is_some_and(|why| self.may_guard[why as usize]);
            return self.frame.is_some() && may && self.every && unchanged();
        }
        if i.op.has_frame() {
            return false;
        }
        let def = |n: usize| f.insts[i.args[n].n()].op;
        match i.op {
            Op::IDiv | Op::IMod | Op::UDiv => {
                planted(Bug::HoistDivision) || f.int_const(i.args[1]).is_some_and(|c| c != 0)
            }
            // A number's bits may be looked at whatever they are.
            Op::Unbox => !i.ty.is_object(),
            Op::Field => unchanged() && def(0) == Op::GuardShape,
            Op::Entry => unchanged() && def(0) == Op::GuardEntry,
            Op::LoadInt | Op::LoadFloat | Op::LoadMixed => {
                let data = &f.insts[i.args[0].n()];
                let index = i.args.len() - 1;
                unchanged()
                    && data.op == Op::ArrData
                    && f.insts[data.args[0].n()].op == Op::GuardKind
                    && def(index) == Op::GuardIndex
            }
            Op::LoadByte => self.every && !self.flat_left && def(1) == Op::GuardIndex,
            Op::Upval => own_upvalue(f, v) || (self.every && !self.callee_left),
            Op::UpvalFixed => own_upvalue(f, i.args[0]) || (self.every && !self.callee_left),
            Op::UpvalGet => {
                unchanged() && (own_upvalue(f, i.args[0]) || (self.every && !self.callee_left))
            }
            _ if info.reads != 0 || i.op == Op::StrLen => unchanged() && self.typed(f, v),
            _ => i.op.is_pure() && self.typed(f, v),
        }
    }

    /// The objects among its arguments are what their types say, wherever they
    /// are known.
    fn typed(&self, f: &Func<'_>, v: V) -> bool {
        f.insts[v.n()].args.iter().all(|&a| {
            let i = &f.insts[a.n()];
            !(i.op == Op::Unbox && i.ty.is_object())
        })
    }
}

/// An upvalue of the function itself, which is what it is.
fn own_upvalue(f: &Func<'_>, v: V) -> bool {
    let i = &f.insts[v.n()];
    i.op == Op::Upval && f.insts[i.args[0].n()].op == Op::Myself
}
