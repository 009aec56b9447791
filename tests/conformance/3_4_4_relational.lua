-- Manual 3.4.4 and 3.4.5: relational and logical operators.

local maxi, mini = math.maxinteger, math.mininteger
local inf, nan = math.huge, 0 / 0

-- All six comparisons as a string of 0 and 1: < <= > >= == ~=
local function all(a, b)
  local s = ""
  for _, v in ipairs { a < b, a <= b, a > b, a >= b, a == b, a ~= b } do s = s .. (v and "1" or "0") end
  -- The same in conditions, both ways round.
  local c = ""
  if a < b then c = c .. "1" else c = c .. "0" end
  if a <= b then c = c .. "1" else c = c .. "0" end
  if a > b then c = c .. "1" else c = c .. "0" end
  if a >= b then c = c .. "1" else c = c .. "0" end
  if a == b then c = c .. "1" else c = c .. "0" end
  if a ~= b then c = c .. "1" else c = c .. "0" end
  assert(s == c)
  local n = ""
  for _, v in ipairs { not (a >= b), not (a > b), not (a <= b), not (a < b), not (a ~= b), not (a == b) } do n = n .. (v and "1" or "0") end
  if a == a and b == b then assert(n == s) end
  return s
end

print("-- integers, floats and both")
print(all(1, 2), all(2, 1), all(1, 1), all(1.0, 2.0), all(1, 1.0), all(1, 1.5), all(2, 1.5), all(-0.0, 0), all(0.0, -0.0))
print(all(maxi, mini), all(maxi, maxi + 0.0), all(maxi, 2^63), all(mini, -2^63), all(mini, -2^63 - 2048), all(maxi, inf), all(mini, -inf))

print("-- exactness at 2^53 and 2^63")
local big = 1 << 53
print(all(big, 2^53), all(big + 1, 2^53), all(big - 1, 2^53), all(big + 1, 2^53 + 2), all(2^53, big + 1))
print(all(-big, -2^53), all(-big - 1, -2^53), all(-big + 1, -2^53))
print(all(maxi, 2^63), all(maxi - 1, 2^63), all(maxi - 511, 2^63 - 1024), all(maxi - 1023, 2^63 - 1024), all(maxi - 1024, 2^63 - 1024))
print(all(mini, -2^63), all(mini + 1, -2^63), all(mini + 1024, -2^63 + 1024), all(mini + 1023, -2^63 + 1024))
print(all(1, 0.9999999999999999), all(1, 1.0000000000000002), all(maxi // 2, 2^62), all(maxi // 2 + 1, 2^62))

print("-- infinities and NaN")
print(all(1, inf), all(1, -inf), all(inf, inf), all(-inf, inf), all(inf, maxi), all(-inf, mini))
print(all(1, nan), all(nan, 1), all(nan, nan), all(inf, nan), all(maxi, nan), all(nan, mini))

print("-- comparisons against constants")
local function small(x)
  return (x < 5 and "1" or "0") .. (x <= 5 and "1" or "0") .. (x > 5 and "1" or "0") .. (x >= 5 and "1" or "0") .. (x == 5 and "1" or "0")
    .. (5 < x and "1" or "0") .. (5 <= x and "1" or "0") .. (5 > x and "1" or "0") .. (5 >= x and "1" or "0")
    .. (x < 5.5 and "1" or "0") .. (x >= -3 and "1" or "0") .. (x == 5.0 and "1" or "0")
    .. (x ~= 5.5 and "1" or "0") .. (x < 1000000 and "1" or "0")
end
print(small(4), small(5), small(6), small(5.0), small(5.5), small(nan), small(-inf), small(maxi), small(mini))
local function eqk(x) return x == nil, x == true, x == false, x == "s", x == 1, x ~= nil, x ~= "s" end
print(eqk(nil)) print(eqk(true)) print(eqk(false)) print(eqk("s")) print(eqk(1)) print(eqk(1.0)) print(eqk({}))

print("-- strings compare as bytes, embedded zeros included")
print(all("a", "b"), all("a", "a"), all("a", "aa"), all("", "a"), all("", ""), all("Z", "a"), all("10", "9"))
print(all("a\0b", "a\0c"), all("a\0", "a"), all("\0", ""), all("\xff", "a") , all("a\0\0", "a\0"))
local long = ("x"):rep(100)
print(all(long, long), all(long, ("x"):rep(99) .. "x"), all(long, ("x"):rep(99) .. "y"), all(long .. "\0", long))
local words = { "pear", "apple", "fig", "", "app", "zebra", "Apple", "apple2" }
table.sort(words)
print(table.concat(words, "<"))

print("-- equality never converts")
print(0 == "0", 1 == true, nil == false, "" == false, {} == {}, print == print, "1" == 1)
print(0 == false, 1 == "1.0", "abc" == "abc", 1e15 == 10^15, 0x10 == 16.0)

print("-- ordering different types is an error")
local values = { 1, "1", true, {}, print }
local names = {}
for i, a in ipairs(values) do
  for j, b in ipairs(values) do
    local ok, e = pcall(function() return a < b end)
    if not ok then names[#names + 1] = i .. j .. ":" .. e:gsub("^.-:%d+: attempt to compare ", "") end
  end
end
print(table.concat(names, "\n"))
print(pcall(function() return nil > 1 end)) print(pcall(function() return 1 <= "1" end)) print(pcall(function() return "a" >= {} end))

print("-- and, or, not: values, short circuits")
print(10 or 20, 10 or error(), nil or "a", nil and 10, false and error(), false and nil, false or nil, 10 and 20)
print(nil and nil, false or false, not nil, not 1, not not 0, 1 and nil, 1 and false, nil or false)
print(1 and 2 and 3, 1 and nil and 3, nil or false or 3, 1 or 2 and 3, nil and 2 or 3, 1 and 2 or 3, false == not true)
local calls = {}
local function t(n) calls[#calls + 1] = n return n end
local function f(n) calls[#calls + 1] = -n return nil end
local function used() local s = table.concat(calls, " ") calls = {} return s end
local _ = t(1) and t(2) or t(3) print(_, used())
_ = f(1) and t(2) or t(3) print(_, used())
_ = f(1) or f(2) or t(3) or t(4) print(_, used())
_ = t(1) and f(2) and t(3) print(_, used())
_ = (f(1) or t(2)) and (t(3) and f(4) or t(5)) print(_, used())
if t(1) and not f(2) or t(3) then print("taken", used()) end
if not (f(1) or f(2)) then print("taken", used()) end
while f(1) or (t(2) and f(3)) do end print(used())
_ = not (t(1) and f(2)) print(_, used())
_ = t(1) == 1 and t(2) > 1 or t(3) print(_, used())
local function pick(a, b, c) return a and b or c end
print(pick(true, 1, 2), pick(false, 1, 2), pick(true, nil, 2), pick(nil, nil, nil))
local function multi(...) return ... and "some" or "none" end
print(multi(), multi(nil, 1), multi(1))
print((function() return nil end)() or "default", (function() return 1, 2 end)() and "x")
local x
x = x or 5 x = x and x + 1 print(x)
local tt = {}
tt.n = (tt.n or 0) + 1 tt.n = (tt.n or 0) + 1 print(tt.n)
local r = 1 < 2 and 2 < 3 and "ordered" print(r)
local b1, b2 = 1 < 2, not (1 < 2) print(b1, b2)
print((1 < 2) == true, 1 < 2 == true, "a" < "b" == (1 < 2), not 1 == 2)
local function big_or(v) return v == 1 or v == "two" or v == 3.0 or v == nil or v == true end
print(big_or(1), big_or("two"), big_or(3), big_or(nil), big_or(true), big_or(false), big_or("x"))
local function nest(a, b, c, d) if (a and (b or c)) or (not a and d and not (b and c)) then return 1 else return 0 end end
local bits = {}
for i = 0, 15 do bits[#bits + 1] = nest(i & 8 > 0, i & 4 > 0, i & 2 > 0, i & 1 > 0) end
print(table.concat(bits))
