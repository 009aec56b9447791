//! Programs that change midway, back and forth: optimized code settles. What is
//! counted is compiles and failed guards, not time: a program that goes on twice as
//! long is hardly compiled again, and its code not left more often than a few times.

use crate::optimized::{at_once, run, same, traced_when};
use std::time::Duration;
use strata::engine::JitMode;
use strata::stress::StressModes;
use strata_profiler::{Event, Sink, Stats};

/// Nobody listens.
struct Silence;

impl Sink for Silence {
    fn event(&mut self, _: Duration, _: &Event) {}

    fn finish(&mut self, _: &Stats) {}
}

/// Compiles of tier 2 and failed guards of a program with so many rounds.
fn figures(source: &str, rounds: u32, hot: u32) -> (u64, u64) {
    let source = source.replace("ROUNDS", &rounds.to_string());
    let expected = run(&source, JitMode::Off, &StressModes::default());
    let run = traced_when(&source, JitMode::Full, &at_once(), hot, Box::new(Silence));
    assert_eq!(run.end, expected.end, "{source}");
    let tier = run.stats.tiers.get(&2);
    let compiles = tier.map_or(0, |t| t.compiles);
    assert!(compiles > 0, "nothing optimized: {source}");
    (compiles, tier.map_or(0, |t| t.exits))
}

/// A program of `ROUNDS` rounds, each in another phase, settles.
fn settles(source: &str) {
    same(&source.replace("ROUNDS", "12"));
    // With the second look at feedback, and without.
    for (hot, rounds) in [(60, 160), (5000, 160)] {
        let (compiles, exits) = figures(source, rounds, hot);
        let (later, more) = figures(source, 2 * rounds, hot);
        // Each compile may be two, one by each backend. Tier 1's code is made anew for
        // newer feedback once in a while, and with it that of tier 2.
        assert!(
            later - compiles <= 4 && later <= 30,
            "{compiles} compiles, then {later}, hot {hot}: {source}"
        );
        let often = u64::from(rounds);
        assert!(
            more - exits <= often,
            "left {exits}, then {more} times, hot {hot}: {source}"
        );
    }
}

#[test]
fn kinds_of_arrays() {
    settles(
        "local function sum(a) local s = 0 for i = 1, #a do s = s + a[i] end return s end
         local function twice(a, b) for i = 1, #a do b[i] = a[i] * 2 end end
         local ints, floats, both, out = {}, {}, {}, {}
         for i = 1, 40 do ints[i], floats[i], both[i], out[i] = i, i / 2, i % 2 == 0 and i or i / 4, 0 end
         local all, s = { ints, floats, both }, 0
         for round = 1, ROUNDS do
           local a = all[round % 3 + 1]
           for _ = 1, 40 do s = s + sum(a) twice(a, out) end
         end
         return s, out[3]",
    );
}

#[test]
fn kinds_of_numbers() {
    settles(
        "local function step(x, y) return x * 3 + y - x end
         local function work(x, y, m)
           for i = 1, 400 do x = step(x, y) % m if i % 3 == 0 then x = x + y end end
           return x
         end
         local s = 0
         for round = 1, ROUNDS do
           local k = round % 3
           s = s + (k == 0 and work(0, 7, 1009) or k == 1 and work(0.5, 7.25, 1009.5) or work(0, 7.25, 1009))
         end
         return s",
    );
}

#[test]
fn lengths_of_arrays() {
    settles(
        "local function first(a, n) local s = 0 for i = 0, n do s = s + (a[i] or 1) end return s end
         local short, long, s = { 1, 2, 3 }, {}, 0
         for i = 0, 60 do long[i] = i end
         for round = 1, ROUNDS do
           local a = round % 2 == 0 and short or long
           for _ = 1, 40 do s = s + first(a, 50) end
         end
         return s",
    );
}

#[test]
fn shapes() {
    settles(
        "local function area(t) return t.w * t.h end
         local all, s = { { w = 1, h = 2 }, { h = 3, w = 4 }, { x = 0, w = 5, h = 6 } }, 0
         for round = 1, ROUNDS do
           local t = all[round % 3 + 1]
           for _ = 1, 400 do s = s + area(t) end
         end
         return s",
    );
}

#[test]
fn callees() {
    settles(
        "local function work(f) local s = 0 for i = 1, 400 do s = s + f(i, 3) end return s end
         local all = { function(x) return x end, function(x, y) return x + y end, math.max,
           function(...) return select('#', ...) end }
         local s = 0
         for round = 1, ROUNDS do s = s + work(all[round % 4 + 1]) end
         return s",
    );
}
