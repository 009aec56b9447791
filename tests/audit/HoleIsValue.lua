-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local mt = {__index = function(_, k) return k * 100 end}
local function f(a) local s = 0 for p = 1, 3 do local v = a[p] s = s + (v and 1 or 5) end return s end
for k = 1, 9 do print(f(setmetatable({1, 'x', 3}, mt))) end
local a = setmetatable({1, 'x', 3}, mt) a[2] = nil
print(f(a))
