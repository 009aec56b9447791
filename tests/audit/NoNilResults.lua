-- way: jit=full,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local g
g = function(n, m) for k = 1, 2 do m = m + k end if n > 0 then local a = g(n - 1, m) return a + n + m end return m end
local function f(n) for p = 1, 9 do local a, b, c, d, e = g(p % 3, n) print(a, b, c, d, e) end end
for k = 1, 9 do f(k) end
