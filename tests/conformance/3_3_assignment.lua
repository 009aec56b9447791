-- Manual 3.3.3: assignment; 3.3.6: calls as statements.

print("-- lists are adjusted to the number of variables")
local a, b, c = 1, 2, 3, 4
print(a, b, c)
a, b, c = 1
print(a, b, c)
local function three() return "x", "y", "z" end
a, b, c = three()
print(a, b, c)
a, b, c = 0, three()
print(a, b, c)
a, b, c = three(), 0
print(a, b, c)
a, b, c = (three())
print(a, b, c)
a, b, c = three(), three()
print(a, b, c)
a, b, c = (function() end)()
print(a, b, c)
local function va(...) local p, q, r = ... return p, q, r end
print(va(1)) print(va(1, 2, 3, 4)) print(va())
local function va2(...) local p, q = 0, ... return p, q end
print(va2(1, 2))

print("-- all expressions are evaluated before the assignment")
local x, y = 1, 2
x, y = y, x
print(x, y)
x, y = x + y, x - y
print(x, y)
local i = 3
local t = {}
i, t[i] = i + 1, 20
print(i, t[3], t[4])
t = { 1, 2, 3 }
t[1], t[2], t[3] = t[3], t[1], t[2]
print(t[1], t[2], t[3])
i = 1
i, t[i], t[i + 1] = 2, "first", "second"
print(i, t[1], t[2])
do
  local p = { q = 1 }
  local old = p
  p, p.q = { q = "new table" }, "in the old one"
  print(p.q, old.q)
  p.q, p = 5, nil
  print(p)
end
do
  local k, tt = "a", { a = 1, b = 2 }
  k, tt[k] = "b", "via a"
  print(k, tt.a, tt.b)
  local m = { 10, 20, 30 }
  local j = 1
  j, m[j], j = 5, "one", 6
  print(m[1], m[5], m[6])
end

print("-- the order of evaluation of calls on the right is left to right")
local order = {}
local function note(v) order[#order + 1] = v return v end
local o = {}
o[note "k1"], o[note "k2"] = note "v1", note "v2"
table.sort(order)
print(table.concat(order, " "), o.k1, o.k2)
local r = { note(1), note(2), [note(3)] = note(4) }
print(r[1], r[2], r[3])

print("-- upvalues and globals in multiple assignment")
local u1, u2 = 1, 2
local function swap() u1, u2 = u2, u1 end
swap()
print(u1, u2)
g1, g2 = "g1", "g2"
g1, g2 = g2, g1
print(g1, g2)
g1, u1, o.f = g2, g1, u1
print(g1, u1, o.f)
g1, g2 = nil

print("-- metamethods see assignments one by one")
local log = {}
local mt = { __newindex = function(_, k, v) log[#log + 1] = k .. "=" .. tostring(v) end }
local m1, m2 = setmetatable({}, mt), setmetatable({}, mt)
m1.a, m2.b, m1.c = 1, 2
table.sort(log)
print(table.concat(log, " "))

print("-- many targets")
local parts, values = {}, {}
for n = 1, 100 do parts[n] = "t[" .. n .. "]"; values[n] = tostring(n * n) end
local chunk = load("local t = ... " .. table.concat(parts, ",") .. " = " .. table.concat(values, ",") .. " return t")
local big = chunk {}
print(big[1], big[50], big[100], #big)
for n = 1, 100 do parts[n] = "a" .. n end
chunk = load("local " .. table.concat(parts, ",") .. " = ... ; " ..
  table.concat(parts, ",") .. " = " .. "a100," .. table.concat(parts, ",", 1, 99) .. " return a1, a2, a100")
print(chunk(table.unpack(values)))

print("-- syntax")
for _, text in ipairs { "f() = 1", "a, f() = 1, 2", "(a) = 1", "(a).b = 1", "a.b:c() = 1", "a.b:c().d = 1", "1 = a", "a + b = 1",
  "a.b.c", "a", "a.1 = 2", "a[1]", "a, b", "local a.b = 1", "local function a.b() end", "a = ", "a, = 1", "'x'.y = 1", "('x').y = 1",
  "{}.x = 1", "... = 1", "nil = 1", "a = b = c", "a:b = 1", "f{}", "f'x'", "f[[x]]", "(f)()", "a.b['c']:d 'x' {}" } do
  local f, e = load(text, "=s")
  print(f and "accepted" or e)
end

print("-- call statements")
local calls = 0
local function call(...) calls = calls + select("#", ...) return call end
call(1)(2)(3, 4)
call "a" { 1 } [[b]]
local obj = { call = function(self, ...) calls = calls + 1 return self end }
obj:call():call(1, 2):call "x"
print(calls);
(function() calls = -1 end)()
print(calls)
local f = call
(call)(f)
print(calls)

print("-- ambiguity: a call may start on the next line")
local g = function(v) return function(w) return (v or "none") .. (w or "") end end
local res = g
("arg")
print(type(res), res("!"))

print("-- self assignment and deep paths")
local deep = { a = { b = { c = { d = 1 } } } }
deep.a.b.c.d = deep.a.b.c.d + 1
deep.a.b.c.e, deep.a.b.c.d = deep.a.b.c.d, "d"
print(deep.a.b.c.d, deep.a.b.c.e)
local self = {}
self.self = self
self.self.self.v = 5
print(self.v)
t = { n = 0 }
t.n, t.n = 1, 2
print(t.n == 1 or t.n == 2)
