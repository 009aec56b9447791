-- Heat spreading on a plate: grids are filled with integer 0 first and hold floats later.
-- Stresses: arrays whose element type changes after creation, neighbour reads.

local N, STEPS = 120, 1150

local function zeros(n)
  local grid = {}
  for i = 1, n do
    local row = {}
    for j = 1, n do row[j] = 0 end
    grid[i] = row
  end
  return grid
end

local function relax(from, to)
  for i = 2, N - 1 do
    local up, here, down, out = from[i - 1], from[i], from[i + 1], to[i]
    for j = 2, N - 1 do
      out[j] = 0.25 * (up[j] + down[j] + here[j - 1] + here[j + 1])
    end
  end
end

local a, b = zeros(N), zeros(N)
for j = 1, N do
  a[1][j], b[1][j] = 100, 100
  a[N][j], b[N][j] = j / 2, j / 2
end
for _ = 1, STEPS do
  relax(a, b)
  relax(b, a)
end

local sum = 0.0
for i = 1, N do
  for j = 1, N do sum = sum + a[i][j] end
end

local got = string.format("%.9g %.9g", sum, a[5][60])
assert(got == "331923.721 90.2820618", "zero_matrix: checksum is " .. got)
print("zero_matrix " .. got)
