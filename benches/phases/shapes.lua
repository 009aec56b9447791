-- Fields of objects whose shape changes from phase to phase: more fields, in
-- another order, in the hash part.

package.path = (arg[0]:match("^.*[/\\]") or "") .. "?.lua;" .. package.path
local harness = require("harness")

local makers = {
  small = function(i) return { x = i, y = 2 } end,
  turned = function(i) return { y = 2, x = i } end,
  wide = function(i) return { name = "n", id = i, x = i, y = 2, z = 3 } end,
  dictionary = function(i)
    local t = {}
    for k = 1, 40 do t["k" .. k] = k end
    t.x, t.y = i, 2
    return t
  end,
}

local function length(p) return p.x * p.x + p.y * p.y end

local function work(objects)
  local sum = 0
  for _ = 1, 300 do
    for i = 1, #objects do
      local p = objects[i]
      p.x = p.x + 1
      sum = sum + length(p)
    end
    for i = 1, #objects do objects[i].x = objects[i].x - 1 end
  end
  return sum
end

local function make(name)
  local objects = {}
  for i = 1, 200 do objects[i] = makers[name](i) end
  return objects
end

harness.run({ "small", "turned", "wide", "dictionary" }, make, work)
