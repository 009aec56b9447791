-- Bottom-up merge sort of records by key, stable, with one scratch array.
-- Stresses: copying references between arrays, field comparison, sequential access.

local LENGTH, ROUNDS = 40000, 12
local min = math.min

local function mergesort(list)
  local n, from, to = #list, list, {}
  local width = 1
  while width < n do
    local lo = 1
    while lo <= n do
      local mid, hi = min(lo + width, n + 1), min(lo + 2 * width, n + 1)
      local i, j = lo, mid
      for k = lo, hi - 1 do
        if i < mid and (j >= hi or from[i].key <= from[j].key) then
          to[k] = from[i]
          i = i + 1
        else
          to[k] = from[j]
          j = j + 1
        end
      end
      lo = hi
    end
    from, to = to, from
    width = width * 2
  end
  return from
end

local seed, mix = 2, 0
for round = 1, ROUNDS do
  local list = {}
  for i = 1, LENGTH do
    seed = seed * 16807 % 2147483647
    list[i] = { key = seed % 5000, order = i }
  end
  local sorted = mergesort(list)
  for i = 2, LENGTH do
    local a, b = sorted[i - 1], sorted[i]
    assert(a.key < b.key or (a.key == b.key and a.order < b.order))
  end
  mix = (mix * 31 + sorted[1].order + sorted[LENGTH].order + round) % 1000003
end

local got = string.format("%d", mix)
assert(got == "340979", "mergesort: checksum is " .. got)
print("mergesort " .. got)
