-- Builds and walks complete binary trees of several depths, one kept for the whole run.
-- Stresses: allocation of small records, garbage collection with a live structure.

local DEPTH = 16

local function build(depth)
  if depth == 0 then return {} end
  return { left = build(depth - 1), right = build(depth - 1) }
end

local function count(tree)
  if not tree.left then return 1 end
  return 1 + count(tree.left) + count(tree.right)
end

local kept = build(DEPTH)
local total, mix = 0, 0
for depth = 4, DEPTH, 2 do
  local rounds = math.floor(2 ^ (DEPTH - depth + 2))
  local sum = 0
  for _ = 1, rounds do sum = sum + count(build(depth)) end
  total = total + sum
  mix = (mix * 31 + sum) % 1000003
end

local got = string.format("%d %d %d", total, mix, count(kept))
assert(got == "3648172 725543 131071", "binary_trees: checksum is " .. got)
print("binary_trees " .. got)
