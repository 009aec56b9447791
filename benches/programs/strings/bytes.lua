-- Works on single bytes: Adler-32, a Caesar cipher, run-length coding, palindromes.
-- Stresses: string.byte, string.char, string.sub of one character, string comparison.

local ROUNDS = 260
local byte, char, sub, concat = string.byte, string.char, string.sub, table.concat

local base = {}
local seed = 5
for i = 1, 3000 do
  seed = seed * 16807 % 2147483647
  base[i] = char(97 + seed % 26)
  if seed % 4 == 0 then base[i] = base[i]:rep(seed % 6 + 1) end
end
local text = concat(base)

local function adler32(s)
  local a, b = 1, 0
  for i = 1, #s do
    a = (a + byte(s, i)) % 65521
    b = (b + a) % 65521
  end
  return b * 65536 + a
end

local function caesar(s, shift)
  local out = {}
  for i = 1, #s do out[i] = char((byte(s, i) - 97 + shift) % 26 + 97) end
  return concat(out)
end

local function run_lengths(s)
  local out, n, i = {}, 0, 1
  while i <= #s do
    local c, j = sub(s, i, i), i + 1
    while j <= #s and sub(s, j, j) == c do j = j + 1 end
    n = n + 1
    out[n] = c .. (j - i)
    i = j
  end
  return concat(out), n
end

local mix = 0
for round = 1, ROUNDS do
  local coded = caesar(text, round % 26)
  local packed, runs = run_lengths(coded)
  mix = (mix * 31 + adler32(coded) + #packed + runs) % 1000003
  if coded < text then mix = mix + 1 end
  assert(caesar(coded, -(round % 26)) == text)
end

local got = string.format("%d %d", mix, adler32(text))
assert(got == "79088 2647944680", "bytes: checksum is " .. got)
print("bytes " .. got)
