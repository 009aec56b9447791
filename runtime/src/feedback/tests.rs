//! Inline caches against uncached look-ups.

use super::*;
use crate::metatable::{set_metatable, set_type_metatable};
use crate::native::{Cx, Ret};
use crate::object::{NativeKind, Str, shapeflag};
use crate::state::Vm;
use crate::table::{self, set_field, tests::vm};
use crate::value::NIL;

struct Site {
    slot: FeedbackSlot,
    key: *mut Str,
}

impl Site {
    fn new(vm: &mut Vm, key: &str) -> Site {
        Site {
            slot: FeedbackSlot::new(SlotKind::Field),
            key: vm.heap.str(key.as_bytes()),
        }
    }

    /// As the interpreter does it; and it must be what `index` finds.
    fn get(&mut self, vm: &mut Vm, obj: Value) -> Lookup {
        // SAFETY: the test's values are live; nothing collects.
        unsafe {
            let want = index(vm, obj, Value::str(self.key));
            let got = match obj
                .is_table()
                .then(|| try_get_field(&self.slot, obj.as_table(), self.key, vm.meta_epoch))
            {
                Some(Some(v)) => Lookup::Value(v),
                _ => get_field_miss(vm, &mut self.slot, obj, self.key),
            };
            match (got, want) {
                (Lookup::Value(a), Lookup::Value(b)) => assert!(a.raw_eq(b), "{a:?} for {b:?}"),
                (
                    Lookup::Call {
                        handler: a,
                        receiver: b,
                    },
                    Lookup::Call {
                        handler: c,
                        receiver: d,
                    },
                ) => {
                    assert!(a.raw_eq(c) && b.raw_eq(d));
                }
                (Lookup::NotIndexable(a), Lookup::NotIndexable(b)) => assert!(a.raw_eq(b)),
                (Lookup::Loop, Lookup::Loop) => {}
                (a, b) => panic!("{a:?} for {b:?}"),
            }
            got
        }
    }

    fn int(&mut self, vm: &mut Vm, t: *mut Table) -> i64 {
        match self.get(vm, Value::table(t)) {
            Lookup::Value(v) if v.tag == tag::INT => v.as_int(),
            Lookup::Value(v) if v.is_nil() => -1,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the first cache answers.
    fn hits(&self, vm: &Vm, t: *mut Table) -> bool {
        // SAFETY: the test's tables are live.
        unsafe { try_get_field(&self.slot, t, self.key, vm.meta_epoch).is_some() }
    }

    fn set(&mut self, vm: &mut Vm, t: *mut Table, v: Value) -> Option<Store> {
        // SAFETY: the test's values are live.
        unsafe {
            let epoch = vm.meta_epoch;
            if try_set_field(&mut vm.heap, &self.slot, t, self.key, v, epoch) {
                return None;
            }
            let done =
                set_field_miss(vm, &mut self.slot, Value::table(t), self.key, v).expect("memory");
            Some(done)
        }
    }
}

fn object(vm: &mut Vm, fields: &[(&str, i64)]) -> *mut Table {
    let t = vm.heap.new_table(vm.shapes.root(), 2);
    for &(name, v) in fields {
        let key = vm.heap.str(name.as_bytes());
        // SAFETY: `t` was just created.
        unsafe { set_field(vm, t, key, Value::int(v)).expect("memory") };
    }
    t
}

fn put(vm: &mut Vm, t: *mut Table, name: &str, v: Value) {
    let key = vm.heap.str(name.as_bytes());
    // SAFETY: the test's tables are live.
    unsafe { table::set_str(vm, t, key, v).expect("memory") };
}

#[test]
fn own_fields() {
    let mut vm = vm();
    let vm = &mut *vm;
    let mut x = Site::new(vm, "x");
    for i in 0..5 {
        let t = object(vm, &[("x", i), ("y", 0)]);
        assert_eq!(x.int(vm, t), i);
        assert!(x.hits(vm, t));
        put(vm, t, "x", NIL);
        assert_eq!(x.int(vm, t), -1);
        assert!(x.hits(vm, t), "nil without metatable is an answer");
    }
    assert_eq!(x.slot.summary(), Summary::Mono);
    let t = object(vm, &[("y", 1)]);
    assert_eq!(x.int(vm, t), -1);
    assert!(!x.hits(vm, t));
    assert_eq!(x.slot.summary(), Summary::Poly(2));
    for last in ["c", "d", "e", "f", "g", "h", "i"] {
        let t = object(vm, &[("a", 1), ("b", 2), (last, 3), ("x", 7)]);
        assert_eq!(x.int(vm, t), 7);
        assert_eq!(x.int(vm, t), 7);
    }
    assert_eq!(x.slot.summary(), Summary::Mega);
    for i in 0..5000 {
        let t = object(vm, &[("y", 1), ("x", i)]);
        assert_eq!(x.int(vm, t), i);
    }
    assert_eq!(x.slot.summary(), Summary::Mono, "tries again");
}

#[test]
fn methods_and_what_changes_them() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: all tables are live; nothing collects.
    unsafe {
        let base = object(vm, &[("m", 1)]);
        let class = object(vm, &[("other", 5)]);
        for t in [base, class] {
            put(vm, t, "__index", Value::table(t));
        }
        set_metatable(vm, class, base);
        let o = object(vm, &[("x", 0)]);
        set_metatable(vm, o, class);
        let mut m = Site::new(vm, "m");
        assert_eq!(m.int(vm, o), 1);
        assert!(m.hits(vm, o));
        put(vm, class, "__index", Value::table(class));
        assert!(m.hits(vm, o), "the same handler again changes nothing");
        put(vm, base, "m", Value::int(2));
        assert!(m.hits(vm, o), "the holder's value may change");
        assert_eq!(m.int(vm, o), 2);
        put(vm, class, "other", Value::int(6));
        put(vm, class, "m", Value::int(3));
        assert!(!m.hits(vm, o), "a table on the way got the key");
        assert_eq!(m.int(vm, o), 3);
        assert!(m.hits(vm, o));
        put(vm, class, "m", NIL);
        assert_eq!(m.int(vm, o), 2);
        put(vm, class, "m", Value::int(4));
        assert_eq!(m.int(vm, o), 4, "nil on the way became something");
        put(vm, class, "m", NIL);
        assert_eq!(m.int(vm, o), 2);
        set_metatable(vm, class, std::ptr::null_mut());
        assert_eq!(m.int(vm, o), -1);
        assert!(m.hits(vm, o), "absent is cached");
        put(vm, class, "__index", Value::table(base));
        assert_eq!(m.int(vm, o), 2);
        put(vm, class, "__index", NIL);
        assert_eq!(m.int(vm, o), -1);
        set_metatable(vm, base, base);
        put(vm, class, "__index", Value::table(base));
        put(vm, o, "m", Value::int(9));
        assert_eq!(m.int(vm, o), 9);
        put(vm, o, "m", NIL);
        assert_eq!(m.int(vm, o), 2, "an own nil does not hide the class");
        let mut none = Site::new(vm, "none");
        assert!(matches!(none.get(vm, Value::table(o)), Lookup::Loop));
        assert!(matches!(
            none.get(vm, Value::int(1)),
            Lookup::NotIndexable(_)
        ));
    }
}

#[test]
fn dictionaries_are_cached_by_entry() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: all tables are live; nothing collects.
    unsafe {
        let names: Vec<String> = (0..200).map(|i| format!("n{i}")).collect();
        let fields: Vec<(&str, i64)> = names
            .iter()
            .enumerate()
            .map(|(i, n)| (&**n, i as i64))
            .collect();
        let d = object(vm, &fields);
        assert_ne!((*(*d).shape).hdr.flags & shapeflag::DICT, 0);
        let mut n7 = Site::new(vm, "n7");
        assert_eq!(n7.int(vm, d), 7);
        assert!(n7.hits(vm, d));
        put(vm, d, "n7", NIL);
        assert_eq!(n7.int(vm, d), -1);
        put(vm, d, "n7", Value::int(8));
        for i in 0..1000 {
            put(vm, d, &format!("more{i}"), Value::int(1));
        }
        assert_eq!(n7.int(vm, d), 8);
        let mut store = Site::new(vm, "n7");
        assert!(store.set(vm, d, Value::int(10)).is_some());
        assert!(store.set(vm, d, Value::int(11)).is_none(), "by the cache");
        assert_eq!(n7.int(vm, d), 11);
        let o = object(vm, &[]);
        let meta = object(vm, &[]);
        put(vm, meta, "__index", Value::table(d));
        set_metatable(vm, o, meta);
        assert_eq!(n7.int(vm, o), 11);
        assert_eq!(n7.int(vm, o), 11);
        put(vm, d, "n7", Value::int(12));
        assert_eq!(n7.int(vm, o), 12);
        put(vm, d, "n7", NIL);
        assert_eq!(n7.int(vm, o), -1);
    }
}

#[test]
fn stores() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: all tables are live; nothing collects.
    unsafe {
        let mut x = Site::new(vm, "x");
        let mut y = Site::new(vm, "y");
        for i in 0..4 {
            let t = object(vm, &[]);
            let by_cache = i > 0;
            assert_eq!(x.set(vm, t, Value::int(i)).is_none(), by_cache);
            assert_eq!(y.set(vm, t, Value::int(i)).is_none(), by_cache);
            assert_eq!(Site::new(vm, "y").int(vm, t), i);
        }
        // Another tag is told to the shape once.
        let t = object(vm, &[]);
        assert!(x.set(vm, t, Value::float(0.5)).is_some());
        let t = object(vm, &[]);
        assert!(x.set(vm, t, Value::float(0.5)).is_none());
        let intro = table::introducer((*t).shape, 0);
        assert_eq!((*intro).field_tags, 1 << tag::INT | 1 << tag::FLOAT);
        assert!(!(*intro).field_reassigned);
        let mut again = Site::new(vm, "x");
        assert!(again.set(vm, t, Value::int(1)).is_some());
        assert!((*intro).field_reassigned);
        assert!(again.set(vm, t, NIL).is_some());
        assert!(
            again.set(vm, t, Value::int(2)).is_none(),
            "over nil, without metatable"
        );
        assert!(again.set(vm, t, NIL).is_none());

        // A metatable that gets `__newindex` later.
        let meta = object(vm, &[]);
        let sink = object(vm, &[]);
        set_metatable(vm, t, meta);
        let mut again = Site::new(vm, "x");
        assert!(matches!(again.set(vm, t, Value::int(3)), Some(Store::Done)));
        assert!(again.set(vm, t, NIL).is_none());
        assert!(again.set(vm, t, Value::int(4)).is_none());
        assert!(again.set(vm, t, NIL).is_none());
        put(vm, meta, "__newindex", Value::table(sink));
        assert!(again.set(vm, t, Value::int(5)).is_some());
        assert_eq!(Site::new(vm, "x").int(vm, t), -1);
        assert_eq!(Site::new(vm, "x").int(vm, sink), 5);
        let o = object(vm, &[]);
        set_metatable(vm, o, meta);
        assert!(again.set(vm, o, Value::int(6)).is_some());
        assert_eq!(Site::new(vm, "x").int(vm, sink), 6);
        assert!(again.set(vm, o, Value::int(7)).is_some());
        assert_eq!(Site::new(vm, "x").int(vm, sink), 7);
        let f = Value::light(1);
        put(vm, meta, "__newindex", f);
        assert!(matches!(
            again.set(vm, o, Value::int(8)),
            Some(Store::NotIndexable(_))
        ));
    }
}

#[test]
fn nil_where_no_field_is() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: all tables are live; nothing collects.
    unsafe {
        let mut x = Site::new(vm, "x");
        let of = |x: &Site| (x.slot.summary(), x.slot.data.field.state);
        for i in 0..4 {
            let t = object(vm, &[("a", 1)]);
            assert_eq!(x.set(vm, t, NIL).is_none(), i > 0);
            assert_eq!(Site::new(vm, "x").int(vm, t), -1);
        }
        assert_eq!(of(&x), (Summary::Mono, CacheState::Absent));
        // What adds the field takes its place, and still knows of nil.
        for i in 0..4 {
            let t = object(vm, &[("a", 1)]);
            assert_eq!(x.set(vm, t, Value::int(i)).is_none(), i > 0);
            assert_eq!(Site::new(vm, "x").int(vm, t), i);
            let t = object(vm, &[("a", 1)]);
            assert!(x.set(vm, t, NIL).is_none());
            assert_eq!(Site::new(vm, "x").int(vm, t), -1);
        }
        assert_eq!(of(&x), (Summary::Mono, CacheState::Add));
        // The other way round.
        let mut y = Site::new(vm, "y");
        for value in [Value::int(1), NIL, NIL] {
            let t = object(vm, &[("a", 1)]);
            let known = value.is_nil() && y.slot.data.field.flags & NIL_TOO != 0;
            assert_eq!(y.set(vm, t, value).is_none(), known);
        }
        assert_eq!(of(&y), (Summary::Mono, CacheState::Add));
        assert_ne!(y.slot.data.field.flags & NIL_TOO, 0);

        // A metatable that gets `__newindex` later.
        let (meta, sink) = (object(vm, &[]), object(vm, &[("x", 7)]));
        let mut x = Site::new(vm, "x");
        for i in 0..2 {
            let t = object(vm, &[]);
            set_metatable(vm, t, meta);
            assert_eq!(x.set(vm, t, NIL).is_none(), i > 0);
        }
        put(vm, meta, "__newindex", Value::table(sink));
        let t = object(vm, &[]);
        set_metatable(vm, t, meta);
        assert!(x.set(vm, t, NIL).is_some());
        assert_eq!(Site::new(vm, "x").int(vm, sink), -1);
    }
}

#[test]
fn metamethod_keys_are_noticed_however_they_are_stored() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: all tables are live; nothing collects.
    unsafe {
        let meta = object(vm, &[]);
        let o = object(vm, &[]);
        set_metatable(vm, o, meta);
        let v = Value::table(o);
        assert!(metatable_event(vm, v).is_nil());
        assert_ne!((*meta).absent, 0);
        let mut len = Site::new(vm, "__len");
        for round in 0..3 {
            len.set(vm, meta, Value::int(round));
            assert!(metatable_event(vm, v).raw_eq(Value::int(round)));
            len.set(vm, meta, NIL);
            assert!(metatable_event(vm, v).is_nil());
        }
    }
}

fn metatable_event(vm: &mut Vm, v: Value) -> Value {
    crate::metatable::metamethod(vm, v, crate::metatable::Event::Len)
}

#[test]
fn methods_of_strings() {
    let mut vm = vm();
    let vm = &mut *vm;
    // SAFETY: all values are live; nothing collects.
    unsafe {
        let lib = object(vm, &[("len", 1), ("rep", 2)]);
        let meta = object(vm, &[]);
        put(vm, meta, "__index", Value::table(lib));
        let s = Value::str(vm.heap.str(b"text"));
        let mut len = Site::new(vm, "len");
        assert!(matches!(len.get(vm, s), Lookup::NotIndexable(_)));
        set_type_metatable(vm, s, meta);
        assert!(matches!(len.get(vm, s), Lookup::Value(v) if v.as_int() == 1));
        assert_eq!(len.slot.data.field.state, CacheState::Prim);
        put(vm, lib, "len", Value::int(3));
        assert!(matches!(len.get(vm, s), Lookup::Value(v) if v.as_int() == 3));
        let t = object(vm, &[("len", 4)]);
        assert_eq!(len.int(vm, t), 4);
        assert!(matches!(len.get(vm, s), Lookup::Value(v) if v.as_int() == 3));
        set_type_metatable(vm, s, std::ptr::null_mut());
        assert!(matches!(len.get(vm, s), Lookup::NotIndexable(_)));
    }
}

#[test]
fn dead_shapes_are_dropped() {
    let mut vm = vm();
    let vm = &mut *vm;
    let mut x = Site::new(vm, "x");
    let shapes: Vec<*mut GcHeader> = (0..3)
        .map(|i| {
            let t = object(vm, &[(["a", "b", "c"][i], 0), ("x", i as i64)]);
            x.int(vm, t);
            // SAFETY: `t` was just created.
            unsafe { (*t).shape.cast() }
        })
        .collect();
    assert_eq!(x.slot.summary(), Summary::Poly(3));
    // SAFETY: nothing was freed.
    unsafe {
        x.slot.clear_dead(vm.meta_epoch, &mut |p| p == shapes[0]);
        assert_eq!(x.slot.summary(), Summary::Poly(2));
        assert!(
            x.slot
                .caches()
                .all(|c| shapes[1..].contains(&c.shape.cast()))
        );
        x.slot.clear_dead(vm.meta_epoch, &mut |_| true);
    }
    assert_eq!(x.slot.summary(), Summary::Unused);
}

#[test]
fn calls_are_summarised() {
    let mut slot = FeedbackSlot::new(SlotKind::Call);
    let state = |slot: &FeedbackSlot| {
        // SAFETY: the slot is of kind `Call`.
        unsafe { slot.data.call.state }
    };
    fn one(cx: &mut Cx<'_>) -> crate::error::Result<Ret> {
        cx.ret_int(1)
    }
    fn two(cx: &mut Cx<'_>) -> crate::error::Result<Ret> {
        cx.ret_int(2)
    }
    let mut vm = vm();
    let mut native = |f| Value::native(vm.heap.new_native(f, "f", NativeKind::Plain, &[]));
    let (first, twin, other) = (native(one), native(one), native(two));
    assert!(slot.record_call(first));
    assert!(!slot.record_call(first));
    assert_eq!(state(&slot), CallState::Same);
    slot.record_call(twin);
    assert_eq!(state(&slot), CallState::SameProto);
    // SAFETY: the slot refers to no shape.
    unsafe { slot.clear_dead(0, &mut |_| false) };
    slot.record_call(twin);
    assert_eq!(state(&slot), CallState::Same);
    slot.record_call(other);
    assert_eq!(state(&slot), CallState::Mixed);
    slot.reset();
    assert_eq!(state(&slot), CallState::Empty);
}
