-- Manual 6.6: table manipulation.

local function show(t, n) local out = {} for i = 1, n or #t do out[i] = tostring(t[i]) end return "{" .. table.concat(out, " ") .. "}" end
-- The index of an argument isn't shown: it differs between 5.4 releases.
local function bad(f, ...) print((select(2, pcall(f, ...)):gsub("bad argument #%d", "bad argument"))) end

print("-- concat")
print(table.concat({}), table.concat({ 1, 2, 3 }), table.concat({ "a", "b" }, ", "), table.concat({ 1, 2.5, "x" }, "-"),
  table.concat({ 1, 2, 3 }, ",", 2), table.concat({ 1, 2, 3 }, ",", 2, 3), table.concat({ 1, 2, 3 }, ",", 3, 2),
  table.concat({ 1 }, ",", 1, 1))
print(table.concat({ [5] = "e", [6] = "f" }, "+", 5, 6), #table.concat(setmetatable({}, { __index = function(_, i)
  return "v" .. i
end, __len = function()
  return 50
end }), ","), table.concat({ "x" }, ("sep"):rep(10)), table.concat({ "a", "b", "c" }, "\0") == "a\0b\0c",
  table.concat({ [math.maxinteger] = "max" }, "-", math.maxinteger, math.maxinteger))
bad(table.concat, { 1, {}, 3 })
bad(table.concat, { 1, nil, 3 }, ",", 1, 3)
bad(table.concat, { true })
bad(table.concat)
bad(table.concat, 5)
bad(table.concat, {}, {})
bad(table.concat, { 1 }, ",", "x")
bad(table.concat, {}, ",", 1, 1)

print("-- insert")
local t = {}
table.insert(t, "a")
table.insert(t, "c")
table.insert(t, 2, "b")
table.insert(t, 1, "start")
table.insert(t, 5, "end")
print(show(t))
t = {}
for i = 1, 10 do table.insert(t, 1, i) end
print(show(t))
bad(table.insert, {}, 5, "x")
bad(table.insert, { 1, 2 }, 0, "x")
bad(table.insert, { 1, 2 }, 4, "x")
bad(table.insert, { 1 }, -1, "x")
bad(table.insert, {})
bad(table.insert, {}, 1, 2, 3)
bad(table.insert, 1, 2)
bad(table.insert, {}, "x", 1)
bad(table.insert)
t = {}
table.insert(t, nil)
print(#t)
t = { 1, 2, 3 }
table.insert(t, 2.0, "f")
print(show(t))

print("-- remove")
t = { 1, 2, 3, 4, 5 }
print(table.remove(t), table.remove(t, 1), table.remove(t, 2), show(t))
print(table.remove(t, #t + 1), show(t), table.remove({}), table.remove({}, 0), #t)
t = { n = 0, [0] = "zero" }
print(table.remove(t, 0), t[0])
bad(table.remove, { 1, 2, 3 }, 5)
bad(table.remove, { 1, 2, 3 }, 0)
bad(table.remove, { 1 }, -1)
bad(table.remove)
bad(table.remove, {}, "x")
t = { 1, 2, 3 }
for i = #t, 1, -1 do table.remove(t, i) end
print(#t, select("#", table.remove({})), select("#", table.remove({ 1 })))
t = { "x" }
print(table.remove(t, 1), table.remove(t, 1), #t)
local q = {}
for i = 1, 5 do table.insert(q, i) end
local s = 0
while #q > 0 do s = s * 10 + table.remove(q, 1) end
print(s)

print("-- move")
print(show(table.move({ 1, 2, 3 }, 1, 3, 2)))
print(show(table.move({ 1, 2, 3 }, 2, 3, 1)))
print(show(table.move({ 1, 2, 3 }, 1, 3, 1)))
print(show(table.move({ 1, 2, 3 }, 1, 0, 5)))
print(show(table.move({ 1, 2, 3 }, 1, 3, 1, { 9, 9, 9, 9 })))
print(show(table.move({ 1, 2, 3 }, 1, 3, 3, {}), 5))
local src = { 1, 2, 3 }
local dst = table.move(src, 1, 3, 1, {})
print(dst ~= src, show(dst))
print(show(table.move({ 1, 2, 3, 4, 5 }, 1, 4, 2)))
print(table.move({ [math.maxinteger] = "m" }, math.maxinteger, math.maxinteger, 1)[1],
  table.move({ [math.mininteger] = "n" }, math.mininteger, math.mininteger, 1)[1])
local log = {}
local proxy = setmetatable({}, { __index = function(_, k)
  log[#log + 1] = "r" .. k
  return k
end, __newindex = function(_, k, v)
  log[#log + 1] = "w" .. k
end })
table.move(proxy, 1, 3, 2)
print(table.concat(log, " "))
log = {}
table.move(proxy, 2, 4, 1)
print(table.concat(log, " "))
bad(table.move, {}, 1, math.maxinteger, 2)
bad(table.move, {}, math.mininteger, 0, 1)
bad(table.move, {}, 1, 2)
bad(table.move, 1, 1, 1, 1)
bad(table.move, {}, 1, 2, 3, 4)
bad(table.move, {}, -1, math.maxinteger, 2)
bad(table.move, {}, 1, 2, math.maxinteger)

print("-- pack and unpack")
t = table.pack()
print(t.n, #t)
t = table.pack(1, nil, 3, nil)
print(t.n, t[1], t[3], t[4])
print(table.unpack({ 1, 2, 3 }))
print(table.unpack({ 1, 2, 3 }, 2))
print(table.unpack({ 1, 2, 3 }, 2, 3))
print(table.unpack({ 1, 2 }, 0, 3))
print(select("#", table.unpack({}, 1, 0)), select("#", table.unpack({}, 1, 3)), select("#", table.unpack({ n = 3 })))
print(table.unpack({ [-1] = "a", [0] = "b" }, -1, 0))
print(pcall(table.unpack, {}, 1, 1e8))
print(pcall(table.unpack, {}, math.mininteger, math.maxinteger))
print(pcall(table.unpack, {}, 1, math.maxinteger))
print(table.unpack({ "x" }, math.maxinteger, math.maxinteger))
print(pcall(table.unpack))
print(select("#", table.unpack({}, math.maxinteger, math.mininteger)))
print((table.unpack({ 1, 2 })))
local big = {}
for i = 1, 2000 do big[i] = i end
print(select("#", table.unpack(big)), (select(2000, table.unpack(big))))
print(table.unpack("abc", 1, 2))

print("-- sort")
local function sorted(t, f) table.sort(t, f) return show(t) end
print(sorted { 3, 1, 2 }, sorted {}, sorted { 1 }, sorted { 2, 1 }, sorted { "b", "a", "C" }, sorted { 1.5, 1, 2,
  -1 / 0, 1 / 0 }, sorted { 5, 5, 5 })
print(sorted({ 1, 2, 3 }, function(a, b)
  return a > b
end), sorted({ "aa", "b", "ccc" }, function(a, b)
  return #a < #b
end))
local function check(n, gen, f)
  local a, sum = {}, 0
  for i = 1, n do a[i] = gen(i) sum = sum + a[i] end
  table.sort(a, f)
  for i = 2, n do if f then assert(not f(a[i], a[i - 1])) else assert(a[i - 1] <= a[i]) end sum = sum - a[i] end
  return sum == a[1]
end
local seed = 12345 local function rnd() seed = (seed * 1103515245 + 12345) % 2147483648 return seed end
print(check(1000, rnd), check(1000, function(i)
  return i
end), check(1000, function(i)
  return -i
end), check(1000, function()
  return 7
end), check(1000, function(i)
  return i % 3
end), check(5000, rnd, function(a, b)
  return a > b
end), check(1000, function(i)
  return i % 2 == 0 and i or -i
end), check(777, function(i)
  return rnd() % 1000 / 8
end), check(100, function(i)
  return i < 50 and i or 100 - i
end))
local recs = {}
for i = 1, 200 do recs[i] = { k = rnd() % 50, id = i } end
table.sort(recs, function(a, b) if a.k ~= b.k then return a.k < b.k end return a.id < b.id end)
local ok = true
for i = 2, 200 do
  ok = ok and (recs[i - 1].k < recs[i].k or recs[i - 1].k == recs[i].k and recs[i - 1].id < recs[i].id)
end
print(ok)
local words = {}
for w in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = w end
print(sorted(words))
print(sorted(setmetatable({ 3, 1, 2 }, { __index = error })))
local objs = {}
for i = 1, 20 do objs[i] = setmetatable({ v = (i * 7) % 20 }, { __lt = function(a, b) return a.v < b.v end }) end
table.sort(objs)
print(objs[1].v, objs[20].v)
print(select(2, pcall(table.sort, { 1, "x" })):match("attempt to compare"))
bad(table.sort, { {}, {} })
bad(table.sort, { 1, 2 }, 5)
bad(table.sort)
bad(table.sort, { 3, 2, 1 }, function() error("in the comparison", 0) end)
local okk, e = pcall(table.sort, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, function() return true end)
print(okk or e == "invalid order function for sorting")
bad(table.sort, setmetatable({}, { __len = function() return math.maxinteger end }))
table.sort(setmetatable({}, { __len = function() return -5 end }))
bad(table.sort, setmetatable({}, { __len = function() return "x" end }))
local co = coroutine.wrap(function()
  local a = { 3, 1, 2 }
  table.sort(a, function(x, y) return x < y end)
  coroutine.yield(show(a))
end)
print(co())

print("-- with metamethods")
local store = { "a", "b", "c" }
local view = setmetatable({}, { __index = store, __newindex = store, __len = function() return #store end })
table.insert(view, "d")
table.insert(view, 1, "first")
print(show(store), table.remove(view), table.remove(view, 1), show(store), rawlen(view))
table.sort(view, function(a, b) return a > b end)
print(show(store), table.concat(view, "/"), table.unpack(view))
bad(table.insert, setmetatable({}, { __len = function() return "not a number" end }), 1)
bad(table.concat, setmetatable({}, { __len = function() return {} end }))
bad(table.unpack, setmetatable({}, { __len = function() return 1.5 end }))
print(table.unpack(setmetatable({}, { __len = function() return 2.0 end, __index = function(_, i) return i end })))
