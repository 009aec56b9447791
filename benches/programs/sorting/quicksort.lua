-- Quicksort by hand: median of three, insertion sort for short ranges.
-- Stresses: integer array swaps in Lua code, recursion on index ranges.

local LENGTH, ROUNDS = 100000, 15

local function quicksort(a, lo, hi)
  while hi - lo > 12 do
    local mid = lo + math.floor((hi - lo) / 2)
    if a[mid] < a[lo] then a[mid], a[lo] = a[lo], a[mid] end
    if a[hi] < a[lo] then a[hi], a[lo] = a[lo], a[hi] end
    if a[hi] < a[mid] then a[hi], a[mid] = a[mid], a[hi] end
    local pivot = a[mid]
    local i, j = lo, hi
    while i <= j do
      while a[i] < pivot do i = i + 1 end
      while a[j] > pivot do j = j - 1 end
      if i <= j then
        a[i], a[j] = a[j], a[i]
        i, j = i + 1, j - 1
      end
    end
    if j - lo < hi - i then
      quicksort(a, lo, j)
      lo = i
    else
      quicksort(a, i, hi)
      hi = j
    end
  end
  for i = lo + 1, hi do
    local v, j = a[i], i - 1
    while j >= lo and a[j] > v do
      a[j + 1] = a[j]
      j = j - 1
    end
    a[j + 1] = v
  end
end

local seed, mix = 55, 0
for round = 1, ROUNDS do
  local a = {}
  for i = 1, LENGTH do
    seed = seed * 16807 % 2147483647
    a[i] = seed % 1000000
  end
  quicksort(a, 1, LENGTH)
  for i = 2, LENGTH do assert(a[i - 1] <= a[i]) end
  mix = (mix * 31 + a[1] + a[50000] + a[LENGTH] + round) % 1000003
end

local got = string.format("%d", mix)
assert(got == "872366", "quicksort: checksum is " .. got)
print("quicksort " .. got)
