//! Tier 1 from outside: compiled code does what the interpreter does, and
//! really is entered, left and entered again where the tests say.
#![cfg(feature = "cranelift")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use strata::engine::{self, JitMode, JitOptions};
use strata::runtime::error::{Cause, Limit};
use strata::runtime::state::VmConfig;
use strata::runtime::{Vm, stdlib};
use strata::stress::{ForcedExits, StressModes};
use strata_profiler::{Stats, Thresholds};

/// How a program is run.
#[derive(Clone, Default, Debug)]
struct How {
    mode: Option<JitMode>,
    thresholds: Option<Thresholds>,
    stress: StressModes,
}

/// How it ended, and what was compiled.
struct Run {
    end: Result<String, String>,
    stats: Stats,
}

fn interpreted() -> How {
    How::default()
}

/// Everything is compiled at the second call or the first back-edge.
fn compiled() -> How {
    How {
        mode: Some(JitMode::Baseline),
        thresholds: Some(Thresholds::stress()),
        stress: StressModes::default(),
    }
}

/// Compiled once feedback has been gathered.
fn warm() -> How {
    How {
        thresholds: Some(Thresholds {
            calls: 20,
            back_edges: 8,
            start_up: 1,
            background: 0,
            ..Thresholds::default()
        }),
        ..compiled()
    }
}

fn vm(how: &How) -> Box<Vm> {
    let config = VmConfig {
        seed: Some(7),
        ..VmConfig::default()
    };
    let mut vm = engine::new_vm(&config).unwrap();
    let options = JitOptions {
        mode: how.mode.unwrap_or(JitMode::Off),
        thresholds: how.thresholds.clone().unwrap_or_default(),
        ..JitOptions::default()
    };
    engine::set_jit(&mut vm, &options);
    stdlib::open_all(&mut vm).unwrap();
    engine::set_stress(&mut vm, &how.stress);
    vm
}

/// What a chunk returns, as text.
fn eval(vm: &mut Vm, source: &str) -> Result<String, String> {
    let module = engine::compile_text(vm, source.as_bytes(), b"=test")
        .map_err(|_| "memory".to_string())?
        .unwrap_or_else(|e| panic!("{}: {source}", String::from_utf8_lossy(&e.message)));
    let main = engine::load_main(vm, Arc::new(module)).map_err(|_| "memory".to_string())?;
    vm.last_traceback = None;
    match engine::call(vm, main, &[]) {
        Ok(results) => {
            let values = engine::take_results(vm, results);
            let words: Vec<String> = values
                .into_iter()
                .map(|v| String::from_utf8_lossy(&engine::message_of(vm, v)).into_owned())
                .collect();
            Ok(words.join(" "))
        }
        Err(e) => Err(match *e.0 {
            Cause::Lua(v) => {
                let mut message = engine::message_of(vm, v);
                message.extend(vm.last_traceback.take().unwrap_or_default());
                String::from_utf8_lossy(&message).into_owned()
            }
            Cause::Limit(limit) => format!("limit: {limit}"),
            Cause::Memory => "memory".into(),
            _ => "something else".into(),
        }),
    }
}

fn run(how: &How, source: &str) -> Run {
    let mut vm = vm(how);
    let end = eval(&mut vm, source);
    if let Err(e) = strata::runtime::heap::verify(&mut vm) {
        panic!("the heap is not sound: {e}\n{source}");
    }
    let stats = engine::jit_stats(&mut vm);
    Run { end, stats }
}

/// Runs a program in the interpreter and so; the outcomes must be the same.
fn agree(how: &How, source: &str) -> Run {
    let expected = run(&interpreted(), source);
    assert_eq!(expected.stats.compiles, 0);
    let got = run(how, source);
    assert_eq!(got.end, expected.end, "{source}");
    got
}

/// Like [`agree`]; something must have been compiled.
fn same(how: &How, source: &str) -> Run {
    let got = agree(how, source);
    assert!(got.stats.compiles > 0, "nothing was compiled: {source}");
    got
}

/// Every way of running compiled code.
fn in_all_ways(source: &str) -> Run {
    let osr = StressModes {
        osr: true,
        poison: true,
        ..StressModes::default()
    };
    let moving = StressModes {
        gc: 1,
        stack: Some(1),
        ..StressModes::default()
    };
    for stress in [osr, moving] {
        same(
            &How {
                stress,
                ..compiled()
            },
            source,
        );
    }
    // Not all get warm.
    agree(&warm(), source);
    same(&compiled(), source)
}

#[test]
fn each_kind_of_guard_fails_and_the_interpreter_goes_on() {
    for (kind, source) in [
        (
            "tag",
            "local function add(a, b) return a + b end for i = 1, 100 do add(i, i) end \
             return add(1.5, 2), add('3', 4), pcall(add, {}, 1)",
        ),
        (
            "tag",
            "local function sum(n, x) local s = 0 for i = 1, n do s = s + x end return s end \
             for i = 1, 100 do sum(5, i) end return sum(5, 0.5), sum(3, 1)",
        ),
        (
            "element",
            "local function total(t) local s = 0 for i = 1, #t do s = s + t[i] end return s end \
             for i = 1, 100 do total({1, 2, i}) end return total({1.5, 2.5}), total({1, 2.5, 3})",
        ),
        (
            "callee",
            "local f = math.floor local function low(f, x) local y = f(x) return y end \
             for i = 1, 100 do low(f, i + 0.5) end return low(math.ceil, 1.5), low(f, -1.5)",
        ),
        (
            "step",
            "local function count(a, b, c) local n = 0 for i = a, b, c do n = n + i end return n end \
             for i = 1, 100 do count(1, 9, 2) end return pcall(count, 1, 9, 0)",
        ),
    ] {
        let run = same(&warm(), source);
        let exits = &run.stats.exits_by_reason;
        assert!(exits.contains_key(kind), "{kind}: {exits:?}: {source}");
    }
}

#[test]
fn integers_stay_integers_where_only_mixed_operands_were_seen() {
    for op in ["+", "-", "*", "//", "%"] {
        let source = format!(
            "local function f(a, b) return a {op} b end for i = 1, 100 do f(i, i + 0.5) end \
             local s = '' for i = 1, 40 do s = s .. f(7, i % 3 + 1) .. ' ' end return s, f(2.5, 2)"
        );
        same(&warm(), &source);
    }
}

#[test]
fn other_shapes_miss_and_get_the_same() {
    let run = same(
        &warm(),
        "local function x(t) return t.x end local function set(t, v) t.x = v end \
         for i = 1, 100 do local t = {x = i} set(t, x(t)) end \
         local odd = setmetatable({}, {__index = function(_, k) return k .. '!' end, \
             __newindex = function(t, k, v) rawset(t, k, v * 2) end}) \
         local a = x(odd) set(odd, 4) local many = {} for i = 1, 50 do many['k' .. i] = i end many.x = 1 \
         return a, x(odd), x({y = 1, x = 2}), x(many), x('s') == nil, pcall(x, nil)",
    );
    assert!(run.stats.compiles >= 2);
}

#[test]
fn a_guard_that_fails_often_is_given_up() {
    let source = "local function add(a, b) return a + b end local s = 0 \
        for i = 1, 300 do add(i, i) end \
        for i = 1, 2000 do s = s + add(i, 0.5) end return s";
    let run = same(&warm(), source);
    assert!(run.stats.recompiles > 0);
    assert!(run.stats.exits < 200, "{}", run.stats.exits);
}

#[test]
fn loops_of_every_kind_are_entered_in_the_middle() {
    for source in [
        "local s = 0 for i = 1, 500 do s = s + i end return s",
        "local s = 0 for i = 500, 1, -3 do s = s + i end return s",
        "local s = 0 for i = 0.5, 250, 0.5 do s = s + i end return s",
        "local s, k = 0, 3 for i = 1, 500, k do s = s + i end return s",
        "local s, t = 0, {} for i = 1, 300 do t[i] = i end for _, v in ipairs(t) do s = s + v end return s",
        "local s, t = 0, {} for i = 1, 300 do t['k' .. i] = i end for _, v in pairs(t) do s = s + v end return s",
        "local function iter(n, i) if i < n then return i + 1, i end end \
         local s = 0 for i, v in iter, 400, 0 do s = s + i * v end return s",
        "local s, i = 0, 0 while i < 500 do i = i + 1 s = s + i end return s",
        "local s, i = 0, 0 repeat local j = i i = i + 1 s = s + j until j >= 500 return s",
        "local s, i = 0, 0 ::top:: i = i + 1 s = s + i if i < 500 then goto top end return s",
        "local s = 0 for i = 1, 40 do for j = 1, 40 do s = s + i * j end end return s",
        "local s = 0 for i = 1, 40 do local j = 0 while j < i do j = j + 1 for k = 1, 3 do s = s + k end end end return s",
    ] {
        let run = in_all_ways(source);
        assert!(run.stats.osr_entries > 0, "never entered: {source}");
        let how = How {
            stress: StressModes {
                osr: true,
                ..StressModes::default()
            },
            ..compiled()
        };
        let often = same(&how, source).stats.osr_entries;
        assert!(often > 90, "entered {often} times: {source}");
    }
}

#[test]
fn yields_leave_compiled_code_and_come_back_to_it() {
    for source in [
        "local co = coroutine.wrap(function() for i = 1, 100 do coroutine.yield(i) end return 'end' end) \
         local s = 0 for i = 1, 100 do s = s + co() end return s, co()",
        "local co = coroutine.wrap(function() for i = 1, 60 do local ok, v = pcall(coroutine.yield, i) assert(v == i) end end) \
         local s, x = 0, co() for i = 1, 59 do s = s + x x = co(i) end return s, x",
        "local mt = {__add = function(a, b) return coroutine.yield(a.v + b) end, \
            __index = function(_, k) return coroutine.yield(k) end, __lt = function() return coroutine.yield('lt') end} \
         local co = coroutine.wrap(function() local t, s = setmetatable({v = 1}, mt), '' \
            for i = 1, 30 do s = s .. t + i .. t.missing .. tostring(t < t) end return s end) \
         local x = co() while type(x) ~= 'string' or #x < 20 do x = co(x) end return x",
        "local co = coroutine.wrap(function() local s = 0 \
            for v in function(_, v) return coroutine.yield(v) end do s = s + v end return -s end) \
         local x = co() for i = 1, 50 do x = co(i) end return co(nil)",
        "local function gen(n) if n > 0 then coroutine.yield(n) gen(n - 1) coroutine.yield(-n) end end \
         local out = {} for v in coroutine.wrap(function() gen(30) end) do out[#out + 1] = v end return table.concat(out, ' ')",
        "local function f() local x <close> = setmetatable({}, {__close = function() coroutine.yield('closing') end}) return 'done' end \
         local out = {} for v in coroutine.wrap(function() for i = 1, 60 do coroutine.yield(f()) end end) do out[#out + 1] = v end \
         return table.concat(out, ' ')",
    ] {
        in_all_ways(source);
    }
}

#[test]
fn errors_have_the_same_message_and_traceback() {
    for source in [
        "local function f(x)\n  return x.y.z\nend\nlocal function g(x)\n  local r = f(x)\n  return r\nend\n\
         for i = 1, 100 do g({y = {}}) end\nreturn g({})",
        "local function f(a)\n  return a + 1\nend\nfor i = 1, 100 do f(i) end\nlocal t = nil\nreturn f(t)",
        "local s = 0\nfor i = 1, 100 do\n  s = s + i\n  if i == 90 then s = {} end\nend",
        "local function f(n) if n == 0 then error('deep', 2) end return (f(n - 1)) end return f(50)",
        "local function f(n) return n < 'x' end for i = 1, 50 do pcall(f, 'a') end return f(1)",
        "local t = setmetatable({}, {__index = function(t, k) error('no ' .. k) end}) \
         local function get(k) return t[k] end for i = 1, 50 do pcall(get, i) end return get('field')",
        "local function h(e) return debug.traceback(e) end local function f(n) if n > 0 then return 1 + f(n - 1) end error('x') end \
         for i = 1, 50 do pcall(f, 2) end return select(2, xpcall(f, h, 3))",
        "return pcall(string.rep) , (function(...) for i = 1, 100 do local a = ... end return nil + 1 end)(1)",
    ] {
        in_all_ways(source);
    }
}

#[test]
fn debuggers_see_and_change_compiled_frames() {
    for source in [
        "local function names() local out = {} for i = 1, 4 do local n, v = debug.getlocal(2, i) out[#out + 1] = tostring(n) .. '=' .. (math.type(v) and tostring(v) or type(v)) end return table.concat(out, ',') end \
         local function f(a, b) local c = a * b return names() end local r for i = 1, 100 do r = f(i, 2.5) end return r",
        "local function poke(v) debug.setlocal(2, 1, v) end \
         local function f(a) local s = 0 for i = 1, 50 do if i == 40 then poke('x') end s = s .. tostring(a):sub(1, 1) end return s end \
         local r for i = 1, 20 do r = f(i) end return r",
        "local function poke() debug.setlocal(2, 3, 1000) end \
         local function f() local a, b, n = 1, 2, 0 for i = 1, 100 do n = n + i if i == 50 then poke() end end return n end \
         for i = 1, 5 do f() end return f()",
    ] {
        in_all_ways(source);
    }
}

#[test]
fn callees_write_captured_registers() {
    for source in [
        "local function f() local n = 0 local function inc(by) n = n + by end for i = 1, 200 do inc(i) n = n * 1 end return n end \
         local r for i = 1, 30 do r = f() end return r",
        "local function f() local x = 1 local function flip() if x == 1 then x = 0.5 else x = 1 end end \
         local s = 0 for i = 1, 100 do s = s + x flip() end return s end for i = 1, 30 do f() end return f()",
        "local fs = {} for i = 1, 100 do local j = i fs[i] = function() j = j + 1 return j end fs[i]() j = j * 2 end \
         local s = 0 for i = 1, 100 do s = s + fs[i]() end return s",
    ] {
        in_all_ways(source);
    }
}

#[test]
fn stacks_of_coroutines_move_under_compiled_frames() {
    for source in [
        "local function deep(n) if n == 0 then return 0 end local a, b, c = n, n * 2, n * 3 return deep(n - 1) + a + b - c + 1 end \
         local s = 0 for i = 1, 20 do s = s + coroutine.wrap(deep)(i * 20) end return s",
        "local function f(n) local up = n local function g() up = up + 1 return up end \
           if n > 0 then f(n - 1) end return g() + up end \
         local s = 0 for i = 1, 20 do s = s + coroutine.wrap(f)(60) end return s",
        "local function f(...) local n = select('#', ...) if n < 60 then return f(n, ...) end return ... end \
         return select('#', coroutine.wrap(function() return f() end)())",
        "return coroutine.wrap(function() local t = {} for i = 1, 200 do t[i] = i end \
           local s = 0 for i = 1, 30 do s = s + select('#', table.unpack(t)) + math.max(table.unpack(t)) end return s end)()",
    ] {
        in_all_ways(source);
    }
}

#[test]
fn a_native_stack_that_is_used_up_is_no_error() {
    let source = "local function depth(n) if n == 0 then return 0 end return 1 + depth(n - 1) end \
        for i = 1, 30 do depth(10) end return depth(60000)";
    let run = same(&compiled(), source);
    assert!(run.stats.unwound > 0, "native frames were never dropped");
    // The limit of the VM's own stack is.
    let source = "local function f(n) return 1 + f(n + 1) end local ok, e = pcall(f, 1) return ok, (e:gsub('%(.*', ''))";
    same(&compiled(), source);
}

#[test]
fn code_is_invalidated_with_its_function_on_the_stack() {
    let how = How {
        stress: StressModes {
            invalidate: true,
            ..StressModes::default()
        },
        ..compiled()
    };
    for source in [
        "local function f(n) local s = 0 for i = 1, 20 do s = s + i * n end if n > 0 then s = s + f(n - 1) end return s end \
         local s = 0 for i = 1, 20 do s = s + f(10) end return s",
        "local co = coroutine.wrap(function() local s = 0 for i = 1, 100 do s = s + i coroutine.yield(s) end end) \
         local x for i = 1, 100 do x = co() end return x",
    ] {
        let run = same(&how, source);
        assert!(run.stats.invalidated > 0, "{source}");
    }
}

#[test]
fn hooks_set_in_the_middle_of_a_loop_are_called() {
    for source in [
        "local lines = 0 local function f() local s = 0 for i = 1, 200 do\n s = s + i\n \
         if i == 100 then debug.sethook(function() lines = lines + 1 end, 'l') end\n \
         if i == 150 then debug.sethook() end\n end return s end f() lines = 0 return f(), lines",
        "local calls = 0 local function g() end local function f() for i = 1, 100 do g() \
         if i == 50 then debug.sethook(function() calls = calls + 1 end, 'c') end end debug.sethook() end \
         f() f() return calls",
        "local n = 0 local function f() debug.sethook(function() n = n + 1 end, '', 10) \
         local s = 0 for i = 1, 300 do s = s + i end debug.sethook() return s end for i = 1, 30 do f() end n = 0 return f(), n",
    ] {
        in_all_ways(source);
    }
}

/// Endless loops, once compiled.
const ENDLESS: [&str; 6] = [
    "while true do end",
    "local i = 0 repeat i = i + 1 until false",
    "for i = 1, math.huge do end",
    "local function f() return f() end f()",
    "local t = setmetatable({}, {__index = function() return 1 end}) while t.x do end",
    "while true do pcall(function() while true do end end) end",
];

#[test]
fn limits_stop_compiled_loops_in_time() {
    for how in [compiled(), warm()] {
        for source in ENDLESS {
            let mut best = Duration::MAX;
            // The machine may be busy: several tries.
            for _ in 0..20 {
                let mut vm = vm(&how);
                let until = Instant::now() + Duration::from_millis(60);
                vm.set_deadline(Some(until)).unwrap();
                assert_eq!(
                    eval(&mut vm, source),
                    Err(format!("limit: {}", Limit::Time)),
                    "{source}"
                );
                best = best.min(until.elapsed());
                assert!(engine::jit_stats(&mut vm).compiles > 0, "{source}");
                vm.set_deadline(None).unwrap();
                assert_eq!(eval(&mut vm, "return 1 + 1"), Ok("2".into()));
                if best < Duration::from_millis(10) {
                    break;
                }
            }
            assert!(best < Duration::from_millis(10), "{best:?} late: {source}");
            let mut vm = vm(&how);
            vm.set_instruction_limit(Some(1_000_000));
            assert_eq!(
                eval(&mut vm, source),
                Err(format!("limit: {}", Limit::Instructions)),
                "{source}"
            );
        }
    }
}

/// Programs that leave and enter compiled code in all sorts of ways.
const COUNTED: [&str; 8] = [
    "local s = 0 for i = 1, 500 do s = s + i if i % 3 == 0 then s = s * 2 % 1000 end end return s",
    "local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end return f(15)",
    "local function f(n, ...) if n == 0 then return select('#', ...) end return f(n - 1, n, ...) end return f(100)",
    "local t = setmetatable({}, {__index = function(_, k) return k end, __lt = function() return true end}) \
     local s = 0 for i = 1, 300 do s = s + t[i] if t < {} then s = s + #tostring(i) end end return s",
    "local s = 0 for i = 1, 300 do local x = i if i > 200 then x = i + 0.5 end s = s + x * x end return s",
    "local co = coroutine.wrap(function(...) for i = 1, 300 do coroutine.yield(i, ...) end return 'end' end) \
     local s = 0 while true do local x = co(2) if x == 'end' then return s end s = s + x end",
    "local t = {} for i = 1, 200 do t[i] = i * 7919 % 201 end table.sort(t, function(a, b) return a < b end) \
     local s = 0 for k, v in pairs(t) do s = s + k * v end \
     return s .. ('abc'):rep(50):gsub('b', function(c) return c .. c end)",
    "local n = 0 for i = 1, 300 do \
     local ok, e = pcall(function() local c <close> = setmetatable({}, {__close = function() n = n + 1 end}) \
     if i % 2 == 0 then error(i) end return i end) n = n + (ok and e or 1) end return n",
];

/// How a program ends under an instruction limit, what is left of it, and
/// how many functions were compiled.
fn limited(how: &How, source: &str, limit: u64) -> (Result<String, String>, u64, u64) {
    let mut vm = vm(how);
    vm.set_instruction_limit(Some(limit));
    let end = eval(&mut vm, source);
    let left = vm.limits.instructions_left().unwrap();
    vm.set_instruction_limit(None);
    assert_eq!(eval(&mut vm, "return 1 + 1"), Ok("2".into()));
    (end, left, engine::jit_stats(&mut vm).compiles)
}

#[test]
fn compiled_code_counts_instructions_as_the_interpreter_does() {
    let osr = StressModes {
        osr: true,
        poison: true,
        ..StressModes::default()
    };
    let exits = StressModes {
        deopt: ForcedExits::Nth(5),
        interrupt: true,
        ..StressModes::default()
    };
    let stressed = |stress| How { stress, ..warm() };
    for source in COUNTED {
        let (expected, left, compiles) = limited(&interpreted(), source, 1 << 40);
        assert_eq!(compiles, 0);
        for how in [
            compiled(),
            warm(),
            stressed(osr.clone()),
            stressed(exits.clone()),
        ] {
            let (end, got, compiles) = limited(&how, source, 1 << 40);
            assert_eq!(end, expected, "{source}");
            assert_eq!(got, left, "{how:?}: {source}");
            assert!(compiles > 0, "{source}");
        }
    }
}

#[test]
fn compiled_code_overshoots_an_instruction_limit_by_little() {
    for source in COUNTED {
        let (expected, left, _) = limited(&interpreted(), source, 1 << 40);
        let needed = (1 << 40) - left;
        for how in [compiled(), warm()] {
            // Enough, to the instruction.
            assert_eq!(limited(&how, source, needed).0, expected, "{source}");
            // The longest stretch between two looks at the count is shorter.
            for limit in [needed / 3, needed / 2, needed - 100] {
                let (end, left, _) = limited(&how, source, limit);
                let stopped = Err(format!("limit: {}", Limit::Instructions));
                assert_eq!(end, stopped, "{source} with {limit} of {needed}");
                assert_eq!(left, 0);
            }
        }
    }
}

#[test]
fn a_first_instruction_limit_invalidates_code_that_does_not_charge() {
    let mut vm = vm(&compiled());
    let run = |vm: &mut Vm| {
        eval(
            vm,
            "function f(n) local s = 0 for i = 1, n do s = s + i end return s end f(9) return f(100)",
        )
    };
    assert_eq!(run(&mut vm), Ok("5050".into()));
    let endless = "for i = 1, 100 do f(1e15) end";
    let stopped = || Err(format!("limit: {}", Limit::Instructions));
    vm.set_instruction_limit(Some(1_000_000));
    assert!(engine::jit_stats(&mut vm).invalidated > 0);
    assert_eq!(eval(&mut vm, endless), stopped());
    // Code that charges does for both.
    vm.set_instruction_limit(None);
    assert_eq!(eval(&mut vm, "return f(200)"), Ok("20100".into()));
    assert_eq!(vm.limits.instructions_left(), None);
    let before = engine::jit_stats(&mut vm).invalidated;
    vm.set_instruction_limit(Some(1_000_000));
    assert_eq!(eval(&mut vm, "return f(300)"), Ok("45150".into()));
    assert_eq!(engine::jit_stats(&mut vm).invalidated, before);
    assert_eq!(eval(&mut vm, endless), stopped());
}

#[test]
fn the_host_interrupts_compiled_loops() {
    let mut vm = vm(&compiled());
    let interrupter = vm.interrupter();
    let asked = Arc::new(Mutex::new(None));
    let at = Arc::clone(&asked);
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        *at.lock().unwrap() = Some(Instant::now());
        interrupter.interrupt();
    });
    let end = eval(&mut vm, ENDLESS[0]);
    let late = asked.lock().unwrap().expect("it was asked").elapsed();
    other.join().unwrap();
    assert_eq!(end, Err(format!("limit: {}", Limit::Interrupted)));
    assert!(late < Duration::from_millis(100), "{late:?}");
}

#[test]
fn the_memory_limit_holds_in_compiled_loops() {
    for source in [
        "local t = {} for i = 1, 1e9 do t[i] = {i} end",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t = {t, function() return t end} end",
    ] {
        let config = VmConfig {
            memory_limit: 16 << 20,
            ..VmConfig::default()
        };
        let mut vm = engine::new_vm(&config).unwrap();
        let options = JitOptions {
            mode: JitMode::Baseline,
            thresholds: Thresholds::stress(),
            ..JitOptions::default()
        };
        engine::set_jit(&mut vm, &options);
        stdlib::open_all(&mut vm).unwrap();
        let end = eval(&mut vm, source).expect_err(source);
        assert!(
            end == "memory" || end == format!("limit: {}", Limit::Memory),
            "{end}: {source}"
        );
    }
}

#[test]
fn garbage_is_collected_while_compiled_code_runs() {
    for source in [
        "local function node(v, next) return {v = v, next = next, f = function() return v end} end \
         local s = 0 for i = 1, 60 do local l for j = 1, 20 do l = node(j, l) end \
           while l do s = s + l.v + l.f() l = l.next end end return s",
        "local t = {} for i = 1, 300 do t[i % 17] = 's' .. i .. 't' local u = {t[i % 17], {i}} t.u = u end return t[3], t.u[2][1]",
        "local weak = setmetatable({}, {__mode = 'k'}) for i = 1, 100 do weak[{}] = i end collectgarbage() return next(weak) == nil",
    ] {
        for gc in [1, 3] {
            let how = How {
                stress: StressModes {
                    gc,
                    ..StressModes::default()
                },
                ..compiled()
            };
            same(&how, source);
        }
    }
}

#[test]
fn a_compile_that_fails_leaves_the_function_interpreted() {
    let source = "local function f(n) local s = 0 for i = 1, n do s = s + i end return s end \
        local function g(n) return f(n) + 1 end local s = 0 for i = 1, 100 do s = s + g(i) end return s";
    for bailout in [1, 2, 3] {
        let how = How {
            stress: StressModes {
                bailout,
                ..StressModes::default()
            },
            ..compiled()
        };
        let run = run(&how, source);
        assert_eq!(run.end, Ok("171800".into()));
        assert!(run.stats.not_compiled_by_reason.contains_key("bailout"));
    }
}

#[test]
fn an_allocation_that_fails_ends_the_script_and_no_more() {
    let source = "local out = {} for i = 1, 40 do \
          local ok, e = pcall(function() local t = {} for j = 1, 200 do t[j] = {j} end \
            return #string.rep('x', 1000 * i) + #t + select('#', table.unpack(t)) + #table.concat({'a', i}, ',') end) \
          out[#out + 1] = tostring(ok) end return table.concat(out, ' ')";
    let mut failed = 0;
    for oom in 1..120 {
        let how = How {
            stress: StressModes {
                oom,
                ..StressModes::default()
            },
            ..compiled()
        };
        // The heap is walked by `run`.
        match run(&how, source).end {
            Ok(words) => failed += u32::from(words.contains("false")),
            Err(e) => {
                assert!(e == "memory" || e.contains("not enough memory"), "{e}");
                failed += 1;
            }
        }
    }
    assert!(failed > 20, "{failed}");
}

#[test]
fn forced_exits_change_nothing() {
    use strata::stress::ForcedExits;
    let source = "local function f(t, n) local s = 0 for i = 1, n do s = s + t[i] * 2 if s > 50 then s = s - 0.5 end end return s end \
        local t = {} for i = 1, 30 do t[i] = i end local s = 0 \
        for i = 1, 60 do s = s + f(t, 30) end return s";
    let plain = same(&compiled(), source).stats.exits;
    for deopt in [ForcedExits::Nth(1), ForcedExits::Nth(3)]
        .into_iter()
        .chain((0..12).map(ForcedExits::Guard))
    {
        let how = How {
            stress: StressModes {
                deopt,
                poison: true,
                ..StressModes::default()
            },
            ..compiled()
        };
        let exits = same(&how, source).stats.exits;
        if deopt == ForcedExits::Nth(1) {
            assert!(exits > plain, "{exits}, {plain}");
        }
    }
}

#[test]
fn broken_assumptions_invalidate_code_on_the_stack() {
    // The second look-up of each call comes after the change, in the frame
    // that was running when it happened.
    let changes = [
        "Derived.get = function() return 100 end",
        "rawset(Derived, 'get', function() return 100 end)",
        "setmetatable(Derived, {__index = {get = function() return 100 end}})",
        "Base.__index = {get = function() return 100 end}",
        "getmetatable(o).__index = function() return function() return 100 end end",
    ];
    for change in changes {
        let source = format!(
            "local Base = {{get = function() return 1 end}} Base.__index = Base \
             local Derived = setmetatable({{}}, Base) Derived.__index = Derived \
             local o = setmetatable({{}}, Derived) \
             local function change(i) if i == 70 then {change} end return 0 end \
             local function f(o, i) local a = o:get() local c = change(i) return a + c + o:get() end \
             local s, at = 0, {{}} for i = 1, 100 do at[i] = f(o, i) s = s + at[i] end \
             return s, at[69], at[70], at[71]"
        );
        let run = same(&warm(), &source);
        assert_eq!(
            run.end.as_deref().map(|s| &s[s.len() - 9..]),
            Ok("2 101 200"),
            "{change}"
        );
        assert!(
            run.stats.invalidated > 0,
            "{change}: nothing was invalidated"
        );
        in_all_ways(&source);
    }
}

#[test]
fn methods_of_strings_can_be_changed() {
    let source = "local function f(s, i) local a = s:len() if i == 60 then \
          debug.setmetatable('', {__index = {len = function() return 1000 end}}) end return a + s:len() end \
        local t = 0 for i = 1, 100 do t = t + f('abc', i) end return t";
    let run = same(&warm(), source);
    assert_eq!(run.end, Ok((59 * 6 + 1003 + 40 * 2000).to_string()));
    assert!(run.stats.invalidated > 0);
    in_all_ways(source);
}

#[test]
fn missing_parameters_are_nil_however_many() {
    // Few are filled inline, many by a step; sites with one callee and with
    // several, calls and tail calls, deep enough for stacks to end.
    for many in [3, 20, 24, 25, 60, 190] {
        let names: Vec<String> = (1..=many).map(|n| format!("p{n}")).collect();
        let (list, last) = (names.join(","), &names[many - 1]);
        let source = format!(
            "local function f({list}) local x = {last} {last} = 7 if p1 > 0 then \
               local r = f(p1 - 1) return r end return tostring(x) end \
             local function g({list}) return tostring({last}) .. 'g' end \
             local function t(n) return f(n) end \
             local function any(h, n) local r = h(n) return r end \
             local function tail(h, n) return h(n) end \
             local s = {{}} for i = 1, 60 do s[#s + 1] = f(i) .. t(i) .. any(f, i) .. any(g, i) .. tail(f, i) .. tail(g, i) \
               s[#s + 1] = coroutine.wrap(function() return any(f, i) .. tail(g, i) end)() end \
             return table.concat(s, ' ')"
        );
        let run = same(&warm(), &source);
        let words = run.end.expect("no error");
        assert!(words.starts_with("nilnilnilnilgnilnilg nilnilg"), "{words}");
        in_all_ways(&source);
    }
}

#[test]
fn closures_share_what_they_capture() {
    // More of them than cells were carved beforehand, some kept, with none,
    // one and several upvalues, of the function's own and of its parent's.
    let got = in_all_ways(
        "local outer = 0 \
         local function make(a, n) \
             local b, c = a + 1, {} \
             local function inc() a = a + 1 outer = outer + n return a end \
             local function get() return a, b, #c, outer end \
             local function deeper() return function() c[#c + 1] = a b = b + outer % 3 return inc() end end \
             return inc, get, deeper(), function() return 7 end \
         end \
         local kept, s = {}, 0 \
         for i = 1, 3000 do \
             local inc, get, push, seven = make(i, i % 4) \
             inc() push() \
             if i % 5 == 0 then kept[#kept + 1] = get kept[#kept + 1] = push end \
             local a, b, n = get() s = s + a + b + n + seven() \
             if i % 500 == 0 then collectgarbage() end \
         end \
         for i = 1, #kept, 2 do kept[i + 1]() local a, b, n, o = kept[i]() s = s + a * n + b + o end \
         return s .. ' ' .. outer",
    );
    assert!(got.end.is_ok(), "{:?}", got.end);
    // So many upvalues that a closure is no small object.
    let names: Vec<String> = (0..255).map(|n| format!("v{n}")).collect();
    let locals = |from: usize, to: usize| {
        let list = names[from..to].join(", ");
        let values: Vec<String> = (from..to).map(|n| n.to_string()).collect();
        format!("local {list} = {}", values.join(", "))
    };
    let sum = names.join(" + ");
    let source = format!(
        "{} local function f() {} local function g() v0 = v0 + 1 return {sum} end return g end \
         local s = 0 for i = 1, 200 do s = s + f()() end return s",
        locals(0, 130),
        locals(130, 255)
    );
    in_all_ways(&source);
}

#[test]
fn compiled_code_waits_for_the_coroutines_it_resumes() {
    // Each yield drops the native frame of the coroutine, no resume that of
    // the resumer.
    let got = same(
        &compiled(),
        "local co = coroutine.wrap(function() local n = 0 while true do n = n + coroutine.yield(n) end end) \
         co() local s = 0 for i = 1, 2000 do s = s + co(i) end \
         local gen = function(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end \
         for i in gen(1000) do s = s + i end return s",
    );
    let unwound = got.stats.unwound;
    assert!((3000..3100).contains(&unwound), "{unwound}");
}

#[test]
fn what_happens_in_a_coroutine_reaches_the_code_that_waits() {
    for source in [
        // Its variables are changed.
        "local function resumer(co) local x, s = 1, 0 for i = 1, 100 do s = s + co(i) + x end return s, x end \
         local main = coroutine.running() \
         local co = coroutine.wrap(function(i) while true do \
           if i == 50 then for n = 1, 9 do local name = debug.getlocal(main, 1, n) \
             if name == 'x' then debug.setlocal(main, 1, n, 0.5) end end end \
           i = coroutine.yield(i) end end) \
         return resumer(co)",
        // Errors pass through it, or end below it.
        "local function bad(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end error('end of ' .. n) end) end \
         local function sum(n) local s, f = 0, bad(n) while true do s = s + f() end end \
         local t = {} for n = 1, 30 do local ok, e = pcall(sum, n) t[#t + 1] = tostring(ok) .. e end return table.concat(t, ' ')",
        // Errors take resumers with them, one or many.
        "local function inner() return coroutine.wrap(function() coroutine.yield(1) error('x', 0) end) end \
         local function outer() return coroutine.create(function() local f, s = inner(), 0 while true do s = s + f() end end) end \
         local n = 0 for i = 1, 200 do local co = outer() local ok, e = coroutine.resume(co) \
           n = n + (ok and 0 or #e) + #coroutine.status(co) if i % 20 == 0 then collectgarbage() end end \
         local function nest(d) return coroutine.wrap(function() local c <close> = setmetatable({}, {__close = function() n = n + 1 end}) \
           if d == 0 then coroutine.yield(0) error({}) end local f = nest(d - 1) while true do coroutine.yield(f()) end end) end \
         for i = 1, 40 do local f = nest(i) for j = 1, 3 do local ok, e = pcall(f) n = n + (ok and 1 or #type(e)) end end return n",
        // It is interpreted, calls back into the host, or resumes others.
        "local function fresh(i) return load('return coroutine.wrap(function() coroutine.yield(' .. i .. ') coroutine.yield(2) return 3 end)')() end \
         local s = 0 for i = 1, 100 do local f = fresh(i) s = s + f() + f() + f() end \
         local sorter = coroutine.wrap(function() while true do local t = {3, 1, 2} \
           table.sort(t, function(a, b) s = s + 1 return a < b end) coroutine.yield(t[1] + t[3]) end end) \
         for i = 1, 100 do s = s + sorter() end return s",
        // Their chain is as long as it may be.
        "local function chain(n) return coroutine.wrap(function() if n == 0 then for i = 1, 20 do coroutine.yield(i) end return nil end \
           local f = chain(n - 1) while true do local v = f() if not v then return nil end coroutine.yield(v + 1) end end) end \
         local t = {} for _, n in ipairs {1, 100, 180} do local f, s = chain(n), 0 while true do local v = f() if not v then break end s = s + v end t[#t + 1] = s end \
         t[#t + 1] = tostring(select(2, pcall(chain(300)))) return table.concat(t, ' ')",
        // Its code is invalidated meanwhile.
        "local mt = {__index = function(_, k) return k end} local o = setmetatable({}, mt) \
         local co = coroutine.wrap(function() for i = 1, 200 do if i == 100 then mt.__index = function() return 1 end end coroutine.yield(i) end end) \
         local s = 0 for i = 1, 200 do s = s + co() + o[i] end return s",
        // Stacks move while code waits below.
        "local function deep(n) if n == 0 then return coroutine.yield('x') end return 1 + deep(n - 1) end \
         local function mk() return coroutine.wrap(function() for n = 1, 200 do coroutine.yield(deep(n)) end end) end \
         local outer = coroutine.wrap(function() local s = 0 for j = 1, 3 do local f = mk() for n = 1, 200 do f() s = s + f(n) end end coroutine.yield(s) end) \
         return outer()",
        // Limits of the library, and misuse.
        "local co co = coroutine.create(function() return coroutine.resume(co) end) \
         local t = {} for i = 1, 50 do local ok, a, b = coroutine.resume(co) t[i] = tostring(ok) .. tostring(a) .. tostring(b) end \
         local w w = coroutine.wrap(function() return w() end) for i = 1, 20 do t[#t + 1] = select(2, pcall(w)) end \
         for i = 1, 20 do t[#t + 1] = select(2, pcall(coroutine.yield, i)) t[#t + 1] = select(2, pcall(coroutine.resume, i)) end \
         return table.concat(t, ' ')",
    ] {
        in_all_ways(source);
    }
}

#[test]
fn metamethods_that_call_nothing_else_do_not_use_up_the_native_stack() {
    // No call instruction anywhere: steps call the handlers.
    let source = "local t = setmetatable({}, {
           __newindex = function(t, k, v) t[k] = v end,
           __index = function(t, k) return t[k] end,
           __add = function(a, b) return a + b end,
           __lt = function(a, b) return a < b end,
           __concat = function(a, b) return a .. b end,
           __len = function(a) return #a end,
         })
         local ways = {
           function(i) t.x = i end, function() return t.x end, function(i) return t + i end,
           function() return t < t end, function(i) return t .. i end, function() return #t end,
         }
         local said = {}
         for i = 1, 3 do
           for n, way in ipairs(ways) do said[#said + 1] = select(2, pcall(way, i)) end
         end
         return table.concat(said, ' ')";
    let run = same(&compiled(), source);
    assert_eq!(run.end.unwrap().matches("stack overflow").count(), 18);
    same(&warm(), source);
}
