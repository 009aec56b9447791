//! Programs: several modules, what happens at the beginning and the end, each
//! thread's own data, memory.

use super::*;
use std::sync::{Arc, Mutex};
use strata::executor::HostFunctions;

#[test]
fn modules_use_each_other() {
    let one = "declare i32 @odd(i32)
         @calls = global i32 0
         define i32 @even(i32 %n) {
           %c = load i32, ptr @calls  %d = add i32 %c, 1  store i32 %d, ptr @calls
           %stop = icmp eq i32 %n, 0  br i1 %stop, label %yes, label %more
         yes: ret i32 1
         more: %m = sub i32 %n, 1  %r = call i32 @odd(i32 %m)  ret i32 %r }";
    let two = "declare i32 @even(i32)
         @calls = external global i32
         define i32 @odd(i32 %n) {
           %stop = icmp eq i32 %n, 0  br i1 %stop, label %no, label %more
         no: ret i32 0
         more: %m = sub i32 %n, 1  %r = call i32 @even(i32 %m)  ret i32 %r }
         define i32 @count() { %c = load i32, ptr @calls  ret i32 %c }
         @table = constant [2 x ptr] [ptr @even, ptr @odd]
         define i32 @indirect(i64 %which, i32 %n) {
           %p = getelementptr ptr, ptr @table, i64 %which
           %f = load ptr, ptr %p  %r = call i32 %f(i32 %n)  ret i32 %r }";
    for level in LEVELS {
        let program = load_all(&at(level), &[one, two]).unwrap();
        assert_eq!(int(&program, "even", &[10.into()]), 1);
        assert_eq!(int(&program, "odd", &[10.into()]), 0);
        assert_eq!(int(&program, "count", &[]), 11);
        assert_eq!(int(&program, "indirect", &[1i64.into(), 7.into()]), 1);
        let calls = program.address("calls").unwrap().cast::<i32>();
        // SAFETY: it is a variable of the program.
        assert_eq!(unsafe { *calls }, 15);
    }
}

#[test]
fn bitcode_is_told_by_its_first_bytes() {
    let text = "define i64 @triple(i64 %x) { %r = mul i64 %x, 3  ret i64 %r }";
    let folder = std::env::temp_dir().join(format!("strata-bitcode-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        Source::file(path).unwrap()
    };
    let bitcode = bitcode(text);
    assert!(Source::is_bitcode(&bitcode) && !Source::is_bitcode(text.as_bytes()));
    for source in [
        file("a.ll", text.as_bytes()),
        file("b.bc", &bitcode),
        Source::bytes("memory", bitcode.clone()),
    ] {
        // SAFETY: it multiplies.
        let program = unsafe { Executor::default().load([source]).unwrap() };
        assert_eq!(int(&program, "triple", &[14i64.into()]), 42);
    }
    // Cut off anywhere, it is an error.
    for end in [4, 8, 100, bitcode.len() / 2, bitcode.len() - 4] {
        let source = Source::bytes("cut.bc", &bitcode[..end]);
        // SAFETY: as above.
        let error = unsafe { Executor::default().load([source]).unwrap_err() };
        assert!(matches!(error, Error::Syntax(_)), "{end}: {error}");
        assert!(error.to_string().starts_with("cut.bc: "), "{error}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// LLVM's own assembler makes it.
pub(super) fn bitcode(text: &str) -> Vec<u8> {
    use inkwell::context::Context;
    use inkwell::memory_buffer::MemoryBuffer;
    let context = Context::create();
    let buffer = MemoryBuffer::create_from_memory_range_copy(text.as_bytes(), "text");
    let module = context.create_module_from_ir(buffer).unwrap();
    module.write_bitcode_to_memory().as_slice().to_vec()
}

/// A host that notes what it is told, and an executor that knows it.
fn notebook() -> (Arc<Mutex<Vec<i64>>>, Executor) {
    let notes: Arc<Mutex<Vec<i64>>> = Arc::default();
    let told = Arc::clone(&notes);
    let mut host = HostFunctions::new();
    host.closure("note", "void (i64)".parse().unwrap(), move |args| {
        told.lock().unwrap().push(args[0].as_i64().unwrap());
        Value::Void
    });
    let mut executor = Executor::default();
    executor.add(host);
    (notes, executor)
}

#[test]
fn constructors_and_destructors_run_once_in_order() {
    let (notes, executor) = notebook();
    let module = |k: i64| {
        format!(
            "declare void @note(i64)
             declare i32 @atexit(ptr)
             declare i32 @__cxa_atexit(ptr, ptr, ptr)
             @__dso_handle = external hidden global i8
             @llvm.global_ctors = appending global [3 x {{ i32, ptr, ptr }}] [
               {{ i32, ptr, ptr }} {{ i32 65535, ptr @last, ptr null }},
               {{ i32, ptr, ptr }} {{ i32 {k}, ptr @first, ptr null }},
               {{ i32, ptr, ptr }} {{ i32 200, ptr @second, ptr null }}]
             @llvm.global_dtors = appending global [1 x {{ i32, ptr, ptr }}] [
               {{ i32, ptr, ptr }} {{ i32 65535, ptr @end, ptr null }}]
             define internal void @first() {{ call void @note(i64 {k}1)  ret void }}
             define internal void @second() {{ call void @note(i64 {k}2)  ret void }}
             define internal void @last() {{
               call void @note(i64 {k}3)
               call i32 @atexit(ptr @at_exit)
               call i32 @__cxa_atexit(ptr @destroy, ptr inttoptr (i64 {k}7 to ptr), ptr @__dso_handle)
               ret void }}
             define internal void @at_exit() {{ call void @note(i64 {k}8)  ret void }}
             define internal void @destroy(ptr %p) {{
               %n = ptrtoint ptr %p to i64  call void @note(i64 %n)  ret void }}
             define internal void @end() {{ call void @note(i64 {k}9)  ret void }}
             define i32 @main{k}() {{ ret i32 0 }}"
        )
    };
    let (one, two) = (module(101), module(102));
    let program = load_all(&executor, &[&one, &two]).unwrap();
    let begin = [1011, 1021, 1012, 1022, 1013, 1023];
    assert_eq!(*notes.lock().unwrap(), begin);
    call(&program, "main101", &[]);
    call(&program, "main102", &[]);
    assert_eq!(notes.lock().unwrap().len(), begin.len());
    notes.lock().unwrap().clear();
    drop(program.clone());
    assert!(notes.lock().unwrap().is_empty());
    drop(program);
    assert_eq!(*notes.lock().unwrap(), [1027, 1028, 1017, 1018, 1029, 1019]);
}

#[test]
fn main_gets_arguments_and_returns_a_status() {
    let program = load(
        "declare i64 @strlen(ptr)
         @runs = global i32 0
         define i32 @main(i32 %argc, ptr %argv, ptr %env) {
           %o = load i32, ptr @runs  %p = add i32 %o, 100  store i32 %p, ptr @runs
           %first = load ptr, ptr %env
           %e = icmp eq ptr %first, null  br i1 %e, label %none, label %some
         none: ret i32 -1
         some:
           %end = getelementptr ptr, ptr %argv, i32 %argc
           %null = load ptr, ptr %end
           %ok = icmp eq ptr %null, null  br i1 %ok, label %count, label %none
         count:
           %at = getelementptr ptr, ptr %argv, i32 1
           %arg = load ptr, ptr %at
           %n = call i64 @strlen(ptr %arg)  %m = trunc i64 %n to i32
           %r = add i32 %p, %m
           ret i32 %r }",
    );
    // SAFETY: it counts.
    unsafe {
        assert_eq!(program.run_main(["prog", "four", "x"]).unwrap(), 104);
        assert_eq!(program.run_main(["prog", ""]).unwrap(), 200);
        let zero = program.run_main(["prog", "a\0b"]);
        assert_eq!(message(zero), "argument 1 has a zero byte");
        for (text, status) in [
            ("define i32 @main() { ret i32 7 }", 7),
            ("define void @main() { ret void }", 0),
            (
                "define i8 @main(i32 %n) { %r = trunc i32 %n to i8  ret i8 %r }",
                1,
            ),
            (
                "define i32 @main(i32 %n, ptr %p) { %m = sub i32 0, %n  ret i32 %m }",
                -1,
            ),
        ] {
            assert_eq!(load(text).run_main(["prog"]).unwrap(), status, "{text}");
        }
        for text in [
            "define double @main() { ret double 0.0 }",
            "define i32 @main(ptr %p) { ret i32 0 }",
            "define i32 @main(i32 %n, ptr %p, ptr %e, ptr %x) { ret i32 0 }",
        ] {
            let error = load(text).run_main(["prog"]).unwrap_err();
            assert!(matches!(error, Error::MainSignature(_)), "{error}");
        }
        let error = load("define i32 @f() { ret i32 0 }").run_main(["prog"]);
        assert!(matches!(error, Err(Error::NoMain)), "{error:?}");
    }
}

#[test]
fn variables_of_every_kind() {
    let one = "@zero = global [1000 x i64] zeroinitializer, align 64
         @start = global i64 5
         @common = common global [4 x i32] zeroinitializer
         @text = private unnamed_addr constant [6 x i8] c\"hello\\00\"
         @to_text = global ptr @text
         @weak = weak global i64 1
         @inside = internal global i64 70
         define i64 @sum() {
           %a = load i64, ptr @start
           %e = getelementptr i64, ptr @zero, i64 999
           %b = load i64, ptr %e
           %c = load i64, ptr @weak
           %d = load i64, ptr @inside
           %s = add i64 %a, %b  %t = add i64 %s, %c  %u = add i64 %t, %d
           ret i64 %u }
         define ptr @greeting() { %p = load ptr, ptr @to_text  ret ptr %p }
         define linkonce_odr i64 @shared() { ret i64 1 }
         define i64 @ask() { %r = call i64 @shared()  ret i64 %r }";
    let two = "@common = common global [10 x i32] zeroinitializer
         @weak = global i64 1000
         @maybe = extern_weak global i64
         @inside = internal global i64 80
         define linkonce_odr i64 @shared() { ret i64 1 }
         define i1 @absent() { %r = icmp eq ptr @maybe, null  ret i1 %r }
         define i64 @set() {
           %e = getelementptr i32, ptr @common, i64 9
           store i32 3, ptr %e
           %v = load i64, ptr @inside
           ret i64 %v }";
    for level in LEVELS {
        let program = load_all(&at(level), &[one, two]).unwrap();
        assert_eq!(int(&program, "sum", &[]), 1075);
        assert_eq!(int(&program, "set", &[]), 80);
        assert_eq!(int(&program, "ask", &[]), 1);
        assert_eq!(call(&program, "absent", &[]), true.into());
        let text = call(&program, "greeting", &[]).as_ptr().unwrap();
        // SAFETY: it is the string above.
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(text.cast()) }, c"hello");
        assert!((program.address("zero").unwrap() as usize).is_multiple_of(64));
        let common = program.address("common").unwrap().cast::<[i32; 10]>();
        // SAFETY: the larger definition counts.
        assert_eq!(unsafe { *common }[9], 3);
    }
}

#[test]
fn threads_have_their_own() {
    let one = "@count = thread_local global i64 100
         @name = thread_local global ptr @start
         @start = global i64 9
         @big = internal thread_local global [100 x i64] zeroinitializer, align 64
         @small = internal thread_local global i32 7
         declare ptr @llvm.threadlocal.address.p0(ptr)
         define i64 @bump() {
           %p = call ptr @llvm.threadlocal.address.p0(ptr @count)
           %v = load i64, ptr %p  %w = add i64 %v, 1  store i64 %w, ptr %p
           ret i64 %w }
         define i64 @inner(i64 %i) {
           %p = call ptr @llvm.threadlocal.address.p0(ptr @big)
           %q = getelementptr i64, ptr %p, i64 %i
           %v = load i64, ptr %q  %w = add i64 %v, %i  store i64 %w, ptr %q
           %s = call ptr @llvm.threadlocal.address.p0(ptr @small)
           %x = load i32, ptr %s  %y = sext i32 %x to i64
           %a = ptrtoint ptr %p to i64  %b = and i64 %a, 63
           %r = add i64 %w, %y  %t = add i64 %r, %b
           ret i64 %t }";
    let two = "@count = external thread_local global i64
         @name = external thread_local global ptr
         declare ptr @llvm.threadlocal.address.p0(ptr)
         define i64 @look() {
           %p = call ptr @llvm.threadlocal.address.p0(ptr @count)
           %v = load i64, ptr %p  ret i64 %v }
         define i64 @follow() {
           %p = call ptr @llvm.threadlocal.address.p0(ptr @name)
           %q = load ptr, ptr %p  %v = load i64, ptr %q  ret i64 %v }";
    for level in [Level::O0, Level::O3] {
        let program = load_all(&at(level), &[one, two]).unwrap();
        let other = load_all(&at(level), &[one]).unwrap();
        for n in 1..=3 {
            assert_eq!(int(&program, "bump", &[]), 100 + n);
            assert_eq!(int(&program, "look", &[]), 100 + n);
        }
        assert_eq!(int(&program, "follow", &[]), 9);
        assert_eq!(int(&program, "inner", &[99i64.into()]), 106);
        assert_eq!(int(&program, "inner", &[99i64.into()]), 205);
        assert_eq!(int(&other, "bump", &[]), 101);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    assert_eq!(int(&program, "bump", &[]), 101);
                    assert_eq!(int(&program, "inner", &[5i64.into()]), 12);
                });
            }
        });
        assert_eq!(int(&program, "look", &[]), 103);
    }
}

#[test]
fn memory_is_freed_one_program_without_the_others() {
    let text = |n: i32| {
        format!(
            "@v = global [5000 x i64] zeroinitializer
             define i32 @f() {{ store i64 1, ptr @v  ret i32 {n} }}"
        )
    };
    let executor = Executor::default();
    let load = |n| load_all(&executor, &[&text(n)]).unwrap();
    assert_eq!(executor.memory_in_use(), 0);
    let mut programs: Vec<(i32, Program)> = (0..6).map(|n| (n, load(n))).collect();
    let all = executor.memory_in_use();
    let each = programs.iter().map(|(_, p)| p.memory());
    assert_eq!(all, each.sum::<usize>());
    assert!(programs[0].1.memory() > 40_000);
    programs.retain(|(n, _)| n % 2 == 1);
    assert_eq!(executor.memory_in_use(), all / 2);
    for (n, program) in &programs {
        assert_eq!(int(program, "f", &[]), i64::from(*n));
    }
    // The executor may go before its programs.
    drop(executor);
    for (n, program) in programs {
        assert_eq!(int(&program, "f", &[]), i64::from(n));
    }
    let small = Executor::new(Options {
        memory: 100_000,
        ..Options::default()
    });
    let one = load_all(&small, &[&text(1)]).unwrap();
    let error = load_all(&small, &[&text(2)]).unwrap_err();
    assert!(
        error.to_string().contains("code memory is used up"),
        "{error}"
    );
    drop(one);
    assert_eq!(int(&load_all(&small, &[&text(2)]).unwrap(), "f", &[]), 2);
}

#[test]
fn programs_are_compiled_and_called_by_many_threads() {
    let executor = Executor::default();
    let shared = load_all(&executor, &["define i64 @same(i64 %x) { ret i64 %x }"]).unwrap();
    std::thread::scope(|scope| {
        for k in 0..4i64 {
            let (executor, shared) = (&executor, &shared);
            scope.spawn(move || {
                for n in 0..5 {
                    let text = format!(
                        "define i64 @f(i64 %x) {{ %r = mul i64 %x, {}  ret i64 %r }}",
                        k * 10 + n
                    );
                    let program = load_all(executor, &[&text]).unwrap();
                    assert_eq!(int(&program, "f", &[3i64.into()]), 3 * (k * 10 + n));
                    assert_eq!(int(shared, "same", &[n.into()]), n);
                }
            });
        }
    });
    assert_eq!(executor.memory_in_use(), shared.memory());
}

#[test]
fn what_compiling_took_is_known() {
    let program = load_all(&Executor::default(), &["define void @f() { ret void }", ""]).unwrap();
    let [one, two] = program.modules() else {
        panic!("{:?}", program.modules())
    };
    assert_eq!((&*one.name, &*two.name), ("0.ll", "1.ll"));
    assert!(one.object_size > 100 && one.times.total().as_nanos() > 0);
    let [f] = program.code() else {
        panic!("{:?}", program.code())
    };
    assert_eq!(
        (&*f.name, f.address),
        ("f", program.address("f").unwrap() as usize)
    );
    assert!(f.size > 0 && program.link_time().as_nanos() > 0);
}

#[test]
fn assembly_is_assembled() {
    let program = load(
        "module asm \".globl three\"
         module asm \"three: movl $3, %eax\"
         module asm \"ret\"
         declare i32 @three()
         define i32 @four(i32 %x) {
           %a = call i32 @three()
           %b = call i32 asm \"leal 1($1), $0\", \"=r,r\"(i32 %a)
           ret i32 %b }",
    );
    assert_eq!(int(&program, "four", &[0.into()]), 4);
}
