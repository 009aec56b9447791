-- A key-value store: LRU cache with expiry, write-ahead log in binary, snapshots, indexes, transactions.
-- Stresses: linked records with nil-able links, binary coding by bytes, string keys, closures, pcall.

local OPERATIONS = 52000

local byte, char, sub, concat = string.byte, string.char, string.sub, table.concat
local floor, format = math.floor, string.format

---------------------------------------------------------------------------------------------------
-- Binary coding: variable-length integers, strings with a length, tagged values

local function put_varint(out, n)
  while n >= 128 do
    local low = n % 128
    out[#out + 1] = char(low + 128)
    n = floor((n - low) / 128)
  end
  out[#out + 1] = char(n)
end

local function get_varint(text, at)
  local value, scale = 0, 1
  while true do
    local b = byte(text, at)
    if not b then error("truncated integer", 0) end
    at = at + 1
    if b < 128 then return value + b * scale, at end
    value = value + (b - 128) * scale
    scale = scale * 128
  end
end

local function put_string(out, s)
  put_varint(out, #s)
  out[#out + 1] = s
end

local function get_string(text, at)
  local length
  length, at = get_varint(text, at)
  if at + length - 1 > #text then error("truncated string", 0) end
  return sub(text, at, at + length - 1), at + length
end

local put_value, get_value

-- Integers are zigzag coded, so that small negative ones are short too.
local writers = {
  number = function(out, n)
    out[#out + 1] = "i"
    put_varint(out, n >= 0 and n * 2 or -n * 2 - 1)
  end,
  string = function(out, s)
    out[#out + 1] = "s"
    put_string(out, s)
  end,
  boolean = function(out, b) out[#out + 1] = b and "t" or "f" end,
  table = function(out, t)
    out[#out + 1] = "m"
    local keys = {}
    for key in pairs(t) do keys[#keys + 1] = key end
    table.sort(keys)
    put_varint(out, #keys)
    for i = 1, #keys do
      put_string(out, keys[i])
      put_value(out, t[keys[i]])
    end
  end,
}

local readers = {
  i = function(text, at)
    local n
    n, at = get_varint(text, at)
    if n % 2 == 0 then return floor(n / 2), at end
    return -floor((n + 1) / 2), at
  end,
  s = get_string,
  t = function(_, at) return true, at end,
  f = function(_, at) return false, at end,
  m = function(text, at)
    local t, count, key = {}, 0, nil
    count, at = get_varint(text, at)
    for _ = 1, count do
      key, at = get_string(text, at)
      t[key], at = get_value(text, at)
    end
    return t, at
  end,
}

function put_value(out, value) writers[type(value)](out, value) end

function get_value(text, at)
  local reader = readers[sub(text, at, at)]
  if not reader then error("bad tag at " .. at, 0) end
  return reader(text, at + 1)
end

local function checksum(s)
  local a, b = 1, 0
  for i = 1, #s do
    a = (a + byte(s, i)) % 65521
    b = (b + a) % 65521
  end
  return b * 65536 + a
end

---------------------------------------------------------------------------------------------------
-- Log: frames of length, checksum, payload

local Log = {}
Log.__index = Log

function Log.new() return setmetatable({ frames = {}, bytes = 0 }, Log) end

function Log:append(kind, key, value, expires)
  local payload = { kind }
  put_string(payload, key)
  put_varint(payload, expires or 0)
  if value ~= nil then put_value(payload, value) end
  local body = concat(payload)
  local frame = {}
  put_varint(frame, #body)
  put_varint(frame, checksum(body))
  frame[#frame + 1] = body
  local text = concat(frame)
  self.frames[#self.frames + 1] = text
  self.bytes = self.bytes + #text
end

function Log:text() return concat(self.frames) end

-- Calls `apply` for each whole frame; a damaged or cut tail ends the replay, as after a crash.
local function replay(text, apply)
  local at, count = 1, 0
  while at <= #text do
    local ok, length, from = pcall(get_varint, text, at)
    if not ok then break end
    local good, sum, start = pcall(get_varint, text, from)
    if not good or start + length - 1 > #text then break end
    local body = sub(text, start, start + length - 1)
    if checksum(body) ~= sum then break end
    local key, pos = get_string(body, 2)
    local expires, value
    expires, pos = get_varint(body, pos)
    if pos <= #body then value = get_value(body, pos) end
    apply(sub(body, 1, 1), key, value, expires > 0 and expires or nil)
    count = count + 1
    at = start + length
  end
  return count
end

---------------------------------------------------------------------------------------------------
-- The store: entries in a table and in a list from most to least recently used

local Store = {}
Store.__index = Store

function Store.new(capacity)
  return setmetatable({
    capacity = capacity,
    entries = {},
    newest = nil,
    oldest = nil,
    count = 0,
    clock = 0,
    log = Log.new(),
    indexes = {},
    undo = nil,
    stats = { hits = 0, misses = 0, evicted = 0, expired = 0, rollbacks = 0 },
  }, Store)
end

function Store:unlink(entry)
  local newer, older = entry.newer, entry.older
  if newer then newer.older = older else self.newest = older end
  if older then older.newer = newer else self.oldest = newer end
  entry.newer, entry.older = nil, nil
end

function Store:link_first(entry)
  entry.older, entry.newer = self.newest, nil
  if self.newest then self.newest.newer = entry else self.oldest = entry end
  self.newest = entry
end

function Store:touch(entry)
  if self.newest ~= entry then
    self:unlink(entry)
    self:link_first(entry)
  end
end

function Store:add_index(name, extract)
  local index = { extract = extract, buckets = {} }
  self.indexes[#self.indexes + 1] = index
  self.indexes[name] = index
  local entry = self.newest
  while entry do
    self:index_entry(index, entry)
    entry = entry.older
  end
end

function Store:index_entry(index, entry)
  local term = index.extract(entry.value)
  if term ~= nil then
    local bucket = index.buckets[term]
    if not bucket then
      bucket = { count = 0, keys = {} }
      index.buckets[term] = bucket
    end
    if not bucket.keys[entry.key] then
      bucket.keys[entry.key] = true
      bucket.count = bucket.count + 1
    end
  end
end

function Store:unindex_entry(index, entry)
  local term = index.extract(entry.value)
  local bucket = term ~= nil and index.buckets[term]
  if bucket and bucket.keys[entry.key] then
    bucket.keys[entry.key] = nil
    bucket.count = bucket.count - 1
    if bucket.count == 0 then index.buckets[term] = nil end
  end
end

function Store:index_count(name, term)
  local bucket = self.indexes[name].buckets[term]
  return bucket and bucket.count or 0
end

function Store:drop(entry)
  self:unlink(entry)
  self.entries[entry.key] = nil
  self.count = self.count - 1
  for i = 1, #self.indexes do self:unindex_entry(self.indexes[i], entry) end
end

function Store:put_entry(key, value, expires)
  local entry = self.entries[key]
  if entry then
    for i = 1, #self.indexes do self:unindex_entry(self.indexes[i], entry) end
    entry.value, entry.expires = value, expires
    self:touch(entry)
  else
    entry = { key = key, value = value, expires = expires, newer = nil, older = nil }
    self.entries[key] = entry
    self.count = self.count + 1
    self:link_first(entry)
  end
  for i = 1, #self.indexes do self:index_entry(self.indexes[i], entry) end
  while self.count > self.capacity do
    self.stats.evicted = self.stats.evicted + 1
    self:drop(self.oldest)
  end
end

function Store:remember(key)
  if self.undo then
    local entry = self.entries[key]
    self.undo[#self.undo + 1] = { key = key, value = entry and entry.value, expires = entry and entry.expires }
  end
end

function Store:set(key, value, lifetime)
  self.clock = self.clock + 1
  local expires = lifetime and self.clock + lifetime
  self:remember(key)
  self:put_entry(key, value, expires)
  self.log:append("+", key, value, expires)
end

function Store:get(key)
  self.clock = self.clock + 1
  local entry = self.entries[key]
  if entry and entry.expires and entry.expires <= self.clock then
    self.stats.expired = self.stats.expired + 1
    self:drop(entry)
    entry = nil
  end
  if not entry then
    self.stats.misses = self.stats.misses + 1
    return nil
  end
  self.stats.hits = self.stats.hits + 1
  self:touch(entry)
  return entry.value
end

function Store:delete(key)
  local entry = self.entries[key]
  if not entry then return false end
  self:remember(key)
  self:drop(entry)
  self.log:append("-", key)
  return true
end

-- Runs `action`; if it raises an error, everything it changed is put back.
function Store:transaction(action)
  self.undo = {}
  local ok, result = pcall(action, self)
  local undo = self.undo
  self.undo = nil
  if not ok then
    self.stats.rollbacks = self.stats.rollbacks + 1
    for i = #undo, 1, -1 do
      local step = undo[i]
      if step.value ~= nil then
        self:put_entry(step.key, step.value, step.expires)
        self.log:append("+", step.key, step.value, step.expires)
      elseif self.entries[step.key] then
        self:drop(self.entries[step.key])
        self.log:append("-", step.key)
      end
    end
  end
  return ok, result
end

function Store:snapshot()
  local out, entry = {}, self.oldest
  put_varint(out, self.count)
  while entry do
    put_string(out, entry.key)
    put_varint(out, entry.expires or 0)
    put_value(out, entry.value)
    entry = entry.newer
  end
  return concat(out)
end

local function restore(text, capacity)
  local store = Store.new(capacity)
  local count, at = get_varint(text, 1)
  local key, expires, value
  for _ = 1, count do
    key, at = get_string(text, at)
    expires, at = get_varint(text, at)
    value, at = get_value(text, at)
    store:put_entry(key, value, expires > 0 and expires or nil)
  end
  return store
end

---------------------------------------------------------------------------------------------------
-- The workload

local seed = 1618
local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

-- Small numbers are much more frequent, as in real traffic.
local function random_key() return "user:" .. floor(random(1200) * random(1200) / 1200) end

local teams = { "red", "green", "blue", "amber" }
local function random_value()
  return { name = "n" .. random(100), age = random(80) - 10, team = teams[random(4) + 1], active = random(2) == 0 }
end

local store = Store.new(400)
store:add_index("team", function(value) return value.team end)
local ages, mix = 0, 0

for operation = 1, OPERATIONS do
  local choice, key = random(100), random_key()
  if choice < 55 then
    local value = store:get(key)
    if value then ages = ages + value.age end
  elseif choice < 85 then
    store:set(key, random_value(), choice < 65 and random(4000) + 1 or nil)
  elseif choice < 92 then
    store:delete(key)
  else
    store:transaction(function(s)
      local a, b = s:get(key), s:get("user:" .. random(50))
      s:set(key, random_value())
      s:delete("user:" .. random(20))
      if not a or not b then error("missing party") end
      s:set("user:last", { sum = a.age + b.age })
    end)
  end
  if operation % 2000 == 0 then
    local text = store:snapshot()
    local copy = restore(text, 400)
    assert(copy.count == store.count and copy:snapshot() == text)
    for i = 1, #teams do mix = (mix * 31 + store:index_count("team", teams[i])) % 1000003 end
    mix = (mix * 31 + checksum(text)) % 1000003
  end
end

-- Replaying the log gives the latest value of every key that is still cached and not expired.
local text = store.log:text()
local latest = {}
local frames = replay(text, function(kind, key, value) latest[key] = kind == "+" and value or nil end)
assert(frames == #store.log.frames)
local entry = store.newest
while entry do
  local value = latest[entry.key]
  assert(value and value.name == entry.value.name and value.age == entry.value.age)
  entry = entry.older
end
local cut = replay(sub(text, 1, floor(#text / 2)), function() end)
assert(cut < frames and cut > 0)

local s = store.stats
local got = format("%d %d %d %d %d %d %d %d", mix, ages, s.hits, s.misses, s.evicted, s.expired, s.rollbacks, cut)
assert(got == "675934 402025 18323 18585 3936 798 2932 14462", "kv_store: checksum is " .. got)
print("kv_store " .. got)
