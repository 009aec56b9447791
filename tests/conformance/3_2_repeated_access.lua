-- Indexing and arithmetic at sites that run often with changing operands:
-- whatever an implementation caches there must not show.

-- A site that meets many kinds of tables, and some with metatables.
local function shapes()
  local all = {}
  for i = 1, 12 do
    local t = {}
    for j = 1, i % 6 do t["f" .. j] = j end
    t.x = i
    if i % 3 == 0 then t.y = -i end
    if i % 4 == 0 then setmetatable(t, { __index = { z = i * 10, y = "inherited" } }) end
    all[i] = t
  end
  return all
end

local function fields(t) return t.x, t.y, t.z end
local function store(t, v) t.x = v end
local function extend(t, v) t.w = v end

for round = 1, 3 do
  local all = shapes()
  local sum, ys, zs = 0, {}, 0
  for again = 1, 500 do
    for i = 1, #all do
      local x, y, z = fields(all[i])
      sum = sum + x
      if again == 500 then ys[#ys + 1] = tostring(y) end
      zs = zs + (z or 1)
    end
  end
  print(round, sum, zs, table.concat(ys, " "))
  for again = 1, 200 do
    for i = 1, #all do store(all[i], again % 7 == 0 and "text" or again / 2) end
  end
  for i = 1, #all do extend(all[i], i) end
  local out = {}
  for i = 1, #all do out[i] = all[i].x .. "/" .. all[i].w end
  print(table.concat(out, " "))
  for i = 1, #all do store(all[i], nil) end
  print(fields(all[1]), rawget(all[4], "x"))
end

-- __newindex and __index appear and disappear under a running site.
do
  local log = {}
  local meta = { __newindex = function(t, k, v) log[#log + 1] = k .. "=" .. tostring(v) rawset(t, k, v) end }
  local function set(t, k, v) t[k] = v end
  local t = {}
  for i = 1, 300 do set(t, i * 3, i) set(t, "k" .. i % 40, i) end
  setmetatable(t, meta)
  for i = 1, 5 do set(t, i * 3, -i) set(t, i * 3 + 1, i) set(t, "k" .. i, i) set(t, "new" .. i, i) end
  print(table.concat(log, " "))
  log = {}
  set(t, 6, nil) set(t, 6, nil) set(t, 6, "back") set(t, "k3", nil) set(t, "k3", 3)
  print(table.concat(log, " "), t[6], t.k3, t[7], t.new5)
  setmetatable(t, nil)
  log = {}
  set(t, 5001, 1) set(t, "late", 2)
  print(#log, t[5001], t.late)

  -- Holes in the array part.
  local a = { "a", "b", "c", "d" }
  setmetatable(a, meta)
  set(a, 2, nil) set(a, 2, nil) set(a, 2, "again") set(a, 4, nil) set(a, 4, "end")
  print(table.concat(log, " "), #a, table.concat(a, ","))
end

-- Queues: keys move from the front to the back of a window.
do
  for _, size in ipairs { 0, 1, 3, 7, 8, 9, 100, 1000 } do
    local q, head, tail, sum = {}, 1, 1, 0
    for i = 1, size do q[tail] = i tail = tail + 1 end
    for i = 1, 5000 do
      q[tail] = i
      tail = tail + 1
      sum = sum + q[head]
      q[head] = nil
      head = head + 1
      if i % 1000 == 0 then
        local n = 0
        for k, v in pairs(q) do
          n = n + 1
          assert(k >= head and k < tail and v == q[k])
        end
        assert(n == size and q[head - 1] == nil and q[tail] == nil)
      end
    end
    print(size, sum)
  end
  local q = {}
  for i = -50, 50 do q[i * 8] = i end
  for i = -50, 50 do assert(q[i * 8] == i and q[i * 8 + 1] == nil) q[i * 8 - 1] = i end
  for i = -50, 50 do assert(q[i * 8] == i and q[i * 8 - 1] == i) q[i * 8] = nil end
  print(q[-9], q[399], q[400], q[math.maxinteger], q[math.mininteger])
  q[math.maxinteger], q[math.mininteger], q[1 << 40], q[2.0 ^ 53] = 1, 2, 3, 4
  print(q[math.maxinteger], q[math.mininteger], q[2.0 ^ 40], q[1 << 53])
end

-- Strings, and what the string library gains and loses meanwhile.
do
  local function shout(s) return s:upper(), s:len(), s:twice() end
  string.twice = function(s) return s .. s end
  for i = 1, 3 do print(shout("a" .. i)) end
  string.twice = function(s) return s .. "!" end
  print(shout("b"))
  string.twice = nil
  print(pcall(shout, "c"))
  print(pcall(shout, 7))
end

-- Integers and floats at one site.
do
  local function all(a, b) return a + b, a - b, a * b, a / b, a // b, a % b, a + 2, a - 0.5, 2 * a, a / 4 end
  local values = { 3, -3, 0.5, -2.5, 1 << 60, 1e300, math.huge, 7 }
  for _, a in ipairs(values) do
    for _, b in ipairs(values) do print(a, b, all(a, b)) end
  end
  print(all("10", 3))
  print(pcall(all, {}, 1))
  print(pcall(all, 1, "x"))
end
