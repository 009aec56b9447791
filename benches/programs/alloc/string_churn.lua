-- Makes strings that are used once: numbers to text, pieces of text, joined keys.
-- Stresses: string allocation and collection, number-to-string conversion.

local ROUNDS = 1300000

local text = ("the quick brown fox jumps over the lazy dog "):rep(20)
local length = #text

local mix = 0
for i = 1, ROUNDS do
  local a = "id-" .. i
  local at = i * 37 % (length - 60) + 1
  local b = text:sub(at, at + i % 50)
  local c = a .. ":" .. b
  mix = (mix * 3 + #a + #b + c:byte(#c)) % 1000003
end

local got = string.format("%d", mix)
assert(got == "182501", "string_churn: checksum is " .. got)
print("string_churn " .. got)
