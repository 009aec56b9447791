//! What a function does: a plain interpreter of IR, to compare what passes make
//! with what they were given.
//!
//! It knows numbers, tables with fields and integer elements, and captured
//! registers; functions and strings are not among what it runs. A *state* is
//! what can be seen from outside: registers and everything reachable, printed,
//! with tables named in the order in which they are come across.

use crate::ir::{BlockId, FrameId, Func, Held, Op, SunkKind, Target, Term, V};
use rustc_hash::FxHashMap;
use std::fmt::Write;
use strata_runtime::ops::arith;
use strata_runtime::value::tag;

/// A value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Val {
    Nil,
    Bool(bool),
    Int(i64),
    /// Its bits.
    Float(u64),
    Table(usize),
    /// A constant object, by number.
    Object(u64),
    /// The elements of a table.
    Data(usize),
}

/// A table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Table {
    pub shape: u64,
    pub fields: Vec<Val>,
    pub ints: Vec<i64>,
}

/// What a function is run with.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub args: Vec<Val>,
    pub tables: Vec<Table>,
    pub captured: Vec<Val>,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The results and the state.
    Return(String),
    /// The state that the interpreter goes on with.
    Exit(String),
    /// It did what it must not.
    Stuck(String),
}

/// Fields that tables have room for.
const ROOM: usize = 4;
/// Instructions a run may take.
const STEPS: usize = 200_000;

struct Machine<'f, 'a> {
    f: &'f Func<'a>,
    values: Vec<Option<Val>>,
    tables: Vec<Table>,
    captured: Vec<Val>,
    /// How many tables were given: they are seen from outside.
    given: usize,
    /// States at guards and loop headers.
    trace: Vec<String>,
}

/// Runs `f`, whose parameters were these when it was made; its end, and the states it has passed at which the interpreter
/// could have gone on.
pub(super) fn evaluate(f: &Func<'_>, params: &[V], input: &Input) -> (End, Vec<String>) {
    let mut m = Machine {
        f,
        values: vec![None; f.insts.len()],
        tables: input.tables.clone(),
        captured: input.captured.clone(),
        given: input.tables.len(),
        trace: Vec::new(),
    };
    for (&p, &v) in params.iter().zip(&input.args) {
        m.values[p.n()] = Some(v);
    }
    let end = m.run().unwrap_or_else(End::Stuck);
    (end, m.trace)
}

fn float(v: Val) -> Result<f64, String> {
    match v {
        Val::Float(bits) => Ok(f64::from_bits(bits)),
        other => Err(format!("{other:?} is no float")),
    }
}

fn int(v: Val) -> Result<i64, String> {
    match v {
        Val::Int(i) => Ok(i),
        other => Err(format!("{other:?} is no integer")),
    }
}

fn truth(v: Val) -> Result<bool, String> {
    match v {
        Val::Bool(b) => Ok(b),
        other => Err(format!("{other:?} is no boolean")),
    }
}

/// NaN has no sign here: whether LLVM keeps it is not for passes to say.
fn of_float(x: f64) -> Val {
    Val::Float(if x.is_nan() { f64::NAN } else { x }.to_bits())
}

fn has_tag(v: Val, t: u8) -> bool {
    t == match v {
        Val::Nil => tag::NIL,
        Val::Bool(false) => tag::FALSE,
        Val::Bool(true) => tag::TRUE,
        Val::Int(_) => tag::INT,
        Val::Float(_) => tag::FLOAT,
        Val::Table(_) => tag::TABLE,
        Val::Object(_) | Val::Data(_) => return false,
    }
}

impl Machine<'_, '_> {
    fn run(&mut self) -> Result<End, String> {
        let mut at = BlockId::ENTRY;
        let mut steps = 0;
        loop {
            if let Some(entry) = self.f.blocks[at.n()].entry {
                let state = self.state(entry)?;
                self.trace.push(state);
            }
            for n in 0..self.f.blocks[at.n()].insts.len() {
                let v = self.f.blocks[at.n()].insts[n];
                steps += 1;
                if steps > STEPS {
                    return Err("does not end".into());
                }
                let i = self.f.insts[v.n()];
                // A state that needs a table allocated here comes before it.
                if let Some(frame) = i.frame {
                    let state = self.state(frame)?;
                    self.trace.push(state);
                }
                match self
                    .inst(v)
                    .map_err(|e| format!("{}: {e}", self.f.inst_text(v)))?
                {
                    Some(result) => self.values[v.n()] = Some(result),
                    None => {
                        let frame = i.frame.ok_or("only guards fail")?;
                        return Ok(End::Exit(self.state(frame)?));
                    }
                }
            }
            steps += 1;
            if steps > STEPS {
                return Err("does not end".into());
            }
            match self.f.blocks[at.n()].term.clone() {
                Term::Jump(t) => at = self.jump(&t)?,
                Term::Branch { cond, yes, no, .. } => {
                    let t = if truth(self.of(cond)?)? { yes } else { no };
                    at = self.jump(&t)?;
                }
                Term::Exit { frame, .. } => {
                    let state = self.state(frame)?;
                    self.trace.push(state.clone());
                    return Ok(End::Exit(state));
                }
                Term::Return { values, .. } => {
                    let values: Vec<Val> = values
                        .iter()
                        .map(|&v| self.of(v))
                        .collect::<Result<_, _>>()?;
                    return Ok(End::Return(self.seen(&values, &FxHashMap::default())?));
                }
                Term::Open | Term::Leave { .. } => return Err("an end it does not know".into()),
            }
        }
    }

    fn jump(&mut self, t: &Target) -> Result<BlockId, String> {
        let args: Vec<Val> = t
            .args
            .iter()
            .map(|&v| self.of(v))
            .collect::<Result<_, _>>()?;
        for (&p, v) in self.f.blocks[t.block.n()].params.iter().zip(args) {
            self.values[p.n()] = Some(v);
        }
        Ok(t.block)
    }

    fn of(&self, v: V) -> Result<Val, String> {
        self.values[v.n()].ok_or_else(|| format!("{v} was not computed"))
    }

    /// What the interpreter would go on with.
    fn state(&self, id: FrameId) -> Result<String, String> {
        let frame = &self.f.frames[id.n()];
        let mut regs = Vec::new();
        // Objects that were not allocated, by names above all tables.
        let mut sunk = FxHashMap::default();
        let named = |name: V| usize::MAX - name.n();
        for object in frame.sunk {
            let SunkKind::Table { shape, .. } = object.kind else {
                return Err("only tables are known".into());
            };
            let mut fields = Vec::new();
            for &(_, held) in object.parts {
                fields.push(match held {
                    Held::Sunk(name) => Val::Table(named(name)),
                    Held::Value(v) => self.of(v)?,
                    Held::Slot | Held::Cell(_) => return Err("slots are not known".into()),
                });
            }
            let table = Table {
                shape,
                fields,
                ints: Vec::new(),
            };
            sunk.insert(named(object.name), table);
        }
        for &(_, held) in frame.regs {
            regs.push(match held {
                Held::Value(v) => self.of(v)?,
                Held::Sunk(name) => Val::Table(named(name)),
                Held::Slot | Held::Cell(_) => return Err("slots are not known".into()),
            });
        }
        Ok(format!("pc {} {}", frame.pc, self.seen(&regs, &sunk)?))
    }

    /// Values and all that is reachable from there and from outside.
    fn seen(&self, values: &[Val], sunk: &FxHashMap<usize, Table>) -> Result<String, String> {
        let mut seen = Seen {
            order: (0..self.given).collect(),
            text: String::new(),
        };
        for &v in values.iter().chain(&self.captured) {
            seen.write(v);
        }
        let mut n = 0;
        while let Some(&at) = seen.order.get(n) {
            let table = sunk.get(&at).or_else(|| self.tables.get(at));
            let table = table.ok_or("a table that is nowhere")?;
            let _ = write!(seen.text, "/ shape {} {:?} ", table.shape, table.ints);
            for &v in &table.fields {
                seen.write(v);
            }
            n += 1;
        }
        Ok(seen.text)
    }

    fn table(&self, v: V) -> Result<usize, String> {
        match self.of(v)? {
            Val::Table(t) => Ok(t),
            other => Err(format!("{other:?} is no table")),
        }
    }

    /// The elements that argument 0 of `v` points to, and the index that
    /// argument 1 is.
    fn element(&self, args: &[V]) -> Result<(usize, usize), String> {
        let (Val::Data(t), n) = (self.of(args[0])?, int(self.of(args[1])?)?) else {
            return Err("no elements".into());
        };
        match usize::try_from(n) {
            Ok(n) if n < self.tables[t].ints.len() => Ok((t, n)),
            _ => Err(format!("index {n} is outside")),
        }
    }

    /// Runs one instruction: its result, `Nil` if it has none; `None`: it is a
    /// guard that fails.
    fn inst(&mut self, v: V) -> Result<Option<Val>, String> {
        let i = self.f.insts[v.n()];
        let arg = |m: &Self, n: usize| m.of(i.args[n]);
        let ints = |m: &Self| Ok::<_, String>((int(arg(m, 0)?)?, int(arg(m, 1)?)?));
        let floats = |m: &Self| Ok::<_, String>((float(arg(m, 0)?)?, float(arg(m, 1)?)?));
        let when = |b: bool, v: Val| Ok(b.then_some(v));
        Ok(Some(match i.op {
            Op::Int => Val::Int(i.imm as i64),
            Op::Float => of_float(f64::from_bits(i.imm)),
            Op::Nil => Val::Nil,
            Op::Bool => Val::Bool(i.imm != 0),
            Op::Object => Val::Object(i.imm),
            Op::Box => arg(self, 0)?,
            Op::Unbox => {
                let v = arg(self, 0)?;
                match i.ty.tag() {
                    Some(t) if !has_tag(v, t) => return Err(format!("{v:?} is not of the type")),
                    _ => v,
                }
            }
            Op::Is => Val::Bool(has_tag(arg(self, 0)?, i.imm as u8)),
            Op::Truthy => Val::Bool(!matches!(arg(self, 0)?, Val::Nil | Val::Bool(false))),
            Op::Not => Val::Bool(!truth(arg(self, 0)?)?),
            Op::And => Val::Bool(truth(arg(self, 0)?)? && truth(arg(self, 1)?)?),
            Op::Or => Val::Bool(truth(arg(self, 0)?)? || truth(arg(self, 1)?)?),
            Op::Same => Val::Bool(arg(self, 0)? == arg(self, 1)?),
            Op::Select => arg(self, if truth(arg(self, 0)?)? { 1 } else { 2 })?,
            Op::INeg => Val::Int(int(arg(self, 0)?)?.wrapping_neg()),
            Op::INot => Val::Int(!int(arg(self, 0)?)?),
            Op::ToFloat => of_float(int(arg(self, 0)?)? as f64),
            Op::FNeg | Op::FSqrt | Op::FAbs | Op::FFloor | Op::FCeil => {
                let x = float(arg(self, 0)?)?;
                of_float(match i.op {
                    Op::FNeg => -x,
                    Op::FSqrt => x.sqrt(),
                    Op::FAbs => x.abs(),
                    Op::FFloor => x.floor(),
                    _ => x.ceil(),
                })
            }
            Op::FitsInt | Op::ToInt => {
                let x = float(arg(self, 0)?)?;
                match i.op {
                    Op::FitsInt => Val::Bool(to_int(x).is_some()),
                    // May be computed before it is known to fit: then it is
                    // something, which nobody must use.
                    _ => Val::Int(to_int(x).unwrap_or(0x5bad_5bad)),
                }
            }
            Op::FLt | Op::FLe | Op::FEq => {
                let (a, b) = floats(self)?;
                Val::Bool(match i.op {
                    Op::FLt => a < b,
                    Op::FLe => a <= b,
                    _ => a == b,
                })
            }
            Op::FAdd | Op::FSub | Op::FMul | Op::FDiv => {
                let (a, b) = floats(self)?;
                of_float(match i.op {
                    Op::FAdd => a + b,
                    Op::FSub => a - b,
                    Op::FMul => a * b,
                    _ => a / b,
                })
            }
            Op::ILt | Op::ILe | Op::IUlt | Op::IEq => {
                let (a, b) = ints(self)?;
                Val::Bool(match i.op {
                    Op::ILt => a < b,
                    Op::ILe => a <= b,
                    Op::IUlt => (a as u64) < b as u64,
                    _ => a == b,
                })
            }
            Op::IDiv | Op::IMod | Op::UDiv if ints(self)?.1 == 0 => {
                return Err("division by zero".into());
            }
            Op::IAdd
            | Op::ISub
            | Op::IMul
            | Op::IDiv
            | Op::IMod
            | Op::UDiv
            | Op::IAnd
            | Op::IOr
            | Op::IXor
            | Op::IShl => {
                let (a, b) = ints(self)?;
                Val::Int(match i.op {
                    Op::IAdd => a.wrapping_add(b),
                    Op::ISub => a.wrapping_sub(b),
                    Op::IMul => a.wrapping_mul(b),
                    Op::IDiv => arith::int_floor_div(a, b),
                    Op::IMod => arith::int_mod(a, b),
                    Op::UDiv => (a as u64 / b as u64) as i64,
                    Op::IAnd => a & b,
                    Op::IOr => a | b,
                    Op::IXor => a ^ b,
                    _ => arith::shift_left(a, b),
                })
            }
            Op::Guard => return when(truth(arg(self, 0)?)?, Val::Nil),
            Op::GuardIs => {
                let v = arg(self, 0)?;
                return when(has_tag(v, i.imm as u8), v);
            }
            Op::GuardShape => {
                let t = self.table(i.args[0])?;
                let same = Val::Object(self.tables[t].shape) == arg(self, 1)?;
                return when(same, Val::Table(t));
            }
            // No table has a metatable.
            Op::GuardMeta => return when(false, Val::Nil),
            // All elements are integers.
            Op::GuardKind => {
                let t = self.table(i.args[0])?;
                return when(i.imm == u64::from(tag::INT), Val::Table(t));
            }
            Op::GuardIndex => {
                let (n, len) = ints(self)?;
                return when((n as u64) < len as u64, Val::Int(n));
            }
            Op::CapturedLoad => self.captured[i.imm as usize],
            Op::CapturedStore => {
                self.captured[i.imm as usize] = arg(self, 0)?;
                Val::Nil
            }
            Op::Shape => Val::Object(self.tables[self.table(i.args[0])?].shape),
            // Each shape is its own.
            Op::Family => arg(self, 0)?,
            Op::SetShape => {
                let t = self.table(i.args[0])?;
                let Val::Object(shape) = arg(self, 1)? else {
                    return Err("no shape".into());
                };
                self.tables[t].shape = shape;
                Val::Nil
            }
            Op::Field => {
                let t = &self.tables[self.table(i.args[0])?];
                *t.fields.get(i.imm as usize).ok_or("no such field")?
            }
            Op::SetField => {
                let (t, v) = (self.table(i.args[0])?, arg(self, 1)?);
                let fields = &mut self.tables[t].fields;
                match i.imm as usize {
                    n if n < fields.len() => fields[n] = v,
                    n if n == fields.len() && n < ROOM => fields.push(v),
                    n => return Err(format!("no room for field {n}")),
                }
                Val::Nil
            }
            Op::FieldRoom => Val::Int(ROOM as i64),
            Op::Flags | Op::Absent => Val::Int(0),
            Op::ArrLen => Val::Int(self.tables[self.table(i.args[0])?].ints.len() as i64),
            Op::ArrKind => Val::Int(tag::INT.into()),
            Op::ArrData => Val::Data(self.table(i.args[0])?),
            Op::LoadInt => {
                let (t, n) = self.element(i.args)?;
                Val::Int(self.tables[t].ints[n])
            }
            Op::StoreInt => {
                let (t, n) = self.element(i.args)?;
                self.tables[t].ints[n] = int(arg(self, 2)?)?;
                Val::Nil
            }
            Op::NewTable => {
                self.tables.push(Table {
                    shape: 0,
                    fields: Vec::new(),
                    ints: Vec::new(),
                });
                Val::Table(self.tables.len() - 1)
            }
            Op::Barrier | Op::Poll | Op::PollRounds => Val::Nil,
            _ => return Err("an instruction it does not know".into()),
        }))
    }
}

/// Values as they are written, and the tables among them in order.
struct Seen {
    order: Vec<usize>,
    text: String,
}

impl Seen {
    fn write(&mut self, v: Val) {
        let _ = match v {
            Val::Table(t) => {
                let known = self.order.iter().position(|&o| o == t);
                let n = known.unwrap_or_else(|| {
                    self.order.push(t);
                    self.order.len() - 1
                });
                write!(self.text, "T{n} ")
            }
            Val::Float(bits) => write!(self.text, "{bits:x}f "),
            other => write!(self.text, "{other:?} "),
        };
    }
}

/// The integer that a float is.
fn to_int(x: f64) -> Option<i64> {
    let fits =
        x.floor() == x && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x);
    fits.then_some(x as i64)
}
