-- A regular-expression engine: parser, Thompson automaton, lazily built deterministic automaton, minimiser.
-- Stresses: sets as sorted arrays and joined keys, byte loops over subjects, graph walks, class tables.

local ROUNDS = 150

local byte, char, concat, sort, format = string.byte, string.char, table.concat, table.sort, string.format

---------------------------------------------------------------------------------------------------
-- Character classes: arrays from byte to true

local Class = {}
Class.__index = Class

function Class.new() return setmetatable({ members = {}, size = 0 }, Class) end

function Class:add(c)
  if not self.members[c] then
    self.members[c] = true
    self.size = self.size + 1
  end
  return self
end

function Class:add_range(from, to)
  for c = from, to do self:add(c) end
  return self
end

function Class:merge(other)
  for c = 0, 255 do
    if other.members[c] then self:add(c) end
  end
  return self
end

function Class:inverse()
  local class = Class.new()
  for c = 0, 255 do
    if not self.members[c] then class:add(c) end
  end
  return class
end

local function single(c) return Class.new():add(byte(c)) end

local named = {
  d = Class.new():add_range(48, 57),
  w = Class.new():add_range(48, 57):add_range(65, 90):add_range(97, 122):add(95),
  s = Class.new():add(32):add_range(9, 13),
}
for _, name in ipairs({ "d", "w", "s" }) do named[name:upper()] = named[name]:inverse() end
local any = Class.new():add_range(0, 255)
any.members[10], any.size = nil, 255

---------------------------------------------------------------------------------------------------
-- Parser: alternation, sequence, repetition, atoms

local Parser = {}
Parser.__index = Parser

function Parser:peek() return self.pattern:sub(self.at, self.at) end

function Parser:take()
  local c = self:peek()
  self.at = self.at + 1
  return c
end

function Parser:fail(message)
  error(format("%s at %d in '%s'", message, self.at, self.pattern), 0)
end

function Parser:alternation()
  local branches = { self:sequence() }
  while self:peek() == "|" do
    self:take()
    branches[#branches + 1] = self:sequence()
  end
  if #branches == 1 then return branches[1] end
  return { tag = "either", branches = branches }
end

function Parser:sequence()
  local items = {}
  while true do
    local c = self:peek()
    if c == "" or c == "|" or c == ")" then break end
    items[#items + 1] = self:repetition()
  end
  return { tag = "all", items = items }
end

function Parser:repetition()
  local item = self:atom()
  while true do
    local c = self:peek()
    if c == "*" then
      self:take()
      item = { tag = "repeat", item = item, low = 0, high = nil }
    elseif c == "+" then
      self:take()
      item = { tag = "repeat", item = item, low = 1, high = nil }
    elseif c == "?" then
      self:take()
      item = { tag = "repeat", item = item, low = 0, high = 1 }
    elseif c == "{" then
      local low, comma, high, stop = self.pattern:match("^{(%d+)(,?)(%d*)}()", self.at)
      if not low then self:fail("bad repeat count") end
      self.at = stop
      low, high = tonumber(low), tonumber(high)
      if comma == "" then high = low end
      if high and high < low then self:fail("empty range of counts") end
      item = { tag = "repeat", item = item, low = low, high = high }
    else
      return item
    end
  end
end

function Parser:escape()
  local c = self:take()
  if c == "" then self:fail("escape without character") end
  if c == "n" then return single("\n") end
  if c == "t" then return single("\t") end
  return named[c] or single(c)
end

function Parser:set()
  local class, negated = Class.new(), false
  if self:peek() == "^" then
    self:take()
    negated = true
  end
  local first = true
  while first or self:peek() ~= "]" do
    first = false
    local c = self:take()
    if c == "" then self:fail("set without end") end
    if c == "\\" then
      class:merge(self:escape())
    elseif self:peek() == "-" and self.pattern:sub(self.at + 1, self.at + 1) ~= "]" then
      self:take()
      local last = self:take()
      if last == "" or byte(last) < byte(c) then self:fail("bad range") end
      class:add_range(byte(c), byte(last))
    else
      class:add(byte(c))
    end
  end
  self:take()
  return negated and class:inverse() or class
end

function Parser:atom()
  local c = self:take()
  if c == "(" then
    local inner = self:alternation()
    if self:take() ~= ")" then self:fail("')' expected") end
    return inner
  elseif c == "[" then
    return { tag = "class", class = self:set() }
  elseif c == "." then
    return { tag = "class", class = any }
  elseif c == "\\" then
    return { tag = "class", class = self:escape() }
  elseif c == "*" or c == "+" or c == "?" or c == "{" then
    self:fail("nothing to repeat")
  end
  return { tag = "class", class = single(c) }
end

local function parse(pattern)
  local parser = setmetatable({ pattern = pattern, at = 1 }, Parser)
  local tree = parser:alternation()
  if parser.at <= #pattern then parser:fail("unexpected ')'") end
  return tree
end

---------------------------------------------------------------------------------------------------
-- Non-deterministic automaton: each state has a class and a target, or free edges

local function new_nfa() return { class = {}, target = {}, free = {}, count = 0 } end

local function add_state(nfa)
  local state = nfa.count + 1
  nfa.count = state
  nfa.free[state] = {}
  return state
end

local function add_free(nfa, from, to)
  local edges = nfa.free[from]
  edges[#edges + 1] = to
end

-- Adds states for `node` that lead from `from`; gives the state where they end.
local emit

local emitters = {
  class = function(nfa, node, from)
    local middle, to = add_state(nfa), add_state(nfa)
    add_free(nfa, from, middle)
    nfa.class[middle], nfa.target[middle] = node.class.members, to
    return to
  end,
  all = function(nfa, node, from)
    for i = 1, #node.items do from = emit(nfa, node.items[i], from) end
    return from
  end,
  either = function(nfa, node, from)
    local to = add_state(nfa)
    for i = 1, #node.branches do
      local start = add_state(nfa)
      add_free(nfa, from, start)
      add_free(nfa, emit(nfa, node.branches[i], start), to)
    end
    return to
  end,
  ["repeat"] = function(nfa, node, from)
    for _ = 1, node.low do from = emit(nfa, node.item, from) end
    if not node.high then
      local top = add_state(nfa)
      add_free(nfa, from, top)
      add_free(nfa, emit(nfa, node.item, top), top)
      local out = add_state(nfa)
      add_free(nfa, top, out)
      return out
    end
    local out = add_state(nfa)
    add_free(nfa, from, out)
    for _ = node.low + 1, node.high do
      from = emit(nfa, node.item, from)
      add_free(nfa, from, out)
    end
    return out
  end,
}

function emit(nfa, node, from) return emitters[node.tag](nfa, node, from) end

local function compile(pattern)
  local nfa = new_nfa()
  nfa.start = add_state(nfa)
  nfa.accept = emit(nfa, parse(pattern), nfa.start)
  return nfa
end

---------------------------------------------------------------------------------------------------
-- Deterministic automaton: sets of states, made when first needed

local Dfa = {}
Dfa.__index = Dfa

local function closure(nfa, seeds)
  local seen, stack, out = {}, {}, {}
  for i = 1, #seeds do
    if not seen[seeds[i]] then
      seen[seeds[i]] = true
      stack[#stack + 1] = seeds[i]
    end
  end
  while #stack > 0 do
    local state = stack[#stack]
    stack[#stack] = nil
    out[#out + 1] = state
    local edges = nfa.free[state]
    for i = 1, #edges do
      local to = edges[i]
      if not seen[to] then
        seen[to] = true
        stack[#stack + 1] = to
      end
    end
  end
  sort(out)
  return out
end

function Dfa.new(nfa)
  local dfa = setmetatable({ nfa = nfa, states = {}, count = 0, by_key = {} }, Dfa)
  dfa.start = dfa:intern(closure(nfa, { nfa.start }))
  return dfa
end

function Dfa:intern(set)
  local key = concat(set, ",")
  local state = self.by_key[key]
  if not state then
    self.count = self.count + 1
    state = { id = self.count, set = set, moves = {}, accepting = false, dead = #set == 0 }
    for i = 1, #set do
      if set[i] == self.nfa.accept then state.accepting = true end
    end
    self.by_key[key] = state
    self.states[self.count] = state
  end
  return state
end

function Dfa:move(state, c)
  local nfa, seeds = self.nfa, {}
  local set = state.set
  for i = 1, #set do
    local class = nfa.class[set[i]]
    if class and class[c] then seeds[#seeds + 1] = nfa.target[set[i]] end
  end
  local to = self:intern(closure(nfa, seeds))
  state.moves[c] = to
  return to
end

-- The end of the longest match that starts at `from`, or nil.
function Dfa:match_at(text, from)
  local state, last = self.start, nil
  if state.accepting then last = from - 1 end
  for at = from, #text do
    local c = byte(text, at)
    state = state.moves[c] or self:move(state, c)
    if state.dead then break end
    if state.accepting then last = at end
  end
  return last
end

function Dfa:find_all(text)
  local count, total, at = 0, 0, 1
  while at <= #text do
    local stop = self:match_at(text, at)
    if stop and stop >= at then
      count = count + 1
      total = total + (stop - at + 1)
      at = stop + 1
    else
      at = at + 1
    end
  end
  return count, total
end

-- Completes the automaton over `alphabet` and counts its classes of equivalent states.
function Dfa:minimal_size(alphabet)
  local i = 1
  while i <= self.count do
    local state = self.states[i]
    for k = 1, #alphabet do
      local c = byte(alphabet, k)
      if not state.moves[c] then self:move(state, c) end
    end
    i = i + 1
  end
  local block, blocks = {}, 0
  for s = 1, self.count do block[s] = self.states[s].accepting and 2 or 1 end
  while true do
    local keys, renamed, n = {}, {}, 0
    for s = 1, self.count do
      local parts = { block[s] }
      for k = 1, #alphabet do parts[k + 1] = block[self.states[s].moves[byte(alphabet, k)].id] end
      local key = concat(parts, ",")
      if not keys[key] then
        n = n + 1
        keys[key] = n
      end
      renamed[s] = keys[key]
    end
    block = renamed
    if n == blocks then return n end
    blocks = n
  end
end

---------------------------------------------------------------------------------------------------

local patterns = {
  "(a|b)*abb",
  "[A-Z]\\w+( [A-Z]\\w+)*",
  "\\d{1,3}(\\.\\d{1,3}){3}",
  "[\\w.]+@\\w+(\\.\\w+)+",
  "(0|1(01*0)*1)+",
  "\"([^\"\\\\]|\\\\.)*\"",
  "-?\\d+(\\.\\d+)?([eE][-+]?\\d+)?",
  "<(/?[a-z]+)( [a-z]+=\"[^\"]*\")*>",
  "(ab?c?){2,4}|x{3}",
  "#[^\\n]*",
}

local paragraph = [[
Ada Lovelace wrote to Charles Babbage <b class="x">about</b> 1843 from 192.168.10.254, not 10.0.0.1:
# aabbabb abab abcabac xxxx 110 1001 "a \"quoted\" text" -12.5e+3 mail ada@example.org or c.b@mail.co.uk
The values 3.14159, 2.71828 and 1e100 are in the <a href="list">list</a>; Grace Murray Hopper found "bugs".
]]
local text = paragraph:rep(4)

local mix, states = 0, 0
for round = 1, ROUNDS do
  for i = 1, #patterns do
    local dfa = Dfa.new(compile(patterns[i]))
    local count, total = dfa:find_all(text)
    count, total = dfa:find_all(text)
    states = states + dfa.count
    mix = (mix * 31 + count * 7 + total + round) % 1000003
  end
end

local sizes = {}
for i, pattern in ipairs({ "(a|b)*abb", "(a|b)*a(a|b){3}", "(aa|bb|ab|ba)*", "a*b*|b*a*" }) do
  sizes[i] = format("%d", Dfa.new(compile(pattern)):minimal_size("ab"))
end

local broken = { "(a", "a)", "*a", "[a", "a{2", "a{3,1}", "\\", "[z-a]" }
for i = 1, #broken do
  local ok, message = pcall(compile, broken[i])
  assert(not ok and type(message) == "string")
  mix = (mix * 31 + #message) % 1000003
end
assert(char(65) == "A")

local got = format("%d %d %s", mix, states, concat(sizes, "/"))
assert(got == "65933 15000 4/16/2/6", "regex: checksum is " .. got)
print("regex " .. got)
