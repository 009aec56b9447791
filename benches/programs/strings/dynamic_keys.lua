-- Makes short strings at run time and uses them as table keys and in comparisons.
-- Stresses: string hashing and interning, equality and ordering, grouping by prefix.

local ROUNDS, KEYS = 72, 30000

local mix = 0
for round = 1, ROUNDS do
  local seen, groups, order = {}, {}, {}
  for i = 1, KEYS do
    local key = "k" .. (i * 7919 + round) % 9973
    local count = seen[key]
    if not count then
      order[#order + 1] = key
      seen[key] = 1
    else
      seen[key] = count + 1
    end
    local prefix = key:sub(1, 3)
    groups[prefix] = (groups[prefix] or 0) + i % 5
  end
  local ascending = 0
  for i = 2, #order do
    if order[i - 1] < order[i] then ascending = ascending + 1 end
  end
  local sum = 0
  for prefix, total in pairs(groups) do sum = sum + total * prefix:byte(-1) end
  mix = (mix * 31 + ascending + sum + #order + seen.k17) % 1000003
end

local got = string.format("%d", mix)
assert(got == "312291", "dynamic_keys: checksum is " .. got)
print("dynamic_keys " .. got)
