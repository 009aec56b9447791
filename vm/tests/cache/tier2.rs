//! Code of tier 2 in the compile cache: a second run compiles nothing, wrong feedback
//! and altered files do no harm, processes share a directory.

use crate::common::Folder;
use crate::optimized::{at_once, run, run_cached, run_made};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use strata::cache::{Backend as Maker, Cache, Config, Tier};
use strata::engine::{Backend, JitMode, Level, TargetCpu};
use strata::stress::{ForcedExits, StressModes};
use strata::{JitOptions, Lua, LuaOptions};

/// Tables, methods, strings, floats, calls, closures, errors.
const PROGRAM: &str = "
    local Point = {} Point.__index = Point
    function Point.new(x, y) return setmetatable({x = x, y = y}, Point) end
    function Point:len2() return self.x * self.x + self.y * self.y end
    function Point.__add(a, b) return Point.new(a.x + b.x, a.y + b.y) end
    local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    local function sum(a) local s = 0.5 for i = 1, #a do s = s + a[i] end return s end
    local function add(n) return function(x) n = n + x return n end end
    local total, parts, add1 = Point.new(0, 0), {}, add(1)
    for i = 1, 200 do
        total = total + Point.new(i, i % 7)
        parts[i] = total:len2() % 100
        add1(i)
    end
    local ok, message = pcall(function() local t = parts for i = 1, 300 do t[i].x = 1 end end)
    return fib(12), sum(parts), total.x, total.y, add1(0), ok, message, #table.concat(parts, ',')";

fn in_memory() -> Cache {
    Cache::new(Config::default()).unwrap()
}

fn in_directory(folder: &Folder) -> Cache {
    Cache::new(Config {
        directory: Some(folder.0.join("cache")),
        ..Config::default()
    })
    .unwrap()
}

fn interpreted(source: &str) -> String {
    run(source, JitMode::Off, &StressModes::default()).end
}

#[test]
fn a_second_run_compiles_nothing() {
    let expected = interpreted(PROGRAM);
    for backend in [Backend::Auto, Backend::Cranelift, Backend::Llvm] {
        let cache = in_memory();
        let first = run_cached(PROGRAM, backend, &at_once(), &cache);
        assert_eq!(first.end, expected);
        assert!(first.optimized.iter().any(|why| why != "cache"));
        // What is found early is another way of getting there: it settles.
        for _ in 0..3 {
            let again = run_cached(PROGRAM, backend, &at_once(), &cache);
            assert_eq!(again.end, expected, "{backend}");
        }
        let before = cache.stats();
        let last = run_cached(PROGRAM, backend, &at_once(), &cache);
        assert_eq!(last.end, expected, "{backend}");
        let stats = cache.stats();
        assert!(!last.optimized.is_empty(), "{backend}: nothing optimized");
        let compiled = last.optimized.iter().filter(|why| *why != "cache");
        assert_eq!(compiled.count(), 0, "{backend}: {:?}", last.optimized);
        assert_eq!((stats.misses, stats.stored), (before.misses, before.stored));
        assert!(stats.hits > before.hits && stats.saved_us > before.saved_us);
    }
}

#[test]
fn levels_and_processors_do_the_same_and_have_entries_of_their_own() {
    let expected = interpreted(PROGRAM);
    let cache = in_memory();
    let forced = StressModes {
        deopt: ForcedExits::Nth(3),
        ..at_once()
    };
    for backend in [Backend::Cranelift, Backend::Llvm] {
        for (level, cpu) in [
            (Level::O0, TargetCpu::Native),
            (Level::O1, TargetCpu::Native),
            (Level::O2, TargetCpu::Native),
            (Level::O3, TargetCpu::Native),
            (Level::O0, TargetCpu::Baseline),
            (Level::O3, TargetCpu::Baseline),
        ] {
            let how = (backend, level, cpu);
            let stored = cache.stats().stored;
            let made = run_made(PROGRAM, how, &at_once(), &cache);
            assert_eq!(made.end, expected, "{how:?}");
            assert!(!made.optimized.is_empty(), "{how:?}");
            assert!(
                cache.stats().stored > stored,
                "{how:?}: code of another way"
            );
            let hits = cache.stats().hits;
            let again = run_made(PROGRAM, how, &at_once(), &cache);
            assert_eq!(again.end, expected, "{how:?}");
            assert!(cache.stats().hits > hits, "{how:?}: no hits");
            let forced = run_made(PROGRAM, how, &forced, &cache);
            assert_eq!(forced.end, expected, "{how:?}, forced exits");
        }
    }
}

#[test]
fn a_cache_says_how_much_work_code_is_worth() {
    let keys = |level: Option<Level>, of_vm: Level| {
        let cache = Cache::new(Config {
            level,
            ..Config::default()
        })
        .unwrap();
        let how = (Backend::Cranelift, of_vm, TargetCpu::Native);
        run_made(PROGRAM, how, &at_once(), &cache);
        let mut keys: Vec<_> = cache.list().unwrap().iter().map(|e| e.key).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(Some(Level::O1), Level::O3), keys(None, Level::O1));
    assert_ne!(keys(None, Level::O3), keys(None, Level::O1));
}

#[test]
fn entries_tell_about_functions() {
    let cache = in_memory();
    run_cached(PROGRAM, Backend::Cranelift, &at_once(), &cache);
    let list = cache.list().unwrap();
    let fib = list.iter().find(|e| e.name.starts_with("fib (test:"));
    let fib = fib.unwrap_or_else(|| panic!("{list:#?}"));
    assert_eq!((fib.tier, fib.backend), (Tier::Two, Maker::Cranelift));
    assert!(fib.size > 0 && fib.size < fib.stored && fib.took > Duration::ZERO);
    assert_eq!(fib.address, None, "the VM is gone");
    assert!(list.iter().any(|e| e.name.contains("loop at line")));
}

#[test]
fn the_address_is_known_while_there_is_code() {
    let cache = in_memory();
    let mut options = LuaOptions {
        cache: Some(cache.clone()),
        jit: JitOptions {
            backend: Backend::Cranelift,
            ..JitOptions::default()
        },
        ..LuaOptions::default()
    };
    let t = &mut options.jit.thresholds;
    (t.calls, t.back_edges, t.start_up, t.hot, t.background) = (3, 3, 1, 60, 0);
    let lua = Lua::new_with(options).unwrap();
    let begun = std::time::Instant::now();
    while cache.list().unwrap().iter().all(|e| e.address.is_none()) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "nothing installed"
        );
        lua.load("local s = 0 for i = 1, 10000 do s = s + i end return s")
            .exec()
            .unwrap();
    }
    drop(lua);
    assert!(cache.list().unwrap().iter().all(|e| e.address.is_none()));
}

#[test]
fn another_program_is_another_entry() {
    let source = |n: u32| {
        format!(
            "local function f(x) return x + {n} end local s = 0 for i = 1, 200 do s = f(s) end return s"
        )
    };
    let cache = in_memory();
    for n in 1..5 {
        // The same but for a constant.
        let once = run_cached(&source(n), Backend::Cranelift, &at_once(), &cache);
        assert_eq!(once.end, interpreted(&source(n)));
        assert_eq!(cache.stats().hits, 0);
    }
}

#[test]
fn wrong_feedback_does_no_harm() {
    // What a global is decides what everything else is; the code is the same.
    let source = |what: &str| {
        format!(
            "X = {what}
             return load([[
                local mt = {{__index = function(t, k) return k .. '?' end}}
                local function get(i) local x = X if type(x) == 'function' then return x(i) end return x end
                local function f(i) local x = get(i)
                    if type(x) == 'table' then return x[1] or x.name end
                    if type(x) == 'string' then return #x + i end
                    return x * 2 + i
                end
                local s, t = 0, setmetatable({{}}, mt)
                for i = 1, 300 do s = s + f(i) t[i] = s end
                local n = 0
                for i, v in ipairs(t) do n = n + v end
                return s, n, t.zz, #t
             ]], '=inner')()"
        )
    };
    let kinds = [
        "1",
        "1.5",
        "'four'",
        "{3}",
        "{name = 7}",
        "{1.5, 2}",
        "function(i) return i end",
        "function(i) return i % 50 == 0 and 0.5 or i end",
        "setmetatable({}, {__index = function() return 2 end})",
    ];
    for backend in [Backend::Cranelift, Backend::Auto] {
        let cache = in_memory();
        for round in 0..3 {
            for what in kinds {
                let source = source(what);
                let cached = run_cached(&source, backend, &at_once(), &cache);
                assert_eq!(cached.end, interpreted(&source), "{what}, round {round}");
            }
        }
        assert!(cache.stats().hits > 0);
    }
}

/// A generator of numbers that are random enough.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

/// The files of entries in a directory.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(cache).unwrap();
    let mut found: Vec<_> = files
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "code" || e == "profile"))
        .collect();
    found.sort();
    found
}

/// Alters a file in one of several ways; `others`: files to take parts from.
fn alter(path: &Path, others: &[PathBuf], random: &mut Random) {
    let old = std::fs::read(path).unwrap();
    let mut new = old.clone();
    match random.below(6) {
        0 => {
            let at = random.below(new.len());
            new[at] ^= 1 << random.below(8);
        }
        1 => new.truncate(random.below(old.len())),
        2 => new.extend((0..=random.below(40)).map(|n| n as u8)),
        3 => {
            let (at, n) = (random.below(new.len()), 1 + random.below(64));
            new.iter_mut().skip(at).take(n).for_each(|b| *b = !*b);
        }
        4 => {
            // The head of one, the tail of another.
            let other = std::fs::read(&others[random.below(others.len())]).unwrap();
            let at = random.below(new.len());
            new.truncate(at);
            new.extend(other.iter().skip(at));
        }
        _ => {
            // Another whole entry.
            new = std::fs::read(&others[random.below(others.len())]).unwrap();
        }
    }
    if new == old {
        new[0] ^= 1;
    }
    std::fs::write(path, new).unwrap();
}

/// Alters so many entries, all that there are at a time, and runs programs on them.
fn altered(most: u64) {
    let folder = Folder::new("cache-altered");
    let cache = in_directory(&folder);
    let place = folder.0.join("cache");
    let expected = interpreted(PROGRAM);
    let mut random = Random(most);
    let mut altered = 0;
    while altered < most {
        let once = run_cached(PROGRAM, Backend::Cranelift, &at_once(), &cache);
        assert_eq!(once.end, expected, "after {altered}");
        let files = entries(&place);
        assert!(files.len() > 5);
        for path in &files {
            alter(path, &files, &mut random);
        }
        altered += files.len() as u64;
    }
    let refused = cache.stats().refused;
    println!("{altered} altered, {refused} were looked at and refused");
    assert!(refused > altered / 4, "{refused} of {altered}");
}

#[test]
fn altered_entries_do_no_harm() {
    altered(500);
}

/// The same in full: `cargo test --release -p strata --features cli,llvm,long --test
/// cache -- --nocapture full_size`.
#[cfg(feature = "long")]
#[test]
fn altered_entries_do_no_harm_full_size() {
    altered(100_000);
}

/// Alters so many files of code, one at a time, and asks for their entries.
fn altered_files(most: usize) {
    let folder = Folder::new(&format!("cache-files-{most}"));
    let cache = in_directory(&folder);
    run_cached(PROGRAM, Backend::Cranelift, &at_once(), &cache);
    let mut files = entries(&folder.0.join("cache"));
    files.retain(|f| f.extension().is_some_and(|e| e == "code"));
    let mut random = Random(1);
    for n in 0..most {
        let path = &files[random.below(files.len())];
        let good = std::fs::read(path).unwrap();
        let key = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        assert!(cache.get(&key).is_some(), "{n}");
        alter(path, &files, &mut random);
        let found = cache.get(&key);
        assert!(found.is_none() && !path.exists(), "{n}: {found:?}");
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create_new(true).mode(0o600).open(path);
        file.unwrap().write_all(&good).unwrap();
    }
    assert_eq!(cache.stats().refused, most as u64);
}

#[test]
fn altered_files_are_no_entries() {
    altered_files(3000);
}

/// The same in full, see above.
#[cfg(feature = "long")]
#[test]
fn altered_files_are_no_entries_full_size() {
    altered_files(100_000);
}

/// A run of the program by the command, with what it is told to print.
fn by_command(folder: &Folder) -> Output {
    let mut command = folder.command(&["run", "--cache=shared", "program.lua"]);
    command.env("STRATA_JIT_OPT", "calls=3,back-edges=3,hot=60,best=1000");
    command.stdin(Stdio::null()).output().unwrap()
}

/// `processes` at a time run the program `runs` times each, in one directory.
fn shared(processes: usize, runs: usize) {
    let folder = Folder::new(&format!("cache-shared-{processes}"));
    folder.file(
        "program.lua",
        format!("print((function() {PROGRAM} end)())"),
    );
    let expected = folder.vm(&["run", "--jit=off", "program.lua"]).stdout;
    assert!(!expected.is_empty());
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..processes {
            scope.spawn(|| {
                for _ in 0..runs {
                    let output = by_command(&folder);
                    let said = String::from_utf8_lossy(&output.stderr);
                    assert_eq!((output.status.code(), &*said), (Some(0), ""));
                    assert_eq!(output.stdout, expected);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.into_inner(), processes * runs);
    let cache = Cache::new(Config {
        directory: Some(folder.0.join("shared")),
        ..Config::default()
    });
    let stats = cache.unwrap().total_stats();
    println!("{processes} x {runs}: {stats}");
    assert!(stats.hits > 0 && stats.refused == 0, "{stats}");
}

#[test]
fn processes_share_a_directory() {
    shared(8, 5);
}

/// The same in full, see above.
#[cfg(feature = "long")]
#[test]
fn processes_share_a_directory_full_size() {
    shared(64, 100);
}

#[test]
fn the_command_keeps_code_between_runs() {
    let folder = Folder::new("cache-lua");
    folder.file(
        "program.lua",
        format!("print((function() {PROGRAM} end)())"),
    );
    let expected = folder.vm(&["run", "--jit=off", "program.lua"]).stdout;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for _ in 0..3 {
        let output = by_command(&folder);
        assert_eq!(
            (text(&output.stdout), text(&output.stderr)),
            (text(&expected), String::new())
        );
    }
    let list = text(&folder.vm(&["cache", "--cache=shared", "list"]).stdout);
    assert!(
        list.contains("tier 2") && list.contains("(program.lua:"),
        "{list}"
    );
    // The environment can turn it on, and the option off.
    let mut command = folder.command(&["run", "--cache=off", "program.lua"]);
    command.env("STRATA_CACHE", "elsewhere").output().unwrap();
    assert!(!folder.0.join("elsewhere").exists());
    let mut command = folder.command(&["run", "program.lua"]);
    command.env("STRATA_CACHE", "elsewhere").output().unwrap();
    assert!(folder.0.join("elsewhere").exists());
    // Damage is told once, and nothing else happens.
    let files = entries(&folder.0.join("shared"));
    for file in &files {
        std::fs::write(file, "nonsense").unwrap();
    }
    let output = by_command(&folder);
    let said = text(&output.stderr);
    assert_eq!(text(&output.stdout), text(&expected));
    assert!(
        said.lines().count() == 1 && said.contains("it is damaged"),
        "{said}"
    );
}

#[test]
fn what_may_not_be_optimized_is_not_taken_from_the_cache() {
    let cache = in_memory();
    let source = "local function f(x) return x * 2 + 1 end
        local s = 0 for i = 1, 3000 do s = s + f(i) end return s";
    for _ in 0..3 {
        run_cached(source, Backend::Cranelift, &at_once(), &cache);
    }
    let hits = cache.stats().hits;
    assert!(hits > 0);
    let expected = interpreted(source);
    let vm = |change: &dyn Fn(&mut JitOptions)| {
        let mut options = LuaOptions {
            cache: Some(cache.clone()),
            ..LuaOptions::default()
        };
        options.jit.backend = Backend::Cranelift;
        let t = &mut options.jit.thresholds;
        (t.calls, t.back_edges, t.start_up, t.hot, t.background) = (3, 3, 1, 60, 0);
        change(&mut options.jit);
        Lua::new_with(options).unwrap()
    };
    let result = |lua: &Lua| -> String {
        let n: i64 = lua.load(source).set_name("=test").eval().unwrap();
        n.to_string()
    };
    let baseline = vm(&|jit| jit.mode = JitMode::Baseline);
    assert_eq!(result(&baseline), expected);
    let asked = vm(&|jit| jit.functions = vec!["test=baseline".parse().unwrap()]);
    assert_eq!(result(&asked), expected);
    let counting = vm(&|jit| jit.count = true);
    assert_eq!(result(&counting), expected);
    let limited = vm(&|_| ());
    limited.set_instruction_limit(Some(1_000_000));
    assert_eq!(result(&limited), expected);
    assert_eq!(cache.stats().hits, hits);
}
