//! Limits: exact instruction budgets, deadlines, memory and stack depth, in
//! Lua code and inside builtins; nothing in Lua catches them, they stop a
//! script soon, and the VM goes on afterwards.

use std::time::{Duration, Instant};
use strata_runtime::error::Limit;
use strata_runtime::state::VmConfig;
use strata_tests::session::{End, Library, Session};

/// What the project promises is 10 ms on an idle machine; a busy one may
/// take a few time slices more before it even runs us.
const SLACK: Duration = Duration::from_millis(100);

fn with_memory(limit: usize) -> Session {
    Session::new(
        &VmConfig {
            seed: Some(7),
            memory_limit: limit,
            allow_bytecode: false,
        },
        Library::All,
    )
}

/// The VM must work after whatever happened to it.
fn still_works(session: &mut Session, after: &str) {
    session.vm.set_instruction_limit(None);
    let outcome = session.run(
        "local t = {} for i = 1, 100 do t[i] = i .. '' end \
         local co = coroutine.wrap(function(a) return coroutine.yield(a) + 1 end) \
         co(1) print(#table.concat(t), co(4), pcall(error, 'x'))",
        "=after",
    );
    assert_eq!(outcome.end, End::Returned(0), "after: {after}");
    assert_eq!(outcome.output, b"192\t5\tfalse\tx\n", "after: {after}");
    strata::engine::collect(&mut session.vm).unwrap_or_else(|e| panic!("after {after}: {e:?}"));
    session.check_heap(after);
}

// ---- instructions

/// How many instructions a program takes: the smallest budget it ends in.
fn instructions(source: &str) -> u64 {
    let used = |budget: u64| {
        let mut session = Session::open();
        session.vm.set_instruction_limit(Some(budget));
        let outcome = session.run(source, "=budget");
        (outcome.end, session.vm.limits.instructions_left())
    };
    let (end, left) = used(1 << 40);
    assert!(matches!(end, End::Returned(_)), "{source}: {end}");
    (1 << 40) - left.expect("the budget is still set")
}

#[test]
fn instruction_budgets_are_exact() {
    let programs = [
        "return 1",
        "local s = 0 for i = 1, 100 do s = s + i end return s",
        "local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end return f(20)",
        "local t = setmetatable({}, {__index = function(_, k) return k end}) return t.a, t[1]",
        "return pcall(function() local x = {} x.y.z = 1 end)",
        "local co = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end) for _ = 1, 5 do co() end",
        "local t = {3, 1, 2} table.sort(t, function(a, b) return a < b end) return t[1]",
    ];
    for source in programs {
        let n = instructions(source);
        assert!(n > 0);
        for (budget, enough) in [
            (n, true),
            (n + 1, true),
            (n - 1, false),
            (n / 2, false),
            (0, false),
        ] {
            let mut session = Session::open();
            session.vm.set_instruction_limit(Some(budget));
            let outcome = session.run(source, "=budget");
            if enough {
                assert!(
                    matches!(outcome.end, End::Returned(_)),
                    "{source} with {budget} of {n}: {}",
                    outcome.end
                );
                assert_eq!(session.vm.limits.instructions_left(), Some(budget - n));
            } else {
                assert_eq!(
                    outcome.end,
                    End::Limit(Limit::Instructions),
                    "{source} with {budget} of {n}"
                );
                assert_eq!(session.vm.limits.instructions_left(), Some(0));
            }
            still_works(&mut session, source);
        }
    }
}

#[test]
fn a_loop_takes_what_its_iterations_take() {
    let times = |n: u32| instructions(&format!("for i = 1, {n} do end"));
    let (one, two, many) = (times(1), times(2), times(1000));
    assert_eq!(many - one, 999 * (two - one));
}

// ---- deadlines

/// Runs a program that would go on (nearly) for ever, with a deadline of
/// 20 ms.
fn stops_in_time(source: &str) {
    let mut session = with_memory(1 << 30);
    // The best of some tries: other processes may take the processor away.
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let (end, late) = session.run_timed(source, Duration::from_millis(20));
        assert_eq!(end, End::Limit(Limit::Time), "{source}");
        best = best.min(late);
        still_works(&mut session, source);
        if best < Duration::from_millis(10) {
            break;
        }
    }
    eprintln!(
        "{:>7.2} ms late: {}",
        best.as_secs_f64() * 1e3,
        source.chars().take(90).collect::<String>()
    );
    assert!(best < SLACK, "{best:?} late: {source}");
}

#[test]
fn deadlines_stop_lua_code() {
    for source in [
        "while true do end",
        "repeat until false",
        "::a:: goto a",
        "for i = 1, math.huge do end",
        "for i = 1.0, math.huge do end",
        "local function f() return f() end f()",
        "local function f() f() f() end while true do pcall(f) end",
        "for k in function() return 1 end do end",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() return t[1] end) end",
        "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
        "while true do local t = {} for i = 1, 100 do t[i] = {i} end end",
        "local s = '' while true do s = s .. 'x' if #s > 1000 then s = '' end end",
        "while true do setmetatable({}, {__gc = function() end}) end",
        "local t = {} setmetatable(t, {__call = t}) while true do pcall(t) end",
        "while true do load('return 1 + 1')() end",
    ] {
        stops_in_time(source);
    }
}

#[test]
fn deadlines_stop_builtins() {
    for source in [
        // Backtracking of exponential and of polynomial kinds.
        "string.find(string.rep('a', 30), string.rep('a-', 30) .. 'b')",
        "string.find(string.rep('a', 40), string.rep('a*', 20) .. 'b')",
        "string.match(string.rep('x', 300000), '.-.-.-b')",
        "string.gsub(string.rep('a', 100000), '.-b', '')",
        "for _ in string.gmatch(string.rep('(', 100000), '%b()') do end while true do string.find(string.rep('(', 100000), '%b()') end",
        "string.find(string.rep('a', 1000000), string.rep('a', 500000) .. 'b', 1, true) while true do string.find(string.rep('a', 1000000), string.rep('a', 500000) .. 'b', 1, true) end",
        "while true do string.rep('abc', 10000000) end",
        "while true do string.rep('', 1e9) end",
        "local t = {} for i = 1, 100000 do t[i] = 'abc' end while true do table.concat(t, ',') end",
        "local t = {} for i = 1, 200000 do t[i] = (i * 7919) % 200000 end while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end",
        "local t = {} for i = 1, 200000 do t[i] = i end pcall(table.sort, t, function() return true end) while true do pcall(table.sort, t, function(a, b) return math.random() < 0.5 end) end",
        "local s = string.rep('a', 1000000) while true do s:gsub('a', {a = 'b'}) end",
        "local s = string.rep('a', 1000000) while true do s:gsub('a', function() end) end",
        "local s = string.rep('a', 1000000) while true do s:upper():lower():reverse() end",
        "table.move({}, 1, math.maxinteger - 1, 2)",
        "table.concat(setmetatable({}, {__index = function() return '' end, __len = function() return math.maxinteger end}), '', 1, 1e15)",
        "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 'x')",
        "table.remove(setmetatable({}, {__len = function() return 1 << 60 end}), 1)",
        "while true do utf8.len(string.rep('ä', 1000000)) end",
        "local s = string.rep('ä', 1000000) while true do utf8.offset(s, 999999) for _ in utf8.codes(s) do end end",
        "local t = {} for i = 1, 200000 do t[i] = i end while true do select('#', pcall(table.unpack, t)) end",
        "while true do string.format('%99.99f', 1e308) end",
        "local s = string.rep('x = 1 ', 2000) while true do load(s) end",
        "local t = {} for i = 1, 1000000 do t[i] = i end while true do local k repeat k = next(t, k) until not k end",
        "while true do collectgarbage() end",
        "while true do tostring(setmetatable({}, {__tostring = function() return 'x' end})) end",
        "while true do string.pack('s4', string.rep('x', 1000000)) end",
        "local s = string.rep('a', 1000000) while true do s:byte(1, 100000) end",
        "while true do select('#', string.byte(string.rep('a', 10000), 1, -1)) end",
    ] {
        stops_in_time(source);
    }
}

/// Runs `setup` without a limit, then `source` with deadlines of `from` and a
/// little more: the best of three tries must not be late by more than the
/// slack.
fn stops_in_time_after(setup: &str, source: &str, from: Duration) {
    let mut session = with_memory(4 << 30);
    let outcome = session.run(setup, "=setup");
    assert_eq!(outcome.end, End::Returned(0), "{setup}");
    let mut best = Duration::MAX;
    for extra in [0, 7, 13] {
        let (end, late) = session.run_timed(source, from + Duration::from_millis(extra));
        assert_eq!(end, End::Limit(Limit::Time), "{setup} {source}");
        best = best.min(late);
    }
    eprintln!(
        "{:>7.2} ms late: {}",
        best.as_secs_f64() * 1e3,
        format!("{setup} {source}")
            .chars()
            .take(110)
            .collect::<String>()
    );
    assert!(best < SLACK, "{best:?} late: {setup} {source}");
    still_works(&mut session, source);
}

#[test]
fn deadlines_stop_the_compiler() {
    let time = Duration::from_millis(20);
    for setup in [
        "S = string.rep('x = x + 1 ', 300000)",
        "S = 'return 1' .. string.rep(' + x', 500000)",
        "S = 'return {' .. string.rep('{{1}},', 500000) .. '}'",
        "S = string.rep('f(function() return 1 end)\\n', 100000)",
        "S = '--[[' .. string.rep('x', 30000000) .. ']]'",
        "S = 'return \"' .. string.rep('x', 10000000) .. '\"'",
    ] {
        stops_in_time_after(setup, "while true do load(S, '=s') end", time);
    }
    let setup = "local left = 300000 \
        R = function() left = left - 1 return left > 0 and 'x = x + 1 ' or nil end";
    stops_in_time_after(setup, "load(R, '=s') while true do end", time);
}

/// What stands for a hundred megabytes of source, in many shapes.
#[cfg(feature = "long")]
#[test]
fn deadlines_stop_the_compiler_on_huge_sources() {
    let time = Duration::from_millis(300);
    for setup in [
        "S = string.rep('x = x + 1 ', 10000000)",
        "S = 'return 1' .. string.rep(' + x', 25000000)",
        "S = 'return a' .. string.rep(' or a', 20000000)",
        "S = 'return a' .. string.rep('.a', 50000000)",
        "S = string.rep('f(function() return 1 end)\\n', 4000000)",
        "S = 'return {' .. string.rep('{{{1}}},', 12000000) .. '}'",
        "S = 'return {' .. string.rep('1,', 50000000) .. '}'",
        "local t = {} for i = 1, 5000000 do t[i] = i end S = 'return {\"' .. table.concat(t, '\",\"') .. '\"}'",
        "S = 'return \"' .. string.rep('x', 100000000) .. '\"'",
        "S = 'return [[' .. string.rep('xxxxxxxx\\r\\n', 10000000) .. ']]'",
        "S = '--' .. string.rep('x', 100000000)",
        "S = string.rep('--\\n', 33000000)",
        "S = string.rep(' ', 100000000)",
        "S = 'if x then y() ' .. string.rep('elseif z then y() ', 5000000) .. ' end'",
    ] {
        stops_in_time_after(setup, "while true do load(S, '=s') end", time);
    }
}

#[test]
fn deadlines_stop_work_on_long_strings_and_big_tables() {
    let time = Duration::from_millis(20);
    let text = "S = string.rep('abcDEF gh', 3000000)";
    for source in [
        "while true do local x = S .. 'a' .. S x:byte() end",
        "while true do local x = S:sub(2) end",
        "while true do local x = ('%q'):format(S) end",
        "while true do local x = ('%s %s'):format(S, S) end",
        "while true do local x = S:match('(.*)h') end",
        "while true do print(S:sub(1, 1000000)) end",
        "while true do os.date(string.rep('%%', 1000000)) end",
        "while true do table.concat({S, S, S}) end",
    ] {
        stops_in_time_after(text, source, time);
    }
    let table = "T = {} for i = 1, 1000000 do T[i] = {} end";
    for source in [
        "while true do collectgarbage() end",
        "while true do collectgarbage('step', 1000000) end",
        "while true do collectgarbage('generational') collectgarbage('incremental') end",
    ] {
        stops_in_time_after(table, source, time);
    }
}

#[cfg(feature = "long")]
#[test]
fn deadlines_stop_a_full_collection_of_a_big_heap() {
    stops_in_time_after(
        "T = {} for i = 1, 10000000 do T[i] = {} end",
        "while true do collectgarbage() end",
        Duration::from_millis(100),
    );
}

/// Integer keys with gaps once made each insertion count all keys.
#[test]
fn sparse_arrays_grow_in_linear_time() {
    for step in [2, 3, 5] {
        let mut session = Session::open();
        let source = format!(
            "local t = {{}} for i = 1, 300000 do t[i * {step}] = i end \
             for i = 1, 300000 do assert(t[i * {step}] == i and t[i * {step} + 1] == nil) end"
        );
        let (end, _) = session.run_timed(&source, Duration::from_secs(20));
        assert_eq!(end, End::Returned(0), "step {step}");
    }
}

#[test]
fn nothing_in_lua_catches_a_limit() {
    for source in [
        "pcall(function() while true do end end) print('caught')",
        "while true do pcall(function() while true do end end) end",
        "xpcall(function() while true do end end, function() print('handled') end) print('caught')",
        "coroutine.wrap(function() while true do end end)() print('caught')",
        "print(coroutine.resume(coroutine.create(function() while true do end end)))",
        "local c <close> = setmetatable({}, {__close = function() print('closed') while true do end end}) while true do end",
        "coroutine.wrap(function() pcall(function() local c <close> = setmetatable({}, {__close = function() while true do end end}) while true do end end) end)() print('caught')",
        "setmetatable({}, {__gc = function() while true do end end}) collectgarbage() print('caught')",
        "table.sort({3, 2, 1}, function() while true do end end) print('caught')",
        "string.gsub('abc', '.', function() while true do end end) print('caught')",
        "load(function() while true do end end) print('caught')",
        "for i in pairs(setmetatable({}, {__pairs = function() while true do end end})) do end print('caught')",
        "local t = setmetatable({}, {__index = function() while true do end end}) print(pcall(function() return t.x end))",
        "debug.sethook(function() debug.sethook() while true do end end, 'l')\nlocal x = 1\nprint('caught')",
    ] {
        let mut session = Session::open();
        let until = Instant::now() + Duration::from_millis(15);
        session.vm.set_deadline(Some(until)).expect("a watchdog");
        let outcome = session.run(source, "=caught");
        let late = Instant::now().saturating_duration_since(until);
        session.vm.set_deadline(None).expect("no thread is needed");
        assert_eq!(outcome.end, End::Limit(Limit::Time), "{source}");
        assert_eq!(outcome.output, b"", "{source}");
        assert!(late < SLACK, "{late:?} late: {source}");
        still_works(&mut session, source);

        let mut session = Session::open();
        session.vm.set_instruction_limit(Some(100_000));
        let outcome = session.run(source, "=caught");
        assert_eq!(outcome.end, End::Limit(Limit::Instructions), "{source}");
        assert_eq!(outcome.output, b"", "{source}");
        session.vm.set_instruction_limit(None);
        still_works(&mut session, source);
    }
}

#[test]
fn another_thread_can_interrupt() {
    let mut session = Session::open();
    let interrupter = session.vm.interrupter();
    let helper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        interrupter.interrupt();
    });
    let outcome = session.run(
        "while true do pcall(function() while true do end end) end",
        "=endless",
    );
    assert_eq!(outcome.end, End::Limit(Limit::Interrupted));
    helper.join().expect("the helper thread");
    still_works(&mut session, "an interrupt");
}

// ---- memory

#[test]
fn memory_limits_hold_everywhere() {
    const LIMIT: usize = 20 << 20;
    for source in [
        "string.rep('x', 1e9)",
        "string.rep('abc', 3e8, ', ')",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} while true do t[{}] = true end",
        "local t = {} for i = 1, math.huge do t['k' .. i] = i end",
        "local t = {} for i = 1, math.huge do t[i] = i end",
        "local t = {} for i = 1, math.huge do t[i] = i + 0.5 end",
        "local t = {} for i = 1, math.huge do t[i] = function() return i end end",
        "local t = {} for i = 1, math.huge do t[i] = coroutine.create(function() end) end",
        "local t = {} for i = 1, math.huge do t[i] = ('%d padding that is not interned because it is long'):format(i) end",
        "local s = string.rep('x', 1 << 20) local t = {} for i = 1, 100 do t[i] = s end table.concat(t)",
        "local s = string.rep('x', 1 << 20) s:gsub('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')",
        "local s = string.rep('x', 1 << 20) s:gsub('x', function() return s end)",
        "local t = table.pack(string.byte(string.rep('x', 900000), 1, -1)) for i = 1, 20 do t[i] = {table.unpack(t)} end",
        "string.format('%s%s%s', string.rep('x', 1 << 23), string.rep('x', 1 << 23), string.rep('y', 1 << 23))",
        "load(string.rep('x = {1, 2, 3} ', 1000000))",
        "local t = {} while true do t = setmetatable({t}, {__gc = function() end}) end",
        "string.pack('s', string.rep('x', 15 << 20))",
        "table.concat({}, string.rep('x', 1 << 20), 1, 0) local t = {} for i = 1, 30 do t[i] = '' end table.concat(t, string.rep('x', 1 << 20))",
        "local s = string.rep('x', 1 << 20) local d = '' for i = 1, 100 do d = d .. s end return #d:upper()",
        "table.move({1}, 1, 1, 1) local t = {} for i = 1, 22 do t = table.move(t, 1, #t, #t + 1) t[#t + 1] = i end",
        "pcall(function() local t = {} while true do t[#t + 1] = {} end end) print('caught')",
        "coroutine.wrap(function() local t = {} while true do t[#t + 1] = {} end end)() print('caught')",
    ] {
        let mut session = with_memory(LIMIT);
        let start = Instant::now();
        let outcome = session.run(source, "=memory");
        let took = start.elapsed();
        assert_eq!(outcome.end, End::Limit(Limit::Memory), "{source}");
        assert_eq!(outcome.output, b"", "{source}");
        assert!(took < Duration::from_secs(20), "{took:?}: {source}");
        // Beyond the limit go only what one poll interval allocates.
        assert!(
            session.vm.heap.bytes < LIMIT * 2,
            "{} bytes: {source}",
            session.vm.heap.bytes
        );
        // What was finalized is freed by the second collection.
        for _ in 0..2 {
            strata::engine::collect(&mut session.vm).unwrap_or_else(|e| panic!("{source}: {e:?}"));
        }
        still_works(&mut session, source);
    }
}

/// What the compiler holds while it works counts, and so does what a module
/// keeps as long as one of its functions lives.
#[test]
fn compiling_is_charged_to_the_memory_limit() {
    const LIMIT: usize = 20 << 20;
    for source in [
        "load(string.rep('x = x + 1 ', 1000000))",
        "load('return {' .. string.rep('1,', 4000000) .. '}')",
        "load('return \"' .. string.rep('x', 8000000) .. '\"')",
        "local n = 0 load(function() n = n + 1 return n < 100000 and string.rep('x = 1 ', 100) or nil end)",
        "local t = {} for i = 1, 1000 do t[i] = load('local s = \"' .. string.rep(i, 100000) .. '\" return function() end', '=s')() end",
    ] {
        let mut session = with_memory(LIMIT);
        let outcome = session.run(format!("print(pcall(function() {source} end))"), "=memory");
        assert_eq!(outcome.end, End::Limit(Limit::Memory), "{source}");
        assert_eq!(outcome.output, b"", "{source}");
        assert!(session.vm.heap.bytes < LIMIT * 5 / 4, "{source}");
        for _ in 0..2 {
            strata::engine::collect(&mut session.vm).unwrap_or_else(|e| panic!("{source}: {e:?}"));
        }
        still_works(&mut session, source);
    }
}

/// A module's memory is given back with the last of its functions.
#[test]
fn modules_are_refunded() {
    let mut session = with_memory(64 << 20);
    let before = {
        strata::engine::collect(&mut session.vm).expect("no finalizer fails");
        session.vm.heap.bytes
    };
    let outcome = session.run(
        "for i = 1, 300 do local f = load('local s = \"' .. string.rep(i, 300000) .. '\" return function() return 1 end', '=s')() f() end",
        "=modules",
    );
    assert_eq!(outcome.end, End::Returned(0));
    for _ in 0..2 {
        strata::engine::collect(&mut session.vm).expect("no finalizer fails");
    }
    let after = session.vm.heap.bytes;
    assert!(after < before + (1 << 20), "{before} then {after} bytes");
    session.check_heap("modules");
}

#[test]
fn a_huge_request_fails_at_once() {
    let mut session = with_memory(200 << 20);
    let start = Instant::now();
    let outcome = session.run("return string.rep('x', 1e10)", "=rep");
    let took = start.elapsed();
    eprintln!(
        "{:>7.2} ms: string.rep('x', 1e10)",
        took.as_secs_f64() * 1e3
    );
    // Longer than any string may be: an error like any other.
    assert!(
        outcome
            .end
            .to_string()
            .contains("resulting string too large"),
        "{}",
        outcome.end
    );
    assert!(took < SLACK, "{took:?}");
    let start = Instant::now();
    let outcome = session.run("pcall(string.rep, 'x', 1e9) print('caught')", "=rep");
    assert_eq!(
        (outcome.end, outcome.output),
        (End::Limit(Limit::Memory), Vec::new())
    );
    assert!(start.elapsed() < SLACK, "{took:?}");
    still_works(&mut session, "string.rep");
}

// ---- depth

#[test]
fn endless_recursion_is_an_error_that_can_be_caught() {
    for (source, message) in [
        (
            "local function f() return 1 + f() end f()",
            "stack overflow",
        ),
        (
            "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
            "stack overflow",
        ),
        (
            "coroutine.wrap(function() local function f() return 1 + f() end f() end)()",
            "stack overflow",
        ),
        (
            "local function f(...) return 1 + f(1, ...) end f()",
            "stack overflow",
        ),
        (
            "local function f() table.sort({1, 2}, f) end f()",
            "C stack overflow",
        ),
        (
            "local function f() string.gsub('x', 'x', f) end f()",
            "C stack overflow",
        ),
        (
            "local function f() return coroutine.wrap(f)() end f()",
            "C stack overflow",
        ),
        (
            "local t = {} for i = 1, 100 do t = setmetatable({}, {__index = t}) end local m = {} m.__index = setmetatable({}, m) getmetatable(m.__index).__index = m.__index return m.__index.x",
            "loop",
        ),
        ("string.rep('x', 10):find(string.rep('(', 40))", "captures"),
        (
            "local s = string.rep('a', 300000) string.match(s, string.rep('a?', 300000))",
            "too complex",
        ),
        ("load(string.rep('(', 10000))() ", ""),
        (
            "local t = {} setmetatable(t, {__call = t}) t()",
            "stack overflow",
        ),
    ] {
        let mut session = Session::open();
        let start = Instant::now();
        let outcome = session.run(source, "=deep");
        let took = start.elapsed();
        match &outcome.end {
            End::Error(e) => assert!(e.contains(message), "{source}: {e}"),
            other => panic!("{source}: {other}"),
        }
        assert!(took < Duration::from_secs(10), "{took:?}: {source}");
        let caught = format!("print((pcall(function() {source} end)))");
        assert_eq!(
            session.run(caught, "=caught").output,
            b"false\n",
            "{source}"
        );
        still_works(&mut session, source);
    }
}
