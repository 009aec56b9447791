-- way: jit=full,backend=llvm,threshold=1,hot=1,queue=sync
local P = P
local show, try, traced, peek, poke, run, maybe, spend = P.show, P.try, P.traced, P.peek, P.poke, P.run, P.maybe, P.spend
local report, meta, slow, errors, tostring, handler = P.report, P.meta, P.slow, P.errors, P.tostring, P.handler
local Point, Sub, id, sum, fib, each, counter, i, j, k, n, s, t, u, w, a, b, c, fs, G, o, q, f, g1, g2, co1 = P.fresh()

for m = 1, 14 do if m == 5 then ; end n = math.max(n, i) ::skip:: end show(i, j, k, n)
show(i, j, k, n, s)
show(t, u, w, a, b, c)
show(o, q)
