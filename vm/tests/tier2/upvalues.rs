//! Upvalues that never change, in optimized code: nothing looks at them, until
//! the debug library changes one after all. Each program runs in all ways that
//! [`optimized`] knows.

use crate::ir;
use crate::optimized::same;

#[test]
fn functions_that_call_themselves_and_others() {
    let source = "local N, F, S, T, U = 3, 0.5, 'x', true
         local function leaf(a) return a + N end
         local function fact(n) if n < 2 then return leaf(n) * F end return n * fact(n - 1) end
         local function outer(n)
           local function inner(k) if k == 0 then return S end return inner(k - 1) end
           return inner(n) .. (T and 'y' or 'z') .. tostring(U)
         end
         local s = 0
         for i = 1, 400 do s = s + fact(i % 9) + #outer(i % 5) end
         return s";
    same(source);
    let code = ir(
        "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
         return fib(18)",
    );
    assert!(code.contains("call_typed"), "{code}");
    assert!(
        !code.contains("upval") && !code.contains("callee"),
        "{code}"
    );
}

#[test]
fn variables_that_are_assigned_to() {
    same(
        "local n, other = 0
         local function count() n = n + 1 return n end
         local function peek() return n end
         local function calls(k) if k == 0 then return 0 end return other(k) end
         other = function(k) return k + calls(k - 1) end
         local fs = {}
         for i = 1, 300 do
           local x = i
           local function get() return x end
           x = x + 1
           fs[i % 4 + 1] = get
           count()
         end
         local s = 0
         for i = 1, 300 do s = s + fs[i % 4 + 1]() + peek() + calls(i % 6) end
         return s, n",
    );
}

/// Runs `change`, which changes upvalues of `f` while `f` and its callers run
/// optimized code, and compares with the interpreter.
fn changed_midway(change: &str) {
    let run = same(&format!(
        "local k, text = 1, 'a'
         local function g(x) return x + k end
         local function h(x) return x * 2 + k end
         local two = 2
         local function f(x) if x == 0 then return k end return g(x) + two + f(x - 1) end
         local function change(i) if i == 500 then {change} end return i end
         local function deep(i) local a = f(i % 5) change(i) return a + f(i % 3) end
         local s = 0
         for i = 1, 900 do s = s + deep(i) + f(2) end
         return s, k, two"
    ));
    assert!(run.stats.invalidated > 0, "{:?}", run.stats);
}

#[test]
fn assigned_to_by_setupvalue() {
    for change in [
        "debug.setupvalue(g, 1, 10)",
        "debug.setupvalue(f, 2, h)",
        "for n = 1, 9 do if debug.getupvalue(f, n) == 'f' then debug.setupvalue(f, n, h) end end",
        "for n = 1, 9 do if debug.getupvalue(f, n) == 'two' then debug.setupvalue(f, n, 2.5) end end",
    ] {
        changed_midway(change);
    }
}

#[test]
fn exchanged_by_upvaluejoin() {
    changed_midway(
        "local ten = 10
         debug.upvaluejoin(g, 1, function() return ten end, 1)",
    );
}

#[test]
fn assigned_to_by_setlocal() {
    changed_midway(
        "for level = 1, 9 do
           local n = 1
           while true do
             local name = debug.getlocal(level, n)
             if not name then break end
             if name == 'two' then debug.setlocal(level, n, 7) end
             n = n + 1
           end
           if debug.getinfo(level, 'S').what == 'main' then break end
         end",
    );
}

#[test]
fn the_environment_of_a_chunk() {
    same(
        "local f = load([[local function g(i) x = i return x + (y or 1) end
                         local s = 0 for i = 1, 200 do s = s + g(i) end return s]])
         local s = f()
         debug.setupvalue(f, 1, { y = 5 })
         return s, f(), x",
    );
}
