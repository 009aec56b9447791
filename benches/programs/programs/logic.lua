-- A logic-programming interpreter: clause reader, unification with a trail, depth-first search, cut.
-- Stresses: tagged terms, backtracking over linked goal lists, recursion, string scanning.

local ROUNDS = 17

local concat, format = table.concat, string.format

---------------------------------------------------------------------------------------------------
-- Terms: atoms and numbers are Lua strings and numbers, variables and compounds are tables

local Variable, Compound = {}, {}
Variable.__index = Variable
Compound.__index = Compound

local fresh_count = 0

local function variable()
  fresh_count = fresh_count + 1
  return setmetatable({ id = fresh_count, value = nil }, Variable)
end

local function compound(name, args)
  return setmetatable({ name = name, key = name .. "/" .. #args, args = args }, Compound)
end

local function walk(term)
  while getmetatable(term) == Variable do
    local value = term.value
    if value == nil then return term end
    term = value
  end
  return term
end

local NIL = "[]"

local function list(items, tail)
  local out = tail or NIL
  for i = #items, 1, -1 do out = compound(".", { items[i], out }) end
  return out
end

local function show(term)
  term = walk(term)
  local meta = type(term) == "table" and getmetatable(term)
  if meta == Variable then return "_" end
  if meta ~= Compound then return type(term) == "number" and format("%d", term) or term end
  if term.key == "./2" then
    local parts = {}
    while type(term) == "table" and term.key == "./2" do
      parts[#parts + 1] = show(term.args[1])
      term = walk(term.args[2])
    end
    local text = concat(parts, ",")
    if term ~= NIL then text = text .. "|" .. show(term) end
    return "[" .. text .. "]"
  end
  local parts = {}
  for i = 1, #term.args do parts[i] = show(term.args[i]) end
  return term.name .. "(" .. concat(parts, ",") .. ")"
end

---------------------------------------------------------------------------------------------------
-- Reader

local Reader = {}
Reader.__index = Reader

function Reader:skip()
  while true do
    local _, stop = self.text:find("^%s+", self.at)
    if not stop then _, stop = self.text:find("^%%[^\n]*", self.at) end
    if not stop then return end
    self.at = stop + 1
  end
end

function Reader:accept(symbol)
  self:skip()
  if self.text:sub(self.at, self.at + #symbol - 1) == symbol then
    self.at = self.at + #symbol
    return true
  end
  return false
end

function Reader:expect(symbol)
  if not self:accept(symbol) then
    error(format("'%s' expected at %d near '%s'", symbol, self.at, self.text:sub(self.at, self.at + 9)), 0)
  end
end

function Reader:match(pattern)
  self:skip()
  local found = self.text:match(pattern, self.at)
  if found then self.at = self.at + #found end
  return found
end

function Reader:arguments(close)
  local args = {}
  repeat args[#args + 1] = self:expression() until not self:accept(",")
  if close then self:expect(close) end
  return args
end

function Reader:primary()
  local digits = self:match("^%d+")
  if digits then return tonumber(digits) end
  local name = self:match("^[%u_][%w_]*")
  if name then
    if name == "_" then return variable() end
    local v = self.variables[name]
    if not v then
      v = variable()
      self.variables[name] = v
    end
    return v
  end
  name = self:match("^%l[%w_]*")
  if name then
    if self:accept("(") then return compound(name, self:arguments(")")) end
    return name
  end
  if self:accept("[") then
    if self:accept("]") then return NIL end
    local items = self:arguments()
    local tail
    if self:accept("|") then tail = self:expression() end
    self:expect("]")
    return list(items, tail)
  end
  if self:accept("!") then return "!" end
  if self:accept("\\+") then return compound("not", { self:primary() }) end
  self:expect("(")
  local inner = self:expression()
  self:expect(")")
  return inner
end

function Reader:product()
  local left = self:primary()
  while true do
    if self:accept("*") then
      left = compound("*", { left, self:primary() })
    elseif self:accept("mod ") then
      left = compound("mod", { left, self:primary() })
    else
      return left
    end
  end
end

function Reader:sum()
  local left = self:product()
  while true do
    if self:accept("+") then
      left = compound("+", { left, self:product() })
    elseif self.text:sub(self.at, self.at + 1) ~= "->" and self:accept("-") then
      left = compound("-", { left, self:product() })
    else
      return left
    end
  end
end

local comparisons = { "=:=", "=\\=", "\\=", "=<", ">=", "=", "<", ">", "is " }

function Reader:expression()
  local left = self:sum()
  for i = 1, #comparisons do
    local op = comparisons[i]
    if self:accept(op) then
      return compound(op == "is " and "is" or op, { left, self:sum() })
    end
  end
  return left
end

function Reader:clause()
  self.variables = {}
  local head, body = self:expression(), {}
  if self:accept(":-") then body = self:arguments() end
  self:expect(".")
  return head, body
end

---------------------------------------------------------------------------------------------------
-- Database: clauses are functions that build a fresh copy of themselves

local function key_of(term) return type(term) == "table" and term.key or term .. "/0" end

local function rename(term, map)
  local meta = type(term) == "table" and getmetatable(term)
  if meta == Variable then
    local v = map[term]
    if not v then
      v = variable()
      map[term] = v
    end
    return v
  elseif meta == Compound then
    local args = term.args
    local copy = {}
    for i = 1, #args do copy[i] = rename(args[i], map) end
    return setmetatable({ name = term.name, key = term.key, args = copy }, Compound)
  end
  return term
end

local function load_program(text)
  local reader = setmetatable({ text = text, at = 1, variables = {} }, Reader)
  local database, count = {}, 0
  reader:skip()
  while reader.at <= #text do
    local head, body = reader:clause()
    local key = key_of(head)
    local clauses = database[key]
    if not clauses then
      clauses = {}
      database[key] = clauses
    end
    clauses[#clauses + 1] = { head = head, body = body }
    count = count + 1
    reader:skip()
  end
  return database, count
end

---------------------------------------------------------------------------------------------------
-- Machine

local Machine = {}
Machine.__index = Machine

local function new_machine(database)
  return setmetatable({ database = database, trail = {}, top = 0, inferences = 0 }, Machine)
end

function Machine:bind(v, value)
  v.value = value
  local top = self.top + 1
  self.top = top
  self.trail[top] = v
end

function Machine:undo(mark)
  local trail = self.trail
  for i = self.top, mark + 1, -1 do
    trail[i].value = nil
    trail[i] = nil
  end
  self.top = mark
end

function Machine:unify(a, b)
  a, b = walk(a), walk(b)
  if a == b then return true end
  if getmetatable(a) == Variable then
    self:bind(a, b)
    return true
  elseif getmetatable(b) == Variable then
    self:bind(b, a)
    return true
  elseif type(a) == "table" and type(b) == "table" and a.key == b.key then
    local x, y = a.args, b.args
    for i = 1, #x do
      if not self:unify(x[i], y[i]) then return false end
    end
    return true
  end
  return false
end

local arithmetic = {
  ["+"] = function(a, b) return a + b end,
  ["-"] = function(a, b) return a - b end,
  ["*"] = function(a, b) return a * b end,
  mod = function(a, b) return a % b end,
}

local function evaluate(term)
  term = walk(term)
  if type(term) == "number" then return term end
  local f = type(term) == "table" and arithmetic[term.name]
  if not f then error("not a number: " .. show(term), 0) end
  return f(evaluate(term.args[1]), evaluate(term.args[2]))
end

local builtins = {
  ["=/2"] = function(m, a) return m:unify(a[1], a[2]) end,
  ["\\=/2"] = function(m, a)
    local mark = m.top
    local same = m:unify(a[1], a[2])
    m:undo(mark)
    return not same
  end,
  ["is/2"] = function(m, a) return m:unify(a[1], evaluate(a[2])) end,
  ["</2"] = function(_, a) return evaluate(a[1]) < evaluate(a[2]) end,
  [">/2"] = function(_, a) return evaluate(a[1]) > evaluate(a[2]) end,
  ["=</2"] = function(_, a) return evaluate(a[1]) <= evaluate(a[2]) end,
  [">=/2"] = function(_, a) return evaluate(a[1]) >= evaluate(a[2]) end,
  ["=:=/2"] = function(_, a) return evaluate(a[1]) == evaluate(a[2]) end,
  ["=\\=/2"] = function(_, a) return evaluate(a[1]) ~= evaluate(a[2]) end,
}

-- A quick test that spares copying clauses that can't match by their first argument.
local function may_match(goal, head)
  if type(head) ~= "table" then return true end
  local a, b = walk(goal.args[1]), head.args[1]
  if getmetatable(a) == Variable or getmetatable(b) == Variable then return true end
  if type(a) == "table" and type(b) == "table" then return a.key == b.key end
  return a == b
end

-- Goals form a linked list; each remembers the choice level that a cut in its clause returns to.
-- The search is a loop over an explicit stack of choice points, so its depth is not limited.
function Machine:solve(goals, limit, found)
  local choices, depth = {}, 0
  local solutions = 0
  local current = goals
  while true do
    local ok = true
    if not current then
      solutions = solutions + 1
      found()
      if solutions >= limit then return solutions end
      ok = false
    else
      local goal, after, level = walk(current.term), current.next, current.level
      self.inferences = self.inferences + 1
      local key = key_of(goal)
      local builtin = builtins[key]
      if goal == "!" then
        for i = depth, level + 1, -1 do choices[i] = nil end
        depth = level
        current = after
      elseif key == "not/1" then
        local mark = self.top
        local inner = { term = goal.args[1], next = nil, level = 0 }
        local hits = self:solve(inner, 1, function() end)
        self:undo(mark)
        ok = hits == 0
        current = after
      elseif builtin then
        ok = builtin(self, goal.args)
        current = after
      else
        local clauses = self.database[key]
        if not clauses then error("unknown predicate " .. key, 0) end
        depth = depth + 1
        choices[depth] = { goal = goal, clauses = clauses, index = 1, next = after, mark = self.top }
        ok = false
      end
    end
    if not ok then
      -- Take the latest choice point that has a clause left.
      current = nil
      local resumed = false
      while depth > 0 and not resumed do
        local choice = choices[depth]
        self:undo(choice.mark)
        local clauses, index = choice.clauses, choice.index
        local level = depth - 1
        while index <= #clauses do
          local clause = clauses[index]
          index = index + 1
          if may_match(choice.goal, clause.head) then
            local map = {}
            if self:unify(choice.goal, rename(clause.head, map)) then
              choice.index = index
              if index > #clauses then
                choices[depth] = nil
                depth = level
              end
              current = choice.next
              for i = #clause.body, 1, -1 do
                current = { term = rename(clause.body[i], map), next = current, level = level }
              end
              resumed = true
              break
            end
            self:undo(choice.mark)
          end
        end
        if not resumed then
          choices[depth] = nil
          depth = level
        end
      end
      if not resumed then return solutions end
    end
  end
end

local function ask(database, text, limit)
  local reader = setmetatable({ text = text, at = 1, variables = {} }, Reader)
  local terms = reader:arguments(".")
  local goals
  for i = #terms, 1, -1 do goals = { term = terms[i], next = goals, level = 0 } end
  local machine, answers = new_machine(database), {}
  local names = {}
  for name in pairs(reader.variables) do names[#names + 1] = name end
  table.sort(names)
  local count = machine:solve(goals, limit, function()
    local parts = {}
    for i = 1, #names do parts[i] = names[i] .. "=" .. show(reader.variables[names[i]]) end
    answers[#answers + 1] = concat(parts, " ")
  end)
  return answers, count, machine.inferences
end

---------------------------------------------------------------------------------------------------

local program = [[
% Lists
append([], L, L).
append([X|Xs], L, [X|R]) :- append(Xs, L, R).
member(X, [X|_]).
member(X, [_|T]) :- member(X, T).
select(X, [X|T], T).
select(X, [H|T], [H|R]) :- select(X, T, R).
reverse([], []).
reverse([X|Xs], R) :- reverse(Xs, S), append(S, [X], R).
range(N, N, [N]) :- !.
range(A, B, [A|R]) :- A < B, C is A + 1, range(C, B, R).
length([], 0).
length([_|T], N) :- length(T, M), N is M + 1.
sumlist([], 0).
sumlist([X|Xs], S) :- sumlist(Xs, T), S is T + X.

% Eight queens and smaller
queens(N, Qs) :- range(1, N, Ns), place(Ns, [], Qs).
place([], Qs, Qs).
place(Free, Safe, Qs) :- select(Q, Free, Rest), \+ attacked(Q, 1, Safe), place(Rest, [Q|Safe], Qs).
attacked(Q, D, [P|_]) :- Q =:= P + D.
attacked(Q, D, [P|_]) :- Q =:= P - D.
attacked(Q, D, [_|Ps]) :- E is D + 1, attacked(Q, E, Ps).

% A family
parent(ann, bob). parent(ann, cid). parent(bob, dee). parent(bob, eve). parent(cid, fay). parent(fay, gus).
ancestor(X, Y) :- parent(X, Y).
ancestor(X, Y) :- parent(X, Z), ancestor(Z, Y).
sibling(X, Y) :- parent(P, X), parent(P, Y), X \= Y.

% Primes by trial, colours of a map
prime(2) :- !.
prime(N) :- N > 2, N mod 2 =:= 1, no_divisor(N, 3).
no_divisor(N, D) :- D * D > N, !.
no_divisor(N, D) :- N mod D =\= 0, E is D + 2, no_divisor(N, E).
colour(red). colour(green). colour(blue).
map(A, B, C, D, E) :- colour(A), colour(B), A \= B, colour(C), A \= C, B \= C,
  colour(D), D \= B, D \= C, colour(E), E \= C, E \= D.
]]

local queries = {
  { "append(X, Y, [1,2,3]).", 10 },
  { "range(1, 28, L), reverse(L, R), sumlist(R, S), length(R, N).", 1 },
  { "queens(6, Qs).", 10 },
  { "ancestor(ann, X).", 20 },
  { "sibling(X, Y).", 20 },
  { "range(2, 60, L), member(P, L), prime(P).", 100 },
  { "map(A, B, C, D, E).", 50 },
  { "select(X, [a,b,c], R), \\+ X = b.", 5 },
}

local mix, inferences = 0, 0
for _ = 1, ROUNDS do
  local database, clauses = load_program(program)
  for i = 1, #queries do
    local answers, count, steps = ask(database, queries[i][1], queries[i][2])
    inferences = inferences + steps
    mix = (mix * 31 + count + clauses) % 1000003
    for k = 1, #answers do
      local answer = answers[k]
      mix = (mix * 31 + #answer * 7 + answer:byte(#answer)) % 1000003
    end
  end
end

local database = load_program(program)
local first = ask(database, "queens(6, Qs).", 1)[1]
for _, broken in ipairs({ "append(X.", "nothing(1).", "X is foo + 1." }) do
  assert(not pcall(ask, database, broken, 1))
end

local got = format("%s %d %d", first, mix, inferences)
assert(got == "Qs=[5,3,1,6,4,2] 633201 92361", "logic: checksum is " .. got)
print("logic " .. got)
