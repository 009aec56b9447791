//! Tier 2 and objects: metatables, metamethods, tables that are not allocated.

use crate::failed;
use crate::optimized::{run, same};
use strata::engine::JitMode;
use strata::stress::StressModes;

/// Pairs of numbers with every operator, as class `V`.
const VECTORS: &str = "
    local V = {}
    V.__index = V
    local function new(x, y) return setmetatable({ x = x, y = y }, V) end
    function V.__add(a, b) return new(a.x + b.x, a.y + b.y) end
    function V.__sub(a, b) return new(a.x - b.x, a.y - b.y) end
    function V.__mul(a, k) return new(a.x * k, a.y * k) end
    function V.__unm(a) return new(-a.x, -a.y) end
    function V.__eq(a, b) return a.x == b.x and a.y == b.y end
    function V.__lt(a, b) return a.x < b.x end
    function V.__le(a, b) return a.x <= b.x end
    function V.__len(a) return a.x * a.x + a.y * a.y end
    function V.__call(a, k, l) return a.x * k + a.y * l end
    function V:add(b) return new(self.x + b.x, self.y + b.y) end
";

fn vectors(body: &str) -> String {
    format!("{VECTORS}{body}")
}

#[test]
fn metamethods_of_known_shapes() {
    let run = same(&vectors(
        "local function step(p, d)
           local q = p + d * 0.5 - new(0.25, 0.125)
           local n = 0
           if q == p then n = n + 1 end
           if q ~= -(-q) then n = n + 2 end
           if p < q then n = n + 4 end
           if p <= q then n = n + 8 end
           if not (q < p) then n = n + 16 end
           return q, n + #q + q(2, 3)
         end
         local p, d, s = new(1.0, 2.0), new(0.5, 0.25), 0
         for i = 1, 1500 do
           local n
           p, n = step(p, d)
           s = s + n
           if i % 400 == 0 then d = new(-d.x, d.y) end
         end
         return p.x, p.y, s",
    ));
    assert!(failed(&run) < 100, "{:?}", run.stats);
}

#[test]
fn metamethods_and_operands_are_exchanged_midway() {
    same(&vectors(
        "local p, s = new(1, 2), 0
         for i = 1, 4000 do
           local q = p + new(i % 3, 1)
           s = s + (q == p and 1 or 0) + #q
           p = q
           if i == 1000 then
             local old = V.__add
             V.__add = function(a, b) local c = old(a, b); c.x = c.x % 1000; return c end
           elseif i == 2000 then V.__eq = nil
           elseif i == 2500 then V.__len = function() return 1 end
           elseif i == 3000 then p = setmetatable({ y = 1, x = 2, z = 3 }, V)
           elseif i == 3500 then p = new(1.5, 2.5) end
         end
         return p.x, p.y, s",
    ));
}

#[test]
fn operands_of_both_sides() {
    same(
        "local M = { __concat = function(a, b) return 'c' end }
         M.__add = function(a, b)
           return (type(a) == 'number' and a or 1) + (type(b) == 'number' and b or 2)
         end
         M.__lt = function(a, b) return type(a) == 'number' end
         local t, s = setmetatable({}, M), 0
         for i = 1, 2000 do
           s = s + (i + t) + (t + 0.5) + (t + t)
           if i < t then s = s + 1 end
           if t < i then s = s + 1000 end
           if i % 500 == 0 then s = s + #(i .. t) end
         end
         return s",
    );
}

#[test]
fn fields_by_functions() {
    let run = same(
        "local log = { reads = 0, writes = 0 }
         local data = { n = 0, level = 1 }
         local proxy = setmetatable({}, {
           __index = function(_, k) log.reads = log.reads + 1; return data[k] end,
           __newindex = function(_, k, v) log.writes = log.writes + 1; data[k] = v end,
         })
         for i = 1, 3000 do
           proxy.n = proxy.n + i % 3
           if i % 5 == 0 then proxy.level = proxy.level % 9 + 1 end
           if i == 2500 then rawset(proxy, 'n', 7) end
         end
         return proxy.n, data.n, data.level, log.reads, log.writes",
    );
    assert!(failed(&run) < 50, "{:?}", run.stats);
}

#[test]
fn frames_of_metamethods_are_seen_by_errors_and_coroutines() {
    same(&vectors(
        "local out = {}
         local function trace(f, ...) out[#out + 1] = select(2, xpcall(f, debug.traceback, ...)) end
         V.__add = function(a, b)
           if a.x > 1500 then error('too far') end
           return new(a.x + b.x, a.y + b.y)
         end
         V.__lt = function(a, b) if a.x > 1500 then return a.x.y.z end return a.x < b.x end
         V.__index = function(t, k) if t.x > 1500 then error('no ' .. k) end return 0 end
         local function far(n, which)
           local p, d = new(0, 0), new(1, 1)
           for i = 1, n do
             p.x = p.x + 1
             if which == 1 then p = p + d end
             if which == 2 and p < d then p.y = 1 end
             if which == 3 then p.y = p.z + 1 end
           end
           return p
         end
         for which = 1, 3 do trace(far, 1000, which); trace(far, 2000, which) end
         V.__add = function(a, b) coroutine.yield(a.x); return new(a.x + b.x, a.y) end
         local co = coroutine.wrap(function()
           local p = new(0, 0)
           for i = 1, 500 do p = p + p + new(1, 1) end
           return p.x
         end)
         local s = 0
         for i = 1, 1000 do s = s ~ co() end
         out[#out + 1] = tostring(s)
         return table.concat(out, '\\n')",
    ));
}

#[test]
fn callees_of_tail_calls_are_seen_by_tracebacks() {
    same(
        "local function three(x) if x > 900 then error('three') end return x end
         local function two(x) return three(x + 1) end
         local function one(x) return two(x + 1) end
         local function all(n) local s = 0; for i = 1, n do s = s + one(i) end; return s end
         local a = all(800)
         local _, b = xpcall(all, debug.traceback, 1000)
         return a, b",
    );
}

#[test]
fn setmetatable_does_all_it_should() {
    same(
        "local gone = 0
         local plain, final = { __index = { k = 1 } }, { __gc = function() gone = gone + 1 end }
         local weak, shut = { __mode = 'k' }, { __metatable = 'no' }
         local function make(m) return setmetatable({ a = 1 }, m) end
         local s = 0
         for i = 1, 2000 do s = s + make(plain).k end
         for i = 1, 100 do make(final) end
         for i = 1, 10 do
           local w = make(weak)
           w[{}] = 1
           collectgarbage()
           for k in pairs(w) do s = s + (type(k) == 'table' and 1000 or 1) end
         end
         local t = make(shut)
         local ok = pcall(setmetatable, t, plain)
         plain.__gc = function() gone = gone + 1 end
         for i = 1, 100 do make(plain) end
         collectgarbage()
         return s, gone, ok, getmetatable(t)",
    );
}

/// Kilobytes that `body` allocates at last: it runs until optimized code is
/// ready, or for ten seconds.
fn allocated(body: &str) -> f64 {
    let source = vectors(&format!(
        "local function work(n) {body} end
         local least, start = math.huge, os.time()
         repeat
           collectgarbage(); collectgarbage('stop')
           local before = collectgarbage('count')
           work(20000)
           least = math.min(least, collectgarbage('count') - before)
           collectgarbage('restart')
         until least < 20 or os.time() > start + 10
         return least"
    ));
    let run = run(&source, JitMode::Full, &StressModes::default());
    run.end.parse().unwrap_or_else(|_| panic!("{}", run.end))
}

#[test]
fn small_objects_in_loops_are_not_allocated() {
    for body in [
        "local a, b = new(0.0, 0.0), new(1.0, 0.5); for i = 1, n do a = a:add(b) end; return a.x",
        "local a, b = new(0.0, 0.0), new(1.0, 0.5); for i = 1, n do a = a + b * 0.5 end; return a",
        "local s = 0; for i = 1, n do local v = -new(i, 1); if v == v - v then s = s + 1 end end; return s",
    ] {
        let some = allocated(body);
        assert!(some < 20.0, "{some} kB: {body}");
    }
}

#[test]
fn methods_of_several_classes() {
    let run = same(
        "local function class(size)
           local c = {}
           c.__index = c
           function c.new(x) return setmetatable({ [('abcdef'):sub(size, size)] = x, x = x }, c) end
           function c:area(k) return self.x * size + k end
           return c
         end
         local A, B, C, D = class(1), class(2), class(3), class(4)
         function B:area(k) if self.x > 50 then return k end return self.x - k, k end
         function C:area(...) return select('#', ...) + self.x end
         local all, s = {}, 0
         for i = 1, 90 do all[i] = ({ A, B, C })[i % 3 + 1].new(i) end
         for round = 1, 60 do
           for i = 1, #all do
             local o = all[i]
             local a, b = o:area(round)
             s = s + a + (b or 1)
             o:area(1)
           end
           if round == 40 then all[7] = D.new(7) end
           if round == 50 then function A:area() return 5 end end
           if round == 55 then all[9].area = function() return 'x' and 3 end end
         end
         return s",
    );
    assert!(failed(&run) < 100, "{:?}", run.stats);
}

#[test]
fn fields_that_are_nil() {
    let run = same(
        "local C = {}
         C.__index = C
         local list = {}
         for i = 1, 40 do list[i] = setmetatable({ id = i, next = false, mark = 1 }, C) end
         local s = 0
         for round = 1, 100 do
           for i = 1, 40 do
             local o = list[i]
             o.next = i % 2 == 0 and list[i - 1] or nil
             o.mark = nil
             if o.next then s = s + o.next.id end
             if o.mark then s = s + o.mark end
             o.mark = round
           end
           if round == 80 then C.next = list[3] end
           if round == 90 then C.__newindex = function(t, k, v) s = s + 1; rawset(t, k, v) end end
           if round == 95 then C.__index = function(t, k) return k == 'mark' and 7 end end
         end
         return s",
    );
    assert!(failed(&run) < 300, "{:?}", run.stats);
}

#[test]
fn fields_of_many_shapes() {
    let run = same(
        "local function node(i)
           local n = { key = i }
           if i % 2 == 0 then n.left = i end
           if i % 3 == 0 then n.right = i end
           if i % 5 == 0 then n.left = -i end
           if i % 7 == 0 then n.value = 1 end
           return n
         end
         local all, s = {}, 0
         for i = 1, 210 do all[i] = node(i % 15) end
         for round = 1, 40 do
           for i = 1, #all do
             local n = all[i]
             s = s + n.key + (n.left or 0) + (n.right or 1)
             n.key = n.key % 9
           end
           if round == 30 then for i = 1, 20 do all[i] = { ['f' .. i] = 1, key = 2 } end end
         end
         return s",
    );
    assert!(run.stats.osr_entries > 0, "{:?}", run.stats);
}

/// An object that only frame maps name, inside of another one that is sunk.
#[test]
fn objects_in_objects_that_nobody_sees() {
    let run = same(
        "local s = 0
         for i = 1, 400 do
           local x = { a = i }
           local y = { b = x }
           s = s + y.b.a
           if i % 50 == 7 then s = s + #tostring(y.b.a) end
         end
         return s",
    );
    assert_eq!(run.stats.not_compiled, 0, "{:?}", run.stats);
}

#[test]
fn metatables_without_a_handler_are_no_exits() {
    // What has a metatable that lacks `__len` and `__pairs` is counted and traversed
    // in place, until it gets them.
    let run = same(
        "local marked, log = {}, 0
         local function work(t)
           local s = #t
           for k, v in pairs(t) do s = s + v end
           return s
         end
         local plain, list = { 1, 2, 3 }, setmetatable({ 4, 5 }, marked)
         local s = 0
         for i = 1, 400 do s = s + work(i % 3 == 0 and list or plain) end
         marked.__len = function() log = log + 1 return 10 end
         for i = 1, 100 do s = s + work(i % 2 == 0 and list or plain) end
         marked.__pairs = function(t) return next, { 7 } end
         for i = 1, 100 do s = s + work(i % 2 == 0 and list or plain) end
         marked.__len, marked.__pairs = nil, nil
         for i = 1, 100 do s = s + work(i % 2 == 0 and list or plain) end
         return s, log",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn nil_stored_where_nothing_is() {
    // Such a store teaches nothing, nor do names that are too long to be interned,
    // and are still no ways that were never taken.
    let run = same(
        "local function entry(i) return { id = i, history = nil, n = 1 } end
         local long = { a_name_of_a_field_that_has_more_than_forty_characters = 2 }
         local s = 0
         for i = 1, 3000 do
           local e = entry(i)
           e.gone = nil
           e.other = e.history
           s = s + long.a_name_of_a_field_that_has_more_than_forty_characters
           if i % 1000 == 0 then setmetatable(e, { __newindex = function(t, k, v) s = s + #k end }) end
           e.late = nil
           s = s + e.id + e.n + (e.history and 1 or 0)
         end
         return s",
    );
    // The metatable's way alone.
    let unreached = run.stats.exits_by_reason.get("unreached");
    assert!(unreached.is_none_or(|&n| n <= 3), "{:?}", run.stats);
}

#[test]
fn nil_is_stored_where_no_field_is() {
    // Nil always, sometimes, and a metatable that gets `__newindex` midway.
    let program = |change: &str| {
        format!(
            "local meta, seen = {{}}, {{}}
             local function make(i)
               local t = setmetatable({{ at = i }}, meta)
               t.never = nil
               if i % 3 == 0 then t.some = i end
               t.next = i % 2 == 0 and {{ i }} or nil
               t.last = i
               return t
             end
             local n = 0
             for i = 1, 3000 do
               if i == 1500 then {change} end
               local t = make(i)
               for k, v in next, t do n = n + #k end
               n = n + (t.next and t.next[1] or 1) + (t.some or 0)
             end
             return n, #seen"
        )
    };
    let quiet = same(&program(""));
    assert!(quiet.stats.exits < 40, "{:?}", quiet.stats);
    let change = "meta.__newindex = function(t, k, v) seen[#seen + 1] = k; rawset(t, k, v) end";
    same(&program(change));
}

#[test]
fn metamethods_of_metatables_that_one_function_makes() {
    // Each has closures of its own, with variables of their own.
    let run = same(
        "local function class(k)
           local C, reads, writes = {}, 0, 0
           local function new(x) return setmetatable({ x = x }, C) end
           C.__add = function(a, b) return new(a.x + b.x + k) end
           C.__unm = function(a) return new(-a.x) end
           C.__eq = function(a, b) return a.x % k == b.x % k end
           C.__lt = function(a, b) return a.x + k < b.x end
           C.__le = function(a, b) return a.x <= b.x + k end
           C.__len = function(a) return a.x * k end
           C.__call = function(a, y) return a.x + y * k end
           C.__index = function(t, key) reads = reads + k return reads end
           C.__newindex = function(t, key, v) writes = writes + v * k rawset(t, 'x', writes % 9) end
           return new
         end
         local news = { class(1), class(2), class(3) }
         local s = 0
         for i = 1, 900 do
           local new = news[i % 3 + 1]
           local a, b = new(i % 7), new(i % 5)
           local c = a + b + -a
           s = s + c.x + #a + a(i % 4) + a.missing
           if a == b then s = s + 1 end
           if a < b then s = s + 2 end
           if a <= b then s = s + 4 end
           a.other = i % 3
           s = s + a.x
         end
         for i = 1, 60 do
           -- More of them than are told apart.
           local new = class(i)
           for j = 1, 10 do s = s + #(new(j) + new(i)) + new(j).missing end
         end
         return s",
    );
    assert!(!run.optimized.is_empty());
}
