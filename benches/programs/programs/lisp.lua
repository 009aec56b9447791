-- A Lisp: reader, macro expansion, analysis into closures, tail calls by trampoline, a small library.
-- Stresses: closures that call closures, cons cells, environments as arrays, string scanning, pcall.

local ROUNDS = 38

local concat, format, floor = table.concat, string.format, math.floor

---------------------------------------------------------------------------------------------------
-- Data: numbers and booleans are Lua's; symbols, pairs, strings and closures are tables

local Symbol, Pair, Text, Closure = {}, {}, {}, {}
local symbols = {}

local function intern(name)
  local symbol = symbols[name]
  if not symbol then
    symbol = setmetatable({ name = name }, Symbol)
    symbols[name] = symbol
  end
  return symbol
end

local NIL = setmetatable({ name = "()" }, {})

local function cons(head, tail) return setmetatable({ head = head, tail = tail }, Pair) end
local function is_pair(value) return getmetatable(value) == Pair end
local function is_symbol(value) return getmetatable(value) == Symbol end

local function list(items, tail)
  local out = tail or NIL
  for i = #items, 1, -1 do out = cons(items[i], out) end
  return out
end

local function to_array(l)
  local items, n = {}, 0
  while l ~= NIL do
    n = n + 1
    items[n] = l.head
    l = l.tail
  end
  return items, n
end

local function show(value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(value) == "number" then
    return value == floor(value) and format("%d", value) or format("%.6g", value)
  elseif type(value) == "boolean" then
    return value and "#t" or "#f"
  elseif meta == Pair then
    local parts = {}
    while is_pair(value) do
      parts[#parts + 1] = show(value.head)
      value = value.tail
    end
    if value ~= NIL then parts[#parts + 1] = ". " .. show(value) end
    return "(" .. concat(parts, " ") .. ")"
  elseif meta == Text then
    return '"' .. value.text .. '"'
  elseif meta == Closure or type(value) == "function" then
    return "<procedure>"
  end
  return value.name
end

---------------------------------------------------------------------------------------------------
-- Reader

local quotes = { ["'"] = "quote", ["`"] = "quasiquote", [","] = "unquote" }

local function read_all(text)
  local at, forms = 1, {}

  local function skip()
    while true do
      local _, stop = text:find("^%s+", at)
      if not stop then _, stop = text:find("^;[^\n]*", at) end
      if not stop then return text:sub(at, at) end
      at = stop + 1
    end
  end

  local read

  local function read_list()
    local items = {}
    while true do
      local c = skip()
      if c == "" then error("list without end", 0) end
      if c == ")" then
        at = at + 1
        return list(items)
      end
      items[#items + 1] = read()
      if items[#items] == intern(".") then
        items[#items] = nil
        local tail = read()
        if skip() ~= ")" then error("')' expected after a dotted tail", 0) end
        at = at + 1
        return list(items, tail)
      end
    end
  end

  function read()
    local c = skip()
    if c == "(" then
      at = at + 1
      return read_list()
    elseif c == ")" then
      error("unexpected ')'", 0)
    elseif quotes[c] then
      at = at + 1
      return list({ intern(quotes[c]), read() })
    elseif c == '"' then
      local stop = text:find('"', at + 1, true)
      if not stop then error("string without end", 0) end
      local value = setmetatable({ text = text:sub(at + 1, stop - 1) }, Text)
      at = stop + 1
      return value
    end
    local word = text:match("^[^%s()'`,\"]+", at)
    at = at + #word
    if word == "#t" then return true end
    if word == "#f" then return false end
    return tonumber(word) or intern(word)
  end

  while skip() ~= "" do forms[#forms + 1] = read() end
  return forms
end

---------------------------------------------------------------------------------------------------
-- Analysis: source becomes closures of one argument, the frame. A frame is an array of values with
-- its parent at index 0; scopes map names to places at analysis time.

local globals, macros, special = {}, {}, {}

-- A call in tail position stores callee and arguments here and returns TAIL.
local TAIL = {}
local tail_callee, tail_args

local apply

local function lookup(scope, symbol)
  local depth = 0
  while scope do
    local index = scope.places[symbol]
    if index then return depth, index end
    depth = depth + 1
    scope = scope.parent
  end
  return nil
end

local analyze

local function analyze_variable(symbol, scope)
  local depth, index = lookup(scope, symbol)
  if depth == 0 then
    return function(frame) return frame[index] end
  elseif depth == 1 then
    return function(frame) return frame[0][index] end
  elseif depth then
    return function(frame)
      for _ = 1, depth do frame = frame[0] end
      return frame[index]
    end
  end
  local name = symbol.name
  return function()
    local value = globals[name]
    if value == nil then error("unbound variable " .. name, 0) end
    return value
  end
end

local function analyze_body(forms, scope)
  local steps, n = {}, 0
  while forms ~= NIL do
    n = n + 1
    steps[n] = analyze(forms.head, scope, forms.tail == NIL)
    forms = forms.tail
  end
  if n == 1 then return steps[1] end
  return function(frame)
    for i = 1, n - 1 do steps[i](frame) end
    return steps[n](frame)
  end
end

local function analyze_call(form, scope, tail)
  local callee = analyze(form.head, scope, false)
  local args, n = to_array(form.tail)
  for i = 1, n do args[i] = analyze(args[i], scope, false) end
  if tail then
    return function(frame)
      local f, values = callee(frame), {}
      for i = 1, n do values[i] = args[i](frame) end
      tail_callee, tail_args = f, values
      return TAIL
    end
  end
  return function(frame)
    local f, values = callee(frame), {}
    for i = 1, n do values[i] = args[i](frame) end
    return apply(f, values)
  end
end

function analyze(form, scope, tail)
  if is_symbol(form) then return analyze_variable(form, scope) end
  if not is_pair(form) then return function() return form end end
  local head = form.head
  if is_symbol(head) and not lookup(scope, head) then
    local handler = special[head.name]
    if handler then return handler(form, scope, tail) end
    local macro = macros[head.name]
    if macro then return analyze(apply(macro, (to_array(form.tail))), scope, tail) end
  end
  return analyze_call(form, scope, tail)
end

function apply(callee, args)
  while true do
    if type(callee) == "function" then return callee(args) end
    if getmetatable(callee) ~= Closure then error("not a procedure: " .. show(callee), 0) end
    local frame, arity = args, callee.arity
    if callee.rest then
      local extra = {}
      for i = arity + 1, #args do
        extra[i - arity] = args[i]
        args[i] = nil
      end
      frame[arity + 1] = list(extra)
    elseif #args ~= arity then
      error(format("%d arguments expected, got %d", arity, #args), 0)
    end
    frame[0] = callee.frame
    local result = callee.body(frame)
    if result ~= TAIL then return result end
    callee, args = tail_callee, tail_args
  end
end

function special.quote(form)
  local value = form.tail.head
  return function() return value end
end

special["if"] = function(form, scope, tail)
  local test = analyze(form.tail.head, scope, false)
  local yes = analyze(form.tail.tail.head, scope, tail)
  local rest = form.tail.tail.tail
  local no = rest == NIL and function() return NIL end or analyze(rest.head, scope, tail)
  return function(frame)
    if test(frame) ~= false then return yes(frame) end
    return no(frame)
  end
end

function special.lambda(form, scope)
  local places, arity, rest = {}, 0, false
  local params = form.tail.head
  while is_pair(params) do
    arity = arity + 1
    places[params.head] = arity
    params = params.tail
  end
  if params ~= NIL then
    rest = true
    places[params] = arity + 1
  end
  local body = analyze_body(form.tail.tail, { places = places, parent = scope })
  return function(frame)
    return setmetatable({ arity = arity, rest = rest, body = body, frame = frame }, Closure)
  end
end

function special.define(form)
  local target = form.tail.head
  local value
  if is_pair(target) then
    value = special.lambda(cons(form.head, cons(target.tail, form.tail.tail)), nil)
    target = target.head
  else
    value = analyze(form.tail.tail.head, nil, false)
  end
  return function(frame)
    globals[target.name] = value(frame)
    return target
  end
end

special["define-macro"] = function(form)
  local target = form.tail.head
  local make = special.lambda(cons(form.head, cons(target.tail, form.tail.tail)), nil)
  macros[target.head.name] = make(nil)
  return function() return target.head end
end

special["set!"] = function(form, scope)
  local symbol = form.tail.head
  local value = analyze(form.tail.tail.head, scope, false)
  local depth, index = lookup(scope, symbol)
  return function(frame)
    local v = value(frame)
    if depth then
      for _ = 1, depth do frame = frame[0] end
      frame[index] = v
    else
      globals[symbol.name] = v
    end
    return v
  end
end

function special.begin(form, scope) return analyze_body(form.tail, scope) end

-- Templates turn into calls of cons and append.
local function quasi(form)
  if not is_pair(form) then return list({ intern("quote"), form }) end
  if form.head == intern("unquote") then return form.tail.head end
  return list({ intern("cons"), quasi(form.head), quasi(form.tail) })
end

function special.quasiquote(form, scope) return analyze(quasi(form.tail.head), scope, false) end

---------------------------------------------------------------------------------------------------
-- Primitive procedures take an array of arguments

local function fold_numbers(f)
  return function(args)
    local acc = args[1]
    for i = 2, #args do acc = f(acc, args[i]) end
    return acc
  end
end

globals["+"] = fold_numbers(function(a, b) return a + b end)
globals["*"] = fold_numbers(function(a, b) return a * b end)
globals["-"] = function(args) return args[2] and args[1] - args[2] or -args[1] end
globals["="] = function(args) return args[1] == args[2] end
globals["<"] = function(args) return args[1] < args[2] end
globals[">"] = function(args) return args[1] > args[2] end
globals.modulo = function(args) return args[1] % args[2] end
globals.quotient = function(args) return floor(args[1] / args[2]) end
globals.cons = function(args) return cons(args[1], args[2]) end
globals.car = function(args)
  if not is_pair(args[1]) then error("car of " .. show(args[1]), 0) end
  return args[1].head
end
globals.cdr = function(args)
  if not is_pair(args[1]) then error("cdr of " .. show(args[1]), 0) end
  return args[1].tail
end
globals["set-car!"] = function(args)
  args[1].head = args[2]
  return args[2]
end
globals["null?"] = function(args) return args[1] == NIL end
globals["pair?"] = function(args) return is_pair(args[1]) end
globals["eq?"] = function(args) return args[1] == args[2] end
globals["symbol?"] = function(args) return is_symbol(args[1]) end
globals["number?"] = function(args) return type(args[1]) == "number" end
globals["string-length"] = function(args) return #args[1].text end
globals.list = function(args) return list(args) end
globals.apply = function(args) return apply(args[1], (to_array(args[2]))) end
globals.error = function(args) error("raised: " .. show(args[1]), 0) end

local function run(text)
  local result = NIL
  for _, form in ipairs(read_all(text)) do
    local code = analyze(form, nil, false)
    result = code(nil)
    if result == TAIL then result = apply(tail_callee, tail_args) end
  end
  return result
end

---------------------------------------------------------------------------------------------------

local library = [[
(define (not x) (if x #f #t))
(define (cadr x) (car (cdr x)))
(define (caddr x) (car (cdr (cdr x))))
(define-macro (and a b) `(if ,a ,b #f))
(define-macro (or a b) `((lambda (value) (if value value ,b)) ,a))
(define-macro (when test . body) `(if ,test (begin . ,body)))
(define-macro (let bindings . body)
  (cons (cons 'lambda (cons (map car bindings) body)) (map cadr bindings)))
(define-macro (cond . clauses)
  (if (null? clauses) #f
    (if (eq? (car (car clauses)) 'else) (cons 'begin (cdr (car clauses)))
      `(if ,(car (car clauses)) (begin . ,(cdr (car clauses))) (cond . ,(cdr clauses))))))
(define (map f l) (if (null? l) '() (cons (f (car l)) (map f (cdr l)))))
(define (filter keep l)
  (if (null? l) '() (if (keep (car l)) (cons (car l) (filter keep (cdr l))) (filter keep (cdr l)))))
(define (fold f acc l) (if (null? l) acc (fold f (f acc (car l)) (cdr l))))
(define (append a b) (if (null? a) b (cons (car a) (append (cdr a) b))))
(define (reverse l) (fold (lambda (acc x) (cons x acc)) '() l))
(define (range a b) (if (< a b) (cons a (range (+ a 1) b)) '()))
(define (assq key l) (cond ((null? l) #f) ((eq? key (car (car l))) (car l)) (else (assq key (cdr l)))))
]]

local program = [[
; Recursion, higher order, tail calls
(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(define (count-to n i) (if (= i n) i (count-to n (+ i 1))))
(define (sum-squares n) (fold + 0 (map (lambda (x) (* x x)) (range 0 n))))

; Queens by lists
(define (safe? q dist placed)
  (cond ((null? placed) #t)
        ((or (= q (+ (car placed) dist)) (or (= q (- (car placed) dist)) (= q (car placed)))) #f)
        (else (safe? q (+ dist 1) (cdr placed)))))
(define (queens n row placed)
  (if (= row 0) 1
    (fold + 0 (map (lambda (q) (if (safe? q 1 placed) (queens n (- row 1) (cons q placed)) 0)) (range 1 (+ n 1))))))

; Sorting and symbolic derivatives
(define (sort l)
  (if (null? l) '()
    (let ((pivot (car l)) (rest (cdr l)))
      (append (sort (filter (lambda (x) (< x pivot)) rest))
        (cons pivot (sort (filter (lambda (x) (not (< x pivot))) rest)))))))
(define (noise n seed) (if (= n 0) '() (cons (modulo seed 1000) (noise (- n 1) (modulo (+ (* seed 171) 11213) 53125)))))
(define (derive e v)
  (cond ((number? e) 0)
        ((symbol? e) (if (eq? e v) 1 0))
        ((eq? (car e) '+) (list '+ (derive (cadr e) v) (derive (caddr e) v)))
        (else (list '+ (list '* (cadr e) (derive (caddr e) v)) (list '* (derive (cadr e) v) (caddr e))))))
(define (evaluate e env)
  (cond ((number? e) e)
        ((symbol? e) (cdr (assq e env)))
        ((eq? (car e) '+) (+ (evaluate (cadr e) env) (evaluate (caddr e) env)))
        (else (* (evaluate (cadr e) env) (evaluate (caddr e) env)))))

; An object made of a closure
(define (make-counter n) (lambda (step) (set! n (+ n step)) n))
(define tick (make-counter 10))
(tick 5)

(define formula '(* (+ x 3) (* x (+ y (* x 2)))))
(list (fib 15) (count-to 6000 0) (sum-squares 90) (queens 5 5 '())
  (fold (lambda (acc x) (modulo (+ (* acc 31) x) 10007)) 0 (sort (noise 121 7)))
  (evaluate (derive formula 'x) '((x . 5) (y . -2)))
  (tick 1) (apply + '(1 2 3 4)) `(sum is ,(+ 1 2)) (string-length "seven"))
]]

local result
for _ = 1, ROUNDS do
  run(library)
  result = show(run(program))
end

local broken = { "(car 5)", "(undefined-thing)", "(1 2)", "((lambda (x) x))", "(", ")", "(error 'oops)", '"open' }
local complaints = 0
for i = 1, #broken do
  local ok, message = pcall(run, broken[i])
  assert(not ok)
  complaints = complaints + #message
end

local got = format("%s %d", result, complaints)
assert(got == "(610 6000 238965 10 7119 184 16 10 (sum is 3) 5) 145", "lisp: checksum is " .. got)
print("lisp " .. got)
