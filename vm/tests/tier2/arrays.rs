//! Tier 2 and arrays: kinds of elements, keys outside, growth, loops over
//! them, numbers of both kinds.

use crate::optimized::{self, at_once, run, same, traced_when};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strata::engine::{self, Backend, JitMode};
use strata::stress::StressModes;
use strata_profiler::{Event, Sink, Stats};

#[test]
fn arrays_of_several_kinds_and_keys_outside_of_them() {
    let run = same(
        "local rows = { {}, {}, {} }
         for i = 1, 60 do rows[1][i] = i; rows[2][i] = i + 0.5; rows[3][i] = i % 2 == 0 and i or i / 4 end
         for _, row in ipairs(rows) do row[0] = -1; row[-3] = 'x' end
         local function sum(row)
           local s = 0
           for i = 0, 60 do s = s + row[i] end
           return s
         end
         local function put(row, x) for i = 0, 60 do row[i] = x + row[i] end end
         local function holes(row)
           local n = 0
           for i = -4, 64 do if row[i] then n = n + 1 end end
           return n
         end
         local s, n = 0, 0
         for round = 1, 300 do
           local row = rows[round % 3 + 1]
           s = s + sum(row)
           put(row, 1)
           n = n + holes(row)
           if round == 150 then rows[2][7] = 'y' rows[2][7] = 2 end
           if round == 200 then rows[1][60] = nil n = n * 2 rows[1][60] = 5 end
           if round == 250 then
             rows[3][0] = nil
             setmetatable(rows[3], { __index = function(t, k) return k end, __newindex = rawset })
           end
         end
         rows[1][10] = {}
         local ok, e = pcall(sum, rows[1])
         return s, n, ok, e, rows[1][-3], rows[3][0]",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn arrays_grow_wherever_they_begin() {
    let run = same(
        "local function fill(t, from, n, step) for i = from, from + n do t[i] = i * step end return t end
         local s = 0
         for round = 1, 120 do
           local a = fill({}, 1, 20, 1)
           local b = fill({}, 0, 20, 0.5)
           local c = fill({ n = 1 }, 30, 5, 2)
           for i = 29, 1, -1 do c[i] = i end
           fill(c, 36, 3, 1.5)
           local d = {}
           for i = 1, 9 do d[#d + 1] = a[i]; d[#d + 1] = b[i] end
           s = s + #a + a[21] + #b + b[20] + #c + c[39] + #d + d[18] + c[1]
           if round == 100 then
             setmetatable(a, { __newindex = function(t, k, v) rawset(t, k, -v) end })
             fill(a, 15, 15, 1)
             s = s + a[30]
           end
         end
         local logged = setmetatable({}, { __newindex = function(t, k, v) rawset(t, k, v) s = s + k end })
         fill(logged, 1, 40, 1)
         return s, #logged",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn loops_whose_step_is_computed() {
    let run = same(
        "local function marks(n, step)
           local t, c = {}, 0
           for i = 1, n do t[i] = false end
           for i = step, n, step do t[i] = true end
           for i = 1, n do if t[i] then c = c + 1 end end
           return c
         end
         local s = 0
         for round = 1, 120 do s = s + marks(100, round % 9 + 1) end
         local function walk(a, b, by) local n = 0 for i = a, b, by do n = n + i end return n end
         for round = 1, 400 do s = s + walk(1, 20, 3) end
         s = s + walk(math.maxinteger - 5, math.maxinteger, 2) + walk(20, 1, -3) + walk(1, 0, 1)
         return s, pcall(walk, 1, 10, 0)",
    );
    assert!(run.stats.exits > 0, "{:?}", run.stats);
}

#[test]
fn arithmetic_on_numbers_of_both_kinds() {
    same(
        "local t = {}
         for i = 1, 90 do t[i] = i % 3 == 0 and i or i % 3 == 1 and i + 0.25 or -i end
         local s, p, m, q = 0, 1, 0, 0
         for round = 1, 60 do
           for i = 2, 90 do
             local x, y = t[i], t[i - 1]
             s = s + (x + y) * (x - y)
             m = m + x % 7 + y // 3
             q = q + x / (y * y)
             p = -x
           end
         end
         return s, p, m, q, math.type(s), pcall(function() for i = 1, 200 do m = t[i] + 1 end end)",
    );
}

#[test]
fn arrays_change_their_kind_and_grow() {
    same(
        "local t, s = {}, 0
         for i = 1, 1500 do t[#t + 1] = i end
         for round = 1, 4 do
           for i = 1, #t do s = s + t[i] end
           if round == 1 then t[700] = 0.5 end
           if round == 2 then t[701] = nil; t[701] = 3 end
         end
         local names = {}
         for i = 1, 800 do names[i] = (i % 3 == 0) and 'x' or i end
         for i = 1, 800 do if names[i] == 'x' then s = s + 1 end end
         return s, #t",
    );
}

#[test]
fn loop_variables_that_are_changed() {
    same(
        "local t, s = {}, 0
         for i = 1, 400 do t[i] = i end
         for i = 1, 400 do
           local a = t[i]
           i = i // 2
           while i > 3 do i = i - 3 s = s + i end
           s = s + i + a
         end
         for i = 1, 300 do
           while i < 310 do i = i + 7 s = s + t[i] end
         end
         for x = 0.5, 300, 0.5 do x = x + 1 s = s + x end
         return s",
    );
}

#[test]
fn booleans_in_arrays() {
    same(
        "local t, n = {}, 0
         for i = 1, 200 do t[i] = i % 3 == 0 end
         for round = 1, 40 do
           for i = round, 200, round do t[i] = not t[i] end
           for i = 1, 200 do if t[i] then n = n + 1 end end
           if round == 30 then for i = 1, 200, 5 do t[i] = 'x' end end
           if round == 35 then for i = 1, 200, 5 do t[i] = false end end
         end
         collectgarbage()
         return n, tostring(t[5]), t[6] == true, t[7] == t[8]",
    );
}

#[test]
fn loops_run_as_far_as_keys_are_elements() {
    let run = same(
        "local function new(n) local t = {} for i = 0, n do t[i] = i * 0.5 end return t end
         local function shift(to, from, n) for i = 1, n do to[i] = from[i - 1] + (to[i - 1] or 1) end end
         local function back(to, from, n) for i = n, 0, -1 do to[i] = from[i] - to[i] end end
         local function pairwise(t, n) local s = 0 for i = 0, n - 1, 2 do s = s + t[i] * t[i + 1] end return s end
         local function strided(t, n, by)
           local s, w = 0, 0
           for i = 0, n do s = s + t[w] w = w + by end
           return s
         end
         local function grow(t, from, n) for i = from, n do t[i] = i end return #t end
         local function letters(s, t) local n = 0 for i = 1, #t do if t[i - 1] == s:byte(i) then n = n + 1 end end return n end
         local s, a, b = 0, new(50), new(50)
         local word, codes = ('abc'):rep(20), {}
         for i = 0, 59 do codes[i] = word:byte(i + 1) end
         for round = 1, 60 do
           shift(a, b, 50) back(b, a, 50)
           s = s + pairwise(a, 50) + strided(b, 10, 5) + strided(b, 50, 1) + strided(b, 50, 0)
           s = s + strided(b, 10, 1 << 62 | 1) * 0 + letters(word, codes) + letters('abc', codes)
           local c = {}
           s = s + grow(c, 0, 20) + grow(c, 15, 40)
           if round == 40 then a[20] = 'x' end
           if round == 42 then a[20] = 1 b[0] = nil b[0] = 3 end
           if round == 45 then setmetatable(a, { __index = function(t, k) s = s + k return 1 end }) a[0] = nil end
           if round == 50 then
             setmetatable(b, { __newindex = function(t, k, v) s = s + k rawset(t, k, v) end })
             b[0] = nil
           end
         end
         b[30] = {}
         local ok, e = pcall(pairwise, b, 50)
         return s, a[0], a[50], b[0], b[50], ok, e",
    );
    assert!(run.stats.passes["loops_split"] >= 4, "{:?}", run.stats);
}

#[test]
fn guards_before_loops_that_fail_are_put_off_by_kind() {
    // The loops never run to their ends, so that bounds can't be checked before
    // them; the type of `by` can, until it changes.
    let run = same(
        "local function first(a, n, by)
           local s = 0
           for i = 1, n do
             if i > #a then break end
             s = s + a[i] * by
           end
           return s
         end
         local a, s = {}, 0
         for i = 1, 30 do a[i] = i end
         for round = 1, 600 do s = s + first(a, 40, round < 400 and 3 or 0.5) end
         return s",
    );
    assert!((1..=150).contains(&run.stats.exits), "{:?}", run.stats);
    let compiles = run.stats.tiers.get(&2).map_or(0, |t| t.compiles);
    assert!((2..=16).contains(&compiles), "{:?}", run.stats);
}

#[test]
fn arrays_become_another_kind_inside_of_loops() {
    // Rows begin as integers; the first float makes each one mixed.
    let run = same(
        "local function zeros(n) local t = {} for i = 1, n do t[i] = 0 end return t end
         local function copy(to, from) for i = 1, #from do to[i] = from[i] end end
         local function scale(to, from, by) for i = 1, #to do to[i] = from[i] * by end end
         local function any(to, from) for i = 2, #from do to[i] = from[i - 1] end end
         local floats, words, s, n = {}, {}, 0, 0
         for i = 1, 20 do floats[i] = i / 4 words[i] = i % 3 == 0 and 'w' or i end
         local log = setmetatable(zeros(20), { __newindex = function(t, k, v) n = n + k end })
         for round = 1, 200 do
           local a, b, c = zeros(20), zeros(20), zeros(20)
           copy(a, floats) scale(b, a, 2.5) any(c, round % 2 == 0 and words or floats)
           s = s + a[20] + b[19] + (tonumber(c[2]) or 0)
           a[7] = nil
           s = s + #a
           if round == 150 then copy(log, floats) log[3] = nil copy(log, floats) end
         end
         return s, n, log[3], math.type(log[2])",
    );
    assert!(run.stats.exits < 120, "{:?}", run.stats);
}

/// Collects why native frames were dropped.
#[derive(Clone, Default)]
struct Drops(Arc<Mutex<Vec<&'static str>>>);

impl Sink for Drops {
    fn event(&mut self, _: Duration, event: &Event) {
        if let Event::Unwound { why, .. } = event {
            self.0.lock().unwrap().push(why);
        }
    }

    fn finish(&mut self, _: &Stats) {}
}

#[test]
fn what_arrays_were_at_first_is_forgotten() {
    // Rows hold zeros for a while, then floats; the function is called often, and
    // at the end rows are integers again.
    let source = "
        local function smooth(a, b)
          for i = 2, #a - 1 do b[i] = (a[i - 1] + a[i + 1]) / 2 + a[i] * 0 end
        end
        local function scale(a, by) for i = 1, #a do a[i] = a[i] * by end end
        local a, b = {}, {}
        for i = 1, 40 do a[i], b[i] = 0, 0 end
        for _ = 1, 10 do smooth(a, b) scale(a, 1) end
        for i = 1, 40 do a[i], b[i] = i / 4, i / 8 end
        for _ = 1, 400 do smooth(a, b) smooth(b, a) scale(b, 1.5) scale(b, 0.5) end
        local s = 0
        for i = 1, 40 do s = s + a[i] end
        for i = 1, 40 do a[i], b[i] = i, i end
        for _ = 1, 400 do smooth(a, b) scale(a, 1) end
        for i = 1, 40 do s = s + a[i] + b[i] end
        return s, math.type(a[1]), math.type(b[2])";
    let expected = run(source, JitMode::Off, &StressModes::default());
    let drops = Drops::default();
    let hot = 20_000;
    let run = traced_when(
        source,
        JitMode::Full,
        &at_once(),
        hot,
        Box::new(drops.clone()),
    );
    assert_eq!(run.end, expected.end);
    let looks = drops
        .0
        .lock()
        .unwrap()
        .iter()
        .filter(|w| **w == "second look")
        .count();
    assert!((1..=4).contains(&looks), "{looks} looks: {:?}", run.stats);
    assert!(run.stats.exits > 0, "{:?}", run.stats);
    // What was forgotten and comes back is learned again, once.
    let compiles = run.stats.tiers.get(&2).map_or(0, |t| t.compiles);
    assert!((2..=24).contains(&compiles), "{:?}", run.stats);
}

#[test]
fn crowded_loops_need_not_store_at_exits_what_they_do_not_use() {
    // The inner loop needs twelve pointers for its arrays; the other locals wait for
    // its exits, which come at every place: other kinds, absent elements, strings.
    let source = "
        local function row(n, x) local t = {} for i = 1, n do t[i] = i % 5 == 0 and i or i * x end return t end
        local function mix(a, b, c, d, out, from, tag, step)
          local n, s, last, odd = #a, 0, tag, 0.5
          for round = 1, 6 do
            local here, scale = round * step, odd * round
            for i = from, n do
              out[i] = a[i] + b[i] * c[i] - d[i]
              s = s + out[i]
            end
            last, odd = last .. here, odd + scale
          end
          return s, last, odd, n, from
        end
        local result = {}
        for round = 1, 40 do
          local a, b, c, d, out = row(20, 0.5), row(20, 1.5), row(20, 2.5), row(20, 0.25), row(20, 1.0)
          if round % 9 == 0 then c[13] = '7' end
          if round % 11 == 0 then a = setmetatable(row(10, 0.5), { __len = function() return 20 end, __index = function(_, k) return k / 2 end }) end
          if round % 13 == 0 then for i = 1, 20 do b[i] = i end end
          local s, last, odd, n, from = mix(a, b, c, d, out, 1 + round % 2, 't' .. round, round)
          result[#result + 1] = ('%.6f %s %.6f %d %d'):format(s, last, odd, n, from)
        end
        return table.concat(result, ' ')";
    same(source);
    let listings = optimized::code_by(source, Backend::Cranelift);
    // The buffer of exits is written to before the code of exits begins.
    let early = |l: &engine::Listing| {
        let text = &l.lowered;
        let code = text.split_once("\nexit0:").map_or("", |(code, _)| code);
        l.tier == 2 && code.contains("getelementptr i64, ptr %words")
    };
    let (yes, no): (Vec<_>, Vec<_>) = listings.iter().partition(|l| early(l));
    let names = |of: &[&engine::Listing]| -> Vec<String> {
        of.iter().map(|l| l.func.to_string()).collect()
    };
    assert!(
        names(&yes).iter().any(|n| n.starts_with("mix")),
        "{:?}",
        names(&yes)
    );
    // A loop with registers to spare stores nothing in vain.
    let sums = names(&no).iter().any(|n| n.starts_with("row"));
    assert!(sums, "{:?}", names(&no));
}

/// What sums and maps arrays is compiled to vector instructions.
#[cfg(target_arch = "x86_64")]
#[test]
#[cfg(feature = "llvm")]
fn loops_over_arrays_of_numbers_are_vectors() {
    if !std::arch::is_x86_feature_detected!("avx2") {
        // Without it there are narrower ones of other names.
        return;
    }
    let listings = optimized::code_of(
        "local function sum(a) local s = 0 for i = 1, #a do s = s + a[i] end return s end
         local function ints(a, b, k, c) for i = 1, #a do b[i] = a[i] * k + c end end
         local function floats(a, b, k, c) for i = 1, #a do b[i] = a[i] * k + c end end
         local function both(a, b, c) for i = 1, #a do c[i] = a[i] + b[i] end end
         local a, b, x, y, s = {}, {}, {}, {}, 0
         for i = 1, 500 do a[i], b[i], x[i], y[i] = i, 0, i + 0.5, 0.0 end
         for round = 1, 50 do s = s + sum(a) ints(a, b, 3, round) floats(x, y, 1.5, 2.0) both(x, y, y) end
         return s, b[7], y[7]",
    );
    for (name, instruction) in [
        ("sum", "vpaddq"),
        ("ints", "vpaddq"),
        ("floats", "vaddpd"),
        ("both", "vaddpd"),
    ] {
        let of = |l: &&strata::engine::Listing| l.tier == 2 && l.func.to_string().contains(name);
        let asm: Vec<&str> = listings.iter().filter(of).map(|l| &*l.asm).collect();
        let wide = |line: &str| line.contains(instruction) && line.contains("mm");
        assert!(
            asm.iter().any(|text| text.lines().any(wide)),
            "no {instruction} in {name}: {asm:?}"
        );
    }
}
