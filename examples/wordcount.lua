-- Counts lines, words and characters of standard input and lists the most
-- frequent words.
--
--   vm run wordcount.lua [HOW_MANY] < some.txt        (default 10)
--
-- A word is a run of letters, digits, apostrophes and bytes above 127 (so UTF-8
-- text stays in one piece); case is folded for ASCII letters.

local top = math.tointeger(tonumber(arg and arg[1] or 10)) or 10

local lines, words, bytes, characters = 0, 0, 0, 0
local count, longest = {}, ""

for line in io.lines(nil, "L") do
  lines = lines + 1
  bytes = bytes + #line
  characters = characters + (utf8.len(line, 1, -1, true) or #line)
  for word in line:gmatch("[%w'\128-\255]+") do
    word = word:gsub("^'+", ""):gsub("'+$", ""):lower()
    if word ~= "" then
      words = words + 1
      count[word] = (count[word] or 0) + 1
      if #word > #longest then longest = word end
    end
  end
end

local order = {}
for word in pairs(count) do order[#order + 1] = word end
table.sort(order, function(a, b)
  if count[a] ~= count[b] then return count[a] > count[b] end
  return a < b
end)

print(("%d lines, %d words (%d different), %d characters, %d bytes")
  :format(lines, words, #order, characters, bytes))
if #order > 0 then print("longest: " .. longest) end
for i = 1, math.min(top, #order) do
  local word = order[i]
  print(("%6d  %-12s %s"):format(count[word], word, ("#"):rep(count[word])))
end
