-- way: jit=baseline,backend=cranelift,threshold=1,hot=1,best=1,exits=16,generational,verify=1,queue=sync
local t = {{}, 's'}
local function f() for p = 1, 9 do t[1] = {p} end end
f() f() collectgarbage() f()
print(#t)
