-- Compares the leaf sequences of trees by walking both with recursive generators.
-- Stresses: a coroutine per tree node, yields handed up through every level.

local DEPTH, ROUNDS = 9, 640
local wrap, yield = coroutine.wrap, coroutine.yield

local function build(depth, from, lean)
  if depth == 0 then return { leaf = from }, from + 1 end
  local l, r
  l, from = build(depth - 1, from, lean)
  r, from = build(lean and depth > 1 and depth - 2 or depth - 1, from, lean)
  return { left = l, right = r }, from
end

local leaves
function leaves(tree)
  return wrap(function()
    if tree.leaf then
      yield(tree.leaf)
    else
      for v in leaves(tree.left) do yield(v) end
      for v in leaves(tree.right) do yield(v) end
    end
  end)
end

local function same_fringe(a, b)
  local next_a, next_b, n = leaves(a), leaves(b), 0
  while true do
    local x, y = next_a(), next_b()
    if x ~= y then return false, n end
    if x == nil then return true, n end
    n = n + 1
  end
end

local full, again = build(DEPTH, 1), build(DEPTH, 1)
local lean = build(DEPTH, 1, true)

local mix = 0
for round = 1, ROUNDS do
  local equal, n = same_fringe(full, round % 2 == 0 and again or lean)
  mix = (mix * 31 + n + (equal and 1 or 0)) % 1000003
end

local got = string.format("%d", mix)
assert(got == "423776", "tree_walk: checksum is " .. got)
print("tree_walk " .. got)
