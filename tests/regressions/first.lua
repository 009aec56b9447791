-- way: jit=full,threshold=1,hot=10,deopt=3,poison,queue=sync
local P = P
local show, try, traced, peek, poke, run, maybe, spend = P.show, P.try, P.traced, P.peek, P.poke, P.run, P.maybe, P.spend
local report, meta, slow, errors, tostring, handler = P.report, P.meta, P.slow, P.errors, P.tostring, P.handler
local Point, Sub, id, sum, fib, each, counter, i, j, k, n, s, t, u, w, a, b, c, fs, G, o, q, f, g1, g2, co1 = P.fresh()

try(function(i, j, k, n, s, t, u, w, a, b, c, o, q, f) if o < q then show('first') elseif not math.tointeger((~type((('x'):rep(i % 50) or (#''))))) then for n = 1, 18 do table.insert(a, k)
for m = 1, #b do j = j + b[m] end
o = o + q ::skip:: end show(i, j, k, n)
for m, v in ipairs(setmetatable({}, {__index = function(_, x) if x < 0 then return x end end})) do for x, y in next, c do n = n + x end ::skip:: end end
for n = 1, 17 do j = j + (b[3] or 0.5)
s = s .. 9
i = i + (math.floor((a[1] + #s)) + i)
n = n + (a[7] or 1) ::skip:: end show(i, j, k, n)
do local ws = setmetatable({}, {__mode = 'v'}) for m = 1, 5 do ws[m] = {m} end collectgarbage() show(#ws, ws) end show(i, j, k, n, s, o) end, i, j, k, n, s, t, u, w, a, b, c, o, q, f)
try(function(i, j, k, n, s, t, u, w, a, b, c, o, q, f) a[n] = (s:gsub('%w', '%0%0', 1))
do local m = 0 while m < 10 do m = m + 1 k = ((-c[2]) ~ ((#t + #a) // (n | 1)))
j = j + (b[1] or 0.5) ::skip:: end end
peek() show(i, j, k, n, s, o) end, i, j, k, n, s, t, u, w, a, b, c, o, q, f)
show(a, b, o)
show(a, b, o)
show(i, j, k, n, s)
show(t, u, w, a, b, c)
show(o, q)
