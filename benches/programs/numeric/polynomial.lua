-- Newton's method and Horner evaluation with unrolled coefficients.
-- Stresses: long float expressions with constants, numeric for with a float step.

local SEEDS = 900000
local abs = math.abs

local function value(x)
  return ((((x - 15.0) * x + 85.0) * x - 225.0) * x + 274.0) * x - 120.0
end

local function slope(x)
  return (((5.0 * x - 60.0) * x + 255.0) * x - 450.0) * x + 274.0
end

local function root(x)
  for step = 1, 60 do
    local d = slope(x)
    if d == 0.0 then return x, step end
    local nextx = x - value(x) / d
    if abs(nextx - x) < 1e-12 then return nextx, step end
    x = nextx
  end
  return x, 60
end

local counts = { 0, 0, 0, 0, 0 }
local steps = 0
for x = 0.0, 6.0, 6.0 / SEEDS do
  local r, n = root(x)
  local nearest = math.floor(r + 0.5)
  counts[nearest] = counts[nearest] + 1
  steps = steps + n
end

local got = string.format("%d %d %d %d %d", counts[1], counts[2], counts[3], counts[4], counts[5])
assert(got == "239312 141358 138661 141358 239311", "polynomial: checksum is " .. got)
assert(steps > SEEDS)
print("polynomial " .. got)
