-- Product of two square float matrices held as arrays of rows.
-- Stresses: two-level indexing of float arrays, the classic triple loop.

local N = 390

local function matrix(scale)
  local m = {}
  for i = 1, N do
    local row = {}
    for j = 1, N do row[j] = scale * (i - j) * (i + j - 2) + 0.5 end
    m[i] = row
  end
  return m
end

local function transpose(m)
  local t = {}
  for j = 1, N do
    local row = {}
    for i = 1, N do row[i] = m[i][j] end
    t[j] = row
  end
  return t
end

local function multiply(a, b)
  local bt, c = transpose(b), {}
  for i = 1, N do
    local arow, crow = a[i], {}
    for j = 1, N do
      local bcol, sum = bt[j], 0.0
      for k = 1, N do sum = sum + arow[k] * bcol[k] end
      crow[j] = sum
    end
    c[i] = crow
  end
  return c
end

local unit = 1.0 / N / N
local c = multiply(matrix(unit), matrix(unit * 2))
local trace = 0.0
for i = 1, N do trace = trace + c[i][i] end

local got = string.format("%.9g %.9g", trace, c[N / 2 + 1][3])
assert(got == "-15794.8906 120.740145", "matmul: checksum is " .. got)
print("matmul " .. got)
