-- error adds the position of its caller.
local function check(v)
  if not v then error("the check failed") end
end
check(true)
check(false)
