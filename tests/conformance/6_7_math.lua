-- Manual 6.7: mathematical functions.

local function bad(f, ...) print(select(2, pcall(f, ...))) end
local maxi, mini, inf, nan = math.maxinteger, math.mininteger, math.huge, 0 / 0
local function N(...)
  local t = table.pack(...)
  for i = 1, t.n do
    local v = t[i]
    t[i] = v ~= v and "nan" or math.type(v) == "float" and ("%.14g"):format(v) .. "f" or tostring(v)
  end
  print(table.concat(t, " "))
end

print("-- constants")
N(math.pi, math.huge, -math.huge, math.maxinteger, math.mininteger)
print(math.maxinteger + 1 == math.mininteger, math.pi == 3.141592653589793)

print("-- type, tointeger, ult")
print(math.type(1), math.type(1.0), math.type("1"), math.type(nil), math.type({}), math.type(2^53), math.type(1 // 1), math.type(1 / 1))
bad(math.type)
for _, v in ipairs { 3.0, 3.5, "8", "8.0", "x", 2^63, -2^63, inf, nan, {}, true, maxi, -0.0, "0x10", " 5 ", "" } do
  io.write(tostring(math.tointeger(v)), " ")
end
print()
bad(math.tointeger)
print(math.ult(1, 2), math.ult(-1, 1), math.ult(1, -1), math.ult(mini, maxi), math.ult(0, 0), math.ult(2.0, 3))
bad(math.ult, 1.5, 2)
bad(math.ult, 1)

print("-- floor, ceil, abs, fmod, modf")
N(math.floor(3.7), math.floor(-3.7), math.floor(3), math.floor(-0.0), math.floor(2^62), math.floor(2^63),
  math.floor(1e100), math.floor(inf), math.floor(nan), math.floor("3.9"), math.floor(-2^63), math.floor(-1e-300))
N(math.ceil(3.2), math.ceil(-3.2), math.ceil(3), math.ceil(-0.5), math.ceil(2^63), math.ceil(-inf), math.ceil(1e-300), math.ceil(maxi))
N(math.abs(-5), math.abs(5), math.abs(-5.5), math.abs(mini), math.abs(-0.0), math.abs(-inf), math.abs("-3"), math.abs(maxi))
N(math.fmod(7, 3), math.fmod(-7, 3), math.fmod(7, -3), math.fmod(-7, -3), math.fmod(7.5, 2), math.fmod(-7.5, 2),
  math.fmod(6, 2), math.fmod(-6, 2), math.fmod(mini, -1), math.fmod(mini, mini), math.fmod(5, inf), math.fmod(-5, inf),
  math.fmod(5, 0.0), math.fmod(inf, 2), math.fmod(5.0, 3), math.fmod(maxi, -1))
bad(math.fmod, 1, 0)
bad(math.fmod, 1)
bad(math.fmod, 1, "x")
N(math.modf(3.7))
N(math.modf(-3.7))
N(math.modf(5))
N(math.modf(inf))
N(math.modf(-inf))
N(math.modf(nan))
N(math.modf(-0.0))
N(math.modf(2^53 + 1.0))
N(math.modf(0.5))
N(math.modf(1e300))
bad(math.floor)
bad(math.floor, {})
bad(math.abs, "x")
bad(math.modf)

print("-- max, min")
N(math.max(1, 2, 3), math.max(3, 2.5), math.max(-1, -2), math.max(1, 1.0), math.max(1.0, 1), math.max(5), math.max(maxi,
  2^63), math.max(inf, nan), math.max("10"))
N(math.min(1, 2, 3), math.min(3, 2.5), math.min(-0.0, 0), math.min(1, 1.0), math.min(1.0, 1), math.min(mini, -2^63), math.min(5, 5.5))
bad(math.max)
bad(math.min)
bad(math.max, 1, "x")
print(math.type(math.max(1, 2.0)), math.type(math.max(2, 1.0)))

print("-- sqrt, exp, log, trigonometry")
N(math.sqrt(16), math.sqrt(2), math.sqrt(-1), math.sqrt(0), math.sqrt(inf), math.sqrt("9"))
N(math.exp(0), math.exp(1), math.exp(-inf), math.exp(710))
N(math.log(1), math.log(math.exp(1)), math.log(0), math.log(-1), math.log(8, 2), math.log(1024, 2), math.log(100, 10),
  math.log(1000, 10), math.log(27, 3), math.log(2, 4), math.log(inf), math.log(2^100, 2), math.log(10, 0.5))
N(math.sin(0), math.cos(0), math.tan(0), math.sin(math.pi / 2), math.cos(math.pi), math.asin(1), math.acos(1),
  math.acos(2), math.atan(1), math.atan(1, -1), math.atan(-1, -1), math.atan(0, -1), math.atan(-0.0, -1), math.atan(1,
  0), math.atan(inf, inf), math.sin(inf))
N(math.deg(math.pi), math.rad(180), math.deg(1), math.rad(1))
bad(math.sqrt)
bad(math.log, "x")
bad(math.sin, nil)
for i = 0, 10 do
  assert(math.abs(math.sin(i) ^ 2 + math.cos(i) ^ 2 - 1) < 1e-15)
  assert(math.abs(math.exp(math.log(i + 1)) - (i + 1)) < 1e-13)
end
N(10 ^ 2, 2 ^ 0.5, 2 ^ 10, math.floor(2 ^ 31.5), 8 // 3, 8.0 // 3, 2 ^ 53 | 0, 7 % 2.5)

print("-- random: ranges and types")
local function within(lo, hi, n, ...)
  for _ = 1, n do local r = math.random(...) assert(math.type(r) == "integer" and r >= lo and r <= hi) end
  return true
end
math.randomseed(42)
for _ = 1, 1000 do local r = math.random() assert(math.type(r) == "float" and r >= 0 and r < 1) end
print(within(1, 10, 1000, 10), within(-5, 5, 1000, -5, 5), within(3, 3, 10, 3, 3), within(mini, maxi, 100, mini, maxi),
  within(0, maxi, 100, 0, maxi), within(mini, 0, 100, mini, 0), within(1, 1, 5, 1), within(1, 2^40 | 0, 100, 2^40),
  within(mini, maxi, 10, 0))
local seen = {}
for _ = 1, 1000 do seen[math.random(6)] = true end
print(#seen)
bad(math.random, 0.5)
bad(math.random, 0, -1)
bad(math.random, -1)
bad(math.random, 2, 1)
bad(math.random, 1, 2, 3)
bad(math.random, "x")
bad(math.random, 1, 1.5)
bad(math.random, maxi, mini)

print("-- random: xoshiro256**, fixed by the seed")
math.randomseed(42)
local a = {}
for i = 1, 5 do a[i] = math.random(1000000) end
print(table.concat(a, " "))
math.randomseed(42)
local b = {}
for i = 1, 5 do b[i] = math.random(1000000) end
print(table.concat(a) == table.concat(b))
math.randomseed(42)
print(("%.17g %.17g"):format(math.random(), math.random()))
math.randomseed(1, 2)
print(math.random(0), math.random(0))
math.randomseed(0)
print(math.random(0), math.random(mini, maxi), math.random(1, 3), math.random(100))
math.randomseed(-1)
print(math.random(0))
math.randomseed(123.0)
print(math.random(1 << 40))
math.randomseed(7)
local sum = 0
for _ = 1, 1000 do sum = sum + math.random(-100, 100) end
print(sum)
math.randomseed()
print(math.type(math.random(0)))
bad(math.randomseed, "x")
bad(math.randomseed, {})
math.randomseed(2024)
local buckets = {}
for i = 1, 10 do buckets[i] = 0 end
for _ = 1, 10000 do local k = math.random(10) buckets[k] = buckets[k] + 1 end
local fair = true
for i = 1, 10 do fair = fair and buckets[i] > 850 and buckets[i] < 1150 end
print(fair)

print("-- integers and floats side by side")
N(1e15, 2^53, 1e15 // 1, maxi // 2.0, mini + 0.0, 3 | 0, 5 // 0.3)
N(7 // 2, -7 // 2, 7 % -3, -7 % 3, 7.0 % -3, 1e308 + 1e308, maxi * 2.0)
print(maxi + 0.0 == 2^63, mini + 0.0 == -2^63, maxi + 0.0 == maxi, 2^53 == 2^53 + 1, math.tointeger(2^53) == 9007199254740992)
print(1 < 1.5, maxi < inf, mini > -inf, maxi < 2^63, maxi + 0.0 < 2^63, 2^63 > maxi)
for _, f in ipairs { "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "log", "max", "min", "modf",
  "rad", "random", "randomseed", "sin", "sqrt", "tan", "tointeger", "type", "ult", "abs" } do
  assert(type(math[f]) == "function", f)
end
