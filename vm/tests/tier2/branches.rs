//! Conditional jumps that only ever went one way, in optimized code: the other
//! way is left out until it is taken. Each program runs in all ways that
//! [`optimized`] knows.

use crate::ir;
use crate::optimized::same;

/// A program with all kinds of conditional jumps, of which `rare` decides
/// whether they go the usual way.
fn program(rare: &str) -> String {
    format!(
        "local function f(i, rare)
           local t, s, x, y = {{ i }}, 'a', i, i + 0.5
           if rare then t, s, x, y = nil, 'b', -i, nil end
           local n = 0
           if t then n = n + 1 else n = n + 1000 end
           if t == nil then n = n + 2000 end
           if not t then n = n + 3000 end
           if s == 'b' then n = n + 4000 end
           if x < 0 then n = n + 5000 end
           if x ~= i then n = n + 6000 end
           if x == -1700 then n = n + 7000 end
           if y == nil then y = 8000 elseif y < 0 then y = 9000 end
           local both, either = t and 1, y or 5
           local last = rare or both
           return n + y + (both or 2) + either + (last == true and 3 or 4)
         end
         local sum = 0
         for i = 1, 1800 do sum = sum + f(i, {rare}) end
         return sum"
    )
}

#[test]
fn ways_that_were_never_taken_are_left_out() {
    let run = same(&program("false"));
    assert!(run.stats.exits < 20, "{:?}", run.stats);
    let code = ir(&program("false"));
    assert!(code.contains("unreached"), "{code}");
    assert!(
        !code.contains("int 4000") && !code.contains("int 7000"),
        "{code}"
    );
}

#[test]
fn ways_that_are_taken_later() {
    for rare in [
        "i == 1700",
        "i > 900",
        "i > 600 and i % 3 == 0",
        "i > 900 and i < 1000 or i > 1500",
    ] {
        let run = same(&program(rare));
        assert!(run.stats.exits > 0, "{rare}: {:?}", run.stats);
    }
}

#[test]
fn code_that_is_surprised_is_made_for_both_ways() {
    let run = same(
        "local function f(i, k)
           local s = 0
           if k > 1 then s = s + i end
           if k > 2 then s = s * 2 end
           if k > 3 then s = s - 1 end
           if k > 4 then s = s + 3 end
           if k > 5 then s = s * 5 end
           if k > 6 then s = s % 1000 end
           return s
         end
         local sum = 0
         for i = 1, 8000 do sum = sum + f(i, i // 1000) end
         return sum",
    );
    // Twice sixteen times in the function and in the loop around it, and the
    // ends of both.
    assert!(
        run.stats.exits > 0 && run.stats.exits < 80,
        "{:?}",
        run.stats
    );
}

#[test]
fn loops_that_end_another_way() {
    same(
        "local function find(t, x) local i = 1 while t[i] do if t[i] == x then return i end i = i + 1 end end
         local t = {}
         for i = 1, 60 do t[i] = i end
         local s = 0
         for round = 1, 300 do s = s + (find(t, round < 200 and 55 or 5 + round % 70) or 1000) end
         local n, k = 0, 0
         while n < 4000 do n = n + 1 if n > 3500 and n % 7 == 0 then k = k + n end end
         repeat k = k - 1 until k < 2000
         return s, n, k",
    );
}

#[test]
fn strings_are_compared() {
    // Short and long ones, equal ones that aren't the same object, and ones that are
    // concatenated when they are looked at. `odd` is compared once in a while.
    let program = |odd: &str| {
        format!(
            "local long = ('x'):rep(50)
             local words = {{ 'a', 'b', 'ab', '', long, long .. 'y', 'a\\0b', '\\xff', long .. 'z' }}
             local n, odd = 0, {odd}
             local function compare(a, b)
               if a == b then n = n + 1 end
               if a ~= b then n = n + 2 end
               if a < b then n = n + 4 end
               if a <= b then n = n + 8 end
               return not (a < b), not (a <= b)
             end
             local t = {{}}
             for i = 1, 2000 do
               local a, b = words[i % 9 + 1], words[i * 7 % 9 + 1]
               if i % 4 == 0 then a, b = b, long .. 'y' end
               if i % 5 == 0 then b = long .. (i % 3 == 0 and 'y' or 'z') end
               local ok, x, y = pcall(compare, a, b)
               t[i % 50] = tostring(x) .. tostring(y)
               if i % 700 == 0 then n = n + (pcall(compare, a, odd) and 1 or 0) end
             end
             return n, table.concat(t, ',')"
        )
    };
    for odd in [
        "'q'",
        "1",
        "nil",
        "{}",
        "setmetatable({}, { __lt = function() return true end })",
    ] {
        same(&program(odd));
    }
    let code = ir(&program("'q'"));
    assert!(
        code.contains("str_order") && code.contains("str_eq"),
        "{code}"
    );
}
