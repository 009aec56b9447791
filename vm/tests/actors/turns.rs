//! Actors that compute: others have their turns meanwhile, and what was suspended in
//! the middle of something goes on as if nothing had been.

use std::time::Duration;
use strata::actors::{ActorRef, Config, Message, Options, System};
use strata::stress::StressModes;
use strata::{JitMode, JitOptions, Lua};

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(60);

/// One thread for all actors. What is hot is compiled soon.
fn system(mode: JitMode, stress: StressModes) -> System {
    System::new(Config {
        threads: 1,
        quantum: Some(Duration::from_millis(1)),
        jit: jit(mode),
        stress,
        ..Config::default()
    })
    .unwrap()
}

fn jit(mode: JitMode) -> JitOptions {
    let mut options = JitOptions {
        mode,
        ..JitOptions::default()
    };
    options.thresholds.calls = 20;
    options.thresholds.back_edges = 50;
    options.thresholds.hot = 500;
    options
}

fn spawn(system: &System, source: &str) -> ActorRef {
    let program = system.program(source, "test").unwrap();
    system.spawn(&program, Options::default()).unwrap()
}

/// The modes that this build has.
fn modes() -> Vec<JitMode> {
    if cfg!(feature = "cranelift") {
        vec![JitMode::Off, JitMode::Baseline, JitMode::Full]
    } else {
        vec![JitMode::Off]
    }
}

/// Loops and recursion without end.
const ENDLESS: [&str; 8] = [
    "while true do end",
    "local s = 0 for i = 1, math.maxinteger do s = s + i % 7 end",
    "for x = 1.0, math.huge do local y = x * 2 end",
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end fib(80)",
    "local function down(n) if n == 0 then return down(100) end return down(n - 1) end down(1)",
    "local t = { 1, 2, 3 } while true do for k, v in pairs(t) do t[k] = v end end",
    "while true do pcall(function() for i = 1, 1000000000 do end end) end",
    "local t = setmetatable({}, { __index = function(t, k) for i = 1, 100 do end return k end })
     local i = 0 while true do i = t[i] + 1 end",
];

#[test]
fn an_actor_that_computes_leaves_the_thread_to_others() {
    for mode in modes() {
        let system = system(mode, StressModes::default());
        let other = spawn(
            &system,
            "local n = 0 return function() n = n + 1 return n end",
        );
        for (n, endless) in (1..).zip(ENDLESS) {
            let busy = spawn(&system, &format!("return function() {endless} end"));
            busy.send(Message::new()).unwrap();
            for _ in 0..3 {
                let reply = other.ask(Message::new(), LONG);
                reply.unwrap_or_else(|e| panic!("{mode}: {endless}: {e}"));
            }
            let handled = other.figures().handled;
            assert_eq!(handled, 3 * n, "{mode}: {endless}");
            assert!(busy.reason().is_none(), "{mode}: {endless}");
            busy.kill();
            busy.join(LONG).unwrap();
        }
    }
}

/// What can be in the middle of something when it is suspended: each is a function of
/// a number.
const WORK: &str = "
    local function ints(n)
      local s = 0
      for i = 1, n do s = (s * 31 + i) % 1000003 for j = i, 1, -3 do s = s ~ j end end
      return s
    end
    local function floats(n)
      local a = {}
      for i = 1, n do a[i] = i / 3 end
      local s = 0.0
      for x = 1, n do s = s + a[x] * a[n - x + 1] end
      return s
    end
    local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    local function tail(n, ...)
      if n == 0 then return select('#', ...) end
      if n % 50 == 0 then return tail(n - 1) end
      return tail(n - 1, n, ...)
    end
    local Point = {}
    Point.__index = Point
    Point.__add = function(a, b) for i = 1, 3 do a.n = a.n + 1 end return setmetatable({ x = a.x + b.x, n = 0 }, Point) end
    Point.__lt = function(a, b) return a.x < b.x end
    Point.__concat = function(a, b) return (type(a) == 'table' and a.x or a) .. '|' .. (type(b) == 'table' and b.x or b) end
    Point.__close = function(p) for i = 1, 5 do p.n = p.n + i end end
    local function objects(n)
      local p, closed, text = setmetatable({ x = 1, n = 0 }, Point), 0, ''
      for i = 1, n do
        local q <close> = setmetatable({ x = i, n = 0 }, Point)
        p = p + q
        if p < q then return 'wrong' end
        if i % 10 == 0 then text = p .. q .. i end
        closed = closed + q.n
      end
      return p.x .. ' ' .. closed .. ' ' .. text
    end
    local function strings(n)
      local t = {}
      for i = 1, n do t[#t + 1] = ('%d:%s'):format(i, ('x'):rep(i % 5)) end
      local words = 0
      for w in table.concat(t, ' '):gmatch('%d+') do words = words + tonumber(w) end
      return words
    end
    local function library(n)
      local t = {}
      for i = 1, n do t[i] = (i * 7919) % 1009 end
      table.sort(t, function(a, b) for i = 1, 3 do a = a + 0 end return a < b end)
      local s = ('abc'):rep(n):gsub('b', function(c) local x = 0 for i = 1, 5 do x = x + i end return x end)
      return t[1] .. t[#t] .. #s
    end
    local function coroutines(n)
      local gen = coroutine.wrap(function() for i = 1, n do local s = 0 for j = 1, 5 do s = s + j end coroutine.yield(s + i) end end)
      local s = 0
      for v in gen do s = s + v end
      return s
    end
    local function failing(n)
      local caught = 0
      for i = 1, n do
        local ok, e = pcall(function(k) for j = 1, 4 do if j == k % 7 then error({ k }) end end return k end, i)
        caught = caught + (ok and e or -e[1])
      end
      return caught
    end
    local function closures(n)
      local fs = {}
      for i = 1, n do local c = i fs[i] = function(d) c = c + d return c end end
      local s = 0
      for k = 1, 3 do for i, f in ipairs(fs) do s = s + f(k) end end
      return s
    end
    local all = { ints, floats, fib, tail, objects, strings, library, coroutines, failing, closures }
    local sizes = { 60, 300, 14, 300, 120, 150, 120, 120, 200, 120 }
    local function work(rounds)
      local out = {}
      for r = 1, rounds do
        for k, f in ipairs(all) do out[k] = tostring(f(sizes[k] + r % 3)) end
      end
      return table.concat(out, ',')
    end
";

/// Several actors do the work at once, on one thread.
fn same_as_alone(mode: JitMode, stress: &StressModes, rounds: i64) {
    let alone = Lua::new();
    let right: String = alone
        .load(format!("{WORK} return work({rounds})"))
        .eval()
        .unwrap();
    let system = system(mode, stress.clone());
    let source = format!("{WORK} return function(to, n) to:send(work(n)) end");
    let workers: Vec<ActorRef> = (0..3).map(|_| spawn(&system, &source)).collect();
    let collector = spawn(
        &system,
        "return function() local all = {} for i = 1, 3 do all[i] = actors.receive(60) end return all[1], all[2], all[3] end",
    );
    for worker in &workers {
        let message = Message::new().with(&collector).with(rounds);
        worker.send(message).unwrap();
    }
    let seen = collector.ask(Message::new(), LONG).unwrap();
    for n in 0..3 {
        assert_eq!(seen.str(n), Some(&*right), "{mode} {stress}");
    }
    for worker in &workers {
        assert!(worker.reason().is_none(), "{:?}", worker.reason());
        let turns = worker.figures().turns;
        assert!(!stress.interrupt || turns > 500, "{mode} {stress}: {turns}");
    }
}

#[test]
fn what_a_library_waits_for_is_not_suspended() {
    let often = StressModes {
        interrupt: true,
        ..StressModes::default()
    };
    for mode in modes() {
        let system = system(mode, often.clone());
        // How many turns it takes: in the handler itself, in a comparator, and in a
        // coroutine of its own.
        let worker = spawn(
            &system,
            "local function spin(n) local s = 0 for i = 1, n do s = s + i % 3 end return s end
             local me = actors.self()
             local function turns(f) local before = me:info().turns f() return me:info().turns - before end
             return function()
               local itself = turns(function() spin(300) end)
               local compares = turns(function()
                 table.sort({ 2, 1 }, function(a, b) spin(300) return a < b end)
               end)
               local routine = turns(function()
                 local co = coroutine.create(function() spin(300) return 'done' end)
                 assert(select(2, coroutine.resume(co)) == 'done')
               end)
               return itself, compares, routine
             end",
        );
        let reply = worker.ask(Message::new(), LONG).unwrap();
        let turns = |n| reply.integer(n).unwrap();
        assert!(turns(0) > 20, "{mode}: {}", turns(0));
        // What is around them may be.
        assert!(turns(1) < 10, "{mode}: {}", turns(1));
        assert!(turns(2) < 10, "{mode}: {}", turns(2));
    }
}

#[test]
fn what_was_suspended_goes_on_as_before() {
    for mode in modes() {
        same_as_alone(mode, &StressModes::default(), 30);
    }
}

#[test]
fn what_is_suspended_all_the_time_goes_on_as_before() {
    let often = StressModes {
        interrupt: true,
        ..StressModes::default()
    };
    let with = |change: &dyn Fn(&mut StressModes)| {
        let mut modes = often.clone();
        change(&mut modes);
        modes
    };
    for mode in modes() {
        same_as_alone(mode, &often, 3);
        same_as_alone(mode, &with(&|m| m.gc = 40), 2);
        same_as_alone(
            mode,
            &with(&|m| (m.stack, m.generational) = (Some(3), true)),
            2,
        );
        same_as_alone(mode, &with(&|m| m.invalidate = true), 2);
    }
}
