-- Dynamic programming over integer arrays: 0/1 knapsack and longest increasing subsequence.
-- Stresses: integer array reads and writes in both directions, max by comparison.

local ITEMS, CAPACITY = 900, 20000
local seed = 99

local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n + 1
end

local function knapsack()
  local best = {}
  for c = 0, CAPACITY do best[c] = 0 end
  for _ = 1, ITEMS do
    local weight, value = random(300), random(500)
    for c = CAPACITY, weight, -1 do
      local with = best[c - weight] + value
      if with > best[c] then best[c] = with end
    end
  end
  return best[CAPACITY]
end

local function longest_increasing(n)
  local seq, len = {}, {}
  local longest = 0
  for i = 1, n do
    local x, l = random(100000), 0
    for j = 1, i - 1 do
      if seq[j] < x and len[j] > l then l = len[j] end
    end
    seq[i], len[i] = x, l + 1
    if l + 1 > longest then longest = l + 1 end
  end
  return longest
end

local got = string.format("%d %d", knapsack(), longest_increasing(6500))
assert(got == "98621 154", "knapsack: checksum is " .. got)
print("knapsack " .. got)
