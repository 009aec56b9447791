-- A program of several modules, for `vm build`:
--
--   vm build inventory.lua -o inventory        finds inventory/*.lua by itself
--   ./inventory 2000                           runs wherever it is put
--
-- Deliveries and orders come in; what is left, and what has to be bought, goes out.

local stock = require "inventory.stock"
local report = require "inventory.report"

local days = tonumber((...)) or 365
local shelves = stock.new { apples = 120, bread = 40, candles = 15, dates = 60 }

local seed = 7
local function random(n)
  seed = (seed * 16807) % 2147483647
  return seed % n + 1
end

local names = shelves:names()
for day = 1, days do
  for _ = 1, random(4) do
    local name = names[random(#names)]
    local ok, missing = pcall(shelves.take, shelves, name, random(12))
    if not ok then report.note(day, missing) end
  end
  if day % 7 == 0 then
    for _, name in ipairs(names) do shelves:put(name, 10 + random(20)) end
  end
end

report.print(shelves, days)
