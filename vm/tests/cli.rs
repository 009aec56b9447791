//! The `vm` command as its users see it: output, errors, exit statuses,
//! limits. Needs the feature `cli`.
#![cfg(feature = "cli")]

mod common;

use common::*;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

// ---- running

#[test]
fn arguments_reach_the_script() {
    let folder = Folder::new("arguments");
    folder.file(
        "a.lua",
        "print(#arg, arg[0], arg[-1], ...) print(arg[-2] ~= nil, arg[-3])",
    );
    check(
        &folder.vm(&["run", "a.lua", "x", "--jit=off", "-h", "-"]),
        0,
        "4\ta.lua\trun\tx\t--jit=off\t-h\t-\ntrue\tnil\n",
        "",
    );
    folder.file("b.lua", "print(arg[-2], arg[-1], arg[0], select('#', ...))");
    check(
        &folder.vm(&["run", "--jit=off", "b.lua"]),
        0,
        "run\t--jit=off\tb.lua\t0\n",
        "",
    );
}

#[test]
fn standard_input() {
    check(&script(&[], "print(arg[0], 1 + 1)"), 0, "-\t2\n", "");
    check(
        &script(&[], "#!/usr/bin/vm\nprint(debug.getinfo(1).short_src)"),
        0,
        "stdin\n",
        "",
    );
    check_error(
        &script(&[], "x = = 1"),
        2,
        &["vm: stdin:1: unexpected symbol near '='\n"],
    );
}

#[test]
fn exit_statuses() {
    check(&script(&[], ""), 0, "", "");
    check(&script(&[], "io.write('a') os.exit(7)"), 7, "a", "");
    check(&script(&[], "os.exit(true)"), 0, "", "");
    check(&script(&[], "pcall(os.exit, false)"), 1, "", "");
    check(
        &script(&[], "coroutine.wrap(function() os.exit(3) end)()"),
        3,
        "",
        "",
    );
    check_error(&script(&[], "error('x')"), 1, &["vm: stdin:1: x\n"]);
    assert_eq!(vm().output().unwrap().status.code(), Some(2));
    for usage in [
        &["run"][..],
        &["walk"],
        &["run", "--no-such-option", "x"],
        &["compile"],
    ] {
        assert_eq!(
            vm().args(usage).output().unwrap().status.code(),
            Some(2),
            "{usage:?}"
        );
    }
    assert_eq!(
        vm().arg("--version").output().unwrap().status.code(),
        Some(0)
    );
}

#[test]
fn files_are_written_out_at_the_end() {
    let folder = Folder::new("files");
    for (i, end) in ["", "os.exit(0)", "error('x')"].iter().enumerate() {
        let name = format!("{i}.txt");
        folder.file(
            "w.lua",
            format!("f = io.open('{name}', 'w') f:write('held') {end}"),
        );
        folder.vm(&["run", "w.lua"]);
        assert_eq!(folder.bytes(&name), b"held", "{end}");
    }
    check(
        &script(&[], "setmetatable({}, {__gc = function() print('gc') end})"),
        0,
        "gc\n",
        "",
    );
}

#[test]
fn missing_files() {
    check_error(
        &vm().args(["run", "no-such.lua"]).output().unwrap(),
        2,
        &["vm: cannot open no-such.lua: No such file or directory\n"],
    );
    assert_eq!(
        vm().args(["run", "/"]).output().unwrap().status.code(),
        Some(2)
    );
}

#[test]
#[cfg(unix)]
fn a_closed_output_ends_the_program() {
    let mut command = vm();
    command
        .args(["run", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"while true do print('y') end")
        .unwrap();
    check(&child.wait_with_output().unwrap(), 0, "", "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_output_is_an_error() {
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let folder = Folder::new("full");
    folder.file("a.lua", "io.write('lost')");
    for (args, status) in [(&["run", "a.lua"][..], 1), (&["disasm", "a.lua"], 2)] {
        let output = folder.command(args).stdout(full()).output().unwrap();
        check_error(
            &output,
            status,
            &["vm: cannot write standard output: No space left on device\n"],
        );
    }
}

// ---- errors

#[test]
fn errors_have_tracebacks() {
    let output = script(&[], "local function f()\n  error('boom')\nend\nf()");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err.starts_with(
            "vm: stdin:2: boom\nstack traceback:\n\t[C]: in function 'error'\n\tstdin:2: in "
        ),
        "{err}"
    );
    check_error(
        &script(&[], "error({})"),
        1,
        &["vm: (error object is a table value)\n"],
    );
    let own_words = "error(setmetatable({}, {__tostring = function() return 'own words' end}))";
    check(&script(&[], own_words), 1, "", "vm: own words\n");
    check_error(
        &script(&[], "error()"),
        1,
        &["vm: (error object is a nil value)"],
    );
}

#[test]
fn syntax_errors_show_the_line() {
    let folder = Folder::new("syntax");
    folder.file(
        "e.lua",
        "#!shebang\nlocal a = 1\n\tlocal x = = 3 -- here\nreturn",
    );
    check(
        &folder.vm(&["run", "e.lua"]),
        2,
        "",
        "vm: e.lua:3: unexpected symbol near '='\n  |\n3 | \tlocal x = = 3 -- here\n  | \t          ^\n",
    );
    folder.file("eof.lua", "print(");
    check(
        &folder.vm(&["compile", "eof.lua"]),
        2,
        "",
        "vm: eof.lua:1: unexpected symbol near <eof>\n  |\n1 | print(\n  |       ^\n",
    );
    folder.file("bytes.lua", b"x = \xff\xfe\x1b[31m");
    check_error(&folder.vm(&["run", "bytes.lua"]), 2, &["bytes.lua:1:"]);
}

// ---- limits

/// Runs a script that should be stopped by a deadline, and checks when it was.
#[track_caller]
fn check_deadline(text: &str) {
    let limit = Duration::from_millis(100);
    // Other processes may keep the machine busy: one prompt stop is proof.
    let mut times = Vec::new();
    for _ in 0..10 {
        let start = Instant::now();
        let output = script(&["--time-limit", "100ms"], text);
        times.push(start.elapsed());
        check(&output, 1, "", "vm: time limit reached\n");
        assert!(start.elapsed() >= limit, "{text}: {times:?}");
        // Ten for the limit, the rest for starting the process.
        if start.elapsed() < limit + Duration::from_millis(25) {
            return;
        }
    }
    panic!("{text}: {times:?}");
}

#[test]
fn deadlines_stop_scripts() {
    check_deadline("while true do end");
    check_deadline("while true do pcall(function() while true do end end) end");
    check_deadline("string.find(string.rep('a', 100000), string.rep('.-', 12) .. 'b')");
    check_deadline(
        "local t = {} for i = 1, 1e5 do t[i] = i % 10 end while true do table.concat(t, ', ') end",
    );
    check_deadline(
        "setmetatable({}, {__gc = function() while true do end end}) while true do collectgarbage() end",
    );
}

#[test]
fn finalizers_at_the_end_are_limited_too() {
    let endless = "setmetatable({}, {__gc = function() while true do end end})";
    for options in [["--time-limit", "50ms"], ["--instruction-limit", "100k"]] {
        assert!(script(&options, endless).status.code().is_some());
    }
}

#[test]
fn instructions_are_limited() {
    let output = script(
        &["--instruction-limit", "1M"],
        "pcall(function() while true do end end) print('no')",
    );
    check(&output, 1, "", "vm: instruction limit reached\n");
    check(
        &script(
            &["--instruction-limit", "1M"],
            "for i = 1, 1000 do end print('done')",
        ),
        0,
        "done\n",
        "",
    );
}

#[test]
fn memory_is_limited() {
    let grow = "local t = {} for i = 1, 1e9 do t[i] = {i} end";
    check(
        &script(&["--memory-limit", "20M"], grow),
        1,
        "",
        "vm: memory limit reached\n",
    );
    let double = "local s = 'x' pcall(function() while true do s = s .. s end end) print('no')";
    check(
        &script(&["--memory-limit", "20M"], double),
        1,
        "",
        "vm: memory limit reached\n",
    );
    let start = Instant::now();
    let output = script(
        &["--memory-limit", "200M"],
        "local s = string.rep('x', 1e10)",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(start.elapsed() < Duration::from_secs(1));
    check_error(
        &script(&["--memory-limit", "1k"], ""),
        2,
        &["vm: the memory limit is too small"],
    );
}

#[test]
fn endless_recursion_is_an_error() {
    check_error(
        &script(&[], "local function f() return 1 + f() end f()"),
        1,
        &["stdin:1: stack overflow", "stack traceback:"],
    );
}

#[test]
fn limits_come_from_the_environment() {
    let mut command = vm();
    command
        .env("STRATA_INSTRUCTION_LIMIT", "10k")
        .args(["run", "-"]);
    check(
        &feed(command, "while true do end"),
        1,
        "",
        "vm: instruction limit reached\n",
    );
    let mut command = vm();
    command.env("STRATA_TIME_LIMIT", "soon").args(["run", "-"]);
    check_error(&feed(command, ""), 2, &["a time is a number with a unit"]);
    check_error(
        &vm()
            .args(["run", "--time-limit", "5", "x"])
            .output()
            .unwrap(),
        2,
        &["write 5s or 5ms"],
    );
    check_error(
        &vm()
            .args(["run", "--memory-limit", "5X", "x"])
            .output()
            .unwrap(),
        2,
        &["'X' is not a unit"],
    );
}

#[test]
fn stress_modes() {
    let stress = |mode: &str, text: &str| {
        let mut command = vm();
        command.env("STRATA_STRESS", mode).args(["run", "-"]);
        feed(command, text)
    };
    check(
        &stress(
            "gc=safepoint,seed=1",
            "local t = {} for i = 1, 100 do t = {t, 'a' .. i} end print(t[2])",
        ),
        0,
        "a100\n",
        "",
    );
    check_error(
        &stress("gc=safepoint", "error('x')"),
        1,
        &["replay: STRATA_STRESS=gc=safepoint,seed="],
    );
    check_error(
        &stress("gc=never", ""),
        2,
        &["unknown argument in 'gc=never'"],
    );
    check_error(&stress("what", ""), 2, &["unknown mode 'what'"]);
}

// ---- bytecode

#[test]
fn compiled_programs_run() {
    let folder = Folder::new("compile");
    folder.file(
        "p.lua",
        "local function f(n) return n * 2 end\nprint(f(21), ...)\nerror('at the end')",
    );
    check(&folder.vm(&["compile", "p.lua"]), 0, "", "");
    check_error(
        &folder.vm(&["run", "p.bc", "a"]),
        1,
        &["vm: p.lua:3: at the end"],
    );
    assert_eq!(folder.vm(&["run", "p.bc", "a"]).stdout, b"42\ta\n");
    check(
        &folder.vm(&["compile", "--strip", "p.lua", "-o", "s.bc"]),
        0,
        "",
        "",
    );
    assert!(folder.bytes("s.bc").len() < folder.bytes("p.bc").len());
    assert_eq!(folder.vm(&["run", "s.bc"]).stdout, b"42\n");
    assert_eq!(
        folder.vm(&["compile", "p.lua", "-o", "-"]).stdout,
        folder.bytes("p.bc")
    );
    check_error(&folder.vm(&["compile", "p.bc"]), 2, &["say where to write"]);
    check_error(
        &folder.vm(&["compile", "p.bc", "-o", "q.bc"]),
        2,
        &["p.bc is bytecode already"],
    );
    check_error(
        &folder.vm(&["compile", "p.lua", "-o", "no/such/folder.bc"]),
        2,
        &["cannot write no/such/folder.bc: "],
    );
    check_error(&folder.vm(&["compile", "-"]), 2, &["-o OUT.bc"]);
}

#[test]
fn damaged_bytecode_is_refused() {
    let folder = Folder::new("damaged");
    folder.file("p.lua", "for i = 1, 3 do print(i) end");
    folder.vm(&["compile", "p.lua"]);
    let whole = folder.bytes("p.bc");
    for len in [1, 7, 23, 24, 60, whole.len() - 1] {
        folder.file("t.bc", &whole[..len]);
        check_error(
            &folder.vm(&["run", "t.bc"]),
            2,
            &["vm: t.bc: malformed bytecode: section ", ", byte "],
        );
        assert_eq!(folder.vm(&["disasm", "t.bc"]).status.code(), Some(2));
    }
    let mut flipped = whole;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    folder.file("t.bc", &flipped);
    check_error(
        &folder.vm(&["run", "t.bc"]),
        2,
        &["checksum", "compile it again"],
    );
}

#[test]
fn unsafe_bytecode_is_refused() {
    let folder = Folder::new("unsafe");
    folder.file("u.asm", "strata 1\n.proto 0\n  .params 0\n  .vararg\n  .regs 1\n.code\n  varargprep 0\n  move r0 r200\n  return0\n.end\n");
    check_error(
        &folder.vm(&["asm", "u.asm"]),
        2,
        &[
            "vm: u.asm: unsafe bytecode, not written: section ",
            "(rule ",
        ],
    );
    assert!(!folder.0.join("u.bc").exists());
    let text = String::from_utf8(folder.bytes("u.asm")).unwrap();
    let module = strata::spec::assemble(&text).unwrap();
    folder.file("u.bc", strata::spec::write(&module));
    check_error(
        &folder.vm(&["run", "u.bc"]),
        2,
        &["u.bc: unsafe bytecode: ", "(rule ", "\nhelp: "],
    );
    let shown = folder.vm(&["disasm", "u.bc"]);
    check_error(&shown, 2, &["will not run"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("r200"));
}

#[test]
fn text_and_bytecode_round_trip() {
    let folder = Folder::new("round-trip");
    folder.file(
        "p.lua",
        "local t <const> = {1, 2.5, 'x'}\nfor k, v in ipairs(t) do\n  print(k, v)\nend\n",
    );
    folder.vm(&["compile", "p.lua"]);
    check(&folder.vm(&["disasm", "p.bc", "-o", "p.asm"]), 0, "", "");
    check(&folder.vm(&["asm", "p.asm", "-o", "q.bc"]), 0, "", "");
    assert_eq!(folder.bytes("p.bc"), folder.bytes("q.bc"));
    assert_eq!(
        folder.vm(&["disasm", "p.lua"]).stdout,
        folder.bytes("p.asm")
    );
    for file in ["p.lua", "p.bc"] {
        let with_source = folder.vm(&["disasm", "--source", file]);
        assert!(
            String::from_utf8_lossy(&with_source.stdout).contains("for k, v in ipairs(t) do"),
            "{file}"
        );
        folder.file("s.asm", &with_source.stdout);
        check(&folder.vm(&["asm", "s.asm"]), 0, "", "");
        assert_eq!(folder.bytes("p.bc"), folder.bytes("s.bc"));
    }
    std::fs::remove_file(folder.0.join("p.lua")).unwrap();
    check_error(
        &folder.vm(&["disasm", "--source", "p.bc"]),
        2,
        &["cannot open p.lua, from which p.bc was compiled"],
    );
    folder.file(
        "bad.asm",
        "strata 1\n.proto 0\n.code\n  frobnicate r1\n.end\n",
    );
    check_error(
        &folder.vm(&["asm", "bad.asm"]),
        2,
        &[
            "vm: bad.asm:4:3: expected ",
            "\n4 |   frobnicate r1\n  |   ^\n",
        ],
    );
}

#[test]
fn load_takes_bytecode_if_allowed() {
    let text = "print(load(string.dump(function() return 5 end), 'x', 'b'))";
    let refused = script(&[], text);
    assert_eq!(refused.status.code(), Some(0));
    assert!(refused.stdout.starts_with(b"nil\t"));
    assert!(
        script(&["--allow-bytecode"], text)
            .stdout
            .starts_with(b"function: ")
    );
    let mut command = vm();
    command.env("STRATA_ALLOW_BYTECODE", "1").args(["run", "-"]);
    assert!(feed(command, text).stdout.starts_with(b"function: "));
}

// ---- the rest

fn repl(options: &[&str], text: &str) -> Output {
    let mut command = vm();
    command.arg("repl").args(options);
    feed(command, text)
}

#[test]
fn the_prompt_prints_values_and_goes_on_after_errors() {
    check(
        &repl(
            &[],
            "1 + 1\nx = 5\nx, 'a'\n\nfor i = 1, 2 do\n  print(i)\nend\n",
        ),
        0,
        "2\n5\ta\n1\n2\n",
        "",
    );
    let output = repl(&[], "error('q')\nlocal y = = 1\n7\nx = {");
    assert_eq!(output.stdout, b"7\n");
    check_error(
        &output,
        0,
        &[
            "stdin:1: q\nstack traceback:",
            "stdin:1: unexpected symbol near '='\n  |\n",
            "near <eof>",
        ],
    );
    check(
        &repl(&[], "io.read()\nthis line\nos.exit(4)\n"),
        4,
        "this line\n",
        "",
    );
    check(
        &repl(&[], "print = nil\n1\n"),
        0,
        "",
        "error calling 'print' (attempt to call a nil value)\n",
    );
}

#[test]
fn the_prompt_survives_limits() {
    let text = "while true do end\n'still here'\n";
    check(
        &repl(&["--instruction-limit", "100k"], text),
        0,
        "still here\n",
        "instruction limit reached\n",
    );
    check(
        &repl(&["--time-limit", "30ms"], text),
        0,
        "still here\n",
        "time limit reached\n",
    );
}

#[test]
fn info_names_what_there_is() {
    let output = vm().arg("info").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        env!("CARGO_PKG_VERSION"),
        "bytecode format",
        "interpreter",
        "Cranelift",
        "default",
        "STRATA_TRACE_JIT",
        "LLVM",
        "1000000 slots",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn warnings_are_off_unless_asked_for() {
    let text =
        "setmetatable({}, {__gc = function() error('late') end}) collectgarbage() warn('hm')";
    check(&script(&[], text), 0, "", "");
    check_error(&script(&["-W"], text), 0, &["Lua warning: ", "late", "hm"]);
}

/// The program itself, so that a wrong path is noticed here.
#[test]
fn the_program_is_built() {
    assert!(Path::new(env!("CARGO_BIN_EXE_vm")).exists());
}

// ---- what became of functions

/// A program whose function is compiled, and left through an exit.
const COMPILED: &str = "local function sum(n, x)
  local s = x
  for i = 1, n do s = s + i end
  return s
end
for i = 1, 3000 do sum(200, 0) end
print(sum(10, 0.5))
--@jit off
function cold() end
";

#[cfg(feature = "cranelift")]
#[test]
fn explain_says_which_tier_and_why() {
    let folder = Folder::new("explain");
    folder.file("a.lua", COMPILED);
    let options = ["explain", "--jit=baseline", "--jit-opt=calls=5"];
    let output = folder.vm(&[&options[..], &["a.lua"]].concat());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "55.5\n");
    let said = String::from_utf8_lossy(&output.stderr);
    for part in [
        "sum (a.lua:1): tier 1 (cranelift)",
        "Interpreted: ",
        "cold (a.lua:9): tier 0 (interpreter)",
        "why: an annotation in the source asks for it",
        "to change that: ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let more = ["--json", "-o", "out.json", "a.lua"];
    check(&folder.vm(&[&options[..], &more].concat()), 0, "55.5\n", "");
    let json = std::fs::read_to_string(folder.0.join("out.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&json).unwrap();
    let sum = all.as_array().unwrap().iter().find(|f| f["name"] == "sum");
    assert_eq!(
        (&sum.unwrap()["tier"], &sum.unwrap()["line"]),
        (&1.into(), &1.into())
    );
}

/// What a report shows.
fn report(folder: &Folder, name: &str) -> serde_json::Value {
    let page = std::fs::read_to_string(folder.0.join(name)).unwrap();
    let start = page.find("id=\"data\">").unwrap() + "id=\"data\">".len();
    let data = page[start..].split("</script>").next().unwrap();
    serde_json::from_str(data).unwrap()
}

#[cfg(feature = "cranelift")]
#[test]
fn a_report_tells_which_compiles_were_given_up() {
    let folder = Folder::new("given-up");
    folder.file(
        "a.lua",
        "local fs = {}
         for k = 1, 40 do
           fs[k] = load('local s = 0 for i = 1, 50 do s = s + i % ' .. k .. ' end return s')
         end
         for r = 1, 50 do for k = 1, 40 do fs[k]() end end",
    );
    // Half of what another thread compiles is thrown away.
    let line = [
        "run",
        "--report",
        "out.html",
        "--jit=baseline",
        "--jit-opt=calls=5",
        "a.lua",
    ];
    let output = folder
        .command(&line)
        .env("STRATA_STRESS", "queue=drop")
        .output()
        .unwrap();
    check(&output, 0, "", "");
    let data = report(&folder, "out.html");
    let compiles = data["compiles"].as_array().unwrap();
    let (there, given_up): (Vec<_>, Vec<_>) =
        compiles.iter().partition(|c| c["given_up"].is_null());
    assert!(!given_up.is_empty(), "{compiles:?}");
    assert!(there.iter().any(|c| c["ready"].is_number()), "{compiles:?}");
    for compile in given_up {
        let time = |name: &str| compile[name].as_f64().unwrap();
        assert!(compile["ready"].is_null(), "{compile}");
        assert!(time("queued") <= time("given_up"), "{compile}");
        assert!(
            time("given_up") <= data["end"].as_f64().unwrap(),
            "{compile}"
        );
        assert_eq!(compile["reason"], "others are more wanted", "{compile}");
    }
}

#[test]
fn a_report_is_a_page() {
    let folder = Folder::new("report");
    // Samples are taken a millisecond apart, by a thread that may be late.
    let busy = "local begun = os.clock() repeat until os.clock() - begun > 0.3\n";
    folder.file("a.lua", &(COMPILED.to_owned() + busy));
    let line = [
        "run",
        "--report",
        "out.html",
        "--jit-opt=calls=5",
        "a.lua",
        "x",
    ];
    check(&folder.vm(&line), 0, "55.5\n", "");
    let data = report(&folder, "out.html");
    assert_eq!(data["title"], "a.lua x");
    assert!(data["samples"].as_u64().unwrap() > 0);
    if cfg!(feature = "cranelift") {
        let names: Vec<_> = data["names"].as_array().unwrap().iter().collect();
        assert!(names.iter().any(|n| *n == "sum (a.lua:1)"), "{names:?}");
        assert_eq!(data["exits"][0]["source"], "for i = 1, n do s = s + i end");
    }
    let refused = folder.vm(&["run", "--report", "no/such/out.html", "a.lua"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("out.html"));
}
