//! Which registers of a frame somebody may still look at.
//!
//! A register is *live* at an instruction if its value can be read later. That
//! is the union of
//!
//! - **dataflow**: some path from here reads it before writing it;
//! - **locals in scope**, and those that will be before they are written again:
//!   a debugger may ask for them (`debug.getlocal`);
//! - **captured registers**: closures read and write them behind the frame's
//!   back;
//! - **to-be-closed registers**: leaving the frame reads them.
//!
//! The last three count only where the register is defined. A frame map must
//! describe every live register; registers outside may hold anything.
//!
//! The dataflow part is solved once per prototype with a worklist over basic
//! blocks whose effects are summed up in two sets each, so that a visit costs
//! the same for short and long blocks. The prototype must be verified.

use crate::effects::{Effects, defined_before, defined_during};
use crate::module::{Proto, RegSet};
use crate::op::{Ext, Op};

/// Liveness of one prototype.
#[derive(Clone, Debug)]
pub struct Liveness {
    nodes: Vec<Node>,
    /// Where scopes of locals begin that hold something by then.
    scopes: Scopes,
}

/// Instructions and registers, ascending.
type Scopes = Vec<(u32, u8)>;

/// A basic block.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub start: u32,
    pub end: u32,
    /// Read before written here.
    uses: RegSet,
    /// Written here.
    defs: RegSet,
    /// Live at the start.
    live: RegSet,
    /// Where control goes, and the register that edge defines.
    pub next: [Option<(u32, Option<u8>)>; 2],
}

impl Liveness {
    /// Analyses a verified prototype.
    pub fn of(proto: &Proto) -> Liveness {
        let scopes = scopes(proto);
        let mut nodes = split(proto, &scopes);
        let mut before: Vec<Vec<u32>> = vec![Vec::new(); nodes.len()];
        for (n, node) in nodes.iter().enumerate() {
            for (next, _) in node.next.iter().flatten() {
                before[*next as usize].push(n as u32);
            }
        }
        // Last first: most information flows backwards.
        let mut queued = vec![true; nodes.len()];
        let mut work: Vec<u32> = (0..nodes.len() as u32).collect();
        while let Some(n) = work.pop() {
            let n = n as usize;
            queued[n] = false;
            let out = live_out(&nodes, &nodes[n]);
            let live = out.minus(&nodes[n].defs).union(&nodes[n].uses);
            if live != nodes[n].live {
                nodes[n].live = live;
                for &p in &before[n] {
                    if !std::mem::replace(&mut queued[p as usize], true) {
                        work.push(p);
                    }
                }
            }
        }
        Liveness { nodes, scopes }
    }

    /// Registers live when the instruction at `pc` is about to run: what a
    /// frame needs that resumes there.
    pub fn before(&self, proto: &Proto, pc: u32) -> RegSet {
        let shown = looked_at(proto, pc).intersection(&defined_before(proto, pc));
        self.dataflow(proto, pc).union(&shown)
    }

    /// Registers live while the instruction at `pc` waits for a call it made:
    /// what must be kept for when it returns.
    pub fn during(&self, proto: &Proto, pc: u32) -> RegSet {
        let shown = looked_at(proto, pc).intersection(&defined_during(proto, pc));
        let after = self.dataflow_after(proto, pc);
        match proto.code.get(pc as usize) {
            Some(&insn) => match insn.op() {
                Some(op) => {
                    let e = Effects::of(op, insn);
                    after.minus(&e.writes).minus(&e.kills).union(&shown)
                }
                None => shown,
            },
            None => shown,
        }
    }

    /// Registers some path on from the instruction at `pc` reads before
    /// writing, whether it jumps or not.
    fn dataflow_after(&self, proto: &Proto, pc: u32) -> RegSet {
        let n = self.nodes.partition_point(|node| node.end <= pc);
        match self.nodes.get(n) {
            Some(node) if node.end == pc + 1 => live_out(&self.nodes, node),
            _ => self.dataflow(proto, pc + 1),
        }
    }

    /// Registers some path from `pc` on reads before writing.
    fn dataflow(&self, proto: &Proto, pc: u32) -> RegSet {
        let n = self.nodes.partition_point(|node| node.end <= pc);
        let Some(node) = self.nodes.get(n) else {
            return RegSet::EMPTY;
        };
        let mut live = live_out(&self.nodes, node);
        for at in (pc.max(node.start)..node.end).rev() {
            let (uses, defs) = uses_and_defs(proto, &self.scopes, at);
            live = live.minus(&defs).union(&uses);
        }
        live
    }
}

fn live_out(nodes: &[Node], node: &Node) -> RegSet {
    let mut out = RegSet::EMPTY;
    for &(next, defined) in node.next.iter().flatten() {
        let mut live = nodes[next as usize].live;
        if let Some(reg) = defined {
            live.remove(reg);
        }
        out = out.union(&live);
    }
    out
}

/// Where the scopes of locals begin.
fn scopes(proto: &Proto) -> Scopes {
    let begins = proto.locals.iter().map(|local| (local.start, local.reg));
    let mut scopes: Scopes = begins.collect();
    scopes.sort_unstable();
    scopes.dedup();
    let mut at = None;
    scopes.retain(|&(pc, reg)| {
        // Ascending: each instruction is asked once.
        let (_, defined) = match at.take() {
            Some((known, defined)) if known == pc => (known, defined),
            _ => (pc, defined_before(proto, pc)),
        };
        at = Some((pc, defined));
        (pc as usize) < proto.code.len() && defined.contains(reg)
    });
    scopes
}

/// What an instruction reads, and what it writes or makes undefined. A local
/// whose scope begins here counts as read.
fn uses_and_defs(proto: &Proto, scopes: &Scopes, pc: u32) -> (RegSet, RegSet) {
    let effects = |pc: u32| {
        let insn = proto.code.get(pc as usize)?;
        Some(Effects::of(insn.op()?, *insn))
    };
    let Some(e) = effects(pc) else {
        return (RegSet::EMPTY, RegSet::EMPTY);
    };
    let mut uses = e.reads;
    let first = scopes.partition_point(|s| s.0 < pc);
    for &(_, reg) in scopes[first..].iter().take_while(|s| s.0 == pc) {
        uses.insert(reg);
    }
    if let Some(least) = e.open_in {
        // The producer of open results stands right before.
        let open = pc.checked_sub(1).and_then(effects).and_then(|p| p.open_out);
        uses = uses.union(&RegSet::range(least.into(), open.unwrap_or(0).into()));
    }
    (uses, e.writes.union(&e.kills))
}

/// Registers that others than the code may look at.
fn looked_at(proto: &Proto, pc: u32) -> RegSet {
    let mut set = proto.captured;
    for local in &proto.locals {
        if local.start <= pc && pc < local.end {
            set.insert(local.reg);
        }
    }
    set.union(&to_close(proto, pc))
}

/// Registers that are to be closed where the instruction at `pc` is about to run:
/// what the block declares, and what happened since.
pub fn to_close(proto: &Proto, pc: u32) -> RegSet {
    let after = proto.blocks.partition_point(|b| b.pc <= pc);
    let (start, mut tbc) = match after.checked_sub(1).map(|n| &proto.blocks[n]) {
        Some(block) => (block.pc, block.tbc.iter().copied().collect()),
        None => (0, RegSet::EMPTY),
    };
    for insn in proto.code.get(start as usize..pc as usize).unwrap_or(&[]) {
        match insn.op() {
            Some(Op::Tbc) => tbc.insert(insn.a()),
            Some(Op::Close) => tbc = tbc.intersection(&RegSet::below(insn.a().into())),
            _ => {}
        }
    }
    tbc
}

/// The basic blocks and their edges, for who doesn't ask what is live.
pub(crate) fn blocks(proto: &Proto) -> Vec<Node> {
    split(proto, &Scopes::new())
}

/// Splits the code into basic blocks, with their sets and edges.
fn split(proto: &Proto, scopes: &Scopes) -> Vec<Node> {
    let len = proto.code.len() as u32;
    let mut leader = vec![false; proto.code.len() + 1];
    leader[0] = true;
    for block in &proto.blocks {
        if let Some(flag) = leader.get_mut(block.pc as usize) {
            *flag = true;
        }
    }
    let ends = |pc: u32| {
        proto.code[pc as usize]
            .op()
            .is_none_or(|op| op.info().ext == Ext::Jump || op.is_terminator())
    };
    for pc in 0..len {
        leader[pc as usize + 1] |= ends(pc);
    }
    let starts: Vec<u32> = (0..len).filter(|&pc| leader[pc as usize]).collect();
    let find = |pc: i64| {
        u32::try_from(pc)
            .ok()
            .and_then(|pc| starts.binary_search(&pc).ok())
            .map(|n| n as u32)
    };
    starts
        .iter()
        .enumerate()
        .map(|(n, &start)| {
            let end = starts.get(n + 1).copied().unwrap_or(len);
            let (mut uses, mut defs) = (RegSet::EMPTY, RegSet::EMPTY);
            for pc in (start..end).rev() {
                let (u, d) = uses_and_defs(proto, scopes, pc);
                uses = uses.minus(&d).union(&u);
                defs = defs.union(&d);
            }
            let last = proto.code[end as usize - 1];
            let mut next = [None, None];
            if let Some(op) = last.op() {
                let e = Effects::of(op, last);
                if op.info().ext == Ext::Jump {
                    let target = i64::from(end) + i64::from(last.jump());
                    next[0] = find(target).map(|t| (t, e.taken));
                }
                if !op.is_terminator() {
                    next[1] = find(end.into()).map(|t| (t, e.fall));
                }
            }
            Node {
                start,
                end,
                uses,
                defs,
                live: RegSet::EMPTY,
                next,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::assemble;
    use crate::verify::verify;

    fn proto(head: &str, code: &str) -> Proto {
        let text = format!("strata 1\n.proto\n.regs 12\n.slot call\n{head}\n.code\n{code}\n.end\n");
        let mut module = assemble(&text).unwrap_or_else(|e| panic!("{e}"));
        verify(&module).unwrap_or_else(|e| panic!("{e}"));
        module.protos.remove(0)
    }

    fn before(p: &Proto, pc: u32) -> Vec<u8> {
        Liveness::of(p).before(p, pc).iter().collect()
    }

    fn during(p: &Proto, pc: u32) -> Vec<u8> {
        Liveness::of(p).during(p, pc).iter().collect()
    }

    #[test]
    fn straight_code() {
        let p = proto(".params 3", "add r3 r0 r1\nmove r0 r3\nreturn1 r0");
        assert_eq!(before(&p, 0), [0, 1]);
        assert_eq!(before(&p, 1), [3]);
        assert_eq!(before(&p, 2), [0]);
        assert_eq!(before(&p, 3), [0u8; 0]);
    }

    #[test]
    fn loops_keep_what_the_next_turn_reads() {
        let p = proto(
            ".params 2",
            "a: loop defined 2\njfalse r0 b\nmove r0 r1\nloop a\nb: defined 1\nreturn0",
        );
        assert_eq!(before(&p, 0), [0, 1]);
        assert_eq!(before(&p, 1), [1]);
        assert_eq!(before(&p, 2), [0, 1]);
        assert_eq!(before(&p, 3), [0u8; 0]);
    }

    #[test]
    fn calls_keep_the_registers_below() {
        let p = proto(
            ".params 2",
            "move r2 r0\nmove r4 r1\ncall r2 1 1 s0\nadd r0 r1 r2\nreturn1 r0",
        );
        assert_eq!(before(&p, 2), [1, 2, 4]);
        assert_eq!(during(&p, 2), [1]);
    }

    #[test]
    fn open_results_count_what_lies_below_them() {
        let p = proto(
            ".params 1\n.vararg",
            "varargprep 1\nloadnil r1 2\nvararg r3 *\nreturn r1 *",
        );
        assert_eq!(before(&p, 3), [1, 2]);
        assert_eq!(before(&p, 2), [1, 2]);
    }

    #[test]
    fn locals_captured_and_closing_registers_stay() {
        let p = proto(
            ".params 4\n.captured r1\n.local \"x\" r2 0 2\n.local \"y\" r9 0 2",
            "tbc r3\nnop\nnop\nreturnclose r0 0",
        );
        assert_eq!(before(&p, 0), [1, 2, 3]);
        assert_eq!(before(&p, 1), [1, 2, 3]);
        assert_eq!(before(&p, 2), [1, 3]);
    }

    #[test]
    fn one_way_definitions() {
        let p = proto(
            ".params 3",
            "forprep r0 out\nbody: loop defined 4\nmove r4 r3\nforloop r0 body\n\
             out: defined 0\nreturn0",
        );
        assert_eq!(before(&p, 0), [0, 1, 2]);
        assert_eq!(before(&p, 1), [0, 1, 2, 3]);
        assert_eq!(before(&p, 2), [0, 1, 2]);
        assert_eq!(during(&p, 0), [0u8; 0]);
    }

    #[test]
    fn what_waits_in_a_jump_keeps_what_both_ways_read() {
        let p = proto(
            ".params 4",
            "jlt r0 r1 b\nreturn1 r2\nb: defined 4\nreturn1 r3",
        );
        assert_eq!(during(&p, 0), [2, 3]);
    }
}
