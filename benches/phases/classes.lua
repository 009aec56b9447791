-- Method calls on objects of one class, of another, of several at a time, and of
-- a class whose methods are replaced while it is used.

package.path = (arg[0]:match("^.*[/\\]") or "") .. "?.lua;" .. package.path
local harness = require("harness")

local function class(area)
  local c = {}
  c.__index = c
  c.area = area
  return c
end

local Square = class(function(s) return s.size * s.size end)
local Line = class(function(s) return s.size end)
local Round = class(function(s) return s.size * s.size * 3 + 1 end)
local Double = setmetatable({}, { __index = Square })
Double.__index = Double
local Changing = class(function(s) return s.size end)

local function total(list)
  local sum = 0
  for i = 1, #list do sum = sum + list[i]:area() end
  return sum
end

local kinds = {
  squares = { Square },
  lines = { Line },
  several = { Square, Line, Round, Double },
  changing = { Changing },
}

local function make(name)
  local list = {}
  for i = 1, 500 do
    local classes = kinds[name]
    list[i] = setmetatable({ size = i }, classes[i % #classes + 1])
  end
  return list
end

local function work(list, name)
  local sum = 0
  for round = 1, 400 do
    if name == "changing" and round % 50 == 0 then
      local by = round // 50
      Changing.area = function(s) return s.size + by end
    end
    sum = sum + total(list)
  end
  return sum
end

harness.run({ "squares", "lines", "several", "changing" }, make, work)
