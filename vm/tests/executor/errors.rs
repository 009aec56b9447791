//! Mistakes: each is an error that names it, and nothing has run.

use super::*;

#[test]
fn invalid_text_has_line_and_column() {
    let error = try_load("define i32 @f() {\n  ret i3x 1\n}\n").unwrap_err();
    let Error::Syntax(syntax) = &error else {
        panic!("{error:?}")
    };
    assert_eq!((syntax.line, syntax.column), (Some(2), Some(9)));
    assert_eq!(error.to_string(), "test.ll:2:9: expected value token");
    for (text, line, column) in [
        ("define", 1, 7),
        ("\n\n  @x = global i32 %y", 3, 19),
        ("define i32 @f() { %r = add i32 %x, 1  ret i32 %r }", 1, 32),
        (
            "define void @f() { ret void }\ndefine void @f() { ret void }",
            2,
            13,
        ),
        ("local x = 1", 1, 1),
    ] {
        let error = try_load(text).unwrap_err();
        let Error::Syntax(syntax) = &error else {
            panic!("{text}: {error:?}")
        };
        assert_eq!(
            (syntax.line, syntax.column),
            (Some(line), Some(column)),
            "{error}"
        );
        assert!(!syntax.message.is_empty());
    }
}

#[test]
fn modules_that_break_rules_are_not_compiled() {
    let error = try_load(
        "define i32 @f(i1 %c) {
           br i1 %c, label %a, label %b
         a: %x = add i32 1, 2  br label %b
         b: ret i32 %x }",
    )
    .unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with("test.ll: invalid IR: Instruction does not dominate"),
        "{text}"
    );
    // One invalid module among several: none is compiled.
    let good = "define void @f() { ret void }";
    let bad = "define void @g() { ret void }  @llvm.used = appending global [1 x i32] [i32 0]";
    let bad = load_all(&Executor::default(), &[good, bad]).unwrap_err();
    assert!(bad.to_string().starts_with("1.ll:"), "{bad}");
    let executor = Executor::default();
    executor.verify([Source::text("good", good)]).unwrap();
    let bad = executor.verify([Source::text("good", good), Source::text("bad", "nonsense")]);
    assert!(matches!(bad, Err(Error::Syntax(_))), "{bad:?}");
}

#[test]
fn modules_for_other_machines_are_refused() {
    for (text, wanted) in [
        (
            "target triple = \"aarch64-unknown-linux-gnu\"",
            "aarch64-unknown-linux-gnu",
        ),
        (
            "target triple = \"wasm32-unknown-unknown\"",
            "wasm32-unknown-unknown",
        ),
        ("target datalayout = \"E-p:64:64\"", "other pointers"),
        ("target datalayout = \"e-p:32:32\"", "other pointers"),
    ] {
        let error = try_load(text).unwrap_err();
        assert!(matches!(error, Error::Target { .. }), "{text}: {error:?}");
        assert!(error.to_string().contains(wanted), "{error}");
    }
    let here = format!(
        "target triple = \"{}-unknown-linux-gnu\"",
        std::env::consts::ARCH
    );
    if cfg!(target_os = "linux") {
        load(&here);
    }
}

#[test]
fn wrong_calls_are_refused() {
    let program = load(
        "define i32 @f(i32 %x, double %y) { ret i32 %x }
         define void @nothing() { ret void }
         define internal void @hidden() { ret void }
         @variable = global i32 1",
    );
    for (name, args, expected) in [
        ("g", &[][..], "there is no function 'g'"),
        ("", &[], "there is no function ''"),
        ("variable", &[], "there is no function 'variable'"),
        (
            "hidden",
            &[],
            "there is no function 'hidden': it is internal to its module",
        ),
        ("f", &[], "'f' takes 2 arguments, not 0"),
        (
            "f",
            &[1.into(), 1.0.into(), 1.into()],
            "'f' takes 2 arguments, not 3",
        ),
        (
            "nothing",
            &[Value::Void],
            "'nothing' takes 0 arguments, not 1",
        ),
        (
            "f",
            &[1i64.into(), 1.0.into()],
            "argument 1 of 'f' is i64, the function takes i32",
        ),
        (
            "f",
            &[1.into(), 1f32.into()],
            "argument 2 of 'f' is float, the function takes double",
        ),
        (
            "f",
            &[1.into(), Value::Void],
            "argument 2 of 'f' is void, the function takes double",
        ),
    ] {
        assert_eq!(message(try_call(&program, name, args)), expected);
    }
    assert!(program.address("hidden").is_none() && program.address("variable").is_some());
    assert!(!program.has_function("variable") && !program.has_main());
}

#[test]
fn unknown_names_are_found_before_anything_runs() {
    let one = "declare void @nowhere()
         declare void @nobody()
         declare void @unused()
         @llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [
           { i32, ptr, ptr } { i32 1, ptr @f, ptr null }]
         define void @f() { call void @nowhere()  call void @nobody()  ret void }";
    let two = "@variable = external global i32
         define i32 @g() { %v = load i32, ptr @variable  ret i32 %v }";
    let error = load_all(&Executor::default(), &[one, two]).unwrap_err();
    let Error::Unresolved(missing) = &error else {
        panic!("{error:?}")
    };
    let missing: Vec<_> = missing.iter().map(|m| (&*m.name, &*m.module)).collect();
    assert_eq!(missing.len(), 3, "{missing:?}");
    for expected in [
        ("nowhere", "0.ll"),
        ("nobody", "0.ll"),
        ("variable", "1.ll"),
    ] {
        assert!(missing.contains(&expected), "{missing:?}");
    }
    // C's library is only there if it is asked for.
    let text = "declare i32 @puts(ptr)
         define i32 @f(ptr %p) { %r = call i32 @puts(ptr %p)  ret i32 %r }";
    load(text);
    let alone = Executor::new(Options {
        process: false,
        ..Options::default()
    });
    assert_eq!(
        message(load_all(&alone, &[text])),
        "nothing defines 'puts' (used by 0.ll)"
    );
    assert_eq!(alone.memory_in_use(), 0);
}

#[test]
fn names_are_defined_once() {
    let text = "define i32 @f() { ret i32 1 }";
    assert_eq!(
        message(load_all(&Executor::default(), &[text, text])),
        "'f' is defined by 0.ll and by 1.ll"
    );
}

#[test]
fn what_llvm_gives_up_on_is_an_error() {
    // A mistake of the code generator's input that it can't go on from, one that it
    // tells its handler, and one that it finds while it assembles.
    for text in [
        "declare void @llvm.aarch64.isb(i32)
         define void @f() { call void @llvm.aarch64.isb(i32 1)  ret void }",
        "define ptr @f() { %p = call ptr asm \"\", \"={nonesuch}\"()  ret ptr %p }",
        "define void @f() { call void asm \"no such instruction\", \"\"()  ret void }",
        "declare i64 @llvm.read_register.i64(metadata)
         define i64 @f() { %v = call i64 @llvm.read_register.i64(metadata !0)  ret i64 %v }
         !0 = !{!\"nonesuch\"}",
    ] {
        let error = try_load(text).unwrap_err();
        assert!(matches!(error, Error::Compile { .. }), "{text}: {error:?}");
        assert!(error.to_string().starts_with("test.ll: LLVM "), "{error}");
    }
    // It is as good as before.
    let program = load("define i32 @f() { ret i32 5 }");
    assert_eq!(int(&program, "f", &[]), 5);
}

#[test]
fn files_that_are_not_there() {
    let error = Source::file("/no/such/file.ll").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read /no/such/file.ll: "),
        "{error}"
    );
}

#[test]
fn what_cannot_be_linked_is_said() {
    let error = try_load(
        "@chosen = ifunc i32 (), ptr @choose
         define ptr @choose() { ret ptr null }",
    )
    .unwrap_err();
    assert!(matches!(error, Error::Link(_)), "{error:?}");
    assert!(error.to_string().contains("ifunc"), "{error}");
    let error = try_load("@big = global [3000000000 x i8] zeroinitializer").unwrap_err();
    assert!(error.to_string().contains("too big"), "{error}");
}
