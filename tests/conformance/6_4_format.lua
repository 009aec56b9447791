-- Manual 6.4: string.format.

local function F(...) io.write("[", string.format(...), "] ") end
local function line() print() end
local function bad(...) local ok, e = pcall(string.format, ...) print(ok, e) end

print("-- integers")
F("%d", 0) F("%d", -5) F("%i", 42) F("%d", math.maxinteger) F("%d", math.mininteger) F("%5d", 42) F("%-5d|", 42) F("%05d", 42) F("%+d", 42) F("%+d", -42) F("% d", 42) F("% d", -42) F("%.3d", 5) F("%8.3d", 5) F("%-8.3d|", -5) F("%+.3d", 5) F("%.0d", 0) F("%.20d", 1) F("%d", 3.0) F("%d", "10") F("%d", "0x10") F("%d", -0.0) F("%99d", 1) line()
F("%x", 255) F("%X", 255) F("%#x", 255) F("%#X", 255) F("%x", -1) F("%o", 8) F("%#o", 8) F("%08x", 48879) F("%-8x|", 10) F("%.5x", 10) F("%#10x", 10) F("%x", 0) F("%#x", 0) F("%o", -1) F("%x", 2^31) line()
F("%c", 65) F("%c%c", 72, 105) F("%5c", 65) F("%-5c|", 65) F("%c", 255) line()

print("-- floats")
F("%f", 1.5) F("%f", 0) F("%.0f", 0.5) F("%.0f", 1.5) F("%.0f", 2.5) F("%.2f", 3.14159) F("%10.3f", 3.14159) F("%-10.2f|", 3.14159) F("%+.1f", 2.25) F("% f", 1) F("%010.2f", -3.14159) F("%#.0f", 3) F("%f", 1e15) F("%.3f", 2 / 3) F("%.20f", 0.1) F("%5.1f", -0.04) F("%f", -0.0) F("%.1f", 0.05) F("%.1f", 0.25) F("%.1f", 0.35) F("%f", 1e-7) F("%.10f", 1 / 3) F("%f", "1.5") line()
F("%e", 12345.678) F("%E", 0.00012) F("%.0e", 5) F("%.2e", 0) F("%12.3e", 12345.678) F("%-12.3e|", -1) F("%e", 1e100) F("%e", 5e-324) F("%+e", 1) F("%#.0e", 1) F("%.15e", 0.1) line()
F("%g", 1e20) F("%g", 0.1) F("%g", 1e-5) F("%g", 100000) F("%g", 1000000) F("%.3g", 1234.5) F("%.14g", 0.1) F("%.17g", 0.1) F("%g", 0) F("%#g", 1) F("%G", 1e-10) F("%10g", 1.5) F("%-10g|", 1.5) F("%+g", 1.5) F("%.0g", 12345) F("%g", 1e15) F("%.20g", 1e22) F("%g", 123456789) F("%g", 2^53) F("%.3g", 0.00012345) F("%g", -0.0) line()
F("%f", 1 / 0) F("%f", -1 / 0) F("%g", 1 / 0) F("%e", -1 / 0) F("%10f", 1 / 0) F("%-10f|", 1 / 0) F("%010f", 1 / 0) F("%+f", 1 / 0) F("%G", -1 / 0) F("%.1f", 1 / 0) line()
F("%a", 1) F("%a", 0.5) F("%a", -2) F("%A", 255.5) F("%.2a", 1 / 3) F("%a", 0) F("%.0a", 1.5) F("%a", 1e300) F("%a", 5e-324) F("%20a", 1) F("%-20a|", 1) F("%+a", 1) F("%.13a", 0.1) F("%a", 1 / 0) line()
print(#string.format("%.99f", 1 / 3), string.format("%.99f", 1 / 3):sub(1, 40), #string.format("%99.99f", -1e308), string.format("%.50f", 2^-20)) print(string.format("%.0f", 2^63), string.format("%.0f", 1e22), string.format("%.3f", 1e22), string.format("%f", 1e308):sub(1, 20))

print("-- strings")
F("%s", "x") F("%5s", "ab") F("%-5s|", "ab") F("%.2s", "abcdef") F("%5.1s|", "abc") F("%.0s", "abc") F("%s", nil) F("%s", true) F("%s", 1) F("%s", 1.0) F("%s", -0.0) F("%10s|", 1.5) F("%s%s", "a", "b") F("%%") F("100%%") F("%s", "a\0b") F("%s", ("x"):rep(20)) line()
F("%s", setmetatable({}, { __tostring = function() return "custom" end })) F("%5.3s", setmetatable({}, { __tostring = function() return "custom" end })) line()
print(#string.format("%s", ("x"):rep(1000)), #string.format("%-1s", ("y"):rep(150)), #string.format("%99s", "z"), string.format("%s", "long " .. ("z"):rep(10)), #string.format("a%sb%sc", ("1"):rep(300), ("2"):rep(300)))

print("-- %q reads back")
local function q(v) local s = string.format("%q", v) local back = load("return " .. s)() print(s, math.type(back) == math.type(v) and (back == v or v ~= v and back ~= back)) end
q("simple") q('with "quotes"') q("back\\slash") q("new\nline") q("zero\0end") q("zero\0001") q("ctrl\1\0022\127") q("tab\treturn\r") q("high\200\255") q("") q(0) q(42) q(-7) q(math.maxinteger) q(math.mininteger) q(0.5) q(-1.25) q(1e100) q(0.1) q(1 / 0) q(-1 / 0) q(0 / 0) q(3.0) q(2^63) q(true) q(false) q(nil)
bad("%q") bad("%q", {}) bad("%q", print) bad("%10q", "x") bad("%.3q", "x")

print("-- %p")
local t = {} print(string.format("%p", t) == string.format("%p", t), string.format("%p", t) ~= string.format("%p", {}), string.format("%p", 1), string.format("%p", nil), string.format("%p", true), string.format("%p", 1.5)) print(string.format("%p", "short") == string.format("%p", "sho" .. "rt"), string.format("%10p|", 1), string.format("%-10p|", 1), string.format("%p", print) == string.format("%p", print)) print(tostring(t) == "table: " .. string.format("%p", t))

print("-- many arguments, reuse")
print(string.format("%s %d %5.2f %q %x %%", "str", 42, 3.14159, "q", 255)) print(string.format("no arguments"), string.format("", 1, 2), string.format("%s", "extra", "ignored")) print(("%d-%d"):format(1, 2), ("%s"):rep(3, ","):format(1, 2, 3)) local args = {} for i = 1, 100 do args[i] = i end print(#(("%d,"):rep(100)):format(table.unpack(args)))

print("-- errors")
bad() bad("%") bad("%y", 1) bad("%d") bad("%d", "x") bad("%d", 1.5) bad("%d", "1.5") bad("%d", {}) bad("%d", 2^63) bad("%f", "x") bad("%f") bad("%s") bad("%c") bad("%c", "x") bad("%100d", 1) bad("%.100d", 1) bad("%-+ #0d", 1) bad("%5") bad("%l", 1) bad("%ld", 1) bad("%s %s", 1) bad("%x", 1.5) bad("%5.", 1) bad("%123d", 1) bad("%1.123d", 1) bad("%#d", 1) bad("%#s", "x") bad("%0s", "x") bad("%05s", "x") bad("%+s", "x") bad("% s", "x") bad("%.3c", 65) bad("%0c", 65) bad("%.3p", t) bad("%+x", 1) bad("% x", 1) bad("%s", "a\0b", 1) bad("%10s", "a\0b") bad("%i", nil) bad("%--5d", 3) bad("%0-5d", 3) bad("%  d", 3) bad("%.-3d", 3) bad("%\0d", 1) bad(nil) bad({}) bad("%s", setmetatable({}, { __tostring = function() return 5 end })) bad("%+5d|%-+5d|%+05d", 7, 7, 7) bad("%D", 1) bad("%F", 1) bad("%u", 1) bad("%n", 1)
