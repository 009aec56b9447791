//! Tier 2 from outside: optimized code does what the interpreter does, where
//! the ways of leaving it are odd. Each program runs interpreted, and compiled
//! with results of the queue handed over at once; optimized code must have
//! been made, and left where the test says so.
#![cfg(feature = "llvm")]

mod optimized;

use optimized::same;

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
