//! Modules for tests: one that uses most of the format and is safe to run,
//! and a generator of modules of every shape, most of them nonsense.

use crate::insn::{Insn, MAX_JUMP, MAX_K};
use crate::module::*;
use crate::op::{Ext, OP_COUNT, Op, Role};
use proptest::prelude::*;
use smallvec::smallvec;

/// A module that verifies: varargs, loops of both kinds, a captured register,
/// a to-be-closed variable, open results, a child, debug data.
pub(crate) fn rich() -> Module {
    let code = vec![
        Insn::abc(Op::VarargPrep, 0, 0, 0),
        Insn::ad(Op::LoadI, 0, 10),
        Insn::abc(Op::Closure, 1, 0, 0).with_u32(0),
        Insn::abc(Op::GetTabUp, 2, 0, 0).with_slot(0, 0),
        Insn::abc(Op::Vararg, 4, 0, 0),
        Insn::abc(Op::Call, 2, 0, 1).with_slot(1, 0),
        Insn::ad(Op::LoadI, 2, 1),
        Insn::ad(Op::LoadI, 3, 3),
        Insn::ad(Op::LoadI, 4, 1),
        Insn::abc(Op::ForPrep, 2, 0, 0).with_jump(2),
        Insn::abc(Op::AddK, 0, 0, 0).with_k(1),
        Insn::abc(Op::ForLoop, 2, 0, 0).with_jump(-2),
        Insn::abc(Op::LoadNil, 2, 3, 0),
        Insn::abc(Op::TForPrep, 2, 0, 0).with_jump(1),
        Insn::abc(Op::JFalse, 6, 0, 0).with_jump(0),
        Insn::abc(Op::TForCall, 2, 0, 1),
        Insn::abc(Op::TForLoop, 2, 0, 0).with_jump(-3),
        Insn::abc(Op::Close, 2, 0, 0),
        Insn::abc(Op::NewTable, 2, 0, 1).with_slot(2, 4),
        Insn::abc(Op::Call, 1, 1, 0).with_slot(1, 0),
        Insn::abc(Op::ReturnClose, 0, 0, 0),
    ];
    let block = |pc, loop_header, defined| Block {
        pc,
        loop_header,
        defined,
        ..Block::default()
    };
    let in_loop = |pc, loop_header, defined| Block {
        tbc: smallvec![5],
        ..block(pc, loop_header, defined)
    };
    let name = StrId(2);
    let main = Proto {
        source: Some(StrId(3)),
        vararg: true,
        regs: 12,
        consts: vec![
            Const::Str(StrId(0)),
            Const::Float(0.5),
            Const::Int(i64::MIN),
            Const::Nil,
            Const::True,
            Const::False,
        ],
        upvals: vec![UpvalDesc {
            from_register: false,
            index: 0,
            read_only: false,
            name: Some(StrId(1)),
        }],
        children: vec![ProtoId(1)],
        captured: RegSet::single(0),
        slots: vec![SlotKind::Field, SlotKind::Call, SlotKind::Site],
        blocks: vec![
            block(10, true, 6),
            block(12, false, 2),
            in_loop(14, true, 7),
            in_loop(15, false, 6),
        ],
        locals: vec![LocalVar {
            name,
            reg: 0,
            start: 2,
            end: code.len() as u32,
        }],
        positions: (0..code.len() as u32)
            .map(|pc| Pos {
                line: 1 + pc / 3,
                column: 1 + pc * 7 % 20,
            })
            .collect(),
        hints: vec![
            Hint {
                pc: 5,
                reg: 2,
                kind: HintKind::Global,
                name: StrId(0),
            },
            Hint {
                pc: 10,
                reg: 255,
                kind: HintKind::Constant,
                name,
            },
            Hint {
                pc: 10,
                reg: 0,
                kind: HintKind::Local,
                name,
            },
        ],
        code,
        ..Proto::default()
    };
    let child = Proto {
        source: Some(StrId(3)),
        line_defined: 3,
        last_line_defined: 5,
        params: 2,
        regs: 4,
        code: vec![
            Insn::abc(Op::GetUpval, 2, 0, 0),
            Insn::abc(Op::Add, 2, 2, 1),
            Insn::abc(Op::SetUpval, 2, 0, 0),
            Insn::abc(Op::Return1, 2, 0, 0),
        ],
        upvals: vec![UpvalDesc {
            from_register: true,
            index: 0,
            read_only: false,
            name: Some(name),
        }],
        ..Proto::default()
    };
    Module {
        strings: vec![
            b"print"[..].into(),
            b"_ENV"[..].into(),
            b"n\xff\0\n\"\\\xc3\xa9"[..].into(),
            b"@rich.lua"[..].into(),
        ],
        protos: vec![main, child],
    }
}

/// Any instruction whose unused operands are 0.
pub(crate) fn insn() -> impl Strategy<Value = Insn> {
    (0..OP_COUNT as u8, any::<[u8; 3]>(), any::<u32>()).prop_map(|(byte, [a, b, c], x)| {
        let op = Op::from_u8(byte).expect("the byte is below the count");
        let info = op.info();
        let keep = |role: Role, value: u8| if role == Role::No { 0 } else { value };
        let insn = Insn::abc(op, keep(info.a, a), keep(info.b, b), keep(info.c, c));
        match info.ext {
            Ext::None => insn,
            Ext::Jump => insn.with_jump((x as i32) % MAX_JUMP),
            Ext::K => insn.with_k(x % MAX_K),
            Ext::Key | Ext::Slot | Ext::U32 => insn.with_u32(x),
        }
    })
}

fn id() -> impl Strategy<Value = StrId> {
    prop_oneof![0..8u32, any::<u32>()].prop_map(StrId)
}

fn list<S: Strategy>(item: S) -> impl Strategy<Value = Vec<S::Value>> {
    prop::collection::vec(item, 0..6)
}

fn constant() -> impl Strategy<Value = Const> {
    prop_oneof![
        Just(Const::Nil),
        Just(Const::False),
        Just(Const::True),
        any::<i64>().prop_map(Const::Int),
        // Bits of a NaN are compared through the container; see `same`.
        any::<u64>().prop_map(|bits| Const::Float(f64::from_bits(bits))),
        prop::num::f64::ANY.prop_map(Const::Float),
        id().prop_map(Const::Str),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    (
        prop_oneof![0..12u32, any::<u32>()],
        any::<bool>(),
        any::<u8>(),
        list(any::<u8>()),
        any::<Option<u8>>(),
    )
        .prop_map(|(pc, loop_header, defined, tbc, open)| Block {
            pc,
            loop_header,
            defined,
            tbc: tbc.into(),
            open,
        })
}

fn upval() -> impl Strategy<Value = UpvalDesc> {
    (
        any::<bool>(),
        any::<u8>(),
        any::<bool>(),
        prop::option::of(id()),
    )
        .prop_map(|(from_register, index, read_only, name)| UpvalDesc {
            from_register,
            index,
            read_only,
            name,
        })
}

fn debug() -> impl Strategy<Value = (Vec<LocalVar>, Vec<Pos>, Vec<Hint>, bool)> {
    let local =
        (id(), any::<u8>(), any::<u32>(), any::<u32>()).prop_map(|(name, reg, start, end)| {
            LocalVar {
                name,
                reg,
                start,
                end,
            }
        });
    let position = prop_oneof![
        (0..50u32, 0..90u32).prop_map(|(line, column)| Pos { line, column }),
        any::<(u32, u32)>().prop_map(|(line, column)| Pos { line, column }),
    ];
    let kind = prop_oneof![
        Just(HintKind::Local),
        Just(HintKind::Upvalue),
        Just(HintKind::Global),
        Just(HintKind::Field),
        Just(HintKind::Method),
        Just(HintKind::Constant),
    ];
    let hint = (prop_oneof![0..8u32, any::<u32>()], any::<u8>(), kind, id()).prop_map(
        |(pc, reg, kind, name)| Hint {
            pc,
            reg,
            kind,
            name,
        },
    );
    (
        list(local),
        prop::collection::vec(position, 8),
        list(hint),
        any::<bool>(),
    )
}

fn proto() -> impl Strategy<Value = Proto> {
    let head = (
        prop::option::of(id()),
        any::<(u32, u32, u8, bool, u8)>(),
        prop_oneof![Just([0u64; 4]), any::<[u64; 4]>()],
    );
    let kinds = prop_oneof![
        Just(SlotKind::Field),
        Just(SlotKind::Call),
        Just(SlotKind::Site)
    ];
    let lists = (
        list(insn()),
        list(constant()),
        list(upval()),
        list(any::<u32>()),
        list(kinds),
        list(block()),
    );
    (head, lists, debug()).prop_map(|(head, lists, debug)| {
        let (source, (line_defined, last_line_defined, params, vararg, regs), captured) = head;
        let annotation = Annotation::from_u8(params % 7).unwrap_or_default();
        let (code, consts, upvals, children, slots, mut blocks) = lists;
        let (locals, mut positions, mut hints, tidy) = debug;
        if tidy {
            blocks.sort_by_key(|b| b.pc);
            hints.sort_by_key(|h| h.pc);
            positions.truncate(code.len());
        }
        Proto {
            source,
            line_defined,
            last_line_defined,
            params,
            vararg,
            annotation,
            regs,
            code,
            consts,
            upvals,
            children: children.into_iter().map(ProtoId).collect(),
            captured: RegSet(captured),
            slots,
            blocks,
            locals,
            positions,
            hints,
        }
    })
}

/// Modules of every shape; hardly any verifies.
pub(crate) fn module() -> impl Strategy<Value = Module> {
    let string = prop_oneof![
        list(any::<u8>()),
        "[a-z\\PC]{0,6}".prop_map(String::into_bytes)
    ];
    (list(string), prop::collection::vec(proto(), 0..4)).prop_map(|(strings, protos)| Module {
        strings: strings.into_iter().map(Into::into).collect(),
        protos,
    })
}

/// Equality that also holds for NaN constants of the same bits.
pub(crate) fn same(a: &Module, b: &Module) -> bool {
    let bits = |m: &Module| -> Vec<u64> {
        m.protos
            .iter()
            .flat_map(|p| &p.consts)
            .map(|c| match *c {
                Const::Float(f) => f.to_bits(),
                _ => 0,
            })
            .collect()
    };
    let plain = |m: &Module| {
        let mut m = m.clone();
        for c in m.protos.iter_mut().flat_map(|p| &mut p.consts) {
            if let Const::Float(f) = c {
                *f = 0.0;
            }
        }
        m
    };
    bits(a) == bits(b) && plain(a) == plain(b)
}
