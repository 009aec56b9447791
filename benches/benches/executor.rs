//! LLVM IR in a process that goes on: what `examples/fib.ll` costs to compile, to
//! run, and to call. `strata-benches --ir` compares whole processes instead.

#![allow(missing_docs, reason = "criterion's macro makes public functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use strata::executor::{Executor, Level, Options, Program, Source, Value};

fn load(executor: &Executor) -> Program {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/fib.ll");
    let source = Source::file(path).expect("the example is there");
    // SAFETY: it computes a number.
    unsafe { executor.load([source]).expect("it is valid") }
}

/// `fib(n)`.
fn fib(program: &Program, n: i32) -> Option<i64> {
    // SAFETY: as above.
    let result = unsafe { program.call("fib", &[Value::from(n)]) };
    result.expect("it takes an i32").as_i64()
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("fib.ll");
    group.sample_size(20);
    for level in [Level::O0, Level::O1, Level::O2, Level::O3] {
        let executor = Executor::new(Options {
            level,
            ..Options::default()
        });
        group.bench_function(format!("compile {level:?}"), |b| b.iter(|| load(&executor)));
        group.bench_function(format!("compile {level:?} and run fib(29)"), |b| {
            b.iter(|| assert_eq!(fib(&load(&executor), 29), Some(514_229)));
        });
    }
    group.finish();
}

fn call(c: &mut Criterion) {
    let program = load(&Executor::default());
    let mut group = c.benchmark_group("call");
    group.bench_function("by name", |b| b.iter(|| fib(&program, 1)));
    let function = program.function("fib").expect("it is there");
    group.bench_function("by signature", |b| {
        // SAFETY: as above.
        b.iter(|| unsafe { function.call(&[Value::from(1)]) });
    });
    // SAFETY: the program stays.
    let pointer = unsafe { function.pointer::<unsafe extern "C" fn(i32) -> i32>() };
    let pointer = pointer.expect("it is of this type");
    group.bench_function("by pointer", |b| {
        // SAFETY: as above.
        b.iter(|| unsafe { pointer(1) });
    });
    group.finish();
}

criterion_group!(benches, compile, call);
criterion_main!(benches);
