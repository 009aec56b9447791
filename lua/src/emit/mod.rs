//! The emitter: the syntax tree to bytecode.
//!
//! One pass over the tree, in source order. Registers are a stack: locals at
//! the bottom in order of declaration, temporaries above. An expression is
//! first *described* ([`exp::Exp`]: a constant, a variable, an instruction
//! whose target is still open, …) and put into a register only when its place
//! is known.
//!
//! - `code`: instructions, jumps and labels, constants, slots, hints;
//! - `exp`: descriptions and how they get into registers;
//! - `ops`: operators; `expr`: the other expressions;
//! - `stat`: statements and scopes; `loops`: loops.
//!
//! # Jumps and block states
//!
//! Unresolved jumps form lists through their jump fields. Every place that
//! jumps lead to is declared as a block with the registers defined there:
//! everything below the first free register. To keep that a prefix, the link
//! slot of a call is set to nil if evaluating the arguments may branch.
//!
//! Code that cannot be reached is not emitted: after a terminator, `emit` and
//! everything that builds on it does nothing until a label that is jumped to.
//! Functions in which a `goto` leads back are the exception, since it can make
//! anything reachable again after the fact.
//!
//! # Positions
//!
//! An instruction's line is that of the last token Lua's own compiler would
//! have consumed when emitting it; line hooks and error messages show it. The
//! walk keeps that token in `last`.

mod code;
mod exp;
mod expr;
mod loops;
mod ops;
mod stat;
#[cfg(test)]
mod tests;

use crate::ast::{Function, Place, Pos, VarId};
use crate::lexer::{Fault, Lexer, Res};
use crate::meter::{CHUNK, Meter};
use crate::names::Name;
use crate::parser::Parsed;
use crate::scope::Scopes;
use code::{FieldNames, JumpList, LabelState, NumberKey, Pc};
use std::collections::HashMap;
use strata_spec::module::{HintKind, Module, Proto, ProtoId, RegSet, StrId, UpvalDesc};
use strata_spec::{Insn, Op};

/// Functions with more code than this leave their buffers to the prototype.
const LONG_CODE: usize = 1 << 14;

/// The first register number that is out of reach; PUC Lua has the same limit.
const MAX_REGISTERS: usize = 255;

/// The state of a compilation.
struct Emitter<'p, 'a> {
    lexer: &'p Lexer<'a>,
    scopes: &'p Scopes,
    field_names: FieldNames,
    module: Module,
    /// The module's string for each name, + 1.
    strings: Vec<u32>,
    /// For each name, the last prototype that has it as a constant (+ 1) and
    /// the constant's index.
    string_consts: Vec<(u32, u32)>,
    /// The register of each variable that is or was active.
    var_regs: Vec<u8>,
    labels: Vec<LabelState>,
    /// The last token consumed.
    last: Pos,
    f: FunctionState,
    /// States of finished functions, for their buffers.
    spare: Vec<FunctionState>,
    /// Why emission cannot succeed, if something went out of range.
    failure: Option<Failure>,
}

/// A limit that was exceeded in a place that can't return an error.
#[derive(Clone, Copy)]
enum Failure {
    CodeTooLong,
    TooManyConstants,
    /// The budget is used up.
    Stopped,
}

/// The state of the function being emitted.
struct FunctionState {
    id: ProtoId,
    line: u32,
    proto: Proto,
    /// The first free register.
    free: u8,
    /// The first register above the active variables.
    local_top: u8,
    /// The highest number of registers in use.
    high_water: u8,
    /// The next instruction can be reached, as far as is known.
    reachable: bool,
    /// Unreachable code is emitted all the same.
    keeps_dead_code: bool,
    active: Vec<ActiveVar>,
    upvalue_names: Vec<Name>,
    /// What each register's value is called.
    hints: Vec<Option<RegHint>>,
    /// Registers to be closed, ascending.
    tbc: Vec<u8>,
    loops: Vec<LoopState>,
    numbers: HashMap<NumberKey, u32>,
    /// The last feedback slot for calls, and the last for tables.
    last_call: Option<u16>,
    last_site: Option<u16>,
}

/// What an operand is called in error messages.
type RegHint = (HintKind, Name);

/// A variable in scope.
#[derive(Clone, Copy)]
struct ActiveVar {
    id: VarId,
    /// Its entry in the prototype's list, unless it is a compile-time constant.
    local: Option<u32>,
    /// The first free register before it was activated.
    below: u8,
}

/// A loop that `break` can leave.
#[derive(Clone, Copy)]
struct LoopState {
    breaks: JumpList,
    /// The variables still active where `break` leads to.
    level: usize,
    /// Captured variables are closed there.
    exit_closes: bool,
    /// Open to-be-closed registers there.
    tbc: usize,
}

/// Emits a parsed chunk.
pub(crate) fn emit<'a>(parsed: &mut Parsed<'a>, source_name: &'a [u8]) -> Res<Module> {
    parsed.lexer.pay(0)?;
    let meter = parsed.lexer.meter;
    let names = &mut parsed.lexer.names;
    let field_names = FieldNames {
        unknown: names.intern_copy(b"?"),
        integer: names.intern_copy(b"integer index"),
        env: names.intern_copy(b"_ENV"),
    };
    let source = names.intern_long(source_name, |bytes| meter.skimmed(bytes))?;
    let count = names.len();
    let mut emitter = Emitter {
        lexer: &parsed.lexer,
        scopes: &parsed.scopes,
        field_names,
        module: Module::default(),
        strings: vec![0; count],
        string_consts: vec![(0, 0); count],
        var_regs: vec![0; parsed.scopes.var_count()],
        labels: vec![LabelState::Unbound(JumpList::EMPTY); parsed.scopes.label_count()],
        last: Pos { line: 1, column: 1 },
        f: FunctionState::new(),
        spare: Vec::new(),
        failure: None,
    };
    let source = emitter.string(source);
    emitter.module.protos.push(Proto::default());
    match emitter.function(&parsed.main, source) {
        Ok(()) => Ok(emitter.module),
        Err(fault) => {
            if matches!(*fault, Fault::Stopped) {
                meter.discard(Box::new((emitter.module, emitter.f.proto)));
            }
            Err(fault)
        }
    }
}

impl FunctionState {
    fn new() -> FunctionState {
        FunctionState {
            id: ProtoId(0),
            line: 0,
            proto: Proto::default(),
            free: 0,
            local_top: 0,
            high_water: 2,
            reachable: true,
            keeps_dead_code: false,
            active: Vec::new(),
            upvalue_names: Vec::new(),
            hints: vec![None; MAX_REGISTERS + 1],
            tbc: Vec::new(),
            loops: Vec::new(),
            numbers: HashMap::new(),
            last_call: None,
            last_site: None,
        }
    }

    /// Takes the finished prototype, in vectors of exact size, and prepares
    /// the buffers for the next function.
    fn take_proto(&mut self) -> Proto {
        let own = &mut self.proto;
        let proto = if own.code.len() > LONG_CODE {
            let mut proto = std::mem::take(own);
            proto.code.shrink_to_fit();
            proto.consts.shrink_to_fit();
            proto.slots.shrink_to_fit();
            proto.blocks.shrink_to_fit();
            proto.locals.shrink_to_fit();
            proto.positions.shrink_to_fit();
            proto.hints.shrink_to_fit();
            proto
        } else {
            Proto {
                upvals: std::mem::take(&mut own.upvals),
                children: std::mem::take(&mut own.children),
                ..own.clone()
            }
        };
        own.code.clear();
        own.consts.clear();
        own.slots.clear();
        own.blocks.clear();
        own.locals.clear();
        own.positions.clear();
        own.hints.clear();
        own.captured = RegSet::default();
        self.hints[..self.high_water as usize].fill(None);
        self.free = 0;
        self.local_top = 0;
        self.high_water = 2;
        self.reachable = true;
        self.active.clear();
        self.tbc.clear();
        self.loops.clear();
        self.numbers.clear();
        self.last_call = None;
        self.last_site = None;
        proto
    }
}

/// A copy of a long text, or nothing if the budget is used up.
#[cold]
fn copy_long(text: &[u8], meter: &Meter<'_>) -> Option<Box<[u8]>> {
    let mut copy = Vec::with_capacity(text.len());
    for piece in text.chunks(CHUNK) {
        copy.extend_from_slice(piece);
        meter.skimmed(piece.len()).ok()?;
    }
    Some(copy.into_boxed_slice())
}

impl<'p, 'a> Emitter<'p, 'a> {
    /// Charges a node of the tree.
    #[inline]
    fn pay(&self) -> Res<()> {
        self.lexer.meter.node(|| {
            let fixed = self.strings.len() * size_of::<(u32, u32, u32)>() + self.var_regs.len();
            fixed + self.lexer.names.bytes() + self.f.proto.bytes()
        })
    }

    /// The module's string of a name.
    fn string(&mut self, name: Name) -> StrId {
        let at = &mut self.strings[name.0 as usize];
        if *at == 0 {
            let text = self.lexer.names.text(name);
            let text = if text.len() < CHUNK {
                text.into()
            } else {
                match copy_long(text, self.lexer.meter) {
                    Some(text) => text,
                    None => {
                        self.failure = Some(Failure::Stopped);
                        Box::default()
                    }
                }
            };
            self.lexer
                .meter
                .module_grows(text.len() + size_of::<Box<[u8]>>());
            self.module.strings.push(text);
            *at = self.module.strings.len() as u32;
        }
        StrId(*at - 1)
    }

    /// Emits a child function and gives its number among the children.
    fn child(&mut self, function: &Function<'a>) -> Res<u32> {
        let id = ProtoId(self.module.protos.len() as u32);
        self.module.protos.push(Proto::default());
        self.f.proto.children.push(id);
        let number = self.f.proto.children.len() as u32 - 1;
        let source = self.f.proto.source;
        let mut inner = self.spare.pop().unwrap_or_else(FunctionState::new);
        inner.id = id;
        inner.line = function.line;
        let outer = std::mem::replace(&mut self.f, inner);
        let result = self.function_with(function, source);
        let mut inner = std::mem::replace(&mut self.f, outer);
        result?;
        let proto = inner.take_proto();
        self.lexer.meter.module_grows(proto.bytes());
        self.module.protos[id.0 as usize] = proto;
        self.spare.push(inner);
        Ok(number)
    }

    /// Emits the main function.
    fn function(&mut self, function: &Function<'a>, source: StrId) -> Res<()> {
        self.function_with(function, Some(source))?;
        self.module.protos[0] = self.f.take_proto();
        Ok(())
    }

    /// Emits `function` into `self.f`.
    fn function_with(&mut self, function: &Function<'a>, source: Option<StrId>) -> Res<()> {
        self.f.upvalue_names = function.upvalues.iter().map(|up| up.name).collect();
        let mut upvals = Vec::with_capacity(function.upvalues.len());
        for upvalue in function.upvalues {
            let (from_register, index) = match upvalue.from {
                Place::Local(id) => (true, self.var_regs[id.0 as usize]),
                Place::Upvalue(index) => (false, index),
            };
            upvals.push(UpvalDesc {
                from_register,
                index,
                read_only: upvalue.read_only,
                name: Some(self.string(upvalue.name)),
            });
        }
        self.f.keeps_dead_code = function.jumps_back;
        let proto = &mut self.f.proto;
        proto.source = source;
        proto.upvals = upvals;
        proto.line_defined = function.line;
        proto.last_line_defined = if function.line == 0 {
            0
        } else {
            function.end.line
        };
        proto.params = function.params.len() as u8;
        proto.vararg = function.vararg;
        proto.annotation = function.annotation;
        self.activate(function.params);
        self.reserve(function.params.len())?;
        if function.vararg {
            let line = function.line.max(1);
            let pos = Pos { line, column: 1 };
            let params = function.params.len() as u8;
            self.emit_at(Insn::abc(Op::VarargPrep, params, 0, 0), pos);
        }
        self.statements(&function.body)?;
        self.last = function.end;
        self.emit_return(0, Some(0));
        self.finish(function)
    }

    /// Last corrections once all of a function's code is there.
    fn finish(&mut self, function: &Function<'a>) -> Res<()> {
        if let Some(failure) = self.failure {
            return Err(self.failure_error(failure));
        }
        self.end_scopes(0);
        let f = &mut self.f;
        let proto = &mut f.proto;
        if !proto.captured.is_empty() {
            for insn in &mut proto.code {
                *insn = match insn.op() {
                    Some(Op::Return0) => Insn::abc(Op::ReturnClose, 0, 1, 0),
                    Some(Op::Return1) => Insn::abc(Op::ReturnClose, insn.a(), 2, 0),
                    Some(Op::Return) => Insn::abc(Op::ReturnClose, insn.a(), insn.b(), 0),
                    _ => continue,
                };
            }
        }
        proto.regs = f.high_water.max(function.params.len() as u8);
        proto.locals.retain(|local| local.start < local.end);
        Ok(())
    }

    // ---- registers

    /// Takes `n` registers.
    fn reserve(&mut self, n: usize) -> Res<()> {
        self.check_registers(n)?;
        self.f.free += n as u8;
        Ok(())
    }

    /// Makes sure that `n` registers above the ones in use exist.
    fn check_registers(&mut self, n: usize) -> Res<()> {
        let top = self.f.free as usize + n;
        if top > self.f.high_water as usize {
            if top >= MAX_REGISTERS {
                return Err(self.error("function or expression needs too many registers"));
            }
            self.f.high_water = top as u8;
        }
        Ok(())
    }

    /// Gives a temporary back; a local stays.
    fn release(&mut self, reg: u8) {
        if reg >= self.f.local_top {
            self.f.free -= 1;
            debug_assert_eq!(reg, self.f.free, "temporaries are a stack");
        }
    }

    // ---- errors

    /// An error at the token after the last one consumed.
    #[cold]
    fn error(&self, text: &str) -> Box<Fault> {
        self.lexer.error_after(text, self.last)
    }

    #[cold]
    fn failure_error(&self, failure: Failure) -> Box<Fault> {
        match failure {
            Failure::Stopped => Box::new(Fault::Stopped),
            Failure::CodeTooLong => self.error("control structure too long"),
            Failure::TooManyConstants => {
                let place = match self.f.line {
                    0 => "main function".to_string(),
                    line => format!("function at line {line}"),
                };
                let limit = strata_spec::insn::MAX_K;
                self.error(&format!("too many constants (limit is {limit}) in {place}"))
            }
        }
    }

    /// The next instruction's number.
    fn pc(&self) -> Pc {
        Pc(self.f.proto.code.len() as u32)
    }
}
