-- Parses generated log lines and configuration text with find, match and gmatch.
-- Stresses: the pattern matcher with classes, captures, lazy and greedy repeats, %b and %f.

local LINES, ROUNDS = 400, 150

local levels = { "DEBUG", "INFO", "WARN", "ERROR" }
local lines = {}
for i = 1, LINES do
  lines[i] = string.format("2024-%02d-%02d %02d:%02d:%02d [%s] worker-%d: call(%s, (%d)) took %d.%03d ms; key_%d = value%d",
    i % 12 + 1, i % 28 + 1, i % 24, i % 60, (i * 7) % 60, levels[i % 4 + 1], i % 16,
    ("f"):rep(i % 5 + 1), i, i % 90, i % 1000, i % 13, i * 3)
end
local text = table.concat(lines, "\n")

local per_level, mix = {}, 0
for round = 1, ROUNDS do
  for i = 1, LINES do
    local line = lines[i]
    local year, month, day, hour, minute = line:match("^(%d+)%-(%d+)%-(%d+) (%d+):(%d+)")
    local level, worker = line:match("%[(%u+)%] worker%-(%d+)")
    per_level[level] = (per_level[level] or 0) + 1
    local args = line:match("call(%b())")
    local ms = line:match("took (.-) ms")
    local from = line:find("key_", 1, true)
    local last = line:match("(%w+)%s*$")
    mix = (mix * 31 + #year + month + day + hour + minute + worker + #args + #ms + from + #last) % 1000003
  end
  local words = 0
  for _ in text:gmatch("%f[%w]%a+") do words = words + 1 end
  local pairs_seen = 0
  for key, value in text:gmatch("([%w_]+) = (%w+)") do
    if #key < #value then pairs_seen = pairs_seen + 1 end
  end
  mix = (mix * 31 + words + pairs_seen + round) % 1000003
end

local got = string.format("%d %d %d", mix, per_level.DEBUG, per_level.ERROR)
assert(got == "696990 15000 15000", "patterns: checksum is " .. got)
print("patterns " .. got)
