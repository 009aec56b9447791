-- A prime sieve in which each prime is a coroutine that filters the stream before it.
-- Stresses: a long chain of suspended coroutines, resumes nested hundreds deep.

local PRIMES, LIMIT = 170, 330000
local wrap, yield = coroutine.wrap, coroutine.yield

local function numbers()
  return wrap(function()
    local n = 2
    while true do
      yield(n)
      n = n + 1
    end
  end)
end

local function without_multiples(prime, source)
  return wrap(function()
    while true do
      local n = source()
      if n % prime ~= 0 then yield(n) end
    end
  end)
end

-- The chain's depth stays below the limit of nested resumes (about 200).
local source, sum, last = numbers(), 0, 0
for _ = 1, PRIMES do
  last = source()
  sum = sum + last
  source = without_multiples(last, source)
end

-- Numbers up to the square of the last prime that pass the whole chain are prime too.
local passed = 0
while true do
  local n = source()
  if n >= LIMIT then break end
  passed = passed + 1
  sum = sum + n
end

local got = string.format("%d %d %d", last, passed, sum)
assert(got == "1013 28234 4467656215", "sieve_chain: checksum is " .. got)
print("sieve_chain " .. got)
