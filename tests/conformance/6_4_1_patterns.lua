-- Manual 6.4.1: patterns: find, match, gmatch, gsub.

local function show(...)
  local t = table.pack(...)
  for i = 1, t.n do t[i] = type(t[i]) == "string" and '"' .. t[i]:gsub("%c", function(c) return ("\\%d"):format(c:byte()) end) .. '"' or tostring(t[i]) end
  print(table.concat(t, " "))
end
local function M(s, p, i) show(s:match(p, i)) end

print("-- single characters and classes")
M("hello", "l") M("hello", ".") M("hello", "x") M("", "") M("abc", "b.") M("a.b", "%.") M("a%b", "%%") M("a b", "%s") M("a\nb", "%c") M("ab1_", "%w+") M("ab1_", "%d") M("x.y", "%p") M("xYz", "%u") M("XyZ", "%l") M("0xFf", "%x+", 3) M("\0a", "%z?") M("a\0b", "a%zb") M("tab\t", "%g+") M("1a", "%a")
M("ab1 _", "%W") M("12a", "%D") M("a b", "%S+$") M("ABc", "%U") M("abC", "%L") M("a1", "%A") M("a\1", "%C+") M("a.", "%P") M("fg", "%X") M(" a", "%G")
for _, class in ipairs { "a", "c", "d", "g", "l", "p", "s", "u", "w", "x" } do
  local n, N = 0, 0
  for i = 0, 255 do if string.char(i):find("%" .. class) then n = n + 1 end if string.char(i):find("%" .. class:upper()) then N = N + 1 end end
  io.write(class, ":", n, "+", N, " ")
end print()

print("-- sets")
M("hello", "[el]+") M("hello", "[^el]+") M("a-z", "[a%-z]+") M("a-z", "[a-]+") M("x]y", "[]]") M("x]y", "[^]]+") M("a^b", "[b^]+") M("abc123", "[%a]+") M("abc123", "[%d%a]+") M("abc_1", "[%w_]+") M("0-9", "[0-9]+") M("f.o", "[.]") M("a]b", "[a%]]+") M("x-y", "[%w-]+") M("%", "[%%]") M("a\0b", "[%z]") M("a\0b", "[\0]b") M("az", "[z-a]") M("a-", "[+--]") M("\200", "[\128-\255]") M("^", "[%^]") M("[", "[[]") M("ab", "[^%s]+") M("é", "[\xc3][\xa9]")

print("-- repetition: greedy, lazy, optional")
M("aaa", "a*") M("aaa", "a+") M("aaa", "a-") M("aaab", "a-b") M("aaa", "a?") M("baaa", "a*") M("<a><b>", "<.*>") M("<a><b>", "<.->") M("abc", "a?b?c?d?") M("xxx", "x*x") M("xxx", "x-x$") M("0123", "%d?%d?") M("a", "a?a?a") M("", "a*") M("ab", "a+b+c*") M("[[x]]", "%[+x%]+") M(("a"):rep(100), "^a-$") M("aXb", "%u*") M("*+", "*") M("a*", "a%*") M("-", "^-")

print("-- anchors")
M("hello", "^h") M("hello", "^e") M("hello", "o$") M("hello", "l$") M("a$b", "a$b") M("a^b", "a^b") M("$", "$") M("x$", "%$$") M("^x", "^^x") M("", "^$") M("abc", "^b", 2) M("abc", "^") M("abc", "$") M("abc", "^abc$") M("a\n", "a$")

print("-- captures")
M("key = value", "(%w+)%s*=%s*(%w+)") M("2024-01-15", "(%d+)-(%d+)-(%d+)") M("abc", "((a)(b))c") M("abc", "()b()") M("abc", "()") M("x", "(.)()") M("abcabc", "(abc)%1") M("abcabd", "(abc)%1") M('say "hi"', "(['\"])(.-)%1") M("aa bb", "(%a)%1 (%a)%2") M("hello", "(h)(e)(l)(l)(o)") M("ab", "(a*(.)%w(%s*))") M("", "()") M("abc", "(b)(x?)") M("((", "(%(+)") M("aXb", "(%u)") M("date", "(d)(a)(t)(e)()") M("xyxy", "(x)(y)%1%2")

print("-- %b and %f")
M("f(a(b)c)d", "%b()") M("((x)", "%b()") M("{a{b}c}", "%b{}") M("no", "%b()") M("x<<y>>z", "%b<>") M("''", "%b''") M("'a'b'", "%b''") M("(()())()", "%b()") M("THE (quick) fox", "%f[%a]%a+%f[%A]") M("THE (quick) fox", "%f[%l]%l+") M("abc", "%f[%w]") M("abc", "%f[%W]") M(" x", "%f[x]x") M("x", "%f[%z]") M("[[]]", "%f[[].") M("", "%f[%z]") M("a1b2", "%f[%d]%d")

print("-- find with captures, init, plain")
show(("hello"):find("l+")) show(("hello"):find("(l)(l)")) show(("hello"):find("()l")) show(("hello"):find("l", -2)) show(("hello"):find("h", 2)) show(("hello"):find("", 10)) show(("hello"):find("^l", 3)) show(("a.b.c"):find(".", 2, true)) show(("abc"):find("b", -100)) show(("abc"):find("[bc]+", 1)) show(("abc"):find("b", nil)) show(("a+b"):find("a+b")) show(("a+b"):find("a+b", 1, true)) show(("x"):find("x", 1, false)) show(("ab"):find("$")) show(("ab"):find("^", 3)) show(("ab"):find("b", 2.0)) show(("ab"):match("a", 3)) show(("ab"):match("", 3)) show(("ab"):match("", 4))

print("-- gmatch")
for w in ("one two  three"):gmatch("%a+") do io.write("[", w, "]") end print()
for k, v in ("a=1, b=2, c=3"):gmatch("(%w+)=(%w+)") do io.write(k, v, " ") end print()
for p in ("abc"):gmatch("()") do io.write(p, " ") end print() for s in ("abc"):gmatch("") do io.write("[", s, "]") end print() for s in ("abc"):gmatch("b*") do io.write("[", s, "]") end print() for s in ("aXbX"):gmatch("^a") do io.write("[", s, "]") end print() for s in ("hello"):gmatch("l", 4) do io.write(s, " ") end for s in ("abcd"):gmatch("%a", -2) do io.write(s, " ") end print()
for s in ("k1=v1;k2=v2"):gmatch("[^;]+") do io.write(s, "|") end for a, b in ("xyz"):gmatch("(.)()") do io.write(a, b, " ") end print() local it = ("ab"):gmatch(".") print(it(), it(), it(), it()) for s in (""):gmatch(".*") do io.write("<", s, ">") end for s in ("a,b,,c"):gmatch("([^,]*)") do io.write("<", s, ">") end print() for a in ("nested"):gmatch("%a") do for b in ("xy"):gmatch("%a") do io.write(a, b, " ") end end print() print(pcall(string.gmatch, "x")) print(pcall(("x"):gmatch("("))) 

print("-- gsub: strings")
show(("hello"):gsub("l", "L")) show(("hello"):gsub("l", "L", 1)) show(("hello"):gsub("l", "L", 0)) show(("hello"):gsub("l", "L", -1)) show(("hello"):gsub("x", "y")) show(("hello"):gsub("", "-")) show(("abc"):gsub("%w", "%0%0")) show(("abc def"):gsub("(%w+) (%w+)", "%2 %1")) show(("abc"):gsub("b", "%%")) show(("abc"):gsub("(b)", "<%1%0>")) show(("abc"):gsub(".", { a = "1", b = false })) show(("hello world"):gsub("o", "0", 1)) show(("a.b"):gsub("%.", "%%")) show((""):gsub("", "x")) show(("abc"):gsub("^a", "x")) show(("aaa"):gsub("^a", "x")) show(("abc"):gsub("$", "!")) show(("abc"):gsub("c$", "")) show(("x y"):gsub("%s*", "_")) show(("abc"):gsub("b*", "-")) show(("a\0b"):gsub("%z", "0")) show(("abc"):gsub("()", "%1")) show(("  trim  "):gsub("^%s*(.-)%s*$", "%1")) show(("x = 1"):gsub("=", "=="))
print("-- gsub: functions and tables")
show(("hello"):gsub("l", function() end)) show(("hello"):gsub("l", function(c) return c:upper() end)) show(("abc"):gsub("%w", function(c) return c == "b" and "[b]" or nil end)) show(("abc"):gsub("%w", function(c) return false end)) show(("3 4"):gsub("%d", function(d) return d * 2 end)) show(("a=1 b=2"):gsub("(%w)=(%w)", function(k, v) return v .. "=" .. k end)) show(("$name is $age"):gsub("%$(%w+)", { name = "Lua", age = 30 })) show(("abc"):gsub("(a)(b)(c)", function(...) return select("#", ...) end)) show(("abc"):gsub("()", function(p) return p % 2 == 0 and "|" or nil end)) show(("abc"):gsub("%w", setmetatable({}, { __index = function(_, k) return k .. k end }))) show(("x"):gsub("x", 5)) show(("x"):gsub("x", 1.5)) local n = 0 show(("aaaa"):gsub("a", function() n = n + 1 return n end, 3)) show(("f(g(x))"):gsub("%b()", function(s) return "{" .. s:sub(2, -2):gsub("%b()", "[]") .. "}" end))

print("-- errors")
for _, p in ipairs { "[a", "[", "[^", "[]", "[^]", "[a-", "[%", "%", "(", ")", "(()", "%1", "(%1", "%b", "%bx", "%f", "%fa", "a)", "(a", "[%a-z", "%2()", "()%2" } do local ok, e = pcall(string.find, "aaa]", p) print(p, ok, ok and "" or e) end
for _, r in ipairs { "%2", "%", "%x", "%9" } do print(r, pcall(string.gsub, "abc", "(b)", r)) end
print(pcall(string.gsub, "abc", "b")) print(pcall(string.gsub, "abc", "b", true)) print(pcall(string.gsub, "abc", "b", function() return {} end)) print(pcall(string.gsub, "abc", "b", { b = print })) print(pcall(string.gsub, "x", "x", "%1")) print(pcall(string.match, "x", ("(x)"):rep(33))) print(pcall(string.match)) print(pcall(string.gsub, "abc", "b", function() error("from the callback", 0) end)) print(pcall(string.rep("x", 300000).match, ("x"):rep(300000), ("x?"):rep(300000)) == false) print(select("#", (("x"):rep(32)):match(("(x)"):rep(32))))
print(pcall(string.find, "a", ("a?"):rep(1000) .. "b"))

print("-- long subjects")
local s = ("a"):rep(100000) .. "b" print(#s:match("a*"), #s:match(".-b"), s:find("b"), s:match("^(a*)b$") == ("a"):rep(100000), select(2, s:gsub("a", "")), #s:gsub("a", "bb")) print((("x"):rep(2000) .. "y"):find("x*y"), #(("ab"):rep(5000)):gsub("b", ""), (("(" ):rep(1000) .. (")"):rep(1000)):match("%b()") ~= nil)

print("-- programs people write")
local function split(str, sep) local out = {} for piece in (str .. sep):gmatch("(.-)" .. sep:gsub("%p", "%%%0")) do out[#out + 1] = piece end return out end print(table.concat(split("a,b,,c", ","), "|"), #split("", ","), table.concat(split("1..2..3", ".."), "|"))
local function url(x) return (x:gsub("[^%w%-_.~]", function(c) return ("%%%02X"):format(c:byte()) end)) end local function unurl(x) return (x:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end print(url("a b&c=d/é"), unurl(url("a b&c=d/é")))
local function expand(x, env) return (x:gsub("%${(%w+)}", env)) end print(expand("${a}-${b}-${c}", { a = 1, b = "two" })) print(("CamelCaseString"):gsub("(%l)(%u)", "%1_%2")) print(("  many   spaces  "):gsub("%s+", " ")) print(("%d+"):gsub("%p", "%%%1")) print(("1234567.89"):reverse():gsub("(%d%d%d)", "%1,", 2):reverse())
local words = {} for w in ("the cat the dog the end"):gmatch("%a+") do words[w] = (words[w] or 0) + 1 end print(words.the, words.cat) print(("line1\nline2\r\nline3"):gsub("\r?\n", "|")) print(("[[tag]]"):match("%[%[(.-)%]%]"), ("2024-13-45"):match("^(%d%d%d%d)-(%d%d)-(%d%d)$")) print(("a1b22c333"):gsub("%d+", function(d) return "<" .. #d .. ">" end))
