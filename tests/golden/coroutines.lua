-- Yields across calls, pcall, metamethods and iterators; wrap, close, status.
local function gen(n)
  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, i * i) end end)
end
for i, square in gen(4) do print(i, square) end
local co = coroutine.create(function(a, ...)
  print("start", a, ...)
  local ok, e = pcall(function()
    local x = coroutine.yield("in pcall")
    error({ code = x })
  end)
  print(ok, type(e) == "table" and e.code)
  local meta = setmetatable({}, { __add = function(l, r) return coroutine.yield("in add") + r end })
  print(meta + 5)
  return "end", coroutine.isyieldable(), select(2, coroutine.running())
end)
print(coroutine.resume(co, 1, 2, 3))
print(coroutine.resume(co, 77))
print(coroutine.status(co), coroutine.resume(co, 10))
print(coroutine.status(co), coroutine.resume(co))
local function walk(t) if t then walk(t[1]) coroutine.yield(t[2]) walk(t[3]) end end
local tree = { { nil, 1, nil }, 2, { { nil, 3 }, 4, nil } }
for v in coroutine.wrap(function() walk(tree) end) do io.write(v, " ") end
print()
local dead = coroutine.create(function() error("oops", 0) end)
print(coroutine.resume(dead))
print(coroutine.close(dead), coroutine.status(dead))
local deep = coroutine.wrap(function() local function f(n) if n == 0 then coroutine.yield("bottom") return 0 end return 1 + f(n - 1) end return f(300) end)
print(deep(), deep())
