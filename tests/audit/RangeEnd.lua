-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(a, m) local s = 0 for p = 1, m do s = s + a[p] end return s end
local a = {1, 2, 3}
for k = 1, 9 do print(f(a, 3)) end
print((pcall(f, a, 4)))
