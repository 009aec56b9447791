-- Objects that are made in loops and that nobody sees: compiled code need not
-- allocate them.
local function vec(x, y) return {x = x, y = y} end
local function add(a, b) return {x = a.x + b.x, y = a.y + b.y} end
local function f(n, stop)
  local a, prev = vec(0, 1), vec(5, 6)
  for i = 1, n do
    local b = vec(i, i * 0.5)
    prev, a = a, add(a, b)
    if i % 7 == 0 then a.x = a.x - prev.x end
    if i == stop then a.y = "s" end
    if i == stop then return prev, a.x, a.y end
  end
  return a.x + prev.x, a.y + prev.y
end
local function show(...)
  local t = {...}
  for i = 1, #t do
    if type(t[i]) == "table" then t[i] = t[i].x .. "/" .. t[i].y end
    t[i] = tostring(t[i])
  end
  print(table.concat(t, " "))
end
for k = 1, 30 do show(f(50 + k)) end
for k = 1, 30 do show(f(100, 60 + k)) end
local function g(n)
  local p = {v = 0}
  local q
  for i = 1, n do
    q = p
    p = {v = q.v + 1, w = i}
    if q == p then error("same") end
  end
  return p.v, q.v, p.w
end
for k = 1, 20 do print(g(k)) end
local function h(n)
  local o = {n = 0, s = "x"}
  while o.n < n do
    o.n = o.n + 1
    if o.n == n - 3 then o.s = o.s .. n end
  end
  return o.n .. o.s
end
for k = 1, 20 do print(h(k * 10)) end
local function inner(o, d) o.d = d; return o.d + 1 end
local function k(n)
  local s = 0
  for i = 1, n do
    local o = {c = i}
    s = s + inner(o, i) + o.d + o.c
  end
  return s
end
for i = 1, 20 do print(k(i * 10)) end
local function m(n)
  local a, prev = vec(0, 1), vec(5, 6)
  for i = 1, n do
    local b = vec(i, i * 0.5)
    prev, a = a, add(a, b)
    if i % 7 == 0 then a.x = a.x - prev.x end
    if i % 3 == 0 then prev.y = prev.y + a.y end
  end
  return a.x + prev.x, a.y + prev.y
end
for k = 1, 200 do print(m(k)) end
local function pt(n)
  local p = {x = 1, y = 2}
  local s = 0
  for i = 1, n do
    if i % 2 == 0 then p = {x = p.y, y = p.x} else p.x = p.x + 1 end
    s = s + p.x * p.y
  end
  return s
end
for k = 1, 200 do print(pt(k)) end
local function late(n, cut)
  local p = {x = 1, y = 2}
  for i = 1, n do
    p = {x = p.x + 1, y = p.y + p.x}
    if i == cut then p = {x = "late", y = cut} return p.x .. p.y end
  end
  return p.x .. " " .. p.y
end
for k = 1, 200 do print(late(k, k == 180 and 90 or -1)) end
