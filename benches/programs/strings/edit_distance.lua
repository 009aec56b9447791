-- Levenshtein distance and longest common subsequence between generated words.
-- Stresses: string.byte results kept in arrays, dynamic programming on integers, math.min.

local WORDS, LENGTH = 46, 60
local byte, min, max = string.byte, math.min, math.max

local seed = 77
local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

local words = {}
for i = 1, WORDS do
  local letters = {}
  for j = 1, LENGTH + random(12) do letters[j] = string.char(97 + random(6)) end
  words[i] = table.concat(letters)
end

local previous, current = {}, {}

local function distance(a, b)
  local n = #b
  for j = 0, n do previous[j] = j end
  for i = 1, #a do
    current[0] = i
    local ca = byte(a, i)
    for j = 1, n do
      local cost = ca == byte(b, j) and 0 or 1
      current[j] = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
    end
    previous, current = current, previous
  end
  return previous[n]
end

local function common(a, b)
  local n = #b
  for j = 0, n do previous[j] = 0 end
  for i = 1, #a do
    current[0] = 0
    local ca = byte(a, i)
    for j = 1, n do
      if ca == byte(b, j) then
        current[j] = previous[j - 1] + 1
      else
        current[j] = max(previous[j], current[j - 1])
      end
    end
    previous, current = current, previous
  end
  return previous[n]
end

local edits, shared = 0, 0
for i = 1, WORDS do
  for j = i + 1, WORDS do
    edits = edits + distance(words[i], words[j])
    shared = shared + common(words[i], words[j])
  end
end

local got = string.format("%d %d", edits, shared)
assert(got == "46153 35842", "edit_distance: checksum is " .. got)
print("edit_distance " .. got)
