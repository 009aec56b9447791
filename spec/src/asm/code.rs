//! Instructions, labels and what stands beside them.

use super::token::{Place, Token};
use super::{Asm, AsmError, Parser, parse_hex, parse_u32};
use crate::insn::{Insn, MAX_JUMP, MAX_K};
use crate::module::{Pos, Proto};
use crate::op::{Ext, Op, Role};
use std::collections::HashMap;

/// What code needs besides the prototype while it is parsed.
#[derive(Default)]
struct CodeState<'t> {
    labels: HashMap<&'t str, u32>,
    /// Jumps to labels: instruction, label, place of the label.
    jumps: Vec<(usize, &'t str, Place)>,
    /// Some instruction has a position.
    positioned: bool,
    position: Pos,
    positions: Vec<Pos>,
}

impl<'t> Parser<'t> {
    /// Everything from `.code` to `.end`.
    pub(super) fn code(&mut self, p: &mut Proto) -> Asm<()> {
        let mut state = CodeState::default();
        loop {
            if !self.next_statement()? {
                return self.expected("an instruction or `.end`");
            }
            let Token::Word(word) = self.token else {
                return self.expected("an instruction, a label or `.end`");
            };
            let place = self.place;
            if word == ".end" {
                self.advance()?;
                self.end_of_line()?;
                break;
            }
            if word == ".raw" || self.mnemonics.contains_key(word) {
                self.advance()?;
                let insn = self.instruction(word, p.code.len(), &mut state)?;
                p.code.push(insn);
                self.annotations(p, &mut state)?;
                self.end_of_line()?;
                continue;
            }
            let label = word;
            self.advance()?;
            if self.token != Token::Punct(':') {
                return Err(AsmError::new(
                    place,
                    "a mnemonic, a label with `:` or `.end`",
                    &format!("`{word}`"),
                ));
            }
            self.advance()?;
            let pc = p.code.len() as u32;
            p.blocks.push(self.state(pc)?);
            if state.labels.insert(label, pc).is_some() {
                return Err(AsmError::new(place, "a new label", &format!("`{label}`")));
            }
            self.end_of_line()?;
        }
        for (at, label, place) in state.jumps {
            let Some(&target) = state.labels.get(label) else {
                return Err(AsmError::new(
                    place,
                    "a label of this prototype",
                    &format!("`{label}`"),
                ));
            };
            let dist = i64::from(target) - at as i64 - 1;
            match i32::try_from(dist) {
                Ok(dist) if (-MAX_JUMP..=MAX_JUMP).contains(&dist) => {
                    p.code[at] = p.code[at].with_jump(dist);
                }
                _ => return Err(AsmError::new(place, "a nearer label", label)),
            }
        }
        if state.positioned {
            p.positions = state.positions;
        }
        Ok(())
    }

    fn instruction(&mut self, mnemonic: &str, pc: usize, state: &mut CodeState<'t>) -> Asm<Insn> {
        let Some(&op) = self.mnemonics.get(mnemonic) else {
            return self
                .word("the instruction's 64 bits, 0x…", parse_hex)
                .map(Insn);
        };
        let info = op.info();
        let mut fields = [0u8; 3];
        for (n, role) in [info.a, info.b, info.c].into_iter().enumerate() {
            match role {
                Role::No | Role::DHi => {}
                Role::Wr | Role::Rd | Role::Base => fields[n] = self.register()?,
                Role::Up => fields[n] = self.numbered('u', 255, "an upvalue u0 to u255")? as u8,
                Role::Imm => fields[n] = self.u8("a number 0 to 255")?,
                Role::Sim => {
                    fields[n] = self.word("a number -128 to 127", |w| w.parse::<i8>().ok())? as u8;
                }
                Role::Cnt => {
                    fields[n] = self.word("a count 0 to 254, or `*`", |w| match w {
                        "*" => Some(0),
                        _ => parse_u32(w)?.checked_add(1)?.try_into().ok(),
                    })?;
                }
                Role::DLo | Role::KLo => {
                    let both = if role == Role::DLo {
                        self.word("a number -32768 to 32767", |w| w.parse::<i16>().ok())? as u16
                    } else {
                        self.numbered('k', 0xffff, "a constant k0 to k65535")? as u16
                    };
                    [fields[1], fields[2]] = both.to_le_bytes();
                }
            }
        }
        let insn = Insn::abc(op, fields[0], fields[1], fields[2]);
        let slot = "a feedback slot s0 to s65535";
        Ok(match info.ext {
            Ext::None => insn,
            Ext::Jump => {
                let place = self.place;
                let target = self.word("a label or a signed distance", Some)?;
                if target.starts_with(['+', '-']) {
                    let dist = target.parse::<i32>().ok();
                    match dist.filter(|d| (-MAX_JUMP - 1..=MAX_JUMP).contains(d)) {
                        Some(dist) => insn.with_jump(dist),
                        None => {
                            return Err(AsmError::new(place, "a distance of 24 bits", target));
                        }
                    }
                } else {
                    state.jumps.push((pc, target, place));
                    insn
                }
            }
            Ext::K => insn.with_k(self.numbered('k', MAX_K - 1, "a constant k0, k1, …")?),
            Ext::Key => {
                let key = self.numbered('k', 0xffff, "a constant k0 to k65535")?;
                insn.with_slot(self.numbered('s', 0xffff, slot)? as u16, key as u16)
            }
            Ext::Slot => {
                let high = match op {
                    Op::NewTable => {
                        self.word("a number 0 to 65535", |w| u16::try_from(parse_u32(w)?).ok())?
                    }
                    _ => 0,
                };
                insn.with_slot(self.numbered('s', 0xffff, slot)? as u16, high)
            }
            Ext::U32 if op == Op::Closure => {
                insn.with_u32(self.numbered('p', u32::MAX, "a child p0, p1, …")?)
            }
            Ext::U32 => insn.with_u32(self.u32("a number of 32 bits")?),
        })
    }

    /// Position and operand names after an instruction.
    fn annotations(&mut self, p: &mut Proto, state: &mut CodeState<'t>) -> Asm<()> {
        if matches!(self.token, Token::Word(w) if w.starts_with('@')) {
            let line = self.numbered('@', u32::MAX, "@ and a line")?;
            self.punct(':')?;
            let column = self.u32("a column")?;
            state.positioned = true;
            state.position = Pos { line, column };
        }
        state.positions.push(state.position);
        while self.token == Token::Punct('{') {
            self.advance()?;
            let hint = self.hint(p.code.len() as u32 - 1)?;
            p.hints.push(hint);
            self.punct('}')?;
        }
        Ok(())
    }
}
