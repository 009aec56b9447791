-- Manual 3.1: lexical conventions.

local function value(text) return assert(load("return " .. text, "=v"))() end
local function syntax(text)
  local f, m = load(text, "=s")
  return f and "accepted" or m
end

print("-- names and reserved words")
local _, __, _1, a_b, A, a, andy, END, nilx = 1, 2, 3, 4, 5, 6, 7, 8, 9
print(_, __, _1, a_b, A, a, andy, END, nilx)
for _, word in ipairs { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if",
  "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while" } do
  assert(not load(word .. " = 1"), word)
  assert(load("local t = { ['" .. word .. "'] = 1 } return t['" .. word .. "']")() == 1)
end
print(syntax("local 1a = 2"))
print(syntax("local caf\xe9 = 1"))

print("-- escapes in short strings")
print(#"\a\b\f\n\r\t\v\\\"\'", ("\a\b\f\n\r\t\v\\\"\'"):byte(1, -1))
print("\65\066\10067", "\0651" == "A1", #"\0\00\000", "\x41\x6a\xfF" == "Aj\255")
print("one\
two", "one\z

      two\z three")
print("\u{41}\u{20AC}\u{10FFFF}" == "A\xE2\x82\xAC\xF4\x8F\xBF\xBF", #"\u{7FFFFFFF}", ("\u{7FFFFFFF}"):byte(1, -1))
print("\u{0}" == "\0", "\u{00000041}", #"\u{7FF}\u{800}\u{FFFF}\u{10000}\u{3FFFFFF}")
print('single "double" inside', "double 'single' inside", "tab\9tab")
print(value("'a\\\r\nb'") == "a\nb", value("'a\\\n\rb'") == "a\nb", value("'a\\\rb'") == "a\nb")
for _, bad in ipairs { [["\q"]], [["\x4"]], [["\xg0"]], [["\256"]], [["\u{110000000}"]], [["\u41"]], [["\u{41"]], [["\u{}"]],
  [["open]], "'open\n'", [["\u{zz}"]], [['\]], [["\xag"]] } do
  print(syntax("x = " .. bad))
end

print("-- long strings")
print([[one]], [==[two]]]=]==], [[
first newline dropped]], [[

only the first]], #[[]], #[==[]==])
print([[\n stays \65]], [[a
b]] == "a\nb", [=[[[nested]]]=])
print(value("[[\r\nx\ry\n\rz\n\n]]") == "x\ny\nz\n\n")
print(({ [ [[key]] ] = 1 })[ [=[key]=] ], #[[a]] .. #[=[]]]=])
print(syntax("x = [[open"))
print(syntax("x = [=[open]]"))
print(syntax("x = [=open"))
print(syntax("--[==[ open comment ]]"))

print("-- comments")
local n = 0 --[[ inside ]] n = n + 1 --[==[ many
lines ]] ]=] ]==] n = n + 1
--[ not long
n = n + 1 ---[[ not long either
n = n + 1 --]]
--
print(n) --
print(value("1 --[[x]] + --[=[y]=] 2 -- z"))
print(load("-- only a comment") ~= nil, load("") ~= nil, load("--[[x]]") ~= nil, load("return 1 --")())

print("-- integer literals")
print(3, 345, 0xff, 0xBEBADA, 0XA, 007, 9223372036854775807, 0x7fffffffffffffff)
print(0xffffffffffffffff, 0x1ffffffffffffffff, 0x8000000000000000, 0xfedcba9876543210f)
print(9223372036854775808, math.type(9223372036854775808), -9223372036854775808, math.type(-9223372036854775808))
print(1 // 1, 3 .. "", 0x10 .. "|", -0, 1e2, 1E+2, 1e-2)

print("-- float literals")
print(3.0, 3.1416, 314.16e-2, 0.31416E1, 34e1, .5, 5., 0.e1, 3.e2, .0)
print(0x0.1E, 0xA23p-4, 0X1.921FB54442D18P+1, 0x.8, 0x8., 0x1p4, 0x1P-2, 0xAp0, 0x.1p4)
print(1e308, 1e309, 1e-400, 4.9e-324, 2.2250738585072014e-308, 0x1p-1074, 0x1p1023, 0x1p1024)
print(0.1 + 0.2 == 0.30000000000000004, 123456789012345678901234567890, 1e23 == 9.999999999999999e22)
print(("%.17g %.17g %.17g"):format(0.1, 1e23, 5e-324))
print(0x1.fffffffffffff8p0 == 2.0, 0x1.fffffffffffff7p0 == 0x1.fffffffffffffp0, 0x1fffffffffffff.8p0 == 2^53)
for _, bad in ipairs { "3x", "0x", "1e", "1e+", "0x1p", "1..2", "3.4.5", "0xg", "1__", "08a", "0x.p1", "1e5.0", "12ab", ".e1" } do
  print(bad, syntax("x = " .. bad))
end

print("-- tokens stick to the longest match")
print(1 .. 2, 7 // 2, 1 ~= 2, 1 << 2 >> 1, 2^-1, - -1, not not nil, 5 // 2 * 2, a==6, #"##")
print(({ 1, 2; 3, })[3], (function(...) return ... end)(1), "a" .. "b" == "ab", ~ ~5, 3 ~ 5)
goto l1
print "skipped"
::l1:: ::l2::
;;; print "semicolons";
print(syntax("x = 1 = 2"))
print(syntax("x == 1"))
print(syntax("x = @"))
print(syntax("x = $1"))
print(syntax("x = 1 !"))
print(syntax("x = `a`"))
print(syntax("x = a ? b"))
print(syntax("\\n"))
print(syntax("x = '\1' .. \1"))
print(syntax("for"))
print(syntax("x = }"))
print(syntax("x ="))
print(syntax("f("))
print(syntax("return return"))
print(syntax("if x then"))
print(syntax("\n\nif x then\n\nelse\n"))
print(syntax("x = 'a' 'b' 1"))
print(syntax("x = very_long_name_that_goes_on_and_on very_long_name_that_goes_on_and_on"))

print("-- shebang lines belong to files, not to strings")
print(load("#!shebang\nreturn 1") == nil)
local name = os.tmpname()
local function file(text)
  local h = assert(io.open(name, "wb"))
  h:write(text)
  h:close()
  local f, m = loadfile(name)
  if f then return f() end
  return (m:gsub("^.-(:%d+:)", "%1"))
end
print(file("#!shebang\nreturn debug.getinfo(1, 'l').currentline"))
print(file("# any text"))
print(file("#\n\nx = = 1"))
print(file("\xEF\xBB\xBFreturn 'BOM'"))
print(file("\xEF\xBB\xBF#!both\nreturn 'BOM and shebang'"))
os.remove(name)

print("-- line ends: \\n, \\r, \\r\\n, \\n\\r count once")
for _, text in ipairs { "\n\n@", "\r\r@", "\r\n\r\n@", "\n\r\n\r@", "\n\n\r\r@" } do print(syntax(text)) end
print(value("debug.getinfo(1, 'l').currentline"), value("\n\n\n debug.getinfo(1, 'l').currentline"))

print("-- whitespace")
print(value("\t1\v+\f2\r\n+ 3"))
