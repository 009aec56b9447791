//! Parser tests: what is refused, and in which words; what must not overflow.

use crate::error::SyntaxError;
use crate::lexer::{Fault, Lexer};
use crate::meter::Meter;
use crate::names::Names;
use bumpalo::Bump;

fn check(source: &[u8], chunkname: &[u8]) -> Result<(), SyntaxError> {
    let arena = Bump::new();
    let names = Names::new(&arena, source.len());
    let mut budget = strata_spec::Unlimited;
    let meter = Meter::new(&mut budget, &arena);
    let lexer = Lexer::new(source, chunkname, names, &meter);
    match super::parse(lexer, &arena).map_err(|fault| *fault) {
        Ok(_) => Ok(()),
        Err(Fault::Syntax(error)) => Err(error),
        Err(Fault::Stopped) => panic!("the budget is unlimited"),
    }
}

fn message(source: impl AsRef<[u8]>) -> String {
    match check(source.as_ref(), b"=t") {
        Ok(()) => "ok".to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn messages() {
    for (source, expected) in [
        ("x = }", "t:1: unexpected symbol near '}'"),
        ("x =", "t:1: unexpected symbol near <eof>"),
        ("a.1 = 3", "t:1: syntax error near '.1'"),
        ("a.b:c = 1", "t:1: function arguments expected near '='"),
        ("(a) = 1", "t:1: syntax error near '='"),
        ("f() = 1", "t:1: syntax error near '='"),
        ("(f())", "t:1: syntax error near <eof>"),
        ("a, f() = 1", "t:1: syntax error near '='"),
        ("a, b += 1", "t:1: '=' expected near '+'"),
        ("x ~ y", "t:1: syntax error near '~'"),
        ("local function 1", "t:1: <name> expected near '1'"),
        ("return 1,2 x", "t:1: <eof> expected near 'x'"),
        ("for i do end", "t:1: '=' or 'in' expected near 'do'"),
        ("for a,b,c", "t:1: 'in' expected near <eof>"),
        ("goto", "t:1: <name> expected near <eof>"),
        (
            "f(\n1,2\n",
            "t:3: ')' expected (to close '(' at line 1) near <eof>",
        ),
        ("x = {1,2\n,", "t:2: unexpected symbol near <eof>"),
        ("x = {1 2}", "t:1: '}' expected near '2'"),
        (
            "if x then\n\n",
            "t:3: 'end' expected (to close 'if' at line 1) near <eof>",
        ),
        (
            "if x then\n\n x=1 end end",
            "t:3: <eof> expected near 'end'",
        ),
        (
            "repeat\n\n",
            "t:3: 'until' expected (to close 'repeat' at line 1) near <eof>",
        ),
        (
            "function f(a, 1) end",
            "t:1: <name> or '...' expected near '1'",
        ),
        (
            "function f() return ... end",
            "t:1: cannot use '...' outside a vararg function near '...'",
        ),
        ("x = 1 'a\\65b\\0cd'", "t:1: unexpected symbol near ''aAb'"),
        (
            "x = 1 [=[\n\na\r\nb]=]",
            "t:4: unexpected symbol near '[=[\na\nb]=]'",
        ),
        ("syntax error", "t:1: syntax error near 'error'"),
        ("while << do end", "t:1: unexpected symbol near '<<'"),
        ("a\u{1}a = 1", "t:1: syntax error near '<\\1>'"),
        ("goto = 1", "t:1: <name> expected near '='"),
        ("local x <const", "t:1: '>' expected near <eof>"),
    ] {
        assert_eq!(message(source), expected, "{source}");
    }
}

#[test]
fn meaning() {
    for (source, expected) in [
        ("goto a", "t:1: no visible label 'a' for <goto> at line 1"),
        (
            "goto a\ndo ::a:: end\n",
            "t:3: no visible label 'a' for <goto> at line 1",
        ),
        ("break", "t:1: break outside loop at line 1"),
        (
            "while true do function f()\nbreak end end",
            "t:2: break outside loop at line 2",
        ),
        ("::a:: ::a::", "t:1: label 'a' already defined on line 1"),
        (
            "goto a; local x; ::a:: print(x)",
            "t:1: <goto a> at line 1 jumps into the scope of local 'x'",
        ),
        (
            "repeat goto c; local x; ::c:: until x",
            "t:1: <goto c> at line 1 jumps into the scope of local 'x'",
        ),
        (
            "local x <const> = 1; x = 2",
            "t:1: attempt to assign to const variable 'x'",
        ),
        (
            "local x <const> = f(); x = 2",
            "t:1: attempt to assign to const variable 'x'",
        ),
        (
            "local x <const> = f(); function g() x = 2 end",
            "t:1: attempt to assign to const variable 'x'",
        ),
        (
            "local x <const> = 1; function x() end",
            "t:1: attempt to assign to const variable 'x'",
        ),
        (
            "local x <close> = nil; x = 2",
            "t:1: attempt to assign to const variable 'x'",
        ),
        (
            "local x <close>, y <close> = 1",
            "t:1: multiple to-be-closed variables in local list",
        ),
        ("local x <foo> = 1", "t:1: unknown attribute 'foo'"),
    ] {
        assert_eq!(message(source), expected, "{source}");
    }
    for source in [
        "goto a; local x; ::a:: ; ::b::",
        "do goto a; local x; ::a:: end",
        "::a:: do ::b:: goto a end goto a",
        "local a; goto b; do ::b:: end ::b::",
        "local x <const> = 1; do local x; x = 2 end",
        "local x <const>, y = 1, 2; y = 3",
        "function a.b.c:d() return self end",
        "return {1, 2; x = 3, [4] = 5, f'', f{}, ...}",
        "while x do break; end",
        "return;",
        "local function f(...) return ..., (...) end",
        "a.b['c'].d:e{}.f = 1, 2",
        "; ; ;",
        "",
    ] {
        assert_eq!(message(source), "ok", "{source}");
    }
}

#[test]
fn limits() {
    let many = "a,".repeat(201);
    assert_eq!(
        message(format!("local {many}a = 1")),
        "t:1: too many local variables (limit is 200) in main function near ','"
    );
    assert_eq!(
        message(format!("function f()\n local {many}a = 1")),
        "t:2: too many local variables (limit is 200) in function at line 1 near ','"
    );
    let mut source = String::from("local function a()\n");
    let mut sum = String::from("0");
    for (f, count) in [("b", 190), ("c", 66)] {
        source += &format!("local function {f}()\n");
        for i in 0..count {
            source += &format!("local {f}{i}\n");
            sum += &format!("+{f}{i}");
        }
    }
    source += &format!("\nfunction d() return {sum} end");
    let text = message(source);
    assert!(
        text.contains("too many upvalues (limit is 255) in function at line"),
        "{text}"
    );
}

#[test]
fn nesting() {
    let fits = |unit: &str, n: usize, tail: &str| message(unit.repeat(n) + tail);
    let overflow = "C stack overflow";
    assert_eq!(
        message(format!("return {}1{}", "(".repeat(195), ")".repeat(195))),
        "ok"
    );
    assert_eq!(
        message(format!("return {}1{}", "(".repeat(196), ")".repeat(196))),
        overflow
    );
    assert_eq!(fits("do ", 197, &" end".repeat(197)), "ok");
    assert_eq!(fits("do ", 198, ""), overflow);
    assert_eq!(message(format!("return {}x", "x..".repeat(195))), "ok");
    assert_eq!(message(format!("return {}x", "- ".repeat(196))), overflow);
    assert_eq!(message(format!("x{} = 1", ",x".repeat(195))), "ok");
    assert_eq!(message(format!("x{} = 1", ",x".repeat(196))), overflow);
    for source in [
        "(",
        "{",
        "x..",
        "- ",
        "x^",
        "f(",
        "a[",
        "function() return ",
    ] {
        let deep = format!("return {}", source.repeat(100_000));
        assert_eq!(message(deep), overflow, "{source}");
    }
    for source in [
        "do ",
        "while x do ",
        "function f() ",
        "if x then ",
        "repeat ",
        "::a::",
    ] {
        assert_eq!(fits(source, 100_000, ""), overflow, "{source}");
    }
    for source in [
        ".b", "[1]", "()", ":c()", "{}", "''", " + a", " and a", " or 1", " == a",
    ] {
        let long = format!("return a{}", source.repeat(100_000));
        assert_eq!(message(long), "ok", "{source}");
    }
    let arms = " elseif x then y = 1".repeat(100_000);
    assert_eq!(message(format!("if x then{arms} end")), "ok");
    assert_eq!(
        message(format!("return {{{}}}", "x,".repeat(100_000))),
        "ok"
    );
}

#[test]
fn places() {
    let error = check(b"x = 1\n  yy zz", b"@f.lua").unwrap_err();
    assert_eq!(error.message, b"f.lua:2: syntax error near 'zz'");
    assert_eq!((error.line, error.column), (2, 6));
    assert_eq!((error.offset, error.len), (11, 2));
    let error = check(b"do\n goto out\nend", b"@f.lua").unwrap_err();
    assert_eq!((error.line, error.column, error.len), (2, 7, 3));
    let error = check(b"x = (", b"@f.lua").unwrap_err();
    assert!(error.is_incomplete());
    assert_eq!((error.offset, error.len), (5, 0));
}

#[test]
fn annotations_are_of_the_next_function_and_those_inside() {
    let of = |source: &str| -> Vec<&'static str> {
        let module = crate::compile(source.as_bytes(), b"=t").unwrap();
        module.protos.iter().map(|p| p.annotation.name()).collect()
    };
    assert_eq!(
        of("--@jit off
            local function a() return function() end, --@jit llvm
                function() end end
            function b() end"),
        ["", "off", "off", "llvm", ""]
    );
    assert_eq!(
        of("--@jit file baseline\nlocal x = 1 --@jit auto\nf(function() end, function() end)"),
        ["baseline", "auto", "baseline"]
    );
    // What says something else is a comment.
    for comment in [
        "--@jitter off",
        "--@jit",
        "--@jit 7",
        "-- @jit off",
        "---@jit off",
        "--[[@jit off]]",
        "local s = '--@jit off'",
        "x = 1\n--@jit file off",
    ] {
        assert_eq!(
            of(&format!("{comment}\nfunction f() end")),
            ["", ""],
            "{comment}"
        );
    }
}
