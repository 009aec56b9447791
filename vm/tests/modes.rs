//! Modes and backends: chosen for a VM, for single functions, in source, while
//! the program runs; and what is told of the choice.
#![cfg(feature = "cranelift")]

use strata::profiler::Thresholds;
use strata::{
    Backend, ChosenBy, Error, ExecutionBackend, ExecutionManager, Function, JitMode, JitOptions,
    Lua, LuaOptions, Wish,
};

/// What is compiled at the second call, and optimized while the program waits.
fn lua(mode: JitMode, rules: &[&str]) -> Lua {
    let jit = JitOptions {
        mode,
        functions: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        thresholds: Thresholds {
            background: 0,
            hot: 20_000,
            calls: 10,
            back_edges: 10,
            start_up: 1,
            ..Thresholds::default()
        },
        ..JitOptions::default()
    };
    Lua::new_with(LuaOptions {
        jit,
        ..LuaOptions::default()
    })
    .unwrap()
}

/// A function that loops, after so much work that it is optimized if it may be.
fn worked(lua: &Lua, source: &str) -> Function {
    let f: Function = lua.load(source).set_name("=work").eval().unwrap();
    work(&f);
    f
}

fn work(f: &Function) {
    // The optimizing compiler is a thread of its own.
    for _ in 0..200 {
        for _ in 0..100 {
            assert_eq!(f.call::<i64>(100).unwrap(), 5050);
        }
        if tier(f) == 2 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn tier(f: &Function) -> u8 {
    f.jit_status()
        .unwrap()
        .expect("a function of a script")
        .tier
}

const SUM: &str = "return function(n) local s = 0 for i = 1, n do s = s + i end return s end";

#[test]
fn a_vm_goes_as_far_as_its_mode_says() {
    for (mode, expected) in [
        (JitMode::Off, 0),
        (JitMode::Baseline, 1),
        (JitMode::Full, 2),
        (JitMode::Always, 2),
    ] {
        let lua = lua(mode, &[]);
        let f = worked(&lua, SUM);
        assert_eq!(tier(&f), expected, "{mode}");
        let status = f.jit_status().unwrap().unwrap();
        assert_eq!(status.choice.by, ChosenBy::Vm);
        assert!(!status.why.is_empty());
    }
}

#[test]
fn always_compiles_before_anything_runs() {
    let lua = lua(JitMode::Always, &[]);
    let f: Function = lua.load(SUM).eval().unwrap();
    assert_eq!(tier(&f), 1);
    assert_eq!(f.jit_status().unwrap().unwrap().calls, 0);
    assert_eq!(f.call::<i64>(10).unwrap(), 55);
}

#[test]
fn what_must_be_compiled_and_cannot_be_is_named() {
    let body = "x = x + 1 ".repeat(5000);
    let source = format!("local function short() end local function long() {body} end");
    let refused = lua(JitMode::Always, &[])
        .load(&source)
        .set_name("=big")
        .exec();
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("long (big:1): it is too long: "), "{why}");
    assert!(!why.contains("short"), "{why}");
    // Whoever says so may leave functions out.
    let annotated = source.replace("local function long", "--@jit off\nlocal function long");
    lua(JitMode::Always, &[]).load(&annotated).exec().unwrap();
    let rule = lua(JitMode::Always, &["long=off"]);
    rule.load(&source).exec().unwrap();
    // `load` raises it.
    let lua = lua(JitMode::Always, &[]);
    lua.globals().raw_set("source", source).unwrap();
    let (fine, why): (bool, String) = lua.load("return pcall(load, source)").eval().unwrap();
    assert!(!fine && why.contains("too long"), "{why}");
}

#[test]
fn source_rules_and_requests_choose_for_a_function() {
    let annotated = |word: &str| format!("--@jit {word}\n{SUM}");
    for (word, expected, made_by) in [
        ("off", 0, "interpreter"),
        ("baseline", 1, "cranelift"),
        ("cranelift", 2, "cranelift"),
        ("auto", 2, ""),
    ] {
        let vm = lua(JitMode::Full, &[]);
        let f = worked(&vm, &annotated(word));
        let status = f.jit_status().unwrap().unwrap();
        assert_eq!(
            (status.tier, status.choice.by),
            (expected, ChosenBy::Source),
            "{word}"
        );
        assert!(
            made_by.is_empty() || status.backend == made_by,
            "{word}: {}",
            status.backend
        );
        // A rule counts before it.
        let vm = lua(JitMode::Full, &["work=baseline"]);
        let status = worked(&vm, &annotated(word)).jit_status().unwrap().unwrap();
        assert_eq!(
            (status.tier, status.choice.by),
            (1, ChosenBy::Rule),
            "{word}"
        );
        // And a request before both.
        let f = worked(&vm, &annotated(word));
        f.set_jit(Some(Wish::from_name("off").unwrap()), false)
            .unwrap();
        assert_eq!(tier(&f), 0);
        work(&f);
        let status = f.jit_status().unwrap().unwrap();
        assert_eq!(
            (status.tier, status.choice.by),
            (0, ChosenBy::Request),
            "{word}"
        );
        f.set_jit(None, false).unwrap();
        work(&f);
        assert_eq!(tier(&f), 1, "{word}");
    }
    // Nobody gets more than the VM allows.
    let vm = lua(JitMode::Off, &["work=always"]);
    assert_eq!(tier(&worked(&vm, &annotated("always"))), 0);
}

#[test]
fn a_mode_may_change_while_the_program_is_there() {
    let lua = lua(JitMode::Full, &[]);
    let f = worked(&lua, SUM);
    assert_eq!(tier(&f), 2);
    lua.set_jit_mode(JitMode::Off, Backend::Auto);
    assert_eq!(
        (tier(&f), lua.jit_mode()),
        (0, (JitMode::Off, Backend::Auto))
    );
    work(&f);
    assert_eq!(tier(&f), 0);
    lua.set_jit_mode(JitMode::Baseline, Backend::Auto);
    work(&f);
    assert_eq!(tier(&f), 1);
    lua.set_jit_mode(JitMode::Full, Backend::Cranelift);
    work(&f);
    let status = f.jit_status().unwrap().unwrap();
    assert_eq!((status.tier, status.backend), (2, "cranelift"));
    lua.flush_jit();
    assert_eq!(tier(&f), 0);
    work(&f);
    assert_eq!(tier(&f), 2);
}

#[test]
fn a_function_that_is_switched_off_is_not_run_as_part_of_others() {
    let lua = lua(JitMode::Full, &[]);
    let (outer, inner): (Function, Function) = lua
        .load(
            "local function inner(s, i) return s + i end
             return function(n) local s = 0 for i = 1, n do s = inner(s, i) end return s end, inner",
        )
        .set_name("=work")
        .eval()
        .unwrap();
    work(&outer);
    assert_eq!(tier(&outer), 2);
    let part_of = |f: &Function| f.jit_status().unwrap().unwrap().part_of;
    assert_eq!(part_of(&inner).len(), 1);
    inner
        .set_jit(Some(Wish::from_name("off").unwrap()), false)
        .unwrap();
    assert_eq!((tier(&outer), part_of(&inner).len()), (0, 0));
    work(&outer);
    assert_eq!(
        (tier(&outer), tier(&inner), part_of(&inner).len()),
        (2, 0, 0)
    );
}

#[test]
fn code_that_runs_may_be_taken_out_of_use() {
    // By what it calls, at several depths and in coroutines.
    let source = "local jit = require 'jit'
        local function g(x) return x + 1 end
        local function f(n)
          local s = 0
          for i = 1, n do
            s = g(s)
            if i % 100 == 0 then jit.flush() end
            if i % 150 == 0 then jit.off(g) end
            if i % 170 == 0 then jit.on(g) jit.mode('baseline') end
            if i % 190 == 0 then jit.mode('always') end
          end
          return s
        end
        local s = 0
        for i = 1, 20 do s = s + f(1000) end
        local function h(n)
          if n == 0 then jit.flush(true, true) jit.flush() jit.off(true) jit.on(true) return 0 end
          return 1 + h(n - 1)
        end
        for i = 1, 50 do s = s + h(50) end
        local co = coroutine.wrap(function()
          for i = 1, 3000 do
            if i % 100 == 0 then jit.off() coroutine.yield(i) jit.on() end
          end
        end)
        for i = 1, 30 do s = s + co() end
        return s";
    for mode in [
        JitMode::Off,
        JitMode::Baseline,
        JitMode::Full,
        JitMode::Always,
    ] {
        let s: i64 = lua(mode, &[]).load(source).eval().unwrap();
        assert_eq!(s, 20_000 + 2_500 + 46_500, "{mode}");
    }
}

#[test]
fn programs_ask_within_what_their_host_allows() {
    let source = "local jit = require 'jit'
        local on, mode, backend = jit.status()
        local modes = {}
        for _, m in ipairs { 'off', 'baseline', 'full', 'always', 'hybrid' } do
          modes[#modes + 1] = jit.mode(m)
        end
        jit.on()
        modes[#modes + 1] = jit.mode()
        return _G.jit == nil, table.concat(modes, ' ')";
    for (mode, expected) in [
        (JitMode::Off, "off off off off off off"),
        (
            JitMode::Baseline,
            "off baseline baseline baseline baseline baseline",
        ),
        (JitMode::Full, "off baseline full always baseline full"),
    ] {
        let (hidden, modes): (bool, String) = lua(mode, &[]).load(source).eval().unwrap();
        assert!(hidden);
        assert_eq!(modes, expected);
    }
}

#[test]
fn handlers_are_told_of_events() {
    let source = "local jit = require 'jit'
        local names, fields, late = {}, nil, 0
        local function any(e) names[e.event] = (names[e.event] or 0) + 1 end
        local function one(e) fields = fields or e end
        local function bad() late = late + 1 error('no') end
        local function sum(n) local s = 0 for i = 1, n do s = s + i end return s end
        jit.attach(any, 'all')
        jit.attach(one, 'compiled')
        jit.attach(bad, 'compiled')
        for i = 1, 50 do sum(10) end
        for i = 1, 50 do sum(10) end
        jit.attach(any) jit.attach(one) jit.attach(bad)
        local n, l = names.compiled, late
        local function other(n) local s = 0 for i = 1, n do s = s + i end return s end
        for i = 1, 100 do other(10) end
        return n >= 1 and l >= 1, names.compiled == n and late == l, fields.func.name, fields.tier";
    let (told, over, name, tier): (bool, bool, String, i64) =
        lua(JitMode::Baseline, &[]).load(source).eval().unwrap();
    assert!(told && over);
    assert!(["sum", "main chunk"].contains(&name.as_str()), "{name}");
    assert_eq!(tier, 1);
    for wrong in [
        "jit.attach(1, 'all')",
        "jit.attach(print, 'nothing')",
        "jit.off(1)",
        "jit.mode('fast')",
        "jit.mode(print)",
        "jit.backend('gcc')",
        "jit.set('heat', 1)",
        "jit.set('code-memory', 1 << 40)",
        "jit.set('calls', 1 << 40)",
        "jit.set('calls', -1)",
    ] {
        let source = format!("local jit = require 'jit' {wrong}");
        let why = lua(JitMode::Full, &[]).load(&source).exec().unwrap_err();
        assert!(why.to_string().contains("bad argument"), "{wrong}: {why}");
    }
}

#[test]
fn status_tells_what_would_change_it() {
    let lua = lua(JitMode::Full, &[]);
    let f = worked(&lua, &format!("--@jit off\n{SUM}"));
    let status = f.jit_status().unwrap().unwrap();
    let text = status.to_string();
    assert!(text.contains("tier 0 (interpreter)"), "{text}");
    assert!(status.remedy.unwrap().contains("--@jit"));
    let all = lua.function_statuses();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].func.name, "main chunk");
    assert!(
        all[0].why.starts_with("not hot yet: 1 calls of "),
        "{}",
        all[0].why
    );
    // The same from inside.
    let (tier, why): (i64, String) = lua
        .load("local s = require 'jit'.status(...) return s.tier, s.why")
        .call(f)
        .unwrap();
    assert_eq!(
        (tier, why.as_str()),
        (0, "an annotation in the source asks for it")
    );
}

#[test]
fn managers_execute_by_name() -> Result<(), Error> {
    for backend in ExecutionBackend::ALL {
        let mut manager = ExecutionManager::create(backend)?;
        match manager.missing() {
            None => assert_eq!(manager.backend_name(), backend.name()),
            Some(why) => {
                assert!(why.contains("missing") && why.contains("build"), "{why}");
                assert_ne!(manager.backend_name(), backend.name());
            }
        }
        let names = manager.compile(
            "function add(a, b) return a + b end function twice(x) return add(x, x) end local x = 1",
            "m",
        )?;
        assert_eq!(names, ["add", "twice"]);
        manager.compile("function quote(s) return '<' .. s .. '>' end", "n")?;
        assert!(manager.has_function("add") && !manager.has_function("x"));
        assert_eq!(manager.execute::<i64>("twice", 21)?, 42);
        assert_eq!(manager.execute::<String>("quote", "a")?, "<a>");
        let tier = manager.function("add")?.jit_status()?.unwrap().tier;
        assert_eq!(
            tier > 0,
            !matches!(manager.backend_name(), "interpreter" | "auto"),
            "{backend}"
        );
        let wrong = manager.execute::<i64>("sub", ()).unwrap_err().to_string();
        assert!(
            wrong.contains("'sub'") && wrong.contains("add, quote, twice"),
            "{wrong}"
        );
        assert!(manager.compile("function (", "bad").is_err());
        manager.clean_up()?;
        assert!(!manager.has_function("add"));
        assert!(manager.execute::<i64>("add", (1, 2)).is_err());
        manager.compile("function add(a, b) return a - b end", "m")?;
        assert_eq!(manager.execute::<i64>("add", (1, 2))?, -1);
    }
    Ok(())
}
