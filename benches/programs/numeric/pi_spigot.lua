-- Decimal digits of pi by a spigot over an integer array.
-- Stresses: integer arithmetic with explicit remainder and floor division, one array.

local DIGITS = 2300
local floor = math.floor

local length = floor(DIGITS * 10 / 3) + 1
local cells = {}
for i = 1, length do cells[i] = 2 end

local out = {}
local nines, held = 0, nil

local function release(carry)
  if held then out[#out + 1] = held + carry end
  for _ = 1, nines do out[#out + 1] = carry == 1 and 0 or 9 end
  nines = 0
end

for _ = 1, DIGITS do
  local q = 0
  for i = length, 2, -1 do
    local x = 10 * cells[i] + q * i
    local divisor = 2 * i - 1
    local rest = x % divisor
    cells[i] = rest
    q = floor((x - rest) / divisor)
  end
  local x = 10 * cells[1] + q
  cells[1] = x % 10
  q = floor(x / 10)
  if q == 9 then
    nines = nines + 1
  elseif q == 10 then
    release(1)
    held = 0
  else
    release(0)
    held = q
  end
end
release(0)

local mix = 0
for i = 1, #out do mix = (mix * 10 + out[i]) % 99999989 end
local head = {}
for i = 1, 10 do head[i] = string.format("%d", out[i]) end

local got = string.format("%s %d %d", table.concat(head), #out, mix)
assert(got == "3141592653 2300 57356490", "pi_spigot: checksum is " .. got)
print("pi_spigot " .. got)
