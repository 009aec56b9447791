-- How compiled code is made, entered and left. Run it with
--
--     vm run --trace-jit --jit-opt background=0 examples/deopt.lua
--
-- and read the trace beside the steps below.

local function sum(list)
  local total = 0
  for i = 1, #list do
    total = total + list[i]
  end
  return total
end

local function fill(n, value)
  local list = {}
  for i = 1, n do
    list[i] = value
  end
  return list
end

-- 1. The loop in `sum` gets warm ("warm") and is compiled ("compiled ... for
--    loop"), for integers: it has seen nothing else. The call that is under
--    way goes on in the middle of the new code ("osr entry").
print("integers", sum(fill(100000, 2)))

-- 2. Floats come. The guard that expects integer elements fails ("exit": what
--    it expected, what it found, and the frame map that says where the
--    interpreter finds each register), and the interpreter goes on with that
--    instruction. At each turn of the loop it tries to get back into the code,
--    which is for an integer total as well: that guard fails, too.
-- 3. After 16 such exits `sum` is compiled again ("compiled ... for exits"),
--    now without these guesses. The code knows both, and is not left again.
local halves = fill(50, 0.5)
local result = 0
for i = 1, 100 do
  result = result + sum(halves)
end
print("floats", result)

-- 4. Integers still work, in the new code.
print("both", sum(fill(1000, 1)) + sum(halves))
