//! The library called from Rust, in a VM that can't run Lua code: arguments,
//! results and messages of functions that call nothing back.

use super::io::stream::Stream;
use super::shared::{field, geti, new_table, seti};
use super::*;
use crate::error::Cause;
use crate::native::{Cx, NativeFn};
use crate::state::{Exec, VmConfig};
use crate::value::tag;
use std::io::Write;
use std::sync::{Arc, Mutex};

fn vm_with(config: &VmConfig) -> Box<Vm> {
    let exec = Exec {
        call: |_, _, _, _| Ok(0),
        compile: |_, _, name| Ok(Err([name, b": not compiled"].concat())),
        instrument: |_| {},
        close_thread: |_, _| Ok(()),
        finalize: |_, _| Ok(()),
        entry: std::ptr::null(),
        epoch_changed: |_| {},
        upvalues_set: |_| {},
        loaded: |_, _| Ok(()),
    };
    let mut vm = Vm::new(config, exec).expect("address space for a stack");
    open_all(&mut vm).expect("memory");
    vm
}

fn vm() -> Box<Vm> {
    vm_with(&VmConfig {
        seed: Some(1),
        ..VmConfig::default()
    })
}

/// The function `library.name`, or a global.
fn find(vm: &mut Vm, path: &str) -> Value {
    let mut t = vm.globals;
    let mut v = NIL;
    for name in path.split('.') {
        v = field(vm, t, name.as_bytes()).expect("memory");
        if v.is_table() {
            t = v.as_table();
        }
    }
    assert_eq!(v.tag, tag::NATIVE, "{path}");
    v
}

/// Calls a host function; its results, or the message of its error.
fn call(vm: &mut Vm, path: &str, args: &[Value]) -> std::result::Result<Vec<Value>, String> {
    let f = find(vm, path);
    vm.top = vm.stack.wrapping_add(2);
    vm.grow_stack(args.len() + 64).expect("room");
    // SAFETY: the stack has room for the frame; nothing else uses it.
    let code: NativeFn = unsafe {
        *vm.stack = f;
        *vm.stack.add(1) = NIL;
        for (i, v) in args.iter().enumerate() {
            *vm.stack.add(2 + i) = *v;
        }
        vm.top = vm.stack.add(2 + args.len());
        vm.base = vm.stack.add(2);
        (*f.as_native()).f
    };
    let result = code(&mut Cx {
        vm,
        base: 2,
        n: args.len(),
    });
    vm.base = std::ptr::null_mut();
    match result {
        // SAFETY: results start at the function's slot.
        Ok(count) => Ok((0..count.0 as usize)
            .map(|i| unsafe { *vm.stack.add(i) })
            .collect()),
        Err(e) => Err(match *e.0 {
            Cause::Lua(v) if v.is_str() => {
                String::from_utf8_lossy(vm.bytes(v.as_str())).into_owned()
            }
            other => format!("{other:?}"),
        }),
    }
}

fn one(vm: &mut Vm, path: &str, args: &[Value]) -> Value {
    let results = call(vm, path, args).expect("no error");
    assert_eq!(results.len(), 1, "{path}");
    results[0]
}

fn text(vm: &mut Vm, v: Value) -> String {
    assert!(v.is_str(), "{v:?}");
    String::from_utf8_lossy(vm.bytes(v.as_str())).into_owned()
}

fn string(vm: &mut Vm, s: &str) -> Value {
    vm.str_value(s.as_bytes()).expect("memory")
}

fn list(vm: &mut Vm, values: &[Value]) -> Value {
    let t = new_table(vm);
    for (i, v) in values.iter().enumerate() {
        seti(vm, t, i as i64 + 1, *v).expect("memory");
    }
    Value::table(t)
}

fn ints(vm: &mut Vm, values: impl IntoIterator<Item = i64>) -> Value {
    let values: Vec<Value> = values.into_iter().map(Value::int).collect();
    list(vm, &values)
}

fn contents(t: Value) -> Vec<String> {
    (1..)
        .map(|i| geti(t.as_table(), i))
        .take_while(|v| !v.is_nil())
        .map(|v| format!("{v:?}"))
        .collect()
}

#[test]
fn every_name_of_lua_is_there() {
    let names = "assert collectgarbage dofile error getmetatable ipairs load loadfile next pairs pcall print rawequal \
        rawget rawlen rawset require select setmetatable tonumber tostring type warn xpcall \
        coroutine.close coroutine.create coroutine.isyieldable coroutine.resume coroutine.running coroutine.status \
        coroutine.wrap coroutine.yield \
        debug.debug debug.gethook debug.getinfo debug.getlocal debug.getmetatable debug.getregistry debug.getupvalue \
        debug.getuservalue debug.setcstacklimit debug.sethook debug.setlocal debug.setmetatable debug.setupvalue \
        debug.setuservalue debug.traceback debug.upvalueid debug.upvaluejoin \
        io.close io.flush io.input io.lines io.open io.output io.popen io.read io.tmpfile io.type io.write \
        math.abs math.acos math.asin math.atan math.ceil math.cos math.deg math.exp math.floor math.fmod math.log \
        math.max math.min math.modf math.rad math.random math.randomseed math.sin math.sqrt math.tan math.tointeger \
        math.type math.ult \
        os.clock os.date os.difftime os.execute os.exit os.getenv os.remove os.rename os.setlocale os.time os.tmpname \
        package.loadlib package.searchpath \
        table.concat table.insert table.move table.pack table.remove table.sort table.unpack";
    let mut vm = vm();
    for name in names.split_whitespace() {
        find(&mut vm, name);
    }
}

#[test]
fn select_counts_and_cuts() {
    let mut vm = vm();
    let args = |first: Value| [first, Value::int(10), Value::int(20), Value::int(30)];
    let hash = string(&mut vm, "#");
    assert_eq!(one(&mut vm, "select", &args(hash)).as_int(), 3);
    for (n, expected) in [
        (1, 3),
        (2, 2),
        (3, 1),
        (4, 0),
        (i64::MAX, 0),
        (-1, 1),
        (-3, 3),
    ] {
        let got = call(&mut vm, "select", &args(Value::int(n))).expect("no error");
        assert_eq!(got.len(), expected, "{n}");
        if expected > 0 {
            assert_eq!(got[expected - 1].as_int(), 30);
        }
    }
    for n in [0, -4, i64::MIN] {
        let e = call(&mut vm, "select", &args(Value::int(n))).unwrap_err();
        assert_eq!(e, "bad argument #1 to 'select' (index out of range)");
    }
}

#[test]
fn conversions() {
    let mut vm = vm();
    let cases = [
        ("0x10", None, Some(16)),
        (" 12 ", None, Some(12)),
        ("z", Some(36), Some(35)),
        ("8", Some(8), None),
    ];
    for (s, base, expected) in cases {
        let s = string(&mut vm, s);
        let args: Vec<Value> = std::iter::once(s).chain(base.map(Value::int)).collect();
        let got = one(&mut vm, "tonumber", &args);
        assert_eq!((got.tag == tag::INT).then(|| got.as_int()), expected);
    }
    let e = call(&mut vm, "tonumber", &[Value::int(1), Value::int(10)]).unwrap_err();
    assert_eq!(
        e,
        "bad argument #1 to 'tonumber' (string expected, got number)"
    );
    assert_eq!(
        call(&mut vm, "tonumber", &[]).unwrap_err(),
        "bad argument #1 to 'tonumber' (value expected)"
    );
    let v = one(&mut vm, "type", &[NIL]);
    assert_eq!(text(&mut vm, v), "nil");
    let v = one(&mut vm, "math.type", &[Value::float(1.0)]);
    assert_eq!(text(&mut vm, v), "float");
    assert_eq!(
        one(&mut vm, "math.floor", &[Value::float(-3.5)]).as_int(),
        -4
    );
    assert_eq!(
        one(&mut vm, "math.ceil", &[Value::float(1e300)]).as_float(),
        1e300
    );
    assert_eq!(
        one(
            &mut vm,
            "math.fmod",
            &[Value::int(i64::MIN), Value::int(-1)]
        )
        .as_int(),
        0
    );
    let e = call(&mut vm, "math.fmod", &[Value::int(1), Value::int(0)]).unwrap_err();
    assert_eq!(e, "bad argument #2 to 'math.fmod' (zero)");
}

#[test]
fn insert_and_remove_shift() {
    for kind in 0..3 {
        let mut vm = vm();
        let element = |vm: &mut Vm, i: i64| match kind {
            0 => Value::int(i),
            1 => Value::float(i as f64),
            _ => string(vm, &i.to_string()),
        };
        let t = list(&mut vm, &[]);
        let mut model: Vec<String> = Vec::new();
        let show = |vm: &mut Vm, v: Value| {
            if v.is_str() {
                text(vm, v)
            } else {
                format!("{v:?}")
            }
        };
        let mut seed = 7u64;
        for i in 0..600 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % (model.len() + 1);
            let v = element(&mut vm, i);
            let shown = show(&mut vm, v);
            if i % 3 == 2 && at < model.len() {
                let got = one(&mut vm, "table.remove", &[t, Value::int(at as i64 + 1)]);
                assert_eq!(show(&mut vm, got), model.remove(at));
            } else {
                call(&mut vm, "table.insert", &[t, Value::int(at as i64 + 1), v])
                    .expect("no error");
                model.insert(at, shown);
            }
            let got: Vec<String> = (1..=model.len() as i64)
                .map(|i| show(&mut vm, geti(t.as_table(), i)))
                .collect();
            assert_eq!(got, model);
        }
    }
}

#[test]
fn insert_and_remove_check_positions() {
    let mut vm = vm();
    let t = ints(&mut vm, 1..=3);
    for pos in [0, 5, -1, i64::MIN] {
        let e = call(&mut vm, "table.insert", &[t, Value::int(pos), NIL]).unwrap_err();
        assert_eq!(
            e,
            "bad argument #2 to 'table.insert' (position out of bounds)"
        );
    }
    for pos in [5, -1] {
        let e = call(&mut vm, "table.remove", &[t, Value::int(pos)]).unwrap_err();
        assert_eq!(
            e,
            "bad argument #2 to 'table.remove' (position out of bounds)"
        );
    }
    assert!(one(&mut vm, "table.remove", &[t, Value::int(4)]).is_nil());
    let e = call(&mut vm, "table.insert", &[t]).unwrap_err();
    assert_eq!(e, "wrong number of arguments to 'insert'");
    let empty = list(&mut vm, &[]);
    assert!(one(&mut vm, "table.remove", &[empty]).is_nil());
    let e = call(&mut vm, "table.insert", &[NIL, NIL]).unwrap_err();
    assert_eq!(
        e,
        "bad argument #1 to 'table.insert' (table expected, got nil)"
    );
}

#[test]
fn concat_joins() {
    let mut vm = vm();
    let long = "x".repeat(100);
    for parts in [
        vec![],
        vec!["a"],
        vec!["a", "bc", ""],
        vec![&long, "b", &long],
    ] {
        let values: Vec<Value> = parts.iter().map(|p| string(&mut vm, p)).collect();
        let t = list(&mut vm, &values);
        for sep in ["", ", "] {
            let sep_value = string(&mut vm, sep);
            let got = one(&mut vm, "table.concat", &[t, sep_value]);
            assert_eq!(text(&mut vm, got), parts.join(sep));
        }
    }
    let t = list(
        &mut vm,
        &[Value::int(1), Value::float(2.5), Value::float(3.0)],
    );
    let sep = string(&mut vm, " ");
    let got = one(&mut vm, "table.concat", &[t, sep]);
    assert_eq!(text(&mut vm, got), "1 2.5 3.0");
    let got = one(
        &mut vm,
        "table.concat",
        &[t, sep, Value::int(3), Value::int(2)],
    );
    assert_eq!(text(&mut vm, got), "");
    let e = call(
        &mut vm,
        "table.concat",
        &[t, sep, Value::int(3), Value::int(4)],
    )
    .unwrap_err();
    assert_eq!(e, "invalid value (nil) at index 4 in table for 'concat'");
}

#[test]
fn move_overlaps() {
    let mut vm = vm();
    for (n, first, last, to) in [
        (30, 1, 20, 5),
        (30, 5, 30, 1),
        (30, 1, 30, 31),
        (5, 1, 3, 2),
        (30, 2, 29, 25),
    ] {
        let t = ints(&mut vm, 1..=n);
        let args = [t, Value::int(first), Value::int(last), Value::int(to)];
        assert_eq!(one(&mut vm, "table.move", &args).as_table(), t.as_table());
        let mut model: Vec<i64> = (1..=n).collect();
        for (i, v) in (first..=last).enumerate() {
            let at = (to - 1) as usize + i;
            if at < model.len() {
                model[at] = v;
            } else {
                model.push(v);
            }
        }
        assert_eq!(
            contents(t),
            model.iter().map(|v| v.to_string()).collect::<Vec<_>>()
        );
    }
    let t = ints(&mut vm, 1..=3);
    let range = |a, b, c| [t, Value::int(a), Value::int(b), Value::int(c)];
    let e = call(&mut vm, "table.move", &range(0, i64::MAX, 1)).unwrap_err();
    assert_eq!(
        e,
        "bad argument #3 to 'table.move' (too many elements to move)"
    );
    let e = call(&mut vm, "table.move", &range(1, i64::MAX, 2)).unwrap_err();
    assert_eq!(
        e,
        "bad argument #4 to 'table.move' (destination wrap around)"
    );
}

#[test]
fn unpack_and_pack() {
    let mut vm = vm();
    let t = ints(&mut vm, 1..=300);
    let got = call(&mut vm, "table.unpack", &[t]).expect("no error");
    assert_eq!(
        got.iter().map(|v| v.as_int()).collect::<Vec<_>>(),
        (1..=300).collect::<Vec<_>>()
    );
    let got = call(
        &mut vm,
        "table.unpack",
        &[t, Value::int(299), Value::int(302)],
    )
    .expect("no error");
    assert_eq!(
        got.iter().map(|v| v.is_nil()).collect::<Vec<_>>(),
        [false, false, true, true]
    );
    for (a, b) in [
        (1, i64::MAX),
        (i64::MIN, i64::MAX),
        (0, 1 << 31),
        (1, 10_000_000),
    ] {
        let e = call(&mut vm, "table.unpack", &[t, Value::int(a), Value::int(b)]).unwrap_err();
        assert_eq!(e, "too many results to unpack");
    }
    let t = one(&mut vm, "table.pack", &[NIL, Value::int(2), NIL]);
    assert_eq!(
        field(&mut vm, t.as_table(), b"n").expect("memory").as_int(),
        3
    );
    assert_eq!(geti(t.as_table(), 2).as_int(), 2);
}

#[test]
fn sort_by_value() {
    let mut seed = 3u64;
    let mut random = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % n
    };
    for (n, range) in [
        (0, 1),
        (1, 1),
        (2, 5),
        (100, 10),
        (1000, 1 << 30),
        (20_000, 7),
        (50_000, 1 << 30),
    ] {
        for kind in 0..4 {
            let mut model: Vec<i64> = (0..n).map(|_| random(range) as i64 - 3).collect();
            let mut vm = vm();
            let values: Vec<Value> = model
                .iter()
                .map(|i| match kind {
                    0 => Value::int(*i),
                    1 => Value::float(*i as f64),
                    2 => string(&mut vm, &format!("some{:012}", i + 3)),
                    _ if i % 2 == 0 => Value::int(*i),
                    _ => Value::float(*i as f64),
                })
                .collect();
            let t = list(&mut vm, &values);
            call(&mut vm, "table.sort", &[t]).expect("no error");
            model.sort_unstable();
            for (i, expected) in model.iter().enumerate() {
                let v = geti(t.as_table(), i as i64 + 1);
                let same = match v.tag {
                    tag::INT => v.as_int() == *expected,
                    tag::FLOAT => v.as_float() == *expected as f64,
                    _ => text(&mut vm, v) == format!("some{:012}", expected + 3),
                };
                assert!(same, "{n} {kind} {i}");
            }
        }
    }
    let mut vm = vm();
    let t = list(&mut vm, &[Value::int(1), NIL, Value::bool(true)]);
    seti(&mut vm, t.as_table(), 2, Value::int(0)).expect("memory");
    let e = call(&mut vm, "table.sort", &[t]).unwrap_err();
    assert!(e.contains("attempt to compare"), "{e}");
}

#[test]
fn limits_hold_inside_functions() {
    let mut vm = vm();
    let t = ints(&mut vm, (0..400_000).rev());
    vm.set_instruction_limit(Some(1000));
    let e = call(&mut vm, "table.sort", &[t]).unwrap_err();
    assert!(e.contains("Instructions"), "{e}");
    let e = call(&mut vm, "table.concat", &[t]).unwrap_err();
    assert!(e.contains("Instructions"), "{e}");
    let e = call(
        &mut vm,
        "table.move",
        &[t, Value::int(1), Value::int(1 << 40), Value::int(1 << 41)],
    )
    .unwrap_err();
    assert!(e.contains("Instructions"), "{e}");
}

#[test]
fn next_and_ipairs() {
    let mut vm = vm();
    let t = ints(&mut vm, [5, 6]);
    let got = call(&mut vm, "next", &[t]).expect("no error");
    assert_eq!((got[0].as_int(), got[1].as_int()), (1, 5));
    let got = call(&mut vm, "next", &[t, Value::int(2)]).expect("no error");
    assert!(got.len() == 1 && got[0].is_nil());
    let e = call(&mut vm, "next", &[t, Value::bool(true)]).unwrap_err();
    assert_eq!(e, "invalid key to 'next'");
    let got = call(&mut vm, "pairs", &[t]).expect("no error");
    let next = find(&mut vm, "next");
    assert!(got[0].raw_eq(next) && got[1].raw_eq(t) && got[2].is_nil());
    assert_eq!(
        call(&mut vm, "ipairs", &[]).unwrap_err(),
        "bad argument #1 to 'ipairs' (value expected)"
    );
}

#[test]
fn metatables_are_protected() {
    let mut vm = vm();
    let t = list(&mut vm, &[]);
    let meta = list(&mut vm, &[]);
    assert!(one(&mut vm, "setmetatable", &[t, meta]).raw_eq(t));
    assert!(one(&mut vm, "getmetatable", &[t]).raw_eq(meta));
    let key = string(&mut vm, "__metatable");
    call(&mut vm, "rawset", &[meta, key, Value::int(7)]).expect("no error");
    assert_eq!(one(&mut vm, "getmetatable", &[t]).as_int(), 7);
    let e = call(&mut vm, "setmetatable", &[t, NIL]).unwrap_err();
    assert_eq!(e, "cannot change a protected metatable");
    assert!(one(&mut vm, "debug.getmetatable", &[t]).raw_eq(meta));
    one(&mut vm, "debug.setmetatable", &[t, NIL]);
    assert!(one(&mut vm, "getmetatable", &[t]).is_nil());
    let e = call(&mut vm, "setmetatable", &[t]).unwrap_err();
    assert_eq!(
        e,
        "bad argument #2 to 'setmetatable' (nil or table expected, got no value)"
    );
    let e = call(&mut vm, "rawset", &[t, NIL, NIL]).unwrap_err();
    assert!(e.ends_with("index is nil"), "{e}");
}

/// Collects what is written to it.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn print_and_write_share_standard_output() {
    let mut vm = vm();
    let out = Capture::default();
    vm.lib.std[1] = Stream::writer(Box::new(out.clone()));
    let a = string(&mut vm, "a");
    call(&mut vm, "print", &[a, NIL, Value::float(1.0)]).expect("no error");
    assert_eq!(out.take(), "a\tnil\t1.0\n");
    call(&mut vm, "io.write", &[a, Value::int(-3), Value::float(1.0)]).expect("no error");
    assert_eq!(out.take(), "");
    call(&mut vm, "print", &[]).expect("no error");
    assert_eq!(out.take(), "a-31\n");
    let e = call(&mut vm, "io.write", &[NIL]).unwrap_err();
    assert_eq!(
        e,
        "bad argument #1 to 'io.write' (string expected, got nil)"
    );
}

#[test]
fn warnings() {
    let mut vm = vm();
    let err = Capture::default();
    vm.lib.std[2] = Stream::writer(Box::new(err.clone()));
    let mut warn = |pieces: &[&str]| {
        let pieces: Vec<Value> = pieces.iter().map(|p| string(&mut vm, p)).collect();
        call(&mut vm, "warn", &pieces).expect("no error");
        err.take()
    };
    assert_eq!(warn(&["lost"]), "");
    assert_eq!(warn(&["@on"]), "");
    assert_eq!(warn(&["a", "b"]), "Lua warning: ab\n");
    assert_eq!(warn(&["@unknown"]), "");
    assert_eq!(warn(&["x", "@off"]), "Lua warning: x@off\n");
    assert_eq!(warn(&["@off"]), "");
    assert_eq!(warn(&["lost"]), "");
    assert_eq!(
        call(&mut vm, "warn", &[]).unwrap_err(),
        "bad argument #1 to 'warn' (string expected, got no value)"
    );
}

#[test]
fn files() {
    let mut vm = vm();
    let name = one(&mut vm, "os.tmpname", &[]);
    let mode = string(&mut vm, "w+");
    let file = one(&mut vm, "io.open", &[name, mode]);
    let kind = one(&mut vm, "io.type", &[file]);
    assert_eq!(text(&mut vm, kind), "file");
    call(&mut vm, "io.output", &[file]).expect("no error");
    let data = string(&mut vm, " 12 0x1p4 -7e1x\nline\n\nrest");
    call(&mut vm, "io.write", &[data]).expect("no error");
    call(&mut vm, "io.close", &[]).expect("no error");
    assert_eq!(
        call(&mut vm, "io.write", &[data]).unwrap_err(),
        "default output file is closed"
    );
    call(&mut vm, "io.input", &[name]).expect("no error");
    let formats: Vec<Value> = ["n", "n", "*n", "l", "L", "L", "a", "a", "l"]
        .iter()
        .map(|f| string(&mut vm, f))
        .collect();
    let got = call(&mut vm, "io.read", &formats).expect("no error");
    assert_eq!(
        (got[0].as_int(), got[1].as_float(), got[2].as_float()),
        (12, 16.0, -70.0)
    );
    let texts: Vec<String> = got[3..8].iter().map(|v| text(&mut vm, *v)).collect();
    assert_eq!(texts, ["x", "line\n", "\n", "rest", ""]);
    assert!(got[8].is_nil());
    assert!(one(&mut vm, "io.read", &[Value::int(0)]).is_nil());
    let bad = string(&mut vm, "x");
    let e = call(&mut vm, "io.read", &[bad]).unwrap_err();
    assert_eq!(e, "bad argument #1 to 'io.read' (invalid format)");
    assert_eq!(
        call(&mut vm, "os.remove", &[name]).expect("no error")[0].tag,
        tag::TRUE
    );
    let failed = call(&mut vm, "io.open", &[name]).expect("no error");
    assert!(failed[0].is_nil() && failed[2].as_int() == 2);
    assert!(text(&mut vm, failed[1]).ends_with(": No such file or directory"));
    let e = call(&mut vm, "io.open", &[name, data]).unwrap_err();
    assert_eq!(e, "bad argument #2 to 'io.open' (invalid mode)");
}

#[test]
fn modules_are_searched() {
    let mut vm = vm();
    let (name, path) = (
        string(&mut vm, "a.b"),
        string(&mut vm, "/no/?.lua;/no/?/init.lua"),
    );
    let got = call(&mut vm, "package.searchpath", &[name, path]).expect("no error");
    assert_eq!(
        text(&mut vm, got[1]),
        "no file '/no/a/b.lua'\n\tno file '/no/a/b/init.lua'"
    );
    let got = call(&mut vm, "package.loadlib", &[name, path]).expect("no error");
    assert_eq!(text(&mut vm, got[2]), "absent");
    let math = string(&mut vm, "math");
    let got = one(&mut vm, "require", &[math]);
    assert!(got.is_table());
}

#[test]
fn bytecode_needs_permission() {
    let mut vm = vm();
    let (chunk, mode) = (string(&mut vm, "\x1bx"), string(&mut vm, "b"));
    let got = call(&mut vm, "load", &[chunk]).expect("no error");
    assert_eq!(
        text(&mut vm, got[1]),
        "attempt to load a binary chunk (mode is 't')"
    );
    let source = string(&mut vm, "return 1");
    let got = call(&mut vm, "load", &[source, source, mode]).expect("no error");
    assert_eq!(
        text(&mut vm, got[1]),
        "attempt to load a text chunk (mode is 'b')"
    );
    let got = call(&mut vm, "load", &[source]).expect("no error");
    assert_eq!(text(&mut vm, got[1]), "return 1: not compiled");
}

#[test]
fn dates() {
    let mut vm = vm();
    let format = string(&mut vm, "!%Y-%m-%d %H:%M:%S");
    let got = one(&mut vm, "os.date", &[format, Value::int(86_400)]);
    assert_eq!(text(&mut vm, got), "1970-01-02 00:00:00");
    let format = string(&mut vm, "%Ez");
    let e = call(&mut vm, "os.date", &[format]).unwrap_err();
    assert_eq!(
        e,
        "bad argument #1 to 'os.date' (invalid conversion specifier '%Ez')"
    );
    let t = list(&mut vm, &[]);
    assert_eq!(
        call(&mut vm, "os.time", &[t]).unwrap_err(),
        "field 'year' missing in date table"
    );
    assert!(
        call(&mut vm, "os.exit", &[Value::bool(false)])
            .unwrap_err()
            .contains("Exit(1)")
    );
}

#[test]
fn opening_is_quick() {
    let mut vm = vm_with(&VmConfig::default());
    // Not a measurement: only that nothing grows without bound.
    assert!(vm.heap.bytes < 256 << 10, "{} bytes", vm.heap.bytes);
    open_selected(&mut vm).expect("memory");
}

#[test]
fn host_functions_keep_their_upvalues() {
    let mut vm = vm();
    let print = find(&mut vm, "print");
    let wrapped = one(&mut vm, "coroutine.wrap", &[print]);
    let got = call(&mut vm, "debug.getupvalue", &[wrapped, Value::int(1)]).expect("no error");
    assert_eq!(got[1].tag, tag::THREAD);
    let args = [wrapped, Value::int(1), Value::int(42)];
    assert!(
        call(&mut vm, "debug.setupvalue", &args)
            .expect("no error")
            .is_empty()
    );
    assert_eq!(one(&mut vm, "debug.upvalueid", &args[..2]).tag, tag::LIGHT);
    assert!(one(&mut vm, "debug.upvalueid", &[wrapped, Value::int(2)]).is_nil());
    let join = [wrapped, Value::int(1), wrapped, Value::int(1)];
    let e = call(&mut vm, "debug.upvaluejoin", &join).unwrap_err();
    assert_eq!(
        e,
        "bad argument #1 to 'debug.upvaluejoin' (Lua function expected)"
    );
}

#[test]
fn hooks_are_remembered() {
    let mut vm = vm();
    assert!(one(&mut vm, "debug.gethook", &[]).is_nil());
    let (print, mask) = (find(&mut vm, "print"), string(&mut vm, "lrx"));
    call(&mut vm, "debug.sethook", &[print, mask, Value::int(7)]).expect("no error");
    let got = call(&mut vm, "debug.gethook", &[]).expect("no error");
    assert!(got[0].raw_eq(print) && got[2].as_int() == 7);
    assert_eq!(text(&mut vm, got[1]), "rl");
    call(&mut vm, "debug.sethook", &[]).expect("no error");
    assert!(one(&mut vm, "debug.gethook", &[]).is_nil());
}

#[test]
fn leaves_do_what_their_functions_do_or_refuse() {
    let mut vm = vm();
    let short = vm.str_value(b"hello").expect("memory");
    let number = vm.str_value(b" 0x10 ").expect("memory");
    let empty = vm.str_value(b"").expect("memory");
    let list = |vm: &mut Vm, n: i64| {
        let t = new_table(vm);
        for i in 1..=n {
            seti(vm, t, i, Value::int(i * 10)).expect("memory");
        }
        Value::table(t)
    };
    let some = [
        NIL,
        Value::bool(true),
        Value::int(0),
        Value::int(2),
        Value::int(-1),
        Value::int(i64::MIN),
        Value::float(3.0),
        Value::float(0.5),
        short,
        number,
        empty,
    ];
    let names = [
        "string.sub",
        "string.byte",
        "string.char",
        "string.len",
        "string.rep",
        "string.lower",
        "string.upper",
        "getmetatable",
        "tostring",
        "tonumber",
        "rawget",
        "rawset",
        "rawlen",
        "rawequal",
        "table.insert",
        "table.remove",
        "math.tointeger",
        "math.type",
        "math.ult",
        "math.sin",
        "math.cos",
        "math.exp",
        "math.log",
        "math.random",
    ];
    let mut done = 0;
    for name in names {
        // SAFETY: what a library function's name stands for is a host function.
        let address = unsafe { (*find(&mut vm, name).as_native()).f } as usize;
        let mut known = 0;
        for (counts, leaf) in super::leaf::leaves(address) {
            for n in counts {
                known += 1;
                // All arguments, with and without a table in front.
                for round in 0..2 * some.len().pow(2) {
                    let (x, y) = (round / 2 % some.len(), round / 2 / some.len());
                    let mut args: Vec<Value> = vec![some[x], some[y], some[(x + y) % some.len()]];
                    args.resize(usize::from(n), Value::int(7));
                    let mut pair = [args.clone(), args];
                    if round % 2 == 1 && n > 0 {
                        let len = (round / 2 % 3) as i64;
                        pair[0][0] = list(&mut vm, len);
                        pair[1][0] = list(&mut vm, len);
                    }
                    let [mut args, same] = pair;
                    let seed = vm.lib.rng.clone();
                    let wanted = call(&mut vm, name, &same);
                    vm.lib.rng = seed;
                    args.resize(args.len().max(1), NIL);
                    // SAFETY: there is a place for the result.
                    let did = unsafe { (leaf.f)(&mut *vm, args.as_mut_ptr(), n.into()) };
                    if did == 0 {
                        continue;
                    }
                    done += 1;
                    let wanted = wanted.unwrap_or_else(|e| panic!("{name}: {e}"));
                    let wanted = wanted.first().copied().unwrap_or(NIL);
                    let v = args[0];
                    assert!(leaf.result.is_none_or(|t| t == v.tag), "{name}: {v:?}");
                    if n > 0 && same[0].is_table() {
                        let (a, b) = (same[0].as_table(), wanted);
                        if b.is_table() {
                            assert!(v.is_table(), "{name}");
                        } else {
                            assert!(v.raw_eq(b), "{name}: {v:?}, not {b:?}");
                        }
                        if let Some(t) = args.iter().find(|v| v.is_table()) {
                            for i in 0..6 {
                                let (x, y) = (geti(t.as_table(), i), geti(a, i));
                                assert!(x.raw_eq(y), "{name}: element {i}");
                            }
                        }
                    } else {
                        let same = v.raw_eq(wanted) || v.tag == wanted.tag && v.tag == tag::FLOAT;
                        assert!(same, "{name}: {v:?}, not {wanted:?}");
                    }
                }
            }
        }
        assert!(known > 0, "{name} has no leaf");
    }
    assert!(done > 1000, "{done}");
}

#[test]
fn strings_of_one_byte_are_kept() {
    let mut vm = vm();
    let s = vm.char_str(b'x');
    assert_eq!(s, vm.char_str(b'x'));
    assert_eq!(s, vm.heap.str(b"x"));
    assert_eq!(vm.bytes(s), b"x");
}
