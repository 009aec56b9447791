-- A recursive ray tracer: spheres, planes and boxes with shadows, mirrors, glass, textures and a BVH.
-- Stresses: float arithmetic in small vector objects, polymorphic methods, deep recursion, nil-able hits.

local WIDTH, HEIGHT, DEPTH = 220, 165, 4

local sqrt, floor, abs, min, max = math.sqrt, math.floor, math.abs, math.min, math.max
local huge = math.huge

---------------------------------------------------------------------------------------------------
-- Vectors

local Vec = {}
Vec.__index = Vec

local function vec(x, y, z) return setmetatable({ x = x, y = y, z = z }, Vec) end

function Vec.__add(a, b) return vec(a.x + b.x, a.y + b.y, a.z + b.z) end
function Vec.__sub(a, b) return vec(a.x - b.x, a.y - b.y, a.z - b.z) end
function Vec.__unm(a) return vec(-a.x, -a.y, -a.z) end
function Vec:scale(f) return vec(self.x * f, self.y * f, self.z * f) end
function Vec:dot(b) return self.x * b.x + self.y * b.y + self.z * b.z end
function Vec:tint(b) return vec(self.x * b.x, self.y * b.y, self.z * b.z) end
function Vec:length() return sqrt(self.x * self.x + self.y * self.y + self.z * self.z) end
function Vec:unit() return self:scale(1 / self:length()) end
function Vec:along(direction, t)
  return vec(self.x + direction.x * t, self.y + direction.y * t, self.z + direction.z * t)
end
function Vec:cross(b)
  return vec(self.y * b.z - self.z * b.y, self.z * b.x - self.x * b.z, self.x * b.y - self.y * b.x)
end
function Vec:reflect(normal) return self - normal:scale(2 * self:dot(normal)) end

local BLACK = vec(0, 0, 0)

---------------------------------------------------------------------------------------------------
-- Materials: plain colours and textures that depend on the place

local function plain(color) return function() return color end end

local function checker(a, b, size)
  return function(p)
    local n = floor(p.x / size) + floor(p.y / size + 0.001) + floor(p.z / size)
    return n % 2 == 0 and a or b
  end
end

local function stripes(a, b, size)
  return function(p)
    local f = p.y / size
    f = f - floor(f)
    return a:scale(1 - f) + b:scale(f)
  end
end

local function material(options)
  return {
    color = options.color,
    diffuse = options.diffuse or 0.9,
    shine = options.shine or 0.0,
    mirror = options.mirror or 0.0,
    glass = options.glass,
  }
end

---------------------------------------------------------------------------------------------------
-- Shapes: each has hit(origin, direction), normal(point) and bounds()

local EPSILON = 1e-4

local Sphere = {}
Sphere.__index = Sphere

function Sphere.new(center, radius, mat)
  return setmetatable({ center = center, radius = radius, material = mat }, Sphere)
end

function Sphere:hit(origin, direction)
  local c = self.center
  local ox, oy, oz = origin.x - c.x, origin.y - c.y, origin.z - c.z
  local b = ox * direction.x + oy * direction.y + oz * direction.z
  local d = b * b - (ox * ox + oy * oy + oz * oz) + self.radius * self.radius
  if d < 0 then return nil end
  local root = sqrt(d)
  local t = -b - root
  if t > EPSILON then return t end
  t = -b + root
  if t > EPSILON then return t end
  return nil
end

function Sphere:normal(p) return (p - self.center):scale(1 / self.radius) end

function Sphere:bounds()
  local c, r = self.center, self.radius
  return c.x - r, c.y - r, c.z - r, c.x + r, c.y + r, c.z + r
end

local Box = {}
Box.__index = Box

function Box.new(low, high, mat)
  return setmetatable({ low = low, high = high, material = mat }, Box)
end

local function slab(low, high, origin, direction, near, far)
  if abs(direction) < 1e-12 then
    if origin < low or origin > high then return nil, nil end
    return near, far
  end
  local a, b = (low - origin) / direction, (high - origin) / direction
  if a > b then a, b = b, a end
  near, far = max(near, a), min(far, b)
  if near > far then return nil, nil end
  return near, far
end

local function box_range(low, high, origin, direction)
  local near, far = slab(low.x, high.x, origin.x, direction.x, -huge, huge)
  if not near then return nil end
  near, far = slab(low.y, high.y, origin.y, direction.y, near, far)
  if not near then return nil end
  return slab(low.z, high.z, origin.z, direction.z, near, far)
end

function Box:hit(origin, direction)
  local near, far = box_range(self.low, self.high, origin, direction)
  if not near then return nil end
  if near > EPSILON then return near end
  if far > EPSILON then return far end
  return nil
end

function Box:normal(p)
  local low, high = self.low, self.high
  local best, normal = huge, nil
  local function face(distance, x, y, z)
    if distance < best then best, normal = distance, vec(x, y, z) end
  end
  face(abs(p.x - low.x), -1, 0, 0)
  face(abs(p.x - high.x), 1, 0, 0)
  face(abs(p.y - low.y), 0, -1, 0)
  face(abs(p.y - high.y), 0, 1, 0)
  face(abs(p.z - low.z), 0, 0, -1)
  face(abs(p.z - high.z), 0, 0, 1)
  return normal
end

function Box:bounds()
  local low, high = self.low, self.high
  return low.x, low.y, low.z, high.x, high.y, high.z
end

local Plane = {}
Plane.__index = Plane

function Plane.new(normal, distance, mat)
  return setmetatable({ n = normal, distance = distance, material = mat }, Plane)
end

function Plane:hit(origin, direction)
  local slope = self.n:dot(direction)
  if abs(slope) < 1e-9 then return nil end
  local t = (self.distance - self.n:dot(origin)) / slope
  if t > EPSILON then return t end
  return nil
end

function Plane:normal() return self.n end

---------------------------------------------------------------------------------------------------
-- A tree of bounding boxes over the finite shapes

local Node = {}
Node.__index = Node

local axes = { "x", "y", "z" }

local function build(shapes)
  local low, high = vec(huge, huge, huge), vec(-huge, -huge, -huge)
  for i = 1, #shapes do
    local x0, y0, z0, x1, y1, z1 = shapes[i]:bounds()
    low.x, low.y, low.z = min(low.x, x0), min(low.y, y0), min(low.z, z0)
    high.x, high.y, high.z = max(high.x, x1), max(high.y, y1), max(high.z, z1)
  end
  local node = setmetatable({ low = low, high = high, left = nil, right = nil, shapes = nil }, Node)
  if #shapes <= 2 then
    node.shapes = shapes
    return node
  end
  local axis = "x"
  for i = 2, 3 do
    local name = axes[i]
    if high[name] - low[name] > high[axis] - low[axis] then axis = name end
  end
  local index = axis == "x" and 1 or axis == "y" and 2 or 3
  local keys = {}
  for i = 1, #shapes do keys[shapes[i]] = (select(index, shapes[i]:bounds())) + i * 1e-9 end
  table.sort(shapes, function(a, b) return keys[a] < keys[b] end)
  local first, second = {}, {}
  for i = 1, #shapes do
    local half = i * 2 <= #shapes and first or second
    half[#half + 1] = shapes[i]
  end
  node.left, node.right = build(first), build(second)
  return node
end

function Node:nearest(origin, direction, shape, best)
  local near, far = box_range(self.low, self.high, origin, direction)
  if not near or far < 0 or near > best then return shape, best end
  local shapes = self.shapes
  if shapes then
    for i = 1, #shapes do
      local t = shapes[i]:hit(origin, direction)
      if t and t < best then shape, best = shapes[i], t end
    end
    return shape, best
  end
  shape, best = self.left:nearest(origin, direction, shape, best)
  return self.right:nearest(origin, direction, shape, best)
end

---------------------------------------------------------------------------------------------------
-- Scene

local Scene = {}
Scene.__index = Scene

function Scene:nearest(origin, direction)
  local shape, best = self.tree:nearest(origin, direction, nil, huge)
  local planes = self.planes
  for i = 1, #planes do
    local t = planes[i]:hit(origin, direction)
    if t and t < best then shape, best = planes[i], t end
  end
  return shape, best
end

function Scene:is_lit(point, light)
  local way = light.place - point
  local distance = way:length()
  local shape, t = self:nearest(point, way:scale(1 / distance))
  return not shape or t >= distance or shape.material.glass ~= nil
end

function Scene:background(direction)
  local f = 0.5 * (direction.y + 1)
  return vec(0.9, 0.9, 0.95):scale(1 - f) + vec(0.3, 0.5, 0.9):scale(f)
end

function Scene:shade(point, normal, direction, mat)
  local base = mat.color(point)
  local color = base:scale(0.12)
  for i = 1, #self.lights do
    local light = self.lights[i]
    local to_light = (light.place - point):unit()
    local facing = to_light:dot(normal)
    if facing > 0 then
      self.rays = self.rays + 1
      if self:is_lit(point, light) then
        color = color + base:tint(light.color):scale(facing * mat.diffuse)
        if mat.shine > 0 then
          local glint = to_light:reflect(normal):dot(direction)
          if glint > 0 then
            glint = glint * glint
            glint = glint * glint
            glint = glint * glint
            color = color + light.color:scale(mat.shine * glint * glint)
          end
        end
      end
    end
  end
  return color
end

function Scene:trace(origin, direction, depth)
  self.rays = self.rays + 1
  local shape, t = self:nearest(origin, direction)
  if not shape then return self:background(direction) end
  local point = origin:along(direction, t)
  local normal = shape:normal(point)
  local entering = normal:dot(direction) < 0
  if not entering then normal = -normal end
  local mat = shape.material
  local above = point:along(normal, EPSILON)
  local color = self:shade(above, normal, direction, mat)
  if depth >= DEPTH then return color end
  if mat.glass then
    local ratio = entering and 1 / mat.glass or mat.glass
    local cosine = -normal:dot(direction)
    local k = 1 - ratio * ratio * (1 - cosine * cosine)
    if k > 0 then
      local bent = direction:scale(ratio) + normal:scale(ratio * cosine - sqrt(k))
      local through = self:trace(point:along(normal, -EPSILON), bent:unit(), depth + 1)
      return color:scale(0.2) + through:scale(0.8)
    end
    return color:scale(0.2) + self:trace(above, direction:reflect(normal), depth + 1):scale(0.8)
  elseif mat.mirror > 0 then
    local seen = self:trace(above, direction:reflect(normal), depth + 1)
    return color:scale(1 - mat.mirror) + seen:scale(mat.mirror)
  end
  return color
end

local function make_scene()
  local red = material { color = plain(vec(0.9, 0.2, 0.2)), shine = 0.4, mirror = 0.15 }
  local chrome = material { color = plain(vec(0.8, 0.8, 0.8)), diffuse = 0.3, shine = 0.8, mirror = 0.75 }
  local glass = material { color = plain(vec(0.9, 1.0, 0.95)), diffuse = 0.1, shine = 0.9, glass = 1.5 }
  local striped = material { color = stripes(vec(0.1, 0.6, 0.3), vec(0.9, 0.9, 0.2), 0.4) }
  local tiles = material { color = checker(vec(0.9, 0.9, 0.9), vec(0.15, 0.15, 0.2), 1.0), mirror = 0.1 }
  local choices = { red, chrome, glass, striped }
  local shapes, seed = {}, 77
  local function random()
    seed = seed * 16807 % 2147483647
    return seed / 2147483647
  end
  shapes[1] = Sphere.new(vec(0, 1.2, 6), 1.2, chrome)
  shapes[2] = Sphere.new(vec(-2.2, 0.8, 5), 0.8, glass)
  shapes[3] = Box.new(vec(1.4, 0, 4.5), vec(2.4, 1.6, 5.5), striped)
  for i = 4, 28 do
    local radius = 0.15 + random() * 0.25
    local x, z = random() * 10 - 5, 2.5 + random() * 8
    local mat = choices[i % #choices + 1]
    if i % 5 == 0 then
      shapes[i] = Box.new(vec(x, 0, z), vec(x + radius, radius * 3, z + radius), mat)
    else
      shapes[i] = Sphere.new(vec(x, radius, z), radius, mat)
    end
  end
  return setmetatable({
    tree = build(shapes),
    planes = { Plane.new(vec(0, 1, 0), 0, tiles) },
    lights = {
      { place = vec(-5, 8, -2), color = vec(0.8, 0.8, 0.75) },
      { place = vec(6, 5, 1), color = vec(0.3, 0.3, 0.4) },
    },
    rays = 0,
  }, Scene)
end

---------------------------------------------------------------------------------------------------

local scene = make_scene()
local eye, target = vec(0, 1.8, -2), vec(0, 0.8, 6)
local forward = (target - eye):unit()
local right = vec(0, 1, 0):cross(forward):unit()
local up = forward:cross(right)

local sum, brightest = BLACK, 0.0
local histogram = {}
for i = 0, 7 do histogram[i] = 0 end

for row = 0, HEIGHT - 1 do
  for col = 0, WIDTH - 1 do
    local u = (col + 0.5) / WIDTH * 2 - 1
    local v = (1 - (row + 0.5) / HEIGHT * 2) * HEIGHT / WIDTH
    local direction = (forward:scale(1.4) + right:scale(u) + up:scale(v)):unit()
    local color = scene:trace(eye, direction, 1)
    sum = sum + color
    local light = 0.299 * color.x + 0.587 * color.y + 0.114 * color.z
    brightest = max(brightest, light)
    local level = min(7, floor(light * 8))
    histogram[level] = histogram[level] + 1
  end
end

local pixels = WIDTH * HEIGHT
local counted = 0
for i = 0, 7 do counted = counted + histogram[i] end
assert(counted == pixels and scene.rays > pixels and brightest < 10)

local got = string.format("%.4f %.4f %.4f", sum.x / pixels, sum.y / pixels, sum.z / pixels)
assert(got == "0.4425 0.4912 0.6131", "raytracer: checksum is " .. got)
print("raytracer " .. got)
