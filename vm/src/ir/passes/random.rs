//! Passes keep what functions do: random functions, before and after.
//!
//! [`Maker`] makes a function as the builder would: registers are values, guards
//! name the registers at their instruction, loops count, tables are guarded
//! before they are looked into. [`eval`](super::eval) runs it.
//!
//! A pass may leave earlier than the function did before, but only where the
//! interpreter could go on: each way out must be the state of the registers and
//! of the heap at some guard or loop header that the function had passed before
//! the pass.

use super::eval::{End, Input, Table, Val, evaluate};
use super::{PASSES, Pipeline, Tables};
use crate::ir::verify::verify;
use crate::ir::{BlockId, Frame, FrameId, Func, Held, Op, Reason, Target, Term, Ty, V};
use bumpalo::Bump;
use smallvec::SmallVec;
use strata_runtime::value::tag;

/// Numbers that are given, a byte for each; then those of SplitMix64.
struct Rng<'g>(u64, &'g [u8]);

impl Rng<'_> {
    fn next(&mut self) -> u64 {
        if let Some((&given, rest)) = self.1.split_first() {
            self.1 = rest;
            return given.into();
        }
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn int(&mut self) -> i64 {
        match self.below(8) {
            0 => i64::MAX - self.below(3) as i64,
            1 => i64::MIN + self.below(3) as i64,
            2 => -(self.below(9) as i64),
            3 => 1 << self.below(63),
            _ => self.below(6) as i64,
        }
    }

    fn float(&mut self) -> f64 {
        let all = [
            0.0,
            -0.0,
            1.0,
            0.5,
            -2.5,
            3.0,
            f64::NAN,
            f64::INFINITY,
            1e300,
        ];
        all[self.below(all.len())]
    }
}

/// Registers of the function that is thought to be compiled.
const REGS: usize = 6;
/// Numbers of the shapes in the table of constants: of tables with so many
/// fields.
const SHAPES: usize = 3;

struct Maker<'r, 'g, 'a> {
    f: Func<'a>,
    rng: &'r mut Rng<'g>,
    at: BlockId,
    regs: [V; REGS],
    /// Tables, values of type `Table`.
    tables: Vec<V>,
    /// Loop inductions and the like: integers that are good indices.
    indices: Vec<V>,
    pc: u32,
    left: usize,
}

impl<'a> Maker<'_, '_, 'a> {
    fn put(&mut self, op: Op, ty: Ty, args: &[V], imm: u64) -> V {
        let frame = op.has_frame().then(|| self.frame());
        let v = self.f.inst(op, ty, args, imm, frame);
        self.f.blocks[self.at.n()].insts.push(v);
        v
    }

    fn int(&mut self, i: i64) -> V {
        self.put(Op::Int, Ty::Int, &[], i as u64)
    }

    /// The registers as they are.
    fn frame(&mut self) -> FrameId {
        let regs = self.regs.iter().enumerate();
        let regs: Vec<(u8, Held)> = regs.map(|(r, &v)| (r as u8, Held::Value(v))).collect();
        let frame = Frame {
            func: 0,
            pc: self.pc,
            waits: false,
            base: 0,
            parent: None,
            closure: None,
            tail: false,
            linked: false,
            early: false,
            extras: &[],
            regs: self.f.arena.alloc_slice_copy(&regs),
            sunk: &[],
        };
        self.f.add_frame(frame)
    }

    fn boxed(&mut self, v: V) -> V {
        match self.f.ty(v) {
            Ty::Any => v,
            _ => self.put(Op::Box, Ty::Any, &[v], 0),
        }
    }

    /// A register as an integer or a float: guarded, if need be.
    fn number(&mut self, ty: Ty) -> V {
        let start = self.rng.below(REGS);
        let of = |m: &Self, ty: Ty| {
            (0..REGS)
                .map(|n| (n + start) % REGS)
                .find(|&r| m.f.ty(m.regs[r]) == ty)
        };
        if self.rng.one_in(4)
            && let Some(r) = of(self, Ty::Any)
        {
            let t = if ty == Ty::Int { tag::INT } else { tag::FLOAT };
            let v = self.regs[r];
            let v = self.put(Op::GuardIs, ty, &[v], t.into());
            self.regs[r] = v;
            return v;
        }
        match of(self, ty) {
            Some(r) if !self.rng.one_in(5) => self.regs[r],
            _ if ty == Ty::Int => {
                let i = self.rng.int();
                self.int(i)
            }
            _ => {
                let x = self.rng.float();
                self.put(Op::Float, Ty::Float, &[], x.to_bits())
            }
        }
    }

    fn integer_op(&mut self) -> V {
        let (a, b) = (self.number(Ty::Int), self.number(Ty::Int));
        let ops = [
            Op::IAdd,
            Op::ISub,
            Op::IMul,
            Op::IAnd,
            Op::IOr,
            Op::IXor,
            Op::IShl,
            Op::INeg,
            Op::INot,
            Op::IDiv,
            Op::IMod,
            Op::ToInt,
            Op::Select,
        ];
        match ops[self.rng.below(ops.len())] {
            op @ (Op::INeg | Op::INot) => self.put(op, Ty::Int, &[a], 0),
            op @ (Op::IDiv | Op::IMod) => {
                let zero = self.int(0);
                let is = self.put(Op::IEq, Ty::Bool, &[b, zero], 0);
                let not = self.put(Op::Not, Ty::Bool, &[is], 0);
                self.put(Op::Guard, Ty::Void, &[not], Reason::Number as u64);
                self.put(op, Ty::Int, &[a, b], 0)
            }
            Op::ToInt => {
                let x = self.number(Ty::Float);
                let x = self.put(Op::FFloor, Ty::Float, &[x], 0);
                let fits = self.put(Op::FitsInt, Ty::Bool, &[x], 0);
                self.put(Op::Guard, Ty::Void, &[fits], Reason::Number as u64);
                self.put(Op::ToInt, Ty::Int, &[x], 0)
            }
            Op::Select => {
                let c = self.condition();
                self.put(Op::Select, Ty::Int, &[c, a, b], 0)
            }
            op => self.put(op, Ty::Int, &[a, b], 0),
        }
    }

    fn float_op(&mut self) -> V {
        let (a, b) = (self.number(Ty::Float), self.number(Ty::Float));
        let ops = [
            Op::FAdd,
            Op::FSub,
            Op::FMul,
            Op::FDiv,
            Op::FNeg,
            Op::FAbs,
            Op::FSqrt,
            Op::FFloor,
            Op::FCeil,
            Op::ToFloat,
        ];
        match ops[self.rng.below(ops.len())] {
            Op::ToFloat => {
                let i = self.number(Ty::Int);
                self.put(Op::ToFloat, Ty::Float, &[i], 0)
            }
            op @ (Op::FAdd | Op::FSub | Op::FMul | Op::FDiv) => self.put(op, Ty::Float, &[a, b], 0),
            op => self.put(op, Ty::Float, &[a], 0),
        }
    }

    fn condition(&mut self) -> V {
        match self.rng.below(8) {
            0..=2 => {
                let (a, b) = (self.number(Ty::Int), self.number(Ty::Int));
                let ops = [Op::ILt, Op::ILe, Op::IEq, Op::IUlt];
                let op = ops[self.rng.below(ops.len())];
                self.put(op, Ty::Bool, &[a, b], 0)
            }
            3 => {
                let (a, b) = (self.number(Ty::Float), self.number(Ty::Float));
                let ops = [Op::FLt, Op::FLe, Op::FEq];
                let op = ops[self.rng.below(ops.len())];
                self.put(op, Ty::Bool, &[a, b], 0)
            }
            4 => {
                let c = self.condition();
                self.put(Op::Not, Ty::Bool, &[c], 0)
            }
            5 => {
                let (a, b) = (self.condition(), self.condition());
                let op = if self.rng.one_in(2) { Op::And } else { Op::Or };
                self.put(op, Ty::Bool, &[a, b], 0)
            }
            n => {
                let v = self.any();
                if n == 6 {
                    self.put(Op::Truthy, Ty::Bool, &[v], 0)
                } else {
                    let tags = [tag::INT, tag::FLOAT, tag::TABLE, tag::NIL, tag::FALSE];
                    let t = tags[self.rng.below(tags.len())];
                    self.put(Op::Is, Ty::Bool, &[v], t.into())
                }
            }
        }
    }

    fn any(&mut self) -> V {
        let v = self.regs[self.rng.below(REGS)];
        self.boxed(v)
    }

    fn table(&mut self) -> V {
        let n = self.rng.below(self.tables.len());
        self.tables[n]
    }

    fn shape(&mut self, n: usize) -> V {
        self.put(Op::Object, Ty::Ptr, &[], n as u64)
    }

    fn guard_shape(&mut self, t: V, n: usize) -> V {
        let shape = self.shape(n);
        self.put(Op::GuardShape, Ty::Table, &[t, shape], 0)
    }

    /// Something that is done to a field, or an element.
    fn access(&mut self) {
        let t = self.table();
        if self.rng.one_in(2) {
            let n = 1 + self.rng.below(SHAPES - 1);
            let t = self.guard_shape(t, n);
            let field = self.rng.below(n) as u64;
            if self.rng.one_in(2) {
                let v = self.put(Op::Field, Ty::Any, &[t], field);
                self.assign(v);
            } else {
                let v = self.regs[self.rng.below(REGS)];
                self.put(Op::SetField, Ty::Void, &[t, v], field);
                self.put(Op::Barrier, Ty::Void, &[t, v], 0);
            }
            return;
        }
        let t = self.put(Op::GuardKind, Ty::Table, &[t], tag::INT.into());
        let len = self.put(Op::ArrLen, Ty::Int, &[t], 0);
        let index = match self.indices.len() {
            0 => self.number(Ty::Int),
            _ if self.rng.one_in(5) => self.number(Ty::Int),
            many => {
                let n = self.rng.below(many);
                let v = self.indices[n];
                match self.rng.below(4) {
                    0 | 1 => v,
                    by => {
                        let by = self.int(by as i64 * 2 - 5);
                        self.put(Op::IAdd, Ty::Int, &[v, by], 0)
                    }
                }
            }
        };
        let store = self.rng.one_in(2).then(|| self.number(Ty::Int));
        let n = self.put(Op::GuardIndex, Ty::Int, &[index, len], 0);
        let data = self.put(Op::ArrData, Ty::Ptr, &[t], 0);
        match store {
            Some(v) => {
                self.put(Op::StoreInt, Ty::Void, &[data, n, v], 0);
            }
            None => {
                let v = self.put(Op::LoadInt, Ty::Int, &[data, n], 0);
                self.assign(v);
            }
        }
    }

    /// A new table with some fields.
    fn new_table(&mut self) {
        let pc = self.pc;
        let t = self.put(Op::NewTable, Ty::Table, &[], pc.into());
        self.pc += 1;
        self.assign(t);
        for n in 0..=self.rng.below(SHAPES - 1) {
            let guarded = self.guard_shape(t, n);
            let room = self.put(Op::FieldRoom, Ty::Int, &[guarded], 0);
            let have = self.int(n as i64);
            let fits = self.put(Op::ILt, Ty::Bool, &[have, room], 0);
            self.put(Op::Guard, Ty::Void, &[fits], Reason::Shape as u64);
            let v = self.regs[self.rng.below(REGS)];
            let to = self.shape(n + 1);
            self.put(Op::SetField, Ty::Void, &[guarded, v], n as u64);
            self.put(Op::SetShape, Ty::Void, &[guarded, to], 0);
            self.put(Op::Barrier, Ty::Void, &[guarded, v], 0);
            self.pc += 1;
        }
        self.tables.push(t);
    }

    fn assign(&mut self, v: V) {
        let r = self.rng.below(REGS);
        self.regs[r] = v;
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..1 + self.rng.below(5) {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            self.pc += 1;
            match self.rng.below(14) {
                0..=2 => {
                    let v = self.integer_op();
                    self.assign(v);
                }
                3 => {
                    let v = self.float_op();
                    self.assign(v);
                }
                4 => {
                    let v = self.condition();
                    self.assign(v);
                }
                5 => {
                    let v = self.any();
                    self.assign(v);
                }
                6 => {
                    let imm = self.rng.below(3) as u64;
                    if self.rng.one_in(2) {
                        let v = self.put(Op::CapturedLoad, Ty::Any, &[], imm);
                        self.assign(v);
                    } else {
                        let v = self.regs[self.rng.below(REGS)];
                        self.put(Op::CapturedStore, Ty::Void, &[v], imm);
                    }
                }
                7 => self.new_table(),
                8 if depth > 0 => self.diamond(depth - 1),
                9 | 10 if depth > 0 => self.counted(depth - 1),
                _ => self.access(),
            }
        }
    }

    fn goes_on(&mut self, block: BlockId) {
        self.at = block;
    }

    /// Two ways that meet.
    fn diamond(&mut self, depth: usize) {
        let cond = self.condition();
        let (yes, no, met) = (self.f.block(), self.f.block(), self.f.block());
        self.f.blocks[self.at.n()].term = Term::Branch {
            cond,
            yes: Target::to(yes),
            no: Target::to(no),
            likely: None,
        };
        let before = (self.regs, self.tables.clone());
        let mut ends = Vec::new();
        for arm in [yes, no] {
            self.regs = before.0;
            self.tables.clone_from(&before.1);
            self.goes_on(arm);
            if arm == no && self.rng.one_in(4) {
                self.f.blocks[arm.n()].cold = true;
                let frame = self.frame();
                self.f.blocks[arm.n()].term = Term::Exit {
                    frame,
                    reason: Reason::Unreached,
                };
                continue;
            }
            self.statements(depth);
            ends.push((self.at, self.regs));
        }
        self.tables = before.1;
        let mut regs = ends[0].1;
        let mut args: Vec<SmallVec<[V; 4]>> = vec![SmallVec::new(); ends.len()];
        for (r, reg) in regs.iter_mut().enumerate() {
            if ends.iter().all(|e| e.1[r] == *reg) {
                continue;
            }
            let ty = self.f.ty(*reg);
            let same = ends.iter().all(|e| self.f.ty(e.1[r]) == ty);
            let ty = if same { ty } else { Ty::Any };
            for (end, args) in ends.iter().zip(&mut args) {
                self.goes_on(end.0);
                let v = match ty {
                    Ty::Any => self.boxed(end.1[r]),
                    _ => end.1[r],
                };
                args.push(v);
            }
            *reg = self.f.param(met, ty);
        }
        for ((at, _), args) in ends.iter().zip(args) {
            self.f.blocks[at.n()].term = Term::Jump(Target { block: met, args });
        }
        self.regs = regs;
        self.goes_on(met);
    }

    /// A counted loop over an induction, which some registers are carried
    /// around.
    fn counted(&mut self, depth: usize) {
        let step = [1, 1, 1, -1, 2, -3][self.rng.below(6)];
        let first = match self.rng.below(3) {
            0 => self.number(Ty::Int),
            _ if step > 0 => self.int(0),
            _ => {
                let i = self.rng.below(12) as i64;
                self.int(i)
            }
        };
        let times = match self.rng.below(3) {
            0 => {
                let i = self.rng.below(9) as i64;
                self.int(i)
            }
            _ => {
                // Few, whatever it is.
                let (v, mask) = (self.number(Ty::Int), self.int(15));
                self.put(Op::IAnd, Ty::Int, &[v, mask], 0)
            }
        };
        let header = self.f.block();
        let carried: Vec<usize> = (1..REGS).filter(|_| self.rng.one_in(2)).collect();
        let mut args: SmallVec<[V; 4]> = SmallVec::from_slice(&[first, times]);
        let mut types = Vec::new();
        for &r in &carried {
            let ty = match self.f.ty(self.regs[r]) {
                ty @ (Ty::Int | Ty::Float) if self.rng.one_in(2) => ty,
                _ => Ty::Any,
            };
            let v = match ty {
                Ty::Any => self.boxed(self.regs[r]),
                _ => self.regs[r],
            };
            args.push(v);
            types.push(ty);
        }
        self.f.blocks[self.at.n()].term = Term::Jump(Target {
            block: header,
            args,
        });
        self.pc += 1;
        let pc = self.pc;
        let index = self.f.param(header, Ty::Int);
        let count = self.f.param(header, Ty::Int);
        self.regs[0] = index;
        for (&r, &ty) in carried.iter().zip(&types) {
            self.regs[r] = self.f.param(header, ty);
        }
        self.goes_on(header);
        let entry = self.frame();
        self.f.blocks[header.n()].entry = Some(entry);
        let at_header = (self.regs, self.tables.clone());
        self.indices.push(index);
        self.statements(depth);
        // The other registers are as they were.
        for r in 1..REGS {
            if !carried.contains(&r) {
                self.regs[r] = at_header.0[r];
            }
        }
        // Guards for what the header takes go on at the back-edge.
        self.pc += 1;
        let mut around = Vec::new();
        for (&r, &ty) in carried.iter().zip(&types) {
            let v = match (ty, self.f.ty(self.regs[r])) {
                (Ty::Any, _) => self.boxed(self.regs[r]),
                (ty, have) if have == ty => self.regs[r],
                (ty, _) => {
                    let v = self.boxed(self.regs[r]);
                    let t = ty.tag().expect("numbers have one");
                    self.put(Op::GuardIs, ty, &[v], t.into())
                }
            };
            self.regs[r] = v;
            around.push(v);
        }
        let last_pc = self.pc;
        self.put(Op::Poll, Ty::Void, &[], last_pc.into());
        let zero = self.int(0);
        let done = self.put(Op::IEq, Ty::Bool, &[count, zero], 0);
        let (latch, out) = (self.f.block(), self.f.block());
        self.f.blocks[self.at.n()].term = Term::Branch {
            cond: done,
            yes: Target::to(out),
            no: Target::to(latch),
            likely: Some(false),
        };
        self.goes_on(latch);
        let (by, one) = (self.int(step), self.int(1));
        let next = self.put(Op::IAdd, Ty::Int, &[index, by], 0);
        let fewer = self.put(Op::ISub, Ty::Int, &[count, one], 0);
        let mut args: SmallVec<[V; 4]> = SmallVec::from_slice(&[next, fewer]);
        args.extend(around);
        self.f.blocks[latch.n()].term = Term::Jump(Target {
            block: header,
            args,
        });
        self.indices.pop();
        self.tables = at_header.1;
        self.pc = self.pc.max(pc) + 1;
        self.goes_on(out);
    }
}

/// A random function: two tables, an integer, a float, two values of any kind.
fn function<'a>(arena: &'a Bump, rng: &mut Rng<'_>) -> Func<'a> {
    let mut f = Func::new(arena);
    let types = [Ty::Int, Ty::Int, Ty::Float, Ty::Any, Ty::Any, Ty::Any];
    let regs = types.map(|ty| f.param(BlockId::ENTRY, ty));
    let tables = (0..2).map(|_| f.param(BlockId::ENTRY, Ty::Table)).collect();
    let most = 1 + rng.below(30);
    let mut m = Maker {
        f,
        left: 1 + rng.below(most),
        rng,
        at: BlockId::ENTRY,
        regs,
        tables,
        indices: Vec::new(),
        pc: 1,
    };
    while m.left > 0 {
        m.statements(3);
    }
    m.pc += 1;
    let frame = m.frame();
    let values = (0..3).map(|_| m.regs[m.rng.below(REGS)]).collect();
    m.f.blocks[m.at.n()].term = Term::Return { frame, values };
    m.f
}

fn input(rng: &mut Rng<'_>) -> Input {
    let tables: Vec<Table> = (0..2)
        .map(|_| {
            let n = 1 + rng.below(SHAPES - 1);
            Table {
                shape: n as u64,
                fields: (0..n).map(|_| Val::Int(rng.int())).collect(),
                ints: (0..rng.below(14)).map(|_| rng.int()).collect(),
            }
        })
        .collect();
    let mut any = || match rng.below(6) {
        0 => Val::Float(rng.float().to_bits()),
        1 => Val::Table(rng.below(2)),
        2 => Val::Nil,
        3 => Val::Bool(rng.one_in(2)),
        _ => Val::Int(rng.int()),
    };
    let anys = [any(), any(), any()];
    let captured = vec![any(), any(), any()];
    let mut args = vec![
        Val::Int(rng.int()),
        Val::Int(rng.int()),
        Val::Float(rng.float().to_bits()),
    ];
    args.extend(anys);
    // Now and then both are one table.
    let second = usize::from(!rng.one_in(4));
    args.extend([Val::Table(0), Val::Table(second)]);
    Input {
        args,
        tables,
        captured,
    }
}

/// What the passes make of function `seed`, against what it was.
fn check(seed: u64, passes: Option<&[&'static str]>) -> Result<(), String> {
    check_made(numbers(seed), passes)
}

fn numbers(seed: u64) -> Rng<'static> {
    Rng(seed.wrapping_mul(0x2545_f491_4f6c_dd1d), &[])
}

fn check_made(mut rng: Rng<'_>, passes: Option<&[&'static str]>) -> Result<(), String> {
    let arena = Bump::new();
    let mut f = function(&arena, &mut rng);
    let before = f.to_string();
    verify(&f).map_err(|e| format!("as made: {e}\n{before}"))?;
    let params: Vec<V> = f.blocks[0].params.iter().copied().collect();
    let inputs: Vec<Input> = (0..6).map(|_| input(&mut rng)).collect();
    let right: Vec<_> = inputs.iter().map(|i| evaluate(&f, &params, i)).collect();
    let may_hoist = |_, pc: u32, _| !pc.is_multiple_of(7);
    let tables = Tables {
        root: 0,
        sinkable: &|_, _, shape, fields| shape == fields as u64,
    };
    let pipeline = match passes {
        None => Pipeline::standard(&may_hoist),
        Some(passes) => Pipeline::of(passes, &may_hoist),
    };
    let result = pipeline.with_tables(tables).run(&mut f, true, None);
    let after = f.to_string();
    result.map_err(|e| format!("{e}\n{before}--->\n{after}"))?;
    for (input, (right, trace)) in inputs.iter().zip(&right) {
        let (now, _) = evaluate(&f, &params, input);
        let fine = match (&now, right) {
            (End::Exit(state), _) => trace.contains(state),
            (now, right) => now == right,
        };
        if !fine {
            return Err(format!(
                "with {input:?}\nwas {right:?}\nnow {now:?}\n{before}--->\n{after}"
            ));
        }
    }
    Ok(())
}

/// How many functions: `FUZZ_FUNCTIONS`, or a few.
fn functions() -> u64 {
    let given = std::env::var("FUZZ_FUNCTIONS").ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(400)
}

/// Checks functions; of those that are wrong, panics with the shortest.
fn check_all(n: u64, passes: Option<&[&'static str]>) {
    let wrong = (0..n).filter_map(|seed| Some((seed, check(seed, passes).err()?)));
    let wrong: Vec<_> = wrong.collect();
    if let Some((seed, e)) = wrong.iter().min_by_key(|(_, e)| e.len()) {
        panic!(
            "{} of {n} are wrong, the shortest seed {seed}: {e}",
            wrong.len()
        );
    }
}

#[test]
fn all_passes_keep_what_random_functions_do() {
    check_all(functions(), None);
}

#[test]
fn each_pass_alone_keeps_what_random_functions_do() {
    for (name, _) in PASSES {
        check_all(functions() / 4, Some(&[name, "dce"]));
    }
}

/// Functions by what their bytes cover (`make fuzz-coverage`).
#[cfg(fuzzing)]
#[test]
fn covered_passes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        check_made(Rng(1, bytes), None).unwrap_or_else(|e| panic!("{e}"));
    });
}

/// The text of a function, by what it covers: as it was printed, then damaged. What
/// the parser and the verifier accept goes through all passes, which leave it valid.
fn damaged_text(bytes: &[u8]) -> bool {
    let [seed, edits @ ..] = bytes else {
        return false;
    };
    let arena = Bump::new();
    let mut text = function(&arena, &mut numbers(u64::from(*seed) % 16))
        .to_string()
        .into_bytes();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % text.len();
        match edit[2] % 4 {
            0 => text[at] = edit[3] & 0x7f,
            1 => text.insert(at, edit[3] & 0x7f),
            2 => {
                // A line again, or a line less.
                let end = at + text[at..].iter().position(|&b| b == b'\n').unwrap_or(0);
                let line = text[at..end].to_vec();
                text.splice(at..end, line.repeat(usize::from(edit[3] % 3)));
            }
            _ => text[at] = b'0' + edit[3] % 10,
        }
        if text.is_empty() {
            return false;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let arena = Bump::new();
    let Ok(mut f) = crate::ir::parse::parse(&arena, &text) else {
        return false;
    };
    if verify(&f).is_err() {
        return false;
    }
    let may_hoist = |_, _, _| true;
    let result = Pipeline::standard(&may_hoist).run(&mut f, true, None);
    result.unwrap_or_else(|e| panic!("{e}\n{text}"));
    true
}

#[cfg(fuzzing)]
#[test]
fn covered_texts() {
    bolero::check!().for_each(|bytes: &[u8]| {
        damaged_text(bytes);
    });
}

#[test]
fn damaged_texts_are_refused_or_valid() {
    let valid = (0..functions()).filter(|&seed| {
        let mut rng = numbers(seed ^ 0xda_4a6e);
        let count = 1 + 4 * rng.below(5);
        let bytes: Vec<u8> = (0..count).map(|_| rng.next() as u8).collect();
        damaged_text(&bytes)
    });
    let valid = valid.count();
    assert!(valid > 20, "{valid} were valid");
}

/// The functions end in all ways, else the tests above say little.
#[test]
fn random_functions_return_and_leave() {
    let (mut returned, mut left) = (0, 0);
    for seed in 0..200u64 {
        let arena = Bump::new();
        let mut rng = numbers(seed);
        let f = function(&arena, &mut rng);
        for _ in 0..6 {
            match evaluate(&f, &f.blocks[0].params, &input(&mut rng)).0 {
                End::Return(_) => returned += 1,
                End::Exit(_) => left += 1,
                End::Stuck(why) => panic!("seed {seed}: {why}\n{f}"),
            }
        }
    }
    assert!(
        returned > 150 && left > 150,
        "{returned} returned, {left} left"
    );
}
