-- Constructors, array, field and dynamic access, nested assignment, length.
local t = { 1, 2, 3, x = 10, ["y z"] = 20, [1 + 3] = 4, nested = { deep = { 5 } } }
t[#t + 1] = t.x + t["y z"]
t.nested.deep[2], t.nested.flag = 6, true
print(#t, t[5], t.nested.deep[2], t.nested.flag, t.missing)
local keys = {}
for k in pairs(t) do keys[#keys + 1] = tostring(k) end
table.sort(keys)
print(table.concat(keys, ","))
local a, b = 1, 2
a, b = b, a
t[a], t[b] = t[b], t[a]
print(a, b, t[1], t[2])
for i = 1, 60 do t[i] = i * 1.5 end
for i = 60, 31, -1 do t[i] = nil end
print(#t, t[30], next({}), rawlen(t), rawget(t, 3))
table.insert(t, 1, "first")
print(table.remove(t), table.remove(t, 1), #table.pack(table.unpack(t, 1, 4)))
t[1.0], t[2 ^ 53] = "one", "big"
print(t[1], t[2 ^ 53], t[1.5])
local log = {}
local proxy = setmetatable({}, { __index = function(_, k) return k .. "!" end,
  __newindex = function(_, k, v) log[k] = v end, __len = function() return 99 end })
proxy.a = 1
print(proxy.a, #proxy, log.a, rawget(proxy, "a"))
