-- Literals, concatenation, methods, patterns, formats.
local s = "tab\tnewline\nquote\"\x41\u{20AC}\z
           continued \065"
print(s, #s)
local long = [==[
line one
]] still]==]
print(long .. 1 .. 2.0 .. "x" .. -3)
print(("abc"):upper():rep(3, "-"), s:sub(-3), s:byte(1, 3), s:find("quote", 1, true))
print(("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
print(("hello world"):gsub("o", { o = "0" }), ("abc"):gsub("%w", "%0%0"), ("x y"):gsub("%a", function(c) return c:upper() end))
for word, n in ("one=1 two=2"):gmatch("(%a+)=(%d)") do io.write(word, ":", n, " ") end
print()
print(string.format("%5d|%-5s|%05.1f|%q|%x|%g", 42, "ab", 3.14159, "q\n", 255, 1e20))
local pieces = {}
for i = 1, 50 do pieces[i] = "piece" .. i end
local joined = table.concat(pieces, " ")
print(#joined, joined:sub(1, 20), joined < "q", joined == table.concat(pieces, " "))
local built = ""
for i = 1, 40 do built = built .. i .. "," end
print(#built, built:sub(-6), string.pack("<i4", 7):byte(1, 4))
print(utf8.char(72, 228, 8364), utf8.len("äö"), #utf8.charpattern)
