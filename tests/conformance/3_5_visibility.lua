-- Manual 3.5: visibility rules; also closures over loops, blocks and recursion.

print("-- the example of the manual")
x = 10
do
  local x = x
  print(x)
  x = x + 1
  do
    local x = x + 1
    print(x)
  end
  print(x)
end
print(x)
x = nil

print("-- each execution of a local statement makes a new variable")
local a = {}
local shared = 20
for i = 1, 10 do
  local y = 0
  a[i] = function() y = y + 1 return shared + y end
end
print(a[1](), a[1](), a[2](), a[10]())
shared = 100
print(a[1](), a[2]())

print("-- scopes end with their block")
do local inner = 1 end
print(inner)
for i = 1, 1 do local in_for = i end
print(i, in_for)
while true do local in_while = 1 break end
print(in_while)
if true then local in_if = 1 else local in_else = 2 end
print(in_if, in_else)
repeat local in_repeat = true until in_repeat
print(in_repeat)
local function f() local in_function = 1 return in_function end
f()
print(in_function)

print("-- upvalues: levels, sharing, writing")
local v = 1
local function l1()
  local function l2()
    local function l3()
      v = v + 1
      return v
    end
    return l3
  end
  return l2
end
print(l1()()(), l1()()(), v)
local function bank(balance)
  local log = {}
  local function note(s) log[#log + 1] = s end
  return {
    deposit = function(n) balance = balance + n note("+" .. n) return balance end,
    withdraw = function(n)
      if n > balance then note("!" .. n) return nil, "insufficient" end
      balance = balance - n note("-" .. n) return balance
    end,
    statement = function() return table.concat(log, " ") end,
  }
end
local acc1, acc2 = bank(100), bank(0)
acc1.deposit(50) acc1.withdraw(30) acc1.withdraw(500) acc2.deposit(1)
print(acc1.statement(), acc1.deposit(0), acc2.statement(), acc2.deposit(0))

print("-- an open upvalue is the variable itself")
do
  local n = 0
  local function inc() n = n + 1 end
  local function get() return n end
  inc() n = n + 10 inc()
  print(n, get())
  local co = coroutine.wrap(function() n = n * 2 coroutine.yield(n) n = n + 1 return n end)
  print(co(), n) n = 50 print(co(), get())
end
do
  local t = {}
  for i = 1, 3 do
    local c
    t[i] = { set = function(x) c = x end, get = function() return c end }
    c = "init" .. i
  end
  t[2].set("changed")
  print(t[1].get(), t[2].get(), t[3].get())
end
local function outer()
  local p, q = 1, 2
  local function swap() p, q = q, p end
  swap()
  return p, q, function() swap() return p, q end
end
local p, q, again = outer()
print(p, q) print(again()) print(again())

print("-- parameters and the self of methods are captured too")
local function adder(n) return function(m) n = n + m return n end end
local add = adder(10)
print(add(1), add(1), adder(10)(1))
local C = { k = 5 }
function C:make() return function() self.k = self.k + 1 return self.k end end
local cm = C:make()
print(cm(), cm(), C.k)
local function va(...) local args = { ... } return function(i) args[i] = args[i] * 2 return args[i] end end
local vf = va(1, 2)
print(vf(1), vf(1), vf(2))

print("-- local function sees itself; local f = function does not")
local function fact(n) return n == 0 and 1 or n * fact(n - 1) end
local saved = fact
fact = function() return 1000 end
print(saved(3))
local function rec() return rec end
print(rec() == rec)
local g = function() return g end
print(g())
do local h; h = function(n) if n > 0 then return h(n - 1) end return "h" end print(h(3)) end

print("-- closures survive their frames")
local function stack()
  local items, n = {}, 0
  return function(i) n = n + 1 items[n] = i end, function() local i = items[n] items[n] = nil n = n - 1 return i end
end
local push, pop = stack()
for i = 1, 100 do push(i) end
collectgarbage()
local s = 0
for _ = 1, 100 do s = s + pop() end
print(s)
local chain = function() return 0 end
for i = 1, 100 do local prev = chain chain = function() return prev() + i end end
collectgarbage()
print(chain())

print("-- upvalue identity through debug")
local u1, u2 = 1, 2
local function f1() return u1, u2 end
local function f2() return u2, u1 end
print(debug.upvalueid(f1, 1) == debug.upvalueid(f2, 2), debug.upvalueid(f1, 1) == debug.upvalueid(f1, 2))
debug.upvaluejoin(f1, 1, f2, 1)
print(f1())
print(debug.getupvalue(f2, 1), debug.getupvalue(f2, 2), debug.getupvalue(f2, 3))
print(debug.setupvalue(f2, 1, "set"), u2, f1())

print("-- many closures over one frame, some registers captured and some not")
local function mixed(n)
  local c1, plain1, c2, plain2 = n, n * 2, n * 3, n * 4
  local function bump() c1 = c1 + 1 c2 = c2 + c1 end
  for i = 1, 5 do plain1 = plain1 + c1 bump() plain2 = plain2 + c2 - i end
  return c1, plain1, c2, plain2
end
print(mixed(1)) print(mixed(2.5))
local fs = {}
for i = 1, 3 do
  for j = 1, 3 do
    local k = i * j
    fs[#fs + 1] = function() k = k + 1 return i .. j .. k end
  end
end
local out = {}
for i, fn in ipairs(fs) do fn() out[i] = fn() end
print(table.concat(out, " "))
