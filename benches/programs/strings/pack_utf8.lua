-- Binary records and Unicode text: string.pack, string.unpack, utf8 functions, table.move.
-- Stresses: the library's binary and UTF-8 code, integer keys, moves between arrays.
-- Needs: Lua 5.4

local ROUNDS <const> = 1700

local words <const> = { "Überfluß", "naïve", "日本語", "слово", "plain", "😀🚀", "mañana" }

local function encode(records)
  local parts = {}
  for i, record in ipairs(records) do
    parts[i] = string.pack("<i4 d s2 B", record.id, record.score, record.name, record.flags)
  end
  return table.concat(parts)
end

local function decode(text)
  local records, at = {}, 1
  while at <= #text do
    local record = {}
    record.id, record.score, record.name, record.flags, at = string.unpack("<i4 d s2 B", text, at)
    records[#records + 1] = record
  end
  return records
end

local function reverse_text(s)
  local codes, n = {}, 0
  for _, code in utf8.codes(s) do
    n = n + 1
    codes[n] = code
  end
  for i = 1, n // 2 do codes[i], codes[n + 1 - i] = codes[n + 1 - i], codes[i] end
  return utf8.char(table.unpack(codes))
end

local mix = 0
for round = 1, ROUNDS do
  local records = {}
  for i = 1, 200 do
    records[i] = { id = i * round - 5000, score = i / 8, name = words[i % #words + 1], flags = i & 255 }
  end
  local text = encode(records)
  local back = decode(text)
  assert(#back == #records)
  local letters = 0
  for i = 1, #back, 3 do
    local name = back[i].name
    letters = letters + utf8.len(name)
    local turned = reverse_text(name)
    assert(reverse_text(turned) == name)
    letters = letters + utf8.codepoint(turned) % 97 + utf8.offset(name, 2)
  end
  local moved = table.move(back, 51, 150, 1, {})
  mix = (mix * 31 + #text + letters + moved[100].id + back[200].flags) % 1000003
end

local got = string.format("%d", mix)
assert(got == "713491", "pack_utf8: checksum is " .. got)
print("pack_utf8 " .. got)
