-- way: jit=off,backend=cranelift,threshold=1,hot=1,best=1,exits=16,generational,verify=1
local t = {{}, 's'}
collectgarbage()
for p = 1, 9 do rawset(t, 1, {p}) end
print(#t)
