-- A large cache stays alive while requests allocate around it and replace some entries.
-- Stresses: collection with a big live heap, old objects that point to new ones.

local ENTRIES, REQUESTS = 60000, 700000

local cache = {}
for i = 1, ENTRIES do
  cache[i] = { id = i, hits = 0, history = nil, payload = { i % 7, i % 11 } }
end

local seed, replaced, mix = 17, 0, 0
for request = 1, REQUESTS do
  seed = seed * 16807 % 2147483647
  local slot = seed % ENTRIES + 1
  local entry = cache[slot]
  entry.hits = entry.hits + 1
  local record = { at = request, previous = entry.history }
  if entry.hits % 4 == 0 then record.previous = nil end
  entry.history = record
  if seed % 50 == 0 then
    cache[slot] = { id = entry.id, hits = 0, history = nil, payload = { request % 7, slot % 11 } }
    replaced = replaced + 1
  end
  mix = (mix + entry.payload[1] + entry.hits) % 1000003
end

local chains = 0
for i = 1, ENTRIES do
  local record = cache[i].history
  while record do
    chains = chains + 1
    record = record.previous
  end
end

local got = string.format("%d %d %d", mix, replaced, chains)
assert(got == "796900 13930 146937", "long_lived: checksum is " .. got)
print("long_lived " .. got)
