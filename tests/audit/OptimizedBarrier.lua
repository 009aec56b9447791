-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync,generational,verify=1
local t = {x = {}, {}, 's'}
local function f() for p = 1, 9 do t[1] = {p} t.x = {p} end end
f() f() f() collectgarbage() f()
print(#t)
