-- Wrapping 64-bit arithmetic: hashes, generators, floor division, powers and population counts.
-- Stresses: integer overflow, `//` and `%` with negative operands, bit operators, integer for loops.
-- Needs: Lua 5.4

local ROUNDS <const> = 6000000

local function splitmix(state)
  state = state + 0x9E3779B97F4A7C15
  local z = state
  z = (z ~ z >> 30) * 0xBF58476D1CE4E5B9
  z = (z ~ z >> 27) * 0x94D049BB133111EB
  return state, z ~ z >> 31
end

local function population(x)
  x = x - (x >> 1 & 0x5555555555555555)
  x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333)
  x = x + (x >> 4) & 0x0F0F0F0F0F0F0F0F
  return x * 0x0101010101010101 >> 56
end

local function fnv(text)
  local hash = 0xCBF29CE484222325
  for i = 1, #text do hash = (hash ~ text:byte(i)) * 0x600000001B3 end
  return hash
end

local state, value, ones, quotients, hash = 1, 0, 0, 0, 0
for i = 1, ROUNDS do
  state, value = splitmix(state)
  ones = ones + population(value)
  local divisor = (value & 1023) - 512
  if divisor == 0 then goto continue end
  quotients = quotients + value // divisor - value % divisor
  if i & 15 == 0 then hash = hash ~ fnv("key" .. (i & 255)) end
  ::continue::
end

local got = string.format("%d %d %x", ones, quotients, hash)
assert(got == "192009378 8101970409722332965 de336f29a799d6f", "int64: checksum is " .. got)
print("int64 " .. got)
