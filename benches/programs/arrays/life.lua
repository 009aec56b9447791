-- Conway's Game of Life on a torus, rows of small integers.
-- Stresses: neighbour sums over integer rows, double buffering.

local W, H, GENERATIONS = 96, 96, 900

local function blank()
  local grid = {}
  for y = 1, H do
    local row = {}
    for x = 1, W do row[x] = 0 end
    grid[y] = row
  end
  return grid
end

local function step(from, to)
  for y = 1, H do
    local above = from[y > 1 and y - 1 or H]
    local here = from[y]
    local below = from[y < H and y + 1 or 1]
    local out = to[y]
    for x = 1, W do
      local l = x > 1 and x - 1 or W
      local r = x < W and x + 1 or 1
      local n = above[l] + above[x] + above[r] + here[l] + here[r] + below[l] + below[x] + below[r]
      if n == 3 or (n == 2 and here[x] == 1) then
        out[x] = 1
      else
        out[x] = 0
      end
    end
  end
end

local a, b = blank(), blank()
local seed = 2024
for y = 1, H do
  for x = 1, W do
    seed = seed * 16807 % 2147483647
    if seed % 3 == 0 then a[y][x] = 1 end
  end
end

for _ = 1, GENERATIONS do
  step(a, b)
  a, b = b, a
end

local alive, mix = 0, 0
for y = 1, H do
  for x = 1, W do
    alive = alive + a[y][x]
    mix = (mix * 2 + a[y][x]) % 16777213
  end
end

local got = string.format("%d %d", alive, mix)
assert(got == "454 11669755", "life: checksum is " .. got)
print("life " .. got)
