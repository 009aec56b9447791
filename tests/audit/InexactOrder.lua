-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function less(x, y) local n = 0 for p = 1, 9 do if x < y then n = n + 1 end end return n end
for k = 1, 9 do print(less(k, 4.5)) end
print(less(math.maxinteger, 2^63), less((1 << 53) + 3, 2^53 + 4))
