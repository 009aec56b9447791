-- One call site that sees objects of six classes, as in a scene of mixed shapes.
-- Stresses: polymorphic method dispatch, objects with different field layouts.

local OBJECTS, ROUNDS = 600, 8800

local function class()
  local c = {}
  c.__index = c
  return c
end

local Circle, Square, Rect, Triangle, Ring, Group =
  class(), class(), class(), class(), class(), class()

function Circle:area() return 3 * self.r * self.r end
function Square:area() return self.side * self.side end
function Rect:area() return self.w * self.h end
function Triangle:area() return self.base * self.height end
function Ring:area() return 3 * (self.outer * self.outer - self.inner * self.inner) end
function Group:area()
  local sum = 0
  for i = 1, #self.items do sum = sum + self.items[i]:area() end
  return sum
end

function Circle:grow(n) self.r = self.r % 20 + n end
function Square:grow(n) self.side = self.side % 30 + n end
function Rect:grow(n) self.w, self.h = self.h, self.w % 25 + n end
function Triangle:grow(n) self.height = self.height % 15 + n end
function Ring:grow(n) self.outer = self.inner + n end
function Group:grow(n)
  for i = 1, #self.items do self.items[i]:grow(n) end
end

local makers = {
  function(i) return setmetatable({ r = i % 9 + 1 }, Circle) end,
  function(i) return setmetatable({ side = i % 11 + 1 }, Square) end,
  function(i) return setmetatable({ w = i % 5 + 1, h = i % 7 + 2 }, Rect) end,
  function(i) return setmetatable({ base = i % 4 + 1, height = i % 6 + 1 }, Triangle) end,
  function(i) return setmetatable({ inner = i % 3 + 1, outer = i % 3 + 4 }, Ring) end,
  function(i)
    return setmetatable({
      items = { setmetatable({ r = i % 5 + 1 }, Circle), setmetatable({ side = i % 6 + 1 }, Square) },
    }, Group)
  end,
}

local scene, seed = {}, 9
for i = 1, OBJECTS do
  seed = seed * 16807 % 2147483647
  scene[i] = makers[seed % #makers + 1](i)
end

local mix = 0
for round = 1, ROUNDS do
  local total = 0
  for i = 1, OBJECTS do
    local shape = scene[i]
    total = total + shape:area()
    if (i + round) % 3 == 0 then shape:grow(round % 4 + 1) end
  end
  mix = (mix * 31 + total) % 1000003
end

local got = string.format("%d", mix)
assert(got == "191610", "polymorphic: checksum is " .. got)
print("polymorphic " .. got)
