-- table.sort with the default order on integers, floats and strings.
-- Stresses: the library's sort, comparisons of numbers and strings without a callback.

local LENGTH, ROUNDS = 30000, 14
local seed = 123

local function random()
  seed = seed * 16807 % 2147483647
  return seed
end

local function digest(list)
  local mix = 0
  for i = 1, #list do
    local v = list[i]
    if type(v) == "string" then v = #v * 256 + v:byte(#v) end
    mix = (mix * 31 + math.floor(v)) % 1000003
  end
  return mix
end

local mix = 0
for round = 1, ROUNDS do
  local ints, floats, strings = {}, {}, {}
  for i = 1, LENGTH do
    ints[i] = random() % 100000
    floats[i] = random() / 1000 + 0.5
    if i <= LENGTH / 3 then strings[i] = "s" .. random() % 50000 end
  end
  table.sort(ints)
  table.sort(floats)
  table.sort(strings)
  for i = 2, LENGTH do assert(ints[i - 1] <= ints[i] and floats[i - 1] <= floats[i]) end
  table.sort(ints)
  mix = (mix * 7 + digest(ints) + digest(floats) + digest(strings) + round) % 1000003
end

local got = string.format("%d", mix)
assert(got == "368805", "table_sort: checksum is " .. got)
print("table_sort " .. got)
