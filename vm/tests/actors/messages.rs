//! What messages between VMs carry, and what they refuse.

use std::time::Duration;
use strata::actors::{ActorRef, Config, Data, Item, Message, Options, System};
use strata::{Error, Lua, Result, StdLib, Variadic};

const LONG: Duration = Duration::from_secs(60);

/// What `expression` gives in a VM, sent to another, is there judged by `check`,
/// a function of that VM.
fn carry(expression: &str, check: &str) -> Result<bool> {
    let (from, to) = (Lua::new(), Lua::new());
    let values: Variadic<strata::Value> = from.load(format!("return {expression}")).eval()?;
    let message = Message::from_lua(&from, values)?;
    drop(from);
    let values: Variadic<strata::Value> = message.into_lua(&to)?;
    let check: strata::Function = to
        .load(format!("return function(...) {check} end"))
        .eval()?;
    to.gc_collect()?;
    check.call(values)
}

#[test]
fn values_arrive_as_they_are() {
    for (expression, check) in [
        (
            "1, 2.5, 'x', true, nil, false",
            "local a, b, c, d, e, f = ... return a == 1 and b == 2.5 and c == 'x' and d and e == nil and f == false and select('#', ...) == 6",
        ),
        (
            "math.mininteger, -0.0, 1/0",
            "local a, b, c = ... return a == math.mininteger and 1/b == -1/0 and c == 1/0",
        ),
        ("('x'):rep(100000) .. '\\0'", "return #... == 100001"),
        (
            "{1, 2, 3, x = {y = 'z'}, [1.5] = 2, [true] = 'yes', [-4] = 4}",
            "local t = ... return #t == 3 and t.x.y == 'z' and t[1.5] == 2 and t[true] == 'yes' and t[-4] == 4",
        ),
        (
            "{nil, nil, 3, [10] = 10}",
            "local t = ... return t[1] == nil and t[3] == 3 and t[10] == 10",
        ),
        (
            "(function() local t = {} t.me = t t[t] = t return t, t end)()",
            "local a, b = ... return a == b and a.me == a and a[a] == a",
        ),
        (
            "(function() local s = {} return {s, s, {s}} end)()",
            "local t = ... return t[1] == t[2] and t[3][1] == t[1]",
        ),
        (
            "setmetatable({}, {__index = function(_, k) return k .. '!' end}).x and setmetatable({}, {__index = function(_, k) return k .. '!' end})",
            "return (...).abc == 'abc!'",
        ),
        (
            "(function() local m = {__eq = function() return true end} return setmetatable({}, m), setmetatable({}, m) end)()",
            "local a, b = ... return a == b and getmetatable(a) == getmetatable(b)",
        ),
    ] {
        assert!(carry(expression, check).unwrap(), "{expression}");
    }
}

#[test]
fn functions_arrive_with_their_variables() {
    for (expression, check) in [
        (
            "function(a, b) return a * b end",
            "return (...)(6, 7) == 42",
        ),
        (
            "(function() local n = 5 return function() n = n + 1 return n end end)()",
            "local f = ... f() return f() == 7",
        ),
        (
            "(function() local n = 0 return function() n = n + 1 end, function() return n end end)()",
            "local inc, get = ... for i = 1, 1000 do inc() end return get() == 1000",
        ),
        (
            "(function() local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end return fib end)()",
            "return (...)(20) == 6765",
        ),
        (
            "(function() local even, odd function even(n) return n == 0 or odd(n - 1) end function odd(n) return n ~= 0 and even(n - 1) end return even, odd end)()",
            "local even, odd = ... return even(100) and odd(77) and not even(5)",
        ),
        (
            "(function() local t = {} function t.f() return t end return t end)()",
            "local t = ... return t.f() == t",
        ),
        (
            "(function() local s, format, floor = string, string.format, math.floor return function(x) return s.upper(format('%d', floor(x))) end end)()",
            "return (...)(2.5) == '2'",
        ),
        (
            "print, string.format, _G.pcall",
            "local a, b, c = ... return a == print and b == string.format and c == pcall",
        ),
        (
            "(function() return function() global = 1 return _ENV end end)()",
            "return (...)() == _G and global == 1",
        ),
        (
            "function(...) local f = function(...) return select('#', ...) end return f(...) end",
            "return (...)(1, nil, nil) == 3",
        ),
        ("load('return ...')", "return (...)(9) == 9"),
    ] {
        assert!(carry(expression, check).unwrap(), "{expression}");
    }
}

#[test]
fn a_shared_variable_that_one_function_assigns_is_not_taken_for_constant() {
    // The getter alone looks as if nothing ever assigned to what it returns.
    let check = "local inc, get = ...
        local sum = 0
        for i = 1, 20000 do inc() sum = sum + get() end
        return sum == 20000 * 20001 // 2";
    let pair =
        "(function() local n = 0 return function() n = n + 1 end, function() return n end end)()";
    assert!(carry(pair, check).unwrap());
}

#[test]
fn what_cannot_be_sent_is_named_by_its_path() {
    for (expression, words) in [
        (
            "coroutine.create(print)",
            "message: a coroutine cannot be sent",
        ),
        (
            "1, 2, io.stdout",
            "message value 3: a userdata (FILE*) cannot be sent",
        ),
        (
            "{users = {{}, {}, {socket = io.stdout}}}",
            "message.users[3].socket: a userdata (FILE*)",
        ),
        (
            "{['two words'] = coroutine.create(print)}",
            "message[\"two words\"]: a coroutine",
        ),
        (
            "{[2.5] = {[true] = coroutine.create(print)}}",
            "message[2.5][a boolean]: a coroutine",
        ),
        (
            "{[coroutine.create(print)] = 1}",
            "message (a key): a coroutine",
        ),
        (
            "setmetatable({}, {__index = {f = io.stdout}})",
            "message (metatable).__index.f: a userdata",
        ),
        (
            "(function() local file = io.stdout return {run = function() return file end} end)()",
            "message.run (upvalue 'file'): a userdata",
        ),
        (
            "string.gmatch('a', 'b')",
            "message: a function of the host cannot be sent",
        ),
    ] {
        let why = carry(expression, "return true").unwrap_err().to_string();
        assert!(why.starts_with(words), "{expression}: {why}");
    }
}

#[test]
fn deep_nesting_costs_no_native_stack() {
    let deep = "(function() local t = {} for i = 1, 200000 do t = {t} end return t end)()";
    let check = "local t, n = ..., 0 while t[1] do t = t[1] n = n + 1 end return n == 200000";
    assert!(carry(deep, check).unwrap());
    let unsendable =
        "(function() local t = io.stdout for i = 1, 100000 do t = {t} end return t end)()";
    let why = carry(unsendable, "return true").unwrap_err().to_string();
    assert!(why.len() < 1000 && why.ends_with("cannot be sent"), "{why}");
}

#[test]
fn a_receiver_has_only_what_it_was_given() {
    let from = Lua::new();
    let f: strata::Function = from.load("return io.write").eval().unwrap();
    let message = Message::from_lua(&from, f).unwrap();
    let to = Lua::new_with(strata::LuaOptions {
        stdlib: StdLib::Safe,
        ..Default::default()
    })
    .unwrap();
    let why = message.into_lua::<strata::Value>(&to).unwrap_err();
    assert!(
        why.to_string()
            .contains("'io.write', which this actor does not have"),
        "{why}"
    );
}

#[test]
fn limits_hold_while_values_are_copied() {
    let big = Lua::new();
    let table: strata::Table = big
        .load("local t = {} for i = 1, 200000 do t[i] = {i} end return t")
        .eval()
        .unwrap();
    let message = Message::from_lua(&big, &table).unwrap();
    let small = Lua::new_with(strata::LuaOptions {
        memory_limit: Some(2 << 20),
        ..Default::default()
    })
    .unwrap();
    let refused = message.clone().into_lua::<strata::Value>(&small);
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
    let hurried = Lua::new();
    hurried.set_instruction_limit(Some(1000));
    let refused = message.into_lua::<strata::Value>(&hurried);
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
    big.set_instruction_limit(Some(1000));
    let refused = Message::from_lua(&big, &table);
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
}

#[test]
fn actors_are_values_of_messages() {
    let system = System::new(Config::default()).unwrap();
    let program = system
        .program(
            "local seen = {}
             return {
               same = function(a, b) return a == b, rawequal(a, b), a == actors.self() end,
               count = function(a) seen[a] = (seen[a] or 0) + 1 return seen[a] end,
               text = function(a) return tostring(a), a:name(), a:id() end,
               wrong = function() return pcall(actors.spawn, print, { memry = 1 }) end,
             }",
            "test",
        )
        .unwrap();
    let options = Options {
        name: Some("it".into()),
        ..Options::default()
    };
    let actor = system.spawn(&program, options).unwrap();
    let ask = |name: &str, args: &[&ActorRef]| {
        let message = args
            .iter()
            .fold(Message::new().with(name), |m, a| m.with(*a));
        actor.ask(message, LONG).unwrap()
    };
    let same = ask("same", &[&actor, &actor]);
    assert!((0..3).all(|n| same.get(n).is_truthy()), "{same:?}");
    for n in 1..4 {
        assert_eq!(ask("count", &[&actor]).integer(0), Some(n));
    }
    let text = ask("text", &[&actor]);
    assert_eq!(text.str(0), Some(&*format!("actor {} (it)", actor.id())));
    assert_eq!(
        (text.str(1), text.integer(2)),
        (Some("it"), Some(actor.id() as i64))
    );
    let wrong = ask("wrong", &[]);
    assert!(
        wrong
            .str(1)
            .unwrap()
            .contains("no option is called 'memry'"),
        "{wrong:?}"
    );
    // A VM that takes part in nothing has no use for it.
    let outside = Message::new()
        .with(&actor)
        .into_lua::<strata::Value>(&Lua::new());
    assert!(
        outside
            .unwrap_err()
            .to_string()
            .contains("attached to no system")
    );
    let tables = Message::new().with(Data::map([("a", Data::from(&actor))]));
    let Item::Table(table) = tables.get(0) else {
        panic!("{tables:?}")
    };
    assert_eq!(table.field("a").as_actor(), Some(&actor));
}
