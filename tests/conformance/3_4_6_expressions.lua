-- Manual 3.4.6 to 3.4.9: concatenation, length, precedence, constructors.

print("-- concatenation")
print("a" .. "b", "a" .. 1, 1 .. "a", 1 .. 2, "" .. "", "x" .. 1.5 .. "y" .. -0.0, "a" .. "b" .. "c" .. "d")
local s = ""
for i = 1, 1000 do s = s .. "x" end
print(#s, s == ("x"):rep(1000))
s = ""
for i = 1, 300 do s = i .. "," .. s end
print(#s, s:sub(1, 12), s:sub(-8))
local parts = {}
for i = 1, 150 do parts[i] = "'" .. i .. "'" end
print(#load("return " .. table.concat(parts, ".."))())
local a = ("a"):rep(30) .. ("b"):rep(30)
local b = ("a"):rep(30) .. ("b"):rep(30)
print(a == b, ({ [a] = "found" })[b], a .. "c" == b .. "c", #(a .. b .. a))
print(("x" .. "\0" .. "y"):byte(1, -1))
print(pcall(function() return "a" .. nil end))
print(pcall(function() return {} .. "a" end))
print(pcall(function() return 1 .. true .. "x" end))
print(pcall(function() local t = {} return "a" .. t.b .. "c" end)) print(pcall(function() return print .. "x" end))
local order = {}
local function n(v) order[#order + 1] = v return v end
local _ = n(1) .. n(2) .. n(3) .. n(4)
print(table.concat(order, " "), _)

print("-- length")
print(#"", #"abc", #"a\0b", #("x"):rep(1000), #{}, #{ 1, 2, 3 }, #{ nil }, #{ n = 1 }, #{ [0] = 1 }, #{ 1, 2, [4] = 4 } >= 2)
print(pcall(function() return #nil end)) print(pcall(function() return #5 end)) print(pcall(function() return #print end))
local t = {}
for i = 1, 1000 do t[i] = i assert(#t == i) end
for i = 1000, 1, -1 do t[i] = nil assert(#t == i - 1) end
for i = 1, 100 do t[#t + 1] = i end
print(#t)
t = {}
for i = 100, 1, -1 do t[i] = i end
print(#t)
t = { 10, 20, 30, nil }
print(#t)
t = { 10, 20, 30, nil, 50 }
local border = #t
print(border == 3 or border == 5)
t = {}
t[1] = 1 t[2] = 2 t[4] = 4
border = #t
print(border == 2 or border == 4)

print("-- precedence, from low to high: or, and, comparison, |, ~, &, shift, .., + -, * / // %, unary, ^")
print(1 or 2 and nil, nil and 1 or 2, false or 1 == 1, 1 < 2 and 2 < 3, (1 | 2) == 3, 5 & 3 | 8, 5 | 3 & 8, 6 ~ 3 & 1, 1 | 2 ~ 3)
print(1 << 2 + 1, 1 + 1 << 2, "a" .. 1 + 2, 2 * 3 .. 4, 1 .. 2 * 3, 3 & 1 << 1)
print(2 + 3 * 4, 2 * 3 + 4, 10 - 2 - 3, 2 ^ 3 ^ 2, 2 ^ -1, -2 ^ 2, (-2) ^ 2, not 1 == 2, not (1 == 2), -3 % 5, -(3 % 5), 2 * -3)
print(7 // 2 * 2, 7 % 4 * 2, 2 * 7 % 4, 8 / 4 / 2, #"abc" + 1, -#"abc", not nil == true, ~0 & 0xF, ~(0 & 0xF), - - 2,
  not not nil, ~ ~7, -~7, ~-7)
print("a" .. "b" == "ab", "a" < "b" .. "c", 1 .. 2 == "12", 2 ^ 2 .. "", -2 .. "", 1 + 1 == 2 and "yes" or "no", "x" .. -1 ^ 2)
print(({ 1, 2 })[1] + 1, ("x"):rep(2) .. "y", (function() return 5 end)() * 2, -({ 5 })[1], #{ 1, 2 } * 3, 2 ^ #"ab")
print(1 + 2 < 4, 1 < 2 == true, 5 > 3 == not false, "10" + 1 .. "", 3 - -3, 3 - - - 3, 2^2^3 == 2^(2^3), (2^2)^3)
print((5 & 6) == 4 and 1 or 0, 5 & 6 << 1, 1 | 1 + 1, 0xFF ~ 0x0F >> 4, 1 << 3 << 1, 256 >> 2 >> 1)
print(pcall(load "return 1 | 2 == 3")) print(pcall(load "return 1 .. 2 << 1")) print(pcall(load "return 1 < 2 < 3"))

print("-- table constructors")
local function f() return "f1", "f2", "f3" end
local x = { f(), f() }
print(#x, x[1], x[2], x[4])
x = { f(), (f()) }
print(#x) x = { (f()) } print(#x) x = { f(), nil } print(#x) x = { [1] = f() } print(#x, x[1]) x = { n = f() } print(x.n)
local function v(...) return { ... }, { ..., "last" }, { (...) }, { "first", ... }, { n = select("#", ...), ... } end
local v1, v2, v3, v4, v5 = v(1, nil, 3)
print(v1[1], v1[3], #v2, v2[2], #v3, v4[2], v4[4], v5.n, v5[3])
print(#v(), select("#", table.unpack(v5, 1, v5.n)))
x = { 1, 2, 3, [2] = "ignored or not", [10] = 10, a = 1, ["b c"] = 2, [1.5] = "float", [true] = "t" }
print(x[1], x[2], x[3], x[10], x.a, x["b c"], x[1.5], x[true])
x = { [1] = "explicit", "positional" }
print(x[1])
x = { 1, 2; 3, 4; }
print(#x)
x = { { 1, 2 }, { 3, { 4 } }, f = function() return 1 end, }
print(x[2][2][1], x.f(), #x)
print(pcall(function() return { [nil] = 1 } end)) print(pcall(function() return { [0 / 0] = 1 } end))
local items = {}
for i = 1, 1000 do items[i] = tostring(i) end
x = load("return {" .. table.concat(items, ",") .. "}")()
print(#x, x[1], x[51], x[500], x[1000])
x = load("return {" .. table.concat(items, ",") .. ", (function() return 'a', 'b' end)()}")()
print(#x, x[1001], x[1002])
for i = 1, 1000 do items[i] = "k" .. i .. "=" .. i end
x = load("return {" .. table.concat(items, ";") .. "}")()
print(x.k1, x.k500, x.k1000, #x)
for i = 1, 300 do items[i] = "[" .. (i * 1.5) .. "]='" .. i .. "'" end
x = load("return {" .. table.concat(items, ",", 1, 300) .. "}")()
print(x[1.5], x[3], x[450])
local function many() return table.unpack(x1000 or {}, 1, 500) end
x1000 = {}
for i = 1, 500 do x1000[i] = i end
x = { many() }
print(#x, x[500]) x = { many(), many() } print(#x, x[2], x[501]) x = { 0, many() } print(#x, x[501])
x1000 = nil
order = {}
x = { n(1), [n(2)] = n(3), n(4), k = n(5) }
print(table.concat(order, " "))
for _, text in ipairs { "x = {1 2}", "x = {,}", "x = {;}", "x = {1,,2}", "x = {[1] 2}", "x = {a = }", "x = {a, b c}",
  "x = {[1 = 2}", "x = {1", "x = {1,", "x = {\n1,\n2" } do
  print((select(2, load(text, "=s"))))
end
local deep = "x"
for _ = 1, 150 do deep = "{" .. deep .. "}" end
local d = load("local x = 'core' return " .. deep)()
for _ = 1, 150 do d = d[1] end
print(d)

print("-- parentheses")
local function two() return 1, 2 end
print((two())) print(two(), (two())) print(((two()))) print(#{ two() }, #{ (two()) })
print((("x"):rep(3)), ({ 5 })[1], ("%d"):format(7), (function(...) return select("#", ...) end)((two())))
local str = "text"
print((str):upper(), str:upper():lower(), ("a" .. "b"):len(), #(str .. str))
