-- An error object with __tostring is shown through it.
error(setmetatable({ code = 2 }, { __tostring = function(e) return "code " .. e.code end }))
