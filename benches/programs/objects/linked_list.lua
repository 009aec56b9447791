-- Doubly linked lists whose links are nil at the ends: push, unlink, move to front, reverse.
-- Stresses: fields that alternate between table and nil, nil tests, pointer chasing.

local NODES, ROUNDS = 400, 17000

local List = {}
List.__index = List

local function new_list() return setmetatable({ first = nil, last = nil, size = 0 }, List) end

function List:push_front(node)
  node.prev, node.next = nil, self.first
  if self.first then self.first.prev = node else self.last = node end
  self.first = node
  self.size = self.size + 1
end

function List:push_back(node)
  node.prev, node.next = self.last, nil
  if self.last then self.last.next = node else self.first = node end
  self.last = node
  self.size = self.size + 1
end

function List:unlink(node)
  local before, after = node.prev, node.next
  if before then before.next = after else self.first = after end
  if after then after.prev = before else self.last = before end
  node.prev, node.next = nil, nil
  self.size = self.size - 1
end

function List:reverse()
  local node = self.first
  self.first, self.last = self.last, self.first
  while node do
    node.prev, node.next = node.next, node.prev
    node = node.prev
  end
end

local list, nodes = new_list(), {}
for i = 1, NODES do
  local node = { key = i }
  nodes[i] = node
  list:push_back(node)
end

local mix, seed = 0, 3
for round = 1, ROUNDS do
  for _ = 1, 100 do
    seed = seed * 16807 % 2147483647
    local node = nodes[seed % NODES + 1]
    list:unlink(node)
    if seed % 2 == 0 then list:push_front(node) else list:push_back(node) end
  end
  if round % 3 == 0 then list:reverse() end
  local node, depth, sum = list.first, 0, 0
  while node ~= nil do
    depth = depth + 1
    sum = sum + node.key * depth
    node = node.next
  end
  assert(depth == list.size)
  mix = (mix * 31 + sum) % 1000003
end

local got = string.format("%d %d", mix, list.size)
assert(got == "483739 400", "linked_list: checksum is " .. got)
print("linked_list " .. got)
