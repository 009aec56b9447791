-- Manual 2.4: metatables and metamethods: operators.

local function show(v)
  if type(v) == "table" then return rawget(v, "name") or "table" end
  return tostring(v)
end

print("-- every operator, operands in order")
local mt = {}
local function T(name) return setmetatable({ name = name }, mt) end
for _, event in ipairs { "add", "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr", "concat" } do
  mt["__" .. event] = function(a, b) return event .. "(" .. show(a) .. "," .. show(b) .. ")" end
end
for _, event in ipairs { "unm", "bnot", "len" } do
  mt["__" .. event] = function(a, b) return event .. "(" .. show(a) .. ") " .. tostring(rawequal(a, b)) end
end
local a, b = T "a", T "b"
print(a + b, a - b, a * b, a / b, a % b, a ^ b, a // b)
print(a & b, a | b, a ~ b, a << b, a >> b, a .. b)
print(-a, ~a)
print((#a):match("^len%(a%)"))
print(a + 1, 1 + a, a - 2.5, "x" - a, nil == a, a .. 1, 1 .. a, "s" .. a, a .. nil)
print(a & 1, 1 & a, a | "x", 1.5 ~ a, a << 1.5, 3 >> a)
print(1 .. a .. 2)
print(a + true, nil + a, print == a, {} .. a)
print(2 // a, 2 % a, 2 ^ a, a % 2, a // 2, a ^ 2, a / 2, 2 / a, 100000 + a, a - 100000)

print("-- the left operand's metamethod wins")
local left = setmetatable({}, { __add = function() return "left" end, __concat = function() return "cl" end })
local right = setmetatable({}, { __add = function() return "right" end, __concat = function() return "cr" end })
print(left + right, right + left, 1 + right, left + 1, left .. right, "x" .. right, right .. "x")
local none = setmetatable({}, {})
print(none + right, right + none, pcall(function() return none + none end))

print("-- results are adjusted to one value")
local multi = setmetatable({}, { __add = function() return 1, 2, 3 end, __unm = function() end, __index = function() return 4, 5 end })
print(multi + 1, (multi + 1), -multi, multi.x)
print(select("#", multi + 1), select("#", -multi), select("#", multi.x))

print("-- bitwise operators convert floats; strings would need metamethods")
print(3.0 & 1, 2.0 | 1, 16 << 1.0, ~0.0)
print(pcall(function() return "3" & 1 end))
local strings = getmetatable("")
strings.__band = function(p, q) return math.tointeger(tonumber(p)) & math.tointeger(tonumber(q)) end
print("7" & 5, 6 & "0x3", "3" & "1")
strings.__band = nil
print(pcall(function() return 1 & {} end))
print(pcall(function() return 1.5 & 1 end))

print("-- comparison")
local cmp = {
  __lt = function(x, y) io.write("lt ") return (x.v or x) < (y.v or y) end,
  __le = function(x, y) io.write("le ") return (x.v or x) <= (y.v or y) end,
  __eq = function(x, y) io.write("eq ") return x.v == y.v end,
}
local function C(v) return setmetatable({ v = v }, cmp) end
local one, two, uno = C(1), C(2), C(1)
print(one < two, one > two, one <= two, one >= two)
print(one == uno, one ~= uno, one == two, one ~= two, one == one)
print(rawequal(one, uno), one == 1, one ~= "x")
cmp.__lt = function(x, y)
  local xv = type(x) == "table" and x.v or x
  local yv = type(y) == "table" and y.v or y
  return xv < yv
end
print(one < 5, 5 < one, 0 < one, one > 0)
print(pcall(function() return one <= 1 end))
cmp.__eq = function() return nil end
print(one == uno)
cmp.__eq = function() return 0 end
print(one == two)
cmp.__lt = function() return "truthy" end
print(one < two, not (one < two))
print(pcall(function() return {} < one end))
local plain = setmetatable({}, {})
print(pcall(function() return plain < plain end))
local half = setmetatable({}, { __eq = function() return true end })
print(half == setmetatable({}, {}), setmetatable({}, {}) == half, half == {})

print("-- len")
print(#setmetatable({ 1, 2 }, { __len = function(t) return rawlen(t) * 10 end }))
print(#setmetatable({}, { __len = function() return "any" end }))
print(rawlen(setmetatable({ 1, 2 }, { __len = function() return 5 end })), #"string")

print("-- call")
local callable = setmetatable({}, { __call = function(self, ...) return self ~= nil, select("#", ...), ... end })
print(callable())
print(callable(1, nil, nil))
print(pcall(callable, "via pcall"))
print(select(2, callable(table.unpack({}, 1, 5))))
local nested = setmetatable({}, { __call = callable })
print(select("#", nested("x")), (nested("x")))
print(pcall(setmetatable({}, { __call = 5 })))
local function tail(n) if n == 0 then return callable("end") end return tail(n - 1) end
print(tail(1000))
local methods = { run = callable }
print(select(2, methods:run("arg")) == 2, select(3, methods:run("arg")) == methods, (select(4, methods:run("arg"))))
for x in setmetatable({}, { __call = function(_, _, c) c = (c or 0) + 1 if c < 4 then return c end end }) do io.write(x, " ") end
print()
print(pcall(table.sort, { 3, 1, 2 }, setmetatable({}, { __call = function(_, x, y) return x < y end })))
print(("abc"):gsub("%w", setmetatable({}, { __index = { b = "B" } })))

print("-- concatenation is right associative and batches around metamethods")
local log = {}
local cat = setmetatable({}, { __concat = function(x, y)
  log[#log + 1] = (type(x) == "table" and "T" or x) .. "|" .. (type(y) == "table" and "T" or y)
  return "r"
end })
print("a" .. "b" .. cat .. "c" .. "d", table.concat(log, "  "))
log = {}
print(cat .. "x" .. "y" .. cat, table.concat(log, "  "))
log = {}
print(1 .. 2 .. cat, table.concat(log, "  "))

print("-- metatable access")
print(getmetatable({}), getmetatable("x").__index == string, getmetatable(1))
local protected = setmetatable({}, { __metatable = "locked" })
print(getmetatable(protected), pcall(setmetatable, protected, {}))
print(pcall(setmetatable, protected, nil))
print(getmetatable(setmetatable({}, { __metatable = false })))
local x = setmetatable({}, mt)
print(setmetatable(x, nil) == x, getmetatable(x))
print(rawget(setmetatable({}, { __index = { k = 1 } }), "k"), rawset(x, "k", 2) == x, x.k)
print(debug.getmetatable(protected).__metatable, debug.setmetatable(10, { __index = function(n, k) return k .. n end }) == 10)
print((5).abc, (2.5).x, (7)[1])
debug.setmetatable(10, { __call = function(n, m) return n * m end, __len = function(n) return -n end })
print((6)(7), #5)
debug.setmetatable(10, nil)
print(pcall(function() return (5).abc end))
debug.setmetatable(nil, { __index = function(_, k) return "nil." .. k end })
print(undefined.field, (nil).x)
debug.setmetatable(nil, nil)
print(pcall(function() return undefined.field end))
debug.setmetatable(print, { __index = { name = "function!" }, __concat = function(f, g) return "composed" end })
print(print.name, print .. print, (function() end).name)
debug.setmetatable(print, nil)
debug.setmetatable(true, { __tostring = function(v) return v and "yes" or "no" end, __unm = function(v) return not v end })
print(tostring(true), tostring(false), -true)
debug.setmetatable(true, nil)

print("-- metamethods added, changed and removed later")
local late = {}
local lmt = {}
setmetatable(late, lmt)
print(pcall(function() return late + 1 end))
lmt.__add = function() return "added" end
print(late + 1)
lmt.__add = function() return "changed" end
print(late + 1)
lmt.__add = nil
print(pcall(function() return late + 1 end))
rawset(lmt, "__index", { q = 1 })
print(late.q)
lmt.__index = nil
print(late.q)
for i = 1, 3 do
  lmt.__len = i == 2 and function() return "mm" end or nil
  io.write(tostring(#late), " ")
end
print()

print("-- an inherited metamethod does not count: the look-up is raw")
local base = { __add = function() return "inherited" end }
local derived = setmetatable({}, setmetatable({}, { __index = base }))
print(pcall(function() return derived + 1 end))

print("-- a class with operators")
local Vec = {}
Vec.__index = Vec
Vec.__eq = function(p, q) return p.x == q.x and p.y == q.y end
Vec.__add = function(p, q) return Vec.new(p.x + q.x, p.y + q.y) end
Vec.__mul = function(p, q)
  if type(p) == "number" then p, q = q, p end
  return Vec.new(p.x * q, p.y * q)
end
Vec.__unm = function(p) return Vec.new(-p.x, -p.y) end
Vec.__lt = function(p, q) return p:norm() < q:norm() end
Vec.__le = function(p, q) return p:norm() <= q:norm() end
Vec.__tostring = function(p) return "(" .. p.x .. "," .. p.y .. ")" end
Vec.__len = function() return 2 end
Vec.__call = function(p, k) return p[k] end
function Vec.new(px, py) return setmetatable({ x = px, y = py }, Vec) end
function Vec:norm() return self.x * self.x + self.y * self.y end
local p, q = Vec.new(1, 2), Vec.new(3, 4)
print(tostring(p + q), tostring(p * 3), tostring(3 * p), tostring(-p), #p, p "x")
print(p < q, p <= q, p > q, p >= q, p == Vec.new(1, 2), p ~= q)
local sum = Vec.new(0, 0)
for i = 1, 1000 do sum = sum + Vec.new(i, -i) * 2 end
print(tostring(sum))
