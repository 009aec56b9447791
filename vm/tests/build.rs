//! `vm build`: standalone programs do what `vm run` does, need nothing else, say so when
//! they are damaged, and find the code that training made.
#![cfg(all(feature = "cli", feature = "cranelift", unix))]

mod common;

use common::{Folder, check, check_error};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const APP: &str = "
local shapes = require 'lib.shapes'
local list = require('list')
local n = tonumber((...)) or 3
local sum = 0
for i = 1, n do sum = sum + shapes.new(i, 2):area() end
print(sum, list.join({...}), select('#', ...), arg[1], arg[0] ~= nil)
if arg[2] == 'fail' then shapes.fail() end
if arg[2] == 'exit' then os.exit(7) end
";

const SHAPES: &str = "
local Shape = {} Shape.__index = Shape
function Shape.new(w, h) return setmetatable({w = w, h = h}, Shape) end
function Shape:area() return self.w * self.h end
function Shape.fail() local t return t.x end
return Shape
";

const LIST: &str =
    "local t = require 'table' return {join = function(l) return t.concat(l, '+') end}";

/// A program of three modules.
fn sources(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir_all(folder.0.join("lib")).unwrap();
    folder
        .file("app.lua", APP)
        .file("lib/shapes.lua", SHAPES)
        .file("list.lua", LIST);
    folder
}

/// Builds with these words; what is said.
#[track_caller]
fn build(folder: &Folder, words: &[&str]) -> (String, String) {
    let output = folder.vm(&[&["build"], words].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{}", said.1);
    said
}

/// A program elsewhere, with nothing in its environment.
fn elsewhere(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir("/").stdin(Stdio::null());
    command
}

fn start(program: &Path, words: &[&str]) -> Output {
    elsewhere(program).args(words).output().unwrap()
}

#[test]
fn a_program_of_several_modules_needs_nothing_else() {
    let folder = sources("build-modules");
    let (said, warned) = build(&folder, &["app.lua"]);
    assert!(
        said.contains("module lib.shapes: ./lib/shapes.lua"),
        "{said}"
    );
    assert!(said.contains("module list: ./list.lua"), "{said}");
    assert!(said.contains("3 modules"), "{said}");
    assert_eq!(warned, "");
    for file in ["app.lua", "lib/shapes.lua", "list.lua"] {
        std::fs::remove_file(folder.0.join(file)).unwrap();
    }
    let app = folder.0.join("app");
    check(&start(&app, &[]), 0, "12\t\t0\tnil\ttrue\n", "");
    let output = start(&app, &["4", "a b"]);
    check(&output, 0, "20\t4+a b\t2\t4\ttrue\n", "");
    assert_eq!(start(&app, &["1", "exit"]).status.code(), Some(7));
    let failed = start(&app, &["1", "fail"]);
    check_error(
        &failed,
        1,
        &[
            "app: ./lib/shapes.lua:5: attempt to index a nil value (local 't')\n",
            "app.lua:8: in main chunk",
        ],
    );
}

#[test]
fn actors_of_a_program_find_its_modules() {
    let folder = Folder::new("build-actors");
    folder.file("twice.lua", "return function(x) return 2 * x end");
    folder.file(
        "app.lua",
        "local actors, twice = require 'actors', require 'twice'
         local a = actors.spawn(function()
           local twice = require 'twice'
           return function(x) return twice(x) end
         end)
         print(twice(3), a:ask(4))",
    );
    build(&folder, &["app.lua"]);
    std::fs::remove_file(folder.0.join("twice.lua")).unwrap();
    check(&start(&folder.0.join("app"), &[]), 0, "6\t8\n", "");
}

#[test]
fn the_words_of_a_program_are_its_own() {
    let folder = Folder::new("build-words");
    folder.file("say.lua", "print(#arg, ...)");
    build(&folder, &["say.lua", "-o", "say"]);
    let say = folder.0.join("say");
    for words in [
        &["--help"][..],
        &["run", "/etc/passwd"],
        &["--jit=off", "-V"],
        &["build", "x", "-o", "/x"],
        &["--", "-"],
    ] {
        let expected = format!("{}\t{}\n", words.len(), words.join("\t"));
        check(&start(&say, words), 0, &expected, "");
    }
    // No variable says anything, either.
    let told = |program: &Path| {
        let mut command = elsewhere(program);
        command
            .env("STRATA_INSTRUCTION_LIMIT", "1")
            .env("STRATA_STRESS", "no such thing")
            .output()
            .unwrap()
    };
    check(&told(&say), 0, "0\n", "");
    build(&folder, &["say.lua", "-o", "open", "--allow-options"]);
    let open = folder.0.join("open");
    check_error(&told(&open), 2, &["open: STRATA_STRESS: "]);
    let limited = elsewhere(&open)
        .env("STRATA_INSTRUCTION_LIMIT", "1")
        .output();
    check_error(&limited.unwrap(), 1, &["open: instruction limit reached"]);
}

#[test]
fn options_are_built_in() {
    let folder = Folder::new("build-options");
    folder.file("loop.lua", "while true do end");
    folder.file(
        "load.lua",
        "print(load(string.dump(function() return 5 end))())",
    );
    build(&folder, &["loop.lua", "--instruction-limit", "100k"]);
    let limited = start(&folder.0.join("loop"), &[]);
    check_error(&limited, 1, &["loop: instruction limit reached"]);
    build(&folder, &["load.lua"]);
    check_error(&start(&folder.0.join("load"), &[]), 1, &["load.lua:1: "]);
    build(&folder, &["load.lua", "--allow-bytecode"]);
    check(&start(&folder.0.join("load"), &[]), 0, "5\n", "");
    for option in ["--trace-jit", "--perf"] {
        let refused = folder.vm(&["build", option, "loop.lua"]);
        check_error(&refused, 2, &[option, "--allow-options"]);
    }
}

#[test]
fn modules_are_named_by_their_files() {
    let folder = sources("build-names");
    folder.file(
        "x.lua",
        "print(require('a').v, require('lib.shapes').new(2, 3):area(), pcall(require, 'nowhere'))",
    );
    folder.file("other.lua", "return {v = ...}");
    let (said, warned) = build(&folder, &["x.lua", "a=other.lua", "lib"]);
    assert!(said.contains("module a: other.lua"), "{said}");
    assert!(said.contains("module lib.shapes: lib/shapes.lua"), "{said}");
    assert!(
        warned.contains("x.lua:1: module 'nowhere' is not found on package.path"),
        "{warned}"
    );
    let output = start(&folder.0.join("x"), &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.starts_with("a\t6\tfalse\tmodule 'nowhere' not found"),
        "{text}"
    );

    // Bytecode does as well as source; without following nothing is looked for.
    assert_eq!(folder.vm(&["compile", "list.lua"]).status.code(), Some(0));
    folder.file(
        "y.lua",
        "print(require('list').join {1, 2}, (pcall(require, 'lib.shapes')))",
    );
    let (said, warned) = build(&folder, &["y.lua", "list.bc", "--no-follow"]);
    assert!(
        said.contains("2 modules") && warned.is_empty(),
        "{said}{warned}"
    );
    check(&start(&folder.0.join("y"), &[]), 0, "1+2\tfalse\n", "");
    // Elsewhere it is found where the option says.
    folder.file("z.lua", "print(require('shapes').new(5, 5):area())");
    build(&folder, &["z.lua", "--path", "lib/?.lua"]);
    check(&start(&folder.0.join("z"), &[]), 0, "25\n", "");
}

#[test]
fn what_can_not_be_built_is_told() {
    let folder = sources("build-errors");
    folder.file("bad.lua", "x = = 1");
    folder.file("wants.lua", "require 'bad'");
    folder.file("text", "no program");
    std::fs::create_dir_all(folder.0.join("empty")).unwrap();
    for (words, parts) in [
        (&["none.lua"][..], &["cannot open none.lua"][..]),
        (&["bad.lua"], &["bad.lua:1: unexpected symbol"]),
        (&["wants.lua"], &["bad.lua:1: unexpected symbol"]),
        (&["app.lua", "none.lua"], &["none.lua"]),
        (
            &["app.lua", "empty"],
            &["empty: there is no Lua file in it"],
        ),
        (
            &["app.lua", "list.lua", "list=lib/shapes.lua"],
            &["two modules are named 'list'", "NAME=FILE"],
        ),
        (&["text"], &["-o"]),
        (&["-"], &["-o"]),
        (&["app.lua", "--runtime", "text"], &["text: it is no vm"]),
        (&["app.lua", "-o", "no/such/app"], &["no/such/app: "]),
        (&["app.lua", "-o", "empty"], &["empty: "]),
        (&["app.lua", "--train='x"], &["--train"]),
        (&["app.lua", "--train=1 fail"], &["training", "1 fail"]),
        (&["app.lua", "--target-cpu", "z80"], &["native, baseline"]),
        (&["app.lua", "--jit-level", "4"], &["0, 1, 2, 3"]),
    ] {
        let output = folder.vm(&[&["build"], words].concat());
        let status = if parts[0] == "training" { 1 } else { 2 };
        check_error(&output, status, parts);
    }
    assert!(!folder.0.join("app").exists(), "half a program");
    build(&folder, &["list.lua", "-o", "list"]);
    let again = folder.vm(&["build", "app.lua", "--runtime", "list"]);
    check_error(&again, 2, &["list: it is a standalone program"]);
}

/// Where the payload of a program begins, and the file's length.
fn payload(program: &Path) -> (u64, u64) {
    let mut bytes = Vec::new();
    File::open(program)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    let magic = b"\x7fStrataProgram\x01\0";
    let at = bytes.windows(magic.len()).rposition(|w| w == magic);
    (at.unwrap() as u64, bytes.len() as u64)
}

#[test]
fn damaged_programs_say_so() {
    let folder = sources("build-damage");
    build(&folder, &["app.lua"]);
    let app = folder.0.join("app");
    let (at, length) = payload(&app);
    let mut payload = vec![0; (length - at) as usize];
    let mut file = File::open(&app).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut payload).unwrap();
    drop(file);
    let expected = "12\t\t0\tnil\ttrue\n";

    // Any byte: in the head and in the index each third, of the modules some.
    let write = |from: u64, bytes: &[u8]| {
        let mut file = OpenOptions::new().write(true).open(&app).unwrap();
        file.seek(SeekFrom::Start(from)).unwrap();
        file.write_all(bytes).unwrap();
    };
    let places = (0..180).step_by(3).chain((180..payload.len()).step_by(61));
    for n in places {
        write(at + n as u64, &[payload[n] ^ 0x41]);
        let output = start(&app, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(1 | 2)) && said.contains("damaged"),
            "byte {n}: {output:?}"
        );
        assert!(said.starts_with("app: "), "{said}");
        write(at + n as u64, &payload[n..=n]);
    }
    check(&start(&app, &[]), 0, expected, "");

    // A file that ends too early.
    let mut short: Vec<u64> = (0..60)
        .chain((60..payload.len() as u64).step_by(97))
        .collect();
    short.push(payload.len() as u64 - 1);
    for &keep in short.iter().rev() {
        let file = OpenOptions::new().write(true).open(&app).unwrap();
        file.set_len(at + keep).unwrap();
        drop(file);
        let output = start(&app, &["--version"]);
        check_error(&output, 2, &["app: ", "damaged", "build it again"]);
    }
}

/// What became of compiles of tier 2, by the trace: those from the cache, and others.
fn compiles(program: &Path, words: &[&str], trace: &Path) -> (usize, usize, Output) {
    let output = elsewhere(program)
        .args(words)
        .env("STRATA_TRACE_JIT", format!("json:{}", trace.display()))
        .output()
        .unwrap();
    let (mut hits, mut others) = (0, 0);
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["event"] == "compiled" && line["tier"] == 2 {
            match line["reason"] == "cache" {
                true => hits += 1,
                false => others += 1,
            }
        }
    }
    (hits, others, output)
}

/// A program that is soon optimized, and whose every run is the same.
const HOT: &str = "
local Point = {} Point.__index = Point
function Point:add(o) self.x = self.x + o.x self.y = self.y + o.y return self end
local one, sum, total = {x = 1, y = 2}, setmetatable({x = 0, y = 0}, Point), 0
local function mix(a, n)
    for i = 1, n do a = (a * 1103515245 + 12345) % 2147483648 end
    return a
end
for i = 1, 1500 do
    for j = 1, 400 do sum:add(one) end
    total = total + mix(i, 3000)
end
print(sum.x, sum.y, total)
";

const EARLY: [&str; 2] = [
    "--jit-opt",
    "calls=20,back-edges=40,start-up=1,hot=20000,best=1000,background=0",
];

fn trained(folder: &Folder, name: &str, more: &[&str]) -> PathBuf {
    folder.file("hot.lua", HOT);
    let words = ["hot.lua", "-o", name, "--train", "--allow-options"];
    let (said, warned) = build(folder, &[&words[..], &EARLY, more].concat());
    assert!(!said.contains("\n  0 pieces"), "{said}{warned}");
    folder.0.join(name)
}

#[test]
fn trained_programs_compile_nothing_again() {
    let folder = Folder::new("build-trained");
    folder.file("hot.lua", HOT);
    let expected = folder.vm(&["run", "--jit=off", "hot.lua"]).stdout;
    for cpu in ["native", "baseline"] {
        let program = trained(&folder, cpu, &["--target-cpu", cpu]);
        let trace = folder.0.join("trace");
        let (hits, others, output) = compiles(&program, &[], &trace);
        assert_eq!((&output.stdout, &*output.stderr), (&expected, &b""[..]));
        assert!(
            hits > 0 && others == 0,
            "{cpu}: {hits} hits, {others} compiles"
        );
        // Another processor than it was trained for: everything is made anew.
        let other = ["baseline", "native"][usize::from(cpu == "baseline")];
        let mut command = elsewhere(&program);
        command.env("STRATA_TARGET_CPU", other);
        let output = command.output().unwrap();
        assert_eq!((&output.stdout, &*output.stderr), (&expected, &b""[..]));
    }
}

#[test]
fn damaged_code_is_made_anew() {
    let folder = Folder::new("build-code");
    let program = trained(&folder, "hot", &["--jit-backend=cranelift"]);
    let intact = start(&program, &[]);
    let (at, length) = payload(&program);
    // All entries lie behind the modules: something in each is altered.
    let mut bytes = Vec::new();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&program)
        .unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    let entries = bytes
        .windows(7)
        .enumerate()
        .filter(|(_, w)| w == b"STRATAC");
    let entries: Vec<usize> = entries.map(|e| e.0).collect();
    assert!(entries.len() > 1 && (length - at) as usize > entries[0]);
    for &entry in &entries {
        file.seek(SeekFrom::Start(at + entry as u64 + 100)).unwrap();
        file.write_all(&[bytes[entry + 100] ^ 1]).unwrap();
    }
    drop(file);
    let (hits, others, output) = compiles(&program, &[], &folder.0.join("trace"));
    assert_eq!(output.stdout, intact.stdout);
    check_error(&output, 0, &["hot: ", "it is damaged; it is made anew"]);
    assert!(hits == 0 && others > 0, "{hits} hits, {others} compiles");
}

#[test]
fn a_cache_is_built_in() {
    let folder = Folder::new("build-cache");
    folder
        .file("hot.lua", HOT)
        .file("other.lua", "local s = 0 for i = 1, 1e8 do s = s + i end");
    let cache = format!("--cache={}", folder.0.join("kept").display());
    for file in ["hot.lua", "other.lua", "hot.lua", "hot.lua"] {
        let run = folder.vm(&[&["run", &*cache], &EARLY[..], &[file]].concat());
        assert_eq!(run.status.code(), Some(0), "{run:?}");
    }
    let words = ["hot.lua", &*cache, "--allow-options"];
    let (said, _) = build(&folder, &[&words[..], &EARLY].concat());
    // Nothing of other programs is in it.
    let list = folder.vm(&["cache", "list", &*cache]).stdout;
    let list = String::from_utf8(list).unwrap();
    let ours = list.matches("hot.lua").count();
    assert!(ours > 0 && list.contains("other.lua"), "{list}");
    assert!(said.contains(&format!("\n  {ours} piece")), "{said}{list}");
    let (hits, _, _) = compiles(&folder.0.join("hot"), &[], &folder.0.join("trace"));
    assert!(hits > 0);
}

#[test]
fn files_that_are_read_train_too() {
    let folder = Folder::new("build-stdin");
    let source =
        "local n = 0 for line in io.lines() do for i = 1, 20000 do n = n + #line end end print(n)";
    folder
        .file("count.lua", source)
        .file("text", "one\ntwo\nthree\n");
    let words = ["count.lua", "--train-with", "text"];
    let (said, warned) = build(&folder, &[&words[..], &EARLY].concat());
    assert!(!said.contains("\n  0 pieces"), "{said}{warned}");
    let counted = common::feed(elsewhere(&folder.0.join("count")), "four\n");
    check(&counted, 0, "80000\n", "");
}
