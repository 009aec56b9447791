-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(x) for p = 1, 9 do x = x + 0.0 end return 1 / x end
for k = 1, 9 do print(f(-0.0), f(1.0)) end
