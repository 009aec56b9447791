-- Manual 3.2 and 3.3.7: variables, local declarations, attributes.

print("-- uninitialised locals and globals are nil")
local a, b, c = 1
print(a, b, c, some_global)
local d <const>, e <const> = 10, 20
print(d, e, d + e)

print("-- a local starts after its declaration")
local x = 1
do
  local x = x + 1
  local x = x + 1
  print(x)
end
print(x)
local function f() return f ~= nil end
local g = function() return g end
print(f(), g())

print("-- fields: v.name is v['name']")
local t = { name = 1, ["with space"] = 2, [1] = 3, nested = { deep = { er = "x" } } }
print(t.name, t["name"], t["with space"], t[1], t.nested.deep.er, t["nested"]["deep"]["er"])
t.nested.deep.er = nil
t.nested["deep"].new = 5
print(next(t.nested.deep))
t[t] = t
print(t[t][t][t].name)

print("-- constants")
local K <const> = 5
local S <const>, B <const>, N <const>, F <const> = "str", true, nil, 2.5
print(K, S, B, N, F, K + 1, -K, K .. S, not B, K // 2, K & 3, F * 2)
local function use() return K, S, B, N, F end
print(use())
local tt = { [K] = S, [S] = K }
print(tt[5], tt.str)
for i = K, K + 2 do io.write(i, " ") end
print()
if B then print("constant condition") end
if N then print("never") else print("always") end
local T <const> = { 1 }
T[1] = 2
print(T[1])
for _, text in ipairs {
  "local x <const> = 1; x = 2",
  "local x <const>; x = 2",
  "local x <const> = 1; function f() x = 2 end",
  "local x <const> = 1; function x() end",
  "local a, x <const> = 1, 2; a, x = 3, 4",
  "local x <close> = nil; x = 1",
  "local x <unknown> = 1",
  "local x <const = 1",
  "local a <close>, b <close> = nil, nil",
  "local x <const> = 1; local x = 2; x = 3; return x",
  "local x <const> = 1; do local x; x = 2 end; x = 5",
  "local x <const> = 1; for x = 1, 2 do x = x + 1 end",
} do
  local chunk, problem = load(text, "=s")
  print(chunk and "accepted" or problem)
end

print("-- limits")
local names = {}
for i = 1, 200 do names[i] = "v" .. i end
print(load("local " .. table.concat(names, ", ") .. " return v200", "=s") ~= nil)
local many = table.concat(names, ", ")
print(load("local " .. many .. "\nlocal one_more", "=s"))
print(load("local function f()\nlocal " .. many .. ", q\nend", "=s"))
local ups = {}
for i = 1, 254 do ups[i] = "u" .. i end
local function upvalues(n)
  local decl, uses = {}, {}
  for i = 1, n do uses[i] = "u" .. i end
  for i = 1, n, 100 do
    decl[#decl + 1] = "local " .. table.concat(uses, ", ", i, math.min(i + 99, n)) .. " = " .. (("1,"):rep(100)):sub(1, -2)
    decl[#decl + 1] = "local function level" .. i .. "()"
  end
  decl[#decl + 1] = "return function() return " .. table.concat(uses, " + ") .. " end"
  for i = 1, n, 100 do decl[#decl + 1] = "end return level" .. math.max(1, (n - 1) // 100 * 100 + 1 - (i - 1)) .. "()" end
  return table.concat(decl, "\n")
end
print(load(upvalues(150), "=s")()())
print(load(upvalues(255), "=s")()())
print((select(2, load(upvalues(256), "=s"))))

print("-- shadowing")
local s = "outer"
do local s = "inner"; print(s) end
print(s)
for s = 1, 1 do print(s) end
local function p(s) local s = s .. "!" return s end
print(p("param"), s)
local v, v, v = 1, 2, 3
print(v)
local function dup(q, q) return q end
print(dup(1, 2))

print("-- locals captured by closures are variables, not values")
local n = 0
local function inc() n = n + 1 return n end
inc() inc()
n = n + 10
print(inc(), n)
local fs = {}
for i = 1, 3 do
  local j = i * 10
  fs[i] = function() j = j + 1 return i, j end
end
print(fs[1](), select(2, fs[1]()), (fs[3]()))
print(select(2, fs[2]()), select(2, fs[1]()))
local whiles = {}
local k = 1
while k <= 3 do
  local captured = k
  whiles[k] = function() return captured end
  k = k + 1
end
print(whiles[1](), whiles[2](), whiles[3]())
local function shared()
  local state = 0
  return function(m) state = m end, function() return state end
end
local set1, get1 = shared()
local set2, get2 = shared()
set1(5) set2(7)
print(get1(), get2())
local function three()
  local z = 1
  return function() return function() z = z * 2 return z end end
end
local mid = three()
local in1, in2 = mid(), mid()
print(in1(), in2(), in1())
local function params(arg, ...)
  local first = ...
  return function() arg = arg + first return arg end
end
local pf = params(1, 10)
print(pf(), pf())
local gl = {}
do
  local i = 1
  ::top::
  local fresh = i
  gl[i] = function() fresh = fresh + 100 return fresh end
  i = i + 1
  if i <= 3 then goto top end
end
print(gl[1](), gl[1](), gl[2](), gl[3]())
local r = {}
repeat
  local until_local = #r + 1
  r[until_local] = function() return until_local end
until until_local >= 3
print(r[1](), r[3](), #r)

print("-- global functions, fields and methods as declarations")
function gfun(y) return y and gfun() or "gfun" end
print(gfun(1))
gfun = nil
local obj = { inner = { most = {} } }
function obj.f(q) return q end
function obj.inner.most.g() return "g" end
function obj.inner.most:m(q) return self == obj.inner.most, q end
function obj:self() return self == obj end
print(obj.f(1), obj.inner.most.g(), obj.inner.most:m(2), obj:self())
local function rec(q) return q == 0 and 0 or q + rec(q - 1) end
print(rec(100))
