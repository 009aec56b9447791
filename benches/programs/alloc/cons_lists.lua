-- Functional lists of two-slot cells: append, reverse, map and merge without mutation.
-- Stresses: cell allocation in recursion, nil as the empty list, medium-lived garbage.

local LENGTH, ROUNDS = 900, 570

local function cons(head, tail) return { head, tail } end

local function range(from, to)
  local list
  for i = to, from, -1 do list = cons(i, list) end
  return list
end

local function reverse(list)
  local out
  while list do
    out = cons(list[1], out)
    list = list[2]
  end
  return out
end

local function append(a, b)
  if not a then return b end
  return cons(a[1], append(a[2], b))
end

local function map(f, list)
  if not list then return nil end
  return cons(f(list[1]), map(f, list[2]))
end

local function merge(a, b)
  local out
  while a and b do
    if a[1] <= b[1] then
      out, a = cons(a[1], out), a[2]
    else
      out, b = cons(b[1], out), b[2]
    end
  end
  local rest = a or b
  while rest do
    out, rest = cons(rest[1], out), rest[2]
  end
  return reverse(out)
end

local function sum(list)
  local total = 0
  while list do
    total = total + list[1]
    list = list[2]
  end
  return total
end

local mix = 0
for round = 1, ROUNDS do
  -- Recursion stays shallow enough for every engine's stack.
  local a = range(round, round + 150)
  local b = map(function(x) return x * 2 end, a)
  local c = append(a, b)
  local d = merge(range(1, LENGTH), range(round, round + LENGTH))
  mix = (mix * 31 + sum(c) + sum(reverse(d))) % 1000003
end

local got = string.format("%d", mix)
assert(got == "551331", "cons_lists: checksum is " .. got)
print("cons_lists " .. got)
