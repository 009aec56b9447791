-- Manual 6.10: the debug library.

local function bad(f, ...) local ok, e = pcall(f, ...) print(ok, e) end

print("-- getinfo of functions")
local function sample(a, b, ...)
  local c = a
  return c, b
end
local i = debug.getinfo(sample)
print(i.source, i.short_src, i.what, i.linedefined, i.lastlinedefined, i.currentline, i.nups, i.nparams, i.isvararg,
  i.func == sample, i.name, i.namewhat, i.istailcall, i.activelines)
i = debug.getinfo(print)
print(i.source, i.short_src, i.what, i.linedefined, i.lastlinedefined, i.currentline, i.nups, i.nparams, i.isvararg, i.func == print)
i = debug.getinfo(load("return 1\n\n", "a chunk of text"))
print(i.source, i.short_src, i.what, i.linedefined, i.lastlinedefined, i.nups, i.nparams, i.isvararg)
i = debug.getinfo(load("return 1", "=name"))
print(i.source, i.short_src)
i = debug.getinfo(load("return 1", "@file.x"))
print(i.source, i.short_src)
local fields = {}
for k in pairs(debug.getinfo(1, "S")) do fields[#fields + 1] = k end
table.sort(fields)
print(table.concat(fields, " "))
for _, opt in ipairs { "l", "u", "n", "t", "f", "r" } do
  local o = debug.getinfo(sample, opt)
  local ks = {}
  for k in pairs(o) do ks[#ks + 1] = k end
  table.sort(ks)
  io.write(opt, ":", table.concat(ks, ","), " ")
end
print()
local lines = {}
for l in pairs(debug.getinfo(sample, "L").activelines) do lines[#lines + 1] = l end
table.sort(lines)
print(table.concat(lines, " "))
print(debug.getinfo(print, "L").activelines)

print("-- getinfo of levels")
local function where() return debug.getinfo(2, "l").currentline end
print(where())
print((where()))
local function nm() local d = debug.getinfo(1, "n") return d.name, d.namewhat end
print((nm()))
print(nm())
local t = { field = nm }
print((t.field()))
function t:method() local d = debug.getinfo(1, "n") return d.name, d.namewhat end
print((function() local a, b = t:method() return a, b end)())
print((function() local a, b = t.field() return a, b end)())
globalnm = nm
print((function() local a, b = globalnm() return a, b end)())
globalnm = nil
print(debug.getinfo(1, "S").what, debug.getinfo(100), debug.getinfo(0, "n").name, debug.getinfo(0, "S").what)
local function tail() return nm() end
print((tail()))
local function isTail() return debug.getinfo(1, "t").istailcall end
print(isTail(), (function() return isTail() end)(), (function() local r = isTail() return r end)())
local mm = setmetatable({}, { __index = function()
  local d = debug.getinfo(1, "n")
  return d.name .. "/" .. d.namewhat
end, __add = function()
  local d = debug.getinfo(1, "n")
  return d.name .. "/" .. d.namewhat
end, __eq = function()
  print(debug.getinfo(1, "n").name)
end, __call = function()
  local d = debug.getinfo(1, "n")
  return tostring(d.name)
end })
print(mm.x, mm + 1, (mm == setmetatable({}, getmetatable(mm))))
for x in function(_, c)
  if not c then local d = debug.getinfo(1, "n") return d.name .. "/" .. d.namewhat end
end do
  print(x)
end
bad(debug.getinfo, 1, "X")
bad(debug.getinfo, 1, ">")
bad(debug.getinfo)
bad(debug.getinfo, "x")
bad(debug.getinfo, {})
print(debug.getinfo(-1), debug.getinfo(1 << 40 >> 20))

print("-- getlocal and setlocal")
local function locals(p, q, ...)
  local x = 10
  do local hidden = 1 end
  local y <const>, z = 20, nil
  local out, n = {}, 1
  while true do
    local name, v = debug.getlocal(1, n)
    if not name then break end
    if name:sub(1, 1) ~= "(" then out[#out + 1] = name .. "=" .. tostring(v):gsub("0x%x+", "") end
    n = n + 1
  end
  return table.concat(out, " "), debug.getlocal(1, -1), select(2, debug.getlocal(1, -2)), debug.getlocal(1, -3)
end
print((locals("P", "Q", "va1", "va2")))
print(select(2, locals("P", "Q", "va1", "va2")))
print(debug.getlocal(locals, 1), debug.getlocal(locals, 2), debug.getlocal(locals, 3), debug.getlocal(print, 1))
do
  local v = 1
  local function set() return debug.setlocal(2, 1, "never") end
  local function inner()
    local a, b = 1, 2
    print(debug.setlocal(1, 1, "changed"), debug.setlocal(1, 2, nil), debug.setlocal(1, 50, 0))
    return a, b
  end
  print(inner())
  local function vs(...) debug.setlocal(1, -1, "new vararg") return ... end
  print(vs(1, 2))
  local function loop()
    local sum = 0
    for k = 1, 3 do
      local w = k * 2
      if k == 2 then for n = 1, 20 do if debug.getlocal(1, n) == "w" then debug.setlocal(1, n, 100) end end end
      sum = sum + w
    end
    return sum
  end
  print(loop())
end
bad(debug.getlocal, 100, 1)
bad(debug.getlocal, 1)
bad(debug.setlocal, 100, 1, 1)
bad(debug.getlocal, "x", 1)
print(debug.getlocal(1, 1000))
local co = coroutine.create(function(a) local b = "in co" coroutine.yield() return a, b end)
coroutine.resume(co, "arg")
print(debug.getlocal(co, 1, 1))
print(debug.getlocal(co, 1, 2))
print(debug.setlocal(co, 1, 2, "set from outside"), coroutine.resume(co))

print("-- upvalues")
local u1, u2 = "one", { "two" }
local function uf() return u1, u2 end
print(debug.getupvalue(uf, 1), debug.getupvalue(uf, 2), debug.getupvalue(uf, 3))
print(debug.getupvalue(uf, 1))
print(debug.setupvalue(uf, 1, "ONE"), u1, debug.setupvalue(uf, 9, 1))
print(debug.getupvalue(string.gmatch("x", "x"), 1) == "" or debug.getupvalue(string.gmatch("x", "x"), 1) == nil, debug.getupvalue(print, 1))
print(type(debug.upvalueid(uf, 1)), debug.upvalueid(uf, 1) == debug.upvalueid(uf, 1), pcall(debug.upvalueid, uf, 3))
local function counter() local c = 0 return function() c = c + 1 return c end end
local c1, c2 = counter(), counter()
c1()
c1()
debug.upvaluejoin(c2, 1, c1, 1)
print(c2(), c1(), debug.upvalueid(c1, 1) == debug.upvalueid(c2, 1))
bad(debug.upvaluejoin, c1, 5, c2, 1)
bad(debug.upvaluejoin, print, 1, c1, 1)
bad(debug.getupvalue, 1, 1)
bad(debug.setupvalue, uf, 1)

print("-- traceback")
local function level3() return debug.traceback("message") .. "" end
local function level2() local r = level3() return r end
print((level2():gsub("\n[^\n]*%[C%]: in %?.*", "")))
print(debug.traceback("msg", 100))
print(type(debug.traceback(nil)), debug.traceback({ 1 })[1], debug.traceback(12, 100))
local function deep(n) if n == 0 then return debug.traceback("deep") .. "" end local r = deep(n - 1) return r end
local tb = deep(50)
local _, count = tb:gsub("\n", "")
print(count < 30, tb:find("...", 1, true) ~= nil, tb:find("skipping") ~= nil)
local ok, e = xpcall(function() local x = nil x() end, debug.traceback)
print(ok, (e:match("^[^\n]*\nstack traceback:\n[^\n]*")))
print((select(2, xpcall(error, debug.traceback, { "table" })))[1])

print("-- line hooks")
local events = {}
local function record(e, l) events[#events + 1] = e .. (l and ":" .. l or "") end
local base = debug.getinfo(1, "l").currentline
local function traced()
  local a = 1

  for k = 1, 2 do
    a = a + k
  end
  return a
end
debug.sethook(record, "l")
traced()
debug.sethook()
local rel = {}
for _, ev in ipairs(events) do
  local l = tonumber(ev:match(":(%d+)$"))
  if l > base and l < base + 9 then rel[#rel + 1] = l - base end
end
print(table.concat(rel, " "))

print("-- call, return and count hooks")
events = {}
debug.sethook(record, "cr")
math.abs(1)
debug.sethook()
print(#events >= 3, events[2], events[3])
events = {}
local function callee() return 1 end
local function tail_caller() return callee() end
debug.sethook(record, "cr")
tail_caller()
debug.sethook()
local calls = {}
for _, ev in ipairs(events) do calls[ev] = (calls[ev] or 0) + 1 end
print(calls["tail call"], calls.call ~= nil, calls["return"] ~= nil)
local n = 0
debug.sethook(function() n = n + 1 end, "", 100)
for _ = 1, 10000 do end
debug.sethook()
print(n > 50)
print(debug.gethook())
local function quiet() end
debug.sethook(quiet, "clr", 5)
local h, m, c = debug.gethook()
debug.sethook()
print(h == quiet, m, c)

print("-- errors in hooks, hooks of coroutines")
ok, e = pcall(function()
  debug.sethook(function()
    debug.sethook()
    error("from the hook", 0)
  end, "l")
  local x = 1
end)
print(ok, e)
local hooked = {}
co = coroutine.create(function()
  local a = 1
  coroutine.yield()
  return a
end)
debug.sethook(co, function(ev) hooked[#hooked + 1] = ev end, "l")
coroutine.resume(co)
coroutine.resume(co)
print(#hooked >= 2, debug.gethook(), debug.gethook(co) ~= nil)
local stop = 0
ok, e = pcall(function()
  debug.sethook(function()
    stop = stop + 1
    if stop > 1000 then
      debug.sethook()
      error("too many steps", 0)
    end
  end, "", 10)
  while true do end
end)
print(ok, e)

print("-- metatables, registry, uservalues")
print(debug.getmetatable("").__index == string, debug.getmetatable(1), debug.getmetatable({}))
local pt = setmetatable({}, { __metatable = "hidden" })
print(getmetatable(pt), debug.getmetatable(pt).__metatable, debug.setmetatable(pt, nil) == pt, getmetatable(pt))
bad(debug.setmetatable, {}, 1)
print(type(debug.getregistry()))
print(debug.getuservalue(1), debug.getuservalue({}), debug.getuservalue(io.stdout, 1), debug.setuservalue(io.stdout, 1, 50))
bad(debug.setuservalue, 1, 2)
bad(debug.getmetatable)

print("-- stripped code")
local stripped = load(string.dump(load("local a = 1 return a, debug.getinfo(1, 'l').currentline, debug.getlocal(1, 1)"), true), "=st", "b")
if stripped then local a, line, name = stripped() assert(a == 1 and line == -1 and name == "(temporary)") end
print("checked where bytecode may be loaded")
