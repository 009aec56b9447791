//! Calls: every scalar type, widening, pointers to functions.

use super::*;
use std::ffi::c_void;
use strata::executor::{Int, Type};

#[test]
fn fib_at_every_level() {
    let text = "define i32 @fib(i32 %n) {
        %small = icmp slt i32 %n, 2
        br i1 %small, label %done, label %more
      more:
        %a = sub i32 %n, 1  %x = call i32 @fib(i32 %a)
        %b = sub i32 %n, 2  %y = call i32 @fib(i32 %b)
        %r = add i32 %x, %y  ret i32 %r
      done: ret i32 %n
      }";
    for level in LEVELS {
        let program = load_all(&at(level), &[text]).unwrap();
        assert_eq!(int(&program, "fib", &[20.into()]), 6765, "{level:?}");
    }
}

/// Each integer type is passed in a register, and on the stack, and returned,
/// widened in each way.
#[test]
fn integers_of_every_width() {
    for bits in 1..=64 {
        for attribute in ["", "zeroext", "signext"] {
            let wide = format!("i{bits} {attribute}");
            let text = format!(
                "define {attribute} i{bits} @same({wide} %x) {{ ret i{bits} %x }}
                 define i64 @signed({wide} %x) {{ {} ret i64 %r }}
                 define {attribute} i{bits} @seventh(i64, i64, i64, i64, i64, i64, {wide} %x) {{ ret i{bits} %x }}
                 define i1 @less({wide} %x, {wide} %y) {{ %r = icmp ult i{bits} %x, %y  ret i1 %r }}",
                if bits == 64 {
                    "%r = add i64 %x, 0".into()
                } else {
                    format!("%r = sext i{bits} %x to i64")
                }
            );
            let program = load_all(&at(Level::O0), &[&text]).unwrap();
            for bit_pattern in [0, 1, u64::MAX, 0x5555_5555_5555_5555, 1 << (bits - 1)] {
                let x = Int::new(bits, bit_pattern).unwrap();
                let arg = Value::Int(x);
                assert_eq!(call(&program, "same", &[arg]), arg);
                assert_eq!(int(&program, "signed", &[arg]), x.signed());
                let mut args = [Value::from(-1i64); 7];
                args[6] = arg;
                assert_eq!(call(&program, "seventh", &args), arg);
                let one = Value::Int(Int::new(bits, 1).unwrap());
                let less = call(&program, "less", &[arg, one]);
                assert_eq!(less, Value::from(x.unsigned() < 1));
            }
        }
    }
}

#[test]
fn floats_and_pointers() {
    let program = load(
        "define float @half(float %x) { %r = fmul float %x, 5.0e-1  ret float %r }
         define double @mix(i8 signext %a, double %b, float %c, i64 %d, ptr %p) {
           %ax = sitofp i8 %a to double
           %cx = fpext float %c to double
           %dx = sitofp i64 %d to double
           %v = load double, ptr %p
           %s = fadd double %ax, %b  %t = fadd double %s, %cx
           %u = fadd double %t, %dx  %w = fadd double %u, %v
           ret double %w }
         define ptr @next(ptr %p) { %q = getelementptr i64, ptr %p, i64 1  ret ptr %q }
         define void @set(ptr %p, i64 %x) { store i64 %x, ptr %p  ret void }
         define ptr @none() { ret ptr null }",
    );
    assert_eq!(call(&program, "half", &[3f32.into()]), 1.5f32.into());
    let mut cell = 0.125f64;
    let args = [
        Value::from(-7i8),
        0.5.into(),
        0.25f32.into(),
        1000i64.into(),
        (&raw mut cell).into(),
    ];
    assert_eq!(call(&program, "mix", &args), 993.875.into());
    let mut words = [1i64, 2];
    let second = call(&program, "next", &[words.as_mut_ptr().into()]);
    assert_eq!(second.as_ptr(), Some((&raw mut words[1]).cast()));
    assert_eq!(call(&program, "set", &[second, 77i64.into()]), Value::Void);
    assert_eq!(words, [1, 77]);
    let null: *mut c_void = std::ptr::null_mut();
    assert_eq!(call(&program, "none", &[]), null.into());
}

#[test]
fn many_arguments() {
    let params: Vec<String> = (0..40)
        .map(|n| match n % 4 {
            0 => format!("i64 %a{n}"),
            1 => format!("double %a{n}"),
            2 => format!("i16 signext %a{n}"),
            _ => format!("float %a{n}"),
        })
        .collect();
    let mut body = String::from("%s0 = fadd double 0.0, 0.0\n");
    for n in 0..40 {
        let convert = match n % 4 {
            0 => format!("%d{n} = sitofp i64 %a{n} to double"),
            1 => format!("%d{n} = fadd double %a{n}, 0.0"),
            2 => format!("%d{n} = sitofp i16 %a{n} to double"),
            _ => format!("%d{n} = fpext float %a{n} to double"),
        };
        let next = n + 1;
        body += &format!(
            "{convert}\n%t{n} = fmul double %s{n}, 1.5\n%s{next} = fadd double %t{n}, %d{n}\n"
        );
    }
    let text = format!(
        "define double @mix({}) {{\n{body}ret double %s40 }}",
        params.join(", ")
    );
    let args: Vec<Value> = (0..40)
        .map(|n| match n % 4 {
            0 => Value::from(i64::from(n) - 9),
            1 => Value::from(f64::from(n) / 8.0),
            2 => Value::from(-(n as i16)),
            _ => Value::from(n as f32),
        })
        .collect();
    let expected = args.iter().fold(0.0, |sum, arg| {
        sum * 1.5 + arg.as_f64().unwrap_or_else(|| arg.as_i64().unwrap() as f64)
    });
    for level in LEVELS {
        let program = load_all(&at(level), &[&text]).unwrap();
        assert_eq!(call(&program, "mix", &args), expected.into());
    }
}

#[test]
fn arguments_beyond_the_parameters_are_widened() {
    // C's own, so that the rules are not ours.
    let program = load(
        "declare i32 @vsnprintf(ptr, i64, ptr, ptr)
         declare void @llvm.va_start(ptr)
         declare void @llvm.va_end(ptr)
         define i32 @format(ptr %to, i64 %n, ptr %format, ...) {
           %list = alloca [24 x i8], align 16
           call void @llvm.va_start(ptr %list)
           %r = call i32 @vsnprintf(ptr %to, i64 %n, ptr %format, ptr %list)
           call void @llvm.va_end(ptr %list)
           ret i32 %r }",
    );
    let mut buffer = [0u8; 100];
    let args = [
        buffer.as_mut_ptr().into(),
        100i64.into(),
        c"%d %d %ld %.2f %.3f %s".as_ptr().into(),
        Value::from(-3i8),
        Value::from(-70_000i32),
        Value::from(1i64 << 40),
        Value::from(1.25f32),
        Value::from(-0.5),
        c"end".as_ptr().into(),
    ];
    let written = int(&program, "format", &args) as usize;
    assert_eq!(
        &buffer[..written],
        b"-3 -70000 1099511627776 1.25 -0.500 end"
    );
    assert_eq!(
        message(try_call(&program, "format", &args[..2])),
        "'format' takes 3 arguments or more, not 2"
    );
}

#[test]
fn functions_as_pointers() {
    let program = load(
        "define i32 @add(i32 %x, i32 %y) { %r = add i32 %x, %y  ret i32 %r }
         define i64 @wide(i8 signext %x) { %r = sext i8 %x to i64  ret i64 %r }
         define zeroext i1 @odd(i64 %x) { %r = trunc i64 %x to i1  ret i1 %r }
         define i1 @loose(i64 %x) { %r = trunc i64 %x to i1  ret i1 %r }
         @n = internal global i64 0
         define void @bump() { %o = load i64, ptr @n  %i = add i64 %o, 1  store i64 %i, ptr @n  ret void }
         define ptr @where() { ret ptr @n }",
    );
    let get = |name| program.function(name).unwrap();
    // SAFETY: the program outlives the pointers, and does no harm.
    unsafe {
        let add: unsafe extern "C" fn(i32, i32) -> i32 = get("add").pointer().unwrap();
        assert_eq!(add(40, 2), 42);
        let add: unsafe extern "C" fn(u32, u32) -> u32 = get("add").pointer().unwrap();
        assert_eq!(add(u32::MAX, 2), 1);
        let wide: unsafe extern "C" fn(i8) -> i64 = get("wide").pointer().unwrap();
        assert_eq!(wide(-5), -5);
        let odd: unsafe extern "C" fn(i64) -> bool = get("odd").pointer().unwrap();
        assert!(odd(7) && !odd(8));
        let bump: unsafe extern "C" fn() = get("bump").pointer().unwrap();
        let at: unsafe extern "C" fn() -> *mut i64 = get("where").pointer().unwrap();
        bump();
        bump();
        assert_eq!(*at(), 2);
        // Widened otherwise, or of other types.
        let wide = get("wide").pointer::<unsafe extern "C" fn(u8) -> i64>();
        assert!(matches!(wide, Err(Error::Pointer { .. })), "{wide:?}");
        let loose = get("loose").pointer::<unsafe extern "C" fn(i64) -> bool>();
        assert!(matches!(loose, Err(Error::Pointer { .. })), "{loose:?}");
        let add = get("add").pointer::<unsafe extern "C" fn(i32) -> i32>();
        assert_eq!(message(add), "'add' is i32 (i32, i32), not i32 (i32)");
    }
}

#[test]
fn signatures_are_told() {
    let program = load(
        "define signext i8 @f(ptr %p, i1 zeroext %b, ...) { ret i8 0 }
         define void @a() { ret void }
         define internal void @hidden() { ret void }
         define <4 x i32> @vector(<4 x i32> %v) { ret <4 x i32> %v }
         define fastcc void @fast() { ret void }
         define void @by_value(ptr byval([3 x i64]) %p) { ret void }
         define half @half(half %x) { ret half %x }
         define void @wide(i65 %x) { ret void }
         define void @elsewhere(ptr addrspace(1) %x) { ret void }",
    );
    let names: Vec<&str> = program.functions().collect();
    let all = [
        "a",
        "by_value",
        "elsewhere",
        "f",
        "fast",
        "half",
        "vector",
        "wide",
    ];
    assert_eq!(names, all);
    let f = program.function("f").unwrap();
    assert_eq!(
        f.signature().to_string(),
        "signext i8 (ptr, zeroext i1, ...)"
    );
    assert_eq!(f.signature().params[0].ty, Type::Ptr);
    assert_eq!(Some(f.address().cast_mut()), program.address("f"));
    for (name, why) in [
        ("vector", "parameter 1 has the type <4 x i32>"),
        ("fast", "its calling convention is not C's, but number 8"),
        ("by_value", "parameter 1 is byval"),
        ("half", "parameter 1 has the type half"),
        ("wide", "parameter 1 has the type i65"),
        ("elsewhere", "parameter 1 has the type ptr addrspace(1)"),
    ] {
        let expected = format!("'{name}' can't be called: {why}");
        assert_eq!(message(program.function(name)), expected);
    }
}
