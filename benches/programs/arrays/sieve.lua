-- Sieve of Eratosthenes over a boolean array, rebuilt several times.
-- Stresses: array stores of booleans with a stride, sequential reads.

local LIMIT, ROUNDS = 1000000, 14

local function sieve(limit)
  local composite = {}
  for i = 1, limit do composite[i] = false end
  local i = 2
  while i * i <= limit do
    if not composite[i] then
      for j = i * i, limit, i do composite[j] = true end
    end
    i = i + 1
  end
  local count, last = 0, 0
  for n = 2, limit do
    if not composite[n] then
      count = count + 1
      last = n
    end
  end
  return count, last
end

local count, last, sum = 0, 0, 0
for round = 1, ROUNDS do
  count, last = sieve(LIMIT - round * 1000)
  sum = sum + count
end

local got = string.format("%d %d %d", count, last, sum)
assert(got == "77495 985997 1091422", "sieve: checksum is " .. got)
print("sieve " .. got)
