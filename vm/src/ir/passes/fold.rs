//! Constant folding and algebraic simplification.
//!
//! Each instruction is looked at with the definitions of its arguments: it is
//! a constant, one of its arguments, or a cheaper instruction. Decided guards
//! go, or end their block. Afterwards [`flow`](super::flow) follows up on
//! branches that are decided, and both repeat until nothing changes.
//!
//! ## Canonical forms
//! - Constants stand on the right of commutative operators.
//! - `isub x c` is `iadd x -c`, and sums of constants are one constant.
//! - `not` of an integer comparison is the opposite comparison.
//!
//! - Who takes values of any type, returns and frame states name what was
//!   boxed rather than the box.
//!
//! ## Soundness
//! Integers wrap, division and modulo round down, shifts are Lua's
//! (`strata_runtime::ops::arith`, which the interpreter uses). For floats only
//! what holds for NaN, infinities and both zeros is used. NaN has a sign that
//! can be seen: what is computed here is computed as the machine does. A guard on a
//! value of another tag stays: the interpreter has to see that.

use super::{Cx, flow, rename::Rename};
use crate::ir::inst::Arg;
use crate::ir::{Func, Inst, Op, Reason, Term, Ty, V, cfg};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::ops::arith::{float_mod, int_floor_div, int_mod, shift_left};
use strata_runtime::value::{float_to_int, tag};

/// What an instruction turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Simple {
    /// Itself, as simple as can be; it may have been rewritten to that.
    Keep,
    /// Another value.
    Is(V),
    /// A guard that holds, and has no result.
    Holds,
    /// A guard that never holds.
    Fails(Reason),
}

/// The tags of booleans, as a mask.
const BOOLS: u64 = 1 << tag::TRUE | 1 << tag::FALSE;

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    // Each round needs another decided branch; more than a few are rare.
    for _ in 0..8 {
        let insts = instructions(f, cx);
        let blocks = flow::run(f, cx);
        if !insts && !blocks {
            break;
        }
    }
}

/// Simplifies all instructions once: whether there was one to simplify.
fn instructions(f: &mut Func<'_>, cx: &mut Cx<'_>) -> bool {
    let mut rename = Rename::default();
    let before = cx.stats;
    for b in cfg::reachable(f) {
        let arena = f.arena;
        let old = std::mem::replace(
            &mut f.blocks[b.n()].insts,
            bumpalo::collections::Vec::new_in(arena),
        );
        let mut new = Vec::with_capacity(old.len());
        let mut failed = None;
        for v in old {
            rename.args(f, v);
            unbox_args(f, v);
            match simplify(f, v, &mut new, &mut cx.stats.folded) {
                Simple::Keep => new.push(v),
                Simple::Is(other) => {
                    if f.insts[v.n()].op.is_guard() {
                        cx.stats.guards_removed += 1;
                    } else {
                        cx.stats.folded += 1;
                    }
                    rename.set(v, other);
                }
                Simple::Holds => cx.stats.guards_removed += 1,
                Simple::Fails(reason) => {
                    failed = f.insts[v.n()].frame.map(|frame| (frame, reason));
                    break;
                }
            }
        }
        let block = &mut f.blocks[b.n()];
        block.insts.extend(new);
        if let Some((frame, reason)) = failed {
            block.term = Term::Exit { frame, reason };
            cx.stats.branches_decided += 1;
        }
    }
    rename.apply(f);
    let insts = &f.insts;
    for frame in &mut f.frames {
        frame.replace(f.arena, &mut |v| unboxed(insts, v));
    }
    for block in &mut f.blocks {
        if let Term::Return { values, .. } = &mut block.term {
            values.iter_mut().for_each(|v| *v = unboxed(insts, *v));
        }
    }
    cx.stats != before
}

/// What is in the box, if `v` is one.
fn unboxed(insts: &[Inst<'_>], v: V) -> V {
    let i = &insts[v.n()];
    if i.op == Op::Box { i.args[0] } else { v }
}

/// Takes arguments out of their boxes where any type will do.
fn unbox_args(f: &mut Func<'_>, v: V) {
    let inst = f.insts[v.n()];
    let info = inst.op.info();
    let takes_all = |n: usize| inst.op != Op::Select && info.arg(n) == Some(Arg::Each);
    let boxed = |(n, &a): (usize, &V)| takes_all(n) && f.insts[a.n()].op == Op::Box;
    if inst.args.iter().enumerate().any(boxed) {
        let args = inst.args.iter().enumerate();
        f.insts[v.n()].args = f.arena.alloc_slice_fill_iter(args.map(|(n, &a)| {
            if takes_all(n) {
                unboxed(&f.insts, a)
            } else {
                a
            }
        }));
    }
}

/// Simplifies `v` as far as it goes. It may be rewritten in place; new
/// instructions that it needs are added to `before`. `count` counts rewrites.
pub(super) fn simplify(f: &mut Func<'_>, v: V, before: &mut Vec<V>, count: &mut u32) -> Simple {
    // Each rewrite leads closer to a canonical form; the bound is a safety net.
    for _ in 0..16 {
        let mut s = Simplifier { f, before };
        match s.step(v) {
            Step::Done(simple) => return simple,
            Step::Op(op, args) => {
                let arena = s.f.arena;
                let inst = &mut s.f.insts[v.n()];
                inst.op = op;
                inst.args = arena.alloc_slice_copy(&args[..op.info().args.len()]);
                inst.imm = 0;
            }
            Step::Const(op, imm) => {
                let inst = &mut s.f.insts[v.n()];
                inst.op = op;
                inst.args = &[];
                inst.imm = imm;
            }
        }
        *count += 1;
    }
    Simple::Keep
}

/// One step of simplification.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Done(Simple),
    /// It is this instruction, of as many arguments as that takes.
    Op(Op, [V; 2]),
    /// It is this constant.
    Const(Op, u64),
}

const KEEP: Step = Step::Done(Simple::Keep);

fn is(v: V) -> Step {
    Step::Done(Simple::Is(v))
}

fn bool_const(b: bool) -> Step {
    Step::Const(Op::Bool, u64::from(b))
}

fn int_const(i: i64) -> Step {
    Step::Const(Op::Int, i as u64)
}

/// A float as this machine computes it, which is the one that code is for. NaN
/// has a sign, and LLVM's own folding would choose another.
fn float_const(x: f64) -> Step {
    Step::Const(Op::Float, x.to_bits())
}

struct Simplifier<'s, 'a> {
    f: &'s mut Func<'a>,
    before: &'s mut Vec<V>,
}

impl Simplifier<'_, '_> {
    fn op(&self, v: V) -> Op {
        self.f.insts[v.n()].op
    }

    /// The argument of `v`, if `v` is this instruction.
    fn arg_of(&self, v: V, op: Op) -> Option<V> {
        let i = &self.f.insts[v.n()];
        (i.op == op).then(|| i.args[0])
    }

    fn float_of(&self, v: V) -> Option<f64> {
        let i = &self.f.insts[v.n()];
        (i.op == Op::Float).then(|| f64::from_bits(i.imm))
    }

    fn bool_of(&self, v: V) -> Option<bool> {
        let i = &self.f.insts[v.n()];
        (i.op == Op::Bool).then_some(i.imm != 0)
    }

    /// The same constant object.
    fn same_object(&self, a: V, b: V) -> bool {
        let (x, y) = (&self.f.insts[a.n()], &self.f.insts[b.n()]);
        a == b || (x.op == Op::Object && y.op == Op::Object && x.imm == y.imm && x.ty == y.ty)
    }

    /// A new integer constant.
    fn int(&mut self, i: i64) -> V {
        let v = self.f.inst(Op::Int, Ty::Int, &[], i as u64, None);
        self.before.push(v);
        v
    }

    fn step(&mut self, v: V) -> Step {
        let inst = self.f.insts[v.n()];
        let arg = |n: usize| inst.args[n];
        match inst.op {
            Op::Unbox | Op::GuardIs => match self.arg_of(arg(0), Op::Box) {
                Some(x) if self.f.ty(x) == inst.ty => is(x),
                _ => KEEP,
            },
            Op::Is => match self.arg_of(arg(0), Op::Box) {
                Some(x) => self.is_tag(x, inst.imm as u8),
                None => KEEP,
            },
            Op::TagIn => match self.arg_of(arg(0), Op::Box) {
                Some(x) => match (self.f.ty(x), inst.imm & BOOLS) {
                    (Ty::Bool, 0) => bool_const(false),
                    (Ty::Bool, BOOLS) => bool_const(true),
                    (ty, _) => match ty.tag() {
                        Some(t) => bool_const(inst.imm >> t & 1 != 0),
                        None => KEEP,
                    },
                },
                None => KEEP,
            },
            Op::Truthy => match self.arg_of(arg(0), Op::Box) {
                Some(x) if self.f.ty(x) == Ty::Bool => is(x),
                Some(x) => bool_const(self.f.ty(x) != Ty::Nil),
                None => KEEP,
            },
            Op::IsGc => match self.arg_of(arg(0), Op::Box) {
                Some(x) => bool_const(self.f.ty(x).is_object()),
                None => KEEP,
            },
            Op::SameTag | Op::SameBits if arg(0) == arg(1) => bool_const(true),
            Op::SameTag => {
                let tag_of = |v| self.arg_of(v, Op::Box).and_then(|x| self.f.ty(x).tag());
                match (tag_of(arg(0)), tag_of(arg(1))) {
                    (Some(a), Some(b)) => bool_const(a == b),
                    _ => KEEP,
                }
            }
            Op::ProtoOf | Op::Upval if self.f.insts[arg(0).n()].op == Op::NewClosure => {
                let n = match inst.op {
                    Op::Upval => inst.imm as usize + 1,
                    _ => 0,
                };
                is(self.f.insts[arg(0).n()].args[n])
            }
            Op::Same if self.same_object(arg(0), arg(1)) => bool_const(true),
            Op::Not | Op::And | Op::Or | Op::Select => self.boolean(v),
            Op::Guard => match self.bool_of(arg(0)) {
                Some(true) => Step::Done(Simple::Holds),
                Some(false) => Step::Done(Simple::Fails(Reason::from_imm(inst.imm))),
                None => KEEP,
            },
            Op::GuardIndex => match (self.f.int_const(arg(0)), self.f.int_const(arg(1))) {
                (Some(i), Some(len)) if (i as u64) < len as u64 => is(arg(0)),
                (Some(_), Some(_)) => Step::Done(Simple::Fails(Reason::Index)),
                _ => KEEP,
            },
            _ => match inst.args {
                [a] => self.unary(inst.op, *a),
                [a, b] => self.binary(inst.op, *a, *b),
                _ => KEEP,
            },
        }
    }

    /// Whether the typed value `x` has this tag.
    fn is_tag(&mut self, x: V, t: u8) -> Step {
        match (self.f.ty(x), t) {
            (Ty::Bool, tag::TRUE) => is(x),
            (Ty::Bool, tag::FALSE) => Step::Op(Op::Not, [x, x]),
            (ty, t) => bool_const(ty.tag() == Some(t)),
        }
    }

    fn boolean(&mut self, v: V) -> Step {
        let inst = self.f.insts[v.n()];
        let a = inst.args[0];
        let known = self.bool_of(a);
        match inst.op {
            Op::Not => {
                if let Some(b) = known {
                    return bool_const(!b);
                }
                let of = self.f.insts[a.n()];
                match of.op {
                    Op::Not => is(of.args[0]),
                    Op::ILt if planted(Bug::NotLess) => Step::Op(Op::ILe, [of.args[0], of.args[1]]),
                    Op::ILt => Step::Op(Op::ILe, [of.args[1], of.args[0]]),
                    Op::ILe => Step::Op(Op::ILt, [of.args[1], of.args[0]]),
                    _ => KEEP,
                }
            }
            Op::And | Op::Or => {
                let b = inst.args[1];
                let neutral = inst.op == Op::And;
                match (known, self.bool_of(b)) {
                    (Some(x), _) => is(if x == neutral { b } else { a }),
                    (_, Some(x)) => is(if x == neutral { a } else { b }),
                    _ if a == b => is(a),
                    _ => KEEP,
                }
            }
            _ => {
                let (yes, no) = (inst.args[1], inst.args[2]);
                match known {
                    Some(true) => is(yes),
                    Some(false) => is(no),
                    None if yes == no => is(yes),
                    None => match (self.bool_of(yes), self.bool_of(no)) {
                        (Some(true), Some(false)) => is(a),
                        (Some(false), Some(true)) => Step::Op(Op::Not, [a, a]),
                        _ => KEEP,
                    },
                }
            }
        }
    }

    fn unary(&mut self, op: Op, a: V) -> Step {
        if let Some(i) = self.f.int_const(a) {
            return match op {
                Op::INeg => int_const(i.wrapping_neg()),
                Op::INot => int_const(!i),
                Op::ToFloat => float_const(i as f64),
                _ => KEEP,
            };
        }
        if let Some(x) = self.float_of(a) {
            return match op {
                Op::FNeg => float_const(-x),
                Op::FSqrt => float_const(x.sqrt()),
                Op::FAbs => float_const(x.abs()),
                Op::FFloor => float_const(x.floor()),
                Op::FCeil => float_const(x.ceil()),
                Op::ToInt => float_to_int(x).map_or(KEEP, int_const),
                Op::FitsInt => bool_const(float_to_int(x).is_some()),
                _ => KEEP,
            };
        }
        match (op, self.op(a)) {
            (Op::INeg, Op::INeg) | (Op::INot, Op::INot) | (Op::FNeg, Op::FNeg) => {
                is(self.f.insts[a.n()].args[0])
            }
            // What came from an integer has no fraction.
            (Op::FFloor | Op::FCeil, Op::ToFloat | Op::FFloor | Op::FCeil) => is(a),
            (Op::FAbs, Op::FAbs) => is(a),
            (Op::FAbs, Op::FNeg) => {
                let x = self.f.insts[a.n()].args[0];
                Step::Op(Op::FAbs, [x, x])
            }
            _ => KEEP,
        }
    }

    fn binary(&mut self, op: Op, a: V, b: V) -> Step {
        match (self.f.int_const(a), self.f.int_const(b)) {
            (Some(x), Some(y)) => return on_ints(op, x, y),
            (Some(_), None) if is_commutative(op) => return Step::Op(op, [b, a]),
            (Some(0), _) if op == Op::IShl => return is(a),
            (_, Some(y)) => {
                let step = self.with_const(op, a, b, y);
                if step != KEEP {
                    return step;
                }
            }
            _ => {}
        }
        match (self.float_of(a), self.float_of(b)) {
            (Some(x), Some(y)) => return on_floats(op, x, y),
            (Some(x), None) if is_commutative(op) && !x.is_nan() => {
                return Step::Op(op, [b, a]);
            }
            (_, Some(y)) => match op {
                Op::FMul | Op::FDiv if y == 1.0 => return is(a),
                Op::FSub if y.to_bits() == 0.0f64.to_bits() => return is(a),
                Op::FAdd if y == 0.0 && (planted(Bug::MinusZero) || y.is_sign_negative()) => {
                    return is(a);
                }
                // As the runtime computes it.
                Op::FPow if y == 2.0 => return Step::Op(Op::FMul, [a, a]),
                _ => {}
            },
            _ => {}
        }
        if a != b {
            return KEEP;
        }
        match op {
            Op::ISub | Op::IXor => int_const(0),
            Op::IAnd | Op::IOr => is(a),
            Op::ILt | Op::IUlt => bool_const(false),
            Op::ILe | Op::IEq => bool_const(true),
            _ => KEEP,
        }
    }

    /// An integer operator whose second operand is the constant `y`.
    fn with_const(&mut self, op: Op, a: V, b: V, y: i64) -> Step {
        match (op, y) {
            (Op::IAdd | Op::ISub | Op::IOr | Op::IXor | Op::IShl, 0)
            | (Op::IMul | Op::IDiv | Op::UDiv, 1)
            | (Op::IAnd, -1) => is(a),
            (Op::IMul | Op::IAnd, 0) | (Op::IOr, -1) => is(b),
            (Op::IXor, -1) => Step::Op(Op::INot, [a, a]),
            (Op::IMul, -1) | (Op::IDiv, -1) => Step::Op(Op::INeg, [a, a]),
            (Op::IMod, 1 | -1) if planted(Bug::OddModulo) => is(a),
            (Op::IMod, 1 | -1) => int_const(0),
            (Op::IShl, _) if !(-63..64).contains(&y) => int_const(0),
            (Op::IUlt, 0) => bool_const(false),
            (Op::ISub, _) => {
                let negative = self.int(y.wrapping_neg());
                Step::Op(Op::IAdd, [a, negative])
            }
            // Rounding down makes it a mask for either sign.
            (Op::IMod, 2..) if y & (y - 1) == 0 => {
                let mask = self.int(y - 1);
                Step::Op(Op::IAnd, [a, mask])
            }
            (Op::IAdd | Op::IMul | Op::IAnd | Op::IOr | Op::IXor, _) if self.op(a) == op => {
                let inner = self.f.insts[a.n()].args;
                let Some(x) = self.f.int_const(inner[1]) else {
                    return KEEP;
                };
                let both = match op {
                    Op::IAdd => x.wrapping_add(y),
                    Op::IMul => x.wrapping_mul(y),
                    Op::IAnd => x & y,
                    Op::IOr => x | y,
                    _ => x ^ y,
                };
                let c = self.int(both);
                Step::Op(op, [inner[0], c])
            }
            // x + c == y: compare x alone. Order would not survive wrapping.
            (Op::IEq, _) if self.op(a) == Op::IAdd => {
                let inner = self.f.insts[a.n()].args;
                let Some(x) = self.f.int_const(inner[1]) else {
                    return KEEP;
                };
                let c = self.int(y.wrapping_sub(x));
                Step::Op(Op::IEq, [inner[0], c])
            }
            _ => KEEP,
        }
    }
}

/// The operands may be exchanged.
pub(super) fn is_commutative(op: Op) -> bool {
    matches!(
        op,
        Op::IAdd
            | Op::IMul
            | Op::IAnd
            | Op::IOr
            | Op::IXor
            | Op::IEq
            | Op::FAdd
            | Op::FMul
            | Op::FEq
            | Op::And
            | Op::Or
            | Op::Same
            | Op::SameTag
            | Op::SameBits
    )
}

fn on_ints(op: Op, x: i64, y: i64) -> Step {
    int_const(match op {
        Op::IAdd => x.wrapping_add(y),
        Op::ISub => x.wrapping_sub(y),
        Op::IMul => x.wrapping_mul(y),
        Op::IDiv if y != 0 => int_floor_div(x, y),
        Op::IMod if y != 0 => int_mod(x, y),
        Op::UDiv if y != 0 => ((x as u64) / (y as u64)) as i64,
        Op::IAnd => x & y,
        Op::IOr => x | y,
        Op::IXor => x ^ y,
        Op::IShl => shift_left(x, y),
        Op::ILt => return bool_const(x < y),
        Op::ILe => return bool_const(x <= y),
        Op::IUlt => return bool_const((x as u64) < y as u64),
        Op::IEq => return bool_const(x == y),
        _ => return KEEP,
    })
}

fn on_floats(op: Op, x: f64, y: f64) -> Step {
    float_const(match op {
        Op::FAdd => x + y,
        Op::FSub => x - y,
        Op::FMul => x * y,
        Op::FDiv => x / y,
        Op::FMod => float_mod(x, y),
        Op::FPow if y == 2.0 => x * x,
        Op::FLt => return bool_const(x < y),
        Op::FLe => return bool_const(x <= y),
        Op::FEq => return bool_const(x == y),
        _ => return KEEP,
    })
}
