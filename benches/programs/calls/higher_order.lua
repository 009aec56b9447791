-- map, filter, fold, zip and compose over arrays, chained as pipelines.
-- Stresses: calls of unknown function values from short loops, many small closures.

local ROUNDS, LENGTH = 13500, 300

local function map(f, list)
  local out = {}
  for i = 1, #list do out[i] = f(list[i]) end
  return out
end

local function filter(keep, list)
  local out, n = {}, 0
  for i = 1, #list do
    local v = list[i]
    if keep(v) then
      n = n + 1
      out[n] = v
    end
  end
  return out
end

local function fold(f, acc, list)
  for i = 1, #list do acc = f(acc, list[i]) end
  return acc
end

local function zip_with(f, a, b)
  local out = {}
  for i = 1, math.min(#a, #b) do out[i] = f(a[i], b[i]) end
  return out
end

local function compose(f, g)
  return function(x) return f(g(x)) end
end

local function plus(n) return function(x) return x + n end end
local function times(n) return function(x) return x * n end end
local function add(a, b) return a + b end

local base = {}
for i = 1, LENGTH do base[i] = i end

local mix = 0
for round = 1, ROUNDS do
  local step = compose(plus(round % 7), times(3))
  local stepped = map(step, base)
  local odd = filter(function(x) return x % 2 == 1 end, stepped)
  local paired = zip_with(add, stepped, odd)
  local best = fold(function(a, b) return a > b and a or b end, 0, paired)
  mix = (mix * 31 + fold(add, best, odd)) % 1000003
end

local got = string.format("%d", mix)
assert(got == "633715", "higher_order: checksum is " .. got)
print("higher_order " .. got)
