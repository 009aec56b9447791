-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(t, n) local s = t.x for p = 1, n do s = s + t.x t.x = p end return s end
for k = 1, 9 do print(f({x = 100}, 9)) end
