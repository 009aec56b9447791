//! What upvalues are known to hold, from the code alone.
//!
//! A captured variable is *fixed* if nothing assigns to it once a closure has
//! captured it: then every run of that closure finds the same value, and often
//! the code says which. `local function f() … f() … end` is the common case:
//! the upvalue is the running closure itself.
//!
//! ```text
//!   closure r3 p0      r3 is captured and written by one instruction: Myself
//!   loadi r4 35        … closure r5 p1, which captures r4: Int(35)
//!   setupval           somewhere in a function that captures it: Assigned
//! ```
//!
//! Nothing is believed that the code does not show, so this holds for any
//! verified module. Two passes over all functions:
//!
//! 1. inner functions first: which upvalues does a function, or one inside of
//!    it, assign to?
//! 2. outer functions first: dataflow over the captured registers of each. A
//!    state says which of them may have been captured since they were last
//!    closed, and what is known of their values. A write to one that may be
//!    captured makes its register *assigned*, for good.
//!
//! It does not hold any more once somebody writes to variables of others:
//! `debug.setupvalue`, `debug.upvaluejoin`, `debug.setlocal`.

use crate::effects::Effects;
use crate::insn::Insn;
use crate::liveness::{Node, blocks};
use crate::module::{Const, Module, Proto, ProtoId, RegSet};
use crate::op::Op;

/// What is known of an upvalue.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Fixed {
    /// Nothing: somebody may assign to it.
    Assigned,
    /// It never changes.
    Value,
    /// It is the closure itself of which it is an upvalue.
    Myself,
    /// It is a closure of this prototype.
    Closure(ProtoId),
    /// nil.
    Nil,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

impl Fixed {
    /// What is known if either of two things is.
    fn meet(self, other: Fixed) -> Fixed {
        match (self, other) {
            (Fixed::Assigned, _) | (_, Fixed::Assigned) => Fixed::Assigned,
            // Bit for bit: two zeros are two values.
            (Fixed::Float(a), Fixed::Float(b)) if a.to_bits() == b.to_bits() => self,
            (Fixed::Float(_), _) => Fixed::Value,
            _ if self == other => self,
            _ => Fixed::Value,
        }
    }
}

/// Most states times registers of a function that is looked into: what is
/// larger has no fixed upvalues.
const MAX_WORK: usize = 1 << 20;

/// What is known of the upvalues of each function of a verified module.
pub fn fixed(module: &Module) -> Vec<Box<[Fixed]>> {
    let protos = &module.protos;
    let mut assigns: Vec<Vec<bool>> = vec![Vec::new(); protos.len()];
    for (n, p) in protos.iter().enumerate().rev() {
        let mut own = vec![false; p.upvals.len()];
        for i in &p.code {
            if i.op() == Some(Op::SetUpval) {
                own[usize::from(i.b())] = true;
            }
        }
        for child in &p.children {
            for (k, u) in protos[child.0 as usize].upvals.iter().enumerate() {
                if !u.from_register && assigns[child.0 as usize][k] {
                    own[usize::from(u.index)] = true;
                }
            }
        }
        assigns[n] = own;
    }
    // `None`: no closure of it was seen.
    let mut known: Vec<Option<Vec<Fixed>>> = vec![None; protos.len()];
    let main = |&assigned: &bool| match assigned {
        true => Fixed::Assigned,
        false => Fixed::Value,
    };
    if let (Some(first), Some(assigns)) = (known.first_mut(), assigns.first()) {
        *first = Some(assigns.iter().map(main).collect());
    }
    for (n, p) in protos.iter().enumerate() {
        // What no closure is made of never runs.
        let own = known[n].take().unwrap_or_default();
        if p.children.is_empty() || own.len() < p.upvals.len() {
            known[n] = Some(own);
            continue;
        }
        for (child, upvals) in made(module, ProtoId(n as u32), &own, &assigns) {
            let met = match &known[child.0 as usize] {
                Some(old) => meet(old, &upvals),
                None => upvals,
            };
            known[child.0 as usize] = Some(met);
        }
        known[n] = Some(own);
    }
    let rows = known.into_iter().zip(protos);
    rows.map(|(own, p)| {
        let mut own = own.unwrap_or_default();
        own.resize(p.upvals.len(), Fixed::Assigned);
        own.into()
    })
    .collect()
}

/// What is known where a block begins: which registers may be captured, and
/// the values of those that ever are.
#[derive(Clone, PartialEq)]
struct State {
    open: RegSet,
    values: Vec<Fixed>,
}

impl State {
    fn meet(&self, other: &State) -> State {
        State {
            open: self.open.union(&other.open),
            values: meet(&self.values, &other.values),
        }
    }
}

/// What is known if either of two lists is.
fn meet(a: &[Fixed], b: &[Fixed]) -> Vec<Fixed> {
    a.iter().zip(b).map(|(a, b)| a.meet(*b)).collect()
}

/// What instruction `i` writes, if that is known.
fn written(p: &Proto, i: Insn, op: Op) -> Option<Fixed> {
    Some(match op {
        Op::LoadNil => Fixed::Nil,
        Op::LoadFalse | Op::LoadTrue => Fixed::Bool(op == Op::LoadTrue),
        Op::LoadI => Fixed::Int(i.d().into()),
        Op::LoadF => Fixed::Float(i.d().into()),
        Op::LoadK => match p.consts[i.k() as usize] {
            Const::Int(n) => Fixed::Int(n),
            Const::Float(x) => Fixed::Float(x),
            _ => return None,
        },
        Op::Closure => Fixed::Closure(p.children[i.u32() as usize]),
        _ => return None,
    })
}

/// The closures that function `n` makes: of which prototype, and what is known
/// of their upvalues. `own`: what is known of the function's.
fn made(
    module: &Module,
    n: ProtoId,
    own: &[Fixed],
    assigns: &[Vec<bool>],
) -> Vec<(ProtoId, Vec<Fixed>)> {
    let p = &module.protos[n.0 as usize];
    let regs: Vec<u8> = p.captured.iter().collect();
    let captures = |child: &ProtoId| {
        let upvals = &module.protos[child.0 as usize].upvals;
        let mut set = RegSet::EMPTY;
        for u in upvals.iter().filter(|u| u.from_register) {
            set.insert(u.index);
        }
        set
    };
    let mut flow = Flow {
        p,
        regs: &regs,
        captures: p.children.iter().map(captures).collect(),
        assigned: RegSet::EMPTY,
        seen: vec![None; p.code.len()],
    };
    let nodes = match regs.is_empty() {
        true => Vec::new(),
        false => blocks(p),
    };
    let looked_into = nodes.len() * regs.len() <= MAX_WORK;
    if looked_into {
        flow.solve(&nodes);
    }
    let mut all = Vec::new();
    for (pc, i) in p.code.iter().enumerate() {
        if i.op() != Some(Op::Closure) {
            continue;
        }
        let child = p.children[i.u32() as usize];
        let upvals = module.protos[child.0 as usize].upvals.iter().enumerate();
        let known = upvals.map(|(k, u)| {
            let index = usize::from(u.index);
            if !u.from_register {
                return match own[index] {
                    Fixed::Myself => Fixed::Closure(n),
                    known => known,
                };
            }
            if assigns[child.0 as usize][k] {
                flow.assigned.insert(u.index);
            }
            if u.index == i.a() {
                return Fixed::Myself;
            }
            let at = regs.iter().position(|&r| r == u.index);
            let values = flow.seen[pc].as_ref();
            match (values, at) {
                (Some(values), Some(at)) => values[at],
                // Never reached.
                _ => Fixed::Value,
            }
        });
        all.push((pc, child, known.collect::<Vec<Fixed>>()));
    }
    // Now that it is known what any of them assigns to.
    for (_, child, known) in &mut all {
        let upvals = &module.protos[child.0 as usize].upvals;
        for (known, u) in known.iter_mut().zip(upvals) {
            if u.from_register && (flow.assigned.contains(u.index) || !looked_into) {
                *known = Fixed::Assigned;
            }
        }
    }
    all.into_iter()
        .map(|(_, child, known)| (child, known))
        .collect()
}

/// Dataflow over the captured registers of a function.
struct Flow<'m> {
    p: &'m Proto,
    regs: &'m [u8],
    /// By child: the registers of which its closures have upvalues.
    captures: Vec<RegSet>,
    /// Registers that were written while they may have been captured.
    assigned: RegSet,
    /// By pc: values before each instruction that makes a closure.
    seen: Vec<Option<Vec<Fixed>>>,
}

impl Flow<'_> {
    fn solve(&mut self, nodes: &[Node]) {
        let mut states: Vec<Option<State>> = vec![None; nodes.len()];
        let mut work = vec![0usize];
        let start = State {
            open: RegSet::EMPTY,
            values: vec![Fixed::Value; self.regs.len()],
        };
        if let Some(first) = states.first_mut() {
            *first = Some(start);
        }
        while let Some(n) = work.pop() {
            let Some(mut state) = states.get(n).cloned().flatten() else {
                continue;
            };
            let node = &nodes[n];
            for pc in node.start..node.end {
                self.step(pc, &mut state);
            }
            for &(next, defined) in node.next.iter().flatten() {
                let mut state = state.clone();
                if let Some(reg) = defined {
                    self.write(&RegSet::single(reg), &mut state);
                }
                let old = &mut states[next as usize];
                let new = match &*old {
                    Some(old) => old.meet(&state),
                    None => state,
                };
                if old.as_ref() != Some(&new) {
                    *old = Some(new);
                    work.push(next as usize);
                }
            }
        }
    }

    /// Instruction `pc`.
    fn step(&mut self, pc: u32, state: &mut State) {
        let i = self.p.code[pc as usize];
        let Some(op) = i.op() else { return };
        if op == Op::Close {
            state.open = state.open.intersection(&RegSet::below(i.a().into()));
        }
        if op == Op::Closure {
            let seen = &mut self.seen[pc as usize];
            *seen = Some(match seen {
                Some(old) => meet(old, &state.values),
                None => state.values.clone(),
            });
        }
        let e = Effects::of(op, i);
        self.write(&e.kills.union(&e.writes), state);
        if let Some(value) = written(self.p, i, op) {
            for (known, &r) in state.values.iter_mut().zip(self.regs) {
                if e.writes.contains(r) {
                    *known = value;
                }
            }
        }
        if op == Op::Closure {
            let captured = &self.captures[i.u32() as usize];
            state.open = state.open.union(captured);
        }
    }

    /// These registers get other values.
    fn write(&mut self, set: &RegSet, state: &mut State) {
        self.assigned = self.assigned.union(&set.intersection(&state.open));
        for (value, &r) in state.values.iter_mut().zip(self.regs) {
            if set.contains(r) {
                *value = Fixed::Value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assemble;
    use crate::verify::verify;

    /// What is known of the upvalues of each function but the first.
    fn of(text: &str) -> Vec<Vec<Fixed>> {
        let module = assemble(text).unwrap_or_else(|e| panic!("{e}"));
        verify(&module).unwrap_or_else(|e| panic!("{e}"));
        fixed(&module).into_iter().skip(1).map(Vec::from).collect()
    }

    /// A function with these registers captured, code and children.
    fn outer(captured: &str, children: usize, code: &str) -> String {
        let children: String = (1..=children).map(|n| format!(".child {n}\n")).collect();
        format!(
            "strata 1\n.proto\n.params 1\n.regs 8\n.captured {captured}\n{children}.const 7\n\
             .slot call\n.code\n{code}\n.end\n"
        )
    }

    /// A child with these upvalues and code.
    fn child(upvals: &str, code: &str) -> String {
        let upvals: String = upvals
            .split_whitespace()
            .map(|u| format!(".upval {u}\n"))
            .collect();
        format!(".proto\n.regs 2\n{upvals}.code\n{code}\nreturn0\n.end\n")
    }

    #[test]
    fn constants_parameters_and_functions() {
        let text = outer(
            "r0 r1 r2 r3 r4",
            2,
            "loadi r1 35\nloadk r2 k0\nloadnil r3 0\nclosure r4 p1\nclosure r5 p0\nreturnclose r0 0",
        );
        let known = of(&(text + &child("r0 r1 r2 r3 r4", "nop") + &child("r4", "nop")));
        let two = ProtoId(2);
        assert_eq!(
            known[0],
            [
                Fixed::Value,
                Fixed::Int(35),
                Fixed::Int(7),
                Fixed::Nil,
                Fixed::Closure(two)
            ]
        );
        assert_eq!(known[1], [Fixed::Myself]);
    }

    #[test]
    fn what_is_assigned_after_it_was_captured() {
        let code = "loadi r1 1\nclosure r2 p0\nloadi r1 2\nreturnclose r0 0";
        let known = of(&(outer("r1", 1, code) + &child("r1", "nop")));
        assert_eq!(known[0], [Fixed::Assigned]);
        // A function whose closure is stored to a variable that another has
        // captured already.
        let code = "loadnil r1 0\nclosure r2 p0\nclosure r1 p1\nreturnclose r0 0";
        let text = outer("r1", 2, code) + &child("r1", "nop") + &child("r1", "nop");
        assert_eq!(of(&text), [[Fixed::Assigned], [Fixed::Assigned]]);
    }

    #[test]
    fn assignments_by_any_function_inside() {
        let code = "loadi r1 1\nclosure r2 p0\nclosure r3 p1\nreturnclose r0 0";
        let text = outer("r1", 2, code) + &child("r1", "nop") + &child("r1", "setupval r0 u0");
        let text = text.replace("setupval r0 u0", "loadnil r0 0\nsetupval r0 u0");
        assert_eq!(of(&text), [[Fixed::Assigned], [Fixed::Assigned]]);
        // Two levels down.
        let code = "loadi r1 1\nclosure r2 p0\nreturnclose r0 0";
        let middle = ".proto\n.regs 2\n.upval r1\n.child 2\n.code\nclosure r0 p0\nreturn0\n.end\n";
        let text = outer("r1", 1, code) + middle;
        let sets = text.clone() + &child("u0", "loadnil r0 0\nsetupval r0 u0");
        assert_eq!(of(&sets), [[Fixed::Assigned], [Fixed::Assigned]]);
        let reads = text + &child("u0", "getupval r0 u0");
        assert_eq!(of(&reads), [[Fixed::Int(1)], [Fixed::Int(1)]]);
    }

    #[test]
    fn itself_is_a_known_function_to_those_inside() {
        let middle = ".proto\n.regs 2\n.upval r1\n.child 2\n.code\nclosure r0 p0\nreturn0\n.end\n";
        let text = outer("r1", 1, "closure r1 p0\nreturnclose r0 0") + middle;
        let known = of(&(text + &child("u0", "getupval r0 u0")));
        assert_eq!(known, [[Fixed::Myself], [Fixed::Closure(ProtoId(1))]]);
    }

    #[test]
    fn a_variable_of_each_round() {
        let round = |close: &str| {
            let code = format!(
                "a: loop defined 1\nloadi r1 5\nclosure r2 p0\n{close}\njfalse r0 b\nloop a\n\
                 b: defined 1\nreturnclose r0 0"
            );
            outer("r1", 1, &code) + &child("r1", "nop")
        };
        assert_eq!(of(&round("close r1")), [[Fixed::Int(5)]]);
        assert_eq!(of(&round("loadi r1 6\nclose r1")), [[Fixed::Assigned]]);
    }

    #[test]
    fn values_that_differ_by_the_way() {
        let code = "jfalse r0 a\nloadi r1 1\njmp b\na: defined 1\nloadi r1 2\nb: defined 2\n\
                    closure r2 p0\nreturnclose r0 0";
        let text = outer("r1", 1, code) + &child("r1", "nop");
        assert_eq!(of(&text), [[Fixed::Value]]);
        let same = text.replace("loadi r1 2", "loadi r1 1");
        assert_eq!(of(&same), [[Fixed::Int(1)]]);
        let zeros = text
            .replace("loadi r1 2", "loadf r1 0")
            .replace("loadi r1 1", "loadk r1 k0")
            .replace(".const 7", ".const -0.0");
        assert_eq!(of(&zeros), [[Fixed::Value]]);
    }
}
