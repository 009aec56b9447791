-- Manual 2.2: environments and the global environment.

print("-- a free name is a field of _ENV")
x = 10
print(_ENV.x, _G.x, _ENV == _G, _G._G == _G)
_ENV.y = 20
print(y, undefined_name)
_G["odd name"] = 1
print(_ENV["odd name"])
x, y, _G["odd name"] = nil

print("-- _ENV as a local")
do
  local print = print
  local _ENV = { z = 5 }
  z = z + 1
  w = "made"
  print(z, w, _ENV.z, _ENV.w, print == nil, tostring == nil)
end
print(z, w)

print("-- _ENV as a parameter")
local function with(_ENV) return a + b end
print(with { a = 1, b = 2 }, with { a = 10, b = 20 })
local function module(_ENV)
  function f() return "f of " .. name end
  local function hidden() return "hidden" end
  g = hidden
  return _ENV
end
local m = module { name = "m" }
print(m.f(), m.g(), f, g)

print("-- _ENV as an upvalue, shared by closures")
local function pair()
  local _ENV <const> = { n = 0 }
  return function() n = n + 1 end, function() return n end
end
local inc, get = pair()
inc(); inc()
print(get(), n)

print("-- assigning _ENV itself")
do
  local print, env = print, _ENV
  local function inner() return v end
  local saved = _ENV
  _ENV = { v = "replaced" }
  print(v, inner())
  _ENV = saved
end
print(v)

print("-- _ENV need not be a table")
print(pcall(function() local _ENV = nil; return u end))
print(pcall(function() local _ENV = 5; u = 1 end))
print(pcall(function(_ENV) return u.v end, {}))
do
  local log, rawset, print = {}, rawset, print
  local _ENV = setmetatable({}, {
    __index = function(_, k) log[#log + 1] = "get " .. k return k end,
    __newindex = function(t, k, v) log[#log + 1] = "set " .. k rawset(t, k, v) end,
  })
  alpha = beta
  alpha = gamma
  local _ = alpha
  for i = 1, #log do print(log[i]) end
  print(alpha)
end

print("-- strings as environment use the string metatable")
do
  local print = print
  local _ENV = "text"
  print(len(_ENV), upper(_ENV))
end

print("-- load and its environment")
local env = { tostring = tostring }
local chunk = assert(load("a = 1; b = tostring(a); return a, b, _ENV", "=c", "t", env))
local a, b, e = chunk()
print(a, b, e == env, env.a, env.b, rawget(_G, "a"))
print(load("return _ENV", "=c", "t", nil)())
chunk = load("local _ENV = ...; return x")
print(chunk { x = "from the argument" })
print(pcall(load("return x.y", "=c", "t", {})))
print(select("#", load("return ...", "=c")(nil, nil)))

print("-- the environment is the first upvalue of a main chunk")
chunk = load("return gvar")
print(debug.getupvalue(chunk, 1) == "_ENV", debug.setupvalue(chunk, 1, { gvar = "set" }), chunk())
print(pcall(load, "return 1", "=c", "x"))
print(load("return 1", "=c", "b"))

print("-- a strict global table")
local strict = setmetatable({}, {
  __index = function(_, k)
    local v = rawget(_G, k)
    if v == nil then error("undeclared variable '" .. k .. "'", 2) end
    return v
  end,
  __newindex = function(_, k) error("assignment to undeclared '" .. k .. "'", 2) end,
})
print(pcall(load("print('ok') return prin", "=strict", "t", strict)))
print(pcall(load("\n\nq = 1", "=strict", "t", strict)))

print("-- globals by name, not by position")
for i = 1, 3 do _G["gen" .. i] = i * i end
print(gen1, gen2, gen3)
local names = {}
for k in pairs(_G) do
  if type(k) == "string" and k:find("^gen%d$") then names[#names + 1] = k end
end
table.sort(names)
print(table.concat(names, " "))
for _, k in ipairs(names) do _G[k] = nil end
print(gen1)
