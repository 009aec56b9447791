-- Manual 6.3: require and package.

print("-- what the library holds")
for _, k in ipairs { "config", "cpath", "loaded", "loadlib", "path", "preload", "searchers", "searchpath" } do
  print(k, type(package[k]))
end
print(#package.searchers, package.loaded._G == _G, package.loaded.string == string, package.loaded.package == package)
for _, k in ipairs { "coroutine", "debug", "io", "math", "os", "string", "table", "utf8" } do
  assert(package.loaded[k] == _G[k] and require(k) == _G[k])
end
print(package.config:sub(1, 1) == "/" or package.config:sub(1, 1) == "\\", package.config:match("^.\n;\n%?\n!\n%-") ~= nil)

print("-- a temporary folder of modules")
local base = os.tmpname()
os.remove(base)
local made = {}
local function module(name, text)
  local file = base .. "_" .. name .. ".lua"
  local h = assert(io.open(file, "w"))
  h:write(text)
  h:close()
  made[#made + 1] = file
  return file
end
local function short(m) return (tostring(m):gsub(base:gsub("%p", "%%%0"), "BASE")) end
package.path = base .. "_?.lua;" .. base .. "_?_init.lua"
package.cpath = base .. "_?.so"

print("-- require runs once, passes name and file, keeps the result")
module("m1", "local name, file = ... loads = (loads or 0) + 1 return { name = name, file = file, n = loads }")
local m, extra = require "m1"
print(m.name, short(m.file), m.n, short(extra), require "m1" == m, select("#", require "m1"), loads)
package.loaded.m1 = nil
print(require "m1" ~= m, loads)
module("m2", "x_m2 = 1") print(require "m2", package.loaded.m2, x_m2)
module("m3", "return false") print(require "m3", package.loaded.m3)
module("m4", "package.loaded[...] = 'set by itself'") print(require "m4", package.loaded.m4)
module("m5", "package.loaded[...] = 'overridden' return 'returned'") print((require "m5"))
module("m6", "return nil") print((require "m6"))
module("deep.sub", "return 'not found by dots'")
os.rename(made[#made], (made[#made]:gsub("deep%.sub", "deep")))
made[#made] = made[#made]:gsub("deep%.sub", "deep")
module("pkg_init", "return 'through the second template: ' .. ...") print((require "pkg"))

print("-- errors")
module("bad_syntax", "x x") local ok, e = pcall(require, "bad_syntax") print(ok, short(e))
module("bad_run", "error('while loading')") ok, e = pcall(require, "bad_run") print(ok, short(e)) print(package.loaded.bad_run)
module("bad_value", "error({ code = 3 })") ok, e = pcall(require, "bad_value") print(ok, e.code)
ok, e = pcall(require, "no_such_module") print(ok, short(e))
print(pcall(require)) print(pcall(require, {}))
module("cycle_a", "return { b = require 'cycle_b' }")
module("cycle_b", "return { a = package.loaded.cycle_a }")
print(require("cycle_a").b.a)

print("-- preload")
package.preload.virtual = function(...) print("loading", ...) return { from = "preload" } end
print(require("virtual").from, select(2, require "virtual")) print(require("virtual").from)
package.preload["a.b.c"] = function() return "dotted" end print((require "a.b.c"))
package.preload.novalue = function() end print((require "novalue"))
package.preload.notfunction = nil

print("-- searchers")
local original = package.searchers
table.insert(package.searchers, 2, function(name)
  if name:find("^gen:") then return function(n, x) return n .. "|" .. tostring(x) end, "extra data" end
  return "\n\tnot a gen: module"
end)
print(require "gen:thing") 
ok, e = pcall(require, "unknown") print(short(e))
table.remove(package.searchers, 2)
package.searchers = { function() return nil end, function() end, function() return function() return "custom" end end }
print((require "whatever"))
package.searchers = { function(n) return "\n\tonly this" end } print((select(2, pcall(require, "zzz"))))
package.searchers = {} print((select(2, pcall(require, "zzz"))))
package.searchers = nil print((select(2, pcall(require, "zzz"))))
package.searchers = original
package.path = nil print((select(2, pcall(require, "zzz")))) package.path = base .. "_?.lua"

print("-- searchpath")
print(short(package.searchpath("m1", package.path)), short((select(2, package.searchpath("zz", package.path)))))
print((select(2, package.searchpath("a.b", "?.x;?.y", ".", "/"))))
print((select(2, package.searchpath("a.b", "?.x", ".", "_"))))
print((select(2, package.searchpath("a-b", "?.x", "-", "+"))))
print((select(2, package.searchpath("a.b", "?.x", ""))))
print((select(2, package.searchpath("x", ""))))
print((select(2, package.searchpath("x", ";;"))))
print((select(2, package.searchpath("x", "fixed/path"))))
print(pcall(package.searchpath, "x"))
print((select(2, package.searchpath("m", "a/?/b/?.lua;?"))))

print("-- loadlib and C searchers fail cleanly")
local f, msg, where = package.loadlib(base .. ".so", "luaopen_x")
print(f, type(msg), where == "open" or where == "absent")
print(pcall(package.loadlib))

print("-- loaded is the table that require uses")
package.loaded.injected = { ok = true } print(require("injected").ok)
package.loaded.falsy = false package.preload.falsy = function() return "loaded again" end print((require "falsy"))
local fresh = load("return require('m1') == package.loaded.m1") print(fresh())

for _, file in ipairs(made) do os.remove(file) end
