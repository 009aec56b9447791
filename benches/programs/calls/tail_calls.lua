-- State machines and loops written as proper tail calls.
-- Stresses: tail calls between functions, to itself and through a table of states.

local ROUNDS = 92

local function loop(n, acc)
  if n == 0 then return acc end
  return loop(n - 1, (acc * 3 + n) % 1000003)
end

local even, odd
function even(n)
  if n == 0 then return true end
  return odd(n - 1)
end
function odd(n)
  if n == 0 then return false end
  return even(n - 1)
end

-- A recogniser that counts words, numbers and blanks in an array of bytes.
local states = {}
function states.blank(input, i, stats)
  local c = input[i]
  if not c then return stats end
  if c >= 97 then
    stats.words = stats.words + 1
    return states.word(input, i + 1, stats)
  elseif c >= 48 then
    stats.numbers = stats.numbers + 1
    return states.number(input, i + 1, stats)
  end
  stats.blanks = stats.blanks + 1
  return states.blank(input, i + 1, stats)
end
function states.word(input, i, stats)
  local c = input[i]
  if c and c >= 97 then return states.word(input, i + 1, stats) end
  return states.blank(input, i, stats)
end
function states.number(input, i, stats)
  local c = input[i]
  if c and c >= 48 and c < 97 then return states.number(input, i + 1, stats) end
  return states.blank(input, i, stats)
end

local text = ("lorem 123 ipsum  42dolor x9 "):rep(1200)
local input = { text:byte(1, 4000) }
for i = 4001, #text do input[i] = text:byte(i) end

local mix, evens = 0, 0
for round = 1, ROUNDS do
  mix = (mix + loop(160000, round)) % 1000003
  if even(100000 + round) then evens = evens + 1 end
  local stats = states.blank(input, 1, { words = 0, numbers = 0, blanks = 0 })
  mix = (mix * 7 + stats.words * 5 + stats.numbers * 3 + stats.blanks) % 1000003
end

local got = string.format("%d %d", mix, evens)
assert(got == "982363 46", "tail_calls: checksum is " .. got)
print("tail_calls " .. got)
