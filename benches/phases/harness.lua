-- Runs a piece of work in windows of time while what it works on changes.
--
-- A program gives `run` the names of its phases, a function that makes what a
-- phase works on, and the work. The phases take turns: twice with many windows
-- each, then back and forth with few. For each window a line is printed: its
-- number, the phase, and the milliseconds the program's own thread needed. The
-- same program prints the same lines but for the times, so that the windows of
-- two runs can be compared one by one.

local harness = {}

-- Milliseconds of this thread, without those that compile; where the system
-- doesn't tell, of the process.
local function now()
  -- The system counts in ticks until somebody asks for the time of the process.
  local clock = os.clock()
  local file = io.open("/proc/thread-self/schedstat")
  if not file then return clock * 1000 end
  local ns = file:read("n")
  file:close()
  return ns / 1e6
end

local LONG, SHORT = 60, 8

function harness.run(phases, make, work)
  local window = 0
  local function phase(name, windows)
    local input = make(name)
    for _ = 1, windows do
      local start = now()
      local sum = work(input, name)
      local took = now() - start
      window = window + 1
      print(string.format("%d %s %.3f %.17g", window, name, took, sum))
    end
  end
  for _ = 1, 2 do
    for _, name in ipairs(phases) do phase(name, LONG) end
  end
  for _ = 1, 6 do
    for _, name in ipairs(phases) do phase(name, SHORT) end
  end
end

return harness
