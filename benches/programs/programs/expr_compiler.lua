-- A small language: scanner, operator-precedence parser, folding, code for a stack machine, machine.
-- Stresses: string scanning, trees of records, a dispatch loop over integer code, tables as stacks.

local REPEATS = 60

local format, floor = string.format, math.floor

---------------------------------------------------------------------------------------------------
-- Scanner

local keywords = {}
for word in ("let while do end if then else fn return print and or not true false"):gmatch("%a+") do
  keywords[word] = true
end

local function scan(source)
  local kinds, texts, lines, n = {}, {}, {}, 0
  local at, line = 1, 1
  local function add(kind, text)
    n = n + 1
    kinds[n], texts[n], lines[n] = kind, text, line
  end
  while at <= #source do
    local c = source:sub(at, at)
    if c:find("%s") then
      local blanks = source:match("^%s+", at)
      local _, ends = blanks:gsub("\n", "")
      line = line + ends
      at = at + #blanks
    elseif c == "#" then
      at = source:find("\n", at, true) or #source + 1
    elseif c:find("%d") then
      local text = source:match("^%d+%.?%d*", at)
      add("number", text)
      at = at + #text
    elseif c:find("[%a_]") then
      local text = source:match("^[%w_]+", at)
      add(keywords[text] and text or "name", text)
      at = at + #text
    else
      local two = source:sub(at, at + 1)
      if two == "==" or two == "~=" or two == "<=" or two == ">=" then
        add(two, two)
        at = at + 2
      elseif c:find("[%+%-%*/%%%(%)<>=,;]") then
        add(c, c)
        at = at + 1
      else
        error(format("line %d: unexpected '%s'", line, c), 0)
      end
    end
  end
  add("eof", "end of text")
  return { kinds = kinds, texts = texts, lines = lines, at = 1 }
end

---------------------------------------------------------------------------------------------------
-- Parser

local Parser = {}
Parser.__index = Parser

local binary = {
  ["or"] = 1, ["and"] = 2,
  ["=="] = 3, ["~="] = 3, ["<"] = 3, ["<="] = 3, [">"] = 3, [">="] = 3,
  ["+"] = 4, ["-"] = 4, ["*"] = 5, ["/"] = 5, ["%"] = 5,
}
local UNARY = 6

function Parser:peek() return self.tokens.kinds[self.tokens.at] end

function Parser:take()
  local tokens = self.tokens
  local at = tokens.at
  tokens.at = at + 1
  return tokens.kinds[at], tokens.texts[at]
end

function Parser:fail(expected)
  local tokens = self.tokens
  error(format("line %d: %s expected near '%s'", tokens.lines[tokens.at], expected, tokens.texts[tokens.at]), 0)
end

function Parser:expect(kind)
  if self:peek() ~= kind then self:fail("'" .. kind .. "'") end
  local _, text = self:take()
  return text
end

function Parser:accept(kind)
  if self:peek() == kind then
    self:take()
    return true
  end
  return false
end

function Parser:arguments()
  local args = {}
  self:expect("(")
  if self:peek() ~= ")" then
    repeat args[#args + 1] = self:expression(1) until not self:accept(",")
  end
  self:expect(")")
  return args
end

function Parser:primary()
  local kind = self:peek()
  if kind == "number" then
    local _, text = self:take()
    return { tag = "constant", value = tonumber(text) }
  elseif kind == "true" or kind == "false" then
    self:take()
    return { tag = "constant", value = kind == "true" and 1 or 0 }
  elseif kind == "name" then
    local _, name = self:take()
    if self:peek() == "(" then return { tag = "call", name = name, args = self:arguments() } end
    return { tag = "variable", name = name }
  elseif kind == "(" then
    self:take()
    local inner = self:expression(1)
    self:expect(")")
    return inner
  elseif kind == "-" or kind == "not" then
    self:take()
    return { tag = "unary", op = kind, operand = self:expression(UNARY) }
  end
  self:fail("expression")
end

function Parser:expression(level)
  local left = self:primary()
  while true do
    local op = self:peek()
    local strength = binary[op]
    if not strength or strength < level then return left end
    self:take()
    left = { tag = "binary", op = op, left = left, right = self:expression(strength + 1) }
  end
end

function Parser:block(...)
  local stops, body = { ... }, {}
  while true do
    local kind = self:peek()
    for i = 1, #stops do
      if kind == stops[i] then return body end
    end
    body[#body + 1] = self:statement()
    self:accept(";")
  end
end

function Parser:statement()
  local kind = self:peek()
  if kind == "let" then
    self:take()
    local name = self:expect("name")
    self:expect("=")
    return { tag = "let", name = name, value = self:expression(1) }
  elseif kind == "while" then
    self:take()
    local condition = self:expression(1)
    self:expect("do")
    local body = self:block("end")
    self:expect("end")
    return { tag = "while", condition = condition, body = body }
  elseif kind == "if" then
    self:take()
    local node = { tag = "if", condition = self:expression(1) }
    self:expect("then")
    node.yes = self:block("else", "end")
    if self:accept("else") then node.no = self:block("end") end
    self:expect("end")
    return node
  elseif kind == "fn" then
    self:take()
    local node = { tag = "function", name = self:expect("name"), params = {} }
    self:expect("(")
    if self:peek() ~= ")" then
      repeat node.params[#node.params + 1] = self:expect("name") until not self:accept(",")
    end
    self:expect(")")
    node.body = self:block("end")
    self:expect("end")
    return node
  elseif kind == "return" or kind == "print" then
    self:take()
    return { tag = kind, value = self:expression(1) }
  elseif kind == "name" then
    local _, name = self:take()
    if self:accept("=") then return { tag = "assign", name = name, value = self:expression(1) } end
    return { tag = "expression", value = { tag = "call", name = name, args = self:arguments() } }
  end
  self:fail("statement")
end

local function parse(source)
  local parser = setmetatable({ tokens = scan(source) }, Parser)
  local body = parser:block("eof")
  return body
end

---------------------------------------------------------------------------------------------------
-- Folding of constant expressions

local compute = {
  ["+"] = function(a, b) return a + b end,
  ["-"] = function(a, b) return a - b end,
  ["*"] = function(a, b) return a * b end,
  ["%"] = function(a, b) return b ~= 0 and a % b or nil end,
  ["<"] = function(a, b) return a < b and 1 or 0 end,
  ["<="] = function(a, b) return a <= b and 1 or 0 end,
  ["=="] = function(a, b) return a == b and 1 or 0 end,
}

local folded = 0

local function fold(node)
  if node.tag == "binary" then
    node.left, node.right = fold(node.left), fold(node.right)
    local f = compute[node.op]
    if f and node.left.tag == "constant" and node.right.tag == "constant" then
      local value = f(node.left.value, node.right.value)
      if value then
        folded = folded + 1
        return { tag = "constant", value = value }
      end
    end
  elseif node.tag == "unary" then
    node.operand = fold(node.operand)
    if node.op == "-" and node.operand.tag == "constant" then
      folded = folded + 1
      return { tag = "constant", value = -node.operand.value }
    end
  elseif node.tag == "call" then
    for i = 1, #node.args do node.args[i] = fold(node.args[i]) end
  end
  return node
end

---------------------------------------------------------------------------------------------------
-- Code generation: pairs of operation and operand in one array

local PUSH, LOAD, STORE, ADD, SUB, MUL, DIV, MOD, EQ, NE, LT, LE, NEG, NOT, JUMP, BRANCH, CALL, RETURN, PRINT, POP =
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20

local operation = {
  ["+"] = ADD, ["-"] = SUB, ["*"] = MUL, ["/"] = DIV, ["%"] = MOD,
  ["=="] = EQ, ["~="] = NE, ["<"] = LT, ["<="] = LE,
}

local Compiler = {}
Compiler.__index = Compiler

local function new_function(name, params)
  local compiler = setmetatable({ code = {}, n = 0, slots = {}, size = 0, name = name, arity = #params }, Compiler)
  for i = 1, #params do compiler:slot(params[i]) end
  return compiler
end

function Compiler:slot(name)
  local slot = self.slots[name]
  if not slot then
    slot = self.size + 1
    self.size = slot
    self.slots[name] = slot
  end
  return slot
end

function Compiler:emit(op, operand)
  local n = self.n
  self.code[n + 1], self.code[n + 2] = op, operand or 0
  self.n = n + 2
  return n + 2
end

function Compiler:patch(at) self.code[at] = self.n + 1 end

function Compiler:expression(node, program)
  local tag = node.tag
  if tag == "constant" then
    self:emit(PUSH, node.value)
  elseif tag == "variable" then
    if not self.slots[node.name] then error("unknown variable '" .. node.name .. "'", 0) end
    self:emit(LOAD, self.slots[node.name])
  elseif tag == "unary" then
    self:expression(node.operand, program)
    self:emit(node.op == "-" and NEG or NOT)
  elseif tag == "call" then
    local callee = program.index[node.name]
    if not callee then error("unknown function '" .. node.name .. "'", 0) end
    for i = 1, #node.args do self:expression(node.args[i], program) end
    self:emit(CALL, callee)
  elseif node.op == "and" or node.op == "or" then
    -- Both yield 0 or 1; the right operand runs only if it decides.
    self:expression(node.left, program)
    if node.op == "or" then self:emit(NOT) end
    local skip = self:emit(BRANCH)
    self:expression(node.right, program)
    self:emit(NOT)
    self:emit(NOT)
    local out = self:emit(JUMP)
    self:patch(skip)
    self:emit(PUSH, node.op == "or" and 1 or 0)
    self:patch(out)
  elseif node.op == ">" or node.op == ">=" then
    self:expression(node.right, program)
    self:expression(node.left, program)
    self:emit(node.op == ">" and LT or LE)
  else
    self:expression(node.left, program)
    self:expression(node.right, program)
    self:emit(operation[node.op])
  end
end

function Compiler:statements(body, program)
  for i = 1, #body do self:statement(body[i], program) end
end

function Compiler:statement(node, program)
  local tag = node.tag
  if tag == "function" then return end
  if tag == "while" then
    local top = self.n + 1
    self:expression(fold(node.condition), program)
    local out = self:emit(BRANCH)
    self:statements(node.body, program)
    self:emit(JUMP, top)
    self:patch(out)
  elseif tag == "if" then
    self:expression(fold(node.condition), program)
    local otherwise = self:emit(BRANCH)
    self:statements(node.yes, program)
    if node.no then
      local out = self:emit(JUMP)
      self:patch(otherwise)
      self:statements(node.no, program)
      self:patch(out)
    else
      self:patch(otherwise)
    end
  else
    self:expression(fold(node.value), program)
    if tag == "let" or tag == "assign" then
      if tag == "assign" and not self.slots[node.name] then error("unknown variable '" .. node.name .. "'", 0) end
      self:emit(STORE, self:slot(node.name))
    elseif tag == "return" then
      self:emit(RETURN)
    elseif tag == "print" then
      self:emit(PRINT)
    else
      self:emit(POP)
    end
  end
end

local function compile(source)
  local body = parse(source)
  local program = { index = {}, functions = {} }
  local nodes = { { name = "main", params = {}, body = body } }
  for i = 1, #body do
    if body[i].tag == "function" then nodes[#nodes + 1] = body[i] end
  end
  for i = 1, #nodes do program.index[nodes[i].name] = i end
  for i = 1, #nodes do
    local node = nodes[i]
    local compiler = new_function(node.name, node.params)
    compiler:statements(node.body, program)
    compiler:emit(PUSH, 0)
    compiler:emit(RETURN)
    program.functions[i] = compiler
  end
  return program
end

---------------------------------------------------------------------------------------------------
-- The machine: one stack for values, one for frames

local function execute(program, output)
  local functions = program.functions
  local stack, top = {}, 0
  local frames, depth = {}, 0
  local code, pc, base = functions[1].code, 1, 0
  local steps = 0
  for i = 1, functions[1].size do stack[i] = 0 end
  top = functions[1].size
  while true do
    local op, operand = code[pc], code[pc + 1]
    pc = pc + 2
    steps = steps + 1
    if op == PUSH then
      top = top + 1
      stack[top] = operand
    elseif op == LOAD then
      top = top + 1
      stack[top] = stack[base + operand]
    elseif op == STORE then
      stack[base + operand] = stack[top]
      top = top - 1
    elseif op == ADD then
      top = top - 1
      stack[top] = stack[top] + stack[top + 1]
    elseif op == SUB then
      top = top - 1
      stack[top] = stack[top] - stack[top + 1]
    elseif op == MUL then
      top = top - 1
      stack[top] = stack[top] * stack[top + 1]
    elseif op == DIV then
      top = top - 1
      stack[top] = floor(stack[top] / stack[top + 1])
    elseif op == MOD then
      top = top - 1
      stack[top] = stack[top] % stack[top + 1]
    elseif op == EQ then
      top = top - 1
      stack[top] = stack[top] == stack[top + 1] and 1 or 0
    elseif op == NE then
      top = top - 1
      stack[top] = stack[top] ~= stack[top + 1] and 1 or 0
    elseif op == LT then
      top = top - 1
      stack[top] = stack[top] < stack[top + 1] and 1 or 0
    elseif op == LE then
      top = top - 1
      stack[top] = stack[top] <= stack[top + 1] and 1 or 0
    elseif op == NEG then
      stack[top] = -stack[top]
    elseif op == NOT then
      stack[top] = stack[top] == 0 and 1 or 0
    elseif op == JUMP then
      pc = operand
    elseif op == BRANCH then
      if stack[top] == 0 then pc = operand end
      top = top - 1
    elseif op == CALL then
      local callee = functions[operand]
      depth = depth + 1
      frames[depth] = { code = code, pc = pc, base = base }
      base = top - callee.arity
      top = base + callee.size
      for i = base + callee.arity + 1, top do stack[i] = 0 end
      code, pc = callee.code, 1
    elseif op == RETURN then
      if depth == 0 then return steps end
      local result, frame = stack[top], frames[depth]
      top = base + 1
      stack[top] = result
      code, pc, base = frame.code, frame.pc, frame.base
      depth = depth - 1
    elseif op == PRINT then
      output[#output + 1] = stack[top]
      top = top - 1
    else
      top = top - 1
    end
  end
end

---------------------------------------------------------------------------------------------------

local source = [[
# Several classics, each printing one number.
fn fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

fn gcd(a, b)
  while b ~= 0 do
    let t = a % b
    a = b  b = t
  end
  return a
end

fn is_prime(n)
  if n < 2 or n % 2 == 0 and n ~= 2 then return false end
  let d = 3
  while d * d <= n do
    if n % d == 0 then return false end
    d = d + 2
  end
  return true
end

fn power(base, exponent, modulus)
  let result = 1
  while exponent > 0 do
    if exponent % 2 == 1 then result = result * base % modulus end
    base = base * base % modulus
    exponent = exponent / 2
  end
  return result
end

fn collatz(n)
  let steps = 0
  while not (n == 1) do
    if n % 2 == 0 then n = n / 2 else n = 3 * n + 1 end
    steps = steps + 1
  end
  return steps
end

print fib(15)
let n = 0
let count = 0
while n < 60 * 10 + 1 do
  if is_prime(n) then count = count + 1 end
  n = n + 1
end
print count
let longest = 0  let i = 1
while i <= 2 * 40 do
  let steps = collatz(i)
  if steps > longest then longest = steps end
  i = i + 1
end
print longest
let sum = 0
let a = 1
while a <= 30 do
  sum = sum + gcd(a * 6, 84) + power(a, a + 10, 1000 - 3)
  a = a + 1
end
print sum - -(2 + 3) * 4
]]

local results, steps
for _ = 1, REPEATS do
  results = {}
  steps = execute(compile(source), results)
end

local broken = { "let = 3", "print 1 +", "while 1 do print 2", "print f(1)", "x = 4", "let a = $", "if 1 then else" }
local complaints = 0
for i = 1, #broken do
  local ok, message = pcall(compile, broken[i])
  assert(not ok and type(message) == "string")
  complaints = complaints + #message
end

local got = format("%d %d %d %d %d %d %d", results[1], results[2], results[3], results[4], steps, folded, complaints)
assert(got == "610 109 115 12692 115095 420 230", "expr_compiler: checksum is " .. got)
print("expr_compiler " .. got)
