-- way: jit=off,backend=llvm,threshold=1,hot=1,best=1,exits=16
-- small programs
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h, body = function(c, d) return d end function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 7 do if p == 6 then P.peek() end j = j + j ::skip:: end
collectgarbage('step')
collectgarbage('step') if m > 0 then return body(x, y, n, a, b, t, o, s, f, m - 1) end return i, j, r end P.drive(body, function() return 0.5, 3.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 2 end, function() return '3', 2, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 0 end, function() return '3', 2, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 2 end, '1111111')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do j = (((b[p] or 0.25) % (b[p] or 0.25)) + (b[p] or 0.25)) n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, i, (b[p] or 0.25), i < j end P.drive(body, function() return 1, 62, 0, {1, (-7), 3}, {(-2^63), 0.5, 2.5}, 3 end, function() return 0, (-1), 1.5, {(-2), 4, (-1), ((1 << 53) + 3)}, {3}, 2 end, function() return math.maxinteger, (math.mininteger + 2), 2, {0.5, 0}, {1, 2, 3}, 3 end, '11111112', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 7 end, function() return 2.5 end, function() return '9' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h, n0 = function(c, d) return c end, 0 local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for c = 1, 730 do for p = 1, 3 do i = i + p local z = 0 for w = x, y do z = z + 1 if z > 5 then break end i = i + (a[w] or w) end
for w = 1, 2 do i = i + w end ::skip:: end if c == 200 then i = i + 0.5 end if c % 40 == 0 then r = c s, a = 'text', {1, 2, 3} end end return x, y, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 0 end, function() return 0.5, 5.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 1 end, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 1 end, '12')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, ...) return c, ... end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 for p = 1, 17 do i = i + (a[p] or 1)
a[p] = i
for w = 3, #b do j = j + (b[w] or 0) end ::skip:: end
i = i + 1
collectgarbage('step')
collectgarbage('step') return i, j, u, v, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 7 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 3 end, function() return '3', 2, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 7 end, '11112111311112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, math.maxinteger, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} collectgarbage('step')
i = i + 1
i = i + 1
i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 0 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 0 end, function() return '3', 2, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 0 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do if (((-n) // (y << y)) * i) <= y then n = n + 1 end n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, i, j, i < j end P.drive(body, function() return math.mininteger, math.mininteger, 1, {0, 1, 3}, {8, 0.5, 2.5}, 3 end, function() return 0, 1, 1.5, {1, 8, math.maxinteger, 2^63}, {(-9)}, 2 end, function() return 1, ((1 << 53) + 3), 2^53, {0.5, math.maxinteger}, {1, 2, 3}, 3 end, '1111121213', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do a[p] = (p // x) n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, p, j, i < j end P.drive(body, function() return 1, (-1), 0, {(-2), 2, 3}, {(0/0), 0.5, 2.5}, 3 end, function() return (-2^63), 1, 1.5, {(-2), 0, ((1 << 53) + 1), (-2^63)}, {(-1)}, 2 end, function() return 0, 1e308, 7, {0.5, 1}, {1, 2, 3}, 3 end, '11111112', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, d) local n = 0 for p = 1, 3 do n = n + p for w, c in ipairs(a) do r = c end
i = i + (a[p] or 0)
for w, c in ipairs(b) do j = j + c end
i = i + (a[p] or 2) ::skip:: end return n end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 collectgarbage('step') return i, j, u, v, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 6 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 1 end, function() return 0.5, 4.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 2 end, '12121212')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 3 end, function() return 4.5 end, function() return '2' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 7, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return '3', 2, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 3 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 3 end, function() return 3.5, 4.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 4 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h, n0 = function(c, d) return c end, 0 local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for c = 1, 930 do for p = 1, 3 do i = i + p local c = {x = a[#a + 1]} local d = {y = c, z = ((a[5] or 2) - p)} i = d.z if x == a[p] then r = d end ::skip:: end if c == 200 then j = 's' end if c % 40 == 0 then r = c s, a = 'text', {1, 2, 3} end end return i, j, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 0 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 8 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 3 end, '12')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, d) if p == 8 then return c end return d, c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 v = ((i & y) > t.y and a[p] or #a) return i, j, u, v, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 6 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 8 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 0 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} collectgarbage('step')
collectgarbage('step')
collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 4 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 5 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 4 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 9 end, function() return 9.5 end, function() return '8' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 9 end, function() return 9.5 end, function() return '6' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, d) return ((63 or nil) + nil) end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 i = i + 1 return x, y, u, v, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 1 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 9 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 6 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do n = n + 1 n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, (a[p] or 1), j, i < j end P.drive(body, function() return 67, 0, 2, {3, 1, 3}, {(1/0), 0.5, 2.5}, 3 end, function() return (1/0), (-2), 1.5, {(-2), 2, 66, (-1/0)}, {(-1)}, 2 end, function() return (-6), (-0.0), 2^63, {0.5, math.maxinteger}, {1, 2, 3}, 3 end, '1111111', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, ((1 << 53) + 1), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, m do if a[p] then t.x = t.x + (v - o:len())
a[p], a[p + 1] = a[p + 1], a[p]
a[#a] = nil
local z = 0 for w = x, y do z = z + 1 if z > 5 then break end i = i + (a[w] or w) end end
i = i + (a[p] or 2) ::skip:: end
i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 0 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 1 end, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 3 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, ...) return c, ... end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 collectgarbage('step')
i = i + 1
collectgarbage('step')
i = i + 1 return i, j, u, v, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 4 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 5 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 7 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, ...) return c, ... end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 for p = 1, 0 do for w = 1, 5 do i = i + w o = o:add((y // (x + x))) if w == p then goto skip end end ::skip:: end
i = i + 1
i = i + 1 return i, j, u, v, r end P.drive(body, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 3 end, function() return 0.5, 3.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 7 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 4 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 0 end, function() return 2.5 end, function() return '5' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-2), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} do local z = 0 for p = ((~a[1]) + 0.0), v, 1000000007 do z = z + 1 if z > 9 then break end for w = 1, #a, 2 do i = i + a[w] end ::skip:: end end
i = i + 1 return x, y, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 2 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 0 end, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 6 end, '1111111')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-1), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, m do for w, c in ipairs(b) do j = j + c end
i = i + (a[p] or 0) ::skip:: end
collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 5 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 5 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 7 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 61, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 7 end, function() return 0.5, 1.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 4 end, function() return '3', 2, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 5 end, '11112111311112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-0), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} do local z = 0 for p = (-2), 61, math.maxinteger do z = z + 1 if z > 9 then break end f = h ::skip:: end end
i = i + 1 return x, y, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 3 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 4 end, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 2 end, '12121212')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do i = math.max(math.abs(p), ((a[p] or 1) | (i >> (p // 1)))) n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, x, (b[p] or 0.25), i < j end P.drive(body, function() return 1000000007, math.mininteger, 3, {(-1), 69, 3}, {math.maxinteger, 0.5, 2.5}, 3 end, function() return (-1/0), 7, 1.5, {(-4), ((1 << 53) + 1), math.mininteger, 6}, {9}, 2 end, function() return 1, 0.0, 0.0, {0.5, 1000000007}, {1, 2, 3}, 3 end, '1111121213', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 5 end, function() return 9.5 end, function() return '9' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 0 end, function() return 6.5 end, function() return '7' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-2), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, m do a[p], a[p + 1] = a[p + 1], a[p]
s = s .. 3 ::skip:: end
i = i + 1
collectgarbage('step')
i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 5 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 7 end, function() return 0.5, 5.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 4 end, '1111111')