-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(n) local c, s = n * 2, 0 for p = 1, 3 do s = s + c P.peek() end return s end
for k = 1, 9 do print(f(k)) end
