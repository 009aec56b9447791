-- The error of a wrapped coroutine goes on in its caller.
local step = coroutine.wrap(function()
  coroutine.yield(1)
  local nothing
  nothing()
end)
step()
step()
