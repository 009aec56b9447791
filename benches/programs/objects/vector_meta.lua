-- Immutable 3-D vectors with operators, integrated along a spiral.
-- Stresses: arithmetic, equality, length and call metamethods, short-lived objects.

local STEPS = 280000

local Vec = {}
Vec.__index = Vec

local function vec(x, y, z) return setmetatable({ x = x, y = y, z = z }, Vec) end

function Vec.__add(a, b) return vec(a.x + b.x, a.y + b.y, a.z + b.z) end
function Vec.__sub(a, b) return vec(a.x - b.x, a.y - b.y, a.z - b.z) end
function Vec.__mul(a, b)
  if type(a) == "number" then return vec(a * b.x, a * b.y, a * b.z) end
  if type(b) == "number" then return vec(a.x * b, a.y * b, a.z * b) end
  return a.x * b.x + a.y * b.y + a.z * b.z
end
function Vec.__unm(a) return vec(-a.x, -a.y, -a.z) end
function Vec.__eq(a, b) return a.x == b.x and a.y == b.y and a.z == b.z end
function Vec.__lt(a, b) return a * a < b * b end
function Vec.__call(a, scale) return a * scale end
function Vec:cross(b)
  return vec(self.y * b.z - self.z * b.y, self.z * b.x - self.x * b.z, self.x * b.y - self.y * b.x)
end

local position, velocity, axis = vec(1.0, 0.0, 0.0), vec(0.0, 0.01, 0.001), vec(0.0, 0.0, 1.0)
local same, longer = 0, 0
for _ = 1, STEPS do
  local pull = axis:cross(velocity) * 0.01
  velocity = velocity + pull
  local nextp = position + velocity(0.1)
  if -(-nextp) == nextp then same = same + 1 end
  if position < nextp then longer = longer + 1 end
  position = nextp
end

local got = string.format("%d %d %.6g %.6g", same, longer, position.z, position * position)
assert(got == "280000 213293 28 1.44436e+10", "vector_meta: checksum is " .. got)
print("vector_meta " .. got)
