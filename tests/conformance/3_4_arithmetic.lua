-- Manual 3.4.1 to 3.4.3: arithmetic and bitwise operators, coercions.
-- Each operator is tried on constants (folded), on locals and on upvalues.

local maxi, mini = math.maxinteger, math.mininteger
local inf, nan = math.huge, 0 / 0
local function show(v)
  if v ~= v then return "nan" end
  return math.type(v) == "float" and string.format("%.17g", v) .. (v == v // 1 and v - v == 0 and "f" or "") or tostring(v)
end
local function p(...)
  local t = table.pack(...)
  for i = 1, t.n do t[i] = show(t[i]) end
  print(table.concat(t, " "))
end

print("-- addition, subtraction, multiplication")
p(1 + 2, 1 + 2.0, 1.5 + 1.5, -1 + 1, 0.1 + 0.2, 1e308 + 1e308)
p(maxi + 1, mini - 1, maxi + maxi, mini + mini, maxi * 2, mini * -1, mini * mini, maxi * maxi, -mini)
p(3 * 4, 3 * 4.0, -3 * 0, -3 * 0.0, 1e200 * 1e200, 0 * inf, 2^62 * 2, 4611686018427387904 * 2)
p(5 - 7, 5.5 - 7, maxi - -1, inf - inf, 1 - 1.0, -0.0 - 0.0, 0 - 0.0, -(0.0), -(0))

print("-- division and power are floats")
p(7 / 2, 6 / 3, 1 / 0, -1 / 0, 0 / 0, 1 / -0.0, maxi / 1, 7 / 2.0, mini / -1)
p(2 ^ 10, 2 ^ 0.5, 2 ^ -1, (-2) ^ 2, -2 ^ 2, (-8) ^ (1 / 3), 0 ^ 0, inf ^ 0, 2 ^ 1024, 10 ^ 2, 2 ^ 3 ^ 2)

print("-- floor division")
p(7 // 2, -7 // 2, 7 // -2, -7 // -2, 6 // 3, -6 // 3, 0 // 5, mini // -1, maxi // -1, mini // 1, mini // maxi)
p(7 // 2.0, -7 // 2.0, 7.5 // 2, -7.5 // 2, 1 // 0.0, -1 // 0.0, 0 // 0.0, 5 // inf, -5 // inf, 5 // -inf, inf // 2,
  1e308 // 1e-308, -0.0 // 1, 5.3 // 0.1)
print(pcall(function() return 1 // 0 end)) print(pcall(function() local z = 0 return mini // z end))

print("-- modulo: the sign of the divisor")
p(7 % 3, -7 % 3, 7 % -3, -7 % -3, 6 % 3, -6 % 3, 0 % 5, mini % -1, maxi % mini, mini % maxi, mini % 2, 5 % maxi, -5 % maxi)
p(7 % 3.0, -7 % 3.0, 7 % -3.0, -7 % -3.0, 5.5 % 2, -5.5 % 2, 5 % inf, -5 % inf, 5 % -inf, -5 % -inf, inf % 5, 5 % 0.0,
  -6 % 3.0, 6 % -3.0, 0.0 % -1, -0.0 % 1)
p(1e15 % 7, -1e15 % 7, 2^53 % 3, -2^53 % 3, 0.1 % 0.01, 1e308 % 3, 5e-324 % 1, -5e-324 % 1)
print(pcall(function() return 1 % 0 end)) print(pcall(function() local z = 0 return mini % z end))
for _, a in ipairs { 7, -7, 7.5, -7.5, maxi, mini } do
  for _, b in ipairs { 3, -3, 2.5, -2.5, 64, -64 } do
    assert((a // b) * b + a % b == a or math.type(a) == "float" or math.type(b) == "float" or math.abs(a) > 2^53)
    local r = a % b
    assert(r == 0 or (r < 0) == (b < 0))
  end
end

print("-- the same with operands the compiler can't know")
local function ops(a, b)
  p(a + b, a - b, a * b, a / b, a % b, a // b, a ^ b, -a, -b)
end
ops(7, 2) ops(7.0, 2) ops(7, 2.0) ops(-7, 2) ops(7, -2) ops(-7.5, 2) ops(maxi, 1) ops(mini, -1) ops(0.0, -1) ops(inf, 2)
local function constants(a)
  p(a + 1, a - 1, a * 3, a / 2, a % 5, a // 5, a ^ 2, 1 + a, 1 - a, 3 * a, 2 / a, 5 % a, 5 // a, 2 ^ a)
  p(a + 1.5, a - 1.5, a * 0.5, a / 0.5, a % 1.5, a // 1.5, a ^ 0.5, 1.5 + a, 1.5 - a, 0.5 * a, a + 1000000, a - 1000000, a + maxi)
end
constants(9) constants(9.5) constants(-9) constants(mini) constants(1e300)

print("-- bitwise")
p(0xF0 & 0x3C, 0xF0 | 0x0F, 0xF0 ~ 0xFF, ~0, ~5, -1 & 0xFF, ~mini, ~maxi, 1 | 2.0, 7.0 & 3)
p(1 << 0, 1 << 1, 1 << 62, 1 << 63, 1 << 64, 1 << 65, 1 << -1, -1 << 1, -1 << 63, 1 << maxi, 1 << mini)
p(1 >> 1, 2 >> 1, -1 >> 1, -1 >> 63, -1 >> 64, -1 >> -1, 1 >> -63, 1 >> -64, mini >> 63, 5 >> maxi, 5 >> mini)
local function bits(a, b) p(a & b, a | b, a ~ b, a << b, a >> b, ~a) end
bits(0xFF, 4) bits(-1, 60) bits(2^40, 3.0) bits(mini, 1) bits(5, -2) bits(5, 64) bits(5, -64) bits(5, 100)
local function cbits(a) p(a & 0xFF, a | 1, a ~ -1, a << 3, a >> 3, 1 << a, 0xFF & a, 256 >> a, a << 63, a >> 0, a << 64, a << -1) end
cbits(5) cbits(-5) cbits(12.0) cbits(maxi)
for _, bad in ipairs { 1.5, inf, nan, 2^63, -2^63 - 2048, "a", {}, true } do
  local ok, e = pcall(function(x) return x & 1 end, bad)
  print(ok, (e:gsub("^.-:%d+: ", "")))
end
p(-2^63 & -1, (2^53 + 0.0) | 0)

print("-- strings in arithmetic: converted to integers or floats")
print("10" + 5, "10" * "2", "3.0" + 1, "0x10" + 0, " 7 " - 2, "1e1" * 1, 10 .. 20, -"2", - "-3.5")
print("10" / 2, "7" // 2, "7" % "4", "2" ^ "3", "9223372036854775807" + 1, "9223372036854775808" + 0, "-0" + 0, "0x.8" * 2)
print(10 + "0x1p4", "\t1\n" + 1, "1" + "1", math.type("1" + 1), math.type("1.0" + 1), math.type("1" * "1"))
for _, bad in ipairs { "abc", "", "1x", "0x", "1 2", "1e", "--1", "nan", "inf", "1\0" } do
  local ok, e = pcall(function() return bad + 1 end)
  print(ok, (e:gsub("^.-:%d+: ", "")))
end
print(pcall(function() return {} + "1" end)) print(pcall(function() return "1" + {} end))
print(pcall(function() return "x" + {} end)) print(pcall(function() return nil + "1" end))
print(pcall(function() return -"x" end)) print(pcall(function() return -{} end)) print(pcall(function() return -nil end))

print("-- numbers in concatenation")
print(1 .. "", 1.0 .. "", -0.0 .. "", 2^63 .. "", 1e15 .. "|" .. 1e16, 0.1 .. "", mini .. "", inf .. "", -inf .. "")
print(1 .. 2 == "12", 1.5 .. 2, (1 + 1) .. (2 * 2))

print("-- conversion to integers in library arguments and keys")
print(("x"):rep(3.0), ("x"):rep("2"), pcall(string.rep, "x", 1.5))
print(#table.pack(table.unpack({ 1, 2, 3 }, 1.0, "2")), ("abc"):sub(2.0, "3"), pcall(string.sub, "abc", "x"))
print(math.tointeger(3.0), math.tointeger(3.5), math.tointeger(2^63), math.tointeger(-2^63), string.format("%d", 3.0),
  pcall(string.format, "%d", 3.5))

print("-- increments of counters of both kinds")
local i, f = maxi - 2, 2^53 - 2
for _ = 1, 4 do i = i + 1 f = f + 1 end
p(i, f)
local acc = 0
for k = 1, 1000 do acc = acc + k * 0.1 end
p(acc)
acc = 1
for k = 1, 70 do acc = acc * 3 end
p(acc)
local fact = 1
for k = 1, 25 do fact = fact * k end
p(fact)
local h = 5381
for k = 1, 100 do h = (h << 5) + h ~ k end
p(h)

print("-- constant folding keeps errors, NaN and negative zero for run time")
print(pcall(load "return 1 // 0")) print(pcall(load "return 1 % 0")) print(pcall(load "return 1 & 1.5"))
p(0.0 * -1, -0.0, 0.0, 1 / (0.0 * -1), 1 / -0.0, 1 / 0.0, 3 % -inf, 0 / 0)
p(2^53 == 2^53 + 1, 2^53 + 1.0 == 2^53 and 1 or 0)
