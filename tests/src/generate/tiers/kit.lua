-- What each run of a program has of its own: classes, functions, variables.
-- The chunk is called for them, and is interpreted; its functions may be compiled.
local meta, slow = P.meta, P.slow
local Point = { name = "Point" }
Point.__index = Point
function Point.new(x, y) return setmetatable({ x = x, y = y }, Point) end
function Point:len() return self.x * self.x + self.y * self.y end
function Point:move(dx) self.x = self.x + dx return self end
Point.__add = function(p, q) return Point.new(p.x + q.x, p.y + q.y) end
Point.__eq = function(p, q) return p.x == q.x end
Point.__lt = function(p, q) return p.x < q.x end
local Sub = setmetatable({ name = "Sub" }, { __index = Point })
Sub.__index = Sub
function Sub.new(x, y) local o = setmetatable(Point.new(x, y), Sub) o.z = 1 return o end
function Sub:len() return Point.len(self) + self.z end
local function anew(x)
  local C = { name = "Fresh" } C.__index = C
  function C:len() return self.x + 1 end
  function C:move(dx) self.x = self.x + dx return self end
  C.__add = function(p, d) return anew(p.x + d.x) end
  C.__sub = function(p, d) return type(d) == "number" and p.x - d or d end
  C.__unm = function(p) return p.x end
  C.__eq = function(p, d) return p.x == d.x end
  C.__lt = function(p, d) return p.x < d.x end
  return setmetatable({ x = x, y = 2 }, C)
end
local function id(...) return ... end
local function sum(...) local n = 0 for k = 1, select("#", ...) do n = n + (select(k, ...)) end return n end
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local function each(list, g) for n = 1, #list do g(list[n], n) end end
local function counter(c) return function(d) c = c + d return c end, function() return c end end
local i, j, k, n, s = 3, 2.5, -7, 1, "text"
local t, u, w = { 1, 2, 3, x = 4 }, setmetatable({ 5, 6 }, meta), setmetatable({ z = 1 }, slow)
local a, b, c, fs, G = { 1, 2, 3, 4, 5 }, { 0.5, 1.5, 2.5 }, { 10, 20, 30 }, {}, { field = 1 }
local o, q = Point.new(1, 2), Point.new(3, 4.5)
local f = function(x, y) return y, x end
local g1, g2 = counter(0)
local co1 = coroutine.wrap(function() local x = 0 while true do x = x + 1 coroutine.yield(x) end end)
return Point, Sub, anew, id, sum, fib, each, counter, i, j, k, n, s, t, u, w, a, b, c, fs, G, o, q, f, g1, g2, co1
