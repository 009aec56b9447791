-- SHA-256 of messages of several lengths, with 32-bit words in 64-bit integers.
-- Stresses: bit operators and shifts, masked integer addition, small integer arrays.
-- Needs: Lua 5.4

local MESSAGES <const> = 860
local MASK <const> = 0xFFFFFFFF

-- The constants are the first bits of the fractional parts of roots of primes.
local function fraction_bits(x)
  return math.floor((x - math.floor(x)) * 2.0 ^ 32)
end

local constants, initial = {}, {}
do
  local n = 2
  while #constants < 64 do
    local prime = true
    for d = 2, math.floor(n ^ 0.5) do
      if n % d == 0 then
        prime = false
        break
      end
    end
    if prime then
      if #initial < 8 then initial[#initial + 1] = fraction_bits(n ^ 0.5) end
      constants[#constants + 1] = fraction_bits(n ^ (1 / 3))
    end
    n = n + 1
  end
end

local function rotate(x, n)
  return (x >> n | x << (32 - n)) & MASK
end

local function compress(state, words)
  for i = 17, 64 do
    local a, b = words[i - 15], words[i - 2]
    local s0 = rotate(a, 7) ~ rotate(a, 18) ~ (a >> 3)
    local s1 = rotate(b, 17) ~ rotate(b, 19) ~ (b >> 10)
    words[i] = (words[i - 16] + s0 + words[i - 7] + s1) & MASK
  end
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local s1 = rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)
    local choice = (e & f) ~ (~e & g)
    local t1 = h + s1 + choice + constants[i] + words[i]
    local s0 = rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)
    local majority = (a & b) ~ (a & c) ~ (b & c)
    h, g, f, e = g, f, e, (d + t1) & MASK
    d, c, b, a = c, b, a, (t1 + s0 + majority) & MASK
  end
  state[1], state[2], state[3], state[4] =
    (state[1] + a) & MASK, (state[2] + b) & MASK, (state[3] + c) & MASK, (state[4] + d) & MASK
  state[5], state[6], state[7], state[8] =
    (state[5] + e) & MASK, (state[6] + f) & MASK, (state[7] + g) & MASK, (state[8] + h) & MASK
end

local function sha256(message)
  local length = #message
  local padded = message .. "\x80" .. ("\0"):rep((55 - length) % 64) .. string.pack(">I8", length * 8)
  local state, words = { table.unpack(initial) }, {}
  for at = 1, #padded, 64 do
    for i = 1, 16 do words[i] = string.unpack(">I4", padded, at + (i - 1) * 4) end
    compress(state, words)
  end
  return string.format(("%08x"):rep(8), table.unpack(state))
end

assert(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")

local chained = ""
for i = 1, MESSAGES do
  chained = sha256(chained .. ("strata"):rep(i))
end

local got = chained
assert(got == "db24f10f60a4285c82b8999e7120a437fe786b1d4d0fefb7f5eb5686ae8620db", "sha256: checksum is " .. got)
print("sha256 " .. got)
