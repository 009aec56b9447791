//! Valid modules that no compiler would make, as assembly.
//!
//! A function has all of its registers defined from its first instructions on, so
//! that control may go from any block to any other: loops with several entries,
//! jumps into and out of counted loops, registers of a loop written in its middle.
//! Values are closed, generic loops run, a register is captured.
//! Up to 255 registers are used. It ends all the same: a register that nothing
//! else touches counts each jump backwards.
//!
//! ```text
//!  r0 … rP   parameters              blocks:  L1: loop defined N
//!  …         what instructions use              instructions
//!  fuel      counts jumps backwards            jumps to any block
//!  counted   four of loops that count          ways out of those that define
//!  scratch   calls, concat                     what they lose
//! ```
//!
//! A text is two parts: a Lua chunk, whose argument is the function and which
//! calls it as small programs call theirs, and the assembly.

mod scopes;

use super::small::together_as;
use crate::rng::Rng;
use std::fmt::Write as _;

/// The first line of a text of such modules.
pub const MARK: &str = "-- modules\n";

/// What stands between the Lua chunk and the assembly.
pub const CODE: &str = "\n-- code\n";

/// The text of several.
pub fn together<S: AsRef<str>>(modules: &[S]) -> String {
    together_as(MARK, modules)
}

/// Parameters: x y n a b t o s f m, as small programs have them.
const PARAMS: usize = 10;

/// Jumps backwards of one call.
const FUEL: usize = 40;

/// Registers behind all others, for what instructions want in a row.
const SCRATCH: usize = 9;

const CONSTANTS: [&str; 14] = [
    "1",
    "2",
    "7",
    "-1",
    "63",
    "64",
    "9223372036854775807",
    "-9223372036854775808",
    "9007199254740993",
    "0.5",
    "float 0x8000000000000000",
    "float 0x7ff8000000000000",
    "float 0x43e0000000000000",
    "1e308",
];

/// Strings among the constants, behind the numbers: fields, and a text.
const STRINGS: [&str; 5] = ["x", "y", "len", "add", "text"];

struct Making<'r> {
    rng: &'r mut Rng,
    text: String,
    /// Registers that instructions use.
    used: Vec<usize>,
    fuel: usize,
    /// The first of four registers of counted loops.
    counted: usize,
    /// The first of the scratch registers.
    scratch: usize,
    blocks: usize,
    /// Ways out of counted loops.
    ways_out: usize,
    /// Generic loops.
    iterations: usize,
    /// A register that closures capture.
    captured: Option<usize>,
    fields: usize,
    calls: usize,
    sites: usize,
}

impl Making<'_> {
    /// Mostly the same few, so that values meet.
    fn reg(&mut self) -> usize {
        let most = if self.rng.one_in(4) {
            self.used.len()
        } else {
            self.used.len().min(9)
        };
        self.used[self.rng.below(most)]
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "  {line}");
    }

    fn number(&mut self) -> String {
        format!("k{}", self.rng.below(CONSTANTS.len()))
    }

    fn field(&mut self) -> String {
        let k = CONSTANTS.len() + self.rng.below(STRINGS.len() - 1);
        self.fields += 1;
        format!("k{k} s{}", self.fields - 1)
    }

    /// An instruction that goes on with the next.
    fn plain(&mut self) {
        let (a, b, c) = (self.reg(), self.reg(), self.reg());
        let s = self.scratch;
        const ARITHMETIC: [&str; 11] = [
            "add", "sub", "mul", "add", "sub", "idiv", "mod", "div", "band", "shl", "bxor",
        ];
        match self.rng.below(39) {
            34 => self.closed(),
            35 => self.iterate(),
            36..=38 => self.capture(),
            0..=5 => {
                let op = self.rng.pick(&ARITHMETIC);
                self.line(format_args!("{op} r{a} r{b} r{c}"));
            }
            6..=9 => {
                let op = self.rng.pick(&ARITHMETIC);
                let k = self.number();
                self.line(format_args!("{op}k r{a} r{b} {k}"));
            }
            10 | 11 => {
                let n = self.rng.below(9) as i64 - 4;
                self.line(format_args!("addi r{a} r{b} {n}"));
            }
            12..=14 => self.line(format_args!("move r{a} r{b}")),
            15 => {
                let n = self.rng.below(200) as i64 - 100;
                let op = self.rng.pick(&["loadi", "loadf"]);
                self.line(format_args!("{op} r{a} {n}"));
            }
            16 => {
                let k = self.number();
                self.line(format_args!("loadk r{a} {k}"));
            }
            17 => {
                let op = self.rng.pick(&["loadtrue", "loadfalse"]);
                self.line(format_args!("{op} r{a}"));
            }
            18 => {
                let op = self.rng.pick(&["unm", "not", "len", "bnot"]);
                self.line(format_args!("{op} r{a} r{b}"));
            }
            19 => self.line(format_args!("getindex r{a} r3 r{c}")),
            20 => {
                let n = 1 + self.rng.below(6);
                self.line(format_args!("getindexi r{a} r3 {n}"));
            }
            21 => {
                let n = 1 + self.rng.below(6);
                self.line(format_args!("setindexi r3 {n} r{c}"));
            }
            22 => self.line(format_args!("setindex r3 r{b} r{c}")),
            23 | 24 => {
                let (field, t) = (self.field(), self.rng.pick(&[5, 6]));
                self.line(format_args!("getfield r{a} r{t} {field}"));
            }
            25 | 26 => {
                let (field, t) = (self.field(), self.rng.pick(&[5, 6]));
                self.line(format_args!("setfield r{t} r{b} {field}"));
            }
            27 => {
                self.sites += 1;
                let n = self.sites - 1;
                self.line(format_args!("newtable r{s} 0 2 @site{n}"));
                self.line(format_args!("move r{} r{b}", s + 1));
                self.line(format_args!("move r{} r{c}", s + 2));
                self.line(format_args!("setlist r{s} 2 0"));
                self.line(format_args!("move r{a} r{s}"));
            }
            28 => {
                self.line(format_args!("move r{s} r{b}"));
                self.line(format_args!("move r{} r{c}", s + 1));
                self.line(format_args!("concat r{a} r{s} r{}", s + 1));
            }
            29..=31 => {
                let n = self.calls;
                self.calls += 1;
                self.line(format_args!("move r{s} r8"));
                self.line(format_args!("move r{} r{b}", s + 2));
                self.line(format_args!("move r{} r{c}", s + 3));
                match self.rng.below(3) {
                    0 => {
                        self.line(format_args!("call r{s} 2 1 @call{n}"));
                        self.line(format_args!("move r{a} r{s}"));
                    }
                    1 => {
                        self.line(format_args!("call r{s} 2 2 @call{n}"));
                        self.line(format_args!("sub r{a} r{s} r{}", s + 1));
                    }
                    _ => {
                        // As many results as there are, into a table.
                        let m = self.sites;
                        self.sites += 1;
                        self.line(format_args!("newtable r{} 0 0 @site{m}", s - 1));
                        self.line(format_args!("call r{s} 2 * @call{n}"));
                        self.line(format_args!("setlist r{} * 0", s - 1));
                        self.line(format_args!("move r{a} r{}", s - 1));
                    }
                }
            }
            32 => {
                let (field, n) = (self.field(), self.calls);
                self.calls += 1;
                self.line(format_args!("self r{s} r6 {field}"));
                self.line(format_args!("move r{} r{b}", s + 3));
                self.line(format_args!("call r{s} 2 1 @call{n}"));
                self.line(format_args!("move r{a} r{s}"));
            }
            _ => {
                let name = self.rng.below(2);
                self.line(format_args!("closure r{a} p{name}"));
            }
        }
    }

    /// A conditional jump to `to`.
    fn branch(&mut self, to: usize) {
        let (a, b) = (self.reg(), self.reg());
        let n = self.rng.below(20) as i64 - 4;
        match self.rng.below(4) {
            0 => {
                let op = self.rng.pick(&["jtrue", "jfalse", "jnil", "jnotnil"]);
                self.line(format_args!("{op} r{a} L{to}"));
            }
            1 => {
                let op = self.rng.pick(&["jtrueset", "jfalseset"]);
                self.line(format_args!("{op} r{a} r{b} L{to}"));
            }
            2 => {
                let op = self
                    .rng
                    .pick(&["jeq", "jne", "jlt", "jnotlt", "jle", "jnotle"]);
                self.line(format_args!("{op} r{a} r{b} L{to}"));
            }
            _ => {
                let op = self
                    .rng
                    .pick(&["jeqi", "jlti", "jnotlti", "jlei", "jgti", "jnotgei"]);
                self.line(format_args!("{op} r{a} {n} L{to}"));
            }
        }
    }

    /// The instructions of block `at`, and where it goes.
    fn block(&mut self, at: usize) {
        for _ in 0..1 + self.rng.below(5) {
            self.plain();
        }
        let (last, fuel) = (self.blocks, self.fuel);
        let after = |rng: &mut Rng| at + 1 + rng.below(last - at);
        if at > 0 && self.rng.one_in(2) {
            // Back, while there is fuel.
            let to = 1 + self.rng.below(at);
            self.line(format_args!("addi r{fuel} r{fuel} -1"));
            self.line(format_args!("jlei r{fuel} 0 L{last}"));
            if self.rng.one_in(3) {
                let further = after(self.rng);
                self.branch(further);
            }
            // Counted, whether it was prepared or not.
            if self.rng.one_in(3) {
                let s = self.counted;
                self.line(format_args!("forloop r{s} L{to}"));
                self.line(format_args!("loadnil r{s} 3"));
            } else {
                self.line(format_args!("loop L{to}"));
            }
        } else if self.rng.one_in(5) {
            let (s, out) = (self.counted, self.ways_out);
            self.ways_out += 1;
            let to = after(self.rng);
            let step = self.rng.pick(&[1, 1, 2, -1]);
            if self.rng.one_in(3) {
                let b = self.reg();
                self.line(format_args!("move r{s} r{b}"));
            } else {
                self.line(format_args!("loadi r{s} 1"));
            }
            let limit = 3 + self.rng.below(6);
            self.line(format_args!("loadi r{} {limit}", s + 1));
            self.line(format_args!("loadi r{} {step}", s + 2));
            self.line(format_args!("forprep r{s} O{out}"));
            self.line(format_args!("jmp L{to}"));
            let _ = writeln!(self.text, "O{out}: defined {s}");
            self.line(format_args!("loadnil r{s} 3"));
        } else {
            for _ in 0..self.rng.below(3) {
                let to = after(self.rng);
                self.branch(to);
            }
            if self.rng.one_in(3) {
                let to = after(self.rng);
                self.line(format_args!("jmp L{to}"));
            }
        }
    }
}

/// A text of one module.
pub fn module(rng: &mut Rng) -> String {
    loop {
        let text = draft(rng);
        // One of some thousands opens an upvalue in a loop that it doesn't close there.
        if is_valid(&text) {
            return text;
        }
    }
}

/// Whether the code of a text may run.
fn is_valid(text: &str) -> bool {
    let code = text.split_once(CODE).map(|(_, code)| code);
    let module = code.and_then(|code| strata_spec::assemble(code).ok());
    module.is_some_and(|module| strata_spec::verify(&module).is_ok())
}

/// A text of one module that may be none.
fn draft(rng: &mut Rng) -> String {
    let many = rng.one_in(6);
    let registers = if many {
        255 - SCRATCH - 6
    } else {
        PARAMS + 4 + rng.below(8)
    };
    let blocks = 2 + rng.below(7);
    let mut making = Making {
        used: {
            let mut all: Vec<usize> = (0..3).chain(PARAMS..registers).collect();
            if many {
                // Those that are used often are far apart.
                all.swap(1, 200);
                all.swap(4, 230);
                all.swap(5, 100);
            }
            all.extend(registers + 1..registers + 5);
            all
        },
        fuel: registers,
        counted: registers + 1,
        scratch: registers + 6,
        rng,
        text: String::new(),
        blocks,
        ways_out: 0,
        iterations: 0,
        captured: None,
        fields: 0,
        calls: 0,
        sites: 0,
    };
    if making.rng.one_in(2) {
        making.captured = Some(PARAMS + making.rng.below(registers - PARAMS));
    }
    let vararg = making.rng.one_in(3);
    if vararg {
        making.line(format_args!("varargprep {PARAMS}"));
    }
    making.line(format_args!("loadnil r{PARAMS} {}", registers - PARAMS));
    for r in PARAMS..(PARAMS + 4).min(registers) {
        let n = making.rng.below(9);
        making.line(format_args!("loadi r{r} {n}"));
    }
    making.line(format_args!("loadnil r{} 3", registers + 1));
    making.line(format_args!("loadi r{registers} {FUEL}"));
    for at in 0..blocks {
        if at > 0 {
            let _ = writeln!(making.text, "L{at}: @loop{at} defined {}", registers + 5);
        }
        making.block(at);
    }
    let _ = writeln!(making.text, "L{blocks}: defined {}", registers + 5);
    let leave = match making.captured {
        Some(_) => "returnclose",
        None => "return",
    };
    if vararg && making.rng.one_in(2) {
        let s = making.scratch;
        making.line(format_args!("vararg r{s} *"));
        making.line(format_args!("{leave} r{s} *"));
    } else {
        let r = making.reg().min(registers - 3);
        making.line(format_args!("{leave} r{r} 3"));
    }
    finish(making, registers, vararg)
}

/// The whole text: what was left open is known now.
fn finish(making: Making<'_>, registers: usize, vararg: bool) -> String {
    let Making {
        rng,
        mut text,
        blocks,
        fields,
        calls,
        sites,
        captured,
        ..
    } = making;
    for n in (0..calls).rev() {
        text = text.replace(&format!("@call{n}\n"), &format!("s{}\n", fields + n));
    }
    for n in (0..sites).rev() {
        text = text.replace(
            &format!("@site{n}\n"),
            &format!("s{}\n", fields + calls + n),
        );
    }
    for at in 1..blocks {
        let backward = ["loop", "forloop"].iter().any(|op| {
            text.lines().any(|l| {
                let mut words = l.split_whitespace();
                words.next() == Some(op) && words.last() == Some(&format!("L{at}"))
            })
        });
        let declared = if backward { "loop" } else { "" };
        text = text.replace(&format!("@loop{at} "), declared).replace(
            &format!("L{at}: {declared}defined"),
            &format!("L{at}: {declared} defined"),
        );
    }
    let mut all = lua(rng);
    all.push_str(CODE);
    let _ = write!(
        all,
        "strata 1\n.proto 0\n.source \"=module\"\n.params {PARAMS}\n{}.regs {}\n{}.upval u0 \"_ENV\"\n",
        if vararg { ".vararg\n" } else { "" },
        registers + 6 + SCRATCH - 1,
        captured.map_or(String::new(), |r| format!(".captured r{r}\n")),
    );
    for child in 1..=4 {
        let _ = writeln!(all, ".child {child}");
    }
    for constant in CONSTANTS {
        let _ = writeln!(all, ".const {constant}");
    }
    for string in STRINGS {
        let _ = writeln!(all, ".const \"{string}\"");
    }
    for (kind, n) in [("field", fields), ("call", calls), ("site", sites)] {
        for _ in 0..n {
            let _ = writeln!(all, ".slot {kind}");
        }
    }
    let _ = write!(all, ".code\n{text}.end\n");
    all.push_str(".proto 1\n.params 1\n.regs 3\n.code\n  addi r1 r0 1\n  return1 r1\n.end\n");
    all.push_str(".proto 2\n.params 2\n.regs 4\n.code\n  return r0 2\n.end\n");
    // An iterator: to five.
    all.push_str(".proto 3\n.params 2\n.regs 5\n.code\n  addi r2 r1 1\n  move r3 r0\n  jgti r2 5 L4\n  return r2 2\nL4: defined 4\n  return0\n.end\n");
    match captured {
        Some(r) => {
            let _ = write!(
                all,
                ".proto 4\n.params 1\n.regs 3\n.upval r{r} \"captured\"\n.code\n  getupval r1 u0\n  setupval r0 u0\n  return1 r1\n.end\n"
            );
        }
        None => all.push_str(".proto 4\n.params 1\n.regs 2\n.code\n  return1 r0\n.end\n"),
    }
    all
}

/// The Lua chunk that calls the function.
fn lua(rng: &mut Rng) -> String {
    let head = super::small::whole("local body = ... ");
    let mut arguments = || {
        const KINDS: [&str; 4] = [
            "3, 5, 6, {5, 4, 3, 2, 1}, {0.5}, {x = 1, y = 2}, Class.new(1, 2), 'text', one, 3, 4",
            "1, 2.5, 9, {1.5, 2.5}, {}, {x = 0.5, y = 1}, Other.new(2), 'x', two, 2",
            "-1, math.maxinteger, 0, {}, {}, {y = 1, x = 'a'}, Class.new(2, 'b'), '', id2, 5, nil, 7",
            "0/0, -0.0, 2^53, {1, nil, 'x'}, {}, {}, {x = 1, len = one}, 'x', math.max, 1",
        ];
        rng.pick(&KINDS)
    };
    let (a, b, c) = (arguments(), arguments(), arguments());
    let schedule = rng.pick(&["11111112", "1111121213", "111122223333", "12121212"]);
    format!(
        "{head}P.drive(body, function() return {a} end, function() return {b} end, function() return {c} end, '{schedule}')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_valid() {
        for seed in 0..500 {
            let text = draft(&mut Rng::new(seed, 0));
            let (lua, code) = text.split_once(CODE).expect("two parts");
            strata_lua::compile(lua.as_bytes(), b"=lua").unwrap_or_else(|e| panic!("{e}\n{lua}"));
            let module = strata_spec::assemble(code).unwrap_or_else(|e| panic!("{e}\n{code}"));
            strata_spec::verify(&module).unwrap_or_else(|e| panic!("{e}\n{code}"));
        }
    }
}
