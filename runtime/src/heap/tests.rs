//! Tests of the collector through a VM without an executor.

use super::*;
use crate::error::Result;
use crate::metatable::{set_metatable, set_userdata_metatable};
use crate::object::{Str, Table, Upval, strflag};
use crate::state::{Exec, Vm, VmConfig};
use crate::table;
use crate::thread::ThreadStatus;
use crate::value::{NIL, Value};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

const EXEC: Exec = Exec {
    call: no_call,
    compile: |_, _, _| Ok(Err(b"no compiler".to_vec())),
    instrument: |_| {},
    close_thread: |_, _| Ok(()),
    finalize: |_, _| Ok(()),
    entry: std::ptr::null(),
    epoch_changed: |_| {},
    upvalues_set: |_| {},
    loaded: |_, _| Ok(()),
};

unsafe fn no_call(_: &mut Vm, _: usize, _: usize, _: usize) -> Result<usize> {
    Ok(0)
}

fn vm() -> Box<Vm> {
    Vm::new(
        &VmConfig {
            seed: Some(7),
            ..VmConfig::default()
        },
        EXEC,
    )
    .expect("a stack")
}

fn new_table(vm: &mut Vm) -> *mut Table {
    vm.heap.new_table(vm.shapes.root(), 0)
}

fn set(vm: &mut Vm, t: *mut Table, k: Value, v: Value) {
    // SAFETY: tests pass live tables.
    unsafe { table::set(vm, t, k, v) }.expect("a valid key");
}

fn get(t: *mut Table, k: Value) -> Value {
    // SAFETY: tests pass live tables.
    unsafe { table::get(t, k) }
}

fn set_name(vm: &mut Vm, t: *mut Table, name: &str, v: Value) {
    let k = Value::str(vm.heap.str(name.as_bytes()));
    set(vm, t, k, v);
}

fn root(vm: &mut Vm, name: &str, v: Value) {
    let registry = vm.registry;
    set_name(vm, registry, name, v);
}

fn rooted(vm: &mut Vm, name: &str) -> Value {
    let k = Value::str(vm.heap.str(name.as_bytes()));
    get(vm.registry, k)
}

fn with_meta(vm: &mut Vm, t: *mut Table, field: &str, v: Value) {
    let meta = new_table(vm);
    set_name(vm, meta, field, v);
    // SAFETY: both are live.
    unsafe { set_metatable(vm, t, meta) };
}

fn weak_table(vm: &mut Vm, name: &str, mode: &str) -> *mut Table {
    let t = new_table(vm);
    root(vm, name, Value::table(t));
    let mode = Value::str(vm.heap.str(mode.as_bytes()));
    with_meta(vm, t, "__mode", mode);
    t
}

fn collect(vm: &mut Vm) {
    // SAFETY: tests keep what they use in the registry.
    unsafe { full_collect(vm) };
    check(vm);
}

fn check(vm: &mut Vm) {
    if let Err(e) = verify(vm) {
        panic!("{e} in {:?}", vm.heap.phase);
    }
}

fn modes(mut test: impl FnMut(&mut Vm)) {
    for mode in [GcMode::Incremental, GcMode::Generational] {
        let mut vm = vm();
        if mode == GcMode::Generational {
            // SAFETY: nothing is in use.
            unsafe {
                gc_control(
                    &mut vm,
                    GcOp::Generational {
                        minormul: 0,
                        majormul: 0,
                    },
                )
            };
        }
        test(&mut vm);
        check(&mut vm);
        // SAFETY: nothing uses the objects afterwards.
        unsafe { vm.heap.free_all() };
        assert_eq!(vm.heap.bytes, 0);
    }
}

/// A pseudo-random sequence.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

#[test]
fn strings_are_interned_up_to_forty_bytes() {
    let mut vm = vm();
    let h = &mut vm.heap;
    for n in 0..100 {
        let bytes = vec![b'x'; n];
        let (a, b) = (h.str(&bytes), h.str(&bytes));
        assert_eq!(a == b, n <= 40);
        // SAFETY: no collection since they were made.
        unsafe {
            assert_eq!(Str::bytes(a), bytes);
            assert!(Str::eq(a, b));
            assert_eq!(Str::hash(a), Str::hash(b));
            assert_eq!(Str::is_interned(a), n <= 40);
        }
    }
}

#[test]
fn concatenation_is_lazy_and_flattens_without_recursion() {
    modes(|vm| {
        let mut model = Vec::new();
        for right in [false, true] {
            model.clear();
            let mut s = vm.heap.str(b"");
            let x = vm.heap.str(b"0123456789");
            for _ in 0..100_000 {
                // SAFETY: no collection meanwhile.
                s = unsafe {
                    if right {
                        vm.heap.concat(x, s)
                    } else {
                        vm.heap.concat(s, x)
                    }
                }
                .expect("memory");
                model.extend_from_slice(b"0123456789");
            }
            // SAFETY: as above.
            unsafe {
                assert!((*s).hdr.flags & strflag::NODE != 0 && (*s).data.is_null());
                let flat = vm.heap.try_str(&model).expect("memory");
                root(vm, "s", Value::str(s));
                assert!(Str::eq_long(s, flat));
                assert_eq!(Str::hash(s), Str::hash(flat));
                assert_eq!((*s).parts[0], std::ptr::null_mut());
            }
            let before = vm.heap.bytes;
            collect(vm);
            assert!(vm.heap.bytes < before - 4_000_000, "the parts are gone");
            // SAFETY: the registry holds it.
            assert_eq!(unsafe { Str::bytes(rooted(vm, "s").as_str()) }, &model[..]);
        }
    });
}

#[test]
fn deep_nodes_and_lists_are_marked_without_recursion() {
    let mut vm = vm();
    let mut s = vm.heap.str(&[b'a'; 300]);
    let mut list = NIL;
    for i in 0..200_000 {
        let x = vm.heap.str(format!("{i}").as_bytes());
        // SAFETY: no collection meanwhile.
        s = unsafe { vm.heap.concat(s, x) }.expect("memory");
        let t = new_table(&mut vm);
        set(&mut vm, t, Value::int(1), list);
        list = Value::table(t);
    }
    root(&mut vm, "s", Value::str(s));
    root(&mut vm, "list", list);
    collect(&mut vm);
    // SAFETY: the registry holds it.
    unsafe { assert!(Str::bytes(s).ends_with(b"199998199999")) };
    root(&mut vm, "list", NIL);
    root(&mut vm, "s", NIL);
    collect(&mut vm);
    assert!(vm.heap.bytes < 1 << 20);
}

#[test]
fn too_large_requests_fail() {
    let mut vm = vm();
    assert!(vm.heap.uninit_str(1 << 60).is_err());
    assert!(vm.heap.uninit_str(usize::MAX - 10).is_err());
    vm.heap.limit = 10 << 20;
    assert!(vm.heap.uninit_str(11 << 20).is_err());
    assert!(vm.heap.check(11 << 20).is_err());
    assert!(vm.heap.try_raw_alloc(11 << 20).is_err());
    let half = vm.heap.str(&vec![b'x'; 6 << 20]);
    // SAFETY: no collection meanwhile.
    assert!(unsafe { vm.heap.concat(half, half) }.is_err());
    check(&mut vm);
}

#[test]
fn the_limit_is_reported_when_collecting_does_not_help() {
    let mut vm = vm();
    vm.heap.limit = 4 << 20;
    let keep = new_table(&mut vm);
    root(&mut vm, "keep", Value::table(keep));
    for i in 0.. {
        let t = new_table(&mut vm);
        if i % 10 == 0 {
            let n = i / 10 + 1;
            set(&mut vm, keep, Value::int(n), Value::table(t));
        }
        if vm.heap.poll.load(Ordering::Relaxed) & poll::GC != 0 {
            // SAFETY: what is kept is in the registry.
            unsafe { safepoint(&mut vm) };
        }
        if vm.heap.exhausted {
            assert!(vm.heap.poll.load(Ordering::Relaxed) & poll::INTERRUPT != 0);
            assert!(i > 300_000, "garbage was collected first: {i}");
            break;
        }
        assert!(vm.heap.bytes < 5 << 20);
    }
    check(&mut vm);
}

#[test]
fn host_data_is_dropped_once() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    let mut vm = vm();
    for i in 0..100 {
        let u = vm
            .heap
            .new_userdata(Box::new(Counted(count.clone())), 2, 1000);
        let counted = Counted(count.clone());
        let f = vm.heap.new_host(Box::new(move |cx| {
            let _ = &counted;
            cx.ret_all(&[])
        }));
        if i < 10 {
            root(&mut vm, &format!("u{i}"), Value::userdata(u));
            root(&mut vm, &format!("f{i}"), Value::native(f));
        }
    }
    check(&mut vm);
    collect(&mut vm);
    assert_eq!(count.load(Ordering::Relaxed), 180);
    drop(vm);
    assert_eq!(count.load(Ordering::Relaxed), 200);
}

/// Random tables that refer to each other, against a model of what is
/// reachable.
fn random_graph(vm: &mut Vm, seed: u64, steps: usize) {
    const N: usize = 60;
    let mut rng = Rng(seed);
    let weak = weak_table(vm, "weak", "v");
    let nodes = new_table(vm);
    root(vm, "nodes", Value::table(nodes));
    // Node i has its number as field "id" and random edges to other nodes.
    let mut model: Vec<Vec<(i64, usize)>> = Vec::new();
    let mut alive: Vec<bool> = Vec::new();
    let mut slots: Vec<Option<usize>> = vec![None; N];
    for step in 0..steps {
        let slot = rng.below(N);
        match rng.below(8) {
            0..3 => {
                let id = model.len();
                let t = new_table(vm);
                set_name(vm, t, "id", Value::int(id as i64));
                set(vm, nodes, Value::int(slot as i64 + 1), Value::table(t));
                set(vm, weak, Value::int(id as i64), Value::table(t));
                model.push(Vec::new());
                alive.push(true);
                slots[slot] = Some(id);
            }
            3 => {
                set(vm, nodes, Value::int(slot as i64 + 1), NIL);
                slots[slot] = None;
            }
            4..7 => {
                let (Some(from), Some(to)) = (slots[slot], slots[rng.below(N)]) else {
                    continue;
                };
                let key = rng.below(5) as i64 * 1000 + 1;
                let a = get(weak, Value::int(from as i64)).as_table();
                let b = get(weak, Value::int(to as i64));
                // Through a boxed value now and then.
                set(vm, a, Value::int(key), b);
                model[from].retain(|e| e.0 != key);
                model[from].push((key, to));
            }
            _ => {
                let s = vm.heap.str(format!("garbage {step}").as_bytes());
                root(vm, "tmp", Value::str(s));
            }
        }
        if rng.below(3) == 0 {
            vm.heap.request_collection();
            // SAFETY: all that is used is in the registry.
            unsafe { safepoint(vm) };
            if rng.below(20) == 0 {
                check(vm);
            }
        }
        if step % 997 == 0 {
            collect(vm);
            let mut reached = vec![false; model.len()];
            let mut todo: Vec<usize> = slots.iter().flatten().copied().collect();
            while let Some(id) = todo.pop() {
                if !std::mem::replace(&mut reached[id], true) {
                    todo.extend(model[id].iter().map(|e| e.1));
                }
            }
            for id in 0..model.len() {
                let v = get(weak, Value::int(id as i64));
                assert_eq!(!v.is_nil(), reached[id], "node {id} at step {step}");
                if reached[id] {
                    let k = Value::str(vm.heap.str(b"id"));
                    assert_eq!(get(v.as_table(), k).as_int(), id as i64);
                    for &(key, to) in &model[id] {
                        let w = get(v.as_table(), Value::int(key));
                        assert!(w.raw_eq(get(weak, Value::int(to as i64))));
                    }
                }
                alive[id] = reached[id];
            }
        }
    }
}

#[test]
fn random_graphs_survive_slices() {
    let mut seed = 11;
    modes(|vm| {
        // Small steps, so that the program runs between them.
        vm.heap.params.stepmul = 1;
        vm.heap.params.stepsize = 3;
        for _ in 0..3 {
            seed += 1;
            random_graph(vm, seed * 0x9e37_79b9, 6000);
        }
    });
}

#[test]
fn random_graphs_survive_stress() {
    modes(|vm| {
        vm.heap.set_stress(true);
        random_graph(vm, 77, 1500);
    });
}

#[test]
fn weak_values_and_keys() {
    modes(|vm| {
        let (v, k, kv) = (
            weak_table(vm, "v", "v"),
            weak_table(vm, "k", "k"),
            weak_table(vm, "kv", "kv"),
        );
        let keep = new_table(vm);
        root(vm, "keep", Value::table(keep));
        let keep = Value::table(keep);
        for i in 1..=50 {
            let garbage = Value::table(new_table(vm));
            let s = Value::str(
                vm.heap
                    .str(format!("a long string that is not interned, number {i}").as_bytes()),
            );
            set(
                vm,
                v,
                Value::int(i),
                if i % 2 == 0 { garbage } else { keep },
            );
            set_name(
                vm,
                v,
                &format!("f{i}"),
                if i % 2 == 0 { garbage } else { s },
            );
            set(vm, k, garbage, s);
            set(vm, k, s, Value::int(i));
            set(vm, kv, s, if i % 2 == 0 { garbage } else { Value::int(i) });
            set(vm, kv, garbage, Value::int(i));
            set(vm, kv, Value::int(i), garbage);
        }
        set(vm, k, keep, keep);
        collect(vm);
        let count = |t| {
            let (mut n, mut key) = (0, NIL);
            // SAFETY: the registry holds the table.
            while let Ok(Some((next, _))) = unsafe { table::next(t, key) } {
                key = next;
                n += 1;
            }
            n
        };
        assert_eq!(count(v), 25 + 25);
        assert_eq!(count(k), 50 + 1);
        assert_eq!(count(kv), 25);
        for i in 1..=50 {
            assert_eq!(get(v, Value::int(i)).is_nil(), i % 2 == 0);
        }
        // Keys of cleared entries don't keep long strings.
        let s = Value::str(vm.heap.str(b"a long string that is not interned, number 2"));
        assert!(get(kv, s).is_nil());
    });
}

#[test]
fn dead_strings_that_are_wanted_again_come_back() {
    modes(|vm| {
        for _ in 0..3 {
            for i in 0..3000 {
                vm.heap.str(format!("dead {i}").as_bytes());
            }
            vm.heap.params.stepsize = 3;
            while vm.heap.phase() != Phase::Sweep {
                vm.heap.request_collection();
                // SAFETY: nothing is in use.
                unsafe { safepoint(vm) };
            }
            let before = vm.heap.bytes;
            let t = new_table(vm);
            root(vm, "strings", Value::table(t));
            for i in 0..3000 {
                set_name(vm, t, &format!("dead {i}"), Value::int(i));
            }
            check(vm);
            while vm.heap.phase() != Phase::Pause {
                vm.heap.request_collection();
                // SAFETY: the strings are keys of a table in the registry.
                unsafe { safepoint(vm) };
            }
            check(vm);
            assert!(vm.heap.bytes > before);
            let mut n = 0;
            for i in 0..3000 {
                let k = Value::str(vm.heap.str(format!("dead {i}").as_bytes()));
                n += get(t, k).as_int();
            }
            assert_eq!(n, 2999 * 1500);
            root(vm, "strings", NIL);
            collect(vm);
        }
    });
}

#[test]
fn deleted_long_keys_do_not_keep_their_bytes() {
    modes(|vm| {
        let strong = new_table(vm);
        root(vm, "strong", Value::table(strong));
        let both = weak_table(vm, "both", "kv");
        let before = vm.heap.bytes;
        for t in [strong, both] {
            let k = Value::str(vm.heap.str(&vec![b'k'; 1 << 22]));
            set(vm, t, k, Value::int(1));
            collect(vm);
            assert!(vm.heap.bytes > before + (1 << 22));
            // SAFETY: the registry holds the table.
            assert!(matches!(unsafe { table::next(t, NIL) }, Ok(Some(_))));
            set(vm, t, k, NIL);
            collect(vm);
            assert!(vm.heap.bytes < before + (1 << 20));
            let other = Value::str(vm.heap.str(&vec![b'k'; 1 << 22]));
            assert!(get(t, other).is_nil());
        }
    });
}

#[test]
fn long_ephemeron_chains_are_linear() {
    modes(|vm| {
        let e = weak_table(vm, "e", "k");
        let first = new_table(vm);
        let mut key = first;
        for _ in 0..100_000 {
            let next = new_table(vm);
            set(vm, e, Value::table(key), Value::table(next));
            key = next;
        }
        // The chain in reverse order of insertion is the bad case of
        // algorithms that go round until nothing changes.
        let last = weak_table(vm, "last", "v");
        set(vm, last, Value::int(1), Value::table(key));
        root(vm, "first", Value::table(first));
        collect(vm);
        assert!(!get(last, Value::int(1)).is_nil());
        root(vm, "first", NIL);
        collect(vm);
        assert!(get(last, Value::int(1)).is_nil());
        // SAFETY: the registry holds the table.
        assert!(matches!(unsafe { table::next(e, NIL) }, Ok(None)));
    });
}

#[test]
fn ephemeron_values_that_refer_to_their_key_die_with_it() {
    modes(|vm| {
        let e = weak_table(vm, "e", "k");
        for _ in 0..100 {
            let (k, v) = (new_table(vm), new_table(vm));
            set(vm, v, Value::int(1), Value::table(k));
            set(vm, e, Value::table(k), Value::table(v));
        }
        collect(vm);
        // SAFETY: the registry holds the table.
        assert!(matches!(unsafe { table::next(e, NIL) }, Ok(None)));
    });
}

#[test]
fn finalizers_come_in_reverse_order_and_once() {
    modes(|vm| {
        let order = weak_table(vm, "order", "k");
        let weak = weak_table(vm, "weak", "v");
        for i in 0..10 {
            let t = new_table(vm);
            set_name(vm, t, "n", Value::int(i));
            with_meta(vm, t, "__gc", Value::bool(true));
            set(vm, order, Value::table(t), Value::int(i));
            set(vm, weak, Value::int(i), Value::table(t));
        }
        let u = vm.heap.new_userdata(Box::new(5u8), 0, 0);
        let meta = new_table(vm);
        set_name(vm, meta, "__gc", Value::bool(true));
        // SAFETY: both are live.
        unsafe { set_userdata_metatable(vm, u, meta) };
        assert!(next_finalizer(vm).is_none());
        collect(vm);
        assert!(vm.heap.poll.load(Ordering::Relaxed) & poll::FINALIZERS != 0);
        // Weak values are cleared before, weak keys after finalization.
        assert!(get(weak, Value::int(3)).is_nil());
        let first = next_finalizer(vm).expect("a finalizer");
        assert_eq!(first.as_userdata(), u);
        for i in (0..10).rev() {
            let v = next_finalizer(vm).expect("a finalizer");
            let k = Value::str(vm.heap.str(b"n"));
            assert_eq!(get(v.as_table(), k).as_int(), i);
            assert_eq!(get(order, v).as_int(), i);
            if i == 4 {
                root(vm, "back", v);
            }
        }
        assert!(next_finalizer(vm).is_none());
        assert!(vm.heap.poll.load(Ordering::Relaxed) & poll::FINALIZERS == 0);
        collect(vm);
        assert!(next_finalizer(vm).is_none());
        let back = rooted(vm, "back");
        assert_eq!(get(order, back).as_int(), 4);
        // Registered again, it is finalized again.
        // SAFETY: the registry holds it.
        unsafe { vm.heap.register_finalizer(back.as_gc()) };
        root(vm, "back", NIL);
        collect(vm);
        assert_eq!(vm.heap.pending_finalizers(), 1);
        assert!(next_finalizer(vm).is_some());
    });
}

#[test]
fn closing_queues_all_finalizers() {
    let mut vm = vm();
    for i in 0..5 {
        let t = new_table(&mut vm);
        root(&mut vm, &format!("t{i}"), Value::table(t));
        with_meta(&mut vm, t, "__gc", Value::bool(true));
    }
    finalize_all(&mut vm);
    assert_eq!(vm.heap.pending_finalizers(), 5);
    collect(&mut vm);
    let t4 = rooted(&mut vm, "t4");
    assert!(next_finalizer(&mut vm).expect("a finalizer").raw_eq(t4));
}

#[test]
fn upvalues_of_dead_coroutines_are_closed() {
    modes(|vm| {
        for round in 0..20 {
            let co = vm.new_coroutine(NIL).expect("memory");
            let t = new_table(vm);
            set_name(vm, t, "round", Value::int(round));
            // SAFETY: everything is fresh and no collection happens before
            // the objects are linked.
            unsafe {
                *(*co).stack = Value::table(t);
                (*co).status = ThreadStatus::Suspended;
                let live: *mut Upval = vm.heap.new_upval((*co).stack);
                let dead: *mut Upval = vm.heap.new_upval((*co).stack);
                (*dead).next = live;
                (*co).open = dead;
                let c = vm.heap.new_closure(std::ptr::null_mut(), 1);
                *(&raw mut (*c).upvals).cast::<*mut Upval>() = live;
                root(vm, "closure", Value::closure(c));
                if round % 2 == 0 {
                    root(vm, "co", Value::thread(co));
                    collect(vm);
                    assert!(Upval::is_open(live));
                    root(vm, "co", NIL);
                }
                collect(vm);
                assert!(!Upval::is_open(live));
                let k = Value::str(vm.heap.str(b"round"));
                assert_eq!(get((*(*live).v).as_table(), k).as_int(), round);
            }
        }
    });
}

#[test]
fn stacks_keep_what_is_below_the_top() {
    modes(|vm| {
        let weak = weak_table(vm, "weak", "v");
        let stack = vm.stack;
        for i in 0..10 {
            let t = Value::table(new_table(vm));
            set(vm, weak, Value::int(i), t);
            // SAFETY: the main stack has at least 2,048 slots.
            unsafe { *stack.add(i as usize) = t };
        }
        vm.top = stack.wrapping_add(5);
        collect(vm);
        for i in 0..10 {
            assert_eq!(get(weak, Value::int(i)).is_nil(), i >= 5);
        }
        // SAFETY: as above.
        assert!(unsafe { (*stack.add(7)).is_nil() });
        vm.top = stack;
    });
}

#[test]
fn big_tables_are_scanned_in_pieces_while_they_change() {
    modes(|vm| {
        vm.heap.params.stepmul = 1;
        vm.heap.params.stepsize = 3;
        let big = new_table(vm);
        root(vm, "big", Value::table(big));
        let n = 30_000;
        let mut rng = Rng(99);
        for i in 1..=n {
            let t = new_table(vm);
            set(vm, t, Value::int(1), Value::int(i));
            set(vm, big, Value::int(i), Value::table(t));
            let t = new_table(vm);
            set(vm, t, Value::int(1), Value::int(-i));
            set(vm, big, Value::float(i as f64 + 0.5), Value::table(t));
        }
        for step in 0..30_000 {
            // Moves elements between places, puts new ones in.
            let (a, b) = (
                1 + rng.below(n as usize) as i64,
                1 + rng.below(n as usize) as i64,
            );
            let (ka, kb) = (Value::int(a), Value::float(b as f64 + 0.5));
            let (va, vb) = (get(big, ka), get(big, kb));
            set(vm, big, ka, vb);
            set(vm, big, kb, va);
            if step % 3 == 0 {
                let t = new_table(vm);
                set(vm, t, Value::int(1), Value::int(step));
                set(vm, big, ka, Value::table(t));
            }
            if step % 1000 == 0 {
                // Grows and shrinks the parts.
                for i in 0..200 {
                    set(
                        vm,
                        big,
                        Value::int(n + 10_000 + step * 7 + i),
                        Value::bool(true),
                    );
                    set(vm, big, Value::int(n + 10_000 + (step - 1000) * 7 + i), NIL);
                }
            }
            vm.heap.request_collection();
            // SAFETY: all that is used is in the registry.
            unsafe { safepoint(vm) };
            if step % 2500 == 0 {
                check(vm);
            }
        }
        for i in 1..=n {
            for k in [Value::int(i), Value::float(i as f64 + 0.5)] {
                let v = get(big, k);
                assert!(v.is_table());
                assert!(get(v.as_table(), Value::int(1)).tag == crate::value::tag::INT);
            }
        }
    });
}

#[test]
fn garbage_is_collected_at_the_pace_of_allocation() {
    modes(|vm| {
        let mut most = 0;
        for i in 0..400_000 {
            let t = new_table(vm);
            set(vm, t, Value::int(1), Value::int(i));
            if vm.heap.poll.load(Ordering::Relaxed) & poll::GC != 0 {
                // SAFETY: nothing is kept.
                unsafe { safepoint(vm) };
            }
            most = most.max(vm.heap.bytes);
        }
        assert!(most < 8 << 20, "{most}");
    });
}

#[test]
fn a_minor_collection_with_much_to_mark_is_sliced() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: nothing is in use.
    unsafe {
        gc_control(
            vm,
            GcOp::Generational {
                minormul: 0,
                majormul: 1000,
            },
        )
    };
    let all = new_table(vm);
    root(vm, "all", Value::table(all));
    let n = 200_000;
    for old in [true, false] {
        for i in 1..=n {
            let t = new_table(vm);
            set(vm, t, Value::int(1), Value::int(i));
            set(vm, all, Value::int(i), Value::table(t));
        }
        if old {
            // SAFETY: all that is used is in the registry.
            unsafe { gc_control(vm, GcOp::Collect) };
        }
    }
    // Young, alive and much more than a nursery, as after a major collection.
    let collect = |vm: &mut Vm| {
        vm.heap.request_collection();
        // SAFETY: all that is used is in the registry.
        unsafe { safepoint(vm) };
        check(vm);
    };
    collect(vm);
    assert_eq!((vm.heap.stats.minors, vm.heap.phase()), (1, Phase::Mark));
    // What is allocated and hidden behind old tables meanwhile survives, and
    // so do old tables when the mode is changed in the middle.
    for i in 1..=100 {
        let t = new_table(vm);
        set(vm, t, Value::int(1), Value::int(-i));
        set(vm, all, Value::int(i), Value::table(t));
    }
    // SAFETY: as above.
    unsafe {
        gc_control(
            vm,
            GcOp::Incremental {
                pause: 0,
                stepmul: 0,
                stepsize: 0,
            },
        )
    };
    while vm.heap.phase() != Phase::Pause {
        collect(vm);
    }
    for _ in 0..2 {
        // SAFETY: as above.
        unsafe { gc_control(vm, GcOp::Collect) };
        check(vm);
    }
    for i in 1..=n {
        let t = get(all, Value::int(i)).as_table();
        let expected = if i <= 100 { -i } else { i };
        assert!(get(t, Value::int(1)).raw_eq(Value::int(expected)));
    }
}

#[test]
fn requests() {
    let mut vm = vm();
    let vm = &mut *vm;
    let mut ask = |op| {
        // SAFETY: nothing is in use.
        unsafe { gc_control(vm, op) }
    };
    assert_eq!(ask(GcOp::IsRunning), GcOutcome::Flag(true));
    assert_eq!(
        ask(GcOp::Generational {
            minormul: 0,
            majormul: 0
        }),
        GcOutcome::Mode(GcMode::Incremental)
    );
    assert_eq!(
        ask(GcOp::Generational {
            minormul: 30,
            majormul: 0
        }),
        GcOutcome::Mode(GcMode::Generational)
    );
    assert_eq!(
        ask(GcOp::Incremental {
            pause: 0,
            stepmul: 0,
            stepsize: 0
        }),
        GcOutcome::Mode(GcMode::Generational)
    );
    assert_eq!(ask(GcOp::SetPause(150)), GcOutcome::Param(200));
    assert_eq!(ask(GcOp::SetPause(i64::MAX)), GcOutcome::Param(150));
    assert_eq!(ask(GcOp::SetPause(0)), GcOutcome::Param(1000));
    assert_eq!(ask(GcOp::SetStepMul(0)), GcOutcome::Param(100));
    assert_eq!(ask(GcOp::Step(0)), GcOutcome::Flag(true));
    assert_eq!(ask(GcOp::SetStepMul(i64::MAX)), GcOutcome::Param(0));
    for _ in 0..3 {
        assert_eq!(ask(GcOp::Step(20_000)), GcOutcome::Flag(true));
    }
    assert_eq!(ask(GcOp::Stop), GcOutcome::Done);
    assert_eq!(ask(GcOp::IsRunning), GcOutcome::Flag(false));
    assert_eq!(ask(GcOp::Step(0)), GcOutcome::Flag(true));
    assert_eq!(ask(GcOp::IsRunning), GcOutcome::Flag(false));
    assert_eq!(ask(GcOp::Restart), GcOutcome::Done);
    assert_eq!(ask(GcOp::Collect), GcOutcome::Done);
    assert!(matches!(ask(GcOp::Count), GcOutcome::Bytes(n) if n > 0 && n < 1 << 20));
    vm.heap.finalizing = 1;
    // SAFETY: nothing is in use.
    assert_eq!(unsafe { gc_control(vm, GcOp::Collect) }, GcOutcome::Refused);
}

#[test]
fn memory_goes_back_when_a_cycle_did_not_need_it_or_when_asked() {
    let mut vm = vm();
    let fill = |vm: &mut Vm| {
        for _ in 0..200_000 {
            new_table(vm);
        }
        vm.heap.reserved()
    };
    // SAFETY: nothing is used across collections.
    let cycle = |vm: &mut Vm| unsafe {
        while gc_control(vm, GcOp::Step(10_000)) != GcOutcome::Flag(true) {}
        vm.heap.reserved()
    };
    let full = fill(&mut vm);
    assert_eq!(cycle(&mut vm), full, "the next cycle may need it");
    assert!(cycle(&mut vm) < full / 2, "it did not");
    let full = fill(&mut vm);
    collect(&mut vm);
    assert!(vm.heap.reserved() < full / 2, "a collection was asked for");
}
