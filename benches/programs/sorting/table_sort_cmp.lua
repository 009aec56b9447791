-- table.sort with comparison functions over records: by one field, by two, descending.
-- Stresses: callbacks from the library's sort, field access in the comparison.

local LENGTH, ROUNDS = 12000, 13
local seed = 321

local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

local function by_score(a, b) return a.score < b.score or (a.score == b.score and a.id < b.id) end
local function by_name(a, b)
  if a.name ~= b.name then return a.name < b.name end
  return a.id > b.id
end
local function descending(a, b) return a > b end

local mix = 0
for round = 1, ROUNDS do
  local records, numbers = {}, {}
  for i = 1, LENGTH do
    records[i] = { id = i, score = random(500), name = "n" .. random(3000) }
    numbers[i] = random(1000000)
  end
  table.sort(records, by_score)
  mix = (mix * 31 + records[1].id + records[LENGTH].id) % 1000003
  table.sort(records, by_name)
  mix = (mix * 31 + records[7].id + records[LENGTH - 7].id) % 1000003
  table.sort(numbers, descending)
  for i = 2, LENGTH do assert(numbers[i - 1] >= numbers[i]) end
  mix = (mix * 31 + numbers[100] + round) % 1000003
end

local got = string.format("%d", mix)
assert(got == "588437", "table_sort_cmp: checksum is " .. got)
print("table_sort_cmp " .. got)
