-- Runs a program several times in one process, as the same function:
--
--   warm.lua PROGRAM TIMES
--
-- The first run is left out: it is when code gets warm. Each run makes the
-- program's tables, classes and closures anew, so that code has to cope with
-- others of the same kind. All runs must print the same; that is printed once,
-- and behind a tab the processor time of the fastest run, in seconds.

local path, times = arg[1], tonumber(arg[2])
local main = assert(loadfile(path))
local show = print
local printed, fastest

for n = 1, times do
  local lines = {}
  print = function(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    lines[#lines + 1] = table.concat(words, "\t")
  end
  local before = os.clock()
  main()
  local took = os.clock() - before
  print = show
  local text = table.concat(lines, "\n")
  if n == 1 then
    printed = text
  else
    assert(text == printed, "run " .. n .. " prints something else: " .. text)
    fastest = math.min(fastest or took, took)
  end
end
show(printed .. "\t" .. string.format("%.6f", fastest))
