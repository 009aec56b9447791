-- A compressor: LZ77 with hash chains and lazy matches, canonical Huffman codes, bit streams, archives.
-- Stresses: bytes in integer arrays, arithmetic instead of bit operators, heaps, buffers, round trips.

local ROUNDS = 15

local byte, char, sub, concat = string.byte, string.char, string.sub, table.concat
local floor, min, format, sort = math.floor, math.min, string.format, table.sort

---------------------------------------------------------------------------------------------------
-- Bit streams: bits fill each byte from the lowest up

local powers = { [0] = 1 }
for i = 1, 24 do powers[i] = powers[i - 1] * 2 end

local Writer = {}
Writer.__index = Writer

function Writer.new() return setmetatable({ out = {}, n = 0, held = 0, scale = 1 }, Writer) end

-- Appends the low `count` bits of `value`, the lowest first.
function Writer:bits(value, count)
  local held, scale = self.held, self.scale
  held = held + value * scale
  scale = scale * powers[count]
  while scale >= 256 do
    local low = held % 256
    local n = self.n + 1
    self.n = n
    self.out[n] = char(low)
    held = floor(held / 256)
    scale = floor(scale / 256)
  end
  self.held, self.scale = held, scale
end

function Writer:finish()
  if self.scale > 1 then
    self.n = self.n + 1
    self.out[self.n] = char(self.held)
  end
  return concat(self.out)
end

local Reader = {}
Reader.__index = Reader

function Reader.new(text) return setmetatable({ text = text, at = 1, held = 0, count = 0 }, Reader) end

function Reader:bit()
  if self.count == 0 then
    local b = byte(self.text, self.at)
    if not b then error("stream ends early", 0) end
    self.at = self.at + 1
    self.held, self.count = b, 8
  end
  local held = self.held
  local bit = held % 2
  self.held = floor(held / 2)
  self.count = self.count - 1
  return bit
end

function Reader:bits(count)
  local value, scale = 0, 1
  for _ = 1, count do
    value = value + self:bit() * scale
    scale = scale * 2
  end
  return value
end

---------------------------------------------------------------------------------------------------
-- Huffman codes of limited length, in canonical order

local MAX_LENGTH = 15

local function heap_push(heap, node)
  local i = #heap + 1
  while i > 1 do
    local parent = floor(i / 2)
    local p = heap[parent]
    if p.weight < node.weight or (p.weight == node.weight and p.order < node.order) then break end
    heap[i] = p
    i = parent
  end
  heap[i] = node
end

local function heap_pop(heap)
  local n = #heap
  local top, last = heap[1], heap[n]
  heap[n] = nil
  n = n - 1
  if n > 0 then
    local i = 1
    while true do
      local child = 2 * i
      if child > n then break end
      local c, d = heap[child], heap[child + 1]
      if d and (d.weight < c.weight or (d.weight == c.weight and d.order < c.order)) then
        child, c = child + 1, d
      end
      if last.weight < c.weight or (last.weight == c.weight and last.order < c.order) then break end
      heap[i] = c
      i = child
    end
    heap[i] = last
  end
  return top
end

-- Code lengths for symbols 0 to `size - 1`; flattens the weights until no code is too long.
local function code_lengths(counts, size)
  while true do
    local heap, order = {}, 0
    for symbol = 0, size - 1 do
      if counts[symbol] > 0 then
        order = order + 1
        heap_push(heap, { weight = counts[symbol], order = order, symbol = symbol, left = nil, right = nil })
      end
    end
    local lengths, longest = {}, 0
    for symbol = 0, size - 1 do lengths[symbol] = 0 end
    if #heap == 1 then
      lengths[heap[1].symbol] = 1
      return lengths
    end
    while #heap > 1 do
      local a, b = heap_pop(heap), heap_pop(heap)
      order = order + 1
      heap_push(heap, { weight = a.weight + b.weight, order = order, symbol = nil, left = a, right = b })
    end
    local function walk(node, depth)
      if node.symbol then
        lengths[node.symbol] = depth
        if depth > longest then longest = depth end
      else
        walk(node.left, depth + 1)
        walk(node.right, depth + 1)
      end
    end
    if heap[1] then walk(heap[1], 0) end
    if longest <= MAX_LENGTH then return lengths end
    for symbol = 0, size - 1 do
      if counts[symbol] > 0 then counts[symbol] = floor(counts[symbol] / 2) + 1 end
    end
  end
end

-- The first code of each length and the symbols in canonical order.
local function canonical(lengths, size)
  local by_length = {}
  for length = 0, MAX_LENGTH do by_length[length] = 0 end
  for symbol = 0, size - 1 do by_length[lengths[symbol]] = by_length[lengths[symbol]] + 1 end
  by_length[0] = 0
  local first, offset, code, total = {}, {}, 0, 0
  for length = 1, MAX_LENGTH do
    code = (code + by_length[length - 1]) * 2
    first[length] = code
    offset[length] = total
    total = total + by_length[length]
  end
  local symbols, nexts = {}, {}
  for length = 1, MAX_LENGTH do nexts[length] = offset[length] end
  for symbol = 0, size - 1 do
    local length = lengths[symbol]
    if length > 0 then
      symbols[nexts[length]] = symbol
      nexts[length] = nexts[length] + 1
    end
  end
  return { first = first, offset = offset, count = by_length, symbols = symbols }
end

-- Codes for writing: reversed, since codes are sent from their highest bit.
local function writing_codes(lengths, size)
  local table_ = canonical(lengths, size)
  local codes, used = {}, {}
  for length = 1, MAX_LENGTH do used[length] = 0 end
  for symbol = 0, size - 1 do
    local length = lengths[symbol]
    if length > 0 then
      local code, reversed = table_.first[length] + used[length], 0
      used[length] = used[length] + 1
      for _ = 1, length do
        local bit = code % 2
        reversed = reversed * 2 + bit
        code = floor(code / 2)
      end
      codes[symbol] = reversed
    end
  end
  return codes
end

local function read_symbol(reader, codes)
  local code = 0
  for length = 1, MAX_LENGTH do
    code = code * 2 + reader:bit()
    local index = code - codes.first[length]
    if index >= 0 and index < codes.count[length] then return codes.symbols[codes.offset[length] + index] end
  end
  error("no such code", 0)
end

---------------------------------------------------------------------------------------------------
-- LZ77: tokens are literals below 256, or a length class with extra bits and a distance

local WINDOW, MIN_MATCH, MAX_MATCH, CHAIN = 16384, 3, 130, 24
local END = 256
local SYMBOLS, DISTANCES = 257 + 8, 15

-- A number n >= 0 as class, number of extra bits and their value: classes double in size.
local function class_of(n)
  local class, base, size = 0, 0, 1
  while n >= base + size do
    class = class + 1
    base = base + size
    size = size * 2
  end
  return class, class, n - base
end

local function class_base(class) return powers[class] - 1 end

local function find_match(bytes, at, length, head, chain, hash)
  local best, where = 0, 0
  local candidate, tries = head[hash], CHAIN
  local limit = min(MAX_MATCH, length - at + 1)
  while candidate and tries > 0 and at - candidate < WINDOW do
    if bytes[candidate + best] == bytes[at + best] then
      local n = 0
      while n < limit and bytes[candidate + n] == bytes[at + n] do n = n + 1 end
      if n > best then
        best, where = n, at - candidate
        if n == limit then break end
      end
    end
    candidate = chain[candidate]
    tries = tries - 1
  end
  return best, where
end

local function tokenize(bytes, length)
  local kinds, values, n = {}, {}, 0
  local head, chain = {}, {}
  local function hash_at(i)
    return ((bytes[i] * 251 + bytes[i + 1]) * 241 + bytes[i + 2]) % 32749
  end
  local function enter(i)
    if i + 2 <= length then
      local hash = hash_at(i)
      chain[i] = head[hash]
      head[hash] = i
    end
  end
  local at = 1
  while at <= length do
    local best, where = 0, 0
    if at + 2 <= length then best, where = find_match(bytes, at, length, head, chain, hash_at(at)) end
    if best >= MIN_MATCH and best < 20 and at + 3 <= length then
      -- A longer match one byte later is worth a literal.
      enter(at)
      local later = find_match(bytes, at + 1, length, head, chain, hash_at(at + 1))
      if later > best then best = 0 end
    else
      enter(at)
    end
    n = n + 1
    if best >= MIN_MATCH then
      kinds[n], values[n] = best, where
      for i = at + 1, at + best - 1 do enter(i) end
      at = at + best
    else
      kinds[n], values[n] = 0, bytes[at]
      at = at + 1
    end
  end
  return kinds, values, n
end

local function compress(text)
  local bytes, length = {}, #text
  for i = 1, length do bytes[i] = byte(text, i) end
  local kinds, values, n = tokenize(bytes, length)
  local symbol_counts, distance_counts = {}, {}
  for symbol = 0, SYMBOLS - 1 do symbol_counts[symbol] = 0 end
  for class = 0, DISTANCES - 1 do distance_counts[class] = 0 end
  symbol_counts[END] = 1
  for i = 1, n do
    if kinds[i] == 0 then
      symbol_counts[values[i]] = symbol_counts[values[i]] + 1
    else
      local symbol = 257 + class_of(kinds[i] - MIN_MATCH)
      symbol_counts[symbol] = symbol_counts[symbol] + 1
      local class = class_of(values[i] - 1)
      distance_counts[class] = distance_counts[class] + 1
    end
  end
  local symbol_lengths = code_lengths(symbol_counts, SYMBOLS)
  local distance_lengths = code_lengths(distance_counts, DISTANCES)
  local symbol_codes = writing_codes(symbol_lengths, SYMBOLS)
  local distance_codes = writing_codes(distance_lengths, DISTANCES)
  local writer = Writer.new()
  for symbol = 0, SYMBOLS - 1 do writer:bits(symbol_lengths[symbol], 4) end
  for class = 0, DISTANCES - 1 do writer:bits(distance_lengths[class], 4) end
  for i = 1, n do
    if kinds[i] == 0 then
      writer:bits(symbol_codes[values[i]], symbol_lengths[values[i]])
    else
      local class, extra, rest = class_of(kinds[i] - MIN_MATCH)
      writer:bits(symbol_codes[257 + class], symbol_lengths[257 + class])
      writer:bits(rest, extra)
      class, extra, rest = class_of(values[i] - 1)
      writer:bits(distance_codes[class], distance_lengths[class])
      writer:bits(rest, extra)
    end
  end
  writer:bits(symbol_codes[END], symbol_lengths[END])
  return writer:finish(), n
end

local function decompress(packed)
  local reader = Reader.new(packed)
  local symbol_lengths, distance_lengths = {}, {}
  for symbol = 0, SYMBOLS - 1 do symbol_lengths[symbol] = reader:bits(4) end
  for class = 0, DISTANCES - 1 do distance_lengths[class] = reader:bits(4) end
  local symbols = canonical(symbol_lengths, SYMBOLS)
  local distances = canonical(distance_lengths, DISTANCES)
  local out, n = {}, 0
  while true do
    local symbol = read_symbol(reader, symbols)
    if symbol == END then break end
    if symbol < 256 then
      n = n + 1
      out[n] = char(symbol)
    else
      local class = symbol - 257
      local length = class_base(class) + reader:bits(class) + MIN_MATCH
      class = read_symbol(reader, distances)
      local from = n - (class_base(class) + reader:bits(class) + 1)
      if from < 0 then error("distance too large", 0) end
      for i = 1, length do out[n + i] = out[from + i] end
      n = n + length
    end
  end
  return concat(out)
end

---------------------------------------------------------------------------------------------------
-- Archives: named members with sizes and checksums, smallest members first

local function adler32(text)
  local a, b = 1, 0
  for i = 1, #text do
    a = (a + byte(text, i)) % 65521
    b = (b + a) % 65521
  end
  return b * 65536 + a
end

local function pack_archive(members)
  local names, parts = {}, {}
  for name in pairs(members) do names[#names + 1] = name end
  sort(names, function(a, b)
    if #members[a] ~= #members[b] then return #members[a] < #members[b] end
    return a < b
  end)
  for i = 1, #names do
    local text = members[names[i]]
    local packed = compress(text)
    parts[#parts + 1] = format("%s %d %d %d\n", names[i], #text, #packed, adler32(text))
    parts[#parts + 1] = packed
  end
  return concat(parts)
end

local function unpack_archive(archive)
  local members, at = {}, 1
  while at <= #archive do
    local name, size, packed_size, sum, from = archive:match("^(%S+) (%d+) (%d+) (%d+)\n()", at)
    if not name then error("bad archive header at " .. at, 0) end
    local text = decompress(sub(archive, from, from + packed_size - 1))
    if #text ~= tonumber(size) or adler32(text) ~= tonumber(sum) then error("damaged member " .. name, 0) end
    members[name] = text
    at = from + packed_size
  end
  return members
end

---------------------------------------------------------------------------------------------------

local seed = 271828
local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

local stems = { "tier", "trace", "guard", "frame", "table", "value", "shape", "string", "loop", "call" }
local endings = { "", "s", "ed", "ing", "less" }

local function prose(words)
  local out = {}
  for i = 1, words do
    out[i] = stems[random(#stems) + 1] .. endings[random(#endings) + 1] .. (random(9) == 0 and ".\n" or " ")
  end
  return concat(out)
end

local function numbers(count)
  local out = {}
  for i = 1, count do out[i] = format("%d,%d;", i, random(50)) end
  return concat(out)
end

local function noise(count)
  local out = {}
  for i = 1, count do out[i] = char(random(256)) end
  return concat(out)
end

local mix, original, packed_total = 0, 0, 0
for round = 1, ROUNDS do
  local members = {
    ["prose.txt"] = prose(2600),
    ["numbers.csv"] = numbers(1300),
    ["noise.bin"] = noise(1500),
    ["runs.bin"] = ("a"):rep(3000) .. ("ab"):rep(1500) .. ("abc"):rep(700 + round),
    ["one.txt"] = "x",
  }
  local archive = pack_archive(members)
  local back = unpack_archive(archive)
  for name, text in pairs(members) do
    assert(back[name] == text, name .. " changed")
    original = original + #text
  end
  packed_total = packed_total + #archive
  mix = (mix * 31 + adler32(archive)) % 1000003

  local broken = sub(archive, 1, 60) .. char((byte(archive, 61) + 1) % 256) .. sub(archive, 62)
  assert(not pcall(unpack_archive, sub(archive, 1, #archive - 400)))
  assert(not pcall(unpack_archive, "?" .. broken:gsub("\n", "")))
end

local got = format("%d %d %d", mix, original, packed_total)
assert(got == "76012 588576 159419", "compressor: checksum is " .. got)
print("compressor " .. got)
