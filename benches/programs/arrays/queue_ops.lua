-- Stacks and queues: append with #, table.insert, table.remove, a two-index queue.
-- Stresses: the length operator, growing and shrinking arrays, library calls.

local ROUNDS = 1750

local insert, remove = table.insert, table.remove

local function stack_work(n)
  local stack, sum = {}, 0
  for i = 1, n do
    stack[#stack + 1] = i
    if i % 3 == 0 then
      sum = sum + stack[#stack]
      stack[#stack] = nil
    end
  end
  while #stack > 0 do sum = (sum * 3 + remove(stack)) % 1000003 end
  return sum
end

local function queue_work(n)
  local queue, head, tail, sum = {}, 1, 0, 0
  for i = 1, n do
    tail = tail + 1
    queue[tail] = i * 2
    if i % 2 == 0 then
      sum = sum + queue[head]
      queue[head] = nil
      head = head + 1
    end
  end
  return sum + (tail - head + 1)
end

local function middle_work(n)
  local list = {}
  for i = 1, n do insert(list, math.floor(#list / 2) + 1, i) end
  local sum = 0
  for _ = 1, n do sum = (sum * 7 + remove(list, math.floor(#list / 3) + 1)) % 1000003 end
  return sum
end

local mix = 0
for round = 1, ROUNDS do
  mix = (mix * 5 + stack_work(1000 + round)) % 1000003
  mix = (mix * 5 + queue_work(1000 + round)) % 1000003
  mix = (mix * 5 + middle_work(60)) % 1000003
end

local got = string.format("%d", mix)
assert(got == "642313", "queue_ops: checksum is " .. got)
print("queue_ops " .. got)
