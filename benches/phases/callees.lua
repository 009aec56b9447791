-- A function value that is called from a loop is another one in each phase: a
-- small function, one with an upvalue, one with a loop, a host function.

package.path = (arg[0]:match("^.*[/\\]") or "") .. "?.lua;" .. package.path
local harness = require("harness")

local count = 0

local callees = {
  small = function(x) return x + 1 end,
  upvalue = function(x)
    count = count + 1
    return x + count % 3
  end,
  longer = function(x)
    local s = 0
    for i = 1, 4 do s = s + (x + i) % 5 end
    return s
  end,
  host = math.abs,
  maximum = function(...) return math.max(...) end,
}

local function map(f, list, out)
  for i = 1, #list do out[i] = f(list[i]) end
end

local list, out = {}, {}
for i = 1, 1000 do list[i] = i % 17 end

local function work(f)
  count = 0
  for _ = 1, 200 do map(f, list, out) end
  local sum = 0
  for i = 1, #out do sum = sum + out[i] end
  return sum
end

harness.run({ "small", "upvalue", "longer", "host", "maximum" }, function(name) return callees[name] end, work)
