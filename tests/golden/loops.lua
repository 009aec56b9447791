-- Numeric and generic for, while, repeat, break, goto.
local total = 0
for i = 1, 10 do total = total + i end
for i = 10, 1, -3 do total = total + i end
for x = 0.0, 1.0, 0.25 do total = total + x end
for i = math.maxinteger - 1, math.maxinteger do total = total + (i % 7) end
print(total)
for k, v in pairs { a = 1 } do print(k, v) end
for i, v in ipairs { "x", "y", "z" } do
  if v == "z" then break end
  for j = i, 3 do
    if j == 2 then goto continue end
    print(i, j, v)
    ::continue::
  end
end
local n = 0
::again::
n = n + 1
if n < 4 then goto again end
local function range(n)
  return function(state, i) if i < state then return i + 1 end end, n, 0
end
for i in range(3) do n = n * 2 + i end
print(n)
print(pcall(function() for i = 1, 2, 0 do end end))
