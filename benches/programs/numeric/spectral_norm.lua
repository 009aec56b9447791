-- Largest singular value of an infinite matrix given by a formula, by power iteration.
-- Stresses: calls of a small arithmetic function from inner loops over float arrays.

local N = 680

local function entry(i, j)
  local ij = i + j - 1
  return 1.0 / (ij * (ij - 1) * 0.5 + i)
end

local function times(x, y)
  for i = 1, N do
    local sum = 0.0
    for j = 1, N do sum = sum + x[j] * entry(i, j) end
    y[i] = sum
  end
end

local function times_transposed(x, y)
  for i = 1, N do
    local sum = 0.0
    for j = 1, N do sum = sum + x[j] * entry(j, i) end
    y[i] = sum
  end
end

local u, v, t = {}, {}, {}
for i = 1, N do u[i] = 1.0 end
for _ = 1, 10 do
  times(u, t)
  times_transposed(t, v)
  times(v, t)
  times_transposed(t, u)
end

local uv, vv = 0.0, 0.0
for i = 1, N do
  uv = uv + u[i] * v[i]
  vv = vv + v[i] * v[i]
end

local got = string.format("%.9f", math.sqrt(uv / vv))
assert(got == "1.274224138", "spectral_norm: checksum is " .. got)
print("spectral_norm " .. got)
