-- Proxies, defaults, read-only views and observed properties by metamethods.
-- Stresses: __index and __newindex as functions and tables, rawget and rawset.

local ROUNDS = 3500000

local function observed(target, log)
  return setmetatable({}, {
    __index = function(_, key)
      log.reads = log.reads + 1
      return target[key]
    end,
    __newindex = function(_, key, value)
      log.writes = log.writes + 1
      target[key] = value
    end,
  })
end

local function with_defaults(defaults)
  return setmetatable({}, { __index = defaults })
end

local function lazy(compute)
  return setmetatable({}, {
    __index = function(t, key)
      local value = compute(key)
      rawset(t, key, value)
      return value
    end,
  })
end

local log = { reads = 0, writes = 0 }
local store = observed({ count = 0, level = 1 }, log)
local options = with_defaults(with_defaults({ width = 80, height = 25, depth = 3 }))
local cubes = lazy(function(n) return n * n * n end)

local mix = 0
for i = 1, ROUNDS do
  store.count = store.count + i % 3
  if i % 5 == 0 then store.level = store.level % 9 + 1 end
  if i % 1000 == 0 then
    options.width = options.width + 1
    rawset(options, "height", rawget(options, "width") or 1)
  end
  mix = (mix + options.width + options.height * options.depth + cubes[i % 200]) % 1000003
end

local got = string.format("%d %d %d %d %d", mix, store.count, store.level, log.reads, log.writes)
assert(got == "981867 3500001 8 4200002 4200000", "proxies: checksum is " .. got)
print("proxies " .. got)
