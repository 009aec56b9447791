//! Tier 2 from outside: optimized code does what the interpreter does, where
//! the ways of leaving it are odd. Each program runs interpreted, and compiled
//! with results of the queue handed over at once; optimized code must have
//! been made, and left where the test says so.
#![cfg(feature = "llvm")]

mod optimized;

use optimized::{at_once, run, same, traced};

use std::sync::{Arc, Mutex};
use std::time::Duration;
use strata::engine::JitMode;
use strata_profiler::{Event, Sink, Stats};

#[test]
fn loops_are_entered_and_left() {
    let run = same(
        "local s, t = 0, {}
         for i = 1, 3000 do s = s + i % 7; t[i] = s end
         for i = 3000, 1, -3 do s = s - t[i] end
         for x = 0.5, 900 do s = s + x end
         local i = 0
         while i < 3000 do i = i + 1; if i % 100 == 0 then s = s + #t end end
         return s",
    );
    assert!(run.stats.osr_entries > 1, "{:?}", run.stats);
}

#[test]
fn values_change_their_kind_midway() {
    let run = same(
        "local function add(a, b) return a + b end
         local s = 0
         for i = 1, 4000 do
           s = add(s, i < 2000 and i or i + 0.5)
           if i % 1000 == 0 then s = add(s, '1') end
         end
         return s",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn an_exit_right_after_a_tail_call_to_itself_is_no_return() {
    // Frames of tail calls share a base, so the callee's pc may be the one
    // after the caller's call.
    same(
        "local states = {}
         function states.blank(i, s)
           if i > 3 then return s end
           return states.word(i + 1, s)
         end
         function states.word(i, s)
           if i < 3 then return states.word(i + 1, s) end
           return states.blank(i, s)
         end
         local n = 0
         for round = 1, 400 do n = n + states.blank(round % 4, { round })[1] end
         return n",
    );
}

#[test]
fn open_results_survive_what_comes_next() {
    same(
        "local function pair(x) return x, x + 1 end
         local function sum(...) local s = 0 for i = 1, select('#', ...) do s = s + (select(i, ...)) end return s end
         local function all(x) return sum(x, pair(x)) + sum(pair(x)) end
         local s = 0
         for i = 1, 600 do
           s = s + all(i)
           if i == 500 then pair = function(x) return x end end
         end
         local late = pair
         return s, #{ pair(1) }, late(7)",
    );
}

#[test]
fn inlined_functions_have_frames_where_somebody_looks() {
    same(
        "local where = {}
         local function check(x)
           if x % 500 == 0 then where[#where + 1] = debug.traceback('at ' .. x, 1) end
           return x
         end
         local function twice(x) return check(x) + check(x + 1) end
         local s = 0
         for i = 1, 2000 do s = s + twice(i) end
         local ok, e = pcall(function()
           local function deep(x) if x > 900 then error('too much: ' .. x) end return x end
           local function mid(x) return deep(x) + 1 end
           for i = 1, 2000 do s = s + mid(i) end
         end)
         return s, e, table.concat(where, ';')",
    );
}

#[test]
fn callees_and_shapes_are_exchanged() {
    same(
        "local A = {} A.__index = A
         function A.new(x) return setmetatable({ x = x }, A) end
         function A:get() return self.x end
         local f = function(o) return o:get() end
         local o, s = A.new(1), 0
         for i = 1, 3000 do
           if i == 1000 then A.get = function(self) return self.x * 2 end end
           if i == 1500 then o = setmetatable({ y = 1, x = 5 }, A) end
           if i == 2000 then f = math.type end
           if i == 2001 then f = function(o) return o.x end end
           local v = f(o)
           s = s + (type(v) == 'number' and v or 1)
         end
         return s",
    );
}

#[test]
fn arrays_change_their_kind_and_grow() {
    same(
        "local t, s = {}, 0
         for i = 1, 1500 do t[#t + 1] = i end
         for round = 1, 4 do
           for i = 1, #t do s = s + t[i] end
           if round == 1 then t[700] = 0.5 end
           if round == 2 then t[701] = nil; t[701] = 3 end
         end
         local names = {}
         for i = 1, 800 do names[i] = (i % 3 == 0) and 'x' or i end
         for i = 1, 800 do if names[i] == 'x' then s = s + 1 end end
         return s, #t",
    );
}

#[test]
fn arrays_of_several_kinds_and_keys_outside_of_them() {
    let run = same(
        "local rows = { {}, {}, {} }
         for i = 1, 60 do rows[1][i] = i; rows[2][i] = i + 0.5; rows[3][i] = i % 2 == 0 and i or i / 4 end
         for _, row in ipairs(rows) do row[0] = -1; row[-3] = 'x' end
         local function sum(row)
           local s = 0
           for i = 0, 60 do s = s + row[i] end
           return s
         end
         local function put(row, x) for i = 0, 60 do row[i] = x + row[i] end end
         local function holes(row)
           local n = 0
           for i = -4, 64 do if row[i] then n = n + 1 end end
           return n
         end
         local s, n = 0, 0
         for round = 1, 300 do
           local row = rows[round % 3 + 1]
           s = s + sum(row)
           put(row, 1)
           n = n + holes(row)
           if round == 150 then rows[2][7] = 'y' rows[2][7] = 2 end
           if round == 200 then rows[1][60] = nil n = n * 2 rows[1][60] = 5 end
           if round == 250 then
             rows[3][0] = nil
             setmetatable(rows[3], { __index = function(t, k) return k end, __newindex = rawset })
           end
         end
         rows[1][10] = {}
         local ok, e = pcall(sum, rows[1])
         return s, n, ok, e, rows[1][-3], rows[3][0]",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn arrays_grow_wherever_they_begin() {
    let run = same(
        "local function fill(t, from, n, step) for i = from, from + n do t[i] = i * step end return t end
         local s = 0
         for round = 1, 120 do
           local a = fill({}, 1, 20, 1)
           local b = fill({}, 0, 20, 0.5)
           local c = fill({ n = 1 }, 30, 5, 2)
           for i = 29, 1, -1 do c[i] = i end
           fill(c, 36, 3, 1.5)
           local d = {}
           for i = 1, 9 do d[#d + 1] = a[i]; d[#d + 1] = b[i] end
           s = s + #a + a[21] + #b + b[20] + #c + c[39] + #d + d[18] + c[1]
           if round == 100 then
             setmetatable(a, { __newindex = function(t, k, v) rawset(t, k, -v) end })
             fill(a, 15, 15, 1)
             s = s + a[30]
           end
         end
         local logged = setmetatable({}, { __newindex = function(t, k, v) rawset(t, k, v) s = s + k end })
         fill(logged, 1, 40, 1)
         return s, #logged",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn arithmetic_on_numbers_of_both_kinds() {
    same(
        "local t = {}
         for i = 1, 90 do t[i] = i % 3 == 0 and i or i % 3 == 1 and i + 0.25 or -i end
         local s, p, m, q = 0, 1, 0, 0
         for round = 1, 60 do
           for i = 2, 90 do
             local x, y = t[i], t[i - 1]
             s = s + (x + y) * (x - y)
             m = m + x % 7 + y // 3
             q = q + x / (y * y)
             p = -x
           end
         end
         return s, p, m, q, math.type(s), pcall(function() for i = 1, 200 do m = t[i] + 1 end end)",
    );
}

#[test]
fn loops_whose_step_is_computed() {
    let run = same(
        "local function marks(n, step)
           local t, c = {}, 0
           for i = 1, n do t[i] = false end
           for i = step, n, step do t[i] = true end
           for i = 1, n do if t[i] then c = c + 1 end end
           return c
         end
         local s = 0
         for round = 1, 120 do s = s + marks(100, round % 9 + 1) end
         local function walk(a, b, by) local n = 0 for i = a, b, by do n = n + i end return n end
         for round = 1, 400 do s = s + walk(1, 20, 3) end
         s = s + walk(math.maxinteger - 5, math.maxinteger, 2) + walk(20, 1, -3) + walk(1, 0, 1)
         return s, pcall(walk, 1, 10, 0)",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn finalizers_and_weak_tables_are_seen_at_once() {
    // A poll is no effect to the compiler: what it changes ends the code.
    same(
        "local weak, seen, n = setmetatable({}, { __mode = 'v' }), 0, 0
         local config = { limit = 10 }
         for i = 1, 6000 do
           weak[1] = {}
           if i % 1000 == 0 then
             setmetatable({}, { __gc = function() config.limit = config.limit + 1 end })
             collectgarbage()
             seen = seen + (weak[1] == nil and 1 or 0)
           end
           n = n + (config.limit > 0 and 1 or 0)
         end
         collectgarbage()
         return n, config.limit, seen",
    );
}

#[test]
fn closures_and_captured_variables() {
    same(
        "local made, s = {}, 0
         for i = 1, 2000 do
           local x = i
           local function inc(d) x = x + d return x end
           s = s + inc(1) + inc(2)
           if i % 400 == 0 then made[#made + 1] = inc end
         end
         for _, f in ipairs(made) do s = s + f(1) end
         return s",
    );
}

#[test]
fn recursion_inlined_into_itself() {
    same(
        "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
         local ok = pcall(fib, {})
         return fib(18), ok, fib(10.0)",
    );
}

/// Keeps all events.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Sink for Events {
    fn event(&mut self, _: Duration, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }

    fn finish(&mut self, _: &Stats) {}
}

/// The trace tells how code was optimized, why it was left, and why it is made
/// again.
#[test]
fn the_trace_tells_what_the_optimizer_did() {
    let filler = "t = t or {} ".repeat(100);
    let source = format!(
        "
        local function add(a, b) return a + b end
        local function long(t) {filler} return t end
        local function sum(t)
          local s = 0
          for i = 1, #t do s = add(s, t[i]) end
          long(t)
          return s
        end
        local ints, floats = {{}}, {{}}
        for i = 1, 100 do ints[i], floats[i] = i, i + 0.5 end
        local s = 0
        for _ = 1, 40 do s = s + sum(ints) end
        for _ = 1, 40 do s = s + sum(floats) end
        return s"
    );
    let events = Events::default();
    let run = traced(&source, JitMode::Full, &at_once(), Box::new(events.clone()));
    assert_eq!(run.end, "406000.0");
    let events = events.0.lock().unwrap();
    let of_sum = |e: &&Event| e.func().is_some_and(|f| f.name == "sum");
    let (pc, stages, inlining, passes, exits) = events
        .iter()
        .filter(of_sum)
        .find_map(|e| match e {
            Event::Optimized {
                pc,
                stages,
                inlining,
                passes,
                exits,
                ..
            } => Some((pc, stages, inlining, passes, exits)),
            _ => None,
        })
        .expect("it was optimized");
    assert_ne!(*pc, Some(0));
    for (stage, time) in stages.each() {
        assert!(time > 0.0, "{stage}");
    }
    let find = |name: &str| inlining.iter().find(|i| i.callee.name == name).unwrap();
    let add = find("add");
    assert_eq!((add.why_not, add.line, &*add.caller.name), (None, 6, "sum"));
    let refused = |e: &&Event| {
        matches!(e, Event::Optimized { inlining, .. }
            if inlining.iter().any(|i| i.callee.name == "long" && i.why_not.is_some()))
    };
    assert!(events.iter().filter(of_sum).any(|e| refused(&e)));
    assert!(passes["loops_stripped"] > 0, "{passes:?}");
    assert!(*exits > 0);
    // Floats come instead of integers.
    let left = events.iter().filter(of_sum).find_map(|e| match e {
        Event::Exit {
            tier: 2,
            expected,
            found,
            frame_map,
            ..
        } => Some((expected, found, frame_map)),
        _ => None,
    });
    let (expected, found, frame_map) = left.expect("it was left");
    assert!(expected.contains("it has seen"), "{expected}");
    assert!(found.contains("float"), "{found}");
    assert!(frame_map.starts_with("frame f0 pc"), "{frame_map}");
    let again = |e: &&Event| {
        matches!(
            e,
            Event::Compiled {
                tier: 2,
                reason: "exits" | "feedback",
                ..
            }
        )
    };
    assert!(events.iter().filter(of_sum).any(|e| again(&e)));
    let tier2 = run.stats.tiers[&2];
    assert!(tier2.recompiles > 0 && tier2.exits > 0, "{tier2:?}");
    assert!(run.stats.inlined > 0 && run.stats.stages.stall() > 0.0);
    assert!(run.stats.table().contains("time of optimizing by stage"));
}
