//! The parser of the text form, for tests. See [`print`](super::print).
//!
//! Values, blocks and frame states get the numbers they have in the text;
//! instructions without a result get numbers above those. What the parser
//! accepts is well-formed text; whether it makes sense is the verifier's
//! question.

use super::inst::{INSTS, Imm, Info};
use super::{
    BlockId, Frame, FrameId, Func, Held, Inst, Op, Reason, Sunk, SunkKind, Target, Term, Ty, V,
};
use bumpalo::Bump;
use smallvec::SmallVec;

/// Reads a function.
///
/// # Errors
/// What can't be read, with the number of its line.
pub(crate) fn parse<'a>(arena: &'a Bump, text: &str) -> Result<Func<'a>, String> {
    let mut f = Func::new(arena);
    // Room for all numbered values, so that those without results come after.
    let highest = tokens(text).filter_map(|t| numbered(t, "v")).max();
    for _ in 0..highest.map_or(0, |n| n + 1) {
        f.inst(Op::Nil, Ty::Nil, &[], 0, None);
    }
    let mut p = Parser {
        f,
        block: None,
        line: Vec::new(),
        at: 0,
    };
    for (n, line) in text.lines().enumerate() {
        p.line = tokens(line).collect();
        p.at = 0;
        if !p.line.is_empty() {
            p.read_line().map_err(|e| format!("line {}: {e}", n + 1))?;
        }
    }
    Ok(p.f)
}

/// Words and the punctuation between them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    const MARKS: &str = "(),:={}";
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let end = if MARKS.contains(first) {
            1
        } else {
            rest.find(|c: char| c.is_whitespace() || MARKS.contains(c))
                .unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

/// The number in a word such as `v3`.
fn numbered(word: &str, prefix: &str) -> Option<u32> {
    word.strip_prefix(prefix)?.parse().ok()
}

struct Parser<'t, 'a> {
    f: Func<'a>,
    /// The block that is being read.
    block: Option<BlockId>,
    /// The words of the line, and how many were read.
    line: Vec<&'t str>,
    at: usize,
}

impl<'t, 'a> Parser<'t, 'a> {
    fn read_line(&mut self) -> Result<(), String> {
        let first = self.line[0];
        if first == "frame" {
            self.frame()?;
        } else if numbered(first, "b").is_some() {
            self.head()?;
        } else {
            let block = self.block.ok_or("it belongs to no block")?;
            if !matches!(self.f.blocks[block.n()].term, Term::Open) {
                return Err("the block has ended".into());
            }
            match self.term()? {
                Some(term) => self.f.blocks[block.n()].term = term,
                None => self.inst(block)?,
            }
        }
        match self.line.get(self.at) {
            Some(word) => Err(format!("{word} is too much")),
            None => Ok(()),
        }
    }

    /// The next word, which stays.
    fn peek(&self) -> Option<&'t str> {
        self.line.get(self.at).copied()
    }

    fn next(&mut self) -> Result<&'t str, String> {
        let word = self.peek().ok_or("the line is too short")?;
        self.at += 1;
        Ok(word)
    }

    /// Reads the next word if it is this one.
    fn eat(&mut self, word: &str) -> bool {
        let here = self.peek() == Some(word);
        self.at += usize::from(here);
        here
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        let found = self.next()?;
        if found == word {
            Ok(())
        } else {
            Err(format!("{word} is expected, not {found}"))
        }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("{word} is no number"))
    }

    fn prefixed(&mut self, prefix: &str, what: &str) -> Result<u32, String> {
        let word = self.next()?;
        numbered(word, prefix).ok_or_else(|| format!("{word} is no {what}"))
    }

    fn value(&mut self) -> Result<V, String> {
        self.prefixed("v", "value").map(V)
    }

    /// Values up to something else.
    fn values(&mut self) -> SmallVec<[V; 4]> {
        let mut values = SmallVec::new();
        while let Some(n) = self.peek().and_then(|w| numbered(w, "v")) {
            values.push(V(n));
            self.at += 1;
        }
        values
    }

    fn block_id(&mut self) -> Result<BlockId, String> {
        let id = BlockId(self.prefixed("b", "block")?);
        while self.f.blocks.len() <= id.n() {
            self.f.block();
        }
        Ok(id)
    }

    fn frame_id(&mut self) -> Result<FrameId, String> {
        self.prefixed("@", "frame state").map(|n| self.room(n))
    }

    /// Makes room for a frame state that may be defined later.
    fn room(&mut self, n: u32) -> FrameId {
        while self.f.frames.len() <= n as usize {
            self.f.frames.push(Frame {
                func: 0,
                pc: 0,
                waits: false,
                base: 0,
                parent: None,
                closure: None,
                tail: false,
                linked: false,
                early: false,
                extras: &[],
                regs: &[],
                sunk: &[],
            });
        }
        FrameId(n)
    }

    /// The frame state that ends a line.
    fn last_frame(&mut self) -> Result<Option<FrameId>, String> {
        match self.peek() {
            Some(word) if word.starts_with('@') => self.frame_id().map(Some),
            _ => Ok(None),
        }
    }

    fn ty(&mut self) -> Result<Ty, String> {
        let word = self.next()?;
        let ty = Ty::ALL.iter().find(|t| t.name() == word);
        ty.copied().ok_or_else(|| format!("{word} is no type"))
    }

    fn reason(&mut self) -> Result<Reason, String> {
        let word = self.next()?;
        let reason = Reason::ALL.iter().find(|r| r.name() == word);
        reason
            .copied()
            .ok_or_else(|| format!("{word} is no reason"))
    }

    fn frame(&mut self) -> Result<(), String> {
        self.expect("frame")?;
        let n = self.number()?;
        let id = self.room(n);
        self.expect(":")?;
        let waits = self.eat("in");
        let func = self.prefixed("f", "function")?;
        self.expect("pc")?;
        let pc = self.number()?;
        self.expect("base")?;
        let base = self.number()?;
        let parent = if self.eat("parent") {
            let n = self.number()?;
            Some(self.room(n))
        } else {
            None
        };
        let closure = if self.eat("closure") {
            Some(self.held()?)
        } else {
            None
        };
        let tail = self.eat("tail");
        let linked = self.eat("linked");
        let early = self.eat("early");
        let mut extras = Vec::new();
        while self.eat("extra") {
            extras.push(self.held()?);
        }
        let mut regs = Vec::new();
        while self.peek().is_some_and(|w| numbered(w, "r").is_some()) {
            let reg = u8::try_from(self.prefixed("r", "register")?).map_err(|e| e.to_string())?;
            self.expect("=")?;
            let held = self.held()?;
            regs.push((reg, held));
        }
        let mut sunk = Vec::new();
        while self.peek().is_some_and(|w| numbered(w, "#").is_some()) {
            sunk.push(self.sunk()?);
        }
        self.f.frames[id.n()] = Frame {
            func,
            pc,
            waits,
            base,
            parent,
            closure,
            tail,
            linked,
            early,
            extras: self.f.arena.alloc_slice_copy(&extras),
            regs: self.f.arena.alloc_slice_copy(&regs),
            sunk: self.f.arena.alloc_slice_copy(&sunk),
        };
        Ok(())
    }

    fn sunk(&mut self) -> Result<Sunk<'a>, String> {
        let name = V(self.prefixed("#", "object")?);
        self.expect("=")?;
        let kind = if self.eat("cell") {
            SunkKind::Cell
        } else if self.eat("closure") {
            let func = self.prefixed("f", "function")?;
            self.expect("child")?;
            let child = self.number()?;
            SunkKind::Closure { func, child }
        } else {
            let func = self.prefixed("f", "function")?;
            self.expect("pc")?;
            let pc = self.number()?;
            self.expect("shape")?;
            let shape = self.number()?;
            SunkKind::Table { func, pc, shape }
        };
        self.expect("{")?;
        let mut parts = Vec::new();
        while !self.eat("}") {
            let n = self.number()?;
            self.expect("=")?;
            parts.push((n, self.held()?));
        }
        Ok(Sunk {
            name,
            kind,
            parts: self.f.arena.alloc_slice_copy(&parts),
        })
    }

    fn held(&mut self) -> Result<Held, String> {
        if self.eat("slot") {
            return Ok(Held::Slot);
        }
        if self.eat("cell") {
            return self.value().map(Held::Cell);
        }
        if let Some(n) = self.peek().and_then(|w| numbered(w, "#")) {
            self.at += 1;
            return Ok(Held::Sunk(V(n)));
        }
        self.value().map(Held::Value)
    }

    fn head(&mut self) -> Result<(), String> {
        let id = self.block_id()?;
        self.expect("(")?;
        while !self.eat(")") {
            let v = self.value()?;
            self.expect(":")?;
            let ty = self.ty()?;
            self.set(v, Op::Param, ty, &[], 0, None);
            self.f.blocks[id.n()].params.push(v);
            if self.peek() != Some(")") {
                self.expect(",")?;
            }
        }
        self.f.blocks[id.n()].entry = self.last_frame()?;
        self.f.blocks[id.n()].cold = self.eat("cold");
        self.expect(":")?;
        self.block = Some(id);
        Ok(())
    }

    fn set(&mut self, v: V, op: Op, ty: Ty, args: &[V], imm: u64, frame: Option<FrameId>) {
        let args = self.f.arena.alloc_slice_copy(args);
        self.f.insts[v.n()] = Inst {
            op,
            ty,
            imm,
            frame,
            args,
        };
    }

    fn target(&mut self) -> Result<Target, String> {
        let mut target = Target::to(self.block_id()?);
        self.expect("(")?;
        while !self.eat(")") {
            target.args.push(self.value()?);
            if self.peek() != Some(")") {
                self.expect(",")?;
            }
        }
        Ok(target)
    }

    /// The line as a terminator, if it is one.
    fn term(&mut self) -> Result<Option<Term>, String> {
        let word = self.next()?;
        Ok(Some(match word {
            "open" => Term::Open,
            "jump" => Term::Jump(self.target()?),
            "branch" => Term::Branch {
                cond: self.value()?,
                yes: self.target()?,
                no: self.target()?,
                likely: if self.eat("likely") {
                    Some(true)
                } else {
                    self.eat("unlikely").then_some(false)
                },
            },
            "exit" => {
                let reason = self.reason()?;
                let frame = self.frame_id()?;
                Term::Exit { frame, reason }
            }
            "return" => {
                let values = self.values();
                let frame = self.frame_id()?;
                Term::Return { frame, values }
            }
            "leave" => Term::Leave {
                frame: self.frame_id()?,
            },
            _ => {
                self.at -= 1;
                return Ok(None);
            }
        }))
    }

    fn inst(&mut self, block: BlockId) -> Result<(), String> {
        let result = match self.peek().and_then(|w| numbered(w, "v")) {
            Some(n) => {
                self.at += 1;
                self.expect(":")?;
                let ty = self.ty()?;
                self.expect("=")?;
                Some((V(n), ty))
            }
            None => None,
        };
        let mnemonic = self.next()?;
        let info: &Info = INSTS
            .iter()
            .find(|i| i.mnemonic == mnemonic)
            .ok_or_else(|| format!("there is no instruction {mnemonic}"))?;
        let args = self.values();
        let imm = match info.imm {
            Imm::No => 0,
            Imm::Int => self.number::<i64>()? as u64,
            Imm::Float => self.number::<f64>()?.to_bits(),
            Imm::Tag | Imm::Num => self.number()?,
            Imm::Reason => self.reason()? as u64,
        };
        let frame = self.last_frame()?;
        let v = match result {
            Some((v, ty)) => {
                self.set(v, info.op, ty, &args, imm, frame);
                v
            }
            None => self.f.inst(info.op, Ty::Void, &args, imm, frame),
        };
        self.f.blocks[block.n()].insts.push(v);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function with this text, after reading and printing it.
    fn round(text: &str) -> String {
        let arena = Bump::new();
        match parse(&arena, text) {
            Ok(f) => f.to_string(),
            Err(e) => panic!("{e}\n{text}"),
        }
    }

    #[test]
    fn every_terminator_and_form_of_head_and_frame_comes_back() {
        let text = "\
frame 0: f0 pc 5 base 0 r1=v3 r2=slot
frame 1: f0 pc 5 base 0 r1=#9 r2=v3 #9 = f0 pc 3 shape 12 { 0=v3 1=v5 } #10 = f0 pc 4 shape 0 { }
frame 2: in f0 pc 7 base 0 linked r0=slot
frame 3: f1 pc 0 base 4 parent 2 closure v4 tail linked early r1=v3
b0(v1: int, v2: any):
  v3: int = iadd v1 v1
  v4: closure = guard_is v2 10 @0
  v5: bool = is v2 3
  branch v5 b1(v3, v3) b2() likely
b1(v6: int, v7: int) @0 cold:
  jump b7()
b7():
  exit shape @3
b2():
  branch v5 b3() b4(v5) unlikely
b3():
  return @0
b4(v8: bool):
  branch v8 b5() b6()
b5():
  return v3 v2 @1
b6() cold:
  leave @2
";
        assert_eq!(round(text), text);
    }

    #[test]
    fn every_instruction_comes_back() {
        use crate::ir::inst::Res;
        let mut body = String::new();
        for (n, row) in INSTS.iter().enumerate() {
            if row.op == Op::Param {
                continue;
            }
            let ty = match row.result {
                Res::Is(ty) => ty,
                Res::Given => Ty::ALL[1 + n % (Ty::ALL.len() - 1)],
            };
            body += "  ";
            if ty != Ty::Void {
                body += &format!("v{}: {} = ", n + 1, ty.name());
            }
            body += row.mnemonic;
            for a in 0..row.args.len() {
                body += &format!(" v{a}");
            }
            match row.imm {
                Imm::No => {}
                Imm::Int => body += " -9223372036854775808",
                Imm::Float => body += " -1e300",
                Imm::Tag => body += " 9",
                Imm::Num => body += " 18446744073709551615",
                Imm::Reason => body += " meta",
            }
            if row.op.has_frame() {
                body += " @0";
            }
            body += "\n";
        }
        let text = format!("frame 0: f0 pc 0 base 0\nb0(v0: any):\n{body}  leave @0\n");
        assert_eq!(round(&text), text);
    }

    #[test]
    fn floats_and_reasons_come_back() {
        let mut text = String::from("frame 0: f0 pc 0 base 0\nb0(v0: bool):\n");
        for (n, x) in [0.0, -0.0, 0.1, f64::MAX, f64::INFINITY, 5e-324]
            .iter()
            .enumerate()
        {
            text += &format!("  v{}: float = float {x:?}\n", n + 1);
        }
        for r in Reason::ALL {
            text += &format!("  guard v0 {} @0\n", r.name());
        }
        text += "  leave @0\n";
        assert_eq!(round(&text), text);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, error) in [
            (
                "b0():\n  v1: int = iad v1\n",
                "line 2: there is no instruction iad",
            ),
            ("b0():\n\n  jump c1()\n", "line 3: c1 is no block"),
            ("  open\n", "line 1: it belongs to no block"),
            ("b0():\n  leave\n", "line 2: the line is too short"),
            ("frame 0: f0 pc x base 0\n", "line 1: x is no number"),
            ("b0():\n  v1: number = int 1\n", "line 2: number is no type"),
            ("b0():\n  exit why @0\n", "line 2: why is no reason"),
            ("b0():\n  leave @0 @1\n", "line 2: @1 is too much"),
            (
                "b0():\n  leave @0\n  leave @0\n",
                "line 3: the block has ended",
            ),
            ("b0(v1 int):\n", "line 1: : is expected, not int"),
            (
                "frame 0: f0 pc 0 base 0 r256=slot\n",
                "line 1: out of range integral type conversion attempted",
            ),
        ] {
            let arena = Bump::new();
            assert_eq!(parse(&arena, text).err().as_deref(), Some(error), "{text}");
        }
    }
}
