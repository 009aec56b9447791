-- Manual 2.1: values and types.

print("-- the eight types, less userdata and thread made below")
local samples = { true, 1, 1.5, "s", {}, print, coroutine.create(print) }
print(type(nil))
for i = 1, #samples do print(i, type(samples[i])) end
print(type(io.stdout), math.type(1), math.type(1.0), math.type("1"), math.type(nil))
print(pcall(type))

print("-- only nil and false are false")
for _, v in ipairs { 0, 0.0, "", {}, "false", print } do
  io.write(v and "true " or "false ")
end
print(nil and 1, false and 1, not nil, not false, not 0)

print("-- integers wrap, floats do not")
print(math.maxinteger + 1 == math.mininteger, math.mininteger - 1 == math.maxinteger)
print(math.maxinteger * 2, math.mininteger * -1, -math.mininteger)
print(math.maxinteger + 1.0, math.maxinteger + 1.0 == 2^63)
print(1e308 * 10, -1e308 * 10, 2^1023 * 2 == math.huge)
print(0.0 == -0.0, 1 / 0.0, 1 / -0.0)
local nan = 0 / 0
print(nan == nan, nan ~= nan, nan < nan, nan <= nan, nan > 0, rawequal(nan, nan))

print("-- one number, two subtypes: equality and keys")
print(1 == 1.0, math.type(1) == math.type(1.0), rawequal(1, 1.0))
local t = {}
t[1] = "int"; t[1.0] = "float"; t[2^53] = "big"
print(t[1], #t, t[2^53 | 0], next({ [3.0] = true }), math.type(next({ [3.0] = true })))
t = { [1.5] = "a", [-0.0] = "zero" }
print(t[1.5], t[0], t[0.0], t[-0.0], math.type(next({ [-0.0] = 1 })))
print(pcall(function() t[nan] = 1 end))
print(pcall(function() t[nil] = 1 end))
print(t[nan], t[nil])
print(pcall(rawset, t, nil, 1))
print(pcall(rawset, t, nan, 1))
t = {}
t[math.huge] = 1; t[-math.huge] = 2; t[2^63] = 3; t[-2^63] = 4
print(t[math.huge], t[-math.huge], t[2^63], t[math.mininteger], t[math.maxinteger])
t[math.mininteger] = 5
print(t[-2^63], t[-9223372036854775808.0])

print("-- any value but nil and NaN is a key, by identity")
local k1, k2 = {}, {}
t = { [k1] = 1, [k2] = 2, [print] = 3, [true] = 4, [false] = 5, ["1"] = 6, [1] = 7 }
print(t[k1], t[k2], t[{}], t[print], t[true], t[false], t["1"], t[1], t[1.0])
t[k1] = nil
print(t[k1], rawlen(t))

print("-- strings are bytes, immutable, 8-bit clean")
local s = "a\0b\255\n"
print(#s, s:byte(1, -1))
print(s == "a\0b\xff\n", "a\0b" == "a\0c", "a\0b" < "a\0c", "" < "\0")
local function build(n) local p = {} for i = 1, n do p[i] = "x" end return table.concat(p) end
print(build(40) == ("x"):rep(40), build(41) == ("x"):rep(41), build(5000) == ("x"):rep(5000))
t = { [build(100)] = "long key" }
print(t[("x"):rep(100)], t[("x"):rep(99)])

print("-- tables, functions, threads are references")
local a = {}
local b = a
b.x = 1
print(a.x, a == b, {} == {}, a == {})
local function make() return function() end end
local f = make()
print(f == f, f == print)
local function grow(v) v[#v + 1] = "added" end
grow(a)
print(a[1])

print("-- tostring and tonumber")
print(tostring(nil), tostring(true), tostring(false), tostring(12), tostring(-0.0), tostring(1e15))
print(1e100, 1e15, 1e14, 123456789012345678, 0.1, 1 / 3, 100.0, -1.5e-10, 3.14159265358979)
print(2^53, 2^63, -2^63, 1e300 * 1e10, -(0 / 0) ~= -(0 / 0))
print(tostring("x") == "x", tostring({}):match("^table: ") ~= nil, tostring(print):match("^function: ") ~= nil)
print(tostring(coroutine.create(print)):match("^thread: ") ~= nil)
print(tostring(setmetatable({}, { __tostring = function() return "custom" end })))
print(tostring(setmetatable({}, { __name = "My.Type" })):match("^My.Type: ") ~= nil)
print(pcall(tostring, setmetatable({}, { __tostring = function() return 1 end })))
print(pcall(tostring))
print(tonumber("10"), tonumber("0x10"), tonumber("  -7  "), tonumber("1e1"), tonumber("0x.8p1"), tonumber(""), tonumber("1 2"))
print(tonumber("10", 2), tonumber("zz", 36), tonumber("-ff", 16), tonumber("8", 8), tonumber("1.5", 10))

print("-- a table's border after changes")
t = { 1, 2, 3 }
t[#t + 1] = 4; t[#t] = nil; t[#t] = nil
print(#t, t[2], t[3])
t = {}
for i = 1, 100 do t[i] = i end
for i = 100, 51, -1 do t[i] = nil end
print(#t)
t = { n = 1, [1] = "a", [2] = "b", [4] = "d" }
local border = #t
print(t[border] ~= nil, t[border + 1] == nil)

print("-- mixed keys survive growth")
t = {}
for i = 1, 300 do
  t[i] = i
  t["k" .. i] = i
  t[i + 0.5] = i
end
local count, sum = 0, 0
for _, v in pairs(t) do count = count + 1; sum = sum + v end
print(count, sum, #t)
for i = 1, 300, 2 do t["k" .. i] = nil; t[i + 0.5] = nil end
count, sum = 0, 0
for _, v in pairs(t) do count = count + 1; sum = sum + v end
print(count, sum, #t)
