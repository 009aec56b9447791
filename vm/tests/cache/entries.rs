//! The compile cache, by way of the executor: what is found, what is refused, what
//! has to go.

use crate::common::Folder;
use parking_lot::Mutex;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use strata::cache::{Backend, Cache, Config, Key, Tier};
use strata::executor::{Executor, Level, Options, Program, Source, Value};

/// A cache in a folder, and what it warned of.
fn cache_in(folder: &Folder, config: Config) -> (Cache, Arc<Mutex<Vec<String>>>) {
    let warnings: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&warnings);
    let cache = Cache::new(Config {
        directory: Some(folder.0.join("cache")),
        on_warning: Some(Arc::new(move |what| told.lock().push(what.into()))),
        ..config
    });
    (cache.unwrap(), warnings)
}

fn executor(cache: &Cache, level: Level) -> Executor {
    Executor::new(Options {
        level,
        cache: Some(cache.clone()),
        ..Options::default()
    })
}

/// A module whose function `f` returns `n`.
fn module(n: i64) -> Source {
    Source::text("a.ll", format!("define i64 @f() {{ ret i64 {n} }}"))
}

fn load(cache: &Cache, n: i64) -> Program {
    // SAFETY: the code is what it says.
    let program = unsafe { executor(cache, Level::O2).load([module(n)]) }.unwrap();
    // SAFETY: as above.
    let result = unsafe { program.call("f", &[]) };
    assert_eq!(result.unwrap(), Value::from(n));
    program
}

/// Runs module `n`: whether the cache had it.
fn had(cache: &Cache, n: i64) -> bool {
    let program = load(cache, n);
    let had = program.modules()[0].cached;
    assert_eq!(program.modules()[0].times.total() == Duration::ZERO, had);
    had
}

/// The file of the one entry.
fn file(folder: &Folder) -> PathBuf {
    let files = std::fs::read_dir(folder.0.join("cache")).unwrap();
    let mut code = files
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "code"));
    let found = code.next().unwrap();
    assert_eq!(code.next(), None);
    found
}

#[test]
fn modules_are_compiled_once() {
    let folder = Folder::new("cache-once");
    let (cache, warnings) = cache_in(&folder, Config::default());
    assert!(!had(&cache, 1));
    assert!(had(&cache, 1));
    assert!(!had(&cache, 2), "another text");
    let o3 = |source| {
        // SAFETY: as above.
        let program = unsafe { executor(&cache, Level::O3).load([source]) };
        program.unwrap().modules()[0].cached
    };
    assert!(!o3(module(1)), "another level");
    assert!(o3(module(1)));
    let renamed = Source::bytes("b.ll", "define i64 @f() { ret i64 1 }");
    assert!(!o3(renamed), "another name");
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.stored), (2, 4, 4));
    assert!(stats.compile_us > 0 && stats.saved_us > 0);
    drop(cache);
    // Another process would find the same.
    let (cache, _) = cache_in(&folder, Config::default());
    assert!(had(&cache, 1) && had(&cache, 2));
    assert_eq!((cache.stats().hits, cache.stats().misses), (2, 0));
    let total = cache.total_stats();
    assert_eq!((total.hits, total.misses, total.stored), (4, 4, 4));
    assert_eq!(warnings.lock().len(), 0);
}

#[test]
fn of_several_modules_those_that_are_missing_are_compiled() {
    let cache = Cache::new(Config::default()).unwrap();
    had(&cache, 1);
    let user = "declare i64 @f()
        define i64 @g() { %x = call i64 @f()  %y = add i64 %x, 1  ret i64 %y }";
    let sources = || [Source::text("g.ll", user), module(1)];
    for all in [false, true] {
        // SAFETY: the code is what it says.
        let program = unsafe { executor(&cache, Level::O2).load(sources()) }.unwrap();
        let cached: Vec<bool> = program.modules().iter().map(|m| m.cached).collect();
        assert_eq!(cached, [all, true]);
        // SAFETY: as above.
        let result = unsafe { program.call("g", &[]) };
        assert_eq!(result.unwrap(), Value::from(2i64));
    }
    // What is wrong is never kept, and is told as without a cache.
    let wrong = || {
        [
            module(1),
            Source::text("w.ll", "define i64 @h() { ret i32 1 }"),
        ]
    };
    for _ in 0..2 {
        // SAFETY: it isn't run.
        let refused = unsafe { executor(&cache, Level::O2).load(wrong()) };
        assert!(refused.unwrap_err().to_string().contains("w.ll"));
    }
    assert_eq!(cache.size().unwrap().0, 2);
}

#[test]
fn a_cache_is_asked_about_its_entries() {
    let folder = Folder::new("cache-list");
    let (cache, _) = cache_in(&folder, Config::default());
    assert_eq!(cache.list().unwrap(), []);
    let program = load(&cache, 1);
    let list = cache.list().unwrap();
    let [entry] = &list[..] else {
        panic!("{list:?}")
    };
    assert_eq!((&*entry.name, entry.tier), ("a.ll", Tier::Executor));
    assert_eq!(entry.backend, Backend::Llvm);
    assert_eq!(entry.size, program.modules()[0].object_size);
    assert_eq!(entry.took, program.modules()[0].times.total());
    assert!(entry.made.elapsed().unwrap() < Duration::from_secs(60));
    assert!(
        entry
            .address
            .is_some_and(|at| at <= program.code()[0].address)
    );
    assert_eq!(cache.size().unwrap(), (1, entry.stored as u64));
    assert_eq!(cache.get(&entry.key).unwrap().metadata(), entry);
    drop(program);
    assert_eq!(cache.list().unwrap()[0].address, None);
    assert!(cache.remove(&entry.key) && !cache.remove(&entry.key));
    assert!(!had(&cache, 1), "it was removed");
    had(&cache, 2);
    assert_eq!(cache.clear().unwrap(), 2);
    assert_eq!(
        (cache.list().unwrap(), cache.total_stats().hits),
        (vec![], 0)
    );
    assert!(!had(&cache, 1), "all were removed");
}

#[test]
fn a_cache_that_is_off_does_nothing() {
    let folder = Folder::new("cache-off");
    let off = Config {
        enabled: false,
        ..Config::default()
    };
    let (cache, _) = cache_in(&folder, off);
    assert!(!had(&cache, 1) && !had(&cache, 1));
    assert_eq!(cache.stats(), strata::cache::Stats::default());
    cache.set_enabled(true);
    assert!(!had(&cache, 1) && had(&cache, 1));
    cache.set_enabled(false);
    assert!(!had(&cache, 1));
    assert!(cache.get(&key_of(&file(&folder))).is_none());
}

/// The key that a file is named after.
fn key_of(path: &Path) -> Key {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn what_was_used_the_longest_ago_goes_first() {
    for directory in [true, false] {
        let folder = Folder::new("cache-lru");
        let config = Config {
            max_functions: 10,
            ..Config::default()
        };
        let cache = match directory {
            true => cache_in(&folder, config).0,
            false => Cache::new(config).unwrap(),
        };
        for n in 0..10 {
            had(&cache, n);
            // Times of files are no finer than the kernel's clock.
            std::thread::sleep(Duration::from_millis(12));
        }
        assert!(had(&cache, 0), "all fit");
        std::thread::sleep(Duration::from_millis(12));
        // One more than fit: a tenth is freed.
        had(&cache, 10);
        assert_eq!(cache.stats().evicted, 2);
        assert_eq!(cache.size().unwrap().0, 9);
        for (n, there) in [(0, true), (3, true), (10, true), (1, false), (2, false)] {
            assert_eq!(had(&cache, n), there, "{n}, directory: {directory}");
        }
    }
    let small = Config {
        max_bytes: 1,
        ..Config::default()
    };
    let cache = Cache::new(small).unwrap();
    assert!(!had(&cache, 1) && !had(&cache, 1), "it is too big");
}

#[test]
fn entries_are_read_beforehand() {
    let folder = Folder::new("cache-warm");
    let (cache, _) = cache_in(&folder, Config::default());
    let compiled = executor(&cache, Level::O2).warm([module(1), module(2)]);
    assert_eq!(compiled.unwrap(), 2);
    let compiled = executor(&cache, Level::O2).warm([module(1), module(3)]);
    assert_eq!(compiled.unwrap(), 1);
    drop(cache);
    let (cache, _) = cache_in(&folder, Config::default());
    assert_eq!(cache.warm().unwrap(), 3);
    // The files aren't needed any more.
    std::fs::remove_dir_all(folder.0.join("cache")).unwrap();
    assert!((1..=3).all(|n| had(&cache, n)));
}

#[test]
fn altered_files_are_compiled_anew() {
    let folder = Folder::new("cache-damage");
    let (cache, warnings) = cache_in(&folder, Config::default());
    had(&cache, 1);
    had(&cache, 2);
    let path = {
        cache.remove(&cache.list().unwrap()[0].key);
        file(&folder)
    };
    let n = if had(&cache, 1) { 1 } else { 2 };
    let good = std::fs::read(&path).unwrap();
    assert_eq!(warnings.lock().len(), 0);
    // Cut off, altered, longer, of nobody.
    let mut altered = good.clone();
    *altered.last_mut().unwrap() ^= 1;
    let longer = [&good[..], b"x"].concat();
    for (times, bad) in [&good[..good.len() / 2], &altered, &longer, b"", b"nonsense"]
        .into_iter()
        .enumerate()
    {
        std::fs::write(&path, bad).unwrap();
        assert!(!had(&cache, n));
        // It is written anew; how long it took takes a byte more or less.
        let len = std::fs::read(&path).unwrap().len();
        assert!(len.abs_diff(good.len()) < 16, "{len}, {}", good.len());
        assert!(had(&cache, n));
        assert_eq!(cache.stats().refused, times as u64 + 1);
    }
    // It is told once.
    let warnings = warnings.lock();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("it is damaged"), "{}", warnings[0]);
}

#[test]
fn entries_under_other_names_are_refused() {
    let folder = Folder::new("cache-names");
    let (cache, warnings) = cache_in(&folder, Config::default());
    had(&cache, 1);
    let one = file(&folder);
    let bytes = std::fs::read(&one).unwrap();
    std::fs::remove_file(&one).unwrap();
    had(&cache, 2);
    let two = file(&folder);
    std::fs::write(&two, bytes).unwrap();
    assert!(!had(&cache, 2), "it would be module 1");
    assert!(warnings.lock()[0].contains("another entry"));
}

#[test]
fn files_and_directories_of_others_are_refused() {
    let folder = Folder::new("cache-private");
    let (cache, warnings) = cache_in(&folder, Config::default());
    had(&cache, 1);
    let path = file(&folder);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(&path, 0o644);
    assert!(!had(&cache, 1), "others may read it");
    let elsewhere = folder.0.join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(!had(&cache, 1), "a link");
    assert!(!path.is_symlink() && elsewhere.exists());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(!had(&cache, 1), "a directory");
    assert_eq!(cache.stats().refused, 3);
    assert_eq!(warnings.lock().len(), 1);
    let open = |path: &Path| {
        Cache::new(Config {
            directory: Some(path.into()),
            ..Config::default()
        })
    };
    let place = folder.0.join("cache");
    let linked = folder.0.join("linked");
    symlink(&place, &linked).unwrap();
    assert!(open(&linked).unwrap_err().to_string().contains("link"));
    for rights in [0o750, 0o701, 0o722] {
        mode(&place, rights);
        assert!(open(&place).unwrap_err().to_string().contains("rights"));
    }
    mode(&place, 0o700);
    open(&place).unwrap();
    assert!(open(&elsewhere).is_err(), "a file");
    // A directory that is made is private.
    let new = folder.0.join("a/b/c");
    open(&new).unwrap();
    assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn entries_go_to_other_machines() {
    let folder = Folder::new("cache-export");
    let (cache, _) = cache_in(&folder, Config::default());
    had(&cache, 1);
    had(&cache, 2);
    let mut exported = Vec::new();
    assert_eq!(cache.export(&mut exported).unwrap(), 2);
    let other = Cache::new(Config::default()).unwrap();
    let imported = other.import(&mut &exported[..]).unwrap();
    assert_eq!((imported.taken, imported.foreign), (2, 0));
    assert!(had(&other, 1) && had(&other, 2) && !had(&other, 3));
    for length in [0, 7, 8, 9, 40, 60, exported.len() - 1] {
        let cut = other.import(&mut &exported[..length]);
        // Nothing at all is a file without entries.
        assert_eq!(cut.is_ok(), length == 8, "{length} bytes");
    }
    let mut altered = exported.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(other.import(&mut &altered[..]).is_err());
}

#[test]
fn the_command_looks_after_entries() {
    let folder = Folder::new("cache-command");
    folder.file("a.ll", "define i32 @main() { ret i32 7 }");
    let run = |args: &[&str]| {
        let output = folder.vm(args);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let ok = |out: &str| (Some(0), out.to_string(), String::new());
    let at = "--cache=c";
    for _ in 0..2 {
        let quiet = (Some(7), String::new(), String::new());
        assert_eq!(run(&["run", at, "a.ll"]), quiet);
    }
    let (_, list, _) = run(&["cache", at, "list"]);
    assert!(
        list.contains("executor  llvm ") && list.contains("a.ll"),
        "{list}"
    );
    let (_, stats, _) = run(&["cache", "stats", at]);
    assert!(
        stats.contains("1 entries") && stats.contains("50.0 % hit"),
        "{stats}"
    );
    folder.file("b.ll", "define i32 @main() { ret i32 8 }");
    let warm = ["cache", at, "warm", "a.ll", "b.ll"];
    assert_eq!(run(&warm), ok("a.ll: was there\nb.ll: compiled\n"));
    assert_eq!(run(&["cache", at, "export", "x"]), ok("2 files written\n"));
    let there = "2 files taken, 0 for another version or processor left out\n";
    assert_eq!(run(&["cache", "--cache=d", "import", "x"]), ok(there));
    assert_eq!(
        run(&["cache", "--cache=d", "clear"]),
        ok("2 entries removed\n")
    );
    assert_eq!(run(&["run", "--cache=off", "a.ll"]).0, Some(7));
    let (_, stats, _) = run(&["cache", at, "stats"]);
    assert!(
        stats.contains("2 entries") && stats.contains("2 hits"),
        "{stats}"
    );
    // What can't be used is said, and nothing more.
    let (status, _, said) = run(&["run", "--cache=a.ll", "a.ll"]);
    assert_eq!(status, Some(7));
    assert!(said.contains("no cache: a.ll"), "{said}");
    let (status, _, said) = run(&["cache", "--cache=a.ll", "list"]);
    assert!(status == Some(2) && said.contains("a.ll"), "{said}");
    folder.file("x", "y");
    assert_eq!(run(&["cache", at, "import", "x"]).0, Some(2));
}
