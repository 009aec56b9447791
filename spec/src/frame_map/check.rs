//! Whether a frame map fits the bytecode it claims to rebuild.
//!
//! A map that lacks a live register makes the interpreter read garbage after
//! an exit, in rare runs only. So every map is compared with an analysis of
//! the bytecode that knows nothing of the compiler's.

use super::codec::fault;
use super::{FrameMap, FuncId, Part, Repr, SunkKind, Value, VirtualFrame};
use crate::effects::{defined_before, defined_during, open_before};
use crate::liveness::Liveness;
use crate::module::{Const, Proto, RegSet, SlotKind};
use crate::op::Op;
use std::collections::HashMap;
use std::fmt;

/// Why a map does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameMapError {
    /// Position of the frame in the map, if one is to blame.
    pub frame: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for FrameMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Some(n) => write!(f, "frame {n}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for FrameMapError {}

/// Checks maps against the functions a piece of code is made of, and keeps
/// their liveness between maps.
pub struct Checker<'p> {
    funcs: &'p [&'p Proto],
    liveness: HashMap<FuncId, Liveness>,
}

impl<'p> Checker<'p> {
    /// A checker for code made of these verified functions, by [`FuncId`].
    pub fn new(funcs: &'p [&'p Proto]) -> Self {
        Checker {
            funcs,
            liveness: HashMap::new(),
        }
    }

    /// Checks one map.
    pub fn check(&mut self, map: &FrameMap) -> Result<(), FrameMapError> {
        let whole = |what| FrameMapError { frame: None, what };
        if let Some(fault) = fault(map) {
            return Err(whole(fault));
        }
        let last = map.frames.len() - 1;
        let mut base = 0;
        for (n, frame) in map.frames.iter().enumerate() {
            let at = |what| FrameMapError {
                frame: Some(n),
                what,
            };
            if frame.base < base {
                return Err(at(format!("base {} below {base}", frame.base)));
            }
            base = frame.base;
            if frame.closure.is_some() != (n > 0) {
                return Err(at(if n > 0 {
                    "an inlined frame without its closure".into()
                } else {
                    "the outermost frame's closure is given".into()
                }));
            }
            let waits = map.waits || n < last;
            self.frame(frame, waits, n < last).map_err(at)?;
        }
        for object in &map.sunk {
            self.object(object, map).map_err(whole)?;
        }
        let values = map
            .frames
            .iter()
            .flat_map(|f| f.closure.into_iter().chain(f.regs.iter().map(|r| r.1)));
        upvalues_are_no_values(values, map).map_err(whole)
    }

    fn proto(&self, func: FuncId) -> Result<&'p Proto, String> {
        self.funcs
            .get(func.0 as usize)
            .copied()
            .ok_or_else(|| format!("function {} of {}", func.0, self.funcs.len()))
    }

    /// `waits`: for a call; `inlined`: which the map's next frame is.
    fn frame(&mut self, frame: &VirtualFrame, waits: bool, inlined: bool) -> Result<(), String> {
        let proto = self.proto(frame.func)?;
        if frame.pc as usize >= proto.code.len() {
            return Err(format!("pc {} of {}", frame.pc, proto.code.len()));
        }
        let op = proto.code.get(frame.pc as usize).and_then(|i| i.op());
        if inlined && !op.is_some_and(calls) {
            return Err(format!("pc {} calls nothing", frame.pc));
        }
        let liveness = self
            .liveness
            .entry(frame.func)
            .or_insert_with(|| Liveness::of(proto));
        let (live, defined) = if waits {
            (
                liveness.during(proto, frame.pc),
                defined_during(proto, frame.pc),
            )
        } else {
            (
                liveness.before(proto, frame.pc),
                defined_before(proto, frame.pc),
            )
        };
        // What is taken from a call before it lies above everything else.
        let open = open_before(&proto.code, frame.pc).filter(|_| !waits);
        let given: RegSet = frame.regs.iter().map(|r| r.0).collect();
        let given = match open.map(usize::from) {
            Some(first) => {
                let taken = given.minus(&RegSet::below(first));
                if taken != RegSet::range(first, first + taken.len()) {
                    return Err(format!("a gap in the open values of pc {}", frame.pc));
                }
                given.minus(&taken)
            }
            None => given,
        };
        if let Some(reg) = live.minus(&given).first() {
            return Err(format!("live register {reg} is missing at pc {}", frame.pc));
        }
        if let Some(reg) = given.minus(&defined).first() {
            return Err(format!("register {reg} holds nothing at pc {}", frame.pc));
        }
        let values = frame.regs.iter().map(|r| r.1);
        values
            .chain(frame.closure)
            .try_for_each(|v| value(proto, v))
    }

    fn object(&self, object: &super::SunkObject, map: &FrameMap) -> Result<(), String> {
        let proto = match object.kind {
            SunkKind::Table { func, slot } => {
                let proto = self.proto(func)?;
                if proto.slots.get(slot as usize) != Some(&SlotKind::Site) {
                    return Err(format!("slot {slot} is no allocation site"));
                }
                proto
            }
            SunkKind::Closure { func, child } => {
                let proto = self.proto(func)?;
                if child as usize >= proto.children.len() {
                    return Err(format!("child {child} of {}", proto.children.len()));
                }
                proto
            }
            SunkKind::Varargs { frame } => {
                let at = usize::from(frame);
                if at == 0 || !self.proto(map.frames[at].func)?.vararg {
                    return Err(format!("extra arguments of frame {frame}"));
                }
                // Below its registers: arguments, a link, and the closure twice.
                let proto = self.proto(map.frames[at].func)?;
                let below = u32::from(proto.params) + object.parts.len() as u32 + 4;
                if map.frames[at].base - map.frames[at - 1].base < below {
                    return Err(format!("no room for the arguments of frame {frame}"));
                }
                self.proto(FuncId(0))?
            }
            SunkKind::Cell => {
                if !matches!(object.parts[..], [(Part::Index(0), _)]) {
                    return Err("a cell has part 0 and no other".into());
                }
                self.proto(FuncId(0))?
            }
            SunkKind::Open { frame, reg } => {
                let proto = self.proto(map.frames[usize::from(frame)].func)?;
                if !proto.captured.contains(reg) {
                    return Err(format!("an upvalue of register {reg}, which none captures"));
                }
                proto
            }
            SunkKind::Upval { frame, upval } => {
                let proto = self.proto(map.frames[usize::from(frame)].func)?;
                if usize::from(upval) >= proto.upvals.len() {
                    return Err(format!("upvalue {upval} of {}", proto.upvals.len()));
                }
                proto
            }
        };
        if matches!(object.kind, SunkKind::Open { .. } | SunkKind::Upval { .. })
            && !object.parts.is_empty()
        {
            return Err("an upvalue with parts".into());
        }
        if !matches!(object.kind, SunkKind::Closure { .. }) {
            upvalues_are_no_values(object.parts.iter().map(|p| p.1), map)?;
        }
        let main = self.proto(FuncId(0))?;
        for &(part, v) in &object.parts {
            match (part, object.kind) {
                (Part::Field(k), SunkKind::Table { .. }) => {
                    if !matches!(proto.consts.get(k as usize), Some(Const::Str(_))) {
                        return Err(format!("constant {k} is no field name"));
                    }
                }
                (Part::Field(k), _) => return Err(format!("a field k{k} of no table")),
                (Part::Meta, SunkKind::Table { .. }) => {
                    if !matches!(v, Value::At(Repr::Table, _)) {
                        return Err("a metatable that is no table".into());
                    }
                }
                (Part::Meta, _) => return Err("a metatable of no table".into()),
                (Part::Index(_), _) => {}
            }
            value(main, v)?;
        }
        Ok(())
    }
}

/// Whether instructions of this opcode call functions whose frames can be told:
/// themselves, or metamethods. `self` and `concat` write registers before.
fn calls(op: Op) -> bool {
    matches!(
        op,
        Op::Call
            | Op::TForCall
            | Op::Len
            | Op::GetTabUp
            | Op::SetTabUp
            | Op::GetField
            | Op::SetField
            | Op::GetIndex
            | Op::SetIndex
            | Op::GetIndexI
            | Op::SetIndexI
            | Op::JEq
            | Op::JNe
            | Op::JLt
            | Op::JNotLt
            | Op::JLe
            | Op::JNotLe
            | Op::Add
            | Op::AddI
            | Op::AddK
            | Op::Sub
            | Op::SubK
            | Op::Mul
            | Op::MulK
            | Op::Div
            | Op::DivK
            | Op::IDiv
            | Op::IDivK
            | Op::Mod
            | Op::ModK
            | Op::Pow
            | Op::PowK
            | Op::BAnd
            | Op::BAndK
            | Op::BOr
            | Op::BOrK
            | Op::BXor
            | Op::BXorK
            | Op::Shl
            | Op::ShlK
            | Op::Shr
            | Op::ShrK
            | Op::Unm
            | Op::BNot
    )
}

/// Only closures refer to upvalues.
fn upvalues_are_no_values(
    mut values: impl Iterator<Item = Value>,
    map: &FrameMap,
) -> Result<(), String> {
    let found = values.find(|v| match *v {
        Value::Sunk(n) => map.sunk[usize::from(n)].kind.is_upvalue(),
        Value::At(Repr::Upval, _) => true,
        _ => false,
    });
    match found {
        Some(v) => Err(format!("{v} is an upvalue, no value")),
        None => Ok(()),
    }
}

fn value(proto: &Proto, value: Value) -> Result<(), String> {
    match value {
        Value::Const(k) if k as usize >= proto.consts.len() => {
            Err(format!("constant {k} of {}", proto.consts.len()))
        }
        // A tagged value's payload is the word after its tag.
        Value::At(Repr::Tagged, super::Loc::Word(u16::MAX)) => {
            Err("a tagged value in the buffer's last word".into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::super::{Loc, SunkObject};
    use super::*;
    use crate::asm::assemble;

    fn funcs() -> Vec<Proto> {
        let text = "strata 1\n.proto\n.params 2\n.regs 8\n.captured r1\n.slot call\n.child 1\n.code\n\
                    move r2 r0\nmove r4 r1\ncall r2 1 1 s0\nadd r0 r1 r2\nreturnclose r0 1\n.end\n\
                    .proto\n.params 3\n.regs 4\n.slot site\n.const \"x\"\n.code\n\
                    add r3 r0 r2\nsetindex r1 r0 r3\nreturn1 r1\n.end\n";
        let module = assemble(text).unwrap_or_else(|e| panic!("{e}"));
        crate::verify::verify(&module).unwrap_or_else(|e| panic!("{e}"));
        module.protos
    }

    fn check(edit: impl FnOnce(&mut FrameMap)) -> Result<(), String> {
        let protos = funcs();
        let funcs: Vec<&Proto> = protos.iter().collect();
        let mut map = sample();
        edit(&mut map);
        let mut checker = Checker::new(&funcs);
        checker.check(&map).map_err(|e| e.to_string())
    }

    fn fails(what: &str, edit: impl FnOnce(&mut FrameMap)) {
        let error = check(edit).expect_err(what);
        assert!(error.contains(what), "{error}");
    }

    #[test]
    fn the_sample_fits() {
        check(|_| ()).unwrap_or_else(|e| panic!("{e}"));
        // More than is live, as long as it is defined.
        check(|m| m.frames[0].regs.insert(0, (0, Value::Nil))).unwrap_or_else(|e| panic!("{e}"));
    }

    #[test]
    fn misfits() {
        fails("frame 0: live register 1 is missing", |m| {
            m.frames[0].regs.clear();
        });
        fails("frame 1: live register 2 is missing", |m| {
            m.frames[1].regs.pop();
        });
        fails("register 3 holds nothing", |m| {
            m.frames[1].regs.push((3, Value::Nil));
        });
        fails("register 2 holds nothing", |m| {
            m.frames[0].regs.push((2, Value::Nil));
        });
        fails("pc 9 of 3", |m| m.frames[1].pc = 9);
        fails("function 7 of 2", |m| m.frames[1].func = FuncId(7));
        fails("base 0 below 4", |m| {
            m.frames[0].base = 4;
            m.frames[1].base = 0;
        });
        fails("without frames", |m| m.frames.clear());
        fails("sunk object 5 of 3", |m| {
            m.frames[1].regs[1].1 = Value::Sunk(5);
        });
        fails("do not ascend", |m| m.frames[1].regs.swap(0, 1));
        fails("constant 4 of 1", |m| {
            m.frames[1].regs[1].1 = Value::Const(4);
        });
        fails("last word", |m| {
            m.frames[1].regs[1].1 = Value::At(Repr::Tagged, Loc::Word(u16::MAX));
        });
        fails("no allocation site", |m| {
            m.sunk[0].kind = SunkKind::Table {
                func: FuncId(0),
                slot: 0,
            };
        });
        fails("no field name", |m| {
            m.sunk[0].parts[1].0 = Part::Field(1);
        });
        fails("child 1 of 1", |m| {
            m.sunk[1].kind = SunkKind::Closure {
                func: FuncId(0),
                child: 1,
            };
        });
        fails("extra arguments of frame 2", |m| {
            m.sunk.push(SunkObject {
                kind: SunkKind::Varargs { frame: 2 },
                parts: vec![],
            });
        });
        fails("extra arguments of frame 1", |m| {
            m.sunk.push(SunkObject {
                kind: SunkKind::Varargs { frame: 1 },
                parts: vec![],
            });
        });
        fails("pc 1 calls nothing", |m| m.frames[0].pc = 1);
        fails("without its closure", |m| m.frames[1].closure = None);
        fails("closure is given", |m| {
            m.frames[0].closure = Some(Value::Sunk(1));
        });
        fails("which none captures", |m| {
            m.sunk[2].kind = SunkKind::Open { frame: 0, reg: 0 };
        });
        fails("upvalue 3 of 0", |m| {
            m.sunk[2].kind = SunkKind::Upval { frame: 1, upval: 3 };
        });
        fails("a cell has part 0", |m| m.sunk[2].kind = SunkKind::Cell);
        fails("#2 is an upvalue", |m| {
            m.frames[1].regs[1].1 = Value::Sunk(2);
        });
        fails("an upvalue with parts", |m| {
            m.sunk[2].parts.push((Part::Index(0), Value::Nil));
        });
        fails("of no table", |m| {
            m.sunk[1].parts[0].0 = Part::Field(0);
        });
    }
}
