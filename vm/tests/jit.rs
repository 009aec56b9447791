//! Compilation as users see it: the trace, its statistics, thresholds,
//! listings. Needs the features `cli` and `cranelift`.
#![cfg(all(feature = "cli", feature = "cranelift"))]

mod common;

use common::*;
use std::process::Output;
use strata::profiler::sink::Recording;
use strata::profiler::{Event, Reason, RecordingSink};
use strata::{JitMode, JitOptions, Lua, LuaOptions};

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Objects, one a line.
fn json(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// The example, with these options.
fn example(options: &[&str]) -> Output {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/deopt.lua");
    let mut command = vm();
    command.arg("run").args(options).arg(file);
    command.output().unwrap()
}

// ---- the trace

#[test]
fn the_example_shows_the_life_of_compiled_code() {
    let output = example(&["--jit=baseline", "--jit-opt=background=0", "--trace-jit"]);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(out, "integers\t200000\nfloats\t2500.0\nboth\t1025.0\n");
    let trace = err(&output);
    // In this order, all about `sum`.
    let mut lines = trace.lines().filter(|l| l.contains(" sum ("));
    for parts in [
        &["warm", "back-edges"][..],
        &["compiled", "tier 1 for loop: 9 instructions", "clif"],
        &["osr entry", "line 10, pc 5"],
        &[
            "exit",
            "expected integer element",
            "found float",
            "frame f0 pc 5 base 0: r0 = ",
        ],
        &["exit", "expected integer in r1, found float"],
        &["compiled", "tier 1 for exits"],
    ] {
        let found = lines.any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "no line with {parts:?}, or too late, in:\n{trace}");
    }
    assert!(!lines.any(|l| l.contains("] exit")), "{trace}");
    assert!(trace.contains("exits by reason"), "{trace}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_trace_is_json_in_a_file_if_asked_for() {
    let folder = Folder::new("trace");
    let file = folder.0.join("t.json");
    let option = format!("--trace-jit=json:{}", file.display());
    let output = example(&["--jit=full", "--jit-opt=background=0", &option]);
    assert_eq!(err(&output), "");
    let lines = json(&String::from_utf8(folder.bytes("t.json")).unwrap());
    let events: Vec<&str> = lines.iter().filter_map(|l| l["event"].as_str()).collect();
    assert_eq!(events.len(), lines.len());
    for event in ["warm", "compiled", "osr_entry", "exit"] {
        assert!(events.contains(&event), "no {event} in {events:?}");
    }
    let stats = lines.last().unwrap();
    assert_eq!(stats["event"], "stats");
    let count = |event| events.iter().filter(|e| **e == event).count() as u64;
    assert_eq!(stats["compiles"], count("compiled"));
    assert_eq!(stats["exits"], count("exit"));
    assert_eq!(stats["osr_entries"], count("osr_entry"));
    assert_eq!(stats["recompiles"], 1);
    assert!(stats["compile_us"].as_f64().unwrap() > 0.0);
    assert!(stats["bytes_in_use"].as_u64().unwrap() > 0);
}

#[test]
fn a_trace_ends_however_the_program_does() {
    for (end, status) in [
        ("", 0),
        ("os.exit(3)", 3),
        ("os.exit(3, true)", 3),
        ("error('x')", 1),
    ] {
        let output = script(&["--jit=full", "--trace-jit"], end);
        assert!(err(&output).contains("instructions compiled"), "{end}");
        assert_eq!(output.status.code(), Some(status), "{end}");
    }
    let mut command = vm();
    command.args([
        "repl",
        "--jit=full",
        "--jit-opt=background=0",
        "--trace-jit",
    ]);
    let output = feed(command, "for i = 1, 100000 do end\n");
    assert!(err(&output).contains("] osr entry"), "{}", err(&output));
    assert!(err(&output).contains("instructions compiled"));
}

#[test]
fn environment_mirrors_the_options() {
    let folder = Folder::new("environment");
    folder.file(
        "a.lua",
        "local s = 0 for i = 1, 1000 do s = s + i end print(s)",
    );
    let mut command = folder.command(&["run", "a.lua"]);
    command
        .env("STRATA_JIT", "baseline")
        .env("STRATA_JIT_OPT", "calls=5,back-edges=10")
        .env("STRATA_TRACE_JIT", "json");
    let output = command.output().unwrap();
    let lines = json(&err(&output));
    let warm = lines.iter().find(|l| l["event"] == "warm").unwrap();
    assert!(warm["back_edges"].as_u64().unwrap() < 1000, "{warm}");
    // An option wins.
    let mut command = folder.command(&["run", "--jit=off", "a.lua"]);
    command
        .env("STRATA_JIT", "baseline")
        .env("STRATA_TRACE_JIT", "0");
    check(&command.output().unwrap(), 0, "500500\n", "");
}

#[test]
fn nonsense_is_refused() {
    for (option, part) in [
        ("--jit-opt=heat=1", "back-edges"),
        ("--jit-opt=calls", "NAME=N"),
        ("--jit-opt=compiles=1000", "too much"),
        ("--jit-opt=calls=many", "count"),
        ("--trace-jit=xml", "json:FILE"),
        ("--trace-jit=text:", "missing"),
        ("--jit=warp", "baseline"),
    ] {
        check_error(&script(&[option], ""), 2, &[part]);
    }
    let output = script(&["--trace-jit=text:/no/such/folder/t"], "");
    check_error(&output, 2, &["cannot write /no/such/folder/t"]);
}

// ---- figures

#[test]
fn figures_count_what_ran_where() {
    let folder = Folder::new("figures");
    folder.file(
        "a.lua",
        "local function f(x) local text = x .. '' return x + #text // 9 + 1 end
         local s = 0
         for i = 1, 100000 do s = f(s) end print(s)",
    );
    let stats = |jit: &str| {
        let output = folder.vm(&[
            "info",
            "--stats=json",
            jit,
            "--jit-opt=calls=99,back-edges=99",
            "a.lua",
        ]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "100000\n");
        json(&err(&output)).remove(0)
    };
    let off = stats("--jit=off");
    let executed = off["insns_interpreted"].as_u64().unwrap();
    assert!(executed > 700_000, "{off}");
    assert_eq!(off["insns_compiled"], 0);
    let on = stats("--jit=baseline");
    let (compiled, interpreted) = (
        on["insns_compiled"].as_u64().unwrap(),
        on["insns_interpreted"].as_u64().unwrap(),
    );
    assert!(compiled > 9 * interpreted, "{on}");
    // The same instructions, but for those that were left in the middle.
    let exits = on["exits"].as_u64().unwrap() + on["osr_entries"].as_u64().unwrap();
    let all = compiled + interpreted;
    assert!(all.abs_diff(executed) <= exits + 10, "{off}\n{on}");
    assert!(
        on["slow_calls"]["concat"].as_u64().unwrap() > 50_000,
        "{on}"
    );
    let table = folder.vm(&["info", "--stats", "--jit=baseline", "a.lua"]);
    check_error(&table, 0, &["slow paths", "% of those executed"]);
}

// ---- the library

/// A VM that compiles at once, and what it tells.
fn lua(change: impl FnOnce(&mut JitOptions)) -> (Lua, Recording) {
    let mut jit = JitOptions {
        mode: JitMode::Baseline,
        ..JitOptions::default()
    };
    jit.thresholds.calls = 2;
    jit.thresholds.back_edges = 2;
    jit.thresholds.start_up = 1;
    jit.thresholds.background = 0;
    change(&mut jit);
    let options = LuaOptions {
        jit,
        ..LuaOptions::default()
    };
    let lua = Lua::new_with(options).unwrap();
    let (sink, events) = RecordingSink::new();
    lua.trace_jit(sink);
    (lua, events)
}

fn reasons(events: &[Event]) -> Vec<&'static str> {
    let reason = |e: &Event| match e {
        Event::Compiled { reason, .. } => Some(*reason),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}

#[test]
fn hosts_get_the_figures() {
    let (lua, events) = lua(|_| {});
    lua.load("function f(x) return x + 1 end for i = 1, 10 do f(i) end")
        .exec()
        .unwrap();
    let stats = lua.jit_stats();
    assert_eq!(stats.compiles, 2);
    assert_eq!(reasons(&events.take()).len(), 2);
    let names: Vec<_> = stats.functions.keys().map(|f| f.name.clone()).collect();
    assert_eq!(names, ["f", "main chunk"]);
    assert!(stats.functions.values().all(|f| f.tier == 1 && f.bytes > 0));
}

#[test]
fn nothing_is_compiled_when_off() {
    let (lua, events) = lua(|jit| jit.mode = JitMode::Off);
    lua.load("for i = 1, 1000 do end").exec().unwrap();
    assert_eq!(lua.jit_stats(), strata::profiler::Stats::default());
    assert!(events.take().is_empty());
}

#[test]
fn long_functions_stay_interpreted() {
    let (lua, events) = lua(|jit| jit.thresholds.max_insns = 20);
    let long = "x = x + 1 ".repeat(20);
    let text = format!("x = 0 function f() {long} end for i = 1, 9 do f() end return x");
    assert_eq!(lua.load(text).eval::<i64>().unwrap(), 180);
    let events = events.take();
    assert!(
        events.iter().any(|e| matches!(e, Event::NotCompiled { func, reason: Reason::TooLong, .. } if func.name == "f")),
        "{events:?}"
    );
}

#[test]
fn code_memory_is_limited_and_comes_back() {
    let (lua, events) = lua(|jit| jit.thresholds.code_bytes = 16 << 10);
    // Functions that are garbage soon.
    lua.load(
        "for n = 1, 40 do
           local f = load('local x = ... for i = 1, 9 do x = x + i * ' .. n .. ' end return x')
           for i = 1, 3 do f(i) end
         end",
    )
    .exec()
    .unwrap();
    let refused = |events: &[Event]| {
        let full = |e: &&Event| {
            matches!(
                e,
                Event::NotCompiled {
                    reason: Reason::CodeMemory,
                    ..
                }
            )
        };
        events.iter().filter(full).count()
    };
    let first = events.take();
    assert!(refused(&first) > 0, "{first:?}");
    assert!(lua.jit_stats().bytes_peak <= 16 << 10);
    lua.gc_collect().unwrap();
    lua.load("local s = 0 for i = 1, 20000 do s = s + i end return s")
        .exec()
        .unwrap();
    let then = events.take();
    assert!(
        then.iter().any(|e| matches!(e, Event::Freed { .. })),
        "{then:?}"
    );
    assert!(!reasons(&then).is_empty(), "{then:?}");
}

#[test]
fn a_function_is_compiled_a_bounded_number_of_times() {
    let (lua, events) = lua(|jit| jit.thresholds.exits = 1);
    // Each turn brings another kind of operand somewhere else.
    let kinds = ["1", "0.5", "'2'", "1 << 40", "2.5"];
    let mut text =
        String::from("function f(a, b, c) local t = {a, b, c} return a + b, b * c, t[2] - c end\n");
    for a in kinds {
        for b in kinds {
            for c in kinds {
                text.push_str(&format!("for i = 1, 20 do f({a}, {b}, {c}) end\n"));
            }
        }
    }
    lua.load(text).exec().unwrap();
    let all = events.take();
    let compiles = all
        .iter()
        .filter(|e| matches!(e, Event::Compiled { func, .. } if func.name == "f"))
        .count();
    assert!((2..=5).contains(&compiles), "{compiles}");
    // The last one guesses nothing, so that nothing is left to fail.
    assert_eq!(lua.jit_stats().not_compiled, 0);
    assert_eq!(
        lua.jit_stats()
            .functions
            .iter()
            .find(|(f, _)| f.name == "f")
            .unwrap()
            .1
            .tier,
        1
    );
}

#[test]
fn slow_steps_lead_to_new_code_only_if_feedback_has_news() {
    let (lua, events) = lua(|jit| jit.thresholds.slow_hits = 100);
    // `get` is compiled before the branch was ever taken.
    lua.load(
        "function get(t, deep) if deep then return t.inner.value end return 0 end
         t = {inner = {value = 7}}
         for i = 1, 10 do get(t, false) end",
    )
    .exec()
    .unwrap();
    events.take();
    lua.load("local s = 0 for i = 1, 3000 do s = s + get(t, true) end assert(s == 21000)")
        .exec()
        .unwrap();
    let again = |events: &[Event]| {
        let of_get = |e: &&Event| matches!(e, Event::Compiled { func, reason: "feedback", .. } if func.name == "get");
        events.iter().filter(of_get).count()
    };
    assert_eq!(again(&events.take()), 1);
    // Nothing to learn: these steps stay what they are.
    lua.load(
        "function grow(n) local t = {} for i = 1, n do t[#t + 1] = {} t[i] = nil end end
         for i = 1, 50 do grow(100) end",
    )
    .exec()
    .unwrap();
    events.take();
    lua.load("for i = 1, 500 do grow(100) end").exec().unwrap();
    let late = events.take();
    let grown = |e: &&Event| matches!(e, Event::Compiled { func, .. } if func.name == "grow");
    assert_eq!(late.iter().filter(grown).count(), 0, "{late:?}");
}

// ---- listings and names

#[test]
fn code_is_listed_cold_and_warm() {
    let folder = Folder::new("listings");
    folder.file(
        "a.lua",
        "local function f(a, b) return a + b end
         local s = 0 for i = 1, 100 do s = f(s, i) end",
    );
    let list = |options: &[&str]| {
        let words = [&["disasm"], options, &["a.lua"]].concat();
        let output = folder.vm(&words);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let cold = list(&["--clif", "--asm", "--frame-maps"]);
    for part in [
        "; main chunk (a.lua:0)",
        "; f (a.lua:1)",
        "@0000  add",
        "; intermediate code\nfunction u0:0(i64, i64, i64) -> i64",
        "; machine code\n",
        "; frame maps\n",
        "map 0\n  frame f0 pc ",
    ] {
        assert!(cold.contains(part), "no {part:?} in:\n{cold}");
    }
    // Feedback makes guards, and guards have exits.
    let warm = list(&["--frame-maps", "--warm", "--jit-opt=calls=9,back-edges=9"]);
    let f = |text: &str| text.split("; f (").nth(1).map(str::to_owned).unwrap();
    assert!(f(&warm).contains("exit at pc 0: map"), "{warm}");
    assert!(!f(&cold).contains("exit at pc 0: map"), "{cold}");
    assert!(!warm.contains("; machine code"), "{warm}");
    check_error(&folder.vm(&["disasm", "--warm", "a.lua"]), 2, &["--clif"]);
}

#[cfg(target_os = "linux")]
#[test]
fn profilers_are_told_names() {
    let folder = Folder::new("perf");
    folder.file(
        "p.lua",
        "local f = function() end for i = 1, 99 do f() end print('done')",
    );
    let mut child = folder
        .command(&["run", "--jit=full", "--jit-opt=calls=9", "--perf", "p.lua"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let map = format!("/tmp/perf-{}.map", child.id());
    assert!(child.wait().unwrap().success());
    let text = std::fs::read_to_string(&map).unwrap();
    std::fs::remove_file(&map).unwrap();
    let line = text.lines().find(|l| l.ends_with(" lua:f (p.lua:1)"));
    let mut words = line.unwrap_or_else(|| panic!("{text}")).split(' ');
    for _ in 0..2 {
        let word = words.next().unwrap();
        assert!(usize::from_str_radix(word, 16).unwrap() > 0, "{text}");
    }
}
