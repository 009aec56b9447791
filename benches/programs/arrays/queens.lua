-- All placements of N queens, with flag arrays for columns and diagonals.
-- Stresses: recursion with boolean array tests and undo.

local N = 10

local columns, rising, falling, place = {}, {}, {}, {}
for i = 1, N do columns[i] = true end
for i = 1, 2 * N do rising[i], falling[i] = true, true end

local solutions, mix = 0, 0

local function try(row)
  if row > N then
    solutions = solutions + 1
    for i = 1, N do mix = (mix * 3 + place[i] * i) % 1000003 end
    return
  end
  for col = 1, N do
    local up, down = row + col - 1, row - col + N
    if columns[col] and rising[up] and falling[down] then
      columns[col], rising[up], falling[down] = false, false, false
      place[row] = col
      try(row + 1)
      columns[col], rising[up], falling[down] = true, true, true
    end
  end
end

for _ = 1, 62 do try(1) end

local got = string.format("%d %d", solutions, mix)
assert(got == "44888 29138", "queens: checksum is " .. got)
print("queens " .. got)
