-- Paths on generated maps: mazes, caves, A*, Dijkstra, flow fields, components and line of sight.
-- Stresses: integer-keyed arrays, a binary heap of indexes, queues, closures as heuristics, disjoint sets.

local WIDTH, HEIGHT = 90, 60
local ROUNDS = 24

local floor, abs, max, min, sqrt, huge = math.floor, math.abs, math.max, math.min, math.sqrt, math.huge
local format = string.format

local seed = 31415
local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

---------------------------------------------------------------------------------------------------
-- Grids: cells by index, with a cost to enter; nil is a wall

local Grid = {}
Grid.__index = Grid

function Grid.new(width, height)
  return setmetatable({ width = width, height = height, size = width * height, cost = {} }, Grid)
end

function Grid:index(x, y) return y * self.width + x + 1 end

function Grid:place(index)
  local x = (index - 1) % self.width
  return x, floor((index - 1 - x) / self.width)
end

function Grid:inside(x, y) return x >= 0 and y >= 0 and x < self.width and y < self.height end

function Grid:open_count()
  local count = 0
  for i = 1, self.size do
    if self.cost[i] then count = count + 1 end
  end
  return count
end

-- Calls visit(neighbour, cost) for each open neighbour; diagonal steps don't cut corners.
function Grid:each_neighbour(index, visit)
  local width, cost = self.width, self.cost
  local x, y = self:place(index)
  local west = x > 0 and cost[index - 1]
  local east = x < width - 1 and cost[index + 1]
  local north = y > 0 and cost[index - width]
  local south = y < self.height - 1 and cost[index + width]
  if west then visit(index - 1, west) end
  if east then visit(index + 1, east) end
  if north then visit(index - width, north) end
  if south then visit(index + width, south) end
  if north and west and cost[index - width - 1] then visit(index - width - 1, cost[index - width - 1] * 1.5) end
  if north and east and cost[index - width + 1] then visit(index - width + 1, cost[index - width + 1] * 1.5) end
  if south and west and cost[index + width - 1] then visit(index + width - 1, cost[index + width - 1] * 1.5) end
  if south and east and cost[index + width + 1] then visit(index + width + 1, cost[index + width + 1] * 1.5) end
end

---------------------------------------------------------------------------------------------------
-- Generators

-- A maze by depth-first search with an explicit stack; corridors lie on odd coordinates.
local function maze(width, height)
  local grid = Grid.new(width, height)
  local stack = { grid:index(1, 1) }
  grid.cost[stack[1]] = 1
  local steps = { { 2, 0 }, { -2, 0 }, { 0, 2 }, { 0, -2 } }
  while #stack > 0 do
    local x, y = grid:place(stack[#stack])
    local options = {}
    for i = 1, 4 do
      local nx, ny = x + steps[i][1], y + steps[i][2]
      if nx > 0 and ny > 0 and nx < width - 1 and ny < height - 1 and not grid.cost[grid:index(nx, ny)] then
        options[#options + 1] = steps[i]
      end
    end
    if #options == 0 then
      stack[#stack] = nil
    else
      local step = options[random(#options) + 1]
      grid.cost[grid:index(x + floor(step[1] / 2), y + floor(step[2] / 2))] = 1
      local target = grid:index(x + step[1], y + step[2])
      grid.cost[target] = 1
      stack[#stack + 1] = target
    end
  end
  -- Some walls fall, so that there is more than one way.
  for _ = 1, floor(grid.size / 60) do
    grid.cost[grid:index(1 + random(width - 2), 1 + random(height - 2))] = 1
  end
  return grid
end

-- Caves by a cellular automaton, with swamps that cost more.
local function caves(width, height)
  local grid = Grid.new(width, height)
  local wall = {}
  for i = 1, grid.size do wall[i] = random(100) < 42 end
  for _ = 1, 4 do
    local nextwall = {}
    for i = 1, grid.size do
      local x, y = grid:place(i)
      local count = 0
      for dy = -1, 1 do
        for dx = -1, 1 do
          if not grid:inside(x + dx, y + dy) or wall[i + dy * width + dx] then count = count + 1 end
        end
      end
      nextwall[i] = count >= 5
    end
    wall = nextwall
  end
  for i = 1, grid.size do
    if not wall[i] then grid.cost[i] = random(10) == 0 and 4 or 1 end
  end
  return grid
end

---------------------------------------------------------------------------------------------------
-- A heap of cell indexes with changeable priorities

local Heap = {}
Heap.__index = Heap

function Heap.new() return setmetatable({ n = 0, items = {}, priority = {}, at = {} }, Heap) end

function Heap:rise(i)
  local items, priority, at = self.items, self.priority, self.at
  local item = items[i]
  local p = priority[item]
  while i > 1 do
    local parent = floor(i / 2)
    local other = items[parent]
    if priority[other] <= p then break end
    items[i], at[other] = other, i
    i = parent
  end
  items[i], at[item] = item, i
end

function Heap:sink(i)
  local items, priority, at, n = self.items, self.priority, self.at, self.n
  local item = items[i]
  local p = priority[item]
  while true do
    local child = 2 * i
    if child > n then break end
    if child < n and priority[items[child + 1]] < priority[items[child]] then child = child + 1 end
    local other = items[child]
    if p <= priority[other] then break end
    items[i], at[other] = other, i
    i = child
  end
  items[i], at[item] = item, i
end

function Heap:set(item, p)
  self.priority[item] = p
  local i = self.at[item]
  if not i then
    i = self.n + 1
    self.n = i
    self.items[i] = item
  end
  self:rise(i)
end

function Heap:pop()
  local n = self.n
  if n == 0 then return nil end
  local items = self.items
  local top, last = items[1], items[n]
  items[n], self.at[top] = nil, nil
  self.n = n - 1
  if n > 1 then
    items[1] = last
    self:sink(1)
  end
  return top
end

---------------------------------------------------------------------------------------------------
-- Searches

local function octile(grid, goal)
  local gx, gy = grid:place(goal)
  return function(index)
    local x, y = grid:place(index)
    local dx, dy = abs(x - gx), abs(y - gy)
    return max(dx, dy) + 0.5 * min(dx, dy)
  end
end

local function no_guess() return 0 end

-- Gives the path as an array of cells and its cost, and how many cells were settled.
local function search(grid, start, goal, guess)
  local open, distance, previous, closed = Heap.new(), { [start] = 0 }, {}, {}
  local settled = 0
  open:set(start, guess(start))
  while true do
    local here = open:pop()
    if not here then return nil, huge, settled end
    settled = settled + 1
    if here == goal then break end
    closed[here] = true
    local so_far = distance[here]
    grid:each_neighbour(here, function(there, cost)
      if not closed[there] then
        local d = so_far + cost
        local known = distance[there]
        if not known or d < known then
          distance[there], previous[there] = d, here
          open:set(there, d + guess(there))
        end
      end
    end)
  end
  local path, at = {}, goal
  while at do
    path[#path + 1] = at
    at = previous[at]
  end
  for i = 1, floor(#path / 2) do path[i], path[#path + 1 - i] = path[#path + 1 - i], path[i] end
  return path, distance[goal], settled
end

-- Distances of all cells to the nearest of several goals, by breadth.
local function flow_field(grid, goals)
  local distance, queue, head = {}, {}, 1
  for i = 1, #goals do
    distance[goals[i]] = 0
    queue[i] = goals[i]
  end
  while queue[head] do
    local here = queue[head]
    head = head + 1
    local d = distance[here] + 1
    grid:each_neighbour(here, function(there)
      if not distance[there] then
        distance[there] = d
        queue[#queue + 1] = there
      end
    end)
  end
  return distance, #queue
end

local function walk_flow(grid, distance, from)
  local steps = 0
  while distance[from] and distance[from] > 0 do
    local best, target = distance[from], nil
    grid:each_neighbour(from, function(there)
      if distance[there] < best then best, target = distance[there], there end
    end)
    from = target
    steps = steps + 1
  end
  return steps
end

-- Components by disjoint sets with path halving.
local function components(grid)
  local parent, rank, count = {}, {}, 0
  for i = 1, grid.size do
    if grid.cost[i] then
      parent[i], rank[i] = i, 0
      count = count + 1
    end
  end
  local function root(i)
    while parent[i] ~= i do
      parent[i] = parent[parent[i]]
      i = parent[i]
    end
    return i
  end
  for i = 1, grid.size do
    if grid.cost[i] then
      grid:each_neighbour(i, function(j)
        local a, b = root(i), root(j)
        if a ~= b then
          if rank[a] < rank[b] then a, b = b, a end
          parent[b] = a
          if rank[a] == rank[b] then rank[a] = rank[a] + 1 end
          count = count - 1
        end
      end)
    end
  end
  local sizes, largest, members = {}, nil, {}
  for i = 1, grid.size do
    if grid.cost[i] then
      local r = root(i)
      sizes[r] = (sizes[r] or 0) + 1
      if not largest or sizes[r] > sizes[largest] then largest = r end
    end
  end
  for i = 1, grid.size do
    if grid.cost[i] and root(i) == largest then members[#members + 1] = i end
  end
  return count, members
end

local function sees(grid, a, b)
  local x, y = grid:place(a)
  local bx, by = grid:place(b)
  local dx, dy = abs(bx - x), -abs(by - y)
  local sx, sy = x < bx and 1 or -1, y < by and 1 or -1
  local slack = dx + dy
  while true do
    if not grid.cost[grid:index(x, y)] then return false end
    if x == bx and y == by then return true end
    local twice = 2 * slack
    if twice >= dy then
      slack = slack + dy
      x = x + sx
    end
    if twice <= dx then
      slack = slack + dx
      y = y + sy
    end
  end
end

-- Drops the cells of a path that a straight line of sight makes unnecessary.
local function straighten(grid, path)
  local out, at = { path[1] }, 1
  while at < #path do
    local far = at + 1
    while far < #path and sees(grid, path[at], path[far + 1]) do far = far + 1 end
    at = far
    out[#out + 1] = path[at]
  end
  local length = 0
  for i = 2, #out do
    local ax, ay = grid:place(out[i - 1])
    local bx, by = grid:place(out[i])
    length = length + sqrt((ax - bx) * (ax - bx) + (ay - by) * (ay - by))
  end
  return #out, length
end

---------------------------------------------------------------------------------------------------

local mix, settled_total, saved, sight = 0, 0, 0, 0.0
local function note(n) mix = (mix * 31 + n) % 1000003 end

for round = 1, ROUNDS do
  local grid = round % 2 == 1 and caves(WIDTH, HEIGHT) or maze(WIDTH + 1, HEIGHT + 1)
  local count, members = components(grid)
  note(count)
  note(#members)
  note(grid:open_count())
  for _ = 1, 3 do
    local start, goal = members[random(#members) + 1], members[random(#members) + 1]
    local path, cost, settled = search(grid, start, goal, octile(grid, goal))
    local _, plain, reached = search(grid, start, goal, no_guess)
    assert(path and cost == plain, "A* and Dijkstra disagree")
    assert(settled <= reached + 20)
    settled_total = settled_total + settled + reached
    saved = saved + (reached - settled)
    note(cost * 2)
    note(#path)
    local corners, length = straighten(grid, path)
    note(corners)
    sight = sight + length
  end
  local goals = { members[1], members[floor(#members / 2)], members[#members] }
  local distance, reached = flow_field(grid, goals)
  assert(reached == #members)
  local steps = 0
  for i = 1, #members, 25 do steps = steps + walk_flow(grid, distance, members[i]) end
  note(steps)
end

assert(saved > 0)
local got = format("%.0f %d %.4f", mix, settled_total, sight)
assert(got == "621160 168909 9014.6792", "pathfinding: checksum is " .. got)
print("pathfinding " .. got)
