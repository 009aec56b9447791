-- Sums Euler's totient by counting coprime pairs with Euclid's algorithm.
-- Stresses: integer modulo in a data-dependent loop, small calls.

local N = 3200

local function gcd(a, b)
  while b ~= 0 do
    a, b = b, a % b
  end
  return a
end

local total, weighted = 0, 0
for n = 1, N do
  local count = 0
  for k = 1, n do
    if gcd(n, k) == 1 then count = count + 1 end
  end
  total = total + count
  weighted = (weighted * 31 + count) % 1000003
end

local got = string.format("%d %d", total, weighted)
assert(got == "3113268 637005", "totients: checksum is " .. got)
print("totients " .. got)
