local strict = setmetatable({}, { __index = function(_, k) error("unknown setting '" .. k .. "'", 2) end })
print(strict.verbose)
