-- Manual 6.4: string manipulation, but for patterns, format and pack.

print("-- byte and char")
print(("abc"):byte(), ("abc"):byte(2), ("abc"):byte(-1), ("abc"):byte(1, -1))
print(("abc"):byte(10), ("abc"):byte(0), (""):byte(), ("abc"):byte(3, 2), ("\0\255"):byte(1, 2))
print(select("#", ("abc"):byte(10)), select("#", ("abc"):byte(0)), select("#", ("abc"):byte(-10, 10)), select("#", ("abc"):byte(2, 2)))
print(string.char(), string.char(72, 105), string.char(0, 255):byte(1, 2))
print(pcall(string.char, -1))
print(pcall(string.char, 256))
print(pcall(string.char, "x"))
print(string.char("65", 66.0))
print(pcall(string.byte)) print(pcall(("x"):rep(10).byte, "x", 1.5)) print(#string.char(("x"):rep(200):byte(1, -1)))

print("-- len, lower, upper, reverse")
print((""):len(), ("abc"):len(), ("a\0b"):len(), string.len(123))
print(("AbC1é"):lower(), ("AbC1é"):upper(), ("a\0B"):lower():byte(1, -1))
print(("abc"):reverse(), (""):reverse(), ("a\0b"):reverse():byte(1, -1))
print(pcall(string.len)) print(pcall(string.len, nil)) print(pcall(string.upper, {}))

print("-- rep")
print(("ab"):rep(3), ("ab"):rep(0), ("ab"):rep(-1), ("ab"):rep(1, ","), ("ab"):rep(3, ", "), (""):rep(1000),
  #("x"):rep(1000, "yy"), (""):rep(3, ","))
print(pcall(string.rep, "x", 1 << 62))
print(pcall(string.rep, "abc", math.maxinteger))
print(pcall(string.rep))
print(pcall(string.rep, "x", "y"))

print("-- sub")
local s = "hello world"
for _, r in ipairs { { 1, 5 }, { 7 }, { -5 }, { -5, -3 }, { 0 }, { 0, 0 }, { 5, 4 }, { 100 }, { -100, 2 }, { 3, 100 },
  { 3, -3 }, { 1, 0 }, { 11 }, { 12 }, { math.mininteger, math.maxinteger }, { math.maxinteger }, { 1,
  math.mininteger }, { 2.0, 3.0 } } do
  io.write("[", s:sub(r[1], r[2]), "] ")
end
print()
print(pcall(string.sub, "x")) print(pcall(string.sub, "x", 1.5)) print(("x"):sub("1"), ("a\0b"):sub(2):byte(1, -1))

print("-- plain find")
print(("hello"):find("l"), ("hello"):find("l", 4), ("hello"):find("l", 5), ("hello"):find("xyz"), ("hello"):find(""))
print(("hello"):find("", 3), ("hello"):find("", 6), ("hello"):find("", 7), ("hello"):find("", -2), (""):find(""), (""):find("", 2))
print(("a.b"):find(".", 1, true), ("a.b"):find(".", 3, true), ("a+b"):find("+", 1, true), ("x"):find("", 10, true))
print(("a\0b"):find("\0"), ("a\0b"):find("b"), ("aXbXc"):find("X", -2, true), ("abc"):find("c", -1),
  ("abc"):find("abcd"), ("aab"):find("ab", 1, true))
print(("x"):rep(1000):find(("x"):rep(500) .. "y", 1, true), (("x"):rep(1000) .. "y"):find(("x"):rep(500) .. "y", 1, true))
print(pcall(string.find, "x")) print(pcall(string.find)) print(("123"):find(2))

print("-- comparisons and keys with zeros and high bytes")
print("\0" < "\1", "a\0" > "a", "\xff" > "a", "" < "\0", ("z"):rep(50) < ("z"):rep(49) .. "{")
print(({ ["a\0"] = 1, ["a"] = 2 })["a\0"], "a\0b" == "a\0b")

print("-- methods through the string metatable")
print(("x"):rep(3), #("abc"):upper(), ("%d"):format(3), ("a,b"):gsub(",", ";"))
print(getmetatable("").__index == string, ("abc").len == string.len, ("abc").nothing, pcall(function()
  return ("abc"):nothing()
end))
print(#"abc", -"2", "10" + 1, pcall(function() return #nil end))
string.shout = function(x) return x:upper() .. "!" end
print(("hey"):shout())
string.shout = nil
print(pcall(function() local x = "s" x.field = 1 end))
local mt = getmetatable("")
local old = mt.__index
mt.__index = function(str, k) if type(k) == "number" then return old.sub(str, k, k) end return old[k] end
print(("hello")[1], ("hello")[-1], ("x"):rep(2))
mt.__index = old

print("-- long strings, built in different ways, are equal")
local parts = {} for i = 1, 500 do parts[i] = string.char(i % 256) end
local a, b = table.concat(parts), "" for i = 1, 500 do b = b .. string.char(i % 256) end
print(a == b, #a, ({ [a] = "key" })[b], a:sub(100, 110) == b:sub(100, 110), a:reverse():reverse() == b)
print(("ab"):rep(1000) == ("abab"):rep(500), ("ab"):rep(1000):sub(1, 40) == ("ab"):rep(20), ("ab"):rep(20) == ("ab"):rep(20))
local rope = ""
for i = 1, 2000 do
  rope = rope .. i .. ";"
  if i % 500 == 0 then io.write(#rope, " ", rope:sub(-5), " ", rope:byte(1), " ") end
end
print(select(2, rope:gsub(";", "")))
local left = ""
for i = 1, 300 do left = i .. left end
print(#left, left:sub(1, 9), left:sub(-9))
local both = "x" for i = 1, 12 do both = both .. both end print(#both, both == ("x"):rep(4096))

print("-- dump")
local f = load(string.dump(function(...) local t = { ... } return #t, ... end))
print(f == nil or f(1, 2, 3) == 3)
print(pcall(string.dump, print))
print(pcall(string.dump))
print(type(string.dump(function() end, true)))
