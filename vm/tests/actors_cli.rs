//! Actors of programs that `vm run` runs.
#![cfg(feature = "actors")]

mod common;

use common::Folder;

/// Runs a program with these options: whether it succeeded, and what it wrote.
fn run(name: &str, options: &[&str], program: &str) -> (bool, String) {
    let folder = Folder::new(name);
    folder.file("main.lua", program);
    let args = [&["run"], options, &["main.lua"]].concat();
    let output = folder.vm(&args);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn programs_spawn_and_ask_and_end_with_their_main_program() {
    let program = r#"
        local actors = require "actors"
        local echo = actors.spawn(function(tag)
          return function(...) print(tag, ...) return ... end
        end, { args = { "echo" } })
        print(echo:ask(1, "two", { 3 })  == 1)
        local busy = actors.spawn(function() while true do end end)
        local idle = actors.spawn(function() actors.sleep(3600) end)
        print(busy:alive(), idle:alive(), echo:alive())
    "#;
    for options in [&[][..], &["--jit=off"], &["--actor-threads", "1"]] {
        let (good, text) = run("spawn", options, program);
        assert!(good, "{text}");
        assert!(text.starts_with("echo\t1\ttwo\ttable: "), "{text}");
        assert!(text.ends_with("true\ntrue\ttrue\ttrue\n"), "{text}");
    }
}

#[test]
fn limits_of_the_command_line_hold_for_actors() {
    let (good, text) = run(
        "memory",
        &["--memory-limit", "40M"],
        r#"
        local actors = require "actors"
        local function body()
          return function() local t = {} while true do t[#t + 1] = ("x"):rep(100) .. #t end end
        end
        local a = actors.spawn(body)
        print(pcall(a.ask_within, a, 60))
        print((a:join(60)))
        print(pcall(actors.spawn, body, { memory = 41 << 20 }))
        local all = { actors.spawn(body), actors.spawn(body) }
        print((select(2, pcall(actors.spawn, body))))
        print(#all, actors.spawn(body, { memory = 8 << 20 }):alive())
        "#,
    );
    assert!(good, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "false\tthe actor ended before it replied: memory limit reached"
    );
    assert_eq!(lines[1], "memory limit");
    assert!(
        lines[2].contains("42991616 bytes; 41943040 are left"),
        "{text}"
    );
    assert!(
        lines[3].contains("16777216 bytes; 8388608 are left"),
        "{text}"
    );
    assert_eq!(lines[4], "2\ttrue");
    let (good, text) = run(
        "instructions",
        &["--instruction-limit", "1M"],
        r#"
        local actors = require "actors"
        local a = actors.spawn(function() return function() while true do end end end)
        print(pcall(a.ask_within, a, 60))
        print(pcall(actors.spawn, print, { instructions = 1000001 }))
        "#,
    );
    assert!(
        good && text.starts_with("false\tthe actor ended before it replied: instruction limit"),
        "{text}"
    );
    assert!(text.contains("the host allows 1000000"), "{text}");
    let (good, text) = run(
        "time",
        &["--time-limit", "300ms"],
        r#"
        local actors = require "actors"
        actors.spawn(function() while true do end end)
        actors.receive()
        "#,
    );
    assert!(!good && text.contains("time limit reached"), "{text}");
}

#[test]
fn errors_of_use_say_what_is_wrong() {
    let program = r#"
        local actors = require "actors"
        local a = actors.spawn(function() end)
        local function try(f, ...) print(select(2, pcall(f, ...))) end
        try(actors.spawn, 42)
        try(actors.spawn, print, { nonsense = 1 })
        try(actors.spawn, print, { memory = "much" })
        try(actors.spawn, print, { time = -1 })
        try(actors.spawn, print, { supervisor = {} })
        try(actors.spawn, function() return io.stdout, a, coroutine.running() end, { args = { io.stdout } })
        try(actors.supervisor, { strategy = "all" })
        try(actors.sleep, "soon")
        try(a.send, 1)
        try(a.ask_within, a, 0 / 0)
        print(tostring(a):match("^actor %d+$") ~= nil, getmetatable(a))
    "#;
    let (good, text) = run("use", &[], program);
    assert!(good, "{text}");
    for (line, words) in text.lines().zip([
        "bad argument #1 to 'actors.spawn' (function expected, got number)",
        "no option is called 'nonsense'; there are args, instructions",
        "option 'memory': an integer above 0 expected",
        "option 'time': a time in seconds expected",
        "option 'supervisor': a supervisor expected",
        "message value 2: a userdata (FILE*) cannot be sent",
        "option 'strategy': one_for_one or one_for_all expected",
        "bad argument #1 to 'actors.sleep' (number expected, got string)",
        "(actor expected, got number)",
        "a time in seconds expected",
        "true\tfalse",
    ]) {
        assert!(line.contains(words), "{line}\n{words}");
    }
    assert_eq!(text.lines().count(), 11, "{text}");
}

#[test]
fn warnings_tell_of_messages_that_nobody_wants() {
    let program = r#"
        local actors = require "actors"
        local a = actors.spawn(function() return {} end)
        a:send("nothing")
        a:stop()
        print((a:join(60)))
    "#;
    let (good, text) = run("warn", &["-W"], program);
    assert!(good && text.contains("no handler 'nothing'"), "{text}");
    let (good, text) = run("quiet", &[], program);
    assert!(good && text == "stopped\n", "{text}");
}

#[cfg(unix)]
#[test]
fn a_program_does_not_wait_for_what_its_actors_wait_for() {
    let begun = std::time::Instant::now();
    let program = r#"
        local actors = require "actors"
        local main = actors.self()
        actors.spawn(function(main) main:send("go") os.execute("exec sleep 100") end, { args = { main } })
        print(actors.receive(60))
    "#;
    let folder = Folder::new("waits");
    folder.file("main.lua", program);
    // What it started goes on, and must not keep the test's pipes.
    let mut command = folder.command(&["run", "main.lua"]);
    let null = std::process::Stdio::null;
    let status = command.stdout(null()).stderr(null()).status().unwrap();
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(60));
}
