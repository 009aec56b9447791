//! Emitter tests: the code of small programs, limits, and that whatever is
//! emitted passes the verifier.

use crate::{SyntaxError, compile};
use strata_spec::{Module, disassemble, verify};

fn module(source: impl AsRef<[u8]>) -> Module {
    let source = source.as_ref();
    let module = match compile(source, b"=t") {
        Ok(module) => module,
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(source)),
    };
    if let Err(error) = verify(&module) {
        panic!(
            "{error}\n{}\n{}",
            String::from_utf8_lossy(source),
            disassemble(&module)
        );
    }
    module
}

/// The instructions of prototype `index`, without positions and hints, blocks
/// as labels.
fn code(source: &str, index: usize) -> Vec<String> {
    let module = module(source);
    let text = disassemble(&module);
    let proto = text.split("\n.proto ").nth(index + 1).expect("a prototype");
    let body = proto.split_once(".code\n").expect("code").1;
    body.lines()
        .take_while(|line| !line.starts_with(".end"))
        .map(|line| {
            let line = line.split(['@', '{', ';']).next().unwrap_or("");
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .filter(|line| !line.is_empty())
        .collect()
}

fn message(source: impl AsRef<[u8]>) -> String {
    match compile(source.as_ref(), b"=t") {
        Ok(module) => {
            verify(&module).expect("verifies");
            "ok".to_string()
        }
        Err(error) => SyntaxError::to_string(&error),
    }
}

#[test]
fn arithmetic_and_constants() {
    assert_eq!(
        code(
            "local a, b = 1, 2.0; return a + 1, a - b * 3, 2 ^ a, -a, 1 + 2 * 3",
            0
        ),
        [
            "varargprep 0",
            "loadi r0 1",
            "loadf r1 2",
            "addi r2 r0 1",
            "mulk r3 r1 k0",
            "sub r3 r0 r3",
            "loadi r4 2",
            "pow r4 r4 r0",
            "unm r5 r0",
            "loadi r6 7",
            "return r2 5",
        ]
    );
}

#[test]
fn folded_constants_take_no_register() {
    assert_eq!(
        code(
            "local x <const>, y <const> = 4, 2^3; local z <const> = y + 1; return z, -0.0, 1//0",
            0
        ),
        [
            "varargprep 0",
            "loadi r0 4",
            "loadf r1 9",
            "loadf r2 0",
            "unm r2 r2",
            "loadi r3 1",
            "idivk r3 r3 k0",
            "return r1 3",
        ]
    );
}

#[test]
fn conditions_become_jumps() {
    assert_eq!(
        code(
            "local a, b = ...; if a and not (b < 3) or a == nil then b = a > b end",
            0
        ),
        [
            "varargprep 0",
            "vararg r0 2",
            "jfalse r0 L4",
            "jnotlti r1 3 L5",
            "L4: defined 2",
            "jnotnil r0 L9",
            "L5: defined 2",
            "jlt r1 r0 L8",
            "loadfalse r1",
            "jmp L9",
            "L8: defined 2",
            "loadtrue r1",
            "L9: defined 2",
            "return0",
        ]
    );
}

#[test]
fn values_of_and_or() {
    assert_eq!(
        code("local a, b = ...; local c = a and b or 5", 0),
        [
            "varargprep 0",
            "vararg r0 2",
            "jfalse r0 L4",
            "jtrueset r2 r1 L5",
            "L4: defined 2",
            "loadi r2 5",
            "L5: defined 3",
            "return0",
        ]
    );
}

#[test]
fn branching_arguments_define_the_link() {
    assert_eq!(
        code("f(a or b)", 0)[1..4],
        [
            "gettabup r0 u0 k0 s0",
            "loadnil r1 0",
            "gettabup r2 u0 k1 s1"
        ]
    );
    assert_eq!(
        code("f(a)", 0)[1..3],
        ["gettabup r0 u0 k0 s0", "gettabup r2 u0 k1 s1"]
    );
}

#[test]
fn conflicts_in_assignments() {
    assert_eq!(
        code("local a, i = {}, 1; i, a[i], a = i + 1, 20, nil", 0)[3..],
        [
            "move r2 r0",
            "addi r3 r1 1",
            "loadi r4 20",
            "loadnil r0 0",
            "setindex r2 r1 r4",
            "move r1 r3",
            "return0",
        ]
    );
}

#[test]
fn tail_calls_and_returns() {
    assert_eq!(
        code("local f = ...; return f(1, ...)", 0)[2..],
        [
            "move r1 r0",
            "loadi r3 1",
            "vararg r4 *",
            "tailcall r1 * s0"
        ]
    );
    assert!(code("local x <close> = nil; return f()", 0).contains(&"returnclose r1 *".to_string()));
    assert!(code("local f = ...; return (f())", 0).contains(&"return1 r1".to_string()));
    let captured = code("local x = 1; local function f() return x end; return x", 0);
    assert!(captured.contains(&"returnclose r0 1".to_string()));
}

#[test]
fn unreachable_code_is_left_out() {
    assert_eq!(code("do return 1 end print(function() end)", 0).len(), 3);
    assert_eq!(
        code("while true do end return 5", 0),
        ["varargprep 0", "L1: loop defined 0", "loop L1"]
    );
    // Reached by a jump back only.
    module("goto b; ::a:: do return end ::b:: x = 1; goto a");
}

#[test]
fn limits() {
    assert_eq!(
        message(format!("a = f(x{})", ",x".repeat(260))),
        "t:1: function or expression needs too many registers near ','"
    );
    let locals: String = (0..200).map(|i| format!("local a{i}\n")).collect();
    assert_eq!(message(&locals), "ok");
    let calls = format!(
        "{locals} return f({}1)",
        "f(".repeat(40) + "0" + &")".repeat(40) + ","
    );
    assert!(message(calls).contains("too many registers"));
    let upvalues: String = (0..100)
        .map(|f| format!("local function f{f}() return f{} end\n", f.max(1) - 1))
        .collect();
    assert_eq!(message(upvalues), "ok");
}

#[test]
fn large_inputs() {
    for suffix in [
        ".b",
        "[1]",
        "()",
        ":c()",
        "{}",
        "''",
        " + a",
        " and a",
        " or 1",
        " == a",
        " < a",
        ":c(a or b)",
    ] {
        let n = 30_000;
        assert_eq!(
            message(format!("return a{}", suffix.repeat(n))),
            "ok",
            "{suffix}"
        );
        assert_eq!(
            message(format!("local a; a = a{}", suffix.repeat(n))),
            "ok",
            "{suffix}"
        );
        assert_eq!(
            message(format!("if a{} then end", suffix.repeat(n))),
            "ok",
            "{suffix}"
        );
    }
    let arms = " elseif x then y = 1".repeat(30_000);
    assert_eq!(message(format!("if x then{arms} end")), "ok");
    assert_eq!(
        message(format!("return {{{}}}", "x,".repeat(100_000))),
        "ok"
    );
    let fields: String = (0..70_000).map(|i| format!("f{i} = t.g{i}\n")).collect();
    assert_eq!(message(fields), "ok");
    let calls = "f() local t = {} ".to_string() + &"f() ({}).x = 1; ".repeat(70_000);
    assert_eq!(message(calls), "ok");
    let jumps = format!("{} ::out::", "if x then goto out end ".repeat(30_000));
    assert_eq!(message(jumps), "ok");
}

#[test]
fn deep_nesting() {
    let nest = |open: &str, middle: &str, close: &str, n: usize| {
        message(format!("{}{middle}{}", open.repeat(n), close.repeat(n)))
    };
    assert_eq!(nest("do local x = 1 ", "", "end ", 190), "ok");
    assert_eq!(nest("function f(a) ", "", "end ", 190), "ok");
    assert_eq!(nest("for i = 1, 2 do ", "", "end ", 40), "ok");
    assert_eq!(nest("while a or b do ", "", "end ", 190), "ok");
    assert_eq!(nest("if a then ", "", "end ", 190), "ok");
    assert_eq!(nest("repeat ", "", "until a ", 190), "ok");
    let expr = |open: &str, close: &str, n: usize| {
        message(format!("return {}1{}", open.repeat(n), close.repeat(n)))
    };
    assert_eq!(expr("(", ")", 190), "ok");
    assert_eq!(expr("{", "}", 190), "ok");
    assert_eq!(expr("not ", "", 190), "ok");
    assert_eq!(expr("a..", "", 190), "ok");
    assert_eq!(expr("a^", "", 190), "ok");
    assert_eq!(expr("a and (b or ", ")", 60), "ok");
    assert_eq!(expr("f(", ")", 100), "ok");
    assert_eq!(expr("a[", "]", 190), "ok");
    assert_eq!(expr("function() return ", " end", 90), "ok");
    assert!(expr("f(", ")", 150).contains("too many registers"));
    assert!(expr("f(", ")", 100_000).contains("overflow"));
}

#[test]
fn long_names_have_no_inline_cache() {
    let long = "n".repeat(41);
    let text = code(&format!("{long} = x.{long}; x:{long}(1)"), 0).join("\n");
    assert!(text.contains("getindex") && text.contains("setindex") && !text.contains("self"));
    let fits = "n".repeat(40);
    assert!(code(&format!("x:{fits}(1)"), 0).join("\n").contains("self"));
}

/// Writes random programs: whatever scopes, jumps and expressions there are,
/// nested at random.
struct Writer {
    state: u64,
    out: String,
    /// Names in scope.
    names: Vec<String>,
    labels: u32,
    in_loop: bool,
    vararg: bool,
}

impl Writer {
    fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }

    fn name(&mut self) -> String {
        if self.names.is_empty() || self.below(6) == 0 {
            return ["g", "h", "print", "_ENV"][self.below(4) as usize].to_string();
        }
        let i = self.below(self.names.len() as u64) as usize;
        self.names[i].clone()
    }

    fn fresh(&mut self) -> String {
        format!("v{}", self.below(12))
    }

    fn expr(&mut self, depth: u32) -> String {
        let kind = if depth == 0 {
            self.below(7)
        } else {
            self.below(19)
        };
        let d = depth.saturating_sub(1);
        match kind {
            0 => self.below(500).to_string(),
            1 => format!("{}.5", self.below(9)),
            2 => ["nil", "true", "false"][self.below(3) as usize].to_string(),
            3 => format!("('s{}')", self.below(5)),
            4..=6 => self.name(),
            7..=9 => {
                let op = [
                    "+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "..",
                ][self.below(14) as usize];
                format!("({} {op} {})", self.expr(d), self.expr(d))
            }
            10 | 11 => {
                let op = ["==", "~=", "<", "<=", ">", ">="][self.below(6) as usize];
                format!("({} {op} {})", self.expr(d), self.expr(d))
            }
            12 | 13 => {
                let op = ["and", "or"][self.below(2) as usize];
                format!("({} {op} {})", self.expr(d), self.expr(d))
            }
            14 => {
                let op = ["- ", "not ", "#", "~"][self.below(4) as usize];
                format!("{op}{}", self.expr(d))
            }
            15 => format!("{}({}, {})", self.name(), self.expr(d), self.expr(d)),
            16 => format!("{}.x[{}]:m({})", self.name(), self.expr(d), self.expr(d)),
            17 => {
                if self.vararg && self.below(2) == 0 {
                    return "(...)".to_string();
                }
                format!(
                    "{{{}, k = {}, [{}] = 1, {}()}}",
                    self.expr(d),
                    self.expr(d),
                    self.name(),
                    self.name()
                )
            }
            _ => format!("function() return {} end", self.name()),
        }
    }

    fn block(&mut self, depth: u32) {
        let names = self.names.len();
        for _ in 0..self.below(5) {
            self.statement(depth);
        }
        match self.below(8) {
            0 => {
                let e = self.expr(2);
                self.out += &format!("return {e}\n");
            }
            1 if self.in_loop => self.out += "break\n",
            _ => {}
        }
        self.names.truncate(names);
    }

    fn statement(&mut self, depth: u32) {
        let kind = if depth == 0 {
            self.below(6)
        } else {
            self.below(16)
        };
        let d = depth.saturating_sub(1);
        match kind {
            0 | 1 => {
                let e = self.expr(3);
                let name = self.fresh();
                self.out += &format!("local {name} = {e}\n");
                self.names.push(name);
            }
            2 => {
                let (a, b, x, y) = (self.name(), self.name(), self.expr(2), self.expr(2));
                self.out += &format!("{a}, {b}[{a}], {b}.f = {x}, {y}\n");
            }
            3 => {
                let (a, x) = (self.name(), self.expr(3));
                self.out += &format!("{a} = {x}\n");
            }
            4 => {
                let (a, x) = (self.name(), self.expr(2));
                self.out += &format!("{a}({x})\n");
            }
            5 => {
                let name = self.fresh();
                let e = self.name();
                let inner = self.names.clone();
                let body = inner.last().cloned().unwrap_or("g".into());
                self.out += &format!("local function {name}() {body} = {e} return {name} end\n");
                self.names.push(name);
            }
            6 | 7 => {
                let (a, b) = (self.expr(2), self.expr(2));
                self.out += &format!("if {a} then\n");
                self.block(d);
                self.out += &format!("elseif {b} then\n");
                self.block(d);
                self.out += "else\n";
                self.block(d);
                self.out += "end\n";
            }
            8 | 9 => {
                let a = self.expr(2);
                self.out += &format!("while {a} do\n");
                self.loop_body(d, None);
                self.out += "end\n";
            }
            10 => {
                let a = self.expr(2);
                let names = self.names.len();
                self.out += "repeat\n";
                let outer = std::mem::replace(&mut self.in_loop, true);
                self.out += "local q = g\n";
                self.names.push("q".into());
                for _ in 0..self.below(3) {
                    self.statement(d);
                }
                self.in_loop = outer;
                let b = self.expr(1);
                self.names.truncate(names);
                self.out += &format!("until {a} or {b}\n");
            }
            11 => {
                let (a, b) = (self.expr(1), self.expr(1));
                self.out += &format!("for i = {a}, {b} do\n");
                self.loop_body(d, Some("i"));
                self.out += "end\n";
            }
            12 => {
                let a = self.expr(1);
                self.out += &format!("for k, v0 in {a} do\n");
                self.loop_body(d, Some("k"));
                self.out += "end\n";
            }
            13 => {
                self.out += "do local c <close> = nil\n";
                self.block(d);
                self.out += "end\n";
            }
            14 => {
                let label = self.labels;
                self.labels += 1;
                let cond = self.expr(1);
                self.out += &format!("do ::L{label}::\n");
                let names = self.names.len();
                for _ in 0..self.below(3) {
                    self.statement(d);
                }
                self.out += &format!("if {cond} then goto L{label} end\n");
                self.names.truncate(names);
                self.out += "end\n";
            }
            _ => {
                self.out += "do\n";
                self.block(d);
                self.out += "end\n";
            }
        }
    }

    /// A loop's body, with a `continue`.
    fn loop_body(&mut self, depth: u32, var: Option<&str>) {
        let label = self.labels;
        self.labels += 1;
        let names = self.names.len();
        self.names.extend(var.map(str::to_string));
        let outer = std::mem::replace(&mut self.in_loop, true);
        let (cond, stop) = (self.expr(1), self.expr(1));
        self.out += &format!("if {cond} then goto L{label} end\n");
        for _ in 0..self.below(4) {
            self.statement(depth);
        }
        self.out += &format!("if {stop} then break end\n::L{label}::\n");
        self.in_loop = outer;
        self.names.truncate(names);
    }
}

#[test]
fn random_programs_verify() {
    for seed in 0..3000 {
        let mut writer = Writer {
            state: seed,
            out: String::new(),
            names: Vec::new(),
            labels: 0,
            in_loop: false,
            vararg: true,
        };
        for _ in 0..6 {
            writer.statement(4);
        }
        module(&writer.out);
    }
}
