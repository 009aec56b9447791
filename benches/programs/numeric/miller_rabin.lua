-- Counts primes below a bound with a deterministic Miller-Rabin test.
-- Stresses: integer products and remainders, halving with math.floor, early exits.

local FROM, TO = 1000001, 2250001
local floor = math.floor

local function powmod(base, exponent, modulus)
  local result = 1
  base = base % modulus
  while exponent > 0 do
    if exponent % 2 == 1 then result = result * base % modulus end
    base = base * base % modulus
    exponent = floor(exponent / 2)
  end
  return result
end

local function is_prime(n)
  if n < 2 then return false end
  if n % 2 == 0 then return n == 2 end
  local odd, twos = n - 1, 0
  while odd % 2 == 0 do
    odd = floor(odd / 2)
    twos = twos + 1
  end
  -- Bases 2, 3, 5, 7 decide every n below 3,215,031,751.
  local base = 2
  while base <= 7 do
    if base >= n then break end
    local x = powmod(base, odd, n)
    if x ~= 1 and x ~= n - 1 then
      local witness = true
      for _ = 2, twos do
        x = x * x % n
        if x == n - 1 then
          witness = false
          break
        end
      end
      if witness then return false end
    end
    base = base == 2 and 3 or base + 2
  end
  return true
end

local count, mix = 0, 0
for n = FROM, TO, 2 do
  if is_prime(n) then
    count = count + 1
    mix = (mix * 17 + n) % 999983
  end
end

local got = string.format("%d %d", count, mix)
assert(got == "87583 690755", "miller_rabin: checksum is " .. got)
print("miller_rabin " .. got)
