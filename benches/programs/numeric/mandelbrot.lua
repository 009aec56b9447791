-- Escape-time iteration over a grid of the complex plane.
-- Stresses: float multiply and add in locals, compare-and-branch, no tables.

local SIZE, LIMIT = 900, 120

local function escape(cr, ci)
  local zr, zi = 0.0, 0.0
  for step = 1, LIMIT do
    local r2, i2 = zr * zr, zi * zi
    if r2 + i2 > 4.0 then return step end
    zi = 2.0 * zr * zi + ci
    zr = r2 - i2 + cr
  end
  return 0
end

local inside, total = 0, 0
for row = 0, SIZE - 1 do
  local ci = 2.0 * row / SIZE - 1.0
  for col = 0, SIZE - 1 do
    local steps = escape(3.0 * col / SIZE - 2.0, ci)
    if steps == 0 then inside = inside + 1 end
    total = total + steps
  end
end

local got = string.format("%d/%d", inside, total)
assert(got == "208019/4379039", "mandelbrot: checksum is " .. got)
print("mandelbrot " .. got)
