//! Tables against a model, and the guarantees of the module documentation.

use super::*;
use crate::object::{ArrKind, tabflag};
use crate::state::{Exec, VmConfig};
use std::collections::HashMap;

/// A VM that can't call anything.
pub(crate) fn vm() -> Box<Vm> {
    let exec = Exec {
        call: |_, _, _, _| Ok(0),
        compile: |_, _, _| Ok(Err(Vec::new())),
        instrument: |_| {},
        close_thread: |_, _| Ok(()),
        finalize: |_, _| Ok(()),
        entry: std::ptr::null(),
        epoch_changed: |_| {},
        upvalues_set: |_| {},
        loaded: |_, _| Ok(()),
    };
    let config = VmConfig {
        seed: Some(42),
        ..VmConfig::default()
    };
    Vm::new(&config, exec).expect("address space for a stack")
}

/// xorshift64*.
pub(super) struct Random(pub u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 33) % n
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(super) enum Key {
    Int(i64),
    Float(u64),
    Str(Vec<u8>),
    Bool(bool),
    Light(u64),
}

pub(super) fn value(vm: &mut Vm, key: &Key) -> Value {
    match key {
        Key::Int(i) => Value::int(*i),
        Key::Float(bits) => Value::float(f64::from_bits(*bits)),
        Key::Str(s) => Value::str(vm.heap.try_str(s).expect("memory")),
        Key::Bool(b) => Value::bool(*b),
        Key::Light(a) => Value::light(*a),
    }
}

fn key_of(v: Value) -> Key {
    match v.tag {
        tag::INT => Key::Int(v.as_int()),
        tag::FLOAT => Key::Float(v.payload),
        // SAFETY: keys of a live table are live.
        tag::STR => Key::Str(unsafe { bytes(v.as_str()) }.to_vec()),
        tag::FALSE | tag::TRUE => Key::Bool(v.tag == tag::TRUE),
        _ => Key::Light(v.payload),
    }
}

unsafe fn bytes<'a>(s: *mut Str) -> &'a [u8] {
    // SAFETY: the caller's string is live and flat.
    unsafe { std::slice::from_raw_parts((*s).data, (*s).len) }
}

pub(super) fn table(vm: &mut Vm) -> *mut Table {
    vm.heap.new_table(vm.shapes.root(), 0)
}

/// Everything that must hold of a table at any time.
unsafe fn check(t: *mut Table) {
    // SAFETY: `t` is live.
    unsafe {
        let n = len(t);
        if n > 0 {
            assert!(!get_int(t, n).is_nil(), "the last element is not nil");
        }
        assert!(get_int(t, n + 1).is_nil(), "the length is a border");
        assert!((*t).arr_len <= (*t).arr_cap);
        if (*t).arr_kind == ArrKind::Mixed && (*t).arr_cap > 0 {
            assert!(!(*t).arr_tags.is_null());
        }
        let h = (*t).hash;
        if !h.is_null() {
            let entries = std::slice::from_raw_parts((*h).entries, (*h).len as usize);
            assert_eq!(
                entries.iter().filter(|e| !e.val.is_nil()).count(),
                (*h).live as usize
            );
            for e in entries.iter().filter(|e| !e.val.is_nil()) {
                assert!(
                    e.key.tag != tag::INT || !(1..=n).contains(&e.key.as_int()),
                    "in both parts"
                );
            }
        }
    }
}

/// The keys in the order of `next`, which must agree with the cursor's.
unsafe fn order(t: *mut Table) -> Vec<(Key, Value)> {
    let mut all = Vec::new();
    let mut key = NIL;
    let mut cursor: Cursor = 0;
    // SAFETY: `t` is live, and so are the keys it returns.
    unsafe {
        while let Some((k, v)) = next(t, key).expect("a key of the table") {
            let (c, k2, v2) = next_at(t, cursor).expect("as many");
            assert!(k.raw_eq(k2) && v.raw_eq(v2));
            all.push((key_of(k), v));
            (key, cursor) = (k, c);
        }
        assert!(next_at(t, cursor).is_none());
    }
    all
}

pub(super) unsafe fn same(vm: &mut Vm, t: *mut Table, model: &HashMap<Key, i64>) {
    // SAFETY: `t` is live.
    unsafe {
        check(t);
        let mut seen = order(t);
        assert_eq!(seen.len(), model.len());
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        seen.dedup_by(|a, b| a.0 == b.0);
        assert_eq!(seen.len(), model.len(), "no key twice");
        for (k, v) in model {
            let key = value(vm, k);
            assert!(get(t, key).raw_eq(Value::int(*v)), "{k:?}");
        }
    }
}

pub(super) fn random_key(r: &mut Random, style: u64) -> Key {
    match (style, r.below(10)) {
        (0, _) => Key::Int(r.below(40) as i64 + 1),
        (1, 0..=6) => Key::Str(format!("f{}", r.below(30)).into_bytes()),
        (2, 0..=5) => Key::Int(r.below(2000) as i64 - 10),
        (_, 0..=2) => Key::Int(r.below(60) as i64 - 3),
        (_, 3..=5) => Key::Str(format!("name{}", r.below(300)).into_bytes()),
        (_, 6) => Key::Str(format!("{:>60}", r.below(40)).into_bytes()),
        (_, 7) => Key::Float((r.below(30) as f64 + 0.5).to_bits()),
        (_, 8) => Key::Light(r.below(30) * 16),
        _ => Key::Bool(r.below(2) == 0),
    }
}

#[test]
fn agrees_with_a_model() {
    let mut vm = vm();
    let vm = &mut *vm;
    for round in 0..60 {
        let mut r = Random(round * 7919 + 1);
        let t = table(vm);
        let mut model: HashMap<Key, i64> = HashMap::new();
        for step in 0..600 {
            let k = random_key(&mut r, round % 4);
            let key = value(vm, &k);
            // SAFETY: `t` is live; nothing collects here.
            unsafe {
                if r.below(3) == 0 {
                    set(vm, t, key, NIL).expect("memory");
                    model.remove(&k);
                } else {
                    let v = r.next() as i64;
                    if r.below(2) == 0 {
                        set(vm, t, key, Value::int(v)).expect("memory");
                        model.insert(k, v);
                    } else {
                        // By way of another kind of value.
                        set(vm, t, key, Value::bool(true)).expect("memory");
                        set(vm, t, key, Value::int(v)).expect("memory");
                        model.insert(k, v);
                    }
                }
                check(t);
                if step % 97 == 0 {
                    same(vm, t, &model);
                }
            }
        }
        // SAFETY: `t` is live.
        unsafe { same(vm, t, &model) };
    }
}

#[test]
fn clearing_while_iterating_visits_each_key_once() {
    let mut vm = vm();
    let vm = &mut *vm;
    for round in 0..40 {
        let mut r = Random(round + 99);
        let t = table(vm);
        let mut model = HashMap::new();
        for _ in 0..200 {
            let k = random_key(&mut r, round % 4);
            let key = value(vm, &k);
            // SAFETY: `t` is live.
            unsafe { set(vm, t, key, Value::int(1)).expect("memory") };
            model.insert(k, 1);
        }
        let mut key = NIL;
        let mut visited = 0;
        // SAFETY: `t` and its keys are live.
        unsafe {
            while let Some((k, v)) = next(t, key).expect("deleted keys are found") {
                assert!(!v.is_nil());
                visited += 1;
                if r.below(3) > 0 {
                    set(vm, t, k, NIL).expect("memory");
                    check(t);
                } else {
                    set(vm, t, k, Value::float(0.5)).expect("memory");
                }
                key = k;
            }
        }
        assert_eq!(visited, model.len());
    }
}

#[test]
fn iteration_follows_insertion() {
    let mut vm = vm();
    let vm = &mut *vm;
    let t = table(vm);
    // SAFETY: `t` is live throughout.
    unsafe {
        let keys = [
            Key::Light(64),
            Key::Str(b"b".to_vec()),
            Key::Int(100),
            Key::Str(b"a".to_vec()),
            Key::Int(1),
        ];
        for (i, k) in keys.iter().enumerate() {
            let k = value(vm, k);
            set(vm, t, k, Value::int(i as i64)).expect("memory");
        }
        let got: Vec<Key> = order(t).into_iter().map(|(k, _)| k).collect();
        let want = [&keys[4], &keys[1], &keys[3], &keys[0], &keys[2]];
        assert!(got.iter().eq(want));
        assert_eq!(next(t, Value::int(50)).err(), Some(InvalidKey));
        assert_eq!(next(t, Value::bool(true)).err(), Some(InvalidKey));
    }
}

#[test]
fn keys_are_normalised_and_checked() {
    let mut vm = vm();
    let vm = &mut *vm;
    let t = table(vm);
    // SAFETY: `t` is live throughout.
    unsafe {
        set(vm, t, Value::float(1.0), Value::int(7)).expect("memory");
        assert_eq!(len(t), 1);
        assert!(get(t, Value::int(1)).raw_eq(Value::int(7)));
        set(vm, t, Value::float(-0.0), Value::int(8)).expect("memory");
        assert!(get_int(t, 0).raw_eq(Value::int(8)));
        set(
            vm,
            t,
            Value::float(9_223_372_036_854_775_808.0),
            Value::int(9),
        )
        .expect("memory");
        assert!(get_int(t, i64::MIN).is_nil() && get_int(t, i64::MAX).is_nil());
        assert_eq!(set(vm, t, NIL, Value::int(1)), Err(SetError::NilKey));
        assert_eq!(
            set(vm, t, Value::float(f64::NAN), Value::int(1)),
            Err(SetError::NanKey)
        );
        assert!(get(t, NIL).is_nil() && get(t, Value::float(f64::NAN)).is_nil());
        for i in [i64::MIN, i64::MAX, i64::MAX - 1, -1] {
            set_int(vm, t, i, Value::int(i)).expect("memory");
            assert!(get_int(t, i).raw_eq(Value::int(i)));
        }
        check(t);
    }
}

#[test]
fn kinds_change_when_they_must_and_change_back() {
    let mut vm = vm();
    let vm = &mut *vm;
    let t = table(vm);
    // SAFETY: `t` is live throughout.
    unsafe {
        for i in 1..=8 {
            set_int(vm, t, i, Value::int(i)).expect("memory");
        }
        assert_eq!((*t).arr_kind, ArrKind::Int);
        set_int(vm, t, 8, NIL).expect("memory");
        assert_eq!(((*t).arr_kind, len(t)), (ArrKind::Int, 7));
        set_int(vm, t, 3, NIL).expect("memory");
        assert_eq!(((*t).arr_kind, len(t)), (ArrKind::Mixed, 7));
        for i in (4..=7).rev() {
            set_int(vm, t, i, NIL).expect("memory");
        }
        assert_eq!(len(t), 2, "the hole is trimmed");
        for i in (1..=2).rev() {
            set_int(vm, t, i, NIL).expect("memory");
        }
        set_int(vm, t, 1, Value::float(1.5)).expect("memory");
        assert_eq!(
            (*t).arr_kind,
            ArrKind::Float,
            "an empty array takes any kind"
        );
        let t = table(vm);
        for i in 1..=16 {
            set_int(vm, t, i, Value::int(0)).expect("memory");
        }
        for i in 1..=16 {
            set_int(vm, t, i, Value::float(0.5)).expect("memory");
        }
        assert_eq!((*t).arr_kind, ArrKind::Mixed);
        set_int(vm, t, 17, Value::float(0.5)).expect("memory");
        assert_eq!((*t).arr_kind, ArrKind::Float, "growing looks again");
        for i in 1..=17 {
            assert!(get_int(t, i).raw_eq(Value::float(0.5)));
        }
    }
}

#[test]
fn backwards_and_sparse_and_queues() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: the tables are live throughout.
    unsafe {
        let t = table(vm);
        let n = 100_000;
        for i in (1..=n).rev() {
            set_int(vm, t, i, Value::int(i)).expect("memory");
        }
        assert_eq!(len(t), n);
        assert!((*t).hash.is_null() || (*(*t).hash).live == 0);
        assert!(part_bytes(t) < 30 * n as usize);
        for i in 1..=n {
            assert!(get_int(t, i).raw_eq(Value::int(i)));
        }
        let sparse = table(vm);
        for i in 0..1000 {
            set_int(vm, sparse, i * 1_000_003 + 1, Value::int(i)).expect("memory");
        }
        assert!(part_bytes(sparse) < 120_000);
        check(sparse);
        let queue = table(vm);
        for i in 1..=200_000 {
            set_int(vm, queue, i, Value::bool(true)).expect("memory");
            if i > 10 {
                set_int(vm, queue, i - 10, NIL).expect("memory");
            }
        }
        check(queue);
        assert!(part_bytes(queue) < 40_000, "{}", part_bytes(queue));
        // From both ends, and with a moving gap.
        let t = table(vm);
        for i in 1..=2000 {
            set_int(vm, t, i, Value::int(i)).expect("memory");
            set_int(vm, t, 4001 - i, Value::int(-i)).expect("memory");
        }
        assert_eq!(len(t), 4000);
        check(t);
    }
}

#[test]
fn strings_become_fields_and_then_a_dictionary() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: the tables are live throughout.
    unsafe {
        let (a, b) = (table(vm), table(vm));
        for t in [a, b] {
            for name in ["x", "y", "z"] {
                let k = vm.heap.str(name.as_bytes());
                set_field(vm, t, k, Value::int(1)).expect("memory");
            }
        }
        assert_eq!((*a).shape, (*b).shape, "same keys, same shape");
        let x = vm.heap.str(b"x");
        set_str(vm, a, x, NIL).expect("memory");
        assert_eq!((*a).shape, (*b).shape, "nil keeps the slot");
        let intro = introducer((*a).shape, 0);
        assert!((*intro).field_reassigned);
        assert_eq!((*intro).field_tags, 1 << tag::INT | 1 << tag::NIL);

        let t = table(vm);
        for i in 0..MAX_FIELDS + 1 {
            let k = vm.heap.str(format!("c{i}").as_bytes());
            assert_eq!((*(*t).shape).hdr.flags & shapeflag::DICT, 0, "{i}");
            set_field(vm, t, k, Value::int(i64::from(i))).expect("memory");
        }
        assert_eq!((*t).shape, vm.shapes.root_dict());
        for i in 0..MAX_FIELDS + 1 {
            let k = vm.heap.str(format!("c{i}").as_bytes());
            assert!(get_str(t, k).raw_eq(Value::int(i64::from(i))));
            assert!(get_cached(&mut vm.shapes, t, k).raw_eq(Value::int(i64::from(i))));
        }
        let t = table(vm);
        for i in 0..MAX_DYNAMIC_FIELDS + 1 {
            let k = vm.heap.str(format!("d{i}").as_bytes());
            set_str(vm, t, k, Value::int(0)).expect("memory");
        }
        assert_eq!((*t).shape, vm.shapes.root_dict());
        // Many tables with a key of their own don't make many shapes.
        let before = format!("{:?}", vm.shapes);
        for i in 0..2000 {
            let t = table(vm);
            let k = vm.heap.str(format!("own{i}").as_bytes());
            set_str(vm, t, k, Value::int(i)).expect("memory");
            assert!(get_str(t, k).raw_eq(Value::int(i)));
        }
        let made = |s: &str| {
            s.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
                .parse::<u64>()
                .unwrap_or(0)
        };
        assert!(made(&format!("{:?}", vm.shapes)) - made(&before) < 100);
    }
}

#[test]
fn paths_branch() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: the tables are live throughout.
    unsafe {
        let mut tables = Vec::new();
        for branch in 0..40 {
            let t = table(vm);
            for i in 0..30 {
                let name = if i < branch {
                    format!("s{i}")
                } else {
                    format!("b{branch}_{i}")
                };
                let k = vm.heap.str(name.as_bytes());
                set_field(vm, t, k, Value::int(i)).expect("memory");
            }
            tables.push(t);
        }
        for (branch, &t) in tables.iter().enumerate() {
            for i in 0..30 {
                let name = if i < branch as i64 {
                    format!("s{i}")
                } else {
                    format!("b{branch}_{i}")
                };
                let k = vm.heap.str(name.as_bytes());
                assert!(get_str(t, k).raw_eq(Value::int(i)));
            }
            let k = vm.heap.str(b"b7_29");
            assert_eq!(get_str(t, k).is_nil(), branch != 7);
        }
    }
}

#[test]
fn lists_and_reservations() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: the tables are live throughout.
    unsafe {
        let t = table(vm);
        let ints: Vec<Value> = (1..=50).map(Value::int).collect();
        set_list(vm, t, 1, &ints).expect("memory");
        assert_eq!(
            ((*t).arr_kind, (*t).arr_cap, len(t)),
            (ArrKind::Int, 50, 50)
        );
        set_list(vm, t, 51, &[Value::bool(true), NIL, Value::float(1.0), NIL]).expect("memory");
        assert_eq!(((*t).arr_kind, len(t)), (ArrKind::Mixed, 53));
        assert!(get_int(t, 50).raw_eq(Value::int(50)) && get_int(t, 52).is_nil());
        check(t);
        let t = table(vm);
        set_list(vm, t, 1, &[NIL, NIL, Value::int(3)]).expect("memory");
        assert_eq!(len(t), 3);
        let t = table(vm);
        set_list(vm, t, 1, &[NIL, NIL]).expect("memory");
        assert_eq!(len(t), 0);
        reserve(vm, t, 1000, 100).expect("memory");
        let bytes = part_bytes(t);
        for i in 1..=1000 {
            set_int(vm, t, i, Value::float(0.5)).expect("memory");
        }
        for i in 0..100 {
            set(vm, t, Value::float(i as f64 + 0.5), Value::int(i)).expect("memory");
        }
        assert_eq!(part_bytes(t), bytes, "nothing had to grow");
        assert_eq!((*t).arr_kind, ArrKind::Float);
        assert!(reserve(vm, t, usize::MAX, 0).is_err());
        assert!(reserve(vm, t, 0, usize::MAX).is_err());
        check(t);
    }
}

#[test]
fn sites_learn() {
    let mut vm = vm();
    let vm = &mut *vm;
    let site = add_site(vm);
    // SAFETY: the tables are live throughout.
    unsafe {
        for _ in 0..100 {
            let t = new_table_at(vm, site, 0, 0).expect("memory");
            for i in 1..=40 {
                set_int(vm, t, i, Value::float(0.5)).expect("memory");
            }
            for name in ["a", "b", "c", "d", "e"] {
                let k = vm.heap.str(name.as_bytes());
                set_field(vm, t, k, Value::int(1)).expect("memory");
            }
        }
        let learned = vm.sites[site as usize];
        assert_eq!(learned.kind(), Some(ArrKind::Float));
        assert_eq!(learned.elements(), 64);
        assert_eq!(learned.inline_fields(), 6);
        let t = new_table_at(vm, site, 0, 0).expect("memory");
        assert_eq!(part_bytes(t), 0, "an empty table costs nothing more");
        let t = new_table_at(vm, site, 500, 3).expect("memory");
        assert_eq!(((*t).arr_cap, (*t).inline_cap), (500, 6));
    }
}

#[test]
fn parts_are_accounted() {
    let mut vm = vm();
    let vm = &mut *vm;
    let mut r = Random(5);
    let mut tables = Vec::new();
    // Shapes and strings first, so that only tables' parts are counted.
    for pass in 0..2 {
        let mut r2 = Random(77);
        let before = vm.heap.bytes;
        let mut cells = 0;
        for style in 0..4 {
            let t = table(vm);
            cells += 64;
            for _ in 0..300 {
                let k = random_key(&mut r2, style);
                if matches!(&k, Key::Str(s) if s.len() > 40) {
                    continue;
                }
                let k = value(vm, &k);
                let v = if r.below(4) == 0 { NIL } else { Value::int(1) };
                // SAFETY: `t` is live.
                unsafe { set(vm, t, k, v).expect("memory") };
            }
            tables.push(t);
        }
        if pass == 1 {
            // SAFETY: the tables are live and not used any more.
            unsafe {
                let parts: usize = tables[4..].iter().map(|&t| part_bytes(t)).sum();
                assert!(vm.heap.bytes - before >= parts);
                for &t in &tables[4..] {
                    free_parts(&mut vm.heap, t);
                }
            }
            assert!(
                vm.heap.bytes - before <= cells + 5120,
                "{} left",
                vm.heap.bytes - before
            );
        }
    }
}

#[test]
fn shapes_that_differ_in_the_metatable_are_a_family() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: the tables are live: nothing is collected before the end.
    unsafe {
        let plain = table(vm);
        let [a, b] = [0, 1].map(|_| {
            let (t, meta) = (table(vm), table(vm));
            let x = vm.heap.str(b"x");
            set_field(vm, t, x, Value::int(1)).expect("memory");
            crate::metatable::set_metatable(vm, t, meta);
            t
        });
        for (n, name) in ["x", "y", "z"].into_iter().enumerate() {
            for t in [plain, a, b] {
                let k = vm.heap.str(name.as_bytes());
                set_field(vm, t, k, Value::int(1)).expect("memory");
            }
            if n > 0 {
                assert_ne!((*a).shape, (*b).shape);
            }
        }
        let family = (*plain).shape;
        for t in [plain, a, b] {
            let shape = (*t).shape;
            assert_eq!(((*shape).family, (*shape).path), (family, (*family).path));
            assert_eq!(introducer(shape, 2), introducer(family, 2));
        }
        // Facts are those of the family.
        let z = vm.heap.str(b"z");
        set_field(vm, b, z, Value::bool(true)).expect("memory");
        let facts = &*introducer((*a).shape, 2);
        assert_eq!(facts.field_tags, 1 << tag::INT | 1 << tag::TRUE);
        assert!(facts.field_reassigned);
        // Another order is another family.
        let other = table(vm);
        let y = vm.heap.str(b"y");
        set_field(vm, other, y, Value::int(1)).expect("memory");
        assert_ne!((*(*other).shape).family, family);
        let meta = table(vm);
        crate::metatable::set_metatable(vm, other, meta);
        assert_eq!((*(*other).shape).family, (*(*other).shape).parent);
        // What has too many keys of the family's has none.
        for n in 0..=MAX_FIELDS {
            let k = vm.heap.str(format!("k{n}").as_bytes());
            set_field(vm, a, k, Value::int(1)).expect("memory");
        }
        assert_ne!((*(*a).shape).hdr.flags & shapeflag::DICT, 0);
        assert_eq!((*(*a).shape).family, (*a).shape);
    }
    crate::heap::verify(vm).expect("a sound heap");
    // SAFETY: nothing holds objects any more.
    unsafe { crate::heap::full_collect(vm) };
    crate::heap::verify(vm).expect("a sound heap");
}

#[test]
fn metatable_shapes_are_bounded_and_do_not_deepen() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: the tables are live throughout.
    unsafe {
        let t = table(vm);
        let (m1, m2) = (table(vm), table(vm));
        let x = vm.heap.str(b"x");
        set_field(vm, t, x, Value::int(1)).expect("memory");
        let plain = (*t).shape;
        for _ in 0..10 {
            crate::metatable::set_metatable(vm, t, m1);
            assert_eq!((*(*t).shape).parent, plain);
            crate::metatable::set_metatable(vm, t, m2);
            assert_eq!((*(*t).shape).parent, plain);
            crate::metatable::set_metatable(vm, t, std::ptr::null_mut());
            assert_eq!((*t).shape, plain);
        }
        assert_ne!((*m1).hdr.flags & tabflag::METATABLE, 0);
        for i in 0..1000 {
            let (t, m) = (table(vm), table(vm));
            set_field(vm, t, x, Value::int(i)).expect("memory");
            crate::metatable::set_metatable(vm, t, m);
            assert_eq!((*(*t).shape).meta, m);
            assert!(get_str(t, x).raw_eq(Value::int(i)));
            let y = vm.heap.str(b"y");
            set_field(vm, t, y, Value::int(2)).expect("memory");
            assert_eq!((*(*t).shape).meta, m);
        }
        assert!((*plain).edges.metas <= 256);
    }
}
