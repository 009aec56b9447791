-- A physics solver: a cloth of springs draped over a ball, and discs that settle in a bin.
-- Stresses: float fields and float arrays in nested loops, a spatial hash, square roots, small methods.

local CLOTH, CLOTH_STEPS = 26, 165
local DISCS, DISC_STEPS = 90, 480

local sqrt, floor, abs, max = math.sqrt, math.floor, math.abs, math.max

---------------------------------------------------------------------------------------------------
-- Cloth: particles by arrays of coordinates, springs as records

local Cloth = {}
Cloth.__index = Cloth

function Cloth.new(n, spacing, height)
  local cloth = setmetatable({
    n = n, count = n * n,
    x = {}, y = {}, z = {},
    ox = {}, oy = {}, oz = {},
    free = {},
    springs = {},
  }, Cloth)
  for row = 0, n - 1 do
    for col = 0, n - 1 do
      local i = row * n + col + 1
      cloth.x[i] = (col - (n - 1) / 2) * spacing
      cloth.y[i] = height
      cloth.z[i] = (row - (n - 1) / 2) * spacing
      cloth.ox[i], cloth.oy[i], cloth.oz[i] = cloth.x[i], cloth.y[i], cloth.z[i]
      cloth.free[i] = true
    end
  end
  cloth:weave()
  return cloth
end

function Cloth:index(row, col)
  if row < 0 or col < 0 or row >= self.n or col >= self.n then return nil end
  return row * self.n + col + 1
end

function Cloth:connect(a, b, stiffness)
  if not a or not b then return end
  local dx, dy, dz = self.x[a] - self.x[b], self.y[a] - self.y[b], self.z[a] - self.z[b]
  self.springs[#self.springs + 1] = {
    a = a, b = b,
    rest = sqrt(dx * dx + dy * dy + dz * dz),
    stiffness = stiffness,
  }
end

function Cloth:weave()
  for row = 0, self.n - 1 do
    for col = 0, self.n - 1 do
      local here = self:index(row, col)
      self:connect(here, self:index(row, col + 1), 1.0)
      self:connect(here, self:index(row + 1, col), 1.0)
      self:connect(here, self:index(row + 1, col + 1), 0.6)
      self:connect(here, self:index(row + 1, col - 1), 0.6)
      self:connect(here, self:index(row, col + 2), 0.3)
      self:connect(here, self:index(row + 2, col), 0.3)
    end
  end
end

function Cloth:pin(row, col) self.free[self:index(row, col)] = false end

-- Verlet integration: the velocity is the difference to the previous position.
function Cloth:integrate(dt, damping)
  local x, y, z, ox, oy, oz = self.x, self.y, self.z, self.ox, self.oy, self.oz
  local drop = -9.81 * dt * dt
  for i = 1, self.count do
    if self.free[i] then
      local px, py, pz = x[i], y[i], z[i]
      x[i] = px + (px - ox[i]) * damping
      y[i] = py + (py - oy[i]) * damping + drop
      z[i] = pz + (pz - oz[i]) * damping
      ox[i], oy[i], oz[i] = px, py, pz
    end
  end
end

function Cloth:relax()
  local x, y, z, free, springs = self.x, self.y, self.z, self.free, self.springs
  for s = 1, #springs do
    local spring = springs[s]
    local a, b = spring.a, spring.b
    local dx, dy, dz = x[b] - x[a], y[b] - y[a], z[b] - z[a]
    local length = sqrt(dx * dx + dy * dy + dz * dz)
    if length > 1e-12 then
      local push = (length - spring.rest) / length * spring.stiffness * 0.5
      local cx, cy, cz = dx * push, dy * push, dz * push
      if free[a] then x[a], y[a], z[a] = x[a] + cx, y[a] + cy, z[a] + cz end
      if free[b] then x[b], y[b], z[b] = x[b] - cx, y[b] - cy, z[b] - cz end
    end
  end
end

function Cloth:avoid_ball(cx, cy, cz, radius)
  local x, y, z, ox, oy, oz = self.x, self.y, self.z, self.ox, self.oy, self.oz
  local touching = 0
  for i = 1, self.count do
    local dx, dy, dz = x[i] - cx, y[i] - cy, z[i] - cz
    local d2 = dx * dx + dy * dy + dz * dz
    if d2 < radius * radius then
      local f = radius / sqrt(d2)
      x[i], y[i], z[i] = cx + dx * f, cy + dy * f, cz + dz * f
      -- Friction: most of the motion along the ball is lost.
      ox[i] = x[i] - (x[i] - ox[i]) * 0.2
      oy[i] = y[i] - (y[i] - oy[i]) * 0.2
      oz[i] = z[i] - (z[i] - oz[i]) * 0.2
      touching = touching + 1
    end
  end
  return touching
end

function Cloth:average_height()
  local sum = 0.0
  for i = 1, self.count do sum = sum + self.y[i] end
  return sum / self.count
end

function Cloth:stretch()
  local worst = 0.0
  for s = 1, #self.springs do
    local spring = self.springs[s]
    if spring.stiffness == 1.0 then
      local a, b = spring.a, spring.b
      local dx, dy, dz = self.x[b] - self.x[a], self.y[b] - self.y[a], self.z[b] - self.z[a]
      worst = max(worst, sqrt(dx * dx + dy * dy + dz * dz) / spring.rest)
    end
  end
  return worst
end

---------------------------------------------------------------------------------------------------
-- Discs: rigid bodies with contacts solved by impulses

local Disc = {}
Disc.__index = Disc

function Disc.new(x, y, radius, density)
  local mass = math.pi * radius * radius * density
  return setmetatable({
    x = x, y = y, vx = 0.0, vy = 0.0,
    spin = 0.0, angle = 0.0,
    radius = radius,
    inverse_mass = 1 / mass,
    inverse_inertia = 2 / (mass * radius * radius),
  }, Disc)
end

function Disc:integrate(dt)
  self.x = self.x + self.vx * dt
  self.y = self.y + self.vy * dt
  self.angle = self.angle + self.spin * dt
end

function Disc:push(ix, iy, turn)
  self.vx = self.vx + ix * self.inverse_mass
  self.vy = self.vy + iy * self.inverse_mass
  self.spin = self.spin + turn * self.inverse_inertia
end

local Bin = {}
Bin.__index = Bin

function Bin.new(width)
  return setmetatable({ width = width, discs = {}, cells = {}, cell = 1.3, contacts = 0 }, Bin)
end

function Bin:add(disc) self.discs[#self.discs + 1] = disc end

-- The broad phase: discs by grid cell, then pairs from each cell and its neighbours.
function Bin:sort_into_cells()
  local cells, size = {}, self.cell
  for i = 1, #self.discs do
    local disc = self.discs[i]
    local key = floor(disc.x / size) * 1000 + floor(disc.y / size)
    local cell = cells[key]
    if cell then
      cell[#cell + 1] = i
    else
      cells[key] = { i }
    end
    disc.cell = key
  end
  self.cells = cells
end

local neighbours = { 0, 1, -1, 1000, -1000, 1001, 999, -999, -1001 }

function Bin:find_contacts()
  local contacts, n = {}, 0
  local discs, cells = self.discs, self.cells
  for i = 1, #discs do
    local a = discs[i]
    for k = 1, #neighbours do
      local cell = cells[a.cell + neighbours[k]]
      if cell then
        for m = 1, #cell do
          local j = cell[m]
          if j > i then
            local b = discs[j]
            local dx, dy = b.x - a.x, b.y - a.y
            local reach = a.radius + b.radius
            local d2 = dx * dx + dy * dy
            if d2 < reach * reach and d2 > 0 then
              local d = sqrt(d2)
              n = n + 1
              contacts[n] = { a = a, b = b, nx = dx / d, ny = dy / d, depth = reach - d, sum = 0.0 }
            end
          end
        end
      end
    end
    if a.y < a.radius then
      n = n + 1
      contacts[n] = { a = a, b = nil, nx = 0.0, ny = -1.0, depth = a.radius - a.y, sum = 0.0 }
    end
    if a.x < a.radius then
      n = n + 1
      contacts[n] = { a = a, b = nil, nx = -1.0, ny = 0.0, depth = a.radius - a.x, sum = 0.0 }
    elseif a.x > self.width - a.radius then
      n = n + 1
      contacts[n] = { a = a, b = nil, nx = 1.0, ny = 0.0, depth = a.x + a.radius - self.width, sum = 0.0 }
    end
  end
  self.contacts = n
  return contacts
end

local function relative_velocity(contact)
  local a, b = contact.a, contact.b
  local nx, ny = contact.nx, contact.ny
  local tx, ty = -ny, nx
  local vx, vy, turning = -a.vx, -a.vy, -a.spin * a.radius
  if b then
    vx, vy, turning = vx + b.vx, vy + b.vy, turning - b.spin * b.radius
  end
  return vx * nx + vy * ny, vx * tx + vy * ty + turning
end

local function solve(contact, dt)
  local a, b = contact.a, contact.b
  local nx, ny = contact.nx, contact.ny
  local weight = a.inverse_mass + (b and b.inverse_mass or 0.0)
  local normal, tangent = relative_velocity(contact)
  local bias = max(0.0, contact.depth - 0.005) * 0.15 / dt
  local before = contact.sum
  contact.sum = max(0.0, before + (bias - normal) / weight)
  local push = contact.sum - before
  local limit = contact.sum * 0.4
  local grip = -tangent / (weight * 3)
  if grip > limit then grip = limit elseif grip < -limit then grip = -limit end
  local ix, iy = nx * push - ny * grip, ny * push + nx * grip
  a:push(-ix, -iy, -grip * a.radius)
  if b then b:push(ix, iy, -grip * b.radius) end
end

function Bin:step(dt)
  local discs = self.discs
  for i = 1, #discs do
    local disc = discs[i]
    disc.vx = disc.vx * 0.995
    disc.vy = (disc.vy - 9.81 * dt) * 0.995
    disc.spin = disc.spin * 0.97
  end
  self:sort_into_cells()
  local contacts = self:find_contacts()
  for _ = 1, 6 do
    for i = 1, #contacts do solve(contacts[i], dt) end
  end
  for i = 1, #discs do discs[i]:integrate(dt) end
end

function Bin:is_at_rest()
  local fastest, deepest, highest = 0.0, 0.0, 0.0
  self:sort_into_cells()
  local contacts = self:find_contacts()
  for i = 1, #contacts do deepest = max(deepest, contacts[i].depth) end
  for i = 1, #self.discs do
    local disc = self.discs[i]
    fastest = max(fastest, abs(disc.vx) + abs(disc.vy))
    highest = max(highest, disc.y)
  end
  return fastest < 1.5 and deepest < 0.25, highest
end

---------------------------------------------------------------------------------------------------

local cloth = Cloth.new(CLOTH, 0.1, 1.2)
cloth:pin(0, 0)
local touching = 0
for _ = 1, CLOTH_STEPS do
  cloth:integrate(0.01, 0.98)
  for _ = 1, 5 do cloth:relax() end
  touching = cloth:avoid_ball(0.0, 0.0, 0.0, 0.8)
end
local stretch = cloth:stretch()
assert(stretch < 1.5 and touching > 0, "physics: the cloth tore or missed the ball")

local bin = Bin.new(8.0)
local seed = 4711
for i = 1, DISCS do
  seed = seed * 16807 % 2147483647
  local row = floor((i - 1) / 6)
  local radius = 0.35 + (seed % 250) / 1000
  bin:add(Disc.new(0.8 + (i - 1) % 6 * 1.25 + row % 2 * 0.1, 0.8 + row * 1.25, radius, 1.0))
end
for _ = 1, DISC_STEPS do bin:step(1 / 120) end

-- The discs' exact places depend on rounding; that they lie still in a heap does not.
local still, highest = bin:is_at_rest()
assert(still, "physics: the discs did not settle")
local got = string.format("%.5g springs %d heap %s", cloth:average_height(), #cloth.springs,
  highest > 5 and highest < 16 and "ok" or "wrong")
assert(got == "0.37328 springs 3798 heap ok", "physics: checksum is " .. got)
print("physics " .. got)
