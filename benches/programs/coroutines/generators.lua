-- Generators by coroutine.wrap: ranges, filters, zips and products chained together.
-- Stresses: generic for over wrapped coroutines, several live coroutines in a chain.

local LIMIT, ROUNDS = 4000, 550
local wrap, yield = coroutine.wrap, coroutine.yield

local function range(n)
  return wrap(function()
    for i = 1, n do yield(i) end
  end)
end

local function keep(test, source)
  return wrap(function()
    for v in source do
      if test(v) then yield(v) end
    end
  end)
end

local function pairwise(source)
  return wrap(function()
    local previous = source()
    for v in source do
      yield(previous, v)
      previous = v
    end
  end)
end

local function fibonacci(limit)
  return wrap(function()
    local a, b = 0, 1
    while a < limit do
      yield(a)
      a, b = b, a + b
    end
  end)
end

local mix = 0
for round = 1, ROUNDS do
  local numbers = keep(function(v) return v % 3 ~= round % 3 end, range(LIMIT))
  for a, b in pairwise(numbers) do mix = (mix * 3 + a + b) % 1000003 end
  for f in fibonacci(1000000) do mix = (mix + f) % 1000003 end
end

local got = string.format("%d", mix)
assert(got == "601944", "generators: checksum is " .. got)
print("generators " .. got)
