//! From bytecode and feedback to IR.
//!
//! One walk over the blocks of bytecode in reverse postorder. What registers
//! hold is in a [`State`]; where control flow meets, states are merged and
//! what differs becomes a parameter of a block. Loop headers get a parameter
//! for each live register the loop writes, of the predicted type
//! ([`super::flow`]).
//!
//! Registers are values; their VM slots are stored to only before other code
//! could look at them ([`Builder::settle`]). Captured registers live in their
//! slots from when they are captured until they are closed.
//!
//! What an instruction does is speculated from feedback. Where feedback knows
//! nothing because the instruction was never reached, the code ends in an
//! exit; where it knows too much, or a guard there failed too often, the
//! instruction becomes a *step*: a call of the interpreter's slow handler.
//!
//! - `state`: states, merging, frame states
//! - `values`: reading, checking and converting registers
//! - `arith`, `branch`, `fields`, `elements`, `calls`, `loops`: instructions
//! - `strings`: comparing strings
//! - `closures`: closures, and the registers they capture
//! - `open`: open results
//! - `builtins`: calls of library functions
//! - `leaves`: what is called without a frame
//! - `iterate`: generic `for` over tables
//! - `varargs`: extra arguments
//! - `guarded`: elements that are as feedback says
//! - `unguarded`: fields where that has failed
//! - `inline`: calls that are replaced by the callee
//! - `meta`: metamethods, setting metatables
//! - `methods`: calls of methods by objects of several classes

mod arith;
mod branch;
mod builtins;
mod calls;
mod closures;
mod elements;
mod fields;
mod guarded;
mod inline;
mod iterate;
mod leaves;
mod loops;
mod meta;
mod methods;
mod open;
mod state;
mod strings;
mod unguarded;
mod values;
mod varargs;

use super::flow::{self, Flow};
use super::snapshot::{Const, EntryAt, FuncNo, Function, Obj, ProtoKey, Snapshot};
use crate::ir::{BlockId, FrameId, Func, Held, Op as Ir, Reason, Target, Term, Ty, V};
use crate::jit::Assumption;
use bumpalo::Bump;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};
use state::{Reg, State};
use std::rc::Rc;
use strata_spec::effects::Effects;
use strata_spec::module::RegSet;
use strata_spec::{Insn, Op};

/// Most instructions of IR, inlined functions included: LLVM's time and
/// memory go with it.
const MAX_INSTS: usize = 20_000;

/// What building made.
pub(crate) struct Built<'a> {
    pub func: Func<'a>,
    /// VM slots of all frames, relative to the physical one.
    pub slots: u32,
    /// What it relies on.
    pub assumes: Vec<Assumption>,
    /// What was inlined, and what was not.
    pub inlining: Vec<Inlining>,
}

/// A call of a known function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inlining {
    /// The function that contains it, and its pc there.
    pub caller: FuncNo,
    pub pc: u32,
    /// The prototype that is called.
    pub callee: Obj,
    /// Why it was not inlined, if it wasn't.
    pub why_not: Option<&'static str>,
}

/// Why nothing is built.
pub(crate) type Refused = String;

/// Builds what `snapshot` asks for. After `big` instructions of IR only small
/// functions are inlined.
///
/// # Errors
/// It can't be compiled.
pub(crate) fn build<'a>(
    snapshot: &Snapshot,
    arena: &'a Bump,
    big: usize,
) -> Result<Built<'a>, Refused> {
    if snapshot.funcs[0].yields() {
        return Err("it yields".into());
    }
    let func = Func::new(arena);
    let mut b = Builder {
        s: snapshot,
        f: func,
        at: BlockId::ENTRY,
        st: State::default(),
        ctx: Context::of(snapshot, 0, snapshot.entry)?,
        slots: 0,
        assumes: Vec::new(),
        inlining: Vec::new(),
        protos: FxHashMap::default(),
        frame_cache: None,
        open: true,
        big,
    };
    let spec = b.func().spec();
    b.slots = u32::from(spec.regs);
    let first = match snapshot.entry {
        EntryAt::Start => 0,
        EntryAt::Loop(pc) => pc,
    };
    let live = b.live_before(first);
    b.st = State::at_entry(usize::from(spec.regs), &live);
    if snapshot.entry == EntryAt::Start && b.ctx.tidy {
        // Nobody has captured them yet.
        for r in spec.captured.intersection(&live).iter() {
            b.st.set(r, Reg::Undefined);
            b.slot_written(r);
        }
    }
    if let Some(params) = snapshot.typed() {
        b.arguments(params, &live);
    }
    b.body()?;
    Ok(Built {
        func: b.f,
        slots: b.slots,
        assumes: b.assumes,
        inlining: b.inlining,
    })
}

/// A way to a block of bytecode: an open block of IR, and what is known at
/// its end.
type Edge = (BlockId, State);

/// The function that is being built, or inlined.
struct Context {
    no: FuncNo,
    flow: Rc<Flow>,
    /// Where its registers start, relative to the physical frame.
    base: u32,
    /// Where they would start if it had no extra arguments.
    original: u32,
    /// Inlined, of a vararg function: its extra arguments.
    extras: Option<SmallVec<[V; 4]>>,
    /// Inlined: the frame that waits, and the function.
    below: Option<(FrameId, V)>,
    /// Inlined: what it returned, from where.
    returns: Vec<inline::Returned>,
    /// Inlined: it was entered by a tail call.
    tail: bool,
    /// It closes all it opens, so that captured registers may be values.
    tidy: bool,
    /// Depth of inlining.
    depth: u32,
    /// The instruction that is being built.
    pc: u32,
    /// Open results that the next instruction takes, if they are values.
    open: Option<open::Open>,
    /// Where `tforprep`s are that have found nothing to be closed.
    nothing_to_close: Vec<u32>,
    /// The instruction that was built with the one before it.
    folded: Option<u32>,
    /// Ways to blocks that aren't begun yet.
    edges: FxHashMap<BlockId, Vec<Edge>>,
    /// Blocks of bytecode whose turn has come.
    begun: FxHashSet<BlockId>,
    /// Loop headers that are.
    headers: FxHashMap<BlockId, Header>,
    live: FxHashMap<(u32, bool), RegSet>,
}

/// What lies below the registers of an inlined frame.
struct Link {
    closure: V,
    /// It was entered by a tail call.
    tail: bool,
    /// Parameters of its function, and the extra arguments it got.
    params: u8,
    extras: SmallVec<[V; 4]>,
}

/// A loop header that is begun.
#[derive(Clone)]
struct Header {
    block: BlockId,
    /// Registers it takes as parameters, and their types.
    params: Rc<[(u8, Ty)]>,
    /// Captured registers that are live there, and what they hold.
    captured: Rc<[(u8, Reg)]>,
}

impl Context {
    fn of(s: &Snapshot, no: FuncNo, entry: EntryAt) -> Result<Context, Refused> {
        let f = &s.funcs[no as usize];
        let tags: &[u8] = match entry {
            EntryAt::Loop(_) => &s.tags,
            EntryAt::Start => &[],
        };
        Ok(Context {
            no,
            flow: Rc::new(Flow::of(f, entry, tags, s.prunes)?),
            base: 0,
            original: 0,
            extras: None,
            below: None,
            returns: Vec::new(),
            tail: false,
            tidy: flow::closes(f),
            depth: 0,
            pc: 0,
            open: None,
            nothing_to_close: Vec::new(),
            folded: None,
            edges: FxHashMap::default(),
            begun: FxHashSet::default(),
            headers: FxHashMap::default(),
            live: FxHashMap::default(),
        })
    }
}

struct Builder<'s, 'a> {
    s: &'s Snapshot,
    f: Func<'a>,
    /// The block that is being filled, and what is known in it.
    at: BlockId,
    st: State,
    /// The block isn't finished.
    open: bool,
    /// IR instructions after which only small functions are inlined.
    big: usize,
    ctx: Context,
    slots: u32,
    assumes: Vec<Assumption>,
    inlining: Vec<Inlining>,
    /// Closures of which it is known what function they are of.
    protos: FxHashMap<V, ProtoKey>,
    /// The last frame state made, while nothing has changed since.
    frame_cache: Option<(u32, bool, FrameId)>,
}

impl<'s> Builder<'s, '_> {
    /// The function whose instructions are being built.
    fn func(&self) -> &'s Function {
        &self.s.funcs[self.ctx.no as usize]
    }

    /// Appends an instruction.
    fn emit(&mut self, op: Ir, ty: Ty, args: &[V], imm: u64) -> V {
        let v = self.f.inst(op, ty, args, imm, None);
        self.f.blocks[self.at.n()].insts.push(v);
        v
    }

    /// Appends an instruction whose result has the type of the table.
    fn put(&mut self, op: Ir, args: &[V]) -> V {
        self.put_imm(op, args, 0)
    }

    fn put_imm(&mut self, op: Ir, args: &[V], imm: u64) -> V {
        let ty = match op.info().result {
            crate::ir::inst::Res::Is(ty) => ty,
            crate::ir::inst::Res::Given => unreachable!("{op:?} needs a type"),
        };
        self.emit(op, ty, args, imm)
    }

    /// Appends an instruction with a frame state.
    fn emit_at(&mut self, op: Ir, ty: Ty, args: &[V], imm: u64, frame: FrameId) -> V {
        let v = self.f.inst(op, ty, args, imm, Some(frame));
        self.f.blocks[self.at.n()].insts.push(v);
        v
    }

    /// Ends the block.
    fn end(&mut self, term: Term) {
        self.f.blocks[self.at.n()].term = term;
        self.open = false;
    }

    /// Goes on in `block`.
    fn go_on(&mut self, block: BlockId) {
        self.at = block;
        self.open = true;
    }

    /// Ends the block: back to the interpreter at `pc`.
    fn leave(&mut self, pc: u32, reason: Reason) -> Result<(), Refused> {
        let frame = self.frame(pc, false)?;
        self.end(Term::Exit { frame, reason });
        Ok(())
    }

    /// A cold block.
    fn cold_block(&mut self) -> BlockId {
        let b = self.f.block();
        self.f.blocks[b.n()].cold = true;
        b
    }

    /// Notes that the code relies on something.
    fn assumes(&mut self, what: Assumption) {
        if !self.assumes.contains(&what) {
            self.assumes.push(what);
        }
    }

    /// Whether guards may be made for the instruction at `pc`.
    fn may_speculate(&self, pc: u32) -> bool {
        self.func().speculation.allowed_at(pc)
    }

    fn int(&mut self, n: i64) -> V {
        self.put_imm(Ir::Int, &[], n as u64)
    }

    fn float(&mut self, x: f64) -> V {
        self.put_imm(Ir::Float, &[], x.to_bits())
    }

    fn boolean(&mut self, b: bool) -> V {
        self.put_imm(Ir::Bool, &[], u64::from(b))
    }

    fn nil(&mut self) -> V {
        self.put(Ir::Nil, &[])
    }

    /// An object of the table of constants.
    fn object(&mut self, at: super::snapshot::Obj, ty: Ty) -> V {
        self.emit(Ir::Object, ty, &[], u64::from(at.0))
    }

    fn constant(&mut self, k: u32) -> V {
        match self.func().consts[k as usize] {
            Const::Nil => self.nil(),
            Const::Bool(b) => self.boolean(b),
            Const::Int(n) => self.int(n),
            Const::Float(x) => self.float(x),
            Const::Str { at, .. } => self.object(at, Ty::Str),
        }
    }

    /// Builds the function from the current block and state on.
    fn body(&mut self) -> Result<(), Refused> {
        let flow = self.ctx.flow.clone();
        let start = (self.at, std::mem::take(&mut self.st));
        self.ctx.edges.insert(BlockId::ENTRY, vec![start]);
        for &bb in &flow.cfg.order {
            self.ctx.begun.insert(bb);
            let Some(edges) = self.ctx.edges.remove(&bb) else {
                continue;
            };
            let block = &flow.blocks[bb.n()];
            self.begin(bb, block.start, edges)?;
            let mut pc = block.start;
            while pc < block.end && self.open {
                self.instruction(pc)?;
                if self.f.insts.len() > MAX_INSTS {
                    return Err("it became too long".into());
                }
                pc += 1;
            }
            if self.open {
                self.flow_to(block.end)?;
            }
        }
        Ok(())
    }

    /// Arguments are values.
    fn arguments(&mut self, params: u8, live: &RegSet) {
        let captured = self.func().spec().captured;
        for r in (0..params).filter(|&r| live.contains(r) || captured.contains(r)) {
            let v = self.put_imm(Ir::Argument, &[], r.into());
            self.set(r, v);
        }
    }

    /// Ends the block: on to the instruction at `pc`.
    fn flow_to(&mut self, pc: u32) -> Result<(), Refused> {
        let t = self.edge(pc)?;
        self.end(Term::Jump(t));
        Ok(())
    }

    /// A new block that leads to the instruction at `pc`, with the state as it
    /// is now.
    fn edge(&mut self, pc: u32) -> Result<Target, Refused> {
        let state = self.st.clone();
        self.edge_with(pc, state)
    }

    /// The same with another state.
    fn edge_with(&mut self, pc: u32, state: State) -> Result<Target, Refused> {
        let block = self.f.block();
        self.f.blocks[block.n()].cold = self.f.blocks[self.at.n()].cold;
        let (at, open) = (self.at, self.open);
        let before = std::mem::replace(&mut self.st, state);
        self.frame_cache = None;
        self.go_on(block);
        match self.ctx.flow.at.get(&pc).copied() {
            Some(bb) if self.ctx.headers.contains_key(&bb) => self.back_to(bb)?,
            // A way that was never gone: nothing leads there, or what does came before.
            Some(bb) if !self.ctx.flow.cfg.reaches(bb) || self.ctx.begun.contains(&bb) => {
                self.leave(pc, Reason::Unreached)?
            }
            Some(bb) => {
                let state = self.st.clone();
                self.ctx.edges.entry(bb).or_default().push((block, state));
            }
            // Outside of the loop that is compiled.
            None => self.leave(pc, Reason::Done)?,
        }
        self.at = at;
        self.open = open;
        self.st = before;
        self.frame_cache = None;
        Ok(Target::to(block))
    }

    /// Builds instruction `pc`.
    fn instruction(&mut self, pc: u32) -> Result<(), Refused> {
        self.ctx.pc = pc;
        let i = self.insn(pc);
        let op = i.op().ok_or("unknown opcode")?;
        let (a, b) = (i.a(), i.b());
        match op {
            Op::Nop => {}
            Op::Move => {
                let v = self.val(b);
                self.set(a, v);
            }
            Op::LoadNil => {
                for r in a..=a.saturating_add(b) {
                    let v = self.nil();
                    self.set(r, v);
                }
            }
            Op::LoadFalse | Op::LoadTrue => {
                let v = self.boolean(op == Op::LoadTrue);
                self.set(a, v);
            }
            Op::LoadI => {
                let v = self.int(i64::from(i.d()));
                self.set(a, v);
            }
            Op::LoadF => {
                let v = self.float(f64::from(i.d()));
                self.set(a, v);
            }
            Op::LoadK => {
                let v = self.constant(i.k());
                self.set(a, v);
            }
            Op::GetUpval => {
                let v = self.upvalue(b);
                self.set(a, v);
            }
            Op::SetUpval => {
                let (at, v) = (self.upval(b), self.val(a));
                self.put(Ir::UpvalSet, &[at, v]);
                self.barrier(at, v);
            }
            Op::GetTabUp | Op::GetField | Op::SelfField => self.get_field(pc, i, op)?,
            Op::SetTabUp | Op::SetField => self.set_field(pc, i, op)?,
            Op::GetIndex | Op::GetIndexI => self.get_index(pc, i, op)?,
            Op::SetIndex | Op::SetIndexI => self.set_index(pc, i, op)?,
            Op::NewTable => self.new_table(pc, i)?,
            Op::Closure => self.new_closure(i),
            Op::Not => {
                let v = self.val(b);
                let t = self.truthy(v);
                let v = self.put(Ir::Not, &[t]);
                self.set(a, v);
            }
            Op::Len => self.len(pc, i)?,
            Op::Jmp => self.flow_to(flow::target(pc, i))?,
            Op::Loop => {
                self.poll(pc)?;
                self.flow_to(flow::target(pc, i))?;
            }
            Op::ForPrep => self.for_prep(pc, i)?,
            Op::ForLoop => self.for_loop(pc, i)?,
            Op::TForPrep => self.tfor_prep(pc, i)?,
            Op::TForCall => self.tfor_call(pc, i)?,
            Op::TForLoop => self.tfor_loop(pc, i)?,
            Op::Call if self.ctx.folded == Some(pc) => {}
            Op::Call => self.call(pc, i)?,
            Op::Return | Op::Return0 | Op::Return1 => self.ret(pc, i, op)?,
            Op::TailCall => self.tail_call(pc, i)?,
            Op::ReturnClose => self.return_close(pc, i)?,
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
            | Op::JNotGeI => self.conditional(pc, i, op)?,
            Op::Concat => self.concat(pc, i)?,
            Op::Vararg => self.vararg(pc, i)?,
            Op::SetList if self.ctx.folded == Some(pc) => {}
            Op::SetList => self.set_list(pc, i)?,
            Op::Close => self.close(pc, a)?,
            Op::Tbc => self.step(pc)?,
            // The prologue does it.
            Op::VarargPrep => {}
            _ => match flow::arith_operator(op) {
                Some((kind, constant)) => self.arith(pc, i, kind, constant)?,
                None => return Err(format!("nothing is built for {op:?}")),
            },
        }
        self.taken(pc);
        Ok(())
    }

    /// Runs instruction `pc` by a step that leaves the function.
    fn leave_by_step(&mut self, pc: u32) -> Result<(), Refused> {
        self.settle(pc)?;
        let frame = self.frame(pc, true)?;
        self.end(Term::Leave { frame });
        Ok(())
    }

    /// Runs instruction `pc`, which does not jump, by a step.
    fn step(&mut self, pc: u32) -> Result<(), Refused> {
        self.settle(pc)?;
        let frame = self.frame(pc, true)?;
        self.emit_at(Ir::Step, Ty::Void, &[], u64::from(pc), frame);
        self.after_step(pc);
        Ok(())
    }

    /// Registers after the helper that ran instruction `pc`.
    fn after_step(&mut self, pc: u32) {
        let i = self.insn(pc);
        let Some(op) = i.op() else { return };
        let e = Effects::of(op, i);
        for r in e.kills.iter() {
            self.st.set(r, Reg::Undefined);
        }
        for r in e.writes.iter() {
            self.slot_written(r);
        }
        self.frame_cache = None;
    }

    /// Runs instruction `pc`, which may jump, by a step: whether it does.
    fn step_test(&mut self, pc: u32) -> Result<V, Refused> {
        self.settle(pc)?;
        let frame = self.frame(pc, true)?;
        let taken = self.emit_at(Ir::StepTest, Ty::Bool, &[], u64::from(pc), frame);
        self.after_step(pc);
        Ok(taken)
    }

    /// Jumps as instruction `pc` does, if `taken`.
    fn jump_if(&mut self, taken: V, pc: u32, i: Insn) -> Result<(), Refused> {
        let yes = self.edge(flow::target(pc, i))?;
        let no = self.edge(pc + 1)?;
        self.end(Term::Branch {
            cond: taken,
            yes,
            no,
            likely: None,
        });
        Ok(())
    }

    /// Goes to a new block if `cond` is false, and on in another if it is
    /// true.
    fn split(&mut self, cond: V, likely: Option<bool>) -> BlockId {
        let (yes, no) = (self.f.block(), self.f.block());
        if likely == Some(true) {
            self.f.blocks[no.n()].cold = true;
        }
        self.end(Term::Branch {
            cond,
            yes: Target::to(yes),
            no: Target::to(no),
            likely,
        });
        self.go_on(yes);
        no
    }

    /// A block where ways meet that have computed a value of type `ty`: it is
    /// where building goes on, and its parameter is returned.
    fn meet(&mut self, ways: &[(BlockId, V)], ty: Ty) -> V {
        let met = self.f.block();
        let result = self.f.param(met, ty);
        for &(from, v) in ways {
            self.f.blocks[from.n()].term = Term::Jump(Target {
                block: met,
                args: smallvec![v],
            });
        }
        self.go_on(met);
        result
    }

    /// Every register that instruction `pc` reads, and every one that is live
    /// while it waits, is in its VM slot afterwards; so are the frames below.
    fn settle(&mut self, pc: u32) -> Result<(), Refused> {
        let i = self.insn(pc);
        let op = i.op().ok_or("unknown opcode")?;
        let e = Effects::of(op, i);
        let mut wanted = self.live_during(pc).union(&e.reads);
        if let Some(first) = e.open_in {
            // Up to where the open values begin.
            let open = self.open_first(pc);
            wanted = wanted.union(&RegSet::range(
                usize::from(first),
                usize::from(open.unwrap_or(first)),
            ));
        }
        self.store(&wanted);
        self.link();
        self.settle_open(pc);
        Ok(())
    }

    /// Every register that is live while instruction `pc` waits is in its slot
    /// afterwards; so are the frames below.
    fn settle_waiting(&mut self, pc: u32) {
        let live = self.live_during(pc);
        self.store(&live);
        self.link();
    }

    /// Stores those registers that are not in their slots.
    fn store(&mut self, regs: &RegSet) {
        for r in regs.iter() {
            if let Reg::Val { v, clean: false } = self.st.get(r) {
                let slot = u64::from(self.ctx.base + u32::from(r));
                self.put_imm(Ir::SlotStore, &[v], slot);
                self.st.set(r, Reg::Val { v, clean: true });
                self.frame_cache = None;
            }
        }
    }

    /// Stores the frames below, and the links of inlined frames.
    fn link(&mut self) {
        if self.st.linked {
            return;
        }
        let mut chain: SmallVec<[(FrameId, Link); 4]> = SmallVec::new();
        let here = self.ctx.below.map(|(frame, closure)| {
            let link = Link {
                closure,
                tail: self.ctx.tail,
                params: self.func().spec().params,
                extras: self.ctx.extras.clone().unwrap_or_default(),
            };
            (frame, link)
        });
        let mut below = here;
        while let Some((id, link)) = below {
            chain.push((id, link));
            let frame = &self.f.frames[id.n()];
            let next = frame.parent.zip(frame.closure_value());
            below = next.filter(|_| !frame.linked).map(|(parent, closure)| {
                let value = |held: &Held| match held {
                    Held::Value(v) => Some(*v),
                    _ => None,
                };
                let link = Link {
                    closure,
                    tail: frame.tail,
                    params: self.s.funcs[frame.func as usize].spec().params,
                    extras: frame.extras.iter().filter_map(value).collect(),
                };
                (parent, link)
            });
        }
        // The outermost first: inner frames lie above.
        for (frame, link) in chain.into_iter().rev() {
            let waiting = self.f.frames[frame.n()];
            for &(r, held) in waiting.regs {
                if let Held::Value(v) = held {
                    self.put_imm(Ir::SlotStore, &[v], u64::from(waiting.base + u32::from(r)));
                }
            }
            let mut args: SmallVec<[V; 4]> = smallvec![link.closure];
            args.extend(link.extras);
            let imm = u64::from(link.tail) | u64::from(link.params) << 1;
            self.emit_at(Ir::LinkStore, Ty::Void, &args, imm, frame);
        }
        self.st.linked = true;
        self.frame_cache = None;
    }

    /// Looks at the poll word for the loop instruction `pc`.
    fn poll(&mut self, pc: u32) -> Result<(), Refused> {
        let frame = self.frame(pc, false)?;
        self.emit_at(Ir::Poll, Ty::Void, &[], u64::from(pc), frame);
        Ok(())
    }
}
