-- Runs the program of an actor and hands messages to what it returned. `next`
-- sends the reply, what its arguments are, and returns the values of the next
-- message once there is one. All is in tail position: the stack stays flat.
local next, unknown, kind, wrong = ...

local function serve(handler, ...)
  return serve(handler, next(handler(...)))
end

local function serve_named(handlers, name, ...)
  local handler = handlers[name]
  if handler == nil then
    return serve_named(handlers, unknown(name))
  end
  return serve_named(handlers, next(handler(...)))
end

return function(body, ...)
  local handler = body(...)
  local which = kind(handler)
  if which == "function" then
    return serve(handler, next())
  elseif which == "table" then
    return serve_named(handler, next())
  elseif which ~= "nil" then
    return wrong(which)
  end
end
