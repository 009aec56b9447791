-- Radix-2 fast Fourier transform, forward and inverse, on separate real and imaginary arrays.
-- Stresses: strided float array access, integer index arithmetic, trigonometry by table.

local BITS = 13
local ROUNDS = 110
local cos, sin, pi, floor = math.cos, math.sin, math.pi, math.floor

local N = floor(2 ^ BITS)
local half = floor(N / 2)
local wr, wi = {}, {}
for k = 0, half - 1 do
  wr[k] = cos(2 * pi * k / N)
  wi[k] = sin(2 * pi * k / N)
end

-- Index k with its BITS bits in reverse order.
local reversed = {}
for k = 0, N - 1 do
  local r, x = 0, k
  for _ = 1, BITS do
    local bit = x % 2
    r = r * 2 + bit
    x = floor((x - bit) / 2)
  end
  reversed[k] = r
end

local function transform(re, im, sign)
  for k = 0, N - 1 do
    local r = reversed[k]
    if r > k then
      re[k], re[r] = re[r], re[k]
      im[k], im[r] = im[r], im[k]
    end
  end
  local size, stride = 2, half
  while size <= N do
    local width = floor(size / 2)
    for start = 0, N - 1, size do
      local w = 0
      for a = start, start + width - 1 do
        local b = a + width
        local cr, ci = wr[w], sign * wi[w]
        local xr, xi = re[b], im[b]
        local tr, ti = cr * xr - ci * xi, cr * xi + ci * xr
        local ar, ai = re[a], im[a]
        re[b], im[b] = ar - tr, ai - ti
        re[a], im[a] = ar + tr, ai + ti
        w = w + stride
      end
    end
    size, stride = size * 2, floor(stride / 2)
  end
end

local re, im, seed = {}, {}, 7
for k = 0, N - 1 do
  seed = seed * 16807 % 2147483647
  re[k] = seed / 2147483647 - 0.5
  im[k] = 0.0
end
local first, second, seventh = re[0], re[1], re[7]

local power = 0.0
for _ = 1, ROUNDS do
  transform(re, im, -1.0)
  power = 0.0
  for k = 0, N - 1 do power = power + re[k] * re[k] + im[k] * im[k] end
  transform(re, im, 1.0)
  for k = 0, N - 1 do
    re[k] = re[k] / N
    im[k] = im[k] / N
  end
end

assert(math.abs(re[0] - first) + math.abs(re[1] - second) + math.abs(re[7] - seventh) < 1e-9)
local got = string.format("%.6f %.6f", power, re[1])
assert(got == "5580573.651587 0.420765", "fft: checksum is " .. got)
print("fft " .. got)
