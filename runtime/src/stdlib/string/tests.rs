//! The string and utf8 libraries called from Rust. The VM runs host functions
//! only, which is enough for callbacks. Results are compared as text:
//! `'abc' 3 nil`, or `! message` for an error.

use super::*;
use crate::error::Limit;
use crate::native::{NativeFn, ret};
use crate::object::Native;
use crate::state::{Exec, VmConfig};
use crate::stdlib::open_all;
use crate::stdlib::shared::field;
use crate::value::NIL;
use std::time::{Duration, Instant};

fn vm_with(config: VmConfig) -> Box<Vm> {
    let exec = Exec {
        // SAFETY: library functions lay out calls as `Cx::call_slots` says.
        call: |vm, _, func, n| unsafe { call_host(vm, func, n) },
        compile: |_, _, _| Ok(Err(Vec::new())),
        instrument: |_| {},
        close_thread: |_, _| Ok(()),
        finalize: |_, _| Ok(()),
        entry: std::ptr::null(),
        epoch_changed: |_| {},
        upvalues_set: |_| {},
        loaded: |_, _| Ok(()),
    };
    let mut vm = Vm::new(&config, exec).expect("address space for a stack");
    open_all(&mut vm).expect("memory");
    vm
}

fn vm() -> Box<Vm> {
    vm_with(VmConfig {
        seed: Some(7),
        ..VmConfig::default()
    })
}

/// Calls the host function in slot `func`.
unsafe fn call_host(vm: &mut Vm, func: usize, n: usize) -> Result<usize> {
    // SAFETY: function and arguments lie in these slots.
    unsafe {
        let base = func + 2;
        vm.top = vm.stack.add(base + n);
        let code: NativeFn = (*(*vm.stack.add(func)).as_native()).f;
        // A link of a nil says that no frame lies below.
        *vm.stack.add(func + 1) = NIL;
        let caller = std::mem::replace(&mut vm.base, vm.stack.add(base));
        let results = code(&mut Cx { vm, base, n });
        vm.base = caller;
        let results = results?;
        assert!(results.0 < ret::CALL.0, "control request");
        vm.top = vm.stack.add(func + results.0 as usize);
        Ok(results.0 as usize)
    }
}

/// Something a test passes to a function.
#[derive(Clone)]
enum Arg {
    Value(Value),
    Text(Vec<u8>),
}

impl From<i64> for Arg {
    fn from(i: i64) -> Arg {
        Arg::Value(Value::int(i))
    }
}

impl From<f64> for Arg {
    fn from(f: f64) -> Arg {
        Arg::Value(Value::float(f))
    }
}

impl From<bool> for Arg {
    fn from(b: bool) -> Arg {
        Arg::Value(Value::bool(b))
    }
}

impl From<Value> for Arg {
    fn from(v: Value) -> Arg {
        Arg::Value(v)
    }
}

impl From<&str> for Arg {
    fn from(s: &str) -> Arg {
        Arg::Text(s.into())
    }
}

impl From<&[u8]> for Arg {
    fn from(s: &[u8]) -> Arg {
        Arg::Text(s.into())
    }
}

impl From<Vec<u8>> for Arg {
    fn from(s: Vec<u8>) -> Arg {
        Arg::Text(s)
    }
}

fn lookup(vm: &mut Vm, path: &str) -> Value {
    let mut v = Value::table(vm.globals);
    for name in path.split('.') {
        v = field(vm, v.as_table(), name.as_bytes()).expect("memory");
    }
    v
}

fn call(vm: &mut Vm, f: Value, args: &[Arg]) -> Result<Vec<Value>> {
    vm.top = vm.stack.wrapping_add(2);
    vm.grow_stack(args.len() + 64)?;
    // SAFETY: the stack has room for the frame.
    unsafe {
        *vm.stack = f;
        for (i, arg) in args.iter().enumerate() {
            *vm.stack.add(2 + i) = match arg {
                Arg::Value(v) => *v,
                Arg::Text(s) => vm.str_value(s)?,
            };
        }
        let n = call_host(vm, 0, args.len())?;
        Ok((0..n).map(|i| *vm.stack.add(i)).collect())
    }
}

fn show(vm: &mut Vm, v: Value) -> String {
    if v.is_str() {
        format!("'{}'", vm.bytes(v.as_str()).escape_ascii())
    } else {
        format!("{v:?}")
    }
}

fn run(vm: &mut Vm, f: Value, args: &[Arg]) -> String {
    match call(vm, f, args) {
        Ok(vs) => vs
            .iter()
            .map(|&v| show(vm, v))
            .collect::<Vec<_>>()
            .join(" "),
        Err(e) => match *e.0 {
            Cause::Lua(v) => format!("! {}", String::from_utf8_lossy(vm.bytes(v.as_str()))),
            other => format!("! {other:?}"),
        },
    }
}

macro_rules! call {
    ($vm:expr, $path:expr $(, $arg:expr)*) => {{
        let f = lookup($vm, $path);
        run($vm, f, &[$(Arg::from($arg)),*])
    }};
}

/// `expect!(vm: "path"(arguments) == "results")`, several at once.
macro_rules! expect {
    ($vm:expr; $($path:literal ($($arg:expr),*) == $want:expr;)*) => {$(
        assert_eq!(call!($vm, $path $(, $arg)*), $want, "{}({})", $path, stringify!($($arg),*));
    )*};
}

#[test]
fn slices_and_bytes() {
    let vm = &mut vm();
    expect! { vm;
        "string.sub"("hello", 2, -2) == "'ell'";
        "string.sub"("hello", 0) == "'hello'";
        "string.sub"("hello", -100, 100) == "'hello'";
        "string.sub"("hello", 4, 2) == "''";
        "string.sub"(12.0, 2) == "'2.0'";
        "string.sub"("hello") == "! bad argument #2 to 'string.sub' (number expected, got no value)";
        "string.sub"(true, 1) == "! bad argument #1 to 'string.sub' (string expected, got boolean)";
        "string.byte"("hello") == "104";
        "string.byte"("hello", -1) == "111";
        "string.byte"("hello", "2") == "101";
        "string.byte"("hello", 0) == "";
        "string.byte"("", 1) == "";
        "string.byte"("\u{0}\u{7f}z", 1, -1) == "0 127 122";
        "string.byte"("hello", 1.5) == "! bad argument #2 to 'string.byte' (number has no integer representation)";
        "string.byte"(vec![b'x'; 1_100_000], 1, -1) == "! stack overflow (string slice too long)";
        "string.char"() == "''";
        "string.char"(0, 255, 72) == "'\\x00\\xffH'";
        "string.char"(1, 256) == "! bad argument #2 to 'string.char' (value out of range)";
        "string.char"(-1) == "! bad argument #1 to 'string.char' (value out of range)";
        "string.len"("a\0b") == "3";
        "string.len"(125) == "3";
    }
    let many = vec![Arg::from(97); 300];
    let f = lookup(vm, "string.char");
    assert_eq!(run(vm, f, &many), format!("'{}'", "a".repeat(300)));
}

#[test]
fn mapping_and_repeating() {
    let vm = &mut vm();
    expect! { vm;
        "string.upper"("azAZ09\u{e9}") == "'AZAZ09\\xc3\\xa9'";
        "string.lower"("ABCz") == "'abcz'";
        "string.reverse"("abc") == "'cba'";
        "string.reverse"("") == "''";
        "string.rep"("ab", 3) == "'ababab'";
        "string.rep"("ab", 3, ", ") == "'ab, ab, ab'";
        "string.rep"("", 5, "-") == "'----'";
        "string.rep"("x", 0) == "''";
        "string.rep"("x", -3, "y") == "''";
        "string.rep"("x", 1, "y") == "'x'";
        "string.rep"("", i64::MAX) == "''";
        "string.rep"("x", 1i64 << 31) == "! resulting string too large";
        "string.rep"("ab", i64::MAX, "c") == "! resulting string too large";
    }
    for (unit, separator, n) in [
        (1, 0, 300_000),
        (3, 2, 70_001),
        (0, 7, 50_000),
        (1_500_000, 1, 3),
        (41, 0, 2),
    ] {
        let s: Vec<u8> = (0..unit).map(|i| b'a' + (i % 23) as u8).collect();
        let sep: Vec<u8> = (0..separator).map(|i| b'0' + i as u8).collect();
        let f = lookup(vm, "string.rep");
        let args = [
            Arg::from(s.clone()),
            Arg::from(n as i64),
            Arg::from(sep.clone()),
        ];
        let got = call(vm, f, &args).expect("no error")[0];
        let wanted = vec![s; n].join(&sep[..]);
        assert!(vm.bytes(got.as_str()) == wanted, "{unit} {separator} {n}");
    }
    let long: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    let f = lookup(vm, "string.reverse");
    let got = call(vm, f, &[Arg::from(long.clone())]).expect("no error")[0];
    assert!(vm.bytes(got.as_str()).iter().rev().eq(&long));
    let f = lookup(vm, "string.upper");
    let got = call(vm, f, &[Arg::from(long.clone())]).expect("no error")[0];
    assert!(vm.bytes(got.as_str()) == long.to_ascii_uppercase());
}

#[test]
fn finding_and_matching() {
    let vm = &mut vm();
    expect! { vm;
        "string.find"("hello world", "wor") == "7 9";
        "string.find"("hello", "l", -2) == "4 4";
        "string.find"("aaab", "aab") == "2 4";
        "string.find"("aaab", "ab", 4) == "nil";
        "string.find"("ab", "abc") == "nil";
        "string.find"([&[b'a'; 1000][..], b"b"].concat(), "ab") == "1000 1001";
        "string.find"("hello", "", 6) == "6 5";
        "string.find"("hello", "", 7) == "nil";
        "string.find"("a.b", ".", 1, true) == "2 2";
        "string.find"("a.b", "%.(.)") == "2 3 'b'";
        "string.find"("key = val", "(%w+)%s*=%s*(%w+)") == "1 9 'key' 'val'";
        "string.find"("abc", "()b()") == "2 2 2 3";
        "string.match"("key = val", "(%w+)%s*=%s*(%w+)") == "'key' 'val'";
        "string.match"("2024-01", "%d+", 2) == "'024'";
        "string.match"("abc", "^b") == "nil";
        "string.match"("abc", "x", 10) == "nil";
        "string.match"("abc", "()", 4) == "4";
        "string.match"("abc", "[a") == "! malformed pattern (missing ']')";
        "string.match"("abc", "%") == "! malformed pattern (ends with '%')";
        "string.match"("abc", "(a") == "! unfinished capture";
        "string.match"("abc", "a)") == "! invalid pattern capture";
        "string.find"("abc", "%1") == "! invalid capture index %1";
        "string.find"("abc", 1, true) == "! bad argument #3 to 'string.find' (number expected, got boolean)";
    }
}

#[test]
fn gmatch_keeps_its_state_in_upvalues() {
    let vm = &mut vm();
    let f = lookup(vm, "string.gmatch");
    let iterator =
        call(vm, f, &["k1=v1, k2=v2".into(), "(%w+)=(%w+)".into()]).expect("no error")[0];
    vm.handles.hold(iterator);
    assert_eq!(run(vm, iterator, &[]), "'k1' 'v1'");
    assert_eq!(run(vm, iterator, &[]), "'k2' 'v2'");
    assert_eq!(run(vm, iterator, &[]), "");
    let iterator = call(vm, f, &["abc".into(), "%w*".into(), Arg::from(-2)]).expect("no error")[0];
    assert_eq!(run(vm, iterator, &[]), "'bc'");
    assert_eq!(run(vm, iterator, &[]), "");
    let iterator = call(vm, f, &["ab".into(), "".into(), Arg::from(10)]).expect("no error")[0];
    assert_eq!(run(vm, iterator, &[]), "");
    // What `debug.setupvalue` can do to it.
    for (i, v) in [
        (2, Value::int(-5)),
        (2, Value::int(1 << 40)),
        (3, NIL),
        (2, NIL),
        (1, NIL),
    ] {
        // SAFETY: the iterator has four upvalues.
        unsafe { *Native::upval(iterator.as_native(), i) = v };
        let end = if i == 1 {
            "! state of 'gmatch' was changed"
        } else {
            ""
        };
        assert_eq!(run(vm, iterator, &[]), end);
    }
}

#[test]
fn substituting() {
    let vm = &mut vm();
    let upper = lookup(vm, "string.upper");
    let rep = lookup(vm, "string.rep");
    let len = lookup(vm, "string.len");
    let select = lookup(vm, "select");
    let table = lookup(vm, "table");
    let none = lookup(vm, "string.byte");
    expect! { vm;
        "string.gsub"("hello", "l", "L") == "'heLLo' 2";
        "string.gsub"("hello", "l", "L", 1) == "'heLlo' 1";
        "string.gsub"("hello", "l", "L", -1) == "'hello' 0";
        "string.gsub"("hello", "", "-") == "'-h-e-l-l-o-' 6";
        "string.gsub"("abc", "%w", "%0%0") == "'aabbcc' 3";
        "string.gsub"("abc def", "(%w+) (%w+)", "%2 %1%%") == "'def abc%' 1";
        "string.gsub"("abc", "()", "%1") == "'1a2b3c4' 4";
        "string.gsub"("aaa", "^a", "b") == "'baa' 1";
        "string.gsub"("aaa", "^x", "b") == "'aaa' 0";
        "string.gsub"("abc", "b", 1.5) == "'a1.5c' 1";
        "string.gsub"("hello world", "%w+", upper) == "'HELLO WORLD' 2";
        "string.gsub"("a b", "%w", len) == "'1 1' 2";
        "string.gsub"("a3 b2", "(%a)(%d)", rep) == "'aaa bb' 2";
        "string.gsub"("12", "%d", select) == "'12' 2";
        "string.gsub"("ab", "()%a", none) == "'4950' 2";
        "string.gsub"("say concat huh", "%w+", table) == "! invalid replacement value (a function)";
        "string.gsub"("huh", "%w+", table) == "'huh' 1";
        "string.gsub"("abc", "%w", "%2") == "! invalid capture index %2";
        "string.gsub"("abc", "%w", "%x") == "! invalid use of '%' in replacement string";
        "string.gsub"("abc", "%w", "%") == "! invalid use of '%' in replacement string";
        "string.gsub"("abc", "x", "%") == "'abc' 0";
        "string.gsub"("abc", "(%w", "%1") == "! unfinished capture";
        "string.gsub"("abc", "b") == "! bad argument #3 to 'string.gsub' (string/function/table expected, got no value)";
        "string.gsub"("abc", "b", true, "x") == "! bad argument #4 to 'string.gsub' (number expected, got string)";
    }
    assert!(!vm.handles.iter().any(|v| v.raw_eq(upper)));
}

#[test]
fn long_results_are_accounted_and_given_back() {
    let vm = &mut vm();
    let text = vec![b'x'; 200_000];
    let before = vm.heap.bytes;
    let f = lookup(vm, "string.gsub");
    let got = call(vm, f, &[text.into(), "x".into(), "abc".into()]).expect("no error")[0];
    assert_eq!(vm.bytes(got.as_str()).len(), 600_000);
    // Subject, result and an empty userdata.
    assert!(
        vm.heap.bytes - before < 810_000,
        "{}",
        vm.heap.bytes - before
    );
    assert!(vm.lib.scratch.capacity() <= 1 << 16);
    vm.heap.limit = vm.heap.bytes + 1_000_000;
    let text = vec![b'x'; 200_000];
    assert_eq!(
        call!(vm, "string.gsub", text.clone(), "x", "%0%0%0%0%0%0"),
        "! Memory"
    );
    assert_eq!(
        call!(
            vm,
            "string.format",
            "%s%s%s%s%s%s",
            text.clone(),
            text.clone(),
            text.clone(),
            text.clone(),
            text.clone(),
            text
        ),
        "! Memory"
    );
    assert_eq!(call!(vm, "string.rep", "x", 1i64 << 30), "! Memory");
    assert_eq!(call!(vm, "string.pack", "c2000000000", ""), "! Memory");
}

#[test]
fn formatting() {
    let vm = &mut vm();
    let long = "y".repeat(120);
    expect! { vm;
        "string.format"("plain") == "'plain'";
        "string.format"("%d%%|%5d|%-5d|%05d|%+d", 1, 2, 3, 4, 5) == "'1%|    2|3    |00004|+5'";
        "string.format"("%x %X %#x %o %u", 255, 255, 255, 8, 7) == "'ff FF 0xff 10 7'";
        "string.format"("%5.2f|%g|%e|%a", 2.71, 1e20, 12.5, 1.0) == "' 2.71|1e+20|1.250000e+01|0x1p+0'";
        "string.format"("%s %s %s %s", NIL, true, 1, 2.0) == "'nil true 1 2.0'";
        "string.format"("%10s|%-4s|%.2s", "ab", "cd", "efg") == "'        ab|cd  |ef'";
        "string.format"("%200s", "x") == "! invalid conversion specification: '%200s'";
        "string.format"("%5s", &long[..]) == format!("'{long}'");
        "string.format"("%5s", "a\0b") == "! bad argument #2 to 'string.format' (string contains zeros)";
        "string.format"("%c%c", 72, 0) == "'H\\x00'";
        "string.format"("%p", 1) == "'(null)'";
        "string.format"("%q", "a\n\"\\\0b1\r1") == r#"'\"a\\\n\\\"\\\\\\0b1\\0131\"'"#;
        "string.format"("%q", i64::MIN) == "'0x8000000000000000'";
        "string.format"("%q %q", 1, 0.5) == "'1 0x1p-1'";
        "string.format"("%q", f64::NAN) == "'(0/0)'";
        "string.format"("%5q", "x") == "! specifier '%q' cannot have modifiers";
        "string.format"("%d") == "! bad argument #2 to 'string.format' (no value)";
        "string.format"("%") == "! bad argument #2 to 'string.format' (no value)";
        "string.format"("%", 1) == "! invalid conversion '%' to 'format'";
        "string.format"("%y", 1) == "! invalid conversion '%y' to 'format'";
        "string.format"("%d", 1.5) == "! bad argument #2 to 'string.format' (number has no integer representation)";
        "string.format"("%d", "x") == "! bad argument #2 to 'string.format' (number expected, got string)";
        "string.format"("%0123456789012345678901d", 1) == "! invalid format (too long)";
    }
    assert_eq!(
        call!(vm, "string.format", "%.99f", f64::MAX).len(),
        2 + 309 + 1 + 99
    );
    let f = lookup(vm, "print");
    assert_eq!(
        call!(vm, "string.format", "%q", f),
        "! bad argument #2 to 'string.format' (value has no literal form)"
    );
    let address = format!("{:#x}", f.payload);
    assert_eq!(
        call!(vm, "string.format", "%20p|", f),
        format!("'{address:>20}|'")
    );
}

#[test]
fn packing() {
    let vm = &mut vm();
    expect! { vm;
        "string.pack"("<i4 >i2", 1, 2) == "'\\x01\\x00\\x00\\x00\\x00\\x02'";
        "string.pack"("z s1", "ab", "cd") == "'ab\\x00\\x02cd'";
        "string.pack"("i1", 200) == "! bad argument #2 to 'string.pack' (integer overflow)";
        "string.pack"("i1 i1", 1) == "! bad argument #3 to 'string.pack' (number expected, got nil)";
        "string.pack"("i17", 1) == "! integral size (17) out of limits [1,16]";
        "string.pack"("q", 1) == "! invalid format option 'q'";
        "string.pack"("!4 i4 i8 X", 1, 2) == "! bad argument #1 to 'string.pack' (invalid next option for option 'X')";
        "string.packsize"("<!8 b i8") == "16";
        "string.packsize"("s") == "! bad argument #1 to 'string.packsize' (variable-length format)";
        "string.unpack"("<i2 z", "\u{1}\0ab\0") == "1 'ab' 6";
        "string.unpack"("<d", &1.5f64.to_le_bytes()[..]) == "1.5 9";
        "string.unpack"("b", "abc", -1) == "99 4";
        "string.unpack"("", "abc", 4) == "4";
        "string.unpack"("", "abc", 5) == "! bad argument #3 to 'string.unpack' (initial position out of string)";
        "string.unpack"("i4", "abc") == "! bad argument #2 to 'string.unpack' (data string too short)";
    }
}

#[test]
fn strings_in_arithmetic() {
    let vm = &mut vm();
    let meta = vm.type_meta[usize::from(tag::STR)];
    let add = field(vm, meta, b"__add").expect("memory");
    assert_eq!(run(vm, add, &["10".into(), Arg::from(1)]), "11");
    assert_eq!(run(vm, add, &[" 0x10 ".into(), "1.5".into()]), "17.5");
    assert_eq!(
        run(vm, add, &["a".into(), Arg::from(1)]),
        "! attempt to add a 'string' with a 'number'"
    );
    assert_eq!(
        run(vm, add, &[Arg::from(1), "a".into()]),
        "! attempt to add a 'number' with a 'string'"
    );
    let unm = field(vm, meta, b"__unm").expect("memory");
    assert_eq!(run(vm, unm, &["2".into(), "2".into()]), "-2");
    assert_eq!(run(vm, unm, &["2".into()]), "-2");
    let idiv = field(vm, meta, b"__idiv").expect("memory");
    assert_eq!(
        run(vm, idiv, &["1".into(), Arg::from(0)]),
        "! attempt to divide by zero"
    );
    // The other operand's metamethod decides.
    let t = new_table(vm);
    let concat = lookup(vm, "select");
    set_field(vm, t, b"__add", concat).expect("memory");
    let obj = new_table(vm);
    // SAFETY: both tables are live.
    unsafe { crate::metatable::set_metatable(vm, obj, t) };
    assert_eq!(run(vm, add, &["#".into(), Value::table(obj).into()]), "1");
}

#[test]
fn utf8_functions() {
    let vm = &mut vm();
    expect! { vm;
        "utf8.char"() == "''";
        "utf8.char"(72, 228, 8364, 0x10FFFF) == "'H\\xc3\\xa4\\xe2\\x82\\xac\\xf4\\x8f\\xbf\\xbf'";
        "utf8.char"(-1) == "! bad argument #1 to 'utf8.char' (value out of range)";
        "utf8.codepoint"("h\u{e4}\u{20ac}", 1, -1) == "104 228 8364";
        "utf8.codepoint"("h\u{e4}", 2) == "228";
        "utf8.codepoint"("abc", 2, 1) == "";
        "utf8.codepoint"("abc", 0) == "! bad argument #2 to 'utf8.codepoint' (out of bounds)";
        "utf8.codepoint"("abc", 1, 4) == "! bad argument #3 to 'utf8.codepoint' (out of bounds)";
        "utf8.codepoint"(&b"\xff"[..]) == "! invalid UTF-8 code";
        "utf8.len"("h\u{e4}\u{20ac}") == "3";
        "utf8.len"(&b"ab\xffc"[..]) == "nil 3";
        "utf8.len"("abc", 4) == "0";
        "utf8.len"("abc", 5) == "! bad argument #2 to 'utf8.len' (initial position out of bounds)";
        "utf8.len"("abc", 1, 4) == "! bad argument #3 to 'utf8.len' (final position out of bounds)";
        "utf8.len"("abc", 3, 1) == "0";
        "utf8.len"(&b"\xed\xa0\x80"[..], 1, -1, true) == "1";
        "utf8.len"(&b"\xed\xa0\x80"[..], 1, -1) == "nil 1";
        "utf8.offset"("h\u{e4}x", 3) == "4";
        "utf8.offset"("h\u{e4}x", -1) == "4";
        "utf8.offset"("h\u{e4}x", 0, 3) == "2";
        "utf8.offset"("h\u{e4}x", 9) == "nil";
        "utf8.offset"("h\u{e4}x", 1, 3) == "! initial position is a continuation byte";
        "utf8.offset"("abc", 1, 5) == "! bad argument #3 to 'utf8.offset' (position out of bounds)";
        "utf8.codes"(&b"\x80"[..]) == "! bad argument #1 to 'utf8.codes' (invalid UTF-8 code)";
    }
    let long = "a\u{e4}\u{20ac}\u{10348}".repeat(20_000);
    let mut broken = long.clone().into_bytes();
    broken[150_000..150_100].fill(0x80);
    expect! { vm;
        "utf8.len"(&long[..]) == "80000";
        "utf8.len"(&long[..], 2, -11) == "79995";
        "utf8.offset"(&long[..], 79_997) == "199991";
        "utf8.offset"(&long[..], 80_001) == "200001";
        "utf8.offset"(&long[..], 80_002) == "nil";
        "utf8.offset"(&long[..], -79_999) == "2";
        "utf8.offset"(&long[..], i64::MIN) == "nil";
        "utf8.offset"(&long[..], i64::MAX) == "nil";
    }
    let whole = crate::text::utf8::len(&broken, 1, 200_000, true)
        .expect("in range")
        .expect_err("invalid");
    assert_eq!(call!(vm, "utf8.len", broken), format!("nil {whole}"));
    let f = lookup(vm, "utf8.codes");
    let got = call(vm, f, &["a\u{e4}".into()]).expect("no error");
    assert_eq!(run(vm, got[0], &[got[1].into(), got[2].into()]), "1 97");
    assert_eq!(run(vm, got[0], &[got[1].into(), Arg::from(1)]), "2 228");
    assert_eq!(run(vm, got[0], &[got[1].into(), Arg::from(2)]), "");
    assert_eq!(run(vm, got[0], &[got[1].into(), Arg::from(-1)]), "");
}

#[test]
fn limits_hold_inside() {
    let vm = &mut vm();
    vm.set_deadline(Some(Instant::now() + Duration::from_millis(20)))
        .expect("a thread");
    let start = Instant::now();
    let bomb = "a".repeat(40);
    let pattern = format!("{}b", "a*".repeat(30));
    assert_eq!(
        call!(vm, "string.match", &bomb[..], &pattern[..]),
        format!("! {:?}", Cause::Limit(Limit::Time))
    );
    assert!(start.elapsed() < Duration::from_millis(500));
    vm.set_deadline(None).expect("no thread needed");
    vm.heap.lower(crate::heap::poll::INTERRUPT);
    vm.set_instruction_limit(Some(100_000));
    let stopped = format!("! {:?}", Cause::Limit(Limit::Instructions));
    assert_eq!(call!(vm, "string.rep", "x", 1i64 << 28), stopped);
    vm.set_instruction_limit(Some(10_000));
    assert_eq!(
        call!(vm, "string.gsub", vec![b'x'; 1 << 20], "x", "%0"),
        stopped
    );
    vm.set_instruction_limit(None);
    assert_eq!(call!(vm, "string.rep", "x", 3), "'xxx'");
}
