-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(t, q) local s = 0 for p = 1, 9 do t.x = p s = s + t.x q.x = p * 10 s = s + t.x end return s end
for k = 1, 9 do print(f({x = 1}, {x = 1})) end
local t = {x = 1}
print(f(t, t))
