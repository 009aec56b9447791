local P = P
local show, try, traced, peek, poke, run, maybe, spend = P.show, P.try, P.traced, P.peek, P.poke, P.run, P.maybe, P.spend
local report, meta, slow, errors, tostring, handler = P.report, P.meta, P.slow, P.errors, P.tostring, P.handler
local Point, Sub, anew, id, sum, fib, each, counter, i, j, k, n, s, t, u, w, a, b, c, fs, G, o, q, f, g1, g2, co1 = P.fresh()
