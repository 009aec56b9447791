//! The compile cache in a process that goes on: what loading a module of one small function costs
//! that has to be compiled, and one that the cache has. `strata-benches --cache` is about tier 2.

#![allow(missing_docs, reason = "criterion's macro makes public functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use strata::cache::{Cache, Config};
use strata::executor::{Executor, Options, Program, Source};

fn load(executor: &Executor, number: u64) -> Program {
    let text = format!(
        "define i64 @f(i64 %n) {{
           %a = mul i64 %n, %n
           %b = add i64 %a, {number}
           ret i64 %b }}"
    );
    // SAFETY: it computes a number.
    unsafe {
        executor
            .load([Source::text("f.ll", text)])
            .expect("it is valid")
    }
}

fn cache(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("strata-bench-{}", std::process::id()));
    let open = |directory| {
        let cache = Cache::new(Config {
            directory,
            ..Config::default()
        });
        let cache = cache.expect("there is room");
        let executor = Executor::new(Options {
            cache: Some(cache.clone()),
            ..Options::default()
        });
        (cache, executor)
    };
    let mut group = c.benchmark_group("a small function");
    group.sample_size(50);
    let mut number = 0;
    for (place, directory) in [("memory", None), ("directory", Some(folder.clone()))] {
        let (cache, executor) = open(directory);
        group.bench_function(format!("miss, {place}"), |b| {
            b.iter(|| {
                number += 1;
                load(&executor, number)
            });
        });
        load(&executor, 0);
        let before = cache.stats().misses;
        group.bench_function(format!("hit, {place}"), |b| b.iter(|| load(&executor, 0)));
        assert_eq!(cache.stats().misses, before, "it was there");
    }
    group.finish();
    let _ = std::fs::remove_dir_all(folder);
}

criterion_group!(benches, cache);
criterion_main!(benches);
