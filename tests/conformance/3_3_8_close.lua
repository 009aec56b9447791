-- Manual 3.3.8: to-be-closed variables.

local log = {}
local function note(...)
  local p = table.pack(...)
  for i = 1, p.n do p[i] = tostring(p[i]) end
  log[#log + 1] = table.concat(p, " ")
end
local function flush() print(table.concat(log, "; ")) log = {} end
local function C(name) return setmetatable({ name = name }, { __close = function(self, e) note("close", self.name, e) end }) end
local function failing(name) return setmetatable({}, { __close = function(_, e) note("close", name, e) error("from " .. name, 0) end }) end

print("-- closed at the end of the block, in reverse order")
do
  local a <close> = C "a"
  local b <close> = C "b"
  local c <const> = 5
  local d <close> = C "d"
  note "body"
end
flush()

print("-- nil and false are ignored, other values need __close")
do local a <close> = nil; local b <close> = false; note "fine" end
flush()
print(pcall(function() local x <close> = {} end))
print(pcall(function() local x <close> = 42 end))
print(pcall(function() local y <close> = "str" end))
print(pcall(function() local z <close> = setmetatable({}, {}) end))
print(pcall(function() local w <close> = true end))
do
  -- The check is at the declaration, the value is read at the close.
  print(pcall(function()
    local a <close> = C "closed although the next fails"
    local b <close> = {}
  end))
  flush()
end

print("-- every way out of a block")
for i = 1, 3 do local x <close> = C("iteration " .. i); if i == 2 then break end note("end of", i) end
flush()
local function returns() local x <close> = C "r"; note "returning"; return "a", "b", nil end
print(returns()) flush()
local function returns_call() local x <close> = C "rc"; return returns() end
print(select("#", returns_call())) flush()
do
  local n = 0
  ::top::
  do local x <close> = C("goto " .. n); n = n + 1; if n < 3 then goto top end end
end
flush()
do
  do local x <close> = C "jumped"; goto out end
  ::out::
end
flush()
while true do local x <close> = C "while"; do local y <close> = C "inner"; break end end
flush()
local k = 0
repeat local x <close> = C("repeat " .. k); k = k + 1 until k == 2 or note("condition sees", x.name)
flush()
print(pcall(function() local x <close> = C "on error"; error("E", 0) end)) flush()
print(pcall(function() local x <close> = C "runtime error"; local y = nil + x end)) flush()

print("-- the value of the return list is computed before closing")
local function order()
  local v = 1
  local x <close> = setmetatable({}, { __close = function() v = 100 end })
  return v, (function() v = v + 1 return v end)()
end
print(order())
local upv
local function keeps()
  local t = {}
  local x <close> = setmetatable({}, { __close = function() t.closed = true end })
  upv = function() return t.closed end
  return t.closed, upv()
end
print(keeps()) print(upv())

print("-- a function with a to-be-closed variable makes no tail calls")
local function depth(n)
  local x <close> = n == 3 and C("depth " .. n) or nil
  if n == 0 then return #log end
  return depth(n - 1)
end
print(depth(5)) flush()

print("-- errors: the last one wins, each handler sees the current one")
print(pcall(function()
  local a <close> = C "a"
  local b <close> = failing "b"
  local c <close> = C "c"
  local d <close> = failing "d"
  error("original", 0)
end))
flush()
print(pcall(function()
  local a <close> = C "a"
  local b <close> = failing "b"
  return "never returned"
end))
flush()
do
  local ok, e = pcall(function()
    local a <close> = setmetatable({}, { __close = function(_, err) error({ inner = err }, 0) end })
    error({ code = 1 })
  end)
  print(ok, e.inner.code)
end
print(xpcall(function() local a <close> = failing "x"; error("first", 0) end, function(m) return "H(" .. tostring(m) .. ")" end))
flush()
print(pcall(function()
  local a <close> = setmetatable({}, { __close = function() local t = nil; return t.x end })
end))

print("-- __close is looked up when closing")
do
  local mt = { __close = function() note "old" end }
  local x <close> = setmetatable({}, mt)
  mt.__close = function() note "new" end
end
flush()
print(pcall(function()
  local x <close> = setmetatable({}, { __close = print })
  getmetatable(x).__close = nil
end))
print(pcall(function()
  local x <close> = setmetatable({}, { __close = print })
  getmetatable(x).__close = 5
end))
do
  local x <close> = setmetatable({}, { __close = setmetatable({}, { __call = function(_, _, e) note("callable", e) end }) })
end
flush()

print("-- closing value of a generic for")
local function iterate(n, name) return function(_, i) if i < n then return i + 1 end end, nil, 0, C(name) end
for i in iterate(2, "loop done") do note(i) end flush()
for i in iterate(5, "loop broken") do if i == 2 then break end end flush()
print(pcall(function() for i in iterate(5, "loop failed") do error("at " .. i, 0) end end)) flush()
local function from_loop() for i in iterate(5, "loop returned") do if i == 3 then return i end end end
print(from_loop()) flush()
for i in iterate(2, "outer") do for j in iterate(1, "inner " .. i) do note(i, j) end end flush()
for i in iterate(1, "with local") do local x <close> = C "body local" end flush()

print("-- closures over to-be-closed variables")
local get
do
  local x <close> = C "captured"
  get = function() return x.name end
end
print(get()) flush()
local fs = {}
for i = 1, 3 do local x <close> = C(i); fs[i] = function() return x.name end end
print(fs[1](), fs[2](), fs[3]()) flush()

print("-- handlers may use to-be-closed variables and pcall")
do
  local x <close> = setmetatable({}, { __close = function()
    local y <close> = C "inside a handler"
    note(pcall(error, "caught inside", 0))
  end })
end
flush()

print("-- results of handlers are ignored")
local function ignoring() local x <close> = setmetatable({}, { __close = function() return "ignored", 1, 2 end }) return "kept" end
print(ignoring())

print("-- coroutines: yields inside, coroutine.close, wrap with errors")
local co = coroutine.wrap(function()
  local x <close> = C "in coroutine"
  local y <close> = setmetatable({}, { __close = function() coroutine.yield "yield while closing" note "resumed" end })
  coroutine.yield "first"
  return "result"
end)
print(co()) print(co()) print(co()) flush()
co = coroutine.create(function()
  local x <close> = C "abandoned 1"
  local y <close> = C "abandoned 2"
  coroutine.yield()
end)
coroutine.resume(co)
print(coroutine.close(co), coroutine.status(co)) flush()
co = coroutine.create(function() local x <close> = failing "closing"; coroutine.yield() end)
coroutine.resume(co)
print(coroutine.close(co)) print(coroutine.status(co)) flush()
print(coroutine.close(co))
co = coroutine.create(function() local x <close> = C "after error"; error("co error", 0) end)
print(coroutine.resume(co)) flush()
print(coroutine.close(co)) flush()
co = coroutine.wrap(function() local x <close> = C "wrap closes"; error("wrap error", 0) end)
print(pcall(co)) flush()
print(coroutine.close(coroutine.create(print)))
print(pcall(coroutine.close, coroutine.running()))
co = coroutine.wrap(function()
  return pcall(function() local x <close> = C "pcall in coroutine"; coroutine.yield(1); error("after yield", 0) end)
end)
print(co()) print(co()) flush()

print("-- many")
local function many(n)
  if n == 0 then return end
  local x <close> = setmetatable({}, { __close = function() log[#log + 1] = n end })
  many(n - 1)
end
many(150)
print(#log, log[1], log[150])
log = {}
do
  local code = {}
  for i = 1, 100 do code[i] = "local x" .. i .. " <close> = C(" .. i .. ")" end
  load("local C = ... " .. table.concat(code, "\n"))(C)
  print(#log, log[1], log[100])
end
