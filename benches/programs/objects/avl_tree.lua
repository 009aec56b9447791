-- A balanced search tree with nil-able children: insert, look up, delete, walk.
-- Stresses: recursive methods on records, field writes after creation, nil tests.

local KEYS, ROUNDS = 3000, 40

local function height(node) return node and node.height or 0 end

local function update(node)
  local l, r = height(node.left), height(node.right)
  node.height = (l > r and l or r) + 1
  return l - r
end

local function rotate_right(node)
  local pivot = node.left
  node.left, pivot.right = pivot.right, node
  update(node)
  update(pivot)
  return pivot
end

local function rotate_left(node)
  local pivot = node.right
  node.right, pivot.left = pivot.left, node
  update(node)
  update(pivot)
  return pivot
end

local function balance(node)
  local lean = update(node)
  if lean > 1 then
    if height(node.left.left) < height(node.left.right) then node.left = rotate_left(node.left) end
    return rotate_right(node)
  elseif lean < -1 then
    if height(node.right.right) < height(node.right.left) then node.right = rotate_right(node.right) end
    return rotate_left(node)
  end
  return node
end

local function insert(node, key, value)
  if not node then return { key = key, value = value, height = 1 } end
  if key == node.key then
    node.value = value
    return node
  elseif key < node.key then
    node.left = insert(node.left, key, value)
  else
    node.right = insert(node.right, key, value)
  end
  return balance(node)
end

local function take_first(node)
  if not node.left then return node, node.right end
  local first
  first, node.left = take_first(node.left)
  return first, balance(node)
end

local function delete(node, key)
  if not node then return nil end
  if key < node.key then
    node.left = delete(node.left, key)
  elseif key > node.key then
    node.right = delete(node.right, key)
  else
    if not node.left then return node.right end
    if not node.right then return node.left end
    local first, rest = take_first(node.right)
    first.left, first.right = node.left, rest
    node = first
  end
  return balance(node)
end

local function find(node, key)
  while node do
    if key == node.key then return node.value end
    if key < node.key then node = node.left else node = node.right end
  end
end

local function walk(node, visit)
  if node then
    walk(node.left, visit)
    visit(node)
    walk(node.right, visit)
  end
end

local seed, mix = 11, 0
for round = 1, ROUNDS do
  local root
  for i = 1, KEYS do
    seed = seed * 16807 % 2147483647
    root = insert(root, seed % 10000, i)
  end
  local found = 0
  for key = 0, 9999, 3 do
    local value = find(root, key)
    if value then found = found + value end
  end
  for key = 0, 9999, 2 do root = delete(root, key) end
  local count, last = 0, -1
  walk(root, function(node)
    assert(node.key > last)
    last = node.key
    count = count + 1
  end)
  mix = (mix * 31 + found + count + height(root) + round) % 1000003
end

local got = string.format("%d", mix)
assert(got == "830789", "avl_tree: checksum is " .. got)
print("avl_tree " .. got)
