-- way: jit=baseline,backend=cranelift,threshold=1,hot=1,best=1,exits=16,queue=sync
local function f(v)
  local x, s = 1, 0
  local function set(y) x = y end
  for p = 1, 9 do
    s = s + x
    set(p > 5 and v or p)
    s = s + x
  end
  return s
end
for k = 1, 9 do print(f(k < 6 and 3 or 0.5)) end
