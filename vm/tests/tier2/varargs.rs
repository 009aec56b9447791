//! Functions with extra arguments that optimized code has in place of their
//! calls. Each program runs in all ways that [`optimized`] knows.

use crate::optimized::{code_of, same};

/// Runs `source` in all ways; some calls are inlined.
fn inlined(source: &str) {
    let run = same(source);
    assert!(run.stats.inlined > 0, "{:?}", run.stats);
}

#[test]
fn extra_arguments_are_values() {
    let source = "local function sum(...)
           local total = 0
           for i = 1, select('#', ...) do total = total + (select(i, ...)) end
           return total
         end
         local function forward(f, ...) return f(...) end
         local function rotate(first, ...)
           if first == nil then return 0 end
           return first - forward(sum, ...)
         end
         local s = 0
         for i = 1, 600 do s = s + sum(i, 2, 3) + rotate(i, 1, 2, 3) + rotate(i) + sum() end
         return s";
    inlined(source);
    let listings = code_of(source).into_iter();
    let last = listings.filter_map(|l| l.passes.into_iter().next_back());
    let whole: Vec<String> = last.map(|(_, text)| text).collect();
    // The loop of the main function calls nothing.
    let calls = ["call_typed", "\n  call", "vararg_", "spread"];
    let plain = |text: &String| !calls.iter().any(|op| text.contains(op));
    assert!(whole.iter().any(plain), "{whole:?}");
}

#[test]
fn they_are_returned_and_stored() {
    inlined(
        "local function same(...) return ... end
         local function second(a, ...) local b, c = ... return c, b end
         local function pack(...) local t = {...} return t end
         local function between(a, ...) local t = {a, 'x', ...} return #t, t[3] end
         local s = 0
         for i = 1, 600 do
           local a, b, c = same(i, i + 1)
           local d, e = second(i, 2)
           local t = pack(i, nil, a)
           local n, x = between(i, c, b)
           s = s + a + b + (c or 1) + (d or 2) + e + t[1] + t[3] + #pack() + n + (x or 7)
           s = s + (same(i, 3)) + select('#', same(1, 2, nil))
         end
         return s",
    );
}

#[test]
fn left_in_the_midst_of_them() {
    // Types change, so that guards fail where extra arguments are yet to be used.
    inlined(
        "local function add(a, ...)
           local b, c = ...
           local s = a + b
           s = s + c
           return s, (select('#', ...))
         end
         local s = 0
         for i = 1, 900 do
           local x = i
           if i > 500 then x = i + 0.5 end
           if i > 700 then x = tostring(i) end
           local r, n = add(i, x, i, nil)
           s = s + r + n
         end
         return s",
    );
}

#[test]
fn others_look_at_them() {
    // Calls that are not inlined find the frames, and the extra arguments below.
    inlined(
        "local function look(level)
           local t = {}
           for k = 1, 5 do
             local name, v = debug.getlocal(level, -k)
             t[#t + 1] = name and tostring(v) or '-'
           end
           return table.concat(t, ' ')
         end
         local function shows(a, ...)
           local n = select('#', ...)
           local text = look(3)
           return text, n, ...
         end
         local function passes(...) return (shows(...)) end
         local seen, s = {}, 0
         for i = 1, 400 do
           local text, n, x = shows(i % 2, i % 3, 'b')
           seen[text] = true
           seen[passes('p', i % 2)] = true
           s = s + n + x
         end
         local all = {}
         for text in pairs(seen) do all[#all + 1] = text end
         table.sort(all)
         return s, table.concat(all, ';')",
    );
}

#[test]
fn errors_and_collections_below_them() {
    inlined(
        "local function check(ok, ...) if not ok then error((...), 0) end return ... end
         local function make(...) local t = {...} if #t == 3 then collectgarbage('step') end return t end
         local s = 0
         for i = 1, 600 do
           local ok, v = pcall(function(...) return check(i % 50 ~= 0, ...) end, i, {i})
           s = s + (ok and v or 1)
           local t = make({i}, {2}, i)
           s = s + t[1][1] + t[2][1] + t[3]
         end
         return s",
    );
}

#[test]
fn they_are_captured() {
    inlined(
        "local function bind(f, ...)
           local a, b = ...
           return function(x, ...) a = a + 1 return f(x, a, b, ...) end
         end
         local function count(x, ...) return select('#', ...) + x end
         local s = 0
         for i = 1, 600 do
           local g = bind(count, i, 2, 3)
           s = s + g(1) + g(2, nil) + g(3, 4, 5)
         end
         return s",
    );
}

#[test]
fn many_of_them() {
    same(
        "local function last(...) return (select(select('#', ...), ...)) end
         local s = 0
         for i = 1, 400 do
           s = s + last(1, 2, 3, 4, 5, 6, 7, 8, i) + last(1, 2, 3, 4, 5, i)
           s = s + last(table.unpack({i, 2, 3}))
         end
         return s",
    );
}
