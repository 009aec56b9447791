-- Manual 3.3.5: the numerical and the generic for.

local function run(first, last, step, max)
  local out = {}
  for i = first, last, step or 1 do
    out[#out + 1] = tostring(i)
    if #out >= (max or 10) then out[#out + 1] = "..." break end
  end
  return #out == 0 and "(none)" or table.concat(out, " ")
end

print("-- integer loops")
print(run(1, 5)) print(run(5, 1)) print(run(5, 1, -1)) print(run(1, 1)) print(run(1, 10, 3)) print(run(10, 1, -4))
print(run(-2, 2)) print(run(0, -1)) print(run(3, 3, -1))

print("-- at the edges of the range: no wrap-around")
local maxi, mini = math.maxinteger, math.mininteger
print(run(maxi - 2, maxi))
print(run(maxi, maxi))
print(run(mini, mini + 2))
print(run(mini + 2, mini, -1))
print(run(maxi - 1, maxi, 2))
print(run(mini + 1, mini, -2))
print(run(mini, maxi, maxi))
print(run(maxi, mini, mini))
print(run(mini, maxi, maxi // 2 + 1))
print(run(maxi, mini, -maxi // 2))
print(run(1, maxi, maxi // 3))
print(run(-1, mini, mini))
print(run(maxi, mini)) print(run(mini, maxi, -1))

print("-- a float limit is clipped for an integer loop")
print(run(1, 3.9)) print(run(1, 3.0)) print(run(3, 0.1, -1)) print(run(-1, -3.5, -1))
print(run(1, math.huge, 1, 3)) print(run(1, -math.huge)) print(run(1, -math.huge, -1, 3)) print(run(1, 1e100, 1, 2))
print(run(1, 0 / 0)) print(run(maxi - 1, 2^63)) print(run(mini, -2^63)) print(run(mini, -2^63, -1))
print(run(maxi, 2^53)) print(run(1, 0.5)) print(run(0, -0.5)) print(run(0, -0.5, -1))
for i = 1, 3.7 do io.write(math.type(i), " ") end print()

print("-- float loops")
print(run(1.0, 3)) print(run(1, 2, 0.25)) print(run(1.0, 0)) print(run(0, 1, 0.3)) print(run(1, 0, -0.5)) print(run(0.5, 3))
print(run(1.0, math.huge, 1, 3)) print(run(1e308, math.huge, 1e308))
print(run(-0.0, 0)) print(run(2^53, 2^53 + 4, 1.0, 4)) print(run(1, 3, 1.0)) print(run(3, 1, -1.0))
for i = 1.0, 3 do io.write(math.type(i), " ") end print()
local n = 0
for _ = 0, 1, 0.1 do n = n + 1 end
print(n)

print("-- the loop variable is a copy, the bounds are evaluated once")
for i = 1, 3 do local j = i; i = i * 10; io.write(j, ":", i, " ") end print()
local limit, evaluated = 3, 0
local function lim() evaluated = evaluated + 1 return limit end
for i = lim(), lim() + 2, lim() - 2 do limit = 100 io.write(i, " ") end
print(evaluated)
do
  local i = "outer"
  for i = 1, 2 do end
  print(i)
end
local fns = {}
for i = 1, 3 do fns[i] = function() i = i + 1 return i end end
print(fns[1](), fns[1](), fns[2](), fns[3]())
for i = 1, 2 do local i = i + 100 io.write(i, " ") end print()

print("-- strings are converted, as in arithmetic")
print(run("1", 2)) print(run(1, "2")) print(run(1, 2, "1")) print(run("0x1", "1e0", "1"))

print("-- wrong bounds")
for _, text in ipairs { "for i = nil, 2 do end",
  "for i = 1, {} do end", "for i = 1, 2, true do end", "for i = 1, 2, 0 do end", "for i = 1.0, 2, 0 do end", "for i = 1, 2, 0.0 do end",
  "for i = 1 do end", "for i do end", "for 1 = 1, 2 do end", "for i, j = 1, 2 do end", "for i = 1, 2, 3, 4 do end",
    "for a.b in x do end" } do
  local f, e = load(text, "=s")
  if f then e = select(2, pcall(f)) end
  print(e)
end

print("-- generic for: iterator, state, control, closing value")
local function range(s, c) if c < s then return c + 1, (c + 1) ^ 2 end end
for i, sq in range, 4, 0 do io.write(i, "=", sq, " ") end print()
for i in range, 2, 0 do io.write(i, " ") end print()
for a, b, c, d in range, 1, 0 do print(a, b, c, d) end
for i in function() return nil, "ignored" end do print("never") end
for f in function(_, c) if c == nil then return false end end do print(f) end
local st = {}
for v in function(s, c) assert(s == st) return not c and "once" or nil end, st do print(v) end
local closed
for i in range, 3, 0, setmetatable({}, { __close = function(_, e) closed = tostring(e) end }) do if i == 2 then break end end
print(closed)
pcall(function()
  for _ in range, 3, 0, setmetatable({}, { __close = function(_, e) closed = e end }) do error("in the body", 0) end
end)
print(closed)
local function early()
  for i in range, 9, 0, setmetatable({}, { __close = function() closed = "by return" end }) do return i end
end
print(early(), closed)
for i in range, 5, 0, setmetatable({}, { __close = function() closed = "by goto" end }) do if i == 3 then goto away end end
::away::
print(closed)
print(pcall(function() for _ in range, 1, 0, {} do end end))
print(pcall(function() for _ in range, 1, 0, 5 do end end))
for _ in range, 1, 0, false do end
for _ in range, 1, 0, nil, "extra", "values" do end
print(pcall(function() for _ in "abc" do end end))
print(pcall(function() for _ in {} do end end))
for v in setmetatable({}, { __call = function(self, s, c) return not c and "callable" or nil end }) do print(v) end

print("-- assigning to a loop variable doesn't change the control value")
local seen = {}
for k, v in ipairs { "a", "b", "c" } do seen[#seen + 1] = k .. v; k = 100; v = nil end
print(table.concat(seen, " "))

print("-- pairs: clearing and updating while traversing")
local t = {}
for i = 1, 50 do t[i] = i; t["k" .. i] = i end
local count = 0
for k, v in pairs(t) do count = count + 1; t[k] = nil end
print(count, next(t))
t = {}
for i = 1, 20 do t["k" .. i] = i end
for k, v in pairs(t) do t[k] = v * 2 end
local sum = 0
for _, v in pairs(t) do sum = sum + v end
print(sum)
t = { 1, 2, 3, x = 1, y = 2 }
count = 0
for k in pairs(t) do t.x = nil; t.y = nil; t[1] = nil; t[2] = nil; t[3] = nil; count = count + 1 end
print(count, next(t))
print(pcall(next, {}, "no such key"))
print(next({}), next({ 5 }), next({ 5 }, 1), next({ 5 }, nil))
print(select("#", next({})), pcall(next))
t = { 10, 20, nil, 40 }
local arr = {}
for i, v in ipairs(t) do arr[#arr + 1] = i .. "=" .. v end
print(table.concat(arr, " "))
for i, v in ipairs { n = 1 } do print("never") end
t = {}
for i, v in ipairs { 1, 2, 3 } do t[i] = v if i == 1 then t.grown = true end end
print(#t, t.grown)
arr = { 1 }
for i, v in ipairs(arr) do if i < 5 then arr[i + 1] = v * 2 end end
print(table.concat(arr, " "))

print("-- nested loops over one table")
t = { "a", "b", "c" }
local pairs_seen = {}
for _, p in ipairs(t) do for _, q in pairs(t) do pairs_seen[#pairs_seen + 1] = p .. q end end
print(table.concat(pairs_seen, " "))

print("-- iterators built from closures, and many loop variables")
local function words(s) return s:gmatch("%a+") end
for w in words("the quick brown fox") do io.write(w, ".") end print()
local function zip(...)
  local ts, i = { ... }, 0
  return function()
    i = i + 1
    local row = {}
    for j, u in ipairs(ts) do if u[i] == nil then return nil end row[j] = u[i] end
    return table.unpack(row)
  end
end
for p, q, r in zip({ 1, 2 }, { "a", "b" }, { true, false }) do io.write(tostring(p), q, tostring(r), " ") end print()
local total = 0
for a, b, c, d, e, f, g, h in function(_, k)
  if not k then return 1, 2, 3, 4, 5, 6, 7, 8 end
end do
  total = a + b + c + d + e + f + g + h
end
print(total)
