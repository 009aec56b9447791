//! Tables and shapes while the collector is at work.

use super::tests::{Key, Random, random_key, same, table, value, vm};
use super::*;
use crate::feedback::{FeedbackSlot, get_field_miss, set_field_miss, try_get_field, try_set_field};
use crate::heap::{GcOp, full_collect, gc_control, verify};
use crate::metatable::set_metatable;
use std::collections::HashMap;
use strata_spec::module::SlotKind;

fn check(vm: &mut Vm) {
    if let Err(e) = verify(vm) {
        panic!("{e}");
    }
}

/// Makes `t` reachable as number `i` of the registry.
fn root(vm: &mut Vm, i: usize, t: *mut Table) {
    let registry = vm.registry;
    // SAFETY: both tables are live.
    unsafe { set_int(vm, registry, i as i64 + 1, Value::table(t)).expect("memory") };
}

#[test]
fn shapes_die_with_their_tables() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: what is used after a collection is in the registry.
    unsafe {
        full_collect(vm);
        let before = vm.heap.bytes;
        for round in 0..3 {
            for i in 0..200 {
                let (t, meta) = (table(vm), table(vm));
                for j in 0..i % 30 {
                    let k = vm.heap.str(format!("r{round}_{}", i * j % 61).as_bytes());
                    set_field(vm, t, k, Value::int(j)).expect("memory");
                    if j == 7 {
                        set_metatable(vm, t, meta);
                    }
                }
            }
            // A lineage that survives while its branches die, and grows again.
            let kept = table(vm);
            root(vm, 0, kept);
            for j in 0..20 {
                let branch = table(vm);
                for i in 0..j {
                    let k = vm.heap.str(format!("k{i}").as_bytes());
                    set_field(vm, branch, k, NIL).expect("memory");
                    set_field(vm, branch, k, Value::int(i)).expect("memory");
                }
                let odd = vm.heap.str(format!("odd{round}_{j}").as_bytes());
                set_field(vm, branch, odd, Value::int(1)).expect("memory");
                full_collect(vm);
                check(vm);
                let k = vm.heap.str(format!("k{j}").as_bytes());
                set_field(vm, kept, k, Value::int(j)).expect("memory");
                for i in 0..=j {
                    let k = vm.heap.str(format!("k{i}").as_bytes());
                    assert!(get_str(kept, k).raw_eq(Value::int(i)));
                    assert!(get_cached(&mut vm.shapes, kept, k).raw_eq(Value::int(i)));
                }
                let odd = vm.heap.str(format!("odd{round}_{j}").as_bytes());
                assert!(get_str(kept, odd).is_nil());
            }
        }
        let registry = vm.registry;
        set_int(vm, registry, 1, NIL).expect("memory");
        full_collect(vm);
        check(vm);
        assert!(
            vm.heap.bytes < before + 4096,
            "{} bytes of shapes left",
            vm.heap.bytes - before
        );
        assert!((*vm.shapes.root()).edges.len == 0 && (*vm.shapes.root()).path.read().len == 0);
    }
}

/// Inline caches of one key, as a prototype would have them.
struct Site {
    key: String,
    get: FeedbackSlot,
    set: FeedbackSlot,
}

#[test]
fn mutation_during_collection() {
    const TABLES: usize = 16;
    for generational in [false, true] {
        let mut vm = vm();
        let vm = &mut *vm;
        let mut r = Random(if generational { 11 } else { 5 });
        // SAFETY: all tables in use are in the registry; keys and values are
        // used up before the next step of the collector.
        unsafe {
            if generational {
                gc_control(
                    vm,
                    GcOp::Generational {
                        minormul: 0,
                        majormul: 0,
                    },
                );
            }
            let mut models: Vec<HashMap<Key, i64>> = vec![HashMap::new(); TABLES];
            for i in 0..TABLES {
                let t = table(vm);
                root(vm, i, t);
            }
            let mut sites: Vec<Site> = (0..6)
                .map(|i| Site {
                    key: format!("site{i}"),
                    get: FeedbackSlot::new(SlotKind::Field),
                    set: FeedbackSlot::new(SlotKind::Field),
                })
                .collect();
            for step in 0..30_000 {
                let i = r.below(TABLES as u64) as usize;
                let t = get_int(vm.registry, i as i64 + 1).as_table();
                match r.below(40) {
                    0 => {
                        let fresh = table(vm);
                        root(vm, i, fresh);
                        models[i].clear();
                    }
                    1..=3 => {
                        let meta = match r.below(4) {
                            0 => std::ptr::null_mut(),
                            1 => table(vm),
                            _ => get_int(vm.registry, r.below(TABLES as u64) as i64 + 1).as_table(),
                        };
                        set_metatable(vm, t, meta);
                    }
                    4..=20 => {
                        let site = &mut sites[r.below(6) as usize];
                        let key = vm.heap.str(site.key.as_bytes());
                        let model_key = Key::Str(site.key.clone().into_bytes());
                        let v = r.next() as i64;
                        let epoch = vm.meta_epoch;
                        if !try_set_field(&mut vm.heap, &site.set, t, key, Value::int(v), epoch) {
                            set_field_miss(vm, &mut site.set, Value::table(t), key, Value::int(v))
                                .expect("memory");
                        }
                        models[i].insert(model_key, v);
                        let got = try_get_field(&site.get, t, key, epoch);
                        if got.is_none() {
                            get_field_miss(vm, &mut site.get, Value::table(t), key);
                        }
                        assert!(got.unwrap_or(Value::int(v)).raw_eq(Value::int(v)));
                    }
                    _ => {
                        let k = random_key(&mut r, step % 4);
                        let key = value(vm, &k);
                        let v = r.next() as i64;
                        match r.below(4) {
                            0 => {
                                set(vm, t, key, NIL).expect("memory");
                                models[i].remove(&k);
                            }
                            1 => {
                                // A reference to something fresh, then a number.
                                let inner = table(vm);
                                set(vm, t, key, Value::table(inner)).expect("memory");
                                set(vm, t, Value::table(inner), Value::int(1)).expect("memory");
                                set(vm, t, Value::table(inner), NIL).expect("memory");
                                set(vm, t, key, Value::int(v)).expect("memory");
                                models[i].insert(k, v);
                            }
                            _ => {
                                set(vm, t, key, Value::int(v)).expect("memory");
                                models[i].insert(k, v);
                            }
                        }
                    }
                }
                if r.below(3) == 0 {
                    gc_control(vm, GcOp::Step(i64::from(r.below(20) == 0)));
                    // No prototype holds the sites, so nobody clears them.
                    for site in &mut sites {
                        site.get.reset();
                        site.set.reset();
                    }
                }
                if step % 1500 == 0 {
                    check(vm);
                    let t = get_int(vm.registry, i as i64 + 1).as_table();
                    same(vm, t, &models[i]);
                }
            }
            full_collect(vm);
            check(vm);
            for (i, model) in models.iter().enumerate() {
                let t = get_int(vm.registry, i as i64 + 1).as_table();
                same(vm, t, model);
            }
            vm.heap.free_all();
            assert_eq!(vm.heap.bytes, 0);
        }
    }
}

/// A deleted entry whose key died keeps the key's address. An object that comes to lie
/// there finds the entry, which the collector has passed over.
#[test]
fn keys_that_come_back_are_seen() {
    let mut vm = vm();
    let vm = &mut *vm;
    let generational = GcOp::Generational {
        minormul: 0,
        majormul: 0,
    };
    // SAFETY: the table is in the registry, and keys are used before a collection.
    unsafe {
        gc_control(vm, generational);
        let kept = table(vm);
        root(vm, 0, kept);
        for n in 0..3 {
            set(vm, kept, Value::int(-1 - n), Value::int(n)).expect("memory");
        }
        let first = table(vm);
        set(vm, kept, Value::table(first), Value::int(1)).expect("memory");
        set(vm, kept, Value::table(first), NIL).expect("memory");
        full_collect(vm);
        let again = (0..10_000).map(|_| table(vm)).find(|&t| t == first);
        let again = again.expect("a cell that is free is used again");
        set(vm, kept, Value::table(again), Value::int(2)).expect("memory");
        check(vm);
        gc_control(vm, GcOp::Step(0));
        check(vm);
        assert!(get(kept, Value::table(again)).raw_eq(Value::int(2)));
    }
}
