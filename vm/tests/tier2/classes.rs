//! Tier 2 and classes that are made anew, each time the code that makes them runs:
//! what they have in common is compiled, once.

use crate::failed;
use crate::optimized::{Run, same};

/// Compiles of optimized code in a run.
fn compiles(run: &Run) -> u64 {
    run.stats.tiers.get(&2).map_or(0, |tier| tier.compiles)
}

/// A program in which `class` makes an object `o` and its class `C`, again and again;
/// `at` may change them (`k`: how many there were), and `using` them is hot.
fn classes(class: &str, using: &str, at: &str) -> String {
    format!(
        "local number = 0
         local function class() {class} end
         local function using(o, n) {using} end
         local s = 0
         for k = 1, 16 do
           number = k
           local o, C = class()
           {at}
           for n = 1, 60 do s = s + using(o, n) end
         end
         return s"
    )
}

/// The same with nothing that breaks: code is made a few times, and not left for each
/// class.
fn settles(class: &str, using: &str) {
    let run = same(&classes(class, using, ""));
    let (failed, compiles) = (failed(&run), compiles(&run));
    assert!(failed < 150, "{failed} exits: {using}, {:?}", run.stats);
    assert!(compiles < 24, "{compiles} compiles: {using}");
}

const POINT: &str = "
    local C = {}
    C.__index = C
    function C:sum(n) return self.x + self.y * n end
    function C:move(n) self.x = self.x + n % 3 return self end
    C.__add = function(a, b) return a.x + (type(b) == 'number' and b or b.y) end
    C.__sub = function(a, b) return (type(a) == 'number' and a or a.x) - b.y end
    C.__unm = function(a) return -a.x end
    C.__len = function(a) return a.y + 1 end
    C.__eq = function(a, b) return a.y == b.y end
    C.__lt = function(a, b) return a.x < b.x end
    C.__le = function(a, b) return a.x <= b.x end
    C.__call = function(a, n) return a.y + n end
    return setmetatable({ x = number, y = 2 }, C), C";

#[test]
fn fields() {
    settles(POINT, "return o.x + o.y");
    settles(POINT, "o.x = o.x % 7 + n return o.x");
    // Of fields that are added behind `setmetatable`.
    let added = "local C = {} C.__index = C
        local o = setmetatable({}, C) o.x = 1 o.y = number return o, C";
    settles(added, "o.y = o.y + o.x return o.y");
}

#[test]
fn fields_that_are_nil_now_and_then() {
    let nils = "local C = {} C.__index = C C.x = number
        return setmetatable({ x = 1, y = 2 }, C), C";
    settles(nils, "o.x = n % 3 ~= 0 and n or nil return o.x + o.y");
    let absent = "local C = {} C.__index = C
        return setmetatable({ x = 1, y = 2 }, C), C";
    settles(
        absent,
        "o.x = n % 3 ~= 0 and n or nil return o.x and 1 or o.y",
    );
    // What the metatable says counts.
    let function = "local C = {}
        C.__index = function(o, key) return key == 'x' and number or 5 end
        C.__newindex = function(o, key, v) rawset(o, key, v + 1000) end
        return setmetatable({ x = 1, y = 2 }, C), C";
    let using = "if n % 4 == 0 then o.x = nil end
        local s = o.x
        o.x = n
        return s + o.x";
    same(&classes(function, using, ""));
}

#[test]
fn methods() {
    settles(POINT, "return o:sum(n)");
    settles(POINT, "return o:move(n):move(1).x");
    let derived = "
        local Base = {} Base.__index = Base
        function Base:get() return self.x end
        local Middle = setmetatable({}, Base) Middle.__index = Middle
        function Middle:twice() return self:get() * 2 end
        local C = setmetatable({}, Middle) C.__index = C
        function C:all() return self:twice() + self:get() end
        return setmetatable({ x = number }, C), C, Base";
    settles(derived, "return o:all() + n");
}

#[test]
fn metamethods() {
    settles(POINT, "return (o + o) + (o + n) + (o - o) + (n - o)");
    settles(POINT, "return -o + #o + o(n)");
    let same = "o == setmetatable({ x = 1, y = n % 3 }, getmetatable(o))";
    let using = format!("return (o < o and 1 or 2) + (o <= o and 1 or 2) + ({same} and 1 or 2)");
    settles(POINT, &using);
}

#[test]
fn index_and_newindex_functions() {
    let proxy = "local target, reads, writes = { x = 1, y = number }, 0, 0
        local C = {
          __index = function(_, key) reads = reads + 1 return target[key] end,
          __newindex = function(_, key, v) writes = writes + 1 target[key] = v end,
        }
        return setmetatable({}, C), C";
    settles(proxy, "o.x = o.x + n return o.x + o.y");
}

#[test]
fn objects_are_made() {
    let make = "local C = {} C.__index = C
        function C.new(x) return setmetatable({ x = x, y = number }, C) end
        C.__add = function(a, b) return C.new(a.x + b.x) end
        return C.new(1), C";
    settles(make, "local p = o + o return (p + o).x + n");
}

#[test]
fn classes_change_in_the_midst_of_it() {
    let using = "if n == 75 then o.x = o.x + 1 end
        return o:sum(n) + (o + n) + (o - o) + #o + (o == o and 1 or 0)";
    // Each class is another one: what is changed in one says nothing about the next.
    let first = "if k == 5 then C.sum = function(o, n) return n end
        elseif k == 6 then C.sum = nil; o.sum = function(o, n) return -n end
        elseif k == 7 then C.__add = function(a, b) return 1 end
        elseif k == 8 then C.__index = { sum = function(o, n) return o.x end }
        elseif k == 9 then C.__index = function(o, key) return function() return 7 end end
        elseif k == 10 then o.z = 1
        elseif k == 11 then C.extra = 1
        elseif k == 12 then setmetatable(C, { __index = { extra = 1 } })
        elseif k == 13 then collectgarbage()
        elseif k == 14 then o = setmetatable({ y = 1, x = 2 }, C) end";
    let second = "if k == 6 or k == 9 then for m = 1, 40 do o['f' .. m] = m end
        elseif k == 7 then C.__gc = function() end o = setmetatable({ x = 1, y = 1 }, C)
        elseif k == 8 then C.__mode = 'k' o = setmetatable({ x = 1, y = 1 }, C)
        elseif k > 11 then
          C.__add = math.max
          pcall(using, o, 1)
          C.__add = function(a, b) return a.x end
        end";
    for at in [first, second] {
        same(&classes(POINT, using, at));
    }
}

#[test]
fn operands_that_are_something_else_now_and_then() {
    let at = "if k == 7 then o = setmetatable({ 1, 2, 3, x = 5, y = 6 }, C)
        elseif k == 9 then C.__sub = nil
        elseif k == 12 then debug.setmetatable(1, { __sub = function() return 3 end }) end";
    let using = "local ok, v = pcall(function() return (n - o) + (o + n) end)
        return ok and v or 1";
    let source = classes(POINT, using, at);
    same(&source.replace("return s", "debug.setmetatable(1, nil) return s"));
}

#[test]
fn metatables_are_exchanged_while_code_runs() {
    // The same object, whose class is another one from round to round.
    same(
        "local function class(k)
           local C = {} C.__index = C
           function C:get() return self.x + k end
           C.__add = function(a, b) return a.x * k + b end
           return C
         end
         local cs = {}
         for k = 1, 12 do cs[k] = class(k) end
         local function step(o, n)
           setmetatable(o, cs[n % 12 + 1])
           local s = o:get() + (o + n)
           if n % 50 == 0 then setmetatable(o, nil) o.x = o.x + 1 setmetatable(o, cs[1]) end
           return s + o.x
         end
         local o, s = { x = 1 }, 0
         for n = 1, 3000 do s = s + step(o, n) end
         return s",
    );
}

#[test]
fn a_metatable_for_each_object() {
    let source = "
        local function make(x)
          return setmetatable({ x = x }, { __index = { y = x }, __unm = function(o) return o.x end })
        end
        local function use(o) return o.x + o.y + -o end
        local s = 0
        for n = 1, 3000 do s = s + use(make(n)) end
        return s";
    same(source);
}
