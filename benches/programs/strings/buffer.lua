-- Builds a large document from pieces with table.concat, then takes it apart by lines.
-- Stresses: table.concat, string.rep, plain find, substring creation.

local ROUNDS, ROWS = 210, 3000
local concat, rep = table.concat, string.rep

local function render(round)
  local out, n = {}, 0
  for row = 1, ROWS do
    local cells = { "r", row, ":", round, ":", rep("ab", row % 7) }
    n = n + 1
    out[n] = concat(cells)
    if row % 50 == 0 then
      n = n + 1
      out[n] = rep("-", 20, "=")
    end
  end
  return concat(out, "\n") .. "\n"
end

local function digest(text)
  local from, lines, mix = 1, 0, 0
  while true do
    local stop = text:find("\n", from, true)
    if not stop then break end
    local line = text:sub(from, stop - 1)
    lines = lines + 1
    mix = (mix * 33 + #line + line:byte(#line)) % 1000003
    from = stop + 1
  end
  return lines, mix
end

local total, mix = 0, 0
for round = 1, ROUNDS do
  local lines, m = digest(render(round))
  total = total + lines
  mix = (mix * 7 + m) % 1000003
end

local got = string.format("%d %d", total, mix)
assert(got == "642600 733374", "buffer: checksum is " .. got)
print("buffer " .. got)
