-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(t) local s = 0 for p = 1, 9 do local c = {x = p} t.y = c s = s + c.x end return s + t.y.x end
for k = 1, 9 do print(f({y = 1})) end
