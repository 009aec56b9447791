-- Operators on both subtypes, constants folded and not, and coercions.
local i, f, s = 7, 2.5, "10"
local sum, difference, product = i + f, i - 3, f * 2
local quotient, floor, modulo, power = i / 2, i // 2, -i % 3, f ^ 2
local bits = (i & 3) | (i ~ 12) << 2 >> 1
local unary, complement, length = -f, ~i, #s
local text = s + 1 .. " " .. s * "2"
print(sum, difference, product, quotient, floor, modulo, power)
print(bits, unary, complement, length, text)
print(2 ^ 53 | 0, 1 // 0.0, -1 // 0.0, 7 // -2, 7 % -2, -7.5 % 2)
print(math.maxinteger + 1 == math.mininteger, 1 << 63, 1 << 64, -1 >> 60)
for _, v in ipairs { 1, 1.5, "3", -4 } do
  print(v + 1, v * v, v - i, 2 ^ v, v // 1)
end
