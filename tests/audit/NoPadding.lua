-- way: jit=baseline,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(x) if x > 5 then return 1 end end
for k = 1, 9 do local r = f(k) print(r) end
for k = 1, 9 do local r = f(9 - k) print(r) end
