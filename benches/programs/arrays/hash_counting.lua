-- Counts keys in hash tables: words, sparse integers, and pairs of both.
-- Stresses: hash-part lookups and inserts, growth, traversal with pairs.

local ROUNDS = 7000000
local seed = 31

local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

local syllables = { "ka", "lo", "mi", "ra", "te", "su", "no", "vi" }
local words = {}
for a = 1, 8 do
  for b = 1, 8 do
    for c = 1, 8 do words[#words + 1] = syllables[a] .. syllables[b] .. syllables[c] end
  end
end

local by_word, by_number, first_seen = {}, {}, {}
for round = 1, ROUNDS do
  local word = words[random(#words) + 1]
  by_word[word] = (by_word[word] or 0) + 1
  local number = random(5000) * 7919 + 13
  local count = by_number[number]
  if count then
    by_number[number] = count + 1
  else
    by_number[number] = 1
    first_seen[number] = round
  end
end

local distinct, total, squares = 0, 0, 0
for word, count in pairs(by_word) do
  distinct = distinct + #word
  total = total + count
  squares = squares + count * count
end
local numbers, weighted = 0, 0
for number, count in pairs(by_number) do
  numbers = numbers + 1
  weighted = (weighted + number * count + first_seen[number]) % 1000000007
end

local got = string.format("%d %d %d %d %d", distinct, total, squares, numbers, weighted)
assert(got == "3072 7000000 95710532776 5000 761336747", "hash_counting: checksum is " .. got)
print("hash_counting " .. got)
