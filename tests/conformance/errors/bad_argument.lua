-- The library names the argument and the function.
local parts = ("a,b"):rep("many")
