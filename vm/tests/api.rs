//! The embedding API: what a host can rely on.
//!
//! With `STRATA_STRESS=gc=safepoint` the collector runs at every opportunity,
//! but in the tests that fill the heap or the stack.
//!
//! One file above 1,000 lines because it is one list of promises, checked in
//! the order of the API's documentation.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use strata::{
    AnyUserData, Bytes, Error, FromLua, Function, IntoLua, Limit, Lua, LuaOptions, LuaString,
    MetaMethod, MultiValue, Result, StdLib, Table, Thread, ThreadStatus, UserData, UserDataFields,
    UserDataMethods, UserDataRef, Value, Variadic,
};

fn new() -> Lua {
    let lua = Lua::new();
    lua.set_gc_stress(std::env::var("STRATA_STRESS").is_ok_and(|mode| mode == "gc=safepoint"));
    lua
}

#[test]
fn types_cross_threads() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<Lua>();
    send_sync::<Value>();
    send_sync::<Table>();
    send_sync::<Function>();
    send_sync::<Thread>();
    send_sync::<LuaString>();
    send_sync::<AnyUserData>();
    send_sync::<Error>();
}

#[test]
fn running_chunks() {
    let lua = new();
    lua.load("x = 40").exec().unwrap();
    assert_eq!(lua.load("x + 2").eval::<i64>().unwrap(), 42);
    assert_eq!(
        lua.load("return x, 'two'").eval::<(i64, String)>().unwrap(),
        (40, "two".to_string())
    );
    assert_eq!(
        lua.load("local a, b = ... return a * b")
            .call::<i64>((6, 7))
            .unwrap(),
        42
    );
    let f = lua.load("return ...").into_function().unwrap();
    assert_eq!(
        f.call::<Variadic<i64>>((1, 2, 3)).unwrap().into_vec(),
        [1, 2, 3]
    );
    let env = lua.create_table().unwrap();
    lua.load("y = 5")
        .set_environment(env.clone())
        .exec()
        .unwrap();
    assert_eq!(env.get::<i64>("y").unwrap(), 5);
    assert!(lua.globals().get::<Value>("y").unwrap().is_nil());
}

#[test]
fn bytecode_round_trips_and_is_verified() {
    let lua = new();
    let code = lua
        .load("return 6 * ...")
        .set_name("@six.lua")
        .to_bytecode()
        .unwrap();
    assert_eq!(lua.load(&code).call::<i64>(7).unwrap(), 42);
    let mut bad = code.clone();
    let at = bad.len() / 2;
    bad[at] ^= 0xff;
    assert!(matches!(
        lua.load(&bad).exec(),
        Err(Error::Syntax {
            incomplete_input: false,
            ..
        })
    ));
    let text = lua.load(&code).set_mode(strata::ChunkMode::Text);
    assert!(matches!(text.exec(), Err(Error::Syntax { .. })));
    // Scripts may load bytecode only if the host said so.
    lua.globals()
        .set("code", lua.create_string(&code).unwrap())
        .unwrap();
    assert!(lua.load("return load(code) == nil").eval::<bool>().unwrap());
}

#[test]
fn files_skip_their_first_line() {
    let path = std::env::temp_dir().join(format!("strata-api-{}.lua", std::process::id()));
    std::fs::write(&path, "#!/usr/bin/env vm\nreturn debug.traceback('x')").unwrap();
    let lua = new();
    let text: String = lua.load_file(&path).unwrap().eval().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(text.contains(":2: in main chunk"), "{text}");
    assert!(matches!(lua.load_file(&path), Err(Error::External(_))));
}

#[test]
fn syntax_errors_say_where_and_whether_more_would_help() {
    let lua = new();
    let e = lua.load("x = = 1").set_name("=chunk").exec().unwrap_err();
    assert_eq!(e.to_string(), "chunk:1: unexpected symbol near '='");
    assert!(!e.is_incomplete_input());
    let e = lua.load("for i = 1, 3 do").exec().unwrap_err();
    assert!(e.is_incomplete_input());
}

#[test]
fn script_errors_have_message_traceback_and_value() {
    let lua = new();
    let code = "local function inner() error('bad') end\nfunction outer() inner() end\nouter()";
    let e = lua.load(code).set_name("@t.lua").exec().unwrap_err();
    assert_eq!(e.to_string(), "t.lua:1: bad");
    let trace = e.traceback().unwrap();
    assert!(trace.starts_with("stack traceback:"), "{trace}");
    assert!(
        trace.contains("t.lua:1: in") && trace.contains("t.lua:2: in function 'outer'"),
        "{trace}"
    );
    assert!(trace.contains("t.lua:3: in main chunk"), "{trace}");

    let e = lua.load("error({ code = 7 })").exec().unwrap_err();
    let Error::Runtime { value, .. } = e else {
        panic!("{e}")
    };
    assert_eq!(value.as_table().unwrap().get::<i64>("code").unwrap(), 7);

    let e = lua
        .load("error(setmetatable({}, { __tostring = function() return 'shown' end }))")
        .exec()
        .unwrap_err();
    assert_eq!(e.to_string(), "shown");
    let e = lua
        .load("local t = nil; return t.x")
        .set_name("=c")
        .exec()
        .unwrap_err();
    assert_eq!(
        e.to_string(),
        "c:1: attempt to index a nil value (local 't')"
    );
}

#[derive(Debug, thiserror::Error)]
#[error("disk full ({0} bytes)")]
struct DiskFull(u32);

#[test]
fn host_errors_pass_through_scripts() {
    let lua = new();
    let save = lua
        .create_function(|_, ()| -> Result<()> { Err(Error::external(DiskFull(12))) })
        .unwrap();
    lua.globals().set("save", save).unwrap();
    let e = lua.load("save()").exec().unwrap_err();
    assert_eq!(e.downcast_ref::<DiskFull>().unwrap().0, 12);
    let caught: (bool, String, String) = lua
        .load("local ok, e = pcall(save) return ok, tostring(e), type(e)")
        .eval()
        .unwrap();
    assert_eq!(
        caught,
        (
            false,
            "disk full (12 bytes)".to_string(),
            "userdata".to_string()
        )
    );
    // Caught, raised again, still the same.
    let e = lua
        .load("local ok, e = pcall(save) error(e)")
        .exec()
        .unwrap_err();
    assert!(e.downcast_ref::<DiskFull>().is_some());
    // As a value of a host function and back.
    let e: Error = lua
        .load("local ok, e = pcall(save) return e")
        .eval()
        .unwrap();
    assert!(e.downcast_ref::<DiskFull>().is_some());
    let again = lua.create_function(move |_, ()| Ok(e.clone())).unwrap();
    assert_eq!(
        lua.load("return tostring((...)())")
            .call::<String>(again)
            .unwrap(),
        "disk full (12 bytes)"
    );
}

#[test]
fn script_errors_pass_through_host_functions_unchanged() {
    let lua = new();
    let run = lua
        .create_function(|_, f: Function| f.call::<()>(()))
        .unwrap();
    lua.globals().set("run", run).unwrap();
    let code = "local ok, e = pcall(run, function() error('inner', 0) end) return ok, e";
    assert_eq!(
        lua.load(code).eval::<(bool, String)>().unwrap(),
        (false, "inner".to_string())
    );
    let code =
        "local t = {} local ok, e = pcall(run, function() error(t) end) return rawequal(e, t)";
    assert!(lua.load(code).eval::<bool>().unwrap());
    let e = lua
        .load("run(function() error('deep') end)")
        .set_name("=c")
        .exec()
        .unwrap_err();
    assert_eq!(e.to_string(), "c:1: deep");
    assert!(e.traceback().is_some());
}

#[test]
fn argument_errors_name_position_and_function() {
    let lua = new();
    let add = lua
        .create_function(|_, (a, b): (i64, i64)| Ok(a + b))
        .unwrap();
    lua.globals().set("add", add).unwrap();
    let e = lua.load("add(1, {})").set_name("=c").exec().unwrap_err();
    assert_eq!(
        e.to_string(),
        "c:1: bad argument #2 to 'add' (can't convert Lua table to i64)"
    );
    let message = lua
        .load("select(2, pcall(add, 'x'))")
        .eval::<Error>()
        .unwrap()
        .to_string();
    assert_eq!(message, "bad argument #1 (can't convert Lua string to i64)");
    assert_eq!(lua.load("add('3', 4.0)").eval::<i64>().unwrap(), 7);
    let e = lua.load("add(1.5, 1)").exec().unwrap_err();
    assert!(
        e.to_string()
            .contains("number has no integer representation"),
        "{e}"
    );
    let sum = lua.create_function(|_, (_, n): (String, Variadic<u8>)| {
        Ok(n.iter().map(|n| u32::from(*n)).sum::<u32>())
    });
    lua.globals().set("sum", sum.unwrap()).unwrap();
    assert_eq!(lua.load("sum('x', 1, 2, 3)").eval::<u32>().unwrap(), 6);
    let e = lua.load("sum('x', 1, 256)").exec().unwrap_err();
    assert!(
        e.to_string()
            .contains("bad argument #3 to 'sum' (can't convert Lua integer to u8 (out of range))"),
        "{e}"
    );
}

#[test]
fn calls_nest_both_ways() {
    let lua = new();
    let down = lua
        .create_function(|lua, n: u32| {
            if n == 0 {
                return Ok(0);
            }
            lua.globals().get::<Function>("up")?.call::<u32>(n)
        })
        .unwrap();
    lua.globals().set("down", down).unwrap();
    lua.load("function up(n) return 1 + down(n - 1) end")
        .exec()
        .unwrap();
    assert_eq!(lua.load("up(50)").eval::<u32>().unwrap(), 50);
    // Too deep is an error, and nothing is left behind.
    let e = lua.load("up(100000)").exec().unwrap_err();
    assert!(e.to_string().contains("stack overflow"), "{e}");
    assert_eq!(lua.load("up(50)").eval::<u32>().unwrap(), 50);
}

#[test]
fn mutable_functions_do_not_reenter() {
    let lua = new();
    let mut count = 0;
    let f = lua
        .create_function_mut(move |_, f: Option<Function>| {
            count += 1;
            if let Some(f) = f {
                f.call::<()>(())?;
            }
            Ok(count)
        })
        .unwrap();
    assert_eq!(f.call::<i32>(()).unwrap(), 1);
    let e = f.call::<i32>(f.clone()).unwrap_err();
    assert!(matches!(e, Error::RecursiveMutCallback), "{e}");
    assert_eq!(f.call::<i32>(()).unwrap(), 3);
}

#[test]
fn functions_bind() {
    let lua = new();
    let join: Function = lua
        .load("function(...) return table.concat({...}, '-') end")
        .eval()
        .unwrap();
    let bound = join.bind((1, "b")).unwrap();
    assert_eq!(bound.call::<String>((3, 4)).unwrap(), "1-b-3-4");
    assert_eq!(bound.bind(()).unwrap().call::<String>(()).unwrap(), "1-b");
    let info = join.info().unwrap();
    assert_eq!((info.what, info.line_defined), ("Lua", Some(1)));
    assert_eq!(bound.info().unwrap().what, "C");
}

#[test]
fn tables() {
    let lua = new();
    let t = lua.create_table().unwrap();
    t.set("a", 1).unwrap();
    t.set(1, "one").unwrap();
    t.push("two").unwrap();
    assert_eq!(t.len().unwrap(), 2);
    assert_eq!(t.raw_len(), 2);
    assert_eq!(t.get::<String>(2).unwrap(), "two");
    assert!(t.contains_key("a").unwrap() && !t.contains_key("b").unwrap());
    assert_eq!(t.get::<Option<i64>>("b").unwrap(), None);
    assert_eq!(
        t.sequence_values::<String>()
            .collect::<Result<Vec<_>>>()
            .unwrap(),
        ["one", "two"]
    );
    let pairs: Vec<(Value, Value)> = t.pairs().collect::<Result<_>>().unwrap();
    assert_eq!(pairs.len(), 3);
    assert_eq!(t.pop::<String>().unwrap(), "two");
    assert_eq!(t.raw_pop::<String>().unwrap(), "one");
    assert!(t.raw_pop::<Value>().unwrap().is_nil());
    t.raw_push(9).unwrap();
    assert_eq!(t.raw_get::<i64>(1).unwrap(), 9);
    t.clear().unwrap();
    assert!(t.is_empty());
    assert!(t.set(Value::Nil, 1).is_err());
    assert!(t.raw_set(f64::NAN, 1).is_err());

    let meta = lua.create_table().unwrap();
    meta.set(
        "__index",
        lua.load("function(t, k) return k .. '!' end")
            .eval::<Function>()
            .unwrap(),
    )
    .unwrap();
    meta.set(
        "__len",
        lua.load("function() return 77 end")
            .eval::<Function>()
            .unwrap(),
    )
    .unwrap();
    meta.set(
        "__eq",
        lua.load("function() return true end")
            .eval::<Function>()
            .unwrap(),
    )
    .unwrap();
    t.set_metatable(Some(meta.clone())).unwrap();
    assert_eq!(t.metatable().unwrap(), meta);
    assert_eq!(t.get::<String>("k").unwrap(), "k!");
    assert!(t.raw_get::<Value>("k").unwrap().is_nil());
    assert_eq!((t.len().unwrap(), t.raw_len()), (77, 0));
    let other = lua.create_table().unwrap();
    assert!(t.equals(&other).unwrap() && t != other);
    t.set_metatable(None).unwrap();
    assert!(!t.equals(&other).unwrap());

    // Clearing while iterating is fine.
    let object: Table = lua.load("{ n = 2, times = function(self, x) return self.n * x end, twice = function(x) return x * 2 end }").eval().unwrap();
    assert_eq!(object.call_method::<i64>("times", 21).unwrap(), 42);
    assert_eq!(object.call_function::<i64>("twice", 21).unwrap(), 42);
    assert!(
        object
            .call_method::<i64>("none", ())
            .unwrap_err()
            .to_string()
            .contains("attempt to call a nil value")
    );
    let big = lua.create_sequence_from(0..1000).unwrap();
    for pair in big.pairs::<i64, i64>() {
        let (k, v) = pair.unwrap();
        assert_eq!(k, v + 1);
        big.raw_set(k, Value::Nil).unwrap();
    }
    assert!(big.is_empty());
    let from = lua.create_table_from([("x", 1), ("y", 2)]).unwrap();
    let mut sum = 0;
    from.for_each(|_: String, v: i64| {
        sum += v;
        Ok(())
    })
    .unwrap();
    assert_eq!(sum, 3);
}

fn there_and_back<T: IntoLua + FromLua + PartialEq + Clone + std::fmt::Debug>(lua: &Lua, v: T) {
    let echo: Function = lua.load("function(x) return x end").eval().unwrap();
    assert_eq!(echo.call::<T>(v.clone()).unwrap(), v);
    let packed = lua.pack(v.clone()).unwrap();
    assert_eq!(lua.unpack::<T>(packed).unwrap(), v);
}

#[test]
fn conversions() {
    let lua = new();
    there_and_back(&lua, true);
    there_and_back(&lua, i8::MIN);
    there_and_back(&lua, u8::MAX);
    there_and_back(&lua, i64::MIN);
    there_and_back(&lua, u64::MAX / 2);
    there_and_back(&lua, -1i128);
    there_and_back(&lua, 1.5f32);
    there_and_back(&lua, f64::MAX);
    there_and_back(&lua, 'é');
    there_and_back(&lua, "text".to_string());
    there_and_back(&lua, Bytes(vec![0, 255, 128]));
    there_and_back(&lua, Some(3));
    there_and_back(&lua, None::<i64>);
    there_and_back(&lua, vec![1.5, 2.5]);
    there_and_back(&lua, vec![vec!["a".to_string()], vec![]]);
    there_and_back(&lua, [1, 2, 3]);
    there_and_back(
        &lua,
        HashMap::from([("k".to_string(), 1), ("l".to_string(), 2)]),
    );
    there_and_back(&lua, BTreeMap::from([(1, vec![true]), (9, vec![])]));
    assert!(matches!(lua.pack(u64::MAX), Err(Error::IntoLua { .. })));
    assert!(matches!(
        lua.load("300").eval::<u8>(),
        Err(Error::FromLua { .. })
    ));
    assert!(matches!(
        lua.load("{1, 2}").eval::<[i64; 3]>(),
        Err(Error::FromLua { .. })
    ));
    assert!(matches!(
        lua.load("'\\xff'").eval::<String>(),
        Err(Error::FromLua { .. })
    ));
    assert_eq!(lua.load("10").eval::<String>().unwrap(), "10");
    assert_eq!(lua.load("'0x10'").eval::<f64>().unwrap(), 16.0);
    assert_eq!(lua.load("2^53").eval::<i64>().unwrap(), 1 << 53);
    type Twelve = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
    let twelve: Twelve = lua
        .load("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13")
        .eval()
        .unwrap();
    assert_eq!(twelve.11, 12);
    let many: MultiValue = lua.load("1, nil, 'x'").eval().unwrap();
    assert_eq!(many.len(), 3);
    assert!(many[1].is_nil());
    let r: std::result::Result<i64, String> = lua.load("nil, 'no'").eval().unwrap();
    assert_eq!(r, Err("no".to_string()));
    let f = lua
        .create_function(|_, ok: bool| Ok(if ok { Ok(1) } else { Err("why") }))
        .unwrap();
    assert_eq!(
        lua.load("return select('#', (...)(true)), (...)(false)")
            .call::<(i64, Value, String)>(f)
            .unwrap()
            .2,
        "why"
    );
    let s: LuaString = lua.load("'b\\0c'").eval().unwrap();
    assert_eq!(s.as_bytes(), b"b\0c");
    assert_eq!(s.to_str().unwrap(), "b\0c");
    assert_eq!(s, "b\0c");
    let long = "x".repeat(100);
    let joined: LuaString = lua.load("('x'):rep(60) .. ('x'):rep(40)").eval().unwrap();
    assert_eq!(joined, long.as_str());
    assert_eq!(lua.load("1").eval::<Value>().unwrap(), Value::Number(1.0));
}

/// A conversion that runs a full collection in the middle.
struct Greedy(i64);

impl FromLua for Greedy {
    fn from_lua(value: Value, lua: &Lua) -> Result<Greedy> {
        lua.load("for k in pairs(hidden) do hidden[k] = nil end")
            .exec()?;
        lua.gc_collect()?;
        i64::from_lua(value, lua).map(Greedy)
    }
}

#[test]
fn conversions_survive_collections() {
    let lua = new();
    lua.load("hidden = {}").exec().unwrap();
    for _ in 0..20 {
        lua.load("hidden[1] = { 1, 2, 3 } hidden[2] = { 4 }")
            .exec()
            .unwrap();
        let all: Vec<Vec<Greedy>> = lua.globals().get("hidden").unwrap();
        assert_eq!(all[0].iter().map(|g| g.0).collect::<Vec<_>>(), [1, 2, 3]);
    }
    let f = lua
        .create_function(|_, (a, s, b): (Greedy, String, Greedy)| Ok((a.0 + b.0, s)))
        .unwrap();
    lua.globals().set("f", f).unwrap();
    let got: (i64, String) = lua
        .load("f(1, ('long string '):rep(20), 2)")
        .eval()
        .unwrap();
    assert_eq!((got.0, got.1.len()), (3, 240));
}

#[test]
fn coroutines() {
    let lua = new();
    let code = "function(a) local b = coroutine.yield(a + 1) local c, d = coroutine.yield(b * 2) return c .. d end";
    let f: Function = lua.load(code).eval().unwrap();
    let co = lua.create_thread(f.clone()).unwrap();
    assert_eq!(co.status(), ThreadStatus::Resumable);
    assert_eq!(co.resume::<i64>(1).unwrap(), 2);
    assert_eq!(co.resume::<i64>(21).unwrap(), 42);
    assert_eq!(co.resume::<String>(("x", "y")).unwrap(), "xy");
    assert_eq!(co.status(), ThreadStatus::Finished);
    assert!(matches!(
        co.resume::<()>(()),
        Err(Error::CoroutineUnresumable("dead"))
    ));

    // A script resumes a coroutine of the host's.
    let co = lua.create_thread(f).unwrap();
    assert_eq!(
        lua.load("local co = ... return select(2, coroutine.resume(co, 4))")
            .call::<i64>(&co)
            .unwrap(),
        5
    );
    assert_eq!(co.resume::<i64>(8).unwrap(), 16);

    // Errors have the coroutine's traceback.
    let f = lua
        .load("local function f() error('oops') end f()")
        .set_name("@co.lua")
        .into_function()
        .unwrap();
    let co = lua.create_thread(f).unwrap();
    let e = co.resume::<()>(()).unwrap_err();
    assert_eq!(e.to_string(), "co.lua:1: oops");
    assert!(e.traceback().unwrap().contains("co.lua:1: in"), "{e:?}");
    assert_eq!(co.status(), ThreadStatus::Error);

    // Closing runs `__close`.
    let code = "local t = ... local x <close> = setmetatable({}, { __close = function() t.closed = true end }) coroutine.yield()";
    let co = lua
        .create_thread(lua.load(code).into_function().unwrap())
        .unwrap();
    let t = lua.create_table().unwrap();
    co.resume::<()>(&t).unwrap();
    co.close().unwrap();
    assert!(t.get::<bool>("closed").unwrap());
    assert_eq!(co.status(), ThreadStatus::Finished);

    // Inside, it is running; its resumer is not.
    let status = lua
        .create_function(|_, co: Thread| Ok(format!("{:?}", co.status())))
        .unwrap();
    lua.globals().set("status", status).unwrap();
    let code = "local main = coroutine.running() local co co = coroutine.create(function() return status(co), status(main) end) return select(2, coroutine.resume(co))";
    assert_eq!(
        lua.load(code).eval::<(String, String)>().unwrap(),
        ("Running".to_string(), "Normal".to_string())
    );
}

#[test]
fn coroutines_do_not_yield_across_the_host() {
    let lua = new();
    let call = lua
        .create_function(|_, f: Function| f.call::<Value>(()))
        .unwrap();
    lua.globals().set("call", call).unwrap();
    let co = lua
        .create_thread(lua.load("call(coroutine.yield)").into_function().unwrap())
        .unwrap();
    let e = co.resume::<()>(()).unwrap_err();
    assert!(
        e.to_string()
            .contains("attempt to yield across a C-call boundary"),
        "{e}"
    );
    // But a coroutine inside the host call may.
    let code = "call(function() local co = coroutine.wrap(function() coroutine.yield(5) end) return co() end)";
    assert_eq!(lua.load(code).eval::<i64>().unwrap(), 5);
}

#[derive(Clone, PartialEq, Debug)]
struct Point {
    x: f64,
    y: f64,
}

impl UserData for Point {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field("kind", "point");
        fields.add_field_method_get("x", |_, this| Ok(this.x));
        fields.add_field_method_set("x", |_, this, x| {
            this.x = x;
            Ok(())
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("length", |_, this, ()| Ok(this.x.hypot(this.y)));
        methods.add_method_mut("scale", |_, this, by: f64| {
            this.x *= by;
            this.y *= by;
            Ok(())
        });
        methods.add_method_mut("with", |_, this, f: Function| {
            f.call::<()>(())?;
            this.y += 1.0;
            Ok(())
        });
        methods.add_function("new", |_, (x, y): (f64, f64)| Ok(Point { x, y }));
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| {
            Ok(format!("({}, {})", this.x, this.y))
        });
        methods.add_meta_method(MetaMethod::Add, |_, this, other: UserDataRef<Point>| {
            Ok(Point {
                x: this.x + other.x,
                y: this.y + other.y,
            })
        });
        methods.add_meta_function(MetaMethod::Index, |_, (_, key): (AnyUserData, String)| {
            Ok(format!("no {key}"))
        });
    }
}

struct Plain;

impl UserData for Plain {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("hi", |_, _, name: String| Ok(format!("hi {name}")));
    }
}

#[test]
fn userdata() {
    let lua = new();
    let p = lua.create_userdata(Point { x: 3.0, y: 4.0 }).unwrap();
    lua.globals().set("p", &p).unwrap();
    assert_eq!(lua.load("p:length()").eval::<f64>().unwrap(), 5.0);
    lua.load("p:scale(2) p.x = p.x + 1").exec().unwrap();
    assert_eq!(*p.borrow::<Point>().unwrap(), Point { x: 7.0, y: 8.0 });
    assert_eq!(
        lua.load("tostring(p + p)").eval::<String>().unwrap(),
        "(14, 16)"
    );
    assert_eq!(
        lua.load("p.kind, p.other")
            .eval::<(String, String)>()
            .unwrap(),
        ("point".into(), "no other".into())
    );
    assert_eq!(lua.load("p.new(1, 2).x").eval::<f64>().unwrap(), 1.0);
    assert_eq!(p.get::<f64>("x").unwrap(), 7.0);
    p.set("x", 0).unwrap();
    assert_eq!(p.call_method::<f64>("length", ()).unwrap(), 8.0);
    assert!(p.is::<Point>() && !p.is::<Plain>());

    let e = lua.load("p.zzz = 1").exec().unwrap_err();
    assert!(e.to_string().contains("unknown field 'zzz'"), "{e}");
    let e = lua.load("p:scale({})").set_name("=c").exec().unwrap_err();
    assert_eq!(
        e.to_string(),
        "c:1: bad argument #1 to 'scale' (can't convert Lua table to f64)"
    );
    let e = lua.load("p.length(5)").set_name("=c").exec().unwrap_err();
    assert_eq!(
        e.to_string(),
        "c:1: bad argument #1 to 'length' (can't convert Lua integer to Point)"
    );
    lua.globals().set("q", Plain).unwrap();
    assert_eq!(lua.load("q:hi('you')").eval::<String>().unwrap(), "hi you");
    let e = lua.load("q.hi(p)").exec().unwrap_err();
    assert!(e.to_string().contains("userdata of another type"), "{e}");
    let e = lua.load("p.length(nil)").exec().unwrap_err();
    assert!(
        e.to_string().contains("can't convert Lua nil to Point"),
        "{e}"
    );

    // Borrow rules hold for scripts and host alike.
    let e = lua
        .load("p:with(function() p:length() end)")
        .exec()
        .unwrap_err();
    assert!(
        matches!(e, Error::UserData("is already mutably borrowed")),
        "{e}"
    );
    {
        let shared = p.borrow::<Point>().unwrap();
        let e = lua.load("p:scale(2)").exec().unwrap_err();
        assert!(matches!(e, Error::UserData("is already borrowed")), "{e}");
        assert!(p.borrow_mut::<Point>().is_err());
        assert!(p.take::<Point>().is_err());
        lua.load("p:length()").exec().unwrap();
        drop(shared);
    }
    // Shared borrows are of one thread at a time.
    {
        let shared = p.borrow::<Point>().unwrap();
        let there = p.clone();
        let e = std::thread::spawn(move || there.borrow::<Point>().map(|p| p.x))
            .join()
            .unwrap()
            .unwrap_err();
        assert!(
            matches!(e, Error::UserData("is borrowed on another thread")),
            "{e}"
        );
        drop((shared, p.borrow::<Point>()));
    }
    p.borrow_mut::<Point>().unwrap().y = 1.0;
    assert!(matches!(p.borrow::<Plain>(), Err(Error::FromLua { .. })));
    assert_eq!(p.take::<Point>().unwrap(), Point { x: 0.0, y: 1.0 });
    assert!(matches!(
        p.borrow::<Point>(),
        Err(Error::UserData("has been destructed"))
    ));
    assert!(lua.load("p:length()").exec().is_err());
}

/// Uses its VM when it is dropped.
struct Nosy(Lua2, Arc<AtomicUsize>);
struct Lua2(Table);

impl UserData for Nosy {}

impl Drop for Nosy {
    fn drop(&mut self) {
        // The VM may be gone, but never in the middle of a collection.
        if self.0.0.set("dropped", vec![1, 2, 3]).is_ok() {
            self.1.fetch_add(1, Ordering::Relaxed);
        } else {
            self.1.fetch_add(1000, Ordering::Relaxed);
        }
    }
}

#[test]
fn host_data_is_dropped_where_it_may_use_the_vm() {
    let drops = Arc::new(AtomicUsize::new(0));
    let lua = new();
    let t = lua.create_table().unwrap();
    for i in 0..10 {
        let nosy = Nosy(Lua2(t.clone()), Arc::clone(&drops));
        if i < 5 {
            lua.create_userdata(nosy).unwrap();
        } else {
            lua.create_function(move |_, ()| Ok(nosy.1.load(Ordering::Relaxed)))
                .unwrap();
        }
    }
    let kept = lua
        .create_userdata(Nosy(Lua2(t.clone()), Arc::clone(&drops)))
        .unwrap();
    lua.gc_collect().unwrap();
    lua.gc_collect().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 10);
    assert_eq!(t.get::<Vec<i64>>("dropped").unwrap(), [1, 2, 3]);
    drop(lua);
    assert_eq!(drops.load(Ordering::Relaxed), 1010);
    assert!(matches!(kept.borrow::<Nosy>(), Err(Error::Closed)));
}

#[test]
fn closing_runs_finalizers_which_may_use_the_vm() {
    let lua = new();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let f = lua
        .create_function(move |lua, t: Table| {
            let again = lua.clone();
            count.fetch_add(
                again.load("40 + 2").eval::<usize>()? + t.get::<usize>("n")?,
                Ordering::Relaxed,
            );
            Ok(())
        })
        .unwrap();
    lua.globals().set("f", f).unwrap();
    lua.load("x = setmetatable({ n = 1 }, { __gc = function(t) f(t) end })")
        .exec()
        .unwrap();
    let t = lua.globals();
    drop(lua);
    assert_eq!(seen.load(Ordering::Relaxed), 43);
    assert!(matches!(t.get::<Value>("x"), Err(Error::Closed)));
    assert!(matches!(t.clone().get::<Value>("x"), Err(Error::Closed)));
}

#[test]
fn handles_of_another_vm_are_refused() {
    let (a, b) = (new(), new());
    let t = b.create_table().unwrap();
    assert!(matches!(a.globals().set("t", &t), Err(Error::OtherVm)));
    assert!(matches!(
        a.load("return ...").call::<Value>(&t),
        Err(Error::OtherVm)
    ));
    assert!(matches!(
        a.create_thread(b.load("").into_function().unwrap()),
        Err(Error::OtherVm)
    ));
    assert!(matches!(
        a.load("").set_environment(t.clone()).exec(),
        Err(Error::OtherVm)
    ));
    assert!(matches!(
        a.create_table().unwrap().set_metatable(Some(t.clone())),
        Err(Error::OtherVm)
    ));
    // A host function that returns such a value raises an error.
    let f = a.create_function(move |_, ()| Ok(t.clone())).unwrap();
    assert!(matches!(f.call::<Value>(()), Err(Error::OtherVm)));
}

#[test]
fn panics_pass_through() {
    let lua = new();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let f = lua
        .create_function(|_, ()| -> Result<()> { panic!("boom") })
        .unwrap();
    lua.globals().set("f", f).unwrap();
    let nested = lua
        .create_function(|_, f: Function| f.call::<()>(()))
        .unwrap();
    lua.globals().set("nested", nested).unwrap();
    for code in [
        "f()",
        "pcall(f)",
        "nested(f)",
        "coroutine.wrap(f)()",
        "nested(function() pcall(f) end)",
    ] {
        let caught = catch_unwind(AssertUnwindSafe(|| lua.load(code).exec()));
        let payload = caught.expect_err(code);
        assert_eq!(*payload.downcast_ref::<&str>().unwrap(), "boom");
        assert_eq!(lua.load("1 + 1").eval::<i64>().unwrap(), 2);
    }
    std::panic::set_hook(hook);
}

#[test]
fn instruction_limit() {
    let lua = new();
    lua.set_instruction_limit(Some(100_000));
    let e = lua
        .load("while true do pcall(function() while true do end end) end")
        .exec()
        .unwrap_err();
    assert!(matches!(e, Error::Limit(Limit::Instructions)), "{e}");
    assert_eq!(lua.instructions_left(), Some(0));
    // Host access goes on, scripts do after the limit is lifted.
    assert!(lua.globals().get::<Table>("string").is_ok());
    assert!(lua.load("1").eval::<i64>().is_err());
    lua.set_instruction_limit(None);
    assert_eq!(lua.load("1").eval::<i64>().unwrap(), 1);
}

#[test]
fn time_limit() {
    let lua = new();
    for code in [
        "while true do end",
        "string.find(('a'):rep(200), ('a*'):rep(60) .. 'b')",
        "(function() for i = 1, math.huge do pcall(error) end end)()",
    ] {
        let start = Instant::now();
        lua.set_time_limit(Some(Duration::from_millis(30))).unwrap();
        let e = lua.load(code).exec().unwrap_err();
        assert!(matches!(e, Error::Limit(Limit::Time)), "{code}: {e}");
        assert!(start.elapsed() < Duration::from_secs(5));
        lua.globals().set("x", 1).unwrap();
        lua.set_time_limit(None).unwrap();
        assert_eq!(lua.load("x").eval::<i64>().unwrap(), 1);
    }
}

#[test]
fn interruption_from_another_thread() {
    let lua = new();
    let interrupter = lua.interrupter();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        interrupter.interrupt();
    });
    let e = lua.load("while true do end").exec().unwrap_err();
    assert!(matches!(e, Error::Limit(Limit::Interrupted)), "{e}");
    stopper.join().unwrap();
    assert_eq!(lua.load("1").eval::<i64>().unwrap(), 1);
}

#[test]
fn memory_limit() {
    let lua = Lua::new();
    let limit = lua.used_memory() + (8 << 20);
    lua.set_memory_limit(Some(limit));
    for code in [
        "local t = {} for i = 1, math.huge do t[i] = {} end",
        "local s = ('x'):rep(1e9)",
        "local s = 'x' while true do s = s .. s end",
        "pcall(function() local t = {} while true do t[#t + 1] = ('x'):rep(100) .. #t end end) error('no')",
    ] {
        let e = lua.load(code).exec().unwrap_err();
        assert!(matches!(e, Error::Limit(Limit::Memory)), "{code}: {e}");
        lua.gc_collect().unwrap();
        assert_eq!(lua.load("#('x'):rep(1000)").eval::<i64>().unwrap(), 1000);
    }
    // The host meets the limit too.
    let t = lua.create_table().unwrap();
    let e = (0..)
        .find_map(|i| t.raw_set(i, format!("{i} {}", "x".repeat(1000))).err())
        .unwrap();
    assert!(matches!(e, Error::Limit(Limit::Memory)), "{e}");
    drop(t);
    lua.gc_collect().unwrap();
    assert!(lua.create_table().is_ok());
    assert!(matches!(
        Lua::new_with(LuaOptions {
            memory_limit: Some(1000),
            ..LuaOptions::default()
        }),
        Ok(_) | Err(Error::Limit(Limit::Memory))
    ));
}

#[test]
fn garbage_of_the_host_is_collected() {
    let lua = Lua::new();
    let keep: Function = lua.load("function() return {} end").eval().unwrap();
    for i in 0..200_000 {
        lua.create_table().unwrap();
        if i % 2 == 0 {
            keep.call::<Table>(()).unwrap();
        }
    }
    assert!(lua.used_memory() < 16 << 20, "{}", lua.used_memory());
    lua.gc_generational(0, 0);
    lua.load("for i = 1, 100000 do local t = { i } end")
        .exec()
        .unwrap();
    assert!(lua.used_memory() < 16 << 20, "{}", lua.used_memory());
    lua.gc_incremental(0, 0, 0);
    assert!(lua.gc_is_running());
    lua.gc_stop();
    assert!(!lua.gc_is_running());
    let before = lua.used_memory();
    lua.load("for i = 1, 100000 do local t = { i } end")
        .exec()
        .unwrap();
    assert!(lua.used_memory() > before + (4 << 20));
    lua.gc_restart();
    lua.gc_collect().unwrap();
    assert!(lua.used_memory() < before + (1 << 20));
}

#[test]
fn deep_recursion() {
    let lua = Lua::new();
    let e = lua
        .load("local function f(n) return 1 + f(n + 1) end return f(1)")
        .exec()
        .unwrap_err();
    assert!(e.to_string().contains("stack overflow"), "{e}");
    assert!(e.traceback().unwrap().contains("skipping"));
    let e = lua
        .load("local s = string.rep('(', 500) return load('x = ' .. s)")
        .eval::<(Value, String)>()
        .unwrap();
    assert!(
        e.1.contains("overflow") || e.1.contains("levels"),
        "{}",
        e.1
    );
    assert_eq!(lua.load("1").eval::<i64>().unwrap(), 1);
}

#[test]
fn a_vm_is_used_by_one_thread_at_a_time() {
    let lua = new();
    lua.load("n = 0 function add() n = n + 1 end")
        .exec()
        .unwrap();
    let add: Function = lua.globals().get("add").unwrap();
    std::thread::scope(|s| {
        for _ in 0..4 {
            let (add, lua) = (add.clone(), lua.clone());
            s.spawn(move || {
                for _ in 0..500 {
                    add.call::<()>(()).unwrap();
                    drop(lua.globals());
                }
            });
        }
    });
    assert_eq!(lua.globals().get::<i64>("n").unwrap(), 2000);
    // Handles may outlive their thread and their VM.
    let t = std::thread::spawn(|| new().create_table().unwrap())
        .join()
        .unwrap();
    assert!(matches!(t.get::<Value>(1), Err(Error::Closed)));
    assert_eq!(t.raw_len(), 0);
}

#[test]
fn safe_library_reaches_nothing_outside() {
    let lua = Lua::new_with(LuaOptions {
        stdlib: StdLib::Safe,
        ..LuaOptions::default()
    })
    .unwrap();
    for name in [
        "io", "os", "package", "debug", "require", "dofile", "loadfile",
    ] {
        assert!(lua.globals().get::<Value>(name).unwrap().is_nil(), "{name}");
    }
    assert_eq!(
        lua.load("#table.pack(string.byte('abc', 1, -1))")
            .eval::<i64>()
            .unwrap(),
        3
    );
    let none = Lua::new_with(LuaOptions {
        stdlib: StdLib::None,
        ..LuaOptions::default()
    })
    .unwrap();
    assert!(none.globals().is_empty());
    assert_eq!(none.load("1 + 1").eval::<i64>().unwrap(), 2);
}

#[test]
fn exit_is_an_error_of_the_host() {
    let lua = new();
    let e = lua.load("pcall(os.exit, 3)").exec().unwrap_err();
    assert!(matches!(e, Error::Exit(3)), "{e}");
    assert_eq!(lua.load("1").eval::<i64>().unwrap(), 1);
}

#[test]
fn values() {
    let lua = new();
    let v: Value = lua.load("setmetatable({}, { __tostring = function() return 'me' end, __eq = function() return true end })").eval().unwrap();
    assert_eq!(v.to_string_in(&lua).unwrap(), "me");
    assert!(
        v.equals(&Value::Table(lua.create_table().unwrap()), &lua)
            .unwrap()
    );
    assert_eq!(v.type_name(), "table");
    assert_eq!(Value::Integer(3).to_string_in(&lua).unwrap(), "3");
    assert_eq!(Value::Number(3.0).as_integer(), Some(3));
    assert_eq!(
        lua.load("io.stdout").eval::<Value>().unwrap().type_name(),
        "userdata"
    );
}

#[test]
fn everything_works_while_collecting_all_the_time() {
    let lua = new();
    lua.set_gc_stress(true);
    let t = lua
        .create_table_from([("list", vec![vec!["some".to_string(); 3]; 3])])
        .unwrap();
    lua.globals().set("t", &t).unwrap();
    let f = lua
        .create_function(|lua, (a, t, rest): (String, Table, Variadic<Value>)| {
            let inner = lua.create_table()?;
            inner.set(
                format!("a key {a} that is longer than what is interned"),
                rest.len(),
            )?;
            inner.set("t", t)?;
            Ok((a + "!", inner, rest))
        })
        .unwrap();
    lua.globals().set("f", f).unwrap();
    lua.globals().set("p", Point { x: 1.0, y: 2.0 }).unwrap();
    let code = "
        local out = {}
        for i = 1, 10 do
            local a, inner, x, y = f('item ' .. i, t, i .. ' and more text to make it long enough', p + p)
            out[i] = a .. x .. tostring(y) .. #inner.t.list
        end
        local co = coroutine.wrap(function(...) local s = coroutine.yield(f(...)) return s .. '?' end)
        out[#out + 1] = co('in coroutine', t)
        out[#out + 1] = co('back')
        out[#out + 1] = tostring(select(2, pcall(f)))
        return out";
    for _ in 0..3 {
        let out: Vec<String> = lua.load(code).eval().unwrap();
        assert_eq!(out.len(), 13);
        assert_eq!(
            out[9],
            "item 10!10 and more text to make it long enough(2, 4)3"
        );
        assert_eq!(&out[10..12], ["in coroutine!", "back?"]);
        let back: Vec<Vec<String>> = t.get("list").unwrap();
        assert_eq!(back[2][2], "some");
    }
    let e = lua.load("f('x', t, error({ p }))").exec().unwrap_err();
    let Error::Runtime { value, .. } = e else {
        panic!("{e}")
    };
    assert!(
        value
            .as_table()
            .unwrap()
            .get::<AnyUserData>(1)
            .unwrap()
            .is::<Point>()
    );
}

#[test]
fn a_script_may_drop_the_last_handle_of_its_vm() {
    let lua = new();
    let slot = Arc::new(std::sync::Mutex::new(None));
    let inside = Arc::clone(&slot);
    let f = lua
        .create_function(move |lua, ()| {
            inside.lock().unwrap().take();
            lua.load("6 * 7").eval::<i64>()
        })
        .unwrap();
    *slot.lock().unwrap() = Some(lua);
    assert_eq!(f.call::<i64>(()).unwrap(), 42);
    assert!(matches!(f.call::<i64>(()), Err(Error::Closed)));
}
