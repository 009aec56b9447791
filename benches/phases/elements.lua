-- Arrays of integers, of floats, of both, with holes, and of strings of digits.

package.path = (arg[0]:match("^.*[/\\]") or "") .. "?.lua;" .. package.path
local harness = require("harness")

local makers = {
  integers = function(i) return i % 100 end,
  floats = function(i) return i % 100 + 0.5 end,
  mixed = function(i) return i % 2 == 0 and i % 100 or i % 100 + 0.5 end,
  holes = function(i) return i % 7 ~= 0 and i % 100 or nil end,
  digits = function(i) return tostring(i % 100) end,
}

local function work(list, name)
  local rounds = name == "digits" and 10 or 120
  local sum = 0
  for _ = 1, rounds do
    for i = 1, 2000 do
      local x = list[i]
      if x then
        sum = sum + x * 2
        list[i] = x
      end
    end
  end
  return sum
end

local function make(name)
  local list = {}
  for i = 1, 2000 do list[i] = makers[name](i) end
  return list
end

harness.run({ "integers", "floats", "mixed", "holes", "digits" }, make, work)
