-- Manual 6.5: utf8.

local function esc(s) return (s:gsub("[\128-\255%c]", function(c) return ("\\x%02X"):format(c:byte()) end)) end

print("-- char, charpattern")
print(utf8.char(), utf8.char(72, 105), utf8.char(228, 8364, 128512), esc(utf8.char(0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF)))
print(esc(utf8.char(0x110000, 0x1FFFFF, 0x200000, 0x3FFFFFF, 0x4000000, 0x7FFFFFFF)))
print(esc(utf8.charpattern), #utf8.charpattern)
print(pcall(utf8.char, -1))
print(pcall(utf8.char, 0x80000000))
print(pcall(utf8.char, "x"))
print(pcall(utf8.char, 1.5))
print(utf8.char("65"), esc(utf8.char(0xD800, 0xDFFF)))
for c in ("aé€😀"):gmatch(utf8.charpattern) do io.write(esc(c), " ") end print()

print("-- len")
print(utf8.len(""), utf8.len("abc"), utf8.len("aé€😀"), utf8.len("\0\0"))
print(utf8.len("aé€😀", 2), utf8.len("aé€😀", 4), utf8.len("aé€😀", -4), utf8.len("abc", 2, 2),
  utf8.len("abc", 3, 2), utf8.len("abc", 4), utf8.len("aé", 1, 2))
print(utf8.len("\xff"))
print(utf8.len("ab\x80c"))
print(utf8.len("\xe2\x82"))
print(utf8.len("é", 2))
print(pcall(utf8.len, "abc", 5))
print(pcall(utf8.len, "abc", -4))
print(pcall(utf8.len, "abc", 1, 4))
print(pcall(utf8.len, "abc", 1, -5))
print(pcall(utf8.len))
print(utf8.len("abc", -3), utf8.len("abc", 1, -1), utf8.len("abc", 1, 0))

print("-- strict and lax")
for _, s in ipairs { "\u{D800}", "\u{DFFF}", "\u{10FFFF}", "\u{110000}", "\u{7FFFFFFF}", "\xC0\x80", "\xC1\xBF",
  "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80", "\xFE",
  "\xFF", "\x80", "\xBF", "\xC2", "\xC2A", "\xE2\x82A", "\xED\xA0\x80", "\xEF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF\xBF" } do
  local a, b = utf8.len(s) local c, d = utf8.len(s, 1, -1, true) print(esc(s), a, b, c, d)
end

print("-- codepoint")
print(utf8.codepoint("abc"), utf8.codepoint("abc", 2), utf8.codepoint("aé€😀", 1, -1))
print(utf8.codepoint("aé€😀", 2), utf8.codepoint("aé€😀", 2, 4), utf8.codepoint("abc", -1), select("#",
  utf8.codepoint("abc", 3, 2)), select("#", utf8.codepoint("", 1, 0)))
print(pcall(utf8.codepoint, "é", 2))
print(pcall(utf8.codepoint, "abc", 4))
print(pcall(utf8.codepoint, "abc", 0))
print(pcall(utf8.codepoint, ""))
print(pcall(utf8.codepoint, "abc", 1, 4))
print(pcall(utf8.codepoint, "\xff"))
print(pcall(utf8.codepoint, "\u{D800}"))
print(utf8.codepoint("\u{D800}", 1, 1, true), utf8.codepoint("\u{7FFFFFFF}", 1, 1, true))
print(pcall(utf8.codepoint, "\u{110000}"))

print("-- offset")
local s = "aé€😀z"
print(utf8.offset(s, 1), utf8.offset(s, 2), utf8.offset(s, 3), utf8.offset(s, 4), utf8.offset(s, 5), utf8.offset(s, 6), utf8.offset(s, 7))
print(utf8.offset(s, -1), utf8.offset(s, -2), utf8.offset(s, -3), utf8.offset(s, -5), utf8.offset(s, -6))
print(utf8.offset(s, 0, 1), utf8.offset(s, 0, 3), utf8.offset(s, 0, 5), utf8.offset(s, 0, 6), utf8.offset(s, 0, #s + 1))
print(utf8.offset(s, 1, 4), utf8.offset(s, 2, 4), utf8.offset(s, -1, 4), utf8.offset(s, -2, 4), utf8.offset(s, 1,
  #s + 1), utf8.offset(s, -1, #s + 1))
print(pcall(utf8.offset, s, 1, 3))
print(pcall(utf8.offset, s, -1, 3))
print(pcall(utf8.offset, s, 1, 20))
print(pcall(utf8.offset, s, 1, -20))
print(pcall(utf8.offset, s))
print(utf8.offset("", 1), utf8.offset("", 0), utf8.offset("", -1), utf8.offset("", 2))
print(utf8.offset("abc", 3, -3), utf8.offset("abc", 1, -1), pcall(utf8.offset, "abc", 1, 0))

print("-- codes")
for p, c in utf8.codes("aé€😀") do io.write(p, ":", c, " ") end
print()
for p, c in utf8.codes("") do print("never") end
for p, c in utf8.codes("\0x") do io.write(p, ":", c, " ") end
print()
for _, bad in ipairs { "a\xff", "\xe2\x82", "\u{D800}", "\u{110000}", "\xC0\x80" } do
  local seen = {}
  local ok, e = pcall(function() for p, c in utf8.codes(bad) do seen[#seen + 1] = p end end)
  print(esc(bad), #seen, ok, ok or (e:gsub("^.-:%d+: ", "")))
end
for p, c in utf8.codes("\u{D800}\u{110000}\u{7FFFFFFF}", true) do io.write(p, ":", c, " ") end
print()
print(pcall(utf8.codes))
print(pcall(utf8.codes, {}))

print("-- programs")
local function rev(str)
  local out = {}
  for _, c in utf8.codes(str) do table.insert(out, 1, utf8.char(c)) end
  return table.concat(out)
end
print(rev("aé€😀z"))
local function sub(str, i, j) local a, b = utf8.offset(str, i), utf8.offset(str, j + 1) return str:sub(a, b - 1) end
print(sub("aé€😀z", 2, 4), sub("héllo", 1, 2))
local all = {}
for _, c in ipairs { 0x41, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF } do
  local u = utf8.char(c)
  all[#all + 1] = #u .. (utf8.codepoint(u) == c and "ok" or "BAD")
end
print(table.concat(all, " "))
for c = 0, 0x10FFFF, 97 do
  if c < 0xD800 or c > 0xDFFF then
    local u = utf8.char(c)
    assert(utf8.codepoint(u) == c and utf8.len(u) == 1 and utf8.offset(u, 2) == #u + 1)
  end
end
print("every 97th code point")
