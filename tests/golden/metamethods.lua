-- A class with arithmetic, comparison, concatenation, call and inheritance.
local Vec = {}
Vec.__index = Vec
local function vec(x, y) return setmetatable({ x = x, y = y }, Vec) end
function Vec.__add(a, b) return vec(a.x + b.x, a.y + b.y) end
function Vec.__mul(a, b) return type(a) == "number" and vec(a * b.x, a * b.y) or vec(a.x * b, a.y * b) end
function Vec.__unm(a) return vec(-a.x, -a.y) end
function Vec.__eq(a, b) return a.x == b.x and a.y == b.y end
function Vec.__lt(a, b) return a.x < b.x end
function Vec.__le(a, b) return a.x <= b.x end
function Vec.__concat(a, b) return tostring(a) .. tostring(b) end
function Vec.__tostring(a) return "(" .. a.x .. "," .. a.y .. ")" end
function Vec.__len(a) return 2 end
function Vec.__call(a, k) return a[k] end
function Vec.__idiv(a, b) return "idiv" end
function Vec.__band(a, b) return "band" end
function Vec.__shl(a, b) return "shl" end
function Vec:dot(b) return self.x * b.x + self.y * b.y end
local a, b = vec(1, 2), vec(3, 4)
print(tostring(a + b), tostring(2 * a), tostring(a * 3), tostring(-a))
print(a == vec(1, 2), a < b, a >= b, a .. b, a .. "s", #a, a("y"))
print(a:dot(b), a // 1, 1 & a, a << 1)
local Base = { greet = function(self) return "hi " .. self.name end }
Base.__index = Base
local Derived = setmetatable({}, Base)
Derived.__index = Derived
local d = setmetatable({ name = "d" }, Derived)
print(d:greet(), d.missing, rawequal(a, a))
for i = 1, 30 do d["k" .. i] = i; d:greet() end
Derived.greet = function() return "overridden" end
print(d:greet(), d.k30)
print(pcall(function() return a + 1 end))
