-- A cooperative scheduler: tasks are coroutines, time is simulated.
--
--   vm run scheduler.lua
--
-- Tasks sleep, exchange messages over bounded channels, wait for each other and
-- are cancelled; what they hold in <close> variables is released either way.
-- The clock only advances when every task waits, so each run prints the same.

local Scheduler = {}
Scheduler.__index = Scheduler

function Scheduler.new()
  return setmetatable({ now = 0, ready = {}, head = 1, sleeping = {}, tasks = 0, current = nil }, Scheduler)
end

function Scheduler:log(...)
  print(("%4d ms  %s"):format(self.now, string.format(...)))
end

-- A task is ready to run with these values as the result of its yield.
function Scheduler:wake(task, ...)
  if task.state == "done" then return end
  self.ready[#self.ready + 1] = { task, table.pack(...) }
end

function Scheduler:spawn(name, body, ...)
  local task = { name = name, state = "new", waiters = {}, thread = coroutine.create(body) }
  self.tasks = self.tasks + 1
  self:wake(task, ...)
  return task
end

-- Binary heap of sleeping tasks by (time, order of going to sleep).
local function before(a, b)
  if a.time ~= b.time then return a.time < b.time end
  return a.order < b.order
end

local order = 0

function Scheduler:sleep(duration)
  order = order + 1
  local heap, item = self.sleeping, { time = self.now + duration, order = order, task = self.current }
  local i = #heap + 1
  while i > 1 and before(item, heap[i // 2]) do
    heap[i], i = heap[i // 2], i // 2
  end
  heap[i] = item
  return coroutine.yield()
end

local function pop(heap)
  local top, last = heap[1], table.remove(heap)
  local n, i = #heap, 1
  if n > 0 then
    while 2 * i <= n do
      local child = 2 * i
      if child < n and before(heap[child + 1], heap[child]) then child = child + 1 end
      if not before(heap[child], last) then break end
      heap[i], i = heap[child], child
    end
    heap[i] = last
  end
  return top
end

-- Runs a task until it waits, ends or fails.
function Scheduler:resume(task, values)
  self.current = task
  task.state = "running"
  local result = table.pack(coroutine.resume(task.thread, table.unpack(values, 1, values.n)))
  self.current = nil
  if coroutine.status(task.thread) == "dead" then
    -- A failed coroutine keeps its <close> variables until it is closed.
    if not result[1] then coroutine.close(task.thread) end
    self:finish(task, table.unpack(result, 1, result.n))
  else
    task.state = "waiting"
  end
end

function Scheduler:finish(task, ok, ...)
  task.state, task.ok, task.result = "done", ok, table.pack(...)
  self.tasks = self.tasks - 1
  if not ok then self:log("%s failed: %s", task.name, tostring((...))) end
  for _, waiter in ipairs(task.waiters) do self:wake(waiter) end
end

-- Waits for a task to end; returns what it returned, or nil and its error.
function Scheduler:join(task)
  while task.state ~= "done" do
    task.waiters[#task.waiters + 1] = self.current
    coroutine.yield()
  end
  if task.ok then return table.unpack(task.result, 1, task.result.n) end
  return nil, task.result[1]
end

-- Ends a waiting task; its pending <close> variables are closed first.
function Scheduler:cancel(task)
  if task.state == "done" then return end
  assert(task.state ~= "running", "a task cannot cancel itself")
  local ok, message = coroutine.close(task.thread)
  self:finish(task, ok, ok and "cancelled" or message)
end

function Scheduler:run()
  while true do
    while self.head <= #self.ready do
      local entry = self.ready[self.head]
      self.ready[self.head] = false
      self.head = self.head + 1
      if entry[1].state ~= "done" then self:resume(entry[1], entry[2]) end
    end
    self.ready, self.head = {}, 1
    local item = self.sleeping[1] and pop(self.sleeping)
    if not item then break end
    if item.task.state ~= "done" then
      self.now = item.time
      self:wake(item.task)
    end
  end
  return self.tasks
end

-- Channels ------------------------------------------------------------------

local Channel = {}
Channel.__index = Channel

function Scheduler:channel(capacity)
  return setmetatable({ s = self, capacity = capacity, items = {}, senders = {}, receivers = {} }, Channel)
end

function Channel:send(value)
  while #self.items >= self.capacity do
    self.senders[#self.senders + 1] = self.s.current
    coroutine.yield()
  end
  self.items[#self.items + 1] = value
  local receiver = table.remove(self.receivers, 1)
  if receiver then self.s:wake(receiver) end
end

function Channel:receive()
  while #self.items == 0 do
    if self.closed then return nil end
    self.receivers[#self.receivers + 1] = self.s.current
    coroutine.yield()
  end
  local value = table.remove(self.items, 1)
  local sender = table.remove(self.senders, 1)
  if sender then self.s:wake(sender) end
  return value
end

function Channel:close()
  self.closed = true
  for _, receiver in ipairs(self.receivers) do self.s:wake(receiver) end
  self.receivers = {}
end

-- Iterates over what arrives until the channel is closed.
function Channel:each() return function() return self:receive() end end

-- A day at work -------------------------------------------------------------

local s = Scheduler.new()

local function resource(name)
  s:log("%s acquired", name)
  return setmetatable({}, { __close = function(_, err)
    s:log("%s released%s", name, err and " after an error" or "")
  end })
end

local jobs, results = s:channel(2), s:channel(10)

local producer = s:spawn("producer", function()
  for i = 1, 6 do
    jobs:send(i)
    s:log("job %d queued", i)
  end
  jobs:close()
  return "six jobs"
end)

local workers = {}
for id = 1, 2 do
  workers[id] = s:spawn("worker " .. id, function(pace)
    local connection <close> = resource("connection " .. id)
    for job in jobs:each() do
      s:sleep(pace)
      results:send(("%d*%d=%d by %d"):format(job, job, job * job, id))
    end
  end, id * 10)
end

s:spawn("failing", function()
  local handle <close> = resource("handle")
  s:sleep(15)
  local missing
  return missing.field
end)

local idle = s:spawn("idle", function()
  local lock <close> = resource("lock")
  while true do s:sleep(7) end
end)

s:spawn("supervisor", function()
  s:log("the producer said: %s", s:join(producer))
  for _, worker in ipairs(workers) do s:join(worker) end
  s:cancel(idle)
  results:close()
  for text in results:each() do s:log("result %s", text) end
end)

local left = s:run()
s:log("%d tasks left", left)
assert(left == 0)

-- Many tasks: a ring passes a token around.
local ring, hops = {}, 0
local size, rounds = 500, 20
for i = 1, size do ring[i] = s:channel(1) end
for i = 1, size do
  s:spawn("node " .. i, function()
    for _ = 1, rounds do
      local token = ring[i]:receive()
      hops = hops + 1
      ring[i % size + 1]:send(token + 1)
    end
  end)
end
s:spawn("start", function() ring[1]:send(0) end)
s:run()
print(("%d nodes passed the token %d times, it says %d"):format(size, hops, ring[1].items[1]))
