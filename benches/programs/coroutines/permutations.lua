-- All permutations of a small set, yielded from inside a recursive function.
-- Stresses: yields from nested Lua frames, a coroutine that stays deep.

local N, ROUNDS = 9, 8
local yield = coroutine.yield

local function permute(items, n)
  if n == 1 then
    yield(items)
    return
  end
  for i = 1, n do
    items[i], items[n] = items[n], items[i]
    permute(items, n - 1)
    items[i], items[n] = items[n], items[i]
  end
end

local items = {}
for i = 1, N do items[i] = i end

local count, fixed, mix = 0, 0, 0
for _ = 1, ROUNDS do
  for p in coroutine.wrap(function() permute(items, N) end) do
    count = count + 1
    if p[1] == 1 then fixed = fixed + 1 end
    mix = (mix * 11 + p[3] * 10 + p[N]) % 1000003
  end
end

local got = string.format("%d %d %d", count, fixed, mix)
assert(got == "2903040 322560 906145", "permutations: checksum is " .. got)
print("permutations " .. got)
