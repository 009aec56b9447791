-- Heapsort over floats and a binary heap used as a priority queue.
-- Stresses: float array access with computed indices, compare and swap.

local LENGTH, ROUNDS = 60000, 11
local floor = math.floor

local function sift(a, root, last)
  local v = a[root]
  while true do
    local child = 2 * root
    if child > last then break end
    if child < last and a[child] < a[child + 1] then child = child + 1 end
    if a[child] <= v then break end
    a[root] = a[child]
    root = child
  end
  a[root] = v
end

local function heapsort(a)
  local n = #a
  for root = floor(n / 2), 1, -1 do sift(a, root, n) end
  for last = n, 2, -1 do
    a[1], a[last] = a[last], a[1]
    sift(a, 1, last - 1)
  end
end

local function push(heap, v)
  local at = #heap + 1
  while at > 1 do
    local parent = floor(at / 2)
    if heap[parent] <= v then break end
    heap[at] = heap[parent]
    at = parent
  end
  heap[at] = v
end

local function pop(heap)
  local n = #heap
  local top, v = heap[1], heap[n]
  heap[n] = nil
  n = n - 1
  if n == 0 then return top end
  local at = 1
  while true do
    local child = 2 * at
    if child > n then break end
    if child < n and heap[child + 1] < heap[child] then child = child + 1 end
    if v <= heap[child] then break end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = v
  return top
end

local seed, sum = 8, 0.0
local function random()
  seed = seed * 16807 % 2147483647
  return seed / 2147483647
end

for _ = 1, ROUNDS do
  local a = {}
  for i = 1, LENGTH do a[i] = random() end
  heapsort(a)
  for i = 2, LENGTH do assert(a[i - 1] <= a[i]) end
  sum = sum + a[1] + a[LENGTH / 2] + a[LENGTH]
  local heap = {}
  for i = 1, LENGTH / 4 do push(heap, random()) end
  local previous = 0.0
  for _ = 1, LENGTH / 4 do
    local v = pop(heap)
    assert(v >= previous)
    previous = v
  end
  sum = sum + previous
end

local got = string.format("%.9g", sum)
assert(got == "27.5014423", "heapsort: checksum is " .. got)
print("heapsort " .. got)
