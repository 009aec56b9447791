-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(a, x, y) local s = 0 for p = 1, 9 do a[x] = p s = s + a[y] a[y] = p * 10 s = s + a[x] end return s end
for k = 1, 9 do print(f({1, 2, 3}, 1, 2)) end
print(f({1, 2, 3}, 2, 2))
