-- Counters, accumulators and memo functions made of closures that share upvalues.
-- Stresses: upvalue reads and writes, closure calls, closures that share one variable.

local ROUNDS = 8000000

local function counter(step)
  local n = 0
  return function()
    n = n + step
    return n
  end
end

local function account(balance)
  local function deposit(x) balance = balance + x end
  local function withdraw(x)
    if x > balance then return false end
    balance = balance - x
    return true
  end
  local function peek() return balance end
  return deposit, withdraw, peek
end

local function memoize(f)
  local cache = {}
  return function(n)
    local v = cache[n]
    if v == nil then
      v = f(n)
      cache[n] = v
    end
    return v
  end
end

local by_one, by_three = counter(1), counter(3)
local deposit, withdraw, peek = account(100)
local square = memoize(function(n) return n * n end)

local refused, mix = 0, 0
for i = 1, ROUNDS do
  local a, b = by_one(), by_three()
  if a % 2 == 0 then
    deposit(b % 10)
  elseif not withdraw(a % 13) then
    refused = refused + 1
  end
  if i % 4 == 0 then mix = (mix + square(i % 100) + peek()) % 1000003 end
end

local got = string.format("%d %d %d", mix, refused, peek())
assert(got == "674494 738453 10", "closures: checksum is " .. got)
print("closures " .. got)
