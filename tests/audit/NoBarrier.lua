-- way: jit=off,backend=cranelift,threshold=1,hot=1,best=1,exits=16,generational,verify=1
local f
do local u = {} f = function() for p = 1, 9 do u = {p} end return u end end
collectgarbage()
print(#f())
