-- A JSON codec and a round trip through it.
--
--   vm run json.lua
--
-- decode(text) returns Lua values: objects and arrays become tables (arrays
-- carry a metatable, so that empty ones stay arrays), null becomes json.null,
-- numbers keep Lua's two subtypes. encode(value) writes objects with sorted
-- keys, so that equal values have equal texts.

local json = { null = setmetatable({}, { __tostring = function() return "null" end }) }
local Array = { __name = "json.array" }

function json.array(t) return setmetatable(t, Array) end

-- Encoding ------------------------------------------------------------------

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function quote(s)
  return '"' .. s:gsub('[%c"\\\127]', function(c)
    return escapes[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local function number(n)
  if math.type(n) == "integer" then return tostring(n) end
  if n ~= n or n == math.huge or n == -math.huge then
    error("a JSON text cannot hold " .. tostring(n), 0)
  end
  -- The shortest form that reads back as the same float.
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(n)
    if tonumber(text) == n then
      return text:find("[.e]") and text or text .. ".0"
    end
  end
end

local encode

local function encode_array(t, out, depth)
  if #t == 0 then out[#out + 1] = "[]" return end
  out[#out + 1] = "["
  for i = 1, #t do
    if i > 1 then out[#out + 1] = "," end
    encode(t[i], out, depth + 1)
  end
  out[#out + 1] = "]"
end

local function encode_object(t, out, depth)
  local keys = {}
  for k in pairs(t) do
    if type(k) ~= "string" then
      error("an object's keys are strings, this one is a " .. type(k), 0)
    end
    keys[#keys + 1] = k
  end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, k in ipairs(keys) do
    out[#out + 1] = (i > 1 and "," or "") .. quote(k) .. ":"
    encode(t[k], out, depth + 1)
  end
  out[#out + 1] = "}"
end

function encode(value, out, depth)
  if depth > 100 then error("nested too deeply (or a cycle)", 0) end
  local kind = type(value)
  if value == json.null then out[#out + 1] = "null"
  elseif kind == "boolean" then out[#out + 1] = tostring(value)
  elseif kind == "number" then out[#out + 1] = number(value)
  elseif kind == "string" then out[#out + 1] = quote(value)
  elseif kind == "table" then
    if getmetatable(value) == Array or value[1] ~= nil then
      encode_array(value, out, depth)
    else
      encode_object(value, out, depth)
    end
  else
    error("cannot encode a " .. kind, 0)
  end
end

function json.encode(value)
  local out = {}
  encode(value, out, 0)
  return table.concat(out)
end

-- Decoding ------------------------------------------------------------------

local function fail(text, at, what)
  local line, column = 1, at
  for position in text:sub(1, at - 1):gmatch("()\n") do
    line, column = line + 1, at - position
  end
  error(("%d:%d: %s"):format(line, column, what), 0)
end

local unescapes = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f",
  n = "\n", r = "\r", t = "\t",
}

-- A \u escape at `at` (just after the u): the code unit and what follows.
local function unit(text, at)
  local hex = text:match("^%x%x%x%x", at)
  if not hex then fail(text, at, "four hexadecimal digits expected") end
  return tonumber(hex, 16), at + 4
end

local function read_string(text, at)
  local parts, start = {}, at
  at = at + 1
  while true do
    local stop = text:find('["\\%c]', at)
    if not stop then fail(text, start, "this string does not end") end
    parts[#parts + 1] = text:sub(at, stop - 1)
    local c = text:sub(stop, stop)
    if c == '"' then return table.concat(parts), stop + 1 end
    if c ~= "\\" then fail(text, stop, "a control character in a string") end
    local e = text:sub(stop + 1, stop + 1)
    at = stop + 2
    if e == "u" then
      local code
      code, at = unit(text, at)
      if code >= 0xD800 and code < 0xDC00 then
        if text:sub(at, at + 1) ~= "\\u" then fail(text, at, "half of a surrogate pair") end
        local low
        low, at = unit(text, at + 2)
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
      end
      parts[#parts + 1] = utf8.char(code)
    else
      parts[#parts + 1] = unescapes[e] or fail(text, stop, "unknown escape \\" .. e)
    end
  end
end

local literals = { ["true"] = true, ["false"] = false, null = json.null }
local read

local function skip(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

-- The items of an array or object up to its closing bracket.
local function read_items(text, at, close, item)
  at = skip(text, at + 1)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = skip(text, item(at))
    local c = text:sub(at, at)
    if c == close then return at + 1 end
    if c ~= "," then fail(text, at, "',' or '" .. close .. "' expected") end
    at = skip(text, at + 1)
  end
end

function read(text, at, depth)
  if depth > 100 then fail(text, at, "nested too deeply") end
  at = skip(text, at)
  local c = text:sub(at, at)
  if c == '"' then return read_string(text, at) end
  if c == "[" then
    local array, n = json.array {}, 0
    return array, read_items(text, at, "]", function(p)
      n = n + 1
      array[n], p = read(text, p, depth + 1)
      return p
    end)
  elseif c == "{" then
    local object = {}
    return object, read_items(text, at, "}", function(p)
      if text:sub(p, p) ~= '"' then fail(text, p, "a key expected") end
      local key
      key, p = read_string(text, p)
      p = skip(text, p)
      if text:sub(p, p) ~= ":" then fail(text, p, "':' expected") end
      object[key], p = read(text, p + 1, depth + 1)
      return p
    end)
  end
  local word = text:match("^%a+", at)
  if word and literals[word] ~= nil then return literals[word], at + #word end
  local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local n = digits and not digits:find("^-?0%d") and tonumber(digits)
  if n then return n, at + #digits end
  fail(text, at, at > #text and "unexpected end of the text" or "a value expected")
end

function json.decode(text)
  local value, at = read(text, 1, 0)
  at = skip(text, at)
  if at <= #text then fail(text, at, "nothing more expected") end
  return value
end

-- The round trip ------------------------------------------------------------

local document = [[
{
  "name": "strata", "tags": ["vm", "lua", "j\u0069t"], "stable": false,
  "limits": {"stack": 1000000, "ratio": 0.1, "tiny": 5e-324, "empty": {}, "none": []},
  "text": "tab\there, quote \", slash \/, euro \u20ac, clef \ud834\udd1e", "next": null
}]]

local value = json.decode(document)
local text = json.encode(value)
print(text)
assert(json.encode(json.decode(text)) == text, "the round trip changed the text")
print("text is " .. #value.text .. " bytes, " .. utf8.len(value.text) .. " characters")

for _, bad in ipairs {
  '{"a": 1,}', "[1 2]", '"open', "[01]", "", '{"a"\n "b"}', "[1]]", '["\\x"]', "nul",
} do
  local ok, message = pcall(json.decode, bad)
  assert(not ok)
  print(("%-12s %s"):format((bad:gsub("\n", "~")), message))
end

-- A larger document: every number must survive.
local rows = json.array {}
for i = 1, 2000 do
  rows[i] = { id = i, half = i / 2, third = i / 3, label = ("row %d\n"):format(i), odd = i % 2 == 1 }
end
local big = json.encode(rows)
local back = json.decode(big)
local sum = 0
for i, row in ipairs(back) do
  assert(row.third == i / 3 and math.type(row.id) == "integer" and math.type(row.half) == "float")
  sum = sum + row.half
end
print(("%d rows, %d bytes, sum %.1f"):format(#back, #big, sum))
