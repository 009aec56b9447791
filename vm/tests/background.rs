//! Compiling in the background: results reach running programs, and nothing
//! of it outlives what it is for. Needs the features `cli` and `cranelift`.
#![cfg(all(feature = "cli", feature = "cranelift"))]

mod common;

use common::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use strata::profiler::sink::Recording;
use strata::profiler::{Event, RecordingSink};
use strata::{JitMode, JitOptions, Lua, LuaOptions};

/// For tests that count this process's threads.
static ALONE: Mutex<()> = Mutex::new(());

/// A VM with another thread that compiles what loops or is called twice.
fn lua() -> (Lua, Recording) {
    let mut jit = JitOptions {
        mode: JitMode::Baseline,
        ..JitOptions::default()
    };
    jit.thresholds.calls = 2;
    jit.thresholds.back_edges = 2;
    jit.thresholds.start_up = 1;
    jit.thresholds.background = 100;
    let options = LuaOptions {
        jit,
        ..LuaOptions::default()
    };
    let lua = Lua::new_with(options).unwrap();
    let (sink, events) = RecordingSink::new();
    lua.trace_jit(sink);
    (lua, events)
}

#[test]
fn a_running_loop_goes_on_in_code_that_arrives() {
    let _alone = ALONE.lock();
    let (lua, events) = lua();
    let start = Instant::now();
    let is_entry = |e: &Event| matches!(e, Event::OsrEntry { .. });
    let look = lua
        .create_function(move |_, ()| {
            let entered = events.take().iter().any(is_entry);
            Ok((entered, start.elapsed() > Duration::from_secs(60)))
        })
        .unwrap();
    lua.globals().set("look", look).unwrap();
    let source = "local entered, late \
                  repeat entered, late = look() until entered or late \
                  return entered";
    assert!(lua.load(source).eval::<bool>().unwrap());
    if !cfg!(target_os = "linux") || std::thread::available_parallelism().unwrap().get() == 1 {
        return;
    }
    // Although another thread may have been quicker.
    while compile_threads() == 0 {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
    drop(lua);
    no_compile_threads();
}

/// Threads of this process that compile.
fn compile_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks
        .filter_map(name)
        .filter(|name| name.starts_with("strata-compile"))
        .count()
}

/// There are none any more. The system may still list one that was waited for, on
/// its last steps.
fn no_compile_threads() {
    let start = Instant::now();
    while compile_threads() != 0 {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "a thread is left"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_thousand_vms_leave_no_threads() {
    let _alone = ALONE.lock();
    let mut compiled = 0;
    for _ in 0..1000 {
        let (lua, events) = lua();
        // Closed while the worker is at it, or before it begins.
        lua.load("local function f(x) return x + 1 end for i = 1, 50 do f(i) end")
            .exec()
            .unwrap();
        let made = |e: &&Event| matches!(e, Event::Warm { .. });
        compiled += events.take().iter().filter(made).count();
    }
    assert!(compiled >= 1000, "{compiled}");
    if cfg!(target_os = "linux") {
        no_compile_threads();
    }
}

/// Runs a program with results handed over as `delivery` says: what it prints,
/// and its trace.
fn delivered(delivery: &str, source: &str) -> (String, Vec<serde_json::Value>) {
    // Tests run side by side.
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let folder = Folder::new(&format!("delivered-{run}"));
    folder.file("p.lua", source);
    let mut command = folder.command(&[
        "run",
        "--jit=baseline",
        "--jit-opt=calls=5,back-edges=5,background=100,slow-hits=100",
        "--trace-jit=json:t",
        "p.lua",
    ]);
    command.env("STRATA_STRESS", format!("queue={delivery},seed=3"));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let trace = String::from_utf8(folder.bytes("t")).unwrap();
    let events = trace
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    (out, events.collect())
}

/// The functions that were compiled, by the line where they begin.
fn compiled(events: &[serde_json::Value]) -> Vec<u64> {
    let compiled = events.iter().filter(|e| e["event"] == "compiled");
    compiled
        .map(|e| e["func"]["line"].as_u64().unwrap())
        .collect()
}

#[test]
fn results_of_functions_that_are_gone_are_dropped() {
    let source = "\
        local function make() return load('return function(x) return x * 2 end')() end
        local s = 0
        for n = 1, 30 do
          local f = make()
          for i = 1, 10 do s = s + f(i) end
          f = nil
          collectgarbage()
        end
        print(s)";
    // Most of them are found hot and collected before the result is due.
    let (out, events) = delivered("delay:60", source);
    assert_eq!(out, "3300\n");
    let warm = events.iter().filter(|e| e["event"] == "warm").count();
    let compiled = compiled(&events).len();
    assert!(warm > 30 && compiled < 30, "{warm} {compiled}");
    for delivery in ["sync", "reorder", "drop", "delay:3"] {
        assert_eq!(delivered(delivery, source).0, "3300\n", "{delivery}");
    }
}

#[test]
fn assumptions_broken_meanwhile_are_not_relied_on() {
    let source = "\
        local Base = {get = function() return 1 end}
        Base.__index = Base
        local Derived = setmetatable({}, Base)
        Derived.__index = Derived
        local o = setmetatable({}, Derived)
        local function f(o) return o:get() end
        local s = 0
        for i = 1, 200 do
          s = s + f(o)
          if i == 20 then rawset(Derived, 'get', function() return 100 end) end
        end
        print(s)";
    // Found hot before, due after.
    let (out, events) = delivered("delay:80", source);
    assert_eq!(out, "18020\n");
    assert!(compiled(&events).contains(&6), "{events:?}");
    let reason = |e: &&serde_json::Value| e["event"] == "compiled" && e["func"]["line"] == 6;
    let first = events.iter().find(reason).unwrap();
    assert_eq!(first["reason"], "assumption", "{first}");
    for delivery in ["sync", "reorder", "drop", "delay:3"] {
        assert_eq!(delivered(delivery, source).0, "18020\n", "{delivery}");
    }
}

/// `get` meets another kind of table once it is compiled; `tiers` counts how often it
/// had code, and how often none after it had some.
const RENEWED: &str = "\
    local jit = require 'jit'
    local function get(o) return o.x end
    local a, b = {x = 1}, {y = 0, x = 2}
    local s, with, without = 0, 0, 0
    for i = 1, 3000 do
      s = s + get(i <= 1000 and a or b)
      if i == AT then DO end
      if jit.status(get).tier > 0 then with = with + 1
      elseif with > 0 then without = without + 1 end
    end
    print(s, without)";

/// What events there are of `get`, in order: for `queued` and `compiled` with the
/// number of the event in the trace.
fn of_get(events: &[serde_json::Value]) -> Vec<(usize, &str, &str)> {
    let all = events.iter().enumerate();
    all.filter(|(_, e)| e["func"]["line"] == 2)
        .map(|(n, e)| {
            let reason = e["reason"].as_str().unwrap_or("");
            (n, e["event"].as_str().unwrap(), reason)
        })
        .filter(|(_, event, _)| matches!(*event, "queued" | "compiled" | "invalidated"))
        .collect()
}

#[test]
fn code_is_in_use_until_newer_code_is_there() {
    let source = RENEWED.replace("AT", "0").replace("DO", "");
    let (out, events) = delivered("delay:200", &source);
    assert_eq!(out, "5000\t0\n");
    let of_get = of_get(&events);
    let names: Vec<_> = of_get
        .iter()
        .map(|(_, event, why)| (*event, *why))
        .collect();
    assert_eq!(
        names,
        [
            ("queued", ""),
            ("compiled", "calls"),
            ("queued", ""),
            ("compiled", "feedback")
        ]
    );
    // Nobody has found it interpreted in the meantime, and left code for that.
    let meantime = &events[of_get[2].0..of_get[3].0];
    let interpreted = |e: &&serde_json::Value| e["why"] == "interpreted callee";
    assert_eq!(meantime.iter().filter(interpreted).count(), 0);
    for delivery in ["sync", "reorder", "drop", "delay:3"] {
        assert_eq!(delivered(delivery, &source).0, "5000\t0\n", "{delivery}");
    }
}

#[test]
fn code_whose_assumptions_break_goes_although_newer_code_is_to_come() {
    // What is asked of the function takes its code away at once.
    let source = RENEWED.replace("AT", "1150");
    let source = source.replace("DO", "jit.flush(get)");
    let (out, events) = delivered("delay:200", &source);
    let without = out.trim().strip_prefix("5000\t").unwrap();
    assert!(without.parse::<u32>().unwrap() > 0, "{out}");
    let of_get = of_get(&events);
    let compiled = of_get.iter().filter(|(_, event, _)| *event == "compiled");
    assert_eq!(compiled.count(), 2, "{of_get:?}");

    // The same of code that relies on a metatable.
    let source = "\
        local jit = require 'jit'
        local Base = {get = function() return 1 end}
        Base.__index = Base
        local Derived = setmetatable({}, Base)
        Derived.__index = Derived
        local o = setmetatable({}, Derived)
        local function f(o, t) return o:get() + t.x end
        local a, b = {x = 1}, {y = 0, x = 2}
        local s, with, without = 0, 0, 0
        for i = 1, 3000 do
          s = s + f(o, i <= 1000 and a or b)
          if i == 1150 then rawset(Derived, 'get', function() return 100 end) end
          if jit.status(f).tier > 0 then with = with + 1
          elseif with > 0 then without = without + 1 end
        end
        print(s, without > 0)";
    let (out, events) = delivered("delay:200", source);
    assert_eq!(out, format!("{}\ttrue\n", 5000 + 1150 + 1850 * 100));
    let of_f: Vec<_> = events.iter().filter(|e| e["func"]["line"] == 7).collect();
    let names = of_f.iter().filter_map(|e| e["event"].as_str());
    let names: Vec<_> = names.filter(|n| *n != "warm" && *n != "unwound").collect();
    let begin = [
        "queued",
        "compiled",
        "queued",
        "cancelled",
        "invalidated",
        "queued",
        "compiled",
    ];
    assert_eq!(names[..7], begin, "{of_f:?}");
    let compiled = of_f.iter().filter(|e| e["event"] == "compiled");
    let reasons: Vec<_> = compiled.map(|e| e["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons[..2], ["calls", "assumption"], "{of_f:?}");
    for delivery in ["sync", "reorder", "drop", "delay:3"] {
        let (out, _) = delivered(delivery, source);
        assert!(out.starts_with("191150\t"), "{delivery}: {out}");
    }
}

/// Programs that end while LLVM is at work, which takes it milliseconds.
#[cfg(feature = "llvm")]
#[test]
fn programs_end_whatever_the_optimizing_compiler_is_at() {
    let folder = Folder::new("ends");
    let work = "local s = 0 for i = 1, LIMIT do s = s + i % 7 end print(s)";
    for n in 0..24 {
        let (end, status) = match n % 4 {
            0 => ("", 0),
            1 => ("os.exit(3)", 3),
            2 => ("os.exit(4, true)", 4),
            _ => ("error('x', 0)", 1),
        };
        // Some end before it begins, some after it is done.
        let limit = 1000 << (n / 2);
        let source = work.replace("LIMIT", &limit.to_string());
        folder.file("p.lua", format!("{source} {end}"));
        let output = folder.vm(&["run", "--jit=full", "--jit-opt=hot=100", "p.lua"]);
        assert_eq!(output.status.code(), Some(status), "{n}: {output:?}");
        let out = String::from_utf8_lossy(&output.stdout);
        let expected: u64 = (1..=limit).map(|i| i % 7).sum();
        assert_eq!(out, format!("{expected}\n"));
    }
}

/// The same of a host that calls `exit`, which C's destructors follow.
#[cfg(feature = "llvm")]
#[test]
fn hosts_exit_whatever_the_optimizing_compiler_is_at() {
    const CHILD: &str = "STRATA_TEST_LIMIT";
    if let Ok(limit) = std::env::var(CHILD) {
        let mut jit = JitOptions::default();
        jit.thresholds.hot = 100;
        let options = LuaOptions {
            jit,
            ..LuaOptions::default()
        };
        let lua = Lua::new_with(options).unwrap();
        let source = format!("local s = 0 for i = 1, {limit} do s = s + i % 7 end");
        lua.load(source).exec().unwrap();
        std::process::exit(7);
    }
    for n in 0..12 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "hosts_exit_whatever_the_optimizing_compiler_is_at",
        ]);
        child.env(CHILD, (1000 << n).to_string());
        let output = child.output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{n}: {output:?}");
    }
}
