//! Libraries: functions of the host, other programs, shared objects.

use super::*;
use std::ffi::c_void;
use strata::executor::{HostFunctions, Library, Signature, Type};

fn signature(text: &str) -> Signature {
    text.parse().unwrap()
}

/// An executor with these functions of the host.
fn with(host: HostFunctions) -> Executor {
    let mut executor = Executor::default();
    executor.add(host);
    executor
}

extern "C" fn minus(x: i8, y: u16) -> i64 {
    i64::from(x) - i64::from(y)
}

#[test]
fn host_functions_by_address() {
    let mut host = HostFunctions::new();
    // SAFETY: that is its type.
    unsafe {
        let address = minus as *const c_void;
        host.function("minus", signature("i64 (signext i8, zeroext i16)"), address);
    }
    let executor = with(host);
    let text = "declare i64 @minus(i8 signext, i16 zeroext)
         define i64 @f(i32 %x, i32 %y) {
           %a = trunc i32 %x to i8  %b = trunc i32 %y to i16
           %r = call i64 @minus(i8 signext %a, i16 zeroext %b)  ret i64 %r }";
    let program = load_all(&executor, &[text]).unwrap();
    assert_eq!(
        int(&program, "f", &[0xff.into(), 0x1_ffff.into()]),
        -1 - 0xffff
    );
    // Who doesn't widen as registered may not call it.
    let loose = "declare i64 @minus(i8, i16)
         define i64 @f() { %r = call i64 @minus(i8 1, i16 1)  ret i64 %r }";
    assert_eq!(
        message(load_all(&executor, &[loose])),
        "0.ll declares 'minus' as i64 (i8, i16), the host has i64 (signext i8, zeroext i16)"
    );
    let other = "declare i32 @minus(i8 signext, i16 zeroext)
         define i32 @f() { %r = call i32 @minus(i8 signext 1, i16 zeroext 1)  ret i32 %r }";
    assert!(matches!(
        load_all(&executor, &[other]),
        Err(Error::HostSignature { .. })
    ));
}

#[test]
fn closures_of_every_type() {
    let mut host = HostFunctions::new();
    host.closure(
        "mix",
        signature("double (i1, i8, i16, i32, i64, float, double, ptr, i40)"),
        |args| {
            let types = [
                "i1", "i8", "i16", "i32", "i64", "float", "double", "ptr", "i40",
            ];
            for (arg, ty) in args.iter().zip(types) {
                assert_eq!(arg.ty().to_string(), ty);
            }
            let number = |v: &Value| v.as_f64().or(v.as_i64().map(|n| n as f64));
            Value::from(args.iter().filter_map(number).sum::<f64>())
        },
    );
    host.closure("low", signature("signext i8 (i32)"), |args| {
        Value::from(args[0].as_i64().unwrap() as i8)
    });
    host.closure("single", signature("float (float)"), |args| match args[0] {
        Value::F32(x) => Value::F32(x * 2.0),
        other => panic!("{other:?}"),
    });
    host.closure("same", signature("ptr (ptr)"), |args| args[0]);
    host.closure("negative", signature("i1 (i64)"), |args| {
        Value::from(args[0].as_i64().unwrap() < 0)
    });
    let program = load_all(
        &with(host),
        &[
            "declare double @mix(i1, i8, i16, i32, i64, float, double, ptr, i40)
         declare signext i8 @low(i32)
         declare float @single(float)
         declare ptr @same(ptr)
         declare i1 @negative(i64)
         define double @f(ptr %p) {
           %r = call double @mix(i1 0, i8 -1, i16 -2, i32 -3, i64 -4, float 0.5, double 0.25, ptr %p, i40 -100000000000)
           ret double %r }
         define i32 @g(i32 %x) {
           %a = call signext i8 @low(i32 %x)  %r = sext i8 %a to i32  ret i32 %r }
         define float @h(float %x) { %r = call float @single(float %x)  ret float %r }
         define ptr @i(ptr %x) { %r = call ptr @same(ptr %x)  ret ptr %r }
         define i32 @j(i64 %x) {
           %a = call i1 @negative(i64 %x)  %r = select i1 %a, i32 10, i32 20  ret i32 %r }",
        ],
    )
    .unwrap();
    let p: *mut c_void = (&raw const p_target as *mut i32).cast();
    assert_eq!(
        call(&program, "f", &[p.into()]),
        (-100_000_000_009.25).into()
    );
    assert_eq!(int(&program, "g", &[0x1ff.into()]), -1);
    assert_eq!(call(&program, "h", &[1.5f32.into()]), 3f32.into());
    assert_eq!(call(&program, "i", &[p.into()]), p.into());
    assert_eq!(int(&program, "j", &[(-1i64).into()]), 10);
    assert_eq!(int(&program, "j", &[1i64.into()]), 20);
}

#[allow(non_upper_case_globals, reason = "something that has an address")]
static p_target: i32 = 0;

#[test]
fn panics_go_on_at_the_caller() {
    let mut host = HostFunctions::new();
    host.closure("fail", signature("i32 (i32)"), |args| {
        assert!(args[0] != Value::from(3), "three");
        args[0]
    });
    host.closure("lie", signature("i32 ()"), |_| Value::from(1i64));
    let program = load_all(
        &with(host),
        &["declare i32 @fail(i32)
           declare i32 @lie()
           define i32 @f(i32 %x) {
             %a = call i32 @fail(i32 %x)  %b = call i32 @fail(i32 7)
             %r = add i32 %a, %b  ret i32 %r }
           define i32 @g() { %r = call i32 @lie()  ret i32 %r }"],
    )
    .unwrap();
    let text = |f: &dyn Fn() -> i64| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        let panic = caught.unwrap_err();
        let text = panic.downcast_ref::<String>().cloned();
        text.unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string())
    };
    assert_eq!(int(&program, "f", &[1.into()]), 8);
    assert_eq!(text(&|| int(&program, "f", &[3.into()])), "three");
    assert_eq!(int(&program, "f", &[2.into()]), 9);
    let lie = text(&|| int(&program, "g", &[]));
    assert_eq!(lie, "the host's function 'lie' returned i64, not i32");
}

#[test]
fn closures_may_call_programs() {
    let inner = load("define i64 @double(i64 %x) { %r = mul i64 %x, 2  ret i64 %r }");
    let mut host = HostFunctions::new();
    host.closure("twice", signature("i64 (i64)"), move |args| {
        call(&inner, "double", args)
    });
    let outer = load_all(
        &with(host),
        &["declare i64 @twice(i64)
           define i64 @f(i64 %x) {
             %a = call i64 @twice(i64 %x)  %b = call i64 @twice(i64 %a)  ret i64 %b }"],
    )
    .unwrap();
    assert_eq!(int(&outer, "f", &[10i64.into()]), 40);
}

#[test]
fn programs_are_libraries_of_others() {
    let mut executor = Executor::default();
    let base = load_all(
        &executor,
        &["@state = global i64 10
           define i64 @next() {
             %v = load i64, ptr @state  %w = add i64 %v, 1  store i64 %w, ptr @state
             ret i64 %w }
           define internal i64 @secret() { ret i64 1 }"],
    )
    .unwrap();
    executor.add(&base);
    let user = "@state = external global i64
         declare i64 @next()
         define i64 @f() {
           %a = call i64 @next()  %b = load i64, ptr @state
           %r = add i64 %a, %b  ret i64 %r }";
    let one = load_all(&executor, &[user]).unwrap();
    let two = load_all(&executor, &[user]).unwrap();
    assert_eq!(int(&one, "f", &[]), 22);
    assert_eq!(int(&two, "f", &[]), 24);
    assert_eq!(int(&base, "next", &[]), 13);
    let secret = load_all(
        &executor,
        &["declare i64 @secret()
           define i64 @g() { %r = call i64 @secret()  ret i64 %r }"],
    );
    assert!(matches!(secret, Err(Error::Unresolved(_))), "{secret:?}");
    // It stays while it is used.
    let before = executor.memory_in_use();
    drop((base, one));
    assert_eq!(int(&two, "f", &[]), 28);
    assert!(executor.memory_in_use() < before);
    drop(executor);
    assert_eq!(int(&two, "f", &[]), 30);
}

#[test]
fn the_library_added_last_counts_and_programs_come_first() {
    let constant = |n: i64| {
        let mut host = HostFunctions::new();
        host.closure("f", Signature::new(&[], Type::Int(64)), move |_| n.into());
        host
    };
    let mut executor = with(constant(1));
    let user = "declare i64 @f()
                define i64 @g() { %r = call i64 @f()  ret i64 %r }";
    let load = |executor: &Executor, texts: &[&str]| load_all(executor, texts).unwrap();
    let first = load(&executor, &[user]);
    executor.add(constant(2));
    assert_eq!(int(&load(&executor, &[user]), "g", &[]), 2);
    assert_eq!(int(&first, "g", &[]), 1);
    let own = load(&executor, &[user, "define i64 @f() { ret i64 3 }"]);
    assert_eq!(int(&own, "g", &[]), 3);
    // Even of what programs get of their own.
    let mut host = HostFunctions::new();
    host.closure("exit", signature("void (i32)"), |args| {
        panic!("status {}", args[0])
    });
    let program = load(
        &with(host),
        &["declare void @exit(i32)
           define void @f() { call void @exit(i32 3)  ret void }"],
    );
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        call(&program, "f", &[]);
    }));
    assert_eq!(
        caught.unwrap_err().downcast_ref::<String>().unwrap(),
        "status 3"
    );
}

#[test]
fn shared_objects() {
    // SAFETY: C's mathematics.
    let library = unsafe { Library::open("libm.so.6") };
    let mut executor = Executor::new(Options {
        process: false,
        ..Options::default()
    });
    executor.add(library.unwrap());
    let program = load_all(
        &executor,
        &["declare double @fdim(double, double)
           define double @f(double %x) { %r = call double @fdim(double %x, double 2.5)  ret double %r }"],
    )
    .unwrap();
    drop(executor);
    assert_eq!(call(&program, "f", &[27.0.into()]), 24.5.into());
    // SAFETY: there is none.
    let error = unsafe { Library::open("/no/such/library.so") }.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot open the library /no/such/library.so: "),
        "{text}"
    );
}
