-- Primes by a segmented sieve.
--
--   vm run primes.lua [LIMIT]        (default 1000000)
--
-- Counts the primes up to LIMIT without keeping one flag per number: only the
-- primes up to its square root stay in memory, and a window slides over the
-- rest. Also finds the largest gap and the twin primes on the way.

local limit = math.tointeger(tonumber(arg and arg[1] or 1000000))
if not limit or limit < 2 then
  io.stderr:write("usage: primes.lua LIMIT   (an integer of at least 2)\n")
  os.exit(1)
end

-- The primes up to n, by the plain sieve of Eratosthenes.
local function small_primes(n)
  local composite, primes = {}, {}
  for i = 2, n do
    if not composite[i] then
      primes[#primes + 1] = i
      for j = i * i, n, i do composite[j] = true end
    end
  end
  return primes
end

-- Calls visit(p) for each prime p up to n, in order.
local function each_prime(n, visit)
  local root <const> = math.floor(math.sqrt(n)) + 1
  local base = small_primes(root)
  for i = 1, #base do
    if base[i] > n then return end
    visit(base[i])
  end
  local window <const> = 1 << 15
  local flags = {}
  for low = root + 1, n, window do
    local high = math.min(low + window - 1, n)
    for i = 0, high - low do flags[i] = true end
    for _, p in ipairs(base) do
      if p * p > high then break end
      local first = math.max(p * p, (low + p - 1) // p * p)
      for multiple = first, high, p do flags[multiple - low] = false end
    end
    for i = 0, high - low do
      if flags[i] then visit(low + i) end
    end
  end
end

local count, sum, twins, last = 0, 0, 0, nil
local gap, gap_after = 0, nil
local tail = {}
each_prime(limit, function(p)
  count = count + 1
  sum = sum + p
  if last then
    if p - last == 2 then twins = twins + 1 end
    if p - last > gap then gap, gap_after = p - last, last end
  end
  last = p
  tail[(count - 1) % 5 + 1] = p
end)

print(("%d primes up to %d, their sum is %d"):format(count, limit, sum))
print(("%d pairs of twins"):format(twins))
if gap_after then print(("largest gap: %d, after %d"):format(gap, gap_after)) end
table.sort(tail)
print("the last ones: " .. table.concat(tail, " "))
