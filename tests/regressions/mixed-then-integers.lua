-- way: jit=baseline,threshold=1,hot=1,queue=sync
-- Operands of both kinds were seen, then there are two integers.
local add = function(x, y) return x + y end
print(add(2, 4.5), add(1, 3), add(1, 3), add(4.5, 2), add(2, 2))
local sub = function(x, y) return x - y, x * y, x // y, x % y, -x end
print(sub(2, 4.5)) print(sub(7, 3)) print(sub(7, 3)) print(sub(4.5, 2)) print(sub(7, 2))
