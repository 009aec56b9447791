-- string.format with integers, floats, hexadecimal, padding and strings.
-- Stresses: number formatting in the library, tostring, short result strings.

local ROUNDS = 340000
local format = string.format

local names = { "alpha", "beta", "gamma", "delta", "epsilon" }
local mix = 0
for i = 1, ROUNDS do
  local name = names[i % 5 + 1]
  local a = format("%s=%d", name, i)
  local b = format("[%08.3f|%-10s|%5d]", i / 7, name, i % 1000)
  local c = format("%x:%02X:%o", i, i % 256, i % 64)
  local d = format("%g %q", i * 0.25, name)
  mix = (mix * 31 + #a + #d + b:byte(9) + c:byte(#c) + d:byte(2)) % 1000003
end

local got = format("%d", mix)
assert(got == "699016", "format: checksum is " .. got)
print("format " .. got)
