-- Manual 2.5: garbage collection, finalizers, collectgarbage.

print("-- options and their results")
print(collectgarbage(), collectgarbage("collect"))
print(math.type(collectgarbage("count")), collectgarbage("count") > 0)
print(collectgarbage("isrunning"))
print(collectgarbage("stop"), collectgarbage("isrunning"))
print(collectgarbage("restart"), collectgarbage("isrunning"))
collectgarbage("incremental")          -- hosts differ in the mode they start with
print(collectgarbage("incremental"), collectgarbage("generational"), collectgarbage("incremental"))
print(type(collectgarbage("setpause", 200)), type(collectgarbage("setstepmul", 100)))
collectgarbage("incremental", 200, 100, 13)
print(type(collectgarbage("step")), type(collectgarbage("step", 100)))
print(pcall(collectgarbage, "nonsense"))
print(pcall(collectgarbage, {}))

print("-- a full collection frees what nobody holds")
do
  collectgarbage()
  local before = collectgarbage("count")
  local junk = {}
  for i = 1, 10000 do junk[i] = { i, tostring(i) } end
  local during = collectgarbage("count")
  junk = nil
  collectgarbage()
  local after = collectgarbage("count")
  print(during - before > 500, after - before < 100)
end
do
  -- Steps finish a cycle sooner or later.
  local steps = 0
  repeat steps = steps + 1 until collectgarbage("step", 0) or steps > 100000
  print(steps <= 100000)
end
do
  -- Garbage made in a loop doesn't pile up.
  collectgarbage()
  local before = collectgarbage("count")
  for i = 1, 200000 do local _ = { i } end
  print(collectgarbage("count") - before < 8000)
end

print("-- finalizers run once, with the object")
local log = {}
local function note(s) log[#log + 1] = s end
local function flush()
  collectgarbage() collectgarbage()
  print(table.concat(log, " "))
  log = {}
end
do
  local o = setmetatable({ name = "o" }, { __gc = function(self) note("gc " .. self.name) end })
  o = nil
end
flush()
flush()

print("-- in the reverse order of marking")
for i = 1, 5 do setmetatable({}, { __gc = function() note(i) end }) end
flush()
do
  local mt = { __gc = function(o) note(o.id) end }
  local a, b, c = { id = "a" }, { id = "b" }, { id = "c" }
  setmetatable(c, mt); setmetatable(a, mt); setmetatable(b, mt)
end
flush()

print("-- only if __gc was there when the metatable was set")
do
  local mt = {}
  local o = setmetatable({}, mt)
  mt.__gc = function() note("too late") end
  o = nil
end
flush()
do
  local mt = { __gc = true }
  local o = setmetatable({}, mt)
  mt.__gc = function() note("filled in later") end
  o = nil
end
flush()
do
  setmetatable({}, { __gc = "not a function" })
end
flush()

print("-- resurrection: the object may be stored, and is finalized again only if re-marked")
local saved
do
  local mt
  mt = { __gc = function(self) note("resurrected") saved = self end }
  local o = setmetatable({ value = 42 }, mt)
  o = nil
end
flush()
print(saved.value)
saved = nil
flush()
do
  local count = 0
  local mt
  mt = { __gc = function(self)
    count = count + 1
    note("life " .. count)
    if count < 3 then setmetatable(self, mt) end
  end }
  setmetatable({}, mt)
end
flush() flush() flush() flush()

print("-- what a finalizer reaches is still whole")
do
  local inner = { text = "inner" }
  local mt = { __gc = function(self) note(self.ref.text .. " " .. tostring(#self.ref)) end }
  inner[1], inner[2] = 1, 2
  setmetatable({ ref = inner }, mt)
end
flush()
do
  -- A cycle of finalizable objects.
  local mt = { __gc = function(self) note(self.id .. "->" .. self.other.id) end }
  local x, y = { id = "x" }, { id = "y" }
  x.other, y.other = y, x
  setmetatable(x, mt); setmetatable(y, mt)
end
flush()

print("-- errors in finalizers are warnings, the program goes on")
warn("@off")
setmetatable({}, { __gc = function() error("in a finalizer") end })
setmetatable({}, { __gc = function() note("next one") end })
flush()

print("-- finalizers may create objects and collect")
setmetatable({}, { __gc = function()
  local t = {}
  for i = 1, 1000 do t[i] = { i } end
  collectgarbage("step")
  note("made " .. #t)
end })
flush()

print("-- closures, upvalues and coroutines keep and release")
do
  local function holder()
    local o = setmetatable({}, { __gc = function() note("upvalue freed") end })
    return function() return o end
  end
  local h = holder()
  flush()
  h = nil
end
flush()
do
  local co = coroutine.create(function()
    local o = setmetatable({}, { __gc = function() note("coroutine local freed") end })
    coroutine.yield()
    return o
  end)
  coroutine.resume(co)
  flush()
  co = nil
end
flush()
do
  -- An abandoned self-referring coroutine.
  local co
  co = coroutine.wrap(function()
    local self = co;
    coroutine.yield(setmetatable({ self }, { __gc = function() note("cycle freed") end }))
  end)
  co()
  co = nil
end
flush()

print("-- a local out of scope may be collected at the latest after its function")
local function scoped()
  do
    local o = setmetatable({}, { __gc = function() note("scoped") end })
    o.x = 1
  end
  return true
end
scoped()
flush()

print("-- generational mode finds old-to-young references")
collectgarbage("generational")
do
  local old = {}
  collectgarbage() collectgarbage() collectgarbage()
  for i = 1, 2000 do
    old[i % 50] = { i, { "young" .. i } }
    if i % 100 == 0 then collectgarbage("step") end
  end
  local ok = true
  for i = 0, 49 do ok = ok and old[i][2][1] == "young" .. old[i][1] end
  print(ok)
  local f
  do
    local up = {}
    f = function(v) if v then up = v end return up end
  end
  collectgarbage() collectgarbage()
  f({ "fresh" })
  collectgarbage("step")
  print(f()[1])
end
collectgarbage("incremental")

print("-- allocation while an incremental cycle runs")
do
  local live = {}
  collectgarbage("incremental", 100, 400, 8)
  for i = 1, 30000 do
    live[i % 997] = { prev = live[(i * 7) % 997], i = i }
    if live[i % 997].prev then live[i % 997].prev.prev = nil end
    if i % 64 == 0 then collectgarbage("step", 1) end
  end
  local n = 0
  for _, v in pairs(live) do assert(type(v.i) == "number"); n = n + 1 end
  print(n)
  collectgarbage("incremental", 200, 100, 13)
end

print("-- close on exit: pending finalizers run at the end, newest first")
END1 = setmetatable({}, { __gc = function() print("first marked, last finalized") end })
END2 = setmetatable({}, { __gc = function() print("last marked, first finalized") end })
