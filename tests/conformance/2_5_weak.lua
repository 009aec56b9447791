-- Manual 2.5.4: weak tables and ephemerons.

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end
local function collect() collectgarbage() collectgarbage() end

print("-- weak values")
local keep = {}
local t = setmetatable({}, { __mode = "v" })
t[1] = keep; t[2] = {}; t.x = {}; t.y = keep; t.z = function() return t end
t.number = 5; t.string = "text" .. #t; t.bool = true
collect()
print(t[1] == keep, t[2], t.x, t.y == keep, t.z, t.number, t.string, t.bool)
print(count(t))

print("-- weak keys")
t = setmetatable({}, { __mode = "k" })
t[keep] = "kept"; t[{}] = "lost"; t["string"] = {}; t[1] = {}
t[function() return t end] = 1
t[coroutine.create(print)] = 2
collect()
print(t[keep], count(t), type(t.string), type(t[1]))

print("-- weak keys and values")
t = setmetatable({}, { __mode = "kv" })
t[keep] = {}; t[{}] = keep; t[1] = keep; t[2] = {}
collect()
print(count(t), t[1] == keep)

print("-- strings and numbers are values, not objects: never removed")
t = setmetatable({}, { __mode = "kv" })
for i = 1, 10 do t["key" .. i] = "value" .. i; t[i] = i; t[i + 0.5] = i % 2 == 0 end
collect()
print(count(t), t.key7, t[3], t[3.5])

print("-- an array of weak values")
t = setmetatable({}, { __mode = "v" })
for i = 1, 100 do t[i] = i % 10 == 0 and keep or {} end
collect()
print(count(t), t[10] == keep, t[11])

print("-- ephemerons: a value reachable only through its own key doesn't keep it")
local e = setmetatable({}, { __mode = "k" })
do
  local k = {}
  e[k] = { k }
end
do
  local k = {}
  e[k] = function() return k end
end
collect()
print(count(e))

print("-- chains of ephemerons live and die together")
local head = {}
do
  local k = head
  for i = 1, 200 do
    local nextkey = { i }
    e[k] = nextkey
    k = nextkey
  end
end
collect()
print(count(e))
do
  local k, n = head, 0
  while e[k] do k = e[k]; n = n + 1 end
  print(n, k[1])
end
head = nil
collect()
print(count(e))

print("-- the same across two tables, inserted in an unhelpful order")
local e1 = setmetatable({}, { __mode = "k" })
local e2 = setmetatable({}, { __mode = "k" })
local root = {}
do
  local keys = { root }
  for i = 2, 100 do keys[i] = { i } end
  for i = 99, 1, -1 do
    (i % 2 == 0 and e1 or e2)[keys[i]] = keys[i + 1]
  end
end
collect()
print(count(e1), count(e2))
root = nil
collect()
print(count(e1), count(e2))

print("-- a private attribute table")
local private = setmetatable({}, { __mode = "k" })
local function object(v) local o = {} private[o] = { value = v, owner = o } return o end
local o1 = object(1)
object(2); object(3)
collect()
print(count(private), private[o1].value, private[o1].owner == o1)

print("-- finalized objects leave weak values first, weak keys after their finalizer")
local values = setmetatable({}, { __mode = "v" })
local keys = setmetatable({}, { __mode = "k" })
local seen
do
  local o = setmetatable({}, { __gc = function(self)
    seen = tostring(values.o) .. " " .. tostring(keys[self])
  end })
  values.o = o
  keys[o] = "still here"
end
collect()
print(seen, count(values), count(keys))

print("-- resurrected as a value, gone from weak values")
local phoenix
do
  local o = setmetatable({ "phoenix" }, { __gc = function(self) phoenix = self end })
  values.p = o
end
collect()
print(phoenix[1], values.p)
phoenix = nil

print("-- changing the mode")
t = setmetatable({}, { __mode = "k" })
t.a = {}
collect()
print(type(t.a))
setmetatable(t, { __mode = "v" })
collect()
print(t.a)
t.a = {}
setmetatable(t, nil)
collect()
print(type(t.a))
local mt = {}
t = setmetatable({ {}, {} }, mt)
mt.__mode = "v"
setmetatable(t, mt)
collect()
print(#t)

print("-- clearing during a traversal")
t = setmetatable({}, { __mode = "k" })
for i = 1, 50 do t[{}] = i end
local n = 0
for k in pairs(t) do
  n = n + 1
  t[k] = nil
  if n % 10 == 0 then collectgarbage() end
end
print(n <= 50, next(t))

print("-- a cache of weak values, refilled")
local made = 0
local cache = setmetatable({}, { __mode = "v" })
local function get(k)
  local v = cache[k]
  if not v then made = made + 1; v = { k }; cache[k] = v end
  return v
end
local a = get("a")
print(get("a") == a, made)
get("b"); collect(); get("b")
print(get("a") == a, made)
