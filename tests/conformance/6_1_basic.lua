-- Manual 6.1: basic functions.

print("-- print")
print() print(nil) print(nil, false, "x", 1, 1.5) print("a\0b" == "a\0b")
print(setmetatable({}, { __tostring = function() return "via __tostring" end }))
print(setmetatable({}, { __name = "N" }) ~= nil)
print(pcall(print, setmetatable({}, { __tostring = function() return {} end })))
print(pcall(print, setmetatable({}, { __tostring = function() error("in tostring", 0) end })))

print("-- type, tostring, tonumber")
print(type(nil), type(1), type("x"), type({}), type(print), type(coroutine.create(print)), type(io.stdout))
print(pcall(type))
for _, v in ipairs { "10", "1e1", "0x10", " 5 ", "5.", ".5", "0x.8", "1e", "", " ", "0x", "1 1", "1,5", "inf", "nan",
  "0b1", "1e500", "-0", "-0.0", "- 1", "+1", "0x-1", "-0x1", "1\n", "9223372036854775807", "9223372036854775808",
  "-9223372036854775808", "-9223372036854775809", "0xffffffffffffffffff", "1_000", "1e+5", "1E-2", "0x1p-2",
  "0X1P+3" } do
  io.write(tostring(tonumber(v)), " ")
end
print()
print(tonumber(5), tonumber(5.5), tonumber(nil), tonumber({}), tonumber(true), tonumber(print))
print(pcall(tonumber))
for _, c in ipairs { { "10", 2 }, { "777", 8 }, { "ff", 16 }, { "FF", 16 }, { "zZ", 36 }, { " 11 ", 2 }, { "-101", 2 },
  { "12", 2 }, { "", 10 }, { "1e1", 10 }, { "1.0", 10 }, { "8", 8 }, { "7fffffffffffffff", 16 }, { "ffffffffffffffff",
  16 }, { "1ffffffffffffffff", 16 }, { "- 1", 10 }, { "+5", 10 }, { "0x10", 16 } } do
  io.write(tostring(tonumber(c[1], c[2])), " ")
end
print()
print(pcall(tonumber, "1", 1)) print(pcall(tonumber, "1", 37)) print(pcall(tonumber, 1, 10)) print(pcall(tonumber, "1", "x"))

print("-- rawequal, rawget, rawset, rawlen")
local mt = { __index = function()
  return "mm"
end, __newindex = function()
  error "no"
end, __eq = function()
  return true
end, __len = function()
  return 99
end }
local a, b = setmetatable({ 1, 2 }, mt), setmetatable({}, mt)
print(a == b, rawequal(a, b), rawequal(a, a), rawequal(1, 1.0), rawequal("a", "a"), rawequal(nil, nil))
print(a.x, rawget(a, "x"), rawget(a, 1), rawset(a, "x", 5) == a, a.x, #a, rawlen(a), rawlen("abc"))
print(pcall(rawget, 1, 1)) print(pcall(rawset, {}, 1)) print(pcall(rawlen, 5)) print(pcall(rawequal, 1)) print(pcall(rawset, {}, nil, 1))

print("-- next, pairs, ipairs")
print(next({}), next({ 1 }), next({ x = 1 })) print(pcall(next, {}, 1)) print(pcall(next)) print(pcall(next, 1))
local keys = {}
for k in pairs { 10, 20, 30, x = 1, y = 2, [2.5] = 3 } do keys[#keys + 1] = tostring(k) end
table.sort(keys) print(table.concat(keys, " "))
local f, s, c = pairs { 1 } print(f == next, type(s), c)
f, s, c = ipairs { 1 } print(type(f), type(s), c, f(s, 0), f(s, 1))
print(pcall(pairs))
print(select("#", pairs(nil)), (pairs(nil)) == next)
print(pcall(function() for _ in pairs(nil) do end end))
print(pcall(ipairs))
print(select("#", ipairs(nil)))
print(pcall(function() for _ in ipairs(nil) do end end))
for i, ch in ipairs(setmetatable({}, { __index = function(_, i)
  return i <= 3 and i * 10 or nil
end })) do
  io.write(i, ":", ch, " ")
end
print()

print("-- select")
print(select("#"), select("#", nil, nil), select(1, "a", "b"), select(2, "a", "b"), select(-1, "a", "b"), (select(3, "a")))
print(pcall(select, 0, 1), pcall(select, -5, 1), pcall(select, "#"), pcall(select, 1.5))

print("-- load: strings")
print(load("return 1 + 1")(), load("x = ", "=name"), load("syntax error here"))
print(load("return ...", "chunk")(1, 2))
print(select(2, load("error", "=(named)")))
print(select(2, load("x x", "@file.lua")))
print(select(2, load("x x", "a string chunk\nwith lines")))
print(select(2, load("x x", ("long "):rep(30))))
print(select(2, load("x x", "@" .. ("dir/"):rep(30) .. "f.lua")))
print(select(2, load("x x", "=" .. ("n"):rep(100))))
print(select(2, load("x x\n\n"))) print(select(2, load("\nx x"))) print(select(2, load("x x", "")))
print(select(2, load("x x", "=")), select(2, load("x x", "@")))
print(pcall(load, 5)) print(pcall(load)) print((pcall(load, "return 1", 5))) print(load(5 .. "", "=n"))
print(pcall(load("error('msg')", "=chunk")))
print(pcall(load("error('msg')", "@chunk.lua")))
print(pcall(load("\n\nerror('msg')", "source text")))

print("-- load: functions")
local function reader(parts) local i = 0 return function() i = i + 1 return parts[i] end end
print(load(reader { "return ", "1", "+2" })(), load(reader { "ret", "urn 'spl", "it'" })(), load(reader { "return 5",
  "", "this is not read" })())
print(type(load(reader {})))
print(load(reader { "x x" }, "=r"))
print(pcall(load, function() return {} end))
print(pcall(load, function() error("in reader", 0) end))
local n = 0
local loaded = load(function()
  n = n + 1
  if n == 500 then return "if x then return 500 end " end
  if n == 1000 then return "return 'all of it'" end
  if n < 1000 then return "do local x" .. n .. " = 1 end " end
end)
print(loaded(), n)

print("-- load: modes and environments")
print(load("return 1", "=c", "t")(), load("return 1", "=c", "bt")()) print(load("return 1", "=c", "b"))
print(load("\27not really bytecode", "=c", "t"))
print(load("return x", "=c", "t", { x = "env" })(), load("x = 5 return x", "=c", "t", {})(), x)
local env = setmetatable({}, { __index = _G })
load("y = tostring(1)", "=c", "t", env)() print(env.y, y)

print("-- dofile and loadfile")
local name = os.tmpname()
local function write(text) local h = assert(io.open(name, "w")) h:write(text) h:close() end
write("return 'from file', ...") print(dofile(name)) print(loadfile(name)("arg")) print(loadfile(name, "t", {})("x"))
write("v = v and v + 1 or 1 return v") print(loadfile(name, "t", { v = 41 })(), v)
write("x x") print(loadfile(name) == nil, (select(2, loadfile(name)):gsub("^.*:(%d+:)", "%1"))) print(pcall(dofile, name) == false)
write("error('in file')") print((select(2, pcall(dofile, name)):gsub("^.*:(%d+:)", "%1")))
write("#!shebang\nreturn 'second line'") print(dofile(name))
write("") print(dofile(name), loadfile(name) ~= nil)
os.remove(name)
print((select(2, loadfile("/nonexistent/file.lua")):gsub("'", ""))) print(pcall(dofile, "/nonexistent/file.lua"))
print(loadfile("/nonexistent/file.lua") == nil)

print("-- getmetatable, setmetatable")
print(getmetatable({}), getmetatable(1), getmetatable("").__name, getmetatable("").__index == string)
print(pcall(setmetatable, {})) print(pcall(setmetatable, 1, {})) print(pcall(setmetatable, {}, 5)) print(pcall(getmetatable))
print(getmetatable(setmetatable({}, { __metatable = 5 })), pcall(setmetatable, setmetatable({}, { __metatable = 1 }), {}))

print("-- error, assert, pcall, xpcall: see 2.3 for more")
print(pcall(error), pcall(error, nil), pcall(error, "m", 0), pcall(error, "m"), pcall(error, {}) == false)
print(pcall(assert, nil, { 1 }) == false, assert("v", "m"), pcall(assert, false, nil), select("#", pcall(assert, false, nil)))
print(pcall(string.rep, "x", 3), xpcall(string.rep, print, "y", 2), pcall(pcall), xpcall(print, print, "printed by xpcall"))

print("-- _G, _VERSION")
print(_G._G == _G, _VERSION, _G.print == print, type(_ENV))
local globals = {}
for k in pairs(_G) do globals[#globals + 1] = k end
local standard = { "_G", "_VERSION", "assert", "collectgarbage", "coroutine", "debug", "dofile", "error",
  "getmetatable", "io", "ipairs", "load", "loadfile", "math", "next", "os", "package", "pairs", "pcall", "print",
  "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string", "table", "tonumber",
  "tostring", "type", "utf8", "warn", "xpcall" }
local missing, known = {}, { arg = true }
for _, k in ipairs(standard) do known[k] = true if _G[k] == nil then missing[#missing + 1] = k end end
print("missing: " .. table.concat(missing, " "))
local extra = {}
for _, k in ipairs(globals) do
  if not known[k] and (k == "unpack" or k == "loadstring" or k == "setfenv" or k == "module" or k == "bit32") then
    extra[#extra + 1] = k
  end
end
print("from older versions: " .. table.concat(extra, " "))
