//! Generic `for` over iterators that are Lua functions: they are inlined, and
//! what they remember is a value where nobody else knows them. Each program runs
//! in all ways that [`optimized`] knows.

use crate::optimized::{Run, same};

/// Runs `source` in all ways; passes have done this at least once.
fn did(source: &str, what: &str) -> Run {
    let run = same(source);
    let done = run.stats.passes.get(what).copied();
    assert!(done > Some(0), "{what}: {:?}", run.stats.passes);
    run
}

#[test]
fn state_in_variables_of_the_iterator() {
    let run = did(
        "local function range(n)
           local i = 0
           return function() i = i + 1 if i <= n then return i end end
         end
         local s = 0
         for k = 1, 300 do for i in range(k % 9) do s = s + i * k end end
         return s",
        "closures_sunk",
    );
    assert!(run.stats.passes["upvalues_sunk"] > 0);
    assert!(run.stats.inlined > 0, "{:?}", run.stats);
}

#[test]
fn state_in_the_control_variable() {
    let run = same(
        "local function after(t, i) i = i + 1 local v = t[i] if v then return i, v end end
         local function run(t)
           local s = 0
           for i, v in after, t, 0 do s = s + i * v end
           return s
         end
         local s, t = 0, {}
         for i = 1, 300 do t[i] = i % 7 end
         for k = 1, 60 do s = s + run(t) end
         return s",
    );
    assert!(run.stats.inlined > 0, "{:?}", run.stats);
}

#[test]
fn state_of_pairs_and_next() {
    // Their state is no object: a position in the frame, and the control variable.
    let run = same(
        "local t, s = {a = 1, b = 2, 3, 4, 5}, 0
         for k = 1, 200 do
           for _, v in pairs(t) do s = s + v end
           for i, v in ipairs(t) do s = s + i * v end
           for key, v in next, t do s = s + #tostring(key) * v end
         end
         return s",
    );
    assert!(run.stats.tiers[&2].compiles > 0);
}

#[test]
fn left_within_the_iterator() {
    // Overflow to floats, and strings, in the midst of a loop.
    did(
        "local function steps(from, by, n)
           local x, k = from, 0
           return function()
             k = k + 1
             if k > n then return nil end
             x = x + by
             return x, k
           end
         end
         local s = 0
         for i = 1, 500 do
           local by = 1
           if i > 300 then by = 0.5 end
           if i > 400 then by = '2' end
           for x, k in steps(i, by, i % 7) do
             if k == 5 and i % 3 == 0 then break end
             s = s + x * k
           end
         end
         return s",
        "closures_sunk",
    );
}

#[test]
fn iterators_that_others_know() {
    same(
        "local kept, s = nil, 0
         local function range(n)
           local i = 0
           local function step() i = i + 1 if i <= n then return i end end
           if n == 5 then kept = step end
           return step
         end
         for k = 1, 400 do
           for i in range(k % 8) do s = s + i if kept and i == 3 then s = s + (kept() or 0) end end
         end
         return s",
    );
}

#[test]
fn iterators_that_change() {
    same(
        "local function up(n) local i = 0 return function() i = i + 1 if i <= n then return i end end end
         local function down(n) return function() n = n - 1 if n >= 0 then return n end end end
         local callable = setmetatable({}, {__call = function(_, _, c) c = (c or 0) + 1 if c < 4 then return c end end})
         local function run(f, n) local s = 0 for i in f(n) do s = s + i end return s end
         local s = 0
         for k = 1, 600 do
           local f = k < 200 and up or k < 400 and down or k % 2 == 0 and up or down
           s = s + run(f, k % 6) + run(function() return callable end, k)
         end
         return s",
    );
}

#[test]
fn loops_with_something_to_close() {
    same(
        "local closed, s = 0, 0
         local function range(n, closing)
           local i = 0
           return function() i = i + 1 if i <= n then return i end end, nil, nil, closing
         end
         local c = setmetatable({}, {__close = function() closed = closed + 1 end})
         for k = 1, 500 do
           for i in range(k % 5, k > 250 and k % 3 == 0 and c or nil) do
             s = s + i
             if i == 3 then break end
           end
         end
         return s, closed",
    );
}

#[test]
fn errors_and_yields_in_iterators() {
    same(
        "local function range(n)
           local i = 0
           return function()
             i = i + 1
             if i == 40 then error('forty') end
             if i % 10 == 0 and coroutine.isyieldable() then coroutine.yield(i) end
             if i <= n then return i end
           end
         end
         local s = 0
         local function sum(n) local t = 0 for i in range(n) do t = t + i end return t end
         for k = 1, 60 do
           local ok, v = pcall(sum, k)
           s = s + (ok and v or 7)
           local co = coroutine.wrap(function() return sum(k % 38) end)
           s = s + co()
         end
         return s",
    );
}
