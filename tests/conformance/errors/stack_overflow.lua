-- Unbounded recursion ends as an error with this file's name.
local function down(n)
  local ok, e = pcall(function() local function f() return 1 + f() end return f() end)
  error((e:find("stack overflow") and "stopped: " or "not stopped: ") .. "stack overflow", 0)
end
down(1)
