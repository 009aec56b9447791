-- Functions of variable arity: sums, forwarding, selection, packing and unpacking.
-- Stresses: `...` expansion, select, table constructors from varargs, unpack.

local ROUNDS = 1000000
local select = select
local unpack = table.unpack or unpack

local function sum(...)
  local total = 0
  for i = 1, select("#", ...) do total = total + (select(i, ...)) end
  return total
end

local function packed_sum(...)
  local args, total = { ... }, 0
  for i = 1, #args do total = total + args[i] end
  return total
end

local function forward(f, ...) return f(...) end

local function rotate(first, ...)
  if first == nil then return 0 end
  return first - forward(sum, ...)
end

local function bind(f, ...)
  local bound = { ... }
  return function(x) return f(x, unpack(bound)) end
end

local biased = bind(sum, 10, 20, 30)
local list = { 1, 2, 3, 4, 5, 6 }
local mix = 0
for i = 1, ROUNDS do
  list[i % 6 + 1] = i % 11
  local a = sum(i, 2, 3)
  local b = packed_sum(i, unpack(list))
  local c = rotate(i, 1, 2, 3)
  mix = (mix * 3 + a + b - c + biased(i)) % 1000003
end

local got = string.format("%d", mix)
assert(got == "364532", "varargs: checksum is " .. got)
print("varargs " .. got)
