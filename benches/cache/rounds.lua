-- A program of 300 lines that does the same work in each round: shapes, strings,
-- numbers, queues. It writes a line after each round, so that it can be seen when the
-- rounds have become as short as they get (`strata-benches --cache`).

local ROUNDS = tonumber(arg and arg[1]) or 600

local floor, sqrt = math.floor, math.sqrt

-- Vectors, with metamethods ------------------------------------------------------

local Vec = {}
Vec.__index = Vec

local function vec(x, y, z)
  return setmetatable({ x = x, y = y, z = z }, Vec)
end

function Vec.__add(a, b) return vec(a.x + b.x, a.y + b.y, a.z + b.z) end
function Vec.__sub(a, b) return vec(a.x - b.x, a.y - b.y, a.z - b.z) end
function Vec.__mul(a, s) return vec(a.x * s, a.y * s, a.z * s) end

function Vec:dot(b) return self.x * b.x + self.y * b.y + self.z * b.z end
function Vec:length() return sqrt(self:dot(self)) end

-- Bodies that attract each other -------------------------------------------------

local Body = {}
Body.__index = Body

function Body.new(at, mass)
  return setmetatable({ at = at, speed = vec(0.0, 0.0, 0.0), mass = mass }, Body)
end

function Body:pull(other, dt)
  local d = other.at - self.at
  local r = d:length() + 0.1
  self.speed = self.speed + d * (other.mass * dt / (r * r * r))
end

function Body:move(dt)
  self.at = self.at + self.speed * dt
end

local function bodies()
  local all = {}
  for i = 1, 6 do
    all[i] = Body.new(vec(i * 1.5, i % 3 * 2.0, i % 2 * 3.0), 1.0 + i * 0.25)
  end
  return all
end

local function simulate(steps)
  local all = bodies()
  for _ = 1, steps do
    for i = 1, #all do
      local a = all[i]
      for j = 1, #all do
        if i ~= j then a:pull(all[j], 0.01) end
      end
    end
    for i = 1, #all do all[i]:move(0.01) end
  end
  local far = 0.0
  for _, body in ipairs(all) do far = far + body.at:length() end
  return far
end

-- A priority queue ---------------------------------------------------------------

local Heap = {}
Heap.__index = Heap

function Heap.new() return setmetatable({ n = 0, items = {}, keys = {} }, Heap) end

function Heap:push(key, item)
  local keys, items = self.keys, self.items
  local at = self.n + 1
  self.n = at
  while at > 1 do
    local up = floor(at / 2)
    if keys[up] <= key then break end
    keys[at], items[at] = keys[up], items[up]
    at = up
  end
  keys[at], items[at] = key, item
end

function Heap:pop()
  local keys, items, n = self.keys, self.items, self.n
  if n == 0 then return nil end
  local first, from = items[1], keys[1]
  local key, item = keys[n], items[n]
  keys[n], items[n] = nil, nil
  n = n - 1
  self.n = n
  if n > 0 then
    local at = 1
    while true do
      local down = at * 2
      if down > n then break end
      if down < n and keys[down + 1] < keys[down] then down = down + 1 end
      if keys[down] >= key then break end
      keys[at], items[at] = keys[down], items[down]
      at = down
    end
    keys[at], items[at] = key, item
  end
  return first, from
end

-- Shortest ways over a grid ------------------------------------------------------

local function grid(width, height)
  local cells, seed = {}, 12345
  for i = 1, width * height do
    seed = (seed * 1103515245 + 12345) % 2147483648
    cells[i] = 1 + floor(seed / 65536) % 9
  end
  return { width = width, height = height, cells = cells }
end

local map = grid(24, 24)

local function shortest(g)
  local width, height, cells = g.width, g.height, g.cells
  local best = {}
  for i = 1, width * height do best[i] = 1000000 end
  local queue = Heap.new()
  best[1] = 0
  queue:push(0, 1)
  local seen = 0
  while true do
    local at, cost = queue:pop()
    if not at then break end
    if cost == best[at] then
      seen = seen + 1
      local x, y = (at - 1) % width, floor((at - 1) / width)
      for way = 1, 4 do
        local nx, ny = x, y
        if way == 1 then nx = x + 1
        elseif way == 2 then nx = x - 1
        elseif way == 3 then ny = y + 1
        else ny = y - 1 end
        if nx >= 0 and nx < width and ny >= 0 and ny < height then
          local next = ny * width + nx + 1
          local new = cost + cells[next]
          if new < best[next] then
            best[next] = new
            queue:push(new, next)
          end
        end
      end
    end
  end
  return best[width * height] + seen
end

-- A small language: tokens, a tree, its value ------------------------------------

local text = "(1 + 2) * x - (y * 3 - x) * (x + 2 * (y - 4)) + 17 * y - (x - y) * 5"

local function tokens(source)
  local list, n = {}, 0
  local at = 1
  while at <= #source do
    local c = source:byte(at)
    if c == 32 then
      at = at + 1
    elseif c >= 48 and c <= 57 then
      local value = 0
      while at <= #source do
        local digit = source:byte(at)
        if digit < 48 or digit > 57 then break end
        value = value * 10 + digit - 48
        at = at + 1
      end
      n = n + 1
      list[n] = { kind = "number", value = value }
    elseif c >= 97 and c <= 122 then
      n = n + 1
      list[n] = { kind = "name", name = source:sub(at, at) }
      at = at + 1
    else
      n = n + 1
      list[n] = { kind = source:sub(at, at) }
      at = at + 1
    end
  end
  return list
end

local Parser = {}
Parser.__index = Parser

function Parser:kind()
  local token = self.list[self.at]
  return token and token.kind
end

function Parser:atom()
  local token = self.list[self.at]
  self.at = self.at + 1
  if token.kind == "(" then
    local inner = self:sum()
    self.at = self.at + 1
    return inner
  end
  return token
end

function Parser:product()
  local left = self:atom()
  while self:kind() == "*" do
    self.at = self.at + 1
    left = { kind = "*", left = left, right = self:atom() }
  end
  return left
end

function Parser:sum()
  local left = self:product()
  while true do
    local kind = self:kind()
    if kind ~= "+" and kind ~= "-" then return left end
    self.at = self.at + 1
    left = { kind = kind, left = left, right = self:product() }
  end
end

local function parse(source)
  return setmetatable({ list = tokens(source), at = 1 }, Parser):sum()
end

local function value(node, x, y)
  local kind = node.kind
  if kind == "number" then return node.value end
  if kind == "name" then return node.name == "x" and x or y end
  local left, right = value(node.left, x, y), value(node.right, x, y)
  if kind == "+" then return left + right end
  if kind == "-" then return left - right end
  return left * right
end

local function evaluate(times)
  local sum = 0
  for i = 1, times do
    local tree = parse(text)
    for j = 1, 12 do sum = sum + value(tree, i, j) end
  end
  return sum
end

-- Counting words -----------------------------------------------------------------

local words = { "one", "two", "three", "four", "five", "six", "seven", "eight" }

local function count(times)
  local counts, order = {}, {}
  local state = 7
  for _ = 1, times do
    state = (state * 75 + 74) % 65537
    local word = words[state % #words + 1]
    if not counts[word] then
      counts[word] = 0
      order[#order + 1] = word
    end
    counts[word] = counts[word] + 1
  end
  table.sort(order, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return order[1] .. counts[order[1]]
end

-- Numbers ------------------------------------------------------------------------

local function primes(limit)
  local composite, found = {}, 0
  for i = 2, limit do
    if not composite[i] then
      found = found + 1
      for j = i * i, limit, i do composite[j] = true end
    end
  end
  return found
end

local expected
for _ = 1, ROUNDS do
  local result = string.format("%.6f %d %d %s %d", simulate(20), shortest(map),
    floor(evaluate(12)), count(600), primes(3000))
  assert(result == (expected or result), "rounds: they differ")
  expected = result
  io.write("round\n")
  io.flush()
end
print("rounds " .. expected)
