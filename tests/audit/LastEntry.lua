-- way: jit=off,backend=cranelift,threshold=1,hot=1,best=1,exits=16,verify=1
local function make() return {[0.5] = {1}} end
local t = make()
collectgarbage()
for p = 1, 9 do print(t[0.5][1]) end
