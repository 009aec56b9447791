-- Comma-separated records: split, convert, change case, trim, join again.
-- Stresses: find and sub in loops, tonumber and tostring, upper, lower, reverse.

local ROWS, ROUNDS = 900, 240

local function split(s, separator)
  local parts, n, from = {}, 0, 1
  local width = #separator
  while true do
    local at = s:find(separator, from, true)
    n = n + 1
    if not at then
      parts[n] = s:sub(from)
      return parts, n
    end
    parts[n] = s:sub(from, at - 1)
    from = at + width
  end
end

local function trim(s)
  return (s:gsub("^%s+", ""):gsub("%s+$", ""))
end

local rows = {}
for i = 1, ROWS do
  rows[i] = table.concat({ i, " Name" .. i % 100 .. " ", i * 13 % 977, "  tag" .. i % 7, "x" .. i }, ",")
end

local mix = 0
for round = 1, ROUNDS do
  local out, sum = {}, 0
  for i = 1, ROWS do
    local fields, n = split(rows[i], ",")
    local id, score = tonumber(fields[1]), tonumber(fields[3])
    local name = trim(fields[2])
    local tag = trim(fields[4]):upper()
    sum = sum + id * n + score
    if name:lower() == "name" .. round then sum = sum + 1000 end
    out[i] = table.concat({ tag, name:reverse(), fields[5]:lower(), tostring(score) }, ";")
  end
  local joined = table.concat(out, "|")
  local back, n = split(joined, "|")
  assert(n == ROWS and back[ROWS] == out[ROWS])
  mix = (mix * 31 + sum + #joined) % 1000003
end

local got = string.format("%d", mix)
assert(got == "339070", "split_join: checksum is " .. got)
print("split_join " .. got)
