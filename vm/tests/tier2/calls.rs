//! Calls in optimized code: typed entries, results whose number is open, tail
//! calls. Each program runs in all ways that [`optimized`] knows.

use crate::optimized::{at_once, improved, run, run_by, same, traced};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strata::engine::{Backend, JitMode};
use strata::stress::StressModes;
use strata_profiler::{Event, Sink, Stats};

#[test]
fn arguments_and_results_in_registers() {
    same(
        "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
         local function kinds(a, b, c, d, e) return e, d, c, b, a end
         local function few(a, b, c) return (a or 10) + (b or 20) + (c or 30) end
         local function captured(a, b) local f = function() a = a + b return a end f() return f() end
         local function many(a, b, c, d, e, f, g, h, i) return a + b + c + d + e + f + g + h + i end
         local s = fib(15)
         for i = 1, 600 do
           local e, d, c, b, a = kinds(i, i + 0.5, 'x', nil, i % 2 == 0)
           s = s + a + b + #c + (d and 1 or 2) + (e and 3 or 4)
           s = s + few(i) + few(i, 2) + few(i, 2, 3) + few(i, 2, 3, 4)
           s = s + captured(i, 1) + many(1, 2, 3, 4, 5, 6, 7, 8, i)
         end
         return s",
    );
}

#[test]
fn results_of_other_numbers_than_wanted() {
    same(
        "local function three(a) if a then return a, a + 1, a + 2 end return end
         local function two(a, b) if a > b then return b, a end return a, b end
         local s = 0
         for i = 1, 800 do
           local x, y = two(i, 400)
           local p, q, r = three(i % 3 == 0 and i)
           s = s + x * 2 - y + (p or 1) + (q or 2) + (r or 3)
           two(i, 7)
         end
         return s",
    );
}

#[test]
fn callees_of_all_kinds_at_one_place() {
    same(
        "local function apply(f, x) return f(x) end
         local obj = setmetatable({}, { __call = function(_, x) return x * 3 end })
         local fs = {
           function(x) return x + 1 end, function(x) return x * 2, 5 end, math.abs, obj,
           function(...) return select('#', ...) end, function() end, function(x, y) return y or x end,
         }
         local s = 0
         for i = 1, 900 do
           s = s + (apply(fs[i % #fs + 1], -i) or 1)
           local a, b = fs[i % #fs + 1](i)
           s = s + (a or 2) + (b or 3) + select('#', fs[i % #fs + 1](i))
         end
         return s",
    );
}

#[test]
fn open_results_are_values_or_leave() {
    let run = same(
        "local function one(a) return a + 1 end
         local function two(a) return a, a + 1 end
         local function none() end
         local function varies(a)
           if a % 7 == 0 then return end
           if a % 5 == 0 then return a, a + 1 end
           return a
         end
         local function deep(a) if a < 0 then return deep(-a) end local t = {} for i = 1, 3 do t[i] = i end return t[1] + a, t[2] end
         local function add(a, b, c) return (a or 100) + (b or 200) + (c or 300) end
         local function tail(a) return add(one(a)) end
         local function tail2(a) return add(two(a)) end
         local function tail0(a) return add(none(a)) end
         local function tailv(a) return add(varies(a)) end
         local function nest(a) return one(one(one(a))) end
         local function more(a) return 1, varies(a) end
         local s = 0
         for i = 1, 700 do
           s = s + add(one(i)) + add(two(i)) + add(none(i)) + add(varies(i))
           s = s + tail(i) + tail2(i) + tail0(i) + tailv(i) + nest(i)
           local x, y, z = more(i)
           s = s + x + (y or 3) + (z or 4) + math.floor(math.max(one(i), 7)) + add(deep(i))
           s = s + #{ deep(i) } + #{ varies(i) } + #{ i, two(i) } + select('#', varies(i)) + select('#', deep(i))
           s = s % 1000003
         end
         return s, pcall(function() for i = 1, 300 do s = s + add(one(i == 299 and {} or i)) end end)",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn callees_without_a_guard_get_all_arguments() {
    // The guard of the callee has failed, or is said to have, while feedback knows
    // one function only, which takes no arguments.
    same(
        "local function none() return 1 end
         local function one(x) return x end
         local function two(x, y) return y or x end
         local function calling(callee) return function(x) local v = callee(x) return v + 1 end end
         local function ending(callee) return function(x) return callee(x) end end
         local s = 0
         local call, last = calling(none), ending(none)
         for i = 1, 3000 do s = s + call(i) end
         for i = 1, 3000 do s = s + last(i) end
         for _, f in ipairs({ one, two, none }) do
           call, last = calling(f), ending(f)
           for i = 1, 300 do s = s + call(i) + last(i) end
         end
         return s",
    );
}

#[test]
fn tail_calls_hand_the_frame_over() {
    same(
        "local function tak(x, y, z)
           if y >= x then return z end
           return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
         end
         local function loop(n, a) if n == 0 then return a end return loop(n - 1, a + n) end
         local function most(...) return math.max(...) end
         local function text(x) return string.format('%d', x) end
         local function guarded(x) return pcall(most, x, 3) end
         local function fails(x) return error(x) end
         local s = tak(9, 5, 2) + loop(3000, 0)
         for i = 1, 600 do
           s = s + most(i, 5) + #text(i) + select(2, guarded(i))
           if i % 50 == 0 then local _, m = pcall(fails, i) s = s + m end
         end
         return s",
    );
}

#[test]
fn tail_calls_give_up_native_frames() {
    // Arguments on the stack, more and fewer of them, and callees that change.
    let source = "local even, odd
         function even(n, a, b, c, d) if n == 0 then return a + b + c + d end return odd(n - 1, d) end
         function odd(n, a) if n == 0 then return 'odd' end return even(n - 1, a, n % 2, n % 3, a) end
         local states = {}
         function states.one(n, s) if n == 0 then return s end return states[n % 3 == 0 and 'two' or 'one'](n - 1, s + 1) end
         function states.two(n, s) return states.one(n, s + 2) end
         local s = 0
         for i = 1, 20 do s = s + even(200 + 2 * i, i, 1, 2, 3) end
         return even(300000, 1, 2, 3, 4) + s + states.one(300000, 0), odd(300000, 1)";
    let expected = run(source, JitMode::Off, &StressModes::default()).end;
    for backend in [Backend::Llvm, Backend::Cranelift] {
        let run = run_by(source, JitMode::Full, backend, &at_once());
        assert_eq!(run.end, expected, "{backend}");
        assert!(!run.optimized.is_empty(), "{backend}");
        // A few for callees that had no code yet; else hundreds, for want of
        // native stack.
        let unwound = run.stats.unwound;
        assert!(unwound < 20, "{backend}: {unwound}");
    }
}

#[test]
fn results_for_host_functions() {
    same(
        "local function none() end
         local function one(a) return a .. '1' end
         local function two(a) return a .. '2', a end
         local function many(a) return a .. '6', 1, 2, 3, 4, 5 end
         local function less(a, b) return a < b end
         local function more(a, b) return a > b, a end
         local function same() end
         local s, n = '', 0
         for i = 1, 60 do
           for _, f in ipairs({ none, one, two, many }) do
             s = string.gsub('ab' .. i, '%d', f)
             n = n + #s
           end
           local t = { 5, 3, i, 8, 1 }
           table.sort(t, less)
           n = n + t[1] * 3 + t[5]
           table.sort(t, more)
           n = n + t[1] * 5 + t[5]
           table.sort(t, same)
           n = n + #t
         end
         return s, n",
    );
}

#[test]
fn code_of_both_compilers_calls_each_other() {
    // The one that is called most is LLVM's first.
    let source = "local function inner(n, x) if n == 0 then return x end return inner(n - 1, x + n) + 1 end
         local function open(n) if n == 0 then return inner(3, 1) end return open(n - 1) end
         local function outer(n) if n == 0 then return inner(9, n) end return outer(n - 1) + inner(20, n) + open(2) end
         local s = 0
         for i = 1, 300 do s = s + outer(i % 7) + #{ open(i % 3), inner(i % 5, 1) } end
         return s";
    let expected = run(source, JitMode::Off, &StressModes::default()).end;
    for best in [300, 3000, 30000] {
        let run = improved(source, best, &at_once(), Box::new(Silent));
        assert_eq!(run.end, expected, "{best}");
        assert!(run.stats.tiers[&2].compiles > 2, "{best}");
    }
}

/// Listens to nothing.
struct Silent;

impl Sink for Silent {
    fn event(&mut self, _: Duration, _: &Event) {}
    fn finish(&mut self, _: &Stats) {}
}

#[test]
fn lists_survive_collections_in_inlined_loops() {
    let source = "local function cons(h, t) return { h, t } end
         local function range(a, b) local l for i = b, a, -1 do l = cons(i, l) end return l end
         local function reverse(l) local r while l do r = cons(l[1], r) l = l[2] end return r end
         local function merge(a, b)
           local out
           while a and b do
             if a[1] <= b[1] then out, a = cons(a[1], out), a[2] else out, b = cons(b[1], out), b[2] end
           end
           local rest = a or b
           while rest do out, rest = cons(rest[1], out), rest[2] end
           return reverse(out)
         end
         local function sum(l) local s = 0 while l do s = s + l[1] l = l[2] end return s end
         local s = 0
         for r = 1, 200 do
           local l = merge(range(1, 30), range(r, r + 30))
           s = (s + sum(l)) % 1000003
         end
         return s";
    let expected = same(source).end;
    for gc in [1, 3] {
        let modes = StressModes { gc, ..at_once() };
        let run = run(source, JitMode::Full, &modes);
        assert_eq!(run.end, expected, "gc={gc}");
    }
}

#[test]
fn remainders_of_floats() {
    same(
        "local vals = { 5.5, -5.5, 3.0, -3.0, 0.0, -0.0, 1e300, 1e-320, 1 / 0, -1 / 0, 7.25, 2 ^ 53, 0.1, -0.3 }
         local function mod(a, b) return a % b end
         local words = {}
         for round = 1, 3 do
           for _, a in ipairs(vals) do
             for _, b in ipairs(vals) do
               local m = mod(a, b)
               if round == 3 then words[#words + 1] = m ~= m and 'nan' or string.format('%a', m) end
             end
           end
         end
         return table.concat(words, ' ')",
    );
}

#[test]
fn open_results_in_slots_of_an_inlined_frame() {
    // Where one value is expected and two come, code is left with them where
    // registers of the frame below lie, too.
    same(
        "local function deep(n) if n > 0 then return deep(n - 1) end return n end
         local function some(i) deep(1) if i % 5 == 4 then return i, i + 1 end return i end
         local function pack(i) return { some(i) } end
         local s = 0
         for i = 1, 900 do
           local a, b, c = i, i + 1, i + 2
           local t = pack(i)
           s = s + #t + t[1] + (t[2] or 0)
           s = s + select('#', a, b, c, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, i)
         end
         return s",
    );
}

#[test]
fn host_functions_called_last_by_inlined_functions() {
    // Each call has a class of its own, so that in the end `setmetatable` is called
    // for what it is, as the last thing of a function inlined into one inlined.
    let source = "local function body()
           local Vec = {}
           Vec.__index = Vec
           local function vec(x) return setmetatable({ x = x }, Vec) end
           function Vec:add(b) return vec(self.x + b.x) end
           local sum, one = vec(0.0), vec(1.0)
           for _ = 1, 200000 do sum = one:add(sum) end
           return sum.x
         end
         local s = 0
         for i = 1, 6 do s = s + body() end
         return s";
    let expected = run(source, JitMode::Off, &StressModes::default());
    for backend in [Backend::Cranelift, Backend::Auto] {
        let compiled = run_by(source, JitMode::Full, backend, &StressModes::default());
        assert_eq!(compiled.end, expected.end, "{backend}");
        assert!(!compiled.optimized.is_empty(), "{backend}");
    }
}

/// The callee of a call, and why it was not inlined.
type Inlining = (String, Option<&'static str>);

/// All calls in what was optimized.
#[derive(Clone, Default)]
struct Inlined(Arc<Mutex<Vec<Inlining>>>);

impl Sink for Inlined {
    fn event(&mut self, _: Duration, event: &Event) {
        if let Event::Optimized { inlining, .. } = event {
            let calls = inlining
                .iter()
                .map(|i| (i.callee.name.to_string(), i.why_not));
            self.0.lock().unwrap().extend(calls);
        }
    }

    fn finish(&mut self, _: &Stats) {}
}

/// Loops of functions that are called are compiled with these, and a function is only
/// put in place of a call if its loop is short or was never reached.
#[test]
fn functions_with_longer_loops_are_not_inlined() {
    let body = "n = n + v * 2 m = (m + v // 3 + n % 7) % 1000 n = n - m ".repeat(3);
    let source = format!(
        "local function short(t) local s = 0 for i = 1, #t do s = s + t[i] end return s end
         local function long(t) local n, m = 0, 0 for i = 1, #t do local v = t[i] {body} end return n end
         local function straight(v) local n, m = 0, 0 {body} return n end
         local function rarely(t, x)
           local n, m = 0, 0
           if x then for i = 1, #t do local v = t[i] {body} end end
           return m
         end
         local function all(t) return short(t) + long(t) + straight(t[1]) + rarely(t, false) end
         local t, s = {{}}, 0
         for i = 1, 10 do t[i] = i end
         for _ = 1, 60 do s = s + all(t) end
         return s"
    );
    let expected = run(&source, JitMode::Off, &StressModes::default()).end;
    let calls = Inlined::default();
    let run = traced(&source, JitMode::Full, &at_once(), Box::new(calls.clone()));
    assert_eq!(run.end, expected);
    let calls = calls.0.lock().unwrap();
    let why = |name: &str| {
        let found = calls.iter().filter(|c| c.0 == name).map(|c| c.1);
        let found: Vec<_> = found.collect();
        assert!(!found.is_empty(), "{name}: {calls:?}");
        found
    };
    for inlined in ["short", "straight", "rarely"] {
        assert!(why(inlined).contains(&None), "{inlined}: {calls:?}");
    }
    let reason = Some("its loops are code of their own");
    assert!(why("long").iter().all(|w| *w == reason), "{calls:?}");
}
