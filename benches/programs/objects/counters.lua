-- Monomorphic objects: a bounded counter, a statistics record and a state machine.
-- Stresses: method calls with one class per site, field increments, boolean and string fields.

local ROUNDS = 5500000

local Counter = {}
Counter.__index = Counter
function Counter.new(limit) return setmetatable({ value = 0, wraps = 0, limit = limit }, Counter) end
function Counter:tick(by)
  local value = self.value + by
  if value >= self.limit then
    value = value - self.limit
    self.wraps = self.wraps + 1
  end
  self.value = value
  return value
end

local Stats = {}
Stats.__index = Stats
function Stats.new() return setmetatable({ n = 0, mean = 0.0, m2 = 0.0, low = 1e300, high = -1e300 }, Stats) end
function Stats:add(x)
  local n = self.n + 1
  local delta = x - self.mean
  local mean = self.mean + delta / n
  self.n, self.mean = n, mean
  self.m2 = self.m2 + delta * (x - mean)
  if x < self.low then self.low = x end
  if x > self.high then self.high = x end
end

local Light = {}
Light.__index = Light
local following = { red = "green", green = "amber", amber = "red" }
function Light.new() return setmetatable({ color = "red", switches = 0, on = true }, Light) end
function Light:switch()
  if self.on then
    self.color = following[self.color]
    self.switches = self.switches + 1
  end
  self.on = self.switches % 100 ~= 99 or not self.on
end

local counter, stats, light = Counter.new(1000), Stats.new(), Light.new()
for i = 1, ROUNDS do
  local v = counter:tick(i % 17)
  if i % 2 == 0 then stats:add(v) end
  if i % 3 == 0 then light:switch() end
end

local got = string.format("%d %d %.9g %.9g %s %d", counter.value, counter.wraps, stats.mean,
  stats.m2 / stats.n, light.color, light.switches)
assert(got == "972 43999 499.294175 83333.6309 amber 1815182", "counters: checksum is " .. got)
print("counters " .. got)
