-- Doubly recursive Fibonacci numbers.
-- Stresses: call and return of a Lua function through an upvalue, integer add and compare.

local N = 35

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

local got = string.format("%d", fib(N) + fib(N - 2))
assert(got == "12752043", "fib: checksum is " .. got)
print("fib " .. got)
