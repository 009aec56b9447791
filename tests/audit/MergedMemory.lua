-- way: jit=full,backend=cranelift,threshold=1,hot=40,best=40,exits=16,queue=sync
local function f(t, n) local a = t.x if n % 2 == 0 then t.x = n end return a + t.x end
for k = 1, 40 do print(f({x = 1}, k)) end
