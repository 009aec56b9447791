-- An error while closing replaces the first one.
local function run()
  local guard <close> = setmetatable({}, { __close = function(_, e) error("closing after: " .. e, 0) end })
  error("first", 0)
end
run()
