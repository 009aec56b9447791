//! Closures that optimized code makes, in functions that were inlined as well,
//! and the variables they share with who made them. Each program runs in all
//! ways that [`optimized`] knows.

use crate::ir;
use crate::optimized::same;

#[test]
fn makers_are_inlined() {
    let source = "local function adder(n) return function(x) return x + n end end
         local s = 0
         for i = 1, 600 do
           local add = adder(i % 7)
           s = s + add(i) + add(0.5)
         end
         return s";
    let run = same(source);
    assert!(run.stats.inlined > 0, "{:?}", run.stats);
    let code = ir(source);
    assert!(!code.contains("call_typed"), "{code}");
}

#[test]
fn closures_that_are_kept() {
    same(
        "local function pair(a, b)
           return function(which) if which then return a end return b end,
                  function(x) a, b = b, x end
         end
         local kept, s = {}, 0
         for i = 1, 600 do
           local get, set = pair(i, i % 10)
           set(i % 3)
           if i % 50 == 0 then kept[#kept + 1] = get; kept[#kept + 1] = set end
           s = s + get(true) + get(false)
         end
         for i = 1, #kept, 2 do kept[i + 1](i) s = s * 3 % 1000003 + kept[i](true) + kept[i](false) end
         return s, #kept",
    );
}

#[test]
fn variables_captured_on_some_ways() {
    same(
        "local fs, s = {}, 0
         for i = 1, 600 do
           local x, y = i, i * 2
           if i % 3 == 0 then fs[i % 5] = function(d) x = x + d return x end end
           if i % 2 == 0 then x = x + 1 else y = y + 1 end
           local f = fs[i % 5]
           if f then s = s + f(1) end
           s = s + x + y
         end
         return s",
    );
}

#[test]
fn variables_captured_in_an_inner_loop() {
    same(
        "local function each(n, f) for i = 1, n do f(i) end end
         local function run(n)
           local sum, most = 0, nil
           for k = 1, 3 do
             each(n, function(i) sum = sum + i * k if not most or most < i then most = i end end)
           end
           sum = sum + 0.5
           return sum, most
         end
         local s = 0
         for i = 1, 500 do local a, b = run(i % 9) s = s + a + (b or 0) end
         return s",
    );
}

#[test]
fn loop_variables_and_parameters_are_captured() {
    same(
        "local function count(from, to)
           local n = 0
           local function step(by) from = from + by n = n + 1 end
           while from < to do step(1) if from % 5 == 0 then step(2) end end
           return n, from, step
         end
         local fs, s = {}, 0
         for i = 1, 400 do
           local n, from, step = count(i % 3, i % 17)
           fs[i % 7 + 1] = function() i = i + 1 step(1) return i + n + from end
           s = s + fs[i % 7 + 1]() + n
         end
         for i = 1, 7 do s = s + fs[i]() end
         return s",
    );
}

#[test]
fn closures_that_call_themselves_and_each_other() {
    same(
        "local function run(n)
           local even
           local function odd(k) if k == 0 then return false end return even(k - 1) end
           even = function(k) if k == 0 then return true end return odd(k - 1) end
           local function fact(k) if k < 2 then return 1 end return k * fact(k - 1) end
           return even(n), odd(n), fact(n % 12)
         end
         local s = 0
         for i = 1, 400 do
           local a, b, c = run(i % 13)
           s = (s * 3 + (a and 1 or 0) + (b and 2 or 0) + c) % 1000003
         end
         return s",
    );
}

#[test]
fn left_while_variables_are_open() {
    // The types change midway, so that guards fail between the closure and its
    // end.
    same(
        "local function twice(f, x) return f(f(x)) end
         local s = 0
         for i = 1, 900 do
           local k = i < 600 and i or i + 0.25
           local calls = 0
           local r = twice(function(x) calls = calls + 1 k = k + x return k * 2 % 1009 end, i)
           if i == 450 then s = s .. '' s = tonumber(s) end
           s = s + r + calls + k
         end
         return s",
    );
}

#[test]
fn errors_close_variables() {
    same(
        "local kept, s = {}, 0
         local function risky(i)
           local n = i
           local function inc() n = n + 1 if i % 40 == 0 then error('x') end return n end
           kept[i % 6 + 1] = function() n = n + 1 return n end
           return inc() + inc()
         end
         for i = 1, 600 do
           local ok, v = pcall(risky, i)
           s = s + (ok and v or 1) + kept[i % 6 + 1]()
         end
         for i = 1, 6 do s = s + kept[i]() end
         return s",
    );
}

#[test]
fn closures_are_collected() {
    same(
        "local live, s = setmetatable({}, {__mode = 'k'}), 0
         local function make(i)
           local t = {i}
           return function() return t[1] end
         end
         for i = 1, 2000 do
           local f = make(i)
           if i % 100 == 0 then live[f] = true collectgarbage() end
           s = s + f()
         end
         local n = 0
         for _ in pairs(live) do n = n + 1 end
         return s, n < 4",
    );
}
