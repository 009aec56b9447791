-- Captured locals: shared, per iteration, nested, assigned after creation.
local function counter()
  local n = 0
  return function() n = n + 1 return n end, function(v) n = v end
end
local next, set = counter()
print(next(), next(), set(10), next())
local list = {}
for i = 1, 3 do
  local j = i * 10
  list[i] = function(d) j = j + d return i, j end
end
for _, f in ipairs(list) do print(f(1)) end
print(list[2](5))
local function nest(a)
  return function(b)
    return function(c) a = a + 1 return a + b + c end
  end
end
local inner = nest(1)(2)
print(inner(3), inner(3))
do
  local k = 0
  ::top::
  local captured = k
  list[#list + 1] = function() return captured end
  k = k + 1
  if k < 3 then goto top end
end
print(list[4](), list[5](), list[6]())
local x <const> = 42
print((function() return x, _ENV == _G end)())
