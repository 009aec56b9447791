//! What it costs to cross between Rust and Lua.
//!
//! - *Lua to Rust*: a Lua loop calls a host function; time for each call,
//!   with the loop around it (`empty loop` shows what that is).
//! - *Rust to Lua*: the host calls a Lua function through its handle.
//! - Tables from Rust, userdata methods from Lua.

#![allow(missing_docs, reason = "criterion's macro makes public functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use strata::{Function, Lua, Result, Table, UserData, UserDataFields, UserDataMethods};

/// Calls in one iteration of a benchmark of calls from Lua.
const CALLS: u64 = 1000;

struct Counter(i64);

impl UserData for Counter {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("field", |_, this| Ok(this.0));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("get", |_, this, ()| Ok(this.0));
        methods.add_method_mut("add", |_, this, n: i64| {
            this.0 += n;
            Ok(())
        });
    }
}

struct Plain(i64);

impl UserData for Plain {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("get", |_, this, ()| Ok(this.0));
    }
}

fn set_up(lua: &Lua) -> Result<()> {
    let g = lua.globals();
    g.set("nothing", lua.create_function(|_, ()| Ok(()))?)?;
    g.set(
        "add",
        lua.create_function(|_, (a, b): (i64, i64)| Ok(a.wrapping_add(b)))?,
    )?;
    g.set(
        "scale",
        lua.create_function(|_, (a, b): (f64, f64)| Ok(a * b))?,
    )?;
    g.set("length", lua.create_function(|_, s: String| Ok(s.len()))?)?;
    g.set(
        "field",
        lua.create_function(|_, t: Table| t.get::<i64>("x"))?,
    )?;
    g.set("counter", lua.create_userdata(Counter(1))?)?;
    g.set("plain", lua.create_userdata(Plain(1))?)
}

fn from_lua(c: &mut Criterion) {
    let lua = Lua::new();
    set_up(&lua).expect("set-up");
    let mut group = c.benchmark_group("lua_to_rust");
    group.throughput(Throughput::Elements(CALLS));
    for (name, body) in [
        ("empty loop", ""),
        ("lua function", "lua_add(i, 1)"),
        ("()", "nothing()"),
        ("(i64, i64) -> i64", "add(i, 1)"),
        ("(f64, f64) -> f64", "scale(i, 0.5)"),
        ("String -> usize", "length('a string')"),
        ("Table, get field", "field(t)"),
        ("userdata method", "plain:get()"),
        ("userdata method, with fields", "counter:get()"),
        ("userdata method, mutable", "counter:add(i)"),
        ("userdata field", "local x = counter.field"),
    ] {
        let code = format!(
            "local nothing, add, scale, length, field, counter, plain = nothing, add, scale, length, field, counter, plain
             local function lua_add(a, b) return a + b end
             local t = {{ x = 1 }}
             return function(n) for i = 1, n do {body} end end"
        );
        let f: Function = lua.load(code).eval().expect("compiles");
        group.bench_function(name, |b| b.iter(|| f.call::<()>(CALLS).expect("runs")));
    }
}

fn from_rust(c: &mut Criterion) {
    let lua = Lua::new();
    let mut group = c.benchmark_group("rust_to_lua");
    group.throughput(Throughput::Elements(1));
    let nothing: Function = lua.load("function() end").eval().expect("compiles");
    group.bench_function("()", |b| b.iter(|| nothing.call::<()>(()).expect("runs")));
    let add: Function = lua
        .load("function(a, b) return a + b end")
        .eval()
        .expect("compiles");
    group.bench_function("(i64, i64) -> i64", |b| {
        b.iter(|| add.call::<i64>((black_box(1), black_box(2))).expect("runs"))
    });
    let join: Function = lua
        .load("function(s) return s end")
        .eval()
        .expect("compiles");
    group.bench_function("&str -> String", |b| {
        b.iter(|| join.call::<String>(black_box("a string")).expect("runs"))
    });
    let t = lua.create_table().expect("memory");
    t.set("x", 1).expect("memory");
    group.bench_function("Table::get", |b| {
        b.iter(|| t.get::<i64>(black_box("x")).expect("runs"))
    });
    group.bench_function("Table::set", |b| {
        b.iter(|| t.set(black_box("x"), 2).expect("runs"))
    });
    group.bench_function("create_table", |b| {
        b.iter(|| lua.create_table().expect("memory"))
    });
}

criterion_group!(benches, from_lua, from_rust);
criterion_main!(benches);
