-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(...) local n = 0 for p = 1, 9 do n = n + select('#', ...) end return n end
for k = 1, 9 do print(f(1, 2, 3)) end
