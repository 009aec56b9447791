-- way: jit=baseline,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local x, y = 1, 2
local function f() local g for p = 1, 9 do g = function() y = y + 1 return x end end return g end
for k = 1, 9 do print(f()(), x, y) end
