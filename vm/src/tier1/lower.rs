//! From bytecode to CLIF: blocks, entry points, exits.
//!
//! Each place where control flow joins (a declared block of the bytecode) is
//! a CLIF block; instructions in between are lowered one after the other with
//! a [`State`] of what is known. States meet at joins. A loop header has two
//! blocks: the *preheader*, where control comes from above, and the header
//! proper, which the back-edge and the OSR entry also reach and which takes
//! the payloads of the loop's carried registers as parameters.

use super::arith::operator;
use super::aside::Table;
use super::calls::SlowCall;
use super::heat::Heat;
use super::helpers;
use super::layout::*;
use super::loops::{Loop, find_loops};
use super::returns::Shared;
use super::state::{Payload, State, UNKNOWN};
use crate::deopt::{Site, check_sites};
use crate::jit::{Counts, EntryCheck, Exit, Guard, Speculation};
use crate::stress::Stress;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AbiParam, Block, InstBuilder, MemFlagsData, SigRef, Signature, Type, Value, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rustc_hash::{FxHashMap, FxHashSet};
use strata_runtime::object::{GcHeader, ProtoObj};
use strata_runtime::value::tag;
use strata_spec::effects::Effects;
use strata_spec::module::{Proto, RegSet};
use strata_spec::{Insn, Op};

/// Loads and stores of the VM's memory never trap.
pub(super) const MEM: MemFlagsData = MemFlagsData::trusted();

/// The signature of compiled code ([`crate::interp::native::Entry`]).
pub(super) fn signature(isa: &dyn TargetIsa) -> Signature {
    let mut s = Signature::new(isa.default_call_conv());
    s.params.extend([AbiParam::new(types::I64); 3]);
    s.returns.push(AbiParam::new(types::I64));
    s
}

/// What code depends on besides its function.
pub(super) struct Surroundings<'a> {
    /// The metatable epoch while compiling.
    pub epoch: u32,
    /// The address of the trampoline, see [`super::aside`], and its helpers.
    pub trampoline: usize,
    pub asides: &'a mut Table,
    /// The shape of an empty table.
    pub root: *mut strata_runtime::object::Shape,
    /// Inline fields that allocation sites suggest.
    pub site_fields: Vec<u8>,
    /// Instructions after which its counters are used up, if tier 2 is to know.
    pub heat: Option<u32>,
    /// Where executed instructions are counted, if they are.
    pub counts: Option<*mut Counts>,
    /// Executed instructions are charged, see [`super::charge`].
    pub charges: bool,
    /// What is to be set when the code runs.
    pub ran: Option<*mut u64>,
    /// Verifiers look at what is made.
    pub checked: bool,
}

/// What lowering made besides CLIF.
pub(super) struct Made {
    /// Entry points by pc, 0 is none.
    pub points: Vec<u16>,
    /// The exits the code refers to.
    pub exits: Box<[Exit]>,
    /// Tags that entry points check; the code holds their address.
    pub checks: Vec<EntryCheck>,
    /// The code relies on the metatable epoch.
    pub assumes: bool,
    /// Heap objects the code names.
    pub refs: Vec<*mut GcHeader>,
    /// Where the code can be left or looked at.
    pub sites: Vec<Site>,
    /// Its counters; the code holds their addresses.
    #[cfg_attr(not(feature = "cranelift"), allow(dead_code, reason = "for tier 2"))]
    pub heat: Heat,
}

/// An exit to be emitted at the end.
pub(super) struct PendingExit {
    pub(super) block: Block,
    /// Its number.
    pub(super) exit: usize,
    /// Executed instructions that were not charged before.
    pub(super) owed: i32,
}

/// An entry point to be emitted at the end: checks what the code at its
/// target takes for known, then goes there.
pub(super) struct PendingEntry {
    pub(super) pc: u32,
    pub(super) target: Block,
    pub(super) state: State,
    /// Payloads that the target takes as arguments.
    pub(super) args: Vec<(u8, Type)>,
}

/// The function being lowered.
pub(super) struct Lower<'a> {
    pub(super) b: FunctionBuilder<'a>,
    pub(super) p: *mut ProtoObj,
    pub(super) spec: &'a Proto,
    pub(super) code: &'a [Insn],
    /// The VM, and the frame's base.
    pub(super) vm: Value,
    pub(super) base: Value,
    pub(super) st: State,
    pub(super) captured: RegSet,
    pub(super) speculation: &'a Speculation,
    pub(super) labels: Vec<Option<Block>>,
    pub(super) incoming: Vec<Option<State>>,
    pub(super) loops: FxHashMap<u32, Loop>,
    pub(super) reachable: bool,
    pub(super) exits: Vec<Exit>,
    pub(super) pending: Vec<PendingExit>,
    /// Blocks that charge so much and pass a status on, to be emitted at the
    /// end.
    pub(super) outs: Vec<(Block, i32)>,
    /// Blocks that note ways of conditional jumps, likewise.
    pub(super) notes: Vec<super::branch::Note>,
    pub(super) exit_of: FxHashMap<(u32, Guard, i32), Block>,
    pub(super) entries: Vec<PendingEntry>,
    pub(super) points: Vec<u16>,
    pub(super) refs: Vec<*mut GcHeader>,
    pub(super) checks: Vec<EntryCheck>,
    /// It relies on the metatable epoch.
    pub(super) assumes: bool,
    pub(super) sites: Vec<Site>,
    pub(super) heat: Heat,
    /// Where loops are left to, if their code may be optimized.
    pub(super) loop_ends: FxHashSet<u32>,
    /// Where the answers of optimized code of loops are sorted out.
    pub(super) loop_over: Option<Block>,
    /// Guards so far.
    pub(super) guards: usize,
    /// The instruction being lowered; how many were lowered, this among them,
    /// that are not charged yet. See [`super::charge`].
    pub(super) current: Option<u32>,
    pub(super) uncharged: i32,
    /// Which guards ask whether they are to fail.
    pub(super) stress: &'a Stress,
    pub(super) returns: Shared,
    pub(super) slow_calls: Vec<SlowCall>,
    /// Returns its argument.
    pub(super) pass: Block,
    /// Returns `RETURNED`.
    pub(super) done: Block,
    pub(super) step_sig: SigRef,
    /// See [`super::aside`].
    pub(super) aside_sig: SigRef,
    pub(super) around: Surroundings<'a>,
    pub(super) call_conv: cranelift_codegen::isa::CallConv,
}

/// Lowers `p` into `func`.
///
/// # Safety
/// `p` is live and was verified.
pub(super) unsafe fn lower(
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
    p: *mut ProtoObj,
    speculation: &Speculation,
    around: Surroundings<'_>,
    stress: &Stress,
) -> Result<Made, String> {
    // SAFETY: `p` is live; its code has `code_len` instructions.
    let (spec, code) = unsafe {
        let spec = (*p).spec();
        let spec: &Proto = &*std::ptr::from_ref(spec);
        (
            spec,
            std::slice::from_raw_parts((*p).code.cast_const(), (*p).code_len as usize),
        )
    };
    let checked = around.checked;
    let mut b = FunctionBuilder::new(func, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let params = b.block_params(entry);
    let (vm, base, at) = (params[0], params[1], params[2]);
    let pass = b.create_block();
    b.append_block_param(pass, types::I64);
    b.set_cold_block(pass);
    let done = b.create_block();
    let mut sig = Signature::new(isa.default_call_conv());
    sig.params.extend([AbiParam::new(types::I64); 3]);
    sig.returns.push(AbiParam::new(types::I64));
    let step_sig = b.import_signature(sig);
    let aside_sig = b.import_signature(super::aside::signature(super::aside::ARGS));
    let mut l = Lower {
        b,
        p,
        spec,
        code,
        vm,
        base,
        st: State::new(usize::from(spec.regs)),
        heat: Heat::default(),
        loop_ends: FxHashSet::default(),
        loop_over: None,
        captured: spec.captured,
        speculation,
        labels: vec![None; code.len() + 1],
        incoming: vec![None; code.len() + 1],
        loops: find_loops(spec, code),
        reachable: true,
        exits: Vec::new(),
        pending: Vec::new(),
        outs: Vec::new(),
        notes: Vec::new(),
        exit_of: FxHashMap::default(),
        entries: Vec::new(),
        points: vec![0; code.len()],
        refs: Vec::new(),
        checks: Vec::new(),
        assumes: false,
        sites: Vec::new(),
        guards: 0,
        current: None,
        uncharged: 0,
        stress,
        returns: Shared::default(),
        slow_calls: Vec::new(),
        pass,
        done,
        step_sig,
        aside_sig,
        around,
        call_conv: isa.default_call_conv(),
    };
    for block in &spec.blocks {
        let label = l.b.create_block();
        if let Some(place) = l.labels.get_mut(block.pc as usize) {
            *place = Some(label);
        }
    }
    if let Some(work) = l.around.heat {
        let loops = l.loops.iter().map(|(header, l)| (*header, l.end));
        let loops: Vec<_> = loops.collect();
        l.loop_ends = super::heat::loop_ends(code, &loops);
        l.heat = Heat::new(loops, &l.costs(), work);
    }
    let (first, dispatch, index) = l.prologue(at);
    let mut pc = first;
    while (pc as usize) < code.len() {
        l.at_label(pc);
        if l.reachable {
            l.instruction(pc)?;
        }
        pc += 1;
    }
    let exits = l.finish(dispatch, index)?;
    let Lower {
        b,
        points,
        checks,
        assumes,
        refs,
        mut sites,
        heat,
        ..
    } = l;
    sites.sort_unstable();
    sites.dedup();
    // The checker's analysis is too slow to run always.
    if checked {
        check_sites(spec, &sites)?;
    }
    b.finalize(isa.frontend_config());
    Ok(Made {
        points,
        exits,
        checks,
        assumes,
        refs,
        sites,
        heat,
    })
}

impl Lower<'_> {
    /// Checks before the function begins. The pc lowering starts with, and
    /// the block that is to lead to entry points by their number.
    fn prologue(&mut self, at: Value) -> (u32, Block, Value) {
        if let Some(ran) = self.around.ran {
            let (one, cell) = (self.int(1), self.int(ran as i64));
            self.store(one, cell, 0);
        }
        let (begin, dispatch) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(at, dispatch, &[], begin, &[]);
        self.b.switch_to_block(begin);
        let (slow, go) = (self.cold_block(), self.b.create_block());
        let end = self
            .b
            .ins()
            .iadd_imm_s(self.base, i64::from(self.spec.regs) * i64::from(SLOT));
        let limit = self.load(types::I64, self.vm, VM_LIMIT);
        let over = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        self.branch_away(over, slow);
        let poll = self.load(types::I32, self.vm, VM_POLL);
        self.branch_away(poll, slow);
        self.look_at_charge(slow);
        let calls = self
            .code
            .iter()
            .any(|i| matches!(i.op(), Some(Op::Call | Op::TailCall | Op::TForCall)));
        if calls {
            let sp = self.b.ins().get_stack_pointer(types::I64);
            let least = self.load(types::I64, self.vm, VM_NATIVE_LIMIT);
            let low = self.b.ins().icmp(IntCC::UnsignedLessThan, sp, least);
            self.branch_away(low, slow);
        }
        self.b.ins().jump(go, &[]);
        self.b.switch_to_block(slow);
        let status = self.call(helpers::PROLOGUE as usize, &[self.vm, self.base]);
        self.b
            .ins()
            .brif(status, self.pass, &[status.into()], go, &[]);
        self.b.switch_to_block(go);
        self.heat_call();
        if self.code[0].op() != Some(Op::VarargPrep) {
            return (0, dispatch, at);
        }
        // The frame moves; entries other than the first come in after that.
        let moved = self.call(helpers::VARARG_ENTER as usize, &[self.vm, self.base]);
        let fine = self.b.create_block();
        let is_status = self.b.ins().icmp_imm_s(IntCC::UnsignedLessThan, moved, 16);
        self.charge_instruction(0, Op::VarargPrep);
        let out = self.out();
        self.b
            .ins()
            .brif(is_status, out, &[moved.into()], fine, &[]);
        self.b.switch_to_block(fine);
        self.charge();
        self.count_instruction();
        let body = self.b.create_block();
        let base = self.b.append_block_param(body, types::I64);
        let index = self.b.append_block_param(body, types::I64);
        let zero = self.b.ins().iconst(types::I64, 0);
        self.b.ins().jump(body, &[moved.into(), zero.into()]);
        self.b.switch_to_block(dispatch);
        self.b.ins().jump(body, &[self.base.into(), at.into()]);
        self.b.switch_to_block(body);
        self.base = base;
        let (table, one) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(index, table, &[], one, &[]);
        self.b.switch_to_block(one);
        (1, table, index)
    }

    /// Starts the block at `pc`, if one starts there.
    fn at_label(&mut self, pc: u32) {
        let Some(label) = self.labels[pc as usize] else {
            return;
        };
        if self.reachable {
            self.charge();
            self.flow_to(pc);
            self.b.ins().jump(label, &[]);
        }
        (self.current, self.uncharged) = (None, 0);
        let header = self.loops.contains_key(&pc);
        let state = match self.incoming[pc as usize].take() {
            Some(state) => state,
            // A loop that is only reached by its back-edge: nothing is known.
            None if header => State::new(usize::from(self.spec.regs)),
            None => {
                self.reachable = false;
                return;
            }
        };
        self.reachable = true;
        self.st = state;
        self.b.switch_to_block(label);
        if self.loop_ends.contains(&pc) && !header {
            // Where optimized code of a loop comes back to.
            self.after_call(pc);
        }
        if header {
            self.loop_header(pc);
        }
    }

    /// What is known here will meet what is known elsewhere at `pc`.
    pub(super) fn flow_to(&mut self, pc: u32) {
        match &mut self.incoming[pc as usize] {
            Some(state) => state.merge(&self.st),
            empty => *empty = Some(self.st.clone()),
        }
    }

    /// The block at `pc`, to be reached from here going forward.
    pub(super) fn forward(&mut self, pc: u32) -> Block {
        self.flow_to(pc);
        self.labels[pc as usize].expect("the verifier declares jump targets")
    }

    /// Jumps to `cold` if `cond` holds.
    pub(super) fn branch_away(&mut self, cond: Value, cold: Block) {
        let next = self.b.create_block();
        self.b.ins().brif(cond, cold, &[], next, &[]);
        self.b.switch_to_block(next);
    }

    /// Jumps to `cold` unless `cond` holds.
    pub(super) fn unless(&mut self, cond: Value, cold: Block) {
        let next = self.b.create_block();
        self.b.ins().brif(cond, next, &[], cold, &[]);
        self.b.switch_to_block(next);
    }

    /// A block off the hot path.
    pub(super) fn cold_block(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        block
    }

    pub(super) fn load(&mut self, ty: Type, from: Value, offset: i32) -> Value {
        self.b.ins().load(ty, MEM, from, offset)
    }

    pub(super) fn store(&mut self, v: Value, to: Value, offset: i32) {
        self.b.ins().store(MEM, v, to, offset);
    }

    pub(super) fn int(&mut self, n: i64) -> Value {
        self.b.ins().iconst(types::I64, n)
    }

    /// Calls a helper that takes and returns words.
    pub(super) fn call(&mut self, f: usize, args: &[Value]) -> Value {
        let sig = if args.len() == 3 {
            self.step_sig
        } else {
            let mut sig = Signature::new(self.call_conv);
            sig.params
                .extend(args.iter().map(|_| AbiParam::new(types::I64)));
            sig.returns.push(AbiParam::new(types::I64));
            self.b.import_signature(sig)
        };
        let f = self.int(f as i64);
        let args = self.arguments_of_call(args);
        let call = self.b.ins().call_indirect(sig, f, &args);
        self.b.inst_results(call)[0]
    }

    /// Arguments of a call. A call wants them in certain machine registers; for
    /// the VM and the base, which live in the whole function, it gets copies.
    /// Else they would move to and fro around each call.
    pub(super) fn arguments_of_call(&mut self, args: &[Value]) -> Vec<Value> {
        let copy = |v: &Value| {
            if *v == self.vm || *v == self.base {
                self.b.ins().iadd_imm_s(*v, 0)
            } else {
                *v
            }
        };
        args.iter().map(copy).collect()
    }

    /// Calls code at an address in a machine register.
    pub(super) fn call_value(&mut self, f: Value, args: &[Value; 3]) -> Value {
        let args = self.arguments_of_call(args);
        let call = self.b.ins().call_indirect(self.step_sig, f, &args);
        self.b.inst_results(call)[0]
    }

    /// Calls a helper that takes and returns floats.
    pub(super) fn call_float(&mut self, f: usize, args: &[Value]) -> Value {
        let mut sig = Signature::new(self.call_conv);
        sig.params
            .extend(args.iter().map(|_| AbiParam::new(types::F64)));
        sig.returns.push(AbiParam::new(types::F64));
        let sig = self.b.import_signature(sig);
        let f = self.int(f as i64);
        let call = self.b.ins().call_indirect(sig, f, args);
        self.b.inst_results(call)[0]
    }

    /// Runs instruction `pc` by a step: the status.
    pub(super) fn step(&mut self, step: helpers::Step, pc: u32) -> Value {
        self.count_step(pc);
        let pc = self.int(i64::from(pc));
        self.call(step as usize, &[self.vm, self.base, pc])
    }

    /// The same, in a cold block by the trampoline.
    pub(super) fn step_aside(&mut self, step: helpers::Step, pc: u32) -> Value {
        self.count_step(pc);
        let pc = self.int(i64::from(pc));
        self.call_aside(step as usize, &[self.vm, self.base, pc])
    }

    /// Runs instruction `pc` by a step, goes on at `next` (or leaves).
    pub(super) fn step_to(&mut self, step: helpers::Step, pc: u32, next: Block) {
        let status = self.step_aside(step, pc);
        self.go_on(status, next);
    }

    /// Goes on at `next` if an instruction that was executed by other means
    /// says so by its `status`, else leaves with it.
    pub(super) fn go_on(&mut self, status: Value, next: Block) {
        let out = self.out();
        self.b.ins().brif(status, out, &[status.into()], next, &[]);
    }

    /// Runs instruction `pc` by a step and goes on after it (or leaves).
    pub(super) fn step_here(&mut self, step: helpers::Step, pc: u32) {
        let next = self.b.create_block();
        self.step_to(step, pc, next);
        self.b.switch_to_block(next);
    }

    /// Leaves with `status`.
    pub(super) fn leave(&mut self, status: Value) {
        self.b.ins().jump(self.pass, &[status.into()]);
        self.reachable = false;
    }

    /// Nothing comes after this instruction but a jump's target.
    pub(super) fn ends(&mut self) {
        self.reachable = false;
    }

    /// Lowers instruction `pc`.
    fn instruction(&mut self, pc: u32) -> Result<(), String> {
        use helpers::steps;
        let i = self.code[pc as usize];
        let op = i.op().ok_or("unknown opcode")?;
        self.count_instruction();
        self.charge_instruction(pc, op);
        self.b.set_srcloc(ir::SourceLoc::new(pc));
        let (a, b, c) = (i.a(), i.b(), i.c());
        match op {
            Op::Nop => {}
            Op::Move => self.mov(a, b),
            Op::LoadNil => {
                for r in a..=a.saturating_add(b) {
                    self.set(r, tag::NIL, Payload::Slot);
                }
            }
            Op::LoadFalse => self.set(a, tag::FALSE, Payload::Slot),
            Op::LoadTrue => self.set(a, tag::TRUE, Payload::Slot),
            Op::LoadI => {
                let v = self.int(i64::from(i.d()));
                self.set_int(a, v);
            }
            Op::LoadF => {
                let v = self.b.ins().f64const(f64::from(i.d()));
                self.set_float(a, v);
            }
            Op::LoadK => self.constant(a, i.k()),
            Op::GetUpval => {
                let at = self.upval(b);
                self.set_from(a, at, 0);
            }
            Op::SetUpval => self.set_upval(a, b),
            Op::GetTabUp | Op::GetField | Op::SelfField => self.get_field(pc, i, op),
            Op::SetTabUp | Op::SetField => self.set_field(pc, i, op),
            Op::GetIndex | Op::GetIndexI => self.get_index(pc, i, op),
            Op::SetIndex | Op::SetIndexI => self.set_index(pc, i, op),
            Op::NewTable => self.new_table(pc, i),
            Op::SetList => self.step_here(steps::SET_LIST, pc),
            Op::Not => self.not(a, b),
            Op::Len => self.len(pc, a, b),
            Op::Concat => {
                self.step_here(steps::CONCAT, pc);
                for r in b..=c {
                    self.st.forget(r);
                }
                self.st.forget(a);
            }
            Op::Jmp => {
                let target = self.target(pc, i);
                let block = self.forward(target);
                self.b.ins().jump(block, &[]);
                self.ends();
            }
            Op::Loop => self.back(pc, i)?,
            Op::JTrue
            | Op::JFalse
            | Op::JTrueSet
            | Op::JFalseSet
            | Op::JNil
            | Op::JNotNil
            | Op::JEq
            | Op::JNe
            | Op::JLt
            | Op::JNotLt
            | Op::JLe
            | Op::JNotLe
            | Op::JEqK
            | Op::JNeK
            | Op::JEqI
            | Op::JNeI
            | Op::JLtI
            | Op::JNotLtI
            | Op::JLeI
            | Op::JNotLeI
            | Op::JGtI
            | Op::JNotGtI
            | Op::JGeI
            | Op::JNotGeI => self.conditional(pc, i, op),
            Op::ForPrep => self.for_prep(pc, i),
            Op::ForLoop => self.for_loop(pc, i)?,
            Op::TForPrep => self.tfor_prep(pc, i),
            Op::TForCall => {
                let next = self.b.create_block();
                self.step_to(helpers::probes::tfor_call, pc, next);
                self.b.switch_to_block(next);
                self.st.forget_from(a.saturating_add(4));
                self.after_call(pc + 1);
            }
            Op::TForLoop => self.tfor_loop(pc, i)?,
            Op::Call => self.call_op(pc, i),
            Op::TailCall => self.tail_call(pc, i),
            Op::Return | Op::Return0 | Op::Return1 => self.ret(pc, i, op),
            Op::ReturnClose => {
                let n = self.int(i64::from(pc));
                let status = self.call(helpers::RETURN_CLOSE as usize, &[self.vm, self.base, n]);
                self.leave(status);
            }
            Op::VarargPrep => return Err("varargprep is not the first instruction".into()),
            Op::Vararg => {
                self.step_here(steps::VARARG, pc);
                if c == 0 {
                    self.st.forget_from(a);
                } else {
                    for r in a..a.saturating_add(c - 1) {
                        self.st.forget(r);
                    }
                }
            }
            Op::Closure => self.closure(pc, i),
            Op::Close => self.close(pc, a),
            Op::Tbc => self.step_here(steps::TBC, pc),
            _ => match operator(op) {
                Some((kind, constant)) => self.arith(pc, i, op, kind, constant),
                None => return Err(format!("no code is made for {op:?}")),
            },
        }
        debug_assert!(!self.reachable || self.knows_only_what_is_left(op, i));
        Ok(())
    }

    /// Whether nothing is taken for known of registers the instruction killed.
    fn knows_only_what_is_left(&self, op: Op, i: Insn) -> bool {
        let e = Effects::of(op, i);
        e.kills
            .minus(&e.writes)
            .iter()
            .all(|r| self.known(r) == UNKNOWN)
    }

    /// The target of the jump at `pc`.
    pub(super) fn target(&self, pc: u32, i: Insn) -> u32 {
        (i64::from(pc) + 1 + i64::from(i.jump())) as u32
    }

    pub(super) fn mov(&mut self, a: u8, b: u8) {
        let from = self.st.get(b);
        if from.tag == UNKNOWN {
            let (t, v) = (self.tag(b), self.bits(b));
            self.set_dynamic(a, t, v);
        } else {
            let payload = match from.payload {
                Payload::Slot if from.tag == tag::FLOAT => Payload::Float(self.float(b)),
                Payload::Slot => Payload::Bits(self.bits(b)),
                p => p,
            };
            self.set(a, from.tag, payload);
        }
    }

    /// The constant `k`.
    pub(super) fn k(&self, k: u32) -> strata_runtime::value::Value {
        // SAFETY: the verifier has checked the index; `p` is live.
        unsafe { *(*self.p).k.add(k as usize) }
    }

    fn constant(&mut self, a: u8, k: u32) {
        let v = self.k(k);
        let payload = if v.tag == tag::FLOAT {
            Payload::Float(self.b.ins().f64const(v.as_float()))
        } else {
            Payload::Bits(self.int(v.payload as i64))
        };
        self.set(a, v.tag, payload);
    }

    /// The address of the value of upvalue `n`.
    pub(super) fn upval(&mut self, n: u8) -> Value {
        let closure = self.load(types::I64, self.base, FUNC_PAYLOAD);
        let up = self.load(types::I64, closure, CLOSURE_UPVALS + i32::from(n) * 8);
        self.load(types::I64, up, UPVAL_V)
    }

    fn set_upval(&mut self, a: u8, n: u8) {
        let closure = self.load(types::I64, self.base, FUNC_PAYLOAD);
        let up = self.load(types::I64, closure, CLOSURE_UPVALS + i32::from(n) * 8);
        let at = self.load(types::I64, up, UPVAL_V);
        let (t, v) = (self.tag(a), self.bits(a));
        self.store(t, at, 0);
        self.store(v, at, PAYLOAD);
        self.barrier(up, helpers::BARRIER as usize, None);
    }

    /// The write barrier for `object` if it is black. `stored`: the tag and
    /// payload stored to a table's array part.
    pub(super) fn barrier(&mut self, object: Value, helper: usize, stored: Option<Value>) {
        let (cold, next) = (self.cold_block(), self.b.create_block());
        let mark = self.load(types::I8, object, MARK);
        let black = i64::from(strata_runtime::object::color::BLACK);
        let black = self.b.ins().icmp_imm_s(IntCC::Equal, mark, black);
        self.b.ins().brif(black, cold, &[], next, &[]);
        self.b.switch_to_block(cold);
        let stored = match stored {
            Some(v) => v,
            None => self.int(0),
        };
        self.call_aside(helper, &[self.vm, object, stored]);
        self.b.ins().jump(next, &[]);
        self.b.switch_to_block(next);
    }
}
