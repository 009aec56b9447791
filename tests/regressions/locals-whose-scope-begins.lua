-- way: jit=full,threshold=1,hot=1,deopt=every,poison,gc=37,queue=sync
local P = P
local show, try, traced, peek, poke, run, maybe, spend = P.show, P.try, P.traced, P.peek, P.poke, P.run, P.maybe, P.spend
local report, meta, slow, errors, tostring, handler = P.report, P.meta, P.slow, P.errors, P.tostring, P.handler
local Point, Sub, id, sum, fib, each, counter, i, j, k, n, s, t, u, w, a, b, c, fs, G, o, q, f, g1, g2, co1 = P.fresh()

try(function() for m, v in setmetatable({}, slow), 5 do n = n + m  ::skip:: end end)
show(i, j, k, n, s)
show(t, u, w, a, b, c)
show(o, q)
