-- Takeuchi's and Ackermann's functions.
-- Stresses: deep recursion with several arguments, nested calls as arguments, tail calls.

local function tak(x, y, z)
  if y >= x then return z end
  return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
end

local function ackermann(m, n)
  if m == 0 then return n + 1 end
  if n == 0 then return ackermann(m - 1, 1) end
  return ackermann(m - 1, ackermann(m, n - 1))
end

local sum, depth = 0, 0
for _ = 1, 14 do
  for z = 4, 8, 2 do sum = sum + tak(18, 12, z) end
  for n = 1, 8 do depth = depth + ackermann(2, n * 12) + ackermann(3, n - 1) end
end

local got = string.format("%d %d", sum, depth)
assert(got == "294 40656", "tak: checksum is " .. got)
print("tak " .. got)
