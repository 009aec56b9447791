//! The text form.
//!
//! ```text
//! frame 0: f0 pc 5 base 0 r1=v3 r2=slot
//! frame 1: in f0 pc 7 base 0 r1=v3
//! b0(v1: int, v2: any):
//!   v3: int = iadd v1 v1
//!   v4: table = guard_is v2 9 @0
//!   step 7 @1
//!   branch v5 b1(v3) b2() likely
//! b1(v6: int) @0 cold:
//!   exit shape @0
//! ```
//!
//! `in` is a frame that waits. `r1=#7` is an object that was not allocated,
//! `#7 = f0 pc 3 shape 12 { 0=v4 1=v5 }` at the end of the line how to make it. Values, blocks and frame states keep their
//! numbers, so that what passes print can be compared. Blocks without a way
//! to them are left out.

use super::inst::Imm;
use super::{BlockId, Frame, Func, Held, Reason, SunkKind, Target, Term, Ty, V};
use std::fmt;

impl fmt::Display for V {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.block)?;
        for (n, v) in self.args.iter().enumerate() {
            write!(f, "{}{v}", if n == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.waits {
            f.write_str("in ")?;
        }
        write!(f, "f{} pc {} base {}", self.func, self.pc, self.base)?;
        if let Some(parent) = self.parent {
            write!(f, " parent {}", parent.0)?;
        }
        if let Some(closure) = self.closure {
            write!(f, " closure {closure}")?;
        }
        if self.tail {
            f.write_str(" tail")?;
        }
        if self.linked {
            f.write_str(" linked")?;
        }
        if self.early {
            f.write_str(" early")?;
        }
        for held in self.extras {
            write!(f, " extra {held}")?;
        }
        for (r, held) in self.regs {
            write!(f, " r{r}={held}")?;
        }
        for s in self.sunk {
            write!(f, " #{} = {} {{", s.name.0, s.kind)?;
            for (n, held) in s.parts {
                write!(f, " {n}={held}")?;
            }
            f.write_str(" }")?;
        }
        Ok(())
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Value(v) => write!(f, "{v}"),
            Held::Slot => f.write_str("slot"),
            Held::Cell(v) => write!(f, "cell {v}"),
            Held::Sunk(name) => write!(f, "#{}", name.0),
        }
    }
}

impl fmt::Display for SunkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SunkKind::Table { func, pc, shape } => write!(f, "f{func} pc {pc} shape {shape}"),
            SunkKind::Closure { func, child } => write!(f, "closure f{func} child {child}"),
            SunkKind::Cell => f.write_str("cell"),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Open => f.write_str("open"),
            Term::Jump(t) => write!(f, "jump {t}"),
            Term::Branch {
                cond,
                yes,
                no,
                likely,
            } => {
                write!(f, "branch {cond} {yes} {no}")?;
                match likely {
                    Some(true) => f.write_str(" likely"),
                    Some(false) => f.write_str(" unlikely"),
                    None => Ok(()),
                }
            }
            Term::Exit { frame, reason } => write!(f, "exit {} @{}", reason.name(), frame.0),
            Term::Return { frame, values } => {
                f.write_str("return")?;
                for v in values {
                    write!(f, " {v}")?;
                }
                write!(f, " @{}", frame.0)
            }
            Term::Leave { frame } => write!(f, "leave @{}", frame.0),
        }
    }
}

impl Func<'_> {
    /// One instruction, as in the text form.
    pub(crate) fn inst_text(&self, v: V) -> String {
        let i = &self.insts[v.n()];
        let info = i.op.info();
        let mut text = String::new();
        if i.ty != Ty::Void {
            text += &format!("{v}: {} = ", i.ty.name());
        }
        text += info.mnemonic;
        for a in i.args {
            text += &format!(" {a}");
        }
        match info.imm {
            Imm::No => {}
            Imm::Int => text += &format!(" {}", i.imm as i64),
            Imm::Float => text += &format!(" {:?}", f64::from_bits(i.imm)),
            Imm::Tag | Imm::Num => text += &format!(" {}", i.imm),
            Imm::Reason => text += &format!(" {}", Reason::from_imm(i.imm).name()),
        }
        if let Some(frame) = i.frame {
            text += &format!(" @{}", frame.0);
        }
        text
    }

    /// Which frame states are named, by whatever can be reached.
    pub(crate) fn used_frames(&self, order: &[BlockId]) -> Vec<bool> {
        let mut used = vec![false; self.frames.len()];
        let mut mark = |mut frame: Option<super::FrameId>| {
            while let Some(id) = frame {
                if std::mem::replace(&mut used[id.n()], true) {
                    break;
                }
                frame = self.frames[id.n()].parent;
            }
        };
        for &b in order {
            let block = &self.blocks[b.n()];
            for &v in &block.insts {
                mark(self.insts[v.n()].frame);
            }
            mark(block.entry);
            mark(block.term.frame());
        }
        used
    }
}

impl fmt::Display for Func<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = super::cfg::reachable(self);
        let used = self.used_frames(&order);
        for (n, frame) in self.frames.iter().enumerate() {
            if used[n] {
                writeln!(f, "frame {n}: {frame}")?;
            }
        }
        for b in order {
            let block = &self.blocks[b.n()];
            write!(f, "{b}(")?;
            for (n, &p) in block.params.iter().enumerate() {
                let comma = if n == 0 { "" } else { ", " };
                write!(f, "{comma}{p}: {}", self.ty(p).name())?;
            }
            f.write_str(")")?;
            if let Some(entry) = block.entry {
                write!(f, " @{}", entry.0)?;
            }
            writeln!(f, "{}:", if block.cold { " cold" } else { "" })?;
            for &v in &block.insts {
                writeln!(f, "  {}", self.inst_text(v))?;
            }
            writeln!(f, "  {}", block.term)?;
        }
        Ok(())
    }
}
