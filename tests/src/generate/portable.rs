//! Programs that every implementation of Lua answers alike, as a proptest
//! strategy.
//!
//! A program is text that starts with a fixed set of variables and goes on
//! with generated statements over them, so that every name is declared and
//! types mostly fit; where they don't, the error is part of the answer, which
//! `pcall` prints without its position.
//!
//! Every program ends: loops count, a `goto` back has a counter of its own,
//! and functions and coroutines draw on one supply of fuel, too small to reach
//! the limit of nested C calls that only the reference implementation has.
//! Nothing printed depends on addresses, time, memory or the order of `pairs`.
//!
//! ```text
//! locals     i j k: numbers   s: string   t u: tables   f: function
//! functions  show(...)        prints values, tables as their sorted content
//!            try(f, ...)      pcall, prints the outcome
//!            spend()          draws fuel, an error when there is none
//! ```

use proptest::prelude::*;

/// What every program starts with.
const HEAD: &str = r##"local fuel = 60
local plain = tostring
local function tostring(v) return (plain(v):gsub("0x%x+", "PTR")) end
local function spend() fuel = fuel - 1 if fuel < 0 then error("no fuel", 0) end end
local function text(v, depth)
  local kind = math.type(v) or type(v)
  if kind == "float" then return string.format("%.10g", v):gsub("^%-nan", "nan") .. "f" end
  if kind == "string" then return #v > 60 and #v .. ":" .. v:sub(1, 20) or string.format("%q", v) end
  if kind ~= "table" then return (kind == "function" or kind == "thread") and kind or tostring(v) end
  if depth > 2 then return "{...}" end
  local parts = {}
  for k, x in next, v do parts[#parts + 1] = text(k, depth + 1) .. "=" .. text(x, depth + 1) end
  table.sort(parts)
  return "{" .. table.concat(parts, " ", 1, math.min(#parts, 12)) .. "}" .. #parts
end
local lines = 0
local function show(...)
  lines = lines + 1
  if lines > 400 then return end
  local parts = table.pack(...)
  for n = 1, parts.n do parts[n] = text(parts[n], 0) end
  print(table.concat(parts, " "))
end
local function report(ok, e, ...)
  if ok then show("ok", e, ...) else show("failed", (tostring(e):gsub("^[^:]*:%d+: ", ""))) end
end
local function try(f, ...) report(pcall(f, ...)) end
local meta = {
  __add = function(a, b) spend() return 7 end, __lt = function(a, b) spend() return type(a) == "table" end, __le = function() return 1 end,
  __concat = function(a, b) return "joined" end, __index = function(t, k) spend() return k end,
  __call = function(self, ...) spend() return select("#", ...), ... end, __unm = function() return "minus" end,
  __close = function() show("closed") end,
}
local i, j, k = 3, 2.5, -7
local s = "text"
local t, u = { 1, 2, 3, x = 4 }, setmetatable({ 5, 6 }, meta)
local f = function(a, b) spend() return b, a end
"##;

/// What every program ends with.
const TAIL: &str = "\nshow(i, j, k, s, t, u, fuel)\n";

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        (-20i32..100).prop_map(|n| if n < 0 {
            format!("({n})")
        } else {
            n.to_string()
        }),
        one_of(&[
            "0",
            "1",
            "2",
            "0.5",
            "1e3",
            "0x10",
            "1e308",
            "0x7fffffffffffffff",
            "math.mininteger",
            "(0/0)",
            "(-0.0)",
            "2^53"
        ]),
        one_of(&[
            "nil",
            "true",
            "false",
            "''",
            "'10'",
            "'0x1p4'",
            "'a,b,c'",
            "[[long\nstring]]",
            "'\\65\\x42\\u{20ac}\\z  !'"
        ]),
        one_of(&["{}", "{1, 2, 3}", "{x = 1, 'y', [3] = 'z'}", "{{1}, {2}}"]),
    ]
}

fn variable() -> impl Strategy<Value = String> {
    one_of(&["i", "j", "k", "s", "t", "u", "f"])
}

/// Something that can be assigned to. The numbers and the string keep
/// their names so that types mostly stay.
fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => one_of(&["i", "j", "k"]),
        1 => Just("s".to_owned()),
        2 => one_of(&["t.x", "t.y", "t[1]", "t[i]", "t[k]", "t[#t + 1]", "u.z", "u[j]", "t[s]", "global"]),
    ]
}

/// An expression of one value.
pub fn expression() -> BoxedStrategy<String> {
    let leaf = prop_oneof![3 => literal(), 4 => variable(), 2 => one_of(&["t.x", "t[i]", "u[1]", "t.missing", "#t", "#s", "u.w", "global"])];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let binary = one_of(&[
            "+", "-", "*", "/", "//", "%", "&", "|", "~", "==", "~=", "<", "<=", ">", ">=", "and", "or", "..", "<<", ">>",
        ]);
        prop_oneof![
            4 => (inner.clone(), binary, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            1 => (inner.clone(), 0..4u8).prop_map(|(a, n)| format!("({a} ^ {n})")),
            2 => (one_of(&["-", "not ", "#", "~"]), inner.clone()).prop_map(|(op, a)| format!("({op}{a})")),
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(|list| format!("{{{}}}", list.join(", "))),
            1 => (inner.clone(), inner.clone()).prop_map(|(k, v)| format!("{{[ {k} or 1] = {v}, n = {v}}}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(f({a}, {b}))")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(select('#', f({a}), u({b})))")),
            1 => (inner.clone()).prop_map(|a| format!("(function(...) local a, b = ... return b or a end)({a}, i)")),
            2 => string_call(inner.clone()),
            1 => table_call(inner),
        ]
    })
    .boxed()
}

fn string_call(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let call = one_of(&[
        "tostring(@)",
        "tonumber(@)",
        "type(@)",
        "math.type(@)",
        "string.rep(tostring(@):sub(1, 30), 3, '-')",
        "tostring(@):upper():len()",
        "tostring(@):sub(2, -2)",
        "(tostring(@):gsub('%d+', '<%0>'))",
        "(tostring(@):gsub('%w', {a = 'A', ['1'] = false}))",
        "(tostring(@):find('(%a)(%d*)'))",
        "tostring(@):match('^%s*(.-)%s*$')",
        "tostring(@):byte(-1)",
        "string.format('%5.1f|%s', tonumber(@) or 0, tostring(s))",
        "string.format('%d', @)",
        "string.format('%q', tostring(@))",
        "math.max(tonumber(@) or 1, i)",
        "math.tointeger(@)",
        "math.floor(tonumber(@) or 0.5)",
        "utf8.len(tostring(@))",
        "#string.pack('s1', tostring(@):sub(1, 200))",
        "string.unpack('<i2', string.pack('<i2', (math.tointeger(@) or 5) % 100))",
    ]);
    (call, inner).prop_map(|(call, a)| call.replace('@', &a))
}

fn table_call(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let call = one_of(&[
        "table.concat({@, 1, 'x'}, ';')",
        "select('#', table.unpack({@, nil, 3}, 1, 3))",
        "table.pack(@, 2).n",
        "rawequal(@, t)",
        "rawget(t, @)",
        "next({@})",
        "(pcall(rawset, t, @, 1))",
        "#table.move({1, @, 3}, 1, 3, 2)",
        "(getmetatable(@) == meta)",
    ]);
    (call, inner).prop_map(|(call, a)| call.replace('@', &a))
}

/// Statements of a block.
fn block(statement: impl Strategy<Value = String> + Clone + 'static) -> BoxedStrategy<String> {
    prop::collection::vec(statement, 1..5)
        .prop_map(|list| list.join(";\n"))
        .boxed()
}

/// A statement.
pub fn statement() -> BoxedStrategy<String> {
    let e = expression;
    let leaf = prop_oneof![
        4 => (target(), e()).prop_map(|(to, v)| format!("{to} = {v}")),
        3 => (e(), e()).prop_map(|(a, b)| format!("show({a}, {b})")),
        2 => (target(), target(), e(), e()).prop_map(|(a, b, x, y)| format!("{a}, {b} = {x}, {y}")),
        1 => (e(), e()).prop_map(|(a, b)| format!("local a <const>, b, c = {a}, f({b}) show(a, b, c)")),
        1 => e().prop_map(|a| format!("try(function() return {a} end)")),
        1 => e().prop_map(|a| format!("do local c <close> = setmetatable({{}}, meta) show({a}) end")),
        1 => e().prop_map(|a| format!("try(error, {a}, 0)")),
        1 => one_of(&[
            "table.insert(t, i)", "table.remove(t)", "table.sort(t, function(a, b) return tostring(a) < tostring(b) end)",
            "collectgarbage('step')", "collectgarbage()", "t = {1, 2, 3, x = 4}", "i, j, k, s = 3, 2.5, -7, 'text'",
            "t[#t] = nil", "setmetatable(t, nil)", "setmetatable(t, meta)", "u = setmetatable({}, meta)",
            "for w in string.gmatch('a=1, b=2', '(%w+)=') do show(w) end",
            "s = string.sub(s .. i, -20)",
        ]),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let b = block(inner);
        prop_oneof![
            2 => (e(), b.clone(), b.clone()).prop_map(|(c, x, y)| format!("if {c} then\n{x}\nelse\n{y}\nend")),
            1 => (e(), e(), b.clone()).prop_map(|(c, d, x)| format!("if {c} then show('first') elseif {d} then\n{x}\nend")),
            2 => (-3i8..5, 0i8..6, prop::sample::select(&["1", "2", "-1", "0.5"][..]), b.clone())
                .prop_map(|(a, z, step, x)| format!("for n = {a}, {z}, {step} do spend()\n{x}\nif n == 3 then break end\nend")),
            1 => (1u8..4, e(), b.clone())
                .prop_map(|(n, c, x)| format!("do local n = 0 while n < {n} do spend() n = n + 1\n{x}\nif {c} then break end\nend end")),
            1 => (1u8..4, b.clone()).prop_map(|(n, x)| format!("do local n = 0 repeat spend() local m = n n = n + 1\n{x}\nuntil m >= {n} end")),
            1 => (1u8..4, b.clone())
                .prop_map(|(n, x)| format!(";(function() local n, fs = 0, {{}} ::top:: spend() do local m = n fs[#fs + 1] = function() m = m + 1 return m end\n{x}\nend n = n + 1 if n < {n} then goto top end for _, g in ipairs(fs) do show(g(), g()) end end)();")),
            1 => b.clone().prop_map(|x| format!(";(function() for n = 1, 3 do if n == 2 then goto continue end\n{x}\n::continue:: end end)();")),
            1 => (b.clone(), e()).prop_map(|(x, v)| format!("for n, v in ipairs({{i, {v}, 'last'}}) do spend()\n{x}\nend")),
            1 => (b.clone(), e()).prop_map(|(x, r)| format!("do local old = f f = function(a, ...) spend()\n{x}\nreturn a, select('#', ...), {r} end show(f(i, j)) f = old end")),
            1 => (b.clone(), e()).prop_map(|(x, r)| format!("try(function(...) spend() local i, t = ..., {{}}\n{x}\nreturn {r}, ... end, k, s)")),
            1 => (b.clone(), e(), e()).prop_map(|(x, y, r)| format!("do local co = coroutine.create(function(a) spend()\n{x}\nlocal b = coroutine.yield({y}, a)\nshow(b)\npcall(function() coroutine.yield({r}) error('inside') end)\nreturn {r} end) report(coroutine.resume(co, i)) report(coroutine.resume(co, s)) report(coroutine.resume(co)) show(coroutine.status(co)) end")),
            1 => (b.clone(), e()).prop_map(|(x, y)| format!("try(function() for a, b in coroutine.wrap(function() for n = 1, 3 do\n{x}\ncoroutine.yield(n, {y}) end end) do spend() show(a, b) end end)")),
            1 => (b, e()).prop_map(|(x, r)| format!("try(function() local c <close> = setmetatable({{}}, meta)\nlocal d <close> = nil\n{x}\nreturn {r} end)")),
        ]
    })
    .boxed()
}

/// A whole program. An error that ends it is printed like any other.
pub fn program() -> impl Strategy<Value = String> {
    prop::collection::vec(statement(), 1..10).prop_map(|statements| {
        let body: Vec<String> = statements
            .iter()
            .map(|s| format!("try(function()\n{s}\nend)"))
            .collect();
        format!("{HEAD}{}{TAIL}", body.join("\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    #[test]
    fn programs_compile() {
        let mut runner = TestRunner::deterministic();
        for _ in 0..50 {
            let source = program().new_tree(&mut runner).unwrap().current();
            if let Err(e) = strata_lua::compile(source.as_bytes(), b"=program") {
                panic!("{e}\n{source}");
            }
        }
    }
}
