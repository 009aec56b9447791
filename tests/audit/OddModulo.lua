-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(x) local s = 0 for p = 1, 9 do s = s + (x + p) % -1 end return s end
for k = 1, 9 do print(f(k)) end
