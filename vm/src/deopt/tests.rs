//! `restore` on maps made by hand: what the interpreter makes of the frames.

use super::*;
use crate::{engine, interp};
use strata_runtime::Vm;
use strata_runtime::frame::{HOST, link_word, write_link};
use strata_runtime::object::ProtoObj;
use strata_runtime::state::VmConfig;
use strata_runtime::value::{NIL, Value, tag};
use strata_spec::Op;
use strata_spec::frame_map::check::Checker;
use strata_spec::frame_map::{
    FrameMap, FrameMaps, FuncId, Loc, Part, Repr, SunkKind, SunkObject, Value as Is, VirtualFrame,
};

/// Slot of the outermost function.
const AT: usize = 64;

/// A VM and the functions that a chunk returns.
struct Fixture {
    vm: Box<Vm>,
    funcs: Vec<Value>,
}

impl Fixture {
    fn new(source: &str) -> Fixture {
        let mut vm = engine::new_vm(&VmConfig::default()).unwrap();
        strata_runtime::stdlib::open_all(&mut vm).unwrap();
        let module = engine::compile_text(&mut vm, source.as_bytes(), b"=test")
            .unwrap()
            .unwrap();
        let main = engine::load_main(&mut vm, std::sync::Arc::new(module)).unwrap();
        let results = engine::call(&mut vm, main, &[]).unwrap();
        let funcs = engine::take_results(&mut vm, results);
        // Nothing collects before a poll: they stay alive.
        Fixture { vm, funcs }
    }

    fn proto(&self, n: usize) -> *mut ProtoObj {
        // SAFETY: the chunk returned closures.
        unsafe { (*self.funcs[n].as_closure()).proto }
    }

    fn spec(&self, n: usize) -> &strata_spec::Proto {
        // SAFETY: the prototype is live as long as the VM.
        unsafe { (*self.proto(n)).spec() }
    }

    /// The pc of the `nth` instruction `op` of function `n`.
    fn pc(&self, n: usize, op: Op, nth: usize) -> u32 {
        let code = &self.spec(n).code;
        let found = (0..code.len()).filter(|&pc| code[pc].op() == Some(op));
        found.clone().nth(nth).expect("the instruction") as u32
    }

    /// The register of a local of function `n`.
    fn reg(&self, n: usize, name: &str) -> u8 {
        // SAFETY: as for `spec`.
        let module = unsafe { &(*self.proto(n)).module };
        let mut locals = self.spec(n).locals.iter();
        let found = locals.rfind(|l| module.str(l.name) == name.as_bytes());
        found.expect("the local").reg
    }

    /// Where the frame of the call in instruction `pc` of function `n` begins.
    fn callee(&self, n: usize, pc: u32) -> u32 {
        u32::from(self.spec(n).code[pc as usize].a()) + 2
    }

    /// The constant of function `n` that is this string.
    fn k(&mut self, n: usize, text: &str) -> u32 {
        // Short strings are interned.
        let text = self.vm.str_value(text.as_bytes()).unwrap();
        // SAFETY: as for `spec`.
        let consts = unsafe { (*self.proto(n)).consts() };
        let found = consts.iter().position(|v| v.raw_eq(text));
        found.expect("the constant") as u32
    }

    /// Restores `map` over a frame of function 0 with these registers, and
    /// runs on.
    fn run(&mut self, map: FrameMap, regs: &[Value], words: &[u64]) -> Vec<Value> {
        let specs: Vec<&strata_spec::Proto> = (0..self.funcs.len()).map(|n| self.spec(n)).collect();
        Checker::new(&specs).check(&map).expect("the map fits");
        let protos: Vec<_> = (0..self.funcs.len()).map(|n| self.proto(n)).collect();
        let mut maps = FrameMaps::new();
        let id = maps.add(map);
        let vm = &mut *self.vm;
        // SAFETY: the slots are the main stack's, of which nothing is in use;
        // the frame is laid out as a host call does it.
        unsafe {
            let base = vm.stack.add(AT + 2);
            for j in 0..200 {
                // What lies there says nothing.
                *vm.stack.add(AT + j) = Value::int(-99);
            }
            *base.sub(2) = self.funcs[0];
            write_link(base, link_word(HOST, 0, 0), std::ptr::null());
            for (j, v) in regs.iter().enumerate() {
                *base.add(j) = *v;
            }
            vm.top = base.add(100);
            let recorded = Recorded::Map {
                maps: &maps,
                id,
                funcs: &protos,
                words,
            };
            restore(vm, base, recorded).unwrap();
            interp::go_on(vm, AT)
        }
    }
}

fn frame(func: u32, pc: u32, base: u32, regs: Vec<(u8, Is)>) -> VirtualFrame {
    VirtualFrame {
        func: FuncId(func),
        closure: None,
        pc,
        base,
        tail: false,
        regs,
    }
}

fn inlined(closure: Is, frame: VirtualFrame) -> VirtualFrame {
    VirtualFrame {
        closure: Some(closure),
        ..frame
    }
}

fn map(frames: Vec<VirtualFrame>, sunk: Vec<SunkObject>) -> FrameMap {
    FrameMap {
        frames,
        sunk,
        waits: false,
    }
}

fn slot(n: u32) -> Is {
    Is::At(Repr::Tagged, Loc::Slot(n))
}

fn ints(values: &[Value]) -> Vec<i64> {
    values.iter().map(|v| v.as_int()).collect()
}

#[test]
fn values_are_boxed_by_their_representation() {
    let mut f = Fixture::new("return function(a, b, c, d, e, f, g) return a, b, c, d, e, f, g end");
    let pc = f.pc(0, Op::Return, 0);
    let i = f.spec(0).code[pc as usize];
    let at = i.a();
    let text = f.vm.str_value(b"text").unwrap();
    let values = [
        Is::At(Repr::Int, Loc::Word(0)),
        Is::At(Repr::Float, Loc::Word(1)),
        Is::At(Repr::Bool, Loc::Word(2)),
        Is::At(Repr::Tagged, Loc::Word(3)),
        Is::At(Repr::Str, Loc::Word(5)),
        // Registers that change places.
        slot(6),
        slot(5),
    ];
    let mut regs: Vec<(u8, Is)> = (0..7).map(|r| (r, Is::Nil)).collect();
    regs.extend((0..7).map(|n| (at + n, values[usize::from(n)])));
    let words = [7, 0.5f64.to_bits(), 1, u64::from(tag::INT), 9, text.payload];
    let held: Vec<Value> = (0..7).map(Value::int).collect();
    let got = f.run(map(vec![frame(0, pc, 0, regs)], vec![]), &held, &words);
    let expected = [
        Value::int(7),
        Value::float(0.5),
        Value::bool(true),
        Value::int(9),
        text,
        Value::int(6),
        Value::int(5),
    ];
    assert!(
        got.iter().zip(expected).all(|(a, b)| a.raw_eq(b)) && got.len() == 7,
        "{got:?}"
    );
}

#[test]
fn known_values_need_no_place() {
    let mut f = Fixture::new("return function(a, b, c, d, e) return a, b, c, d, e, 'k' end");
    let pc = f.pc(0, Op::Return, 0);
    let at = f.spec(0).code[pc as usize].a();
    let k = f.k(0, "k");
    let values = [
        Is::Nil,
        Is::Bool(false),
        Is::Int(-3),
        Is::Float(1.5f64.to_bits()),
        Is::Int(i64::MIN),
        Is::Const(k),
    ];
    let mut regs: Vec<(u8, Is)> = (0..5).map(|r| (r, Is::Nil)).collect();
    regs.extend((0..6).map(|n| (at + n, values[usize::from(n)])));
    let got = f.run(map(vec![frame(0, pc, 0, regs)], vec![]), &[], &[]);
    assert!(got[0].raw_eq(NIL) && got[1].raw_eq(Value::bool(false)));
    assert_eq!((got[2].as_int(), got[4].as_int()), (-3, i64::MIN));
    assert!(got[3].raw_eq(Value::float(1.5)));
    assert_eq!(got[5].tag, tag::STR);
}

const NESTED: &str = "local function h(x) return x + 1 end \
    local function g(x, y) local t = {x, n = y} local s = h(t[1]) return s, t.n end \
    local function f(a) local r, q = g(a, 5) return r * 10, q end return f, g, h";

#[test]
fn three_frames_with_links_and_a_sunk_table() {
    let mut f = Fixture::new(NESTED);
    // The main function's locals are upvalues of f and g: closures come from
    // the functions' upvalue cells, here named by the values themselves.
    let (call_g, call_h) = (f.pc(0, Op::Call, 0), f.pc(1, Op::Call, 0));
    let base_g = f.callee(0, call_g);
    let base_h = base_g + f.callee(1, call_h);
    let (g, h) = (f.funcs[1].payload, f.funcs[2].payload);
    let (x, y, t) = (f.reg(1, "x"), f.reg(1, "y"), f.reg(1, "t"));
    let add = f.pc(2, Op::AddI, 0);
    let site = 0;
    let slots = &f.spec(1).slots;
    let site = slots
        .iter()
        .position(|k| *k == strata_spec::module::SlotKind::Site)
        .unwrap_or(site) as u16;
    let n = f.k(1, "n");
    let closure = |word| Is::At(Repr::Closure, Loc::Word(word));
    let frames = vec![
        frame(0, call_g, 0, vec![(0, slot(0))]),
        inlined(
            closure(0),
            frame(
                1,
                call_h,
                base_g,
                vec![(x, slot(0)), (y, Is::Int(5)), (t, Is::Sunk(0))],
            ),
        ),
        inlined(
            closure(1),
            frame(2, add, base_h, vec![(0, Is::At(Repr::Int, Loc::Word(2)))]),
        ),
    ];
    let sunk = vec![SunkObject {
        kind: SunkKind::Table {
            func: FuncId(1),
            slot: site,
        },
        parts: vec![(Part::Index(1), slot(0)), (Part::Field(n), Is::Int(5))],
    }];
    let got = f.run(map(frames, sunk), &[Value::int(4)], &[g, h, 4]);
    assert_eq!(ints(&got), [50, 5]);
}

#[test]
fn closures_share_cells_open_upvalues_and_upvalues_of_frames() {
    let mut f = Fixture::new(
        "local outer = 100 \
         local function f(a) \
           local function get() return a + outer end \
           local function set(v) a = v outer = outer + 1 end \
           set(7) \
           return get(), a, outer \
         end \
         return f",
    );
    let pc = f.pc(0, Op::Call, 0);
    let (get, set) = (f.reg(0, "get"), f.reg(0, "set"));
    let code = f.spec(0).code[pc as usize];
    let callee = code.a();
    let closure_of = |child: u32, parts| SunkObject {
        kind: SunkKind::Closure {
            func: FuncId(0),
            child,
        },
        parts,
    };
    let up = |n: u32, k: u16| (Part::Index(n), Is::Sunk(k));
    let sunk = vec![
        closure_of(0, vec![up(0, 2), up(1, 3)]),
        closure_of(1, vec![up(0, 2), up(1, 3)]),
        SunkObject {
            kind: SunkKind::Open { frame: 0, reg: 0 },
            parts: vec![],
        },
        SunkObject {
            kind: SunkKind::Upval { frame: 0, upval: 0 },
            parts: vec![],
        },
    ];
    let mut regs = vec![
        (0, slot(0)),
        (get, Is::Sunk(0)),
        (set, Is::Sunk(1)),
        (callee, Is::Sunk(1)),
        (callee + 2, Is::Int(7)),
    ];
    regs.sort_by_key(|r| r.0);
    regs.dedup_by_key(|r| r.0);
    let got = f.run(
        map(vec![frame(0, pc, 0, regs)], sunk),
        &[Value::int(1)],
        &[],
    );
    assert_eq!(ints(&got), [108, 7, 101]);
}

#[test]
fn objects_refer_to_each_other_in_circles() {
    let mut f = Fixture::new(
        "return function() local a = {} local b = {other = a} a.other = b \
         return a.other.other == a, b.other.other == b, a ~= b end",
    );
    let pc = f.pc(0, Op::GetField, 0);
    let k = f.k(0, "other");
    let sites: Vec<u16> = (0..)
        .zip(&f.spec(0).slots)
        .filter(|(_, k)| **k == strata_spec::module::SlotKind::Site)
        .map(|(n, _)| n)
        .collect();
    let table = |slot, other| SunkObject {
        kind: SunkKind::Table {
            func: FuncId(0),
            slot,
        },
        parts: vec![(Part::Field(k), Is::Sunk(other))],
    };
    let sunk = vec![table(sites[0], 1), table(sites[1], 0)];
    let (a, b) = (f.reg(0, "a"), f.reg(0, "b"));
    let regs = vec![(a, Is::Sunk(0)), (b, Is::Sunk(1))];
    let got = f.run(map(vec![frame(0, pc, 0, regs)], sunk), &[], &[]);
    assert!(got.len() == 3 && got.iter().all(|v| v.raw_eq(Value::bool(true))));
}

#[test]
fn an_inlined_vararg_function_has_its_arguments() {
    let mut f = Fixture::new(
        "local function g(x, ...) local n = select('#', ...) local a, b = ... return n, a, b, x end \
         local function f() return (function(...) return ... end)(g(1, 2, 3)) end \
         local function plain() local a, b, c, d = g(1, 2, 3) return d, c, b, a end \
         return plain, g",
    );
    let call = f.pc(0, Op::Call, 0);
    let at = f.callee(0, call);
    // Original frame: 3 arguments; the moved one lies above.
    let moved = at + 3 + 2;
    let prep = f.pc(1, Op::VarargPrep, 0);
    let frames = vec![
        frame(0, call, 0, vec![]),
        inlined(
            Is::At(Repr::Closure, Loc::Word(0)),
            frame(1, prep + 1, moved, vec![(0, Is::Int(1))]),
        ),
    ];
    let sunk = vec![SunkObject {
        kind: SunkKind::Varargs { frame: 1 },
        parts: vec![
            (Part::Index(0), Is::Int(2)),
            (Part::Index(1), Is::At(Repr::Int, Loc::Word(1))),
        ],
    }];
    let g = f.funcs[1].payload;
    let got = f.run(map(frames, sunk), &[], &[g, 3]);
    assert_eq!(ints(&got), [1, 3, 2, 2]);
}

#[test]
fn an_error_in_rebuilt_frames_has_a_traceback() {
    let mut f = Fixture::new(NESTED);
    let (call_g, call_h) = (f.pc(0, Op::Call, 0), f.pc(1, Op::Call, 0));
    let base_g = f.callee(0, call_g);
    let frames = [
        frame(0, call_g, 0, vec![(0, slot(0))]),
        frame(1, call_h, base_g, vec![]),
    ];
    assert!(frames[1].base > frames[0].base);
    // The links say who called whom, with the call's line.
    let (x, y, t) = (f.reg(1, "x"), f.reg(1, "y"), f.reg(1, "t"));
    let g = f.funcs[1].payload;
    let regs = vec![(x, slot(0)), (y, Is::Int(5)), (t, Is::Nil)];
    let live: Vec<(u8, Is)> = regs;
    let mut maps = FrameMaps::new();
    let id = maps.add(map(
        vec![
            frames[0].clone(),
            inlined(
                Is::At(Repr::Closure, Loc::Word(0)),
                frame(1, call_h + 1, base_g, live),
            ),
        ],
        vec![],
    ));
    let protos: Vec<_> = (0..2).map(|n| f.proto(n)).collect();
    let vm = &mut *f.vm;
    // SAFETY: as in `Fixture::run`.
    unsafe {
        let base = vm.stack.add(AT + 2);
        *base.sub(2) = f.funcs[0];
        write_link(base, link_word(HOST, 0, 0), std::ptr::null());
        *base = Value::int(1);
        vm.top = base.add(100);
        let recorded = Recorded::Map {
            maps: &maps,
            id,
            funcs: &protos,
            words: &[g],
        };
        restore(vm, base, recorded).unwrap();
        let frames: Vec<_> = (0..2).map(|n| vm.frame_at(n).unwrap()).collect();
        assert!(frames[0].func().raw_eq(f.funcs[1]));
        assert!(frames[1].func().raw_eq(f.funcs[0]));
        assert_eq!(frames[1].current_pc(), Some(call_g));
        assert_eq!(frames[0].current_pc(), Some(call_h));
    }
}

#[test]
fn sites_have_maps_that_fit() {
    let f = Fixture::new(NESTED);
    for n in 0..3 {
        let spec = f.spec(n);
        let exits = (0..spec.code.len() as u32).filter(|&pc| {
            spec.code[pc as usize]
                .op()
                .is_some_and(|op| op != Op::VarargPrep)
        });
        let sites: Vec<Site> = exits.map(|pc| Site::new(pc, SiteKind::Exit)).collect();
        check_sites(spec, &sites).unwrap();
    }
    let call = Site::new(f.pc(1, Op::Call, 0), SiteKind::Call);
    assert_eq!((call.kind(), call.waits()), (SiteKind::Call, true));
    // SAFETY: the prototype is live.
    let text = call.map_text(unsafe { &*f.proto(1) });
    let t = f.reg(1, "t");
    assert!(text.starts_with("frame f0 in pc"), "{text}");
    assert!(text.contains(&format!("r{t} = tagged [{t}]")), "{text}");
}
