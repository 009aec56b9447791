-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=delay:20
local function one(x) return x end
local function f(f) local s = 0 for p = 1, 80 do s = s + one(p) if p == 17 then debug.setupvalue(f, 1, function(x) return 100 end) end end return s end
print(f(f))
