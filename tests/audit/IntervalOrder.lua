-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(n) local s = 0 for p = 1, n do if p > 1 then s = s + 1 else s = s + 100 end end return s end
for k = 1, 9 do print(f(5)) end
