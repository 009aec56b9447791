-- Manual 2.4: the __index and __newindex events, inheritance, __pairs.

print("-- __index as a table, a chain, a function")
local base = { color = "red", size = 1 }
local t = setmetatable({ size = 2 }, { __index = base })
print(t.color, t.size, t.missing, rawget(t, "color"))
base.color = "blue"
print(t.color)
t.color = "own"
print(t.color, base.color)
t.color = nil
print(t.color)
local chain = { depth0 = 0 }
for i = 1, 50 do chain = setmetatable({ ["depth" .. i] = i }, { __index = chain }) end
print(chain.depth50, chain.depth25, chain.depth0, chain.depth51)
local calls = 0
local f = setmetatable({}, { __index = function(self, k) calls = calls + 1 return k, "second" end })
print(f.a, f[1], f[1.5], f[true], calls)
print(f[print] == print, f[f] == f)
print(pcall(function() return setmetatable({}, { __index = 5 }).x end))
print(setmetatable({}, { __index = "str" }).len == string.len)

print("-- integer keys beyond the border")
local default = setmetatable({ 10, 20 }, { __index = function(_, i) return i * 100 end })
print(default[1], default[2], default[3], default[0], default[-1], #default)
default[3] = 30
print(default[3], #default)
default[2] = nil
print(default[2])

print("-- memoize")
local fib
fib = setmetatable({ [0] = 0, 1 }, { __index = function(memo, n)
  local v = memo[n - 1] + memo[n - 2]
  memo[n] = v
  return v
end })
print(fib[80], rawget(fib, 40))

print("-- __newindex as a function, a table, a chain")
local log = {}
local n = setmetatable({ present = 1 }, { __newindex = function(self, k, v)
  log[#log + 1] = tostring(k) .. "=" .. tostring(v)
  rawset(self, k, v)
end })
n.present = 2
n.absent = 3
n.absent = 4
n[1] = "one"
n[1] = "uno"
n.present = nil
n.present = 5
n.gone = nil
print(table.concat(log, " "), n.present, n.absent, n[1])
local store = {}
local proxy = setmetatable({}, { __newindex = store, __index = store })
proxy.a = 1
proxy[1] = "x"
print(rawget(proxy, "a"), store.a, proxy.a, store[1], proxy[1], #proxy, #store)
local inner = setmetatable({}, { __newindex = function(_, k, v) print("inner", k, v) end })
local outer = setmetatable({}, { __newindex = inner })
outer.k = "v"
print(pcall(function() setmetatable({}, { __newindex = 5 }).x = 1 end))
local ro = setmetatable({}, { __newindex = function(_, k) error("read-only field " .. tostring(k), 2) end })
print(pcall(function() ro.x = 1 end))
print(pcall(rawset, ro, "x", 1), ro.x)
print(pcall(function() ro.x = 2 end), ro.x)

print("-- loops are detected")
local a, b = {}, {}
setmetatable(a, { __index = b, __newindex = b })
setmetatable(b, { __index = a, __newindex = a })
print(pcall(function() return a.x end))
print(pcall(function() a.x = 1 end))

print("-- nil and NaN keys reach the metamethod on reading, not writing past it")
local any = setmetatable({}, { __index = function(_, k) return k == nil and "nil key" or "nan key" end,
  __newindex = function(_, k, v) print("newindex", k, v) end })
print(any[nil], any[0 / 0])
any[nil] = 1
any[0 / 0 ~= 0 / 0 and "nan" or 0] = 2
print(pcall(function() setmetatable({}, { __newindex = {} })[nil] = 1 end))

print("-- classes, single inheritance, super calls")
local Account = { balance = 0 }
Account.__index = Account
function Account:new(o)
  o = o or {}
  setmetatable(o, self)
  self.__index = self
  return o
end
function Account:deposit(v) self.balance = self.balance + v return self end
function Account:withdraw(v)
  if v > self.balance then error("insufficient funds", 2) end
  self.balance = self.balance - v
  return self
end
local Special = Account:new { limit = 100 }
function Special:withdraw(v)
  if v - self.balance > self.limit then error("over the limit", 2) end
  self.balance = self.balance - v
  return self
end
local s = Special:new { name = "s" }
print(s:deposit(50):withdraw(120).balance, s.limit, rawget(s, "limit"), Account.balance)
print(pcall(function() s:withdraw(100) end))
print(pcall(function() Account:new():withdraw(1) end))
s.deposit = function(self, v) return Account.deposit(self, v * 2) end
print(s:deposit(10).balance)

print("-- multiple inheritance through a function")
local function class(...)
  local parents = { ... }
  local c = {}
  c.__index = c
  setmetatable(c, { __index = function(t, k)
    for i = 1, #parents do
      local v = parents[i][k]
      if v ~= nil then t[k] = v return v end
    end
  end })
  function c:new(o) return setmetatable(o or {}, c) end
  return c
end
local Named = { getname = function(self) return self.name end }
local NA = class(Account, Named)
local na = NA:new { name = "Paul" }
print(na:getname(), na:deposit(5).balance, rawget(NA, "getname") == Named.getname)

print("-- methods change under cached call sites")
local Shape = {}
Shape.__index = Shape
function Shape:area() return "v1" end
local function area(o) return o:area() end
local o = setmetatable({}, Shape)
for i = 1, 6 do
  if i == 3 then function Shape:area() return "v2" end end
  if i == 4 then o.area = function() return "own" end end
  if i == 5 then o.area = nil end
  if i == 6 then setmetatable(o, { __index = { area = function() return "v3" end } }) end
  io.write(area(o), " ")
end
print()
local shapes = {}
for i = 1, 12 do
  local c = { ["pad" .. i] = true }
  c.__index = c
  c.area = function(self) return i * self.side end
  shapes[i] = setmetatable({ side = i, ["x" .. i % 5] = 0 }, c)
end
local total = 0
for _ = 1, 10 do for i = 1, 12 do total = total + area(shapes[i]) end end
print(total)

print("-- fields of many objects made alike, then changed")
local objects = {}
for i = 1, 10 do objects[i] = { x = i, y = i * 2 } end
objects[3].z = "extra"
objects[5].x = nil
objects[5].w = "new"
objects[7].y = "now a string"
objects[8].x = 1.5
local parts = {}
for i = 1, 10 do
  local ob = objects[i]
  parts[i] = tostring(ob.x) .. "/" .. tostring(ob.y) .. "/" .. tostring(ob.z or ob.w)
end
print(table.concat(parts, " "))
objects[5].x = "back"
local keys = {}
for k in pairs(objects[5]) do keys[#keys + 1] = k end
table.sort(keys)
print(table.concat(keys, " "), objects[5].x)

print("-- __pairs")
local pp = setmetatable({}, { __pairs = function(tt)
  return function(_, k) k = (k or 0) + 1 if k <= 3 then return k, k * k end end, tt, nil
end })
for k, v in pairs(pp) do io.write(k, "=", v, " ") end
print()
print(select("#", pairs(setmetatable({}, { __pairs = function() return 1, 2, 3, 4, 5 end }))))
print(pairs(setmetatable({}, { __pairs = function() end })))

print("-- ipairs respects __index, next does not")
for i, v in ipairs(setmetatable({ 1, 2 }, { __index = function(_, i) if i < 6 then return i * 10 end end })) do io.write(i, "=", v, " ") end
print()
print(next(setmetatable({}, { __index = { 1, 2 } })))

print("-- library functions that respect metamethods")
local view = setmetatable({}, { __index = function(_, i) return i <= 3 and "v" .. i or nil end, __len = function() return 3 end })
print(table.concat(view, ","), table.unpack(view))
print(select("#", table.unpack(view)))
local sink = setmetatable({}, { __newindex = function(tt, k, v) rawset(tt, k, v .. "!") end })
table.insert(sink, "a")
table.move({ "p", "q" }, 1, 2, 2, sink)
print(table.concat(sink, " "))
