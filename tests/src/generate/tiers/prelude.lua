-- What generated programs use. It is a chunk of its own, which is never
-- compiled, and gives programs what they name, in the global P. `...`: what
-- makes a program's own things.
local fresh = ...
local fuel = 120
local plain, pcall, error, type, next, select = tostring, pcall, error, type, next, select
local setmetatable, getmetatable, rawget, concat, pack = setmetatable, getmetatable, rawget, table.concat, table.pack
local sort, min, floor, mtype, format, sub, gsub, rep = table.sort, math.min, math.floor, math.type, string.format, string.sub, string.gsub, string.rep
local getlocal, setlocal, traceback, xpcall, print, tointeger = debug.getlocal, debug.setlocal, debug.traceback, xpcall, print, math.tointeger
local resume, create, status, yield, isyieldable = coroutine.resume, coroutine.create, coroutine.status, coroutine.yield, coroutine.isyieldable
local G = _G
local getinfo, getupvalue, setupvalue = debug.getinfo, debug.getupvalue, debug.setupvalue
local known = {}
for k in next, G do known[k] = true end
known.P = true

local function tostring(v) return (gsub(plain(v), "0x%x%x%x%x%x+", "PTR")) end
local function spend() fuel = fuel - 1 if fuel < 0 then error("no fuel", 0) end end
local function quoted(s) return (gsub(format("%q", s), "\\\n", "\\n")) end
local function text(v, depth)
  local kind = mtype(v) or type(v)
  if kind == "float" then return v ~= v and "nanf" or format("%.17g", v) .. "f" end
  if kind == "string" then
    v = gsub(v, "0x%x%x%x%x%x+", "PTR")
    return #v > 90 and #v .. ":" .. quoted(sub(v, 1, 30)) or quoted(v)
  end
  if kind ~= "table" then return (kind == "function" or kind == "thread") and kind or tostring(v) end
  if depth > 3 then return "{...}" end
  local parts, n = {}, 0
  for k, x in next, v do
    n = n + 1
    if n <= 200 then parts[n] = text(k, depth + 1) .. "=" .. text(x, depth + 1) end
  end
  sort(parts)
  local mt = getmetatable(v)
  return "{" .. concat(parts, " ", 1, min(#parts, 14)) .. "}" .. n .. (mt and (type(mt) == "table" and rawget(mt, "name") or "m") or "")
end
local lines = 0
local function show(...)
  lines = lines + 1
  if lines > 300 then return end
  local parts = pack(...)
  for n = 1, parts.n do parts[n] = text(parts[n], 0) end
  print(concat(parts, " "))
end
local function message(e)
  if type(e) ~= "string" then return e end
  return tostring(e)
end
local function report(ok, e, ...) if ok then show("ok", e, ...) else show("failed", message(e)) end end
local function try(f, ...) report(pcall(f, ...)) end
local function handler(e) return message(e) end
local function traced(f, ...)
  report(xpcall(f, function(e) return (gsub(traceback(tostring(e), 1), "0x%x%x%x%x%x+", "PTR")) end, ...))
end
local function peek()
  local parts = {}
  for n = 1, 24 do
    local name, v = getlocal(2, n)
    if not name then break end
    if sub(name, 1, 1) ~= "(" then parts[#parts + 1] = name .. "=" .. text(v, 2) end
  end
  show(concat(parts, " "))
end
local function poke(wanted, v)
  for n = 1, 60 do
    local name = getlocal(2, n)
    if not name then break end
    if name == wanted then setlocal(2, n, v) end
  end
end
local function upset(wanted, v)
  local f = getinfo(2, "f").func
  for n = 1, 60 do
    local name = getupvalue(f, n)
    if not name then break end
    if name == wanted then setupvalue(f, n, v) end
  end
end
local function run(body, ...)
  local co = create(body)
  local out = pack(resume(co, ...))
  for n = 1, 5 do
    report(table.unpack(out, 1, out.n))
    if status(co) == "dead" then break end
    out = pack(resume(co, n))
  end
  if status(co) ~= "dead" then report(coroutine.close(co)) end
end
local function maybe(...) if isyieldable() then return yield(...) end return ... end
local function pass(...) return ... end
local function dump()
  local names = {}
  for k in next, G do if not known[k] then names[#names + 1] = k end end
  sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for n = 1, #names do show("_G", names[n], G[names[n]]) end
  lines = 0
end
local function refuel() fuel = 120 end
local kept = {}
for k, v in next, math do kept[k] = v end
local collect = collectgarbage
local old = {}
-- Calls `body` with what the functions return that `schedule` names, one after
-- the other, and prints what it returns; `portable`: only that it failed.
local function drive(body, first, second, third, schedule, portable)
  fuel, lines = 120, 0
  for k in next, old do old[k] = nil end
  local makers = { first, second, third }
  for k = 1, #schedule do
    local out = pack(pcall(body, makers[tointeger(sub(schedule, k, k))]()))
    if out[1] then
      for n = 1, out.n do out[n] = text(out[n], 0) end
      print(concat(out, " "))
    else
      print("failed", portable or text(message(out[2]), 0))
    end
  end
  for k, v in next, kept do math[k] = v end
  collect("incremental")
end

-- The same for quick programs: only what the last call returns is shown in depth.
local function quick(body, first, second, schedule, portable)
  fuel, lines = 120, 0
  for k in next, old do old[k] = nil end
  local makers, last = { first, second }, #schedule
  for k = 1, last do
    local out = pack(pcall(body, makers[tointeger(sub(schedule, k, k))]()))
    if out[1] then
      for n = 1, out.n do
        local v = out[n]
        if k == last then out[n] = text(v, 1)
        elseif v ~= v then out[n] = "nan"
        elseif type(v) == "table" then out[n] = #v
        elseif type(v) ~= "number" and type(v) ~= "string" then out[n] = type(v) end
      end
      print(concat(out, " "))
    else
      print("failed", portable or text(message(out[2]), 0))
    end
  end
  for k, v in next, kept do math[k] = v end
end

local meta = { name = "meta" }
meta.__add = function(a, b) spend() return 7 end
meta.__sub = function(a, b) return maybe("sub") end
meta.__lt = function(a, b) spend() return type(a) == "table" end
meta.__le = function() return 1 end
meta.__concat = function(a, b) return "joined" end
meta.__index = function(t, k) spend() return k end
meta.__call = function(self, ...) spend() return select("#", ...), ... end
meta.__unm = function() return "minus" end
meta.__close = function(_, e) show("closed", message(e)) end
meta.__len = function(t) return 2 end
local slow = { name = "slow" }
slow.__index = function(t, k) return maybe(k) end
slow.__newindex = function(t, k, v) maybe(k) rawset(t, k, v) end
slow.__eq = function(a, b) return maybe(true) end
slow.__lt = function(a, b) maybe(1) return false end
slow.__close = function() maybe("closing") end
slow.__call = function(self, n, at) at = (at or 0) + 1 maybe(at) if at < 4 then return at, n end end
local function errors(n) error("at " .. n) end
P = { fresh = fresh, show = show, try = try, traced = traced, peek = peek, poke = poke, run = run, maybe = maybe, spend = spend,
  report = report, meta = meta, slow = slow, dump = dump, errors = errors, refuel = refuel, drive = drive, pass = pass, upset = upset, quick = quick, old = old, tostring = tostring, handler = handler }
