-- A small service of actors: a router spreads jobs over workers that compute, a
-- store keeps state, and a supervisor starts again what fails.
--
--   vm run actors.lua
--
-- Each actor is a VM of its own on a pool of threads; they share nothing and
-- exchange copies. What is printed does not depend on who runs when.

local actors = require "actors"

local WORKERS, CLIENTS, REQUESTS = 4, 8, 50

-- Computes: its loop is hot, and compiled. It keeps nothing.
local function worker()
  local function collatz(n)
    local steps = 0
    while n ~= 1 do
      n = n % 2 == 0 and n // 2 or 3 * n + 1
      steps = steps + 1
    end
    return steps
  end
  return function(from, to)
    local best, most = from, 0
    for n = from, to do
      local steps = collatz(n)
      if steps > most then best, most = n, steps end
    end
    return best, most
  end
end

-- Passes each job to the next worker, which replies to who asked.
local function router(workers)
  local next = 0
  return function(...)
    next = next % #workers + 1
    actors.forward(workers[next], ...)
  end
end

-- Keeps state: a value for each key, and how often it was set. It has handlers by
-- name, and one that fails.
local function store()
  local values, writes = {}, 0
  return {
    set = function(key, value)
      values[key] = value
      writes = writes + 1
    end,
    get = function(key) return values[key] end,
    count = function()
      local keys = 0
      for _ in pairs(values) do keys = keys + 1 end
      return keys, writes
    end,
    check = function(key) assert(values[key], "there is no " .. tostring(key)) return true end,
  }
end

-- Asks for jobs, keeps the results in the store, and reports to `main` at the end.
local function client(number, requests, jobs, results, main)
  local sum = 0
  for i = 1, requests do
    local from = (number * requests + i) * 40
    local best, steps = jobs:ask_within(600, from, from + 39)
    sum = sum + steps
    results:send_within(600, "set", from, { best = best, steps = steps })
  end
  main:send("done", number, sum)
end

local workers = {}
for n = 1, WORKERS do
  -- None of them computes for more than ten minutes, or in more than 64 MiB.
  workers[n] = actors.spawn(worker, { time = 600, memory = 64 << 20 })
end
local jobs = actors.spawn(router, { args = { workers }, name = "jobs" })
local careful = actors.supervisor { restarts = 3, within = 5 }
local results = actors.spawn(store, { name = "results", supervisor = careful })

for n = 1, CLIENTS do
  actors.spawn(client, { args = { n, REQUESTS, jobs, results, actors.self() } })
end

local sums = {}
for _ = 1, CLIENTS do
  local what, number, sum = actors.receive(600)
  assert(what == "done", "the clients are late")
  sums[number] = sum
end
for n, sum in ipairs(sums) do print(("client %d: %d steps"):format(n, sum)) end

local keys, writes = results:ask_within(600, "count")
print(("results: %d keys, %d writes"):format(keys, writes))
local first = results:ask_within(600, "get", (REQUESTS + 1) * 40)
print(("job 1 of client 1: %d takes %d steps"):format(first.best, first.steps))

-- An error ends this life of the store. It begins anew, without its values, at the
-- same address.
actors.monitor(results)
local ok, why = pcall(results.ask_within, results, 600, "check", "nothing")
print(ok, why:match("there is no %w+"))
local what, which, reason, _, anew = actors.receive(600)
print(what, which == results, reason, anew, results:ask_within(600, "count"))

-- One that asks for too much is ended. The others notice nothing.
local greedy = actors.spawn(function()
  return function()
    local all = {}
    while true do all[#all + 1] = ("x"):rep(1000) .. #all end
  end
end, { memory = 8 << 20 })
ok = pcall(greedy.ask_within, greedy, 600)
print(ok, (greedy:join(600)))
print(jobs:ask_within(600, 27, 27))
