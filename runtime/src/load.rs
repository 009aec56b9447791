//! From a verified module to prototypes in the heap.

use crate::error::Result;
use crate::feedback::FeedbackSlot;
use crate::object::{Closure, GcHeader, Str, kind};
use crate::proto::{LoadedModule, ProtoObj, ProtoStorage};
use crate::state::Vm;
use crate::value::{NIL, Value};
use std::sync::Arc;
use strata_spec::module::Const;
use strata_spec::{Module, ProtoId};

/// Loads a module that the verifier has accepted, and returns its main
/// prototype. Nothing is executed.
///
/// # Errors
/// Out of memory, a limit.
pub fn load_module(vm: &mut Vm, module: Arc<Module>) -> Result<*mut ProtoObj> {
    // The prototypes and the module itself; each takes part of a microsecond.
    let (mut bytes, mut shared) = (0, 0);
    for part in module.protos.chunks(STRIDE) {
        for p in part {
            // A byte of the file may stand for a whole feedback slot:
            // everything that is about to be allocated counts first.
            bytes += size_of::<ProtoObj>()
                + size_of::<*mut ProtoObj>()
                + size_of_val(&*p.code)
                + (p.consts.len() + 1) * size_of::<Value>()
                + p.slots.len() * size_of::<FeedbackSlot>()
                + p.children.len() * size_of::<*mut ProtoObj>();
            shared += p.bytes();
        }
        vm.tick(part.len() as u64 * 4)?;
    }
    for part in module.strings.chunks(STRIDE) {
        bytes += size_of_val(part);
        shared += part.iter().map(|s| s.len() + 16).sum::<usize>();
        vm.tick(part.len() as u64)?;
    }
    vm.heap.check(bytes + shared)?;
    vm.heap.charge(shared);
    let module = Arc::new(LoadedModule::new(module, shared));
    let loaded = vm.exec.loaded;
    let main = load_all(vm, &module).and_then(|main| loaded(vm, main).map(|()| main));
    if main.is_err() {
        // Some prototypes may have been made: they are garbage that holds it.
        vm.heap.let_go(module);
    }
    main
}

/// Prototypes, strings or list entries handled between two looks at the
/// limits.
const STRIDE: usize = 1 << 12;

fn load_all(vm: &mut Vm, module: &Arc<LoadedModule>) -> Result<*mut ProtoObj> {
    // Children have larger numbers than their parents: build from the end.
    let mut loaded: Vec<*mut ProtoObj> = vec![std::ptr::null_mut(); module.protos.len()];
    let mut strings: Vec<*mut Str> = vec![std::ptr::null_mut(); module.strings.len()];
    for id in (0..module.protos.len()).rev() {
        loaded[id] = load_proto(vm, module, ProtoId(id as u32), &loaded, &mut strings)?;
        vm.tick(512)?;
    }
    Ok(loaded[0])
}

fn load_proto(
    vm: &mut Vm,
    module: &Arc<LoadedModule>,
    id: ProtoId,
    loaded: &[*mut ProtoObj],
    strings: &mut [*mut Str],
) -> Result<*mut ProtoObj> {
    let spec = &module.protos[id.0 as usize];
    let mut consts = Vec::with_capacity(spec.consts.len() + 1);
    consts.push(NIL);
    for (n, c) in spec.consts.iter().enumerate() {
        if n % STRIDE == STRIDE - 1 {
            vm.tick(STRIDE as u64 * 16)?;
        }
        consts.push(match *c {
            Const::Nil => NIL,
            Const::False => Value::bool(false),
            Const::True => Value::bool(true),
            Const::Int(i) => Value::int(i),
            Const::Float(f) => Value::float(f),
            Const::Str(s) => {
                // One object for all uses of a string in the module.
                let known = &mut strings[s.0 as usize];
                if known.is_null() {
                    *known = vm.str_in_pieces(module.str(s))?;
                }
                Value::str(*known)
            }
        });
    }
    let mut code = Vec::with_capacity(spec.code.len());
    for part in spec.code.chunks(STRIDE) {
        code.extend_from_slice(part);
        vm.tick(part.len() as u64)?;
    }
    let mut storage = ProtoStorage {
        code: code.into_boxed_slice(),
        consts: consts.into_boxed_slice(),
        slots: spec
            .slots
            .iter()
            .map(|kind| FeedbackSlot::new(*kind))
            .collect(),
    };
    let proto = ProtoObj {
        hdr: GcHeader {
            kind: kind::PROTO,
            mark: 0,
            flags: 0,
            heap: 0,
            aux: 0,
        },
        code: storage.code.as_mut_ptr(),
        k: storage.consts.as_mut_ptr().wrapping_add(1),
        slots: storage.slots.as_mut_ptr(),
        regs: spec.regs,
        params: spec.params,
        vararg: spec.vararg,
        call_budget: vm.budgets.0,
        loop_budget: vm.budgets.1,
        entry: vm.exec.entry,
        typed_entries: [std::ptr::null(); 2],
        points_entry: vm.exec.entry,
        optimized_refs: Vec::new(),
        meta_sites: Default::default(),
        calls_granted: i64::from(vm.budgets.0),
        loops_granted: i64::from(vm.budgets.1),
        points: std::ptr::null(),
        slow_hits: 0,
        refs: Vec::new(),
        compiled: None,
        code_len: spec.code.len() as u32,
        k_len: spec.consts.len() as u32,
        slot_len: spec.slots.len() as u32,
        children: spec.children.iter().map(|c| loaded[c.0 as usize]).collect(),
        module: Arc::clone(module),
        id,
        storage,
    };
    let obj = vm.heap.new_proto(proto);
    // SAFETY: the prototype was just created; the two words before its
    // constants are element 0 of `consts`, reserved for this.
    unsafe {
        let header = (*obj).k.cast::<u64>();
        *header.sub(2) = obj as u64;
        *header.sub(1) = (*obj).slots as u64;
    }
    Ok(obj)
}

/// A closure of a main prototype: its first upvalue is `env` (the globals if
/// `None`), any others are fresh and nil.
pub fn main_closure(vm: &mut Vm, proto: *mut ProtoObj, env: Option<Value>) -> *mut Closure {
    // SAFETY: `proto` is live; the closure's upvalue array has `n` places,
    // all written here before anything can collect.
    unsafe {
        let n = (*proto).spec().upvals.len();
        let closure = vm.heap.new_closure(proto, n);
        for i in 0..n {
            let up = vm.heap.new_upval(std::ptr::null_mut());
            (*up).v = &raw mut (*up).closed;
            (*up).closed = if i == 0 {
                env.unwrap_or(Value::table(vm.globals))
            } else {
                NIL
            };
            *(&raw mut (*closure).upvals)
                .cast::<*mut crate::object::Upval>()
                .add(i) = up;
        }
        closure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Exec, VmConfig};
    use strata_spec::module::MAX_SLOTS;
    use strata_spec::{Insn, Op, Proto, SlotKind};

    /// Nothing is executed here.
    const EXEC: Exec = Exec {
        call: |_, _, _, _| Ok(0),
        compile: |_, _, _| unreachable!("nothing is compiled"),
        instrument: |_| {},
        close_thread: |_, _| Ok(()),
        finalize: |_, _| Ok(()),
        entry: std::ptr::null(),
        epoch_changed: |_| {},
        upvalues_set: |_| {},
        loaded: |_, _| Ok(()),
    };

    /// A main function with this many children, each with as many feedback
    /// slots as there can be.
    fn slots(children: u32) -> Arc<Module> {
        let proto = |children: Vec<ProtoId>| Proto {
            code: vec![Insn::abc(Op::Return0, 0, 0, 0)],
            slots: vec![SlotKind::Field; if children.is_empty() { MAX_SLOTS } else { 0 }],
            children,
            ..Proto::default()
        };
        let mut protos = vec![proto((1..=children).map(ProtoId).collect())];
        protos.extend((0..children).map(|_| proto(Vec::new())));
        let module = Module {
            protos,
            ..Module::default()
        };
        strata_spec::verify(&module).expect("a valid module");
        Arc::new(module)
    }

    #[test]
    fn feedback_slots_count_before_they_are_allocated() {
        let config = VmConfig {
            memory_limit: 32 << 20,
            ..VmConfig::default()
        };
        let mut vm = Vm::new(&config, EXEC).expect("a stack");
        let few = slots(5);
        assert!(strata_spec::write(&few).len() < 400_000);
        load_module(&mut vm, few).expect("20 MiB of slots fit");
        let before = vm.heap.bytes;
        assert!(before > 20 << 20, "{before}");
        let many = slots(5);
        assert!(load_module(&mut vm, many).is_err(), "40 MiB of slots don't");
        assert_eq!(vm.heap.bytes, before, "nothing was allocated");
    }
}
