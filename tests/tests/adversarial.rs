//! Programs that want to do harm, each with the clear end that it must come to,
//! in every tier: limits, depth, floods, finalizers and metamethods that won't
//! end, VMs that come and go.
//!
//! Two of them take long in full size: `cargo test --release -p strata-tests
//! --features long,strata/llvm --test adversarial -- --nocapture full_size`.
//!
//! | what | tests |
//! |---|---|
//! | limits hold in hot code, and inside the library | `time_stops_compiled_loops`, `memory_runs_out_in_compiled_loops`, `nothing_catches_a_limit_in_any_tier`; the library alone: `limits.rs` |
//! | instructions are counted alike | `instructions_are_counted_alike_in_every_tier` |
//! | floods of hash keys | `hash_floods_stay_linear` |
//! | deep sources and data | `deep_sources_and_data` |
//! | deep recursion: Lua, metamethods, `pcall`, `gsub`, `sort` | `recursion_ends_in_an_error`, `recursion_through_the_library_ends_in_an_error` |
//! | errors in error handlers at the limits | `errors_in_error_handlers_at_the_limit_of_the_stack` |
//! | finalizers that resurrect, fail, yield, make others, never end | `finalizers_that_resurrect_fail_yield_or_go_on_for_ever`, `finalizers_that_never_end_are_stopped` |
//! | `__index` that closes on itself | `chains_of_index_that_close_on_themselves` |
//! | types that change all the time | `types_and_shapes_that_change_all_the_time` |
//! | very many functions, a very long one | `memory_for_code_is_bounded`, `a_function_of_a_million_instructions` |
//! | limits inside exits, collections, finalizers, and where code is installed | `memory_that_fails_anywhere`, `limits_in_exits_collections_and_installs` |
//! | two VMs on two threads, one dropped while it compiles | `vms_on_two_threads_do_not_meet`, `a_vm_that_is_dropped_while_it_compiles` |
//! | VMs without end | `many_lives_leave_nothing_behind` |
//!
//! What the interpreter alone has to hold is in `limits.rs` and `hostile.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};
use strata::engine::Backend;
use strata::stress::StressModes;
use strata::{JitMode, engine};
use strata_runtime::error::Limit;
use strata_runtime::state::VmConfig;
use strata_tests::differential::Way;
use strata_tests::session::{End, Library, Session, lossy};

const MODES: [JitMode; 3] = [JitMode::Off, JitMode::Baseline, JitMode::Full];

/// A VM that compiles at once as far as `mode`, with so much memory.
fn session(mode: JitMode, memory: usize) -> Session {
    session_with(mode, Backend::Llvm, memory)
}

/// The same by one of the optimizing compiler's backends.
fn session_with(mode: JitMode, backend: Backend, memory: usize) -> Session {
    let config = VmConfig {
        seed: Some(7),
        memory_limit: memory,
        allow_bytecode: true,
    };
    let way = Way {
        backend,
        ..Way::compiled(mode)
    };
    let mut session = Session::new(&config, Library::All);
    engine::set_jit(&mut session.vm, &way.options());
    engine::set_stress(&mut session.vm, &way.modes);
    session
}

const MUCH: usize = 1 << 30;

/// Runs a program in every tier, for at most a minute: what it prints.
fn prints(source: &str, expected: &str) {
    for mode in MODES {
        let mut session = session(mode, MUCH);
        let (end, output) = run(&mut session, source);
        assert_eq!(end, End::Returned(0), "{mode}: {source}");
        assert_eq!(output, expected, "{mode}: {source}");
        session.check_heap(source);
    }
}

fn run(session: &mut Session, source: &str) -> (End, String) {
    let until = Instant::now() + Duration::from_secs(60);
    session.vm.set_deadline(Some(until)).expect("a watchdog");
    let outcome = session.run(source, "=adversary");
    session.vm.set_deadline(None).expect("no thread is needed");
    (outcome.end, lossy(&outcome.output))
}

/// Runs a program with little memory in every tier: it must reach the limit, and
/// the VM goes on.
fn exhausts_memory(source: &str) {
    for mode in MODES {
        let mut session = session(mode, 24 << 20);
        let (end, output) = run(&mut session, source);
        assert_eq!(end, End::Limit(Limit::Memory), "{mode}: {source}");
        assert_eq!(output, "", "{mode}: {source}");
        goes_on(&mut session, source);
    }
}

/// By how much a program may miss its time: what is promised is 10 ms, but a busy
/// machine may not even run us.
const SOON: Duration = Duration::from_millis(200);

/// Runs a program that does not end in every tier: the time stops it, soon.
fn exhausts_time(source: &str) {
    for mode in MODES {
        let mut best = Duration::MAX;
        for attempt in 1..=10 {
            let mut session = session(mode, MUCH);
            let (end, late) = session.run_timed(source, Duration::from_millis(60));
            assert_eq!(end, End::Limit(Limit::Time), "{mode}: {source}");
            goes_on(&mut session, source);
            best = best.min(late);
            if best < Duration::from_millis(10) || attempt >= 3 && best < SOON {
                break;
            }
        }
        assert!(best < SOON, "{mode}: {best:?}: {source}");
    }
}

fn goes_on(session: &mut Session, after: &str) {
    for _ in 0..2 {
        engine::collect(&mut session.vm).unwrap_or_else(|e| panic!("after {after}: {e:?}"));
    }
    let (end, output) = run(
        session,
        "local s = 0 for i = 1, 300 do s = s + i end print(s, pcall(error, 'x'))",
    );
    assert_eq!(
        (end, output.as_str()),
        (End::Returned(0), "45150\tfalse\tx\n"),
        "after: {after}"
    );
    session.check_heap(after);
}

// ---- depth

#[test]
fn recursion_ends_in_an_error() {
    for source in [
        "local function f(n) return 1 + f(n + 1) end",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k + 1] end local function f() return t[1] end",
        "local m = {} m.__add = function(a, b) return a + b end local t = setmetatable({}, m) local function f() return t + 1 end",
        "local m = {} m.__eq = function(a, b) return a == b end local t, u = setmetatable({}, m), setmetatable({}, m) local function f() return t == u end",
        "local m = {} m.__concat = function(a, b) return a .. b end local t = setmetatable({}, m) local function f() return t .. 'x' end",
        "local m = {} m.__newindex = function(t, k, v) t[k] = v end local t = setmetatable({}, m) local function f() t.x = 1 end",
        "local m = {} m.__call = function(t, n) return 1 + t(n) end local t = setmetatable({}, m) local function f() return t(1) end",
        "local m = {} m.__len = function(t) return 1 + #t end local t = setmetatable({}, m) local function f() return #t end",
        "local m = {} m.__lt = function(a, b) return not (a < b) end local t, u = setmetatable({}, m), setmetatable({}, m) local function f() return t < u end",
        "local function f(...) return 1 + f(1, ...) end",
        "local function f() local t <close> = setmetatable({}, {__close = function() end}) return 1 + f() end",
    ] {
        prints(
            &format!(
                "{source} for _ = 1, 3 do local ok, e = pcall(f, 1) print(ok, (tostring(e):match('stack overflow'))) end"
            ),
            "false\tstack overflow\nfalse\tstack overflow\nfalse\tstack overflow\n",
        );
    }
}

#[test]
fn recursion_through_the_library_ends_in_an_error() {
    for source in [
        "local function f() table.sort({3, 2, 1}, function(a, b) f() return a < b end) end",
        "local function f() return (string.gsub('abc', '.', f)) end",
        "local function f() return load(f)() end",
        "local function f() return coroutine.wrap(f)() end",
        "local function f() return require(f) end package.searchers[1] = f f = function() return require('x') end",
        "local m = {} m.__tostring = function(t) return tostring(t) end local t = setmetatable({}, m) local function f() return tostring(t) end",
        "local function f() local ok, e = pcall(f) if not ok then error(e, 0) end end",
        "local function f() local ok, e = xpcall(f, function(e) return e end) if not ok then error(e, 0) end end",
    ] {
        prints(
            &format!("{source} for _ = 1, 2 do print((pcall(f))) end"),
            "false\nfalse\n",
        );
    }
}

#[test]
fn deep_sources_and_data() {
    for source in [
        "return pcall(load, string.rep('(', 100000) .. '1' .. string.rep(')', 100000))",
        "load(string.rep('do ', 100000))",
        "load('return ' .. string.rep('{', 100000))",
        "load('return ' .. string.rep('-', 100000) .. '1')",
        "load('return ' .. string.rep('function() return ', 10000) .. string.rep(' end', 10000))",
        "load('x = ' .. string.rep('a.', 100000) .. 'b')",
        "load(string.rep('if x then ', 10000) .. string.rep(' end', 10000))",
        "local t for i = 1, 300000 do t = {t} end collectgarbage() t = nil collectgarbage()",
        "local f for i = 1, 100000 do local g = f f = function() return g end end collectgarbage() f = nil collectgarbage()",
        "local s = '' for i = 1, 200000 do s = s .. 'x' end return #s:upper()",
        "local t = {} for i = 1, 100000 do t = setmetatable({}, {__index = t}) end return pcall(function() return t.x end)",
        "local co for i = 1, 20000 do local inner = co co = coroutine.wrap(function() coroutine.yield(inner) end) co() end collectgarbage()",
    ] {
        prints(
            &format!("local function f() {source} end f() print('alive')"),
            "alive\n",
        );
    }
}

#[test]
fn errors_in_error_handlers_at_the_limit_of_the_stack() {
    prints(
        "local function deep(n) return 1 + deep(n + 1) end
         for _ = 1, 3 do
           print((xpcall(deep, function(e) return deep(1) end, 1)))
           print((xpcall(deep, function(e) error(e) end, 1)))
           print((xpcall(error, function(e) error('again') end, 'x')))
         end",
        &"false\n".repeat(9),
    );
    exhausts_memory(
        "xpcall(function() local t = {} while true do t[#t + 1] = {} end end, function(e) local t = {} while true do t[#t + 1] = e end end) print('caught')",
    );
}

// ---- floods

#[test]
fn hash_floods_stay_linear() {
    let source = "local t, n = {}, 0
        for i = 1, 200000 do t['key' .. i] = i end
        for i = 1, 200000 do t[i * 4294967296] = i end
        for i = 1, 200000 do t[i * 1048576.0 + 0.5] = i end
        for k, v in pairs(t) do n = n + 1 end print(n)";
    for mode in MODES {
        let mut session = session(mode, MUCH);
        let begun = Instant::now();
        let (end, output) = run(&mut session, source);
        assert_eq!(
            (end, output.as_str()),
            (End::Returned(0), "600000\n"),
            "{mode}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{mode}: {:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn types_and_shapes_that_change_all_the_time() {
    prints(
        "local values = {1, 1.5, 'x', {}, true, print, nil}
         local function kind(v) return type(v) end
         local function add(a, b) local ok, r = pcall(function() return a + b end) return ok and r or 0 end
         local function get(t) return t.x end
         local n, s = 0, 0
         for i = 1, 30000 do
           local v = values[i % 7 + 1]
           if kind(v) == 'number' then n = n + add(v, values[(i * 3) % 7 + 1]) end
           local t = {} t['f' .. i % 300] = i t.x = i
           s = s + get(t)
         end
         print(n > 0, s)",
        "true\t450015000\n",
    );
}

/// Loads `n` functions: each is compiled, used for a moment, and dropped.
fn many_functions(mode: JitMode, backend: Backend, n: u64) {
    let source = format!(
        "for i = 1, {n} do
            local f = load('local s = ' .. i .. ' for j = 1, 3 do s = s + j end return s')
            assert(f() == i + 6 and f() == i + 6)
        end print('done')"
    );
    let mut session = session_with(mode, backend, MUCH);
    let outcome = session.run(&source, "=functions");
    assert_eq!(outcome.end, End::Returned(0), "{mode}");
    assert_eq!(outcome.output, b"done\n", "{mode}");
    let stats = engine::jit_stats(&mut session.vm);
    assert!(
        stats.bytes_peak <= 80 << 20,
        "{mode}: {} bytes",
        stats.bytes_peak
    );
    for _ in 0..2 {
        engine::collect(&mut session.vm).expect("no finalizer fails");
    }
    assert!(
        session.vm.heap.bytes < 8 << 20,
        "{mode}: {} bytes",
        session.vm.heap.bytes
    );
    session.check_heap("after many functions");
}

#[test]
fn memory_for_code_is_bounded() {
    many_functions(JitMode::Off, Backend::Auto, 3000);
    many_functions(JitMode::Baseline, Backend::Auto, 3000);
    // LLVM takes 20 ms for each.
    many_functions(JitMode::Full, Backend::Llvm, 150);
    many_functions(JitMode::Full, Backend::Cranelift, 600);
}

/// Takes an hour.
#[test]
#[cfg(feature = "long")]
fn full_size_memory_for_code_is_bounded() {
    for (mode, n) in [
        (JitMode::Off, 1_000_000),
        (JitMode::Baseline, 1_000_000),
        (JitMode::Full, 100_000),
    ] {
        let begun = Instant::now();
        many_functions(mode, Backend::Cranelift, n);
        eprintln!("{mode}: {n} functions, {:?}", begun.elapsed());
    }
}

#[test]
fn a_function_of_a_million_instructions() {
    let source = "local parts = {'local x = 0 '}
        for i = 1, 250000 do parts[#parts + 1] = 'x = x + 1 ' end
        parts[#parts + 1] = 'return x'
        local f = assert(load(table.concat(parts)))
        print(f(), f(), f())";
    prints(source, "250000\t250000\t250000\n");
}

// ---- finalizers, metatables

#[test]
fn finalizers_that_resurrect_fail_yield_or_go_on_for_ever() {
    prints(
        "local kept, n = {}, 0
         for i = 1, 200 do setmetatable({i}, {__gc = function(o) n = n + 1 kept[#kept + 1] = o end}) end
         collectgarbage() collectgarbage() local s = 0 for i = 1, #kept do s = s + kept[i][1] end
         print(n, s)
         for i = 1, 20 do setmetatable({}, {__gc = function() error('in gc') end}) end
         collectgarbage()
         for i = 1, 20 do setmetatable({}, {__gc = function() coroutine.yield() end}) end
         print((pcall(collectgarbage)))
         coroutine.wrap(function() for i = 1, 20 do setmetatable({}, {__gc = function() coroutine.yield(1) end}) end collectgarbage() for i = 1, 100 do local t = {} end print('still') end)()
         local again again = function() n = n + 1 setmetatable({}, {__gc = again}) end again()
         for i = 1, 20 do collectgarbage() end
         print(n > 205)",
        "200\t20100\ntrue\nstill\ntrue\n",
    );
}

#[test]
fn finalizers_that_never_end_are_stopped() {
    exhausts_time("setmetatable({}, {__gc = function() while true do end end}) collectgarbage()");
    exhausts_memory(
        "setmetatable({}, {__gc = function() local t = {} while true do t[#t + 1] = {} end end}) collectgarbage()",
    );
}

#[test]
fn chains_of_index_that_close_on_themselves() {
    prints(
        "local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a})
         local function get(t) return t.x end
         local function set(t) t.x = 1 end
         for _ = 1, 4 do print((pcall(get, a))) end
         local c, d = {}, {} setmetatable(c, {__newindex = d}) setmetatable(d, {__newindex = c})
         for _ = 1, 4 do print((pcall(set, c))) end",
        &"false\n".repeat(8),
    );
}

// ---- limits in hot code

#[test]
fn time_stops_compiled_loops() {
    for source in [
        "local n = 0 while true do n = n + 1 end",
        "for i = 1, math.huge do end",
        "local t = {1, 2, 3} while true do for i = 1, #t do t[i] = t[i] + 1 end end",
        "local function f(n) if n == 0 then return 0 end return f(n - 1) end while true do f(50) end",
        "local t = setmetatable({}, {__index = function(_, k) return k end}) local s = 0 while true do s = s + t[1] end",
        "local co = coroutine.wrap(function() while true do coroutine.yield(1) end end) while true do co() end",
        "while true do local t = {x = 1} t.y = t end",
        "local s = 0 while true do pcall(function() s = s + 1 error(s) end) end",
        "local x = 1.5 while true do x = -x if x == 1.5 then x = 1 elseif x == -1 then x = 1.5 end end",
    ] {
        exhausts_time(source);
    }
}

#[test]
fn memory_runs_out_in_compiled_loops() {
    for source in [
        "local t = {} for i = 1, math.huge do t[i] = i end",
        "local t = {} for i = 1, math.huge do t[i] = {i} end",
        "local list for i = 1, math.huge do list = {next = list, v = i} end",
        "local t = {} for i = 1, math.huge do t[#t + 1] = i + 0.5 end",
        "local t = {} for i = 1, math.huge do t[i] = function() return i end end",
        "local t = {} for i = 1, math.huge do t['k' .. i] = i end",
        "local s = 'x' for i = 1, math.huge do s = s .. s end",
        "local t = {} while true do t[#t + 1] = coroutine.wrap(function() end) end",
        "local t = {} for i = 1, math.huge do t[i] = load('return ' .. i) end",
    ] {
        exhausts_memory(source);
    }
}

#[test]
fn instructions_are_counted_alike_in_every_tier() {
    for source in [
        "local s = 0 for i = 1, 1000 do s = s + i end",
        "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end for i = 1, 20 do f(i) end",
        "for i = 1, 50 do pcall(error, i) end",
        "local t = {3, 1, 2, 5, 4} for i = 1, 10 do table.sort(t, function(a, b) return a < b end) end",
    ] {
        let left = MODES.map(|mode| {
            let mut session = session(mode, MUCH);
            session.vm.set_instruction_limit(Some(1 << 40));
            let outcome = session.run(source, "=budget");
            assert!(matches!(outcome.end, End::Returned(_)), "{mode}: {source}");
            session.vm.limits.instructions_left()
        });
        assert!(left.iter().all(|l| *l == left[0]), "{left:?}: {source}");
    }
}

/// The memory fails at one allocation after the other, also in deopts, where
/// code is installed and in finalizers: an error or an end, and nothing else.
#[test]
fn memory_that_fails_anywhere() {
    let source = "local log = {}
        local function point(x, y) return {x = x, y = y} end
        local function work(n)
          local s = 0
          for i = 1, n do
            local p = point(i, i * 2)
            if i % 9 == 0 then p = point(i, 'y') log[#log + 1] = p end
            s = s + p.x + #tostring(p.y)
          end
          return s
        end
        setmetatable({}, {__gc = function() log = {} end})
        for i = 1, 6 do pcall(work, 30) collectgarbage('step') end
        local co = coroutine.wrap(function() for i = 1, 9 do coroutine.yield(('x'):rep(i * 50)) end end)
        for i = 1, 9 do co() end";
    for mode in MODES {
        for k in 1..60 {
            let mut session = session(mode, MUCH);
            let modes = StressModes {
                oom: k,
                ..Way::compiled(mode).modes
            };
            engine::set_stress(&mut session.vm, &modes);
            let (end, _) = run(&mut session, source);
            // The failing allocation may be one that `pcall` answers for.
            assert!(
                matches!(
                    end,
                    End::Returned(_) | End::Error(_) | End::Limit(Limit::Memory)
                ),
                "{mode}, allocation {k}: {end}"
            );
            session.check_heap("after memory failed");
        }
    }
}

/// Instructions run out after any number of them: where code is left, entered,
/// installed or invalidated, and in finalizers.
#[test]
fn limits_in_exits_collections_and_installs() {
    let source = "local log = setmetatable({}, {__gc = function() local n = 0 for i = 1, 50 do n = n + i end end})
        local function point(x, y) return {x = x, y = y} end
        local function work(n)
          local s = 0
          for i = 1, n do
            local p = point(i, i * 0.5)
            if i % 5 == 0 then p = point(i, 'y') setmetatable({}, {__gc = function() s = s + 1 end}) end
            s = s + p.x + #tostring(p.y)
          end
          return s
        end
        for i = 1, 4 do pcall(work, 12) end collectgarbage()
        while true do pcall(work, 3) collectgarbage('step') end";
    for mode in MODES {
        for (k, stress) in [
            "deopt=every,poison,queue=sync",
            "queue=delay:3,gc=7,poison",
            "invalidate=safepoint,queue=reorder,stack=2",
            "osr=every,generational,verify=9,queue=sync",
        ]
        .into_iter()
        .enumerate()
        {
            for limit in
                (1 + k as u64..6000).step_by(if cfg!(debug_assertions) { 997 } else { 331 })
            {
                let way = Way::parse(&format!("jit={mode},backend=cranelift,{stress}"));
                let way = way.expect("a way");
                let mut session = session_with(mode, way.backend, MUCH);
                engine::set_stress(&mut session.vm, &way.modes);
                session.vm.set_instruction_limit(Some(limit));
                let (end, _) = run(&mut session, source);
                assert_eq!(end, End::Limit(Limit::Instructions), "{way}, limit {limit}");
                assert_eq!(
                    engine::unsound(&mut session.vm),
                    None,
                    "{way}, limit {limit}"
                );
                session.vm.set_instruction_limit(None);
                goes_on(&mut session, source);
            }
        }
    }
}

/// No handler of any kind, in no tier, goes on after a limit.
#[test]
fn nothing_catches_a_limit_in_any_tier() {
    for source in [
        "while true do pcall(function() while true do end end) end",
        "xpcall(function() while true do end end, function(e) while true do end end)",
        "local co = coroutine.wrap(function() while true do pcall(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x') end) end end) while true do pcall(co) end",
        "while true do pcall(string.rep, 'x', -1) pcall(table.sort, {3, 2, 1}, function(a, b) return true end) end",
        "while true do pcall(string.gsub, ('x'):rep(1000), '.', function(c) return c end) end",
        "while true do pcall(load, function() return ' ' end) end",
    ] {
        exhausts_time(source);
    }
}

// ---- VMs that come and go

#[test]
fn vms_on_two_threads_do_not_meet() {
    let threads: Vec<_> = (0..2)
        .map(|n| {
            std::thread::spawn(move || {
                let mut session = session(MODES[1 + n % 2], MUCH);
                let source = format!(
                    "local s = 0 for i = 1, 20000 do s = s + i % {} end S = s local t = {{}} for i = 1, 500 do t[i] = {{i}} end print(s)",
                    n + 3
                );
                run(&mut session, &source)
            })
        })
        .collect();
    let outputs: Vec<_> = threads
        .into_iter()
        .map(|t| t.join().expect("no panic"))
        .collect();
    assert_eq!(outputs[0], (End::Returned(0), "20001\n".into()));
    assert_eq!(outputs[1], (End::Returned(0), "30000\n".into()));
}

#[test]
fn a_vm_that_is_dropped_while_it_compiles() {
    for n in 0..30u64 {
        let mut session = Session::open();
        let mut options = Way::compiled(JitMode::Full).options();
        // On other threads, whenever they get to it.
        options.thresholds.background = 100;
        engine::set_jit(&mut session.vm, &options);
        let outcome = session.run(
            "local function f(t) local s = 0 for i = 1, #t do s = s + t[i] % 7 end return s end
             local t = {} for i = 1, 200 do t[i] = i end for i = 1, 20 do f(t) end",
            "=dropped",
        );
        assert!(matches!(outcome.end, End::Returned(_)), "{n}");
        drop(session);
    }
}

/// Memory of this process that is resident.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(status.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Creates, uses and closes so many VMs: memory may grow by no more than `room`.
fn many_lives(mode: JitMode, backend: Backend, lives: u64, room: usize) {
    let module = strata_lua::compile(
        b"local s = 0 for i = 1, 20 do s = s + i end local t = setmetatable({}, {__gc = function() end}) return s",
        b"=life",
    )
    .expect("it compiles");
    let module = Arc::new(module);
    let one = || {
        let mut session = session_with(mode, backend, MUCH);
        let outcome = session.run_verified(module.clone());
        assert_eq!(outcome.end, End::Returned(1));
        engine::close(&mut session.vm);
    };
    (0..lives / 8).for_each(|_| one());
    let before = resident();
    (0..lives).for_each(|_| one());
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(
            after < before + room,
            "{mode}: {before} bytes, then {after}"
        );
    }
}

#[test]
fn many_lives_leave_nothing_behind() {
    // Other tests run in this process at the same time.
    let room = 96 << 20;
    many_lives(JitMode::Off, Backend::Auto, 800, room);
    many_lives(JitMode::Baseline, Backend::Auto, 400, room);
    // LLVM takes its time: fewer of these.
    many_lives(JitMode::Full, Backend::Llvm, 40, room);
    many_lives(JitMode::Full, Backend::Cranelift, 100, room);
}

/// Takes minutes.
#[test]
#[cfg(feature = "long")]
fn full_size_many_lives_leave_nothing_behind() {
    for (mode, lives) in [
        (JitMode::Off, 100_000),
        (JitMode::Baseline, 100_000),
        (JitMode::Full, 20_000),
    ] {
        let begun = Instant::now();
        many_lives(mode, Backend::Cranelift, lives, 8 << 20);
        eprintln!("{mode}: {lives} lives, {:?}", begun.elapsed());
    }
}
