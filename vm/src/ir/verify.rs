//! What must hold of a function between passes.
//!
//! - Arguments, results and block parameters have the types the instruction
//!   table asks for.
//! - Every use is dominated by its definition, uses by frame states included.
//! - Each instruction is in one block; what needs a frame state has one.
//! - Frame states have ascending registers, parents that wait, and a closure
//!   if they are inlined; they list the objects that they or their parents name
//!   and that were not allocated.
//! - Control flow is reducible and every reachable block is finished.

use super::cfg::Cfg;
use super::inst::{Arg, Res};
use super::{BlockId, FrameId, Func, Held, Op, Term, Ty, V};

/// Checks `f`.
///
/// # Errors
/// What does not hold, and where.
pub(crate) fn verify(f: &Func<'_>) -> Result<(), String> {
    let cfg = Cfg::of(f).ok_or("a loop is entered at two places")?;
    let mut v = Verifier {
        f,
        cfg: &cfg,
        defined: vec![None; f.insts.len()],
    };
    for &b in &cfg.order {
        let block = &f.blocks[b.n()];
        for (at, &p) in block.params.iter().chain(block.insts.iter()).enumerate() {
            if v.defined[p.n()].replace((b, at)).is_some() {
                return Err(format!("{p} is in two places"));
            }
        }
    }
    for &b in &cfg.order {
        v.block(b).map_err(|e| format!("{b}: {e}"))?;
    }
    Ok(())
}

struct Verifier<'f, 'a> {
    f: &'f Func<'a>,
    cfg: &'f Cfg,
    /// Block and position of each definition.
    defined: Vec<Option<(BlockId, usize)>>,
}

impl Verifier<'_, '_> {
    fn block(&self, b: BlockId) -> Result<(), String> {
        let block = &self.f.blocks[b.n()];
        for &p in &block.params {
            if self.f.insts[p.n()].op != Op::Param {
                return Err(format!("{p} is a parameter and something else"));
            }
        }
        if let Some(entry) = block.entry {
            self.frame(entry, b, block.params.len())?;
        }
        for (n, &v) in block.insts.iter().enumerate() {
            let at = block.params.len() + n;
            self.inst(v, b, at)
                .map_err(|e| format!("{}: {e}", self.f.inst_text(v)))?;
        }
        let at = usize::MAX;
        self.term(b, at).map_err(|e| format!("{}: {e}", block.term))
    }

    /// `v` may be used at this place.
    fn usable(&self, v: V, b: BlockId, at: usize) -> Result<(), String> {
        let Some(Some((home, place))) = self.defined.get(v.n()).copied() else {
            return Err(format!("{v} is not defined"));
        };
        let fine = if home == b {
            place < at
        } else {
            self.cfg.dominates(home, b)
        };
        if !fine {
            return Err(format!("{v} is not defined on every way here"));
        }
        if self.f.ty(v) == Ty::Void {
            return Err(format!("{v} has no value"));
        }
        Ok(())
    }

    fn frame(&self, id: FrameId, b: BlockId, at: usize) -> Result<(), String> {
        self.one_frame(id, b, at)?;
        self.sunk(id)
    }

    /// The frame state and its parents, but for objects.
    fn one_frame(&self, id: FrameId, b: BlockId, at: usize) -> Result<(), String> {
        let frame = self
            .f
            .frames
            .get(id.n())
            .ok_or_else(|| format!("there is no frame state {}", id.0))?;
        let mut bad: Result<(), String> = Ok(());
        frame.uses(&mut |v| {
            if bad.is_ok() {
                bad = self.usable(v, b, at).and_then(|()| {
                    if self.f.ty(v).is_lua() || self.f.insts[v.n()].op.is_cell() {
                        Ok(())
                    } else {
                        Err(format!("{v} is no Lua value"))
                    }
                });
            }
        });
        bad.map_err(|e| format!("frame state {}: {e}", id.0))?;
        if !frame.regs.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(format!("frame state {}: registers don't ascend", id.0));
        }
        if frame.parent.is_some() != frame.closure.is_some() {
            return Err(format!(
                "frame state {}: a parent without closure, or the other way",
                id.0
            ));
        }
        let Some(parent) = frame.parent else {
            return Ok(());
        };
        let below = self.f.frames.get(parent.n());
        if !below.is_some_and(|p| p.waits && p.base <= frame.base && parent != id) {
            return Err(format!("frame state {}: its parent doesn't wait", id.0));
        }
        self.one_frame(parent, b, at)
    }

    /// Whatever object the frame state or a parent of it names is in its list.
    fn sunk(&self, id: FrameId) -> Result<(), String> {
        let listed = self.f.frames[id.n()].sunk;
        // Parents are known to be there, and to end.
        let mut at = Some(id);
        while let Some(frame) = at.map(|id| &self.f.frames[id.n()]) {
            let regs = frame.regs.iter().map(|(_, held)| held);
            let parts = frame.sunk.iter().flat_map(|s| s.parts).map(|(_, h)| h);
            let rest = frame.extras.iter().chain(regs).chain(parts);
            for held in frame.closure.iter().chain(rest) {
                if let Held::Sunk(name) = held
                    && !listed.iter().any(|s| s.name == *name)
                {
                    return Err(format!(
                        "frame state {}: #{} is not in its list",
                        id.0, name.0
                    ));
                }
            }
            at = frame.parent;
        }
        Ok(())
    }

    fn inst(&self, v: V, b: BlockId, at: usize) -> Result<(), String> {
        let i = &self.f.insts[v.n()];
        let info = i.op.info();
        if !info.takes(i.args.len()) {
            return Err(format!("{} arguments are wanted", info.args.len()));
        }
        for (n, &a) in i.args.iter().enumerate() {
            let Some(want) = info.arg(n) else { break };
            self.usable(a, b, at)?;
            let ty = self.f.ty(a);
            let fits = match want {
                Arg::Is(want) => ty == want,
                Arg::Typed => ty != Ty::Any && ty.is_lua(),
                Arg::Each | Arg::Rest | Arg::Cells => ty.is_lua(),
                Arg::Obj => ty.is_object() || ty == Ty::Ptr,
            };
            if !fits {
                return Err(format!("{a} can't be of type {}", ty.name()));
            }
        }
        match info.result {
            Res::Is(ty) if ty != i.ty => {
                return Err(format!("its type is {}", ty.name()));
            }
            Res::Given if i.ty == Ty::Void => return Err("it needs a type".into()),
            _ => {}
        }
        let more: Result<(), String> = match i.op {
            Op::GuardIs if Ty::of_tag(i.imm as u8) != Some(i.ty) => {
                Err("its type is not that of the tag".into())
            }
            Op::Select if self.f.ty(i.args[1]) != i.ty || self.f.ty(i.args[2]) != i.ty => {
                Err("both values have its type".into())
            }
            Op::Param => Err("it belongs to a block's head".into()),
            _ => Ok(()),
        };
        more?;
        match i.frame {
            Some(frame) if i.op.has_frame() => self.frame(frame, b, at),
            None if !i.op.has_frame() => Ok(()),
            Some(_) => Err("it takes no frame state".to_string()),
            None => Err("it needs a frame state".to_string()),
        }
    }

    fn term(&self, b: BlockId, at: usize) -> Result<(), String> {
        let term = &self.f.blocks[b.n()].term;
        if matches!(term, Term::Open) {
            return Err("the block isn't finished".into());
        }
        let mut bad: Result<(), String> = Ok(());
        term.uses(&mut |v| {
            if bad.is_ok() {
                bad = self.usable(v, b, at);
            }
        });
        bad?;
        if let Term::Branch { cond, .. } = term
            && self.f.ty(*cond) != Ty::Bool
        {
            return Err(format!("{cond} is no boolean"));
        }
        if let Some(frame) = term.frame() {
            self.frame(frame, b, at)?;
        }
        for t in term.targets() {
            let Some(to) = self.f.blocks.get(t.block.n()) else {
                return Err(format!("there is no {}", t.block));
            };
            let types =
                |vs: &mut dyn Iterator<Item = V>| -> Vec<Ty> { vs.map(|v| self.f.ty(v)).collect() };
            let given = types(&mut t.args.iter().copied());
            let wanted = types(&mut to.params.iter().copied());
            if given != wanted {
                return Err(format!("{} takes {wanted:?}, not {given:?}", t.block));
            }
        }
        Ok(())
    }
}
