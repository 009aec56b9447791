-- Manual 3.4.10 to 3.4.12: function calls, definitions, lists of expressions.

print("-- forms of calls")
local function id(...) return ... end
local obj = { v = 1, f = id, nested = { g = id } }
function obj:m(...) return self.v, ... end
print(id(1), id "s", id [[l]], #id { 1, 2 }, obj.f(2), obj["f"](3), obj.nested.g(4), obj:m(5))
print(id(id)(6), (id)(7), ("x"):rep(2), #("abc"):rep(3), obj:m "str", (obj:m { 8 }))
print(("%s"):format "z", ({ id })[1](9), (function(a) return a end)(10))
local chained = {}
function chained:add(x) self[#self + 1] = x return self end
print(#chained:add(1):add(2):add(3), table.concat(chained, ","))

print("-- arguments are evaluated in order, once, before the call")
local order = {}
local function n(v) order[#order + 1] = v return v end
n(1)
id(n(2), n(3), id(n(4), n(5)))
local o = { [n(6)] = id }
o[n(6)](n(7))
local recv = function() n "receiver" return obj end
recv():m(n "argument")
print(table.concat(order, " "))

print("-- adjustment of arguments and results")
local function two(a, b) return a, b end
local function three() return 1, 2, 3 end
print(two(1)) print(two(1, 2, 3)) print(two()) print(two(three())) print(two(three(), 10)) print(two(10, three())) print(two((three())))
print(three(), three()) print((three())) print(three(), (three())) print(#{ three(), three() })
local function none() end
print(none()) print((none())) print(none(), 1) print(1, none()) print(select("#", none(), none())) print(#{ none(), none() }, #{ none() })
print(type(none) .. tostring((none())))
print(pcall(type, none()))
local a, b, c, d = three(), three()
print(a, b, c, d)
if none() then print "never" elseif three() then print "first value counts" end
print(three() + 1, none() == nil, ({ three() })[3])

print("-- varargs")
local function count(...) return select("#", ...) end
print(count(), count(nil), count(nil, nil), count(1, nil, nil), count(three()), count((three())), count(none()))
local function first(...) local x = ... return x end
local function rest(_, ...) return ... end
print(first(), first(1, 2), first(nil, 2), rest(1, 2, 3), (rest(1, 2, 3)))
local function pass(...) return id(...) end
local function mid(...) return "a", ..., "z" end
print(pass(1, nil, 3)) print(mid(1, 2)) print(mid()) print((...) == nil, count(...))
local function tbl(...) local t = { ..., n = select("#", ...) } return #t, t.n, t[1] end
print(tbl(1, 2, 3)) print(tbl())
local function fixed(p, q, ...) return p, q, count(...), ... end
print(fixed(1)) print(fixed(1, 2)) print(fixed(1, 2, 3, nil))
local function capture(...) local x, y = ... return function() return x, y end end
print(capture(1, 2, 3)())
print(load("local f = function(...) return function() return ... end end", "=s"))
print(load("local function f() return ... end", "=s"))
print(load("return ...", "=s")("main", "varargs"))
local big = {}
for i = 1, 250 do big[i] = i end
print(count(table.unpack(big)), (select(250, table.unpack(big))), select(-1, table.unpack(big)))
for i = 251, 5000 do big[i] = i end
print(count(table.unpack(big)), (select(4999, pass(table.unpack(big)))), #{ pass(table.unpack(big)) }, math.max(table.unpack(big)))
print(select(2, "a", "b", "c"), select(-2, "a", "b", "c")) print(select("#"), select(5, 1), select("2", 1, 2))
print(pcall(select, 0)) print(pcall(select, -2, 1)) print(pcall(select)) print(pcall(select, "x"))
local function recursive_sum(x, ...) if not x then return 0 end return x + recursive_sum(...) end
print(recursive_sum(table.unpack(big, 1, 100)))
local function arg_is_local(...) local n = 0 for i, v in ipairs { ... } do n = n + v end return n, ... end
print(arg_is_local(1, 2, 3))
print(table.pack(...).n, table.pack(nil, nil).n, table.pack().n)
print(string.format("%s %s", (function(...) return ... end)("x", "y")))

print("-- changing parameters doesn't touch the caller")
local function change(p, t) p = p + 1 t.x = p t = nil return p end
local tt = {}
local pp = 1
print(change(pp, tt), pp, tt.x)
local function vchange(...) local x, y = ... x, y = y, x return x, y, ... end
print(vchange(1, 2))

print("-- methods and fields")
local Class = {}
Class.__index = Class
function Class.new(v) return setmetatable({ value = v }, Class) end
function Class:get() return self.value end
function Class:set(v) self.value = v return self end
Class.static = function(x) return x * 2 end
local inst = Class.new(5)
print(inst:get(), inst:set(6):get(), Class.get(inst), inst.get(inst), Class.static(4))
print(pcall(inst.get)) print(pcall(function() inst.get() end)) print(pcall(function() inst:nope() end))
local method = inst.get
print(method(inst))
print(("x"):len(), (5 .. ""):rep(2), #("a"):rep(10, ","))
local s = "text"
print(s:sub(2, 3), s:byte(), s:upper():lower():len())

print("-- recursion")
local function fact(x) if x <= 1 then return 1 end return x * fact(x - 1) end
print(fact(20), fact(21), fact(25.0))
local function ack(m, x) if m == 0 then return x + 1 elseif x == 0 then return ack(m - 1, 1) end return ack(m - 1, ack(m, x - 1)) end
print(ack(2, 5))
local even, odd
function even(x) if x == 0 then return true end return odd(x - 1) end
function odd(x) if x == 0 then return false end return even(x - 1) end
print(even(100001), odd(7))
local function depth(x) if x == 0 then return 0 end return 1 + depth(x - 1) end
print(depth(15000))
local Y = function(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end
print(Y(function(self) return function(x) return x == 0 and 1 or x * self(x - 1) end end)(10))

print("-- tail calls use no stack")
local function loop(x, acc) if x == 0 then return acc end return loop(x - 1, acc + x) end
print(loop(1000000, 0))
local function tail_va(x, ...) if x == 0 then return select("#", ...), ... end return tail_va(x - 1, ...) end
print(tail_va(100000, "a", nil, "c", nil))
local mo = {}
function mo:step(x) if x == 0 then return self.name end return self:step(x - 1) end
mo.name = "method tail"
print(mo:step(100000))
local co = coroutine.wrap(function() return loop(100000, 1) end)
print(co())
local function through(f, ...) return f(...) end
print(through(pcall, through, pcall, error, "tail error"))
print(pcall(function() return error("in a tail call", 0) end))
local states = {}
states.a = function(x) if x == 0 then return "stopped in a" end return states.b(x - 1) end
states.b = function(x) if x == 0 then return "stopped in b" end return states.c(x - 1) end
states.c = function(x) if x == 0 then return "stopped in c" end return states.a(x - 1) end
print(states.a(100000))
local grow
function grow(x, ...) if x == 0 then return select("#", ...) end return grow(x - 1, x, ...) end
print(grow(200))

print("-- function values")
print(id == id, id == function(...) return ... end, (function() end) ~= (function() end))
local t = { id, function() return "anonymous" end, print = function() return "named" end }
print(t[1](1), t[2](), t.print())
local function compose(f, g) return function(...) return f(g(...)) end end
print(compose(function(x) return x * 2 end, function(x, y) return x + y end)(3, 4))
local function curry(f, x) return function(...) return f(x, ...) end end
print(curry(curry(two, "c1"), "c2")())
local counters = {}
for i = 1, 3 do local c = 0 counters[i] = { inc = function() c = c + i return c end, get = function() return c end } end
counters[1].inc() counters[2].inc() counters[2].inc()
print(counters[1].get(), counters[2].get(), counters[3].get())

print("-- what can't be called")
print(pcall(function() local x = 5 x() end))
print(pcall(function() undefinedfunction() end))
print(pcall(function() local x = {} x.y.z() end))
print(pcall(function() local x = {} x.y() end)) print(pcall(function() ("s")() end)) print(pcall(nil))
