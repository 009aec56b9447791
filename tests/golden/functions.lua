-- Parameters, varargs, multiple results, recursion, tail calls, methods.
local function pack2(...)
  local a, b = ...
  return select("#", ...), a, b, ...
end
print(pack2())
print((pack2(1, nil, 3)))
print(pack2(1, 2), pack2(3))
local function fact(n) if n < 2 then return 1 end return n * fact(n - 1) end
local function count(n, acc) if n == 0 then return acc end return count(n - 1, acc + 1) end
print(fact(12), count(200, 0))
local object = { value = 3 }
function object:get(scale) return self.value * (scale or 1) end
function object.make(v) return setmetatable({ value = v }, { __index = object, __call = function(self, x) return self.value + x end }) end
print(object:get(), object:get(4), object.make(5):get(2), object.make(6)(7))
print(string.format("%s %s", pcall(pack2, "x")))
local t = { pack2(1, 2), pack2(3, 4) }
print(#t, table.unpack(t, 2, 5))
print(select(-1, table.unpack({ 1, 2, 3 })))
