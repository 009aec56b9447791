-- A thousand actors that keep a sum each, a million messages to them from a few
-- others, and one among them that is ended by its memory limit meanwhile.
--
--   vm run load.lua [actors [messages [senders]]]
--
-- Writes a line as each part ends; who reads them takes the times.

local actors = require "actors"

local function number(n, default) return math.tointeger(tonumber(arg[n])) or default end
local ACTORS, MESSAGES, SENDERS = number(1, 1000), number(2, 1000000), number(3, 4)

-- What the system says of this process, if it does (Linux).
local function status(name)
  local file = io.open("/proc/self/status")
  if not file then return 0 end
  local text = file:read("a")
  file:close()
  return math.tointeger(tonumber(text:match(name .. ":%s*(%d+)"))) or 0
end

local function say(...)
  print(...)
  io.stdout:flush()
end

local function keeper()
  local sum, count = 0, 0
  return {
    add = function(k)
      sum = sum + k
      count = count + 1
    end,
    get = function() return sum, count end,
  }
end

local function sender(number, count, to, main)
  local sum = 0
  for i = 1, count do
    local k = i & 15
    assert(to[(i * 7 + number) % #to + 1]:send_within(60, "add", k))
    sum = sum + k
  end
  main:send("sent", sum)
end

local function greedy()
  return function()
    local all = {}
    while true do all[#all + 1] = ("x"):rep(100) .. #all end
  end
end

say("start")
local before = status("VmRSS")
local keepers = {}
for n = 1, ACTORS do keepers[n] = actors.spawn(keeper) end
for n = 1, ACTORS do keepers[n]:ask_within(600, "get") end
say("spawned", ACTORS, (status("VmRSS") - before) / ACTORS)

local victim = actors.spawn(greedy, { memory = 4 << 20 })
local each = MESSAGES // SENDERS
say("begin")
for n = 1, SENDERS do
  actors.spawn(sender, { args = { n, each, keepers, actors.self() } })
end
local expected = 0
for n = 1, SENDERS do
  if n == SENDERS // 2 then victim:send("now") end
  local what, sum = actors.receive(600)
  assert(what == "sent", "the senders are late")
  expected = expected + sum
end
local sum, count = 0, 0
for n = 1, ACTORS do
  local s, c = keepers[n]:ask_within(60, "get")
  sum, count = sum + s, count + c
end
say("handled", count, status("Threads"))
assert(sum == expected and count == each * SENDERS, "messages were lost")
say("killed", (victim:join(60)))
