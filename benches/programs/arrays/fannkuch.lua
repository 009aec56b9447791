-- Longest pancake-flip sequence over all permutations of N elements.
-- Stresses: permuting small integer arrays, reversal loops.

local N = 9

local function fannkuch(n)
  local perm, work, count = {}, {}, {}
  for i = 1, n do
    perm[i] = i
    count[i] = i
  end
  local checksum, longest, sign = 0, 0, 1
  while true do
    local first = perm[1]
    if first ~= 1 then
      for i = 1, n do work[i] = perm[i] end
      local flips = 0
      repeat
        flips = flips + 1
        local lo, hi = 1, first
        while lo < hi do
          work[lo], work[hi] = work[hi], work[lo]
          lo, hi = lo + 1, hi - 1
        end
        first = work[1]
      until first == 1
      if flips > longest then longest = flips end
      checksum = checksum + sign * flips
    end
    -- The next permutation: swap when even, rotate prefixes when odd.
    if sign == 1 then
      perm[1], perm[2] = perm[2], perm[1]
      sign = -1
    else
      perm[2], perm[3] = perm[3], perm[2]
      sign = 1
      local i = 3
      while count[i] == 1 do
        if i == n then return checksum, longest end
        count[i] = i
        i = i + 1
        local head = perm[1]
        for j = 1, i - 1 do perm[j] = perm[j + 1] end
        perm[i] = head
      end
      count[i] = count[i] - 1
    end
  end
end

-- `count[i]` starts at i and is spent from 3 upwards, so that each prefix is rotated i times.
local checksum, longest
for _ = 1, 3 do checksum, longest = fannkuch(N) end

local got = string.format("%d %d", checksum, longest)
assert(got == "8629 30", "fannkuch: checksum is " .. got)
print("fannkuch " .. got)
