-- Manual 2.6: coroutines; yields across everything Lua code can stand between.

local yield, resume, create, wrap, status = coroutine.yield, coroutine.resume, coroutine.create, coroutine.wrap, coroutine.status

print("-- the example of the manual")
local function foo(a)
  print("foo", a)
  return yield(2 * a)
end
local co = create(function(a, b)
  print("co-body", a, b)
  local r = foo(a + 1)
  print("co-body", r)
  local r2, s = yield(a + b, a - b)
  print("co-body", r2, s)
  return b, "end"
end)
print("main", resume(co, 1, 10))
print("main", resume(co, "r"))
print("main", resume(co, "x", "y"))
print("main", resume(co, "x", "y"))

print("-- values in, values out")
co = create(function(...) while true do print("got", select("#", ...), ...) return yield(...) end end)
print(resume(co, nil, nil))
print(resume(co, 1, nil, 3))
co = wrap(function() for i = 1, 3 do yield(i, i * i) end end)
print(co()) print(co()) print(co())
print(select("#", co()))
print(pcall(co))
local many = {}
for i = 1, 200 do many[i] = i end
print(select("#", resume(create(function(...) return yield(...) end), table.unpack(many))))

print("-- generators")
local function permutations(a, n)
  n = n or #a
  if n <= 1 then yield(a) else
    for i = 1, n do
      a[n], a[i] = a[i], a[n]
      permutations(a, n - 1)
      a[n], a[i] = a[i], a[n]
    end
  end
end
for p in wrap(function() permutations { "a", "b", "c" } end) do io.write(table.concat(p), " ") end
print()
local function filter(p, g) return wrap(function() while true do local n = g() if n % p ~= 0 then yield(n) end end end) end
local function count() return wrap(function() local n = 1 while true do n = n + 1 yield(n) end end) end
local x = count()
for _ = 1, 15 do local n = x() io.write(n, " ") x = filter(n, x) end
print()

print("-- yield across pcall, xpcall, nested")
co = create(function()
  print(pcall(function() yield("in pcall") error("after", 0) end))
  print(pcall(pcall, function() return yield("nested") end))
  print(xpcall(function(a) local v = yield("in xpcall") return a, v end, print, "arg"))
  print(xpcall(function() yield("before error") error("E", 0) end, function(m) return "handled " .. m end))
  return "done"
end)
local input = 0
while status(co) ~= "dead" do input = input + 1 print("->", resume(co, input)) end

print("-- yield across metamethods")
local mt = {}
local ops = setmetatable({}, mt)
for _, e in ipairs { "add", "sub", "mul", "div", "mod", "pow", "idiv", "unm", "band", "bor", "bxor", "shl", "shr",
  "bnot", "concat", "len", "eq", "lt", "le", "index", "call" } do
  mt["__" .. e] = function() return yield(e) end
end
mt.__newindex = function(_, k, v) yield("newindex " .. k .. "=" .. v) end
local other = setmetatable({}, mt)
co = wrap(function()
  local r = { ops + 1, ops - 1, ops * 1, ops / 1, ops % 1, ops ^ 1, ops // 1, -ops, ops & 1, ops | 1, ops ~ 1, ops << 1, ops >> 1, ~ops,
    ops .. "x", #ops, ops == other, ops < other, ops <= other, ops.field, ops(1) }
  ops.key = "value"
  if ops < other then r[#r + 1] = "lt true" end
  if not (ops <= other) then r[#r + 1] = "le false" end
  if ops ~= other then r[#r + 1] = "ne" else r[#r + 1] = "eq" end
  while ops > other do r[#r + 1] = "gt" end
  local s = "a" .. "b" .. ops .. "c" .. "d"
  r[#r + 1] = s
  return r
end)
local v = co()
local n = 0
while type(v) == "string" do
  io.write(v, " ")
  n = n + 1
  local answer = n
  if v == "lt" or v == "le" or v == "eq" then answer = n % 2 == 0 end
  v = co(answer)
end
print()
for i = 1, #v do v[i] = tostring(v[i]) end
print(table.concat(v, " "))

print("-- yield in iterators and __close")
co = wrap(function()
  for i in function(_, c) c = c or 0 yield("iterating " .. c) if c < 2 then return c + 1 end end do yield("body " .. i) end
  do
    local c <close> = setmetatable({}, { __close = function() yield("closing 1") yield("closing 2") end })
    yield("block")
  end
  local function f()
    local c <close> = setmetatable({}, { __close = function(_, e) yield("closing f " .. tostring(e)) end })
    return "f1", "f2"
  end
  print("returned", f())
  print(pcall(function()
    local c <close> = setmetatable({}, { __close = function(_, e) yield("closing after " .. e) end })
    error("err", 0)
  end))
  for _ in nil == 1 or next, {}, nil, setmetatable({}, { __close = function() yield("for closed") end }) do end
  local s = ("abc"):gsub("b", function(c) return c:upper() end)
  return s
end)
repeat local r = co() print(r) until r == "aBc"

print("-- deep recursion in a coroutine")
co = wrap(function()
  local function rec(k) if k == 0 then yield("bottom") return 0 end return 1 + rec(k - 1) end
  return rec(5000)
end)
print(co()) print(co())
print(select(2, resume(create(function() local function r() return 1 + r() end return r() end))):find("stack overflow") ~= nil)
co = wrap(function() local function loop(k) if k == 0 then return "tail" end return loop(k - 1) end return loop(100000) end)
print(co())

print("-- coroutines in coroutines")
local function nest(k)
  if k == 0 then yield("inner") return "leaf" end
  local c = wrap(nest)
  local r = c(k - 1)
  yield(r .. k)
  return c() .. k
end
co = wrap(nest)
print(co(5)) print(co())
local outer
outer = create(function()
  local inner = create(function() print(status(outer), coroutine.running() ~= outer) yield() end)
  resume(inner)
  print(status(inner))
end)
resume(outer)
print(status(outer))

print("-- what can't be yielded across, or outside")
print(pcall(yield))
print(coroutine.isyieldable(), select(2, coroutine.running()))
print(wrap(function() return coroutine.isyieldable(), select(2, coroutine.running()) end)())
print(resume(create(function() table.sort({ 3, 2, 1 }, function() yield() end) end)))
print(resume(create(function() return ("x"):gsub("x", function() yield() end) end)))
print(resume(create(function() return load(function() yield() end) end)))
print(resume(create(function() return coroutine.isyieldable() end)))

print("-- wrong uses")
co = create(function() return resume(co) end)
print(resume(co))
print(resume(co))
print(pcall(resume, 1))
print(pcall(create, 1))
print(pcall(wrap))
print(pcall(status, {}))
local self
self = wrap(function() return pcall(self) end)
print(self())
print(resume(coroutine.running()))

print("-- errors")
co = create(function() local n; n() end)
print(resume(co))
print(status(co), resume(co))
co = wrap(function() error({ code = 1 }) end)
print(select(2, pcall(co)).code)
co = wrap(function() error("with position") end)
print(pcall(co))
print(pcall(co))
co = wrap(function() yield() error("second", 0) end)
co()
print(pcall(co))

print("-- many at once, shared upvalues, abandoned ones")
local threads, total = {}, 0
for i = 1, 2000 do
  threads[i] = wrap(function(a) while true do total = total + a a = yield(total) end end)
end
for round = 1, 3 do for i = 1, 2000 do threads[i](round) end end
print(total)
threads = nil
collectgarbage()
local shared = 0
local a, b = wrap(function()
  while true do shared = shared + 1 yield() end
end), wrap(function()
  while true do shared = shared * 2 yield() end
end)
for _ = 1, 5 do a() b() end
print(shared)
local function counter()
  local c = 0
  local w = wrap(function() while true do c = c + 1 yield(c) end end)
  return w, function() return c end
end
local w, get = counter()
w() w()
print(get())
