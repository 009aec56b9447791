//! Steps, calls, returns and polls.

use super::typed::KIND_AND_WANT;
use super::{For, Lower, Region};
use crate::deopt::Waiting;
use crate::interp::native::{DID, TAKEN};
use crate::ir::{FrameId, Held, Reason, V};
use crate::tier1::layout::*;
use crate::tier2::code::ExitTable;
use crate::tier2::helpers::{self, Helper};
use crate::tier2::snapshot::{Callee, EntryAt, Slot};
use smallvec::{SmallVec, smallvec};
use strata_runtime::feedback::FeedbackSlot;
use strata_runtime::frame::{TAIL_BIT, VARARG, link_word};
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// Most parameters that are filled up without a look at the stack's end.
const MAX_PARAMS: u8 = 24;

impl Lower<'_, '_> {
    /// The loop that was compiled is over: what comes is another tier's.
    pub(super) fn done(&mut self, frame: FrameId) {
        self.settle(frame);
        let f = self.helper(Helper::Done);
        let pc = self.f.frames[frame.n()].pc;
        let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr %base, i64 {pc}) #0"));
        self.ret_status(&status);
    }

    /// Checks before the function begins.
    pub(super) fn prologue(&mut self) {
        if self.s.entry != EntryAt::Start {
            // Whoever enters at a loop has looked.
            self.line("%base = getelementptr i8, ptr %frame, i64 0");
            return;
        }
        let vararg = self.s.funcs[0].spec().vararg;
        if vararg {
            self.begin("%frame", self.s.funcs[0].spec().regs.into());
            let f = self.helper(Helper::VarargEnter);
            let moved = self.temp(&format!("call i64 {f}(ptr %vm, ptr %frame) #0"));
            let (out, go) = (self.new_label(), self.new_label());
            let status = self.temp(&format!("icmp ult i64 {moved}, 16"));
            self.line(&format!(
                "br i1 {status}, label %{out}, label %{go}, !prof !{}",
                super::UNLIKELY
            ));
            self.label(&out);
            self.ret_status(&moved);
            self.label(&go);
            self.line(&format!("%base = inttoptr i64 {moved} to ptr"));
            let end = self.offset("%base", i64::from(self.slots) * 16);
            let limit = self.load("ptr", "%vm", VM_LIMIT.into(), Region::Vm);
            let over = self.temp(&format!("icmp ugt ptr {end}, {limit}"));
            let (slow, go) = (self.new_label(), self.new_label());
            self.line(&format!(
                "br i1 {over}, label %{slow}, label %{go}, !prof !{}",
                super::UNLIKELY
            ));
            self.label(&slow);
            let f = self.helper(Helper::Room);
            let slots = self.slots;
            let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr %base, i64 {slots}) #1"));
            self.go_on(&status, &go);
            self.label(&go);
            return;
        }
        self.line("%base = getelementptr i8, ptr %frame, i64 0");
        self.begin("%base", self.slots);
    }

    /// Looks whether the frame at `base` may begin, with so many slots.
    fn begin(&mut self, base: &str, slots: u32) {
        let end = self.offset(base, i64::from(slots) * 16);
        let limit = self.load("ptr", "%vm", VM_LIMIT.into(), Region::Vm);
        let over = self.temp(&format!("icmp ugt ptr {end}, {limit}"));
        let word = self.offset("%vm", VM_POLL.into());
        let word = self.temp(&format!("load volatile i32, ptr {word}"));
        let asked = self.temp(&format!("icmp ne i32 {word}, 0"));
        let least = self.load("ptr", "%vm", VM_NATIVE_LIMIT.into(), Region::Vm);
        let low = self.temp(&format!("icmp ult ptr %words, {least}"));
        let any = self.temp(&format!("or i1 {over}, {asked}"));
        let any = self.temp(&format!("or i1 {any}, {low}"));
        let (slow, go) = (self.new_label(), self.new_label());
        self.line(&format!(
            "br i1 {any}, label %{slow}, label %{go}, !prof !{}",
            super::UNLIKELY
        ));
        self.label(&slow);
        self.arguments_to_slots();
        let f = self.helper(Helper::Prologue);
        let status = self.temp(&format!(
            "call i64 {f}(ptr %vm, ptr {base}, i64 {slots}) #1"
        ));
        self.go_on(&status, &go);
        self.label(&go);
        if base == "%base" {
            self.count(&self.s.funcs[0].code.len().to_string());
        }
    }

    /// Goes on at `go` if `status` says so, else returns it.
    pub(super) fn go_on(&mut self, status: &str, go: &str) {
        let out = self.new_label();
        let fine = self.temp(&format!("icmp eq i64 {status}, {DID}"));
        self.line(&format!(
            "br i1 {fine}, label %{go}, label %{out}, !prof !{}",
            super::LIKELY
        ));
        self.label(&out);
        self.ret_status(status);
    }

    /// The same in a new block.
    fn pass(&mut self, status: &str) {
        let go = self.new_label();
        self.go_on(status, &go);
        self.label(&go);
    }

    /// The base of a frame.
    pub(super) fn base_of(&mut self, frame: FrameId) -> String {
        let base = self.f.frames[frame.n()].base;
        self.offset("%base", i64::from(base) * 16)
    }

    /// The instruction of a frame state, and its number.
    pub(super) fn insn_of(&self, frame: FrameId) -> (Insn, u32) {
        let state = self.f.frames[frame.n()];
        let f = &self.s.funcs[state.func as usize];
        (f.code[state.pc as usize], state.pc)
    }

    pub(super) fn frame_of(frame: Option<FrameId>) -> Result<FrameId, String> {
        frame.ok_or_else(|| "no frame state".into())
    }

    /// Calls the helper that runs the instruction of a frame state: its status.
    fn run_step(&mut self, frame: FrameId) -> Result<String, String> {
        let (i, pc) = self.insn_of(frame);
        let op = i.op().ok_or("unknown opcode")?;
        let base = self.base_of(frame);
        let step = helpers::step_of(op).ok_or_else(|| format!("no step runs {op:?}"))?;
        let f = self.helper(step);
        Ok(self.temp(&format!("call i64 {f}(ptr %vm, ptr {base}, i64 {pc}) #0")))
    }

    pub(super) fn step(&mut self, frame: Option<FrameId>) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        let status = self.run_step(frame)?;
        let (i, _) = self.insn_of(frame);
        if i.op() == Some(Op::TForPrep) {
            // It jumps, always.
            let go = self.new_label();
            let out = self.new_label();
            let taken = self.temp(&format!("icmp eq i64 {status}, {TAKEN}"));
            let did = self.temp(&format!("icmp eq i64 {status}, {DID}"));
            let fine = self.temp(&format!("or i1 {taken}, {did}"));
            self.line(&format!("br i1 {fine}, label %{go}, label %{out}"));
            self.label(&out);
            self.ret_status(&status);
            self.label(&go);
        } else {
            self.pass(&status);
        }
        Ok(())
    }

    pub(super) fn step_test(&mut self, v: V, frame: Option<FrameId>) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        let status = self.run_step(frame)?;
        let (go, out) = (self.new_label(), self.new_label());
        let taken = self.temp(&format!("icmp eq i64 {status}, {TAKEN}"));
        let did = self.temp(&format!("icmp eq i64 {status}, {DID}"));
        let fine = self.temp(&format!("or i1 {taken}, {did}"));
        self.line(&format!("br i1 {fine}, label %{go}, label %{out}"));
        self.label(&out);
        self.ret_status(&status);
        self.label(&go);
        self.define(v, &format!("icmp eq i64 {status}, {TAKEN}"));
        Ok(())
    }

    /// Runs the last instruction: what comes of it is the caller's.
    pub(super) fn leave(&mut self, frame: FrameId) -> Result<(), String> {
        let (i, pc) = self.insn_of(frame);
        let helper = match i.op() {
            Some(Op::TailCall) => Helper::TailCall,
            Some(Op::ReturnClose) => Helper::ReturnClose,
            _ => Helper::Return,
        };
        let base = self.base_of(frame);
        let inlined = self.f.frames[frame.n()].parent.is_some();
        if i.op() == Some(Op::TailCall) && !inlined && self.calls_host(frame) {
            // A short way, if it is one this time. The native caller is the one that
            // the results are for: so it is not where the frame is an inlined one.
            let (host, other) = (self.new_label(), self.new_label());
            let t = self.load("i8", &base, i64::from(i.a()) * 16, Region::Slot);
            let is = self.temp(&format!("icmp eq i8 {t}, {}", tag::NATIVE));
            self.line(&format!("br i1 {is}, label %{host}, label %{other}"));
            self.label(&host);
            let slot = self.feedback_slot(frame);
            let f = self.helper(Helper::TailCallHost);
            let status = self.temp(&format!(
                "call i64 {f}(ptr %vm, ptr {base}, i64 {pc}, ptr {slot}) #0"
            ));
            self.ret_status(&status);
            self.label(&other);
        }
        let f = self.helper(helper);
        let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr {base}, i64 {pc}) #0"));
        self.ret_status(&status);
        Ok(())
    }

    /// Whether the call of a frame state has called host functions only.
    fn calls_host(&self, frame: FrameId) -> bool {
        let func = &self.s.funcs[self.f.frames[frame.n()].func as usize];
        let slot = func.slots.get(usize::from(self.insn_of(frame).0.slot()));
        matches!(slot, Some(Slot::Call(Callee::Host { .. })))
    }

    /// The feedback slot of the call of a frame state.
    fn feedback_slot(&mut self, frame: FrameId) -> String {
        let slots = self.s.funcs[self.f.frames[frame.n()].func as usize].slots_at;
        let slots = self.object(slots);
        let slot = usize::from(self.insn_of(frame).0.slot()) * size_of::<FeedbackSlot>();
        self.offset(&slots, slot as i64)
    }

    /// The link of an inlined frame, whose function is `closure` and which the
    /// frame state waits for.
    pub(super) fn link_store(
        &mut self,
        args: &[V],
        imm: u64,
        frame: Option<FrameId>,
    ) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        self.below(args, imm & 1 != 0, (imm >> 1) as u8, frame);
        Ok(())
    }

    /// Stores what lies below the registers of an inlined frame, which the frame
    /// state waits for: its function and the link, and its extra arguments, if
    /// it has some. `args`: closure and extra arguments; `params`: of its
    /// function.
    pub(super) fn below(&mut self, args: &[V], tail: bool, params: u8, frame: FrameId) {
        let state = self.f.frames[frame.n()];
        let at = i64::from(state.base + self.waiting(frame).delta) * 16;
        self.store_value(args[0], "%base", at - 32, Region::Slot);
        self.link(frame, at - 16, tail);
        let extras = &args[1..];
        if extras.is_empty() {
            return;
        }
        for n in 0..i64::from(params) {
            let nil = tag::NIL.to_string();
            self.store("i8", &nil, "%base", at + n * 16, Region::Slot);
        }
        let first = at + i64::from(params) * 16;
        for (n, &v) in (0..).zip(extras) {
            self.store_value(v, "%base", first + n * 16, Region::Slot);
        }
        let given = u32::from(params) + extras.len() as u32;
        let moved = at + i64::from(given + 2) * 16;
        self.store_value(args[0], "%base", moved - 32, Region::Slot);
        let word = link_word(VARARG, 0, given + 2).to_string();
        self.store("i64", &word, "%base", moved - 16, Region::Slot);
        self.store("ptr", "null", "%base", moved - 8, Region::Slot);
    }

    /// How the frame state waits.
    fn waiting(&self, frame: FrameId) -> Waiting {
        let func = &self.s.funcs[self.f.frames[frame.n()].func as usize];
        Waiting::of(self.insn_of(frame).0, func.spec().regs)
    }

    /// Writes the link at `offset`: of a callee that the frame state waits for.
    /// `tail`: another one that it has called in its place.
    pub(super) fn link(&mut self, frame: FrameId, offset: i64, tail: bool) {
        let state = self.f.frames[frame.n()];
        let (_, pc) = self.insn_of(frame);
        let word = self.waiting(frame).word | if tail { TAIL_BIT } else { 0 };
        self.store("i64", &word.to_string(), "%base", offset, Region::Slot);
        let code = self.s.funcs[state.func as usize].code_at;
        let code = self.object(code);
        let back = self.offset(&code, (i64::from(pc) + 1) * 8);
        self.store("ptr", &back, "%base", offset + 8, Region::Slot);
    }

    /// The parameters of the callee at the call of a frame state, if they are
    /// known: its prototype is the one that the call has had so far.
    pub(super) fn params_of(&self, frame: FrameId, proto: V) -> Option<u8> {
        let proto = &self.f.insts[proto.n()];
        let state = self.f.frames[frame.n()];
        let (i, _) = self.insn_of(frame);
        let func = &self.s.funcs[state.func as usize];
        match func.slots.get(usize::from(i.slot())) {
            Some(Slot::Call(Callee::Closure {
                proto: seen,
                params,
                ..
            })) => {
                let known = proto.op == crate::ir::Op::Object && proto.imm == u64::from(seen.0);
                known.then_some(*params)
            }
            _ => None,
        }
    }

    /// Sets `vm.top` behind `n` arguments that begin `first` slots above the
    /// base (`None`: it is there already), and fills missing parameters of
    /// `proto` with nil. What would need more than the stack is sure to have
    /// room for goes to `slow`.
    pub(super) fn arguments(
        &mut self,
        first: u32,
        n: Option<u8>,
        proto: &str,
        params: Option<u8>,
        slow: &str,
    ) {
        let at = |k: u8| (i64::from(first) + i64::from(k)) * 16;
        if let Some(n) = n {
            let top = self.offset("%base", at(n));
            self.store("ptr", &top, "%vm", VM_TOP.into(), Region::Vm);
            if let Some(params) = params {
                for j in n..params {
                    self.store("i8", &tag::NIL.to_string(), "%base", at(j), Region::Slot);
                }
                return;
            }
        }
        let params = match params {
            Some(params) => params.to_string(),
            None => {
                let params = self.load("i8", proto, PROTO_PARAMS.into(), Region::Shape);
                self.temp(&format!("zext i8 {params} to i64"))
            }
        };
        let new = self.offset("%base", at(0));
        let top = match n {
            Some(n) => self.offset("%base", at(n)),
            None => self.load("ptr", "%vm", VM_TOP.into(), Region::Vm),
        };
        let size = self.temp(&format!("shl i64 {params}, 4"));
        let end = self.temp(&format!("getelementptr i8, ptr {new}, i64 {size}"));
        let missing = self.temp(&format!("icmp ult ptr {top}, {end}"));
        let (fill, few, go) = (self.new_label(), self.new_label(), self.new_label());
        self.line(&format!(
            "br i1 {missing}, label %{fill}, label %{go}, !prof !{}",
            super::UNLIKELY
        ));
        self.label(&fill);
        let many = self.temp(&format!("icmp ugt i64 {params}, {MAX_PARAMS}"));
        self.line(&format!("br i1 {many}, label %{slow}, label %{few}"));
        self.label(&few);
        let f = self.helper(Helper::FillUp);
        self.line(&format!(
            "call i64 {f}(ptr {new}, ptr {top}, i64 {params}) #0"
        ));
        self.line(&format!("br label %{go}"));
        self.label(&go);
    }

    /// Calls a closure whose prototype is `proto`.
    pub(super) fn call(&mut self, proto: V, frame: Option<FrameId>) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        let (i, _) = self.insn_of(frame);
        let first = self.f.frames[frame.n()].base + u32::from(i.a()) + 2;
        self.link(frame, (i64::from(first) - 1) * 16, false);
        self.call_slots(proto, i.b().checked_sub(1), frame)
    }

    /// The same, with `n` arguments that lie in slots (`None`: as many as
    /// `vm.top` says) and the link in its place.
    pub(super) fn call_slots(
        &mut self,
        proto: V,
        n: Option<u8>,
        frame: FrameId,
    ) -> Result<(), String> {
        let state = self.f.frames[frame.n()];
        let (i, pc) = self.insn_of(frame);
        let first = state.base + u32::from(i.a()) + 2;
        let p = self.r(proto);
        let (slow, go) = (self.new_label(), self.new_label());
        let params = self.params_of(frame, proto);
        self.arguments(first, n, &p, params, &slow);
        let new = self.offset("%base", i64::from(first) * 16);
        let entry = self.load("ptr", &p, PROTO_ENTRY.into(), Region::Heap);
        let status = self.temp(&format!("call i64 {entry}(ptr %vm, ptr {new}, i64 0) #0"));
        let odd = self.new_label();
        let fine = self.temp(&format!("icmp eq i64 {status}, {DID}"));
        self.line(&format!(
            "br i1 {fine}, label %{go}, label %{odd}, !prof !{}",
            super::LIKELY
        ));
        self.label(&odd);
        let f = self.helper(Helper::Recheck);
        let base = self.base_of(frame);
        let status = self.temp(&format!(
            "call i64 {f}(ptr %vm, ptr {base}, i64 {pc}, i64 {status}) #1"
        ));
        self.go_on(&status, &go);
        self.label(&slow);
        let status = self.run_step(frame)?;
        self.go_on(&status, &go);
        self.label(&go);
        Ok(())
    }

    /// Calls a host function.
    pub(super) fn call_host(&mut self, frame: Option<FrameId>) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        let state = self.f.frames[frame.n()];
        let (i, pc) = self.insn_of(frame);
        let slot = self.feedback_slot(frame);
        let base = self.base_of(frame);
        let slots = &self.s.funcs[state.func as usize].slots;
        let switches = matches!(
            slots.get(usize::from(i.slot())),
            Some(Slot::Call(Callee::Host { switches: true, .. }))
        );
        let f = self.helper(if switches {
            Helper::CallSwitch
        } else {
            Helper::CallHost
        });
        let status = self.temp(&format!(
            "call i64 {f}(ptr %vm, ptr {base}, i64 {pc}, ptr {slot}) #0"
        ));
        self.pass(&status);
        Ok(())
    }

    /// Looks at the poll word: taken, the frames become canonical. It is the
    /// poll of a loop that ends at `pc`, at each round or after `rounds` and one.
    pub(super) fn poll(
        &mut self,
        pc: u32,
        rounds: Option<V>,
        frame: Option<FrameId>,
    ) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        let length = self.insn_of_loop(frame, pc).jump().unsigned_abs();
        let instructions = match rounds {
            Some(v) if self.counts() => {
                let rounds = self.temp(&format!("trunc i64 {} to i32", self.r(v)));
                let rounds = self.temp(&format!("add i32 {rounds}, 1"));
                self.temp(&format!("mul i32 {rounds}, {length}"))
            }
            _ => length.to_string(),
        };
        self.count(&instructions);
        let word = self.offset("%vm", VM_POLL.into());
        let word = self.temp(&format!("load volatile i32, ptr {word}"));
        let asked = self.temp(&format!("icmp ne i32 {word}, 0"));
        let go = self.new_label();
        // Objects that were not allocated are made by an exit alone; the
        // interpreter looks again.
        let sunk = !self.f.frames[frame.n()].sunk.is_empty();
        let slow = if sunk {
            self.exit(frame, Reason::Done)
        } else {
            self.new_label()
        };
        self.line(&format!(
            "br i1 {asked}, label %{slow}, label %{go}, !prof !{}",
            super::UNLIKELY
        ));
        if sunk {
            self.label(&go);
            return Ok(());
        }
        self.label(&slow);
        self.settle(frame);
        let f = self.helper(Helper::Poll);
        let base = self.base_of(frame);
        let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr {base}, i64 {pc}) #1"));
        self.go_on(&status, &go);
        self.label(&go);
        Ok(())
    }

    /// The instruction at `pc` of a frame state's function.
    fn insn_of_loop(&self, frame: FrameId, pc: u32) -> Insn {
        let func = self.f.frames[frame.n()].func;
        self.s.funcs[func as usize].code[pc as usize]
    }

    /// Whether what is executed is counted.
    fn counts(&self) -> bool {
        self.whom == For::Cranelift { counts: true }
    }

    /// Counts instructions, where LLVM is asked for better code after so many.
    fn count(&mut self, instructions: &str) {
        if !self.counts() {
            return;
        }
        let table = self.helper(Helper::Exits);
        let at = self.offset(&table, ExitTable::LEFT as i64);
        let left = self.temp(&format!("load i32, ptr {at}"));
        let left = self.temp(&format!("sub i32 {left}, {instructions}"));
        self.line(&format!("store i32 {left}, ptr {at}"));
        let none = self.temp(&format!("icmp slt i32 {left}, 0"));
        let (ask, go) = (self.new_label(), self.new_label());
        self.line(&format!(
            "br i1 {none}, label %{ask}, label %{go}, !prof !{}",
            super::UNLIKELY
        ));
        self.label(&ask);
        let f = self.helper(Helper::Best);
        let table = self.helper(Helper::Exits);
        let _ = self.temp(&format!("call i64 {f}(ptr %vm, ptr %base, ptr {table}) #1"));
        self.line(&format!("br label %{go}"));
        self.label(&go);
    }

    /// Stores what the frame state holds in registers: in a cold block.
    pub(super) fn settle(&mut self, frame: FrameId) {
        let mut at = Some(frame);
        while let Some(id) = at {
            let state = self.f.frames[id.n()];
            for &(r, held) in state.regs {
                if let Held::Value(v) = held {
                    let offset = i64::from(state.base + u32::from(r)) * 16;
                    self.store_value(v, "%base", offset, Region::Slot);
                }
            }
            // Of a frame that is linked already, stores to the frames below may
            // be gone again if only code like this would have looked at them.
            if let (Some(parent), Some(closure), false) =
                (state.parent, state.closure_value(), state.linked)
            {
                let mut args: SmallVec<[V; 4]> = smallvec![closure];
                args.extend(state.extras.iter().filter_map(|held| match held {
                    Held::Value(v) => Some(*v),
                    _ => None,
                }));
                let params = self.s.funcs[state.func as usize].spec().params;
                self.below(&args, state.tail, params, parent);
            }
            at = state.parent;
        }
    }

    /// Returns these values by the return instruction of the frame state.
    pub(super) fn ret(&mut self, frame: FrameId, values: &[V]) {
        if self.typed.is_some() {
            return self.typed_return(values);
        }
        let (i, pc) = self.insn_of(frame);
        let n = values.len() as u16;
        let link = self.load("i32", "%base", LINK0.into(), Region::Slot);
        let asked = self.temp(&format!("and i32 {link}, {}", KIND_AND_WANT as i32));
        let exact = n.max(1) + 1;
        self.return_if(&asked, exact, values, exact - 1);
        if n <= 1 {
            self.return_if(&asked, 1, values, 0);
        }
        self.return_if(&asked, 0, values, n);
        let first = match i.op() {
            Some(Op::Return0) => 0,
            _ => i64::from(i.a()),
        };
        for (k, &v) in values.iter().enumerate() {
            self.store_value(v, "%base", (first + k as i64) * 16, Region::Slot);
        }
        if i.op() == Some(Op::Return) && i.b() == 0 {
            let top = self.offset("%base", (first + values.len() as i64) * 16);
            self.store("ptr", &top, "%vm", VM_TOP.into(), Region::Vm);
        }
        let helper = match i.op() {
            Some(Op::TailCall) => Helper::ReturnOne,
            _ => Helper::Return,
        };
        let f = self.helper(helper);
        let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr %base, i64 {pc}) #0"));
        self.ret_status(&status);
    }

    /// Returns the first `take` values, or nil for want of one, if the link
    /// asks for `want` (0: all).
    fn return_if(&mut self, asked: &str, want: u16, values: &[V], take: u16) {
        let (yes, no) = (self.new_label(), self.new_label());
        let is = self.temp(&format!("icmp eq i32 {asked}, {}", u32::from(want) << 16));
        self.line(&format!("br i1 {is}, label %{yes}, label %{no}"));
        self.label(&yes);
        for (k, &v) in values.iter().enumerate().take(usize::from(take)) {
            self.store_value(v, "%base", (k as i64 - 2) * 16, Region::Slot);
        }
        if usize::from(take) > values.len() {
            self.store("i8", &tag::NIL.to_string(), "%base", -32, Region::Slot);
        }
        if want == 0 {
            let top = self.offset("%base", (values.len() as i64 - 2) * 16);
            self.store("ptr", &top, "%vm", VM_TOP.into(), Region::Vm);
        }
        self.line(&format!("ret i64 {DID}"));
        self.label(&no);
    }
}
