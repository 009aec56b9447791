-- way: jit=baseline,backend=llvm,threshold=1,hot=1,best=1,exits=16,turns=64181,unverified,queue=sync
-- small programs
local P = P local old = P.old local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for c = 1, 3 do for p = 1, 7 do old[t], t[p] = t[s], {p} ::skip:: end  ::skip:: end
collectgarbage('generational') return i, t, a, b, r end P.quick(body, function() return 3, 5, 6, {1, 2, 3}, {0.5}, {x = 1}, Class.new(1, 2), 'text', one, 3 end, function() return 1, 2, 3, {1, 'x', 3, true, 5}, {1, 'x', 0.5}, {x = 1, y = 2}, Other.new(1), 'x', one, 3 end, '1112')