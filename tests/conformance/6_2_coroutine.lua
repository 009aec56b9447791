-- Manual 6.2: the coroutine library, function by function.

print("-- the library")
local names = {}
for k in pairs(coroutine) do names[#names + 1] = k end
table.sort(names)
print(table.concat(names, " "))

print("-- create and resume")
local co = coroutine.create(function(a, b) local c, d = coroutine.yield(a + b) local e = coroutine.yield(c * d) return e, "end" end)
print(type(co), coroutine.status(co))
print(coroutine.resume(co, 1, 2)) print(coroutine.status(co)) print(coroutine.resume(co, 3, 4)) print(coroutine.resume(co, "last"))
print(coroutine.status(co), coroutine.resume(co)) print(coroutine.resume(co, "ignored"))
print(coroutine.resume(coroutine.create(print), "as", "arguments"))
print(coroutine.resume(coroutine.create(function() end)))
print(coroutine.resume(coroutine.create(function(...) return select("#", ...) end), nil, nil))
print(coroutine.resume(coroutine.create(error), "thrown"))
print(coroutine.resume(coroutine.create(error), nil))
print(coroutine.resume(coroutine.create(pcall), error, "caught"))
for _, f in ipairs { "create", "resume", "wrap", "status", "close", "isyieldable" } do print(f, pcall(coroutine[f], "not a thread")) end
print(coroutine.resume(coroutine.create(coroutine.yield), 1, 2)) 
co = coroutine.create(coroutine.yield)
print(coroutine.resume(co, "y1", "y2"))
print(coroutine.resume(co, "r1", "r2"))
print(coroutine.status(co))

print("-- status")
local outer
local inner = coroutine.create(function()
  print("in inner:", coroutine.status(outer), coroutine.status((coroutine.running())))
  coroutine.yield()
end)
outer = coroutine.create(function()
  print("in outer:", coroutine.status(outer), coroutine.status(inner))
  coroutine.resume(inner)
  print("back:", coroutine.status(inner))
  error("x")
end)
print(coroutine.status(outer)) coroutine.resume(outer) print(coroutine.status(outer), coroutine.status(inner))

print("-- running and isyieldable")
local main, is_main = coroutine.running()
print(type(main), is_main, coroutine.isyieldable(), coroutine.isyieldable(main))
co = coroutine.create(function()
  local me, m = coroutine.running()
  print(me == co, m, coroutine.isyieldable(), coroutine.isyieldable(main))
  coroutine.yield()
end)
print(coroutine.isyieldable(co)) coroutine.resume(co) print(coroutine.isyieldable(co)) coroutine.resume(co)

print("-- wrap")
local gen = coroutine.wrap(function(n) for i = 1, n do coroutine.yield(i, i * i) end return "done" end)
print(type(gen), gen(2)) print(gen()) print(gen()) print(pcall(gen)) print(pcall(gen))
local bad = coroutine.wrap(function() error("text") end) print(pcall(bad)) print(pcall(bad))
bad = coroutine.wrap(function() error("no position", 0) end) print(pcall(bad))
bad = coroutine.wrap(function() error({ code = 5 }) end) print(select(2, pcall(bad)).code)
bad = coroutine.wrap(function() error(nil) end) print(pcall(bad))
local function tree(t) if t then tree(t[1]) coroutine.yield(t.v) tree(t[2]) end end
local sum = 0
for v in coroutine.wrap(function() tree { { { v = 1 }, { v = 3 }, v = 2 }, { v = 5 }, v = 4 } end) do sum = sum * 10 + v end
print(sum)

print("-- yield")
print(pcall(coroutine.yield, 1))
co = coroutine.wrap(function(...) local n = select("#", ...) while true do n = select("#", coroutine.yield(n)) end end)
print(co(), co(1), co(nil, nil), co(1, 2, 3, nil))
co = coroutine.wrap(function() return coroutine.yield(coroutine.yield(coroutine.yield(1) + 1) + 1) end) print(co(), co(10), co(20), co("x"))
co = coroutine.wrap(function()
  local t = { coroutine.yield("in a constructor"), coroutine.yield("again") }
  return #t, t[1], t[2]
end)
print(co(), co("v1"), co("v2", "v3"))
co = coroutine.wrap(function() return ("%s-%s"):format(coroutine.yield("as an argument")) end) print(co(), co("a", "b"))
co = coroutine.wrap(function()
  for i = coroutine.yield("start"), coroutine.yield("limit") do coroutine.yield(i) end
  return "over"
end)
print(co(), co(1), co(2), co(), co())
co = coroutine.wrap(function()
  if coroutine.yield("cond") and not coroutine.yield("cond2") then return "then" else return "else" end
end)
print(co(), co(true), co(false))

print("-- close")
co = coroutine.create(function() coroutine.yield() end)
print(coroutine.close(co), coroutine.status(co), coroutine.resume(co))
print(coroutine.close(co))
co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) print(coroutine.close(co), coroutine.status(co))
co = coroutine.create(function() error("E", 0) end) coroutine.resume(co) print(coroutine.close(co)) print(coroutine.close(co))
co = coroutine.create(function() error({ 7 }) end) coroutine.resume(co) print(select(2, coroutine.close(co))[1])
co = coroutine.create(function() return 1 end) coroutine.resume(co) print(coroutine.close(co))
print(pcall(coroutine.close, main)) print(pcall(coroutine.close))
co = coroutine.create(function() return pcall(coroutine.close, outer) end)
local other
other = coroutine.create(function()
  local c = coroutine.create(function() return pcall(coroutine.close, other) end)
  return coroutine.resume(c)
end)
print(coroutine.resume(other))
local closed = {}
local function C(n) return setmetatable({}, { __close = function(_, e) closed[#closed + 1] = n .. ":" .. tostring(e) end }) end
co = coroutine.create(function() local a <close> = C "a" local b <close> = C "b" do local c <close> = C "c" end coroutine.yield() end)
coroutine.resume(co) print(coroutine.close(co), table.concat(closed, " ")) closed = {}
co = coroutine.create(function() local a <close> = C "a" pcall(function() local b <close> = C "b" coroutine.yield() end) end)
coroutine.resume(co) print(coroutine.close(co), table.concat(closed, " ")) closed = {}
co = coroutine.create(function()
  local a <close> = C "a"
  local b <close> = setmetatable({}, { __close = function() error("bad close", 0) end })
  coroutine.yield()
end)
coroutine.resume(co) print(coroutine.close(co)) print(table.concat(closed, " "), coroutine.status(co)) closed = {}
co = coroutine.wrap(function() for _ in function() return coroutine.yield("it") end, nil, nil, C "for" do end end)
print(co())
print(co(nil), table.concat(closed, " "))

print("-- a producer, a filter and a consumer")
local function producer() return coroutine.create(function() for i = 1, 5 do coroutine.yield("line " .. i) end end) end
local function receive(p) local _, v = coroutine.resume(p) return v end
local function filter(p)
  return coroutine.create(function()
    local n = 1
    while true do
      local v = receive(p)
      if not v then return nil end
      coroutine.yield(("%02d %s"):format(n, v))
      n = n + 1
    end
  end)
end
local p = filter(producer())
local out = {}
while true do local v = receive(p) if not v then break end out[#out + 1] = v end
print(table.concat(out, "; "))

print("-- error positions and tracebacks of coroutines")
co = coroutine.create(function() local function deeper() coroutine.yield() error("deep error") end deeper() end)
coroutine.resume(co)
print(debug.traceback(co))
print(coroutine.resume(co))
print(debug.traceback(co))
print(debug.traceback(co, "message", 1))
print(debug.traceback(co, nil, 0) ~= nil)
print(debug.traceback(coroutine.create(print)))

print("-- switching many times between many")
local n, rounds = 100, 100
local ring = {}
for i = 1, n do ring[i] = coroutine.wrap(function(x) while true do x = coroutine.yield(x + 1) end end) end
local x = 0
for _ = 1, rounds do for i = 1, n do x = ring[i](x) end end
print(x)
local function nested(d)
  if d == 0 then coroutine.yield("from the bottom") return 0 end
  local c = coroutine.create(nested)
  local ok, v = coroutine.resume(c, d - 1)
  coroutine.yield(v)
  ok, v = coroutine.resume(c)
  return v and v + 1
end
co = coroutine.wrap(nested) print(co(50), co())
