//! Tier 2 from outside: optimized code does what the interpreter does, where
//! the ways of leaving it are odd. Each program runs interpreted, and compiled
//! with results of the queue handed over at once; optimized code must have
//! been made, and left where the test says so.

#[cfg(feature = "llvm")]
use crate::optimized::improved;
use crate::optimized::{at_once, same, traced, traced_when};
#[cfg(feature = "llvm")]
use strata::stress::{Delivery, StressModes};

use std::sync::{Arc, Mutex};
use std::time::Duration;
use strata::engine::JitMode;
use strata_profiler::{Event, Sink, Stages, Stats};

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
fn library_calls_without_a_frame() {
    let run = same(
        "local out, stack = {}, {}
         local function half(x) return math.floor(x / 2) end
         local function letter(s, i) return s:sub(i, i) end
         local function code(s, i) return s:byte(i) end
         local function kind(x)
           local k = type(x)
           if k == 'table' then return 1 elseif k == 'number' then return 2
           elseif k == 'function' then return 3 elseif k == 'boolean' then return 4
           elseif k == 'nil' then return 5 end
           return 6
         end
         local values = { 1, 2.5, 'x', {}, print, kind, true, coroutine.create(print) }
         local sum, numbers = 0, { 1, 2.5, -3, -4.5 }
         for i = 1, 3000 do
           table.insert(stack, half(i))
           if i % 3 == 0 then sum = sum + table.remove(stack) end
           sum = sum + kind(values[i % 9 + 1]) + code('hello', i % 5 + 1)
           local s = letter('hello', i % 7) .. i .. ':' .. i / 4 .. string.char(i % 26 + 97)
           out[i % 10 + 1] = s .. tostring(i) .. tostring(nil) .. (tonumber(' 7 ') + i)
           out[12] = #s + rawlen(stack) + rawget(stack, 1) + math.tointeger(3.0)
           local x = numbers[i % 4 + 1]
           sum = sum + math.floor(x) + math.ceil(x) + math.abs(x) + math.max(x, numbers[1])
           out[11] = ('ab'):rep(i % 3):upper() .. ('CD'):rep(i % 2):lower() .. 7.5 % i .. i % 3.0
           local a, b, c = assert(i, 'message')
           sum = sum + a + #b + (assert(getmetatable('x')).__index == string and 1 or 0)
           if c or getmetatable(out) then sum = 0 end
         end
         return sum, #stack, out[12], table.concat(out, ' ', 1, 11)",
    );
    // Each way that is gone for the first time leaves the code once or so.
    let new = run.stats.exits_by_reason.get("unreached").copied();
    let others = run.stats.exits - new.unwrap_or(0);
    assert!(others < 60, "{:?}", run.stats);
}

#[test]
fn library_calls_that_turn_out_otherwise() {
    let run = same(
        "local meta = setmetatable({}, {
           __newindex = function(t, k, v) rawset(t, k, v and v * 2) end,
           __len = function() return 4 end, __index = function(_, k) return k end,
           __concat = function(a, b) return 'joined' end,
           __tostring = function() return 'named' end, __name = 'Thing' })
         local function insert(t, v) table.insert(t, v) return #t end
         local function join(a, b) return a .. b end
         local function text(v) return tostring(v) end
         local function sub(s, i) return s:sub(i, i + 1) end
         local out = {}
         local plain = {}
         for i = 1, 3000 do
           local odd = i % 500 == 0
           out[1] = insert(odd and meta or plain, i)
           out[2] = join('a', odd and meta or i)
           out[3] = text(odd and meta or i)
           out[4] = sub(odd and 12345 or 'hello', odd and '2' or 3)
           if odd then
             out[5] = (out[5] or '') .. out[1] .. out[2] .. out[3] .. out[4]
             out[6] = select(2, pcall(sub, {}, 1)) .. select(2, pcall(insert, 7, 8))
             out[7] = select(2, pcall(join, 'x', nil)) .. tostring(rawget(meta, 5))
           end
         end
         local sin, saved = 0, math.sin
         for i = 1, 2000 do
           if i == 1500 then math.sin = function() return 100 end end
           sin = sin + math.sin(i)
         end
         math.sin = saved
         return sin > 40000, #plain, table.concat(out, ' ')",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn iteration_over_tables() {
    same(
        "local sum, n = 0, 0
         local t = { 1, 2.5, 'x', a = 4, b = 5 }
         for i = 1, 40 do t['k' .. i] = i; t[i * 100] = i end
         local ints, floats, holes = { 1, 2, 3 }, { 0.5, 1.5 }, { 1, 'a', nil, 4 }
         local late = { 1, 2 }; late[4] = 4; late[3] = 3
         local odd = setmetatable({ 1, 2 }, { __index = function(_, k)
           if k < 6 then return k end end })
         local made = setmetatable({}, { __pairs = function()
           return function(_, k) k = (k or 0) + 1; if k < 4 then return k, k end end end })
         for round = 1, 300 do
           for k, v in pairs(t) do n = n + 1; sum = sum + (tonumber(v) or 7) end
           for _, list in ipairs({ ints, floats, holes, late, odd }) do
             for i, v in ipairs(list) do sum = sum + i * (tonumber(v) or 3) end
           end
           local small = { x = 1, y = 2, 3, 4 }
           for k in pairs(small) do small[k] = nil; n = n + 1 end
           if next(small) then n = n + 1000 end
           local fs = {}
           for k, v in pairs({ 10, 20, 30 }) do fs[k] = function() v = v + 1; return k * v end end
           sum = sum + fs[1]() + fs[2]() + fs[3]()
           if round % 50 == 0 then
             for k, v in pairs(made) do sum = sum + k * v end
             for i, v in ipairs(odd) do if i == 4 then break end; sum = sum + v end
             for i, v in ipairs(t) do t[i + 3] = i < 8 and v or nil; sum = sum + i end
           end
         end
         return sum, n",
    );
}

#[test]
fn a_traversal_goes_on_where_it_was() {
    // The position is kept whichever tier goes on, and where it is unknown the
    // key is looked up.
    let run = same(
        "local t = {}
         for i = 1, 200 do t['k' .. i] = i end
         local seen, changes = 0, 0
         for round = 1, 60 do
           local n = 0
           for k, v in pairs(t) do
             n = n + 1
             if v == round and round % 20 == 0 then
               changes = changes + (round < 40 and 1 or 'x' == k and 2 or 0.5)
             end
           end
           seen = seen * 3 % 1000007 + n
         end
         local function from(k)
           local n = 0
           for _, v in next, t, k do n = n + v end
           return n
         end
         local last
         for k in pairs(t) do last = last or k end
         for i = 1, 200 do seen = seen + from(last) % 7 end
         local ok, e = pcall(from, 'none')
         return seen, changes, ok, e",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn extra_arguments() {
    same(
        "local function sum(...)
           local s = 0
           for i = 1, select('#', ...) do s = s + (select(i, ...) or 1) end
           local a, b, c = ...
           return s + (a or 0) * (b or 2) + (c or 3)
         end
         local function pack(...) return { ... } end
         local function after(a, ...) return { a, 'x', ..., n = select('#', ...) }, { a, ... } end
         local function forward(f, ...) return f(...) end
         local function count(...) return select('#', ...) end
         local n = 0
         for i = 1, 1500 do
           local t = pack(i, nil, i * 0.5)
           local u, w = after(i, 2, 3, nil, 5)
           n = n + sum(i, 2, nil, 4) + sum() + u.n + #u + #w
           n = n + forward(count, i, i, nil) + count(table.unpack(u)) + forward(sum, i)
           if i % 500 == 0 then
             local big = {}
             for k = 1, 400 do big[k] = k end
             n = n + count(table.unpack(big)) + #forward(pack, table.unpack(big))
             n = n + count(pcall(function(...) return (select(-9, ...)) end, 1, 2))
             n = n + select('#', select(2, pcall(function(...) return (select(0, ...)) end, 1)))
             n = n + count(table.unpack(setmetatable({}, { __len = function() return 3 end })))
           end
         end
         local co = coroutine.wrap(function(...)
           local n = 0
           for i = 1, 900 do
             n = n + count(...) + #{ ... } + count(table.unpack({ ... }))
             if i % 300 == 0 then coroutine.yield(n) end
           end
         end)
         return n, co(1, 2, 3), co(), co()",
    );
}

#[test]
fn keys_that_are_no_elements() {
    same(
        "local words, order = {}, {}
         local log = {}
         local strict = setmetatable({}, {
           __index = function(_, k) return 'no ' .. tostring(k) end,
           __newindex = function(t, k, v) log[#log + 1] = k; rawset(t, k, v) end })
         local class = {}
         class.__index = class
         local object = setmetatable({}, class)
         local function get(t, k) return t[k] end
         local function set(t, k, v) t[k] = v end
         local n = 0
         for i = 1, 3000 do
           local k = 'k' .. i * 7919 % 97
           if words[k] then words[k] = words[k] + 1 else words[k] = 1; order[#order + 1] = k end
           set(words, i % 5 + 0.5, i)
           set(words, i % 3 == 0, i)
           n = n + get(words, k) + (get(words, i % 7 + 0.5) or 1)
           if i % 300 == 0 then
             set(strict, k, i)
             n = n + #get(strict, i) + (get(strict, k) or 0)
             set(class, 'm' .. i, i)
             n = n + get(object, 'm' .. i)
             set(class, '__len', function() return i end)
             n = n + #object
             set(words, k, nil)
             local _, e = pcall(set, words, nil, 1)
             local _, e2 = pcall(set, words, 0 / 0, 1)
             local _, e3 = pcall(get, nil, 'x')
             log[#log + 1] = e .. e2 .. e3
           end
         end
         local sum = 0
         for i, k in ipairs(order) do sum = sum + i * (words[k] or 0) end
         return n, sum, #order, table.concat(log, ' ')",
    );
}

#[test]
fn lists_grow_and_shrink_at_their_end() {
    let run = same(
        "local insert, remove = table.insert, table.remove
         local ints, floats, mixed, any = {}, {}, {}, {}
         local holes = { 1, 'a', nil, nil, 5 }
         local hashed = { [10] = 1 }
         local function push(t, v) insert(t, v) return #t end
         local n = 0
         for i = 1, 2500 do
           insert(ints, i)
           insert(floats, i + 0.5)
           insert(mixed, 'm' .. i)
           n = n + push(any, i % 3 == 0 and i or i % 3 == 1 and 'x' or i / 2) % 7
           if i % 2 == 0 then
             n = n + remove(ints) + remove(floats) + #remove(mixed)
             n = n + (tonumber(remove(any)) or 1)
           end
           if i % 400 == 0 then
             insert(holes, 6)
             while #holes > 0 do n = n + (tonumber(remove(holes)) or 2) end
             n = n + (remove(holes) == nil and 1 or 0)
             for k = 1, 12 do insert(hashed, k) end
             for k = 1, 12 do n = n + (remove(hashed) or 3) end
             insert(ints, nil); insert(ints, 'odd'); n = n + #remove(ints)
             while #mixed > 0 do n = n + #remove(mixed) end
             while #ints > 0 do n = n + remove(ints) end
             n = n + select('#', remove(ints)) + select('#', insert(ints, 1))
           end
         end
         return n, #ints, #floats, #mixed, #any, #holes, #hashed",
    );
    assert!(run.stats.exits < 100, "{:?}", run.stats);
}

#[test]
fn single_characters() {
    same(
        "local function at(s, i) return s:sub(i, i) end
         local out, n = {}, 0
         for i = 1, 3000 do
           local s = 'hello' .. i
           if i % 100 == 0 then s = ('x'):rep(300) .. i .. s end
           local c = at(s, i % 9 - 2)
           if c == 'l' then n = n + 1 elseif c == '' then n = n + 10 end
           n = n + #at(s, #s) + (s:byte(i % 7 + 1) or 0) + s:byte(-1) + (s:byte(0) or 3)
           out[i % 20 + 1] = c
         end
         return n, table.concat(out)",
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
    let took = |stages: &Stages| -> Vec<&str> {
        let there_were = stages.each().filter(|&(_, time)| time > 0.0);
        there_were.map(|(stage, _)| stage).collect()
    };
    // By Cranelift first, then by LLVM.
    assert_eq!(took(stages), ["snapshot", "ir", "cranelift", "link"]);
    let by_llvm = |e: &Event| {
        matches!(e, Event::Optimized { stages, .. }
        if took(stages) == ["snapshot", "ir", "llvm", "codegen", "link"])
    };
    let there = events.iter().filter(of_sum).any(by_llvm);
    assert_eq!(there, cfg!(feature = "llvm"));
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

/// Guesses that fail again and again are given up: what is known is tried then,
/// and the rest takes steps.
#[test]
fn fields_of_shapes_that_come_and_go() {
    let run = same(
        "
        local log = setmetatable({}, {
          __index = function(_, k) return #k end,
          __newindex = function(t, k, v) rawset(t, k .. k, v) end })
        local makers = {
          function(i) return { x = i, y = 2 } end,
          function(i) return { y = 2, x = i } end,
          function(i) return { z = 1, x = i + 0.5, y = 3 } end,
          function(i) local t = {} for k = 1, 40 do t['k' .. k] = k end t.x, t.y = i, 1 return t end,
          function(i) return setmetatable({ y = i }, { __index = { x = 7 } }) end,
          function(i) return { y = i, x = i % 2 == 0 and i or nil } end,
          function(i) return log end,
        }
        local function get(p) return (p.x or 1) + p.y end
        local function set(p, v) p.x = v return p end
        local function call(p) return p:size() end
        local sum = 0
        for round = 1, 4 do
          for n, make in ipairs(makers) do
            for i = 1, 60 do
              local p = make(i)
              p.size = n == 4 and get or function(p) return p.y * 2 end
              sum = sum + get(p)
              sum = sum + get(set(p, n % 3 == 0 and i / 2 or i)) + call(p)
            end
          end
          for _, odd in ipairs { 'text', 5, false } do
            sum = sum + (select(2, pcall(get, odd)):find('index') or 0)
            sum = sum + (select(2, pcall(set, odd, 1)):find('index') or 0)
          end
        end
        return string.format('%.10g', sum), log.xx",
    );
    assert!(run.stats.tiers[&2].recompiles > 0, "{:?}", run.stats.tiers);
}

#[test]
fn operands_of_all_kinds_in_turn() {
    let run = same(
        "
        local ops = {
          function(a, b) return a + b end, function(a, b) return a - b end,
          function(a, b) return a * b end, function(a, b) return a / b end,
          function(a, b) return a // b end, function(a, b) return a % b end,
          function(a, b) return a ^ b end, function(a, b) return a & b end,
          function(a, b) return a << b end, function(a) return -a end,
          function(a) return ~a end, function(a) return a + 1 end,
          function(a) return a // 3 end, function(a) return 2 - a end,
        }
        local meta = setmetatable({}, {
          __add = function() return 'add' end, __idiv = function() return 'idiv' end,
          __unm = function() return 'unm' end, __band = function() return 'band' end })
        local values = { { 7, 2 }, { 7.5, 2 }, { 3, 0.25 }, { 1, 0 }, { '10', 2 }, { 5, '0x3' },
          { math.mininteger, -1 }, { meta, 1 }, { 2, meta }, { 1, 0.0 }, { {}, 1 }, { 2^53, 64 } }
        local out = {}
        for round = 1, 3 do
          for _, pair in ipairs(values) do
            for n, op in ipairs(ops) do
              local last
              for _ = 1, 40 do
                local ok, v = pcall(op, pair[1], pair[2])
                last = tostring(ok) .. ' ' .. (math.type(v) == 'float' and string.format('%.17g', v)
                  or tostring(v))
              end
              out[#out + 1] = n .. ' ' .. last
            end
          end
        end
        return table.concat(out, '; ')",
    );
    assert!(run.stats.tiers[&2].recompiles > 0, "{:?}", run.stats.tiers);
}

#[test]
#[cfg(feature = "llvm")]
fn code_of_llvm_takes_the_place_of_code_that_runs() {
    let source = "local s = 0
        for i = 1, 400000 do s = s + i % 7 end
        return s";
    for best in [1, 200_000] {
        let events = Events::default();
        let modes = StressModes {
            queue: Delivery::Delay(20),
            ..StressModes::default()
        };
        let run = improved(source, best, &modes, Box::new(events.clone()));
        assert_eq!(run.end, "1200003");
        replaced(&events);
    }
    // Not so hot that LLVM is asked.
    let events = Events::default();
    improved(source, 100_000_000, &at_once(), Box::new(events.clone()));
    let events = events.0.lock().unwrap();
    let by_llvm =
        |e: &Event| matches!(e, Event::Optimized { stages, .. } if stages.cranelift == 0.0);
    assert!(!events.iter().any(by_llvm));
}

/// LLVM is asked for a loop eight times later if code of its function is there: what
/// calls the function again runs that.
#[test]
#[cfg(feature = "llvm")]
fn llvm_is_asked_later_for_loops_of_compiled_functions() {
    const BEST: u32 = 400_000;
    // `f`, too long to be inlined, waits in its loop while others call it so often.
    let body = "s = (s + i % 7) % 1000 ".repeat(6);
    let source = |rounds: u32, calls: u32| {
        format!(
            "local others
             local function f(n, stop)
               local s = 0
               for i = 1, n do
                 {body}
                 if i == stop then s = s + others() end
               end
               return s
             end
             function others() local s = 0 for _ = 1, {calls} do s = s + f(9, 0) end return s end
             return f({rounds}, 500)"
        )
    };
    // Whether LLVM was asked for a loop of `f`, and whether all of `f` was optimized.
    let asked = |rounds: u32, calls: u32| {
        let events = Events::default();
        let text = source(rounds, calls);
        let run = improved(&text, BEST, &at_once(), Box::new(events.clone()));
        let right = traced(&text, JitMode::Off, &at_once(), Box::new(Events::default()));
        assert_eq!(run.end, right.end);
        let events = events.0.lock().unwrap();
        let of_f = |e: &&Event| e.func().is_some_and(|f| f.name == "f");
        let all = events.iter().filter(of_f).filter_map(|e| match e {
            Event::Optimized { pc, stages, .. } => Some((pc.is_some(), stages.cranelift == 0.0)),
            _ => None,
        });
        let all: Vec<_> = all.collect();
        assert!(all.contains(&(true, false)), "{all:?}");
        (all.contains(&(true, true)), all.iter().any(|o| !o.0))
    };
    // An iteration is some 27 instructions: this is a few times as many as LLVM is asked
    // after, and ten times that.
    let (few, many) = (BEST / 9, BEST);
    assert_eq!(asked(few, 0), (true, false));
    assert_eq!(asked(few, 300), (false, true));
    assert_eq!(asked(many, 300), (true, true));
}

#[cfg(feature = "llvm")]
fn replaced(events: &Events) {
    let events = events.0.lock().unwrap();
    let stages = events.iter().filter_map(|e| match e {
        Event::Optimized { stages, .. } if stages.cranelift > 0.0 => Some("cranelift"),
        Event::Optimized { .. } => Some("llvm"),
        Event::OsrEntry { .. } => Some("entered"),
        _ => None,
    });
    // Once by tier 1, and then by each of the others.
    let mut told: Vec<&str> = stages.collect();
    told.dedup();
    let expected = ["entered", "cranelift", "entered", "llvm", "entered"];
    assert_eq!(told, expected);
}

#[test]
fn ends_of_loops_leave_no_native_frames() {
    // The inner loop is optimized before the outer one is hot, and comes to its end
    // again and again: a native frame left for each time would be more than 7 MB of stack.
    let source = "local n = 0
        for i = 1, 60000 do
          for j = 1, i == 1 and 400000 or 3 do n = n + j end
        end
        return n";
    let silent = Box::new(Events::default());
    let run = traced_when(source, JitMode::Full, &at_once(), 500_000, silent);
    assert_eq!(run.end, (80_000_200_000_u64 + 59_999 * 6).to_string());
    assert_eq!(run.stats.unwound, 0);
    assert!(run.stats.osr_entries >= 10_000, "{}", run.stats.osr_entries);
}
