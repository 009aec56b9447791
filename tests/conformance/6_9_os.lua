-- Manual 6.9: operating system facilities. Times are fixed, in UTC where shown.

local function bad(f, ...) local ok, e = pcall(f, ...) print(ok, e) end

print("-- clock, time, difftime")
local c = os.clock()
print(math.type(c), c >= 0, math.type(os.time()), os.time() > 1600000000, math.type(os.difftime(2, 1)), os.difftime(5,
  3), os.difftime(3, 5))
bad(os.difftime)
bad(os.difftime, 1)
bad(os.difftime, "x", 1)
for _ = 1, 100000 do end
print(os.clock() >= c)

print("-- date in UTC")
local t = 86400 * 365 + 12 * 3600 + 34 * 60 + 56
print(os.date("!%Y-%m-%d %H:%M:%S", t), os.date("!%d/%m/%y", 0), os.date("!%j %U %w %a %A %b %B %p %I", t),
  os.date("!%%"), os.date("!", 0), os.date("!plain", 0))
print(os.date("!%c", 0))
print(os.date("!%x %X %D %F %T %R %e %n%t|", 0))
print(os.date("!%G %g %V %u %C %h %r", 1e9 // 1 | 0))
print(os.date("!%Ec %EC %Ex %EX %Ey %EY %Od %Oe %OH %OI %Om %OM %OS %Ou %OU %OV %Ow %OW %Oy", 1000000000))
print(os.date("!%H", 3599), os.date("!%H", 3600.0), os.date("!%S", "59"))
print(os.date("!%Y-%m-%d", -86400), os.date("!%Y", 4102444800), os.date("!%Y-%m-%d", 253402300799))
print(#os.date("!%c%c%c%c%c%c%c%c%c%c", 0))
local d = os.date("!*t", t)
local keys = {}
for k, v in pairs(d) do keys[#keys + 1] = k .. "=" .. tostring(v) end
table.sort(keys)
print(table.concat(keys, " "))
d = os.date("*t")
print(type(d.isdst), math.type(d.year), d.month >= 1 and d.month <= 12)
print(type(os.date()), #os.date("%c") > 10)
for _, f in ipairs { "%Ez", "%", "%Q", "%E", "%O", "%Oz", "%5", "%i", "x%y%", "%_d", "%-d" } do bad(os.date, f, 0) end
bad(os.date, {})
bad(os.date, "%d", "x")
bad(os.date, "%d", 1.5)
bad(os.date, "!%Y", 2^60)
bad(os.date, "!*t", math.maxinteger)

print("-- time from a table, normalised")
local base = os.time { year = 2024, month = 1, day = 15, hour = 12 }
print(os.time { year = 2024, month = 1, day = 15 } == base, os.time { year = 2024, month = 1, day = 15,
  hour = 13 } - base, os.time { year = 2024, month = 1, day = 16, hour = 12 } - base, os.time { year = 2024, month = 1,
  day = 15, hour = 12, min = 1, sec = 1 } - base, os.time { year = "2024", month = "1", day = 15.0 } == base)
local n = { year = 2024, month = 14, day = -3, hour = 25, min = 61, sec = 61 }
os.time(n)
print(n.year, n.month, n.day, n.hour, n.min, n.sec, n.yday, n.wday, type(n.isdst))
n = { year = 2023, month = 2, day = 29, hour = 12 }
os.time(n)
print(n.month, n.day)
n = { year = 2024, month = 2, day = 29, hour = 12 }
os.time(n)
print(n.month, n.day, n.yday)
n = { year = 2024, month = 1, day = 366, hour = 12 }
os.time(n)
print(n.year, n.month, n.day)
n = { year = 2024, month = 13, day = 1, hour = 12 }
os.time(n)
print(n.year, n.month)
local now = os.time()
print(os.time(os.date("*t", now)) == now)
for _, q in ipairs { 0, 1e9, 1700000000 } do q = q // 1 | 0 local dd = os.date("*t", q) assert(os.time(dd) == q) end
bad(os.time, {})
bad(os.time, { year = 2024 })
bad(os.time, { year = 2024, month = 1 })
bad(os.time, { year = 2024, month = 1, day = "x" })
bad(os.time, { year = 2024, month = 1.5, day = 1 })
bad(os.time, { year = 1 << 60, month = 1, day = 1 })
bad(os.time, { year = 2024, month = 1 << 40, day = 1 })
bad(os.time, { year = 2024, month = 1, day = 1, hour = {} })
bad(os.time, 5)
bad(os.time, { year = math.mininteger, month = 1, day = 1 })

print("-- getenv, tmpname, remove, rename")
print(os.getenv("A_VARIABLE_THAT_IS_NOT_SET"), type(os.getenv("PATH")))
bad(os.getenv)
local name = os.tmpname()
print(type(name), os.remove(name) or true)
print(select("#", os.remove(name)), type(select(2, os.remove(name))), math.type(select(3, os.remove(name))))
bad(os.remove)
bad(os.rename, "x")
print((select(2, os.remove("/nonexistent/file"))))
print((select(2, os.rename("/nonexistent/a", "/nonexistent/b"))))

print("-- setlocale")
print(os.setlocale("C"), os.setlocale(nil), os.setlocale("C", "numeric"), os.setlocale(nil, "all"), os.setlocale("no_such_locale"))
bad(os.setlocale, "C", "bad category")
bad(os.setlocale, {})

print("-- execute")
print(type(os.execute()))
if os.execute() then print(os.execute("true")) print(os.execute("exit 3")) print(os.execute("kill -9 $$")) end

print("-- functions")
for _, f in ipairs { "clock", "date", "difftime", "execute", "exit", "getenv", "remove", "rename", "setlocale", "time", "tmpname" } do
  assert(type(os[f]) == "function", f)
end

print("-- exit closes the state when asked to")
io.stdout:write("the last line\n")
local guard = setmetatable({}, { __gc = function() print("finalized at exit") end })
os.exit(true, true)
