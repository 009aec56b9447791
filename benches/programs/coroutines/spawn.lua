-- Many short-lived coroutines: each is created, resumed a few times and dropped.
-- Stresses: coroutine creation and collection, first resume, return from the body.

local ROUNDS = 1300000
local create, resume, yield, status = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status

local function body(a, b)
  local c = yield(a + b)
  local d = yield(c * 2)
  return a + b + c + d
end

local mix, dead = 0, 0
for i = 1, ROUNDS do
  local co = create(body)
  local _, x = resume(co, i, 1)
  local _, y = resume(co, x % 10)
  if i % 3 ~= 0 then
    local _, z = resume(co, y)
    mix = (mix + z) % 1000003
  end
  if status(co) == "dead" then dead = dead + 1 end
end

local got = string.format("%d %d", mix, dead)
assert(got == "643314 866667", "spawn: checksum is " .. got)
print("spawn " .. got)
