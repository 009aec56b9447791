-- A JSON library at work: generates documents, encodes, decodes, queries, edits and compares them.
-- Stresses: string scanning by byte and pattern, recursive tables of mixed kinds, sorted keys, buffers.

local ROUNDS = 48

local byte, char, sub, find, format = string.byte, string.char, string.sub, string.find, string.format
local concat, sort, floor = table.concat, table.sort, math.floor

-- Null has to be a value of its own: nil can't be stored in a table.
local null = setmetatable({}, { __tostring = function() return "null" end })

-- Arrays are marked, so that an empty array and an empty object differ.
local Array = {}
Array.__index = Array

local function array(items) return setmetatable(items or {}, Array) end
local function is_array(value) return getmetatable(value) == Array end

---------------------------------------------------------------------------------------------------
-- Encoding

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape_char(c)
  return escapes[c] or format("\\u%04x", byte(c))
end

local function quote(s)
  if find(s, '[%c"\\]') then s = s:gsub('[%c"\\]', escape_char) end
  return '"' .. s .. '"'
end

local function number_text(n)
  if n == floor(n) and n > -1e15 and n < 1e15 then return format("%d", n) end
  local text = format("%.14g", n)
  if tonumber(text) ~= n then text = format("%.17g", n) end
  return text
end

local function sorted_keys(object)
  local keys, n = {}, 0
  for key in pairs(object) do
    n = n + 1
    keys[n] = key
  end
  sort(keys)
  return keys
end

-- The encoder appends pieces to one array; `newline` is false for the compact form.
local Encoder = {}
Encoder.__index = Encoder

function Encoder.new(indent)
  return setmetatable({ out = {}, n = 0, indent = indent, depth = 0 }, Encoder)
end

function Encoder:put(piece)
  local n = self.n + 1
  self.n = n
  self.out[n] = piece
end

function Encoder:line()
  if self.indent then
    self:put("\n")
    for _ = 1, self.depth do self:put(self.indent) end
  end
end

function Encoder:array(items)
  if #items == 0 then return self:put("[]") end
  self:put("[")
  self.depth = self.depth + 1
  for i = 1, #items do
    if i > 1 then self:put(",") end
    self:line()
    self:value(items[i])
  end
  self.depth = self.depth - 1
  self:line()
  self:put("]")
end

function Encoder:object(object)
  local keys = sorted_keys(object)
  if #keys == 0 then return self:put("{}") end
  self:put("{")
  self.depth = self.depth + 1
  for i = 1, #keys do
    local key = keys[i]
    if i > 1 then self:put(",") end
    self:line()
    self:put(quote(key))
    self:put(self.indent and ": " or ":")
    self:value(object[key])
  end
  self.depth = self.depth - 1
  self:line()
  self:put("}")
end

function Encoder:value(value)
  local kind = type(value)
  if value == null then
    self:put("null")
  elseif kind == "string" then
    self:put(quote(value))
  elseif kind == "number" then
    self:put(number_text(value))
  elseif kind == "boolean" then
    self:put(value and "true" or "false")
  elseif kind ~= "table" then
    error("can't encode a " .. kind)
  elseif is_array(value) then
    self:array(value)
  else
    self:object(value)
  end
end

local function encode(value, indent)
  local encoder = Encoder.new(indent)
  encoder:value(value)
  return concat(encoder.out)
end

---------------------------------------------------------------------------------------------------
-- Decoding

local QUOTE, BACKSLASH, COMMA, COLON = 34, 92, 44, 58
local OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT = 91, 93, 123, 125

local function fail(text, at, message)
  local line, start = 1, 1
  while true do
    local stop = find(text, "\n", start, true)
    if not stop or stop >= at then break end
    line, start = line + 1, stop + 1
  end
  error(format("%d:%d: %s", line, at - start + 1, message), 0)
end

local function skip_blanks(text, at)
  local c = byte(text, at)
  while c == 32 or c == 10 or c == 13 or c == 9 do
    at = at + 1
    c = byte(text, at)
  end
  return at, c
end

local function utf8_bytes(code)
  if code < 0x80 then return char(code) end
  local low = code % 64
  local rest = floor(code / 64)
  if code < 0x800 then return char(0xC0 + rest, 0x80 + low) end
  local middle = rest % 64
  rest = floor(rest / 64)
  if code < 0x10000 then return char(0xE0 + rest, 0x80 + middle, 0x80 + low) end
  return char(0xF0 + floor(rest / 64), 0x80 + rest % 64, 0x80 + middle, 0x80 + low)
end

local unescapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function decode_escape(text, at)
  local c = sub(text, at, at)
  if c ~= "u" then
    local plain = unescapes[c]
    if not plain then fail(text, at, "unknown escape") end
    return plain, at + 1
  end
  local digits = text:match("^%x%x%x%x", at + 1)
  if not digits then fail(text, at, "four hexadecimal digits expected") end
  local code = tonumber(digits, 16)
  at = at + 5
  if code >= 0xD800 and code < 0xDC00 then
    local low = text:match("^\\u(%x%x%x%x)", at)
    low = low and tonumber(low, 16)
    if not low or low < 0xDC00 or low > 0xDFFF then fail(text, at, "lone surrogate") end
    code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00)
    at = at + 6
  end
  return utf8_bytes(code), at
end

local function decode_string(text, at)
  local start = at + 1
  local stop = find(text, '["\\]', start)
  if not stop then fail(text, at, "string without end") end
  if byte(text, stop) == QUOTE then return sub(text, start, stop - 1), stop + 1 end
  local parts, n = {}, 0
  while true do
    n = n + 1
    parts[n] = sub(text, start, stop - 1)
    if byte(text, stop) == QUOTE then return concat(parts), stop + 1 end
    n = n + 1
    parts[n], start = decode_escape(text, stop + 1)
    stop = find(text, '["\\]', start)
    if not stop then fail(text, at, "string without end") end
  end
end

local function decode_number(text, at)
  local _, stop = find(text, "^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local value = stop and tonumber(sub(text, at, stop))
  if not value then fail(text, at, "value expected") end
  return value, stop + 1
end

local decode_value

local function decode_array(text, at)
  local items, n = array(), 0
  local c
  at, c = skip_blanks(text, at + 1)
  if c == CLOSE_ARRAY then return items, at + 1 end
  while true do
    n = n + 1
    items[n], at = decode_value(text, at)
    at, c = skip_blanks(text, at)
    if c == CLOSE_ARRAY then return items, at + 1 end
    if c ~= COMMA then fail(text, at, "',' or ']' expected") end
    at = at + 1
  end
end

local function decode_object(text, at)
  local object, key, c = {}, nil, nil
  at, c = skip_blanks(text, at + 1)
  if c == CLOSE_OBJECT then return object, at + 1 end
  while true do
    at, c = skip_blanks(text, at)
    if c ~= QUOTE then fail(text, at, "key expected") end
    key, at = decode_string(text, at)
    at, c = skip_blanks(text, at)
    if c ~= COLON then fail(text, at, "':' expected") end
    object[key], at = decode_value(text, at + 1)
    at, c = skip_blanks(text, at)
    if c == CLOSE_OBJECT then return object, at + 1 end
    if c ~= COMMA then fail(text, at, "',' or '}' expected") end
    at = at + 1
  end
end

function decode_value(text, at)
  local c
  at, c = skip_blanks(text, at)
  if c == QUOTE then return decode_string(text, at) end
  if c == OPEN_OBJECT then return decode_object(text, at) end
  if c == OPEN_ARRAY then return decode_array(text, at) end
  if sub(text, at, at + 3) == "true" then return true, at + 4 end
  if sub(text, at, at + 4) == "false" then return false, at + 5 end
  if sub(text, at, at + 3) == "null" then return null, at + 4 end
  return decode_number(text, at)
end

local function decode(text)
  local value, at = decode_value(text, 1)
  at = skip_blanks(text, at)
  if at <= #text then fail(text, at, "unexpected text after the value") end
  return value
end

---------------------------------------------------------------------------------------------------
-- Working with documents

local function equal(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or is_array(a) ~= is_array(b) then return false end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- All values that a path such as "orders[*].items[*].price" leads to.
local function query(document, path)
  local found = { document }
  for step in path:gmatch("[^.%[%]]+") do
    local nextfound, n = {}, 0
    for i = 1, #found do
      local value = found[i]
      if type(value) ~= "table" then
        -- A path that leads through a plain value finds nothing there.
      elseif step == "*" then
        for j = 1, #value do
          n = n + 1
          nextfound[n] = value[j]
        end
      else
        local child = value[tonumber(step) or step]
        if child ~= nil then
          n = n + 1
          nextfound[n] = child
        end
      end
    end
    found = nextfound
  end
  return found
end

local function transform(value, change)
  if type(value) ~= "table" or value == null then return change(value) end
  local copy = is_array(value) and array() or {}
  for key, child in pairs(value) do copy[key] = transform(child, change) end
  return copy
end

---------------------------------------------------------------------------------------------------
-- The workload

local seed = 20240229
local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

local cities = { "Zürich", "São Paulo", "Kraków", "New\tYork", 'The "Hague"', "C:\\Temp" }

local function make_order(id)
  local items = array()
  for i = 1, random(6) + 1 do
    items[i] = {
      sku = format("SKU-%05d", random(99999)),
      price = random(100000) / 100,
      count = random(9) + 1,
      gift = random(4) == 0,
    }
  end
  return {
    id = id,
    customer = {
      name = "Customer " .. random(500),
      city = cities[random(#cities) + 1],
      vip = random(10) == 0,
      note = random(3) == 0 and null or ("line one\nline " .. random(100)),
    },
    items = items,
    tags = array(),
    weight = random(1000) / 8 * 1e-3,
  }
end

local function make_document(orders)
  local list = array()
  for i = 1, orders do list[i] = make_order(i) end
  return { version = 3, orders = list, meta = { generator = "bench", empty = {}, none = null } }
end

local mix = 0
local function note(n) mix = (mix * 31 + n) % 1000003 end

for round = 1, ROUNDS do
  local document = make_document(60)
  local compact = encode(document)
  local pretty = encode(document, "  ")
  local back, again = decode(compact), decode(pretty)
  assert(equal(document, back) and equal(back, again))
  note(#compact)
  note(#pretty)

  local cents = 0
  for _, price in ipairs(query(back, "orders[*].items[*].price")) do
    cents = cents + floor(price * 100 + 0.5)
  end
  note(cents % 1000003)
  note(#query(back, "orders[*].customer.vip"))
  note(#query(back, "orders[3].items[*].sku.none"))

  local raised = transform(back, function(value)
    if type(value) == "number" then return value + 1 end
    if type(value) == "string" then return value:upper() end
    return value
  end)
  assert(not equal(raised, back))
  note(#encode(raised) + round)
end

local escaped = decode('{"a":"\\u00e9\\ud83d\\ude00\\n\\/","b":[1e3,-0.5,[],{}],"c":null}')
assert(escaped.a == "\195\169\240\159\152\128\n/" and escaped.b[1] == 1000 and escaped.c == null)

local broken = { "[1,2", '{"a" 1}', '"abc', "[1,]", "{,}", '["\\q"]', "tru", '"\\ud800x"', "1 2", "\n\n [}" }
for i = 1, #broken do
  local ok, message = pcall(decode, broken[i])
  assert(not ok)
  note(#message + byte(message) * i)
end

local got = format("%d", mix)
assert(got == "292327", "json_codec: checksum is " .. got)
print("json_codec " .. got)
