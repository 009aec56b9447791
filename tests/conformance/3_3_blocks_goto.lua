-- Manual 3.3.1 to 3.3.4: blocks, control structures, goto and labels.

local function syntax(text)
  local f, m = load(text, "=s")
  return f and "accepted" or m
end

print("-- empty statements, blocks and separators")
;;; do end; do ; end do do end end
local a = 1; local b = 2
print(a, b);
(print)("a call after a semicolon")
do return_value = (function() do return 5 end end)() end
print(return_value)
return_value = nil

print("-- return")
local function r(n)
  if n == 0 then return end
  if n == 1 then return 1; end
  if n == 2 then return 1, 2 end
  do return "block" end
end
print(select("#", r(0)), r(1), select("#", r(2)), r(3))
print(syntax("return 1; print(2)"))
print(syntax("do return end print(1)"))
print(syntax("return return"))
print(syntax("break"))
print(syntax("do break end"))
print(syntax("while true do local function f() break end end"))
print(syntax("if break then end"))

print("-- if, elseif, else")
local function sign(x)
  if x < 0 then return "negative"
  elseif x == 0 then return "zero"
  elseif x ~= x then return "nan"
  else return "positive" end
end
print(sign(-1), sign(0), sign(-0.0), sign(0 / 0), sign(5))
if nil then elseif false then else print("else") end
if 0 then print("zero is true") end
local chain = { "local x = ... " }
for i = 1, 300 do chain[#chain + 1] = (i == 1 and "if" or "elseif") .. " x == " .. i .. " then return " .. i * 2 .. " " end
chain[#chain + 1] = "else return 'none' end"
local big = load(table.concat(chain))
print(big(1), big(150), big(300), big(301))

print("-- conditions of every shape")
local function cond(x, y)
  local out = {}
  if x and y then out[#out + 1] = "and" end
  if x or y then out[#out + 1] = "or" end
  if not x then out[#out + 1] = "notx" end
  if not (x and y) then out[#out + 1] = "nand" end
  if not x and not y then out[#out + 1] = "nor" end
  if (x and not y) or (y and not x) then out[#out + 1] = "xor" end
  if x == y then out[#out + 1] = "eq" end
  if not (x == y) then out[#out + 1] = "ne" end
  return table.concat(out, ",")
end
print(cond(true, true)) print(cond(true, false)) print(cond(nil, 1)) print(cond(false, nil)) print(cond(nil, nil))
local function compare(x)
  return (x < 10 and "<10" or ">=10") .. (x <= 10 and " <=10" or " >10") .. (x > 10 and " >10" or " <=10")
    .. (x == 10 and " ==" or " ~=") .. (10 < x and " 10<" or " 10>=") .. (2.5 < x and " 2.5<" or " 2.5>=")
end
print(compare(9), compare(10)) print(compare(10.0), compare(10.5)) print(compare(-1), compare(2.5))

print("-- while")
local i, s = 0, 0
while i < 10 do
  i = i + 1
  if i % 2 == 0 then goto continue end
  if i > 7 then break end
  s = s + i
  ::continue::
end
print(i, s)
while false do print("never") end
while nil do print("never") end
local w = 3
while w do w = w > 1 and w - 1 or nil end
print(w)

print("-- repeat: its condition sees the block's locals")
local n = 0
repeat local done = n >= 3; n = n + 1 until done
print(n)
repeat local x <const> = 5 until x == 5
repeat n = n + 1 until true
print(n)
repeat if n > 10 then break end n = n + 1 until false
print(n)
local closures = {}
repeat
  local k = #closures
  closures[k + 1] = function() return k end
  local stop = k == 4
until stop
print(closures[1](), closures[5]())
print(syntax("repeat if x then goto cont end; local y; ::cont:: until y"))
print(syntax("repeat if x then goto cont end; local y; do end ::cont:: ; until x"))

print("-- nested breaks")
local trace = {}
for x = 1, 3 do
  for y = 1, 3 do
    if y == 2 then break end
    while true do repeat break until false; break end
    trace[#trace + 1] = x .. ":" .. y
  end
  if x == 2 then break end
end
print(table.concat(trace, " "))

print("-- goto: forward, backward, out of blocks")
do
  local k = 0
  ::again::
  k = k + 1
  if k < 5 then goto again end
  print(k)
end
for x = 1, 3 do
  for y = 1, 3 do
    if x * y == 4 then print("found", x, y) goto out end
  end
end
::out::
do
  goto inner_end
  print("skipped")
  ::inner_end::
end
do
  local t = {}
  for x = 1, 6 do
    if x % 2 == 0 then goto next_x end
    t[#t + 1] = x
    ::next_x::
  end
  print(table.concat(t, " "))
end

print("-- labels may be reused in sibling and nested functions")
do ::l:: end
do ::l:: end
local function f1() goto l; ::l:: return "f1" end
print(f1())
do
  local function state_machine(input)
    local p, out = 0, ""
    ::start::
    p = p + 1
    local c = input:sub(p, p)
    if c == "" then goto done
    elseif c:find("%d") then goto digit
    else goto other end
    ::digit:: do out = out .. "D" goto start end
    ::other:: do out = out .. "o" goto start end
    ::done::
    return out
  end
  print(state_machine("a1b22"))
end

print("-- a label at the end of a block ends the scope of its locals")
do
  goto e
  local skipped
  ::e::
end
do
  goto e2
  local skipped
  ::e2:: ; ;; ::e3::
end
print(syntax("goto l; local a; ::l:: print(a)"))
print(syntax("goto l"))
print(syntax("do ::l:: end goto l"))
print(syntax("goto l; do ::l:: end"))
print(syntax("::l:: ::l::"))
print(syntax("::l:: do ::l:: end"))
print(syntax("::l:: local function f() ::l:: goto l end"))
print(syntax("local function f() goto outer end ::outer::"))
print(syntax("\n\ngoto missing\n"))
print(syntax("goto = 1"))
print(syntax("goto 1"))
print(syntax("::1::"))
print(syntax("do goto l end; local a; ::l:: a = 1"))
print(syntax("goto continue; local x; ::continue:: ::other::"))

print("-- backward goto gives fresh locals to closures")
do
  local out = {}
  local k = 1
  ::top::
  local fresh = k * 10
  out[k] = function() fresh = fresh + 1 return fresh end
  k = k + 1
  if k <= 3 then goto top end
  print(out[1](), out[1](), out[2](), out[3]())
end
do
  -- Jumping out of a block closes what was captured in it.
  local fns = {}
  for x = 1, 3 do
    local captured = x
    fns[x] = function() captured = captured + 1 return captured end
    if x == 2 then goto stop end
  end
  ::stop::
  print(fns[1](), fns[2](), fns[2](), #fns)
end

print("-- goto into an enclosing loop's continue label, from deep inside")
local seen = {}
for x = 1, 4 do
  do do
    if x == 2 then goto continue end
    while true do
      if x == 3 then goto continue end
      break
    end
  end end
  seen[#seen + 1] = x
  ::continue::
end
print(table.concat(seen, " "))
