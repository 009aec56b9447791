-- Conditions: comparisons with registers and constants, and, or, not.
local function classify(a, b)
  if a == b then return "equal" end
  if a < b and not (a > 100) then return "less" end
  if a >= 10 or b <= -10 then return "far" end
  return a ~= nil and "more" or "none"
end
print(classify(1, 1), classify(1, 2), classify(20, 3), classify(5, -20), classify(5, 3))
print(pcall(classify, "a", "b"), classify(1, 1.0), classify(2 ^ 53, 2 ^ 53 + 1))
local x = nil
local y = x or 5
local z = x and x.field or y == 5
print(y, z, not x, not not y, x == nil, x == false)
local t = setmetatable({}, { __eq = function() return true end, __lt = function() return false end,
  __le = function() return true end })
local u = setmetatable({}, getmetatable(t))
print(t == u, t < u, t <= u, t > u, t ~= u)
while y > 0 do
  y = y - 2
  if y < 3 then break end
end
repeat local done = y <= -3; y = y - 1 until done
print(y)
