-- Points and pairs that die at once: constructors with fields, with items, and empty.
-- Stresses: table constructors of constant layout, allocation and reclaiming throughput.

local ROUNDS = 1500000

local function midpoint(a, b) return { x = (a.x + b.x) / 2, y = (a.y + b.y) / 2 } end

local p, sum, lengths = { x = 1.0, y = 2.0 }, 0, 0
for i = 1, ROUNDS do
  local q = { x = i % 10, y = i % 7 }
  p = midpoint(p, q)
  local triple = { i, i + 1, i + 2 }
  sum = (sum + triple[1] + triple[3]) % 1000003
  local empty = {}
  empty[1] = triple
  lengths = lengths + #empty + #triple
end

local got = string.format("%d %d %.9g %.9g", sum, lengths, p.x, p.y)
assert(got == "750009 6000000 4.00488759 4.11023622", "small_tables: checksum is " .. got)
print("small_tables " .. got)
