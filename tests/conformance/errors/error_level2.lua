local function api(v)
  if type(v) ~= "number" then error("a number expected", 2) end
end
api(1)
api("x")
