-- way: jit=baseline,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(x, y) local v, s = 0.5, 0 for p = 1, 9 do s = s + v v = x + y end return s end
for k = 1, 5 do print(f(1, 2.5)) end
print(f(1, 2))
