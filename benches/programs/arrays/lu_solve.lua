-- LU factorisation with pivoting and back substitution; factors start as integer zeros.
-- Stresses: triangular loops over float rows, row swaps, zero-initialised matrices.

local N, SYSTEMS = 80, 215
local abs = math.abs
local seed = 12345

local function random()
  seed = seed * 16807 % 2147483647
  return seed / 2147483647
end

local function zeros(rows, cols)
  local m = {}
  for i = 1, rows do
    m[i] = {}
    for j = 1, cols do m[i][j] = 0 end
  end
  return m
end

local function factor(a)
  local lower, upper, order = zeros(N, N), zeros(N, N), {}
  for i = 1, N do
    order[i] = i
    for j = 1, N do upper[i][j] = a[i][j] end
  end
  for k = 1, N do
    local best = k
    for i = k + 1, N do
      if abs(upper[i][k]) > abs(upper[best][k]) then best = i end
    end
    if best ~= k then
      upper[k], upper[best] = upper[best], upper[k]
      lower[k], lower[best] = lower[best], lower[k]
      order[k], order[best] = order[best], order[k]
    end
    local pivot_row = upper[k]
    local pivot = pivot_row[k]
    lower[k][k] = 1
    for i = k + 1, N do
      local row = upper[i]
      local f = row[k] / pivot
      lower[i][k] = f
      row[k] = 0
      for j = k + 1, N do row[j] = row[j] - f * pivot_row[j] end
    end
  end
  return lower, upper, order
end

local function solve(a, rhs)
  local lower, upper, order = factor(a)
  local y, x = {}, {}
  for i = 1, N do
    local sum, row = rhs[order[i]], lower[i]
    for j = 1, i - 1 do sum = sum - row[j] * y[j] end
    y[i] = sum
    x[i] = 0
  end
  for i = N, 1, -1 do
    local sum, row = y[i], upper[i]
    for j = i + 1, N do sum = sum - row[j] * x[j] end
    x[i] = sum / row[i]
  end
  return x
end

local total, worst = 0.0, 0.0
for _ = 1, SYSTEMS do
  local a, rhs = zeros(N, N), {}
  for i = 1, N do
    rhs[i] = random() * 10
    for j = 1, N do a[i][j] = random() - 0.5 end
    a[i][i] = a[i][i] + 4
  end
  local x = solve(a, rhs)
  for i = 1, N do
    local sum = 0.0
    for j = 1, N do sum = sum + a[i][j] * x[j] end
    worst = math.max(worst, abs(sum - rhs[i]))
    total = total + x[i]
  end
end
assert(worst < 1e-9, "lu_solve: residual too large")

local got = string.format("%.9g", total)
assert(got == "21417.1043", "lu_solve: checksum is " .. got)
print("lu_solve " .. got)
