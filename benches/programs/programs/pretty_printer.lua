-- Formats source code of a small functional language: tokens, syntax tree, layout documents, text.
-- Stresses: patterns anchored in a long string, recursive trees by tag, closures per kind, line fitting.

local ROUNDS = 42

local concat, format, rep = table.concat, string.format, string.rep

---------------------------------------------------------------------------------------------------
-- Tokens

local reserved = {}
for word in ("let in if then else fun match with end rec type of"):gmatch("%a+") do reserved[word] = true end

-- Each rule is tried in turn at the current position.
local rules = {
  { "blank", "^[ \t\r\n]+" },
  { "comment", "^%-%-[^\n]*" },
  { "number", "^%d+%.?%d*" },
  { "string", '^"[^"\n]*"' },
  { "name", "^[%a_][%w_']*" },
  { "arrow", "^%->" },
  { "operator", "^[<>=/]=" },
  { "operator", "^&&" },
  { "operator", "^||" },
  { "operator", "^::" },
  { "operator", "^[%+%-%*/<>=]" },
  { "mark", "^[%(%)%[%],|;.]" },
}

local function tokenize(source)
  local tokens, n, at, line = {}, 0, 1, 1
  local length = #source
  while at <= length do
    local kind, stop
    for i = 1, #rules do
      local _, e = source:find(rules[i][2], at)
      if e then
        kind, stop = rules[i][1], e
        break
      end
    end
    if not kind then error(format("line %d: stray character '%s'", line, source:sub(at, at)), 0) end
    local text = source:sub(at, stop)
    if kind == "blank" then
      for _ in text:gmatch("\n") do line = line + 1 end
    elseif kind ~= "comment" then
      if kind == "name" and reserved[text] then kind = "word" end
      n = n + 1
      tokens[n] = { kind = kind, text = text, line = line }
    end
    at = stop + 1
  end
  tokens[n + 1] = { kind = "eof", text = "<end>", line = line }
  return tokens
end

---------------------------------------------------------------------------------------------------
-- Syntax tree

local Reader = {}
Reader.__index = Reader

local levels = {
  ["||"] = { 1, "right" }, ["&&"] = { 2, "right" },
  ["=="] = { 3, "left" }, ["/="] = { 3, "left" }, ["<"] = { 3, "left" }, [">"] = { 3, "left" },
  ["<="] = { 3, "left" }, [">="] = { 3, "left" },
  ["::"] = { 4, "right" },
  ["+"] = { 5, "left" }, ["-"] = { 5, "left" },
  ["*"] = { 6, "left" }, ["/"] = { 6, "left" },
}

function Reader:is(text)
  local token = self.tokens[self.at]
  return token.text == text and token.kind ~= "string"
end

function Reader:accept(text)
  if self:is(text) then
    self.at = self.at + 1
    return true
  end
  return false
end

function Reader:expect(text)
  if not self:accept(text) then
    local token = self.tokens[self.at]
    error(format("line %d: '%s' expected near '%s'", token.line, text, token.text), 0)
  end
end

function Reader:name()
  local token = self.tokens[self.at]
  if token.kind ~= "name" then error(format("line %d: name expected near '%s'", token.line, token.text), 0) end
  self.at = self.at + 1
  return token.text
end

function Reader:list(close, item)
  local items = {}
  if not self:is(close) then
    repeat items[#items + 1] = item(self) until not self:accept(",")
  end
  self:expect(close)
  return items
end

function Reader:atom()
  local token = self.tokens[self.at]
  if token.kind == "number" or token.kind == "string" or token.kind == "name" then
    self.at = self.at + 1
    return { tag = "leaf", text = token.text }
  elseif self:accept("(") then
    local items = self:list(")", self.expression)
    if #items == 1 then return items[1] end
    return { tag = "tuple", items = items }
  elseif self:accept("[") then
    return { tag = "list", items = self:list("]", self.expression) }
  end
  return nil
end

function Reader:application()
  local head = self:atom()
  if not head then
    local token = self.tokens[self.at]
    error(format("line %d: expression expected near '%s'", token.line, token.text), 0)
  end
  local args = {}
  while true do
    local arg = self:atom()
    if not arg then break end
    args[#args + 1] = arg
  end
  if #args == 0 then return head end
  return { tag = "apply", head = head, args = args }
end

function Reader:operators(minimum)
  local left = self:application()
  while true do
    local token = self.tokens[self.at]
    local level = token.kind == "operator" and levels[token.text]
    if not level or level[1] < minimum then return left end
    self.at = self.at + 1
    local right = self:operators(level[2] == "left" and level[1] + 1 or level[1])
    left = { tag = "binary", op = token.text, level = level[1], left = left, right = right }
  end
end

function Reader:expression()
  if self:accept("let") then
    local node = { tag = "let", recursive = self:accept("rec"), name = self:name(), params = {} }
    while self.tokens[self.at].kind == "name" do node.params[#node.params + 1] = self:name() end
    self:expect("=")
    node.value = self:expression()
    self:expect("in")
    node.body = self:expression()
    return node
  elseif self:accept("if") then
    local node = { tag = "if", test = self:expression() }
    self:expect("then")
    node.yes = self:expression()
    self:expect("else")
    node.no = self:expression()
    return node
  elseif self:accept("fun") then
    local node = { tag = "fun", params = {} }
    repeat node.params[#node.params + 1] = self:name() until self:is("->")
    self:expect("->")
    node.body = self:expression()
    return node
  elseif self:accept("match") then
    local node = { tag = "match", subject = self:expression(), arms = {} }
    self:expect("with")
    while self:accept("|") do
      local arm = { pattern = self:operators(4) }
      self:expect("->")
      arm.body = self:expression()
      node.arms[#node.arms + 1] = arm
    end
    self:expect("end")
    return node
  end
  return self:operators(1)
end

local function parse(source)
  local reader = setmetatable({ tokens = tokenize(source), at = 1 }, Reader)
  local tree = reader:expression()
  reader:expect("<end>")
  return tree
end

---------------------------------------------------------------------------------------------------
-- Documents: text, line (a blank if it fits), nest (indent), group (flat if it fits), and lists

local LINE, SOFT = { tag = "line", flat = " " }, { tag = "line", flat = "" }

local function nest(doc) return { tag = "nest", doc = doc } end
local function group(...) return { tag = "group", doc = { tag = "concat", ... } } end
local function join(...) return { tag = "concat", ... } end

local function separated(docs, separator)
  local out = { tag = "concat" }
  for i = 1, #docs do
    if i > 1 then
      out[#out + 1] = separator
      out[#out + 1] = LINE
    end
    out[#out + 1] = docs[i]
  end
  return out
end

local document

local function documents(nodes)
  local docs = {}
  for i = 1, #nodes do docs[i] = document(nodes[i], 0) end
  return docs
end

-- By kind of node; `level` is the strength of the operator around it.
local build = {}

function build.leaf(node) return node.text end

function build.tuple(node) return group("(", nest(join(SOFT, separated(documents(node.items), ","))), SOFT, ")") end

function build.list(node)
  if #node.items == 0 then return "[]" end
  return group("[", nest(join(SOFT, separated(documents(node.items), ","))), SOFT, "]")
end

function build.apply(node)
  local args = { tag = "concat" }
  for i = 1, #node.args do
    args[#args + 1] = LINE
    args[#args + 1] = document(node.args[i], 10)
  end
  return group(document(node.head, 10), nest(args)), 9
end

function build.binary(node)
  local left = document(node.left, node.level)
  local right = document(node.right, node.level + 1)
  return group(left, nest(join(LINE, node.op, " ", right))), node.level
end

function build.let(node)
  local head = node.recursive and "let rec " .. node.name or "let " .. node.name
  for i = 1, #node.params do head = head .. " " .. node.params[i] end
  local binding = group(head, " =", nest(join(LINE, document(node.value, 0))), LINE, "in")
  return join(binding, { tag = "break" }, document(node.body, 0)), 0
end

build["if"] = function(node)
  return group(
    group("if ", nest(document(node.test, 0))), LINE,
    nest(join("then ", document(node.yes, 0))), LINE,
    nest(join("else ", document(node.no, 0)))
  ), 0
end

function build.fun(node)
  return group("fun ", concat(node.params, " "), " ->", nest(join(LINE, document(node.body, 0)))), 0
end

function build.match(node)
  local out = join("match ", document(node.subject, 0), " with")
  for i = 1, #node.arms do
    local arm = node.arms[i]
    out[#out + 1] = { tag = "break" }
    out[#out + 1] = group("| ", document(arm.pattern, 0), " ->", nest(join(LINE, document(arm.body, 0))))
  end
  out[#out + 1] = { tag = "break" }
  out[#out + 1] = "end"
  return out, 10
end

function document(node, level)
  local doc, own = build[node.tag](node)
  if own and own < level then return group("(", nest(doc), ")") end
  return doc
end

---------------------------------------------------------------------------------------------------
-- Layout: a stack of (indent, flat, document) entries

local INDENT = 2

-- Whether the document fits into `room` columns on one line.
local function fits(doc, room)
  local stack, top = { doc }, 1
  while top > 0 do
    local d = stack[top]
    top = top - 1
    if type(d) == "string" then
      room = room - #d
    elseif d.tag == "line" then
      room = room - #d.flat
    elseif d.tag == "break" then
      return false
    elseif d.tag == "concat" then
      for i = #d, 1, -1 do
        top = top + 1
        stack[top] = d[i]
      end
    else
      top = top + 1
      stack[top] = d.doc
    end
    if room < 0 then return false end
  end
  return true
end

local function layout(doc, width)
  local out, n, column = {}, 0, 0
  local docs, indents, flats, top = { doc }, { 0 }, { false }, 1
  while top > 0 do
    local d, indent, flat = docs[top], indents[top], flats[top]
    top = top - 1
    if type(d) == "string" then
      n = n + 1
      out[n] = d
      column = column + #d
    elseif d.tag == "break" or (d.tag == "line" and not flat) then
      n = n + 1
      out[n] = "\n" .. rep(" ", indent)
      column = indent
    elseif d.tag == "line" then
      n = n + 1
      out[n] = d.flat
      column = column + #d.flat
    elseif d.tag == "concat" then
      for i = #d, 1, -1 do
        top = top + 1
        docs[top], indents[top], flats[top] = d[i], indent, flat
      end
    else
      top = top + 1
      docs[top] = d.doc
      indents[top] = d.tag == "nest" and indent + INDENT or indent
      flats[top] = flat or (d.tag == "group" and fits(d.doc, width - column))
    end
  end
  return concat(out)
end

---------------------------------------------------------------------------------------------------

local sample = [==[
let rec map f xs = match xs with | [] -> [] | x :: rest -> f x :: map f rest end in
let compose f g = fun x -> f (g x) in -- apply g first
let rec fold f acc xs = match xs with | [] -> acc | x :: rest -> fold f (f acc x) rest end in
let average xs = (fold (fun a b -> a + b) 0 xs) / (fold (fun n x -> n + 1) 0 xs) in
let classify n = if n < 0 && n >= 10 * (0 - 1) then "small negative" else if n == 0 then "zero"
  else if n > 1000 || n == 42 then "large or the answer" else "ordinary number of no interest" in
let table = [(1, "one", [1.5, 2.5]), (2, "two", []), (3, "a rather long text that needs room", [0])] in
let rec insert key value tree = match tree with
  | leaf -> node leaf key value leaf
  | node left k v right -> if key < k then balance (node (insert key value left) k v right)
      else if key > k then balance (node left k v (insert key value right)) else node left key value right
  end in
let pipeline = compose (map (fun x -> x * (x + 1) / 2)) (compose (map classify) (fun xs -> xs)) in
pipeline (map average [[1, 2, 3], [4, 5, 6], [7, 8, 9 * (1 + 1)]])
]==]

local function same(a, b)
  if type(a) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local mix = 0
for round = 1, ROUNDS do
  local tree = parse(sample)
  for width = 30, 110, 10 do
    local text = layout(document(tree, 0), width)
    local again = parse(text)
    assert(same(tree, again), "the text reads back as another tree")
    assert(layout(document(again, 0), width) == text, "formatting is not stable")
    local lines, longest = 0, 0
    for line in text:gmatch("[^\n]+") do
      lines = lines + 1
      if #line > longest then longest = #line end
    end
    mix = (mix * 31 + #text + lines * 7 + longest + round) % 1000003
  end
end

local broken = { "let x 1 in x", "if a then b", "(1, 2", "match x with | 1 -> 2", "a + ", "fun -> x", "$" }
for i = 1, #broken do
  local ok, message = pcall(parse, broken[i])
  assert(not ok)
  mix = (mix * 31 + #message) % 1000003
end

local got = format("%d", mix)
assert(got == "34373", "pretty_printer: checksum is " .. got)
print("pretty_printer " .. got)
