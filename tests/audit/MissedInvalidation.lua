-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local C = {} C.__index = C function C:len() return 1 end
local D = setmetatable({}, {__index = C}) D.__index = D
local o = setmetatable({x = 1}, D)
local function f(n) local s = 0 for p = 1, n do s = s + o:len() end return s end
for k = 1, 9 do print(f(20)) end
D.len = function() return 100 end
print(f(20))
