//! The walk over the code with its states; see [`super`].

use super::rules::Rule;
use super::{Check, Checker, STEPS, STRIDE, Scratch, VerifyFault};
use crate::budget::Budget;
use crate::effects::{Effects, SHAPES, Shape};
use crate::insn::Insn;
use crate::module::{Block, RegSet};
use crate::op::{Ext, Op};
use smallvec::SmallVec;

/// What is known at a point of the code.
struct State {
    /// Control can get here.
    live: bool,
    /// Registers that hold a value.
    defined: RegSet,
    /// To-be-closed registers, ascending.
    tbc: SmallVec<[u8; 8]>,
    /// The same as a set.
    tbc_set: RegSet,
    /// Open results start here.
    open: Option<u8>,
    /// Registers that may have open upvalues.
    upvalues: RegSet,
}

impl State {
    /// The state a block declares.
    #[inline]
    fn enter(&mut self, block: &Block) {
        self.live = true;
        self.defined = RegSet::below(block.defined as usize);
        if self.tbc.as_slice() != block.tbc.as_slice() {
            self.tbc.clear();
            self.tbc.extend_from_slice(&block.tbc);
            self.tbc_set = block.tbc.iter().copied().collect();
        }
        self.open = block.open;
    }

    /// Control gets here, and nothing is open that an instruction could
    /// disturb.
    #[inline]
    fn quiet(&self) -> bool {
        self.live && self.open.is_none() && self.tbc.is_empty()
    }
}

/// The registers that may have open upvalues where `block` starts, which falls
/// through from `state` if that is live.
#[inline]
fn open_at(scratch: &mut Scratch, index: usize, block: &Block, state: &State) -> RegSet {
    let sets = &mut scratch.open_upvalues;
    if state.live {
        sets[index] = sets[index].union(&state.upvalues);
    }
    if block.loop_header {
        if let Some(captured) = scratch.loop_captures.pop() {
            sets[index] = sets[index].union(&captured);
        }
        // Blocks of the loop that were entered from before it.
        let end = scratch.last_back[index].1 as usize;
        scratch.entered.gather(sets, index, end);
    }
    sets[index]
}

impl Checker<'_> {
    /// Checks all instructions.
    pub(super) fn code(&self, scratch: &mut Scratch, budget: &mut dyn Budget) -> Check {
        let p = self.proto;
        let captures = !p.captured.is_empty();
        scratch.block_at.clear();
        scratch.block_at.resize(p.code.len(), 0);
        for (n, block) in p.blocks.iter().enumerate() {
            scratch.block_at[block.pc as usize] = n as u32 + 1;
        }
        scratch.child_captures.clear();
        scratch
            .child_captures
            .extend(p.children.iter().map(|child| {
                let upvals = &self.module.protos[child.0 as usize].upvals;
                let registers = upvals.iter().filter(|desc| desc.from_register);
                registers.map(|desc| desc.index).collect::<RegSet>()
            }));
        if captures {
            self.loop_captures(scratch);
        }

        let mut state = State {
            live: true,
            defined: RegSet::below(p.params as usize),
            tbc: SmallVec::new(),
            tbc_set: RegSet::EMPTY,
            open: None,
            upvalues: RegSet::EMPTY,
        };
        let mut blocks = p.blocks.iter().enumerate();
        let mut next = blocks.next();
        for (pc, &insn) in p.code.iter().enumerate() {
            if pc % STRIDE == STRIDE - 1 {
                budget.spend(STRIDE as u64 * STEPS, scratch.bytes())?;
            }
            let pc = pc as u32;
            if let Some((index, block)) = next
                && block.pc == pc
            {
                next = blocks.next();
                if state.live {
                    self.edge(pc.saturating_sub(1), &state, &state.defined, block)?;
                }
                if captures {
                    state.upvalues = open_at(scratch, index, block, &state);
                }
                state.enter(block);
            }
            let Some(shape) = SHAPES.get(usize::from(insn.0 as u8)) else {
                return Err(self.error(pc, Rule::Opcode, || {
                    format!("opcode {:#04x} is unknown", insn.0 as u8)
                }));
            };
            self.operands(pc, shape, insn)?;
            self.step(pc, shape, insn, &mut state, scratch)?;
        }
        match p.code.last().and_then(|insn| insn.op()) {
            Some(last) if !last.is_terminator() => {
                Err(self.error(p.code.len() as u32 - 1, Rule::CodeEnd, || {
                    format!("control falls through {}", last.info().mnemonic)
                }))
            }
            _ => Ok(()),
        }
    }

    /// Moves `state` over one instruction and checks the jump it may make.
    #[inline]
    fn step(
        &self,
        pc: u32,
        shape: &Shape,
        insn: Insn,
        state: &mut State,
        scratch: &mut Scratch,
    ) -> Check {
        let op = shape.op;
        let target = match shape.ext {
            Ext::Jump => Some(self.target(pc, op, insn, scratch)?),
            _ => None,
        };
        if !state.live {
            return Ok(());
        }
        let mut left = RegSet::EMPTY;
        let (taken, fall) = if shape.simple && state.quiet() {
            let [ra, rb, rc] = shape.reads;
            let defined = (!ra || state.defined.contains(insn.a()))
                & (!rb || state.defined.contains(insn.b()))
                & (!rc || state.defined.contains(insn.c()));
            if !defined {
                let missing = Effects::of(op, insn).reads.minus(&state.defined);
                return Err(self.undefined(pc, op, missing));
            }
            if shape.writes {
                state.defined.insert(insn.a());
            }
            (None, None)
        } else if op == Op::Closure && state.quiet() {
            self.closure(pc, insn, state, scratch)?;
            (None, None)
        } else if op == Op::Close && state.quiet() {
            let kept = RegSet::below(insn.a() as usize);
            state.defined = state.defined.intersection(&kept);
            state.upvalues = state.upvalues.intersection(&kept);
            (None, None)
        } else {
            let e = self.effects(pc, op, insn, state, scratch)?;
            left = e.left;
            (e.taken, e.fall)
        };
        if let Some(index) = target {
            let block = &self.proto.blocks[index];
            match taken {
                None if left.is_empty() => self.edge(pc, state, &state.defined, block)?,
                None => self.edge(pc, state, &state.defined.minus(&left), block)?,
                Some(reg) => {
                    let mut defined = state.defined;
                    defined.insert(reg);
                    self.edge(pc, state, &defined, block)?;
                }
            }
            if !state.upvalues.is_empty() {
                let known = &mut scratch.open_upvalues[index];
                if !op.is_back_edge() {
                    *known = known.union(&state.upvalues);
                    scratch.entered.add(index, &state.upvalues);
                } else if let Some(reg) = state.upvalues.minus(known).first() {
                    return Err(self.error(pc, Rule::CapturedLoop, || {
                        format!("register {reg} may still have an open upvalue")
                    }));
                }
            }
        }
        match fall {
            Some(reg) => state.defined.insert(reg),
            None => state.defined = state.defined.minus(&left),
        }
        if op.is_terminator() {
            state.live = false;
        }
        Ok(())
    }

    /// Moves `state` over a `closure`.
    #[inline]
    fn closure(&self, pc: u32, insn: Insn, state: &mut State, scratch: &Scratch) -> Check {
        let captured = &scratch.child_captures[insn.u32() as usize];
        // The closure is in place before it captures, so that a local
        // function may capture itself.
        state.defined.insert(insn.a());
        let missing = captured.minus(&state.defined);
        if !missing.is_empty() {
            return Err(self.undefined(pc, Op::Closure, missing));
        }
        state.upvalues = state.upvalues.union(captured);
        Ok(())
    }

    /// Moves `state` over an instruction whose operands' roles do not say all
    /// about it, or that finds something open. Returns what it does.
    fn effects(
        &self,
        pc: u32,
        op: Op,
        insn: Insn,
        state: &mut State,
        scratch: &Scratch,
    ) -> Check<Effects> {
        let mut e = Effects::of(op, insn);
        match (state.open.take(), e.open_in) {
            (None, None) => {}
            (Some(open), Some(least)) if open >= least => {
                e.reads = e.reads.union(&RegSet::range(least.into(), open.into()));
            }
            (Some(open), Some(least)) => {
                return Err(self.error(pc, Rule::OpenBase, || {
                    format!("open results at register {open}, taken from {least} on")
                }));
            }
            (Some(open), None) => {
                return Err(self.error(pc, Rule::OpenPending, || {
                    format!(
                        "{} ignores the open results at register {open}",
                        op.info().mnemonic
                    )
                }));
            }
            (None, Some(_)) => {
                return Err(self.error(pc, Rule::OpenMissing, || {
                    format!("{} finds no open results", op.info().mnemonic)
                }));
            }
        }
        let missing = e.reads.minus(&state.defined);
        if !missing.is_empty() {
            return Err(self.undefined(pc, op, missing));
        }
        if op == Op::Closure {
            self.closure(pc, insn, state, scratch)?;
        }
        self.closing(pc, op, insn, state)?;
        self.clobbers(pc, op, &e, state)?;
        state.defined = state.defined.minus(&e.kills).union(&e.writes);
        state.open = e.open_out;
        Ok(e)
    }

    #[cold]
    fn undefined(&self, pc: u32, op: Op, missing: RegSet) -> Box<VerifyFault> {
        self.error(pc, Rule::UndefinedRegister, || {
            format!(
                "{} reads register {}, which holds nothing here",
                op.info().mnemonic,
                missing.first().unwrap_or(0)
            )
        })
    }

    /// Opens and closes what the instruction opens and closes.
    fn closing(&self, pc: u32, op: Op, insn: Insn, state: &mut State) -> Check {
        let opened = match op {
            Op::Tbc => insn.a(),
            Op::TForPrep => insn.a() + 3,
            Op::Close => {
                let kept = RegSet::below(insn.a() as usize);
                while state.tbc.last().is_some_and(|&reg| reg >= insn.a()) {
                    state.tbc.pop();
                }
                state.tbc_set = state.tbc_set.intersection(&kept);
                state.upvalues = state.upvalues.intersection(&kept);
                return Ok(());
            }
            Op::TailCall | Op::Return | Op::Return0 | Op::Return1 if !state.tbc.is_empty() => {
                return Err(self.error(pc, Rule::TbcReturn, || {
                    format!(
                        "{} with registers {:?} to be closed",
                        op.info().mnemonic,
                        state.tbc.as_slice()
                    )
                }));
            }
            _ => return Ok(()),
        };
        if let Some(&last) = state.tbc.last()
            && opened <= last
        {
            return Err(self.error(pc, Rule::TbcOrder, || {
                format!("register {opened} after register {last}")
            }));
        }
        state.tbc.push(opened);
        state.tbc_set.insert(opened);
        Ok(())
    }

    /// Checks that registers somebody else refers to keep their values.
    #[inline]
    fn clobbers(&self, pc: u32, op: Op, e: &Effects, state: &State) -> Check {
        if op.is_terminator() {
            return Ok(());
        }
        if !state.tbc.is_empty() {
            let mut touched = e.kills.union(&e.writes).union(&e.left);
            touched
                .0
                .iter_mut()
                .zip(state.tbc_set.0)
                .for_each(|(w, t)| *w &= t);
            for reg in [e.taken, e.fall].into_iter().flatten() {
                if state.tbc_set.contains(reg) {
                    touched.insert(reg);
                }
            }
            if let Some(reg) = touched.first() {
                return Err(self.error(pc, Rule::TbcClobber, || {
                    format!("{} overwrites register {reg}", op.info().mnemonic)
                }));
            }
        }
        match e.kills.union(&e.left).intersection(&state.upvalues).first() {
            None => Ok(()),
            Some(reg) => Err(self.error(pc, Rule::CapturedClobber, || {
                format!(
                    "{} uses register {reg} as scratch, which may have an open upvalue",
                    op.info().mnemonic
                )
            })),
        }
    }

    /// The block a jump leads to.
    fn target(&self, pc: u32, op: Op, insn: Insn, scratch: &Scratch) -> Check<usize> {
        let len = self.proto.code.len() as i64;
        let target = i64::from(pc) + 1 + i64::from(insn.jump());
        if target < 0 || target >= len {
            return Err(self.error(pc, Rule::JumpRange, || {
                format!("jump to {target}, with {len} instructions")
            }));
        }
        let backward = target <= i64::from(pc);
        if backward != op.is_back_edge() {
            return Err(self.error(pc, Rule::JumpDirection, || {
                format!("{} from {pc} to {target}", op.info().mnemonic)
            }));
        }
        let Some(index) = (scratch.block_at[target as usize] as usize).checked_sub(1) else {
            return Err(self.error(pc, Rule::JumpTarget, || {
                format!("no block is declared at {target}")
            }));
        };
        if backward {
            if !self.proto.blocks[index].loop_header {
                return Err(self.error(pc, Rule::LoopHeader, || {
                    format!("the block at {target} is not declared as a loop header")
                }));
            }
            if target == 0 && self.proto.vararg {
                return Err(self.error(pc, Rule::VarargPrep, || "a jump back to varargprep".into()));
            }
        }
        Ok(index)
    }

    /// Compares the state on an edge from `pc` with the block it leads to.
    #[inline]
    fn edge(&self, pc: u32, state: &State, defined: &RegSet, block: &Block) -> Check {
        let wanted = RegSet::below(block.defined as usize);
        if !wanted.is_subset(defined) {
            return Err(self.error(pc, Rule::EdgeDefined, || {
                format!(
                    "register {} holds nothing, but the block at {} declares {} registers",
                    wanted.minus(defined).first().unwrap_or(0),
                    block.pc,
                    block.defined
                )
            }));
        }
        if state.tbc.as_slice() != block.tbc.as_slice() {
            return Err(self.error(pc, Rule::EdgeTbc, || {
                format!(
                    "registers {:?} to be closed, but the block at {} declares {:?}",
                    state.tbc.as_slice(),
                    block.pc,
                    block.tbc.as_slice()
                )
            }));
        }
        if state.open != block.open {
            return Err(self.error(pc, Rule::EdgeOpen, || {
                format!(
                    "open results {:?}, but the block at {} declares {:?}",
                    state.open, block.pc, block.open
                )
            }));
        }
        Ok(())
    }
}
