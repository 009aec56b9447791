-- Manual 6.4.2: string.pack, unpack, packsize. Results are shown as hex.

local pack, unpack, size = string.pack, string.unpack, string.packsize
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function P(fmt, ...) print(fmt, hex(pack(fmt, ...))) end
local function bad(f, ...) print(select(2, pcall(f, ...))) end

print("-- integers of every size, both orders")
for n = 1, 16 do print(n, hex(pack("<i" .. n, -2)), hex(pack(">i" .. n, 258 % (n == 1 and 100 or 1000))), unpack("<i" .. n, pack("<i" .. n, -2)), (unpack(">I" .. n, pack(">I" .. n, 77)))) end
P("<b", -1) P("<B", 255) P("<h", -2) P("<H", 65535) P("<i", 1) P("<I", 4294967295) P("<l", -1) P("<L", 1) P("<j", math.mininteger) P("<J", -1) P("<T", 5) P(">h", 1) P(">i4", 16909060) P(">j", 1) P("=I2", 0) P("<bBhH", 1, 2, 3, 4) P("<i3", -8388608) P("<i3", 8388607) P("<I3", 16777215)
print(size("b"), size("h"), size("i"), size("l"), size("j"), size("T"), size("f"), size("d"), size("n"), size("i7"), size("c10"), size("<!4 b i"), size("x"), size(""), size("bxxh"), size("!8 b Xi8"), size("!bi8"), size("!2bi8"))
bad(pack, "i1", 128) bad(pack, "i1", -129) bad(pack, "B", 256) bad(pack, "B", -1) bad(pack, "h", 40000) bad(pack, "I2", 65536) bad(pack, "i3", 8388608) bad(pack, "b", 1.5) bad(pack, "b", "x") bad(pack, "i17", 1) bad(pack, "i0", 1) bad(pack, "I99", 1) bad(pack, "c", "x") bad(pack, "y", 1) bad(pack, "!17") bad(pack, "!0") bad(pack, "!3 i4", 1) bad(pack, "X", 1) bad(pack, "Xz", 1) bad(pack, "Xc1", 1) bad(pack, "X") bad(size, "s") bad(size, "z") bad(size, "i4s") bad(pack) bad(unpack, "i4") bad(pack, "XX")
print(unpack("<b", "\255"), unpack("<B", "\255"), (unpack("<I8", ("\255"):rep(8))), (unpack("<i16", ("\255"):rep(16))), (unpack("<I16", "\1" .. ("\0"):rep(15)))) bad(unpack, "<i16", ("\255"):rep(8) .. ("\1"):rep(8)) bad(unpack, "<I16", ("\0"):rep(8) .. "\1" .. ("\0"):rep(7)) bad(unpack, "<I9", ("\255"):rep(9)) print((unpack("<i9", ("\255"):rep(9))), (unpack(">I9", "\0" .. ("\255"):rep(8))))

print("-- floats")
P("<f", 1.5) P("<d", 1.5) P(">d", -0.0) P("<n", 0.1) P(">f", 1 / 0) P("<d", 5e-324) P("<f", 1e300) P("<f", 0.1) print(unpack("<f", pack("<f", 0.1))) print(unpack("<d", pack("<d", math.pi))) print(unpack(">n", pack(">n", -2^70))) local nan = unpack("<d", pack("<d", 0 / 0)) print(nan ~= nan, unpack("f", pack("f", 3)), math.type((unpack("d", pack("d", 3))))) bad(pack, "d", "x") print(hex(pack(">d", "2.5")))

print("-- strings")
P("z", "abc") P("z", "") P("s1", "abc") P("<s2", "abc") P(">s4", "xy") P("<s", "q") P("c5", "abc") P("c3", "abc") P("c0", "") P("<s1s1", "a", "") P("zB", "hi", 7) P(">s3", ("x"):rep(3)) bad(pack, "c2", "abc") bad(pack, "z", "a\0b") bad(pack, "s1", ("x"):rep(256)) bad(pack, "s", 5 == 5) print(hex(pack("s1", 12)), hex(pack("z", 1.5)))
print(unpack("z", "abc\0def")) print(unpack("zz", "a\0\0")) print(unpack("s1", "\3abcdef")) print(unpack("<s2", "\2\0hi")) print(unpack("c3", "abcdef")) print(unpack("c0", "x")) print(unpack("s1s1", "\0\1x")) bad(unpack, "z", "no zero") bad(unpack, "s1", "\5abc") bad(unpack, "c5", "abc") bad(unpack, "s2", "\1") bad(unpack, "i4", "abc") bad(unpack, "d", "1234567") bad(unpack, "bbb", "ab") bad(unpack, "s16", ("\255"):rep(20))

print("-- alignment and padding")
P("<!4 b i4", 1, 2) P("<!4 i4 b", 1, 2) P("<!2 b i4", 1, 2) P("<!8 b d", 1, 1) P("< b i4", 1, 2) P("<!4 b Xi4 b", 1, 2) P("<!4 b h i4", 1, 2, 3) P("<!8 b i8", 1, 2) P("<bxb", 1, 2) P("<xxx") P("<! b i8", 1, 2) P("<!4 b i8", 1, 2) P("<!16 b i16", 1, 2) P("<!4 s1 i4", "abcd", 9) P(">!4 b i4 <b i2", 1, 2, 3, 4) P("<!1 b i4", 1, 2) P("!2 Xh") P("<b !4 Xi4", 1) print(unpack("<!4 b i4", pack("<!4 b i4", 1, 2))) print(unpack("<!8 b Xd d", pack("<!8 b Xd d", 1, 2.5))) print(size("<!4 b i4"), size("<b i4"), size("<!8 b Xd"), size("!8 i1 i8 i1"), size("!8 i1 i2 i4 i8")) print(unpack("xxb", "\0\0\5"))

print("-- position arguments")
local s = pack("<i2i2i2", 10, 20, 30) print(unpack("<i2", s, 3)) print(unpack("<i2", s, -2)) print(unpack("<i2i2", s, 1)) print(unpack("", s, 3), unpack("", s, #s + 1)) bad(unpack, "b", s, 8) bad(unpack, "b", s, 100) bad(unpack, "b", "", 1) bad(unpack, "b", s, 0 - 100) print(unpack("b", s, 0 - 6)) bad(unpack, "b", s, 0) print(unpack("", "", 1)) local pos, v, sum = 1, nil, 0 while pos <= #s do v, pos = unpack("<i2", s, pos) sum = sum + v end print(sum, pos)

print("-- round trips")
local fmt = "<!4 b B h H i4 I4 j f d s1 z c4 x !1 >i3 =I2" local vals = { -128, 255, -32768, 65535, -2147483648, 4294967295, math.mininteger, 0.5, -1e300, "str", "zero", "pad", -8388608, 12345 } local packed = pack(fmt, table.unpack(vals)) local back = { unpack(fmt, packed) } print(#packed, #back, back[12] == "pad\0") for i, x in ipairs(vals) do assert(i == 12 or back[i] == x, i) end print(back[#back] == #packed + 1)
for i = 1, 200 do local n = (i * 7919) ~ (i << 33) for _, f in ipairs { "<j", ">j", "<i8", ">I8", "=J" } do assert(unpack(f, pack(f, n)) == n) end local x = (i - 100) / 7 assert(unpack("<d", pack("<d", x)) == x and unpack(">n", pack(">n", x)) == x) end print("ok") print(pcall(pack, ("i"):rep(300), table.unpack({ 1 }, 1, 299))) print(#pack(("b"):rep(200), table.unpack(setmetatable({}, { __index = function() return 1 end }), 1, 200)), select("#", unpack(("b"):rep(200), ("\1"):rep(200))))
