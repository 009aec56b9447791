//! What registers hold at a point of the function, and how that becomes frame
//! states.

use super::{Builder, Edge, Header, Refused};
use crate::ir::{BlockId, Frame, FrameId, Held, Op as Ir, Target, Term, Ty, V};
use crate::tier2::snapshot::EntryAt;
use smallvec::SmallVec;
use std::rc::Rc;
use strata_runtime::audit::{Bug, planted};
use strata_spec::module::RegSet;

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reg {
    /// Nothing that anybody may look at.
    Undefined,
    /// What is in its VM slot.
    Slot,
    /// A value; `clean`: it is in the slot as well.
    Val { v: V, clean: bool },
    /// What this cell holds, the open upvalue of its slot.
    Cell(V),
}

/// What all registers of a function hold.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub regs: Vec<Reg>,
    /// The frames below, and the links between, are in their slots.
    pub linked: bool,
}

impl State {
    /// Where code is entered: live registers are in their slots.
    pub(super) fn at_entry(n: usize, live: &RegSet) -> State {
        let mut s = State {
            regs: vec![Reg::Undefined; n],
            linked: true,
        };
        for r in live.iter() {
            s.set(r, Reg::Slot);
        }
        s
    }

    pub(super) fn get(&self, r: u8) -> Reg {
        let reg = self.regs.get(usize::from(r));
        reg.copied().unwrap_or(Reg::Undefined)
    }

    pub(super) fn set(&mut self, r: u8, reg: Reg) {
        if let Some(place) = self.regs.get_mut(usize::from(r)) {
            *place = reg;
        }
    }
}

impl Builder<'_, '_> {
    pub(super) fn live_before(&mut self, pc: u32) -> RegSet {
        self.live(pc, false)
    }

    pub(super) fn live_during(&mut self, pc: u32) -> RegSet {
        self.live(pc, true)
    }

    fn live(&mut self, pc: u32, waits: bool) -> RegSet {
        let f = self.func();
        *self.ctx.live.entry((pc, waits)).or_insert_with(|| {
            if waits {
                f.liveness.during(f.spec(), pc)
            } else {
                f.liveness.before(f.spec(), pc)
            }
        })
    }

    /// The frame state at instruction `pc`: about to run, or waiting in it.
    pub(super) fn frame(&mut self, pc: u32, waits: bool) -> Result<FrameId, Refused> {
        if let Some((at, w, frame)) = self.frame_cache
            && (at, w) == (pc, waits)
        {
            return Ok(frame);
        }
        let live = self.live(pc, waits);
        let mut regs: SmallVec<[(u8, Held); 16]> = SmallVec::new();
        for r in live.iter() {
            match self.st.get(r) {
                Reg::Undefined => {
                    return Err(format!("r{r} is live at {pc}, but holds nothing"));
                }
                Reg::Slot | Reg::Val { clean: true, .. } => regs.push((r, Held::Slot)),
                Reg::Val { v, .. } => regs.push((r, Held::Value(v))),
                Reg::Cell(c) => regs.push((r, Held::Cell(c))),
            }
        }
        if !waits {
            self.open_held(pc, &mut regs);
        }
        let extras = self.ctx.extras.iter().flatten().map(|&v| Held::Value(v));
        let extras: SmallVec<[Held; 4]> = extras.collect();
        let id = FrameId(self.f.frames.len() as u32);
        let frame = Frame {
            func: self.ctx.no,
            pc,
            waits,
            base: self.ctx.base,
            parent: self.ctx.below.map(|(frame, _)| frame),
            closure: self.ctx.below.map(|(_, closure)| Held::Value(closure)),
            tail: self.ctx.tail,
            linked: self.st.linked,
            early: false,
            extras: self.f.arena.alloc_slice_copy(&extras),
            regs: self.f.arena.alloc_slice_copy(&regs),
            sunk: &[],
        };
        self.f.frames.push(frame);
        self.frame_cache = Some((pc, waits, id));
        Ok(id)
    }

    /// Begins the block of bytecode `bb`, at `pc`, to which these ways lead.
    pub(super) fn begin(&mut self, bb: BlockId, pc: u32, edges: Vec<Edge>) -> Result<(), Refused> {
        let live = self.live_before(pc);
        self.merge(edges, &live);
        for (r, reg) in (0u8..=255).zip(self.st.regs.iter_mut()) {
            if !live.contains(r) {
                *reg = Reg::Undefined;
            }
        }
        self.frame_cache = None;
        if self.ctx.flow.loops.contains_key(&bb) {
            self.begin_loop(bb, pc, &live)?;
        }
        Ok(())
    }

    /// Goes on where these ways meet.
    fn merge(&mut self, mut edges: Vec<Edge>, live: &RegSet) {
        if edges.len() == 1
            && let Some((block, state)) = edges.pop()
        {
            self.go_on(block);
            self.st = state;
            return;
        }
        let met = self.f.block();
        let cold = edges.iter().all(|(b, _)| self.f.blocks[b.n()].cold);
        self.f.blocks[met.n()].cold = cold;
        let mut state = State {
            regs: vec![Reg::Undefined; edges[0].1.regs.len()],
            linked: edges.iter().all(|(_, s)| s.linked),
        };
        let mut args: Vec<SmallVec<[V; 4]>> = vec![SmallVec::new(); edges.len()];
        for r in live.iter() {
            let mut ways: SmallVec<[Reg; 4]> = edges.iter().map(|(_, s)| s.get(r)).collect();
            if ways.contains(&Reg::Undefined) {
                continue;
            }
            if let Some(met) = self.meet_captured(r, &edges) {
                state.set(r, met);
                continue;
            }
            let clean = ways
                .iter()
                .all(|w| matches!(w, Reg::Slot | Reg::Val { clean: true, .. }));
            if let Reg::Val { v, .. } = ways[0]
                && ways
                    .iter()
                    .all(|w| matches!(w, Reg::Val { v: other, .. } if *other == v))
            {
                state.set(r, Reg::Val { v, clean });
                continue;
            }
            if clean && ways.contains(&Reg::Slot) {
                state.set(r, Reg::Slot);
                continue;
            }
            let slot = u64::from(self.ctx.base + u32::from(r));
            for ((block, _), way) in edges.iter().zip(&mut ways) {
                if *way == Reg::Slot {
                    self.go_on(*block);
                    let v = self.put_imm(Ir::SlotLoad, &[], slot);
                    *way = Reg::Val { v, clean: true };
                }
            }
            let values: SmallVec<[V; 4]> = ways
                .iter()
                .filter_map(|w| match w {
                    Reg::Val { v, .. } => Some(*v),
                    _ => None,
                })
                .collect();
            let ty = self.f.ty(values[0]);
            let ty = if values.iter().all(|&v| self.f.ty(v) == ty) {
                ty
            } else {
                Ty::Any
            };
            for (n, &v) in values.iter().enumerate() {
                self.go_on(edges[n].0);
                let v = self.boxed_as(v, ty);
                args[n].push(v);
            }
            let v = self.f.param(met, ty);
            state.set(r, Reg::Val { v, clean });
        }
        for ((block, _), args) in edges.iter().zip(args) {
            self.f.blocks[block.n()].term = Term::Jump(Target { block: met, args });
        }
        self.go_on(met);
        self.st = state;
    }

    /// `v`, boxed if `ty` is `Any`.
    fn boxed_as(&mut self, v: V, ty: Ty) -> V {
        if ty == Ty::Any { self.boxed(v) } else { v }
    }

    /// Begins a loop: its preheader is the current block.
    fn begin_loop(&mut self, bb: BlockId, pc: u32, live: &RegSet) -> Result<(), Refused> {
        let flow = self.ctx.flow.clone();
        let info = &flow.loops[&bb];
        if self.ctx.below.is_none() && self.s.entry == EntryAt::Loop(pc) {
            self.enter_for(pc)?;
        }
        self.open_before_loop(bb, live);
        // Captured registers that are cells or memory stay that.
        let mut captured = self.func().spec().captured;
        if self.ctx.tidy {
            for r in captured.iter() {
                if matches!(self.st.get(r), Reg::Val { .. }) {
                    captured.remove(r);
                }
            }
        }
        let carried = live.intersection(&info.written).minus(&captured);
        // What the loop only reads is read once, before it.
        let fixed = live.minus(&info.written).minus(&captured);
        for r in fixed.intersection(&info.read).iter() {
            let ty = info.types[usize::from(r)];
            let v = self.val(r);
            if ty != Ty::Any && ty != Ty::Bool && self.f.ty(v) == Ty::Any {
                self.expect(v, ty, pc)?;
            }
        }
        if info.calls {
            if planted(Bug::DirtyLoops) {
                for r in fixed.iter() {
                    if let Reg::Val { v, .. } = self.st.get(r) {
                        self.st.set(r, Reg::Val { v, clean: true });
                    }
                }
            }
            self.store(&fixed);
            self.link();
        }
        let header = self.f.block();
        self.f.blocks[header.n()].cold = self.f.blocks[self.at.n()].cold;
        let mut params = Vec::new();
        for r in carried.iter() {
            if self.st.get(r) == Reg::Undefined {
                continue;
            }
            let ty = info.types[usize::from(r)];
            let have = self.val(r);
            let have = self.f.ty(have);
            // What can't be unboxed, or isn't what it comes in as, is carried
            // as it is.
            let ty = match ty {
                Ty::Void => Ty::Any,
                ty if ty == have || have == Ty::Any => ty,
                _ => Ty::Any,
            };
            let ty = if matches!(ty, Ty::Bool | Ty::Nil) {
                Ty::Any
            } else {
                ty
            };
            params.push((r, ty));
        }
        let params: Rc<[(u8, Ty)]> = params.into();
        let captured = self.captured_now(live).into();
        let args = self.carried(&params, pc)?;
        self.end(Term::Jump(Target {
            block: header,
            args,
        }));
        for &(r, ty) in params.iter() {
            let v = self.f.param(header, ty);
            self.st.set(r, Reg::Val { v, clean: false });
        }
        self.frame_cache = None;
        self.go_on(header);
        let frame = self.frame(pc, false)?;
        self.f.blocks[header.n()].entry = Some(frame);
        self.ctx.headers.insert(
            bb,
            Header {
                block: header,
                params,
                captured,
            },
        );
        Ok(())
    }

    /// What is passed to a loop header at `pc`: guarded where it is not known
    /// to be what the header takes.
    fn carried(&mut self, params: &[(u8, Ty)], pc: u32) -> Result<SmallVec<[V; 4]>, Refused> {
        let mut args = SmallVec::new();
        for &(r, ty) in params {
            let v = self.val(r);
            args.push(match ty {
                Ty::Any => self.boxed(v),
                _ => self.expect(v, ty, pc)?,
            });
        }
        // All guards come first: they go on with the registers as they are.
        Ok(args)
    }

    /// Ends the block: back to the header of a loop.
    pub(super) fn back_to(&mut self, bb: BlockId) -> Result<(), Refused> {
        let header = self.ctx.headers[&bb].clone();
        let pc = self.ctx.flow.blocks[bb.n()].start;
        self.captured_as_before(&header.captured)?;
        let args = self.carried(&header.params, pc)?;
        self.end(Term::Jump(Target {
            block: header.block,
            args,
        }));
        Ok(())
    }
}
