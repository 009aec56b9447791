-- Two coroutines exchange values through resume and yield.
-- Stresses: the cost of one switch in each direction, values passed both ways.

local ROUNDS = 2400000
local resume, yield, create = coroutine.resume, coroutine.yield, coroutine.create

local function player(step)
  return create(function(ball)
    while true do ball = yield((ball * 3 + step) % 1000003) end
  end)
end

local ping, pong = player(1), player(2)
local ball, ok = 1, true
for _ = 1, ROUNDS do
  ok, ball = resume(ping, ball)
  assert(ok)
  ok, ball = resume(pong, ball)
end

local got = string.format("%d %s", ball, coroutine.status(ping))
assert(got == "573623 suspended", "ping_pong: checksum is " .. got)
print("ping_pong " .. got)
