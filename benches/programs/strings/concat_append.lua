-- Builds strings by repeated `s = s .. piece`, with a byte read now and then.
-- Stresses: the concatenation operator on a growing left operand, multi-operand concatenation.

local ROUNDS, PIECES = 1900, 1200

local mix = 0
for round = 1, ROUNDS do
  local s = ""
  for i = 1, PIECES do
    s = s .. "item" .. (i % 10) .. ","
    if i % 300 == 0 then mix = (mix * 31 + s:byte(i)) % 1000003 end
  end
  mix = (mix * 31 + #s + s:byte(round * 2)) % 1000003
end

local line = ""
for i = 1, 40000 do line = line .. string.char(97 + i % 26) end
mix = (mix * 31 + #line + line:byte(777)) % 1000003

local got = string.format("%d", mix)
assert(got == "981934", "concat_append: checksum is " .. got)
print("concat_append " .. got)
