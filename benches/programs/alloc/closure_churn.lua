-- Creates closures with captured variables and drops them after a call or two.
-- Stresses: closure and upvalue allocation, closing of upvalues at block ends.

local ROUNDS = 1600000

local function adder(n)
  return function(x) return x + n end
end

local function pair(a, b)
  return function(pick)
    if pick then return a end
    return b
  end, function(x)
    a, b = b, x
  end
end

local mix = 0
for i = 1, ROUNDS do
  local add = adder(i % 100)
  local get, set = pair(i, i % 10)
  set(add(1))
  local captured = i % 13
  local function bump()
    captured = captured + 1
    return captured
  end
  mix = (mix + add(i) + get(true) + get(false) + bump()) % 1000003
end

local got = string.format("%d", mix)
assert(got == "359481", "closure_churn: checksum is " .. got)
print("closure_churn " .. got)
