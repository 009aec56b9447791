-- An operating system in small: coroutine tasks with priorities, sleep, locks, mailboxes and timers.
-- Stresses: coroutine switches among hundreds of tasks, a binary heap, queues, methods, varargs.

local ROUNDS = 50

local create, resume, yield, status = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status
local floor, format = math.floor, string.format
local unpack = table.unpack or unpack

---------------------------------------------------------------------------------------------------
-- Queue: first in, first out, without moving elements

local Queue = {}
Queue.__index = Queue

function Queue.new() return setmetatable({ head = 1, tail = 0 }, Queue) end

function Queue:push(value)
  local tail = self.tail + 1
  self.tail = tail
  self[tail] = value
end

function Queue:pop()
  local head = self.head
  if head > self.tail then return nil end
  local value = self[head]
  self[head] = nil
  self.head = head + 1
  return value
end

function Queue:size() return self.tail - self.head + 1 end

function Queue:remove(value)
  for i = self.head, self.tail do
    if self[i] == value then
      for j = i, self.tail - 1 do self[j] = self[j + 1] end
      self[self.tail] = nil
      self.tail = self.tail - 1
      return true
    end
  end
  return false
end

---------------------------------------------------------------------------------------------------
-- Timers: a binary heap ordered by time, then by age

local Timers = {}
Timers.__index = Timers

function Timers.new() return setmetatable({ n = 0, serial = 0 }, Timers) end

local function earlier(a, b)
  return a.at < b.at or (a.at == b.at and a.serial < b.serial)
end

function Timers:add(at, action)
  local serial = self.serial + 1
  self.serial = serial
  local timer = { at = at, serial = serial, action = action, cancelled = false }
  local i = self.n + 1
  self.n = i
  while i > 1 do
    local parent = floor(i / 2)
    if not earlier(timer, self[parent]) then break end
    self[i] = self[parent]
    i = parent
  end
  self[i] = timer
  return timer
end

function Timers:pop()
  local n = self.n
  if n == 0 then return nil end
  local first, last = self[1], self[n]
  self[n] = nil
  n = n - 1
  self.n = n
  if n > 0 then
    local i = 1
    while true do
      local child = 2 * i
      if child > n then break end
      if child < n and earlier(self[child + 1], self[child]) then child = child + 1 end
      if not earlier(self[child], last) then break end
      self[i] = self[child]
      i = child
    end
    self[i] = last
  end
  return first
end

function Timers:peek() return self[1] end

---------------------------------------------------------------------------------------------------
-- Kernel

local LEVELS = 4

local Kernel = {}
Kernel.__index = Kernel

function Kernel.new()
  local kernel = setmetatable({
    now = 0,
    ready = {},
    timers = Timers.new(),
    live = 0,
    switches = 0,
    failures = 0,
    current = nil,
    trace = 0,
  }, Kernel)
  for level = 1, LEVELS do kernel.ready[level] = Queue.new() end
  return kernel
end

local Task = {}
Task.__index = Task

function Kernel:spawn(name, level, body, ...)
  local task = setmetatable({
    name = name,
    level = level,
    thread = create(body),
    pending = { ... },
    joiners = nil,
    ok = nil,
    result = nil,
    done = false,
    waiting_on = nil,
  }, Task)
  self.live = self.live + 1
  self.ready[level]:push(task)
  return task
end

function Kernel:wake(task, ...)
  task.pending = { ... }
  task.waiting_on = nil
  self.ready[task.level]:push(task)
end

function Kernel:next_task()
  for level = 1, LEVELS do
    local task = self.ready[level]:pop()
    if task then return task end
  end
end

function Kernel:finish(task, ok, result)
  task.done, task.ok, task.result = true, ok, result
  self.live = self.live - 1
  if not ok then self.failures = self.failures + 1 end
  local joiners = task.joiners
  if joiners then
    for i = 1, #joiners do self:wake(joiners[i], ok, result) end
  end
end

function Kernel:step(task)
  self.current = task
  self.switches = self.switches + 1
  self.trace = (self.trace * 33 + #task.name + task.level) % 1000003
  local ok, result = resume(task.thread, unpack(task.pending))
  self.current = nil
  if not ok or status(task.thread) == "dead" then
    self:finish(task, ok, result)
  end
end

-- Runs until no task is ready and no timer is set; gives the number of tasks that wait for ever.
function Kernel:run()
  while true do
    local task = self:next_task()
    if task then
      self:step(task)
    else
      local timer = self.timers:pop()
      if not timer then return self.live end
      if not timer.cancelled then
        self.now = timer.at
        timer.action()
      end
    end
  end
end

-- Calls that tasks make. Each parks the current task and yields to the kernel.

function Kernel:pass()
  local task = self.current
  self.ready[task.level]:push(task)
  return yield()
end

function Kernel:sleep(duration)
  local task = self.current
  self.timers:add(self.now + duration, function() self:wake(task) end)
  return yield()
end

function Kernel:join(task)
  if task.done then return task.ok, task.result end
  task.joiners = task.joiners or {}
  task.joiners[#task.joiners + 1] = self.current
  return yield()
end

---------------------------------------------------------------------------------------------------
-- Mailboxes and locks

local Mailbox = {}
Mailbox.__index = Mailbox

function Kernel:mailbox(capacity)
  return setmetatable({
    kernel = self,
    capacity = capacity,
    items = Queue.new(),
    readers = Queue.new(),
    writers = Queue.new(),
  }, Mailbox)
end

function Mailbox:send(value)
  local kernel = self.kernel
  local reader = self.readers:pop()
  if reader then
    kernel:wake(reader, value)
    return
  end
  while self.items:size() >= self.capacity do
    self.writers:push(kernel.current)
    yield()
  end
  self.items:push(value)
  reader = self.readers:pop()
  if reader then kernel:wake(reader, self.items:pop()) end
end

-- Gives the oldest message, or nil once `patience` has passed.
function Mailbox:receive(patience)
  local kernel = self.kernel
  local value = self.items:pop()
  if value ~= nil then
    local writer = self.writers:pop()
    if writer then kernel:wake(writer) end
    return value
  end
  local task = kernel.current
  self.readers:push(task)
  local timer
  if patience then
    timer = kernel.timers:add(kernel.now + patience, function()
      if self.readers:remove(task) then kernel:wake(task, nil) end
    end)
  end
  value = yield()
  if timer then timer.cancelled = true end
  return value
end

local Lock = {}
Lock.__index = Lock

function Kernel:lock() return setmetatable({ kernel = self, owner = nil, waiters = Queue.new(), waits = 0 }, Lock) end

function Lock:acquire()
  local task = self.kernel.current
  if self.owner then
    self.waits = self.waits + 1
    self.waiters:push(task)
    yield()
    assert(self.owner == task, "lock handed to another task")
  else
    self.owner = task
  end
end

function Lock:release()
  local waiter = self.waiters:pop()
  self.owner = waiter
  if waiter then self.kernel:wake(waiter) end
end

function Lock:with(action, ...)
  self:acquire()
  local result = action(...)
  self:release()
  return result
end

---------------------------------------------------------------------------------------------------
-- Workloads

local function pipeline(kernel, stages, count)
  local first = kernel:mailbox(4)
  local source = first
  for stage = 1, stages do
    local input, output = source, kernel:mailbox(4)
    kernel:spawn("stage" .. stage, 2, function()
      while true do
        local value = input:receive()
        if value == false then
          output:send(false)
          return
        end
        output:send((value * 7 + stage) % 10007)
      end
    end)
    source = output
  end
  kernel:spawn("feeder", 3, function()
    for i = 1, count do
      first:send(i)
      if i % 16 == 0 then kernel:sleep(3) end
    end
    first:send(false)
  end)
  return kernel:spawn("drain", 1, function()
    local sum = 0
    while true do
      local value = source:receive()
      if value == false then return sum end
      sum = (sum * 3 + value) % 1000003
    end
  end)
end

local function philosophers(kernel, seats, meals)
  local forks, eaten = {}, {}
  for i = 1, seats do forks[i] = kernel:lock() end
  for i = 1, seats do
    eaten[i] = 0
    local left, right = i, i % seats + 1
    -- The lower fork first: a fixed order keeps the table free of deadlock.
    local low, high = math.min(left, right), math.max(left, right)
    kernel:spawn("philosopher", 2 + i % 2, function()
      for meal = 1, meals do
        kernel:sleep((i * 7 + meal) % 5)
        forks[low]:acquire()
        forks[high]:acquire()
        kernel:sleep(2)
        eaten[i] = eaten[i] + 1
        forks[high]:release()
        forks[low]:release()
      end
    end)
  end
  return eaten, forks
end

local function counters(kernel, workers, increments)
  local lock, total = kernel:lock(), { value = 0 }
  local function bump(n)
    local before = total.value
    kernel:pass()
    total.value = before + n
    return total.value
  end
  local tasks = {}
  for i = 1, workers do
    tasks[i] = kernel:spawn("counter" .. i, 1 + i % LEVELS, function(by)
      for _ = 1, increments do lock:with(bump, by) end
      if i % 9 == 0 then error("worker " .. i .. " gives up", 0) end
      return by * increments
    end, i)
  end
  return kernel:spawn("auditor", 4, function()
    local sum, failed = 0, 0
    for i = 1, workers do
      local ok, result = kernel:join(tasks[i])
      if ok then sum = sum + result else failed = failed + #result % 7 end
    end
    return { total = total.value, reported = sum, failed = failed, waits = lock.waits }
  end)
end

local function impatient(kernel, rounds)
  local box = kernel:mailbox(1)
  kernel:spawn("sender", 3, function()
    for i = 1, rounds do
      kernel:sleep(i % 7)
      if i % 3 ~= 0 then box:send(i) end
    end
  end)
  return kernel:spawn("receiver", 2, function()
    local late, sum = 0, 0
    for _ = 1, rounds do
      local value = box:receive(4)
      if value == nil then late = late + 1 else sum = sum + value end
    end
    return late * 100000 + sum
  end)
end

---------------------------------------------------------------------------------------------------

local mix, switches = 0, 0
local function note(n) mix = (mix * 31 + n) % 1000003 end

for round = 1, ROUNDS do
  local kernel = Kernel.new()
  local drain = pipeline(kernel, 8 + round % 3, 600)
  local eaten, forks = philosophers(kernel, 11, 60)
  local audit = counters(kernel, 40, 25)
  local receiver = impatient(kernel, 300)
  local stuck = kernel:run()

  local meals, waits = 0, 0
  for i = 1, #eaten do
    meals = meals + eaten[i]
    waits = waits + forks[i].waits
  end
  assert(meals == 11 * 60)
  local books = audit.result
  assert(books.total == 25 * 820)
  note(drain.result)
  note(waits)
  note(books.reported + books.failed + books.waits)
  note(receiver.result % 1000003)
  note(kernel.trace + kernel.now + stuck + kernel.failures)
  switches = switches + kernel.switches
end

local got = format("%d %d", mix, switches)
assert(got == "158670 329951", "scheduler: checksum is " .. got)
print("scheduler " .. got)
