-- way: jit=full,backend=cranelift,threshold=3,hot=1,best=1,exits=1,deopt=guard:12,poison,queue=reorder
-- small programs
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do j = (i / p) n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, i, j, i < j end P.drive(body, function() return 0, 0, 2, {(-2), (-1), 3}, {(1/0), 0.5, 2.5}, 3 end, function() return 5, 1, 1.5, {(-2), (-2), (-7), (-0.0)}, {(2^53 + 1)}, 2 end, function() return (-1), 9, ((1 << 53) + 3), {0.5, ((1 << 53) + 0)}, {1, 2, 3}, 3 end, '1111111', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 63, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 19 do t.y = a[#a + 1]
for w, c in ipairs(a) do r = c end
local c = {x = (f((math.tointeger((t.y / b[1])) or 3), f)), y = {b, i}} if p == 6 then r = c end
a[#a] = nil ::skip:: end
collectgarbage('step') return x, y, t, a, b, r end P.drive(body, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 9 end, function() return 2.5, 2.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 7 end, function() return 3.5, 2.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 2 end, '12121212')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-1), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} do local p = 0 while p < 12 do p = p + 1 if a[p] < (2^53 + 1) then if o:len() then j = j + (b[p] or 0.5)
for w = 2, #b do j = j + (b[w] or 0) end else for w, c in ipairs(a) do i = i + w end end
a[p], a[p + 1] = a[p + 1], a[p]
i = i + (a[p] or 1) else for w, c in pairs(t) do r = w end end
a[p], a[p + 1] = a[p + 1], a[p] ::skip:: end end
i = i + 1
i = i + 1 return x, y, t, a, b, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 0 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 4 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 0 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-2), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 1 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 3 end, function() return 3.5, 5.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 2 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do if 0.0 <= p then n = n + 1 end n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, y, j, i < j end P.drive(body, function() return (-2), 63, 0, {4, 3, 3}, {(-0.0), 0.5, 2.5}, 3 end, function() return (math.mininteger + 2), (-2), 1.5, {math.maxinteger, 1000000007, (-1), (1/0)}, {(-0.0)}, 2 end, function() return (-2), math.maxinteger, (-0.0), {0.5, 1}, {1, 2, 3}, 3 end, '1111121213', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 64, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} collectgarbage('step')
collectgarbage('step')
collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 1 end, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 6 end, function() return 3.5, 4.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 0 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 0, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} if t[s] then i = i + 1 else collectgarbage('step') end return i, j, t, a, b, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 6 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 5 end, function() return '3', 2, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 2 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1000000007, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 1 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 6 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 8 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 16 do for w = #a, 1, -1 do a[w] = x end
local c = {x = (b[p] * o:len()), y = true} c.x = c.y if i < n then t.v = c end j = j + (c.x or 1)
i = i + (a[p] or 0) ::skip:: end return i, j, t, a, b, r end P.drive(body, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 9 end, function() return 3.5, 3.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 9 end, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 7 end, '11112111311112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, d) x = c return (c or 0) + 1 end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 collectgarbage('step')
i = i + 1 return x, y, u, v, r end P.drive(body, function() return '3', 0, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 9 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 1 end, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 7 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 8 end, function() return 7.5 end, function() return '4' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 9, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1 return x, y, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 6 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 6 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 4 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do if ((j * j) + 0.0) < j then n = n + 1 end n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, y, j, i < j end P.drive(body, function() return math.maxinteger, 0, 1, {68, 4, 3}, {0, 0.5, 2.5}, 3 end, function() return ((1 << 53) + 1), (-4), 1.5, {1, (-0), 67, 62}, {(math.maxinteger - 3)}, 2 end, function() return (-1), 2, (1/0), {0.5, 0}, {1, 2, 3}, 3 end, '12121212', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-1), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = #a, 1, -1 do s = (((y // ((a[p] and y or y) + i)) - n) + 0.0)
for w, c in ipairs(b) do j = j + c end
s = s .. 1
a[p] = i ::skip:: end
collectgarbage('step')
i = i + 1 return x, y, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 5 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 1 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 6 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do x = p n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, n, j, i < j end P.drive(body, function() return math.mininteger, 0, 3, {(-1), 4, 3}, {1, 0.5, 2.5}, 3 end, function() return 2^63, math.mininteger, 1.5, {((1 << 53) + 0), (-2), 0, (-1)}, {7}, 2 end, function() return (-1), 9, 1e308, {0.5, ((1 << 53) + 1)}, {1, 2, 3}, 3 end, '11111112', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do b[p] = (b[p] or 0.25) if (0 // 1) == j then n = n + 1 end end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, y, (b[p] or 0.25), i < j end P.drive(body, function() return 1, math.mininteger, 0, {(-2), 1, 3}, {(2^53 + 1), 0.5, 2.5}, 3 end, function() return (0/0), 60, 1.5, {1, (-2), ((1 << 53) + 2), math.mininteger}, {(math.maxinteger - 2)}, 2 end, function() return 0, 3, (math.maxinteger - 3), {0.5, ((1 << 53) + 2)}, {1, 2, 3}, 3 end, '1111111', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do n = n + 1 n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, p, j, i < j end P.drive(body, function() return 68, 66, 0, {((1 << 53) + 1), 5, 3}, {1, 0.5, 2.5}, 3 end, function() return (-1), 8, 1.5, {62, 1, 0, 2^63}, {(-1)}, 2 end, function() return (-1), (0/0), (2^53 + 1), {0.5, ((1 << 53) + 0)}, {1, 2, 3}, 3 end, '111112223', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 8, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 2 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 0 end, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 6 end, '1111111')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do x = math.max((math.max(((a[p] or 1) // 1000000007), x) % 1000000007), i) n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, p, (b[p] or 0.25), i < j end P.drive(body, function() return 0, (-1), 3, {1000000007, math.maxinteger, 3}, {(1/0), 0.5, 2.5}, 3 end, function() return 6, 7, 1.5, {((1 << 53) + 1), math.maxinteger, 4, (-1/0)}, {(-0.0)}, 2 end, function() return math.mininteger, (2^53 + 1), (-0.0), {0.5, 0}, {1, 2, 3}, 3 end, '1111111', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = #a, 1, -1 do for w = 1, #b do b[w] = b[w] * b[p] end
a[#a + 1] = (math.maxinteger - 2) ::skip:: end
for p = 1, 13 do i = i + (a[p] or 3)
s = s .. 0
i = i + (a[p] or 3)
for w, c in ipairs(b) do j = j + c end ::skip:: end return i, j, t, a, b, r end P.drive(body, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 2 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 7 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 2 end, '1111111')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 2 end, function() return 4.5 end, function() return '9' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 0 end, function() return 9.5 end, function() return '2' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h, body = function(c, d) return d end function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} collectgarbage('step')
i = i + 1
collectgarbage('step')
collectgarbage('step') if m > 0 then return body(x, y, n, a, b, t, o, s, f, m - 1) end return i, j, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 3 end, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 0 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 1 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, d) if t.y < o.x and a[p] then return c end return d, c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 i = i + 1 return i, j, u, v, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 1 end, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 8 end, function() return '3', 0, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 7 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h, body = function(c, d) return d end function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, #a do local c = {x = 6.5, y = false} c.x = c.y if i < n then t.v = c end j = j + (c.x or 1)
a[p], a[p + 1] = a[p + 1], a[p]
a[p] = i
for w, c in next, a do i = i + w end ::skip:: end
collectgarbage('step') if m > 0 then local c = body(o.x, y, n, a, b, t, o, s, f, m - 1) i = i + 1 r = c end return i, j, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 9 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 2 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 1 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-2), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return '3', 0, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 7 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 6 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 9 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-2), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 6 do if p == 5 then h = function(c, d) return d end end i = f(math.floor(p)) or 1
i = i + (a[p] or 1) ::skip:: end
for p = #a, 1, -1 do j = j + (b[p] or 0.5)
j = j + (b[p] or 0.5)
j = j + (b[p] or 0.5)
i = i + #s ::skip:: end
i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 0.5, 1.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 2 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 6 end, function() return 1.5, 1.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 0 end, '11112111311112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, (-1), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 4 do for w = 1, 4 do i = i + w o:set(2^53) if w == p then goto skip end end ::skip:: end
for p = 2, #a - 1, 1 + 1 do i = i + a[p - 1] + a[p + 1] t.y = (x % 0)
o = o + o
for w = 1, 5 do i = i + w end ::skip:: end
i = i + 1
collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 8 end, function() return '3', 0, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 0 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 1 end, '1111111')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 3 end, function() return 4.5 end, function() return '0' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, ((1 << 53) + 1), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 6 do if p == 0 then a[#a + 1] = 1.5 end for w = 1, #a do a[w] = i * w end
for w, c in ipairs(a) do i = i + w end
o = o + o ::skip:: end
collectgarbage('step')
i = i + 1
collectgarbage('step') return x, y, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 4 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 5 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 8 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 6 end, function() return 7.5 end, function() return '7' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 6 end, function() return 2.5 end, function() return '9' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, math.mininteger, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} P.run(function() for p = 1, 5 do j = j + (b[p] or 0.5) P.maybe(p, o) ::skip:: end return i end)
collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 2.5, 2.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 3 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 5 end, function() return 1.5, 2.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 2 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, ((1 << 53) + 1), 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1
collectgarbage('step')
i = i + 1
collectgarbage('step') return x, y, t, a, b, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 5 end, function() return 2.5, 5.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 5 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 8 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 6 end, function() return 8.5 end, function() return '7' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do if i < j then n = n + 1 end n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, x, (b[p] or 0.25), i < j end P.drive(body, function() return 1000000007, ((1 << 53) + 0), 3, {8, (-2), 3}, {1e308, 0.5, 2.5}, 3 end, function() return 9, (-2), 1.5, {math.mininteger, (-1), math.mininteger, (0/0)}, {(0/0)}, 2 end, function() return (-1), (-9), (-6), {0.5, (-7)}, {1, 2, 3}, 3 end, '11111112', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 4, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1 return x, y, t, a, b, r end P.drive(body, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 6 end, function() return '3', 0, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 4 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 4 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1000000007, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 10 do local c = {x = s:sub(2, 3)} local d = {y = c, z = p} i = d.z if (math.mininteger + 2) ~= (a[5] or 2) then r = d end
i = i + (a[p] or 1)
j = j + (b[p] or 0.5)
for w = 1, #b do j = j + (b[w] or 0) end ::skip:: end
collectgarbage('step')
collectgarbage('step')
collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 0.5, 5.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 4 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 4 end, function() return 1.5, 0.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 2 end, '11111112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 1 end, function() return 9.5 end, function() return '3' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
P.drive(function(x) return x + 1 end, function() return 2 end, function() return 3.5 end, function() return '6' end, '11111232')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local function body(x, y, n, a, b, m) local i, j, p = 1, 0.5, 1 for p = 1, #a do a[p] = x n = n + 1 end for p = 1, 3 do n = n + 1 end return i, j, x, y, n, a, b, i, j, i < j end P.drive(body, function() return math.mininteger, 0, 1, {1, 67, 3}, {0.0, 0.5, 2.5}, 3 end, function() return 0.0, 60, 1.5, {2, 0, 69, 61}, {(-2^63)}, 2 end, function() return math.maxinteger, 2^53, 0, {0.5, math.mininteger}, {1, 2, 3}, 3 end, '12121212', 'portable')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, d) if c and c == 3 then return P.maybe(c) end return d end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 for c in coroutine.wrap(function() for p = 1, 5 do i = i + x
j = j + (b[p] or 0.5)
for w = 1, #a do a[w] = i * w end coroutine.yield(i) ::skip:: end end) do n = n + 1 end
for p = 1, m do for w, c in pairs(t) do r = w end
b[#b + 1] = b[1] ::skip:: end return x, y, u, v, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 4 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 1 end, function() return '3', 3, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 9 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 60, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} if #s == t.x then collectgarbage('step') else collectgarbage('step') end
collectgarbage('step')
i = i + 1
i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return '3', 1, 4, {}, {}, {x = 'a'}, Class.new('1', 2), '12', math.abs, 8 end, function() return 1.5, 5.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 0 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 8 end, '111112223')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1000000007, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 2, #a - 1, 0 + 1 do i = i + a[p - 1] + a[p + 1] local c = function(w) i = i + w return i end c(y) if a[6] == nil then r = c end ::skip:: end
collectgarbage('step') return i, j, t, a, b, r end P.drive(body, function() return 0.5, 0.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 3 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 1), 'x', two, 9 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 0 end, '1111111')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} i = i + 1
collectgarbage('step') return x, y, t, a, b, r end P.drive(body, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 3 end, function() return 3.5, 3.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 5 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 5 end, '12121212')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, i, n, p, u, v = 0, 0, 1, 3, 1, 2, 0.5 local s, a, b, t, o, f, j, r, q, fs = 'text', {1, 2}, {0.5}, {x = 1}, Class.new(1, 2), one, 1.5, nil, {x = 1}, {} local h = function(c, d) return c end local h = function(c, d) x = c return (c or 0) + 1 end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p = 1, 0.5, nil, t, 1 i = i + 1 return x, y, u, v, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 6 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 0), 'x', two, 6 end, function() return 2.5, 1.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 7 end, '11112111311112')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 1, 0.5 local h, body = function(c, d) return d end function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, 15 do local c, d = (math.tointeger(t.y) or 2) < (-2), 1.5 i = c and i or p if o.x < (b[p] + 0.0) then r = d end
j = j + (b[p] or 0.5)
for w, c in ipairs(a) do r = c end
a[#a] = nil ::skip:: end
i = i + 1
collectgarbage('step') if m > 0 then local c = body(false, y, n, a, b, t, o, s, f, m - 1) collectgarbage('step') r = c end return i, j, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 6 end, function() return 2, -0.0, 4, {true, false, 3}, {1, 2, 3}, {x = 1, z = 1, y = 3}, Other.new(0.5), 'text', Class.new, 4 end, function() return 3.5, 3.5, 3.0, {1, 2, nil, 4}, {0.5, 1.5, 'x'}, {y = 1, x = 2}, {x = 1}, 'abc', print2, 0 end, '1111121213')
-- next
local P = P local try, Class, Other, one, two, id2, print2, Closer = P.try, P.fresh()
local x, y, u, v = 0, 0, 61, 0.5 local h = function(c, d) return c end local function body(x, y, n, a, b, t, o, s, f, m) local i, j, r, q, p, fs = 1, 0.5, nil, t, 1, {} for p = 1, m do for w, c in pairs(t) do r = w end
b[p] = 6.5
for w = 2, #b do j = j + (b[w] or 0) end
for w, c in ipairs(a) do i = i + w end ::skip:: end
i = i + 1
i = i + 1 return i, j, t, a, b, r end P.drive(body, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 3), 'x', two, 2 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 0 end, function() return 1, 3, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1.0, 2.0, 3.0, 4.5}, {x = 1, y = 0.5}, Class.new(2, 2), 'x', two, 8 end, '111112223')