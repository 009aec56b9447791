-- Functions that return several values, used in assignments, arguments and constructors.
-- Stresses: multiple results, adjustment to a number of targets, open argument lists, hanoi.

local ROUNDS = 2400000

local function divmod(a, b)
  local r = a % b
  return (a - r) / b, r
end

local function minmax(a, b, c)
  local lo, hi = a, a
  if b < lo then lo = b elseif b > hi then hi = b end
  if c < lo then lo = c elseif c > hi then hi = c end
  return lo, hi
end

local function swap(a, b) return b, a end
local function spread(a, b) return b - a end
local function third(_, _, c) return c end

local function hanoi(n, from, to, via)
  if n == 0 then return 0, from end
  local a = hanoi(n - 1, from, via, to)
  local b, last = hanoi(n - 1, via, to, from)
  return a + b + 1, last
end

local mix = 0
for i = 1, ROUNDS do
  local q, r = divmod(i, 97)
  local width = spread(minmax(r, i % 31, i % 17))
  local x, y, z = swap(q, r)
  if z ~= nil then error("no third result expected") end
  mix = (mix + width * 3 + x + y % 5 + third(i, divmod(i, 10))) % 1000003
end
local moves = hanoi(19, 1, 2, 3)

local got = string.format("%.0f %d", mix, moves)
assert(got == "382576 524287", "multiple_results: checksum is " .. got)
print("multiple_results " .. got)
