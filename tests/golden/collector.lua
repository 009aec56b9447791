-- Weak tables, finalizers, resurrection, and the modes of the collector.
local weak, ephemeron = setmetatable({}, { __mode = "v" }), setmetatable({}, { __mode = "k" })
local kept = {}
for i = 1, 20 do
  local o = { i }
  weak[i], ephemeron[o] = o, { o }
  if i % 5 == 0 then kept[#kept + 1] = o end
end
collectgarbage()
local n, m = 0, 0
for _ in pairs(weak) do n = n + 1 end
for _ in pairs(ephemeron) do m = m + 1 end
print(n, m, #kept)
local order, dying = {}, {}
for i = 1, 5 do dying[i] = setmetatable({}, { __gc = function() order[#order + 1] = i end }) end
dying = nil
collectgarbage()
print(table.concat(order, " "))
local saved
do
  local o = setmetatable({ "alive" }, { __gc = function(self) saved = self end })
end
collectgarbage()
print(saved and saved[1])
collectgarbage("generational")
local list
for i = 1, 2000 do list = { next = i % 100 ~= 0 and list or nil, text = "t" .. i } end
collectgarbage("step")
collectgarbage("incremental")
for i = 1, 2000 do list = { next = i % 100 ~= 0 and list or nil, f = function() return i end } end
print(list.f(), collectgarbage("count") > 0)
