-- Estimates pi by throwing points from a linear congruential generator.
-- Stresses: an upvalue updated by a hot function, integer modulo next to float arithmetic.

local POINTS = 8000000

local state = 42
local function random()
  state = state * 16807 % 2147483647
  return state / 2147483647
end

local hits = 0
for _ = 1, POINTS do
  local x, y = random(), random()
  if x * x + y * y <= 1.0 then hits = hits + 1 end
end

local got = string.format("%d %d", hits, state)
assert(got == "6284158 2062594758", "monte_carlo: checksum is " .. got)
print("monte_carlo " .. got)
