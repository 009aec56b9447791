-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync,poison
local r
local function f(n) for p = 1, 9 do local c = {x = p, y = p + 1} if p == n then r = c end end end
for k = 1, 9 do f(0) end
f(5) print(r.x, r.y)
