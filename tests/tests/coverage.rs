//! Targets for fuzzing by coverage: bytes that stand for modules, programs, patterns,
//! formats.
//!
//! A normal test run takes a fixed slice of random bytes. `make fuzz-coverage` builds
//! the same targets with counters at all branches and runs them under libFuzzer, by
//! `bolero`, which looks for bytes that reach what none reached before
//! (`.ci/fuzz-coverage.sh`). The targets for the optimizing compiler's own language
//! are in `vm/src/ir/passes/random.rs`.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use strata::JitMode;
use strata_spec::container::repair_checksum;
use strata_tests::contained;
use strata_tests::corpus;
use strata_tests::rng::Rng;
use strata_tests::session::{End, Library, Session};

/// A test for a target: `name`, how many random inputs a normal run takes, and how
/// long they are at most.
macro_rules! target {
    ($name:ident, $count:expr, $len:expr, $target:expr) => {
        #[test]
        fn $name() {
            #[cfg(fuzzing)]
            bolero::check!()
                .with_max_len($len)
                .for_each(|bytes: &[u8]| {
                    $target(bytes);
                });
            #[cfg(not(fuzzing))]
            slice($count, $len, $target);
        }
    };
}

/// Tries random inputs, and that enough of them do what they are for.
#[cfg_attr(fuzzing, allow(dead_code, reason = "for normal runs"))]
fn slice(count: u64, len: usize, target: impl Fn(&[u8]) -> bool) {
    let mut good = 0;
    for index in 0..count {
        let mut rng = Rng::new(0xc0_7e4a, index);
        let bytes: Vec<u8> = (0..rng.below(len)).map(|_| rng.next() as u8).collect();
        good += u64::from(target(&bytes));
    }
    eprintln!("{good} of {count} reached what they are for");
    assert!(good >= count / 20, "{good} of {count}");
}

target!(covered_modules, 400, 64, modules);
target!(covered_sources, 300, 200, sources);
target!(covered_patterns, 2000, 40, patterns);
target!(covered_formats, 1000, 40, formats);
target!(covered_packs, 1000, 40, packs);

/// Containers of the corpus, and of small programs, which come first.
fn containers() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let programs = corpus::programs();
        let mut all: Vec<Vec<u8>> = programs
            .iter()
            .map(|program| strata_spec::write(&program.module()))
            .collect();
        all.sort_by_key(Vec::len);
        all
    })
}

/// A container with some bytes changed: it is read, verified, and run in all tiers.
fn modules(bytes: &[u8]) -> bool {
    let [which, edits @ ..] = bytes else {
        return false;
    };
    let all = containers();
    let mut container = all[usize::from(*which) % all.len()].clone();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % container.len();
        match edit[2] % 8 {
            0 => container.insert(at, edit[3]),
            1 => drop(container.remove(at)),
            n => container[at] = container[at].wrapping_add(edit[3] >> n),
        }
        if container.is_empty() {
            return false;
        }
    }
    repair_checksum(&mut container);
    let Ok(module) = strata_spec::read(&container) else {
        return false;
    };
    if strata_spec::verify(&module).is_err() {
        return false;
    }
    let module = Arc::new(module);
    for mode in [JitMode::Baseline, JitMode::Full] {
        contained::compare(&module, 0, mode);
    }
    true
}

/// Words of programs.
const WORDS: [&str; 96] = [
    "and ",
    "break ",
    "do ",
    "else ",
    "elseif ",
    "end ",
    "false ",
    "for ",
    "function ",
    "goto l ",
    "if ",
    "in ",
    "local ",
    "nil ",
    "not ",
    "or ",
    "repeat ",
    "return ",
    "then ",
    "true ",
    "until ",
    "while ",
    "+ ",
    "- ",
    "* ",
    "/ ",
    "% ",
    "^ ",
    "# ",
    "& ",
    "~ ",
    "| ",
    "<< ",
    ">> ",
    "// ",
    "== ",
    "~= ",
    "<= ",
    ">= ",
    "< ",
    "> ",
    "= ",
    "( ",
    ") ",
    "{ ",
    "} ",
    "[ ",
    "] ",
    "::l:: ",
    "; ",
    ": ",
    ", ",
    ".",
    ".. ",
    "... ",
    "a ",
    "b ",
    "c ",
    "f ",
    "g ",
    "t ",
    "x ",
    "y ",
    "1 ",
    "2 ",
    "3 ",
    "0x7f ",
    "1.5 ",
    "1e9 ",
    "'s' ",
    "\"\\n\" ",
    "[[long]] ",
    "--[[c]] ",
    "print ",
    "pairs ",
    "setmetatable ",
    "string ",
    "table ",
    "math ",
    "pcall ",
    "error ",
    "select ",
    "<close> ",
    "<const> ",
    "local a = ",
    "local function f ( ",
    "t.x ",
    "t[1] ",
    "for i = 1, 9 do ",
    "if a then ",
    "return f ( a ) ",
    "f ( a ) ",
    "a = a + 1 ",
    "t = { } ",
    "end ) ",
    "\n",
];

/// Programs of words: they are compiled, and run in all tiers.
fn sources(bytes: &[u8]) -> bool {
    let [kind, rest @ ..] = bytes else {
        return false;
    };
    let source: Vec<u8> = match kind % 8 {
        0 => rest.to_vec(),
        1..4 => rest
            .iter()
            .flat_map(|&n| WORDS[usize::from(n) % WORDS.len()].bytes())
            .collect(),
        _ => statements(rest).into_bytes(),
    };
    let Ok(module) = strata_lua::compile(&source, b"=covered") else {
        return false;
    };
    strata_spec::verify(&module).unwrap_or_else(|e| panic!("{e}"));
    let again = strata_spec::load(&strata_spec::write(&module)).expect("what was written");
    let module = Arc::new(again);
    for mode in [JitMode::Baseline, JitMode::Full] {
        contained::compare(&module, 0, mode);
    }
    true
}

/// Statements that are most often right: a byte says which, the next ones about what.
fn statements(bytes: &[u8]) -> String {
    let mut text = String::from("local a, b, t = 1, 2.5, {x = 1, 2, 3}\n");
    let mut open = 0;
    let mut bytes = bytes.iter().map(|&b| usize::from(b));
    let values = [
        "a", "b", "t.x", "t[1]", "#t", "1", "0.5", "'s'", "nil", "a + b", "a < b", "t[a]", "-a",
        "a // 2", "b .. a", "{a, b}",
    ];
    while let Some(n) = bytes.next() {
        let mut value = || values[bytes.next().unwrap_or(0) % values.len()];
        // Strings take what is written.
        let _ = match n % 14 {
            0 => writeln!(text, "a = {}", value()),
            1 => writeln!(text, "b = {} + {}", value(), value()),
            2 => writeln!(text, "t[{}] = {}", value(), value()),
            3 => writeln!(text, "t.x = {}", value()),
            4 => writeln!(text, "if {} == {} then", value(), value()),
            5 => writeln!(text, "for i = 1, {} do", n % 40),
            6 => writeln!(text, "while a ~= {} do a = {}", value(), value()),
            7 => writeln!(text, "for k, v in pairs(t) do a = v"),
            8 => writeln!(
                text,
                "print(pcall(function(...) return {}, ... end, a))",
                value()
            ),
            9 => writeln!(text, "print({}, {})", value(), value()),
            10 => writeln!(
                text,
                "t = setmetatable({{}}, {{__index = function() return {} end}})",
                value()
            ),
            11 => writeln!(text, "do local c <const> = {}", value()),
            12 => writeln!(text, "a = math.type({}) and a or {}", value(), value()),
            _ if open > 0 => writeln!(text, "end"),
            _ => Ok(()),
        };
        match n % 14 {
            4..=7 | 11 => open += 1,
            13 if open > 0 => open -= 1,
            _ => {}
        }
        // Each block is a level of the compiler.
        if open > 50 {
            break;
        }
    }
    text + &"end\n".repeat(open)
}

/// Bytes as a literal of Lua's.
fn literal(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02x}");
    }
    text + "\""
}

/// Runs a check in Lua; an error that it raises is a failure.
fn checked(source: &str) -> bool {
    let config = strata_runtime::state::VmConfig {
        seed: Some(1),
        memory_limit: 64 << 20,
        allow_bytecode: false,
    };
    let mut session = Session::new(&config, Library::Sealed);
    session.vm.set_instruction_limit(Some(200_000));
    let outcome = session.run(source, "=check");
    match outcome.end {
        End::Returned(n) => n > 0,
        End::Limit(_) => true,
        other => panic!("{other}\n{source}"),
    }
}

/// A pattern on a subject: what the functions of the library say of it fits together.
fn patterns(bytes: &[u8]) -> bool {
    const PIECES: &[u8] = b"ab.%()[]^$*+-?%d%w%s%a%b%f1c- \x00\xff";
    let Some((&first, rest)) = bytes.split_first() else {
        return false;
    };
    let (pattern, subject) = rest.split_at(rest.len().min(usize::from(first % 16)));
    let piece = |&b: &u8| PIECES[usize::from(b) % PIECES.len()];
    let pattern: Vec<u8> = match first & 16 {
        0 => pattern.iter().map(piece).collect(),
        _ => pattern.to_vec(),
    };
    let subject: Vec<u8> = subject
        .iter()
        .map(|&b| b"ab1c- %"[usize::from(b) % 7])
        .collect();
    checked(&format!(
        "local p, s = {}, {}
         local good, same = pcall(string.gsub, s, p, function() end)
         assert(type(same) == 'string')
         -- What is wrong with a pattern is found where it is come upon.
         if not good then return end
         local whole, n = string.gsub(s, p, '%0')
         assert(whole == s and same == s, 'gsub')
         assert(n <= #s + 1, 'gsub')
         local a, b = string.find(s, p)
         assert((n > 0) == (a ~= nil), 'gsub and find')
         if a then
           assert(a >= 1 and b >= a - 1 and b <= #s, 'find')
           assert(string.match(s, p) ~= nil, 'match')
         end
         pcall(function()
           local count = 0
           for _ in string.gmatch(s, p) do count = count + 1 end
           good = count <= #s + 1
         end)
         assert(good, 'gmatch')
         return true",
        literal(&pattern),
        literal(&subject)
    ))
}

/// One of the words for each byte.
fn picked(bytes: &[u8], words: &[&'static str]) -> Vec<&'static str> {
    let word = |&b: &u8| words[usize::from(b) % words.len()];
    bytes.iter().map(word).collect()
}

/// A format: what it makes of values is the same twice, and `%q` and `%a` are read back.
fn formats(bytes: &[u8]) -> bool {
    const PIECES: [&str; 32] = [
        "%", "%d", "%5.2f", "%s", "%q", "%x", "%g", "%a", "%c", "%i", "%u", "%e", "%-10", "%+",
        "%#", "%0", " ", "x", "%%", "%.3", "%.", "s", "d", "9", "99", "%p", "%A", "%G", "%o",
        "\\0", "%.20s", "%099d",
    ];
    const VALUES: [&str; 16] = [
        "1",
        "-1",
        "math.mininteger",
        "0.1",
        "-0.0",
        "1/0",
        "0/0",
        "'text'",
        "'3'",
        "nil",
        "true",
        "{}",
        "2^53",
        "1e308",
        "'\\0\\n\\r\"'",
        "65",
    ];
    let half = bytes.len() / 2;
    let format = picked(&bytes[..half], &PIECES).concat();
    let values = picked(&bytes[half..], &VALUES);
    let values = if values.is_empty() {
        "nil".to_string()
    } else {
        values.join(", ")
    };
    checked(&format!(
        "local f = '{format}'
         local values = table.pack({values})
         local good, text = pcall(string.format, f, table.unpack(values, 1, values.n))
         assert(type(text) == 'string')
         if good then
           assert(text == string.format(f, table.unpack(values, 1, values.n)), 'twice')
         end
         for _, v in ipairs(values) do
           if type(v) ~= 'table' then
             local back = load('return ' .. string.format('%q', v))()
             assert(back == v or v ~= v and back ~= back, 'q')
           end
           if type(v) == 'number' and v == v and v * 0 == 0 then
             assert(tonumber(string.format('%a', v)) == v + 0.0, 'a')
           end
         end
         if good then return true end"
    ))
}

/// A format of `string.pack`: what it packs is unpacked, and packed again the same.
fn packs(bytes: &[u8]) -> bool {
    const PIECES: [&str; 40] = [
        "<", ">", "=", "!", "!1", "!2", "!4", "!8", "!16", "b", "B", "h", "H", "i", "I", "l", "L",
        "j", "J", "T", "f", "d", "n", "i1", "i3", "i7", "i8", "i16", "I2", "I5", "I16", "s", "s1",
        "s2", "z", "x", "X", "c0", "c5", " ",
    ];
    const VALUES: [&str; 10] = [
        "0", "1", "-1", "127", "255", "-128", "65536", "0.5", "'abc'", "''",
    ];
    let half = bytes.len() / 2;
    let format = picked(&bytes[..half], &PIECES).concat();
    let wants = |text: &str| text.chars().filter(|c| "szc".contains(*c)).count();
    let strings = wants(&format) > 0;
    let values = picked(&bytes[half..], &VALUES[..if strings { 10 } else { 8 }]);
    let values = if values.is_empty() {
        "1".to_string()
    } else {
        values.join(", ")
    };
    checked(&format!(
        "local f = '{format}'
         local good, bytes = pcall(string.pack, f, {values})
         assert(type(bytes) == 'string')
         if not good then
           pcall(string.unpack, f, string.rep('\\1', 64))
           pcall(string.packsize, f)
           return
         end
         local t = table.pack(string.unpack(f, bytes))
         assert(t[t.n] == #bytes + 1, 'all is unpacked')
         assert(string.pack(f, table.unpack(t, 1, t.n - 1)) == bytes, 'packed again')
         local sized, size = pcall(string.packsize, f)
         if sized then assert(size == #bytes, 'packsize') end
         return true"
    ))
}
