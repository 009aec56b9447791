//! `vm run` of LLVM IR, as its users see it. Needs the features `cli` and `llvm`.
#![cfg(all(feature = "cli", feature = "llvm"))]

mod common;

use common::*;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the examples.
fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("examples").join(name).display().to_string()
}

/// LLVM's own tool beside `llvm-config`, from some folder of its package.
fn tool(name: &str) -> Option<PathBuf> {
    let names = [format!("{name}-22"), format!("/usr/lib/llvm-22/bin/{name}")];
    names
        .into_iter()
        .map(PathBuf::from)
        .find(|path| Command::new(path).arg("--version").output().is_ok())
}

#[test]
fn main_runs_with_arguments_status_and_output() {
    let folder = Folder::new("ir-main");
    let fib = example("fib.ll");
    check(&folder.vm(&["run", &fib]), 0, "fib(29) = 514229\n", "");
    check(&folder.vm(&["run", &fib, "10"]), 0, "fib(10) = 55\n", "");
    for level in ["-O0", "-O1", "-O2", "-O3"] {
        let output = folder.vm(&["run", level, &fib, "15"]);
        check(&output, 0, "fib(15) = 610\n", "");
    }
    folder.file("seven.ll", "define i32 @main() { ret i32 7 }");
    check(&folder.vm(&["run", "seven.ll"]), 7, "", "");
    // What is left in C's buffers is written, whichever way the program ends.
    folder.file(
        "exit.ll",
        "declare i32 @printf(ptr, ...)
         declare i32 @atexit(ptr)
         declare void @exit(i32)
         @begin = constant [7 x i8] c\"begin \\00\"
         @end = constant [4 x i8] c\"end\\00\"
         define void @last() { call i32 (ptr, ...) @printf(ptr @end)  ret void }
         define i32 @main() {
           call i32 @atexit(ptr @last)
           call i32 (ptr, ...) @printf(ptr @begin)
           call void @exit(i32 3)
           ret i32 4 }",
    );
    check(&folder.vm(&["run", "exit.ll"]), 3, "begin end", "");
}

#[test]
fn functions_are_called_by_name() {
    let folder = Folder::new("ir-entry");
    let fib = example("fib.ll");
    check(
        &folder.vm(&["run", &fib, "--entry", "fib", "20"]),
        0,
        "6765\n",
        "",
    );
    check(
        &folder.vm(&["run", "--entry=fib", &fib, "20"]),
        0,
        "6765\n",
        "",
    );
    check(
        &folder.vm(&["run", &fib, "--entry=fib", "0x14"]),
        0,
        "6765\n",
        "",
    );
    folder.file(
        "kinds.ll",
        "declare i64 @strlen(ptr)
         declare i32 @printf(ptr, ...)
         define double @half(double %x) { %r = fmul double %x, 5.0e-1  ret double %r }
         define i1 @not(i1 %x) { %r = xor i1 %x, 1  ret i1 %r }
         define void @nothing() { ret void }
         define i8 @low(i8 %x) { ret i8 %x }",
    );
    for (args, out) in [
        (&["half", "3"][..], "1.5\n"),
        (&["not", "true"], "false\n"),
        (&["nothing"], ""),
        (&["low", "255"], "-1\n"),
    ] {
        let words = [&["run", "kinds.ll", "--entry"][..], args].concat();
        check(&folder.vm(&words), 0, out, "");
    }
    for (args, message) in [
        (&["half"][..], "vm: 'half' takes 1 argument, not 0\n"),
        (
            &["half", "x"],
            "vm: argument 1 of 'half' is double, and 'x' is none\n",
        ),
        (
            &["low", "256"],
            "vm: argument 1 of 'low' is i8, and '256' is none\n",
        ),
        (&["absent"], "vm: there is no function 'absent'\n"),
        (&[], "vm: --entry needs the name of a function\n"),
    ] {
        let words = [&["run", "kinds.ll", "--entry"][..], args].concat();
        check(&folder.vm(&words), 2, "", message);
    }
    let no_main = folder.vm(&["run", "kinds.ll"]);
    check(&no_main, 2, "", "vm: there is no function 'main'\n");
}

#[test]
fn mistakes_are_shown_in_their_line() {
    let folder = Folder::new("ir-mistakes");
    folder.file("bad.ll", "define i32 @main() {\n  ret i32 %x\n}\n");
    check(
        &folder.vm(&["run", "bad.ll"]),
        2,
        "",
        "vm: bad.ll:2:11: use of undefined value '%x'\n  |\n2 |   ret i32 %x\n  |           ^\n",
    );
    folder.file(
        "open.ll",
        "declare void @nowhere()
         define i32 @main() { call void @nowhere()  ret i32 0 }",
    );
    let output = folder.vm(&["run", "open.ll"]);
    check(
        &output,
        2,
        "",
        "vm: nothing defines 'nowhere' (used by open.ll)\n",
    );
    // LLVM gives up: an error, and the process ends as usual.
    folder.file(
        "fatal.ll",
        "declare void @llvm.aarch64.isb(i32)
         define i32 @main() { call void @llvm.aarch64.isb(i32 1)  ret i32 0 }",
    );
    let output = folder.vm(&["run", "fatal.ll"]);
    check_error(&output, 2, &["vm: fatal.ll: LLVM gave up: Cannot select: "]);
    // Options that would promise something.
    folder.file("ok.ll", "define i32 @main() { ret i32 0 }");
    for (option, message) in [
        ("--time-limit=1s", "limits hold for Lua only"),
        ("--memory-limit=1M", "limits hold for Lua only"),
        ("--jit=off", "there is no interpreter for it"),
    ] {
        check_error(&folder.vm(&["run", option, "ok.ll"]), 2, &[message]);
    }
}

#[test]
fn modules_and_bitcode_are_linked() {
    let folder = Folder::new("ir-modules");
    folder.file(
        "main.ll",
        "declare i32 @helper(i32)
         define i32 @main() { %r = call i32 @helper(i32 20)  ret i32 %r }",
    );
    folder.file(
        "helper.ll",
        "define i32 @helper(i32 %x) { %r = add i32 %x, 3  ret i32 %r }",
    );
    check(
        &folder.vm(&["run", "--with", "helper.ll", "main.ll"]),
        23,
        "",
        "",
    );
    // As bitcode, and without a name that tells what it is.
    let assembler = tool("llvm-as").expect("LLVM's tools come with its library");
    for name in ["main", "helper"] {
        let status = Command::new(&assembler)
            .current_dir(&folder.0)
            .args([&format!("{name}.ll"), "-o", name])
            .status();
        assert!(status.unwrap().success());
    }
    check(&folder.vm(&["run", "--with", "helper", "main"]), 23, "", "");
    let mut command = folder.command(&["run", "--with", "helper", "-"]);
    command.stdin(std::fs::File::open(folder.0.join("main")).unwrap());
    check(&command.output().unwrap(), 23, "", "");
}

#[test]
fn the_runtime_library_of_the_examples() {
    let folder = Folder::new("ir-library");
    let library = folder.0.join("libcollections.so");
    let status = Command::new("rustc")
        .args(["--edition", "2024", "-O", "--crate-type", "cdylib"])
        .arg(example("runtime-library/collections.rs"))
        .arg("-o")
        .arg(&library)
        .status();
    assert!(status.unwrap().success());
    let words = example("runtime-library/words.ll");
    let run = ["run", "--with", "libcollections.so", &words];
    check(
        &folder.vm(&[&run[..], &["the", "cat", "and", "the", "dog", "and", "the"]].concat()),
        0,
        "the: 3\ncat: 1\nand: 2\ndog: 1\n7 words, 4 of them differ\n",
        "",
    );
    check(&folder.vm(&run), 0, "0 words, 0 of them differ\n", "");
    check_error(
        &folder.vm(&["run", &words]),
        2,
        &["nothing defines 'list_new'"],
    );
    folder.file("no.so", "\x7fELF no");
    check_error(
        &folder.vm(&["run", "--with", "no.so", &words]),
        2,
        &["cannot open the library"],
    );
}

#[test]
fn compiles_are_traced() {
    let folder = Folder::new("ir-trace");
    let fib = example("fib.ll");
    let output = folder.vm(&["run", "--trace-jit=json:trace.json", &fib, "5"]);
    check(&output, 0, "fib(5) = 5\n", "");
    let trace = String::from_utf8(folder.bytes("trace.json")).unwrap();
    let line: serde_json::Value = serde_json::from_str(trace.lines().next().unwrap()).unwrap();
    assert_eq!(line["event"], "module");
    assert_eq!(
        (&line["name"], &line["functions"]),
        (&fib.into(), &2.into())
    );
    assert!(line["codegen"].as_f64().unwrap() > 0.0 && line["bytes"].as_u64().unwrap() > 500);
}

#[test]
fn debuggers_stop_at_functions_by_name() {
    if Command::new("gdb").arg("--version").output().is_err() {
        eprintln!("not run: there is no gdb");
        return;
    }
    let folder = Folder::new("ir-gdb");
    let commands = [
        "set confirm off",
        "set breakpoint pending on",
        "set debuginfod enabled off",
        "break fib",
        "run",
        "print $edi",
        "backtrace 3",
        "continue",
        "print $edi",
        "kill",
    ];
    let mut gdb = Command::new("gdb");
    gdb.current_dir(&folder.0).args(["--batch", "--nx"]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let vm = env!("CARGO_BIN_EXE_vm");
    let output = gdb
        .args(["--args", vm, "run", "-O0", &example("fib.ll"), "12"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    for part in [
        "Breakpoint 1, 0x",
        " in fib ()",
        "$1 = 12",
        " in main ()",
        "$2 = 11",
    ] {
        assert!(text.contains(part), "no '{part}' in:\n{text}\n{errors}");
    }
}
