//! Assembly text to module.
//!
//! One statement a line; `;` starts a comment. Between the lines of this
//! summary, square brackets mean "may be left out":
//!
//! ```text
//! strata 1                              format version, first line
//! .string "bytes"                       the next string of the module
//! .proto [number]                       the next prototype, until .end
//!   .source STR                         chunk name
//!   .lines FIRST LAST                   lines of `function` and its `end`
//!   .params N   .vararg   .regs N   .jit WORD
//!   .captured r0 r1 …                   registers closures capture
//!   .upval r3|u3 [readonly] [STR]       the next upvalue, from a register or upvalue
//!   .child N                            the next child: prototype number
//!   .const nil|false|true|INT|FLOAT|STR|float BITS
//!   .slot field|call|site               the next feedback slot
//!   .local STR r0 START END             a local's range of instructions
//! .code
//! LABEL: [loop] [defined N] [tbc r0 …] [open r0]
//!   mnemonic operands… [@LINE:COLUMN] [{r0|k KIND STR}]…
//! .end
//! ```
//!
//! A label declares a block with the state at its entry. Operands stand in the
//! order A, B, C, extension; those without a meaning are left out. They are
//! written `r0` (register), `u0` (upvalue), `k0` (constant), `s0` (feedback
//! slot), `p0` (child), a label or a signed distance (jump), a plain number
//! (immediate), and for counts the number itself or `*` for *open*. For keys
//! the constant stands before the slot, for `newtable` the sizes before the
//! slot.
//!
//! A `STR` is quoted (`\n \r \t \" \\ \xNN`, any UTF-8), meaning the first
//! string of the module with those bytes, added if there is none; or `$0`, by
//! number. An instruction without `@` has the position of the one before; if
//! none has one, there are no positions.
//!
//! Four directives describe what the above cannot, in modules that would not
//! verify: `.raw WORD` (an instruction's 64 bits), `.block PC state`,
//! `.position LINE COLUMN` and `.hint PC r0|k KIND STR`.

mod code;
mod token;

use crate::module::{
    Annotation, Block, Const, Hint, HintKind, LocalVar, Module, Pos, Proto, ProtoId, SlotKind,
    StrId, UpvalDesc,
};
use crate::op::{OPS, Op};
use std::collections::HashMap;
use std::fmt;
use token::{Place, Token, Tokens};

/// Why text is not assembly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AsmError {
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// What could stand there.
    pub expected: String,
    /// What does.
    pub found: String,
}

impl AsmError {
    fn new(place: Place, expected: &str, found: &str) -> AsmError {
        AsmError {
            line: place.line,
            column: place.column,
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: expected {}, found {}",
            self.line, self.column, self.expected, self.found
        )
    }
}

impl std::error::Error for AsmError {}

type Asm<T> = Result<T, AsmError>;

/// The module that `text` describes. Not verified.
pub fn assemble(text: &str) -> Result<Module, AsmError> {
    let mut tokens = Tokens::new(text);
    let (token, place) = tokens.next()?;
    let mut parser = Parser {
        tokens,
        token,
        place,
        module: Module::default(),
        first: HashMap::new(),
        mnemonics: OPS.iter().map(|row| (row.mnemonic, row.op)).collect(),
    };
    parser.module()?;
    Ok(parser.module)
}

struct Parser<'t> {
    tokens: Tokens<'t>,
    token: Token<'t>,
    place: Place,
    module: Module,
    /// The first string with these bytes.
    first: HashMap<Vec<u8>, StrId>,
    mnemonics: HashMap<&'static str, Op>,
}

impl<'t> Parser<'t> {
    // ---- tokens

    fn advance(&mut self) -> Asm<Token<'t>> {
        let (token, place) = self.tokens.next()?;
        self.place = place;
        Ok(std::mem::replace(&mut self.token, token))
    }

    #[cold]
    fn expected<T>(&self, what: &str) -> Asm<T> {
        Err(AsmError::new(self.place, what, &self.token.describe()))
    }

    fn accept(&mut self, word: &str) -> Asm<bool> {
        if self.token == Token::Word(word) {
            self.advance()?;
            return Ok(true);
        }
        Ok(false)
    }

    fn punct(&mut self, c: char) -> Asm<()> {
        if self.token != Token::Punct(c) {
            return self.expected(&format!("`{c}`"));
        }
        self.advance().map(drop)
    }

    fn end_of_line(&mut self) -> Asm<()> {
        if self.token != Token::Line {
            return self.expected("the end of the line");
        }
        self.advance().map(drop)
    }

    /// Skips empty lines; false at the end of the text.
    fn next_statement(&mut self) -> Asm<bool> {
        while self.token == Token::Line {
            if self.tokens.at_end() {
                // The last line may lack its end.
                let (token, place) = self.tokens.next()?;
                (self.token, self.place) = (token, place);
                if self.token == Token::Line {
                    return Ok(false);
                }
            } else {
                self.advance()?;
            }
        }
        Ok(true)
    }

    /// A word that `parse` accepts.
    fn word<T>(&mut self, what: &str, parse: impl FnOnce(&'t str) -> Option<T>) -> Asm<T> {
        let Token::Word(word) = self.token else {
            return self.expected(what);
        };
        match parse(word) {
            Some(value) => {
                self.advance()?;
                Ok(value)
            }
            None => self.expected(what),
        }
    }

    fn u32(&mut self, what: &str) -> Asm<u32> {
        self.word(what, parse_u32)
    }

    fn u8(&mut self, what: &str) -> Asm<u8> {
        self.word(what, |w| parse_u32(w)?.try_into().ok())
    }

    /// A number with a letter before it.
    fn numbered(&mut self, letter: char, most: u32, what: &str) -> Asm<u32> {
        self.word(what, |w| parse_numbered(w, letter).filter(|&n| n <= most))
    }

    fn register(&mut self) -> Asm<u8> {
        self.word("a register r0 to r255", |w| {
            parse_numbered(w, 'r')?.try_into().ok()
        })
    }

    fn string(&mut self) -> Asm<StrId> {
        if let Token::Str(_) = self.token {
            let Token::Str(bytes) = self.advance()? else {
                return self.expected("a string");
            };
            if let Some(&id) = self.first.get(&bytes) {
                return Ok(id);
            }
            return Ok(self.add_string(bytes));
        }
        self.word("a quoted string or $ and its number", |w| {
            parse_numbered(w, '$').map(StrId)
        })
    }

    fn add_string(&mut self, bytes: Vec<u8>) -> StrId {
        let id = StrId(self.module.strings.len() as u32);
        self.module.strings.push(bytes.as_slice().into());
        self.first.entry(bytes).or_insert(id);
        id
    }

    // ---- statements

    fn module(&mut self) -> Asm<()> {
        if !self.next_statement()? || !self.accept("strata")? {
            return self.expected("`strata` and the format version");
        }
        self.word("the format version 1", |w| (w == "1").then_some(()))?;
        self.end_of_line()?;
        while self.next_statement()? {
            if self.accept(".string")? {
                let Token::Str(_) = self.token else {
                    return self.expected("a quoted string");
                };
                if let Token::Str(bytes) = self.advance()? {
                    self.add_string(bytes);
                }
                self.end_of_line()?;
            } else if self.accept(".proto")? {
                if self.token != Token::Line {
                    let next = self.module.protos.len();
                    self.word(&format!("prototype number {next}"), |w| {
                        (parse_u32(w)? as usize == next).then_some(())
                    })?;
                }
                self.end_of_line()?;
                let proto = self.proto()?;
                self.module.protos.push(proto);
            } else {
                return self.expected("`.string` or `.proto`");
            }
        }
        Ok(())
    }

    fn proto(&mut self) -> Asm<Proto> {
        let mut p = Proto::default();
        loop {
            if !self.next_statement()? {
                return self.expected("`.code`");
            }
            let Token::Word(directive) = self.token else {
                return self.expected("a directive or `.code`");
            };
            match directive {
                ".source" | ".lines" | ".params" | ".vararg" | ".jit" | ".regs" | ".captured"
                | ".upval" | ".child" | ".const" | ".slot" | ".local" | ".block" | ".position"
                | ".hint" | ".code" => {}
                _ => return self.expected("a directive or `.code`"),
            }
            self.advance()?;
            if directive == ".code" {
                self.end_of_line()?;
                self.code(&mut p)?;
                return Ok(p);
            }
            self.directive(directive, &mut p)?;
            self.end_of_line()?;
        }
    }

    fn directive(&mut self, directive: &str, p: &mut Proto) -> Asm<()> {
        match directive {
            ".source" => p.source = Some(self.string()?),
            ".lines" => {
                p.line_defined = self.u32("a line")?;
                p.last_line_defined = self.u32("a line")?;
            }
            ".params" => p.params = self.u8("a number of parameters")?,
            ".vararg" => p.vararg = true,
            ".jit" => {
                p.annotation = self.word("what is asked of compilers", |w| {
                    Annotation::from_name(w.as_bytes())
                })?;
            }
            ".regs" => p.regs = self.u8("a number of registers")?,
            ".captured" => {
                while self.token != Token::Line {
                    p.captured.insert(self.register()?);
                }
            }
            ".upval" => {
                let upval = self.upval()?;
                p.upvals.push(upval);
            }
            ".child" => p.children.push(ProtoId(self.u32("a prototype number")?)),
            ".const" => p.consts.push(self.constant()?),
            ".slot" => {
                let kind = self.word("`field`, `call` or `site`", |w| {
                    [SlotKind::Field, SlotKind::Call, SlotKind::Site]
                        .into_iter()
                        .find(|&kind| crate::disasm::slot_name(kind) == w)
                })?;
                p.slots.push(kind);
            }
            ".local" => {
                let local = LocalVar {
                    name: self.string()?,
                    reg: self.register()?,
                    start: self.u32("an instruction number")?,
                    end: self.u32("an instruction number")?,
                };
                p.locals.push(local);
            }
            ".block" => {
                let pc = self.u32("an instruction number")?;
                p.blocks.push(self.state(pc)?);
            }
            ".position" => {
                let line = self.u32("a line")?;
                let column = self.u32("a column")?;
                p.positions.push(Pos { line, column });
            }
            _ => {
                let pc = self.u32("an instruction number")?;
                p.hints.push(self.hint(pc)?);
            }
        }
        Ok(())
    }

    fn upval(&mut self) -> Asm<UpvalDesc> {
        let (from_register, index) = self.word("a register or upvalue, r0 or u0", |w| {
            let (from_register, n) = match parse_numbered(w, 'r') {
                Some(n) => (true, n),
                None => (false, parse_numbered(w, 'u')?),
            };
            Some((from_register, n.try_into().ok()?))
        })?;
        let read_only = self.accept("readonly")?;
        let name = match self.token {
            Token::Line => None,
            _ => Some(self.string()?),
        };
        Ok(UpvalDesc {
            from_register,
            index,
            read_only,
            name,
        })
    }

    fn constant(&mut self) -> Asm<Const> {
        if matches!(self.token, Token::Str(_)) {
            return self.string().map(Const::Str);
        }
        if self.accept("float")? {
            return self.word("the float's 64 bits, 0x…", |w| {
                parse_hex(w).map(|bits| Const::Float(f64::from_bits(bits)))
            });
        }
        self.word(
            "a constant (nil, false, true, a number or a string)",
            |w| match w {
                "nil" => Some(Const::Nil),
                "false" => Some(Const::False),
                "true" => Some(Const::True),
                _ => {
                    if let Some(id) = parse_numbered(w, '$') {
                        return Some(Const::Str(StrId(id)));
                    }
                    match w.parse::<i64>() {
                        Ok(int) => Some(Const::Int(int)),
                        Err(_) => float(w).map(Const::Float),
                    }
                }
            },
        )
    }

    /// A block's declared state.
    fn state(&mut self, pc: u32) -> Asm<Block> {
        let mut block = Block {
            pc,
            ..Block::default()
        };
        while self.token != Token::Line {
            if self.accept("loop")? {
                block.loop_header = true;
            } else if self.accept("defined")? {
                block.defined = self.u8("a number of registers")?;
            } else if self.accept("tbc")? {
                block.tbc.push(self.register()?);
                while matches!(self.token, Token::Word(w) if w.starts_with('r')) {
                    block.tbc.push(self.register()?);
                }
            } else if self.accept("open")? {
                block.open = Some(self.register()?);
            } else {
                return self.expected("`loop`, `defined`, `tbc` or `open`");
            }
        }
        Ok(block)
    }

    fn hint(&mut self, pc: u32) -> Asm<Hint> {
        let reg = if self.accept("k")? {
            255
        } else {
            self.register()?
        };
        let kind = self.word("a kind of name (local, upvalue, global, field, …)", |w| {
            [
                HintKind::Local,
                HintKind::Upvalue,
                HintKind::Global,
                HintKind::Field,
                HintKind::Method,
                HintKind::Constant,
            ]
            .into_iter()
            .find(|&kind| crate::disasm::hint_name(kind) == w)
        })?;
        Ok(Hint {
            pc,
            reg,
            kind,
            name: self.string()?,
        })
    }
}

/// A number without sign or leading `+`.
fn parse_u32(word: &str) -> Option<u32> {
    word.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    word.parse().ok()
}

fn parse_numbered(word: &str, letter: char) -> Option<u32> {
    parse_u32(word.strip_prefix(letter)?)
}

fn parse_hex(word: &str) -> Option<u64> {
    let digits = word.strip_prefix("0x")?;
    digits
        .bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then_some(())?;
    u64::from_str_radix(digits, 16).ok()
}

/// A float that looks like one: with a point, an exponent, or infinite.
fn float(word: &str) -> Option<f64> {
    let looks = word.contains(['.', 'e', 'E']) || matches!(word, "inf" | "-inf");
    looks.then(|| word.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
