-- To-be-closed variables on every way out of a block.
local function resource(name)
  return setmetatable({}, { __close = function(_, e) print("close " .. name, e and tostring(e):gsub("^.-:%d+: ", "")) end })
end
do
  local a <close> = resource("a")
  local b <close> = resource("b")
  print("body")
end
local function early(n)
  local c <close> = resource("c" .. n)
  if n == 1 then return "returned", n end
  for i = 1, 3 do
    local d <close> = resource("d" .. i)
    if i == 2 then break end
  end
  if n == 3 then error("failed") end
  return (early(n - 1))
end
print(early(1))
print(early(2))
print(pcall(early, 3))
local k = 0
::again::
do
  local e <close> = resource("e" .. k)
  k = k + 1
  if k < 3 then goto again end
end
for i, v in function(_, i) if i < 2 then return i + 1 end end, nil, 0, resource("iterator") do print("step", i) end
local co = coroutine.wrap(function()
  local f <close> = resource("f")
  coroutine.yield("yielded")
  return "done"
end)
print(co(), co())
print(pcall(function() local bad <close> = 42 end))
