-- The same arithmetic on integers, then on floats, then on both, back and forth.

package.path = (arg[0]:match("^.*[/\\]") or "") .. "?.lua;" .. package.path
local harness = require("harness")

local function step(x, y) return x * 3 + y - x end

local function work(input)
  local sum = input.zero
  local a, b = input.a, input.b
  for i = 1, 300000 do
    sum = step(sum, a) % b
    if i % 3 == 0 then sum = sum + a end
  end
  return sum
end

local inputs = {
  integers = { zero = 0, a = 7, b = 1009 },
  floats = { zero = 0.5, a = 7.25, b = 1009.5 },
  mixed = { zero = 0, a = 7.25, b = 1009 },
}

harness.run({ "integers", "floats", "mixed" }, function(name) return inputs[name] end, work)
