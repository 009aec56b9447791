//! Stress: collections at every safepoint, walks over the heap, VMs that come
//! and go, VMs on several threads; and, with feature `long`, what the project
//! promises of memory and pauses, measured.
//!
//! The measuring tests print figures: `cargo test --release -p strata-tests
//! --test stress --features long -- --nocapture --test-threads 1 measure`.

#![cfg_attr(
    not(feature = "long"),
    allow(dead_code, unused_imports, reason = "what only the long tests use")
)]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use strata_runtime::state::VmConfig;
use strata_tests::session::{End, Library, Session};
use strata_tests::{corpus, oracle};

fn calm(source: &[u8], chunk: &str) -> Vec<u8> {
    let outcome = Session::open().run(source, chunk);
    assert_eq!(outcome.end, End::Returned(0), "{chunk}");
    outcome.output
}

#[test]
fn collections_at_every_safepoint() {
    for program in corpus::programs() {
        let chunk = format!("@{}.lua", program.name);
        let expected = calm(&program.source, &chunk);
        for mode in ["incremental", "generational"] {
            let mut session = Session::open();
            session.run(format!("collectgarbage('{mode}')"), "=mode");
            session.vm.heap.set_stress(true);
            let outcome = session.run(&program.source, &chunk);
            assert_eq!(outcome.end, End::Returned(0), "{chunk} ({mode})");
            // When objects die is what this one is about: it may print that.
            assert_eq!(
                String::from_utf8_lossy(&outcome.output),
                String::from_utf8_lossy(&expected),
                "{chunk} ({mode})"
            );
            session.check_heap(&chunk);
        }
    }
}

/// Small programs that are hard on the collector: what they keep is reached
/// only through frames, coroutines, upvalues, weak tables or finalizers.
const HARD: [&str; 8] = [
    "local function deep(n, t) if n == 0 then return #t end local u = {t[1], n} return deep(n - 1, u) + #u end print(deep(60, {1, 2}))",
    "local cos = {} for i = 1, 20 do cos[i] = coroutine.wrap(function() local t = {i} for j = 1, 5 do t = {t[1] + j} coroutine.yield(t[1]) end return {t} end) end \
     for j = 1, 6 do for i = 1, 20 do local v = cos[i]() if j == 6 then io.write(v[1][1], ' ') end end end",
    "local fs = {} for i = 1, 30 do local a, b = {i}, tostring(i) fs[i] = function() a = {a[1] + #b} return a[1] end end for i = 1, 30 do io.write(fs[i]() + fs[i](), ' ') end",
    "local s = '' for i = 1, 60 do s = s .. i .. string.rep('x', i) end print(#s, #s:gsub('x+', function(m) return '<' .. #m .. '>' end))",
    "local t = setmetatable({}, {__index = function(t, k) local v = {k .. '!'} rawset(t, k, v) return v end}) for i = 1, 40 do io.write(t['k' .. i % 7][1]) end",
    "local n = 0 for i = 1, 30 do setmetatable({i}, {__gc = function(o) n = n + o[1] end}) end collectgarbage() print(n)",
    "local log = {} local function c(i) return setmetatable({i}, {__close = function(o, e) log[#log + 1] = o[1] .. tostring(e) end}) end \
     print(pcall(function() local a <close> = c(1) local b <close> = c(2) local t = {} error('e' .. #t, 0) end)) print(table.concat(log, ' '))",
    "local t = {} for i = 1, 200 do t[i] = {k = 'key' .. i % 13, v = i} end table.sort(t, function(a, b) local x, y = {a}, {b} return x[1].k .. '' < y[1].k .. '' or (a.k == b.k and a.v < b.v) end) \
     for i = 1, 200, 20 do io.write(t[i].k, ' ', t[i].v, ' ') end",
];

#[test]
fn hard_programs_under_stress() {
    let lua = oracle::command();
    for source in HARD {
        let expected = calm(source.as_bytes(), "=hard");
        if let Some(lua) = &lua {
            let answer = oracle::run(lua, source.as_bytes());
            assert_eq!(
                String::from_utf8_lossy(&answer.output),
                String::from_utf8_lossy(&expected),
                "{source}"
            );
        }
        let mut session = Session::open();
        session.vm.heap.set_stress(true);
        let outcome = session.run(source, "=hard");
        assert_eq!(outcome.end, End::Returned(0), "{source}");
        assert_eq!(outcome.output, expected, "{source}");
        session.check_heap(source);
    }
}

#[test]
fn finalizers_come_a_few_at_a_time() {
    // A cycle finds many; whoever polls next isn't held up by all of them.
    let mut session = Session::open();
    let outcome = session.run(
        "local n, most = 0, 0 \
         for i = 1, 5000 do setmetatable({}, {__gc = function() n = n + 1 end}) end \
         while n < 5000 do local before = n local t = {} most = math.max(most, n - before) end \
         local last = n while n == last and n < 5000 do local t = {} end \
         print(most <= 10, n) \
         for i = 1, 100 do setmetatable({}, {__gc = function() n = n + 1 end}) end \
         collectgarbage() print(n)",
        "=few",
    );
    assert_eq!(outcome.end, End::Returned(0));
    assert_eq!(
        String::from_utf8_lossy(&outcome.output),
        "true\t5000\n5100\n"
    );
}

#[test]
fn the_heap_is_sound_at_any_moment_of_a_cycle() {
    // Stopped after ever more instructions: whatever the collector was at.
    let source = "local kept = {} for i = 1, 1e9 do \
        kept[i % 500 + 1] = {i, s = 'k' .. i, f = function() return i end, n = {kept[(i * 7) % 500 + 1] and i}} \
        if i % 50 == 0 then kept[i % 500 + 1] = coroutine.wrap(function() local x = {} coroutine.yield(x) end) kept[i % 500 + 1]() end \
        if i % 90 == 0 then setmetatable(kept[(i + 3) % 500 + 1] or {}, {__mode = 'k', __gc = function() end}) end end";
    for mode in ["incremental", "generational"] {
        let mut session = Session::open();
        session.run(format!("collectgarbage('{mode}')"), "=mode");
        for n in 0..60 {
            session.vm.set_instruction_limit(Some(20_000 + n * 777));
            session.run(source, "=cycle");
            session.check_heap(mode);
        }
        session.vm.set_instruction_limit(None);
    }
}

/// A field of `/proc/self/status` in bytes; `None` where there is no such file.
fn memory(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with(field))?;
    let kb: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kb << 10)
}

fn one_life(seed: u64) {
    let config = VmConfig {
        seed: Some(seed),
        ..VmConfig::default()
    };
    let mut session = Session::new(&config, Library::All);
    let outcome = session.run(
        "local t = {} for i = 1, 2000 do t[i] = {i, x = 'x' .. i} end local s = table.concat({'a', 'b'}) \
         co = coroutine.wrap(function() local keep <close> = setmetatable({}, {__close = function() end}) coroutine.yield(s) end) co() \
         setmetatable({}, {__gc = function() print('closed') end})",
        "=life",
    );
    assert_eq!(outcome.end, End::Returned(0));
    strata::engine::close(&mut session.vm);
    assert_eq!(session.take_output(), b"closed\n");
}

#[test]
fn vms_come_and_go_without_growth() {
    for seed in 0..40 {
        one_life(seed);
    }
    let before = memory("VmRSS");
    for seed in 0..300 {
        one_life(seed);
    }
    if let (Some(before), Some(after)) = (before, memory("VmRSS")) {
        // Other tests run in this process at the same time.
        let most = before + (64 << 20);
        assert!(
            after < most,
            "{} MB before, {} MB after",
            before >> 20,
            after >> 20
        );
    }
}

#[test]
fn a_vm_runs_on_without_growth() {
    let mut session = Session::open();
    let source = "local t = {} for i = 1, 3000 do t['k' .. i] = {i, tostring(i), function() return i end} end \
        local co = coroutine.wrap(function() coroutine.yield(t) end) co() load('return ' .. math.random(1000))()";
    let mut after = Vec::new();
    for round in 0..60 {
        assert_eq!(session.run(source, "=round").end, End::Returned(0));
        strata::engine::collect(&mut session.vm).expect("no limit is set");
        if round % 10 == 9 {
            after.push(session.vm.heap.bytes);
        }
    }
    let (first, last) = (after[1], after[after.len() - 1]);
    assert!(last < first + first / 20 + (64 << 10), "{after:?}");
}

#[test]
fn vms_on_several_threads() {
    let programs = corpus::programs();
    let expected: Vec<Vec<u8>> = programs
        .iter()
        .map(|p| calm(&p.source, &format!("@{}.lua", p.name)))
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for (program, expected) in programs.iter().zip(&expected) {
                    assert_eq!(
                        &calm(&program.source, &format!("@{}.lua", program.name)),
                        expected
                    );
                }
            });
        }
    });
}

#[test]
fn a_vm_moves_between_threads() {
    let mut session = Session::open();
    session.run("n = 0 co = coroutine.wrap(function() while true do n = n + 1 coroutine.yield(n) end end) co()", "=first");
    for round in 2..6 {
        session = std::thread::spawn(move || {
            let outcome = session.run("print(co())", "=next");
            assert_eq!(outcome.output, format!("{round}\n").into_bytes());
            strata::engine::collect(&mut session.vm).expect("no limit is set");
            session
        })
        .join()
        .expect("the thread's test holds");
    }
    session.check_heap("after moving");
}

// ---- measurements

const MB: f64 = 1024.0 * 1024.0;

#[test]
#[cfg(feature = "long")]
fn measure_coroutines() {
    const N: u64 = 1_000_000;
    let mut session = Session::open();
    let before = memory("VmRSS").unwrap_or(0);
    let start = Instant::now();
    let outcome = session.run(
        format!(
            "all = {{}} local function body(a) local b = coroutine.yield(a) return a + b end \
             for i = 1, {N} do local co = coroutine.create(body) coroutine.resume(co, i) all[i] = co end"
        ),
        "=coroutines",
    );
    assert_eq!(outcome.end, End::Returned(0));
    let made = start.elapsed();
    let used = memory("VmRSS").unwrap_or(0).saturating_sub(before);
    let heap = session.vm.heap.bytes;
    println!(
        "{N} suspended coroutines: {:.0} MB resident, {:.0} bytes each; {:.0} MB accounted; made in {:.2} s",
        used as f64 / MB,
        used as f64 / N as f64,
        heap as f64 / MB,
        made.as_secs_f64()
    );
    let start = Instant::now();
    let outcome = session.run(
        "local sum = 0 for i, co in ipairs(all) do local _, v = coroutine.resume(co, 1) sum = sum + v end print(sum)",
        "=resume",
    );
    assert_eq!(
        outcome.output,
        format!("{}\n", N * (N + 1) / 2 + N).into_bytes()
    );
    println!(
        "all resumed to their end in {:.2} s",
        start.elapsed().as_secs_f64()
    );
    println!("peak: {:.0} MB", memory("VmHWM").unwrap_or(0) as f64 / MB);
    assert!(used.max(heap as u64) <= 2 << 30, "{used} bytes");
}

#[test]
#[cfg(feature = "long")]
fn measure_tables() {
    for (what, body) in [
        ("{}", "{}"),
        ("{i}", "{i}"),
        ("{x = i}", "{x = i}"),
        ("{x = i, y = i}", "{x = i, y = i}"),
        ("{i, i}", "{i, i}"),
    ] {
        let source = format!("for i = 1, 10000000 do local t = {body} end");
        let mut best = (Duration::MAX, Duration::MAX);
        for _ in 0..3 {
            let mut session = Session::open();
            let start = Instant::now();
            assert_eq!(session.run(&source, "=tables").end, End::Returned(0));
            best.0 = best.0.min(start.elapsed());
            if let Some(lua) = oracle::command() {
                let start = Instant::now();
                let done = Command::new(&lua)
                    .args(["-e", &source])
                    .status()
                    .is_ok_and(|s| s.success());
                assert!(done, "{lua} failed");
                best.1 = best.1.min(start.elapsed());
            }
        }
        let (ours, theirs) = (best.0.as_secs_f64(), best.1.as_secs_f64());
        if best.1 == Duration::MAX {
            println!("10,000,000 of {what}: {ours:.2} s (no lua5.4 here)");
        } else {
            println!(
                "10,000,000 of {what}: {ours:.2} s, lua5.4 {theirs:.2} s: {:.2}x",
                theirs / ours
            );
        }
    }
}

#[test]
#[cfg(feature = "long")]
fn measure_pauses() {
    for mode in ["incremental", "generational"] {
        let mut session = Session::open();
        let outcome = session.run(
            format!(
                "collectgarbage('{mode}') live = {{}} local i = 0 \
                 while collectgarbage('count') < 500 * 1024 do i = i + 1 \
                 live[i] = {{i, name = 'n' .. i, list = {{i, i + 1, {{}}}}, f = function() return i end}} end"
            ),
            "=fill",
        );
        assert_eq!(outcome.end, End::Returned(0));
        strata::engine::collect(&mut session.vm).expect("no limit is set");
        let live = session.vm.heap.bytes;
        session.vm.heap.stats.reset_pauses();
        let cycles = (session.vm.heap.stats.cycles, session.vm.heap.stats.minors);
        let start = Instant::now();
        let outcome = session.run(
            "local n = #live for round = 1, 8000000 do local at = (round * 7919) % n + 1 \
             live[at] = {round, name = 'n' .. round, list = {round, {}}, f = function() return round end} end",
            "=churn",
        );
        assert_eq!(outcome.end, End::Returned(0));
        let stats = &session.vm.heap.stats;
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "{mode}: {:.0} MB live; {} pauses in {:.1} s, {} major and {} minor collections: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms, {:.0} % of the time",
            live as f64 / MB,
            stats.pauses,
            start.elapsed().as_secs_f64(),
            stats.cycles - cycles.0,
            stats.minors - cycles.1,
            ms(stats.quantile(0.5)),
            ms(stats.p99()),
            ms(stats.max),
            100.0 * stats.total.as_secs_f64() / start.elapsed().as_secs_f64()
        );
    }
}
