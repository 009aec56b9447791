//! Module to assembly text.
//!
//! The text says everything the module holds, so that [`crate::asm::assemble`]
//! gives the same module back: string numbers, float bits, declared states,
//! debug data, and even instructions and lists that no verifier would pass
//! (those as `.raw`, `.block`, `.position` and `.hint`). What follows a `;` is
//! for people. The grammar is in [`crate::asm`].

use crate::insn::Insn;
use crate::module::{Annotation, Block, Const, HintKind, Module, Proto, RegSet, SlotKind, StrId};
use crate::op::{Ext, Op, Role};
use std::collections::HashMap;
use std::fmt::Write;

/// What to print besides the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'s> {
    /// Source text to interleave, as comments.
    pub source: Option<&'s [u8]>,
}

/// The assembly text of `module`.
pub fn disassemble(module: &Module) -> String {
    disassemble_with(module, Options::default())
}

/// The assembly text of `module`, with options.
pub fn disassemble_with(module: &Module, options: Options<'_>) -> String {
    let mut first = HashMap::new();
    for (id, string) in module.strings.iter().enumerate() {
        first.entry(&**string).or_insert(id as u32);
    }
    let lines = options.source.map(|s| s.split(|&b| b == b'\n').collect());
    let mut printer = Printer {
        module,
        first,
        lines,
        out: String::new(),
    };
    printer.module();
    printer.out
}

/// One instruction's text, with labels written as `L` and the target's pc.
pub fn instruction(proto: &Proto, pc: u32) -> String {
    match proto.code.get(pc as usize) {
        Some(&insn) => operands(insn, |dist| {
            format!("L{}", i64::from(pc) + 1 + i64::from(dist))
        }),
        None => String::new(),
    }
}

struct Printer<'m> {
    module: &'m Module,
    /// The first number of each string's bytes.
    first: HashMap<&'m [u8], u32>,
    lines: Option<Vec<&'m [u8]>>,
    out: String,
}

/// How a prototype's lists are printed: beside the instructions if they are
/// in order, else as directives.
struct Layout {
    blocks: bool,
    positions: bool,
    hints: bool,
}

impl Layout {
    fn of(p: &Proto) -> Layout {
        let len = p.code.len() as u32;
        Layout {
            blocks: p.blocks.windows(2).all(|w| w[0].pc < w[1].pc)
                && p.blocks.last().is_none_or(|b| b.pc < len),
            positions: p.positions.len() == p.code.len(),
            hints: p.hints.windows(2).all(|w| w[0].pc <= w[1].pc)
                && p.hints.last().is_none_or(|h| h.pc < len),
        }
    }
}

/// Writing to a string cannot fail.
macro_rules! put {
    ($printer:expr, $($arg:tt)*) => {
        let _ = write!($printer.out, $($arg)*);
    };
}

impl Printer<'_> {
    fn module(&mut self) {
        put!(self, "strata {}\n", crate::container::VERSION);
        for (id, string) in self.module.strings.iter().enumerate() {
            put!(self, ".string {} ; ${id}\n", quoted(string));
        }
        for index in 0..self.module.protos.len() {
            self.proto(index);
        }
    }

    /// A reference to a string: its text if that finds the same number again.
    fn string(&self, id: StrId) -> String {
        match self.module.strings.get(id.0 as usize) {
            Some(bytes) if self.first.get(&**bytes) == Some(&id.0) => quoted(bytes),
            _ => format!("${}", id.0),
        }
    }

    fn constant(&self, constant: Const) -> String {
        match constant {
            Const::Nil => "nil".into(),
            Const::False => "false".into(),
            Const::True => "true".into(),
            Const::Int(int) => int.to_string(),
            Const::Float(f) if f.is_nan() => format!("float {:#018x}", f.to_bits()),
            Const::Float(f) => format!("{f:?}"),
            Const::Str(id) => self.string(id),
        }
    }

    fn proto(&mut self, index: usize) {
        let p = &self.module.protos[index];
        let layout = Layout::of(p);
        put!(self, "\n.proto {index}");
        if index == 0 {
            put!(self, " ; main");
        }
        self.out.push('\n');
        if let Some(source) = p.source {
            put!(self, "  .source {}\n", self.string(source));
        }
        if (p.line_defined, p.last_line_defined) != (0, 0) {
            put!(
                self,
                "  .lines {} {}\n",
                p.line_defined,
                p.last_line_defined
            );
        }
        put!(self, "  .params {}\n", p.params);
        if p.vararg {
            put!(self, "  .vararg\n");
        }
        if p.annotation != Annotation::None {
            put!(self, "  .jit {}\n", p.annotation.name());
        }
        put!(self, "  .regs {}\n", p.regs);
        if p.captured != RegSet::EMPTY {
            put!(self, "  .captured");
            for reg in p.captured.iter() {
                put!(self, " r{reg}");
            }
            self.out.push('\n');
        }
        for (n, upval) in p.upvals.iter().enumerate() {
            let kind = if upval.from_register { "r" } else { "u" };
            put!(self, "  .upval {kind}{}", upval.index);
            if upval.read_only {
                put!(self, " readonly");
            }
            if let Some(name) = upval.name {
                put!(self, " {}", self.string(name));
            }
            put!(self, " ; u{n}\n");
        }
        for (n, child) in p.children.iter().enumerate() {
            put!(self, "  .child {} ; p{n}\n", child.0);
        }
        for (n, &constant) in p.consts.iter().enumerate() {
            put!(self, "  .const {} ; k{n}\n", self.constant(constant));
        }
        for (n, &kind) in p.slots.iter().enumerate() {
            put!(self, "  .slot {} ; s{n}\n", slot_name(kind));
        }
        for local in &p.locals {
            let name = self.string(local.name);
            put!(
                self,
                "  .local {name} r{} {} {}\n",
                local.reg,
                local.start,
                local.end
            );
        }
        if !layout.blocks {
            for block in &p.blocks {
                put!(self, "  .block {}{}\n", block.pc, block_state(block));
            }
        }
        if !layout.positions {
            for pos in &p.positions {
                put!(self, "  .position {} {}\n", pos.line, pos.column);
            }
        }
        if !layout.hints {
            for hint in &p.hints {
                let name = self.string(hint.name);
                let reg = hint_reg(hint.reg);
                put!(
                    self,
                    "  .hint {} {reg} {} {name}\n",
                    hint.pc,
                    hint_name(hint.kind)
                );
            }
        }
        put!(self, ".code\n");
        self.code(p, &layout);
        put!(self, ".end\n");
    }

    fn code(&mut self, p: &Proto, layout: &Layout) {
        let mut blocks = p.blocks.iter().filter(|_| layout.blocks).peekable();
        let mut hints = p.hints.iter().filter(|_| layout.hints).peekable();
        let mut shown = None;
        let mut shown_line = 0;
        for (pc, &insn) in p.code.iter().enumerate() {
            let pc = pc as u32;
            let pos = p.positions.get(pc as usize).filter(|_| layout.positions);
            if let Some(pos) = pos
                && pos.line != shown_line
            {
                shown_line = pos.line;
                self.source_line(pos.line);
            }
            while let Some(block) = blocks.next_if(|b| b.pc == pc) {
                put!(self, "L{pc}:{}\n", block_state(block));
            }
            let mut line = operands(insn, |dist| {
                let target = i64::from(pc) + 1 + i64::from(dist);
                let declared = layout.blocks
                    && u32::try_from(target)
                        .is_ok_and(|t| p.blocks.binary_search_by_key(&t, |b| b.pc).is_ok());
                if declared {
                    format!("L{target}")
                } else {
                    format!("{dist:+}")
                }
            });
            if let Some(pos) = pos
                && shown != Some(*pos)
            {
                shown = Some(*pos);
                let _ = write!(line, " @{}:{}", pos.line, pos.column);
            }
            while let Some(hint) = hints.next_if(|h| h.pc == pc) {
                let (reg, kind) = (hint_reg(hint.reg), hint_name(hint.kind));
                let _ = write!(line, " {{{reg} {kind} {}}}", self.string(hint.name));
            }
            put!(self, "  {line:<40} ; {pc}{}\n", self.remark(p, insn));
        }
    }

    /// What the operands of an instruction stand for.
    fn remark(&self, p: &Proto, insn: Insn) -> String {
        let mut text = String::new();
        let Some(op) = insn.op() else { return text };
        let info = op.info();
        let upval = match (info.a, info.b) {
            (Role::Up, _) => Some(insn.a()),
            (_, Role::Up) => Some(insn.b()),
            _ => None,
        };
        let name = upval
            .and_then(|u| p.upvals.get(u as usize))
            .and_then(|u| u.name);
        if let Some(name) = name {
            let _ = write!(text, " {}", self.string(name));
        }
        let constant = match (info.ext, info.b) {
            (Ext::K, _) => Some(insn.k()),
            (Ext::Key, _) => Some(u32::from(insn.high())),
            (_, Role::KLo) => Some(u32::from(insn.d() as u16)),
            _ => None,
        };
        if let Some(&constant) = constant.and_then(|k| p.consts.get(k as usize)) {
            let _ = write!(text, " {}", self.constant(constant));
        }
        if op == Op::Closure
            && let Some(child) = p.children.get(insn.u32() as usize)
        {
            let _ = write!(text, " prototype {}", child.0);
        }
        text
    }

    fn source_line(&mut self, line: u32) {
        let Some(lines) = &self.lines else { return };
        let Some(bytes) = (line as usize).checked_sub(1).and_then(|n| lines.get(n)) else {
            return;
        };
        let text: String = String::from_utf8_lossy(bytes)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        put!(self, "; {line:>4} | {}\n", text.trim_end());
    }
}

/// An instruction as text; `target` words its jump.
fn operands(insn: Insn, target: impl Fn(i32) -> String) -> String {
    let Some(op) = insn.op().filter(|&op| is_plain(op, insn)) else {
        return format!(".raw {:#018x}", insn.0);
    };
    let info = op.info();
    let mut text = format!("{:<11}", info.mnemonic);
    for (role, value) in [(info.a, insn.a()), (info.b, insn.b()), (info.c, insn.c())] {
        let _ = match role {
            Role::No | Role::DHi => Ok(()),
            Role::Wr | Role::Rd | Role::Base => write!(text, " r{value}"),
            Role::Up => write!(text, " u{value}"),
            Role::Imm => write!(text, " {value}"),
            Role::Sim => write!(text, " {}", value as i8),
            Role::Cnt if value == 0 => write!(text, " *"),
            Role::Cnt => write!(text, " {}", value - 1),
            Role::DLo => write!(text, " {}", insn.d()),
            Role::KLo => write!(text, " k{}", insn.d() as u16),
        };
    }
    let _ = match (info.ext, op) {
        (Ext::None, _) => Ok(()),
        (Ext::Jump, _) => write!(text, " {}", target(insn.jump())),
        (Ext::K, _) => write!(text, " k{}", insn.k()),
        (Ext::Key, _) => write!(text, " k{} s{}", insn.high(), insn.slot()),
        (Ext::Slot, Op::NewTable) => write!(text, " {} s{}", insn.high(), insn.slot()),
        (Ext::Slot, _) => write!(text, " s{}", insn.slot()),
        (Ext::U32, Op::Closure) => write!(text, " p{}", insn.u32()),
        (Ext::U32, _) => write!(text, " {}", insn.u32()),
    };
    text.truncate(text.trim_end().len());
    text
}

/// Whether the operands the text shows are all there is.
fn is_plain(op: Op, insn: Insn) -> bool {
    let info = op.info();
    let fields = [(info.a, insn.a()), (info.b, insn.b()), (info.c, insn.c())];
    fields.iter().all(|&(role, v)| role != Role::No || v == 0)
        && match info.ext {
            Ext::None => insn.u32() == 0,
            Ext::Jump | Ext::K => insn.feedback_bits() == 0,
            Ext::Key | Ext::U32 => true,
            Ext::Slot => op == Op::NewTable || insn.high() == 0,
        }
}

fn block_state(block: &Block) -> String {
    let mut text = String::new();
    if block.loop_header {
        text.push_str(" loop");
    }
    let _ = write!(text, " defined {}", block.defined);
    if !block.tbc.is_empty() {
        text.push_str(" tbc");
        for reg in &block.tbc {
            let _ = write!(text, " r{reg}");
        }
    }
    if let Some(open) = block.open {
        let _ = write!(text, " open r{open}");
    }
    text
}

fn hint_reg(reg: u8) -> String {
    match reg {
        255 => "k".into(),
        reg => format!("r{reg}"),
    }
}

pub(crate) fn hint_name(kind: HintKind) -> &'static str {
    match kind {
        HintKind::Local => "local",
        HintKind::Upvalue => "upvalue",
        HintKind::Global => "global",
        HintKind::Field => "field",
        HintKind::Method => "method",
        HintKind::Constant => "constant",
    }
}

pub(crate) fn slot_name(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Field => "field",
        SlotKind::Call => "call",
        SlotKind::Site => "site",
    }
}

/// Bytes as a quoted string: printable text as it is, the rest escaped.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                c if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() => text.push(c),
                c => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        let _ = write!(text, "\\x{byte:02x}");
                    }
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn text_is_readable() {
        let text = disassemble(&samples::rich());
        for wanted in [
            ".string \"n\\xff\\x00\\n\\\"\\\\é\" ; $2",
            "L10: loop defined 6",
            "L14: loop defined 7 tbc r5",
            "forprep     r2 L12",
            "gettabup    r2 u0 k0 s0",
            "; 3 \"_ENV\" \"print\"",
            "call        r2 * 0 s1",
            "{r2 global \"print\"}",
            "returnclose r0 *",
        ] {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
    }

    #[test]
    fn source_lines_are_interleaved() {
        let module = samples::rich();
        let source = b"first\nse\tcond\nthird";
        let text = disassemble_with(
            &module,
            Options {
                source: Some(source),
            },
        );
        assert!(text.contains(";    2 | se cond\n"), "{text}");
        assert_eq!(crate::asm::assemble(&text).unwrap(), module);
    }

    #[test]
    fn single_instructions() {
        let p = &samples::rich().protos[0];
        assert_eq!(instruction(p, 9), "forprep     r2 L12");
        assert_eq!(instruction(p, 999), "");
    }
}
