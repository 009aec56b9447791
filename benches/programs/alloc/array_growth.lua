-- Arrays that grow by appending, hash tables that grow by new keys, both thrown away.
-- Stresses: resizing of array and hash parts, constructors of mixed form.

local ROUNDS = 12500

local mix = 0
for round = 1, ROUNDS do
  local list = {}
  for i = 1, 1500 do list[i] = i * round end
  local map = {}
  for i = 1, 300 do map[i * 64 + round] = i end
  local names = {}
  for i = 1, 60 do names["n" .. i] = { i, i + 1, size = i } end
  local rows = {}
  for i = 1, 40 do rows[i] = { i, i, i, i } end
  mix = (mix * 31 + #list + list[700] + map[64 + round] + names.n9.size + #rows) % 1000003
end

local got = string.format("%d", mix)
assert(got == "819099", "array_growth: checksum is " .. got)
print("array_growth " .. got)
